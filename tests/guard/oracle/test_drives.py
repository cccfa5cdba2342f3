"""Whole drives before the safety rules of opendbc: what leaves is what they would let pass, but for what is listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonwheel.proving.plan import CARS, PLAN
from commonwheel.proving.proof import prove
from commonwheel.vehicles import load_vehicle
from tests.guard.oracle.judging import Refusal, driven, judge

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.proving.run import Run

pytestmark = pytest.mark.oracle

_BUTTONS = {"nissan/leaf_ze1": "car/0x239", "nissan/x_trail_2017": "car/0x20b"}
"""D-05 of the differences: messages of cruise buttons."""
_SPOILED = {"speed-corrupt", "speed-freezes", "flood", "exception"}
"""D-06: trials in which frames of the car are wrong, or nothing tells that they are right."""
_TRIALS = {trial.name: trial for trial in PLAN if trial.cycle is None}


def _unexplained(library: Path, run: Run, car: str, trial: str) -> list[Refusal]:
    """Return what the judge refuses for no reason that is listed."""
    left, refused = judge(library, run, load_vehicle(car))
    assert left > 100, "nothing left: nothing was judged"
    buttons = _BUTTONS.get(car.partition(":")[0])
    refused = [one for one in refused if one.message != buttons]
    if trial in _SPOILED:
        refused = [one for one in refused if one.allowed or one.denied_s > _LONGEST_S]
    return refused


_LONGEST_S = 2.5
"""Tolerance of any input, and a release."""


@pytest.mark.parametrize("car", ["honda/civic_touring_2016", "nissan/leaf_ze1:40kwh"])
def test_the_beginning_of_a_drive_is_accepted(library: Path, car: str) -> None:
    """Arming, engagement, following and steering into traffic: some seconds of it."""
    _, run = driven(car, "cut-in", 4.5)
    assert run.engaged("longitudinal").sum() > 100
    assert run.engaged("lateral").sum() > 100
    assert _unexplained(library, run, car, "cut-in") == []


@pytest.mark.slow
@pytest.mark.parametrize("trial", sorted(_TRIALS))
@pytest.mark.parametrize("car", CARS)
def test_every_frame_of_every_trial_is_accepted(library: Path, car: str, trial: str) -> None:
    proof = prove(car, _TRIALS[trial])
    if proof.run is None:
        pytest.skip(proof.left_out)
    assert _unexplained(library, proof.run, car, trial) == []
