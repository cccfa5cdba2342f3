"""One line of time that rises, for frames recorded with clocks that do not.

A recording may start over (it is played in a loop), its device may have been reset, its clock set. The frames' times
are shifted so that each goes on where the last one was; within a second, times stay as they were recorded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    import numpy.typing as npt

    from commonwheel.wire.frames import Frames

__all__ = ["RisingLine"]

BACK_NS = 1_000_000_000
"""A longer step back within a bus is another clock; a shorter one is how it was recorded."""
PAUSE_NS = 3_600_000_000_000
"""A longer pause is a clock that was set."""
GAP_NS = 1_000_000
"""Between the end of a recording and its start over."""


class RisingLine:
    """Puts the frames of a recording on the line, chunk by chunk."""

    def __init__(self, start_ns: int, order_ns: int = 1_000_000) -> None:
        """The line begins at *start_ns*; frames of a recording without times come every *order_ns*."""
        self._end = start_ns
        self._order_ns = order_ns
        self._shift: int | None = None
        self._own: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._begun = False

    @property
    def end_ns(self) -> int:
        """The latest time on the line so far."""
        return self._end

    def restart(self) -> None:
        """The next chunk is a recording's first."""
        self._shift = None
        self._own.clear()
        self._last.clear()

    def place(self, frames: Frames) -> Frames:
        """Return a chunk (not empty) with its times on the line."""
        begin = self._end + (GAP_NS if self._begun else 0)
        self._begun = True
        if frames.clock is Clock.ORDER:
            step = self._order_ns
            first = begin if self._shift is None else self._end + step
            self._shift = 0
            t_ns = first + step * np.arange(len(frames), dtype=np.int64)
        else:
            if self._shift is None:
                self._shift = begin - int(frames.t_ns[0])
            t_ns = self._without_pauses(frames.t_ns + self._shift)
            for bus in np.unique(frames.bus).tolist():
                self._without_steps_back(t_ns, frames.bus == bus, bus)
        self._end = max(self._end, int(t_ns.max()))
        return replace(frames, t_ns=t_ns)

    def _without_pauses(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Shift everything behind a pause that no driver makes."""
        steps = np.diff(t_ns, prepend=min(self._end, int(t_ns[0])) if self._last else t_ns[0])
        long = steps > PAUSE_NS
        if not long.any():
            return t_ns
        over = np.cumsum(np.where(long, steps - GAP_NS, 0))
        self._shift = (self._shift or 0) - int(over[-1])
        return t_ns - over

    def _without_steps_back(self, t_ns: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_], bus: int) -> None:
        """Shift everything of one bus behind a step back, in place."""
        times = t_ns[rows] + self._own.get(bus, 0)
        before = self._last.get(bus, max(int(times[0]), self._end if self._last else int(times[0])))
        steps = np.diff(times, prepend=before)
        back = steps < -BACK_NS
        if back.any():
            over = np.cumsum(np.where(back, -steps, 0))
            times += over
            self._own[bus] = self._own.get(bus, 0) + int(over[-1])
        t_ns[rows] = times
        self._last[bus] = int(times[-1])
