"""A car's broker behind a gRPC server on a free port, for every test of the gRPC interfaces."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
import pytest

from commonwheel.broker import Broker
from commonwheel.broker.access import Access
from commonwheel.broker.rpc.server import RpcServer
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import Catalog, load_catalog

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

    def number(self, path: str) -> int:
        """Return a signal's number."""
        return self.broker.table.number(path)

    def set(self, **values: object) -> None:
        """Give signals values by the dotted path with underscores for dots after ``Vehicle``."""
        self.publish({f"Vehicle.{name.replace('_', '.')}": value for name, value in values.items()})

    def publish(self, values: dict[str, object]) -> None:
        """Give signals values by path."""
        faults = self.broker.publish_values({self.number(path): value for path, value in values.items()})
        assert not faults, faults

    def run(self, coroutine: Awaitable[T]) -> T:
        """Run a coroutine in the server's loop, and return its result."""

        async def wait() -> T:
            return await coroutine

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result(PATIENCE_S)


Serve = Callable[..., Car]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The shipped catalog."""
    return load_catalog()


@pytest.fixture(scope="session")
def rpc_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own, where the servers run."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="rpc-servers", daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_S)
    loop.close()


@pytest.fixture
def serve(catalog: Catalog, rpc_loop: asyncio.AbstractEventLoop) -> Iterator[Serve]:
    """Serve brokers; ``serve(access=…, catalog=…, endpoint=…, broker=…)`` returns a ``Car``, stopped after the test."""
    cars: list[Car] = []

    def start(
        access: Access | None = None,
        *,
        catalog: Catalog = catalog,
        endpoint: Endpoint | None = None,
        broker: Broker | None = None,
    ) -> Car:
        broker = broker or Broker(catalog, name="test")
        server = RpcServer(broker, endpoint or Endpoint(), access or Access())
        where = asyncio.run_coroutine_threadsafe(server.start(), rpc_loop).result(PATIENCE_S)
        car = Car(broker, where, server, rpc_loop)
        cars.append(car)
        return car

    yield start
    for car in cars:
        for channel in car.channels:
            channel.close()
        asyncio.run_coroutine_threadsafe(car.server.stop(0.0), rpc_loop).result(PATIENCE_S)


@pytest.fixture
def car(serve: Serve) -> Car:
    """A broker with the shipped catalog, open to everyone, and no values yet."""
    return serve()
