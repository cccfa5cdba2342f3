"""What frames are judged by at the edges: fields that do not fit, fine resolutions, axes in different states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from commonwheel.guard import Rule, State
from commonwheel.guard.envelope import CarEnvelope, Curve, FieldKind, Stock
from commonwheel.guard.frames import BrokenRule, Frame, Layout
from commonwheel.guard.situation import Situation
from tests.guard.little import CAR, DRIVE, FIELD, HUD, MS, NO, OFF, ON, STEER, WARM, Drive, S, one_of, with_one

_AXES = ("longitudinal", "lateral", "comfort")
_ENVELOPES = {each.name: each for each in CAR.envelopes}


def test_what_breaks_a_rule_says_so_in_words() -> None:
    broken = BrokenRule(Rule.RANGE, "too much")
    assert str(broken) == "too much"
    assert (broken.asked, broken.limit, broken.of) == (0.0, 0.0, None)


@pytest.mark.parametrize(
    ("start", "length", "big_endian"), [(0, 2, True), (6, 8, True), (7, 9, True), (1, 8, False), (0, 0, False)]
)
def test_a_field_that_does_not_fit_holds_nothing(start: int, length: int, big_endian: bool) -> None:  # noqa: FBT001
    layout = Layout(replace(FIELD, start=start, length=length, big_endian=big_endian, signed=True), 1)
    assert not layout.fits
    assert (layout.covered, layout.least, layout.most) == (0, 0, 0)


def test_what_has_never_left_or_has_lapsed_comes_from_neutral() -> None:
    car = Situation(CAR)
    (quantity,) = Frame(DRIVE, _ENVELOPES, _AXES, 30 * MS).quantities
    assert quantity.last(car, 100 * MS, 2.0) == 2.0
    quantity.left(5 * S, 1.0, (1.0, 1.0))
    assert quantity.last(car, 5 * S + 300 * MS, 2.0) == 1.0
    assert quantity.last(car, 5 * S + 300 * MS + 1, 2.0) == 2.0


def _armed(car: CarEnvelope) -> Drive:
    drive = Drive(car)
    drive.cycle(12)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(2)
    return drive


def test_one_step_is_told_from_neutral_however_fine_it_is() -> None:
    drive = _armed(replace(CAR, frames=(one_of(DRIVE, "Accel", factor=0.0005),)))
    assert drive.drive(0.01, active=0).rule is Rule.STATE  # one raw step, 0.0005
    assert drive.drive(0.0, active=0).passed
    apart = one_of(DRIVE, "Accel", factor=0.0005, allowed=frozenset({100, 200}))
    assert _armed(replace(CAR, frames=(apart,))).drive(0.01, active=0).rule is Rule.RANGE


def test_what_stands_apart_counts_with_the_field_s_offset() -> None:
    frame = one_of(WARM, "Warmth", allowed=frozenset({28, 36}))  # 24 to 28 degrees, or 20
    for raw, passes in ((20, True), (24, False), (28, True), (30, True), (36, True)):
        car = with_one(replace(CAR, frames=(frame,)), "envelopes", "warmth", rate_down=NO)
        drive = Drive(car).engaged()
        verdict = drive.guard.check(drive.t_ns, 0, 0x98FF0001, (raw << 4).to_bytes(2, "little"))
        assert verdict.passed is passes, raw
        assert passes or (verdict.rule, verdict.limit) == (Rule.RANGE, 24.0)


def test_the_lowest_of_several_stray_bits_is_named_wherever_it_is() -> None:
    drive = _armed(CAR)
    assert drive.drive(active=0, stray=0b110000).text == "bit 4 of byte 3 is set, which no field covers"
    for bit in (0, 3):
        verdict = drive.guard.check(drive.t_ns, 0, 0x98FF0001, (20 << 4 | 1 << bit).to_bytes(2, "little"))
        assert (verdict.rule, verdict.text) == (
            Rule.FRAME_CONTENT, f"bit {bit} of byte 0 is set, which no field covers",
        )  # fmt: skip


def test_a_frame_serves_the_axes_of_its_quantities_and_of_what_says_that_they_act() -> None:
    lamp = replace(FIELD, name="Lamp", length=8, kind=FieldKind.ACTIVE, axis="lateral", allowed=ON, idle=OFF)
    fixed = replace(lamp, kind=FieldKind.FIXED, axis="")
    for fields, axes in (
        (HUD.fields, _AXES),
        ((fixed,), _AXES),
        ((lamp,), ("lateral",)),
        ((lamp, replace(DRIVE.fields[0], start=8)), ("longitudinal", "lateral")),
    ):
        assert Frame(replace(HUD, size=4, fields=fields), _ENVELOPES, _AXES, 30 * MS).axes == axes


def test_a_frame_that_serves_several_axes_leaves_while_one_of_them_is_not_off() -> None:
    drive = Drive(replace(CAR, armed_ns=S))
    drive.cycle(12, Belt=0.0)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(2)
    drive.cycle(120, Cruise=1.0)
    assert [drive.state(axis) for axis in _AXES] == [State.OFF, State.ENGAGED, State.ENGAGED]
    assert drive.guard.check(drive.t_ns, 0, 0x300, b"\x01").passed
    assert drive.drive(active=0).text == "nothing leaves: longitudinal off"


def test_one_in_a_window_is_one() -> None:
    drive = _armed(with_one(CAR, "frames", "car/Drive", most_in_window=1))
    assert drive.drive(active=0).passed
    for _ in range(3):
        drive.cycle(2)
        assert drive.drive(active=0).rule is Rule.FRAME_FLOOD
    drive.cycle(14)
    assert drive.drive(active=0).passed


def test_what_comes_too_soon_is_told_by_the_last_that_left() -> None:
    drive = _armed(CAR)
    for _ in range(3):
        drive.cycle(2)
        assert drive.drive(active=0).passed
    drive.cycle()
    assert drive.drive(active=0).text == "10 ms after the last, at least 15 ms"


@pytest.mark.parametrize("sign", [1, -1])
def test_many_frames_at_one_time_gain_one_step_and_no_more(sign: int) -> None:
    """The step that is granted for what the wire cannot hold is not granted anew with each of them."""
    drive = Drive(with_one(CAR, "frames", "car/Drive", least_period_ns=0)).engaged()
    assert drive.drive(0.0).passed
    assert drive.drive(sign * 0.01).passed
    for _ in range(3):
        assert drive.drive(sign * 0.02).rule is Rule.RATE
        assert drive.drive(sign * 0.01).passed


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("peak", [300, 222])
def test_when_the_range_has_shrunk_it_goes_on_from_its_edge(sign: int, peak: int) -> None:
    """It had to go to 2 at once, which is farther than its rate and one step; from there it comes back at its rate."""
    car = with_one(CAR, "envelopes", "accel", low=Curve(((5.0, -4.0), (25.0, -2.0))))
    drive = Drive(car).engaged()
    for accel in (*range(0, peak, 5), peak):
        drive.cycle(2, Accel=sign * accel / 100)
        assert drive.drive(sign * accel / 100).passed
    drive.cycle(2, Speed=90.0)
    assert drive.drive(sign * 2.0).passed
    drive.cycle(2)
    assert drive.drive(sign * 1.78).rule is Rule.RATE  # 0.2 in 20 ms, and one step
    assert drive.drive(sign * 1.79).passed


def test_what_leaves_in_the_cycle_in_which_it_engages_has_left() -> None:
    drive = Drive().engaged()
    assert drive.drive(0.2).passed
    drive.cycle(2)
    assert drive.drive(0.28).passed


def test_a_frame_of_a_release_may_say_the_same_as_one_of_the_same_time() -> None:
    """However fine the field is: no time has passed in which it would have had to move."""
    frame = replace(one_of(DRIVE, "Accel", factor=0.0005), least_period_ns=0)
    drive = Drive(replace(CAR, frames=(frame,))).engaged()
    assert drive.drive(0.0).passed
    drive.cycle(2)
    assert drive.drive(1.6).passed  # of this field 0.08
    drive.guard.disarm(drive.t_ns, "test")
    assert drive.drive(1.6, active=1).passed


def test_beside_the_car_s_own_no_frame_leaves_while_one_axis_is_off_and_the_other_neutral() -> None:
    frame = one_of(STEER, "Active", axis="longitudinal", allowed=frozenset({0, 1}), idle=ON | {0})
    drive = Drive(replace(CAR, frames=(DRIVE, replace(frame, stock=Stock.MIXED), HUD), armed_ns=S))
    drive.cycle(12, Belt=0.0)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(2)
    drive.cycle(120, Cruise=1.0)
    assert [drive.state(axis) for axis in _AXES[:2]] == [State.OFF, State.ENGAGED]
    assert drive.steer(active=0).passed
    drive.cycle(Brake=1.0)
    assert drive.state("lateral") is State.ARMED
    assert drive.steer(active=0).text == "the car's own goes on: longitudinal, lateral not engaged"
