"""Who leans on whom: the package's rooms, from the lowest to the highest, and no import that goes up."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import commonwheel

_ROOT = Path(commonwheel.__file__).parent
_ROWS = (
    {"errors"},
    {"native"},
    {"wire", "catalog"},
    {"vehicles"},
    {"broker", "report", "guard"},
    {"twin", "client", "control"},
    {"gateway", "tour"},
    {"apps"},
    {"web", "demo", "proving"},
    {"cli"},
)
"""A room may import those of the rows before its own. Rooms of one row know nothing of each other."""
_FACADE = {"__init__", "__main__"}
"""The package itself, which hands on what users import."""
_ROW = {room: number for number, row in enumerate(_ROWS) for room in row}


def _imports(text: str, package: tuple[str, ...]) -> set[tuple[int, str]]:
    """Return the line and room of everything that a module of a package (as from 'commonwheel') imports."""
    found: set[tuple[int, str]] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = list(package[: len(package) - node.level + 1]) if node.level else []
            within = above + (node.module.split(".") if node.module else [])
            names = [[*within, alias.name] for alias in node.names]
        else:
            continue
        found |= {(node.lineno, name[1]) for name in names if name[0] == "commonwheel" and len(name) > 1}
    return found


def _room(path: Path) -> str:
    return path.relative_to(_ROOT).with_suffix("").parts[0]


def _upward(room: str, imported: set[tuple[int, str]]) -> list[str]:
    """Return the imports of a module in a room that it may not have."""
    return [
        f"line {line}: {room} imports {other}"
        for line, other in sorted(imported)
        if other in _ROW and other != room and _ROW[other] >= _ROW[room]
    ]


def test_every_room_has_its_row() -> None:
    assert {_room(path) for path in _ROOT.rglob("*.py")} == set(_ROW) | _FACADE


@pytest.mark.parametrize("room", sorted(_ROW))
def test_a_room_imports_only_lower_ones(room: str) -> None:
    found = [
        f"{path.relative_to(_ROOT)}, {fault}"
        for path in sorted(_ROOT.rglob("*.py"))
        if _room(path) == room
        for fault in _upward(
            room, _imports(path.read_text(encoding="utf-8"), path.parent.relative_to(_ROOT.parent).parts)
        )
    ]
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        "import commonwheel.gateway.car",
        "from commonwheel.gateway import car",
        "from commonwheel import gateway",
        "from ..gateway import car",
        "from .. import gateway",
        "def late():\n    from commonwheel.gateway.car import LiveCar",
        "if TYPE_CHECKING:\n    from commonwheel.gateway.car import LiveCar",
    ],
)
def test_an_import_that_goes_up_is_seen_in_every_form(text: str) -> None:
    (fault,) = _upward("twin", _imports(text, ("commonwheel", "twin")))
    assert fault.endswith("twin imports gateway")


def test_what_is_imported_from_below_or_from_elsewhere_is_let_be() -> None:
    text = "import numpy\nfrom commonwheel import __version__\nfrom commonwheel.wire import frames\nfrom . import body"
    assert _upward("twin", _imports(text, ("commonwheel", "twin"))) == []
