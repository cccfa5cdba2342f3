"""Charging, the air in the cabin, and the low-voltage system."""

from __future__ import annotations

import math

import pytest

from commonwheel.twin.climate import Climate
from commonwheel.twin.inputs import Ignition, Inputs
from commonwheel.twin.signals import Standard
from commonwheel.twin.state import State
from tests.twin.bodies import car, driving, go, parameters, powertrain

LONG_S = 0.05


def plugged(power_w: float, **inputs: float) -> Inputs:
    """Return the inputs of a parked car on a charging point."""
    return Inputs(plugged=True, charge_power_w=power_w, **inputs)  # type: ignore[arg-type]


def test_it_charges_with_what_point_and_charger_allow() -> None:
    charger = parameters().charger
    assert charger is not None
    for point_w, wall_w in ((2300.0, 2300.0), (22_000.0, charger.power_w)):
        body = car(charge=0.4)
        go(body, plugged(point_w), 2)
        assert body.state.charging
        assert body.state.wall_w == pytest.approx(wall_w)
        assert body.state.pack_w == pytest.approx(wall_w * charger.efficiency)
        assert body.state.pack_a > 0


def test_a_charger_gives_no_more_than_it_is_told_and_the_car_goes_on_asking_for_what_it_wants() -> None:
    body = car(charge=0.4)
    go(body, plugged(22_000.0), 2)
    usual_w = body.state.pack_w
    assert body.state.charge_asked_w == pytest.approx(usual_w)
    go(body, plugged(22_000.0, charge_ceiling=1_000.0), 1)
    assert body.state.pack_w == pytest.approx(1_000.0)
    assert body.state.charge_asked_w == pytest.approx(usual_w, rel=0.01)
    go(body, plugged(22_000.0, charge_ceiling=2.0, charge_in_amperes=True), 1)
    assert body.state.pack_a == pytest.approx(2.0, rel=0.02)
    go(body, plugged(22_000.0, charge_ceiling=0.0), 1)
    assert not body.state.charging
    assert body.state.wall_w == body.state.pack_w == 0.0
    assert body.state.charge_asked_w == pytest.approx(usual_w, rel=0.01)
    go(body, plugged(22_000.0, charge_ceiling=1e6), 1)
    assert body.state.pack_w == pytest.approx(usual_w, rel=0.01)


def test_a_quick_charger_is_not_the_cars_own_and_takes_no_ceiling() -> None:
    body = car(charge=0.2)
    go(body, plugged(50_000.0, charge_ceiling=0.0), 2)
    assert body.state.charging
    assert body.state.charge_asked_w == 0.0


def test_a_quick_charger_gives_direct_current_that_tapers() -> None:
    body = car(charge=0.2)
    go(body, plugged(50_000.0), 2)
    early = body.state.pack_w
    assert 40_000 < early <= 50_000
    go(body, plugged(50_000.0), 5400, lambda: body.state.charge > 0.85, LONG_S)
    assert body.state.charge > 0.85
    assert body.state.t_s < 3600
    assert body.state.pack_w < 0.6 * early
    assert body.state.cell_high_v <= 4.25


def test_it_ends_at_the_limit_and_stays_ended() -> None:
    body = car(charge=0.78)
    go(body, plugged(6600.0, charge_limit=0.8), 1200, lambda: not body.state.charging and body.state.t_s > 1, LONG_S)
    assert body.state.charge == pytest.approx(0.8, abs=1e-4)
    drawn = body.state.pack_a
    go(body, plugged(6600.0, charge_limit=0.8), 60)
    assert (body.state.charging, body.state.pack_a, drawn) == (False, 0.0, pytest.approx(0.0, abs=20))
    go(body, plugged(6600.0, charge_limit=1.0), 5)
    assert body.state.charging


def test_a_cable_put_in_again_charges_again() -> None:
    body = car(charge=0.795)
    inputs = plugged(6600.0, charge_limit=0.8)
    go(body, inputs, 600, lambda: not body.state.charging and body.state.t_s > 1, LONG_S)
    go(body, Inputs(), 1)
    body.state.charge = 0.79
    go(body, inputs, 1)
    assert body.state.charging


def test_full_is_full() -> None:
    body = car(charge=0.97)
    go(body, plugged(6600.0), 7200, lambda: not body.state.charging and body.state.t_s > 1, LONG_S)
    assert 0.985 < body.state.charge <= 1.0
    assert body.state.t_s < 7200


@pytest.mark.parametrize(("point_w", "charge"), [(6600.0, 0.7), (50_000.0, 0.3)])
def test_the_time_left_is_about_right(point_w: float, charge: float) -> None:
    body = car(charge=charge)
    inputs = plugged(point_w, charge_limit=0.8)
    go(body, inputs, 1)
    told = body.state.charge_left_s
    go(body, inputs, 40_000, lambda: not body.state.charging, LONG_S)
    assert body.state.charge == pytest.approx(0.8, abs=1e-3)
    assert told == pytest.approx(body.state.t_s, rel=0.1)


