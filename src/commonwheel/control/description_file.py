"""``control.yaml``: where the files are that say how a car acts, and what they say together.

They lie beside the descriptions. A car's file says only what its parents' (the description's ``extends``) do not: rows
are merged key by key, parents first, then the car's own, then its variant's; ``null`` takes a row or a key away. A car
without a file of its own cannot be made to act, whatever its parents state; nor can a variant that is ``null``, nor one
whose files say nothing but what it cannot be asked for (``cannot``). ``acts: false`` leaves out what its parents state;
of a variant, what its car states but for what it cannot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.description import SHIPPED, find, read_description
from commonwheel.vehicles.yamltree import Node, load_tree, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from commonwheel.vehicles.yamltree import Reader

__all__ = ["FILE", "ROWS", "SINGLE", "Stated", "gather", "take_file"]

FILE = "control.yaml"
FORMAT = 1
SINGLE = (
    "speed", "steering", "geometry", "measured_lateral", "late_loop", "clock_step", "armed_for",
)  # fmt: skip
"""Keys that hold one value."""
ROWS = ("inputs", "conditions", "axes", "envelopes", "adapters", "frames")
"""Keys that hold rows by name."""
DEEPER = ("fields", "serves", "parameters", "proven")
"""Keys of rows that are merged key by key themselves; every other key is replaced whole."""
_NOTES = ("format", "note", "acts", "cannot")


@dataclass(slots=True)
class Stated:
    """What the files say together; nodes keep the file and line they come from."""

    root: Node
    """Of the car's own file."""
    single: dict[str, Node] = field(default_factory=dict[str, Node])
    rows: dict[str, dict[str, Node]] = field(default_factory=lambda: {key: {} for key in ROWS})
    cannot: dict[str, str] = field(default_factory=dict[str, str])
    """Standard path, or branch, to why the car cannot be asked for it."""

    @property
    def acts(self) -> bool:
        """Whether anything is stated but what the car cannot be asked for."""
        return bool(self.single) or any(self.rows.values())


def gather(name: str | Path, reader: Reader, folders: tuple[Path, ...] = (SHIPPED,)) -> Stated | None:
    """Return what is stated of how a car acts; None where nothing is.

    Args:
        name: as ``read_description`` takes it.
        reader: takes the faults that leave something to go on with.
        folders: where 'maker/car' is looked for.

    Raises:
        DescriptionError: there is no such car, or a file cannot be read as one.
    """
    if not (find(name, folders)[0].parent / FILE).is_file():
        return None
    described = read_description(name, folders)
    stated: Stated | None = None
    for path, variant in described.chosen.items():
        beside = path.parent / FILE
        if beside.is_file():
            known = described.variants if path == described.path else None
            stated = take_file(beside, reader, stated, variant, known)
            if stated is None and path == described.path:
                return None
    return stated


