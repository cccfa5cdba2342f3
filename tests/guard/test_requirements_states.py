"""Requirements of arming, engagement, release and faults, held by every car that acts (``requirements.yaml``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonwheel.guard import Ending, Measured, Rule, State, Transition, Without
from commonwheel.guard.envelope import FieldKind, Stock
from tests.guard.cars import ACTING, envelope
from tests.guard.layout import holds, raw_of
from tests.guard.rig import CYCLE_NS, Rig, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.guard.envelope import Axis, Condition, FrameRule, Input

pytestmark = pytest.mark.parametrize("car", ACTING)


def _each(car: str, speed_kmh: float = 60.0) -> Iterator[tuple[Axis, Rig]]:
    """Yield each axis of a car with a rig of its own."""
    for axis in envelope(car).axes:
        yield axis, Rig(envelope(car), speed_kmh, (axis.name,))


def _frames_of(rig: Rig, axis: Axis) -> list[tuple[str, int]]:
    """Return the names of the axis's quantities that frames carry, with the raw distance of one step."""
    names = {one.name for one in rig.envelope.envelopes if one.axis == axis.name}
    return [(one.name, 1) for _, one in fields_of(rig.envelope, FieldKind.LIMITED) if one.envelope in names]


def _causes(said: list[Transition], axis: Axis) -> list[Rule]:
    return [one.rule for one in said if one.axis == axis.name]


# -------------------------------------------------------------------------- arming


def test_nothing_leaves_before_it_is_armed(car: str) -> None:
    rig = Rig(envelope(car))
    rig.cycle(30)
    for rule in rig.envelope.frames:
        verdict = rig.check(rule)
        assert not verdict.passed, rule.name
        assert verdict.rule is Rule.STATE


def test_arming_takes_it_to_armed_and_frames_stay_neutral(car: str) -> None:
    rig = Rig(envelope(car))
    rig.arm()
    for axis in rig.envelope.axes:
        if isinstance(axis.consent, Without):
            continue
        assert rig.guard.state(axis.name) is State.ARMED, rig.said
        assert not rig.guard.acts(axis.name)
        assert _causes(rig.said, axis) == [Rule.ARMING]
    for rule in rig.envelope.frames:
        rig.spaced(rule)
        verdict = rig.check(rule)
        assert verdict.passed or _goes_on(rig, rule), f"{rule.name}: {verdict}"
    for rule, one in fields_of(rig.envelope, FieldKind.LIMITED):
        limits = rig.limits(one.envelope)
        if rig.guard.acts(limits.axis):
            continue
        tolerance = limits.neutral.tolerance if isinstance(limits.neutral, Measured) else 0.0
        beyond = int(tolerance / abs(one.factor)) + 2
        rig.spaced(rule)
        neutral = raw_of(one, rig.neutral(limits))
        other = neutral + beyond if beyond > 2 or neutral == 0 else 1 - neutral
        other = other if holds(one, other) else 1 - neutral
        assert not rig.check(rule, {one.name: other}).passed, f"{rule.name}.{one.name} = {other}"
        assert rig.check(rule).passed or _goes_on(rig, rule), f"{rule.name}.{one.name}"


def _goes_on(rig: Rig, rule: FrameRule) -> bool:
    """Whether the car's own goes on while nothing acts: then nothing comes besides or in its place."""
    acts = any(rig.guard.acts(axis.name) for axis in rig.envelope.axes)
    return rule.stock in {Stock.MIXED, Stock.REPLACED} and not acts


