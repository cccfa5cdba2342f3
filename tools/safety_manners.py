"""The parameters of each manner, from the docstrings of ``commonwheel.control.manners``, for ``docs/``."""

from __future__ import annotations

import ast
import inspect

from commonwheel.control import manners as source
from commonwheel.control.description_manners import unit_of
from tools.safety_limits import table as rows_of

__all__ = ["manners"]

_KINDS = {"Table": "a curve", "float": "a number", "int": "a whole number"}


def manners() -> str:
    """Return a table for each manner: its parameters, what each is, and its unit."""
    tree = ast.parse(inspect.getsource(source))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    parts: list[str] = []
    for name, kind in source.MANNERS.items():
        parts += [f"### `{name}`", "", rows_of(("parameter", "is", "of"), _rows(name, classes[kind.__name__]))]
    return "\n".join(parts)


def _rows(manner: str, node: ast.ClassDef) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        key = field.target.id
        said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        text = str(said).replace("``", "`").replace("''", "`{none: why}`").replace("()", "`{none: why}`")
        unit = unit_of(manner, key)
        named = "a signal" if text.startswith("Standard path") else "an envelope"
        shape = _KINDS.get(ast.unparse(field.annotation), named)
        rows.append((f"`{key}`", " ".join(text.split()), f"{shape}, {unit}" if unit else shape))
    return rows
