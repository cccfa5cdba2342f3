"""The states of an axis, each transition with its cause: stories of a drive."""

from __future__ import annotations

from dataclasses import replace

import pytest

from commonwheel.guard import Ending, Outcome, Reading, Rule, State, Verdict
from commonwheel.guard.envelope import OnBad, Stock
from commonwheel.vehicles.samples import Quality
from tests.guard.little import AXES, CAR, CRUISE, MS, NO, Drive, S, with_one

LONG, LAT = "longitudinal", "lateral"


def _armed(car: object = CAR) -> Drive:
    drive = Drive(car)  # type: ignore[arg-type]
    drive.cycle(12)
    drive.guard.arm(drive.t_ns, "a test")
    drive.cycle(2)
    return drive


def _alone() -> Drive:
    """Return it armed, with nobody who asks."""
    drive = _armed()
    drive.wanted = False
    drive.cycle(51)
    return drive


def test_nothing_is_engaged_that_was_not_armed() -> None:
    drive = Drive()
    drive.cycle(50, Cruise=1.0)
    assert drive.said == []
    assert drive.guard.cause(LONG) == ""
    assert drive.state() is State.OFF


def test_arming_says_who_did_it_and_changes_what_is_off() -> None:
    drive = Drive()
    drive.cycle(12)
    said = drive.guard.arm(42, "a test")
    assert [(each.t_ns, each.axis, each.before, each.after, each.rule, each.cause) for each in said] == [
        (42, axis, State.OFF, State.ARMED, Rule.ARMING, "armed by a test") for axis in (LONG, LAT, "comfort")
    ]
    assert drive.guard.arm(43, "a test") == ()
    assert drive.guard.cause(LAT) == "armed by a test"
    assert not drive.guard.acts(LONG)


def test_consent_that_was_there_before_arming_is_none() -> None:
    drive = Drive()
    drive.cycle(12, Cruise=1.0)
    drive.guard.arm(drive.t_ns, "a test")
    drive.cycle(20)
    assert drive.state() is State.ARMED
    drive.cycle(Cruise=0.0)
    drive.cycle(Cruise=1.0)
    assert drive.state() is State.ENGAGED


def test_consent_at_the_moment_of_arming_is_taken_only_when_it_begins_after() -> None:
    drive = Drive()
    drive.cycle(12)
    drive.cycle(Cruise=1.0)
    drive.guard.arm(drive.t_ns, "a test")
    drive.cycle(5)
    assert drive.state() is State.ARMED


def test_consent_that_has_begun_waits_for_the_rest() -> None:
    drive = _armed()
    drive.cycle(Cruise=1.0, Belt=0.0)
    assert drive.state() is State.ARMED
    assert drive.guard.waits(LONG) == "the belt is on (Belt is 0, not 1)"
    (transition,) = drive.cycle(Belt=1.0)
    assert (transition.axis, transition.before, transition.after) == (LONG, State.ARMED, State.ENGAGED)
    assert (transition.rule, transition.t_ns) == (Rule.ENGAGEMENT, drive.t_ns)
    assert transition.cause == "cruise control is active (Cruise is 1)"
    assert drive.guard.acts(LONG)


def test_consent_counts_for_so_long_and_then_has_to_begin_again() -> None:
    drive = _alone()
    drive.cycle(500, Cruise=1.0)  # it begins in the first; 500 cycles later it still counts
    drive.wanted = True
    drive.cycle()
    assert drive.state() is State.ENGAGED

    drive = _alone()
    drive.cycle(501, Cruise=1.0)
    drive.wanted = True
    drive.cycle(50)
    assert drive.state() is State.ARMED
    assert "to begin while it is armed; it counts for 5 s" in drive.guard.waits(LONG)
    drive.cycle(Cruise=0.0)
    drive.cycle(Cruise=1.0)
    assert drive.state() is State.ENGAGED


def test_consent_that_ended_before_the_rest_came_has_to_begin_again() -> None:
    drive = _armed()
    drive.cycle(Cruise=1.0, Belt=0.0)
    drive.cycle(Cruise=0.0, Belt=1.0)
    drive.cycle(5)
    assert drive.state() is State.ARMED
    assert drive.guard.waits(LONG) == (
        "cruise control is active (Cruise is 0, not 1), to begin while it is armed; it counts for 5 s"
    )


