"""What the adaptive cruise decides, on a mass with a delay and a lag: speed, gap, cut-in, stop, loss of its sensor."""

from __future__ import annotations

import contextlib
import dataclasses
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from commonwheel.apps.library._following import LIMITS, Follower, Lead, Tuning, between, required
from commonwheel.apps.library._speed_plan import SpeedPlan
from commonwheel.errors import AppError
from tests.apps.library.road import GUARD, SPEED_TARGET, Plant, Road, Traffic
from tests.apps.running import S

PLANTS = [Plant(), Plant(delay_s=0.3, lag_s=0.5, gain=0.8), Plant(delay_s=0.1, lag_s=0.2, gain=1.2)]


def names(road: Road) -> list[str]:
    return [event.name for event in road.did.events]


@pytest.mark.parametrize("plant", PLANTS)
def test_it_reaches_and_keeps_a_speed_on_a_grade_too(plant: Plant) -> None:
    plant = dataclasses.replace(plant, slope_mps2=-0.4)
    road = Road(mps=25.0, settings={"speed": 100}, plant=plant).to(45)
    assert road.mps * 3.6 == pytest.approx(100.0, abs=0.5)
    assert max(road.trace.mps) * 3.6 < 101.5
    assert not road.did.failures


@pytest.mark.parametrize("plant", PLANTS)
def test_it_closes_up_gently_to_a_slower_one_and_follows_at_its_gap(plant: Plant) -> None:
    road = Road(mps=36.0, settings={"speed": 130}, plant=plant, traffic=Traffic(lambda _t: 22.2, gap_m=150)).to(60)
    assert road.mps == pytest.approx(22.2, abs=0.2)
    assert road.gap == pytest.approx(4.0 + 2.2 * 22.2, abs=1.0)
    assert road.trace.least_gap > 4.0 + 1.9 * 22.2
    assert min(road.trace.mps2) > -2.5
    assert names(road) == ["following"]


def test_one_that_cuts_in_at_the_same_speed_is_let_go_ahead_without_hard_braking() -> None:
    road = Road(mps=30.0, settings={"speed": 108}, traffic=Traffic(lambda _t: 30.0, 5.0, 20.0)).to(60)
    assert min(road.trace.mps2) > -1.0
    assert road.trace.least_gap > 19.0
    assert road.gap == pytest.approx(70.0, abs=1.0)


@pytest.mark.parametrize(("braking", "told"), [(3.0, False), (4.0, False), (6.0, True)])
def test_a_lead_that_brakes_hard_is_stopped_behind_or_the_driver_is_told_in_time(braking: float, told: bool) -> None:  # noqa: FBT001
    """At 100 km/h behind one that brakes by more than ISO 15622 lets it, the driver is told within a second."""
    road = Road(
        mps=27.8,
        settings={"speed": 120},
        traffic=Traffic(lambda t: max(0.0, 27.8 - braking * max(0.0, t - 20.0)), gap_m=55.0),
    ).to(45)
    alarms = [event.t_ns / S for event in road.did.events if event.name == "takeover_request"]
    assert bool(alarms) == told
    if told:
        assert alarms[0] < 21.0
    else:
        assert road.trace.least_gap > 2.0
    for mps, asked in zip(road.trace.mps, road.trace.asked, strict=True):
        assert -between(LIMITS.down, mps) - 0.05 <= asked <= between(LIMITS.up, mps)


def test_it_stops_behind_a_queue_holds_and_goes_on_with_it() -> None:
    def queue(t: float) -> float:
        return max(0.0, 10.0 - 2.0 * max(0.0, t - 10.0)) if t < 25.0 else min(12.0, 1.2 * (t - 25.0))

    road = Road(mps=10.0, settings={"speed": 60}, traffic=Traffic(queue, gap_m=22.0)).to(24)
    assert road.mps == 0.0
    assert road.asked < -0.5
    assert 2.0 < (road.gap or 0.0) < 8.0
    road.to(45)
    assert road.mps > 8.0
    assert [name for name in names(road) if name in {"stopped", "went"}] == ["stopped", "went"]


def test_after_a_long_stop_the_driver_says_when_to_go_on() -> None:
    road = Road(
        mps=0.0,
        settings={"speed": 60, "wait": 5},
        traffic=Traffic(lambda t: 0.0 if t < 15.0 else 8.0, gap_m=4.0),
        more=("Vehicle.ADAS.CruiseControl.IsActive",),
    ).to(25)
    assert names(road)[:2] == ["stopped", "waiting"]
    assert road.mps == 0.0
    road.run.feed((road.t, "Vehicle.ADAS.CruiseControl.IsActive", True))
    road.to(35)
    assert road.mps > 5.0


ACTIVE, SWITCH, SET = (f"Vehicle.ADAS.CruiseControl.{leaf}" for leaf in ("IsActive", "Switch", "SpeedSet"))


