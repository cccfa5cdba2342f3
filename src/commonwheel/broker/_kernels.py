"""The binding of ``native/broker.c``: its structures as ctypes and numpy layouts, its functions with their types.

The functions are called with the interpreter's lock held: each takes a few microseconds for the batches of a live
bus, and a publisher that lets go of the lock a few times per batch would wait for other threads each time.
"""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.errors import CommonwheelError
from commonwheel.native import quick_library

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "BEND",
    "KNOT",
    "LAST",
    "POINT",
    "RING",
    "CFilter",
    "CIndex",
    "CLatest",
    "COutlet",
    "CRule",
    "CStore",
    "CUpdates",
    "address",
    "bind_columns",
    "kernels",
]

_POINTER, _I32, _I64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64

POINT = np.dtype([("t_ns", "i8"), ("value", "f8"), ("quality", "u1"), ("unused", "7u1")])
RING = np.dtype([("next", "i4"), ("length", "i4")])
LAST = np.dtype(
    [("t_ns", "i8"), ("value", "f8"), ("reference", "f8"), ("quality", "u1"), ("seen", "u1"), ("unused", "6u1")]
)
KNOT = np.dtype([("t_ns", "i8"), ("value", "f8")])
BEND = np.dtype([("since_ns", "i8"), ("waiting", "i4"), ("anchored", "i4")])

_COLUMNS = (np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float64), np.dtype(np.uint8))
_NAMES = ("signal", "t_ns", "value", "quality")


class CUpdates(ctypes.Structure):
    """``cw_updates``."""

    _fields_ = [*[(name, _POINTER) for name in _NAMES], ("count", _I64)]
    owned: list[npt.NDArray[Any]]
    """The arrays pointed to, where they are not the batch's own."""


class CStore(ctypes.Structure):
    """``cw_store``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("t_ns", "value", "quality", "rings", "past", "special", "owners")],
        ("specials", _I64),
        ("signals", _I32),
        ("depth", _I32),
    ]


class CIndex(ctypes.Structure):
    """``cw_index``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("wanted", "some", "whole")],
        ("signals", _I32),
        ("words", _I32),
    ]


class CLatest(ctypes.Structure):
    """``cw_latest``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("row", "number", "t_ns", "value", "quality")],
        ("numbers", _I64),
        ("signals", _I32),
        ("rows", _I32),
    ]


class CRule(ctypes.Structure):
    """``cw_rule``."""

    _fields_ = [
        ("interval_ns", _I64),
        ("deadband", ctypes.c_double),
        ("diff", ctypes.c_double),
        ("boundary", ctypes.c_double * 2),
        ("max_error", ctypes.c_double),
        ("change", _I32),
        ("compare", _I32 * 2),
        ("on_change", ctypes.c_uint8),
        ("any_of", ctypes.c_uint8),
        ("unused", ctypes.c_uint8 * 2),
        ("max_age_ns", _I64),
    ]


class CFilter(ctypes.Structure):
    """``cw_filter``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("row", "last")],
        ("signals", _I32),
        ("rows", _I32),
        ("rule", CRule),
        *[(name, _POINTER) for name in ("signal", "bends", "knots", "keep", "stack")],
        ("buffer", _I32),
        ("unused", _I32),
    ]


class COutlet(ctypes.Structure):
    """``cw_outlet``."""

    _fields_ = [*[(name, _POINTER) for name in _NAMES], ("capacity", _I64), ("count", _I64)]


_SIZES = (
    ctypes.sizeof(CUpdates),
    POINT.itemsize,
    RING.itemsize,
    ctypes.sizeof(CStore),
    ctypes.sizeof(CIndex),
    ctypes.sizeof(CLatest),
    ctypes.sizeof(CRule),
    LAST.itemsize,
    KNOT.itemsize,
    BEND.itemsize,
    ctypes.sizeof(CFilter),
    ctypes.sizeof(COutlet),
)
"""In the order of ``cw_broker_layout``."""


def address(array: npt.NDArray[Any]) -> int:
    """Return where an array's data lie."""
    return array.__array_interface__["data"][0]


_first_byte: Any = ctypes.c_char.from_buffer
_addressof = ctypes.addressof


def bind_columns(
    signal: npt.NDArray[np.int32],
    t_ns: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    quality: npt.NDArray[np.uint8],
) -> CUpdates:
    """Return the C view of four columns, which must outlive it.

    Raises:
        ValueError: they are not of one length, or not flat.
    """
    shape = signal.shape
    types = signal.dtype is _COLUMNS[0] and t_ns.dtype is _COLUMNS[1] and value.dtype is _COLUMNS[2]
    if types and quality.dtype is _COLUMNS[3] and len(shape) == 1 and t_ns.shape == value.shape == shape:
        try:  # quicker than __array_interface__; only for what is writable, contiguous and not empty
            if quality.shape == shape:
                return CUpdates(
                    _addressof(_first_byte(signal)),
                    _addressof(_first_byte(t_ns)),
                    _addressof(_first_byte(value)),
                    _addressof(_first_byte(quality)),
                    shape[0],
                )
        except (TypeError, ValueError):
            pass
    return _bind_any((signal, t_ns, value, quality))


def _bind_any(columns: tuple[npt.NDArray[Any], ...]) -> CUpdates:
    shapes = {column.shape for column in columns}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        message = (
            f"the columns of a batch have to be flat and of one length, not {[column.shape for column in columns]}"
        )
        raise ValueError(message)
    own = [np.ascontiguousarray(column, dtype) for column, dtype in zip(columns, _COLUMNS, strict=True)]
    bound = CUpdates(*(address(column) for column in own), len(own[0]))
    bound.owned = own
    return bound


@functools.cache
def kernels() -> ctypes.PyDLL:
    """Load the broker's kernels and state their types.

    Raises:
        CommonwheelError: the library is missing, or lays its structures out otherwise.
    """
    lib = quick_library()
    updates, store, index, latest, chooser, outlet = (
        ctypes.POINTER(c) for c in (CUpdates, CStore, CIndex, CLatest, CFilter, COutlet)
    )
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "cw_put": (_I64, [store, updates, _I32]),
        "cw_touched": (_I32, [index, updates]),
        "cw_select": (_I64, [_POINTER, _I32, updates, _POINTER]),
        "cw_latest_put": (_I64, [latest, updates]),
        "cw_filter_rows": (_I64, [chooser, updates, _POINTER]),
        "cw_curve": (_I64, [chooser, updates, _I64, _I64, outlet]),
        "cw_curve_flush": (_I32, [chooser, _I32, _I64, outlet]),
        "cw_broker_layout": (_I32, [_I32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    for i, size in enumerate(_SIZES):
        if lib.cw_broker_layout(i) != size:
            message = "the compiled kernels do not fit this version of commonwheel; install it again with pip"
            raise CommonwheelError(message)
    return lib
