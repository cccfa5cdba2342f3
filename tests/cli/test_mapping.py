"""``commonwheel mapping``: import and export, what is printed, and how wrong input is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commonwheel.cli import FINE, PROBLEMS, UNUSABLE, main
from commonwheel.vehicles import load_vehicle

DBC = """VERSION ""
BU_: Car
BO_ 256 Motion: 8 Car
 SG_ Spd : 0|16@1+ (0.01,0) [0|655.35] "km/h" Car
 SG_ GearSel : 16|3@1+ (1,0) [0|7] "" Car
VAL_ 256 GearSel 0 "P" 1 "R" 2 "N" 3 "D" ;
"""
OVERLAY = """Vehicle.Speed:
  type: sensor
  datatype: float
  dbc2vss: {signal: Spd, interval_ms: 100}
Vehicle.Powertrain.Transmission.SelectedGear:
  type: actuator
  datatype: int8
  dbc2vss:
    signal: GearSel
    transform: {mapping: [{from: P, to: 126}, {from: R, to: -1}, {from: N, to: 0}, {from: D, to: 127}]}
Vehicle.AverageSpeed:
  type: sensor
  datatype: float
  dbc2vss: {signal: Spd, transform: {math: "sin(x)"}}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMMONWHEEL_CACHE", str(tmp_path / "cache"))
    Path("car.dbc").write_text(DBC)
    Path("car.vspec").write_text(OVERLAY)


def run(*arguments: str) -> int:
    return main(["mapping", *arguments])


def test_import_says_what_it_made_and_what_it_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "car.vspec", "--dbc", "car.dbc", "--vehicle", "acme/one", "--model", "One!") == FINE
    said = capsys.readouterr()
    assert said.out == "acme/one/vehicle.yaml: 2 signals, 0 requests of car.vspec; 1 left out\n"
    assert "car.vspec:14: Vehicle.AverageSpeed: left out: 'sin(x)': expressions here have no 'sin'" in said.err
    vehicle = load_vehicle("acme/one", folders=(Path(),))
    assert vehicle.title == "Acme One!"
    assert main(["check", "acme/one"]) == FINE


def test_strict_turns_what_is_left_out_into_a_problem() -> None:
    assert run("import", "car.vspec", "--dbc", "car.dbc", "--strict") == PROBLEMS
    assert Path("imported/car/vehicle.yaml").exists()


def test_import_prints_facts_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "car.vspec", "--dbc", "car.dbc", "-o", "out", "--json", "--powertrain", "combustion") == FINE
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert facts["vehicle"] == "imported/car"
    assert facts["folder"] == "out"
    assert (facts["signals"], facts["requests"]) == (2, 0)
    assert [remark["left_out"] for remark in facts["remarks"]] == [True]
    assert facts["remarks"][0]["line"] == 14


def test_export_and_import_meet(capsys: pytest.CaptureFixture[str]) -> None:
    run("import", "car.vspec", "--dbc", "car.dbc", "--vehicle", "acme/one")
    assert run("export", "acme/one", "-o", "out/kuksa.json", "--interval-ms", "50") == FINE
    assert "out/kuksa.json, out/kuksa.dbc: 2 signals, 0 requests of acme/one" in capsys.readouterr().out
    speed = json.loads(Path("out/kuksa.json").read_text())["Vehicle"]["children"]["Speed"]
    assert speed["dbc2vss"] == {"signal": "Spd", "interval_ms": 50}
    assert run("import", "out/kuksa.json", "--dbc", "out/kuksa.dbc", "--vehicle", "acme/two", "--json") == FINE


def test_export_has_an_overlay_too_and_usual_names(capsys: pytest.CaptureFixture[str]) -> None:
    run("import", "car.vspec", "--dbc", "car.dbc", "--vehicle", "acme/one")
    assert run("export", "acme/one", "--format", "overlay", "--json") == FINE
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert facts["files"] == ["one.vspec", "one.dbc"]
    assert Path("one.vspec").read_text().startswith("# KUKSA's mapping of acme/one")


