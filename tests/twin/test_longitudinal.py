"""What holds a car back: coast-down in closed form, slopes, wind and cold."""

from __future__ import annotations

import math

import msgspec
import pytest

from commonwheel.twin.body import Body
from commonwheel.twin.inputs import Gear
from commonwheel.twin.longitudinal import GRAVITY, Road
from commonwheel.twin.parameters import RoadLoad
from commonwheel.twin.start import Start
from tests.twin.bodies import LEAF, car, driving, go, parameters

CARS = (LEAF, "nissan/leaf_ze1", "mitsubishi/imiev", "honda/e")


def coasted_s(inertia_kg: float, a: float, b: float, c: float, first: float, last: float) -> float:
    """Return how long a car coasts between two speeds under F = a + b v + c v^2, with 4 a c > b^2."""
    root = math.sqrt(4 * a * c - b * b)
    return inertia_kg * 2 / root * (math.atan((2 * c * first + b) / root) - math.atan((2 * c * last + b) / root))


@pytest.mark.parametrize("name", CARS)
@pytest.mark.parametrize(("first_kmh", "last_kmh"), [(110, 100), (60, 50), (110, 20)])
def test_a_car_coasts_down_as_its_road_load_says(name: str, first_kmh: float, last_kmh: float) -> None:
    body = car(name)
    neutral = driving(gear=Gear.NEUTRAL)
    go(body, neutral, 0.1)
    body.state.speed_mps = (first_kmh + 1) / 3.6
    go(body, neutral, 60, lambda: body.state.speed_mps <= first_kmh / 3.6)
    begun, fast = body.state.t_s, body.state.speed_mps
    go(body, neutral, 600, lambda: body.state.speed_mps <= last_kmh / 3.6)
    road = Road(parameters(name))
    mass = parameters(name).chassis.inertia_kg
    expected = coasted_s(mass, road.rolling_n, road.linear, road.square, fast, body.state.speed_mps)
    assert body.state.t_s - begun == pytest.approx(expected, rel=1e-3)


def test_the_2022_leaf_has_the_road_load_that_the_epa_lists() -> None:
    """F = A + B v + C v^2 with A = 25.89 lbf, B = 0.3449 lbf/mph, C = 0.01945 lbf/mph^2, at 3875 lb."""
    base = parameters("nissan/leaf_ze1")
    tested = msgspec.structs.replace(base.chassis, load_kg=3875 * 0.45359237 - base.chassis.mass_kg)
    road = Road(msgspec.structs.replace(base, chassis=tested))
    for mph in (10, 30, 55, 75):
        pounds = 25.89 + 0.3449 * mph + 0.01945 * mph**2
        assert road.resistance_n(mph * 0.44704) == pytest.approx(pounds * 4.4482216, rel=1e-6)


def test_a_lighter_car_rolls_in_proportion() -> None:
    road, load = Road(parameters("nissan/leaf_ze1")), parameters("nissan/leaf_ze1").road_load
    laden = parameters("nissan/leaf_ze1").chassis.laden_kg
    assert road.rolling_n == pytest.approx(load.constant_n * laden / load.at_kg)


def test_a_slope_pulls_with_its_share_of_the_weight() -> None:
    body = car()
    go(body, driving(gear=Gear.NEUTRAL, parking_brake=True), 0.1)
    go(body, driving(gear=Gear.NEUTRAL, grade=-0.10), 1)
    chassis = parameters().chassis
    angle = math.atan(0.10)
    force = chassis.laden_kg * GRAVITY * math.sin(angle) - body.road.rolling_n
    assert body.state.acceleration_mps2 == pytest.approx(force / chassis.inertia_kg, rel=0.005)


def test_a_car_rolls_to_the_speed_at_which_slope_and_resistance_balance() -> None:
    body = Body(parameters())
    go(body, driving(gear=Gear.NEUTRAL, grade=-0.05), 600, dt_s=0.05)
    assert body.road.resistance_n(body.state.speed_mps) == pytest.approx(body.road.slope_n, rel=1e-3)


def test_wind_counts_as_speed_through_the_air() -> None:
    calm, head = car(), car()
    for body, wind in ((calm, 0.0), (head, 10.0)):
        go(body, driving(gear=Gear.NEUTRAL), 0.1)
        body.state.speed_mps = 20.0
        body.step(driving(gear=Gear.NEUTRAL, wind_mps=wind), 0.01)
    road, mass = calm.road, parameters().chassis.inertia_kg
    more = road.square * (30.0**2 - 20.0**2) / mass
    assert calm.state.acceleration_mps2 - head.state.acceleration_mps2 == pytest.approx(more, rel=1e-3)


def test_a_gale_from_behind_does_not_move_a_braked_car_but_may_a_free_one() -> None:
    for brake, moves in ((0.2, False), (0.0, True)):
        body = car()
        go(body, driving(gear=Gear.NEUTRAL, brake=brake, wind_mps=-30.0), 3)
        assert (body.state.speed_mps > 0.05) is moves


def test_cold_air_is_denser_and_cold_tyres_are_stiffer() -> None:
    warm, cold = Body(parameters(), Start(air_c=20)), Body(parameters(), Start(air_c=-10))
    assert cold.road.square / warm.road.square == pytest.approx(293.15 / 263.15)
    assert 1.2 < cold.road.rolling_n / warm.road.rolling_n < 1.4


def test_both_forms_of_road_load_are_the_same_physics() -> None:
    base = parameters()
    road = Road(base)
    stated = RoadLoad(constant_n=road.rolling_n, square=road.square)
    other = Road(msgspec.structs.replace(base, road_load=stated))
    for speed in (0.0, 10.0, 30.0):
        assert other.resistance_n(speed) == pytest.approx(road.resistance_n(speed))
