"""How a car turns: closed forms of the bicycle model, the limit of friction, and wheels as on a recording."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import commonwheel
from commonwheel.twin.inputs import Inputs
from commonwheel.twin.lateral import HAND_DPS, LOCK_DEG, Lateral, understeer
from commonwheel.twin.parameters import Chassis
from commonwheel.twin.state import State
from tests.twin.bodies import parameters

CAR = parameters().chassis


def turn(steering_deg: float, speed_mps: float, seconds: float, dt_s: float = 0.01, car: Chassis = CAR) -> State:
    """Hold the wheel at a speed for so long."""
    lateral, state = Lateral(car), State(speed_mps=speed_mps)
    inputs = Inputs(steering_deg=steering_deg)
    for _ in range(round(seconds / dt_s)):
        lateral.step(inputs, state, dt_s)
    return state


@pytest.mark.parametrize("dt_s", [0.01, 0.05])
@pytest.mark.parametrize("speed", [0.05, 0.5, 3, 10, 20, 30, 45])
def test_a_steady_turn_has_the_yaw_rate_of_the_closed_form(speed: float, dt_s: float) -> None:
    """It is v / (L + K v^2) per steered angle, for any step."""
    angle = 4.0
    state = turn(angle, speed, 15, dt_s)
    gain = speed / (CAR.wheelbase_m + understeer(CAR) * speed**2)
    assert state.yaw_rate_rps == pytest.approx(math.radians(angle / CAR.steering_ratio) * gain, rel=0.01)
    assert state.lateral_mps2 == pytest.approx(state.yaw_rate_rps * speed, rel=0.01)


def test_a_slow_car_rolls_without_slip() -> None:
    state = turn(300, 1.0, 5)
    radius = CAR.wheelbase_m / math.radians(300 / CAR.steering_ratio)
    assert state.yaw_rate_rps == pytest.approx(1.0 / radius, rel=0.01)
    rear = CAR.wheelbase_m * CAR.front_share
    assert state.slip_rad == pytest.approx(rear / radius, rel=0.02)


def test_left_is_positive_in_all_of_it() -> None:
    left, right = turn(30, 10, 3), turn(-30, 10, 3)
    assert left.yaw_rate_rps > 0
    assert left.lateral_mps2 > 0
    assert left.y_m > 0
    assert left.steering_torque_nm > 0
    assert left.wheel_mps[0] < left.wheel_mps[1]
    assert left.wheel_mps[2] < left.wheel_mps[3]
    for name in ("yaw_rate_rps", "lateral_mps2", "y_m", "heading_rad", "slip_rad", "steering_torque_nm"):
        assert getattr(right, name) == pytest.approx(-getattr(left, name))


def test_backwards_the_tail_goes_where_the_wheel_points() -> None:
    """Going back with the wheel to the left the nose swings right, and every wheel turns backwards."""
    state = turn(90, -2, 3)
    assert state.yaw_rate_rps < 0
    assert all(speed < 0 for speed in state.wheel_mps)
    assert state.x_m < 0
    assert state.y_m > 0


def test_more_than_friction_allows_does_not_happen() -> None:
    lateral, state, inputs = Lateral(CAR), State(speed_mps=25), Inputs(steering_deg=300, friction=0.5)
    for _ in range(500):
        lateral.step(inputs, state, 0.01)
        assert abs(state.lateral_mps2) <= 0.5 * 9.82
    assert abs(state.lateral_mps2) > 0.4 * 9.81


def test_braking_leaves_less_for_the_side() -> None:
    free, braking = turn(300, 25, 2), State(speed_mps=25, acceleration_mps2=-7)
    lateral, inputs = Lateral(CAR), Inputs(steering_deg=300)
    for _ in range(200):
        lateral.step(inputs, braking, 0.01)
    assert abs(braking.lateral_mps2) < 0.75 * abs(free.lateral_mps2)


@pytest.mark.parametrize("speed", [-5, 0.01, 1, 30, 60])
def test_straight_stays_straight(speed: float) -> None:
    state = turn(0, speed, 20)
    assert (state.y_m, state.heading_rad, state.yaw_rate_rps, state.lateral_mps2) == (0, 0, 0, 0)
    assert state.x_m == pytest.approx(speed * 20)
    assert state.wheel_mps == [speed] * 4


def test_after_a_bend_it_goes_straight_on() -> None:
    lateral, state = Lateral(CAR), State(speed_mps=20)
    for wanted, steps in ((40.0, 200), (0.0, 1500)):
        for _ in range(steps):
            lateral.step(Inputs(steering_deg=wanted), state, 0.01)
    assert abs(state.yaw_rate_rps) < 1e-6
    assert state.heading_rad > 0.1


def test_a_standing_car_does_not_turn() -> None:
    state = turn(400, 0, 3)
    assert (state.x_m, state.y_m, state.heading_rad, state.yaw_rate_rps) == (0, 0, 0, 0)
    assert state.steering_deg == pytest.approx(400)


def test_hands_are_only_so_fast_and_the_wheel_has_a_lock() -> None:
    lateral, state, inputs = Lateral(CAR), State(), Inputs(steering_deg=5000)
    fastest = 0.0
    for _ in range(300):
        lateral.step(inputs, state, 0.01)
        fastest = max(fastest, state.steering_rate_dps)
    assert fastest == pytest.approx(HAND_DPS)
    assert state.steering_deg == LOCK_DEG
    assert state.steering_rate_dps == 0


def test_the_wheel_is_held_with_a_few_newton_metres() -> None:
    """0.4 g in a bend takes some 2 to 6 Nm on cars with power steering."""
    state = turn(45, 17, 5)
    assert 3 < state.lateral_mps2 < 6
    assert 1.5 < state.steering_torque_nm < 6


@pytest.mark.real
def test_wheels_differ_in_a_circle_as_on_a_recording(shared: Path) -> None:
    """leaf_on_Driveincircle_off.txt: one outer front wheel goes further by what a full turn and the track make."""
    log = shared / "logs" / "nissan-leaf-2011" / "leaf_on_Driveincircle_off.txt"
    samples = commonwheel.read(log, car="nissan/leaf_ze0").good
    ways: list[float] = []
    for side in ("Left", "Right"):
        wheel = samples.of(f"Vehicle.Chassis.Axle.Row1.Wheel.{side}.Speed")
        ways.append(float(np.sum(wheel.value[1:] / 3.6 * np.diff(wheel.t_ns) / 1e9)))
    inner, outer = sorted(ways)
    radius = (inner + outer) / 2 / math.tau
    car = parameters("nissan/leaf_ze0").chassis
    lateral, state = Lateral(car), State(speed_mps=3.0)
    inputs = Inputs(steering_deg=math.degrees(math.atan(car.wheelbase_m / radius)) * car.steering_ratio)
    driven = [0.0, 0.0]
    while state.heading_rad < math.tau:
        lateral.step(inputs, state, 0.01)
        driven = [way + speed * 0.01 for way, speed in zip(driven, state.wheel_mps, strict=False)]
    assert driven[1] / driven[0] == pytest.approx(outer / inner, abs=0.004)


@given(
    st.lists(
        st.tuples(
            st.floats(-60, 80), st.floats(-2000, 2000), st.floats(0.02, 2), st.floats(-12, 12), st.floats(0.001, 0.05)
        ),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_happens_all_of_it_is_a_number(steps: list[tuple[float, float, float, float, float]]) -> None:
    lateral, state = Lateral(CAR), State()
    for speed, steering, friction, along, dt_s in steps:
        state.speed_mps, state.acceleration_mps2 = speed, along
        lateral.step(Inputs(steering_deg=steering, friction=friction), state, dt_s)
        assert abs(state.lateral_mps2) <= friction * 9.82
        assert abs(state.steering_deg) <= LOCK_DEG
        for value in (state.yaw_rate_rps, state.heading_rad, state.x_m, state.slip_rad, *state.wheel_mps):
            assert math.isfinite(value)
