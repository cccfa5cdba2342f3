"""Axis ticks are round, few, inside the axis, and told apart by their labels."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from commonwheel.report.ticks import format_number, format_time, nice_range, number_ticks, time_ticks, time_unit

numbers = st.floats(-1e7, 1e7, allow_nan=False)


@given(numbers, numbers, st.integers(2, 12))
def test_ticks_are_inside_few_and_told_apart(low: float, high: float, most: int) -> None:
    assume(high - low > 1e-3)
    ticks = number_ticks(low, high, most)
    slack = (high - low) * 1e-6
    assert 1 <= len(ticks) <= most
    assert all(low - slack <= value <= high + slack for value, _ in ticks)
    assert len({label for _, label in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0, 100, 5, ["0", "25", "50", "75", "100"]),
        (-1, 1, 5, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]),
        (0, 10_000, 3, ["0", "5 000", "10 000"]),
        (358.2, 358.3, 3, ["358.20", "358.25", "358.30"]),
    ],
)
def test_labels_have_the_digits_they_need(low: float, high: float, most: int, labels: list[str]) -> None:
    assert [label for _, label in number_ticks(low, high, most)] == labels


@pytest.mark.parametrize(
    ("low", "high", "labels"), [(0, 4e9, ["0", "2e+09", "4e+09"]), (0, 4e-5, ["0.00000", "2e−05", "4e−05"])]
)
def test_very_large_and_very_small_numbers_stay_short(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in number_ticks(low, high, 3)] == labels


def test_an_empty_axis_has_a_tick() -> None:
    assert number_ticks(5.0, 5.0, 4) == [(5.0, "5")]


@pytest.mark.parametrize(
    ("span", "unit", "label"),
    [(60, "s", "20"), (600, "min:s", "2:00"), (36_000, "h:min", "4:00"), (9e5, "days", "2")],
)
def test_times_are_counted_as_suits_their_span(span: float, unit: str, label: str) -> None:
    assert time_unit(span) == unit
    assert label in [text for _, text in time_ticks(0, span, 7)]


def test_a_clock_shows_what_is_not_zero() -> None:
    assert format_time(12.5, 60) == "12.5"
    assert [format_time(s, 10_000) for s in (0, 3600, 3661, -60)] == ["0:00", "1:00", "1:01:01", "−0:01"]


@given(numbers, numbers)
def test_the_range_holds_the_values_and_is_not_empty(a: float, b: float) -> None:
    low, high = nice_range(min(a, b), max(a, b))
    assert low < high
    assert low <= min(a, b) <= max(a, b) <= high


def test_no_values_have_a_range_all_the_same() -> None:
    assert nice_range(math.inf, -math.inf) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0.5, "0.5"),
        (-3.0, "−3"),
        (124000.0, "124 000"),
        (1.5e7, "15 000 000"),
        (1e-5, "1e−05"),
    ],
)
def test_numbers_are_shown_for_people(value: float | None, text: str) -> None:
    assert format_number(value) == text
