"""The fault campaign: at every scheduled step of a drive each input is spoiled in turn, and the platform with it.

At each time of a grid the drive is copied once per fault, goes on with it for some seconds, and is asked when the axes
that acted were let go. Every result is a row of a file, so a campaign that was broken off goes on where it was.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from commonwheel.control import CYCLE_NS
from commonwheel.guard import State
from commonwheel.proving.forked import CAN_FORK, forked
from commonwheel.proving.inputs import reaches
from commonwheel.proving.intervention import Intervention, Kind
from commonwheel.proving.loop import Loop
from commonwheel.proving.release import release
from commonwheel.proving.stated import noticed_within_s

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from commonwheel.proving.loop import Setup

__all__ = ["Probe", "campaign", "faults_of", "grid"]

_WATCHED_S = 1.0
"""After all that is stated has passed."""
_LEAST_WATCHED_S = 2.0
_SIGHT_S = 4.0
"""Within which an app has to give up on what it no longer sees. That is the apps' own affair: adaptive cruise takes a
sensor to be lost after 0.35 s, slows down for 3 s so that the driver can take over, and then asks for nothing; without
requests the guard lets go after its own timeout."""
_CYCLE_S = CYCLE_NS / 1e9


class Probe(msgspec.Struct, frozen=True):
    """What became of one axis after one fault."""

    car: str
    scenario: str
    t_s: float
    """When the fault began."""
    axis: str
    kind: str
    of: str
    noticed_s: float | None
    """From the fault on; None: the axis went on."""
    released_s: float | None
    """From then until every frame was neutral."""
    noticed_within_s: float | None
    """Stated; None: it cannot be told, and need not be."""
    released_within_s: float
    """Stated."""
    rule: str
    cause: str
    after: str
    """The axis's state in the end."""

    @property
    def key(self) -> tuple[str, str, float, str, str, str]:
        """What it is the result of."""
        return self.car, self.scenario, self.t_s, self.axis, self.kind, self.of

    @property
    def passed(self) -> bool:
        """Whether it was noticed, where it has to be, and let go, each within the stated time."""
        if self.noticed_s is None or self.released_s is None:
            return self.noticed_within_s is None
        in_time = self.noticed_within_s is None or self.noticed_s <= self.noticed_within_s + 1e-9
        return in_time and self.released_s <= self.released_within_s + _CYCLE_S + 1e-9


def grid(first_s: float, last_s: float, step_s: float) -> list[float]:
    """Return the scheduled times, on whole cycles."""
    count = math.floor((last_s - first_s) / step_s + 1e-9) + 1
    return [round(round((first_s + i * step_s) / _CYCLE_S) * _CYCLE_S, 6) for i in range(max(0, count))]


def faults_of(loop: Loop) -> list[Intervention]:
    """Return everything that can be done to a drive: to each input in each way, to its apps, to the loop itself."""
    envelope, vehicle = loop.setup.control.envelope, loop.setup.vehicle
    inputs = dict.fromkeys(one.path for one in envelope.inputs)
    ways = ((Kind.LOST, 0.0), (Kind.FROZEN, 0.0), (Kind.STUCK, 0.0), (Kind.CORRUPTED, 0.0), (Kind.DELAYED, 2.0))
    found = [
        Intervention(kind, path, amount=amount)
        for path in inputs
        for kind, amount in ways
        if reaches(vehicle, kind, path)
    ]
    found += [Intervention(kind, branch, amount=amount) for branch in loop.sights for kind, amount in ways]
    found += [Intervention(Kind.LOST, bus.name) for bus in vehicle.buses]
    found += [Intervention(kind, seat.name) for seat in loop.seats for kind in (Kind.KILLED, Kind.HUNG)]
    found += [
        Intervention(Kind.COMMANDS_LOST),
        Intervention(Kind.LATE, amount=2 * envelope.late_ns / 1e9 + _CYCLE_S),
        Intervention(Kind.CLOCK_STEP, amount=2 * envelope.clock_step_ns / 1e9 + _CYCLE_S),
        Intervention(Kind.EXCEPTION),
    ]
    return found


def campaign(
    setup: Setup,
    times: Sequence[float],
    done: Container[tuple[str, str, float, str, str, str]] = (),
    tell: Callable[[float], None] = lambda _: None,
) -> Iterator[Probe]:
    """Yield what becomes of every fault at every time.

    Args:
        setup: the drive, without faults.
        times: when, rising.
        done: keys of what is known already.
        tell: is told of each time that was gone through.
    """
    loop = Loop(setup)
    for t_s in times:
        loop.until(t_s)
        if loop.finished:
            return
        axes = [axis for axis in loop.axes if loop.control.guard.state(axis) is State.ENGAGED]
        for fault in faults_of(loop) if axes else ():
            what = replace(fault, from_s=t_s)
            wanted = [axis for axis in axes if (*_names(setup), t_s, axis, what.kind.value, what.of) not in done]
            if wanted:
                yield from _probe(loop, setup, what, wanted)
        tell(t_s)


def _names(setup: Setup) -> tuple[str, str]:
    return setup.vehicle.name, setup.scenario.name


def _probe(loop: Loop, setup: Setup, what: Intervention, axes: Sequence[str]) -> list[Probe]:
    if CAN_FORK:
        return forked(lambda: _go_on(loop, what, axes))
    again = Loop(setup)
    again.until(what.from_s)
    return _go_on(again, what, axes)


def _go_on(loop: Loop, what: Intervention, axes: Sequence[str]) -> list[Probe]:
    """Drive on with a fault, and say how each axis was let go."""
    vehicle, envelope = loop.setup.vehicle, loop.setup.control.envelope
    stated = {axis: _stated(loop, axis, what) for axis in axes}
    ends = {one.name: one.release_ns / 1e9 for one in envelope.axes}
    longest = max((stated[axis] or 0.0) + ends[axis] for axis in axes) + _WATCHED_S
    loop.forget()
    loop.intervene(what)
    loop.until(what.from_s + max(_LEAST_WATCHED_S, longest))
    run = loop.result()
    found: list[Probe] = []
    for axis in axes:
        one = release(run, envelope, axis, what.from_s)
        found.append(
            Probe(
                vehicle.name,
                loop.setup.scenario.name,
                what.from_s,
                axis,
                what.kind.value,
                what.of,
                round(one.noticed_s, 6) if one.noticed else None,
                round(one.released_s, 6) if one.noticed else None,
                stated[axis],
                one.stated_s,
                one.rule,
                one.cause,
                one.after.value,
            )
        )
    return found


def _stated(loop: Loop, axis: str, what: Intervention) -> float | None:
    """Return within what time a fault has to be noticed."""
    if what.kind is Kind.HUNG:
        valid_s = loop.valid_s(what.of, axis)
        timeout = next(one.request_timeout_ns for one in loop.setup.control.envelope.axes if one.name == axis) / 1e9
        return None if valid_s is None else valid_s + timeout + 2 * _CYCLE_S
    if what.kind is Kind.KILLED and loop.valid_s(what.of, axis) is None:
        return None
    if what.of in loop.sights:
        return _SIGHT_S if what.kind is Kind.LOST and loop.relies(axis, what.of) else None
    return noticed_within_s(loop.setup.vehicle, loop.setup.control.envelope, axis, what)
