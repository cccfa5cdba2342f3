"""An app over a recording, or over a car that is simulated: in this process, faster than the car drove, in its time.

The same recording leads to the same calls each time: ``Recorded`` holds what the app did, in order.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from commonwheel.apps.engine import Engine
from commonwheel.apps.facts import facts_of
from commonwheel.apps.matrix import require
from commonwheel.apps.status import Shown
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import to_inside
from commonwheel.client.requests import Outcome, Stage, Step
from commonwheel.gateway.translate import Translation
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.samples import Quality
from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from pathlib import Path

    from commonwheel.apps.app import App
    from commonwheel.apps.facts import Facts
    from commonwheel.apps.sink import Failure, Wish
    from commonwheel.apps.status import AppEvent, LogLine, Scalar
    from commonwheel.broker.values import Value
    from commonwheel.vehicles.samples import Samples
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["Drive", "Recorded", "TwinLike", "drive_of_log", "drive_of_samples", "drive_of_twin", "run_over"]

_STEP_NS = 50_000_000
"""Samples are handed over in pieces of this much time, as a live car's would be."""
_TWIN_STEP_NS = 1_000_000_000
_LONGEST_NS = 48 * 3600 * 1_000_000_000


@dataclass(slots=True)
class Recorded:
    """What an app did, in order. It is a ``Sink``."""

    outputs: dict[str, Shown] = field(default_factory=dict[str, Shown])
    """The last value of each output that was shown."""
    shown: list[tuple[int, str, Scalar | None]] = field(default_factory=list[tuple[int, str, "Scalar | None"]])
    """Every value that was shown: time, output, value."""
    events: list[AppEvent] = field(default_factory=list["AppEvent"])
    logs: list[LogLine] = field(default_factory=list["LogLine"])
    published: list[tuple[int, str, Value | None]] = field(default_factory=list[tuple[int, str, "Value | None"]])
    requested: list[tuple[int, str, Value]] = field(default_factory=list[tuple[int, str, "Value"]])
    withdrawn: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    failures: list[Failure] = field(default_factory=list["Failure"])
    start_ns: int = 0
    end_ns: int = 0
    car: str = ""
    received: int = 0
    """Updates that the app was handed."""
    called: int = 0
    """How often its functions were called."""
    units: dict[str, str] = field(default_factory=dict[str, str])
    """Units of the outputs."""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    """What the drive is measured by, where the car acted; none elsewhere."""
    answer: Callable[[int, Outcome], None] | None = None
    """Tells the app how a request ended."""

    def show(self, t_ns: int, values: Mapping[str, Scalar | None]) -> None:
        """Note outputs."""
        for name, value in values.items():
            self.outputs[name] = Shown(value, self.units.get(name, ""), t_ns)
            self.shown.append((t_ns, name, value))

    def report(self, event: AppEvent) -> None:
        """Note an event."""
        self.events.append(event)

    def log(self, line: LogLine) -> None:
        """Note a line."""
        self.logs.append(line)

    def publish(self, t_ns: int, values: Mapping[str, Value | None]) -> None:
        """Note values."""
        self.published += [(t_ns, path, value) for path, value in values.items()]

    def request(self, wish: Wish) -> None:
        """Note a request, and refuse it: nothing moves in a recording."""
        t_ns, path, value = wish.t_ns, wish.path, wish.value
        self.requested.append((t_ns, path, value))
        if self.answer is not None:
            steps = (Step(Stage.REQUESTED, t_ns), Step(Stage.REFUSED, t_ns, "a recording cannot be asked to act"))
            self.answer(wish.number, Outcome(path, value, steps))

    def withdraw(self, t_ns: int, path: str) -> None:
        """Note that nothing is asked of an actuator any more."""
        self.withdrawn.append((t_ns, path))

    def failed(self, failure: Failure) -> None:
        """Note a failure."""
        self.failures.append(failure)

    def value(self, output: str) -> Scalar | None:
        """Return the last value of an output; None where it has none."""
        shown = self.outputs.get(output)
        return None if shown is None else shown.value

    def count(self, event: str) -> int:
        """Return how often an event was reported."""
        return sum(one.name == event for one in self.events)


class TwinLike(Protocol):
    """As much of a simulated car (``twin.Twin``) as is needed here."""

    @property
    def vehicle(self) -> Vehicle:
        """The car."""
        ...

    @property
    def finished(self) -> bool:
        """Whether its scenario is over."""
        ...

    def advance(self, until_ns: int) -> Frames:
        """Return what it sent up to a time since its start."""
        ...


@dataclass(frozen=True, slots=True)
class Drive:
    """One car's drive, to be gone through once."""

    vehicle: Vehicle
    parts: Iterable[Samples]
    """In order of time."""
    with_personal: bool = False
    start_ns: int | None = None
    """When it starts, where that is known before the first sample."""
    end_ns: Callable[[], int] | None = None
    """Tells when it ended, once it has been gone through."""


@contextmanager
def drive_of_log(
    path: Path,
    car: str | Path | Vehicle | None,
    app: App,
    *,
    seconds: float | None = None,
    with_personal: bool = False,
) -> Generator[Drive]:
    """Open a recording; only what the app declares is decoded.

    Args:
        path: the recording.
        car: whose it is; None finds out.
        app: what is to run over it.
        seconds: how much of it; None is all.
        with_personal: also what tells who the car or its user is.

    Raises:
        LogError: it cannot be read, or is of none of the described cars.
        DescriptionError: the named car does not exist.
    """
    from commonwheel.vehicles.reading import LogDecoder, Selection

    manifest = app.manifest
    patterns = (*manifest.requires, *manifest.may_use)
    with LogDecoder(path, car, Selection(patterns, end_s=seconds, with_personal=with_personal)) as decoder:
        yield Drive(decoder.vehicle, decoder, with_personal, decoder.first_ns, lambda: decoder.last_ns)


