"""What a car's camera, radar and map say of what is around it: brought up to date every 50 ms, a little late.

A value is None where the sensor has none: the distance to nobody, a lane that is not there. What a scenario breaks is
broken here, too: a signal that is silent is left out, as one that nobody says anything of.
"""

from __future__ import annotations

import math
import random
from collections import deque
from typing import TYPE_CHECKING, Final

from commonwheel.twin.injection import FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from commonwheel.twin.injection import Injection
    from commonwheel.twin.lane import Course
    from commonwheel.twin.surroundings import Sensor
    from commonwheel.twin.traffic import Traffic

__all__ = ["EVERY_NS", "PATHS", "Perception"]

EVERY_NS: Final = 50_000_000
AHEAD_S: Final = 1.0
"""How far ahead the lane's curvature is said."""
_FRONT = "Vehicle.ADAS.ObstacleDetection.Front.Center"
_LANE = "Vehicle.ADAS.Lane"
DISTANCE, RELATIVE, DETECTED = f"{_FRONT}.Distance", f"{_FRONT}.RelativeSpeed", f"{_FRONT}.IsObstacleDetected"
SEEN, OFFSET, HEADING = f"{_LANE}.IsDetected", f"{_LANE}.Offset", f"{_LANE}.HeadingError"
CURVATURE, AHEAD, WIDTH = f"{_LANE}.Curvature", f"{_LANE}.CurvatureAhead", f"{_LANE}.Width"
LIMIT = "Vehicle.ADAS.SpeedLimit"
PATHS: Final = (DISTANCE, RELATIVE, DETECTED, SEEN, OFFSET, HEADING, CURVATURE, AHEAD, WIDTH, LIMIT)
"""What there is to say, whether or not there is anything to see."""


class Perception:
    """The sensors of one car."""

    def __init__(
        self,
        sensor: Sensor,
        faults: Sequence[Injection],
        told: Collection[str],
        seed: int,
        *,
        width_m: float = math.nan,
    ) -> None:
        """Prepare.

        Args:
            sensor: how well they see.
            faults: of the scenario; those of other signals do nothing here.
            told: paths that the car's own wire gives, which are not said here.
            seed: of noise and dropouts.
            width_m: of the lane; NaN without one.
        """
        self.paths = tuple(path for path in PATHS if path not in told)
        self.said: dict[str, float | None] = {}
        """What was said last; it changes in place."""
        self.version = 0
        """How many times something was said."""
        self.seen_ns = 0
        """When what was said last was so."""
        self._sensor, self._width_m = sensor, width_m
        self._latency_ns = round(sensor.latency_s * 1e9)
        self._coming: deque[tuple[int, dict[str, float | None]]] = deque()
        self._next_ns = 0
        self._chance = random.Random(f"{seed}/sensor")  # noqa: S311 - not for secrets
        self._faults = [
            _Fault(one, random.Random(f"{seed}/sensor/{i}"))  # noqa: S311 - not for secrets
            for i, one in enumerate(faults)
            if one.signal in self.paths
        ]

    def step(self, t_ns: int, traffic: Traffic, speed_mps: float, course: Course | None) -> None:
        """Look, where it is time to, and say what was seen so long ago."""
        if t_ns >= self._next_ns:
            self._next_ns = t_ns + EVERY_NS
            self._coming.append((t_ns, self._look(t_ns, traffic, speed_mps, course)))
        while self._coming and self._coming[0][0] + self._latency_ns <= t_ns:
            self.seen_ns, seen = self._coming.popleft()
            self.said.clear()
            self.said.update(seen)
            self.version += 1

    def _look(self, t_ns: int, traffic: Traffic, speed_mps: float, course: Course | None) -> dict[str, float | None]:
        sensor, gauss = self._sensor, self._chance.gauss
        seen: dict[str, float | None] = dict.fromkeys(self.paths)
        if sensor.dropout and self._chance.random() < sensor.dropout:
            return self._spoil(t_ns, seen)
        found: dict[str, float] = {DETECTED: float(traffic.in_sight), SEEN: float(course is not None)}
        if traffic.in_sight:
            found[DISTANCE] = max(0.0, traffic.gap_m + _noise(gauss, sensor.gap_noise_m))
            found[RELATIVE] = traffic.lead_mps - speed_mps + _noise(gauss, sensor.speed_noise_mps)
        if course is not None:
            ahead = course.curvature(traffic.along_m + max(0.0, speed_mps) * AHEAD_S)
            found[OFFSET] = traffic.offset_m + _noise(gauss, sensor.offset_noise_m)
            found[HEADING] = math.degrees(traffic.heading_rad + _noise(gauss, sensor.heading_noise_rad))
            found[CURVATURE] = traffic.curvature + _noise(gauss, sensor.curvature_noise)
            found[AHEAD] = ahead + _noise(gauss, sensor.curvature_noise)
            found[WIDTH] = self._width_m
        if not math.isnan(traffic.limit_mps):
            found[LIMIT] = round(traffic.limit_mps * 3.6, 6)
        for path, value in found.items():
            if path in seen:
                seen[path] = value
        return self._spoil(t_ns, seen)

    def _spoil(self, t_ns: int, seen: dict[str, float | None]) -> dict[str, float | None]:
        for fault in self._faults:
            fault.apply(t_ns, seen)
        return seen


def _noise(gauss: Callable[[float, float], float], deviation: float) -> float:
    return gauss(0.0, deviation) if deviation else 0.0


class _Fault:
    """One fault of one signal."""

    def __init__(self, injection: Injection, chance: random.Random) -> None:
        self._injection, self._chance = injection, chance
        self._stuck: float | None = None
        self._has_stuck = False
        self._past: deque[tuple[int, float | None]] = deque()

    def apply(self, t_ns: int, seen: dict[str, float | None]) -> None:
        """Change what was seen at a time, or leave it out."""
        fault, path = self._injection, self._injection.signal
        if path not in seen:
            return
        if fault.kind is FaultKind.DELAYED:
            self._past.append((t_ns, seen[path]))
            while len(self._past) > 1 and self._past[1][0] <= t_ns - fault.amount * 1e9:
                self._past.popleft()
        if not fault.from_s * 1e9 <= t_ns < fault.to_s * 1e9:
            return
        silent = fault.kind is FaultKind.SILENT
        if silent or (fault.kind is FaultKind.LOST and self._chance.random() < fault.amount):
            del seen[path]
        else:
            seen[path] = self._told(t_ns, seen[path])

    def _told(self, t_ns: int, value: float | None) -> float | None:
        """Return what is said of a value."""
        match self._injection.kind:
            case FaultKind.DELAYED:
                return self._past[0][1]
            case FaultKind.STUCK | FaultKind.FROZEN:
                if not self._has_stuck:
                    self._has_stuck, self._stuck = True, value
                return self._stuck
            case FaultKind.NO_VALUE:
                return None
            case FaultKind.DRIFT | FaultKind.BIAS | FaultKind.NOISE:
                return None if value is None else value + self._off(t_ns)
            case _:
                return value

    def _off(self, t_ns: int) -> float:
        fault = self._injection
        if fault.kind is FaultKind.DRIFT:
            return fault.amount * (t_ns / 1e9 - fault.from_s)
        return self._chance.gauss(0.0, fault.amount) if fault.kind is FaultKind.NOISE else fault.amount
