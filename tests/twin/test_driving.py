"""The driver on real physics: speeds are followed as a schedule's tolerance asks, bends are driven, events happen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from commonwheel.twin.body import Body
from commonwheel.twin.cycles import FOLDER
from commonwheel.twin.inputs import Gear, Ignition, Inputs
from commonwheel.twin.parameters_file import load_parameters
from commonwheel.twin.scenario import Scenario
from commonwheel.twin.scenario_file import load_scenario

CARS = ("nissan/leaf_aze0:30kwh", "honda/civic_gen10_bosch", "mitsubishi/outlander_phev")
STEP_S = 0.01
BAND_MPS, BAND_S = 2.0 * 0.44704, 1.0
"""Within 2 mph of the schedule's lowest and highest speed of a second before to a second after (40 CFR 1066.425)."""


@dataclass
class Run:
    """One run, step by step."""

    t_s: list[float] = field(default_factory=list[float])
    speed: list[float] = field(default_factory=list[float])
    pedals: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    gears: list[Gear] = field(default_factory=list[Gear])
    body: Body | None = None
    inputs: Inputs = field(default_factory=Inputs)


def drive(scenario: Scenario, car: str, watch: Callable[[float, Body, Inputs], None] | None = None) -> Run:
    parameters = load_parameters(car)
    body, driving, run = Body(parameters, scenario.start), scenario.begin(parameters), Run()
    run.body = body
    while not driving.finished:
        driving.act(body.state, run.inputs, STEP_S)
        body.step(run.inputs, STEP_S)
        run.t_s.append(body.state.t_s)
        run.speed.append(body.state.speed_mps)
        run.pedals.append((run.inputs.accelerator, run.inputs.brake))
        run.gears.append(body.state.gear)
        if watch is not None:
            watch(body.state.t_s, body, run.inputs)
    return run


def out_of_band_s(scenario: Scenario, run: Run) -> float:
    profile = scenario.plan.compile()
    plan = np.array([profile.speed(t) for t in run.t_s])
    k = round(BAND_S / STEP_S)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(plan, k, mode="edge"), 2 * k + 1)
    speed = np.array(run.speed)
    return float(((speed < near.min(1) - BAND_MPS) | (speed > near.max(1) + BAND_MPS)).sum() * STEP_S)


@pytest.fixture
def own(tmp_path: Path) -> Callable[[str], Scenario]:
    def loaded(text: str) -> Scenario:
        path = tmp_path / "own.yaml"
        path.write_text(f"format: 1\nscenario: own\n{text}", encoding="utf-8")
        return load_scenario(path)

    return loaded


@pytest.mark.parametrize("car", CARS)
def test_a_drive_is_followed_within_the_tolerance_of_schedules(car: str) -> None:
    scenario = load_scenario("town")
    run = drive(scenario, car)
    assert out_of_band_s(scenario, run) == 0.0
    assert not [pedals for pedals in run.pedals if all(pedals)], "one foot for both pedals"
    assert run.body is not None
    assert run.speed[-1] == 0.0
    assert run.gears[-1] is Gear.PARK
    assert Gear.REVERSE in run.gears
    assert run.inputs.ignition is Ignition.OFF


def test_a_calm_drive_is_calm_whatever_changes_the_gears() -> None:
    """A strong car whose gears are changed by hand is not hurried after each of them, nor pulls more than is meant."""
    run = drive(load_scenario("town"), "honda/civic_gen10_bosch:type_r")
    speed = np.array(run.speed)
    assert (speed[50:] - speed[:-50]).max() / 0.5 < 3.1


@pytest.mark.parametrize(
    "car",
    [
        "honda/e",
        *(
            pytest.param(car, marks=pytest.mark.slow)
            for car in ("nissan/leaf_ze0", "nissan/leaf_ze1:62kwh", "mitsubishi/imiev", "mitsubishi/outlander_phev")
        ),
    ],
)
def test_a_nearly_empty_battery_still_drives_its_car(car: str) -> None:
    """Cars keep different shares of the charge to themselves; what the scenario begins with is above all of them."""
    run = drive(load_scenario("fault-low-battery"), car)
    assert run.body is not None
    assert run.body.state.distance_m > 800
    reserve = run.body.parameters.battery.reserve if run.body.parameters.battery else 0.0
    assert run.body.state.charge < reserve + 0.07


