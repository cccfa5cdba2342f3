"""What KUKSA tries on its own VISS server, as a client that offers no sub-protocol and speaks version 2.

The scenarios are those of its integration tests (basic, core, transport, history, bulk, capabilities), told anew. Left
out are those that contradict the specification; docs/viss.md names them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import websockets

from commonwheel.broker import Rights
from commonwheel.broker.access import Access
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.viss import Version
from tests.broker.viss.desk import DOORS, FONT, SETPOINT, SPEED, Caller, Car, TokenBook, run, serving

UNKNOWN = "Some.Unknown.Datapoint"
READ_ONLY = {
    "number": 401,
    "reason": "read_only",
    "message": "The desired signal cannot be set since it is a read only signal.",
}


@contextlib.asynccontextmanager
async def client(car: Car, access: Access | None = None) -> AsyncIterator[Caller]:
    """Connect as KUKSA's tests do."""
    async with serving(car, access) as (_, address), websockets.connect(f"ws://{address}") as connection:
        yield Caller(connection, Version.V2)


def points(answer: dict[str, Any]) -> dict[str, Any]:
    return {each["path"]: each["dp"] for each in answer["data"]}


def test_read(car: Car) -> None:
    async def story() -> None:
        async with client(car) as caller:
            answer = await caller.ask("get", SPEED)
            assert answer["data"]["path"] == SPEED
            assert set(answer["data"]["dp"]) == {"value", "ts"}
            assert "error" in await caller.ask("get", UNKNOWN)
            assert "error" in await caller.ask("get", "Vehicle.*")

    run(story())


def test_subscribe_and_unsubscribe(car: Car) -> None:
    async def story() -> None:
        async with client(car) as caller:
            answer = await caller.ask("subscribe", SPEED)
            subscription = answer["subscriptionId"]
            event = await caller.event(subscription)
            assert "requestId" not in event
            assert event["data"]["dp"]["value"] == "50"
            assert (await caller.ask("set", SPEED, value="123"))["error"] == READ_ONLY
            ended = await caller.ask("unsubscribe", subscriptionId=subscription)
            assert ended["subscriptionId"] == subscription

    run(story())


def test_subscribe_to_what_is_not_there(car: Car) -> None:
    async def story() -> None:
        async with client(car) as caller:
            answer = await caller.ask("subscribe", UNKNOWN)
            text = "The specified data path does not exist."
            assert answer["error"] == {"number": 404, "reason": "invalid_path", "message": text}
            assert "subscriptionId" not in answer

    run(story())


def test_set_a_sensor_and_an_actuator(car: Car) -> None:
    async def story() -> None:
        async with client(car) as caller:
            assert (await caller.ask("set", SPEED, value="80"))["error"] == READ_ONLY
            assert set(await caller.ask("set", FONT, value="LARGE")) == {"action", "requestId", "ts"}

    run(story())


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        ("change", {"logic-op": "gt", "diff": "10"}),
        (
            "range",
            [
                {"boundary-op": "lt", "boundary": "51", "combination-op": "OR"},
                {"boundary-op": "gt", "boundary": "55"},
            ],
        ),
        ("timebased", {"period": 100}),
    ],
)
def test_subscribe_with_a_filter(car: Car, kind: str, parameter: object) -> None:
    async def story() -> None:
        async with client(car) as caller:
            subscription = await caller.subscribe(SPEED, (kind, parameter))
            assert (await caller.event(subscription))["data"]["path"] == SPEED

    run(story())


def test_subscribe_with_curve_logging(car: Car) -> None:
    async def story() -> None:
        async with client(car) as caller:
            subscription = await caller.subscribe(SPEED, ("curvelog", {"maxerr": "0.5", "bufsize": "100"}))
            now = time.time_ns()
            for i in range(250):
                car.give({SPEED: 50.0 + i % 10}, t_ns=now + i * 10_000_000)
            found: list[dict[str, str]] = []
            while len(found) < 11:
                found += (await caller.event(subscription))["data"]["dp"]
            assert len({point["ts"] for point in found}) == len(found)

    run(story())


