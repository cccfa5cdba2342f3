"""Values are checked as the catalog says, for every datatype, and come back as they went in."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.signals import Signal
from commonwheel.broker.values import Reading, from_inside, to_inside
from commonwheel.catalog.leaf import INTEGER_RANGES
from commonwheel.vehicles.samples import Quality
from tests.broker.reference import leaf, table_of

FLOAT_MAX = 3.4028234663852886e38


def signal(datatype: str, **facts: object) -> Signal:
    return table_of(leaf("S", datatype, **facts))[0]


def back(of: Signal, value: object) -> object:
    """A value through the broker and out again."""
    return from_inside(of, *to_inside(of, value))


def refused(of: Signal, value: object) -> tuple[Reason, str]:
    with pytest.raises(BrokerError) as caught:
        to_inside(of, value)
    assert caught.value.signal == of.number
    assert len(str(caught.value)) < 300
    return caught.value.reason, str(caught.value)


# ---- whole numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("datatype", sorted(INTEGER_RANGES))
@given(data=st.data())
def test_whole_numbers_come_back_exactly(datatype: str, data: st.DataObject) -> None:
    low, high = INTEGER_RANGES[datatype]
    value = data.draw(st.integers(low, high) | st.sampled_from([low, low + 1, high - 1, high, 0]))
    found = back(signal(datatype), value)
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize("datatype", sorted(INTEGER_RANGES))
def test_whole_numbers_end_where_their_datatype_does(datatype: str) -> None:
    low, high = INTEGER_RANGES[datatype]
    for value in (low - 1, high + 1, 10**5000, -(10**5000), math.inf, -math.inf, math.nan, 1e300):
        reason, message = refused(signal(datatype), value)
        assert reason is Reason.OUT_OF_RANGE
        assert "is outside" in message


def test_whole_floats_are_taken_for_whole_numbers_and_others_are_not() -> None:
    assert back(signal("uint8"), 7.0) == 7
    assert refused(signal("uint8"), 7.5)[0] is Reason.WRONG_TYPE


def test_a_cars_finer_value_is_rounded_and_clamped_on_its_way_out() -> None:
    uint8 = signal("uint8")
    assert from_inside(uint8, 7.4, None) == 7
    assert from_inside(uint8, 300.0, None) == 255
    assert from_inside(uint8, -1.0, None) == 0


# ---- floats ---------------------------------------------------------------------------------------------------------


@given(st.floats(-FLOAT_MAX, FLOAT_MAX))
def test_floats_keep_all_digits_inside(value: float) -> None:
    inside, item = to_inside(signal("float"), value)
    assert (inside, item) == (value, None)
    assert back(signal("float"), value) == value


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**80), 2**80))
def test_doubles_come_back(value: float) -> None:
    found = back(signal("double"), value)
    assert found == float(value)
    assert type(found) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, FLOAT_MAX * 1.01, -1e39])
def test_what_no_float_holds_is_refused(value: float) -> None:
    assert refused(signal("float"), value)[0] is Reason.OUT_OF_RANGE


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_what_no_double_holds_is_refused(value: float) -> None:
    assert refused(signal("double"), value)[0] is Reason.OUT_OF_RANGE


def test_a_range_includes_its_ends() -> None:
    speed = signal("float", minimum=-10.0, maximum=250.0, unit="km/h")
    for value in (-10, 250, -10.0, 250.0):
        assert back(speed, value) == value
    for value in (math.nextafter(-10, -math.inf), math.nextafter(250, math.inf), -11, 251):
        assert refused(speed, value)[0] is Reason.OUT_OF_RANGE
    assert refused(speed, 300)[1] == "Vehicle.S: 300 is outside -10..250 km/h"


def test_no_number_goes_out_where_there_is_none() -> None:
    for datatype in ("float", "double", "uint8", "boolean"):
        for number in (math.nan, math.inf, -math.inf):
            assert from_inside(signal(datatype), number, None) is None
    assert from_inside(signal("float"), 1e300, None) == FLOAT_MAX


# ---- booleans, texts, allowed values --------------------------------------------------------------------------------


def test_booleans_are_booleans_only() -> None:
    assert back(signal("boolean"), value=True) is True
    assert back(signal("boolean"), value=False) is False
    for value in (0, 1, 1.0, "true", None, [True]):
        assert refused(signal("boolean"), value)[0] is Reason.WRONG_TYPE


def test_numbers_are_no_booleans_and_no_texts() -> None:
    for datatype in ("uint8", "float", "double", "int64"):
        for value in (True, "1", None, [1], {}, b"1", 1j):
            assert refused(signal(datatype), value)[0] is Reason.WRONG_TYPE


@given(st.text())
def test_texts_come_back(value: str) -> None:
    assert back(signal("string"), value) == value


def test_a_text_that_nobody_could_be_sent_is_refused() -> None:
    assert refused(signal("string"), "a\ud800")[0] is Reason.NOT_ALLOWED
    assert refused(signal("string[]"), ["a", "\udfff"])[0] is Reason.NOT_ALLOWED


def test_allowed_texts_are_codes_inside() -> None:
    gear = signal("string", allowed=("PARK", "DRIVE"))
    assert to_inside(gear, "DRIVE") == (1.0, None)
    assert back(gear, "DRIVE") == "DRIVE"
    assert refused(gear, "REVERSE") == (Reason.NOT_ALLOWED, "Vehicle.S cannot be 'REVERSE'; it can be PARK, DRIVE")
    for code in (-1.0, 2.0, 0.5, 1e300, math.nan):
        assert from_inside(gear, code, None) is None


def test_allowed_numbers() -> None:
    number = signal("uint8", allowed=(1, 4))
    assert back(number, 4) == 4
    assert back(number, 4.0) == 4
    assert refused(number, 3)[0] is Reason.NOT_ALLOWED


def test_a_text_has_to_match_its_pattern_as_a_whole() -> None:
    vin = signal("string", pattern="^[A-Z]{3}$")
    assert back(vin, "ABC") == "ABC"
    for value in ("ABCD", "ABC\n", "abc", ""):
        assert refused(vin, value)[0] is Reason.NOT_ALLOWED


@pytest.mark.parametrize("pattern", ["([", "(?<name", "*", r"\p{L}+", "(?P<a>x)(?P<a>y)"])
def test_a_pattern_that_is_none_restricts_nothing(pattern: str) -> None:
    with pytest.raises(re.error):
        re.compile(pattern)
    assert back(signal("string", pattern=pattern), "anything") == "anything"


# ---- arrays ---------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(
        [
            ("boolean[]", st.booleans()),
            ("int16[]", st.integers(-(2**15), 2**15 - 1)),
            ("uint64[]", st.integers(0, 2**64 - 1)),
            ("double[]", st.floats(allow_nan=False, allow_infinity=False)),
            ("string[]", st.text(max_size=5)),
        ]
    ),
    st.data(),
)
def test_arrays_come_back(kind: tuple[str, st.SearchStrategy[Any]], data: st.DataObject) -> None:
    datatype, elements = kind
    value = data.draw(st.lists(elements, max_size=5))
    assert back(signal(datatype), value) == value
    assert back(signal(datatype), tuple(value)) == value


def test_each_element_is_checked() -> None:
    assert refused(signal("uint8[]"), [1, 256])[0] is Reason.OUT_OF_RANGE
    assert refused(signal("uint8[]"), [1, "2"])[0] is Reason.WRONG_TYPE
    assert refused(signal("float[]", maximum=5.0), [5.0, 5.1])[0] is Reason.OUT_OF_RANGE
    assert refused(signal("string[]", allowed=("A", "B")), ["A", "C"])[0] is Reason.NOT_ALLOWED
    assert refused(signal("string[]", pattern="[a-z]"), ["a", "1"])[0] is Reason.NOT_ALLOWED
    assert back(signal("string[]", allowed=("A", "B")), ["B", "B"]) == ["B", "B"]
    assert refused(signal("uint8[]"), 1)[0] is Reason.WRONG_TYPE
    assert refused(signal("string[]"), "abc")[0] is Reason.WRONG_TYPE
    assert refused(signal("uint8[]"), [[1]])[0] is Reason.WRONG_TYPE


def test_an_array_of_fixed_size_has_that_size() -> None:
    fixed = signal("uint8[]", arraysize=2)
    assert back(fixed, [1, 2]) == [1, 2]
    assert refused(fixed, [1]) == (Reason.OUT_OF_RANGE, "Vehicle.S has 2 elements, not 1")
    assert refused(fixed, [1, 2, 3])[0] is Reason.OUT_OF_RANGE


def test_structs_are_refused() -> None:
    assert refused(signal("Types.Point"), {"x": 1})[0] is Reason.WRONG_TYPE
    assert refused(signal("Types.Point[]"), [])[0] is Reason.WRONG_TYPE


# ---- numpy, messages, readings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("datatype", "value", "expected"),
    [
        ("uint8", np.uint8(7), 7),
        ("float", np.float32(0.5), 0.5),
        ("boolean", np.bool_(True), True),  # noqa: FBT003 - numpy's own
        ("int16[]", np.array([1, 2]), [1, 2]),
        ("string", np.str_("a"), "a"),
    ],
)
def test_numpys_values_are_taken(datatype: str, value: object, expected: object) -> None:
    found = back(signal(datatype), value)
    assert found == expected
    assert type(found) is type(expected)


def test_messages_name_the_signal_the_type_and_the_value_briefly() -> None:
    assert refused(signal("uint8"), "a")[1] == "Vehicle.S takes uint8, not string ('a')"
    assert refused(signal("uint8"), None)[1] == "Vehicle.S takes uint8, not nothing (None)"
    assert refused(signal("uint8"), [1] * 10**5)[1] == "Vehicle.S takes uint8, not array (100000 elements)"
    assert refused(signal("uint8"), "x" * 10**6)[0] is Reason.WRONG_TYPE


def test_a_reading_is_good_or_none() -> None:
    assert Reading(5, Quality.GOOD, 1).good == 5
    assert Reading(5, Quality.STALE, 1).good is None
