"""Cars without buses, apps without processes, and a dashboard that serves them from a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from websockets.sync.client import ClientConnection, connect

from commonwheel.apps.manifest import Event, Manifest, Output
from commonwheel.apps.status import AppEvent, AppState, Fitness, Hosted, LogLine, Shown, Status
from commonwheel.broker import Broker, BrokerError, Reason
from commonwheel.broker.access import Access
from commonwheel.broker.rights import Rights
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import load_catalog
from commonwheel.gateway.config import CarSettings, Settings
from commonwheel.gateway.live import LiveCar
from commonwheel.gateway.pipeline import Pipeline
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.web.protocol import PROTOCOL
from commonwheel.web.registry import Registry
from commonwheel.web.scene import Scene
from commonwheel.web.server import WebServer
from commonwheel.wire.frames import Clock, Frames

SPEED = "Vehicle.Speed"
ANGLE = "Vehicle.Chassis.SteeringWheel.Angle"
PEDAL = "Vehicle.Chassis.Accelerator.PedalPosition"
NAMES = {"honda": "honda/civic_gen10_bosch", "mitsubishi": "mitsubishi/imiev", "nissan": "nissan/leaf_aze0"}
PATIENCE_S = 20.0


def until(holds: Callable[[], object], what: str = "") -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"it never came: {what}"
        time.sleep(0.005)


class _SameTime:
    def to_utc(self, t_ns: np.ndarray) -> np.ndarray:
        return t_ns


class WiredCar:
    """A gateway to which a test gives frames, and which decodes them as the real one does."""

    def __init__(self, car: str, broker: Broker) -> None:
        self.vehicle = load_vehicle(car)
        self._pipeline = Pipeline(self.vehicle, broker, _SameTime(), buses=None, clock=Clock.UTC, with_personal=False)
        self._encoder = VehicleEncoder(self.vehicle)
        self.ready = threading.Event()
        self.ready.set()
        self.listeners = 0
        self._pipeline.open()

    def hold(self) -> None: ...

    def start(self) -> None: ...

    def play(self) -> None: ...

    def let_go(self) -> str:
        return ""

    def settle(self) -> None: ...

    def stop(self) -> None:
        self._pipeline.close()

    def facts(self) -> Mapping[str, object]:
        return self._pipeline.facts() | {"buses": {"main": {"state": "up"}}}

    def listen(self, tap: Callable[[Frames], None]) -> Callable[[], None]:
        self.listeners += 1
        stop = self._pipeline.listen(tap)

        def deaf() -> None:
            self.listeners -= 1
            stop()

        return deaf

    def take(self, frames: Frames) -> None:
        """Bring frames in, as a bus does."""
        self._pipeline.take(frames)

    def drive(self, values: Mapping[str, float], ms: int = 100) -> None:
        """Send the frames of so many milliseconds that carry these values, as of now."""
        known = {path: value for path, value in values.items() if path in self.vehicle.writers}
        tracks = {path: Track(np.zeros(1, np.int64), np.array([value])) for path, value in known.items()}
        frames = self._encoder.encode(tracks, 0, ms * 1_000_000)
        utc = frames.t_ns + (time.time_ns() - ms * 1_000_000)
        self.take(Frames(utc, frames.bus, frames.id, frames.size, frames.data, Clock.UTC))

    def expire(self) -> None:
        """Let a long time pass without frames."""
        self._pipeline.expire(time.time_ns() + 3600 * 10**9)


@dataclass
class FakeApp:
    """An app of which a test says how it is."""

    car: str
    manifest: Manifest
    fitness: Fitness = Fitness.FULL
    missing: Sequence[str] = ()
    status: Status = field(default_factory=Status)
    asked: list[str] = field(default_factory=list[str])

    def start(self) -> None:
        self.asked.append("start")
        self.status.state = AppState.RUNNING

    def stop(self) -> None:
        self.asked.append("stop")
        self.status.state = AppState.STOPPED

    def show(self, **values: float | str | bool) -> None:
        for name, value in values.items():
            self.status.outputs[name] = Shown(value, self.manifest.outputs[name].unit, time.time_ns())

    def report(self, name: str, **data: object) -> None:
        severity = self.manifest.events[name].severity
        self.status.events.append(AppEvent(time.time_ns(), name, severity, data))

    def log(self, text: str, level: str = "info") -> None:
        self.status.logs.append(LogLine(time.time_ns(), level, text))


@dataclass
class FakeHosting:
    """Apps that run nowhere."""

    apps: list[FakeApp] = field(default_factory=list[FakeApp])

    def listen(self, told: Callable[[Hosted], None]) -> Callable[[], None]:
        del told
        return lambda: None


def manifest(name: str = "trip", **more: Any) -> Manifest:  # noqa: ANN401 - any member
    """Return an app's declaration."""
    return Manifest(
        name=name,
        version="1.0",
        about="Distance of each trip.",
        **{
            "requires": {SPEED: 10.0},
            "may_use": {PEDAL: 5.0},
            "outputs": {"distance": Output("km", "Driven."), "stops": Output("", "Stops.", "integer")},
            "events": {"ended": Event("Over."), "crashed": Event("Bad.", "alarm")},
            **more,
        },
    )


