"""The electric drive: what the pedals ask for, what motor and battery allow, and what it loses."""

from __future__ import annotations

import math

import pytest

from commonwheel.twin.body import Body
from commonwheel.twin.inputs import Gear
from commonwheel.twin.start import Start
from tests.twin.bodies import LEAF, car, changed, driving, go, parameters, powertrain

KMH = 1 / 3.6


def at(kmh: float, charge: float = 0.8) -> Body:
    """Return a car that rolls in drive at a speed, with its torque settled."""
    body = car(charge=charge)
    go(body, driving(), 0.2)
    body.state.speed_mps = kmh * KMH
    return body


def test_torque_is_the_motors_up_to_the_corner_and_its_power_beyond() -> None:
    motor = parameters().motor
    assert motor is not None
    body = car()
    go(body, driving(accelerator=1.0), 1.5)
    assert body.state.motor_nm == pytest.approx(motor.torque_nm)
    go(body, driving(accelerator=1.0), 5)
    assert body.state.motor_nm * body.state.motor_rpm * math.tau / 60 == pytest.approx(motor.power_w, rel=0.01)


def test_torque_rises_no_faster_than_its_rate() -> None:
    body, before = car(), 0.0
    motor = powertrain(body).front.motor
    for _ in range(100):
        body.step(driving(accelerator=1.0), 0.01)
        assert abs(body.state.motor_nm - before) <= motor.rate_nm_per_s * 0.01 + 1e-9
        before = body.state.motor_nm
    assert body.state.motor_target_nm >= body.state.motor_nm


def test_the_pedal_asks_for_a_share_at_every_speed() -> None:
    for kmh in (10, 40, 80, 120):
        torques: list[float] = []
        for accelerator in (0.0, 0.2, 0.5, 0.8, 1.0):
            body = at(kmh)
            body.step(driving(accelerator=accelerator), 0.01)
            torques.append(body.state.motor_target_nm)
        assert torques == sorted(torques)
        assert torques[0] < 0 < torques[2]


def test_lifting_off_brakes_gently_and_fades_before_standstill() -> None:
    body = at(50)
    go(body, driving(), 1)
    assert body.state.motor_nm == pytest.approx(-parameters().motor.lift_off_nm)  # type: ignore[union-attr]
    assert body.state.pack_a > 0
    assert body.state.friction_brake_n == 0
    body = at(5)
    go(body, driving(), 0.5)
    assert body.state.motor_nm > -1.0


def test_the_brake_pedal_takes_what_the_motor_gives_and_friction_the_rest() -> None:
    chassis, brakes = parameters().chassis, parameters().brakes
    for brake in (0.1, 0.2, 0.6):
        body = at(50, charge=0.5)
        go(body, driving(brake=brake), 0.7)
        state = body.state
        wanted = brake * brakes.force_n
        lift = powertrain(body).front.motor.lift_off_nm * powertrain(body).front.turns / 0.98
        resisted = wanted + lift + body.road.resistance_n(state.speed_mps)
        assert -state.acceleration_mps2 * chassis.inertia_kg == pytest.approx(resisted, rel=0.03)
        assert state.pack_a > 0
        assert (state.friction_brake_n > 0.5 * wanted) is (brake > 0.5)


def test_brakes_that_are_not_blended_leave_it_to_friction() -> None:
    body = Body(changed(parameters(), "motor", blended=0.0))
    go(body, driving(), 0.2)
    body.state.speed_mps = 15.0
    go(body, driving(brake=0.2), 0.5)
    assert body.state.friction_brake_n == pytest.approx(0.2 * parameters().brakes.force_n)
    assert body.state.motor_nm == pytest.approx(-parameters().motor.lift_off_nm)  # type: ignore[union-attr]


def test_a_full_battery_takes_no_regeneration() -> None:
    half, full = at(60, charge=0.5), at(60, charge=1.0)
    for body in (half, full):
        go(body, driving(brake=0.2), 0.5)
    assert full.state.pack_w < 0.2 * half.state.pack_w
    wanted = 0.2 * parameters().brakes.force_n / parameters().chassis.inertia_kg
    assert -full.state.acceleration_mps2 > wanted
    assert -half.state.acceleration_mps2 > wanted


