"""KUKSA's own Python client, unchanged: its asynchronous SDK."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import grpc
import pytest

from commonwheel.broker.access import Access, Tls
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.rpc import server
from tests.broker.rpc.served import PATIENCE_S, Car, Serve, Tokens, wait_for

kuksa = pytest.importorskip("kuksa_client.grpc", reason="KUKSA's client is installed on Linux only")
aio = pytest.importorskip("kuksa_client.grpc.aio")

T = TypeVar("T")
Client: TypeAlias = Any
"""What KUKSA's client is made of, which is not there everywhere."""
Story = Callable[[Client], Awaitable[None]]

SPEED = "Vehicle.Speed"
LOCK = "Vehicle.Cabin.Door.Row1.DriverSide.IsLocked"
DOOR = "Vehicle.Cabin.Door.Row1.DriverSide"


def play(car: Car, story: Story, **options: object) -> None:
    """Run a story with a client that is connected to a car."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE_S), aio.VSSClient(car.host, car.port, **options) as client:
            await story(client)

    asyncio.run(run())


@contextlib.asynccontextmanager
async def streaming(stream: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Close a stream at the end, as a program that stops reading does."""
    try:
        yield stream
    finally:
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator


def points(values: Mapping[str, object]) -> dict[str, Client]:
    """Return the client's data points of values."""
    return {path: kuksa.Datapoint(value) for path, value in values.items()}


def known(points: Mapping[str, Client]) -> dict[str, object]:
    """Return the values of the client's data points, None for none."""
    return {path: None if point is None else point.value for path, point in points.items()}


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true; the story's own time limit bounds it."""
    while not condition():  # noqa: ASYNC110 - what other threads do sets no event here
        await asyncio.sleep(0.002)


def test_values_targets_and_metadata(car: Car) -> None:
    async def story(client: Client) -> None:
        assert (await client.get_server_info()).name == "commonwheel"
        await client.set_current_values(points({SPEED: 3.5}))
        await client.set_target_values(points({LOCK: True}))
        assert known(await client.get_current_values([SPEED, LOCK])) == {SPEED: 3.5, LOCK: None}
        assert known(await client.get_target_values([LOCK])) == {LOCK: True}
        metadata = await client.get_metadata([SPEED], kuksa.MetadataField.UNIT)
        assert metadata[SPEED].unit == "km/h"

    play(car, story)


def test_metadata_cannot_be_changed(car: Car) -> None:
    async def story(client: Client) -> None:
        changed = kuksa.Metadata(data_type=kuksa.DataType.STRING, unit="parsec")
        await client.set_metadata({SPEED: changed}, kuksa.MetadataField.UNIT)
        found = (await client.get_metadata([SPEED]))[SPEED]
        assert (found.unit, found.data_type) == ("km/h", kuksa.DataType.FLOAT)

    play(car, story)


def test_streams_of_values_and_of_a_branch(car: Car) -> None:
    async def story(client: Client) -> None:
        async with (
            streaming(client.subscribe_current_values([SPEED])) as speed,
            streaming(client.subscribe_current_values([DOOR])) as door,
        ):
            assert known(await anext(speed)) == {SPEED: None}
            assert LOCK in await anext(door)
            await client.set_current_values(points({SPEED: 1.0}))
            await client.set_current_values(points({LOCK: True}))
            assert known(await anext(speed)) == {SPEED: 1.0}
            assert known(await anext(door)) == {LOCK: True}

    play(car, story)
    wait_for(lambda: not car.broker.readers, "the end of the subscriptions")


def test_the_first_interfaces_stream_of_targets(car: Car) -> None:
    async def story(client: Client) -> None:
        entry = kuksa.SubscribeEntry(LOCK, kuksa.View.TARGET_VALUE, (kuksa.Field.ACTUATOR_TARGET,))
        async with streaming(client.subscribe(entries=[entry])) as stream:
            (first,) = await anext(stream)
            assert first.entry.actuator_target is None
            await client.set_target_values(points({LOCK: False}))
            (update,) = await anext(stream)
            assert update.entry.actuator_target.value is False

    play(car, story)