@pytest.mark.real
@pytest.mark.parametrize("car", [CARS[0], *(pytest.param(car, marks=pytest.mark.slow) for car in CARS[1:])])
@pytest.mark.parametrize(
    "cycle", ["hwfet", pytest.param("udds", marks=pytest.mark.slow), pytest.param("wltc", marks=pytest.mark.slow)]
)
def test_the_schedules_of_regulations_are_driven_within_tolerance(
    car: str, cycle: str, own: Callable[[str], Scenario], shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(shared / "energy" / "cycles"))
    scenario = own(f"drive: [{{wait: 5 s}}, {{cycle: {cycle}}}]\n")
    assert out_of_band_s(scenario, drive(scenario, car)) == 0.0


def test_the_same_scenario_drives_the_same_drive() -> None:
    scenario = load_scenario("fault-silent")
    assert drive(scenario, CARS[0]).speed == drive(scenario, CARS[0]).speed


def test_a_bend_is_driven_by_sight(own: Callable[[str], Scenario]) -> None:
    """A quarter of a circle turns the car by a quarter, however the tyres slip."""
    run = drive(
        own(
            "drive: [{wait: 3 s}, {to: 36 km/h, in: 8 s}, {hold: 30 s}]\n"
            "bends: [{at: 15 s, for: 15 s, turn: left, radius: 66.845 m}]\n"
        ),
        CARS[0],
    )
    # A bend tightens for 30 % of its length and opens for as much: it turns as 70 % of it at its radius would.
    assert run.body is not None
    turned = run.body.state.heading_rad
    assert turned == pytest.approx(10.0 * 15.0 * 0.7 / 66.845, rel=0.02)


def test_a_lane_is_changed_by_its_width(own: Callable[[str], Scenario]) -> None:
    run = drive(
        own(
            "drive: [{wait: 3 s}, {to: 90 km/h, in: 15 s}, {hold: 25 s}]\n"
            "bends: [{at: 22 s, for: 6 s, turn: left, lane: 3.5 m}]\n"
        ),
        CARS[0],
    )
    assert run.body is not None
    assert run.body.state.y_m == pytest.approx(3.5, abs=0.35)
    assert abs(run.body.state.heading_rad) < math.radians(0.3)


def test_events_happen_at_times_places_and_conditions(own: Callable[[str], Scenario]) -> None:
    lamp, horn = "Vehicle.Body.Lights.Beam.Low.IsOn", "Vehicle.Body.Horn.IsActive"
    scenario = own(
        "drive: [{wait: 2 s}, {to: 36 km/h, in: 5 s}, {hold: 13 s}]\n"
        f"events:\n  - {{at: 3 s, for: 2 s, set: {{{lamp}: true}}}}\n"
        f"  - {{after: 50 m, set: {{{horn}: true}}}}\n"
        "  - {when: {speed: {above: 20 km/h}}, climate: {on: true, target: 24 degC, fan: 70 %}}\n"
    )
    seen: dict[str, list[float]] = {"lamp": [], "horn": [], "climate": []}

    def watch(t_s: float, body: Body, inputs: Inputs) -> None:
        if inputs.stated.get(lamp):
            seen["lamp"].append(t_s)
        if inputs.stated.get(horn):
            seen["horn"].append(body.state.distance_m)
        if inputs.climate:
            seen["climate"].append(body.state.speed_mps * 3.6)

    drive(scenario, CARS[0], watch)
    assert seen["lamp"][0] == pytest.approx(3.0, abs=0.02)
    assert seen["lamp"][-1] == pytest.approx(5.0, abs=0.02)
    assert seen["horn"][0] == pytest.approx(50.0, abs=0.5)
    assert seen["climate"][0] == pytest.approx(20.0, abs=1.5)


