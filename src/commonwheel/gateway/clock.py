"""The gateway's time: steady inside, UTC outside.

Ages of messages are kept on a line that never jumps: UTC as it was at the start, moved on by the monotonic clock.
When the machine's clock is set (NTP, GPS, a person), nothing grows old or stays young for it; only the times that
are published follow, by ``shift_ns``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

__all__ = ["SteadyClock"]

STEP_NS = 1_000_000
"""A smaller difference is the reading of two clocks one after the other, not a step."""
SURE_NS = 100_000
"""Two readings of the monotonic clock may lie this far apart for the one in between to count."""
OLDEST_NS = 2_000_000_000
"""A frame that waited longer than this was stamped by another clock."""
AHEAD_NS = 2_000_000


class SteadyClock:
    """One line of time for all buses of a car."""

    def __init__(self, utc: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        """Start the line at the present UTC; the two clocks can be replaced by a test."""
        self._utc, self._monotonic = utc, monotonic
        self._offset = utc() - monotonic()
        self.shift_ns = 0
        """What is to be added to a steady time to get UTC."""
        self.steps = 0
        """Times that the machine's clock was set."""

    def now_ns(self) -> int:
        """Return the steady time."""
        return self._monotonic() + self._offset

    def check(self) -> int:
        """Notice whether the machine's clock was set; returns by how much since the last check, in ns."""
        before = self._monotonic()
        utc = self._utc()
        if self._monotonic() - before > SURE_NS:
            return 0
        step = utc - (before + self._offset) - self.shift_ns
        if abs(step) < STEP_NS:
            return 0
        self.shift_ns += step
        self.steps += 1
        return step

    def steady(self, stamps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the steady times of UTC stamps; where they cannot be right, the time is that of arrival: now.

        *stamps* are those of frames that were just received, oldest first, shape (n,) with n > 0.
        """
        now = self._monotonic() + self._offset
        first, last = int(stamps[0]) - self.shift_ns, int(stamps[-1]) - self.shift_ns
        if not (self._sane(first, now) and self._sane(last, now)):
            if not self.check():
                return np.full(len(stamps), now, np.int64)
            first, last = int(stamps[0]) - self.shift_ns, int(stamps[-1]) - self.shift_ns
            if not (self._sane(first, now) and self._sane(last, now)):
                return np.full(len(stamps), now, np.int64)
        times = stamps - self.shift_ns if self.shift_ns else stamps
        return np.minimum(times, now) if last > now else times

    @staticmethod
    def _sane(t_ns: int, now: int) -> bool:
        return now - OLDEST_NS <= t_ns <= now + AHEAD_NS

    def to_utc(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return steady times as UTC."""
        return t_ns + self.shift_ns if self.shift_ns else t_ns
