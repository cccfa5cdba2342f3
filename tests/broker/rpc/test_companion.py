"""commonwheel.v1.Car on the wire: each call's good and bad answers, as any language's client would see them."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import grpc
import numpy as np
import pytest

from commonwheel.broker import Broker, Updates
from commonwheel.broker.access import Access, Limits
from commonwheel.broker.rpc.interface import message, methods
from tests.client.harness import (
    CELLS,
    GEAR,
    LIGHT,
    MODE,
    NAME,
    PATIENCE_S,
    SEAT,
    SPEED,
    TICKS,
    Served,
    Words,
    small_catalog,
    wait_for,
)

Proto: TypeAlias = Any
"""A message, a call or its requests."""

Code = grpc.StatusCode
_METHODS = {method.name: method for method in methods("commonwheel.v1.Car")}


class Wire:
    """A plain channel to a server, and its broker."""

    def __init__(self, served: Served, scopes: str = "") -> None:
        self.broker = served.broker
        self.served = served
        self.channel = grpc.insecure_channel(served.target)
        self.metadata = (("authorization", f"Bearer app+{scopes.replace(' ', '+')}"),) if scopes else ()

    def __call__(self, name: str, request: Proto = None, **fields: Proto) -> Proto:
        """Make a call; a request may be given as bytes, by its fields, or as an iterator of requests."""
        method = _METHODS[name]
        kind = f"{'stream' if method.streams_in else 'unary'}_{'stream' if method.streams_out else 'unary'}"
        call: Proto = getattr(self.channel, kind)(
            f"/{method.service}/{method.name}",
            request_serializer=lambda value: value if isinstance(value, bytes) else value.SerializeToString(),
            response_deserializer=method.response.FromString,
        )
        made = method.request(**fields) if request is None else request
        return call(made, timeout=PATIENCE_S, metadata=self.metadata)

    def refused(self, status: grpc.StatusCode, reason: str, name: str, request: Proto = None, **fields: Proto) -> str:
        """Make a call that is refused; returns what is said."""
        with pytest.raises(grpc.RpcError) as caught:
            self._all(name, request, **fields)
        error: Proto = caught.value
        assert (error.code(), dict(error.trailing_metadata()).get("commonwheel-reason")) == (status, reason)
        assert error.details()
        return error.details()

    def _all(self, name: str, request: Proto = None, **fields: Proto) -> None:
        answer = self(name, request, **fields)
        if _METHODS[name].streams_out:
            list(answer)

    def put(self, **values: object) -> None:
        numbers = {self.number(f"Vehicle.{name}"): value for name, value in values.items()}
        assert not self.broker.publish_values(numbers)

    def number(self, path: str) -> int:
        return self.broker.table.number(path)


@pytest.fixture
def wire() -> Iterator[Wire]:
    served = Served(Broker(small_catalog(), name="test car"))
    wire = Wire(served)
    yield wire
    wire.channel.close()
    served.stop()


@pytest.fixture
def guarded() -> Iterator[Served]:
    served = Served(Broker(small_catalog(), name="test car"), Access(Words(), limits=Limits(subscriptions=2)))
    yield served
    served.stop()


def columns(rows: Sequence[tuple[int, int, float, int]]) -> Proto:
    """Return columns as another language would make them."""
    signal, t_ns, value, quality = zip(*rows, strict=True) if rows else ((), (), (), ())
    return message("commonwheel.v1.Columns")(
        signal=np.array(signal, "<i4").tobytes(),
        t_ns=np.array(t_ns, "<i8").tobytes(),
        value=np.array(value, "<f8").tobytes(),
        quality=np.array(quality, "u1").tobytes(),
    )


def rows(made: Proto) -> list[tuple[int, float, int]]:
    """Return signal, value and quality of columns, as another language would read them."""
    return list(
        zip(
            np.frombuffer(made.signal, "<i4").tolist(),
            np.frombuffer(made.value, "<f8").tolist(),
            made.quality,
            strict=True,
        )
    )


class Station:
    """A provider's call."""

    def __init__(self, wire: Wire, *requests: Proto) -> None:
        self._requests: queue.Queue[Proto] = queue.Queue()
        for request in requests:
            self._requests.put(request)
        self.call = wire("Provide", iter(self._requests.get, None))

    def send(self, **fields: Proto) -> None:
        self._requests.put(message("commonwheel.v1.ProvideRequest")(**fields))

    def claim(self, **fields: Proto) -> list[int]:
        self.send(claim=fields)
        return list(next(self.call).opening.signals)

    def close(self) -> None:
        self._requests.put(None)
        assert list(self.call) == []


