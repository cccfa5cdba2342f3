"""A small standard, a broker on it, a gRPC server, and an asynchronous line to it: ``talk(story)`` runs a test's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import pytest
from grpc import aio

from commonwheel.broker import Broker
from commonwheel.broker.access import Access
from commonwheel.broker.rpc.interface import Method, Proto, message, methods
from commonwheel.broker.rpc.server import RpcServer
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import Catalog, Kind, Leaf

EOF: Proto = cast("Proto", aio).EOF
"""What a call reads at its end; the library's types leave it out."""

WAIT_S = 20.0
"""Longer than anything here takes on the slowest machine; a test that waits so long has failed."""


def small_catalog() -> Catalog:
    """A standard with a signal of every kind."""
    leaves = [
        Leaf("Vehicle.Speed", Kind.SENSOR, "float", "km/h", description="How fast it goes."),
        Leaf("Vehicle.Distance", Kind.SENSOR, "double", "km"),
        Leaf("Vehicle.Gear", Kind.SENSOR, "int8"),
        Leaf("Vehicle.Level", Kind.SENSOR, "uint8", "percent", minimum=0, maximum=100),
        Leaf("Vehicle.Tilt", Kind.SENSOR, "float", "degrees", minimum=-0.1, maximum=0.1),
        Leaf("Vehicle.Ticks", Kind.SENSOR, "uint64"),
        Leaf("Vehicle.Offset", Kind.SENSOR, "int64"),
        Leaf("Vehicle.Mode", Kind.SENSOR, "string", allowed=("OFF", "ON", "AUTO")),
        Leaf("Vehicle.Name", Kind.SENSOR, "string"),
        Leaf("Vehicle.Faults", Kind.SENSOR, "string[]"),
        Leaf("Vehicle.Cells", Kind.SENSOR, "uint16[]"),
        Leaf("Vehicle.Points", Kind.SENSOR, "uint8", allowed=(3, 4, 5)),
        Leaf("Vehicle.Cabin.Light.IsOn", Kind.ACTUATOR, "boolean"),
        Leaf("Vehicle.Cabin.Light.Intensity", Kind.ACTUATOR, "uint8", "percent", minimum=0, maximum=100),
        Leaf("Vehicle.Cabin.Seat.Position", Kind.ACTUATOR, "int16"),
        Leaf("Vehicle.Width", Kind.ATTRIBUTE, "uint16", "mm", default=1770),
    ]
    return Catalog({leaf.path: leaf for leaf in leaves}, {}, "a small standard")


@dataclass
class Line:
    """A client's line to the server of one test: ``await line.v2("GetValue", signal_id={"path": ...})``."""

    broker: Broker
    server: RpcServer
    endpoint: Endpoint
    channel: aio.Channel
    metadata: tuple[tuple[str, str], ...] = ()
    calls: dict[str, Method] = field(
        default_factory=lambda: {method.name: method for method in methods("kuksa.val.v2.VAL")}
    )

    def start(self, name: str, request: Proto = None, **fields: Proto) -> Proto:
        """Start a call of kuksa.val.v2; the request is given by its fields, as an object or as an iterator."""
        method = self.calls[name]
        kind = f"{'stream' if method.streams_in else 'unary'}_{'stream' if method.streams_out else 'unary'}"
        call = getattr(self.channel, kind)(
            f"/{method.service}/{method.name}",
            request_serializer=lambda value: value if isinstance(value, bytes) else value.SerializeToString(),
            response_deserializer=method.response.FromString,
        )
        return call(request if request is not None else method.request(**fields), metadata=self.metadata)

    async def v2(self, name: str, request: Proto = None, **fields: Proto) -> Proto:
        """Make a unary call."""
        return await asyncio.wait_for(self.start(name, request, **fields), WAIT_S)

    async def refused(self, name: str, request: Proto = None, **fields: Proto) -> grpc.StatusCode:
        """Make a call that fails, and return its status; its details have to say something."""
        call = self.start(name, request, **fields)
        with pytest.raises(aio.AioRpcError) as caught:
            await asyncio.wait_for(_drain(call) if self.calls[name].streams_out else call, WAIT_S)
        assert caught.value.details()
        return caught.value.code()

    async def value(self, path: str) -> Proto:
        """Return the data point of a signal."""
        return (await self.v2("GetValue", signal_id={"path": path})).data_point

    def number(self, path: str) -> int:
        """Return a signal's number."""
        return self.broker.table.number(path)


