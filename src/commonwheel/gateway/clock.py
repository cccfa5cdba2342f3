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

__all__ = ["Stamps", "SteadyClock"]

STEP_NS = 1_000_000
"""A smaller difference is the reading of two clocks one after the other, not a step."""
SURE_NS = 100_000
"""Two readings of the monotonic clock may lie this far apart for the one in between to count."""
SUSPICIOUS_NS = 100_000_000
"""Stamps that differ from their usual age by this much give reason to look at the machine's clock."""
SKEW_NS = 5_000_000
"""An interface whose frames are always at least this old has a clock of its own."""
SPAN_NS = 5_000_000_000
"""Always: over so long, once or twice."""
OLDEST_NS = 60_000_000_000
"""No frame waits longer than this to be read."""


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
        shift_ns = utc - (before + self._offset)
        step = shift_ns - self.shift_ns
        if abs(step) < STEP_NS:
            return 0
        self.shift_ns = shift_ns  # as a whole: two threads that notice it at once do not count it twice
        self.steps += 1
        return step

    def to_utc(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return steady times as UTC."""
        return t_ns + self.shift_ns if self.shift_ns else t_ns


class Stamps:
    """What the stamps of one interface mean on the steady line. For one thread.

    Most interfaces stamp with the machine's clock. Others have one of their own, which began when it was plugged in,
    or drifts away by a second a day. What counts is the age of the youngest frames of the last seconds: they came
    just now, whatever their stamps say. The kernel's own sockets stamp with the machine's clock for certain: there what
    is old is old, however long all frames have been so, as they are where they are not read as fast as they come.
    """

    def __init__(self, clock: SteadyClock, *, certain: bool = False) -> None:
        """Know nothing yet; *certain*: the stamps are of the machine's clock."""
        self._clock, self._certain = clock, certain
        self._steps = clock.steps
        self._since_ns = clock.now_ns()
        self._youngest: int | None = None
        self._before: int | None = None

    def steady(self, stamps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the steady times of frames that were just received; never later than now.

        Args:
            stamps: nanoseconds, UTC or as the interface counts, in the order of arrival, shape (n,) with n > 0.
        """
        clock = self._clock
        now = clock.now_ns()
        age = now + clock.shift_ns - int(stamps[-1])
        if abs(age - self._usual) > SUSPICIOUS_NS and clock.check():
            age = now + clock.shift_ns - int(stamps[-1])
        if clock.steps != self._steps:
            self._steps, self._youngest, self._before = clock.steps, None, None
        self._note(now, age)
        skew = self._usual
        if abs(skew) > 1 << 62:  # nonsense, and too much of it to reckon with
            return np.full(len(stamps), now, np.int64)
        shift = (skew if abs(skew) > SKEW_NS else 0) - clock.shift_ns
        times = stamps + shift if shift else stamps
        if age < skew + SKEW_NS and not int(times.max()) > now and int(times.min()) >= now - OLDEST_NS:
            return times
        times = np.minimum(times, now)
        return np.where(times < now - OLDEST_NS, now, times)

    @property
    def _usual(self) -> int:
        """The age of the youngest frames lately, which their interface's clock makes them."""
        if self._certain:
            return 0
        return min((age for age in (self._youngest, self._before) if age is not None), default=0)

    def _note(self, now: int, age: int) -> None:
        if self._youngest is None:
            self._youngest, self._since_ns = age, now
        elif now - self._since_ns >= SPAN_NS:
            self._before, self._youngest, self._since_ns = self._youngest, age, now
        else:
            self._youngest = min(self._youngest, age)
