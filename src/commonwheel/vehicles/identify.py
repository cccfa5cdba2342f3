"""Which described car made this traffic, and which of its buses each recorded bus is.

Every bus of the log is held against every bus of every car: which ids both have, whether lengths and
periods agree, and whether the checksums that the description names hold. A car fits when what it should
send is there and what is there is known, and nothing contradicts it; a description may be thin (many ids
unknown) or a log may be of a part of the car (many messages missing), but not both. Where a description
says that it lists every id of a bus, unknown ids speak against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.errors import DescriptionError
from commonwheel.vehicles import SHIPPED, car_names, load_vehicle
from commonwheel.wire.codec import check_frames
from commonwheel.wire.frames import ERROR_FLAG, REMOTE_FLAG, Clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["BusFit", "Candidate", "Identification", "MessageFit", "identify", "load_cars", "observe"]

ENOUGH_FRAMES = 400_000
"""Identification looks at the beginning of a log; a minute or two of traffic tells all it can."""
CHECKED_FRAMES = 500
"""Checksums are tried on this many frames of a message."""
FEWEST_MESSAGES = 4
CLEAR, PARTIAL = 0.75, 0.2
"""One of (what was expected is there, what is there is known) has to be clear, the other at least partial."""
HOLDS = 0.9
PERIOD_TOLERANCE = 0.3
WEIGHTS = {"present": 1.0, "length": -4.0, "period": 1.0, "off": -0.5, "checksum": 4.0, "broken": -8.0}
ABSENT, UNKNOWN = -0.4, -0.4


@dataclass(frozen=True, slots=True)
class Seen:
    """One id of one recorded bus."""

    can_id: int
    count: int
    size: int
    """The most frequent payload length."""
    period_ns: float
    """Median gap; NaN when it cannot be told."""
    frames: Frames
    """The first few."""


@dataclass(frozen=True, slots=True)
class MessageFit:
    """How one message of the description compares with the log."""

    name: str
    id: int
    frames: int
    size_fits: bool
    period_fits: bool | None
    """None where no period is known or measurable."""
    checked: int
    """Frames on which the checksum was tried."""
    held: int
    too_often: bool = False
    """Whether it comes more often than described: loss makes gaps longer, never shorter."""


@dataclass(frozen=True, slots=True)
class BusFit:
    """One recorded bus held against one bus of a car."""

    log_bus: int
    bus: str
    messages: tuple[MessageFit, ...]
    expected: int
    """Messages that this bus should carry."""
    found: int
    """Those of them on the log, with the right length."""
    seen: int
    """Ids on the log."""
    known: int
    """Those of them in the description, with the right length."""
    complete: bool = False
    """Whether the description lists every id of this bus, so that an unknown one speaks against it."""

    @property
    def checks(self) -> tuple[int, int]:
        """Messages whose checksum (held, was tried)."""
        tried = [m for m in self.messages if m.checked]
        return sum(m.held >= HOLDS * m.checked for m in tried), len(tried)

    @property
    def periods(self) -> tuple[int, int]:
        """Messages whose period (fits, could be measured)."""
        measured = [m for m in self.messages if m.period_fits is not None]
        return sum(bool(m.period_fits) for m in measured), len(measured)

    @property
    def score(self) -> float:
        """Weight of the evidence; higher is better, comparable between cars on one log."""
        total = ABSENT * (self.expected - self.found) + UNKNOWN * (self.seen - self.known)
        for m in self.messages:
            total += WEIGHTS["present"] if m.size_fits else WEIGHTS["length"]
            if m.period_fits is not None:
                total += WEIGHTS["period" if m.period_fits else "off"]
            if m.checked:
                total += WEIGHTS["checksum" if m.held >= HOLDS * m.checked else "broken"]
        return total

    @property
    def fits(self) -> bool:
        """Whether this can be the bus."""
        known = self.known / max(1, self.seen)
        there = self.found / self.expected if self.expected else known  # without periods nothing is known to be due
        held, tried = self.checks
        measured = self.periods[1]
        hasty = sum(m.too_often for m in self.messages)
        return (
            self.known >= FEWEST_MESSAGES
            and (known if self.complete else max(there, known)) >= CLEAR
            and min(there, known) >= PARTIAL
            and held >= HOLDS * tried
            and hasty <= 0.5 * measured
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """One car, with its best assignment of buses."""

    car: str
    title: str
    buses: tuple[BusFit, ...]

    @property
    def score(self) -> float:
        """Sum over the buses."""
        return sum(bus.score for bus in self.buses)

    @property
    def fits(self) -> bool:
        """Whether the log can be of this car: at least one bus fits."""
        return any(bus.fits for bus in self.buses)

    @property
    def assignment(self) -> dict[int, str]:
        """Recorded bus to the car's bus, for the buses that fit."""
        return {bus.log_bus: bus.bus for bus in self.buses if bus.fits}


