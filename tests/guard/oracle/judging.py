"""A whole drive before the judge: every frame that the car heard and every one that left, in order of time."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commonwheel.proving.loop import Loop
from commonwheel.proving.plan import PLAN
from commonwheel.proving.proof import setup_of
from tests.guard.oracle.rules import REFERENCES, Oracle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonwheel.proving.loop import Setup
    from commonwheel.proving.run import Run
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["Refusal", "driven", "judge"]


@functools.cache
def driven(car: str, trial: str, until_s: float) -> tuple[Setup, Run]:
    """Return what a car is made to act with, and the beginning of a drive, with all its frames; made once."""
    setup, why = setup_of(car, next(one for one in PLAN if one.name == trial))
    assert setup is not None, why
    loop = Loop(replace(setup, keep_frames=True))
    loop.until(until_s)
    return setup, loop.result()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame that left, and that the judge would have kept back."""

    t_s: float
    message: str
    """bus/id."""
    payload: bytes
    allowed: bool
    """Whether the judge allowed controls then."""
    denied_s: float
    """For how long it had not."""


def _rows(frames: Frames) -> Iterator[tuple[int, int, int, bytes]]:
    times, buses, ids, sizes = (each.tolist() for each in (frames.t_ns, frames.bus, frames.id, frames.size))
    for row, t_ns in enumerate(times):
        yield t_ns, buses[row], ids[row], frames.data[row, : sizes[row]].tobytes()


def judge(library: Path, run: Run, vehicle: Vehicle) -> tuple[int, list[Refusal]]:
    """Return how many frames left, and those that the judge refuses.

    What was heard comes before what left at the same time: the control acts on it in that cycle.
    """
    oracle = Oracle(library, REFERENCES[run.car.partition(":")[0]])
    buses = {number: bus.name for number, bus in enumerate(vehicle.buses)}
    rows = [(t_ns, 0, bus, can_id, data) for t_ns, bus, can_id, data in _rows(run.received)]
    rows += [(t_ns, 1, bus, can_id, data) for t_ns, bus, can_id, data in _rows(run.emitted)]
    rows.sort(key=lambda row: row[:2])
    refused: list[Refusal] = []
    left, denied_ns = 0, 0
    for t_ns, ours, bus, can_id, data in rows:
        oracle.tick(t_ns)
        if not ours:
            oracle.rx(buses[bus], can_id, data)
            if oracle.allows:
                denied_ns = t_ns
            continue
        left += 1
        if not oracle.tx(buses[bus], can_id, data):
            name = f"{buses[bus]}/{can_id:#x}"
            refused.append(Refusal(t_ns / 1e9, name, data, oracle.allows, (t_ns - denied_ns) / 1e9))
    return left, refused
