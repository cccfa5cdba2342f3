"""The current value, quality and time of every signal, and the last stretch of its history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.updates import Updates
from commonwheel.broker.values import Reading, from_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwheel.broker.signals import SignalTable

__all__ = ["History", "Store"]


@dataclass(frozen=True, slots=True)
class History:
    """Bounds of the history of each signal."""

    depth: int = 1000
    """Most updates."""
    seconds: float = 600.0
    """Longest time back from the newest update."""


class Store:
    """Columns over all signals. Not locked: the broker holds the lock."""

    def __init__(self, table: SignalTable, history: History) -> None:
        count = len(table)
        self._table = table
        self._history = history
        self._value: npt.NDArray[np.float64] = np.full(count, np.nan)
        self._quality: npt.NDArray[np.uint8] = np.full(count, Quality.MISSING, np.uint8)
        self._t_ns: npt.NDArray[np.int64] = np.zeros(count, np.int64)
        self._objects: npt.NDArray[np.object_] = np.full(count, None, object)
        self._past: list[Updates] = []

    def put(self, updates: Updates) -> None:
        """Take in a batch; where a signal occurs several times, the last counts as current."""
        signal = updates.signal
        self._value[signal] = updates.value
        self._quality[signal] = updates.quality
        self._t_ns[signal] = updates.t_ns
        self._objects[signal] = updates.objects
        self._past.append(updates)
        del self._past[: -self._history.depth]

    def snapshot(self, signals: Sequence[int] | npt.NDArray[np.int32]) -> Updates:
        """Return the current state of these signals as a batch; MISSING where there was never a value."""
        index = np.asarray(signals, np.int32)
        objects = self._objects[index]
        has = any(item is not None for item in objects)
        return Updates(index, self._t_ns[index], self._value[index], self._quality[index], objects if has else None)

    def reading(self, number: int) -> Reading:
        """Return the current reading of a signal."""
        value = from_inside(self._table[number], float(self._value[number]), self._objects[number])
        return Reading(value, Quality(int(self._quality[number])), int(self._t_ns[number]))

    def history(self, number: int, start_ns: int, end_ns: int, most: int | None = None) -> Updates:
        """Return the updates of one signal from *start_ns* (included) to *end_ns* (not), the last *most* of them."""
        joined = Updates.concat([part[part.signal == number] for part in self._past])
        inside = (joined.t_ns >= start_ns) & (joined.t_ns < end_ns)
        return joined[inside][-most if most else 0 :]

    def stale(self, signals: Sequence[int], t_ns: int) -> Updates:
        """Return a batch that makes those of the signals STALE that have a value that is not; not taken in yet."""
        batch = self.snapshot(signals)
        chosen = batch[(batch.quality != Quality.STALE) & (batch.quality != Quality.MISSING)]
        n = len(chosen)
        return Updates(
            chosen.signal, np.full(n, t_ns, np.int64), chosen.value, np.full(n, Quality.STALE, np.uint8), chosen.objects
        )
