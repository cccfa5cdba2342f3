"""What waits for a reader that wants each signal's latest update only: one row for each, however much comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker._kernels import CLatest, address, kernels
from commonwheel.broker.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Latest"]

_NOTHING = -1


class Latest:
    """The latest update of each signal of one reader. Not locked: its subscription is."""

    def __init__(self, signals: Sequence[int], count: int) -> None:
        """Make room for signals, each given once, of a broker that has *count*."""
        rows = len(signals)
        self._signals = np.asarray(signals, np.int32)
        self._row: npt.NDArray[np.int32] = np.full(count, -1, np.int32)
        self._row[self._signals] = np.arange(rows, dtype=np.int32)
        self._number: npt.NDArray[np.int64] = np.full(rows, _NOTHING, np.int64)
        self._t_ns: npt.NDArray[np.int64] = np.zeros(rows, np.int64)
        self._value: npt.NDArray[np.float64] = np.zeros(rows)
        self._quality: npt.NDArray[np.uint8] = np.zeros(rows, np.uint8)
        self._objects: dict[int, object] = {}
        """The objects that wait, by signal."""
        columns = (self._row, self._number, self._t_ns, self._value, self._quality)
        self._c = CLatest(*(address(column) for column in columns), 0, count, rows)
        self._put = kernels().cw_latest_put
        self._size = 0

    def __len__(self) -> int:
        """Return how many updates wait."""
        return self._size

    def put(self, updates: Updates) -> int:
        """Put a batch of this reader's signals over what waits; returns how many updates that replaces."""
        replaced = int(self._put(self._c, updates.bound))
        self._size += len(updates) - replaced
        if updates.objects is not None or self._objects:
            items = [None] * len(updates) if updates.objects is None else updates.objects.tolist()
            for number, item in zip(updates.signal.tolist(), items, strict=True):
                if item is None:
                    self._objects.pop(number, None)
                else:
                    self._objects[number] = item
        return replaced

    def take(self) -> Updates:
        """Return what waits as one batch, in the order it came, and begin anew."""
        rows = np.argsort(self._number, kind="stable")[len(self._number) - self._size :]
        signal = self._signals[rows]
        objects = None
        if self._objects:
            objects = np.empty(len(rows), object)
            for i, number in enumerate(signal.tolist()):
                objects[i] = self._objects.get(number)
        taken = Updates(signal, self._t_ns[rows], self._value[rows], self._quality[rows], objects)
        self._number[:] = _NOTHING
        self._objects.clear()
        self._size = 0
        return taken
