"""The range app over simulated drives: its predictions, and the error that it measures, against the car's truth."""

from __future__ import annotations

import itertools
import statistics

import pytest

from tests.apps.library.drives import Driven, driven

MIXED = """\
format: 1
scenario: mixed
start: {charge: 90 %%, air: 18 degC}
drive:
  - wait: 3 s
  - repeat: %d
    drive:
      - {to: 50 km/h, in: 12 s}
      - {hold: 50 s}
      - {to: 80 km/h, in: 12 s}
      - {hold: 45 s}
      - {to: 0 km/h, in: 18 s}
      - wait: 8 s
"""


def errors_by_truth(drive: Driven, shown: list[tuple[int, float]], ahead_km: float = 10.0) -> list[float]:
    """Return the relative errors of what was predicted at each kilometre, by what the simulated car really used."""
    errors: list[float] = []
    trace, first_kwh = drive.trace, drive.trace[0][1]
    for km in range(int(trace[-1][0] - ahead_km) + 1):
        at = next(i for i, (driven_km, _kwh) in enumerate(trace) if driven_km >= km)
        end = next((i for i, (driven_km, _kwh) in enumerate(trace) if driven_km >= trace[at][0] + ahead_km), None)
        if end is None:
            break
        used = (trace[end][1] - trace[at][1]) / (trace[end][0] - trace[at][0])
        said = min(shown, key=lambda row: abs(row[0] / 1e9 - (at + 1)))[1] / 100
        errors.append(used / said - 1)
    assert first_kwh < 0.1
    return errors


def check(drive: Driven, most: float) -> None:
    found = drive.run("range")
    shown = [(t, float(value)) for t, name, value in found.shown if name == "consumption" and value is not None]
    truth = errors_by_truth(drive, shown)
    assert len(truth) == found.value("compared")
    measured = float(found.value("error") or 0) / 100
    assert measured == pytest.approx(statistics.fmean(map(abs, truth)), abs=0.01)
    assert measured < most
    assert float(found.value("within") or 0) >= 80
    km, kwh = drive.trace[-1]
    assert found.value("driven") == pytest.approx(km, rel=0.002)
    assert found.value("used") == pytest.approx(kwh, rel=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("car", ["nissan/leaf_aze0:30kwh", "mitsubishi/imiev"])
def test_the_error_that_is_measured_is_the_true_one(car: str) -> None:
    """Over 25 km of town and country roads, predictions are within a tenth of what came, and it says so."""
    check(driven(car, MIXED % 12), 0.10)


def test_the_range_falls_as_the_car_drives() -> None:
    """By about what was driven, and what is left is what the car says less what was drawn since."""
    found = driven("nissan/leaf_aze0:30kwh", MIXED % 1).run("range")
    ranges = [(t, float(value)) for t, name, value in found.shown if name == "range" and value is not None]
    left = [float(value) for _t, name, value in found.shown if name == "left" and value is not None]
    assert ranges[-1][1] < ranges[0][1]
    assert max(abs(after - before) for before, after in itertools.pairwise(left[5:])) < 0.2
    assert found.value("note") == ""
