"""What a drive is measured by: how well it kept speed, gap and lane, and how gently.

Formulas: speed and lane offset as root mean square over the cycles in which the axis acts, but for the seconds in which
it settles; accelerations as the mean over 2 s and their change over 1 s, as ISO 15622:2018 states its limits of
adaptive cruise; lateral jerk as the mean over 0.5 s, as ISO 11270:2014 and UN R79 do. A window counts only where the
axis acted throughout: what the driver does is not the platform's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.control import CYCLE_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from commonwheel.proving.run import Run

    Column = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

__all__ = [
    "LANE_SPEEDS_MPS",
    "MEASURES",
    "Measure",
    "acceleration_limit",
    "braking_limit",
    "jerk_limit",
    "measure",
    "settled",
]

_DT_S = CYCLE_NS / 1e9
_SETTLE_S = 8.0
"""From engaging on; what an axis takes over with is not its own."""
LANE_SPEEDS_MPS = (28 / 3.6, 122 / 3.6)
"""Speeds at which lane keeping is judged: 30 to 120 km/h, as a car keeps them that is told to."""
_MOVING_MPS = 1.5
"""Slower, standing and rolling on again have jerks of their own: brakes let go, wheels stop turning."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a drive."""

    name: str
    unit: str
    about: str


MEASURES: tuple[Measure, ...] = (
    Measure("speed_rms", "km/h", "speed off its target, root mean square"),
    Measure("speed_worst", "km/h", "the most that speed was off its target"),
    Measure("gap_least", "m", "least gap to the vehicle ahead"),
    Measure("headway_least", "s", "least time gap to the vehicle ahead, above 5 m/s"),
    Measure("offset_rms", "m", "off the middle of the lane, root mean square, 30 to 120 km/h"),
    Measure("offset_worst", "m", "the most that it was off the middle of the lane, 30 to 120 km/h"),
    Measure("acceleration_most", "m/s²", "strongest acceleration, mean of 2 s"),
    Measure("acceleration_share", "%", "the same, of ISO 15622's limit at that speed"),
    Measure("braking_most", "m/s²", "strongest deceleration, mean of 2 s"),
    Measure("braking_share", "%", "the same, of ISO 15622's limit at that speed"),
    Measure("jerk_share", "%", "strongest growth of deceleration over 1 s, of ISO 15622's limit at that speed"),
    Measure("jerk_p99", "m/s³", "change of acceleration over 1 s, 99th percentile"),
    Measure("lateral_most", "m/s²", "strongest lateral acceleration, mean of 0.1 s"),
    Measure("lateral_jerk_most", "m/s³", "strongest lateral jerk, mean of 0.5 s"),
    Measure("lateral_jerk_p99", "m/s³", "lateral jerk, mean of 0.5 s, 99th percentile"),
    Measure("engaged_longitudinal", "%", "of the time in which speed was engaged"),
    Measure("engaged_lateral", "%", "of the time in which steering was engaged"),
    Measure("collisions", "", "times that it ran into something"),
    Measure("app_failures", "", "times that an app raised"),
)
"""Every figure that ``measure`` gives, where the drive has it."""


def settled(engaged: Mask, settle_s: float = _SETTLE_S) -> Mask:
    """Return the cycles in which an axis acts and has acted for so long."""
    since = np.arange(len(engaged))
    began = np.where(engaged & ~np.r_[False, engaged[:-1]], since, -1)
    return engaged & (since - np.maximum.accumulate(began) >= settle_s / _DT_S)


def measure(run: Run) -> dict[str, float]:
    """Return the figures of a drive, by name; only those that it has something to tell of."""
    along, across = run.engaged("longitudinal"), run.engaged("lateral")
    found = {**_speed(run, along), **_gap(run, along), **_lane(run, across)}
    found |= _along(run, along) | _across(run, across)
    found["collisions"] = float(math.isfinite(run.collision_s))
    found["app_failures"] = float(len(run.failures))
    found["engaged_longitudinal"] = 100.0 * float(along.mean()) if len(along) else 0.0
    found["engaged_lateral"] = 100.0 * float(across.mean()) if len(across) else 0.0
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _speed(run: Run, engaged: Mask) -> dict[str, float]:
    off = (run["speed_mps"] - run["target_mps"])[settled(engaged)] * 3.6
    off = off[np.isfinite(off)]
    return {"speed_rms": _rms(off), "speed_worst": float(np.abs(off).max())} if len(off) else {}


