"""What somebody above the guard may try who asks it nothing, or lies: frames alone, at whatever times and in any order.

``limit`` is never called here: ``check`` has to hold by itself what leaves, whatever made it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from commonwheel.guard import Outcome, Rule, State, Without
from commonwheel.guard.envelope import FieldKind, FieldRule, FrameRule, Stock
from commonwheel.guard.problems import problems
from commonwheel.vehicles.samples import Quality
from tests.guard.cars import ACTING, envelope
from tests.guard.layout import holds, raw_of, value_of
from tests.guard.little import CAR, MS, Drive, S, one_of, with_one
from tests.guard.rig import Rig, fields_of

LONG, LAT = "longitudinal", "lateral"


@dataclass
class _Greedy:
    """Wants one field of an engaged car as far from neutral as it can get."""

    rig: Rig
    rule: FrameRule
    one: FieldRule
    raw: int

    def go(self, sign: int) -> float:
        """Send the farthest frame that passes now; returns its value."""
        limits = self.rig.limits(self.one.envelope)
        assert not isinstance(limits.rate_up, Without)
        most = round(0.4 * limits.rate_up.points[0][1] / abs(self.one.factor)) + 2
        tried = (int(most * 0.8**number) for number in range(60))
        self.raw += sign * next((steps for steps in tried if self._passes(sign * steps)), 0)
        value = value_of(self.one, self.raw)
        if not isinstance(limits.tracking, Without):
            self.rig.values[limits.tracking.path] = limits.tracking.scale * value
        return value

    def _passes(self, steps: int) -> bool:
        return holds(self.one, self.raw + steps) and self.rig.check(self.rule, {self.one.name: self.raw + steps}).passed


def _greedy(car: str, speed_kmh: float) -> list[_Greedy]:
    """Return one for each field of a car that has a rate, its axis engaged."""
    found: list[_Greedy] = []
    for rule, one in fields_of(envelope(car), FieldKind.LIMITED):
        (limits,) = (each for each in envelope(car).envelopes if each.name == one.envelope)
        if not isinstance(limits.rate_up, Without):
            rig = Rig(envelope(car), speed_kmh * (limits.axis != "comfort"), (limits.axis,)).engage()
            found.append(_Greedy(rig, rule, one, raw_of(one, rig.neutral(limits))))
    return found


@pytest.mark.parametrize("car", ACTING)
def test_no_way_of_sending_frames_is_faster_than_the_rate(car: str) -> None:
    """Neither many frames, each with a step for the wire, nor few of them, each with all the time since the last."""
    for every, times in ((1, 20), (29, 2)):
        for greedy in _greedy(car, 60.0):
            rig, one = greedy.rig, greedy.one
            limits = rig.limits(one.envelope)
            assert not isinstance(limits.rate_up, Without)
            rig.check(greedy.rule)
            began_ns, first = rig.t_ns, value_of(one, greedy.raw)
            for _ in range(times):
                rig.cycle(every)
                assert rig.guard.state(limits.axis) is State.ENGAGED
                before = value_of(one, greedy.raw)
                value = greedy.go(1)
                most_s = (rig.envelope.late_ns + 2 * greedy.rule.window_ns // greedy.rule.most_in_window) / 1e9
                rate, step = limits.rate_up.at(60.0 / 3.6 * (limits.axis != "comfort")), abs(one.factor)
                assert abs(value - first) <= rate * (rig.t_ns - began_ns) / 1e9 + 1.0001 * step, one.name
                assert abs(value - before) <= rate * max(most_s, every * 0.01 * (every == 1)) + 1.0001 * step, one.name
                if not isinstance(limits.window_change, Without):
                    assert abs(value - before) <= limits.window_change + 1.0001 * step


@pytest.mark.parametrize("silent_ms", [310, 500, 3000])
def test_what_left_long_ago_does_not_come_back_in_a_release(silent_ms: int) -> None:
    """It acts, falls silent, is released, and then wants to go on from where it was."""
    drive = _at_one()
    drive.cycle(silent_ms // 10)
    drive.cycle(11, Door=1.0)
    assert drive.state() is State.ARMED
    assert drive.guard.acts(LONG)
    for accel in (1.0, 0.5, 0.02):
        assert drive.drive(accel, active=1).rule is Rule.RELEASE, accel
    assert drive.drive(0.0, active=1).passed
    assert drive.ask("accel", 1.0).allowed == 0.0


def _at_one() -> Drive:
    """Return a drive whose frames have got to 1 m/s^2."""
    drive = Drive().engaged()
    for accel in range(0, 101, 5):
        drive.cycle(2, Accel=accel / 100)
        assert drive.drive(accel / 100).passed
    return drive


def test_a_release_that_is_not_led_to_neutral_does_not_leave() -> None:
    drive = _at_one()
    drive.cycle(10, Door=1.0)
    left = 0
    for _ in range(60):
        drive.cycle(2)
        left += drive.drive(1.0, active=int(drive.guard.acts(LONG))).passed
    assert left == 0


@pytest.mark.parametrize("cycles", [1, 10, 25])
def test_after_a_cut_it_begins_at_neutral_though_no_frame_has_said_so(cycles: int) -> None:
    """Whoever sends nothing while the driver acts does not go on where it was when he lets go."""
    drive = _at_one()
    drive.cycle(cycles, Pedal=50.0)
    assert drive.state() is State.OVERRIDING
    drive.cycle(Pedal=0.0)
    assert drive.state() is State.ENGAGED
    assert drive.ask("accel", 1.0).allowed < 0.2
    assert drive.drive(1.0).rule is Rule.RATE
    assert drive.drive(0.3).rule is Rule.RATE
    assert drive.drive(0.05).passed


def test_a_release_after_a_cut_does_not_begin_where_it_was_before() -> None:
    """The driver has acted and let go, and a door opens at once: all was neutral in between, and stays so."""
    drive = _at_one()
    drive.cycle(8, Door=1.0)
    drive.cycle(Pedal=50.0)
    drive.cycle(Pedal=0.0)
    assert drive.state() is State.ENGAGED
    drive.cycle()
    assert drive.state() is State.ARMED
    assert drive.guard.acts(LONG)
    assert drive.ask("accel", 1.0).allowed == 0.0
    assert drive.drive(0.4, active=1).rule is Rule.RELEASE
    assert drive.drive(0.0, active=1).passed


def test_what_is_asked_for_begins_at_neutral_after_a_cut_that_nobody_asked_in() -> None:
    drive = Drive().engaged()
    assert drive.led("accel", 1.0, 40)[-1] == 1.0
    drive.cycle(3, Pedal=50.0)
    drive.cycle(Pedal=0.0)
    assert drive.ask("accel", 1.0).allowed == pytest.approx(30e-3 * 25 / 6, rel=1e-4)


def test_a_ramp_that_is_broken_off_goes_on_from_where_it_has_led() -> None:
    """Also when the time is over at which it would have ended: the steering here is overridden with a ramp."""
    drive = Drive().engaged()
    for torque in range(0, 701, 70):
        drive.cycle()
        assert drive.steer(torque=torque).passed
    torque = 700
    for number in range(120):
        drive.cycle(Hands=5.0 * (number < 8))
        torque -= 30 * (drive.state(LAT) is State.OVERRIDING)
        assert drive.steer(torque=torque).passed, number
    assert drive.state(LAT) is State.ENGAGED
    assert 300 < torque < 600


def test_no_time_passes_but_the_loop_s() -> None:
    """A frame that says to be of later has no more time to change in, and none has come to an end for it."""
    drive = Drive().engaged()
    drive.drive()
    drive.cycle(2)
    for later_ms in (0, 10, 30, 10_000):
        verdict = drive.guard.check(drive.t_ns + later_ms * MS, 0, 0x100, _drive(0.10, 1))
        assert verdict.rule is Rule.RATE, later_ms
    assert drive.drive(0.09).passed
    assert drive.guard.check(drive.t_ns + S, 0, 0x100, _drive(0.09, 2)).rule is Rule.FRAME_PERIOD


def _drive(accel: float, count: int) -> bytes:
    return (round(accel * 100) | 1 << 12 | 2 << 13 | count << 16).to_bytes(8, "little")


def test_what_follows_is_held_against_what_left_and_not_against_what_was_asked() -> None:
    """Whoever asks for what the car does, and sends something else, is found out."""
    drive = Drive().engaged()
    accel = 0.0
    for _ in range(200):
        drive.cycle(2, Accel=0.0)
        drive.ask("accel", 0.0)
        if drive.state() is not State.ENGAGED:
            break
        if drive.drive(round(accel + 0.05, 2)).passed:
            accel = round(accel + 0.05, 2)
    assert drive.said[-1].rule is Rule.TRACKING
    assert accel <= 2.55 + 0.5 * 2.55


def test_what_no_frame_has_said_for_long_is_not_held_against_what_is_measured() -> None:
    """Then the car does what it does by itself."""
    drive = _at_one()
    drive.cycle(100, Accel=-2.0)
    assert drive.state() is State.ENGAGED
    for _ in range(4):  # but it is while frames may still be heeded
        drive = _at_one()
    drive.cycle(30, Accel=-1.51)
    assert drive.state() is State.ENGAGED


@pytest.mark.parametrize("stock", [Stock.BLOCKED, Stock.NONE])
def test_a_message_that_nobody_else_is_to_send_and_is_heard_is_a_fault(stock: Stock) -> None:
    drive = Drive(with_one(CAR, "frames", "car/Drive", stock=stock)).engaged()
    drive.guard.heard(drive.t_ns, 0, 0x100, bytes(8))
    (transition,) = drive.cycle()
    assert (transition.axis, transition.after, transition.rule) == (LONG, State.FAULTED, Rule.STOCK_MESSAGE)


@pytest.mark.parametrize("stock", [Stock.MIXED, Stock.REPLACED])
def test_beside_the_car_s_own_frames_leave_only_while_something_acts(stock: Stock) -> None:
    """Armed is not enough: a neutral one that takes the place of the car's own says something too."""
    drive = Drive(with_one(CAR, "frames", "car/Drive", stock=stock))
    drive.cycle(12)
    drive.guard.arm(drive.t_ns, "test")
    drive.cycle(2)
    verdict = drive.drive()
    assert (verdict.outcome, verdict.rule) == (Outcome.REFUSED, Rule.STATE)
    assert verdict.text == "the car's own goes on: longitudinal not engaged"
    drive.cycle(Cruise=1.0)
    assert drive.drive().passed
    drive.cycle(11, Door=1.0)
    assert drive.drive(active=1).passed
    drive.cycle(Brake=1.0)
    drive.cycle(2)
    assert drive.drive(active=0).rule is Rule.STATE


