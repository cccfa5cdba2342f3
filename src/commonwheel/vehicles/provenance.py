"""Where a description says what it says: each row's file, line and text, and the remarks of its databases.

A compiled vehicle knows what is true of a car; this is for people who want to read why. It is read from the files
again, so it needs them where the description was compiled from.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.vehicles.buses import Buses
from commonwheel.vehicles.description import SHIPPED, read_description
from commonwheel.vehicles.rows import expand_instances
from commonwheel.vehicles.yamltree import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from commonwheel.vehicles.description import Description
    from commonwheel.vehicles.yamltree import Node

__all__ = ["Condition", "Place", "Provenance", "provenance_of"]

_MOST_LINES = 40
"""Of a row that is shown."""


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a description."""

    file: str
    """Its file below the folder of makers: ``nissan/leaf/vehicle.yaml``."""
    line: int
    """From 1."""
    text: str
    """The row as it is written there, moved to the left."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Condition:
    """When a multiplexed field is in a frame: its selector holds one of these raw values."""

    selector: str
    values: tuple[tuple[int, int], ...]
    """Inclusive ranges."""

    def __str__(self) -> str:
        shown = (f"{low}" if low == high else f"{low}..{high}" for low, high in self.values)
        return f"{self.selector} = {', '.join(shown)}"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is written about one car."""

    signals: Mapping[str, Place]
    """The row of each standard signal, by path; instances of one row share it."""
    messages: Mapping[str, Place]
    """The row of each message that has one, as bus/Message."""
    requests: Mapping[str, Place]
    attributes: Mapping[str, Place]
    evidence: str
    """What rows rest on that say nothing else; '' where each says its own."""
    note: str
    files: tuple[str, ...]
    """The description's own files, what it extends first."""
    databases: Mapping[str, tuple[str, ...]]
    """The database files of each bus."""
    variants: tuple[str, ...]
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the description notes of a message (bus/Message) or a signal (path)."""
    comments: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a database says of a message (bus/Message) or a field (bus/Message.Field)."""
    conditions: Mapping[str, Condition] = field(default_factory=dict[str, Condition])
    """Of each multiplexed field (bus/Message.Field)."""


def provenance_of(name: str | Path, folders: tuple[Path, ...] = (SHIPPED,)) -> Provenance:
    """Read where a description says what it says.

    Args:
        name: 'maker/car', 'maker/car:variant', a folder or a ``vehicle.yaml``.
        folders: where 'maker/car' is looked for.

    Raises:
        DescriptionError: there is no such description, or it cannot be read as one.
    """
    reader = Reader()  # takes the faults that do not concern what is read here; the compiler tells them
    described = read_description(name, folders, reader)
    texts = _Texts()
    expanded: dict[str, Place] = {}
    stated: dict[str, Place] = {}
    notes: dict[str, str] = {}
    for pattern, node in described.rows["signals"].items():
        place = texts.place(node)
        for path, _ in expand_instances(pattern, node, reader):
            (stated if path == pattern else expanded)[path] = place
            _note(notes, path, node)
    for reference, node in described.rows["messages"].items():
        _note(notes, reference, node)
    comments, conditions, databases = _of_databases(described, reader)
    return Provenance(
        signals=expanded | stated,
        messages={reference: texts.place(node) for reference, node in described.rows["messages"].items()},
        requests={path: texts.place(node) for path, node in described.rows["requests"].items()},
        attributes={path: texts.place(node) for path, node in described.rows["attributes"].items()},
        evidence=_plain(described, "evidence"),
        note=_plain(described, "note"),
        files=tuple(dict.fromkeys(_label(path) for path in described.files if path.suffix in {".yaml", ".yml"})),
        databases=databases,
        variants=described.variants,
        notes=notes,
        comments=comments,
        conditions=conditions,
    )


def _note(into: dict[str, str], key: str, node: Node) -> None:
    found = node.entries.get("note")
    if found is not None and isinstance(found.value, str):
        into[key] = " ".join(found.value.split())


def _plain(described: Description, key: str) -> str:
    node = described.plain.get(key)
    return " ".join(str(node.value).split()) if node is not None and isinstance(node.value, str) else ""


def _of_databases(
    described: Description, reader: Reader
) -> tuple[dict[str, str], dict[str, Condition], dict[str, tuple[str, ...]]]:
    comments: dict[str, str] = {}
    conditions: dict[str, Condition] = {}
    databases: dict[str, tuple[str, ...]] = {}
    for bus in Buses(described, reader).by_name.values():
        databases[bus.name] = tuple(dict.fromkeys(_label(database.path.resolve()) for database in bus.databases))
        for message in bus.messages.values():
            reference = f"{bus.name}/{message.name}"
            if message.comment:
                comments[reference] = " ".join(message.comment.split())
            for signal in message.signals:
                if signal.comment:
                    comments[f"{reference}.{signal.name}"] = " ".join(signal.comment.split())
                if signal.multiplexed is not None:
                    found = Condition(signal.multiplexed.selector, signal.multiplexed.values)
                    conditions[f"{reference}.{signal.name}"] = found
    return comments, conditions, databases


def _label(path: Path) -> str:
    """Return a file's name below the folder of makers: what is the same on every machine."""
    return "/".join(path.absolute().parts[-3:])


class _Texts:
    """The files' lines, each file read once."""

    def __init__(self) -> None:
        self._lines: dict[Path, list[str]] = {}

    def place(self, node: Node) -> Place:
        """Return where a row stands."""
        return Place(_label(node.file), node.line, self._row(node.file, node.line))

    def _row(self, file: Path, line: int) -> str:
        """Return the row that begins on a line: that line, and those below it that stand further to the right."""
        if file not in self._lines:
            try:
                self._lines[file] = file.read_text(encoding="utf-8").splitlines()
            except (OSError, ValueError):  # moved away since it was parsed
                self._lines[file] = []
        lines = self._lines[file][line - 1 :]
        if not lines:
            return ""
        depth = _depth(lines[0])
        end = 1
        while end < len(lines) and (not lines[end].strip() or _depth(lines[end]) > depth):
            end += 1
        row = textwrap.dedent("\n".join(lines[:end])).rstrip().splitlines()
        return "\n".join(row if len(row) <= _MOST_LINES else [*row[:_MOST_LINES], "…"])


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
