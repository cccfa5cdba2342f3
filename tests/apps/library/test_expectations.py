"""The expectations beside the shipped apps hold, and there are some for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonwheel.apps.loading import app_names
from commonwheel.apps.testing import SHARED, Verdict, expectations_of, run_tests
from commonwheel.proving.tried import tried
from tests.apps.library.drives import APPS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("app", APPS)
def test_every_shipped_app_says_what_is_expected_of_it(app: str) -> None:
    """On recordings and on simulated drives, of more than one make; the file has no fault."""
    cases = expectations_of(app).cases
    assert any(case.log for case in cases)
    assert {car.partition("/")[0] for case in cases for car in case.cars} >= {"nissan", "mitsubishi"}


ACTING = ("adaptive-cruise", "lane-centring", "smart-charging", "speed-limiter")


def test_no_shipped_app_is_without_expectations() -> None:
    assert sorted((*APPS, *ACTING)) == sorted(app_names())


@pytest.mark.parametrize("app", ACTING)
def test_every_shipped_app_that_acts_is_held_where_cars_act(app: str) -> None:
    """In closed loop, on cars of more than one make, and its figures or outputs are stated."""
    cases = [case for case in expectations_of(app).cases if case.acts]
    assert len({car.partition("/")[0] for case in cases for car in case.cars}) > 1
    assert all(case.expected.figures or case.expected.outputs for case in cases)


@pytest.mark.slow
@pytest.mark.parametrize("app", ACTING)
def test_what_is_expected_of_apps_that_act_comes_true(app: str) -> None:
    for result in run_tests(expectations_of(app), ground=tried):
        assert result.verdict is Verdict.PASSED, (result.name, result.car, result.problems)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("app", APPS)
def test_what_is_expected_comes_true(app: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case of every app, on every car that it names."""
    monkeypatch.setenv(SHARED, str(shared))
    for result in run_tests(expectations_of(app)):
        assert result.verdict is Verdict.PASSED, (result.name, result.car, result.problems)
