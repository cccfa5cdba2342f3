"""The standard's targets that controllers know more of than their number, and how they turn into each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.guard.envelope import Geometry

__all__ = ["ACCELERATION", "ANGLE", "CURVATURE", "LEAST_WINS", "SPEED", "Steering"]

ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
"""m/s^2."""
SPEED = "Vehicle.MotionManagement.SpeedTarget"
"""km/h."""
ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
"""Degrees, left positive."""
CURVATURE = "Vehicle.MotionManagement.CurvatureTarget"
"""1/m, left positive."""

LEAST_WINS = frozenset({ACCELERATION, SPEED})
"""Of two wishes of one priority, the one for less is the safer."""


@dataclass(frozen=True, slots=True)
class Steering:
    """From a curvature to the steering wheel's angle: a bicycle model's steady state.

    ``curvature = steered angle / (wheelbase + K v^2)``, as the guard has it: both mean the same angle.
    """

    geometry: Geometry

    def angle_deg(self, curvature: float, speed_mps: float) -> float:
        """Return the steering wheel's angle, degrees, for a curvature, 1/m, at a speed."""
        geometry = self.geometry
        base = geometry.wheelbase_m + geometry.understeer_s2_per_m * speed_mps * speed_mps
        return math.degrees(curvature * base) * geometry.steering_ratio

    def curvature(self, angle_deg: float, speed_mps: float) -> float:
        """Return the curvature that an angle amounts to: the inverse."""
        geometry = self.geometry
        base = geometry.wheelbase_m + geometry.understeer_s2_per_m * speed_mps * speed_mps
        return math.radians(angle_deg / geometry.steering_ratio) / base
