"""A log in, standard samples out: the whole way, in chunks.

``read`` is for a log that fits in memory, ``LogDecoder`` for one that does not: it yields samples batch by
batch and counts what it saw, so that a log of another car, read with the wrong description, is noticed.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.errors import CommonwheelWarning, LogError
from commonwheel.vehicles import Samples, Vehicle, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.frames import Clock, Frames
from commonwheel.wire.logs import open_log
from commonwheel.wire.sent import own_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from commonwheel.vehicles.identify import Identification
    from commonwheel.vehicles.model import Bus
    from commonwheel.wire.logs import LogReader, LogReport

__all__ = ["LogDecoder", "Selection", "ahead", "read"]

FEW_KNOWN, FEW_LISTED = 0.5, 0.75
"""Share of described frames below which a car is doubted; the second where it lists every id of its buses."""
FEW_HOLD = 0.9
MISFIT = 0.01
"""A car's own messages come whole and counting, but for accidents; other cars use the same ids otherwise."""
ENOUGH = 100
LOOK_AHEAD_FRAMES = 400_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a log is wanted."""

    signals: tuple[str, ...] | None = None
    """Path patterns; None is every signal."""
    buses: Mapping[int, str] | None = None
    """Recorded bus to the car's bus; None finds out."""
    start_s: float | None = None
    """Seconds after the log's first frame."""
    end_s: float | None = None
    with_personal: bool = False


@dataclass(slots=True)
class LogDecoder:
    """Decodes one log, chunk by chunk. Use as a context manager and iterate.

    After (or while) iterating, ``report`` accounts for the log's lines, ``decoder`` for its frames.
    """

    path: Path
    car: str | Path | Vehicle | None = None
    selection: Selection = field(default_factory=Selection)
    catalog: Path | None = None
    progress: Callable[[int], None] | None = None
    vehicle: Vehicle = field(init=False)
    decoder: VehicleDecoder = field(init=False)
    identification: Identification | None = field(init=False, default=None)
    buses: Mapping[int, str] | None = field(init=False, default=None)
    """How the recorded buses were assigned; None where there was nothing to assign."""
    first_ns: int = field(init=False, default=0)
    """Time of the log's first frame; ``Selection`` counts its seconds from there."""
    last_ns: int = field(init=False, default=0)
    """Time of the last frame so far that was chosen."""
    _reader: LogReader = field(init=False)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)
    _ahead: list[Frames] = field(init=False, default_factory=list[Frames])
    _elsewhere: int = field(init=False, default=0)
    """Frames on buses that are none of the car's."""

    def __enter__(self) -> Self:
        """Open the log, tell its car when none was named, and assign its buses.

        Raises:
            LogError: the log cannot be read, or is of none of the described cars.
            DescriptionError: the named car does not exist or has faults.
        """
        car = self.car
        vehicle = None if car is None else car if isinstance(car, Vehicle) else load_vehicle(car, catalog=self.catalog)
        self._reader = self._stack.enter_context(open_log(self.path))
        try:
            self._begin(vehicle)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def report(self) -> LogReport:
        """What the log's lines were, as far as it was read."""
        return self._reader.report

    def __iter__(self) -> Iterator[Samples]:
        """Yield the samples of the log, in order of arrival."""
        start, end = self._window()
        for frames in self._chunks():
            chosen = frames
            if start is not None or end is not None:
                inside = np.ones(len(frames), bool)
                if start is not None:
                    inside &= frames.t_ns >= start
                if end is not None:
                    inside &= frames.t_ns < end
                chosen = frames[inside]
            if len(chosen):
                self.last_ns = int(chosen.t_ns[-1])
                self._elsewhere += self._count_elsewhere(chosen)
                yield self.decoder.decode(chosen)
            if self.progress is not None:
                self.progress(self.report.bytes_read)
        rest = self.decoder.expire(self.last_ns)
        if len(rest):
            yield rest

    def _count_elsewhere(self, frames: Frames) -> int:
        if self.buses is None:
            return 0
        return len(frames) - sum(int(np.count_nonzero(frames.bus == bus)) for bus in self.buses)

    def _chunks(self) -> Iterator[Frames]:
        yield from self._ahead
        self._ahead.clear()
        for frames in ahead(self._reader):
            yield self._own(frames)

    def _own(self, frames: Frames) -> Frames:
        """Return what the car sent itself."""
        return own_frames(frames, self.report.buses)

    def _begin(self, vehicle: Vehicle | None) -> None:
        several = vehicle is None or (len(vehicle.buses) > 1 and self.selection.buses is None)
        self._peek(LOOK_AHEAD_FRAMES if several else 1)
        first = self._ahead[0] if self._ahead else Frames.empty()
        if not several and self.selection.buses is None and (first.bus != first.bus[:1]).any():
            several = True  # one of the recorded buses is the car's only one
            self._peek(LOOK_AHEAD_FRAMES - len(first))
        self.first_ns = int(first.t_ns[0]) if len(first) else 0
        buses = self.selection.buses
        if several and self._ahead:
            from commonwheel.vehicles.identify import identify

            ahead = Frames.concat(self._ahead)
            self.identification = identify(ahead, None if vehicle is None else [vehicle])
            vehicle, buses = self._choose(vehicle, buses)
        if vehicle is None:
            message = f"{self.path}: holds no frames, so its car cannot be told"
            raise LogError(message)
        self.vehicle, self.buses = vehicle, buses
        self.decoder = VehicleDecoder(
            vehicle,
            buses=buses,
            signals=self.selection.signals,
            with_personal=self.selection.with_personal,
            clock=first.clock,
        )

    def _peek(self, enough: int) -> None:
        """Read the beginning of the log; it is decoded later like the rest."""
        total = 0
        for batch in self._reader:
            frames = self._own(batch)
            if len(batch) and not len(frames):
                continue
            self._ahead.append(frames)
            total += len(frames)
            if total >= enough:
                break

    def _choose(
        self, vehicle: Vehicle | None, buses: Mapping[int, str] | None
    ) -> tuple[Vehicle, Mapping[int, str] | None]:
        found = self.identification
        best = found.best if found else None
        if vehicle is None:
            if best is None or found is None:
                nearest = found.candidates[0].car if found and found.candidates else "none"
                message = (
                    f"{self.path}: made by none of the described cars (nearest: {nearest}); "
                    "name one with --car, or see 'commonwheel identify'"
                )
                raise LogError(message)
            vehicle = load_vehicle(best.car, catalog=self.catalog)
        if buses is None and best is not None:
            return vehicle, best.assignment
        if buses is None and found is not None and found.candidates and found.candidates[0].buses:
            # Nothing fits, but a car was named: take the least bad assignment, the caller is warned.
            return vehicle, {fit.log_bus: fit.bus for fit in found.candidates[0].buses}
        return vehicle, buses

    def _window(self) -> tuple[int | None, int | None]:
        first, start, end = self.first_ns, self.selection.start_s, self.selection.end_s
        return (
            None if start is None else first + round(start * 1e9),
            None if end is None else first + round(end * 1e9),
        )

    @property
    def _buses_read(self) -> list[Bus]:
        """The car's buses that are in the log."""
        read = None if self.buses is None else set(self.buses.values())
        return [bus for bus in self.vehicle.buses if read is None or bus.name in read]

    @property
    def warnings(self) -> list[str]:
        """What speaks against the description, or for a damaged log; empty when all is well."""
        counts = self.decoder.counts
        total = counts.known + counts.unknown - self._elsewhere
        found: list[str] = []
        least = FEW_LISTED if all(bus.complete for bus in self._buses_read) else FEW_KNOWN
        if total >= ENOUGH and counts.known < least * total:
            share = counts.known / total
            found.append(f"only {share:.0%} of the frames are of messages that {self.vehicle.name} describes")
        messages = self.decoder.message_counts
        shorter, stuck = sum(m.shorter for m in messages), sum(m.stuck for m in messages)
        if counts.known >= ENOUGH and shorter + stuck > MISFIT * counts.known:
            listed = f"{shorter:,} are too short, {stuck:,} have a counter that stands still"
            found.append(f"of {counts.known:,} described frames {listed}")
        checked = [m for m in messages if m.checked]
        tried, failed = sum(m.frames for m in checked), sum(m.corrupt for m in checked)
        if tried >= ENOUGH and failed > (1 - FEW_HOLD) * tried:
            found.append(f"{failed / tried:.0%} of the checksums fail ({failed:,} of {tried:,} frames)")
        if found:
            found.append("is this a log of another car? 'commonwheel identify' compares it with all of them")
        report = self.report
        if report.frames and not counts.known + counts.unknown + counts.other:
            found.append("no frame lies within the span of time that was asked for")
        if report.frames + report.reported != report.lines:  # a defect of the reader, worth saying
            found.append(f"{report.lines - report.frames - report.reported} lines are not accounted for")
        return found


