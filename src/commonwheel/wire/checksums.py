"""Checksums and counters: every algorithm a description may name, as rows of one table.

A checksum row is data for four small kernels (nibble sums, CRC-8, byte sums, XOR); a new maker's scheme
is a new row, or a new kernel with a name, never a branch on a maker. Layouts and constants of the Honda,
Nissan and Mitsubishi rows were checked against recorded traffic. E2E profiles 1 and 2 follow AUTOSAR's
E2E protocol specification (PRS_E2EProtocol): profile 1 computes CRC-8 SAE J1850 whose inversions cancel
(start and end at zero), profile 2 CRC-8H2F (poly 0x2F, start and end inverted).
"""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["CHECKSUMS", "COUNTERS", "Check", "Checksum", "Kernel", "compile_check", "crc8_slices"]

BYTE = 0xFF
NIBBLE = 0x0F
LARGEST_STANDARD_ID = 0x7FF
LONGEST = 64
"""Bytes of the longest frame."""
DATA_IDS = 16
"""Values of the counter that chooses a data id of E2E profile 2."""


class Kernel(enum.IntEnum):
    """Which loop computes a checksum; the codes are those of the C tables."""

    NIBBLES = 1
    CRC8 = 2
    SUM8 = 3
    """Sum of bytes, or with sign -1 its negative."""
    XOR8 = 4


@dataclass(frozen=True, slots=True)
class Check:
    """A checksum made ready for one message: constants of the message are folded in."""

    kernel: Kernel
    at: int
    """Byte that holds it; negative counts from the end of the frame."""
    mask: int
    base: int = 0
    sign: int = 1
    xorout: int = 0
    poly: int = 0
    suffix: tuple[int, ...] = ()
    """Sixteen bytes, one of which is fed last; the message's counter chooses (E2E profile 2)."""
    minimum: int = 1
    """A shorter frame cannot hold the checksum and fails."""
    sizes: bool = False
    """Whether the frame's length is part of the sum."""


@dataclass(frozen=True, slots=True)
class _Given:
    """What a check is made of: the message it is for, and the description's parameters."""

    can_id: int
    extended: bool
    parameters: Mapping[str, int | Sequence[int]]

    def number(self, name: str, default: int, low: int = 0, high: int = BYTE) -> int:
        """Return a parameter that is one whole number from *low* to *high*."""
        value = self.parameters.get(name, default)
        if not isinstance(value, int) or not low <= value <= high:
            message = f"'{name}' is one whole number from {low} to {high}, not {value}"
            raise ValueError(message)
        return value

    @property
    def at(self) -> int:
        """The byte that holds the checksum."""
        return self.number("at", -1, -LONGEST, LONGEST - 1)


