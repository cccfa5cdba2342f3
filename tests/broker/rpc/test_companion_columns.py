"""Columns and values of commonwheel.v1: round trips, and any bytes refused cleanly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker import Broker, BrokerError, Reason, Updates
from commonwheel.broker.checks import Checker
from commonwheel.broker.rpc.companion_columns import (
    Columns,
    decode_columns,
    decode_value,
    encode_columns,
    encode_value,
    encoded_field,
)
from commonwheel.broker.rpc.companion_messages import decode_filter, decode_queue, decode_signal
from commonwheel.broker.rpc.interface import message
from commonwheel.broker.values import to_inside
from tests.client.harness import small_catalog

BROKER = Broker(small_catalog())
CHECKER = Checker(BROKER.table)
INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"))
SCALAR = st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXT
ARRAY = (
    st.lists(st.booleans(), min_size=1)
    | st.lists(INT64, min_size=1)
    | st.lists(st.integers(0, 2**64 - 1), min_size=1)
    | st.lists(st.floats(allow_nan=False), min_size=1)
    | st.lists(TEXT)
)


@given(SCALAR | ARRAY | st.none())
def test_values_come_back_as_they_were(value: object) -> None:
    holder = message("commonwheel.v1.Value")()
    encode_value(holder, value)
    back = decode_value(type(holder).FromString(holder.SerializeToString()))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**64, Reason.OUT_OF_RANGE),
        (-(2**63) - 1, Reason.OUT_OF_RANGE),
        ([2**64], Reason.OUT_OF_RANGE),
        ([2**63, -1], Reason.OUT_OF_RANGE),
        ([1, "a"], Reason.WRONG_TYPE),
        (object(), Reason.WRONG_TYPE),
        ({"a": 1}, Reason.WRONG_TYPE),
        ([[1]], Reason.WRONG_TYPE),
        ("\ud800", Reason.NOT_ALLOWED),
        (["\ud800"], Reason.NOT_ALLOWED),
    ],
)
def test_values_that_the_interface_has_not_are_refused(value: object, reason: Reason) -> None:
    with pytest.raises(BrokerError) as caught:
        encode_value(message("commonwheel.v1.Value")(), value)
    assert caught.value.reason is reason


def test_numpy_s_values_are_values() -> None:
    for value, expected in (
        (np.float64(1.5), 1.5),
        (np.int32(3), 3),
        (np.array([True])[0], True),
        (np.arange(3), [0, 1, 2]),
    ):
        holder = message("commonwheel.v1.Value")()
        encode_value(holder, value)
        assert decode_value(holder) == expected


ROWS = st.lists(
    st.tuples(
        st.integers(0, 9),
        INT64,
        st.floats(),
        st.integers(0, 4),
        st.none() | SCALAR | ARRAY,
    ),
    max_size=20,
)


@given(ROWS)
def test_batches_come_back_as_they_were(rows: list[tuple[int, int, float, int, object]]) -> None:
    batch = Updates.build(rows)
    back = decode_columns(Columns.FromString(encode_columns(batch).SerializeToString()))
    for name in ("signal", "t_ns", "value", "quality"):
        np.testing.assert_array_equal(getattr(back, name), getattr(batch, name))
        assert getattr(back, name).dtype == getattr(batch, name).dtype
    objects = [None] * len(batch) if back.objects is None else back.objects.tolist()
    assert objects == [row[4] for row in rows]


def test_an_encoding_is_kept_and_joins_with_the_rest_of_its_message() -> None:
    batch = Updates.build([(0, 1, 2.0, 0, None)])
    first = encoded_field(batch)
    assert encoded_field(batch) is first
    kind = message("commonwheel.v1.SubscribeResponse")
    whole = kind.FromString(first + kind(sequence=7, dropped=3).SerializeToString())
    assert (whole.sequence, whole.dropped, decode_columns(whole.columns).value.tolist()) == (7, 3, [2.0])


@given(
    st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=20), st.integers(0, 9)
)
def test_any_columns_are_taken_or_refused(signal: bytes, t_ns: bytes, value: bytes, quality: bytes, rows: int) -> None:
    """Nothing but a BrokerError, and what is taken is within the table and of a known quality."""
    for made in (
        Columns(signal=signal, t_ns=t_ns, value=value, quality=quality),
        Columns(
            signal=signal[: 4 * rows].ljust(4 * rows, b"\0"),
            t_ns=t_ns[: 8 * rows].ljust(8 * rows, b"\0"),
            value=value[: 8 * rows].ljust(8 * rows, b"\0"),
            quality=quality[:rows].ljust(rows, b"\0"),
        ),
    ):
        try:
            taken = CHECKER.check(decode_columns(made))
        except BrokerError:
            continue
        assert ((taken.signal >= 0) & (taken.signal < len(BROKER.table))).all()
        assert (taken.quality <= 4).all()
        assert (taken.t_ns > 0).all()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    for name in ("Columns", "Filter", "Queue", "Signal", "Value"):
        kind = message(f"commonwheel.v1.{name}")
        try:
            made = kind.FromString(data)
        except DecodeError:
            continue
        read: Any = {
            "Columns": decode_columns,
            "Filter": decode_filter,
            "Queue": decode_queue,
            "Signal": decode_signal,
            "Value": decode_value,
        }[name]
        assert _reason(lambda made=made, read=read: read(made)) in {None, Reason.INVALID, Reason.LIMIT}


@given(st.integers(0, len(BROKER.table) - 1), st.floats() | st.integers(-300, 300).map(float))
def test_a_row_is_taken_exactly_when_the_value_is(number: int, value: float) -> None:
    """The check of columns and that of single values draw the same line."""
    signal = BROKER.table[number]
    found = _reason(lambda: CHECKER.check(Updates.build([(number, 1, value, 0, None)])))
    if signal.labels:
        assert (found is None) == (value in range(len(signal.labels)))
    elif signal.leaf.datatype == "boolean":
        assert (found is None) == (value in {0.0, 1.0})
    elif not signal.is_plain:
        assert found is Reason.WRONG_TYPE
    else:
        assert found is _reason(lambda: to_inside(signal, value))


def _reason(work: Callable[[], object]) -> Reason | None:
    """Return why something is refused; None when it is not."""
    try:
        work()
    except BrokerError as error:
        return error.reason
    return None
