"""The world around one simulated car: its place in the lane, who is ahead, what limits it, and what its sensors say."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from commonwheel.twin.lane import Course, Place
from commonwheel.twin.lateral import understeer
from commonwheel.twin.perception import Perception
from commonwheel.twin.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from commonwheel.twin.injection import Injection
    from commonwheel.twin.inputs import Inputs
    from commonwheel.twin.parameters import Chassis
    from commonwheel.twin.plan import Profile
    from commonwheel.twin.state import State
    from commonwheel.twin.surroundings import Lead, Surroundings

__all__ = ["World"]

OVERHANG_M = 0.9
"""From the front axle to the front of the car; most passenger cars have 0.8 to 1.0 m."""
LOOKS_S, LOOKS_M = 0.9, 6.0
"""How far ahead a driver aims at the middle of the lane."""


class World:
    """See the module."""

    def __init__(
        self,
        surroundings: Surroundings,
        chassis: Chassis,
        *,
        faults: Sequence[Injection] = (),
        told: Collection[str] = (),
        seed: int = 0,
        steers: bool = True,
    ) -> None:
        """Begin with the car at the origin.

        Args:
            surroundings: of the scenario.
            chassis: of the car.
            faults: of the scenario.
            told: paths that the car's own wire gives.
            seed: of the sensors.
            steers: whether the driver follows the lane; else where the wheel is turned to is somebody else's.
        """
        self.traffic = Traffic()
        lane = surroundings.lane
        self._axle_m = chassis.wheelbase_m * (1.0 - chassis.front_share)
        self.course = None if lane is None else Course(lane)
        self._place: Place | None = None
        if lane is not None and self.course is not None:
            self._place = Place(self.course, lane, self._axle_m, 0.0, 0.0)
        self._leads = [_Moving(lead) for lead in surroundings.leads]
        self._limits, self._friction = surroundings.limits, surroundings.friction
        self._range_m = surroundings.sensor.range_m
        self.perception = Perception(
            surroundings.sensor, faults, told, seed, width_m=math.nan if lane is None else lane.width_m
        )
        self._steers = steers and lane is not None
        self._wheelbase, self._understeer = chassis.wheelbase_m, understeer(chassis)
        self._degrees = chassis.steering_ratio * 180.0 / math.pi
        self._look()

    def before(self, state: State, inputs: Inputs) -> None:
        """Say what the road is like, and where a driver who follows the lane turns the wheel to."""
        if self._friction:
            inputs.friction = _since(self._friction, self.traffic.along_m, inputs.friction)
        if self._steers and inputs.hands:
            inputs.steering_deg = self._wheel_deg(state.speed_mps)

    def step(self, t_ns: int, state: State, dt_s: float) -> None:
        """Follow the car's step."""
        place, traffic = self._place, self.traffic
        if place is None:
            traffic.along_m += state.speed_mps * dt_s
        else:
            heading = state.heading_rad
            cos, sin = math.cos(heading), math.sin(heading)
            place.follow(state.x_m + self._axle_m * cos, state.y_m + self._axle_m * sin, heading)
        self._meet(t_ns / 1e9, state, dt_s)
        self._look()
        self.perception.step(t_ns, traffic, state.speed_mps, self.course)

    def _look(self) -> None:
        traffic, place = self.traffic, self._place
        if place is not None and self.course is not None:
            traffic.along_m, traffic.offset_m, traffic.heading_rad = place.along_m, place.offset_m, place.heading_rad
            traffic.curvature = self.course.curvature(place.along_m)
        if self._limits:
            traffic.limit_mps = _since(self._limits, traffic.along_m, math.nan)

    def _meet(self, t_s: float, state: State, dt_s: float) -> None:
        """Move the vehicles ahead; the nearest that is not behind is the one ahead."""
        traffic = self.traffic
        if not self._leads:
            return
        front = traffic.along_m + OVERHANG_M
        nearest: _Moving | None = None
        for one in self._leads:
            if one.step(t_s, front, dt_s) and (nearest is None or one.rear_m < nearest.rear_m):
                nearest = one
        if nearest is None:
            traffic.gap_m = traffic.lead_mps = traffic.lead_mps2 = traffic.headway_s = math.nan
            traffic.in_sight = False
            return
        traffic.gap_m = gap = nearest.rear_m - front
        traffic.lead_mps, traffic.lead_mps2 = nearest.speed_mps, nearest.mps2
        traffic.headway_s = gap / state.speed_mps if state.speed_mps > 0.5 else math.nan  # noqa: PLR2004 - m/s, of which a time gap means something
        traffic.in_sight = gap <= self._range_m
        traffic.collided = traffic.collided or gap <= 0.0

    def _wheel_deg(self, speed: float) -> float:
        """Return where a driver turns the wheel to: along the lane, and back to its middle some way ahead."""
        traffic, course = self.traffic, self.course
        if course is None:
            return 0.0
        away = max(LOOKS_M, LOOKS_S * abs(speed))
        aside = traffic.offset_m + away * math.sin(traffic.heading_rad)
        curvature = course.curvature(traffic.along_m + 0.2 * speed) - 2.0 * aside / (away * away)
        return self._degrees * math.atan((self._wheelbase + self._understeer * speed * speed) * curvature)


def _since(points: Sequence[tuple[float, float]], along_m: float, before: float) -> float:
    """Return what applies from the last of the places on that was passed."""
    i = bisect_right(points, along_m, key=lambda point: point[0])
    return points[i - 1][1] if i else before


class _Moving:
    """A vehicle ahead."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead
        self._profile: Profile | None = None if lead.plan is None else lead.plan.compile()
        self._here = False
        self.rear_m = math.nan
        self.speed_mps = lead.speed_mps
        self.mps2 = 0.0

    def step(self, t_s: float, front_m: float, dt_s: float) -> bool:
        """Go on by a step; return whether it is in the way."""
        lead = self._lead
        if not lead.at_s - 1e-9 <= t_s < lead.until_s - 1e-9:
            return False
        if not self._here:
            self._here, self.rear_m = True, front_m + lead.gap_m
            return True
        if self._profile is not None:
            speed = self._profile.speed(t_s - lead.at_s)
            self.mps2 = (speed - self.speed_mps) / dt_s
            self.rear_m += 0.5 * (speed + self.speed_mps) * dt_s
            self.speed_mps = speed
        else:
            self.rear_m += self.speed_mps * dt_s
        return True
