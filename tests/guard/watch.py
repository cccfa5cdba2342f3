"""The limits of an envelope stated once more, plainly and on their own: what no run of a car may ever show.

``Watch`` is told what the guard is told, and sees every frame that left. It decodes frames bit by bit and holds them
against the numbers of the envelope. It asks the guard for nothing but the states of its axes, and holds those too
against what it saw: an axis that is engaged has been armed, has its driver's consent, and rests on good readings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.guard import Measured, State, Without
from commonwheel.guard.envelope import Ceiling, FieldKind, OnBad
from commonwheel.vehicles.samples import Quality
from tests.guard.layout import covered, raw_of, read, value_of

if TYPE_CHECKING:
    from commonwheel.guard import CarEnvelope, Envelope, Guard, Reading
    from commonwheel.guard.envelope import Axis, Condition, Curve, FieldRule, FrameRule, Geometry, Input

__all__ = ["Watch", "curvature"]

_RECENT_NS = 100_000_000
"""Speeds and measured values of this time count."""
_TINY = 1e-9


def curvature(geometry: Geometry, speed_mps: float, angle_deg: float) -> float:
    """Return the curvature that a steering wheel's angle gives, 1/m."""
    steered = math.radians(angle_deg) / geometry.steering_ratio
    return steered / (geometry.wheelbase_m + geometry.understeer_s2_per_m * speed_mps**2)


def _tightest(curve: Curve, speed_mps: float | None, *, high: bool) -> float:
    """Return a limit at a speed; where none is known, the tightest of all."""
    if speed_mps is not None:
        return curve.at(speed_mps)
    values = [value for _, value in curve.points]
    return min(values) if high else max(values)


@dataclass
class _Left:
    """A frame that left."""

    t_ns: int
    raws: dict[str, int]
    states: dict[str, State]
    acts: dict[str, bool]


