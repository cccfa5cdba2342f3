"""The gRPC server: every interface of this package on one address, with server reflection and the health service."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.listening import require_free
from commonwheel.broker.rpc.calls import Gate, handlers
from commonwheel.broker.rpc.interface import Proto, shipped
from commonwheel.broker.serving import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.broker.access import Access, Limits
    from commonwheel.broker.broker import Broker

__all__ = ["SERVICES", "RpcServer"]

SERVICES: Final[Mapping[str, tuple[str, str]]] = {
    "kuksa.val.v1.VAL": ("v1", "Val"),
    "kuksa.val.v2.VAL": ("v2", "Val"),
    "commonwheel.v1.Car": ("companion", "Companion"),
}
"""Full name of each service; the module of this package and the class that serve it, made with (broker, access)."""

_health_lib: Proto = health
_health_grpc: Proto = health_pb2_grpc
"""Both come without types."""

_SERVING = health_pb2.HealthCheckResponse.SERVING


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # a second server on the same port is a mistake, not a share of its load
        ("grpc.keepalive_time_ms", 30_000),  # a client whose machine is gone is noticed, and its claims end
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),  # what clients may ask of us
    ]


@functools.cache
def _told() -> DescriptorPool:
    """Return the descriptors that reflection tells: the interfaces', its own and health's."""
    told = DescriptorPool()
    for file in shipped().file:
        told.Add(file)
    for module in (health_pb2, reflection_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        told.Add(file)
    return told


class RpcServer:
    """Serves a broker over gRPC; see ``serving.Server``.

    An endpoint whose host is ``unix:`` and a path is a Unix socket.
    """

    name = "grpc"

    def __init__(self, broker: Broker, endpoint: Endpoint, access: Access) -> None:
        self._broker = broker
        self._endpoint = endpoint
        self._access = access
        self._gate = Gate(access)
        self._health: Proto = _health_lib.aio.HealthServicer()
        self._server: aio.Server | None = None

    async def start(self) -> Endpoint:
        """Begin to serve; returns where.

        Raises:
            BrokerError: INVALID when the address cannot be had, or a certificate not be read.
        """
        require_free(self._endpoint)
        server = aio.server(options=_options(self._access.limits))
        served = self._serve(server)
        self._serve_facts(server, served)
        port = self._bind(server)
        await server.start()
        self._server = server
        for service in ("", *served):
            await self._health.set(service, _SERVING)
        return Endpoint(self._endpoint.host, port)

    def _serve(self, server: aio.Server) -> list[str]:
        """Add every interface; returns their names."""
        for service, (module, kind) in SERVICES.items():
            make = getattr(importlib.import_module(f"{__package__}.{module}"), kind)
            server.add_generic_rpc_handlers((handlers(service, make(self._broker, self._access), self._gate),))
        return list(SERVICES)

    def _serve_facts(self, server: aio.Server, served: list[str]) -> None:
        """Add what tells about the server: reflection and health, which need no rights."""
        _health_grpc.add_HealthServicer_to_server(self._health, server)
        names = (*served, reflection.SERVICE_NAME, health.SERVICE_NAME)
        reflection.enable_server_reflection(names, server, pool=_told())

    def _bind(self, server: aio.Server) -> int:
        at = str(self._endpoint)
        try:
            if self._access.tls is None:
                port = server.add_insecure_port(at)
            else:
                port = server.add_secure_port(at, self._access.tls.grpc_credentials())
        except RuntimeError as error:
            raise BrokerError(Reason.INVALID, f"gRPC cannot listen on {at}") from error
        return 0 if self._endpoint.is_unix else port

    async def stop(self, grace_s: float = 1.0) -> None:
        """Stop serving: open streams get *grace_s* to end."""
        server, self._server = self._server, None
        if server is not None:
            await self._health.enter_graceful_shutdown()
            await server.stop(grace_s)

    def facts(self) -> Mapping[str, float]:
        """Return counts for the metrics: ``clients``, ``streams``, ``requests``, ``refused``."""
        gate = self._gate
        clients = self._access.clients.facts()["clients"]
        return {"clients": clients, "streams": gate.streams, "requests": gate.requests, "refused": gate.refused}
