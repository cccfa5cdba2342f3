"""Charging: what the point gives, what the charger makes of it, and when it ends.

Up to ``AC_MOST_W`` a point gives alternating current to the charger in the car; a stronger one is a quick charger with
direct current. The battery's own limit makes the power taper; at its highest voltage the current falls until it is
small enough to end.

A bridge in front of the charger may ask it for less than the car's own controller does (``Inputs.charge_ceiling``);
what the car wants stays what it was, and is what the charger goes back to.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.twin.battery import Pack
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Charger
    from commonwheel.twin.state import State

__all__ = ["AC_MOST_W", "Charging"]

AC_MOST_W = 22_500.0
"""The strongest common point for alternating current gives 3 x 32 A at 230 V, 22 kW."""
_DC_EFFICIENCY = 0.95
_AGAIN = 0.02
"""A full battery is charged again once it has lost this."""
_PARTS = 12
"""In how many parts the time left is summed up."""


class Charging:
    """The charger."""

    def __init__(self, charger: Charger) -> None:
        self.charger = charger
        self.wall_j = 0.0
        """Drawn from the charging point since the start."""
        self._done = False

    def step(self, inputs: Inputs, state: State, pack: Pack, auxiliary_w: float) -> float:
        """Return the power into the battery for this step, and state whether the car charges and what the point gives.

        What the car uses for itself comes first; what the point gives too little for it is drawn from the battery.
        """
        state.wall_w = state.charge_asked_w = 0.0
        point_w = inputs.charge_power_w
        if not inputs.plugged or point_w <= 0.0:
            state.charging = False
            self._done = False
            return 0.0
        limit = inputs.charge_limit
        if self._done and state.charge > limit - _AGAIN:
            state.charging = False
            return 0.0
        self._done = False
        most_w, efficiency = self._offer(point_w)
        takes_w = state.charge_limit_w
        end_w = self.charger.end * pack.capacity_c / 3600.0 * state.pack_v
        if state.charge >= limit or (takes_w < min(end_w, most_w * efficiency / 2) and state.charge > 0.5):  # noqa: PLR2004 - it is full, and not cold
            self._done = True
            state.charging = False
            return 0.0
        power_w = min(most_w * efficiency - auxiliary_w, takes_w)
        if not self._quick(point_w):
            state.charge_asked_w = max(0.0, power_w + auxiliary_w)
            ceiling_w = inputs.charge_ceiling * (state.pack_v if inputs.charge_in_amperes else 1.0)
            power_w = min(power_w, ceiling_w - auxiliary_w)
            if ceiling_w <= 0.0:
                state.charging = False
                return 0.0
        state.charging = True
        state.wall_w = (power_w + auxiliary_w) / efficiency
        return power_w

    def _quick(self, point_w: float) -> bool:
        return point_w > AC_MOST_W and self.charger.quick_w > 0.0

    def _offer(self, point_w: float) -> tuple[float, float]:
        """Return (what the car takes of the point's power, its efficiency)."""
        if self._quick(point_w):
            return min(point_w * _DC_EFFICIENCY, self.charger.quick_w) / _DC_EFFICIENCY, _DC_EFFICIENCY
        return min(point_w, self.charger.power_w), self.charger.efficiency

    def rest(self, inputs: Inputs, state: State, pack: Pack) -> None:
        """Estimate the time left: the charge still missing, part by part, at the power that each part is taken at."""
        if not inputs.plugged:
            self._done = False
        if not state.charging:
            state.charge_left_s = 0.0
            return
        limit, charge = min(1.0, inputs.charge_limit), state.charge
        most_w, efficiency = self._offer(inputs.charge_power_w)
        total, step = 0.0, (limit - charge) / _PARTS
        for i in range(_PARTS):
            middle = charge + (i + 0.5) * step
            power = min(most_w * efficiency, max(pack.takes_w(middle, state.pack_c), 300.0))
            total += step * pack.capacity_c * state.pack_v / power
        state.charge_left_s = total if math.isfinite(total) else 0.0
