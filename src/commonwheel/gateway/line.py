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
        self._own = np.zeros(256, np.int64)
        """What is added to the times of each bus, beside the common shift."""
        self._last: dict[int, int] = {}
        self._begun = False

    @property
    def end_ns(self) -> int:
        """The latest time on the line so far."""
        return self._end

    def restart(self) -> None:
        """The next chunk is a recording's first."""
        self._shift = None
        self._own[:] = 0
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
            t_ns = frames.t_ns + (self._own[frames.bus] + self._shift)
            if not self._rises(t_ns, frames.bus):
                t_ns = self._straightened(frames)
        self._end = max(self._end, int(t_ns.max()))
        return replace(frames, t_ns=t_ns)

    def _rises(self, t_ns: npt.NDArray[np.int64], bus: npt.NDArray[np.uint8]) -> bool:
        """Whether times can stay as they are; then they are noted."""
        reached = np.maximum.accumulate(np.concatenate(([self._end], t_ns)))
        if (np.diff(reached) > PAUSE_NS).any():
            return False
        last = dict(self._last)
        for number in np.unique(bus).tolist():
            rows = np.flatnonzero(bus == number)
            own = t_ns[rows]
            before = last.get(number, int(reached[rows[0]]))
            if (np.diff(own, prepend=before) < -BACK_NS).any():
                return False
            last[number] = int(own[-1])
        self._last = last
        return True

    def _straightened(self, frames: Frames) -> npt.NDArray[np.int64]:
        """Go through the times one by one, and shift each bus from where it steps back or pauses too long."""
        own: list[int] = self._own.tolist()
        raw: list[int] = (frames.t_ns + (self._shift or 0)).tolist()
        last, end = self._last, self._end
        times: list[int] = []
        buses: list[int] = frames.bus.tolist()
        for bus, placed in zip(buses, raw, strict=True):
            t_ns = placed + own[bus]
            before = last.get(bus, end)
            wanted = before if t_ns < before - BACK_NS else end + GAP_NS if t_ns > end + PAUSE_NS else t_ns
            own[bus] += wanted - t_ns
            last[bus] = wanted
            end = max(end, wanted)
            times.append(wanted)
        self._own = np.array(own, np.int64)
        return np.array(times, np.int64)