@pytest.mark.parametrize(
    ("readings", "quality", "waits"),
    [
        ({"Brake": 1.0}, {}, "the brake is not pressed (Brake is 1, not 0)"),
        ({"Pedal": 5.0}, {}, "not: the accelerator is pressed (Pedal is 5)"),
        ({}, {"Pedal": Quality.CORRUPT}, ""),
    ],
)
def test_it_is_not_engaged(readings: dict[str, float], quality: dict[str, Quality], waits: str) -> None:
    """While a condition does not hold, the driver acts, or an input is not good, tolerated or not."""
    drive = _armed()
    drive.readings |= readings
    drive.cycle(3)
    drive.quality = quality
    drive.cycle(2, Cruise=1.0)
    assert drive.state() is State.ARMED
    assert drive.guard.waits(LONG) == waits


def test_it_is_engaged_only_while_somebody_asks() -> None:
    drive = _armed()
    drive.wanted = False
    drive.cycle(50)
    drive.cycle(Cruise=1.0)
    assert drive.state() is State.ARMED
    assert drive.guard.waits(LONG) == "a valid request"
    drive.guard.wanted(drive.t_ns + 10 * MS, LONG)
    drive.guard.wanted(drive.t_ns + 10 * MS, "no such axis")
    drive.cycle()
    assert drive.state() is State.ENGAGED
    assert drive.state(LAT) is State.ARMED


def test_without_consent_armed_is_enough() -> None:
    drive = _armed()
    assert drive.state("comfort") is State.ENGAGED
    assert drive.guard.cause("comfort") == "its conditions hold"


def test_the_driver_brakes_and_commands_are_cut() -> None:
    drive = Drive().engaged()
    said = drive.cycle(Brake=1.0)
    assert [(each.axis, each.after, each.rule) for each in said] == [
        (LONG, State.ARMED, Rule.CONDITION),
        (LAT, State.ARMED, Rule.CONDITION),
    ]
    assert said[0].cause == "no longer: the brake is not pressed (Brake is 1, not 0)"
    assert not drive.guard.acts(LONG)


def test_after_a_release_it_takes_consent_anew() -> None:
    drive = Drive().engaged()
    drive.cycle(Brake=1.0)
    drive.cycle(200, Brake=0.0)
    assert drive.state() is State.ARMED
    drive.cycle(Cruise=0.0)
    drive.cycle(Cruise=1.0)
    assert drive.state() is State.ENGAGED


def test_a_door_that_opens_ends_in_a_ramp() -> None:
    drive = Drive().engaged()
    assert drive.cycle(10, Door=1.0) == []
    (transition,) = drive.cycle()
    assert (transition.after, transition.rule) == (State.ARMED, Rule.CONDITION)
    drive.cycle(99)
    assert drive.guard.acts(LONG)
    drive.cycle()
    assert not drive.guard.acts(LONG)


def test_the_driver_cuts_a_ramp_short() -> None:
    drive = Drive().engaged()
    drive.cycle(11, Door=1.0)
    assert drive.guard.acts(LONG)
    drive.cycle(Brake=1.0)
    assert not drive.guard.acts(LONG)
    for by in ({"Pedal": 50.0}, {"Cruise": 0.0}):
        drive = Drive().engaged()
        drive.cycle(11, Door=1.0)
        drive.readings |= by
        drive.cycle()
        assert not drive.guard.acts(LONG)


def test_a_ramp_goes_on_while_the_driver_does_nothing_to_cut_it() -> None:
    drive = Drive().engaged()
    drive.cycle(11, Door=1.0)
    drive.cycle(20, Hands=50.0, Belt=0.0)
    assert drive.guard.acts(LONG)


def test_nothing_is_engaged_before_the_last_release_is_over() -> None:
    drive = Drive(with_one(CAR, "axes", LONG, consent=replace(CRUISE, ending=Ending.RAMP))).engaged()
    drive.cycle(Cruise=0.0)
    assert drive.guard.acts(LONG)
    drive.cycle(98, Cruise=1.0)
    assert drive.state() is State.ARMED
    assert drive.guard.waits(LONG) == "the last release to be over"
    drive.cycle(2)
    assert drive.state() is State.ENGAGED


def test_what_is_cut_and_what_ramps_at_once_is_cut() -> None:
    drive = Drive().engaged()
    drive.cycle(10, Door=1.0)
    (transition, *_) = drive.cycle(Pedal=60.0)
    assert transition.rule is Rule.CONDITION
    assert not drive.guard.acts(LONG)


def test_the_driver_overrides_and_lets_go() -> None:
    drive = Drive().engaged()
    (transition,) = drive.cycle(Pedal=30.0)
    assert (transition.before, transition.after) == (State.ENGAGED, State.OVERRIDING)
    assert (transition.rule, transition.cause) == (
        Rule.DRIVER_OVERRIDE,
        "the accelerator is pressed (Pedal is 30)",
    )
    assert not drive.guard.acts(LONG)
    (transition,) = drive.cycle(Pedal=0.0)
    assert (transition.before, transition.after) == (State.OVERRIDING, State.ENGAGED)
    assert (transition.rule, transition.cause) == (Rule.DRIVER_OVERRIDE, "the driver has let go")
    assert drive.guard.acts(LONG)


