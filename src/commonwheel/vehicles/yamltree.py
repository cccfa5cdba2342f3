"""YAML with line numbers: what a description file says, and where it says it.

``load_tree`` turns a file into ``Node`` objects; a ``Reader`` takes values out of them and notes every
fault instead of stopping at the first.
"""

from __future__ import annotations

import difflib
import math
import re
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


def load_tree(path: Path, data: bytes, faults: list[Fault] | None = None) -> Node:
    """Parse a YAML file.

    Args:
        path: the file's name, for messages.
        data: its content.
        faults: where faults that leave the rest readable (a key stated twice) are added; None raises them.

    Raises:
        DescriptionError: not YAML, or more than one document.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DescriptionError([Fault(path, line, "not UTF-8 text; save the file as UTF-8")]) from error
    found: list[Fault] = []
    try:
        _check_depth(path, text)
        loader = _LOADER(text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise DescriptionError([Fault(path, 1, "the file is empty; a description begins with 'format: 1'")])
            tree = _Converter(path, loader, found).convert(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DescriptionError([Fault(path, mark.line + 1 if mark else 1, f"not YAML: {error.problem}")]) from error
    except yaml.YAMLError as error:
        raise DescriptionError([Fault(path, 1, f"not YAML: {str(error).splitlines()[0]}")]) from error
    if found and faults is None:
        raise DescriptionError(found)
    if faults is not None:
        faults += found
    return tree


_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_NESTED = 30
_MOST_NODES = 200_000
"""Aliases count as often as they are used: a few of them can stand for billions of values."""


def _check_depth(path: Path, text: str) -> None:
    """Refuse deep nesting before the nodes are composed, which is recursive, in C."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):  # pyright: ignore[reportUnknownMemberType]
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MOST_NESTED:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise DescriptionError([Fault(path, line, f"nested deeper than {_MOST_NESTED} levels")])


class _Converter:
    """Turns the nodes of PyYAML into ours."""

    def __init__(self, path: Path, loader: yaml.SafeLoader, faults: list[Fault]) -> None:
        self._path = path
        self._loader = loader
        self._faults = faults
        self._left = _MOST_NODES

    def convert(self, node: yaml.Node, depth: int = 0) -> Node:
        """Return a node with everything in it."""
        line = node.start_mark.line + 1
        self._left -= 1
        if depth > _MOST_NESTED or self._left < 0:  # only an alias gets here
            raise DescriptionError([Fault(self._path, line, "the aliases here stand for too many values")])
        if isinstance(node, yaml.MappingNode):
            return Node(self._entries(node, depth), self._path, line)
        if isinstance(node, yaml.SequenceNode):
            items = [self.convert(item, depth + 1) for item in cast("list[yaml.Node]", node.value)]
            return Node(items, self._path, line)
        return Node(self._scalar(node), self._path, line)

    def _entries(self, node: yaml.MappingNode, depth: int) -> dict[Key, Node]:
        entries: dict[Key, Node] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            line = key_node.start_mark.line + 1
            key = self._key(key_node)
            value = self.convert(value_node, depth + 1)
            if key is None:
                continue
            if key in entries:
                self._fault(line, f"'{key}' is stated twice (first in line {entries[key].line})")
            entries[key] = Node(value.value, self._path, line)
        return entries

    def _key(self, node: yaml.Node) -> Key | None:
        line = node.start_mark.line + 1
        if node.tag == "tag:yaml.org,2002:merge":
            self._fault(line, "'<<' does not merge here; state the keys, or use 'extends'")
            return None
        found = len(self._faults)
        key = self._scalar(node)
        if key is None and len(self._faults) == found:
            self._fault(line, "a key is missing in front of the colon")
        return key

    def _scalar(self, node: yaml.Node) -> Scalar:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            # As YAML 1.2: only true and false are booleans; On, Off, Yes and No are names that cars use.
            is_word = node.tag.endswith(":bool") and node.value.lower() not in {"true", "false"}
            if not node.style and _POWER.fullmatch(node.value):  # YAML 1.1 takes 1e-3 for text
                return float(node.value)
            if is_word or node.tag in _TEXTS:
                return str(node.value)
            if node.tag in _PLAIN:
                try:
                    value: object = self._loader.construct_object(node)  # pyright: ignore[reportUnknownMemberType]
                except (ValueError, OverflowError) as error:
                    self._fault(line, f"'{node.value[:SHOWN]}' cannot be read: {error}")
                    return None
                return cast("Scalar", value)
        self._fault(line, "a plain value (text, number, boolean) is expected here")
        return None

    def _fault(self, line: int, message: str) -> None:
        self._faults.append(Fault(self._path, line, message))


_POWER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d{1,3}", re.ASCII)
_TEXTS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:timestamp"}
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float")}
SHOWN = 40


def suggest(name: object, known: Iterable[object]) -> str:
    """Return ' (did you mean …?)' for the nearest known name, or nothing."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


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
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else _float(value)
        if not math.isfinite(number):
            self.fault(node, f"{what} is a number, not {node.describe() if not isinstance(value, float) else value}")
            return default
        return number

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
