"""Values in ``control.yaml``: quantities in the units that are wanted, curves by speed, limits that there are none of.

``Values`` takes them out of nodes. A wrong one becomes a fault with its place, and a default that leaves the rest to be
read; nothing is used as long as there are faults.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from commonwheel.catalog import load_catalog
from commonwheel.guard.envelope import Curve, Without
from commonwheel.vehicles.quantities import Bounds, quantity
from commonwheel.vehicles.yamltree import Node, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.vehicles.model import SignalInfo
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.vehicles.yamltree import Reader

__all__ = ["NONE", "Row", "Values"]

NONE = "none"
"""The key of a limit that there is none of: ``{none: why}``."""
_MAY_BE_NONE = frozenset(
    {
        "consent", "consent_most", "engage", "keep", "override", "frozen", "rate_up", "rate_down", "window", "change",
        "lateral", "tracking",
    }
)  # fmt: skip
"""Keys that need not have a value, but a reason then. Parameters of a manner say so where they are documented."""
NS = 1e9
LONGEST = Bounds(0.0, 1e6)
"""Seconds: eleven days."""
_ANY = Bounds()
_Choice = TypeVar("_Choice", bound=enum.Enum)


@dataclass(frozen=True, slots=True)
class Values:
    """Takes values; see the module."""

    reader: Reader
    vehicle: Vehicle

    def row(self, node: Node, what: str, needed: Iterable[str], optional: Iterable[str] = ()) -> Row:
        """Return a row's entries; keys that are not known or missing are faults."""
        needed = tuple(needed)
        entries = self.reader.mapping(node, what, (*needed, *optional, "note"))
        for key in needed:
            if key not in entries and isinstance(node.value, dict):
                or_why = "; where there is no such thing, say why: {none: ...}" if key in _MAY_BE_NONE else ""
                self.reader.fault(node, f"{what} needs '{key}'{or_why}")
        return Row(self, node, what, entries)

    def without(self, node: Node | None) -> Without | None:
        """Return ``{none: why}`` as what it says; None where it is something else."""
        if node is None or NONE not in node.entries:
            return None
        entries = self.reader.mapping(node, "a limit that there is none of", (NONE,))
        why = self.reader.text(entries[NONE], "why there is no limit").strip()
        if not why:
            self.reader.fault(node, "a limit that there is none of needs the reason: {none: why}")
        return Without(why)

    def curve(self, node: Node | None, what: str, unit: str, *, within: Bounds = _ANY) -> Curve:
        """Return a value by speed: one quantity, or ``{0 m/s: 5 deg, 10 m/s: 1 deg}``."""
        if node is None:
            return Curve(((0.0, 0.0),))
        if isinstance(node.value, dict):
            return Curve(self.table(node, what, "m/s", unit, within=within) or ((0.0, 0.0),))
        return Curve(((0.0, quantity(self.reader, node, what, unit, within=within)),))

    def table(
        self, node: Node | None, what: str, x_unit: str, y_unit: str, *, within: Bounds = _ANY
    ) -> tuple[tuple[float, float], ...]:
        """Return points with rising x."""
        if node is None:
            return ()
        points: list[tuple[float, float]] = []
        for key, value in self.reader.mapping(node, what).items():
            at = Node(key, value.file, value.line)
            x = quantity(self.reader, at, f"a place of {what}", x_unit)
            if points and x <= points[-1][0]:
                self.reader.fault(value, f"the places of {what} rise; {key} does not")
            points.append((x, quantity(self.reader, value, what, y_unit, within=within)))
        if not points and isinstance(node.value, dict):
            self.reader.fault(node, f"{what} has no points")
        return tuple(points)

    def choice(self, node: Node | None, what: str, kind: type[_Choice]) -> _Choice:
        """Return the member of an enumeration that a text names."""
        members = {str(member.value): member for member in kind}
        first = next(iter(members.values()))
        if node is None:
            return first
        text = str(node.value) if not isinstance(node.value, dict | list) else ""
        if text not in members:
            listed = ", ".join(members)
            self.reader.fault(node, f"{what} is one of {listed}, not '{_shown(node)}'{suggest(text, members)}")
        return members.get(text, first)

    def signal(self, node: Node | None, what: str) -> SignalInfo | None:
        """Return the car's signal that a path names."""
        if node is None:
            return None
        path = self.reader.text(node, what)
        return self.provided(path, node, what)

    def provided(self, path: str, node: Node, what: str) -> SignalInfo | None:
        """Return the car's signal of a path; a fault where the car does not give it."""
        number = self.vehicle.numbers.get(path)
        if number is None:
            if path:
                hint = suggest(path, self.vehicle.numbers)
                self.reader.fault(node, f"{what}: {self.vehicle.name} does not give '{path}'{hint}")
            return None
        info = self.vehicle.signals[number]
        leaf = load_catalog().get(path)
        if leaf is not None and (leaf.unit or "") != info.unit:
            self.reader.fault(
                node,
                f"{what}: '{path}' is counted in '{info.unit}' by the catalog of {self.vehicle.name}, and in "
                f"'{leaf.unit or ''}' by the standard, in which cars are made to act",
            )
        return info

    def of_signal(self, node: Node | None, what: str, info: SignalInfo | None, default: float = 0.0) -> float:
        """Return a value of a signal: a quantity in its unit, a label as its code, true and false as 1 and 0."""
        if node is None or info is None:
            return default
        if info.labels:
            return self._code(node, what, info.labels, default)
        if info.datatype == "boolean":
            if isinstance(node.value, bool):
                return float(node.value)
            self.reader.fault(node, f"{what} is true or false, not '{_shown(node)}'")
            return default
        return quantity(self.reader, node, what, info.unit, default=default)

    def _code(self, node: Node, what: str, labels: tuple[str, ...], default: float) -> float:
        if isinstance(node.value, str) and node.value in labels:
            return float(labels.index(node.value))
        if isinstance(node.value, int) and not isinstance(node.value, bool) and 0 <= node.value < len(labels):
            return float(node.value)
        shown = _shown(node)
        self.reader.fault(node, f"{what} is one of {', '.join(labels)}, not '{shown}'{suggest(shown, labels)}")
        return default


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the file, and what is taken out of it."""

    values: Values
    node: Node
    what: str
    """What to call it in a message."""
    entries: Mapping[str, Node]

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def get(self, key: str) -> Node | None:
        """Return a key's node."""
        return self.entries.get(key)

    def name(self, key: str) -> str:
        """Return what to call a key in a message."""
        return f"'{key}' of {self.what}"

    def text(self, key: str, default: str = "") -> str:
        """Return a text that is not empty, where it is stated."""
        node = self.get(key)
        found = self.values.reader.text(node, self.name(key), default).strip()
        if node is not None and isinstance(node.value, str) and not found:
            self.values.reader.fault(node, f"{self.name(key)} is empty")
        return found

    def quantity(self, key: str, unit: str, *, within: Bounds = _ANY, default: float = 0.0) -> float:
        """Return a quantity in a unit."""
        return quantity(self.values.reader, self.get(key), self.name(key), unit, within=within, default=default)

    def ns(self, key: str, *, least_s: float = 0.0) -> int:
        """Return a time in nanoseconds."""
        within = Bounds(least_s, LONGEST.high)
        return round(self.quantity(key, "s", within=within, default=least_s) * NS)

    def curve(self, key: str, unit: str, *, within: Bounds = _ANY) -> Curve:
        """Return a value by speed."""
        return self.values.curve(self.get(key), self.name(key), unit, within=within)

    def without(self, key: str) -> Without | None:
        """Return why there is no such thing; None where there is."""
        return self.values.without(self.get(key))

    def choice(self, key: str, kind: type[_Choice]) -> _Choice:
        """Return the member of an enumeration."""
        return self.values.choice(self.get(key), self.name(key), kind)

    def texts(self, key: str) -> tuple[tuple[str, Node], ...]:
        """Return a list of names, each with its place."""
        node = self.get(key)
        items = [] if node is None else self.values.reader.items(node, self.name(key))
        return tuple((self.values.reader.text(item, f"an entry of {self.name(key)}"), item) for item in items)


def _shown(node: Node) -> str:
    return node.describe() if isinstance(node.value, dict | list) else str(node.value)[:40]
