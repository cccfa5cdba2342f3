"""Fields in payloads, one bit at a time: slow, plain, and sharing nothing with what is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.guard.envelope import FieldRule

__all__ = ["covered", "holds", "places", "put", "raw_of", "read", "value_of"]


def places(field: FieldRule) -> Iterator[tuple[int, int]]:
    """Yield the byte and the bit in it of each bit of a field, the most significant first."""
    if not field.big_endian:
        for at in reversed(range(field.start, field.start + field.length)):
            yield at // 8, at % 8
        return
    byte, bit = divmod(field.start, 8)
    for _ in range(field.length):
        yield byte, bit
        byte, bit = (byte, bit - 1) if bit else (byte + 1, 7)


def read(payload: bytes, field: FieldRule) -> int:
    """Return the raw value of a field, signed where it is."""
    raw = 0
    for byte, bit in places(field):
        raw = raw << 1 | payload[byte] >> bit & 1
    return raw - (1 << field.length) if field.signed and raw >> (field.length - 1) else raw


def put(payload: bytearray, field: FieldRule, raw: int) -> None:
    """Write a raw value into a field; what does not fit is cut off."""
    raw &= (1 << field.length) - 1
    for number, (byte, bit) in enumerate(places(field)):
        mask = 1 << bit
        payload[byte] = payload[byte] & ~mask | (mask if raw >> (field.length - 1 - number) & 1 else 0)


def value_of(field: FieldRule, raw: int) -> float:
    """Return what a raw value means."""
    return raw * field.factor + field.offset


def raw_of(field: FieldRule, value: float) -> int:
    """Return the raw value nearest to a value, whether or not the field can hold it."""
    return round((value - field.offset) / field.factor)


def holds(field: FieldRule, raw: int) -> bool:
    """Return whether a field's bits can show a raw value."""
    least = -(1 << (field.length - 1)) if field.signed else 0
    return least <= raw < least + (1 << field.length)


def covered(fields: tuple[FieldRule, ...], size: int) -> bytes:
    """Return a payload with ones where there are fields."""
    payload = bytearray(size)
    for field in fields:
        put(payload, field, -1)
    return bytes(payload)
