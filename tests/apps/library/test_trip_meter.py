"""The meter of a trip, and the eco score: when trips begin and end, and what they come to."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps.library._eco import Eco
from commonwheel.apps.library._trip import Meter

S = 1_000_000_000


def drive(meter: Meter, start_s: float, *speeds: float, per_second: int = 10) -> float:
    """Drive at these speeds, a second each; returns when it ended."""
    for second, kmh in enumerate(speeds):
        for i in range(per_second):
            t_ns = round((start_s + second + i / per_second) * S)
            meter.speed(t_ns, kmh)
            meter.tick(t_ns)
    return start_s + len(speeds)


def test_a_trip_lasts_from_leaving_park_to_park() -> None:
    """Two seconds in park are needed; it ends when it came into park."""
    meter = Meter()
    meter.gear(0, in_park=True)
    end = drive(meter, 0, 0, 0)
    assert meter.trip is None
    meter.gear(2 * S, in_park=False)
    end = drive(meter, end, 0, 36, 36, 36, 0)
    meter.gear(round(end * S), in_park=True)
    drive(meter, end, 0, 0, 0, 0)
    (trip,) = meter.ended
    assert (trip.began_ns, trip.until_ns) == (2 * S, 7 * S)
    assert trip.distance_m == pytest.approx(30.0, abs=0.6)


def test_a_visit_to_park_while_manoeuvring_ends_nothing() -> None:
    """D, R, P, R within a second is one trip."""
    meter = Meter()
    meter.gear(0, in_park=False)
    end = drive(meter, 0, 10, 0)
    meter.gear(round(end * S), in_park=True)
    end = drive(meter, end, 0)
    meter.gear(round(end * S), in_park=False)
    drive(meter, end, 10, 10, 0, 0, 0, 0)
    assert meter.trip is not None
    assert not meter.ended


def test_without_a_gear_standing_long_ends_a_trip_where_it_stopped() -> None:
    """Red lights are shorter than the pause; then the time after the last movement does not count."""
    meter = Meter(pause_s=30.0)
    end = drive(meter, 0, *[50] * 10, *[0] * 20, *[50] * 10, *[0] * 32)
    (trip,) = meter.ended
    assert trip.until_ns == 40 * S
    assert trip.moving_s == pytest.approx(20, abs=0.3)
    drive(meter, end, 30, 30)
    assert meter.trip is not None
    assert meter.trip.began_ns == round(end * S)


def test_switching_off_ends_a_trip_and_rolling_on_does_not_begin_one() -> None:
    """Off ends it at once; a car that is pushed while off makes no trip."""
    meter = Meter()
    end = drive(meter, 0, 20, 20, 0)
    meter.switched(round(end * S), off=True)
    assert len(meter.ended) == 1
    drive(meter, end, 3, 3, 3)
    assert meter.trip is None


def test_a_speed_that_does_not_come_back_is_missed_to_the_end() -> None:
    """The trip ends in park all the same, and says for how long it had no speed."""
    meter = Meter()
    meter.gear(0, in_park=False)
    drive(meter, 0, 36, 36, 36)
    meter.speed_lost()
    meter.gear(9 * S, in_park=True)
    for t in (9, 11, 12):
        meter.tick(t * S)
    (trip,) = meter.ended
    assert trip.until_ns == 9 * S
    assert trip.missed_s == pytest.approx(6.1)


def test_the_odometer_adds_what_was_driven_without_a_speed() -> None:
    """From one of its steps to another, and only where time was missed."""
    meter = Meter()
    meter.odometer(1_000_000)
    end = drive(meter, 0, *[100] * 20)
    meter.odometer(1_001_000)  # a step: exact from here on
    end = drive(meter, end, *[100] * 5)
    end = drive(meter, end + 60, *[100] * 10)
    meter.odometer(1_003_000)
    assert meter.trip is not None
    assert meter.trip.missed_s == pytest.approx(60.1)
    assert meter.trip.distance_m == pytest.approx(20 * 100 / 3.6 + 2000, abs=3)
    assert meter.trip.added_m == pytest.approx(2000 - 15 * 100 / 3.6, abs=5)


def test_energy_is_split_into_what_was_used_and_what_came_back() -> None:
    """In a trip; outside, while charging, it is nobody's."""
    meter = Meter()
    meter.power(0, -1000.0, charging=False)
    meter.power(S, -1000.0, charging=False)
    assert meter.standby_ws == 1000
    meter.speed(S, 20.0)
    meter.power(2 * S, -1000.0, charging=False)
    meter.power(3 * S, 1000.0, charging=False)
    assert meter.trip is not None
    assert (meter.trip.used_ws, meter.trip.regained_ws) == (1250, 250)
    meter.finish()
    meter.power(4 * S, 1000.0, charging=True)
    assert meter.standby_ws == 1000


def test_fuel_is_counted_through_a_reset_of_its_counter() -> None:
    """A counter that falls began anew."""
    meter = Meter()
    for litres in (5.0, 5.1):
        meter.fuel_counter(litres)
    meter.speed(0, 50.0)
    for litres in (5.3, 0.1, 0.2):
        meter.fuel_counter(litres)
    assert meter.trip is not None
    assert meter.trip.fuel_l == pytest.approx(0.2 + 0.1 + 0.1)


@given(st.lists(st.floats(0, 70), min_size=20, max_size=60), st.sampled_from([1, 2, 5, 10]))
def test_the_eco_score_is_from_0_to_100_and_hardly_depends_on_the_rate(speeds: list[float], rate: int) -> None:
    """Speeds on straight lines give the same score however often they are read."""
    one, other = Eco(), Eco()
    for eco, per_second in ((one, 1), (other, rate)):
        for second, (before, after) in enumerate(itertools.pairwise(speeds)):
            for i in range(per_second):
                eco.add(second * S + i * S // per_second, before + (after - before) * i / per_second)
    first, second_score = one.score, other.score
    if first is None or second_score is None:
        assert one.distance_m < 200
        return
    for value in (first.total, first.smoothness, first.anticipation, first.pace, first.idling):
        assert 0 <= value <= 100
    assert second_score.total == pytest.approx(first.total, abs=0.01) or len(speeds) < 30


def test_driving_evenly_scores_full_and_hastily_nothing() -> None:
    """60 km/h without a change is as good as it gets; full throttle and full brakes at 140 is the other end."""
    even, hasty = Eco(), Eco()
    for t in range(300):
        even.add(t * S, 60 / 3.6)
        hasty.add(t * S, (40, 36, 32, 36)[t % 4] + 4.0 * (t % 2))
    assert even.score is not None
    assert even.score.total == 100
    assert hasty.score is not None
    assert hasty.score.total < 20