@pytest.mark.parametrize(("switch", "goes"), [("RESUME_ACCELERATE", True), ("DISTANCE", False), ("NONE", False)])
def test_after_a_long_stop_a_press_of_resume_is_the_drivers_word_too(switch: str, goes: bool) -> None:  # noqa: FBT001
    road = Road(
        mps=0.0,
        settings={"speed": 60, "wait": 5},
        traffic=Traffic(lambda t: 0.0 if t < 10.0 else 8.0, gap_m=4.0),
        more=(ACTIVE, SWITCH),
    )
    road.run.feed((0.0, ACTIVE, True), (0.0, SWITCH, "NONE"))
    road.to(15)
    assert (names(road)[:2], road.mps) == (["stopped", "waiting"], 0.0)
    road.run.feed((road.t, SWITCH, switch))
    road.to(22)
    assert (road.mps > 5.0) is goes


def test_what_the_driver_sets_while_it_drives_is_kept_from_then_on_and_nothing_else() -> None:
    road = Road(mps=20.0, more=(SET, SWITCH))
    road.run.feed((0.0, SET, 72.0), (0.0, SWITCH, "NONE"))
    road.to(5)
    road.run.feed((road.t, SET, 60.0))  # by nobody's hand
    road.to(10)
    assert road.mps * 3.6 == pytest.approx(72.0, abs=0.5)
    road.run.feed((road.t, SWITCH, "RESUME_ACCELERATE"))
    road.to(10.5)
    road.run.feed((road.t, SWITCH, "NONE"), (road.t, SET, 80.0))
    road.to(25)
    assert road.mps * 3.6 == pytest.approx(80.0, abs=0.5)
    stated = Road(mps=20.0, settings={"speed": 72}, more=(SET, SWITCH))
    stated.run.feed((0.0, SWITCH, "SET_DECELERATE"), (0.0, SET, 50.0))
    assert stated.to(8).mps * 3.6 == pytest.approx(72.0, abs=0.5)


@pytest.mark.parametrize(("state", "kmh"), [("OVERRIDING", 72.0), ("ARMED", 50.0)])
def test_a_driver_who_only_accelerates_has_the_speed_kept_that_was_set(state: str, kmh: float) -> None:
    """On a car that is driven by buttons, what is set is what was asked for last, and not the driver's."""
    road = Road(mps=20.0, more=(SET, SWITCH, GUARD))
    road.run.feed((0.0, SET, 72.0), (0.0, GUARD, "ENGAGED"))
    road.to(3)
    road.run.feed((road.t, SET, 50.0), (road.t, GUARD, state))
    road.to(5)
    road.run.feed((road.t, GUARD, "ENGAGED"))
    road.to(25)
    assert road.mps * 3.6 == pytest.approx(kmh, abs=0.5)


def test_one_who_is_about_as_fast_is_not_followed_and_left_in_turns() -> None:
    wobble = Traffic(lambda t: 25.0 + 0.4 * math.sin(3.0 * t), gap_m=59.0)
    road = Road(mps=25.0, settings={"speed": 90}, traffic=wobble).to(40)
    told = [event.t_ns / S for event in road.did.events if event.name in {"following", "alone"}]
    assert len(told) <= 3


def test_a_car_without_any_sensor_ahead_is_kept_at_its_speed_and_says_so() -> None:
    road = Road(mps=20.0, settings={"speed": 90}, sensor=False).to(30)
    assert road.mps * 3.6 == pytest.approx(90.0, abs=0.5)
    assert road.did.value("note") == "no sensor ahead: it keeps the speed only"
    assert not {"takeover_request", "following"} & set(names(road))


@pytest.mark.parametrize(("wait", "goes"), [(5, False), (60, True)])
def test_a_road_that_gets_free_lets_it_go_on_only_after_a_short_stop(wait: int, goes: bool) -> None:  # noqa: FBT001 - a case
    """A lead that turns off is no word of the driver's."""
    road = Road(
        mps=0.0,
        settings={"speed": 60, "wait": wait},
        traffic=Traffic(lambda _t: 0.0, gap_m=4.0, leaves_s=10.0),
        more=("Vehicle.ADAS.CruiseControl.IsActive",),
    ).to(20)
    assert road.gap is None
    assert (road.mps > 5.0) is goes
    assert ("went" in names(road)) is goes
    if not goes:
        road.run.feed((road.t, "Vehicle.ADAS.CruiseControl.IsActive", True))
        road.to(30)
        assert road.mps > 5.0


def test_without_its_sensor_it_slows_gently_tells_the_driver_and_lets_go() -> None:
    road = Road(mps=25.0, settings={"speed": 90}, traffic=Traffic(lambda _t: 22.0, gap_m=60.0)).to(20)
    road.blind = True
    road.to(22)
    assert "takeover_request" in names(road)
    assert -1.5 < road.asked < 0.0
    road.to(25)
    assert road.asked == 0.0
    assert road.did.withdrawn[-1][0] / S == pytest.approx(23.5, abs=0.6)


def test_without_a_speed_it_asks_for_nothing() -> None:
    road = Road(mps=25.0, settings={"speed": 90}).to(5)
    road.deaf = True
    road.to(6)
    assert road.did.withdrawn
    assert road.did.requested[-1][0] / S < 5.5
    assert "takeover_request" in names(road)


