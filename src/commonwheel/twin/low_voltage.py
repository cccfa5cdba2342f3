"""The low-voltage system: its battery, and what supplies it while the car is on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.twin.inputs import Ignition

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Auxiliaries
    from commonwheel.twin.start import Start
    from commonwheel.twin.state import State

__all__ = ["LowVoltage"]

_EMPTY_V = 1.4
"""An empty lead battery's voltage is this much below a full one's."""
_SAG_V = 0.35
"""What the loads take off it while the car is on and nothing supplies them."""
_RISE_S = 1.5
_CHARGE_S = 3 * 3600.0
_LAST_S = 6 * 3600.0
"""How long a full battery keeps up a car that is on but not supplied."""


class LowVoltage:
    """The 12 V battery and its supply."""

    def __init__(self, auxiliaries: Auxiliaries, start: Start, state: State) -> None:
        self._supply_v, self._rest_v = auxiliaries.supply_v, auxiliaries.rest_v
        self.charge = min(1.0, max(0.0, start.low_voltage_charge))
        state.low_voltage_v = self._resting_v()

    def rest(self, inputs: Inputs, state: State, dt_s: float) -> None:
        """Let voltage and charge follow, after *dt_s* of steps."""
        if state.ready or state.engine_on or state.charging:
            aim = self._supply_v
            self.charge += (1.0 - self.charge) * dt_s / _CHARGE_S
        else:
            loaded = inputs.ignition != Ignition.OFF
            aim = self._resting_v() - (_SAG_V if loaded else 0.0)
            if loaded:
                self.charge = max(0.0, self.charge - dt_s / _LAST_S)
        state.low_voltage_v += (aim - state.low_voltage_v) * (1.0 - math.exp(-dt_s / _RISE_S))

    def _resting_v(self) -> float:
        return self._rest_v - _EMPTY_V * (1.0 - self.charge)
