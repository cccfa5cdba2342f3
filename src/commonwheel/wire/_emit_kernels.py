"""The binding of ``native/emit.c``: its structures as ctypes and numpy layouts, its functions with their types."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from commonwheel.errors import CommonwheelError
from commonwheel.native import library, quick_library
from commonwheel.wire._kernels import CTables
from commonwheel.wire.layouts import FIELD

__all__ = ["CODE", "COURSE", "PUT", "SENT", "TRACK", "TURN", "CEmission", "CEmitState", "CEmitted", "kernels"]

_POINTER, _I32, _I64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64

TRACK = np.dtype([("t_ns", "u8"), ("value", "u8"), ("count", "i8"), ("stride", "i8"), ("at", "i8")])
PUT = np.dtype(
    [
        *[(name, "f8") for name in ("factor", "offset", "low", "high", "lowest", "highest")],
        *[(name, "f8") for name in ("raw_low", "raw_high", "least", "most")],
        ("bits", "u8"),
        ("field", FIELD),
        *[(name, "i4") for name in ("track", "code", "codes", "op", "ops", "kind", "has_none", "unused")],
    ]
)
CODE = np.dtype([("value", "f8"), ("bits", "u8")])
TURN = np.dtype([("put", "i4"), ("puts", "i4")])
SENT = np.dtype(
    [
        ("period_ns", "i8"),
        ("counter", FIELD),
        ("modulo", "u4"),
        *[(name, "i4") for name in ("check", "turn", "turns", "bus", "size")],
        ("id", "u4"),
        ("unused", "i4"),
    ]
)
COURSE = np.dtype([("next_ns", "i8"), ("counter", "u4"), ("turn", "u4")])


class CEmission(ctypes.Structure):
    """``cw_emission``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("messages", "turns", "puts", "codes", "ops", "payloads")],
        *[(name, _I32) for name in ("message_count", "width", "strict", "unused")],
    ]


class CEmitState(ctypes.Structure):
    """``cw_emit_state``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("courses", "queue", "tracks")],
        ("track_count", _I64),
        ("clamped", ctypes.c_uint64),
        ("misfit", ctypes.c_double),
        ("misfit_raw", ctypes.c_double),
        ("misfit_put", _I64),
    ]


class CEmitted(ctypes.Structure):
    """``cw_emitted``."""

    _fields_ = [
        *[(name, _POINTER) for name in ("t_ns", "bus", "id", "size", "data")],
        ("capacity", _I64),
        ("count", _I64),
    ]


_SIZES = (
    *(row.itemsize for row in (TRACK, PUT, CODE, TURN, SENT, COURSE)),
    *(ctypes.sizeof(structure) for structure in (CEmission, CEmitState, CEmitted)),
)
"""In the order of ``cw_emit_layout``."""


@functools.cache
def kernels(*, quick: bool) -> Any:  # noqa: ANN401 - a ctypes function, which has no type of its own
    """Return ``cw_emit``; *quick*: for calls of a few microseconds, which keep the interpreter's lock.

    Raises:
        CommonwheelError: the library is missing, or lays its structures out otherwise.
    """
    lib = quick_library() if quick else library()
    lib.cw_emit_layout.restype, lib.cw_emit_layout.argtypes = _I32, [_I32]
    for i, size in enumerate(_SIZES):
        if lib.cw_emit_layout(i) != size:
            message = "the compiled kernels do not fit this version of commonwheel; install it again with pip"
            raise CommonwheelError(message)
    pointers = [ctypes.POINTER(c) for c in (CTables, CEmission, CEmitState)]
    lib.cw_emit.restype, lib.cw_emit.argtypes = _I32, [*pointers, _I64, ctypes.POINTER(CEmitted)]
    return lib.cw_emit
