"""What may leave, bit by bit: the little car's frames at each limit, one step inside and one outside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.guard import Outcome, Rule, State
from commonwheel.guard.envelope import FieldKind, FieldRule, Stock
from commonwheel.guard.frames import Layout
from tests.guard.layout import covered, put, read
from tests.guard.little import CAR, DRIVE, FIELD, HUD, MS, NO, OFF, ON, STEER, Drive, one_of, with_one


@st.composite
def _fields(draw: st.DrawFn) -> tuple[FieldRule, int]:
    size = draw(st.integers(1, 64))
    return replace(
        FIELD,
        start=draw(st.integers(0, size * 8 - 1)),
        length=draw(st.integers(0, 64)),
        big_endian=draw(st.booleans()),
        signed=draw(st.booleans()),
    ), size


@given(_fields(), st.randoms(use_true_random=False))
def test_a_field_is_read_as_one_bit_after_the_other_says(given_field: tuple[FieldRule, int], random: object) -> None:
    """Wherever it is, in both byte orders; one that leaves the frame is noticed."""
    field, size = given_field
    layout = Layout(field, size)
    room = (size - field.start // 8) * 8 - 7 + field.start % 8 if field.big_endian else size * 8 - field.start
    assert layout.fits == (0 < field.length <= room)
    if not layout.fits:
        return
    payload = bytearray(random.randbytes(size))  # type: ignore[attr-defined]
    assert layout.raw(bytes(payload)) == read(bytes(payload), field)
    assert layout.covered == int.from_bytes(covered((field,), size), "little")
    for edge in (layout.least, layout.most):
        put(payload, field, edge)
        assert layout.raw(bytes(payload)) == edge
    assert layout.most - layout.least + 1 == 1 << field.length
    assert (layout.least < 0) is field.signed


def _ready() -> Drive:
    """Return an engaged car whose last frames left 20 ms ago."""
    drive = Drive().engaged()
    drive.cycle()
    assert drive.drive().passed
    assert drive.steer().passed
    drive.cycle(2)
    return drive


def test_a_frame_that_is_not_on_the_list_does_not_leave() -> None:
    drive = _ready()
    for bus, can_id in ((1, 0x100), (0, 0x200), (0, 0x101), (0, 0x80000100)):
        verdict = drive.guard.check(drive.t_ns, bus, can_id, bytes(8))
        assert (verdict.outcome, verdict.rule) == (Outcome.REFUSED, Rule.FRAME_UNKNOWN)
        assert verdict.subject == f"bus {bus} id 0x{can_id:X}"
        assert not verdict.passed


@pytest.mark.parametrize("size", [0, 1, 7, 9, 64])
def test_a_frame_of_another_length_does_not_leave(size: int) -> None:
    drive = _ready()
    verdict = drive.guard.check(drive.t_ns, 0, 0x100, bytes(size))
    assert (verdict.rule, verdict.text) == (Rule.FRAME_LENGTH, f"{size} bytes, not 8")


def test_nothing_leaves_while_it_is_off() -> None:
    drive = Drive()
    drive.cycle(12)
    verdict = drive.drive(active=0)
    assert (verdict.outcome, verdict.rule) == (Outcome.REFUSED, Rule.STATE)
    assert verdict.text == "nothing leaves: longitudinal off"
    assert drive.guard.check(drive.t_ns, 0, 0x300, b"\x01").text == "nothing leaves: longitudinal, lateral, comfort off"


def test_a_frame_that_serves_no_axis_leaves_while_any_is_armed() -> None:
    drive = Drive().engaged()
    assert drive.guard.check(drive.t_ns, 0, 0x300, b"\xff").passed
    assert drive.guard.check(drive.t_ns, 0, 0x300, b"\xff").passed
    assert drive.guard.check(drive.t_ns, 0, 0x300, b"\xff").rule is Rule.FRAME_FLOOD


def test_armed_only_neutral_leaves() -> None:
    drive = Drive()
    drive.cycle(12)
    drive.guard.arm(drive.t_ns, "test")
    for number, (accel, active, rule) in enumerate(
        [(0.0, 0, Rule.NONE), (0.01, 0, Rule.STATE), (-0.01, 0, Rule.STATE), (0.0, 1, Rule.FRAME_CONTENT)]
    ):
        drive.cycle(2)
        assert drive.drive(accel, active=active).rule is rule, number
    verdict = drive.drive(0.01, active=0)
    assert verdict.text == "Accel is 0.01 m/s^2, at most 0 by its state"
    assert (verdict.asked, verdict.limit) == (0.01, 0.0)


def test_a_measured_neutral_is_what_was_measured_of_late() -> None:
    drive = Drive()
    drive.cycle(12, Wheel=10.0)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(1, Wheel=12.0)
    for angle, rule in ((9.7, Rule.STATE), (9.8, Rule.NONE), (12.3, Rule.STATE), (12.2, Rule.NONE)):
        drive.cycle()
        assert drive.steer(angle).rule is rule, angle
    drive.cycle(11)
    assert drive.steer(11.7).rule is Rule.STATE
    assert drive.steer(11.8).passed


def test_a_measured_neutral_stays_within_what_the_command_can_be() -> None:
    """At 36 km/h the range is 250 degrees; standing it is 400, and the wheel may be turned further."""
    drive = Drive()
    drive.cycle(12, Wheel=600.0)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle()
    assert drive.steer(400.2).passed
    drive.cycle()
    assert not drive.steer(400.4).passed
    assert not drive.steer(600.0).passed


@pytest.mark.parametrize("stray", [1, 1 << 39])
def test_bits_that_no_field_covers_are_zero(stray: int) -> None:
    drive = _ready()
    verdict = drive.drive(stray=stray)
    assert verdict.rule is Rule.FRAME_CONTENT
    bit = (stray << 24).bit_length() - 1
    assert verdict.text == f"bit {bit % 8} of byte {bit // 8} is set, which no field covers"


@pytest.mark.parametrize(
    ("mode", "rule"), [(2, Rule.NONE), (5, Rule.NONE), (0, Rule.FRAME_CONTENT), (7, Rule.FRAME_CONTENT)]
)
def test_a_fixed_field_is_one_of_what_it_may_be(mode: int, rule: Rule) -> None:
    assert _ready().drive(mode=mode).rule is rule


def test_free_fields_and_checksums_may_be_anything() -> None:
    for value in range(4):
        assert _ready().drive(shown=value, sum=value * 5).passed


def test_an_active_field_is_active_while_it_is_engaged_and_either_while_it_is_released() -> None:
    verdict = _ready().drive(active=0)
    assert (verdict.rule, verdict.text) == (Rule.FRAME_CONTENT, "Active is 0, which it may not be now")
    drive = _ready()
    drive.cycle(11, Door=1.0)
    assert drive.drive(active=1).passed
    drive.cycle(2)
    assert drive.drive(active=0).passed
    drive.cycle(120)
    assert drive.drive(active=1).rule is Rule.FRAME_CONTENT
    assert drive.drive(active=0).passed


def _climbed(drive: Drive, accel: float) -> float:
    """Send frames that come as near to an acceleration as they may, and return where the last was."""
    now = 0.0
    while True:
        step = min(max(accel - now, -0.05), 0.05)
        if abs(step) < 0.005:
            return now
        drive.cycle(2, Accel=now)
        if not drive.drive(round(now + step, 2)).passed:
            return now
        now = round(now + step, 2)


def test_a_quantity_at_its_limit_leaves_and_one_step_beyond_does_not() -> None:
    """-3.5 at every speed, 4 up to 5 m/s; the window allows 4 m/s^2 in a second."""
    for limit in (-3.5, 4.0):
        drive = _ready()
        drive.cycle(10, Speed=14.4)
        assert _climbed(drive, limit * 2) == pytest.approx(limit)
        drive.cycle(2)
        beyond = limit + (0.01 if limit > 0 else -0.01)
        verdict = drive.drive(beyond)
        assert (verdict.rule, verdict.asked, verdict.limit) == (Rule.RANGE, pytest.approx(beyond), pytest.approx(limit))
        assert drive.drive(limit).passed


def test_the_strictest_of_the_speeds_of_late_counts() -> None:
    """For 100 ms after it has been at 25 m/s, 2 m/s^2 is the limit, and for as long as nothing else is known."""
    for speed, rule in ((36.0, Rule.NONE), (90.0, Rule.RANGE)):
        drive = _ready()
        _climbed(drive, 2.4)
        drive.cycle(Speed=speed)
        drive.cycle(Speed=36.0)
        assert drive.drive(2.41).rule is rule, speed


def test_when_the_range_shrinks_its_edge_leaves_and_nothing_else() -> None:
    """At 25 m/s 2 m/s^2 are allowed: from 3 it goes there at once, although 10 a second is the rate."""
    drive = _ready()
    _climbed(drive, 3.0)
    drive.cycle(2, Speed=90.0)
    assert drive.drive(2.01).rule is Rule.RANGE
    assert drive.drive(1.99).rule is Rule.RATE
    assert drive.drive(2.0).passed


def test_a_rate_is_held_to_within_one_step() -> None:
    """At 10 m/s 4.1667 m/s^3 away from neutral, 10 back: in 20 ms 8 and 20 steps, and one for the wire."""
    for steps, rule in ((9, Rule.NONE), (10, Rule.RATE), (-9, Rule.NONE), (-10, Rule.RATE)):
        assert _ready().drive(steps / 100).rule is rule, steps
    for steps, rule in ((21, Rule.NONE), (22, Rule.RATE)):
        drive = _ready()
        _climbed(drive, 1.0)
        drive.cycle(2)
        assert drive.drive(1.0 - steps / 100).rule is rule, steps


def test_a_rate_counts_from_the_last_frame_that_left() -> None:
    drive = _ready()
    assert drive.drive(0.5).rule is Rule.RATE
    drive.cycle(2)
    assert drive.drive(0.17).passed  # 40 ms: 16 steps and one
    drive.cycle(2)
    assert drive.drive(0.27).rule is Rule.RATE


def test_frames_of_which_none_left_for_long_begin_at_neutral_anew() -> None:
    drive = _ready()
    _climbed(drive, 0.5)
    drive.cycle(30)
    assert drive.drive(0.6).rule is Rule.NONE
    drive = _ready()
    _climbed(drive, 0.5)
    drive.cycle(31)  # of which 50 ms count: 20 steps and one
    assert drive.drive(0.22).rule is Rule.RATE
    assert drive.drive(-0.22).rule is Rule.RATE
    assert drive.drive(0.21).passed


def test_a_window_holds_whatever_the_steps_were() -> None:
    car = with_one(CAR, "envelopes", "accel", window_change=0.3)
    drive = Drive(car).engaged()
    drive.cycle()
    drive.drive()
    assert _climbed(drive, 2.0) == pytest.approx(0.3)
    verdict = drive.drive(0.32)
    assert (verdict.rule, verdict.limit) == (Rule.WINDOW, pytest.approx(0.31))
    drive.cycle(70)
    drive.drive(0.3)


def test_steering_is_held_to_its_lateral_acceleration_and_jerk() -> None:
    """At 10 m/s: 3 m/s^2 are 69.6 degrees by this geometry, 5 m/s^3 are 116 degrees a second (the rate 100)."""
    drive = _ready()
    last, now = 0.0, 1.0
    while drive.steer(now).passed:
        drive.cycle(Wheel=now)
        last, now = now, round(now + 1.0, 1)
    assert last == 69.0
    assert drive.steer(70.0).rule is Rule.LATERAL_ACCELERATION
    assert drive.steer(69.6).passed
    car = with_one(CAR, "envelopes", "angle", rate_up=CAR.envelopes[2].rate_down)
    drive = Drive(car).engaged()
    drive.steer()
    drive.cycle()
    assert drive.steer(1.4).rule is Rule.LATERAL_JERK
    assert drive.steer(1.2).passed


@pytest.mark.parametrize("sign", [1, -1])
def test_released_it_is_led_to_neutral_no_faster_and_no_slower_than_stated(sign: int) -> None:
    """5 m/s^2 a second: in 110 ms 55 steps, and one for the wire either way; in 20 ms more another 10."""
    for back, rule in ((53, Rule.RELEASE), (54, Rule.NONE), (56, Rule.NONE), (57, Rule.RELEASE)):
        drive = _ready()
        _climbed(drive, sign * 1.0)
        drive.cycle(11, Door=1.0)
        assert drive.drive(sign * (100 - back) / 100, active=1).rule is rule, back
    for back, rule in ((8, Rule.RELEASE), (9, Rule.NONE), (11, Rule.NONE), (12, Rule.RELEASE)):
        drive = _ready()
        _climbed(drive, sign * 1.0)
        drive.cycle(11, Door=1.0)
        assert drive.drive(sign * 0.45, active=1).passed
        drive.cycle(2)
        assert drive.drive(sign * (45 - back) / 100, active=1).rule is rule, back


def test_released_it_does_not_cross_neutral() -> None:
    drive = _ready()
    _climbed(drive, 0.6)
    drive.cycle(11, Door=1.0)
    assert drive.drive(0.05, active=1).passed
    drive.cycle(2)
    assert drive.drive(-0.01, active=1).rule is Rule.RELEASE
    assert drive.drive(0.01, active=1).rule is Rule.RELEASE
    assert drive.drive(0.0, active=1).passed


def test_released_a_measured_neutral_may_move_and_is_followed() -> None:
    drive = _ready()
    for angle in (1.0, 2.0, 3.0):
        drive.steer(angle)
        drive.cycle(Wheel=angle)
    drive.guard.fail(drive.t_ns, "test")
    assert drive.steer(3.2, active=1).passed
    drive.cycle()
    assert drive.steer(3.3, active=1).rule is Rule.RELEASE
    drive.cycle(Wheel=8.0)
    assert drive.steer(8.3, active=1).rule is Rule.RELEASE
    assert drive.steer(8.2, active=1).passed


def test_when_the_release_is_over_only_neutral_leaves() -> None:
    drive = _ready()
    _climbed(drive, 1.0)
    drive.cycle(11, Door=1.0)
    drive.cycle(98)
    assert drive.drive(0.0, active=1).passed
    drive.cycle(2)
    assert drive.drive(0.0, active=1).rule is Rule.FRAME_CONTENT
    assert drive.drive(0.01, active=0).rule is Rule.STATE
    assert drive.drive(0.0, active=0).passed


def test_disarmed_nothing_leaves_once_it_is_released() -> None:
    drive = _ready()
    drive.guard.disarm(drive.t_ns, "test")
    assert drive.drive(0.0, active=1).passed
    drive.cycle(99)
    assert drive.drive(0.0, active=0).passed
    drive.cycle(2)
    assert drive.state() is State.OFF
    assert drive.drive(0.0, active=0).rule is Rule.STATE


def test_a_frame_leaves_no_earlier_than_its_time_tells() -> None:
    """Time is the loop's: a frame that says to be of later does not outlive a release, or come sooner."""
    drive = _ready()
    for later_ms in (0, 20, 60, 9999):
        drive.t_ns += later_ms * MS
        assert drive.drive(0.1).rule is Rule.RATE, later_ms  # 9 steps
        drive.t_ns -= later_ms * MS
    assert drive.drive(0.09).passed
    drive.t_ns += 15 * MS
    assert drive.drive(0.09).rule is Rule.FRAME_PERIOD
    drive.t_ns -= 15 * MS
    drive.cycle(2)
    assert drive.drive().passed


