"""The range that the car itself shows: what is left, over what it used lately.

It begins with what steady driving at 60 km/h takes and then follows the consumption of the last kilometres, so that it
is as wrong as such displays are: it knows nothing of the road ahead.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.twin.longitudinal import Road

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.state import State

__all__ = ["RangeEstimate"]

_STEADY_MPS = 60.0 / 3.6
_EFFICIENCY = 0.8
_RECENT_M = 8_000.0
_STEP_M = 100.0
_J_PER_KWH = 3.6e6


class RangeEstimate:
    """Range of a battery."""

    def __init__(self, parameters: Parameters) -> None:
        road = Road(parameters)
        force = road.resistance_n(_STEADY_MPS) + parameters.auxiliaries.base_w / _STEADY_MPS
        self._j_per_m = force / _EFFICIENCY
        self._least = self._j_per_m / 3.0
        self._distance_m = 0.0
        self._drawn_kwh = 0.0

    def rest(self, state: State) -> None:
        """Follow what was used since the last look, every so many metres."""
        moved = state.distance_m - self._distance_m
        if moved >= _STEP_M:
            used = (state.drawn_kwh - self._drawn_kwh) * _J_PER_KWH / moved
            self._j_per_m += (used - self._j_per_m) * (1.0 - math.exp(-moved / _RECENT_M))
            self._j_per_m = max(self._j_per_m, self._least)
            self._distance_m, self._drawn_kwh = state.distance_m, state.drawn_kwh
        state.range_m = state.energy_kwh * _J_PER_KWH / self._j_per_m
