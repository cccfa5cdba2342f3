"""The binding of ``native/logs.c``: its structure as ctypes, its functions with their types."""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING, Any

from commonwheel.errors import CommonwheelError
from commonwheel.native import library
from commonwheel.wire.logs.report import KEPT_LINES, LineKind

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["KINDS", "LINE_MAX", "TEXT_PAD", "CLog", "Status", "kernel", "new_log"]

KINDS: tuple[LineKind | None, ...] = (None, *LineKind)
"""What the kernels' numbers mean; 0 is a frame."""
LINE_MAX = 65536
"""CW_LINE_MAX."""
TEXT_PAD = 64
"""CW_TEXT_PAD."""
NAMES, NAME_SIZE = 256, 32
_NEVER = -(2**63)

_I32, _I64, _POINTER = ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p
_PER_KIND = _I64 * len(KINDS)


class Status:
    """What a call of a kernel ended with."""

    DONE = 0
    FULL = 1
    WIDE = 64


class CLog(ctypes.Structure):
    """``cw_log``, with the fields of its ``cw_style`` in place."""

    _fields_ = [
        ("width", _I32),
        ("unit", _I32),
        ("decimal", _I32),
        ("separator", _I32),
        ("layout", ctypes.c_char * 24),
        ("delta", _I32),
        ("final", _I32),
        ("wrap_ns", _I64),
        ("text", _POINTER),
        ("text_size", _I64),
        ("text_room", _I64),
        ("t_ns", _POINTER),
        ("bus", _POINTER),
        ("id", _POINTER),
        ("size", _POINTER),
        ("data", _POINTER),
        ("room", _I64),
        ("lines", _I64),
        ("now_ns", _I64),
        ("wrapped_ns", _I64),
        ("last_ns", _I64),
        ("bus_last_ns", _I64 * 256),
        ("skipping", _I32),
        ("names", _I32),
        ("name", ctypes.c_char * NAME_SIZE * NAMES),
        ("count", _PER_KIND),
        ("line", _I64 * KEPT_LINES * len(KINDS)),
        ("back_count", _I64),
        ("back_in_bus", _I64),
        ("back_ns", _I64),
        ("back_from_ns", _I64),
        ("back_to_ns", _I64),
        ("back_line", _I64 * KEPT_LINES),
        ("consumed", _I64),
        ("frames", _I64),
        ("example_at", _PER_KIND),
        ("example_size", _PER_KIND),
        ("first_stamp_at", _I64),
        ("first_stamp_size", _I64),
        ("last_stamp_at", _I64),
        ("last_stamp_size", _I64),
    ]


def new_log() -> CLog:
    """Return the state of a log of which nothing was read yet."""
    log = CLog(width=8, last_ns=_NEVER)
    log.bus_last_ns = (_I64 * 256)(*[_NEVER] * 256)
    return log


@functools.cache
def _library() -> ctypes.CDLL:
    lib = library()
    lib.cw_log_struct_size.restype = _I64
    if lib.cw_log_struct_size() != ctypes.sizeof(CLog):
        message = "the compiled kernels do not fit this version of commonwheel; install it again with pip"
        raise CommonwheelError(message)
    lib.cw_log_clock.restype = None
    lib.cw_log_clock.argtypes = [ctypes.POINTER(CLog), _POINTER, _POINTER, _POINTER, _I64]
    return lib


@functools.cache
def kernel(name: str) -> Callable[..., Any]:
    """Return one of the kernels: candump, display, columns, asc, or clock.

    Raises:
        CommonwheelError: the library is missing, or lays its structures out otherwise.
    """
    function = getattr(_library(), f"cw_log_{name}")
    if name != "clock":
        function.restype, function.argtypes = _I32, [ctypes.POINTER(CLog)]
    return function
