"""Values as VISS writes them: every value a text, arrays as arrays of texts; and back.

Numbers are the shortest that read back as the same value of the signal's datatype (``float`` is 32 bits wide),
rounded and clamped to what the datatype can hold. Booleans are ``true`` and ``false``.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, cast

import numpy as np

from commonwheel.broker.values import from_inside
from commonwheel.broker.viss.faults import Fault, VissError

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.broker.signals import Signal
    from commonwheel.broker.values import Value

__all__ = ["INLINE", "from_text", "number_text", "to_json"]

INLINE = "viss-inline:Data-not-available"
"""What stands in the place of a value that is not there, in a message about several signals (version 3)."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A number of JSON (RFC 8259)."""
_LONGEST_NUMBER = 64
_FLOAT_MAX = float(np.finfo(np.float32).max)
_EXACT = 2.0**53


def number_text(value: float, *, single: bool = False) -> str:
    """Return the shortest text that reads back as the same number.

    Args:
        value: a finite number.
        single: it is 32 bits wide.
    """
    if isinstance(value, int):
        return str(value)
    if single:
        clamped = max(-_FLOAT_MAX, min(_FLOAT_MAX, value))
        narrow = np.float32(clamped)
        value = float(narrow)
        if not value.is_integer() or abs(value) >= _EXACT:
            return str(narrow)
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def to_json(signal: Signal) -> Callable[[float, object], str | None]:
    """Return a function from a value inside the broker to a JSON fragment; it returns None where there is no value."""
    leaf = signal.leaf
    if signal.labels:
        quoted = tuple(json.dumps(label) for label in signal.labels)
        return lambda number, item: _label(quoted, number, item)
    if leaf.datatype == "boolean":
        return lambda number, item: _boolean(number)  # noqa: ARG005 - booleans have no object
    if leaf.datatype in {"float", "double"}:
        single = leaf.datatype == "float"
        return lambda number, item: f'"{number_text(number, single=single)}"' if math.isfinite(number) else None  # noqa: ARG005
    return lambda number, item: _any(signal, number, item)


def _label(quoted: tuple[str, ...], number: float, item: object) -> str | None:
    if item is not None:
        return json.dumps(item)
    return quoted[int(number)] if 0 <= number < len(quoted) else None  # a NaN is neither


def _boolean(number: float) -> str | None:
    if math.isnan(number):
        return None
    return '"true"' if number else '"false"'


def _any(signal: Signal, number: float, item: object) -> str | None:
    value = from_inside(signal, number, item)
    if value is None:
        return None
    if isinstance(value, list):
        return json.dumps([_one(signal, element) for element in value])
    return json.dumps(_one(signal, value))


def _one(signal: Signal, value: bool | float | str) -> str:  # noqa: FBT001 - a value, not a switch
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return number_text(value, single=signal.leaf.element == "float")


def from_text(signal: Signal, value: object) -> Value:
    """Return the typed value that a client means; range and allowed values are not checked here.

    Raises:
        VissError: BAD_VALUE; says what the signal takes.
    """
    leaf = signal.leaf
    if leaf.is_array:
        if not isinstance(value, list):
            raise _bad(signal, value, f"an array of texts ({leaf.datatype})")
        return cast("Value", [_element(signal, item) for item in cast("list[object]", value)])
    return _element(signal, value)


def _element(signal: Signal, value: object) -> bool | int | float | str:
    datatype = signal.leaf.element
    if not isinstance(value, str):
        raise _bad(signal, value, f'a text ({datatype}): every value is one, "1.5" and "true" as well')
    if datatype == "boolean":
        if value not in {"true", "false"}:
            raise _bad(signal, value, "'true' or 'false'")
        return value == "true"
    if datatype == "string" or signal.leaf.is_struct:
        return value
    found = _NUMBER.fullmatch(value) if len(value) <= _LONGEST_NUMBER else None
    if found is None:
        raise _bad(signal, value, f"a number ({datatype})")
    return int(value) if found.group(1) is None and found.group(2) is None else float(value)


def _bad(signal: Signal, value: object, wanted: str) -> VissError:
    return VissError(Fault.BAD_VALUE, f"{signal.path} takes {wanted}, not {value!r:.40}")