def test_a_counter_counts_by_one() -> None:
    for count, rule in ((1, Rule.NONE), (0, Rule.FRAME_SEAL), (2, Rule.FRAME_SEAL), (3, Rule.FRAME_SEAL)):
        drive = _ready()
        verdict = drive.drive(count=count)
        assert verdict.rule is rule
    assert (verdict.text, verdict.asked, verdict.limit) == ("Counter is 3, due is 1", 3, 1)


def test_a_counter_goes_round() -> None:
    drive = _ready()
    for count in (1, 2, 3, 0, 1):
        assert drive.drive(count=count).passed
        drive.cycle(2)
    for count in (1, 2, 0, 1):
        assert drive.steer(count=count).passed
        drive.cycle()
    assert drive.steer(count=1).rule is Rule.FRAME_SEAL


def test_a_counter_may_begin_anew_after_a_window() -> None:
    drive = _ready()
    drive.cycle(18)
    assert drive.drive(count=3).rule is Rule.FRAME_SEAL
    drive.cycle()
    assert drive.drive(count=3).passed


def test_frames_come_no_closer_than_their_period() -> None:
    drive = _ready()
    assert drive.drive().passed
    drive.cycle(step_ns=15 * MS - 1)
    verdict = drive.drive()
    assert (verdict.rule, verdict.text) == (Rule.FRAME_PERIOD, "15 ms after the last, at least 15 ms")
    drive.cycle(step_ns=1)
    assert drive.drive().passed


