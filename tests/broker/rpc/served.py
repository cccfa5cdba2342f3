"""A car's broker behind a gRPC server, and the plain clients with which tests talk to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
import pytest

from commonwheel.broker import Broker
from commonwheel.broker.authority import JwtAuthority
from commonwheel.broker.keys import PrivateKey, PublicKey, make_key
from commonwheel.broker.rpc.interface import Proto, message, methods
from commonwheel.broker.rpc.server import RpcServer
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.tokens import make_token

T = TypeVar("T")

PATIENCE_S = 20.0
"""How long a test waits for what has to happen; only a failing test waits that long."""


def wait_for(condition: Callable[[], T], what: str = "the condition") -> T:
    """Return the first true answer of *condition*."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.002)
    pytest.fail(f"{what} did not come true within {PATIENCE_S:g} s")


@dataclass
class Car:
    """A broker that is served."""

    broker: Broker
    endpoint: Endpoint
    server: RpcServer
    loop: asyncio.AbstractEventLoop
    channels: list[grpc.Channel] = field(default_factory=list[grpc.Channel])

    @property
    def host(self) -> str:
        return self.endpoint.host

    @property
    def port(self) -> int:
        return self.endpoint.port

    @property
    def target(self) -> str:
        """The address as gRPC takes it."""
        return str(self.endpoint) if self.endpoint.port else self.endpoint.host

    def channel(self, **options: int) -> grpc.Channel:
        """Return a new channel without TLS, closed at the end of the test."""
        settings = [(f"grpc.{name}", value) for name, value in options.items()]
        # Each channel a connection of its own: a test's channels are different programs.
        channel = grpc.insecure_channel(self.target, [("grpc.use_local_subchannel_pool", 1), *settings])
        self.channels.append(channel)
        return channel

    def stub(self, service: str, token: str | None = None, channel: grpc.Channel | None = None) -> Stub:
        """Return the calls of a service, on a new channel unless one is given."""
        return Stub(channel or self.channel(), service, token)

    def number(self, path: str) -> int:
        """Return a signal's number."""
        return self.broker.table.number(path)

    def publish(self, values: dict[str, object]) -> None:
        """Give signals values by path, checked."""
        faults = self.broker.publish_values({self.number(path): value for path, value in values.items()})
        assert not faults, faults

    def run(self, coroutine: Awaitable[T]) -> T:
        """Run a coroutine in the server's loop, and return its result."""

        async def wait() -> T:
            return await coroutine

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result(PATIENCE_S)


Serve = Callable[..., Car]


class Stub:
    """The calls of a service by their names on the wire: ``stub.Get(request)``."""

    def __init__(self, channel: grpc.Channel, service: str, token: str | None = None) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {token}"),) if token is not None else ()
        self._package = service.rpartition(".")[0]
        self._methods = {method.name: method for method in methods(service)}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return a call; a request that streams is an iterable."""
        if name not in self._methods:
            raise AttributeError(name)
        method = self._methods[name]
        make = {
            (False, False): self._channel.unary_unary,
            (False, True): self._channel.unary_stream,
            (True, False): self._channel.stream_unary,
            (True, True): self._channel.stream_stream,
        }[method.streams_in, method.streams_out]
        call = make(
            f"/{method.service}/{name}",
            request_serializer=_to_bytes,
            response_deserializer=method.response.FromString,
        )
        return lambda request: call(request, timeout=PATIENCE_S, metadata=self._metadata)

    def new(self, name: str, **fields: Proto) -> Proto:
        """Return a new message of the service's package."""
        return message(f"{self._package}.{name}")(**fields)


def _to_bytes(request: Proto) -> bytes:
    """Return a request's bytes; bytes are sent as they are, so that a test may send what is none."""
    return request if isinstance(request, bytes) else request.SerializeToString()


def status(error: pytest.ExceptionInfo[grpc.RpcError]) -> grpc.StatusCode:
    """Return the status that a call ended with."""
    assert isinstance(error.value, grpc.Call)
    return error.value.code()


def details(error: pytest.ExceptionInfo[grpc.RpcError]) -> str:
    """Return what a call that failed said."""
    assert isinstance(error.value, grpc.Call)
    return error.value.details() or ""


@dataclass(frozen=True)
class Tokens:
    """Signs tokens, and is the authority that believes them."""

    key: PrivateKey = field(default_factory=lambda: make_key("test"))

    @property
    def authority(self) -> JwtAuthority:
        key = self.key.key.public_key()
        return JwtAuthority([PublicKey("test", self.key.algorithms, key)])

    def sign(self, scope: str, subject: str = "app", *, ends_in_s: int = 3600) -> str:
        """Return a token; one that ends in the past has ended."""
        issued = int(time.time()) - 100_000
        return make_token(
            self.key, subject, parse_scopes(scope), issued_s=issued, valid_s=int(time.time()) + ends_in_s - issued
        )
