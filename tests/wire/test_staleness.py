"""Staleness: a message that is late makes its signals stale at the very moment, without anyone asking."""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.wire.codec import Decoder
from commonwheel.wire.database import Signal
from commonwheel.wire.frames import Clock, Frames
from commonwheel.wire.layouts import Op
from commonwheel.wire.tables import SignalRow, TableBuilder, Tables
from tests.wire.reference import rows

MS = 1_000_000
GOOD, STALE, INVALID, CORRUPT = range(4)
BYTE = Signal("Byte", 0, 8, big_endian=False)
NEVER, FAST, SLOW = 0x10, 0x20, 0x30


def tables(*, buses: int = 1) -> Tables:
    """Return three messages: one without timeout (signal 0), one of 200 ms (1), one of 100 ms (2)."""
    builder = TableBuilder(buses)
    for emit, (can_id, timeout) in enumerate(((NEVER, 0), (SLOW, 200), (FAST, 100))):
        message = builder.message(
            bus=emit if buses > 1 else 0, can_id=can_id, extended=False, size=1, timeout_ns=timeout * MS
        )
        builder.signal(message, SignalRow(BYTE, emit, invalid=((255, 255),)))
    return builder.build()


def at(ms: float, can_id: int, value: int = 7, bus: int = 0) -> tuple[int, int, int, bytes]:
    return round(ms * MS), bus, can_id, bytes([value])


def decode(decoder: Decoder, *frames: tuple[int, int, int, bytes]) -> list[tuple[float, int, float, int]]:
    """Return (ms, signal, value, quality) of every sample."""
    columns = decoder.decode(Frames.build(frames))
    assert columns.t_ns.dtype == np.int64
    return [(t / MS, signal, value, quality) for t, signal, value, quality in rows(columns)]


def test_a_late_message_is_stale_at_the_exact_instant_with_its_last_value() -> None:
    """The stale sample comes in front of the frame that shows the time to have passed."""
    assert decode(Decoder(tables()), at(0, FAST, 5), at(99.9, NEVER), at(250, NEVER)) == [
        (0, 2, 5, GOOD),
        (99.9, 0, 7, GOOD),
        (100, 2, 5, STALE),
        (250, 0, 7, GOOD),
    ]


def test_it_is_stale_once_until_it_speaks_again() -> None:
    decoder = Decoder(tables())
    first = decode(decoder, at(0, FAST), at(500, NEVER), at(900, NEVER), at(950, FAST, 9), at(2000, NEVER))
    assert [row for row in first if row[1] == 2] == [
        (0, 2, 7, GOOD), (100, 2, 7, STALE), (950, 2, 9, GOOD), (1050, 2, 9, STALE),
    ]  # fmt: skip
    assert decoder.counts.messages["stale"].tolist() == [0, 0, 2]


def test_its_own_frame_also_shows_that_it_was_late() -> None:
    samples = decode(Decoder(tables()), at(0, FAST, 1), at(300, FAST, 2))
    assert samples == [(0, 2, 1, GOOD), (100, 2, 1, STALE), (300, 2, 2, GOOD)]


def test_messages_become_stale_in_the_order_of_time_not_of_the_tables() -> None:
    samples = decode(Decoder(tables()), at(0, SLOW), at(10, FAST), at(1000, NEVER))
    assert samples[2:] == [(110, 2, 7, STALE), (200, 1, 7, STALE), (1000, 0, 7, GOOD)]


def test_what_was_invalid_stays_invalid_when_it_falls_silent() -> None:
    """The worse quality stands."""
    assert decode(Decoder(tables()), at(0, FAST, 255), at(500, NEVER))[1] == (100, 2, -1.0, INVALID)


def test_a_message_that_never_came_is_not_stale() -> None:
    decoder = Decoder(tables())
    assert decode(decoder, at(0, NEVER), at(10_000, NEVER)) == [(0, 0, 7, GOOD), (10_000, 0, 7, GOOD)]


def test_asking_makes_late_messages_stale_without_a_frame() -> None:
    decoder = Decoder(tables())
    decode(decoder, at(0, SLOW), at(0, FAST), at(0, NEVER))
    assert rows(decoder.expire(100 * MS - 1)) == []
    assert rows(decoder.expire(100 * MS)) == [(100 * MS, 2, 7.0, STALE)]
    assert rows(decoder.expire(100 * MS)) == []
    assert rows(decoder.expire(10**15)) == [(200 * MS, 1, 7.0, STALE)]


