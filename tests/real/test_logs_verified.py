"""Decoded values against the figures of each recording: counts, ranges, means, sequences and what is no value.

The expected numbers were computed on the same recordings without this project. What the tests of one
maker's cars state already is not repeated here.
"""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.vehicles import Quality, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from tests.real.recordings import GEN8, KNOWN, Load, changes

pytestmark = pytest.mark.real

BATTERY, MOTOR, ENGINE = "Powertrain.TractionBattery", "Powertrain.ElectricMotor", "Powertrain.CombustionEngine"
COOLANT, INTAKE = f"{ENGINE}.EngineCoolant.Temperature", f"{ENGINE}.IntakeAirTemperature"
FRONT, REAR = "MotionManagement.ElectricAxle.Row1", "MotionManagement.ElectricAxle.Row2"
WHEEL = "Chassis.Axle.Row{}.Wheel.{}.Speed"
LEFT, RIGHT = WHEEL.format(1, "Left"), WHEEL.format(1, "Right")
MILE = 1.609344
PARK, DRIVE = 126, 127


@pytest.mark.parametrize(
    ("log", "path", "n", "low", "high", "mean"),
    [
        ("vsslog", RIGHT, 1593, 0, 123.46, 50.086),
        ("vsslog", WHEEL.format(2, "Right"), 1593, 0, 0, 0),
        ("vsslog", "DisplayedSpeed", 319, 0, 77.78 * MILE, 30.214 * MILE),
        ("vsslog", INTAKE, 319, 39, 41, None),
        ("revlog", "Speed", 1300, 0, 0, 0),
        ("revlog", LEFT, 650, 0, 0, 0),
        ("revlog", "DisplayedSpeed", 130, 0, 0, 0),
        ("revlog", COOLANT, 130, 62, 63, None),
        ("turnwheel", "Speed", 781, 0, 0, 0),
        ("turnwheel", LEFT, 391, 0, 0, 0),
        ("turnwheel", COOLANT, 78, 50, 50, 50),
        ("turnwheel", INTAKE, 78, 42, 45, None),
        ("noecu", LEFT, 173, 0, 0, 0),
        ("noecu", WHEEL.format(2, "Right"), 173, 0, 0, 0),
        ("noecu", "DisplayedSpeed", 34, 0, 0, 0),
        ("type_r", COOLANT, 195, 81, 82, None),
        ("type_r", INTAKE, 195, 50, 53, None),
        ("type_r", "Cabin.Seat.Row1.DriverSide.IsBelted", 189, 0, 0, 0),
        ("type_r", "Cabin.IsSeatBeltWarningOn", 189, 1, 1, 1),
        ("type_r", "Cabin.Door.Row1.DriverSide.IsOpen", 193, 0, 0, 0),
        ("circle", f"{BATTERY}.CurrentVoltage", 8720, 384.5, 392.5, 390.272),
        ("circle", f"{BATTERY}.CurrentCurrent", 8723, -54.0, 18.0, -3.899),
        ("circle", f"{MOTOR}.Speed", 8677, -10.5, 1577.5, 548.696),
        ("circle", f"{BATTERY}.StateOfCharge.CurrentEnergy", 173, 217 * 0.08, 217 * 0.08, None),
        ("forward", f"{BATTERY}.CurrentVoltage", 2696, 383.0, 385.0, 384.467),
        ("forward", f"{BATTERY}.CurrentCurrent", 2699, -12.5, 1.0, -1.780),
        ("forward", f"{MOTOR}.Speed", 2653, -9.5, 503.5, 81.241),
        ("forward", f"{MOTOR}.TorqueTarget", 2736, 0, 91.25, None),
        ("forward", f"{BATTERY}.StateOfCharge.CurrentEnergy", 52, 149 * 0.08, 149 * 0.08, None),
        ("forward", f"{BATTERY}.Temperature.Average", 53, 17, 17, 17),
        ("forward", f"{BATTERY}.MaximumDischargePower", 2630, 110, 110, 110),
        ("forward", f"{BATTERY}.MaximumChargePower", 2630, 16, 16, 16),
        ("forward", RIGHT, 1232, 0, 1539 * 0.004788, None),
        ("forward", LEFT, 1232, 0, 1509 * 0.004788, None),
        ("brake", f"{BATTERY}.CurrentVoltage", 1060, 384.5, 384.5, 384.5),
        ("brake", f"{BATTERY}.CurrentCurrent", 1060, -2.0, -0.5, -1.272),
        ("brake", f"{BATTERY}.StateOfCharge.CurrentEnergy", 21, 148 * 0.08, 148 * 0.08, None),
        ("brake", f"{BATTERY}.StateOfHealth", 21, 72, 72, 72),
        ("brake", f"{BATTERY}.Temperature.Average", 21, 17, 17, 17),
        ("brake", f"{BATTERY}.MaximumDischargePower", 1060, 110, 110, 110),
        ("brake", f"{BATTERY}.Charging.TimeToComplete", 4, 7200, 7200, 7200),
        ("brake", f"{MOTOR}.Speed", 1061, 0.5, 0.5, 0.5),
        ("brake", f"{MOTOR}.TorqueTarget", 1034, 0, 0, 0),
        ("brake", "Speed", 530, 0, 0, 0),
        ("brake", RIGHT, 530, 0, 0, 0),
        ("brake", "Exterior.AirTemperature", 106, 22.5, 22.5, 22.5),
        ("phev_drive", f"{BATTERY}.CurrentVoltage", 1258, 312.8, 326.4, 320.302),
        ("phev_drive", f"{BATTERY}.CurrentCurrent", 1258, -73.97, 65.84, -10.317),
        ("phev_drive", "Powertrain.Generator.Torque", 499, 0, 0, 0),
        ("phev_drive", f"{BATTERY}.Charging.OutputVoltage", 108, 0, 326, None),
        ("phev_start", f"{BATTERY}.CellVoltage.Max", 544, 3.95, 3.96, None),
        ("phev_start", f"{FRONT}.Torque", 569, 0, 0, 0),
        ("phev_start", f"{FRONT}.RotationalSpeed", 569, 0, 0, 0),
        ("phev_start", f"{REAR}.Torque", 569, 0, 0, 0),
        ("phev_start", f"{REAR}.RotationalSpeed", 569, 0, 0, 0),
        ("phev_start", "Powertrain.Generator.Torque", 569, 0, 0, 0),
        ("phev_start", f"{BATTERY}.DCDC.OutputCurrent", 280, 1, 95.8, None),
        ("phev_start", f"{BATTERY}.DCDC.OutputVoltage", 280, 12.14, 14.69, None),
        ("phev_start", COOLANT, 58, 13, 14, None),
        ("imiev", "Speed", 1668, 0, 0, 0),
        ("imiev", "DisplayedSpeed", 334, 0, 0, 0),
        ("imiev", "Chassis.Accelerator.PedalPosition", 1668, 0, 0, 0),
        ("imiev", "Chassis.Brake.IsPressed", 1668, 0, 0, 0),
        ("drive", "Speed", 1128, 0, 16.984, 10.061),
        ("drive", f"{ENGINE}.Speed", 2260, 897, 2029, 1498.808),
        ("drive", f"{ENGINE}.IdleSpeedTarget", 1130, 1031, 1203, None),
        ("reverse", "Chassis.Accelerator.PedalPosition", 640, 0, 66 * 0.4, None),
        ("reverse", COOLANT, 128, 58, 61, None),
        ("reverse", f"{ENGINE}.MAP", 128, 50, 85, None),
        ("reverse", WHEEL.format(1, "Left").replace("Speed", "AngularSpeed"), 639, 0, 61 * 3, None),
        ("reverse", WHEEL.format(1, "Right").replace("Speed", "AngularSpeed"), 639, 0, 62 * 3, None),
        ("reverse", WHEEL.format(2, "Right").replace("Speed", "AngularSpeed"), 639, 0, 63 * 3, None),
        ("reverse", WHEEL.format(2, "Left").replace("Speed", "AngularSpeed"), 639, 0, 61 * 3, None),
        ("pedal", "Speed", 438, 0, 0, 0),
        ("pedal", "Chassis.SteeringWheel.Angle", 876, 5, 5, 5),
        ("pedal", COOLANT, 88, 31, 31, 31),
        ("pedal", WHEEL.format(1, "Left"), 438, 0, 0, 0),
    ],
)
def test_values_have_the_figures_of_the_recording(
    load: Load, log: str, path: str, n: int, low: float, high: float, mean: float | None
) -> None:
    values = load(log).good(path).value
    assert len(values) == n
    assert values.min() == pytest.approx(low, abs=5e-4)
    assert values.max() == pytest.approx(high, abs=5e-4)
    if mean is not None:
        assert values.mean() == pytest.approx(mean, abs=max(5.5e-4, 2e-5 * abs(mean)))