def take_file(
    path: Path, reader: Reader, stated: Stated | None = None, variant: str = "", variants: Iterable[str] | None = None
) -> Stated | None:
    """Add what one file states to what its parents do; None where it says that the variant cannot act.

    Args:
        path: the file.
        reader: takes the faults that leave something to go on with.
        stated: what the parents state.
        variant: the one that is chosen, or ''.
        variants: those of the description beside it; None where they do not matter.

    Raises:
        DescriptionError: it cannot be read as YAML.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DescriptionError([Fault(path, 0, f"cannot be read: {error.strerror or error}")]) from error
    tree = load_tree(path, data, reader.faults)
    top = reader.mapping(tree, "how a car acts", (*_NOTES, *SINGLE, *ROWS, "variants"))
    if "format" not in top:
        reader.fault(tree, f"'format' is missing; this version reads 'format: {FORMAT}'")
    elif top["format"].value != FORMAT or top["format"].value is True:
        reader.fault(top["format"], f"format {top['format'].value} is not known; this version reads format {FORMAT}")
    merged = Stated(tree) if stated is None else stated
    merged.root = tree
    if "acts" in top and not reader.boolean(top["acts"], "'acts'"):
        _forget(top, merged, reader)
    _take(top, merged, reader)
    acts = True
    for name, node in (reader.mapping(top["variants"], "'variants'") if "variants" in top else {}).items():
        known = None if variants is None else list(variants)
        if known is not None and name not in known:
            listed = ", ".join(known) or "none"
            reader.fault(node, f"'{name}' is no variant of this car{suggest(name, known)}; there are: {listed}")
        elif node.value is None:
            acts = acts and name != variant
        else:
            rows = reader.mapping(node, f"variant '{name}'", ("note", "acts", "cannot", *SINGLE, *ROWS))
            # The others are read for their faults' sake.
            _take_variant(rows, merged if name == variant else Stated(tree), reader)
    return merged if acts else None


def _take_variant(rows: Mapping[str, Node], into: Stated, reader: Reader) -> None:
    """Add what is stated of a variant; one that does not act cannot what its car cannot."""
    if "acts" in rows and not reader.boolean(rows["acts"], "'acts'"):
        cannot = dict(into.cannot)
        _forget(rows, into, reader)
        into.cannot.update(cannot)
    _take(rows, into, reader)


def _forget(top: Mapping[str, Node], merged: Stated, reader: Reader) -> None:
    """Leave out what the parents state: this car does not act."""
    merged.single.clear()
    merged.cannot.clear()
    for rows in merged.rows.values():
        rows.clear()
    for key in (*SINGLE, *ROWS):
        if key in top:
            reader.fault(top[key], f"'{key}' contradicts 'acts: false'")


def _take(top: Mapping[str, Node], into: Stated, reader: Reader) -> None:
    for key in SINGLE:
        if key in top:
            _put(into.single, key, top[key])
    for key in ROWS:
        if key in top and top[key].value is not None:  # a section may stand empty
            for name, node in reader.mapping(top[key], f"'{key}'").items():
                _put(into.rows[key], name, node)
    if "cannot" in top:
        for path, node in reader.mapping(top["cannot"], "'cannot'").items():
            if node.value is None:
                into.cannot.pop(path, None)
            else:
                into.cannot[path] = _reason(path, node, reader)


def _reason(path: str, node: Node, reader: Reader) -> str:
    """Return why a car cannot be asked for an actuator, or for any of a branch."""
    from commonwheel.catalog import Kind, load_catalog

    catalog = load_catalog()
    actuators = (known for known, leaf in catalog.leaves.items() if leaf.kind is Kind.ACTUATOR)
    if not any(known == path or known.startswith(f"{path}.") for known in actuators):
        near = catalog.suggest(path, 1)
        hint = f" (did you mean '{near[0]}'?)" if near and near[0] != path else ""
        reader.fault(node, f"'{path}' is neither an actuator of the standard nor a branch with any{hint}")
    why = reader.text(node, f"why the car cannot be asked for '{path}'").strip()
    if not why and isinstance(node.value, str):
        reader.fault(node, f"'cannot' says why: '{path}' needs a reason")
    return why


def _put(rows: dict[str, Node], name: str, node: Node) -> None:
    if node.value is None:
        rows.pop(name, None)
    else:
        rows[name] = _joined(rows[name], node) if name in rows else _without_nulls(node)


def _joined(parent: Node, child: Node) -> Node:
    """Return two rows merged key by key; ``null`` removes a key."""
    if not (child.entries and parent.entries):
        return child
    merged = dict(parent.entries)
    for key, node in child.entries.items():
        if node.value is None:
            merged.pop(key, None)
        elif key in DEEPER and key in merged:
            merged[key] = _flat(merged[key], node)
        else:
            merged[key] = node
    return Node(merged, child.file, child.line)


def _flat(parent: Node, child: Node) -> Node:
    if not (child.entries and parent.entries):
        return child
    both = {**parent.entries, **child.entries}
    return Node({key: node for key, node in both.items() if node.value is not None}, child.file, child.line)


def _without_nulls(node: Node) -> Node:
    """Return a row without what would take something away: there is nothing above it."""
    if not node.entries:
        return node
    kept = {key: value for key, value in node.entries.items() if value.value is not None}
    return Node(kept, node.file, node.line)
