"""An independent look at the bytes of a frame that is about to leave: every bit of it is accounted for.

Its layout is read here anew, whatever packed it. Of a field that carries a quantity it knows what last left, so that it
needs to trust nobody for how fast that changes: by the rate, and one raw step for what the wire cannot hold, which is
granted once and not with each frame. Who leaves frames out gains nothing: time counts for little more than there is
between two of them.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Literal

from commonwheel.guard.envelope import Ceiling, FieldKind, Measured, Stock
from commonwheel.guard.limits import Bounds, allowed, approach, windowed
from commonwheel.guard.machine import Phase
from commonwheel.guard.span import Span
from commonwheel.guard.verdict import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.guard.envelope import Envelope, FieldRule, FrameRule
    from commonwheel.guard.situation import Situation

__all__ = ["EPSILON", "BrokenRule", "Frame", "Layout"]

EPSILON = 1e-6
"""Of a raw step: what floating point may add to a limit."""
_S = 1e9


class BrokenRule(Exception):  # noqa: N818 - not an error of the program: it is what a check finds
    """A frame breaks a rule."""

    def __init__(
        self, rule: Rule, text: str, *, asked: float = 0.0, limit: float = 0.0, of: Quantity | None = None
    ) -> None:
        super().__init__(text)
        self.rule, self.text, self.asked, self.limit, self.of = rule, text, asked, limit, of


class Layout:
    """Where a field's bits are, from its place in the notation of a DBC file."""

    def __init__(self, field: FieldRule, size: int) -> None:
        # Bits of big-endian fields are counted from the frame's front, those of the others as they are numbered.
        front = field.start // 8 * 8 + 7 - field.start % 8
        self._order: Literal["big", "little"] = "big" if field.big_endian else "little"
        self._shift = size * 8 - front - field.length if field.big_endian else field.start
        self.fits = field.length > 0 and self._shift >= 0 and self._shift + field.length <= size * 8
        self._bits = ((1 << field.length) - 1) << self._shift if self.fits else 0
        self._sign = 1 << (field.length - 1) if field.signed and self.fits else 0
        self.covered = int.from_bytes(self._bits.to_bytes(size, self._order), "little")
        """Its bits, in a number that is made of the frame as little endian."""
        top = (1 << field.length) - 1 if self.fits else 0
        self.least, self.most = -self._sign, top - self._sign
        """What it can hold, raw."""

    def raw(self, payload: bytes) -> int:
        """Return what it holds."""
        raw = (int.from_bytes(payload, self._order) & self._bits) >> self._shift
        return raw - ((raw & self._sign) << 1)


