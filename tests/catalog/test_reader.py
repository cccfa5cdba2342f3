"""Trees of every age are read; anything else is refused, with every fault and its place."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.catalog.leaf import Kind
from commonwheel.catalog.reader import read_tree
from commonwheel.errors import CatalogError


def read(tree: object) -> Any:  # noqa: ANN401 - leaves and branches
    return read_tree(json.dumps(tree).encode(), "tree.json")


def tree(**children: object) -> dict[str, Any]:
    return {"Vehicle": {"type": "branch", "description": "Root.", "children": children}}


def faults(root: object) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        read(root)
    return [line.removeprefix("tree.json: ") for line in str(caught.value).splitlines()]


SPEED = {"type": "sensor", "datatype": "float", "unit": "km/h", "description": "Speed."}


class TestShapes:
    """What vss-tools wrote over the years."""

    def test_3_x_has_a_uuid_everywhere_and_sizes_of_arrays(self) -> None:
        leaves, branches = read(
            {
                "Vehicle": {
                    "children": {
                        "Speed": {**SPEED, "min": -250, "max": 250, "uuid": "efe50798638d55fab18ab7d43cc490e9"},
                        "Seats": {
                            "arraysize": 3,
                            "datatype": "uint8[]",
                            "default": [2, 3, 0],
                            "type": "attribute",
                            "uuid": "dd7d94d6f79c5e5c9b1c1f5a1d8a2ff0",
                        },
                    },
                    "description": "Root.",
                    "type": "branch",
                    "uuid": "ccc825f94139544dbb5f4bfd033bece6",
                }
            }
        )
        speed = leaves["Vehicle.Speed"]
        assert (speed.kind, speed.datatype, speed.unit) == (Kind.SENSOR, "float", "km/h")
        assert (speed.minimum, speed.maximum) == (-250, 250)
        assert speed.extra == {"uuid": "efe50798638d55fab18ab7d43cc490e9"}
        assert leaves["Vehicle.Seats"].arraysize == 3
        assert leaves["Vehicle.Seats"].default == (2, 3, 0)
        assert leaves["Vehicle.Seats"].is_array
        assert branches["Vehicle"].extra["uuid"]

    def test_4_x_has_struct_datatypes_beside_the_tree(self) -> None:
        root = tree(
            Pos={"type": "sensor", "datatype": "Types.Pos", "description": "A struct."},
            Track={"type": "sensor", "datatype": "Pos[]", "description": "A list of them."},
        )
        root["ComplexDataTypes"] = {
            "Types": {
                "type": "branch",
                "children": {
                    "Pos": {"type": "struct", "children": {"X": {"type": "property", "datatype": "double"}}},
                },
            }
        }
        leaves, branches = read(root)
        assert [(leaf.datatype, leaf.is_struct, leaf.is_array) for leaf in leaves.values()] == [
            ("Types.Pos", True, False),
            ("Pos[]", True, True),
        ]
        assert list(branches) == ["Vehicle"]

    def test_a_struct_may_be_declared_in_another_file(self) -> None:
        leaves, _ = read(tree(Pos={"type": "sensor", "datatype": "Types.Pos[]"}))
        assert leaves["Vehicle.Pos"].element == "Types.Pos"

    def test_5_x_has_former_names_and_deprecations(self) -> None:
        leaves, branches = read(
            tree(
                Door={
                    "type": "branch",
                    "description": "Doors.",
                    "deprecation": "v5.0",
                    "children": {
                        row: {
                            "type": "branch",
                            "children": {
                                "IsOpen": {
                                    "type": "actuator",
                                    "datatype": "boolean",
                                    "deprecation": "v4.0 gone",
                                    "fka": ["Vehicle.Door.Open"],
                                }
                            },
                        }
                        for row in ("Row1", "Row2")
                    },
                }
            )
        )
        assert list(leaves) == ["Vehicle.Door.Row1.IsOpen", "Vehicle.Door.Row2.IsOpen"]
        leaf = leaves["Vehicle.Door.Row1.IsOpen"]
        assert leaf.kind is Kind.ACTUATOR
        assert leaf.deprecation == "v4.0 gone"
        assert leaf.extra == {"fka": ["Vehicle.Door.Open"]}
        assert branches["Vehicle.Door"].deprecation == "v5.0"

    def test_6_x_has_patterns_and_allowed_values_of_arrays(self) -> None:
        leaves, _ = read(
            tree(
                VIN={"type": "attribute", "datatype": "string", "pattern": "^[A-Z]+$", "comment": "Long."},
                Fuel={"type": "attribute", "datatype": "string[]", "allowed": ["E5", "H2"]},
                Level={"type": "attribute", "datatype": "uint8", "allowed": [1, 2], "default": 1},
                Volts={"type": "sensor", "datatype": "float[]", "unit": "V", "min": 0.5},
            )
        )
        assert leaves["Vehicle.VIN"].pattern == "^[A-Z]+$"
        assert leaves["Vehicle.VIN"].comment == "Long."
        assert leaves["Vehicle.Fuel"].allowed == ("E5", "H2")
        assert (leaves["Vehicle.Level"].allowed, leaves["Vehicle.Level"].default) == ((1, 2), 1)
        assert (leaves["Vehicle.Volts"].minimum, leaves["Vehicle.Volts"].maximum) == (0.5, None)

    def test_enumerations_with_codes_allow_their_codes(self) -> None:
        leaves, _ = read(tree(Mode={"type": "sensor", "datatype": "uint8", "enum": {"OFF": 0, "ON": 3}}))
        assert leaves["Vehicle.Mode"].allowed == (0, 3)
        assert leaves["Vehicle.Mode"].extra["enum"] == {"OFF": 0, "ON": 3}

    def test_overlays_may_add_keys_of_their_own(self) -> None:
        mapping = {"signal": "Speed", "interval_ms": 100}
        leaves, _ = read(tree(Speed={**SPEED, "dbc": mapping, "overlay": True, "refines": "datatype uint8"}))
        leaf = leaves["Vehicle.Speed"]
        assert leaf.extra["dbc"] == mapping
        assert leaf.overlay
        assert leaf.refines == "datatype uint8"

    def test_a_byte_order_mark_and_null_values_do_no_harm(self) -> None:
        data = b"\xef\xbb\xbf" + json.dumps(tree(Speed={**SPEED, "min": None, "allowed": None})).encode()
        leaves, _ = read_tree(data, "tree.json")
        assert leaves["Vehicle.Speed"].allowed == ()
        assert leaves["Vehicle.Speed"].minimum is None

    def test_a_tree_may_have_any_root(self) -> None:
        leaves, _ = read({"Tractor": {"type": "branch", "children": {"Speed": SPEED}}})
        assert leaves["Tractor.Speed"].name == "Speed"


class TestFaults:
    def test_all_are_stated_at_once_each_with_its_path(self) -> None:
        assert faults(
            tree(
                A={"type": "sensor", "description": "No datatype."},
                B={"datatype": "float"},
                C={"type": "rbranch"},
                D={"type": "sensor", "datatype": "flaot"},
                E={"type": "sensor", "datatype": "uint8", "min": 5, "max": 4},
                F={"type": "branch", "children": {"G": {"type": "attribute", "datatype": "string", "min": 1}}},
                H=7,
            )
        ) == [
            "Vehicle.A: has no 'datatype'",
            "Vehicle.B: has no 'type' (branch, sensor, actuator or attribute)",
            "Vehicle.C: unknown type 'rbranch' (branch, sensor, actuator or attribute)",
            "Vehicle.D: unknown datatype 'flaot' (did you mean 'float'?)",
            "Vehicle.E: 'min' 5 is greater than 'max' 4",
            "Vehicle.F.G: has 'min' or 'max', but its datatype 'string' is no number",
            "Vehicle.H: a node must be an object, not a number",
        ]

    @pytest.mark.parametrize(
        ("leaf", "fault"),
        [
            ({"datatype": 5}, "'datatype' must be text, not a number"),
            ({"datatype": "pose"}, "unknown datatype 'pose' (nor is it a struct that the file declares)"),
            ({"unit": ["m"]}, "'unit' must be text, not a list"),
            ({"description": {}}, "'description' must be text, not an object"),
            ({"min": "0"}, "'min' must be a number, not text"),
            ({"max": True}, "'max' must be a number, not a boolean"),
            ({"allowed": "A"}, "'allowed' must be a list, not text"),
            ({"allowed": [1, None]}, "'allowed' holds null; it may hold text, numbers and booleans"),
            ({"allowed": [[1]]}, "'allowed' holds a list; it may hold text, numbers and booleans"),
            ({"enum": 1}, "'enum' must be a list, not a number"),
            ({"datatype": "uint8[]", "arraysize": "3"}, "'arraysize' must be a whole number, not '3'"),
            ({"arraysize": 3}, "has 'arraysize', but its datatype 'float' is no array"),
            ({"children": {"A": SPEED}}, "a sensor must not have 'children'"),
            ({"pattern": 1}, "'pattern' must be text, not a number"),
            ({"type": None}, "unknown type None (branch, sensor, actuator or attribute)"),
        ],
    )
    def test_of_a_leaf(self, leaf: dict[str, object], fault: str) -> None:
        assert faults(tree(X={**SPEED, **leaf})) == [f"Vehicle.X: {fault}"]

    @pytest.mark.parametrize("name", ["", "A B", "A.B", "A*", "A:B"])
    def test_of_a_name_that_no_pattern_could_select(self, name: str) -> None:
        assert "holds a space, dot, colon or asterisk, or is empty" in faults(tree(**{name: SPEED}))[0]

    def test_of_a_branch(self) -> None:
        assert faults(
            tree(
                A={"type": "branch", "children": []},
                B={"type": "branch", "instances": ["Row[1,2]"], "children": {}},
            )
        ) == [
            "Vehicle.A: 'children' must be an object, not a list",
            "Vehicle.B: 'instances' are not expanded; export the tree with '--expand'",
        ]

    @pytest.mark.parametrize("root", [[], 1, "x", None])
    def test_of_a_file_that_is_no_object(self, root: object) -> None:
        assert faults(root) == ["not a tree: the top level must be an object with the root branch, such as 'Vehicle'"]

    @pytest.mark.parametrize("root", [{}, {"ComplexDataTypes": {}}])
    def test_of_a_file_without_a_root(self, root: object) -> None:
        assert faults(root) == ["not a tree: there is no root branch, such as 'Vehicle'"]

    def test_of_a_root_that_is_no_branch(self) -> None:
        assert faults({"Vehicle": SPEED, "Speed": 5}) == [
            "Vehicle: the root must be a branch ('type': 'branch')",
            "Speed: a node must be an object, not a number",
        ]

    def test_of_a_tree_without_end(self) -> None:
        node: dict[str, object] = {"type": "branch", "children": {}}
        for _ in range(100):
            node = {"type": "branch", "children": {"A": node}}
        assert faults({"A": node})[0].endswith("the tree is deeper than 64 levels")

    def test_are_counted_when_there_are_too_many_to_read(self) -> None:
        lines = faults(tree(**{f"A{i}": {"type": "sensor"} for i in range(70)}))
        assert len(lines) == 51
        assert lines[-1] == "and 20 more faults of this kind"

    @pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"Vehicle:\n  type: branch\n", b"[" * 100_000])
    def test_of_a_file_that_is_no_json(self, data: bytes) -> None:
        with pytest.raises(CatalogError, match=r"^tree\.json: not a JSON file .*vspec export json"):
            read_tree(data, "tree.json")


_WORDS = st.sampled_from(
    [
        "Vehicle",
        "type",
        "branch",
        "sensor",
        "children",
        "datatype",
        "float",
        "uint8[]",
        "min",
        "max",
        "allowed",
        "enum",
        "instances",
        "ComplexDataTypes",
        "struct",
        "default",
        "description",
        "unit",
        "arraysize",
        "A",
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS | st.text(), inner, max_size=6),
    max_leaves=30,
)


@given(_JSON)
def test_any_json_is_a_tree_or_a_catalog_error(value: object) -> None:
    with contextlib.suppress(CatalogError):
        leaves, branches = read(value)
        assert branches
        assert all(leaf.datatype for leaf in leaves.values())


@given(st.dictionaries(_WORDS, _JSON, max_size=8))
def test_any_leaf_is_read_or_a_catalog_error(fields: dict[str, object]) -> None:
    with contextlib.suppress(CatalogError):
        leaves, _ = read(tree(X={**fields, "type": "sensor"}))
        leaf = leaves["Vehicle.X"]
        assert leaf.minimum is None or leaf.maximum is None or leaf.minimum <= leaf.maximum
        assert leaf.minimum is None or math.isfinite(leaf.minimum)


@given(st.binary())
def test_any_bytes_are_a_tree_or_a_catalog_error(data: bytes) -> None:
    with pytest.raises(CatalogError):
        read_tree(data, "tree.json")
