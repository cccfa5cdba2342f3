"""The layouts of the kernels' tables: each dtype mirrors a structure of ``native/codec.h``.

``wire._kernels`` compares their sizes when the library is loaded.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from commonwheel.wire.database import Signal

__all__ = [
    "CHECK",
    "CONDITION",
    "DERIVED",
    "FIELD",
    "LAYOUTS",
    "MAX_COUNTER_BITS",
    "MAX_MESSAGES",
    "MAX_TABLE_BITS",
    "MESSAGE",
    "MESSAGE_STATE",
    "OP",
    "RANGE",
    "SIGNAL",
    "SLOT",
    "SPILL",
    "SUMMARY",
    "WORD",
    "Derived",
    "Kind",
    "Op",
    "place",
]

FIELD = np.dtype([("byte", "u1"), ("shift", "u1"), ("width", "u1"), ("flags", "u1"), ("need", "u1"), ("unused", "3u1")])
CONDITION = np.dtype([("field", FIELD), ("first", "i4"), ("count", "i4")])
RANGE = np.dtype([("low", "u8"), ("high", "u8")])
SIGNAL = np.dtype(
    [
        ("factor", "f8"),
        ("offset", "f8"),
        ("low", "f8"),
        ("high", "f8"),
        ("mask", "u8"),
        ("sign", "u8"),
        ("invalid_low", "u8"),
        ("no_values", "u8"),
        ("field", FIELD),
        ("slot", "i4"),
        ("emit", "i4"),
        ("table", "i4"),
        ("table_size", "i4"),
        ("invalid", "i4"),
        ("invalids", "i4"),
        ("present", "i4"),
        ("presents", "u1"),
        ("valids", "u1"),
        ("kind", "u1"),
        ("slow", "u1"),
    ]
)
CHECK = np.dtype(
    [
        ("kind", "i4"),
        ("at", "i4"),
        ("mask", "i4"),
        ("sign", "i4"),
        ("base", "u4"),
        ("xorout", "u4"),
        ("table", "i4"),
        ("suffix", "i4"),
        ("counter", FIELD),
        ("minimum", "i4"),
        ("sizes", "i4"),
    ]
)
MESSAGE = np.dtype(
    [
        ("timeout_ns", "i8"),
        ("counter", FIELD),
        ("modulo", "i4"),
        ("stuck", "i4"),
        ("signal", "i4"),
        ("signals", "i4"),
        ("derived", "i4"),
        ("deriveds", "i4"),
        ("check", "i4"),
        ("bus", "i4"),
        ("size", "i4"),
        ("id", "u4"),
    ],
    align=True,
)
DERIVED = np.dtype(
    [
        ("factor", "f8"),
        ("offset", "f8"),
        ("low", "f8"),
        ("high", "f8"),
        ("kind", "i4"),
        ("slot", "i4"),
        ("emit", "i4"),
        ("input", "i4"),
        ("inputs", "i4"),
        ("code", "i4"),
        ("codes", "i4"),
        ("unused", "3i4"),
    ],
    align=True,
)
OP = np.dtype([("constant", "f8"), ("op", "i4"), ("input", "i4")])
SLOT = np.dtype([("value", "f8"), ("mark", "u8")])
MESSAGE_STATE = np.dtype(
    [
        ("last_ns", "i8"),
        ("frames", "u8"),
        ("corrupt", "u8"),
        ("lost", "u8"),
        ("stuck", "u8"),
        ("shorter", "u8"),
        ("stale", "u8"),
        ("counter", "u4"),
        ("repeats", "u4"),
        ("seen", "u1"),
        ("is_stale", "u1"),
        ("unused", "6u1"),
    ]
)
SUMMARY = np.dtype(
    [
        ("first_ns", "i8"),
        ("last_ns", "i8"),
        ("low", "f8"),
        ("high", "f8"),
        ("last", "f8"),
        ("counts", "5u8"),
    ]
)
LAYOUTS = (FIELD, CONDITION, RANGE, SIGNAL, CHECK, MESSAGE, DERIVED, OP, MESSAGE_STATE, SUMMARY)
"""In the order of ``cw_layout``."""

BIG, SIGNED, SPILL = 1, 2, 4
WORD = 64
MAX_COUNTER_BITS = 30
MAX_MESSAGES = 32767
MAX_TABLE_BITS = 16
"""Enumerations are looked up in a dense table, so their fields may be this wide."""


class Kind(enum.IntEnum):
    """How raw bits become a number."""

    INTEGER = 0
    FLOAT16 = 1
    FLOAT32 = 2
    FLOAT64 = 3
    RAW = 4
    """Not at all: the sample's eight bytes are the raw value as a signed 64-bit integer."""


class Op(enum.IntEnum):
    """One step of an expression; each takes its operands from a stack and leaves its result there."""

    CONSTANT = 0
    INPUT = 1
    NEG = 2
    ABS = 3
    FLOOR = 4
    ROUND = 5
    SQRT = 6
    NOT = 7
    ADD = 8
    SUB = 9
    MUL = 10
    DIV = 11
    POW = 12
    MIN = 13
    MAX = 14
    LT = 15
    LE = 16
    GT = 17
    GE = 18
    EQ = 19
    NE = 20
    AND = 21
    OR = 22
    SELECT = 23


class Derived(enum.IntEnum):
    """How a derived signal is made from its inputs."""

    FIRST_OF = 0
    COMPUTE = 1


def place(signal: Signal) -> tuple[int, int, int, int, int, tuple[int, int, int]]:
    """Return a database signal's place in the payload as a FIELD row.

    Raises:
        ValueError: it does not lie within 64 bytes.
    """
    first = signal.start // 8 * 8 + 7 - signal.start % 8 if signal.big_endian else signal.start
    last = first + signal.length - 1
    if first < 0 or last >= WORD * 8 or not 1 <= signal.length <= WORD:
        message = f"signal '{signal.name}' does not lie within 64 bytes"
        raise ValueError(message)
    byte = 0 if last < WORD else min(first // 8, 56)
    at = first - byte * 8
    spill = max(0, at + signal.length - WORD)
    flags = BIG * signal.big_endian | SIGNED * signal.signed | SPILL * (spill > 0)
    shift = spill or (WORD - at - signal.length if signal.big_endian else at)
    return byte, shift, signal.length, flags, last // 8 + 1, (0, 0, 0)
