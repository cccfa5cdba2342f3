"""The traction battery: its circuit in closed form, its limits, and its cells."""

from __future__ import annotations

import math

import hypothesis
import hypothesis.strategies as st
import pytest

from commonwheel.twin.battery import Pack
from commonwheel.twin.inputs import Ignition, Inputs
from commonwheel.twin.start import Start
from commonwheel.twin.state import State
from commonwheel.twin.tables import Table, interpolate
from tests.twin.bodies import car, driving, go, parameters


def pack(charge: float = 0.5, soak_c: float = 25.0, health: float = 1.0, seed: int = 0) -> tuple[Pack, State]:
    """Return a battery at rest."""
    battery = parameters().battery
    assert battery is not None
    state = State()
    return Pack(battery, Start(charge=charge, soak_c=soak_c, health=health, seed=seed), state), state


def test_at_rest_it_has_its_open_circuit_voltage() -> None:
    found, state = pack(0.5)
    assert state.pack_v == pytest.approx(96 * 3.86, rel=1e-6)
    found.draw(state, 0.0, 0.01)
    assert (state.pack_a, state.pack_v) == (0.0, pytest.approx(96 * 3.86, rel=1e-6))


def test_a_load_pulls_the_voltage_down_by_its_resistance_at_once_and_by_the_rest_in_time() -> None:
    found, state = pack(0.5)
    battery = found.battery
    rest_v = state.pack_v
    found.draw(state, -20_000.0, 0.01)
    assert state.pack_a < 0
    assert state.pack_v * state.pack_a == pytest.approx(-20_000.0)
    assert rest_v - state.pack_v == pytest.approx(-state.pack_a * battery.resistance_ohm, rel=1e-6)
    amps = state.pack_a
    for _ in range(1000):
        found.draw(state, amps * state.pack_v, 0.01)
    passed = 1 - math.exp(-10.01 / battery.settling_s)
    expected = found.battery.polarisation_ohm * amps * passed
    assert found.behind_v - 96 * interpolate(battery.open_circuit_v, state.charge) == pytest.approx(expected, rel=0.01)


def test_a_parked_car_s_voltage_recovers() -> None:
    body = car(charge=0.5)
    go(body, driving(accelerator=0.8), 20)
    go(body, driving(brake=1.0), 8)
    go(body, Inputs(ignition=Ignition.OFF), 1)
    early = body.state.pack_v
    go(body, Inputs(ignition=Ignition.OFF), 120, dt_s=0.05)
    battery = parameters().battery
    assert battery is not None
    rest_v = 96 * interpolate(battery.open_circuit_v, body.state.charge)
    assert early < rest_v - 0.2
    assert body.state.pack_v == pytest.approx(rest_v, abs=0.01)
    assert body.state.pack_a == 0.0


def test_charge_is_counted() -> None:
    found, state = pack(0.5)
    for _ in range(6000):
        found.draw(state, -10.0 * state.pack_v, 0.05)
    assert state.charge == pytest.approx(0.5 - 10 * 300 / 3600 / found.battery.capacity_ah, rel=1e-3)
    before = state.charge
    for _ in range(6000):
        found.draw(state, 10.0 * state.pack_v, 0.05)
    put_in = found.battery.coulombic * 10 * 300 / 3600 / found.battery.capacity_ah
    assert state.charge - before == pytest.approx(put_in, rel=2e-3)


def test_what_it_gives_is_what_its_cells_lose_less_the_heat() -> None:
    found, state = pack(0.9)
    before = found.energy_j(state.charge)
    out = 0.0
    for step in range(20_000):
        out -= found.draw(state, -30_000.0 if step % 400 < 300 else 15_000.0, 0.05) * 0.05
    assert found.chemical_j == pytest.approx(out + found.heat_j, rel=1e-9)
    lost = (1 - found.battery.coulombic) * 15_000 * 5000 * 0.05
    assert before - found.energy_j(state.charge) == pytest.approx(found.chemical_j, abs=lost + 0.002 * found.chemical_j)
    assert found.heat_j > 0