@pytest.mark.parametrize(
    ("log", "path", "first", "last"),
    [
        ("circle", f"{BATTERY}.StateOfCharge.Current", 87.4, 87.1),
        ("forward", f"{BATTERY}.StateOfCharge.Current", 68.6, 68.4),
        ("phev_drive", "TraveledDistance", 22_802_000, 22_804_700),
        ("phev_drive", f"{BATTERY}.StateOfCharge.Current", 84.5, 80.5),
        ("phev_drive", f"{BATTERY}.StateOfCharge.Displayed", 87.5, 83.0),
        ("phev_start", "Chassis.SteeringWheel.Angle", 9.5, -25.0),
        ("drive", COOLANT, 49, 56),
        ("type_r", "TraveledDistance", 21_088_000, 21_088_000),
    ],
)
def test_what_runs_one_way_goes_from_the_first_value_to_the_last(
    load: Load, log: str, path: str, first: float, last: float
) -> None:
    values = load(log).good(path).value
    assert (values[0], values[-1]) == pytest.approx((first, last))
    steps = np.diff(values) * np.sign(last - first)
    assert (steps >= -0.51).all()  # one step of the wire back at most, where a value wavers


@pytest.mark.parametrize(
    ("log", "frames"),
    [
        ("vsslog", {0x158: 3187, 0x17C: 3187, 0x1D0: 1593, 0x309: 319}),
        ("revlog", {0x158: 1300, 0x17C: 1300, 0x1D0: 650, 0x309: 130}),
        ("turnwheel", {0x158: 781, 0x17C: 781, 0x1D0: 391, 0x309: 78}),
        ("noecu", {0x158: 0, 0x17C: 0, 0x1D0: 173, 0x309: 34, 0x13A: 0, 0x324: 0}),
        ("type_r", {0x158: 1709, 0x17C: 1694, 0x1D0: 803, 0x309: 195, 0x14A: 1711, 0x516: 37, 0x326: 193}),
        ("circle", {0x1DB: 8724, 0x5BC: 174, 0x284: 4245}),
        ("forward", {0x1DB: 2700, 0x5BC: 53}),
        ("brake", {0x1DB: 1060, 0x5BC: 21, 0x603: 0, 0x68C: 0}),
        ("phev_drive", {0x373: 1258, 0x288: 746, 0x289: 502, 0x28B: 499}),
        ("phev_start", {0x373: 564, 0x288: 569, 0x289: 569, 0x28B: 569, 0x236: 583}),
        ("imiev", {0x373: 3336, 0x236: 3336, 0x119: 1668}),
        ("drive", {0x215: 1128, 0x236: 2257}),
        ("reverse", {0x215: 639, 0x236: 1278}),
        ("pedal", {0x215: 438, 0x236: 876}),
    ],
)
def test_each_message_came_as_often_as_it_did(load: Load, log: str, frames: dict[int, int]) -> None:
    counted = dict.fromkeys(frames, 0)
    for message in load(log).decoder.message_counts:
        if message.id in counted:
            counted[message.id] += message.frames
    assert counted == frames


