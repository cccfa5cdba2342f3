"""A message bit by bit: which field owns which bit, and the number that a payload holds in a field.

Bits are numbered as DBC does, byte * 8 + bit with bit 7 the most significant of its byte; they are drawn byte by
byte, the most significant bit first, which is the order in which they go over the wire.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.vehicles.encoder import layout_of
from commonwheel.wire.database.layout import signal_bits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonwheel.vehicles.model import Field, Message
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = [
    "CHECK",
    "NOBODY",
    "Run",
    "bits_of",
    "check_bits",
    "first_bit",
    "number_of",
    "owners_of",
    "raw_of",
    "runs_of",
    "value_of",
]

NOBODY, CHECK = -1, -2
"""Owners that are no field: a bit that none covers, and one of a checksum that is no field of the database."""


def bits_of(field: Field) -> int:
    """Return the bits that a field covers, as a mask over byte * 8 + bit."""
    return signal_bits(layout_of(field))


def first_bit(field: Field) -> int:
    """Return the most significant bit of a field, as byte * 8 + bit."""
    return field.start if field.big_endian else field.start + field.length - 1


def check_bits(vehicle: Vehicle, message: Message) -> int:
    """Return the bits that a message's checksum is in, as a mask over byte * 8 + bit; 0 without one."""
    if message.check < 0 or not message.size:
        return 0
    row = vehicle.tables.checks[message.check]
    return int(row["mask"]) << 8 * (int(row["at"]) % message.size)


def owners_of(message: Message, check: int = 0, fields: Iterable[int] | None = None) -> tuple[int, ...]:
    """Return the owner of each bit in the order in which they are drawn: the number of a field, NOBODY or CHECK.

    Args:
        message: whose bits.
        check: bits of its checksum, see ``check_bits``.
        fields: the numbers of the fields that are looked at, earlier ones first; None is all of them.
    """
    chosen = range(len(message.fields)) if fields is None else fields
    owner = [NOBODY] * (8 * message.size)
    places = [(number, bits_of(message.fields[number])) for number in chosen]
    for number, mask in [(CHECK, check), *reversed(places)]:
        rest = mask
        while rest:
            bit = (rest & -rest).bit_length() - 1
            rest &= rest - 1
            at = bit // 8 * 8 + 7 - bit % 8
            if at < len(owner):  # a field that nothing maps may reach beyond its message
                owner[at] = number
    return tuple(owner)


_FLOATS = {16: "<e", 32: "<f", 64: "<d"}


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring bits of one byte with one owner."""

    owner: int
    length: int
    first: bool
    """Whether it begins with the most significant bit of its field."""


def runs_of(message: Message, owners: tuple[int, ...]) -> tuple[tuple[Run, ...], ...]:
    """Return each byte's runs, of the owners that ``owners_of`` returned."""
    return tuple(_runs(message, byte, owners[8 * byte : 8 * byte + 8]) for byte in range(len(owners) // 8))


def _runs(message: Message, byte: int, owners: tuple[int, ...]) -> tuple[Run, ...]:
    found: list[Run] = []
    begin = 0
    for at in range(1, 9):
        if at < len(owners) and owners[at] == owners[begin]:
            continue
        owner = owners[begin]
        first = owner >= 0 and first_bit(message.fields[owner]) == 8 * byte + 7 - begin
        found.append(Run(owner, at - begin, first))
        begin = at
    return tuple(found)


def raw_of(payload: bytes, field: Field) -> int:
    """Return the whole number in a field of a payload; the bits of a float as they are.

    Bits that a short payload lacks count as zero.
    """
    mask = (1 << field.length) - 1
    if field.big_endian:
        first = field.start // 8 * 8 + 7 - field.start % 8  # counted from the payload's very first bit
        whole = payload.ljust((first + field.length + 7) // 8, b"\0")
        raw = int.from_bytes(whole, "big") >> (8 * len(whole) - first - field.length) & mask
    else:
        raw = int.from_bytes(payload, "little") >> field.start & mask
    return raw - (1 << field.length) if field.signed and raw >> field.length - 1 else raw


def number_of(raw: int, field: Field) -> float:
    """Return the number that a field's bits stand for before it is scaled: a float's value, else *raw* itself."""
    if not field.is_float:
        return raw
    bits = (raw & (1 << field.length) - 1).to_bytes(field.length // 8, "little")
    return float(struct.unpack(_FLOATS[field.length], bits)[0])


def value_of(raw: int, field: Field) -> float:
    """Return the value that a field's number stands for, in the field's own unit."""
    return number_of(raw, field) * field.factor + field.offset
