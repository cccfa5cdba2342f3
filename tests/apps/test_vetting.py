"""What an app says is held against its manifest, whatever its process says."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps.limits import Rates
from commonwheel.apps.manifest import Event, Manifest, Output
from commonwheel.apps.messages import Garbled, LeftOut, Outputs, Reported, Said
from commonwheel.apps.status import Status
from commonwheel.apps.vetting import Vetting

MANIFEST = Manifest(
    name="x",
    version="1",
    outputs={
        "n": Output("km"),
        "count": Output("", "", "integer"),
        "on": Output("", "", "boolean"),
        "word": Output("", "", "string"),
    },
    events={"seen": Event("It was seen.", "alarm")},
)


def vetting(**rates: float) -> Vetting:
    return Vetting(MANIFEST, Status(), Rates(**rates))


def test_what_is_right_is_there_to_see() -> None:
    one = vetting()
    one.show(Outputs(5, {"n": 1.5, "count": 3, "on": True, "word": "w"}))
    one.show(Outputs(6, {"n": None}))
    one.report(Reported(7, "seen", {"why": [1, 2.0, None, {"a": "b"}]}), 100)
    one.say(Said(8, "warning", "text"))
    status = one.status
    assert {name: shown.value for name, shown in status.outputs.items()} == {
        "n": None,
        "count": 3,
        "on": True,
        "word": "w",
    }
    assert status.outputs["n"].unit == "km"
    assert status.events[0].severity == "alarm"
    assert (status.logs[0].level, status.logs[0].text) == ("warning", "text")


@pytest.mark.parametrize(
    "values", [{"other": 1.0}, {"n": 1}, {"n": "1"}, {"n": True}, {"count": 1.0}, {"on": 1}, {"word": 1.0}]
)
def test_output_that_is_not_declared_so_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(Garbled):
        vetting().show(Outputs(1, values))


@pytest.mark.parametrize("data", [{"a": b"x"}, {"a": {1: 2}}, {"a": math.inf}, {"a": msgspec.Raw(b"1")}])
def test_event_with_data_that_json_cannot_hold_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(Garbled):
        vetting().report(Reported(1, "seen", data), 10)


def test_event_and_level_and_counts_that_nobody_knows_are_refused() -> None:
    with pytest.raises(Garbled, match="unheard"):
        vetting().report(Reported(1, "unheard", {}), 10)
    with pytest.raises(Garbled, match="loud"):
        vetting().say(Said(1, "loud", "text"))
    with pytest.raises(Garbled):
        vetting().leave_out(LeftOut({"smiles": 3}))


def test_dishonest_process_is_held_to_rates_all_the_same() -> None:
    one = vetting(logs=5.0, events=5.0)
    for i in range(300):
        one.say(Said(i, "info", f"line {i}"))
        one.report(Reported(i, "seen", {}), 10)
    assert len(one.status.logs) <= 25
    assert len(one.status.events) <= 25


def test_data_of_events_that_are_kept_stay_bounded() -> None:
    one = vetting(events=10_000.0)
    for i in range(50):
        one.report(Reported(i, "seen", {"data": "x"}), 1_000_000)
    assert len(one.status.events) == 4
    assert one.status.events[-1].t_ns == 49


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_data_that_pass_can_be_told_as_json(value: object) -> None:
    one = vetting()
    try:
        event = one.report(Reported(1, "seen", {"value": value}), 10)
    except Garbled:
        return
    assert event is not None
    assert msgspec.json.decode(msgspec.json.encode(event.data)) == {"value": value}
