"""The C kernels: one small shared library of plain C11, called on numpy buffers through ctypes.

The library knows tables and bytes, never a car, and uses no Python API, so one build serves every
Python version. ``build.py`` compiles it; bindings stand beside the code that uses them.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Callable

_Library = TypeVar("_Library", bound=ctypes.CDLL)

__all__ = ["LIBRARY_NAME", "library", "quick_library"]

LIBRARY_NAME = {"win32": "_kernels.dll", "darwin": "_kernels.dylib"}.get(sys.platform, "_kernels.so")
"""File name of the compiled library on this platform; it lies beside this file."""


@functools.cache
def library() -> ctypes.CDLL:
    """Load the compiled kernels, once.

    Raises:
        CommonwheelError: the library was not built, or not for this machine.
    """
    return _load(ctypes.CDLL)


@functools.cache
def quick_library() -> ctypes.PyDLL:
    """Load the compiled kernels for calls of a few microseconds: the interpreter's lock is kept while they run.

    Letting go of it costs more than such a call takes: another thread may have it for milliseconds then.

    Raises:
        CommonwheelError: as ``library``.
    """
    return _load(ctypes.PyDLL)


def _load(kind: Callable[[str], _Library]) -> _Library:
    path = Path(__file__).with_name(LIBRARY_NAME)
    try:
        return kind(str(path))
    except OSError as error:
        message = f"{path}: the compiled kernels cannot be loaded ({error}); install commonwheel again with pip"
        raise CommonwheelError(message) from error
