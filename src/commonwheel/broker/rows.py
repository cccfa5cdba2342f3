"""Which rows of a batch somebody wants: where kernels write their numbers, and the batch of just these rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker._kernels import address, kernels

if TYPE_CHECKING:
    import numpy.typing as npt

    from commonwheel.broker.updates import Updates

__all__ = ["Rows"]


class Rows:
    """Room for the numbers of as many rows as the largest batch so far had. One broker has one, used under its lock."""

    def __init__(self) -> None:
        self._select = kernels().cw_select
        self._grow(256)

    def _grow(self, size: int) -> None:
        self.numbers: npt.NDArray[np.int64] = np.empty(size, np.int64)
        self._where = address(self.numbers)

    def room(self, size: int) -> int:
        """Return the address of room for so many numbers."""
        if size > len(self.numbers):
            self._grow(2 * size)
        return self._where

    def chosen(self, updates: Updates, count: int) -> Updates:
        """Return a batch of the *count* rows noted here; the very batch when these are all of them."""
        return updates if count == len(updates) else updates[self.numbers[:count]]

    def select(self, updates: Updates, wanted: int, signals: int) -> Updates:
        """Return the rows of wanted signals.

        Args:
            updates: the batch.
            wanted: address of one byte for each signal: 1 or 0.
            signals: how many signals there are.
        """
        return self.chosen(updates, self._select(wanted, signals, updates.bound, self.room(len(updates))))
