"""What a drive was like: a column per quantity, a row per cycle of the control, and all that was said and sent."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.guard import State
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.apps.sink import Failure
    from commonwheel.apps.status import AppEvent, LogLine
    from commonwheel.control import Acting, Leaving, Progress
    from commonwheel.guard import Transition, Verdict

__all__ = ["QUANTITIES", "STATES", "Recorder", "Run", "Trace", "Truth"]

STATES = tuple(State)
"""States by their codes in ``Run.states``."""


@dataclass(frozen=True, slots=True)
class Truth:
    """How things really are at one instant, whatever anybody measures; NaN where there is no such thing."""

    speed_mps: float
    acceleration_mps2: float
    lateral_mps2: float
    steering_deg: float
    gap_m: float
    """From the car's front to the lead's rear."""
    lead_mps: float
    offset_m: float
    """From the middle of the lane; left is positive."""
    curvature: float
    """Of the lane at the car, 1/m; left is positive."""
    target_mps: float
    """The speed that is meant, where a schedule says one."""


QUANTITIES = tuple(Truth.__dataclass_fields__)
"""Names of the columns of truth."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One actuator over time, in the standard's unit; arrays of shape (n,), NaN where there is none."""

    asked: npt.NDArray[np.float64]
    allowed: npt.NDArray[np.float64]
    sent: npt.NDArray[np.float64]
    measured: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One drive. All columns have the same length *n*, a row per cycle of the control."""

    car: str
    scenario: str
    apps: tuple[str, ...]
    t_s: npt.NDArray[np.float64]
    """Since the beginning."""
    truth: Mapping[str, npt.NDArray[np.float64]]
    """By the names of ``Truth``."""
    acting: Mapping[str, Trace]
    """By the actuator's path."""
    states: Mapping[str, npt.NDArray[np.int8]]
    """Of each axis: a place among ``STATES``."""
    said: tuple[Verdict | Transition, ...]
    """By the guard, in order."""
    progress: tuple[Progress, ...]
    emitted: Frames
    """Every frame that the platform sent, at the time of its cycle."""
    received: Frames
    """Every frame that it heard."""
    events: tuple[tuple[str, AppEvent], ...]
    """What apps reported, with the app's name."""
    logs: tuple[tuple[str, LogLine], ...]
    failures: tuple[tuple[str, Failure], ...]
    """What apps raised."""
    collision_s: float
    """When the car ran into something; NaN: it did not."""
    waited: Mapping[str, str] = field(default_factory=dict[str, str])
    """By axis, the least that engaging it waited for while it was armed."""

    def __getitem__(self, quantity: str) -> npt.NDArray[np.float64]:
        """Return a column of truth."""
        return self.truth[quantity]

    def engaged(self, axis: str) -> npt.NDArray[np.bool_]:
        """Return in which cycles an axis acts."""
        codes = self.states.get(axis)
        return np.zeros(len(self.t_s), bool) if codes is None else codes == STATES.index(State.ENGAGED)


@dataclass(slots=True)
class Recorder:
    """Takes a drive in, cycle by cycle."""

    keep_frames: bool = True
    times: array[float] = field(default_factory=lambda: array("d"))
    truth: array[float] = field(default_factory=lambda: array("d"))
    """Rows of ``QUANTITIES``, one behind the other."""
    acting: dict[str, array[float]] = field(default_factory=dict[str, "array[float]"])
    states: dict[str, array[int]] = field(default_factory=dict[str, "array[int]"])
    said: list[Verdict | Transition] = field(default_factory=list["Verdict | Transition"])
    progress: list[Progress] = field(default_factory=list["Progress"])
    emitted: list[tuple[int, int, int, bytes]] = field(default_factory=list[tuple[int, int, int, bytes]])
    received: list[Frames] = field(default_factory=list[Frames])
    collision_s: float = float("nan")

    def row(self, t_s: float, truth: Truth, acting: Mapping[str, Acting], states: Mapping[str, State]) -> None:
        """Take in how things are after a cycle."""
        before = len(self.times)
        self.times.append(t_s)
        self.truth.extend(getattr(truth, name) for name in QUANTITIES)
        for path, one in acting.items():
            column = self.acting.get(path)
            if column is None:
                column = self.acting[path] = array("d", [float("nan")] * (4 * before))
            column.extend((one.asked, one.allowed, one.sent, one.measured))
        for axis, state in states.items():
            self.states.setdefault(axis, array("b")).append(_CODES[state])

    def frames(self, t_ns: int, leaving: Sequence[Leaving]) -> None:
        """Take in what the platform sent."""
        self.emitted.extend((t_ns, frame.bus, frame.can_id, frame.payload) for frame in leaving)

    def finish(
        self,
        car: str,
        scenario: str,
        apps: Sequence[str],
        *,
        events: Sequence[tuple[str, AppEvent]] = (),
        logs: Sequence[tuple[str, LogLine]] = (),
        failures: Sequence[tuple[str, Failure]] = (),
        waited: Mapping[str, str] | None = None,
    ) -> Run:
        """Return the drive so far."""
        n = len(self.times)
        truth = np.frombuffer(self.truth.tobytes(), np.float64).reshape(n, len(QUANTITIES))
        return Run(
            car,
            scenario,
            tuple(apps),
            np.frombuffer(self.times.tobytes(), np.float64),
            {name: np.ascontiguousarray(truth[:, i]) for i, name in enumerate(QUANTITIES)},
            {path: _trace(column, n) for path, column in self.acting.items()},
            {axis: np.frombuffer(codes.tobytes(), np.int8) for axis, codes in self.states.items()},
            tuple(self.said),
            tuple(self.progress),
            Frames.build(self.emitted, clock=Clock.RELATIVE),
            Frames.concat(self.received) if self.received else Frames.empty(clock=Clock.RELATIVE),
            tuple(events),
            tuple(logs),
            tuple(failures),
            self.collision_s,
            dict(waited or {}),
        )


_CODES = {state: code for code, state in enumerate(STATES)}


def _trace(column: array[float], n: int) -> Trace:
    rows = np.full((n, 4), np.nan)
    given = np.frombuffer(column.tobytes(), np.float64).reshape(-1, 4)[:n]
    rows[: len(given)] = given
    return Trace(*(np.ascontiguousarray(rows[:, i]) for i in range(4)))
