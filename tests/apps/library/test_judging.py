"""Consumption and its doubt, lateral acceleration from whatever there is, ratios, and the quality of signals."""

from __future__ import annotations

import math
import random

import pytest

from commonwheel.apps import Quality, Reading
from commonwheel.apps.library._consumption import Consumption, Track
from commonwheel.apps.library._motion import Axle, Chassis, Lateral, Rolling, Source
from commonwheel.apps.library._qualities import Qualities
from commonwheel.apps.library._sense import Ratio, Tremble, cells_conflict, shown_conflict

S = 1_000_000_000


def test_a_steady_consumption_is_learnt_and_its_doubt_shrinks() -> None:
    """After 60 km at 15 kWh/100 km a wrong beginning is forgotten, and little but the road ahead is in doubt."""
    learner = Consumption(0.30)
    doubts: list[float] = []
    for _ in range(600):
        learner.add(0.1, 0.015)
        doubts.append(learner.estimate(kwh_left=20).doubt)
    estimate = learner.estimate(kwh_left=20)
    assert estimate.kwh_per_km == pytest.approx(0.15, abs=0.012)
    assert estimate.doubt < 0.3 < doubts[0]
    expected, low, high = estimate.km(15.0)
    assert low < expected < high
    assert expected == pytest.approx(15 / estimate.kwh_per_km)


def test_the_interval_holds_what_it_promises() -> None:
    """On drives whose kilometres differ as roads do, eight of ten predictions are within what was given."""
    chance = random.Random(4)
    compared = within = 0
    for _ in range(40):
        usual = chance.uniform(0.12, 0.2)
        learner, track, km, kwh = Consumption(0.16), Track(), 0.0, 0.0
        for _stretch in range(8):
            road = usual * chance.uniform(0.7, 1.3)
            for _km in range(chance.randint(4, 12)):
                use = road * chance.uniform(0.8, 1.2)
                learner.add(1.0, use)
                km, kwh = km + 1, kwh + use
                track.update(km, kwh, learner.estimate(track.ahead_km))
        compared += len(track.errors)
        within += track.within
        assert track.mean_error is not None
        assert track.mean_error < 0.35
    assert 0.75 <= within / compared <= 0.99


def test_an_error_is_how_much_too_far_the_range_was() -> None:
    """Twice the consumption that was expected is half the range: 100 % too far."""
    learner, track = Consumption(0.10), Track(ahead_km=2.0)
    for km in range(10):
        track.update(float(km), km * 0.20, learner.estimate(2.0))
    assert track.mean_error == pytest.approx(1.0)
    assert track.bias == pytest.approx(1.0)
    assert (len(track.errors), track.within) == (8, 0)


def test_downhill_all_the_way_is_no_comparison() -> None:
    """Where nothing was used there is no range to compare, and an estimate stays above nothing."""
    learner, track = Consumption(0.15), Track(ahead_km=2.0)
    for km in range(10):
        learner.add(1.0, -0.05)
        track.update(float(km), -0.05 * km, learner.estimate(2.0))
    assert track.errors == []
    assert learner.estimate(kwh_left=10).kwh_per_km > 0


SPEED = 15.0
RADIUS = 40.0
TRUE = SPEED**2 / RADIUS
CHASSIS = Chassis(1.5, 2.65, 16.0)


