"""How a simulated car is to what is around it: truths, for measures and for the car's own sensors."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Traffic"]


@dataclass(slots=True)
class Traffic:
    """One object per drive; changes in place. NaN where there is no such thing."""

    gap_m: float = math.nan
    """From the car's front to the rear of the vehicle ahead, along the lane."""
    lead_mps: float = math.nan
    lead_mps2: float = math.nan
    headway_s: float = math.nan
    """Gap over the car's speed."""
    offset_m: float = math.nan
    """Where the middle of the front axle is from the middle of the lane; left is positive."""
    heading_rad: float = math.nan
    """Where the car points, seen from the direction of the lane; left is positive."""
    curvature: float = math.nan
    """Of the lane at the car, 1/m; left is positive."""
    along_m: float = 0.0
    """How far the car has come along the lane."""
    limit_mps: float = math.nan
    """Speed limit here."""
    target_mps: float = math.nan
    """The speed that the scenario's driver means to drive."""
    collided: bool = False
    """The car has run into something; stays so."""
    in_sight: bool = False
    """There is a vehicle ahead, near enough for the car's sensors."""
