"""Every kind of fault, injected while each shipped app runs: none fails, and what is wrong is said clearly."""

from __future__ import annotations

import pytest

from tests.apps.library.drives import APPS, CALM, driven

LEAF, IMIEV = "nissan/leaf_aze0", "mitsubishi/imiev"
SPEED = "Vehicle.Speed"
BATTERY = "Vehicle.Powertrain.TractionBattery"
VOLTS = f"{BATTERY}.CurrentVoltage"
LOW_VOLTS = "Vehicle.LowVoltageBattery.CurrentVoltage"
WINDOW = "from: 30 s, for: 12 s"

FAULTS = {
    "silent speed": f"{{silent: {SPEED}, {WINDOW}}}",
    "silent battery": f"{{silent: {VOLTS}, {WINDOW}}}",
    "stuck counter": f"{{stuck-counter: {VOLTS}, {WINDOW}}}",
    "bad checksum": f"{{bad-checksum: {VOLTS}, {WINDOW}, share: 30 %}}",
    "frozen": f"{{frozen: {VOLTS}, {WINDOW}}}",
    "lost": f"{{lost: {SPEED}, {WINDOW}, share: 50 %}}",
    "delayed": f"{{delayed: {SPEED}, {WINDOW}, by: 60 ms}}",
    "drift": f"{{drift: {SPEED}, from: 25 s, for: 30 s, per-second: 0.8}}",
    "bias": f"{{bias: {SPEED}, {WINDOW}, by: 15 km/h}}",
    "noise": f"{{noise: {SPEED}, {WINDOW}, by: 6 km/h}}",
    "stuck": f"{{stuck: {SPEED}, from: 30 s, for: 30 s}}",
    "no value": f"{{no-value: {VOLTS}, {WINDOW}}}",
}
HEALTH = {
    "silent speed": ("signals lost", SPEED),
    "silent battery": ("signals lost", VOLTS),
    "stuck counter": ("signals corrupt", VOLTS),
    "bad checksum": ("signals corrupt", VOLTS),
    "frozen": ("signals corrupt", VOLTS),
    "drift": ("wheel speeds", "by the wheels 50"),
    "bias": ("wheel speeds", "by the wheels 50"),
    "noise": ("speed trembles", "trembles by"),
    "stuck": ("wheel speeds", "by the wheels"),
    "no value": ("no value", VOLTS),
}
"""What health finds first, and what its reason names. Half of the frames lost, or late, leaves every signal in time."""


def faulty(fault: str) -> str:
    return f"faults:\n  - {fault}\n"


SLOW = pytest.mark.slow
FEW = {"silent speed", "bad checksum", "drift", "no value"}
EACH = [pytest.param(kind, marks=() if kind in FEW else SLOW) for kind in FAULTS]
"""Some in the default run; all of them take half a minute."""


MOST = FAULTS.keys() - {"lost", "delayed", "frozen", "bias"}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in MOST else pytest.mark.slow) for kind in FAULTS]
)
def test_health_says_what_is_wrong(kind: str) -> None:
    """Each fault is found, named, and over when it is over; nothing else is found before it."""
    told = driven(LEAF, CALM, faults=faulty(FAULTS[kind])).run("health").events
    if kind not in HEALTH:
        assert not told
        return
    check, named = HEALTH[kind]
    assert told[0].data["check"] == check
    assert named in str(told[0].data["reason"])
    assert 25 < told[0].t_ns / 1e9 < 70
    assert told[0].severity == "warning"
    ended = [event.data["check"] for event in told if event.name == "over"]
    assert check in ended


@pytest.mark.parametrize("kind", EACH)
def test_trip_uses_only_good_values_and_says_what_it_missed(kind: str) -> None:
    """Distance and energy are those of the good readings; what is not known is said, and not made up."""
    drive = driven(LEAF, CALM, faults=faulty(FAULTS[kind]))
    trip = drive.run("trip")
    distance, used = float(trip.value("distance") or 0) * 1000, float(trip.value("used") or 0)
    regenerated = float(trip.value("regenerated") or 0)
    note = str(trip.value("note"))
    at_50 = 12 * 50.0 / 3.6
    if kind == "silent speed":
        assert distance == pytest.approx(drive.state.distance_m - at_50, abs=4)
        assert "no speed for 1" in note
    elif kind in {"drift", "bias", "stuck"}:
        assert distance > drive.state.distance_m + 40  # the car's word is taken; health says that it is wrong
    else:
        assert distance == pytest.approx(drive.state.distance_m, rel=0.004)
    if kind in {"silent battery", "stuck counter", "frozen", "no value"}:
        assert "no battery power for 1" in note
        assert used - regenerated < drive.state.drawn_kwh * 0.9
    else:
        assert used - regenerated == pytest.approx(drive.state.drawn_kwh, rel=0.01)


