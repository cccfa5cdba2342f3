"""The description of the Nissan Leaf ZE0 against three recordings of the 2011 car's EV-CAN.

The expected numbers were computed on the same recordings without this project.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commonwheel.vehicles import Quality, Samples, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.identify import identify
from commonwheel.wire.logs import read_log

pytestmark = pytest.mark.real

CAR = "nissan/leaf_ze0"
CIRCLE, FORWARD, BRAKE = "circle", "forward", "brake"
LOGS = {
    CIRCLE: "leaf_on_Driveincircle_off.txt",
    FORWARD: "leafon_driveforward10m_stop_leafoff.csv",
    BRAKE: "pumpbrake5timesinpark.csv",
}
BATTERY, MOTOR = "Powertrain.TractionBattery", "Powertrain.ElectricMotor"
PARK, DRIVE = 126, 127


class Decoded:
    """One recording, decoded."""

    def __init__(self, folder: Path, file: str) -> None:
        self.frames, _ = read_log(folder / "logs" / "nissan-leaf-2011" / file)
        self.decoder = VehicleDecoder(load_vehicle(CAR), clock=self.frames.clock)
        self.samples = self.decoder.decode(self.frames)

    def all(self, path: str) -> Samples:
        """Return all samples of a path, which is given without 'Vehicle.'."""
        return self.samples.of(f"Vehicle.{path}")

    def of(self, path: str) -> Samples:
        """Return the good samples of a path."""
        return self.all(path).good

    def values(self, path: str) -> list[float]:
        """Return the good values of a path, one after another, without repetitions."""
        values = self.of(path).value.tolist()
        return [value for value, before in zip(values, [None, *values[:-1]], strict=True) if value != before]

    def held(self, path: str, t_ns: np.ndarray) -> np.ndarray:
        """Return the good value of a path held at other times."""
        samples = self.of(path)
        return samples.value[np.clip(np.searchsorted(samples.t_ns, t_ns, side="right") - 1, 0, None)]


@pytest.fixture(scope="module")
def logs(shared: Path) -> dict[str, Decoded]:
    return {log: Decoded(shared, file) for log, file in LOGS.items()}


@pytest.mark.parametrize(("log", "frames"), [(CIRCLE, 67_313), (FORWARD, 20_763), (BRAKE, 8_189)])
def test_every_frame_is_known_and_intact(logs: dict[str, Decoded], log: str, frames: int) -> None:
    decoded = logs[log]
    counts = decoded.decoder.message_counts
    assert decoded.decoder.counts.unknown == 0
    assert sum(count.frames for count in counts) == frames
    assert {count.name for count in counts if count.corrupt or count.lost or count.stuck} == set()
    assert sum(count.checked for count in counts) == 10


@pytest.mark.parametrize(
    ("log", "path", "low", "high"),
    [
        (CIRCLE, "Speed", 0, 22.88),
        (CIRCLE, f"{BATTERY}.CurrentVoltage", 384.5, 392.5),
        (CIRCLE, f"{BATTERY}.CurrentCurrent", -54, 18),
        (CIRCLE, f"{BATTERY}.StateOfCharge.Current", 87.1, 87.4),
        (CIRCLE, f"{BATTERY}.StateOfCharge.CurrentEnergy", 217 * 0.08, 217 * 0.08),
        (CIRCLE, f"{BATTERY}.StateOfHealth", 85, 85),
        (CIRCLE, f"{BATTERY}.Temperature.Average", 19, 19),
        (CIRCLE, f"{BATTERY}.MaximumDischargePower", 110, 110),
        (CIRCLE, f"{BATTERY}.MaximumChargePower", 10.25, 11.25),
        (CIRCLE, f"{BATTERY}.Range", 124_000, 125_000),
        (CIRCLE, f"{MOTOR}.Speed", -10.5, 1577.5),
        (CIRCLE, f"{MOTOR}.Torque", -75.5, 148),
        (CIRCLE, f"{MOTOR}.TorqueTarget", -74, 146),
        (CIRCLE, f"{MOTOR}.Temperature", 17.222, 17.778),
        (CIRCLE, f"{MOTOR}.Inverter.Temperature", 16.111, 25),
        (CIRCLE, "Chassis.Axle.Row1.Wheel.Left.Speed", 0, 4736 * 0.004788),
        (CIRCLE, "Chassis.Axle.Row1.Wheel.Right.Speed", 0, 4841 * 0.004788),
        (CIRCLE, "Exterior.AirTemperature", 22.5, 22.5),
        (FORWARD, "Speed", 0, 7.25),
        (FORWARD, f"{BATTERY}.CurrentVoltage", 383, 385),
        (FORWARD, f"{BATTERY}.CurrentCurrent", -12.5, 1),
        (FORWARD, f"{BATTERY}.StateOfCharge.Current", 68.4, 68.6),
        (FORWARD, f"{BATTERY}.StateOfHealth", 72, 72),
        (FORWARD, f"{BATTERY}.Range", 75_000, 79_000),
        (FORWARD, f"{BATTERY}.Charging.TimeToComplete", 7_200, 7_200),
        (FORWARD, f"{MOTOR}.Speed", -9.5, 503.5),
        (FORWARD, f"{MOTOR}.Torque", -0.5, 92),
        (FORWARD, "Exterior.AirTemperature", 21.5, 22),
        (BRAKE, f"{BATTERY}.CurrentCurrent", -2, -0.5),
        (BRAKE, f"{BATTERY}.StateOfCharge.Current", 68.8, 68.8),
        (BRAKE, f"{BATTERY}.MaximumChargePower", 16.25, 16.25),
        (BRAKE, f"{BATTERY}.Range", 74_000, 74_000),
        (BRAKE, f"{MOTOR}.Torque", 0, 0),
    ],
)
def test_values_have_the_range_of_the_recording(
    logs: dict[str, Decoded], log: str, path: str, low: float, high: float
) -> None:
    values = logs[log].of(path).value
    assert values.min() == pytest.approx(low, abs=1e-3)
    assert values.max() == pytest.approx(high, abs=1e-3)


@pytest.mark.parametrize(
    ("path", "frames"),
    [
        (f"{BATTERY}.CurrentVoltage", 4),
        (f"{BATTERY}.CurrentCurrent", 1),
        (f"{BATTERY}.CurrentPower", 4),
        (f"{BATTERY}.MaximumDischargePower", 70),
        (f"{BATTERY}.MaximumChargePower", 70),
        (f"{BATTERY}.StateOfCharge.CurrentEnergy", 1),
        (f"{BATTERY}.Range", 3),
        (f"{MOTOR}.Speed", 26),
        (f"{MOTOR}.Inverter.Voltage", 2),
        ("Cabin.HVAC.AmbientAirTemperature", 2),
    ],
)
@pytest.mark.parametrize("log", [CIRCLE, FORWARD])
def test_start_up_codes_are_no_values(logs: dict[str, Decoded], log: str, path: str, frames: int) -> None:
    """What battery, inverter, climate and display send before they have a value."""
    samples = logs[log].all(path)
    first = samples[samples.t_ns < samples.t_ns[0] + 3_000_000_000]
    assert int((first.quality == Quality.INVALID).sum()) == frames
    assert np.isnan(first.value[first.quality == Quality.INVALID]).all()


def test_climate_has_no_values_before_and_after_the_drive(logs: dict[str, Decoded]) -> None:
    for log in (CIRCLE, FORWARD):
        quality = logs[log].all("Exterior.AirTemperature").quality
        received = quality[quality != Quality.STALE]
        assert int((received == Quality.INVALID).sum()) in {27, 28}  # one more when it falls silent
        assert received[0] == received[-1] == Quality.INVALID


def test_the_gear_is_unknown_until_first_moved(logs: dict[str, Decoded]) -> None:
    """0 is no gear, but what the shifter says until the lever is first moved."""
    gear = "Powertrain.Transmission.SelectedGear"
    for log, drive, park in ((CIRCLE, 6.73, 80.09), (FORWARD, 9.10, 20.03)):
        decoded = logs[log]
        samples = decoded.of(gear)
        assert decoded.values(gear) == [DRIVE, PARK]
        start = decoded.frames.t_ns[0]
        assert (samples.t_ns[0] - start) / 1e9 == pytest.approx(drive, abs=0.02)
        assert (samples.t_ns[samples.value == PARK][0] - start) / 1e9 == pytest.approx(park, abs=0.02)
    assert logs[BRAKE].values(gear) == [PARK]


def test_the_brake_is_pressed_five_times(logs: dict[str, Decoded]) -> None:
    assert logs[BRAKE].values("Chassis.Brake.IsPressed") == [0, 1] * 5 + [0]


def test_the_car_moves_only_in_drive_ready_and_connected(logs: dict[str, Decoded]) -> None:
    for log in (CIRCLE, FORWARD):
        decoded = logs[log]
        moving = decoded.of("IsMoving")
        t_ns = moving.t_ns[moving.value == 1]
        assert (decoded.held("Powertrain.Transmission.SelectedGear", t_ns) == DRIVE).all()
        assert (decoded.held("Powertrain.IsReady", t_ns) == 1).all()
        assert (decoded.held(f"{BATTERY}.IsPowerConnected", t_ns) == 1).all()
        assert decoded.values("Powertrain.IsReady") == [0, 1, 0]
        assert decoded.values(f"{BATTERY}.IsPowerConnected") == [0, 1, 0]


def test_torque_follows_its_request(logs: dict[str, Decoded]) -> None:
    for log in (CIRCLE, FORWARD):
        torque = logs[log].of(f"{MOTOR}.Torque")
        target = logs[log].held(f"{MOTOR}.TorqueTarget", torque.t_ns)
        assert np.corrcoef(torque.value, target)[0, 1] > 0.997


def test_negative_current_drives_the_motor(logs: dict[str, Decoded]) -> None:
    """The standard counts the current into the battery."""
    mechanical = logs[CIRCLE].of(f"{MOTOR}.Power")
    electrical = logs[CIRCLE].held(f"{BATTERY}.CurrentPower", mechanical.t_ns) / 1e3
    assert np.corrcoef(mechanical.value, electrical)[0, 1] < -0.99
    assert np.polyfit(mechanical.value, electrical, 1)[0] == pytest.approx(-1.10, abs=0.02)


def test_wheels_and_speed_agree(logs: dict[str, Decoded]) -> None:
    decoded = logs[CIRCLE]
    wheels = [decoded.of(f"Chassis.Axle.Row1.Wheel.{side}.Speed") for side in ("Left", "Right")]
    speed = decoded.of("Speed")
    mean = (wheels[0].value + wheels[1].value) / 2
    fast = mean > 5
    assert (speed.value[fast] / mean[fast]).mean() == pytest.approx(1, abs=1e-3)
    seconds = np.diff(speed.t_ns, append=speed.t_ns[-1]) / 1e9
    assert float((mean / 3.6 * seconds).sum()) == pytest.approx(191.9, rel=0.01)
    motor = decoded.held(f"{MOTOR}.Speed", speed.t_ns)
    assert (motor[fast] / speed.value[fast]).mean() == pytest.approx(69.1, rel=0.01)  # one fixed gear


def test_nothing_charges(logs: dict[str, Decoded]) -> None:
    for decoded in logs.values():
        assert decoded.values(f"{BATTERY}.Charging.IsCharging") == [0]
        assert len(decoded.of(f"{BATTERY}.Charging.PowerLimit")) == 0


@pytest.mark.parametrize("log", LOGS)
def test_the_recording_tells_which_leaf_it_is(logs: dict[str, Decoded], log: str) -> None:
    found = identify(logs[log].frames)
    assert found.best is not None
    assert found.best.car == CAR
    assert list(found.best.assignment.values()) == ["ev"]
    assert not found.alike
