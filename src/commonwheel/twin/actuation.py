"""How a car obeys: the commands on its buses, its own cruise control, and the hands that may be off the wheel.

Before each step of the physics it says what the car's controllers do beside the driver. A twin without harness has its
own cruise control and nothing else; with it, the messages of the car's own camera and radar are cut off, and what
others command acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from commonwheel.twin.actuators import (
    AccelerationActuator,
    AngleActuator,
    BrakeActuator,
    ButtonActuator,
    ChargeActuator,
    ClimateActuator,
    GasActuator,
    TorqueActuator,
)
from commonwheel.twin.commands import Commands, message_of
from commonwheel.twin.cruise import CruiseControl
from commonwheel.twin.feel import feel_of
from commonwheel.twin.inputs import CruiseSwitch, Wheel
from commonwheel.twin.propulsion import Propulsion
from commonwheel.twin.surroundings import Variation

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Parameters
    from commonwheel.twin.state import State
    from commonwheel.twin.traffic import Traffic
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["Actuation", "blocked_by", "varied"]

TOUCHED = 0.005


def blocked_by(vehicle: Vehicle, parameters: Parameters) -> frozenset[int]:
    """Return the numbers of the messages that a harness cuts off.

    Raises:
        DescriptionError: the car has no such message.
    """
    harness = parameters.harness
    return frozenset() if harness is None else frozenset(message_of(vehicle, name) for name in harness.blocked)


def varied(parameters: Parameters, variation: Variation) -> Parameters:
    """Return parameters of a car that obeys later, or more or less than usual."""
    if variation == Variation():
        return parameters
    late, gain, change = variation.delay_s, variation.gain, msgspec.structs.replace
    changed: dict[str, object] = {}
    if (torque := parameters.steering_torque) is not None:
        changed["steering_torque"] = change(torque, gain_nm=torque.gain_nm * gain, delay_s=torque.delay_s + late)
    if (angle := parameters.steering_angle) is not None:
        changed["steering_angle"] = change(angle, delay_s=angle.delay_s + late)
    if (brake := parameters.braking) is not None:
        changed["braking"] = change(brake, gain_n=brake.gain_n * gain, delay_s=brake.delay_s + late)
    if (gas := parameters.gas) is not None:
        curve = tuple((speed, value * gain) for speed, value in gas.acceleration)
        changed["gas"] = change(gas, acceleration=curve, delay_s=gas.delay_s + late)
    if (one := parameters.acceleration) is not None:
        changed["acceleration"] = change(one, gain=one.gain * gain, delay_s=one.delay_s + late)
    return change(parameters, **changed)


class Actuation:
    """One car's controllers. Not for several threads at once."""

    def __init__(
        self, vehicle: Vehicle, parameters: Parameters, *, harness: bool, variation: Variation | None = None
    ) -> None:
        """Prepare.

        Args:
            vehicle: the car.
            parameters: of its physics.
            harness: whether commands act.
            variation: how they act otherwise than the parameters say.

        Raises:
            DescriptionError: the parameters name a message or field that the car does not have.
        """
        p, fitted = varied(parameters, variation or Variation()), harness
        self._torque = TorqueActuator(p.steering_torque, vehicle) if fitted and p.steering_torque else None
        self._angle = AngleActuator(p.steering_angle, vehicle) if fitted and p.steering_angle else None
        self._brake = BrakeActuator(p.braking, vehicle) if fitted and p.braking else None
        self._gas = GasActuator(p.gas, vehicle) if fitted and p.gas else None
        self._acceleration = AccelerationActuator(p.acceleration, vehicle) if fitted and p.acceleration else None
        self._buttons = ButtonActuator(p.buttons, vehicle) if fitted and p.buttons else None
        self._climate = ClimateActuator(p.remote_climate, vehicle) if fitted and p.remote_climate else None
        self._charge = ChargeActuator(p.charge_command, vehicle) if fitted and p.charge_command else None
        self._cruise = CruiseControl(p.cruise) if p.cruise else None
        self._regulates = p.cruise is not None and (p.cruise.regulates or not fitted)
        self._cancel = p.cruise.cancel if p.cruise and fitted else dict[str, int]()
        self._propulsion = Propulsion(feel_of(p))
        self._brake_n = p.brakes.force_n
        parts = (
            self._torque, self._angle, self._brake, self._gas, self._acceleration, self._buttons, self._climate,
            self._charge,
        )  # fmt: skip
        self._hearers = [part for part in parts if part is not None]
        fields = [name for part in self._hearers for name in part.hearing.fields]
        self._commands = Commands(vehicle, [*fields, *self._cancel])
        self._cancelled = False
        self._moves = bool(self._hearers) or self._regulates

    def receive(self, frames: Frames) -> None:
        """Take in what others send: the car's bus numbers, times since the beginning."""
        for command in self._commands.take(frames):
            for part in self._hearers:
                part.hear(command)
            if self._cancel and any(command.raw.get(name) == raw for name, raw in self._cancel.items()):
                self._cancelled = True

    def act(self, t_ns: int, state: State, inputs: Inputs, traffic: Traffic | None, dt_s: float) -> None:
        """Say what the controllers do in the next step.

        Args:
            t_ns: now, since the beginning.
            state: how the car is; what its controllers show is written into it.
            inputs: the driver's; what controllers do is written into it.
            traffic: what is ahead.
            dt_s: length of the step.
        """
        if self._rests(state, inputs, traffic):
            return
        wanted = self._cruising(t_ns, state, inputs, traffic, dt_s)
        if self._moves:
            self._drive(t_ns, wanted, state, inputs, dt_s)
        self._steer(t_ns, state, inputs, dt_s)
        if self._climate is not None:
            inputs.preconditions = self._climate.step(t_ns, state)
        if self._charge is not None:
            inputs.charge_ceiling = self._charge.step(t_ns)
            inputs.charge_in_amperes = self._charge.charge.in_amperes

    def _rests(self, state: State, inputs: Inputs, traffic: Traffic | None) -> bool:
        """Whether there is nothing to do: nobody commands, cruise control is let be, and the hands are on the wheel."""
        return (
            not self._hearers
            and not state.cruise_active
            and inputs.cruise is state.cruise_switch is CruiseSwitch.NONE
            and inputs.wheel is Wheel.HELD
            and inputs.hands
            and traffic is None
        )

    def _cruising(
        self, t_ns: int, state: State, inputs: Inputs, traffic: Traffic | None, dt_s: float
    ) -> float | None:  # fmt: skip
        switch = inputs.cruise
        if switch is CruiseSwitch.NONE and self._buttons is not None:
            switch = self._buttons.step(t_ns)
        state.cruise_switch = inputs.cruise
        if self._cruise is None:
            return None
        if self._cancelled:
            self._cancelled = False
            self._cruise.end(state)
        return self._cruise.step(switch, state, inputs, traffic, dt_s)

    def _drive(self, t_ns: int, wanted: float | None, state: State, inputs: Inputs, dt_s: float) -> None:
        """Set what is asked of the drive and of the brakes; the driver's foot is let be."""
        if self._regulates:
            throttle, braking = self._by_cruise(wanted, state, inputs, dt_s)
        elif self._acceleration is not None:
            throttle, braking = self._by_acceleration(self._acceleration, t_ns, state, dt_s)
        else:
            throttle = braking = 0.0
        if self._gas is not None:
            given = self._gas.step(t_ns, state, dt_s)
            if given:
                throttle = max(throttle, self._propulsion.gas(given, state))
        if self._brake is not None:
            force = self._brake.step(t_ns, dt_s)
            if force:
                braking = max(braking, min(1.0, force / self._brake_n))
        inputs.throttle = 0.0 if inputs.brake > TOUCHED or braking > 0.0 else throttle
        inputs.braking = braking

    def _by_cruise(self, wanted: float | None, state: State, inputs: Inputs, dt_s: float) -> tuple[float, float]:
        if wanted is None:
            self._propulsion.release()
            return 0.0, 0.0
        throttle, braking = self._propulsion.pedals(wanted, state, dt_s)
        return throttle, 0.0 if inputs.accelerator > TOUCHED else braking

    def _by_acceleration(
        self, actuator: AccelerationActuator, t_ns: int, state: State, dt_s: float
    ) -> tuple[float, float]:
        asked = actuator.step(t_ns, state, dt_s)
        if asked is None:
            self._propulsion.release()
            return 0.0, 0.0
        held = asked.brakes or (asked.holds and state.speed_mps <= 0.0)
        return self._propulsion.pedals(asked.mps2, state, dt_s, drives=asked.drives, brakes=held)

    def _steer(self, t_ns: int, state: State, inputs: Inputs, dt_s: float) -> None:
        """Say who turns the wheel: the hands, if they are on it; else the power steering, or nobody."""
        keeps = False
        inputs.assist_nm = 0.0
        led: float | None = None
        if self._torque is not None:
            keeps = self._torque.step(t_ns, state, dt_s)
            inputs.assist_nm = self._torque.torque_nm
        if self._angle is not None:
            led = self._angle.step(t_ns, inputs.torque_nm, state, dt_s)
            keeps = keeps or led is not None
        state.lane_keeping = keeps
        if inputs.hands:
            inputs.wheel = Wheel.HELD
        elif led is not None:
            inputs.wheel, inputs.led_deg = Wheel.LED, led
        else:
            inputs.wheel = Wheel.FREE