@pytest.mark.parametrize("app", [app for app in APPS if app not in {"trip", "health"}])
@pytest.mark.parametrize("kind", EACH)
def test_no_fault_makes_an_app_cry_wolf(app: str, kind: str) -> None:
    """A broken signal is no harsh manoeuvre, no sick battery and no short range."""
    recorded = driven(LEAF, CALM, faults=faulty(FAULTS[kind])).run(app)
    assert not recorded.events
    if app == "driving-events" and kind in {"drift", "stuck"}:
        assert "faster than a car can" in str(recorded.value("note"))
    if app == "range":
        assert 100 < float(recorded.value("range") or 0) < 250
        silent = kind in {"silent speed", "silent battery", "stuck counter", "frozen", "no value"}
        assert ("no speed or power for" in str(recorded.value("note"))) is silent


@pytest.mark.parametrize(
    ("fault", "check", "level", "named"),
    [
        (f"{{bias: {BATTERY}.CellVoltage.Min, from: 5 s, by: -0.06 V}}", "cells apart", "warning", "apart at rest"),
        (f"{{bias: {BATTERY}.CellVoltage.Min, from: 5 s, by: -1.5 V}}", "cell exhausted", "alarm", "below 2.8 V"),
        (f"{{bias: {BATTERY}.CellVoltage.Max, from: 5 s, by: 0.7 V}}", "cell overcharged", "alarm", "above 4.25 V"),
        (f"{{bias: {BATTERY}.Temperature.Max, from: 5 s, by: 40 degC}}", "warm", "warning", "degC"),
    ],
    ids=["apart", "exhausted", "overcharged", "warm"],
)
def test_battery_care_warns_with_a_reason(fault: str, check: str, level: str, named: str) -> None:
    """Cells and temperatures that are beyond their limits are told with the values that say so."""
    care = driven(IMIEV, CALM, faults=faulty(fault)).run("battery-care")
    found = {str(event.data["check"]): event for event in care.events}
    assert found[check].name == level
    assert named in str(found[check].data["reason"])
    assert named in str(care.value("reasons"))
    assert care.value("verdict") in {"warning", "alarm"}


def test_a_speed_that_is_one_axles_own_is_held_against_the_other_axle() -> None:
    """Where the speed is computed of the rear wheels, it cannot contradict them: they contradict the front ones."""
    drift = f"{{drift: {SPEED}, from: 25 s, for: 30 s, per-second: 0.8}}"
    told = driven("nissan/x_trail_2017", CALM, faults=faulty(drift)).run("health").events
    assert [(event.name, event.data["check"]) for event in told] == [
        ("warning", "axles apart"),
        ("over", "axles apart"),
    ]
    assert "the front wheels turn as at 50 km/h, the rear ones as at 6" in str(told[0].data["reason"])


def test_cells_that_contradict_the_battery_are_found() -> None:
    """A battery's voltage that is not that of its cells is a contradiction, which health tells."""
    fault = f"{{bias: {VOLTS}, from: 40 s, for: 20 s, by: -40 V}}"
    told = driven(IMIEV, CALM, faults=faulty(fault)).run("health").events
    assert [event.data["check"] for event in told] == ["cells", "cells"]
    assert "of 88 cells" in str(told[0].data["reason"])


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (f"{{bias: {LOW_VOLTS}, from: 10 s, by: -2 V}}", "12 V not charged"),
        (f"{{bias: {LOW_VOLTS}, from: 20 s, for: 1 s, by: -6 V}}", "12 V dropped"),
        (f"{{bias: {LOW_VOLTS}, from: 10 s, by: 2 V}}", "12 V overcharged"),
    ],
    ids=["not charged", "dropped", "overcharged"],
)
def test_health_watches_the_12_v_battery(fault: str, check: str) -> None:
    """Low, high and short dips of the 12 V battery are told with its voltage."""
    told = driven(LEAF, CALM, faults=faulty(fault)).run("health").events
    assert check in [event.data["check"] for event in told]
    assert " V" in str(told[0].data["reason"])


def test_a_car_that_falls_silent_while_it_moves_is_a_finding() -> None:
    """All buses gone at speed is told once; before a parked car falls asleep nothing is said."""
    buses = "".join(f"  - {{silent: {{bus: {name}}}, from: 30 s, for: 12 s}}\n" for name in ("ev", "car"))
    told = driven(LEAF, CALM, faults=f"faults:\n{buses}").run("health")
    assert [event.data["check"] for event in told.events if event.name == "warning"] == ["silent"]
    asleep = "".join(f"  - {{silent: {{bus: {name}}}, from: 66 s}}\n" for name in ("ev", "car"))
    assert not driven(LEAF, CALM, faults=f"faults:\n{asleep}").run("health").events
