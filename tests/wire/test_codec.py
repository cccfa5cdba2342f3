"""Decoding and packing: every layout, against a slow model of the format and against cantools."""

from __future__ import annotations

import math
import random
from typing import Any

import cantools
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.wire.codec import Decoder, compile_database, decode_database, pack
from commonwheel.wire.database import Database, Message, Multiplexed, Signal, dbc_text
from commonwheel.wire.frames import Frames
from tests.wire import reference
from tests.wire.reference import rows

MS = 1_000_000
GOOD, STALE, INVALID, CORRUPT = range(4)


def same(one: float, other: float) -> bool:
    """Whether two values are equal, or both no number."""
    return one == other or (math.isnan(one) and math.isnan(other))


def message_of(size: int, *signals: Signal, can_id: int = 0x123, name: str = "M") -> Message:
    return Message(name, can_id, extended=can_id > 0x7FF, size=size, signals=signals)


def named(*signals: Signal) -> list[Signal]:
    """Give fields names that differ."""
    return [
        Signal(f"S{i}", s.start, s.length, s.big_endian, s.signed, s.is_float, s.factor, s.offset)
        for i, s in enumerate(signals)
    ]


# ---- fields ---------------------------------------------------------------------------------------------------------

CLASSIC_OR_FD = st.sampled_from([1, 2, 3, 7, 8, 8, 8, 9, 12, 16, 20, 24, 48, 64])


@st.composite
def layouts(draw: st.DrawFn) -> tuple[int, list[Signal], list[bytes]]:
    size = draw(CLASSIC_OR_FD)
    signals = named(*draw(st.lists(reference.fields(size), min_size=1, max_size=6)))
    payloads = draw(st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=4))
    return size, signals, payloads


@settings(max_examples=250)
@given(layouts())
def test_a_field_holds_the_bits_that_the_format_says(layout: tuple[int, list[Signal], list[bytes]]) -> None:
    """Any length, alignment, byte order, sign and float, in classic and FD frames, decodes as bit by bit."""
    size, signals, payloads = layout
    bus = reference.database(message_of(size, *signals))
    frames = Frames.build((i, 0, 0x123, payload) for i, payload in enumerate(payloads))
    decoded = decode_database(bus, frames)
    raw = decode_database(bus, frames, raw=True)
    for signal in signals:
        values = decoded["M", signal.name].value
        codes = raw["M", signal.name].value.view(np.int64)
        for i, payload in enumerate(payloads):
            expected = reference.extract(signal, payload)
            assert same(values[i], reference.number(signal, expected))
            assert int(codes[i]) & (1 << signal.length) - 1 == expected


@settings(max_examples=250)
@given(layouts(), st.randoms(use_true_random=False))
def test_packing_sets_its_own_bits_and_no_others(
    layout: tuple[int, list[Signal], list[bytes]], rng: random.Random
) -> None:
    """Later fields win where fields overlap; every bit outside stays as it was."""
    size, signals, payloads = layout
    raws = [[rng.getrandbits(signal.length) for _ in payloads] for signal in signals]
    expected = [bytearray(payload) for payload in payloads]
    for signal, values in zip(signals, raws, strict=True):
        for payload, value in zip(expected, values, strict=True):
            reference.insert(signal, payload, value)
    data = Frames.build((0, 0, 1, payload) for payload in payloads).data.copy()
    pack(data, signals, [np.array(values, np.uint64) for values in raws])
    assert [bytes(row[:size]) for row in data] == [bytes(payload) for payload in expected]


@pytest.mark.parametrize("big_endian", [False, True])
def test_every_place_of_a_64_bit_field_that_spills_into_a_ninth_byte(*, big_endian: bool) -> None:
    """The widest fields at each of the seven unaligned places, with every single bit set."""
    for first in range(1, 8):
        start = 7 - first if big_endian else first
        signal = Signal("Wide", start, 64, big_endian, signed=True)
        payloads = [(1 << bit).to_bytes(9, "little") for bit in range(72)]
        frames = Frames.build((0, 0, 0x123, payload) for payload in payloads)
        codes = decode_database(reference.database(message_of(9, signal)), frames, raw=True)["M", "Wide"]
        assert [int(c) & 2**64 - 1 for c in codes.value.view("i8")] == [reference.extract(signal, p) for p in payloads]


