"""The native stream, as any Arrow Flight client sees it."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import flight

from commonwheel.broker import Broker, BrokerError, Reason, Updates
from commonwheel.broker.access import Access
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.flight.server import FlightServer
from commonwheel.broker.flight.want import Offered, Queried, Want, parse
from commonwheel.broker.limits import Limits
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.tls import Tls
from commonwheel.vehicles.samples import Quality
from tests.broker.flight.conftest import Serve, Served, bearer, ticket
from tests.broker.rpc.served import Tokens, wait_for

SPEED, MODE, BRAND = "Vehicle.Speed", "Vehicle.Body.Windshield.Front.Wiping.Mode", "Vehicle.VehicleIdentification.Brand"
WMI = "Vehicle.VehicleIdentification.VIN"


def rows(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    """Return (path, value, quality, text) of each row."""
    facts = msgspec.json.decode((batch.schema.metadata or {})[b"commonwheel.signals"])
    paths = {fact["number"]: fact["path"] for fact in facts}
    columns = batch.to_pydict()
    return [
        (paths[number], value, Quality(quality).name, text)
        for number, value, quality, text in zip(
            columns["signal"], columns["value"], columns["quality"], columns["text"], strict=True
        )
    ]


def give(car: Served, values: dict[str, object], t_ns: int | None = None) -> None:
    assert not car.broker.publish_values({car.number(path): value for path, value in values.items()}, t_ns=t_ns)


# ---- reading --------------------------------------------------------------------------------------------------------


def test_a_stream_begins_with_what_is_and_goes_on_with_what_comes(serve: Serve) -> None:
    car = serve()
    give(car, {SPEED: 10.0, MODE: "FAST"})
    reader = car.connect().do_get(ticket(signals=[SPEED, MODE, WMI]))
    first = reader.read_chunk()
    assert sorted(rows(first.data)) == [
        (MODE, 3.0, "GOOD", "FAST"),
        (SPEED, 10.0, "GOOD", None),
        (WMI, None, "MISSING", None),
    ]
    give(car, {WMI: "SJNFAAZE0U1234567"}, t_ns=1_700_000_000_123_456_789)
    second = reader.read_chunk()
    assert rows(second.data) == [(WMI, None, "GOOD", "SJNFAAZE0U1234567")]
    assert second.data.column("time").cast(pa.int64()).to_pylist() == [1_700_000_000_123_456_789]
    assert msgspec.json.decode(second.app_metadata.to_pybytes()) == {"number": 3, "dropped": 0}
    give(car, {SPEED: None})
    assert rows(reader.read_chunk().data) == [(SPEED, None, "INVALID", None)]


def test_the_schema_says_what_each_number_is(serve: Serve) -> None:
    car = serve()
    info = car.connect().get_flight_info(flight.FlightDescriptor.for_path(SPEED, MODE))
    facts = {fact["path"]: fact for fact in msgspec.json.decode((info.schema.metadata or {})[b"commonwheel.signals"])}
    assert facts[SPEED] | {"description": ""} == {
        "number": car.number(SPEED), "path": SPEED, "unit": "km/h", "datatype": "float", "kind": "sensor",
        "labels": [], "description": "",
    }  # fmt: skip
    assert facts[MODE]["labels"][:2] == ["OFF", "SLOW"]
    reader = car.connect().do_get(info.endpoints[0].ticket)
    assert reader.schema.equals(info.schema)
    assert car.connect().get_schema(flight.FlightDescriptor.for_path(SPEED)).schema.names[0] == "time"


def test_patterns_names_and_filters(serve: Serve) -> None:
    car = serve()
    reader = car.connect().do_get(
        ticket(
            signals=["Vehicle.Chassis.Axle.**.Speed", SPEED], names=True, initial=False,
            within=[{"compare": "gt", "value": 50}],
        )
    )  # fmt: skip
    wait_for(lambda: car.broker.readers, "the subscription")
    wheel = "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed"
    for speed in (10.0, 60.0):
        give(car, {SPEED: speed, wheel: speed, MODE: "FAST"})
    got = reader.read_chunk().data.to_pydict()
    assert sorted(zip(got["path"], got["value"], strict=True)) == [(wheel, 60.0), (SPEED, 60.0)]


def test_what_was_and_what_is_are_streams_that_end(serve: Serve) -> None:
    car = serve()
    for speed in range(5):
        give(car, {SPEED: float(speed)})
    give(car, {MODE: "SLOW"})
    client = car.connect()
    history = client.do_get(ticket(signals=[SPEED, MODE], history_s=60, rows=4)).read_all()
    assert history.column("value").to_pylist() == [0.0, 1.0, 2.0, 3.0, 4.0, 1.0]
    snapshot = client.do_get(ticket(signals=[SPEED], snapshot=True)).read_all()
    assert snapshot.column("value").to_pylist() == [4.0]
    assert not car.broker.readers


def test_arrays_come_as_json(serve: Serve) -> None:
    car = serve()
    arrays = [s for s in car.broker.table.signals if s.leaf.datatype == "string[]"]
    give(car, {arrays[0].path: ["one", "two"]})
    table = car.connect().do_get(ticket(signals=[arrays[0].path], snapshot=True)).read_all()
    assert table.column("text").to_pylist() == ['["one","two"]']


def test_no_update_is_lost_by_a_reader_that_keeps_up_and_the_order_is_kept(serve: Serve) -> None:
    car = serve()
    number = car.number(SPEED)
    provider = car.broker.provider("source")
    provider.claim([number])
    reader = car.connect().do_get(ticket(signals=[SPEED], initial=False, queue=1_000_000, rows=1000))
    wait_for(lambda: car.broker.readers, "the subscription")
    for batch in range(50):
        values = np.arange(batch * 100, (batch + 1) * 100, dtype=float)
        ones = np.ones(100, np.int64)
        provider.publish(Updates((ones * number).astype(np.int32), ones, values, np.zeros(100, np.uint8)))
    got: list[float] = []
    expected = 0
    while len(got) < 5000:
        chunk = reader.read_chunk()
        told = msgspec.json.decode(chunk.app_metadata.to_pybytes())
        assert told == {"number": expected, "dropped": 0}
        assert chunk.data.num_rows <= 1000
        expected += chunk.data.num_rows
        got += chunk.data.column("value").to_pylist()
    assert got == [float(i) for i in range(5000)]


def test_a_reader_that_stops_loses_its_own_and_is_told(serve: Serve) -> None:
    car = serve()
    number = car.number(SPEED)
    provider = car.broker.provider("source")
    provider.claim([number])
    slow = car.connect().do_get(ticket(signals=[SPEED], initial=False, queue=1000, rows=1000))
    wait_for(lambda: car.broker.readers, "the subscription")
    (place,) = car.broker.readers
    n = 1000
    updates = Updates(np.full(n, number, np.int32), np.ones(n, np.int64), np.zeros(n), np.zeros(n, np.uint8))
    published = 0
    while place.dropped == 0:  # what the transport takes is not lost; then the queue is full
        provider.publish(updates)
        published += n
    rest, dropped = published, 0
    while rest > dropped:
        chunk = slow.read_chunk()
        told = msgspec.json.decode(chunk.app_metadata.to_pybytes())
        dropped += told["dropped"]
        rest -= chunk.data.num_rows
    assert rest == dropped > 0
    assert place.dropped == dropped


@pytest.mark.parametrize("ends", ["cancels", "drops its reader", "closes its connection"])
def test_a_client_that_goes_leaves_nothing(serve: Serve, ends: str) -> None:
    car = serve()
    for _ in range(3):
        client = car.connect()
        reader = client.do_get(ticket(signals=[SPEED]))
        reader.read_chunk()
        if ends == "cancels":
            reader.cancel()
        elif ends == "closes its connection":
            client.close()
        del reader
    wait_for(lambda: not car.broker.readers, "the end of the subscriptions")
    assert car.server.facts()["streams"] == 0


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "a request is JSON like"),
        (b"[]", "Expected `object`"),
        (b'{"signal": "x"}', "unknown field `signal`"),
        (b'{"signals": ["Vehicle.Sped"]}', "did you mean 'Vehicle.Speed'"),
        (b'{"signals": ["Vehicle.*x"]}', "not a path pattern"),
        (b'{"signals": []}', "no signal is named"),
        (b'{"rows": 0}', "'rows' and 'queue' are 1 to"),
        (b'{"linger_ms": -1}', "'linger_ms' is 0 to"),
        (b'{"history_s": 5, "snapshot": true}', "not together"),
        (b'{"curvelog": {"max_error": 1, "buffer": 1}}', "2 to 2000 points"),
        (b'{"signals": ["' + b"x" * 2000 + b'"]}', "1000 are the most"),
        (b"\xff\xfe\x00", "a request is JSON like"),
        (b"[" * 100_000, "a request is JSON like"),
        (b" " * 1_000_001, "1000000 are the most"),
    ],
)
def test_a_wrong_ticket_is_refused_with_what_is_wrong(serve: Serve, body: bytes, says: str) -> None:
    car = serve()
    with pytest.raises(flight.FlightServerError, match=says) as caught:
        car.connect().do_get(flight.Ticket(body)).read_chunk()
    assert "Traceback" not in str(caught.value)
    assert car.connect().do_get(ticket(signals=[SPEED], snapshot=True)).read_all().num_rows == 1


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_request_breaks_the_reading_of_requests(body: bytes) -> None:
    for kind in (Want, Offered, Queried):
        try:
            request = parse(body, kind)
            if isinstance(request, Want):
                request.check()
                assert request.rule
        except BrokerError as error:
            assert error.reason is Reason.INVALID  # noqa: PT017 - it may be right as well


# ---- giving ---------------------------------------------------------------------------------------------------------

Put = Callable[..., tuple[Any, Any]]

GIVEN = pa.schema([("signal", pa.string()), ("value", pa.float64())])


@pytest.fixture
def put() -> Iterator[Put]:
    writers: list[Any] = []

    def start(
        client: Any,  # noqa: ANN401
        schema: pa.Schema = GIVEN,
        options: flight.FlightCallOptions | None = None,
        **offered: object,
    ) -> tuple[Any, Any]:
        descriptor = flight.FlightDescriptor.for_command(msgspec.json.encode(offered))
        writer, answers = client.do_put(descriptor, schema, options)
        writers.append(writer)
        return writer, answers

    yield start
    for writer in writers:
        try:
            writer.close()
        except pa.ArrowException:  # it was refused: the test knows
            continue


def test_a_provider_owns_while_its_stream_lasts(serve: Serve, put: Put) -> None:
    car = serve()
    writer, answers = put(car.connect(), signals=[SPEED], name="wheel")
    writer.write_with_metadata(pa.record_batch({"signal": [SPEED], "value": [12.5]}), pa.py_buffer(b"1"))
    assert answers.read().to_pybytes() == b"1"
    assert car.broker.get(car.number(SPEED)).good == 12.5
    owner = car.broker.owner(car.number(SPEED))
    assert owner is not None
    assert owner.name == "wheel"
    other, _ = put(car.connect(), signals=[SPEED])
    with pytest.raises(flight.FlightServerError, match="provided by wheel already"):
        other.close()
    writer.close()
    wait_for(lambda: car.broker.owner(car.number(SPEED)) is None, "the end of the claim")
    assert car.broker.get(car.number(SPEED)).quality is Quality.STALE


def test_a_wrong_batch_is_answered_and_left_out_and_the_stream_goes_on(serve: Serve, put: Put) -> None:
    car = serve()
    schema = GIVEN.append(pa.field("text", pa.string()))
    writer, answers = put(car.connect(), schema, signals=[SPEED, MODE, "Vehicle.IsMoving"])
    for signal, value, text, reason in [
        ("Vehicle.IsMoving", 7.0, None, "WRONG_TYPE"),
        (MODE, None, "SIDEWAYS", "NOT_ALLOWED"),
        ("Vehicle.Nope", 1.0, None, "UNKNOWN_SIGNAL"),
        (BRAND, None, "Honda", "NOT_CLAIMED"),
        (SPEED, None, "fast", "WRONG_TYPE"),
    ]:
        columns = {"signal": [SPEED, signal], "value": [1.0, value], "text": [None, text]}
        writer.write_batch(pa.record_batch(columns, schema=schema))
        answer = msgspec.json.decode(answers.read().to_pybytes())
        assert (answer["error"], answer["rows"]) == (reason, 2), answer
    assert car.broker.get(car.number(SPEED)).quality is Quality.MISSING  # all of a batch or nothing
    good = pa.record_batch({"signal": [SPEED, MODE], "value": [1.0, None], "text": [None, "FAST"]}, schema=schema)
    writer.write_with_metadata(good, pa.py_buffer(b"ok"))
    assert answers.read().to_pybytes() == b"ok"
    assert car.broker.get(car.number(MODE)).good == "FAST"


def test_columns_may_come_in_many_forms(serve: Serve, put: Put) -> None:
    car = serve()
    number = car.number(SPEED)
    stamp = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    forms = [
        {"signal": pa.array([number], pa.int64()), "value": pa.array([1], pa.int16())},
        {"signal": pa.array([SPEED]).dictionary_encode(), "value": pa.array([2.0], pa.float32())},
        {"signal": pa.array([SPEED]), "value": pa.array([3.0]), "time": pa.array([stamp], pa.timestamp("us", "UTC"))},
        {"signal": pa.array([SPEED]), "value": pa.array([4.0]), "quality": pa.array(["CORRUPT"])},
        {"signal": pa.array([SPEED]), "value": pa.array([None], pa.float64())},
    ]
    expected = [(1.0, 0), (2.0, 0), (3.0, 0), (4.0, 3), (None, 2)]
    for form, (value, quality) in zip(forms, expected, strict=True):
        batch = pa.record_batch(form)
        writer, answers = put(car.connect(), batch.schema, signals=[SPEED])
        writer.write_with_metadata(batch, pa.py_buffer(b"x"))
        assert answers.read().to_pybytes() == b"x"
        reading = car.broker.get(number)
        assert (reading.value, reading.quality) == (value, quality)
        if "time" in form:
            assert reading.t_ns == int(stamp.timestamp()) * 10**9
        writer.close()
        wait_for(lambda: car.broker.owner(number) is None, "the end of the claim")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"value": pa.array([1.0])}, "needs the columns 'signal'"),
        ({"signal": pa.array([SPEED])}, "'value' or 'text'"),
        ({"signal": pa.array([None], pa.string()), "value": pa.array([1.0])}, "'signal' has nulls"),
        ({"signal": pa.array([SPEED]), "value": pa.array(["x"])}, "a column cannot be read"),
        ({"signal": pa.array([1.5]), "value": pa.array([1.0])}, ""),
        ({"signal": pa.array([10**6]), "value": pa.array([1.0])}, "no signal number"),
        ({"signal": pa.array([-1]), "value": pa.array([1.0])}, "no signal number"),
        ({"signal": pa.array([10**12]), "value": pa.array([1.0])}, "a column cannot be read"),
        ({"signal": pa.array([SPEED]), "value": pa.array([1.0]), "quality": pa.array(["FINE"])}, "no quality 'FINE'"),
        ({"signal": pa.array([SPEED]), "value": pa.array([1.0]), "quality": pa.array([9])}, "no quality 9"),
        ({"signal": pa.array([SPEED]), "value": pa.array([1.0]), "time": pa.array(["now"])}, "a column cannot be read"),
    ],
)
def test_columns_that_cannot_be_read_are_said(serve: Serve, put: Put, columns: dict[str, Any], says: str) -> None:
    car = serve()
    batch = pa.record_batch(columns)
    writer, answers = put(car.connect(), batch.schema, signals=[SPEED])
    writer.write_batch(batch)
    answer = msgspec.json.decode(answers.read().to_pybytes())
    assert says in answer["message"], answer


# ---- actions --------------------------------------------------------------------------------------------------------


def action(
    client: Any,  # noqa: ANN401
    name: str,
    body: bytes = b"",
    options: flight.FlightCallOptions | None = None,
) -> object:
    return msgspec.json.decode(next(iter(client.do_action(flight.Action(name, body), options))).body.to_pybytes())


def test_actions_tell_values_and_signals(serve: Serve) -> None:
    car = serve()
    give(car, {MODE: "FAST"}, t_ns=5)
    client = car.connect()
    assert {known.type for known in client.list_actions()} == {"get", "signals"}
    assert action(client, "get", b'{"signals": ["%s"]}' % MODE.encode()) == [
        {"path": MODE, "value": "FAST", "quality": "GOOD", "time_ns": 5}
    ]
    (fact,) = msgspec.convert(
        action(client, "signals", b'{"signals": ["%s"]}' % SPEED.encode()), list[dict[str, object]]
    )
    assert (fact["unit"], fact["provider"], fact["rights"]) == ("km/h", None, ["actuate", "provide", "read"])
    with pytest.raises(flight.FlightServerError, match="there is no action 'dance'"):
        action(client, "dance")


def test_what_may_be_read_is_listed(serve: Serve) -> None:
    tokens = Tokens()
    car = serve(Access(authority=tokens.authority))
    options = bearer(tokens.sign(f"read:{SPEED}"))
    (info,) = car.connect().list_flights(b"", options)
    assert info.descriptor.path == [SPEED.encode()]


# ---- who may --------------------------------------------------------------------------------------------------------


def test_rights_are_asked_of_every_call(serve: Serve, put: Put) -> None:
    tokens = Tokens()
    car = serve(Access(authority=tokens.authority))
    client = car.connect()
    may_read = bearer(tokens.sign(f"read:{SPEED}"))
    for options in (None, bearer("nonsense"), bearer(tokens.sign("read", ends_in_s=-1))):
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.do_get(ticket(signals=[SPEED]), options).read_chunk()
        with pytest.raises(flight.FlightUnauthenticatedError):
            action(client, "get", options=options)
    assert client.do_get(ticket(signals=[SPEED], snapshot=True), may_read).read_all().num_rows == 1
    with pytest.raises(flight.FlightUnauthorizedError, match=f"may not read {MODE}"):
        client.do_get(ticket(signals=[MODE]), may_read).read_chunk()
    # A pattern selects what may be read of it.
    assert client.do_get(ticket(signals=[""], snapshot=True), may_read).read_all().num_rows == 1
    writer, _ = put(client, options=may_read, signals=[SPEED])
    with pytest.raises(flight.FlightUnauthorizedError, match=f"may not provide {SPEED}"):
        writer.close()
    writer, answers = put(client, options=bearer(tokens.sign(f"provide:{SPEED}")), signals=[SPEED])
    writer.write_with_metadata(pa.record_batch({"signal": [SPEED], "value": [1.0]}), pa.py_buffer(b"1"))
    assert answers.read().to_pybytes() == b"1"


def test_a_stream_ends_when_its_token_does(serve: Serve) -> None:
    tokens = Tokens()
    car = serve(Access(authority=tokens.authority))
    reader = car.connect().do_get(ticket(signals=[SPEED]), bearer(tokens.sign("read", ends_in_s=2)))
    reader.read_chunk()
    with pytest.raises(flight.FlightUnauthenticatedError, match="expired"):
        reader.read_chunk()
    assert not car.broker.readers


def test_one_client_beyond_its_limits_does_not_touch_another(serve: Serve) -> None:
    tokens = Tokens()
    car = serve(Access(authority=tokens.authority, limits=Limits(streams=2)))
    greedy, modest = bearer(tokens.sign("read", "greedy")), bearer(tokens.sign("read", "modest"))
    readers = [car.connect().do_get(ticket(signals=[SPEED]), greedy) for _ in range(2)]
    for reader in readers:
        reader.read_chunk()
    with pytest.raises(flight.FlightUnavailableError, match="streams"):
        car.connect().do_get(ticket(signals=[SPEED]), greedy).read_chunk()
    other = car.connect().do_get(ticket(signals=[SPEED]), modest)
    assert other.read_chunk().data.num_rows == 1
    assert len(car.broker.readers) == 3
    readers[0].cancel()
    wait_for(lambda: len(car.broker.readers) == 2, "the end of a stream")
    give(car, {SPEED: 5.0})
    assert other.read_chunk().data.column("value").to_pylist() == [5.0]
    assert car.connect().do_get(ticket(signals=[SPEED]), greedy).read_chunk().data.num_rows == 1


def test_tls_and_mutual_tls(serve: Serve, tmp_path: Path) -> None:
    issuer = Issuer.new("Test CA", dt.timedelta(days=1))
    issuer.pair.write(tmp_path, "ca")
    certificate, key = issuer.server(["localhost"], dt.timedelta(days=1)).write(tmp_path, "server")
    mine, mine_key = issuer.client("app", dt.timedelta(days=1)).write(tmp_path, "app")
    root = (tmp_path / "ca.pem").read_bytes()
    car = serve(Access(tls=Tls(certificate, key)))
    assert car.connect(tls_root_certs=root).do_get(ticket(signals=[SPEED], snapshot=True)).read_all().num_rows == 1
    mutual = serve(Access(tls=Tls(certificate, key, tmp_path / "ca.pem")))
    both = mutual.connect(tls_root_certs=root, cert_chain=mine.read_bytes(), private_key=mine_key.read_bytes())
    assert both.do_get(ticket(signals=[SPEED], snapshot=True)).read_all().num_rows == 1
    with pytest.raises((flight.FlightUnavailableError, flight.FlightInternalError)):
        mutual.connect(tls_root_certs=root).do_get(ticket(signals=[SPEED])).read_chunk()


# ---- the server -----------------------------------------------------------------------------------------------------


def test_a_stop_ends_streams_and_says_why(serve: Serve) -> None:
    car = serve()
    reader = car.connect().do_get(ticket(signals=[SPEED]))
    reader.read_chunk()
    thread = threading.Thread(target=car.stop)
    thread.start()
    with pytest.raises(flight.FlightUnavailableError, match="the server stops"):
        reader.read_chunk()
    thread.join(20)
    assert not thread.is_alive()
    assert not car.broker.readers


def test_a_stop_does_not_wait_for_ever_for_a_provider_that_is_silent(serve: Serve, put: Put) -> None:
    car = serve()
    put(car.connect(), signals=[SPEED])
    wait_for(lambda: car.broker.owner(car.number(SPEED)), "the claim")
    begin = time.monotonic()
    car.stop(grace_s=0.1)
    assert time.monotonic() - begin < 20


def test_a_port_that_is_taken_is_said(serve: Serve) -> None:
    car = serve()
    server = FlightServer(Broker(car.broker.table.catalog), Endpoint("127.0.0.1", car.endpoint.port), Access())
    import asyncio

    try:
        with pytest.raises(BrokerError, match="cannot listen") as caught:
            asyncio.run(server.start())
        assert caught.value.reason is Reason.INVALID
    finally:
        asyncio.run(server.stop())


def test_garbage_on_the_port_harms_nobody(serve: Serve) -> None:
    car = serve()
    for garbage in (
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(range(256)) * 40,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
    ):
        with socket.create_connection(("127.0.0.1", car.endpoint.port), timeout=10) as line:
            line.sendall(garbage)
    assert car.connect().do_get(ticket(signals=[SPEED], snapshot=True)).read_all().num_rows == 1
