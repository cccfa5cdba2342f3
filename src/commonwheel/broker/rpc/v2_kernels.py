"""The binding of ``native/kuksa.c``: a table of signals as the kernels take it, and its two functions.

They are called with the interpreter's lock held: a batch of a hundred signals takes them a few microseconds.
"""

from __future__ import annotations

import ctypes
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.broker._kernels import CUpdates, address
from commonwheel.broker.rpc.convert import FLOAT_MAX, field_of, float_limits
from commonwheel.broker.rpc.interface import message
from commonwheel.catalog.leaf import INTEGER_RANGES
from commonwheel.errors import CommonwheelError
from commonwheel.native import quick_library

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from commonwheel.broker.signals import Signal, SignalTable
    from commonwheel.broker.updates import Updates

__all__ = ["Kernels", "Points"]

_POINTER, _I32, _I64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64

_SIGNAL = np.dtype(
    [
        *[(name, "f8") for name in ("low", "high", "type_low", "type_high")],
        *[(name, "i4") for name in ("key", "key_size", "label", "labels")],
        ("field", "u1"),
        ("choosy", "u1"),
        ("unused", "14u1"),
    ]
)
_TEXT = np.dtype([("at", "i4"), ("size", "i4")])

_LEFT = 255
_SEVEN_BITS = 0x7F
_ROOM = 2 * 1024 * 1024
"""Most bytes of a message that is written; clients take 4 MB by default."""
_ENTRY = 64
"""Bytes of an entry without its key and without a text."""


class _CTable(ctypes.Structure):
    """``cw_kuksa``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("signals", "labels", "texts", "seen")],
        ("count", _I32),
        ("widest", _I32),
    ]


class _CPoints(ctypes.Structure):
    """``cw_kuksa_points``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("signal", "t_ns", "value", "quality", "at", "size")],
        ("capacity", _I64),
        ("request_id", ctypes.c_uint32),
        ("left", _I32),
    ]


@dataclass(frozen=True, slots=True)
class Points:
    """A request to publish, taken apart: columns, to be given away."""

    request_id: int
    signal: npt.NDArray[np.int32]
    t_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    left: list[tuple[int, bytes]]
    """Rows that are to be looked at, whatever else they say, and their data points as bytes."""


class Kernels:
    """The kernels for one table of signals. To be used by one thread."""

    def __init__(self, table: SignalTable) -> None:
        texts = bytearray()
        labels: list[tuple[int, int]] = []
        rows = [_row(signal, texts, labels) for signal in table.signals]
        self._signals = np.array(rows, _SIGNAL)
        self._labels = np.array(labels or [(0, 0)], _TEXT)
        self._texts = np.frombuffer(bytes(texts) or b"\0", np.uint8)
        self._seen = np.zeros(max(len(rows), 1), np.uint8)
        keys, names = self._signals["key_size"], self._labels["size"]
        widest = _ENTRY + int(keys.max(initial=0)) + int(names.max(initial=0))
        pointers = (address(array) for array in (self._signals, self._labels, self._texts, self._seen))
        self._table = _CTable(*pointers, len(rows), widest)
        self._out: npt.NDArray[np.uint8] = np.empty(max(_ROOM, widest), np.uint8)
        self._used = _I64()
        self._scratch = (
            np.empty(len(rows), np.int32),
            np.empty(len(rows), np.int64),
            np.empty(len(rows), np.float64),
            np.empty(len(rows), np.uint8),
            np.empty(len(rows), np.int32),
            np.empty(len(rows), np.int32),
        )
        self._points = _CPoints(*(address(array) for array in self._scratch), len(rows), 0, 0)
        lib = _library()
        self._write, self._read = lib.cw_kuksa_write, lib.cw_kuksa_read
        self._where = (address(self._out), len(self._out), ctypes.byref(self._used))

    def write(
        self, updates: Updates, start: int, skip: npt.NDArray[np.bool_] | None, since_ns: int, *, by_number: bool
    ) -> tuple[bytes, int]:
        """Return entries for rows of a batch, from *start* on, and the first row that is not among them.

        They end where a signal would come twice, and where a message gets too long.

        Args:
            updates: the batch.
            start: the first row.
            skip: rows to leave out, shape (n,).
            since_ns: the time to tell where there is none.
            by_number: keys are numbers, not paths.
        """
        marks = None if skip is None else address(skip)
        end = self._write(self._table, updates.bound, start, marks, since_ns, by_number, *self._where)
        return self._out[: self._used.value].tobytes(), end

    def read(self, data: bytes, now_ns: int) -> Points | None:
        """Take an OpenProviderStreamRequest apart; None for one that does not publish, or that needs a full parser."""
        count = self._read(self._table, data, len(data), now_ns, self._points)
        if count < 0:
            return None
        signal, t_ns, value, quality, at, size = self._scratch
        left: list[tuple[int, bytes]] = []
        if self._points.left:
            rows = np.flatnonzero(quality[:count] == _LEFT).tolist()
            left = [(row, data[at[row] : at[row] + size[row]]) for row in rows]
        columns = (signal[:count].copy(), t_ns[:count].copy(), value[:count].copy(), quality[:count].copy())
        return Points(self._points.request_id, *columns, left)


