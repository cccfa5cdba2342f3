"""Requirements of frames: each field of each message of every car, at its limit and one bit beyond."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from commonwheel.guard import Measured, Rule, State, Without
from commonwheel.guard.envelope import Ceiling, FieldKind, Stock
from commonwheel.vehicles.emission import layout_of
from commonwheel.wire.codec import pack
from tests.guard.cars import ACTING, acting, envelope
from tests.guard.layout import covered, holds, put, raw_of, value_of
from tests.guard.rig import CYCLE_NS, Rig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.guard import Envelope
    from commonwheel.guard.envelope import FieldRule, FrameRule

pytestmark = pytest.mark.parametrize("car", ACTING)


def _engaged(car: str, speed_kmh: float = 60.0) -> Iterator[tuple[Rig, FrameRule]]:
    """Yield each message of a car with the axis engaged that it acts for."""
    for axis in envelope(car).axes:
        rules = [rule for rule in envelope(car).frames if axis.name in _axes(car, rule)]
        if rules:
            rig = Rig(envelope(car), speed_kmh, (axis.name,)).engage()
            for rule in rules:
                rig.spaced(rule)
                yield rig, rule


def _axes(car: str, rule: FrameRule) -> set[str]:
    named = {one.envelope for one in rule.fields}
    axes = {one.axis for one in envelope(car).envelopes if one.name in named}
    return axes | {one.axis for one in rule.fields if one.axis}


def test_no_other_frame_leaves(car: str) -> None:
    """Every standard identifier on every bus, and extended ones of the same number."""
    rig = Rig(envelope(car))
    rig.arm()
    listed = {(rule.bus, rule.can_id) for rule in rig.envelope.frames}
    buses = {rule.bus for rule in rig.envelope.frames}
    for bus in (*buses, max(buses) + 1):
        for can_id in (*range(0x800), *(can_id | 0x8000_0000 for _, can_id in listed)):
            if (bus, can_id) in listed:
                continue
            verdict = rig.guard.check(rig.t_ns, bus, can_id, bytes(8))
            assert not verdict.passed, f"{can_id:#x}"
            assert verdict.rule is Rule.FRAME_UNKNOWN


def test_no_other_length_leaves(car: str) -> None:
    for rig, rule in _engaged(car):
        payload = rig.payload(rule)
        for size in range(65):
            if size != rule.size:
                verdict = rig.guard.check(rig.t_ns, rule.bus, rule.can_id, (payload + bytes(64))[:size])
                assert not verdict.passed, f"{rule.name} with {size} bytes"
                assert verdict.rule is Rule.FRAME_LENGTH
        assert rig.check(rule).passed


def test_bits_of_no_field_are_zero(car: str) -> None:
    for rig, rule in _engaged(car):
        mask = covered(rule.fields, rule.size)
        for bit in range(rule.size * 8):
            if mask[bit // 8] >> bit % 8 & 1:
                continue
            payload = bytearray(rig.payload(rule))
            payload[bit // 8] |= 1 << bit % 8
            assert not rig.guard.check(rig.t_ns, rule.bus, rule.can_id, bytes(payload)).passed, (
                f"{rule.name}: bit {bit}"
            )
        verdict = rig.check(rule)
        assert verdict.passed, f"{rule.name}: {verdict}"


def test_each_fixed_and_active_field_holds_only_what_it_may(car: str) -> None:
    """Every raw value of a field of up to ten bits, and of wider ones every bit by itself."""
    for rig, rule in _engaged(car):
        for one in rule.fields:
            if one.kind not in {FieldKind.FIXED, FieldKind.ACTIVE}:
                continue
            may = one.allowed | (one.idle if one.kind is FieldKind.ACTIVE else frozenset())
            raws = range(1 << one.length) if one.length <= 10 else [1 << bit for bit in range(one.length)]
            for raw in raws:
                signed = raw - (1 << one.length) if one.signed and raw >> (one.length - 1) else raw
                if signed not in may:
                    verdict = rig.check(rule, {one.name: raw})
                    assert not verdict.passed, f"{rule.name}.{one.name} = {raw}"
                    assert verdict.rule in {Rule.FRAME_CONTENT, Rule.STATE}, verdict
        assert rig.check(rule).passed


def test_held_fields_are_as_the_car_last_sent_them(car: str) -> None:
    """Pedals, counters, icons in a message that is replaced or mixed in: nothing is made up."""
    for rig, rule in _engaged(car):
        held = [one for one in rule.fields if one.kind is FieldKind.HELD]
        for one in held:
            flipped = min(one.allowed) ^ 1
            assert not rig.check(rule, {one.name: flipped}).passed, f"{rule.name}.{one.name} before anything was heard"
        if rule.stock is Stock.BLOCKED or not held:
            continue
        own = bytearray(rule.size)
        for one in held:
            put(own, one, 1)
        rig.guard.heard(rig.t_ns, rule.bus, rule.can_id, bytes(own))
        assert not rig.check(rule).passed, f"{rule.name}: as it was before"
        right = dict.fromkeys((one.name for one in held), 1)
        for one in held:
            assert not rig.check(rule, right | {one.name: 0}).passed, f"{rule.name}.{one.name}"
        assert rig.check(rule, right).passed, rule.name


def test_nothing_is_more_than_the_cars_own_controller_asks_for(car: str) -> None:
    """Where that is a ceiling: at it, one bit beyond, and once it has fallen silent."""
    for rig, rule in _engaged(car):
        for one in rule.fields:
            if one.ceiling is not Ceiling.STOCK:
                continue
            limits = rig.limits(one.envelope)
            rest = raw_of(one, rig.neutral(limits))
            rig.asks = False
            own = rest + 3
            for raw in range(rest, own + 1):  # up to it, at its rate
                rig.cycle(60)
                rig.guard.heard(rig.t_ns, rule.bus, rule.can_id, rig.payload(rule, {one.name: own}))
                assert rig.check(rule, {one.name: raw}).passed, f"{one.name} = {raw} under {own}"
            rig.cycle(60)
            rig.guard.heard(rig.t_ns, rule.bus, rule.can_id, rig.payload(rule, {one.name: own}))
            beyond = rig.check(rule, {one.name: own + 1})
            assert not beyond.passed
            assert beyond.rule is Rule.RANGE
            rig.spaced(rule)
            rig.guard.heard(rig.t_ns, rule.bus, rule.can_id, rig.payload(rule, {one.name: rest}))
            assert not rig.check(rule, {one.name: own}).passed, "it asks for nothing now"
            assert rig.check(rule).passed, "and it may fall to that at once"
            rig.guard.heard(rig.t_ns, rule.bus, rule.can_id, rig.payload(rule, {one.name: own}))
            rig.cycle(rule.window_ns // CYCLE_NS + 1)
            assert not rig.check(rule, {one.name: rest + 1}).passed, "it is silent"
            assert rig.check(rule).passed


def test_what_is_apart_from_neutral_means_something(car: str) -> None:
    """Between a neutral that stands apart and the range that means something nothing leaves."""
    for rig, rule in _engaged(car):
        for one in rule.fields:
            if one.kind is not FieldKind.LIMITED or not one.allowed:
                continue
            neutral = raw_of(one, rig.neutral(rig.limits(one.envelope)))
            for raw in (min(one.allowed) - 1, neutral + 1, neutral - 1, (neutral + min(one.allowed)) // 2):
                assert not rig.check(rule, {one.name: raw}).passed, f"{rule.name}.{one.name} = {raw}"
            rig.spaced(rule)
            assert rig.check(rule, {one.name: min(one.allowed)}).passed
            rig.spaced(rule)
            assert rig.check(rule).passed


def test_active_fields_are_idle_while_their_axis_is(car: str) -> None:
    rig = Rig(envelope(car))
    rig.wanted = False
    rig.arm()
    for rule in rig.envelope.frames:
        for one in rule.fields:
            if one.kind is FieldKind.ACTIVE:
                for raw in one.allowed - one.idle:
                    rig.spaced(rule)
                    assert not rig.check(rule, {one.name: raw}).passed, f"{rule.name}.{one.name} = {raw}"


def test_a_counter_that_does_not_go_on_does_not_leave(car: str) -> None:
    for rig, rule in _engaged(car):
        for one in rule.fields:
            if one.kind is not FieldKind.COUNTER:
                continue
            assert rig.check(rule).passed
            rig.spaced(rule)
            right = rig.counters[rule.bus, rule.can_id] + 1
            for wrong in range(1 << one.length):
                if wrong != right % (1 << one.length):
                    verdict = rig.check(rule, {one.name: wrong})
                    assert not verdict.passed, f"{rule.name}.{one.name}: {wrong} after {right - 1}"
                    assert verdict.rule is Rule.FRAME_SEAL
            assert rig.check(rule).passed


def test_frames_that_come_too_soon_do_not_leave(car: str) -> None:
    for rig, rule in _engaged(car):
        assert rig.check(rule).passed
        sent_ns = rig.t_ns
        while rig.t_ns + CYCLE_NS - sent_ns < rule.least_period_ns:
            rig.cycle()
            verdict = rig.check(rule)
            assert not verdict.passed, f"{rule.name} after {rig.t_ns - sent_ns} ns"
            assert verdict.rule is Rule.FRAME_PERIOD
        rig.cycle(step_ns=sent_ns + rule.least_period_ns - rig.t_ns)
        assert rig.check(rule).passed, rule.name


def test_a_flood_does_not_leave(car: str) -> None:
    for rig, rule in _engaged(car):
        sent: list[int] = []
        for _ in range(200):
            rig.cycle()
            if rig.check(rule).passed:
                sent.append(rig.t_ns)
        worst = max(sum(0 <= t_ns - each < rule.window_ns for each in sent) for t_ns in sent)
        assert worst <= rule.most_in_window, f"{rule.name}: {worst}"


def test_layouts_are_those_of_the_database(car: str) -> None:
    """What the vehicle's codec packs is read from the guard's layout as the same number, for every field."""
    vehicle, control = acting(car)
    by_key = {(message.bus, message.frame_id): message for message in vehicle.messages}
    for rule in control.envelope.frames:
        message = by_key[rule.bus, rule.can_id]
        assert message.size == rule.size
        for one in rule.fields:
            origin = next(each for each in message.fields if each.name == one.name)
            assert (origin.length, origin.factor, origin.offset) == (one.length, one.factor, one.offset)
            for raw in (0, 1, (1 << one.length) - 1, 0x5A5A5A5A % (1 << one.length)):
                packed = np.zeros((1, 8), np.uint8)
                pack(packed, [layout_of(origin)], [np.array([raw], np.uint64)])
                payload = bytearray(rule.size)
                put(payload, one, raw)
                assert bytes(payload) == packed.tobytes()[: rule.size], f"{rule.name}.{one.name} = {raw}"


# ---------------------------------------------------------------- quantities in frames


def _quantities(car: str, speed_kmh: float) -> Iterator[tuple[Rig, FrameRule, FieldRule, Envelope, float]]:
    for rig, rule in _engaged(car, speed_kmh):
        for one in rule.fields:
            if one.kind is FieldKind.LIMITED:
                limits = rig.limits(one.envelope)
                if limits.axis in rig.axes:
                    yield rig, rule, one, limits, rig.values[rig.envelope.speed] / 3.6


def _lead(rig: Rig, rule: FrameRule, one: FieldRule, limits: Envelope, way: tuple[int, int]) -> int:
    """Bring a field from a raw value as near to another as frames that leave can, and return where that is.

    Each step is the largest that leaves, found by trying smaller ones; where none does, time has to pass.
    """
    raw, target = way
    waited, last = 0, abs(target - raw)
    while raw != target and waited < 150:
        rig.spaced(rule)
        most = min(abs(target - raw), last + last // 2 + 2)
        step = most if target > raw else -most
        while step and not rig.check(rule, {one.name: raw + step}).passed:
            step = int(step * 0.8) if abs(step) > 4 else step - (1 if step > 0 else -1)
        if not step:
            rig.check(rule, {one.name: raw})
        waited, last = (0, abs(step)) if step else (waited + 1, last)
        raw += step
        if not isinstance(limits.tracking, Without):
            rig.values[limits.tracking.path] = limits.tracking.scale * value_of(one, raw)
    return raw


def _rest_of(one: FieldRule, limits: Envelope) -> int:
    centre = limits.neutral.centre if isinstance(limits.neutral, Measured) else limits.neutral
    return raw_of(one, centre)


@pytest.mark.parametrize("speed_kmh", [60.0, *(pytest.param(each, marks=pytest.mark.slow) for each in (15.0, 110.0))])
def test_frames_at_the_limit_leave_and_one_bit_beyond_do_not(car: str, speed_kmh: float) -> None:
    for rig, rule, one, limits, speed in _quantities(car, speed_kmh):
        name = f"{rule.name}.{one.name} at {speed} m/s"
        edges = sorted(
            ((limits.low.at(speed) - one.offset) / one.factor, (limits.high.at(speed) - one.offset) / one.factor)
        )
        for edge, sign in ((math.ceil(edges[0] - 1e-6), -1), (math.floor(edges[1] + 1e-6), 1)):
            rest = _rest_of(one, limits)
            reached = _lead(rig, rule, one, limits, (rest, edge))
            if isinstance(limits.lateral, Without):
                assert reached == edge, f"{name}: {reached} is the last that leaves, {edge} the limit"
            state = rig.guard.state(limits.axis)
            assert state is State.ENGAGED, f"{name}: {rig.said[-1]}"
            if reached == edge and holds(one, edge + sign):
                rig.spaced(rule)
                verdict = rig.check(rule, {one.name: edge + sign})
                assert not verdict.passed, f"{name}: {edge + sign} left"
            assert _lead(rig, rule, one, limits, (reached, rest)) == rest, name


def test_frames_that_change_faster_do_not_leave(car: str) -> None:
    """From one frame to the next, at several speeds: the rate in that time and one step of the wire, and no more."""
    for speed_kmh in (10.0, 60.0, 110.0):
        for rig, rule, one, limits, speed in _quantities(car, speed_kmh):
            if isinstance(limits.rate_up, Without):
                continue
            neutral = raw_of(one, rig.neutral(limits))
            assert rig.check(rule).passed
            sent_ns = rig.t_ns
            rig.spaced(rule)
            elapsed_s = (rig.t_ns - sent_ns) / 1e9
            most = int(limits.rate_up.at(speed) * elapsed_s / abs(one.factor) + 1 + 1e-6)
            for sign in (1, -1):
                beyond = value_of(one, neutral + sign * (most + 1))
                if limits.low.at(speed) <= beyond <= limits.high.at(speed):
                    verdict = rig.check(rule, {one.name: neutral + sign * (most + 1)})
                    assert not verdict.passed, (
                        f"{rule.name}.{one.name}: {most + 1} steps in {elapsed_s} s at {speed} m/s"
                    )
            assert rig.check(rule).passed


def test_a_release_that_stays_where_it_was_does_not_leave(car: str) -> None:
    """Where a release leads a field more than a step of the wire on, the value before leaves no more."""
    for rig, rule, one, limits, speed in _quantities(car, 60.0):
        period_s = max(rule.least_period_ns, CYCLE_NS) / 1e9
        if isinstance(limits.neutral, Measured) or one.allowed or limits.release_rate * period_s <= 2 * abs(one.factor):
            continue
        neutral = raw_of(one, limits.neutral)
        end = limits.high.at(speed) if limits.high.at(speed) > limits.neutral else limits.low.at(speed)
        half = raw_of(one, (limits.neutral + end) / 2)
        raw = _lead(rig, rule, one, limits, (neutral, raw_of(one, end) if half == neutral else half))
        assert raw != neutral
        rig.guard.fail(rig.t_ns, "test")
        for _ in range(5):
            rig.spaced(rule)
            if rig.guard.acts(limits.axis):
                assert rig.check(rule, {one.name: raw}).rule is Rule.RELEASE, f"{rule.name}.{one.name}"
        rig.guard.disarm(rig.t_ns, "test")
        rig.cycle(300)
        rig.engage()


def test_beside_the_cars_own_nothing_leaves_while_nothing_acts(car: str) -> None:
    rig = Rig(envelope(car))
    rig.wanted = False
    rig.arm()
    for rule in envelope(car).frames:
        if rule.stock in {Stock.MIXED, Stock.REPLACED}:
            rig.spaced(rule)
            assert rig.check(rule).rule is Rule.STATE, rule.name
