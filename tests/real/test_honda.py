"""The descriptions of Honda's cars against recordings of two of them.

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

GEN8, TYPE_R = "honda/civic_gen8", "honda/civic_gen10_bosch:type_r"
LOGS = {
    "vsslog": (GEN8, "honda-civic-8gen/vsslog.log"),
    "revlog": (GEN8, "honda-civic-8gen/revlog.log"),
    "turnwheel": (GEN8, "honda-civic-8gen/startandturnwheel.trc"),
    "noecu": (GEN8, "honda-civic-8gen/noecu.log"),
    "type_r": (TYPE_R, "honda-civic-type-r-2019/turnonanddrive.log"),
}
WHEEL = "Chassis.Axle.Row{}.Wheel.{}.Speed"
ENGINE = "Powertrain.CombustionEngine"


class Decoded:
    """One recording, decoded."""

    def __init__(self, folder: Path, log: str) -> None:
        car, file = LOGS[log]
        self.frames, _ = read_log(folder / "logs" / file)
        self.decoder = VehicleDecoder(load_vehicle(car), with_personal=True, clock=self.frames.clock)
        self.samples = self.decoder.decode(self.frames)

    def of(self, path: str) -> Samples:
        """Return the good samples of a path, which is given without 'Vehicle.'."""
        return self.samples.of(f"Vehicle.{path}").good

    def at(self, path: str, t_ns: np.ndarray) -> np.ndarray:
        """Return the values of a path at other times."""
        samples = self.of(path)
        return np.interp(t_ns, samples.t_ns, samples.value)

    def seconds(self, path: str) -> np.ndarray:
        """Return the times of a path's samples since the start of the recording."""
        return (self.of(path).t_ns - self.frames.t_ns[0]) / 1e9


@pytest.fixture(scope="module")
def logs(shared: Path) -> dict[str, Decoded]:
    return {log: Decoded(shared, log) for log in LOGS}


@pytest.mark.parametrize(
    ("log", "path", "n", "low", "high", "mean"),
    [
        ("vsslog", "Speed", 3187, 0, 125.90, 48.702),
        ("vsslog", WHEEL.format(1, "Left"), 1593, 0, 123.27, 45.181),
        ("vsslog", WHEEL.format(1, "Right"), 1593, 0, 123.46, 50.086),
        ("vsslog", WHEEL.format(2, "Left"), 1593, 0, 0, 0),
        ("vsslog", f"{ENGINE}.Speed", 3187, 606, 3914, 1721.367),
        ("revlog", f"{ENGINE}.Speed", 1300, 0, 5230, 1911.761),
        ("turnwheel", f"{ENGINE}.Speed", 781, 0, 1582, 743.429),
        ("vsslog", f"{ENGINE}.EngineCoolant.Temperature", 319, 61, 67, None),
        ("revlog", f"{ENGINE}.IntakeAirTemperature", 130, 34, 37, None),
        ("type_r", "Speed", 1709, 0, 8.90, 4.038),
        ("type_r", "DisplayedSpeed", 195, 0, 8.95, None),
        ("type_r", WHEEL.format(1, "Left"), 803, 0, 9.51, None),
        ("type_r", WHEEL.format(1, "Right"), 803, 0, 9.56, None),
        ("type_r", WHEEL.format(2, "Left"), 803, 0, 9.20, None),
        ("type_r", WHEEL.format(2, "Right"), 803, 0, 9.26, None),
        ("type_r", "Chassis.SteeringWheel.Angle", 1711, -273.6, 156.5, 8.588),
        ("type_r", "Chassis.SteeringWheel.AngularSpeed", 1711, -297, 340, None),
        ("type_r", "Chassis.Accelerator.PedalPosition", 1694, 0, 100 * 68 / 255, 100 * 4.171 / 255),
        ("type_r", "TraveledDistance", 37, 21_088_000, 21_088_000, 21_088_000),
    ],
)
def test_the_values_are_those_of_the_recording(
    logs: dict[str, Decoded], log: str, path: str, n: int, low: float, high: float, mean: float | None
) -> None:
    samples = logs[log].of(path)
    assert len(samples) == n
    assert samples.value.min() == pytest.approx(low)
    assert samples.value.max() == pytest.approx(high)
    if mean is not None:
        assert samples.value.mean() == pytest.approx(mean, abs=5e-4 * max(1, mean))


@pytest.mark.parametrize("log", LOGS)
def test_every_frame_is_known_and_no_checksum_fails(logs: dict[str, Decoded], log: str) -> None:
    decoded = logs[log]
    counts = decoded.decoder.message_counts
    assert sum(message.frames for message in counts) == len(decoded.frames)
    assert not [m.name for m in counts if m.corrupt or m.stuck or m.shorter]
    assert {m.name for m in counts if not m.checked} <= {"RoughWheelSpeeds"}


