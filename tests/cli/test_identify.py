"""``commonwheel identify``: which car made a log, or none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from commonwheel.cli import FINE, PROBLEMS, main


def test_the_car_is_told_with_its_bus(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identify", str(lancer_log)]) == FINE
    said = capsys.readouterr()
    assert said.out.startswith("mitsubishi/lancer (Mitsubishi Lancer)\n  bus 0 of the log is its bus 'main'\n")
    assert "\x1b" not in said.out
    assert not said.err


def test_few_are_shown_unless_all_are_asked_for(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["identify", str(lancer_log)])
    few = capsys.readouterr().out.splitlines()
    main(["identify", str(lancer_log), "--all"])
    assert len(capsys.readouterr().out.splitlines()) > len(few)


def test_json_has_the_evidence(civic_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identify", str(civic_log), "--json"]) == FINE
    facts = json.loads(capsys.readouterr().out)
    assert facts.keys() == {"log", "car", "buses", "alike", "frames", "candidates"}
    assert facts["car"] == "honda/civic_gen8"
    assert facts["buses"] == {"0": "fcan"}
    best = facts["candidates"][0]
    assert best["fits"]
    (bus,) = best["buses"]
    assert bus["checksums"]["hold"] == bus["checksums"]["tried"] > 0
    assert bus["known"] == bus["seen"]
    assert not [c for c in facts["candidates"][1:] if c["fits"] and c["car"] not in facts["alike"]]


def test_none_of_these_is_an_answer(cart_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identify", str(cart_log)]) == PROBLEMS
    assert capsys.readouterr().out.startswith("none of these: no described car made this traffic (20 frames looked at)")
    assert main(["identify", str(cart_log), "--json"]) == PROBLEMS
    facts = json.loads(capsys.readouterr().out)
    assert (facts["car"], facts["buses"], facts["frames"]) == (None, {}, 20)


def test_the_name_of_a_log_does_not_matter(
    lancer_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = tmp_path / "nissan-leaf.csv"
    shutil.copy(lancer_log, renamed)
    assert main(["identify", str(renamed)]) == FINE
    assert capsys.readouterr().out.startswith("mitsubishi/lancer")


def test_a_faulty_description_of_one_s_own_is_told(
    cart: Path, cart_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its log fits nothing, and the reason is said."""
    (cart / "vehicle.yaml").write_text("format: 1\nvehicle: acme/cart\n")
    assert main(["identify", str(cart_log), "--cars", str(cart.parent.parent)]) == PROBLEMS
    assert f"note: {cart} has faults and is left out" in capsys.readouterr().err
