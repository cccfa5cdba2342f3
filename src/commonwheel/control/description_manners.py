"""From ``control.yaml`` to the parameters of a manner: whatever its dataclass has is read, by its type and its name.

A new parameter needs no word here, unless its unit does not show in its name.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from commonwheel.control.manners import MANNERS
from commonwheel.vehicles.yamltree import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control.description_values import Row, Values
    from commonwheel.control.manners import Manner, Table
    from commonwheel.guard.envelope import Envelope
    from commonwheel.vehicles.yamltree import Node

__all__ = ["commands_of", "manner_of", "unit_of"]

PATH = "Vehicle."
"""What a parameter begins with that names a signal; any other text names a command, which is an envelope."""
ENDINGS = {"_per_s": "1/s", "_per_mps2": "", "_kmh": "km/h", "_deg": "deg", "_s": "s", "_accel": "m/s^2"}
UNITS = {
    "speed_up": "m/s^2",
    "speed_down": "m/s^2",
    "speed_gain": "1/s",
    "acceleration_gain": "1/s",
    "brake_below": "m/s^2",
    "brake_hysteresis": "m/s^2",
    "hysteresis": "m/s^2",
    "coast": "m/s^2",
    "speed_lead": "km/h",
    "acceleration.trim_limit": "m/s^2",
    "pedals.trim_limit": "m/s^2",
}
"""Of parameters, and of the values of tables, that the name does not tell; by name, or manner and name."""
PLACES = {"gas_table": "m/s^2", "speed_lead": "m/s^2", "values": ""}
"""What tables are over; others are over speed."""
OPTIONAL = {"gas_table": "gas", "speed_lead": "speed", "values": ""}
"""Tables that there may be none of: where there is none of this command; '' always."""


def unit_of(manner: str, name: str) -> str:
    """Return the unit of a parameter of a manner; '' for a plain number."""
    ending = next((unit for ending, unit in ENDINGS.items() if name.endswith(ending)), "")
    return UNITS.get(f"{manner}.{name}", UNITS.get(name, ending))


def manner_of(row: Row, envelopes: Mapping[str, Envelope]) -> Manner | None:
    """Return the manner that an adapter's row names, with its parameters."""
    reader = row.values.reader
    name = row.text("manner")
    kind = MANNERS.get(name)
    node = row.get("parameters")
    if kind is None:
        if name:
            listed = ", ".join(MANNERS)
            reader.fault(row.entries["manner"], f"there is no manner '{name}'{suggest(name, MANNERS)}: {listed}")
        return None
    if node is None:
        return None
    hints = typing.get_type_hints(kind)
    inner = row.values.row(node, row.name("parameters"), hints)
    found = len(reader.faults)
    taken: dict[str, Any] = {
        key: _parameter(inner, key, hint, unit_of(name, key), envelopes) for key, hint in hints.items()
    }
    return kind(**taken) if len(reader.faults) == found and hints.keys() <= inner.entries.keys() else None


def _parameter(
    row: Row,
    key: str,
    hint: Any,  # noqa: ANN401 - what typing gives
    unit: str,
    envelopes: Mapping[str, Envelope],
) -> object:
    node = row.get(key)
    reader = row.values.reader
    if hint is str:
        return _named(row, key, node, envelopes)
    if hint is int:
        return reader.whole(node, row.name(key), 0)
    if hint is float:
        return row.quantity(key, unit)
    if hint is bool:
        return reader.boolean(node, row.name(key))
    return _table(row, key, node, unit)


def _table(row: Row, key: str, node: Node | None, unit: str) -> Table:
    """Return points; one number is a table of one point."""
    if row.without(key) is not None:
        _none(row, key, node)
        return ()
    if node is not None and not isinstance(node.value, dict) and key not in PLACES:
        return ((0.0, row.quantity(key, unit)),)
    return row.values.table(node, row.name(key), PLACES.get(key, "m/s"), unit)


def _none(row: Row, key: str, node: Node | None) -> None:
    """See that a table that is said not to be there is not needed."""
    command = OPTIONAL.get(key)
    if command is None:
        row.values.reader.fault(node or row.node, f"{row.name(key)} cannot be none; it is always needed")
    elif command and command in row.entries and row.without(command) is None:
        row.values.reader.fault(node or row.node, f"{row.name(key)} cannot be none; '{command}' is made of it")


def _named(row: Row, key: str, node: Node | None, envelopes: Mapping[str, Envelope]) -> str:
    """Return the signal or the command that a parameter names; '' where there is none."""
    if row.without(key) is not None:
        return ""
    text = row.text(key)
    if node is None or not text:
        return ""
    if text.startswith(PATH):
        row.values.provided(text, node, row.name(key))
    elif text not in envelopes:
        hint = suggest(text, envelopes)
        row.values.reader.fault(node, f"{row.name(key)}: '{text}' is neither a signal nor an envelope{hint}")
    return text


def commands_of(manner: Manner) -> frozenset[str]:
    """Return the commands that a manner gives, by the names of their envelopes."""
    hints = typing.get_type_hints(type(manner))
    texts: Mapping[str, Values] = {key: getattr(manner, key) for key, hint in hints.items() if hint is str}
    return frozenset(str(text) for text in texts.values() if text and not str(text).startswith(PATH))
