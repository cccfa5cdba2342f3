"""An app over a recording, or over a car that is simulated: in this process, faster than the car drove, in its time.

The same recording leads to the same calls each time: ``Recorded`` holds what the app did, in order.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from commonwheel.apps.engine import Engine
from commonwheel.apps.facts import Facts, facts_of
from commonwheel.apps.status import Shown
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import to_inside
from commonwheel.client.requests import Outcome, Stage, Step
from commonwheel.gateway.translate import Translation
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from commonwheel.apps.app import App
    from commonwheel.apps.sink import Failure
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

    def request(self, number: int, t_ns: int, path: str, value: Value) -> None:
        """Note a request, and refuse it: nothing moves in a recording."""
        self.requested.append((t_ns, path, value))
        why = "a recording cannot be asked to act"
        if self.answer is not None:
            self.answer(number, Outcome(path, value, (Step(Stage.REQUESTED, t_ns), Step(Stage.REFUSED, t_ns, why))))

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


@contextmanager
def drive_of_log(
    path: Path, car: str | Path | Vehicle | None, app: App, *, with_personal: bool = False
) -> Generator[Drive]:
    """Open a recording; only what the app declares is decoded.

    Raises:
        LogError: it cannot be read, or is of none of the described cars.
        DescriptionError: the named car does not exist.
    """
    from commonwheel.vehicles.reading import LogDecoder, Selection

    manifest = app.manifest
    patterns = (*manifest.requires, *manifest.may_use)
    with LogDecoder(path, car, Selection(patterns, with_personal=with_personal)) as decoder:
        yield Drive(decoder.vehicle, decoder, with_personal)


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
    return Drive(twin.vehicle, _driven(twin, app, seconds, with_personal=with_personal), with_personal)


def _driven(twin: TwinLike, app: App, seconds: float | None, *, with_personal: bool) -> Iterator[Samples]:
    from commonwheel.vehicles.decoder import VehicleDecoder

    manifest = app.manifest
    patterns = (*manifest.requires, *manifest.may_use)
    numbers = {i: bus.name for i, bus in enumerate(twin.vehicle.buses)}
    decoder = VehicleDecoder(twin.vehicle, buses=numbers, signals=patterns, with_personal=with_personal)
    end_ns = _LONGEST_NS if seconds is None else round(seconds * 1e9)
    now_ns = 0
    while now_ns < end_ns and not twin.finished:
        now_ns = min(now_ns + _TWIN_STEP_NS, end_ns)
        frames = twin.advance(now_ns)
        if len(frames):
            yield decoder.decode(frames)
        yield decoder.expire(now_ns)


def run_over(app: App, drive: Drive, settings: Mapping[str, object] | None = None) -> Recorded:
    """Run an app over a drive, as fast as it goes.

    Args:
        app: loaded for this run, and checked.
        drive: of one car.
        settings: values in place of the manifest's own.

    Raises:
        AppError: there is no such setting.
        LogError: the recording cannot be read on.
    """
    facts = facts_of(drive.vehicle, app.manifest, with_personal=drive.with_personal)
    recorded = Recorded(car=drive.vehicle.name)
    recorded.units.update({name: output.unit for name, output in app.manifest.outputs.items()})
    engine = Engine(app, facts, recorded, settings)
    recorded.answer = engine.answer
    for piece in pieces_of(drive, facts, engine):
        engine.feed(piece)
    engine.stop()
    recorded.end_ns, recorded.received, recorded.called = engine.now_ns, engine.received, engine.called
    recorded.start_ns = engine.now_ns - round(engine.car.elapsed_s * 1e9)
    return recorded


def pieces_of(drive: Drive, facts: Facts, engine: Engine) -> Iterator[Updates]:
    """Yield a drive's updates in small pieces; the engine is started with the first, and the car's fixed facts."""
    translation = Translation.between(drive.vehicle, facts.table, with_personal=drive.with_personal)
    started = False
    for samples in drive.parts:
        chosen = samples[translation.numbers[samples.signal] >= 0]
        if not started and len(samples):
            started = True
            first_ns = int(samples.t_ns.min())
            engine.start(first_ns, facts_at(translation, facts, first_ns))
        if len(chosen):
            yield from _cut(translation.apply(chosen, chosen.t_ns))
    if not started:
        engine.start(0, facts_at(translation, facts, 0))


def facts_at(translation: Translation, facts: Facts, t_ns: int) -> Updates:
    """Return a car's fixed facts as updates of a time."""
    rows = [
        (number, t_ns, *to_inside(facts.table[number], value))
        for number, value in sorted(translation.attributes.items())
    ]
    return Updates.build((number, t, value, int(Quality.GOOD), item) for number, t, value, item in rows)


def _cut(updates: Updates) -> Iterator[Updates]:
    """Yield updates in pieces of ``_STEP_NS`` of their own time; where they are cut does not depend on how they came."""
    steps = np.maximum.accumulate(updates.t_ns) // _STEP_NS
    cuts = np.flatnonzero(np.diff(steps)) + 1
    at = 0
    for cut in [*cuts.tolist(), len(updates)]:
        yield updates[at:cut]
        at = cut