@pytest.mark.slow
def test_armed_for_too_long_is_off(car: str) -> None:
    for axis, rig in _each(car):
        rig.wanted = False
        rig.arm()
        if rig.guard.state(axis.name) is not State.ARMED:
            continue
        step_ns = max(rig.envelope.late_ns // 2, CYCLE_NS)
        rig.cycle(rig.envelope.armed_ns // step_ns + 3, step_ns)
        assert rig.guard.state(axis.name) is State.OFF, rig.said
        assert _causes(rig.said, axis)[-1] is Rule.ARMING


def test_a_fault_stays_until_it_is_disarmed_and_armed(car: str) -> None:
    for axis, rig in _each(car):
        rig.engage()
        rig.guard.fail(rig.t_ns, "test")
        assert rig.guard.state(axis.name) is State.FAULTED
        rig.consent(given=False)
        rig.cycle(40)
        rig.guard.arm(rig.t_ns, "test")
        rig.consent(given=True)
        rig.cycle(40)
        assert rig.guard.state(axis.name) is State.FAULTED
        rig.guard.disarm(rig.t_ns, "test")
        rig.cycle(2)
        assert rig.guard.state(axis.name) is State.OFF
        rig.engage()


# ---------------------------------------------------------------------- engagement


def test_it_is_engaged_when_consent_begins(car: str) -> None:
    for axis, rig in _each(car):
        rig.engage()
        assert rig.guard.acts(axis.name)
        assert _causes(rig.said, axis)[-1] is Rule.ENGAGEMENT


def test_consent_of_long_ago_engages_nothing(car: str) -> None:
    for axis, rig in _each(car):
        if isinstance(axis.consent_most_ns, Without):
            continue
        rig.wanted = False
        rig.arm()
        rig.consent(given=True)
        step_ns = max(rig.envelope.late_ns // 2, CYCLE_NS)
        rig.cycle(axis.consent_most_ns // step_ns + 50, step_ns)
        rig.wanted = True
        rig.cycle(50)
        assert rig.guard.state(axis.name) is State.ARMED
        rig.consent(given=False)
        rig.cycle(50)
        rig.consent(given=True)
        assert rig.until(axis.name, State.ENGAGED)


def test_consent_that_was_there_before_arming_engages_nothing(car: str) -> None:
    for axis, rig in _each(car):
        if isinstance(axis.consent, Without):
            continue
        rig.consent(given=True)
        rig.cycle(50)
        rig.guard.arm(rig.t_ns, "test")
        rig.cycle(100)
        assert rig.guard.state(axis.name) is State.ARMED
        rig.consent(given=False)
        rig.cycle(50)
        rig.consent(given=True)
        assert rig.until(axis.name, State.ENGAGED)


def test_nobody_asking_keeps_it_from_being_engaged(car: str) -> None:
    for axis, rig in _each(car):
        rig.wanted = False
        rig.arm()
        rig.consent(given=True)
        rig.cycle(100)
        assert rig.guard.state(axis.name) is State.ARMED, axis.name


def _broken(condition: Condition, one: Input) -> float | None:
    for value in (condition.high + 1, condition.low - 1, one.high, one.low):
        if one.low <= value <= one.high and not condition.low <= value <= condition.high:
            return value
    return None


def test_each_condition_keeps_it_from_being_engaged(car: str) -> None:
    for axis in envelope(car).axes:
        for condition in (*axis.engage, *axis.keep):
            rig = Rig(envelope(car), axes=(axis.name,))
            value = _broken(condition, rig.inputs[condition.path])
            assert value is not None, f"{condition.text}: its input never contradicts it"
            if not isinstance(axis.consent, Without) and axis.consent.path == condition.path:
                continue
            rig.values[condition.path] = value
            rig.cycle(10)
            rig.arm()
            rig.values[condition.path] = value
            rig.consent(given=True)
            rig.cycle(100)
            assert rig.guard.state(axis.name) is not State.ENGAGED, f"{axis.name}: not {condition.text}"


# -------------------------------------------------------------------------- endings


def _ends(axis: Axis) -> list[Condition]:
    return [*axis.keep, *([] if isinstance(axis.consent, Without) else [axis.consent])]


def test_each_condition_that_ends_releases_it(car: str) -> None:
    for axis in envelope(car).axes:
        for condition in _ends(axis):
            rig = Rig(envelope(car), axes=(axis.name,)).engage()
            value = _broken(condition, rig.inputs[condition.path])
            assert value is not None
            rig.values[condition.path] = value
            begun_ns = rig.t_ns
            while rig.guard.state(axis.name) is State.ENGAGED and rig.t_ns - begun_ns < 5_000_000_000:
                rig.cycle()
            took_ns = rig.t_ns - begun_ns
            assert rig.guard.state(axis.name) in {State.ARMED, State.OVERRIDING, State.FAULTED}, condition.text
            assert took_ns <= condition.for_ns + rig.inputs[condition.path].tolerance_ns + 3 * CYCLE_NS, condition.text


def test_a_cut_is_neutral_in_the_next_frame(car: str) -> None:
    for axis in envelope(car).axes:
        for condition in _ends(axis):
            if condition.ending is not Ending.CUT:
                continue
            rig = Rig(envelope(car), axes=(axis.name,)).engage()
            wishes = _wishes(rig, axis)
            rig.drive(wishes, 60)
            value = _broken(condition, rig.inputs[condition.path])
            assert value is not None
            rig.values[condition.path] = value
            while rig.guard.state(axis.name) is State.ENGAGED:
                rig.drive(wishes)
            assert not rig.guard.acts(axis.name), condition.text
            for name, verdict in rig.drive(wishes).items():
                limits = rig.limits(name)
                if limits.axis == axis.name:
                    assert verdict.allowed == pytest.approx(rig.neutral(limits), abs=0.2), f"{name}: {condition.text}"


def _wishes(rig: Rig, axis: Axis) -> dict[str, float]:
    """Return wishes a little way from neutral, for all quantities of an axis."""
    wishes: dict[str, float] = {}
    for one in rig.envelope.envelopes:
        if one.axis == axis.name:
            speed = rig.values[rig.envelope.speed] / 3.6
            neutral = rig.neutral(one)
            end = one.high.at(speed) if one.high.at(speed) > neutral else one.low.at(speed)
            wishes[one.name] = neutral + (end - neutral) * 0.1
    return wishes


def test_a_release_is_over_in_time_and_never_goes_back(car: str) -> None:
    """Whatever is asked meanwhile, and for every quantity: over within release_ns, at its release rate at most."""
    for axis in envelope(car).axes:
        rig = Rig(envelope(car), axes=(axis.name,)).engage()
        wishes = _wishes(rig, axis)
        before = {name: verdict.allowed for name, verdict in rig.drive(wishes, 60).items()}
        rig.guard.fail(rig.t_ns, "test")
        begun_ns = rig.t_ns
        while rig.t_ns - begun_ns <= axis.release_ns + CYCLE_NS:
            for name, verdict in rig.drive(wishes).items():
                limits = rig.limits(name)
                if limits.axis != axis.name or isinstance(limits.neutral, Measured):
                    continue
                gone, was = (abs(value - limits.neutral) for value in (verdict.allowed, before[name]))
                assert gone <= was + 1e-9, f"{name} goes back from {before[name]} to {verdict.allowed}"
                before[name] = verdict.allowed
        assert not rig.guard.acts(axis.name)
        for name, verdict in rig.drive(wishes).items():
            limits = rig.limits(name)
            if limits.axis == axis.name:
                assert verdict.allowed == pytest.approx(rig.neutral(limits), abs=0.2), name


def test_neutral_is_what_the_wire_can_show(car: str) -> None:
    """A neutral that falls between two raw values would be a command of its own."""
    for rule, one in fields_of(envelope(car), FieldKind.LIMITED):
        limits = next(each for each in envelope(car).envelopes if each.name == one.envelope)
        if not isinstance(limits.neutral, Measured):
            raw = raw_of(one, limits.neutral)
            assert raw * one.factor + one.offset == pytest.approx(limits.neutral, abs=1e-9), f"{rule.name}.{one.name}"


def test_silence_of_whoever_asks_releases_it(car: str) -> None:
    for axis, rig in _each(car):
        rig.engage()
        rig.wanted = False
        begun_ns = rig.t_ns
        while rig.guard.state(axis.name) is State.ENGAGED and rig.t_ns - begun_ns < 100 * axis.request_timeout_ns:
            rig.cycle()
        assert rig.guard.state(axis.name) is State.ARMED
        assert rig.t_ns - begun_ns <= axis.request_timeout_ns + 2 * CYCLE_NS
        assert _causes(rig.said, axis)[-1] is Rule.REQUEST_TIMEOUT


# -------------------------------------------------------------------------- driver


def _overriding(condition: Condition, one: Input) -> float:
    value = max(condition.low, one.low)
    return value if value <= condition.high else (condition.low + condition.high) / 2


def test_each_override_releases_it(car: str) -> None:
    for axis in envelope(car).axes:
        for condition in axis.override:
            rig = Rig(envelope(car), axes=(axis.name,)).engage()
            rest = rig.values[condition.path]
            rig.values[condition.path] = _overriding(condition, rig.inputs[condition.path])
            begun_ns = rig.t_ns
            assert rig.until(axis.name, State.OVERRIDING), f"{condition.text}: {rig.said[-2:]}"
            assert rig.t_ns - begun_ns <= condition.for_ns + 2 * CYCLE_NS
            assert _causes(rig.said, axis)[-1] is Rule.DRIVER_OVERRIDE
            rig.values[condition.path] = rest
            assert rig.until(axis.name, State.ENGAGED), f"{condition.text}: {rig.said[-2:]}"


def test_an_override_that_lasts_takes_it_back_to_armed(car: str) -> None:
    for axis in envelope(car).axes:
        for condition in axis.override[:1]:
            rig = Rig(envelope(car), axes=(axis.name,)).engage()
            rest = rig.values[condition.path]
            rig.values[condition.path] = _overriding(condition, rig.inputs[condition.path])
            assert rig.until(axis.name, State.OVERRIDING)
            begun_ns = rig.t_ns
            assert rig.until(axis.name, State.ARMED, axis.override_most_ns + 1_000_000_000), condition.text
            assert rig.t_ns - begun_ns >= axis.override_most_ns - 2 * CYCLE_NS
            assert _causes(rig.said, axis)[-1] is Rule.OVERRIDE_TOO_LONG
            rig.values[condition.path] = rest
            rig.cycle(100)
            if not isinstance(axis.consent, Without):
                assert rig.guard.state(axis.name) is State.ARMED


# ------------------------------------------------------------------------- failures


def test_an_exception_is_a_fault_and_the_release_goes_on(car: str) -> None:
    for axis, rig in _each(car):
        rig.engage()
        rig.drive(_wishes(rig, axis), 30)
        said = rig.guard.fail(rig.t_ns, "the controller failed")
        assert Rule.EXCEPTION in {one.rule for one in said}
        assert rig.guard.state(axis.name) is State.FAULTED
        rig.cycle()
        for rule in rig.envelope.frames:
            if any(name in {one.name for one in rule.fields} for name, _ in _frames_of(rig, axis)):
                rig.spaced(rule)
                assert rig.check(rule).passed, f"{rule.name}: the frames that release it do not leave"


def test_a_blocked_message_that_is_heard_is_a_fault(car: str) -> None:
    for rule in envelope(car).frames:
        if rule.stock is not Stock.BLOCKED:
            continue
        named = {one.envelope for one in rule.fields} | {one.axis for one in rule.fields}
        for axis in envelope(car).axes:
            own = {one.name for one in envelope(car).envelopes if one.axis == axis.name} | {axis.name}
            if not named & own:
                continue
            rig = Rig(envelope(car), axes=(axis.name,)).engage()
            rig.guard.heard(rig.t_ns, rule.bus, rule.can_id)
            rig.cycle(2)
            assert rig.guard.state(axis.name) is State.FAULTED, rule.name
            assert Rule.STOCK_MESSAGE in {one.rule for one in rig.guard.drain() if isinstance(one, Transition)}


# --------------------------------------------------------------------------- timing


def test_a_late_loop_is_a_fault_and_one_in_time_is_none(car: str) -> None:
    for axis, rig in _each(car):
        rig.engage()
        rig.cycle(1, rig.envelope.late_ns)
        assert rig.guard.state(axis.name) is State.ENGAGED
        rig.cycle(1, rig.envelope.late_ns + 1)
        assert rig.guard.state(axis.name) is State.FAULTED
        assert _causes(rig.said, axis)[-1] is Rule.LATE_LOOP


def test_a_clock_that_is_set_is_a_fault(car: str) -> None:
    for sign in (1, -1):
        for axis, rig in _each(car):
            rig.engage()
            rig.t_ns += sign * rig.envelope.clock_step_ns
            rig.cycle()
            assert rig.guard.state(axis.name) is State.ENGAGED
            rig.t_ns += sign * (rig.envelope.clock_step_ns + 1)
            rig.cycle()
            assert rig.guard.state(axis.name) is State.FAULTED
            assert _causes(rig.said, axis)[-1] is Rule.CLOCK_STEP


def test_time_that_goes_back_is_a_fault(car: str) -> None:
    for axis, rig in _each(car):
        rig.engage()
        rig.t_ns -= 1_000_000_000
        rig.cycle()
        assert rig.guard.state(axis.name) is State.FAULTED


def test_what_was_decided_is_said(car: str) -> None:
    """Each transition once and in order, each verdict when it differs from the last of its subject."""
    for axis, rig in _each(car):
        rig.engage()
        said = [one for one in rig.guard.drain() if isinstance(one, Transition)]
        assert [one.after for one in said if one.axis == axis.name] == [State.ARMED, State.ENGAGED]
        rig.drive({}, 20)
        rig.guard.drain()
        rig.drive({}, 20)
        assert not rig.guard.drain()
        rule = rig.envelope.frames[0]
        assert not rig.guard.check(rig.t_ns, rule.bus, 0x7FF, b"").passed
        assert not rig.guard.check(rig.t_ns, rule.bus, 0x7FF, b"").passed
        assert len(rig.guard.drain()) == 1
