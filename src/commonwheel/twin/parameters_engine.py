"""Parameters of combustion drives: the engine, the gearbox, and what couples an engine with electric motors.

Plain immutable records, one per section of a car's ``twin.yaml``, as those of ``parameters`` are. Each number is in
the unit that its annotation names.
"""

from __future__ import annotations

import enum
from typing import Annotated, TypeAlias

import msgspec

from commonwheel.twin.schema import unit

__all__ = ["Engine", "Gearbox", "GearboxKind", "Hybrid"]

_Ratio: TypeAlias = Annotated[float, unit("", 0.05, 100.0)]
_Efficiency: TypeAlias = Annotated[float, unit("", 0.3, 1.0)]
_Load: TypeAlias = Annotated[float, unit("", 0.05, 1.0)]
_Rpm: TypeAlias = Annotated[float, unit("rpm", 0.0, 30_000.0)]
_Running: TypeAlias = Annotated[float, unit("rpm", 100.0, 30_000.0)]
_Torque: TypeAlias = Annotated[float, unit("Nm", 0.0, 50_000.0)]
_Pressure: TypeAlias = Annotated[float, unit("kPa", 0.0, 1_000.0)]
_Time: TypeAlias = Annotated[float, unit("s", 0.0, 10.0)]
_Speed: TypeAlias = Annotated[float, unit("m/s", 0.0, 100.0)]


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

    displacement_l: Annotated[float, unit("l", 0.02, 100.0)]
    idle_rpm: _Running
    """Warm."""
    cold_idle_rpm: _Running
    """At 20 degC; in between it falls as the coolant warms up."""
    limit_rpm: _Running
    torque: tuple[tuple[_Rpm, _Torque], ...]
    """Full load: engine speed and torque, rising in speed."""
    inertia_kgm2: Annotated[float, unit("kg*m^2", 0.005, 1_000.0)]
    friction_kpa: tuple[_Pressure, _Pressure, _Pressure]
    """Mean pressure of all that the engine loses in itself, pumping and its own pumps included, warm: at standstill,
    per 1000 rpm, and per 1000 rpm squared."""
    cold_friction: Annotated[float, unit("", 0.0, 5.0)]
    """By how much more it loses at 20 degC, as a share."""
    efficiency: Annotated[float, unit("", 0.05, 0.9)]
    """Of the fuel's energy, what reaches the pistons (the slope of Willans' line)."""
    boost_kpa: _Pressure = 0.0
    """Highest pressure in the intake above the air's; 0: no turbocharger."""
    fuel_mj_per_l: Annotated[float, unit("MJ/l", 1.0, 100.0)]
    tank_l: Annotated[float, unit("l", 0.5, 5_000.0)]
    stop_start: bool = False
    """Whether it stops while the car stands with the brake pressed."""

    def wrong(self) -> str | None:
        """Return what is wrong with the speeds together."""
        if not self.idle_rpm <= self.cold_idle_rpm < self.limit_rpm:
            return "'idle', 'cold_idle' and 'limit' are engine speeds, none below the one before"
        if self.torque[0][0] > self.idle_rpm or self.torque[-1][0] < 0.7 * self.limit_rpm:
            return "'torque' reaches from the idle speed, or below it, to near the 'limit'"
        return None


class Gearbox(msgspec.Struct, frozen=True, kw_only=True):
    """What is between the engine and the wheels."""

    kind: GearboxKind
    ratios: tuple[_Ratio, ...]
    """First to last gear; of a CVT, the shortest and the longest ratio."""
    reverse: _Ratio
    final: _Ratio
    efficiency: _Efficiency
    """Of gearbox and final drive under load; what turns along unloaded is in the road load."""
    drag_nm: _Torque = 0.0
    """What pumps and clutches of the gearbox take from the engine, at the engine."""
    launch_rpm: _Running
    """Engine speed at which the coupling takes ``coupling_nm`` with the car held: the converter's stall speed, or the
    speed at which the clutch is let in to set off."""
    coupling_nm: Annotated[float, unit("Nm", 1.0, 50_000.0)]
    gain: Annotated[float, unit("", 1.0, 5.0)] = 1.0
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
    eco_load: _Load = 0.8
    """Share of the full torque that the engine gives at most where a higher gear, or longer ratio, is chosen."""
    eco_rpm: _Running = 1200.0
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

    engine_ratio: _Ratio
    """Engine turns per turn of the front wheels when they are clutched together."""
    engine_efficiency: _Efficiency = 0.96
    """From the engine to the wheels then."""
    generator_ratio: _Ratio
    """Generator turns per turn of the engine."""
    generator_power_w: Annotated[float, unit("W", 500.0, 5e6)]
    generator_efficiency: _Efficiency
    """With its inverter."""
    clutch_mps: _Speed
    """Speed from which the engine may drive the wheels."""
    electric_mps: _Speed
    """Speed up to which it drives without the engine."""
    start_charge: Annotated[float, unit("", 0.0, 1.0)]
    """State of charge below which the engine keeps the charge up."""
    help_w: Annotated[float, unit("W", 0.0, 5e6)]
    """Power above which the engine helps whatever the charge is."""
    restore_w: Annotated[float, unit("W", 0.0, 5e6)] = 6_000.0
    """What the engine gives on top of what is needed while it keeps the charge up."""
    eco_load: _Load = 0.85
    """Share of the full torque at which the engine drives the generator."""
    eco_rpm: _Running = 1300.0
    """Lowest engine speed under load."""
    minimum_s: Annotated[float, unit("s", 0.0, 3_600.0)] = 10.0
    """How long the engine runs once it runs."""
