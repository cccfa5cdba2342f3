"""How a car obeys: what its controllers make of the commands on its buses, and its own cruise control.

Sections of ``twin.yaml``: those under ``actuation`` say which fields of which messages command what, and how the car
answers; those under ``stock`` what it does by itself. They are the twin's own knowledge of the car, apart from what
``control.yaml`` believes of it: an error there is to show on the twin. Fields are named 'bus/Message.Field'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from commonwheel.twin.schema import unit

__all__ = [
    "Acceleration",
    "Braking",
    "Buttons",
    "ChargeCommand",
    "Cruise",
    "Gas",
    "Harness",
    "Needs",
    "RemoteClimate",
    "SteeringAngle",
    "SteeringTorque",
]

Needs: TypeAlias = Mapping[str, int]
"""Fields and the raw values that they have to have."""
_Delay: TypeAlias = Annotated[float, unit("s", 0.0, 3.0)]
_Timeout: TypeAlias = Annotated[float, unit("s", 0.01, 10.0)]
_Speed: TypeAlias = Annotated[float, unit("m/s", 0.0, 100.0)]
_Pull: TypeAlias = Annotated[float, unit("m/s^2", 0.0, 10.0)]
_NONE: Needs = {}


class Harness(msgspec.Struct, frozen=True, kw_only=True):
    """What is cut off where the platform sits between the car's own controllers and its buses."""

    blocked: tuple[str, ...] = ()
    """Messages, bus/Message, that no longer come: those of the car's own camera and radar."""


class SteeringTorque(msgspec.Struct, frozen=True, kw_only=True):
    """A power steering that adds a torque."""

    command: str
    when: Needs = _NONE
    gain_nm: Annotated[float, unit("Nm", -10.0, 10.0)]
    """Torque at the steering wheel per unit of the field; negative where the field counts to the right."""
    highest_nm: Annotated[float, unit("Nm", 0.05, 50.0)]
    """More is never given, at speeds where ``by_speed`` is 1."""
    by_speed: tuple[tuple[_Speed, Annotated[float, unit("", 0.0, 10.0)]], ...] = ((0.0, 1.0), (100.0, 1.0))
    """What a command is worth at a speed, as a share of its gain."""
    rate_nm_per_s: Annotated[float, unit("Nm/s", 0.1, 1_000.0)]
    delay_s: _Delay
    timeout_s: _Timeout
    """It lets go when nothing came for so long."""
    from_mps: Annotated[float, unit("m/s", 0.0, 30.0)] = 0.0
    """Below this speed it does not steer."""


class SteeringAngle(msgspec.Struct, frozen=True, kw_only=True):
    """A power steering that turns the wheel to an angle."""

    command: str
    when: Needs = _NONE
    limit: str = ""
    """Field with the driver's torque at which it gives way, in Nm; '' where there is none."""
    gain_deg: Annotated[float, unit("deg", -1_000.0, 1_000.0)] = 1.0
    """Angle of the steering wheel per unit of the field; negative where the field counts to the right."""
    yields_nm: Annotated[float, unit("Nm", 0.1, 30.0)]
    """Torque of the driver at which it gives way at the latest."""
    lag_s: Annotated[float, unit("s", 0.0, 3.0)]
    """Time constant with which the wheel follows."""
    rate_deg_per_s: Annotated[float, unit("deg/s", 1.0, 2_000.0)]
    delay_s: _Delay
    timeout_s: _Timeout


class Braking(msgspec.Struct, frozen=True, kw_only=True):
    """Brakes that take a pressure, or whatever is in proportion to it."""

    command: str
    when: Needs = _NONE
    gain_n: Annotated[float, unit("N", 0.01, 10_000.0)]
    """Force at the tyres per unit of the field."""
    lag_s: Annotated[float, unit("s", 0.0, 3.0)]
    rate_n_per_s: Annotated[float, unit("N/s", 100.0, 1e6)]
    delay_s: _Delay
    timeout_s: _Timeout


class Gas(msgspec.Struct, frozen=True, kw_only=True):
    """A drive that takes a share of what it would give a cruise control, up to a speed."""

    command: str
    when: Needs = _NONE
    speed: str = ""
    """Field with the speed in km/h above which it gives nothing; '' for none."""
    full: Annotated[float, unit("", 0.0001, 1e6)]
    """What the field has for all of it."""
    acceleration: tuple[tuple[_Speed, _Pull], ...]
    """What all of it drives the car with, by speed, on the level and against no resistance."""
    in_cruise: bool = True
    """Whether it is obeyed only while the car's cruise control is active."""
    lag_s: Annotated[float, unit("s", 0.0, 3.0)]
    delay_s: _Delay
    timeout_s: _Timeout