def test_no_power_and_no_cable_charge_nothing() -> None:
    for inputs in (plugged(0.0), Inputs(charge_power_w=6600.0)):
        body = car(charge=0.4)
        go(body, inputs, 2)
        assert not body.state.charging
        assert body.state.charge == 0.4


def test_a_frozen_battery_charges_slowly_and_a_colder_one_not_at_all() -> None:
    warm, cold = car(charge=0.4), car(charge=0.4, soak_c=-8.0, air_c=-8.0)
    for body in (warm, cold):
        go(body, plugged(50_000.0, air_c=20.0 if body is warm else -8.0), 2)
    assert 0 < cold.state.pack_w < 0.4 * warm.state.pack_w
    frozen = car(charge=0.4, soak_c=-30.0, air_c=-30.0)
    go(frozen, plugged(50_000.0, air_c=-30.0), 2)
    assert frozen.state.charge == 0.4


def test_the_wall_pays_for_all_of_it() -> None:
    body = car(charge=0.5)
    go(body, plugged(6600.0), 600, dt_s=LONG_S)
    drive = powertrain(body)
    assert drive.charging is not None
    assert drive.charging.wall_j == pytest.approx(6600.0 * 600, rel=0.01)
    assert -drive.battery_j == pytest.approx(drive.charging.wall_j * drive.charging.charger.efficiency, rel=1e-6)


def test_a_heater_stronger_than_the_point_takes_the_rest_from_the_battery_and_charging_goes_on() -> None:
    body = car(charge=0.7, air_c=-5.0, soak_c=-5.0)
    inputs = plugged(2300.0, air_c=-5.0, climate=True, cabin_target_c=23.0)
    go(body, inputs, 1)
    charger, path = parameters().charger, "Vehicle.Powertrain.TractionBattery.Charging.Power"
    assert charger is not None
    for _ in range(500):
        body.step(inputs, 0.01)
        assert body.state.charging
        assert body.state.wall_w == pytest.approx(2300.0)
    heater_w = powertrain(body).climate.electric_w
    assert heater_w > 2300.0
    assert body.state.pack_w == pytest.approx(2300.0 * charger.efficiency - heater_w)
    row = [0.0]
    Standard(parameters(), [path]).write(body.state, inputs, row)
    assert row == [pytest.approx(2.3)]


def test_the_cabin_is_cooled_in_summer_and_warmed_in_winter() -> None:
    for air, used in ((35.0, "compressor_w"), (-5.0, "heater_w")):
        body = car(air_c=air, soak_c=air)
        inputs = driving(parking_brake=True, climate=True, cabin_target_c=21.0, air_c=air)
        go(body, inputs, 1)
        most = getattr(body.state, used)
        assert most > 1000
        assert body.state.auxiliary_w > most
        climate = powertrain(body).climate
        for _ in range(1800):
            climate.rest(inputs, body.state, on=True, dt_s=1.0)
        assert body.state.cabin_c == pytest.approx(21.0, abs=4.0)
        assert 0 < getattr(body.state, used) < 0.8 * most


def test_without_climate_the_cabin_follows_the_air_in_its_own_time() -> None:
    auxiliaries = parameters().auxiliaries
    time_s = auxiliaries.cabin_heat_j_per_k / auxiliaries.cabin_loss_w_per_k
    climate, state = Climate(auxiliaries), State(cabin_c=20.0)
    for second in range(6000):
        climate.rest(driving(air_c=-10.0), state, on=True, dt_s=1.0)
        assert state.cabin_c == pytest.approx(-10 + 30 * math.exp(-(second + 1) / time_s), abs=0.02)
    assert state.heater_w == climate.electric_w == 0.0


def test_heating_takes_energy_and_so_range() -> None:
    plain, heated = car(air_c=-5.0, soak_c=-5.0), car(air_c=-5.0, soak_c=-5.0)
    for body, climate in ((plain, False), (heated, True)):
        go(body, driving(accelerator=0.12, air_c=-5.0, climate=climate), 200, dt_s=LONG_S)
    assert heated.state.drawn_kwh > plain.state.drawn_kwh + 0.1


def test_the_low_voltage_rises_when_it_is_supplied_and_falls_when_not() -> None:
    body = car()
    go(body, Inputs(), 10)
    rest = body.state.low_voltage_v
    assert 12.4 < rest < 12.9
    go(body, driving(parking_brake=True), 10)
    assert body.state.low_voltage_v == pytest.approx(parameters().auxiliaries.supply_v, abs=0.05)
    go(body, Inputs(ignition=Ignition.ACCESSORY), 30)
    assert body.state.low_voltage_v < rest


def test_a_flat_low_voltage_battery_shows() -> None:
    full, flat = car(low_voltage_charge=1.0), car(low_voltage_charge=0.1)
    go(flat, Inputs(), 5)
    assert flat.state.low_voltage_v < full.state.low_voltage_v - 1.0
