"""``commonwheel check``: all faults at once, and what a description covers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commonwheel.cli import FINE, PROBLEMS, UNUSABLE, main

FAULTS = {
    10: "signal 'main/Motion.Sped' is not in cart.dbc (did you mean 'Speed'?)",
    11: "'Vehicle.Sped' is not in the standard (did you mean 'Vehicle.Speed'?)",
    12: "there is no bus 'mian' (did you mean 'main'?); buses are: main",
    13: "'wheels' is not known in a description",
}


@pytest.fixture
def broken(cart: Path) -> Path:
    """The cart with four faults, in lines 10 to 13."""
    file = cart / "vehicle.yaml"
    rows = "  Vehicle.Sped: main/Motion.Speed\n  Vehicle.Powertrain.Range: mian/Motion.Range\nwheels: 4\n"
    file.write_text(file.read_text().replace("Motion.Speed", "Motion.Sped") + rows)
    return cart


def _json(capsys: pytest.CaptureFixture[str], status: int, *arguments: object) -> list[dict]:
    assert main(["check", "--json", *map(str, arguments)]) == status
    return json.loads(capsys.readouterr().out)


def test_every_fault_is_told_with_its_line(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(broken)]) == PROBLEMS
    out = capsys.readouterr().out
    for line, message in FAULTS.items():
        assert f"{broken / 'vehicle.yaml'}:{line}: {message}" in out
    assert "1 description checked: 4 faults" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("up", [0, 1, 2])
def test_json_has_every_fault(broken: Path, up: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Given the car's folder, its maker's, or the one with the makers in it."""
    (entry,) = _json(capsys, PROBLEMS, [broken, *broken.parents][up])
    assert entry["coverage"] is None
    assert [fault["line"] for fault in entry["faults"]] == list(FAULTS)
    assert all(fault["message"].startswith(FAULTS[fault["line"]]) for fault in entry["faults"])
    assert {fault["file"] for fault in entry["faults"]} == {str(broken / "vehicle.yaml")}


def test_a_sound_one_is_told_what_it_covers(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (entry,) = _json(capsys, FINE, cart)
    assert entry["car"] == "acme/cart"
    assert entry["faults"] == []
    cover = entry["coverage"]
    assert cover.keys() == {
        *("signals", "attributes", "requests", "messages", "verified", "documented", "assumed", "profiles"),
    }
    assert (cover["signals"], cover["assumed"], cover["verified"]) == (1, 1, 0)
    assert cover["profiles"]["core"][0] == 1


def test_a_car_s_physics_is_checked_with_it(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cart / "twin.yaml").write_text("format: 1\nchassis:\n  mass: 1200\n")
    (entry,) = _json(capsys, PROBLEMS, cart)
    assert entry["coverage"] is not None
    assert {Path(fault["file"]).name for fault in entry["faults"]} == {"twin.yaml"}
    assert any(fault["line"] == 3 and "needs its unit" in fault["message"] for fault in entry["faults"])
    assert main(["check", str(cart)]) == PROBLEMS
    assert f"{cart / 'twin.yaml'}:3: 'chassis: mass' needs its unit" in capsys.readouterr().out


def test_one_broken_among_sound_ones_is_found(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, PROBLEMS, "mitsubishi/lancer", broken)
    assert [bool(entry["faults"]) for entry in found] == [False, True]


def test_no_yaml_at_all_is_a_fault(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cart / "vehicle.yaml").write_text("format: 1\nsignals: [\n")
    (entry,) = _json(capsys, PROBLEMS, cart.parent.parent)
    assert entry["faults"]
    (cart / "vehicle.yaml").write_bytes(bytes(range(256)))
    (entry,) = _json(capsys, PROBLEMS, cart)
    assert entry["faults"]


def test_a_database_that_is_not_there_is_a_fault(cart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cart / "cart.dbc").unlink()
    (entry,) = _json(capsys, PROBLEMS, cart)
    assert "cart.dbc" in entry["faults"][0]["message"] + entry["faults"][0]["file"]


def test_the_shipped_ones_have_no_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == FINE
    out = capsys.readouterr().out
    assert out.splitlines()[-1].endswith("descriptions checked: no faults")


def test_a_tree_of_one_s_own_decides_what_is_in_the_standard(
    cart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaf = {"type": "sensor", "datatype": "float", "unit": "km", "description": "How far it is."}
    own = tmp_path / "tree.json"
    own.write_text(
        json.dumps({"Vehicle": {"type": "branch", "description": "A cart.", "children": {"RoadLeft": leaf}}})
    )
    (entry,) = _json(capsys, PROBLEMS, cart, "--catalog", own)
    assert "'Vehicle.Speed' is not in the standard" in entry["faults"][0]["message"]


@pytest.mark.parametrize("name", ["no/such", "nowhere", "mitsubishi/lanser"])
def test_what_is_not_there_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", name]) == UNUSABLE
    assert f"there is no car '{name}'" in capsys.readouterr().err
