"""The dashboard: from a frame to a pixel, what it costs the server, what it sends: ``python -m bench.web``.

Three makers' cars in this process bring frames at a stated rate through the whole way of a service (decoded,
published, tapped); the browser is headless Chromium, which runs on the same cores, so that nothing here is better than
on a desk. The time to the pixel is from before a frame is handed to the gateway until the page has drawn its value,
both by the clock of this machine: the page notes the time in the first animation frame that follows the change.

Other clients are Python programs that acknowledge updates as a page does, so that they cost no drawing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from commonwheel.broker import Broker
from commonwheel.broker.access import Access
from commonwheel.broker.serving import Endpoint
from commonwheel.catalog import load_catalog
from commonwheel.gateway.config import CarSettings, Settings
from commonwheel.gateway.live import LiveCar
from commonwheel.gateway.pipeline import Pipeline
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.web.protocol import PROTOCOL
from commonwheel.web.scene import Scene
from commonwheel.web.server import WebServer
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from playwright.sync_api import Page

T = TypeVar("T")
CARS = {"honda": "honda/civic_gen10_bosch", "mitsubishi": "mitsubishi/imiev", "nissan": "nissan/leaf_aze0"}
SPEED = "Vehicle.Speed"
BATCH_S = 0.005
"""How often each car brings a batch, as a live bus does."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


class _Utc:
    def to_utc(self, t_ns: np.ndarray) -> np.ndarray:
        return t_ns


class Gateway:
    """Brings a car's frames at a rate, as its buses would."""

    def __init__(self, car: str, broker: Broker) -> None:
        self.vehicle = load_vehicle(car)
        self.pipeline = Pipeline(self.vehicle, broker, _Utc(), buses=None, clock=Clock.UTC, with_personal=False)
        self.pipeline.open()
        self.ready = threading.Event()
        self.ready.set()
        encoder = VehicleEncoder(self.vehicle)
        second = encoder.encode(_drive(self.vehicle.writers), 0, 4_000_000_000, idle=True)
        self._frames, self._at = second, 0
        self._encoder = encoder

    def listen(self, tap: Callable[[Frames], None]) -> Callable[[], None]:
        """Call *tap* with each batch."""
        return self.pipeline.listen(tap)

    def facts(self) -> Mapping[str, object]:
        """Return the counts."""
        return self.pipeline.facts()

    def hold(self) -> None:
        """Nothing is played."""

    start = play = stop = settle = hold

    def let_go(self) -> str:
        """Nothing acts."""
        return ""

    def bring(self, count: int) -> None:
        """Bring the next so many frames, as of now."""
        end = self._at + count
        rows = np.arange(self._at, end) % len(self._frames)
        self._at = end % len(self._frames)
        part = self._frames[rows]
        self.pipeline.take(Frames(_now(count), part.bus, part.id, part.size, part.data, Clock.UTC))

    def say(self, speed: float) -> None:
        """Bring the one frame that carries a speed."""
        track = Track(np.zeros(1, np.int64), np.array([speed]))
        frames = self._encoder.encode({SPEED: track}, 0, 1_000_000)
        self.pipeline.take(Frames(_now(len(frames)), frames.bus, frames.id, frames.size, frames.data, Clock.UTC))


def _drive(paths: Mapping[str, Any]) -> dict[str, Track]:
    """Return a drive of four seconds, in which everything that moves does."""
    t = np.arange(0, 4_000_000_000, 10_000_000, dtype=np.int64)
    wave = np.sin(2 * np.pi * t / 4e9)
    wanted = {
        SPEED: 60 + 40 * wave,
        "Vehicle.Chassis.SteeringWheel.Angle": 120 * wave,
        "Vehicle.Chassis.Accelerator.PedalPosition": 50 + 50 * wave,
        "Vehicle.Powertrain.CombustionEngine.Speed": 2500 + 1500 * wave,
        "Vehicle.Powertrain.ElectricMotor.Speed": 2500 + 1500 * wave,
    }
    return {path: Track(t, values) for path, values in wanted.items() if path in paths}


