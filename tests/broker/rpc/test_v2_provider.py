"""Providers of kuksa.val.v2: claims, values, actuations, questions, and what happens when one goes away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from grpc import StatusCode

from commonwheel.broker import Rights
from commonwheel.broker.access import Access
from commonwheel.broker.rights import Action
from commonwheel.broker.rpc.interface import enum_values, message
from commonwheel.vehicles.samples import Quality
from tests.broker.rpc.line import Line, Provider, Subscriber, talk, wait_for

CODES = enum_values("kuksa.val.v2.ErrorCode")


def test_a_provider_claims_publishes_and_hears_nothing_when_all_is_well() -> None:
    async def story(line: Line) -> None:
        subscriber = Subscriber(line, "Speed", "Mode", "Ticks", "Faults")
        await subscriber.receive()
        provider = Provider(line)
        await provider.claim("Speed", "Mode", "Ticks", "Faults")
        await provider.receive()  # how often its signals are wanted
        provider.publish(
            Speed={"float": 1.5}, Mode={"string": "ON"}, Ticks={"uint64": 2**64 - 1}, Faults={"string_array": {}}
        )
        got = await subscriber.receive()
        assert (got["Speed"].value.float, got["Mode"].value.string) == (1.5, "ON")
        assert got["Ticks"].value.uint64 == 2**64 - 1
        assert got["Faults"].value.WhichOneof("typed_value") == "string_array"
        provider.publish(2, Speed={"float": 2.5}, Mode={"string": "PINK"})
        assert (await provider.receive()).publish_values_response.request_id == 2  # the first heard of it

    talk(story)


def test_wrong_values_are_told_by_number_and_the_right_ones_beside_them_count() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed", "Level", "Gear", "Mode", "Offset")
        points = {
            line.number("Vehicle.Speed"): {"value": {"float": 3.0}},
            line.number("Vehicle.Level"): {"value": {"uint32": 101}},
            line.number("Vehicle.Gear"): {"value": {"float": 1.0}},
            line.number("Vehicle.Mode"): {"value": {"string": "PINK"}},
            line.number("Vehicle.Offset"): {"value": {"int64": 1}, "timestamp": {"seconds": 2**50}},
            99: {"value": {"float": 1.0}},
            -1: {"value": {"float": 1.0}},
        }
        provider.send(publish_values_request={"request_id": 7, "data_points": points})
        response = (await provider.receive()).publish_values_response
        assert response.request_id == 7
        wrong = CODES["ERROR_CODE_INVALID_ARGUMENT"]
        names = ("Level", "Gear", "Mode", "Offset")
        expected = {line.number(f"Vehicle.{name}"): wrong for name in names}
        expected |= dict.fromkeys((99, -1), CODES["ERROR_CODE_NOT_FOUND"])
        assert {number: status.code for number, status in response.status.items()} == expected
        assert all(status.message for status in response.status.values())
        assert (await line.value("Vehicle.Speed")).value.float == 3.0
        assert not (await line.value("Vehicle.Level")).HasField("value")

    talk(story)


def test_a_data_point_without_a_value_makes_the_signal_invalid() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed")
        provider.publish(Speed={"float": 1.0})
        number = line.number("Vehicle.Speed")
        await wait_for(lambda: line.broker.get(number).good == 1.0)
        provider.publish(Speed={})
        await wait_for(lambda: line.broker.get(number).quality is Quality.INVALID)

    talk(story)


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ({"provide_signal_request": {"signals_sample_intervals": {99: {}}}}, StatusCode.NOT_FOUND),
        ({"provide_signal_request": {"signals_sample_intervals": {-1: {}}}}, StatusCode.NOT_FOUND),
        ({"provide_actuation_request": {"actuator_identifiers": [{"path": "Vehicle.No"}]}}, StatusCode.NOT_FOUND),
        ({"provide_actuation_request": {"actuator_identifiers": [{"id": 99}]}}, StatusCode.NOT_FOUND),
        ({"provide_actuation_request": {"actuator_identifiers": [{}]}}, StatusCode.INVALID_ARGUMENT),
        (
            {"provide_actuation_request": {"actuator_identifiers": [{"path": "Vehicle.Speed"}]}},
            StatusCode.INVALID_ARGUMENT,
        ),
        ({"publish_values_request": {"data_points": {0: {}}}}, StatusCode.ABORTED),
        ({"provider_error_indication": {}}, StatusCode.ABORTED),
    ],
)
def test_a_request_that_is_wrong_as_a_whole_ends_the_stream(action: dict[str, Any], status: StatusCode) -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        provider.send(**action)
        assert await provider.ended() is status
        await wait_for(lambda: not line.broker.providers)

    talk(story)


def test_what_another_provides_cannot_be_claimed_nor_published() -> None:
    async def story(line: Line) -> None:
        first, second, third = Provider(line), Provider(line), Provider(line)
        await first.claim("Speed")
        await first.claim_actuators("Cabin.Light.IsOn")
        await third.claim("Gear")
        second.send(provide_signal_request={"signals_sample_intervals": {line.number("Vehicle.Speed"): {}}})
        assert await second.ended() is StatusCode.ALREADY_EXISTS
        second = Provider(line)
        second.send(provide_actuation_request={"actuator_identifiers": [{"path": "Vehicle.Cabin.Light.IsOn"}]})
        assert await second.ended() is StatusCode.ALREADY_EXISTS
        third.publish(Speed={"float": 1.0})
        assert await third.ended() is StatusCode.ALREADY_EXISTS
        first.publish(Speed={"float": 2.0})
        await wait_for(lambda: line.broker.get(line.number("Vehicle.Speed")).good == 2.0)
        first.publish(Level={"uint32": 2})
        assert await first.ended() is StatusCode.ABORTED

    talk(story)


def test_a_provider_may_claim_more_later_and_the_same_again() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed")
        await provider.claim("Speed", "Gear")
        provider.publish(Gear={"int32": 1}, Speed={"float": 1.0})
        await wait_for(lambda: line.broker.get(line.number("Vehicle.Gear")).good == 1)

    talk(story)


@pytest.mark.parametrize("how", ["hang up", "cancel"])
def test_a_provider_that_goes_away_leaves_its_signals_stale_and_free(how: str) -> None:
    async def story(line: Line) -> None:
        subscriber = Subscriber(line, "Speed")
        await subscriber.receive()
        provider = Provider(line)
        await provider.claim("Speed")
        provider.publish(Speed={"float": 1.0})
        assert (await subscriber.receive())["Speed"].HasField("value")
        if how == "cancel":
            provider.call.cancel()
        else:
            provider.hang_up()
            assert await provider.ended() is StatusCode.OK
        assert not (await subscriber.receive())["Speed"].HasField("value")
        assert line.broker.get(line.number("Vehicle.Speed")).quality is Quality.STALE
        await Provider(line).claim("Speed")

    talk(story)


def test_a_provider_of_actuators_may_close_its_side_and_go_on_listening() -> None:
    """KUKSA's own client does: it sends its claim and nothing more."""

    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim_actuators("Cabin.Light.IsOn")
        provider.hang_up()
        for on in (True, False):
            await line.v2("Actuate", signal_id={"path": "Vehicle.Cabin.Light.IsOn"}, value={"bool": on})
            asked = (await provider.receive()).batch_actuate_stream_request.actuate_requests
            assert [request.value.bool for request in asked] == [on]
        provider.call.cancel()
        await wait_for(lambda: not line.broker.providers)
        one = {"signal_id": {"path": "Vehicle.Cabin.Light.IsOn"}, "value": {"bool": True}}
        assert await line.refused("Actuate", **one) is StatusCode.UNAVAILABLE

    talk(story)


