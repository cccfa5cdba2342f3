"""Values that apps put out, as JSON can hold them: whatever an app hands over is checked here, and nowhere else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from commonwheel.apps.sink import writable
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from commonwheel.apps.status import Scalar

__all__ = ["output_value", "plain_value"]

_LONGEST_TEXT = 4000
"""Characters of an output."""
_LEAST_INT, _MOST_INT = -(2**63), 2**63 - 1
_DEEPEST = 8
"""Levels of lists and mappings in an event's data."""


def output_value(name: str, datatype: str, value: Any) -> Scalar | None:  # noqa: ANN401 - whatever an app hands over
    """Return an output's value as its datatype has it.

    Raises:
        AppError: it does not fit.
    """
    plain = plain_value(value, name)
    if plain is None:
        return None
    if datatype == "float" and isinstance(plain, int | float) and not isinstance(plain, bool):
        return float(plain)
    if datatype == "integer" and isinstance(plain, int | float) and not isinstance(plain, bool) and plain == int(plain):
        return cast("int", plain_value(int(plain), name))
    if datatype == "boolean" and isinstance(plain, bool):
        return plain
    if datatype == "string" and isinstance(plain, str):
        return plain if len(plain) <= _LONGEST_TEXT else f"{plain[:_LONGEST_TEXT]}…"
    message = f"the output '{name}' is {datatype}, which {plain!r:.60} is not"
    raise AppError(message)


def plain_value(value: Any, name: str, depth: int = 0) -> object:  # noqa: ANN401 - whatever an app hands over
    """Return a value as JSON can hold it; numbers that it cannot are None.

    Raises:
        AppError: it is something else.
    """
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, int):
        if not _LEAST_INT <= value <= _MOST_INT:
            message = f"'{name}' takes whole numbers of 64 bits, and one is larger"
            raise AppError(message)
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict) and depth < _DEEPEST:
        entries = cast("dict[object, Any]", value)
        return {writable(str(key)): plain_value(item, name, depth + 1) for key, item in entries.items()}
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [plain_value(item, name, depth + 1) for item in cast("list[Any]", value)]
    what = "lists in lists without end" if depth >= _DEEPEST else type(cast("object", value)).__name__
    message = f"'{name}' takes numbers, texts, booleans, lists and mappings, not {what}"
    raise AppError(message)