def _row(signal: Signal, texts: bytearray, labels: list[tuple[int, int]]) -> tuple[Any, ...]:
    """Return a signal's row of the table; its path and its labels go to *texts* and *labels*."""
    leaf = signal.leaf
    path = leaf.path.encode()
    key, key_size = _put(texts, b"\x0a" + _varint(len(path)) + path)
    first = len(labels)
    labels.extend(_put(texts, label.encode()) for label in signal.labels)
    plain = signal.is_plain and bool(field_of(leaf))
    field = message("kuksa.val.v2.Value").DESCRIPTOR.fields_by_name[field_of(leaf)].number if plain else 0
    choosy = bool(leaf.allowed and not signal.labels) or leaf.pattern is not None
    return (*_limits(signal), key, key_size, first, len(signal.labels), field, choosy, (0,) * 14)


def _limits(signal: Signal) -> tuple[float, float, float, float]:
    leaf = signal.leaf
    whole = INTEGER_RANGES.get(leaf.datatype)
    low, high = whole or (-math.inf, math.inf)
    if leaf.datatype == "float":
        low, high = -FLOAT_MAX, FLOAT_MAX
    accepted = (
        low if leaf.minimum is None else max(low, leaf.minimum),
        high if leaf.maximum is None else min(high, leaf.maximum),
    )
    kept = (low, high) if whole else float_limits(leaf) if leaf.datatype == "float" else accepted
    return float(accepted[0]), float(accepted[1]), float(kept[0]), float(kept[1])


def _put(texts: bytearray, text: Iterable[int]) -> tuple[int, int]:
    at = len(texts)
    texts.extend(text)
    return at, len(texts) - at


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > _SEVEN_BITS:
        out.append(number & _SEVEN_BITS | ~_SEVEN_BITS & 0xFF)
        number >>= 7
    out.append(number)
    return bytes(out)


@functools.cache
def _library() -> ctypes.PyDLL:
    """Load the kernels and state their types.

    Raises:
        CommonwheelError: the library is missing, or lays its structures out otherwise.
    """
    lib = quick_library()
    table, updates, points = (ctypes.POINTER(c) for c in (_CTable, CUpdates, _CPoints))
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "cw_kuksa_write": (_I64, [table, updates, _I64, _POINTER, _I64, _I32, _POINTER, _I64, ctypes.POINTER(_I64)]),
        "cw_kuksa_read": (_I64, [table, ctypes.c_char_p, _I64, _I64, points]),
        "cw_kuksa_layout": (_I32, [_I32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    sizes = (_SIGNAL.itemsize, _TEXT.itemsize, ctypes.sizeof(_CTable), ctypes.sizeof(_CPoints))
    if tuple(lib.cw_kuksa_layout(i) for i in range(len(sizes))) != sizes:
        message_ = "the compiled kernels do not fit this version of commonwheel; install it again with pip"
        raise CommonwheelError(message_)
    return lib
