"""Readers that keep up, over each interface, and the publisher whose numbers they count.

The publisher gives one signal the values 1, 2, 3, …; a reader that misses one, or sees one twice or out of turn,
knows it by the number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grpc import aio
from pyarrow import flight
from websockets.asyncio.client import connect

from commonwheel.broker.rpc.interface import message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

VAL = "/kuksa.val.v2.VAL"
HOST = "127.0.0.1"


@dataclass
class Account:
    """What one reader has seen of the numbers."""

    name: str
    received: int = 0
    lost: int = 0
    repeated: int = 0
    last: int = 0
    others: int = 0
    """Values of other signals."""
    ended: str = ""
    """Why its stream ended before it was told to."""
    began: threading.Event = field(default_factory=threading.Event)

    def see(self, number: int) -> None:
        """Take in a number."""
        if self.last:
            self.lost += max(0, number - self.last - 1)
            self.repeated += number <= self.last
        self.received += 1
        self.last = max(self.last, number)
        self.began.set()


def call(channel: aio.Channel, method: str, *, stream: bool = False) -> Any:  # noqa: ANN401
    """Return a method of kuksa.val.v2."""
    make: Any = channel.unary_stream if stream else channel.unary_unary
    return make(
        f"{VAL}/{method}",
        request_serializer=lambda sent: sent.SerializeToString(),
        response_deserializer=message(f"kuksa.val.v2.{method}Response").FromString,
    )


async def publish(port: int, path: str, token: str, rate_hz: float, stop: asyncio.Event) -> int:
    """Publish 1, 2, 3, … until told to stop; returns the last number."""
    make: Any = message("kuksa.val.v2.PublishValueRequest")
    number = 0
    async with aio.insecure_channel(f"{HOST}:{port}") as channel:
        method = call(channel, "PublishValue")
        due = time.monotonic()
        while not stop.is_set():
            request = make()
            request.signal_id.path = path
            request.data_point.value.float = number = number + 1
            await method(request, metadata=[("authorization", f"Bearer {token}")])
            due = max(due + 1 / rate_hz, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    return number


async def read_grpc(port: int, path: str, more: list[str], token: str, account: Account) -> None:
    """Count over kuksa.val.v2's Subscribe."""
    request: Any = message("kuksa.val.v2.SubscribeRequest")()
    request.signal_paths.extend([path, *more])
    request.buffer_size = 1000
    async with aio.insecure_channel(f"{HOST}:{port}") as channel:
        method = call(channel, "Subscribe", stream=True)
        async for answer in method(request, metadata=[("authorization", f"Bearer {token}")]):
            account.began.set()
            for name, point in answer.entries.items():
                if name != path:
                    account.others += 1
                elif point.value.float:
                    account.see(round(point.value.float))


async def read_viss(port: int, path: str, token: str, account: Account) -> None:
    """Count over VISS version 3."""
    change = {"variant": "change", "parameter": {"logic-op": "ne", "diff": "0"}}
    headers = {"Authorization": f"Bearer {token}"}
    protocol: Any = "VISSv3"
    async with connect(f"ws://{HOST}:{port}", subprotocols=[protocol], additional_headers=headers) as socket:
        await socket.send(json.dumps({"action": "subscribe", "path": path, "filter": change, "requestId": "1"}))
        async for text in socket:
            heard = json.loads(text)
            if "error" in heard:
                account.ended = str(heard["error"])
                return
            account.began.set()
            for point in _points(heard.get("data")):
                with contextlib.suppress(ValueError):
                    account.see(round(float(point["value"])))


def _points(data: object) -> list[dict[str, str]]:
    if isinstance(data, list):
        return [point for one in data for point in _points(one)]
    point = data.get("dp") if isinstance(data, dict) else None
    return point if isinstance(point, list) else [point] if isinstance(point, dict) else []


class FlightReader:
    """Counts over Arrow Flight, in a thread: pyarrow has no asyncio."""

    def __init__(self, port: int, path: str, token: str, account: Account) -> None:
        self._account = account
        self._client: Any = flight.connect(f"grpc://{HOST}:{port}")
        headers: Any = [(b"authorization", f"Bearer {token}".encode())]
        options = flight.FlightCallOptions(headers=headers)
        ticket = flight.Ticket(json.dumps({"signals": [path]}).encode())
        self._reader: Any = self._client.do_get(ticket, options)
        self._over = False
        self._thread = threading.Thread(target=self._run, name="soak-flight")
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                batch = self._reader.read_chunk().data
                self._account.began.set()
                for value in batch.column("value").to_pylist():
                    if value is not None and value == value:  # noqa: PLR0124 - not a NaN
                        self._account.see(round(value))
        except (StopIteration, OSError, flight.FlightError, KeyError) as error:
            if not self._over:
                self._account.ended = f"{type(error).__name__}: {error}"

    def close(self) -> None:
        """End the stream."""
        self._over = True
        self._reader.cancel()
        self._thread.join(10)
        self._client.close()


async def told(account: Account, reading: Callable[[], Awaitable[None]]) -> None:
    """Run a reader, and note why it ended when nobody told it to."""
    try:
        await reading()
        account.ended = account.ended or "the stream ended"
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it goes into the report
        account.ended = f"{type(error).__name__}: {str(error)[:300]}"
