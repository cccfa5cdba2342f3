"""Gears and couplings: engine speeds as on the recordings, setting off, creeping, changing up and down, and fuel."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import commonwheel
from commonwheel.twin.body import Body
from commonwheel.twin.cycles import FOLDER
from commonwheel.twin.inputs import Gear, Ignition, Inputs
from commonwheel.twin.parameters import Parameters
from commonwheel.twin.parameters_engine import Gearbox, GearboxKind
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.start import Start
from tests.twin.bodies import car, changed, driving, go, parameters

CIVIC, SI, LANCER = "honda/civic_touring_2016", "honda/civic_gen8", "mitsubishi/lancer:ralliart"
TYPE_R, DIESEL = "honda/civic_gen10_bosch:type_r", "honda/civic_gen10_bosch:diesel"
CARS = (
    SI, "honda/civic_gen10_bosch", TYPE_R, DIESEL, CIVIC, "mitsubishi/lancer", LANCER, "mitsubishi/lancer:evo_x",
    "nissan/x_trail_2017", "nissan/x_trail_2017:rogue",
)  # fmt: skip
GALLON_L = 3.785411784
MILE_M = 1609.344
MPS_PER_MPH = 0.44704
N_PER_LBF = 4.4482216


def gearbox_of(name: str) -> Gearbox:
    box = parameters(name).gearbox
    assert box is not None
    return box


def recorded_ratio(shared: Path, log: str, name: str, low: float, high: float) -> float:
    """Return the median of engine turns per minute and km/h on a recording, within a window that holds one gear."""
    samples = commonwheel.read(shared / "logs" / log, car=name).good
    speed = samples.of("Vehicle.Speed")
    engine = samples.of("Vehicle.Powertrain.CombustionEngine.Speed")
    rpm = np.interp(speed.t_ns, engine.t_ns, engine.value)
    moving = speed.value > 4
    ratio = rpm[moving] / speed.value[moving]
    return float(np.median(ratio[(ratio > low) & (ratio < high)]))


def driven_ratio(name: str, gear: int) -> float:
    """Return engine turns per minute and km/h of the twin in a gear, with the coupling closed."""
    body, found = car(name, soak_c=85.0), list[float]()

    def look() -> bool:
        state = body.state
        if state.current_gear == state.target_gear == gear and state.speed_mps > 2:
            found.append(state.engine_rpm / (abs(state.speed_mps) * 3.6))
        return len(found) > 400

    go(body, driving(accelerator=0.35), 60, look)
    # Just after a change the engine is still on its way.
    return float(np.median(found))


@pytest.mark.real
@pytest.mark.parametrize(
    ("log", "name", "gear", "low", "high"),
    [
        ("mitsubishi-lancer-ralliart/smalldriveinlot.log", LANCER, 1, 110, 135),
        ("honda-civic-type-r-2019/turnonanddrive.log", TYPE_R, 1, 115, 135),
        *(
            ("honda-civic-8gen/vsslog.log", SI, gear, middle * 0.96, middle * 1.04)
            for gear, middle in ((1, 132.5), (2, 86.2), (3, 61.3), (4, 46.5), (6, 26.8))
        ),
    ],
)
def test_the_engine_turns_with_the_wheels_as_on_a_recording(
    log: str, name: str, gear: int, low: float, high: float, shared: Path
) -> None:
    recorded = recorded_ratio(shared, log, name, low, high)
    assert driven_ratio(name, gear) == pytest.approx(recorded, rel=0.03)


def time_to(body: Body, inputs: Inputs, speed_mps: float) -> float:
    begun = body.state.t_s
    go(body, inputs, 40, lambda: body.state.speed_mps >= speed_mps)
    return body.state.t_s - begun


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        (SI, 6.5, 9.2),
        (CIVIC, 6.8, 8.6),
        (TYPE_R, 5.5, 7.8),
        (DIESEL, 9.5, 12.0),
        ("mitsubishi/lancer", 8.5, 11.0),
        (LANCER, 5.5, 7.2),
        ("mitsubishi/lancer:evo_x", 4.9, 6.4),
        ("nissan/x_trail_2017", 9.0, 12.0),
        ("nissan/x_trail_2017:rogue", 8.0, 10.0),
    ],
)
def test_it_reaches_100_km_per_hour_as_such_cars_do(name: str, low: float, high: float) -> None:
    """Makers and magazines: Civic 7.5 s, diesel 11 s, Ralliart 6 s, Evolution 5.5 s, Lancer 10 s, Type R 5.8 s."""
    body = car(name, soak_c=85.0)
    go(body, Inputs(ignition=Ignition.ON), 3)
    assert low < time_to(body, driving(accelerator=1.0), 100 / 3.6) < high


@pytest.mark.parametrize("name", CARS)
def test_with_no_pedal_it_creeps_or_stands(name: str) -> None:
    """Converters and twin clutches creep at walking pace; a clutch that a driver holds does not."""
    body = car(name, soak_c=85.0)
    go(body, driving(), 12)
    if gearbox_of(name).kind is GearboxKind.MANUAL:
        assert body.state.speed_mps == 0
    else:
        assert 3 < body.state.speed_mps * 3.6 < 9
    go(body, driving(brake=0.3), 5)
    assert body.state.speed_mps == 0
    assert body.state.engine_on
    idle = parameters(name).engine
    assert idle is not None
    assert body.state.engine_rpm == pytest.approx(idle.idle_rpm, abs=40)


@pytest.mark.parametrize("soak_c", [-20.0, 20.0])
@pytest.mark.parametrize("name", CARS)
def test_a_cold_engine_that_idles_fast_does_not_drive_the_car(name: str, soak_c: float) -> None:
    """With the pedal let go the car only ever gets slower, down to where it creeps."""
    body = car(name, soak_c=soak_c, air_c=soak_c)
    go(body, driving(accelerator=0.6, air_c=soak_c), 30, lambda: body.state.speed_mps > 20)
    speeds: list[float] = []
    for _ in range(14):
        go(body, driving(air_c=soak_c), 3)
        speeds.append(body.state.speed_mps)
    assert all(later < before for before, later in itertools.pairwise(speeds) if before > 5)
    assert speeds[-1] < 7


@pytest.mark.parametrize("name", [SI, DIESEL, LANCER])
def test_gears_go_up_one_by_one_and_down_again_until_it_stands(name: str) -> None:
    body, gears = car(name, soak_c=85.0), list[int]()

    def look() -> bool:
        if not gears or gears[-1] != body.state.target_gear:
            gears.append(body.state.target_gear)
        return body.state.speed_mps > 33

    go(body, Inputs(ignition=Ignition.ON), 2)
    go(body, driving(accelerator=0.5), 90, look)
    cruise = max(gears)
    assert gears == list(range(1, cruise + 1))
    assert cruise >= len(gearbox_of(name).ratios) - 3
    gears.clear()
    go(body, driving(brake=0.25), 40, lambda: (look(), body.state.speed_mps == 0)[1])
    assert gears == list(range(gears[0], 0, -1))
    assert body.state.engine_on


@pytest.mark.parametrize("name", [SI, DIESEL, LANCER])
@pytest.mark.parametrize(("kmh", "grade"), [(50, 0.0), (90, 0.04), (140, 0.04)])
def test_at_a_steady_speed_the_gear_stays(name: str, kmh: float, grade: float) -> None:
    body, inputs = car(name, soak_c=85.0), driving(grade=grade)
    wanted, learned, gears = kmh / 3.6, 0.0, list[int]()
    for step in range(4500):
        error = min(wanted, 1.5 * step * 0.02) - body.state.speed_mps
        learned = min(1.0, max(0.0, learned + 0.03 * error * 0.02))
        inputs.accelerator = min(1.0, max(0.0, learned + 0.1 * error))
        body.step(inputs, 0.02)
        gears.append(body.state.target_gear)
    assert body.state.speed_mps == pytest.approx(wanted, abs=1)
    assert sum(one != other for one, other in itertools.pairwise(gears[-1000:])) <= 1


@pytest.mark.parametrize("name", [SI, DIESEL, LANCER])
def test_put_in_drive_at_speed_it_takes_a_gear_that_the_engine_bears(name: str) -> None:
    body, fastest = car(name, soak_c=85.0), [0.0]
    go(body, driving(accelerator=0.8), 60, lambda: body.state.speed_mps > 35)
    go(body, driving(gear=Gear.NEUTRAL), 2)
    speed = body.state.speed_mps
    go(body, driving(accelerator=0.2), 5, lambda: fastest.append(body.state.engine_rpm) is not None)
    engine = parameters(name).engine
    assert engine is not None
    assert speed > 33
    assert max(fastest) < engine.limit_rpm
    assert body.state.current_gear >= 3


def test_a_pedal_to_the_floor_changes_down() -> None:
    body = car(LANCER, soak_c=85.0)
    go(body, driving(accelerator=0.35), 60, lambda: body.state.speed_mps > 22)
    go(body, driving(accelerator=0.1), 6)
    before = body.state.current_gear
    go(body, driving(accelerator=1.0), 4)
    assert before >= 5
    assert body.state.current_gear <= before - 2


def test_a_belt_keeps_within_its_ratios_and_lets_the_engine_turn_slowly() -> None:
    body, name = car(CIVIC, soak_c=85.0), CIVIC
    box, circumference = gearbox_of(name), parameters(name).chassis.tyre_circumference_m
    go(body, driving(accelerator=0.25), 40)
    seen: list[float] = []

    def look() -> bool:
        turns = body.state.speed_mps / circumference * 60
        seen.append(body.state.engine_rpm / turns / box.final)
        return False

    for accelerator in (0.1, 1.0, 0.0, 0.4):
        go(body, driving(accelerator=accelerator), 5, look)
    assert min(seen) > box.ratios[1] * 0.97
    assert max(seen) < box.ratios[0] * 1.05
    calm = car(CIVIC, soak_c=85.0)
    held = driving(accelerator=0.1)
    go(calm, held, 60)
    assert calm.state.speed_mps > 15
    assert calm.state.engine_rpm < 2000


@pytest.mark.parametrize("name", [SI, CIVIC, LANCER])
def test_reverse_goes_back_and_no_faster_than_one_should(name: str) -> None:
    body = car(name, soak_c=85.0)
    go(body, driving(gear=Gear.REVERSE, accelerator=0.4), 25)
    assert -14 < body.state.speed_mps < -2
    assert body.state.current_gear == body.state.target_gear == -1
    engine = parameters(name).engine
    assert engine is not None
    assert body.state.engine_rpm < engine.limit_rpm


def test_uphill_it_holds_by_the_brake_and_sets_off() -> None:
    body = car(LANCER, soak_c=85.0)
    go(body, driving(brake=0.5, grade=0.15), 3)
    assert body.state.distance_m == 0
    go(body, driving(accelerator=0.5, grade=0.15), 5)
    assert body.state.speed_mps > 3


@pytest.mark.parametrize("name", [SI, CIVIC, DIESEL, LANCER])
def test_the_step_hardly_matters(name: str) -> None:
    speeds: list[float] = []
    for dt_s in (0.01, 0.05):
        body = car(name, soak_c=85.0)
        go(body, driving(accelerator=0.5), 15, dt_s=dt_s)
        speeds.append(body.state.speed_mps)
    assert speeds[1] == pytest.approx(speeds[0], rel=0.05)


def test_it_burns_what_it_works_and_loses() -> None:
    """Fuel is the work on the road and all losses: nothing is won, and of the fuel some 15 to 35 % is work."""
    body = car(CIVIC, soak_c=88.0)
    go(body, driving(accelerator=0.3), 60)
    engine = parameters(CIVIC).engine
    assert engine is not None
    fuel_j = body.state.fuel_used_l * engine.fuel_mj_per_l * 1e6
    work_j = fuel_j - body.powertrain.lost_j
    done_j = body.kinetic_j + body.road_j
    assert 0.15 < work_j / fuel_j < 0.36
    assert work_j == pytest.approx(done_j, rel=0.06)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from([SI, CIVIC, DIESEL, LANCER, "mitsubishi/outlander_phev"]),
    steps=st.lists(
        st.tuples(
            st.floats(-1, 2), st.floats(-1, 2), st.sampled_from(Gear), st.sampled_from(Ignition), st.floats(-0.5, 0.5),
            st.integers(1, 60), st.sampled_from([0.001, 0.01, 0.05]), st.floats(-60, 70), st.booleans(),
        ),
        min_size=1, max_size=12,
    ),
)  # fmt: skip
def test_whatever_a_driver_does_all_of_it_is_a_number(
    name: str, steps: list[tuple[float, float, Gear, Ignition, float, int, float, float, bool]]
) -> None:
    body = Body(parameters(name), Start(charge=0.28, fuel=0.001))
    engine = parameters(name).engine
    assert engine is not None
    for accelerator, brake, gear, ignition, grade, count, dt_s, air, plugged in steps:
        inputs = Inputs(
            accelerator=accelerator, brake=brake, gear=gear, ignition=ignition, grade=grade, air_c=air,
            parking_brake=False, plugged=plugged, charge_power_w=3000.0,
        )  # fmt: skip
        for _ in range(count):
            body.step(inputs, dt_s)
        for field in dataclasses.fields(body.state):
            value = getattr(body.state, field.name)
            for number in value if isinstance(value, list) else [value]:
                assert math.isfinite(number), field.name
        assert abs(body.state.speed_mps) < 90
        assert 0 <= body.state.engine_rpm <= engine.limit_rpm * 1.05 + 200
        assert 0 <= body.state.fuel_l <= engine.tank_l
        assert body.state.fuel_used_l >= 0


@pytest.fixture
def schedules(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a test writes its scenarios; schedules are found by name."""
    monkeypatch.setenv(FOLDER, str(shared / "energy" / "cycles"))
    return tmp_path


