"""What contradicts each other in a car's ``control.yaml``, found before anything acts by it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.control.description_manners import commands_of
from commonwheel.control.making import reference_path
from commonwheel.control.manners import Acceleration, Buttons, Pedals, Torque
from commonwheel.guard.envelope import Ending, FieldKind, Measured, Tracking, Without

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.control.description_file import Stated
    from commonwheel.control.description_frames import Frame
    from commonwheel.control.model import Adapter, Control
    from commonwheel.guard.envelope import Axis, Condition, Curve, Envelope, FieldRule
    from commonwheel.vehicles.yamltree import Reader

__all__ = ["check"]

_SLACK = 1e-6
"""Of a step of the wire: what is a whole number but for its last binary digits."""
_ANGLES = frozenset({"deg", "degrees"})
_APART = (Acceleration, Buttons, Pedals, Torque)
"""Manners whose commands are another quantity than their target: limits of a command do not limit that."""
_MOTION = frozenset({"longitudinal", "lateral"})
"""Axes that move the car: the driver's own word begins them, and an act of his ends them at once."""


def check(control: Control, stated: Stated, frames: tuple[Frame, ...], reader: Reader) -> None:
    """Note every contradiction as a fault at the row that it is in."""
    envelope = control.envelope
    envelopes = {item.name: item for item in envelope.envelopes}
    rows = stated.rows
    for frame in frames:
        for message in _frame(frame, control, envelopes):
            reader.fault(rows["frames"][frame.rule.name], message)
    for adapter in control.adapters:
        for message in _adapter(adapter, control, envelopes):
            reader.fault(rows["adapters"][adapter.name], message)
    for axis in envelope.axes:
        for message in _axis(axis, control):
            reader.fault(rows["axes"][axis.name], message)
    for item in envelope.envelopes:
        for message in (*_envelope(item, control), *_release(item, control)):
            reader.fault(rows["envelopes"][item.name], message)
    for message in _car(control):
        reader.fault(stated.root, message)


def _frame(frame: Frame, control: Control, envelopes: dict[str, Envelope]) -> Iterator[str]:
    adapter = next((item for item in control.adapters if item.name == frame.adapter), None)
    if adapter is None:
        return
    commands = commands_of(adapter.manner)
    for rule in frame.rule.fields:
        if rule.kind is not FieldKind.LIMITED:
            continue
        envelope = envelopes[rule.envelope]
        if envelope.name not in commands:
            yield f"'{rule.name}' carries '{envelope.name}', which adapter '{adapter.name}' does not command"
        if envelope.axis != adapter.axis:
            yield (
                f"'{rule.name}' carries '{envelope.name}' of the axis {envelope.axis}, "
                f"and adapter '{adapter.name}' is of {adapter.axis}"
            )
        yield from _fits(rule, envelope, control)


def _fits(rule: FieldRule, envelope: Envelope, control: Control) -> Iterator[str]:
    """Yield why a field cannot hold what its envelope allows."""
    message = next(m for m in control.envelope.frames if rule in m.fields)
    span = 1 << rule.length
    raws = (-(span >> 1), (span >> 1) - 1) if rule.signed else (0, span - 1)
    low, high = sorted(raw * rule.factor + rule.offset for raw in raws)
    least, most = _least(envelope.low), _most(envelope.high)
    if least < low or most > high:
        yield (
            f"'{rule.name}' holds {low:g} to {high:g}, and envelope '{envelope.name}' allows {least:g} to {most:g}; "
            "narrow the envelope"
        )
    if not isinstance(envelope.neutral, Measured):
        raw = (envelope.neutral - rule.offset) / rule.factor
        if abs(raw - round(raw)) > _SLACK or not low <= envelope.neutral <= high:
            yield f"'{rule.name}' of {message.name} cannot hold the neutral value of '{envelope.name}' exactly"


def _adapter(adapter: Adapter, control: Control, envelopes: dict[str, Envelope]) -> Iterator[str]:
    if not any(axis.name == adapter.axis for axis in control.envelope.axes):
        yield f"adapter '{adapter.name}' is of axis '{adapter.axis}', of which nothing is stated under 'axes'"
    if not adapter.carriers:
        yield f"adapter '{adapter.name}' has no frame; name it as 'adapter' of one"
    carried = {name for carrier in adapter.carriers for name in carrier.fields.values()}
    for name in sorted(commands_of(adapter.manner) - carried):
        yield f"adapter '{adapter.name}' commands '{name}', which none of its frames carries"
    native = reference_path(adapter)
    if isinstance(adapter.manner, _APART) and not adapter.serves.get(native):
        yield f"adapter '{adapter.name}' works in '{native}', which nothing limits; serve it, and name its envelope"
    for path, name in adapter.serves.items():
        if name and envelopes[name].axis != adapter.axis:
            yield f"'{path}' is limited by '{name}' of another axis ({envelopes[name].axis})"
        others = [other.name for other in control.adapters if other is not adapter and path in other.serves]
        if others:
            yield f"'{path}' is served by adapter '{others[0]}' too; one serves it"
        if path in control.cannot:
            yield f"'{path}' is served, and 'cannot' says that it is not: {control.cannot[path]}"


