"""The car as an app's functions see it: the signals that the app declares, the app's time, and what it puts out.

Whatever is not declared raises an ``AppError`` that says what to add to the manifest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from commonwheel.apps.clock import LEAST_NS
from commonwheel.apps.facts import rates_of
from commonwheel.apps.places import short
from commonwheel.apps.sink import writable
from commonwheel.apps.status import AppEvent, LogLine
from commonwheel.broker.values import to_inside
from commonwheel.errors import AppError
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

    from commonwheel.apps.app import App
    from commonwheel.apps.calls import Calls
    from commonwheel.apps.clock import Clock, Timer
    from commonwheel.apps.facts import Declared, Facts
    from commonwheel.apps.sink import Sink
    from commonwheel.apps.slots import Slot
    from commonwheel.apps.status import Scalar
    from commonwheel.broker.values import Value
    from commonwheel.client.readings import Batch, Reading
    from commonwheel.client.requests import Outcome

__all__ = ["Asked", "Car", "Inside"]

_GOOD = int(Quality.GOOD)
_LEVELS = frozenset({"debug", "info", "warning", "error"})
_LONGEST_TEXT = 4000
"""Characters of an output."""
_LEAST_INT, _MOST_INT = -(2**63), 2**63 - 1
_DEEPEST = 8
"""Levels of lists and mappings in an event's data."""


class Asked:
    """A request that is under way. Await it for its outcome."""

    def __init__(self, wait: Callable[[], Awaitable[Outcome]]) -> None:
        self.outcome: Outcome | None = None
        """How it ended; None while it has not."""
        self._wait = wait

    def __await__(self) -> Generator[Any, None, Outcome]:
        if self.outcome is None:
            return (yield from self._wait().__await__())
        return self.outcome


class Inside:
    """What the car and the engine share of one run."""

    def __init__(
        self,
        app: App,
        facts: Facts,
        chosen: Declared,
        slots: Mapping[str, Slot],
        calls: Calls,
        clock: Clock,
        sink: Sink,
    ) -> None:
        self.app, self.facts, self.chosen, self.slots = app, facts, chosen, slots
        self.calls, self.clock, self.sink = calls, clock, sink
        self.asked: dict[int, Callable[[Outcome], None]] = {}
        """Requests that are under way, by number."""
        self.requested = 0


class _Settings(dict[str, "float | str | bool"]):
    """Settings by name; one that is not declared says what to add."""

    def __init__(
        self, given: Mapping[str, float | str | bool], undeclared: Callable[[str, str, str], AppError]
    ) -> None:
        super().__init__(given)
        self._undeclared = undeclared

    def __missing__(self, name: str) -> float | str | bool:
        raise self._undeclared(name, "settings", f'"{name}": Setting(1.0, "unit", "what it sets")')


