"""What signals of a car have to do with each other, to tell when they contradict.

A motor on a fixed gear, and wheels whose speed comes as an angular speed, turn in proportion to the car's speed. By
what factor is learned from the first seconds of driving evenly, and then held: a sensor that drifts afterwards gives
itself away. A speed that trembles gives itself away alone.
"""

from __future__ import annotations

import statistics
from collections import deque
from typing import NamedTuple

__all__ = ["Conflict", "Ratio", "Tremble", "cells_conflict", "shown_conflict"]

_LEARN = 20
"""Readings that a factor is learned from."""
_LEAST_KMH = 10.0
_SPREAD = 0.05
_OFF = 0.10


class Conflict(NamedTuple):
    """Whether two signals contradict each other; None: nobody can say."""

    holds: bool | None
    reason: str = ""


class Ratio:
    """The factor between two signals that are proportional, learned and then held."""

    def __init__(self, what: str, unit: str) -> None:
        """Begin to learn; *what* turns with the speed, in *unit*."""
        self._what, self._unit = what, unit
        self._seen: list[float] = []
        self.factor: float | None = None

    def update(self, kmh: float | None, turns: float | None) -> Conflict:
        """Take the car's speed and what turns with it."""
        if kmh is None or turns is None:
            return Conflict(None)
        if max(kmh, self._kmh(turns)) < _LEAST_KMH:
            return Conflict(holds=False if self.factor else None)
        if self.factor is None:
            self._learn(kmh, abs(turns))
            return Conflict(None)
        by = self._kmh(turns)
        reason = (
            f"the speed is {kmh:.0f} km/h, by the {self._what} ({abs(turns):.0f} {self._unit}) it would be {by:.0f}"
        )
        return Conflict(abs(by - kmh) > _OFF * max(kmh, by), reason)

    def _kmh(self, turns: float) -> float:
        return abs(turns) / self.factor if self.factor else 0.0

    def _learn(self, kmh: float, turns: float) -> None:
        self._seen.append(turns / kmh)
        if len(self._seen) < _LEARN:
            return
        middle = statistics.median(self._seen)
        even = [ratio for ratio in self._seen if abs(ratio - middle) <= _SPREAD * middle]
        if middle > 0 and len(even) >= _LEARN * 0.8:
            self.factor = statistics.fmean(even)
        else:
            del self._seen[: _LEARN // 2]  # a gearbox, a slipping clutch: no fixed factor so far


class Tremble:
    """Whether a signal trembles as nothing does that has a mass, by the median of its second differences."""

    def __init__(self, limit: float, most_ns: int = 300_000_000) -> None:
        """Hold the last twenty against *limit*; readings farther apart than *most_ns* do not count."""
        self._limit = limit
        self._most_ns = most_ns
        self._last: deque[tuple[int, float]] = deque(maxlen=3)
        self._bends: deque[float] = deque(maxlen=20)

    def add(self, t_ns: int, value: float) -> None:
        """Take a good reading."""
        if self._last and not 0 < t_ns - self._last[-1][0] <= self._most_ns:
            self._last.clear()
        self._last.append((t_ns, value))
        if len(self._last) == self._last.maxlen:
            (_t, first), (_u, second), (_v, third) = self._last
            self._bends.append(abs(first - 2 * second + third))

    @property
    def conflict(self) -> Conflict:
        """What it comes to."""
        if len(self._bends) < (self._bends.maxlen or 0):
            return Conflict(None)
        middle = statistics.median(self._bends)
        return Conflict(middle > self._limit, f"the speed trembles by {middle:.0f} km/h from one reading to the next")


def shown_conflict(kmh: float | None, shown: float | None) -> Conflict:
    """Return whether a speedometer contradicts the speed.

    It must not show less than the speed, nor more than a tenth and 4 km/h above it (UN Regulation 39, 5.3); here with
    3 km/h for its steps and its lag.
    """
    if kmh is None or shown is None:
        return Conflict(None)
    reason = f"the speed is {kmh:.0f} km/h, the speedometer shows {shown:.0f}"
    return Conflict(shown < kmh * 0.97 - 3 or shown > kmh * 1.1 + 4 + 3, reason)


def cells_conflict(pack_v: float | None, low_v: float | None, high_v: float | None, count: int | None) -> Conflict:
    """Return whether the battery's voltage contradicts that of its lowest and highest cell.

    Args:
        pack_v: of the battery.
        low_v: of its lowest cell.
        high_v: of its highest cell.
        count: cells in series.
    """
    if pack_v is None or low_v is None or high_v is None or not count:
        return Conflict(None)
    each, slack = pack_v / count, 0.01 * high_v + 0.02
    reason = f"{pack_v:.0f} V are {each:.2f} V for each of {count} cells, which are at {low_v:.2f} to {high_v:.2f} V"
    return Conflict(not low_v - slack <= each <= high_v + slack, reason)
