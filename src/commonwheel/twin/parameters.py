"""What a car's physics needs to know of it: sections of parameters, each value with its unit.

``load_parameters`` (in ``parameters_file``) reads them from the ``twin.yaml`` beside a car's description. Values that
a car's data leaves out are what most cars have; the docstrings say why.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from commonwheel.twin.column import Column
from commonwheel.twin.parameters_actuation import (
    Acceleration,
    Braking,
    Buttons,
    ChargeCommand,
    Cruise,
    Gas,
    Harness,
    RemoteClimate,
    SteeringAngle,
    SteeringTorque,
)
from commonwheel.twin.parameters_engine import Engine, Gearbox, Hybrid
from commonwheel.twin.schema import unit

__all__ = ["Auxiliaries", "Battery", "Brakes", "Charger", "Chassis", "Motor", "Parameters", "RoadLoad"]

_Share: TypeAlias = Annotated[float, unit("", 0.0, 1.0)]
_Factor: TypeAlias = Annotated[float, unit("", 0.0, 20.0)]
_CellVolts: TypeAlias = Annotated[float, unit("V", 0.5, 5.0)]
_OverCharge: TypeAlias = tuple[tuple[_Share, _Factor], ...]
_OverTemperature: TypeAlias = tuple[tuple[Annotated[float, unit("Celsius", -60.0, 100.0)], _Factor], ...]


class Chassis(msgspec.Struct, frozen=True, kw_only=True):
    """Masses and measures of the car."""

    mass_kg: Annotated[float, unit("kg", 100.0, 60_000.0)]
    """Kerb mass."""
    load_kg: Annotated[float, unit("kg", 0.0, 40_000.0)] = 136.0
    """Driver and luggage; 136 kg (300 lb) is what the EPA's test adds to the kerb mass (40 CFR 86.1803)."""
    rotating: Annotated[float, unit("", 0.0, 0.5)] = 0.03
    """Inertia of wheels and what turns with them at any time, as a share of the mass."""
    wheelbase_m: Annotated[float, unit("m", 0.8, 12.0)]
    track_m: Annotated[float, unit("m", 0.5, 3.0)]
    """Of the front wheels."""
    rear_track_m: Annotated[float, unit("m", 0.5, 3.0)]
    front_share: Annotated[float, unit("", 0.1, 0.9)]
    """Of the weight on the front wheels."""
    drive_front: _Share
    """Share of the drive on the front wheels: 100 % for front-wheel drive, 0 % for rear-wheel drive."""
    tyre_circumference_m: Annotated[float, unit("m", 0.3, 6.0)]
    """Distance per turn of a rolling wheel."""
    steering_ratio: Annotated[float, unit("", 2.0, 60.0)]
    """Degrees of the steering wheel to a degree of the front wheels."""
    cornering_front_n_per_rad: Annotated[float, unit("N/rad", 1_000.0, 2_000_000.0)]
    """Both front tyres together."""
    cornering_rear_n_per_rad: Annotated[float, unit("N/rad", 1_000.0, 2_000_000.0)]
    yaw_inertia_kgm2: Annotated[float, unit("kg*m^2", 10.0, 1_000_000.0)]

    @property
    def laden_kg(self) -> float:
        """Mass with driver and load."""
        return self.mass_kg + self.load_kg

    @property
    def inertia_kg(self) -> float:
        """Mass that has to be accelerated, with what turns."""
        return self.laden_kg * (1.0 + self.rotating)


class RoadLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What holds a rolling car back: as coast-down coefficients, or as rolling and air resistance.

    Coefficients are those of F = constant + linear v + square v^2, as the EPA states its target coefficients A, B and C
    in lbf, lbf/mph and lbf/mph^2; 'at' is the mass they were measured with, to which the constant is proportional.
    """

    constant_n: Annotated[float, unit("N", 0.0, 20_000.0)] = 0.0
    linear: Annotated[float, unit("N*s/m", -50.0, 1_000.0)] = 0.0
    square: Annotated[float, unit("N*s^2/m^2", 0.0, 100.0)] = 0.0
    at_kg: Annotated[float, unit("kg", 0.0, 60_000.0)] = 0.0
    """0: the laden mass."""
    rolling: Annotated[float, unit("", 0.0, 0.1)] = 0.0
    """Rolling resistance as a share of the weight."""
    drag_area_m2: Annotated[float, unit("m^2", 0.0, 20.0)] = 0.0
    """Drag coefficient times frontal area."""

    def wrong(self) -> str | None:
        """Return what is wrong: neither of the two forms, or both."""
        measured = self.constant_n > 0 and self.square > 0
        computed = self.rolling > 0 and self.drag_area_m2 > 0
        if measured and not (self.rolling or self.drag_area_m2):
            return None
        if computed and not (self.constant_n or self.linear or self.square or self.at_kg):
            return None
        return "state either 'constant', 'linear' and 'square', or 'rolling' and 'drag_area'"


class Brakes(msgspec.Struct, frozen=True, kw_only=True):
    """Friction brakes."""

    force_n: Annotated[float, unit("N", 500.0, 600_000.0)]
    """At the tyres, with the pedal fully pressed."""
    pressure_bar: Annotated[float, unit("bar", 1.0, 500.0)] = 100.0
    """In the front circuit, with the pedal fully pressed."""
    parking_n: Annotated[float, unit("N", 0.0, 300_000.0)]
    """Of the parking brake, at the tyres."""


class Motor(msgspec.Struct, frozen=True, kw_only=True):
    """One electric motor with its inverter and gear.

    Losses, of motor and inverter together, are copper T^2 + iron w + eddy w^2 + conversion |T w| + standby: current in
    the windings, hysteresis, eddy currents and air, current in the inverter, and its electronics.
    """

    torque_nm: Annotated[float, unit("Nm", 1.0, 20_000.0)]
    power_w: Annotated[float, unit("W", 500.0, 5e6)]
    """At the shaft, at the nominal voltage."""
    regen_torque_nm: Annotated[float, unit("Nm", 0.0, 20_000.0)]
    regen_power_w: Annotated[float, unit("W", 0.0, 5e6)]
    speed_rpm: Annotated[float, unit("rpm", 500.0, 60_000.0)]
    """The highest."""
    ratio: Annotated[float, unit("", 0.5, 40.0)]
    """Turns of the motor to a turn of the wheels."""
    gear_efficiency: Annotated[float, unit("", 0.5, 1.0)] = 0.98
    nominal_v: Annotated[float, unit("V", 12.0, 2_000.0)]
    """Below it the power falls with the voltage."""
    copper: Annotated[float, unit("W/Nm^2", 0.0, 50.0)]
    iron: Annotated[float, unit("W*s/rad", 0.0, 100.0)]
    eddy: Annotated[float, unit("W*s^2/rad^2", 0.0, 1.0)]
    conversion: Annotated[float, unit("", 0.0, 0.3)] = 0.01
    standby_w: Annotated[float, unit("W", 0.0, 5_000.0)] = 60.0
    rate_nm_per_s: Annotated[float, unit("Nm/s", 10.0, 1e6)] = 1_000.0
    """How fast the torque follows what is asked of it."""
    lift_off_nm: Annotated[float, unit("Nm", 0.0, 20_000.0)]
    """Braking torque with neither pedal pressed."""
    blended: Annotated[float, unit("", 0.0, 1.0)] = 1.0
    """How much of the brake pedal's force the motor takes before friction does; 0 %: it brakes on lifting off only."""
    fade_from_mps: Annotated[float, unit("m/s", 0.2, 30.0)] = 4.0
    """Regeneration is whole above this speed, ..."""
    fade_to_mps: Annotated[float, unit("m/s", 0.1, 30.0)] = 1.5
    """... and none below this."""
    creep_nm: Annotated[float, unit("Nm", 0.0, 1_000.0)] = 0.0
    """At standstill, with neither pedal pressed."""
    creep_to_mps: Annotated[float, unit("m/s", 0.1, 5.0)] = 1.8
    """Speed at which creeping ends."""
    reverse_mps: Annotated[float, unit("m/s", 0.5, 30.0)] = 11.0
    """The highest speed backwards."""
    heat_j_per_k: Annotated[float, unit("J/K", 100.0, 1e7)] = 25_000.0
    """A motor of 50 kg, half of it iron and a quarter copper and aluminium each, with its coolant."""
    cooling_w_per_k: Annotated[float, unit("W/K", 0.1, 1e5)] = 90.0
    inverter_heat_j_per_k: Annotated[float, unit("J/K", 100.0, 1e7)] = 9_000.0
    inverter_cooling_w_per_k: Annotated[float, unit("W/K", 0.1, 1e5)] = 60.0
    inverter_share: _Share = 0.3
    """Of the losses, which are the inverter's."""
    hot_c: Annotated[float, unit("Celsius", 50.0, 250.0)] = 130.0
    """The torque is reduced from here, to none 30 K above."""

    def wrong(self) -> str | None:
        """Return what is wrong: fading the wrong way round."""
        return None if self.fade_from_mps > self.fade_to_mps else "'fade_from' is above 'fade_to'"


