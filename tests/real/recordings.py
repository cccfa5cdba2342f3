"""The fifteen recordings: which car made each, what its file holds, and the way to its decoded values.

Each recording is read and decoded once per test run, whatever the number of tests that look at it. The
numbers here and in the tests beside it were computed on the same files without this project.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from commonwheel.vehicles import Samples, Vehicle, load_vehicle
from commonwheel.vehicles.buses import Buses
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.description import read_description
from commonwheel.vehicles.yamltree import Reader
from commonwheel.wire.codec import Columns, decode_database
from commonwheel.wire.database import Database
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import LogReport, read_log

GEN8, TYPE_R = "honda/civic_gen8", "honda/civic_gen10_bosch:type_r"
LEAF = "nissan/leaf_ze0"
LANCER, PHEV, IMIEV = "mitsubishi/lancer:ralliart", "mitsubishi/outlander_phev", "mitsubishi/imiev"


@dataclass(frozen=True, slots=True)
class Recording:
    """One file."""

    file: str
    car: str | None
    """None: of no car that is described."""
    buses: Mapping[int, str]
    frames: int
    ids: int
    """Different (bus, id) pairs."""
    span_ns: int
    """From the first frame to the last."""
    other_lines: int = 0
    """Lines that hold no frame: headers and comments."""


RECORDINGS = {
    "vsslog": Recording("honda-civic-8gen/vsslog.log", GEN8, {0: "fcan"}, 33_740, 23, 31_876_899_000),
    "revlog": Recording("honda-civic-8gen/revlog.log", GEN8, {0: "fcan"}, 13_762, 23, 13_002_692_000),
    "turnwheel": Recording(
        "honda-civic-8gen/startandturnwheel.trc", GEN8, {0: "fcan"}, 8_248, 23, 7_815_200_000, other_lines=14
    ),
    "noecu": Recording("honda-civic-8gen/noecu.log", GEN8, {0: "fcan"}, 1_186, 9, 3_442_586_000),
    "type_r": Recording(
        "honda-civic-type-r-2019/turnonanddrive.log", TYPE_R, {0: "fcan"}, 28_835, 57, 65_481_943_000
    ),
    "stranger": Recording("honda-unknown/sample-can.log", None, {}, 6_158, 34, 3_257_991_000),
    "circle": Recording(
        "nissan-leaf-2011/leaf_on_Driveincircle_off.txt", LEAF, {0: "ev"}, 67_313, 25, 88_340_025_000, other_lines=1
    ),
    "forward": Recording(
        "nissan-leaf-2011/leafon_driveforward10m_stop_leafoff.csv", LEAF, {0: "ev"}, 20_763, 25, 28_056_111_000,
        other_lines=1,
    ),
    "brake": Recording(
        "nissan-leaf-2011/pumpbrake5timesinpark.csv", LEAF, {0: "ev"}, 8_189, 23, -571_173_496_000, other_lines=1
    ),
    "phev_drive": Recording(
        "mitsubishi-outlander-phev/DRIVING1.csv", PHEV, {0: "ev"}, 14_712, 56, 73_555_000_000, other_lines=1
    ),
    "phev_start": Recording(
        "mitsubishi-outlander-phev/202109061515-steering-lock-to-lock.csv", PHEV, {0: "main", 1: "ev"}, 19_871, 130,
        5_865_800_000, other_lines=1,
    ),
    "imiev": Recording(
        "mitsubishi-imiev/iCarSoft-Max-Actuate-5x-Fan-High.log", IMIEV, {0: "main"}, 54_212, 52, 33_358_736_000
    ),
    "drive": Recording(
        "mitsubishi-lancer-ralliart/smalldriveinlot.log", LANCER, {0: "main"}, 40_163, 41, 22_567_265_000
    ),
    "reverse": Recording(
        "mitsubishi-lancer-ralliart/shiftintoreverse.log", LANCER, {0: "main"}, 22_740, 41, 12_775_824_000
    ),
    "pedal": Recording(
        "mitsubishi-lancer-ralliart/realpedalupdown.log", LANCER, {0: "main"}, 15_600, 41, 8_764_297_000
    ),
}  # fmt: skip
KNOWN = [name for name, recording in RECORDINGS.items() if recording.car]
"""The recordings of described cars."""


@dataclass
class Decoded:
    """A recording, read; and decoded when that is asked for."""

    name: str
    path: Path
    recording: Recording = field(init=False)
    frames: Frames = field(init=False)
    report: LogReport = field(init=False)

    def __post_init__(self) -> None:
        self.recording = RECORDINGS[self.name]
        self.frames, self.report = read_log(self.path)

    @cached_property
    def vehicle(self) -> Vehicle:
        assert self.recording.car is not None, f"{self.name} is of no described car"
        return load_vehicle(self.recording.car)

    @cached_property
    def _done(self) -> tuple[VehicleDecoder, Samples]:
        decoder = VehicleDecoder(self.vehicle, buses=self.recording.buses, clock=self.frames.clock)
        return decoder, decoder.decode(self.frames)

    @property
    def decoder(self) -> VehicleDecoder:
        """The decoder behind ``samples``, for its counts."""
        return self._done[0]

    @property
    def samples(self) -> Samples:
        """All samples of any quality, without what is personal."""
        return self._done[1]

    def all(self, path: str) -> Samples:
        """Return the samples of a path, which is given without 'Vehicle.', of any quality."""
        return self.samples.of(f"Vehicle.{path}")

    def good(self, path: str) -> Samples:
        """Return the good samples of a path."""
        return self.all(path).good

    def held(self, path: str, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the good value of a path held at other times; before the first, the first."""
        samples = self.good(path)
        return samples.value[np.clip(np.searchsorted(samples.t_ns, t_ns, side="right") - 1, 0, None)]

    def seconds(self, samples: Samples | Columns) -> npt.NDArray[np.float64]:
        """Return the times of samples since the first frame."""
        return (samples.t_ns - self.frames.t_ns[0]) / 1e9

    @cached_property
    def raw(self) -> dict[tuple[str, str], Columns]:
        """(bus/Message, field) to its values, decoded with the car's databases alone."""
        result: dict[tuple[str, str], Columns] = {}
        for number, bus in self.recording.buses.items():
            database = databases(self.recording.car or "")[bus]
            for (message, signal), columns in decode_database(database, self.frames[self.frames.bus == number]).items():
                result[f"{bus}/{message}", signal] = columns
        return result

    def field(self, reference: str) -> Columns:
        """Return the values of 'bus/Message.Field', mapped or not."""
        message, _, signal = reference.rpartition(".")
        return self.raw[message, signal]

    def of_id(self, can_id: int, bus: int = 0) -> Frames:
        """Return the frames of one id."""
        return self.frames[(self.frames.id == can_id) & (self.frames.bus == bus)]


Load = Callable[[str], Decoded]


def databases(car: str) -> dict[str, Database]:
    """Return each bus of a car with the messages of all its databases, as its description merges them."""
    described = read_description(car)
    buses = Buses(described, Reader())
    return {name: Database(bus.databases[-1].path, tuple(bus.messages.values())) for name, bus in buses.by_name.items()}


def changes(values: npt.NDArray[np.float64]) -> list[float]:
    """Return the values in turn, each change once."""
    keep = np.ones(len(values), bool)
    keep[1:] = values[1:] != values[:-1]
    return values[keep].tolist()
