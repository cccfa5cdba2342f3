"""A plug-in hybrid: an electric car with an engine that makes electricity, and drives the front wheels when it is fast.

It drives on its battery first. The engine starts when the battery is low, when more power is asked for than the battery
should give, or beyond the speed up to which the motors go alone. Below the clutch's speed it turns the generator
(series); above it is clutched to the front wheels (parallel), and what it gives too much the front motor takes back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from commonwheel.twin.electric import direction
from commonwheel.twin.electric_drive import ElectricPowertrain
from commonwheel.twin.engine import AIR_KPA, Combustion
from commonwheel.twin.gearbox import BestLine
from commonwheel.twin.inputs import Ignition
from commonwheel.twin.range_estimate import FuelRange

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Battery, Motor, Parameters
    from commonwheel.twin.parameters_engine import Engine, Hybrid
    from commonwheel.twin.start import Start
    from commonwheel.twin.state import State

__all__ = ["HybridPowertrain"]

BELOW: Final = 0.004
"""The engine starts when the charge is this far below the one to keep, ..."""
ABOVE: Final = 0.012
"""... and stops when it is this far above."""
SPEED_S: Final = 0.5
"""How fast the generator brings the engine to another speed."""
POWER_S: Final = 0.8
"""How fast the engine follows the power that is needed."""
OPEN_MPS: Final = 1.5
"""The clutch opens so far below the speed at which it closes."""
FLOOR: Final = 0.9
"""A pedal pressed so far asks for everything."""


class HybridPowertrain:
    """Drives a car with motors, and with an engine that may generate or drive."""

    def __init__(
        self, parameters: Parameters, hybrid: Hybrid, engine: Engine, motor: Motor, battery: Battery, start: Start,
        state: State,
    ) -> None:  # fmt: skip
        self.electric = ElectricPowertrain(parameters, motor, battery, start, state)
        self.engine = Combustion(engine, start, state)
        self._hybrid = hybrid
        self._discharge_w = battery.discharge_w
        self._line = BestLine(self.engine, hybrid.eco_rpm, hybrid.eco_load)
        self._turns = hybrid.engine_ratio * math.tau / parameters.chassis.tyre_circumference_m
        self._fuel_range = FuelRange(parameters, engine)
        self._sustain = False
        self._clutched = False
        self._on_s = math.inf
        self._needed_w = 0.0
        self._engine_n = 0.0
        self._force_n = 0.0
        self._work_j = 0.0
        self.rotating_kg = 0.0
        self.braked_n = 0.0

    @property
    def lost_j(self) -> float:
        """Lost in motors and gears, drawn by the rest of the car, and of the fuel what did not get further."""
        return self.electric.lost_j + self.engine.fuel_j - self._work_j

    def drive(self, inputs: Inputs, state: State, brake_n: float, grip_n: float, dt_s: float) -> float:
        """Return the force at the tyres; see ``Powertrain``."""
        electric, where = self.electric, direction(state.gear)
        along = where * state.speed_mps
        self._engine_n = electric.added_w = self.rotating_kg = 0.0
        state.generator_nm = 0.0
        if self._runs(inputs, state, dt_s):
            self._clutch(along)
            power = self._power(state)
            if self._clutched:
                self._drive_along(state, along, power, dt_s)
            else:
                self._generate(state, power, dt_s)
            self.engine.burn(state, dt_s)
        else:
            self._clutched = False
            state.engine_rpm, state.engine_nm, state.manifold_kpa = self.engine.rpm, 0.0, AIR_KPA
        state.generator_rpm = self.engine.rpm * self._hybrid.generator_ratio
        # What the tyres carry of the engine's force they do not carry of the motors'.
        self._engine_n = min(grip_n, max(-grip_n, self._engine_n))
        grip_n -= abs(self._engine_n)
        # Only as far as the pedal asks for less than everything does the engine relieve the motors.
        electric.relieve(self._engine_n * (1 - state.throttle))
        force = electric.drive(inputs, state, brake_n, grip_n, dt_s) + where * self._engine_n
        self.braked_n = electric.braked_n
        self._force_n = force
        return force

    def settle(self, state: State, mean_mps: float, dt_s: float) -> None:
        """Account for the step; see ``Powertrain``."""
        electric = self.electric
        if not state.ready:
            electric.added_w = 0.0
        electric.settle(state, mean_mps, dt_s)
        self._work_j += (self._engine_n * abs(mean_mps) + electric.added_w) * dt_s
        wheels_w = max(0.0, self._force_n * mean_mps)
        self._needed_w += (wheels_w + state.auxiliary_w - self._needed_w) * dt_s / (POWER_S + dt_s)

    def rest(self, inputs: Inputs, state: State, dt_s: float) -> None:
        """Bring up to date what changes slowly; see ``Powertrain``."""
        self.electric.rest(inputs, state, dt_s)
        self.engine.rest(state, inputs.air_c, dt_s)
        state.range_m += self._fuel_range.first_metres(state)

    def _runs(self, inputs: Inputs, state: State, dt_s: float) -> bool:
        """Start or stop the engine; return whether it runs."""
        if state.charge < self._hybrid.start_charge - BELOW:
            self._sustain = True
        elif state.charge > self._hybrid.start_charge + ABOVE:
            self._sustain = False
        able = inputs.ignition == Ignition.ON and not inputs.plugged and state.fuel_l > 0.0
        wanted = able and (self._is_helpful(state) or self._on_s < self._hybrid.minimum_s)
        if wanted:
            self._on_s = self._on_s + dt_s if self._on_s < math.inf else 0.0
            state.engine_on = self.engine.start(dt_s)
        else:
            self._on_s = math.inf
            state.engine_on = False
            self.engine.stop(dt_s)
        return state.engine_on

    def _is_helpful(self, state: State) -> bool:
        """Say whether the engine is to run."""
        hybrid = self._hybrid
        if self._sustain or abs(state.speed_mps) > hybrid.electric_mps:
            return True
        running = 0.6 if state.engine_on else 1.0
        # A cold or weak battery needs help with what a good one gives alone.
        weak = min(1.0, state.discharge_limit_w / self._discharge_w)
        return self._needed_w > hybrid.help_w * weak * running or (state.throttle > FLOOR and self._needed_w > 0.0)

    def _clutch(self, along: float) -> None:
        """Close or open the clutch between the engine and the front wheels."""
        if along > self._hybrid.clutch_mps:
            self._clutched = True
        elif along < self._hybrid.clutch_mps - OPEN_MPS:
            self._clutched = False

    def _power(self, state: State) -> float:
        """Return what the engine is to give at its shaft."""
        hybrid = self._hybrid
        needed = self._needed_w / hybrid.generator_efficiency
        if self._sustain:
            needed += hybrid.restore_w
        most = min(self.engine.best_w, hybrid.generator_power_w) if not self._clutched else self.engine.best_w
        room = max(0.0, state.charge_limit_w + self._needed_w)
        return min(needed, most, room)

    def _generate(self, state: State, power_w: float, dt_s: float) -> None:
        """Turn the generator, which holds the engine's speed."""
        engine, hybrid = self.engine, self._hybrid
        before = engine.speed_rps
        aim = self._line.speed(power_w)
        inertia = engine.engine.inertia_kgm2
        torque = engine.follow(min(power_w / max(before, 50.0), engine.most_nm(before)), 0.0, inertia, dt_s)
        engine.speed_rps = before + (aim - before) * dt_s / (SPEED_S + dt_s)
        held = torque - inertia * (engine.speed_rps - before) / dt_s
        shaft_w = held * before
        efficiency = hybrid.generator_efficiency if shaft_w > 0.0 else 1 / hybrid.generator_efficiency
        self.electric.added_w = shaft_w * efficiency
        state.generator_nm = -held / hybrid.generator_ratio

    def _drive_along(self, state: State, along: float, power_w: float, dt_s: float) -> None:
        """Turn with the front wheels and drive them."""
        engine, hybrid = self.engine, self._hybrid
        speed = along * self._turns
        before = engine.speed_rps
        engine.speed_rps = before + (speed - before) * dt_s / (0.1 + dt_s)
        inertia = engine.engine.inertia_kgm2
        most = engine.most_nm(engine.speed_rps)
        wish = min(power_w / max(speed, 50.0), most if state.throttle > FLOOR else most * hybrid.eco_load)
        torque = engine.follow(wish, 0.0, inertia, dt_s)
        self.rotating_kg = inertia * self._turns * self._turns
        efficiency = hybrid.engine_efficiency if torque > 0.0 else 1 / hybrid.engine_efficiency
        self._engine_n = torque * self._turns * efficiency
