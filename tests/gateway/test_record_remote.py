"""Recording of a car that is served: over its native stream, through breaks, with tokens and TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import flight

from commonwheel.broker import Broker
from commonwheel.broker.access import Access
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.flight.server import FlightServer
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.tls import Tls
from commonwheel.catalog import load_catalog
from commonwheel.errors import UnreachableError
from commonwheel.gateway import record_remote as module
from commonwheel.gateway import recorder as writer
from commonwheel.gateway.record_remote import Follower, RemotePlace
from commonwheel.gateway.record_samples import SampleRecorder
from tests.broker.rpc.served import Tokens
from tests.gateway.kit import GEAR, SPEED, VIN, until


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for samples to gather, nor before the next try."""
    monkeypatch.setattr(writer, "_GATHER_S", 0.0)
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "_LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr(module, "_LINGER_MS", 0.0)


@dataclass
class Served:
    """A broker that is served, stopped and served again."""

    access: Access = field(default_factory=Access)
    broker: Broker = field(default_factory=lambda: Broker(load_catalog()))
    port: int = 0
    server: FlightServer | None = None

    def start(self) -> None:
        self.server = FlightServer(self.broker, Endpoint("127.0.0.1", self.port), self.access)
        self.port = asyncio.run(self.server.start()).port

    def stop(self) -> None:
        if self.server is not None:
            asyncio.run(self.server.stop(5.0))
        self.server = None

    def give(self, **values: object) -> None:
        paths = {"speed": SPEED, "gear": GEAR, "vin": VIN}
        numbers = {self.broker.table.number(paths[name]): value for name, value in values.items()}
        assert not self.broker.publish_values(numbers)


@pytest.fixture
def car() -> Iterator[Served]:
    served = Served()
    served.start()
    yield served
    served.stop()


def _rows(folder: Path) -> list[tuple[object, ...]]:
    table = pa.concat_tables([pq.read_table(file) for file in sorted(folder.glob("*.parquet"))])
    return list(zip(*(table.column(name).to_pylist() for name in ("signal", "value", "label", "quality")), strict=True))


def test_what_is_known_and_what_comes(car: Served, tmp_path: Path) -> None:
    car.give(speed=1.0, vin="SJNFAAZE0U1234567")
    with SampleRecorder(tmp_path) as recorder:
        follower = Follower(RemotePlace(f"localhost:{car.port}"), recorder, [SPEED, GEAR, VIN])
        assert follower.ready.wait(20)
        car.give(speed=2.0, gear="DRIVE")
        until(lambda: recorder.counts.written + recorder.counts.queued >= 4)
        car.give(speed=None)
        until(lambda: recorder.counts.written + recorder.counts.queued >= 5)
        follower.close()
    lever = float(car.broker.table[car.broker.table.number(GEAR)].codes["DRIVE"])
    rows = _rows(tmp_path)
    assert sorted(rows[:2], key=str) == [(SPEED, 1.0, None, "GOOD"), (VIN, None, "SJNFAAZE0U1234567", "GOOD")]
    assert sorted(rows[2:4], key=str) == [
        (GEAR, lever, "DRIVE", "GOOD"), (SPEED, 2.0, None, "GOOD"),
    ]  # fmt: skip
    assert rows[4:] == [(SPEED, None, None, "INVALID")]
    assert follower.error is None
    assert (follower.lost, follower.breaks) == (0, 0)
    until(lambda: not car.broker.readers)


