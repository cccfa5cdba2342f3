"""What the broker costs, in process: ``python -m bench.broker``.

Publishing is measured with every reader taking after every batch, all in one thread and by the processor's time: what
is shown is the whole work of one core. Latency is that from a batch of frames in hand to the values at a reader
(decoding, publishing, waking, taking), which is called in the publisher's thread or waits in one of its own.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import statistics
import threading
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

from bench._traffic import CARS, tile, traffic
from commonwheel.broker import Broker, Filter, Overflow, Queue, Updates
from commonwheel.broker.filters import Boundary, Change, Compare, Curvelog
from commonwheel.catalog import load_catalog
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commonwheel.broker import Provider, Subscription
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

SIGNALS = 101
FRAMES_PER_S = 20_000
FRAMES_PER_BATCH = 20
FILTERS = {
    "none": None,
    "interval": Filter(min_interval_ns=50_000_000),
    "on change": Filter(on_change=True),
    "deadband": Filter(deadband=0.5),
    "rise by 1": Filter(change=Change(Compare.GT, 1.0)),
    "range": Filter(within=(Boundary(Compare.GT, 0.2), Boundary(Compare.LT, 0.8))),
    "curve of 100": Filter(curvelog=Curvelog(0.1, 100)),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.broker")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    rounds = 50 if quick else 500
    print("updates published per second, by size of batch and number of readers of the same signals")
    for readers in (0, 1, 10, 100):
        print(f"  {readers:4} readers", *(publishing(size, readers, rounds) for size in (20, SIGNALS, 1000)))
    print("the same with every reader wanting other signals (101 of 839 each)")
    for readers in (10, 100):
        print(
            f"  {readers:4} readers", *(publishing(size, readers, rounds, alike=False) for size in (20, SIGNALS, 1000))
        )
    print("readers of the latest value that never take, batches of 101")
    print(f"  {10:4} readers", publishing(SIGNALS, 10, rounds, queue=Queue(overflow=Overflow.LATEST), takes=False))
    print(f"one reader with a filter, {SIGNALS} signals, batches of 20 and 1000")
    for name, rule in FILTERS.items():
        print(f"  {name:14}", *(publishing(size, 1, rounds, rule=rule) for size in (20, 1000)))
    checked(rounds)
    latency(2.0 if quick else 10.0)


def busy(work: Callable[[], object], runs: int = 5) -> float:
    """Return the median of the processor's time for a call, after one that does not count."""
    work()
    taken: list[float] = []
    for _ in range(runs):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return statistics.median(taken)


def broker_of() -> tuple[Broker, Provider, list[int]]:
    """Return a broker of the standard's signals, who provides them, and the numbers of the plain ones."""
    broker = Broker(load_catalog())
    numbers = [signal.number for signal in broker.table if signal.is_plain]
    provider = broker.provider("bench")
    provider.claim(numbers)
    return broker, provider, numbers


def batches(numbers: list[int], size: int) -> Iterator[Updates]:
    """Yield batches over these signals for ever, with new arrays and rising times."""
    random = np.random.default_rng(1)
    signal = np.resize(np.array(numbers, np.int32), size)
    for step in itertools.count():
        t_ns = np.full(size, step * 10_000_000, np.int64)
        yield Updates(signal.copy(), t_ns, random.random(size), np.zeros(size, np.uint8))


def publishing(
    size: int,
    readers: int,
    rounds: int,
    *,
    rule: Filter | None = None,
    queue: Queue | None = None,
    alike: bool = True,
    takes: bool = True,
) -> str:
    """Return how many updates per second are published, and how long a batch takes."""
    broker, provider, numbers = broker_of()
    wanted = numbers[:SIGNALS]
    subscriptions: list[Subscription] = []
    for i in range(readers):
        own = wanted if alike else numbers[i : i + SIGNALS]
        subscriptions.append(broker.subscribe(own, rule=rule, queue=queue, initial=False))
    source = batches(wanted, size)
    ready = list(itertools.islice(source, rounds))

    def work() -> None:
        for batch in ready:
            fresh = Updates(batch.signal, batch.t_ns, batch.value, batch.quality)
            provider.publish(fresh)
            if takes:
                for subscription in subscriptions:
                    subscription.take()

    taken = busy(work)
    each_us = taken / rounds * 1e6
    return f"{size:5}: {size * rounds / taken / 1e6:7.2f} M/s {each_us:8.1f} µs"