def test_more_late_messages_than_one_output_holds_are_all_told() -> None:
    builder = TableBuilder(1)
    for i in range(2000):
        message = builder.message(bus=0, can_id=i, extended=False, size=1, timeout_ns=MS)
        for k in range(3):
            builder.signal(message, SignalRow(BYTE, i * 3 + k))
    decoder = Decoder(builder.build())
    decoder.decode(Frames.build(at(0, i) for i in range(2000)))
    assert sorted(decoder.expire(10 * MS).signal.tolist()) == list(range(6000))


def test_a_clock_that_steps_back_keeps_the_ages() -> None:
    """A frame 30 ms old stays 30 ms old: nothing seems late, and what stays away is late in its turn."""
    samples = decode(Decoder(tables()), at(5000, FAST), at(5030, NEVER), at(0, NEVER), at(69, NEVER), at(71, NEVER))
    assert [row for row in samples if row[3] == STALE] == [(70, 2, 7, STALE)]


def test_a_clock_that_steps_forward_makes_all_stale_at_their_own_instants() -> None:
    samples = decode(Decoder(tables()), at(0, SLOW), at(0, FAST), at(3_600_000, NEVER))
    assert samples[2:] == [(100, 2, 7, STALE), (200, 1, 7, STALE), (3_600_000, 0, 7, GOOD)]


def test_one_bus_stepping_back_leaves_the_others_alone() -> None:
    decoder = Decoder(tables(buses=3), {i: i for i in range(3)})
    samples = decode(
        decoder, at(1000, SLOW, bus=1), at(1000, FAST, bus=2), at(1001, NEVER, bus=0), at(901, NEVER, bus=0),
        at(1100, NEVER, bus=0),
    )  # fmt: skip
    assert [row for row in samples if row[3] == STALE] == [(1100, 2, 7, STALE)]


def test_without_times_nothing_grows_stale() -> None:
    decoder = Decoder(tables(), clock=Clock.ORDER)
    assert [row[3] for row in decode(decoder, at(0, FAST), at(500, NEVER), at(9000, FAST))] == [GOOD] * 3
    assert not len(decoder.expire(10**18))


@pytest.mark.parametrize("edge", [2**63 - 1, 2**63 - 50 * MS, -(2**63), -(2**63) + 1])
def test_times_at_the_ends_of_what_64_bits_hold_do_no_harm(edge: int) -> None:
    decoder = Decoder(tables())
    decoder.decode(Frames.build([(0, 0, FAST, b"\x01"), (edge, 0, SLOW, b"\x01"), (edge, 0, FAST, b"\x01")]))
    decoder.decode(Frames.build([(-edge - 1, 0, FAST, b"\x01")]))
    decoder.expire(edge)
    assert decoder.counts.known == 4


# ---- derived signals ------------------------------------------------------------------------------------------------


def derived() -> Tables:
    """Fallback 10 prefers the message of 100 ms to that of 200 ms; 11 is their sum."""
    builder = TableBuilder(1)
    slots = [
        builder.signal(
            builder.message(bus=0, can_id=can_id, extended=False, size=1, timeout_ns=timeout * MS),
            SignalRow(BYTE, emit, invalid=((255, 255),)),
        )
        for emit, (can_id, timeout) in enumerate(((FAST, 100), (SLOW, 200), (NEVER, 0)))
    ]
    builder.first_of(slots[:2], 10)
    builder.compute(slots[:2], [(Op.INPUT, 0), (Op.INPUT, 1), (Op.ADD, 0)], 11)
    return builder.build()


def of(samples: list[tuple[float, int, float, int]], signal: int) -> list[tuple[float, float, int]]:
    return [(t, value, quality) for t, number, value, quality in samples if number == signal]


def test_a_fallback_takes_over_when_the_preferred_source_is_silent_and_gives_back() -> None:
    samples = decode(
        Decoder(derived()),
        at(0, FAST, 1), at(50, SLOW, 2), at(120, SLOW, 3), at(130, NEVER), at(140, FAST, 4), at(150, SLOW, 5),
    )  # fmt: skip
    assert of(samples, 10) == [(0, 1, GOOD), (100, 2, GOOD), (120, 3, GOOD), (140, 4, GOOD)]


