"""Ranges and reaches as the envelope states them, by numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.guard.envelope import Curve, Geometry, Lateral, Without
from commonwheel.guard.limits import (
    Bounds,
    allowed,
    approach,
    extent,
    range_of,
    reach_of,
    steered,
    windowed,
)
from commonwheel.guard.verdict import Rule
from tests.guard.little import ACCEL, ANGLE, CURVATURE, NO, TORQUE, constant

GEOMETRY = Geometry(wheelbase_m=2.5, steering_ratio=15.0, understeer_s2_per_m=0.002)
WIDE = Bounds(-9.0, 9.0, Rule.NONE, Rule.NONE)


def test_a_curve_is_taken_at_its_strictest() -> None:
    curve = Curve(((0.0, 4.0), (10.0, 2.0), (20.0, 6.0)))
    assert extent(curve, (0.0, 5.0)) == (3.0, 4.0)
    assert extent(curve, (5.0, 15.0)) == (2.0, 4.0)
    assert extent(curve, (10.0, 10.0)) == (2.0, 2.0)
    assert extent(curve, (12.0, 99.0)) == (pytest.approx(2.8), 6.0)
    assert extent(constant(7.0), (3.0, 9.0)) == (7.0, 7.0)


def test_a_bend_that_gives_a_lateral_acceleration() -> None:
    """At 20 m/s, 3 m/s^2 are 3/400 1/m; 15 * (2.5 + 0.002 * 400) * that are 0.37125 rad at the wheel."""
    assert steered(GEOMETRY, "1/m", 20.0, 3.0) == pytest.approx(0.0075, rel=1e-12)
    for unit in ("degrees", "deg", "degree"):
        assert steered(GEOMETRY, unit, 20.0, 3.0) == pytest.approx(math.degrees(0.37125), rel=1e-12)
    assert steered(GEOMETRY, "deg", 0.0, 3.0) == math.inf
    assert steered(GEOMETRY, "deg", 0.0, 0.0) == 0.0
    assert steered(GEOMETRY, "deg", 20.0, 0.0) == 0.0
    assert steered(GEOMETRY, "deg", 1e-200, 3.0) == math.inf


def test_a_range_is_that_of_the_strictest_speed() -> None:
    assert range_of(ACCEL, NO, (5.0, 15.0)) == Bounds(-3.5, 3.0, Rule.RANGE, Rule.RANGE)
    both = replace(ACCEL, low=Curve(((0.0, -4.0), (10.0, -2.0))))
    assert range_of(both, GEOMETRY, (0.0, 5.0)).low == -3.0


def test_lateral_acceleration_narrows_a_range_at_the_fastest_speed() -> None:
    bounds = range_of(ANGLE, GEOMETRY, (10.0, 20.0))
    most = math.degrees(0.37125)
    assert bounds == (pytest.approx(-most), pytest.approx(most), Rule.LATERAL_ACCELERATION, Rule.LATERAL_ACCELERATION)
    slow = range_of(ANGLE, GEOMETRY, (1.0, 1.0))
    assert slow == (-385.0, 385.0, Rule.RANGE, Rule.RANGE)
    assert range_of(CURVATURE, GEOMETRY, (20.0, 20.0)).high == pytest.approx(0.0075)
    assert range_of(ANGLE, NO, (20.0, 20.0)).high == 100.0


@pytest.mark.parametrize(
    ("last", "elapsed_s", "low", "high"),
    [
        (0.0, 0.1, -0.5, 0.5),  # away both ways
        (2.0, 0.1, 1.0, 2.5),  # towards at 10 a second, away at 5
        (-2.0, 0.1, -2.5, -1.0),
        (0.5, 0.1, -0.25, 1.0),  # 0.05 s to neutral, and 0.05 s beyond
        (-0.5, 0.1, -1.0, 0.25),
        (1.0, 0.1, 0.0, 1.5),  # just to neutral
        (1.0, 0.0, 1.0, 1.0),
    ],
)
def test_a_reach_is_what_the_rates_allow(last: float, elapsed_s: float, low: float, high: float) -> None:
    reach = reach_of(ACCEL, NO, (0.0, 0.0), source=(last, last), centre=0.0, elapsed_s=elapsed_s)
    assert reach == (pytest.approx(low), pytest.approx(high), Rule.RATE, Rule.RATE)


def test_rates_are_counted_from_the_centre_and_at_the_strictest_speed() -> None:
    reach = reach_of(ACCEL, NO, (0.0, 20.0), source=(3.0, 3.0), centre=1.0, elapsed_s=0.1)
    assert (reach.low, reach.high) == (2.0, 3.25)


def test_without_a_rate_there_is_no_bound_even_in_no_time() -> None:
    free = replace(ACCEL, rate_up=NO, rate_down=NO)
    for last in (-1.0, 0.0, 1.0):
        reach = reach_of(free, NO, (0.0, 0.0), source=(last, last), centre=0.0, elapsed_s=0.0)
        assert (reach.low, reach.high) == (-math.inf, math.inf)


def test_without_a_rate_towards_neutral_it_comes_back_at_once_and_goes_on_at_the_other() -> None:
    reach = reach_of(TORQUE, NO, (0.0, 0.0), source=(-900.0, -900.0), centre=0.0, elapsed_s=0.01)
    assert (reach.low, reach.high) == (pytest.approx(-976.8), pytest.approx(76.8))
    reach = reach_of(TORQUE, NO, (0.0, 0.0), source=(-900.0, -900.0), centre=0.0, elapsed_s=0.0)
    assert (reach.low, reach.high) == (-900.0, 0.0)


def test_lateral_jerk_bounds_a_change() -> None:
    """At 20 m/s, 5 m/s^3 are 0.0125 1/m in a second."""
    reach = reach_of(CURVATURE, GEOMETRY, (1.0, 20.0), source=(0.001, 0.001), centre=0.0, elapsed_s=0.1)
    assert reach == (
        pytest.approx(-0.00025),
        pytest.approx(0.00225),
        Rule.LATERAL_JERK,
        Rule.LATERAL_JERK,
    )
    reach = reach_of(CURVATURE, GEOMETRY, (0.0, 0.0), source=(0.001, 0.001), centre=0.0, elapsed_s=0.1)
    assert (reach.low, reach.high) == (-math.inf, math.inf)
    assert reach_of(CURVATURE, NO, (20.0, 20.0), source=(0.0, 0.0), centre=0.0, elapsed_s=0.1).high == math.inf
    standing = reach_of(CURVATURE, GEOMETRY, (0.0, 0.0), source=(0.001, 0.001), centre=0.0, elapsed_s=0.0)
    assert (standing.low, standing.high) == (0.001, 0.001)


def test_a_window_bounds_the_change_of_all_of_it() -> None:
    assert windowed(WIDE, ACCEL, (-1.0, 2.0), last=1.0, spare=0.0) == Bounds(-2.0, 3.0, Rule.WINDOW, Rule.WINDOW)
    assert windowed(WIDE, ACCEL, None, last=1.0, spare=0.0) == Bounds(-3.0, 5.0, Rule.WINDOW, Rule.WINDOW)
    assert windowed(WIDE, TORQUE, (-1.0, 2.0), last=1.0, spare=0.0) == WIDE


def test_a_window_gives_what_the_wire_cannot_hold_once() -> None:
    assert windowed(WIDE, ACCEL, (0.0, 0.0), last=0.0, spare=0.5)[:2] == (-4.5, 4.5)
    assert windowed(WIDE, ACCEL, (0.0, 4.5), last=4.5, spare=0.5)[:2] == (0.0, 4.5)


def test_a_window_that_is_used_up_holds_it_where_it_is() -> None:
    """What was cut to neutral has changed by more than the window; it may stay, or go back into it."""
    assert windowed(WIDE, ACCEL, (0.0, 6.0), last=0.0, spare=0.0)[:2] == (0.0, 4.0)
    assert windowed(WIDE, ACCEL, (0.0, 6.0), last=6.0, spare=0.0)[:2] == (2.0, 6.0)


@pytest.mark.parametrize(
    ("reach", "low", "high", "low_rule", "high_rule"),
    [
        ((-1.0, 1.0), -1.0, 1.0, Rule.RATE, Rule.RATE),
        ((-9.0, 9.0), -2.0, 3.0, Rule.RANGE, Rule.RANGE),
        ((-2.0, 3.0), -2.0, 3.0, Rule.RANGE, Rule.RANGE),
        ((5.0, 7.0), 3.0, 3.0, Rule.RANGE, Rule.RANGE),  # the range has shrunk: nothing but its edge
        ((-7.0, -5.0), -2.0, -2.0, Rule.RANGE, Rule.RANGE),
    ],
)
def test_the_range_comes_before_the_reach(
    reach: tuple[float, float], low: float, high: float, low_rule: Rule, high_rule: Rule
) -> None:
    both = allowed(Bounds(-2.0, 3.0, Rule.RANGE, Rule.RANGE), Bounds(*reach, Rule.RATE, Rule.RATE))
    assert (both.low, both.high) == (low, high)
    if low < high:
        assert (both.low_rule, both.high_rule) == (low_rule, high_rule)


_NUMBERS = st.floats(-100, 100)


@given(st.tuples(_NUMBERS, _NUMBERS).map(sorted), st.tuples(_NUMBERS, _NUMBERS).map(sorted))
def test_what_is_allowed_is_in_the_range_and_never_empty(within: list[float], reach: list[float]) -> None:
    both = allowed(
        Bounds(within[0], within[1], Rule.RANGE, Rule.RANGE), Bounds(reach[0], reach[1], Rule.RATE, Rule.RATE)
    )
    assert within[0] <= both.low <= both.high <= within[1]
    if reach[0] <= within[1] and reach[1] >= within[0]:
        assert (both.low, both.high) == (max(within[0], reach[0]), min(within[1], reach[1]))


def test_of_equal_bounds_the_rule_that_was_there_stands() -> None:
    both = Bounds(-1.0, 1.0, Rule.RANGE, Rule.RANGE).within(-1.0, 1.0, Rule.RATE)
    assert both == (-1.0, 1.0, Rule.RANGE, Rule.RANGE)


def test_wider_moves_both_bounds_apart() -> None:
    assert WIDE.wider(0.5)[:2] == (-9.5, 9.5)


def test_approaching_never_passes_the_target() -> None:
    assert approach(3.0, 0.0, 1.0) == 2.0
    assert approach(0.5, 0.0, 1.0) == 0.0
    assert approach(-3.0, 0.0, 1.0) == -2.0
    assert approach(-0.5, 0.0, 1.0) == 0.0
    assert approach(1.0, 1.0, 0.0) == 1.0


def test_each_limit_may_be_stated_as_none() -> None:
    assert isinstance(TORQUE.rate_down, Without)
    assert isinstance(ANGLE.lateral, Lateral)
