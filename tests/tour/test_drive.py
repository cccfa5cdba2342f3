"""The simulated drive hangs together: what one signal says, the others bear out."""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.catalog import load_catalog
from commonwheel.tour import CARS
from commonwheel.tour.drive import CAR, STEP_S, Drive, synthesise
from commonwheel.twin.parameters_file import load_parameters

WHEEL = "Vehicle.Chassis.Axle"
PACK = "Vehicle.Powertrain.TractionBattery"
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"


@pytest.fixture(scope="module")
def drive() -> Drive:
    return synthesise(stop.car for stop in CARS)


def test_it_is_the_same_every_time(drive: Drive) -> None:
    again = synthesise(stop.car for stop in CARS)
    assert all((again.signals[path] == values).all() for path, values in drive.signals.items())


def test_it_lasts_two_to_three_minutes_and_goes_everywhere(drive: Drive) -> None:
    assert 120 <= drive.end_ns / 1e9 <= 180
    speed, angle = drive.signals["Vehicle.Speed"], drive.signals["Vehicle.Chassis.SteeringWheel.Angle"]
    assert speed[0] == speed[-1] == 0
    assert speed.max() > 80
    assert speed[drive.signals[GEAR] == -1].max() > 4
    assert angle.max() > 90
    assert angle.min() < -90
    assert set(drive.signals[GEAR]) == {126.0, 127.0, -1.0}


def test_every_signal_is_one_of_the_standard_within_its_range(drive: Drive) -> None:
    catalog = load_catalog()
    for path, values in drive.signals.items():
        leaf = catalog[path]
        assert values.shape == drive.t_ns.shape, path
        assert np.isfinite(values).all(), path
        assert leaf.minimum is None or values.min() >= leaf.minimum, path
        assert leaf.maximum is None or values.max() <= leaf.maximum, path


def test_the_pedals_move_the_car(drive: Drive) -> None:
    speed = drive.signals["Vehicle.Speed"] / 3.6
    gas = drive.signals["Vehicle.Chassis.Accelerator.PedalPosition"]
    brake = drive.signals["Vehicle.Chassis.Brake.PedalPosition"]
    change = np.gradient(speed, STEP_S)
    forward = drive.signals[GEAR] == 127
    assert change[(gas > 40) & forward].min() > 0.3
    assert change[(brake > 15) & (speed > 2)].max() < -0.5
    assert not ((gas > 0) & (brake > 0)).any()
    assert np.abs(change).max() < 6


def test_wheels_go_round_the_same_bend(drive: Drive) -> None:
    """The mean of the rear wheels is the car's speed; their difference is its yaw rate."""
    chassis = load_parameters(CAR).chassis
    rear = [drive.signals[f"{WHEEL}.Row2.Wheel.{side}.Speed"] for side in ("Left", "Right")]
    speed = drive.signals["Vehicle.Speed"]
    assert np.allclose((rear[0] + rear[1]) / 2, speed, rtol=1e-3, atol=0.02)  # wheels run a little out of true
    yaw = np.degrees((rear[1] - rear[0]) / 3.6 / chassis.rear_track_m)
    forward = drive.signals[GEAR] == 127
    assert np.allclose(yaw[forward], drive.signals["Vehicle.AngularVelocity.Yaw"][forward], atol=0.7)


def test_steering_to_the_left_slows_the_left_wheels(drive: Drive) -> None:
    angle = drive.signals["Vehicle.Chassis.SteeringWheel.Angle"]
    left, right = (drive.signals[f"{WHEEL}.Row2.Wheel.{side}.Speed"] for side in ("Left", "Right"))
    moving = (drive.signals["Vehicle.Speed"] > 10) & (drive.signals[GEAR] == 127)
    assert (left[(angle > 8) & moving] < right[(angle > 8) & moving]).all()
    assert (left[(angle < -8) & moving] > right[(angle < -8) & moving]).all()


def test_distance_is_the_integral_of_speed(drive: Drive) -> None:
    distance = drive.signals["Vehicle.TraveledDistance"]
    driven = drive.signals["Vehicle.Speed"].sum() / 3.6 * STEP_S
    assert distance[-1] - distance[0] == pytest.approx(driven, rel=1e-3)


def test_power_is_voltage_times_current_and_charge_pays_for_it(drive: Drive) -> None:
    power = drive.signals[f"{PACK}.CurrentVoltage"] * drive.signals[f"{PACK}.CurrentCurrent"]
    assert np.allclose(power, drive.signals[f"{PACK}.CurrentPower"], rtol=1e-6, atol=1.0)
    assert power.max() > 5000  # braking charges
    assert power.min() < -30_000
    energy = drive.signals[f"{PACK}.StateOfCharge.CurrentEnergy"]
    assert (energy[0] - energy[-1]) * 3.6e6 == pytest.approx(-power.sum() * STEP_S, rel=0.1)


def test_reverse_is_lit_and_turns_the_motor_backwards(drive: Drive) -> None:
    back = (drive.signals[GEAR] == -1) & (drive.signals["Vehicle.Speed"] > 0.4)
    assert back.any()
    assert (drive.signals["Vehicle.Body.Lights.Backup.IsOn"][back] == 1).all()
    assert (drive.signals["Vehicle.Powertrain.ElectricMotor.Speed"][back] < 0).all()


def test_nobody_drives_with_an_open_door_or_the_parking_brake(drive: Drive) -> None:
    moving = drive.signals["Vehicle.Speed"] > 0
    assert not drive.signals["Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"][moving].any()
    assert not drive.signals["Vehicle.Chassis.ParkingBrake.IsEngaged"][moving].any()
    assert drive.signals["Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted"][moving].all()
