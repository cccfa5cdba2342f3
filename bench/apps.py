"""Apps: what a callback costs beside a bare function, here and through a process of its own, and how soon one begins.

A car's broker, its publisher and the host are this process; the app is one of its own. From publish to callback counts
from the time in the update to the app's function, which is called with every sample.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from commonwheel.apps import App
from commonwheel.apps.engine import Engine
from commonwheel.apps.facts import Facts, table_of
from commonwheel.apps.hosting import AppHosts
from commonwheel.apps.launch import Spawning
from commonwheel.apps.limits import Limits, Rates
from commonwheel.apps.nursery import launcher as best
from commonwheel.apps.replay import Recorded
from commonwheel.apps.status import AppState
from commonwheel.broker import Broker, Updates
from commonwheel.catalog import load_catalog
from commonwheel.gateway.live import LiveCar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from commonwheel.apps.host import AppHost
    from commonwheel.apps.launch import Launcher

SPEED = "Vehicle.Speed"
SIZE = 20
"""Updates in a batch, as a bus at 50 batches a second has them."""
PATIENCE_S = 120.0

COUNTING = f"""
from commonwheel.apps import App, Event, Output
app = App("counting", "1.0", requires={{"{SPEED}": 0}}, outputs={{"n": Output("", "", "integer")}},
          events={{"late": Event()}})
import time
count, late = 0, []
@app.on("{SPEED}")
def speed(car, reading):
    global count
    count += 1
    if reading.value >= 0:
        late.append(time.time_ns() - reading.t_ns)
    if reading.value == 99.0:
        car.show(n=count)
