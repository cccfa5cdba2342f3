"""A combustion engine: what torque it gives, what it loses in itself, what it burns, and how it warms up.

Fuel follows Willans' line: of the fuel's energy a fixed share reaches the pistons, and what the pistons do is the
torque at the crankshaft and what the engine loses in itself, as a mean pressure that grows with its speed and is larger
in a cold engine (Guzzella and Onder, 'Introduction to Modeling and Control of Internal Combustion Engine Systems').
Idling, engine braking and the cut of fuel on overrun follow from that by themselves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from commonwheel.twin.tables import Table

if TYPE_CHECKING:
    from commonwheel.twin.parameters_engine import Engine
    from commonwheel.twin.start import Start
    from commonwheel.twin.state import State

__all__ = ["RADIANS_PER_RPM", "RPM", "Combustion", "idle_rpm"]

RADIANS_PER_RPM: Final = math.tau / 60
RPM: Final = 1 / RADIANS_PER_RPM
CRANK_S: Final = 0.7
"""How long the starter turns the engine before it runs."""
CRANK_RPM: Final = 220.0
THROTTLE_S: Final = 0.08
"""How fast the torque follows."""
IDLE_S: Final = 0.35
"""How fast the idle speed is corrected."""
COLD_C: Final = 20.0
WARM_C: Final = 80.0
COLDEST: Final = 1.3
"""Below 20 degC the idle speed rises further by up to this share."""
THERMOSTAT_C: Final = 88.0
OIL_S: Final = 250.0
"""The oil follows the coolant with this time constant."""
COOLANT_SHARE: Final = 0.26
"""Of the fuel's energy, what warms the coolant."""
COOLANT_J_PER_KL: Final = 12_000.0
"""Heat capacity of coolant and block around it, per litre of displacement."""
BLOCK_W_PER_K: Final = 3.0
"""From engine and closed cooling circuit to the air at standstill; as much again for each 8 m/s."""
RADIATOR_PER_K: Final = 0.014
"""With the thermostat open and in the wind, in W/K per watt of the engine's best power: it is made for that."""
AIR_KPA: Final = 101.3
CLOSED_KPA: Final = 20.0
"""Intake pressure at which the pistons would do no work."""
KPA_PER_KPA: Final = 0.062
"""Intake pressure per mean pressure on the pistons: full load of an engine without turbocharger needs the air's."""


