"""What is no message gets an answer all the same, and harms nobody."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.broker.viss import Version
from commonwheel.broker.viss.messages import reply
from commonwheel.catalog import Catalog
from tests.broker.viss.desk import SPEED, Car, Desk, Schema, reason_of, run

BROKEN = [
    "",
    " ",
    "{",
    "null",
    "5",
    "[]",
    '"get"',
    "{}",
    "get Vehicle.Speed",
    '{"action":"get"',
    '{"action":"get","path":"Vehicle.Speed","requestId":"1"} {}',
    '{"action":"get","action":"set","path":"Vehicle.Speed","requestId":"1"}',
    '{"action":NaN}',
    '{"action":"get","path":Infinity,"requestId":"1"}',
    '{"action":["get"],"requestId":"1"}',
    '{"action":"GET","path":"Vehicle.Speed","requestId":"1"}',
    '{"action":"delete","path":"Vehicle.Speed","requestId":"1"}',
    '{"action":"subscription","subscriptionId":"1","requestId":"1"}',
    '{"action":"get","path":"Vehicle.Speed","requestId":{}}',
    '{"action":"get","path":"Vehicle.Speed","requestId":"' + "x" * 1001 + '"}',
    '{"action":"get","path":"Vehicle.Speed","requestId":' + "9" * 5000 + "}",
    '{"action":"get","path":"Vehicle.Speed","requestId":1e400}',
    '{"action":"get","path":"Vehicle.Speed","requestId":true}',
    '{"action":"get","path":"Vehicle.Speed","filter":null,"requestId":"1"}',
    "\ufeff{}",
    "\x00",
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"action":"get","path":"Vehicle.Speed","requestId":"1","filter":' + "[" * 100_000 + "]" * 100_000 + "}",
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_what_is_broken_is_a_bad_request_and_the_next_is_answered(car: Car, version: Version, text: str) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        assert reason_of(await desk.say(text), version) == (400, "bad_request")
        assert "data" in await desk.ask("get", SPEED)

    run(story())


def test_what_can_be_read_of_a_broken_message_is_repeated(car: Car, version: Version) -> None:
    async def story() -> None:
        answer = await Desk(car, version).say('{"action":"get","requestId":"abc","path":5}')
        assert (answer["action"], answer["requestId"]) == ("get", "abc")
        answer = await Desk(car, version).say('{"action":"fly","requestId":"abc"}')
        assert answer["requestId"] == "abc"
        assert answer.get("action") == (None if version is Version.V2 else "get")

    run(story())


def test_a_request_needs_an_id_in_version_2_only(car: Car, version: Version) -> None:
    async def story() -> None:
        answer = await Desk(car, version).say('{"action":"get","path":"Vehicle.Speed"}')
        assert ("error" in answer) == (version is Version.V2)
        assert "requestId" not in answer

    run(story())


@pytest.mark.parametrize("identity", ["", "7b3e", "🚗", "\ud800", '\u2028\x00"\\', "x" * 1000])
def test_the_id_comes_back_as_it_was(car: Car, version: Version, identity: str) -> None:
    async def story() -> None:
        request = {"action": "get", "path": SPEED, "requestId": identity}
        assert (await Desk(car, version).say(json.dumps(request)))["requestId"] == identity

    run(story())


def test_a_whole_number_is_an_id_which_version_3_writes_as_a_text(car: Car, version: Version) -> None:
    async def story() -> None:
        answer = await Desk(car, version).say('{"action":"get","path":"Vehicle.Speed","requestId":42}')
        assert answer["requestId"] == (42 if version is Version.V2 else "42")

    run(story())


def test_members_that_are_not_known_are_of_no_matter(car: Car, version: Version) -> None:
    async def story() -> None:
        assert "data" in await Desk(car, version).ask("get", SPEED, dc="2+0", colour="red")

    run(story())


def test_replies_without_members_are_whole(version: Version) -> None:
    assert set(json.loads(reply("set", None, "", version))) == {"action", "ts"}


@pytest.mark.real
def test_messages_of_version_3_are_held_against_the_schema(car: Car) -> None:
    """Every test of version 3 is, where the schema is at hand; this one says that it is."""

    async def story() -> None:
        before = Schema.checked
        desk = Desk(car, Version.V3)
        await desk.ask("get", SPEED)
        await desk.ask("set", SPEED, value="1")
        assert Schema.checked == before + 2
        with pytest.raises(Exception, match="is not valid under any"):
            Schema.check({"action": "get", "data": {"path": SPEED, "dp": {"value": 5, "ts": "now"}}, "ts": "now"})

    run(story())


# ---- any message -----------------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    ["get", "set", "subscribe", "unsubscribe", "Vehicle", SPEED, "Vehicle.Cabin", "*", "**", "paths", "timebased", "1"]
)
_ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _WORDS
_NAMES = st.sampled_from(
    [
        "action",
        "path",
        "requestId",
        "filter",
        "type",
        "variant",
        "parameter",
        "value",
        "subscriptionId",
        "authorization",
    ]
)
_KINDS = st.sampled_from(
    ["paths", "timebased", "change", "range", "curvelog", "history", "metadata", "static-metadata", "dynamic-metadata"]
)
_PARAMETERS = st.recursive(
    _ATOMS | st.sampled_from(["PT1H", "availability", "server_capabilities", "Speed", "Cabin.*", "gt", "ne"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["period", "logic-op", "diff", "boundary", "combination-op", "maxerr", "bufsize"]), inner
        )
    ),
    max_leaves=5,
)
_FILTERS = st.fixed_dictionaries(
    {}, optional={"type": _KINDS, "variant": _KINDS, "parameter": _PARAMETERS, "period": _ATOMS}
)
_ANYTHING = st.recursive(
    _ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5), max_leaves=8
)
_REQUESTS = st.fixed_dictionaries(
    {"action": st.sampled_from(["get", "set", "subscribe", "unsubscribe"]), "requestId": st.text(max_size=5)},
    optional={
        "path": _WORDS | _ATOMS,
        "filter": _FILTERS | st.lists(_FILTERS, max_size=3) | _ANYTHING,
        "value": _ANYTHING,
        "subscriptionId": _ATOMS,
        "authorization": _ATOMS,
    },
)


def _talk(tree: Catalog, version: Version, texts: list[str]) -> None:
    car = Car(tree)
    car.give({SPEED: 50.0})

    async def story() -> None:
        desk = Desk(car, version)
        for text in texts:
            answer = await desk.say(text)
            assert ("error" in answer) or "ts" in answer
        assert "data" in await desk.ask("get", SPEED)
        desk.session.close()
        assert car.broker.readers == ()

    run(story())


@settings(max_examples=150)
@given(version=st.sampled_from(Version), requests=st.lists(_REQUESTS | _ANYTHING, max_size=6))
def test_any_message_has_an_answer(tree: Catalog, version: Version, requests: list[object]) -> None:
    _talk(tree, version, [json.dumps(request) for request in requests])


@settings(max_examples=100)
@given(version=st.sampled_from(Version), texts=st.lists(st.text(max_size=40), max_size=4))
def test_any_text_has_an_answer(tree: Catalog, version: Version, texts: list[str]) -> None:
    _talk(tree, version, texts)
