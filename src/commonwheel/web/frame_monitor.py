"""A car's frames as they come, put together by message: what the Traffic page shows, whatever their rate.

A monitor listens to a gateway while somebody looks. In the thread that brings the frames a batch is only copied and
put aside; now and then (some thousands of frames, or when somebody looks) all that came is folded into one row for
each message, by numpy, without a loop over frames. The last seconds are kept as they came, within a bound.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.web.bus_numbers import renumber
from commonwheel.wire.frames import Frames

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from commonwheel.gateway.recording import HearsFrames

__all__ = ["FrameMonitor", "Kept", "Table", "monitor_of"]

MOST_MESSAGES = 4096
"""Ids (per bus) that have a row; what comes from more is only counted."""
FOLD_FRAMES = 4096
"""As many wait at most before they are folded in, which takes under a millisecond."""
KEPT_S = 30.0
KEPT_FRAMES = 600_000
"""The last seconds, and the most frames of them: 30 s of 20,000 a second; about 18 MB."""
RATE_S = 3.0
"""The time over which rates are measured."""
_MARK_S = 0.5
_PAYLOAD = 64


@dataclass(frozen=True, slots=True)
class Kept:
    """Frames as they came, and of each whether its payload is another one than that of its message before."""

    frames: Frames
    changed: npt.NDArray[np.bool_]
    end: int = 0
    """How many frames had come when the last of them had."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Every message so far, one row each; rows keep their numbers. A copy of its own."""

    key: npt.NDArray[np.int64]
    """``bus << 32 | id`` with the car's own bus number and SocketCAN's flags, shape (n,)."""
    count: npt.NDArray[np.int64]
    """Frames so far, shape (n,)."""
    rate: npt.NDArray[np.float64]
    """Frames a second over the last seconds, shape (n,)."""
    last_ns: npt.NDArray[np.int64]
    """When the last one came, nanoseconds UTC, shape (n,)."""
    size: npt.NDArray[np.uint8]
    data: npt.NDArray[np.uint8]
    """The last payload, shape (n, 64), zero behind ``size``."""
    moved: npt.NDArray[np.uint8]
    """The bits that have ever changed, shape (n, 64)."""
    version: npt.NDArray[np.int64]
    """Rises with each payload that is another one than the one before, shape (n,)."""
    frames: int
    """Frames so far, of all messages."""
    others: int
    """Of them, those of messages that have no row."""


