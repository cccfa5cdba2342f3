"""What the car does has to fit what it was told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from commonwheel.guard import Rule, State
from commonwheel.guard.envelope import Geometry, Lateral
from commonwheel.guard.inputs import RECENT_NS
from commonwheel.guard.limits import steered
from commonwheel.guard.plausible import lateral
from commonwheel.guard.situation import Situation
from commonwheel.vehicles.samples import Quality
from tests.guard.little import CAR, MS, NO, Drive, S, with_one

LONG, LAT = "longitudinal", "lateral"


def _at(accel: float, measured: float) -> Drive:
    drive = Drive().engaged()
    drive.ask("accel", None)
    drive.cycle(Accel=measured)
    for _ in range(60):
        drive.ask("accel", accel)
        drive.cycle()
        if drive.ask("accel", accel).allowed == accel:
            break
    return drive


def test_what_follows_within_the_tolerance_is_let_be() -> None:
    drive = _at(1.0, 3.5)
    drive.led("accel", 1.0, 200)
    assert drive.state() is State.ENGAGED


@pytest.mark.parametrize("measured", [3.51, -1.51])
def test_what_is_further_off_for_too_long_is_a_fault(measured: float) -> None:
    drive = _at(1.0, 1.0)
    drive.led("accel", 1.0, 5)
    drive.cycle(Accel=measured)
    drive.ask("accel", 1.0)
    drive.led("accel", 1.0, 50)
    assert drive.state() is State.ENGAGED
    drive.led("accel", 1.0, 1)
    assert drive.state() is State.FAULTED
    assert drive.said[-1].rule is Rule.TRACKING
    assert drive.said[-1].cause == (f"Accel is {measured:g}, 2.51 off what is commanded, at most 2.5 for 0.5 s")
    assert drive.state(LAT) is State.ENGAGED


def test_what_comes_back_in_time_begins_anew() -> None:
    drive = _at(1.0, 1.0)
    for _ in range(5):
        drive.readings["Accel"] = 9.0
        drive.led("accel", 1.0, 50)
        drive.readings["Accel"] = 1.0
        drive.led("accel", 1.0, 1)
    assert drive.state() is State.ENGAGED


def test_what_is_measured_while_nothing_acts_is_nobodys_fault() -> None:
    drive = _at(1.0, 1.0)
    drive.cycle(Pedal=60.0, Accel=8.0)
    drive.cycle(90)
    assert drive.state() is State.OVERRIDING
    drive.cycle(49, Pedal=0.0)
    assert drive.state() is State.ENGAGED
    drive.led("accel", 8.0, 10)
    assert drive.state() is State.FAULTED


def test_what_cannot_be_measured_is_not_compared() -> None:
    drive = _at(1.0, 9.0)
    drive.led("accel", 1.0, 20)
    drive.quality["Accel"] = Quality.CORRUPT
    drive.led("accel", 1.0, 3)
    drive.quality.clear()
    drive.led("accel", 1.0, 50)
    assert drive.state() is State.ENGAGED
    drive.led("accel", 1.0, 2)
    assert drive.state() is State.FAULTED


def test_the_scale_is_that_of_the_measured_value() -> None:
    car = with_one(CAR, "envelopes", "accel", tracking=replace(CAR.envelopes[0].tracking, scale=-2.0, tolerance=0.5))  # type: ignore[type-var]
    drive = Drive(car).engaged()
    drive.ask("accel", None)
    for number in range(100):
        drive.cycle(Accel=-2.0 * drive.ask("accel", 1.0).allowed if number else 0.0)
    drive.led("accel", 1.0, 60)
    assert drive.state() is State.ENGAGED
    drive.readings["Accel"] = 2.0
    drive.led("accel", 1.0, 60)
    assert drive.state() is State.FAULTED


def test_of_two_quantities_each_is_watched() -> None:
    both = replace(CAR.envelopes[0], name="more")
    drive = Drive(replace(CAR, envelopes=(*CAR.envelopes, both))).engaged()
    for name in ("accel", "more"):
        drive.ask(name, None)
    drive.readings["Accel"] = -1.0
    for _ in range(120):
        drive.cycle()
        drive.ask("accel", 2.0)
        drive.ask("more", 0.0)
    assert drive.state() is State.FAULTED


def _turned(angle: float, cycles: int, speed: float = 36.0) -> Drive:
    drive = Drive()
    drive.readings["Speed"] = speed
    drive.engaged()
    for number in range(cycles):
        drive.cycle(Wheel=angle * (number + 1) / cycles)
    drive.cycle(11)
    return drive


def test_more_lateral_acceleration_than_people_bear_releases_the_steering() -> None:
    """At 10 m/s 5 m/s^2 are 116.02 degrees by this geometry; a rough 20 degrees a second get there."""
    for angle, state in ((115.9, State.ENGAGED), (-115.9, State.ENGAGED), (116.1, State.ARMED), (-116.1, State.ARMED)):
        drive = _turned(angle, 600)
        assert drive.state(LAT) is state, angle
        assert drive.state(LONG) is State.ENGAGED
    assert drive.said[-1].rule is Rule.MEASURED_LATERAL
    assert drive.said[-1].cause.startswith("the wheel is at -116.1 degrees, at most 116.0")
    assert drive.said[-1].cause.endswith(" at this speed")
    assert drive.guard.acts(LAT) or drive.t_ns > 0


def test_what_is_at_a_measured_limit_to_the_last_bit_is_let_be() -> None:
    geometry, limits = CAR.geometry, CAR.measured_lateral
    assert isinstance(geometry, Geometry)
    assert isinstance(limits, Lateral)
    angle = steered(geometry, "degrees", 10.0, limits.acceleration_mps2)
    turn = steered(geometry, "degrees", 10.0, limits.jerk_mps3) * RECENT_NS / 1e9
    for seen, more in (((angle,), angle), ((0.0, turn), turn)):
        for last, fits in ((more, True), (math.nextafter(more, math.inf), False)):
            car = Situation(CAR)
            car.watches["Speed"].take(S, 36.0, Quality.GOOD)
            for number, wheel in enumerate((*seen[:-1], last)):
                car.watches["Wheel"].take(S + number * MS, wheel, Quality.GOOD)
            assert (lateral(car, S + MS) is None) is fits


def test_more_lateral_jerk_than_people_bear_releases_the_steering() -> None:
    """At 10 m/s 30 m/s^3 are 696 degrees a second, 69.6 in the 100 ms that count."""
    assert _turned(69.5, 1).state(LAT) is State.ENGAGED
    drive = _turned(69.7, 1)
    assert drive.state(LAT) is State.ARMED
    assert drive.said[-1].rule is Rule.MEASURED_LATERAL
    assert drive.said[-1].cause.startswith("the wheel turned by 69.7 degrees in 0.1 s, at most 69.6")
    assert _turned(-69.7, 1).state(LAT) is State.ARMED


def test_lateral_acceleration_is_that_of_the_fastest_speed_of_late() -> None:
    """60 degrees are 2.6 m/s^2 at 10 m/s, and more than 8 at 20."""
    drive = _turned(60.0, 600)
    assert drive.state(LAT) is State.ENGAGED
    drive.cycle(Speed=72.0)
    assert drive.state(LAT) is State.ARMED
    assert drive.said[-1].rule is Rule.MEASURED_LATERAL


def test_standing_the_wheel_may_be_turned() -> None:
    assert _turned(700.0, 1, speed=0.0).state(LAT) is State.ENGAGED


@pytest.mark.parametrize(
    "changes", [{"measured_lateral": NO}, {"steering": NO, "measured_lateral": NO}], ids=["no limit", "no wheel"]
)
def test_what_is_not_limited_or_not_measured_releases_nothing(changes: dict[str, object]) -> None:
    drive = Drive(replace(CAR, **changes)).engaged()  # type: ignore[arg-type]
    drive.cycle(60, Wheel=700.0)
    assert drive.state(LAT) is State.ENGAGED


def test_before_the_wheel_has_shown_nothing_is_said_of_it() -> None:
    car = Situation(CAR)
    car.watches["Speed"].take(S, 180.0, Quality.GOOD)
    assert isinstance(CAR.measured_lateral, Lateral)
    assert lateral(car, S) is None
