"""What a driver comes to know of a car by driving it, taken from the car's parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.twin.driver import Feel
from commonwheel.twin.engine import RADIANS_PER_RPM
from commonwheel.twin.longitudinal import Road

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Motor, Parameters
    from commonwheel.twin.parameters_engine import Engine, Gearbox

__all__ = ["feel_of"]

GRIP = 0.7
"""What is taken for the force of a car of which none is stated, as a share of the weight."""
ENGINE_BRAKE = 0.12
"""Torque of an engine that is dragged along, as a share of its best."""


def feel_of(parameters: Parameters) -> Feel:
    """Return what a driver knows of the car."""
    chassis, road = parameters.chassis, Road(parameters)
    circumference = chassis.tyre_circumference_m
    force, power, drag = 0.0, 0.0, 0.0
    for motor in (parameters.motor, parameters.rear_motor):
        if motor is not None:
            force += _at_wheels(motor, motor.torque_nm, circumference)
            drag += _at_wheels(motor, motor.lift_off_nm, circumference)
            power += motor.power_w
    if parameters.engine is not None and parameters.gearbox is not None and not force:
        force, power, drag = _engine(parameters.engine, parameters.gearbox, circumference)
    if parameters.battery is not None and parameters.hybrid is None:
        power = min(power, parameters.battery.discharge_w)
    force = (
        force or GRIP * road.weight_n
    )  # not less: a pedal means the same share of it, whether or not the tyres hold all of it

    def pull_n(speed_mps: float) -> float:
        return min(force, power / max(speed_mps, 1.0))

    return Feel(
        mass_kg=chassis.inertia_kg,
        resistance_n=lambda speed_mps: road.resistance_n(speed_mps) if speed_mps > 0.0 else 0.0,
        pull_n=pull_n,
        coast_n=lambda speed_mps: drag if speed_mps > 1.0 else 0.0,
        brake_n=parameters.brakes.force_n,
        wheelbase_m=chassis.wheelbase_m,
        steering_ratio=chassis.steering_ratio,
    )


def _at_wheels(motor: Motor, torque_nm: float, circumference_m: float) -> float:
    return torque_nm * motor.ratio * 2.0 * math.pi / circumference_m


def _engine(engine: Engine, gearbox: Gearbox, circumference_m: float) -> tuple[float, float, float]:
    """Return (force in the first gear, power, drag in a middle gear)."""
    torque = max(nm for _, nm in engine.torque)
    power = max(rpm * RADIANS_PER_RPM * nm for rpm, nm in engine.torque)
    per_nm = gearbox.final * 2.0 * math.pi / circumference_m
    middle = gearbox.ratios[len(gearbox.ratios) // 2]
    return torque * gearbox.ratios[0] * per_nm, power * gearbox.efficiency, ENGINE_BRAKE * torque * middle * per_nm
