"""VISS on its sockets: how late events come, how many a second, and how many questions: ``python -m bench.viss``.

The server runs in this process, its clients in another. A value is the time at which it was published, so that a
client knows how old it is when the event has been read and its JSON parsed. Events are counted over all clients; the
first few of them measure, the others only take what comes, so that two cores are enough for a hundred.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import psutil
import websockets

from commonwheel.broker import Broker, Updates
from commonwheel.broker.access import Access, Limits
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.viss import VissServer
from commonwheel.catalog import load_catalog

SIGNAL = "Vehicle.CurrentLocation.Latitude"
"""A double: it holds a time in microseconds exactly."""
PACED_HZ = 100
MEASURING = 5
"""Clients that parse what they read."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.viss")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--client", nargs=4, metavar=("ADDRESS", "KIND", "CLIENTS", "SECONDS"))
    options = parser.parse_args()
    if options.client:
        address, kind, clients, seconds = options.client
        print(json.dumps(asyncio.run(client(address, kind, int(clients), float(seconds)))))
        return
    asyncio.run(measure(1.0 if options.quick else 5.0))


async def measure(seconds: float) -> None:
    """Serve, let clients in another process measure, and print what they say."""
    broker = Broker(load_catalog(), name="bench")
    limits = Limits(connections=1000, streams=1000, requests_per_second=1e9)
    server = VissServer(broker, Endpoint(), Access(limits=limits))
    address = str(await server.start())
    stop = threading.Event()
    pace = [1.0 / PACED_HZ]
    publisher = threading.Thread(target=publish, args=(broker, pace, stop))
    publisher.start()
    try:
        for clients in (1, 10, 100):
            await report(address, "events", clients, seconds, f"one signal at {PACED_HZ} Hz")
        pace[0] = 0.0005
        for clients in (1, 10, 100):
            await report(address, "events", clients, seconds, "one signal, 2,000 Hz asked")
        pace[0] = 1.0 / PACED_HZ
        await report(address, "timebased", 100, seconds, "each 100 ms")
        for kind in ("get", "http"):
            await report(address, kind, 1, seconds, "one after another")
    finally:
        stop.set()
        publisher.join()
        await server.stop()