@dataclass
class Watch:
    """See the module. A fault is an ``AssertionError`` that says what was seen."""

    envelope: CarEnvelope
    slack_ns: int = 20_000_000
    """Times are seen in cycles: what is over within a time may show a cycle later, at both ends."""
    left: dict[tuple[int, int], list[_Left]] = field(default_factory=dict[tuple[int, int], "list[_Left]"])
    readings: dict[str, list[Reading]] = field(default_factory=dict[str, "list[Reading]"])
    states: dict[str, State] = field(default_factory=dict[str, State])
    acts: dict[str, bool] = field(default_factory=dict[str, bool])
    armed: bool = False
    released_ns: dict[str, int] = field(default_factory=dict[str, int])
    """When each axis was last engaged."""
    rested_ns: dict[str, int] = field(default_factory=dict[str, int])
    """When all of each axis was last neutral."""
    stock: dict[tuple[int, int], bytes] = field(default_factory=dict[tuple[int, int], bytes])
    stock_ns: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    """What the car's own controllers last sent."""
    wanted_ns: dict[str, int] = field(default_factory=dict[str, int])
    consent_ns: dict[str, int] = field(default_factory=dict[str, int])
    """When each axis was last without consent, or released."""
    consented: dict[str, bool] = field(default_factory=dict[str, bool])
    """Whether consent has been away since the axis was last armed or released, so that it can begin."""
    frames: int = 0
    engaged: int = 0
    """Cycles with an engaged axis."""

    def __post_init__(self) -> None:
        self._rules = {(rule.bus, rule.can_id): rule for rule in self.envelope.frames}
        self._limits = {one.name: one for one in self.envelope.envelopes}
        self._inputs = {one.path: one for one in self.envelope.inputs}
        self._axes = {axis.name: axis for axis in self.envelope.axes}
        self._covered = {key: covered(rule.fields, rule.size) for key, rule in self._rules.items()}

    # --------------------------------------------------------------- what happens

    def reading(self, path: str, reading: Reading) -> None:
        """An input has come."""
        if path in self._inputs:
            kept = self.readings.setdefault(path, [])
            kept.append(reading)
            del kept[:-400]

    def heard(self, t_ns: int, bus: int, can_id: int, payload: bytes) -> None:
        """The car's own controller has sent a frame."""
        rule = self._rules.get((bus, can_id))
        if rule is not None and len(payload) == rule.size:
            self.stock[bus, can_id] = payload
            self.stock_ns[bus, can_id] = t_ns

    def asked(self, t_ns: int, axis: str) -> None:
        """There is a valid request."""
        self.wanted_ns[axis] = t_ns

    def ticked(self, t_ns: int, guard: Guard) -> None:
        """A cycle has begun: hold the states against what was seen."""
        for name, axis in self._axes.items():
            before, now = self.states.get(name, State.OFF), guard.state(name)
            consents = isinstance(axis.consent, Without) or self._holds(axis.consent)
            if not consents:
                self.consented[name], self.consent_ns[name] = True, t_ns
            if now is State.ENGAGED:
                self.engaged += 1
                self._is_engaged(t_ns, axis, before)
                self.released_ns[name] = t_ns
            elif before is State.ENGAGED:
                self.consented[name] = not consents
                self.released_ns[name] = t_ns
            acts = guard.acts(name)
            if acts and now is not State.ENGAGED:
                late_ns = t_ns - self.released_ns[name] - axis.release_ns
                assert late_ns <= self.slack_ns, f"{name} still acts {late_ns} ns after its release should be over"
            self.states[name], self.acts[name] = now, acts
            if not acts:
                self.rested_ns[name] = t_ns

    def _is_engaged(self, t_ns: int, axis: Axis, before: State) -> None:
        assert self.armed, f"{axis.name} is engaged, and was never armed"
        at_once = before is State.OFF and isinstance(axis.consent, Without)  # armed and engaged within a cycle
        if before in {State.OFF, State.FAULTED} and not at_once:
            message = f"{axis.name} went from {before} to engaged"
            raise AssertionError(message)
        if before is State.ARMED and not isinstance(axis.consent, Without):
            assert self.consented.get(axis.name), f"{axis.name}: consent did not begin while it was armed"
            assert not isinstance(axis.consent_most_ns, Without)
            old_ns = t_ns - self.consent_ns[axis.name] - axis.consent_most_ns - axis.consent.for_ns
            old_ns -= self._inputs[axis.consent.path].tolerance_ns
            assert old_ns <= self.slack_ns, f"{axis.name}: consent of long ago engages it"
        conditions = list(axis.keep) + ([] if isinstance(axis.consent, Without) else [axis.consent])
        if before is State.ARMED:
            conditions += axis.engage
        for condition in conditions:
            assert self._held_lately(t_ns, condition), f"{axis.name} is engaged although not: {condition.text}"
        for one in self.envelope.inputs:
            if axis.name in one.axes:
                assert self._good_lately(t_ns, one), f"{axis.name} is engaged without {one.path}"
        asked_ns = self.wanted_ns.get(axis.name)
        assert asked_ns is not None, f"{axis.name} is engaged, and nobody ever asked"
        age_ns = t_ns - asked_ns
        assert age_ns <= axis.request_timeout_ns + self.slack_ns, f"{axis.name}: nobody has asked for {age_ns} ns"

    def _good(self, one: Input, reading: Reading) -> bool:
        return reading.quality is Quality.GOOD and one.low <= reading.value <= one.high

    def _good_lately(self, t_ns: int, one: Input) -> bool:
        """Whether an input was good within the time for which it may be otherwise."""
        most_ns = one.max_age_ns + one.tolerance_ns + self.slack_ns
        return any(
            self._good(one, reading) and t_ns - reading.t_ns <= most_ns
            for reading in reversed(self.readings.get(one.path, []))
        )

    def _holds(self, condition: Condition) -> bool:
        kept = self.readings.get(condition.path)
        return bool(kept) and condition.low <= kept[-1].value <= condition.high

    def _held_lately(self, t_ns: int, condition: Condition) -> bool:
        """Whether a condition held within the time for which it may not."""
        one = self._inputs[condition.path]
        most_ns = condition.for_ns + one.max_age_ns + one.tolerance_ns + self.slack_ns
        return any(
            self._good(one, reading)
            and condition.low <= reading.value <= condition.high
            and t_ns - reading.t_ns <= most_ns
            for reading in reversed(self.readings.get(condition.path, []))
        )

    # --------------------------------------------------------------------- frames

    def leaves(self, t_ns: int, bus: int, can_id: int, payload: bytes) -> None:
        """A frame has left: hold it against the envelope."""
        self.frames += 1
        rule = self._rules.get((bus, can_id))
        assert rule is not None, f"{can_id:#x} on bus {bus} is not on the list"
        assert len(payload) == rule.size, f"{rule.name} has {len(payload)} bytes"
        shut = all(state is State.OFF for state in self.states.values()) and not any(self.acts.values())
        assert not shut, f"{rule.name} left while all is off"
        stray = [
            at for at, (byte, mask) in enumerate(zip(payload, self._covered[bus, can_id], strict=True)) if byte & ~mask
        ]
        assert not stray, f"{rule.name}: bits that no field covers are set in bytes {stray}"
        now = _Left(t_ns, {one.name: read(payload, one) for one in rule.fields}, dict(self.states), dict(self.acts))
        kept = self.left.setdefault((bus, can_id), [])
        self._in_time(rule, now, kept)
        for one in rule.fields:
            self._holds_field(rule, one, now, kept)
        kept.append(now)
        del kept[:-400]

    @staticmethod
    def _rest(limits: Envelope) -> float:
        return limits.neutral.centre if isinstance(limits.neutral, Measured) else limits.neutral

    def _in_time(self, rule: FrameRule, now: _Left, kept: list[_Left]) -> None:
        if kept:
            gap_ns = now.t_ns - kept[-1].t_ns
            assert gap_ns >= rule.least_period_ns, f"{rule.name} came after {gap_ns} ns"
        count = 1 + sum(now.t_ns - each.t_ns < rule.window_ns for each in kept)
        assert count <= rule.most_in_window, f"{rule.name}: {count} frames within {rule.window_ns} ns"

    def _holds_field(self, rule: FrameRule, one: FieldRule, now: _Left, kept: list[_Left]) -> None:
        raw, name = now.raws[one.name], f"{rule.name}.{one.name}"
        match one.kind:
            case FieldKind.FIXED:
                assert raw in one.allowed, f"{name} is {raw}"
            case FieldKind.ACTIVE:
                allowed = one.allowed | one.idle if self.acts[one.axis] else one.idle
                assert raw in allowed, f"{name} is {raw} while {one.axis} is {self.states[one.axis]}"
            case FieldKind.HELD:
                stock = self.stock.get((rule.bus, rule.can_id))
                may = one.allowed if stock is None else {read(stock, one)}
                assert raw in may, f"{name} is {raw}, and the car's own is {may}"
            case FieldKind.COUNTER if kept and now.t_ns - kept[-1].t_ns <= rule.window_ns:
                assert raw == (kept[-1].raws[one.name] + 1) % (1 << one.length), f"{name} does not count on"
            case FieldKind.LIMITED:
                if one.allowed and raw != raw_of(one, self._rest(self._limits[one.envelope])):
                    assert min(one.allowed) <= raw <= max(one.allowed), f"{name} = {raw} means nothing"
                if one.ceiling is Ceiling.STOCK:
                    self._holds_ceiling(rule, one, now)
                self._holds_limits(rule, one, now, kept)
            case _:
                pass

    def _holds_ceiling(self, rule: FrameRule, one: FieldRule, now: _Left) -> None:
        """What the car's own controller asked for lately, or neutral, is the farthest from neutral."""
        key, rest = (rule.bus, rule.can_id), raw_of(one, self._rest(self._limits[one.envelope]))
        stock, heard_ns = self.stock.get(key), self.stock_ns.get(key, -(10**18))
        late = now.t_ns - heard_ns > rule.window_ns + self.slack_ns
        own = rest if stock is None or late else read(stock, one)
        raw = now.raws[one.name]
        assert min(own, rest) <= raw <= max(own, rest), f"{rule.name}.{one.name} is {raw}, the car's own {own}"

    def _speed(self, t_ns: int) -> float | None:
        """Return the speed that was last known to be good, m/s, while its being no longer so is put up with."""
        one = self._inputs[self.envelope.speed]
        for reading in reversed(self.readings.get(one.path, [])):
            if self._good(one, reading) and t_ns - reading.t_ns <= one.max_age_ns + one.tolerance_ns:
                return reading.value / 3.6
        return None

    @staticmethod
    def _is_idle(rule: FrameRule, axis: str, now: _Left) -> bool:
        """Whether the frame says itself that the axis does not act: as if nothing came, which nobody can prevent."""
        flags = [one for one in rule.fields if one.kind is FieldKind.ACTIVE and one.axis == axis]
        return any(now.raws[one.name] not in one.allowed - one.idle for one in flags)

    def _holds_limits(self, rule: FrameRule, one: FieldRule, now: _Left, kept: list[_Left]) -> None:
        name, limits = f"{rule.name}.{one.name}", self._limits[one.envelope]
        axis, step = limits.axis, abs(one.factor)
        value = value_of(one, now.raws[one.name])
        if not self.acts[axis] or self._is_idle(rule, axis, now):
            self._is_neutral(name, one, limits, now)
            return
        speed = self._speed(now.t_ns)
        if self.states[axis] is State.ENGAGED:
            low, high = _tightest(limits.low, speed, high=False), _tightest(limits.high, speed, high=True)
            assert low - _TINY <= value <= high + _TINY, f"{name} = {value} at {speed} m/s: beyond {low}..{high}"
            self._holds_lateral(name, limits, value, step, speed)
        if not kept:
            return
        before = value_of(one, kept[-1].raws[one.name])
        lapsed = now.t_ns - kept[-1].t_ns > limits.timeout_ns + self.slack_ns
        if self.states[axis] is State.ENGAGED and (lapsed or kept[-1].t_ns < self.rested_ns.get(axis, 0)):
            self._begins_anew(name, one, limits, now, self._counted_ns(rule), speed)
        elif self.states[axis] is State.ENGAGED and kept[-1].states[axis] is State.ENGAGED:
            past_ns = min(now.t_ns - kept[-1].t_ns, self._counted_ns(rule))
            self._holds_rate(name, limits, (self._forced(limits, before, now.t_ns), value), step, past_ns, speed)
            self._holds_window(name, one, limits, now, kept)
        elif not isinstance(limits.neutral, Measured) and self.states[axis] is not State.ENGAGED:
            further = abs(value - limits.neutral) - abs(before - limits.neutral)
            assert further <= step + _TINY, f"{name} goes away from neutral while it is released: {before} to {value}"

    def _forced(self, limits: Envelope, before: float, t_ns: int) -> float:
        """Return where a range that has shrunk forces a value at once; a limit of lateral acceleration shrinks too."""
        one, geometry = self._inputs[self.envelope.speed], self.envelope.geometry
        kept = [each for each in self.readings.get(one.path, []) if self._good(one, each)]
        last = self._speed(t_ns)
        speeds = [0.0, one.high / 3.6] if last is None else [abs(last)]
        speeds += [abs(each.value) / 3.6 for each in kept if t_ns - each.t_ns <= _RECENT_NS]
        ends = [max(speeds), min(speeds)]
        inner = [at for curve in (limits.low, limits.high) for at, _ in curve.points if ends[1] < at < ends[0]]
        low, high = (f(curve.at(at) for at in ends + inner) for f, curve in ((max, limits.low), (min, limits.high)))
        if not isinstance(limits.lateral, Without) and not isinstance(geometry, Without) and ends[0]:
            most = limits.lateral.acceleration_mps2 / ends[0] ** 2
            if limits.unit != "1/m":
                most /= curvature(geometry, ends[0], 1.0)
            low, high = max(low, -most), min(high, most)
        return min(max(before, low), high)

    def _counted_ns(self, rule: FrameRule) -> int:
        """Return the time that counts between two frames: who leaves some out gains no more."""
        return self.envelope.late_ns + 2 * rule.window_ns // rule.most_in_window

    def _begins_anew(
        self, name: str, one: FieldRule, limits: Envelope, now: _Left, counted_ns: int, speed: float | None
    ) -> None:
        """Hold what has lapsed: nothing has left for so long that it comes from neutral."""
        value = value_of(one, now.raws[one.name])
        low, high = self._resting(limits, now)
        slack = limits.neutral.tolerance if isinstance(limits.neutral, Measured) else 0.0
        nearest = min(max(value, low - slack), high + slack)
        self._holds_rate(name, limits, (nearest, value), abs(one.factor), counted_ns, speed)

    def _is_neutral(self, name: str, one: FieldRule, limits: Envelope, now: _Left) -> None:
        raw = now.raws[one.name]
        if not isinstance(limits.neutral, Measured):
            assert raw == raw_of(one, limits.neutral), f"{name} is {raw} while {limits.axis} does not act"
            return
        value, slack = value_of(one, raw), limits.neutral.tolerance + abs(one.factor) + _TINY
        low, high = self._resting(limits, now)
        assert low - slack <= value <= high + slack, (
            f"{name} = {value} while it does not act, and {low}..{high} is there"
        )

    def _resting(self, limits: Envelope, now: _Left) -> tuple[float, float]:
        """Return the least and the greatest neutral of late."""
        if not isinstance(limits.neutral, Measured):
            return limits.neutral, limits.neutral
        source = self._inputs[limits.neutral.path]
        good = [each for each in self.readings.get(source.path, []) if self._good(source, each)]
        recent = [each.value for each in good if now.t_ns - each.t_ns <= _RECENT_NS] or [
            good[-1].value if good else 0.0
        ]
        scaled = [limits.neutral.scale * each for each in recent]
        bounds = [edge for curve in (limits.low, limits.high) for _, edge in curve.points]
        low, high = (min(max(each, min(bounds)), max(bounds)) for each in (min(scaled), max(scaled)))
        return low, high

    def _holds_lateral(self, name: str, limits: Envelope, value: float, step: float, speed: float | None) -> None:
        geometry = self.envelope.geometry
        if isinstance(limits.lateral, Without) or isinstance(geometry, Without) or speed is None:
            return
        bend = abs(value) if limits.unit == "1/m" else abs(curvature(geometry, speed, abs(value)))
        spare = step if limits.unit == "1/m" else abs(curvature(geometry, speed, step))
        lateral = max(bend - spare, 0.0) * speed**2
        assert lateral <= limits.lateral.acceleration_mps2 + 1e-6, f"{name} = {value}: {lateral} m/s2 at {speed} m/s"

    def _holds_rate(
        self, name: str, limits: Envelope, change: tuple[float, float], step: float, t_ns: int, speed: float | None
    ) -> None:
        """Hold a change against the time it takes: towards the centre at one rate, away from it at the other."""
        before, value = change
        if abs(value - before) <= step + _TINY:
            return
        value += math.copysign(step, before - value)
        centre = limits.neutral.centre if isinstance(limits.neutral, Measured) else limits.neutral
        first, last = before - centre, value - centre
        if first * last < 0:
            away, towards = abs(last), abs(first)
        else:
            away, towards = max(abs(last) - abs(first), 0.0), max(abs(first) - abs(last), 0.0)
        needed_s = 0.0
        for part, rate in ((away, limits.rate_up), (towards, limits.rate_down)):
            if part and not isinstance(rate, Without):
                needed_s += part / _tightest(rate, speed, high=True)
        text = f"{name} goes from {before} to {value} in {t_ns} ns, for which it has to take {needed_s} s"
        assert needed_s <= t_ns / 1e9 + _TINY, text

    def _holds_window(self, name: str, one: FieldRule, limits: Envelope, now: _Left, kept: list[_Left]) -> None:
        if isinstance(limits.window_change, Without):
            return
        value, after_ns = value_of(one, now.raws[one.name]), now.t_ns
        for each in reversed(kept):
            if now.t_ns - each.t_ns > limits.window_ns or each.states[limits.axis] is not State.ENGAGED:
                break
            lapsed = after_ns - each.t_ns > limits.timeout_ns
            if lapsed or each.t_ns < self.rested_ns.get(limits.axis, 0):  # it began at neutral anew
                break
            after_ns = each.t_ns
            change = abs(value - value_of(one, each.raws[one.name])) - abs(one.factor)
            text = f"{name} changes by {change} within {now.t_ns - each.t_ns} ns"
            assert change <= limits.window_change + _TINY, text


def faults(one: Input) -> dict[Quality, OnBad]:
    """Return what each bad quality of an input leads to."""
    return {
        Quality.STALE: one.stale,
        Quality.INVALID: one.invalid,
        Quality.CORRUPT: one.corrupt,
        Quality.MISSING: one.missing,
    }
