"""What the physics says in the standard of motion, pedals, wheels, gears and body: getters by path.

Paths are without their 'Vehicle.' in front. FAST ones change within milliseconds; SLOW ones may be asked ten times a
second. Speeds are signed here: what a car's wire cannot tell of the direction is ``signals``' concern.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from commonwheel.twin.inputs import Gear, Ignition
from commonwheel.twin.signals_facts import Getter, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.signals_facts import Facts
    from commonwheel.twin.state import State

__all__ = ["FAST", "SIGNED", "SLOW"]

KMH: Final = 3.6
DEGREES: Final = 180 / math.pi
TOUCHED: Final = 0.005
"""Share of its way from which a pedal's switch says that it is pressed."""
RUNOUT: Final = 0.0005
"""Share by which a wheel's sensor tells more and less within each turn: some hundredths of a millimetre at its ring."""
FIRM_NM: Final = 1.0
"""Torque of the hands from which a steering says that the driver turns it; opendbc 0.3.1 takes that for Nissan's."""

_FRONT_LEFT, _FRONT_RIGHT, _REAR_LEFT, _REAR_RIGHT = range(4)
_WHEELS = {
    "Row1.Wheel.Left": _FRONT_LEFT,
    "Row1.Wheel.Right": _FRONT_RIGHT,
    "Row2.Wheel.Left": _REAR_LEFT,
    "Row2.Wheel.Right": _REAR_RIGHT,
}


def _wheel(wheel: int, per_mps: Callable[[Facts], float]) -> Getter:
    """Return what a wheel's own sensor tells: its ring runs out of true, so that no wheel tells an even speed."""
    begin = wheel * math.pi / 2

    def get(state: State, _inputs: Inputs, facts: Facts) -> float:
        turned = math.radians(state.odometer_m * facts.degrees_per_m)
        return state.wheel_mps[wheel] * per_mps(facts) * (1.0 + RUNOUT * math.sin(turned + begin))

    return get


def _wheel_speed(wheel: int) -> Getter:
    return _wheel(wheel, lambda _facts: KMH)


def _wheel_turning(wheel: int) -> Getter:
    return _wheel(wheel, lambda facts: facts.degrees_per_m)


def _belted(state: State, inputs: Inputs) -> bool:
    """Say whether the driver wears the belt: from when a gear is chosen."""
    return inputs.ignition is Ignition.ON and state.gear is not Gear.PARK


_LEVER = {Gear.PARK: 1.0, Gear.REVERSE: 2.0, Gear.NEUTRAL: 3.0, Gear.DRIVE: 4.0}
"""Places among the allowed values of ShiftLeverPosition."""

SIGNED: Final = frozenset(
    {
        "Vehicle.Speed",
        "Vehicle.DisplayedSpeed",
        *(f"Vehicle.Chassis.Axle.{wheel}.{what}" for wheel in _WHEELS for what in ("Speed", "AngularSpeed")),
    }
)
"""Backwards is negative in the standard, and counts as positive on a wire without a sign."""

