"""Rows of a description, read from YAML into records; what they refer to is looked up later.

The language itself is described in ``docs/description-language.md``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from commonwheel.vehicles.yamltree import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commonwheel.vehicles.yamltree import Key, Reader, Scalar

__all__ = ["ComputeRow", "FieldRow", "FirstRow", "Row", "TextRow", "expand_instances", "parse_ranges", "parse_row"]

FIELD_KEYS = (
    "from",
    "unit",
    "scale",
    "offset",
    "invalid",
    "range",
    "values",
    "otherwise",
    "when",
    "valid_if",
    "select",
    "evidence",
    "note",
)
COMPUTE_KEYS = ("compute", "with", "back", "range", "evidence", "note")
FIRST_KEYS = ("first_of", "evidence", "note")
TEXT_KEYS = ("text", "select", "parts", "evidence", "note")
SOURCES = ("from", "compute", "first_of", "text")
INSTANCES = re.compile(r"\{([^{}]*)\}")
MOST_INSTANCES = 256

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class FieldRow:
    """``from``: one field of one message."""

    node: Node
    source: str
    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    invalid: Ranges = ()
    limits: tuple[float, float] | None = None
    values: dict[Key, Node] | None = None
    otherwise: Scalar = None
    when: dict[str, Ranges] = field(default_factory=dict[str, Ranges])
    valid_if: dict[str, Ranges] = field(default_factory=dict[str, Ranges])
    evidence: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ComputeRow:
    """``compute``: an expression over several inputs, each a row or a path of its own."""

    node: Node
    expression: str
    inputs: dict[str, FieldRow]
    back: dict[str, str]
    limits: tuple[float, float] | None = None
    evidence: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class FirstRow:
    """``first_of``: several sources in order of preference."""

    node: Node
    sources: tuple[FieldRow, ...]
    evidence: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class TextRow:
    """``text``: characters in one field, in several frames."""

    node: Node
    source: str
    select: str
    parts: tuple[int, ...]
    evidence: str = ""
    note: str = ""


Row = FieldRow | ComputeRow | FirstRow | TextRow


def parse_row(node: Node, reader: Reader) -> Row | None:
    """Read one row of ``signals``; None when it cannot be told what it is."""
    if isinstance(node.value, str):
        return FieldRow(node, node.value)
    if not isinstance(node.value, dict):
        reader.fault(node, f"a row is a reference (bus/Message.Signal) or a mapping, not {node.describe()}")
        return None
    found = [key for key in SOURCES if key in node.value]
    if len(found) != 1:
        listed = ", ".join(f"'{key}'" for key in SOURCES)
        reader.fault(node, f"a row has exactly one of {listed}; this one has {len(found)}")
        return None
    parse: Callable[[Node, Reader], Row] = {
        "from": _field_row,
        "compute": _compute_row,
        "first_of": _first_row,
        "text": _text_row,
    }[found[0]]
    return parse(node, reader)


def _field_row(node: Node, reader: Reader) -> FieldRow:
    top = reader.mapping(node, "this row", FIELD_KEYS)
    row = FieldRow(
        node,
        reader.text(top.get("from"), "'from'"),
        unit=reader.text(top["unit"], "'unit'") if "unit" in top else None,
        scale=reader.number(top.get("scale"), "'scale'", 1.0),
        offset=reader.number(top.get("offset"), "'offset'", 0.0),
        invalid=parse_ranges(top["invalid"], "'invalid'", reader) if "invalid" in top else (),
        limits=_limits(top.get("range"), reader),
        values=dict(_entries(top["values"], reader)) if "values" in top else None,
        otherwise=_plain(top["otherwise"], reader) if "otherwise" in top else None,
        when=_conditions(top.get("when"), "'when'", reader),
        valid_if=_conditions(top.get("valid_if"), "'valid_if'", reader),
        **_remarks(top, reader),
    )
    if row.scale == 0:
        reader.fault(top["scale"], "'scale' cannot be zero")
        row = replace(row, scale=1.0)
    if row.values is None and "otherwise" in top:
        reader.fault(top["otherwise"], "'otherwise' belongs to 'values', which this row lacks")
    if row.values is not None:
        for key in ("scale", "offset", "range"):
            if key in top:
                reader.fault(top[key], f"'{key}' has no effect beside 'values', which state the standard's codes")
    if "select" in top:
        reader.fault(top["select"], "'select' belongs to a path with instances, such as Cell{1..4}; use 'when' here")
    return row


def _first_row(node: Node, reader: Reader) -> FirstRow:
    top = reader.mapping(node, "this row", FIRST_KEYS)
    rows = [_input(item, reader) for item in reader.items(top["first_of"], "'first_of'")]
    return FirstRow(node, tuple(row for row in rows if row), **_remarks(top, reader))


def _compute_row(node: Node, reader: Reader) -> ComputeRow:
    top = reader.mapping(node, "this row", COMPUTE_KEYS)
    inputs: dict[str, FieldRow] = {}
    if "with" not in top:
        reader.fault(node, "'compute' needs 'with': a mapping of the expression's names to their sources")
    else:
        for name, item in reader.mapping(top["with"], "'with'").items():
            row = _input(item, reader)
            if row:
                inputs[name] = row
            if not name.isidentifier():
                reader.fault(item, f"'{name}' cannot be a name in an expression")
    back = reader.mapping(top["back"], "'back'", inputs) if "back" in top else {}
    texts = {name: str(item.value) for name, item in back.items()}
    expression = top["compute"]
    if isinstance(expression.value, int | float):
        reader.fault(expression, "a constant is an attribute, not a computed signal")
    elif not isinstance(expression.value, str):
        reader.fault(expression, f"'compute' is an expression, not {expression.describe()}")
    return ComputeRow(
        node,
        expression.value if isinstance(expression.value, str) else "0",
        inputs,
        texts,
        _limits(top.get("range"), reader),
        **_remarks(top, reader),
    )


def _text_row(node: Node, reader: Reader) -> TextRow:
    top = reader.mapping(node, "this row", TEXT_KEYS)
    parts = (
        [reader.whole(item, "a part", 0) for item in reader.items(top["parts"], "'parts'")] if "parts" in top else []
    )
    if ("select" in top) != ("parts" in top):
        reader.fault(node, "'select' and 'parts' go together: the field that counts the parts, and its values in order")
    select = reader.text(top.get("select"), "'select'")
    return TextRow(node, reader.text(top["text"], "'text'"), select, tuple(parts), **_remarks(top, reader))


def _input(node: Node, reader: Reader) -> FieldRow | None:
    row = parse_row(node, reader)
    if row is None or isinstance(row, FieldRow):
        return row
    reader.fault(node, "an input is a reference or a 'from' row; give this one a row of its own")
    return None


def _remarks(top: dict[str, Node], reader: Reader) -> dict[str, str]:
    return {key: reader.text(top.get(key), f"'{key}'") for key in ("evidence", "note")}


def _limits(node: Node | None, reader: Reader) -> tuple[float, float] | None:
    if node is None:
        return None
    items = node.value if isinstance(node.value, list) else []
    if len(items) != 2:  # noqa: PLR2004 - a low and a high end
        reader.fault(node, "'range' is [low, high] in the standard's unit")
        return None
    low, high = (reader.number(item, "an end of 'range'", 0.0) for item in items)
    if low > high:
        reader.fault(node, f"'range' is [low, high], and {low:g} is more than {high:g}")
        return None
    return low, high


def _entries(node: Node, reader: Reader) -> dict[Key, Node]:
    if isinstance(node.value, dict):
        return node.value
    reader.fault(node, "'values' is a mapping of raw codes to the standard's values")
    return {}


def _plain(node: Node, reader: Reader) -> Scalar:
    if isinstance(node.value, dict | list):
        reader.fault(node, "a plain value is expected here")
        return None
    return node.value


def _conditions(node: Node | None, what: str, reader: Reader) -> dict[str, Ranges]:
    if node is None:
        return {}
    return {name: parse_ranges(item, what, reader) for name, item in reader.mapping(node, what).items()}


def parse_ranges(node: Node, what: str, reader: Reader) -> Ranges:
    """Read raw codes: numbers and 'low..high' texts, one or a list; as inclusive ranges."""
    ranges: list[tuple[int, int]] = []
    for item in reader.items(node, what):
        parsed = parse_range(item.value)
        if parsed is None:
            reader.fault(item, f"{what} takes raw codes such as 255, 0xFF or '0xF0..0xFF', not '{item.value}'")
        else:
            ranges.append(parsed)
    return tuple(ranges)


def parse_range(value: object) -> tuple[int, int] | None:
    """Read one raw code or 'low..high'; None when it is neither."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    low, dots, high = str(value).partition("..")
    try:
        first = int(low, 0)
        last = int(high, 0) if dots else first
    except ValueError:
        return None
    return (first, last) if first <= last else None


