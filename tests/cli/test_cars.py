"""``commonwheel cars``: what is described, and what one car offers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commonwheel.cli import FINE, UNUSABLE, VERBS, main, show

VERBS_WITH_CARS = ("cars", "compare")


def test_every_car_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cars"]) == FINE
    out = capsys.readouterr().out
    assert "\x1b" not in out
    rows = out.splitlines()
    assert rows[0].split() == ["car", "sold", "as", "powertrain", "buses", "signals", "requests"]
    assert any(row.startswith("nissan/leaf_ze1:40kwh ") for row in rows)


def test_json_lists_every_car(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cars", "--json"]) == FINE
    cars = json.loads(capsys.readouterr().out)
    lancer = next(car for car in cars if car["car"] == "mitsubishi/lancer")
    assert lancer.keys() == {"car", "sold_as", "powertrain", "buses", "signals", "requests", "attributes"}
    assert lancer["sold_as"][0]["brand"] == "Mitsubishi"
    assert lancer["buses"] == ["main"]


def test_one_car_shows_its_signals_and_requests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cars", "honda/civic_touring_2016"]) == FINE
    out = capsys.readouterr().out
    assert out.startswith("Honda Civic")
    assert "fcan/WheelSpeeds.FrontLeft" in out
    assert "confirmed by" in out
    assert "-3.5 to 1.6 m/s^2" in out
    assert "VehicleIdentification.Brand = Honda" in out
    assert main(["cars", "mitsubishi/lancer"]) == FINE
    assert ", personal" in capsys.readouterr().out


def test_one_car_as_json_has_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cars", "mitsubishi/lancer", "--json"]) == FINE
    facts = json.loads(capsys.readouterr().out)
    assert len(facts["table"]) == facts["signals"]
    speed = next(row for row in facts["table"] if row["path"] == "Vehicle.Speed")
    assert speed["unit"] == "km/h"
    assert speed["sources"] == ["main/VehicleSpeed.Speed"]
    assert [row["path"] for row in facts["table"] if row["personal"]] == ["Vehicle.VehicleIdentification.VIN"]


def test_on_a_terminal_json_is_indented(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(show, "terminal", lambda: True)
    assert main(["cars", "mitsubishi/lancer", "--json"]) == FINE
    assert capsys.readouterr().out.startswith('{\n  "car": "mitsubishi/lancer",')


def test_a_car_that_is_not_described_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cars", "nissan/leef_ze1"]) == UNUSABLE
    assert "there is no car 'nissan/leef_ze1' (did you mean 'nissan/leaf_ze1'?)" in capsys.readouterr().err


def test_cars_of_one_s_own_are_listed_too(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = cart.parent.parent
    assert main(["cars", "--cars", str(own)]) == FINE
    said = capsys.readouterr()
    assert "Acme Cart" in said.out
    assert not said.err
    assert main(["cars", "acme/cart", "--cars", str(own), "--json"]) == FINE
    assert json.loads(capsys.readouterr().out)["signals"] == 1


@pytest.mark.parametrize("verb", VERBS_WITH_CARS)
@pytest.mark.parametrize("fault", ["wheels: 4\n", "signals: [\n"])
def test_a_faulty_one_is_left_out_and_told(
    verb: str, fault: str, cart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Be it a wrong row or no YAML at all; the shipped ones are there all the same."""
    assert verb in VERBS
    with (cart / "vehicle.yaml").open("a") as file:
        file.write(fault)
    assert main([verb, "--cars", str(cart.parent.parent)]) == FINE
    said = capsys.readouterr()
    assert "mitsubishi/lancer" in said.out
    assert f"note: {cart} has faults and is left out; 'commonwheel check {cart}' tells them" in said.err


@pytest.mark.parametrize("verb", VERBS_WITH_CARS)
def test_a_folder_that_is_not_there_is_named(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--cars", "no/such"]) == UNUSABLE
    assert "there is no such folder" in capsys.readouterr().err
