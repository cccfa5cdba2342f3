"""kuksa.val.v1: Subscribe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from commonwheel.broker.access import Access, Limits
from commonwheel.broker.rpc.interface import Proto
from commonwheel.broker.rpc.v1_fields import Field, View
from commonwheel.broker.updates import Updates
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.served import Car, Serve, Stub, Tokens, details, status, wait_for

SERVICE = "kuksa.val.v1.VAL"
SPEED = "Vehicle.Speed"
LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
DOOR = "Vehicle.Cabin.Door.Row1.DriverSide"


@contextlib.contextmanager
def subscribed(stub: Stub, *entries: dict[str, Any]) -> Iterator[Iterator[Any]]:
    """Subscribe, and yield the answers."""
    stream = stub.Subscribe(stub.new("SubscribeRequest", entries=entries))
    try:
        yield stream
    finally:
        stream.cancel()


def asked(path: str, *fields: Field, view: View = View.UNSPECIFIED) -> dict[str, Any]:
    """Return an entry of a subscription."""
    return {"path": path, "view": view, "fields": fields}


def told(answer: Proto) -> list[tuple[str, object, object]]:
    """Return path, value and target of each update, None for none."""
    return [
        (update.entry.path, _known(update.entry, "value"), _known(update.entry, "actuator_target"))
        for update in answer.updates
    ]


def _known(entry: Proto, name: str) -> object:
    if not entry.HasField(name):
        return None
    point = getattr(entry, name)
    return getattr(point, point.WhichOneof("value"))


def test_everything_comes_once_and_then_what_is_updated(car: Car) -> None:
    car.publish({SPEED: 10.0})
    with subscribed(car.stub(SERVICE), asked(SPEED, Field.VALUE), asked(LOCK, Field.VALUE)) as answers:
        assert told(next(answers)) == [(SPEED, 10.0, None), (LOCK, None, None)]
        car.publish({LOCK: True})
        assert told(next(answers)) == [(LOCK, True, None)]
        car.publish({SPEED: 11.0, LOCK: False, "Vehicle.Cabin.Door.Row2.DriverSide.IsLocked": True})
        assert told(next(answers)) == [(SPEED, 11.0, None), (LOCK, False, None)]


def test_a_value_that_is_given_again_is_an_update_with_its_time(car: Car) -> None:
    with subscribed(car.stub(SERVICE), asked(SPEED, Field.VALUE)) as answers:
        next(answers)
        for t_ns in (5_000_000_007, 6_000_000_007):
            car.broker.publish_values({car.number(SPEED): 1.0}, t_ns=t_ns)
            (update,) = next(answers).updates
            timestamp = update.entry.value.timestamp
            assert timestamp.seconds * 1_000_000_000 + timestamp.nanos == t_ns


def test_no_update_in_a_batch_is_lost(car: Car) -> None:
    number = car.number(SPEED)
    provider = car.broker.provider("gateway")
    provider.claim([number])
    with subscribed(car.stub(SERVICE), asked(SPEED, Field.VALUE)) as answers:
        next(answers)
        provider.publish(Updates.build([(number, i, float(i), Quality.GOOD, None) for i in range(100)]))
        assert told(next(answers)) == [(SPEED, float(i), None) for i in range(100)]


@pytest.mark.parametrize("quality", [quality for quality in Quality if quality != Quality.GOOD])
def test_a_value_that_turns_bad_is_told_as_none(car: Car, quality: Quality) -> None:
    number = car.number(SPEED)
    provider = car.broker.provider("gateway")
    provider.claim([number])
    with subscribed(car.stub(SERVICE), asked(SPEED, Field.VALUE)) as answers:
        next(answers)
        provider.publish(Updates.build([(number, 1, 5.0, Quality.GOOD, None), (number, 2, 6.0, int(quality), None)]))
        answer = next(answers)
        assert told(answer) == [(SPEED, 5.0, None), (SPEED, None, None)]
        assert [list(update.fields) for update in answer.updates] == [[Field.VALUE]] * 2


def test_a_provider_that_goes_away_leaves_no_value(car: Car) -> None:
    provider = car.broker.provider("gateway")
    provider.claim([car.number(SPEED)])
    provider.publish_values({car.number(SPEED): 5.0})
    with subscribed(car.stub(SERVICE), asked(SPEED, Field.VALUE)) as answers:
        assert told(next(answers)) == [(SPEED, 5.0, None)]
        provider.close()
        assert told(next(answers)) == [(SPEED, None, None)]


def test_targets_are_told_to_who_asks_for_them(car: Car) -> None:
    number = car.number(LOCK)
    car.broker.actuate({number: True}, "test", need_provider=False)
    stub = car.stub(SERVICE)
    with subscribed(stub, asked(LOCK, Field.ACTUATOR_TARGET, view=View.FIELDS)) as answers:
        assert told(next(answers)) == [(LOCK, None, True)]
        car.publish({LOCK: True})
        car.broker.actuate({number: False}, "test", need_provider=False)
        answer = next(answers)
        assert told(answer) == [(LOCK, None, False)]
        assert list(answer.updates[0].fields) == [Field.ACTUATOR_TARGET]
        car.broker.clear_targets([number])
        assert told(next(answers)) == [(LOCK, None, None)]


def test_a_target_that_another_client_sets_is_told(car: Car) -> None:
    setter = car.stub(SERVICE)
    with subscribed(car.stub(SERVICE), asked(LOCK, Field.ACTUATOR_TARGET)) as answers:
        assert told(next(answers)) == [(LOCK, None, None)]
        entry = {"path": LOCK, "actuator_target": {"bool": True}}
        setter.Set(setter.new("SetRequest", updates=[{"entry": entry, "fields": [Field.ACTUATOR_TARGET]}]))
        assert told(next(answers)) == [(LOCK, None, True)]


def test_values_and_targets_come_in_one_stream(car: Car) -> None:
    number = car.number(LOCK)
    with subscribed(car.stub(SERVICE), asked(LOCK, Field.VALUE, Field.ACTUATOR_TARGET)) as answers:
        first = next(answers)
        assert told(first) == [(LOCK, None, None)]
        assert list(first.updates[0].fields) == [Field.VALUE, Field.ACTUATOR_TARGET]
        for step in (True, False):
            car.broker.actuate({number: step}, "test", need_provider=False)
            assert told(next(answers)) == [(LOCK, None, step)]
            car.publish({LOCK: step})
            assert told(next(answers)) == [(LOCK, step, None)]


def test_metadata_comes_with_the_first_answer(car: Car) -> None:
    entries = asked(SPEED, Field.METADATA_UNIT), asked(LOCK, Field.METADATA), asked(DOOR, Field.VALUE)
    with subscribed(car.stub(SERVICE), *entries) as answers:
        updates = {update.entry.path: update for update in next(answers).updates}
        assert updates[SPEED].entry.metadata.unit == "km/h"
        assert not updates[SPEED].entry.metadata.HasField("description")
        assert list(updates[SPEED].fields) == [Field.METADATA_UNIT]
        assert updates[LOCK].entry.metadata.data_type == 2
        assert Field.VALUE in updates[LOCK].fields
        car.publish({SPEED: 1.0, LOCK: True})
        assert told(next(answers)) == [(LOCK, True, None)]


@pytest.mark.parametrize(
    ("view", "fields"),
    [
        (View.UNSPECIFIED, [Field.VALUE]),
        (View.CURRENT_VALUE, [Field.VALUE]),
        (View.TARGET_VALUE, [Field.ACTUATOR_TARGET]),
        (View.ALL, [Field.VALUE, Field.ACTUATOR_TARGET]),
    ],
)
def test_where_no_fields_are_given_the_view_says_what_is_wanted(car: Car, view: View, fields: list[Field]) -> None:
    with subscribed(car.stub(SERVICE), asked(LOCK, view=view)) as answers:
        chosen = list(next(answers).updates[0].fields)
    assert [field for field in chosen if field < Field.METADATA] == fields
    assert (len(chosen) > len(fields)) == (view is View.ALL)


def test_a_branch_and_a_pattern_subscribe_to_all_below(car: Car) -> None:
    stub = car.stub(SERVICE)
    paths = [path for path in car.broker.table.numbers if path.startswith(f"{DOOR}.")]
    for path in (DOOR, f"{DOOR}.**"):
        with subscribed(stub, asked(path, Field.VALUE)) as answers:
            assert [path for path, _, _ in told(next(answers))] == paths
    with subscribed(stub, asked("**", Field.VALUE)) as answers:
        assert len(next(answers).updates) == len(car.broker.table)
        car.publish({LOCK: True})
        assert told(next(answers)) == [(LOCK, True, None)]


def test_readers_of_the_same_batch_each_get_what_they_asked_for(car: Car) -> None:
    stubs = [car.stub(SERVICE) for _ in range(3)]
    with contextlib.ExitStack() as stack:
        entries = [asked("**", Field.VALUE), asked("**", Field.VALUE), asked(SPEED, Field.VALUE)]
        streams = [stack.enter_context(subscribed(stub, entry)) for stub, entry in zip(stubs, entries, strict=True)]
        for stream in streams:
            next(stream)
        car.publish({SPEED: 3.0, LOCK: True})
        whole = [(SPEED, 3.0, None), (LOCK, True, None)]
        assert [told(next(stream)) for stream in streams] == [whole, whole, whole[:1]]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], grpc.StatusCode.INVALID_ARGUMENT),
        ([asked("Vehicle.None", Field.VALUE)], grpc.StatusCode.NOT_FOUND),
        ([asked(SPEED, Field.VALUE), asked("Vehicle.None", Field.VALUE)], grpc.StatusCode.NOT_FOUND),
        ([asked("Vehicle.None.**", Field.VALUE)], grpc.StatusCode.NOT_FOUND),
        ([asked("Vehicle. **", Field.VALUE)], grpc.StatusCode.INVALID_ARGUMENT),
        ([asked("V" * 1001, Field.VALUE)], grpc.StatusCode.INVALID_ARGUMENT),
        ([asked("V" * 1000, Field.VALUE)], grpc.StatusCode.NOT_FOUND),
        ([{"path": SPEED, "view": 99}], grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_what_cannot_be_subscribed_to_ends_the_call(
    car: Car, entries: list[dict[str, Any]], code: grpc.StatusCode
) -> None:
    with subscribed(car.stub(SERVICE), *entries) as answers, pytest.raises(grpc.RpcError) as error:
        next(answers)
    assert status(error) is code
    assert details(error)
    assert not car.broker.readers


def test_one_signal_that_may_not_be_read_ends_the_call(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    stub = car.stub(SERVICE, tokens.sign(f"read:{DOOR}"))
    with subscribed(stub, asked(DOOR, Field.VALUE)) as answers:
        assert next(answers).updates
    with subscribed(stub, asked("Vehicle.Cabin.Door", Field.VALUE)) as answers, pytest.raises(grpc.RpcError) as error:
        next(answers)
    assert status(error) is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("fields", [(Field.VALUE, Field.ACTUATOR_TARGET), (Field.METADATA,)])
def test_the_stream_ends_when_the_token_does(serve: Serve, tokens: Tokens, fields: tuple[Field, ...]) -> None:
    car = serve(Access(tokens.authority))
    stub = car.stub(SERVICE, tokens.sign("read", ends_in_s=2))
    with subscribed(stub, asked(LOCK, *fields)) as answers:
        assert next(answers).updates
        with pytest.raises(grpc.RpcError) as error:
            next(answers)
    assert status(error) is grpc.StatusCode.UNAUTHENTICATED
    assert "expired" in details(error)
    wait_for(lambda: not car.broker.readers, "the end of the subscription")


def test_who_holds_too_many_subscriptions_is_told_and_nobody_else(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority, limits=Limits(subscriptions=2)))
    greedy, modest = (car.stub(SERVICE, tokens.sign("read", name)) for name in ("greedy", "modest"))
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            assert next(stack.enter_context(subscribed(greedy, asked(SPEED, Field.VALUE))))
        with subscribed(greedy, asked(SPEED, Field.VALUE)) as answers, pytest.raises(grpc.RpcError) as error:
            next(answers)
        assert status(error) is grpc.StatusCode.RESOURCE_EXHAUSTED
        with subscribed(modest, asked(SPEED, Field.VALUE)) as answers:
            assert next(answers)


def test_a_reader_that_leaves_leaves_nothing_behind(car: Car) -> None:
    with subscribed(car.stub(SERVICE), asked("**", Field.VALUE, Field.ACTUATOR_TARGET)) as answers:
        next(answers)
        assert len(car.broker.readers) == 2
    wait_for(lambda: not car.broker.readers, "the end of the subscriptions")