def test_what_the_battery_can_give_bounds_the_motor() -> None:
    body = car(charge=0.06)
    go(body, driving(accelerator=1.0), 20)
    assert body.state.motor_w < 0.7 * parameters().motor.power_w  # type: ignore[union-attr]
    assert -body.state.pack_w <= body.state.discharge_limit_w * 1.05


def test_less_voltage_than_the_nominal_is_less_power() -> None:
    motor = parameters().motor
    assert motor is not None
    body = Body(changed(parameters(), "motor", nominal_v=500.0), Start(charge=0.8))
    go(body, driving(accelerator=1.0), 6)
    assert body.state.motor_w == pytest.approx(motor.power_w * body.state.pack_v / 500.0, rel=0.01)


def test_a_cold_battery_makes_a_weak_car() -> None:
    warm, cold = car(soak_c=20.0), car(soak_c=-25.0, air_c=-25.0)
    for body in (warm, cold):
        go(body, driving(accelerator=1.0, air_c=-25.0 if body is cold else 20.0), 10)
    assert cold.state.speed_mps < 0.8 * warm.state.speed_mps


@pytest.mark.parametrize(("newton_metres", "rpm", "low", "high"), [(100, 5000, 0.95, 0.97), (250, 2900, 0.88, 0.94)])
def test_motor_and_inverter_are_as_efficient_as_measured(
    newton_metres: float, rpm: float, low: float, high: float
) -> None:
    """Oak Ridge National Laboratory's 2012 Leaf: about 96 % over a wide range, about 90 % at full torque."""
    drive = powertrain(car()).front
    drive.torque_nm = newton_metres
    speed = rpm * math.tau / 60 / drive.turns
    shaft = newton_metres * rpm * math.tau / 60
    electric = drive.settle(drive.force_n(speed), speed, energised=True, dt_s=0.01)
    assert low < shaft / electric < high


def test_losses_warm_the_motor_and_a_hot_motor_gives_less() -> None:
    body = car(air_c=30.0, soak_c=30.0, charge=1.0)
    uphill = driving(accelerator=0.9, grade=0.12, air_c=30.0)
    go(body, uphill, 30)
    early = body.state.motor_nm
    go(body, uphill, 150)
    assert body.state.motor_c > 37
    assert body.state.inverter_c > 37
    drive = powertrain(body).front
    drive.motor_c = drive.motor.hot_c + 25
    body.state.motor_c = drive.motor_c
    go(body, uphill, 2)
    assert body.state.motor_nm < 0.5 * early


def test_neutral_and_off_let_the_torque_go() -> None:
    body = at(60)
    go(body, driving(accelerator=1.0), 1)
    go(body, driving(gear=Gear.NEUTRAL, accelerator=1.0), 1)
    assert body.state.motor_nm == 0
    assert body.state.motor_rpm > 0


@pytest.mark.parametrize("name", [LEAF, "mitsubishi/imiev", "honda/e"])
def test_power_is_what_voltage_and_current_make(name: str) -> None:
    body = car(name)
    for accelerator, brake in ((0.8, 0.0), (0.1, 0.0), (0.0, 0.3)):
        go(body, driving(accelerator=accelerator, brake=brake), 3)
        state = body.state
        assert state.pack_v * state.pack_a == pytest.approx(state.pack_w, rel=1e-9)
        assert state.cell_low_v <= state.pack_v / parameters(name).battery.cells_series <= state.cell_high_v + 0.05  # type: ignore[union-attr]


def test_the_range_that_is_shown_follows_how_one_drives() -> None:
    calm, hasty = (Body(parameters(), Start(charge=0.9)) for _ in range(2))
    assert calm.state.range_m == hasty.state.range_m
    go(calm, driving(accelerator=0.09), 900, dt_s=0.05)
    go(hasty, driving(accelerator=0.6), 400, dt_s=0.05)
    per_km = [body.state.range_m / body.state.energy_kwh for body in (calm, hasty)]
    assert per_km[0] > 1.4 * per_km[1]
    assert 80_000 < calm.state.range_m < 300_000
