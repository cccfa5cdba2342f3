"""A short drive for tests: at 80 km/h the driver switches cruise control on, lets go, and a bend comes."""

from __future__ import annotations

import functools
from pathlib import Path

from commonwheel.control import Control
from commonwheel.control.description import load_control
from commonwheel.proving.intervention import Intervention
from commonwheel.proving.loop import AppUse, Loop, Setup
from commonwheel.twin.scenario import Scenario
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.vehicle import Vehicle

CIVIC = "honda/civic_touring_2016"
LEAF = "nissan/leaf_ze1:40kwh"
BOTH = (AppUse("adaptive-cruise"), AppUse("lane-centring"))
SHORT = """\
format: 1
scenario: short
about: for tests
start: {speed: 80 km/h}
drive: [{hold: 1.3 s}, {accelerator: 0 %, for: 5.7 s}]
lane: {bends: [{after: 60 m, over: 200 m, turn: left, radius: 600 m, clothoid: 60 m}]}
lead: {gap: 45 m, speed: 78 km/h}
events:
  - {at: 0.3 s, cruise: {press: main}}
  - {at: 1 s, cruise: {press: set}}
  - {at: 1.5 s, hands: off}
"""


@functools.cache
def car(name: str = CIVIC) -> tuple[Vehicle, Control]:
    vehicle = load_vehicle(name)
    control = load_control(vehicle)
    assert control is not None
    return vehicle, control


def scenario(folder: Path, text: str = SHORT) -> Scenario:
    path = folder / "short.yaml"
    path.write_text(text)
    return load_scenario(path)


def loop(folder: Path, *interventions: Intervention, name: str = CIVIC, apps: tuple[AppUse, ...] = BOTH) -> Loop:
    vehicle, control = car(name)
    return Loop(Setup(vehicle, control, scenario(folder), apps, interventions=interventions, arm_s=0.2))