def test_it_holds_what_its_name_says() -> None:
    _, state = pack(1.0)
    assert 27 < state.energy_kwh < 30
    _, aged = pack(1.0, health=0.7)
    assert aged.energy_kwh == pytest.approx(0.7 * state.energy_kwh)


def test_more_than_it_can_give_is_not_given() -> None:
    found, state = pack(0.5)
    given = found.draw(state, -10e6, 0.01)
    best = found.behind_v**2 / 4 / found.ohm
    assert -best * 1.01 < given < -0.9 * best
    assert state.pack_v > 0


@hypothesis.given(charge=st.sampled_from((0.0, 1e-7, 1.0, 1 - 1e-7)), power=st.floats(-2e5, 2e5))
def test_full_and_empty_are_ends(charge: float, power: float) -> None:
    found, state = pack(charge)
    for _ in range(20):
        found.draw(state, power, 0.05)
    assert 0.0 <= state.charge <= 1.0
    assert math.isfinite(state.pack_v)


def test_cold_makes_it_stiff_and_weak() -> None:
    (warm, summer), (cold, winter) = pack(0.5, 25.0), pack(0.5, -20.0)
    assert cold.ohm > 2.5 * warm.ohm
    assert winter.discharge_limit_w < 0.6 * summer.discharge_limit_w
    assert winter.charge_limit_w < 0.1 * summer.charge_limit_w


def test_limits_follow_the_charge() -> None:
    _, full = pack(1.0)
    _, half = pack(0.5)
    _, empty = pack(0.03)
    assert full.charge_limit_w < 0.1 * half.charge_limit_w
    assert empty.discharge_limit_w < 0.1 * half.discharge_limit_w


def test_within_its_limits_no_cell_leaves_its_voltages() -> None:
    for charge in (0.1, 0.3, 0.6, 0.9, 1.0):
        found, state = pack(charge)
        battery = found.battery
        found.draw(state, state.charge_limit_w, 0.01)
        assert state.pack_v / 96 <= battery.cell_high_v + 1e-9
        found, state = pack(charge)
        found.draw(state, -state.discharge_limit_w, 0.01)
        assert state.pack_v / 96 >= battery.cell_low_v - 1e-9


def test_cells_differ_by_the_seed_alone() -> None:
    (one, first), (same, _), (other, _) = pack(seed=1), pack(seed=1), pack(seed=2)
    assert one.cells == same.cells != other.cells
    assert len(one.cells) == 96
    assert first.cell_low_v < first.pack_v / 96 < first.cell_high_v
    assert 0.01 < first.cell_high_v - first.cell_low_v < 0.08


def test_it_warms_by_what_it_loses_and_cools_to_the_air() -> None:
    found, state = pack(0.9, 20.0)
    for _ in range(600):
        for _ in range(10):
            found.draw(state, -40_000.0, 0.05)
        found.rest(state, 20.0, 0.5)
    gained = found.battery.heat_j_per_k * (state.pack_c - 20.0)
    assert gained == pytest.approx(found.heat_j, rel=0.05)
    warmest = state.pack_c
    for _ in range(3600):
        found.rest(state, 0.0, 10.0)
    time_s = found.battery.heat_j_per_k / found.battery.cooling_w_per_k
    assert state.pack_c == pytest.approx(warmest * math.exp(-36_000 / time_s), rel=0.01)


_PLACES = st.lists(st.integers(0, 20), min_size=2, max_size=8, unique=True)


@hypothesis.given(places=_PLACES, values=st.lists(st.floats(-5, 5), min_size=8, max_size=8), x=st.floats(-0.5, 1.5))
def test_a_table_is_its_curve(places: list[int], values: list[float], x: float) -> None:
    """Exactly so where the curve's points lie on the table's steps, as those of people do; level beyond both ends."""
    curve = tuple((place / 20, value) for place, value in zip(sorted(places), values, strict=False))
    table = Table.of(curve, 0.0, 1.0)
    assert table.at(x) == pytest.approx(interpolate(curve, min(1.0, max(0.0, x))), abs=1e-9)
