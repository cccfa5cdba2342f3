"""Memory for results that is used again: fresh pages cost as much as the decoding itself.

``lease`` hands out arrays over one block of memory. When the last array over it is gone, the block goes back to
the pool for the next batch, instead of to the operating system, which would have to clear it anew.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["MOST_KEPT_BYTES", "lease"]

MOST_KEPT_BYTES = 256 << 20
"""Blocks beyond this are given back to the operating system."""
SMALLEST_KEPT_BYTES = 1 << 16
"""Smaller arrays come from numpy's own allocator, which is as quick for them."""
ALIGNMENT = 64

_free: list[npt.NDArray[np.uint8]] = []
_lock = threading.Lock()


class _Lease:
    """Holds a block while arrays over it live; numpy keeps it as their base."""

    def __init__(self, block: npt.NDArray[np.uint8]) -> None:
        self._block = block
        self.__array_interface__ = block.__array_interface__

    def __del__(self) -> None:
        with _lock:
            if sum(len(block) for block in _free) + len(self._block) <= MOST_KEPT_BYTES:
                _free.append(self._block)


def _take(size: int) -> npt.NDArray[np.uint8]:
    with _lock:
        fitting = [i for i, block in enumerate(_free) if size <= len(block) <= 4 * size]
        if fitting:
            return _free.pop(min(fitting, key=lambda i: len(_free[i])))
        if _free:  # none fits: let the oldest go, so that the pool follows the batches that come now
            _free.pop(0)
    return np.empty(size, np.uint8)


def lease(count: int, dtypes: Sequence[Any]) -> list[npt.NDArray[Any]]:
    """Return one uninitialised array of *count* elements per dtype, over one block of used-again memory."""
    sizes = [-(-count * np.dtype(dtype).itemsize // ALIGNMENT) * ALIGNMENT for dtype in dtypes]
    if sum(sizes) < SMALLEST_KEPT_BYTES:
        return [np.empty(count, dtype) for dtype in dtypes]
    block = np.asarray(_Lease(_take(sum(sizes) + ALIGNMENT)))
    at = -block.__array_interface__["data"][0] % ALIGNMENT
    arrays: list[npt.NDArray[Any]] = []
    for size, dtype in zip(sizes, dtypes, strict=True):
        arrays.append(block[at : at + size].view(dtype)[:count])
        at += size
    return arrays
