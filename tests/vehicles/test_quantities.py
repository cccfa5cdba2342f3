"""Quantities with their units, as people write them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.vehicles.quantities import Bounds, quantity
from commonwheel.vehicles.yamltree import Node, Reader


def read(value: object, unit: str, **options: object) -> tuple[float, list[str]]:
    reader = Reader()
    found = quantity(reader, Node(value, Path("x.yaml"), 7), "'it'", unit, **options)  # type: ignore[arg-type]
    return found, [str(fault) for fault in reader.faults]


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("50 km/h", "m/s", 50 / 3.6),
        ("60 mph", "m/s", 26.8224),
        ("80 %", "", 0.8),
        (0.8, "", 0.8),
        ("-5 degC", "Celsius", -5.0),
        ("41 degF", "Celsius", 5.0),
        ("6.6 kW", "W", 6600.0),
        ("20 min", "s", 1200.0),
        ("1.2 km", "m", 1200.0),
        (0, "s", 0.0),
        ("50 ms", "s", 0.05),
    ],
)
def test_a_quantity_is_converted_to_the_unit_that_is_asked_for(text: object, unit: str, expected: float) -> None:
    value, faults = read(text, unit)
    assert value == pytest.approx(expected)
    assert not faults


@pytest.mark.parametrize(
    ("value", "unit", "says"),
    [
        (5, "s", "needs its unit"),
        ("5 kg", "s", "'kg' is no unit for it"),
        ("fast", "m/s", "such as '50 km/h'"),
        ("1e999 s", "s", "a quantity"),
        ([1], "s", "not a list"),
        (True, "s", "not a boolean"),
        (None, "s", "not nothing"),
    ],
)
def test_what_is_no_quantity_is_a_fault_that_says_what_would_be_one(value: object, unit: str, says: str) -> None:
    found, faults = read(value, unit, default=3.0)
    assert found == 3.0
    assert len(faults) == 1
    assert faults[0].startswith("x.yaml:7: 'it'")
    assert says in faults[0]


def test_bounds_are_included_and_told() -> None:
    bounds = Bounds(0.0, 10.0)
    assert read("10 s", "s", within=bounds) == (10.0, [])
    value, faults = read("10.001 s", "s", within=bounds)
    assert value == 0.0
    assert "from 0 to 10 s" in faults[0]
    assert "at least 1 s" in read("0 s", "s", within=Bounds(1.0))[1][0]
    assert "at most 1 s" in read("2 s", "s", within=Bounds(high=1.0))[1][0]


def test_a_difference_of_temperatures_is_no_temperature() -> None:
    assert read("40 K", "Celsius", difference=True)[0] == pytest.approx(40.0)
    assert read("18 degF", "Celsius", difference=True)[0] == pytest.approx(10.0)
    assert read("300 K", "Celsius")[0] == pytest.approx(26.85)


@given(st.one_of(st.text(max_size=30), st.floats(), st.integers(), st.none(), st.booleans()))
def test_whatever_is_written_gives_a_number_or_a_fault(value: object) -> None:
    found, faults = read(value, "m/s")
    assert math.isfinite(found)
    assert not faults or found == 0.0