def test_search_by_path_filter(car: Car) -> None:
    car.give(dict.fromkeys(DOORS, False))

    async def story() -> None:
        async with client(car) as caller:
            found = points(await caller.ask("get", "Vehicle", filter=caller.filter("paths", ["**.IsOpen"])))
            assert set(found) == set(DOORS)
            assert len(points(await caller.ask("get", "Vehicle", filter=caller.filter("paths", ["*"])))) > 4

    run(story())


def test_search_by_metadata(car: Car) -> None:
    async def story() -> None:
        async with client(car) as caller:
            answer = await caller.ask("get", "Vehicle", filter=caller.filter("dynamic-metadata", ["availability"]))
            assert len(answer["data"]) > 1
            answer = await caller.ask("get", "Vehicle", filter=caller.filter("static-metadata", ["datatype"]))
            assert len(answer["metadata"]["Vehicle"]["children"]) > 1
            wanted = caller.filter("dynamic-metadata", ["server_capabilities"])
            found = (await caller.ask("get", "Vehicle", filter=wanted))["metadata"]
            assert {"timebased", "change", "dynamic_metadata"} <= set(found["filter"])

    run(story())


def test_history(car: Car) -> None:
    for value in (123, 130, 125, 99):
        car.give({SPEED: float(value), SETPOINT: value % 40})

    async def story() -> None:
        async with client(car) as caller:
            answer = await caller.ask("get", SPEED, filter=caller.filter("history", "PT10M"))
            found = answer["data"]["dp"]
            assert [point["value"] for point in found][-3:] == ["123", "130", "125"]
            assert [point["ts"] for point in found] == sorted(point["ts"] for point in found)
            answer = await caller.ask("get", "Vehicle", filter=caller.filter("history", "P1D"))
            assert {SPEED, SETPOINT} <= {each["path"] for each in answer["data"]}
            assert len((await caller.ask("get", SETPOINT, filter=caller.filter("history", "P1D")))["data"]["dp"]) > 1
            answer = await caller.ask("get", SPEED, filter=caller.filter("history", "INVALID"))
            assert answer["error"]["number"] == 400

    run(story())


def test_several_updates_one_by_one(car: Car) -> None:
    async def story() -> None:
        async with client(car) as caller:
            for path, value in ((FONT, "LARGE"), (SETPOINT, "22")):
                assert "error" not in await caller.ask("set", path, value=value)
            assert (await caller.ask("set", SPEED, value="100"))["error"] == READ_ONLY
            assert (await caller.ask("set", UNKNOWN, value="50"))["error"]["reason"] == "invalid_path"

    run(story())


def test_several_updates_at_once_are_no_request(car: Car) -> None:
    async def story() -> None:
        async with client(car) as caller:
            both = [{"path": FONT, "value": "LARGE"}, {"path": SETPOINT, "value": "22"}]
            assert (await caller.ask("set", values=both))["error"]["reason"] == "bad_request"

    run(story())
    assert car.broker.target(car.number(FONT)).value is None


def test_rights(car: Car) -> None:
    book = TokenBook(speed=Rights.of("local dev", parse_scopes("provide:Vehicle.Speed")))

    async def story() -> None:
        async with client(car, Access(authority=book)) as caller:
            assert "data" in await caller.ask("get", SPEED, authorization="speed")
            assert "error" in await caller.ask("get", "Vehicle.Identity.VIN", authorization="speed")

    run(story())


def test_http(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as http:
            assert (await http.get("/")).status_code == 200
            assert (await http.get("/Vehicle/Speed")).json()["data"]["path"] == SPEED
            error = (await http.get("/Some/Unknown/Datapoint")).json()["error"]
            assert (error["number"], error["reason"]) == (404, "invalid_path")

    run(story())
