"""The body as a whole: pulling away, stopping, holding, shifting, and never leaving physics."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from commonwheel.twin.body import MOST_S, Body
from commonwheel.twin.inputs import Gear, Ignition, Inputs
from commonwheel.twin.start import Start
from commonwheel.twin.state import State
from tests.twin.bodies import LEAF, car, changed, driving, go, parameters, powertrain

CARS = (LEAF, "mitsubishi/imiev", "honda/e", "nissan/leaf_ze1")
BURNING = (
    "honda/civic_touring_2016", "honda/civic_gen10_bosch:type_r", "mitsubishi/lancer", "mitsubishi/outlander_phev",
    "nissan/x_trail_2017",
)  # fmt: skip
MPH = 0.44704


def numbers(state: State) -> list[float]:
    """Return every number of a state."""
    found: list[float] = []
    for field in dataclasses.fields(state):
        value: Any = getattr(state, field.name)
        found += value if isinstance(value, list) else [float(value)]
    return found


@pytest.mark.parametrize("name", CARS)
def test_a_car_that_is_let_go_creeps_and_the_brake_holds_it(name: str) -> None:
    body = car(name)
    go(body, driving(), 12)
    assert 0.8 < body.state.speed_mps < 2.5
    go(body, driving(brake=0.3), 4)
    assert body.state.speed_mps == 0.0
    place = body.state.distance_m
    go(body, driving(brake=0.3), 5)
    assert (body.state.speed_mps, body.state.distance_m) == (0.0, place)


@pytest.mark.parametrize("grade", [0.15, -0.15])
@pytest.mark.parametrize("hold", ["brake", "parking_brake", "park"])
def test_a_car_stands_on_a_hill_by_whatever_holds_it(grade: float, hold: str) -> None:
    body = car()
    gear = Gear.PARK if hold == "park" else Gear.NEUTRAL
    inputs = driving(gear=gear, brake=0.4 * (hold == "brake"), parking_brake=hold == "parking_brake", grade=grade)
    go(body, inputs, 5)
    assert (body.state.speed_mps, body.state.distance_m) == (0.0, 0.0)


def test_a_hill_too_steep_for_the_brake_moves_the_car() -> None:
    body = car()
    go(body, driving(gear=Gear.NEUTRAL, brake=0.05, grade=0.15), 2)
    assert body.state.speed_mps < -0.5


def test_a_locked_car_slides_down_ice_but_not_down_a_dry_road() -> None:
    for friction, slides in ((0.9, False), (0.1, True)):
        body = car()
        go(body, driving(brake=1.0, grade=-0.2, friction=friction), 3)
        assert (body.state.speed_mps > 1.0) is slides


@pytest.mark.parametrize("hold", [Gear.PARK, Gear.NEUTRAL])
def test_only_the_pedal_s_force_counts_as_the_brakes(hold: Gear) -> None:
    body = car()
    go(body, driving(gear=hold, parking_brake=True), 1)
    assert (body.state.friction_brake_n, body.state.brake_pressure_bar) == (0.0, 0.0)


@pytest.mark.parametrize("name", BURNING)
def test_cars_with_engines_are_held_and_stay_where_they_are(name: str) -> None:
    body = car(name)
    go(body, driving(brake=0.4), 6)
    place = body.state.distance_m
    assert body.state.speed_mps == 0.0
    go(body, driving(brake=0.4, grade=0.1), 4)
    assert (body.state.speed_mps, body.state.distance_m) == (0.0, place)


def test_reverse_drives_backwards_no_faster_than_cars_do() -> None:
    body = car()
    go(body, driving(gear=Gear.REVERSE, accelerator=0.5), 20)
    limit = powertrain(body).front.motor.reverse_mps
    assert -limit - 0.5 < body.state.speed_mps < -limit + 1.5
    assert body.state.motor_rpm < 0
    assert body.state.wheel_mps[0] < 0
    assert body.state.odometer_m - Start().odometer_m == pytest.approx(body.state.distance_m)
    go(body, driving(gear=Gear.REVERSE, brake=0.4), 8)
    assert body.state.speed_mps == 0.0


def test_gears_are_refused_where_a_car_refuses_them() -> None:
    body = car()
    go(body, driving(accelerator=0.6), 5)
    assert body.state.speed_mps > 5
    for wanted in (Gear.PARK, Gear.REVERSE):
        go(body, driving(gear=wanted), 0.1)
        assert body.state.gear == Gear.DRIVE
    go(body, driving(gear=Gear.NEUTRAL), 0.5)
    assert body.state.gear == Gear.NEUTRAL
    assert body.state.motor_nm == 0.0
    go(body, driving(gear=Gear.NEUTRAL, brake=0.5), 10)
    go(body, driving(gear=Gear.PARK), 0.1)
    assert body.state.gear == Gear.PARK


def test_a_car_that_is_off_does_not_drive() -> None:
    body = car()
    go(body, driving(ignition=Ignition.OFF, accelerator=1.0), 2)
    assert body.state.gear == Gear.PARK
    assert not body.state.ready
    assert (body.state.speed_mps, body.state.pack_a, body.state.auxiliary_w) == (0.0, 0.0, 0.0)


def test_a_plugged_car_does_not_drive() -> None:
    body = car()
    go(body, driving(plugged=True, accelerator=1.0), 2)
    assert body.state.speed_mps == 0.0
    assert not body.state.ready


def test_zero_to_sixty_takes_the_leaf_about_ten_seconds() -> None:
    body = car()
    go(body, driving(accelerator=1.0), 30, lambda: body.state.speed_mps >= 60 * MPH)
    assert 9.0 <= body.state.t_s <= 11.0


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("honda/e", 9.0), ("honda/e:advance", 8.3), ("nissan/leaf_ze1", 7.9), ("nissan/leaf_ze1:62kwh", 6.9)],
)
def test_zero_to_hundred_is_about_what_the_makers_state(name: str, seconds: float) -> None:
    body = car(name)
    go(body, driving(accelerator=1.0), 30, lambda: body.state.speed_mps >= 100 / 3.6)
    assert body.state.t_s == pytest.approx(seconds, rel=0.12)


@pytest.mark.parametrize(("name", "top_kmh"), [(LEAF, 144), ("mitsubishi/imiev", 130), ("honda/e", 145)])
def test_the_top_speed_is_the_stated_one(name: str, top_kmh: float) -> None:
    body = car(name)
    go(body, driving(accelerator=1.0), 90)
    assert body.state.speed_mps * 3.6 == pytest.approx(top_kmh, rel=0.04)


def test_motor_and_wheels_turn_as_on_the_recording() -> None:
    """69.1 motor turns a minute for each km/h is what the recordings of the ZE0 have."""
    body = car("nissan/leaf_ze0")
    go(body, driving(accelerator=0.5), 8)
    assert body.state.motor_rpm / (body.state.speed_mps * 3.6) == pytest.approx(69.1, rel=1e-3)


def test_the_2022_leaf_turns_as_the_epa_lists_it() -> None:
    """112.5 motor turns a minute for each mile per hour."""
    body = car("nissan/leaf_ze1")
    go(body, driving(accelerator=0.5), 8)
    assert body.state.motor_rpm / (body.state.speed_mps / MPH) == pytest.approx(112.5, rel=2e-3)


@pytest.mark.parametrize("name", CARS)
def test_energy_is_neither_made_nor_lost(name: str) -> None:
    """What left the battery is motion, height, and losses; over a hilly drive with stops, to a tenth of a percent."""
    body = car(name, charge=0.7)
    for accelerator, brake, grade, seconds in (
        (0.7, 0.0, 0.0, 10), (0.3, 0.0, 0.06, 20), (0.0, 0.25, 0.0, 15), (0.0, 0.4, -0.03, 8), (1.0, 0.0, -0.05, 6),
        (0.0, 0.0, -0.05, 20), (0.1, 0.1, 0.03, 10), (0.0, 1.0, 0.0, 8),
    ):  # fmt: skip
        go(body, driving(accelerator=accelerator, brake=brake, grade=grade, wind_mps=3.0), seconds)
    drive = powertrain(body)
    spent = body.kinetic_j + body.climb_j + body.road_j + body.brake_j + drive.lost_j
    assert drive.battery_j == pytest.approx(spent, rel=1e-3)
    assert drive.battery_j == pytest.approx(body.state.drawn_kwh * 3.6e6, rel=1e-9)
    assert drive.pack.chemical_j == pytest.approx(drive.battery_j + drive.pack.heat_j, rel=1e-9)
    assert min(body.road_j, body.brake_j, drive.front.loss_j, drive.front.gear_j, drive.pack.heat_j) > 0


def test_the_step_does_not_matter_much() -> None:
    """Five times the step gives the same drive within half a percent."""
    results: list[State] = []
    for dt_s in (0.005, 0.01, 0.05):
        body = car()
        for accelerator, brake, seconds in ((0.5, 0.0, 12), (0.0, 0.0, 10), (0.2, 0.0, 20), (0.0, 0.2, 20)):
            go(body, driving(accelerator=accelerator, brake=brake), seconds, dt_s=dt_s)
        results.append(body.state)
    distances = [state.distance_m for state in results]
    energies = [state.drawn_kwh for state in results]
    assert max(distances) / min(distances) < 1.005
    assert max(energies) / min(energies) < 1.005
    assert all(state.speed_mps == 0.0 for state in results)


def test_the_same_start_gives_the_same_drive() -> None:
    first, second = car(seed=7), car(seed=7)
    for body in (first, second):
        go(body, driving(accelerator=0.4, steering_deg=20.0), 5)
    assert numbers(first.state) == numbers(second.state)


def test_wheels_that_cannot_grip_do_not_pull() -> None:
    dry, ice = car(), car()
    go(dry, driving(accelerator=1.0), 3)
    go(ice, driving(accelerator=1.0, friction=0.1), 3)
    assert ice.state.speed_mps < 0.5 * dry.state.speed_mps
    share = parameters().chassis.front_share
    assert ice.state.acceleration_mps2 < 0.1 * 9.81 * share


def test_braking_is_limited_by_the_road() -> None:
    for friction in (0.3, 0.9):
        body = car()
        go(body, driving(accelerator=1.0), 8)
        speed = body.state.speed_mps
        go(body, driving(brake=1.0, friction=friction), 0.5)
        mean = (speed - body.state.speed_mps) / 0.5
        assert mean < friction * 9.81 + 1.0
        assert mean > 0.8 * friction * 9.81


@pytest.mark.parametrize("name", [*CARS, *BURNING, "mitsubishi/lancer:evo_x"])
def test_motor_engine_and_brakes_share_what_the_tyres_carry(name: str) -> None:
    """On ice the car is slowed by its friction, the air and the rolling, whoever brakes; so it takes its distance."""
    body = car(name)
    go(body, driving(accelerator=0.6), 8)
    speed, way_m = body.state.speed_mps, body.state.distance_m
    resistance = body.road.resistance_n(speed) / body.parameters.chassis.laden_kg
    go(body, driving(brake=1.0, friction=0.1), 60, lambda: body.state.speed_mps == 0.0)
    braked_m = body.state.distance_m - way_m
    assert speed**2 / 2 / (0.1 * 9.81 + resistance) < braked_m < speed**2 / 2 / (0.1 * 9.81)


def test_an_empty_battery_stops_the_car_and_takes_no_harm() -> None:
    body = car(charge=0.05)
    go(body, driving(accelerator=0.6), 900, dt_s=0.05)
    assert 0.0 <= body.state.charge < 0.05
    assert body.state.energy_kwh == pytest.approx(0.0, abs=0.2)
    assert body.state.speed_mps < 20
    assert all(math.isfinite(value) for value in numbers(body.state))


def test_steps_that_cannot_be_are_refused() -> None:
    body = car()
    for dt_s in (0.0, -0.01, MOST_S * 2, math.nan):
        with pytest.raises(ValueError, match="a step is"):
            body.step(Inputs(), dt_s)


_ANY = st.one_of(st.floats(), st.sampled_from((0.0, 1.0, math.nan, math.inf, -math.inf, 1e308)))
_SOME = st.one_of(st.floats(0, 1), _ANY)
_INPUTS = st.builds(
    Inputs,
    accelerator=_SOME, brake=_SOME, steering_deg=st.one_of(st.floats(-500, 500), _ANY), gear=st.sampled_from(Gear),
    parking_brake=st.booleans(), ignition=st.sampled_from(Ignition), climate=st.booleans(), cabin_target_c=_ANY,
    fan=_SOME, plugged=st.booleans(), charge_power_w=st.one_of(st.floats(0, 2e5), _ANY), charge_limit=_SOME,
    air_c=st.one_of(st.floats(-50, 60), _ANY), grade=st.one_of(st.floats(-0.3, 0.3), _ANY), wind_mps=_ANY,
    friction=_SOME,
)  # fmt: skip


@hypothesis.given(
    name=st.sampled_from((*CARS, *BURNING)),
    inputs=st.lists(_INPUTS, min_size=1, max_size=6),
    dt_s=st.sampled_from((0.001, 0.01, 0.05)),
    charge=st.floats(0, 1),
    soak_c=st.floats(-40, 60),
)
@hypothesis.settings(max_examples=30)
def test_whatever_is_put_in_what_comes_out_is_physical(
    name: str, inputs: list[Inputs], dt_s: float, charge: float, soak_c: float
) -> None:
    body = car(name, charge=charge, soak_c=soak_c, air_c=soak_c)
    weight = body.road.weight_n
    fastest = 60.0 + math.sqrt(weight / (0.7 * body.road.square))
    for one in inputs:
        go(body, one, 40 * dt_s, dt_s=dt_s)
        state = body.state
        assert all(math.isfinite(value) for value in numbers(state))
        assert abs(state.speed_mps) < fastest
        assert 0.0 <= state.charge <= 1.0
        assert 0.0 <= state.pack_v < 500
        assert state.fuel_used_l >= 0
        assert abs(state.acceleration_mps2) < 40
        assert state.energy_kwh >= 0


def test_a_second_motor_shares_the_work() -> None:
    base = parameters()
    assert base.motor is not None
    both = changed(base, "chassis", drive_front=0.5)
    both = msgspec.structs.replace(both, rear_motor=base.motor)
    one, two = Body(base), Body(both)
    for body in (one, two):
        go(body, driving(accelerator=1.0), 5)
    assert two.state.speed_mps > 1.1 * one.state.speed_mps
    assert two.state.rear_motor_nm > 0
    go(two, driving(brake=0.3), 3)
    drive = powertrain(two)
    spent = two.kinetic_j + two.climb_j + two.road_j + two.brake_j + drive.lost_j
    assert drive.battery_j == pytest.approx(spent, rel=1e-3)