class Quantity:
    """What a limited field carries, and what of it last left."""

    def __init__(self, field: FieldRule, layout: Layout, envelope: Envelope, most_ns: int) -> None:
        self.field, self.layout, self.envelope = field, layout, envelope
        self._step = abs(field.factor)
        self._most_ns = most_ns
        """So much time counts between two frames."""
        self._last: float | None = None
        self._last_ns = 0
        self._origin = (0.0, 0.0)
        """From where the last value goes on, down and up."""
        self._recent = Span(envelope.window_ns)

    def value(self, payload: bytes) -> float:
        """Return what a frame says, in the envelope's unit."""
        return self.layout.raw(payload) * self.field.factor + self.field.offset

    def left(self, now_ns: int, value: float, origin: tuple[float, float]) -> None:
        """Take note of a value that leaves, and of what ``judge`` said of it."""
        self._last, self._last_ns, self._origin = value, now_ns, origin
        self._recent.add(now_ns, value)

    def last(self, car: Situation, now_ns: int, neutral: float) -> float:
        """Return where it has come from: what has lapsed, or left before all was neutral, comes from there."""
        lapsed = now_ns - self._last_ns > self.envelope.timeout_ns
        if self._last is None or lapsed or car.rested(self.envelope.axis, self._last_ns):
            return neutral
        return self._last

    def judge(
        self, car: Situation, now_ns: int, value: float, *, idle: bool, stock: bytes | None
    ) -> tuple[float, float]:
        """Find out whether a value may leave; returns from where it goes on, down and up.

        Args:
            car: what it is judged by.
            now_ns: the guard's time.
            value: in the envelope's unit.
            idle: the frame says itself that nothing acts: then it has to be neutral, whatever acts.
            stock: what the car's own controller sent of late; None for nothing.

        Raises:
            BrokenRule: it may not.
        """
        envelope = self.envelope
        phase = Phase.NEUTRAL if idle else car.phase(envelope.axis, now_ns)
        low, high, neutral = car.neutral(envelope, now_ns)
        if isinstance(envelope.neutral, Measured):
            low, high = low - envelope.neutral.tolerance, high + envelope.neutral.tolerance
        last, past_ns = self.last(car, now_ns, neutral), now_ns - self._last_ns
        origin = value, value
        if phase is Phase.ACTING:
            source = self._origin if last == self._last else (last, last)
            reach = car.reach(envelope, now_ns, source=source, elapsed_s=min(past_ns, self._most_ns) / _S)
            origin = _origin(reach, value, self._step * (1 + EPSILON))
            reach = windowed(reach.wider(self._step), envelope, self._recent.at(now_ns), last=last, spare=self._step)
            bounds = allowed(self.under(stock, car.within(envelope, now_ns), neutral), reach)
        elif phase is Phase.RELEASING:
            hull = Bounds(min(last, low), max(last, high), Rule.RELEASE, Rule.RELEASE)
            bounds = allowed(self.under(stock, hull, neutral), self._ramp(last, low, high, past_ns / _S))
        else:
            bounds = Bounds(low, high, Rule.STATE, Rule.STATE)
        self._apart(value, neutral)
        slack = EPSILON * self._step
        if value < bounds.low - slack:
            self._refuse(bounds.low_rule, value, bounds.low, "at least")
        if value > bounds.high + slack:
            self._refuse(bounds.high_rule, value, bounds.high, "at most")
        return origin

    def _ramp(self, last: float, low: float, high: float, elapsed_s: float) -> Bounds:
        """Return where a release leads from a value: towards neutral (low to high), neither faster nor slower."""
        move = self.envelope.release_rate * elapsed_s
        fast, slow = move + self._step, max(move - self._step, 0.0)
        return Bounds(
            approach(last, low, fast if last > low else slow),
            approach(last, high, fast if last < high else slow),
            Rule.RELEASE,
            Rule.RELEASE,
        )

    def under(self, stock: bytes | None, bounds: Bounds, neutral: float) -> Bounds:
        """Return bounds that go no farther from neutral than the car's own controller does, where that is a limit."""
        return bounds.within(*self.ceiling(stock, neutral), Rule.RANGE)

    def ceiling(self, stock: bytes | None, neutral: float) -> tuple[float, float]:
        """Return from where to where the car's own controller lets it go; anywhere, where that is no limit."""
        if self.field.ceiling is Ceiling.NONE:
            return -math.inf, math.inf
        own = neutral if stock is None else self.value(stock)
        return min(own, neutral), max(own, neutral)

    def _apart(self, value: float, neutral: float) -> None:
        """Refuse what is between a neutral that stands apart and the least that means anything."""
        field = self.field
        if not field.allowed or abs(value - neutral) <= EPSILON * self._step:
            return
        ends = [raw * field.factor + field.offset for raw in (min(field.allowed), max(field.allowed))]
        if value < min(ends):
            self._refuse(Rule.RANGE, value, min(ends), "neutral or at least")
        if value > max(ends):
            self._refuse(Rule.RANGE, value, max(ends), "neutral or at most")

    def _refuse(self, rule: Rule, value: float, limit: float, how: str) -> None:
        text = f"{self.field.name} is {value:g} {self.envelope.unit}, {how} {limit:g} by its {rule.value}"
        raise BrokenRule(rule, text, asked=value, limit=limit, of=self)


def _origin(reach: Bounds, value: float, step: float) -> tuple[float, float]:
    """Return from where a value goes on, down and up: what it is beyond its reach for the wire is not granted anew."""
    return (
        reach.low if value < reach.low <= value + step else value,
        reach.high if value - step <= reach.high < value else value,
    )


