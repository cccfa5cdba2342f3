"""The C kernels: one small shared library of plain C11, called on numpy buffers through ctypes.

The library knows tables and bytes, never a car, and uses no Python API, so one build serves every
Python version. ``build.py`` compiles it; bindings stand beside the code that uses them.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from pathlib import Path

from commonwheel.errors import CommonwheelError

__all__ = ["LIBRARY_NAME", "library"]

LIBRARY_NAME = {"win32": "_kernels.dll", "darwin": "_kernels.dylib"}.get(sys.platform, "_kernels.so")
"""File name of the compiled library on this platform; it lies beside this file."""


@functools.cache
def library() -> ctypes.CDLL:
    """Load the compiled kernels, once.

    Raises:
        CommonwheelError: the library was not built, or not for this machine.
    """
    path = Path(__file__).with_name(LIBRARY_NAME)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        message = f"{path}: the compiled kernels cannot be loaded ({error}); install commonwheel again with pip"
        raise CommonwheelError(message) from error
