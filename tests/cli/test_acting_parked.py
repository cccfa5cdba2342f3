"""Comfort live, from the command line to the wire: what is asked of a parked car is shown, and done."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from bench._service import running
from commonwheel.broker import Broker, Stage
from commonwheel.broker.rights import Rights
from commonwheel.catalog import load_catalog
from commonwheel.cli import FINE, main
from commonwheel.client import connect
from commonwheel.gateway.actuator import leave_to_act
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.config import CarSettings, Settings
from commonwheel.gateway.live import LiveCar
from commonwheel.gateway.virtual import VirtualCar
from commonwheel.twin.parameters_file import load_parameters
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import load_vehicle
from commonwheel.web.control_view import ControlView
from commonwheel.web.scene import Scene
from commonwheel.web.views import Viewer
from tests.cli.test_acting import served
from tests.gateway.kit import until

LIMIT = "Vehicle.Powertrain.TractionBattery.Charging.PowerLimit"
CHARGING = "Vehicle.Powertrain.TractionBattery.Charging.IsCharging"
CLIMATE = "Vehicle.Cabin.HVAC.IsAirConditioningActive"
OUTLANDER, ZE0, AZE0 = "mitsubishi/outlander_phev", "nissan/leaf_ze0", "nissan/leaf_aze0"
PLUGGED = """\
format: 1
scenario: plugged
about: Stands at a charging point, and charges.
start: {charge: 40 %, fuel: 50 %, air: 33 degC}
drive: [wait: 2 h]
events: [{at: 0.2 s, plug: {power: 3.6 kW}}]
"""


def patient(name: str, folder: Path) -> Path:
    """Return the folder of a car as *name*, but on a machine that may stall."""
    own = folder / "acme" / name.rpartition("/")[2]
    own.mkdir(parents=True)
    sold = "sold_as: [{brand: Acme, model: Patient}]"
    (own / "vehicle.yaml").write_text(f"format: 1\nvehicle: acme/{own.name}\n{sold}\nextends: {name}\n")
    (own / "control.yaml").write_text("format: 1\nlate_loop: 5 s\nclock_step: 5 s\n")
    return own


@contextmanager
def parked(name: str, folder: Path) -> Iterator[tuple[LiveCar, Twin, str]]:
    """Serve a simulated car at a charging point, armed: the car, what simulates it, and where it is served."""
    path = folder / "plugged.yaml"
    path.write_text(PLUGGED)
    own = str(patient(name, folder))
    vehicle, broker = load_vehicle(own), Broker(load_catalog(), name="parked")
    twin = Twin(vehicle, load_scenario(path), parameters=load_parameters(own), harness=True)
    gateway = CarGateway(vehicle, broker, VirtualCar(twin), actuate=leave_to_act(vehicle, own))
    gateway.start()
    try:
        with served(broker) as where:
            until(lambda: twin.state.charging and twin.state.wall_w > 3_000.0, "that it charges")
            until(lambda: main(["arm", "--connect", where, "--reason", "a test"]) == FINE)
            yield LiveCar("parked", broker, gateway, ()), twin, where
    finally:
        gateway.stop()


def rows(where: str, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Return what 'commonwheel requests' shows, by actuator."""
    capsys.readouterr()
    assert main(["requests", "--connect", where, "--json"]) == FINE
    return {row["signal"]: row for row in json.loads(capsys.readouterr().out)["actuators"]}


@pytest.mark.parametrize(
    "name", [OUTLANDER, pytest.param(ZE0, marks=pytest.mark.slow), pytest.param(AZE0, marks=pytest.mark.slow)]
)
def test_a_charge_is_limited_and_shown_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with parked(name, tmp_path) as (live, twin, where), connect(where) as car:
        own_w = twin.state.wall_w
        page = ControlView(Viewer(_scene(live), Rights.everything("a test")), {})
        car.request(LIMIT, 1.2, valid_s=30.0, timeout_s=0.1)
        until(lambda: 600.0 < twin.state.wall_w <= 1_200.0, "that it charges with less")
        until(lambda: abs((rows(where, capsys)[LIMIT]["sent"] or 0.0) - 1.2) < 0.12, "that frames say it")
        shown = rows(where, capsys)[LIMIT]
        assert (shown["state"], shown["source"]) == ("engaged", "127.0.0.1")
        assert (shown["asked"], shown["allowed"], shown["measured"]) == (1.2, 1.2, None)
        doing = cast("dict[str, Any]", page.take())["0"]["doing"][LIMIT]
        assert doing == ["127.0.0.1", shown["asked"], shown["allowed"], pytest.approx(shown["sent"]), None]
        gateway = cast("CarGateway", live.gateway)
        assert gateway.actuator is not None
        said = {(one.kind, one.facts["rule"]) for one in gateway.actuator.record.last()}
        assert {("arming", "armed"), ("transition", "engagement"), ("verdict", "rate"), ("progress", "sent")} <= said
        car.request(LIMIT, 0.0, valid_s=30.0, timeout_s=0.1)
        until(lambda: not twin.state.charging, "that it waits")
        car.withdraw(LIMIT)
        until(lambda: twin.state.wall_w > 0.95 * own_w, "that it charges as it would")
        assert rows(where, capsys)[LIMIT]["asked"] is None


