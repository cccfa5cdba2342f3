"""Events: when they come, what they hold, and when they end."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from commonwheel.broker import BrokerError, Reason
from commonwheel.broker.viss import Version
from tests.broker.viss.desk import DOORS, FONT, SPEED, Car, Desk, reason_of, run, until

INLINE = "viss-inline:Data-not-available"
ON_NEWS = ("paths", ["Speed"])
"""In version 3, where a subscription needs a filter: an event whenever there is news of it."""


async def news(desk: Desk) -> str:
    """Subscribe to the speed, every news of it."""
    if desk.version is Version.V2:
        return await desk.subscribe(SPEED)
    return await desk.subscribe("Vehicle", ON_NEWS)


def first(event: dict) -> str:
    data = event["data"]
    return (data[0] if isinstance(data, list) else data)["dp"]["value"]


def test_the_current_value_comes_at_once_and_news_as_they_come(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await news(desk)
        event = await desk.event(subscription)
        assert set(event) == {"action", "subscriptionId", "data", "ts"}
        assert first(event) == "50"
        for value in (51.5, 52.0, 52.0):
            car.give({SPEED: value})
        assert [first(await desk.event(subscription)) for _ in range(3)] == ["51.5", "52", "52"]
        desk.session.close()

    run(story())


def test_the_answer_comes_before_the_first_event(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        await news(desk)
        assert desk.mail.events == {}
        desk.session.close()

    run(story())


def test_a_batch_with_several_values_of_a_signal_is_as_many_events(car: Car, version: Version) -> None:
    from commonwheel.broker import Updates

    async def story() -> None:
        desk = Desk(car, version)
        subscription = await news(desk)
        await desk.event(subscription)
        speed, fuel = car.number(SPEED), car.number("Vehicle.FuelLevel")
        car.provider.claim([speed, fuel])
        car.provider.publish(
            Updates.build([(speed, 1, 1.0, 0, None), (fuel, 1, 9.0, 0, None), (speed, 2, 2.0, 0, None)])
        )
        assert [first(await desk.event(subscription)) for _ in range(2)] == ["1", "2"]
        desk.session.close()

    run(story())


def test_news_of_several_signals_come_together(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe("Vehicle", ("paths", ["Speed", "FuelLevel"]))
        event = await desk.event(subscription)
        assert {each["path"]: each["dp"]["value"] for each in event["data"]} == {SPEED: "50", "Vehicle.FuelLevel": "42"}
        car.give({SPEED: 60.0, "Vehicle.FuelLevel": 41, "Vehicle.IsMoving": False})
        event = await desk.event(subscription)
        assert {each["path"]: each["dp"]["value"] for each in event["data"]} == {SPEED: "60", "Vehicle.FuelLevel": "41"}
        car.give({"Vehicle.FuelLevel": 40})
        assert [each["path"] for each in (await desk.event(subscription))["data"]] == ["Vehicle.FuelLevel"]
        desk.session.close()

    run(story())


def test_a_value_that_goes_bad_is_no_event_in_version_2(car: Car) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V2)
        subscription = await desk.subscribe(SPEED)
        car.give({SPEED: None})
        car.give({SPEED: 7.0})
        assert [await desk.value(subscription) for _ in range(2)] == ["50", "7"]
        desk.session.close()

    run(story())


def test_a_value_that_goes_bad_is_said_in_line_in_version_3(car: Car) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V3)
        subscription = await desk.subscribe("Vehicle", ("paths", ["Speed", "Mood"]))
        values = {each["path"]: each["dp"]["value"] for each in (await desk.event(subscription))["data"]}
        assert values == {SPEED: "50", "Vehicle.Mood": INLINE}
        car.give({SPEED: None})
        assert first(await desk.event(subscription)) == INLINE
        car.give({SPEED: 7.0})
        assert first(await desk.event(subscription)) == "7"
        desk.session.close()

    run(story())


# ---- timebased -------------------------------------------------------------------------------------------------------


def test_timebased_sends_the_current_value_each_period(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe(SPEED, ("timebased", {"period": "20"}))
        assert [await desk.value(subscription) for _ in range(3)] == ["50", "50", "50"]
        car.give({SPEED: 60.0})
        await until_value(desk, subscription, "60")
        desk.session.close()

    run(story())


async def until_value(desk: Desk, subscription: str, value: str) -> None:
    while await desk.value(subscription) != value:
        pass


@pytest.mark.parametrize(
    "kind",
    [None, ("timebased", {"period": "10"}), ("change", {"logic-op": "ne", "diff": "0"})],
    ids=["none", "timebased", "change"],
)
def test_in_version_2_the_first_event_is_null_where_nobody_has_given_a_value(
    car: Car, kind: tuple[str, object] | None
) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V2)
        subscription = await desk.subscribe("Vehicle.Mood", *([kind] if kind else []))
        assert await desk.value(subscription) is None
        car.give({"Vehicle.Mood": "calm"})
        await until_value(desk, subscription, "calm")
        desk.session.close()

    run(story())


def test_timebased_says_nothing_while_a_value_is_bad(car: Car, version: Version) -> None:
    car.give({"Vehicle.Mood": "merry"})
    car.give({"Vehicle.Mood": None})

    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe("Vehicle.Mood", ("timebased", {"period": "10"}))
        other = await desk.subscribe(SPEED, ("timebased", {"period": "10"}))
        for _ in range(4):
            await desk.event(other)
        assert not desk.mail.events.get(subscription)
        car.give({"Vehicle.Mood": "calm"})
        assert await desk.value(subscription) == "calm"
        desk.session.close()

    run(story())


def test_subscriptions_to_the_same_share_one_timer(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        ids = [await desk.subscribe(SPEED, ("timebased", {"period": "30"})) for _ in range(50)]
        assert len(desk.feeds) == 1
        for subscription in ids:
            assert [await desk.value(subscription) for _ in range(2)] == ["50", "50"]
        for subscription in ids:
            await desk.ask("unsubscribe", subscriptionId=subscription)
        assert len(desk.feeds) == 0

    run(story())


@pytest.mark.parametrize("period", ["0", "-5", "1.5", "soon", "", None, [], "9" * 30, True, 1.5])
def test_what_is_no_period_is_a_bad_request(car: Car, version: Version, period: object) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        wanted = desk.filter("timebased", {"period": period})
        assert await desk.fault("subscribe", SPEED, filter=wanted) == (400, "bad_request")

    run(story())


# ---- change, range, curvelog -----------------------------------------------------------------------------------------


def test_change_is_since_the_last_event(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe(SPEED, ("change", {"logic-op": "gt", "diff": "10"}))
        for value in (55.0, 60.0, 60.5, 70.0, 71.0):
            car.give({SPEED: value})
        assert [await desk.value(subscription) for _ in range(3)] == ["50", "60.5", "71"]
        desk.session.close()

    run(story())


@pytest.mark.parametrize(
    ("operator", "seen"),
    [("gt", [True, True]), ("lt", [False, False]), ("ne", [False, True, False, True])],
)
def test_change_of_a_switch_is_on_off_or_both(car: Car, version: Version, operator: str, seen: list[bool]) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe("Vehicle.IsMoving", ("change", {"logic-op": operator, "diff": "0"}))
        assert await desk.value(subscription) == "true"
        for value in (True, False, False, True, True, False, True):
            car.give({"Vehicle.IsMoving": value})
        wanted = ["true" if value else "false" for value in seen]
        assert [await desk.value(subscription) for _ in wanted] == wanted
        desk.session.close()

    run(story())


def test_change_of_a_text_is_any_other_text(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe("Vehicle.Mood", ("change", {"logic-op": "ne", "diff": "0"}))
        for mood in ("calm", "calm", "merry", "calm"):
            car.give({"Vehicle.Mood": mood})
        if version is Version.V2:
            assert await desk.value(subscription) is None
        assert [await desk.value(subscription) for _ in range(3)] == ["calm", "merry", "calm"]
        wanted = desk.filter("change", {"logic-op": "gt", "diff": "1"})
        fault = (400, "filter_invalid" if version is Version.V2 else "invalid_data")
        assert await desk.fault("subscribe", "Vehicle.Mood", filter=wanted) == fault
        desk.session.close()

    run(story())


@pytest.mark.parametrize("key", ["logic-op", "boundary-op"])
def test_range_of_one_boundary(car: Car, version: Version, key: str) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe(SPEED, ("range", {key: "gte", "boundary": "60"}))
        for value in (59.0, 60.0, 10.0, 61.0):
            car.give({SPEED: value})
        assert [await desk.value(subscription) for _ in range(2)] == ["60", "61"]
        desk.session.close()

    run(story())


@pytest.mark.parametrize(
    ("combination", "seen"), [("AND", ["51", "54"]), ("OR", ["50", "49", "56"]), (None, ["51", "54"])]
)
def test_range_of_two_boundaries(car: Car, version: Version, combination: str | None, seen: list[str]) -> None:
    outside = combination == "OR"
    one: dict[str, str] = {"logic-op": "lt" if outside else "gt", "boundary": "50.5"}
    if combination:
        one["combination-op"] = combination
    two = {"logic-op": "gt" if outside else "lt", "boundary": "55"}

    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe(SPEED, ("range", [one, two]))
        for value in (49.0, 51.0, 56.0, 54.0):
            car.give({SPEED: value})
        assert [await desk.value(subscription) for _ in seen] == seen
        desk.session.close()

    run(story())


def test_the_first_path_decides_and_all_values_come(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        paths = (
            "paths",
            ["Speed", "**.IsMoving", "FuelLevel", "*"] if version is Version.V2 else ["Speed", "FuelLevel"],
        )
        subscription = await desk.subscribe("Vehicle", paths, ("change", {"logic-op": "ne", "diff": "0"}))
        await desk.event(subscription)
        car.give({"Vehicle.FuelLevel": 10})
        car.give({SPEED: 51.0})
        event = await desk.event(subscription)
        values = [(each["path"], each["dp"]["value"]) for each in event["data"]]
        assert values[0] == (SPEED, "51")
        assert dict(values)["Vehicle.FuelLevel"] == "10"
        assert len(values) == len(dict(values))
        desk.session.close()

    run(story())


@pytest.mark.parametrize("kind", ["change", "range"])
def test_the_first_path_has_to_be_one_signal(car: Car, version: Version, kind: str) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        key = {"change": "diff", "range": "boundary"}[kind]
        both = [
            desk.filter("paths", ["Cabin.Door.*.*.IsOpen", "Speed"]),
            desk.filter(kind, {"logic-op": "gt", key: "0"}),
        ]
        assert await desk.fault("subscribe", "Vehicle", filter=both) == (400, "bad_request")

    run(story())


def test_curvelog_sends_the_corners_of_the_curve(car: Car, version: Version) -> None:
    values = [50.0] * 5 + [50.0 + i for i in range(20)] + [69.0] * 30

    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe(SPEED, ("curvelog", {"maxerr": "0.5", "bufsize": "10"}))
        now = time.time_ns()
        for i, value in enumerate(values):
            car.give({SPEED: value}, t_ns=now + i * 100_000_000)
        points: list[str] = []
        while "69" not in points:
            dp = (await desk.event(subscription))["data"]["dp"]
            assert isinstance(dp, list)
            points += [point["value"] for point in dp]
        assert points[0] == "50"
        assert points[-1] == "69"
        assert len(points) < len(values) // 2
        desk.session.close()

    run(story())


def test_filters_of_numbers_do_not_go_with_texts(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        fault = (400, "filter_invalid" if version is Version.V2 else "invalid_data")
        for kind, parameter in (
            ("range", {"logic-op": "gt", "boundary": "1"}),
            ("curvelog", {"maxerr": "1", "bufsize": "10"}),
        ):
            assert await desk.fault("subscribe", "Vehicle.Mood", filter=desk.filter(kind, parameter)) == fault

    run(story())


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("change", {"logic-op": "more", "diff": "1"}),
        ("change", {"logic-op": "gt"}),
        ("change", {"diff": "1"}),
        ("change", {"logic-op": "gt", "diff": "much"}),
        ("change", {"logic-op": "gt", "diff": "1e999"}),
        ("change", []),
        ("range", [{"logic-op": "gt", "boundary": "1"}]),
        ("range", [{"logic-op": "gt", "boundary": "1"}] * 3),
        ("range", {"boundary": "1"}),
        ("range", {"logic-op": "gt", "boundary-op": "gt", "boundary": "1"}),
        ("range", [{"logic-op": "gt", "boundary": "1", "combination-op": "XOR"}, {"logic-op": "gt", "boundary": "1"}]),
        ("range", [1, 2]),
        ("curvelog", {"maxerr": "-1", "bufsize": "10"}),
        ("curvelog", {"maxerr": "1", "bufsize": "1"}),
        ("curvelog", {"maxerr": "1"}),
        ("curvelog", {"maxerr": "1", "bufsize": "9.5"}),
        ("nothing", {}),
        ([], {}),
    ],
)
def test_what_is_no_filter_is_a_bad_request(car: Car, version: Version, kind: object, parameter: object) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        wanted = {version.filter_key: kind, "parameter": parameter}
        assert await desk.fault("subscribe", SPEED, filter=wanted) == (400, "bad_request")

    run(story())


@pytest.mark.parametrize("kind", ["history", "metadata"])
def test_filters_of_a_get_are_wrong_in_a_subscribe(car: Car, version: Version, kind: str) -> None:
    name = "static-metadata" if kind == "metadata" and version is Version.V2 else kind

    async def story() -> None:
        desk = Desk(car, version)
        wanted = desk.filter(name, "PT1H" if kind == "history" else "")
        assert await desk.fault("subscribe", SPEED, filter=wanted) == (400, "bad_request")

    run(story())


def test_two_filters_are_paths_and_one_more(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        paths, timed = desk.filter("paths", ["Speed"]), desk.filter("timebased", {"period": "100"})
        for wrong in ([paths, paths], [timed, timed], [paths, timed, timed], [], "paths", 5):
            assert await desk.fault("subscribe", "Vehicle", filter=wrong) == (400, "bad_request")
        both = await desk.subscribe("Vehicle", ("timebased", {"period": "20"}), ("paths", ["Speed"]))
        assert [first(await desk.event(both)) for _ in range(2)] == ["50", "50"]
        desk.session.close()

    run(story())


def test_version_3_needs_a_filter_to_subscribe(car: Car) -> None:
    async def story() -> None:
        assert await Desk(car, Version.V3).fault("subscribe", SPEED) == (400, "bad_request")

    run(story())


def test_the_other_versions_word_for_a_kind_is_not_understood(car: Car, version: Version) -> None:
    async def story() -> None:
        other = "variant" if version is Version.V2 else "type"
        wanted = {other: "timebased", "parameter": {"period": "100"}}
        assert await Desk(car, version).fault("subscribe", SPEED, filter=wanted) == (400, "bad_request")

    run(story())


def test_version_2_takes_a_period_as_a_number_and_beside_its_type(car: Car) -> None:
    async def story() -> None:
        desk = Desk(car, Version.V2)
        for wanted in ({"type": "timebased", "parameter": {"period": 20}}, {"type": "timebased", "period": 20}):
            answer = await desk.ask("subscribe", SPEED, filter=wanted)
            assert await desk.value(answer["subscriptionId"]) == "50"
        desk.session.close()

    run(story())


# ---- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["Some.Unknown.Datapoint", "Vehicle.*"])
def test_no_subscription_to_nothing(car: Car, version: Version, path: str) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        answer = await desk.ask("subscribe", path, filter=desk.filter("timebased", {"period": "100"}))
        assert "subscriptionId" not in answer
        assert int(answer["error"]["number"]) in {400, 404}
        assert desk.session.subscriptions == 0

    run(story())


def test_unsubscribe_ends_the_events(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await news(desk)
        await desk.event(subscription)
        answer = await desk.ask("unsubscribe", subscriptionId=subscription)
        named = {"subscriptionId"} if version is Version.V2 else set()
        assert set(answer) == {"action", "requestId", "ts", *named}
        assert car.broker.readers == ()
        car.give({SPEED: 60.0})
        answer = await desk.ask("unsubscribe", subscriptionId=subscription)
        reason = "invalid_subscription_id" if version is Version.V2 else "unavailable_data"
        assert (int(answer["error"]["number"]), answer["error"]["reason"]) == (404, reason)
        assert not desk.mail.events[subscription]

    run(story())


@pytest.mark.parametrize("identity", ["999", "", None, 1, [], "x" * 5000])
def test_unsubscribe_of_nothing_is_refused(car: Car, version: Version, identity: object) -> None:
    async def story() -> None:
        answer = await Desk(car, version).ask("unsubscribe", subscriptionId=identity)
        assert int(answer["error"]["number"]) == (404 if isinstance(identity, str) else 400)

    run(story())


def test_subscriptions_of_others_cannot_be_ended(car: Car, version: Version) -> None:
    async def story() -> None:
        one, two = Desk(car, version), Desk(car, version)
        subscription = await news(one)
        assert (await two.fault("unsubscribe", subscriptionId=subscription))[0] == 404
        await one.event(subscription)
        car.give({SPEED: 1.0})
        assert first(await one.event(subscription)) == "1"
        one.session.close()

    run(story())


def test_a_subscription_that_the_broker_ends_says_so(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await news(desk)
        await desk.event(subscription)
        car.broker.unsubscribe(car.broker.readers[0], BrokerError(Reason.CLOSED, "the car is switched off"))
        event = await desk.event(subscription)
        assert event["error"]["reason"] == "service_unavailable"
        assert desk.session.subscriptions == 0

    run(story())


def test_who_joins_later_gets_the_current_value_and_nobody_goes_back_in_time(car: Car, version: Version) -> None:
    last = 300

    def publish() -> None:
        for value in range(1, last + 1):
            car.give({"Vehicle.Odometer": value})

    async def story() -> None:
        thread = threading.Thread(target=publish)
        thread.start()
        desk = Desk(car, version)
        await until(lambda: car.broker.get(car.number("Vehicle.Odometer")).value is not None)
        ids: list[str] = []
        for _ in range(5):
            ids.append(await desk.subscribe("Vehicle", ("paths", ["Odometer"])))
            await asyncio.sleep(0.002)
        await asyncio.to_thread(thread.join)
        for subscription in ids:
            seen = [int(first(await desk.event(subscription)))]
            while seen[-1] < last:
                seen.append(int(first(await desk.event(subscription))))
            assert seen == sorted(seen)
        desk.session.close()

    run(story())


def test_doors_and_fonts_have_their_own_events(car: Car, version: Version) -> None:
    car.give({DOORS[0]: False, FONT: "LARGE"})

    async def story() -> None:
        desk = Desk(car, version)
        doors = await desk.subscribe("Vehicle.Cabin", ("paths", ["Door.Row1.Left.IsOpen"]))
        font = await desk.subscribe("Vehicle.Cabin", ("paths", ["Infotainment"]))
        assert first(await desk.event(doors)) == "false"
        assert first(await desk.event(font)) == "LARGE"
        car.give({FONT: "STANDARD"})
        car.give({DOORS[0]: True})
        assert first(await desk.event(doors)) == "true"
        assert first(await desk.event(font)) == "STANDARD"
        desk.session.close()

    run(story())


@pytest.mark.parametrize("kind", [("timebased", {"period": "60000"}), ("change", {"logic-op": "ne", "diff": "0"})])
@pytest.mark.parametrize("value", ["calm", None], ids=["a value", "none yet"])
def test_who_reads_one_signal_is_told_that_its_provider_is_gone(
    car: Car, version: Version, kind: tuple[str, object], value: str | None
) -> None:
    other = car.broker.provider("other")

    async def story() -> None:
        desk, bystander = Desk(car, version), Desk(car, version)
        subscription = await desk.subscribe("Vehicle.Mood", kind)
        speed = await bystander.subscribe(SPEED, kind)
        number = car.number("Vehicle.Mood")
        other.claim([number])
        await asyncio.sleep(0)
        if value is not None:
            other.publish_values({number: value})
        other.close()
        event = await desk.event(subscription)
        while "error" not in event:
            event = await desk.event(subscription)
        assert reason_of(event, version) == (503, "service_unavailable")
        again = car.broker.provider("again")
        again.claim([number])
        again.publish_values({number: "merry"})
        if kind[0] == "change":
            await until_value(desk, subscription, "merry")
        assert first(await bystander.event(speed)) == "50"
        assert not bystander.mail.events[speed]
        desk.session.close()
        bystander.session.close()

    run(story())
