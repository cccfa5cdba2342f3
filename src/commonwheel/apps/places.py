"""Where in an app's file a part of its manifest stands, so that a fault can name its line."""

from __future__ import annotations

import ast
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.apps.app import App

__all__ = ["Places", "short"]

_POSITIONAL = ("name", "version", "about")


class Places:
    """The lines of one app's declaration; what was not written out there has the line of the declaration itself.

    The file is read when a line is asked for: most apps have no fault.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._line = app.line

    @cached_property
    def _parts(self) -> dict[str, ast.expr]:
        call = _call(self._app)
        if call is None:
            return {}
        named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        return dict(zip(_POSITIONAL, call.args, strict=False)) | named

    def line(self, part: str, key: object = None) -> int:
        """Return the line of a part (``requires``), or of one key or entry in it."""
        value = self._parts.get(part)
        if value is None:
            return self._line
        for entry in _entries(value):
            if isinstance(entry, ast.Constant) and entry.value == key:
                return entry.lineno
        return value.lineno

    def last(self, part: str, key: object) -> int:
        """Return the line of the last of several equal entries."""
        value = self._parts.get(part)
        found = [e.lineno for e in _entries(value) if isinstance(e, ast.Constant) and e.value == key] if value else []
        return found[-1] if found else self.line(part)


def _entries(value: ast.expr) -> Iterator[ast.expr]:
    """Yield the keys of a mapping, the items of a list, or a value itself."""
    if isinstance(value, ast.Dict):
        yield from (key for key in value.keys if key is not None)
    elif isinstance(value, ast.Tuple | ast.List | ast.Set):
        yield from value.elts
    else:
        yield value


def _call(app: App) -> ast.Call | None:
    """Return the call that made an app; None where its source cannot be read any more."""
    try:
        tree = ast.parse(Path(app.file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "App"]
    around = [call for call in calls if call.lineno <= app.line <= (call.end_lineno or call.lineno)]
    return min(around, key=lambda call: app.line - call.lineno, default=None)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def short(file: str | Path) -> Path:
    """Return a file as people call it: from the current folder on, where it is in it."""
    path = Path(file)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
