"""Staying in the middle of a lane: what curvature a car should drive. Pure: no car, no clock.

With ``y`` the offset and ``p`` the heading error (both left positive, small), ``v`` the speed, ``k`` the curvature
that is driven and ``r`` that of the lane ::

    y' = v p        p' = v (k - r)        so  y'' = v^2 (k - r)

What is asked for is the lane's curvature, seen ahead by the time that steering lags, and feedback that makes of this a
damped second order system (Rajamani, Vehicle Dynamics and Control, chapter 3, in its linear form) ::

    k = r(ahead) - (w^2 y + 2 z w v p) / v^2 - i        i' = w^3 y / (INTEGRAL v^2)

``y`` and ``p`` are led ahead for a part of what steering lags. In a bend a car points elsewhere than it goes, for its
tyres slip; how the offset changes tells by how much, and ``p`` is where it goes.

What steering is off by is found twice. Quickly, by an observer: how fast the heading error changes tells what curvature
is driven, ``k = p' / v + r``, and what that differs by from what was asked (a steering ratio or understeer that is not
quite as stated, camber) is taken off. Slowly, by the integral, for what is left; by the criterion of Routh it is stable
for ``INTEGRAL > 1 / (2 z)``. An offset that is there at the beginning is worked off along a curve of its own, so that
nothing jerks when it begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Centring", "Lane", "Steering", "clamp"]


_MOST_SLIP = 0.05
"""What tyres on a dry road slip at most in a bend that is steered through here, rad."""
_LONGEST_LOOK_S = 0.3
"""Looks farther apart tell no change."""


def clamp(value: float, most: float) -> float:
    """Return a value within -most to most."""
    return min(max(value, -most), most)


@dataclass(frozen=True, slots=True)
class Steering:
    """How it steers."""

    rate: float = 0.8
    """w, rad/s."""
    damping: float = 1.0
    """z."""
    integral: float = 8.0
    """INTEGRAL; the larger, the slower."""
    observer_s: float = 1.0
    """Time constant of the observer."""
    slip_s: float = 1.0
    """Time constant of the way the car drifts."""
    off: float = 0.35
    """The most that the observer takes off, of the acceleration across that may be asked for."""
    bias_mps2: float = 0.8
    """The most that the integral asks for, as lateral acceleration."""
    lag_s: float = 0.35
    """From what is asked to what the car does: the lane is looked at so far ahead."""
    lead_s: float = 0.3
    """So far the offset is led ahead by what was asked."""
    settle_s: float = 1.5
    """Time constant of the offset at the beginning."""
    acceleration_mps2: float = 2.5
    """The most that is asked for, across; ISO 11270 has 3."""
    jerk_mps3: float = 3.0
    """How fast that may change; ISO 11270 has 5."""
    slowest_mps: float = 4.0
    """Under this speed it is reckoned with this one: nothing is divided by less."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Where the car is in its lane; left positive."""

    offset_m: float
    heading_rad: float
    curvature: float
    """1/m, at the car."""
    ahead: float
    """1/m, where the car will be in a second."""
    age_s: float = 0.0
    """How old that is."""


class Centring:
    """Decides what curvature to ask for, from one turn to the next."""

    def __init__(self, steering: Steering) -> None:
        self.steering = steering
        self.curvature = 0.0
        """What was asked for last, 1/m."""
        self._bias = 0.0
        """Across, m/s^2."""
        self._settling_m = 0.0
        self._expected = 0.0
        """What the car should drive by now, 1/m."""
        self._off = 0.0
        """What it drives besides, 1/m, as far as that is known."""
        self._slip = 0.0
        """Angle from where the car points to where it goes, rad."""
        self._last: Lane | None = None
        """The look before."""

    def reset(self, curvature: float, offset_m: float) -> None:
        """Begin anew, from what the car drives and where it is."""
        self.curvature, self._bias, self._settling_m = curvature, 0.0, offset_m
        self._expected, self._off, self._slip, self._last = curvature, 0.0, 0.0, None

    def observe(self, lane: Lane, mps: float, dt_s: float) -> None:
        """Take in a new look at the lane, so long after the one before: what does the car really drive?"""
        steering, v = self.steering, max(mps, self.steering.slowest_mps)
        before, self._last = self._last, lane
        if before is None or not 0.0 < dt_s < _LONGEST_LOOK_S:
            return
        drift = (lane.offset_m - before.offset_m) / dt_s / v - (lane.heading_rad + before.heading_rad) / 2.0
        self._slip = clamp(self._slip + (drift - self._slip) * min(1.0, dt_s / steering.slip_s), _MOST_SLIP)
        driven = (lane.heading_rad - before.heading_rad) / dt_s / v + lane.curvature
        most = steering.off * steering.acceleration_mps2 / v**2
        part = min(1.0, dt_s / steering.observer_s)
        self._off = clamp(self._off + (driven - self._expected - self._off) * part, most)

    def needs_mps2(self, lane: Lane, mps: float) -> float:
        """Return the acceleration across that the lane itself takes, now or in a second."""
        return max(abs(lane.curvature), abs(lane.ahead)) * mps**2

    def turn(self, lane: Lane, mps: float, dt_s: float) -> float:
        """Return the curvature to ask for, 1/m, left positive."""
        steering = self.steering
        v = max(mps, steering.slowest_mps)
        self._settling_m *= math.exp(-dt_s / steering.settle_s)
        road = lane.curvature + (lane.ahead - lane.curvature) * min(1.0, steering.lag_s + lane.age_s)
        lead = steering.lead_s + lane.age_s
        there = lane.curvature + (lane.ahead - lane.curvature) * min(1.0, lead / 2.0)
        now = lane.heading_rad + self._slip
        heading = now + v * ((self._expected + self.curvature) / 2.0 + self._off - there) * lead
        offset = lane.offset_m + v * (now + heading) / 2.0 * lead
        error = clamp(offset - self._settling_m, 1.5)
        rate = steering.rate
        feedback = rate**2 * error + 2.0 * steering.damping * rate * v * heading
        wanted = (road - self._off) * v**2 - feedback - self._bias
        most = steering.acceleration_mps2
        if abs(wanted) < most or wanted * error > 0.0:
            self._bias = clamp(self._bias + rate**3 * error * dt_s / steering.integral, steering.bias_mps2)
        self._expected += (self.curvature - self._expected) * min(1.0, dt_s / (steering.lag_s + 0.05))
        step = clamp(clamp(wanted, most) / v**2 - self.curvature, steering.jerk_mps3 * dt_s / v**2)
        self.curvature = clamp(self.curvature + step, most / v**2)
        return self.curvature
