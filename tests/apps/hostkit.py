"""A car's broker with a few signals that a test gives values of, and apps written in a line or two."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from commonwheel.apps.host import AppHost
from commonwheel.apps.hosting import AppHosts
from commonwheel.apps.launch import Launcher
from commonwheel.apps.limits import Limits
from commonwheel.apps.status import AppState
from commonwheel.broker import Broker
from commonwheel.broker.updates import Updates
from commonwheel.catalog import load_catalog
from commonwheel.gateway.live import LiveCar

PATIENCE_S = 30.0
"""How long a test waits for what has to happen; only a failing test waits that long."""
SPEED, CHARGE, RANGE = (
    "Vehicle.Speed",
    "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current",
    "Vehicle.Powertrain.Range",
)
FAN = "Vehicle.Cabin.HVAC.Station.Row1.Driver.FanSpeed"
SOON = Limits(backoff_s=0.01, failures=3, look_s=0.05)
"""Failures follow each other at once."""


class TestCar:
    """A car whose values a test gives."""

    __test__ = False

    def __init__(self, name: str = "leaf", gives: tuple[str, ...] = (SPEED,)) -> None:
        self.broker = Broker(load_catalog(), name=name)
        self.live = LiveCar(name, self.broker, None, ())
        self._provider = self.broker.provider("bus")
        self.give(*gives)

    def give(self, *paths: str) -> None:
        """Own signals."""
        self._provider.claim([self.broker.table.number(path) for path in paths])

    def say(self, value: float, path: str = SPEED, t_ns: int | None = None) -> None:
        """Give a value."""
        number = self.broker.table.number(path)
        self._provider.publish(Updates.build([(number, t_ns or time.time_ns(), value, 0, None)]))

    def close(self) -> None:
        """Give everything up."""
        self._provider.close()


def write_app(folder: Path, body: str, name: str = "trial", **declared: str) -> Path:
    """Write an app that reads the speed, shows ``n`` and reports ``seen``; *declared* is more of its manifest."""
    parts = {
        "requires": f'{{"{SPEED}": 0}}',
        "outputs": '{"n": Output("km/h", "A number."), "text": Output("", "A text.", "string")}',
        "events": '{"seen": Event("It was seen.", "warning")}',
    } | declared
    file = folder / f"{name}.py"
    manifest = "".join(f"    {part}={value},\n" for part, value in parts.items())
    file.write_text(
        "from commonwheel.apps import App, Event, Output, Setting\n\n"
        f'app = App(\n    "{name.replace("_", "-")}", "1.0", "For a test.",\n{manifest})\n{body}\n'
    )
    return file


def line_of(file: Path, text: str) -> str:
    """Return where a text is in a file, as errors say it."""
    lines = file.read_text().splitlines()
    return f"{file}:{next(i for i, line in enumerate(lines, 1) if text in line)}"


async def until(holds: Callable[[], object], what: str = "") -> None:
    """Wait until something holds; fail when it never does."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - what it looks at belongs to other threads and has no event
                await asyncio.sleep(0.002)
    except TimeoutError:
        message = f"it never came to be {what}"
        raise AssertionError(message) from None


async def state(host: AppHost, wanted: AppState) -> None:
    """Wait until an app is in a state."""
    await until(lambda: host.status.state is wanted, f"{wanted.value}; it is {host.status}")


def texts(host: AppHost) -> str:
    """Return an app's log."""
    return "\n".join(line.text for line in host.status.logs)


@contextlib.asynccontextmanager
async def running(
    *apps: Path | str,
    car: TestCar | None = None,
    settings: Mapping[str, Mapping[str, float | str | bool]] | None = None,
    limits: Limits = SOON,
    launcher: Launcher | None = None,
) -> AsyncIterator[tuple[AppHosts, TestCar]]:
    """Run apps on a car for as long as the block runs."""
    car = car or TestCar()
    hosts = AppHosts([str(app) for app in apps], settings=settings, limits=limits, launcher=launcher)
    try:
        await hosts.start([car.live], None)  # type: ignore[arg-type]
        yield hosts, car
    finally:
        await hosts.stop(20)
        car.close()
