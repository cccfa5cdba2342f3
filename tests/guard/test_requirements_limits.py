"""Requirements of quantities: range, rate, window, what steering does; for every quantity of every car."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from commonwheel.control.refusal import Terms, fault
from commonwheel.control.request import Request
from commonwheel.guard import Measured, Outcome, Rule, State, Verdict, Without
from commonwheel.guard.envelope import Lateral
from tests.guard.cars import ACTING, envelope
from tests.guard.rig import CYCLE_NS, Rig
from tests.guard.watch import curvature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.guard import Envelope

pytestmark = pytest.mark.parametrize("car", ACTING)

_SPEEDS_KMH = (0.0, 110.0)
_CYCLE_S = CYCLE_NS / 1e9
_NEAR = 1e-6


def _each(car: str, speeds: tuple[float, ...] = _SPEEDS_KMH) -> Iterator[tuple[Rig, Envelope, float]]:
    """Yield each quantity of a car, engaged at each speed at which it can be; the last is that speed in m/s."""
    for one in envelope(car).envelopes:
        seen: set[float] = set()
        for speed in speeds:
            rig = Rig(envelope(car), speed, (one.axis,))
            if rig.values[envelope(car).speed] not in seen:
                seen.add(rig.values[envelope(car).speed])
                yield rig.engage(), one, rig.values[envelope(car).speed] / 3.6


def _ask(rig: Rig, one: Envelope, asked: float, count: int = 1) -> Verdict:
    """Ask for a quantity, while what shows it follows it exactly."""
    verdict = Verdict(0, "", Outcome.REFUSED, Rule.NONE)
    for _ in range(count):
        verdict = rig.drive({one.name: asked})[one.name]
        if not isinstance(one.tracking, Without):
            rig.values[one.tracking.path] = one.tracking.scale * verdict.allowed
    return verdict


def _rest(rig: Rig, one: Envelope) -> None:
    """Bring a quantity back to neutral, and the axis to engaged if that ended."""
    for _ in range(400):
        centre = one.neutral.centre if isinstance(one.neutral, Measured) else one.neutral
        if _ask(rig, one, centre).allowed == centre:
            break
    if rig.guard.state(one.axis) is not State.ENGAGED:
        rig.guard.disarm(rig.t_ns, "test")
        rig.cycle(200)
        rig.engage()


def _settled(rig: Rig, one: Envelope, asked: float) -> Verdict:
    """Ask for a quantity until it changes no more."""
    before, verdict = math.nan, _ask(rig, one, asked)
    for _ in range(400):
        if verdict.allowed == before:
            break
        before, verdict = verdict.allowed, _ask(rig, one, asked, 10)
    return verdict


def _edges(rig: Rig, one: Envelope, speed: float) -> tuple[float, float]:
    """Return what a quantity may be at a speed, by its range and by what steering leads to."""
    low, high = one.low.at(speed), one.high.at(speed)
    geometry = rig.envelope.geometry
    if isinstance(one.lateral, Lateral) and not isinstance(geometry, Without) and speed > 0:
        per_unit = 1.0 if one.unit == "1/m" else curvature(geometry, speed, 1.0)
        most = one.lateral.acceleration_mps2 / speed**2 / per_unit
        low, high = max(low, -most), min(high, most)
    return low, high


def test_wishes_stay_within_the_range(car: str) -> None:
    """However much is asked for, and for however long; and up to the limit it is had."""
    for rig, one, speed in _each(car):
        if isinstance(one.lateral, Lateral):
            continue
        for edge, beyond in zip(_edges(rig, one, speed), (-1e9, 1e9), strict=True):
            verdict = _settled(rig, one, beyond)
            assert verdict.allowed == pytest.approx(edge, abs=_NEAR), f"{one.name} at {speed} m/s: {verdict}"
            if edge != rig.neutral(one):
                assert (verdict.outcome, verdict.rule) == (Outcome.LIMITED, Rule.RANGE), f"{one.name}: {verdict}"
            _rest(rig, one)


def test_wishes_change_no_faster_than_their_rates(car: str) -> None:
    """Away from neutral and back, in every single cycle; and as fast as that they do."""
    for rig, one, speed in _each(car):
        low, high = _edges(rig, one, speed)
        for end in (high, low):
            before = _ask(rig, one, rig.neutral(one)).allowed
            centre = one.neutral.centre if isinstance(one.neutral, Measured) else one.neutral
            fastest = 0.0
            for asked in [end] * 40 + [centre] * 40:
                now = _ask(rig, one, asked).allowed
                up = abs(now - centre) > abs(before - centre)
                rate = one.rate_up if up else one.rate_down
                if not isinstance(rate, Without):
                    most = rate.at(speed) * _CYCLE_S
                    assert abs(now - before) <= most + _NEAR, f"{one.name} at {speed} m/s: {before} to {now}"
                    fastest = max(fastest, abs(now - before) / most)
                before = now
            assert fastest == 0.0 or fastest <= 1.0 + _NEAR
            _rest(rig, one)


def test_wishes_stay_within_their_window(car: str) -> None:
    for rig, one, speed in _each(car, (60.0,)):
        if isinstance(one.window_change, Without):
            continue
        low, high = _edges(rig, one, speed)
        kept: list[tuple[int, float]] = []
        for number in range(200):
            verdict = _ask(rig, one, high if number // 30 % 2 else low)
            kept = [each for each in kept if rig.t_ns - each[0] <= one.window_ns]
            for t_ns, value in kept:
                assert abs(verdict.allowed - value) <= one.window_change + _NEAR, f"{one.name}: {rig.t_ns - t_ns} ns"
            kept.append((rig.t_ns, verdict.allowed))
        _rest(rig, one)


def test_steering_stays_under_the_lateral_acceleration(car: str) -> None:
    """At the limit and not beyond it, at every speed, by the geometry stated in this test's own words."""
    for rig, one, speed in _each(car, (30.0, 90.0)):
        geometry = rig.envelope.geometry
        if isinstance(one.lateral, Without) or isinstance(geometry, Without):
            continue
        for sign in (1, -1):
            verdict = _settled(rig, one, sign * 1e6)
            bend = verdict.allowed if one.unit == "1/m" else curvature(geometry, speed, verdict.allowed)
            lateral = abs(bend) * speed**2
            assert lateral <= one.lateral.acceleration_mps2 + 1e-6, f"{one.name} at {speed} m/s"
            assert verdict.rule in {Rule.LATERAL_ACCELERATION, Rule.RANGE, Rule.RATE, Rule.STATE}, verdict
            _rest(rig, one)


