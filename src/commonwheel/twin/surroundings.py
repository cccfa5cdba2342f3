"""What is around a car in a scenario: the lane, vehicles ahead, speed limits, and how well its sensors see them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.twin.plan import Plan

__all__ = ["Lane", "Lead", "Sensor", "Surroundings", "Variation"]


@dataclass(frozen=True, slots=True)
class Lane:
    """The lane that the car is in."""

    curvature: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    """(m along the lane, 1/m), straight in between: clothoids; left is positive."""
    width_m: float = 3.5
    offset_m: float = 0.0
    """Where the middle of the front axle begins, from the middle of the lane; left is positive."""
    heading_rad: float = 0.0
    """Where the car points at the beginning, seen from the direction of the lane; left is positive."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A vehicle that is ahead for a while."""

    at_s: float
    """From this time on it is in the car's way, ..."""
    gap_m: float
    """... so far ahead."""
    speed_mps: float
    plan: Plan | None = None
    """How fast it goes from then on; None: as fast as it came."""
    until_s: float = math.inf
    """Then it is out of the way."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What a camera, a radar and a map make of it."""

    latency_s: float = 0.05
    """From what is to what is said."""
    range_m: float = 160.0
    """Vehicles further ahead are not seen."""
    gap_noise_m: float = 0.0
    """Standard deviations."""
    speed_noise_mps: float = 0.0
    offset_noise_m: float = 0.0
    heading_noise_rad: float = 0.0
    curvature_noise: float = 0.0
    dropout: float = 0.0
    """Share of the times at which nothing is seen."""


@dataclass(frozen=True, slots=True)
class Variation:
    """How the car's answer to commands differs from what its data say."""

    delay_s: float = 0.0
    """All commands act later by so much."""
    gain: float = 1.0
    """What they command is so much of what is usual."""


_SENSOR = Sensor()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything around the car."""

    lane: Lane | None = None
    leads: tuple[Lead, ...] = ()
    limits: tuple[tuple[float, float], ...] = ()
    """(m along the lane, m/s): from there on; rising."""
    friction: tuple[tuple[float, float], ...] = ()
    """(m along the lane, of the tyres): from there on; rising."""
    sensor: Sensor = _SENSOR
    variation: Variation = field(default_factory=Variation)

    @property
    def matters(self) -> bool:
        """Whether there is anything to see."""
        return self.lane is not None or bool(self.leads or self.limits or self.friction)
