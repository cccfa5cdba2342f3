"""The range that a car with a tank shows: what is left in it, over what it burnt lately."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from commonwheel.twin.longitudinal import Road

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.state import State

__all__ = ["FuelRange"]

_STEADY_MPS: Final = 60.0 / 3.6
_EFFICIENCY: Final = 0.2
"""Of the fuel's energy, what drives a car with a combustion engine in mixed traffic."""
_RECENT_M: Final = 30_000.0
_STEP_M: Final = 200.0


class FuelRange:
    """Range of a tank; it begins with what steady driving at 60 km/h takes."""

    def __init__(self, parameters: Parameters) -> None:
        force = Road(parameters).resistance_n(_STEADY_MPS)
        engine = parameters.engine
        per_l = engine.fuel_mj_per_l * 1e6 if engine else 32e6
        self._l_per_m = force / _EFFICIENCY / per_l
        self._first_l_per_m = self._l_per_m
        self._least = self._l_per_m / 3
        self._distance_m = self._used_l = 0.0

    def metres(self, state: State) -> float:
        """Return how far the fuel goes; what was used is followed every so many metres."""
        moved = state.distance_m - self._distance_m
        if moved >= _STEP_M:
            used = (state.fuel_used_l - self._used_l) / moved
            self._l_per_m += (used - self._l_per_m) * (1 - math.exp(-moved / _RECENT_M))
            self._l_per_m = max(self._l_per_m, self._least)
            self._distance_m, self._used_l = state.distance_m, state.fuel_used_l
        return state.fuel_l / self._l_per_m

    def first_metres(self, state: State) -> float:
        """Return how far the fuel would go at the consumption that the estimate began with."""
        return state.fuel_l / self._first_l_per_m

    def rest(self, state: State) -> None:
        """Bring the range that the car shows up to date."""
        state.range_m = self.metres(state)
