"""What a field's bits mean, bit by bit, as the DBC format defines it: slow, and written without the codec."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from commonwheel.wire.database import Database, Message, Signal
from commonwheel.wire.state import Columns

__all__ = ["bits_of", "database", "extract", "fields", "insert", "number", "rows"]

_FLOATS = {16: "e", 32: "f", 64: "d"}


def bits_of(signal: Signal) -> list[tuple[int, int]]:
    """Return (byte, bit) of each bit of a field, the most significant first; bit 7 is a byte's highest."""
    byte, bit = divmod(signal.start, 8)
    if not signal.big_endian:
        return [divmod(signal.start + i, 8) for i in reversed(range(signal.length))]
    found: list[tuple[int, int]] = []
    for _ in range(signal.length):
        found.append((byte, bit))
        byte, bit = (byte, bit - 1) if bit else (byte + 1, 7)
    return found


def extract(signal: Signal, payload: bytes) -> int:
    """Return the raw bits as an unsigned number."""
    raw = 0
    for byte, bit in bits_of(signal):
        raw = raw << 1 | payload[byte] >> bit & 1
    return raw


def insert(signal: Signal, payload: bytearray, raw: int) -> None:
    """Put raw bits in place."""
    for i, (byte, bit) in enumerate(bits_of(signal)):
        value = raw >> (signal.length - 1 - i) & 1
        payload[byte] = payload[byte] & ~(1 << bit) | value << bit


def number(signal: Signal, raw: int) -> float:
    """Return what the raw bits stand for, before scaling."""
    if signal.is_float:
        size = signal.length // 8
        return struct.unpack("<" + _FLOATS[signal.length], raw.to_bytes(size, "little"))[0]
    if signal.signed and raw >> signal.length - 1:
        return float(raw - (1 << signal.length))
    return float(raw)


@st.composite
def fields(draw: st.DrawFn, size: int, *, floats: bool = True) -> Signal:
    """Draw a field that lies within *size* bytes, of any length and alignment."""
    kind = draw(st.sampled_from(["plain", "plain", "plain", "float"])) if floats and size >= 2 else "plain"
    lengths = (
        [length for length in _FLOATS if length <= 8 * size] if kind == "float" else range(1, min(64, 8 * size) + 1)
    )
    length = draw(st.sampled_from(lengths))
    first = draw(st.integers(0, 8 * size - length))
    big_endian = draw(st.booleans())
    # Counted from the first byte's highest bit on, a big-endian field is a run; its start is that first bit.
    start = first // 8 * 8 + 7 - first % 8 if big_endian else first
    signed = kind == "plain" and draw(st.booleans())
    return Signal(f"S{draw(st.integers(0, 10**9))}", start, length, big_endian, signed, is_float=kind == "float")


def database(*messages: Message) -> Database:
    """Return messages as the database of a bus."""
    return Database(Path("test.dbc"), messages)


def rows(columns: Columns) -> list[tuple[int, int, float, int]]:
    """Return samples as plain rows; NaN as -1 so that rows compare."""
    value = np.nan_to_num(columns.value, nan=-1.0)
    return list(zip(*(c.tolist() for c in (columns.t_ns, columns.signal, value, columns.quality)), strict=True))
