"""Smart charging on simulated cars, in closed loop on their wires: it waits, charges when it is cheap, and lets go."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from commonwheel.control import Request
from commonwheel.guard import State
from commonwheel.proving.intervention import Intervention, Kind
from commonwheel.proving.loop import AppUse, Loop, Setup
from commonwheel.twin.parameters_file import load_parameters
from commonwheel.twin.scenario_file import load_scenario
from tests.proving.drives import car

CLIMATE = "Vehicle.Cabin.HVAC.IsAirConditioningActive"
LIMIT = "Vehicle.Powertrain.TractionBattery.Charging.PowerLimit"
OUTLANDER, LEAF = "mitsubishi/outlander_phev", "nissan/leaf_ze0"
ZE1 = "nissan/leaf_ze1:40kwh"
PLUGGED = """\
format: 1
scenario: plugged
about: for tests
start: {{charge: {charge} %, fuel: 50 %, air: 18 degC}}
length: {length} s
drive: [wait: {length} s]
events: [{{at: 0.2 s, plug: {{power: 6.6 kW}}}}]
"""
S = 10**9


def plugged(folder: Path, name: str, *, charge: float = 40, length: float = 20, apps: tuple[AppUse, ...] = ()) -> Setup:
    """Return a parked car at a charging point."""
    path = folder / "plugged.yaml"
    path.write_text(PLUGGED.format(charge=charge, length=length))
    vehicle, control = car(name)
    return Setup(vehicle, control, load_scenario(path), apps)


def ask(loop: Loop, kw: float, until_s: float) -> None:
    """Ask for a limit, again and again."""
    while loop.t_ns < until_s * S:
        loop.control.request(Request(LIMIT, kw, "test", loop.t_ns, S, 0, "kW"))
        loop.until(loop.t_ns / S + 0.5)


@pytest.mark.parametrize(
    "name", [OUTLANDER, pytest.param(LEAF, marks=pytest.mark.slow), pytest.param(ZE1, marks=pytest.mark.slow)]
)
def test_a_charge_is_limited_stopped_and_left_to_the_car_again(tmp_path: Path, name: str) -> None:
    loop = Loop(plugged(tmp_path, name))
    state = loop.twin.state
    loop.until(1.5)
    own_w = state.wall_w
    assert own_w > 3_000.0
    ask(loop, 1.5, 5.5)
    assert 1_000.0 < state.wall_w <= 1_500.0  # within what was asked for, whatever the charger wastes
    assert loop.control.acting[LIMIT].sent == pytest.approx(1.5, abs=0.12)
    ask(loop, 0.0, 8.0)
    assert not state.charging
    assert state.wall_w == 0.0
    ask(loop, 99.0, 14.0)  # never more than the car itself asks for
    assert 0.8 * own_w < state.wall_w <= own_w + 1.0
    loop.until(19.0)  # silence
    assert loop.control.guard.state("comfort") is State.ARMED
    assert math.isnan(loop.control.acting[LIMIT].sent)
    assert state.wall_w == pytest.approx(own_w, rel=0.01)
    assert not [said for said in loop.result().said if getattr(said, "after", None) is State.FAULTED]


@pytest.mark.slow
@pytest.mark.parametrize("name", [OUTLANDER, LEAF])
def test_the_app_charges_when_it_is_cheap_and_is_ready_in_time(tmp_path: Path, name: str) -> None:
    """Half an hour that stands for a night: a small battery, and prices that change every ten minutes."""
    prices = [["00:00", 0.30], ["00:10", 0.10], ["00:25", 0.40]]
    settings = (("prices", json.dumps(prices)), ("ready_by", "00:25"), ("target", 60.0), ("minimum", 5.0))
    use = AppUse("smart-charging", (*settings, ("capacity", 3.0), ("power", 3.3)))
    setup = plugged(tmp_path, name, charge=50, length=1500, apps=(use,))
    parameters = load_parameters(name)
    assert parameters.battery is not None
    small = msgspec.structs.replace(parameters.battery, capacity_ah=parameters.battery.capacity_ah / 5)
    setup = replace(setup, parameters=msgspec.structs.replace(parameters, battery=small), keep_frames=False)
    loop = Loop(setup)
    spent = {0.30: 0.0, 0.10: 0.0}
    while not loop.finished:
        loop.step()
        spent[0.30 if loop.t_ns < 600 * S else 0.10] += loop.twin.state.wall_w * 0.01 / 3.6e6
    did = loop.result()
    assert not did.failures
    assert "ready" in [event.name for _, event in did.events]
    assert spent[0.30] < 0.07  # before its first look, after a minute
    assert spent[0.10] > 0.15


def test_climate_that_is_asked_for_leaves_the_charge_to_the_car(tmp_path: Path) -> None:
    """What nobody asks for any more is not held at 0 by what else acts on the same axis; what is asked for is."""
    loop = Loop(plugged(tmp_path, LEAF, length=12))
    loop.until(1.5)
    own_w = loop.twin.state.wall_w
    assert own_w > 3_000.0
    loop.control.request(Request(CLIMATE, 1.0, "a test", loop.t_ns, 20 * S, 0, ""))
    loop.until(4.0)
    assert loop.control.guard.state("comfort") is State.ENGAGED
    assert loop.twin.state.charging
    loop.control.request(Request(LIMIT, 0.0, "another", loop.t_ns, S, 0, "kW"))
    loop.until(4.9)
    assert not loop.twin.state.charging
    loop.until(8.0)
    assert loop.control.guard.state("comfort") is State.ENGAGED, "the climate is asked for still"
    assert loop.twin.state.charging
    assert loop.twin.state.wall_w > 0.9 * own_w


def test_the_car_charges_by_itself_once_the_app_is_gone(tmp_path: Path) -> None:
    use = AppUse(
        "smart-charging", (("prices", '[["00:00", 0.3], ["06:00", 0.1]]'), ("capacity", 12.0), ("target", 78.0))
    )
    setup = plugged(tmp_path, OUTLANDER, charge=79, length=67, apps=(use,))
    setup = replace(setup, interventions=(Intervention(Kind.KILLED, "smart-charging", 62.0),), keep_frames=False)
    loop = Loop(setup)
    loop.until(61.8)
    assert loop.control.guard.state("comfort") is State.ENGAGED
    assert not loop.twin.state.charging
    loop.until(66.5)
    assert loop.control.guard.state("comfort") is State.ARMED
    assert loop.twin.state.charging
