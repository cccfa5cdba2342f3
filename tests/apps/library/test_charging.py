"""Charging, as the shipped apps see it: what it is counted as, what it is warned of, and what it is no part of."""

from __future__ import annotations

import pytest

from tests.apps.library.drives import driven

PLUGGED = """\
format: 1
scenario: plugged
start: {charge: 80 %, air: AIR, odometer: 1000 km}
drive:
  - wait: 260 s
events:
  - {at: 5 s, plug: {power: 45 kW, limit: 82 %}}
"""
LEAF = "nissan/leaf_aze0:24kwh"


def test_a_charge_is_counted_with_its_habits() -> None:
    """From 80 to 82 % with 45 kW: once, high and fast; nothing is wrong with it in mild weather."""
    care = driven(LEAF, PLUGGED.replace("AIR", "20 degC")).run("battery-care")
    (charged,) = care.events
    assert charged.name == "charged"
    assert charged.data["start"] == pytest.approx(80, abs=1.1)
    assert charged.data["end"] == pytest.approx(82, abs=1.1)
    assert float(str(charged.data["most_kw"])) > 20
    assert [care.value(name) for name in ("charges", "charged_high", "charged_fast")] == [1, 1, 1]
    assert care.value("verdict") == "good"
    assert float(care.value("time_full") or 0) > 30


def test_charging_below_freezing_is_warned_of() -> None:
    """At 12 degrees below, with the power and the temperature that it is charged with."""
    care = driven(LEAF, PLUGGED.replace("AIR", "-12 degC")).run("battery-care")
    warning = next(event for event in care.events if event.name == "warning")
    assert warning.data["check"] == "charged below freezing"
    assert "kW at -1" in str(warning.data["reason"])
    assert care.value("verdict") == "warning"


def test_what_is_charged_is_no_trip_and_no_consumption() -> None:
    """A car at the plug drives nowhere, uses nothing, and its range grows."""
    drive = driven(LEAF, PLUGGED.replace("AIR", "20 degC"))
    trip, far = drive.run("trip"), drive.run("range")
    assert trip.value("trips") == 0
    assert abs(float(trip.value("standby") or 0)) < 0.02
    assert abs(float(far.value("used") or 0)) < 0.02
    ranges = [float(value) for _t, name, value in far.shown if name == "range" and value is not None]
    assert ranges[-1] > ranges[3] + 1
    assert drive.run("health").value("verdict") == "good"