def test_an_override_that_ramps_still_acts_until_it_is_released() -> None:
    drive = Drive().engaged()
    drive.cycle(6, Hands=10.0)
    assert drive.state(LAT) is State.OVERRIDING
    drive.cycle(99)
    assert drive.guard.acts(LAT)
    drive.cycle()
    assert drive.state(LAT) is State.OVERRIDING
    assert not drive.guard.acts(LAT)


def test_a_driver_who_acts_for_too_long_has_taken_over() -> None:
    drive = Drive().engaged()
    drive.cycle(Pedal=30.0)
    assert drive.cycle(100) == []
    (transition,) = drive.cycle()
    assert (transition.after, transition.rule) == (State.ARMED, Rule.OVERRIDE_TOO_LONG)
    assert transition.cause == "the driver has acted for more than 1 s"
    drive.cycle(10, Pedal=0.0)
    assert drive.state() is State.ARMED


def test_an_override_in_a_bend_of_the_brake_ends_for_good() -> None:
    drive = Drive().engaged()
    drive.cycle(Pedal=30.0)
    (transition, _) = drive.cycle(Brake=1.0)
    assert (transition.before, transition.after, transition.rule) == (State.OVERRIDING, State.ARMED, Rule.CONDITION)


def test_silence_of_whoever_asks_releases_it() -> None:
    drive = Drive().engaged()
    drive.wanted = False
    assert drive.cycle(50) == []
    said = drive.cycle()
    assert [(each.axis, each.rule) for each in said] == [(LONG, Rule.REQUEST_TIMEOUT), (LAT, Rule.REQUEST_TIMEOUT)]
    assert said[0].cause == "no valid request for 0.5 s"
    assert drive.guard.acts(LONG)


def test_an_input_of_no_use_releases_or_faults_as_it_says() -> None:
    drive = Drive().engaged()
    drive.quality["Pedal"] = Quality.CORRUPT
    assert drive.cycle(5) == []
    (transition,) = drive.cycle()
    assert (transition.axis, transition.after, transition.rule) == (LONG, State.ARMED, Rule.INPUT_QUALITY)
    assert transition.cause == "Pedal is CORRUPT (value 0)"
    assert drive.guard.acts(LONG)
    drive = Drive().engaged()
    drive.quality["Speed"] = Quality.CORRUPT
    assert drive.cycle(10) == []
    said = drive.cycle()
    assert [(each.axis, each.after) for each in said] == [(LONG, State.FAULTED), (LAT, State.FAULTED)]
    assert drive.state("comfort") is State.ENGAGED


def test_of_two_failures_the_worse_counts() -> None:
    drive = Drive().engaged()
    drive.quality |= {"Pedal": Quality.CORRUPT, "Door": Quality.MISSING}
    drive.cycle(6)
    assert drive.state() is State.FAULTED
    assert drive.guard.cause(LONG) == "Door is MISSING (value 0)"


def test_an_input_that_comes_no_more_is_noticed() -> None:
    drive = Drive().engaged()
    drive.silent.add("Pedal")
    assert drive.cycle(15) == []
    (transition,) = drive.cycle()
    assert (transition.rule, transition.cause) == (Rule.INPUT_QUALITY, "Pedal is STALE (value 0)")


def test_a_fault_stays_until_it_is_disarmed_and_armed() -> None:
    drive = Drive().engaged()
    said = drive.guard.fail(drive.t_ns, "a bug")
    assert [(each.axis, each.after, each.rule, each.cause) for each in said] == [
        (axis, State.FAULTED, Rule.EXCEPTION, "a bug") for axis in (LONG, LAT, "comfort")
    ]
    assert drive.guard.fail(drive.t_ns, "another") == ()
    drive.guard.drain()
    assert drive.guard.arm(drive.t_ns, "a test") == ()
    refused = drive.guard.drain()[0]
    assert isinstance(refused, Verdict)
    assert (refused.subject, refused.outcome, refused.rule) == (LONG, Outcome.REFUSED, Rule.ARMING)
    assert refused.text == "longitudinal is faulted (a bug): disarm it, then arm it anew"
    drive.cycle(200)
    assert drive.state() is State.FAULTED
    (transition, *_) = drive.guard.disarm(drive.t_ns, "a test")
    assert (transition.after, transition.rule, transition.cause) == (State.OFF, Rule.ARMING, "disarmed by a test")
    assert drive.guard.disarm(drive.t_ns, "a test") == ()
    drive.guard.arm(drive.t_ns, "a test")
    assert drive.state() is State.ARMED


