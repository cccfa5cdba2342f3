"""The instruments that every car is shown in: which signals of the standard each of them reads.

A role is what an instrument shows; where the standard has several signals for it, the first that the car gives is
read. What a car does not give, its instrument says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

__all__ = ["ROLES", "Role", "choose", "scale"]

_MOTOR, _ENGINE = "Vehicle.Powertrain.ElectricMotor", "Vehicle.Powertrain.CombustionEngine"
_BATTERY = "Vehicle.Powertrain.TractionBattery"
_LIGHTS, _DOORS = "Vehicle.Body.Lights", "Vehicle.Cabin.Door"


@dataclass(frozen=True, slots=True)
class Role:
    """What an instrument shows."""

    name: str
    paths: tuple[str, ...]
    """In order of preference."""
    wire: bool = False
    """Whether the frames that carry it are shown."""
    shown: tuple[str, tuple[float, ...]] | None = None
    """The unit that people read it in, and for each path what makes that of the standard's; None as it is."""


ROLES: tuple[Role, ...] = (
    Role("speed", ("Vehicle.Speed",), wire=True),
    Role("steering", ("Vehicle.Chassis.SteeringWheel.Angle",), wire=True),
    Role("accelerator", ("Vehicle.Chassis.Accelerator.PedalPosition",), wire=True),
    Role("brake", ("Vehicle.Chassis.Brake.PedalPosition", "Vehicle.Chassis.Brake.IsPressed")),
    # The standard counts into the battery as positive; an instrument shows what drives the car.
    Role(
        "power",
        (f"{_MOTOR}.Power", f"{_BATTERY}.CurrentPower", f"{_ENGINE}.Power"),
        wire=True,
        shown=("kW", (1.0, -0.001, 1.0)),
    ),
    Role("torque", (f"{_MOTOR}.Torque", f"{_ENGINE}.Torque")),
    Role("revs", (f"{_ENGINE}.Speed", f"{_MOTOR}.Speed"), wire=True),
    Role("charge", (f"{_BATTERY}.StateOfCharge.Displayed", f"{_BATTERY}.StateOfCharge.Current"), wire=True),
    Role("fuel", ("Vehicle.Powertrain.FuelSystem.RelativeLevel",), wire=True),
    Role("range", ("Vehicle.Powertrain.Range",), shown=("km", (0.001,))),
    Role("gear", ("Vehicle.Powertrain.Transmission.SelectedGear",), wire=True),
    Role("parking_brake", ("Vehicle.Chassis.ParkingBrake.IsEngaged",)),
    Role("left", (f"{_LIGHTS}.DirectionIndicator.Left.IsSignaling",)),
    Role("right", (f"{_LIGHTS}.DirectionIndicator.Right.IsSignaling",)),
    Role("low_beam", (f"{_LIGHTS}.Beam.Low.IsOn",)),
    Role("high_beam", (f"{_LIGHTS}.Beam.High.IsOn",)),
    Role("door_fl", (f"{_DOORS}.Row1.DriverSide.IsOpen",)),
    Role("door_fr", (f"{_DOORS}.Row1.PassengerSide.IsOpen",)),
    Role("door_rl", (f"{_DOORS}.Row2.DriverSide.IsOpen",)),
    Role("door_rr", (f"{_DOORS}.Row2.PassengerSide.IsOpen",)),
    Role("trunk", ("Vehicle.Body.Trunk.Rear.IsOpen",)),
)


def choose(role: Role, given: Container[str]) -> str | None:
    """Return the signal that a car's instrument reads, of those that it gives; None: none of them."""
    return next((path for path in role.paths if path in given), None)


def scale(role: Role, path: str, unit: str) -> tuple[str, float]:
    """Return the unit that a role's value is shown in, and the factor from the standard's."""
    if role.shown is None:
        return unit, 1.0
    shown, factors = role.shown
    return shown, factors[role.paths.index(path)]
