"""Bits of a message: whose each one is, and what number a payload holds in a field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.bits import CHECK, NOBODY, Run, bits_of, check_bits, first_bit, owners_of, raw_of, runs_of
from commonwheel.vehicles.model import Field, Message


def field(start: int, length: int, *, big: bool = True, signed: bool = False, name: str = "X") -> Field:
    return Field(name, start, length, big_endian=big, signed=signed, is_float=False, factor=1, offset=0)


def message(*fields: Field, size: int = 2) -> Message:
    return Message(0, "M", 0x10, extended=False, size=size, period_ns=0, timeout_ns=0, checksum="", check=-1,
                   counter="", modulo=0, personal=False, optional=False, fields=fields)  # fmt: skip


@pytest.mark.parametrize(
    ("one", "raw"),
    [
        (field(7, 8), 0x12),
        (field(0, 16, big=False), 0x3412),
        (field(7, 12), 0x123),
        (field(12, 4, big=False, signed=True), 3),
        (field(23, 8, signed=True), -1),
        (field(31, 8), 0),
        (field(16, 16, big=False), 0xFF),
    ],
)
def test_raw_numbers_are_read_in_both_byte_orders(one: Field, raw: int) -> None:
    """Bits that the payload of three bytes lacks are zero."""
    assert raw_of(bytes([0x12, 0x34, 0xFF]), one) == raw


@st.composite
def places(draw: st.DrawFn) -> Field:
    big, length = draw(st.booleans()), draw(st.integers(1, 64))
    first = draw(st.integers(0, 64 - length))
    return field(first // 8 * 8 + 7 - first % 8 if big else first, length, big=big)


@given(places(), st.binary(min_size=8, max_size=8))
def test_a_number_is_made_of_the_bits_that_are_drawn_as_its_field_s(one: Field, payload: bytes) -> None:
    """Independent of how it is read: set bit by bit, the payload's bits within the field give the same number."""
    owners = owners_of(message(one, size=8))
    assert owners.count(0) == one.length == bits_of(one).bit_count()
    kept = bytes(
        sum((payload[byte] >> bit & 1) << bit for bit in range(8) if owners[8 * byte + 7 - bit] == 0)
        for byte in range(8)
    )
    assert raw_of(kept, one) == raw_of(payload, one)
    assert (raw_of(payload, one) == 0) == (not any(kept))


@given(places())
def test_the_first_bit_is_worth_most(one: Field) -> None:
    place = first_bit(one)
    alone = bytes((1 << place % 8) if byte == place // 8 else 0 for byte in range(8))
    assert raw_of(alone, one) == 1 << one.length - 1


def test_runs_tell_where_a_field_begins() -> None:
    """A field that crosses a byte begins in one of them only; what belongs to nobody is a run too."""
    whole = message(field(3, 8, name="A"), field(8, 2, big=False, name="B"))
    first, second = runs_of(whole, owners_of(whole))
    assert first == (Run(NOBODY, 4, first=False), Run(0, 4, first=True))
    assert second == (Run(0, 4, first=False), Run(NOBODY, 2, first=False), Run(1, 2, first=True))


def test_earlier_fields_cover_later_ones_and_a_checksum() -> None:
    whole = message(field(7, 4), field(7, 8), size=1)
    assert owners_of(whole, check=0xFF) == (0,) * 4 + (1,) * 4
    assert owners_of(whole, check=0x0F, fields=[0]) == (0,) * 4 + (CHECK,) * 4
    assert owners_of(whole, fields=[1]) == (1,) * 8


def test_what_reaches_beyond_the_message_is_not_drawn() -> None:
    assert owners_of(message(field(0, 64, big=False), size=1)) == (0,) * 8


def test_the_checksum_s_bits_are_those_of_its_row() -> None:
    car = load_vehicle("honda/civic_gen10_bosch")
    speed = next(one for one in car.messages if one.checksum)
    assert check_bits(car, speed) == 0x0F << 8 * (speed.size - 1)
    bare = next(one for one in car.messages if not one.checksum)
    assert check_bits(car, bare) == 0