def test_no_more_frames_leave_within_a_window_than_stated() -> None:
    """8 in 200 ms; one that is refused does not count."""
    drive = Drive(with_one(CAR, "frames", "car/Drive", most_in_window=8)).engaged()
    drive.cycle(30)
    for _ in range(8):
        assert drive.drive().passed
        drive.cycle(step_ns=20 * MS)
    verdict = drive.drive()
    assert (verdict.rule, verdict.text) == (Rule.FRAME_FLOOD, "8 have left within 200 ms, which is the most")
    drive.cycle(step_ns=20 * MS)
    drive.cycle(step_ns=20 * MS - 1)
    assert drive.drive().rule is Rule.FRAME_FLOOD
    drive.cycle(step_ns=1)
    assert drive.drive().passed


def test_what_was_refused_has_not_happened() -> None:
    """Neither to the counter, nor to the rate, nor to the period."""
    drive = _ready()
    assert not drive.drive(3.0).passed
    for bad in ({"mode": 0}, {"stray": 1}, {"count": 0}):
        assert not drive.drive(0.0, active=1, **bad).passed
    assert drive.drive(0.09).passed


def test_a_wish_goes_on_from_what_really_left() -> None:
    """Where a frame of a quantity is refused, the wish has to come from where the frames are."""
    drive = _ready()
    drive.led("accel", 1.0, 10)
    drive.cycle()
    assert drive.ask("accel", 1.0).allowed == pytest.approx(0.54, abs=0.01)
    assert drive.drive(1.5).rule is Rule.RATE
    drive.cycle()
    assert drive.ask("accel", 1.0).allowed == pytest.approx(0.0416, abs=1e-3)