def test_steering_stays_under_the_lateral_jerk(car: str) -> None:
    for rig, one, speed in _each(car, (30.0, 90.0)):
        geometry = rig.envelope.geometry
        if isinstance(one.lateral, Without) or isinstance(geometry, Without):
            continue
        before = _ask(rig, one, rig.neutral(one)).allowed
        for _ in range(50):
            now = _ask(rig, one, 1e6).allowed
            change = now - before if one.unit == "1/m" else curvature(geometry, speed, now - before)
            jerk = abs(change) * speed**2 / _CYCLE_S
            assert jerk <= one.lateral.jerk_mps3 + 1e-3, f"{one.name} at {speed} m/s"
            before = now
        _rest(rig, one)


def test_measured_lateral_acceleration_releases_it(car: str) -> None:
    """A steering wheel that turns further than is stated, whoever turns it: the lateral axis lets go."""
    limits = envelope(car)
    if isinstance(limits.measured_lateral, Without) or isinstance(limits.steering, Without):
        pytest.skip(
            "no such limit: "
            + (limits.measured_lateral.why if isinstance(limits.measured_lateral, Without) else "no angle")
        )
    assert not isinstance(limits.geometry, Without)
    for axis in limits.axes:
        if axis.name != "lateral":
            continue
        for share, ends in ((0.9, False), (1.1, True)):
            rig = Rig(limits, 100.0, (axis.name,)).engage()
            speed = rig.values[limits.speed] / 3.6
            per_degree = curvature(limits.geometry, speed, 1.0) * speed**2
            angle = share * limits.measured_lateral.acceleration_mps2 / per_degree
            # Slowly, so that it is the acceleration that shows and not the jerk.
            for number in range(600):
                rig.values[limits.steering] = angle * (number + 1) / 600
                rig.cycle()
            released = rig.guard.state(axis.name) is not State.ENGAGED
            assert released is ends, f"{angle} degrees at {speed} m/s: {rig.said[-1]}"
            if ends:
                assert rig.said[-1].rule in {Rule.MEASURED_LATERAL, Rule.INPUT_QUALITY}


def test_what_is_no_number_is_refused_and_released(car: str) -> None:
    for rig, one, speed in _each(car, (60.0,)):
        low, high = _edges(rig, one, speed)
        for bad in (math.nan, math.inf, -math.inf):
            _ask(rig, one, (low + high) / 2 if rig.neutral(one) != (low + high) / 2 else high, 30)
            verdict = _ask(rig, one, bad)
            assert (verdict.outcome, verdict.rule) == (Outcome.REFUSED, Rule.NOT_A_NUMBER), verdict
            assert low - _NEAR <= verdict.allowed <= high + _NEAR
            for _ in range(300):
                verdict = _ask(rig, one, bad)
                if abs(verdict.allowed - rig.neutral(one)) < _NEAR:
                    break
            assert verdict.allowed == pytest.approx(rig.neutral(one), abs=0.2), f"{one.name} after {bad}"
            _rest(rig, one)


