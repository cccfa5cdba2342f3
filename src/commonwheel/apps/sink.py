"""Where an app's doings go: whoever runs it takes them in."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from commonwheel.apps.places import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.apps.status import AppEvent, LogLine, Scalar
    from commonwheel.apps.terms import Terms
    from commonwheel.broker.values import Value

__all__ = ["Failure", "Sink", "Wish", "failure_of", "writable"]

_LONGEST = 500
"""Characters of an error's text."""


class Failure(msgspec.Struct, frozen=True):
    """A function of an app raised."""

    t_ns: int
    """The app's time."""
    handler: str
    """The function that the platform had called."""
    file: str
    line: int
    """Where in the app's own file; 0 where the error never was in it."""
    code: str
    """That line."""
    error: str
    """What was raised: ``ZeroDivisionError: division by zero``."""
    trace: str
    """The whole traceback, without the platform's own part at its beginning."""

    @property
    def place(self) -> str:
        """Where it raised, and what kind of error: the same for what fails again and again."""
        where = f"{short(self.file)}:{self.line}: " if self.line else f"{short(self.file)}: "
        return f"{where}{self.handler}() raised {self.error.partition(':')[0]}"

    def __str__(self) -> str:
        shown = f" ({self.code})" if self.code else ""
        return f"{self.place}{self.error[len(self.error.partition(':')[0]) :]}{shown}"


@dataclass(frozen=True, slots=True)
class Wish:
    """An app asks an actuator to reach a value."""

    number: int
    """Counts the requests of a run, from 1."""
    t_ns: int
    """The app's time."""
    path: str
    value: Value
    terms: Terms


class Sink(Protocol):
    """Takes in what an app does; called in the thread that runs it. What it raises ends the run.

    The engine has held all of it against the manifest. Who does not trust the process that the engine runs in holds
    it against the manifest again.
    """

    def show(self, t_ns: int, values: Mapping[str, Scalar | None]) -> None:
        """Outputs have new values; None: there is none."""
        ...

    def report(self, event: AppEvent) -> None:
        """Something happened."""
        ...

    def log(self, line: LogLine) -> None:
        """Something was written."""
        ...

    def publish(self, t_ns: int, values: Mapping[str, Value | None]) -> None:
        """Signals that the app provides have new values; None: there is none."""
        ...

    def request(self, wish: Wish) -> None:
        """An actuator is asked to reach a value; ``Engine.answer`` tells the app by its number how it went.

        One of a path that was asked for before replaces what was asked.
        """
        ...

    def withdraw(self, t_ns: int, path: str) -> None:
        """Nothing is asked of an actuator any more."""
        ...

    def failed(self, failure: Failure) -> None:
        """A function raised; the app goes on, unless this raises."""
        ...


def writable(text: str) -> str:
    """Return a text with what no file can hold (half of a character) written out."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def failure_of(error: BaseException, file: str, handler: str, t_ns: int) -> Failure:
    """Return what is to be said of an error, with the innermost line of the app's own file.

    Args:
        error: what was raised.
        file: the app's file.
        handler: the function that was called.
        t_ns: the app's time.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [i for i, frame in enumerate(frames) if frame.filename == file]
    kept = frames[own[0] :] if own else frames
    place = frames[own[-1]] if own else None
    text = writable("".join(traceback.format_exception_only(error)).strip())
    if isinstance(error, SyntaxError):  # told with its place, which is told anyway
        text = text.rpartition("\n")[2]
    return Failure(
        t_ns,
        handler,
        file,
        (place.lineno or 0) if place else _syntax_line(error, file),
        (place.line or "") if place else "",
        text[:_LONGEST],
        "".join(traceback.format_list(kept)) + text,
    )


def _syntax_line(error: BaseException, file: str) -> int:
    """Return the line of a file that cannot be parsed."""
    return error.lineno or 0 if isinstance(error, SyntaxError) and error.filename == file else 0
