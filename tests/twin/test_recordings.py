"""The Leaf of 2011 on its recordings, and its twin: what they weigh, how they creep, what they lose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from commonwheel.twin.inputs import Inputs
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.reading import read
from tests.twin.bodies import car, driving, go, parameters, powertrain

pytestmark = pytest.mark.real

ZE0 = "nissan/leaf_ze0"
CIRCLE = "logs/nissan-leaf-2011/leaf_on_Driveincircle_off.txt"
GRID_S = 0.1


@dataclass(frozen=True)
class Recorded:
    """A recording on an even grid: 1-D float64 arrays of one length."""

    speed_mps: npt.NDArray[np.float64]
    torque_nm: npt.NDArray[np.float64]
    braked: npt.NDArray[np.float64]
    volts: npt.NDArray[np.float64]
    amps: npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def circle(shared: Path) -> Recorded:
    """The drive in a circle, speeds by the motor's turns."""
    vehicle = load_vehicle(ZE0)
    samples = read(shared / CIRCLE, vehicle)

    def column(path: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        chosen = (samples.signal == vehicle.numbers[path]) & (samples.quality == 0)
        return samples.t_ns[chosen] / 1e9, samples.value[chosen]

    battery, motor = "Vehicle.Powertrain.TractionBattery", "Vehicle.Powertrain.ElectricMotor"
    t_s, torque = column(f"{motor}.Torque")
    grid = np.arange(t_s[0], t_s[-1], GRID_S)
    turns = np.interp(grid, *column(f"{motor}.Speed"))
    drive = powertrain(car(ZE0)).front
    smooth = np.ones(7) / 7
    sums = np.cumsum(np.concatenate(([0.0], torque)))
    low, high = np.searchsorted(t_s, grid - GRID_S), np.searchsorted(t_s, grid + GRID_S)
    return Recorded(
        np.convolve(turns / drive.speed_rpm(1.0), smooth, "same"),
        (sums[high] - sums[low]) / np.maximum(high - low, 1),
        np.interp(grid, *column("Vehicle.Chassis.Brake.IsPressed")),
        np.interp(grid, *column(f"{battery}.CurrentVoltage")),
        np.interp(grid, *column(f"{battery}.CurrentCurrent")),
    )


def test_it_creeps_with_the_torque_of_the_recording(circle: Recorded) -> None:
    for low, high in ((0.5, 1.0), (1.0, 1.5)):
        released = (circle.speed_mps > low) & (circle.speed_mps <= high) & (circle.braked < 0.01)
        body = car(ZE0)
        go(body, driving(), 0.3)
        body.state.speed_mps = (low + high) / 2
        go(body, driving(), 0.2)
        assert body.state.motor_nm == pytest.approx(float(np.median(circle.torque_nm[released])), abs=6.0)


def test_it_does_not_creep_against_the_brake(circle: Recorded) -> None:
    held = (np.abs(circle.speed_mps) < 0.02) & (circle.braked > 0.5)
    assert held.sum() > 20
    body = car(ZE0)
    go(body, driving(brake=0.3), 2)
    assert abs(float(np.median(circle.torque_nm[held]))) < 1.0
    assert abs(body.state.motor_nm) < 1.0


def test_it_is_as_heavy_as_the_car_of_the_recording(circle: Recorded) -> None:
    """Force over acceleration with the brake released; what the bend resists is in the constant."""
    chassis, drive = parameters(ZE0).chassis, powertrain(car(ZE0)).front
    free = (circle.braked < 0.01) & (circle.speed_mps > 0.5)
    force = circle.torque_nm[free] * drive.turns * drive.motor.gear_efficiency
    rises = np.gradient(circle.speed_mps, GRID_S)[free]
    (inertia_kg, resistance_n), *_ = np.linalg.lstsq(np.column_stack((rises, np.ones(rises.size))), force, rcond=None)
    driver_alone = (chassis.mass_kg + 80.0) * (1 + chassis.rotating)
    assert inertia_kg == pytest.approx(driver_alone, rel=0.06)
    assert 100 < resistance_n < 400


def test_its_battery_gives_way_as_that_of_the_recording(circle: Recorded) -> None:
    """Volts over amps; of an aged pack at 19 degC, as the recording says itself."""
    on = circle.volts > 380
    slope = float(np.polyfit(circle.amps[on], circle.volts[on], 1)[0])
    body = car(ZE0, charge=0.87, soak_c=19.0, health=0.85)
    go(body, Inputs(), 0.2)
    assert powertrain(body).pack.ohm == pytest.approx(slope, rel=0.08)
    assert body.state.pack_v == pytest.approx(float(np.median(circle.volts[np.abs(circle.amps) < 2])), rel=0.005)


def test_the_i_miev_s_battery_has_the_voltage_of_its_recording(shared: Path) -> None:
    """Parked, ready, at 95 % of charge: 358.2 V from 88 cells."""
    vehicle = load_vehicle("mitsubishi/imiev")
    samples = read(shared / "logs/mitsubishi-imiev/iCarSoft-Max-Actuate-5x-Fan-High.log", vehicle)

    def mean(name: str) -> float:
        number = vehicle.numbers[f"Vehicle.Powertrain.TractionBattery.{name}"]
        return float(samples.value[(samples.signal == number) & (samples.quality == 0)].mean())

    body = car("mitsubishi/imiev", charge=mean("StateOfCharge.Current") / 100)
    assert body.state.pack_v == pytest.approx(mean("CurrentVoltage"), rel=0.003)
