"""What a scenario file says of traffic and of the driver's deeds, and every way in which that can be wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonwheel.errors import DescriptionError
from commonwheel.twin.inputs import CruiseSwitch
from commonwheel.twin.lane import Course
from commonwheel.twin.scenario import Deed, Scenario
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.surroundings import Lane, Sensor, Surroundings, Variation

HEAD = "format: 1\nscenario: own\nstart: {speed: 54 km/h}\ndrive: [{hold: 5 s}, {accelerator: 0 %, for: 25 s}]\n"


@pytest.fixture
def load(tmp_path: Path):  # noqa: ANN201 - a function
    def loaded(text: str) -> Scenario:
        path = tmp_path / "own.yaml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path)

    return loaded


def test_nothing_said_is_a_car_alone(load) -> None:  # noqa: ANN001
    scenario = load(HEAD)
    assert scenario.surroundings == Surroundings()
    assert not scenario.surroundings.matters
    assert scenario.hands
    assert not scenario.lets_go
    assert scenario.start.speed_mps == pytest.approx(15.0)
    assert scenario.plan.compile().speed(3.0) == pytest.approx(15.0)


def test_bends_of_a_lane_are_arcs_between_clothoids(load) -> None:  # noqa: ANN001
    lane = load(
        HEAD + "lane:\n  width: 3.2 m\n  offset: -0.4 m\n  heading: 2 deg\n  bends:\n"
        "    - {after: 100 m, over: 200 m, turn: right, radius: 250 m, clothoid: 40 m}\n"
    ).surroundings.lane
    assert (lane.width_m, lane.offset_m) == (3.2, -0.4)
    assert lane.heading_rad == pytest.approx(math.radians(2))
    course = Course(lane)
    for along, curvature in (
        (0, 0),
        (100, 0),
        (120, -0.002),
        (140, -0.004),
        (200, -0.004),
        (280, -0.002),
        (300, 0),
        (900, 0),
    ):
        assert course.curvature(along) == pytest.approx(curvature, abs=1e-12)
    assert course.direction(900.0) == pytest.approx(-160 / 250)


def test_bends_that_lie_over_each_other_add_up(load) -> None:  # noqa: ANN001
    bend = "{after: %d m, over: 100 m, turn: left, radius: 200 m, clothoid: 20 m}"
    course = Course(load(HEAD + f"lane: {{bends: [{bend % 0}, {bend % 50}]}}\n").surroundings.lane)
    assert course.curvature(40.0) == pytest.approx(0.005)
    assert course.curvature(75.0) == pytest.approx(0.01)
    assert course.curvature(120.0) == pytest.approx(0.005)
    assert course.direction(400.0) == pytest.approx(2 * 80 / 200)


def test_vehicles_ahead_go_on_from_the_speed_that_they_came_with(load) -> None:  # noqa: ANN001
    one, other = load(
        HEAD + "lead:\n  - {gap: 40 m, speed: 54 km/h, drive: [{hold: 3 s}, {to: 0 km/h, in: 5 s}], until: 20 s}\n"
        "  - {at: 10 s, gap: 15 m, speed: 36 km/h}\n"
    ).surroundings.leads
    assert (one.at_s, one.gap_m, one.speed_mps, one.until_s) == (0.0, 40.0, pytest.approx(15.0), 20.0)
    assert one.plan is not None
    profile = one.plan.compile()
    assert [profile.speed(t) for t in (0.0, 3.0, 5.5, 8.0, 99.0)] == pytest.approx(
        [15.0, 15.0, 7.5, 0.0, 0.0], abs=0.01
    )
    assert (other.at_s, other.plan, other.until_s) == (10.0, None, math.inf)


def test_limits_sensors_friction_and_what_the_car_does_otherwise(load) -> None:  # noqa: ANN001
    scenario = load(
        HEAD + "limit: [[0 m, 50 km/h], [1 km, 72 km/h]]\nroad: {friction: [[0 m, 0.9], [300 m, 0.4]]}\n"
        "sensor: {latency: 80 ms, range: 120 m, gap-noise: 20 cm, heading-noise: 0.1 deg, dropout: 2 %}\n"
        "actuation: {delay: 150 ms, gain: 80 %}\ndriver: {hands: off}\n"
    )
    around = scenario.surroundings
    assert around.limits == ((0.0, pytest.approx(50 / 3.6)), (1000.0, pytest.approx(20.0)))
    assert around.friction == ((0.0, 0.9), (300.0, 0.4))
    assert around.sensor == Sensor(0.08, 120.0, gap_noise_m=0.2, heading_noise_rad=math.radians(0.1), dropout=0.02)
    assert around.variation == Variation(0.15, 0.8)
    assert not scenario.hands
    assert scenario.lets_go
    assert load(HEAD + "limit: 90 km/h\n").surroundings.limits == ((0.0, 25.0),)
    assert load(HEAD + "lane: {}\n").surroundings.lane == Lane()


def test_what_a_driver_does_by_hand_and_foot(load) -> None:  # noqa: ANN001
    scenario = load(
        HEAD + "events:\n  - {at: 1 s, cruise: main}\n  - {at: 2 s, cruise: {press: resume, for: 2 s}}\n"
        "  - {at: 3 s, hands: off}\n  - {at: 8 s, driver: {brake: 30 %, for: 1 s}, hands: on}\n"
        "  - {at: 9 s, driver: {accelerator: 0.4, for: 2 s}}\n  - {at: 12 s, steer: {torque: -3 Nm, for: 1.5 s}}\n"
    )
    actions = [event.action for event in scenario.events]
    assert [deed for action in actions for deed in action.deeds] == [
        Deed(0.2, switch=CruiseSwitch.MAIN),
        Deed(2.0, switch=CruiseSwitch.RESUME),
        Deed(1.0, brake=0.3),
        Deed(2.0, accelerator=0.4),
        Deed(1.5, torque_nm=-3.0),
    ]
    assert [action.hands for action in actions] == [None, None, False, True, None, None]
    assert scenario.lets_go


WRONG = [
    ("lane: 3\n", "'lane'"),
    ("lane: {width: 3}\n", "needs its unit"),
    ("lane: {bends: 5 m}\n", "'bends' is a list"),
    ("lane: {bends: [{after: 5 m, over: 10 m, turn: left}]}\n", "a bend of the lane has"),
    ("lane: {bends: [{after: 5 m, over: 10 m, turn: up, radius: 50 m}]}\n", "'turn' is left or right"),
    ("lane: {bends: [{after: 5 m, over: 10 m, turn: left, radius: 50 m, clothoid: 6 m}]}\n", "at most 5 m long"),
    ("lane: {bends: [{after: 5 m, over: 10 m, turn: left, radius: 1 m}]}\n", "'radius' is from 8"),
    ("lead: {gap: 5 m}\n", "has a 'gap' and a 'speed'"),
    ("lead: {gap: 5 m, speed: 5 m/s, at: 20 s, until: 10 s}\n", "not after 'at'"),
    ("lead: {gap: 5 m, speed: 5 m/s, drive: [{brake: 10 %, for: 1 s}]}\n", "pedals are the car's own"),
    ("lead: {gap: 5 m, speed: 5 m/s, drive: [{to: -5 km/h, in: 3 s}]}\n", "does not drive backwards"),
    ("lead: {gap: 5 m, speed: 5 m/s, colour: red}\n", "'colour' is not known in a vehicle ahead"),
    ("lead: [" + "{gap: 5 m, speed: 5 m/s}, " * 101 + "]\n", "at most 100 vehicles"),
    ("limit: [[0 m]]\n", "a list of places and speeds"),
    ("limit: [[10 m, 50 km/h], [5 m, 60 km/h]]\n", "the places of 'limit' rise"),
    ("road: {friction: [[0 m, 5]]}\n", "a friction is from 0.05"),
    ("sensor: {blur: 3}\n", "'blur' is not known in 'sensor'"),
    ("sensor: {dropout: 120 %}\n", "'dropout' is from 0"),
    ("actuation: {gain: 5}\n", "'gain' is from 0"),
    ("driver: {hands: maybe}\n", "'hands' are on or off"),
    ("start: {speed: 54}\n", "needs its unit"),
    ("events: [{at: 1 s, hands: 3}]\n", "'hands' are on or off"),
    ("events: [{at: 1 s, cruise: st}]\n", "did you mean 'set'"),
    ("events: [{at: 1 s, cruise: {for: 1 s}}]\n", "names the switch"),
    ("events: [{at: 1 s, driver: {brake: 30 %}}]\n", "presses one pedal for a while"),
    ("events: [{at: 1 s, driver: {brake: 30 %, accelerator: 10 %, for: 1 s}}]\n", "presses one pedal for a while"),
    ("events: [{at: 1 s, steer: {torque: 3 Nm}}]\n", "with a torque for a while"),
    ("events: [{at: 1 s, steer: {torque: 300 Nm, for: 1 s}}]\n", "'torque' is from -30"),
    ("events: [{at: 1 s, steer: 3}]\n", "'steer'"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_told_with_its_line(load, text: str, said: str) -> None:  # noqa: ANN001
    head = HEAD.replace("start: {speed: 54 km/h}\n", "") if text.startswith("start") else HEAD
    with pytest.raises(DescriptionError) as caught:
        load(head + text)
    assert any(said in fault.message for fault in caught.value.faults), [str(one) for one in caught.value.faults]
    assert all(fault.line >= 1 for fault in caught.value.faults)


_VALUES = st.sampled_from(
    ("3", "-1 s", "5 m", "nan", "[]", "{}", "[1, 2]", "on", "1e9 km", "null", "50 km/h", "0.5", "x: 1")
)
_LINES = (
    "lane: {{width: {0}, offset: {1}, heading: {2}}}",
    "lane: {{bends: [{{after: {0}, over: {1}, turn: left, radius: {2}}}]}}",
    "lane: {0}",
    "lead: {{gap: {0}, speed: {1}, at: {2}}}",
    "lead: [{{gap: 5 m, speed: 5 m/s, until: {0}, drive: {1}}}, {2}]",
    "limit: [[{0}, {1}], {2}]",
    "sensor: {{latency: {0}, range: {1}, dropout: {2}}}",
    "actuation: {{delay: {0}, gain: {1}, {2}}}",
    "events: [{{at: {0}, cruise: {1}, steer: {2}}}]",
    "events: [{{at: 1 s, driver: {{brake: {0}, for: {1}}}, hands: {2}}}]",
    "road: {{friction: [[{0}, {1}]], grade: {2}}}",
)


@given(line=st.sampled_from(_LINES), values=st.tuples(_VALUES, _VALUES, _VALUES))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_is_read_or_told(load, line: str, values: tuple[str, str, str]) -> None:  # noqa: ANN001
    try:
        scenario = load(HEAD + line.format(*values) + "\n")
    except DescriptionError as error:
        assert error.faults  # noqa: PT017 - one of the two
    else:
        assert scenario.length_s == 30.0
