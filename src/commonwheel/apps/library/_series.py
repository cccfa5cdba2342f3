"""What the shipped apps make of one signal over time: integrals, slopes and conditions that last.

Readings come at any spacing and with holes. Only good ones come in here; each of these says what it could not cover
rather than guess it.
"""

from __future__ import annotations

import enum
import statistics
from collections import deque
from itertools import combinations
from typing import NamedTuple

__all__ = ["Change", "Integral", "Lasting", "Piece", "Slope"]

_NS = 1_000_000_000


class Piece(NamedTuple):
    """What lies between two readings of a signal."""

    above: float = 0.0
    """The integral of its part above zero, in the signal's unit times seconds."""
    below: float = 0.0
    """Of its part below zero, as a positive number."""
    seconds: float = 0.0
    """Time that was integrated over."""
    missed_s: float = 0.0
    """Time of a hole, of which nothing is known."""


_NOTHING = Piece()


class Integral:
    """The integral of a signal over time by the trapezoidal rule: exact where it changes evenly between readings.

    Across a hole it does not integrate: a hole is longer than *gap_s*, and longer than two and a half times the usual
    spacing of the last readings, so that a signal that simply comes rarely is no hole.
    """

    def __init__(self, gap_s: float = 1.0) -> None:
        """Begin with nothing; *gap_s*: seconds between readings beyond which nothing is said of the time between."""
        self._gap_ns = int(gap_s * _NS)
        self._last: tuple[int, float] | None = None
        self._spacing: deque[int] = deque(maxlen=5)

    def add(self, t_ns: int, value: float) -> Piece:
        """Take a good reading; returns what lies between the last one and it. One that is no later begins anew."""
        last, self._last = self._last, (t_ns, value)
        if last is None or t_ns <= last[0]:
            return _NOTHING
        spacing = t_ns - last[0]
        hole = spacing > self._gap_ns and spacing > self._usual() * 2.5
        self._spacing.append(spacing)
        seconds = spacing / _NS
        return Piece(missed_s=seconds) if hole else Piece(*_areas(last[1], value, seconds), seconds)

    def _usual(self) -> float:
        """Return the usual spacing, 0 while it is not known."""
        return statistics.median(self._spacing) if len(self._spacing) == self._spacing.maxlen else 0.0


def _areas(first: float, second: float, seconds: float) -> tuple[float, float]:
    """Return the areas above and below zero of the straight line between two values."""
    if first >= 0 and second >= 0:
        return (first + second) / 2 * seconds, 0.0
    if first <= 0 and second <= 0:
        return 0.0, -(first + second) / 2 * seconds
    crossing = first / (first - second)  # share of the time until the line goes through zero
    one, other = abs(first) * crossing / 2 * seconds, abs(second) * (1 - crossing) / 2 * seconds
    return (one, other) if first > 0 else (other, one)


class Slope:
    """How fast a signal changes, over the last moments: the median of the slopes of all pairs (Theil-Sen).

    Unlike a difference of neighbours it does not amplify the steps of the wire, and unlike least squares it does not
    follow single wrong readings.
    """

    def __init__(self, window_s: float = 0.5, gap_s: float = 0.3) -> None:
        """Look back *window_s*; after *gap_s* without a reading it begins anew."""
        self._window_ns = int(window_s * _NS)
        self._gap_ns = int(gap_s * _NS)
        self._points: deque[tuple[int, float]] = deque()

    def add(self, t_ns: int, value: float) -> float | None:
        """Take a good reading; returns the slope in units per second, None until half the window is known."""
        points = self._points
        if points and not 0 < t_ns - points[-1][0] <= self._gap_ns:
            points.clear()
        points.append((t_ns, value))
        while t_ns - points[0][0] > self._window_ns:
            points.popleft()
        if t_ns - points[0][0] < self._window_ns / 2 or len(points) < 3:  # noqa: PLR2004 - a line needs a witness
            return None
        return statistics.median((b[1] - a[1]) * _NS / (b[0] - a[0]) for a, b in combinations(points, 2))

    @property
    def middle_ns(self) -> int:
        """The time that the slope is of: the middle of the readings it rests on; 0 without any."""
        return (self._points[0][0] + self._points[-1][0]) // 2 if self._points else 0


class Change(enum.Enum):
    """What became of a condition just now."""

    BEGAN = enum.auto()
    ENDED = enum.auto()


class Lasting:
    """A condition that counts once it has held for a while, and is over once it has been away for a while."""

    def __init__(self, begins_s: float, ends_s: float | None = None) -> None:
        """Begin after *begins_s* of it, end after *ends_s* without it (None: as long)."""
        self._begins_ns = int(begins_s * _NS)
        self._ends_ns = int((begins_s if ends_s is None else ends_s) * _NS)
        self._since_ns: int | None = None
        """When it last began to differ from what counts."""
        self.on = False
        """Whether it counts."""

    def update(self, t_ns: int, holds: bool | None) -> Change | None:  # noqa: FBT001 - a condition is what it is about
        """Say whether it holds now; None: nobody knows, which changes nothing and starts no clock."""
        if holds is None or holds == self.on:
            self._since_ns = None
            return None
        if self._since_ns is None or t_ns < self._since_ns:
            self._since_ns = t_ns
        if t_ns - self._since_ns < (self._ends_ns if self.on else self._begins_ns):
            return None
        self.on, self._since_ns = holds, None
        return Change.BEGAN if holds else Change.ENDED