class Battery(msgspec.Struct, frozen=True, kw_only=True):
    """A traction battery: an open-circuit voltage behind a resistance and one resistance with a capacitor."""

    cells_series: Annotated[int, unit("", 1, 1_000)]
    capacity_ah: Annotated[float, unit("Ah", 0.5, 2_000.0)]
    """Of the pack, when new."""
    reserve: Annotated[float, unit("", 0.0, 0.5)] = 0.03
    """Share of the charge that the car does not let one use."""
    open_circuit_v: tuple[tuple[_Share, _CellVolts], ...]
    """Of one cell, over the state of charge."""
    resistance_ohm: Annotated[float, unit("Ohm", 0.0001, 10.0)]
    """Of the pack, at 25 degC and half charged."""
    resistance_by_temperature: _OverTemperature = (
        (-30.0, 5.0), (-20.0, 3.5), (-10.0, 2.5), (0.0, 1.8), (10.0, 1.35), (25.0, 1.0), (45.0, 0.8),
    )  # fmt: skip
    """Factor on it; lithium-ion cells have about twice as much at freezing point as in summer."""
    resistance_by_charge: _OverCharge = ((0.0, 1.9), (0.1, 1.35), (0.2, 1.1), (0.4, 1.0), (1.0, 1.0))
    polarisation_ohm: Annotated[float, unit("Ohm", 0.0, 10.0)]
    settling_s: Annotated[float, unit("s", 0.5, 10_000.0)] = 30.0
    coulombic: Annotated[float, unit("", 0.8, 1.0)] = 0.998
    """Charge that comes out again, as a share of what was put in."""
    cell_low_v: Annotated[float, unit("V", 0.5, 5.0)]
    cell_high_v: Annotated[float, unit("V", 0.5, 5.0)]
    discharge_w: Annotated[float, unit("W", 500.0, 5e6)]
    """The most it gives."""
    discharge_by_charge: _OverCharge = ((0.0, 0.0), (0.03, 0.1), (0.1, 0.6), (0.2, 1.0), (1.0, 1.0))
    discharge_by_temperature: _OverTemperature = (
        (-30.0, 0.1), (-20.0, 0.35), (-10.0, 0.65), (5.0, 1.0), (45.0, 1.0), (55.0, 0.5), (65.0, 0.0),
    )  # fmt: skip
    charge_w: Annotated[float, unit("W", 500.0, 5e6)]
    """The most it takes."""
    charge_by_charge: _OverCharge = ((0.0, 1.0), (0.6, 1.0), (0.8, 0.6), (0.95, 0.2), (1.0, 0.0))
    charge_by_temperature: _OverTemperature = (
        (-25.0, 0.0), (-10.0, 0.15), (0.0, 0.4), (15.0, 1.0), (45.0, 1.0), (55.0, 0.3), (60.0, 0.0),
    )  # fmt: skip
    heat_j_per_k: Annotated[float, unit("J/K", 1_000.0, 1e8)]
    cooling_w_per_k: Annotated[float, unit("W/K", 0.1, 1e5)]
    """To the air outside."""
    spread_v: Annotated[float, unit("V", 0.0, 0.5)] = 0.006
    """Standard deviation of the cells' voltages at rest."""
    temperature_spread_k: Annotated[float, unit("K", 0.0, 20.0)] = 1.0
    """Between the warmest place and the coldest."""

    def wrong(self) -> str | None:
        """Return what is wrong: a curve that falls, or limits of a cell that its curve leaves."""
        if self.cell_low_v >= self.cell_high_v:
            return "'cell_high' is above 'cell_low'"
        volts = [volt for _, volt in self.open_circuit_v]
        if any(later <= earlier for earlier, later in itertools.pairwise(volts)):
            return "'open_circuit' rises with the state of charge"
        if self.open_circuit_v[-1][1] > self.cell_high_v + 0.005:
            return f"'open_circuit' ends at {self.open_circuit_v[-1][1]:g} V, which is above 'cell_high'"
        return None


