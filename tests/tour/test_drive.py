"""The made-up drive hangs together: what one signal says, the others bear out."""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.catalog import load_catalog
from commonwheel.tour.drive import Drive, synthesise
from commonwheel.tour.motion import CAR, STEP_S

WHEEL = "Vehicle.Chassis.Axle"
PACK = "Vehicle.Powertrain.TractionBattery"


@pytest.fixture(scope="module")
def drive() -> Drive:
    return synthesise()


def test_it_is_the_same_every_time(drive: Drive) -> None:
    again = synthesise()
    assert all((again.signals[path] == values).all() for path, values in drive.signals.items())


def test_it_lasts_two_to_three_minutes_and_goes_everywhere(drive: Drive) -> None:
    assert 120 <= drive.end_ns / 1e9 <= 180
    speed, angle = drive.motion.speed_mps * 3.6, drive.signals["Vehicle.Chassis.SteeringWheel.Angle"]
    assert speed[0] == speed[-1] == 0
    assert speed.max() > 80
    assert speed.min() < -4
    assert angle.max() > 90
    assert angle.min() < -90
    assert set(drive.signals["Vehicle.Powertrain.Transmission.SelectedGear"]) == {126.0, 127.0, -1.0}


def test_every_signal_is_one_of_the_standard_within_its_range(drive: Drive) -> None:
    catalog = load_catalog()
    for path, values in drive.signals.items():
        leaf = catalog[path]
        assert values.shape == drive.t_ns.shape, path
        assert np.isfinite(values).all(), path
        assert leaf.minimum is None or values.min() >= leaf.minimum, path
        assert leaf.maximum is None or values.max() <= leaf.maximum, path


def test_speed_follows_from_acceleration_and_acceleration_from_the_pedals(drive: Drive) -> None:
    motion = drive.motion
    v = np.abs(motion.speed_mps)
    assert np.abs(np.diff(v) / STEP_S - motion.acceleration_mps2[:-1]).max() < 1e-6
    assert (motion.acceleration_mps2[motion.accelerator > 0.3] > 0.3).all()
    assert (motion.acceleration_mps2[(motion.brake > 0.1) & (v > 1)] < -0.5).all()
    assert not ((motion.accelerator > 0.05) & (motion.brake > 0.05)).any()
    assert np.abs(motion.acceleration_mps2).max() < 4


def test_wheels_go_round_the_same_bend(drive: Drive) -> None:
    """The mean of the rear wheels is the car's speed; their difference is its yaw rate."""
    rear = [drive.signals[f"{WHEEL}.Row2.Wheel.{side}.Speed"] for side in ("Left", "Right")]
    assert np.allclose((rear[0] + rear[1]) / 2, drive.signals["Vehicle.Speed"])
    yaw = np.degrees((rear[1] - rear[0]) / 3.6 / CAR.track_m)
    assert np.allclose(yaw * np.sign(drive.motion.speed_mps), drive.signals["Vehicle.AngularVelocity.Yaw"])
    front = drive.signals[f"{WHEEL}.Row1.Wheel.Left.Speed"]
    assert (front >= rear[0] - 1e-9).all()
    turning = drive.signals[f"{WHEEL}.Row1.Wheel.Left.AngularSpeed"]
    assert np.allclose(np.radians(turning) * CAR.tyre_m * 3.6, front)


def test_steering_to_the_left_slows_the_left_wheels(drive: Drive) -> None:
    angle = drive.signals["Vehicle.Chassis.SteeringWheel.Angle"]
    left, right = (drive.signals[f"{WHEEL}.Row2.Wheel.{side}.Speed"] for side in ("Left", "Right"))
    moving = drive.signals["Vehicle.Speed"] > 1
    assert (left[(angle > 5) & moving] < right[(angle > 5) & moving]).all()
    assert (left[(angle < -5) & moving] > right[(angle < -5) & moving]).all()


def test_distance_is_the_integral_of_speed(drive: Drive) -> None:
    distance = drive.signals["Vehicle.TraveledDistance"]
    assert distance[-1] - distance[0] == pytest.approx(np.abs(drive.motion.speed_mps).sum() * STEP_S, rel=1e-3)


def test_power_is_voltage_times_current_and_charge_pays_for_it(drive: Drive) -> None:
    power = drive.signals[f"{PACK}.CurrentVoltage"] * drive.signals[f"{PACK}.CurrentCurrent"]
    assert np.allclose(power, drive.signals[f"{PACK}.CurrentPower"])
    assert power.max() > 5000  # braking charges
    assert power.min() < -30_000
    energy = drive.signals[f"{PACK}.StateOfCharge.CurrentEnergy"]
    assert (energy[0] - energy[-1]) * 3.6e6 == pytest.approx(-power.sum() * STEP_S, rel=0.05)


def test_reverse_is_driven_backwards_and_lit(drive: Drive) -> None:
    back = drive.motion.speed_mps < -0.1
    assert (drive.signals["Vehicle.Powertrain.Transmission.SelectedGear"][back] == -1).all()
    assert (drive.signals["Vehicle.Body.Lights.Backup.IsOn"][back] == 1).all()
    assert (drive.signals["Vehicle.Powertrain.ElectricMotor.Speed"][back] < 0).all()


def test_nobody_drives_with_an_open_door_or_the_parking_brake(drive: Drive) -> None:
    moving = drive.signals["Vehicle.Speed"] > 0
    assert not drive.signals["Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"][moving].any()
    assert not drive.signals["Vehicle.Chassis.ParkingBrake.IsEngaged"][moving].any()
    assert drive.signals["Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted"][moving].all()
