"""The report page and the command: what was driven, what was held, what was not, and why a car was left out."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commonwheel.cli import main
from commonwheel.guard import Rule, State, Transition
from commonwheel.proving.campaign import Probe
from commonwheel.proving.criteria import Criterion, judge
from commonwheel.proving.page import report
from commonwheel.proving.plan import CARS, PLAN, chosen
from commonwheel.proving.proof import Handover, Proof, Trial, summary
from commonwheel.proving.release import Release
from commonwheel.proving.run import QUANTITIES, STATES, Run
from commonwheel.wire.frames import Frames
from tests.gateway.kit import small_car, small_leave

N = 300
T = np.asarray(np.arange(1, N + 1) * 0.01, np.float64)


def run_of(car: str) -> Run:
    truth = {name: np.full(N, math.nan) for name in QUANTITIES} | {"speed_mps": np.full(N, 20.0), "gap_m": 30.0 + T}
    codes = np.full(N, STATES.index(State.ENGAGED), np.int8)
    said = (Transition(10**9, "lateral", State.ARMED, State.ENGAGED, Rule.ENGAGEMENT, "the <driver> said so"),)
    states = {"lateral": codes}
    empty = Frames.empty()
    return Run(car, "x", ("an-app",), T, truth, {}, states, said, (), empty, empty, (), (), (), math.nan)


def proofs() -> list[Proof]:
    trial = Trial("a-trial", "What it is.", "x", (), (Criterion("gap_least", least=40.0, source="the limit's source"),))
    figures = {"gap_least": 30.0, "collisions": 0.0}
    findings = judge(figures, trial.criteria)
    first = Proof("a/one", trial, "", figures, findings, (), run_of("a/one"), 3.0, 1.0)
    good = judge({"gap_least": 41.0}, trial.criteria)
    second = replace(first, car="b/two", run=run_of("b/two"), findings=good, figures={"gap_least": 41.0})
    return [first, second, Proof("c/three", trial, "it has no brakes")]


def test_drives_of_other_processes_are_laid_over_each_other_too() -> None:
    """What comes from another process is an equal trial, and not the same one."""
    there = copy.deepcopy(proofs())
    text = report(there)
    assert text == report(proofs())
    assert text.count('<path class="line s1"') == text.count('<path class="line s0"') > 0


def test_a_proof_says_everything_that_was_not_held() -> None:
    failed, held, left = proofs()
    assert failed.faults == ["gap_least >= 40 m: 30"]
    assert (failed.passed, held.passed, left.passed) == (False, True, False)
    assert summary([failed, held, left]) == "1 of 2 drives held what they have to; 1 left out"


def test_a_handover_that_did_not_happen_or_was_slow_is_a_fault() -> None:
    trial = replace(proofs()[1].trial, criteria=(), handovers=(Handover("lateral", 20.0, 0.3),))
    made = [
        Release("lateral", math.nan, math.nan, 1.0, "", "", State.ENGAGED),
        Release("lateral", 0.5, 0.2, 1.0, "r", "c", State.ARMED),
        Release("lateral", 0.2, 1.5, 1.0, "r", "c", State.ARMED),
        Release("lateral", 0.2, 1.0, 1.0, "r", "c", State.ARMED),
    ]
    told = [Proof("a/one", trial, releases=(one,), handovers=trial.handovers).faults for one in made]
    assert told == [
        ["lateral was not released after 20 s"],
        ["lateral let go after 0.50 s, not 0.3 s"],
        ["lateral was released in 1.50 s, not 1 s"],
        [],
    ]


def test_the_page_has_traces_limits_states_and_what_was_said() -> None:
    probe = Probe("a/one", "x", 1.0, "lateral", "lost", "Vehicle.Speed", 0.1, 0.5, 0.2, 1.0, "r", "c", "armed")
    text = report(proofs(), [probe])
    for shown in (
        "a-trial",
        "a/one",
        "b/two",
        "c/three: left out, it has no brakes",
        "the limit&#x27;s source",
        "Faults",
    ):
        assert shown in text
    assert "&lt;driver&gt;" in text
    assert "a/one: gap_least &gt;= 40 m: 30" in text
    assert "engaged" in text


def test_every_trial_names_apps_and_scenarios_that_there_are() -> None:
    from commonwheel.apps.loading import app_names
    from commonwheel.twin.scenario_file import load_scenario
    from commonwheel.vehicles import car_names

    assert {app.name for trial in PLAN for app in trial.apps} <= set(app_names())
    assert set(CARS) <= set(car_names())
    assert len({trial.name for trial in PLAN}) == len(PLAN)
    for trial in PLAN:
        if trial.cycle is None:
            length = load_scenario(trial.scenario).length_s
            assert all(handover.at_s < length - 2.0 for handover in trial.handovers)


def test_trials_are_chosen_by_name_and_by_app() -> None:
    assert chosen([], []) == PLAN
    (one,) = chosen(["cut-in"], [])
    assert one.name == "cut-in"
    assert all("lane-centring" in {app.name for app in trial.apps} for trial in chosen([], ["lane-centring"]))
    (other,) = chosen(["commute"], ["adaptive-cruise"])
    assert (other.scenario, [app.name for app in other.apps]) == ("commute", ["adaptive-cruise"])


def test_a_car_that_cannot_is_left_out_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "--scenario", "cut-in", "--car", "mitsubishi/lancer", "--json"]) == 0
    (fact,) = json.loads(capsys.readouterr().out)
    assert fact["left_out"] == "it cannot be made to act: it has no control.yaml"


def test_how_a_car_in_a_folder_of_its_own_acts_is_found_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It lacks its physics only, which come after how it acts."""
    small_leave(small_car(tmp_path), tmp_path)
    assert main(["prove", "--scenario", "cut-in", "--car", str(tmp_path)]) == 2
    assert "nothing is known of this car's physics" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "cut-inn"], "did you mean 'cut-in'?"),
        (["--scenario", "cut-in", "--car", "no/car"], "no/car"),
        (["--scenario", "cut-in", "--report", "no/such/folder/x.html"], "no/such/folder"),
        (["--scenario", "cut-in", "--table", "faults.md"], "--campaign FILE"),
        (["--scenario", "commute", "--app", "no-app", "--car", "honda/civic_touring_2016"], "no-app"),
    ],
)
def test_what_cannot_be_driven_is_said_without_a_traceback(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prove", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_trials_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(trial.name in out for trial in PLAN)


def test_a_campaign_file_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text("nothing\n")
    assert main(["prove", "--scenario", "cut-in", "--campaign", str(file)]) == 2
    assert "x.jsonl:1" in capsys.readouterr().err
