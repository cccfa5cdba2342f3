"""What lane centring decides, on a car that turns with a delay, a lag, a gain and a bias."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from commonwheel.apps.library._asking import Geometry
from tests.apps.library.lane_road import ANGLE, CURVATURE, LANE, LaneRoad, Turning
from tests.apps.running import S

if TYPE_CHECKING:
    from collections.abc import Callable


def bend(kmh: float, across: float = 1.8) -> Callable[[float], float]:
    """Return a road that is straight for 3.6 s, and then turns in 3 s into a bend that takes so much across."""
    mps = kmh / 3.6
    return lambda s: across / mps**2 * min(1.0, max(0.0, s - kmh) / (3.0 * mps))


def alarms(road: LaneRoad) -> list[str]:
    return [str(event.data["text"]) for event in road.run.did.events if event.name == "takeover_request"]


@pytest.mark.parametrize("kmh", [30, 120])
@pytest.mark.parametrize(
    "turning",
    [Turning(), Turning(0.25, 0.4, 0.8, 0.0), Turning(0.1, 0.2, 1.2, 0.0), Turning(0.3, 0.4)],
    ids=["as stated", "slow and weak", "quick and strong", "slow"],
)
def test_it_stays_in_the_middle_through_a_bend_on_every_kind_of_steering(kmh: float, turning: Turning) -> None:
    road = LaneRoad(kmh, bend(kmh), turning=turning).to(20)
    assert road.track.rms() < 0.25
    assert max(map(abs, road.track.offset)) < 0.6
    assert abs(road.track.offset[-1]) < 0.1
    across = road.track.across
    assert max(map(abs, across)) < 2.5
    assert max(abs(b - a) / 0.01 for a, b in pairwise(across)) < 5.0  # ISO 11270, m/s^3
    assert not alarms(road)
    assert not road.run.did.failures


def test_what_pushes_the_car_aside_is_made_up_for() -> None:
    road = LaneRoad(90, turning=Turning(bias=0.4 / 25**2)).to(25)
    assert max(map(abs, road.track.offset)) < 0.6
    assert abs(road.track.offset[-1]) < 0.05


def test_it_begins_without_a_jerk_wherever_in_the_lane_the_car_is() -> None:
    road = LaneRoad(80, offset_m=0.7).to(16)
    across = road.track.across
    assert max(map(abs, across)) < 0.6
    assert max(abs(b - a) / 0.01 for a, b in pairwise(across)) < 1.5
    assert abs(road.track.offset[-1]) < 0.1


def test_a_car_that_takes_an_angle_is_asked_for_angles_and_its_ratio_is_found_out() -> None:
    road = LaneRoad(70, bend(70), asked=(ANGLE,)).to(25)
    assert {path for _t, path, _v in road.run.did.requested} == {ANGLE}
    assert road.track.rms() < 0.2
    assert {path for _t, path, _v in LaneRoad(70, asked=(ANGLE, CURVATURE)).to(1).run.did.requested} == {CURVATURE}


def test_geometry_goes_both_ways() -> None:
    geometry = Geometry(2.7, 15.0, 0.003)
    for mps in (0.0, 10.0, 35.0):
        assert geometry.curvature(geometry.angle_deg(0.002, mps), mps) == pytest.approx(0.002)


def test_a_lane_that_is_lost_is_given_up_with_an_alarm() -> None:
    road = LaneRoad(80, bend(80, 1.0)).to(8)
    road.blind = True
    road.to(9)
    assert alarms(road) == ["the lane is lost"]
    assert road.asked is None
    released = road.run.did.withdrawn[-1][0] / S
    assert 8.4 < released < 8.9


def test_a_lane_that_is_not_sure_counts_as_lost_and_it_waits_before_it_steers_again() -> None:
    road = LaneRoad(80).to(3)
    road.blind = True
    for step in range(60):
        road.run.feed((road.t, f"{LANE}.IsDetected", False))
        road.to(3 + step / 60)
    assert alarms(road) == ["the lane is lost"]
    gone = road.run.did.withdrawn[0][0]
    road.blind = False
    road.to(8)
    later = [t for t, _p, _v in road.run.did.requested if t > gone]
    assert later[0] - gone >= 2 * S


def test_a_bend_that_takes_too_much_is_told_before_it_comes_and_then_given_up() -> None:
    road = LaneRoad(100, bend(100, 3.4)).to(10)
    told = alarms(road)
    assert "is coming" in told[0]
    assert told[1] == "the bend takes more than this may steer"
    first, last = (event.t_ns / S for event in road.run.did.events if event.name == "takeover_request")
    assert last - first > 0.8
    assert max(map(abs, road.track.across)) < 2.6
    assert road.asked is None


def test_it_begins_within_its_range_of_speeds_only() -> None:
    slow = LaneRoad(9).to(1)
    assert not slow.run.did.requested
    assert "from 11 km/h" in str(slow.run.did.value("note"))
    slow.mps = 12 / 3.6
    slow.to(2)
    assert slow.asked is not None
    assert not LaneRoad(150).to(1).run.did.requested


def test_in_a_queue_the_wheel_stays_where_it_is_and_is_steered_again_after() -> None:
    road = LaneRoad(30, lambda _s: 0.004, settings={"wait": 5.0}).to(6)
    before = road.asked
    assert before == pytest.approx(0.004, abs=0.001)
    road.mps = 0.0
    road.to(9)
    assert road.run.did.value("state") == "holding"
    assert road.asked == pytest.approx(before, abs=3e-4)
    road.mps = 30 / 3.6
    road.to(13)
    assert road.run.did.value("state") == "steering"
    assert not alarms(road)
    assert road.track.rms(9.5) < 0.1
    road.mps = 1.0
    road.to(19)
    assert alarms(road) == ["the car has been too slow for long"]
    assert road.asked is None


def test_a_car_beside_the_lane_is_not_steered_back_into_it() -> None:
    assert not LaneRoad(80, offset_m=1.9).to(1).run.did.requested
    assert LaneRoad(80, offset_m=math.copysign(1.2, -1)).to(1).run.did.requested