# ---- describe and read ----------------------------------------------------------------------------------------------


def test_describe_numbers_signals_from_0_in_the_order_of_their_paths(wire: Wire) -> None:
    answer = wire("Describe")
    assert [signal.number for signal in answer.signals] == list(range(len(wire.broker.table)))
    assert [signal.path for signal in answer.signals] == sorted(wire.broker.table.numbers)
    assert (answer.car, answer.catalog) == ("test car", "a small standard")
    assert answer.table == wire("Describe", patterns=[SPEED]).table != 0
    seat = next(signal for signal in answer.signals if signal.path == SEAT)
    assert (seat.kind, seat.datatype, seat.unit, seat.minimum, seat.maximum) == (2, "uint8", "percent", 0.0, 100.0)
    assert not seat.HasField("owner")


def test_describe_refuses_what_selects_nothing(wire: Wire) -> None:
    wire.refused(Code.NOT_FOUND, "UNKNOWN_SIGNAL", "Describe", patterns=["Vehicle.No.*"])
    wire.refused(Code.INVALID_ARGUMENT, "BAD_PATTERN", "Describe", patterns=["Vehicle..Speed"])
    wire.refused(Code.INVALID_ARGUMENT, "INVALID", "Describe", patterns=["x" * 1001])


def test_read_gives_a_row_for_each_path(wire: Wire) -> None:
    wire.put(Speed=1.5, Mode="AUTO", Name="x", Cells=[7, 8], Ticks=2**64 - 1)
    answer = wire("Read", paths=[SPEED, MODE, NAME, GEAR, CELLS, TICKS, SPEED])
    values = [(value, quality) for _signal, value, quality in rows(answer.columns)]
    assert values[0] == values[6] == (1.5, 0)
    assert values[1] == (2.0, 0)
    assert values[3][1] == 4
    assert np.isnan([values[2][0], values[3][0], values[4][0]]).all()
    items = {item.row: item.value for item in answer.columns.items}
    assert (items[2].text, list(items[4].integers.items), items[5].natural) == ("x", [7, 8], 2**64 - 1)
    assert set(items) == {2, 4, 5}
    assert answer.table == wire("Describe").table


def test_read_refuses(wire: Wire) -> None:
    wire.refused(Code.INVALID_ARGUMENT, "INVALID", "Read")
    assert "did you mean" in wire.refused(Code.NOT_FOUND, "UNKNOWN_SIGNAL", "Read", paths=[SPEED, "Vehicle.Sped"])
    wire.refused(Code.INVALID_ARGUMENT, "INVALID", "Read", paths=["x" * 1001])


def test_read_history_is_bounded_by_time_and_number(wire: Wire) -> None:
    number = wire.number(SPEED)
    for t_ns in (100, 200, 300):
        wire.broker.publish_values({number: t_ns / 100}, t_ns=t_ns)
    assert rows(wire("ReadHistory", path=SPEED).columns) == [(number, 1.0, 0), (number, 2.0, 0), (number, 3.0, 0)]
    assert rows(wire("ReadHistory", path=SPEED, start_ns=100, end_ns=300, most=1).columns) == [(number, 2.0, 0)]
    assert rows(wire("ReadHistory", path=GEAR).columns) == []
    wire.refused(Code.NOT_FOUND, "UNKNOWN_SIGNAL", "ReadHistory", path="Vehicle")
    wire.refused(Code.NOT_FOUND, "UNKNOWN_SIGNAL", "ReadHistory")


# ---- subscribe ------------------------------------------------------------------------------------------------------


