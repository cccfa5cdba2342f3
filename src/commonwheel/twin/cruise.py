"""A car's own cruise control: what its switches do, when it ends, and the acceleration that it wants.

It keeps a speed, or a time gap to a vehicle ahead, whichever is slower; stands behind one that stands, and moves off
again with it if that is soon. The driver's brake ends it, the driver's accelerator is let be.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.twin.inputs import CruiseSwitch, Gear, Ignition
from commonwheel.twin.tables import interpolate

if TYPE_CHECKING:
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters_actuation import Cruise
    from commonwheel.twin.state import State
    from commonwheel.twin.traffic import Traffic

__all__ = ["CruiseControl"]

KMH = 3.6
TOUCHED = 0.005
STANDING_MPS = 0.05
DOOR = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"
BELT = "Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted"
GAP_GAIN, SPEED_GAIN = 0.12, 0.7
"""Acceleration per metre that the gap is off (1/s^2), and per m/s that the vehicle ahead is faster (1/s)."""
HOLDING_MPS2 = -0.5
CREEPING_MPS, SLOW_MPS, NEAR_M, STOPPING_MPS2 = 0.3, 1.2, 2.5, -0.4
"""Behind a vehicle that stands, a car that is slow and near is brought to a stop, and does not creep on for long."""
LEFT_M, URGENT_MPS2 = 2.5, -1.2
"""What is left of the gap when it is closed as late as can be; from this on that is what counts."""
BRAKING = ((5.0, 5.0), (20.0, 2.5))
"""How fast braking comes, in m/s^3 by speed: the negative jerk that ISO 15622:2018 allows."""


class CruiseControl:
    """See the module."""

    def __init__(self, cruise: Cruise) -> None:
        self.cruise = cruise
        self._pressed = CruiseSwitch.NONE
        self._pressed_s = 0.0
        self._wanted = self._given = 0.0
        self._standing_s = 0.0
        self._long = 0

    def step(
        self, switch: CruiseSwitch, state: State, inputs: Inputs, traffic: Traffic | None, dt_s: float
    ) -> float | None:  # fmt: skip
        """Go on by one step; return the acceleration that it wants in m/s^2, None while it drives nothing.

        Args:
            switch: which one is pressed, whoever presses it.
            state: of the car; what cruise control shows is written into it.
            inputs: the driver's.
            traffic: what is ahead; None: nothing is known to be.
            dt_s: length of the step.
        """
        state.lead_detected = traffic is not None and traffic.in_sight and inputs.ignition is Ignition.ON
        if switch is not CruiseSwitch.NONE or self._pressed is not CruiseSwitch.NONE:
            self._press(switch, state, inputs, dt_s)
        if not state.cruise_active:
            return None
        if not self._may(state, inputs):
            self.end(state)
            return None
        return self._drive(state, inputs, traffic if state.lead_detected else None, dt_s)

    def end(self, state: State) -> None:
        """End holding a speed; what it was set to is kept."""
        state.cruise_active = False
        self._wanted = self._given = self._standing_s = 0.0

    # ---- switches ----------------------------------------------------------------------------------------------------

    def _press(self, switch: CruiseSwitch, state: State, inputs: Inputs, dt_s: float) -> None:
        cruise = self.cruise
        if switch is self._pressed:
            self._pressed_s += dt_s
            if self._pressed_s >= cruise.long_s * (self._long + 1) - 1e-9:
                self._long += 1
                self._change(switch, cruise.long_step_mps, state)
            return
        self._pressed, self._pressed_s, self._long = switch, 0.0, 0
        if switch is CruiseSwitch.MAIN:
            state.cruise_enabled = not state.cruise_enabled
            if not state.cruise_enabled:
                self.end(state)
                state.cruise_set_kmh = 0.0
        elif switch is CruiseSwitch.CANCEL:
            self.end(state)
        elif state.cruise_active:
            self._change(switch, cruise.step_mps, state)
            if switch is CruiseSwitch.RESUME:
                self._standing_s = 0.0
        elif state.cruise_enabled and self._may(state, inputs) and self._fast_enough(state):
            self._begin(switch, state)

    def _begin(self, switch: CruiseSwitch, state: State) -> None:
        if switch is CruiseSwitch.SET:
            state.cruise_set_kmh = self._within(float(round(state.speed_mps * KMH)))
        elif switch is not CruiseSwitch.RESUME or state.cruise_set_kmh == 0.0:
            return
        state.cruise_active = True
        self._wanted = self._given = max(self.cruise.least, min(self.cruise.most, state.acceleration_mps2))

    def _change(self, switch: CruiseSwitch, step_mps: float, state: State) -> None:
        """Change what it is set to, to the next whole number of steps."""
        if not state.cruise_active or switch not in {CruiseSwitch.SET, CruiseSwitch.RESUME}:
            return
        step = step_mps * KMH
        at = state.cruise_set_kmh / step
        whole = math.floor(at + 1e-6) + 1 if switch is CruiseSwitch.RESUME else math.ceil(at - 1e-6) - 1
        state.cruise_set_kmh = self._within(whole * step)

    def _within(self, kmh: float) -> float:
        return round(min(self.cruise.highest_mps * KMH, max(self.cruise.lowest_mps * KMH, kmh)), 6)

    def _fast_enough(self, state: State) -> bool:
        return state.speed_mps >= self.cruise.from_mps - 1e-6 or state.lead_detected

    def _may(self, state: State, inputs: Inputs) -> bool:
        """Whether it may hold a speed."""
        stated = inputs.stated
        return (
            state.gear is Gear.DRIVE
            and state.ready
            and inputs.brake <= TOUCHED
            and not inputs.parking_brake
            and (not stated or (not stated.get(DOOR, 0.0) and stated.get(BELT, 1.0) != 0.0))
            and (state.speed_mps >= self.cruise.ends_mps or state.lead_detected)
        )

    # ---- driving -----------------------------------------------------------------------------------------------------

    def _drive(self, state: State, inputs: Inputs, lead: Traffic | None, dt_s: float) -> float:
        cruise, speed = self.cruise, state.speed_mps
        wish = cruise.firmness * (state.cruise_set_kmh / KMH - speed)
        if lead is not None:
            apart = lead.gap_m - cruise.gap_m - cruise.time_gap_s * speed
            wish = min(wish, GAP_GAIN * apart + SPEED_GAIN * (lead.lead_mps - speed), _needed(lead, speed))
        wish = max(cruise.least, min(cruise.most, wish))
        if speed <= STANDING_MPS:
            if self._holds(inputs, lead, dt_s):
                self._wanted = self._given = HOLDING_MPS2
                return HOLDING_MPS2
        else:
            self._standing_s = 0.0
            near = lead is not None and lead.lead_mps < CREEPING_MPS and lead.gap_m < cruise.gap_m + NEAR_M
            if near and speed < SLOW_MPS:
                wish = min(wish, STOPPING_MPS2)
        rise = cruise.jerk * dt_s
        fall = interpolate(BRAKING, speed) * dt_s if wish < 0.0 else rise
        self._wanted += max(-fall, min(rise, wish - self._wanted))
        self._given += (self._wanted - self._given) * dt_s / (cruise.lag_s + dt_s)
        return self._given

    def _holds(self, inputs: Inputs, lead: Traffic | None, dt_s: float) -> bool:
        """Whether a standing car is held: nobody moves off ahead, or it has stood for too long to do so by itself."""
        self._standing_s = 0.0 if inputs.accelerator > TOUCHED else self._standing_s + dt_s
        stands = lead is not None and lead.lead_mps < CREEPING_MPS
        return stands or self._standing_s > self.cruise.waits_s


def _needed(lead: Traffic, speed_mps: float) -> float:
    """Return the constant deceleration with which the car just does not come too near; 0 where that is not urgent.

    A vehicle that brakes is taken to go on braking: to v^2 / 2a until both stand.
    """
    closing = speed_mps - lead.lead_mps
    if closing <= 0.0:
        return math.inf
    room = max(0.5, lead.gap_m - LEFT_M)
    if lead.lead_mps2 < -1.0:  # m/s^2, from which on it is no mere lifting off
        room += lead.lead_mps**2 / (-2.0 * lead.lead_mps2)
        needed = -(speed_mps**2) / (2.0 * room)
    else:
        needed = -(closing**2) / (2.0 * room)
    return needed if needed < URGENT_MPS2 else math.inf
