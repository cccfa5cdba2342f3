"""How a car accelerates along and across, from whatever of speed, yaw rate, wheel speeds and steering it gives.

Along: the slope of the speed (``Slope``). Across, in this order:

- *yaw*: speed times yaw rate;
- *wheels*: the wheels on the outside of a bend turn faster. With the relative difference d = 2 (R - L) / (R + L) of an
  axle it is v^2 d / track, whatever unit the wheels' speeds come in. Tyres are not equal, which at speed looks like a
  bend: what the difference is with the steering wheel straight is learned and taken off; without a steering wheel two
  axles have to agree, and a single one counts below 60 km/h only;
- *steering*: v^2 times the front wheels' angle over wheelbase and understeer, v^2 a / (n L (1 + (v / 25 m/s)^2)), the
  steady turn of a bicycle model with a characteristic speed usual for passenger cars. This is within about a quarter.

Left is positive.
"""

from __future__ import annotations

import enum
import math
import statistics
from collections import deque
from dataclasses import dataclass

__all__ = ["Axle", "Chassis", "Lateral", "Rolling", "Source"]

_NS = 1_000_000_000
_WINDOW_NS = _NS // 2
_LEAST_MPS = 2.0
"""Below this speed no lateral acceleration is worth the name."""
_ONE_AXLE_MPS = 60 / 3.6
_STRAIGHT_DEG = 4.0
_BENT_DEG = 8.0
_LEARN_MPS = 40 / 3.6
_LEARN_SHARE = 0.01
_CHARACTERISTIC_MPS = 25.0
_ROLLS_KMH = 5.0


class Source(enum.Enum):
    """What a lateral acceleration rests on."""

    YAW = "yaw rate"
    WHEELS = "wheel speeds"
    STEERING = "steering angle"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Axle:
    """The speeds of an axle's wheels, both in the same unit."""

    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Chassis:
    """What turns a steering angle or a difference of wheel speeds into a bend."""

    track_m: float = 1.50
    wheelbase_m: float = 2.65
    steering_ratio: float = 16.0


class Lateral:
    """Estimates the lateral acceleration; smoothed by the median of half a second."""

    def __init__(self, chassis: Chassis | None = None) -> None:
        """Begin; *chassis*: the car's, where it is known better than usual."""
        self._chassis = chassis or Chassis()
        self._straight: dict[int, float] = {}
        """Relative difference of each axle when going straight."""
        self._recent: deque[tuple[int, float]] = deque()
        self.source = Source.NOTHING

    def update(
        self, t_ns: int, speed_mps: float, yaw_dps: float | None, axles: dict[int, Axle], steering_deg: float | None
    ) -> float | None:
        """Return the lateral acceleration in m/s^2; None: nobody can say. Everything is to be fresh and good.

        Args:
            t_ns: of the speed.
            speed_mps: of the car.
            yaw_dps: yaw rate in degrees per second.
            axles: by row, 1 is the front.
            steering_deg: angle of the steering wheel.
        """
        now, self.source = self._now(speed_mps, yaw_dps, axles, steering_deg)
        if now is None:
            self._recent.clear()
            return None
        recent = self._recent
        if recent and t_ns < recent[-1][0]:
            recent.clear()
        recent.append((t_ns, now))
        while t_ns - recent[0][0] > _WINDOW_NS:
            recent.popleft()
        return statistics.median(value for _t, value in recent)

    def _now(
        self, speed: float, yaw_dps: float | None, axles: dict[int, Axle], steering_deg: float | None
    ) -> tuple[float | None, Source]:
        differences = {row: _difference(axle) for row, axle in axles.items() if axle.left + axle.right > 0}
        self._learn(speed, differences, steering_deg)
        if speed < _LEAST_MPS:
            return 0.0, self.source
        if yaw_dps is not None:
            return speed * math.radians(yaw_dps), Source.YAW
        if axles and len(differences) == len(axles):
            return self._by_wheels(speed, differences, steering_deg), Source.WHEELS
        if steering_deg is not None and not axles:
            return self._by_steering(speed, steering_deg), Source.STEERING
        return None, Source.NOTHING

    def _learn(self, speed: float, differences: dict[int, float], steering_deg: float | None) -> None:
        if steering_deg is None or abs(steering_deg) > _STRAIGHT_DEG or speed < _LEARN_MPS:
            return
        for row, difference in differences.items():
            known = self._straight.setdefault(row, difference)
            self._straight[row] = known + _LEARN_SHARE * (difference - known)

    def _by_wheels(self, speed: float, differences: dict[int, float], steering_deg: float | None) -> float | None:
        factor = speed**2 / self._chassis.track_m
        each = [factor * (difference - self._straight.get(row, 0.0)) for row, difference in differences.items()]
        mean = statistics.fmean(each)
        if max(each) - min(each) > max(1.0, 0.4 * abs(mean)):
            return None  # the axles contradict each other: a wheel spins or locks, or the car is on rollers
        if steering_deg is not None:
            with_it = abs(steering_deg) >= _BENT_DEG and (steering_deg > 0) == (mean > 0)
            return mean if with_it or abs(mean) < 1.0 else 0.0
        return mean if len(each) > 1 or speed < _ONE_AXLE_MPS else None

    def _by_steering(self, speed: float, steering_deg: float) -> float:
        chassis = self._chassis
        turn = math.radians(steering_deg) / (chassis.steering_ratio * chassis.wheelbase_m)
        return speed**2 * turn / (1 + (speed / _CHARACTERISTIC_MPS) ** 2)


def _difference(axle: Axle) -> float:
    return 2 * (axle.right - axle.left) / (axle.right + axle.left)


class Rolling:
    """Whether the car rolls on all its wheels: an axle that stands while the other turns is no drive on a road.

    On a brake test stand or lifted, the driven wheels' speed says nothing of the car. Wheels that lock while braking
    have turned before, so they raise no suspicion.
    """

    def __init__(self) -> None:
        """Begin without knowing."""
        self._turned: set[int] = set()
        """Axles that have turned since the car last stood."""
        self._stood_ns: int | None = None
        self.suspect = False
        """Whether the car is, or came, at speed and an axle has not turned."""

    def update(self, t_ns: int, kmh: float, axles: dict[int, Axle]) -> bool:
        """Take fresh wheel speeds; returns whether nothing speaks against a drive on a road."""
        if kmh > 0:
            self._stood_ns = None
        elif self._stood_ns is None:
            self._stood_ns = t_ns
        elif t_ns - self._stood_ns > _NS:
            self._turned.clear()
        self._turned.update(row for row, axle in axles.items() if axle.left > 0 or axle.right > 0)
        one_only = len(axles) > 1 and not self._turned.issuperset(axles)
        self.suspect = one_only and (self.suspect or kmh > _ROLLS_KMH)
        return not self.suspect
