"""What a driver means to do: a speed over time, and where the pedals are pressed whatever the speed.

A plan is compiled once into tables of a fixed step, so that asking it costs no search. In between its points the
speed goes without a kink where people wrote it, and straight where a schedule of one-second points did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["GRID_S", "Leg", "Pedals", "Plan", "Profile"]

GRID_S = 0.1
"""Step of the compiled tables."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of the plan: points of time and speed, from where the last leg ended."""

    t_s: tuple[float, ...]
    """Since the beginning of the leg; rising, the first is 0."""
    speed_mps: tuple[float, ...]
    """Backwards is negative."""
    smooth: bool = True
    """Whether the speed changes without a kink between points."""
    grade: tuple[float, ...] = ()
    """Slope of the road at each point, where a schedule has one."""

    @property
    def length_s(self) -> float:
        """How long it takes."""
        return self.t_s[-1]

    def table(self, t_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the speed at times since the leg's beginning, shape as given."""
        times, speeds = np.array(self.t_s), np.array(self.speed_mps)
        if not self.smooth or len(times) == 1:
            return np.interp(t_s, times, speeds)
        at = np.clip(np.searchsorted(times, t_s, side="right") - 1, 0, len(times) - 2)
        part = np.clip((t_s - times[at]) / np.maximum(times[at + 1] - times[at], 1e-9), 0.0, 1.0)
        return speeds[at] + (speeds[at + 1] - speeds[at]) * (1.0 - np.cos(math.pi * part)) / 2.0


@dataclass(frozen=True, slots=True)
class Pedals:
    """A stretch in which the pedals are held, and the speed is what becomes of it."""

    length_s: float
    accelerator: float
    """0..1."""
    brake: float
    """0..1."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Legs and held pedals, one after the other."""

    parts: tuple[Leg | Pedals, ...]

    @property
    def length_s(self) -> float:
        """How long the plan takes."""
        return sum(part.length_s for part in self.parts)

    def compile(self) -> Profile:
        """Return the plan as tables."""
        n = math.ceil(self.length_s / GRID_S) + 2
        t_s = np.arange(n, dtype=np.float64) * GRID_S
        speed, grade, held = np.zeros(n), np.zeros(n), np.full(n, -1)
        pedals: list[Pedals] = []
        begin, last = 0.0, 0.0
        for part in self.parts:
            end = begin + part.length_s
            rows = (t_s >= begin - 1e-9) & (t_s <= end + 1e-9)
            if isinstance(part, Leg):
                speed[rows] = part.table(np.asarray(t_s[rows] - begin, np.float64))
                if part.grade:
                    grade[rows] = np.interp(t_s[rows] - begin, part.t_s, part.grade)
                last = part.speed_mps[-1]
                held[rows] = -1
            else:
                held[rows], speed[rows] = len(pedals), last
                pedals.append(part)
            begin = end
        speed[t_s > begin] = last
        return Profile(self.length_s, speed.tolist(), grade.tolist(), held.tolist(), tuple(pedals))


class Profile:
    """A compiled plan: asked at every step of the physics."""

    __slots__ = ("_grade", "_held", "_last", "_pedals", "_speed", "length_s")

    def __init__(
        self,
        length_s: float,
        speed: Sequence[float],
        grade: Sequence[float],
        held: Sequence[int],
        pedals: tuple[Pedals, ...],
    ) -> None:
        self.length_s = length_s
        self._speed, self._grade, self._held, self._pedals = speed, grade, held, pedals
        self._last = len(speed) - 2

    def speed(self, t_s: float) -> float:
        """Return the speed that is meant at a time, in m/s."""
        at = t_s / GRID_S
        i = int(at)
        if i >= self._last:
            return self._speed[-1]
        if i < 0:
            return self._speed[0]
        low = self._speed[i]
        return low + (self._speed[i + 1] - low) * (at - i)

    def grade(self, t_s: float) -> float:
        """Return the slope that the schedule itself states."""
        return self._grade[min(max(int(t_s / GRID_S), 0), self._last)]

    def held(self, t_s: float) -> Pedals | None:
        """Return where the pedals are held at a time; None where the speed is followed."""
        which = self._held[min(max(int(t_s / GRID_S), 0), self._last)]
        return self._pedals[which] if which >= 0 else None
