"""Parameters of combustion drives: the engine, the gearbox, and what couples an engine with electric motors.

Plain immutable records, one per section of a car's ``twin.yaml``; ``parameters`` reads them. Each number is in the unit
that its annotation names.
"""

from __future__ import annotations

import enum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

__all__ = ["Engine", "Gearbox", "GearboxKind", "Hybrid"]

_Share: TypeAlias = Annotated[float, Meta(ge=0, extra={"unit": ""})]
_Number: TypeAlias = Annotated[float, Meta(extra={"unit": ""})]
_Litres: TypeAlias = Annotated[float, Meta(gt=0, extra={"unit": "l"})]
_Rpm: TypeAlias = Annotated[float, Meta(ge=0, extra={"unit": "rpm"})]
_Torque: TypeAlias = Annotated[float, Meta(ge=0, extra={"unit": "Nm"})]
_Inertia: TypeAlias = Annotated[float, Meta(gt=0, extra={"unit": "kg*m^2"})]
_Pressure: TypeAlias = Annotated[float, Meta(ge=0, extra={"unit": "kPa"})]
_Energy: TypeAlias = Annotated[float, Meta(gt=0, extra={"unit": "MJ/l"})]
_Time: TypeAlias = Annotated[float, Meta(ge=0, extra={"unit": "s"})]
_Speed: TypeAlias = Annotated[float, Meta(ge=0, extra={"unit": "m/s"})]
_Power: TypeAlias = Annotated[float, Meta(ge=0, extra={"unit": "W"})]


class GearboxKind(enum.Enum):
    """How the engine is joined to the wheels."""

    CVT = "cvt"
    """Belt and pulleys behind a torque converter."""
    AUTOMATIC = "automatic"
    """Planetary gears behind a torque converter."""
    TWIN_CLUTCH = "twin-clutch"
    MANUAL = "manual"
    """The driver's feet and hands are part of the model."""


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """A combustion engine."""

    displacement_l: _Litres
    idle_rpm: _Rpm
    """Warm."""
    cold_idle_rpm: _Rpm
    """At 20 degC; in between it falls as the coolant warms up."""
    limit_rpm: _Rpm
    torque: tuple[tuple[_Rpm, _Torque], ...]
    """Full load: engine speed and torque, rising in speed."""
    inertia_kgm2: _Inertia
    friction_kpa: tuple[_Pressure, _Pressure, _Pressure]
    """Mean pressure of all that the engine loses in itself, pumping and its own pumps included, warm: at standstill,
    per 1000 rpm, and per 1000 rpm squared."""
    cold_friction: _Share
    """By how much more it loses at 20 degC, as a share."""
    efficiency: _Share
    """Of the fuel's energy, what reaches the pistons (the slope of Willans' line)."""
    boost_kpa: _Pressure = 0.0
    """Highest pressure in the intake above the air's; 0: no turbocharger."""
    fuel_mj_per_l: _Energy
    tank_l: _Litres
    stop_start: bool = False
    """Whether it stops while the car stands."""


class Gearbox(msgspec.Struct, frozen=True, kw_only=True):
    """What is between the engine and the wheels."""

    kind: GearboxKind
    ratios: tuple[_Number, ...]
    """First to last gear; of a CVT, the shortest and the longest ratio."""
    reverse: _Number
    final: _Number
    efficiency: _Share
    """Of gearbox and final drive under load; what turns along unloaded is in the road load."""
    drag_nm: _Torque = 0.0
    """What pumps and clutches of the gearbox take from the engine, at the engine."""
    coupling_rpm: _Rpm
    """Engine speed at which the coupling carries ``coupling_nm`` with the car held: stall or launch speed."""
    coupling_nm: _Torque
    """Torque that the converter or clutch takes from the engine then."""
    coupling_gain: _Number = 1.0
    """Torque at the output per torque at the input with the car held; 1 for clutches."""
    lock_mps: _Speed = 0.0
    """Speed above which the converter is bridged."""
    lock_gear: int = 1
    """Lowest gear in which it is."""
    shift_s: _Time = 0.0
    """Time without drive while a gear is changed."""
    up_light_rpm: _Rpm = 0.0
    """Engine speed to change up at with the pedal hardly pressed; with the pedal to the floor it is ``up_full_rpm``."""
    up_full_rpm: _Rpm = 0.0
    down_light_rpm: _Rpm = 0.0
    down_full_rpm: _Rpm = 0.0
    eco_load: _Share = 0.75
    """Of a CVT: share of the full torque at which the engine runs where it can choose its speed."""
    eco_rpm: _Rpm = 1200.0
    """Of a CVT: lowest engine speed under load."""


class Hybrid(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that drives a generator, and the front wheels where they are fast enough.

    The motors themselves are in the electric drive.
    """

    engine_ratio: _Number
    """Engine turns per turn of the front wheels when they are clutched together."""
    generator_ratio: _Number
    """Generator turns per turn of the engine."""
    generator_w: _Power
    generator_nm: _Torque
    generator_efficiency: _Share
    clutch_mps: _Speed
    """Speed from which the engine may drive the wheels."""
    start_charge: _Share
    """State of charge below which the engine keeps the charge up."""
    start_w: _Power
    """Power asked for above which the engine helps whatever the charge is."""
    best_rpm: _Rpm
    """Engine speed at which it makes electricity at the lowest consumption."""
    best_nm: _Torque
    minimum_s: _Time = 10.0
    """How long the engine runs once it runs."""
