"""One drive through the twins of three makers: the shipped apps come to the same results, within each wire's steps.

All cars of a group have the same physics, so that only their wires differ. What an app gives on one car is held against
what it gives on the first, and against how the simulated car really was.
"""

from __future__ import annotations

import functools

import pytest

from commonwheel.apps.loading import load_app
from commonwheel.apps.matrix import cell_of
from commonwheel.apps.replay import Recorded
from commonwheel.apps.status import Fitness
from commonwheel.vehicles import load_vehicle
from tests.apps.library.drives import APPS, Driven, driven

ELECTRIC = ("nissan/leaf_aze0", "mitsubishi/imiev", "honda/e")
COMBUSTION = ("honda/civic_touring_2016", "nissan/x_trail_2017", "mitsubishi/lancer")
PAIRS = [(cars[0], car) for cars in (ELECTRIC, COMBUSTION) for car in cars]

NEAR: dict[str, dict[str, float]] = {
    "trip": {
        "distance": 0.001,
        "duration": 0.1,
        "moving": 0.3,
        "mean_speed": 0.3,
        "max_speed": 0.1,
        "used": 0.001,
        "regenerated": 0.001,
        "standby": 0.0005,
        "consumption": 0.15,
        "cost": 0.0005,
        "eco": 0.5,
        "smoothness": 1.0,
        "anticipation": 1.0,
        "pace": 0.5,
        "idling": 3.0,
    },
    "driving-events": {"overspeed_time": 0.2, "distance": 0.001, "along": 0.05, "across": 0.05, "per_100km": 1.0},
    "range": {"range": 5.0, "low": 5.0, "high": 10.0, "left": 1.0, "consumption": 0.8, "driven": 0.001, "used": 0.001},
    "battery-care": {"hottest": 1.0, "coldest": 1.0, "charge": 1.0, "time_full": 1.0, "at_limit": 1.0},
    "health": {},
}
"""How far apart numbers may be. Seconds of standing are whole ones. What is left in the battery comes in steps of half
a per cent of charge, and cars differ in how they state what a battery holds."""

SAME = {
    "trip": ("state", "trips"),
    "driving-events": ("harsh_braking", "harsh_acceleration", "harsh_cornering", "overspeed", "overspeeding"),
    "range": ("compared",),
    "battery-care": ("verdict", "reasons", "charges", "charged_high", "charged_fast", "lows"),
    "health": ("verdict", "reasons", "lost", "corrupt", "corrupted"),
}


def runs() -> list[tuple[str, str, str]]:
    """Return every app on every car that it can run on, with the first car of its group."""
    pairs = [(cars[0], car) for cars in (ELECTRIC, COMBUSTION) for car in cars[1:]]
    return [
        (app, first, car)
        for app in APPS
        for first, car in pairs
        if cell_of(load_app(app).manifest, load_vehicle(car)).fitness is not Fitness.NONE
    ]


def ride(car: str, first: str) -> Driven:
    return driven(car, physics=first)


@functools.cache
def results(app: str, car: str, first: str) -> Recorded:
    return ride(car, first).run(app, **({"limit": 80.0} if app == "driving-events" else {}))


def test_every_app_runs_on_every_car_that_has_a_battery_it_tells_of() -> None:
    """Two of the apps need the battery's charge, which only electric cars give, and not all of them."""
    everywhere = {car for _app, _first, car in runs()}
    assert everywhere == {*ELECTRIC[1:], *COMBUSTION[1:]}
    for app in ("range", "battery-care"):
        assert {car for name, _first, car in runs() if name == app} == {"mitsubishi/imiev"}


@pytest.mark.parametrize(("app", "first", "car"), runs())
def test_results_are_the_same_on_every_make(app: str, first: str, car: str) -> None:
    """Whatever both cars give the signals for is the same, and so are the events."""
    mine, other = results(app, car, first), results(app, first, first)
    for name in SAME[app]:
        assert mine.value(name) == other.value(name), name
    compared = 0
    for name, near in NEAR[app].items():
        left, right = mine.value(name), other.value(name)
        if left is not None and right is not None:
            compared += 1
            assert left == pytest.approx(right, abs=near), name
    assert compared >= min(3, len(NEAR[app]))
    assert [event.name for event in mine.events] == [event.name for event in other.events]
    for one, two in zip(mine.events, other.events, strict=True):
        assert abs(one.t_ns - two.t_ns) <= 1_000_000_000


@pytest.mark.parametrize(("first", "car"), PAIRS, ids=lambda value: str(value).replace("/", "-"))
def test_results_are_those_of_the_car(first: str, car: str) -> None:
    """Distance and energy are the simulated car's own, and every manoeuvre is found once."""
    drive = ride(car, first)
    trip = results("trip", car, first)
    assert trip.value("distance") == pytest.approx(drive.state.distance_m / 1000, rel=1e-3)
    used, regenerated, standby = (trip.value(name) for name in ("used", "regenerated", "standby"))
    if used is not None and regenerated is not None and standby is not None:
        drawn = float(used) - float(regenerated) + float(standby)
        assert drawn == pytest.approx(drive.state.drawn_kwh, rel=0.005)
    events = results("driving-events", car, first)
    kinds = ("harsh_acceleration", "harsh_cornering", "overspeed", "overspeed_over", "harsh_braking")
    assert tuple(event.name for event in events.events) == kinds
    assert results("health", car, first).value("verdict") == "good"


def test_a_snapshot_shows_what_was_around() -> None:
    """A harsh braking comes with the speeds five seconds before and three seconds after it, several per second."""
    events = results("driving-events", "mitsubishi/imiev", "nissan/leaf_aze0").events
    braking = next(event for event in events if event.name == "harsh_braking")
    assert braking.data["level"] == "severe"
    snapshot = braking.data["snapshot"]
    assert isinstance(snapshot, dict)
    assert -5.0 <= snapshot["t"][0] <= -4.6
    assert max(snapshot["speed"]) == pytest.approx(88, abs=1)
    assert snapshot["speed"][-1] == 0
    hardest = -min(float(along) for along in snapshot["along"] if along is not None)
    assert hardest == pytest.approx(float(str(braking.data["peak"])), abs=0.6)
    assert {len(column) for column in snapshot.values()} == {len(snapshot["t"])}
    assert 25 <= len(snapshot["t"]) <= 65


@pytest.mark.parametrize("app", ["driving-events", "health"])
def test_the_same_drive_gives_the_same_each_time(app: str) -> None:
    """A run over the same samples does the very same, to the last digit."""
    one, again = (results.__wrapped__(app, "mitsubishi/imiev", "nissan/leaf_aze0") for _ in range(2))
    assert one.shown == again.shown
    assert one.events == again.events
