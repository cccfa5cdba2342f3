"""Subscriptions of kuksa.val.v2: what comes first, what comes after, what a slow reader loses, and refusals."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from grpc import StatusCode, aio

from commonwheel.broker import Rights, Updates
from commonwheel.broker.access import Access, Limits
from commonwheel.broker.rights import Action
from commonwheel.broker.rpc.interface import message
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.line import EOF, WAIT_S, Line, Provider, Subscriber, talk, wait_for

SECOND = 1_000_000_000


def publish(line: Line, rows: list[tuple[str, float]]) -> None:
    """Publish numbers in one batch, in the name of a car."""
    line.broker.providers[0].publish(
        Updates.build(
            [(line.number(f"Vehicle.{name}"), time.time_ns(), value, Quality.GOOD, None) for name, value in rows]
        )
    )


def provide(line: Line, *names: str) -> None:
    line.broker.provider("a car").claim([line.number(f"Vehicle.{name}") for name in names])


def test_the_first_message_has_every_signal_with_a_value_or_without() -> None:
    async def story(line: Line) -> None:
        provide(line, "Speed")
        publish(line, [("Speed", 1.0)])
        first = await Subscriber(line, "Speed", "Gear", "Width", "Speed").receive()
        assert set(first) == {"Speed", "Gear", "Width"}
        assert (first["Speed"].value.float, first["Width"].value.uint32) == (1.0, 1770)
        assert not first["Gear"].HasField("value")

    talk(story)


def test_later_messages_have_what_came_in_and_nothing_else() -> None:
    async def story(line: Line) -> None:
        provide(line, "Speed", "Gear", "Level")
        subscriber = Subscriber(line, "Speed", "Gear")
        await subscriber.receive()
        publish(line, [("Level", 3.0)])
        publish(line, [("Speed", 2.0), ("Level", 4.0)])
        assert {name: point.value.float for name, point in (await subscriber.receive()).items()} == {"Speed": 2.0}
        publish(line, [("Speed", 2.0), ("Gear", 1.0)])
        assert set(await subscriber.receive()) == {"Speed", "Gear"}

    talk(story)


def test_numbers_are_the_keys_of_a_subscription_by_number() -> None:
    async def story(line: Line) -> None:
        provide(line, "Speed")
        number = line.number("Vehicle.Speed")
        call = line.start("SubscribeById", signal_ids=[number, 0], buffer_size=10)
        first = await asyncio.wait_for(call.read(), WAIT_S)
        assert set(first.entries) == {0, number}
        publish(line, [("Speed", 2.0)])
        later = await asyncio.wait_for(call.read(), WAIT_S)
        assert {key: point.value.float for key, point in later.entries.items()} == {number: 2.0}

    talk(story)


def test_a_signal_that_occurs_twice_in_a_batch_comes_in_two_messages() -> None:
    """A map has room for one of them; the other would be lost."""

    async def story(line: Line) -> None:
        provide(line, "Speed", "Gear")
        subscriber = Subscriber(line, "Speed", "Gear")
        await subscriber.receive()
        publish(line, [("Speed", 1.0), ("Gear", 1.0), ("Speed", 2.0), ("Speed", 3.0)])
        got = [await subscriber.receive() for _ in range(3)]
        assert [entry["Speed"].value.float for entry in got] == [1.0, 2.0, 3.0]
        assert [set(entry) for entry in got] == [{"Speed", "Gear"}, {"Speed"}, {"Speed"}]

    talk(story)


def test_what_cannot_be_a_number_is_delivered_beside_numbers() -> None:
    async def story(line: Line) -> None:
        subscriber = Subscriber(line, "Name", "Faults", "Ticks", "Mode", "Gear")
        await subscriber.receive()
        values = {"Name": "n", "Faults": ["a", "b"], "Ticks": 2**63 + 1, "Mode": "ON", "Gear": -3}
        line.broker.publish_values({line.number(f"Vehicle.{name}"): value for name, value in values.items()})
        got = await subscriber.receive()
        assert (got["Name"].value.string, got["Mode"].value.string, got["Gear"].value.int32) == ("n", "ON", -3)
        assert list(got["Faults"].value.string_array.values) == ["a", "b"]
        assert got["Ticks"].value.uint64 == 2**63 + 1

    talk(story)


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID, Quality.CORRUPT])
def test_a_signal_that_turns_bad_comes_without_a_value(quality: Quality) -> None:
    async def story(line: Line) -> None:
        provide(line, "Speed")
        publish(line, [("Speed", 1.0)])
        subscriber = Subscriber(line, "Speed")
        await subscriber.receive()
        row = (line.number("Vehicle.Speed"), 9 * SECOND, 1.0, quality, None)
        line.broker.providers[0].publish(Updates.build([row]))
        point = (await subscriber.receive())["Speed"]
        assert point.timestamp.seconds == 9
        assert not point.HasField("value")

    talk(story)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, StatusCode.INVALID_ARGUMENT),
        ({"signal_paths": ["Vehicle.Speed", "Vehicle.Nothing"]}, StatusCode.NOT_FOUND),
        ({"signal_paths": ["Vehicle.Cabin"]}, StatusCode.NOT_FOUND),
        ({"signal_paths": ["Vehicle.*"]}, StatusCode.NOT_FOUND),
        ({"signal_paths": ["x" * 1001]}, StatusCode.INVALID_ARGUMENT),
        ({"signal_paths": ["Vehicle.Speed"], "buffer_size": 1001}, StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(fields: dict[str, Any], status: StatusCode) -> None:
    async def story(line: Line) -> None:
        assert await line.refused("Subscribe", **fields) is status
        assert not line.broker.readers

    talk(story)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, StatusCode.INVALID_ARGUMENT),
        ({"signal_ids": [0, 99]}, StatusCode.NOT_FOUND),
        ({"signal_ids": [-1]}, StatusCode.NOT_FOUND),
        ({"signal_ids": [0], "buffer_size": 1001}, StatusCode.INVALID_ARGUMENT),
    ],
)
def test_a_subscription_by_number_that_cannot_be_is_refused(fields: dict[str, Any], status: StatusCode) -> None:
    async def story(line: Line) -> None:
        assert await line.refused("SubscribeById", **fields) is status

    talk(story)


def test_the_least_interval_holds_back_what_comes_too_soon() -> None:
    async def story(line: Line) -> None:
        provide(line, "Speed")
        subscriber = Subscriber(line, "Speed", filter={"min_sample_interval": {"interval_ms": 1000}})
        await subscriber.receive()
        number = line.number("Vehicle.Speed")
        for at, value in ((10, 1.0), (10.5, 2.0), (11, 3.0), (11.9, 4.0), (12, 5.0)):
            rows = [(number, int(at * SECOND), value, Quality.GOOD, None)]
            line.broker.providers[0].publish(Updates.build(rows))
        assert [(await subscriber.receive())["Speed"].value.float for _ in range(3)] == [1.0, 3.0, 5.0]

    talk(story)


def test_a_subscription_of_a_duration_ends_by_itself() -> None:
    async def story(line: Line) -> None:
        subscriber = Subscriber(line, "Speed", filter={"duration_ms": 50})
        await subscriber.receive()
        assert await asyncio.wait_for(subscriber.call.read(), WAIT_S) is EOF
        assert await subscriber.call.code() is StatusCode.OK
        await wait_for(lambda: not line.broker.readers)

    talk(story)


def test_a_subscriber_that_goes_away_leaves_nothing_behind() -> None:
    async def story(line: Line) -> None:
        subscriber = Subscriber(line, "Speed")
        await subscriber.receive()
        assert len(line.broker.readers) == 1
        subscriber.call.cancel()
        await wait_for(lambda: not line.broker.readers)
        await wait_for(lambda: line.server.facts()["streams"] == 0)

    talk(story)


@pytest.mark.parametrize(("buffered", "least"), [(0, 1), (5, 2)])
def test_a_reader_that_does_not_read_gets_the_newest_and_holds_up_nobody(buffered: int, least: int) -> None:
    """What the transport itself buffers comes first; behind it, only what the reader asked to be kept."""

    async def story(line: Line) -> None:
        provide(line, "Name", "Speed")
        slow = Subscriber(line, "Name", buffer_size=buffered)
        await slow.receive()
        for count in range(200):
            line.broker.publish_values({line.number("Vehicle.Name"): f"{count:09}" * 20_000}, line.broker.providers[0])
            await asyncio.sleep(0)
        publish(line, [("Speed", 1.0)])
        assert set(await Subscriber(line, "Speed").receive()) == {"Speed"}
        counts = [-1]
        while counts[-1] != 199:
            counts.append(int((await slow.receive())["Name"].value.string[:9]))
        assert counts == sorted(set(counts))
        assert least <= len(counts) - 1 < 150

    talk(story)


def test_many_readers_of_the_same_get_the_same() -> None:
    async def story(line: Line) -> None:
        provide(line, "Speed", "Gear")
        readers = [Subscriber(line, *names) for names in [("Speed", "Gear")] * 10 + [("Gear",)] * 3]
        for reader in readers:
            await reader.receive()
        publish(line, [("Speed", 7.0), ("Gear", 2.0)])
        got = [await reader.receive() for reader in readers]
        assert all(entry == got[0] for entry in got[:10])
        assert all(set(entry) == {"Gear"} for entry in got[10:])

    talk(story)


class _Token:
    """An authority whose tokens say what they allow, and for how many seconds."""

    def verify(self, token: str) -> Rights:
        name, _, seconds = token.partition("@")
        expires = time.time_ns() + int(float(seconds) * 1e9) if seconds else None
        return Rights("tester", {Action.READ: lambda path: path.startswith(name)}, expires)


def test_no_right_to_one_signal_refuses_them_all() -> None:
    async def story(line: Line) -> None:
        line.metadata = (("authorization", "Bearer Vehicle.Cabin"),)
        await Subscriber(line, "Cabin.Light.IsOn").receive()
        paths = ["Vehicle.Cabin.Light.IsOn", "Vehicle.Speed"]
        assert await line.refused("Subscribe", signal_paths=paths) is StatusCode.PERMISSION_DENIED
        assert await line.refused("GetValue", signal_id={"path": paths[1]}) is StatusCode.PERMISSION_DENIED
        ids = [{"path": path} for path in paths]
        assert await line.refused("GetValues", signal_ids=ids) is StatusCode.PERMISSION_DENIED
        point = message("kuksa.val.v2.Datapoint")(value={"float": 1.0})
        fields = {"signal_id": ids[1], "data_point": point}
        assert await line.refused("PublishValue", **fields) is StatusCode.PERMISSION_DENIED
        fields = {"signal_id": ids[0], "value": {"bool": True}}
        assert await line.refused("Actuate", **fields) is StatusCode.PERMISSION_DENIED

    talk(story, access=Access(_Token()))


def test_a_token_that_expires_ends_the_streams_that_it_opened() -> None:
    async def story(line: Line) -> None:
        line.metadata = (("authorization", "Bearer Vehicle@0.2"),)
        subscriber = Subscriber(line, "Speed")
        provider = Provider(line)
        await subscriber.receive()
        with pytest.raises(aio.AioRpcError) as caught:
            await subscriber.receive()
        assert caught.value.code() is StatusCode.UNAUTHENTICATED
        assert await provider.ended() is StatusCode.UNAUTHENTICATED
        await wait_for(lambda: not line.broker.readers and not line.broker.providers)

    talk(story, access=Access(_Token()))


def test_too_many_subscriptions_are_refused_and_the_others_go_on() -> None:
    async def story(line: Line) -> None:
        provide(line, "Speed")
        readers = [Subscriber(line, "Speed") for _ in range(3)]
        for reader in readers:
            await reader.receive()
        assert await line.refused("Subscribe", signal_paths=["Vehicle.Speed"]) is StatusCode.RESOURCE_EXHAUSTED
        publish(line, [("Speed", 1.0)])
        assert [(await reader.receive())["Speed"].value.float for reader in readers] == [1.0] * 3
        readers[0].call.cancel()
        await wait_for(lambda: len(line.broker.readers) == 2)
        await Subscriber(line, "Speed").receive()

    talk(story, access=Access(limits=Limits(subscriptions=3)))