def test_a_fallback_takes_over_when_the_preferred_source_has_no_value() -> None:
    samples = decode(Decoder(derived()), at(0, SLOW, 2), at(10, FAST, 255), at(20, FAST, 9))
    assert of(samples, 10) == [(0, 2, GOOD), (20, 9, GOOD)]


def test_when_no_source_is_good_the_best_of_them_speaks() -> None:
    samples = decode(Decoder(derived()), at(0, SLOW, 2), at(10, FAST, 255), at(1000, NEVER))
    assert of(samples, 10)[-1] == (200, 2, STALE)


def test_a_fallback_that_falls_silent_as_a_whole_ends_with_its_last_source() -> None:
    """Both are noticed at once, long after; the order of time decides, not that of the tables."""
    samples = decode(Decoder(derived()), at(0, FAST, 1), at(0, SLOW, 2), at(1000, NEVER))
    assert of(samples, 10) == [(0, 1, GOOD), (100, 2, GOOD), (200, 1, STALE)]


def test_a_computed_signal_waits_for_all_inputs_then_follows_each() -> None:
    samples = decode(Decoder(derived()), at(0, FAST, 1), at(10, SLOW, 2), at(20, FAST, 5), at(30, SLOW, 6))
    assert of(samples, 11) == [(10, 3, GOOD), (20, 7, GOOD), (30, 11, GOOD)]


def test_a_computed_signal_is_as_bad_as_its_worst_input() -> None:
    samples = decode(Decoder(derived()), at(0, FAST, 1), at(10, SLOW, 2), at(150, NEVER), at(160, SLOW, 255))
    assert of(samples, 11) == [(10, 3, GOOD), (100, 3, STALE), (160, -1.0, INVALID)]


def test_a_result_that_is_no_number_or_out_of_range_is_invalid() -> None:
    builder = TableBuilder(1)
    slot = builder.signal(builder.message(bus=0, can_id=FAST, extended=False, size=1), SignalRow(BYTE, 0))
    inverse = [(Op.CONSTANT, 12.0), (Op.INPUT, 0), (Op.DIV, 0)]
    builder.compute([slot], inverse, 1, scaling=(1.0, 0.0, 0.0, 6.0))
    builder.compute([slot], [(Op.CONSTANT, 1e300), (Op.INPUT, 0), (Op.POW, 0)], 2)
    samples = decode(Decoder(builder.build()), at(0, FAST, 0), at(1, FAST, 1), at(2, FAST, 2))
    assert of(samples, 1) == [(0, -1.0, INVALID), (1, 12, INVALID), (2, 6, GOOD)]
    assert [quality for _, _, quality in of(samples, 2)] == [GOOD, GOOD, INVALID]  # 1e600 is infinite


def test_a_bus_that_is_gone_takes_all_its_messages_with_it_and_no_others() -> None:
    """Also those that have no timeout; each once, until it speaks again."""
    decoder = Decoder(tables(buses=3), {i: i for i in range(3)})
    decode(decoder, at(0, NEVER, bus=0), at(0, SLOW, bus=1), at(0, FAST, 255, bus=2))
    assert rows(decoder.silence(0, 50 * MS)) == [(50 * MS, 0, 7.0, STALE)]
    assert decoder.late == 1
    assert rows(decoder.silence(0, 60 * MS)) == []
    assert rows(decoder.silence(2, 60 * MS)) == [(60 * MS, 2, -1.0, INVALID)]
    assert rows(decoder.silence(7, 60 * MS)) == []
    assert decode(decoder, at(70, NEVER, 3, bus=0)) == [(70, 0, 3, GOOD)]
    assert decoder.late == 1


def test_a_bus_of_more_messages_than_one_output_holds_falls_silent_whole() -> None:
    builder = TableBuilder(1)
    for i in range(2000):
        message = builder.message(bus=0, can_id=i, extended=False, size=1)
        for k in range(3):
            builder.signal(message, SignalRow(BYTE, i * 3 + k))
    decoder = Decoder(builder.build())
    decoder.decode(Frames.build(at(0, i) for i in range(2000)))
    assert sorted(decoder.silence(0, MS).signal.tolist()) == list(range(6000))
