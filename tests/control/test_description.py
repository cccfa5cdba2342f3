"""What a ``control.yaml`` becomes: adapters for controllers, an envelope for the guard."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.control.capabilities import why_not
from commonwheel.control.description import load_cannot, load_control, load_control_file
from commonwheel.control.manners import Direct
from commonwheel.control.model import Proven
from commonwheel.guard import Guard, Measured, Without
from commonwheel.guard.envelope import Curve, Ending, FieldKind, Geometry, OnBad, Stock, Tracking
from tests.control.bench import CONTROL, Bench

_ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
_SHOWN = "Vehicle.Chassis.SteeringWheel.Angle"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """The tiny car."""
    return Bench(tmp_path)


def test_the_guard_takes_what_was_loaded(bench: Bench) -> None:
    assert Guard(bench.control().envelope).state("lateral").value == "off"


def test_quantities_are_in_the_units_that_the_guard_counts_in(bench: Bench) -> None:
    envelope = bench.control().envelope
    speed = envelope.inputs[0]
    assert (speed.low, speed.high, speed.max_age_ns) == (0, pytest.approx(252), 100_000_000)
    assert envelope.geometry == Geometry(2.7, 15, 0.002)
    assert (envelope.late_ns, envelope.armed_ns) == (50_000_000, 600_000_000_000)
    angle = envelope.envelopes[0]
    assert angle.low == Curve(((0.0, -300.0), (10.0, -100.0)))
    assert angle.tracking == Tracking(_SHOWN, 1, 10, 1_000_000_000)


def test_a_limit_that_there_is_none_of_keeps_its_reason(bench: Bench) -> None:
    command = bench.control().envelope.envelopes[1]
    assert command.rate_down == Without("back is always good")
    assert command.window_change == Without("the rates say it")
    assert command.neutral == Measured(_SHOWN, 1, 0.1, 0)


def test_conditions_are_named_by_what_they_mean(bench: Bench) -> None:
    (axis,) = bench.control().envelope.axes
    assert not isinstance(axis.consent, Without)
    assert (axis.consent.text, axis.consent.low, axis.consent.high) == ("cruise is on", 1, 1)
    assert [(each.text, each.for_ns, each.ending) for each in axis.keep] == [
        ("no brake", 20_000_000, Ending.CUT),
        ("drive", 0, Ending.RAMP),
    ]
    (fast,) = axis.engage
    assert (fast.low, fast.high) == (pytest.approx(18), pytest.approx(180))


def test_a_label_becomes_its_code(bench: Bench) -> None:
    vehicle = bench.vehicle()
    labels = vehicle.signals[vehicle.numbers["Vehicle.Powertrain.Transmission.ShiftLeverPosition"]].labels
    drive = next(each for each in bench.control().envelope.axes[0].keep if each.text == "drive")
    assert drive.low == drive.high == labels.index("DRIVE")


def test_what_happens_on_bad_quality_is_stated_one_by_one(bench: Bench) -> None:
    speed = bench.control().envelope.inputs[0]
    assert (speed.stale, speed.invalid, speed.corrupt, speed.missing) == (
        OnBad.RELEASE, OnBad.RELEASE, OnBad.FAULT, OnBad.FAULT,
    )  # fmt: skip


def test_the_parameters_of_a_manner_come_with_their_units(bench: Bench) -> None:
    (adapter,) = bench.control().adapters
    assert adapter.manner == Direct("command", 1, 0, _SHOWN, 0.2, 2, 0.15)
    assert adapter.serves == {_ANGLE: "angle"}
    assert adapter.proven == {_ANGLE: Proven(_SHOWN, 1, 1_000_000_000)}
    assert adapter.delay_ns == 100_000_000


def test_a_frame_is_stated_once_and_serves_guard_and_controller(bench: Bench) -> None:
    control = bench.control()
    (rule,), (carrier,) = control.envelope.frames, control.adapters[0].carriers
    kinds = {each.name: each.kind for each in rule.fields}
    assert kinds == {
        "Angle": FieldKind.LIMITED,
        "Active": FieldKind.ACTIVE,
        "ModeLow": FieldKind.ACTIVE,
        "ModeHigh": FieldKind.FIXED,
        "Constant": FieldKind.FIXED,
        "Display": FieldKind.HELD,
        "Icon": FieldKind.FIXED,
        "Counter": FieldKind.COUNTER,
        "Sum": FieldKind.CHECKSUM,
    }
    assert (rule.stock, rule.can_id, rule.size) == (Stock.BLOCKED, 0x200, 8)
    assert carrier.fields == {"Angle": "command"}
    assert carrier.active == {"Active": (0, 1), "ModeLow": (0, 1)}
    assert carrier.held == ("Display", "Icon")
    assert carrier.constant == {"ModeHigh": 0, "Constant": 0x80}


def test_layouts_are_those_of_the_database(bench: Bench) -> None:
    (rule,) = bench.control().envelope.frames
    angle = next(each for each in rule.fields if each.name == "Angle")
    assert (angle.start, angle.length, angle.big_endian, angle.signed, angle.factor) == (7, 16, True, True, -0.1)
    icon = next(each for each in rule.fields if each.name == "Icon")
    assert icon.allowed == {0, 1, 2}


def test_a_variant_states_what_differs(bench: Bench) -> None:
    plain, wide = (bench.control(variant=name).envelope.envelopes[0] for name in ("", "wide"))
    assert (plain.rate_up, wide.rate_up) == (Curve(((0.0, 50.0),)), Curve(((0.0, 60.0),)))
    assert plain.rate_down == wide.rate_down


def test_a_variant_that_is_taken_away_cannot_act(bench: Bench) -> None:
    assert bench.load(CONTROL, "manual") is None


def test_a_car_without_a_file_cannot_act(bench: Bench) -> None:
    assert load_control(bench.vehicle(), folders=(bench.folder.parents[1],)) is None


def test_a_car_says_what_it_cannot_be_asked_for(bench: Bench) -> None:
    assert bench.control().cannot == {"Vehicle.MotionManagement.AccelerationTarget": "it has no such thing"}
    text = CONTROL.replace("MotionManagement.AccelerationTarget: it", "Powertrain.TractionBattery.Charging: it")
    assert bench.control(text).cannot == {"Vehicle.Powertrain.TractionBattery.Charging": "it has no such thing"}


def _child(bench: Bench, text: str) -> None:
    """Describe a car that extends the tiny one."""
    folder = bench.folder.parents[1] / "acme" / "child"
    folder.mkdir()
    (folder / "vehicle.yaml").write_text(
        "format: 1\nvehicle: acme/child\nextends: acme/bench\nsold_as: [{brand: Acme, model: Child}]\n"
    )
    bench.write(CONTROL)
    bench.write(text, car="child")


def test_a_child_overrides_its_parents_rows_key_by_key(bench: Bench) -> None:
    from commonwheel.vehicles.compiler import compile_vehicle

    _child(
        bench,
        """\
        format: 1
        armed_for: 5 min
        envelopes:
          angle: {rate_up: 40 deg/s, window: {none: another reason}}
        frames:
          car/Steer: {fields: {Constant: {always: 0x81}}}
        cannot:
          Vehicle.MotionManagement.AccelerationTarget: null
        """,
    )
    folders = (bench.folder.parents[1],)
    control = load_control(compile_vehicle("acme/child", folders=folders)[0], folders=folders)
    assert control is not None
    angle = control.envelope.envelopes[0]
    assert angle.rate_up == Curve(((0.0, 40.0),))
    assert angle.window_change == Without("another reason")
    assert angle.release_rate == 300
    assert control.envelope.armed_ns == 300_000_000_000
    assert control.adapters[0].carriers[0].constant == {"ModeHigh": 0, "Constant": 0x81}
    assert not control.cannot


def test_null_takes_a_parents_row_away(bench: Bench) -> None:
    from commonwheel.errors import DescriptionError
    from commonwheel.vehicles.compiler import compile_vehicle

    _child(bench, "format: 1\nenvelopes: {angle: null}\n")
    folders = (bench.folder.parents[1],)
    with pytest.raises(DescriptionError, match="limited by 'angle', which is no envelope"):
        load_control(compile_vehicle("acme/child", folders=folders)[0], folders=folders)


def test_a_car_that_states_nothing_itself_does_not_act_as_its_parent_does(bench: Bench) -> None:
    from commonwheel.vehicles.compiler import compile_vehicle

    _child(bench, "format: 1\n")
    (bench.folder.parents[1] / "acme" / "child" / "control.yaml").unlink()
    folders = (bench.folder.parents[1],)
    assert load_control(compile_vehicle("acme/child", folders=folders)[0], folders=folders) is None


def test_a_car_may_say_nothing_but_what_it_cannot_be_asked_for(bench: Bench) -> None:
    bench.write("format: 1\ncannot:\n  Vehicle.MotionManagement: it has no actuators\n")
    folders = (bench.folder.parents[1],)
    assert load_control(bench.vehicle(), folders=folders) is None
    assert load_cannot("acme/bench", folders) == {"Vehicle.MotionManagement": "it has no actuators"}


def test_a_car_that_does_not_act_leaves_out_what_its_parents_state(bench: Bench) -> None:
    from commonwheel.errors import DescriptionError
    from commonwheel.vehicles.compiler import compile_vehicle

    _child(bench, "format: 1\nacts: false\ncannot: {Vehicle.Cabin: no source}\n")
    folders = (bench.folder.parents[1],)
    vehicle = compile_vehicle("acme/child", folders=folders)[0]
    assert load_control(vehicle, folders=folders) is None
    assert load_cannot("acme/child", folders) == {"Vehicle.Cabin": "no source"}
    bench.write("format: 1\nacts: false\narmed_for: 5 min\n", car="child")
    with pytest.raises(DescriptionError, match="'armed_for' contradicts 'acts: false'"):
        load_control(vehicle, folders=folders)
    bench.write("format: 1\ncannot: 7\n", car="child")
    with pytest.raises(DescriptionError, match="cannot"):
        load_cannot("acme/child", folders)


def test_a_variant_may_say_why_it_does_not_act(bench: Bench) -> None:
    folders = (bench.folder.parents[1],)
    text = CONTROL.replace("  manual: null", "  manual: {acts: false, cannot: {Vehicle.MotionManagement: it is towed}}")
    assert bench.load(text, "manual") is None
    assert bench.load(text) is not None
    cannot = load_cannot("acme/bench:manual", folders)
    assert cannot["Vehicle.MotionManagement"] == "it is towed"
    assert load_cannot("acme/bench", folders).items() < cannot.items(), "what its car cannot it cannot either"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("Vehicle.Cabin.HVAC.IsAirConditioningActive", "of itself"),
        ("Vehicle.Cabin.HVAC.IsRecirculationActive", "of the smaller branch"),
        ("Vehicle.Cabin.Door.Row1.DriverSide.IsLocked", "of the larger branch"),
        ("Vehicle.CabinX", ""),
        ("Vehicle", ""),
    ],
)
def test_a_reason_of_the_path_goes_before_those_of_branches(path: str, why: str) -> None:
    cannot = {
        "Vehicle.Cabin": "of the larger branch",
        "Vehicle.Cabin.HVAC": "of the smaller branch",
        "Vehicle.Cabin.HVAC.IsAirConditioningActive": "of itself",
    }
    assert why_not(path, cannot) == why


def test_one_file_can_be_loaded_by_itself(bench: Bench) -> None:
    path = bench.write(CONTROL)
    control = load_control_file(path, bench.vehicle())
    assert (control.car, control.file) == ("acme/bench", str(path))
