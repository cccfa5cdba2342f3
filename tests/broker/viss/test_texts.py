"""Values, times and durations as texts, and back."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker import Broker
from commonwheel.broker.values import to_inside
from commonwheel.broker.viss.clock import parse_duration, stamp
from commonwheel.broker.viss.faults import VissError
from commonwheel.broker.viss.texts import from_text, number_text, to_json
from commonwheel.catalog import Catalog

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("value", "single", "text"),
    [
        (50.0, True, "50"),
        (0.1, True, "0.1"),
        (0.1, False, "0.1"),
        (1 / 3, True, "0.33333334"),
        (1 / 3, False, "0.3333333333333333"),
        (-2.5, True, "-2.5"),
        (1e39, True, "3.4028235e+38"),
        (2.0**60, False, "1.152921504606847e+18"),
        (1e-9, True, "1e-09"),
        (16777217.0, True, "16777216"),
        (18446744073709551615, False, "18446744073709551615"),
    ],
)
def test_numbers_are_as_short_as_they_can_be(value: float, single: bool, text: str) -> None:  # noqa: FBT001
    assert number_text(value, single=single) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_reads_back_the_same(value: float) -> None:
    text = number_text(value)
    assert float(text) == value
    json.loads(text)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_the_same(value: float) -> None:
    text = number_text(value, single=True)
    assert np.float32(text) == np.float32(value)
    json.loads(text)


def _round(tree: Catalog, path: str, value: object) -> object:
    """Return a value after it went out as a text and came back."""
    signal = Broker(tree).table[Broker(tree).table.number(path)]
    fragment = to_json(signal)(*to_inside(signal, value))
    return None if fragment is None else from_text(signal, json.loads(fragment))


@given(st.data())
def test_every_value_comes_back(tree: Catalog, data: st.DataObject) -> None:
    path, values = data.draw(
        st.sampled_from(
            [
                ("Vehicle.IsMoving", st.booleans()),
                ("Vehicle.Odometer", st.integers(0, 2**64 - 1)),
                ("Vehicle.FuelLevel", st.integers(0, 100)),
                ("Vehicle.Mood", st.text()),
                ("Vehicle.Gear", st.sampled_from(["PARK", "REVERSE", "DRIVE"])),
                ("Vehicle.Faults", st.lists(st.text())),
                ("Vehicle.CurrentLocation.Latitude", st.floats(allow_nan=False, allow_infinity=False)),
                ("Vehicle.CellVoltages", st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False))),
                ("Vehicle.Cabin.Volumes", st.lists(st.integers(0, 255))),
            ]
        )
    )
    value = data.draw(values)
    back = _round(tree, path, value)
    if path == "Vehicle.CellVoltages":  # as many digits as 32 bits need
        back = [float(np.float32(each)) for each in back]  # type: ignore[attr-defined]
    assert back == value


def test_what_is_no_number_is_no_value(tree: Catalog) -> None:
    table = Broker(tree).table
    for path in ("Vehicle.Speed", "Vehicle.CurrentLocation.Latitude", "Vehicle.IsMoving", "Vehicle.Gear"):
        assert to_json(table[table.number(path)])(math.nan, None) is None
    assert to_json(table[table.number("Vehicle.Speed")])(math.inf, None) is None
    gear = to_json(table[table.number("Vehicle.Gear")])
    assert [gear(code, None) for code in (-1.0, 0.0, 2.0, 3.0)] == [None, '"PARK"', '"DRIVE"', None]


def test_a_finer_value_is_rounded_to_what_its_datatype_holds(tree: Catalog) -> None:
    table = Broker(tree).table
    fuel = to_json(table[table.number("Vehicle.FuelLevel")])
    assert [fuel(value, None) for value in (41.6, -3.0, 300.0)] == ['"42"', '"0"', '"255"']


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text())))  # fmt: skip  # noqa: E501
def test_any_text_is_a_value_or_is_refused(tree: Catalog, value: object) -> None:
    for signal in Broker(tree).table.signals:
        with contextlib.suppress(VissError):
            assert isinstance(from_text(signal, value), list) == signal.leaf.is_array


@given(st.integers(0, 2**63 - 1))
def test_times_are_utc_to_the_microsecond(t_ns: int) -> None:
    text = stamp(t_ns)
    found = dt.datetime.fromisoformat(text)
    assert found.utcoffset() == dt.timedelta(0)
    assert text.endswith("Z")
    whole = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=t_ns // 1000)
    assert found == whole


def test_times_before_1970_are_times_too() -> None:
    assert stamp(-1) == "1969-12-31T23:59:59.999999Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT1S", 1), ("PT0.5S", 0.5), ("P2DT12H", 216_000), ("PT1H30M", 5400), ("P1D", 86_400), ("P999D", 999 * 86_400)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds * SECOND


@given(st.text(alphabet="PTDHMSYW0123456789.-, ", max_size=12) | st.text() | st.integers() | st.none())
def test_any_text_is_a_duration_or_is_refused(value: object) -> None:
    with contextlib.suppress(VissError):
        assert 0 <= parse_duration(value) < 1_000_000 * 86_400 * SECOND
