"""The lane as a curve in the plane, and a place on it: against arcs and clothoids that are known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.twin.lane import Course, Place
from commonwheel.twin.surroundings import Lane


def test_a_course_without_points_is_straight() -> None:
    course = Course(Lane())
    assert (course.curvature(-5.0), course.curvature(1e6), course.direction(1e6)) == (0.0, 0.0, 0.0)


def test_curvature_is_straight_between_points_and_the_direction_is_its_integral() -> None:
    course = Course(Lane(curvature=((10.0, 0.0), (30.0, 0.02), (80.0, 0.02), (100.0, -0.01))))
    assert course.curvature(0.0) == 0.0
    assert course.curvature(20.0) == pytest.approx(0.01)
    assert course.curvature(500.0) == -0.01
    at = np.linspace(0.0, 150.0, 30_001)
    summed = np.concatenate([[0.0], np.cumsum([course.curvature(float(s)) for s in (at[1:] + at[:-1]) / 2]) * 0.005])
    told = np.array([course.direction(float(s)) for s in at])
    assert told == pytest.approx(summed, abs=1e-5)


@given(
    radius=st.floats(20.0, 2000.0),
    side=st.sampled_from((1.0, -1.0)),
    offset=st.floats(-3.0, 3.0),
    heading=st.floats(-0.6, 0.6),
)
@settings(max_examples=12, deadline=None)
def test_on_an_arc_the_place_is_what_the_circle_says(radius: float, side: float, offset: float, heading: float) -> None:
    """The car goes straight on from anywhere in the lane, at any angle: no small angle is taken for its sine."""
    lane = Lane(curvature=((0.0, side / radius), (1.0, side / radius)), offset_m=offset, heading_rad=heading)
    place = Place(Course(lane), lane, 0.0, 0.0, 0.0)
    # The centre of the circle is to the side of where the lane is at the beginning, whose direction is -heading.
    away = side * radius - offset
    centre = (away * math.sin(heading), away * math.cos(heading))
    for step in range(1, 60):
        x = 0.25 * step
        place.follow(x, 0.0, 0.0)
        dx, dy = x - centre[0], -centre[1]
        assert place.offset_m == pytest.approx(side * (radius - math.hypot(dx, dy)), abs=1e-6)
        # Clockwise of the radius is along the lane where it turns to the right, and anticlockwise to the left.
        lane_direction = math.atan2(dy, dx) + side * math.pi / 2
        assert math.remainder(place.heading_rad + lane_direction, math.tau) == pytest.approx(0.0, abs=1e-5)


def test_along_a_clothoid_a_point_that_stays_on_it_stays_on_it() -> None:
    """Points of Euler's spiral, by Simpson's rule in steps a thousand times finer than the car's."""
    slope = 0.02 / 60.0
    lane = Lane(curvature=((0.0, 0.0), (60.0, 0.02)))
    place = Place(Course(lane), lane, 0.0, 0.0, 0.0)
    fine = np.linspace(0.0, 60.0, 240_001)
    direction = slope * fine**2 / 2
    h = fine[1] - fine[0]
    xs = np.concatenate([[0.0], np.cumsum((np.cos(direction[1:]) + np.cos(direction[:-1])) / 2 * h)])
    ys = np.concatenate([[0.0], np.cumsum((np.sin(direction[1:]) + np.sin(direction[:-1])) / 2 * h)])
    for i in range(1000, 240_001, 1000):
        place.follow(float(xs[i]), float(ys[i]), float(direction[i]))
        assert place.offset_m == pytest.approx(0.0, abs=1e-6)
        assert place.heading_rad == pytest.approx(0.0, abs=1e-6)
        assert place.along_m == pytest.approx(float(fine[i]), abs=1e-4)


def test_a_car_that_stands_stays_where_it_is_and_one_that_backs_comes_back() -> None:
    lane = Lane(curvature=((0.0, 0.01), (1.0, 0.01)), offset_m=0.4)
    place = Place(Course(lane), lane, 1.5, 2.5, 0.3)
    begin = (place.along_m, place.offset_m, place.heading_rad)
    place.follow(1.5, 2.5, 0.3)
    assert (place.along_m, place.offset_m, place.heading_rad) == pytest.approx(begin, abs=1e-12)
    for step in [*range(40), *range(40, -1, -1)]:
        place.follow(1.5 + 0.2 * step, 2.5 + 0.05 * step, 0.3)
    assert (place.along_m, place.offset_m, place.heading_rad) == pytest.approx(begin, abs=1e-6)
