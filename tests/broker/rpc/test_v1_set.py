"""kuksa.val.v1: Set and StreamedUpdate, which change values and targets alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from commonwheel.broker.access import Access
from commonwheel.broker.actuation import Actuation
from commonwheel.broker.rpc.interface import Proto
from commonwheel.broker.rpc.v1_fields import Field
from commonwheel.catalog.leaf import Branch, Kind, Leaf
from commonwheel.catalog.tree import Catalog
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.served import Car, Serve, Stub, Tokens, details, status

SERVICE = "kuksa.val.v1.VAL"
SPEED = "Vehicle.Speed"
LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
OTHER_LOCK = "Vehicle.Cabin.Door.Row1.PassengerSide.IsLocked"

LIMITED = Catalog(
    {
        leaf.path: leaf
        for leaf in (
            Leaf("Vehicle.Small", Kind.ACTUATOR, "int8", minimum=-5.0, maximum=100.0),
            Leaf("Vehicle.Byte", Kind.SENSOR, "uint8"),
            Leaf("Vehicle.Word", Kind.ACTUATOR, "string", allowed=("ON", "OFF")),
            Leaf("Vehicle.Level", Kind.SENSOR, "float", minimum=-0.1, maximum=0.7),
            Leaf("Vehicle.Exact", Kind.SENSOR, "uint64"),
            Leaf("Vehicle.Flag", Kind.SENSOR, "boolean"),
            Leaf("Vehicle.Bytes", Kind.SENSOR, "uint8[]", arraysize=2),
            Leaf("Vehicle.Names", Kind.SENSOR, "string[]", allowed=("x", "y")),
            Leaf("Vehicle.Shape", Kind.SENSOR, "Types.Shape"),
        )
    },
    {"Vehicle": Branch("Vehicle")},
    "limited",
)

Change = Callable[[Stub, list[dict[str, Any]]], Any]


def set_once(stub: Stub, updates: list[dict[str, Any]]) -> Proto:
    """Change entries by Set."""
    return stub.Set(stub.new("SetRequest", updates=updates))


def set_streamed(stub: Stub, updates: list[dict[str, Any]]) -> Proto:
    """Change entries by one request of a StreamedUpdate."""
    (answer,) = stub.StreamedUpdate(iter([stub.new("StreamedUpdateRequest", updates=updates)]))
    return answer


@pytest.fixture(params=[set_once, set_streamed], ids=["Set", "StreamedUpdate"])
def change(request: pytest.FixtureRequest) -> Change:
    """Either way to change entries."""
    return request.param


@pytest.fixture
def limited(serve: Serve) -> Car:
    """A broker of signals with limits."""
    return serve(catalog=LIMITED)


def value(path: str, **point: Proto) -> dict[str, Any]:
    """Return an update of a value."""
    return {"entry": {"path": path, "value": point}, "fields": [Field.VALUE]}


def target(path: str, **point: Proto) -> dict[str, Any]:
    """Return an update of a target."""
    return {"entry": {"path": path, "actuator_target": point}, "fields": [Field.ACTUATOR_TARGET]}


def codes(answer: Proto) -> list[tuple[str, int, str]]:
    """Return path, number and reason of each error."""
    return [(error.path, error.error.code, error.error.reason) for error in answer.errors]


def test_a_value_that_is_set_is_current(car: Car, change: Change) -> None:
    before = time.time_ns()
    answer = change(car.stub(SERVICE), [value(SPEED, float=12.5), value(LOCK, bool=True)])
    assert not answer.errors
    assert not answer.HasField("error")
    reading = car.broker.get(car.number(SPEED))
    assert (reading.value, reading.quality) == (12.5, Quality.GOOD)
    assert before <= reading.t_ns <= time.time_ns()
    assert car.broker.get(car.number(LOCK)).good is True


def test_a_time_that_is_stated_is_kept(car: Car, change: Change) -> None:
    stamped = value(SPEED, float=1.0, timestamp={"seconds": 1_600_000_000, "nanos": 5})
    change(car.stub(SERVICE), [stamped, value(LOCK, bool=True)])
    assert car.broker.get(car.number(SPEED)).t_ns == 1_600_000_000_000_000_005
    assert car.broker.get(car.number(LOCK)).t_ns > 1_600_000_000_000_000_005


def test_values_of_one_signal_in_one_request_follow_each_other(car: Car, change: Change) -> None:
    subscription = car.broker.subscribe([car.number(SPEED)], initial=False)
    change(car.stub(SERVICE), [value(SPEED, float=1.0), value(LOCK, bool=True), value(SPEED, float=2.0)])
    values = [batch.value.tolist() for batch in subscription.take().batches]
    assert [number for batch in values for number in batch] == [1.0, 2.0]


def test_a_data_point_without_a_value_clears_it(car: Car, change: Change) -> None:
    car.publish({SPEED: 5.0})
    assert not change(car.stub(SERVICE), [value(SPEED)]).errors
    assert car.broker.get(car.number(SPEED)).good is None


def test_fields_say_what_is_set(car: Car, change: Change) -> None:
    car.publish({LOCK: False})
    entry = {"path": LOCK, "value": {"bool": True}, "actuator_target": {"bool": True}}
    update = {"entry": entry, "fields": [Field.ACTUATOR_TARGET]}
    assert not change(car.stub(SERVICE), [update, {"entry": entry, "fields": []}]).errors
    assert car.broker.get(car.number(LOCK)).good is False
    assert car.broker.target(car.number(LOCK)).good is True


def test_a_value_and_a_target_are_set_by_one_update(car: Car, change: Change) -> None:
    entry = {"path": LOCK, "value": {"bool": False}, "actuator_target": {"bool": True}}
    change(car.stub(SERVICE), [{"entry": entry, "fields": [Field.VALUE, Field.ACTUATOR_TARGET]}])
    assert car.broker.get(car.number(LOCK)).good is False
    assert car.broker.target(car.number(LOCK)).good is True


def test_metadata_is_passed_over(car: Car, change: Change) -> None:
    entry = {"path": SPEED, "metadata": {"unit": "furlong/fortnight", "data_type": 1}}
    assert not change(car.stub(SERVICE), [{"entry": entry, "fields": [Field.METADATA, Field.METADATA_UNIT]}]).errors
    assert car.broker.table[car.number(SPEED)].leaf.unit == "km/h"


def test_a_target_is_noted_where_nobody_makes_the_actuator_act(car: Car, change: Change) -> None:
    assert not change(car.stub(SERVICE), [target(LOCK, bool=True)]).errors
    assert car.broker.target(car.number(LOCK)).good is True
    assert car.broker.get(car.number(LOCK)).good is None


def test_a_target_reaches_the_provider_of_the_actuator(car: Car, change: Change) -> None:
    asked: list[Actuation] = []
    provider = car.broker.provider("body")
    numbers = [car.number(LOCK), car.number(OTHER_LOCK)]
    provider.claim([], dict.fromkeys(numbers), asked.extend)
    change(car.stub(SERVICE), [target(LOCK, bool=True), target(OTHER_LOCK, bool=False)])
    assert [(actuation.signal, actuation.target) for actuation in asked] == list(
        zip(numbers, [True, False], strict=True)
    )


def test_a_target_without_a_value_is_taken_back(car: Car, change: Change) -> None:
    stub = car.stub(SERVICE)
    for taken_back in (target(LOCK), {"entry": {"path": LOCK}, "fields": [Field.ACTUATOR_TARGET]}):
        change(stub, [target(LOCK, bool=True)])
        assert car.broker.target(car.number(LOCK)).good is True
        assert not change(stub, [taken_back]).errors
        assert car.broker.target(car.number(LOCK)).good is None


@pytest.mark.parametrize(
    ("path", "point", "code", "reason"),
    [
        ("Vehicle.Flag", {"int32": 1}, 400, "type mismatch"),
        ("Vehicle.Small", {"uint32": 1}, 400, "type mismatch"),
        ("Vehicle.Small", {"int64": 1}, 400, "type mismatch"),
        ("Vehicle.Level", {"double": 0.5}, 400, "type mismatch"),
        ("Vehicle.Word", {"string_array": {"values": ["ON"]}}, 400, "type mismatch"),
        ("Vehicle.Bytes", {"uint32": 1}, 400, "type mismatch"),
        ("Vehicle.Shape", {"string": "{}"}, 400, "type mismatch"),
        ("Vehicle.Small", {"int32": -6}, 400, "value out of min/max bounds"),
        ("Vehicle.Small", {"int32": 200}, 400, "value out of min/max bounds"),
        ("Vehicle.Level", {"float": 0.75}, 400, "value out of min/max bounds"),
        ("Vehicle.Level", {"float": float("nan")}, 400, "value out of min/max bounds"),
        ("Vehicle.Level", {"float": float("inf")}, 400, "value out of min/max bounds"),
        ("Vehicle.Byte", {"uint32": 256}, 400, "value out of type bounds"),
        ("Vehicle.Bytes", {"uint32_array": {"values": [1, 256]}}, 400, "value out of type bounds"),
        ("Vehicle.Bytes", {"uint32_array": {"values": [1]}}, 400, "value out of type bounds"),
        ("Vehicle.Word", {"string": "MAYBE"}, 400, "value out of allowed bounds"),
        ("Vehicle.Names", {"string_array": {"values": ["x", "z"]}}, 400, "value out of allowed bounds"),
        ("Vehicle.None", {"float": 1.0}, 404, "not_found"),
        ("Vehicle", {"float": 1.0}, 404, "not_found"),
        ("**", {"float": 1.0}, 404, "not_found"),
        ("", {"float": 1.0}, 404, "not_found"),
        ("V" * 5000, {"float": 1.0}, 404, "not_found"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_done(
    limited: Car, change: Change, path: str, point: dict[str, Any], code: int, reason: str
) -> None:
    answer = change(limited.stub(SERVICE), [value(path, **point), value("Vehicle.Exact", uint64=2**64 - 1)])
    assert codes(answer) == [(path, code, reason)]
    assert answer.errors[0].error.message
    assert limited.broker.get(limited.number("Vehicle.Exact")).good == 2**64 - 1
    if path in limited.broker.table.numbers:
        assert limited.broker.get(limited.number(path)).good is None


@pytest.mark.parametrize(
    ("path", "point"),
    [
        ("Vehicle.Small", {"int32": -5}),
        ("Vehicle.Small", {"int32": 100}),
        ("Vehicle.Byte", {"uint32": 255}),
        ("Vehicle.Level", {"float": 0.7}),
        ("Vehicle.Level", {"float": -0.1}),
        ("Vehicle.Word", {"string": "OFF"}),
        ("Vehicle.Bytes", {"uint32_array": {"values": [0, 255]}}),
        ("Vehicle.Names", {"string_array": {"values": []}}),
        ("Vehicle.Exact", {"uint64": 2**53 + 1}),
    ],
)
def test_what_is_just_right_is_taken_and_read_back(
    limited: Car, change: Change, path: str, point: dict[str, Any]
) -> None:
    stub = limited.stub(SERVICE)
    assert not change(stub, [value(path, **point)]).errors
    (entry,) = stub.Get(stub.new("GetRequest", entries=[{"path": path}])).entries
    entry.value.ClearField("timestamp")
    assert entry.value == stub.new("Datapoint", **point)


@pytest.mark.parametrize(
    ("path", "point", "reason"),
    [
        ("Vehicle.Small", {"bool": True}, "type mismatch"),
        ("Vehicle.Small", {"int32": 101}, "value out of min/max bounds"),
        ("Vehicle.Word", {"string": "MAYBE"}, "value out of allowed bounds"),
    ],
)
def test_a_target_is_checked_as_a_value_is(
    limited: Car, change: Change, path: str, point: dict[str, Any], reason: str
) -> None:
    other = "Vehicle.Word" if path == "Vehicle.Small" else "Vehicle.Small"
    good = {"string": "ON"} if other == "Vehicle.Word" else {"int32": 1}
    answer = change(limited.stub(SERVICE), [target(path, **point), target(other, **good)])
    assert codes(answer) == [(path, 400, reason)]
    assert limited.broker.target(limited.number(path)).good is None
    assert limited.broker.target(limited.number(other)).good is not None


def test_what_a_provider_owns_nobody_else_sets(car: Car, change: Change) -> None:
    car.broker.provider("gateway").claim([car.number(SPEED)])
    answer = change(car.stub(SERVICE), [value(SPEED, float=1.0), value(LOCK, bool=True)])
    assert codes(answer) == [(SPEED, 409, "conflict")]
    assert "gateway" in answer.errors[0].error.message
    assert car.broker.get(car.number(LOCK)).good is True


@pytest.mark.parametrize(
    "update",
    [
        {"fields": [Field.VALUE]},
        target(SPEED, float=1.0),
        value(SPEED, float=1.0, timestamp={"seconds": 2**62}),
        value(SPEED, float=1.0, timestamp={"nanos": -1}),
    ],
    ids=["no entry", "target of a sensor", "time far away", "time that is none"],
)
def test_a_set_that_makes_no_sense_ends_with_a_status_and_does_nothing(car: Car, update: dict[str, Any]) -> None:
    stub = car.stub(SERVICE)
    with pytest.raises(grpc.RpcError) as error:
        set_once(stub, [value(LOCK, bool=True), update])
    assert status(error) is grpc.StatusCode.INVALID_ARGUMENT
    assert details(error)
    assert car.broker.get(car.number(LOCK)).good is None


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({"fields": [Field.VALUE]}, ("", 400, "bad_request")),
        (target(SPEED, float=1.0), (SPEED, 400, "invalid_data")),
        (value(SPEED, float=1.0, timestamp={"seconds": 2**62}), (SPEED, 400, "bad_request")),
    ],
    ids=["no entry", "target of a sensor", "time far away"],
)
def test_a_stream_tells_what_makes_no_sense_and_goes_on(
    car: Car, update: dict[str, Any], expected: tuple[str, int, str]
) -> None:
    stub = car.stub(SERVICE)
    requests = [
        stub.new("StreamedUpdateRequest", updates=updates)
        for updates in ([update, value(LOCK, bool=True)], [value(SPEED, float=3.0)])
    ]
    first, second = stub.StreamedUpdate(iter(requests))
    assert codes(first) == [expected]
    assert first.error == first.errors[0].error
    assert not second.errors
    assert not second.HasField("error")
    assert car.broker.get(car.number(LOCK)).good is True
    assert car.broker.get(car.number(SPEED)).good == 3.0


def test_a_request_without_updates_is_answered(car: Car, change: Change) -> None:
    assert not change(car.stub(SERVICE), []).errors


def test_a_provider_without_a_right_is_told_for_each_entry(serve: Serve, tokens: Tokens, change: Change) -> None:
    car = serve(Access(tokens.authority))
    stub = car.stub(SERVICE, tokens.sign(f"provide:{SPEED} actuate:{LOCK}"))
    answer = change(
        stub, [value(SPEED, float=1.0), value(LOCK, bool=True), target(LOCK, bool=True), target(OTHER_LOCK, bool=True)]
    )
    assert codes(answer) == [(LOCK, 403, "forbidden"), (OTHER_LOCK, 403, "forbidden")]
    assert car.broker.get(car.number(SPEED)).good == 1.0
    assert car.broker.get(car.number(LOCK)).good is None
    assert car.broker.target(car.number(LOCK)).good is True
    assert car.broker.target(car.number(OTHER_LOCK)).good is None


def test_reading_alone_changes_nothing(serve: Serve, tokens: Tokens, change: Change) -> None:
    car = serve(Access(tokens.authority))
    answer = change(car.stub(SERVICE, tokens.sign("read")), [value(SPEED, float=1.0), target(LOCK, bool=True)])
    assert [code for _, code, _ in codes(answer)] == [403, 403]


def test_a_token_that_ends_while_a_stream_is_open_sets_nothing_more(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    token = tokens.sign("provide", ends_in_s=2)
    stub = car.stub(SERVICE, token)
    rights = tokens.authority.verify(token)
    requests = [stub.new("StreamedUpdateRequest", updates=[value(SPEED, float=number)]) for number in (1.0, 2.0)]
    answers: list[Any] = []

    def send() -> Proto:
        yield requests[0]
        while not (answers and rights.expired()):
            time.sleep(0.01)
        yield requests[1]

    for answer in stub.StreamedUpdate(send()):
        answers.append(answer)  # noqa: PERF402 - the sender looks at how many there are
    assert not answers[0].errors
    assert codes(answers[1]) == [(SPEED, 401, "unauthorized")]
    assert car.broker.get(car.number(SPEED)).good == 1.0


def test_many_requests_of_a_stream_are_each_answered_in_order(car: Car) -> None:
    stub = car.stub(SERVICE)
    requests = (
        stub.new("StreamedUpdateRequest", updates=[value(f"Vehicle.None{i}" if i % 2 else SPEED, float=float(i))])
        for i in range(500)
    )
    found = [[error.path for error in answer.errors] for answer in stub.StreamedUpdate(requests)]
    assert found == [[f"Vehicle.None{i}"] if i % 2 else [] for i in range(500)]
    assert car.broker.get(car.number(SPEED)).good == 498.0


def test_thousands_of_entries_are_set_at_once(car: Car, change: Change) -> None:
    floats = [
        signal.path
        for signal in car.broker.table.signals
        if signal.leaf.datatype == "float" and signal.leaf.minimum is None and signal.leaf.maximum is None
    ]
    updates = [value(path, float=float(turn)) for turn in range(10) for path in floats]
    assert not change(car.stub(SERVICE), updates).errors
    assert [car.broker.get(car.number(path)).good for path in floats] == [9.0] * len(floats)
