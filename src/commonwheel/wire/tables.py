"""Flat tables that the kernels work on, and the builder that makes them.

Tables know messages, fields and slots, never a car or a standard: a slot is a place for a current value, an
*emit* number is what its samples are labelled with. ``wire.layouts`` has the shapes of their rows.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire.checksums import crc8_slices
from commonwheel.wire.frames import EXTENDED_FLAG
from commonwheel.wire.layouts import (
    CHECK,
    CONDITION,
    DERIVED,
    MAX_COUNTER_BITS,
    MAX_MESSAGES,
    MAX_TABLE_BITS,
    MESSAGE,
    OP,
    RANGE,
    SIGNAL,
    SPILL,
    WORD,
    Derived,
    Kind,
    Op,
    place,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from commonwheel.wire.checksums import Check
    from commonwheel.wire.database import Signal

__all__ = ["MAX_TABLE_BITS", "Condition", "Op", "SignalRow", "TableBuilder", "Tables"]


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when the field's raw value lies in one of the inclusive ranges."""

    signal: Signal
    values: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class SignalRow:
    """How one field becomes the samples of one signal."""

    signal: Signal
    emit: int
    factor: float = 1.0
    offset: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    invalid: tuple[tuple[int, int], ...] = ()
    """Inclusive ranges of raw bits (not sign-extended) that mean 'no value'."""
    table: tuple[float, ...] = ()
    """Value for each raw code from 0 on; NaN where there is none."""
    present: tuple[Condition, ...] = ()
    valid: tuple[Condition, ...] = ()
    raw: bool = False


