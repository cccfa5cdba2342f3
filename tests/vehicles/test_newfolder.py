"""A new description's folder is put in place whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.errors import DescriptionError, OutputError
from commonwheel.vehicles.newfolder import Identity, guess_powertrain, head, place_databases, slug, staged
from commonwheel.wire.database import Database, Message, Signal, load_database


def test_brand_and_model_are_made_from_the_name_where_none_are_given() -> None:
    assert Identity.of("acme/model_3-x") == Identity("acme/model_3-x", "Acme", "Model 3 X", "")
    assert Identity.of("acme/one", "ACME", "One", "hybrid") == Identity("acme/one", "ACME", "One", "hybrid")


@pytest.mark.parametrize("name", ["acme", "acme/", "/one", "a/b/c", "a b/c", "../x", "a/..\\b", ""])
def test_a_name_is_maker_and_car(name: str) -> None:
    with pytest.raises(DescriptionError, match="maker/car"):
        Identity.of(name)


def test_a_powertrain_is_one_of_four() -> None:
    with pytest.raises(DescriptionError, match="battery-electric"):
        Identity.of("acme/one", powertrain="steam")


def test_words_become_parts_of_names() -> None:
    assert slug("Leaf e+ (2019)") == "leaf_e_2019"
    assert slug("---") == "car"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], "combustion"),
        (["Vehicle.Powertrain.CombustionEngine.Speed"], "combustion"),
        (["Vehicle.Powertrain.TractionBattery.CurrentVoltage"], "battery-electric"),
        (["Vehicle.Powertrain.ElectricMotor.Speed", "Vehicle.Powertrain.FuelSystem.Range"], "hybrid"),
        (
            ["Vehicle.Powertrain.TractionBattery.Charging.Power", "Vehicle.Powertrain.FuelSystem.Range"],
            "plug-in-hybrid",
        ),
    ],
)
def test_the_powertrain_is_guessed_from_signals(paths: list[str], expected: str) -> None:
    assert guess_powertrain(paths) == expected


def test_the_head_names_the_car_and_its_buses() -> None:
    lines = head(
        Identity.of("acme/one", powertrain="hybrid"), [("a", ["a.dbc"]), ("b", ["b.dbc", "c.dbc"])], "assumed (x)"
    )
    assert "  a: {database: a.dbc}" in lines
    assert "  b: {database: [b.dbc, c.dbc]}" in lines
    assert "evidence: assumed (x)" in lines


def test_databases_are_copied_and_broken_ones_are_written_anew(tmp_path: Path) -> None:
    good, broken = tmp_path / "Good.DBC", tmp_path / "broken.dbc"
    good.write_text('VERSION ""\nBU_: X\nBO_ 16 M: 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] "km/h" X\n')
    broken.write_text('VERSION ""\nBU_: X\nBO_ 16 M 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] "km/h" X\nstray\n')
    (tmp_path / "out").mkdir()
    names = place_databases([load_database(good), load_database(broken), load_database(good)], tmp_path / "out")
    assert names == ["good.dbc", "broken.dbc", "good_2.dbc"]
    assert (tmp_path / "out" / "good.dbc").read_bytes() == good.read_bytes()
    assert load_database(tmp_path / "out" / "broken.dbc").repairs == ()


def test_a_repaired_database_that_dbc_cannot_hold_is_copied(tmp_path: Path) -> None:
    path = tmp_path / "x.dbc"
    path.write_text('VERSION ""\nBU_: X\nBO_ 16 M 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] "km/h" X\n')
    repairs = load_database(path).repairs
    twice = Signal("S", 0, 8, big_endian=False)
    bad = Database(path, (Message("M", 16, extended=False, size=8, signals=(twice, twice)),), repairs)
    (tmp_path / "out").mkdir()
    assert place_databases([bad], tmp_path / "out") == ["x.dbc"]
    assert (tmp_path / "out" / "x.dbc").read_bytes() == path.read_bytes()


def test_a_database_that_cannot_be_copied_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        place_databases([Database(tmp_path / "gone.dbc", ())], tmp_path)


def fail(target: Path) -> None:
    with staged("acme/one", target, force=False) as folder:
        (folder / "vehicle.yaml").write_text("x")
        message = "on the way"
        raise ValueError(message)


def test_nothing_is_put_in_place_when_something_goes_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on the way"):
        fail(tmp_path / "acme")
    assert not (tmp_path / "acme").exists()


def test_a_description_is_overwritten_only_by_force(tmp_path: Path) -> None:
    for force in (False, True):
        with staged("acme/one", tmp_path, force=force) as folder:
            assert folder.parts[-2:] == ("acme", "one")
            (folder / "vehicle.yaml").write_text(str(force))
    with pytest.raises(OutputError, match="--force"), staged("acme/one", tmp_path, force=False):
        pass
    assert (tmp_path / "vehicle.yaml").read_text() == "True"
