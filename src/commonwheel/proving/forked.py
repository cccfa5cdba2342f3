"""A question asked of a copy of this process: what if? The drive goes on here as if nothing had been asked.

A drive cannot be copied as an object, since kernels keep pointers into its memory; a process can, and at the price of
the pages that it changes. Where a system has no ``fork`` the caller drives again from the beginning. A copy ends when
nobody waits for its answer any more.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import warnings
from typing import TYPE_CHECKING, TypeVar, cast

from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CAN_FORK", "forked"]

_T = TypeVar("_T")
CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"
"""Whether this system copies processes well; macOS's own libraries do not bear it."""


def forked(question: Callable[[], _T]) -> _T:
    """Return a function's result as a copy of this process computes it; nothing that it changes is changed here.

    Raises:
        CommonwheelError: the copy died, or the function raised.
    """
    reading, writing = os.pipe()
    waiting, waits = os.pipe()
    """Nothing is written to it: that it is closed says that nobody waits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads beside this one: the copy needs none of them
        child = os.fork()
    if child == 0:
        os.close(reading)
        os.close(waits)
        threading.Thread(target=_end_with, args=(waiting,), daemon=True).start()
        _answer(question, writing)
    os.close(writing)
    os.close(waiting)
    try:
        with os.fdopen(reading, "rb") as pipe:
            data = pipe.read()
    finally:
        os.close(waits)
        os.waitpid(child, 0)
    if not data:
        message = "a copy of this process died without an answer; is there enough memory?"
        raise CommonwheelError(message)
    good, result = cast("tuple[bool, _T | str]", pickle.loads(data))  # noqa: S301 - from our own copy
    if not good:
        raise CommonwheelError(str(result))
    return cast("_T", result)


def _end_with(waiting: int) -> None:
    """End the copy when the other end of a pipe is closed, by its owner or by its owner's end."""
    os.read(waiting, 1)
    os._exit(1)


def _answer(question: Callable[[], object], writing: int) -> None:
    """Answer in the copy, and end it without touching what it shares with the original."""
    try:
        data = pickle.dumps((True, question()))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the original has to hear of it
        data = pickle.dumps((False, f"{type(error).__name__}: {error}"))
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(data)
    finally:
        os._exit(0)
