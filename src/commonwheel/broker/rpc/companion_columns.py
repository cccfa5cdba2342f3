"""Batches and single values in the messages of ``commonwheel.v1``: little-endian columns, objects beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.broker.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Columns", "decode_columns", "decode_value", "encode_columns", "encode_value", "encoded_field"]

Columns: Final[Proto] = message("commonwheel.v1.Columns")
_Value: Final[Proto] = message("commonwheel.v1.Value")
_Carrier: Final[Proto] = message("commonwheel.v1.ReadResponse")
"""Has columns as its field 1, as every message that carries them to a reader."""

_INT32, _INT64, _FLOAT64, _UINT8 = np.dtype("<i4"), np.dtype("<i8"), np.dtype("<f8"), np.dtype("u1")
_MOST_INTEGER = 2**63 - 1
_MOST_NATURAL = 2**64 - 1


def encode_columns(updates: Updates) -> Proto:
    """Return a batch as a Columns message.

    Raises:
        BrokerError: WRONG_TYPE; an object that no value of the interface can be.
    """
    columns = Columns(
        signal=updates.signal.astype(_INT32, copy=False).tobytes(),
        t_ns=updates.t_ns.astype(_INT64, copy=False).tobytes(),
        value=updates.value.astype(_FLOAT64, copy=False).tobytes(),
        quality=updates.quality.tobytes(),
    )
    if updates.objects is not None:
        for row, item in enumerate(updates.objects.tolist()):
            if item is not None:
                encode_value(columns.items.add(row=row).value, item)
    return columns


def encoded_field(updates: Updates) -> bytes:
    """Return a batch as the bytes of a message's field 1 of type Columns; kept with the batch.

    The other fields of the message may be appended: the bytes of two parts of a message are those of the message.
    """
    known = updates.encoded.get(Columns)
    if known is None:
        known = updates.encoded[Columns] = _Carrier(columns=encode_columns(updates)).SerializeToString()
    return cast("bytes", known)


def decode_columns(columns: Proto) -> Updates:
    """Return the batch of a Columns message; its columns are views of the message's bytes and cannot be written to.

    Raises:
        BrokerError: INVALID; the columns are not of one length, or an item has no row or no value.
    """
    parts = (columns.signal, columns.t_ns, columns.value, columns.quality)
    count = len(parts[3])
    if tuple(map(len, parts)) != (4 * count, 8 * count, 8 * count, count):
        sizes = ", ".join(str(len(part)) for part in parts)
        message = f"columns of {sizes} bytes; signal, t_ns, value and quality take 4, 8, 8 and 1 for each row"
        raise BrokerError(Reason.INVALID, message)
    return Updates(
        np.frombuffer(parts[0], _INT32),
        np.frombuffer(parts[1], _INT64),
        np.frombuffer(parts[2], _FLOAT64),
        np.frombuffer(parts[3], _UINT8),
        _objects(columns.items, count) if columns.items else None,
    )


def _objects(items: Sequence[Proto], count: int) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    objects = np.full(count, None, object)
    before = -1
    for item in items:
        if not before < item.row < count:
            message = f"an item for row {item.row} after row {before} of {count}; rows count from 0 and rise"
            raise BrokerError(Reason.INVALID, message)
        before = item.row
        value = decode_value(item.value)
        if value is None:
            raise BrokerError(Reason.INVALID, f"the item for row {item.row} has no value")
        objects[item.row] = value
    return objects


def encode_value(holder: Proto, value: object) -> None:
    """Put a value into a Value message; None leaves it empty.

    Raises:
        BrokerError: WRONG_TYPE or OUT_OF_RANGE; no value of the interface is like this.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = cast("object", cast("Any", value).tolist())
    if value is None:
        return
    if isinstance(value, list | tuple):
        _encode_items(holder, cast("Sequence[object]", value))
    elif isinstance(value, bool):
        holder.boolean = value
    elif isinstance(value, int):
        setattr(holder, "integer" if _is_integer(value) else "natural", value)
    elif isinstance(value, float):
        holder.number = value
    elif isinstance(value, str):
        holder.text = _checked_text(value)
    else:
        raise _unknown(value)


def _is_integer(value: int) -> bool:
    """Whether a whole number goes in a signed field; else in an unsigned one.

    Raises:
        BrokerError: OUT_OF_RANGE, in neither.
    """
    if not -_MOST_INTEGER - 1 <= value <= _MOST_NATURAL:
        message = f"a whole number of {value.bit_length()} bits; 64 are the most"
        raise BrokerError(Reason.OUT_OF_RANGE, message)
    return value <= _MOST_INTEGER


def _encode_items(holder: Proto, items: Sequence[object]) -> None:
    kinds = {type(item) for item in items}
    if kinds <= {str}:
        holder.texts.items.extend(_checked_text(cast("str", item)) for item in items)
        holder.texts.SetInParent()  # so that an array without elements is one
    elif kinds == {bool}:
        holder.booleans.items.extend(items)
    elif kinds == {int}:
        numbers = cast("Sequence[int]", items)
        fits = [_is_integer(number) for number in numbers]
        if all(fits):
            holder.integers.items.extend(numbers)
        elif min(numbers) < 0:
            message = f"whole numbers from {min(numbers)} to {max(numbers)}; they fit no array of 64 bits"
            raise BrokerError(Reason.OUT_OF_RANGE, message)
        else:
            holder.naturals.items.extend(numbers)
    elif kinds <= {int, float}:
        holder.numbers.items.extend(float(cast("float", item)) for item in items)
    else:
        raise _unknown(items)


def _checked_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        message = "a text is no Unicode text (it holds half of a surrogate pair)"
        raise BrokerError(Reason.NOT_ALLOWED, message) from None
    return text


def _unknown(value: object) -> BrokerError:
    what = type(value).__name__
    message = f"a value is a boolean, a number, a text or an array of one of them, not {what}"
    return BrokerError(Reason.WRONG_TYPE, message)


def decode_value(holder: Proto) -> bool | int | float | str | list[bool] | list[int] | list[float] | list[str] | None:
    """Return the value of a Value message; None when it has none."""
    kind = holder.WhichOneof("kind")
    if kind is None:
        return None
    value = getattr(holder, kind)
    return list(value.items) if kind in {"booleans", "integers", "naturals", "numbers", "texts"} else value
