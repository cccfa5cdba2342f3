"""What is allowed of what is asked, cycle by cycle."""

from __future__ import annotations

import itertools
import math

import pytest

from commonwheel.guard import Outcome, Rule, State
from commonwheel.guard.envelope import Curve
from commonwheel.guard.limits import Bounds
from commonwheel.guard.wishes import Grid, Wish
from commonwheel.vehicles.samples import Quality
from tests.guard.little import ACCEL, CAR, MS, Drive, S, constant, with_one


def _ready(car: object = CAR) -> Drive:
    drive = Drive(car).engaged()  # type: ignore[arg-type]
    for one in drive.car.envelopes:
        drive.ask(one.name, None)
    return drive


def test_a_grid_moves_limits_to_what_a_field_can_hold() -> None:
    grid = Grid(-0.1, 0.05)
    bounds = Bounds(-1.0, 1.0, Rule.RANGE, Rule.RATE)
    assert grid.inwards(bounds) == (pytest.approx(-0.95), pytest.approx(0.95), Rule.RANGE, Rule.RATE)
    assert grid.inwards(bounds._replace(low=-0.95, high=0.95))[:2] == (pytest.approx(-0.95), pytest.approx(0.95))
    assert grid.inwards(bounds._replace(low=-math.inf, high=math.inf))[:2] == (-math.inf, math.inf)
    assert Grid(0.0, 0.0).inwards(bounds) == bounds


def test_a_grid_holds_what_is_on_its_way_at_the_value_before() -> None:
    grid = Grid(0.5, 0.0)
    assert (grid.back(0.7, 2.0), grid.back(0.7, 0.0), grid.back(0.5, 2.0)) == (1.0, 0.5, 0.5)
    assert (grid.back(-0.7, -2.0), grid.back(-0.7, 0.0), grid.back(-0.5, -2.0)) == (-1.0, -0.5, -0.5)
    assert (grid.back(0.6, 0.8), grid.back(-0.6, -0.8)) == (0.8, -0.8)
    assert Grid(0.0, 0.0).back(0.7, 2.0) == 0.7


def test_what_is_within_all_limits_is_allowed_as_it_is() -> None:
    drive = _ready()
    drive.cycle()
    verdict = drive.ask("accel", 0.03)
    assert (verdict.outcome, verdict.rule, verdict.asked, verdict.allowed) == (Outcome.ALLOWED, Rule.NONE, 0.03, 0.03)
    assert (verdict.t_ns, verdict.subject, verdict.passed) == (drive.t_ns, "accel", True)


def test_too_much_is_led_there_at_the_rate_and_stays_at_the_limit() -> None:
    """At 36 km/h 4.1667 m/s^3, up to 3.5 m/s^2."""
    drive = _ready()
    drive.cycle()
    verdict = drive.ask("accel", 9.0)
    assert (verdict.outcome, verdict.rule, verdict.passed) == (Outcome.LIMITED, Rule.RATE, True)
    assert verdict.allowed == verdict.limit == pytest.approx(0.041666, abs=1e-5)
    assert verdict.text == "0.0416662 m/s^2 rather than 9, by its rate"
    led = drive.led("accel", 9.0, 100)
    assert max(abs(b - a) for a, b in itertools.pairwise(led)) <= 0.0416668
    drive.cycle()
    verdict = drive.ask("accel", 9.0)
    assert (verdict.rule, verdict.allowed) == (Rule.RANGE, pytest.approx(3.49))  # the speed flickers a little above
    drive.readings["Accel"] = -3.0
    led = drive.led("accel", -9.0, 1)
    assert led[0] == pytest.approx(3.39, abs=1e-3)


def test_the_window_holds_a_wish() -> None:
    drive = _ready(with_one(CAR, "envelopes", "accel", window_change=0.3))
    assert drive.led("accel", 9.0, 50)[-1] == 0.3
    drive.cycle()
    assert drive.ask("accel", 9.0).rule is Rule.WINDOW
    assert drive.led("accel", -9.0, 40)[-1] == pytest.approx(0.0)
    drive.cycle()
    assert drive.ask("accel", -9.0).rule is Rule.WINDOW


