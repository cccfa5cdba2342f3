"""What authors write: an ``App`` with its manifest, and functions that the platform calls.

    app = App("trip", "1.0", "Distance of each trip.", requires={"Vehicle.Speed": 10}, outputs={"km": Output("km")})

    @app.on("Vehicle.Speed")
    def speed(car, reading): ...

Every function gets the car first (``apps.car.Car``) and may be ``async``. Nothing is checked and nothing is called
here: ``checks`` finds what is wrong with an app, ``engine`` runs it.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from commonwheel.apps.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from commonwheel.apps.manifest import Event, Output, Setting

__all__ = ["App", "Handler", "Moment"]

F = TypeVar("F", bound="Callable[..., object]")

_CO_COROUTINE = 0x80
"""inspect.CO_COROUTINE; inspect itself takes long to import."""


class Moment(enum.Enum):
    """When a function of an app is called."""

    START = "start"
    READING = "on"
    BATCH = "on_batch"
    PERIOD = "every"
    CONDITION = "when"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Handler:
    """A function of an app, and when it is called."""

    moment: Moment
    function: Callable[..., object]
    patterns: tuple[str, ...] = ()
    """Paths or patterns, of ``on``, ``on_batch`` and ``when``."""
    period_s: float = 0.0
    """Of ``every``."""
    test: Callable[..., object] | None = None
    """Of ``when``."""
    lasts_s: float = 0.0
    """Of ``when``: how long the condition has to hold before the function is called."""

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", repr(self.function))

    @property
    def line(self) -> int:
        """Where the function begins in its file, decorators included; 0 when that is not known."""
        code = getattr(self.function, "__code__", None)
        return 0 if code is None else int(code.co_firstlineno)

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function."""
        code = getattr(self.function, "__code__", None)
        return code is not None and bool(code.co_flags & _CO_COROUTINE)


class App:
    """An app: what it declares of itself, and its functions."""

    def __init__(  # noqa: PLR0913 - one for each part of a manifest, all by name but the first three
        self,
        name: str,
        version: str,
        about: str = "",
        *,
        requires: Mapping[str, float] | None = None,
        may_use: Mapping[str, float] | None = None,
        instead: Mapping[str, tuple[str, ...]] | None = None,
        provides: Iterable[str] = (),
        requests: Iterable[str] | Mapping[str, int] = (),
        needs: Iterable[str] = (),
        keeps: Mapping[str, float] | None = None,
        outputs: Mapping[str, Output] | None = None,
        events: Mapping[str, Event] | None = None,
        settings: Mapping[str, Setting] | None = None,
    ) -> None:
        """Declare it; ``Manifest`` says what each part means. Faults are told by ``checks.check``, all at once."""
        self.manifest = Manifest(
            name=name,
            version=version,
            about=about,
            requires=_copied(requires),
            may_use=_copied(may_use),
            instead=_copied(instead),
            provides=_listed(provides),
            requests=_listed(requests),
            priorities=_priorities(requests),
            needs=_listed(needs),
            keeps=_copied(keeps),
            outputs=_copied(outputs),
            events=_copied(events),
            settings=_copied(settings),
        )
        self.handlers: list[Handler] = []
        # The only way to know where an app was written.
        caller = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self.file: str = caller.f_code.co_filename
        """Where the app is declared."""
        self.line: int = caller.f_lineno

    def __repr__(self) -> str:
        return f"<App {self.manifest.name} {self.manifest.version}>"

    def start(self, function: F) -> F:
        """Call ``function(car)`` once, when the app begins."""
        self.handlers.append(Handler(Moment.START, function))
        return function

    def stop(self, function: F) -> F:
        """Call ``function(car)`` once, when the app ends."""
        self.handlers.append(Handler(Moment.STOP, function))
        return function

    def on(self, *patterns: str) -> Callable[[F], F]:
        """Call ``function(car, reading)`` with each reading of the signals, of whatever quality.

        While an async function waits it is not called again: when it has ended, it gets the newest reading of each
        signal that came meanwhile.

        Args:
            patterns: paths or patterns of signals that the manifest declares.
        """
        return self._add(lambda function: Handler(Moment.READING, function, patterns), *patterns)

    def on_batch(self, *patterns: str) -> Callable[[F], F]:
        """Call ``function(car, batch)`` with the readings as they come, many at once, in numpy's columns.

        A signal of which only batches are wanted becomes current (``car.read``) when its batch is handed over.

        Args:
            patterns: paths or patterns of signals that the manifest declares.
        """
        return self._add(lambda function: Handler(Moment.BATCH, function, patterns), *patterns)

    def every(self, seconds: float) -> Callable[[F], F]:
        """Call ``function(car)`` at this period of the app's time, first one period after the start.

        At the same instant, readings come before periods. An async function that still waits misses its turn.
        """
        return self._add(lambda function: Handler(Moment.PERIOD, function, period_s=seconds), seconds)

    def when(self, *paths: str, test: Callable[..., object], lasts: float = 0.0) -> Callable[[F], F]:
        """Call ``function(car, *values)`` when a condition over GOOD values begins to hold.

        The test is asked with the values in the order of the paths, whenever one of them is read and all are GOOD.
        The function is called once; before it is called again, the test has to have failed. A value that is not GOOD
        decides nothing, but what was to last begins anew.

        Args:
            paths: signals that the manifest declares.
            test: whether the condition holds: ``lambda kmh: kmh > 130``.
            lasts: seconds that it has to hold without a break.
        """
        return self._add(lambda function: Handler(Moment.CONDITION, function, paths, test=test, lasts_s=lasts))

    def _add(self, make: Callable[[F], Handler], *given: object) -> Callable[[F], F]:
        def take(function: F) -> F:
            self.handlers.append(make(function))
            return function

        if len(given) == 1 and callable(given[0]):  # the decorator stands without its parentheses; the check says so
            take(given[0])  # type: ignore[arg-type]
        return take


T = TypeVar("T")


def _copied(given: Mapping[str, T] | None) -> dict[str, T]:
    """Return a mapping of the app's own; what is none stays as it is, for the check to find."""
    return dict(given) if hasattr(given, "keys") else (given or {})  # type: ignore[arg-type, return-value]


def _priorities(given: object) -> dict[str, int]:
    """Return the highest priorities by path, where requests are stated with them."""
    return dict(cast("Mapping[str, int]", given)) if isinstance(given, Mapping) else {}


def _listed(given: Iterable[str]) -> tuple[str, ...]:
    """Return a tuple; a single text is meant as the only one."""
    return (given,) if isinstance(given, str) else tuple(given)
