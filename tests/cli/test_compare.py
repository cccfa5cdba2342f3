"""``commonwheel compare``: tables, JSON and a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commonwheel.cli import FINE, UNUSABLE, main

TWO = ("nissan/leaf_ze0", "mitsubishi/imiev")


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["compare", *arguments, "--json"]) == FINE
    return json.loads(capsys.readouterr().out)


def test_the_table_shows_coverage_signals_and_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *TWO]) == FINE
    out = capsys.readouterr().out
    assert "1  nissan/leaf_ze0" in out
    assert "core" in out
    assert "V verified, D documented, A assumed" in out
    assert "same bytes" in out
    assert "would meet core with" in out


def test_json_has_every_cell_and_every_pair(capsys: pytest.CaptureFixture[str]) -> None:
    facts = _json(capsys, *TWO)
    assert [car["car"] for car in facts["cars"]] == list(TWO)
    speed = next(row for row in facts["signals"] if row["path"] == "Vehicle.Speed")
    assert speed["cars"]["nissan/leaf_ze0"]["how"] == "first_of"
    assert speed["cars"]["nissan/leaf_ze0"]["evidence"].startswith("verified")
    pair = facts["pairs"][0]
    assert pair["cars"] == list(TWO)
    assert 0 < pair["in_common"]["all"]["share"] < 1
    assert pair["same_bytes"]["share"] == 0


def test_what_is_lacking_is_what_is_not_offered(capsys: pytest.CaptureFixture[str]) -> None:
    facts = _json(capsys, *TWO)
    for car in facts["cars"]:
        given = {row["path"] for row in facts["signals"] if car["car"] in row["cars"]}
        for name in ("core", "electric", "body"):
            assert not given & set(car["profiles"][name]["lacks_required"])


def test_without_a_car_all_are_compared_but_their_variants(capsys: pytest.CaptureFixture[str]) -> None:
    names = [car["car"] for car in _json(capsys)["cars"]]
    assert len(names) > 5
    assert not [name for name in names if ":" in name]


def test_a_variant_can_be_named_and_a_car_is_compared_once(capsys: pytest.CaptureFixture[str]) -> None:
    names = [car["car"] for car in _json(capsys, "nissan/leaf_ze1:40kwh", "nissan/leaf_ze1", "nissan/leaf_ze1")["cars"]]
    assert names == ["nissan/leaf_ze1:40kwh", "nissan/leaf_ze1"]


@pytest.mark.parametrize("profile", ["electric", "other"])
def test_one_profile_alone(capsys: pytest.CaptureFixture[str], profile: str) -> None:
    facts = _json(capsys, *TWO, "--profile", profile)
    assert {row["profile"] for row in facts["signals"]} == {profile}
    assert main(["compare", *TWO, "--profile", profile]) == FINE
    assert f"({profile})" in capsys.readouterr().out


def test_one_car_is_held_against_the_profiles_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", TWO[0]]) == FINE
    assert "same bytes" not in capsys.readouterr().out


def test_the_page_has_the_whole_matrix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "cars.html"
    assert main(["compare", *TWO, "--html", str(page)]) == FINE
    assert capsys.readouterr().out == f"{page}\n"
    text = page.read_text()
    assert "Chassis.<wbr>SteeringWheel.<wbr>Angle" in text
    assert "documented (" in text
    assert "66 signals" in text  # the temperatures of the cells are one row
    assert len(text) < 300_000


def test_the_page_shows_what_can_be_asked_for(tmp_path: Path) -> None:
    page = tmp_path / "cars.html"
    assert main(["compare", "nissan/leaf_ze1", "honda/civic_gen10_bosch", "--html", str(page)]) == FINE
    text = page.read_text()
    assert '<td class="r">▸</td>' in text
    assert "only asked for, through" in text
    assert "D▸" in text
    assert "by torque, up to 400" in text


def test_what_can_be_asked_for_is_listed_with_its_limits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "nissan/leaf_ze1", "honda/e", "--profile", "motion"]) == FINE
    out = capsys.readouterr().out
    assert "buttons  30 to 144 km/h" in out
    assert (
        "1 cannot be asked for MotionManagement.Steering.SteeringWheel.TorqueTarget: its steering takes an angle" in out
    )
    assert "Cannot be made to act: honda/e" in out


def test_what_can_be_asked_for_is_in_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "honda/civic_gen10_bosch", "--json"]) == FINE
    (car,) = json.loads(capsys.readouterr().out)["acting"].values()
    served = {each["path"]: each for each in car["serves"]}
    target = served["Vehicle.MotionManagement.AccelerationTarget"]
    assert (target["manner"], target["axis"]) == ("acceleration", "longitudinal")
    assert "-3.5 to 2 m/s^2" in target["limits"]
    assert "ISO 15622" in target["source"]


def test_cars_with_nothing_of_a_profile_have_no_share_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "cars.html"
    combustion = ("mitsubishi/lancer", "honda/civic_gen8")
    assert main(["compare", *combustion, "--html", str(page)]) == FINE
    assert '<td title="neither offers any">–</td>' in page.read_text()
    assert main(["compare", *combustion, "--profile", "electric"]) == FINE
    assert "-" in capsys.readouterr().out.splitlines()[-2]


def test_one_car_has_a_page_too(tmp_path: Path) -> None:
    page = tmp_path / "car.html"
    assert main(["compare", TWO[0], "--html", str(page)]) == FINE
    assert "How alike" not in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nissan/leef",), "there is no car 'nissan/leef'"),
        ((TWO[0], "--profile", "elektric"), "there is no profile 'elektric' (did you mean 'electric'?)"),
        ((TWO[0], "--html", "no/such/folder/a.html"), "there is no folder no/such/folder"),
        ((TWO[0], "--html", "."), "is a folder"),
    ],
)
def test_what_cannot_be_done_is_said(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str) -> None:
    assert main(["compare", *arguments]) == UNUSABLE
    assert said in capsys.readouterr().err