def _gap(run: Run, engaged: Mask) -> dict[str, float]:
    gap, speed = run["gap_m"], run["speed_mps"]
    seen = np.isfinite(gap) & engaged
    fast = seen & (speed > 5.0)  # noqa: PLR2004 - below it a time gap says little
    found = {"gap_least": float(gap[seen].min())} if seen.any() else {}
    return found | ({"headway_least": float((gap[fast] / speed[fast]).min())} if fast.any() else {})


def _lane(run: Run, engaged: Mask) -> dict[str, float]:
    low, high = LANE_SPEEDS_MPS
    rows = settled(engaged) & (run["speed_mps"] >= low) & (run["speed_mps"] <= high)
    off = run["offset_m"][rows]
    off = off[np.isfinite(off)]
    return {"offset_rms": _rms(off), "offset_worst": float(np.abs(off).max())} if len(off) else {}


def _along(run: Run, engaged: Mask) -> dict[str, float]:
    speed, acceleration = run["speed_mps"], run["acceleration_mps2"]
    moving = engaged & (speed > _MOVING_MPS)
    found: dict[str, float] = {}
    mean, whole = _mean(acceleration, moving, 2.0)
    if whole.any():
        mean, at = mean[whole], speed[len(speed) - len(mean) :][whole]
        found = {
            "acceleration_most": float(mean.max()),
            "acceleration_share": 100.0 * max(0.0, float((mean / acceleration_limit(at)).max())),
            "braking_most": float(-mean.min()),
            "braking_share": 100.0 * max(0.0, float((-mean / braking_limit(at)).max())),
        }
    jerk, whole = _change(acceleration, moving, 1.0)
    if whole.any():
        shares = -jerk[whole] / jerk_limit(speed[len(speed) - len(jerk) :][whole])
        found |= {
            "jerk_share": 100.0 * max(0.0, float(shares.max())),
            "jerk_p99": float(np.percentile(np.abs(jerk[whole]), 99)),
        }
    return found


def _across(run: Run, engaged: Mask) -> dict[str, float]:
    lateral = run["lateral_mps2"]
    mean, whole = _mean(lateral, engaged, 0.1)
    found = {"lateral_most": float(np.abs(mean[whole]).max())} if whole.any() else {}
    jerk, whole = _change(lateral, engaged, 0.5)
    if whole.any():
        size = np.abs(jerk[whole]) / 0.5
        found |= {"lateral_jerk_most": float(size.max()), "lateral_jerk_p99": float(np.percentile(size, 99))}
    return found


def _mean(values: Column, rows: Mask, window_s: float) -> tuple[Column, Mask]:
    """Return the mean of each window, and which windows lie wholly in *rows*."""
    n = min(len(values), max(1, round(window_s / _DT_S)))
    sums = np.cumsum(np.r_[0.0, np.nan_to_num(values)])
    counts = np.cumsum(np.r_[0, rows & np.isfinite(values)])
    return (sums[n:] - sums[:-n]) / n, (counts[n:] - counts[:-n]) == n


def _change(values: Column, rows: Mask, window_s: float) -> tuple[Column, Mask]:
    """Return the change over each window (not per second), and which windows lie wholly in *rows*."""
    n = min(len(values) - 1, round(window_s / _DT_S))
    if n < 1:
        return np.empty(0), np.empty(0, bool)
    counts = np.cumsum(np.r_[0, rows & np.isfinite(values)])
    return values[n:] - values[:-n], (counts[n + 1 :] - counts[: -n - 1]) == n + 1


def _rms(values: Column) -> float:
    return float(np.sqrt(np.mean(values**2)))


def jerk_limit(speed_mps: Column) -> Column:
    """Return the growth of deceleration that is allowed within 1 s, m/s³ (ISO 15622:2018, full speed range)."""
    return np.interp(speed_mps, (5.0, 20.0), (5.0, 2.5))


def braking_limit(speed_mps: Column) -> Column:
    """Return the mean deceleration over 2 s that is allowed, m/s² (ISO 15622:2018)."""
    return np.interp(speed_mps, (5.0, 20.0), (5.0, 3.5))


def acceleration_limit(speed_mps: Column) -> Column:
    """Return the acceleration that is allowed, m/s² (ISO 15622:2018)."""
    return np.interp(speed_mps, (5.0, 20.0), (4.0, 2.0))