FAST: Final = tables(
    {
        "Speed": lambda s, _i, _f: s.speed_mps * KMH,
        "DisplayedSpeed": lambda s, _i, _f: s.speed_mps * KMH,
        "IsMoving": lambda s, _i, _f: float(s.speed_mps != 0),
        "Acceleration.Longitudinal": lambda s, _i, _f: s.acceleration_mps2,
        "Acceleration.Lateral": lambda s, _i, _f: s.lateral_mps2,
        "AngularVelocity.Yaw": lambda s, _i, _f: s.yaw_rate_rps * DEGREES,
        **{f"Chassis.Axle.{name}.Speed": _wheel_speed(wheel) for name, wheel in _WHEELS.items()},
        **{f"Chassis.Axle.{name}.AngularSpeed": _wheel_turning(wheel) for name, wheel in _WHEELS.items()},
        "Chassis.Accelerator.PedalPosition": lambda s, _i, _f: s.accelerator * 100,
        "Chassis.Accelerator.IsPressed": lambda s, _i, _f: float(s.accelerator > TOUCHED),
        "Chassis.Brake.PedalPosition": lambda s, _i, _f: s.brake * 100,
        "Chassis.Brake.Pressure": lambda s, _i, _f: s.brake_pressure_bar * 100,
        "Chassis.Brake.IsPressed": lambda s, _i, _f: float(s.brake > TOUCHED),
        "Body.Lights.Brake.IsActive": lambda s, _i, _f: float(s.brake > TOUCHED or s.braking > TOUCHED),
        "Chassis.SteeringWheel.Angle": lambda s, _i, _f: s.steering_deg,
        "Chassis.SteeringWheel.AngularSpeed": lambda s, _i, _f: s.steering_rate_dps,
        "Chassis.SteeringWheel.Torque": lambda s, _i, _f: s.steering_torque_nm,
        "Chassis.SteeringWheel.IsDriverSteering": lambda s, _i, _f: float(abs(s.steering_torque_nm) > FIRM_NM),
        "Powertrain.Transmission.SelectedGear": lambda s, _i, _f: float(s.gear),
        "Powertrain.Transmission.ShiftLeverPosition": lambda s, _i, _f: _LEVER[s.gear],
        "Powertrain.Transmission.CurrentGear": lambda s, _i, _f: float(s.current_gear),
        "Powertrain.Transmission.TargetGear": lambda s, _i, _f: float(s.target_gear),
        "TraveledDistance": lambda s, _i, _f: s.odometer_m,
        "ADAS.CruiseControl.IsActive": lambda s, _i, _f: float(s.cruise_active),
        "ADAS.CruiseControl.Switch": lambda s, _i, _f: float(s.cruise_switch),
        "ADAS.LaneKeepingAssist.IsEngaged": lambda s, _i, _f: float(s.lane_keeping),
        "MotionManagement.Steering.SteeringWheel.AngleTargetMode": lambda s, _i, _f: float(s.lane_keeping),
    }
)

SLOW: Final = tables(
    {
        "LowVoltageSystemState": lambda _s, i, _f: float(i.ignition),
        "LowVoltageBattery.CurrentVoltage": lambda s, _i, _f: s.low_voltage_v,
        "Chassis.ParkingBrake.IsEngaged": lambda _s, i, _f: float(i.parking_brake),
        "Body.Lights.Backup.IsOn": lambda s, i, _f: float(i.ignition is Ignition.ON and s.gear is Gear.REVERSE),
        "Powertrain.Transmission.GearChangeMode": lambda _s, _i, f: 0.0 if f.by_hand else 1.0,
        "Powertrain.Transmission.IsParkLockEngaged": lambda s, _i, _f: float(s.gear is Gear.PARK),
        "Cabin.Seat.Row1.DriverSide.IsBelted": lambda s, i, _f: float(_belted(s, i)),
        "Cabin.IsSeatBeltWarningOn": lambda s, i, _f: float(i.ignition is Ignition.ON and not _belted(s, i)),
        "Exterior.AirTemperature": lambda _s, i, _f: i.air_c,
        "Cabin.HVAC.AmbientAirTemperature": lambda s, _i, _f: s.cabin_c,
        "Cabin.HVAC.IsAirConditioningActive": lambda s, _i, _f: float(s.compressor_w > 0),
        "Cabin.HVAC.CompressorPower": lambda s, _i, _f: s.compressor_w / 1000,
        "Cabin.HVAC.HeaterPower": lambda s, _i, _f: s.heater_w / 1000,
        "Cabin.HVAC.Station.Row1.Driver.FanSpeed": lambda _s, i, _f: i.fan * 100 if i.climate else 0.0,
        "ADAS.CruiseControl.IsEnabled": lambda s, _i, _f: float(s.cruise_enabled),
        "ADAS.CruiseControl.IsLeadVehicleDetected": lambda s, _i, _f: float(s.lead_detected),
        "ADAS.CruiseControl.SpeedSet": lambda s, _i, _f: s.cruise_set_kmh or math.nan,
        "Cabin.HVAC.Station.Row1.Driver.Temperature": lambda _s, i, _f: i.cabin_target_c,
    }
)
