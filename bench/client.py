"""The client: how long a get takes, how much a subscription carries, and how soon a value arrives, near and far.

The server and its publisher are a process of their own, as in a car; the client is this one. ``here`` has a broker in
this process. From publish to receive counts from the time in the update to when the reader has the batch in hand;
``far, both ways`` is published by a client as well, and so goes to the server and back.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import commonwheel as cw
from commonwheel.broker import Broker, Queue, Updates
from commonwheel.broker.access import Access
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import load_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from commonwheel.broker import Provider

Pipe: TypeAlias = "Connection[Any, Any]"

BATCHES = (1, 20, 101, 1000)
SPEED = "Vehicle.Speed"
PATIENCE_S = 60.0
QUEUE = Queue(batches=100_000, updates=1_000_000)
AHEAD = 50_000
"""Updates that may wait for the reader."""


class Publisher:
    """A provider in the broker's own process, as a gateway is one."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.provider: Provider = broker.provider("bench")
        plain = [signal.number for signal in broker.table.signals if signal.leaf.datatype == "float"]
        self.numbers = np.array(plain, np.int32)
        self.provider.claim(plain)
        self._columns: dict[int, Any] = {}
        """Signals, values and qualities by size: to make them is not what is measured."""

    def batch(self, size: int) -> Updates:
        """Return a batch with the time of now."""
        if size not in self._columns:
            signal = np.resize(self.numbers, size)
            self._columns[size] = signal, np.linspace(0.0, 1.0, size), np.zeros(size, np.uint8)
        signal, value, quality = self._columns[size]
        return Updates(signal, np.full(size, time.time_ns(), np.int64), value, quality)

    def flood(self, size: int, updates: int) -> None:
        """Publish so many updates as fast as the reader takes them."""
        for _ in range(updates // size):
            while any(reader.depth > AHEAD for reader in self.broker.readers):
                time.sleep(0.0005)
            self.provider.publish(self.batch(size))

    def drip(self, size: int, times: int, pause_s: float) -> None:
        """Publish a batch every *pause_s*."""
        for _ in range(times):
            time.sleep(pause_s)
            self.provider.publish(self.batch(size))


def serve(pipe: Pipe) -> None:
    """Be the server: publish as the pipe says, until it says stop."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Pipe) -> None:
    from commonwheel.broker.rpc.server import RpcServer

    broker = Broker(load_catalog(), name="bench")
    server = RpcServer(broker, Endpoint(), Access())
    publisher = Publisher(broker)
    pipe.send(str(await server.start()))

    def obey() -> None:
        while (order := pipe.recv()) is not None:
            getattr(publisher, order[0])(*order[1:])

    await asyncio.to_thread(obey)
    await server.stop(0.0)


@contextmanager
def server() -> Iterator[tuple[str, Pipe]]:
    """Run a server in a process of its own; gives its address, and a pipe to its publisher."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,))
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send(None)
        process.join()


def quantiles(seconds: list[float]) -> str:
    """Return p50, p95 and p99 in microseconds."""
    p50, p95, p99 = (np.quantile(seconds, share) * 1e6 for share in (0.5, 0.95, 0.99))
    return f"p50 {p50:8.0f}   p95 {p95:8.0f}   p99 {p99:8.0f} µs"


def measure_get(target: str | Broker, name: str, count: int) -> None:
    """Time gets of one signal, one after the other."""
    taken: list[float] = []
    with cw.connect(target) as car:
        for _ in range(count + count // 10):
            began = time.perf_counter()
            car.get(SPEED)
            taken.append(time.perf_counter() - began)
    print(f"get, {name:<22} {quantiles(taken[count // 10 :])}", flush=True)

    async def story() -> None:
        taken.clear()
        async with cw.connect_async(target) as car:
            for _ in range(count + count // 10):
                began = time.perf_counter()
                await car.get(SPEED)
                taken.append(time.perf_counter() - began)

    asyncio.run(story())
    print(f"get, {name + ', async':<22} {quantiles(taken[count // 10 :])}", flush=True)


class Counting:
    """Reads updates until so many came, with or without an event loop."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.count = 0
        self.dropped = 0
        self.late: list[float] = []
        self.began = 0.0
        self.ended = 0.0

    def add(self, batch: cw.Batch) -> bool:
        """Count a batch; whether that was all."""
        now = time.time_ns()
        self.late.append((now - int(batch.t_ns[-1])) / 1e9)
        self.count += len(batch) + batch.dropped
        self.dropped += batch.dropped
        self.ended = time.perf_counter()
        return self.count >= self.wanted

    def read(self, target: str | Broker, begun: threading.Event) -> None:
        """Read in this thread."""
        with cw.connect(target) as car, car.subscribe("Vehicle.**", initial=False, queue=QUEUE) as updates:
            begun.set()
            while (batch := updates.take(PATIENCE_S)) is not None and not self.add(batch):
                pass

    def read_async(self, target: str | Broker, begun: threading.Event) -> None:
        """Read in an event loop in this thread."""

        async def story() -> None:
            async with (
                cw.connect_async(target) as car,
                car.subscribe("Vehicle.**", initial=False, queue=QUEUE) as updates,
            ):
                begun.set()
                async for batch in updates:
                    if self.add(batch):
                        return

        asyncio.run(story())


def reading(target: str | Broker, wanted: int, *, is_async: bool) -> tuple[Counting, threading.Thread]:
    """Begin to read, in a thread."""
    counting, begun = Counting(wanted), threading.Event()
    work = counting.read_async if is_async else counting.read
    thread = threading.Thread(target=work, args=(target, begun))
    thread.start()
    begun.wait(PATIENCE_S)
    return counting, thread


def measure_flood(target: str | Broker, name: str, publish: Any, updates: int) -> None:  # noqa: ANN401 - a method
    """Measure how many updates a second a subscription carries."""
    for is_async in (False, True):
        for size in BATCHES:
            wanted = max(size, min(updates, 20_000 * size) // size * size)
            counting, thread = reading(target, wanted, is_async=is_async)
            counting.began = time.perf_counter()
            publish("flood", size, wanted)
            thread.join()
            rate = (counting.count - counting.dropped) / (counting.ended - counting.began)
            face = f"{name}{', async' if is_async else ''}"
            shown = f"{rate:12,.0f} samples/s, {counting.dropped} lost"
            print(f"subscribe, {face:<14} batches of {size:4}: {shown}", flush=True)


def measure_drip(target: str | Broker, name: str, publish: Any, times: int) -> None:  # noqa: ANN401 - a method
    """Measure how soon a batch of 20 arrives, 200 batches a second."""
    for is_async in (False, True):
        counting, thread = reading(target, 20 * times, is_async=is_async)
        publish("drip", 20, times, 0.005)
        thread.join()
        face = f"{name}{', async' if is_async else ''}"
        print(f"publish to receive, {face:<22} {quantiles(counting.late)}", flush=True)


def measure_both_ways(target: str, times: int) -> None:
    """Measure how soon what one client publishes arrives at another."""
    with cw.connect(target) as car:
        free = [signal.path for signal in car.signals() if signal.owner is None and signal.datatype == "uint8"][:20]
        counting, thread = reading(target, len(free) * times, is_async=False)
        with car.provide(free) as provided:
            for _ in range(times):
                time.sleep(0.005)
                provided.publish(dict.fromkeys(free, 1))
            thread.join()
    print(f"publish to receive, {'far, both ways':<22} {quantiles(counting.late)}", flush=True)


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__)
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_true")
    depth.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    gets, updates, times = (300, 40_000, 100) if quick else (5_000, 2_000_000, 2_000)
    broker = Broker(load_catalog(), name="bench")
    publisher = Publisher(broker)

    def here(name: str, *arguments: float) -> None:
        getattr(publisher, name)(*arguments)

    measure_get(broker, "here", gets)
    measure_flood(broker, "here", here, updates)
    measure_drip(broker, "here", here, times)
    with server() as (target, pipe):

        def far(*order: object) -> None:
            pipe.send(order)

        measure_get(target, "far", gets)
        measure_flood(target, "far", far, updates)
        measure_drip(target, "far", far, times)
        measure_both_ways(target, times)


if __name__ == "__main__":
    main()
