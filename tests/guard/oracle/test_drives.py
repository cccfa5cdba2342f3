"""Whole drives before the safety rules of opendbc: what leaves is what they would let pass, but for what is listed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from commonwheel.proving.plan import CARS, PLAN
from tests.guard.oracle.judging import drive, driven, judge, listed

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.proving.loop import Setup
    from commonwheel.proving.run import Run

pytestmark = pytest.mark.oracle

_BUTTONS = {"nissan/leaf_ze1:40kwh", "nissan/x_trail_2017"}
"""Whose speed is set by buttons: D-05 of the differences."""
_RELEASED = {
    "speed-corrupt": {"D-06", "D-10"},
    "speed-freezes": {"D-06"},
    "checksums-break": {"D-06"},
    "counters-stick": {"D-06"},
    "buses-silent-1s": {"D-06"},
    "buses-silent-2s": {"D-06"},
    "buses-silent-5s": {"D-06"},
    "loop-late": {"D-09", "D-10"},
    "takeover-wheel": {"D-10"},
    "lane-lost": {"D-10"},
}
"""By which other differences frames may leave: where the guard releases for what is wrong with the car's frames (D-06),
or with an angle that is not where the wheel is (D-10), or goes on after a pause (D-09); and in no other trials."""
_TRIALS = {trial.name: trial for trial in PLAN if trial.cycle is None}


def _differences(library: Path, setup: Setup, run: Run) -> Counter[str]:
    """Return how many frames left by each of the stated differences; fails at one that left by none."""
    left, refused = judge(library, setup, run)
    assert left > 100, "nothing left: nothing was judged"
    by = [(listed(setup, one), one) for one in refused]
    assert [str(one) for row, one in by if not row] == []
    return Counter(row for row, _ in by)


def _may_differ(car: str, trial: str) -> set[str]:
    return _RELEASED.get(trial, set()) | ({"D-05"} if car in _BUTTONS else set())


@pytest.mark.parametrize("car", ["honda/civic_touring_2016", "nissan/leaf_ze1:40kwh"])
def test_the_beginning_of_a_drive_is_accepted(library: Path, car: str) -> None:
    """Arming, engagement, following and steering into traffic: some seconds of it."""
    setup, run = driven(car, "cut-in", 4.5)
    assert run.engaged("longitudinal").sum() > 100
    assert run.engaged("lateral").sum() > 100
    assert set(_differences(library, setup, run)) <= _may_differ(car, "cut-in")


@pytest.mark.slow
@pytest.mark.parametrize("trial", sorted(_TRIALS))
@pytest.mark.parametrize("car", CARS)
def test_every_frame_of_every_trial_is_accepted(library: Path, car: str, trial: str) -> None:
    found = drive(car, _TRIALS[trial])
    if isinstance(found, str):
        pytest.skip(found)
    assert set(_differences(library, *found)) <= _may_differ(car, trial)