@app.every(0.5)
def tell(car):
    if late:
        car.report("late", us=[one // 1000 for one in late[-2000:]])
        late.clear()
"""


def batch(number: int, size: int, value: float = 50.0) -> Updates:
    """Return a batch of one signal with the time of now."""
    signal, values = np.full(size, number, np.int32), np.full(size, value)
    return Updates(signal, np.full(size, time.time_ns(), np.int64), values, np.zeros(size, np.uint8))


def overhead(samples: int) -> None:
    """Print what one callback costs in the engine, beside a bare function that does the same."""
    table = table_of([SPEED], load_catalog())
    facts = Facts("bench", table, frozenset([SPEED]), frozenset())
    feeds = [batch(0, SIZE) for _ in range(samples // SIZE)]
    for i, feed in enumerate(feeds):
        feed.t_ns[:] += i * 1000
    bare = _bare(feeds)
    for name, count in (("on", 1), ("on, 4 functions", 4), ("on_batch", 0)):
        app = App("bench", "1", requires={SPEED: 0})
        _add_functions(app, count)
        engine = Engine(app, facts, Recorded())
        engine.start(int(feeds[0].t_ns[0]))
        began = time.perf_counter()
        for feed in feeds:
            engine.feed(feed)
        spent = (time.perf_counter() - began) / samples
        print(f"  in process, {name:<16} {spent * 1e6:6.2f} µs a sample, bare function {bare * 1e6:5.2f} µs")


def _add_functions(app: App, count: int) -> None:
    """Add functions that are called with each sample; none: one that is called with each batch."""
    total = [0.0]

    def one(_car: object, reading: Any) -> None:  # noqa: ANN401 - a reading whose value is known to be a number
        total[0] += reading.value

    def some(_car: object, updates: Any) -> None:  # noqa: ANN401 - as apps have it
        total[0] += float(updates.value.sum())

    for _ in range(count):
        app.on(SPEED)(one)
    if not count:
        app.on_batch(SPEED)(some)


def _bare(feeds: list[Updates]) -> float:
    """Return seconds a sample of a function that is called with each value."""
    total = [0.0]

    def function(value: float) -> None:
        total[0] += value

    began = time.perf_counter()
    for feed in feeds:
        for value in feed.value.tolist():
            function(value)
    return (time.perf_counter() - began) / (len(feeds) * SIZE)


@asynccontextmanager
async def hosting(launcher: Launcher, limits: Limits) -> AsyncIterator[tuple[Broker, AppHosts, Callable[..., None]]]:
    """Run the counting app on a car that this process publishes to."""
    broker = Broker(load_catalog(), name="bench")
    provider, number = broker.provider("bench"), broker.table.number(SPEED)
    provider.claim([number])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counting.py"
        file.write_text(COUNTING)
        hosts = AppHosts([str(file)], limits=limits, launcher=launcher)
        try:
            await hosts.start([LiveCar("bench", broker, None, ())], cast("Any", None))
            await until(lambda: hosts.apps[0].status.state is AppState.RUNNING)
            yield broker, hosts, lambda size, value=50.0: provider.publish(batch(number, size, value))
        finally:
            await hosts.stop(10.0)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - measured; an event would be rung by what is measured
            await asyncio.sleep(0.0005)


async def starts(launcher: Launcher, times: int, name: str) -> None:
    """Print how long an app's process takes from the start to the first call of the app."""
    took: list[float] = []
    began = time.perf_counter()
    async with hosting(launcher, Limits()) as (_broker, hosts, _publish):
        first = time.perf_counter() - began
        host = hosts.apps[0]
        for _ in range(times):
            host.stop()
            await until(lambda: host.status.state is AppState.STOPPED)
            began = time.perf_counter()
            host.start()
            await until(lambda: host.status.state is AppState.RUNNING)
            took.append(time.perf_counter() - began)
    print(f"  start, {name:<10} {statistics.median(took) * 1e3:5.0f} ms median, {max(took) * 1e3:.0f} ms longest; "
          f"the first of all {first * 1e3:.0f} ms")  # fmt: skip


async def throughput(samples: int) -> None:
    """Print how many samples a second go to an app's function in a process of its own."""
    async with hosting(best(), Limits(waiting_updates=1_000_000, rates=Rates(outputs=1000))) as (_, hosts, publish):
        host = hosts.apps[0]
        began, size = time.perf_counter(), 500
        for i in range(samples // size):
            publish(size, -1.0)
            while (i + 1) * size - host.status.received > 50 * size:  # noqa: ASYNC110 - as in until
                await asyncio.sleep(0.001)
        publish(1, 99.0)
        await until(lambda: host.status.outputs.get("n"))
        spent = time.perf_counter() - began
        count, dropped = host.status.outputs["n"].value, host.status.dropped
    print(f"  own process, as fast as it goes: {samples / spent:,.0f} samples/s, one function each "
          f"({count:,} called, {dropped} dropped)")  # fmt: skip


async def latency(rate: int, seconds: float) -> None:
    """Print how late samples come to an app's function at a rate, and what the host and the app take of a processor."""
    async with hosting(best(), Limits(rates=Rates(events=1000))) as (_broker, hosts, publish):
        host: AppHost = hosts.apps[0]
        own = [await _paced(publish, rate, seconds, host) for _ in range(2)][-1]
        late = [one for event in host.status.events for one in cast("list[int]", event.data["us"])]
        cpu = host.status.cpu_s
    bare = await _bare_publishing(rate, seconds)
    late.sort()
    print(f"  {rate:>6,} samples/s: publish to callback {late[len(late) // 2] / 1e3:.1f} ms median, "
          f"{late[len(late) * 99 // 100] / 1e3:.1f} ms at 99 %; host {max(0.0, own - bare):.1%} of a processor "
          f"above publishing, app {cpu / (2 * seconds):.1%}")  # fmt: skip


async def _paced(publish: Callable[..., None], rate: int, seconds: float, host: AppHost | None) -> float:
    """Publish at a rate; returns the share of a processor that this process took."""
    cpu, began = time.process_time(), time.perf_counter()
    period, due = SIZE / rate, began
    while (now := time.perf_counter()) < began + seconds:
        publish(SIZE)
        due += period
        await asyncio.sleep(max(0.0, due - now))
    if host is not None:
        await asyncio.sleep(1.1)  # what the app used is looked at once a second
    return (time.process_time() - cpu) / seconds


async def _bare_publishing(rate: int, seconds: float) -> float:
    """Return the share of a processor that publishing takes when nobody reads."""
    broker = Broker(load_catalog())
    provider, number = broker.provider("bench"), broker.table.number(SPEED)
    provider.claim([number])
    return await _paced(lambda size: provider.publish(batch(number, size)), rate, seconds, None)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_true")
    depth.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    overhead(20_000 if quick else 500_000)
    asyncio.run(starts(best(), 3 if quick else 30, "split off"))
    asyncio.run(starts(Spawning(), 2 if quick else 10, "spawned"))
    asyncio.run(throughput(20_000 if quick else 500_000))
    for rate in (400, 4000) if quick else (400, 4000, 20_000):
        asyncio.run(latency(rate, 1.0 if quick else 10.0))


if __name__ == "__main__":
    main()
