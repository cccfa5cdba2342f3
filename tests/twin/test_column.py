"""A steering wheel that nobody holds: torques against inertia, damping and friction, in closed form."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.twin.column import LOCK_DEG, Column
from commonwheel.twin.inputs import Wheel
from commonwheel.twin.state import State
from tests.twin.bodies import car, driving, go

FREE = Column(friction_nm=0.0, scrubbing_nm=0.0)
FAST = 1000.0
"""A speed at which nothing scrubs."""


def test_a_step_of_torque_turns_it_as_inertia_and_damping_say() -> None:
    """J dw/dt + c w = T: the rate goes to T/c with the time constant J/c."""
    state = State(speed_mps=FAST)
    for step in range(1, 51):
        FREE.turn(0.4, state, 0.001)
        t = 0.001 * step
        expected = 0.4 / 0.8 * (1 - math.exp(-t * 0.8 / 0.06))
        assert math.radians(state.steering_rate_dps) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("torque", [0.17, -0.17])
def test_friction_holds_a_wheel_at_rest(torque: float) -> None:
    state = State(speed_mps=FAST, steering_deg=3.0)
    Column(scrubbing_nm=0.0).turn(torque, state, 0.01)
    assert (state.steering_deg, state.steering_rate_dps) == (3.0, 0.0)
    Column(scrubbing_nm=0.0).turn(torque * 1.2, state, 0.01)
    assert math.copysign(1.0, state.steering_rate_dps) == math.copysign(1.0, torque)


def test_friction_stops_a_wheel_that_turns_and_never_turns_it_back() -> None:
    state = State(speed_mps=FAST, steering_rate_dps=20.0)
    rates = []
    for _ in range(200):
        Column(scrubbing_nm=0.0).turn(0.0, state, 0.01)
        rates.append(state.steering_rate_dps)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0.0


def test_tyres_that_are_turned_on_the_spot_scrub() -> None:
    state = State(speed_mps=0.0)
    Column().turn(3.0, state, 0.01)
    assert state.steering_deg == 0.0
    state.speed_mps = 5.0
    Column().turn(3.0, state, 0.01)
    assert state.steering_deg > 0.0


@given(torque=st.floats(-50, 50), angle=st.floats(-540, 540), rate=st.floats(-2000, 2000), dt=st.floats(0.001, 0.05))
@settings(max_examples=60, deadline=None)
def test_it_stops_at_its_lock(torque: float, angle: float, rate: float, dt: float) -> None:
    state = State(speed_mps=10.0, steering_deg=angle, steering_rate_dps=rate)
    for _ in range(20):
        Column().turn(torque, state, dt)
        assert -LOCK_DEG <= state.steering_deg <= LOCK_DEG
        assert math.isfinite(state.steering_rate_dps)


@pytest.mark.parametrize("speed_kmh", [10, 30, 60, 90, 130])
def test_a_wheel_that_is_let_go_in_a_bend_comes_back_without_swinging(speed_kmh: int) -> None:
    body = car("nissan/leaf_ze1", speed_mps=speed_kmh / 3.6)
    go(body, driving(steering_deg=12.0, accelerator=0.2), 2)
    inputs = driving(accelerator=0.2, wheel=Wheel.FREE)
    go(body, inputs, 6)
    back = 6.0 if speed_kmh >= 60 else 12.0  # slowly, friction keeps what the tyres hardly turn back
    assert -1.0 < body.state.steering_deg <= back
    assert abs(body.state.steering_rate_dps) < 2.0
    assert body.state.steering_torque_nm == 0.0


def test_a_steady_torque_holds_a_bend_and_hands_feel_no_more_than_they_give() -> None:
    body = car("honda/civic_touring_2016", speed_mps=20.0)
    inputs = driving(accelerator=0.12, wheel=Wheel.FREE, assist_nm=1.2)
    go(body, inputs, 8)
    assert 1.2 < body.state.lateral_mps2 < 2.0  # what opendbc learned for the most torque of this car: 1.65 m/s2
    inputs.torque_nm = -3.0
    go(body, inputs, 1)
    assert body.state.steering_torque_nm == -3.0
    assert body.state.steering_deg < 0.0
