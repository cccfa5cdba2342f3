"""Small batches, as a live bus brings them: decoded between arrays whose places the kernels know already.

Finding out where nine arrays lie costs ten times as much as decoding twenty frames. A desk has its own arrays, whose
places were found once: frames are copied in, samples copied out.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire._kernels import CFrames, CSamples, address, kernels
from commonwheel.wire.state import Columns

if TYPE_CHECKING:
    import numpy.typing as npt

    from commonwheel.wire._kernels import CState, CTables
    from commonwheel.wire.frames import Frames

__all__ = ["LARGEST_BATCH", "Desk"]

LARGEST_BATCH = 512
"""Frames; beyond, copying costs more than finding out."""
_SAMPLES = 4096
_WIDTHS = (8, 64)
_DTYPES = tuple(np.dtype(kind) for kind in (np.int64, np.uint8, np.uint32, np.uint8, np.uint8))


class Desk:
    """Room for one small batch at a time."""

    def __init__(self, tables: CTables, state: CState, bus_map: npt.NDArray[np.uint8], burst: int) -> None:
        """Lay out the arrays; *tables*, *state* and *bus_map* are the decoder's own and outlive the desk."""
        n, room = LARGEST_BATCH, _SAMPLES + 2 * burst
        self._t_ns, self._bus = np.zeros(n, np.int64), np.zeros(n, np.uint8)
        self._id, self._size = np.zeros(n, np.uint32), np.zeros(n, np.uint8)
        self._data = {width: np.zeros((n, width), np.uint8) for width in _WIDTHS}
        self._out = Columns(
            np.zeros(room, np.int64), np.zeros(room, np.int32), np.zeros(room), np.zeros(room, np.uint8)
        )
        columns = (self._t_ns, self._bus, self._id, self._size)
        self._frames = {
            width: CFrames(*(address(c) for c in (*columns, data)), 0, address(bus_map), width)
            for width, data in self._data.items()
        }
        out = self._out
        self._samples = CSamples(*(address(c) for c in (out.t_ns, out.signal, out.value, out.quality)), room, 0)
        self._kept = bus_map, tables, state
        # The kernel takes pointers; making them here saves making them at each call.
        self._tables, self._state = ctypes.pointer(tables), ctypes.pointer(state)
        self._in = {width: ctypes.pointer(frames) for width, frames in self._frames.items()}
        self._to = ctypes.pointer(self._samples)
        self._decode = kernels().cw_decode

    @staticmethod
    def fits(frames: Frames) -> bool:
        """Whether the batch can be copied in as it is."""
        t_ns, bus, ids, size, data = columns = frames.t_ns, frames.bus, frames.id, frames.size, frames.data
        n = len(t_ns)
        return (
            n <= LARGEST_BATCH
            and tuple([column.dtype for column in columns]) == _DTYPES
            and all(column.flags.c_contiguous for column in columns)  # as for large ones: gaps are a mistake
            and len(bus) == len(ids) == len(size) == n
            and data.ndim == 2  # noqa: PLR2004 - frames and bytes
            and len(data) == n
            and data.shape[1] in _WIDTHS
        )

    def decode(self, frames: Frames) -> list[Columns]:
        """Decode a batch that ``fits``; the state moves on. There is more than one part when many messages are late."""
        n = len(frames.t_ns)
        width = frames.data.shape[1]
        self._t_ns[:n] = frames.t_ns
        self._bus[:n] = frames.bus
        self._id[:n] = frames.id
        self._size[:n] = frames.size
        self._data[width][:n] = frames.data
        self._frames[width].count = n
        samples, out = self._samples, self._out
        parts: list[Columns] = []
        done = 0
        while done < n or not parts:
            samples.count = 0
            done = self._decode(self._tables, self._state, self._in[width], done, self._to)
            m = samples.count
            parts.append(
                Columns(out.t_ns[:m].copy(), out.signal[:m].copy(), out.value[:m].copy(), out.quality[:m].copy())
            )
        return parts
