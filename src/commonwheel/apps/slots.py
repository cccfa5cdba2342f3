"""The signals that an app reads: current values, the past that it keeps, and how often it wants to be told.

One ``Slot`` per signal that is declared. What a slot does per sample is on the hot path.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING

from commonwheel.broker.updates import Updates
from commonwheel.broker.values import from_inside
from commonwheel.client.readings import Batch, Reading
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.broker.signals import Signal, SignalTable

__all__ = ["Slot"]

_QUALITIES = tuple(Quality)
_FLOAT_MAX = 3.4028234663852886e38
_MISSING = int(Quality.MISSING)


class Slot:
    """One signal of an app."""

    __slots__ = (
        "_fresh",
        "_kept",
        "_next_ns",
        "_plain",
        "_told_ns",
        "_told_quality",
        "calls",
        "given",
        "interval_ns",
        "item",
        "keep_ns",
        "path",
        "quality",
        "signal",
        "t_ns",
        "unit",
        "value",
        "watches",
    )

    def __init__(self, signal: Signal, *, rate_hz: float, keep_s: float, given: bool) -> None:
        """Begin without a value.

        Args:
            signal: as the table of numbers has it.
            rate_hz: updates per second at most; 0: every update.
            keep_s: seconds that can be looked back at.
            given: whether the car gives it.
        """
        self.signal = signal
        self.path = signal.path
        self.unit = signal.leaf.unit
        self.given = given
        self.interval_ns = round(1e9 / rate_hz) if rate_hz > 0 else 0
        self.keep_ns = round(keep_s * 1e9)
        self.t_ns = 0
        self.value = math.nan
        self.quality = _MISSING
        self.item: object = None
        self.calls: list[Callable[[Reading], object]] = []
        """Called with each reading."""
        self.watches: list[Callable[[], object]] = []
        """Called when a value has come, in whatever quality."""
        self._next_ns = 0
        self._told_ns: int = 0
        self._told_quality: int = -1
        self._fresh: Reading | None = None
        self._kept: deque[tuple[int, float, int, object]] | None = deque() if self.keep_ns else None
        self._plain = signal.leaf.datatype in {"float", "double"}

    def admits(self, t_ns: int, quality: int) -> bool:
        """Whether an update is told, at the rate that is wanted; a change of quality always is.

        Updates have places on a grid of intervals and may come a quarter of one early: a sender that jitters around
        the wanted rate loses none, and there are never more than the rate and one on average.
        """
        next_ns = self._next_ns
        if self._told_ns <= t_ns < next_ns - (self.interval_ns >> 2) and quality == self._told_quality:
            return False
        on_grid = self._told_quality >= 0 and self._told_ns <= t_ns < next_ns + self.interval_ns
        self._next_ns = (next_ns if on_grid and t_ns >= next_ns - self.interval_ns else t_ns) + self.interval_ns
        self._told_ns, self._told_quality = t_ns, quality
        return True

    def set(self, t_ns: int, value: float, quality: int, item: object) -> None:
        """Take an update in."""
        self.t_ns, self.value, self.quality, self.item = t_ns, value, quality, item
        self._fresh = None
        kept = self._kept
        if kept is not None:
            kept.append((t_ns, value, quality, item))
            least = t_ns - self.keep_ns
            while kept[0][0] < least:
                kept.popleft()

    @property
    def reading(self) -> Reading:
        """The current reading; MISSING where there was never a value."""
        fresh = self._fresh
        if fresh is None:
            value = self.value
            if not (self._plain and -_FLOAT_MAX <= value <= _FLOAT_MAX):
                typed = from_inside(self.signal, value, self.item)
                fresh = Reading(typed, _QUALITIES[self.quality], self.t_ns, self.path, self.unit)
            else:
                fresh = Reading(value, _QUALITIES[self.quality], self.t_ns, self.path, self.unit)
            self._fresh = fresh
        return fresh

    def history(self, since_ns: int, table: SignalTable) -> Batch:
        """Return what is kept from a time on, the oldest first."""
        kept = list(self._kept or ())
        kept = kept[bisect_left(kept, since_ns, key=lambda row: row[0]) :]
        return Batch(Updates.build((self.signal.number, *row) for row in kept), table)
