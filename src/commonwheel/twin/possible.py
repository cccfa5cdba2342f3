"""What inputs can be, and what is taken for those that cannot."""

from __future__ import annotations

import math
from dataclasses import replace

from commonwheel.twin.inputs import Inputs

__all__ = ["nearest", "possible"]

MOST_STEERING_DEG = 2_000.0
STEEPEST = 1.0
MOST_WIND_MPS = 60.0
SLIPPERIEST, GRIPPIEST = 0.02, 2.0
COLDEST_C, WARMEST_C = -60.0, 70.0
LEAST_TARGET_C, MOST_TARGET_C = -40.0, 60.0
MOST_CHARGE_W = 1e6

_LIMITS = {
    "accelerator": (0.0, 1.0),
    "brake": (0.0, 1.0),
    "steering_deg": (-MOST_STEERING_DEG, MOST_STEERING_DEG),
    "cabin_target_c": (LEAST_TARGET_C, MOST_TARGET_C),
    "fan": (0.0, 1.0),
    "charge_power_w": (0.0, MOST_CHARGE_W),
    "charge_limit": (0.0, 1.0),
    "air_c": (COLDEST_C, WARMEST_C),
    "grade": (-STEEPEST, STEEPEST),
    "wind_mps": (-MOST_WIND_MPS, MOST_WIND_MPS),
    "friction": (SLIPPERIEST, GRIPPIEST),
}


def possible(inputs: Inputs) -> bool:
    """Return whether every input is a number that can be. Written out, since it runs every step."""
    return (
        0.0 <= inputs.accelerator <= 1.0
        and 0.0 <= inputs.brake <= 1.0
        and -MOST_STEERING_DEG <= inputs.steering_deg <= MOST_STEERING_DEG
        and -STEEPEST <= inputs.grade <= STEEPEST
        and -MOST_WIND_MPS <= inputs.wind_mps <= MOST_WIND_MPS
        and SLIPPERIEST <= inputs.friction <= GRIPPIEST
        and COLDEST_C <= inputs.air_c <= WARMEST_C
        and 0.0 <= inputs.fan <= 1.0
        and LEAST_TARGET_C <= inputs.cabin_target_c <= MOST_TARGET_C
        and 0.0 <= inputs.charge_power_w <= MOST_CHARGE_W
        and 0.0 <= inputs.charge_limit <= 1.0
    )


def nearest(inputs: Inputs) -> Inputs:
    """Return inputs with every number the nearest that can be; for what is no number, that of a car at rest."""
    calm = Inputs()
    changes: dict[str, float] = {}
    for name, (low, high) in _LIMITS.items():
        value: float = getattr(inputs, name)
        changes[name] = getattr(calm, name) if math.isnan(value) else min(high, max(low, value))
    return replace(inputs, **changes)
