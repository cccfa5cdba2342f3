"""A guard with a car's envelope, in a world where everything is as it has to be until a test spoils it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.guard import Guard, Measured, Reading, State, Transition, Without
from commonwheel.guard.envelope import Ceiling, FieldKind
from commonwheel.vehicles.samples import Quality
from tests.guard.layout import put, raw_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.guard import CarEnvelope, Envelope, Verdict
    from commonwheel.guard.envelope import Axis, Condition, FieldRule, FrameRule, Input

__all__ = ["CYCLE_NS", "Rig"]

CYCLE_NS = 10_000_000
_DITHER = 0.013
"""What a measured value always moves by a little."""


def _outside(condition: Condition, one: Input) -> float | None:
    """Return a value at which a condition does not hold, within the input's range."""
    for value in (condition.high + 1, condition.low - 1, one.high, one.low):
        if one.low <= value <= one.high and not condition.low <= value <= condition.high:
            return value
    return None


@dataclass
class Rig:
    """See the module. Times are those of the loop; both clocks go together unless a test parts them."""

    envelope: CarEnvelope
    speed_kmh: float = 60.0
    axes: tuple[str, ...] = ()
    """Whose conditions are met; () all that can be engaged at one time."""
    t_ns: int = 1_000_000_000_000
    steady_ns: int = 5_000_000_000
    wanted: bool = True
    asks: bool = True
    """Whether the car's own controllers ask for what ours is held under."""
    values: dict[str, float] = field(default_factory=dict[str, float])
    qualities: dict[str, Quality] = field(default_factory=dict[str, Quality])
    silent: set[str] = field(default_factory=set[str])
    """Inputs that no longer come."""
    still: set[str] = field(default_factory=set[str])
    """Inputs that do not move at all."""
    cycles: int = 0
    counters: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    said: list[Transition] = field(default_factory=list[Transition])

    def __post_init__(self) -> None:
        self.guard = Guard(self.envelope)
        self.inputs = {one.path: one for one in self.envelope.inputs}
        self.axes = self.axes or self._together()
        for one in self.envelope.inputs:
            self.values[one.path] = self._settled(one)

    def _together(self) -> tuple[str, ...]:
        """Return all axes; without comfort where the others need a car that drives, and comfort one that is parked."""
        names = tuple(axis.name for axis in self.envelope.axes)
        self.axes = names
        try:
            for one in self.envelope.inputs:
                self._settled(one)
        except AssertionError:
            return tuple(name for name in names if name != "comfort")
        return names

    def axis(self, name: str) -> Axis:
        """Return an axis of the envelope."""
        return next(axis for axis in self.envelope.axes if axis.name == name)

    def limits(self, name: str) -> Envelope:
        """Return a quantity's envelope."""
        return next(one for one in self.envelope.envelopes if one.name == name)

    def _settled(self, one: Input) -> float:
        """Return a value of an input with which all axes may be engaged, and nobody overrides."""
        hold: list[Condition] = []
        rest: list[Condition] = []
        for axis in map(self.axis, self.axes):
            consent = [] if isinstance(axis.consent, Without) else [axis.consent]
            hold += [each for each in (*consent, *axis.engage, *axis.keep) if each.path == one.path]
            rest += [each for each in axis.override if each.path == one.path]
        wish = self.speed_kmh if one.path == self.envelope.speed else 0.0
        edges = [edge for each in (*hold, *rest) for edge in (each.low, each.high, each.low - 1, each.high + 1)]
        means = [(each.low + each.high) / 2 for each in hold]
        for value in (wish, 1.0, 0.0, *means, *edges, one.low, one.high):
            if not one.low <= value <= one.high or value != value:  # noqa: PLR0124 - no number
                continue
            if all(each.low <= value <= each.high for each in hold) and not any(
                each.low <= value <= each.high for each in rest
            ):
                return value
        message = f"{one.path}: no value meets the conditions of {', '.join(self.axes)}"
        raise AssertionError(message)

    def observe(self) -> None:
        """Let every input arrive once more."""
        for path, value in self.values.items():
            if path in self.silent:
                continue
            one = self.inputs[path]
            moves = not isinstance(one.frozen_ns, Without) and path not in self.still and self.cycles % 2
            nudge = _DITHER if value + _DITHER <= one.high else -_DITHER
            shown = value + nudge if moves else value
            self.guard.observe(path, Reading(self.t_ns, shown, self.qualities.get(path, Quality.GOOD)))

    def hear(self) -> None:
        """Let the car's own controllers ask for the most that their fields hold, where theirs is a ceiling."""
        for rule in self.envelope.frames:
            capped = [one for one in rule.fields if one.ceiling is Ceiling.STOCK]
            if capped and self.asks:
                raws = {one.name: (1 << one.length) - 1 for one in capped}
                self.guard.heard(self.t_ns, rule.bus, rule.can_id, self.payload(rule, raws))

    def cycle(self, count: int = 1, step_ns: int = CYCLE_NS) -> list[Transition]:
        """Go through cycles, with readings and wishes; returns what changed."""
        changed: list[Transition] = []
        for _ in range(count):
            self.t_ns += step_ns
            self.steady_ns += step_ns
            self.cycles += 1
            self.observe()
            self.hear()
            changed += self.guard.tick(self.t_ns, self.steady_ns)
            if self.wanted:
                for name in self.axes:
                    self.guard.wanted(self.t_ns, name)
        self.said += changed
        return changed

    def until(self, name: str, state: State, most_ns: int = 3_000_000_000) -> bool:
        """Go on until an axis is in a state; returns whether it came to that in time."""
        end_ns = self.t_ns + most_ns
        while self.guard.state(name) is not state and self.t_ns < end_ns:
            self.cycle()
        return self.guard.state(name) is state

    def consent(self, given: bool, names: Iterable[str] = ()) -> None:  # noqa: FBT001 - it is the thing itself
        """Let the driver give his consent, or take it back."""
        for axis in map(self.axis, tuple(names) or self.axes):
            if isinstance(axis.consent, Without):
                continue
            one = self.inputs[axis.consent.path]
            value = self._settled(one) if given else _outside(axis.consent, one)
            assert value is not None, f"{axis.consent.path} always consents"
            self.values[axis.consent.path] = value

    def arm(self) -> None:
        """Arm it, with consent not yet given."""
        self.consent(given=False)
        self.cycle(20)
        self.said += self.guard.arm(self.t_ns, "test")
        self.cycle(5)

    def engage(self) -> Rig:
        """Bring all axes to ENGAGED, as somebody would."""
        self.arm()
        self.consent(given=True)
        for name in self.axes:
            assert self.until(name, State.ENGAGED), f"{name} is {self.guard.state(name)}: {self.said[-3:]}"
        return self

    # ---------------------------------------------------------------- quantities

    def neutral(self, one: Envelope) -> float:
        """Return what a quantity's neutral is now."""
        if isinstance(one.neutral, Measured):
            speed = self.values[self.envelope.speed] / 3.6
            value = one.neutral.scale * self.values[one.neutral.path]
            return min(max(value, one.low.at(speed)), one.high.at(speed))
        return one.neutral

    def drive(self, wishes: Mapping[str, float], count: int = 1) -> dict[str, Verdict]:
        """Go through cycles in which quantities are asked for, and return the last verdicts."""
        last: dict[str, Verdict] = {}
        for _ in range(count):
            self.cycle()
            last = {name: self.guard.limit(self.t_ns, name, asked) for name, asked in wishes.items()}
        return last

    # -------------------------------------------------------------------- frames

    def payload(self, rule: FrameRule, raws: Mapping[str, int] | None = None) -> bytes:
        """Return a frame that may leave now: counted on, fields idle and neutral but for those given."""
        payload = bytearray(rule.size)
        for one in rule.fields:
            put(payload, one, (raws or {}).get(one.name, self._resting(rule, one)))
        return bytes(payload)

    def _resting(self, rule: FrameRule, one: FieldRule) -> int:
        match one.kind:
            case FieldKind.LIMITED:
                return raw_of(one, self.neutral(self.limits(one.envelope)))
            case FieldKind.ACTIVE:
                return min(one.allowed - one.idle if self.guard.acts(one.axis) else one.idle)
            case FieldKind.FIXED | FieldKind.HELD:
                return min(one.allowed)
            case FieldKind.COUNTER:
                return self.counters.get((rule.bus, rule.can_id), -1) + 1
            case _:
                return 0

    def check(self, rule: FrameRule, raws: Mapping[str, int] | None = None) -> Verdict:
        """Ask whether a frame may leave; one that may counts as sent."""
        payload = self.payload(rule, raws)
        verdict = self.guard.check(self.t_ns, rule.bus, rule.can_id, payload)
        if verdict.passed:
            key = (rule.bus, rule.can_id)
            self.counters[key] = self.counters.get(key, -1) + 1
        return verdict

    def spaced(self, rule: FrameRule) -> None:
        """Let as much time pass as there has to be between two frames that go on for long."""
        between_ns = max(rule.least_period_ns, rule.window_ns / rule.most_in_window)
        self.cycle(max(1, math.ceil(between_ns / CYCLE_NS)))


def fields_of(envelope: CarEnvelope, kind: FieldKind) -> list[tuple[FrameRule, FieldRule]]:
    """Return each field of a kind with its frame."""
    return list(
        itertools.chain.from_iterable(
            ((rule, one) for one in rule.fields if one.kind is kind) for rule in envelope.frames
        )
    )
