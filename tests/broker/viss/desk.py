"""A small car, and clients of its VISS server: without a socket (``Desk``) and with one (``Caller``).

Whatever comes to a client of version 3 is held against the published JSON schema, where that is at hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import websockets
from websockets.asyncio.client import ClientConnection

from commonwheel.broker import Broker, BrokerError, Provider, Reason, Rights
from commonwheel.broker.access import Access
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.viss import Version, VissServer
from commonwheel.broker.viss.feeds import Feeds
from commonwheel.broker.viss.service import Service
from commonwheel.broker.viss.session import Session
from commonwheel.catalog import Catalog, load_catalog

PATIENCE_S = 20.0
"""How long a test waits for what has to come."""

SPEED = "Vehicle.Speed"
FONT = "Vehicle.Cabin.Infotainment.HMI.FontSize"
SETPOINT = "Vehicle.Cabin.TemperatureSetpoint"
DOORS = tuple(f"Vehicle.Cabin.Door.Row{row}.{side}.IsOpen" for row in (1, 2) for side in ("Left", "Right"))

_LEAVES: dict[str, dict[str, Any]] = {
    SPEED: {"type": "sensor", "datatype": "float", "unit": "km/h", "description": "How fast it goes."},
    "Vehicle.IsMoving": {"type": "sensor", "datatype": "boolean"},
    "Vehicle.Acceleration.Longitudinal": {"type": "sensor", "datatype": "float", "unit": "m/s^2"},
    "Vehicle.CurrentLocation.Latitude": {"type": "sensor", "datatype": "double", "unit": "degrees"},
    "Vehicle.Odometer": {"type": "sensor", "datatype": "uint64", "unit": "m"},
    "Vehicle.FuelLevel": {"type": "sensor", "datatype": "uint8", "unit": "percent", "min": 0, "max": 100},
    "Vehicle.Mood": {"type": "sensor", "datatype": "string"},
    "Vehicle.Faults": {"type": "sensor", "datatype": "string[]"},
    "Vehicle.CellVoltages": {"type": "sensor", "datatype": "float[]", "unit": "V"},
    "Vehicle.Gear": {"type": "sensor", "datatype": "string", "allowed": ["PARK", "REVERSE", "DRIVE"]},
    "Vehicle.Identity.VIN": {"type": "attribute", "datatype": "string", "default": "JN1FAAZE0U0000001"},
    "Vehicle.VersionVSS.Major": {"type": "attribute", "datatype": "uint32", "default": 6},
    "Vehicle.Cabin.SeatPosCount": {"type": "attribute", "datatype": "uint8[]", "default": [2, 3]},
    FONT: {"type": "actuator", "datatype": "string", "allowed": ["STANDARD", "LARGE", "EXTRA_LARGE"]},
    SETPOINT: {"type": "actuator", "datatype": "int8", "unit": "celsius", "min": -20, "max": 40},
    "Vehicle.Cabin.Volumes": {"type": "actuator", "datatype": "uint8[]"},
    "Vehicle.Cabin.Greeting": {"type": "actuator", "datatype": "string"},
    "Vehicle.Cabin.Ratio": {"type": "actuator", "datatype": "double"},
    **{path: {"type": "actuator", "datatype": "boolean"} for path in DOORS},
}


def small_tree(folder: Path) -> Catalog:
    """Return a catalog of a few signals of every kind."""
    root: dict[str, Any] = {}
    for path, leaf in _LEAVES.items():
        *branches, name = path.split(".")
        children = root
        for branch in branches:
            node = children.setdefault(branch, {"type": "branch", "description": f"{branch}.", "children": {}})
            children = node["children"]
        children[name] = {"description": name, **leaf}
    file = folder / "tree.json"
    file.write_text(json.dumps(root), encoding="utf-8")
    return load_catalog(file)


class Car:
    """A broker that a test gives values to."""

    def __init__(self, catalog: Catalog) -> None:
        self.broker = Broker(catalog, name="test/small")
        self.provider: Provider = self.broker.provider("car")
        self.asked: list[tuple[str, object]] = []

    def number(self, path: str) -> int:
        return self.broker.table.number(path)

    def give(self, values: Mapping[str, object], t_ns: int | None = None) -> None:
        faults = self.provider.publish_values({self.number(path): value for path, value in values.items()}, t_ns)
        assert not faults, faults

    def act(self, *paths: str) -> Provider:
        """Let somebody make actuators act; what is asked of them is noted."""
        provider = self.broker.provider("actor")
        provider.claim(
            (),
            dict.fromkeys(map(self.number, paths)),
            lambda group: self.asked.extend((self.broker.table[each.signal].path, each.target) for each in group),
        )
        return provider


class TokenBook:
    """An authority whose tokens are the names of rights."""

    def __init__(self, **rights: Rights) -> None:
        self.tokens = rights

    def verify(self, token: str) -> Rights:
        if token not in self.tokens:
            raise BrokerError(Reason.UNAUTHENTICATED, "no such token")
        rights = self.tokens[token]
        rights.require_valid()
        return rights


class Schema:
    """The published schema of version 3's messages."""

    validator: Any = None
    checked = 0

    @classmethod
    def load(cls, path: Path) -> None:
        cls.validator = jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def check(cls, message: dict[str, Any]) -> None:
        """Raise unless a message is of the schema.

        For the error of a set or an unsubscribe that is impossible as the schema stands: a success asks for nothing
        but ``ts``, so that every error is a success as well, where it has to be exactly one of the two. Of them it is
        asked that this is all that is wrong.
        """
        if cls.validator is None:
            return
        cls.checked += 1
        if message["action"] in {"set", "unsubscribe"} and "error" in message:
            cls.validator.validate({**message, "action": "get"})
            return
        cls.validator.validate(message)


