"""What a quantity may be in each cycle, by what it was allowed to be before.

While its axis acts a wish is led within range, reach and window; without one the quantity is led to neutral at its
release rate. In a release it is led there from what left last, since it did; else it is neutral. A limit that a field
cannot hold is moved inwards to the next value that it can: then what is within it still is when it is rounded to what
the field holds. What a release cannot hold stays where it was until the next value is due: so a switch that tells that
something acts stays on as long as its own release takes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.guard.frames import EPSILON
from commonwheel.guard.limits import Bounds, allowed, approach, windowed
from commonwheel.guard.machine import Phase
from commonwheel.guard.span import Span
from commonwheel.guard.verdict import Outcome, Rule, Verdict

if TYPE_CHECKING:
    from commonwheel.guard.envelope import Envelope
    from commonwheel.guard.situation import Situation

__all__ = ["Grid", "Wish"]

_S = 1e9


class Grid:
    """The values that a field can hold: whole steps from an offset. A step of 0 is every value."""

    def __init__(self, step: float, offset: float) -> None:
        self._step, self._offset = abs(step), offset

    def inwards(self, bounds: Bounds) -> Bounds:
        """Return the bounds moved to values that are within them."""
        if not self._step:
            return bounds
        low, high = bounds.low, bounds.high
        if math.isfinite(low):
            low = self._of(math.ceil(self._raw(low) - EPSILON))
        if math.isfinite(high):
            high = self._of(math.floor(self._raw(high) + EPSILON))
        return bounds._replace(low=low, high=high)

    def back(self, value: float, start: float) -> float:
        """Return the value that can be held next to one, on its way from a start; no farther back than that."""
        if not self._step:
            return value
        raw = self._raw(value)
        if value < start:
            return min(self._of(math.ceil(raw - EPSILON)), start)
        return max(self._of(math.floor(raw + EPSILON)), start)

    def _raw(self, value: float) -> float:
        return (value - self._offset) / self._step

    def _of(self, raw: int) -> float:
        return raw * self._step + self._offset


class Wish:
    """One quantity."""

    def __init__(self, envelope: Envelope, grid: Grid, late_ns: int) -> None:
        self.envelope, self.grid = envelope, grid
        self._late_ns = late_ns
        self._value: float | None = None
        self._ns = 0
        self._left: tuple[int, float] | None = None
        self._released: tuple[int, float] | None = None
        """When and from where a release leads it."""
        self._recent = Span(envelope.window_ns)

    def allowed(self, neutral: float) -> float:
        """Return what it was allowed to be last; neutral before anything was."""
        return neutral if self._value is None else self._value

    def commanded(self, now_ns: int, neutral: float) -> float | None:
        """Return what the car was told last, by frames where they carry it; None when none has left for too long."""
        if self._left is None:
            return self.allowed(neutral)
        left_ns, value = self._left
        return value if now_ns - left_ns <= self.envelope.timeout_ns else None

    def put(self, value: float) -> None:
        """Go on from what really left: a frame with what was allowed did not."""
        self._value = value

    def left(self, now_ns: int, value: float) -> None:
        """Take note of what leaves in a frame: a release goes on from there."""
        self._left = now_ns, value

    def judge(self, car: Situation, t_ns: int, now_ns: int, asked: float | None) -> Verdict:
        """Return what it may be; None asks for nothing."""
        envelope, phase = self.envelope, car.phase(self.envelope.axis, now_ns)
        neutral = car.neutral(envelope, now_ns)[2]
        past_ns, rested, self._ns = now_ns - self._ns, car.rested(envelope.axis, self._ns), now_ns
        last = neutral if self._value is None or rested or phase in {Phase.SHUT, Phase.NEUTRAL} else self._value
        rest = approach(last, neutral, envelope.release_rate * past_ns / _S)
        rule, limit = Rule.NONE, 0.0
        if phase is not Phase.RELEASING:
            self._released = None
        elif self._released is None:
            self._released = self._start(car, now_ns, neutral) or (now_ns - past_ns, last)
        if phase is Phase.ACTING:
            if past_ns > envelope.timeout_ns:  # nobody asked for it for so long: it comes from neutral, and just now
                last, rest, past_ns = neutral, neutral, 0
            elapsed_s = min(past_ns, self._late_ns) / _S
            reach = car.reach(envelope, now_ns, source=(last, last), elapsed_s=elapsed_s)
            reach = windowed(reach, envelope, self._recent.at(now_ns), last=last, spare=0.0)
            bounds = allowed(self.grid.inwards(car.within(envelope, now_ns)), reach)
            wish = rest if asked is None or not math.isfinite(asked) else asked
            self._value, rule, limit = _clamped(bounds, wish)
        elif self._released is not None:
            since_ns, start = self._released
            value = approach(start, neutral, envelope.release_rate * (now_ns - since_ns) / _S)
            self._value = value if value == neutral else self.grid.back(value, start)
        else:
            self._value = rest
        self._recent.add(now_ns, self._value)
        return self._verdict(t_ns, asked, self._value, rule, limit, phase)

    def _start(self, car: Situation, now_ns: int, neutral: float) -> tuple[int, float] | None:
        """Return when and where what left last has a release begin; now and at neutral where it has lapsed."""
        if self._left is None:
            return None
        lapsed = now_ns - self._left[0] > self.envelope.timeout_ns
        return (now_ns, neutral) if lapsed or car.rested(self.envelope.axis, self._left[0]) else self._left

    def _verdict(self, t_ns: int, asked: float | None, value: float, rule: Rule, limit: float, phase: Phase) -> Verdict:
        name, amount = self.envelope.name, f"{value:g} {self.envelope.unit}".rstrip()
        if asked is None:
            return Verdict(t_ns, name, Outcome.ALLOWED, Rule.NONE, value, value)
        if not math.isfinite(asked):
            return Verdict(t_ns, name, Outcome.REFUSED, Rule.NOT_A_NUMBER, asked, value, text=f"asked for {asked}")
        if (rule is Rule.NONE) if phase is Phase.ACTING else (asked == value):
            return Verdict(t_ns, name, Outcome.ALLOWED, Rule.NONE, asked, value)
        if phase is Phase.ACTING:
            text = f"{amount} rather than {asked:g}, by its {rule.value}"
            return Verdict(t_ns, name, Outcome.LIMITED, rule, asked, value, limit, text)
        if phase is Phase.RELEASING:
            text = f"led to neutral, {amount} now"
            return Verdict(t_ns, name, Outcome.LIMITED, Rule.RELEASE, asked, value, value, text)
        text = f"{self.envelope.axis} is not engaged: {amount}"
        return Verdict(t_ns, name, Outcome.REFUSED, Rule.STATE, asked, value, value, text)


def _clamped(bounds: Bounds, wish: float) -> tuple[float, Rule, float]:
    if wish > bounds.high:
        return bounds.high, bounds.high_rule, bounds.high
    if wish < bounds.low:
        return bounds.low, bounds.low_rule, bounds.low
    return wish, Rule.NONE, 0.0
