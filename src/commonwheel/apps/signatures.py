"""Whether an app's functions can be called with what they will be called with."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from commonwheel.apps.app import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commonwheel.apps.app import Handler

__all__ = ["faults_of_call"]

_ARGUMENTS = {
    Moment.START: ("car",),
    Moment.STOP: ("car",),
    Moment.PERIOD: ("car",),
    Moment.READING: ("car", "reading"),
    Moment.BATCH: ("car", "batch"),
}


def faults_of_call(handler: Handler) -> Iterator[str]:
    """Yield why a function cannot be called; nothing where it can."""
    names = _ARGUMENTS.get(handler.moment) or ("car", *(f"value{i or ''}" for i in range(len(handler.patterns))))
    yield from _fault(handler.function, names, f"{handler.name}()")
    if handler.moment is Moment.CONDITION and callable(handler.test):
        yield from _fault(handler.test, names[1:], f"the test of {handler.name}()")
    if inspect.isgeneratorfunction(handler.function) or inspect.isasyncgenfunction(handler.function):
        yield f"{handler.name}() has a 'yield', so calling it does nothing; make it a plain or an async function"
    if inspect.iscoroutinefunction(handler.test):
        yield f"the test of {handler.name}() is async; a test answers at once"


def _fault(function: Callable[..., object], names: tuple[str, ...], what: str) -> Iterator[str]:
    if not callable(function):
        yield f"{what} is no function"
        return
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built in, and says nothing of itself
        return
    try:
        signature.bind(*names)
    except TypeError:
        takes = ", ".join(str(parameter) for parameter in signature.parameters.values())
        yield f"{what} is called with ({', '.join(names)}), and takes ({takes})"