@dataclass
class Mail:
    """What came to a client, sorted."""

    version: Version
    replies: deque[dict[str, Any]] = field(default_factory=deque)
    events: dict[str, deque[dict[str, Any]]] = field(default_factory=dict)

    def put(self, text: str) -> None:
        message = json.loads(text)
        assert text.isascii()
        if self.version is Version.V3:
            Schema.check(message)
        if message.get("action") == "subscription":
            self.events.setdefault(message["subscriptionId"], deque()).append(message)
        else:
            self.replies.append(message)


class Client:
    """Speaks VISS, whatever carries it."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.mail = Mail(version)
        self._count = 0

    async def send(self, text: str) -> None:
        raise NotImplementedError

    async def receive(self) -> str:
        raise NotImplementedError

    async def ask(self, action: str, path: str | None = None, **members: object) -> dict[str, Any]:
        """Send a request and return its answer."""
        self._count += 1
        request: dict[str, object] = {"action": action, "requestId": str(self._count), **members}
        if path is not None:
            request["path"] = path
        answer = await self.say(json.dumps(request))
        assert answer.get("requestId") == request["requestId"]
        assert answer["action"] == action
        assert answer["ts"].endswith("Z")
        return answer

    async def say(self, text: str) -> dict[str, Any]:
        """Send any text and return its answer."""
        await self.send(text)
        async with asyncio.timeout(PATIENCE_S):
            while not self.mail.replies:
                self.mail.put(await self.receive())
        return self.mail.replies.popleft()

    def filter(self, kind: str, parameter: object) -> dict[str, object]:
        return {self.version.filter_key: kind, "parameter": parameter}

    async def subscribe(self, path: str, *filters: tuple[str, object], **members: object) -> str:
        """Subscribe and return the subscription's id."""
        written = [self.filter(*each) for each in filters]
        if written:
            members["filter"] = written[0] if len(written) == 1 else written
        answer = await self.ask("subscribe", path, **members)
        assert "error" not in answer, answer
        return answer["subscriptionId"]

    async def event(self, subscription: str) -> dict[str, Any]:
        """Return the next event of a subscription."""
        waiting = self.mail.events.setdefault(subscription, deque())
        async with asyncio.timeout(PATIENCE_S):
            while not waiting:
                self.mail.put(await self.receive())
        return waiting.popleft()

    async def value(self, subscription: str) -> Any:  # noqa: ANN401 - what JSON has
        """Return the value of the next event of a subscription to one signal."""
        return (await self.event(subscription))["data"]["dp"]["value"]

    async def fault(self, action: str, path: str | None = None, **members: object) -> tuple[int, str]:
        """Return number and reason of the error that a request has to end in."""
        return reason_of(await self.ask(action, path, **members), self.version)


def reason_of(answer: Mapping[str, Any], version: Version) -> tuple[int, str]:
    """Return number and reason of an error, which is written as its version has it."""
    error = answer["error"]
    assert "data" not in answer
    if version is Version.V2:
        assert set(error) == {"number", "reason", "message"}
        assert isinstance(error["number"], int)
    else:
        assert set(error) == {"number", "reason", "description"}
        assert isinstance(error["number"], str)
    return int(error["number"]), error["reason"]


class Desk(Client):
    """A client without a socket: in the server's own event loop."""

    def __init__(self, car: Car, version: Version, access: Access | None = None, shown: str | None = None) -> None:
        super().__init__(version)
        service = Service(car.broker, access or Access())
        self.feeds = Feeds(service)
        self.session = Session(service, self.feeds, version, "127.0.0.1", shown)

    async def send(self, text: str) -> None:
        self.session.handle(text)

    async def receive(self) -> str:
        return await self.session.outbox.take()


class Caller(Client):
    """A client on a WebSocket."""

    def __init__(self, connection: ClientConnection, version: Version) -> None:
        super().__init__(version)
        self.connection = connection

    async def send(self, text: str) -> None:
        await self.connection.send(text)

    async def receive(self) -> str:
        return str(await self.connection.recv())


@contextlib.asynccontextmanager
async def serving(car: Car, access: Access | None = None, **options: Any) -> AsyncIterator[tuple[VissServer, str]]:  # noqa: ANN401
    """Run a server on a free port; yields it and its address."""
    server = VissServer(car.broker, Endpoint(), access or Access(), **options)
    endpoint = await server.start()
    try:
        yield server, str(endpoint)
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def calling(address: str, version: Version, **options: Any) -> AsyncIterator[Caller]:  # noqa: ANN401
    """Connect to a server."""
    protocol: Any = version.value
    async with websockets.connect(f"ws://{address}", subprotocols=[protocol], **options) as connection:
        assert connection.subprotocol == version.value
        yield Caller(connection, version)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.005)


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a test's story to its end; nothing of it may be left behind."""

    async def whole() -> None:
        async with asyncio.timeout(4 * PATIENCE_S):
            await story
        await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left

    asyncio.run(whole())
