"""Mapping files are read as KUKSA's provider reads them; what makes it stop is a fault with its line."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.errors import DescriptionError
from commonwheel.vehicles.kuksa_mapping import Entry, read_mapping


def read(tmp_path: Path, text: str, name: str = "map.vspec") -> tuple[Entry, ...]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    entries, faults = read_mapping(path)
    if faults:
        raise DescriptionError(faults)
    return entries


def leaf(link: str, kind: str = "sensor") -> str:
    return f"A.B:\n  type: {kind}\n  datatype: uint8\n  {link}\n"


def test_json_and_overlay_say_the_same(tmp_path: Path) -> None:
    link = {"signal": "S", "interval_ms": 100, "transform": {"math": "x*2"}}
    tree = {
        "A": {"type": "branch", "children": {"B": {"type": "sensor", "datatype": "uint8", "unit": "km", "dbc": link}}}
    }
    (from_json,) = read(tmp_path, json.dumps(tree, indent="\t"), "map.json")
    (from_yaml,) = read(
        tmp_path,
        "A:\n  type: branch\nA.B: {type: sensor, datatype: uint8, unit: km,"
        " dbc2vss: {signal: S, interval_ms: 100, transform: {math: x*2}}}\n",
    )
    for entry in (from_json, from_yaml):
        assert (entry.path, entry.datatype, entry.unit) == ("A.B", "uint8", "km")
        assert entry.write is None
        assert entry.read is not None
        assert (entry.read.signal, entry.read.formula, entry.read.delivery) == ("S", "x*2", "interval_ms 100")
    assert from_json.read is not None
    assert not from_json.read.in_yaml
    assert from_yaml.read is not None
    assert from_yaml.read.in_yaml


def test_json_may_hold_tabs_exponents_and_characters_beyond_the_basic_plane(tmp_path: Path) -> None:
    text = '\ufeff{\t"A.B": {"type": "sensor",\n\t"datatype": "float", "description": "\\ud83d\\ude97",\n'
    text += '\t"dbc": {"signal": "S", "transform": {"mapping": [{"from": 1, "to": 1e-05}]}}}}'
    (entry,) = read(tmp_path, text, "map.json")
    assert entry.read is not None
    assert entry.read.mapping is not None
    assert entry.read.mapping[0][:2] == (1, 1e-05)


def test_a_flat_file_without_branches_is_walked_too(tmp_path: Path) -> None:
    """The provider looks through nodes without a type, so dotted names work at any level."""
    text = '{"Vehicle.Speed": {"type": "sensor", "datatype": "float", "dbc2vss": {"signal": "S"}}}'
    assert [entry.path for entry in read(tmp_path, text, "map.json")] == ["Vehicle.Speed"]


def test_both_directions_belong_to_one_entry(tmp_path: Path) -> None:
    text = leaf("dbc2vss: {signal: S}\n  vss2dbc: {signal: T, interval_ms: 5, on_change: true}", "actuator")
    (entry,) = read(tmp_path, text)
    assert entry.write is not None
    assert entry.write.signal == "T"
    assert set(entry.write.ignored) == {"interval_ms", "on_change"}


def test_unknown_keys_are_kept_as_ignored(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, leaf("dbc2vss: {signal: S, colour: red}"))
    assert entry.read is not None
    assert entry.read.ignored == ("colour",)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("dbc2vss: {signal: S}\n  dbc: {signal: S}", "both 'dbc' and 'dbc2vss'"),
        ("dbc2vss: {interval_ms: 1}", "no 'signal'"),
        ("dbc2vss: S", "is a mapping, not text"),
        ("dbc2vss: {signal: 5}", "is text, not a whole number"),
        ("dbc2vss: {signal: S, on_change: 1}", "is true or false"),
        ("dbc2vss: {signal: S, interval_ms: often}", "is a whole number"),
        ("dbc2vss: {signal: S, interval_ms: -5}", "cannot be negative"),
        ("dbc2vss: {signal: S, transform: x*2}", "is a mapping with 'math' or 'mapping', not text"),
        ("dbc2vss: {signal: S, transform: {something_else: [{from: A, to: 1}]}}", "neither 'math' nor 'mapping'"),
        ("dbc2vss: {signal: S, transform: {math: x, mapping: []}}", "both 'math' and 'mapping'"),
        ("dbc2vss: {signal: S, transform: {math: 5}}", "a formula in quotes, not a whole number"),
        ("dbc2vss: {signal: S, transform: {math: x +}}", "ends too early"),
        ("dbc2vss: {signal: S, transform: {math: 2*-x}}", "2 * (-x)"),
        ("dbc2vss: {signal: S, transform: {mapping: {from: 1, to: 2}}}", "list of from/to pairs"),
        ("dbc2vss: {signal: S, transform: {mapping: [{from: 1}]}}", "has no 'to'"),
        ("dbc2vss: {signal: S, transform: {mapping: [5]}}", "is a mapping, not a whole number"),
        ("dbc2vss: {signal: S, transform: {mapping: [{from: [1], to: 2}]}}", "plain values"),
        ("dbc2vss: {signal: S, multiplexer: {signal: M, value: 0}}", "list of signal/value pairs"),
        ("dbc2vss: {signal: S, multiplexer: [{value: 0}]}", "has no 'signal'"),
        ("dbc2vss: {signal: S, multiplexer: [{signal: M}]}", "has no 'value'"),
        ('dbc2vss: {signal: S, multiplexer: [{signal: M, value: "0"}]}', "is a whole number, not text"),
        ("vss2dbc: {signal: S}", "'vss2dbc' is for actuators"),
    ],
)
def test_what_the_provider_stops_at_is_a_fault(tmp_path: Path, link: str, said: str) -> None:
    with pytest.raises(DescriptionError, match=r"map.vspec:[45]: ") as error:
        read(tmp_path, leaf(link))
    assert said in str(error.value)


def test_every_fault_is_said_at_once(tmp_path: Path) -> None:
    text = leaf("dbc2vss: {signal: S, on_change: 1, transform: {math: y}}") + leaf("dbc2vss: {}").replace("A.B", "A.C")
    with pytest.raises(DescriptionError) as error:
        read(tmp_path, text)
    assert len(error.value.faults) == 3


def test_a_link_with_a_fault_is_no_link_but_the_others_are_kept(tmp_path: Path) -> None:
    """A half-read transform must not become an identity."""
    path = tmp_path / "map.vspec"
    path.write_text(leaf("dbc2vss: {signal: S, transform: {math: y}}") + leaf("dbc: {signal: S}").replace("A.B", "A.C"))
    entries, faults = read_mapping(path)
    assert len(faults) == 1
    assert [(entry.path, entry.read is None) for entry in entries] == [("A.B", True), ("A.C", False)]


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "m.json", "empty"),
        ("# nothing\n\n", "m.vspec", "empty"),
        ("[1, 2]", "m.json", "not a VSS tree: the file holds a list"),
        ("5", "m.vspec", "not a VSS tree: the file holds a whole number"),
        ('{"a": 1}', "m.json", "no node of type sensor"),
        ('{"a": }', "m.json", "m.json:1: not JSON"),
        ('{"a": {"b": 1}, "a": 2}', "m.json", "stated twice"),
        ("a: [", "m.vspec", "not YAML"),
        ('{"A": {"type": "sensor", "datatype": "uint8"}}', "m.json", "VSS without a mapping"),
        ('{"A": {"dbc2vss": {"signal": "S"}}}', "m.json", "no 'type'"),
        ('{"A": {"type": "senor", "dbc2vss": {"signal": "S"}}}', "m.json", "did you mean 'sensor'?"),
        ('{"A": {"type": "sensor", "dbc2vss": {"signal": "S"}}}', "m.json", "no 'datatype'"),
        (
            '{"A": {"type": "sensor", "datatype": "unit8", "dbc2vss": {"signal": "S"}}}',
            "m.json",
            "did you mean 'uint8'?",
        ),
        ('{"A": {"type": "sensor", "datatype": 8, "dbc2vss": {"signal": "S"}}}', "m.json", "'datatype' of A is text"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_with_the_reason(tmp_path: Path, text: str, name: str, said: str) -> None:
    with pytest.raises(DescriptionError) as error:
        read(tmp_path, text, name)
    assert said in str(error.value)


KEYS = st.sampled_from(
    ["type", "datatype", "dbc2vss", "dbc", "vss2dbc", "signal", "transform", "math", "mapping", "from", "to", "unit",
     "multiplexer", "value", "interval_ms", "on_change", "children", "A"]
)  # fmt: skip
WORDS = st.sampled_from(["sensor", "actuator", "branch", "uint8", "S", "x*2", "x +", "On", ""])
TREES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)


@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_whatever_the_file_holds_it_is_read_or_refused(tree: dict[str, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "map.json")
        path.write_text(json.dumps(tree), encoding="utf-8")
        with contextlib.suppress(DescriptionError):
            read_mapping(path)


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_said(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    for data in (b"\xff\xfe\x00", b'{"a": "\xff"}', b"{" * 100_000):
        path.write_bytes(data)
        with pytest.raises(DescriptionError):
            read_mapping(path)
    with pytest.raises(DescriptionError, match="cannot be read"):
        read_mapping(tmp_path / "nowhere.json")
    with pytest.raises(DescriptionError, match="cannot be read"):
        read_mapping(tmp_path)