@dataclass
class Tokens:
    """An authority that knows its tokens by heart."""

    known: dict[str, Rights] = field(default_factory=dict[str, Rights])

    def add(self, token: str, scopes: str, expires_ns: int | None = None) -> None:
        self.known[token] = Rights.of(token, parse_scopes(scopes), expires_ns)

    def verify(self, token: str) -> Rights:
        rights = self.known.get(token)
        if rights is None:
            message = "a token is needed" if not token else "the token is not valid"
            raise BrokerError(Reason.UNAUTHENTICATED, message)
        rights.require_valid()
        return rights


def live_car(name: str, car: str | None = None) -> LiveCar:
    """Return a car of a service that has started; None: a broker without a car."""
    broker = Broker(load_catalog(), name=name)
    gateway = None if car is None else WiredCar(car, broker)
    return LiveCar(name, broker, gateway, ())


def wired(car: LiveCar) -> WiredCar:
    """Return the gateway that a test gives frames to."""
    assert isinstance(car.gateway, WiredCar)
    return car.gateway


def scene_of(cars: Mapping[str, str], apps: Sequence[FakeApp] | None = None) -> Scene:
    """Return cars, by their names, and apps."""
    settings = Settings(cars={name: CarSettings(car=car) for name, car in cars.items()})
    hosting = None if apps is None else FakeHosting(list(apps))
    return Scene(settings, tuple(live_car(name, car) for name, car in cars.items()), hosting)


class Running:
    """A dashboard that serves, in a thread with an event loop of its own."""

    def __init__(
        self, scene: Scene, access: Access | None = None, port: int = 0, offered: Registry | None = None
    ) -> None:
        self.scene = scene
        self._access = access or Access()
        self._offered = offered
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="dashboard under test")
        self._thread.start()
        self.server = WebServer(scene, Endpoint("127.0.0.1", port), self._access, offered)
        self.endpoint: Endpoint = self._run(self.server.start())

    def _run(self, work: Any) -> Any:  # noqa: ANN401 - whatever the coroutine returns
        done: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(PATIENCE_S)

    @property
    def url(self) -> str:
        return f"http://{self.endpoint}"

    @contextlib.contextmanager
    def page(self, token: str = "", **more: Any) -> Iterator[Page]:  # noqa: ANN401 - of connect
        """Connect as a page does, and say hello."""
        with connect(f"ws://{self.endpoint}/live", origin=self.url, **more) as socket:  # type: ignore[arg-type]
            page = Page(socket)
            page.say(type="hello", protocol=PROTOCOL, token=token)
            yield page

    def restart(self) -> None:
        """Stop, and serve again at the same address."""
        self.down()
        self.up()

    def up(self) -> None:
        """Serve again."""
        self.server = WebServer(self.scene, self.endpoint, self._access, self._offered)
        self._run(self.server.start())

    def down(self) -> None:
        """Stop serving."""
        self._run(self.server.stop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self.server.stop())
        self._run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


class Page:
    """What a browser's page says and hears, without the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, **message: object) -> None:
        self.socket.send(json.dumps(message))

    def hear(self, kind: str = "") -> dict[str, Any]:
        """Return the next message of a kind; others are passed over, and updates are drawn."""
        while True:
            message = json.loads(self.socket.recv(PATIENCE_S))
            if message["type"] == kind or not kind:
                return message
            if message["type"] == "update":
                self.say(type="drawn", n=message["n"])

    def open(self, view: str, number: int = 1, **params: object) -> dict[str, Any]:
        """Look at a view; returns what it begins with."""
        self.say(type="open", id=number, view=view, params=params)
        answer = self.hear("opened")
        assert answer["id"] == number
        return answer["value"]

    def update(self) -> dict[int, Any]:
        """Return the next update by view, and draw it."""
        message = self.hear("update")
        self.say(type="drawn", n=message["n"])
        return dict(message["views"])

    def ask(self, call: str, **params: object) -> dict[str, Any]:
        """Have something done; returns the answer."""
        self.say(type="ask", id=7, call=call, params=params)
        while True:
            message = self.hear()
            if message["type"] in {"answer", "denied"}:
                return message
            if message["type"] == "update":
                self.say(type="drawn", n=message["n"])
