"""Small batches go another way through the decoder, with the very same result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from commonwheel.wire.codec import Decoder
from commonwheel.wire.database import Signal
from commonwheel.wire.frames import Frames
from commonwheel.wire.small import LARGEST_BATCH, Desk
from commonwheel.wire.tables import SignalRow, TableBuilder, Tables

MS = 1_000_000


def tables() -> Tables:
    """Return 40 messages of three signals each, half of them with a timeout of 50 ms, one in three in FD frames."""
    builder = TableBuilder(1)
    for i in range(40):
        message = builder.message(
            bus=0, can_id=0x100 + i, extended=False, size=48 if i % 3 == 0 else 8, timeout_ns=50 * MS * (i % 2)
        )
        for k in range(3):
            builder.signal(message, SignalRow(Signal("S", 8 * k, 8, big_endian=False), 3 * i + k))
    return builder.build()


def traffic(count: int, width: int) -> Frames:
    random = np.random.default_rng(7)
    frames = Frames.empty(count, width=width)
    frames.t_ns[:] = np.cumsum(random.integers(0, 4 * MS, count))
    frames.id[:] = random.integers(0x0FC, 0x12C, count)
    frames.size[:] = random.integers(0, width + 1, count)
    frames.data[:] = random.integers(0, 256, (count, width))
    return frames


@pytest.mark.parametrize("width", [8, 64])
@pytest.mark.parametrize("batch", [1, 3, 20, LARGEST_BATCH])
def test_a_log_in_small_batches_gives_what_it_gives_in_one(width: int, batch: int) -> None:
    frames = traffic(3000, width)
    whole, parts = Decoder(tables()), Decoder(tables())
    expected = whole.decode(frames)
    found = [parts.decode(frames[i : i + batch]) for i in range(0, len(frames), batch)]
    for name in ("t_ns", "signal", "value", "quality"):
        np.testing.assert_array_equal(np.concatenate([getattr(c, name) for c in found]), getattr(expected, name))
    assert (whole.counts.known, whole.counts.unknown) == (parts.counts.known, parts.counts.unknown)


def test_what_was_decoded_stays_when_the_next_batch_comes() -> None:
    decoder = Decoder(tables())
    frames = traffic(40, 8)
    first = decoder.decode(frames[:20])
    kept = first.value.copy()
    decoder.decode(frames[20:])
    np.testing.assert_array_equal(first.value, kept)


def test_classic_and_fd_batches_may_alternate() -> None:
    decoder = Decoder(tables())
    frame = Frames.build([(0, 0, 0x101, bytes([5, 6, 7, 0, 0, 0, 0, 0]))])
    assert decoder.decode(frame).value.tolist() == [5, 6, 7]
    wide = replace(frame, id=np.array([0x103], np.uint32)).widen(64)
    assert decoder.decode(wide).value.tolist() == [5, 6, 7]
    assert decoder.decode(frame).value.tolist() == [5, 6, 7]


def test_more_late_messages_than_a_desk_has_room_for_are_all_told() -> None:
    builder = TableBuilder(1)
    for i in range(2000):
        message = builder.message(bus=0, can_id=i, extended=False, size=1, timeout_ns=MS)
        for k in range(3):
            builder.signal(message, SignalRow(Signal("S", 0, 8, big_endian=False), i * 3 + k))
    decoder = Decoder(builder.build())
    decoder.decode(Frames.build((0, 0, i, b"\x01") for i in range(2000)))
    late = decoder.decode(Frames.build([(5 * MS, 0, 0, b"\x02")]))
    assert sorted(late.signal.tolist()[:6000]) == list(range(6000))
    assert late.signal.tolist()[6000:] == [0, 1, 2]


def test_an_empty_batch_gives_no_samples() -> None:
    assert len(Decoder(tables()).decode(Frames.empty())) == 0


def test_a_desk_takes_no_batch_that_it_has_no_room_for() -> None:
    assert Desk.fits(Frames.empty(LARGEST_BATCH))
    assert not Desk.fits(Frames.empty(LARGEST_BATCH + 1))
