"""Whether an app holds: its manifest against the standard, its functions against its manifest. Every fault at once."""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import TYPE_CHECKING, cast

from commonwheel.apps.app import Moment
from commonwheel.apps.facts import rates_of
from commonwheel.apps.fitted import IS_ARMED
from commonwheel.apps.manifest import Event, Output, Setting
from commonwheel.apps.places import Places, short
from commonwheel.apps.signatures import faults_of_call
from commonwheel.apps.terms import MOST_PRIORITY
from commonwheel.catalog.leaf import Kind
from commonwheel.catalog.patterns import compile_pattern
from commonwheel.errors import AppError, CatalogError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commonwheel.apps.app import App, Handler
    from commonwheel.catalog import Catalog

__all__ = ["check", "faults_of", "name_fault"]

DATATYPES = ("float", "integer", "boolean", "string")
SEVERITIES = ("info", "warning", "alarm")
LONGEST_KEPT_S = 3600.0
FASTEST_HZ = 1000.0
SHORTEST_S = 0.001
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST_NAME = 60


def check(app: App, catalog: Catalog | None = None) -> None:
    """Hold an app against the standard.

    Args:
        app: loaded, not yet run.
        catalog: the standard; None is the shipped one.

    Raises:
        AppError: it has faults; states every one.
    """
    faults = faults_of(app, catalog)
    if faults:
        raise AppError(faults)


def faults_of(app: App, catalog: Catalog | None = None) -> list[Fault]:
    """Return everything that is wrong with an app, with the line where it is."""
    if catalog is None:
        from commonwheel.catalog import load_catalog

        catalog = load_catalog()
    return list(_Check(app, catalog).faults())


def name_fault(name: object) -> str:
    """Return what is wrong with an app's name; '' when nothing is."""
    if isinstance(name, str) and _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return ""
    right = f"small letters, digits and single hyphens, at most {_LONGEST_NAME}, as in 'my-trip'"
    return f"an app's name is of {right}; not {name!r:.80}"