@pytest.mark.parametrize("log", ["vsslog", "revlog", "turnwheel", "noecu"])
def test_no_counter_misses_a_step_on_the_recordings_without_loss(logs: dict[str, Decoded], log: str) -> None:
    assert not [m.name for m in logs[log].decoder.message_counts if m.lost]


@pytest.mark.parametrize("log", LOGS)
def test_the_car_is_told_by_its_traffic(logs: dict[str, Decoded], log: str) -> None:
    found = identify(logs[log].frames)
    assert found.best is not None
    assert (found.best.car, found.alike) == (LOGS[log][0], ())


def test_without_the_engine_controller_nothing_of_the_engine_is_made_up(logs: dict[str, Decoded]) -> None:
    assert not [path for path in logs["noecu"].samples.paths if "Engine" in path or path == "Vehicle.Speed"]


def test_the_displayed_speed_of_the_american_car_is_converted_from_miles(logs: dict[str, Decoded]) -> None:
    shown = logs["vsslog"].of("DisplayedSpeed")
    speed = logs["vsslog"].at("Speed", shown.t_ns)
    fast = speed > 20
    assert shown.value.max() == pytest.approx(77.78 * 1.609344)
    assert (shown.value[fast] @ speed[fast]) / (speed[fast] @ speed[fast]) == pytest.approx(1, abs=0.005)


def test_the_brake_is_pressed_once_at_the_end_of_the_drive(logs: dict[str, Decoded]) -> None:
    pressed = logs["vsslog"].of("Chassis.Brake.IsPressed").value
    assert (np.diff(pressed) != 0).sum() == 1
    assert logs["vsslog"].seconds("Chassis.Brake.IsPressed")[pressed == 1][0] == pytest.approx(25.64, abs=0.02)


def test_steering_and_turning_are_positive_to_the_left(logs: dict[str, Decoded]) -> None:
    """Forwards; in reverse the yaw rate turns round."""
    car = logs["type_r"]
    yaw = car.of("AngularVelocity.Yaw")
    left, right = (car.at(WHEEL.format(2, side), yaw.t_ns) / 3.6 for side in ("Left", "Right"))
    forwards = (car.at("Speed", yaw.t_ns) > 5) & (car.at("Body.Lights.Backup.IsOn", yaw.t_ns) == 0)
    turning = np.degrees(right - left) / 1.6  # the track in metres
    assert np.corrcoef(yaw.value[forwards], turning[forwards])[0, 1] > 0.98
    assert np.polyfit(turning[forwards], yaw.value[forwards], 1)[0] == pytest.approx(1, abs=0.08)
    angle = car.at("Chassis.SteeringWheel.Angle", yaw.t_ns)
    assert np.corrcoef(yaw.value[forwards], angle[forwards])[0, 1] > 0.95


def test_the_manual_car_tells_reverse_and_nothing_else(logs: dict[str, Decoded]) -> None:
    gear = logs["type_r"].samples.of("Vehicle.Powertrain.Transmission.SelectedGear")
    gear = gear[gear.quality != Quality.STALE]
    seconds = (gear.t_ns - logs["type_r"].frames.t_ns[0]) / 1e9
    backing = ((seconds > 10.9) & (seconds < 20.5)) | ((seconds > 26.5) & (seconds < 46.6))
    assert (gear.value[backing] == -1).all()
    assert (gear.quality[~backing] == Quality.INVALID).all()


def test_the_parking_brake_is_released_before_driving_off(logs: dict[str, Decoded]) -> None:
    path = "Chassis.ParkingBrake.IsEngaged"
    engaged, seconds = logs["type_r"].of(path).value == 1, logs["type_r"].seconds(path)
    assert engaged.sum() == 4
    assert seconds[~engaged][0] == pytest.approx(20.54, abs=0.1)


@pytest.mark.parametrize("log", ["vsslog", "revlog", "turnwheel", "type_r"])
def test_the_vehicle_identification_is_whole_and_left_out_unless_asked_for(logs: dict[str, Decoded], log: str) -> None:
    """Nothing here prints or compares the number itself."""
    decoded = logs[log]
    path = "Vehicle.VehicleIdentification.VIN"
    lengths = {len(decoded.samples.texts[int(i)]) for i in decoded.samples.of(path).value}
    assert lengths == {17}
    plain = VehicleDecoder(decoded.decoder.vehicle, clock=decoded.frames.clock)
    assert path not in plain.decode(decoded.frames).paths