@dataclass(frozen=True, slots=True)
class Checksum:
    """One named algorithm."""

    name: str
    summary: str
    make: Callable[[_Given], Check]
    """Makes the check for one message; ``compile_check`` calls it."""
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameter name to what it means; every one without 'optional' in it has to be given."""


def _digits(number: int) -> int:
    """Sum of the hexadecimal digits."""
    return sum(int(digit, 16) for digit in f"{number:x}")


def _honda(given: _Given) -> Check:
    base = (11 if given.extended or given.can_id > LARGEST_STANDARD_ID else 8) - _digits(given.can_id)
    return Check(Kernel.NIBBLES, at=-1, mask=NIBBLE, base=base % 16, sign=-1)


def _nissan_nibbles(given: _Given) -> Check:
    return Check(Kernel.NIBBLES, at=-1, mask=NIBBLE, base=_digits(given.can_id) % 16)


def _fixed_crc8(poly: int, init: int, xorout: int) -> Callable[[_Given], Check]:
    def make(_: _Given) -> Check:
        return Check(Kernel.CRC8, at=-1, mask=BYTE, base=init, xorout=xorout, poly=poly, minimum=2)

    return make


def _crc8(given: _Given) -> Check:
    at = given.at
    return Check(
        Kernel.CRC8,
        at=at,
        mask=BYTE,
        base=given.number("init", 0),
        xorout=given.number("xorout", 0),
        poly=given.number("poly", 0, low=1),
        minimum=max(2, at + 1, -at),
    )


def _toyota(given: _Given) -> Check:
    base = sum(given.can_id >> shift & BYTE for shift in (0, 8, 16, 24))
    return Check(Kernel.SUM8, at=-1, mask=BYTE, base=base % 256, sizes=True)


def _zero_sum(given: _Given) -> Check:
    at = given.at
    return Check(Kernel.SUM8, at=at, mask=BYTE, sign=-1, minimum=max(1, at + 1, -at))


def _xor(given: _Given) -> Check:
    at = given.at
    return Check(Kernel.XOR8, at=at, mask=BYTE, base=given.number("init", 0), minimum=max(1, at + 1, -at))


def _e2e_p1(given: _Given) -> Check:
    data_id = given.number("data_id", 0, high=0xFFFF)
    base = 0
    slices = crc8_slices(0x1D)
    for byte in (data_id & BYTE, data_id >> 8 & BYTE):  # both bytes, low one first (E2E_P01_DATAID_BOTH)
        base = int(slices[0, base ^ byte])
    return Check(Kernel.CRC8, at=0, mask=BYTE, base=base, poly=0x1D, minimum=2)


def _e2e_p2(given: _Given) -> Check:
    ids = given.parameters["data_id"]
    suffix = (ids,) * DATA_IDS if isinstance(ids, int) else tuple(ids)
    if len(suffix) != DATA_IDS or any(not 0 <= byte <= BYTE for byte in suffix):
        message = f"'data_id' is a list of {DATA_IDS} bytes, one for each counter value, or one byte"
        raise ValueError(message)
    return Check(Kernel.CRC8, at=0, mask=BYTE, base=BYTE, xorout=BYTE, poly=0x2F, suffix=suffix, minimum=2)


CHECKSUMS: Mapping[str, Checksum] = {
    row.name: row
    for row in (
        Checksum("honda", "4-bit sum of the id's and the payload's hex digits, negated, in the last nibble", _honda),
        Checksum("nissan-crc8", "CRC-8 poly 0x85 over the bytes before the last", _fixed_crc8(0x85, 0, 0)),
        Checksum("nissan-nibble-sum", "4-bit sum of the id's and the payload's hex digits", _nissan_nibbles),
        Checksum(
            "mitsubishi-crc8", "CRC-8 SAE J1850 (poly 0x1D) over the bytes before the last", _fixed_crc8(0x1D, 255, 255)
        ),
        Checksum("toyota", "8-bit sum of the id's bytes, the length and the bytes before the last", _toyota),
        Checksum("zero-sum", "makes the sum of all bytes zero", _zero_sum, {"at": "optional: byte, -1 is the last"}),
        Checksum("xor", "XOR of the other bytes", _xor, {"at": "optional: byte, -1 is the last", "init": "optional"}),
        Checksum(
            "crc8",
            "any CRC-8, most significant bit first",
            _crc8,
            {
                "poly": "polynomial",
                "init": "optional",
                "xorout": "optional",
                "at": "optional: byte that holds it, -1 is the last",
            },
        ),
        Checksum("autosar-e2e-p1", "AUTOSAR E2E profile 1, CRC in byte 0", _e2e_p1, {"data_id": "16-bit data id"}),
        Checksum(
            "autosar-e2e-p2", "AUTOSAR E2E profile 2, CRC in byte 0", _e2e_p2, {"data_id": "list of 16 bytes, or one"}
        ),
    )
}
"""Every checksum algorithm, by the name that descriptions use."""

COUNTERS: Mapping[str, int] = {"increment": 0, "autosar-e2e-p1": 15, "autosar-e2e-p2": 16}
"""Counter algorithm to the number of values it counts through; 0 means all that the field can hold."""


def compile_check(
    name: str, *, can_id: int, extended: bool, parameters: Mapping[str, int | Sequence[int]] | None = None
) -> Check:
    """Make the named algorithm ready for one message.

    Raises:
        ValueError: the name or a parameter is not known, or a needed parameter is missing.
    """
    given = dict(parameters or {})
    row = CHECKSUMS.get(name)
    if row is None:
        close = difflib.get_close_matches(name, CHECKSUMS, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        message = f"checksum '{name}' is not known{hint}; known are {', '.join(CHECKSUMS)}"
        raise ValueError(message)
    wrong = sorted(given.keys() - row.parameters.keys())
    if wrong:
        takes = ", ".join(row.parameters) or "none"
        message = f"checksum '{name}' has no parameter '{wrong[0]}' (it takes: {takes})"
        raise ValueError(message)
    for parameter, meaning in row.parameters.items():
        if "optional" not in meaning and parameter not in given:
            message = f"checksum '{name}' needs '{parameter}' ({meaning})"
            raise ValueError(message)
    try:
        return row.make(_Given(can_id, extended, given))
    except ValueError as error:
        message = f"checksum '{name}': {error}"
        raise ValueError(message) from error


def crc8_slices(poly: int) -> npt.NDArray[np.uint8]:
    """Return the table for slicing by eight, shape (8, 256): slice *j* is a byte followed by *j* zero bytes."""
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = np.where(table & 0x80, (table << 1) ^ poly, table << 1) & BYTE
    slices = np.zeros((8, 256), np.uint8)
    slices[0] = table
    for j in range(1, 8):
        slices[j] = slices[0][slices[j - 1]]
    return slices