def _scene(live: LiveCar) -> Scene:
    return Scene(Settings(cars={live.name: CarSettings(car=live.name)}), (live,))


@pytest.mark.slow
@pytest.mark.parametrize("name", [ZE0, AZE0])
def test_climate_is_switched_while_it_charges(tmp_path: Path, name: str) -> None:
    with parked(name, tmp_path) as (_, twin, where), connect(where) as car:
        for wanted in (True, False):
            outcome = car.request(CLIMATE, wanted, timeout_s=20.0)
            assert outcome.stage is Stage.CONFIRMED, outcome.steps
            assert car.get(CLIMATE).good is wanted
            assert twin.state.charging


@pytest.mark.slow
def test_smart_charging_holds_a_charge_back_until_it_is_cheap(tmp_path: Path) -> None:
    """As the guide has it: a service, an operator who arms it, and an app that is run beside it."""
    scenario = tmp_path / "plugged.yaml"
    scenario.write_text(PLUGGED)
    own = patient(OUTLANDER, tmp_path)
    options = ("--car", own, "--virtual", scenario, "--actuate", "--no-viss", "--no-flight", "--no-metrics")
    now = time.time()
    hours = [time.strftime("%H:%M", time.gmtime(now + 3600 * after)) for after in (-1, 2, 9)]
    settings = [f'prices=[["{hours[0]}", 0.5], ["{hours[1]}", 0.1]]', f"ready_by={hours[2]}", "capacity=12"]
    with running(tmp_path / "log", *options) as service:
        where = f"localhost:{service.port('grpc')}"
        until(lambda: main(["arm", "--connect", where, "--reason", "a test"]) == FINE)
        command = [sys.executable, "-m", "commonwheel", "app", "run", "smart-charging", "--connect", where]
        command += ["--seconds", "75", "--json", *(word for one in settings for word in ("--set", one))]
        with connect(where) as car:
            until(lambda: car.get(CHARGING).good is True, "that it charges by itself")
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
                told, _ = app.communicate(timeout=150)
            until(lambda: car.get(CHARGING).good is True, "that it charges once the app is gone")
            assert any(reading.good is False for reading in car.history(CHARGING, 30.0)), "it never waited"
    facts = json.loads(told)
    assert facts["outputs"]["charge_now"]["value"] is False
    assert [event["event"] for event in facts["events"]] == ["stop"]
    assert re.search(r"actuation.sent.*PowerLimit", (tmp_path / "log").read_text())


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise there")
def test_a_second_signal_ends_the_process_when_the_car_is_released(tmp_path: Path) -> None:
    scenario, record = tmp_path / "plugged.yaml", tmp_path / "verdicts.jsonl"
    scenario.write_text(PLUGGED)
    own = patient(OUTLANDER, tmp_path)
    options = ("--car", own, "--virtual", scenario, "--actuate", "--no-viss", "--no-flight", "--no-metrics")
    with running(tmp_path / "log", *options, "--verdicts", record, "--stop-seconds", "60") as service:
        where = f"localhost:{service.port('grpc')}"
        until(lambda: main(["arm", "--connect", where, "--reason", "a test"]) == FINE)
        with connect(where) as car:
            car.request(LIMIT, 3.0, valid_s=30.0, timeout_s=0.1)
            until(lambda: '"subject": "charge_current", "outcome": "allowed"' in record.read_text(), "that it acts")
            service.process.send_signal(signal.SIGTERM)
            service.process.send_signal(signal.SIGINT)
            assert service.process.wait(60) in {128 + signal.SIGINT, 128 + signal.SIGTERM, FINE}
    said = [json.loads(line) for line in record.read_text().splitlines()]
    release = [one for one in said if one["kind"] == "verdict" and one["subject"] == "charge_current"]
    assert {one["rule"] for one in release} >= {"release"}
    assert release[-1]["allowed"] == 0.0
    assert "releasing comfort, which takes 1 s at most" in (tmp_path / "log").read_text()
