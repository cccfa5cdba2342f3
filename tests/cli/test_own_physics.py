"""A car of one's own, in a folder that Commonwheel does not know, drives by its own physics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commonwheel.cli import FINE, main

VEHICLE = """
format: 1
vehicle: acme/van
sold_as: [{brand: Acme, model: Van, years: 2024}]
extends: nissan/leaf_aze0
evidence: assumed (as the Leaf)
"""
TWIN = """
format: 1
chassis: {mass: 2500 kg, source: weighed}
road_load: {drag_area: 1.4 m^2, rolling: 1.2 %, source: estimate}
"""


def test_a_car_in_a_folder_is_driven_by_what_its_folder_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    car = tmp_path / "far" / "away" / "acme" / "van"
    car.mkdir(parents=True)
    (car / "vehicle.yaml").write_text(VEHICLE)
    (car / "twin.yaml").write_text(TWIN)
    used: list[float] = []
    for name in (str(car), "nissan/leaf_aze0"):
        log = tmp_path / "drive.log"
        assert main(["twin", name, "--scenario", "town", "--seconds", "60", "-o", str(log), "--json"]) == FINE
        used.append(json.loads(capsys.readouterr().out)["energy_kwh"])
    assert used[0] > 1.3 * used[1]