class _Check:
    """One app held against one catalog."""

    def __init__(self, app: App, catalog: Catalog) -> None:
        self._app, self._manifest, self._catalog = app, app.manifest, catalog
        self._places = Places(app)
        self._file = short(app.file)

    def faults(self) -> Iterator[Fault]:
        """Yield the faults of all parts."""
        yield from self._head()
        shaped = list(self._shapes())
        yield from shaped
        if not shaped:  # the rest may rely on mappings being mappings
            yield from self._reads()
            yield from self._instead()
            yield from self._keeps()
            yield from self._acts()
            yield from self._priorities()
            yield from self._words()
            yield from self._handlers()

    def _at(self, message: str, part: str, key: object = None) -> Fault:
        return Fault(self._file, self._places.line(part, key), message)

    def _head(self) -> Iterator[Fault]:
        name, version, about = self._manifest.name, self._manifest.version, self._manifest.about
        fault = name_fault(name)
        if fault:
            yield self._at(fault, "name")
        if not _is_text(version) or not version.strip():
            yield self._at(f"an app's version is a text such as '1.0', not {version!r:.40}", "version")
        if not _is_text(about):
            yield self._at(f"what an app is about is a text, not {about!r:.40}", "about")

    def _shapes(self) -> Iterator[Fault]:
        """Yield what is of another type than it has to be."""
        manifest = self._manifest
        for part in ("requires", "may_use", "keeps"):
            right = '{"Vehicle.Speed": 10}' if part != "keeps" else '{"Vehicle.Speed": 30.0}'
            yield from self._mapping(part, _is_number, f"a mapping of signals to numbers: {right}")
        right = 'a mapping of signals to others: {"Vehicle.Speed": ("Vehicle.DisplayedSpeed",)}'
        yield from self._mapping("instead", _is_texts, right)
        for part in ("provides", "requests", "needs"):
            strange = [one for one in cast("tuple[object, ...]", getattr(manifest, part)) if not isinstance(one, str)]
            if strange:
                yield self._at(f"'{part}' lists signals by path; {strange[0]!r:.40} is none", part)
        kinds = (("outputs", Output, 'Output("km", "what it says")'), ("events", Event, 'Event("what happened")'))
        for part, kind, right in (*kinds, ("settings", Setting, 'Setting(0.3, "EUR", "what it sets")')):
            yield from self._mapping(
                part, lambda value, kind=kind: isinstance(value, kind), f"a mapping: {{...: {right}}}"
            )

    def _mapping(self, part: str, fits: Callable[[object], bool], right: str) -> Iterator[Fault]:
        value: object = getattr(self._manifest, part)
        if not isinstance(value, dict):
            yield self._at(f"'{part}' is {right}; not {type(value).__name__}", part)
            return
        for key, item in cast("dict[object, object]", value).items():
            if not isinstance(key, str) or not fits(item):
                yield self._at(f"'{part}' is {right}; {key!r:.60}: {item!r:.40} does not fit", part, key)

    # ---- signals ----------------------------------------------------------------------------------------------------

    def _reads(self) -> Iterator[Fault]:
        for part, stated in (("requires", self._manifest.requires), ("may_use", self._manifest.may_use)):
            for pattern, rate in stated.items():
                yield from self._known(pattern, part)
                if not 0 <= rate <= FASTEST_HZ:
                    right = f"0 (every update) to {FASTEST_HZ:g} updates per second"
                    yield self._at(f"the rate of '{pattern}' is {right}, not {rate:g}", part, pattern)
        for pattern in self._manifest.requires.keys() & self._manifest.may_use.keys():
            yield self._at(f"'{pattern}' is in 'requires' too; leave one out", "may_use", pattern)

    def _instead(self) -> Iterator[Fault]:
        """Yield what does instead, or is needed, and is not declared."""
        declared = {*self._manifest.requires, *self._manifest.may_use}
        for pattern, others in self._manifest.instead.items():
            asked = pattern in self._manifest.requests
            for one in (pattern, *others):
                if asked and one not in self._manifest.requests:
                    yield self._at(f"'{one}' is not declared; add it to 'requests'", "instead", pattern)
                elif not asked and one not in declared:
                    message = f"'{one}' is not declared; {_ADD}"
                    yield self._at(message, "instead", pattern)
        for one in self._manifest.needs:
            if one not in self._manifest.requests:
                yield self._at(f"'{one}' is not declared; add it to 'requests'", "needs", one)

    def _known(self, pattern: str, part: str) -> Iterator[Fault]:
        """Yield why a path or pattern selects nothing of the standard."""
        try:
            selected = self._selected(pattern)
        except CatalogError as error:
            yield self._at(str(error), part, pattern)
            return
        if not selected:
            why = f"'{pattern}' selects no signal of the standard" if "*" in pattern else self._catalog.explain(pattern)
            yield self._at(why, part, pattern)

    def _selected(self, pattern: str) -> list[str]:
        if pattern in self._catalog:
            return [pattern]
        return [leaf.path for leaf in self._catalog.match(pattern)]

    def _keeps(self) -> Iterator[Fault]:
        for pattern, seconds in self._manifest.keeps.items():
            found = list(self._known(pattern, "keeps"))
            yield from found
            if not found and not any(path in self._declared for path in self._selected(pattern)):
                message = f"'{pattern}' is kept, but not declared; add it to 'requires' or 'may_use'"
                yield self._at(message, "keeps", pattern)
            if not 0 < seconds <= LONGEST_KEPT_S:
                right = f"more than 0 and at most {LONGEST_KEPT_S:g} seconds"
                yield self._at(f"'{pattern}' is kept for {right}, not {seconds:g}", "keeps", pattern)

    @cached_property
    def _declared(self) -> dict[str, float]:
        """The signals that can be read; patterns that are none are faults already."""
        stated = {**self._manifest.may_use, **self._manifest.requires}
        usable = {pattern: rate for pattern, rate in stated.items() if _is_pattern(pattern)}
        return rates_of(usable, self._catalog.leaves)

    def _acts(self) -> Iterator[Fault]:
        for part in ("provides", "requests"):
            names: tuple[str, ...] = getattr(self._manifest, part)
            seen: dict[str, str] = {}
            for name in names:
                yield from self._known(name, part)
                for path in self._selected(name) if _is_pattern(name) else ():
                    if path in seen:
                        other = f"'{name}' and '{seen[path]}' both select it" if name != seen[path] else "stated twice"
                        message = f"'{path}' is in '{part}' twice: {other}"
                        yield Fault(self._file, self._places.last(part, name), message)
                        break
                    seen[path] = name
                if part == "requests":
                    yield from self._movable(name)

    def _priorities(self) -> Iterator[Fault]:
        for name, most in self._manifest.priorities.items():
            if isinstance(most, bool) or not isinstance(most, int) or not 0 <= most <= MOST_PRIORITY:  # pyright: ignore[reportUnnecessaryIsInstance]
                right = f"a whole number from 0 to {MOST_PRIORITY}"
                yield self._at(f"the highest priority of '{name}' is {right}, not {most!r:.40}", "requests", name)

    def _movable(self, name: str) -> Iterator[Fault]:
        if name == IS_ARMED:
            message = f"'{name}' is not an app's to ask for: a car is armed by somebody who answers for it"
            yield self._at(message, "requests", name)
        for path in self._selected(name) if _is_pattern(name) else ():
            leaf = self._catalog.leaves[path]
            if leaf.kind is not Kind.ACTUATOR:
                message = f"'{path}' cannot be asked for: it is a {leaf.kind.value}; only actuators can"
                yield self._at(message, "requests", name)
                return

    # ---- outputs, events, settings ----------------------------------------------------------------------------------

    def _words(self) -> Iterator[Fault]:
        manifest = self._manifest
        for part in ("outputs", "events", "settings"):
            for name in cast("dict[str, object]", getattr(manifest, part)):
                if not _WORD.fullmatch(name) or len(name) > _LONGEST_NAME:
                    right = f"of small letters, digits and '_', at most {_LONGEST_NAME}"
                    yield self._at(f"a name in '{part}' is {right}; not {name!r:.80}{_near(name)}", part, name)
        for name, output in manifest.outputs.items():
            if output.datatype not in DATATYPES:
                right = f"one of {', '.join(DATATYPES)}"
                yield self._at(f"the datatype of '{name}' is {right}, not {output.datatype!r:.40}", "outputs", name)
        for name, event in manifest.events.items():
            if event.severity not in SEVERITIES:
                right = f"one of {', '.join(SEVERITIES)}"
                yield self._at(f"the severity of '{name}' is {right}, not {event.severity!r:.40}", "events", name)
        for name, setting in manifest.settings.items():
            default: object = setting.default
            fits = isinstance(default, bool | str) or (_is_number(default) and math.isfinite(cast("float", default)))
            if not fits:
                message = f"the default of '{name}' is a number, a text or a boolean, not {default!r:.40}"
                yield self._at(message, "settings", name)

    # ---- functions --------------------------------------------------------------------------------------------------

    def _handlers(self) -> Iterator[Fault]:
        if not self._app.handlers:
            message = "it has no function that is ever called; give one a decorator, such as @app.on(...)"
            yield Fault(self._file, self._app.line, message)
        for handler in self._app.handlers:
            for message in (*_faults_of_times(handler), *faults_of_call(handler), *_patterns(handler, self._declared)):
                yield Fault(self._file, handler.line, message)


