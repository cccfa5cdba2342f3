"""Frames' bus numbers as the car has them: a recording keeps its own, whatever they were called where it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire.sent import SENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["FOREIGN", "renumber"]

FOREIGN = 128
"""Added to the number of a bus that is none of the car's."""
_MOST_BUSES = 32


def renumber(gateway: object) -> Callable[[Frames], Frames]:
    """Return what puts a gateway's frames on the car's own bus numbers."""
    vehicle: Vehicle | None = getattr(gateway, "vehicle", None)
    buses: Mapping[int, str] | None = getattr(gateway, "buses", None)
    if vehicle is None or (buses is None and len(vehicle.buses) > 1):
        return _same
    numbers = np.arange(256, dtype=np.uint8)
    if buses is None:
        numbers[:] = 0  # a car with one bus is on every bus
    else:
        numbers |= FOREIGN
        for number, name in buses.items():
            numbers[number] = vehicle.bus_index(name)
        if getattr(gateway, "actuator", None) is not None:  # what is sent bears the car's own numbers
            numbers[SENT : SENT + _MOST_BUSES] = np.arange(SENT, SENT + _MOST_BUSES)
    return lambda frames: replace(frames, bus=numbers[frames.bus])


def _same(frames: Frames) -> Frames:
    return frames
