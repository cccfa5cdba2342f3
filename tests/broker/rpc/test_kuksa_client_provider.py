"""A provider of values and of actuators as KUKSA's CAN provider is one: by the first interface alone.

It authorizes, asks for the metadata of each signal it is to feed, sets one value at a time and names its datatype
with it so that the client need not ask, and subscribes to the targets of each actuator it is to move. It claims
nothing. Newer feeders of its kind stream their updates instead.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest

from commonwheel.broker.access import Access
from commonwheel.broker.rpc.v1_fields import Field
from tests.broker.rpc.served import PATIENCE_S, Car, Serve, Tokens, wait_for

kuksa = pytest.importorskip("kuksa_client.grpc", reason="KUKSA's client is installed on Linux only")
aio = pytest.importorskip("kuksa_client.grpc.aio")

Client: TypeAlias = Any

SPEED = "Vehicle.Speed"
LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
TILT = "Vehicle.Body.Mirrors.DriverSide.Tilt"
SIGNALS = (SPEED, "Vehicle.ADAS.ActiveAutonomyLevel", "Vehicle.Body.Mirrors.DriverSide.Yaw")


@dataclass
class Feeder:
    """Feeds signals, and moves actuators: what it would send on a bus it keeps."""

    car: Car
    token: str
    types: dict[str, Client] = field(default_factory=dict[str, Client])
    sent: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    subscribed: threading.Event = field(default_factory=threading.Event)

    def connect(self) -> Client:
        """Connect first, authorize then."""
        client = kuksa.VSSClient(self.car.host, self.car.port, ensure_startup_connection=False)
        client.connect()
        client.authorize(token=self.token)
        return client

    def knows(self, client: Client, path: str) -> bool:
        """Ask whether a signal is there, and note its datatype."""
        try:
            (metadata,) = client.get_metadata((path,)).values()
        except kuksa.VSSClientError as error:
            if error.error["code"] != 404:
                raise
            return False
        self.types[path] = metadata.data_type
        return True

    def feed(self, client: Client, path: str, value: object) -> bool:
        """Set one value, with its datatype beside it."""
        entry = kuksa.DataEntry(
            path, value=kuksa.Datapoint(value=value), metadata=kuksa.Metadata(data_type=self.types[path])
        )
        try:
            client.set(updates=(kuksa.EntryUpdate(entry, (kuksa.Field.VALUE,)),))
        except kuksa.VSSClientError:
            return False
        return True

    async def move(self, paths: list[str], count: int) -> None:
        """Subscribe to targets, and keep those that come until there are *count* with a target."""
        entries = [kuksa.SubscribeEntry(path, kuksa.View.FIELDS, [kuksa.Field.ACTUATOR_TARGET]) for path in paths]
        async with aio.VSSClient(self.car.host, self.car.port, token=self.token) as client:
            updates: AsyncIterator[list[Client]] = client.subscribe(entries=entries)
            async for batch in updates:
                assert all(update.entry.value is None for update in batch)
                asked = {update.entry.path: update.entry.actuator_target for update in batch}
                targets = {path: target.value for path, target in asked.items() if target is not None}
                self.sent += [targets] if targets else []
                self.subscribed.set()
                if len(self.sent) == count:
                    return


@pytest.fixture
def car(serve: Serve, tokens: Tokens) -> Car:
    """A car that asks for tokens."""
    return serve(Access(tokens.authority))


@pytest.fixture
def feeder(car: Car, tokens: Tokens) -> Feeder:
    """A provider that may give all values and move all actuators."""
    return Feeder(car, tokens.sign("provide actuate", "can-provider"))


@pytest.fixture
def client(feeder: Feeder) -> Iterator[Client]:
    """Its connection."""
    client = feeder.connect()
    yield client
    client.disconnect()


def test_it_finds_its_signals_and_misses_the_others(feeder: Feeder, client: Client) -> None:
    assert [feeder.knows(client, path) for path in (*SIGNALS, "Vehicle.OBD.None")] == [True, True, True, False]
    assert [data_type.name for data_type in feeder.types.values()] == ["FLOAT", "STRING", "INT8"]


def test_what_it_feeds_is_current(car: Car, feeder: Feeder, client: Client) -> None:
    assert all(feeder.knows(client, path) for path in SIGNALS)
    for values in ((12.25, "SAE_0", -7), (12.5, "SAE_1", 8)):
        for path, value in zip(SIGNALS, values, strict=True):
            assert feeder.feed(client, path, value)
            assert car.broker.get(car.number(path)).good == value


def test_a_value_out_of_range_is_told_and_the_next_is_taken(car: Car, feeder: Feeder, client: Client) -> None:
    yaw = SIGNALS[2]
    assert feeder.knows(client, yaw)
    assert not feeder.feed(client, yaw, 101)
    assert car.broker.get(car.number(yaw)).good is None
    assert feeder.feed(client, yaw, 100)
    assert car.broker.get(car.number(yaw)).good == 100


def test_the_targets_it_subscribes_to_reach_it_one_by_one(car: Car, feeder: Feeder, tokens: Tokens) -> None:
    mover = threading.Thread(target=lambda: asyncio.run(feeder.move([LOCK, TILT], 3)))
    mover.start()
    assert feeder.subscribed.wait(PATIENCE_S)
    assert not feeder.sent
    with kuksa.VSSClient(car.host, car.port, token=tokens.sign(f"actuate:{LOCK} actuate:{TILT}", "app")) as app:
        app.set_target_values({LOCK: kuksa.Datapoint(value=True)})
        app.set_target_values({TILT: kuksa.Datapoint(-5), LOCK: kuksa.Datapoint(value=False)})
        app.set_target_values({TILT: kuksa.Datapoint(-5)})
    mover.join(PATIENCE_S)
    assert feeder.sent == [{LOCK: True}, {TILT: -5, LOCK: False}, {TILT: -5}]


def test_a_target_that_was_set_before_it_came_is_the_first_it_gets(car: Car, feeder: Feeder) -> None:
    car.broker.actuate({car.number(LOCK): True}, "app", need_provider=False)
    asyncio.run(feeder.move([LOCK], 1))
    assert feeder.sent == [{LOCK: True}]


def test_it_closes_the_loop_of_an_app(car: Car, feeder: Feeder, client: Client, tokens: Tokens) -> None:
    """The app asks, the provider gets it and feeds what the car then shows, the app sees it."""
    assert feeder.knows(client, LOCK)
    mover = threading.Thread(target=lambda: asyncio.run(feeder.move([LOCK], 1)))
    mover.start()
    assert feeder.subscribed.wait(PATIENCE_S)
    with kuksa.VSSClient(car.host, car.port, token=tokens.sign(f"actuate:{LOCK}", "app")) as app:
        stream = app.subscribe_current_values([LOCK])
        assert next(stream)[LOCK].value is None
        app.set_target_values({LOCK: kuksa.Datapoint(value=True)})
        mover.join(PATIENCE_S)
        assert feeder.feed(client, LOCK, feeder.sent[0][LOCK])
        assert next(stream)[LOCK].value is True
        stream.close()


def test_a_stream_of_updates_feeds_as_single_ones_do(car: Car, feeder: Feeder) -> None:
    stub = car.stub("kuksa.val.v1.VAL", feeder.token)
    turns = 200

    def requests() -> Iterator[object]:
        for i in range(turns):
            value = {"path": SPEED, "value": {"float": float(i)}}
            bad = {"path": TILT, "value": {"int32": 101}}
            updates = [{"entry": entry, "fields": [Field.VALUE]} for entry in (value, bad)]
            yield stub.new("StreamedUpdateRequest", updates=updates)

    subscription = car.broker.subscribe([car.number(SPEED)], initial=False)
    answers = list(stub.StreamedUpdate(requests()))
    assert [[error.path for error in answer.errors] for answer in answers] == [[TILT]] * turns
    fed = [value for batch in subscription.take().batches for value in batch.value.tolist()]
    assert fed == [float(i) for i in range(turns)]


def test_one_that_may_only_read_feeds_nothing(car: Car, tokens: Tokens) -> None:
    reader = Feeder(car, tokens.sign("read", "reader"))
    client = reader.connect()
    assert reader.knows(client, SPEED)
    assert not reader.feed(client, SPEED, 1.0)
    client.disconnect()
    assert car.broker.get(car.number(SPEED)).good is None


def test_after_the_server_came_back_it_goes_on(
    car: Car, feeder: Feeder, serve: Callable[..., Car], tokens: Tokens
) -> None:
    """The client's channel finds the new server at the old address by itself."""
    client = feeder.connect()
    assert feeder.knows(client, SPEED)
    car.run(car.server.stop(0.0))
    assert not feeder.feed(client, SPEED, 1.0)
    again = serve(Access(tokens.authority), endpoint=car.endpoint)
    wait_for(lambda: feeder.feed(client, SPEED, 2.0), "the new connection")
    assert again.broker.get(again.number(SPEED)).good == 2.0
    client.disconnect()
