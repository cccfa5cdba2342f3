"""What is wrong with a ``control.yaml`` is said at once, each with its line, and with what would be right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from commonwheel.catalog import Catalog, load_catalog
from commonwheel.control.description import load_control
from commonwheel.errors import CommonwheelError
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.compiler import compile_vehicle
from tests.control.bench import CONTROL, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """The tiny car."""
    return Bench(tmp_path)


def _line(text: str) -> int:
    return CONTROL[: CONTROL.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format: 1", "format: 2", "format 2 is not known; this version reads format 1"),
        ("speed: Vehicle.Speed", "sped: Vehicle.Speed", "'sped' is not known in how a car acts (did you mean"),
        ("speed: Vehicle.Speed", "speed: Vehicle.Sped", "does not give 'Vehicle.Sped' (did you mean 'Vehicle.Speed'?)"),
        ("late_loop: 50 ms", "late_loop: 50", "'late_loop' of how a car acts needs its unit, such as '30 s', not 50"),
        ("late_loop: 50 ms\n", "", "'late_loop' is missing"),
        ("wheelbase: 2700 mm", "wheelbase: 2700 kg", "'kg' is no unit for it"),
        ("steering_ratio: 15", "steering_ratio: -15", "is at least 1e-09"),
        ("axes: [lateral]", "axes: [sideways]", "there is no axis 'sideways'"),
        ("stale: release", "stale: relase", "is one of release, fault, not 'relase' (did you mean 'release'?)"),
        ("stale: release\n", "\n", "needs 'stale'"),
        ("frozen: {none: it may stay}", "frozen: {none: ''}", "needs the reason"),
        ("low: 0 km/h", "low: 300 km/h", "'low' is not below 'high'"),
        ("is: true", "is: yes", "is true or false, not 'yes'"),
        ("is: DRIVE", "is: DRVE", "not 'DRVE' (did you mean 'DRIVE'?)"),
        ("is: false, for", "for", "says 'is', or 'at_least', 'at_most' or both of them"),
        ("at_least: 5 m/s", "at_least: 200 km/h", "can never hold: 'at_least' is above 'at_most'"),
        ("AccelerationTarget: it has no such thing", "AccelerationTarget: ''", "needs a reason"),
        ("AccelerationTarget: it has", "AccelerationTarge: it has", "(did you mean 'Vehicle.MotionManagement."),
        ("Vehicle.MotionManagement.AccelerationTarget: it", "Vehicle.Speed: it", "is neither an actuator of"),
        ("ending: cut", "ending: gentle", "is one of ramp, cut, not 'gentle'"),
        ("ending: cut", "ending: {none: why not}", "is one of ramp, cut, not 'a mapping'"),
        ("engage: [fast enough]", "engage: [fast]", "there is no condition 'fast'"),
        ("consent: cruise is on", "consent: [cruise is on, drive]", "has one consent"),
        ("    consent_most: 10 s\n", "", "needs 'consent_most'"),
        ("consent_most: 10 s", "consent_most: {none: why not}", "its consent lapses at some time"),
        ("unit: degrees", "unit: wobbles", "'wobbles' is no unit that is known here"),
        ("rate_up: 50 deg/s", "rate_up: 50 km/h", "'km/h' is no unit for it"),
        ("rate_up: 50 deg/s", "rate_up: 0 deg/s", "is at least 1e-09"),
        ("{0 m/s: 300 deg, 36 km/h: 100 deg}", "{10 m/s: 300 deg, 1 km/h: 100 deg}", "rise; 1 km/h does not"),
        ("{0 m/s: 300 deg, 36 km/h: 100 deg}", "-200 deg", "'low' is above 'high'"),
        ("release_rate: 300 deg/s", "release_rate: 100 deg/s", "a release of 'angle' takes 3 s"),
        ("source: a test\n  command", "source: ''\n  command", "is empty"),
        ("manner: direct", "manner: drect", "there is no manner 'drect' (did you mean 'direct'?)"),
        ("      lag_s: 150 ms\n", "", "needs 'lag_s'"),
        ("lag_s: 150 ms", "lag_s: 150 ms\n      leg: 1", "'leg' is not known"),
        ("trim_limit: 2", "trim_limit: two", "is a quantity"),
        ("      command: command", "      command: comand", "'comand' is neither a signal nor an envelope"),
        ("AngleTarget: angle}", "AngelTarget: angle}", "is not in the standard (did you mean"),
        ("AngleTarget: angle}", "AngleTarget: command}", "is in degrees, envelope 'command' in deg"),
        ("AngleTarget: angle}", "AngleTarget: angl}", "which is no envelope (did you mean 'angle'?)"),
        ("evidence: assumed (a test)", "evidence: sure", "is 'verified (on what)'"),
        ("car/Steer:", "car/Stear:", "has no message 'car/Stear' (did you mean 'car/Steer'?)"),
        ("adapter: steering", "adapter: stering", "there is no adapter 'stering'"),
        ("stock: blocked", "stock: gone", "is one of blocked, mixed, replaced, none, not 'gone'"),
        ("least_period: 5 ms", "least_period: 20 ms", "'least_period' is longer than 'period'"),
        ("most: 12", "most: 5", "'burst' has no room for a frame in each 'period'"),
        ("Constant: {always: 0x80}", "Constnt: {always: 0x80}", "has no field 'Constnt' (did you mean 'Constant'?)"),
        ("      Constant: {always: 0x80}\n", "", "does not say what 'Constant' may hold"),
        ("Constant: {always: 0x80}", "Constant: {always: 256}", "is from 0 to 255, the raw values of 8 bits"),
        ("Constant: {always: 0x80}", "Constant: {always: 1, held: why}", "is one of {carries: envelope}"),
        ("Active: {idle: 0, acting: 1}", "Active: {acting: 1}", "is one of {carries: envelope}"),
        ("Angle: {carries: command}", "Angle: {carries: comand}", "which is no envelope (did you mean 'command'?)"),
        ('Icon: {held: ["Off", "On", 2]}', "Icon: {held: [2]}", "is 1 where the car's own"),
        ("ModeLow: {idle: 0, acting: 1}", "Mode: {always: 0}", "'Mode' and 'ModeHigh' share bits"),
        ("Display: {held", "Counter: {always: 0}\n      Display: {held", "'Counter' is the counter of 'Steer'"),
        ("manual: null", "manul: null", "'manul' is no variant of this car"),
    ],
)  # fmt: skip
def test_a_fault_says_what_is_wrong_and_what_would_be_right(bench: Bench, old: str, new: str, said: str) -> None:
    if "manul" in new:
        bench.write(CONTROL.replace(old, new))
        with pytest.raises(CommonwheelError, match=said):
            bench.load(CONTROL.replace(old, new))
        return
    found = bench.faults((old, new))
    assert any(said in fault for fault in found), found


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([("low: -300 deg\n    high: 300 deg", "low: -4000 deg\n    high: 300 deg")], "narrow the envelope"),
        ([("{measured: Vehicle.Chassis.SteeringWheel.Angle, scale: 1, tolerance: 0.1 deg, centre: 0 deg}", "0.05 deg")],
         "cannot hold the neutral value of 'command' exactly"),
        ([("consent: cruise is on\n    consent_most: 10 s", "consent: {none: no}\n    consent_most: {none: no}")],
         "axis 'lateral' moves the car; 'consent' names"),
        ([("keep: [no brake, drive]", "keep: [drive]")], "no act of the driver ends it at once"),
        ([("release: 1.5 s", "release: 0.9 s")], "longer than 'release' of axis 'lateral' (0.9 s)"),
        ([("neutral: 0 deg", "neutral: 500 deg")], "the neutral value of 'angle' is outside of 'high'"),
        ([("Angle: {carries: command}", "Angle: {always: 0}")], "commands 'command', which none of its frames carries"),
        ([("Angle: {carries: command}", "Angle: {carries: angle}")],
         "carries 'angle', which adapter 'steering' does not command"),
        ([("AngleTarget: angle}", "AngleTarget: {none: the command's own}}")], "envelope 'angle' limits nothing"),
        ([("geometry: {wheelbase: 2700 mm, steering_ratio: 15, understeer: 0.002 s^2/m, source: a test}",
           "geometry: {none: not known}")], "that needs 'geometry'"),
        ([("steering: Vehicle.Chassis.SteeringWheel.Angle\n", "steering: {none: not known}\n")],
         "'measured_lateral' needs 'steering'"),
        ([("AccelerationTarget: it has no such thing", "Steering.SteeringWheel.AngleTarget: no")],
         "is served, and 'cannot' says that it is not"),
        ([("speed: Vehicle.Speed", "speed: Vehicle.Powertrain.Transmission.SelectedGear")],
         "'speed' is 'Vehicle.Powertrain.Transmission.SelectedGear', which is not among 'inputs'"),
        ([("{signal: Vehicle.Chassis.Brake.IsPressed, is: false",
           "{signal: Vehicle.Cabin.Door.Row1.DriverSide.IsOpen, is: false")],
         "relies on 'Vehicle.Cabin.Door.Row1.DriverSide.IsOpen', which is not among 'inputs'"),
    ],
)  # fmt: skip
def test_what_contradicts_each_other_is_found(bench: Bench, changes: list[tuple[str, str]], said: str) -> None:
    found = bench.faults(*changes)
    assert any(said in fault for fault in found), found


def test_every_fault_is_told_at_once_with_its_line(bench: Bench) -> None:
    found = bench.faults(
        ("late_loop: 50 ms", "late_loop: soon"),
        ("rate_up: 50 deg/s", "rate_up: fast"),
        ("lag_s: 150 ms", "lag_s: 150 kg"),
        ("Constant: {always: 0x80}", "Constant: {always: 256}"),
    )
    lines = [int(fault.partition(":")[0]) for fault in found]
    assert lines == [_line(text) for text in ("late_loop", "rate_up: 50", "lag_s", "Constant: {")]


def test_a_file_that_is_no_yaml_says_where(bench: Bench) -> None:
    path = bench.write("format: [1\n")
    with pytest.raises(CommonwheelError, match=f"{path}:2: not YAML"):
        bench.load("format: [1\n")


def test_a_file_that_cannot_be_read_says_so(bench: Bench) -> None:
    from commonwheel.control.description import load_control_file

    with pytest.raises(CommonwheelError, match="cannot be read"):
        load_control_file(bench.folder / "none.yaml", bench.vehicle())


def test_a_car_in_other_units_than_the_standards_is_not_made_to_act(bench: Bench) -> None:
    """The guard takes the speed for km/h: in m/s a car would be thought to be slower than it is."""
    bench.write(CONTROL)
    whole = load_catalog()
    leaves = dict(whole.leaves) | {"Vehicle.Speed": replace(whole.leaves["Vehicle.Speed"], unit="m/s")}
    other = Catalog(leaves, whole.branches, "one in m/s")
    folders = (bench.folder.parents[1],)
    vehicle, _ = compile_vehicle("acme/bench", other, folders=folders)
    with pytest.raises(CommonwheelError, match=r"'Vehicle\.Speed' is counted in 'm/s' by the catalog of acme/bench"):
        load_control(vehicle, folders=folders)


def test_what_a_manner_works_in_is_limited_itself(bench: Bench) -> None:
    """Limits of taps say nothing of the speed that they lead to."""
    begin, end = CONTROL.index("manner: direct"), CONTROL.index("    proven:")
    buttons = "step_kmh: 1 km/h, low_kmh: 30 km/h, high_kmh: 144 km/h, tap_s: 0.1 s, gap_s: 0.1 s, answer_s: 0.3 s"
    new = (
        "manner: buttons\n    serves: {Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget: angle}\n"
        "    parameters: {increase: command, decrease: command, none: command, set_speed: Vehicle.Speed, "
        f"{buttons}, deadband_kmh: 0.6 km/h, acceleration_gain: 0.4 1/s}}\n"
    )
    found = bench.faults((CONTROL[begin:end], new))
    said = "adapter 'steering' works in 'Vehicle.MotionManagement.SpeedTarget', which nothing limits"
    assert any(said in fault for fault in found), found


def test_a_table_that_a_manner_needs_cannot_be_none(tmp_path: Path) -> None:
    """What would only show when the car is driven is said when the file is read."""
    (tmp_path / "vehicle.yaml").write_text(
        "format: 1\nvehicle: a/car\nsold_as: [{brand: A, model: Car, years: 2024}]\nextends: honda/civic_gen10_bosch\n"
    )
    (tmp_path / "control.yaml").write_text(
        "format: 1\nadapters:\n"
        "  acceleration: {parameters: {gas_table: {none: there is none}}}\n"
        "  torque: {parameters: {integral: {none: there is none}}}\n"
    )
    with pytest.raises(CommonwheelError) as caught:
        load_control(load_vehicle(str(tmp_path)), str(tmp_path))
    told = str(caught.value)
    assert ":3: 'gas_table'" in told
    assert "cannot be none; 'gas' is made of it" in told
    assert ":4: 'integral'" in told
    assert "cannot be none; it is always needed" in told
