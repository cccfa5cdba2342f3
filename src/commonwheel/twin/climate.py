"""The air in the cabin, what warms and cools it, and what that draws.

The cabin is one mass at one temperature. A controller asks for heat in proportion to what is missing, within what
heater and compressor can; electric cars turn it into electric power by their efficiencies, others take heat from the
engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Auxiliaries
    from commonwheel.twin.state import State

__all__ = ["Climate"]

_BAND_K = 6.0
"""Heater and compressor work fully when the cabin is this far from what is wanted."""
_DEAD_K = 0.3
_ENGINE_HEAT_W = 5_000.0
_ENGINE_WARM_C = 40.0


class Climate:
    """Cabin, heater, compressor and blower."""

    def __init__(self, auxiliaries: Auxiliaries) -> None:
        self.parameters = auxiliaries
        self.electric_w = 0.0
        """Drawn by heater, compressor and blower."""

    def rest(self, inputs: Inputs, state: State, *, on: bool, dt_s: float) -> None:
        """Move the cabin on by *dt_s*."""
        parameters = self.parameters
        heat_w = 0.0
        state.heater_w = state.compressor_w = self.electric_w = 0.0
        if on and (inputs.climate or inputs.preconditions):
            missing = inputs.cabin_target_c - state.cabin_c
            share = max(-1.0, min(1.0, missing / _BAND_K))
            if missing > _DEAD_K:
                heat_w = self._warm(state, share)
            elif missing < -_DEAD_K:
                state.compressor_w = -share * parameters.compressor_w
                heat_w = -state.compressor_w * parameters.compressor_efficiency
            fan_w = parameters.fan_w * inputs.fan * inputs.fan
            self.electric_w = state.heater_w + state.compressor_w + fan_w
        flow_w = parameters.cabin_loss_w_per_k * (inputs.air_c - state.cabin_c) + heat_w
        state.cabin_c += flow_w * dt_s / parameters.cabin_heat_j_per_k

    def _warm(self, state: State, share: float) -> float:
        if self.parameters.heater_w > 0.0:
            state.heater_w = share * self.parameters.heater_w
            return state.heater_w * self.parameters.heater_efficiency
        warmth = max(0.0, min(1.0, (state.coolant_c - _ENGINE_WARM_C) / _ENGINE_WARM_C))
        return share * warmth * _ENGINE_HEAT_W