def test_an_envelope_of_two_axes_in_one_frame_is_off_where_its_axis_is() -> None:
    frame = one_of(STEER, "Active", axis="longitudinal", allowed=frozenset({0, 1}), idle=ON | {0})
    drive = Drive(replace(CAR, frames=(DRIVE, frame, HUD)))
    drive.cycle(12)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(2)
    assert drive.steer(0.0).passed


def test_a_held_field_is_what_the_car_s_own_controller_last_sent() -> None:
    """Before it has sent any, one of what is stated; a frame of another length says nothing."""
    frame = one_of(DRIVE, "Shown", kind=FieldKind.HELD, why="", allowed=frozenset({1, 2}))
    drive = Drive(replace(CAR, frames=(replace(frame, stock=Stock.MIXED),))).engaged()
    for shown, rule in ((0, Rule.FRAME_CONTENT), (3, Rule.FRAME_CONTENT), (2, Rule.NONE)):
        assert drive.drive(shown=shown).rule is rule
    drive.guard.heard(drive.t_ns, 0, 0x100, bytes(7))
    drive.cycle(2)
    assert drive.drive(shown=1).passed
    drive.guard.heard(drive.t_ns, 0, 0x100, b"\0\0\xc0\0\0\0\0\0")
    drive.cycle(2)
    verdict = drive.drive(shown=1)
    assert (verdict.rule, verdict.asked) == (Rule.FRAME_CONTENT, 1)
    assert verdict.text == "Shown is 1, not what the car's own controller last sent"
    assert drive.drive(shown=3).passed


