"""The car's controllers at the end of each kind of command: what they make of it, and when.

Each takes the commands that concern it (``hear``) and says in every step what it does. All have a delay, a timeout, and
a rate or a time constant; what a command asks for beyond what the car gives is not given.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from commonwheel.twin.column import LOCK_DEG
from commonwheel.twin.commands import Line, field_of
from commonwheel.twin.inputs import CruiseSwitch
from commonwheel.twin.tables import interpolate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.twin.commands import Command
    from commonwheel.twin.parameters_actuation import (
        Acceleration,
        Braking,
        Buttons,
        ChargeCommand,
        Gas,
        Needs,
        RemoteClimate,
        SteeringAngle,
        SteeringTorque,
    )
    from commonwheel.twin.state import State
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = [
    "AccelerationActuator",
    "AngleActuator",
    "Asked",
    "BrakeActuator",
    "ButtonActuator",
    "ChargeActuator",
    "ClimateActuator",
    "GasActuator",
    "Hearing",
    "TorqueActuator",
    "lagged",
]


_W_PER_KW = 1_000.0


def lagged(value: float, aim: float, lag_s: float, dt_s: float) -> float:
    """Return what follows *aim* with a time constant after a step: exactly, for an aim that stands still in it."""
    return aim if lag_s <= 0.0 else aim + (value - aim) * math.exp(-dt_s / lag_s)


class Hearing:
    """What one controller hears: its message, and conditions in that and others."""

    def __init__(self, vehicle: Vehicle, command: str, needs: Iterable[str], timeout_s: float) -> None:
        self.message = field_of(vehicle, command)[0]
        self.fields = tuple(dict.fromkeys((command, *needs)))
        self._others = {name for name in self.fields if field_of(vehicle, name)[0] != self.message}
        self._timeout_ns = round(timeout_s * 1e9)
        self._latest: dict[str, tuple[int, float]] = {}

    def raws(self, command: Command) -> Mapping[str, float] | None:
        """Return all raw values that are known with a command of the message; None for one of another message."""
        for name, raw in command.raw.items():
            if name in self._others:
                self._latest[name] = (command.t_ns, raw)
        if command.message != self.message:
            return None
        if not self._others:
            return command.raw
        recent = {name: raw for name, (t_ns, raw) in self._latest.items() if command.t_ns - t_ns <= self._timeout_ns}
        return {**command.raw, **recent}


def holds(needs: Needs, raws: Mapping[str, float]) -> bool:
    """Whether all fields have the raw values that they have to have."""
    return all(raws.get(name) == raw for name, raw in needs.items())


class TorqueActuator:
    """See ``SteeringTorque``."""

    def __init__(self, steering: SteeringTorque, vehicle: Vehicle) -> None:
        self.steering = steering
        self.hearing = Hearing(vehicle, steering.command, steering.when, steering.timeout_s)
        self._line: Line[float | None] = Line(steering.delay_s, steering.timeout_s)
        self.torque_nm = 0.0

    def hear(self, command: Command) -> None:
        """Take in a command."""
        raws = self.hearing.raws(command)
        if raws is not None:
            asked = raws[self.steering.command] * self.steering.gain_nm if holds(self.steering.when, raws) else None
            self._line.put(command.t_ns, asked)

    def step(self, t_ns: int, state: State, dt_s: float) -> bool:
        """Let the torque follow; return whether the command is obeyed."""
        steering = self.steering
        asked = self._line.at(t_ns)
        if asked is None and not self.torque_nm:
            return False
        obeys = asked is not None and abs(state.speed_mps) >= steering.from_mps
        aim = max(-steering.highest_nm, min(steering.highest_nm, asked)) if obeys and asked is not None else 0.0
        aim *= interpolate(steering.by_speed, abs(state.speed_mps))
        most = steering.rate_nm_per_s * dt_s
        self.torque_nm += max(-most, min(most, aim - self.torque_nm))
        return obeys


class AngleActuator:
    """See ``SteeringAngle``."""

    def __init__(self, steering: SteeringAngle, vehicle: Vehicle) -> None:
        self.steering = steering
        needs = (*steering.when, *((steering.limit,) if steering.limit else ()))
        self.hearing = Hearing(vehicle, steering.command, needs, steering.timeout_s)
        self._line: Line[tuple[float, float] | None] = Line(steering.delay_s, steering.timeout_s)

    def hear(self, command: Command) -> None:
        """Take in a command."""
        steering = self.steering
        raws = self.hearing.raws(command)
        if raws is None:
            return
        if not holds(steering.when, raws):
            self._line.put(command.t_ns, None)
            return
        limit = min(steering.yields_nm, command.values.get(steering.limit, steering.yields_nm))
        self._line.put(command.t_ns, (command.values[steering.command] * steering.gain_deg, limit))

    def step(self, t_ns: int, torque_nm: float, state: State, dt_s: float) -> float | None:
        """Return where the wheel is after the step; None while the driver has it.

        Args:
            t_ns: now.
            torque_nm: of the driver.
            state: has the wheel's angle.
            dt_s: length of the step.
        """
        asked = self._line.at(t_ns)
        if asked is None or abs(torque_nm) > asked[1]:
            return None
        steering, angle = self.steering, state.steering_deg
        aim = max(-LOCK_DEG, min(LOCK_DEG, asked[0]))
        most = steering.rate_deg_per_s * dt_s
        return angle + max(-most, min(most, lagged(angle, aim, steering.lag_s, dt_s) - angle))


class BrakeActuator:
    """See ``Braking``."""

    def __init__(self, braking: Braking, vehicle: Vehicle) -> None:
        self.braking = braking
        self.hearing = Hearing(vehicle, braking.command, braking.when, braking.timeout_s)
        self._line: Line[float] = Line(braking.delay_s, braking.timeout_s)
        self.force_n = 0.0

    def hear(self, command: Command) -> None:
        """Take in a command."""
        raws = self.hearing.raws(command)
        if raws is not None:
            asked = raws[self.braking.command] * self.braking.gain_n if holds(self.braking.when, raws) else 0.0
            self._line.put(command.t_ns, max(0.0, asked))

    def step(self, t_ns: int, dt_s: float) -> float:
        """Let the force follow, and return it."""
        asked = self._line.at(t_ns) or 0.0
        if not asked and not self.force_n:
            return 0.0
        most = self.braking.rate_n_per_s * dt_s
        self.force_n += max(-most, min(most, lagged(self.force_n, asked, self.braking.lag_s, dt_s) - self.force_n))
        if not asked and self.force_n < 1.0:
            self.force_n = 0.0
        return self.force_n


class GasActuator:
    """See ``Gas``."""

    def __init__(self, gas: Gas, vehicle: Vehicle) -> None:
        self.gas = gas
        needs = (*gas.when, *((gas.speed,) if gas.speed else ()))
        self.hearing = Hearing(vehicle, gas.command, needs, gas.timeout_s)
        self._line: Line[tuple[float, float]] = Line(gas.delay_s, gas.timeout_s)
        self.given_mps2 = 0.0

    def hear(self, command: Command) -> None:
        """Take in a command."""
        gas = self.gas
        raws = self.hearing.raws(command)
        if raws is None:
            return
        share = max(0.0, min(1.0, raws[gas.command] / gas.full)) if holds(gas.when, raws) else 0.0
        self._line.put(command.t_ns, (share, command.values[gas.speed] if gas.speed else math.inf))

    def step(self, t_ns: int, state: State, dt_s: float) -> float:
        """Let the drive follow, and return the acceleration that it gives, in m/s^2 against no resistance."""
        asked = self._line.at(t_ns) if state.cruise_active or not self.gas.in_cruise else None
        aim = 0.0
        if asked is not None and asked[0]:
            below = max(0.0, min(1.0, asked[1] - state.speed_mps * 3.6))
            aim = asked[0] * below * interpolate(self.gas.acceleration, state.speed_mps)
        if aim or self.given_mps2:
            self.given_mps2 = lagged(self.given_mps2, aim, self.gas.lag_s, dt_s)
            if not aim and self.given_mps2 < 1e-3:  # noqa: PLR2004 - m/s^2, not worth following
                self.given_mps2 = 0.0
        return self.given_mps2


class Asked(NamedTuple):
    """What a lower controller is told."""

    mps2: float
    drives: bool
    brakes: bool
    holds: bool


class AccelerationActuator:
    """See ``Acceleration``."""

    def __init__(self, acceleration: Acceleration, vehicle: Vehicle) -> None:
        self.acceleration = one = acceleration
        needs = (*one.when, *((one.gas,) if one.gas else ()), *one.brake, *one.hold)
        self.hearing = Hearing(vehicle, one.command, needs, one.timeout_s)
        self._line: Line[Asked | None] = Line(one.delay_s, one.timeout_s)
        self._given_mps2 = 0.0
        self.acts = False

    def hear(self, command: Command) -> None:
        """Take in a command."""
        raws = self.hearing.raws(command)
        if raws is not None:
            self._line.put(command.t_ns, self._asked(command, raws))

    def _asked(self, command: Command, raws: Mapping[str, float]) -> Asked | None:
        one = self.acceleration
        if not holds(one.when, raws):
            return None
        wanted = max(one.lowest, min(one.highest, command.values[one.command]))
        stands = bool(one.hold) and holds(one.hold, raws)
        if not one.gas:
            return Asked(wanted, drives=True, brakes=not one.brake or holds(one.brake, raws), holds=stands)
        if one.brake and holds(one.brake, raws):
            return Asked(min(0.0, wanted), drives=False, brakes=True, holds=stands)
        gas = raws[one.gas]
        if gas < one.gas_map[0][0]:
            return Asked(0.0, drives=False, brakes=False, holds=stands)
        return Asked(min(one.highest, interpolate(one.gas_map, gas)), drives=True, brakes=False, holds=stands)

    def step(self, t_ns: int, state: State, dt_s: float) -> Asked | None:
        """Return what it does now, its lag included; None while it does nothing."""
        asked = self._line.at(t_ns) if state.cruise_active or not self.acceleration.in_cruise else None
        if asked is None:
            self.acts = False
            return None
        if not self.acts:
            self.acts, self._given_mps2 = True, state.acceleration_mps2
        aim = asked.mps2 * self.acceleration.gain
        self._given_mps2 = lagged(self._given_mps2, aim, self.acceleration.lag_s, dt_s)
        return asked._replace(mps2=self._given_mps2)


class ButtonActuator:
    """See ``Buttons``."""

    def __init__(self, buttons: Buttons, vehicle: Vehicle) -> None:
        self.buttons = buttons
        self.hearing = Hearing(vehicle, buttons.command, (), buttons.timeout_s)
        self._known = {
            buttons.set: CruiseSwitch.SET,
            buttons.resume: CruiseSwitch.RESUME,
            buttons.cancel: CruiseSwitch.CANCEL,
        }
        self._pressed = CruiseSwitch.NONE
        self._since_ns = self._heard_ns = 0

    def hear(self, command: Command) -> None:
        """Take in a command."""
        if self.hearing.raws(command) is None:
            return
        pressed = self._known.get(int(command.raw[self.buttons.command]), CruiseSwitch.NONE)
        if pressed is not self._pressed or self._late(command.t_ns):
            self._pressed, self._since_ns = pressed, command.t_ns
        self._heard_ns = command.t_ns

    def _late(self, t_ns: int) -> bool:
        return t_ns - self._heard_ns > self.buttons.timeout_s * 1e9

    def step(self, t_ns: int) -> CruiseSwitch:
        """Return the switch that counts as pressed."""
        if self._pressed is CruiseSwitch.NONE or self._late(t_ns):
            return CruiseSwitch.NONE
        return self._pressed if t_ns - self._since_ns >= self.buttons.pressed_s * 1e9 else CruiseSwitch.NONE


class ClimateActuator:
    """See ``RemoteClimate``."""

    def __init__(self, climate: RemoteClimate, vehicle: Vehicle) -> None:
        self.climate = climate
        self.hearing = Hearing(vehicle, climate.command, (), climate.timeout_s)
        self._line: Line[bool] = Line(climate.delay_s, climate.most_s)
        self._code = -1
        self._since_ns = self._heard_ns = 0

    def hear(self, command: Command) -> None:
        """Take in a command."""
        climate, t_ns = self.climate, command.t_ns
        if self.hearing.raws(command) is None:
            return
        code = int(command.raw[climate.command])
        if code != self._code or t_ns - self._heard_ns > climate.timeout_s * 1e9:
            self._code, self._since_ns = code, t_ns
        self._heard_ns = t_ns
        if code in {climate.on, climate.off} and t_ns - self._since_ns >= climate.lasts_s * 1e9:
            self._line.put(t_ns, code == climate.on)

    def step(self, t_ns: int, state: State) -> bool:
        """Return whether the air of the car, which stands, is conditioned."""
        return bool(self._line.at(t_ns)) and state.speed_mps == 0.0


class ChargeActuator:
    """See ``ChargeCommand``."""

    def __init__(self, charge: ChargeCommand, vehicle: Vehicle) -> None:
        self.charge = charge
        self.hearing = Hearing(vehicle, charge.command, charge.when, charge.timeout_s)
        self._line: Line[float] = Line(charge.delay_s, charge.timeout_s)
        self._unit = 1.0 if charge.in_amperes else _W_PER_KW

    def hear(self, command: Command) -> None:
        """Take in a command."""
        raws = self.hearing.raws(command)
        if raws is not None and holds(self.charge.when, raws):
            self._line.put(command.t_ns, max(0.0, command.values[self.charge.command] * self._unit))

    def step(self, t_ns: int) -> float:
        """Return what it is to give at most, W or A; infinite where nobody says."""
        ceiling = self._line.at(t_ns)
        return math.inf if ceiling is None else ceiling