def test_a_value_that_stands_still_is_not_made_to_move_by_what_is_of_no_use() -> None:
    """The speed is taken to be frozen after 2 s; frames that are corrupt or out of range come in between."""
    drive = Drive().engaged()
    for number in range(120):
        drive.cycle(step_ns=5 * MS)
        watch = drive.guard._car.watches["Speed"]
        watch.take(drive.guard._pace.now, 40.0 + number, Quality.CORRUPT)
        watch.take(drive.guard._pace.now, 1000.0 + number, Quality.GOOD)
        watch.take(drive.guard._pace.now, 36.0, Quality.GOOD)
    drive.silent.add("Speed")
    for number in range(401):
        drive.cycle(step_ns=5 * MS)
        watch = drive.guard._car.watches["Speed"]
        watch.take(drive.guard._pace.now, 40.0 + number, Quality.CORRUPT)
        watch.take(drive.guard._pace.now, 36.0, Quality.GOOD)
    drive.cycle(11)
    assert drive.state() is not State.ENGAGED
    assert "Speed is frozen" in drive.said[-1].cause


def test_steering_that_is_measured_needs_what_measures_it() -> None:
    blind = with_one(CAR, "inputs", "Wheel", axes=(LONG,))
    assert "the measured lateral acceleration needs input 'Wheel', on which 'lateral' does not rely" in problems(blind)
    curvature = replace(CAR, envelopes=tuple(replace(each, lateral=Without("none")) for each in CAR.envelopes))
    assert problems(curvature) == ["a lateral acceleration is measured, and nothing that steers is limited by it"]


def test_what_the_wire_cannot_hold_is_granted_once() -> None:
    """Steps of 0.1 at 0.05 in a cycle: with one anew in each frame it would go three times as fast as it may."""
    frame = one_of(CAR.frames[0], "Accel", factor=0.1)
    car = with_one(replace(CAR, frames=(replace(frame, least_period_ns=0), *CAR.frames[1:])), "axes", LONG)
    for sign in (1, -1):
        drive = Drive(with_one(car, "envelopes", "accel", tracking=Without("none"))).engaged()
        raw = 0
        drive.drive()
        for number in range(1, 60):
            drive.cycle()
            word = (raw + sign) & 0xFFF | 1 << 12 | 2 << 13 | (number & 3) << 16
            still = raw & 0xFFF | 1 << 12 | 2 << 13 | (number & 3) << 16
            if drive.guard.check(drive.t_ns, 0, 0x100, word.to_bytes(8, "little")).passed:
                raw += sign
            else:
                assert drive.guard.check(drive.t_ns, 0, 0x100, still.to_bytes(8, "little")).passed, number
            assert abs(raw) * 0.1 <= number * 0.01 * 25 / 6 + 0.1 + 1e-6, number
        assert abs(raw) >= 22
