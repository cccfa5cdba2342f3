"""YAML with lines: what is read as what, and the traps that are faults instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.yamltree import Node, Reader, load_tree, suggest

FILE = Path("vehicle.yaml")


def plain(node: Node) -> object:
    """Return a tree as plain values."""
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    return [plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def read(text: str | bytes) -> object:
    return plain(load_tree(FILE, text.encode() if isinstance(text, str) else text))


def faults(text: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(DescriptionError) as caught:
        read(text)
    assert all(fault.file == FILE for fault in caught.value.faults)
    return [(fault.line, fault.message) for fault in caught.value.faults]


def test_scalars_are_what_yaml_1_2_says() -> None:
    """On, Off, Yes and No are names that cars use; dates are text; hexadecimal codes are numbers."""
    text = "a: On\nb: no\nc: true\nd: FALSE\ne: 0x1F\nf: 1.5\ng: ~\nh: 2020-01-31\ni: '5'\nj: 1e-3\nk: '1e3'\nOff: y"
    assert read(text) == {
        "a": "On", "b": "no", "c": True, "d": False, "e": 31, "f": 1.5, "g": None, "h": "2020-01-31", "i": "5",
        "j": 0.001, "k": "1e3", "Off": "y",
    }  # fmt: skip


def test_every_value_knows_the_line_of_its_key() -> None:
    tree = load_tree(FILE, b"# comment\na:\n  b: 1\n  c:\n    - 2\n    - 3\n")
    assert tree.line == 2
    assert tree.entries["a"].line == 2
    assert tree.entries["a"].entries["c"].line == 4
    items = tree.entries["a"].entries["c"].value
    assert isinstance(items, list)
    assert [item.line for item in items] == [5, 6]


def test_an_alias_stands_for_what_it_names() -> None:
    assert read("a: &x {b: [1, 2]}\nc: *x\n") == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}


@pytest.mark.parametrize(
    ("text", "line", "phrase"),
    [
        ("", 1, "the file is empty; a description begins with 'format: 1'"),
        ("# nothing but a comment\n", 1, "the file is empty"),
        ("a: 1\nb:\n\tc: 2\n", 3, "cannot start any token"),
        ("a: 1\nb: [1, 2\n", 3, "did not find expected"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("a: *nowhere\n", 1, "found undefined alias"),
        ("a: 1\n---\nb: 2\n", 2, "but found another document"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8 text; save the file as UTF-8"),
        ("a: 1\nb: \x07\n", 1, "not YAML"),
        ("a: !!python/object:os.system x\n", 1, "a plain value (text, number, boolean) is expected here"),
        ("a: !!binary aGVsbG8=\n", 1, "a plain value"),
        ("a: !own x\n", 1, "a plain value"),
        ("a: !!int x\n", 1, "'x' cannot be read"),
        ("a: 1" + "0" * 5000 + "\n", 1, "cannot be read"),
        ("? [1, 2]\n: x\n", 1, "a plain value"),
        ("x: 1\n~: 2\n", 2, "a key is missing in front of the colon"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "'<<' does not merge here"),
    ],
)
def test_traps_are_faults_with_their_line(text: str | bytes, line: int, phrase: str) -> None:
    ((found, message),) = faults(text)
    assert phrase in message
    assert found == line


def test_all_keys_stated_twice_are_told_at_once() -> None:
    assert faults("a: 1\nb: {c: 1, c: 2}\na: 2\n") == [
        (2, "'c' is stated twice (first in line 2)"),
        (3, "'a' is stated twice (first in line 1)"),
    ]


def test_faults_that_leave_the_rest_readable_can_be_taken_along() -> None:
    noted: list[Fault] = []
    assert plain(load_tree(FILE, b"a: 1\na: 2\nb: 3\n", noted)) == {"a": 2, "b": 3}
    assert [fault.line for fault in noted] == [2]


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000 + "x", "[" * 31 + "]" * 31])
def test_deep_nesting_is_refused_before_it_is_followed(text: str) -> None:
    ((line, message),) = faults(text)
    assert (line, message) == (1, "nested deeper than 30 levels")


def test_aliases_that_stand_for_billions_of_values_are_refused() -> None:
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "too many values" in faults("\n".join(["a0: &a0 [x]", *levels]))[0][1]


def test_an_alias_within_itself_is_refused() -> None:
    assert "too many values" in faults("a: &a [*a, *a]\n")[0][1]


# ---- the reader -----------------------------------------------------------------------------------------------------


def node(value: object) -> Node:
    return load_tree(FILE, f"x: {value}\n".encode()).entries["x"]


@pytest.mark.parametrize(
    ("method", "value", "expected", "message"),
    [
        ("text", "abc", "abc", ""),
        ("text", "5", "", "it is text, not a whole number"),
        ("text", "~", "", "it is text, not nothing"),
        ("number", "1.5", 1.5, ""),
        ("number", "3", 3.0, ""),
        ("number", "true", 9.0, "it is a number, not a boolean"),
        ("number", ".inf", 9.0, "it is a number, not inf"),
        ("number", ".nan", 9.0, "it is a number, not nan"),
        ("number", "1" + "0" * 400, 9.0, "it is a number, not a whole number"),
        ("number", "{}", 9.0, "it is a number, not a mapping"),
        ("whole", "3", 3, ""),
        ("whole", "3.0", 9, "it is a whole number, not a number"),
        ("whole", "true", 9, "it is a whole number, not a boolean"),
        ("duration_ns", "100 ms", 100_000_000, ""),
        ("duration_ns", "1.5 s", 1_500_000_000, ""),
        ("duration_ns", "20 us", 20_000, ""),
        ("duration_ns", "2 min", 120_000_000_000, ""),
        ("duration_ns", "100", 9, "it is a duration such as '100 ms' or '2 s', not '100'"),
        ("duration_ns", "100 h", 9, "it is a duration"),
        ("duration_ns", "-5 ms", 9, "it is a duration"),
        ("duration_ns", "0 ms", 9, "it is a duration"),
        ("duration_ns", "nan ms", 9, "it is a duration"),
        ("duration_ns", "1e99 s", 9, "it is a duration"),
        ("duration_ns", "fast", 9, "it is a duration"),
    ],
)
def test_a_wrong_value_is_a_fault_and_its_default(method: str, value: str, expected: object, message: str) -> None:
    reader = Reader()
    default = () if method == "text" else (9,)
    assert getattr(reader, method)(node(value), "it", *default) == expected
    assert [fault.message for fault in reader.faults if message not in fault.message] == []
    assert bool(reader.faults) == bool(message)


def test_what_is_not_there_is_its_default() -> None:
    reader = Reader()
    assert reader.text(None, "it", "x") == "x"
    assert reader.number(None, "it", 1.5) == 1.5
    assert reader.whole(None, "it", 3) == 3
    assert reader.boolean(None, "it", default=True) is True
    assert reader.duration_ns(None, "it", 7) == 7
    assert reader.faults == []


def test_booleans_and_lists() -> None:
    reader = Reader()
    assert reader.boolean(node("true"), "it") is True
    assert reader.boolean(node("Yes"), "it") is False
    assert [item.value for item in reader.items(node("[1, 2]"), "it")] == [1, 2]
    assert [item.value for item in reader.items(node("1"), "it")] == [1]
    assert reader.items(node("{a: 1}"), "it") == []
    assert [fault.message for fault in reader.faults] == [
        "it is true or false, not text",
        "it is a list, not a mapping",
    ]


def test_unknown_keys_are_faults_with_the_known_ones() -> None:
    reader = Reader()
    found = reader.mapping(node("{speed: 1, 5: 2, sped: 3}"), "it", ("speed", "range"))
    assert list(found) == ["speed"]
    assert [fault.message for fault in reader.faults] == [
        "'5' is not known in it; known are speed, range",
        "'sped' is not known in it (did you mean 'speed'?); known are speed, range",
    ]


def test_a_suggestion_is_near_or_none() -> None:
    assert suggest("Sped", ["Speed", "Air"]) == " (did you mean 'Speed'?)"
    assert suggest("x", ["Speed"]) == ""
