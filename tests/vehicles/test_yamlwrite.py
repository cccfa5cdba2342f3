"""What is written as YAML reads back as the same values, in one line or in a block."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.vehicles.yamltree import Node, load_tree
from commonwheel.vehicles.yamlwrite import WIDTH, Hex, Value, commented, flow, folded, row, scalar

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "On",
        "no",
        "null",
        "~",
        "1e5",
        "0x1F",
        "1..3",
        "a: b",
        "- x",
        "#",
        "{}",
        "12:30",
        "",
        " ",
        "x ",
        "°C",
        "\U0001f697",
    ]
)
PLAIN = TEXTS | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.integers(0, 99), inner, max_size=4)
)


def plain(node: Node) -> object:
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(value) for value in node.value] if isinstance(node.value, list) else node.value


def read(text: str) -> object:
    return plain(load_tree(Path("x.yaml"), text.encode()))


@given(st.dictionaries(TEXTS.filter(bool), VALUES, min_size=1, max_size=3))
def test_every_value_reads_back_as_it_was(values: dict[str, object]) -> None:
    pairs = list(values.items())
    lines = [line for key, value in pairs for line in row(key, value, 0)]  # pyright: ignore[reportArgumentType]
    assert read("\n".join(lines)) == values
    assert read(flow(values)) == values  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"), (0.1, "0.1"), (1e-5, "1.0e-05"), (1.5e300, "1.5e+300"), (True, "true"), (Hex(29), "0x1D"),
        (-3, "-3"), ("can/M.S", "can/M.S"), ("nissan-crc8", "nissan-crc8"), ("on", '"on"'), ("a\tb", '"a\\x09b"'),
        ("25", '"25"'),
        ("assumed (x; not checked)", "assumed (x; not checked)"), (math.inf, ".inf"), (-math.inf, "-.inf"),
        (math.nan, ".nan"),
    ],
)  # fmt: skip
def test_values_are_written_as_a_person_would(value: object, text: str) -> None:
    assert scalar(value) == text  # pyright: ignore[reportArgumentType]


def test_long_rows_become_blocks_of_lines_that_fit() -> None:
    values: Value = {i: f"LABEL_{i}" for i in range(20)}
    value: Value = {"from": "can/Message.Signal", "values": values, "note": "word " * 40 + "end"}
    lines = row("Vehicle.Speed", value)
    assert max(map(len, lines)) <= WIDTH
    assert read("\n".join(lines)) == {"Vehicle.Speed": value}
    listed = row("key", list(range(100)))
    assert read("\n".join(listed)) == {"key": list(range(100))}


def test_a_comment_gives_the_row_when_its_mark_is_taken_away() -> None:
    value: Value = {"from": "can/M.S", "note": "n" * 120}
    lines = row("Vehicle.Speed", value)
    marked = commented(lines)
    assert all(line.startswith("  # ") for line in marked)
    assert [line.replace("# ", "", 1) for line in marked] == lines


def test_prose_is_folded() -> None:
    lines = folded("word " * 60, 2, "## ")
    assert len(lines) > 1
    assert all(line.startswith("  ## word") and len(line) <= WIDTH for line in lines)
