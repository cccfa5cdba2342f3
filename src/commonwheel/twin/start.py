"""How a simulated car is when a scenario begins."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Start"]


@dataclass(frozen=True, slots=True)
class Start:
    """The state before the first step; the scenario states it, the physics begins with it."""

    charge: float = 0.8
    """Of the traction battery, 0..1."""
    fuel: float = 0.6
    """Of the tank, 0..1."""
    odometer_m: float = 20_000_000.0
    speed_mps: float = 0.0
    """A car that moves begins switched on and in gear."""
    air_c: float = 20.0
    """Outside air."""
    soak_c: float = 20.0
    """Temperature of everything in the car, which stood in the air for long, or did not."""
    health: float = 1.0
    """Capacity of the traction battery, as a share of that of a new one."""
    low_voltage_charge: float = 0.9
    """Of the 12 V battery, 0..1."""
    seed: int = 0
    """What chance there is: how far the cells are apart, for one."""
