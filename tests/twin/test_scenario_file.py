"""Scenario files: what they say, and every way in which they can be wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonwheel.errors import DescriptionError
from commonwheel.twin.cycles import Schedule, read_schedule
from commonwheel.twin.injection import FaultKind
from commonwheel.twin.inputs import Gear, Ignition
from commonwheel.twin.plan import Leg
from commonwheel.twin.scenario import Course, Measure, Scenario
from commonwheel.twin.scenario_file import load_scenario, scenario_names

HEAD = "format: 1\nscenario: own\n"
DRIVE = "drive: [{to: 50 km/h, in: 10 s}, {hold: 5 s}]\n"


@pytest.fixture
def load(tmp_path: Path):  # noqa: ANN201 - a function
    def loaded(text: str) -> Scenario:
        path = tmp_path / "own.yaml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path)

    return loaded


@pytest.mark.parametrize("name", scenario_names())
def test_every_shipped_scenario_is_sound(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.about.endswith(".")
    assert scenario.length_s >= scenario.plan.length_s > 0


def test_the_steps_of_a_drive_follow_each_other(load) -> None:  # noqa: ANN001
    scenario = load(
        HEAD + "drive:\n  - wait: 2 s\n  - {to: 36 km/h, in: 5 s}\n  - {hold: 3 s}\n"
        "  - repeat: 2\n    drive: [{to: 0 km/h, in: 4 s}, {to: 36 km/h, in: 4 s}]\n"
        "  - plan: [[2 s, 18 km/h], [4 s, 0 km/h]]\n"
    )
    profile = scenario.plan.compile()
    assert scenario.length_s == pytest.approx(2 + 5 + 3 + 16 + 4)
    assert profile.speed(1.0) == 0.0
    assert profile.speed(4.5) == pytest.approx(5.0)
    assert profile.speed(9.0) == pytest.approx(10.0)
    assert profile.speed(14.0) == pytest.approx(0.0, abs=1e-9)
    assert profile.speed(28.0) == pytest.approx(5.0)
    assert profile.speed(1e6) == 0.0


def test_a_schedule_is_read_once_however_often_it_is_driven(
    load,  # noqa: ANN001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mine.csv").write_text("time,mps\n0,0\n1,10\n2,0\n")
    read: list[Path] = []

    def reading(path: Path) -> Schedule:
        read.append(path)
        return read_schedule(path)

    monkeypatch.setattr("commonwheel.twin.scenario_drive.read_schedule", reading)
    scenario = load(HEAD + "drive: [{repeat: 20, drive: [{file: mine.csv}]}]\n")
    assert (scenario.length_s, len(read)) == (pytest.approx(40.0), 1)


def test_a_schedule_goes_straight_from_point_to_point(load, tmp_path: Path) -> None:  # noqa: ANN001
    (tmp_path / "mine.csv").write_text("time,mps\n0,0\n1,10\n2,0\n")
    scenario = load(HEAD + "drive: [{file: mine.csv}, {cycle: mine}]\n")
    leg = scenario.plan.parts[0]
    assert isinstance(leg, Leg)
    assert not leg.smooth
    assert scenario.plan.compile().speed(0.5) == pytest.approx(5.0)
    assert scenario.length_s == 4.0


def test_events_bends_road_and_faults_are_read(load) -> None:  # noqa: ANN001
    scenario = load(
        HEAD + DRIVE + "start: {charge: 12 %, air: 41 degF, odometer: 10 km}\n"
        "driver: {style: calm, preview: 2 s}\n"
        "road: {grade: [[0 m, 0 %], [1 km, 5 %]], wind: 18 km/h, friction: 40 %}\n"
        "events:\n"
        "  - {at: 1 s, ignition: on, gear: drive, parking-brake: off}\n"
        "  - {after: 40 m, for: 2 s, set: {Vehicle.Body.Lights.Beam.Low.IsOn: true, Vehicle.LowVoltageSystemState: ON,"
        " Vehicle.Cabin.HVAC.AmbientAirTemperature: 68 degF}}\n"
        "  - {when: {charge: {below: 10 %}}, climate: off}\n"
        "  - {at: 12 s, plug: {power: 6.6 kW, limit: 80 %}}\n"
        "bends:\n"
        "  - {at: 2 s, for: 3 s, turn: left, radius: 40 m}\n"
        "  - {after: 50 m, over: 30 m, turn: right, lane: 3 m}\n"
        "  - {at: 9 s, for: 1 s, turn: right, wheel: 90 deg}\n"
        "faults:\n"
        "  - {silent: Vehicle.Speed, from: 2 s, for: 3 s}\n"
        "  - {bad-checksum: {message: ev/BatteryPower}, share: 30 %}\n"
        "  - {lost: {bus: ev}, share: 0.1, to: 5 s}\n"
        "  - {bias: Vehicle.Speed, by: -9 km/h}\n"
        "  - {silent: Vehicle.Chassis.Axle, from: 1 s}\n"
    )
    assert scenario.start.charge == pytest.approx(0.12)
    assert scenario.start.air_c == scenario.start.soak_c == pytest.approx(5.0)
    assert scenario.style.preview_s == 2.0
    assert scenario.style.firmness == 0.5
    assert scenario.road.grade == ((0.0, 0.0), (1000.0, 0.05))
    assert scenario.road.wind_mps == pytest.approx(5.0)
    first, placed, watched, plugged = scenario.events
    assert (first.action.gear, first.action.ignition, first.action.parking_brake) == (Gear.DRIVE, Ignition.ON, False)
    assert placed.action.stated == {
        "Vehicle.Body.Lights.Beam.Low.IsOn": 1.0,
        "Vehicle.LowVoltageSystemState": 4.0,
        "Vehicle.Cabin.HVAC.AmbientAirTemperature": pytest.approx(20.0),
    }
    assert placed.for_s == 2.0
    assert (watched.trigger.measure, watched.trigger.limit, watched.trigger.above) == (Measure.CHARGE, 0.1, False)
    assert plugged.action.charger is not None
    assert plugged.action.charger.power_w == 6600.0
    assert [bend.course for bend in scenario.bends] == [Course.RADIUS, Course.LANE, Course.WHEEL]
    assert scenario.bends[0].amount == pytest.approx(1 / 40)
    assert scenario.bends[1].amount == -3.0
    silent, sums, lost, bias, branch = scenario.faults
    assert (silent.signal, silent.from_s, silent.to_s) == ("Vehicle.Speed", 2.0, 5.0)
    assert (sums.kind, sums.message, sums.amount, sums.to_s) == (
        FaultKind.BAD_CHECKSUM, "ev/BatteryPower", 0.3, math.inf,
    )  # fmt: skip
    assert (lost.bus, lost.to_s) == ("ev", 5.0)
    assert bias.amount == -9.0
    assert branch.signal == "Vehicle.Chassis.Axle"


WRONG = [
    ("drive: [{wait: 1 s}]", "own.yaml:1: a scenario begins with 'format: 1'"),
    ("format: 1\nscenario: own\n", "own.yaml:1: a scenario states 'drive'"),
    (HEAD + "drvie: []\n" + DRIVE, "own.yaml:3: 'drvie' is not known in a scenario (did you mean 'drive'?)"),
    (HEAD + "drive: []\n", "'drive' has no step"),
    (HEAD + "drive: [{too: 3}]\n", "'too'"),
    (HEAD + "drive:\n  - {to: 50 km/h}\n", "own.yaml:4: 'to' needs 'in'"),
    (HEAD + "drive:\n  - {to: 900 km/h, in: 10 s}\n", "'to' is from -12 to 110 m/s"),
    (HEAD + "drive:\n  - {to: 100 km/h, in: 1 s}\n", "needs 43.6 m/s2"),
    (HEAD + "drive:\n  - {to: 30 km/h, in: -4 s}\n", "'in' is from 0.01"),
    (
        HEAD + "drive:\n  - {to: 30 km/h, in: 4 s}\n  - wait: 5 s\n",
        "own.yaml:5: 'wait' stands still, but the car does 30",
    ),
    (HEAD + "drive:\n  - cycle: nowhere\n", "there is no cycle 'nowhere'"),
    (HEAD + "drive:\n  - file: none.csv\n", "cannot be read"),
    (HEAD + "drive:\n  - plan: [[0 s, 0 km/h], [5 s, 10 km/h], [3 s, 0 km/h]]\n", "the times of 'plan' rise"),
    (HEAD + "drive:\n  - repeat: 0\n    drive: [{wait: 1 s}]\n", "'repeat' is a number of times"),
    (HEAD + "drive:\n  - repeat: 9\n    drive: []\n  - wait: 1 s\n", "own.yaml:4: there is no step to 'repeat'"),
    (
        HEAD + f"drive: [{'{repeat: 10000, drive: [' * 5}{']}' * 5}]\n",  # 10000 ** 5 times nothing
        "there is no step to 'repeat'",
    ),
    (HEAD + "drive:\n  - {wait: 1 s, in: 3 s}\n", "'in' does not go with 'wait'"),
    (HEAD + "length: 2 s\n" + DRIVE, "'length' is 2 s, but the drive takes 15 s"),
    (HEAD + DRIVE + "start: {charge: 120 %}\n", "own.yaml:4: 'charge' is from 0 to 1"),
    (HEAD + DRIVE + "start: {charge: 80 km}\n", "'km' is no unit for it"),
    (HEAD + DRIVE + "driver: {style: mad}\n", "'style' is one of calm, normal, sporty"),
    (HEAD + DRIVE + "road: {grade: [[0 m, 90 %]]}\n", "a slope is from -0.4 to 0.4"),
    (HEAD + DRIVE + "events:\n  - {at: 1 s}\n", "own.yaml:5: the event does nothing"),
    (HEAD + DRIVE + "events:\n  - {at: -1 s, gear: park}\n", "'at' is at least 0 s"),
    (HEAD + DRIVE + "events:\n  - {at: 99 s, gear: park}\n", "after the end of the scenario at 15 s"),
    (HEAD + DRIVE + "events:\n  - {gear: park}\n", "an event has one of 'at'"),
    (HEAD + DRIVE + "events:\n  - {at: 1 s, gear: first}\n", "'gear' is one of reverse, neutral, park, drive"),
    (HEAD + DRIVE + "events:\n  - {at: 1 s, set: {Vehicle.Sped: 3}}\n", "did you mean 'Vehicle.Speed'?"),
    (HEAD + DRIVE + "events:\n  - {at: 1 s, set: {Vehicle.Speed: 3 kg}}\n", "'kg' is no unit for it"),
    (HEAD + DRIVE + "events:\n  - {at: 1 s, set: {Vehicle.Body.Lights.Beam.Low.IsOn: 3}}\n", "boolean"),
    (HEAD + DRIVE + "events:\n  - {at: 1 s, set: {Vehicle.LowVoltageSystemState: FLYING}}\n", "FLYING"),
    (HEAD + DRIVE + "events:\n  - {when: {charge: 3}, unplug: true}\n", "'charge' is a mapping"),
    (HEAD + DRIVE + "bends:\n  - {at: 1 s, for: 2 s, turn: left, radius: 1 m}\n", "'radius' is from 3 to"),
    (HEAD + DRIVE + "bends:\n  - {at: 1 s, turn: left, radius: 9 m}\n", "a bend has a beginning and a length"),
    (HEAD + DRIVE + "bends:\n  - {at: 1 s, for: 2 s, turn: up, radius: 9 m}\n", "'turn' (left or right)"),
    (HEAD + DRIVE + "faults:\n  - {silent: Vehicle.Sped}\n", "did you mean 'Vehicle.Speed'?"),
    (HEAD + DRIVE + "faults:\n  - {silent: Vehicle.Chasis}\n", "'Vehicle.Chasis' is not in the standard"),
    (
        HEAD + DRIVE + "faults:\n  - {stuck: Vehicle.Chassis}\n",
        "'Vehicle.Chassis' is a branch; 'stuck' is of one signal",
    ),
    (HEAD + DRIVE + "faults:\n  - {silent: speed}\n", "'silent' is of a signal of the standard, or {message"),
    (HEAD + DRIVE + "faults:\n  - {noise: Vehicle.Speed, by: -3 km/h}\n", "'by' is at least 0 km/h"),
    (HEAD + DRIVE + "faults:\n  - {quiet: Vehicle.Speed}\n", "'quiet' is not known in a fault"),
    (HEAD + DRIVE + "faults:\n  - {bias: Vehicle.Speed}\n", "'bias' needs 'by', in km/h"),
    (HEAD + DRIVE + "faults:\n  - {bias: {bus: ev}, by: 3 km/h}\n", "'bus' is not known in 'bias'"),
    (HEAD + DRIVE + "faults:\n  - {silent: Vehicle.Speed, share: 10 %}\n", "'share' does not go with 'silent'"),
    (HEAD + DRIVE + "faults:\n  - {silent: Vehicle.Speed, from: 5 s, to: 4 s}\n", "not after 'from'"),
    (HEAD + DRIVE + "faults:\n  - {delayed: Vehicle.Speed}\n", "'delayed' needs 'by'"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_a_fault_is_told_with_its_line_and_what_would_be_right(load, text: str, says: str) -> None:  # noqa: ANN001
    with pytest.raises(DescriptionError) as raised:
        load(text)
    assert says in str(raised.value)


def test_what_stands_for_a_wrong_number_is_not_blamed_too(load) -> None:  # noqa: ANN001
    with pytest.raises(DescriptionError) as caught:
        load(HEAD + "drive: [{to: 120 km/h, in: 7}]\n")
    (fault,) = caught.value.faults
    assert "'in' needs its unit" in fault.message


def test_all_faults_are_told_at_once(load) -> None:  # noqa: ANN001
    with pytest.raises(DescriptionError) as raised:
        load(HEAD + "drive: [{hold: 5}, {to: 9 kg, in: 2 s}]\nstart: {fuel: 2}\nevents: [{at: 1 s}]\n")
    assert [fault.line for fault in raised.value.faults] == [3, 3, 4, 5]


def test_a_scenario_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(DescriptionError, match=r"did you mean 'town'\?\); shipped are .*commute"):
        load_scenario("twon")


KEYWORDS = st.sampled_from(
    [
        "format",
        "scenario",
        "drive",
        "wait",
        "to",
        "in",
        "hold",
        "repeat",
        "plan",
        "cycle",
        "events",
        "at",
        "set",
        "when",
    ]
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["5 s", "30 km/h", "80 %", "on"]),
    st.text(max_size=8),
)  # fmt: skip
TREES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYWORDS, inner, max_size=5), max_leaves=24
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(st.dictionaries(KEYWORDS, TREES, max_size=6))
def test_any_tree_is_a_scenario_or_a_list_of_faults(load, tree: dict[str, object]) -> None:  # noqa: ANN001
    try:
        scenario = load(yaml.safe_dump({"format": 1, "scenario": "own", **tree}))
    except DescriptionError:
        return
    assert math.isfinite(scenario.length_s)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_scenario_or_a_clear_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "fuzz.yaml"
    path.write_bytes(data)
    with pytest.raises(DescriptionError):
        load_scenario(path)