def test_of_events_that_state_the_same_the_later_one_is_right(own: Callable[[str], Scenario]) -> None:
    """At one instant that is the one further down; what lasted gives way to what was stated before, or after it."""
    lamp, horn = "Vehicle.Body.Lights.Beam.Low.IsOn", "Vehicle.Body.Horn.IsActive"
    scenario = own(
        "drive: [{wait: 20 s}]\n"
        f"events:\n  - {{at: 2 s, for: 8 s, set: {{{lamp}: true}}}}\n"
        f"  - {{at: 5 s, for: 10 s, set: {{{lamp}: false}}}}\n"
        f"  - {{at: 4 s, set: {{{horn}: true}}}}\n"
        f"  - {{at: 4 s, set: {{{horn}: false}}}}\n"
        f"  - {{at: 6 s, for: 2 s, set: {{{horn}: true}}}}\n"
    )
    seen: dict[int, tuple[float | None, float | None]] = {}

    def watch(t_s: float, _body: Body, inputs: Inputs) -> None:
        seen[round(t_s)] = inputs.stated.get(lamp), inputs.stated.get(horn)

    drive(scenario, CARS[0], watch)
    lamps, horns = zip(*(seen[t_s] for t_s in (1, 3, 7, 12, 17)), strict=True)
    assert lamps == (None, 1.0, 0.0, 0.0, None)
    assert horns == (None, None, 1.0, 0.0, 0.0)


def test_a_cable_is_plugged_in_when_the_car_stands(own: Callable[[str], Scenario]) -> None:
    scenario = own(
        "start: {charge: 40 %}\ndrive: [{wait: 3 s}, {to: 30 km/h, in: 6 s}, {hold: 5 s}, {to: 0 km/h, in: 6 s}]\n"
        "length: 60 s\nevents: [{at: 10 s, plug: {power: 3.3 kW}}]\n"
    )
    plugged: list[tuple[float, float]] = []

    def watch(t_s: float, body: Body, inputs: Inputs) -> None:
        if inputs.plugged:
            plugged.append((t_s, abs(body.state.speed_mps)))

    run = drive(scenario, CARS[0], watch)
    assert 19 < plugged[0][0] < 23
    assert max(speed for _, speed in plugged) < 0.1
    assert run.body is not None
    assert run.body.state.charging


def test_a_car_is_parked_and_charged(own: Callable[[str], Scenario]) -> None:
    scenario = own(
        "start: {charge: 40 %}\ndrive: [{wait: 5 s}]\nlength: 5 min\n"
        "events: [{at: 10 s, plug: {power: 3.3 kW}}, {at: 4 min, unplug: true}]\n"
    )
    charging: list[float] = []
    run = drive(scenario, CARS[0], lambda t_s, body, _: charging.append(t_s) if body.state.charging else None)
    assert run.body is not None
    assert charging[0] == pytest.approx(10.0, abs=2.0)
    assert charging[-1] == pytest.approx(240.0, abs=2.0)
    assert 0.404 < run.body.state.charge < 0.41


def test_held_pedals_are_held_whatever_the_speed(own: Callable[[str], Scenario]) -> None:
    run = drive(own("drive: [{wait: 3 s}, {accelerator: 100 %, for: 6 s}, {brake: 70 %, for: 6 s}]\n"), CARS[0])
    assert max(run.speed) > 12.0
    assert run.pedals[round(5.0 / STEP_S)] == (1.0, 0.0)
    assert run.pedals[round(11.0 / STEP_S)] == pytest.approx((0.0, 0.7))
    assert run.speed[-1] == 0.0


def test_a_slope_and_the_wind_are_felt(own: Callable[[str], Scenario]) -> None:
    steps = "drive: [{wait: 2 s}, {to: 60 km/h, in: 12 s}, {hold: 30 s}]\n"
    flat = drive(own(steps), CARS[0])
    hard = drive(own(steps + "road: {grade: [[0 m, 0 %], [50 m, 5 %]], wind: 8 m/s}\n"), CARS[0])
    assert flat.body is not None
    assert hard.body is not None
    assert hard.body.state.drawn_kwh > 2 * flat.body.state.drawn_kwh