def checked(rounds: int) -> None:
    """Print what publishing values costs that have to be checked, and reading one."""
    broker, provider, numbers = broker_of()
    floats = [number for number in numbers if broker.table[number].leaf.datatype == "float"][:SIGNALS]
    values: dict[int, object] = dict.fromkeys(floats, 0.0)

    def work() -> None:
        for _ in range(rounds):
            provider.publish_values(values)

    taken = busy(work)
    print(f"checked values, batches of {SIGNALS}: {SIGNALS * rounds / taken / 1e6:.2f} M/s")
    reads = busy(lambda: [broker.get(floats[0]) for _ in range(rounds)])
    print(f"current value of one signal: {reads / rounds * 1e6:.2f} µs")


def latency(duration_s: float) -> None:
    """Print percentiles of the time from frames to a reader's thread."""
    car = "nissan/leaf_ze0"
    frames, source = traffic(car)
    vehicle = load_vehicle(car)
    frames = tile(frames, int(FRAMES_PER_S * duration_s))[: int(FRAMES_PER_S * duration_s)]
    decoder = VehicleDecoder(vehicle, buses={int(n): CARS[car][1] for n in np.unique(frames.bus)})
    for where, rule in (("called", None), ("its own thread", None), ("its own thread", Filter(on_change=True))):
        times, published, cpu = live(vehicle, decoder, frames, rule, own_thread=where != "called")
        points = np.percentile(np.array(times) / 1e6, [50, 95, 99, 100])
        shown = ", ".join(f"{p} {value:.3f} ms" for p, value in zip(("p50", "p95", "p99", "max"), points, strict=True))
        what = "on change" if rule else "every update"
        print(f"{source}, {FRAMES_PER_S} frames/s in batches of {FRAMES_PER_BATCH}, {what}, {where}: {shown}")
        print(f"  {len(times)} batches received, {published} updates published, {cpu:.0%} of one core")


def live(
    vehicle: Vehicle, decoder: VehicleDecoder, frames: Frames, rule: Filter | None, *, own_thread: bool
) -> tuple[list[int], int, float]:
    """Decode and publish at the real rate; return nanoseconds to the reader, updates published, and CPU share."""
    broker = Broker(load_catalog())
    numbers = np.array([broker.table.number(signal.path) for signal in vehicle.signals], np.int32)
    provider = broker.provider("bench")
    provider.claim(numbers.tolist())
    ready, over = threading.Event(), threading.Event()
    times: list[int] = []
    readers: list[Subscription] = []

    def wake() -> None:
        if own_thread or not readers:
            ready.set()
        else:
            note(readers[0], times)

    readers.append(broker.subscribe(numbers.tolist(), rule=rule, wake=wake, initial=False))
    thread = threading.Thread(target=receive, args=(readers[0], ready, over, times))
    thread.start()
    cpu, began = time.process_time(), time.monotonic()

    def hand_on(batch: Frames) -> None:
        arrived = time.monotonic_ns()
        samples = decoder.decode(batch)
        n = len(samples)
        provider.publish(
            Updates(numbers[samples.signal], np.full(n, arrived, np.int64), samples.value, samples.quality)
        )

    pace(frames, hand_on)
    share = (time.process_time() - cpu) / (time.monotonic() - began)
    over.set()
    ready.set()
    thread.join()
    return times, broker.published, share


def pace(frames: Frames, hand_on: Callable[[Frames], None]) -> None:
    """Hand frames on in batches, as many per second as a busy car has."""
    began = time.monotonic()
    for i in range(0, len(frames) - FRAMES_PER_BATCH, FRAMES_PER_BATCH):
        left = began + i / FRAMES_PER_S - time.monotonic()
        if left > 0:
            time.sleep(left)
        hand_on(frames[i : i + FRAMES_PER_BATCH])


def receive(reader: Subscription, ready: threading.Event, over: threading.Event, times: list[int]) -> None:
    """Take batches as they come, until it is over."""
    while not over.is_set():
        ready.wait()
        ready.clear()
        note(reader, times)


def note(reader: Subscription, times: list[int]) -> None:
    """Take what waits, and note how long ago its frames arrived."""
    taken = reader.take()
    now_ns = time.monotonic_ns()
    times.extend(now_ns - int(batch.t_ns[0]) for batch in taken.batches)


if __name__ == "__main__":
    main()
