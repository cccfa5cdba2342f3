"""The gRPC interfaces: their messages, and handlers made from an object with a method for each call.

Messages come from ``protos/interfaces.binpb``, which ``tools/protos.py`` makes from the ``.proto`` files beside it.
They live in a pool of their own, so that a program may import KUKSA's client (whose messages have the same names)
in the same process.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import ServiceDescriptor

__all__ = ["SHIPPED", "Method", "Proto", "enum_values", "message", "methods", "parse", "pool", "services", "shipped"]

Proto: TypeAlias = Any
"""A message or its class; which fields it has, only the .proto files know."""

SHIPPED = "protos/interfaces.binpb"
"""A serialized FileDescriptorSet, in this package."""


@dataclass(frozen=True, slots=True)
class Method:
    """One call of a service."""

    service: str
    """Full name: ``kuksa.val.v2.VAL``."""
    name: str
    """As on the wire: ``GetValue``."""
    request: Proto
    """Class of its request."""
    response: Proto
    """Class of its response."""
    streams_in: bool
    streams_out: bool

    @property
    def attribute(self) -> str:
        """Name of the method that implements it: ``get_value``."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower()


def shipped() -> descriptor_pb2.FileDescriptorSet:
    """Return the descriptors that come with the package."""
    return descriptor_pb2.FileDescriptorSet.FromString((files("commonwheel.broker.rpc") / SHIPPED).read_bytes())


@functools.cache
def pool() -> descriptor_pool.DescriptorPool:
    """Return the pool of the interfaces' own descriptors."""
    own = descriptor_pool.DescriptorPool()
    for file in shipped().file:
        own.Add(file)
    return own


@functools.cache
def message(name: str) -> Proto:
    """Return the class of a message by its full name: ``kuksa.val.v2.GetValueRequest``.

    Raises:
        KeyError: there is none.
    """
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(name))


@functools.cache
def enum_values(name: str) -> Mapping[str, int]:
    """Return the values of an enumeration by its full name.

    Raises:
        KeyError: there is none.
    """
    return {value.name: value.number for value in pool().FindEnumTypeByName(name).values}


@functools.cache
def services() -> tuple[str, ...]:
    """Return the full names of the services that the package knows."""
    return tuple(f"{file.package}.{service.name}" for file in shipped().file for service in file.service)


@functools.cache
def methods(service: str) -> tuple[Method, ...]:
    """Return the calls of a service by its full name: ``kuksa.val.v2.VAL``.

    Raises:
        KeyError: there is none.
    """
    found: ServiceDescriptor = pool().FindServiceByName(service)
    return tuple(
        Method(
            service,
            method.name,
            message(method.input_type.full_name),
            message(method.output_type.full_name),
            method.client_streaming,
            method.server_streaming,
        )
        for method in found.methods
    )


def parse(kind: Proto, data: bytes) -> Proto:
    """Return a message from its bytes.

    Raises:
        BrokerError: INVALID, they are none.
    """
    try:
        return kind.FromString(data)
    except DecodeError:
        name = kind.DESCRIPTOR.full_name
        raise BrokerError(Reason.INVALID, f"the {len(data)} bytes received are no {name}") from None
