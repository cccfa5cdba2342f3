"""Values at the broker's edge: Python's types outside, one float64 (or one object) inside, checked on the way in.

Inside, numbers, booleans and codes of enumerations are float64. What a float64 cannot hold (texts, arrays, whole
numbers beyond 2**53) is a Python object beside it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.catalog.leaf import INTEGER_RANGES
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.broker.signals import Signal
    from commonwheel.catalog import Leaf

__all__ = ["EXACT", "Reading", "Value", "from_inside", "limits_of", "plain_limits", "to_inside"]

_TYPE_NAMES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    tuple: "array",
    type(None): "nothing",
}

Value = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]
"""A typed value, as the signal's datatype says."""

EXACT = 2**53
"""Whole numbers beyond are kept as objects: a float64 would round them."""

_FLOAT_MAX = 3.4028234663852886e38
_DOUBLE_MAX = 1.7976931348623157e308
_SHOWN = 40
"""Most characters of a value in a message."""


class Reading(NamedTuple):
    """A signal's value at a time."""

    value: Value | None
    """None: never had one, or none that is known. With any quality but GOOD it is not to be relied on."""
    quality: Quality
    t_ns: int
    """Nanoseconds UTC; 0 where there was never a value."""

    @property
    def good(self) -> Value | None:
        """The value, or None unless its quality is GOOD."""
        return self.value if self.quality == Quality.GOOD else None


def to_inside(signal: Signal, value: object) -> tuple[float, object]:
    """Check a value against a signal's datatype, range and allowed values; return its float64 and its object.

    Whole numbers are taken for floats; whole floats for integers; numpy's scalars and arrays for Python's. A float
    keeps all its digits, also where the datatype has fewer. The object is None where the float64 says all.

    Raises:
        BrokerError: WRONG_TYPE, OUT_OF_RANGE or NOT_ALLOWED.
    """
    kind = type(value)
    limits = signal.limits.get(kind)
    if limits is not None and limits[0] <= cast("float", value) <= limits[1]:
        return float(cast("float", value)), None
    if kind is str and value in signal.codes and signal.matcher is None:
        return float(signal.codes[cast("str", value)]), None
    return _check(signal, value)


def _check(signal: Signal, value: object) -> tuple[float, object]:
    """Check a value in every respect."""
    leaf = signal.leaf
    if isinstance(value, np.generic | np.ndarray):
        value = cast("Any", value).tolist()
    if leaf.is_struct:
        message = f"{leaf.path} is a struct ({leaf.datatype}), which is not supported"
        raise BrokerError(Reason.WRONG_TYPE, message, signal=signal.number)
    if leaf.is_array:
        return math.nan, _array(signal, value)
    checked = _element(signal, leaf.datatype, value)
    if isinstance(checked, str):
        code = signal.codes.get(checked)
        return (math.nan, checked) if code is None else (float(code), None)
    return float(checked), checked if isinstance(checked, int) and abs(checked) > EXACT else None


def _array(signal: Signal, value: object) -> list[bool | int | float | str]:
    if not isinstance(value, list | tuple):
        raise _wrong(signal, value)
    leaf = signal.leaf
    elements = cast("Sequence[object]", value)
    if leaf.arraysize is not None and len(elements) != leaf.arraysize:
        message = f"{leaf.path} has {leaf.arraysize} elements, not {len(elements)}"
        raise BrokerError(Reason.OUT_OF_RANGE, message, signal=signal.number)
    return [_element(signal, leaf.element, item) for item in elements]


def _element(signal: Signal, datatype: str, value: object) -> bool | int | float | str:
    if datatype == "string":
        return _text(signal, value)
    if datatype == "boolean":
        if not isinstance(value, bool):
            raise _wrong(signal, value)
        checked = value
    else:
        checked = _number(signal, datatype, value)
    if signal.leaf.allowed and checked not in signal.leaf.allowed:
        raise _not_allowed(signal, value)
    return checked


