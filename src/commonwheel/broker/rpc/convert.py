"""Values and times between the broker and KUKSA's messages, which name them alike in v1 and v2.

KUKSA has a field for each of eight types: the small whole numbers share ``int32`` and ``uint32``. A value has to come
in the field of its signal's datatype; nothing is guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.values import from_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from commonwheel.broker.rpc.interface import Proto
    from commonwheel.broker.signals import Signal
    from commonwheel.broker.updates import Updates
    from commonwheel.broker.values import Value
    from commonwheel.catalog import Leaf

__all__ = ["FIELDS", "FLOAT_MAX", "field_of", "fill", "float_limits", "read_time", "read_value", "row_value"]

FIELDS: Final[dict[str, str]] = {
    "string": "string",
    "boolean": "bool",
    "int8": "int32",
    "int16": "int32",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint32",
    "uint16": "uint32",
    "uint32": "uint32",
    "uint64": "uint64",
    "float": "float",
    "double": "double",
}
"""The field for a value of each datatype; an array's is that of its elements with ``_array`` behind it."""

_ALL_FIELDS = FIELDS | {f"{datatype}[]": f"{field}_array" for datatype, field in FIELDS.items()}

FLOAT_MAX = 3.4028234663852886e38
"""Largest value of a float."""

_SECOND = 1_000_000_000
_MOST_SECONDS = (2**63 - 1) // _SECOND - 1


def field_of(leaf: Leaf) -> str:
    """Return the field that values of a signal come in; '' for a struct, which KUKSA has none for."""
    return _ALL_FIELDS.get(leaf.datatype, "")


def fill(holder: Proto, signal: Signal, value: Value) -> None:
    """Put a value into a message, in the field of its datatype, clamped to what a ``float`` holds."""
    leaf = signal.leaf
    field = field_of(leaf)
    if leaf.is_array:
        items = value if isinstance(value, list) else [value]
        array = getattr(holder, field)
        array.SetInParent()  # so that an array without elements is one nevertheless
        array.values.extend(_clamped(item) if leaf.element == "float" else item for item in items)
    else:
        setattr(holder, field, _clamped(value) if leaf.element == "float" else value)


def _clamped(value: object) -> object:
    return max(-FLOAT_MAX, min(FLOAT_MAX, value)) if isinstance(value, int | float) else value


def read_value(holder: Proto, oneof: str, signal: Signal) -> Value | None:
    """Return the value in a message, or None where it has none.

    Args:
        holder: a message with one field for each type.
        oneof: what the choice among these fields is called: ``value`` in v1, ``typed_value`` in v2.
        signal: whose value it is.

    Raises:
        BrokerError: WRONG_TYPE, it is in the field of another type.
    """
    found = holder.WhichOneof(oneof)
    if found is None:
        return None
    wanted = field_of(signal.leaf)
    if found != wanted:
        message = f"{signal.path} is {signal.leaf.datatype}; its value has to be in '{wanted or 'no'}', not '{found}'"
        raise BrokerError(Reason.WRONG_TYPE, message, signal=signal.number)
    value = getattr(holder, found)
    if signal.leaf.element != "float":
        return list(value.values) if signal.leaf.is_array else value
    return (
        [_snapped(item, signal.leaf) for item in value.values] if signal.leaf.is_array else _snapped(value, signal.leaf)
    )


def float_limits(leaf: Leaf) -> tuple[float, float]:
    """Return a leaf's limits as the nearest values of a ``float``."""
    low = -FLOAT_MAX if leaf.minimum is None else max(leaf.minimum, -FLOAT_MAX)
    high = FLOAT_MAX if leaf.maximum is None else min(leaf.maximum, FLOAT_MAX)
    return float(np.float32(low)), float(np.float32(high))


def _snapped(value: float, leaf: Leaf) -> float:
    """Return a limit for the ``float`` that is nearest to it: rounding alone puts no value out of range."""
    low, high = float_limits(leaf)
    if leaf.maximum is not None and value == high:
        return leaf.maximum
    return leaf.minimum if leaf.minimum is not None and value == low else value


def read_time(datapoint: Proto) -> int | None:
    """Return a data point's time in nanoseconds UTC, or None where it has none.

    Raises:
        BrokerError: INVALID, it is none, or beyond the years 1678 to 2261.
    """
    if not datapoint.HasField("timestamp"):
        return None
    seconds, nanos = datapoint.timestamp.seconds, datapoint.timestamp.nanos
    if abs(seconds) > _MOST_SECONDS or not 0 <= nanos < _SECOND:
        message = f"the timestamp of {seconds} s and {nanos} ns is none that can be kept"
        raise BrokerError(Reason.INVALID, message)
    return seconds * _SECOND + nanos


def row_value(signal: Signal, updates: Updates, row: int) -> Value | None:
    """Return the typed value in a row of a batch, or None unless it is a good one."""
    if updates.quality[row] != Quality.GOOD:
        return None
    item = None if updates.objects is None else updates.objects[row]
    return from_inside(signal, float(updates.value[row]), item)
