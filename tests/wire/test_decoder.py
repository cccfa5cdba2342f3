"""The decoder: which frames it takes, what it makes of bad values, and that batches do not matter."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.wire.checksums import compile_check
from commonwheel.wire.codec import Decoder, Summaries
from commonwheel.wire.database import Signal
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, REMOTE_FLAG, Frames
from commonwheel.wire.halves import Halves
from commonwheel.wire.layouts import Op
from commonwheel.wire.state import Columns, allocate
from commonwheel.wire.tables import Condition, SignalRow, TableBuilder, Tables
from tests.wire.reference import rows

MS = 1_000_000
GOOD, STALE, INVALID, CORRUPT = range(4)


# ---- frames ---------------------------------------------------------------------------------------------------------


def one_message() -> Tables:
    """Return tables of one message, 0x100 of two bytes, whose first byte is signal 0."""
    builder = TableBuilder(1)
    message = builder.message(bus=0, can_id=0x100, extended=False, size=2)
    builder.signal(message, SignalRow(Signal("Value", 7, 8, big_endian=True), 0))
    return builder.build()


def decode(tables: Tables, *frames: tuple[int, int, int, bytes]) -> list[tuple[int, int, float, int]]:
    return rows(Decoder(tables).decode(Frames.build(frames)))


def test_a_short_frame_gives_what_it_holds_and_counts_as_short() -> None:
    builder = TableBuilder(1)
    message = builder.message(bus=0, can_id=1, extended=False, size=4)
    builder.signal(message, SignalRow(Signal("First", 7, 8, big_endian=True), 0))
    builder.signal(message, SignalRow(Signal("Second", 15, 16, big_endian=True), 1))
    decoder = Decoder(builder.build())
    assert rows(decoder.decode(Frames.build([(5, 0, 1, b"\x07\x01"), (6, 0, 1, b"\x08\x01\x02\x03\x04")]))) == [
        (5, 0, 7.0, GOOD),
        (5, 1, -1.0, INVALID),
        (6, 0, 8.0, GOOD),
        (6, 1, 0x102, GOOD),
    ]
    assert decoder.counts.messages["shorter"].tolist() == [1]
    assert decoder.counts.messages["frames"].tolist() == [2]


def test_an_fd_field_of_a_classic_batch_is_invalid() -> None:
    """A batch of eight bytes per frame is never read behind them."""
    builder = TableBuilder(1)
    message = builder.message(bus=0, can_id=1, extended=False, size=64)
    for emit, start in enumerate((0, 60, 300, 448)):
        builder.signal(message, SignalRow(Signal("S", start, 64, big_endian=False), emit))
    qualities = [row[3] for row in decode(builder.build(), (0, 0, 1, bytes(8)))]
    assert qualities == [GOOD, INVALID, INVALID, INVALID]


def test_frames_without_payload_and_unknown_frames_are_counted_apart() -> None:
    decoder = Decoder(one_message())
    ids = [0x100, 0x101, 0x100 | REMOTE_FLAG, 0x4 | ERROR_FLAG, 0x100 | EXTENDED_FLAG, 0x800]
    columns = decoder.decode(Frames.build((i, 0, can_id, b"\x01\x02") for i, can_id in enumerate(ids)))
    counts = decoder.counts
    assert rows(columns) == [(0, 0, 1.0, GOOD)]
    assert (counts.known, counts.unknown, counts.other) == (1, 3, 2)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.integers(0, 0x1FFFFFFF), st.integers(0, 40))),
        unique=True, min_size=1, max_size=60,
    ),
    st.sets(st.integers(0, 0x7FF), max_size=20),
)  # fmt: skip
def test_each_29_bit_id_finds_its_own_message(extended: list[tuple[int, int]], standard: set[int]) -> None:
    """Neither collisions in the hash table, nor standard ids of the same number, nor other buses confuse it."""
    builder = TableBuilder(4)
    wanted = [(bus, can_id, True) for bus, can_id in extended] + [(0, can_id, False) for can_id in standard]
    for emit, (bus, can_id, is_extended) in enumerate(wanted):
        message = builder.message(bus=bus, can_id=can_id, extended=is_extended, size=1)
        builder.signal(message, SignalRow(Signal("S", 0, 8, big_endian=False), emit))
    frames = [
        (i, bus, can_id | (EXTENDED_FLAG if is_extended else 0), b"\x01")
        for i, (bus, can_id, is_extended) in enumerate(wanted)
    ]
    strangers = [
        (0, bus, can_id ^ 1 | EXTENDED_FLAG, b"") for bus, can_id in extended if (bus, can_id ^ 1) not in extended
    ]
    decoder = Decoder(builder.build(), {i: i for i in range(4)})
    assert decoder.decode(Frames.build(frames)).signal.tolist() == list(range(len(wanted)))
    assert not len(decoder.decode(Frames.build(strangers)))


def test_recorded_buses_are_mapped_to_the_cars_and_others_left_out() -> None:
    builder = TableBuilder(2)
    for bus in range(2):
        message = builder.message(bus=bus, can_id=0x100, extended=False, size=1)
        builder.signal(message, SignalRow(Signal("S", 0, 8, big_endian=False), bus))
    frames = Frames.build((i, bus, 0x100, b"\x01") for i, bus in enumerate([0, 7, 1, 200]))
    decoder = Decoder(builder.build(), {7: 0, 200: 1, 3: 9})
    assert decoder.decode(frames).signal.tolist() == [0, 1]
    assert decoder.counts.unknown == 2


def test_without_a_map_every_bus_is_the_first() -> None:
    columns = Decoder(one_message()).decode(Frames.build((0, bus, 0x100, b"\x01\x02") for bus in (0, 5, 255)))
    assert columns.value.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("column", ["t_ns", "bus", "id", "size"])
def test_columns_of_another_type_or_length_are_refused(column: str) -> None:
    frames = Frames.empty(3)
    wrong = {name: getattr(frames, name) for name in ("t_ns", "bus", "id", "size", "data")}
    decoder = Decoder(one_message())
    for bad in (wrong[column].astype(np.float64), wrong[column][:2], np.repeat(wrong[column], 2)[::2]):
        with pytest.raises(ValueError, match="contiguous"):
            decoder.decode(Frames(**{**wrong, column: bad}))
    with pytest.raises(ValueError, match="8 or 64 bytes"):
        decoder.decode(Frames(**{**wrong, "data": np.zeros((3, 16), np.uint8)}))


# ---- values that are none -------------------------------------------------------------------------------------------


def value_row(row: SignalRow, *payloads: bytes) -> list[tuple[float, int]]:
    builder = TableBuilder(1)
    builder.signal(builder.message(bus=0, can_id=1, extended=False, size=2), row)
    return [(value, quality) for _, _, value, quality in decode(builder.build(), *((0, 0, 1, p) for p in payloads))]


BYTE = Signal("Byte", 0, 8, big_endian=False)


def test_codes_that_mean_no_value_carry_none() -> None:
    """The first range of codes goes a faster way than further ones; both have to agree, ends included."""
    payloads = [bytes([code, 0]) for code in range(256)]
    one = value_row(SignalRow(BYTE, 0, invalid=((250, 253),)), *payloads)
    more = value_row(SignalRow(BYTE, 0, invalid=((7, 7), (250, 253))), *payloads)
    assert [code for code in range(256) if one[code][1] == INVALID] == [250, 251, 252, 253]
    assert [code for code in range(256) if more[code][1] == INVALID] == [7, 250, 251, 252, 253]
    assert one[250][0] == more[7][0] == -1.0  # no number


def test_every_code_of_a_64_bit_field_can_mean_no_value() -> None:
    wide = Signal("Wide", 0, 64, big_endian=False)
    builder = TableBuilder(1)
    message = builder.message(bus=0, can_id=1, extended=False, size=8)
    builder.signal(message, SignalRow(wide, 0, invalid=((0, 2**64 - 1),)))
    assert [row[3] for row in decode(builder.build(), (0, 0, 1, bytes(8)), (0, 0, 1, b"\xff" * 8))] == [INVALID] * 2


def test_a_value_at_the_limit_is_good_and_the_next_one_out() -> None:
    row = SignalRow(BYTE, 0, factor=0.1, low=1.0, high=2.3)
    qualities = [quality for _, quality in value_row(row, *(bytes([code, 0]) for code in (9, 10, 23, 24)))]
    assert qualities == [INVALID, GOOD, GOOD, INVALID]


def test_a_value_out_of_range_keeps_its_number() -> None:
    assert value_row(SignalRow(BYTE, 0, high=100.0), b"\xc8\x00") == [(200.0, INVALID)]


def test_an_enumeration_is_a_table_with_holes() -> None:
    row = SignalRow(BYTE, 0, table=(5.0, math.nan, 7.0), invalid=((2, 2),))
    found = value_row(row, *(bytes([code, 0]) for code in (0, 1, 2, 3, 255)))
    assert found == [(5.0, GOOD), (-1.0, INVALID), (-1.0, INVALID), (-1.0, INVALID), (-1.0, INVALID)]


# ---- batches --------------------------------------------------------------------------------------------------------


def busy_tables() -> Tables:
    """Messages with everything that is remembered: counters, timeouts, checks, multiplexers, derived signals."""
    builder = TableBuilder(2)
    byte = [Signal(f"B{i}", 8 * i, 8, big_endian=False) for i in range(8)]
    page = Signal("Page", 0, 2, big_endian=False)
    slots: list[int] = []
    for i in range(8):
        counter = Signal("Counter", 52, 2 + i % 3, big_endian=False) if i % 2 else None
        check = compile_check("crc8", can_id=i, extended=False, parameters={"poly": 0x1D}) if i == 3 else None
        message = builder.message(
            bus=i % 2, can_id=0x100 + i, extended=False, size=8, timeout_ns=(0, 30, 55, 200)[i % 4] * MS,
            counter=counter, check=check,
        )  # fmt: skip
        slots.append(builder.signal(message, SignalRow(byte[1], 2 * i)))
        present = (Condition(page, ((1, 2),)),) if i == 4 else ()
        slots.append(builder.signal(message, SignalRow(byte[2], 2 * i + 1, invalid=((9, 9),), present=present)))
    total = builder.compute([slots[2], slots[4]], [(Op.INPUT, 0), (Op.INPUT, 1), (Op.ADD, 0)], 100)
    fallback = builder.first_of([slots[2], slots[6], total], 101)
    builder.compute([fallback], [(Op.INPUT, 0), (Op.CONSTANT, 2.0), (Op.DIV, 0)], 102)
    return builder.build()


def busy_frames(rng: random.Random, count: int) -> Frames:
    t_ns, frames = 0, []
    for _ in range(count):
        t_ns += rng.choice([0, 1, 1, 2, 3, 40]) * MS if rng.random() > 0.005 else rng.choice([-300, 400]) * MS
        payload = bytes(rng.choice([0, 1, 2, 9, 200, 255]) for _ in range(rng.choice([8, 8, 8, 8, 3])))
        frames.append((t_ns, rng.randrange(3), 0x100 + rng.randrange(9), payload))
    return Frames.build(frames)


BOTH = {0: 0, 1: 1}


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 400), max_size=8))
def test_how_the_frames_are_cut_in_batches_does_not_matter(seed: int, cuts: list[int]) -> None:
    tables, frames = busy_tables(), busy_frames(random.Random(seed), 400)
    whole, cut = Decoder(tables, BOTH), Decoder(tables, BOTH)
    expected = rows(whole.decode(frames))
    edges = [0, *sorted(cuts), len(frames)]
    found = [row for begin, end in itertools.pairwise(edges) for row in rows(cut.decode(frames[begin:end]))]
    end = int(frames.t_ns.max()) + 10**9
    assert found == expected
    assert rows(cut.expire(end)) == rows(whole.expire(end))
    assert (cut.counts.messages == whole.counts.messages).all()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 150))
def test_two_halves_at_once_give_what_one_run_gives(seed: int, overlap: int) -> None:
    """However short the time in which the second half finds its feet, and from batch to batch."""
    tables, rng = busy_tables(), random.Random(seed)
    frames = busy_frames(rng, 900)
    whole, halved = Decoder(tables, BOTH), Decoder(tables, BOTH)
    halved._halves = Halves(smallest=100, overlap=overlap)
    halved._halves._useful = True
    for batch in (frames[:300], frames[300:350], frames[350:]):
        assert rows(halved.decode(batch)) == rows(whole.decode(batch))
        one, other = halved.counts, whole.counts
        assert (one.known, one.unknown, one.other) == (other.known, other.unknown, other.other)
        assert (one.messages == other.messages).all()
    end = int(frames.t_ns.max()) + 10**9
    assert rows(halved.expire(end)) == rows(whole.expire(end))


def test_a_rare_counter_goes_on_across_the_halves() -> None:
    """The second half never saw the message that it counts on from."""
    builder = TableBuilder(1)
    rare = builder.message(bus=0, can_id=1, extended=False, size=1, counter=BYTE)
    builder.signal(rare, SignalRow(BYTE, 0))
    builder.signal(builder.message(bus=0, can_id=2, extended=False, size=1), SignalRow(BYTE, 1))
    decoder = Decoder(builder.build())
    decoder._halves = Halves(smallest=10, overlap=10)
    decoder._halves._useful = True
    filler = [(i, 0, 2, b"\x00") for i in range(1, 100)]
    decoder.decode(Frames.build([(0, 0, 1, b"\x05"), *filler, (100, 0, 1, b"\x08")]))
    assert decoder.counts.messages["lost"].tolist() == [2, 0]


def test_results_keep_their_memory_while_later_batches_are_decoded() -> None:
    """Memory is used again only when nobody holds what lies in it."""
    tables, frames = busy_tables(), busy_frames(random.Random(5), 4000)
    decoder = Decoder(tables, BOTH)
    first = decoder.decode(frames)
    kept = [column.copy() for column in (first.t_ns, first.signal, first.value, first.quality)]
    part = first[10:20]
    del first
    for _ in range(5):
        decoder.decode(frames)
    for column, copy in zip((part.t_ns, part.signal, part.value, part.quality), kept, strict=True):
        assert np.array_equal(column, copy[10:20], equal_nan=column.dtype == np.float64)


def test_released_memory_is_used_again() -> None:
    def address() -> int:
        return allocate(100_000).t_ns.__array_interface__["data"][0]

    assert address() == address()


def test_nothing_is_written_behind_the_output() -> None:
    """Many messages that fall silent at once fill the output; the frame that shows it comes in the next part."""
    builder = TableBuilder(1)
    for i in range(12):
        message = builder.message(bus=0, can_id=i, extended=False, size=8, timeout_ns=10 * MS)
        for k in range(5):
            builder.signal(message, SignalRow(BYTE, i * 5 + k))
    tables = builder.build()
    frames = Frames.build([*((0, 0, i, bytes(8)) for i in range(12)), (100 * MS, 0, 0, bytes(8))])
    for room in range(2 * tables.burst, 80):
        decoder = Decoder(tables)
        around = allocate(room + 50)
        around.signal[:] = -77
        parts = decoder.run(decoder._state, frames, around[:room])
        assert (around.signal[room:] == -77).all()
        assert sum(map(len, parts)) == 12 * 5 * 2 + 5


# ---- summaries ------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.lists(st.integers(0, 300), max_size=3))
@settings(max_examples=30)
def test_a_summary_of_batches_is_that_of_the_whole(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    n = 300
    columns = Columns(
        rng.integers(-50, 50, n), rng.integers(-1, 5, n).astype(np.int32), rng.normal(size=n),
        rng.integers(0, 5, n).astype(np.uint8),
    )  # fmt: skip
    summaries = Summaries(4)
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), n], strict=True):
        summaries.add(columns[begin:end])
    for number in range(4):
        mine = columns[columns.signal == number]
        row, good = summaries.rows[number], mine.value[mine.quality == GOOD]
        assert row["counts"].tolist() == [int((mine.quality == q).sum()) for q in range(5)]
        if len(mine):
            assert (row["first_ns"], row["last_ns"]) == (mine.t_ns.min(), mine.t_ns.max())
        if len(good):
            assert (row["low"], row["high"], row["last"]) == (good.min(), good.max(), good[-1])
        else:
            assert np.isnan([row["low"], row["high"], row["last"]]).all()


def test_columns_with_gaps_between_their_values_are_summed_up_too() -> None:
    columns = Columns(np.arange(10), np.zeros(10, np.int32), np.arange(10.0), np.zeros(10, np.uint8))
    summaries = Summaries(1)
    summaries.add(Columns(columns.t_ns[::2], columns.signal[::2], columns.value[::2], columns.quality[::2]))
    assert (summaries.rows["counts"][0, GOOD], summaries.rows["high"][0]) == (5, 8.0)
