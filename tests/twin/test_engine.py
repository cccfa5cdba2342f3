"""The combustion engine: what it burns by its closed form, how it idles, warms up, starts and stops."""

from __future__ import annotations

import math

import pytest

from commonwheel.twin.body import Body
from commonwheel.twin.engine import RADIANS_PER_RPM, Combustion
from commonwheel.twin.inputs import Gear, Ignition, Inputs
from commonwheel.twin.parameters_engine import Engine
from commonwheel.twin.start import Start
from commonwheel.twin.state import State
from tests.twin.bodies import car, changed, driving, go, parameters

CIVIC, LANCER, TYPE_R = "honda/civic_touring_2016", "mitsubishi/lancer:ralliart", "honda/civic_gen10_bosch:type_r"
PARKED = Inputs(ignition=Ignition.ON)


def engine_of(name: str = CIVIC) -> Engine:
    engine = parameters(name).engine
    assert engine is not None
    return engine


def idling(name: str, soak_c: float, seconds: float = 8.0) -> Body:
    body = car(name, soak_c=soak_c, air_c=soak_c if soak_c < 40 else 20.0)
    go(body, PARKED, seconds)
    return body


@pytest.mark.parametrize(("rpm", "torque"), [(1500, 40.0), (2500, 120.0), (4000, 200.0)])
def test_fuel_follows_willans_line(rpm: float, torque: float) -> None:
    """Fuel power is (torque + losses) times speed over the indicated efficiency; the losses are a mean pressure."""
    engine, state = engine_of(), State()
    model = Combustion(engine, Start(soak_c=90.0), state)
    model.speed_rps, model.torque_nm = rpm * RADIANS_PER_RPM, torque
    still, linear, square = engine.friction_kpa
    pressure = still + linear * rpm / 1000 + square * (rpm / 1000) ** 2
    lost = pressure * engine.displacement_l / (4 * math.pi)
    before = state.fuel_l
    model.burn(state, 10.0)
    energy = (torque + lost) * rpm * RADIANS_PER_RPM / engine.efficiency * 10.0
    assert model.fuel_j == pytest.approx(energy)
    assert before - state.fuel_l == pytest.approx(energy / (engine.fuel_mj_per_l * 1e6))
    assert state.fuel_used_l == pytest.approx(before - state.fuel_l)


def test_its_best_efficiency_is_that_of_such_engines() -> None:
    for name, low, high in ((CIVIC, 0.34, 0.39), (LANCER, 0.30, 0.36), ("honda/civic_gen10_bosch:diesel", 0.37, 0.42)):
        model = Combustion(engine_of(name), Start(soak_c=90.0), State())
        best = 0.0
        for rpm in range(1200, 4000, 100):
            speed = rpm * RADIANS_PER_RPM
            most = model.most_nm(speed)
            best = max(best, engine_of(name).efficiency * most / (most + model.friction_nm(speed)))
        assert low < best < high


def test_a_pedal_let_go_at_speed_burns_nothing() -> None:
    body = car(CIVIC, soak_c=85.0)
    go(body, driving(accelerator=0.7), 15)
    go(body, driving(), 1)
    burnt = body.state.fuel_used_l
    go(body, driving(), 3)
    assert body.state.speed_mps > 15
    assert body.state.engine_nm < 0
    assert body.state.fuel_used_l == pytest.approx(burnt, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "soak", "low", "high"),
    [
        (TYPE_R, 81.0, 765, 930),
        (LANCER, 58.0, 938, 1064),
        (LANCER, 52.0, 1010, 1203),
        ("honda/civic_gen8", 50.0, 880, 1100),
    ],
)
def test_it_idles_as_on_the_recordings(name: str, soak: float, low: float, high: float) -> None:
    """turnonanddrive.log at 81 degC; shiftintoreverse.log, smalldriveinlot.log; startandturnwheel.trc at 50 degC."""
    body = idling(name, soak)
    assert low < body.state.engine_rpm < high


def test_it_idles_on_half_a_litre_an_hour_and_more_when_cold() -> None:
    warm, cold = idling(CIVIC, 88.0, 60), idling(CIVIC, 0.0, 60)
    for body in (warm, cold):
        assert body.state.engine_on
        assert body.state.speed_mps == 0
    litres = warm.state.fuel_used_l * 60
    assert 0.2 < litres < 0.9
    assert cold.state.fuel_used_l > 2 * warm.state.fuel_used_l
    assert cold.state.engine_rpm > warm.state.engine_rpm + 200