def test_subscribe_opens_then_tells_what_is_then_what_comes(wire: Wire) -> None:
    wire.put(Speed=1.0)
    call = wire("Subscribe", patterns=["Vehicle.*"])
    opening = next(call).opening
    assert opening.table == wire("Describe").table
    numbers = [wire.number(path) for path in wire.broker.table.numbers if path.count(".") == 1]
    assert list(opening.signals) == sorted(numbers)
    first = next(call)
    assert [signal for signal, _value, _quality in rows(first.columns)] == sorted(numbers)
    assert (first.sequence, first.dropped) == (0, 0)
    wire.put(Speed=2.0)
    second = next(call)
    assert rows(second.columns) == [(wire.number(SPEED), 2.0, 0)]
    assert (second.sequence, second.dropped) == (len(numbers), 0)
    call.cancel()
    wait_for(lambda: not wire.broker.readers)


def test_subscribe_without_the_beginning_and_with_a_filter(wire: Wire) -> None:
    filter_ = {"within": [{"compare": 3, "boundary": 5.0}, {"compare": 5, "boundary": 9.0}]}
    call = wire("Subscribe", patterns=[SPEED], skip_initial=True, filter=filter_)
    next(call)
    for speed in (6.0, 4.0, 10.0, 7.0):
        wire.put(Speed=speed)
    got: list[float] = []
    while got[-1:] != [7.0]:
        got += [value for _signal, value, _quality in rows(next(call).columns)]
    assert got == [6.0, 7.0]
    call.cancel()


@pytest.mark.parametrize(
    "fields",
    [
        {"patterns": []},
        {"patterns": [SPEED], "filter": {"deadband": -1.0}},
        {"patterns": [SPEED], "filter": {"min_interval_ns": -1}},
        {"patterns": [SPEED], "filter": {"change": {"diff": 1.0}}},
        {"patterns": [SPEED], "filter": {"within": [{"compare": 77}]}},
        {"patterns": [SPEED], "filter": {"curvelog": {"max_error": 1.0, "buffer": 1}}},
        {"patterns": [SPEED], "filter": {"curvelog": {"max_error": -1.0, "buffer": 10}}},
        {"patterns": [SPEED], "queue": {"overflow": 9}},
        {"patterns": [SPEED], "queue": {"batches": 2**32 - 1}},
        {"patterns": [SPEED], "queue": {"updates": 1_000_001}},
    ],
)
def test_subscribe_refuses_what_makes_no_sense(wire: Wire, fields: dict[str, Proto]) -> None:
    wire.refused(Code.INVALID_ARGUMENT, "INVALID", "Subscribe", **fields)
    assert not wire.broker.readers


def test_subscribe_is_counted(guarded: Served) -> None:
    wire = Wire(guarded, "read")
    calls = [wire("Subscribe", patterns=[SPEED]) for _ in range(2)]
    for call in calls:
        next(call)
    assert "2 subscriptions" in wire.refused(Code.RESOURCE_EXHAUSTED, "LIMIT", "Subscribe", patterns=[SPEED])
    calls[0].cancel()
    wait_for(lambda: len(guarded.broker.readers) == 1)
    calls[1].cancel()
    wire.channel.close()


def test_a_big_batch_comes_in_messages_that_every_client_takes(wire: Wire) -> None:
    """GRPC's clients take four megabytes unless they are told otherwise."""
    count = 100_000
    provider = wire.broker.provider("log")
    number = wire.number(SPEED)
    provider.claim([number])
    call = wire("Subscribe", patterns=[SPEED], skip_initial=True, queue={"updates": 200_000})
    next(call)

    signal = np.full(count, number, np.int32)
    provider.publish(Updates(signal, np.arange(count), np.arange(count, dtype=float), np.zeros(count, np.uint8)))
    got: list[float] = []
    while len(got) < count:
        answer = next(call)
        assert answer.ByteSize() < 4 * 1024 * 1024
        assert answer.sequence == len(got)
        got += np.frombuffer(answer.columns.value, "<f8").tolist()
    assert got == list(range(count))
    call.cancel()
    provider.close()


# ---- actuate and publish --------------------------------------------------------------------------------------------


def test_actuate_tells_every_step(wire: Wire) -> None:
    provider = wire.broker.provider("seat")
    seat, light = wire.number(SEAT), wire.number(LIGHT)

    def act(actuations: Proto) -> None:
        wire.broker.publish_values({actuation.signal: actuation.target for actuation in actuations})

    provider.claim([], {seat: None, light: None}, act)
    targets = [{"path": SEAT, "value": {"integer": 40}}, {"path": LIGHT, "value": {"boolean": True}}]
    steps = [step for answer in wire("Actuate", targets=targets) for step in answer.steps]
    assert [step.stage for step in steps if step.target == 0] == [1, 2, 4, 5]
    assert [step.stage for step in steps if step.target == 1] == [1, 2, 4, 5]
    assert all(abs(step.t_ns - time.time_ns()) < PATIENCE_S * 1e9 for step in steps)