def _now(count: int) -> np.ndarray:
    return np.full(count, time.time_ns(), np.int64)


class Stand:
    """A dashboard of three cars that drive, in this process."""

    def __init__(self) -> None:
        self.cars: list[LiveCar] = []
        for name, car in CARS.items():
            broker = Broker(load_catalog(), name=name)
            self.cars.append(LiveCar(name, broker, Gateway(car, broker), ()))
        settings = Settings(cars={name: CarSettings(car=car) for name, car in CARS.items()})
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.server = WebServer(Scene(settings, tuple(self.cars)), Endpoint(), Access())
        self.endpoint = self._run(self.server.start())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        """Serve no more."""
        self._run(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextlib.contextmanager
    def driving(self, frames_per_second: float) -> Iterator[Callable[[], float]]:
        """Let each car bring its share of so many frames a second; yields how many there really were, in a second."""
        over = threading.Event()
        brought = [0]
        began = time.perf_counter()

        def go(gateway: Gateway) -> None:
            due, each = time.perf_counter(), frames_per_second / len(self.cars) * BATCH_S
            owed = 0.0
            while not over.is_set():
                owed += each
                count, owed = int(owed), owed - int(owed)
                if count:
                    gateway.bring(count)
                    brought[0] += count
                due += BATCH_S
                time.sleep(max(0.0, due - time.perf_counter()))

        threads = [threading.Thread(target=go, args=(car.gateway,)) for car in self.cars]
        for thread in threads:
            thread.start()
        try:
            yield lambda: brought[0] / (time.perf_counter() - began)
        finally:
            over.set()
            for thread in threads:
                thread.join()


async def _client(address: str, seconds: float, counts: dict[str, float]) -> None:
    """Look at the cars as a page does, without drawing."""
    import json

    end = time.perf_counter() + seconds
    async with connect(f"ws://{address}/live", max_size=None) as socket:
        await socket.send(json.dumps({"type": "hello", "protocol": PROTOCOL}))
        await socket.send(json.dumps({"type": "open", "id": 1, "view": "alliance"}))
        with contextlib.suppress(ConnectionClosed):
            while time.perf_counter() < end:
                text = await socket.recv()
                if '"type":"update"' in text[:40]:  # type: ignore[operator] - texts are sent
                    counts["updates"] += 1
                    counts["bytes"] += len(text)
                    await socket.send(json.dumps({"type": "drawn", "n": json.loads(text)["n"]}))


def clients(stand: Stand, count: int, seconds: float) -> tuple[float, float]:
    """Return updates and bytes per second of each of so many clients."""
    counts = {"updates": 0.0, "bytes": 0.0}

    async def all_of_them() -> None:
        await asyncio.gather(*(_client(str(stand.endpoint), seconds, counts) for _ in range(count)))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, all_of_them()).result()
    return counts["updates"] / seconds / count, counts["bytes"] / seconds / count


def _cpu(work: Callable[[], object]) -> tuple[float, float]:
    """Return the processor time of this process over the wall time of some work, and that wall time."""
    gc.collect()
    began, used = time.perf_counter(), time.process_time()
    work()
    wall = time.perf_counter() - began
    return (time.process_time() - used) / wall, wall


def cost(stand: Stand, seconds: float) -> None:
    """Print what the server uses, without and with clients."""
    for rate in (4_000, 20_000):
        with stand.driving(rate) as real:
            alone, _ = _cpu(lambda: time.sleep(seconds))
            print(f"{real():8,.0f} frames/s, nobody looks: {100 * alone:5.1f} % of a core")
            for count in (1, 5):
                told: list[tuple[float, float]] = []
                used, _ = _cpu(lambda n=count, to=told: to.append(clients(stand, n, seconds)))
                updates, sent = told[0]
                print(
                    f"{real():8,.0f} frames/s, {count} client{'s' * (count > 1)}: {100 * used:5.1f} % of a core with "
                    f"the clients' own work, {updates:4.1f} updates/s and {sent / 1e3:5.1f} kB/s each"
                )


