"""The car as an app's functions see it: the signals that the app declares, the app's time, and what it puts out.

Whatever is not declared raises an ``AppError`` that says what to add to the manifest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from commonwheel.apps.clock import LEAST_NS
from commonwheel.apps.facts import rates_of
from commonwheel.apps.places import short
from commonwheel.apps.plain import output_value, plain_value
from commonwheel.apps.sink import writable
from commonwheel.apps.status import AppEvent, LogLine
from commonwheel.apps.terms import most_priority, refuse_no_number, refuse_unit, terms_of
from commonwheel.apps.wishes import Wishes
from commonwheel.broker.values import to_inside
from commonwheel.errors import AppError
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.apps.app import App
    from commonwheel.apps.calls import Calls
    from commonwheel.apps.clock import Clock, Timer
    from commonwheel.apps.facts import Declared, Facts
    from commonwheel.apps.sink import Sink
    from commonwheel.apps.slots import Slot
    from commonwheel.apps.status import Scalar
    from commonwheel.apps.wishes import Asked
    from commonwheel.broker.values import Value
    from commonwheel.client.readings import Batch, Reading
    from commonwheel.client.requests import Outcome

__all__ = ["Car", "Inside"]

_GOOD = int(Quality.GOOD)
_LEVELS = frozenset({"debug", "info", "warning", "error"})


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
        self.wishes = Wishes(calls, clock, sink)


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
            shown[name] = output_value(name, output.datatype, value)
        if shown:
            self._inside.sink.show(self._clock.now_ns, shown)

    def report(self, event: str, **data: object) -> None:
        """Report that something happened, with data: numbers, texts, lists and mappings."""
        declared = self._inside.app.manifest.events.get(event)
        if declared is None:
            raise self._undeclared(event, "events", f'"{event}": Event("what happened")')
        plain = {writable(name): plain_value(value, name) for name, value in data.items()}
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
            plain = cast("Value | None", plain_value(value, path))
            if plain is not None:
                to_inside(inside.facts.table.signals[inside.facts.table.number(path)], plain)
            if path not in inside.facts.given:
                given[path] = plain
            elif path not in self._unprovided:
                self._unprovided.add(path)
                self.log(f"the car gives {path} itself; what the app says of it is left out")
        if given:
            inside.sink.publish(self._clock.now_ns, given)

    def request(
        self,
        path: str,
        value: Value,
        then: Callable[[Car, Outcome], object] | None = None,
        *,
        valid_s: float | None = None,
        priority: int = 0,
        unit: str | None = None,
    ) -> Asked:
        """Ask an actuator to reach a value. Await what is returned for the outcome, or have ``then`` called with it.

        What moves the car is good for a while and then over: renew it, by asking again, for as long as it is wanted.

        Args:
            path: the actuator; one that ``requests`` states.
            value: in the standard's unit.
            then: called with the car and the outcome.
            valid_s: seconds that it is good for; None: as long as is usual for the actuator.
            priority: the higher wins; as high as the manifest allows, which is 0 unless it says more.
            unit: states the unit of the value, to have it checked; the standard's is the only one that is taken.

        Raises:
            BrokerError: the value does not fit the actuator.
            AppError: it is no number, of another unit, or good for no time; or the priority is not the app's to use.
        """
        inside = self._inside
        self._stated(path)
        signal = inside.facts.table.signals[inside.facts.table.number(path)]
        refuse_no_number(path, value)
        refuse_unit(path, unit, signal.leaf.unit)
        terms = terms_of(path, valid_s, priority, most_priority(path, inside.app.manifest))
        plain = cast("Value", plain_value(value, path))
        to_inside(signal, plain)
        if then is None:
            return inside.wishes.ask(path, plain, terms, None)
        name, calls = getattr(then, "__name__", "then"), inside.calls
        return inside.wishes.ask(path, plain, terms, lambda outcome: calls.run(name, then, self, outcome))

    def withdraw(self, path: str) -> None:
        """Ask for nothing of an actuator any more, at once rather than when the last request is over."""
        self._stated(path)
        self._inside.wishes.withdraw(path)

    def _stated(self, path: str) -> None:
        if path not in self._inside.chosen.requests:
            raise self._undeclared(path, "requests", f'"{path}"')


def _nanoseconds(seconds: float) -> int:
    """Return a span that can be waited.

    Raises:
        AppError: it is no time.
    """
    if not 0 <= seconds < 1e9:  # noqa: PLR2004 - thirty years
        message = f"a span of time is 0 seconds or more, not {seconds!r}"
        raise AppError(message)
    return round(seconds * 1e9)
