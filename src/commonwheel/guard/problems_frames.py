"""What is wrong with the rules of a frame: fields that overlap or leave it, and values that they cannot hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.guard.envelope import Ceiling, FieldKind, Measured, Stock
from commonwheel.guard.frames import EPSILON, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.guard.envelope import CarEnvelope, FieldRule, FrameRule

__all__ = ["frame_problems"]

_LONGEST = 64
"""Bytes of the longest frame."""
_EXTENDED = 0x80000000
"""SocketCAN's flag of a 29-bit id."""


def frame_problems(car: CarEnvelope, frame: FrameRule) -> Iterator[str]:
    """Yield what is wrong with a frame whose names are all known."""
    most_id = 0x1FFFFFFF if frame.can_id & _EXTENDED else 0x7FF
    if not 0 <= frame.can_id & ~_EXTENDED <= most_id:
        yield f"0x{frame.can_id:X} is no id"
    if frame.least_period_ns < 0:
        yield f"least_period_ns is {frame.least_period_ns}, not 0 or above"
    if frame.window_ns <= 0:
        yield f"window_ns is {frame.window_ns}, not above 0"
    if frame.most_in_window < 1:
        yield f"most_in_window is {frame.most_in_window}, which lets nothing leave"
    if not 1 <= frame.size <= _LONGEST:
        yield f"no frame has {frame.size} bytes"
        return
    covered = 0
    for field in frame.fields:
        layout = Layout(field, frame.size)
        if not layout.fits:
            yield f"field '{field.name}' is not within {frame.size} bytes"
            continue
        if covered & layout.covered:
            yield f"field '{field.name}' overlaps another"
        covered |= layout.covered
        yield from (f"field '{field.name}': {text}" for text in _field(car, field, layout))
        if field.ceiling is Ceiling.STOCK and frame.stock is not Stock.REPLACED:
            yield f"field '{field.name}' has a ceiling: what the car's own controller sends, which is not replaced"


def _field(car: CarEnvelope, field: FieldRule, layout: Layout) -> Iterator[str]:
    kind = field.kind
    if bool(field.envelope) != (kind is FieldKind.LIMITED):
        yield "an envelope is what a limited field has, and no other"
    elif kind is FieldKind.LIMITED:
        yield from _limited(car, field, layout)
    if bool(field.axis) != (kind is FieldKind.ACTIVE):
        yield "an axis is what an active field has, and no other"
    if bool(field.why) != (kind is FieldKind.FREE):
        yield "why nothing can come of it is what a free field has, and no other"
    if field.ceiling is not Ceiling.NONE and kind is not FieldKind.LIMITED:
        yield "a ceiling is what a limited field has, and no other"
    if bool(field.idle) != (kind is FieldKind.ACTIVE):
        yield "idle values are what an active field has, and no other"
    if kind in {FieldKind.ACTIVE, FieldKind.FIXED, FieldKind.HELD} and not field.allowed:
        yield "no value is allowed"
    outside = [raw for raw in field.allowed | field.idle if not layout.least <= raw <= layout.most]
    if outside:
        yield f"it holds {layout.least} to {layout.most}, not {', '.join(map(str, sorted(outside)))}"


def _limited(car: CarEnvelope, field: FieldRule, layout: Layout) -> Iterator[str]:
    if field.factor == 0.0 or not math.isfinite(field.factor) or not math.isfinite(field.offset):
        yield f"factor {field.factor:g} and offset {field.offset:g} give no values"
        return
    (envelope,) = (each for each in car.envelopes if each.name == field.envelope)
    neutral = envelope.neutral
    raw = ((neutral.centre if isinstance(neutral, Measured) else neutral) - field.offset) / field.factor
    if not math.isfinite(raw) or not layout.least <= round(raw) <= layout.most or abs(raw - round(raw)) > EPSILON:
        yield f"it cannot hold neutral, which would be raw {raw:g}"
    if isinstance(neutral, Measured) and neutral.tolerance < abs(field.factor) / 2 * (1 - EPSILON):
        yield f"a step of {abs(field.factor):g} cannot follow what is measured to within {neutral.tolerance:g}"
    others = {
        (other.factor, other.offset)
        for frame in car.frames
        for other in frame.fields
        if other.envelope == field.envelope
    }
    if len(others) > 1:
        yield f"'{field.envelope}' is carried in several resolutions; give each its own envelope"