def test_the_intake_pressure_is_the_airs_when_off_low_idling_and_high_under_load() -> None:
    """realpedalupdown.log has 100 kPa with the engine off, smalldriveinlot.log 33 to 99 kPa."""
    off = car(LANCER)
    go(off, Inputs(), 0.5)
    assert off.state.manifold_kpa == pytest.approx(101.3)
    body = idling(LANCER, 60.0)
    assert 25 < body.state.manifold_kpa < 40
    go(body, driving(accelerator=1.0), 3)
    engine = engine_of(LANCER)
    assert 130 < body.state.manifold_kpa <= 101.3 + engine.boost_kpa
    natural = car("mitsubishi/lancer", soak_c=80.0)
    go(natural, driving(accelerator=1.0), 6)
    assert 85 < natural.state.manifold_kpa <= 101.4


def test_it_warms_up_to_its_thermostat_and_no_further() -> None:
    """smalldriveinlot.log: 7 K in 23 s of slow driving in a half-warm car; this one is colder and idles first."""
    body = car(CIVIC, soak_c=50.0, air_c=20.0)
    inputs = driving(accelerator=0.12)
    go(body, inputs, 30, dt_s=0.05)
    assert 51 < body.state.coolant_c < 62
    go(body, inputs, 600, dt_s=0.05)
    assert 86 < body.state.coolant_c < 97
    go(body, driving(accelerator=1.0, grade=0.1), 300, dt_s=0.05)
    assert body.state.coolant_c < 105


def test_it_cools_down_when_it_is_off() -> None:
    body = car(CIVIC, soak_c=90.0, air_c=0.0)
    go(body, Inputs(air_c=0.0), 1800, dt_s=0.05)
    assert 40 < body.state.coolant_c < 85


def test_it_starts_within_two_seconds_and_stops_with_the_key() -> None:
    body = car(CIVIC)
    assert body.state.engine_rpm == 0
    go(body, PARKED, 0.4)
    assert not body.state.engine_on
    assert 100 < body.state.engine_rpm < 300
    go(body, PARKED, 1.6)
    assert body.state.engine_on
    assert body.state.ready
    assert body.state.engine_rpm > 600
    go(body, Inputs(), 3)
    assert not body.state.engine_on
    assert body.state.engine_rpm == 0


def test_without_fuel_it_stops_and_cannot_be_started() -> None:
    """A spoonful in the tank lasts for some seconds."""
    body = Body(parameters(CIVIC), Start(fuel=5e-5, soak_c=85.0))
    inputs = driving(accelerator=0.4)
    go(body, inputs, 60, lambda: body.state.fuel_l <= 0, dt_s=0.05)
    assert body.state.fuel_l == 0
    go(body, inputs, 5)
    assert not body.state.engine_on
    assert body.state.range_m == 0
    go(body, PARKED, 5)
    assert not body.state.engine_on


def test_in_neutral_it_revs_to_its_limit_and_falls_back() -> None:
    body = idling(CIVIC, 85.0)
    go(body, driving(gear=Gear.NEUTRAL, accelerator=1.0), 3)
    limit = engine_of().limit_rpm
    assert 0.9 * limit < body.state.engine_rpm <= limit
    assert body.state.speed_mps == 0
    go(body, driving(gear=Gear.NEUTRAL), 5)
    assert body.state.engine_rpm == pytest.approx(engine_of().idle_rpm, abs=30)


def test_a_car_with_stop_start_stands_silently() -> None:
    base = parameters(CIVIC)
    body = Body(changed(base, "engine", stop_start=True), Start(soak_c=85.0))
    go(body, driving(accelerator=0.3), 8)
    go(body, driving(brake=0.5), 8)
    assert body.state.speed_mps == 0
    assert not body.state.engine_on
    assert body.state.engine_rpm == 0
    go(body, driving(accelerator=0.3), 3)
    assert body.state.engine_on
    assert body.state.speed_mps > 1


def test_the_range_falls_as_fuel_is_used() -> None:
    body = car(CIVIC, soak_c=85.0, fuel=0.5)
    go(body, PARKED, 1)
    first = body.state.range_m
    assert 200_000 < first < 900_000
    go(body, driving(accelerator=1.0), 240, dt_s=0.05)
    assert body.state.range_m < 0.9 * first


def test_what_does_not_fit_together_is_told() -> None:
    with_limit_below = changed(parameters(CIVIC), "engine", limit_rpm=600.0)
    assert with_limit_below.engine is not None
    assert "engine speeds" in str(with_limit_below.engine.wrong())
    short = changed(parameters(CIVIC), "engine", torque=((700.0, 90.0), (2000.0, 200.0)))
    assert short.engine is not None
    assert "'torque' reaches" in str(short.engine.wrong())
    assert engine_of().wrong() is None
