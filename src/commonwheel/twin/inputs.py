"""What a driver does to a car, and what the world does: the inputs of the physics."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field

__all__ = ["CruiseSwitch", "Gear", "Ignition", "Inputs", "Wheel"]


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


class CruiseSwitch(enum.IntEnum):
    """Switches of cruise control: places among the allowed values of Vehicle.ADAS.CruiseControl.Switch."""

    NONE = 0
    SET = 1
    """Sets the speed, and lowers one that is set."""
    RESUME = 2
    """Takes up the speed that was set, and raises one that is held."""
    DISTANCE = 3
    MAIN = 4
    CANCEL = 5


class Wheel(enum.Enum):
    """What moves the steering wheel."""

    HELD = "held"
    """The driver's hands, to ``steering_deg``."""
    FREE = "free"
    """Torques: of the hands, of the power steering, of the tyres."""
    LED = "led"
    """The power steering, to ``led_deg``."""


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
    hands: bool = True
    """Whether the driver's hands hold the steering wheel."""
    torque_nm: float = 0.0
    """What a driver whose hands do not hold the wheel turns it with, or takes it over with; left is positive."""
    cruise: CruiseSwitch = CruiseSwitch.NONE
    """The switch that the driver presses."""
    # ---- what the car's own controllers do, beside the driver
    throttle: float = 0.0
    """What they ask of the drive, as a position of the accelerator, 0..1."""
    braking: float = 0.0
    """What they ask of the brakes, as a position of the pedal, 0..1."""
    charge_ceiling: float = math.inf
    """What the charger is told to give at most, in the unit of ``charge_in_amperes``; infinite: nothing of that."""
    charge_in_amperes: bool = False
    """Whether that is A, not W."""
    preconditions: bool = False
    """Whether the air of a parked car is conditioned, though nobody has switched it on."""
    wheel: Wheel = Wheel.HELD
    assist_nm: float = 0.0
    """What the power steering turns a free wheel with, beyond its help; left is positive."""
    led_deg: float = 0.0
    """Where the power steering has turned the wheel to."""
    stated: dict[str, float] = field(default_factory=dict[str, float])
    """Standard signals that the physics has no say in (doors, lights, ...), by path; enumerations as codes."""