@dataclass(frozen=True, slots=True)
class _Message:
    row: tuple[int, ...]
    counter: tuple[int, int, int, int, int, tuple[int, int, int]]
    signals: list[tuple[SignalRow, int]] = field(default_factory=list[tuple[SignalRow, int]])


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything the kernels need to know of a set of messages, in flat arrays."""

    standard: npt.NDArray[np.int16]
    keys: npt.NDArray[np.uint64]
    keyed: npt.NDArray[np.int32]
    messages: npt.NDArray[np.void]
    signals: npt.NDArray[np.void]
    conditions: npt.NDArray[np.void]
    ranges: npt.NDArray[np.void]
    values: npt.NDArray[np.float64]
    checks: npt.NDArray[np.void]
    bytes: npt.NDArray[np.uint8]
    derived: npt.NDArray[np.void]
    order: npt.NDArray[np.int32]
    inputs: npt.NDArray[np.int32]
    ops: npt.NDArray[np.void]
    slots: int
    buses: int

    @property
    def burst(self) -> int:
        """The most samples that one frame, or one late message, can yield."""
        per_message = self.messages["signals"] + self.messages["deriveds"]
        return int(per_message.max(initial=0)) + 1

    def select(self, emits: Iterable[int]) -> Tables:
        """Return tables that yield samples of these emit numbers only; the rest is still kept track of."""
        wanted = np.fromiter(emits, np.int32)
        changed = {"signals": self.signals.copy(), "derived": self.derived.copy()}
        for rows in changed.values():
            rows["emit"][~np.isin(rows["emit"], wanted)] = -1
        kept = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in changed}
        return Tables(**changed, **kept)


class TableBuilder:
    """Collects messages, signals and derived signals; ``build`` lays them out flat."""

    def __init__(self, buses: int) -> None:
        self._buses = buses
        self._messages: list[_Message] = []
        self._ids: list[tuple[int, int]] = []
        self._conditions: list[tuple[tuple[int, int, int, int, int, tuple[int, int, int]], int, int]] = []
        self._ranges: list[tuple[int, int]] = []
        self._values: list[float] = []
        self._checks: list[tuple[object, ...]] = []
        self._bytes: list[int] = []
        self._crc_tables: dict[int, int] = {}
        self._derived: list[tuple[float | int | tuple[int, ...], ...]] = []
        self._derived_messages: list[set[int]] = []
        self._inputs: list[int] = []
        self._ops: list[tuple[float, int, int]] = []
        self._slot_messages: list[set[int]] = []

    def message(
        self,
        *,
        bus: int,
        can_id: int,
        extended: bool,
        size: int,
        timeout_ns: int = 0,
        counter: Signal | None = None,
        modulo: int = 0,
        check: Check | None = None,
    ) -> int:
        """Add a message; returns its index. ``modulo`` 0 means all that the counter can hold.

        Raises:
            ValueError: the counter is too wide, or missing where the checksum depends on it.
        """
        where = place(counter) if counter else (0, 0, 0, 0, 0, (0, 0, 0))
        if counter and counter.length > MAX_COUNTER_BITS:
            message = f"counter '{counter.name}' has more than {MAX_COUNTER_BITS} bits"
            raise ValueError(message)
        if check and check.suffix and not counter:
            message = "the checksum depends on the message's counter, and there is none"
            raise ValueError(message)
        values = modulo or (1 << where[2])
        # A counter stands still after so many repeats that chance would show it once in 256 lossy steps.
        stuck = max(1, math.ceil(8 / math.log2(values))) if counter and values > 1 else 1
        checked = self._check(check, where) if check else -1
        self._messages.append(_Message((timeout_ns, values, stuck, checked, bus, size, can_id), where))
        self._ids.append((bus, can_id | (EXTENDED_FLAG if extended else 0)))
        return len(self._messages) - 1

    def check_of(self, message: int) -> int:
        """Return the row of a message's checksum in the tables; -1 when it has none."""
        return self._messages[message].row[3]

    def signal(self, message: int, row: SignalRow) -> int:
        """Add a signal to a message; returns its slot."""
        slot = len(self._slot_messages)
        self._slot_messages.append({message})
        self._messages[message].signals.append((row, slot))
        return slot

    def first_of(self, slots: Sequence[int], emit: int) -> int:
        """Add a signal that speaks with the first input that is good; returns its slot."""
        return self._derive(Derived.FIRST_OF, slots, emit, (1.0, 0.0, -math.inf, math.inf), (0, 0))

    def compute(
        self,
        slots: Sequence[int],
        ops: Sequence[tuple[Op, float | int]],
        emit: int,
        *,
        scaling: tuple[float, float, float, float] = (1.0, 0.0, -math.inf, math.inf),
    ) -> int:
        """Add a computed signal; returns its slot.

        ``ops`` is in postfix order, an INPUT's argument is the input's position in ``slots``. ``scaling``
        is (factor, offset, low, high), applied to the result.
        """
        factor, offset, low, high = scaling
        start = len(self._ops)
        for op, argument in ops:
            slot = slots[int(argument)] if op is Op.INPUT else 0
            self._ops.append((float(argument) if op is Op.CONSTANT else 0.0, int(op), slot))
        return self._derive(Derived.COMPUTE, slots, emit, (factor, offset, *_limits(low, high)), (start, len(ops)))

    def build(self) -> Tables:
        """Lay everything out.

        Raises:
            ValueError: a row is one that the kernels cannot work with.
        """
        if len(self._messages) > MAX_MESSAGES:
            message = f"{len(self._messages)} messages are more than {MAX_MESSAGES}"
            raise ValueError(message)
        messages = np.zeros(len(self._messages), MESSAGE)
        signals: list[tuple[object, ...]] = []
        order: list[int] = []
        for i, message in enumerate(self._messages):
            timeout_ns, modulo, stuck, check, bus, size, can_id = message.row
            deriveds = [k for k, depends in enumerate(self._derived_messages) if i in depends]
            messages[i] = (
                timeout_ns,
                message.counter,
                modulo,
                stuck,
                len(signals),
                len(message.signals),
                len(order),
                len(deriveds),
                check,
                bus,
                size,
                can_id,
            )
            signals.extend(self._signal_row(row, slot) for row, slot in message.signals)
            order.extend(deriveds)
        standard, keys, keyed = self._index()
        return Tables(
            standard=standard,
            keys=keys,
            keyed=keyed,
            messages=messages,
            signals=_rows(signals, SIGNAL),
            conditions=_rows(self._conditions, CONDITION),
            ranges=_rows(self._ranges, RANGE),
            values=np.array(self._values, np.float64),
            checks=_rows(self._checks, CHECK),
            bytes=np.array(self._bytes, np.uint8),
            derived=_rows(self._derived, DERIVED),
            order=np.array(order, np.int32),
            inputs=np.array(self._inputs, np.int32),
            ops=_rows(self._ops, OP),
            slots=len(self._slot_messages),
            buses=self._buses,
        )

    def _derive(
        self,
        kind: Derived,
        slots: Sequence[int],
        emit: int,
        scaling: tuple[float, float, float, float],
        code: tuple[int, int],
    ) -> int:
        slot = len(self._slot_messages)
        messages = set[int]().union(*(self._slot_messages[s] for s in slots))
        self._slot_messages.append(messages)
        self._derived_messages.append(messages)
        self._derived.append((*scaling, int(kind), slot, emit, len(self._inputs), len(slots), *code, (0, 0, 0)))
        self._inputs.extend(slots)
        return slot

    def _check(self, check: Check, counter: tuple[int, int, int, int, int, tuple[int, int, int]]) -> int:
        table = suffix = -1
        if check.poly:
            if check.poly not in self._crc_tables:
                self._crc_tables[check.poly] = len(self._bytes)
                self._bytes.extend(crc8_slices(check.poly).ravel().tolist())
            table = self._crc_tables[check.poly]
        minimum = check.minimum
        if check.suffix:
            suffix = len(self._bytes)
            self._bytes.extend(check.suffix)
            minimum = max(minimum, counter[4])
        self._checks.append(
            (
                int(check.kernel),
                check.at,
                check.mask,
                check.sign,
                check.base,
                check.xorout,
                table,
                suffix,
                counter,
                minimum,
                int(check.sizes),
            )
        )
        return len(self._checks) - 1

    def _signal_row(self, row: SignalRow, slot: int) -> tuple[object, ...]:
        kind = _kind(row)
        table = -1
        if row.table:
            if row.signal.length > MAX_TABLE_BITS:
                message = f"signal '{row.signal.name}' is too wide for an enumeration (more than 16 bits)"
                raise ValueError(message)
            table = len(self._values)
            self._values.extend(row.table)
        first_invalid, further = _first_range(row.invalid)
        ranges = len(self._ranges)
        self._ranges.extend(further)
        present = len(self._conditions)
        for condition in (*row.present, *row.valid):
            self._conditions.append((place(condition.signal), len(self._ranges), len(condition.values)))
            self._ranges.extend(condition.values)
        wide = row.signal.length == WORD and not row.signal.signed
        where = place(row.signal)
        special = table >= 0 or further or row.present or row.valid or kind != Kind.INTEGER
        slow = bool(special or wide or where[3] & SPILL)
        return (
            row.factor,
            row.offset,
            *_limits(row.low, row.high),
            (1 << row.signal.length) - 1,
            1 << row.signal.length - 1 if row.signal.signed and not row.signal.is_float else 0,
            *first_invalid,
            where,
            slot,
            row.emit,
            table,
            len(row.table),
            ranges,
            len(further),
            present,
            len(row.present),
            len(row.valid),
            int(kind),
            int(slow),
        )

    def _index(self) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
        standard = np.full((max(1, self._buses), 2048), -1, np.int16)
        extended: list[tuple[int, int]] = []
        for i, (bus, can_id) in enumerate(self._ids):
            if can_id & EXTENDED_FLAG:
                extended.append((bus << 32 | can_id, i))
            else:
                standard[bus, can_id] = i
        size = 1 << (2 * len(extended)).bit_length() if extended else 0
        keys = np.full(size, np.iinfo(np.uint64).max, np.uint64)
        keyed = np.full(size, -1, np.int32)
        for key, i in extended:
            at = ((key * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF) >> 40) & (size - 1)
            while keyed[at] >= 0 and keys[at] != key:
                at = (at + 1) & (size - 1)
            keys[at], keyed[at] = key, i
        return standard, keys, keyed


