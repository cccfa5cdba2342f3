"""Sections as data types: what an annotation means, and what is said of a value that does not fit it."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from commonwheel.twin.schema import fields_of, read_section, unit
from commonwheel.vehicles.yamltree import Reader, load_tree


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    weight_kg: Annotated[float, unit("kg", 1.0, 9.0)]
    wheels: Annotated[int, unit("", 1, 8)] = 4
    share: Annotated[float, unit("", 0.1, 1.0)] = 0.5
    colour: Colour = Colour.RED
    folds: bool = False
    gears: tuple[Annotated[float, unit()], ...] = (1.0,)
    size_m: tuple[Annotated[float, unit("m")], Annotated[float, unit("m")]] = (1.0, 2.0)
    torque: tuple[tuple[Annotated[float, unit("rpm")], Annotated[float, unit("Nm")]], ...] = ((0.0, 1.0), (1.0, 1.0))

    def wrong(self) -> str | None:
        return "it is too blue" if self.colour is Colour.BLUE and self.folds else None


def made(text: str) -> tuple[Thing | None, list[str]]:
    tree = load_tree(Path("thing.yaml"), text.encode())
    reader = Reader()
    thing = read_section(Thing, "thing", tree, reader.mapping(tree, "a thing", fields_of(Thing)), reader)
    return thing, [f"{fault.line}: {fault.message}" for fault in reader.faults]


def test_every_kind_of_value_is_read() -> None:
    thing, faults = made(
        "weight: 3000 g\nwheels: 3\nshare: 20 %\ncolour: blue\ngears: [3, 2.5]\nsize: [10 cm, 2 m]\n"
        "torque: {0 rpm: 10 Nm, 1000 rpm: 30 Nm}\n"
    )
    assert faults == []
    assert thing == Thing(
        weight_kg=3.0, wheels=3, share=0.2, colour=Colour.BLUE, gears=(3.0, 2.5), size_m=(0.1, 2.0),
        torque=((0.0, 10.0), (1000.0, 30.0)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "'thing' needs 'weight', a quantity in kg"),
        ("weight: 10 kg", "from 1 to 9 kg"),
        ("weight: 2 kg\nwheels: 9", "from 1 to 8"),
        ("weight: 2 kg\nshare: 0", "from 0.1 to 1"),
        ("weight: 2 kg\ncolour: rad", "is one of red, blue (did you mean 'red'?)"),
        ("weight: 2 kg\nfolds: maybe", "true or false"),
        ("weight: 2 kg\ngears: 3", "a list of values"),
        ("weight: 2 kg\nsize: [1 m]", "a list of 2 values"),
        ("weight: 2 kg\nsize: [1 m, 2 kg]", "'kg' is no unit for it"),
        ("weight: 2 kg\ntorque: {10 rpm: 1 Nm, 5 rpm: 2 Nm}", "rising order"),
        ("weight: 2 kg\ntorque: {10 kg: 1 Nm, 20 rpm: 2 Nm}", "left of the colon"),
        ("weight: 2 kg\ncolour: blue\nfolds: true", "'thing': it is too blue"),
    ],
)
def test_what_does_not_fit_is_told(text: str, said: str) -> None:
    thing, faults = made(text)
    assert thing is None
    assert len(faults) == 1
    assert said in faults[0]


def test_two_fields_that_a_file_cannot_tell_apart_are_a_mistake_in_the_code() -> None:
    class Twice(msgspec.Struct, frozen=True, kw_only=True):
        size_m: Annotated[float, unit("m")]
        size_kg: Annotated[float, unit("kg")]

    with pytest.raises(TypeError, match="would call 'size'"):
        fields_of(Twice)


def test_a_type_that_no_file_can_state_is_a_mistake_in_the_code() -> None:
    class Odd(msgspec.Struct, frozen=True, kw_only=True):
        name: bytes

    with pytest.raises(TypeError, match="cannot be of type"):
        fields_of(Odd)
