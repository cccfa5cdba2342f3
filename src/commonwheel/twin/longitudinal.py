"""What holds a car back: rolling, the air, the slope, and its brakes; and how it moves with all that.

Every step solves m dv/dt = drive + slope + air - sign(v) (rolling + brakes). What resists only resists: it stops the
car and then holds it, up to its own strength, so a standing car stands. Work is counted at the step's mean speed, at
which the work of all forces is exactly the change of the kinetic energy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Parameters

__all__ = ["AIR_KG_PER_M3", "GRAVITY", "Road"]

GRAVITY = 9.80665
AIR_KG_PER_M3 = 1.2041
"""At 20 degC and sea level."""
_WARM_K = 293.15
_ROLLING_PER_K = 0.01
"""Rolling resistance grows by this share for each kelvin below 20 degC (ISO 28580 corrects by 0.8 to 1 %)."""


class Road:
    """Resistances of one car."""

    def __init__(self, parameters: Parameters) -> None:
        chassis, load = parameters.chassis, parameters.road_load
        self.laden_kg = chassis.laden_kg
        self.weight_n = chassis.laden_kg * GRAVITY
        if load.drag_area_m2 > 0.0:
            self._still_n = load.rolling * self.weight_n
            self._linear = 0.0
            self._square = 0.5 * AIR_KG_PER_M3 * load.drag_area_m2
        else:
            self._still_n = load.constant_n * chassis.laden_kg / (load.at_kg or chassis.laden_kg)
            self._linear = load.linear
            self._square = load.square
        self.rolling_n = self._still_n
        """At standstill on a level road, at the air's temperature."""
        self.linear = self._linear
        self.square = self._square
        self._grade: float = 0.0
        self.slope_n = 0.0
        """Pulls forward; uphill it is negative."""
        self.normal_n = self.weight_n
        """Across the road."""

    def warm(self, air_c: float) -> None:
        """Follow the temperature: cold air is denser, cold tyres are stiffer."""
        self.square = self._square * _WARM_K / (air_c + 273.15)
        self.rolling_n = self._still_n * max(0.5, 1.0 + _ROLLING_PER_K * (20.0 - air_c))

    def tilt(self, grade: float) -> None:
        """Follow the slope of the road."""
        if grade != self._grade:
            self._grade = grade
            across = 1.0 / math.sqrt(1.0 + grade * grade)
            self.normal_n = self.weight_n * across
            self.slope_n = -self.weight_n * grade * across

    def resistance_n(self, speed_mps: float) -> float:
        """Return what holds the car back at a steady speed on a level road without wind."""
        return self.rolling_n + speed_mps * (self.linear + self.square * speed_mps)
