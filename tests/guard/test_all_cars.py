"""No car can be made to leave its envelope: arbitrary wishes, times, qualities and raw frames, on each real one.

Whatever the guard lets pass is held against the limits as ``watch`` states them, on its own.
"""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.guard import Measured, Reading, State, Without
from commonwheel.guard.envelope import FieldKind, FieldRule, FrameRule, Stock
from commonwheel.vehicles.samples import Quality
from tests.guard.cars import ACTING, envelope
from tests.guard.layout import put, raw_of, read
from tests.guard.rig import CYCLE_NS, Rig
from tests.guard.watch import Watch

_CYCLES = 250
_BEGUN = 40
"""Until then it is armed and engaged as it should be; then everything is tried."""


class _Attack:
    """Somebody who wants a frame out that must not leave, and spoils whatever the guard relies on."""

    def __init__(self, car: str, seed: int) -> None:
        self.random = random.Random(seed)
        limits = envelope(car)
        axis = self.random.choice(limits.axes)
        self.rig = Rig(limits, self.random.choice((0.0, 25.0, 60.0, 110.0, 160.0)), (axis.name,))
        self.watch = Watch(limits)
        self.consents = {each.consent.path for each in limits.axes if not isinstance(each.consent, Without)}
        self.left: dict[tuple[int, int], bytes] = {}
        self.passed = 0

    def run(self) -> None:
        rig = self.rig
        rig.consent(given=False)
        for number in range(_CYCLES):
            self._upset(number)
            self._cycle()
            self._wish()
            for rule in rig.envelope.frames:
                for _ in range(self.random.choice((1, 2, 4))):
                    self._offer(rule)

    def _upset(self, number: int) -> None:
        """Arm, consent, take back, spoil an input, or mend all; now and then."""
        rig, pick = self.rig, self.random.random() if number > _BEGUN else 1.0
        if number == 15 or pick < 0.005:
            rig.guard.arm(rig.t_ns, "attack")
            self.watch.armed = True
        elif number == 20 or pick < 0.012:
            rig.consent(given=self.random.random() < 0.9 or number == 20)
        elif pick < 0.013:
            rig.guard.disarm(rig.t_ns, "attack")
        elif pick < 0.014:
            rig.guard.fail(rig.t_ns, "attack")
        elif pick < 0.025:
            path = self.random.choice(list(rig.values))
            rig.qualities[path] = self.random.choice(list(Quality))
        elif pick < 0.03:
            path = self.random.choice(list(rig.values))
            rig.values[path] = self.random.choice((math.nan, math.inf, -1e9, 0.0, 1.0, rig.values[path] + 5))
        elif pick < 0.2:
            self._mend()
        rig.wanted = self.random.random() < 0.98

    def _mend(self) -> None:
        """Let inputs be good again, all in quality and some in value."""
        rig = self.rig
        rig.qualities.clear()
        for one in rig.envelope.inputs:
            if one.path in self.consents:
                continue
            if not math.isfinite(rig.values[one.path]) or self.random.random() < 0.3:
                rig.values[one.path] = rig._settled(one)

    def _cycle(self) -> None:
        """Go through a cycle, mostly in time; the watch sees what the guard is told."""
        rig = self.rig
        step_ns = self.random.choice(
            (CYCLE_NS,) * 400 + (CYCLE_NS // 2, 3 * CYCLE_NS) * 20 + (rig.envelope.late_ns + 1,)
        )
        rig.t_ns += step_ns + self.random.choice((0,) * 500 + (10**9, -(10**9)))
        rig.steady_ns += step_ns
        rig.cycles += 1
        for path, value in rig.values.items():
            one = rig.inputs[path]
            moves = not isinstance(one.frozen_ns, Without) and rig.cycles % 2
            reading = Reading(rig.t_ns, value + 0.01 * moves, rig.qualities.get(path, Quality.GOOD))
            rig.guard.observe(path, reading)
            self.watch.reading(path, Reading(rig.steady_ns, reading.value, reading.quality))
        self._hear()
        rig.guard.tick(rig.t_ns, rig.steady_ns)
        if rig.wanted:
            for name in rig.axes:
                rig.guard.wanted(rig.t_ns, name)
                self.watch.asked(rig.steady_ns, name)
        self.watch.ticked(rig.steady_ns, rig.guard)

    def _hear(self) -> None:
        """Let the car's own controllers send what they do send."""
        for rule in self.rig.envelope.frames:
            if rule.stock in {Stock.MIXED, Stock.REPLACED} and self.random.random() < 0.3:
                payload = self.random.randbytes(rule.size)
                self.rig.guard.heard(self.rig.t_ns, rule.bus, rule.can_id, payload)
                self.watch.heard(self.rig.steady_ns, rule.bus, rule.can_id, payload)

    def _wish(self) -> None:
        rig = self.rig
        for one in rig.envelope.envelopes:
            asked = self.random.choice((math.nan, math.inf, -1e9, 1e9, 0.0, self.random.uniform(-500, 500)))
            verdict = rig.guard.limit(rig.t_ns, one.name, asked)
            assert math.isfinite(verdict.allowed), verdict
            tracked = not isinstance(one.tracking, Without) and rig.guard.state(one.axis) is State.ENGAGED
            if tracked and not isinstance(one.tracking, Without) and self.random.random() < 0.98:
                rig.values[one.tracking.path] = one.tracking.scale * verdict.allowed

    def _offer(self, rule: FrameRule) -> None:
        payload = bytearray(rule.size)
        for one in rule.fields:
            put(payload, one, self._raw(rule, one))
        if self.random.random() < 0.1:
            payload[self.random.randrange(rule.size)] ^= 1 << self.random.randrange(8)
        verdict = self.rig.guard.check(self.rig.t_ns, rule.bus, rule.can_id, bytes(payload))
        if verdict.passed:
            self.passed += 1
            self.left[rule.bus, rule.can_id] = bytes(payload)
            self.watch.leaves(self.rig.steady_ns, rule.bus, rule.can_id, bytes(payload))

    def _raw(self, rule: FrameRule, one: FieldRule) -> int:
        last, pick = self.left.get((rule.bus, rule.can_id)), self.random.random()
        if pick < 0.01:
            return self.random.getrandbits(one.length)
        if one.kind is FieldKind.LIMITED:
            return self._quantity(one, last, pick)
        if one.kind is FieldKind.COUNTER:
            return 0 if last is None else read(last, one) + 1
        if one.kind is FieldKind.ACTIVE:
            acts = self.rig.guard.acts(one.axis)
            return self.random.choice(sorted(one.allowed - one.idle if acts else one.idle))
        stock = self.watch.stock.get((rule.bus, rule.can_id))
        if one.kind is FieldKind.HELD and stock is not None:
            return read(stock, one)
        return self.random.choice(sorted(one.allowed)) if one.allowed else self.random.getrandbits(one.length)

    def _quantity(self, one: FieldRule, last: bytes | None, pick: float) -> int:
        limits = self.rig.limits(one.envelope)
        speed = self.rig.values[self.rig.envelope.speed] / 3.6
        shown = self.rig.values[limits.neutral.path] if isinstance(limits.neutral, Measured) else 0.0
        if last is None or pick < 0.3 or not math.isfinite(speed + shown):
            return raw_of(one, self.rig.neutral(limits)) if math.isfinite(speed + shown) else 0
        if pick < 0.45:
            return raw_of(one, self.random.choice((limits.low, limits.high)).at(speed)) + self.random.choice((-1, 0, 1))
        return read(last, one) + round(self.random.choice((-1, 1)) * 10 ** self.random.uniform(0, 3))


@pytest.mark.parametrize("car", ACTING)
@settings(max_examples=3)
@given(seed=st.integers(0, 2**32))
def test_nothing_leaves_a_car_that_its_envelope_forbids(car: str, seed: int) -> None:
    _Attack(car, seed).run()


@pytest.mark.slow
@pytest.mark.parametrize("car", ACTING)
@settings(max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_nothing_leaves_a_car_that_its_envelope_forbids_for_long(car: str, seed: int) -> None:
    _Attack(car, seed).run()


@pytest.mark.parametrize("car", ACTING)
def test_the_attack_gets_frames_out_of_an_engaged_car(car: str) -> None:
    """Else the tests above would show nothing."""
    passed = engaged = 0
    for seed in range(4):
        attack = _Attack(car, seed)
        attack.run()
        passed, engaged = passed + attack.passed, engaged + attack.watch.engaged
    assert passed > 40
    assert engaged > 60
