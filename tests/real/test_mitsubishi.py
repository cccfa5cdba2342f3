"""The descriptions of Mitsubishi's cars against recordings of three of them.

The expected numbers were computed on the same recordings without this project.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commonwheel.vehicles import Quality, Samples, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.identify import identify
from commonwheel.wire.frames import Clock
from commonwheel.wire.logs import read_log

pytestmark = pytest.mark.real

LANCER, PHEV, IMIEV = "mitsubishi/lancer:ralliart", "mitsubishi/outlander_phev", "mitsubishi/imiev"
RALLIART, OUTLANDER = "mitsubishi-lancer-ralliart", "mitsubishi-outlander-phev"
LOGS = {
    "drive": (LANCER, f"{RALLIART}/smalldriveinlot.log", None),
    "reverse": (LANCER, f"{RALLIART}/shiftintoreverse.log", None),
    "pedal": (LANCER, f"{RALLIART}/realpedalupdown.log", None),
    "phev_drive": (PHEV, f"{OUTLANDER}/DRIVING1.csv", {0: "ev"}),
    "phev_start": (PHEV, f"{OUTLANDER}/202109061515-steering-lock-to-lock.csv", {0: "main", 1: "ev"}),
    "imiev": (IMIEV, "mitsubishi-imiev/iCarSoft-Max-Actuate-5x-Fan-High.log", None),
}
BATTERY = "Powertrain.TractionBattery"
ENGINE = "Powertrain.CombustionEngine"
GEARBOX = "Powertrain.Transmission"
AXLE = "MotionManagement.ElectricAxle.Row{}"
WHEEL = "Chassis.Axle.Row{}.Wheel.{}.{}"
VIN = "VehicleIdentification.VIN"


class Decoded:
    """One recording, decoded."""

    def __init__(self, folder: Path, log: str) -> None:
        car, file, buses = LOGS[log]
        self.vehicle = load_vehicle(car)
        self.frames, _ = read_log(folder / "logs" / file)
        self.decoder = VehicleDecoder(self.vehicle, buses=buses, with_personal=True, clock=self.frames.clock)
        self.samples = self.decoder.decode(self.frames)

    def all(self, path: str) -> Samples:
        """Return the samples of a path, which is given without 'Vehicle.', of any quality."""
        return self.samples.of(f"Vehicle.{path}")

    def of(self, path: str) -> Samples:
        """Return the good samples of a path."""
        return self.all(path).good

    def steps(self, path: str) -> list[str]:
        """Return an enumeration's labels or codes in turn, each change once, without what is not good."""
        labels = self.vehicle.signals[self.vehicle.numbers[f"Vehicle.{path}"]].labels
        codes = [int(value) for value in self.of(path).value]
        changes = [code for i, code in enumerate(codes) if i == 0 or code != codes[i - 1]]
        return [labels[code] if labels else str(code) for code in changes]


@pytest.fixture(scope="module")
def logs(shared: Path) -> dict[str, Decoded]:
    return {log: Decoded(shared, log) for log in LOGS}


