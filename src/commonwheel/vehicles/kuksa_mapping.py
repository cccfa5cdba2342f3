"""KUKSA's mapping files, read: VSS JSON or an overlay, whose leaves carry dbc2vss, dbc or vss2dbc.

The file is walked as KUKSA's CAN provider walks it: nodes of type sensor, actuator or attribute are
signals, branches add their name to the path, anything else is looked through. What makes the provider
stop is a fault here; all of them are raised at once, each with its line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from commonwheel.catalog.leaf import SCALAR_DATATYPES, Kind
from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.kuksa_expressions import Formula, FormulaError, InexpressibleError, parse
from commonwheel.vehicles.yamltree import Node, Reader, load_tree, suggest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonwheel.vehicles.yamltree import Scalar

__all__ = ["YAML_WORDS", "Entry", "Link", "read_mapping"]

LINKS = ("dbc2vss", "dbc", "vss2dbc")
LINK_KEYS = ("signal", "transform", "interval_ms", "on_change", "multiplexer")
YAML_WORDS = {"yes": True, "on": True, "no": False, "off": False}
"""Bare words that vss-tools reads as booleans, as YAML 1.1 has it."""
_KINDS = {kind.value: kind for kind in Kind}
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_EXPONENT = re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+")


@dataclass(frozen=True, slots=True)
class Link:
    """One direction of a mapping: a DBC signal and what lies between it and the VSS signal."""

    node: Node
    signal: str
    """Bare name, without its message."""
    math: Formula | None = None
    formula: str = ""
    """The text of ``math``, or of a formula that cannot be expressed."""
    inexpressible: str = ""
    """Why the formula cannot be an expression here; '' when it can."""
    mapping: tuple[tuple[Scalar, Scalar, Node], ...] | None = None
    """(from, to, where it stands), in the file's order."""
    filters: tuple[tuple[str, int], ...] = ()
    """Signals of the same message and the values they must have ('multiplexer')."""
    delivery: str = ""
    """The delivery options that the file states, such as 'interval_ms 100'."""
    ignored: tuple[str, ...] = ()
    """Keys that mean nothing to KUKSA here."""
    in_yaml: bool = False
    """Whether the file is YAML, where a word such as On may be meant as a boolean."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A VSS signal with a mapping."""

    path: str
    node: Node
    kind: Kind
    datatype: str
    unit: str | None
    """As the file states it; None where it states none."""
    read: Link | None
    """dbc2vss or dbc."""
    write: Link | None
    """vss2dbc."""


@dataclass(slots=True)
class _Walk:
    reader: Reader = field(default_factory=Reader)
    signals: int = 0


