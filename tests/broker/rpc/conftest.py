"""A car's broker behind a gRPC server on a free port, for every test of the gRPC interfaces."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from commonwheel.broker import Broker
from commonwheel.broker.access import Access
from commonwheel.broker.rpc.server import RpcServer
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import Catalog, load_catalog
from tests.broker.rpc.served import PATIENCE_S, Car, Serve, Tokens


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
    """Serve brokers; ``serve(access, catalog=…, endpoint=…, broker=…)`` returns a ``Car``, stopped after the test."""
    cars: list[Car] = []

    def start(
        access: Access | None = None,
        *,
        catalog: Catalog = catalog,
        endpoint: Endpoint | None = None,
        broker: Broker | None = None,
    ) -> Car:
        if broker is None:
            broker = Broker(catalog, name="test")
            broker.assume_defaults()
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
    """A broker with the shipped catalog, open to everyone, and no values but the catalog's own."""
    return serve()


@pytest.fixture(scope="session")
def tokens() -> Tokens:
    """A signer of tokens, and the authority that believes them: ``serve(Access(tokens.authority))``."""
    return Tokens()
