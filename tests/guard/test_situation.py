"""What limits are judged by: every speed of late, whether the car moves, and where neutral is."""

from __future__ import annotations

import pytest

from commonwheel.guard.situation import Situation
from commonwheel.vehicles.samples import Quality
from tests.guard.little import ANGLE, CAR, MS, S, with_one

KMH = 3.6


def _seen(*readings: tuple[int, str, float], low: float = 0.0) -> Situation:
    """Return what is known after readings, each at its time."""
    car = Situation(with_one(CAR, "inputs", "Speed", low=low))
    for t_ns, path, value in readings:
        car.watches[path].take(t_ns, value, Quality.GOOD)
    return car


@pytest.mark.parametrize(
    ("first", "then", "slow", "fast"),
    [
        (36.0, 72.0, 36.0, 72.0),
        (-72.0, -36.0, 36.0, 72.0),
        (-36.0, 72.0, 0.0, 72.0),
        (-72.0, 36.0, 0.0, 72.0),
        (0.0, 36.0, 0.0, 36.0),
        (-36.0, 0.0, 0.0, 36.0),
        (0.0, 0.0, 0.0, 0.0),
    ],
)
def test_the_slowest_and_the_fastest_of_late_count_whichever_way(
    first: float, then: float, slow: float, fast: float
) -> None:
    car = _seen((S, "Speed", first), (S + 10 * MS, "Speed", then), low=-180.0)
    assert car.speeds(S + 20 * MS) == (slow / KMH, fast / KMH)


def test_speeds_are_found_anew_once_all_that_came_in_was_judged() -> None:
    car = _seen((S, "Speed", 36.0))
    assert car.speeds(S) == (10.0, 10.0)
    car.watches["Speed"].take(S, 72.0, Quality.GOOD)
    car.judge(S)
    assert car.speeds(S) == (10.0, 20.0)


@pytest.mark.parametrize(("speed", "quality"), [(36.0, Quality.INVALID), (0.0, Quality.GOOD)])
def test_a_signal_may_stand_still_for_as_long_as_the_car_stands(speed: float, quality: Quality) -> None:
    """The speed is taken to be frozen after 2 s; it always flickers while a car moves."""
    car = _seen((S, "Speed", speed))
    for now_ns in range(S, 4 * S, 50 * MS):
        car.watches["Speed"].take(now_ns, speed, Quality.GOOD)
        car.judge(now_ns)
    assert car.watches["Speed"].quality is quality


@pytest.mark.parametrize(("wheel", "neutral"), [(-600.0, -400.0), (600.0, 400.0), (-33.0, -33.0)])
def test_a_measured_neutral_stays_within_the_widest_that_the_command_can_be(wheel: float, neutral: float) -> None:
    """Fast as the car is: the wheel may be turned further than what may be asked for there."""
    car = _seen((S, "Speed", 72.0), (S, "Wheel", wheel))
    assert car.neutral(ANGLE, S) == (neutral, neutral, neutral)


def test_a_measured_neutral_is_what_was_seen_of_late_and_where_it_is_now() -> None:
    car = _seen((S, "Wheel", 12.0), (S + 10 * MS, "Wheel", 15.0), (S + 20 * MS, "Wheel", 10.0))
    assert car.neutral(ANGLE, S + 50 * MS) == (10.0, 15.0, 10.0)
    assert car.neutral(ANGLE, S + 60 * MS + 1) == (10.0, 10.0, 10.0)
    assert car.neutral(ANGLE, 9 * S) == (10.0, 10.0, 10.0)


def test_a_neutral_that_was_never_measured_is_its_centre() -> None:
    assert _seen().neutral(ANGLE, S) == (0.0, 0.0, 0.0)