class Frame:
    """One message that may leave."""

    def __init__(self, rule: FrameRule, envelopes: Mapping[str, Envelope], axes: tuple[str, ...], late_ns: int) -> None:
        self.rule = rule
        most_ns = late_ns + 2 * rule.window_ns // rule.most_in_window
        layouts = [(field, Layout(field, rule.size)) for field in rule.fields]
        self.quantities = [
            Quantity(field, layout, envelopes[field.envelope], most_ns)
            for field, layout in layouts
            if field.kind is FieldKind.LIMITED
        ]
        self._held = [each for each in layouts if each[0].kind is FieldKind.HELD]
        self._stock: bytes | None = None
        self._stock_ns = 0
        self._codes = [each for each in layouts if each[0].kind in {FieldKind.ACTIVE, FieldKind.FIXED}]
        self._counters = [each for each in layouts if each[0].kind is FieldKind.COUNTER]
        self._uncovered = -1
        for _, layout in layouts:
            self._uncovered &= ~layout.covered
        served = {each.envelope.axis for each in self.quantities} | {field.axis for field in rule.fields}
        self.axes = tuple(axis for axis in axes if axis in served) or axes
        """What it serves; one that serves nothing of its own serves all."""
        self._beside = rule.stock in {Stock.MIXED, Stock.REPLACED}
        """It comes beside or in place of the car's own, and so only while something acts."""
        self._counts: tuple[int, ...] = ()
        self._sent: deque[int] = deque(maxlen=rule.most_in_window)

    def heard(self, payload: bytes, now_ns: int) -> None:
        """Take in what the car's own controller sends."""
        if len(payload) == self.rule.size:
            self._stock, self._stock_ns = payload, now_ns

    def _lately(self, now_ns: int) -> bytes | None:
        """Return what the car's own controller sent within the last window; older is what it no longer says."""
        return self._stock if now_ns - self._stock_ns <= self.rule.window_ns else None

    @property
    def capped(self) -> list[Quantity]:
        """What goes no farther than the car's own controller."""
        return [each for each in self.quantities if each.field.ceiling is not Ceiling.NONE]

    def held_under(self, quantity: Quantity, now_ns: int, value: float, neutral: float) -> float:
        """Return a value as near to neutral as the car's own controller holds it now."""
        low, high = quantity.ceiling(self._lately(now_ns), neutral)
        return min(max(value, low), high)

    def check(self, car: Situation, now_ns: int, payload: bytes) -> list[tuple[str, float]]:
        """Take a frame as sent, or find what is wrong with it; returns the quantities that leave, by envelope.

        Raises:
            BrokenRule: it must not leave.
        """
        rule = self.rule
        if len(payload) != rule.size:
            raise BrokenRule(Rule.FRAME_LENGTH, f"{len(payload)} bytes, not {rule.size}")
        phases = {car.phase(axis, now_ns) for axis in self.axes}
        if phases == {Phase.SHUT}:
            raise BrokenRule(Rule.STATE, f"nothing leaves: {', '.join(self.axes)} off")
        if self._beside and phases <= {Phase.SHUT, Phase.NEUTRAL}:
            raise BrokenRule(Rule.STATE, f"the car's own goes on: {', '.join(self.axes)} not engaged")
        self._content(car, now_ns, payload)
        values = [each.value(payload) for each in self.quantities]
        idle, stock = self._idle(payload), self._lately(now_ns)
        origins = [
            quantity.judge(car, now_ns, value, idle=quantity.envelope.axis in idle, stock=stock)
            for quantity, value in zip(self.quantities, values, strict=True)
        ]
        counts = self._counted(now_ns, payload)
        self._paced(now_ns)
        self._sent.append(now_ns)
        self._counts = counts
        for quantity, value, origin in zip(self.quantities, values, origins, strict=True):
            quantity.left(now_ns, value, origin)
        return [(each.envelope.name, value) for each, value in zip(self.quantities, values, strict=True)]

    def _idle(self, payload: bytes) -> set[str]:
        """Return the axes that do not act by what the frame itself says.

        Raises:
            BrokenRule: it says both.
        """
        says = {
            (field.axis, layout.raw(payload) in field.allowed - field.idle)
            for field, layout in self._codes
            if field.kind is FieldKind.ACTIVE
        }
        idle = {axis for axis, acting in says if not acting}
        if any(acting and axis in idle for axis, acting in says):
            raise BrokenRule(Rule.FRAME_CONTENT, "some of its fields say that it acts, and some that nothing does")
        return idle

    def _content(self, car: Situation, now_ns: int, payload: bytes) -> None:
        stray = int.from_bytes(payload, "little") & self._uncovered
        if stray:
            bit = (stray & -stray).bit_length() - 1
            raise BrokenRule(Rule.FRAME_CONTENT, f"bit {bit % 8} of byte {bit // 8} is set, which no field covers")
        for field, layout in self._codes:
            raw = layout.raw(payload)
            if raw not in self._permitted(car, now_ns, field):
                raise BrokenRule(Rule.FRAME_CONTENT, f"{field.name} is {raw}, which it may not be now", asked=raw)
        for field, layout in self._held:
            raw = layout.raw(payload)
            if raw not in (field.allowed if self._stock is None else {layout.raw(self._stock)}):
                text = f"{field.name} is {raw}, not what the car's own controller last sent"
                raise BrokenRule(Rule.FRAME_CONTENT, text, asked=raw)

    @staticmethod
    def _permitted(car: Situation, now_ns: int, field: FieldRule) -> frozenset[int]:
        if field.kind is FieldKind.FIXED:
            return field.allowed
        phase = car.phase(field.axis, now_ns)
        if phase is Phase.ACTING:
            return field.allowed
        return field.allowed | field.idle if phase is Phase.RELEASING else field.idle

    def _counted(self, now_ns: int, payload: bytes) -> tuple[int, ...]:
        """Return the frame's counters, which follow those of the last one, unless that left too long ago."""
        counts = tuple(layout.raw(payload) for _, layout in self._counters)
        if not self._sent or now_ns - self._sent[-1] > self.rule.window_ns:
            return counts
        for (field, layout), last, count in zip(self._counters, self._counts, counts, strict=True):
            due = layout.least if last >= max(field.allowed, default=layout.most) else last + 1
            if count != due:
                raise BrokenRule(Rule.FRAME_SEAL, f"{field.name} is {count}, due is {due}", asked=count, limit=due)
        return counts

    def _paced(self, now_ns: int) -> None:
        rule, sent = self.rule, self._sent
        if sent and now_ns - sent[-1] < rule.least_period_ns:
            past_ms, least_ms = (now_ns - sent[-1]) / 1e6, rule.least_period_ns / 1e6
            raise BrokenRule(Rule.FRAME_PERIOD, f"{past_ms:g} ms after the last, at least {least_ms:g} ms")
        if len(sent) == rule.most_in_window and now_ns - sent[0] < rule.window_ns:
            most, window_ms = rule.most_in_window, rule.window_ns / 1e6
            raise BrokenRule(Rule.FRAME_FLOOD, f"{most} have left within {window_ms:g} ms, which is the most")
