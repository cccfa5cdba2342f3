"""A broker on a small standard, a server of it that can go away and come back, and a car by any of the four ways."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self, TypeAlias, TypeVar

import pytest

import commonwheel as cw
from commonwheel.broker import Broker, BrokerError, Reason
from commonwheel.broker.access import Access
from commonwheel.broker.rights import Rights
from commonwheel.broker.rpc.server import RpcServer
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import Catalog, Kind, Leaf
from commonwheel.client.beginning import Beginning
from commonwheel.client.loop import LoopThread

T = TypeVar("T")
Thing: TypeAlias = Any
"""A car, a reader or a reading, of whichever face."""

PATIENCE_S = 20.0
"""How long a test waits for what has to happen; only a failing test waits that long."""
SPEED, GEAR, MODE, NAME = "Vehicle.Speed", "Vehicle.Gear", "Vehicle.Mode", "Vehicle.Name"
CELLS, TICKS, WIDTH, OPEN = "Vehicle.Cells", "Vehicle.Ticks", "Vehicle.Width", "Vehicle.IsOpen"
LIGHT, SEAT = "Vehicle.Cabin.Light", "Vehicle.Cabin.Seat"


def small_catalog(*more: Leaf) -> Catalog:
    """A standard with a signal of every kind."""
    leaves = [
        Leaf(SPEED, Kind.SENSOR, "float", "km/h", description="How fast it goes."),
        Leaf(GEAR, Kind.SENSOR, "int8", minimum=-1, maximum=8),
        Leaf(MODE, Kind.SENSOR, "string", allowed=("OFF", "ON", "AUTO")),
        Leaf(NAME, Kind.SENSOR, "string"),
        Leaf(CELLS, Kind.SENSOR, "uint16[]"),
        Leaf(TICKS, Kind.SENSOR, "uint64"),
        Leaf(OPEN, Kind.SENSOR, "boolean"),
        Leaf(LIGHT, Kind.ACTUATOR, "boolean"),
        Leaf(SEAT, Kind.ACTUATOR, "uint8", "percent", minimum=0, maximum=100),
        Leaf(WIDTH, Kind.ATTRIBUTE, "uint16", "mm", default=1770),
        *more,
    ]
    return Catalog({leaf.path: leaf for leaf in leaves}, {}, "a small standard")


def wait_for(condition: Callable[[], T], what: str = "the condition") -> T:
    """Return the first true answer of *condition*."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.002)
    pytest.fail(f"{what} did not come true within {PATIENCE_S:g} s")


class Words:
    """An authority whose tokens are scopes in words: ``app read:Vehicle.Speed``, with ``expires_ns`` for all."""

    def __init__(self) -> None:
        self.expires_ns: dict[str, int] = {}
        self.asked: list[str] = []

    def verify(self, token: str) -> Rights:
        self.asked.append(token)
        name, _, scopes = token.replace("+", " ").partition(" ")
        if not name:
            raise BrokerError(Reason.UNAUTHENTICATED, "no token was given")
        rights = Rights.of(name, parse_scopes(scopes), self.expires_ns.get(token))
        rights.require_valid()
        return rights


class Served:
    """A broker behind a server that may go away and come back on the same port."""

    def __init__(self, broker: Broker, access: Access | None = None, at: str | None = None) -> None:
        self.broker = broker
        self.access = access or Access()
        self.endpoint = Endpoint(at) if at else Endpoint()
        self._thread: threading.Thread | None = None
        self.start()

    @property
    def target(self) -> str:
        return str(self.endpoint) if self.endpoint.port else self.endpoint.host

    def start(self) -> None:
        """Serve, at the same place as before."""
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="server under test")
        self._thread.start()
        assert started.wait(PATIENCE_S)

    async def _serve(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        server = RpcServer(self.broker, self.endpoint, self.access)
        self.endpoint = await server.start()
        started.set()
        await self._stop.wait()
        await server.stop(0.0)

    def stop(self) -> None:
        """Serve no more."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive()
            self._thread = None


class Driven:
    """An asynchronous thing, driven by calls that wait, so that one test is right for both faces."""

    def __init__(self, thing: Thing, runner: LoopThread) -> None:
        self._thing = thing
        self._runner = runner

    def __getattr__(self, name: str) -> Thing:
        found = getattr(self._thing, name)
        return self._driven(found) if callable(found) else found

    def _driven(self, call: Callable[..., Thing]) -> Callable[..., Thing]:
        def run(*arguments: Thing, **options: Thing) -> Thing:
            return self._wrapped(self._runner.run(_called(call, arguments, options)))

        return run

    def _wrapped(self, answer: Thing) -> Thing:
        kinds = ("AsyncCar", "AsyncReader", "AsyncListener", "AsyncProviding")
        return Driven(answer, self._runner) if type(answer).__name__ in kinds else answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Thing]:
        while True:
            try:
                yield self._runner.run(self._thing.__anext__())
            except StopAsyncIteration:
                return


async def _called(call: Callable[..., Thing], arguments: tuple[Thing, ...], options: dict[str, Thing]) -> Thing:
    answer = call(*arguments, **options)
    if inspect.isawaitable(answer) or isinstance(answer, Beginning):
        answer = await answer
    if type(answer).__name__ == "AsyncReader":
        await answer.open()
    return answer


class Way:
    """One of the four ways to a broker: here or remote, with threads or an event loop."""

    def __init__(self, broker: Broker, *, is_remote: bool, is_async: bool) -> None:
        self.broker = broker
        self.is_remote = is_remote
        self.is_async = is_async
        self.authority = Words()
        self._served: Served | None = None
        self._open: list[Callable[[], None]] = []

    @property
    def served(self) -> Served:
        if self._served is None:
            self._served = Served(self.broker, Access(self.authority))
        return self._served

    def connect(self, scopes: str = "actuate provide") -> Thing:
        """Return a car, for a client with these scopes."""
        options: dict[str, Thing]
        if self.is_remote:
            target, options = self.served.target, {"token": f"app {scopes}".replace(" ", "+")}
        else:
            target, options = self.broker, {"rights": Rights.of("app", parse_scopes(scopes))}
        if not self.is_async:
            car = cw.connect(target, **options)
            self._open.append(car.close)
            return car
        runner = LoopThread("test loop")
        self._open.append(runner.stop)
        driven = Driven(runner.run(_awaited(lambda: cw.connect_async(target, **options))), runner)
        self._open.append(driven.close)
        return driven

    def put(self, **values: object) -> None:
        """Give values to the broker, by ``Vehicle.``-less names."""
        faults = self.broker.publish_values(
            {self.broker.table.number(f"Vehicle.{name}"): value for name, value in values.items()}
        )
        assert not faults

    def close(self) -> None:
        for close in reversed(self._open):
            close()
        if self._served is not None:
            self._served.stop()


async def _awaited(make: Callable[[], Thing]) -> Thing:
    return await make()


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine, which may take no more than the patience."""

    async def whole() -> T:
        return await asyncio.wait_for(story, 3 * PATIENCE_S)

    return asyncio.run(whole())
