"""The pictures of drives: what is laid over each other, what is left out, what is marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from commonwheel.guard import State
from commonwheel.proving.intervention import Intervention, Kind
from commonwheel.proving.proof import Handover, Proof, Trial
from commonwheel.proving.release import Release
from commonwheel.proving.run import Run, Trace
from commonwheel.proving.traces import asked_of, chart_of, short_names
from commonwheel.report import Mark, Tone
from tests.proving.test_page import T, run_of

TRIAL = Trial(
    "bus-silent",
    "",
    "x",
    (),
    (),
    (Handover("lateral", 1.0, 0.3), Handover("lateral", 2.5, 0.3)),
    (Intervention(Kind.LOST, "", 1.0, 2.0), Intervention(Kind.FROZEN, "a.b.Speed", 1.5)),
)


def run(car: str, **columns: object) -> Run:
    made = run_of(car)
    return replace(made, truth={**made.truth, **{name: np.asarray(value, float) for name, value in columns.items()}})


def proof(made: Run, *releases: Release) -> Proof:
    return Proof(made.car, TRIAL, run=made, releases=releases, handovers=TRIAL.handovers[: len(releases)])


def test_cars_are_named_as_shortly_as_tells_them_apart() -> None:
    assert short_names(["a/one", "b/two:x"]) == {"a/one": "one", "b/two:x": "two"}
    assert short_names(["a/one:x", "a/one:y"]) == {"a/one:x": "one:x", "a/one:y": "one:y"}
    assert short_names(["a/one", "b/one", "a/one"]) == {"a/one": "a/one", "b/one": "b/one"}


def test_what_happened_is_marked_once_with_its_end() -> None:
    chart = chart_of(TRIAL, [proof(run("a/one"))])
    assert chart.marks[0] == Mark("nothing is heard", 1.0, 2.0)
    assert [(mark.text, mark.first) for mark in chart.marks[1:]] == [("Speed frozen", 1.5), ("bus silent", 2.5)]


def test_who_is_ahead_is_a_band_only_where_all_cars_had_the_same() -> None:
    one, two = run("a/one", lead_mps=np.full(len(T), 18.0)), run("b/two", lead_mps=np.full(len(T), 15.0))
    same, other = chart_of(TRIAL, [proof(one), proof(one)]), chart_of(TRIAL, [proof(one), proof(two)])
    assert [series.name for series in same.panels[0].series if series.stroke.wide] == ["vehicle ahead"]
    assert not [series.name for series in other.panels[0].series if series.stroke.wide]


def test_what_does_not_move_is_left_out_and_what_is_tiny_looks_tiny() -> None:
    still = run("a/one", offset_m=np.full(len(T), 0.001), acceleration_mps2=np.full(len(T), 0.01))
    panels = {panel.title: panel for panel in chart_of(TRIAL, [proof(still)]).panels}
    assert "Off the middle of the lane" not in panels
    assert panels["Acceleration"].shows == (-1.0, 1.0)


def test_lines_of_cars_are_told_apart_by_their_dashes_too() -> None:
    (speed, *_) = chart_of(TRIAL, [proof(run(f"a/{name}")) for name in "wxyz"]).panels
    assert len({series.stroke for series in speed.series}) == 4


def test_the_time_in_which_it_is_led_to_neutral_is_a_state_of_its_own() -> None:
    let_go = Release("lateral", 0.1, 0.5, 1.2, "r", "c", State.ARMED)
    (lane,) = chart_of(TRIAL, [proof(run("a/one"), let_go)]).panels[-1].series
    assert lane.labels is not None
    assert lane.tones is not None
    during = (lane.t >= 1.1 - 1e-9) & (lane.t < 1.6 - 1e-9)
    assert {lane.labels[int(code)] for code in lane.value[during]} == {"letting go"}
    assert {lane.tones[int(code)] for code in lane.value[~during]} == {Tone.ACTS}


def test_what_was_asked_allowed_sent_and_measured_stand_in_one_panel() -> None:
    nothing, some = np.full(len(T), np.nan), np.full(len(T), 0.5)
    path = "Vehicle.MotionManagement.AccelerationTarget"
    acting = {path: Trace(some, some, some, nothing), "Vehicle.Other": Trace(nothing, nothing, some, some)}
    chart = asked_of(TRIAL, replace(run("a/one"), acting=acting), {path: "m/s^2"})
    assert chart is not None
    (panel,) = chart.panels
    assert (panel.title, panel.unit, panel.shows) == ("AccelerationTarget", "m/s^2", (-1.0, 1.0))
    assert [series.name for series in panel.series] == ["allowed", "sent", "asked"]
    assert asked_of(TRIAL, run("a/one"), {}) is None
