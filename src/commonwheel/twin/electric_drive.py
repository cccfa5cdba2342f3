"""A battery-electric powertrain: one or two motors, the battery, the charger, and what else draws power."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.twin.battery import Pack
from commonwheel.twin.charging import Charging
from commonwheel.twin.climate import Climate
from commonwheel.twin.electric import Drive, direction
from commonwheel.twin.inputs import Ignition
from commonwheel.twin.range_estimate import BatteryRange

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Battery, Motor, Parameters
    from commonwheel.twin.start import Start
    from commonwheel.twin.state import State

__all__ = ["ElectricPowertrain"]

_EMPTY = 0.002
"""State of charge at which even the low-voltage system is no longer supplied."""


class ElectricPowertrain:
    """Drives a battery-electric car."""

    def __init__(self, parameters: Parameters, motor: Motor, battery: Battery, start: Start, state: State) -> None:
        chassis, auxiliaries = parameters.chassis, parameters.auxiliaries
        self.pack = Pack(battery, start, state)
        self.front = Drive(motor, chassis.tyre_circumference_m, start.soak_c)
        self.rear: Drive | None = None
        if parameters.rear_motor is not None:
            self.rear = Drive(parameters.rear_motor, chassis.tyre_circumference_m, start.soak_c)
        self.charging = None if parameters.charger is None else Charging(parameters.charger)
        self.climate = Climate(auxiliaries)
        self.range = BatteryRange(parameters)
        self._base_w = auxiliaries.base_w
        self._charge_w = 0.0
        self._preconditions = False
        powers = motor.power_w + (0.0 if parameters.rear_motor is None else parameters.rear_motor.power_w)
        self._front_part = motor.power_w / powers
        self.braked_n = 0.0
        self.rotating_kg = 0.0
        self._front_n = self._rear_n = 0.0
        self.added_w = 0.0
        """Electric power that comes from a generator."""
        self.auxiliary_j = 0.0
        """Drawn by everything but the motors since the start."""
        self.battery_j = 0.0
        """Out of the battery's terminals since the start, less what was put in."""

    def drive(self, inputs: Inputs, state: State, brake_n: float, grip_n: float, dt_s: float) -> float:
        """Return the force at the tyres; see ``Powertrain``."""
        supplied = state.charge > _EMPTY or state.engine_on
        ready = supplied and inputs.ignition == Ignition.ON and not inputs.plugged
        state.ready = ready
        self._preconditions = inputs.preconditions and supplied and not ready
        self._charge_w = 0.0
        if self.charging is not None and (inputs.plugged or state.charging):
            self._charge_w = self.charging.step(inputs, state, self.pack, self.climate.electric_w)
        where = direction(state.gear) if ready else 0.0
        gives = state.discharge_limit_w - state.auxiliary_w + self.added_w
        takes = state.charge_limit_w + state.auxiliary_w - self.added_w
        front, rear = self.front, self.rear
        if where == 0.0:
            force = self._front_n = front.release(state, dt_s)
        else:
            part = self._front_part
            force = self._front_n = front.ask(
                state, where, gives * part, takes * part, brake_n * part, grip_n * part, dt_s
            )
        self.braked_n = front.braked_n
        if rear is not None:
            if where == 0.0:
                self._rear_n = rear.release(state, dt_s)
            else:
                part = 1.0 - self._front_part
                self._rear_n = rear.ask(state, where, gives * part, takes * part, brake_n * part, grip_n * part, dt_s)
            force += self._rear_n
            self.braked_n += rear.braked_n
        return force

    def relieve(self, force_n: float) -> None:
        """Let the motors give so much less than the pedals ask for, or generate; something else gives it."""
        front, rear = self.front, self.rear
        front.relieved_nm = force_n * self._front_part / front.turns
        if rear is not None:
            rear.relieved_nm = force_n * (1.0 - self._front_part) / rear.turns

    def settle(self, state: State, mean_mps: float, dt_s: float) -> None:
        """Take what the step needed out of the battery, or put in what came back; see ``Powertrain``."""
        front, rear, ready = self.front, self.rear, state.ready
        power = front.settle(self._front_n, mean_mps, dt_s, energised=ready)
        if rear is not None:
            power += rear.settle(self._rear_n, mean_mps, dt_s, energised=ready)
            state.rear_motor_nm = rear.torque_nm
            state.rear_motor_rpm = rear.speed_rpm(state.speed_mps)
        state.motor_nm = front.torque_nm
        state.motor_target_nm = front.target_nm
        state.motor_rpm = front.speed_rpm(state.speed_mps)
        state.motor_w = front.torque_nm * front.turns * mean_mps
        auxiliary = 0.0
        if state.charging:  # the wall supplies them then
            power -= self._charge_w
        elif ready or self._preconditions:
            auxiliary = self._base_w + self.climate.electric_w
            power += auxiliary - self.added_w
            self.auxiliary_j += auxiliary * dt_s
        state.auxiliary_w = auxiliary
        if power:
            self.battery_j -= self.pack.draw(state, -power, dt_s) * dt_s
        elif state.pack_a or not self.pack.at_rest:
            self.pack.draw(state, 0.0, dt_s)
        if self.charging is not None and state.wall_w:
            self.charging.wall_j += state.wall_w * dt_s

    def rest(self, inputs: Inputs, state: State, dt_s: float) -> None:
        """Bring temperatures, limits, charger and range up to date; see ``Powertrain``."""
        air = inputs.air_c
        on = state.ready or state.charging
        self.climate.rest(inputs, state, on=on or self._preconditions, dt_s=dt_s)
        self.pack.rest(state, air, dt_s)
        self.front.rest(air, state.pack_v, dt_s)
        if self.rear is not None:
            self.rear.rest(air, state.pack_v, dt_s)
        state.motor_c, state.inverter_c = self.front.motor_c, self.front.inverter_c
        if self.charging is not None:
            self.charging.rest(inputs, state, self.pack)
        self.range.rest(state)

    @property
    def lost_j(self) -> float:
        """Lost in motors and gears, and drawn by the rest of the car, since the start."""
        rear = 0.0 if self.rear is None else self.rear.loss_j + self.rear.gear_j
        return self.front.loss_j + self.front.gear_j + rear + self.auxiliary_j
