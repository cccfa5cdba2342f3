"""What a quantity may be, as pure functions: where it may be (a range), and where it can have got to (a reach).

The range comes first: when it shrinks faster than the rate, its nearest edge is allowed and nothing else. Speeds are
the slowest and the fastest that the car may have, m/s, and of every curve the strictest value in between counts.

Steering turns the car as a bicycle model's steady state says (curvature = angle / ratio / (wheelbase + K v^2)), and
lateral acceleration is v^2 times curvature; its jerk is v^2 times the change of curvature, at a constant speed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from commonwheel.guard.envelope import Geometry, Lateral, Without
from commonwheel.guard.verdict import Rule

if TYPE_CHECKING:
    from commonwheel.guard.envelope import Curve, Envelope

__all__ = [
    "ANGLES",
    "CURVATURES",
    "Bounds",
    "Speeds",
    "allowed",
    "approach",
    "extent",
    "range_of",
    "reach_of",
    "steered",
    "windowed",
]

ANGLES = frozenset({"degrees", "deg", "degree"})
"""Units of a steering wheel's angle."""
CURVATURES = frozenset({"1/m"})
"""Units of a curvature."""

Speeds = tuple[float, float]


class Bounds(NamedTuple):
    """From where to where, both included, and by which rules."""

    low: float
    high: float
    low_rule: Rule
    high_rule: Rule

    def within(self, low: float, high: float, rule: Rule) -> Bounds:
        """Return these bounds where they are tighter, and else the given ones, whose rule is given too."""
        return Bounds(
            max(self.low, low),
            min(self.high, high),
            rule if low > self.low else self.low_rule,
            rule if high < self.high else self.high_rule,
        )

    def wider(self, by: float) -> Bounds:
        """Return them moved apart, each by so much."""
        return self._replace(low=self.low - by, high=self.high + by)


def extent(curve: Curve, speeds: Speeds) -> tuple[float, float]:
    """Return the least and the greatest value of a curve between two speeds."""
    slow, fast = speeds
    if len(curve.points) == 1:
        return curve.points[0][1], curve.points[0][1]
    values = [curve.at(slow), curve.at(fast), *(value for speed, value in curve.points if slow < speed < fast)]
    return min(values), max(values)


def steered(geometry: Geometry, unit: str, speed_mps: float, lateral: float) -> float:
    """Return the angle or curvature (or its rate) that gives a lateral acceleration (or jerk) at a speed."""
    square = speed_mps * speed_mps
    if square == 0.0:
        return math.inf if lateral else 0.0
    curvature = lateral / square
    if unit in CURVATURES:
        return curvature
    return math.degrees(curvature * (geometry.wheelbase_m + geometry.understeer_s2_per_m * square)) * (
        geometry.steering_ratio
    )


def range_of(envelope: Envelope, geometry: Geometry | Without, speeds: Speeds) -> Bounds:
    """Return where a quantity may be: by its curves, and by the lateral acceleration that it leads to."""
    bounds = Bounds(extent(envelope.low, speeds)[1], extent(envelope.high, speeds)[0], Rule.RANGE, Rule.RANGE)
    if isinstance(envelope.lateral, Lateral) and isinstance(geometry, Geometry):
        most = steered(geometry, envelope.unit, speeds[1], envelope.lateral.acceleration_mps2)
        return bounds.within(-most, most, Rule.LATERAL_ACCELERATION)
    return bounds


def _rate(rate: Curve | Without, speeds: Speeds) -> float:
    return math.inf if isinstance(rate, Without) else extent(rate, speeds)[0]


def _risen(above: float, up: float, down: float, elapsed_s: float) -> float:
    """Return how far a quantity can have risen that is so much above its centre (below it: negative)."""
    if above < 0.0:
        back_s = -above / down
        if back_s > elapsed_s:
            return above + down * elapsed_s
        above, elapsed_s = 0.0, elapsed_s - back_s
    return up if math.isinf(up) else above + up * elapsed_s


def reach_of(
    envelope: Envelope,
    geometry: Geometry | Without,
    speeds: Speeds,
    *,
    source: tuple[float, float],
    centre: float,
    elapsed_s: float,
) -> Bounds:
    """Return where a quantity can have got to that was somewhere from *source*, by its rates and the lateral jerk."""
    least, most = source
    up, down = _rate(envelope.rate_up, speeds), _rate(envelope.rate_down, speeds)
    high = centre + _risen(most - centre, up, down, elapsed_s)
    low = centre - _risen(centre - least, up, down, elapsed_s)
    bounds = Bounds(low, high, Rule.RATE, Rule.RATE)
    if isinstance(envelope.lateral, Lateral) and isinstance(geometry, Geometry):
        turn = steered(geometry, envelope.unit, speeds[1], envelope.lateral.jerk_mps3 * elapsed_s)
        return bounds.within(least - turn, most + turn, Rule.LATERAL_JERK)
    return bounds


def windowed(
    reach: Bounds, envelope: Envelope, recent: tuple[float, float] | None, *, last: float, spare: float
) -> Bounds:
    """Return a reach within what may change in the envelope's window, and so much more; it may stay as it is.

    What was last counts however long ago: nothing has come since that would have changed it.
    """
    if isinstance(envelope.window_change, Without):
        return reach
    least, most = recent or (last, last)
    low, high = most - envelope.window_change - spare, least + envelope.window_change + spare
    return reach.within(min(low, last), max(high, last), Rule.WINDOW)


def allowed(within: Bounds, reach: Bounds) -> Bounds:
    """Return what both allow; if nothing, the edge of the range that is nearest to the reach."""
    low, high = min(reach.low, within.high), max(reach.high, within.low)
    return within.within(low, high, Rule.RATE)._replace(
        low_rule=reach.low_rule if low > within.low else within.low_rule,
        high_rule=reach.high_rule if high < within.high else within.high_rule,
    )


def approach(value: float, target: float, step: float) -> float:
    """Return a value moved towards a target, by a step at most."""
    return max(value - step, target) if value > target else min(value + step, target)
