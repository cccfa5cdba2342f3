"""What a driver comes to know of a car by driving it, taken from the car's parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.twin.driver import Feel

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.twin.parameters import Motor, Parameters
    from commonwheel.twin.parameters_engine import Engine, Gearbox

__all__ = ["feel_of"]

GRAVITY, AIR_KG_PER_M3 = 9.80665, 1.2
GRIP = 0.7
"""What is taken for the force of a car of which none is stated, as a share of the weight."""
ENGINE_BRAKE = 0.12
"""Torque of an engine that is dragged along, as a share of its best."""
RPM = 2.0 * math.pi / 60.0


def feel_of(parameters: Parameters) -> Feel:
    """Return what a driver knows of the car."""
    chassis = parameters.chassis
    circumference = chassis.tyre_circumference_m
    most = GRIP * chassis.laden_kg * GRAVITY
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
    force = force or most  # not less: a pedal means the same share of it, whether or not the tyres hold all of it

    def pull_n(speed_mps: float) -> float:
        return min(force, power / max(speed_mps, 1.0))

    return Feel(
        mass_kg=chassis.inertia_kg,
        resistance_n=_resistance(parameters),
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
    power = max(rpm * RPM * nm for rpm, nm in engine.torque)
    per_nm = gearbox.final * 2.0 * math.pi / circumference_m
    middle = gearbox.ratios[len(gearbox.ratios) // 2]
    return torque * gearbox.ratios[0] * per_nm, power * gearbox.efficiency, ENGINE_BRAKE * torque * middle * per_nm


def _resistance(parameters: Parameters) -> Callable[[float], float]:
    load, mass = parameters.road_load, parameters.chassis.laden_kg
    if load.rolling:
        constant, linear = load.rolling * mass * GRAVITY, 0.0
        square = 0.5 * AIR_KG_PER_M3 * load.drag_area_m2
    else:
        constant, linear, square = load.constant_n, load.linear, load.square

    def resistance_n(speed_mps: float) -> float:
        if speed_mps <= 0.0:
            return 0.0
        return constant + (linear + square * speed_mps) * speed_mps

    return resistance_n