def test_a_server_that_comes_back_is_recorded_on(car: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with SampleRecorder(tmp_path) as recorder:
        follower = Follower(RemotePlace(f"localhost:{car.port}"), recorder, [SPEED])
        assert follower.ready.wait(20)
        car.give(speed=1.0)
        until(lambda: recorder.counts.written >= 1)
        car.stop()
        until(lambda: follower.breaks == 1)
        car.start()
        until(lambda: recorder.counts.written >= 2)
        car.give(speed=2.0)
        until(lambda: recorder.counts.written >= 3)
        follower.close()
    assert [row[1] for row in _rows(tmp_path)] == [1.0, 1.0, 2.0]
    assert follower.breaks == 1
    assert [record.message for record in caplog.records if record.name == module.__name__] == [
        f"localhost:{car.port}: the stream broke: the server stops; it is tried again"
    ]


def _error(place: RemotePlace, folder: Path, signals: str = SPEED) -> str:
    with SampleRecorder(folder) as recorder:
        follower = Follower(place, recorder, [signals])
        assert follower.finished.wait(20)
        follower.close()
    assert isinstance(follower.error, UnreachableError)
    assert not list(folder.iterdir())
    return str(follower.error)


def test_what_cannot_be_followed_is_said_at_once(car: Served, tmp_path: Path) -> None:
    place = RemotePlace(f"localhost:{car.port}")
    assert "did you mean 'Vehicle.Speed'" in _error(place, tmp_path, "Vehicle.Sped")
    car.stop()
    gone = _error(place, tmp_path)
    assert gone.startswith(f"localhost:{car.port} cannot be reached: ")
    assert "\n" not in gone
    assert "gRPC client debug" not in gone
    assert "cannot be reached" in _error(RemotePlace("nonsense address"), tmp_path)


class _Other(flight.FlightServerBase):
    """An Arrow Flight server that knows nothing of cars."""

    def do_get(self, context: object, ticket: object) -> flight.FlightDataStream:  # noqa: ARG002
        return flight.RecordBatchStream(pa.table({"a": [1]}))


def test_a_server_that_is_no_car(tmp_path: Path) -> None:
    with _Other("grpc://127.0.0.1:0") as other:
        assert "not a car's" in _error(RemotePlace(f"127.0.0.1:{other.port}"), tmp_path)


def test_tokens_are_shown_and_what_they_do_not_allow_ends_it(tmp_path: Path) -> None:
    tokens = Tokens()
    car = Served(Access(authority=tokens.authority))
    car.start()
    try:
        address = f"localhost:{car.port}"
        assert "token" in _error(RemotePlace(address), tmp_path)
        reads_gear = tokens.sign(f"read:{GEAR}")
        place = RemotePlace(address, lambda: [("authorization", f"Bearer {reads_gear}")])
        assert f"may not read {SPEED}" in _error(place, tmp_path)
        with SampleRecorder(tmp_path) as recorder:
            follower = Follower(place, recorder, [GEAR])
            assert follower.ready.wait(20)
            assert follower.error is None
            follower.close()
    finally:
        car.stop()


def test_a_token_that_ends_is_asked_for_again(tmp_path: Path) -> None:
    tokens = Tokens()
    car = Served(Access(authority=tokens.authority))
    car.start()
    lives = iter([3, 600])
    try:
        car.give(speed=3.0)
        with SampleRecorder(tmp_path) as recorder:
            place = RemotePlace(
                f"localhost:{car.port}",
                lambda: [("authorization", f"Bearer {tokens.sign('read', ends_in_s=next(lives))}")],
            )
            follower = Follower(place, recorder, [SPEED])
            until(lambda: recorder.counts.written == 2)
            follower.close()
        assert (follower.breaks, follower.error) == (1, None)
    finally:
        car.stop()


def test_a_token_that_ends_and_is_not_renewed_ends_the_recording(tmp_path: Path) -> None:
    tokens = Tokens()
    car = Served(Access(authority=tokens.authority))
    car.start()
    token = tokens.sign("read", ends_in_s=3)
    try:
        with SampleRecorder(tmp_path) as recorder:
            follower = Follower(
                RemotePlace(f"localhost:{car.port}", lambda: [("authorization", f"Bearer {token}")]), recorder, [SPEED]
            )
            assert follower.finished.wait(20)
            follower.close()
        assert follower.breaks == 1
        assert "expired" in str(follower.error)
    finally:
        car.stop()


def test_tls(tmp_path: Path) -> None:
    issuer = Issuer.new("Test CA", dt.timedelta(days=1))
    issuer.pair.write(tmp_path, "ca")
    certificate, key = issuer.server(["localhost"], dt.timedelta(days=1)).write(tmp_path, "server")
    car = Served(Access(tls=Tls(certificate, key)))
    car.start()
    try:
        car.give(speed=3.0)
        root = (tmp_path / "ca.pem").read_bytes()
        with SampleRecorder(tmp_path / "out") as recorder:
            place = RemotePlace(f"localhost:{car.port}", tls=True, files={"tls_root_certs": root})
            follower = Follower(place, recorder, [SPEED])
            assert follower.ready.wait(20)
            follower.close()
        assert _rows(tmp_path / "out") == [(SPEED, 3.0, None, "GOOD")]
        assert "cannot be reached" in _error(RemotePlace(f"localhost:{car.port}"), tmp_path / "plain")
    finally:
        car.stop()
