"""Description files: found, read, and merged with what they extend.

``read_description`` follows ``extends`` and picks a variant, so that everything after it sees one
complete description. Rows are merged by key: the child's row replaces the parent's, ``null`` removes it; rows of
buses and messages are merged key by key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.yamltree import Node, Reader, load_tree, suggest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SHIPPED", "Description", "car_names", "find", "read_description", "unreadable"]

SHIPPED = Path(__file__).parent
"""Where the shipped descriptions lie: one folder per maker and car beside this module."""

FILE = "vehicle.yaml"
ROWS = ("buses", "messages", "signals", "attributes", "requests")
MERGED = ("buses", "messages")
"""Rows whose own keys are merged too; every other row is replaced whole."""
PLAIN = ("sold_as", "powertrain", "evidence", "note")
KEYS = ("format", "vehicle", "abstract", "extends", *PLAIN, *ROWS, "personal", "variants")
VARIANT_KEYS = (*PLAIN, *ROWS, "personal")
FORMAT = 1


@dataclass(slots=True)
class Description:
    """A complete description, merged; nodes keep the file and line they come from."""

    name: str
    """maker/car, with ':variant' where one was asked for."""
    path: Path
    root: Node
    abstract: bool = False
    plain: dict[str, Node] = field(default_factory=dict[str, Node])
    rows: dict[str, dict[str, Node]] = field(default_factory=lambda: {key: {} for key in ROWS})
    personal: list[Node] = field(default_factory=list[Node])
    databases: dict[str, list[Node]] = field(default_factory=dict[str, list[Node]])
    """Bus to its database files, parents' first."""
    removed: dict[str, Node] = field(default_factory=dict[str, Node])
    """Messages of the databases that this car does not have ('bus/Message: null')."""
    variants: tuple[str, ...] = ()
    files: dict[Path, str] = field(default_factory=dict[Path, str])
    """Every file read, with the SHA-256 of its content."""
    chosen: dict[Path, str] = field(default_factory=dict[Path, str])
    """Every file read, with the variant that was taken of it or ''; parents' first."""


def find(name: str | Path, folders: tuple[Path, ...] = (SHIPPED,)) -> tuple[Path, str]:
    """Return (the file, the variant or '') that *name* means: 'maker/car', 'maker/car:variant', or a path.

    Raises:
        DescriptionError: there is no such description.
    """
    text, variant = str(name), ""
    if not Path(text).exists() and ":" in text:
        text, _, variant = text.rpartition(":")
    given = Path(text)
    for candidate in (given, given / FILE):
        if candidate.is_file() and candidate.suffix in {".yaml", ".yml"}:
            return candidate, variant
    for folder in folders:
        candidate = folder / text / FILE
        if candidate.is_file():
            return candidate, variant
    known = [name for folder in folders for name in car_names(folder)]
    listed = ", ".join(name for name in known if ":" not in name)
    message = f"there is no car '{text}'{suggest(text, known)}; described are {listed}"
    raise DescriptionError([Fault(given, 0, message)])


def car_names(folder: Path = SHIPPED) -> list[str]:
    """Return the names of all cars described under *folder*, with their variants, without abstract ones."""
    names: list[str] = []
    for path in sorted(folder.glob(f"*/*/{FILE}")):
        try:
            tree = load_tree(path, path.read_bytes())
        except (OSError, DescriptionError):
            continue
        abstract = tree.entries.get("abstract")
        if abstract is not None and abstract.value is True:
            continue
        name = f"{path.parent.parent.name}/{path.parent.name}"
        names.append(name)
        variants = tree.entries.get("variants")
        if variants is not None:
            names.extend(f"{name}:{variant}" for variant in variants.entries)
    return names


def unreadable(folder: Path) -> list[Path]:
    """Return the description files under *folder* that ``car_names`` passes over because they are no sound YAML."""
    found: list[Path] = []
    for path in sorted(folder.glob(f"*/*/{FILE}")):
        try:
            load_tree(path, path.read_bytes())
        except (OSError, DescriptionError):
            found.append(path)
    return found


def read_description(
    name: str | Path, folders: tuple[Path, ...] = (SHIPPED,), reader: Reader | None = None
) -> Description:
    """Read and merge a description.

    Args:
        name: as ``find`` takes it.
        folders: where 'maker/car' is looked for.
        reader: takes the faults that leave a description to go on with; None raises them.

    Raises:
        DescriptionError: it does not exist or cannot be read as one.
    """
    path, variant = find(name, folders)
    noted = reader or Reader()
    described = _read(path, variant, noted, folders, ())
    if noted.faults and reader is None:
        raise DescriptionError(noted.faults)
    return described


