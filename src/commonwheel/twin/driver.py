"""A driver: follows a planned speed with the pedals and the bends with the steering wheel, as a person does.

The driver knows the car a little (``Feel``): what it weighs, how it pulls and brakes. From the plan ahead follows the
acceleration that is wanted, from that a force, and from that one of the pedals, never both; what the speed is off is
corrected, and what stays off is learned. Nothing is random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.plan import Profile
    from commonwheel.twin.scenario import Style
    from commonwheel.twin.state import State

__all__ = ["Driver", "Feel", "Steerer"]

STANDING_MPS, STOPPING_MPS = 0.05, 1.4
"""Planned to stand; and slow enough to be held by the brake then."""
HOLD = 0.25
"""How far the brake is pressed while the car is to stand."""
LEAST = 0.004
"""Feet do not tremble: less of a pedal's way is none."""
SLOWEST_PULL_MPS = 2.0
CREEPING = 3.0
"""A car that creeps where it should be slower is braked so much more firmly: it pushes by itself."""
LEARNING = 0.25
"""How fast a lasting difference is learned, as a share of the driver's firmness."""
MOST_LEARNED_MPS2 = 1.5
MOST_HURRY_MPS2, LITTLE_BEHIND_MPS = 0.6, 1.5
"""What is lost, while a gear is changed for one, is caught up with so hard at most, unless it is more than a little."""
CORRECTING_S, SHORTEST_M = 0.9, 2.0
"""A direction that is off is made good within so much time, or way at walking pace."""
MOST_SEEN_RAD = 0.25


@dataclass(frozen=True, slots=True)
class Feel:
    """What a driver knows of a car by having driven it: nothing exact."""

    mass_kg: float
    """With what turns along, as it feels."""
    resistance_n: Callable[[float], float]
    """By speed in m/s: of air and tyres."""
    pull_n: Callable[[float], float]
    """By speed: the most that full accelerator gives."""
    coast_n: Callable[[float], float]
    """By speed: what holds the car back without a pedal, on top of the resistance."""
    brake_n: float
    """At full brake pedal."""
    wheelbase_m: float = 2.7
    steering_ratio: float = 16.0


class Driver:
    """Has the pedals."""

    def __init__(self, profile: Profile, feel: Feel, style: Style) -> None:
        self._plan, self._feel, self._style = profile.speed, feel, style
        self._gas = self._foot = self._learned = 0.0

    def act(self, t_s: float, state: State, inputs: Inputs, dt_s: float) -> None:
        """Move the pedals for the next *dt_s*.

        Args:
            t_s: time on the plan.
            state: how the car is.
            inputs: whose pedals are written.
            dt_s: until the next time.
        """
        style, plan = self._style, self._plan
        now, ahead = plan(t_s), plan(t_s + style.preview_s)
        gas, foot = self._wanted(now, ahead, state, dt_s)
        # One foot for both pedals: the other one is left first.
        if self._foot > 2 * LEAST and foot <= 0.0:
            gas = 0.0
        elif self._gas > 2 * LEAST and gas <= 0.0:
            foot = 0.0
        moved = min(1.0, dt_s / style.feet_s)
        self._gas += (gas - self._gas) * moved
        self._foot += (foot - self._foot) * moved
        inputs.accelerator = self._gas if self._gas > LEAST else 0.0
        inputs.brake = self._foot if self._foot > LEAST and inputs.accelerator <= 0.0 else 0.0

    def release(self, inputs: Inputs) -> None:
        """Take note of where somebody else has put the pedals."""
        self._gas, self._foot, self._learned = inputs.accelerator, inputs.brake, 0.0

    def _wanted(self, now: float, ahead: float, state: State, dt_s: float) -> tuple[float, float]:
        """Return (accelerator, brake), each 0..1, of which one is 0."""
        speed, feel, style = state.speed_mps, self._feel, self._style
        if abs(now) < STANDING_MPS and abs(ahead) < STANDING_MPS and abs(speed) < STOPPING_MPS:
            self._learned = 0.0
            return 0.0, HOLD
        way = -1.0 if (now + ahead) < 0.0 else 1.0
        forward = way * speed
        error = way * now - forward
        firmness = style.firmness * (CREEPING if error < 0.0 and forward < SLOWEST_PULL_MPS else 1.0)
        hurry = min(firmness * error, max(MOST_HURRY_MPS2, firmness * (error - LITTLE_BEHIND_MPS)))
        wanted = way * (ahead - now) / max(style.preview_s, 0.05) + hurry
        if abs(error) < 3.0 and forward > 0.3:  # noqa: PLR2004 - what is far off is not learned from
            learned = self._learned + LEARNING * style.firmness * error * dt_s
            self._learned = min(MOST_LEARNED_MPS2, max(-MOST_LEARNED_MPS2, learned))
        force = feel.mass_kg * (wanted + self._learned) + feel.resistance_n(max(forward, 0.0))
        coast = feel.coast_n(max(forward, 0.0))
        if force > -coast:
            pull = feel.pull_n(max(forward, SLOWEST_PULL_MPS)) + coast
            return min(1.0, max(0.0, (force + coast) / pull)), 0.0
        return 0.0, min(1.0, (-force - coast) / feel.brake_n)


class Steerer:
    """Has the steering wheel."""

    def __init__(self, feel: Feel) -> None:
        self._gain = feel.steering_ratio * 180.0 / math.pi
        self._wheelbase = feel.wheelbase_m
        self._heading = 0.0

    def wheel_deg(self, curvature: float, state: State, dt_s: float) -> float:
        """Return where to turn the wheel for a curvature in 1/m, left positive: by geometry first, then by sight."""
        speed = state.speed_mps
        self._heading += speed * curvature * dt_s
        way = max(abs(speed) * CORRECTING_S, SHORTEST_M)
        seen = max(-MOST_SEEN_RAD, min(MOST_SEEN_RAD, self._heading - state.heading_rad))
        turn = curvature + math.copysign(seen / way, seen * speed) if abs(speed) > STANDING_MPS else curvature
        return self._gain * math.atan(self._wheelbase * turn)
