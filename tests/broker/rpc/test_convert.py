"""Values and times between the broker and KUKSA's messages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker import BrokerError, Reason, SignalTable, Updates
from commonwheel.broker.rpc.convert import (
    FIELDS,
    FLOAT_MAX,
    field_of,
    fill,
    float_limits,
    read_time,
    read_value,
    row_value,
)
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.catalog import Catalog, Kind, Leaf
from commonwheel.catalog.leaf import INTEGER_RANGES, SCALAR_DATATYPES
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.line import small_catalog

TABLE = SignalTable(small_catalog())
VALUE: Proto = message("kuksa.val.v2.Value")
POINT: Proto = message("kuksa.val.v2.Datapoint")


def signal_of(datatype: str, **fields: float) -> Proto:
    leaf = Leaf("Vehicle.It", Kind.SENSOR, datatype, **fields)  # type: ignore[arg-type]
    return SignalTable(Catalog({leaf.path: leaf}, {}, "test"))[0]


def test_every_datatype_has_a_field_in_the_messages_of_both_versions() -> None:
    assert set(FIELDS) == SCALAR_DATATYPES
    for name in ("kuksa.val.v1.Datapoint", "kuksa.val.v2.Value"):
        fields = message(name).DESCRIPTOR.fields_by_name
        for datatype in SCALAR_DATATYPES:
            for suffix in ("", "[]"):
                assert field_of(Leaf("Vehicle.It", Kind.SENSOR, datatype + suffix)) in fields


def test_a_struct_has_no_field() -> None:
    signal = signal_of("Types.Position")
    assert field_of(signal.leaf) == ""
    with pytest.raises(BrokerError, match="'no', not 'bool'"):
        read_value(VALUE(bool=True), "typed_value", signal)


@pytest.mark.parametrize("datatype", sorted(INTEGER_RANGES))
def test_whole_numbers_survive_at_the_limits_of_their_datatype(datatype: str) -> None:
    for number in INTEGER_RANGES[datatype]:
        holder = VALUE()
        fill(holder, signal_of(datatype), number)
        assert read_value(VALUE.FromString(holder.SerializeToString()), "typed_value", signal_of(datatype)) == number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_survive(number: float) -> None:
    holder = VALUE()
    fill(holder, signal_of("float"), number)
    assert read_value(holder, "typed_value", signal_of("float")) == number


@pytest.mark.parametrize("number", [1e300, -1e300, math.inf, -math.inf])
def test_what_a_float_cannot_hold_is_clamped(number: float) -> None:
    holder = VALUE()
    fill(holder, signal_of("float"), number)
    assert holder.float == math.copysign(FLOAT_MAX, number)


@given(st.floats(-1e30, 1e30))
def test_a_limit_is_read_as_itself_however_a_float_rounds_it(limit: float) -> None:
    signal = signal_of("float", minimum=limit, maximum=limit)
    assert float_limits(signal.leaf) == (float(np.float32(limit)),) * 2
    assert read_value(VALUE(float=limit), "typed_value", signal) == limit


def test_no_value_is_none() -> None:
    assert read_value(VALUE(), "typed_value", TABLE[0]) is None


def test_a_value_in_another_field_is_refused_with_both_names() -> None:
    with pytest.raises(
        BrokerError, match=r"Vehicle\.It is uint8; its value has to be in 'uint32', not 'int32'"
    ) as caught:
        read_value(VALUE(int32=1), "typed_value", signal_of("uint8"))
    assert caught.value.reason is Reason.WRONG_TYPE


@given(st.integers(-9_223_372_035, 9_223_372_035), st.integers(0, 999_999_999))
def test_times_are_nanoseconds(seconds: int, nanos: int) -> None:
    assert read_time(POINT(timestamp={"seconds": seconds, "nanos": nanos})) == seconds * 1_000_000_000 + nanos


def test_no_time_is_none() -> None:
    assert read_time(POINT()) is None


@pytest.mark.parametrize(("seconds", "nanos"), [(9_223_372_036, 0), (-9_223_372_036, 0), (0, -1), (0, 1_000_000_000)])
def test_a_time_that_cannot_be_kept_is_refused(seconds: int, nanos: int) -> None:
    with pytest.raises(BrokerError) as caught:
        read_time(POINT(timestamp={"seconds": seconds, "nanos": nanos}))
    assert caught.value.reason is Reason.INVALID


@pytest.mark.parametrize("quality", list(Quality))
def test_only_a_good_row_has_a_value(quality: Quality) -> None:
    number = TABLE.number("Vehicle.Speed")
    updates = Updates.build([(number, 1, 2.5, quality, None)])
    assert row_value(TABLE[number], updates, 0) == (2.5 if quality is Quality.GOOD else None)
