"""The range that the car itself shows: what is left in battery or tank, over what it used lately.

It begins with what steady driving at 60 km/h takes and then follows the consumption of the last kilometres, so that it
is as wrong as such displays are: it knows nothing of the road ahead.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from commonwheel.twin.longitudinal import Road

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.parameters_engine import Engine
    from commonwheel.twin.state import State

__all__ = ["BatteryRange", "FuelRange"]

_STEADY_MPS: Final = 60.0 / 3.6
_J_PER_KWH: Final = 3.6e6
_BATTERY_EFFICIENCY: Final = 0.8
"""Of the energy drawn from the battery, what drives the car in mixed traffic."""
_FUEL_EFFICIENCY: Final = 0.2
"""Of the fuel's energy, what drives a car with a combustion engine in mixed traffic."""


class _Use:
    """Consumption per metre: that of the last *recent_m*, looked at every *step_m*."""

    def __init__(self, first: float, recent_m: float, step_m: float) -> None:
        self._per_m = first
        self._least = first / 3.0
        self._recent_m = recent_m
        self._step_m = step_m
        self._distance_m = self._used = 0.0

    def follow(self, distance_m: float, used: float) -> float:
        """Take what was driven and used since the start; return the consumption per metre."""
        moved = distance_m - self._distance_m
        if moved >= self._step_m:
            lately = (used - self._used) / moved
            self._per_m += (lately - self._per_m) * (1.0 - math.exp(-moved / self._recent_m))
            self._per_m = max(self._per_m, self._least)
            self._distance_m, self._used = distance_m, used
        return self._per_m


class BatteryRange:
    """Range of a battery."""

    def __init__(self, parameters: Parameters) -> None:
        force = Road(parameters).resistance_n(_STEADY_MPS) + parameters.auxiliaries.base_w / _STEADY_MPS
        self._use = _Use(force / _BATTERY_EFFICIENCY / _J_PER_KWH, 8_000.0, 100.0)

    def rest(self, state: State) -> None:
        """Bring the range that the car shows up to date."""
        state.range_m = state.energy_kwh / self._use.follow(state.distance_m, state.drawn_kwh)


class FuelRange:
    """Range of a tank."""

    def __init__(self, parameters: Parameters, engine: Engine) -> None:
        force = Road(parameters).resistance_n(_STEADY_MPS)
        self._first_l_per_m = force / _FUEL_EFFICIENCY / (engine.fuel_mj_per_l * 1e6)
        self._use = _Use(self._first_l_per_m, 30_000.0, 200.0)

    def first_metres(self, state: State) -> float:
        """Return how far the fuel would go at the consumption that the estimate began with."""
        return state.fuel_l / self._first_l_per_m

    def rest(self, state: State) -> None:
        """Bring the range that the car shows up to date."""
        state.range_m = state.fuel_l / self._use.follow(state.distance_m, state.fuel_used_l)
