"""The manners in which cars act: what a standard target becomes, in closed loop on the car's own measured signals.

Each is a set of parameters, as data; ``controllers`` makes the controller of it. A manner names the commands that it
gives; each is an envelope of the guard, and a carrier puts it into a field. '' is a command that the car does not have.
Commands are in the unit of their field, times in seconds, speeds of tables in m/s. A table is points of a piecewise
linear function, the first number of each rising, held beyond both ends.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MANNERS", "Acceleration", "Buttons", "Direct", "Manner", "Pedals", "Pulse", "Table", "Torque"]

Table = tuple[tuple[float, float], ...]
"""Points (x, y), x rising."""


@dataclass(frozen=True, slots=True)
class Direct:
    """The car takes the target itself: ``command = scale * (target + trim) + offset``.

    For steering the target is the steering wheel's angle; a curvature is turned into one by the car's geometry.
    """

    command: str
    """Command: what the field takes."""
    scale: float
    """Command per unit of the target."""
    offset: float
    """Command at a target of 0."""
    measured: str
    """Standard path that shows what the target asks for, in the same unit; '' for none: then there is no trim."""
    trim_per_s: float
    """Integral gain, 1/s, on what was allowed less what is measured; 0 for none."""
    trim_limit: float
    """The most that the integral adds or takes, in the target's unit."""
    lag_s: float
    """Time constant of the car's answer, after the delay; what it owes by that is no error."""


@dataclass(frozen=True, slots=True)
class Torque:
    """A steering-wheel angle is held by torque: feed-forward by speed, proportional, integral and damping parts."""

    command: str
    """Command: the torque."""
    scale: float
    """Command per unit of torque: 1, or -1 where the field is positive to the right."""
    angle: str
    """Standard path of the steering wheel's angle, degrees, left positive."""
    rate: str
    """Standard path of its rate, degrees/s; '' where it is derived from the angle."""
    aligning: Table
    """Speed to the torque that holds one degree: what tyres and caster bring back."""
    saturation_deg: float
    """Angle past which that torque grows no more: tyres saturate."""
    friction: float
    """Torque that moves the wheel at all, put in the direction of the wanted change."""
    friction_deg: float
    """Error of the angle at which all of it is put in; in proportion below."""
    proportional: Table
    """Speed to torque per degree of error."""
    integral: Table
    """Speed to torque per degree of error and second."""
    integral_limit: float
    """The most torque that the integral adds or takes."""
    damping: Table
    """Speed to torque per degree/s that the wheel turns faster than the target."""
    deadband_deg: float
    """Errors up to the resolution of the measured angle, that the integral passes over."""
    resolution: float
    """Step of the torque that the car tells apart; commands are multiples of it."""
    lag_s: float
    """Time constant of the closed loop that is aimed at: the target is led through it."""


@dataclass(frozen=True, slots=True)
class Acceleration:
    """The car takes an acceleration, and a gas command from a table beside it where it wants one."""

    accel: str
    """Command: acceleration, m/s^2."""
    gas: str
    """Command: what the drive is to give; '' for none."""
    brake_request: str
    """Command: 1 while the brakes are asked for, else 0; '' for none."""
    hold: str
    """Command: 1 while the car is to be held at standstill; '' for none."""
    release: str
    """Command: 1 while it may move, the opposite of ``hold`` while acting; '' for none."""
    gas_table: Table
    """Acceleration in m/s^2 to gas."""
    gas_off: float
    """The gas command while the brakes are asked for."""
    brake_below: float
    """Acceleration in m/s^2 under which the brakes are asked for; where the car rolls freely at speed."""
    brake_hysteresis: float
    """They are let go so much above that."""
    proportional: float
    """m/s^2 per m/s^2 of error."""
    integral_per_s: float
    """m/s^2 per m/s^2 of error and second."""
    trim_limit: float
    """The most that both add or take, m/s^2: slope, load, wind."""
    lag_s: float
    """Time constant of the car's answer, after the delay; what it owes by that is no error."""
    standstill_kmh: float
    """It stands under this speed."""
    hold_accel: float
    """Commanded while it is held, m/s^2."""
    start_accel: float
    """It is let go when so much is asked for, m/s^2."""
    speed_gain: float
    """A target speed: m/s^2 per m/s that is missing (1/s)."""
    speed_up: float
    """The most that a target speed asks for, m/s^2."""
    speed_down: float
    """The least that a target speed asks for, m/s^2, negative."""


