"""A combustion powertrain: engine, coupling, gearbox, and the force that comes of them.

While the coupling is open the engine has a speed of its own, and what the coupling carries drives the car; while it is
closed the engine turns with the wheels and is part of the car's inertia. The accelerator asks for a share of the force
that the car has at this speed, whichever gear is in.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from commonwheel.twin.climate import Climate
from commonwheel.twin.coupling import coupling_of
from commonwheel.twin.electric import direction
from commonwheel.twin.engine import AIR_KPA, RADIANS_PER_RPM, Combustion
from commonwheel.twin.gearbox import transmission_of
from commonwheel.twin.inputs import Gear, Ignition
from commonwheel.twin.parameters_engine import GearboxKind
from commonwheel.twin.range_estimate import FuelRange

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.parameters_engine import Engine, Gearbox
    from commonwheel.twin.start import Start
    from commonwheel.twin.state import State

__all__ = ["CombustionPowertrain"]

ALTERNATOR: Final = 0.65
"""Efficiency of the alternator."""
JERK_S: Final = 0.12
"""How fast the engine takes on another speed when the coupling closes or the gear changes."""
STALL: Final = 0.85
"""Share of the idle speed below which the coupling opens."""
HOLDING: Final = 0.02
"""A brake pedal pressed so far stops a clutch from creeping, and keeps a stopped engine off."""
MOST_SLEW_RPS2: Final = 400.0
"""Clutches take the rest of what an engine turns faster or slower by."""
REVERSE_MPS: Final = 12.0
"""The highest speed backwards."""


class CombustionPowertrain:
    """Drives a car with an engine and a gearbox."""

    def __init__(self, parameters: Parameters, engine: Engine, gearbox: Gearbox, start: Start, state: State) -> None:
        self.engine = Combustion(engine, start, state)
        per_metre = math.tau / parameters.chassis.tyre_circumference_m
        self.transmission = transmission_of(gearbox, per_metre, self.engine)
        self._gearbox = gearbox
        self._coupling = coupling_of(gearbox)
        self._converts = gearbox.kind in {GearboxKind.CVT, GearboxKind.AUTOMATIC}
        self._backwards = gearbox.reverse * gearbox.final * per_metre
        self._most_n = max(nm for _, nm in engine.torque) * gearbox.ratios[0] * gearbox.final * per_metre
        self._most_w = self.engine.best_w * gearbox.efficiency
        self._creep_mps = engine.idle_rpm * RADIANS_PER_RPM / (gearbox.ratios[0] * gearbox.final * per_metre)
        self._laden_kg = parameters.chassis.laden_kg
        self._climate = Climate(parameters.auxiliaries)
        self._base_w = parameters.auxiliaries.base_w
        self._range = FuelRange(parameters, engine)
        self._closed = False
        self._turns = self.transmission.turns
        self._off_rps = 0.0
        self._shifting_s = 0.0
        self._work_j = 0.0
        self._force_n = 0.0
        self._slew_rps2 = 0.0
        self.braked_n = 0.0
        self.rotating_kg = 0.0

    def drive(self, inputs: Inputs, state: State, brake_n: float, grip_n: float, dt_s: float) -> float:
        """Return the force at the tyres; see ``Powertrain``."""
        del brake_n
        state.ready = state.engine_on = self._runs(inputs, state, dt_s)
        self.rotating_kg = 0.0
        force = 0.0
        if state.engine_on:
            load_w = state.auxiliary_w / ALTERNATOR + state.compressor_w
            load_nm = load_w / max(self.engine.speed_rps, 50.0)
            where = direction(state.gear)
            if where:
                force = where * self._pull(state, where, load_nm, grip_n, dt_s)
            else:
                self._run_free(state, load_nm, dt_s)
            self.engine.burn(state, dt_s)
        else:
            self._open(state)
            state.engine_rpm, state.engine_nm = self.engine.rpm, self.engine.torque_nm
            state.manifold_kpa = AIR_KPA
        self._force_n = force
        return force

    def settle(self, state: State, mean_mps: float, dt_s: float) -> None:
        """Account for the step; see ``Powertrain``."""
        del state
        self._work_j += self._force_n * mean_mps * dt_s

    def rest(self, inputs: Inputs, state: State, dt_s: float) -> None:
        """Bring temperatures, climate and range up to date; see ``Powertrain``."""
        self.engine.rest(state, inputs.air_c, dt_s)
        self._climate.rest(inputs, state, on=state.engine_on, dt_s=dt_s)
        electric = max(0.0, self._climate.electric_w - state.compressor_w)
        state.auxiliary_w = self._base_w + electric if inputs.ignition is Ignition.ON else 0.0
        self._range.rest(state)

    @property
    def lost_j(self) -> float:
        """Fuel burnt less the work at the tyres since the start."""
        return self.engine.fuel_j - self._work_j

    def _runs(self, inputs: Inputs, state: State, dt_s: float) -> bool:
        """Start or stop the engine; return whether it runs."""
        engine = self.engine
        wanted = inputs.ignition is Ignition.ON and state.fuel_l > 0.0
        if wanted and engine.engine.stop_start and state.coolant_c > 50.0:  # noqa: PLR2004 - a cold engine is not stopped
            held = state.braking > HOLDING and state.gear is Gear.DRIVE
            wanted = not (held and state.speed_mps == 0.0 and state.t_s > 5.0)  # noqa: PLR2004 - nor right after the start
        if wanted:
            return engine.start(dt_s)
        engine.stop(dt_s)
        return False

    def _open(self, state: State) -> None:
        self._closed = False
        self._off_rps = 0.0
        self.transmission.reset()
        state.current_gear = state.target_gear = 0

    def _run_free(self, state: State, load_nm: float, dt_s: float) -> None:
        """Run in park or neutral."""
        engine = self.engine
        self._open(state)
        pedal = state.throttle
        wish = pedal * engine.most_nm(engine.speed_rps) - (1 - pedal) * engine.friction_nm(engine.speed_rps)
        torque = engine.follow(wish, load_nm, engine.engine.inertia_kgm2, dt_s)
        self._spin((torque - load_nm) / engine.engine.inertia_kgm2, dt_s)

    def _pull(self, state: State, where: float, load_nm: float, grip_n: float, dt_s: float) -> float:
        """Return the force in the gear's direction."""
        along = where * state.speed_mps
        drag = self._gearbox.drag_nm + load_nm
        wish_n = self._wish(state, along, grip_n, where, drag)
        turns = self._gear(state, where, along, wish_n, dt_s)
        self._close_or_open(along * turns, along)
        if self._shifting_s > 0.0:
            self._shifting_s -= dt_s
            return self._between_gears(along * turns, drag, dt_s)
        pulled = (
            self._turn_along(wish_n, along, turns, drag, dt_s)
            if self._closed
            else self._slip(state, wish_n, along * turns, turns, drag, dt_s)
        )
        efficiency = self._gearbox.efficiency
        force = pulled * turns * (efficiency if pulled * along >= 0.0 else 1 / efficiency)
        return min(force, grip_n) if force > 0.0 else max(force, -grip_n)

    def _wish(self, state: State, along: float, grip_n: float, where: float, drag: float) -> float:
        """Return the force asked for: from the engine's drag with the pedal released to the most there is."""
        most = self._most_n
        if along * most > self._most_w:
            most = self._most_w / along
        if where < 0.0 and along > REVERSE_MPS:
            most = 0.0
        lost = self.engine.friction_nm(self.engine.speed_rps) + drag
        # At walking pace, where the engine idles, a pedal hardly touched shall not brake.
        rolling = min(1.0, max(0.0, (along / self._creep_mps - 1) / 1.5))
        released = -lost * self._turns / self._gearbox.efficiency * rolling
        return min(released + state.throttle * (most - released), grip_n)

    def _gear(self, state: State, where: float, along: float, wish_n: float, dt_s: float) -> float:
        """Choose the gear; return radians of the engine per metre."""
        transmission = self.transmission
        self._slew_rps2 = 0.0
        if where < 0.0:
            transmission.reset()
            state.current_gear = state.target_gear = -1
            turns = self._backwards
        else:
            before = transmission.gear
            if self._shifting_s <= 0.0:
                transmission.choose(along, wish_n, dt_s, held=state.braking > HOLDING)
            turns = transmission.turns
            state.target_gear = transmission.gear
            if transmission.gear != before:
                self._shifting_s = self._gearbox.shift_s
                if self._closed:
                    self._off_rps = self.engine.speed_rps - along * turns
            else:
                self._slew_rps2 = along * (turns - self._turns) / dt_s
            if self._shifting_s <= 0.0:
                state.current_gear = transmission.gear
        self._turns = turns
        return turns

    def _close_or_open(self, input_rps: float, along: float) -> None:
        """Close the coupling where both sides turn alike, or the converter is to be bridged; open it before a stall."""
        engine, box = self.engine, self._gearbox
        if self._closed:
            slow = self._converts and along < 0.8 * box.lock_mps
            if slow or input_rps < STALL * engine.idle_rps:
                self._closed = False
            return
        if input_rps < engine.idle_rps * 0.95:
            return
        apart = engine.speed_rps - input_rps
        if (along > box.lock_mps) if self._converts else abs(apart) < 15.0:  # noqa: PLR2004 - rad/s, which a clutch takes
            self._closed = True
            self._off_rps = apart

    def _turn_along(self, wish_n: float, along: float, turns: float, drag: float, dt_s: float) -> float:
        """Return the torque into the gearbox with the coupling closed."""
        engine, box = self.engine, self._gearbox
        efficiency = box.efficiency if wish_n >= 0.0 else 1 / box.efficiency
        inertia = engine.engine.inertia_kgm2
        torque = engine.follow(
            wish_n / (turns * efficiency) + drag, drag, inertia + self._laden_kg / (turns * turns), dt_s
        )
        before = self._off_rps
        self._off_rps *= JERK_S / (JERK_S + dt_s)
        engine.speed_rps = max(0.0, along * turns + self._off_rps)
        self.rotating_kg = inertia * turns * turns
        # What a changing ratio speeds the engine up with is not there for the car, whose inertia has the rest.
        slew = self._slew_rps2 + (self._off_rps - before) / dt_s
        return torque - drag - inertia * max(-MOST_SLEW_RPS2, min(MOST_SLEW_RPS2, slew))

    def _slip(self, state: State, wish_n: float, input_rps: float, turns: float, drag: float, dt_s: float) -> float:
        """Return the torque into the gearbox with the coupling open."""
        engine = self.engine
        creep = max(0.0, 1 - state.braking / HOLDING)
        taken, given = self._coupling.transfer(engine.speed_rps, input_rps, engine.idle_rps, creep)
        gain = given / taken if taken > 0.0 else 1.0
        wish = wish_n / (turns * self._gearbox.efficiency * gain) + drag if wish_n > 0.0 else 0.0
        torque = engine.follow(wish, drag + taken, engine.engine.inertia_kgm2, dt_s)
        self._spin((torque - drag - taken) / engine.engine.inertia_kgm2, dt_s)
        return given

    def _between_gears(self, input_rps: float, drag: float, dt_s: float) -> float:
        """Pass on nothing while a gear is changed, and bring the engine to its new speed."""
        engine = self.engine
        engine.follow(drag, drag, engine.engine.inertia_kgm2, dt_s)
        engine.speed_rps += (max(input_rps, engine.idle_rps) - engine.speed_rps) * dt_s / (JERK_S + dt_s)
        self._off_rps = engine.speed_rps - input_rps
        return 0.0

    def _spin(self, acceleration_rps2: float, dt_s: float) -> None:
        engine = self.engine
        limit = engine.engine.limit_rpm * RADIANS_PER_RPM
        engine.speed_rps = min(limit, max(0.0, engine.speed_rps + acceleration_rps2 * dt_s))
