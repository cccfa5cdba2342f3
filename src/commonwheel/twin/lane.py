"""Where a car is in its lane: the lane as a curve in the plane, and the car's place on it.

The curvature is straight between points, so the curve is made of lines, arcs and clothoids. The place on it is found by
projection: the point of the lane whose normal goes through the car. That is exact for any angle and distance, and what
is left of one step's iteration is made good in the next, so nothing drifts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.twin.surroundings import Lane

__all__ = ["Course", "Place"]

_GAUSS = 0.5 / math.sqrt(3.0)


class Course:
    """Curvature and direction of a lane, by the distance along it."""

    def __init__(self, lane: Lane) -> None:
        points = lane.curvature
        self._at = [at for at, _ in points]
        self._curvature = [value for _, value in points]
        self._turned = [0.0]
        for i in range(1, len(points)):
            mean = 0.5 * (self._curvature[i] + self._curvature[i - 1])
            self._turned.append(self._turned[-1] + mean * (self._at[i] - self._at[i - 1]))

    def curvature(self, along_m: float) -> float:
        """Return the curvature at a place, in 1/m."""
        i = bisect_right(self._at, along_m)
        if i == 0:
            return self._curvature[0]
        if i == len(self._at):
            return self._curvature[-1]
        part = (along_m - self._at[i - 1]) / (self._at[i] - self._at[i - 1])
        return self._curvature[i - 1] + part * (self._curvature[i] - self._curvature[i - 1])

    def direction(self, along_m: float) -> float:
        """Return how far the lane has turned from its first point, in rad; to the left is positive."""
        i = max(1, bisect_right(self._at, along_m)) - 1
        here = self.curvature(along_m)
        return self._turned[i] + 0.5 * (self._curvature[i] + here) * (along_m - self._at[i])


class Place:
    """The place of one point on a course; ``follow`` it in small steps."""

    def __init__(self, course: Course, lane: Lane, x_m: float, y_m: float, heading_rad: float) -> None:
        """Put the lane where the point is, as the lane says it begins.

        Args:
            course: of the lane.
            lane: says where the point is from its middle, and the heading from its direction.
            x_m: of the point.
            y_m: of the point.
            heading_rad: of the car.
        """
        self._course = course
        self._turn = heading_rad - lane.heading_rad - course.direction(0.0)
        direction = heading_rad - lane.heading_rad
        self.along_m = 0.0
        self.offset_m = lane.offset_m
        self.heading_rad = lane.heading_rad
        self._x = x_m + lane.offset_m * math.sin(direction)
        self._y = y_m - lane.offset_m * math.cos(direction)

    def follow(self, x_m: float, y_m: float, heading_rad: float) -> None:
        """Find the place of where the point is now."""
        course = self._course
        direction = self._turn + course.direction(self.along_m)
        cos, sin = math.cos(direction), math.sin(direction)
        dx, dy = x_m - self._x, y_m - self._y
        offset = dy * cos - dx * sin
        ahead = (dx * cos + dy * sin) / max(0.05, 1.0 - course.curvature(self.along_m) * offset)
        if ahead:
            self._go(ahead)
            direction = self._turn + course.direction(self.along_m)
            cos, sin = math.cos(direction), math.sin(direction)
            offset = (y_m - self._y) * cos - (x_m - self._x) * sin
        self.offset_m = offset
        self.heading_rad = math.remainder(heading_rad - direction, math.tau)

    def _go(self, ahead_m: float) -> None:
        """Go along the course: Gauss' quadrature with two points, whose error is of the fifth order in the step."""
        middle = self.along_m + 0.5 * ahead_m
        one = self._turn + self._course.direction(middle - _GAUSS * ahead_m)
        other = self._turn + self._course.direction(middle + _GAUSS * ahead_m)
        self._x += 0.5 * ahead_m * (math.cos(one) + math.cos(other))
        self._y += 0.5 * ahead_m * (math.sin(one) + math.sin(other))
        self.along_m += ahead_m
