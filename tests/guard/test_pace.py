"""The guard's own time goes with the steady clock, whatever the other one is set to."""

from __future__ import annotations

import pytest

from commonwheel.guard.pace import Pace
from commonwheel.guard.verdict import Rule
from tests.guard.little import MS, S


def _pace(t_ns: int = 1000 * S, steady_ns: int = 7 * S) -> Pace:
    pace = Pace(late_ns=30 * MS, clock_step_ns=5 * MS)
    assert pace.at(12345) == 0
    assert pace.tick(t_ns, steady_ns) is None
    return pace


def test_it_begins_at_nought_and_goes_on_with_the_steady_clock() -> None:
    pace = _pace()
    assert (pace.now, pace.before) == (0, 0)
    assert pace.tick(1000 * S + 12 * MS, 7 * S + 10 * MS) is None
    assert pace.tick(1000 * S + 20 * MS, 7 * S + 20 * MS) is None
    assert (pace.now, pace.before) == (20 * MS, 10 * MS)


def test_a_time_from_outside_is_told_by_the_last_tick_and_is_never_far_ahead() -> None:
    pace = _pace()
    pace.tick(1000 * S + 10 * MS, 7 * S + 10 * MS)
    assert pace.at(1000 * S + 10 * MS) == 10 * MS
    assert pace.at(1000 * S + 7 * MS) == 7 * MS
    assert pace.at(1000 * S + 14 * MS) == 14 * MS
    assert pace.at(9999 * S) == 40 * MS
    assert pace.at(0) == 10 * MS - 1000 * S - 10 * MS


def test_a_loop_as_late_as_it_may_be_is_not_late_and_a_nanosecond_more_is() -> None:
    pace = _pace()
    assert pace.tick(1000 * S + 30 * MS, 7 * S + 30 * MS) is None
    rule, text = pace.tick(1000 * S + 60 * MS + 1, 7 * S + 60 * MS + 1) or (Rule.NONE, "")
    assert rule is Rule.LATE_LOOP
    assert text == "30 ms from cycle to cycle, at most 30 ms"
    assert (pace.now, pace.before) == (60 * MS + 1, 30 * MS)


def test_a_clock_that_is_set_is_noticed_either_way() -> None:
    for by in (5 * MS, -5 * MS):
        pace = _pace()
        assert pace.tick(1000 * S + 10 * MS + by, 7 * S + 10 * MS) is None
        pace = _pace()
        rule, text = pace.tick(1000 * S + 10 * MS + by + (1 if by > 0 else -1), 7 * S + 10 * MS) or (Rule.NONE, "")
        assert rule is Rule.CLOCK_STEP
        off = f"of late it is {by // MS:g} ms off, and may be 5 ms"
        assert text == f"the clock went on by {10 + by // MS:g} ms within 10 ms; {off}"
        assert pace.now == 10 * MS


def test_time_never_goes_back() -> None:
    pace = _pace()
    pace.tick(1000 * S + 10 * MS, 7 * S + 10 * MS)
    rule, _ = pace.tick(1000 * S + 9 * MS, 7 * S + 9 * MS) or (Rule.NONE, "")
    assert rule is Rule.CLOCK_STEP
    assert (pace.now, pace.before) == (10 * MS, 10 * MS)
    assert pace.tick(1000 * S + 9 * MS, 7 * S + 9 * MS) is None
    assert pace.tick(1000 * S + 19 * MS, 7 * S + 19 * MS) is None
    assert pace.now == 20 * MS


def test_a_nanosecond_back_is_back() -> None:
    pace = _pace()
    rule, _ = pace.tick(1000 * S - 1, 7 * S - 1) or (Rule.NONE, "")
    assert rule is Rule.CLOCK_STEP


def test_a_clock_that_stands_still_or_goes_wrong_little_by_little_is_noticed() -> None:
    """What it is off by adds up; what was long ago does not count."""
    for every_ms, noticed in ((0, 1), (9, 6), (11, 6), (10, None)):
        pace, at = _pace(), None
        for cycle in range(1, 500):
            if pace.tick(1000 * S + cycle * every_ms * MS, 7 * S + cycle * 10 * MS) is not None:
                at = at or cycle
        assert at == noticed, every_ms
    pace = _pace()
    for cycle in range(1, 500):  # 0.4 % fast: 4 ms a second, which are forgotten as fast as they come
        assert pace.tick(1000 * S + cycle * 10_040_000, 7 * S + cycle * 10 * MS) is None
    pace = _pace()
    assert pace.tick(1000 * S + 15 * MS, 7 * S + 10 * MS) is None
    assert pace.tick(1000 * S + 26 * MS, 7 * S + 20 * MS) is not None


def test_once_noticed_a_clock_is_taken_as_it_is() -> None:
    pace = _pace()
    assert pace.tick(1100 * S, 7 * S + 10 * MS) is not None
    assert pace.tick(1100 * S + 10 * MS, 7 * S + 20 * MS) is None
    assert pace.tick(1100 * S + 15 * MS, 7 * S + 30 * MS) is None


@pytest.mark.parametrize("by", [5 * MS, -5 * MS])
def test_once_noticed_nothing_is_left_of_what_a_clock_was_off_by(by: int) -> None:
    pace = _pace()
    assert pace.tick(1100 * S, 7 * S + 10 * MS) is not None
    assert pace.tick(1100 * S + 10 * MS + by, 7 * S + 20 * MS) is None


@pytest.mark.parametrize(
    ("apart_ns", "passed_ns", "left_ns"),
    [(5_000_000, 200, 4_999_999), (333_667, 2_997, 333_667), (-333_667, 0, -333_667), (4_000_000, S, 0)],
)
def test_what_a_clock_was_off_by_is_forgotten_by_the_second(apart_ns: int, passed_ns: int, left_ns: int) -> None:
    """To the nanosecond: what is left of it and as much as may be is just enough, and a nanosecond more is not."""
    most = 5 * MS if left_ns >= 0 else -5 * MS
    for more, noticed in ((0, False), (1 if most > 0 else -1, True)):
        pace = Pace(late_ns=2 * S, clock_step_ns=5 * MS)
        pace.tick(1000 * S, 7 * S)
        assert pace.tick(1000 * S + passed_ns + apart_ns, 7 * S + passed_ns) is None
        t_ns = 1000 * S + passed_ns + apart_ns + most - left_ns + more
        assert (pace.tick(t_ns, 7 * S + passed_ns) is not None) is noticed
