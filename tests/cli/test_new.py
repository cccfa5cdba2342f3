"""``commonwheel new``: a first description from databases, with and without a log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commonwheel.cli import FINE, UNUSABLE, main
from commonwheel.vehicles import load_vehicle

DBC = """VERSION ""
BU_: Car
BO_ 256 Motion: 8 Car
 SG_ VehicleSpeed : 0|16@1+ (0.01,0) [0|655.35] "km/h" Car
 SG_ Counter : 16|4@1+ (1,0) [0|15] "" Car
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMMONWHEEL_CACHE", str(tmp_path / "cache"))
    Path("car.dbc").write_text(DBC)
    lines = (f"({i / 100:.6f}) can0 100#0000{i % 16:02X}0000000000\n" for i in range(40))
    Path("drive.log").write_text("".join(lines))


def run(*arguments: str) -> int:
    return main(["new", *arguments])


def test_it_says_where_the_description_is_and_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dbc", "car.dbc", "--brand", "Acme", "--model", "Model One") == FINE
    said = capsys.readouterr().out
    assert said.splitlines() == [
        "acme/model_one/vehicle.yaml: 1 of 2 fields in 1 message with likely signals, as comments",
        "next: take the '# ' off the rows that are right, then: commonwheel check acme/model_one",
    ]
    assert load_vehicle("acme/model_one", folders=(Path(),)).title == "Acme Model One"
    assert main(["check", "acme/model_one"]) == FINE


def test_a_log_proves_what_it_can(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dbc", "main=car.dbc", "--log", "drive.log", "--vehicle", "acme/one", "-o", "here") == FINE
    assert "drive.log: proves 0 checksums, 1 counter; 0 messages not on it, 0 ids not in" in capsys.readouterr().out
    vehicle = load_vehicle("here")
    assert vehicle.messages[0].counter == "Counter"
    assert vehicle.buses[0].name == "main"


def test_facts_are_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dbc", "car.dbc", "--log", "drive.log", "--json") == FINE
    facts = json.loads(capsys.readouterr().out)
    assert facts["vehicle"] == "my/car"
    assert (facts["messages"], facts["fields"], facts["candidates"], facts["counters"]) == (1, 2, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dbc", "none.dbc"), "none.dbc: no such file"),
        (("--dbc", "car.dbc", "--log", "none.log"), "none.log"),
        (("--dbc", "car.dbc", "--dbc", "car.dbc"), "two databases for bus 'car'"),
        (("--dbc", "car.dbc", "--vehicle", "x"), "maker/car"),
        (("--dbc", "car.dbc", "--powertrain", "steam"), "battery-electric"),
        (("--dbc", "drive.log"), "drive.log"),
        (("--dbc", "car.dbc", "-o", "car.dbc/x"), "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == UNUSABLE
    error = capsys.readouterr().err
    assert error.startswith("commonwheel new: ")
    assert said in error


def test_a_description_is_not_overwritten_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dbc", "car.dbc") == FINE
    assert run("--dbc", "car.dbc") == UNUSABLE
    assert "--force" in capsys.readouterr().err
    assert run("--dbc", "car.dbc", "--force") == FINE