@pytest.mark.parametrize(
    ("bits", "value"),
    [
        (0x0000, 0.0), (0x8000, 0.0), (0x0001, 2.0**-24), (0x03FF, 1023 * 2.0**-24), (0x0400, 2.0**-14),
        (0x3C00, 1.0), (0xC000, -2.0), (0x7BFF, 65504.0),
    ],
)  # fmt: skip
def test_half_floats_are_those_of_ieee_754(bits: int, value: float) -> None:
    signal = Signal("Half", 0, 16, big_endian=False, is_float=True)
    frames = Frames.build([(0, 0, 0x123, bits.to_bytes(2, "little"))])
    columns = decode_database(reference.database(message_of(2, signal)), frames)["M", "Half"]
    assert same(columns.value[0], value)
    assert columns.quality[0] == GOOD


@pytest.mark.parametrize(("length", "bits"), [(16, 0x7C00), (16, 0x7E00), (32, 0x7F800000), (64, 0xFFF << 52)])
def test_a_float_that_is_no_finite_number_is_invalid(length: int, bits: int) -> None:
    signal = Signal("F", 0, length, big_endian=False, is_float=True)
    frames = Frames.build([(0, 0, 0x123, bits.to_bytes(length // 8, "little"))])
    assert decode_database(reference.database(message_of(length // 8, signal)), frames)["M", "F"].quality[0] == INVALID


@pytest.mark.oracle
@settings(max_examples=120)
@given(st.data())
def test_cantools_decodes_and_encodes_the_same(data: st.DataObject) -> None:
    """Fields that do not overlap, scaled, against cantools, both ways."""
    size = data.draw(st.sampled_from([1, 4, 8, 8, 12, 64]))
    taken = 0
    signals: list[Signal] = []
    for field in data.draw(st.lists(reference.fields(size), min_size=1, max_size=8)):
        bits = sum(1 << byte * 8 + bit for byte, bit in reference.bits_of(field))
        if not taken & bits and not (field.is_float and field.length == 16):  # DBC has no half floats
            taken |= bits
            signals.append(field)
    if not signals:
        return
    bus = reference.database(message_of(size, *named(*signals)))
    oracle: Any = cantools.database.load_string(dbc_text(bus), "dbc", strict=True)
    payload = data.draw(st.binary(min_size=size, max_size=size))
    expected = oracle.decode_message("M", payload)
    decoded = decode_database(bus, Frames.build([(0, 0, 0x123, payload)]))
    for signal in bus.messages[0].signals:
        assert same(float(decoded["M", signal.name].value[0]), float(expected[signal.name]))
    if any(math.isnan(value) for value in expected.values()):
        return  # a NaN's payload does not survive cantools' encoder
    data_out = np.zeros((1, 8 if size <= 8 else 64), np.uint8)
    raw = [np.array([reference.extract(s, payload)], np.uint64) for s in bus.messages[0].signals]
    pack(data_out, bus.messages[0].signals, raw)
    assert bytes(data_out[0, :size]) == oracle.encode_message("M", expected, strict=False)


def test_scaling_is_factor_then_offset() -> None:
    signal = Signal("T", 7, 8, big_endian=True, factor=0.5, offset=-40.0)
    frames = Frames.build([(0, 0, 0x123, b"\x00"), (1, 0, 0x123, b"\xff")])
    assert decode_database(reference.database(message_of(1, signal)), frames)["M", "T"].value.tolist() == [-40.0, 87.5]


# ---- multiplexing ---------------------------------------------------------------------------------------------------


def multiplexed_message() -> Message:
    """A selector, one nested in it, ranges, and a field that two selector values share."""

    def field(name: str, start: int, length: int, selector: str = "", *values: tuple[int, int]) -> Signal:
        chosen = Multiplexed(selector, values) if selector else None
        return Signal(name, start, length, big_endian=False, multiplexed=chosen)

    return message_of(
        8,
        field("Page", 0, 4),
        field("A", 8, 8, "Page", (0, 0)),
        field("Sub", 8, 4, "Page", (1, 3)),
        field("B", 16, 8, "Sub", (0, 4), (9, 9)),
        field("C", 16, 16, "Sub", (5, 8)),
        field("D", 32, 8, "Page", (0, 0), (4, 15)),
        field("Always", 56, 8),
    )


def expected_presence(message: Message, payload: bytes) -> set[str]:
    """Which fields are there, from the definition."""
    by_name = {signal.name: signal for signal in message.signals}

    def there(signal: Signal) -> bool:
        if signal.multiplexed is None:
            return True
        selector = by_name[signal.multiplexed.selector]
        raw = reference.extract(selector, payload)
        return there(selector) and any(low <= raw <= high for low, high in signal.multiplexed.values)

    return {signal.name for signal in message.signals if there(signal)}


@pytest.mark.parametrize("page", range(16))
@pytest.mark.parametrize("sub", range(16))
def test_a_multiplexed_field_is_there_only_when_all_its_selectors_say_so(page: int, sub: int) -> None:
    message = multiplexed_message()
    payload = bytes([page | 0xA0, sub | 0x50, 3, 4, 5, 6, 7, 8])
    decoded = decode_database(reference.database(message), Frames.build([(0, 0, 0x123, payload)]))
    found = {name for (_, name), columns in decoded.items() if len(columns)}
    assert found == expected_presence(message, payload)
    for name in found:
        signal = message.signal(name)
        assert signal
        assert decoded["M", name].value[0] == reference.extract(signal, payload)


@pytest.mark.oracle
def test_cantools_sees_the_same_multiplexed_fields() -> None:
    message = multiplexed_message()
    oracle: Any = cantools.database.load_string(dbc_text(reference.database(message)), "dbc")
    for page in range(16):
        for sub in range(10):
            payload = bytes([page, sub, 3, 4, 5, 6, 7, 8])
            decoded = decode_database(reference.database(message), Frames.build([(0, 0, 0x123, payload)]))
            found = {name: columns.value[0] for (_, name), columns in decoded.items() if len(columns)}
            assert found == oracle.decode_message("M", payload)


def test_a_selector_behind_the_end_of_a_short_frame_lets_nothing_in() -> None:
    message = multiplexed_message()
    decoded = decode_database(reference.database(message), Frames.build([(0, 0, 0x123, b"\x01")]))
    assert len(decoded["M", "Sub"]) == 1  # its own selector is there; it is not
    assert decoded["M", "Sub"].quality[0] == INVALID
    assert not len(decoded["M", "B"])


# ---- packing --------------------------------------------------------------------------------------------------------


def test_packing_refuses_what_does_not_fit_together() -> None:
    inside, outside = Signal("In", 0, 8, big_endian=False), Signal("Out", 64, 8, big_endian=False)
    data = np.zeros((3, 8), np.uint8)
    with pytest.raises(ValueError, match="outside payloads of 8 bytes"):
        pack(data, [outside], [np.zeros(3, np.uint64)])
    with pytest.raises(ValueError, match="as many raw values"):
        pack(data, [inside], [np.zeros(2, np.uint64)])
    with pytest.raises(ValueError, match="as many raw values"):
        pack(data, [inside], [])
    with pytest.raises(ValueError, match="outside payloads"):
        pack(data[:, ::2], [inside], [np.zeros(3, np.uint64)])


def test_packing_nothing_changes_nothing() -> None:
    data = np.full((2, 8), 7, np.uint8)
    pack(data, [], [])
    assert (data == 7).all()


def test_raw_values_packed_again_are_the_same_frame() -> None:
    """What a frame says in raw codes is all that its fields hold."""
    rng = random.Random(3)
    signals = named(*(Signal("", start, 12, big_endian=False, signed=bool(start % 8)) for start in range(0, 60, 12)))
    bus: Database = reference.database(message_of(8, *signals))
    payloads = [rng.randbytes(7) + bytes([rng.randrange(16)]) for _ in range(50)]
    raw = decode_database(bus, Frames.build((0, 0, 0x123, p) for p in payloads), raw=True)
    data = np.zeros((50, 8), np.uint8)
    pack(data, signals, [raw["M", s.name].value.view(np.uint64) for s in signals])
    assert [bytes(row) for row in data] == [p[:7] + bytes([p[7] & 15]) for p in payloads]


def test_a_circle_of_selectors_ends() -> None:
    """The loader makes none; a database put together by hand might."""
    one = Signal("One", 0, 8, big_endian=False, multiplexed=Multiplexed("Two", ((1, 1),)))
    two = Signal("Two", 8, 8, big_endian=False, multiplexed=Multiplexed("One", ((1, 1),)))
    lost = Signal("Lost", 16, 8, big_endian=False, multiplexed=Multiplexed("Nowhere", ((1, 1),)))
    tables, found = compile_database(reference.database(message_of(8, one, two, lost)))
    assert len(found) == 3
    assert rows(Decoder(tables).decode(Frames.build([(0, 0, 0x123, b"\x01\x01\x05" + bytes(5))])))[2][2] == 5.0
