"""Publish to receive over kuksa.val.v2, by kuksa-perf's method: ``python -m bench.kuksa``.

Groups of signals are published through ``OpenProviderStream``, each with its cycle time, and received through
``Subscribe``; what counts is the time from handing a batch to the publisher's stream until a subscriber's stream hands
it out. Beside it, in the same run, the same bytes through bare grpc.aio with no broker behind it: the floor. Server
and clients are two processes. Clients take bytes and parse none, so that the server's part is what shows.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import itertools
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import psutil
from grpc import aio

from bench._kuksa import RELAY
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.broker.signals import SignalTable
from commonwheel.catalog import load_catalog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence

    import numpy.typing as npt

VAL = "kuksa.val.v2.VAL"
EOF: Proto = cast("Proto", aio).EOF
"""What a call reads at its end; the library's types leave it out."""
SIZES = (1, 2, 4, 4, 5, 6, 7, 8, 9, 9)
"""Signals of the ten groups of the nominal run, 55 in all, ..."""
CYCLES_MS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
"""... and how often each is published: 1,023 signals a second."""
UNTHROTTLED = 101
"""Signals of the run as fast as can be."""
AT_ONCE = 16
"""Batches under way in that run, where the rate is measured; one, where the latency is."""
WORKERS = 50


@dataclass
class Server:
    """The other process."""

    kind: str
    process: psutil.Process
    port: int

    def cpu_s(self) -> float:
        """Return the processor time that it took so far."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextlib.contextmanager
def server(kind: str) -> Iterator[Server]:
    """Run a server for a while."""
    command = [sys.executable, "-m", "bench._kuksa", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or process.stdin is None:
            raise AssertionError
        yield Server(kind, psutil.Process(process.pid), int(process.stdout.readline()))
        process.stdin.close()


class Group:
    """Signals that are published together, and how many messages of each batch are on their way."""

    def __init__(self, where: Server, signals: Sequence[tuple[int, str]], subscribers: int) -> None:
        self.signals = signals
        self.where = where
        self.sent_s: list[float] = []
        self.latency_s: list[float] = []
        self._subscribers = subscribers
        self._name = signals[0][1].encode()
        self._arrived = 0
        self._progress = asyncio.Event()
        self._batches = itertools.cycle(_requests(signals))
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Claim the signals and let all subscribers get their first message."""
        async with contextlib.AsyncExitStack() as stack:
            publisher, receiver = [await stack.enter_async_context(_channel(self.where)) for _ in range(2)]
            await self._claim(publisher)
            calls = [self._listen(receiver) for _ in range(self._subscribers)]
            for call in calls:
                await call.read()
            tasks = [asyncio.create_task(self._receive(call)) for call in calls]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._publishing.cancel()

    async def _claim(self, channel: aio.Channel) -> None:
        name = f"/{VAL}/OpenProviderStream" if self.where.kind == "broker" else f"/{RELAY}/Publish"
        self._publishing = channel.stream_stream(name)()
        claim = {number: {} for number, _ in self.signals}
        request = message("kuksa.val.v2.OpenProviderStreamRequest")(
            provide_signal_request={"signals_sample_intervals": claim}
        )
        await self._publishing.write(request.SerializeToString() if self.where.kind == "broker" else self._name)
        await self._publishing.read()

    def _listen(self, channel: aio.Channel) -> Proto:
        if self.where.kind != "broker":
            return channel.unary_stream(f"/{RELAY}/Listen")(self._name)
        request = message("kuksa.val.v2.SubscribeRequest")(
            signal_paths=[path for _, path in self.signals], buffer_size=1000
        )
        return channel.unary_stream(f"/{VAL}/Subscribe")(request.SerializeToString())

    async def _receive(self, call: Proto) -> None:
        for count in itertools.count():
            if await call.read() is EOF:
                return
            self.latency_s.append(time.perf_counter() - self.sent_s[count])
            self._arrived += 1
            self._progress.set()

    async def publish(self) -> None:
        """Publish one batch."""
        self.sent_s.append(time.perf_counter())
        await self._publishing.write(next(self._batches))

    async def settle(self, under_way: int = 0) -> None:
        """Wait until at most so many batches are under way."""
        while len(self.sent_s) - self._arrived / self._subscribers > under_way:
            self._progress.clear()
            await asyncio.wait_for(self._progress.wait(), 30)


def _channel(where: Server) -> aio.Channel:
    return aio.insecure_channel(f"127.0.0.1:{where.port}", options=[("grpc.use_local_subchannel_pool", 1)])


