"""What an event of an app tells: facts for people, whatever the app put in."""

from __future__ import annotations

import math
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.web.event_facts import MOST_FACTS, facts_of


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        ({}, []),
        (None, []),
        ("just so", [{"name": "data", "value": "just so"}]),
        ({"at_ns": 5, "late": True, "kmh": 1.5}, [
            {"name": "at", "t_ns": 5}, {"name": "late", "value": True}, {"name": "kmh", "value": 1.5},
        ]),
        ({"at_ns": "soon"}, [{"name": "at_ns", "value": "soon"}]),
        ({"x": [3, 1.0, 2]}, [{"name": "x", "numbers": [3, 1.0, 3.0]}]),
        ({"x": [1, "a"]}, [{"name": "x", "value": "[1, 'a']"}]),
        ({"doors": ["left", "right"]}, [{"name": "doors", "value": "left, right"}]),
        ({"snapshot": {"t": [0, 1]}}, [{"name": "snapshot t", "numbers": [2, 0.0, 1.0]}]),
        ({"huge": 2**80}, [{"name": "huge", "value": str(2**80)}]),
        ({"none": None, "nan": math.nan}, [{"name": "none", "value": None}, {"name": "nan", "value": "nan"}]),
        ({"beyond": 10**5000}, [{"name": "beyond", "value": "(int)"}]),
        ({"beyond": [10**5000]}, [{"name": "beyond", "value": "(list)"}]),
    ],
)  # fmt: skip
def test_facts_are_values_times_and_rows(data: object, facts: list[dict[str, object]]) -> None:
    assert facts_of(data) == facts


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(_ANY)
def test_whatever_it_is_it_can_be_sent_and_is_short(data: object) -> None:
    facts = facts_of(data)
    assert len(facts) <= MOST_FACTS
    sent = msgspec.json.decode(msgspec.json.encode(facts))
    assert [fact["name"] for fact in sent] == [fact["name"] for fact in facts]
    for fact in facts:
        assert len(cast("str", fact["name"])) <= 402
        assert len(str(fact.get("value"))) <= 201


def test_what_holds_itself_is_told() -> None:
    circle: dict[str, object] = {}
    circle["me"] = circle
    assert facts_of(circle) == [{"name": "me me", "value": "{'me': {...}}"}]
