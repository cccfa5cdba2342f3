"""Frames: a batch of CAN frames as columns."""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.wire.frames import EXTENDED_FLAG, Clock, Frames

ROWS = [
    (30, 0, 0x123, b"\x01\x02"),
    (10, 1, 0x18FEF100 | EXTENDED_FLAG, b"\xff" * 8),
    (10, 0, 0x7FF, b""),
    (20, 2, 0, b"\x00"),
]


def rows_of(frames: Frames) -> list[tuple[int, int, int, bytes]]:
    columns = zip(frames.t_ns, frames.bus, frames.id, frames.size, frames.data, strict=True)
    return [(int(t), int(bus), int(can_id), bytes(data[:size])) for t, bus, can_id, size, data in columns]


def test_rows_come_back_as_they_were_put_in() -> None:
    frames = Frames.build(ROWS, clock=Clock.RELATIVE)
    assert rows_of(frames) == ROWS
    assert (len(frames), frames.width, frames.clock) == (4, 8, Clock.RELATIVE)


def test_payloads_are_zero_behind_their_size() -> None:
    frames = Frames.build(ROWS)
    assert frames.data[0].tolist() == [1, 2, 0, 0, 0, 0, 0, 0]
    assert not frames.data[2].any()


def test_one_long_payload_makes_room_for_can_fd() -> None:
    frames = Frames.build([*ROWS, (40, 0, 1, bytes(range(12)))])
    assert frames.width == 64
    assert rows_of(frames)[-1] == (40, 0, 1, bytes(range(12)))


def test_frames_of_one_instant_keep_their_order_when_sorted() -> None:
    assert [row[0] for row in rows_of(Frames.build(ROWS).sorted_by_time())] == [10, 10, 20, 30]
    assert [row[2] for row in rows_of(Frames.build(ROWS).sorted_by_time())[:2]] == [ROWS[1][2], ROWS[2][2]]


@pytest.mark.parametrize("index", [slice(1, 3), slice(None, None, 2), slice(None, None, -1), slice(9, None)])
def test_a_slice_is_those_frames_in_contiguous_columns(index: slice) -> None:
    chosen = Frames.build(ROWS, clock=Clock.ORDER)[index]
    assert rows_of(chosen) == ROWS[index]
    assert chosen.clock is Clock.ORDER
    assert all(c.flags.c_contiguous for c in (chosen.t_ns, chosen.bus, chosen.id, chosen.size, chosen.data))


def test_a_mask_and_an_index_array_choose_frames() -> None:
    frames = Frames.build(ROWS)
    assert rows_of(frames[frames.bus == 0]) == [ROWS[0], ROWS[2]]
    assert rows_of(frames[np.array([3, 0])]) == [ROWS[3], ROWS[0]]


def test_joining_widens_classic_payloads_beside_can_fd() -> None:
    joined = Frames.concat([Frames.build(ROWS, clock=Clock.RELATIVE), Frames.build([(50, 0, 2, bytes(64))])])
    assert (joined.width, len(joined), joined.clock) == (64, 5, Clock.RELATIVE)
    assert rows_of(joined)[:4] == ROWS


def test_nothing_joined_is_an_empty_batch() -> None:
    assert len(Frames.concat([])) == 0
    assert Frames.empty(3, width=64).data.shape == (3, 64)


def test_widening_never_narrows() -> None:
    wide = Frames.build(ROWS).widen(64)
    assert wide.widen(8) is wide
    assert rows_of(wide) == ROWS