def test_lateral_limits_hold_a_wish_for_an_angle_and_for_a_curvature() -> None:
    """At 10 m/s 3 m/s^2 are 0.03 1/m, and 5 m/s^3 are 0.05 1/m in a second."""
    drive = _ready()
    assert drive.led("curvature", 1.0, 1)[0] == pytest.approx(0.0005, rel=1e-3)
    drive.cycle()
    assert drive.ask("curvature", 1.0).rule is Rule.LATERAL_JERK
    assert drive.led("curvature", 1.0, 70)[-1] == pytest.approx(0.03, rel=1e-3)
    drive.cycle()
    assert drive.ask("curvature", 1.0).rule is Rule.LATERAL_ACCELERATION
    assert drive.led("curvature", -1.0, 130)[-1] == pytest.approx(-0.03, rel=1e-3)


@pytest.mark.parametrize("asked", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_and_led_to_neutral(asked: float) -> None:
    drive = _ready()
    drive.led("accel", 9.0, 50)
    drive.cycle()
    verdict = drive.ask("accel", asked)
    assert (verdict.outcome, verdict.rule, verdict.text) == (Outcome.REFUSED, Rule.NOT_A_NUMBER, f"asked for {asked}")
    assert verdict.allowed == pytest.approx(50 * 0.0416666 - 0.05, abs=1e-3)
    led = drive.led("accel", asked, 50)
    assert led[-1] == 0.0
    assert all(after <= before for before, after in itertools.pairwise(led))


def test_nothing_asked_is_led_to_neutral_and_no_fault() -> None:
    drive = _ready()
    drive.led("accel", 9.0, 50)
    drive.cycle()
    verdict = drive.ask("accel", None)
    assert (verdict.outcome, verdict.rule) == (Outcome.ALLOWED, Rule.NONE)
    assert verdict.asked == verdict.allowed == pytest.approx(50 * 0.0416666 - 0.05, abs=1e-3)
    assert drive.led("accel", None, 50)[-1] == 0.0


def test_while_engaged_even_a_release_keeps_to_the_rates() -> None:
    drive = _ready(with_one(CAR, "envelopes", "accel", release_rate=50.0))
    drive.led("accel", 9.0, 50)
    before = drive.led("accel", 9.0, 1)[0]
    assert drive.led("accel", None, 1)[0] == pytest.approx(before - 0.1)


def test_before_it_is_engaged_it_is_neutral_whatever_is_asked() -> None:
    drive = Drive()
    for armed in (False, True):
        drive.cycle(12)
        if armed:
            drive.guard.arm(drive.t_ns, "test")
            drive.cycle()
        verdict = drive.ask("accel", 1.0)
        assert (verdict.outcome, verdict.rule, verdict.allowed) == (Outcome.REFUSED, Rule.STATE, 0.0)
        assert (verdict.text, verdict.passed) == ("longitudinal is not engaged: 0 m/s^2", False)
        assert drive.ask("accel", 0.0).outcome is Outcome.ALLOWED
        assert drive.ask("warmth", 25.0).allowed == (25.0 if armed else 20.0)


def test_a_measured_neutral_is_where_it_is() -> None:
    drive = Drive()
    drive.cycle(12, Wheel=33.0)
    drive.cycle(Wheel=34.0)
    assert drive.ask("angle", 0.0).allowed == 34.0
    drive.quality["Wheel"] = Quality.CORRUPT
    drive.cycle(Wheel=50.0)
    assert drive.ask("angle", 0.0).allowed == 34.0
    drive.quality.clear()
    for wheel in (150.0, -150.0, -30.0):  # it is off: however fast the wheel turns, and whichever way
        drive.cycle(Wheel=wheel)
        assert drive.ask("angle", 0.0).allowed == wheel
    drive = Drive()
    drive.silent.add("Wheel")
    drive.cycle(3)
    assert drive.ask("angle", 5.0).allowed == 0.0


def test_engaged_in_a_bend_it_begins_where_the_wheel_is() -> None:
    drive = Drive()
    drive.readings["Wheel"] = 30.0
    drive.engaged()
    drive.ask("angle", None)
    assert drive.led("angle", 0.0, 2) == [pytest.approx(28.84, abs=0.01), pytest.approx(27.68, abs=0.01)]


def test_released_it_is_led_to_neutral_and_is_there_in_time() -> None:
    """5 m/s^2 a second, and neutral after a second at the latest."""
    drive = _ready()
    drive.led("accel", 2.0, 60)
    drive.cycle(10, Door=1.0)
    drive.ask("accel", 2.0)
    drive.cycle()
    assert drive.state() is State.ARMED
    verdict = drive.ask("accel", 2.0)
    assert (verdict.outcome, verdict.rule, verdict.allowed) == (Outcome.LIMITED, Rule.RELEASE, pytest.approx(1.95))
    assert (verdict.limit, verdict.text) == (verdict.allowed, "led to neutral, 1.95 m/s^2 now")
    assert drive.led("accel", 2.0, 39)[-1] == pytest.approx(0.0)
    assert drive.ask("accel", 0.0).outcome is Outcome.ALLOWED


def test_a_cut_is_neutral_at_once() -> None:
    drive = _ready()
    drive.led("accel", 2.0, 60)
    drive.cycle(Brake=1.0)
    assert drive.ask("accel", 2.0).allowed == 0.0


def test_a_cut_is_neutral_at_once_though_it_is_disarmed_in_the_same_cycle() -> None:
    drive = _ready()
    drive.led("accel", 2.0, 60)
    drive.cycle(Brake=1.0)
    drive.guard.disarm(drive.t_ns, "test")
    assert drive.ask("accel", 2.0).allowed == 0.0


def test_what_is_engaged_in_the_first_cycle_of_all_begins_at_neutral() -> None:
    drive = Drive()
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle()
    drive.guard.wanted(drive.t_ns, "comfort")
    drive.cycle(step_ns=0)
    assert drive.state("comfort") is State.ENGAGED
    assert drive.ask("warmth", None).allowed == 20.0


def test_what_a_car_was_told_counts_for_as_long_as_it_may_heed_it() -> None:
    wish = Wish(ACCEL, Grid(0.0, 0.0), 30 * MS)
    assert wish.commanded(S, 0.5) == 0.5
    wish.put(1.5)
    assert wish.commanded(S, 0.5) == 1.5
    wish.left(S, 1.0)
    assert wish.commanded(S + 300 * MS, 0.5) == 1.0
    assert wish.commanded(S + 300 * MS + 1, 0.5) is None


@pytest.mark.parametrize(("silent", "led"), [(29, 1100.0), (30, 0.0)])
def test_a_release_begins_where_the_last_frame_was_unless_that_has_lapsed(silent: int, led: float) -> None:
    """3000 in a second from 2000, since it left 300 ms ago; 10 ms later the car has ended it by itself."""
    drive = _ready()
    for torque in range(0, 2001, 50):
        drive.cycle()
        assert drive.steer(torque=torque).passed
    drive.led("torque", 2000.0, silent)
    drive.cycle()
    drive.guard.disarm(drive.t_ns, "test")
    assert drive.ask("torque", 2000.0).allowed == pytest.approx(led)


def test_after_an_override_it_comes_back_from_neutral() -> None:
    drive = _ready()
    drive.led("accel", 2.0, 60)
    drive.cycle(Pedal=50.0)
    assert drive.ask("accel", 2.0).allowed == 0.0
    drive.cycle(Pedal=0.0)
    assert drive.ask("accel", 2.0).allowed == pytest.approx(0.0416666, abs=1e-4)


def test_a_late_loop_leads_to_no_jump() -> None:
    """It is released from when the loop was last seen, at the stated rate, for all of the time that has passed."""
    drive = _ready()
    drive.led("accel", 2.0, 60)
    drive.cycle(step_ns=150 * MS)
    assert drive.state() is State.FAULTED
    assert drive.ask("accel", 2.0).allowed == pytest.approx(2.0 - 0.15 * 5.0)


def test_a_pause_in_asking_gives_no_jump() -> None:
    """The loop's longest cycle counts, 30 ms; and after 300 ms it begins at neutral anew."""
    drive = _ready()
    drive.led("accel", 9.0, 10)
    before = drive.led("accel", 9.0, 1)[0]
    drive.cycle(20)
    assert drive.ask("accel", 9.0).allowed == pytest.approx(before + 0.03 * 4.166666, abs=1e-4)
    drive.cycle(30)
    assert drive.ask("accel", 9.0).allowed == pytest.approx(before + 0.06 * 4.166666, abs=1e-4)
    drive.cycle(31)
    assert drive.ask("accel", 9.0).allowed == 0.0


def test_asked_twice_in_a_cycle_it_moves_once() -> None:
    drive = _ready()
    first = drive.led("accel", 9.0, 1)[0]
    assert drive.ask("accel", 9.0).allowed == pytest.approx(first)


def test_what_the_guard_does_not_know_is_refused() -> None:
    drive = _ready()
    verdict = drive.ask("thrust", 1.0)
    assert (verdict.outcome, verdict.rule, verdict.allowed) == (Outcome.REFUSED, Rule.UNKNOWN_TARGET, 0.0)
    assert verdict.text == "no envelope is called 'thrust'"


def test_without_a_speed_the_strictest_of_all_holds() -> None:
    """2 m/s^2 is what 25 m/s and more allow; of steering, what 50 m/s do. It is known for 100 + 100 ms."""
    drive = _ready()
    now, car = drive.guard._pace.now, drive.guard._car
    accel, curvature = CAR.envelopes[0], CAR.envelopes[3]
    assert car.speeds(now + 199 * MS) == pytest.approx((10.0, 10.0), rel=1e-3)
    assert car.within(accel, now + 200 * MS).high == pytest.approx(3.5, rel=1e-3)
    assert car.speeds(now + 201 * MS) == (0.0, 50.0)
    assert car.within(accel, now + 201 * MS).high == 2.0
    assert car.within(curvature, now + 201 * MS).high == 3.0 / 50.0**2
    assert Drive().guard._car.speeds(0) == (0.0, 50.0)


def test_backwards_counts_as_fast_as_forwards() -> None:
    car = with_one(CAR, "inputs", "Speed", low=-180.0)
    for speed in (90.0, -90.0):
        drive = Drive(car)
        drive.readings["Speed"] = speed
        drive.engaged()
        drive.ask("accel", None)
        assert drive.led("accel", 9.0, 100)[-1] == pytest.approx(2.0, abs=0.02)


def test_from_forwards_to_backwards_every_speed_in_between_counts() -> None:
    """A range that is narrowest at standstill holds while the speed changes its sign, for 100 ms."""
    car = with_one(CAR, "inputs", "Speed", low=-180.0)
    car = with_one(car, "envelopes", "accel", high=Curve(((0.0, 0.5), (1.0, 3.0))), rate_up=constant(50.0))
    drive = Drive(car)
    drive.readings["Speed"] = 3.6
    drive.engaged()
    drive.ask("accel", None)
    assert drive.led("accel", 3.0, 10)[-1] == pytest.approx(3.0)
    drive.cycle(Speed=-3.6)
    assert drive.ask("accel", 3.0).allowed == 0.5


def test_a_limit_that_the_field_cannot_hold_is_moved_inwards() -> None:
    car = with_one(CAR, "envelopes", "accel", high=constant(0.155))
    assert _ready(car).led("accel", 9.0, 20)[-1] == pytest.approx(0.15)


def test_a_release_goes_on_from_what_left_when_it_left() -> None:
    """What was allowed since the last frame is neither made up for nor ahead: each frame of a release may leave."""
    drive = _ready()
    assert drive.drive().passed
    level = 0.0
    for _ in range(20):
        level = math.floor(drive.led("accel", 0.8, 2)[-1] * 100) / 100
        assert drive.drive(level).passed
    assert level == pytest.approx(0.8)
    assert drive.led("accel", 0.0, 1)[0] == pytest.approx(0.7)  # at 10 m/s^3, and no frame is due
    drive.guard.disarm(drive.t_ns, "test")
    drive.cycle()
    led = drive.ask("accel", 0.0).allowed
    assert led == pytest.approx(level - 0.02 * 5.0)  # at 5 m/s^3, since the frame
    assert drive.drive(led).passed
    drive.cycle(3)
    assert drive.ask("accel", 1.0).allowed == pytest.approx(led - 0.03 * 5.0)


@pytest.mark.parametrize("sent", [True, False])
def test_a_switch_stays_on_as_long_as_its_release_takes(sent: bool) -> None:  # noqa: FBT001 - it is the thing itself
    """What says that the brakes are asked for does not go before what it asks of them; so too if no frame has left."""
    five = {"low": constant(-5.0), "high": constant(5.0)}
    drive = _ready(with_one(CAR, "envelopes", "torque", release_rate=10.0, rate_up=constant(500.0), **five))
    assert not sent or drive.steer().passed
    drive.led("torque", 5.0, 1)
    assert not sent or drive.steer(torque=5).passed
    drive.guard.disarm(drive.t_ns, "test")
    led = drive.led("torque", 0.0, 60)
    assert led == [5.0] * 9 + [4.0] * 10 + [3.0] * 10 + [2.0] * 10 + [1.0] * 10 + [0.0] * 11
