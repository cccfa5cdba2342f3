"""What kuksa.val.v1 tells of a signal: DataEntry messages with values, targets and metadata.

A value or target of any quality but GOOD is none: the interface has no field to say how bad it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from commonwheel.broker.rpc.convert import fill
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.broker.rpc.v1_fields import ALL_PARTS, Field
from commonwheel.broker.values import from_inside
from commonwheel.catalog.leaf import INTEGER_RANGES, Kind
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.updates import Updates
    from commonwheel.broker.values import Value
    from commonwheel.catalog.leaf import Leaf

__all__ = ["Entries", "Row"]

_DATATYPES: Final = {
    "string": 1,
    "boolean": 2,
    "int8": 3,
    "int16": 4,
    "int32": 5,
    "int64": 6,
    "uint8": 7,
    "uint16": 8,
    "uint32": 9,
    "uint64": 10,
    "float": 11,
    "double": 12,
}
_ARRAY: Final = 19
"""Added to the number of an element's datatype gives the number of its array."""
_KINDS: Final = {Kind.ATTRIBUTE: 1, Kind.SENSOR: 2, Kind.ACTUATOR: 3}
_OWN_PART: Final = {
    Kind.ACTUATOR: (Field.METADATA_ACTUATOR, "actuator"),
    Kind.SENSOR: (Field.METADATA_SENSOR, "sensor"),
    Kind.ATTRIBUTE: (Field.METADATA_ATTRIBUTE, "attribute"),
}


class Row(NamedTuple):
    """One signal at one time."""

    number: int
    value: Value | None
    """None unless it is a good one."""
    t_ns: int
    """Nanoseconds UTC."""


class Entries:
    """Makes the entries of a broker's signals."""

    def __init__(self, table: SignalTable) -> None:
        self._table = table
        self._whole: dict[int, Proto] = {}
        """Metadata with all its parts, of the signals that were asked for."""

    def fill(self, entry: Proto, number: int, parts: frozenset[Field], value: Row | None, target: Row | None) -> None:
        """Fill an empty DataEntry.

        Args:
            entry: the message.
            number: the signal's.
            parts: of its metadata.
            value: what it is; None where that is not asked for.
            target: what was asked of it; None where that is not asked for.
        """
        entry.path = self._table[number].path
        if value is not None and value.value is not None:
            self._fill(entry.value, value)
        if target is not None and target.value is not None:
            self._fill(entry.actuator_target, target)
        if parts:
            entry.metadata.CopyFrom(self.metadata(number, parts))

    def updates(self, batch: Updates, field: Field) -> bytes:
        """Return a batch of values (or of targets, as *field* says) as the bytes of a SubscribeResponse."""
        key = ("kuksa.val.v1", field)
        known = batch.encoded.get(key)
        if isinstance(known, bytes):
            return known
        made = message("kuksa.val.v1.SubscribeResponse")()
        for row in self.rows(batch):
            entry = made.updates.add(fields=(field,)).entry
            entry.path = self._table[row.number].path
            if row.value is not None:
                self._fill(entry.value if field is Field.VALUE else entry.actuator_target, row)
        data = cast("bytes", made.SerializeToString())
        batch.encoded[key] = data
        return data

    def _fill(self, datapoint: Proto, row: Row) -> None:
        if row.value is not None:
            fill(datapoint, self._table[row.number], row.value)
            timestamp = datapoint.timestamp
            timestamp.seconds, timestamp.nanos = divmod(row.t_ns, 1_000_000_000)

    def metadata(self, number: int, parts: frozenset[Field]) -> Proto:
        """Return parts of a signal's metadata; the message is shared, and not to be changed."""
        if parts != ALL_PARTS:
            return _metadata(self._table[number].leaf, parts)
        if number not in self._whole:
            self._whole[number] = _metadata(self._table[number].leaf, parts)
        return self._whole[number]

    def rows(self, updates: Updates) -> Iterator[Row]:
        """Yield what each update says."""
        table, objects = self._table, updates.objects
        columns = (column.tolist() for column in (updates.signal, updates.t_ns, updates.value, updates.quality))
        for i, (number, t_ns, inside, quality) in enumerate(zip(*columns, strict=True)):
            item = None if objects is None else objects[i]
            good = quality == Quality.GOOD
            yield Row(number, from_inside(table[number], inside, item) if good else None, t_ns)


def _metadata(leaf: Leaf, parts: frozenset[Field]) -> Proto:
    made = message("kuksa.val.v1.Metadata")()
    if Field.METADATA_DATA_TYPE in parts:
        number = _DATATYPES.get(leaf.element, 0)
        made.data_type = number + _ARRAY if number and leaf.is_array else number
    if Field.METADATA_ENTRY_TYPE in parts:
        made.entry_type = _KINDS[leaf.kind]
    if Field.METADATA_DESCRIPTION in parts:
        made.description = leaf.description
    for part, name, text in (
        (Field.METADATA_COMMENT, "comment", leaf.comment),
        (Field.METADATA_DEPRECATION, "deprecation", leaf.deprecation),
        (Field.METADATA_UNIT, "unit", leaf.unit),
    ):
        if part in parts and text:
            setattr(made, name, text)
    if Field.METADATA_VALUE_RESTRICTION in parts:
        _restrict(made, leaf)
    part, name = _OWN_PART[leaf.kind]
    if part in parts:
        getattr(made, name).SetInParent()
    return made


def _restrict(made: Proto, leaf: Leaf) -> None:
    """State the range and the allowed values, in the member for the datatype; none where the leaf states none."""
    if leaf.minimum is None and leaf.maximum is None and not leaf.allowed:
        return
    if leaf.element == "string":
        if leaf.allowed:
            made.value_restriction.string.allowed_values.extend(map(str, leaf.allowed))
    elif leaf.element in INTEGER_RANGES:
        low, high = INTEGER_RANGES[leaf.element]
        restriction = made.value_restriction.unsigned if low == 0 else made.value_restriction.signed
        if leaf.minimum is not None:
            restriction.min = min(max(low, math.ceil(leaf.minimum)), high)
        if leaf.maximum is not None:
            restriction.max = min(max(low, math.floor(leaf.maximum)), high)
        restriction.allowed_values.extend(int(value) for value in leaf.allowed)
    elif leaf.element in {"float", "double"}:
        restriction = made.value_restriction.floating_point
        if leaf.minimum is not None:
            restriction.min = leaf.minimum
        if leaf.maximum is not None:
            restriction.max = leaf.maximum
        restriction.allowed_values.extend(float(value) for value in leaf.allowed)
