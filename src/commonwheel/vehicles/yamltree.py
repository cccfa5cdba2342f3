"""YAML with line numbers: what a description file says, and where it says it.

``load_tree`` turns a file into ``Node`` objects; a ``Reader`` takes values out of them and notes every
fault instead of stopping at the first.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import yaml

from commonwheel.errors import DescriptionError, Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Key", "Node", "Reader", "Scalar", "load_tree", "suggest"]

type_names = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "a boolean",
}

Scalar = str | int | float | bool | None
Key = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands: a mapping of nodes, a list of nodes, or a scalar."""

    value: dict[Key, Node] | list[Node] | Scalar
    file: Path
    line: int
    """Line of the value's key where it has one, else of the value itself; from 1."""

    @property
    def entries(self) -> Mapping[Key, Node]:
        """The mapping's entries; none when this is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    def describe(self) -> str:
        """Return what kind of value this is, for a message."""
        return "nothing" if self.value is None else type_names[type(self.value)]


def load_tree(path: Path, data: bytes) -> Node:
    """Parse a YAML file.

    Raises:
        DescriptionError: not YAML, more than one document, or a key stated twice.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DescriptionError([Fault(path, line, "not UTF-8 text; save the file as UTF-8")]) from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise DescriptionError([Fault(path, 1, "the file is empty; a description begins with 'format: 1'")])
        faults: list[Fault] = []
        tree = _convert(root, path, loader, faults, depth=0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DescriptionError([Fault(path, mark.line + 1 if mark else 1, f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DescriptionError([Fault(path, 1, f"not YAML: {str(error).splitlines()[0]}")]) from error
    finally:
        loader.dispose()
    if faults:
        raise DescriptionError(faults)
    return tree


_MOST_NESTED = 30


def _convert(node: yaml.Node, path: Path, loader: yaml.SafeLoader, faults: list[Fault], depth: int) -> Node:
    line = node.start_mark.line + 1
    if depth > _MOST_NESTED:
        faults.append(Fault(path, line, "nested too deep"))
        return Node(None, path, line)
    if isinstance(node, yaml.MappingNode):
        entries: dict[Key, Node] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            at = key_node.start_mark.line + 1
            key = _scalar(key_node, path, loader, faults)
            if key is None:
                continue
            if key in entries:
                faults.append(Fault(path, at, f"'{key}' is stated twice (first in line {entries[key].line})"))
            value = _convert(value_node, path, loader, faults, depth + 1)
            entries[key] = Node(value.value, path, at)
        return Node(entries, path, line)
    if isinstance(node, yaml.SequenceNode):
        items = [_convert(item, path, loader, faults, depth + 1) for item in cast("list[yaml.Node]", node.value)]
        return Node(items, path, line)
    return Node(_scalar(node, path, loader, faults), path, line)


def _scalar(node: yaml.Node, path: Path, loader: yaml.SafeLoader, faults: list[Fault]) -> Scalar:
    if isinstance(node, yaml.ScalarNode):
        # As YAML 1.2: only true and false are booleans; On, Off, Yes and No are names that cars use.
        is_word = node.tag.endswith(":bool") and node.value.lower() not in {"true", "false"}
        if is_word or node.tag in {"tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"}:
            return str(node.value)
        if node.tag.startswith("tag:yaml.org,2002:"):
            try:
                value = loader.construct_object(node)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            except (ValueError, OverflowError) as error:
                faults.append(Fault(path, node.start_mark.line + 1, f"'{node.value}' cannot be read: {error}"))
                return None
            if isinstance(value, str | int | float | bool) or value is None:
                return value
    faults.append(Fault(path, node.start_mark.line + 1, "a plain value (text, number, boolean) is expected here"))
    return None


def suggest(name: object, known: Iterable[object]) -> str:
    """Return ' (did you mean …?)' for the nearest known name, or nothing."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


@dataclass(slots=True)
class Reader:
    """Takes typed values out of nodes; a wrong one becomes a fault and its default."""

    faults: list[Fault] = field(default_factory=list[Fault])

    def fault(self, node: Node, message: str) -> None:
        """Note a fault at the node's place."""
        self.faults.append(Fault(node.file, node.line, message))

    def mapping(self, node: Node, what: str, known: Iterable[str] | None = None) -> dict[str, Node]:
        """Return a mapping with text keys; keys that are not *known* are faults."""
        if not isinstance(node.value, dict):
            self.fault(node, f"{what} is a mapping, not {node.describe()}")
            return {}
        result: dict[str, Node] = {}
        names = None if known is None else list(known)
        for key, value in node.value.items():
            if names is not None and key not in names:
                self.fault(value, f"'{key}' is not known in {what}{suggest(key, names)}; known are {', '.join(names)}")
                continue
            result[str(key)] = value
        return result

    def items(self, node: Node, what: str) -> list[Node]:
        """Return a list; a single value counts as a list of one."""
        if isinstance(node.value, list):
            return node.value
        if isinstance(node.value, dict) or node.value is None:
            self.fault(node, f"{what} is a list, not {node.describe()}")
            return []
        return [node]

    def text(self, node: Node | None, what: str, default: str = "") -> str:
        """Return a text."""
        if node is None:
            return default
        if not isinstance(node.value, str):
            self.fault(node, f"{what} is text, not {node.describe()}")
            return default
        return node.value

    def number(self, node: Node | None, what: str, default: float) -> float:
        """Return a finite number."""
        if node is None:
            return default
        value = node.value
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or value != value
            or abs(value) == float("inf")
        ):  # noqa: PLR0124 - NaN
            self.fault(node, f"{what} is a number, not {node.describe() if not isinstance(value, float) else value}")
            return default
        return float(value)

    def whole(self, node: Node | None, what: str, default: int) -> int:
        """Return a whole number."""
        if node is None:
            return default
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            self.fault(node, f"{what} is a whole number, not {node.describe()}")
            return default
        return node.value

    def boolean(self, node: Node | None, what: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        if node is None:
            return default
        if not isinstance(node.value, bool):
            self.fault(node, f"{what} is true or false, not {node.describe()}")
            return default
        return node.value

    def duration_ns(self, node: Node | None, what: str, default: int) -> int:
        """Return a duration such as '100 ms' in nanoseconds."""
        if node is None:
            return default
        text = node.value
        if isinstance(text, str):
            number, _, unit = text.strip().partition(" ")
            factor = {"us": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9}.get(unit.strip())
            try:
                value = float(number)
            except ValueError:
                value = -1.0
            if factor and 0 < value * factor < 1e15:  # noqa: PLR2004 - eleven days
                return round(value * factor)
        self.fault(node, f"{what} is a duration such as '100 ms' or '2 s', not '{text}'")
        return default
