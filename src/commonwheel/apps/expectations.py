"""Test files: what is expected of an app on which drives, as YAML beside it (``trip.test.yaml`` beside ``trip.py``).

Every fault of a file is told at once, with its line and what would be right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.apps.matching import Match, match_of
from commonwheel.errors import AppError, DescriptionError, Fault
from commonwheel.vehicles.yamltree import Reader, load_tree, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from commonwheel.apps.manifest import Manifest
    from commonwheel.vehicles.yamltree import Node

__all__ = ["Case", "Detail", "EventMatch", "Expectations", "Expected", "expectations_beside", "load_expectations"]

_FILE_KEYS = ("format", "app", "cases")
_CASE_KEYS = (
    *("name", "log", "optional", "car", "scenario", "cars", "seed", "parameters", "faults", "seconds"),
    *("acts", "beside", "settings", "expect"),
)
_EXPECT_KEYS = ("outputs", "at", "events", "logs", "published", "requested", "figures")
_EVENT_KEYS = ("count", "first", "last", "each")
_DETAIL_KEYS = ("seconds", "data")
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Detail:
    """What is expected of one event."""

    line: int
    seconds: Match | None = None
    """When, since the app began."""
    data: Mapping[str, Match] = field(default_factory=dict[str, Match])


@dataclass(frozen=True, slots=True)
class EventMatch:
    """What is expected of the events of one name."""

    line: int
    count: Match | None = None
    first: Detail | None = None
    last: Detail | None = None
    each: Detail | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one drive."""

    line: int
    outputs: Mapping[str, Match] = field(default_factory=dict[str, Match])
    """At the end."""
    at: tuple[tuple[float, Mapping[str, Match]], ...] = ()
    """Outputs so many seconds after the app began."""
    events: Mapping[str, EventMatch] | None = None
    """By name; the others must not happen. None: whatever happens."""
    logs: tuple[tuple[int, str], ...] = ()
    """Lines of the test file, and texts of which each has to occur in a line that the app writes."""
    published: Mapping[str, Match] = field(default_factory=dict[str, Match])
    """Last values of signals that the app provides."""
    requested: Mapping[str, Match] = field(default_factory=dict[str, Match])
    """Last values that actuators were asked to reach."""
    figures: Mapping[str, Match] = field(default_factory=dict[str, Match])
    """What a drive in which the car acts is measured by."""


@dataclass(frozen=True, slots=True)
class Case:
    """One drive, or the same scenario on several cars."""

    name: str
    line: int
    expected: Expected
    log: str = ""
    optional: bool = False
    """Whether the case is skipped where the log is not there."""
    car: str = ""
    """Whose log it is; '' finds out."""
    scenario: str = ""
    cars: tuple[str, ...] = ()
    seed: int = 0
    parameters: str = ""
    """The car whose physics all have; '' each its own."""
    faults: Node | None = None
    """As a scenario states them."""
    seconds: float | None = None
    acts: bool = False
    """Whether the car does what it is asked, in closed loop and under its guard; else it refuses."""
    beside: tuple[str, ...] = ()
    """Other apps that ask beside it."""
    settings: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Expectations:
    """A file of expectations."""

    path: Path
    app: str
    """Name or file of the app."""
    cases: tuple[Case, ...]


def expectations_beside(app: Path) -> Path:
    """Return where the expectations of an app's file are."""
    return app.with_name(f"{app.stem}.test.yaml")