@pytest.mark.parametrize(
    ("log", "path", "n", "low", "high"),
    [
        ("drive", "Speed", 1128, 0, 16.984),
        ("drive", "Chassis.SteeringWheel.Angle", 2257, -532, 53),
        ("drive", "Chassis.Accelerator.PedalPosition", 1130, 0, 29.6),
        ("drive", f"{ENGINE}.Speed", 2260, 897, 2029),
        ("drive", f"{ENGINE}.MAP", 226, 33, 99),
        ("drive", f"{ENGINE}.EngineCoolant.Temperature", 226, 49, 56),
        ("drive", WHEEL.format(1, "Left", "AngularSpeed"), 1128, 0, 284 * 3),
        ("drive", WHEEL.format(1, "Right", "AngularSpeed"), 1128, 0, 284 * 3),
        ("drive", WHEEL.format(2, "Right", "AngularSpeed"), 1128, 0, 285 * 3),
        ("drive", WHEEL.format(2, "Left", "AngularSpeed"), 1128, 0, 299 * 3),
        ("reverse", "Speed", 639, 0, 3.727),
        ("reverse", "Chassis.SteeringWheel.Angle", 1278, 36.5, 44),
        ("reverse", f"{ENGINE}.Speed", 1280, 783, 1197),
        ("pedal", "Chassis.Accelerator.PedalPosition", 439, 0, 99.6),
        ("pedal", f"{ENGINE}.Speed", 878, 0, 0),
        ("pedal", f"{ENGINE}.MAP", 88, 100, 100),
        ("phev_drive", f"{BATTERY}.CurrentVoltage", 1258, 312.8, 326.4),
        ("phev_drive", f"{BATTERY}.CurrentCurrent", 1258, -73.97, 65.84),
        ("phev_drive", f"{BATTERY}.CellVoltage.Max", 1258, 3.91, 4.08),
        ("phev_drive", f"{BATTERY}.CellVoltage.Min", 1258, 3.90, 4.08),
        ("phev_drive", f"{BATTERY}.StateOfCharge.Current", 165, 80.5, 84.5),
        ("phev_drive", f"{BATTERY}.StateOfCharge.Displayed", 167, 83, 87.5),
        ("phev_drive", f"{AXLE.format(1)}.Torque", 746, -66.9, 61.8),
        ("phev_drive", f"{AXLE.format(1)}.RotationalSpeed", 746, -692, 4724),
        ("phev_drive", f"{AXLE.format(2)}.Torque", 502, -80.8, 76.2),
        ("phev_drive", f"{AXLE.format(2)}.RotationalSpeed", 502, -506, 3451),
        ("phev_drive", "Powertrain.Generator.Speed", 499, -3, 0),
        ("phev_drive", f"{BATTERY}.DCDC.OutputVoltage", 680, 13.49, 14.72),
        ("phev_drive", f"{BATTERY}.DCDC.OutputCurrent", 680, 0.4, 43.8),
        ("phev_drive", "TraveledDistance", 101, 22_802_000, 22_804_700),
        ("phev_start", "Chassis.SteeringWheel.Angle", 583, -25, 9.5),
        ("phev_start", "Chassis.SteeringWheel.AngularSpeed", 573, -62, 0.5),
        ("phev_start", f"{BATTERY}.CurrentVoltage", 544, 315.8, 316.3),
        ("phev_start", f"{BATTERY}.CurrentCurrent", 544, -8.90, -0.68),
        ("phev_start", f"{BATTERY}.StateOfCharge.Current", 54, 59.5, 59.5),
        ("phev_start", f"{BATTERY}.StateOfCharge.Displayed", 56, 60, 60),
        ("phev_start", "Speed", 290, 0, 0),
        ("phev_start", f"{ENGINE}.Speed", 578, 0, 0),
        ("phev_start", "TraveledDistance", 58, 48_652_000, 48_652_000),
        ("imiev", f"{BATTERY}.CurrentVoltage", 3336, 358.2, 358.3),
        ("imiev", f"{BATTERY}.CurrentCurrent", 3336, -0.70, -0.67),
        ("imiev", f"{BATTERY}.CellVoltage.Max", 3336, 4.08, 4.08),
        ("imiev", f"{BATTERY}.CellVoltage.Min", 3336, 4.06, 4.06),
        ("imiev", f"{BATTERY}.StateOfCharge.Current", 333, 95, 95),
        ("imiev", f"{BATTERY}.StateOfCharge.Displayed", 333, 96.5, 96.5),
        ("imiev", f"{BATTERY}.Range", 1668, 79_000, 79_000),
        ("imiev", "TraveledDistance", 334, 95_059_000, 95_059_000),
        ("imiev", "Chassis.SteeringWheel.Angle", 3336, 8.5, 8.5),
        ("imiev", "Powertrain.ElectricMotor.Speed", 334, -1, 0),
        ("imiev", "Powertrain.ElectricMotor.Temperature", 334, 30, 30),
        ("imiev", "Chassis.Brake.PedalPosition", 1668, 0, 0),
    ],
)
def test_the_values_are_those_of_the_recording(
    logs: dict[str, Decoded], log: str, path: str, n: int, low: float, high: float
) -> None:
    values = logs[log].of(path).value
    assert len(values) == n
    assert values.min() == pytest.approx(low, abs=5e-4)
    assert values.max() == pytest.approx(high, abs=5e-4)