def test_a_car_that_takes_a_speed_only_is_asked_for_speeds() -> None:
    road = Road(mps=20.0, settings={"speed": 90}, asked=(SPEED_TARGET,)).to(50)
    assert {path for _t, path, _v in road.did.requested} == {SPEED_TARGET}
    assert road.mps * 3.6 == pytest.approx(90.0, abs=1.0)


def test_what_it_asks_for_does_not_jump_when_the_guard_lets_it_act() -> None:
    road = Road(mps=25.0, settings={"speed": 120}, plant=Plant(gain=0.0), more=(GUARD,))
    road.run.feed((0.0, GUARD, "ARMED"))
    road.to(5)
    before = road.asked
    assert abs(before) < 0.5
    road.run.feed((road.t, GUARD, "ENGAGED"))
    road.to(5.1)
    assert abs(road.asked - before) < 0.3  # of 1.4 m/s^2 that it comes to
    road.run.feed((road.t, GUARD, "FAULTED"))
    asked = len(road.did.requested)
    road.to(6)
    assert len(road.did.requested) <= asked + 1


def test_a_column_of_such_cars_damps_what_its_first_does() -> None:
    """String stability: each of five cars swings its speed by less than the one before it."""
    swings: list[float] = []
    first = [25.0 + 2.0 * math.sin(2 * math.pi * 0.05 * i * 0.05) for i in range(3600)]
    for _car in range(5):
        follower, mps, gap, mps2, speeds = Follower(Tuning(gap_s=1.2)), 25.0, 4.0 + 1.2 * 25.0, 0.0, list[float]()
        last = first[0]
        for lead in first:
            need = follower.need(mps, 40.0, Lead(gap, lead - mps, (lead - last) / 0.05))
            asked = follower.turn(mps, 40.0, need, 0.05)
            mps2 += (asked - mps2) * 0.05 / 0.3
            mps += mps2 * 0.05
            gap += (lead - mps) * 0.05
            last = lead
            speeds.append(mps)
        swings.append((max(speeds[1800:]) - min(speeds[1800:])) / 2)
        first = speeds
    assert all(later < 0.97 * before for before, later in zip([2.0, *swings], swings, strict=False))


@given(st.floats(0, 60), st.floats(0, 200), st.floats(-60, 30), st.floats(-10, 4), st.floats(0.0, 5.0))
@settings(max_examples=100)
def test_braking_as_is_required_keeps_the_margin(
    mps: float, gap_m: float, relative: float, lead_mps2: float, margin_m: float
) -> None:
    """Driven out exactly, the deceleration that is required ends no closer than the margin."""
    lead_mps = max(0.0, mps + relative)
    lead = Lead(gap_m, lead_mps - mps, lead_mps2)
    must = required(mps, lead, margin_m)
    assume(0.3 < must < 50.0)
    dt, v, gap, ahead = 0.005, mps, gap_m, lead_mps
    slows = min(0.0, lead_mps2) if lead_mps2 < -0.5 else 0.0
    while v > 0.0 and (v > ahead or slows < 0.0):
        gap += (ahead - v) * dt
        v, ahead = max(0.0, v - must * dt), max(0.0, ahead + slows * dt)
    assert gap > margin_m - 0.03 * max(1.0, mps)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "JSON"),
        ("[", "JSON"),
        ("7", "a list of 1 to"),
        ("[]", "a list of 1 to"),
        ("[[1, 2], [1, 3]]", r"point 2: its time, 1 s, is not after"),
        ("[[0, 2], [1]]", "point 2 is"),
        ('[[0, "x"]]', "point 1 is"),
        ("[[0, NaN]]", "point 1 is"),
        ("[[0, -1]]", "point 1 is"),
        ("[[0, true]]", "point 1 is"),
    ],
)
def test_a_plan_that_is_none_is_told(text: str, said: str) -> None:
    with pytest.raises(AppError, match=said):
        SpeedPlan.of(text)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_told(text: str) -> None:
    with contextlib.suppress(AppError):
        assert SpeedPlan.of(text).at(0.0)[0] >= 0.0


def test_a_plan_is_driven() -> None:
    plan = "[[0, 90], [10, 90], [30, 40], [40, 40], [60, 100], [70, 100]]"
    road = Road(mps=25.0, settings={"plan": plan}, plant=Plant(delay_s=0.2, lag_s=0.3, gain=0.9)).to(70)
    meant = [SpeedPlan.of(plan).at(t)[0] for t in road.trace.t]
    error = [(v - m) * 3.6 for v, m in zip(road.trace.mps, meant, strict=True)]
    assert math.sqrt(sum(e * e for e in error) / len(error)) < 1.0


@pytest.mark.parametrize("wrong", [{"gap": 0.5}, {"standstill": 1.0}])
def test_settings_that_are_not_safe_are_told(wrong: dict[str, object]) -> None:
    road = Road(settings=wrong)
    assert "or more" in str(road.did.failures[0])