def economy(parameters: Parameters, cycle: str, folder: Path, soak_c: float, dt_s: float = 0.05) -> float:
    """Return miles per gallon over a schedule, with the shipped driver at the wheel."""
    path = folder / f"{cycle}.yaml"
    path.write_text(f"format: 1\nscenario: own\ndrive: [{{cycle: {cycle}}}]\n")
    scenario = load_scenario(path)
    body = Body(parameters, dataclasses.replace(scenario.start, soak_c=soak_c, air_c=23.0))
    driver, inputs = scenario.begin(parameters), driving(air_c=23.0)
    while not driver.finished:
        driver.act(body.state, inputs, dt_s)
        body.step(inputs, dt_s)
    return body.state.distance_m / MILE_M / (body.state.fuel_used_l / GALLON_L)


def as_tested(base: Parameters, row: dict[str, str]) -> Parameters:
    """Return a car with weight, road load and gearing (engine speed over speed) of a row of the EPA's test car list."""
    box = base.gearbox
    assert box is not None
    weight = float(row["Equivalent Test Weight (lbs.)"]) * 0.45359237
    a, b, c = (float(row[f"Target Coef {name}"]) * N_PER_LBF for name in ("A (lbf)", "B (lbf/mph)", "C (lbf/mph**2)"))
    load = {"constant_n": a, "linear": b / MPS_PER_MPH, "square": c / MPS_PER_MPH**2, "at_kg": weight}
    tyre = box.ratios[-1] * box.final * 60 * MPS_PER_MPH / float(row["N/V Ratio"])
    heavy = changed(base, "chassis", load_kg=weight - base.chassis.mass_kg, tyre_circumference_m=tyre)
    return changed(heavy, "road_load", **load, rolling=0.0, drag_area_m2=0.0)


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "model", "litres", "weight", "gearbox"),
    [
        (CIVIC, "CIVIC 4DR", "1.500", "3375", "SCV"),
        pytest.param(CIVIC, "CIVIC 4DR", "1.500", "3250", "CVT", marks=pytest.mark.slow),
        pytest.param("honda/civic_gen10_bosch", "CIVIC 5DR", "1.500", "3375", "CVT", marks=pytest.mark.slow),
        # The Lancer's engine and gearbox in the car that is still in the list of 2022.
        pytest.param("mitsubishi/lancer", "OUTLANDER SPORT 2WD", "1.998", "3500", "SCV", marks=pytest.mark.slow),
    ],
)
def test_fuel_economy_is_near_what_the_epa_measured(
    name: str, model: str, litres: str, weight: str, gearbox: str, shared: Path, schedules: Path
) -> None:
    """Unadjusted, within 10 %: warm city driving is bags 2 and 3 of the federal test, the highway test is warm too.

    Nothing was chosen for it; these cars come to 0 and -1 %, -4 and -5 %, -1 and -3 %, -3 and -9 %.
    """
    with (shared / "energy" / "epa_2022_test_cars.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["Represented Test Veh Model"] == model
            and row["Test Veh Displacement (L)"] == litres
            and row["Equivalent Test Weight (lbs.)"] == weight
            and row["Tested Transmission Type Code"] == gearbox
        ]
    city = next(row for row in rows if row["Test Category"] == "FTP")
    highway = next(row for row in rows if row["Test Category"] == "HWY")
    car_tested = as_tested(parameters(name), city)
    # 3.59 miles of bag 3 and 3.91 miles of bag 2 (40 CFR 1066 and 600).
    warm = 7.5 / (3.91 / float(city["FE Bag 2"]) + 3.59 / float(city["FE Bag 3"]))
    assert economy(car_tested, "udds", schedules, 88.0) == pytest.approx(warm, rel=0.10)
    assert economy(car_tested, "hwfet", schedules, 88.0) == pytest.approx(float(highway["RND_ADJ_FE"]), rel=0.10)


@pytest.mark.real
@pytest.mark.slow
def test_a_cold_start_costs_some_per_cent(schedules: Path) -> None:
    """In the federal test the cold first bag takes 10 to 17 % more than the same way warm; over all of UDDS half."""
    cold, warm = (economy(parameters(CIVIC), "udds", schedules, soak) for soak in (23.0, 88.0))
    assert 1.03 < warm / cold < 1.12


def test_what_does_not_fit_together_is_told() -> None:
    for name, values, told in (
        (CIVIC, {"ratios": (2.6, 1.0, 0.4)}, "are two"),
        (SI, {"ratios": (1.0, 2.0)}, "fall from gear to gear"),
        (SI, {"up_rpm": 1000.0}, "each above the one before"),
    ):
        box = changed(parameters(name), "gearbox", **values).gearbox
        assert box is not None
        assert told in str(box.wrong())
    assert all(gearbox_of(name).wrong() is None for name in CARS)