def test_an_unknown_quantity_is_refused(car: str) -> None:
    rig = Rig(envelope(car))
    rig.cycle(5)
    verdict = rig.guard.limit(rig.t_ns, "what is not there", 1.0)
    assert (verdict.outcome, verdict.rule, verdict.allowed) == (Outcome.REFUSED, Rule.UNKNOWN_TARGET, 0.0)


def test_what_is_asked_before_engagement_is_neutral(car: str) -> None:
    for axis in envelope(car).axes:
        rig = Rig(envelope(car), axes=(axis.name,))
        rig.wanted = False
        for armed in (False, True):
            rig.cycle(5)
            if armed:
                rig.arm()
            for one in envelope(car).envelopes:
                if one.axis != axis.name:
                    continue
                for asked in (-1e9, 1e9):
                    verdict = rig.drive({one.name: asked})[one.name]
                    assert verdict.allowed == pytest.approx(rig.neutral(one), abs=0.2), f"{one.name}: {verdict}"
                    assert verdict.rule is Rule.STATE


def test_a_quantity_that_is_no_longer_asked_for_is_released(car: str) -> None:
    """Nobody calls for it any more while the axis stays engaged: frames may carry its neutral alone, in time."""
    for rig, one, speed in _each(car, (60.0,)):
        low, high = _edges(rig, one, speed)
        _ask(rig, one, high if high != rig.neutral(one) else low, 20)
        rig.cycle(-(-(one.timeout_ns + rig.axis(one.axis).release_ns) // CYCLE_NS) + 2)
        verdict = rig.guard.limit(rig.t_ns, one.name, rig.neutral(one))
        assert verdict.allowed == pytest.approx(rig.neutral(one), abs=0.2), f"{one.name}: {verdict}"
        _rest(rig, one)


def test_what_does_not_follow_its_command_is_a_fault(car: str) -> None:
    for axis in envelope(car).axes:
        for one in envelope(car).envelopes:
            if one.axis != axis.name or isinstance(one.tracking, Without):
                continue
            rig = Rig(envelope(car), 60.0, (axis.name,)).engage()
            speed = rig.values[envelope(car).speed] / 3.6
            end = max(_edges(rig, one, speed), key=abs)
            assert abs(one.tracking.scale * end) > one.tracking.tolerance, f"{one.name}: its tracking shows nothing"
            begun_ns = rig.t_ns
            while rig.guard.state(axis.name) is State.ENGAGED and rig.t_ns - begun_ns < 20_000_000_000:
                verdict = rig.drive({one.name: end})[one.name]
                off = abs(one.tracking.scale * verdict.allowed - rig.values[one.tracking.path])
                if off <= one.tracking.tolerance:
                    begun_ns = rig.t_ns
            assert rig.guard.state(axis.name) is State.FAULTED, f"{one.name}: {rig.said[-1]}"
            assert rig.said[-1].rule is Rule.TRACKING
            assert rig.t_ns - begun_ns <= one.tracking.for_ns + 5 * CYCLE_NS


def test_without_a_speed_the_strictest_limit_holds(car: str) -> None:
    """Before any speed has come nothing is engaged; a frame's limit then is the least of all speeds."""
    limits = envelope(car)
    rig = Rig(limits).engage()
    rig.silent.add(limits.speed)
    for _ in range(20):
        rig.drive({})
        for one in limits.envelopes:
            if rig.guard.acts(one.axis):
                allowed = rig.guard.limit(rig.t_ns, one.name, 1e9).allowed
                assert allowed <= max(value for _, value in one.high.points) + _NEAR


# ------------------------------------------------------------------------- requests


def _terms(car: str) -> dict[str, Terms]:
    return {f"{car}.{one.name}": Terms("group", one.unit, least_wins=False) for one in envelope(car).envelopes}


def test_a_request_in_another_unit_is_refused(car: str) -> None:
    for path, own in _terms(car).items():
        for unit, rule in (("", Rule.NONE), (own.unit, Rule.NONE), ("furlong", Rule.WRONG_UNIT)):
            request = Request(path, 0.0, "test", 0, 100_000_000, unit=unit)
            assert fault(_terms(car), 0, request)[0] is rule


def test_a_request_of_another_time_is_refused(car: str) -> None:
    now_ns, valid_ns = 10_000_000_000, 100_000_000
    for path in _terms(car):
        for t_ns, valid, rule in (
            (now_ns, valid_ns, Rule.NONE),
            (now_ns - valid_ns, valid_ns, Rule.NONE),
            (now_ns - valid_ns - 1, valid_ns, Rule.STALE_REQUEST),
            (now_ns + 1_000_000_000, valid_ns, Rule.STALE_REQUEST),
            (now_ns, 0, Rule.STALE_REQUEST),
            (now_ns, 3_600_000_000_000, Rule.STALE_REQUEST),
        ):
            assert fault(_terms(car), now_ns, Request(path, 0.0, "test", t_ns, valid))[0] is rule
