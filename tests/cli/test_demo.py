"""``commonwheel demo`` without a terminal: it ends by itself, and says what was seen."""

from __future__ import annotations

import json

import pytest

from commonwheel.cli import FINE, UNUSABLE, main

LEAF = ["--car", "nissan/leaf_aze0:30kwh", "--app", "trip", "--headless"]


def test_it_ends_after_its_seconds_and_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *LEAF, "--seconds", "2"]) == FINE
    out = capsys.readouterr().out
    assert "Nissan Leaf" in out
    assert "speed on the wire  284#" in out
    assert "trip" in out


def test_what_was_seen_is_there_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *LEAF, "--seconds", "2", "--json"]) == FINE
    (car,) = json.loads(capsys.readouterr().out)
    assert car["car"] == "nissan"
    assert car["frames"] > 500
    assert car["speed_on_the_wire"].startswith("284#")


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--web", "x", "a port is a number from 0 (any free one) to 65535, not 'x'"),
        ("--web", "65536", "not '65536'"),
        ("--seconds", "long", "a number of seconds above 0 and up to 1e7 is needed, not 'long'"),
        ("--seconds", "nan", "not 'nan'"),
    ],
)
def test_a_number_that_is_none_is_told(option: str, value: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--headless", option, value])
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--scenario", "nowhere"], "there is no such scenario"),
        (["--car", "nissan/laef"], "nissan/laef"),
        (["--app", "no-such-app"], "no-such-app"),
    ],
)
def test_what_is_not_there_is_told(more: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--headless", "--seconds", "1", *more]) == UNUSABLE
    assert says in capsys.readouterr().err