class Charger(msgspec.Struct, frozen=True, kw_only=True):
    """The charger in the car, for alternating current, and what it takes from a quick charger."""

    power_w: Annotated[float, unit("W", 100.0, 1e6)]
    """The most it draws from the wall."""
    efficiency: Annotated[float, unit("", 0.5, 1.0)]
    """From the wall to the battery, with what the car uses for itself while charging."""
    quick_w: Annotated[float, unit("W", 0.0, 5e6)] = 0.0
    """The most it takes as direct current; 0: it cannot."""
    end: Annotated[float, unit("", 0.001, 1.0)] = 0.05
    """Charging at the highest voltage ends when the current is this share of the capacity per hour."""


class Auxiliaries(msgspec.Struct, frozen=True, kw_only=True):
    """What else draws power, and the low-voltage system."""

    base_w: Annotated[float, unit("W", 0.0, 20_000.0)]
    """With the car switched on: computers, pumps, lights by day."""
    fan_w: Annotated[float, unit("W", 0.0, 5_000.0)] = 180.0
    """The blower at its strongest."""
    heater_w: Annotated[float, unit("W", 0.0, 100_000.0)] = 0.0
    """The most an electric heater draws; 0: heat comes from the engine."""
    heater_efficiency: Annotated[float, unit("", 0.2, 8.0)] = 1.0
    """Heat for electricity; above 1 it is a heat pump."""
    compressor_w: Annotated[float, unit("W", 0.0, 100_000.0)] = 2_000.0
    """The most the compressor draws for cooling."""
    compressor_efficiency: Annotated[float, unit("", 0.2, 8.0)] = 2.2
    cabin_heat_j_per_k: Annotated[float, unit("J/K", 1_000.0, 1e8)] = 100_000.0
    """Air, trim and seats that are warmed with it."""
    cabin_loss_w_per_k: Annotated[float, unit("W/K", 1.0, 1e5)] = 60.0
    """To the outside, with the fresh air that is let in."""
    supply_v: Annotated[float, unit("V", 10.0, 60.0)] = 14.2
    """Low voltage while it is supplied."""
    rest_v: Annotated[float, unit("V", 9.0, 60.0)] = 12.8
    """Of a full low-voltage battery at rest."""


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the physics needs to know of one car."""

    name: str
    chassis: Chassis
    road_load: RoadLoad
    brakes: Brakes
    motor: Motor | None = None
    rear_motor: Motor | None = None
    """Of the rear wheels, where ``motor`` drives the front wheels."""
    battery: Battery | None = None
    charger: Charger | None = None
    engine: Engine | None = None
    gearbox: Gearbox | None = None
    hybrid: Hybrid | None = None
    auxiliaries: Auxiliaries
    harness: Harness | None = None
    steering_torque: SteeringTorque | None = None
    steering_angle: SteeringAngle | None = None
    braking: Braking | None = None
    gas: Gas | None = None
    acceleration: Acceleration | None = None
    buttons: Buttons | None = None
    remote_climate: RemoteClimate | None = None
    charge_command: ChargeCommand | None = None
    cruise: Cruise | None = None
    column: Column | None = None
    sources: Mapping[str, str]
    """'section.key' to where its value is from."""

    def wrong(self) -> str | None:
        """Return what is missing for the car to be driven."""
        engine, motor, hybrid = self.engine is not None, self.motor is not None, self.hybrid is not None
        faults = {
            "it has no drive; state 'motor' and 'battery', or 'engine' and 'gearbox'": not engine and not motor,
            "'motor' needs a 'battery'": motor and self.battery is None,
            "'rear_motor' goes with a 'motor' in front; a single motor is 'motor', wherever it is": (
                self.rear_motor is not None and not motor
            ),
            "'engine' and 'motor' need 'hybrid', which says how they share the work": engine and motor and not hybrid,
            "'engine' needs a 'gearbox', or 'hybrid'": engine and self.gearbox is None and not hybrid,
            "'hybrid' is for cars with an 'engine' and a 'motor'": hybrid and not (engine and motor),
        }
        return next((told for told, is_so in faults.items() if is_so), None)