_WATCH = """() => {
    const dial = document.querySelector('.car:nth-child(3) .dial.role-speed');
    window.seen = [];
    new MutationObserver(() => requestAnimationFrame(() => {
        window.seen.push([dial.getAttribute('aria-valuetext'), performance.timeOrigin + performance.now()]);
        if (window.seen.length > 500) window.seen.shift();
    })).observe(dial, {attributes: true, attributeFilter: ['aria-valuetext']});
}"""


def pixels(stand: Stand, page: Page, seconds: float) -> None:
    """Print how long a value takes until the page has drawn it."""
    gateway = next(car.gateway for car in stand.cars if car.name == "nissan")
    page.evaluate(_WATCH)
    late: list[float] = []
    rng = np.random.default_rng(1)
    end = time.perf_counter() + seconds
    speed = 10
    while time.perf_counter() < end:
        speed = 10 + (speed - 9) % 120
        sent = time.time()
        gateway.say(float(speed))  # type: ignore[union-attr] - it is ours
        for _ in range(200):
            seen = dict(page.evaluate("window.seen"))
            if f"{speed} km/h" in seen:
                late.append(seen[f"{speed} km/h"] - 1000 * sent)
                break
            time.sleep(0.005)
        page.evaluate("window.seen.length = 0")
        time.sleep(float(rng.uniform(0.02, 0.09)))
    late.sort()
    print(
        f"frame to pixel: median {statistics.median(late):5.1f} ms, 95 % within {late[int(len(late) * 0.95)]:5.1f} ms, "
        f"worst {late[-1]:5.1f} ms of {len(late)}"
    )


def heap(page: Page) -> tuple[float, int]:
    """Return the page's heap in MB after a collection, and its nodes."""
    tools = page.context.new_cdp_session(page)
    tools.send("HeapProfiler.collectGarbage")
    nodes = tools.send("Memory.getDOMCounters")["nodes"]
    return tools.send("Runtime.getHeapUsage")["usedSize"] / 1e6, nodes


def browser(stand: Stand, seconds: float) -> None:
    """Print what a browser sees."""
    import shutil

    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("no Playwright here: nothing is measured in a browser")
        return
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        print("no Chromium here: nothing is measured in a browser")
        return
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = started.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(f"http://{stand.endpoint}/")
        page.wait_for_selector(".car")
        time.sleep(1.0)
        pixels(stand, page, seconds)
        for rate in (4_000, 20_000):
            with stand.driving(rate) as real:
                time.sleep(1.0)
                before, start = page.evaluate("[commonwheel.link.updates, performance.now()]")
                heap_before = heap(page)
                lags = []
                end = time.perf_counter() + seconds
                while time.perf_counter() < end:
                    time.sleep(0.1)
                    lags.append(page.evaluate("commonwheel.link.lag_ms"))
                after, stop = page.evaluate("[commonwheel.link.updates, performance.now()]")
                heap_after = heap(page)
                hz = (after - before) / (stop - start) * 1000
                print(
                    f"{real():8,.0f} frames/s: the page draws {hz:4.1f} times a second, "
                    f"{statistics.median(lags):4.1f} ms behind (worst {max(lags):4.1f}); "
                    f"heap {heap_before[0]:.2f} -> {heap_after[0]:.2f} MB, "
                    f"nodes {heap_before[1]} -> {heap_after[1]} over {after - before} updates"
                )
        started.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.web")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    seconds = 1.5 if options.quick else 60.0 if options.full else 10.0
    stand = Stand()
    try:
        cost(stand, min(seconds, 10.0))
        browser(stand, seconds)
    finally:
        stand.close()


if __name__ == "__main__":
    main()
