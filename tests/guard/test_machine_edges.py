"""States of an axis where two things come together: two overrides, two causes, consent that is taken back."""

from __future__ import annotations

from dataclasses import replace

from commonwheel.guard import Ending, Rule, State
from commonwheel.guard.machine import Machine, Phase
from commonwheel.guard.situation import Situation
from commonwheel.vehicles.samples import Quality
from tests.guard.little import AXES, CAR, PEDAL, Drive, S

LONG, LAT = "longitudinal", "lateral"


def _two_overrides() -> Drive:
    """The accelerator ends commands at once, the lever ramps them down."""
    lever = replace(PEDAL, path="Hands", low=50.0, ending=Ending.RAMP, text="the lever is moved")
    inputs = tuple(replace(each, axes=(LONG, LAT)) if each.path == "Hands" else each for each in CAR.inputs)
    axis = replace(AXES[0], override=(PEDAL, lever))
    return Drive(replace(CAR, inputs=inputs, axes=(axis, replace(AXES[1], override=()), AXES[2]))).engaged()


def test_of_two_overrides_either_is_one_and_both_have_to_end() -> None:
    drive = _two_overrides()
    drive.cycle(10, Pedal=60.0, Hands=60.0)
    assert drive.state() is State.OVERRIDING
    drive.cycle(10, Pedal=0.0)
    assert drive.state() is State.OVERRIDING
    drive.cycle(2, Hands=0.0)
    assert drive.state() is State.ENGAGED


def test_of_two_overrides_one_that_cuts_is_enough() -> None:
    for readings, acts in (({"Pedal": 60.0}, False), ({"Hands": 60.0}, True)):
        drive = _two_overrides()
        drive.readings |= readings
        drive.cycle(2)
        assert drive.state() is State.OVERRIDING
        assert drive.guard.acts(LONG) is acts


def test_consent_that_is_taken_back_while_it_is_armed_engages_nothing_afterwards() -> None:
    drive = Drive()
    drive.cycle(12, Belt=0.0)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(3, Cruise=1.0)
    drive.cycle(3, Cruise=0.0)
    drive.cycle(5, Belt=1.0)
    assert drive.state() is State.ARMED
    assert not any(each.axis == LONG and each.after is State.ENGAGED for each in drive.said)


def test_consent_without_any_request_ever_engages_nothing() -> None:
    drive = Drive(wanted=False)
    drive.cycle(12)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(3, Cruise=1.0)
    assert [drive.state(axis) for axis in (LONG, LAT, "comfort")] == [State.ARMED] * 3
    assert drive.guard.waits("comfort") == "a valid request"
    assert drive.guard.waits(LONG) == "a valid request"


def _machine() -> Machine:
    car = Situation(CAR)
    return Machine(CAR.axes[2], car.judged, CAR.armed_ns)


def test_an_axis_begins_with_nothing_said_and_nothing_to_release() -> None:
    machine = _machine()
    assert machine.cause == (Rule.NONE, "")
    assert machine.phase(0) is Phase.SHUT


def test_what_is_wrong_comes_before_silence() -> None:
    machine = _machine()
    machine.arm(0, 0, "test")
    machine.want(0)
    assert machine.step(1, 1, good=True, release=None)
    assert machine.state is State.ENGAGED
    transition = machine.step(2, 9 * S, good=True, release=(Rule.TRACKING, "off"))
    assert transition is not None
    assert (transition.rule, transition.cause) == (Rule.TRACKING, "off")


def test_whoever_fails_the_guard_may_name_the_rule() -> None:
    for rule in (Rule.EXCEPTION, Rule.CLOCK_STEP):
        drive = Drive().engaged()
        said = (
            drive.guard.fail(drive.t_ns, "why", rule)
            if rule is Rule.CLOCK_STEP
            else drive.guard.fail(drive.t_ns, "why")
        )
        assert {(each.after, each.rule, each.cause) for each in said} == {(State.FAULTED, rule, "why")}


def test_it_says_which_inputs_would_fault_an_axis_if_it_were_armed_now() -> None:
    drive = Drive()
    have_not_come = {axis: drive.guard.lacks(axis) for axis in (LONG, LAT, "comfort")}
    assert have_not_come[LAT] == tuple(
        f"{path} has not come" for path in ("Speed", "Cruise", "Brake", "Hands", "Wheel")
    )
    assert "Door has not come" in have_not_come[LONG]
    assert have_not_come["comfort"] == ()
    drive.cycle()
    assert drive.guard.lacks(LONG) == drive.guard.lacks(LAT) == ()
    drive.quality |= dict.fromkeys(("Wheel", "Hands", "Door"), Quality.INVALID)
    drive.cycle()
    assert drive.guard.lacks(LONG) == (), "one whose loss only releases keeps nobody from arming"
    assert drive.guard.lacks(LAT) == ("Wheel is INVALID (value 0)",)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(20)
    assert [drive.state(axis) for axis in (LONG, LAT)] == [State.ARMED, State.FAULTED]
