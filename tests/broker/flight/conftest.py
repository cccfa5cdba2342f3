"""A broker behind an Arrow Flight server on a free port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from pyarrow import flight

from commonwheel.broker import Broker
from commonwheel.broker.access import Access
from commonwheel.broker.flight.server import FlightServer
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import load_catalog

_flight: Any = flight

Serve = Callable[..., "Served"]


@dataclass
class Served:
    """A broker that is served, and its clients."""

    broker: Broker
    server: FlightServer
    endpoint: Endpoint
    secure: bool
    clients: list[flight.FlightClient] = field(default_factory=list[flight.FlightClient])

    def number(self, path: str) -> int:
        return self.broker.table.number(path)

    def connect(self, **options: bytes) -> Any:  # noqa: ANN401 - Arrow's stubs know half of what it takes and gives
        scheme = "grpc+tls" if self.secure else "grpc"
        client = _flight.FlightClient(f"{scheme}://localhost:{self.endpoint.port}", **options)
        self.clients.append(client)
        return client

    def stop(self, grace_s: float = 5.0) -> None:
        asyncio.run(self.server.stop(grace_s))


def ticket(**want: object) -> flight.Ticket:
    return flight.Ticket(msgspec.json.encode(want))


def bearer(token: str) -> flight.FlightCallOptions:
    return _flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])


@pytest.fixture
def serve() -> Iterator[Serve]:
    cars: list[Served] = []

    def start(access: Access | None = None) -> Served:
        access = access or Access()
        broker = Broker(load_catalog(), name="test")
        server = FlightServer(broker, Endpoint(), access)
        cars.append(Served(broker, server, asyncio.run(server.start()), access.tls is not None))
        return cars[-1]

    yield start
    for car in cars:
        for client in car.clients:
            client.close()
        car.stop()
