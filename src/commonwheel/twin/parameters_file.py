"""``twin.yaml``: the parameters of a car's physics, beside its description.

A car's file says only what its parents (the description's ``extends``) do not: sections are merged key by key, parents
first, then the car's own, then its variant's; ``null`` takes a value or a section away. Every section that a file
states says where its values are from, with ``source:``, for all of them or beside one:
``{value: 1493 kg, source: ...}``.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from commonwheel.errors import DescriptionError, Fault
from commonwheel.twin.parameters import Parameters
from commonwheel.twin.schema import fields_of, read_section
from commonwheel.vehicles.description import SHIPPED, read_description
from commonwheel.vehicles.yamltree import Node, Reader, load_tree, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FILE", "has_parameters", "load_parameters"]

FILE = "twin.yaml"
FORMAT = 1
_NOTES = ("source", "note")
REPLACED = ("road_load",)
"""Sections that a child replaces whole: measured coefficients are not mixed with computed ones."""


def _sections() -> Mapping[str, type[msgspec.Struct]]:
    """Return the sections that a file can have, by key: the fields of ``Parameters`` that are structs."""
    found: dict[str, type[msgspec.Struct]] = {}
    for name, hint in typing.get_type_hints(Parameters).items():
        members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        for member in members:
            if isinstance(member, type) and issubclass(member, msgspec.Struct):
                found[name] = member
    return types.MappingProxyType(found)


SECTIONS = _sections()
GROUPS = types.MappingProxyType(
    {
        "actuation": (
            "harness", "steering_torque", "steering_angle", "braking", "gas", "acceleration", "buttons",
            "remote_climate", "charge_command",
        ),
        "stock": ("cruise", "column"),
    }
)  # fmt: skip
"""Sections that a file has together under one key."""
_KEYS = (*(key for key in SECTIONS if not any(key in group for group in GROUPS.values())), *GROUPS)


@dataclass(slots=True)
class _Stated:
    """What the files read so far say of one section."""

    where: Node
    values: dict[str, Node] = field(default_factory=dict[str, Node])
    sources: dict[str, str] = field(default_factory=dict[str, str])


def load_parameters(name: str | Path, folders: tuple[Path, ...] = (SHIPPED,)) -> Parameters:
    """Return the physical parameters of a car.

    Args:
        name: 'maker/car', 'maker/car:variant', or a folder with a description and a ``twin.yaml``.
        folders: where 'maker/car' is looked for.

    Raises:
        DescriptionError: there is no such car, nothing is known of its physics, or the files have faults.
    """
    described = read_description(name, folders)
    reader = Reader()
    stated: dict[str, _Stated] = {}
    last: Node | None = None
    for path, variant in described.chosen.items():
        beside = path.parent / FILE
        if not beside.is_file():
            continue
        variants = described.variants if path == described.path else None
        last = _take_file(beside, stated, reader, variant, variants)
    if last is None:
        place = described.path.parent / FILE
        message = "nothing is known of this car's physics; state it in this file, as docs/car-physics.md shows"
        raise DescriptionError([*reader.faults, Fault(place, 0, message)])
    return _built(described.name, stated, last, reader)


def has_parameters(name: str | Path, folders: tuple[Path, ...] = (SHIPPED,)) -> bool:
    """Return whether anything is stated of a car's physics; names as ``load_parameters`` takes them.

    Raises:
        DescriptionError: there is no such car.
    """
    return any((path.parent / FILE).is_file() for path in read_description(name, folders).files)


def _built(name: str, stated: Mapping[str, _Stated], root: Node, reader: Reader) -> Parameters:
    made: dict[str, Any] = {}
    needed = {info.name for info in msgspec.structs.fields(Parameters) if info.required} & SECTIONS.keys()
    for key, section in SECTIONS.items():
        if key in stated:
            made[key] = read_section(section, key, stated[key].where, stated[key].values, reader)
        elif key in needed:
            reader.fault(root, f"section '{key}' is missing; every car has one")
    if reader.faults:
        raise DescriptionError(reader.faults)
    sources = {f"{key}.{value}": text for key, rows in stated.items() for value, text in rows.sources.items()}
    whole = Parameters(name=name, sources=sources, **made)
    wrong = whole.wrong()
    if wrong:
        raise DescriptionError([Fault(root.file, root.line, wrong)])
    return whole


def _take_file(
    path: Path, stated: dict[str, _Stated], reader: Reader, variant: str, variants: tuple[str, ...] | None
) -> Node:
    """Add what a file states; *variants* are those of the description beside it, None where they do not matter."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DescriptionError([Fault(path, 0, f"cannot be read: {error.strerror or error}")]) from error
    tree = load_tree(path, data, reader.faults)
    top = reader.mapping(tree, "the parameters of a car", ("format", *_KEYS, "variants"))
    if "format" not in top:
        reader.fault(tree, f"'format' is missing; this version reads 'format: {FORMAT}'")
    elif top["format"].value != FORMAT:
        reader.fault(top["format"], f"format {top['format'].value} is not known; this version reads format {FORMAT}")
    _take_sections(top, stated, reader)
    listed = reader.mapping(top["variants"], "'variants'") if "variants" in top else {}
    for name, node in listed.items():
        if variants is not None and name not in variants:
            known = ", ".join(variants) or "none"
            reader.fault(node, f"'{name}' is no variant of this car{suggest(name, variants)}; there are: {known}")
        elif node.value is not None:
            sections = reader.mapping(node, f"variant '{name}'", _KEYS)
            # The others are read for their faults' sake.
            _take_sections(sections, stated if name == variant else {}, reader)
    return tree


def _take_sections(top: Mapping[str, Node], stated: dict[str, _Stated], reader: Reader) -> None:
    found = dict(top)
    for group, keys in GROUPS.items():
        if group in top:
            node = top[group]
            given = reader.mapping(node, f"'{group}'", keys) if node.value is not None else dict.fromkeys(keys, node)
            found |= given
    for key, section in SECTIONS.items():
        if key not in found:
            continue
        node = found[key]
        if node.value is None:
            stated.pop(key, None)
            continue
        rows = reader.mapping(node, f"'{key}'", (*_NOTES, *fields_of(section)))
        if key not in stated or key in REPLACED:
            stated[key] = _Stated(node)
        stated[key].where = node
        _take_rows(rows, key, stated[key], reader)


def _take_rows(rows: dict[str, Node], section: str, into: _Stated, reader: Reader) -> None:
    """Add a section's rows, each with its source."""
    for_all = reader.text(rows.get("source"), f"'{section}: source'")
    for key, node in rows.items():
        if key in _NOTES:
            continue
        if node.value is None:
            into.values.pop(key, None)
            into.sources.pop(key, None)
            continue
        value, source = node, for_all
        if "value" in node.entries:
            parts = reader.mapping(node, f"'{section}: {key}'", ("value", *_NOTES))
            value = Node(parts["value"].value, node.file, node.line)
            source = reader.text(parts.get("source"), f"'{section}: {key}: source'") or for_all
        if not source:
            reader.fault(node, f"'{section}: {key}' needs a 'source', beside it or for the section as a whole")
        into.values[key] = value
        into.sources[key] = source
