"""What controllers see of a car: last readings, and how speed and steering move."""

from __future__ import annotations

import math

import pytest

from commonwheel.control.measured import Moving
from commonwheel.vehicles.samples import Quality
from tests.control.world import ANGLE, DT, SET_SPEED, SPEED, Shown


def test_an_acceleration_is_observed_from_a_speed_in_steps() -> None:
    shown = Shown()
    now = shown.measured
    for cycle in range(200):
        now = shown.show({SPEED: 50.0 + 3.6 * 1.5 * cycle * DT})
    assert now.acceleration_mps2 == pytest.approx(1.5, abs=0.03)
    assert now.speed_mps == pytest.approx((50.0 + 3.6 * 1.5 * 199 * DT) / 3.6, abs=0.002)


def test_it_is_known_within_half_a_second_and_does_not_overshoot() -> None:
    moving, value, rates = Moving(8.0), 0.0, list[float]()
    for cycle in range(300):
        value += (1.0 if cycle > 100 else 0.0) * DT
        moving.see(round(cycle * DT * 1e9), value)
        rates.append(moving.rate)
    assert rates[150] == pytest.approx(1.0, abs=0.12)
    assert max(rates) < 1.01


@pytest.mark.parametrize("period_s", [0.01, 0.02, 0.1, 0.29])
def test_any_period_of_the_wire_will_do(period_s: float) -> None:
    moving = Moving(8.0)
    for cycle in range(200):
        moving.see(round(cycle * period_s * 1e9), 2.0 * cycle * period_s)
    assert moving.rate == pytest.approx(2.0, rel=0.01)


def test_after_a_pause_it_begins_anew() -> None:
    moving = Moving(8.0)
    for cycle in range(100):
        moving.see(round(cycle * DT * 1e9), 5.0 * cycle * DT)
    moving.see(10**10, 40.0)
    assert (moving.value, moving.rate) == (40.0, 0.0)
    moving.see(10**10 - 5, 41.0)  # of an earlier time: only the value
    assert (moving.value, moving.rate) == (41.0, 0.0)


def test_a_reading_that_is_no_good_moves_nothing() -> None:
    shown = Shown()
    now = shown.measured
    for _ in range(50):
        now = shown.show({SPEED: 72.0, ANGLE: 5.0, SET_SPEED: 70.0})
    for quality in (Quality.STALE, Quality.INVALID, Quality.CORRUPT, Quality.MISSING):
        now = shown.show({SPEED: 0.0, ANGLE: -90.0, SET_SPEED: 30.0}, quality)
        assert now.good(SET_SPEED) is None
        assert (now.speed_mps, now.angle_deg) == (20.0, 5.0)
    assert now.acceleration_mps2 == pytest.approx(0.0, abs=0.01)
    assert shown.show({SET_SPEED: 71.0}).good(SET_SPEED) == 71.0


def test_what_is_no_number_is_no_reading() -> None:
    shown = Shown({SPEED: 1.0})
    now = shown.measured
    assert now.good(SPEED) is None
    assert now.good("Vehicle.Wings") is None
    assert (now.speed_mps, now.angle_deg, now.angle_rate_dps) == (0.0, 0.0, 0.0)


def test_a_rate_of_turning_is_observed_where_the_car_sends_none() -> None:
    shown = Shown()
    now = shown.measured
    for cycle in range(100):
        now = shown.show({ANGLE: 20.0 * math.sin(cycle * DT)})
    assert now.angle_rate_dps == pytest.approx(20.0 * math.cos(0.99 - 0.08), abs=2.0)