@dataclass(frozen=True, slots=True)
class Identification:
    """What a log was found to be."""

    candidates: tuple[Candidate, ...]
    """Every car compared, the best first."""
    frames: int
    """Frames looked at."""
    buses: dict[int, int]
    """Recorded bus to the number of ids on it."""

    @property
    def best(self) -> Candidate | None:
        """The car that made this traffic; None: none of those described."""
        first = self.candidates[0] if self.candidates else None
        return first if first is not None and first.fits else None

    @property
    def alike(self) -> tuple[Candidate, ...]:
        """Other cars that fit as well as the best, as far as this traffic can tell."""
        best = self.best
        if best is None:
            return ()
        return tuple(c for c in self.candidates[1:] if c.fits and c.score >= best.score - 1e-9)


def observe(frames: Frames) -> dict[int, list[Seen]]:
    """Return the ids of each recorded bus, with their lengths and periods."""
    data = (frames.id & (REMOTE_FLAG | ERROR_FLAG)) == 0
    frames = frames if data.all() else frames[data]
    key = frames.bus.astype(np.uint64) << np.uint64(32) | frames.id
    order = np.argsort(key, kind="stable")
    keys, starts = np.unique(key[order], return_index=True)
    result: dict[int, list[Seen]] = {}
    for k, begin, end in zip(keys.tolist(), starts, [*starts, len(order)][1:], strict=True):
        mine = order[begin:end]
        sizes = np.bincount(frames.size[mine])
        gaps = np.diff(frames.t_ns[mine])
        usable = len(gaps) >= 3 and frames.clock is not Clock.ORDER  # noqa: PLR2004 - fewer tell no period
        seen = Seen(
            k & 0xFFFF_FFFF,
            len(mine),
            int(sizes.argmax()),
            float(np.median(gaps)) if usable else float("nan"),
            frames[mine[:CHECKED_FRAMES]],
        )
        result.setdefault(k >> 32, []).append(seen)
    return result


def load_cars(folders: Sequence[Path] = (SHIPPED,), catalog: Path | None = None) -> list[Vehicle]:
    """Return every described car that compiles, with its variants."""
    cars: list[Vehicle] = []
    for name in dict.fromkeys(name for folder in folders for name in car_names(folder)):
        try:
            cars.append(load_vehicle(name, folders=tuple(folders), catalog=catalog))
        except DescriptionError:
            continue  # 'check' tells what is wrong with it
    return cars


def identify(frames: Frames, cars: Iterable[Vehicle] | None = None) -> Identification:
    """Hold traffic against described cars; None means all that are shipped.

    A variant is listed only where it fits better than the car it belongs to.
    """
    traffic = observe(frames)
    candidates = [_candidate(car, traffic) for car in (load_cars() if cars is None else cars)]
    base = {c.car: c.score for c in candidates if ":" not in c.car}
    kept = [c for c in candidates if ":" not in c.car or c.score > base.get(c.car.partition(":")[0], -np.inf) + 1e-9]
    kept.sort(key=lambda c: (not c.fits, -c.score, c.car))
    return Identification(tuple(kept), len(frames), {bus: len(ids) for bus, ids in traffic.items()})


def _candidate(car: Vehicle, traffic: dict[int, list[Seen]]) -> Candidate:
    """Assign recorded buses to the car's, greedily by score; each bus is taken once."""
    fits = [_compare(car, index, log_bus, seen) for log_bus, seen in traffic.items() for index in range(len(car.buses))]
    chosen: list[BusFit] = []
    for fit in sorted(fits, key=lambda f: (not f.fits, -f.score)):
        taken = any(fit.log_bus == other.log_bus or fit.bus == other.bus for other in chosen)
        if not taken and (fit.fits or not chosen):
            chosen.append(fit)
    return Candidate(car.name, car.title, tuple(chosen))


def _compare(car: Vehicle, index: int, log_bus: int, traffic: list[Seen]) -> BusFit:
    there = {seen.can_id: seen for seen in traffic}
    fits: list[MessageFit] = []
    expected = found = 0
    for message in car.messages:
        if message.bus != index:
            continue
        due = bool(message.period_ns) and not message.optional
        expected += due
        seen = there.get(message.frame_id)
        if seen is None:
            continue
        size_fits = seen.size == message.size
        found += due and size_fits
        checked = len(seen.frames) if message.check >= 0 else 0
        held = check_frames(car.tables, message.check, seen.frames) if checked else 0
        period = _period_fits(seen.period_ns, message.period_ns)
        hasty = period is False and seen.period_ns < message.period_ns
        fits.append(MessageFit(message.name, message.id, seen.count, size_fits, period, checked, held, hasty))
    known = sum(fit.size_fits for fit in fits)
    bus = car.buses[index]
    return BusFit(log_bus, bus.name, tuple(fits), expected, found, len(traffic), known, bus.complete)


def _period_fits(measured: float, stated: int) -> bool | None:
    if not stated or np.isnan(measured):
        return None
    return bool(abs(measured - stated) <= PERIOD_TOLERANCE * stated)
