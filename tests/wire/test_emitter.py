"""The emitter by itself: order, periods, rooms, counters, turns, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from commonwheel.wire.checksums import compile_check
from commonwheel.wire.database import Signal
from commonwheel.wire.emitter import Emission, Emitter, Misfit, Put, Sent
from commonwheel.wire.frames import Clock, Frames
from commonwheel.wire.tables import TableBuilder, Tables

SPEED = Signal("Speed", 7, 16, big_endian=True)
COUNT = Signal("Count", 48, 4, big_endian=False)


def tables() -> Tables:
    builder = TableBuilder(1)
    check = compile_check("zero-sum", can_id=1, extended=False)
    builder.message(bus=0, can_id=1, extended=False, size=8, check=check)
    return builder.build()


def sent(can_id: int, period_ns: int, *puts: Put, **more: object) -> Sent:
    return Sent(0, can_id, 8, period_ns, ((bytes(8), puts),), **more)  # type: ignore[arg-type]


def emitter(*messages: Sent, tracks: int = 1, strict: bool = False) -> Emitter:
    made = Emitter(Emission(tables(), messages, tracks), strict=strict)
    for number in range(tracks):
        made.bind(number, np.zeros(1, np.int64), np.zeros(1))
    return made


def test_frames_come_in_the_order_of_time_and_of_the_messages_at_one_instant() -> None:
    made = emitter(sent(1, 30), sent(2, 20), sent(3, 60))
    made.begin(np.array([0, 0, 0]))
    frames = made.run(121)
    expected = sorted((t, can_id) for can_id, period in ((1, 30), (2, 20), (3, 60)) for t in range(0, 121, period))
    assert list(zip(frames.t_ns.tolist(), frames.id.tolist(), strict=True)) == expected
    assert frames.clock is Clock.RELATIVE


def test_a_large_batch_is_the_small_ones_together() -> None:
    """Small ones are made at a desk that is laid out already, large ones in memory of their own."""
    messages = [sent(k, 7 + 3 * k, Put(SPEED, 0), counter=COUNT, modulo=10, check=0) for k in range(20)]
    points = np.arange(0, 20_000, 10, dtype=np.int64)
    batches: list[Frames] = []
    for step in (20_000, 50):
        made = emitter(*messages)
        made.bind(0, points, points.astype(float))
        made.begin(np.arange(20, dtype=np.int64))
        batches.append(Frames.concat([made.run(until) for until in range(step, 20_001, step)]))
    one, other = batches
    assert len(one) > 10_000
    for name in ("t_ns", "bus", "id", "size", "data"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert not (one.data.sum(axis=1) % 256).any()


def test_what_was_returned_stays_as_it_is() -> None:
    made = emitter(sent(1, 10, Put(SPEED, 0)))
    made.bind(0, np.array([0, 100]), np.array([1.0, 2.0]))
    made.begin(np.array([0]))
    first = made.run(100)
    kept = first.data.copy()
    made.run(200)
    assert (first.data == kept).all()


def test_a_value_holds_from_its_time_on_and_the_first_before() -> None:
    made = emitter(sent(1, 10, Put(SPEED, 0)))
    made.bind(0, np.array([20, 40]), np.array([1.0, 2.0]))
    made.begin(np.array([0]))
    assert made.run(60).data[:, 1].tolist() == [1, 1, 1, 1, 2, 2]


def test_tracks_may_share_times_and_lie_across() -> None:
    made = emitter(sent(1, 10, Put(SPEED, 0), Put(Signal("Other", 23, 8, big_endian=True), 1)), tracks=2)
    times, values = np.array([0, 10, 20]), np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    for number in range(2):
        made.bind(number, times, values[:, number])
    made.begin(np.array([0]))
    assert made.run(30).data[:, 1:3].tolist() == [[1, 10], [2, 20], [3, 30]]
    made.count(2)
    made.begin(np.array([0]))
    assert made.run(30).data[:, 1:3].tolist() == [[1, 10], [2, 20], [2, 20]]


def test_counters_go_on_and_turns_begin_anew() -> None:
    turns = ((bytes(8), (Put(SPEED, bits=1),)), (bytes(8), (Put(SPEED, bits=2),)))
    made = emitter(Sent(0, 1, 8, 10, turns, COUNT, 3))
    for expected in ([0, 1, 2], [0, 1, 2]):
        made.begin(np.array([0]))
        frames = made.run(30)
        assert frames.data[:, 6].tolist() == expected
        assert frames.data[:, 1].tolist() == [1, 2, 1]


def test_strict_says_which_value_does_not_fit() -> None:
    small = Put(Signal("Small", 0, 4, big_endian=False), 0, factor=0.5)
    made = emitter(sent(9, 5), sent(1, 10, small), strict=True)
    made.bind(0, np.array([0, 10]), np.array([1.0, 8.0]))
    made.begin(np.array([0, 0]))
    with pytest.raises(Misfit, match="8 does not fit into Small") as caught:
        made.run(100)
    assert (caught.value.message, caught.value.put, caught.value.value, caught.value.raw) == (1, small, 8.0, 16.0)


@pytest.mark.parametrize(("value", "bits"), [(7.74, 15), (-1.0, 0), (math.inf, 15), (-math.inf, 0), (math.nan, 0)])
def test_lenient_brings_it_to_the_nearest_that_does(value: float, bits: int) -> None:
    made = emitter(sent(1, 10, Put(Signal("Small", 0, 4, big_endian=False), 0, factor=0.5)))
    made.bind(0, np.array([0]), np.array([value]))
    made.begin(np.array([0]))
    assert made.run(10).data[0, 0] == bits
    assert made.clamped == (not math.isnan(value) and value != 7.74)


def test_a_message_of_64_bytes_widens_all() -> None:
    long = Sent(0, 1, 64, 10, ((bytes(range(64)), (Put(Signal("Far", 511, 8, big_endian=False), bits=0),)),))
    with pytest.raises(ValueError, match="does not lie within 64 bytes"):
        emitter(long)
    far = Signal("Far", 504, 8, big_endian=False)
    made = emitter(Sent(0, 1, 64, 10, ((bytes(range(64)), (Put(far, bits=200),)),)), sent(2, 10))
    made.begin(np.array([0, 5]))
    frames = made.run(10)
    assert frames.width == 64
    assert frames.data[0].tolist() == [*range(63), 200]
    assert frames.data[1].tolist() == [0] * 64


def test_what_cannot_be_laid_out_is_refused() -> None:
    with pytest.raises(ValueError, match="'Far' lies outside payloads of 8 bytes"):
        emitter(sent(1, 10, Put(Signal("Far", 64, 8, big_endian=False), 0)))
    with pytest.raises(ValueError, match="a track beyond the 1 that there are"):
        emitter(sent(1, 10, Put(SPEED, 1)))
    made = emitter(sent(1, 10))
    for times, values in (
        (np.zeros(0, np.int64), np.zeros(0)),
        (np.zeros(2, np.int64), np.zeros(1)),
        (np.zeros(1, np.int32), np.zeros(1)),
        (np.zeros(1, np.int64), np.zeros(1, np.float32)),
        (np.zeros(4, np.int64)[::2], np.zeros(2)),
    ):
        with pytest.raises(ValueError, match=r"of a value|a value over time"):
            made.bind(0, times, values)  # type: ignore[arg-type]


def test_nothing_to_send_is_no_frames() -> None:
    made = emitter(tracks=0)
    made.begin(np.zeros(0, np.int64))
    assert not len(made.run(1 << 62))