def read_mapping(path: Path) -> tuple[tuple[Entry, ...], list[Fault]]:
    """Read a mapping file; returns its entries and the faults that concern single entries.

    Raises:
        DescriptionError: the file cannot be read, or is no VSS tree with a mapping.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DescriptionError([Fault(path, 0, f"cannot be read: {error.strerror or error}")]) from error
    data = data.removeprefix(b"\xef\xbb\xbf")
    is_json = data.lstrip()[:1] == b"{" or path.suffix.lower() == ".json"
    tree = _load(path, data, is_json=is_json)
    walk = _Walk()
    if not isinstance(tree.value, dict):
        raise DescriptionError([Fault(path, 1, f"not a VSS tree: the file holds {tree.describe()}, not branches")])
    entries = tuple(_nodes(tree, "", walk))
    if not is_json:
        entries = tuple(replace(entry, read=_in_yaml(entry.read), write=_in_yaml(entry.write)) for entry in entries)
    if not entries and not walk.reader.faults:
        what = (
            f"none of its {walk.signals} signals has 'dbc2vss', 'dbc' or 'vss2dbc': this is VSS without a mapping"
            if walk.signals
            else "not a VSS tree: there is no node of type sensor, actuator or attribute in it"
        )
        raise DescriptionError([Fault(path, 1, what)])
    return entries, walk.reader.faults


def _in_yaml(link: Link | None) -> Link | None:
    return None if link is None else replace(link, in_yaml=True)


def _load(path: Path, data: bytes, *, is_json: bool) -> Node:
    """Parse JSON or YAML with line numbers."""
    if not any(line.strip() and not line.lstrip().startswith(b"#") for line in data.splitlines()):
        raise DescriptionError([Fault(path, 1, "the file is empty")])
    if is_json:
        try:
            json.loads(data)
        except json.JSONDecodeError as error:
            raise DescriptionError([Fault(path, error.lineno, f"not JSON: {error.msg}")]) from error
        except (UnicodeDecodeError, RecursionError) as error:
            raise DescriptionError([Fault(path, 1, f"not JSON: {error}")]) from error
        # JSON is YAML but for tabs between values and characters written as surrogate pairs.
        text = data.decode(json.detect_encoding(data)).replace("\t", " ")
        text = _SURROGATES.sub(lambda m: bytes.fromhex(m[1] + m[2]).decode("utf-16-be"), text)
        data = text.encode()
    return load_tree(path, data)


def _nodes(node: Node, prefix: str, walk: _Walk) -> Iterator[Entry]:
    for name, child in node.entries.items():
        if not isinstance(child.value, dict):
            continue
        kind = child.entries.get("type")
        word = kind.value if kind is not None else None
        path = f"{prefix}{name}"
        if isinstance(word, str) and word in _KINDS:
            walk.signals += 1
            if any(key in child.entries for key in LINKS):
                yield _entry(path, child, _KINDS[word], walk.reader)
        elif word == "branch":
            children = child.entries.get("children")
            if children is not None:
                yield from _nodes(children, path + ".", walk)
        elif any(key in child.entries for key in LINKS):
            hint = suggest(word, _KINDS) if word is not None else ""
            what = f"unknown type '{word}'{hint}" if word is not None else "no 'type'"
            walk.reader.fault(child, f"{path} has a mapping but {what} (sensor, actuator or attribute)")
        else:
            yield from _nodes(child, prefix, walk)


def _entry(path: str, node: Node, kind: Kind, reader: Reader) -> Entry:
    fields = node.entries
    datatype = reader.text(fields.get("datatype"), f"'datatype' of {path}")
    if "datatype" not in fields:
        reader.fault(node, f"{path} has no 'datatype'")
    elif datatype and datatype.removesuffix("[]") not in SCALAR_DATATYPES:
        reader.fault(fields["datatype"], f"{path}: unknown datatype '{datatype}'{suggest(datatype, SCALAR_DATATYPES)}")
    unit = reader.text(fields["unit"], f"'unit' of {path}") if "unit" in fields else None
    if "dbc" in fields and "dbc2vss" in fields:
        reader.fault(fields["dbc"], f"{path} has both 'dbc' and 'dbc2vss', which mean the same; keep one")
    read = fields.get("dbc2vss", fields.get("dbc"))
    write = fields.get("vss2dbc")
    if write is not None and kind is not Kind.ACTUATOR:
        reader.fault(write, f"{path} is a {kind.value}; 'vss2dbc' is for actuators, which alone have a target value")
        write = None
    return Entry(
        path,
        node,
        kind,
        datatype,
        unit,
        None if read is None else _link(path, read, reader, reading=True),
        None if write is None else _link(path, write, reader, reading=False),
    )


def _link(path: str, node: Node, reader: Reader, *, reading: bool) -> Link | None:
    """Read one direction; None when there is a fault in it."""
    before = len(reader.faults)
    top = reader.mapping(node, f"the mapping of {path}")
    signal = reader.text(top.get("signal"), f"'signal' of {path}")
    if isinstance(node.value, dict) and not signal and len(reader.faults) == before:
        reader.fault(node, f"the mapping of {path} has no 'signal': the DBC signal's name")
    math, formula, why, mapping = _transform(path, top.get("transform"), reader)
    filters = _filters(path, top.get("multiplexer"), reader) if reading else ()
    delivery = _delivery(path, top, reader)
    unused = [key for key in top if key not in LINK_KEYS or (key == "multiplexer" and not reading)]
    if not reading:
        unused += [key for key in ("interval_ms", "on_change") if key in top]
    if len(reader.faults) > before:
        return None
    return Link(node, signal, math, formula, why, mapping, filters, delivery if reading else "", tuple(unused))


def _delivery(path: str, top: dict[str, Node], reader: Reader) -> str:
    stated: list[str] = []
    if "interval_ms" in top:
        interval = reader.whole(top["interval_ms"], f"'interval_ms' of {path}", 0)
        stated.append(f"interval_ms {interval}")
        if interval < 0:
            reader.fault(top["interval_ms"], f"'interval_ms' of {path} cannot be negative")
    if "on_change" in top:
        on_change = reader.boolean(top["on_change"], f"'on_change' of {path}")
        stated.append(f"on_change {'true' if on_change else 'false'}")
    return ", ".join(stated)


_Transform = tuple["Formula | None", str, str, "tuple[tuple[Scalar, Scalar, Node], ...] | None"]


def _transform(path: str, node: Node | None, reader: Reader) -> _Transform:
    """Return (math, its text, why it cannot be expressed, mapping); at most one of math and mapping."""
    nothing: _Transform = (None, "", "", None)
    if node is None:
        return nothing
    if not isinstance(node.value, dict):
        reader.fault(node, f"'transform' of {path} is a mapping with 'math' or 'mapping', not {node.describe()}")
        return nothing
    entries = node.entries
    for key in entries:
        if key not in {"math", "mapping"}:
            reader.fault(entries[key], f"'{key}' is not known in 'transform' of {path}; known are math, mapping")
    if ("math" in entries) == ("mapping" in entries):
        what = "both 'math' and 'mapping'" if "math" in entries else "neither 'math' nor 'mapping'"
        reader.fault(node, f"'transform' of {path} has {what}; it takes one of them")
        return nothing
    if "mapping" in entries:
        return None, "", "", _pairs(path, entries["mapping"], reader)
    return _math(path, entries["math"], reader)


def _math(path: str, node: Node, reader: Reader) -> _Transform:
    text = node.value
    if not isinstance(text, str):
        reader.fault(node, f"'math' of {path} is a formula in quotes, not {node.describe()}")
        return None, "", "", None
    try:
        return parse(text), text, "", None
    except InexpressibleError as error:
        return None, text, str(error), None
    except FormulaError as error:
        reader.fault(node, f"'math' of {path}: {error}")
        return None, "", "", None


def _pairs(path: str, node: Node, reader: Reader) -> tuple[tuple[Scalar, Scalar, Node], ...]:
    if not isinstance(node.value, list):
        reader.fault(node, f"'mapping' of {path} is a list of from/to pairs, not {node.describe()}")
        return ()
    pairs: list[tuple[Scalar, Scalar, Node]] = []
    for item in node.value:
        entries = reader.mapping(item, f"an item of 'mapping' of {path}", ("from", "to"))
        missing = [key for key in ("from", "to") if key not in item.entries]
        if missing and isinstance(item.value, dict):
            reader.fault(item, f"an item of 'mapping' of {path} has no '{missing[0]}'")
        values = [entries[key].value for key in ("from", "to") if key in entries]
        if any(isinstance(value, dict | list) or value is None for value in values):
            reader.fault(item, f"'from' and 'to' of {path} are plain values")
        elif len(values) == 2:  # noqa: PLR2004 - from and to
            first, second = (_number(value) for value in values if not isinstance(value, dict | list))
            pairs.append((first, second, item))
    return tuple(pairs)


def _number(value: Scalar) -> Scalar:
    """Return a number for a text such as 1e-05, which JSON takes for one and YAML 1.1 does not."""
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


def _filters(path: str, node: Node | None, reader: Reader) -> tuple[tuple[str, int], ...]:
    if node is None:
        return ()
    if not isinstance(node.value, list):
        reader.fault(node, f"'multiplexer' of {path} is a list of signal/value pairs, not {node.describe()}")
        return ()
    filters: list[tuple[str, int]] = []
    for item in node.value:
        entries = reader.mapping(item, f"an item of 'multiplexer' of {path}", ("signal", "value"))
        for key in ("signal", "value"):
            if isinstance(item.value, dict) and key not in item.entries:
                reader.fault(item, f"an item of 'multiplexer' of {path} has no '{key}'")
        if "signal" in entries and "value" in entries:
            name = reader.text(entries["signal"], f"'signal' of the multiplexer of {path}")
            filters.append((name, reader.whole(entries["value"], f"'value' of the multiplexer of {path}", 0)))
    return tuple(filters)
