"""Whatever is asked, read and sent, in whatever car: what leaves obeys the limits as ``watch`` states them on its own.

Cars are drawn with limits of every size and kind; drives are made of wishes, raw frames near every limit and far from
it, bad readings, consent, doors, pedals, pauses, faults and armings in any order.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from commonwheel.guard import CarEnvelope, Measured, Reading, State, Without
from commonwheel.guard.envelope import Curve, Envelope, FieldKind, FieldRule, FrameRule, Lateral
from commonwheel.guard.problems import problems
from commonwheel.vehicles.samples import Quality
from tests.guard.layout import put
from tests.guard.little import CAR, DRIVE, MS, NO, STEER, WARM, Drive, one_of
from tests.guard.watch import Watch

_FACTORS = (0.01, 0.1, -0.05, 0.25, 1.0)


def _curve(draw: st.DrawFn, low: float, high: float, sign: float = 1.0) -> Curve:
    speeds = draw(st.lists(st.floats(0, 40), min_size=1, max_size=3, unique=True).map(sorted))
    return Curve(tuple((speed, sign * draw(st.floats(low, high))) for speed in speeds))


def _rate(draw: st.DrawFn, most: float) -> Curve | Without:
    return NO if draw(st.booleans()) and draw(st.booleans()) else _curve(draw, most / 50, most * 5)


def _drawn(draw: st.DrawFn, one: Envelope, most: float, release_s: float) -> Envelope:
    """Return an envelope with other limits; its release is over in time, however small they are."""
    center = 0.0 if isinstance(one.neutral, Measured) else one.neutral
    low, high = _curve(draw, most / 10, most, -1.0), _curve(draw, most / 10, most)
    if one.axis == "comfort":
        low, high = Curve((low.points[0],)), Curve((high.points[0],))
    low, high = (Curve(tuple((speed, value + center) for speed, value in each.points)) for each in (low, high))
    steers = (
        one.lateral if isinstance(one.lateral, Without) else Lateral(draw(st.floats(0.3, 5)), draw(st.floats(0.3, 9)))
    )
    rates = (NO, NO) if one.axis == "comfort" else (_rate(draw, most), _rate(draw, most))
    return replace(
        one,
        low=low,
        high=high,
        rate_up=rates[0],
        rate_down=rates[1],
        window_ns=draw(st.integers(20 * MS, 1000 * MS)),
        window_change=NO if draw(st.booleans()) else draw(st.floats(most / 20, most * 2)),
        timeout_ns=draw(st.integers(100 * MS, 500 * MS)),
        release_rate=most / release_s * draw(st.floats(1.01, 4.0)),
        lateral=steers,
        tracking=NO,
    )


@st.composite
def cars(draw: st.DrawFn) -> CarEnvelope:
    """Draw a car: the little one with other limits, rates, windows, tolerances, endings and resolutions."""
    releases = {axis.name: draw(st.integers(150 * MS, 1000 * MS)) for axis in CAR.axes}
    axes = tuple(replace(axis, release_ns=releases[axis.name]) for axis in CAR.axes)
    most = {"accel": 10.0, "angle": 300.0, "torque": 2000.0, "curvature": 0.1, "warmth": 9.0}
    envelopes = tuple(_drawn(draw, one, most[one.name], (releases[one.axis] - 60 * MS) / 1e9) for one in CAR.envelopes)
    inputs = tuple(
        replace(
            one, tolerance_ns=draw(st.sampled_from([0, 30 * MS, 100 * MS])), max_age_ns=draw(st.integers(20, 200)) * MS
        )
        for one in CAR.inputs
    )
    drive = one_of(DRIVE, "Accel", factor=draw(st.sampled_from(_FACTORS)))
    steer = one_of(STEER, "Counter", allowed=frozenset())
    frames = tuple(
        replace(each, window_ns=10_000 * MS, most_in_window=draw(st.integers(300, 2000)))
        for each in (drive, steer, WARM)
    )
    return replace(
        CAR,
        axes=axes,
        envelopes=envelopes,
        inputs=inputs,
        frames=frames,
        measured_lateral=NO if draw(st.booleans()) else CAR.measured_lateral,
    )


@dataclass
class _Wild:
    """A drive in which anything may happen; ``watch`` sees all of it, by the clock that nobody sets."""

    car: CarEnvelope
    seed: int
    acted: int = 0
    """Frames that left with something in them that is not neutral."""
    refused: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.drive = Drive(self.car)
        self.guard = self.drive.guard
        self.watch = Watch(self.car)
        self.counts = {(rule.bus, rule.can_id): 0 for rule in self.car.frames}
        self.aims = {one.name: 0.0 for one in self.car.envelopes}
        observe = self.guard.observe

        def seen(path: str, reading: Reading) -> None:
            self.watch.reading(path, replace(reading, t_ns=self.drive.steady_ns))
            observe(path, reading)

        self.guard.observe = seen

    def go(self, cycles: int) -> None:
        """Drive for so many cycles."""
        self.drive.cycle(3)
        self._tick()
        for _ in range(cycles):
            self._happen()
            self._tick()
            self._act()

    def _tick(self) -> None:
        for axis in self.car.axes:
            if self.drive.wanted:
                self.watch.asked(self.drive.steady_ns + 10 * MS, axis.name)
        self.drive.cycle()
        self.watch.ticked(self.drive.steady_ns, self.guard)

    def _happen(self) -> None:
        """Change something, now and then; and come back to what lets it be engaged."""
        chance, drive = self.random.random(), self.drive
        if chance < 0.02:
            path = self.random.choice(list(drive.readings))
            drive.quality[path] = self.random.choice(list(Quality))
        elif chance < 0.03:
            drive.silent.add(self.random.choice(list(drive.readings)))
        elif chance < 0.05:
            path = self.random.choice(["Brake", "Door", "Belt", "Pedal", "Hands", "Cruise"])
            drive.readings[path] = self.random.choice([0.0, 1.0, 50.0, math.nan])
        elif chance < 0.055:
            drive.t_ns += self.random.choice([-1, 1]) * self.random.choice([20, 5_000]) * MS
        elif chance < 0.06:
            pause = self.random.choice([20, 25, 400]) * MS
            drive.t_ns, drive.steady_ns = drive.t_ns + pause, drive.steady_ns + pause
        elif chance < 0.065:
            self.guard.disarm(drive.t_ns, "test")
        elif chance < 0.07:
            self.guard.fail(drive.t_ns, "test")
        elif chance < 0.075:
            drive.wanted = not drive.wanted
        elif chance < 0.15:
            self._mend()
        drive.readings["Speed"] = min(max(drive.readings["Speed"] + self.random.uniform(-0.8, 0.8), 0.5), 150.0)
        drive.readings["Wheel"] += self.random.uniform(-0.3, 0.3)

    def _mend(self) -> None:
        drive = self.drive
        calm = {"Brake": 0.0, "Door": 0.0, "Belt": 1.0, "Pedal": 0.0, "Hands": 0.0}
        drive.readings |= calm
        drive.quality.clear()
        drive.silent.clear()
        drive.wanted = True
        if State.FAULTED in {drive.state(axis.name) for axis in self.car.axes}:
            self.guard.disarm(drive.t_ns, "test")
        self.guard.arm(drive.t_ns, "test")
        self.watch.armed = True
        self.watch.ticked(drive.steady_ns, self.guard)
        drive.readings["Cruise"] = 1.0 - drive.readings["Cruise"] if self.random.random() < 0.5 else 1.0

    def _act(self) -> None:
        for one in self.car.envelopes:
            if self.random.random() < 0.05:
                size = max(abs(value) for _, value in (*one.low.points, *one.high.points))
                self.aims[one.name] = self.random.choice(
                    [-3 * size, 3 * size, math.nan, 0.0, self.random.uniform(-size, size)]
                )
        led = {
            one.name: self.guard.limit(self.drive.t_ns, one.name, self.aims[one.name]).allowed
            for one in self.car.envelopes
            if self.random.random() < 0.98
        }
        for rule in self.car.frames:
            if self.random.random() < 0.8:
                self._send(rule, led)

    def _send(self, rule: FrameRule, led: dict[str, float]) -> None:
        payload, key = bytearray(rule.size), (rule.bus, rule.can_id)
        for field in rule.fields:
            put(payload, field, self._raw(field, led, key))
        if self.random.random() < 0.02:
            payload[self.random.randrange(rule.size)] ^= 1 << self.random.randrange(8)
        verdict = self.guard.check(self.drive.t_ns, rule.bus, rule.can_id, bytes(payload))
        if not verdict.passed:
            self.refused += 1
            return
        self.counts[key] += 1
        self.watch.leaves(self.drive.steady_ns, rule.bus, rule.can_id, bytes(payload))
        self.acted += any(self.guard.state(axis) is State.ENGAGED for axis in ("longitudinal", "lateral"))

    def _raw(self, field: FieldRule, led: dict[str, float], key: tuple[int, int]) -> int:
        if field.kind is FieldKind.LIMITED:
            near = round((led.get(field.envelope, 0.0) - field.offset) / field.factor)
            return near + self.random.choice([0] * 12 + [1, -1, 2, -2, 50, -50])
        if field.kind is FieldKind.ACTIVE:
            acts = self.guard.acts(field.axis)
            return int(acts) if self.random.random() < 0.97 else 1 - int(acts)
        if field.kind is FieldKind.COUNTER:
            return self.counts[key] if self.random.random() < 0.97 else self.random.randrange(4)
        return 2


@settings(max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(cars(), st.integers(0, 2**32))
def test_nothing_leaves_that_the_limits_forbid(car: CarEnvelope, seed: int) -> None:
    assert problems(car) == []
    _Wild(car, seed).go(120)


@pytest.mark.slow
@settings(max_examples=60)
@given(cars(), st.integers(0, 2**32))
def test_nothing_leaves_that_the_limits_forbid_in_long_drives(car: CarEnvelope, seed: int) -> None:
    _Wild(car, seed).go(1000)


def test_these_drives_are_about_something() -> None:
    """Frames that act do leave, and others are refused: the tests above would see what is wrong with them."""
    wild = [
        _Wild(replace(CAR, frames=(DRIVE, one_of(STEER, "Counter", allowed=frozenset()), WARM)), seed)
        for seed in range(4)
    ]
    for each in wild:
        each.go(300)
    assert sum(each.acted for each in wild) > 200
    assert sum(each.refused for each in wild) > 200
    assert sum(each.watch.engaged for each in wild) > 200