def test_a_provider_that_refuses_an_actuation_ends_it_with_its_reason() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim_actuators("Cabin.Light.Intensity", "Cabin.Light.IsOn")
        for name, value in (("Intensity", {"uint32": 50}), ("IsOn", {"bool": True})):
            await line.v2("Actuate", signal_id={"path": f"Vehicle.Cabin.Light.{name}"}, value=value)
            number = (await provider.receive()).batch_actuate_stream_request.actuate_requests[0].signal_id.id
            fine = name == "IsOn"
            error = {"code": CODES["ERROR_CODE_OK"]} if fine else {"code": 2, "message": "no bulb"}
            provider.send(batch_actuate_stream_response={"signal_id": {"id": number}, "error": error})
        provider.publish()  # answered with a status, once everything before was taken in
        assert await provider.ended() is StatusCode.ABORTED
        failed = [event.facts for event in line.broker.events.last() if event.kind == "actuation.failed"]
        intensity = [facts for facts in failed if facts["signal"] == "Vehicle.Cabin.Light.Intensity"]
        assert ["no bulb" in str(facts["why"]) for facts in intensity] == [True]

    talk(story)


def test_an_outcome_of_nothing_that_was_asked_does_no_harm() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed")
        provider.send(batch_actuate_stream_response={"signal_id": {"id": 1}, "error": {"code": 2}})
        provider.send(update_filter_response={"request_id": 5})
        provider.send(get_provider_value_response={"request_id": 5})
        provider.send()
        provider.publish(Speed={"float": 1.0})
        await wait_for(lambda: line.broker.get(line.number("Vehicle.Speed")).good == 1.0)

    talk(story)


def test_a_provider_hears_how_often_its_signals_are_wanted() -> None:
    async def story(line: Line) -> None:
        number = line.number("Vehicle.Speed")

        async def told() -> dict[int, int]:
            request = (await provider.receive()).update_filter_request
            return {key: rule.min_sample_interval.interval_ms for key, rule in request.filters_update.items()}

        early = Subscriber(line, "Speed", "Gear", filter={"min_sample_interval": {"interval_ms": 500}})
        await early.receive()
        provider = Provider(line)
        await provider.claim("Speed", interval_ms=10)
        assert await told() == {number: 500}
        keen = Subscriber(line, "Speed", filter={"min_sample_interval": {"interval_ms": 100}})
        assert await told() == {number: 100}
        keenest = Subscriber(line, "Speed")
        assert await told() == {number: 10}
        for call, interval in ((keenest, 100), (keen, 500), (early, 0)):
            call.call.cancel()
            assert await told() == {number: interval}

    talk(story)


