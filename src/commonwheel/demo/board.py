"""The demo's table: every car in the same instruments, the frame that carries its speed, and what the apps say.

``Board`` looks at live cars and says what there is to say as plain facts; ``rendered`` makes a table of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.apps.status import AppState
from commonwheel.client import connect
from commonwheel.vehicles import Quality
from commonwheel.vehicles.bits import bits_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.table import Table
    from rich.text import Text

    from commonwheel.apps.status import Hosted, Hosting, Shown
    from commonwheel.client import Car, Reading
    from commonwheel.gateway.live import LiveCar
    from commonwheel.vehicles.model import Field, Message
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["INSTRUMENTS", "Board", "CarFacts", "Pattern", "rendered", "tenths"]

SPEED = "Vehicle.Speed"
_PACK = "Vehicle.Powertrain.TractionBattery"
INSTRUMENTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("speed", (SPEED,)),
    ("gear", ("Vehicle.Powertrain.Transmission.SelectedGear",)),
    ("steering wheel", ("Vehicle.Chassis.SteeringWheel.Angle",)),
    ("accelerator", ("Vehicle.Chassis.Accelerator.PedalPosition",)),
    ("brake pressed", ("Vehicle.Chassis.Brake.IsPressed",)),
    ("engine", ("Vehicle.Powertrain.CombustionEngine.Speed",)),
    ("motor", ("Vehicle.Powertrain.ElectricMotor.Speed", "Vehicle.MotionManagement.ElectricAxle.Row1.RotationalSpeed")),
    ("battery power", (f"{_PACK}.CurrentPower",)),
    ("charge", (f"{_PACK}.StateOfCharge.Displayed", f"{_PACK}.StateOfCharge.Current")),
    ("driven in all", ("Vehicle.TraveledDistance",)),
)
"""Rows of the table: a name, and the signals that can fill it, in order of preference."""
_GEARS = {126: "P", -1: "R", 0: "N", 127: "D"}
_MOST_OUTPUTS = 4
_RATE_S = 1.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """A frame and the bytes of it that hold the speed."""

    id: str
    """In hexadecimal."""
    payload: bytes
    marked: frozenset[int]
    """Numbers of the bytes with bits of the speed."""


@dataclass(frozen=True, slots=True)
class CarFacts:
    """What is to be seen of one car now."""

    name: str
    title: str
    values: dict[str, str]
    """By the instrument's name; '' where the car does not give it."""
    pattern: Pattern | None
    frames: int
    frames_per_second: float
    apps: dict[str, str]
    """By the app's name: what it says, or how it is."""


@dataclass(slots=True)
class _Watched:
    """One car that is looked at."""

    live: LiveCar
    vehicle: Vehicle
    client: Car
    paths: dict[str, str]
    message: Message | None
    marked: frozenset[int]
    deaf: Callable[[], None]
    payload: bytes = b""
    frames: int = 0
    rate: float = 0.0
    seen: tuple[float, int] = field(default_factory=lambda: (time.monotonic(), 0))

    def take(self, frames: Frames) -> None:
        """Take note of a batch; in the thread that brings it."""
        self.frames += len(frames)
        if self.message is None:
            return
        rows = np.flatnonzero((frames.id == self.message.frame_id) & (frames.bus == self.message.bus))
        if len(rows):
            row = int(rows[-1])
            self.payload = frames.data[row, : int(frames.size[row])].tobytes()


class Board:
    """Looks at the cars of a service. ``close`` it."""

    def __init__(self, cars: Sequence[tuple[LiveCar, Vehicle]], hosting: Hosting | None) -> None:
        """Begin to look.

        Args:
            cars: each with its description; they have a gateway.
            hosting: the apps that run on them.
        """
        self._hosting = hosting
        self._cars = [self._watch(live, vehicle) for live, vehicle in cars]

    def _watch(self, live: LiveCar, vehicle: Vehicle) -> _Watched:
        message, field_ = _carrier(vehicle)
        marked = frozenset[int]() if field_ is None else _bytes_of(field_)
        paths = {
            name: next((path for path in choices if path in vehicle.provided), "") for name, choices in INSTRUMENTS
        }
        watched = _Watched(live, vehicle, connect(live.broker), paths, message, marked, lambda: None)
        if live.gateway is not None:
            watched.deaf = live.gateway.listen(watched.take)
        return watched

    def facts(self) -> list[CarFacts]:
        """Return what is to be seen now, by car."""
        return [self._facts(car) for car in self._cars]

    def _facts(self, car: _Watched) -> CarFacts:
        wanted = {name: path for name, path in car.paths.items() if path}
        readings = dict(zip(wanted, car.client.get_many(wanted.values()), strict=True))
        now = time.monotonic()
        since, frames = car.seen
        if now - since >= _RATE_S:
            car.rate = (car.frames - frames) / (now - since)
            car.seen = (now, car.frames)
        pattern = None
        if car.message is not None and car.payload:
            pattern = Pattern(car.message.id_text.removeprefix("0x"), car.payload, car.marked)
        return CarFacts(
            car.live.name,
            car.vehicle.title.split(" / ")[0],
            {name: _told(name, readings[name]) if name in readings else "" for name, _ in INSTRUMENTS},
            pattern,
            car.frames,
            car.rate,
            {app.manifest.name: _said(app) for app in self._apps_of(car.live.name)},
        )

    def _apps_of(self, car: str) -> list[Hosted]:
        return [] if self._hosting is None else [app for app in self._hosting.apps if app.car == car]

    def close(self) -> None:
        """Stop looking."""
        for car in self._cars:
            car.deaf()
            car.client.close()