@pytest.mark.parametrize("log", KNOWN)
def test_a_sample_is_good_only_with_a_number(load: Load, log: str) -> None:
    """What a car marks as no value is INVALID and carries none; nothing is CORRUPT or MISSING on these recordings."""
    samples = load(log).samples
    assert np.isfinite(samples.value[samples.quality == Quality.GOOD]).all()
    assert np.isnan(samples.value[samples.quality == Quality.INVALID]).all()
    assert not np.isin(samples.quality, (Quality.CORRUPT, Quality.MISSING)).any()


@pytest.mark.parametrize("log", KNOWN)
def test_good_values_lie_in_the_limits_of_the_standard(load: Load, log: str) -> None:
    decoded = load(log)
    for number in np.unique(decoded.samples.signal):
        info = decoded.vehicle.signals[number]
        values = decoded.samples[decoded.samples.signal == number].good.value
        assert ((values >= info.low) & (values <= info.high)).all(), info.path


@pytest.mark.parametrize("log", ["vsslog", "revlog", "turnwheel", "noecu", "imiev", "drive", "reverse", "pedal"])
def test_a_complete_recording_of_a_running_car_is_good_throughout(load: Load, log: str) -> None:
    decoded = load(log)
    bad = decoded.samples[decoded.samples.quality != Quality.GOOD]
    gearbox = "Vehicle.Powertrain.Transmission"
    between_places = {f"{gearbox}.GearChangeMode": 10, f"{gearbox}.ShiftLeverPosition": 10}
    assert {path: len(bad.of(path)) for path in bad.paths} == (between_places if log == "reverse" else {})