def test_a_value_is_asked_of_its_provider() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed", "Gear")
        names = ("Gear", "Level", "Speed")
        getting = asyncio.create_task(line.v2("GetValues", signal_ids=[{"path": f"Vehicle.{name}"} for name in names]))
        asked = (await provider.receive()).get_provider_value_request
        assert set(asked.signal_ids) == {line.number("Vehicle.Speed"), line.number("Vehicle.Gear")}
        entries = {
            line.number("Vehicle.Speed"): {"value": {"float": 8.5}},
            line.number("Vehicle.Gear"): {"value": {"int32": 4}},
            line.number("Vehicle.Level"): {"value": {"uint32": 4}},  # not this provider's to say
        }
        provider.send(get_provider_value_response={"request_id": asked.request_id, "entries": entries})
        gear, level, speed = (await getting).data_points
        assert (speed.value.float, gear.value.int32) == (8.5, 4)
        assert not level.HasField("value")

    talk(story)


def test_a_provider_that_does_not_answer_is_asked_once_and_the_last_value_serves() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed")
        provider.publish(Speed={"float": 1.0})
        await wait_for(lambda: line.broker.get(line.number("Vehicle.Speed")).good == 1.0)
        assert (await line.value("Vehicle.Speed")).value.float == 1.0
        assert (await provider.receive()).WhichOneof("action") == "get_provider_value_request"
        assert (await line.value("Vehicle.Speed")).value.float == 1.0
        provider.publish(9, Speed={"int32": 1})
        assert (await provider.receive()).publish_values_response.request_id == 9  # nothing was asked in between

    talk(story)


def test_a_provider_that_says_it_failed_makes_its_signals_stale_until_it_publishes() -> None:
    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed", "Gear")
        subscriber = Subscriber(line, "Speed", "Gear")
        await subscriber.receive()
        provider.publish(Speed={"float": 1.0})
        await subscriber.receive()
        provider.send(provider_error_indication={"provider_error": 1})
        assert {name: point.HasField("value") for name, point in (await subscriber.receive()).items()} == {
            "Speed": False
        }
        assert line.broker.get(line.number("Vehicle.Gear")).quality is Quality.MISSING
        provider.publish(Speed={"float": 2.0})
        assert (await subscriber.receive())["Speed"].value.float == 2.0

    talk(story)


class _ReadOnly:
    def verify(self, token: str) -> Rights:
        return Rights("reader", {Action.READ: lambda _path: True, Action.PROVIDE: lambda path: path.endswith(token)})


def test_no_right_to_provide_is_told_and_claims_nothing() -> None:
    async def story(line: Line) -> None:
        line.metadata = (("authorization", "Bearer Speed"),)
        numbers = {line.number("Vehicle.Speed"): {}, line.number("Vehicle.Gear"): {}}
        provider = Provider(line)
        provider.send(provide_signal_request={"signals_sample_intervals": numbers})
        assert await provider.ended() is StatusCode.PERMISSION_DENIED
        provider = Provider(line)
        provider.send(provide_actuation_request={"actuator_identifiers": [{"path": "Vehicle.Cabin.Light.IsOn"}]})
        assert await provider.ended() is StatusCode.PERMISSION_DENIED
        await Provider(line).claim("Speed")

    talk(story, access=Access(_ReadOnly()))


def test_garbage_ends_its_own_stream_only() -> None:
    async def story(line: Line) -> None:
        good, bad = Provider(line), Provider(line)
        await good.claim("Speed")
        await bad.claim("Gear")
        bad.send_bytes(b"\x12\xff")
        assert await bad.ended() is StatusCode.INVALID_ARGUMENT
        good.publish(Speed={"float": 1.0})
        await wait_for(lambda: line.broker.get(line.number("Vehicle.Speed")).good == 1.0)

    talk(story)


def test_requests_survive_being_written_in_another_order_or_in_pieces() -> None:
    """Whatever the encoding, what counts is what Protocol Buffers make of it."""

    async def story(line: Line) -> None:
        provider = Provider(line)
        await provider.claim("Speed", "Gear")
        one, two = (
            message("kuksa.val.v2.OpenProviderStreamRequest")(publish_values_request={"data_points": points})
            for points in (
                {line.number("Vehicle.Speed"): {"value": {"float": 3.0}}},
                {line.number("Vehicle.Gear"): {"value": {"int32": -3}}},
            )
        )
        provider.send_bytes(one.SerializeToString() + two.SerializeToString())  # pieces of one request
        await wait_for(lambda: line.broker.get(line.number("Vehicle.Gear")).good == -3)
        assert line.broker.get(line.number("Vehicle.Speed")).good == 3.0

    talk(story)