def _signals(count: int) -> list[tuple[int, str]]:
    """Return numbers and paths of signals that hold a plain number."""
    table = SignalTable(load_catalog())
    plain = [s for s in table.signals if s.leaf.datatype in {"float", "uint8", "uint16"} and not s.leaf.allowed]
    return [(signal.number, signal.path) for signal in plain[:: len(plain) // count][:count]]


def _requests(signals: Sequence[tuple[int, str]]) -> list[bytes]:
    """Return a few requests to publish in turn."""
    table = SignalTable(load_catalog())
    made: list[bytes] = []
    for turn in range(8):
        request = message("kuksa.val.v2.OpenProviderStreamRequest")()
        request.publish_values_request.request_id = 1
        for number, _ in signals:
            leaf = table[number].leaf
            point = request.publish_values_request.data_points[number]
            point.timestamp.seconds, point.timestamp.nanos = 1_700_000_000, 123_456_789
            low, high = leaf.minimum or 0, 100 if leaf.maximum is None else leaf.maximum
            value = low + (high - low) * turn / 8
            if leaf.datatype == "float":
                point.value.float = value
            else:
                point.value.uint32 = int(value)
        made.append(request.SerializeToString())
    return made


async def unthrottled(where: Server, subscribers: int, seconds: float, at_once: int) -> dict[str, float]:
    """Publish one group as fast as its subscribers get it."""
    group = Group(where, _signals(UNTHROTTLED), subscribers)
    async with group.open():
        for _ in range(50):
            await group.publish()
        await group.settle()
        group.latency_s.clear()
        before, cpu, began = len(group.sent_s), where.cpu_s(), time.perf_counter()
        while time.perf_counter() - began < seconds:
            await group.publish()
            await group.settle(at_once - 1)
        await group.settle()
        took = time.perf_counter() - began
        rate = (len(group.sent_s) - before) * len(group.signals) / took
        return _facts(group.latency_s, rate, (where.cpu_s() - cpu) / took)


async def nominal(where: Server, subscribers: int, seconds: float) -> dict[str, float]:
    """Publish ten groups, each at its own pace."""
    every = iter(_signals(sum(SIZES)))
    groups = [Group(where, list(itertools.islice(every, size)), subscribers) for size in SIZES]

    async def pace(group: Group, cycle_s: float, end: float) -> None:
        due = time.perf_counter()
        while (due := due + cycle_s) < end:
            await asyncio.sleep(due - time.perf_counter())
            await group.publish()
        await group.settle()

    async with contextlib.AsyncExitStack() as stack:
        for group in groups:
            await stack.enter_async_context(group.open())
        cpu, began = where.cpu_s(), time.perf_counter()
        end = began + seconds
        await asyncio.gather(*(pace(group, ms / 1000, end) for group, ms in zip(groups, CYCLES_MS, strict=True)))
        took = time.perf_counter() - began
        latencies = [latency for group in groups for latency in group.latency_s]
        rate = sum(len(group.sent_s) * len(group.signals) for group in groups) / took
        return _facts(latencies, rate, (where.cpu_s() - cpu) / took)


async def unary(where: Server, seconds: float) -> dict[str, float]:
    """Get one value by path again and again, by many at once."""
    latencies: list[float] = []
    signal = {"path": _signals(1)[0][1]}
    request = message("kuksa.val.v2.GetValueRequest")(signal_id=signal).SerializeToString()
    value = message("kuksa.val.v2.PublishValueRequest")(signal_id=signal, data_point={"value": {"float": 1.0}})
    name = f"/{VAL}/GetValue" if where.kind == "broker" else f"/{RELAY}/Get"

    async def work(get: Proto, end: float) -> None:
        while (began := time.perf_counter()) < end:
            await get(request)
            latencies.append(time.perf_counter() - began)

    async with _channel(where) as channel:
        get = channel.unary_unary(name)
        if where.kind == "broker":
            await channel.unary_unary(f"/{VAL}/PublishValue")(value.SerializeToString())
        await work(get, time.perf_counter() + 0.2)
        latencies.clear()
        cpu, began = where.cpu_s(), time.perf_counter()
        await asyncio.gather(*(work(get, began + seconds) for _ in range(WORKERS)))
        took = time.perf_counter() - began
        return _facts(latencies, len(latencies) / took, (where.cpu_s() - cpu) / took)


def _facts(latency_s: Sequence[float], rate: float, cpu: float) -> dict[str, float]:
    ms: npt.NDArray[np.float64] = np.array(latency_s) * 1000
    p50, p95, p99 = np.percentile(ms, [50, 95, 99])
    return {"rate": rate, "p50": p50, "p95": p95, "p99": p99, "max": ms.max(), "cpu": cpu * 100}


def _show(what: str, ours: dict[str, float], floor: dict[str, float]) -> None:
    print(f"\n{what}")
    print(f"  {'':<12}{'per s':>10}{'p50 ms':>9}{'p95':>8}{'p99':>8}{'max':>8}{'cpu %':>8}")
    for name, facts in (("kuksa.val.v2", ours), ("bare grpc", floor)):
        times = "".join(f"{facts[key]:>8.3f}" for key in ("p95", "p99", "max"))
        print(f"  {name:<12}{facts['rate']:>10,.0f}{facts['p50']:>9.3f}{times}{facts['cpu']:>8.0f}")
    print(f"  p50 is {ours['p50'] / floor['p50']:.2f} of the floor, the rate {ours['rate'] / floor['rate']:.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.kuksa")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    seconds, rounds = (1.0, 1) if quick else (3.0, 5)
    with server("broker") as ours, server("relay") as floor:

        def both(what: str, run: Callable[[Server], Coroutine[None, None, dict[str, float]]]) -> None:
            facts = [(asyncio.run(run(ours)), asyncio.run(run(floor))) for _ in range(rounds)]
            _show(what, *map(_medians, zip(*facts, strict=True)))

        both("55 signals in ten groups, 10 to 100 ms, one subscriber each", lambda at: nominal(at, 1, seconds))
        for at_once, counts in ((1, (1, 10, 100)), (AT_ONCE, (1, 10))):
            for count in counts:
                who = f"{at_once} batch{'es' * (at_once > 1)} at a time, {count} subscriber{'s' * (count > 1)}"
                run = functools.partial(unthrottled, subscribers=count, seconds=seconds, at_once=at_once)
                both(f"{UNTHROTTLED} signals, {who}", run)
        both(f"GetValue by path, {WORKERS} at once", lambda at: unary(at, seconds))


def _medians(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure over the rounds, in which both sides took turns."""
    listed = list(runs)
    return {key: statistics.median(run[key] for run in listed) for key in listed[0]}


if __name__ == "__main__":
    main()
