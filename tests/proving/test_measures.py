"""Figures of drives whose answer is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from commonwheel.guard import State
from commonwheel.proving.criteria import ALWAYS, Criterion, judge
from commonwheel.proving.measures import MEASURES, jerk_limit, measure, settled
from commonwheel.proving.run import QUANTITIES, STATES, Run
from commonwheel.wire.frames import Frames

N = 6000
T = np.asarray(np.arange(1, N + 1) * 0.01, np.float64)


def drive(*, engaged: slice = slice(None), **columns: np.ndarray) -> Run:
    """Return a drive of a minute in which an axis acts for a while."""
    truth = {name: np.full(N, math.nan) for name in QUANTITIES}
    truth |= {"speed_mps": np.full(N, 20.0), "acceleration_mps2": np.zeros(N), "lateral_mps2": np.zeros(N)} | columns
    codes = np.full(N, STATES.index(State.ARMED), np.int8)
    codes[engaged] = STATES.index(State.ENGAGED)
    states = {"longitudinal": codes, "lateral": codes}
    return Run("a/car", "x", (), T, truth, {}, states, (), (), Frames.empty(), Frames.empty(), (), (), (), math.nan)


def test_a_speed_that_is_off_by_a_sine_has_its_root_mean_square() -> None:
    off = np.sin(2 * math.pi * T) / 3.6
    found = measure(drive(speed_mps=20.0 + off, target_mps=np.full(N, 20.0)))
    assert found["speed_rms"] == pytest.approx(1 / math.sqrt(2), rel=1e-3)
    assert found["speed_worst"] == pytest.approx(1.0, rel=1e-3)


def test_what_is_not_engaged_does_not_count() -> None:
    speed = np.where(T < 30.0, 20.0, 99.0)
    found = measure(drive(engaged=slice(None, 2900), speed_mps=speed, target_mps=np.full(N, 20.0)))
    assert found["speed_worst"] == 0.0
    assert found["engaged_longitudinal"] == pytest.approx(100 * 2900 / N)


def test_an_axis_settles_for_some_seconds_each_time_that_it_is_engaged() -> None:
    engaged = np.zeros(3000, bool)
    engaged[500:1500] = engaged[2000:] = True
    rows = settled(engaged, 2.0)
    assert np.flatnonzero(rows)[0] == 700
    assert rows.sum() == (1000 - 200) + (1000 - 200)


def test_the_gap_and_the_time_gap() -> None:
    gap = 40.0 - 10.0 * np.sin(2 * math.pi * T / 60.0)
    found = measure(drive(gap_m=gap))
    assert found["gap_least"] == pytest.approx(30.0)
    assert found["headway_least"] == pytest.approx(1.5)


def test_the_lane_is_judged_between_its_speeds_only() -> None:
    speed = np.where(T < 30.0, 20.0, 35.0)  # 72 and 126 km/h
    offset = np.where(T < 30.0, 0.1, 2.0)
    found = measure(drive(speed_mps=speed, offset_m=offset))
    assert found["offset_rms"] == pytest.approx(0.1)
    assert found["offset_worst"] == pytest.approx(0.1)


def test_a_ramp_of_braking_has_its_jerk_and_its_share_of_the_limit() -> None:
    braking = np.clip(T - 20.0, 0.0, 2.0) * -1.25  # 1.25 m/s^3 for two seconds
    found = measure(drive(acceleration_mps2=braking))
    assert found["jerk_share"] == pytest.approx(50.0, rel=1e-3)
    assert found["braking_most"] == pytest.approx(2.5)
    assert found["braking_share"] == pytest.approx(100 * 2.5 / 3.5)


def test_lateral_jerk_is_the_mean_of_half_a_second() -> None:
    lateral = np.clip(T - 20.0, 0.0, 0.25) * 8.0  # 8 m/s^3, for a quarter of a second only
    found = measure(drive(lateral_mps2=lateral))
    assert found["lateral_jerk_most"] == pytest.approx(4.0, rel=1e-3)
    assert found["lateral_most"] == pytest.approx(2.0)


def test_limits_by_speed_are_those_of_the_standard_at_its_points() -> None:
    assert jerk_limit(np.array([0.0, 5.0, 12.5, 20.0, 40.0])).tolist() == [5.0, 5.0, 3.75, 2.5, 2.5]


def test_a_drive_that_lacks_a_figure_does_not_hold_its_limit_unless_that_says_so() -> None:
    strict, lenient = Criterion("speed_rms", most=1.0), Criterion("speed_rms", most=1.0, where_measured=True)
    assert [found.passed for found in judge({}, (strict, lenient))] == [False, True]
    assert [found.passed for found in judge({"speed_rms": 1.0}, (strict, lenient))] == [True, True]
    assert [found.passed for found in judge({"speed_rms": 1.001}, (strict, lenient))] == [False, False]


def test_every_limit_is_of_a_figure_that_there_is() -> None:
    assert {one.measure for one in ALWAYS} <= {one.name for one in MEASURES}
    assert all(found.passed for found in judge(measure(drive()), ALWAYS))
