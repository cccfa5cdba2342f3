"""Asking a car to move, in one way on every car: what it offers is picked here, and nothing says whose car it is.

A request of these is good for ``VALID_S`` and renewed in every turn. Whoever stops asking has the car released by its
guard; ``stop`` says so at once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.apps import Car

__all__ = [
    "ACCELERATION",
    "ANGLE",
    "CURVATURE",
    "LATERAL_STATE",
    "LONGITUDINAL_STATE",
    "SPEED",
    "VALID_S",
    "Geometry",
    "Permission",
    "Pull",
    "Steer",
]

ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
SPEED = "Vehicle.MotionManagement.SpeedTarget"
ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
CURVATURE = "Vehicle.MotionManagement.CurvatureTarget"
LONGITUDINAL_STATE = "Vehicle.MotionManagement.Guard.LongitudinalState"
LATERAL_STATE = "Vehicle.MotionManagement.Guard.LateralState"
VALID_S = 0.3
_AHEAD_S = 1.5
"""A car that takes a speed only is asked for the one that it would have after so long at the acceleration."""


class Permission:
    """Whether it makes sense to ask, and whether what is asked acts, by what the guard says of an axis."""

    def __init__(self, path: str) -> None:
        """Take the path of the axis's state."""
        self._path = path

    def open(self, car: Car) -> bool:
        """Whether a request can come to act; where nothing is said of it, it is tried."""
        return not car.has(self._path) or car.value(self._path) not in {"OFF", "FAULTED"}

    def acting(self, car: Car) -> bool:
        """Whether requests act now; on a car that never says so, they are taken to."""
        return not car.has(self._path) or car.value(self._path) == "ENGAGED"


class _Asker:
    """Asks for one of several actuators."""

    def __init__(self) -> None:
        self._asked = ""

    def _ask(self, car: Car, path: str, value: float) -> None:
        self._asked = path
        car.request(path, value, valid_s=VALID_S)

    def stop(self, car: Car) -> None:
        """Ask for nothing any more."""
        if self._asked:
            car.withdraw(self._asked)
            self._asked = ""

    @property
    def asking(self) -> bool:
        """Whether something is asked for."""
        return bool(self._asked)


class Pull(_Asker):
    """Speeds up and slows down, by acceleration, or by speed where a car takes no acceleration."""

    @staticmethod
    def offered(car: Car) -> bool:
        """Whether the car can be asked at all."""
        return car.has(ACCELERATION) or car.has(SPEED)

    def ask(self, car: Car, mps2: float, speed_mps: float) -> None:
        """Ask for an acceleration.

        Args:
            car: whom to ask.
            mps2: what is wanted.
            speed_mps: how fast it is.
        """
        if car.has(ACCELERATION):
            self._ask(car, ACCELERATION, mps2)
        elif car.has(SPEED):
            self._ask(car, SPEED, 3.6 * max(0.0, speed_mps + mps2 * _AHEAD_S))


class Geometry:
    """How a steering wheel's angle turns a car: the steady state of a bicycle, with an understeer gradient.

    Used where a car takes an angle and no curvature. What it is off by is found by whoever closes the loop.
    """

    def __init__(self, wheelbase_m: float = 2.7, ratio: float = 16.0, understeer_s2_per_m: float = 0.0025) -> None:
        self.wheelbase_m, self.ratio, self.understeer = wheelbase_m, ratio, understeer_s2_per_m

    def angle_deg(self, curvature: float, speed_mps: float) -> float:
        """Return the steering wheel's angle of a curvature in 1/m."""
        return math.degrees(curvature * (self.wheelbase_m + self.understeer * speed_mps**2)) * self.ratio

    def curvature(self, angle_deg: float, speed_mps: float) -> float:
        """Return the curvature in 1/m of a steering wheel's angle."""
        return math.radians(angle_deg / self.ratio) / (self.wheelbase_m + self.understeer * speed_mps**2)


class Steer(_Asker):
    """Steers by curvature, or by the steering wheel's angle where a car takes no curvature."""

    @staticmethod
    def offered(car: Car) -> bool:
        """Whether the car can be asked at all."""
        return car.has(CURVATURE) or car.has(ANGLE)

    def ask(self, car: Car, curvature: float, speed_mps: float, geometry: Geometry) -> None:
        """Ask for a curvature in 1/m, left positive."""
        if car.has(CURVATURE):
            self._ask(car, CURVATURE, curvature)
        elif car.has(ANGLE):
            self._ask(car, ANGLE, geometry.angle_deg(curvature, speed_mps))