@pytest.mark.parametrize(
    ("log", "path", "steps"),
    [
        ("drive", f"{GEARBOX}.SelectedGear", ["127"]),
        ("drive", f"{GEARBOX}.CurrentGear", ["1"]),
        ("drive", "Chassis.Brake.IsPressed", ["1", "0", "1"]),
        ("reverse", f"{GEARBOX}.SelectedGear", ["127", "0", "-1", "126", "-1", "0", "127"]),
        (
            "reverse",
            f"{GEARBOX}.ShiftLeverPosition",
            ["DRIVE", "NEUTRAL", "REVERSE", "PARK", "REVERSE", "NEUTRAL", "DRIVE"],
        ),
        ("reverse", f"{GEARBOX}.CurrentGear", ["1", "0", "-1", "0", "2", "1"]),
        ("pedal", f"{GEARBOX}.SelectedGear", ["126"]),
        ("pedal", f"{ENGINE}.IsRunning", ["0"]),
        ("phev_drive", "Powertrain.IsReady", ["0", "1"]),
        ("phev_start", "Powertrain.IsReady", ["0", "1"]),
        ("phev_start", f"{GEARBOX}.SelectedGear", ["126"]),
        ("phev_start", "LowVoltageSystemState", ["ON"]),
        ("phev_start", f"{BATTERY}.DCDC.IsActive", ["0", "1"]),
        ("imiev", f"{GEARBOX}.ShiftLeverPosition", ["PARK"]),
        ("imiev", "Cabin.Door.Row1.DriverSide.IsOpen", ["0"]),
        ("imiev", f"{BATTERY}.Charging.IsCharging", ["0"]),
    ],
)
def test_states_follow_in_the_order_that_the_driver_made(
    logs: dict[str, Decoded], log: str, path: str, steps: list[str]
) -> None:
    assert logs[log].steps(path) == steps


@pytest.mark.parametrize(
    ("path", "n"),
    [
        ("Speed", 1),
        ("Chassis.SteeringWheel.AngularSpeed", 10),
        (f"{GEARBOX}.SelectedGear", 23),
        (f"{ENGINE}.Speed", 1),
        (f"{BATTERY}.CellVoltage.Max", 20),
        (f"{BATTERY}.CellVoltage.Min", 20),
        (f"{BATTERY}.CurrentCurrent", 22),
        (f"{BATTERY}.CurrentPower", 22),
        (f"{BATTERY}.StateOfCharge.Current", 3),
        (f"{BATTERY}.StateOfCharge.Displayed", 1),
        (f"{BATTERY}.DCDC.OutputVoltage", 3),
        ("Powertrain.FuelSystem.RelativeLevel", 6),
    ],
)
def test_placeholders_at_power_on_are_invalid_and_carry_no_number(logs: dict[str, Decoded], path: str, n: int) -> None:
    samples = logs["phev_start"].all(path)
    bad = samples.quality == Quality.INVALID
    assert bad.sum() == n
    assert np.isnan(samples.value[bad]).all()
    assert set(samples.quality.tolist()) == {Quality.GOOD, Quality.INVALID}


def test_every_frame_is_known_and_passes_its_checks(logs: dict[str, Decoded]) -> None:
    for decoded in logs.values():
        assert decoded.decoder.counts.unknown == 0
        counts = decoded.decoder.message_counts
        assert sum(m.corrupt + m.lost + m.stuck + m.shorter for m in counts) == 0
    checked = {m.name: m.frames for m in logs["imiev"].decoder.message_counts if m.checked}
    assert checked == {"SteeringWheel": 3336, "Checked119": 1668, "Checked149": 1668, "Checked156": 1668}
    checked = {m.name: m.frames for m in logs["phev_start"].decoder.message_counts if m.checked}
    assert checked == {"SteeringWheel": 583, "Checked32F": 280}


def test_each_log_is_told_to_be_of_its_car(logs: dict[str, Decoded]) -> None:
    for log, decoded in logs.items():
        found = identify(decoded.frames)
        assert found.best is not None, log
        assert found.best.car == decoded.vehicle.name.partition(":")[0]
        assert found.best.assignment == (LOGS[log][2] or {0: "main"})
        assert found.alike == ()


def test_steering_is_positive_to_the_left(logs: dict[str, Decoded]) -> None:
    """In a left turn the right wheel has the longer way."""
    drive = logs["drive"]
    angle = drive.of("Chassis.SteeringWheel.Angle")
    left, right = (drive.of(WHEEL.format(1, side, "Speed")) for side in ("Left", "Right"))
    moving = left.value > 3
    turned = np.interp(left.t_ns[moving], angle.t_ns, angle.value)
    assert np.corrcoef(turned, left.value[moving] - right.value[moving])[0, 1] < -0.8


def test_the_steering_rate_is_the_derivative_of_the_angle(logs: dict[str, Decoded]) -> None:
    drive = logs["drive"]
    angle, rate = drive.of("Chassis.SteeringWheel.Angle"), drive.of("Chassis.SteeringWheel.AngularSpeed")
    span = 5
    slope = (angle.value[2 * span :] - angle.value[: -2 * span]) / (
        (angle.t_ns[2 * span :] - angle.t_ns[: -2 * span]) / 1e9
    )
    assert np.corrcoef(slope, rate.value[span:-span])[0, 1] > 0.95