def drive_of_samples(vehicle: Vehicle, samples: Samples) -> Drive:
    """Return a drive of samples that were decoded already."""
    return Drive(vehicle, (samples,))


def drive_of_twin(twin: TwinLike, app: App, *, seconds: float | None = None, with_personal: bool = False) -> Drive:
    """Return the drive of a simulated car, made as it is gone through.

    Args:
        twin: at its start.
        app: only what it declares is decoded.
        seconds: how much of it; None until the scenario is over.
        with_personal: also what tells who the car or its user is.
    """
    driven = _Driven(twin, app, seconds, with_personal=with_personal)
    return Drive(twin.vehicle, driven, with_personal, 0, lambda: driven.now_ns)


class _Driven:
    """The samples of a simulated drive."""

    def __init__(self, twin: TwinLike, app: App, seconds: float | None, *, with_personal: bool) -> None:
        manifest = app.manifest
        self.now_ns = 0
        self._twin = twin
        self._end_ns = _LONGEST_NS if seconds is None else round(seconds * 1e9)
        self._decoder = VehicleDecoder(
            twin.vehicle,
            buses={i: bus.name for i, bus in enumerate(twin.vehicle.buses)},
            signals=(*manifest.requires, *manifest.may_use),
            with_personal=with_personal,
            clock=Clock.RELATIVE,
        )

    def __iter__(self) -> Iterator[Samples]:
        while self.now_ns < self._end_ns and not self._twin.finished:
            self.now_ns = min(self.now_ns + _TWIN_STEP_NS, self._end_ns)
            yield self._decoder.decode(self._twin.advance(self.now_ns))
            yield self._decoder.expire(self.now_ns)


def run_over(
    app: App,
    drive: Drive,
    settings: Mapping[str, object] | None = None,
    *,
    rate: float | None = None,
    into: Recorded | None = None,
) -> Recorded:
    """Run an app over a drive.

    Args:
        app: loaded for this run, and checked.
        drive: of one car.
        settings: values in place of the manifest's own.
        rate: how many times as fast as in the car; None: as fast as it goes. What the app does is the same.
        into: takes in what the app does; None makes one.

    Raises:
        AppError: there is no such setting, or the car does not give what the app requires.
        LogError: the recording cannot be read on.
    """
    facts = facts_of(drive.vehicle, app.manifest, with_personal=drive.with_personal)
    require(app.manifest, facts)
    recorded = Recorded() if into is None else into
    recorded.car = drive.vehicle.name
    recorded.units.update({name: output.unit for name, output in app.manifest.outputs.items()})
    engine = Engine(app, facts, recorded, settings)
    translation = Translation.between(drive.vehicle, facts.table, with_personal=drive.with_personal)
    recorded.answer = engine.answer
    pace = _Pace(rate)
    started = False
    for samples in drive.parts:
        if not started and (len(samples) or drive.start_ns is not None):
            started = True
            _begin(engine, drive, translation, samples, recorded)
        chosen = samples[translation.numbers[samples.signal] >= 0]
        for piece in _cut(translation.apply(chosen, chosen.t_ns)) if len(chosen) else ():
            pace.wait(int(piece.t_ns[0]))
            engine.feed(piece)
    if not started:
        engine.start(0, _facts_at(translation, facts, 0))
    if drive.end_ns is not None:
        engine.advance(drive.end_ns())
    engine.stop()
    recorded.end_ns, recorded.received, recorded.called = engine.now_ns, engine.received, engine.called
    return recorded


def _begin(engine: Engine, drive: Drive, translation: Translation, samples: Samples, recorded: Recorded) -> None:
    """Start the engine where the drive starts, with the car's fixed facts."""
    first_ns = int(samples.t_ns.min()) if len(samples) else drive.start_ns or 0
    if drive.start_ns is not None:
        first_ns = min(first_ns, drive.start_ns)
    recorded.start_ns = first_ns
    engine.start(first_ns, _facts_at(translation, engine.facts, first_ns))


class _Pace:
    """Holds a run back to so many times the car's own time; None: not at all."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._first_ns = 0
        self._began_s = 0.0

    def wait(self, t_ns: int) -> None:
        """Wait until it is a recorded time."""
        if self._rate is None:
            return
        if not self._began_s:
            self._first_ns, self._began_s = t_ns, time.monotonic()
        ahead_s = (t_ns - self._first_ns) / 1e9 / self._rate - (time.monotonic() - self._began_s)
        if ahead_s > 0:
            time.sleep(ahead_s)


def _facts_at(translation: Translation, facts: Facts, t_ns: int) -> Updates:
    """Return a car's fixed facts as updates of a time."""
    rows = [
        (number, t_ns, *to_inside(facts.table[number], value))
        for number, value in sorted(translation.attributes.items())
    ]
    return Updates.build((number, t, value, int(Quality.GOOD), item) for number, t, value, item in rows)


def _cut(updates: Updates) -> Iterator[Updates]:
    """Yield updates in pieces of ``_STEP_NS`` of their own time, wherever they were cut before."""
    steps = np.maximum.accumulate(updates.t_ns) // _STEP_NS
    cuts = np.flatnonzero(np.diff(steps)) + 1
    at = 0
    for cut in [*cuts.tolist(), len(updates)] if len(updates) else ():
        yield updates[at:cut]
        at = cut
