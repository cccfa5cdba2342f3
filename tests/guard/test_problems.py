"""An envelope that contradicts itself is refused with all that is wrong with it, in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from commonwheel.errors import EnvelopeError
from commonwheel.guard import CarEnvelope, Guard
from commonwheel.guard.envelope import Curve, FieldKind, Geometry, Lateral, Measured, Tracking
from commonwheel.guard.problems import problems
from tests.guard.little import AXES, CAR, CRUISE, DRIVE, HUD, INPUTS, MS, NO, STEER, WARM, S, constant, one_of, with_one


def _car(**changes: object) -> CarEnvelope:
    return replace(CAR, **changes)  # type: ignore[arg-type]


def _input(**changes: object) -> CarEnvelope:
    return with_one(CAR, "inputs", "Pedal", **changes)


def _axis(**changes: object) -> CarEnvelope:
    return with_one(CAR, "axes", "longitudinal", **changes)


def _accel(**changes: object) -> CarEnvelope:
    return with_one(CAR, "envelopes", "accel", **changes)


def _angle(**changes: object) -> CarEnvelope:
    return with_one(CAR, "envelopes", "angle", **changes)


def _drive(**changes: object) -> CarEnvelope:
    return with_one(CAR, "frames", "car/Drive", **changes)


def _field(named: str, **changes: object) -> CarEnvelope:
    return with_one(CAR, "frames", "car/Drive", fields=one_of(DRIVE, named, **changes).fields)


def _measured(path: str = "Wheel", scale: float = 1.0, tolerance: float = 0.2, centre: float = 0.0) -> CarEnvelope:
    return _angle(neutral=Measured(path, scale, tolerance, centre))


def _tracked(path: str = "Accel", scale: float = 1.0, tolerance: float = 1.0, for_ns: int = 0) -> CarEnvelope:
    return _accel(tracking=Tracking(path, scale, tolerance, for_ns))


def _brief(release_ns: int) -> CarEnvelope:
    """Return a car whose steering is released in so short a time, and whose angle, which is measured, hardly moves."""
    car = replace(CAR, frames=(replace(STEER, fields=tuple(one for one in STEER.fields if one.name != "Torque")),))
    for name, rate in (("angle", 0.1), ("torque", 1e6), ("curvature", 100.0)):
        car = with_one(car, "envelopes", name, release_rate=rate)
    return with_one(car, "axes", "lateral", release_ns=release_ns)


_POINTS = "envelope 'accel': high"
_WRONG: list[tuple[CarEnvelope, str]] = [
    # names
    (_car(inputs=(*INPUTS, INPUTS[0])), "input Speed is there 2 times"),
    (_car(axes=(*AXES, AXES[2], AXES[2])), "axis comfort is there 3 times"),
    (_car(envelopes=(*CAR.envelopes, CAR.envelopes[0])), "envelope accel is there 2 times"),
    (_car(frames=(*CAR.frames, HUD)), "frame 0x300 of bus 0 is there 2 times"),
    (_car(speed="Pace"), "the speed names input 'Pace', which is not listed"),
    (_car(steering="Helm"), "the steering names input 'Helm', which is not listed"),
    (_input(axes=("vertical",)), "input 'Pedal' names axis 'vertical', which is not listed"),
    (_axis(consent=replace(CRUISE, path="Yes")), "axis 'longitudinal' names input 'Yes', which is not listed"),
    (_accel(axis="vertical"), "envelope 'accel' names axis 'vertical', which is not listed"),
    (_tracked(path="Track"), "envelope 'accel' names input 'Track', which is not listed"),
    (_measured(path="Helm"), "envelope 'angle' names input 'Helm', which is not listed"),
    (_field("Accel", envelope="thrust"), "field 'car/Drive.Accel' names envelope 'thrust', which is not listed"),
    (_field("Active", axis="vertical"), "field 'car/Drive.Active' names axis 'vertical', which is not listed"),
    # the car
    (_car(late_ns=0), "late_ns is 0, not above 0"),
    (_car(clock_step_ns=-1), "clock_step_ns is -1, not above 0"),
    (_car(armed_ns=0), "armed_ns is 0, not above 0"),
    (_car(geometry=Geometry(0.0, 15.0, 0.0)), "wheelbase is 0, not above 0"),
    (_car(geometry=Geometry(2.5, math.inf, 0.0)), "steering ratio is inf, not above 0"),
    (
        _car(geometry=Geometry(2.5, 15.0, -0.001)),
        "the geometry turns no way at 50 m/s: wheelbase + understeer v^2 is not above 0",
    ),
    (_car(geometry=Geometry(2.5, 15.0, -0.0009)), ""),
    (_car(geometry=Geometry(1e-10, 15.0, 0.0)), ""),
    (_car(measured_lateral=Lateral(0.0, 1.0)), "lateral acceleration is 0, not above 0"),
    (_car(measured_lateral=Lateral(1.0, math.nan)), "lateral jerk is nan, not above 0"),
    (_car(steering=NO), "the lateral acceleration cannot be measured without the steering wheel's angle"),
    # inputs
    (_input(low=100.0), ""),
    (_input(low=101.0), "input 'Pedal': nothing is from 101 to 100"),
    (_input(high=math.nan), "input 'Pedal': nothing is from 0 to nan"),
    (_input(max_age_ns=0), "input 'Pedal': max_age_ns is 0, not above 0"),
    (_input(frozen_ns=0), "input 'Pedal': frozen_ns is 0, not above 0"),
    (_input(frozen_ns=1), ""),
    (_input(tolerance_ns=-1), "input 'Pedal': tolerance_ns is -1, not 0 or above"),
    (_input(tolerance_ns=0), ""),
    (with_one(CAR, "inputs", "Speed", high=0.0), "input 'Speed': the highest speed is 0, not above 0"),
    # axes
    (
        _axis(keep=(replace(CRUISE, low=2.0),)),
        "axis 'longitudinal': condition 'cruise control is active': nothing is from 2 to 1",
    ),
    (
        _axis(override=(replace(CRUISE, for_ns=-1),)),
        "axis 'longitudinal': condition 'cruise control is active': for_ns is -1, not 0 or above",
    ),
    (
        _axis(engage=(replace(CRUISE, path="Wheel"),)),
        (
            "axis 'longitudinal': condition 'cruise control is active': it needs input 'Wheel', "
            "on which 'longitudinal' does not rely"
        ),
    ),
    (_axis(consent_most_ns=0), "axis 'longitudinal': consent_most_ns is 0, not above 0"),
    (_axis(consent_most_ns=NO), "axis 'longitudinal': its consent lapses at some time: consent_most_ns says when"),
    (_axis(override_most_ns=-1), "axis 'longitudinal': override_most_ns is -1, not 0 or above"),
    (_axis(request_timeout_ns=0), "axis 'longitudinal': request_timeout_ns is 0, not above 0"),
    # envelopes
    (_accel(high=Curve(())), f"{_POINTS} has no points"),
    (_accel(high=Curve(((0.0, math.inf),))), f"{_POINTS} is not made of finite numbers"),
    (_accel(high=Curve(((math.nan, 1.0),))), f"{_POINTS} is not made of finite numbers"),
    (
        _accel(high=Curve(((-1.0, 1.0),))),
        "envelope 'accel': the speeds of high do not rise from 0 or more: -1",
    ),
    (
        _accel(high=Curve(((0.0, 1.0), (5.0, 1.0), (5.0, 2.0)))),
        "envelope 'accel': the speeds of high do not rise from 0 or more: 0, 5, 5",
    ),
    (
        _accel(high=Curve(((-1.0, 1.0), (5.0, 2.0)))),
        "envelope 'accel': the speeds of high do not rise from 0 or more: -1, 5",
    ),
    (
        _accel(high=Curve(((-1e-12, 1.0),))),
        "envelope 'accel': the speeds of high do not rise from 0 or more: -1e-12",
    ),
    (_accel(rate_up=constant(0.0)), "envelope 'accel': rate_up is 0, not above 0"),
    (_accel(rate_down=Curve(((0.0, 1.0), (9.0, -1.0)))), "envelope 'accel': rate_down is -1, not above 0"),
    (_accel(release_rate=math.nan), "envelope 'accel': release_rate is nan, not above 0"),
    (_accel(window_ns=0), "envelope 'accel': window_ns is 0, not above 0"),
    (_accel(window_change=0.0), "envelope 'accel': window_change is 0, not above 0"),
    (_accel(window_change=1e-12), ""),
    (_accel(timeout_ns=0), "envelope 'accel': timeout_ns is 0, not above 0"),
    (
        _accel(low=Curve(((0.0, -1.0), (9.0, 0.5)))),
        "envelope 'accel': neutral 0 is not between 0.5 and 2, the limits of the strictest speeds",
    ),
    (_accel(high=constant(0.0)), ""),
    (_accel(low=constant(0.0)), ""),
    (
        _accel(high=constant(-0.01)),
        "envelope 'accel': neutral 0 is not between -3.5 and -0.01, the limits of the strictest speeds",
    ),
    (
        _accel(neutral=math.nan),
        "envelope 'accel': neutral nan is not between -3.5 and 2, the limits of the strictest speeds",
    ),
    (
        _accel(release_rate=4.0),
        (
            "envelope 'accel': a release from 4 m/s^2 off at 4 per second is not over within 0.985 s "
            "(release_ns, less the time to the last frame)"
        ),
    ),
    (_accel(release_rate=4.1), ""),
    (
        _accel(low=Curve(((0.0, -9.0), (9.0, -1.0)))),
        (
            "envelope 'accel': a release from 9 m/s^2 off at 5 per second is not over within 0.985 s "
            "(release_ns, less the time to the last frame)"
        ),
    ),
    (
        replace(_accel(release_rate=4.1), frames=(*CAR.frames, replace(DRIVE, bus=5, least_period_ns=100 * MS))),
        (
            "envelope 'accel': a release from 4 m/s^2 off at 4.1 per second is not over within 0.9 s "
            "(release_ns, less the time to the last frame)"
        ),
    ),
    (
        with_one(with_one(CAR, "envelopes", "curvature", release_rate=0.1), "axes", "lateral", release_ns=S - 1),
        (
            "envelope 'curvature': a release from 0.1 1/m off at 0.1 per second is not over within 1 s "
            "(release_ns, less the time to the last frame)"
        ),
    ),
    (_brief(5 * MS), ""),
    (
        _brief(5 * MS - 1),
        (
            "envelope 'angle': a release from 0 degrees off at 0.1 per second is not over within -1e-09 s "
            "(release_ns, less the time to the last frame)"
        ),
    ),
    (_accel(low=constant(-9.0), high=constant(9.0), release_rate=9.2), ""),
    (with_one(CAR, "envelopes", "curvature", release_rate=0.1), ""),
    (_axis(release_ns=0), "axis 'longitudinal': release_ns is 0, not above 0"),
    (
        _accel(timeout_ns=15_000_000),
        "envelope 'accel': its frames come less often than timeout_ns, so that each one begins anew",
    ),
    (_accel(timeout_ns=15_000_001), ""),
    (
        _accel(lateral=Lateral(3.0, 5.0)),
        "envelope 'accel': a lateral acceleration follows from an angle or a curvature, not from 'm/s^2'",
    ),
    (_angle(lateral=Lateral(-3.0, 5.0)), "envelope 'angle': lateral acceleration is -3, not above 0"),
    (_angle(lateral=Lateral(3.0, 0.0)), "envelope 'angle': lateral jerk is 0, not above 0"),
    (
        with_one(CAR, "envelopes", "warmth", high=Curve(((0.0, 28.0), (9.0, 28.0)))),
        "envelope 'warmth': a limit by speed needs input 'Speed', on which 'comfort' does not rely",
    ),
    (
        with_one(CAR, "envelopes", "warmth", rate_up=Curve(((0.0, 28.0), (9.0, 28.0)))),
        "envelope 'warmth': a limit by speed needs input 'Speed', on which 'comfort' does not rely",
    ),
    (
        with_one(CAR, "inputs", "Speed", axes=("longitudinal",)),
        "envelope 'curvature': a limit by speed needs input 'Speed', on which 'lateral' does not rely",
    ),
    (_tracked(tolerance=0.0), "envelope 'accel': the tracking's tolerance is 0, not above 0"),
    (_tracked(for_ns=-1), "envelope 'accel': the tracking's for_ns is -1, not 0 or above"),
    (_tracked(scale=0.0), "envelope 'accel': the tracking has a scale of 0"),
    (
        _tracked(path="Wheel"),
        "envelope 'accel': the tracking needs input 'Wheel', on which 'longitudinal' does not rely",
    ),
    (
        _measured(path="Pedal"),
        "envelope 'angle': a measured neutral needs input 'Pedal', on which 'lateral' does not rely",
    ),
    (_measured(scale=math.inf), "envelope 'angle': a measured neutral has a scale of inf"),
    (_measured(tolerance=-0.1), "envelope 'angle': the tolerance of a measured neutral is -0.1, not 0 or above"),
    (_measured(tolerance=-1e-12), "envelope 'angle': the tolerance of a measured neutral is -1e-12, not 0 or above"),
    (_measured(tolerance=math.inf), "envelope 'angle': the tolerance of a measured neutral is inf, not 0 or above"),
    (
        _measured(centre=101.0),
        "envelope 'angle': neutral 101 is not between -100 and 100, the limits of the strictest speeds",
    ),
    # frames
    (_drive(can_id=0x800), "frame 'car/Drive': 0x800 is no id"),
    (_drive(can_id=-1), "frame 'car/Drive': 0x-1 is no id"),
    (_drive(can_id=0xA0000000), "frame 'car/Drive': 0xA0000000 is no id"),
    (_drive(can_id=0x9FFFFFFF), ""),
    (_drive(can_id=0x7FF), ""),
    (_drive(can_id=0x801), "frame 'car/Drive': 0x801 is no id"),
    (_drive(can_id=0), ""),
    (_drive(can_id=0x80000000), ""),
    (_drive(size=0), "frame 'car/Drive': no frame has 0 bytes"),
    (_drive(size=65), "frame 'car/Drive': no frame has 65 bytes"),
    (_drive(size=64), ""),
    (_drive(size=2), "frame 'car/Drive': field 'Counter' is not within 2 bytes"),
    (_drive(least_period_ns=-1), "frame 'car/Drive': least_period_ns is -1, not 0 or above"),
    (_drive(window_ns=0), "frame 'car/Drive': window_ns is 0, not above 0"),
    (_drive(window_ns=1), ""),
    (_drive(most_in_window=0), "frame 'car/Drive': most_in_window is 0, which lets nothing leave"),
    (_drive(most_in_window=1), ""),
    (_field("Sum", start=15), "frame 'car/Drive': field 'Sum' overlaps another"),
    (_field("Counter", length=0), "frame 'car/Drive': field 'Counter' is not within 8 bytes"),
    (
        _field("Sum", envelope="accel"),
        "frame 'car/Drive': field 'Sum': an envelope is what a limited field has, and no other",
    ),
    (
        _field("Accel", envelope=""),
        "frame 'car/Drive': field 'Accel': an envelope is what a limited field has, and no other",
    ),
    (
        _field("Sum", axis="lateral"),
        "frame 'car/Drive': field 'Sum': an axis is what an active field has, and no other",
    ),
    (
        _field("Sum", why="so"),
        "frame 'car/Drive': field 'Sum': why nothing can come of it is what a free field has, and no other",
    ),
    (
        _field("Shown", why=""),
        "frame 'car/Drive': field 'Shown': why nothing can come of it is what a free field has, and no other",
    ),
    (
        _field("Mode", idle=frozenset({1})),
        "frame 'car/Drive': field 'Mode': idle values are what an active field has, and no other",
    ),
    (_field("Mode", allowed=frozenset()), "frame 'car/Drive': field 'Mode': no value is allowed"),
    (_field("Active", allowed=frozenset()), "frame 'car/Drive': field 'Active': no value is allowed"),
    (_field("Mode", allowed=frozenset({7, 8, -1})), "frame 'car/Drive': field 'Mode': it holds 0 to 7, not -1, 8"),
    (_field("Mode", allowed=frozenset({0, 7})), ""),
    (_field("Active", idle=frozenset({2})), "frame 'car/Drive': field 'Active': it holds 0 to 1, not 2"),
    (_field("Counter", allowed=frozenset({4})), "frame 'car/Drive': field 'Counter': it holds 0 to 3, not 4"),
    (_field("Accel", factor=0.0), "frame 'car/Drive': field 'Accel': factor 0 and offset 0 give no values"),
    (_field("Accel", factor=math.nan), "frame 'car/Drive': field 'Accel': factor nan and offset 0 give no values"),
    (_field("Accel", offset=math.inf), "frame 'car/Drive': field 'Accel': factor 0.01 and offset inf give no values"),
    (
        _field("Accel", offset=0.005),
        "frame 'car/Drive': field 'Accel': it cannot hold neutral, which would be raw -0.5",
    ),
    (
        _field("Accel", offset=-99.0),
        "frame 'car/Drive': field 'Accel': it cannot hold neutral, which would be raw 9900",
    ),
    (
        _field("Accel", offset=30.0),
        "frame 'car/Drive': field 'Accel': it cannot hold neutral, which would be raw -3000",
    ),
    (
        _measured(tolerance=0.04),
        "frame 'car/Steer': field 'Angle': a step of 0.1 cannot follow what is measured to within 0.04",
    ),
    (_measured(tolerance=0.05), ""),
    (_measured(tolerance=0.1 / 2 * (1 - 1e-6)), ""),
    (_field("Accel", offset=-20.47), ""),
    (_field("Accel", offset=20.48), ""),
    (
        _field("Accel", offset=-20.48),
        "frame 'car/Drive': field 'Accel': it cannot hold neutral, which would be raw 2048",
    ),
    (
        _field("Accel", offset=20.49),
        "frame 'car/Drive': field 'Accel': it cannot hold neutral, which would be raw -2049",
    ),
    (
        _car(
            frames=(
                DRIVE,
                STEER,
                WARM,
                replace(DRIVE, name="x", bus=5, fields=one_of(DRIVE, "Accel", factor=0.02).fields),
            )
        ),
        "frame 'car/Drive': field 'Accel': 'accel' is carried in several resolutions; give each its own envelope",
    ),
]


@pytest.mark.parametrize(
    ("car", "text"), _WRONG, ids=[f"{number} {text[:40]}" for number, (_, text) in enumerate(_WRONG)]
)
def test_what_is_wrong_is_found_and_what_is_not_is_let_be(car: CarEnvelope, text: str) -> None:
    found = problems(car)
    if text:
        assert text in found
    else:
        assert found == []


def test_a_curve_that_is_broken_is_all_that_is_said_of_it() -> None:
    assert problems(_accel(high=Curve(()))) == ["envelope 'accel': high has no points"]


@pytest.mark.parametrize("size", [-1, 0, 65])
def test_of_a_frame_of_no_possible_size_nothing_else_is_said(size: int) -> None:
    assert problems(_drive(size=size)) == [f"frame 'car/Drive': no frame has {size} bytes"]


def test_of_a_field_that_is_not_within_its_frame_nothing_else_is_said() -> None:
    assert problems(_field("Mode", length=0)) == ["frame 'car/Drive': field 'Mode' is not within 8 bytes"]


def test_a_car_that_limits_a_lateral_acceleration_has_a_geometry() -> None:
    text = "a lateral acceleration is limited, and the car has no geometry"
    assert problems(_car(geometry=NO)) == [text, f"envelope 'angle': {text}", f"envelope 'curvature': {text}"]


def test_what_names_nothing_that_is_there_is_told_before_all_else() -> None:
    found = problems(replace(_accel(rate_up=constant(0.0)), speed="Pace"))
    assert found == ["the speed names input 'Pace', which is not listed"]


def test_a_fault_is_an_error_with_all_of_them() -> None:
    car = replace(_accel(rate_up=constant(0.0)), late_ns=0)
    with pytest.raises(EnvelopeError) as caught:
        Guard(car)
    assert caught.value.problems == ("late_ns is 0, not above 0", "envelope 'accel': rate_up is 0, not above 0")
    assert str(caught.value) == "\n".join(f"test/little: {each}" for each in caught.value.problems)


def test_a_limited_field_may_be_of_any_length_that_holds_neutral() -> None:
    assert problems(_field("Accel", length=1, signed=False)) == []
    assert problems(_field("Accel", kind=FieldKind.FREE, envelope="", why="a lamp")) == []


def test_nothing_is_wrong_with_the_car_of_these_tests() -> None:
    assert problems(CAR) == []
    assert Guard(CAR).envelope is CAR