@pytest.mark.parametrize(
    ("log", "path", "n"),
    [
        ("brake", f"{BATTERY}.CurrentVoltage", 0),
        ("brake", f"{MOTOR}.Speed", 0),
        ("brake", "Exterior.AirTemperature", 0),
        ("brake", f"{BATTERY}.Charging.PowerLimit", 1060),
        ("circle", f"{BATTERY}.Charging.PowerLimit", 8725),
        ("forward", f"{BATTERY}.Charging.PowerLimit", 2701),
        ("circle", "Cabin.HVAC.Station.Row1.Driver.Temperature", 874),
        ("phev_drive", f"{BATTERY}.StateOfCharge.Current", 3),
        ("phev_drive", f"{BATTERY}.StateOfCharge.Displayed", 1),
        ("phev_drive", f"{BATTERY}.Temperature.Max", 3),
        ("phev_drive", "Powertrain.FuelSystem.RelativeLevel", 2),
        ("phev_start", f"{BATTERY}.CurrentVoltage", 22),
        ("phev_start", f"{BATTERY}.DCDC.OutputCurrent", 3),
        ("phev_start", f"{BATTERY}.Temperature.Max", 5),
        ("phev_start", "LowVoltageSystemState", 3),
        ("phev_start", "Powertrain.Transmission.ShiftLeverPosition", 23),
    ],
)
def test_so_many_samples_are_no_value(load: Load, log: str, path: str, n: int) -> None:
    assert int((load(log).all(path).quality == Quality.INVALID).sum()) == n


def test_without_its_engine_controller_the_car_sends_nine_messages(load: Load) -> None:
    noecu = load("noecu")
    ids = {0x039, 0x18E, 0x1A4, 0x1B0, 0x1D0, 0x305, 0x309, 0x428, 0x42A}
    assert set(noecu.frames.id.tolist()) == ids
    assert {p for p in noecu.samples.paths if "Wheel" not in p} == {
        "Vehicle.DisplayedSpeed",
        "Vehicle.Cabin.IsSeatBeltWarningOn",
    }


@pytest.mark.parametrize(
    ("log", "path", "sequence"),
    [
        ("vsslog", "Chassis.Accelerator.IsPressed", [0, 1] * 4 + [0]),
        ("vsslog", "Chassis.Brake.IsPressed", [0, 1]),
        ("revlog", "Chassis.Brake.IsPressed", [0]),
        ("turnwheel", "Chassis.Accelerator.IsPressed", [0]),
        ("type_r", "Body.Lights.Backup.IsOn", [0, 1, 0, 1, 0]),
        ("type_r", "Chassis.ParkingBrake.IsEngaged", [1, 0]),
        ("circle", "Powertrain.Transmission.SelectedGear", [DRIVE, PARK]),
        ("brake", "Powertrain.Transmission.SelectedGear", [PARK]),
        ("circle", "LowVoltageSystemState", [4, 2]),
        ("forward", "LowVoltageSystemState", [4, 2]),
        ("brake", "LowVoltageSystemState", [4]),
        ("circle", f"{BATTERY}.StateOfHealth", [85]),
        ("forward", f"{BATTERY}.StateOfHealth", [72]),
        ("phev_start", f"{BATTERY}.Charging.OutputVoltage", [0, 256, 306, 314, 316]),
        ("phev_start", "Powertrain.Transmission.SelectedGear", [PARK]),
        ("phev_start", f"{ENGINE}.Speed", [0]),
        ("drive", "Powertrain.Transmission.ShiftLeverPosition", [4]),
        ("reverse", "Powertrain.Transmission.CurrentGear", [1, 0, -1, 0, 2, 1]),
        ("pedal", "Powertrain.Transmission.CurrentGear", [0]),
        ("imiev", f"{BATTERY}.CellVoltage.Max", [4.08]),
    ],
)
def test_values_follow_one_another_as_on_the_recording(load: Load, log: str, path: str, sequence: list[float]) -> None:
    assert changes(load(log).good(path).value) == pytest.approx(sequence)


