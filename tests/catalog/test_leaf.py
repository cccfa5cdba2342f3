"""Leaves say what their datatype is."""

from __future__ import annotations

import pytest

from commonwheel.catalog.leaf import INTEGER_RANGES, Branch, Kind, Leaf


@pytest.mark.parametrize(
    ("datatype", "numeric", "array", "struct", "element"),
    [
        ("float", True, False, False, "float"),
        ("uint8", True, False, False, "uint8"),
        ("boolean", False, False, False, "boolean"),
        ("string", False, False, False, "string"),
        ("float[]", False, True, False, "float"),
        ("string[]", False, True, False, "string"),
        ("Types.Pos", False, False, True, "Types.Pos"),
        ("Types.Pos[]", False, True, True, "Types.Pos"),
    ],
)
def test_what_a_datatype_is(datatype: str, numeric: bool, array: bool, struct: bool, element: str) -> None:  # noqa: FBT001 - a table
    leaf = Leaf("Vehicle.A.B", Kind.SENSOR, datatype)
    assert (leaf.is_numeric, leaf.is_array, leaf.is_struct, leaf.element) == (numeric, array, struct, element)


def test_a_leaf_is_a_value() -> None:
    leaf = Leaf("Vehicle.A.B", Kind.SENSOR, "float", extra={"x": 1})
    assert leaf.name == "B"
    assert leaf.refines is None
    assert leaf == Leaf("Vehicle.A.B", Kind.SENSOR, "float", extra={"x": 1})
    assert len({leaf, leaf, Leaf("Vehicle.A.C", Kind.SENSOR, "float")}) == 2
    assert Branch("Vehicle") == Branch("Vehicle")


def test_integer_ranges_are_those_of_the_width() -> None:
    assert INTEGER_RANGES["int8"] == (-128, 127)
    assert INTEGER_RANGES["uint64"] == (0, 18446744073709551615)
