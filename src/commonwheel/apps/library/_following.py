"""Speed keeping and following with a constant time gap: what acceleration a car should have. Pure: no car, no clock.

**Following** is the constant time gap policy of Ioannou and Chien ("Autonomous intelligent cruise control", IEEE
Transactions on Vehicular Technology 42(4), 1993): with ``e = gap - standstill - h v`` ::

    a = (relative speed + lambda e) / h

An ideal car then answers the lead by ``V / V_lead = 1 / (h s + 1)``: never more than the lead moved, at whatever
frequency, so that a column of such cars damps what its first does (string stability). A car that reacts with a lag and
delay of together ``tau`` stays string stable while ``h >= 2 tau`` (Rajamani, Vehicle Dynamics and Control, chapter 6);
at the smallest gap that is let choose, 1 s, that is half a second. What is measured is led ahead by ``LEAD_S`` for it.

Three things are added. The part of the gap's error is bounded, so that a car that cuts in is let go ahead gently; what
a real danger needs comes from **the deceleration that is required** to stay ``margin`` behind, with the lead's own
deceleration (it may come to a stop first). And what is asked follows with a bounded jerk. Accelerations stay within
ISO 15622: ``LIMITS`` by speed.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

__all__ = ["LIMITS", "Follower", "Jerk", "Lead", "Limits", "Need", "Tuning", "between", "required"]

LEAD_S = 0.35
"""A usual delay from what is asked to what the car does."""
_LEAST_GAP_M = 0.5
_REST_MPS2 = 0.5
"""What is left to make up for an error, while the speed to keep changes as fast as comfort allows."""
_STEADY_MPS2 = 0.5
"""A lead that brakes by less goes on as it is."""


def between(points: tuple[tuple[float, float], ...], x: float) -> float:
    """Return a value of points, straight in between and held beyond both ends."""
    if x <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in itertools.pairwise(points):
        if x < right:
            return low + (high - low) * (x - left) / (right - left)
    return points[-1][1]


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be asked for, by speed in m/s."""

    up: tuple[tuple[float, float], ...]
    """Acceleration, m/s^2."""
    down: tuple[tuple[float, float], ...]
    """Deceleration, m/s^2, positive."""
    jerk: tuple[tuple[float, float], ...]
    """How fast the deceleration may grow, m/s^3."""


LIMITS = Limits(
    up=((5.0, 4.0), (20.0, 2.0)),
    down=((5.0, 5.0), (20.0, 3.5)),
    jerk=((5.0, 5.0), (20.0, 2.5)),
)
"""Those of ISO 15622 for adaptive cruise control; comfort is well within."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How it drives."""

    gap_s: float = 2.2
    standstill_m: float = 4.0
    """Gap to a lead that stands."""
    margin_m: float = 3.5
    """What is required keeps the car this far behind."""
    gap_rate: float = 0.2
    """lambda, 1/s: how fast an error of the gap is worked off."""
    open_mps2: float = 0.8
    """The most that a gap that is too small is opened with, while nothing is in danger."""
    close_mps2: float = 1.2
    """The most that the car speeds up with, to close one that is too large."""
    speed_rate: float = 0.5
    """1/s: how fast an error of the speed is worked off."""
    up_mps2: float = 1.4
    down_mps2: float = 1.6
    """Of speed keeping."""
    jerk_mps3: float = 1.5
    """Of what nothing urges."""
    relief_mps3: float = 2.5
    """Of letting go what was braked."""
    urgent_mps2: float = 1.2
    """A deceleration that is required, from which on comfort does not count."""
    reserve: float = 1.25
    """So much of a deceleration that is required is asked for: a car that brakes a fifth less still does what is."""
    foresight: float = 1.4
    """A lead that brakes hard is reckoned with so much more."""
    bias_rate: float = 0.04
    """1/s^2: how fast a speed that stays off is made up for: slope, wind, a set speed in whole steps."""
    bias_mps2: float = 0.6


@dataclass(frozen=True, slots=True)
class Lead:
    """Who is ahead."""

    gap_m: float
    relative_mps: float
    """Positive moves away."""
    mps2: float = 0.0
    """Its acceleration, as far as it is known."""


@dataclass(frozen=True, slots=True)
class Need:
    """What is wanted now."""

    mps2: float
    required_mps2: float
    """Deceleration that keeps the margin, positive; 0 where none is required, infinite where none is enough."""
    follows: bool
    """It is the lead that decides."""


