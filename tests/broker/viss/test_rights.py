"""Who may ask what, how much, and until when."""

from __future__ import annotations

import time
from typing import Any

import pytest

from commonwheel.broker import Rights
from commonwheel.broker.access import Access, Limits
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.viss import Version
from tests.broker.viss.desk import FONT, SPEED, Car, Desk, TokenBook, run


def rights(scopes: str, expires_ns: int | None = None) -> Rights:
    return Rights.of("tester", parse_scopes(scopes), expires_ns)


@pytest.fixture
def access() -> Access:
    now = time.time_ns()
    return Access(
        authority=TokenBook(
            speed=rights("read:Vehicle.Speed"),
            cabin=rights("actuate:Vehicle.Cabin"),
            everything=rights("read actuate"),
            ended=rights("read", now - 1),
        )
    )


def test_a_token_lets_read_what_it_names(car: Car, version: Version, access: Access) -> None:
    async def story() -> None:
        desk = Desk(car, version, access)
        assert "data" in await desk.ask("get", SPEED, authorization="speed")
        reason = "user_forbidden" if version is Version.V2 else "forbidden_request"
        assert await desk.fault("get", "Vehicle.Identity.VIN", authorization="speed") == (403, reason)
        wanted = desk.filter("timebased", {"period": "100"})
        assert await desk.fault("subscribe", "Vehicle.IsMoving", filter=wanted, authorization="speed") == (403, reason)

    run(story())


@pytest.mark.parametrize(
    ("token", "reason"), [(None, "token_missing"), ("guess", "token_invalid"), ("ended", "token_expired")]
)
def test_a_token_that_is_none_is_401(
    car: Car, version: Version, access: Access, token: str | None, reason: str
) -> None:
    members: dict[str, Any] = {} if token is None else {"authorization": token}
    wanted = (401, reason if version is Version.V2 else "invalid_token")

    async def story() -> None:
        desk = Desk(car, version, access)
        timed = desk.filter("timebased", {"period": "100"})
        assert await desk.fault("get", SPEED, **members) == wanted
        assert await desk.fault("set", FONT, value="LARGE", **members) == wanted
        assert await desk.fault("subscribe", SPEED, filter=timed, **members) == wanted

    run(story())


@pytest.mark.parametrize("token", [5, None, ["x"], {}])
def test_an_authorization_that_is_no_text_is_refused(car: Car, version: Version, access: Access, token: object) -> None:
    async def story() -> None:
        assert (await Desk(car, version, access).fault("get", SPEED, authorization=token))[0] in {400, 401}

    run(story())


def test_a_token_of_the_connection_counts_where_a_request_brings_none(
    car: Car, version: Version, access: Access
) -> None:
    async def story() -> None:
        desk = Desk(car, version, access, shown="speed")
        assert "data" in await desk.ask("get", SPEED)
        assert (await desk.fault("get", SPEED, authorization="guess"))[0] == 401

    run(story())


def test_of_several_signals_all_have_to_be_allowed_and_those_that_are_not_are_named(
    car: Car, version: Version, access: Access
) -> None:
    async def story() -> None:
        desk = Desk(car, version, access)
        wanted = desk.filter("paths", ["Speed", "IsMoving"])
        answer = await desk.ask("get", "Vehicle", filter=wanted, authorization="speed")
        text = answer["error"]["message" if version is Version.V2 else "description"]
        assert answer["error"]["number"] == (403 if version is Version.V2 else "403")
        assert "Vehicle.IsMoving" in text
        assert "Vehicle.Speed" not in text
        assert "data" not in answer

    run(story())


def test_with_tokens_nothing_is_said_in_line(car: Car, access: Access) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V3, access, shown="everything")
        wanted = desk.filter("paths", ["Speed", "Mood"])
        assert await desk.fault("get", "Vehicle", filter=wanted) == (404, "unavailable_data")

    run(story())


def test_to_set_needs_the_right_to_actuate(car: Car, version: Version, access: Access) -> None:
    actor = car.act(FONT)

    async def story() -> None:
        desk = Desk(car, version, access)
        assert (await desk.fault("set", FONT, value="LARGE", authorization="speed"))[0] == 403
        assert "error" not in await desk.ask("set", FONT, value="LARGE", authorization="cabin")

    run(story())
    assert car.asked == [(FONT, "LARGE")]
    actor.close()


