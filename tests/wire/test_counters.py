"""Counters: frames lost, counters that stand still, values that cannot be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.wire.checksums import compile_check
from commonwheel.wire.codec import Decoder
from commonwheel.wire.database import Signal
from commonwheel.wire.frames import Frames
from commonwheel.wire.tables import SignalRow, TableBuilder

MS = 1_000_000
GOOD, STALE, INVALID, CORRUPT = range(4)
ID = 0x77


def decoder(bits: int, modulo: int = 0, *, timeout_ms: int = 0, sealed: bool = False) -> Decoder:
    """Return a decoder of one message with a counter in its lowest bits, and a sum of all bytes if *sealed*."""
    builder = TableBuilder(1)
    message = builder.message(
        bus=0, can_id=ID, extended=False, size=3, timeout_ns=timeout_ms * MS, modulo=modulo,
        counter=Signal("Counter", 0, bits, big_endian=False),
        check=compile_check("zero-sum", can_id=ID, extended=False) if sealed else None,
    )  # fmt: skip
    builder.signal(message, SignalRow(Signal("Other", 8, 8, big_endian=False), 0))
    return Decoder(builder.build())


def run(decoder: Decoder, counts: list[int], *, start: int = 0) -> list[int]:
    """Decode frames with these counts, 10 ms apart; return the qualities."""
    frames = ((start + i * 10 * MS, 0, ID, bytes([count, 0, -count & 255])) for i, count in enumerate(counts))
    return decoder.decode(Frames.build(frames)).quality.tolist()


def tally(decoder: Decoder) -> tuple[int, int]:
    """Return (lost, stuck) so far."""
    row = decoder.counts.messages[0]
    return int(row["lost"]), int(row["stuck"])


def test_steps_of_one_are_fine_also_around_the_end() -> None:
    one = decoder(2)
    assert run(one, [1, 2, 3, 0, 1, 2, 3, 0]) == [GOOD] * 8
    assert tally(one) == (0, 0)


def test_skipped_counts_are_lost_frames_and_the_frame_itself_is_good() -> None:
    one = decoder(4)
    assert run(one, [0, 1, 3, 14, 2]) == [GOOD] * 5
    assert tally(one) == (1 + 10 + 3, 0)


def test_a_counter_may_count_fewer_values_than_it_could_hold() -> None:
    one = decoder(4, modulo=15)
    assert run(one, [13, 14, 0, 1]) == [GOOD] * 4
    assert tally(one) == (0, 0)


@pytest.mark.parametrize(("bits", "repeats"), [(1, 8), (2, 4), (3, 3), (4, 2), (8, 1)])
def test_a_counter_stands_still_after_so_many_repeats_as_chance_would_hardly_show(bits: int, repeats: int) -> None:
    """A single repeat of a small counter can be frames lost by the handful; of a large one it cannot."""
    one = decoder(bits)
    assert run(one, [1] * (repeats + 3)) == [GOOD] * repeats + [CORRUPT] * 3
    assert tally(one) == (0, 3)
    assert run(one, [0 if bits == 1 else 2]) == [GOOD]


def test_repeats_have_to_follow_each_other() -> None:
    assert run(decoder(4), [1, 1, 2, 2, 3, 3]) == [GOOD] * 6
    assert run(decoder(4), [1, 1, 1, 2, 2, 2]) == [GOOD, GOOD, CORRUPT, GOOD, GOOD, CORRUPT]


def test_an_impossible_count_is_corrupt_and_does_not_disturb_the_next() -> None:
    one = decoder(4, modulo=10)
    assert run(one, [3, 12, 5]) == [GOOD, CORRUPT, GOOD]
    assert tally(one) == (0, 1)
    first = decoder(4, modulo=10)
    assert run(first, [12, 5, 6]) == [CORRUPT, GOOD, GOOD]
    assert tally(first) == (0, 1)


def test_a_restart_after_silence_loses_nothing() -> None:
    one = decoder(4, timeout_ms=50)
    run(one, [1, 2, 3])
    assert run(one, [9, 10], start=1000 * MS) == [STALE, GOOD, GOOD]
    assert run(one, [9, 9], start=2000 * MS) == [STALE, GOOD, GOOD]
    assert tally(one) == (0, 0)


def test_a_frame_too_short_for_its_counter_did_arrive() -> None:
    one = decoder(4)
    run(one, [1, 2])
    one.decode(Frames.build([(20 * MS, 0, ID, b"")]))
    run(one, [4], start=30 * MS)
    assert tally(one) == (0, 0)
    fresh = decoder(4)
    fresh.decode(Frames.build([(0, 0, ID, b"")]))
    run(fresh, [9], start=10 * MS)
    assert tally(fresh) == (0, 0)


def test_the_counter_of_a_damaged_frame_is_not_believed() -> None:
    one = decoder(4, sealed=True)
    frames = [(i, 0, ID, bytes([count, 0, -count & 255])) for i, count in enumerate([3, 4, 5, 6])]
    frames[1] = (1, 0, ID, b"\x0c\x00\xff")
    assert one.decode(Frames.build(frames)).quality.tolist() == [GOOD, CORRUPT, GOOD, GOOD]
    assert tally(one) == (0, 0)
    assert one.counts.messages["corrupt"].tolist() == [1]


@settings(max_examples=60)
@given(st.integers(2, 8), st.integers(0, 10**6))
def test_lost_frames_are_counted_as_long_as_fewer_than_a_round_are_missing(bits: int, seed: int) -> None:
    """Frames taken out of a perfect sequence are the frames the counter misses."""
    rng = random.Random(seed)
    sent = [i % (1 << bits) for i in range(300)]
    kept = [0]
    while kept[-1] < len(sent) - 1:
        kept.append(min(len(sent) - 1, kept[-1] + rng.randint(1, (1 << bits) - 1)))
    one = decoder(bits)
    run(one, [sent[i] for i in kept])
    assert tally(one) == (len(sent) - len(kept), 0)