def _text(signal: Signal, value: object) -> str:
    leaf = signal.leaf
    if not isinstance(value, str):
        raise _wrong(signal, value)
    if leaf.allowed and value not in leaf.allowed:
        raise _not_allowed(signal, value)
    if signal.matcher and not signal.matcher.fullmatch(value):
        message = f"{leaf.path}: {_shown(value)} does not match {leaf.pattern}"
        raise BrokerError(Reason.NOT_ALLOWED, message, signal=signal.number)
    if not value.isascii() and not _is_unicode(value):
        message = f"{leaf.path}: {_shown(value)} is no Unicode text (it holds half of a surrogate pair)"
        raise BrokerError(Reason.NOT_ALLOWED, message, signal=signal.number)
    return value


def _is_unicode(value: str) -> bool:
    """Whether a text can be sent to anybody."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def limits_of(leaf: Leaf) -> tuple[float, float]:
    """Return the least and the greatest number that a leaf (or an element of it) can be, both included."""
    limits = INTEGER_RANGES.get(leaf.element)
    if limits is None:
        high = _FLOAT_MAX if leaf.element == "float" else _DOUBLE_MAX
        limits = (-high, high)
    low = limits[0] if leaf.minimum is None else max(limits[0], leaf.minimum)
    return low, limits[1] if leaf.maximum is None else min(limits[1], leaf.maximum)


def plain_limits(leaf: Leaf) -> dict[type, tuple[float, float]]:
    """Return the Python types of values that need only be between two numbers to be right, and these numbers."""
    if leaf.allowed:
        return {}
    if leaf.datatype == "boolean":
        return {bool: (0, 1)}
    if not leaf.is_numeric:
        return {}
    low, high = limits_of(leaf)
    exact = (max(low, -EXACT), min(high, EXACT))
    return {int: exact} if leaf.datatype in INTEGER_RANGES else {int: exact, float: (low, high)}


def _number(signal: Signal, datatype: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(signal, value)
    leaf = signal.leaf
    whole = datatype in INTEGER_RANGES
    if whole and isinstance(value, float) and math.isfinite(value):
        if not value.is_integer():
            raise _wrong(signal, value)
        value = int(value)
    low, high = limits_of(leaf)
    if not low <= value <= high:  # a NaN is outside as well
        unit = f" {leaf.unit}" if leaf.unit else ""
        message = f"{leaf.path}: {_shown(value)} is outside {low:g}..{high:g}{unit}"
        raise BrokerError(Reason.OUT_OF_RANGE, message, signal=signal.number)
    return value if whole else float(value)


def _shown(value: object) -> str:
    """Return a value as it is shown in a message: short, whatever it is."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")
    if isinstance(value, list | tuple):
        return f"{len(cast('Sequence[object]', value))} elements"
    if isinstance(value, int) and value.bit_length() > 4 * _SHOWN:  # Python refuses to print the longest ones
        return f"a number of {value.bit_length()} bits"
    return f"{value!r:.{_SHOWN}}"


def _wrong(signal: Signal, value: object) -> BrokerError:
    got = _TYPE_NAMES.get(type(value), type(value).__name__)
    message = f"{signal.path} takes {signal.leaf.datatype}, not {got} ({_shown(value)})"
    return BrokerError(Reason.WRONG_TYPE, message, signal=signal.number)


def _not_allowed(signal: Signal, value: object) -> BrokerError:
    allowed = ", ".join(str(item) for item in signal.leaf.allowed)
    message = f"{signal.path} cannot be {_shown(value)}; it can be {allowed}"
    return BrokerError(Reason.NOT_ALLOWED, message, signal=signal.number)


def from_inside(signal: Signal, number: float, item: object) -> Value | None:
    """Return the typed value of a float64 and its object; None where they are none (NaN, a code without a name).

    Numbers are rounded and clamped to what the datatype can hold: inside, a car's value may be finer. An array is
    the caller's own.
    """
    if item is not None:
        return cast("Value", [*cast("list[Any]", item)] if isinstance(item, list) else item)
    datatype = signal.leaf.datatype
    if not math.isfinite(number):
        return None
    if signal.labels:
        code = int(number)
        return signal.labels[code] if code == number and 0 <= code < len(signal.labels) else None
    if datatype == "boolean":
        return number != 0.0
    return _typed(datatype, number)


def _typed(datatype: str, number: float) -> int | float | None:
    limits = INTEGER_RANGES.get(datatype)
    if limits is not None:
        return max(limits[0], min(limits[1], round(number)))
    if datatype == "float":
        return max(-_FLOAT_MAX, min(_FLOAT_MAX, number))
    return number if datatype == "double" else None
