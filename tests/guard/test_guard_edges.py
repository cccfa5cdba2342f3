"""What the guard says when several things are wrong at once, and of what is right."""

from __future__ import annotations

import pytest

from commonwheel.guard import Outcome, Rule, State
from commonwheel.guard.envelope import Tracking
from commonwheel.vehicles.samples import Quality
from tests.guard.little import CAR, MS, Drive, with_one


def test_a_frame_that_leaves_is_allowed_by_no_rule() -> None:
    verdict = Drive().engaged().drive()
    assert (verdict.outcome, verdict.rule) == (Outcome.ALLOWED, Rule.NONE)
    assert (verdict.asked, verdict.allowed, verdict.limit, verdict.text) == (0.0, 0.0, 0.0, "")


@pytest.mark.parametrize(("path", "state"), [("Speed", State.FAULTED), ("Door", State.ARMED)])
def test_an_input_of_no_use_is_the_rule_that_is_named(path: str, state: State) -> None:
    drive = Drive().engaged()
    drive.quality[path] = Quality.CORRUPT
    drive.cycle(12)
    assert drive.state() is state
    assert [each.rule for each in drive.said if each.axis == "longitudinal"][-1] is Rule.INPUT_QUALITY


def test_a_late_loop_is_said_before_an_input_that_failed() -> None:
    drive = Drive().engaged()
    drive.quality["Speed"] = Quality.CORRUPT
    drive.cycle(1)
    (said,) = [each for each in drive.cycle(step_ns=120 * MS) if each.axis == "longitudinal"]
    assert (said.after, said.rule) == (State.FAULTED, Rule.LATE_LOOP)


def test_of_two_inputs_that_fail_at_once_the_one_that_is_listed_first_is_named() -> None:
    for rule, paths in ((State.ARMED, ("Door", "Belt")), (State.FAULTED, ("Hands", "Wheel"))):
        drive = Drive().engaged()
        drive.quality |= dict.fromkeys(paths, Quality.INVALID if rule is State.ARMED else Quality.MISSING)
        said = [each for each in drive.cycle(12) if each.rule is Rule.INPUT_QUALITY]
        assert {each.after for each in said} == {rule}
        assert all(each.cause.startswith(paths[0]) for each in said)


def test_a_driver_who_steers_sharply_may_let_go_again() -> None:
    """More lateral acceleration than the platform may cause releases what it does, not what the driver does."""
    drive = Drive().engaged()
    drive.cycle(8, Hands=50.0)
    assert drive.state("lateral") is State.OVERRIDING
    drive.cycle(12, Wheel=200.0)
    assert drive.state("lateral") is State.OVERRIDING
    drive.cycle(20, Wheel=0.0)
    drive.cycle(8, Hands=0.0)
    assert drive.state("lateral") is State.ENGAGED


def test_a_wheel_that_nobody_asks_for_follows_itself() -> None:
    """As long as nothing was asked for or has left, what is commanded is where the wheel is now, not where it was."""
    car = with_one(CAR, "envelopes", "angle", tracking=Tracking("Wheel", 1.0, 3.0, 50 * MS))
    drive = Drive(car)
    drive.readings["Wheel"] = 60.0
    drive.engaged()
    for wheel in range(60, 20, -1):
        drive.cycle(Wheel=float(wheel))
    assert drive.state("lateral") is State.ENGAGED


def test_after_a_frame_that_may_not_leave_a_wish_goes_on_from_where_the_wheel_is() -> None:
    drive = Drive()
    drive.readings["Wheel"] = 12.0
    drive.engaged()
    drive.ask("angle", 12.0)
    drive.cycle(Wheel=8.0)
    assert not drive.steer(300.0).passed
    assert drive.ask("angle", 8.0).allowed == 8.0


def test_each_release_begins_where_its_own_drive_was() -> None:
    drive = Drive().engaged()
    for wish in (0.5, 1.5):
        assert drive.led("accel", wish, 60)[-1] == pytest.approx(wish)
        drive.cycle(12, Door=1.0)
        first = drive.ask("accel", wish).allowed
        assert wish - 0.7 < first <= wish
        drive.led("accel", None, 130)
        drive.cycle(12, Door=0.0, Cruise=0.0)
        drive.ask("accel", None)
        drive.cycle(3, Cruise=1.0)
        assert drive.state() is State.ENGAGED
        drive.ask("accel", None)


@pytest.mark.parametrize(("wish", "speed"), [(-3.5, 36.0), (2.0, 90.0)])
def test_a_wish_at_its_limit_is_allowed_as_it_is(wish: float, speed: float) -> None:
    drive = Drive().engaged()
    drive.cycle(20, Speed=speed, Accel=wish / 2)
    drive.ask("accel", None)
    assert drive.led("accel", wish, 250)[-1] == wish
    drive.cycle()
    verdict = drive.ask("accel", wish)
    assert (verdict.outcome, verdict.rule) == (Outcome.ALLOWED, Rule.NONE)