def _axis(axis: Axis, control: Control) -> Iterator[str]:
    conditions: list[Condition] = [*axis.engage, *axis.keep, *axis.override]
    if not isinstance(axis.consent, Without):
        conditions.append(axis.consent)
    elif axis.name in _MOTION:
        yield f"axis '{axis.name}' moves the car; 'consent' names the condition that is the driver's own word"
    if axis.name in _MOTION and not any(each.ending is Ending.CUT for each in (*axis.keep, *axis.override)):
        yield (
            f"axis '{axis.name}' moves the car, and no act of the driver ends it at once; name one under 'keep' or "
            "'override', with 'ending: cut'"
        )
    for condition in conditions:
        yield from _relied(condition.path, axis.name, control, f"condition '{condition.text}'")
    if not any(adapter.axis == axis.name for adapter in control.adapters):
        yield f"axis '{axis.name}' has no adapter: nothing that is served is of it; leave it out"


def _release(envelope: Envelope, control: Control) -> Iterator[str]:
    """Yield that a quantity is not at rest in the time in which its axis is released."""
    centre = envelope.neutral.centre if isinstance(envelope.neutral, Measured) else envelope.neutral
    far = max(_most(envelope.high) - centre, centre - _least(envelope.low))
    needed_s = far / envelope.release_rate
    for axis in control.envelope.axes:
        if axis.name == envelope.axis and needed_s * 1e9 > axis.release_ns:
            yield (
                f"a release of '{envelope.name}' takes {needed_s:.3g} s at its 'release_rate', longer than 'release' "
                f"of axis '{axis.name}' ({axis.release_ns / 1e9:g} s)"
            )


def _envelope(envelope: Envelope, control: Control) -> Iterator[str]:
    used = {name for adapter in control.adapters for name in adapter.serves.values()}
    used |= {rule.envelope for frame in control.envelope.frames for rule in frame.fields}
    if envelope.name not in used:
        yield f"envelope '{envelope.name}' limits nothing: no actuator and no field has it"
    if not envelope.source:
        yield f"envelope '{envelope.name}' needs its source: where the limits come from"
    for watched in (envelope.neutral, envelope.tracking):
        if isinstance(watched, Measured | Tracking):
            yield from _relied(watched.path, envelope.axis, control, f"envelope '{envelope.name}'")
    turns = not isinstance(envelope.lateral, Without) and envelope.unit in _ANGLES
    if turns and isinstance(control.envelope.geometry, Without):
        yield f"envelope '{envelope.name}' limits the lateral acceleration of an angle; that needs 'geometry'"
    if isinstance(envelope.neutral, Measured):
        return
    for curve, name, sign in ((envelope.low, "low", 1), (envelope.high, "high", -1)):
        if any(sign * (value - envelope.neutral) > 0 for _, value in curve.points):
            yield f"the neutral value of '{envelope.name}' is outside of '{name}'"


def _relied(path: str, axis: str, control: Control, what: str) -> Iterator[str]:
    """Yield whether a signal is no input of an axis."""
    found = next((item for item in control.envelope.inputs if item.path == path), None)
    if found is None:
        yield f"{what} relies on '{path}', which is not among 'inputs': how old and how bad may it be?"
    elif axis not in found.axes:
        yield f"{what} makes the axis {axis} rely on '{path}'; name the axis there under 'inputs'"


def _car(control: Control) -> Iterator[str]:
    envelope = control.envelope
    watched = [("speed", envelope.speed)]
    if isinstance(envelope.steering, str):
        watched.append(("steering", envelope.steering))
    elif not isinstance(envelope.measured_lateral, Without):
        yield "'measured_lateral' needs 'steering': the angle that it is worked out of"
    known = {item.path for item in envelope.inputs}
    for key, path in watched:
        if path not in known:
            yield f"'{key}' is '{path}', which is not among 'inputs'"
    if not control.adapters:
        yield "no adapter: it serves nothing. A car that cannot be made to act has no such file"


def _least(curve: Curve) -> float:
    return min((value for _, value in curve.points), default=-math.inf)


def _most(curve: Curve) -> float:
    return max((value for _, value in curve.points), default=math.inf)