@pytest.mark.parametrize(
    ("log", "path", "value", "starts_s", "ends_s"),
    [
        ("vsslog", "Chassis.Accelerator.IsPressed", 1, 11.47, 21.87),
        ("vsslog", "Chassis.Brake.IsPressed", 1, 25.64, 31.87),
        ("circle", "LowVoltageSystemState", 2, 85.26, 85.4),
        ("forward", "LowVoltageSystemState", 2, 25.01, 25.2),
        ("type_r", "Body.Lights.Backup.IsOn", 1, 11.0, 46.6),
        ("type_r", "Chassis.ParkingBrake.IsEngaged", 1, 0, 20.53),
    ],
)
def test_a_state_lasts_from_its_first_sample_to_its_last(
    load: Load, log: str, path: str, value: float, starts_s: float, ends_s: float
) -> None:
    decoded = load(log)
    samples = decoded.good(path)
    seconds = decoded.seconds(samples)[samples.value == value]
    assert seconds[0] == pytest.approx(starts_s, abs=0.15)
    assert seconds[-1] == pytest.approx(ends_s, abs=0.15 if log != "type_r" else 10.5)


@pytest.mark.parametrize(("log", "starts_s", "ends_s"), [("circle", 10.00, 77.74), ("forward", 11.73, 18.34)])
def test_the_leaf_moves_from_its_first_turning_wheel_to_its_last(
    load: Load, log: str, starts_s: float, ends_s: float
) -> None:
    leaf = load(log)
    moving = leaf.good("IsMoving")
    seconds = leaf.seconds(moving)[moving.value == 1]
    assert (seconds[0], seconds[-1]) == pytest.approx((starts_s, ends_s), abs=0.02)
    assert changes(moving.value) == [0, 1, 0]


def test_the_leaf_shows_no_speed_below_three_kilometres_an_hour(load: Load) -> None:
    for log in ("circle", "forward"):
        speed = load(log).good("Speed").value
        assert 2.7 < speed[speed > 0].min() < 2.9


def test_the_steering_wheel_of_the_outlander_rests_and_then_turns_right(load: Load) -> None:
    start = load("phev_start")
    angle = start.good("Chassis.SteeringWheel.Angle")
    seconds = start.seconds(angle) + 239.1648
    assert set(angle.value[seconds < 243.5].tolist()) == {9.5}
    assert (np.diff(angle.value[seconds > 243.6]) <= 0.5).all()
    assert angle.value[-1] == -25.0


def test_the_selector_of_the_outlander_says_nothing_for_a_while(load: Load) -> None:
    """0xFF first, and a blank from 0.85 to 1.29 s."""
    start = load("phev_start")
    lever = start.all("Powertrain.Transmission.ShiftLeverPosition")
    seconds = start.seconds(lever)[lever.quality == Quality.INVALID]
    assert seconds[0] < 0.1  # its first frame
    assert (seconds[1], seconds[-1]) == pytest.approx((0.85, 1.29), abs=0.03)


def test_a_honda_that_is_not_described_reads_as_one_that_stands(load: Load) -> None:
    """Ignition on, engine off: what it shares with the Civic of 2006 holds, when that is asked for by name."""
    frames = load("stranger").frames
    samples = VehicleDecoder(load_vehicle(GEN8), clock=frames.clock).decode(frames)
    for path, n, value in (
        ("Speed", 326, 0),
        (LEFT, 162, 0),
        ("DisplayedSpeed", 33, 0),
        (f"{ENGINE}.Speed", 326, 0),
        (COOLANT, 33, 76),
        (INTAKE, 33, 61),
    ):
        good = samples.of(f"Vehicle.{path}").good.value
        assert (len(good), set(good.tolist())) == (n, {value}), path


def test_six_presses_of_the_pedal(load: Load) -> None:
    pressed = load("pedal").good("Chassis.Accelerator.PedalPosition").value > 20
    assert int((np.diff(pressed.astype(int)) == 1).sum()) == 6
