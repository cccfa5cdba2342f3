"""The generated tables of inputs and manners say what the descriptions and docstrings do."""

from __future__ import annotations

from commonwheel.control.manners import MANNERS
from tools.safety_inputs import protection
from tools.safety_manners import manners


def test_each_input_stands_under_what_all_of_its_messages_have() -> None:
    head, _, *rows = (line.strip("| ").split(" | ") for line in protection().splitlines())
    by_car = {row[0].strip("`"): dict(zip(head, row, strict=True)) for row in rows}
    assert "`Speed`" in by_car["honda/civic_touring_2016"]["counter and checksum"]
    assert "`Speed`" in by_car["nissan/leaf_ze1"]["neither"]
    gear = "`Powertrain.Transmission.SelectedGear`"  # its first message has both, the one that stands in has neither
    assert gear in by_car["nissan/leaf_ze1"]["neither"]


def test_every_parameter_of_every_manner_is_told_with_its_unit() -> None:
    text = manners()
    for name, kind in MANNERS.items():
        part = text.partition(f"### `{name}`\n")[2].partition("### ")[0]
        rows = [line for line in part.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == list(kind.__dataclass_fields__)
        assert all(row.split(" | ")[1].strip() for row in rows), "each has a docstring"
    assert "| `lag_s` | Time constant" in text
    assert "| a number, s |" in text
