"""Recorded times on one line that rises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.gateway.line import BACK_NS, GAP_NS, RisingLine
from commonwheel.wire.frames import Clock, Frames

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def frames(*rows: tuple[float, int], clock: Clock = Clock.RELATIVE) -> Frames:
    """Return frames by (seconds, bus)."""
    return Frames.build(((round(t * SECOND), bus, 0x100, b"") for t, bus in rows), clock=clock)


def placed(line: RisingLine, *rows: tuple[float, int], clock: Clock = Clock.RELATIVE) -> list[float]:
    """Return the seconds after 1000 s at which they lie."""
    return [(t - 1000 * SECOND) / SECOND for t in line.place(frames(*rows, clock=clock)).t_ns.tolist()]


def start() -> RisingLine:
    return RisingLine(1000 * SECOND)


def test_a_recording_begins_now_whenever_it_was_made() -> None:
    assert placed(start(), (77, 0), (77.5, 1), (79, 0)) == [0, 0.5, 2]


def test_chunks_go_on_where_the_last_one_was() -> None:
    line = start()
    assert placed(line, (77, 0), (78, 0)) == [0, 1]
    assert placed(line, (78.25, 0), (80, 0)) == [1.25, 3]
    assert line.end_ns == 1003 * SECOND


def test_started_over_it_goes_on_without_a_jump() -> None:
    line = start()
    placed(line, (5, 0), (6, 0))
    line.restart()
    assert placed(line, (5, 0), (6, 0)) == [1.001, 2.001]


def test_small_steps_back_stay_as_they_were_recorded() -> None:
    assert placed(start(), (5, 0), (5.5, 0), (5.25, 1), (5.3, 0)) == [0, 0.5, 0.25, 0.3]


def test_a_clock_that_starts_over_within_the_recording_goes_on() -> None:
    line = start()
    assert placed(line, (4294, 0), (4295, 0), (0.5, 0), (1.5, 0)) == [0, 1, 1, 2]
    assert placed(line, (2, 0)) == [2.5]


def test_a_clock_that_starts_over_between_chunks_goes_on() -> None:
    line = start()
    placed(line, (4294, 0), (4295, 0))
    assert placed(line, (0.5, 0), (1.5, 0)) == [1, 2]


def test_a_bus_recorded_behind_another_is_played_behind_it() -> None:
    line = start()
    assert placed(line, (0, 0), (60, 0)) == [0, 60]
    assert placed(line, (0, 1), (60, 1)) == [60, 120]
    assert placed(start(), (0, 0), (60, 0), (0, 1), (60, 1)) == [0, 60, 60, 120]


def test_one_wild_stamp_is_pulled_back_and_shifts_no_other_bus() -> None:
    assert placed(start(), (0, 0), (1e6, 1), (1, 0), (2, 0)) == [0, 0.001, 1, 2]


def test_pauses_are_kept_unless_no_driver_makes_them() -> None:
    line = start()
    assert placed(line, (0, 0), (600, 0)) == [0, 600]
    assert placed(line, (600 + 3 * 3600, 0), (601 + 3 * 3600, 0)) == [600.001, 601.001]
    assert placed(line, (602 + 3 * 3600, 0)) == [602.001]


def test_frames_without_times_come_at_an_even_pace() -> None:
    line = RisingLine(1000 * SECOND, order_ns=SECOND)
    assert placed(line, (0, 0), (0, 0), (0, 1), clock=Clock.ORDER) == [0, 1, 2]
    assert placed(line, (0, 0), clock=Clock.ORDER) == [3]
    line.restart()
    assert placed(line, (0, 0), clock=Clock.ORDER) == [3.001]


@given(
    st.lists(st.tuples(st.integers(-(2**40), 2**62), st.integers(0, 3)), min_size=1, max_size=30),
    st.integers(1, 7),
    st.booleans(),
)
def test_whatever_the_clock_did_no_bus_steps_back_far(rows: list[tuple[int, int]], size: int, again: bool) -> None:  # noqa: FBT001
    """Nor is there ever a wait of more than an hour from one frame to the next."""
    line = RisingLine(1000 * SECOND)
    made = Frames.build((t, bus, 0x100, b"") for t, bus in rows)
    parts: list[Frames] = []
    for _ in range(1 + again):
        parts += [line.place(made[at : at + size]) for at in range(0, len(made), size)]
        line.restart()
    times, buses = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t_ns", "bus"))
    for bus in set(buses.tolist()):
        assert (np.diff(times[buses == bus]) >= -BACK_NS).all()
    reached = np.maximum.accumulate(times)
    assert (np.diff(reached) <= HOUR + GAP_NS).all()
    assert reached[0] == 1000 * SECOND
    assert line.end_ns == reached[-1]


def test_a_chunk_is_not_changed_in_place() -> None:
    given_frames = frames((5, 0), (6, 1))
    kept = replace(given_frames, t_ns=given_frames.t_ns.copy())
    start().place(given_frames)
    np.testing.assert_array_equal(given_frames.t_ns, kept.t_ns)
