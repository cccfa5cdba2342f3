"""The controller of cars that steer by torque: an angle of the steering wheel is held against the tyres.

The reference is the steering wheel's angle, degrees, left positive. The torque is what the angle takes by speed
(feed-forward), what moves it against friction, a part of the error and of its integral, less what damps. The target is
led through the lag that the loop is to have: what it cannot follow is no error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.control.controllers import Steered, clamp, interpolate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control import standard
    from commonwheel.control.manners import Torque
    from commonwheel.control.measured import Measured

__all__ = ["TorqueController"]


class TorqueController(Steered):
    """See the module."""

    def __init__(self, manner: Torque, geometry: standard.Steering | None) -> None:
        super().__init__(geometry)
        self._manner = manner
        self._led, self._led_rate = 0.0, 0.0
        self._integral = 0.0
        self._held_back = 0.0
        """Torque asked for less what the frames say."""
        self._asked = 0.0

    def command(self, target: float, now: Measured, dt_s: float) -> dict[str, float]:
        """See ``Controller``."""
        manner = self._manner
        self._lead(target, dt_s)
        error = self._led - now.angle_deg
        self._integrate(error, now, dt_s)
        torque = self._even(now) + self._of_angle(self._led, now)
        if manner.resolution > 0.0:
            torque = round(torque / manner.resolution) * manner.resolution
        self._asked = torque
        return {manner.command: manner.scale * torque}

    def sent(self, commands: Mapping[str, float], now: Measured) -> float:
        """See ``Controller``."""
        torque = commands[self._manner.command] / self._manner.scale
        off = self._asked - torque
        self._held_back = off if abs(off) > max(self._manner.resolution, 1.0) else 0.0
        # A torque that left as it was asked for amounts to the angle it was made for; else to the one that gives it.
        return self._led if self._held_back == 0.0 else self._angle_of(torque - self._even(now), now)

    def reset(self, now: Measured) -> None:
        """See ``Controller``."""
        self._led, self._led_rate = now.angle_deg, 0.0
        self._integral, self._held_back, self._asked = 0.0, 0.0, 0.0

    def _lead(self, target: float, dt_s: float) -> None:
        lag_s = self._manner.lag_s
        step = (target - self._led) * (1.0 - math.exp(-dt_s / lag_s) if lag_s > 0.0 else 1.0)
        self._led += step
        self._led_rate = step / dt_s if dt_s > 0.0 else 0.0

    def _integrate(self, error: float, now: Measured, dt_s: float) -> None:
        """Let the integral go on, unless the guard holds the torque back in its direction."""
        manner = self._manner
        over = math.copysign(max(0.0, abs(error) - manner.deadband_deg), error)
        if self._held_back == 0.0 or (over > 0.0) != (self._held_back > 0.0):
            self._integral += interpolate(manner.integral, now.speed_mps) * over * dt_s
        self._integral = clamp(self._integral, -manner.integral_limit, manner.integral_limit)

    def _even(self, now: Measured) -> float:
        """Return the parts of the torque that do not depend on the target's angle."""
        damping = interpolate(self._manner.damping, now.speed_mps)
        return self._integral - damping * (now.angle_rate_dps - self._led_rate)

    def _of_angle(self, angle_deg: float, now: Measured) -> float:
        """Return the parts that do: they rise with it."""
        manner, speed = self._manner, now.speed_mps
        error = angle_deg - now.angle_deg
        aligning = interpolate(manner.aligning, speed) * clamp(
            angle_deg, -manner.saturation_deg, manner.saturation_deg
        )  # fmt: skip
        friction = manner.friction * clamp(error / manner.friction_deg, -1.0, 1.0) if manner.friction_deg > 0.0 else 0.0
        return aligning + friction + interpolate(manner.proportional, speed) * error

    def _angle_of(self, torque: float, now: Measured) -> float:
        """Return the angle whose torque this is, between where the wheel is and the target (both sides rise)."""
        low, high = sorted((self._led, now.angle_deg))
        if low == high:
            return low
        below, above = self._of_angle(low, now), self._of_angle(high, now)
        if above <= below:
            return self._led
        return clamp(low + (high - low) * (torque - below) / (above - below), low, high)