def test_between_a_neutral_that_stands_apart_and_the_rest_nothing_leaves() -> None:
    """Neutral is -3; from 0 to 2 something is asked for."""
    frame = one_of(DRIVE, "Accel", allowed=frozenset({0, 200}))
    car = with_one(replace(CAR, frames=(frame,)), "envelopes", "accel", neutral=-3.0, rate_up=NO, rate_down=NO)
    car = with_one(car, "envelopes", "accel", window_change=NO, release_rate=8.0, tracking=NO)
    for accel, rule in ((-3.0, Rule.NONE), (0.0, Rule.NONE), (2.0, Rule.NONE), (-0.01, Rule.RANGE), (2.01, Rule.RANGE)):
        drive = Drive(car).engaged()
        drive.drive(-3.0)
        drive.cycle(2)
        assert drive.drive(accel).rule is rule, accel
    drive.cycle(2)
    assert drive.drive(2.01).text == "Accel is 2.01 m/s^2, neutral or at most 2 by its range"
    assert drive.drive(-0.5).text == "Accel is -0.5 m/s^2, neutral or at least 0 by its range"


def test_fields_that_say_whether_it_acts_agree() -> None:
    """With one of two on, a frame says both: it is neither a command nor none."""
    frame = one_of(DRIVE, "Mode", kind=FieldKind.ACTIVE, axis="longitudinal", allowed=frozenset({0, 2}), idle=OFF)
    frame = one_of(frame, "Active", allowed=frozenset({0, 1}))
    drive = Drive(replace(CAR, frames=(frame,))).engaged()
    for active, mode, rule in ((0, 2, Rule.FRAME_CONTENT), (1, 0, Rule.FRAME_CONTENT), (1, 2, Rule.NONE)):
        verdict = drive.drive(active=active, mode=mode)
        assert verdict.rule is rule
        if rule is Rule.FRAME_CONTENT:
            assert verdict.text == "some of its fields say that it acts, and some that nothing does"
    drive.cycle(2)
    assert drive.drive(active=0, mode=0).passed