def load_expectations(path: Path, manifest: Manifest | None = None) -> Expectations:
    """Read a test file.

    Args:
        path: the file.
        manifest: of its app, which says what outputs and events there are; None does not ask.

    Raises:
        AppError: it cannot be read, or has faults; states every one.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise AppError([Fault(path, 0, f"a test file has at most {_LARGEST >> 20} MiB")])
        data = path.read_bytes()
    except OSError as error:
        message = f"the test cannot be read ({error.strerror or error}); 'commonwheel app new' writes one to begin with"
        raise AppError([Fault(path, 0, message)]) from error
    reader = Reader()
    try:
        tree = load_tree(path, data, reader.faults)
    except DescriptionError as error:
        raise AppError(error.faults) from error
    found = _Parser(reader, manifest).file(path, tree)
    if reader.faults:
        raise AppError(reader.faults)
    return found


def _beside(path: Path, app: str) -> str:
    """Return an app as a test file names it: by name, or by its file, which is sought from the test file on."""
    return str(path.parent / app) if app.endswith(".py") else app


class _Parser:
    """Reads the nodes of one file."""

    def __init__(self, reader: Reader, manifest: Manifest | None) -> None:
        self._reader = reader
        self._manifest = manifest

    def file(self, path: Path, tree: Node) -> Expectations:
        """Return the whole file."""
        reader = self._reader
        keys = reader.mapping(tree, "a test file", _FILE_KEYS)
        if reader.whole(keys.get("format"), "'format'", 0) != 1:
            reader.fault(keys.get("format", tree), "a test file begins with 'format: 1'")
        beside = path.name.removesuffix(".test.yaml").removesuffix(".yaml")
        app = reader.text(keys.get("app"), "'app'") or f"{beside}.py"
        if "cases" not in keys:
            reader.fault(tree, "it has no 'cases', so nothing would be tested")
        nodes = reader.items(keys["cases"], "'cases'") if "cases" in keys else []
        if "cases" in keys and not nodes:
            reader.fault(keys["cases"], "'cases' is empty, so nothing would be tested")
        return Expectations(
            path, _beside(path, app), tuple(self._case(node, number) for number, node in enumerate(nodes, 1))
        )

    def _case(self, node: Node, number: int) -> Case:
        reader = self._reader
        keys = reader.mapping(node, "a case", _CASE_KEYS)
        log, scenario = reader.text(keys.get("log"), "'log'"), reader.text(keys.get("scenario"), "'scenario'")
        if keys and bool(log) == bool(scenario):
            reader.fault(node, "a case has either a 'log' or a 'scenario' (with its 'cars')")
        for key in ("cars", "seed", "parameters", "faults", "acts", "beside"):
            if log and key in keys:
                reader.fault(keys[key], f"'{key}' goes with a 'scenario', not with a 'log'")
        for key in ("car", "optional"):
            if scenario and key in keys:
                reader.fault(keys[key], f"'{key}' goes with a 'log'; the cars of a 'scenario' are in 'cars'")
        cars = self._texts(keys.get("cars"), "'cars'", "a car")
        if scenario and not cars:
            reader.fault(node, "a 'scenario' needs 'cars' that drive it: cars: [nissan/leaf_aze0, honda/e]")
        seconds = reader.number(keys.get("seconds"), "'seconds'", 0.0) if "seconds" in keys else None
        if seconds is not None and seconds <= 0:
            reader.fault(keys["seconds"], "'seconds' is more than 0")
        acts, beside = reader.boolean(keys.get("acts"), "'acts'"), keys.get("beside")
        if beside is not None and not acts:
            reader.fault(beside, "'beside' goes with 'acts: true': what others ask for counts only where a car acts")
        if keys and "expect" not in keys:
            reader.fault(node, "a case needs 'expect'; expect: {} asks only that no function raises")
        return Case(
            name=reader.text(keys.get("name"), "'name'") or f"case {number}",
            line=node.line,
            expected=self._expected(keys["expect"], acts=acts) if "expect" in keys else Expected(node.line),
            log=log,
            optional=reader.boolean(keys.get("optional"), "'optional'"),
            car=reader.text(keys.get("car"), "'car'"),
            scenario=scenario,
            cars=cars,
            seed=reader.whole(keys.get("seed"), "'seed'", 0),
            parameters=reader.text(keys.get("parameters"), "'parameters'"),
            faults=keys.get("faults"),
            seconds=seconds,
            acts=acts,
            beside=self._texts(beside, "'beside'", "an app"),
            settings=self._settings(keys.get("settings")),
        )

    def _texts(self, node: Node | None, what: str, each: str) -> tuple[str, ...]:
        return () if node is None else tuple(self._reader.text(item, each) for item in self._reader.items(node, what))

    def _settings(self, node: Node | None) -> dict[str, object]:
        if node is None:
            return {}
        known = None if self._manifest is None else self._manifest.settings
        return {
            name: item.value
            for name, item in self._reader.mapping(node, "'settings'", known).items()
            if self._is_plain(item, name)
        }

    def _is_plain(self, node: Node, name: str) -> bool:
        if isinstance(node.value, dict | list) or node.value is None:
            self._reader.fault(node, f"the setting '{name}' is a number, a text or a boolean, not {node.describe()}")
            return False
        return True

    def _expected(self, node: Node, *, acts: bool) -> Expected:
        reader = self._reader
        keys = reader.mapping(node, "'expect'", _EXPECT_KEYS)
        events = keys.get("events")
        manifest = self._manifest
        if "figures" in keys and not acts:
            reader.fault(keys["figures"], "'figures' goes with 'acts: true': only a drive in closed loop is measured")
        return Expected(
            line=node.line,
            outputs=self._matches(keys.get("outputs"), "'outputs'", None if manifest is None else manifest.outputs),
            at=tuple(self._at(item) for item in reader.items(keys["at"], "'at'")) if "at" in keys else (),
            events=None if events is None else self._events(events),
            logs=self._logs(keys.get("logs")),
            published=self._matches(keys.get("published"), "'published'"),
            requested=self._matches(keys.get("requested"), "'requested'"),
            figures=self._matches(keys.get("figures"), "'figures'"),
        )

    def _logs(self, node: Node | None) -> tuple[tuple[int, str], ...]:
        if node is None:
            return ()
        return tuple((item.line, self._reader.text(item, "a log line")) for item in self._reader.items(node, "'logs'"))

    def _matches(self, node: Node | None, what: str, known: Iterable[str] | None = None) -> dict[str, Match]:
        if node is None:
            return {}
        entries = self._reader.mapping(node, what, known)
        return {name: match_of(self._reader, item) for name, item in entries.items()}

    def _at(self, node: Node) -> tuple[float, dict[str, Match]]:
        keys = self._reader.mapping(node, "an entry of 'at'", ("seconds", "outputs"))
        seconds = self._reader.number(keys.get("seconds"), "'seconds'", math.nan)
        if keys and ("seconds" not in keys or "outputs" not in keys):
            self._reader.fault(node, "an entry of 'at' is {seconds: 10, outputs: {...}}")
        known = None if self._manifest is None else self._manifest.outputs
        return seconds, self._matches(keys.get("outputs"), "'outputs'", known)

    def _events(self, node: Node) -> dict[str, EventMatch]:
        known = None if self._manifest is None else list(self._manifest.events)
        found: dict[str, EventMatch] = {}
        for name, item in self._reader.mapping(node, "'events'").items():
            if known is not None and name not in known:
                self._reader.fault(
                    item, f"the app has no event '{name}'{suggest(name, known)}; it has {', '.join(known)}"
                )
            found[name] = self._event(item)
        return found

    def _event(self, node: Node) -> EventMatch:
        """Return what is expected of an event: a number of times, or a mapping that says more."""
        if not isinstance(node.value, dict) or not set(_EVENT_KEYS) & set(map(str, node.value)):
            return EventMatch(node.line, count=match_of(self._reader, node))
        keys = self._reader.mapping(node, "what is expected of an event", _EVENT_KEYS)
        details = {key: self._detail(keys[key]) if key in keys else None for key in ("first", "last", "each")}
        count = match_of(self._reader, keys["count"]) if "count" in keys else None
        return EventMatch(node.line, count, **details)

    def _detail(self, node: Node) -> Detail:
        keys = self._reader.mapping(node, "what is expected of one event", _DETAIL_KEYS)
        seconds = match_of(self._reader, keys["seconds"]) if "seconds" in keys else None
        return Detail(node.line, seconds, self._matches(keys.get("data"), "'data'"))
