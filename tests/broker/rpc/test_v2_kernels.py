"""The kernel that reads and writes the batches of kuksa.val.v2, held against Protocol Buffers' own parser."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.broker import BrokerError, SignalTable, Updates
from commonwheel.broker.rpc.interface import Proto, message
from commonwheel.broker.rpc.v2_entries import Entries, Key, point_row
from commonwheel.broker.rpc.v2_kernels import Kernels
from commonwheel.catalog import Catalog, Kind, Leaf
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.line import small_catalog

TABLE = SignalTable(small_catalog())
KERNELS = Kernels(TABLE)
REQUEST: Proto = message("kuksa.val.v2.OpenProviderStreamRequest")
POINT: Proto = message("kuksa.val.v2.Datapoint")
NOW = 1_700_000_000_123_456_789

Row = tuple[int, float | None, int]
"""Time, value as held inside (or None), and quality."""


def by_parser(data: bytes) -> dict[int, Row | None] | None:
    """What a request says, read by the full parser: a row for each signal, None for one that is refused."""
    request = REQUEST.FromString(data)
    if request.WhichOneof("action") != "publish_values_request":
        return None
    rows: dict[int, Row | None] = {}
    for number, point in request.publish_values_request.data_points.items():
        rows[number] = by_hand(number, point)
    return rows


def by_hand(number: int, point: Proto) -> Row | None:
    if not 0 <= number < len(TABLE):
        return None
    try:
        _, t_ns, value, quality, item = point_row(TABLE[number], point, NOW)
    except BrokerError:
        return None
    return t_ns, None if math.isnan(value) and item is None else (value if item is None else repr(item)), int(quality)  # type: ignore[return-value]


def by_kernel(data: bytes) -> dict[int, Row | None] | None:
    """The same by the kernel, with what it leaves to others done by them; None where it leaves everything."""
    points = KERNELS.read(data, NOW)
    if points is None:
        return None
    rows: dict[int, Row | None] = {}
    left = dict(points.left)
    for row, number in enumerate(points.signal.tolist()):
        if row in left:
            rows[number] = by_hand(number, POINT.FromString(left[row]))
        else:
            value = float(points.value[row])
            rows[number] = int(points.t_ns[row]), None if math.isnan(value) else value, int(points.quality[row])
    return rows


def agrees(data: bytes) -> bool:
    """Whether both say the same, or the kernel leaves it to the parser; returns whether the kernel read it.

    A data point that the kernel leaves may be none at all: then the whole request is none to the parser.
    """
    try:
        found = by_kernel(data)
    except DecodeError:
        with pytest.raises(DecodeError):
            by_parser(data)
        return False
    if found is None:
        return False
    assert found == by_parser(data)
    return True


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0, 1, -1, 100, 101, 127, 128, -128, -129, 2**31, 2**53, 2**53 + 1, -(2**53) - 1, 2**63]),
)


@st.composite
def values(draw: st.DrawFn) -> dict[str, object]:
    """A value in any field, fitting or not."""
    number = draw(NUMBERS)
    real = draw(st.one_of(st.floats(), st.sampled_from([0.1, -0.1, 3.4e38, 100.0, 0.0])))
    choices: list[dict[str, object]] = [
        {},
        {"bool": draw(st.booleans())},
        {"int32": (number + 2**31) % 2**32 - 2**31},
        {"int64": (number + 2**63) % 2**64 - 2**63},
        {"uint32": number % 2**32},
        {"uint64": number % 2**64},
        {"float": real},
        {"double": real},
        {"string": draw(st.sampled_from(["ON", "OFF", "AUTO", "on", "", "ONN"]) | st.text(max_size=5))},
        {"string_array": {"values": draw(st.lists(st.text(max_size=3), max_size=3))}},
        {"uint32_array": {"values": draw(st.lists(st.integers(0, 70_000), max_size=3))}},
    ]
    return draw(st.sampled_from(choices))


@st.composite
def requests(draw: st.DrawFn) -> Proto:
    request = REQUEST()
    body = request.publish_values_request
    body.SetInParent()
    body.request_id = draw(st.integers(0, 2**32 - 1))
    for number in draw(st.lists(st.integers(-1, len(TABLE)), max_size=8, unique=True)):
        point = body.data_points[number]
        if draw(st.booleans()):
            point.value.MergeFrom(message("kuksa.val.v2.Value")(**draw(values())))
        if draw(st.booleans()):
            point.timestamp.seconds = draw(
                st.sampled_from([0, 1, -1, 1_700_000_000, 9_223_372_035, 9_223_372_036, -(2**62)])
            )
            point.timestamp.nanos = draw(st.sampled_from([0, 1, 999_999_999, 1_000_000_000, -1]))
    return request


@given(requests())
def test_what_the_kernel_reads_is_what_the_parser_reads(request: Proto) -> None:
    data = request.SerializeToString()
    known = all(0 <= number < len(TABLE) for number in request.publish_values_request.data_points)
    assert agrees(data) is known
    points = KERNELS.read(data, NOW)
    assert points is None or points.request_id == request.publish_values_request.request_id


@given(requests(), st.data())
@settings(max_examples=300)
def test_bytes_that_were_changed_are_read_alike_or_left_to_the_parser(request: Proto, data: st.DataObject) -> None:
    """Whatever the kernel takes for a request, the parser takes for the same."""
    changed = bytearray(request.SerializeToString() or b"\0")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(["set", "cut", "insert", "repeat"]))
        if kind == "set":
            changed[at] = data.draw(st.integers(0, 255))
        elif kind == "cut" and len(changed) > 1:
            del changed[at]
        elif kind == "insert":
            changed.insert(at, data.draw(st.integers(0, 255)))
        else:
            changed[at:at] = changed[at : at + 8]
    agrees(bytes(changed))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_alike_or_left_to_the_parser(data: bytes) -> None:
    agrees(b"\x12" + bytes([len(data)]) + data)
    agrees(data)


def test_many_requests_that_are_nearly_right_are_read_alike_or_left() -> None:
    """Every byte of a real request, set to what changes tags, lengths and ends of numbers."""
    body = {
        number: {"value": value, "timestamp": {"seconds": 1_700_000_000, "nanos": 5}}
        for number, value in (
            (TABLE.number("Vehicle.Speed"), {"float": 1.5}),
            (TABLE.number("Vehicle.Mode"), {"string": "ON"}),
            (TABLE.number("Vehicle.Gear"), {"int32": -3}),
            (TABLE.number("Vehicle.Ticks"), {"uint64": 2**40}),
            (TABLE.number("Vehicle.Cabin.Light.IsOn"), {"bool": True}),
        )
    }
    data = REQUEST(publish_values_request={"request_id": 300, "data_points": body}).SerializeToString()
    assert agrees(data)
    read = 0
    for at in range(len(data)):
        for byte in (0, 1, 0x08, 0x0A, 0x10, 0x12, 0x5A, 0x60, 0x7F, 0x80, 0xFF, data[at] ^ 1, data[at] ^ 0x80):
            changed = bytearray(data)
            changed[at] = byte
            read += agrees(bytes(changed))
    assert read > 300


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("Vehicle.Level", {"uint32": 100}, True),
        ("Vehicle.Level", {"uint32": 101}, False),
        ("Vehicle.Gear", {"int32": -128}, True),
        ("Vehicle.Gear", {"int32": -129}, False),
        ("Vehicle.Ticks", {"uint64": 2**53}, True),
        ("Vehicle.Ticks", {"uint64": 2**53 + 1}, False),
        ("Vehicle.Offset", {"int64": -(2**53)}, True),
        ("Vehicle.Offset", {"int64": -(2**53) - 1}, False),
        ("Vehicle.Tilt", {"float": 0.1}, True),
        ("Vehicle.Tilt", {"float": 0.100001}, False),
        ("Vehicle.Points", {"uint32": 3}, False),
        ("Vehicle.Mode", {"string": "AUTO"}, True),
        ("Vehicle.Mode", {"string": "AUT"}, False),
        ("Vehicle.Name", {"string": "any"}, False),
        ("Vehicle.Speed", {}, True),
    ],
)
def test_at_its_limits_a_value_is_read_and_beyond_it_is_left(path: str, value: dict[str, object], read: bool) -> None:  # noqa: FBT001 - a row of the table
    points = KERNELS.read(
        REQUEST(publish_values_request={"data_points": {TABLE.number(path): {"value": value}}}).SerializeToString(), NOW
    )
    assert points is not None
    assert (not points.left) is read


def test_one_wrong_value_leaves_the_others_read() -> None:
    body = {
        TABLE.number("Vehicle.Speed"): {"value": {"float": 1.5}},
        TABLE.number("Vehicle.Gear"): {"value": {"float": 1.5}},
        TABLE.number("Vehicle.Faults"): {"value": {"string_array": {"values": ["x"]}}},
    }
    points = KERNELS.read(REQUEST(publish_values_request={"data_points": body}).SerializeToString(), NOW)
    assert points is not None
    left = {int(points.signal[row]): POINT.FromString(data) for row, data in points.left}
    assert left == {number: POINT(**body[number]) for number in body if TABLE[number].path != "Vehicle.Speed"}


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"provide_signal_request": {}},
        {"batch_actuate_stream_response": {}},
        {"get_provider_value_response": {"entries": {0: {}}}},
    ],
)
def test_other_requests_are_left_to_the_parser(action: dict[str, object]) -> None:
    assert KERNELS.read(REQUEST(**action).SerializeToString(), NOW) is None


# ---- writing ------------------------------------------------------------------------------------------------------


def told(entries: Entries, updates: Updates, key: Key) -> list[dict[object, Proto]]:
    kind = message(key.value)
    return [dict(kind.FromString(data).entries) for data in entries.encode(updates, key)]


@st.composite
def batches(draw: st.DrawFn) -> Updates:
    rows: list[tuple[int, int, float, int, object]] = []
    for _ in range(draw(st.integers(1, 12))):
        signal = TABLE[draw(st.integers(0, len(TABLE) - 1))]
        special = not signal.is_plain
        inside = math.nan if special else draw(st.floats() | st.sampled_from([0.5, 1.5, -0.5, 2.0, 1e19, -1e19, 300.0]))
        item: object = None
        if signal.leaf.is_array and draw(st.booleans()):
            item = ["a", "b"] if signal.leaf.element == "string" else [1, 2]
        elif special and not signal.leaf.is_array and draw(st.booleans()):
            item = draw(st.text(max_size=200))
        t_ns = draw(st.sampled_from([0, 1, -1, NOW, -NOW, 10**9, 2**62]))
        rows.append((signal.number, t_ns, inside, draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4])), item))
    return Updates.build(rows)


@given(batches())
@settings(max_examples=300)
def test_what_the_kernel_writes_is_what_the_parser_would(updates: Updates) -> None:
    entries = Entries(TABLE)
    for key in Key:
        written = told(entries, updates, key)
        rows = iter(range(len(updates)))
        for message_ in written:
            expected: dict[object, Proto] = {}
            for row in rows:
                number = int(updates.signal[row])
                point = POINT()
                entries.point(updates, row, point)
                expected[TABLE[number].path if key is Key.PATH else number] = point
                if len(expected) == len(message_):
                    break
            assert {name: str(point) for name, point in message_.items()} == {
                name: str(point) for name, point in expected.items()
            }
        assert next(rows, None) is None


def test_a_batch_is_written_once_for_all_who_read_it() -> None:
    entries = Entries(TABLE)
    updates = Updates.build([(TABLE.number("Vehicle.Speed"), NOW, 1.0, Quality.GOOD, None)])
    assert entries.encode(updates, Key.PATH) is entries.encode(updates, Key.PATH)
    assert entries.encode(updates, Key.NUMBER) != entries.encode(updates, Key.PATH)


def test_a_batch_too_long_for_a_message_becomes_several() -> None:
    leaves = {f"Vehicle.{'x' * 900}{i:05}": i for i in range(4000)}
    table = SignalTable(Catalog({path: Leaf(path, Kind.SENSOR, "uint16") for path in leaves}, {}, "test"))
    count = len(table)
    updates = Updates(
        np.arange(count, dtype=np.int32), np.full(count, NOW), np.arange(count, dtype=float), np.zeros(count, np.uint8)
    )
    written = told(Entries(table), updates, Key.PATH)
    assert len(written) > 1
    found = {path: point.value.uint32 for part in written for path, point in part.items()}
    assert found == {signal.path: signal.number for signal in table.signals}


def test_a_table_without_signals_or_labels_can_be_served() -> None:
    empty = Entries(SignalTable(Catalog({}, {}, "nothing")))
    assert empty.encode(Updates.build([]), Key.PATH) == []
    assert empty.read(b"", NOW) is None


def test_random_batches_of_the_shipped_sort_survive_the_round_trip() -> None:
    """Written entries are a valid request to publish, once their keys are numbers."""
    rng = random.Random(1)
    plain = [
        signal for signal in TABLE.signals if signal.is_plain and signal.leaf.datatype in {"uint8", "int8", "float"}
    ]
    numbers = [signal.number for signal in plain if not signal.leaf.allowed and signal.path != "Vehicle.Tilt"]
    values = {number: float(rng.randint(0, 100)) for number in numbers}
    updates = Updates.build([(number, NOW, value, Quality.GOOD, None) for number, value in values.items()])
    (data,) = Entries(TABLE).encode(updates, Key.NUMBER)
    body = message("kuksa.val.v2.PublishValuesRequest")(data_points=message(Key.NUMBER.value).FromString(data).entries)
    points = KERNELS.read(REQUEST(publish_values_request=body).SerializeToString(), NOW)
    assert points is not None
    assert dict(zip(points.signal.tolist(), points.value.tolist(), strict=True)) == values
