"""A whole drive before the judge: every frame that the car heard and every one that left, in order of time."""

from __future__ import annotations

import enum
import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commonwheel.guard import Measured, State
from commonwheel.guard.envelope import FieldKind
from commonwheel.proving.intervention import Kind
from commonwheel.proving.loop import Loop
from commonwheel.proving.plan import PLAN
from commonwheel.proving.proof import setup_of
from commonwheel.proving.run import STATES
from tests.guard.layout import read
from tests.guard.oracle.rules import REFERENCES, Oracle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonwheel.guard.envelope import FrameRule
    from commonwheel.proving.loop import Setup
    from commonwheel.proving.proof import Trial
    from commonwheel.proving.run import Run
    from commonwheel.wire.frames import Frames

__all__ = ["Denial", "Refusal", "drive", "driven", "judge", "listed"]

_UNSOUND_S = 0.1
"""So long an axis goes on after a wrong frame: the tolerance of what comes every 40 ms, and until that is seen."""
_CYCLE_S = 0.02
"""From what the judge sees to the frame that answers to it, and to the next of its message."""
_TAPS = {"SwitchResume", "SwitchSet"}


def drive(car: str, trial: Trial, until_s: float = math.inf) -> tuple[Setup, Run] | str:
    """Return what a car is made to act with, and a drive with all its frames; or why the car cannot drive it."""
    setup, why = setup_of(car, trial)
    if setup is None:
        return why
    loop = Loop(replace(setup, keep_frames=True))
    if math.isinf(until_s):
        return setup, loop.run()
    loop.until(until_s)
    return setup, loop.result()


@functools.cache
def driven(car: str, trial: str, until_s: float) -> tuple[Setup, Run]:
    """Return the beginning of a drive of the plan; made once."""
    found = drive(car, next(one for one in PLAN if one.name == trial), until_s)
    assert not isinstance(found, str), found
    return found


class Denial(enum.Enum):
    """Why the judge allows no controls."""

    NONE = "none"
    """It does."""
    STATE = "state"
    """By what sound frames say: cruise control, pedals, switches."""
    UNSOUND = "unsound"
    """A frame's checksum is wrong, or counters do not go on."""
    SILENT = "silent"
    """What it relies on does not come."""


_FAILED = {Denial.UNSOUND, Denial.SILENT}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame that left, and that the judge would have kept back."""

    t_s: float
    rule: FrameRule
    payload: bytes
    denial: Denial
    denied_s: float
    """For how long it had not allowed controls."""
    engaged: bool
    """Whether an axis of the message was engaged then, and the cycle before."""
    after_s: float
    """Since the last frame of this message."""

    def __str__(self) -> str:
        state = "engaged" if self.engaged else "not engaged"
        why = f"{self.denial.value} for {self.denied_s:.3f} s"
        after = f"{self.after_s:.3f} s after the last"
        return f"{self.t_s:.3f} s {self.rule.name} {self.payload.hex()}, {after}, {state}; denied: {why}"


def listed(setup: Setup, refusal: Refusal) -> str:
    """Return by which of the stated differences a frame left; '' by none."""
    read_of = {one.name: read(refusal.payload, one) for one in refusal.rule.fields}
    pressed = {name for name, raw in read_of.items() if name.startswith("Switch") and raw}
    if "NoSwitch" in read_of and len(pressed) == 1 and pressed <= _TAPS and refusal.denied_s <= _CYCLE_S:
        return "D-05"
    longest_s = max(axis.release_ns for axis in setup.control.envelope.axes) / 1e9
    ramp = not refusal.engaged and refusal.denied_s <= longest_s + _UNSOUND_S
    if (refusal.denial in _FAILED and ramp) or (refusal.denial is Denial.UNSOUND and refusal.denied_s <= _UNSOUND_S):
        return "D-06"
    follows = {one.name for one in setup.control.envelope.envelopes if isinstance(one.neutral, Measured)}
    if refusal.denial is Denial.NONE and follows & {one.envelope for one in refusal.rule.fields}:
        return "D-09" if refusal.after_s > _CYCLE_S else "" if refusal.engaged else "D-10"
    return ""


def _rows(frames: Frames) -> Iterator[tuple[int, int, int, bytes]]:
    times, buses, ids, sizes = (each.tolist() for each in (frames.t_ns, frames.bus, frames.id, frames.size))
    for row, t_ns in enumerate(times):
        yield t_ns, buses[row], ids[row], frames.data[row, : sizes[row]].tobytes()


class _Court:
    """The judge in the course of a drive, and since when and why it allows no controls."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.denial = Denial.STATE
        self.denied_ns = 0

    def tick(self, t_ns: int) -> None:
        self.oracle.tick(t_ns)
        self._see(t_ns, Denial.SILENT)

    def hear(self, t_ns: int, bus: str, can_id: int, data: bytes) -> None:
        sound = self.oracle.rx(bus, can_id, data)
        self._see(t_ns, Denial.STATE if sound else Denial.UNSOUND)

    def _see(self, t_ns: int, cause: Denial) -> None:
        if self.oracle.allows:
            self.denial, self.denied_ns = Denial.NONE, t_ns
        elif self.denial is Denial.NONE:
            self.denial, self.denied_ns = cause, t_ns