@pytest.mark.parametrize(
    ("targets", "status", "reason"),
    [
        ([], Code.INVALID_ARGUMENT, "INVALID"),
        ([(SEAT, {"integer": 1})], Code.UNAVAILABLE, "NO_PROVIDER"),
        ([(SPEED, {"number": 1.0})], Code.INVALID_ARGUMENT, "NOT_ACTUATOR"),
        ([("Vehicle.No", {"number": 1.0})], Code.NOT_FOUND, "UNKNOWN_SIGNAL"),
        ([(SEAT, {"integer": 101})], Code.INVALID_ARGUMENT, "OUT_OF_RANGE"),
        ([(SEAT, {"text": "x"})], Code.INVALID_ARGUMENT, "WRONG_TYPE"),
        ([(SEAT, {})], Code.INVALID_ARGUMENT, "WRONG_TYPE"),
        ([(SEAT, {"integer": 1}), (SEAT, {"integer": 2})], Code.INVALID_ARGUMENT, "INVALID"),
    ],
)
def test_actuate_refuses(wire: Wire, targets: list[Proto], status: grpc.StatusCode, reason: str) -> None:
    made = [{"path": path, "value": value} for path, value in targets]
    wire.refused(status, reason, "Actuate", targets=made)


def test_publish_tells_which_were_refused(wire: Wire) -> None:
    values = [
        {"path": SPEED, "value": {"number": 3.0}},
        {"path": GEAR, "value": {"integer": 99}},
        {"path": "Vehicle.No", "value": {"integer": 9}},
        {"path": CELLS, "value": {"integers": {"items": [1, 2]}}},
        {"path": MODE},
    ]
    answer = wire("Publish", values=values, t_ns=123)
    faults = {fault.path: fault.reason for fault in answer.faults}
    assert faults == {GEAR: "OUT_OF_RANGE", "Vehicle.No": "UNKNOWN_SIGNAL"}
    reading = wire.broker.get(wire.number(SPEED))
    assert (reading.value, reading.t_ns) == (3.0, 123)
    assert wire.broker.get(wire.number(CELLS)).value == [1, 2]
    assert wire.broker.get(wire.number(MODE)).quality.name == "INVALID"
    wire.refused(Code.INVALID_ARGUMENT, "INVALID", "Publish", t_ns=-1)
    wire.refused(Code.INVALID_ARGUMENT, "INVALID", "Publish", values=[{"path": SPEED}, {"path": SPEED}])


# ---- provide --------------------------------------------------------------------------------------------------------


def test_a_provider_claims_publishes_and_lets_go(wire: Wire) -> None:
    station = Station(wire)
    speed, gear = wire.number(SPEED), wire.number(GEAR)
    assert station.claim(name="one", signals=[SPEED]) == [speed]
    assert station.claim(signals=[GEAR]) == sorted([speed, gear])
    station.send(columns=columns([(speed, 0, 4.0, 0), (gear, 55, 2.0, 1)]))
    wait_for(lambda: wire.broker.get(speed).value == 4.0)
    assert abs(wire.broker.get(speed).t_ns - time.time_ns()) < PATIENCE_S * 1e9
    assert wire.broker.get(gear) == (2, 1, 55)
    other = Station(wire)
    other.send(claim={"signals": [SPEED]})
    with pytest.raises(grpc.RpcError) as caught:
        next(other.call)
    refused: Proto = caught.value
    assert (refused.code(), "one" in refused.details()) == (Code.ALREADY_EXISTS, True)
    station.close()
    assert wire.broker.get(speed).quality.name == "STALE"
    assert not wire.broker.providers


