"""The expectations beside the shipped apps hold, and there are some for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonwheel.apps.testing import SHARED, Verdict, expectations_of, run_tests
from tests.apps.library.drives import APPS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("app", APPS)
def test_every_shipped_app_says_what_is_expected_of_it(app: str) -> None:
    """On recordings and on simulated drives, of more than one make; the file has no fault."""
    cases = expectations_of(app).cases
    assert any(case.log for case in cases)
    assert {car.partition("/")[0] for case in cases for car in case.cars} >= {"nissan", "mitsubishi"}


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("app", APPS)
def test_what_is_expected_comes_true(app: str, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every case of every app, on every car that it names."""
    monkeypatch.setenv(SHARED, str(shared))
    for result in run_tests(expectations_of(app)):
        assert result.verdict is Verdict.PASSED, (result.name, result.car, result.problems)