def expand_instances(path: str, node: Node, reader: Reader) -> Iterator[tuple[str, Node]]:
    """Yield a row once per instance of the pattern in its path; a path without one yields itself."""
    match = INSTANCES.search(path)
    if match is None:
        yield path, node
        return
    instances = _instances(match.group(1))
    if not instances or INSTANCES.search(path, match.end()):
        reader.fault(node, f"'{path}' holds no single pattern such as {{1..12}} or {{0: Left, 1: Right}}")
        return
    for raw, label in instances:
        instance = _instance(node, raw, label, reader)
        if instance is None:
            return
        yield path[: match.start()] + label + path[match.end() :], instance


def _instance(node: Node, raw: int, label: str, reader: Reader) -> Node | None:
    """Return a row for one instance: picked by the raw value of 'select', or named in the reference."""
    entries: dict[Key, Node] = dict(node.entries) or {"from": node}
    source = entries.get("from")
    if source is None or not isinstance(source.value, str):
        reader.fault(node, "only a 'from' row can have instances")
        return None
    if "select" in entries:
        selector = entries.pop("select")
        when: dict[Key, Node] = dict(entries["when"].entries) if "when" in entries else {}
        when[reader.text(selector, "'select'")] = Node(raw, selector.file, selector.line)
        entries["when"] = Node(when, selector.file, selector.line)
    elif "{}" in source.value:
        entries["from"] = Node(source.value.replace("{}", label), source.file, source.line)
    else:
        reader.fault(node, "the instances differ in nothing: 'select' a field, or put '{}' into the reference")
        return None
    return Node(entries, node.file, node.line)


def _instances(text: str) -> list[tuple[int, str]]:
    if ":" not in text:
        span = parse_range(text.strip())
        if span is None or span[1] - span[0] >= MOST_INSTANCES:
            return []
        return [(i, str(i)) for i in range(span[0], span[1] + 1)]
    result: list[tuple[int, str]] = []
    for part in text.split(","):
        raw, _, label = part.partition(":")
        try:
            result.append((int(raw.strip(), 0), label.strip()))
        except ValueError:
            return []
    return result if all(label for _, label in result) else []
