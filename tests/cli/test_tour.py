"""``commonwheel tour``: what it shows, and when it opens a browser."""

from __future__ import annotations

import json
import re
import webbrowser
from pathlib import Path

import pytest

from commonwheel.cli import FINE, UNUSABLE, main, show
from commonwheel.tour import CARS, synthesise
from commonwheel.tour.drive import Drive

ON_LINUX = pytest.mark.skipif("sys.platform in {'win32', 'darwin'}", reason="about the window systems of Linux")


@pytest.fixture(scope="module")
def drive() -> Drive:
    """The drive that all tours show, made once."""
    return synthesise(stop.car for stop in CARS)


@pytest.fixture(autouse=True)
def _made_once(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonwheel.tour.synthesise", lambda _cars: drive)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to open."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: found.append(address) or True)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("DISPLAY", ":9")
    return found


def test_three_cars_are_recognised_and_give_the_drive_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tour", "-o", str(tmp_path / "new" / "folder"), "--json"]) == FINE
    facts = json.loads(capsys.readouterr().out)
    assert facts["synthetic"] is True
    assert [car["told"] for car in facts["cars"]] == [car["car"] for car in facts["cars"]]
    assert {car["car"].partition("/")[0] for car in facts["cars"]} == {"honda", "nissan", "mitsubishi"}
    assert len({car["format"] for car in facts["cars"]}) == 3
    for car in facts["cars"]:
        assert car["corrupt"] == 0
        assert all(signal["holds"] for signal in car["signals"])
        assert len(car["signals"]) > 30
        assert Path(car["log"]).is_file()
    assert Path(facts["page"]).stat().st_size == facts["page_bytes"] < 800_000


def test_piped_it_prints_a_table_and_opens_nothing(
    tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tour", "-o", str(tmp_path)]) == FINE
    out = capsys.readouterr().out
    assert "nissan/leaf_ze0" in out
    assert re.search(r"3[01]\.\d\d km/h", out)
    assert "This traffic is synthetic. For a real log: commonwheel decode YOUR.log" in out
    assert str(tmp_path / "index.html") in out
    assert not opened


@ON_LINUX
def test_on_a_terminal_it_opens_the_page_unless_told_not_to(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show, "terminal", lambda: True)
    assert main(["tour", "-o", str(tmp_path)]) == FINE
    assert opened == [(tmp_path / "index.html").as_uri()]
    assert "came back" in capsys.readouterr().out
    assert main(["tour", "-o", str(tmp_path), "--no-open"]) == FINE
    assert len(opened) == 1


@ON_LINUX
@pytest.mark.parametrize("name", ["CI", "nobody"])
def test_nothing_opens_where_nobody_looks(monkeypatch: pytest.MonkeyPatch, opened: list[str], name: str) -> None:
    monkeypatch.setattr(show, "terminal", lambda: True)
    assert show.has_window()
    if name == "CI":
        monkeypatch.setenv("CI", "true")
    else:
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not show.has_window()
    assert not opened


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["tour", "-o", str(tmp_path / "file")]) == UNUSABLE
    assert "the folder cannot be made" in capsys.readouterr().err
    assert main(["tour", "-o", str(tmp_path / "file" / "below")]) == UNUSABLE
    assert "choose another with -o" in capsys.readouterr().err