def judge(library: Path, setup: Setup, run: Run) -> tuple[int, list[Refusal]]:
    """Return how many frames left, and those that the judge refuses.

    What was heard comes before what left at the same time: the control acts on it in that cycle.
    """
    court = _Court(Oracle(library, REFERENCES[run.car.partition(":")[0]]))
    buses = {number: bus.name for number, bus in enumerate(setup.vehicle.buses)}
    rules = {(rule.bus, rule.can_id): rule for rule in setup.control.envelope.frames}
    heard = ((_steady(setup, t_ns), bus, can_id, data) for t_ns, bus, can_id, data in _rows(run.received))
    rows = [(t_ns, 0, bus, can_id, data) for t_ns, bus, can_id, data in heard]
    rows += [(t_ns, 1, bus, can_id, data) for t_ns, bus, can_id, data in _rows(run.emitted)]
    rows.sort(key=lambda row: row[:2])
    refused: list[Refusal] = []
    left, last_ns = 0, dict.fromkeys(rules, 0)
    for t_ns, ours, bus, can_id, data in rows:
        court.tick(t_ns)
        if not ours:
            court.hear(t_ns, buses[bus], can_id, data)
            continue
        left += 1
        if not court.oracle.tx(buses[bus], can_id, data):
            rule = rules[bus, can_id]
            denied_s, after_s = (t_ns - court.denied_ns) / 1e9, (t_ns - last_ns[bus, can_id]) / 1e9
            engaged = _engaged(setup, run, rule, t_ns)
            refused.append(Refusal(t_ns / 1e9, rule, data, court.denial, denied_s, engaged, after_s))
        last_ns[bus, can_id] = t_ns
    return left, refused


def _steady(setup: Setup, t_ns: int) -> int:
    """Return when a frame came on a clock that nobody sets: frames that are heard have the time of one that is."""
    for one in setup.interventions:
        step_ns = round(one.amount * 1e9)
        if one.kind is Kind.CLOCK_STEP and t_ns >= one.from_s * 1e9 + step_ns:
            t_ns -= step_ns
    return t_ns


def _engaged(setup: Setup, run: Run, rule: FrameRule, t_ns: int) -> bool:
    """Whether an axis that a message serves was engaged in the cycle at a time and in the one before."""
    of = {one.name: one.axis for one in setup.control.envelope.envelopes}
    axes = {of[one.envelope] for one in rule.fields if one.kind is FieldKind.LIMITED}
    row = min(int(run.t_s.searchsorted(t_ns / 1e9 - 1e-6)), len(run.t_s) - 1)
    return any({STATES[at] for at in run.states[axis][max(row - 1, 0) : row + 1]} == {State.ENGAGED} for axis in axes)