def settled(
    lateral: Lateral,
    *,
    speed: float = SPEED,
    yaw: float | None = None,
    axles: dict[int, Axle] | None = None,
    steering: float | None = None,
) -> float | None:
    return [lateral.update(i * S // 20, speed, yaw, axles or {}, steering) for i in range(12)][-1]


def bend(mean: float, *, unit: float = 1.0, tyre: float = 1.0) -> Axle:
    """Return an axle's wheels in a bend to the left."""
    half = mean * 0.75 / RADIUS
    return Axle((mean - half) * unit * tyre, (mean + half) * unit)


def test_every_source_tells_the_same_bend() -> None:
    """Yaw rate, wheel speeds in whatever unit, and the steering angle, each alone."""
    by_yaw = settled(Lateral(CHASSIS), yaw=math.degrees(SPEED / RADIUS))
    by_wheels = settled(Lateral(CHASSIS), axles={1: bend(SPEED, unit=3.6), 2: bend(SPEED, unit=3.6)})
    by_turns = settled(Lateral(CHASSIS), axles={2: bend(SPEED, unit=190.0)})
    steer = math.degrees(2.65 / RADIUS * 16.0 * (1 + (SPEED / 25.0) ** 2))
    by_steering = settled(Lateral(CHASSIS), steering=steer)
    for found in (by_yaw, by_wheels, by_turns, by_steering):
        assert found == pytest.approx(TRUE, rel=0.02)


def test_unequal_tyres_are_no_bend() -> None:
    """With the steering wheel straight the difference is learned; without one a lone axle is not believed at speed."""
    lateral = Lateral(CHASSIS)
    straight = {1: Axle(30.0 * 0.98, 30.0)}
    for i in range(400):
        lateral.update(i * S // 20, 30.0, None, straight, 0.5)
    assert lateral.update(500 * S // 20, 30.0, None, straight, 0.5) == pytest.approx(0.0, abs=0.01)
    assert settled(Lateral(CHASSIS), speed=30.0, axles=straight) is None


def test_axles_that_contradict_each_other_say_nothing() -> None:
    """A wheel that spins, or a car on rollers, is no bend."""
    lateral = Lateral(CHASSIS)
    assert settled(lateral, axles={1: Axle(20.0, 15.0), 2: Axle(15.0, 15.0)}) is None
    assert settled(lateral, axles={1: Axle(15.0, 15.0), 2: Axle(0.0, 0.0)}) is None
    assert lateral.source is Source.NOTHING
    assert settled(lateral, speed=1.0, axles={1: Axle(0.5, 1.5)}) == 0.0


def test_locked_wheels_have_turned_before_and_rollers_have_not() -> None:
    """An axle that stands while braking raises no suspicion; one that never turned does."""
    braking, rollers = Rolling(), Rolling()
    assert braking.update(0, 60.0, {1: Axle(60, 60), 2: Axle(60, 60)})
    assert braking.update(S, 40.0, {1: Axle(45, 45), 2: Axle(0, 0)})
    assert not rollers.update(0, 20.0, {1: Axle(20, 20), 2: Axle(0, 0)})
    assert not rollers.update(S, 2.0, {1: Axle(2, 2), 2: Axle(0, 0)})
    rollers.update(2 * S, 0.0, {1: Axle(0, 0), 2: Axle(0, 0)})
    assert rollers.update(4 * S, 0.0, {1: Axle(0, 0), 2: Axle(0, 0)}) is False
    rollers.update(5 * S, 3.0, {1: Axle(3, 3), 2: Axle(3, 3)})
    assert rollers.update(6 * S, 9.0, {1: Axle(9, 9), 2: Axle(9, 9)})


def test_a_ratio_is_learned_then_held() -> None:
    """A sensor that drifts after it was learned contradicts; a gearbox is never learned."""
    motor, engine = Ratio("motor", "rpm"), Ratio("engine", "rpm")
    for i in range(60):
        assert not motor.update(20.0 + i, -(20.0 + i) * 70).holds
        assert not engine.update(50.0, 1500.0 + 900.0 * (i % 4)).holds
    assert motor.factor == pytest.approx(70.0)
    assert engine.factor is None
    assert motor.update(60.0, 50.0 * 70).holds is True
    assert motor.update(52.0, 50.0 * 70).holds is False
    assert motor.update(0.0, 40.0).holds is False
    assert motor.update(None, 40.0).holds is None


def test_only_what_trembles_trembles() -> None:
    """Acceleration and steps of whole km/h are no trembling; noise is, and a hole is none."""
    chance = random.Random(1)
    smooth, noisy = Tremble(2.5), Tremble(2.5)
    for i in range(60):
        smooth.add(i * S // 10, round(i * 1.4) + (500.0 if i == 30 else 0.0))
        noisy.add(i * S // 10, 50 + chance.gauss(0, 4))
    assert smooth.conflict.holds is False
    assert noisy.conflict.holds is True
    assert Tremble(2.5).conflict.holds is None


@pytest.mark.parametrize(
    ("kmh", "shown", "wrong"), [(100, 100, False), (100, 113, False), (100, 90, True), (100, 125, True), (0, 4, False)]
)
def test_a_speedometer_may_show_more_but_not_less(kmh: float, shown: float, wrong: bool) -> None:  # noqa: FBT001
    """UN Regulation 39: not below the speed, and not more than a tenth and 4 km/h above it."""
    assert shown_conflict(kmh, shown).holds is wrong
    assert shown_conflict(None, shown).holds is None


def test_a_battery_is_the_sum_of_its_cells() -> None:
    """96 cells of 3.9 V are 374 V; 355 V are not."""
    assert cells_conflict(374.4, 3.89, 3.91, 96).holds is False
    assert cells_conflict(355.0, 3.89, 3.91, 96).holds is True
    assert cells_conflict(374.4, None, 3.91, 96).holds is None


def reading(t: float, quality: Quality, path: str = "Vehicle.Speed", value: float | None = 1.0) -> Reading:
    return Reading(value, quality, round(t * S), path, "km/h")


def test_signals_are_lost_only_after_they_were_heard_well() -> None:
    """A signal that was good for a moment was never there; stale after that is lost."""
    qualities = Qualities()
    for t, quality in ((0, Quality.GOOD), (1, Quality.STALE)):
        qualities.take(reading(t, quality, "Vehicle.A"))
    for t, quality in ((0, Quality.GOOD), (5, Quality.STALE)):
        qualities.take(reading(t, quality, "Vehicle.B"))
    assert qualities.lost() == ["Vehicle.B"]
    assert qualities.signals["Vehicle.B"].bad_share(10 * S) == pytest.approx(0.5)
    assert qualities.heard_ns == 0


def test_one_corrupt_frame_is_no_finding_and_several_are() -> None:
    """Three times in ten seconds, or a second without a break."""
    qualities = Qualities()
    for t in (1.0, 2.0):
        qualities.take(reading(t, Quality.CORRUPT))
        qualities.take(reading(t + 0.1, Quality.GOOD))
        assert qualities.corrupt(round((t + 0.2) * S)) == []
    qualities.take(reading(3.0, Quality.CORRUPT))
    assert qualities.corrupt(round(3.1 * S)) == ["Vehicle.Speed"]
    assert qualities.corrupt_times == 3
    other = Qualities()
    other.take(reading(0.0, Quality.CORRUPT))
    assert other.corrupt(round(0.9 * S)) == []
    assert other.corrupt(round(1.1 * S)) == ["Vehicle.Speed"]
