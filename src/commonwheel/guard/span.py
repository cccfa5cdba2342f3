"""The least and the greatest of the values of the last while."""

from __future__ import annotations

from collections import deque

__all__ = ["Span"]


class Span:
    """Sliding extremes; each costs the same whatever the number of values. Times do not go back."""

    def __init__(self, within_ns: int) -> None:
        self._within_ns = within_ns
        self._lows: deque[tuple[int, float]] = deque()
        self._highs: deque[tuple[int, float]] = deque()

    def add(self, t_ns: int, value: float) -> None:
        """Take in a value."""
        while self._lows and self._lows[-1][1] >= value:
            self._lows.pop()
        while self._highs and self._highs[-1][1] <= value:
            self._highs.pop()
        self._lows.append((t_ns, value))
        self._highs.append((t_ns, value))
        self.at(t_ns)

    def at(self, now_ns: int) -> tuple[float, float] | None:
        """Return the least and the greatest value that is not older than ``within_ns``; None without any."""
        since = now_ns - self._within_ns
        while self._lows and self._lows[0][0] < since:
            self._lows.popleft()
        while self._highs and self._highs[0][0] < since:
            self._highs.popleft()
        return (self._lows[0][1], self._highs[0][1]) if self._lows else None