def _read(path: Path, variant: str, reader: Reader, folders: tuple[Path, ...], above: tuple[Path, ...]) -> Description:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DescriptionError([Fault(path, 0, f"cannot be read: {error.strerror or error}")]) from error
    tree = load_tree(path, data, reader.faults)
    top = reader.mapping(tree, "a description", KEYS)
    _check_head(tree, top, path, reader)
    result = Description(name="", path=path, root=tree)
    for parent in _parents(top, path, reader, folders, above):
        _merge(result, parent)
    own = Description(name=reader.text(top.get("vehicle"), "'vehicle'"), path=path, root=tree)
    own.files[path] = hashlib.sha256(data).hexdigest()
    own.chosen[path] = variant
    _take(own, top, reader)
    own.abstract = reader.boolean(top.get("abstract"), "'abstract'")
    _merge(result, own)
    result.name, result.abstract = own.name, own.abstract
    variants = reader.mapping(top["variants"], "'variants'") if "variants" in top else {}
    result.variants = tuple(variants)
    for name, node in variants.items():
        if name != variant and node.value is not None:  # the chosen one is read below
            reader.mapping(node, f"variant '{name}'", VARIANT_KEYS)
    if variant:
        _apply_variant(result, variant, variants, reader)
    return result


def _check_head(tree: Node, top: dict[str, Node], path: Path, reader: Reader) -> None:
    if "format" not in top:
        reader.fault(tree, f"'format' is missing; this version reads 'format: {FORMAT}'")
    elif top["format"].value != FORMAT:
        reader.fault(top["format"], f"format {top['format'].value} is not known; this version reads format {FORMAT}")
    home = path.absolute().parent
    expected = f"{home.parent.name}/{home.name}"
    if "vehicle" not in top:
        reader.fault(tree, f"'vehicle' is missing; from its folders it would be 'vehicle: {expected}'")
    elif reader.text(top["vehicle"], "'vehicle'").count("/") != 1:
        reader.fault(top["vehicle"], f"'vehicle' is maker/car, such as '{expected}'")


def _parents(
    top: dict[str, Node], path: Path, reader: Reader, folders: tuple[Path, ...], above: tuple[Path, ...]
) -> Iterator[Description]:
    for node in reader.items(top["extends"], "'extends'") if "extends" in top else []:
        name = reader.text(node, "'extends'")
        try:
            parent, variant = find(name, (path.absolute().parent.parent.parent, *folders))
        except DescriptionError as error:
            reader.fault(node, error.faults[0].message)
            continue
        if parent.resolve() in (*(p.resolve() for p in above), path.resolve()):
            reader.fault(node, f"'{name}' extends itself")
            continue
        yield _read(parent, variant, reader, folders, (*above, path))


def _take(into: Description, entries: dict[str, Node], reader: Reader) -> None:
    """Sort a file's (or a variant's) entries into the description."""
    for key in PLAIN:
        if key in entries:
            into.plain[key] = entries[key]
    for key in ROWS:
        if key in entries and entries[key].value is not None:  # nothing yet: a section may stand empty
            into.rows[key] = reader.mapping(entries[key], f"'{key}'")
    if "personal" in entries:
        into.personal = reader.items(entries["personal"], "'personal'")
    for bus, node in into.rows["buses"].items():
        listed = node.entries.get("database")
        if listed is not None:
            into.databases[bus] = reader.items(listed, f"the database of bus '{bus}'")


def _merge(into: Description, child: Description) -> None:
    into.plain |= child.plain
    for key, rows in child.rows.items():
        merged = into.rows[key]
        for name, node in rows.items():
            if node.value is None:
                _remove(into, key, name, node)
                continue
            into.removed.pop(name, None)
            merged[name] = _joined(merged[name], node) if key in MERGED and name in merged else node
    into.personal += child.personal
    for bus, nodes in child.databases.items():
        into.databases.setdefault(bus, []).extend(nodes)
    into.removed |= child.removed
    into.files |= child.files
    into.chosen |= child.chosen


def _remove(into: Description, key: str, name: str, node: Node) -> None:
    into.rows[key].pop(name, None)
    if key == "messages":
        into.removed[name] = node
    elif key == "buses":
        into.databases.pop(name, None)


def _joined(parent: Node, child: Node) -> Node:
    """Return two rows merged key by key; ``null`` removes a key."""
    if not (child.entries and parent.entries):
        return child
    entries = {key: value for key, value in {**parent.entries, **child.entries}.items() if value.value is not None}
    return Node(entries, child.file, child.line)


def _apply_variant(into: Description, variant: str, variants: dict[str, Node], reader: Reader) -> None:
    node = variants.get(variant)
    if node is None:
        listed = ", ".join(variants) or "none"
        reader.fault(into.root, f"there is no variant '{variant}'{suggest(variant, variants)}; there are: {listed}")
        return
    own = Description(name="", path=into.path, root=into.root)
    _take(own, reader.mapping(node, f"variant '{variant}'", VARIANT_KEYS), reader)
    _merge(into, own)
    into.name = f"{into.name}:{variant}"
