"""kuksa.val.v1: what is no request, clients that vanish, floods; the others go on as if nothing had happened."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any, cast

import grpc
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonwheel.broker.access import Access, Limits
from commonwheel.broker.rpc.interface import Proto, message, methods
from commonwheel.broker.rpc.v1_fields import Field
from tests.broker.rpc.served import Car, Serve, Stub, Tokens, details, status, wait_for

SERVICE = "kuksa.val.v1.VAL"
SPEED = "Vehicle.Speed"
CALLS = [method.name for method in methods(SERVICE)]
CLIENTS_FAULT = {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
GARBAGE = b"\x0a\xff\xff\xff\xff\x0f this is no message"


@pytest.fixture
def bystander(car: Car) -> Iterator[Stub]:
    """Another client, whose subscription has to survive the test and still get what happens."""
    stub = car.stub(SERVICE)
    entry = {"path": SPEED, "fields": [Field.VALUE]}
    stream = stub.Subscribe(stub.new("SubscribeRequest", entries=[entry]))
    next(stream)
    yield stub
    car.publish({SPEED: 42.0})
    values = [update.entry.value.float for update in next(stream).updates]
    stream.cancel()
    assert values == [42.0]


def outcome(stub: Stub, name: str, request: object, *, first: bool = False) -> tuple[list[Proto], grpc.StatusCode]:
    """Call, and return every answer (or the first one alone) and the status at the end."""
    try:
        if first and name == "Subscribe":
            stream = stub.Subscribe(request)
            answers = [next(stream)]
            stream.cancel()
            return answers, grpc.StatusCode.OK
        return ask(stub, name, request), grpc.StatusCode.OK
    except grpc.RpcError as error:
        return [], cast("grpc.Call", error).code()


def ask(stub: Stub, name: str, request: object) -> list[Any]:
    """Call, and return every answer."""
    call = getattr(stub, name)
    answer = call(iter([request])) if name == "StreamedUpdate" else call(request)
    return list(answer) if name in {"StreamedUpdate", "Subscribe"} else [answer]


@pytest.mark.parametrize("name", [name for name in CALLS if name != "GetServerInfo"])
@pytest.mark.usefixtures("bystander")
def test_bytes_that_are_no_request_are_refused(car: Car, name: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        ask(car.stub(SERVICE), name, GARBAGE)
    assert status(error) is grpc.StatusCode.INVALID_ARGUMENT
    assert "bytes" in details(error)
    assert "Traceback" not in details(error)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), name=st.sampled_from(["Get", "Set", "StreamedUpdate"]))
def test_any_bytes_get_an_answer_or_a_status_of_the_clients_fault(shared_stub: Stub, data: bytes, name: str) -> None:
    _, code = outcome(shared_stub, name, data)
    assert code in CLIENTS_FAULT


TEXTS = st.one_of(
    st.sampled_from([SPEED, "Vehicle", "**", "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked", "Vehicle.*.IsLocked", ""]),
    st.text(max_size=30),
)
ENUMS = st.one_of(st.sampled_from([0, 1, 2, 3, 10, 20]), st.integers(-(2**31), 2**31 - 1))
POINTS = st.fixed_dictionaries(
    {},
    optional={
        "timestamp": st.fixed_dictionaries(
            {"seconds": st.integers(-(2**63), 2**63 - 1), "nanos": st.integers(-(2**31), 2**31 - 1)}
        ),
        "float": st.floats(width=32),
        "bool": st.booleans(),
        "string": st.text(max_size=20),
        "string_array": st.fixed_dictionaries({"values": st.lists(st.text(max_size=5), max_size=3)}),
    },
)
UPDATES = st.lists(
    st.fixed_dictionaries(
        {"fields": st.lists(ENUMS, max_size=3)},
        optional={
            "entry": st.fixed_dictionaries({"path": TEXTS}, optional={"value": POINTS, "actuator_target": POINTS})
        },
    ),
    max_size=4,
)
ENTRIES = st.lists(
    st.fixed_dictionaries({"path": TEXTS, "view": ENUMS, "fields": st.lists(ENUMS, max_size=3)}), max_size=4
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=ENTRIES, updates=UPDATES)
def test_any_request_gets_an_answer_or_a_status_of_the_clients_fault(
    shared_stub: Stub, entries: list[dict[str, Any]], updates: list[dict[str, Any]]
) -> None:
    new = shared_stub.new
    requests = {
        "Get": new("GetRequest", entries=entries),
        "Set": new("SetRequest", updates=updates),
        "StreamedUpdate": new("StreamedUpdateRequest", updates=updates),
    }
    for name, request in requests.items():
        answers, code = outcome(shared_stub, name, request)
        assert code in CLIENTS_FAULT
        assert all(error.error.code in range(400, 500) for answer in answers for error in answer.errors)


@pytest.fixture
def shared_stub(car: Car) -> Stub:
    """One client for all examples of a property."""
    return car.stub(SERVICE)


def test_a_message_that_is_too_large_is_refused(serve: Serve) -> None:
    car = serve(Access(limits=Limits(message_bytes=10_000)))
    stub = car.stub(SERVICE, channel=car.channel(max_send_message_length=-1))
    for name in ("Get", "Set", "StreamedUpdate"):
        with pytest.raises(grpc.RpcError) as error:
            ask(stub, name, b"\0" * 10_001)
        assert status(error) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ask(stub, "GetServerInfo", stub.new("GetServerInfoRequest"))


def test_a_client_without_a_token_is_told_to_get_one(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    for name in CALLS:
        with pytest.raises(grpc.RpcError) as error:
            ask(car.stub(SERVICE), name, b"")
        assert status(error) is grpc.StatusCode.UNAUTHENTICATED
        assert "token" in details(error)


@pytest.mark.parametrize("wrong", ["", "x", "a.b.c", "Bearer"])
def test_a_token_that_is_none_is_refused(serve: Serve, tokens: Tokens, wrong: str) -> None:
    car = serve(Access(tokens.authority))
    with pytest.raises(grpc.RpcError) as error:
        ask(car.stub(SERVICE, wrong), "GetServerInfo", b"")
    assert status(error) is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_that_has_ended_is_refused(serve: Serve, tokens: Tokens) -> None:
    car = serve(Access(tokens.authority))
    for name in CALLS:
        with pytest.raises(grpc.RpcError) as error:
            ask(car.stub(SERVICE, tokens.sign("read", ends_in_s=-10)), name, b"")
        assert status(error) is grpc.StatusCode.UNAUTHENTICATED
        assert "expired" in details(error)


@pytest.mark.usefixtures("bystander")
def test_a_client_that_vanishes_while_it_updates_leaves_nothing_behind(car: Car) -> None:
    channel = car.channel()
    stub = car.stub(SERVICE, channel=channel)
    gone = threading.Event()
    entry = {"path": "Vehicle.Exterior.AirTemperature", "value": {"float": 3.0}}
    update = stub.new("StreamedUpdateRequest", updates=[{"entry": entry, "fields": [Field.VALUE]}])

    def send() -> Iterator[Any]:
        yield update
        gone.wait()

    answers = stub.StreamedUpdate(send())
    assert not next(answers).errors
    before = car.server.facts()["streams"]
    channel.close()
    gone.set()
    wait_for(lambda: car.server.facts()["streams"] < before, "the end of the stream")
    assert car.broker.get(car.number("Vehicle.Exterior.AirTemperature")).good == 3.0


@pytest.mark.usefixtures("bystander")
def test_a_client_that_does_not_read_its_answers_holds_nobody_up(car: Car) -> None:
    """Its window fills, and its queue drops the oldest; the publisher and the others never wait."""
    lazy = car.stub(SERVICE)
    stream = lazy.Subscribe(lazy.new("SubscribeRequest", entries=[{"path": "**", "fields": [Field.VALUE]}]))
    next(stream)
    (reader,) = (reader for reader in car.broker.readers if len(reader.signals) > 1)
    floats = [
        signal.number
        for signal in car.broker.table.signals
        if signal.leaf.datatype == "float" and signal.leaf.minimum is None and signal.path != SPEED
    ]
    turn = 0
    while not reader.dropped:
        turn += 1
        car.broker.publish_values(dict.fromkeys(floats, float(turn)))
        assert turn < 100_000, "a queue without an end"
    stream.cancel()
    wait_for(lambda: len(car.broker.readers) == 1, "the end of the subscription")


BIG = {
    "Get": ("GetRequest", "entries", [{"path": f"Vehicle.**.None{i}.*"} for i in range(600)]),
    "Subscribe": ("SubscribeRequest", "entries", [{"path": f"Vehicle.**.*.{'*.' * (i % 3)}*"} for i in range(600)]),
    "Set": (
        "SetRequest",
        "updates",
        [{"entry": {"path": "Vehicle.Service.TimeToService", "value": {"int32": 1}}, "fields": [2]}] * 15_000,
    ),
    "StreamedUpdate": (
        "StreamedUpdateRequest",
        "updates",
        [{"entry": {"path": "Vehicle.Service.TimeToService", "value": {"int32": 1}}, "fields": [2]}] * 15_000,
    ),
}
"""Requests that take a server long: patterns that have to be looked for, values that each are a batch."""


@pytest.mark.parametrize("name", BIG)
def test_others_are_served_while_a_big_request_is(car: Car, bystander: Stub, name: str) -> None:
    """Whoever asks little while much is asked gets its answer first: in one of many tries at least, since what is much
    may be over before the little one has set out."""  # noqa: D205, D209 - one thought
    stub = car.stub(SERVICE)
    kind, field, items = BIG[name]
    request = stub.new(kind, **{field: items})

    def served_meanwhile() -> bool:
        over = threading.Event()

        def flood() -> None:
            outcome(stub, name, request, first=True)
            over.set()

        asked = car.server.facts()["requests"]
        thread = threading.Thread(target=flood)
        thread.start()
        wait_for(lambda: car.server.facts()["requests"] > asked, "the big request")
        assert ask(bystander, "GetServerInfo", b"")
        meanwhile = not over.is_set()
        thread.join()
        return meanwhile

    assert any(served_meanwhile() for _ in range(20))


@pytest.mark.parametrize("name", ["Get", "Subscribe"])
def test_too_many_entries_are_refused(car: Car, name: str) -> None:
    stub = car.stub(SERVICE)
    request = stub.new(f"{name}Request", entries=[{"path": SPEED}] * 10_001)
    with pytest.raises(grpc.RpcError) as error:
        ask(stub, name, request)
    assert status(error) is grpc.StatusCode.RESOURCE_EXHAUSTED


def _connections(port: int) -> int:
    found = psutil.Process(os.getpid()).net_connections(kind="tcp")
    return sum(
        connection.status == psutil.CONN_ESTABLISHED and bool(connection.laddr) and connection.laddr.port == port
        for connection in found
    )


@pytest.mark.parametrize("sent", [b"", GARBAGE, b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff"])
def test_connections_that_open_say_nonsense_and_drop_leave_nothing_behind(
    car: Car, bystander: Stub, sent: bytes
) -> None:
    before = _connections(car.port)
    for _ in range(50):
        with contextlib.suppress(ConnectionError), socket.create_connection((car.host, car.port)) as connection:
            connection.sendall(sent)
    wait_for(lambda: _connections(car.port) <= before, "the end of the connections")
    assert ask(bystander, "GetServerInfo", b"")


def test_a_thousand_clients_that_come_and_go_leave_nothing_behind(car: Car, bystander: Stub) -> None:
    before = _connections(car.port)
    request = message("kuksa.val.v1.SubscribeRequest")(entries=[{"path": SPEED, "fields": [Field.VALUE]}])
    for turn in range(1000):
        with grpc.insecure_channel(car.target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            stream = Stub(channel, SERVICE).Subscribe(request)
            assert next(stream).updates
            if turn % 2:
                stream.cancel()
    wait_for(lambda: len(car.broker.readers) == 1, "the end of the subscriptions")
    wait_for(lambda: _connections(car.port) <= before, "the end of the connections")
    assert ask(bystander, "GetServerInfo", b"")