def test_it_falls_back_to_the_first_interface_where_the_second_is_not_there(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of the first interface alone is enough for it.

    Not for its streams of targets, which open a stream of the second interface first: gRPC's own client may find that
    ended before it has sent its request, and says INTERNAL in place of the UNIMPLEMENTED that the server answered with.
    """
    service = "kuksa.val.v1.VAL"
    monkeypatch.setattr(server, "SERVICES", {service: server.SERVICES[service]})

    async def story(client: Client) -> None:
        await client.set_current_values(points({SPEED: 1.5}))
        await client.set_target_values(points({LOCK: True}))
        assert known(await client.get_target_values([LOCK])) == {LOCK: True}
        async with streaming(client.subscribe_current_values([SPEED])) as speed:
            assert known(await anext(speed)) == {SPEED: 1.5}

    play(serve(), story)


def test_an_actuation_goes_through_a_provider(car: Car) -> None:
    async def story(client: Client) -> None:
        async with aio.VSSClient(car.host, car.port) as provider, asyncio.TaskGroup() as group:

            async def provide() -> None:
                async with streaming(provider.subscribe_target_values([LOCK])) as targets:
                    await provider.set_current_values(points(known(await anext(targets))))

            group.create_task(provide())
            await until(lambda: car.broker.actor(car.number(LOCK)))
            async with streaming(client.subscribe_current_values([LOCK])) as stream:
                assert known(await anext(stream)) == {LOCK: None}
                await client.set_target_values(points({LOCK: True}))
                assert known(await anext(stream)) == {LOCK: True}

    play(car, story)


def test_an_actuator_has_one_provider(car: Car) -> None:
    async def story(client: Client) -> None:
        async with aio.VSSClient(car.host, car.port) as other, streaming(client.subscribe_target_values([LOCK])) as one:
            first = asyncio.ensure_future(anext(one))
            await until(lambda: car.broker.actor(car.number(LOCK)))
            with pytest.raises(kuksa.VSSClientError) as error:
                await anext(other.subscribe_target_values([LOCK]))
            assert error.value.error["code"] == grpc.StatusCode.ALREADY_EXISTS.value[0]
            await other.set_target_values(points({LOCK: True}))
            assert known(await first) == {LOCK: True}

    play(car, story)


def test_callbacks_of_its_subscriber_manager(car: Car) -> None:
    async def story(client: Client) -> None:
        manager = aio.SubscriberManager(client)
        found: list[object] = []

        def heard(updates: list[Client]) -> None:
            found.extend(update.entry.value.value for update in updates)

        entry = kuksa.SubscribeEntry(SPEED, kuksa.View.FIELDS, (kuksa.Field.VALUE,))
        subscription = await manager.add_subscriber(client.subscribe(entries=[entry]), heard)
        for value in (1.0, 2.0):
            await client.set_current_values(points({SPEED: value}))
        await until(lambda: len(found) == 2)
        assert found == [1.0, 2.0]
        await manager.remove_subscriber(subscription)
        await until(lambda: not car.broker.readers)

    play(car, story)


def test_tokens_over_tls(serve: Serve, tokens: Tokens, tmp_path: Path) -> None:
    issuer = Issuer.new("Test authority", dt.timedelta(hours=1))
    root, _ = issuer.pair.write(tmp_path, "root")
    pair = issuer.server(["car.test"], dt.timedelta(hours=1)).write(tmp_path, "server")
    car = serve(Access(tokens.authority, Tls(*pair)))

    async def story(client: Client) -> None:
        with pytest.raises(kuksa.VSSClientError) as error:
            await client.get_current_values([SPEED])
        assert error.value.error["code"] == grpc.StatusCode.UNAUTHENTICATED.value[0]
        await client.authorize(tokens.sign(f"read:{SPEED}"))
        assert known(await client.get_current_values([SPEED])) == {SPEED: None}
        with pytest.raises(kuksa.VSSClientError) as error:
            await client.get_current_values([LOCK])
        assert error.value.error["code"] == 403

    play(car, story, root_certificates=root, tls_server_name="car.test")


def test_refusals(car: Car) -> None:
    async def story(client: Client) -> None:
        for asked, code in ((["Vehicle.None"], 404), (["Vehicle..Speed"], 400), (["V" * 1001], 400)):
            with pytest.raises(kuksa.VSSClientError) as error:
                await client.get_current_values(asked)
            assert error.value.error["code"] == code
        with pytest.raises(kuksa.VSSClientError) as error:
            await anext(client.subscribe(entries=[]))
        assert error.value.error["code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        with pytest.raises(kuksa.VSSClientError) as error:
            await anext(client.subscribe_target_values([SPEED]))
        assert error.value.error["code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]

    play(car, story)