@dataclass(frozen=True, slots=True)
class Pedals:
    """The car takes brake and gas apart; both come from tables over acceleration and speed, and feedback on both."""

    gas: str
    """Command: what the drive is to give."""
    brake: str
    """Command: what the brakes are to give."""
    speed: str
    """Command: the speed that the drive is to reach at most, km/h; '' for none."""
    brake_request: str
    """Command: 1 while the brakes are asked for, else 0; '' for none."""
    pump: str
    """Command: 1 while the brake's pump is to run; '' for none."""
    coast: Table
    """Speed to the acceleration with neither, m/s^2: creep at the bottom, drag of engine and wind above."""
    gas_per_mps2: Table
    """Speed to gas per m/s^2 above that."""
    brake_per_mps2: Table
    """Speed to brake per m/s^2 under that."""
    hysteresis: float
    """From one to the other takes this much past the coasting acceleration, m/s^2."""
    gas_resolution: float
    """Step of the gas command; it is a multiple of it."""
    brake_resolution: float
    """Step of the brake command."""
    brake_gap: float
    """The brake command stays while it would change by less: no ticking of valves."""
    pump_s: float
    """The pump runs for so long after the brake command has risen."""
    pump_every_s: float
    """And again after so long at an even one."""
    speed_lead: Table
    """Acceleration above coasting, m/s^2, to km/h that the speed command is ahead of the measured speed."""
    proportional: float
    """m/s^2 per m/s^2 of error."""
    integral_per_s: float
    """m/s^2 per m/s^2 of error and second."""
    trim_limit: float
    """The most that both add or take, m/s^2: slope, load, wind."""
    lag_s: float
    """Time constant of the car's answer, after the delay; what it owes by that is no error."""
    standstill_kmh: float
    """It stands under this speed."""
    hold_brake: float
    """Brake command while it is held at standstill."""
    start_accel: float
    """It is let go when so much is asked for, m/s^2."""
    speed_gain: float
    """A target speed: m/s^2 per m/s that is missing (1/s)."""
    speed_up: float
    """The most that a target speed asks for, m/s^2."""
    speed_down: float
    """The least that a target speed asks for, m/s^2, negative."""


@dataclass(frozen=True, slots=True)
class Buttons:
    """The car's own cruise control keeps the speed; taps of its buttons move what it is set to."""

    increase: str
    """Command: 1 while the button that raises the set speed is pressed."""
    decrease: str
    """Command: 1 while the one that lowers it is."""
    none: str
    """Command: 1 while no button is pressed; '' for none."""
    set_speed: str
    """Standard path of the speed that it is set to, km/h."""
    step_kmh: float
    """What one tap changes."""
    low_kmh: float
    """It cannot be set to less."""
    high_kmh: float
    """It cannot be set to more."""
    tap_s: float
    """A tap is so long."""
    gap_s: float
    """And is followed by so long a pause."""
    answer_s: float
    """So long after a tap the set speed shows it; until then the tap counts as done."""
    deadband_kmh: float
    """What is set stays while it is off by no more: above half a step."""
    acceleration_gain: float
    """How its cruise control answers: m/s^2 per m/s that is missing; a target acceleration is turned into a speed by
    that (1/s)."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """A value that is sent a number of times, or as long as it is asked for: switches, locks, climate, charging."""

    command: str
    """Command: the code, or the value."""
    values: Table
    """Target to command, for enumerations and switches; () for ``scale`` and ``offset``."""
    scale: float
    """Command per unit of the target."""
    offset: float
    """Command at a target of 0."""
    times: int
    """So many pulses for each change of the target; 0: held as long as it is asked for."""
    on_s: float
    """A pulse is so long."""
    off_s: float
    """And is followed by so long at the neutral value."""
    measured: str
    """Standard path that shows what the target asks for; where it shows it, no pulse is sent. '' for none."""


Manner = Direct | Torque | Acceleration | Pedals | Buttons | Pulse

MANNERS: dict[str, type[Manner]] = {
    "direct": Direct,
    "torque": Torque,
    "acceleration": Acceleration,
    "pedals": Pedals,
    "buttons": Buttons,
    "pulse": Pulse,
}
"""By the names that descriptions use."""