def required(speed_mps: float, lead: Lead, margin_m: float) -> float:
    """Return the deceleration, m/s^2 and positive, that keeps a margin behind a lead; 0 where none is required."""
    room = lead.gap_m - margin_m
    lead_mps = max(0.0, speed_mps + lead.relative_mps)
    braking = max(0.0, -lead.mps2)
    if braking < _STEADY_MPS2:
        braking = 0.0
    closing = max(0.0, -lead.relative_mps)
    if closing == 0.0 and braking == 0.0:
        return 0.0
    if room <= 0.0:
        return math.inf if closing > 0.0 else 0.0
    if braking > 0.0:
        stops_first = speed_mps**2 / (2.0 * (room + lead_mps**2 / (2.0 * braking)))
        # The lead stops before the gap is used up: it is its resting place that has to be kept from.
        if closing == 0.0 or lead_mps / braking <= 2.0 * room / closing:
            return stops_first
    return braking + closing**2 / (2.0 * room)


class Jerk:
    """Follows what is wanted with a bounded rate."""

    def __init__(self) -> None:
        self.mps2 = 0.0

    def reset(self, mps2: float) -> None:
        """Begin at what the car does."""
        self.mps2 = mps2

    def follow(self, wanted: float, up_mps3: float, down_mps3: float, dt_s: float) -> float:
        """Return what is asked for now."""
        step = wanted - self.mps2
        self.mps2 += min(max(step, -down_mps3 * dt_s), up_mps3 * dt_s)
        return self.mps2


class Follower:
    """Decides what acceleration to ask for, from one turn to the next."""

    def __init__(self, tuning: Tuning, limits: Limits = LIMITS) -> None:
        self.tuning, self.limits = tuning, limits
        self._jerk = Jerk()
        self._bias = 0.0

    def reset(self, mps2: float) -> None:
        """Begin anew, at what the car does: what is asked for next does not jump."""
        self._jerk.reset(mps2)
        self._bias = 0.0

    @property
    def asked(self) -> float:
        """What was asked for last, m/s^2."""
        return self._jerk.mps2

    def gap_m(self, speed_mps: float) -> float:
        """Return the gap that is aimed at."""
        return self.tuning.standstill_m + self.tuning.gap_s * max(0.0, speed_mps)

    def need(self, speed_mps: float, wanted_mps: float, lead: Lead | None, ahead_mps2: float = 0.0) -> Need:
        """Return what is wanted, before it is asked for with a bounded jerk.

        Args:
            speed_mps: how fast the car is.
            wanted_mps: how fast it is to be.
            lead: who is ahead; None: nobody.
            ahead_mps2: how fast what is wanted itself changes.
        """
        tuning = self.tuning
        keep = ahead_mps2 + self._bias + tuning.speed_rate * (wanted_mps - speed_mps)
        least, most = min(-tuning.down_mps2, ahead_mps2 - _REST_MPS2), max(tuning.up_mps2, ahead_mps2 + _REST_MPS2)
        keep = min(max(keep, least), most)
        if lead is None:
            return Need(keep, 0.0, follows=False)
        asked = self._jerk.mps2
        speed = max(0.0, speed_mps + asked * LEAD_S)
        led = Lead(
            lead.gap_m + lead.relative_mps * LEAD_S,
            lead.relative_mps + (lead.mps2 - asked) * LEAD_S,
            lead.mps2,
        )
        error = led.gap_m - self.gap_m(speed)
        part = max(tuning.gap_rate * error / tuning.gap_s, -tuning.open_mps2)
        follow = min(led.relative_mps / tuning.gap_s + part, tuning.close_mps2)
        must = required(speed, led, tuning.margin_m)
        if led.mps2 < -tuning.urgent_mps2:  # who brakes is likely to brake harder yet
            worse = Lead(led.gap_m, led.relative_mps, led.mps2 * tuning.foresight)
            must = max(must, min(required(speed, worse, tuning.margin_m), between(self.limits.down, speed_mps)))
        if must >= tuning.urgent_mps2:
            follow = min(follow, -tuning.reserve * must)
        return Need(min(keep, follow), must, follows=follow < keep)

    def turn(self, speed_mps: float, wanted_mps: float, need: Need, dt_s: float) -> float:
        """Return the acceleration to ask for, for what is needed."""
        tuning, limits = self.tuning, self.limits
        low, high = -between(limits.down, speed_mps), between(limits.up, speed_mps)
        wanted = min(max(need.mps2, low), high)
        urgent = need.required_mps2 >= tuning.urgent_mps2
        down = between(limits.jerk, speed_mps) if urgent else tuning.jerk_mps3
        up = tuning.relief_mps3 if self._jerk.mps2 < 0.0 else tuning.jerk_mps3
        asked = self._jerk.follow(wanted, up, down, dt_s)
        error = wanted_mps - speed_mps
        if not need.follows and abs(error) < 2.0 and abs(asked) < tuning.up_mps2:  # noqa: PLR2004 - m/s, near the aim
            step = tuning.bias_rate * error * dt_s
            self._bias = min(max(self._bias + step, -tuning.bias_mps2), tuning.bias_mps2)
        return asked