def _carrier(vehicle: Vehicle) -> tuple[Message, Field] | tuple[None, None]:
    """Return the message and the field that carry the speed."""
    for writer in vehicle.writers.get(SPEED, ()):
        message = vehicle.messages[writer.message]
        for one in message.fields:
            if one.name == writer.field:
                return message, one
    return None, None


def _bytes_of(one: Field) -> frozenset[int]:
    mask = bits_of(one)
    return frozenset(byte for byte in range(64) if mask >> 8 * byte & 0xFF)


def _told(name: str, reading: Reading) -> str:
    """Return a reading in words: its quality too, unless it is good."""
    if reading.quality is Quality.MISSING or reading.value is None:
        return "…"
    value = reading.value
    if isinstance(value, bool):
        text = "yes" if value else "no"
    elif name == "gear" and isinstance(value, int):
        text = _GEARS.get(value, str(value))
    elif isinstance(value, int | float):
        unit = reading.unit or ""
        number = value
        if unit == "m":
            number, unit = value / 1000, "km"
        elif unit == "W":
            number, unit = value / 1000, "kW"
        text = f"{tenths(number)} {unit}".strip()
    else:
        text = str(value)
    return text if reading.quality is Quality.GOOD else f"{text} ({reading.quality.name.lower()})"


def _said(app: Hosted) -> str:
    """Return what an app says, or why it says nothing."""
    status = app.status
    if status.state is AppState.UNFIT:
        lacking = app.missing[0].removeprefix("Vehicle.") if app.missing else "signals"
        return f"not on this car: no {lacking}"
    if status.state is not AppState.RUNNING:
        return status.state.value + (f": {status.error.splitlines()[-1]}" if status.error else "")
    shown = [f"{name} {_short(value)}" for name, value in list(status.outputs.items()) if value.value not in {None, ""}]
    parts = shown[:_MOST_OUTPUTS]
    if status.events:
        last = status.events[-1]
        count = len(status.events)
        parts.append(f"{count} event{'' if count == 1 else 's'}, last {last.name}")
    return ", ".join(parts) or "runs"


def tenths(number: float) -> str:
    """Return a number with one decimal, and no minus before zero."""
    return f"{round(number, 1) + 0.0:,.1f}"


def _short(shown: Shown) -> str:
    value = shown.value
    text = tenths(value) if isinstance(value, float) else str(value)
    return f"{text} {shown.unit}".strip()


def rendered(facts: Sequence[CarFacts], footer: str) -> Table:
    """Return the table, for a terminal."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Three makers, one drive, one set of apps", caption=footer, header_style="bold", expand=True)
    table.add_column("", no_wrap=True)
    for car in facts:
        table.add_column(f"{escape(car.title)}\n[dim]{escape(car.name)}[/]", ratio=1)
    for name, _ in INSTRUMENTS:
        if any(car.values[name] for car in facts):
            table.add_row(name, *(escape(car.values[name]) or "[dim]–[/]" for car in facts))
    table.add_row("speed on the wire", *(_bytes(car.pattern) for car in facts), end_section=True)
    table.add_row("frames", *(f"{car.frames:,} ({car.frames_per_second:,.0f}/s)" for car in facts), end_section=True)
    for app in dict.fromkeys(name for car in facts for name in car.apps):
        table.add_row(escape(app), *(escape(car.apps.get(app, "")) for car in facts))
    return table


def _bytes(pattern: Pattern | None) -> Text:
    """Return a frame's bytes, those with the speed in them marked."""
    from rich.text import Text

    text = Text()
    if pattern is None:
        return text
    text.append(f"{pattern.id}  ")
    for number, byte in enumerate(pattern.payload):
        text.append(f"{byte:02X}", style="bold reverse" if number in pattern.marked else "dim")
        text.append(" ")
    return text