class Acceleration(msgspec.Struct, frozen=True, kw_only=True):
    """A lower controller of the car's own that takes an acceleration, and shares it out between drive and brakes."""

    command: str
    """In m/s^2."""
    when: Needs = _NONE
    gas: str = ""
    """Field that commands the drive; '' where the acceleration does that, too."""
    gas_map: tuple[tuple[Annotated[float, unit("", -1e6, 1e6)], Annotated[float, unit("m/s^2", -10.0, 10.0)]], ...] = ()
    """What it drives the car with, by the raw gas; below its first point the drive gives nothing."""
    brake: Needs = _NONE
    """Without these the brakes stay open; () where the acceleration is enough."""
    hold: Needs = _NONE
    """With these the car is held at standstill."""
    lowest: Annotated[float, unit("m/s^2", -10.0, 0.0)]
    highest: Annotated[float, unit("m/s^2", 0.0, 10.0)]
    gain: Annotated[float, unit("", 0.1, 3.0)] = 1.0
    """What it gives, as a share of what is asked for."""
    in_cruise: bool = True
    lag_s: Annotated[float, unit("s", 0.0, 3.0)]
    delay_s: _Delay
    timeout_s: _Timeout


class Buttons(msgspec.Struct, frozen=True, kw_only=True):
    """Cruise control's switches, as somebody else than the driver presses them on the bus."""

    command: str
    set: int
    """Raw value of the field while 'set' is pressed, ..."""
    resume: int
    cancel: int
    pressed_s: Annotated[float, unit("s", 0.0, 2.0)]
    """A switch counts as pressed once it was for so long."""
    timeout_s: _Timeout
    """It counts as let go when no frame said otherwise for so long."""


class RemoteClimate(msgspec.Struct, frozen=True, kw_only=True):
    """Air conditioning of a parked car, as it is switched by a telematics unit."""

    command: str
    on: int
    """Raw value of the field that switches it on, ..."""
    off: int
    """... and off."""
    lasts_s: Annotated[float, unit("s", 0.0, 60.0)]
    """The command has to last for so long."""
    delay_s: _Delay
    timeout_s: _Timeout
    most_s: Annotated[float, unit("s", 1.0, 86_400.0)] = 900.0
    """It switches itself off after so long."""


class ChargeCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The charger in the car, as something between it and the car's own controller asks it for less."""

    command: str
    """In kW or in A, as the database has it: what it is to give to the battery and to what else the car draws."""
    when: Needs = _NONE
    in_amperes: bool
    delay_s: _Delay
    timeout_s: _Timeout
    """It does what the car's own controller asks for when nothing came for so long."""


class Cruise(msgspec.Struct, frozen=True, kw_only=True):
    """The car's own cruise control."""

    lowest_mps: Annotated[float, unit("m/s", 0.0, 60.0)]
    """What it can be set to, ..."""
    highest_mps: Annotated[float, unit("m/s", 5.0, 100.0)]
    from_mps: Annotated[float, unit("m/s", 0.0, 60.0)]
    """Slower than this it is only activated behind a vehicle, ..."""
    ends_mps: Annotated[float, unit("m/s", 0.0, 60.0)] = 0.0
    """... and slower than this it ends without one."""
    step_mps: Annotated[float, unit("m/s", 0.01, 5.0)]
    """A press changes what it is set to by so much, ..."""
    long_step_mps: Annotated[float, unit("m/s", 0.01, 10.0)]
    """... a longer one by so much, ..."""
    long_s: Annotated[float, unit("s", 0.1, 5.0)] = 0.6
    """... which is a press of so long, and again each time after as long."""
    cancel: Needs = _NONE
    """Fields of commands with which it ends."""
    regulates: bool = True
    """Whether it drives the car also where the platform is fitted; else the platform takes the controller's place."""
    firmness: Annotated[float, unit("1/s", 0.01, 5.0)] = 0.35
    """Acceleration per speed that is missing."""
    most: Annotated[float, unit("m/s^2", 0.1, 5.0)] = 1.2
    least: Annotated[float, unit("m/s^2", -10.0, -0.1)] = -2.5
    jerk: Annotated[float, unit("m/s^3", 0.1, 20.0)] = 1.5
    lag_s: Annotated[float, unit("s", 0.0, 3.0)] = 0.3
    time_gap_s: Annotated[float, unit("s", 0.5, 5.0)] = 1.8
    """Time gap that it keeps to a vehicle ahead, ..."""
    gap_m: Annotated[float, unit("m", 1.0, 20.0)] = 4.0
    """... and gap at standstill."""
    waits_s: Annotated[float, unit("s", 0.0, 60.0)] = 3.0
    """After so long a standstill it moves off only when the driver says so."""

    def wrong(self) -> str | None:
        """Return what is wrong: speeds the wrong way round."""
        return None if self.lowest_mps < self.highest_mps else "'highest' is above 'lowest'"
