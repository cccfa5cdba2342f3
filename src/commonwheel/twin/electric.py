"""An electric motor with its inverter and gear: what it is asked for, what it gives, and what it loses.

The accelerator asks for a share of what is there at this speed, from the lift-off torque (pedal up) to the most; below
the creeping speed an unpressed pedal lets the car creep. The brake pedal asks for regeneration first, as far as motor
and battery take it; both kinds of regeneration fade out before standstill, so that friction holds the car.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.twin.inputs import Gear

if TYPE_CHECKING:
    from commonwheel.twin.parameters import Motor
    from commonwheel.twin.state import State

__all__ = ["Drive", "direction"]

_RPM_PER_RPS = 60.0 / math.tau
_FADE = 0.03
"""Share of the highest speed over which the torque fades."""
_COOLER_K = 30.0
_BRAKED = 5.0
"""A pedal pressed by the inverse of this ends creeping."""


class Drive:
    """One motor and the wheels it turns."""

    def __init__(self, motor: Motor, circumference_m: float, soak_c: float) -> None:
        self.motor = motor
        self.turns = motor.ratio * math.tau / circumference_m
        """Radians of the motor per metre of the car."""
        self._top_mps = motor.speed_rpm / _RPM_PER_RPS / self.turns
        self._fade_mps = self._top_mps * _FADE
        self._lift_off_n = motor.lift_off_nm * self.turns / motor.gear_efficiency
        self.relieved_nm = 0.0
        """Torque that something else gives in this motor's stead; it gives so much less, or generates."""
        self.torque_nm = 0.0
        self.target_nm = 0.0
        self.braked_n = 0.0
        """Of the brake pedal's force, what the motor took in the last step."""
        self.loss_w = 0.0
        """In the step before."""
        self.motor_c = soak_c
        self.inverter_c = soak_c
        self._hot = 1.0
        self._power_w = motor.power_w
        """At the battery's voltage."""
        self._heat_j = 0.0
        self.loss_j = 0.0
        """Lost in motor and inverter since the start."""
        self.gear_j = 0.0
        """Lost in the gear since the start."""

    def bounds(self, along_mps: float, gives_w: float, takes_w: float) -> tuple[float, float]:
        """Return the (braking, driving) torque there is, both positive, at a speed in the selected direction.

        Args:
            along_mps: speed; negative while the car rolls against the selected direction.
            gives_w: what the battery can give to this motor.
            takes_w: what it takes from it.
        """
        motor = self.motor
        turning = abs(along_mps) * self.turns
        hot = self._hot
        drives, brakes = motor.torque_nm * hot, motor.regen_torque_nm * hot
        shaft_w = min(self._power_w, max(0.0, gives_w - self.loss_w))
        if drives * turning > shaft_w:
            drives = shaft_w / turning
        shaft_w = min(motor.regen_power_w, max(0.0, takes_w + self.loss_w))
        if brakes * turning > shaft_w:
            brakes = shaft_w / turning
        left = self._top_mps - along_mps
        if left < self._fade_mps:
            drives *= max(0.0, left / self._fade_mps)
        return brakes, drives

    def wish(
        self, accelerator: float, brake: float, brake_n: float, along_mps: float, bounds: tuple[float, float]
    ) -> float:
        """Return the torque that the pedals ask for, in the selected direction.

        Args:
            accelerator: the pedal, 0..1.
            brake: the pedal, 0..1.
            brake_n: force that the brake pedal asks for at the wheels.
            along_mps: speed in the selected direction.
            bounds: of ``bounds``.
        """
        motor = self.motor
        brakes, drives = bounds
        if along_mps < motor.fade_to_mps:
            released = 0.0
            fade = 0.0
            if along_mps < motor.creep_to_mps:
                creep = motor.creep_nm * min(1.0, 1.0 - along_mps / motor.creep_to_mps)
                released = min(drives, creep * max(0.0, 1.0 - brake * _BRAKED))
        else:
            fade = min(1.0, (along_mps - motor.fade_to_mps) / (motor.fade_from_mps - motor.fade_to_mps))
            released = -min(brakes, motor.lift_off_nm * fade)
        wish = released + accelerator * (drives - released)
        if brake_n > 0.0 and fade > 0.0:
            asked = brake_n * motor.blended * motor.gear_efficiency / self.turns
            wish -= min(asked * fade, max(0.0, brakes + wish))
        return wish

    def ask(
        self, state: State, where: float, gives_w: float, takes_w: float, brake_n: float, grip_n: float, dt_s: float
    ) -> float:
        """Ask for what the pedals in *state* want and let the torque follow; return the force at the tyres.

        Args:
            state: before the step.
            where: the selected direction: 1 forward, -1 backwards.
            gives_w: as of ``bounds``.
            takes_w: as of ``bounds``.
            brake_n: force that the brake pedal asks for; ``braked_n`` says what the motor takes of it.
            grip_n: the most that the driven tyres carry.
            dt_s: length of the step.
        """
        along = where * state.speed_mps
        brakes, drives = self.bounds(along, gives_w, takes_w)
        if where < 0.0 and along > self.motor.reverse_mps:
            drives = 0.0
        wish = self.wish(state.throttle, state.braking, brake_n, along, (brakes, drives))
        if self.relieved_nm:
            wish = max(wish - self.relieved_nm, -brakes)
        most = grip_n / self.turns
        if wish > most:
            wish = most
        elif wish < -most:
            wish = -most
        self.follow(where * wish, dt_s)
        force = self.force_n(state.speed_mps)
        self.braked_n = 0.0
        if brake_n > 0.0:  # what the torque brakes beyond lifting off is the brake pedal's
            beyond = -where * force - self._lift_off_n
            if beyond > 0.0:
                self.braked_n = min(beyond, brake_n)
        return force

    def release(self, state: State, dt_s: float) -> float:
        """Let the torque go; return what is left of the force."""
        self.braked_n = 0.0
        if not self.torque_nm:
            self.target_nm = 0.0
            return 0.0
        self.follow(0.0, dt_s)
        return self.force_n(state.speed_mps)

    def follow(self, target_nm: float, dt_s: float) -> float:
        """Let the torque follow a target, at its rate; return it."""
        self.target_nm = target_nm
        most = self.motor.rate_nm_per_s * dt_s
        step = target_nm - self.torque_nm
        self.torque_nm += min(most, max(-most, step))
        return self.torque_nm

    def force_n(self, speed_mps: float) -> float:
        """Return the force at the tyres; the gear takes its share, whichever way the power goes."""
        torque = self.torque_nm
        efficiency = self.motor.gear_efficiency
        return torque * self.turns * (efficiency if torque * speed_mps >= 0.0 else 1.0 / efficiency)

    def settle(self, force_n: float, mean_mps: float, dt_s: float, *, energised: bool) -> float:
        """Account for a step at its mean speed; return the electric power drawn."""
        motor, torque = self.motor, self.torque_nm
        turning = abs(mean_mps) * self.turns
        shaft_w = torque * mean_mps * self.turns
        if energised:
            loss = motor.standby_w + turning * (motor.iron + motor.eddy * turning)
            if torque:
                loss += motor.copper * torque * torque + motor.conversion * abs(shaft_w)
        else:
            loss = 0.0
        self.loss_w = loss
        self._heat_j += loss * dt_s
        self.loss_j += loss * dt_s
        self.gear_j += (shaft_w - force_n * mean_mps) * dt_s
        return shaft_w + loss

    def rest(self, air_c: float, pack_v: float, dt_s: float) -> None:
        """Warm motor and inverter by what they lost in *dt_s* of steps, cool them, and follow the voltage."""
        motor, heat = self.motor, self._heat_j
        self._heat_j = 0.0
        share = motor.inverter_share
        flow = motor.cooling_w_per_k * (air_c - self.motor_c) * dt_s
        self.motor_c += ((1.0 - share) * heat + flow) / motor.heat_j_per_k
        flow = motor.inverter_cooling_w_per_k * (air_c - self.inverter_c) * dt_s
        self.inverter_c += (share * heat + flow) / motor.inverter_heat_j_per_k
        self._hot = min(1.0, max(0.0, 1.0 - (self.motor_c - motor.hot_c) / _COOLER_K))
        self._power_w = motor.power_w * min(1.0, pack_v / motor.nominal_v)

    def speed_rpm(self, speed_mps: float) -> float:
        """Return the motor's speed at a speed of the car."""
        return speed_mps * self.turns * _RPM_PER_RPS


def direction(gear: Gear) -> float:
    """Return where a gear drives: 1 forward, -1 backwards, 0 nowhere."""
    return 1.0 if gear is Gear.DRIVE else (-1.0 if gear is Gear.REVERSE else 0.0)