def ahead(source: Iterable[Frames]) -> Generator[Frames, None, None]:
    """Yield from *source*, whose next item is made meanwhile, in a thread: the kernels leave the other one free."""
    iterator = iter(source)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, iterator, None)
        while (frames := coming.result()) is not None:
            coming = pool.submit(next, iterator, None)
            yield frames


def read(
    log: str | Path,
    car: str | Path | Vehicle | None = None,
    *,
    signals: Iterable[str] | None = None,
    buses: Mapping[int, str] | None = None,
    with_personal: bool = False,
    catalog: str | Path | None = None,
) -> Samples:
    """Read a whole log into standard samples.

    Args:
        log: a log in any format that ``commonwheel.wire.logs`` knows.
        car: 'maker/car', a description's path, or a loaded vehicle; None finds out.
        signals: path patterns; None is every signal.
        buses: recorded bus to the car's bus; None finds out.
        with_personal: also the signals that tell who the car or its user is.
        catalog: a VSS tree of your own, as JSON.

    Raises:
        LogError: the log cannot be read, or is of none of the described cars.
        DescriptionError: the named car does not exist or has faults.

    Warns:
        CommonwheelWarning: the log is probably another car's.
    """
    selection = Selection(None if signals is None else tuple(signals), buses, with_personal=with_personal)
    with LogDecoder(Path(log), car, selection, None if catalog is None else Path(catalog)) as decoder:
        parts = list(decoder)
        if decoder.warnings:
            warnings.warn(f"{log}: {'; '.join(decoder.warnings)}", CommonwheelWarning, stacklevel=2)
        if not parts:
            return decoder.decoder.decode(Frames.empty(clock=Clock.RELATIVE))
        return Samples.concat(parts)
