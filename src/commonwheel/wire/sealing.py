"""Checksums of one message, frame by frame: what ``codec.seal`` does for a batch, laid out once.

Finding out where a car's tables lie costs ten times as much as a checksum; a cycle of control has no time for that.
"""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING

from commonwheel.native import quick_library
from commonwheel.wire._kernels import address, bind_tables, kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.wire.tables import Tables

__all__ = ["Sealer"]

_WIDTHS = (8, 64)


class Sealer:
    """Computes the checksum (a row of the tables) of payloads of one size."""

    def __init__(self, tables: Tables, check: int, size: int) -> None:
        """Prepare.

        Raises:
            ValueError: no frame is of that size, or the tables have no such row.
        """
        if not 0 <= size <= _WIDTHS[-1] or not 0 <= check < len(tables.checks):
            message = f"there is no checksum {check} of payloads of {size} bytes"
            raise ValueError(message)
        width = min(width for width in _WIDTHS if size <= width)
        self._size, self._width = size, width
        self._buffer = (ctypes.c_uint8 * width)()
        self._bytes = memoryview(self._buffer).cast("B")[:size]
        self._c_tables = bind_tables(tables)
        self._tables = ctypes.pointer(self._c_tables)
        rows = tables.checks
        self._check = ctypes.c_void_p(address(rows) + check * rows.dtype.itemsize)
        self._where = ctypes.c_void_p(ctypes.addressof(self._buffer))
        self._kept = tables
        self._seal = _seal()

    def __call__(self, payload: bytes) -> bytes:
        """Return a payload of the size with its checksum put in.

        Raises:
            ValueError: it is of another size.
        """
        if len(payload) != self._size:
            message = f"payloads of this message have {self._size} bytes, not {len(payload)}"
            raise ValueError(message)
        self._bytes[:] = payload
        self._seal(self._tables, self._check, self._where, 1, self._size, self._width)
        return self._bytes.tobytes()


@functools.cache
def _seal() -> Callable[..., None]:
    """Return the kernel for calls that keep the interpreter's lock: who lets go of it may wait to have it back."""
    known, quick = kernels().cw_seal, quick_library().cw_seal
    quick.restype, quick.argtypes = None, known.argtypes
    return quick
