"""Every trial of the plan on every car that acts: the same apps, on each maker's manner of acting."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.proving.plan import CARS, PLAN
from commonwheel.proving.proof import Trial, prove
from commonwheel.twin.cycles import FOLDER

IN_TRAFFIC = [trial for trial in PLAN if trial.cycle is None]
CYCLES = [trial for trial in PLAN if trial.cycle is not None]


@pytest.mark.slow
@pytest.mark.parametrize("car", CARS)
@pytest.mark.parametrize("trial", IN_TRAFFIC, ids=lambda trial: trial.name)
def test_every_car_holds_every_trial(trial: Trial, car: str) -> None:
    proof = prove(car, trial, keep_run=False)
    assert not proof.left_out
    assert not proof.faults


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("car", CARS)
@pytest.mark.parametrize("trial", CYCLES, ids=lambda trial: trial.name)
def test_the_speeds_of_the_wltc_are_kept(trial: Trial, car: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(shared / "energy" / "cycles"))
    proof = prove(car, trial, keep_run=False)
    by_switches = car.startswith("nissan/") and trial.name == "wltc"
    assert ("cruise control keeps" in proof.left_out) is by_switches
    assert not proof.faults
