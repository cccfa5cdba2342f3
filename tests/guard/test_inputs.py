"""When an input is of use, when a condition holds, and for how long the opposite is put up with."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from commonwheel.guard.envelope import Condition, Ending, OnBad
from commonwheel.guard.inputs import Judged, Watch
from commonwheel.vehicles.samples import Quality
from tests.guard.little import INPUTS, MS, S

RULE = replace(INPUTS[0], stale=OnBad.RELEASE, invalid=OnBad.FAULT, corrupt=OnBad.RELEASE, missing=OnBad.FAULT)
"""0 to 180, 100 ms old at most, frozen after 2 s, tolerated for 100 ms."""


def _watch(value: float = 50.0, **changes: object) -> Watch:
    watch = Watch(replace(RULE, **changes))
    watch.take(S, value, Quality.GOOD)
    watch.judge(S, moving=True)
    return watch


def test_before_anything_has_come_it_is_missing() -> None:
    watch = Watch(RULE)
    assert watch.quality is Quality.MISSING
    watch.judge(0, moving=True)
    assert (watch.quality, watch.good, watch.usable(0)) == (Quality.MISSING, None, False)
    assert watch.recent(0) is watch.near(0) is None
    assert watch.failed(100 * MS - 1) is None
    assert watch.failed(100 * MS) is OnBad.FAULT
    assert str(watch) == "Speed is MISSING (value nan)"


@pytest.mark.parametrize(
    ("value", "quality"),
    [(0.0, "GOOD"), (180.0, "GOOD"), (-1e-9, "INVALID"), (180.0000001, "INVALID")]
    + [(each, "INVALID") for each in (math.nan, math.inf, -math.inf)],
)
def test_a_value_out_of_range_is_invalid(value: float, quality: str) -> None:
    watch = _watch()
    watch.take(S + 1, value, Quality.GOOD)
    watch.judge(S + 1, moving=True)
    assert watch.quality.name == quality
    assert watch.good == (value if quality == "GOOD" else 50.0)


def test_it_is_stale_when_it_is_too_old() -> None:
    watch = _watch()
    watch.judge(S + 100 * MS, moving=True)
    assert watch.quality == Quality.GOOD
    watch.judge(S + 100 * MS + 1, moving=True)
    assert watch.quality == Quality.STALE
    assert watch.good == 50.0


@pytest.mark.parametrize(
    ("quality", "action"),
    [
        (Quality.STALE, OnBad.RELEASE),
        (Quality.INVALID, OnBad.FAULT),
        (Quality.CORRUPT, OnBad.RELEASE),
        (Quality.MISSING, OnBad.FAULT),
    ],
)
def test_each_bad_quality_has_its_effect_after_the_tolerance(quality: Quality, action: OnBad) -> None:
    _effect(_watch(), quality, action)


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID, Quality.CORRUPT, Quality.MISSING])
@pytest.mark.parametrize("action", list(OnBad))
def test_what_one_bad_quality_does_is_nothing_to_the_others(quality: Quality, action: OnBad) -> None:
    """One of the four does one thing, and the others the other."""
    (other,) = set(OnBad) - {action}
    does = dict.fromkeys(("stale", "invalid", "corrupt", "missing"), other) | {quality.name.lower(): action}
    _effect(_watch(50.0, **does), quality, action)


def _effect(watch: Watch, quality: Quality, action: OnBad) -> None:
    watch.take(S + 10 * MS, 51.0, quality)
    watch.judge(S + 10 * MS, moving=True)
    assert watch.quality == quality
    assert watch.failed(S + 110 * MS - 1) is None
    watch.judge(S + 110 * MS, moving=True)
    assert watch.failed(S + 110 * MS) is action
    watch.take(S + 120 * MS, 51.0, Quality.GOOD)
    watch.judge(S + 120 * MS, moving=True)
    assert watch.failed(S + 120 * MS) is None


def test_tolerance_counts_from_the_first_bad_reading_whatever_comes_after() -> None:
    watch = _watch()
    for number, quality in enumerate((Quality.CORRUPT, Quality.STALE, Quality.CORRUPT)):
        now = S + (10 + 40 * number) * MS
        watch.take(now, 51.0, quality)
        watch.judge(now, moving=True)
    assert watch.failed(S + 110 * MS - 1) is None
    assert watch.failed(S + 110 * MS) is OnBad.RELEASE


def test_a_value_that_stands_still_while_the_car_moves_is_invalid() -> None:
    watch = _watch()
    for now in range(S + 10 * MS, 3 * S + 20 * MS, 10 * MS):
        watch.take(now, 50.0, Quality.GOOD)
        watch.judge(now, moving=True)
        assert watch.quality == (Quality.GOOD if now <= 3 * S else Quality.INVALID)
    assert watch.quality == Quality.INVALID
    assert str(watch) == "Speed is frozen (value 50)"
    watch.take(3 * S + 15 * MS, 181.0, Quality.GOOD)
    watch.judge(3 * S + 15 * MS, moving=True)
    assert str(watch) == "Speed is INVALID (value 181)"
    watch.take(3 * S + 20 * MS, 50.1, Quality.GOOD)
    watch.judge(3 * S + 20 * MS, moving=True)
    assert watch.quality == Quality.GOOD


def test_while_the_car_stands_everything_may_stand_still() -> None:
    watch = _watch()
    for now in range(S + 10 * MS, 6 * S, 10 * MS):
        watch.take(now, 50.0, Quality.GOOD)
        watch.judge(now, moving=False)
    watch.judge(6 * S, moving=True)
    assert watch.quality == Quality.GOOD


def test_a_reading_that_is_older_than_the_last_is_passed_over() -> None:
    watch = _watch()
    watch.take(S - 1, 70.0, Quality.CORRUPT)
    watch.judge(S, moving=True)
    assert (watch.quality, watch.good) == (Quality.GOOD, 50.0)
    watch.take(S, 70.0, Quality.GOOD)
    assert watch.good == 70.0


def test_what_was_measured_of_late_and_else_the_last() -> None:
    watch = _watch()
    watch.take(S + 60 * MS, 40.0, Quality.GOOD)
    watch.take(S + 70 * MS, 90.0, Quality.CORRUPT)
    assert watch.recent(S + 100 * MS) == (40.0, 50.0)
    assert watch.recent(S + 100 * MS + 1) == (40.0, 40.0)
    assert watch.recent(S + 300 * MS) == (40.0, 40.0)
    assert watch.near(S + 110 * MS) == (40.0, 40.0)
    assert watch.near(S + 300 * MS) == (40.0, 40.0)
    assert watch.usable(S + 260 * MS)
    assert not watch.usable(S + 260 * MS + 1)
    assert watch.good_ns == S + 60 * MS


def test_what_was_measured_within_50_ms_is_near() -> None:
    watch = _watch()
    watch.take(S + 10 * MS, 40.0, Quality.GOOD)
    assert watch.near(S + 50 * MS) == (40.0, 50.0)
    assert watch.near(S + 50 * MS + 1) == (40.0, 40.0)


def test_a_reading_from_before_the_guard_began_is_passed_over() -> None:
    watch = Watch(RULE)
    watch.take(-1, 50.0, Quality.GOOD)
    assert watch.good is None
    watch.take(0, 50.0, Quality.GOOD)
    assert watch.good == 50.0


def _condition(for_ns: int = 0) -> tuple[Watch, Judged]:
    watch = Watch(RULE)
    return watch, Judged(Condition("Speed", 10.0, 20.0, for_ns, Ending.RAMP, "slow"), watch)


def _told(watch: Watch, judged: Judged, now_ns: int, value: float, quality: Quality = Quality.GOOD) -> bool | None:
    watch.take(now_ns, value, quality)
    watch.judge(now_ns, moving=True)
    judged.judge(now_ns)
    return judged.holds


def test_a_condition_holds_within_its_limits_and_begins_once() -> None:
    watch, judged = _condition()
    assert str(judged) == "slow (Speed is unknown, not from 10 to 20)"
    assert judged.began is False
    judged.judge(0)
    assert judged.holds is None
    seen = [(10.0, True), (9.99, False), (20.0, True), (15.0, True), (20.01, False), (10.0, True)]
    began = [False, False, True, False, False, True]
    for number, ((value, holds), begins) in enumerate(zip(seen, began, strict=True)):
        assert _told(watch, judged, number * MS, value) is holds
        assert judged.began is begins
    assert str(judged) == "slow (Speed is 10)"


def test_a_condition_takes_its_time_to_change() -> None:
    watch, judged = _condition(for_ns=100 * MS)
    assert _told(watch, judged, 0, 15.0) is True
    assert _told(watch, judged, 10 * MS, 5.0) is True
    assert _told(watch, judged, 109 * MS, 5.0) is True
    assert _told(watch, judged, 110 * MS, 5.0) is False
    assert _told(watch, judged, 120 * MS, 15.0) is False
    assert _told(watch, judged, 130 * MS, 5.0) is False
    assert _told(watch, judged, 200 * MS, 15.0) is False
    assert _told(watch, judged, 299 * MS, 15.0) is False
    assert not judged.began
    assert _told(watch, judged, 300 * MS, 15.0) is True
    assert judged.began


def test_a_condition_stays_as_it_is_while_its_signal_is_bad() -> None:
    watch, judged = _condition()
    _told(watch, judged, 0, 15.0)
    assert _told(watch, judged, 1, 5.0, Quality.CORRUPT) is True
    assert _told(watch, judged, 2, 500.0) is True
    assert _told(watch, judged, 3, 5.0) is False


def test_a_condition_does_not_change_by_time_alone_while_its_signal_is_bad() -> None:
    """What it saw last cannot be trusted to be so still; the first good reading afterwards decides."""
    for after, holds in ((5.0, False), (15.0, True)):
        watch, judged = _condition(for_ns=100 * MS)
        assert _told(watch, judged, 0, 15.0) is True
        assert _told(watch, judged, 10 * MS, 5.0) is True
        for number in range(2, 20):
            assert _told(watch, judged, number * 10 * MS, 5.0, Quality.CORRUPT) is True
        assert _told(watch, judged, 200 * MS, after) is holds


def test_a_condition_says_what_it_sees_and_what_would_be_right() -> None:
    watch, judged = _condition()
    assert str(judged) == "slow (Speed is unknown, not from 10 to 20)"
    _told(watch, judged, 10 * MS, 10.0)
    assert str(judged) == "slow (Speed is 10)"
    _told(watch, judged, 20 * MS, 20.5)
    assert str(judged) == "slow (Speed is 20.5, not from 10 to 20)"
