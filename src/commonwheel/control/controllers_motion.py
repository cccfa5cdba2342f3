"""Controllers of speed and acceleration for cars that take an acceleration, and for those that take brake and gas.

The reference is an acceleration, m/s^2. What the car owes to slope, load, wind and to a table that is not quite right
is mended by a bounded trim on the difference between the acceleration that is due by now and the one that is measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.control import standard
from commonwheel.control.controllers import Expected, clamp, interpolate
from commonwheel.control.measured import KMH_PER_MPS, SPEED_BANDWIDTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control.manners import Acceleration, Pedals
    from commonwheel.control.measured import Measured

__all__ = ["AccelerationController", "PedalsController", "Slope"]

_SLOPE_S = 0.4
"""Time constant of what is known of how a target speed changes."""
_STOPS_S = 1.0
"""A car that is to stand and rolls is to stop in about so long."""
_HELD_BACK = 0.1
"""m/s^2 that the frames may be off what was asked for before the integral stands still."""


class Slope:
    """How a target changes, per second: its derivative, filtered; a step of it comes to the step in the end."""

    def __init__(self, time_s: float = _SLOPE_S) -> None:
        self._time_s = time_s
        self._behind: float | None = None

    def reset(self) -> None:
        """Begin anew: the next value is no change."""
        self._behind = None

    def follow(self, value: float, dt_s: float) -> float:
        """Go on by one cycle; returns the change per second."""
        behind = value if self._behind is None else self._behind
        rate = (value - behind) / self._time_s
        self._behind = behind + (value - behind) * (1.0 - math.exp(-dt_s / self._time_s))
        return rate


class _Motion:
    """What both manners share: target speeds, the trim, standstill."""

    def __init__(self, manner: Acceleration | Pedals, delay_s: float) -> None:
        self._shared = manner
        self._slope = Slope()
        # What is measured comes through the observer of the speed, which is two lags more.
        observer = 1.0 / SPEED_BANDWIDTH
        self._expected = Expected(delay_s, manner.lag_s, observer, observer)
        self._integral, self._trim = 0.0, 0.0
        self._total, self._dt_s = 0.0, 0.0
        self._held_back = 0.0
        """What was asked for less what the frames say."""
        self._holding = False

    def rank(self, path: str, value: float, now: Measured) -> float:
        """See ``Controller``."""
        return self._wanted(value, now, 0.0) if path == standard.SPEED else value

    def reference(self, path: str, value: float, now: Measured, dt_s: float) -> float:
        """See ``Controller``."""
        if path != standard.SPEED:
            self._slope.reset()
            return value
        return self._wanted(value, now, self._slope.follow(value / KMH_PER_MPS, dt_s))

    def express(self, path: str, reference: float, now: Measured) -> float:
        """See ``Controller``."""
        if path != standard.SPEED:
            return reference
        return (now.speed_mps + reference / self._shared.speed_gain) * KMH_PER_MPS

    def _wanted(self, speed_kmh: float, now: Measured, slope: float) -> float:
        """Return the acceleration for a target speed: what its change takes, and a part of what is missing."""
        shared = self._shared
        missing = speed_kmh / KMH_PER_MPS - now.speed_mps
        return clamp(shared.speed_gain * missing + slope, shared.speed_down, shared.speed_up)

    def reset(self, now: Measured) -> None:
        """See ``Controller``."""
        self._integral, self._trim, self._held_back = 0.0, 0.0, 0.0
        self._holding = False
        self._slope.reset()
        self._expected.reset(now.acceleration_mps2)

    def _stands(self, target: float, now: Measured, dt_s: float) -> bool:
        """Whether the car is held at standstill: from when it stands and is not to move until it is to.

        Braking that the slope took is kept while it is held, and grows while it rolls all the same.
        """
        shared = self._shared
        speed_kmh = now.speed_mps * KMH_PER_MPS
        if not self._holding:
            self._holding = target <= 0.0 and speed_kmh < shared.standstill_kmh
        elif target >= shared.start_accel:
            self._holding, self._integral = False, 0.0
        else:
            self._holding = speed_kmh < 2 * shared.standstill_kmh
        if self._holding:
            rolls = now.speed_mps / _STOPS_S + now.acceleration_mps2 if now.speed_mps > 0.0 else 0.0
            grown = self._integral - shared.integral_per_s * max(0.0, rolls) * dt_s
            self._integral, self._trim = clamp(grown, -shared.trim_limit, 0.0), 0.0
        return self._holding

    def _trimmed(self, target: float, now: Measured, dt_s: float) -> float:
        """Return the target with what feedback adds to it."""
        shared = self._shared
        error = self._expected.value - now.acceleration_mps2
        if abs(self._held_back) <= _HELD_BACK or (error > 0.0) != (self._held_back > 0.0):
            self._integral += shared.integral_per_s * error * dt_s
        limit = shared.trim_limit
        self._integral = clamp(self._integral, -limit, limit)
        self._trim = clamp(self._integral + shared.proportional * error, -limit, limit)
        self._total, self._dt_s = target + self._trim, dt_s
        return self._total

    def _follow(self, total: float, tolerance: float) -> float:
        """Take in the acceleration that the frames come to; returns the reference that it amounts to."""
        if self._holding:
            self._held_back = 0.0
            self._expected.reset(0.0)
            return min(total, 0.0)
        off = self._total - total
        self._held_back = math.copysign(max(0.0, abs(off) - tolerance), off)
        reference = total - self._trim
        self._expected.follow(reference, self._dt_s)
        return reference


class AccelerationController(_Motion):
    """Gives an acceleration, the gas that goes with it, and what tells the brakes and a standstill."""

    def __init__(self, manner: Acceleration, delay_s: float) -> None:
        super().__init__(manner, delay_s)
        self._manner = manner
        self._braking = False

    def command(self, target: float, now: Measured, dt_s: float) -> dict[str, float]:
        """See ``Controller``."""
        manner = self._manner
        if self._stands(target, now, dt_s):
            self._total, self._dt_s, self._braking = manner.hold_accel + self._integral, dt_s, True
        else:
            self._trimmed(target, now, dt_s)
            border = manner.brake_below + (manner.brake_hysteresis if self._braking else 0.0)
            self._braking = self._total < border
        commands = {
            manner.accel: self._total,
            manner.gas: self._gas(),
            manner.brake_request: float(self._braking),
            manner.hold: float(self._holding),
            manner.release: float(not self._holding),
        }
        commands.pop("", None)
        return commands

    def _gas(self) -> float:
        """Return what the drive is to give; nothing to a car that is not told."""
        manner = self._manner
        if not manner.gas:
            return 0.0
        return manner.gas_off if self._braking else interpolate(manner.gas_table, self._total)

    def sent(self, commands: Mapping[str, float], now: Measured) -> float:
        """See ``Controller``."""
        del now
        return self._follow(commands[self._manner.accel], 0.0)

    def reset(self, now: Measured) -> None:
        """See ``Controller``."""
        super().reset(now)
        self._braking = False


class PedalsController(_Motion):
    """Gives brake and gas by tables over speed, never both, with a gap between them."""

    def __init__(self, manner: Pedals, delay_s: float) -> None:
        super().__init__(manner, delay_s)
        self._manner = manner
        self._pedal = 0
        """1 gas, -1 brake, 0 neither."""
        self._brake = 0.0
        self._since_pump_s = math.inf

    def command(self, target: float, now: Measured, dt_s: float) -> dict[str, float]:
        """See ``Controller``."""
        manner, speed = self._manner, now.speed_mps
        if self._stands(target, now, dt_s):
            self._dt_s, above, self._pedal = dt_s, -math.inf, -1
            gas, brake = 0.0, manner.hold_brake - self._integral * interpolate(manner.brake_per_mps2, 0.0)
            self._total = interpolate(manner.coast, 0.0) - brake / interpolate(manner.brake_per_mps2, 0.0)
        else:
            above = self._trimmed(target, now, dt_s) - interpolate(manner.coast, speed)
            self._choose(above)
            gas = max(0.0, above) * interpolate(manner.gas_per_mps2, speed) * (self._pedal > 0)
            brake = max(0.0, -above) * interpolate(manner.brake_per_mps2, speed) * (self._pedal < 0)
        gas, brake = _steps(gas, manner.gas_resolution), self._even(_steps(brake, manner.brake_resolution))
        commands = {
            manner.gas: gas,
            manner.brake: brake,
            manner.speed: self._lead(above, now) if self._pedal >= 0 else 0.0,
            manner.brake_request: float(brake > 0.0),
            manner.pump: float(self._pump(brake, dt_s)),
        }
        self._brake = brake
        commands.pop("", None)
        return commands

    def sent(self, commands: Mapping[str, float], now: Measured) -> float:
        """See ``Controller``."""
        manner, speed = self._manner, now.speed_mps
        gas, brake = commands[manner.gas], commands[manner.brake]
        coast = interpolate(manner.coast, speed)
        if brake > 0.0:
            total = coast - brake / interpolate(manner.brake_per_mps2, speed)
        elif gas > 0.0:
            total = coast + gas / interpolate(manner.gas_per_mps2, speed)
        else:  # between both it rolls, which is what was asked for there
            total = clamp(self._total, coast - manner.hysteresis, coast + manner.hysteresis)
        return self._follow(total, manner.brake_gap / interpolate(manner.brake_per_mps2, speed))

    def reset(self, now: Measured) -> None:
        """See ``Controller``."""
        super().reset(now)
        self._pedal, self._brake, self._since_pump_s = 0, 0.0, math.inf

    def _choose(self, above: float) -> None:
        """Change from one pedal to the other only past the gap between them."""
        gap = self._manner.hysteresis
        if above > (gap if self._pedal < 0 else 0.0):
            self._pedal = 1
        elif above < (-gap if self._pedal > 0 else 0.0):
            self._pedal = -1

    def _even(self, brake: float) -> float:
        """Keep the brake where it is while it would hardly change."""
        if brake > 0.0 and self._brake > 0.0 and abs(brake - self._brake) < self._manner.brake_gap:
            return self._brake
        return brake

    def _lead(self, above: float, now: Measured) -> float:
        if not self._manner.speed:
            return 0.0
        lead = interpolate(self._manner.speed_lead, above)
        return max(0.0, now.speed_mps * KMH_PER_MPS + lead)

    def _pump(self, brake: float, dt_s: float) -> bool:
        """Whether the pump is to run: for a while after the brake has risen, and now and then while it is held."""
        manner = self._manner
        self._since_pump_s += dt_s
        if brake > self._brake or (brake > 0.0 and self._since_pump_s > manner.pump_every_s):
            self._since_pump_s = 0.0
        return brake > 0.0 and self._since_pump_s < manner.pump_s


def _steps(value: float, resolution: float) -> float:
    """Return a value as a multiple of what can be told apart; 0 for no such step."""
    return round(value / resolution) * resolution if resolution > 0.0 else value