def _first_range(
    spans: tuple[tuple[int, int], ...],
) -> tuple[tuple[int, int], tuple[tuple[int, int], ...]]:
    """Return the first span as (lowest code, number of codes), (0, 0) for none, and the other spans."""
    if not spans or spans[0][1] - spans[0][0] + 1 >> WORD:  # a number of codes that no word holds
        return (0, 0), spans
    low, high = spans[0]
    return (low, high - low + 1), spans[1:]


def _limits(low: float, high: float) -> tuple[float, float]:
    """Return the limits that the kernel compares with; infinite values are never within them."""
    # A rounding error of the last bit must not push a value at the limit over it.
    low, high = low - 1e-9 * max(1.0, abs(low)), high + 1e-9 * max(1.0, abs(high))
    return max(low, -sys.float_info.max), min(high, sys.float_info.max)


def _kind(row: SignalRow) -> Kind:
    if row.raw:
        return Kind.RAW
    if not row.signal.is_float:
        return Kind.INTEGER
    try:
        return {16: Kind.FLOAT16, 32: Kind.FLOAT32, 64: Kind.FLOAT64}[row.signal.length]
    except KeyError:
        message = f"signal '{row.signal.name}' is a float of {row.signal.length} bits; IEEE floats have 16, 32 or 64"
        raise ValueError(message) from None


def _rows(rows: Sequence[tuple[object, ...]], dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    array = np.zeros(len(rows), dtype)
    for i, row in enumerate(rows):
        array[i] = row
    return array
