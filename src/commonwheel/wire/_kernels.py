"""The binding of ``native/codec.c``: its structures as ctypes, its functions with their types."""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING, Any

from commonwheel.errors import CommonwheelError
from commonwheel.native import library
from commonwheel.wire.layouts import LAYOUTS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from commonwheel.wire.tables import Tables

__all__ = ["CFrames", "CSamples", "CState", "CTables", "address", "bind_tables", "kernels"]

_TABLE_NAMES = (
    "standard",
    "keys",
    "keyed",
    "messages",
    "signals",
    "conditions",
    "ranges",
    "values",
    "checks",
    "bytes",
    "derived",
    "order",
    "inputs",
    "ops",
)


class CTables(ctypes.Structure):
    """``cw_tables``."""

    _fields_ = [
        *[(name, ctypes.c_void_p) for name in _TABLE_NAMES],
        ("buses", ctypes.c_int32),
        ("key_mask", ctypes.c_int32),
        ("message_count", ctypes.c_int32),
        ("burst", ctypes.c_int32),
    ]


class CState(ctypes.Structure):
    """``cw_state``."""

    _fields_ = [
        ("messages", ctypes.c_void_p),
        ("slots", ctypes.c_void_p),
        ("chosen", ctypes.c_void_p),
        ("bus_ns", ctypes.c_void_p),
        ("sequence", ctypes.c_uint64),
        ("unknown", ctypes.c_uint64),
        ("known", ctypes.c_uint64),
        ("other", ctypes.c_uint64),
        ("deadline_ns", ctypes.c_int64),
        ("watch", ctypes.c_int32),
        ("unused", ctypes.c_int32),
    ]


class CFrames(ctypes.Structure):
    """``cw_frames``."""

    _fields_ = [
        ("t_ns", ctypes.c_void_p),
        ("bus", ctypes.c_void_p),
        ("id", ctypes.c_void_p),
        ("size", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("bus_map", ctypes.c_void_p),
        ("width", ctypes.c_int32),
        ("unused", ctypes.c_int32),
    ]


class CSamples(ctypes.Structure):
    """``cw_samples``."""

    _fields_ = [
        ("t_ns", ctypes.c_void_p),
        ("signal", ctypes.c_void_p),
        ("value", ctypes.c_void_p),
        ("quality", ctypes.c_void_p),
        ("capacity", ctypes.c_int64),
        ("count", ctypes.c_int64),
    ]


def address(array: npt.NDArray[Any]) -> int:
    """Return where an array's data lie."""
    return array.__array_interface__["data"][0]


def bind_tables(tables: Tables) -> CTables:
    """Return the C view of *tables*, which must outlive it."""
    arrays: list[npt.NDArray[np.generic]] = [getattr(tables, name) for name in _TABLE_NAMES]
    return CTables(
        *(address(array) for array in arrays), tables.buses, len(tables.keys) - 1, len(tables.messages), tables.burst
    )


@functools.cache
def kernels() -> ctypes.CDLL:
    """Load the codec kernels and state their types.

    Raises:
        CommonwheelError: the library is missing, or lays its structures out otherwise.
    """
    lib = library()
    tables, state, frames, samples = (ctypes.POINTER(c) for c in (CTables, CState, CFrames, CSamples))
    pointer, i32, i64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "cw_decode": (i64, [tables, state, frames, i64, samples]),
        "cw_expire": (i32, [tables, state, i64, samples]),
        "cw_silence": (i32, [tables, state, i32, i64, samples]),
        "cw_bound": (i64, [tables, frames]),
        "cw_check_frames": (i64, [tables, pointer, pointer, pointer, i64, i32]),
        "cw_summarize": (None, [pointer, pointer, pointer, pointer, i64, pointer, i32]),
        "cw_pack": (None, [pointer, i64, pointer, pointer, i64, i32]),
        "cw_seal": (None, [tables, pointer, pointer, i64, i32, i32]),
        "cw_layout": (i32, [i32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    for i, layout in enumerate(LAYOUTS):
        if lib.cw_layout(i) != layout.itemsize:
            message = "the compiled kernels do not fit this version of commonwheel; install it again with pip"
            raise CommonwheelError(message)
    return lib
