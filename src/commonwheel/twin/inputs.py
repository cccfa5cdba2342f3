"""What a driver does to a car, and what the world does: the inputs of the physics."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

__all__ = ["Gear", "Ignition", "Inputs"]


class Gear(enum.IntEnum):
    """Positions of the selector, with the standard's codes (Vehicle.Powertrain.Transmission.SelectedGear)."""

    REVERSE = -1
    NEUTRAL = 0
    PARK = 126
    DRIVE = 127


class Ignition(enum.IntEnum):
    """How far the car is switched on: places among the allowed values of Vehicle.LowVoltageSystemState."""

    OFF = 2
    ACCESSORY = 3
    ON = 4


@dataclass(slots=True)
class Inputs:
    """The inputs at one instant. One object per car, written before every step and read by the physics."""

    accelerator: float = 0.0
    """Pedal position, 0..1."""
    brake: float = 0.0
    """Pedal position, 0..1."""
    steering_deg: float = 0.0
    """Where the driver turns the steering wheel to, in degrees; left is positive."""
    gear: Gear = Gear.PARK
    parking_brake: bool = True
    ignition: Ignition = Ignition.OFF
    climate: bool = False
    """Whether the air is conditioned."""
    cabin_target_c: float = 21.0
    fan: float = 0.3
    """Blower, 0..1."""
    plugged: bool = False
    """Whether a charging cable is connected."""
    charge_power_w: float = 0.0
    """What the charging point can give; 0: it gives nothing."""
    charge_limit: float = 1.0
    """State of charge at which charging ends, 0..1."""
    air_c: float = 20.0
    """Outside air."""
    grade: float = 0.0
    """Slope of the road as rise over run; uphill is positive."""
    wind_mps: float = 0.0
    """Wind along the road; against the car is positive."""
    friction: float = 0.9
    """Of tyre on road, as a share of the normal force."""
    stated: dict[str, float] = field(default_factory=dict[str, float])
    """Standard signals that the physics has no say in (doors, lights, ...), by path; enumerations as codes."""