class FrameMonitor:
    """One gateway's frames. ``hold`` and ``release`` count who looks; any thread."""

    def __init__(self, gateway: HearsFrames, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a monitor, which listens once somebody holds it.

        Args:
            gateway: whose frames.
            clock: seconds, for rates.
        """
        self._gateway = weakref.ref(gateway)  # a monitor lives as long as its gateway, not the other way round
        self._clock = clock
        self._lock = threading.Lock()
        self._holders = 0
        self._stop: Callable[[], None] | None = None
        self._renumber = renumber(gateway)
        self._clear()

    def _clear(self) -> None:
        n = 64
        self._rows: dict[int, int] = {}
        self._key = np.zeros(n, np.int64)
        self._count = np.zeros(n, np.int64)
        self._last_ns = np.zeros(n, np.int64)
        self._size = np.zeros(n, np.uint8)
        self._data = np.zeros((n, _PAYLOAD), np.uint8)
        self._moved = np.zeros((n, _PAYLOAD), np.uint8)
        self._version = np.zeros(n, np.int64)
        self._frames = self._others = 0
        self._waiting: list[Frames] = []
        self._waiting_count = 0
        self._kept: deque[Kept] = deque()
        self._kept_count = 0
        self._marks: deque[tuple[float, npt.NDArray[np.int64]]] = deque([(self._clock(), np.zeros(0, np.int64))])

    # ---- who looks --------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Look: frames are listened to from now on."""
        with self._lock:
            self._holders += 1
            if self._holders > 1:
                return
            self._clear()
        gateway = self._gateway()
        if gateway is not None:
            self._stop = gateway.listen(self._tap)

    def release(self) -> None:
        """Look no more; the last one who does gives the memory back."""
        with self._lock:
            self._holders -= 1
            stop = None if self._holders else self._stop
        if stop is not None:
            stop()  # without the lock: the thread that calls the tap may wait for it while it is waited for
            with self._lock:
                if not self._holders:
                    self._clear()

    @property
    def held(self) -> int:
        """How many look."""
        return self._holders

    # ---- frames in --------------------------------------------------------------------------------------------------

    def _tap(self, frames: Frames) -> None:
        """Take a batch; in the thread that brings it, whose memory may be used again."""
        own = Frames(
            frames.t_ns.copy(),
            frames.bus.copy(),
            frames.id.copy(),
            frames.size.copy(),
            frames.data.copy(),
            frames.clock,
        )
        with self._lock:
            self._waiting.append(own)
            self._waiting_count += len(own)
            if self._waiting_count >= FOLD_FRAMES:
                self._fold()

    def _fold(self) -> None:
        """Fold what waits into the rows."""
        if not self._waiting_count:
            self._waiting.clear()
            return
        frames = self._renumber(Frames.concat(self._waiting))
        self._waiting, self._waiting_count = [], 0
        self._frames += len(frames)
        keys = frames.bus.astype(np.int64) << 32 | frames.id
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        rows = np.array([self._row(int(key)) for key in ordered[starts]], np.int64)
        changed = np.zeros(len(frames), bool)
        changed[order] = self._take_in(frames[order], starts, rows)
        self._keep(Kept(frames, changed, self._frames))
        self._mark()

    def _row(self, key: int) -> int:
        """Return the row of a message; -1 when there are too many."""
        row = self._rows.get(key, -1)
        if row < 0 and len(self._rows) < MOST_MESSAGES:
            row = self._rows[key] = len(self._rows)
            if row >= len(self._key):
                self._grow()
            self._key[row] = key
        return row

    def _grow(self) -> None:
        for name in ("_key", "_count", "_last_ns", "_size", "_data", "_moved", "_version"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros_like(column)]))

    def _take_in(
        self, frames: Frames, starts: npt.NDArray[np.intp], rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Take in frames ordered by message, each beginning at its start; returns which have another payload."""
        n, width = len(frames), frames.width
        ends = np.append(starts[1:], n)
        first = np.zeros(n, bool)
        first[starts] = True
        data, size = frames.data, frames.size
        flips = np.zeros((n, width), np.uint8)
        flips[1:] = data[1:] ^ data[:-1]
        flips[first] = 0
        resized = np.zeros(n, bool)
        resized[1:] = (size[1:] != size[:-1]) & ~first[1:]
        known = rows >= 0
        old = known & (self._count[rows] > 0)
        at = starts[old]
        flips[at] = data[at] ^ self._data[rows[old], :width]
        resized[at] = size[at] != self._size[rows[old]]
        changed = flips.any(axis=1) | resized
        fresh = starts[known & ~old]
        changed[fresh] = True
        counts = ends - starts
        self._others += int(counts[~known].sum())
        here, last = rows[known], ends[known] - 1
        self._moved[here, :width] |= np.bitwise_or.reduceat(flips, starts, axis=0)[known]
        self._version[here] += np.add.reduceat(changed.astype(np.int64), starts)[known]
        self._count[here] += counts[known]
        self._last_ns[here] = frames.t_ns[last]
        self._size[here] = size[last]
        self._data[here] = 0
        self._data[here, :width] = data[last]
        return changed

    def _keep(self, kept: Kept) -> None:
        """Keep frames as they came; the oldest go."""
        self._kept.append(kept)
        self._kept_count += len(kept.frames)
        oldest_ns = int(kept.frames.t_ns[-1]) - round(KEPT_S * 1e9)
        while len(self._kept) > 1 and (
            self._kept_count > KEPT_FRAMES or int(self._kept[0].frames.t_ns[-1]) < oldest_ns
        ):
            self._kept_count -= len(self._kept.popleft().frames)

    def _mark(self) -> None:
        """Note the counts now and then: rates are differences between them."""
        now = self._clock()
        if now - self._marks[-1][0] < _MARK_S:
            return
        self._marks.append((now, self._count[: len(self._rows)].copy()))
        while len(self._marks) > 1 and now - self._marks[1][0] >= RATE_S:
            self._marks.popleft()

    # ---- what there is ----------------------------------------------------------------------------------------------

    def table(self) -> Table:
        """Return every message so far."""
        with self._lock:
            self._fold()
            self._mark()
            n = len(self._rows)
            began, before = self._marks[0]
            passed = max(self._clock() - began, 1e-3)
            earlier = np.zeros(n, np.int64)
            earlier[: len(before)] = before
            count = self._count[:n].copy()
            return Table(
                self._key[:n].copy(),
                count,
                (count - earlier) / passed,
                self._last_ns[:n].copy(),
                self._size[:n].copy(),
                self._data[:n].copy(),
                self._moved[:n].copy(),
                self._version[:n].copy(),
                self._frames,
                self._others,
            )

    def payload(self, key: int) -> tuple[int, bytes, int] | None:
        """Return a message's last frame: when (nanoseconds UTC), its payload, its count; None: none came."""
        with self._lock:
            self._fold()
            row = self._rows.get(key, -1)
            if row < 0:
                return None
            payload = self._data[row, : self._size[row]].tobytes()
            return int(self._last_ns[row]), payload, int(self._count[row])

    def recent(self, seconds: float) -> Kept:
        """Return the frames of the last seconds that are kept, oldest first."""
        found = self.after(0)
        if not len(found.frames):
            return found
        mask = found.frames.t_ns >= int(found.frames.t_ns[-1]) - round(seconds * 1e9)
        return Kept(found.frames[mask], found.changed[mask], found.end)

    def after(self, count: int) -> Kept:
        """Return the frames that are kept of those that came after the first *count*."""
        found = self._joined(lambda kept: kept.end > count)
        begin = max(0, len(found.frames) - max(0, found.end - count))
        return Kept(found.frames[begin:], found.changed[begin:], found.end)

    def _joined(self, wanted: Callable[[Kept], bool]) -> Kept:
        with self._lock:
            self._fold()
            end = self._frames
            parts = [kept for kept in self._kept if wanted(kept)]
        if not parts:
            return Kept(Frames.empty(), np.zeros(0, bool), end)
        frames = Frames.concat([part.frames for part in parts])
        return Kept(frames, np.concatenate([part.changed for part in parts]), end)


_MONITORS: weakref.WeakKeyDictionary[HearsFrames, FrameMonitor] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def monitor_of(gateway: HearsFrames) -> FrameMonitor:
    """Return the one monitor of a gateway; all who look share it."""
    with _LOCK:
        found = _MONITORS.get(gateway)
        if found is None:
            found = FrameMonitor(gateway)
            _MONITORS[gateway] = found
        return found
