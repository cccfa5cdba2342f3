"""What agrees with what: speeds, wheels, steering, power, distances; and raw fields that no signal stands on.

A value can lie in its range and still be the wrong one; a relation between two of them cannot hold by
chance. The expected numbers were computed on the same recordings without this project.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from commonwheel.wire.codec import Columns
from tests.real.recordings import Decoded, Load, changes

pytestmark = pytest.mark.real

Numbers = npt.NDArray[np.float64]
BATTERY, MOTOR = "Powertrain.TractionBattery", "Powertrain.ElectricMotor"
WHEEL = "Chassis.Axle.Row{}.Wheel.{}.Speed"


def _r(a: Numbers, b: Numbers) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def _slope(x: Numbers, y: Numbers) -> float:
    """Slope of the line through zero."""
    return float(x @ y / (x @ x))


def _at(columns: Columns, t_ns: npt.NDArray[np.int64]) -> Numbers:
    return np.interp(t_ns, columns.t_ns, columns.value)


def _held(columns: Columns, t_ns: npt.NDArray[np.int64]) -> Numbers:
    """Return the values held at other times; before the first, the first."""
    return columns.value[np.clip(np.searchsorted(columns.t_ns, t_ns, side="right") - 1, 0, None)]


def _distance_m(car: Decoded, path: str = "Speed") -> float:
    speed = car.good(path)
    return float(((speed.value[1:] + speed.value[:-1]) / 2 / 3.6 * np.diff(speed.t_ns) / 1e9).sum())


def _pairs(
    car: Decoded, first: str, second: str, most_ns: int = 5_000_000
) -> tuple[Numbers, Numbers, npt.NDArray[np.int64]]:
    """Return values of two paths that came within *most_ns* of one another."""
    a, b = car.good(first), car.good(second)
    at = np.clip(np.searchsorted(b.t_ns, a.t_ns), 1, len(b) - 1)
    at -= np.abs(b.t_ns[at - 1] - a.t_ns) <= np.abs(b.t_ns[at] - a.t_ns)
    near = np.abs(b.t_ns[at] - a.t_ns) <= most_ns
    return a.value[near], b.value[at[near]], a.t_ns[near]


# Honda Civic of 2006


def test_the_speed_of_the_civic_is_that_of_its_front_wheels(load: Load) -> None:
    car = load("vsslog")
    speed = car.good("Speed")
    front = (car.held(WHEEL.format(1, "Left"), speed.t_ns) + car.held(WHEEL.format(1, "Right"), speed.t_ns)) / 2
    fast = front > 20
    ratio = speed.value[fast] / front[fast]
    assert int(fast.sum()) == 1771
    assert (ratio.mean(), ratio.std()) == pytest.approx((1.0220, 0.0066), abs=5e-5)
    assert _r(speed.value[fast], front[fast]) > 0.9998


def test_the_second_speed_of_the_civic_is_the_first(load: Load) -> None:
    car = load("vsslog")
    second = car.field("fcan/SpeedCopy.VehicleSpeed")
    first = _at(car.field("fcan/EngineData.VehicleSpeed"), second.t_ns)
    fast = first > 20
    assert _slope(first[fast], second.value[fast]) == pytest.approx(0.9997, abs=5e-4)
    assert _r(first, second.value) > 0.9999
    copy = car.field("fcan/EngineData.VehicleSpeedCopy").value - car.field("fcan/EngineData.VehicleSpeed").value
    assert np.abs(copy).max() < 0.011  # one step, in one frame
    assert int((copy != 0).sum()) == 1


def test_the_civic_counts_the_way_it_drove(load: Load) -> None:
    car = load("vsslog")
    ticks = np.diff(car.field("fcan/EngineData.TripTick").value) % 2560
    assert ticks.sum() == 430
    assert _distance_m(car) == pytest.approx(431.3, abs=1)


def test_both_engine_speeds_of_the_civic_agree(load: Load) -> None:
    for log, largest in (("vsslog", 18), ("revlog", 34), ("turnwheel", 0)):
        second = load(log).field("fcan/EngineSpeedCopy.EngineSpeed")
        first = load(log).field("fcan/Powertrain.EngineSpeed")
        difference = second.value - _held(first, second.t_ns)
        assert -0.025 < difference.mean() < 0.06
        assert np.abs(difference).max() == largest


def test_the_accelerator_flag_follows_the_pedal(load: Load) -> None:
    """0..11 with the flag at 0, 14..179 with it at 1."""
    for log, high in (("vsslog", 101), ("revlog", 179), ("turnwheel", 0)):
        car = load(log)
        pedal = car.field("fcan/Accelerator.Position")
        assert (pedal.value.min(), pedal.value.max()) == (0, high)
        flags = car.good("Chassis.Accelerator.IsPressed").value  # one frame of each after the other
        pressed, position = flags == 1, pedal.value[: len(flags)]
        assert position[~pressed].max() <= 11
        assert position[pressed].min(initial=255) >= 14


def test_raw_fields_of_the_civic_that_no_signal_stands_on(load: Load) -> None:
    for log, low_high in (("vsslog", (0, 16)), ("revlog", (0, 34)), ("turnwheel", (0, 402)), ("noecu", (0, 0))):
        torque = load(log).field("fcan/SteeringMotor.MotorTorque").value
        assert (torque.min(), torque.max()) == low_high
        assert not load(log).of_id(0x1A4).data[:, :2].any()
        assert set(load(log).field("fcan/CarSpeed.ImperialUnit").value.tolist()) == {1}
    vsslog = load("vsslog")
    assert set(np.diff(vsslog.field("fcan/EngineStatus.FuelCounter").value).tolist()) == {20}  # a timer, not fuel
    assert not vsslog.of_id(0x158).data[:, 2:4].any()  # no engine speed there
    whole = vsslog.field("fcan/CarSpeed.WholeSpeed").value
    assert (whole.min(), whole.max()) == (0, 77)
    switch, pressed = (vsslog.field(f"fcan/Powertrain.{name}").value for name in ("BrakeSwitch", "BrakePressed"))
    assert (switch == pressed).mean() == pytest.approx(0.804, abs=5e-4)
    stopped = load("revlog").of_id(0x17C)
    rpm = load("revlog").field("fcan/Powertrain.EngineSpeed").value
    assert ((stopped.data[:, 4] >> 4 & 1)[rpm == 0] == 1).all()


# Honda Civic Type R


def test_the_speeds_of_the_type_r_agree(load: Load) -> None:
    car = load("type_r")
    shown = car.good("DisplayedSpeed")
    speed = car.held("Speed", shown.t_ns)
    fast = speed > 5
    assert (shown.value[fast] / speed[fast]).mean() == pytest.approx(1.004, abs=0.005)
    wheels = car.good(WHEEL.format(1, "Left"))
    front = (wheels.value + car.good(WHEEL.format(1, "Right")).value) / 2
    moving = front > 5
    ratio = car.held("Speed", wheels.t_ns)[moving] / front[moving]
    assert ratio.mean() == pytest.approx(0.9834, abs=0.002)
    peak = car.good("Speed")
    assert car.seconds(peak)[peak.value == peak.value.max()][-1] == pytest.approx(62.52, abs=0.005)


def test_the_steering_of_the_type_r_is_that_of_its_wheels(load: Load) -> None:
    car = load("type_r")
    wheels = car.good(WHEEL.format(1, "Left"))
    left, right = wheels.value, car.good(WHEEL.format(1, "Right")).value
    angle = car.held("Chassis.SteeringWheel.Angle", wheels.t_ns)
    moving = left + right > 10
    assert _r((left - right)[moving] / (left + right)[moving], angle[moving]) == pytest.approx(-0.979, abs=0.003)
    rate, angles = car.good("Chassis.SteeringWheel.AngularSpeed"), car.good("Chassis.SteeringWheel.Angle")
    span = 3  # frames either way; stamps jitter, so a single step is noise
    seconds = (angles.t_ns[2 * span :] - angles.t_ns[: -2 * span]) / 1e9
    whole = (seconds > 0.045) & (seconds < 0.075)  # no gap within
    slope = (angles.value[2 * span :] - angles.value[: -2 * span])[whole] / seconds[whole]
    assert _r(slope, rate.value[span:-span][whole]) == pytest.approx(0.973, abs=1e-3)
    assert np.polyfit(rate.value[span:-span][whole], slope, 1)[0] == pytest.approx(1.03, abs=0.005)


def test_raw_fields_of_the_type_r_that_no_signal_stands_on(load: Load) -> None:
    car = load("type_r")
    angle, copy = (car.field(f"fcan/SteeringSensors.{name}").value for name in ("Angle", "AngleCopy"))
    assert ((copy - angle).min(), (copy - angle).max()) == pytest.approx((-1.5, 1.4), abs=0.11)
    brake = car.field("fcan/BrakeStatus.UserBrake")
    assert (brake.value.min(), brake.value.max()) == pytest.approx((-0.016, 6.469), abs=1e-3)
    switch = _at(car.field("fcan/Powertrain.BrakeSwitch"), brake.t_ns)
    assert brake.value[switch == 0].mean() == pytest.approx(0.016, abs=0.01)
    assert brake.value[switch == 1].mean() == pytest.approx(0.808, abs=0.02)
    fuel = car.field("fcan/EngineStatus.FuelCounter").value
    assert (fuel.min(), fuel.max(), (np.diff(fuel) >= 0).all()) == (0, 346, True)
    assert (np.diff(car.field("fcan/EngineData.TripTick").value) % 2560).sum() == 30
    assert set(car.field("fcan/Standstill.WheelsMoving").value.tolist()) == {0}
    assert set(car.field("fcan/SeatBelts.DriverUnlatched").value.tolist()) == {1}
    assert set(car.field("fcan/CarSpeed.ImperialUnit").value.tolist()) == {1}
    assert not car.of_id(0x1EA).data[:, :4].any()
    rough = car.field("fcan/RoughWheelSpeeds.FrontLeft")
    assert _r(rough.value, _at(car.field("fcan/WheelSpeeds.FrontLeft"), rough.t_ns)) > 0.99
    assert (_at(car.field("fcan/WheelSpeeds.FrontLeft"), rough.t_ns) - rough.value).mean() == pytest.approx(
        0.5, abs=0.2
    )


# Nissan Leaf of 2011


@pytest.mark.parametrize(("log", "r"), [("circle", 0.9984), ("forward", 0.9977)])
def test_the_torque_of_the_leaf_follows_its_request(load: Load, log: str, r: float) -> None:
    torque = load(log).good(f"{MOTOR}.Torque")
    assert _r(torque.value, load(log).held(f"{MOTOR}.TorqueTarget", torque.t_ns)) == pytest.approx(r, abs=1e-4)


def test_the_leaf_turned_left_or_right_and_drove_as_far_as_the_file_names_say(load: Load) -> None:
    circle, forward = load("circle"), load("forward")
    first, second = (_distance_m(circle, WHEEL.format(1, side)) for side in ("Right", "Left"))
    assert second / first == pytest.approx(1.053, abs=2e-3)
    assert (first + second) / 2 == pytest.approx(191.9, abs=1)
    both = [_distance_m(forward, WHEEL.format(1, side)) for side in ("Right", "Left")]
    assert np.mean(both) == pytest.approx(8.48, abs=0.1)


def test_the_leaf_counts_its_wheels_against_its_speed(load: Load) -> None:
    """0.4788 of the raw counts in hundredths of a km/h: 0.004788 km/h for each."""
    raw = load("circle").of_id(0x284).data.astype(float)
    counts = (raw[:, 0] * 256 + raw[:, 1] + raw[:, 2] * 256 + raw[:, 3]) / 2
    speed = raw[:, 4] * 256 + raw[:, 5]
    fast = speed > 300
    ratio = speed[fast] / counts[fast]
    assert (ratio.mean(), ratio.std()) == pytest.approx((0.4788, 0.0003), abs=2e-4)
    assert (counts.max() * 2 <= 4841 + 4736, raw[:, 0].max() * 256 <= 4841) == (True, True)


def test_both_switches_of_the_brake_pedal_close_five_times(load: Load) -> None:
    for name in ("BrakeSwitchA", "BrakeSwitchB"):
        assert changes(load("brake").field(f"ev/DriveCommand.{name}").value) == [0, 1] * 5 + [0]


def test_the_sentinels_of_the_leaf_are_where_they_were_counted(load: Load) -> None:
    for log in ("circle", "forward"):
        leaf = load(log)
        speed = leaf.of_id(0x1DA).data.astype(int)
        word = speed[:, 4] * 256 + speed[:, 5]
        assert (int((word == 0x7FFF).sum()), int((word == 0x7FFE).sum())) == (22, 4)
        assert int((leaf.field("ev/BatteryPower.Voltage").value == 511.5).sum()) == 4
        assert int((leaf.of_id(0x54C).data[:, 6] == 0xFF).sum()) == 27


# Mitsubishi Outlander PHEV


def test_dc_link_and_pack_are_at_one_voltage(load: Load) -> None:
    """On the drive and, once the contactors are closed, after power-on."""
    units = ("MotionManagement.ElectricAxle.Row1", "MotionManagement.ElectricAxle.Row2", "Powertrain.Generator")
    for unit in units:
        link, pack, _ = _pairs(load("phev_drive"), f"{unit}.Inverter.Voltage", f"{BATTERY}.CurrentVoltage", 50_000_000)
        on = link > 250  # some 30 frames at the start, before the link is charged
        assert abs((link - pack)[on].mean()) < 1.7
        assert 0.98 < _r(link[on], pack[on]) < 1
        start = load("phev_start")
        link, pack, t_ns = _pairs(start, f"{unit}.Inverter.Voltage", f"{BATTERY}.CurrentVoltage", 10_000_000)
        late = t_ns / 1e9 + 239.1648 > 242
        assert np.abs((link - pack)[late]).max() < 1.15


def test_the_dc_link_is_charged_in_little_over_a_second(load: Load) -> None:
    start = load("phev_start")
    link = start.good("MotionManagement.ElectricAxle.Row1.Inverter.Voltage")
    seconds = start.seconds(link) + 239.1648
    assert set(link.value[seconds < 240.33].tolist()) == {0, 1}
    assert seconds[link.value >= 316][0] == pytest.approx(241.28, abs=0.005)


def test_torques_of_the_outlander_follow_their_requests(load: Load) -> None:
    for row in (1, 2):
        axle = f"MotionManagement.ElectricAxle.Row{row}"
        torque, target, _ = _pairs(load("phev_drive"), f"{axle}.Torque", f"{axle}.TorqueTarget", 50_000_000)
        assert _r(torque, target) > 0.986
        crossed = f"MotionManagement.ElectricAxle.Row{3 - row}.TorqueTarget"
        torque, other, _ = _pairs(load("phev_drive"), f"{axle}.Torque", crossed, 50_000_000)
        assert _r(torque, other) < 0.97  # each has its own


def test_the_pack_of_the_outlander_gives_way_under_load(load: Load) -> None:
    """Positive current charges, so the voltage rises with it: 0.095 ohm."""
    volts, amps = (load("phev_drive").good(f"{BATTERY}.Current{name}").value for name in ("Voltage", "Current"))
    assert np.polyfit(amps, volts, 1)[0] == pytest.approx(0.095, abs=0.003)
    assert _r(amps, volts) == pytest.approx(0.88, abs=0.01)


def test_gateway_copies_say_the_same_on_both_buses(load: Load) -> None:
    start = load("phev_start")
    pairs = {
        can_id for can_id in set(start.frames.id.tolist()) if len(set(start.frames.bus[start.frames.id == can_id])) == 2
    }
    assert {0x154, 0x185, 0x188, 0x207, 0x388, 0x424, 0x6FA} <= pairs
    first, second = (start.of_id(0x154, bus).data[:, 5:8] for bus in (0, 1))
    assert set(map(tuple, first.tolist())) == set(map(tuple, second.tolist()))  # the odometer
    copy = start.field("main/BatteryCopy.Voltage")
    own = start.field("ev/BatteryPower.Voltage")
    at = np.searchsorted(own.t_ns, copy.t_ns, side="right") - 1
    there = (at >= 0) & (copy.value < 6000)  # FFFF at first
    assert int(there.sum()) == pytest.approx(56, abs=2)
    assert (np.abs(copy.value[there] - own.value[at[there]]) < 0.11).mean() > 0.95
    for name in ("Maximum", "Minimum"):
        first, second = (
            start.field(f"{where}.Temperature{name}").value for where in ("main/BatteryCopy", "ev/BatteryCharge")
        )
        assert changes(first) == changes(second)[: len(changes(first))]


# Mitsubishi i-MiEV


def test_the_cells_of_the_imiev_add_up_to_the_pack(load: Load) -> None:
    imiev = load("imiev")
    cells = [imiev.good(path.removeprefix("Vehicle.")).value for path in imiev.samples.paths
             if ".Module.M" in path and path.endswith(".Voltage")]  # fmt: skip
    assert len(cells) == 88
    assert (min(c.min() for c in cells), max(c.max() for c in cells)) == pytest.approx((4.065, 4.075), abs=1e-3)
    assert sum(c.mean() for c in cells) == pytest.approx(358.235, abs=0.1)


def test_the_imiev_stands_with_the_brake_released(load: Load) -> None:
    data = load("imiev").of_id(0x208).data.astype(int)
    assert set((data[:, 2] * 256 + data[:, 3]).tolist()) == {0x6000}
    meter = load("imiev").of_id(0x412).data
    assert set(meter[:, 0].tolist()) == {0xFE}


# Mitsubishi Lancer Ralliart


def test_the_wheels_of_the_ralliart_turn_with_its_speed(load: Load) -> None:
    drive = load("drive")
    speed = drive.field("main/VehicleSpeed.Speed")
    fields = ("WheelsFront.SpeedLeft", "WheelsFront.SpeedRight", "WheelsRear.SpeedLeft", "WheelsRear.SpeedRight")
    counts = np.mean([_at(drive.field(f"main/{name}"), speed.t_ns) for name in fields], axis=0) * 2  # of half an rpm
    moving = speed.value > 3
    assert int(moving.sum()) == 922
    assert (counts[moving] / speed.value[moving]).mean() == pytest.approx(16.310, abs=0.05)
    assert _r(counts[moving], speed.value[moving]) == pytest.approx(0.9978, abs=1e-3)
    mean = drive.field("main/WheelsFront.SpeedMean")
    four = np.mean([_at(drive.field(f"main/{name}"), mean.t_ns) for name in fields], axis=0)
    assert ((mean.value - four) * 2).mean() == pytest.approx(-0.4, abs=0.15)  # no fifth wheel


def test_the_ralliart_drove_sixty_three_metres(load: Load) -> None:
    assert _distance_m(load("drive")) == pytest.approx(63.0, abs=0.2)


def test_lever_and_selector_of_the_ralliart_tell_the_same_story(load: Load) -> None:
    lever = load("reverse").field("main/ShiftLever.Position").value
    assert changes(lever) == [5, 6, 7, 13, 8, 7, 12, 6, 11, 5, 11, 5]  # above 10: between two places
    selector = load("reverse").field("main/Selector.Position").value
    assert changes(selector) == [0x81, ord("N"), ord("R"), ord("P"), ord("R"), ord("N"), 0x81]
    gear = load("reverse").field("main/Gearbox.ActualGear").value
    assert changes(gear) == [1, 0, 11, 0, 2, 1]
    speed = load("reverse").field("main/VehicleSpeed.Speed")
    moving = speed.t_ns[speed.value > 0]
    actual = load("reverse").field("main/Gearbox.ActualGear")
    held = actual.value[np.clip(np.searchsorted(actual.t_ns, moving, side="right") - 1, 0, None)]
    assert set(held.tolist()) <= {0, 1, 2, 11}
    assert (held != 0).mean() > 0.8
