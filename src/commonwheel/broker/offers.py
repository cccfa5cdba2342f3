"""What a car says about a signal it gives: how well it is known, how fine the wire is, whom it tells about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.broker.signals import SignalTable
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Offer", "offers_of"]


@dataclass(frozen=True, slots=True)
class Offer:
    """How one car gives one signal."""

    evidence: str = ""
    """Begins with ``verified`` (on a recording), ``documented`` (by a source) or ``assumed``."""
    resolution: float = 0.0
    """Step of the wire in the standard's unit; 0 where it has none (enumerations, computed signals)."""
    personal: bool = False
    """Whether it tells who the car or its user is."""
    how: str = ""
    """``from``, ``compute``, ``first_of`` or ``text``."""
    low: float = -math.inf
    high: float = math.inf
    """Between which values the wire can carry it."""
    sources: tuple[str, ...] = ()
    """The fields it rests on, as bus/Message.Signal."""


def offers_of(vehicle: Vehicle, table: SignalTable) -> dict[int, Offer]:
    """Return what a vehicle's description says about its signals, by number in the broker's table."""
    return {
        table.numbers[info.path]: Offer(
            info.evidence, info.resolution, info.personal, info.how, info.low, info.high, info.sources
        )
        for info in vehicle.signals
        if info.path in table.numbers
    }
