"""KUKSA's CAN provider, as far as values go: frames through cantools and a mapping file to VSS values.

Restated from the provider's documentation: a value with a name compares equal to that name only, what is
outside of the database's limits is dropped, so is what a formula fails on or no pair matches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cantools.database.can import Database
from cantools.database.namedsignalvalue import NamedSignalValue

from commonwheel.vehicles.kuksa_expressions import evaluate, parse

Node = dict[str, Any]
Plain = int | float | str | bool | None


class Provider:
    """One provider with its mapping and its databases."""

    def __init__(self, mapping: Path, *databases: Path) -> None:
        self.database = Database(strict=False)
        for path in databases:
            self.database.add_dbc_file(str(path), encoding="cp1252")
        self.leaves = dict(_leaves(json.loads(mapping.read_text(encoding="utf-8"))))
        self.by_signal: dict[str, list[tuple[str, Node]]] = {}
        for path, node in self.leaves.items():
            link = node.get("dbc2vss", node.get("dbc"))
            if link is not None:
                self.by_signal.setdefault(link["signal"], []).append((path, link))

    def read(self, can_id: int, payload: bytes) -> dict[str, Plain]:
        """Return what one frame makes the provider send, by path."""
        try:
            message = self.database.get_message_by_frame_id(can_id)
        except KeyError:
            return {}
        decoded = message.decode(payload, allow_truncated=True)
        assert isinstance(decoded, Mapping)
        sent: dict[str, Plain] = {}
        for name, value in decoded.items():
            signal = message.get_signal_by_name(name)
            if isinstance(value, int | float) and not _inside(value, signal.minimum, signal.maximum):
                continue
            for path, link in self.by_signal.get(name, ()):
                if any(decoded.get(item["signal"]) != item["value"] for item in link.get("multiplexer", ())):
                    continue
                datatype = self.leaves[path]["datatype"]
                result = transformed(value, link.get("transform"), datatype)
                if result is not None:
                    sent[path] = cast(result, datatype)
        return sent

    def write(self, path: str, value: Plain) -> tuple[str, Plain]:
        """Return the DBC signal that a target value goes to, and its value there."""
        link = self.leaves[path]["vss2dbc"]
        return link["signal"], transformed(value, link.get("transform"), "")


def _leaves(node: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    for name, child in node.items():
        if child.get("type") == "branch":
            yield from _leaves(child["children"], f"{prefix}{name}.")
        elif child.get("type") in {"sensor", "actuator", "attribute"}:
            yield prefix + name, child


def _inside(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def transformed(value: object, transform: Node | None, datatype: str) -> Plain:
    """Return a value as a transform leaves it; None where it is dropped."""
    if transform is None:
        if isinstance(value, NamedSignalValue):
            return value.name if datatype == "string" else value.value
        return value if isinstance(value, int | float | str) else None
    if "mapping" in transform:
        return next((item["to"] for item in transform["mapping"] if item["from"] == value), None)
    return evaluate(parse(transform["math"]), value)


def cast(value: Plain, datatype: str) -> Plain:
    """Return a value as the client library sends it."""
    if datatype == "boolean":
        return bool(value)
    if datatype == "string" or value is None:
        return value
    return int(value) if "int" in datatype else float(value)
