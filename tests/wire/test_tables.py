"""The flat tables: where fields lie in them, and what the builder refuses."""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.wire._kernels import kernels
from commonwheel.wire.checksums import compile_check
from commonwheel.wire.codec import Decoder
from commonwheel.wire.database import Signal
from commonwheel.wire.frames import Frames
from commonwheel.wire.layouts import LAYOUTS, MAX_COUNTER_BITS, Op, place
from commonwheel.wire.tables import SignalRow, TableBuilder, Tables

BYTE = Signal("Byte", 0, 8, big_endian=False)


def simple() -> Tables:
    """Two messages with one signal each, and their sum."""
    builder = TableBuilder(1)
    slots = [
        builder.signal(builder.message(bus=0, can_id=i, extended=False, size=1), SignalRow(BYTE, i)) for i in range(2)
    ]
    builder.compute(slots, [(Op.INPUT, 0), (Op.INPUT, 1), (Op.ADD, 0)], 2)
    return builder.build()


def test_every_layout_is_as_large_as_the_kernels_structure() -> None:
    assert [kernels().cw_layout(i) for i in range(len(LAYOUTS))] == [layout.itemsize for layout in LAYOUTS]
    assert kernels().cw_layout(len(LAYOUTS)) == kernels().cw_layout(-1) == -1


def test_a_field_needs_the_bytes_up_to_its_last() -> None:
    for start, length, big_endian, need in ((0, 8, False, 1), (7, 8, True, 1), (7, 9, True, 2), (60, 5, False, 9)):
        assert place(Signal("S", start, length, big_endian))[4] == need


@pytest.mark.parametrize(
    ("start", "length", "big_endian"),
    [(505, 8, False), (505, 8, True), (512, 1, False), (0, 0, False), (0, 65, False), (-1, 4, False)],
)
def test_a_field_outside_of_64_bytes_is_refused(start: int, length: int, *, big_endian: bool) -> None:
    with pytest.raises(ValueError, match="does not lie within 64 bytes"):
        place(Signal("S", start, length, big_endian))


def test_windows_never_reach_behind_the_64_bytes() -> None:
    """Each is eight bytes, and a ninth where the field spills over."""
    for length in (1, 8, 57, 64):
        for first in range(513 - length):
            for signal in (
                Signal("S", first, length, big_endian=False),
                Signal("S", first // 8 * 8 + 7 - first % 8, length, big_endian=True),
            ):
                byte, _, _, flags, need, _ = place(signal)
                assert byte + (9 if flags & 4 else 8) <= 64
                assert byte + 8 <= 8 or need > 8  # a field of a classic frame has a window within it


def test_an_enumeration_is_too_wide_for_a_table() -> None:
    builder = TableBuilder(1)
    message = builder.message(bus=0, can_id=1, extended=False, size=8)
    builder.signal(message, SignalRow(Signal("Wide", 0, 17, big_endian=False), 0, table=(1.0,)))
    with pytest.raises(ValueError, match="too wide for an enumeration"):
        builder.build()


def test_a_float_has_one_of_three_widths() -> None:
    builder = TableBuilder(1)
    message = builder.message(bus=0, can_id=1, extended=False, size=8)
    builder.signal(message, SignalRow(Signal("Odd", 0, 24, big_endian=False, is_float=True), 0))
    with pytest.raises(ValueError, match="16, 32 or 64"):
        builder.build()


def test_a_counter_too_wide_to_count_with_is_refused() -> None:
    wide = Signal("Counter", 0, MAX_COUNTER_BITS + 1, big_endian=False)
    with pytest.raises(ValueError, match="more than 30 bits"):
        TableBuilder(1).message(bus=0, can_id=1, extended=False, size=8, counter=wide)


def test_a_checksum_that_the_counter_chooses_needs_one() -> None:
    check = compile_check("autosar-e2e-p2", can_id=1, extended=False, parameters={"data_id": 1})
    with pytest.raises(ValueError, match="depends on the message's counter"):
        TableBuilder(1).message(bus=0, can_id=1, extended=False, size=8, check=check)


def test_more_messages_than_an_index_can_number_are_refused() -> None:
    builder = TableBuilder(32)
    for i in range(32768):
        builder.message(bus=i % 32, can_id=i // 32, extended=False, size=1)
    with pytest.raises(ValueError, match="more than 32767"):
        builder.build()


def test_a_selection_yields_its_signals_only_and_still_computes_with_the_others() -> None:
    frames = Frames.build([(0, 0, 0, b"\x05"), (1, 0, 1, b"\x06")])
    columns = Decoder(simple().select([2])).decode(frames)
    assert (columns.signal.tolist(), columns.value.tolist()) == ([2], [11.0])
    assert not len(Decoder(simple().select([])).decode(frames))
    assert len(Decoder(simple()).decode(frames)) == 3  # the tables it was made of are as they were


def test_empty_tables_decode_nothing() -> None:
    tables = TableBuilder(0).build()
    decoder = Decoder(tables)
    assert tables.burst == 1
    assert not len(decoder.decode(Frames.build([(0, 0, 1, b"\x01"), (0, 0, 0x80000001, b"")])))
    assert decoder.counts.unknown == 2
    assert not len(decoder.expire(10**18))


def test_checks_of_one_polynomial_share_their_table() -> None:
    builder = TableBuilder(1)
    for i in range(3):
        check = compile_check("nissan-crc8", can_id=i, extended=False)
        assert builder.check_of(builder.message(bus=0, can_id=i, extended=False, size=8, check=check)) == i
    assert builder.check_of(builder.message(bus=0, can_id=9, extended=False, size=8)) == -1
    tables = builder.build()
    assert len(tables.bytes) == 2048
    assert np.unique(tables.checks["table"]).tolist() == [0]
