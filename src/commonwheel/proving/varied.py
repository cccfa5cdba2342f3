"""A car that is not quite what its data say: heavier or lighter, stronger or weaker, sooner or later in its answer.

The platform is told nothing of it: what it knows of the car (``control.yaml``) stays, and its feedback has to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Parameters

__all__ = ["Factors", "varied"]


@dataclass(frozen=True, slots=True)
class Factors:
    """What the physics of a car are multiplied by."""

    mass: float = 1.0
    """Of the car and of what weighs in its yaw; its rolling resistance grows with it."""
    gain: float = 1.0
    """Of what commands lead to: torque at the wheel, force of brakes and drive, acceleration. An angle has none."""
    delay: float = 1.0
    """Of all delays and lags from a command to what it does."""


def varied(parameters: Parameters, factors: Factors) -> Parameters:
    """Return the physics of such a car."""
    change = msgspec.structs.replace
    chassis = parameters.chassis
    changed: dict[str, object] = {
        "chassis": change(
            chassis, mass_kg=chassis.mass_kg * factors.mass, yaw_inertia_kgm2=chassis.yaw_inertia_kgm2 * factors.mass
        )
    }
    if (torque := parameters.steering_torque) is not None:
        changed["steering_torque"] = change(
            torque,
            gain_nm=torque.gain_nm * factors.gain,
            highest_nm=torque.highest_nm * factors.gain,
            delay_s=torque.delay_s * factors.delay,
        )
    if (angle := parameters.steering_angle) is not None:
        changed["steering_angle"] = change(
            angle, delay_s=angle.delay_s * factors.delay, lag_s=angle.lag_s * factors.delay
        )
    if (brake := parameters.braking) is not None:
        changed["braking"] = change(
            brake,
            gain_n=brake.gain_n * factors.gain,
            delay_s=brake.delay_s * factors.delay,
            lag_s=brake.lag_s * factors.delay,
        )
    if (gas := parameters.gas) is not None:
        changed["gas"] = change(
            gas,
            acceleration=tuple((speed, value * factors.gain) for speed, value in gas.acceleration),
            delay_s=gas.delay_s * factors.delay,
            lag_s=gas.lag_s * factors.delay,
        )
    if (one := parameters.acceleration) is not None:
        changed["acceleration"] = change(
            one, gain=one.gain * factors.gain, delay_s=one.delay_s * factors.delay, lag_s=one.lag_s * factors.delay
        )
    return change(parameters, **changed)
