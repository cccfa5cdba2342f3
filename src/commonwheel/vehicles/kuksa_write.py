"""KUKSA's mapping files, written: VSS JSON or an overlay, with the database and the values that go with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from commonwheel.errors import OutputError
from commonwheel.vehicles.yamlwrite import row
from commonwheel.wire.database import write_dbc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from commonwheel.catalog import Catalog, Leaf
    from commonwheel.vehicles.kuksa_export import BusExport, Export, Link
    from commonwheel.vehicles.yamlwrite import Value

__all__ = ["FORMATS", "mapping_text", "write_export"]

FORMATS = {"json": ".json", "overlay": ".vspec"}
"""Forms of a mapping file and their usual suffixes."""


def write_export(export: Export, output: Path, form: str = "json") -> list[Path]:
    """Write an export; with several buses, each gets files of its own with the bus's name in theirs.

    Args:
        export: what to write.
        output: the mapping file; the DBC and the default values are put beside it.
        form: 'json' or 'overlay'.

    Returns:
        The files written.

    Raises:
        OutputError: a file cannot be written.
    """
    written: list[Path] = []
    for bus in export.buses:
        stem = output.stem if len(export.buses) == 1 else f"{output.stem}-{bus.bus}"
        mapping = output.with_name(stem + (output.suffix or FORMATS[form]))
        files = {mapping: mapping_text(export, bus, form)}
        if bus.defaults:
            files[output.with_name(f"{stem}-defaults.json")] = json.dumps(bus.defaults, indent=2) + "\n"
        database = output.with_name(f"{stem}.dbc")
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            for path, text in files.items():
                path.write_text(text, encoding="utf-8")
        except OSError as error:
            message = f"{mapping}: cannot be written ({error.strerror or error}); choose another place with -o"
            raise OutputError(message) from error
        write_dbc(bus.database, database)
        written += [*files, database]
    return written


def mapping_text(export: Export, bus: BusExport, form: str) -> str:
    """Return the mapping of one bus as a file's text."""
    if form == "overlay":
        return _overlay(export, bus)
    tree: dict[str, object] = {}
    for path, links in bus.links.items():
        _plant(tree, path, _node(export.catalog[path], links), export.catalog)
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def _plant(tree: dict[str, object], path: str, leaf: dict[str, object], catalog: Catalog) -> None:
    """Put a leaf into the tree, with the branches above it."""
    at, parts = tree, path.split(".")
    for depth, name in enumerate(parts[:-1], start=1):
        branch = catalog.branches.get(".".join(parts[:depth]))
        children: dict[str, object] = {}
        fresh = {"type": "branch", "description": branch.description if branch else "", "children": children}
        at = cast("dict[str, dict[str, object]]", at.setdefault(name, fresh))["children"]
    at[parts[-1]] = leaf


def _node(leaf: Leaf, links: Mapping[str, Link]) -> dict[str, object]:
    node: dict[str, object] = {"datatype": leaf.datatype, "type": leaf.kind.value, "description": leaf.description}
    stated = {"unit": leaf.unit, "min": leaf.minimum, "max": leaf.maximum, "allowed": list(leaf.allowed) or None}
    node |= {key: value for key, value in stated.items() if value is not None}
    return {**node, **links}


def _overlay(export: Export, bus: BusExport) -> str:
    """Return an overlay on VSS: type and datatype of each signal, and all of it where VSS does not have it."""
    lines = [
        f"# KUKSA's mapping of {export.vehicle}, bus '{bus.bus}', for vss-tools:",
        "# vspec export json --vspec VSS --overlays THIS -e dbc2vss -e vss2dbc --output mapping.json",
    ]
    done: set[str] = set()
    for path, links in bus.links.items():
        leaf = export.catalog[path]
        parts = path.split(".")
        for depth in range(1, len(parts)):
            branch = export.catalog.branches.get(".".join(parts[:depth]))
            if branch is not None and branch.overlay and branch.path not in done:
                done.add(branch.path)
                lines += ["", *row(branch.path, {"type": "branch", "description": branch.description}, 0)]
        node = {"type": leaf.kind.value, "datatype": leaf.datatype}
        stated = {**node, **_node(leaf, {})} if leaf.overlay else node
        lines += ["", *row(path, cast("Value", {**stated, **links}), 0)]
    return "\n".join(lines) + "\n"