def test_the_four_wheels_give_the_speed(logs: dict[str, Decoded]) -> None:
    """The scale is that of the tyre the car wore: 8.155 rpm per km/h."""
    drive = logs["drive"]
    speed = drive.of("Speed")
    wheels = [drive.of(WHEEL.format(row, side, "Speed")).value for row in (1, 2) for side in ("Left", "Right")]
    moving = speed.value > 3
    mean = np.mean(wheels, axis=0)
    assert (mean[moving] / speed.value[moving]).mean() == pytest.approx(1.0, abs=0.01)
    assert np.corrcoef(mean[moving], speed.value[moving])[0, 1] > 0.99


def test_battery_and_motors_agree_on_the_power(logs: dict[str, Decoded]) -> None:
    """Positive current charges, so the battery's power falls as the motors' rises. Only the order of frames counts."""
    drive = logs["phev_drive"]
    assert drive.frames.clock is Clock.ORDER
    battery, motors = drive.of(f"{BATTERY}.CurrentPower"), drive.of("Powertrain.ElectricMotor.Power")
    taken = -np.interp(motors.t_ns, battery.t_ns, battery.value) / 1000
    assert np.corrcoef(taken, motors.value)[0, 1] > 0.95


def test_front_and_rear_motor_turn_in_a_fixed_ratio(logs: dict[str, Decoded]) -> None:
    front, rear = (logs["phev_drive"].of(f"{AXLE.format(row)}.RotationalSpeed") for row in (1, 2))
    steady = np.interp(rear.t_ns, front.t_ns, front.value)
    fast = steady > 1000
    assert np.median(rear.value[fast] / steady[fast]) == pytest.approx(0.7305, abs=0.005)


def test_a_cell_lies_between_the_lowest_and_the_highest_one(logs: dict[str, Decoded]) -> None:
    drive = logs["phev_drive"]
    low, high, pack = (
        drive.of(f"{BATTERY}.{name}").value for name in ("CellVoltage.Min", "CellVoltage.Max", "CurrentVoltage")
    )
    assert ((low - 0.011 <= pack / 80) & (pack / 80 <= high + 0.011)).all()


def test_the_cells_of_the_modules_add_up_to_the_pack(logs: dict[str, Decoded]) -> None:
    """88 cells in twelve modules, of which 6 and 12 are half as large, and 66 sensors."""
    imiev = logs["imiev"]
    volts: list[float] = []
    degrees: list[float] = []
    for path in imiev.samples.paths:
        if ".Module.M" in path:
            (volts if path.endswith(".Voltage") else degrees).append(float(imiev.samples.of(path).good.value[-1]))
            assert (imiev.samples.of(path).quality == Quality.GOOD).all()
    assert (len(volts), len(degrees)) == (88, 66)
    assert sum(volts) == pytest.approx(358.2, abs=0.2)
    assert (min(degrees), max(degrees)) == (22, 25)


def test_the_gateways_copies_stand_in_for_each_other(shared: Path) -> None:
    """With only the main bus recorded, the battery's values still come, from message 387."""
    vehicle = load_vehicle(PHEV)
    frames, _ = read_log(shared / "logs" / LOGS["phev_start"][1])
    main = frames[frames.bus == 0]
    samples = VehicleDecoder(vehicle, buses={0: "main"}, clock=frames.clock).decode(main)
    volts = samples.of(f"Vehicle.{BATTERY}.CurrentVoltage").good.value
    assert len(volts) > 40
    assert (volts.min(), volts.max()) == pytest.approx((315.8, 316.3), abs=0.2)
    assert samples.of("Vehicle.TraveledDistance").good.value[-1] == pytest.approx(48_652_000)


def test_personal_data_is_left_out_unless_asked_for(logs: dict[str, Decoded]) -> None:
    for log, decoded in logs.items():
        texts = decoded.of(VIN)
        assert {len(texts.texts[int(i)]) for i in texts.value} == {17}
        car, _, buses = LOGS[log]
        plain = VehicleDecoder(load_vehicle(car), buses=buses, clock=decoded.frames.clock).decode(decoded.frames)
        assert len(plain.of(f"Vehicle.{VIN}")) == 0


def test_every_car_and_variant_compiles_from_databases_that_need_no_repair() -> None:
    for name in ("lancer", "lancer:ralliart", "lancer:evo_x", "imiev", "imiev:80cells", "outlander_phev",
                 "outlander_phev:12kwh", "outlander_phev:13.8kwh"):  # fmt: skip
        assert load_vehicle(f"mitsubishi/{name}").repairs == ()
