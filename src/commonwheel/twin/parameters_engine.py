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
    """Whether it stops while the car stands with the brake pressed."""

    def wrong(self) -> str | None:
        """Return what is wrong with speeds and efficiency together."""
        if not self.idle_rpm <= self.cold_idle_rpm < self.limit_rpm:
            return "'idle', 'cold_idle' and 'limit' are engine speeds, none below the one before"
        if not 0 < self.efficiency < 1:
            return "'efficiency' is between 0 and 100 %"
        if self.torque[0][0] > self.idle_rpm or self.torque[-1][0] < 0.7 * self.limit_rpm:
            return "'torque' reaches from the idle speed, or below it, to near the 'limit'"
        return None


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
    launch_rpm: _Rpm
    """Engine speed at which the coupling takes ``coupling_nm`` with the car held: the converter's stall speed, or the
    speed at which the clutch is let in to set off."""
    coupling_nm: _Torque
    gain: _Number = 1.0
    """Torque at the output per torque at the input with the car held; 1 for clutches."""
    creep_nm: _Torque = 0.0
    """Torque of a clutch that lets the car creep while no pedal is pressed; a converter creeps by itself."""
    lock_mps: _Speed = 0.0
    """Speed above which the converter is bridged."""
    shift_s: _Time = 0.0
    """Time without drive while a gear is changed."""
    ratio_lag_s: _Time = 0.35
    """Time constant with which a CVT changes its ratio."""
    up_rpm: _Rpm = 0.0
    """Lowest engine speed at which it changes up."""
    up_full_rpm: _Rpm = 0.0
    """Engine speed at which it changes up in any case."""
    down_rpm: _Rpm = 0.0
    """Lowest engine speed before it changes down."""
    eco_load: _Share = 0.8
    """Share of the full torque that the engine gives at most where a higher gear, or longer ratio, is chosen."""
    eco_rpm: _Rpm = 1200.0
    """Of a CVT: lowest engine speed."""

    def wrong(self) -> str | None:
        """Return what is wrong with gears and speeds together."""
        stepless = self.kind is GearboxKind.CVT
        if stepless and len(self.ratios) != 2:  # noqa: PLR2004 - the shortest and the longest
            return "'ratios' of a CVT are two, the shortest and the longest"
        if list(self.ratios) != sorted(self.ratios, reverse=True) or not self.ratios or self.ratios[-1] <= 0:
            return "'ratios' are positive and fall from gear to gear"
        if not stepless and not 0 < self.down_rpm < self.up_rpm < self.up_full_rpm:
            return "'down', 'up' and 'up_full' are engine speeds, each above the one before"
        return None


class Hybrid(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that drives a generator, and the front wheels where they are fast enough.

    The motors themselves are in the electric drive.
    """

    engine_ratio: _Number
    """Engine turns per turn of the front wheels when they are clutched together."""
    engine_efficiency: _Share = 0.96
    """From the engine to the wheels then."""
    generator_ratio: _Number
    """Generator turns per turn of the engine."""
    generator_power_w: _Power
    generator_efficiency: _Share
    """With its inverter."""
    clutch_mps: _Speed
    """Speed from which the engine may drive the wheels."""
    electric_mps: _Speed
    """Speed up to which it drives without the engine."""
    start_charge: _Share
    """State of charge below which the engine keeps the charge up."""
    help_w: _Power
    """Power above which the engine helps whatever the charge is."""
    restore_w: _Power = 6_000.0
    """What the engine gives on top of what is needed while it keeps the charge up."""
    eco_load: _Share = 0.85
    """Share of the full torque at which the engine drives the generator."""
    eco_rpm: _Rpm = 1300.0
    """Lowest engine speed under load."""
    minimum_s: _Time = 10.0
    """How long the engine runs once it runs."""

    def wrong(self) -> str | None:
        """Return what is wrong with ratios and efficiencies."""
        if min(self.engine_ratio, self.generator_ratio, self.generator_efficiency, self.engine_efficiency) <= 0:
            return "ratios and efficiencies are more than 0"
        return None