def test_what_tree_and_server_say_of_themselves_is_for_everyone(car: Car, version: Version, access: Access) -> None:
    async def story() -> None:
        desk = Desk(car, version, access)
        assert (await desk.ask("get", "Vehicle.VersionVSS.Major"))["data"]["dp"]["value"] == "6"
        assert "data" in await desk.ask("get", "Vehicle.VersionVSS.Major", authorization="speed")
        kind = "static-metadata" if version is Version.V2 else "metadata"
        assert "metadata" in await desk.ask("get", "Vehicle", filter=desk.filter(kind, ""))
        if version is Version.V2:
            wanted = desk.filter("dynamic-metadata", "server_capabilities")
            assert (await desk.ask("get", "Vehicle", filter=wanted))["metadata"]["access_ctrl"]
            available = desk.filter("dynamic-metadata", "availability")
            assert (await desk.fault("get", "Vehicle", filter=available))[0] == 401
        else:
            security = (await desk.ask("get", "Server.Support.Security"))["data"]["dp"]["value"]
            assert security == ["access-control"]

    run(story())


def test_to_end_ones_own_subscription_needs_no_token(car: Car, version: Version, access: Access) -> None:
    async def story() -> None:
        desk = Desk(car, version, access)
        subscription = await desk.subscribe(SPEED, ("timebased", {"period": "20"}), authorization="speed")
        assert "error" not in await desk.ask("unsubscribe", subscriptionId=subscription)
        assert (await desk.fault("unsubscribe", subscriptionId=subscription))[0] == 404

    run(story())


@pytest.mark.parametrize("kind", ["timebased", "paths"])
def test_a_subscription_ends_with_the_token_and_says_so(car: Car, version: Version, kind: str) -> None:
    def renewed() -> Access:
        return Access(authority=TokenBook(short=rights("read", time.time_ns() + 150_000_000)))

    async def story() -> None:
        desk = Desk(car, version, renewed())
        if kind == "timebased":
            subscription = await desk.subscribe(SPEED, (kind, {"period": "20"}), authorization="short")
        else:
            subscription = await desk.subscribe("Vehicle", (kind, ["Speed"]), authorization="short")
        event = await desk.event(subscription)
        while "error" not in event:
            event = await desk.event(subscription)
        number, reason = (401, "token_expired") if version is Version.V2 else ("401", "invalid_token")
        assert (event["error"]["number"], event["error"]["reason"]) == (number, reason)
        assert event["subscriptionId"] == subscription
        assert desk.session.subscriptions == 0
        car.give({SPEED: 1.0})
        assert not desk.mail.events[subscription]

    run(story())


def test_too_many_subscriptions_are_refused_and_those_that_are_there_live(car: Car, version: Version) -> None:
    access = Access(limits=Limits(subscriptions=3))

    async def story() -> None:
        desk = Desk(car, version, access)
        timed = ("timebased", {"period": "20"})
        ids = [await desk.subscribe(SPEED, timed) for _ in range(3)]
        assert await desk.fault("subscribe", SPEED, filter=desk.filter(*timed)) == (429, "too_many_requests")
        await desk.event(ids[0])
        await desk.ask("unsubscribe", subscriptionId=ids[0])
        assert await desk.subscribe(SPEED, timed)
        desk.session.close()
        assert access.clients.facts()["subscriptions"] == 0

    run(story())


def test_a_subscription_that_fails_is_not_counted(car: Car, version: Version) -> None:
    access = Access(limits=Limits(subscriptions=1))

    async def story() -> None:
        desk = Desk(car, version, access)
        for _ in range(3):
            wrong = desk.filter("range", {"logic-op": "gt", "boundary": "1"})
            assert (await desk.fault("subscribe", "Vehicle.Mood", filter=wrong))[0] == 400
        assert await desk.subscribe(SPEED, ("timebased", {"period": "20"}))
        desk.session.close()

    run(story())


def test_too_many_requests_are_refused(car: Car, version: Version) -> None:
    access = Access(limits=Limits(requests_per_second=5))

    async def story() -> None:
        desk = Desk(car, version, access)
        answers = [await desk.ask("get", SPEED) for _ in range(30)]
        refused = [answer["error"]["reason"] for answer in answers if "error" in answer]
        assert set(refused) == {"too_many_requests"}
        assert len(refused) > 10

    run(story())


def test_a_long_message_counts_as_many(car: Car, version: Version) -> None:
    access = Access(limits=Limits(requests_per_second=100))

    async def story() -> None:
        desk = Desk(car, version, access)
        answers = [await desk.say("[" + "1," * 500_000 + "1]") for _ in range(5)]
        assert {int(answer["error"]["number"]) for answer in answers} == {400, 429}

    run(story())
