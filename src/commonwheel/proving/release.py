"""When a fault was noticed and when the car was let go, as the frames that left show it.

Noticed: the axis is no longer engaged. Let go: from then on every frame that leaves for the axis has its commands at
neutral and says that nothing acts, or none leaves. That is read from the bytes, and not from what anybody claims.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.control import CYCLE_NS
from commonwheel.guard import State, Transition
from commonwheel.guard.envelope import FieldKind
from commonwheel.proving.run import STATES

if TYPE_CHECKING:
    from commonwheel.guard.envelope import CarEnvelope, FieldRule, FrameRule
    from commonwheel.proving.run import Run

__all__ = ["Release", "acts", "raw_value", "release"]

_CYCLE_S = CYCLE_NS / 1e9
_BYTE = 8


@dataclass(frozen=True, slots=True)
class Release:
    """How one axis was let go; times in seconds, NaN where it did not happen."""

    axis: str
    noticed_s: float
    """From the fault to the cycle in which the axis was engaged no longer."""
    released_s: float
    """From then to the cycle from which on nothing acts."""
    stated_s: float
    """Within which it has to be released."""
    rule: str
    """The rule of the transition."""
    cause: str
    after: State
    """The state in the end."""
    acted: bool = True
    """Whether the axis was engaged until then: what does not act cannot be let go."""

    @property
    def noticed(self) -> bool:
        """Whether the axis was let go at all."""
        return not math.isnan(self.noticed_s)

    @property
    def in_time(self) -> bool:
        """Whether everything was neutral within the stated time; a cycle more, since frames leave once in each."""
        return self.noticed and self.released_s <= self.stated_s + _CYCLE_S + 1e-9


def raw_value(payload: bytes, rule: FieldRule) -> int:
    """Return the raw value of a field, as a DBC file lays it out."""
    if rule.big_endian:
        begin = rule.start // _BYTE * _BYTE + _BYTE - 1 - rule.start % _BYTE
        raw = int.from_bytes(payload, "big") >> (len(payload) * _BYTE - begin - rule.length)
    else:
        raw = int.from_bytes(payload, "little") >> rule.start
    raw &= (1 << rule.length) - 1
    return raw - (1 << rule.length) if rule.signed and raw >> (rule.length - 1) else raw


def acts(payload: bytes, rule: FrameRule, envelope: CarEnvelope, axis: str) -> bool:
    """Whether a frame commands anything of an axis.

    What neutral is where it is measured cannot be told from a frame; there the field that says whether it acts decides.
    """
    limits = {one.name: one for one in envelope.envelopes}
    for field in rule.fields:
        if field.kind is FieldKind.ACTIVE and field.axis == axis and raw_value(payload, field) not in field.idle:
            return True
        if field.kind is FieldKind.LIMITED and (limit := limits[field.envelope]).axis == axis:
            value = raw_value(payload, field) * field.factor + field.offset
            neutral = limit.neutral
            if isinstance(neutral, float | int) and abs(value - neutral) > abs(field.factor) / 2 + 1e-9:
                return True
    return False


def release(run: Run, envelope: CarEnvelope, axis: str, fault_s: float) -> Release:
    """Return how an axis was let go after a time; of a run that has its frames.

    A run that begins only then is taken to have begun with the axis engaged.
    """
    stated_s = next(one.release_ns for one in envelope.axes if one.name == axis) / 1e9
    codes, engaged = run.states[axis], STATES.index(State.ENGAGED)
    rows = np.flatnonzero((run.t_s >= fault_s - 1e-9) & (codes != engaged))
    before = np.flatnonzero(run.t_s < fault_s - _CYCLE_S / 2)
    acted = not len(before) or bool(codes[before[-1]] == engaged)
    after = STATES[int(codes[-1])]
    if not len(rows):
        return Release(axis, math.nan, math.nan, stated_s, "", "", after, acted)
    noticed = float(run.t_s[rows[0]])
    again = np.flatnonzero((run.t_s > noticed) & (codes == engaged))
    until = float(run.t_s[again[0]]) if len(again) else math.inf
    last = noticed - _CYCLE_S
    rules = {(rule.bus, rule.can_id): rule for rule in envelope.frames}
    emitted = run.emitted
    begin = int(np.searchsorted(emitted.t_ns, round((noticed - 1e-4) * 1e9)))
    for row in range(begin, len(emitted)):
        t_s = float(emitted.t_ns[row]) / 1e9
        if t_s >= until - 1e-9:
            break
        rule = rules.get((int(emitted.bus[row]), int(emitted.id[row])))
        payload = emitted.data[row, : int(emitted.size[row])].tobytes()
        if rule is not None and acts(payload, rule, envelope, axis):
            last = t_s
    rule, cause = _why(run, axis, noticed)
    return Release(axis, noticed - fault_s, last + _CYCLE_S - noticed, stated_s, rule, cause, after, acted)


def _why(run: Run, axis: str, t_s: float) -> tuple[str, str]:
    """Return the rule and cause of the first transition out of engagement from a time on, whatever clock it bears."""
    leaving = [
        said
        for said in run.said
        if isinstance(said, Transition)
        and said.axis == axis
        and said.before is State.ENGAGED
        and said.t_ns >= round((t_s - 1e-4) * 1e9)
    ]
    return (leaving[0].rule.value, leaving[0].cause) if leaving else ("", "")
