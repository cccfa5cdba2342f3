"""Metrics of cars that act, from the facts of their gateways."""

from __future__ import annotations

from commonwheel.gateway.metrics_acting import acting
from commonwheel.gateway.pulse import Lateness


def _lateness(*seconds: float) -> Lateness:
    made = Lateness((0.001, 0.01), [0, 0, 0])
    for one in seconds:
        made.add(one)
    return made


def test_without_a_car_that_acts_there_are_none() -> None:
    assert list(acting([({"car": "one"}, {"frames": 3})])) == []


def test_cycles_states_and_what_was_said_are_told_by_car() -> None:
    facts = {
        "cycles": 7, "missed": 1, "unsent": 2, "dropped": 0, "states": {"lateral": "engaged"},
        "said": {("limited", "range"): 4, ("refused", "frame-period"): 2, ("refusal", "state"): 3},
        "cycle_s": _lateness(0.0005, 0.5), "late_s": _lateness(),
    }  # fmt: skip
    found = {family.name: family for family in acting([({"car": "one"}, {"acting": facts})])}
    values = {
        (sample.name, *(value for key, value in sorted(sample.labels.items()) if key != "car")): sample.value
        for family in found.values()
        for sample in family.samples
    }
    assert values["commonwheel_acting_cycles_total",] == 7
    assert values["commonwheel_acting_refusals_total",] == 5
    assert values["commonwheel_acting_state", "lateral", "engaged"] == 1
    assert values["commonwheel_acting_said_total", "limited", "range"] == 4
    assert values["commonwheel_acting_cycle_seconds_bucket", "0.001"] == 1
    assert values["commonwheel_acting_cycle_seconds_count",] == 2
    assert values["commonwheel_acting_lateness_seconds_count",] == 0