def test_what_is_off_has_nothing_to_fail() -> None:
    drive = Drive()
    drive.cycle(12)
    assert drive.guard.fail(drive.t_ns, "a bug") == ()
    drive.cycle(step_ns=S)
    assert drive.state() is State.OFF


def test_a_late_loop_faults_all_and_the_ramp_began_when_it_went_silent() -> None:
    drive = Drive().engaged()
    said = drive.cycle(step_ns=31 * MS)
    assert [(each.after, each.rule) for each in said] == [(State.FAULTED, Rule.LATE_LOOP)] * 3
    drive.cycle(96)
    assert drive.guard.acts(LONG)
    drive.cycle()
    assert not drive.guard.acts(LONG)


def test_a_clock_that_is_set_faults_all_and_the_release_runs_in_steady_time() -> None:
    for by in (3600 * S, -3600 * S):
        drive = Drive().engaged()
        drive.t_ns += by
        said = drive.cycle()
        assert [(each.after, each.rule) for each in said] == [(State.FAULTED, Rule.CLOCK_STEP)] * 3
        drive.cycle(98)
        assert drive.guard.acts(LONG)
        drive.cycle()
        assert not drive.guard.acts(LONG)


def test_a_message_that_was_to_be_blocked_is_a_fault_of_what_it_serves() -> None:
    drive = Drive(with_one(CAR, "frames", "car/Steer", stock=Stock.MIXED)).engaged()
    drive.guard.heard(drive.t_ns, 1, 0x100)
    drive.guard.heard(drive.t_ns, 1, 0x200)
    assert drive.cycle() == []
    drive.guard.heard(drive.t_ns, 0, 0x100)
    (transition,) = drive.cycle()
    assert (transition.axis, transition.after, transition.rule) == (LONG, State.FAULTED, Rule.STOCK_MESSAGE)
    assert "car/Drive came from the car" in transition.cause


def test_a_blocked_message_of_no_axis_of_its_own_is_a_fault_of_all() -> None:
    drive = Drive().engaged()
    drive.guard.heard(drive.t_ns, 0, 0x300)
    assert len(drive.cycle()) == 3


def test_what_the_car_sends_while_it_is_off_is_no_fault_later() -> None:
    drive = Drive()
    drive.cycle(12)
    drive.guard.heard(drive.t_ns, 0, 0x100)
    drive.cycle()
    drive.guard.arm(drive.t_ns, "a test")
    assert [each.after for each in drive.cycle()] == [State.ENGAGED]


def test_armed_for_too_long_it_is_off() -> None:
    drive = _armed(replace(CAR, armed_ns=S))
    drive.cycle(98)
    assert drive.state() is State.ARMED
    (transition, _) = drive.cycle()
    assert (transition.after, transition.rule) == (State.OFF, Rule.ARMING)
    assert transition.cause == "armed for 1 s without being engaged"
    assert drive.state("comfort") is State.ENGAGED


def test_disarming_leads_what_acts_to_neutral_first() -> None:
    drive = Drive().engaged()
    drive.guard.disarm(drive.t_ns, "a test")
    assert drive.state() is State.OFF
    drive.cycle(99)
    assert drive.guard.acts(LONG)
    drive.cycle()
    assert not drive.guard.acts(LONG)


def test_a_bad_input_faults_what_is_only_armed_too() -> None:
    drive = _armed(with_one(CAR, "inputs", "Belt", corrupt=OnBad.FAULT))
    drive.quality["Belt"] = Quality.CORRUPT
    drive.cycle(6)
    assert drive.state() is State.FAULTED


def test_each_transition_is_in_the_record_once_and_in_order() -> None:
    drive = Drive().engaged()
    drive.cycle(Brake=1.0)
    drive.guard.disarm(drive.t_ns, "a test")
    long = [each.after for each in drive.guard.drain() if not isinstance(each, Verdict) and each.axis == LONG]
    assert long == [State.ARMED, State.ENGAGED, State.ARMED, State.OFF]
    assert drive.guard.drain() == []
    assert drive.guard.lost == 0


def test_what_the_envelope_does_not_know_is_passed_over() -> None:
    drive = Drive().engaged()
    drive.guard.observe("Moon", Reading(drive.t_ns, 1.0, Quality.CORRUPT))
    drive.guard.heard(drive.t_ns, 7, 0x100)
    assert drive.cycle(20) == []


def test_a_car_without_conditions_of_any_kind_works() -> None:
    """Consent apart, everything may be stated as empty."""
    bare = replace(AXES[0], consent=NO, engage=(), keep=(), override=())
    car = replace(CAR, axes=(bare, *AXES[1:]))
    drive = _armed(car)
    assert drive.state() is State.ENGAGED