class Car:
    """One car, for one app. Its methods never wait, but those that are awaited."""

    def __init__(self, inside: Inside, settings: Mapping[str, float | str | bool]) -> None:
        self._inside = inside
        self._slots = inside.slots
        self._clock = inside.clock
        self._unprovided: set[str] = set()
        self.settings = _Settings(settings, self._undeclared)
        """The app's settings, by name."""

    @property
    def name(self) -> str:
        """What the car is called."""
        return self._inside.facts.name

    # ---- signals ----------------------------------------------------------------------------------------------------

    def has(self, path: str) -> bool:
        """Whether the car gives this signal, or any that a pattern selects, or can be asked to move this actuator."""
        slot = self._slots.get(path)
        if slot is not None and slot.given:
            return True
        if path in self._inside.chosen.requests:
            return path in self._inside.facts.asked
        return slot is None and self._has_any(path)

    def read(self, path: str) -> Reading:
        """Return a signal's current reading; MISSING, without a value, where there never was one."""
        slot = self._slots.get(path)
        return (slot or self._slot(path)).reading

    def value(self, path: str, default: Any = None) -> Any:  # noqa: ANN401 - as the signal's datatype says
        """Return a signal's current value where it is GOOD, else the default."""
        slot = self._slots.get(path)
        if slot is None:
            slot = self._slot(path)
        if slot.quality != _GOOD:
            return default
        value = slot.reading.value
        return default if value is None else value

    def history(self, path: str, seconds: float | None = None) -> Batch:
        """Return the readings of the last so many seconds, the oldest first; None: all that ``keeps`` states.

        Raises:
            AppError: ``keeps`` does not state the signal, or less time.
        """
        slot = self._slot(path)
        if not slot.keep_ns:
            raise self._undeclared(path, "keeps", f'"{path}": {seconds or 60:g}')
        span_ns = slot.keep_ns if seconds is None else round(seconds * 1e9)
        if span_ns > slot.keep_ns:
            kept_s = slot.keep_ns / 1e9
            message = f"only {kept_s:g} s of '{path}' are kept, not {seconds:g}; raise it in 'keeps' ({self._place})"
            raise AppError(message)
        return slot.history(self._clock.now_ns - span_ns, self._inside.facts.table)

    def _has_any(self, pattern: str) -> bool:
        inside = self._inside
        selected = self._selected(pattern)
        stated = {**inside.app.manifest.requires, **inside.app.manifest.may_use}
        if not selected and pattern not in stated:
            raise self._undeclared(pattern, "requires' or 'may_use", f'"{pattern}": 0')
        asked = inside.chosen.requests & inside.facts.asked
        return any(path in asked or (path in self._slots and self._slots[path].given) for path in selected)

    def _selected(self, pattern: str) -> list[str]:
        """Return the declared signals that a pattern selects."""
        return sorted(rates_of({pattern: 0.0}, self._inside.chosen.all))

    def _slot(self, path: str) -> Slot:
        slot = self._slots.get(path)
        if slot is None:
            selected = self._selected(path)
            if selected and path != selected[0]:
                message = f"'{path}' selects many signals; name one of them here, such as '{selected[0]}'"
                raise AppError(message)
            raise self._undeclared(path, "requires' or 'may_use", f'"{path}": 0')
        return slot

    @property
    def _place(self) -> str:
        return f"{short(self._inside.app.file)}:{self._inside.app.line}"

    def _undeclared(self, name: str, part: str, entry: str) -> AppError:
        return AppError(f"'{name}' is not declared: add {entry} to '{part}' of the App ({self._place})")

    # ---- time -------------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """The app's time: nanoseconds UTC, or since the start of a recording that knows no better."""
        return self._clock.now_ns

    @property
    def elapsed_s(self) -> float:
        """Seconds since the app began."""
        return self._clock.elapsed_s

    def after(self, seconds: float, function: Callable[[Car], object]) -> Timer:
        """Call ``function(car)`` once after so many seconds, a millisecond at least; ``cancel`` what is returned."""
        name = getattr(function, "__name__", "a function")
        due_ns = self._clock.now_ns + max(LEAST_NS, _nanoseconds(seconds))
        return self._clock.at(due_ns, lambda: self._inside.calls.run(name, function, self))

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of the app's time, a millisecond at least."""
        future = self._inside.calls.loop.create_future()
        timer = self.after(seconds, lambda _car: future.done() or future.set_result(None))
        try:
            await future
        finally:
            timer.cancel()

    # ---- what the app puts out --------------------------------------------------------------------------------------

    def show(self, **outputs: Scalar | None) -> None:
        """Set outputs, by name; None: there is no value."""
        declared = self._inside.app.manifest.outputs
        shown: dict[str, Scalar | None] = {}
        for name, value in outputs.items():
            output = declared.get(name)
            if output is None:
                raise self._undeclared(name, "outputs", f'"{name}": Output("unit", "what it says")')
            shown[name] = _output(name, output.datatype, value)
        if shown:
            self._inside.sink.show(self._clock.now_ns, shown)

    def report(self, event: str, **data: object) -> None:
        """Report that something happened, with data: numbers, texts, lists and mappings."""
        declared = self._inside.app.manifest.events.get(event)
        if declared is None:
            raise self._undeclared(event, "events", f'"{event}": Event("what happened")')
        plain = {writable(name): _plain(value, name) for name, value in data.items()}
        self._inside.sink.report(AppEvent(self._clock.now_ns, event, declared.severity, plain))

    def log(self, text: object, level: str = "info") -> None:
        """Write a line for people: debug, info, warning or error."""
        if level not in _LEVELS:
            message = f"a line's level is one of {', '.join(sorted(_LEVELS))}, not {level!r}"
            raise AppError(message)
        self._inside.sink.log(LogLine(self._clock.now_ns, level, writable(str(text))))

    def publish(self, values: Mapping[str, Value | None]) -> None:
        """Give values to signals that ``provides`` states; None: there is none.

        Where the car itself gives a signal, what the app says of it is left out.

        Raises:
            BrokerError: a value does not fit its signal; nothing is published then.
        """
        inside = self._inside
        given: dict[str, Value | None] = {}
        for path, value in values.items():
            if path not in inside.chosen.provides:
                raise self._undeclared(path, "provides", f'"{path}"')
            plain = cast("Value | None", _plain(value, path))
            if plain is not None:
                to_inside(inside.facts.table.signals[inside.facts.table.number(path)], plain)
            if path not in inside.facts.given:
                given[path] = plain
            elif path not in self._unprovided:
                self._unprovided.add(path)
                self.log(f"the car gives {path} itself; what the app says of it is left out")
        if given:
            inside.sink.publish(self._clock.now_ns, given)

    def request(self, path: str, value: Value, then: Callable[[Car, Outcome], object] | None = None) -> Asked:
        """Ask an actuator to reach a value. Await what is returned for the outcome, or have ``then`` called with it.

        Raises:
            BrokerError: the value does not fit the actuator.
        """
        inside = self._inside
        if path not in inside.chosen.requests:
            raise self._undeclared(path, "requests", f'"{path}"')
        plain = cast("Value", _plain(value, path))
        to_inside(inside.facts.table.signals[inside.facts.table.number(path)], plain)
        waiting: list[Callable[[Outcome], object]] = []

        async def wait() -> Outcome:
            future = inside.calls.loop.create_future()
            waiting.append(lambda outcome: future.done() or future.set_result(outcome))
            return await future

        asked = Asked(wait)

        def ended(outcome: Outcome) -> None:
            asked.outcome = outcome
            for tell in waiting:
                tell(outcome)
            if then is not None:
                inside.calls.run(getattr(then, "__name__", "then"), then, self, outcome)

        inside.requested += 1
        inside.asked[inside.requested] = ended
        inside.sink.request(inside.requested, self._clock.now_ns, path, plain)
        return asked


