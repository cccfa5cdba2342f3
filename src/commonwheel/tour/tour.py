"""The drive through the cars: encoded as each maker's frames, written as a log, identified, decoded, compared.

The cars are chosen because recordings bear out their descriptions, they cover most of the drive, and hardly a byte of
them is alike. Each log is written in another common format, and read back by nothing but what reads any log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.vehicles import Quality, Samples, load_vehicle
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.vehicles.reading import LogDecoder
from commonwheel.wire.frames import Clock
from commonwheel.wire.logs import write_candump, write_gvret_csv, write_trc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from commonwheel.tour.drive import Drive
    from commonwheel.vehicles.model import SignalInfo
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["CARS", "Deviation", "Passage", "Stop", "tour", "tracks_for"]

STARTED_NS = 1_767_254_400 * 10**9
"""When the logs with wall-clock times say that the drive began: 2026-01-01 08:00 UTC."""
HALF_A_STEP = 0.5 + 1e-6
"""Largest deviation that rounding to the wire's steps explains, in steps."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One car of the tour and the log that is made of it."""

    car: str
    log: str
    write: Callable[[Path, Frames], int]


def _candump(path: Path, frames: Frames) -> int:
    return write_candump(path, frames, start_ns=STARTED_NS)


CARS: tuple[Stop, ...] = (
    Stop("honda/civic_gen10_bosch", "honda.log", _candump),
    Stop("nissan/leaf_ze0", "nissan.csv", write_gvret_csv),
    Stop("mitsubishi/imiev", "mitsubishi.trc", write_trc),
)


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far one signal came back from what was driven."""

    path: str
    unit: str
    samples: int
    largest: float
    """Largest difference in the standard's unit; for states the number of wrong ones."""
    step: float
    """The wire's resolution in that unit; 0 for states, and for values computed from several fields."""
    state: bool
    bad: int
    """Samples that were not GOOD."""

    @property
    def steps(self) -> float | None:
        """The difference in steps of the wire; None where it has none."""
        return self.largest / self.step if self.step and not self.state else None

    @property
    def judged(self) -> bool:
        """Whether there is a limit to hold it against: a step, or being the same state."""
        return self.state or self.steps is not None

    @property
    def holds(self) -> bool:
        """Whether rounding explains it, and every state came back as it was."""
        if self.bad:
            return False
        return self.largest == 0 if self.state else self.steps is None or self.steps <= HALF_A_STEP


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """What became of the drive on one car's wire."""

    vehicle: Vehicle
    log: Path
    format: str
    frames: Frames
    """As they were sent."""
    told: str
    """The car that identification named."""
    sent: tuple[str, ...]
    """The signals of the drive that this car could be given."""
    samples: Samples
    start_ns: int
    """What the samples' clock said when the drive began."""
    deviations: tuple[Deviation, ...]
    corrupt: int
    """Frames whose checksum failed."""
    seconds: float

    @property
    def exact(self) -> tuple[int, int]:
        """How many signals came back as they were driven, of those that can be judged."""
        judged = [deviation for deviation in self.deviations if deviation.judged]
        return sum(deviation.holds for deviation in judged), len(judged)

    @property
    def right(self) -> bool:
        """Whether the car was recognised and everything came back."""
        return self.told == self.vehicle.name and not self.corrupt and all(d.holds for d in self.deviations)


def tour(drive: Drive, folder: Path, stops: tuple[Stop, ...] = CARS) -> Iterator[Passage]:
    """Take a drive through the cars, one by one.

    Raises:
        OutputError: a log cannot be written into *folder*.
    """
    for stop in stops:
        yield _pass(drive, stop, folder)


def tracks_for(drive: Drive, vehicle: Vehicle) -> dict[str, Track]:
    """Return the part of the drive that can be put on a car's wire."""
    encodable = set(VehicleEncoder(vehicle).encodable)
    return {path: Track(drive.t_ns, value) for path, value in drive.signals.items() if path in encodable}


def _pass(drive: Drive, stop: Stop, folder: Path) -> Passage:
    began = time.perf_counter()
    vehicle = load_vehicle(stop.car)
    tracks = tracks_for(drive, vehicle)
    sent = VehicleEncoder(vehicle).encode(tracks, 0, drive.end_ns, idle=True)
    log = folder / stop.log
    stop.write(log, sent)
    # From here on nothing is known but the file.
    with LogDecoder(log) as decoder:
        samples = Samples.concat(decoder)
    told, report = decoder.vehicle, decoder.report
    counts = decoder.decoder.message_counts
    start = STARTED_NS if samples.clock is Clock.UTC else 0
    deviations = tuple(_deviations(drive, told, sent, samples, start))
    return Passage(
        vehicle, log, report.format.value, sent, told.name, tuple(tracks), samples, start, deviations,
        sum(count.corrupt for count in counts), time.perf_counter() - began,
    )  # fmt: skip


def _deviations(drive: Drive, car: Vehicle, frames: Frames, samples: Samples, start_ns: int) -> Iterator[Deviation]:
    """Yield one entry for each signal of the drive that came back."""
    order = np.argsort(samples.signal, kind="stable")
    edges = np.searchsorted(samples.signal[order], np.arange(len(car.signals) + 1))
    for number, info in enumerate(car.signals):
        mine = samples[order[edges[number] : edges[number + 1]]]
        if info.path not in drive.signals or not len(mine):
            continue
        t_ns = mine.t_ns - start_ns
        if info.how == "first_of":
            # The preferred source speaks whenever any of them sends; it is held against what it sent itself.
            own = np.isin(t_ns, _sending_times(car, info, frames))
            mine, t_ns = mine[own], t_ns[own]
        yield _deviation(info, mine, Track(drive.t_ns, drive.signals[info.path]).at(t_ns))


def _deviation(info: SignalInfo, mine: Samples, driven: npt.NDArray[np.float64]) -> Deviation:
    good = mine.quality == Quality.GOOD
    state = bool(info.labels) or info.datatype == "boolean" or not (info.resolution or info.how == "compute")
    difference = np.abs(mine.value[good] - driven[good])
    largest = float((difference != 0).sum()) if state else float(difference.max(initial=0.0))
    return Deviation(info.path, info.unit, len(mine), largest, info.resolution, state, int((~good).sum()))


def _sending_times(car: Vehicle, info: SignalInfo, frames: Frames) -> npt.NDArray[np.int64]:
    """Return when the preferred source of a signal sends."""
    writer = car.writers[info.path][0]
    message = car.messages[writer.message]
    return frames.t_ns[(frames.id == message.frame_id) & (frames.bus == message.bus)]