def _patterns(handler: Handler, declared: dict[str, float]) -> Iterator[str]:
    """Yield what is wrong with the signals that a function wants."""
    word = f"@app.{handler.moment.value}"
    if handler.moment in {Moment.READING, Moment.BATCH, Moment.CONDITION} and not handler.patterns:
        yield f'{word} names no signal; as in {word}("Vehicle.Speed")'
    for pattern in handler.patterns:
        if callable(pattern):
            yield f'{word} names no signal; as in {word}("Vehicle.Speed")'
        elif not isinstance(pattern, str) or not _is_pattern(pattern):  # pyright: ignore[reportUnnecessaryIsInstance]
            yield f'{word}: {pattern!r:.80} is no path or pattern; as in {word}("Vehicle.Speed")'
        elif handler.moment is Moment.CONDITION and pattern not in declared:
            yield f"{word} names signals by their whole path, and '{pattern}' is not one that is declared; {_ADD}"
        elif not rates_of({pattern: 0.0}, declared):
            yield f"{word}: '{pattern}' is not declared; {_ADD}"


_ADD = "add it to 'requires' or 'may_use'"


def _faults_of_times(handler: Handler) -> Iterator[str]:
    word, period, lasts = f"@app.{handler.moment.value}", handler.period_s, handler.lasts_s
    if callable(period):
        yield f"{word} takes a period in seconds, as in {word}(1.0)"
    elif handler.moment is Moment.PERIOD and not (_is_number(period) and SHORTEST_S <= period < math.inf):
        yield f"{word} takes a period in seconds, {SHORTEST_S:g} at least, not {period!r:.40}"
    if not (_is_number(lasts) and 0 <= lasts < math.inf):
        yield f"{word}: 'lasts' is 0 seconds or more, not {lasts!r:.40}"
    if handler.moment is Moment.CONDITION and not callable(handler.test):
        yield f"{word} takes a function as its test, as in test=lambda kmh: kmh > 130; not {handler.test!r:.40}"


def _near(name: str) -> str:
    """Return a name that would do, as words behind one that does not."""
    word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_LONGEST_NAME]
    return f" ('{word}' would do)" if _WORD.fullmatch(word) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in cast("tuple[object, ...]", value))


def _is_pattern(pattern: str) -> bool:
    try:
        compile_pattern(pattern)
    except CatalogError:
        return False
    return True