async def _drain(call: Proto) -> None:
    while await call.read() is not EOF:
        pass


class Provider:
    """A client's side of OpenProviderStream."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._requests: asyncio.Queue[Proto | None] = asyncio.Queue()
        self.call = line.start("OpenProviderStream", self._each())

    async def _each(self) -> AsyncIterator[Proto]:
        while (request := await self._requests.get()) is not None:
            yield request

    def send(self, **action: Proto) -> None:
        """Send one request, by its action."""
        self._requests.put_nowait(message("kuksa.val.v2.OpenProviderStreamRequest")(**action))

    def send_bytes(self, data: bytes) -> None:
        """Send one request as it is."""
        self._requests.put_nowait(data)

    def hang_up(self) -> None:
        """Close our side."""
        self._requests.put_nowait(None)

    async def receive(self) -> Proto:
        """Return the next answer."""
        answer = await asyncio.wait_for(self.call.read(), WAIT_S)
        assert answer is not EOF
        return answer

    async def ended(self) -> grpc.StatusCode:
        """Return how the stream ended."""
        with contextlib.suppress(aio.AioRpcError):
            await asyncio.wait_for(_drain(self.call), WAIT_S)
        return await self.call.code()

    async def claim(self, *names: str, interval_ms: int = 0) -> None:
        """Claim signals, named without ``Vehicle.``, and wait for the answer."""
        intervals = {self.line.number(f"Vehicle.{name}"): {"interval_ms": interval_ms} for name in names}
        self.send(provide_signal_request={"signals_sample_intervals": intervals})
        assert (await self.receive()).WhichOneof("action") == "provide_signal_response"

    async def claim_actuators(self, *names: str) -> None:
        """Claim actuators, named without ``Vehicle.``, and wait for the answer."""
        self.send(provide_actuation_request={"actuator_identifiers": [{"path": f"Vehicle.{name}"} for name in names]})
        assert (await self.receive()).WhichOneof("action") == "provide_actuation_response"

    def publish(self, request_id: int = 1, /, **values: Proto) -> None:
        """Publish values as ``Speed={"float": 1.0}``."""
        points = {self.line.number(f"Vehicle.{name}"): {"value": value} for name, value in values.items()}
        self.send(publish_values_request={"request_id": request_id, "data_points": points})


class Subscriber:
    """A client's side of Subscribe."""

    def __init__(self, line: Line, *names: str, **fields: Proto) -> None:
        fields.setdefault("buffer_size", 1000)
        self.call = line.start("Subscribe", signal_paths=[f"Vehicle.{name}" for name in names], **fields)

    async def receive(self) -> dict[str, Proto]:
        """Return the entries of the next message, by names without ``Vehicle.``."""
        answer = await asyncio.wait_for(self.call.read(), WAIT_S)
        assert answer is not EOF, "the stream ended"
        return {path.removeprefix("Vehicle."): point for path, point in answer.entries.items()}


async def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - nothing of the server's tells of it
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def serving(access: Access | None = None, endpoint: Endpoint | None = None) -> AsyncIterator[Line]:
    """Serve a broker on the small standard, and give a line to it."""
    broker = Broker(small_catalog(), name="test")
    broker.assume_defaults()
    server = RpcServer(broker, endpoint or Endpoint(), access or Access())
    where = await server.start()
    try:
        async with aio.insecure_channel(str(where)) as channel:
            yield Line(broker, server, where, channel)
    finally:
        await server.stop(0.0)


def talk(
    story: Callable[[Line], Coroutine[Any, Any, None]],
    *,
    access: Access | None = None,
    endpoint: Endpoint | None = None,
) -> None:
    """Run a test's coroutine with a line to a server of its own."""

    async def whole() -> None:
        async with serving(access, endpoint) as line:
            await asyncio.wait_for(story(line), 3 * WAIT_S)

    asyncio.run(whole())