def test_wrong_columns_are_refused_and_the_provider_stays(wire: Wire) -> None:
    station = Station(wire)
    speed, gear, mode, name = (wire.number(path) for path in (SPEED, GEAR, MODE, NAME))
    station.claim(signals=[SPEED, GEAR, MODE, NAME])
    long = columns([(speed, 0, 1.0, 0)])
    long.quality += b"\0"
    named = columns([(name, 0, np.nan, 0)])
    named.items.add(row=0).value.integer = 4
    empty = columns([(name, 0, np.nan, 0)])
    empty.items.add(row=0)
    behind = columns([(name, 0, np.nan, 0)])
    behind.items.add(row=1).value.text = "x"
    for wrong, reason in (
        (long, "INVALID"),
        (columns([(speed, 0, 1.0, 0), (10_000, 0, 1.0, 0)]), "UNKNOWN_SIGNAL"),
        (columns([(-1, 0, 1.0, 0)]), "UNKNOWN_SIGNAL"),
        (columns([(speed, -1, 1.0, 0)]), "INVALID"),
        (columns([(speed, 0, 1.0, 5)]), "INVALID"),
        (columns([(speed, 0, np.nan, 0)]), "OUT_OF_RANGE"),
        (columns([(speed, 0, np.inf, 0)]), "OUT_OF_RANGE"),
        (columns([(gear, 0, 9.0, 0)]), "OUT_OF_RANGE"),
        (columns([(gear, 0, 1.5, 0)]), "WRONG_TYPE"),
        (columns([(mode, 0, 3.0, 0)]), "NOT_ALLOWED"),
        (columns([(name, 0, 1.0, 0)]), "WRONG_TYPE"),
        (named, "WRONG_TYPE"),
        (empty, "INVALID"),
        (behind, "INVALID"),
        (columns([(wire.number(TICKS), 0, 1.0, 0)]), "NOT_CLAIMED"),
    ):
        station.send(columns=wrong)
        (fault,) = next(station.call).faults
        assert fault.reason == reason, fault
        assert fault.message
    station.send(columns=columns([(gear, 0, 3.0, 0)]))
    wait_for(lambda: wire.broker.get(gear).value == 3)
    assert wire.broker.get(speed).quality.name == "MISSING"
    station.close()


def test_a_provider_is_asked_and_answers(wire: Wire) -> None:
    station = Station(wire)
    actuators = [{"path": SEAT, "within_ns": 10**10, "tolerance": 1.0}, {"path": LIGHT, "confirm": SPEED}]
    assert station.claim(signals=[SEAT], actuators=actuators) == [wire.number(SEAT)]
    asking = wire("Actuate", targets=[{"path": SEAT, "value": {"integer": 40}}])
    (asked,) = next(station.call).actuations
    assert (asked.path, asked.value.integer) == (SEAT, 40)
    station.send(columns=columns([(wire.number(SEAT), 0, 41.0, 0)]))
    assert [step.stage for answer in asking for step in answer.steps][-1] == 5
    asking = wire("Actuate", targets=[{"path": LIGHT, "value": {"boolean": True}}])
    (asked,) = next(station.call).actuations
    station.send(outcome={"actuation": asked.number + 1000, "stage": 3, "why": "not mine"})
    station.send(outcome={"actuation": asked.number, "stage": 3, "why": "no"})
    last = [step for answer in asking for step in answer.steps][-1]
    assert (last.stage, last.why) == (3, "no")
    station.close()


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ([{}], "INVALID"),
        ([{"columns": {}}, {"claim": {}}], "INVALID"),
        ([{"claim": {"signals": ["Vehicle.No"]}}], "UNKNOWN_SIGNAL"),
        ([{"claim": {"actuators": [{"path": SPEED}]}}], "NOT_ACTUATOR"),
        ([{"claim": {"actuators": [{"path": SEAT, "within_ns": -1}]}}], "INVALID"),
        ([{"claim": {"actuators": [{"path": SEAT, "tolerance": float("nan")}]}}], "INVALID"),
        ([{"claim": {"actuators": [{"path": SEAT, "confirm": "Vehicle.No"}]}}], "UNKNOWN_SIGNAL"),
        ([{"claim": {"signals": [SPEED]}}, {"outcome": {"stage": 5}}], "INVALID"),
        ([{"claim": {"signals": [SPEED]}}, {"outcome": {"stage": 99}}], "INVALID"),
        ([{"outcome": {"stage": 3}}], "NOT_CLAIMED"),
    ],
)
def test_provide_refuses(wire: Wire, requests: list[Proto], reason: str) -> None:
    made = [message("commonwheel.v1.ProvideRequest")(**request) for request in requests]
    with pytest.raises(grpc.RpcError) as caught:
        list(wire("Provide", iter(made)))
    error: Proto = caught.value
    assert dict(error.trailing_metadata())["commonwheel-reason"] == reason
    wait_for(lambda: not wire.broker.providers)


