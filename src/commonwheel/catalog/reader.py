"""Reads a signal tree exported as JSON by vss-tools, of VSS 3 to 6, into leaves and branches.

Bytes flow in, leaves and branches flow out. A tree with faults yields neither: every fault is
collected with the path of its node, and one CatalogError states them all.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import msgspec

from commonwheel.catalog.leaf import NUMERIC_DATATYPES, SCALAR_DATATYPES, Branch, Kind, Leaf
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_tree"]

_STRUCTS = "ComplexDataTypes"
"""Top-level key under which vss-tools puts struct datatypes; it is no tree of signals."""
_DEEPEST = 64
"""Levels below which a tree is taken for nonsense (VSS 6.0 has nine)."""
_MOST_FAULTS = 50
"""Faults that an error spells out; the rest is counted."""
_NAME = re.compile(r"[^\s.:*]+")
"""A level of a path, by the rules that patterns follow."""
_STRUCT_NAME = re.compile(r"\w+(?:\.\w+)+")
"""A struct datatype by its full name, which may be declared in a file of its own."""
_KINDS = {kind.value: kind for kind in Kind}
_BRANCH_KEYS = frozenset({"type", "description", "comment", "deprecation", "overlay", "children"})
_LEAF_KEYS = _BRANCH_KEYS | {
    "datatype", "unit", "min", "max", "allowed", "default", "pattern", "arraysize"
}  # fmt: skip


def read_tree(data: bytes, source: str) -> tuple[dict[str, Leaf], dict[str, Branch]]:
    """Read the JSON text of a tree; leaves and branches come back by path, in the tree's order.

    Args:
        data: the JSON text, UTF-8.
        source: what errors call the tree, usually the file's name.

    Raises:
        CatalogError: the text is not JSON, or not a tree of signals; states every fault.
    """
    try:
        roots: object = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))  # a byte order mark
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"{source}: not a JSON file ({error}); export the tree with 'vspec export json'"
        raise CatalogError(message) from error
    reader = _Reader()
    reader.read(roots)
    if reader.faults:
        raise CatalogError(_report(source, reader.faults))
    return reader.leaves, reader.branches


def _report(source: str, faults: list[str]) -> str:
    shown = [f"{source}: {fault}" for fault in faults[:_MOST_FAULTS]]
    if len(faults) > _MOST_FAULTS:
        shown.append(f"{source}: and {len(faults) - _MOST_FAULTS} more faults of this kind")
    return "\n".join(shown)


class _Reader:
    """Walks one tree and collects its leaves, its branches and its faults."""

    def __init__(self) -> None:
        self.leaves: dict[str, Leaf] = {}
        self.branches: dict[str, Branch] = {}
        self.faults: list[str] = []
        self._structs: set[str] = set()

    def read(self, roots: object) -> None:
        """Walk everything below the top level of the file."""
        if not isinstance(roots, dict):
            self.faults.append("not a tree: the top level must be an object with the root branch, such as 'Vehicle'")
            return
        nodes = cast("dict[str, object]", roots)
        self._collect_structs(nodes.get(_STRUCTS))
        trees = {name: node for name, node in nodes.items() if name != _STRUCTS}
        if not trees:
            self.faults.append("not a tree: there is no root branch, such as 'Vehicle'")
        for name, node in trees.items():
            kind = cast("dict[str, object]", node).get("type") if isinstance(node, dict) else "branch"
            if kind == "branch":
                self._node(name, name, cast("object", node), 1)
            else:
                self._fault(name, "the root must be a branch ('type': 'branch')")

    def _collect_structs(self, node: object, path: str = "", level: int = 0) -> None:
        """Note the names of the struct datatypes that the file itself declares."""
        if not isinstance(node, dict) or level > _DEEPEST:
            return
        fields = cast("dict[str, object]", node)
        if fields.get("type") == "struct":
            self._structs |= {path, path.rpartition(".")[2]}
            return
        children = fields.get("children", fields if level == 0 else None)
        if isinstance(children, dict):
            for name, child in cast("dict[str, object]", children).items():
                self._collect_structs(child, f"{path}.{name}" if path else name, level + 1)

    def _node(self, path: str, name: str, node: object, level: int) -> None:
        if not _NAME.fullmatch(name):
            parent = path.removesuffix(name).removesuffix(".") or "top level"
            self._fault(parent, f"the name {name!r} holds a space, dot, colon or asterisk, or is empty")
            return
        if not isinstance(node, dict):
            self._fault(path, f"a node must be an object, not {_kind_of(node)}")
            return
        fields = cast("dict[str, object]", node)
        kind = fields.get("type")
        if kind == "branch":
            self._branch(path, fields, level)
        elif isinstance(kind, str) and kind in _KINDS:
            self._leaf(path, _KINDS[kind], fields)
        elif "type" not in fields:
            self._fault(path, "has no 'type' (branch, sensor, actuator or attribute)")
        else:
            self._fault(path, f"unknown type {kind!r} (branch, sensor, actuator or attribute)")

    def _branch(self, path: str, fields: dict[str, object], level: int) -> None:
        children = fields.get("children", {})
        if not isinstance(children, dict):
            self._fault(path, f"'children' must be an object, not {_kind_of(children)}")
            return
        if fields.get("instances"):
            self._fault(path, "'instances' are not expanded; export the tree with '--expand'")
        if level >= _DEEPEST:
            self._fault(path, f"the tree is deeper than {_DEEPEST} levels")
            return
        self.branches[path] = Branch(
            path,
            self._text(path, fields, "description") or "",
            self._text(path, fields, "comment") or "",
            fields.get("overlay") is True,
            self._text(path, fields, "deprecation"),
            _extra(fields, _BRANCH_KEYS),
        )
        for name, child in cast("dict[str, object]", children).items():
            self._node(f"{path}.{name}", name, child, level + 1)

    def _leaf(self, path: str, kind: Kind, fields: dict[str, object]) -> None:
        datatype = self._datatype(path, fields)
        if fields.get("children"):
            self._fault(path, f"a {kind.value} must not have 'children'")
        minimum, maximum = self._limits(path, fields, datatype)
        self.leaves[path] = Leaf(
            path,
            kind,
            datatype,
            self._text(path, fields, "unit"),
            minimum,
            maximum,
            self._allowed(path, fields),
            _frozen(fields.get("default")),
            self._text(path, fields, "description") or "",
            self._text(path, fields, "comment") or "",
            fields.get("overlay") is True,
            self._text(path, fields, "pattern"),
            self._arraysize(path, fields, datatype),
            self._text(path, fields, "deprecation"),
            _extra(fields, _LEAF_KEYS),
        )

    def _datatype(self, path: str, fields: dict[str, object]) -> str:
        value = fields.get("datatype")
        if not isinstance(value, str):
            what = f"'datatype' must be text, not {_kind_of(value)}" if "datatype" in fields else "has no 'datatype'"
            self._fault(path, what)
            return ""
        element = value.removesuffix("[]")
        if element not in SCALAR_DATATYPES and element not in self._structs and not _STRUCT_NAME.fullmatch(element):
            near = get_close_matches(element, sorted(SCALAR_DATATYPES | self._structs), 1)
            hint = f" (did you mean {near[0]!r}?)" if near else " (nor is it a struct that the file declares)"
            self._fault(path, f"unknown datatype {value!r}{hint}")
        return value

    def _limits(self, path: str, fields: dict[str, object], datatype: str) -> tuple[float | None, float | None]:
        minimum, maximum = self._number(path, fields, "min"), self._number(path, fields, "max")
        if minimum is None and maximum is None:
            return None, None
        if datatype and datatype.removesuffix("[]") not in NUMERIC_DATATYPES:
            self._fault(path, f"has 'min' or 'max', but its datatype {datatype!r} is no number")
        if minimum is not None and maximum is not None and minimum > maximum:
            self._fault(path, f"'min' {minimum} is greater than 'max' {maximum}")
        return minimum, maximum

    def _allowed(self, path: str, fields: dict[str, object]) -> tuple[str | float | bool, ...]:
        """Return the allowed values; ``enum`` is the name in VSS 2 and, with codes, after VSS 6."""
        key = "allowed" if fields.get("allowed") is not None else "enum"
        value = fields.get(key)
        if value is None:
            return ()
        if isinstance(value, dict):
            value = list(cast("dict[str, object]", value).values())
        if not isinstance(value, list):
            self._fault(path, f"{key!r} must be a list, not {_kind_of(value)}")
            return ()
        values = cast("list[object]", value)
        wrong = next((item for item in values if not isinstance(item, str | int | float)), None)
        if wrong is not None or None in values:
            self._fault(path, f"{key!r} holds {_kind_of(wrong)}; it may hold text, numbers and booleans")
            return ()
        return tuple(cast("list[str | float | bool]", values))

    def _arraysize(self, path: str, fields: dict[str, object], datatype: str) -> int | None:
        size = fields.get("arraysize")
        if size is None:
            return None
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            self._fault(path, f"'arraysize' must be a whole number, not {size!r}")
            return None
        if datatype and not datatype.endswith("[]"):
            self._fault(path, f"has 'arraysize', but its datatype {datatype!r} is no array")
        return size

    def _text(self, path: str, fields: dict[str, object], key: str) -> str | None:
        value = fields.get(key)
        if value is None or isinstance(value, str):
            return value
        self._fault(path, f"{key!r} must be text, not {_kind_of(value)}")
        return None

    def _number(self, path: str, fields: dict[str, object], key: str) -> float | None:
        value = fields.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        self._fault(path, f"{key!r} must be a number, not {_kind_of(value)}")
        return None

    def _fault(self, path: str, what: str) -> None:
        self.faults.append(f"{path}: {what}")


def _extra(fields: dict[str, object], known: frozenset[str]) -> Mapping[str, object]:
    return MappingProxyType({key: value for key, value in fields.items() if key not in known})


def _frozen(value: object) -> object:
    """Return a default that nobody can change by accident: a list becomes a tuple."""
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def _kind_of(value: object) -> str:
    """Return what a JSON value is, in words."""
    names = {"NoneType": "null", "bool": "a boolean", "int": "a number", "float": "a number", "str": "text"}
    return names.get(type(value).__name__, "a list" if isinstance(value, list) else "an object")