def _nanoseconds(seconds: float) -> int:
    """Return a span that can be waited.

    Raises:
        AppError: it is no time.
    """
    if not 0 <= seconds < 1e9:  # noqa: PLR2004 - thirty years
        message = f"a span of time is 0 seconds or more, not {seconds!r}"
        raise AppError(message)
    return round(seconds * 1e9)


def _output(name: str, datatype: str, value: Any) -> Scalar | None:  # noqa: ANN401 - whatever an app hands over
    """Return an output's value as its datatype has it.

    Raises:
        AppError: it does not fit.
    """
    plain = _plain(value, name)
    if plain is None:
        return None
    if datatype == "float" and isinstance(plain, int | float) and not isinstance(plain, bool):
        return float(plain)
    if datatype == "integer" and isinstance(plain, int | float) and not isinstance(plain, bool) and plain == int(plain):
        return cast("int", _plain(int(plain), name))
    if datatype == "boolean" and isinstance(plain, bool):
        return plain
    if datatype == "string" and isinstance(plain, str):
        return plain if len(plain) <= _LONGEST_TEXT else f"{plain[:_LONGEST_TEXT]}…"
    message = f"the output '{name}' is {datatype}, which {plain!r:.60} is not"
    raise AppError(message)


def _plain(value: Any, name: str, depth: int = 0) -> object:  # noqa: ANN401 - whatever an app hands over
    """Return a value as JSON can hold it; numbers that it cannot are None.

    Raises:
        AppError: it is something else.
    """
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, int):
        if not _LEAST_INT <= value <= _MOST_INT:
            message = f"'{name}' takes whole numbers of 64 bits, and one is larger"
            raise AppError(message)
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict) and depth < _DEEPEST:
        entries = cast("dict[object, Any]", value)
        return {writable(str(key)): _plain(item, name, depth + 1) for key, item in entries.items()}
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [_plain(item, name, depth + 1) for item in cast("list[Any]", value)]
    what = "lists in lists without end" if depth >= _DEEPEST else type(cast("object", value)).__name__
    message = f"'{name}' takes numbers, texts, booleans, lists and mappings, not {what}"
    raise AppError(message)