class Combustion:
    """One engine."""

    def __init__(self, engine: Engine, start: Start, state: State) -> None:
        self.engine = engine
        points = engine.torque
        self._full = Table.of(points, 0.0, engine.limit_rpm, 256)
        self.best_w = max(rpm * RADIANS_PER_RPM * nm for rpm, nm in points)
        self._volume_per_rad = engine.displacement_l / (4 * math.pi)
        """Torque in Nm per mean pressure in kPa, of a four-stroke engine."""
        self._oil_c = start.soak_c
        self._cold = 1.0
        self._cranked_s = 0.0
        self._burnt_j = 0.0
        self._fuel_per_j = 1e-6 / engine.fuel_mj_per_l
        self.torque_nm = 0.0
        """At the crankshaft, of combustion less losses; negative brakes."""
        self.speed_rps = 0.0
        """In radians per second."""
        self.idle_rps = 0.0
        self.fuel_j = 0.0
        """Burnt since the start."""
        state.coolant_c = state.intake_c = start.soak_c
        state.fuel_l = min(1.0, max(0.0, start.fuel)) * engine.tank_l
        self._warm(state)

    @property
    def rpm(self) -> float:
        """Speed of the crankshaft."""
        return self.speed_rps * RPM

    def most_nm(self, speed_rps: float) -> float:
        """Return the torque at full load."""
        rpm = speed_rps * RPM
        return self._full.at(rpm) if rpm < self.engine.limit_rpm else 0.0

    def friction_nm(self, speed_rps: float) -> float:
        """Return what the engine loses in itself at its present temperature, positive."""
        still, linear, square = self.engine.friction_kpa
        thousands = speed_rps * (RPM / 1000)
        return (still + (linear + square * thousands) * thousands) * self._volume_per_rad * self._cold

    def start(self, dt_s: float) -> bool:
        """Turn the starter, or run on; return whether the engine runs."""
        if self._cranked_s < CRANK_S:
            self._cranked_s += dt_s
            self.speed_rps = min(CRANK_RPM * RADIANS_PER_RPM, self.speed_rps + 60.0 * dt_s)
            self.torque_nm = 0.0
            return False
        return True

    def stop(self, dt_s: float) -> None:
        """Let the engine run down."""
        self._cranked_s = 0.0
        self.torque_nm = -self.friction_nm(self.speed_rps) if self.speed_rps else 0.0
        self.speed_rps = max(0.0, self.speed_rps + self.torque_nm / self.engine.inertia_kgm2 * dt_s)

    def follow(self, wish_nm: float, load_nm: float, inertia_kgm2: float, dt_s: float) -> float:
        """Let the torque follow what is wished, at least what holds the idle speed; return it.

        Args:
            wish_nm: at the crankshaft.
            load_nm: what pulls at the crankshaft now, for idling.
            inertia_kgm2: of all that turns with the crankshaft, for idling.
            dt_s: length of the step.
        """
        speed = self.speed_rps
        least = -self.friction_nm(speed)
        idle = load_nm + inertia_kgm2 * (self.idle_rps - speed) / IDLE_S
        most = self.most_nm(speed)
        wish = max(wish_nm, min(idle, 0.6 * most), least)
        wish = min(wish, most) if most > 0.0 else least
        self.torque_nm += (wish - self.torque_nm) * dt_s / (THROTTLE_S + dt_s)
        return self.torque_nm

    def burn(self, state: State, dt_s: float) -> None:
        """Account for the fuel of a step, and state torque, speed and intake pressure."""
        speed, torque = self.speed_rps, self.torque_nm
        inside = torque + self.friction_nm(speed)
        used = max(0.0, inside) * speed / self.engine.efficiency * dt_s
        self._burnt_j += used
        self.fuel_j += used
        litres = min(state.fuel_l, used * self._fuel_per_j)
        state.fuel_l -= litres
        state.fuel_used_l += litres
        state.engine_rpm = speed * RPM
        state.engine_nm = torque
        state.manifold_kpa = self._intake_kpa(inside) if speed else AIR_KPA

    def _intake_kpa(self, inside_nm: float) -> float:
        pressure = CLOSED_KPA + max(0.0, inside_nm) / self._volume_per_rad * KPA_PER_KPA
        return min(pressure, AIR_KPA + self.engine.boost_kpa)

    def rest(self, state: State, air_c: float, dt_s: float) -> None:
        """Warm the engine by what it burnt in *dt_s* of steps, and cool it."""
        coolant = state.coolant_c
        open_share = min(1.0, max(0.0, (coolant - THERMOSTAT_C) / 8.0))
        speed = abs(state.speed_mps)
        wind = 0.4 + 0.6 * min(1.0, speed / 20.0)
        leaves = BLOCK_W_PER_K * (1 + speed / 8.0) + RADIATOR_PER_K * self.best_w * open_share * wind
        capacity = COOLANT_J_PER_KL * self.engine.displacement_l
        # Solved for the end of the time, so that no length of it swings.
        gained = self._burnt_j * COOLANT_SHARE
        coolant = (coolant + (gained + leaves * air_c * dt_s) / capacity) / (1 + leaves * dt_s / capacity)
        state.coolant_c = coolant
        self._burnt_j = 0.0
        self._oil_c += (coolant - self._oil_c) * (1 - math.exp(-dt_s / OIL_S))
        # Under the bonnet it is the warmer the less wind there is.
        share = 0.35 - 0.25 * min(1.0, speed / 25.0)
        state.intake_c += (air_c + share * (coolant - air_c) - state.intake_c) * (1 - math.exp(-dt_s / 60.0))
        self._warm(state)

    def _warm(self, state: State) -> None:
        """State what follows from the temperatures."""
        span = WARM_C - COLD_C
        chill = max(0.0, (WARM_C - self._oil_c) / span)
        self._cold = 1 + self.engine.cold_friction * chill
        idle = idle_rpm(self.engine.idle_rpm, self.engine.cold_idle_rpm, state.coolant_c)
        self.idle_rps = idle * RADIANS_PER_RPM


def idle_rpm(warm_rpm: float, cold_rpm: float, coolant_c: float) -> float:
    """Return the idle speed that is aimed at: it falls from the cold one at 20 degC to the warm one at 80 degC."""
    cold = (WARM_C - coolant_c) / (WARM_C - COLD_C)
    return warm_rpm + (cold_rpm - warm_rpm) * min(COLDEST, max(0.0, cold))