def publish(broker: Broker, pace: list[float], stop: threading.Event) -> None:
    """Publish the time, at the pace given, until told to stop."""
    provider = broker.provider("bench")
    number = broker.table.number(SIGNAL)
    provider.claim([number])
    due = time.perf_counter()
    while not stop.is_set():
        now = time.time_ns()
        provider.publish(Updates.build([(number, now, now // 1000, 0, None)]))
        due = max(due + pace[0], time.perf_counter() - 0.1)
        time.sleep(max(0.0, due - time.perf_counter()))
    provider.close()


async def report(address: str, kind: str, clients: int, seconds: float, what: str) -> None:
    """Run clients in a process of their own, and print what they found and what the server used."""
    command = [sys.executable, "-m", "bench.viss", "--client", address, kind, str(clients), str(seconds)]
    me = psutil.Process()
    before, began = sum(me.cpu_times()[:2]), time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    share = (sum(me.cpu_times()[:2]) - before) / (time.perf_counter() - began)
    found: dict[str, Any] = json.loads(out)
    late = np.array(found["late_us"]) / 1000
    p50, p95, p99 = np.percentile(late, (50, 95, 99))
    lost = f", {found['lost']:,} lost" if found["lost"] else ""
    print(
        f"  {kind:9} {clients:3} clients, {what:28} {found['rate']:9,.0f} /s   "
        f"p50 {p50:7.2f}  p95 {p95:7.2f}  p99 {p99:7.2f} ms   server {share:4.0%} of a core{lost}",
        flush=True,
    )


async def client(address: str, kind: str, clients: int, seconds: float) -> dict[str, Any]:
    """Measure as *clients* clients for a while."""
    if kind == "http":
        return await asyncio.to_thread(ask_http, address, seconds)
    late: list[int] = []
    if kind == "get":
        async with websockets.connect(f"ws://{address}", compression=None) as connection:
            began = time.perf_counter()
            await ask(connection, began + seconds, late)
            return {"rate": len(late) / (time.perf_counter() - began), "late_us": late, "lost": 0}
    host, port = address.split(":")
    loop = asyncio.get_running_loop()
    readers = [EventReader(kind, measures=i < MEASURING) for i in range(clients)]
    for reader in readers:
        await loop.create_connection(lambda reader=reader: reader, host, int(port))
    await asyncio.gather(*(reader.ready.wait() for reader in readers))
    for reader in readers:
        reader.events, reader.lost = 0, 0
        reader.late.clear()
    began = time.perf_counter()
    await asyncio.sleep(seconds)
    rate = sum(reader.events for reader in readers) / (time.perf_counter() - began)
    for reader in readers:
        late += reader.late
        reader.transport.abort()
    return {"rate": rate, "late_us": late[:: max(1, len(late) // 100_000)], "lost": sum(each.lost for each in readers)}


class EventReader(asyncio.Protocol):
    """A WebSocket client of little more than its frames, which costs less than what it measures."""

    def __init__(self, kind: str, *, measures: bool) -> None:
        self.ready = asyncio.Event()
        self.events = 0
        self.lost = 0
        self.late: list[int] = []
        self.transport: Any = None
        self._kind = kind
        self._measures = measures
        self._data = bytearray()
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self.transport = transport
        lines = (
            "GET / HTTP/1.1",
            "Host: bench",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {'A' * 22}==",
            "Sec-WebSocket-Version: 13",
        )
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    def data_received(self, data: bytes) -> None:
        """Take the answer to the upgrade, then frames."""
        self._data += data
        if not self._upgraded:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._data[: end + 4]
            self._upgraded = True
            self._subscribe()
        at = 0
        while len(self._data) >= at + 4:
            size, head = self._data[at + 1], 2
            if size == 126:  # noqa: PLR2004 - RFC 6455: the length follows in two bytes
                size, head = int.from_bytes(self._data[at + 2 : at + 4]), 4
            if len(self._data) < at + head + size:
                break
            self._take(self._data[at + head : at + head + size])
            at += head + size
        del self._data[:at]

    def _subscribe(self) -> None:
        request: dict[str, Any] = {"action": "subscribe", "path": SIGNAL, "requestId": "1"}
        if self._kind == "timebased":
            request["filter"] = {"type": "timebased", "parameter": {"period": "100"}}
        text = json.dumps(request).encode()
        self.transport.write(bytes([0x81, 0xFE, *len(text).to_bytes(2), 0, 0, 0, 0]) + text)

    def _take(self, text: bytearray) -> None:
        self.events += 1
        self.ready.set()
        if self._measures and text.startswith(b'{"action":"subscription"'):
            event = json.loads(text)
            self.late.append(time.time_ns() // 1000 - int(event["data"]["dp"]["value"]))
            self.lost += int(event.get("dropped", 0))


async def ask(connection: Any, until: float, late: list[int]) -> None:  # noqa: ANN401
    """Ask for the value again and again."""
    request = json.dumps({"action": "get", "path": SIGNAL, "requestId": "1"})
    while time.perf_counter() < until:
        began = time.perf_counter_ns()
        await connection.send(request)
        json.loads(await connection.recv())
        late.append((time.perf_counter_ns() - began) // 1000)


def ask_http(address: str, seconds: float) -> dict[str, Any]:
    """Ask for the value again and again, over one connection."""
    late: list[int] = []
    connection = http.client.HTTPConnection(address)
    began = time.perf_counter()
    while time.perf_counter() < began + seconds:
        at = time.perf_counter_ns()
        connection.request("GET", "/" + SIGNAL.replace(".", "/"))
        json.loads(connection.getresponse().read())
        late.append((time.perf_counter_ns() - at) // 1000)
    connection.close()
    return {"rate": len(late) / (time.perf_counter() - began), "late_us": late, "lost": 0}


if __name__ == "__main__":
    main()
