"""What controllers share: what a car should show by now for what was asked of it."""

from __future__ import annotations

import random

import pytest

from commonwheel.control.controllers import Expected

DELAY_S = 0.5


def _seen_after(steps_s: list[float]) -> float:
    """Return how long after a step from 1 to 2 was asked the expected value is past the middle."""
    expected = Expected(DELAY_S)
    expected.reset(1.0)
    passed_s = 0.0
    for number, dt_s in enumerate(steps_s):
        passed_s += dt_s if number else 0.0
        if expected.follow(2.0, dt_s) > 1.5:
            return passed_s
    return passed_s


def test_what_was_asked_is_expected_after_the_delay() -> None:
    assert _seen_after([0.01] * 100) == pytest.approx(DELAY_S)


@pytest.mark.parametrize("seed", range(5))
def test_cycles_of_uneven_length_only_delay_by_themselves(seed: int) -> None:
    """A loop in real time is never quite even; what was asked must not be lost for that."""
    chance = random.Random(seed)
    steps = [chance.uniform(0.008, 0.012) for _ in range(100)]
    assert _seen_after(steps) == pytest.approx(DELAY_S, abs=0.012)


def test_a_cycle_that_takes_no_time_changes_nothing() -> None:
    expected = Expected(DELAY_S, 0.2)
    expected.reset(1.0)
    before = expected.follow(1.0, 0.01)
    assert [expected.follow(2.0, 0.0) for _ in range(10)] == [before] * 10


def test_begun_anew_nothing_of_before_comes() -> None:
    expected = Expected(0.05)
    for _ in range(3):
        expected.follow(9.0, 0.01)
    expected.reset(1.0)
    assert [expected.follow(1.0, 0.01) for _ in range(10)] == [1.0] * 10