# ---- watch and rights -----------------------------------------------------------------------------------------------


def test_watch_tells_the_past_and_what_comes(wire: Wire) -> None:
    wire.broker.events.add("test.one", number=1, signal=SPEED, share=0.5, on=True, none=None, odd=("a", 1))
    call = wire("Watch", last=5)
    (one,) = next(call).events
    assert one.kind == "test.one"
    facts = {name: value.WhichOneof("kind") for name, value in one.facts.items()}
    assert facts == {
        "number": "integer", "signal": "text", "share": "number", "on": "boolean", "none": None, "odd": "text"
    }  # fmt: skip
    wire.broker.events.add("test.two")
    (two,) = next(call).events
    assert two.kind == "test.two"
    call.cancel()


def test_rights_are_asked_at_every_call(guarded: Served) -> None:
    wire = Wire(guarded, "read:Vehicle.Speed")
    wire.refused(Code.PERMISSION_DENIED, "FORBIDDEN", "Read", paths=[SPEED, GEAR])
    wire.refused(Code.PERMISSION_DENIED, "FORBIDDEN", "ReadHistory", path=GEAR)
    wire.refused(Code.PERMISSION_DENIED, "FORBIDDEN", "Subscribe", patterns=[GEAR])
    wire.refused(Code.PERMISSION_DENIED, "FORBIDDEN", "Subscribe", patterns=["Vehicle.Cabin"])
    target = {"path": SEAT, "value": {"integer": 1}}
    wire.refused(Code.PERMISSION_DENIED, "FORBIDDEN", "Actuate", targets=[target])
    assert [fault.reason for fault in wire("Publish", values=[target]).faults] == ["FORBIDDEN"]
    claim = message("commonwheel.v1.ProvideRequest")(claim={"signals": [SPEED]})
    wire.refused(Code.PERMISSION_DENIED, "FORBIDDEN", "Provide", iter([claim]))
    rights = {signal.path: list(signal.rights) for signal in wire("Describe").signals}
    assert (rights[SPEED], rights[GEAR]) == ([1], [])
    wire.channel.close()
    nobody = Wire(guarded)
    for name in ("Describe", "Read", "ReadHistory", "Publish", "Subscribe", "Actuate", "Watch"):
        nobody.refused(Code.UNAUTHENTICATED, "UNAUTHENTICATED", name)
    nobody.refused(Code.UNAUTHENTICATED, "UNAUTHENTICATED", "Provide", iter([claim]))
    nobody.channel.close()


def test_bytes_that_are_no_message_are_refused(wire: Wire) -> None:
    for name in ("Describe", "Read", "ReadHistory", "Publish", "Subscribe", "Actuate", "Watch"):
        wire.refused(Code.INVALID_ARGUMENT, "INVALID", name, b"\xff\xff\xff")
    wire.refused(Code.INVALID_ARGUMENT, "INVALID", "Provide", iter([b"\x0a\xff"]))


def test_what_would_take_long_is_refused_before_it_holds_others_up(wire: Wire) -> None:
    for name, fields in (
        ("Read", {"paths": [SPEED] * 10_001}),
        ("Describe", {"patterns": ["Vehicle.*"] * 101}),
        ("Subscribe", {"patterns": ["Vehicle.**.Speed"] * 101}),
        ("Publish", {"values": [{"path": f"Vehicle.X{number}"} for number in range(10_001)]}),
    ):
        wire.refused(Code.RESOURCE_EXHAUSTED, "LIMIT", name, **fields)
    faults = wire("Publish", values=[{"path": f"Vehicle.Sped{number}"} for number in range(1000)]).faults
    assert len(faults) == 1000
    assert {fault.reason for fault in faults} == {"UNKNOWN_SIGNAL"}
    assert "did you mean" in faults[0].message
    assert "did you mean" not in faults[-1].message
