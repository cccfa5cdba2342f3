"""Values at the broker's edge: Python's types outside, one float64 (or one object) inside, checked on the way in.

Inside, numbers, booleans and codes of enumerations are float64. What a float64 cannot hold (texts, arrays, whole
numbers beyond 2**53) is a Python object beside it.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple, cast

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.catalog.leaf import INTEGER_RANGES
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.broker.signals import Signal

__all__ = ["EXACT", "Reading", "Value", "from_inside", "to_inside"]

_TYPE_NAMES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "nothing"}

Value = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]
"""A typed value, as the signal's datatype says."""

EXACT = 2**53
"""Whole numbers beyond are kept as objects: a float64 would round them."""

_FLOAT_MAX = 3.4028234663852886e38


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

    Whole numbers are taken for floats; whole floats for integers. The object is None where the float says all.

    Raises:
        BrokerError: WRONG_TYPE, OUT_OF_RANGE or NOT_ALLOWED.
    """
    leaf = signal.leaf
    if leaf.is_array:
        return _array(signal, value)
    if leaf.is_struct:
        raise BrokerError(
            Reason.WRONG_TYPE,
            f"{leaf.path} is a struct ({leaf.datatype}), which is not supported",
            signal=signal.number,
        )
    checked = _element(signal, leaf.datatype, value)
    if isinstance(checked, str):
        code = signal.codes.get(checked)
        return (math.nan, checked) if code is None else (float(code), None)
    return float(checked), checked if abs(checked) > EXACT and isinstance(checked, int) else None


def _array(signal: Signal, value: object) -> tuple[float, object]:
    if not isinstance(value, list | tuple):
        raise _wrong(signal, value)
    leaf = signal.leaf
    elements = cast("Sequence[object]", value)
    items = [_element(signal, leaf.element, item) for item in elements]
    if leaf.arraysize is not None and len(items) != leaf.arraysize:
        message = f"{leaf.path} has {leaf.arraysize} elements, not {len(items)}"
        raise BrokerError(Reason.OUT_OF_RANGE, message, signal=signal.number)
    return math.nan, items


def _element(signal: Signal, datatype: str, value: object) -> bool | int | float | str:
    if datatype == "boolean":
        if not isinstance(value, bool):
            raise _wrong(signal, value)
        return value
    if datatype == "string":
        return _text(signal, value)
    return _number(signal, datatype, value)


def _text(signal: Signal, value: object) -> str:
    leaf = signal.leaf
    if not isinstance(value, str):
        raise _wrong(signal, value)
    if leaf.allowed and value not in leaf.allowed:
        raise _not_allowed(signal, value)
    if leaf.pattern and not re.fullmatch(leaf.pattern, value):
        message = f"{leaf.path}: {value!r} does not match {leaf.pattern}"
        raise BrokerError(Reason.NOT_ALLOWED, message, signal=signal.number)
    return value


def _number(signal: Signal, datatype: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(signal, value)
    leaf = signal.leaf
    if datatype in INTEGER_RANGES:
        if isinstance(value, float):
            if not value.is_integer():
                raise _wrong(signal, value)
            value = int(value)
        low, high = INTEGER_RANGES[datatype]
    else:
        high = _FLOAT_MAX if datatype == "float" else math.inf
        low = -high
    low = low if leaf.minimum is None else max(low, leaf.minimum)
    high = high if leaf.maximum is None else min(high, leaf.maximum)
    if not low <= value <= high:  # a NaN is outside as well
        message = f"{leaf.path}: {value!r} is outside {low:g}..{high:g}{f' {leaf.unit}' if leaf.unit else ''}"
        raise BrokerError(Reason.OUT_OF_RANGE, message, signal=signal.number)
    if leaf.allowed and value not in leaf.allowed:
        raise _not_allowed(signal, value)
    return value


def _wrong(signal: Signal, value: object) -> BrokerError:
    got = "array" if isinstance(value, list | tuple) else _TYPE_NAMES.get(type(value), type(value).__name__)
    message = f"{signal.path} takes {signal.leaf.datatype}, not {got} ({value!r:.40})"
    return BrokerError(Reason.WRONG_TYPE, message, signal=signal.number)


def _not_allowed(signal: Signal, value: object) -> BrokerError:
    allowed = ", ".join(str(item) for item in signal.leaf.allowed)
    message = f"{signal.path} cannot be {value!r:.40}; it can be {allowed}"
    return BrokerError(Reason.NOT_ALLOWED, message, signal=signal.number)


def from_inside(signal: Signal, number: float, item: object) -> Value | None:
    """Return the typed value of a float64 and its object; None where they are none (NaN, a code without a name).

    Integers are rounded and clamped to what the datatype can hold: inside, a car's value may be finer.
    """
    if item is not None:
        return item  # type: ignore[return-value]  # it was checked on its way in
    if number != number:  # noqa: PLR0124 - the quick test for NaN
        return None
    leaf = signal.leaf
    if signal.labels:
        code = int(number)
        return signal.labels[code] if 0 <= code < len(signal.labels) else None
    if leaf.datatype == "boolean":
        return number != 0.0
    limits = INTEGER_RANGES.get(leaf.datatype)
    if limits is None:
        return number
    return max(limits[0], min(limits[1], round(number))) if math.isfinite(number) else None