def test_export_finds_cars_in_other_folders() -> None:
    run("import", "car.vspec", "--dbc", "car.dbc", "--vehicle", "acme/one", "-o", "cars/acme/one")
    assert run("export", "acme/one") == UNUSABLE
    assert run("export", "acme/one", "--cars", "cars") == FINE


def test_export_to_a_tree_of_ones_own() -> None:
    node = {"type": "sensor", "datatype": "float", "unit": "km/h", "description": "", "dbc": {"signal": "Spd"}}
    own = {"X": {"type": "branch", "description": "", "children": {"Y": node}}}
    Path("own.json").write_text(json.dumps(own))
    assert (
        run("import", "own.json", "--dbc", "car.dbc", "--catalog", "own.json", "-o", "a/b", "--vehicle", "a/b") == FINE
    )
    assert run("export", "a/b", "--catalog", "own.json", "-o", "back.json") == FINE
    assert json.loads(Path("back.json").read_text())["X"]["children"]["Y"]["dbc2vss"]["signal"] == "Spd"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dbc: {signal: Sdp}", "car.vspec:1: Vehicle.Speed: the DBC signal 'Sdp'"),
        ("dbc: {signal: Spd}, dbc2vss: {signal: Spd}", "both 'dbc' and 'dbc2vss'"),
        ("dbc: {signal: Spd, transform: {math: 'x +'}}", "ends too early"),
        ("dbc: [Spd]", "is a mapping, not a list"),
        ("[1, 2]", "not a VSS tree"),
        ("{", "not JSON"),
        ("", "is empty"),
    ],
)  # fmt: skip
def test_a_mapping_that_is_wrong_is_refused_with_place_and_reason(
    text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = f"Vehicle.Speed: {{type: sensor, datatype: float, {text}}}" if text.startswith("dbc") else text
    Path("car.vspec").write_text(whole)
    assert run("import", "car.vspec", "--dbc", "car.dbc") == UNUSABLE
    error = capsys.readouterr().err
    assert error.startswith("commonwheel mapping: ")
    assert said in error
    assert "Traceback" not in error
    assert not Path("imported").exists()


def test_what_is_wrong_is_left_out_when_asked_to_keep_going(capsys: pytest.CaptureFixture[str]) -> None:
    Path("car.vspec").write_text(OVERLAY.replace("signal: Spd, interval_ms", "signal: Sdp, interval_ms"))
    assert run("import", "car.vspec", "--dbc", "car.dbc", "--keep-going") == FINE
    assert "1 signal, 0 requests of car.vspec; 2 left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "car.vspec", "--dbc", "none.dbc"), "none.dbc: no such file"),
        (("import", "none.json", "--dbc", "car.dbc"), "none.json: cannot be read"),
        (("import", "car.vspec", "--dbc", "car.dbc", "--vehicle", "one"), "maker/car"),
        (("import", "car.vspec", "--dbc", "car.dbc", "--powertrain", "steam"), "battery-electric"),
        (("import", "car.vspec", "--dbc", "car.dbc", "--catalog", "car.dbc"), "not a JSON file"),
        (("export", "acme/nowhere"), "there is no car"),
        (("export", "honda/e", "--interval-ms", "-1"), "0 or more"),
        (("export", "honda/e", "-o", "car.dbc/x.json"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == UNUSABLE
    assert said in capsys.readouterr().err


def test_a_description_is_not_overwritten_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("import", "car.vspec", "--dbc", "car.dbc") == FINE
    assert run("import", "car.vspec", "--dbc", "car.dbc") == UNUSABLE
    assert "--force" in capsys.readouterr().err
    assert run("import", "car.vspec", "--dbc", "car.dbc", "--force") == FINE


@pytest.mark.parametrize("arguments", [(), ("translate",), ("import", "car.vspec"), ("export",)])
def test_options_that_are_missing_are_told(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == UNUSABLE
