"""A field under a ceiling goes no farther from neutral than the car's own controller does, and follows it down."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from commonwheel.guard import CarEnvelope, Rule
from commonwheel.guard.envelope import Ceiling, Stock
from commonwheel.guard.problems import problems
from tests.guard.little import CAR, DRIVE, NO, STEER, Drive, constant, one_of, with_one

OWN = 40


def _car(rate: float = 10.0) -> CarEnvelope:
    """Return a car with one message, whose acceleration is under its own controller's."""
    frame = replace(one_of(DRIVE, "Accel", ceiling=Ceiling.STOCK), stock=Stock.REPLACED)
    car = replace(CAR, frames=(frame,))
    slow = {"rate_up": constant(rate), "rate_down": constant(1.0), "window_change": NO, "tracking": NO}
    return with_one(car, "envelopes", "accel", low=constant(-4.0), high=constant(3.0), lateral=NO, **slow)


def _hears(drive: Drive, raw: int) -> None:
    drive.guard.heard(drive.t_ns, 0, 0x100, (raw & 0xFFF).to_bytes(8, "little"))


def _begun(own: int) -> Drive:
    """Return an engaged car whose first frame has left a while ago, and whose own controller asks for something."""
    drive = Drive(_car()).engaged()
    assert drive.drive(0.0).passed
    drive.cycle(6)  # time for 0.6
    _hears(drive, own)
    return drive


@pytest.mark.parametrize("sign", [1, -1])
def test_it_leaves_up_to_what_the_car_asks_for_and_not_a_step_beyond(sign: int) -> None:
    drive = _begun(sign * OWN)
    beyond = drive.drive(sign * (OWN + 1) * 0.01)
    assert not beyond.passed
    assert (beyond.rule, round(beyond.limit, 9)) == (Rule.RANGE, sign * OWN * 0.01)
    assert not drive.drive(-sign * 0.02).passed  # nor to the other side
    assert drive.drive(sign * OWN * 0.01).passed


def test_it_falls_with_it_at_once_whatever_the_rate_is() -> None:
    drive = _begun(OWN)
    assert drive.drive(0.3).passed
    drive.cycle(2)
    _hears(drive, 0)
    assert not drive.drive(0.1).passed
    assert drive.drive(0.0).passed


def test_a_controller_that_is_silent_for_longer_than_the_window_asks_for_nothing() -> None:
    drive = _begun(OWN)
    drive.cycle(20)  # as long as the window
    assert drive.drive(0.1).passed
    _hears(drive, OWN)
    drive.cycle(20)
    assert drive.drive(0.1).passed
    drive.cycle(2)
    assert not drive.drive(0.1).passed
    assert drive.drive(0.0).passed


def test_a_controller_that_was_never_heard_asks_for_nothing() -> None:
    drive = Drive(_car()).engaged()
    assert drive.drive(0.0).passed
    drive.cycle(6)
    assert not drive.drive(0.02).passed
    assert drive.drive(0.0).passed


def test_what_was_held_back_is_not_made_up_for_in_one_step() -> None:
    drive = Drive(_car(rate=1.0)).engaged()
    for _ in range(50):
        drive.cycle(2)
        _hears(drive, 0)
        drive.ask("accel", 2.0)
        assert drive.drive(0.0).passed
    drive.cycle()
    assert drive.ask("accel", 2.0).allowed <= 0.011


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_held_back_waits_where_the_car_holds_it(sign: int) -> None:
    """Neither ahead of what leaves nor back at neutral: when the car asks for more, it goes on from there."""
    drive = Drive(_car(rate=1.0)).engaged()
    drive.ask("accel", None)
    assert drive.drive(0.0).passed
    for _ in range(60):
        drive.cycle(2)
        _hears(drive, sign * OWN)
        led = min(abs(drive.ask("accel", sign * 2.0).allowed), OWN * 0.01)
        assert drive.drive(sign * math.floor(led * 100 + 1e-6) / 100).passed
    drive.cycle()
    assert OWN * 0.01 < sign * drive.ask("accel", sign * 2.0).allowed <= OWN * 0.01 + 0.011


def test_what_is_held_under_a_silent_controller_goes_on_from_where_the_wheel_is() -> None:
    """Neutral is measured, and has moved: what leaves and what is asked for next begin there, not where it was."""
    frame = replace(one_of(STEER, "Angle", ceiling=Ceiling.STOCK), stock=Stock.REPLACED)
    drive = Drive(replace(CAR, frames=(DRIVE, frame)))
    drive.readings["Wheel"] = 12.0
    drive.engaged()
    drive.ask("angle", 12.0)
    drive.cycle(Wheel=8.0)
    assert drive.steer(8.0).passed
    assert drive.ask("angle", 8.0).allowed == 8.0


def test_in_a_release_it_falls_with_it_too() -> None:
    drive = _begun(OWN)
    assert drive.drive(0.3).passed
    drive.cycle(2, Belt=0.0)
    assert drive.guard.acts("longitudinal")
    _hears(drive, 5)
    assert not drive.drive(0.1).passed
    assert drive.drive(0.05).passed


def test_a_ceiling_is_of_a_limited_field_of_a_message_that_is_replaced() -> None:
    frame = one_of(DRIVE, "Accel", ceiling=Ceiling.STOCK)
    text = "a ceiling: what the car's own controller sends, which is not replaced"
    assert any(text in one for one in problems(replace(CAR, frames=(frame, *CAR.frames[1:]))))
    frame = replace(one_of(DRIVE, "Mode", ceiling=Ceiling.STOCK), stock=Stock.REPLACED)
    found = problems(replace(CAR, frames=(frame, *CAR.frames[1:])))
    assert any("a ceiling is what a limited field has, and no other" in one for one in found)
    assert not problems(_car())
