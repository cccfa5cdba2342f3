"""``commonwheel cars --html`` and ``--pages``: reference pages as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commonwheel.cli import FINE, UNUSABLE, main
from commonwheel.vehicles import car_names

LANCER = "mitsubishi/lancer"


def test_one_car_is_one_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "lancer.html"
    assert main(["cars", LANCER, "--html", str(page), "--json"]) == FINE
    assert json.loads(capsys.readouterr().out) == {"written": [str(page)]}
    assert page.read_text().startswith("<!doctype html>")
    assert main(["cars", f"{LANCER}:evo_x", "--html", str(tmp_path / "evo.md"), "--markdown"]) == FINE
    assert (tmp_path / "evo.md").read_text().startswith("# Mitsubishi Lancer Evolution X\n")


def test_all_cars_are_a_folder_with_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pages"
    assert main(["cars", "--pages", str(folder)]) == FINE
    cars = [name for name in car_names() if ":" not in name]
    assert len(capsys.readouterr().out.splitlines()) == len(cars) + 1 == len(list(folder.iterdir()))
    assert 'href="mitsubishi-lancer.html"' in (folder / "index.html").read_text()
    assert 'href="index.html"' in (folder / "mitsubishi-lancer.html").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--html", "x.html"], "name the car"),
        ([LANCER, "--pages", "x"], f"leave {LANCER} out"),
        ([LANCER, "--html", "x.html", "--pages", "x"], "give one of them"),
        ([LANCER, "--html", "no/such/x.html"], "there is no folder no/such"),
        (["--pages", "no/such/folder"], "the folder no/such/folder cannot be made"),
        (["--pages", "taken"], "the folder taken cannot be made"),
        (["nissan/leef", "--html", "x.html"], "there is no car 'nissan/leef'"),
    ],
)
def test_what_makes_no_sense_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    """In one line, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("")
    assert main(["cars", *options]) == UNUSABLE
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
