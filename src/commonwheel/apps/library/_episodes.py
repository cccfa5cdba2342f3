"""Episodes of something strong, each told once, with what was around it.

An episode begins when a magnitude has been at or beyond its threshold for half a second, and ends when it has been
below half of it for a second: two peaks in one manoeuvre are one episode. A magnitude that nobody knows neither begins
nor continues one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Episode", "Episodes", "Surroundings"]

_NS = 1_000_000_000
_AT_LEAST_NS = _NS // 2
_QUIET_NS = _NS


@dataclass(frozen=True, slots=True)
class Episode:
    """One of them."""

    began_ns: int
    ended_ns: int
    peak: float
    """The greatest magnitude."""


class Episodes:
    """Finds the episodes of one magnitude."""

    def __init__(self, threshold: float) -> None:
        """Find those that reach *threshold*."""
        self._threshold = threshold
        self._began_ns: int | None = None
        self._strong_ns = 0
        """When it was last at or beyond the threshold."""
        self._loud_ns = 0
        """When it was last at or beyond half the threshold."""
        self._peak = 0.0
        self._counts = False

    @property
    def running(self) -> bool:
        """Whether one is under way that counts."""
        return self._began_ns is not None and self._counts

    def update(self, t_ns: int, magnitude: float | None) -> Episode | None:
        """Take the magnitude at a time; returns the episode that is over now."""
        strong = magnitude is not None and magnitude >= self._threshold
        if self._began_ns is None:
            if strong:
                self._began_ns, self._counts, self._peak = t_ns, False, 0.0
            else:
                return None
        if magnitude is not None and magnitude >= self._threshold / 2:
            self._loud_ns = t_ns
        if strong and magnitude is not None:
            self._strong_ns = t_ns
            self._counts = self._counts or t_ns - self._began_ns >= _AT_LEAST_NS
            self._peak = max(self._peak, magnitude)
        elif not self._counts:
            self._began_ns = None  # too short to be one
        elif t_ns - self._loud_ns >= _QUIET_NS:
            return self.end()
        return None

    def end(self) -> Episode | None:
        """End what is under way; returns it, if it counts."""
        began, self._began_ns = self._began_ns, None
        return Episode(began, self._strong_ns, self._peak) if began is not None and self._counts else None


class Surroundings:
    """The rows of the last so many seconds, from which the surroundings of an episode are cut."""

    def __init__(self, columns: Iterable[str], seconds: float) -> None:
        """Keep rows of ``t_ns`` and these columns."""
        self._columns = tuple(columns)
        self._span_ns = int(seconds * _NS)
        self._rows: deque[tuple[int, tuple[float | None, ...]]] = deque()

    def add(self, t_ns: int, *row: float | None) -> None:
        """Keep a row; the columns in their order."""
        rows = self._rows
        if rows and t_ns < rows[-1][0]:
            rows.clear()
        rows.append((t_ns, row))
        while t_ns - rows[0][0] > self._span_ns:
            rows.popleft()

    def cut(self, from_ns: int, to_ns: int, zero_ns: int, per_second: int) -> dict[str, list[float | None]]:
        """Return columns of what lies between, so many rows per second, their times ``t`` in seconds from *zero_ns*."""
        step, due, kept = _NS // per_second, from_ns, list[tuple[int, tuple[float | None, ...]]]()
        for t_ns, row in self._rows:
            if from_ns <= t_ns <= to_ns and t_ns >= due - step // 8:  # a sender that jitters loses no row
                kept.append((t_ns, row))
                due = max(due + step, t_ns + step // 2)
        columns: dict[str, list[float | None]] = {"t": [round((t_ns - zero_ns) / _NS, 2) for t_ns, _row in kept]}
        for i, name in enumerate(self._columns):
            columns[name] = [None if (value := row[i]) is None else round(value, 2) for _t, row in kept]
        return columns
