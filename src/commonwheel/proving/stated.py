"""How soon a fault has to be noticed, as the car's envelope and descriptions state it; the campaign measures the rest.

An input is noticed to be of no use when it is too old, fails its checksum, its counter stands still, or is outside what
it can be, and has been so for longer than the guard tolerates. What cannot be told from the input itself (a value that
stands still where the guard states none that has to move) has no time: such a drive must only stay inside its envelope.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.control import CYCLE_NS
from commonwheel.guard import Without
from commonwheel.proving.inputs import carriers
from commonwheel.proving.intervention import FRAME_KINDS, INPUT_KINDS, Kind
from commonwheel.vehicles.emission import DEFAULT_PERIOD_NS

if TYPE_CHECKING:
    from commonwheel.guard.envelope import CarEnvelope, Input
    from commonwheel.proving.intervention import Intervention
    from commonwheel.vehicles.model import Message
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["noticed_within_s"]

_SLACK_NS = 2 * CYCLE_NS
"""A fault begins between two cycles, and is acted upon in the next."""


def noticed_within_s(vehicle: Vehicle, envelope: CarEnvelope, axis: str, what: Intervention) -> float | None:
    """Return the seconds within which the guard notices an intervention; None where it states no such time."""
    if what.kind in {*INPUT_KINDS, *FRAME_KINDS}:
        times = [
            time for one in envelope.inputs if axis in one.axes and (time := _input_ns(vehicle, one, what)) is not None
        ]
        return (min(times) + _SLACK_NS) / 1e9 if times else None
    found = next(one for one in envelope.axes if one.name == axis)
    times_ns: dict[Kind, float] = {
        Kind.KILLED: found.request_timeout_ns,
        Kind.EXCEPTION: 0,
        Kind.CLOCK_STEP: 0 if abs(what.amount) * 1e9 > envelope.clock_step_ns else math.inf,
        Kind.LATE: what.amount * 1e9 if what.amount * 1e9 > envelope.late_ns else math.inf,
    }
    time = times_ns.get(what.kind, math.inf)
    return (time + _SLACK_NS) / 1e9 if math.isfinite(time) else None


def _input_ns(vehicle: Vehicle, one: Input, what: Intervention) -> float | None:
    """Return when an input is known to be of no use; None: the fault does not reach it, or cannot be told."""
    hit, all_of = set(carriers(vehicle, what.of)), set(carriers(vehicle, one.path))
    if not all_of or not all_of <= hit:
        return None
    messages = [vehicle.messages[i] for i in all_of]
    wait_ns = one.tolerance_ns + max(message.period_ns or DEFAULT_PERIOD_NS for message in messages)
    if what.kind is Kind.LOST or (what.kind is Kind.DELAYED and what.amount * 1e9 > one.max_age_ns + wait_ns):
        return one.max_age_ns + wait_ns
    if what.kind in {Kind.CORRUPTED, Kind.CHECKSUM_WRONG}:
        return wait_ns if all(message.check >= 0 for message in messages) else None
    if what.kind in {Kind.FROZEN, Kind.COUNTER_STUCK} and all(message.counter for message in messages):
        return wait_ns + max(_repeats(message) * (message.period_ns or DEFAULT_PERIOD_NS) for message in messages)
    if what.kind in {Kind.FROZEN, Kind.STUCK} and not isinstance(one.frozen_ns, Without):
        return one.frozen_ns + wait_ns
    return None


def _repeats(message: Message) -> int:
    """Return how often the same counter is taken for chance, as the decoder does: once in 256 at most."""
    return max(1, math.ceil(8 / math.log2(message.modulo))) if message.modulo > 1 else 1
