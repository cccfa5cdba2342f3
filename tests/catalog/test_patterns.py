"""Patterns follow the rules that KUKSA's databroker documents (doc/wildcard_matching.md)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.catalog.patterns import _without_choices, compile_pattern
from commonwheel.errors import CatalogError

SIGNALS = (
    "Vehicle._private.Version",
    "Vehicle.Cabin.Door.Row1.DriverSide.Shade.Position",
    "Vehicle.Cabin.Door.Row1.DriverSide.Window.Position",
    "Vehicle.Cabin.RearShade.Position",
    "Vehicle.Cabin.Seat.Row1.Middle.Position",
    "Vehicle.Cabin.Sunroof.Position",
    "Vehicle.Cabin.Sunroof.Shade.Position",
    "Vehicle.Cabin.Sunroof.Shade.Switch",
    "Vehicle.Cabin.Sunroof.Switch",
    "Vehicle.Cabin.SunroofThing",
    "Vehicle.Speed",
    "Vehicle.TraveledDistance",
    "Vehicle.TraveledDistanceSinceStart",
)
SUNROOF = tuple(path for path in SIGNALS if path.startswith("Vehicle.Cabin.Sunroof."))


def select(pattern: str) -> tuple[str, ...]:
    return tuple(filter(compile_pattern(pattern), SIGNALS))


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ("", SIGNALS),
        ("**", SIGNALS),
        ("**.**", SIGNALS),
        ("Vehicle", SIGNALS),
        ("Vehicle.**", SIGNALS),
        ("*", ()),
        ("*.*", ("Vehicle.Speed", "Vehicle.TraveledDistance", "Vehicle.TraveledDistanceSinceStart")),
        ("Vehic", ()),
        ("Sunroof", ()),
        ("**.Sunroof", ()),
        ("*.Sunroof", ()),
        ("**.Sunroof.**", SUNROOF),
        ("Vehicle.Cabin.Sunroof", SUNROOF),
        ("Vehicle.Cabin.Sunroof.**", SUNROOF),
        ("Vehicle.Cabin.Sunroof.*", ("Vehicle.Cabin.Sunroof.Position", "Vehicle.Cabin.Sunroof.Switch")),
        ("Vehicle.Cabin.Sunroof.*.Position", ("Vehicle.Cabin.Sunroof.Shade.Position",)),
        ("**.Sunroof.*.Position", ("Vehicle.Cabin.Sunroof.Shade.Position",)),
        ("*.*.*.*.Position", ("Vehicle.Cabin.Sunroof.Shade.Position",)),
        ("Vehicle.Cabin.*.*.Position", ("Vehicle.Cabin.Sunroof.Shade.Position",)),
        ("Vehicle.*.Sunroof.*.Position", ("Vehicle.Cabin.Sunroof.Shade.Position",)),
        (
            "Vehicle.Cabin.Sunroof.**.Position",
            ("Vehicle.Cabin.Sunroof.Position", "Vehicle.Cabin.Sunroof.Shade.Position"),
        ),
        ("Vehicle.TraveledDistance", ("Vehicle.TraveledDistance",)),
        ("Vehicle.Cabin.Sunroof.Shade.Position", ("Vehicle.Cabin.Sunroof.Shade.Position",)),
        ("Vehicle._private.**", ("Vehicle._private.Version",)),
        ("Vehicle.*.Weight", ()),
        ("**.Door.*.*.Shade.Position", ("Vehicle.Cabin.Door.Row1.DriverSide.Shade.Position",)),
    ],
)
def test_the_documented_cases(pattern: str, selected: tuple[str, ...]) -> None:
    assert select(pattern) == selected


def test_double_and_single_asterisks_may_stand_side_by_side() -> None:
    """The one case that the databroker's own matcher leaves out; the rules cover it: no level is enough."""
    assert select("**.*.*.*.Position") == tuple(path for path in SIGNALS if path.endswith(".Position"))
    assert select("**.*.*.*.*.Position") == (
        "Vehicle.Cabin.Door.Row1.DriverSide.Shade.Position",
        "Vehicle.Cabin.Door.Row1.DriverSide.Window.Position",
        "Vehicle.Cabin.Seat.Row1.Middle.Position",
        "Vehicle.Cabin.Sunroof.Shade.Position",
    )


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("Vehicle.", "an empty level"),
        (".Speed", "an empty level"),
        ("Vehicle..Speed", "an empty level"),
        ("Vehicle.Sp*", "an asterisk stands for a whole level"),
        ("Vehicle.***", "an asterisk stands for a whole level"),
        ("Vehicle.My Speed", "no spaces or colons"),
        ("Vehicle:Speed", "no spaces or colons"),
        (" ", "no spaces or colons"),
    ],
)
def test_anything_else_is_no_pattern(pattern: str, reason: str) -> None:
    with pytest.raises(CatalogError, match="is not a path pattern") as caught:
        compile_pattern(pattern)
    assert reason in str(caught.value)


def test_letters_of_regular_expressions_are_letters() -> None:
    assert not compile_pattern("Vehicle.S+eed")("Vehicle.SSeed")
    assert compile_pattern("Vehicle.(a|b).**")("Vehicle.(a|b).c")


def _reference(pattern: list[str], path: list[str]) -> bool:
    """The rules once more, as plainly as they can be put."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        at_end = all(level == "**" for level in pattern)
        return (bool(path) if at_end else False) or any(_reference(pattern[1:], path[i:]) for i in range(len(path) + 1))
    return bool(path) and pattern[0] in {"*", path[0]} and _reference(pattern[1:], path[1:])


LEVEL = st.sampled_from(["A", "B", "C"])


@given(st.lists(LEVEL | st.sampled_from(["*", "**"]), min_size=1, max_size=6), st.lists(LEVEL, min_size=1, max_size=6))
def test_patterns_agree_with_the_rules(pattern: list[str], path: list[str]) -> None:
    expected = _reference(pattern, path)
    if not {"*", "**"} & set(pattern):
        expected = path[: len(pattern)] == pattern
    elif pattern[-1] == "**":
        while pattern and pattern[-1] == "**":
            pattern = pattern[:-1]
        expected = any(_reference(pattern, path[:i]) for i in range(len(path))) if pattern else True
        pattern = [*pattern, "**"]
    assert compile_pattern(".".join(pattern))(".".join(path)) is expected


@pytest.mark.parametrize(
    ("levels", "plain"),
    [
        ("**.*.**.*", "**.*.*"),
        ("*.**.**", "**.*.*"),
        ("A.*.**.B.**.*.C", "A.**.*.B.**.*.C"),
        ("**.A.**", "**.A.**"),
        ("*.*.A", "*.*.A"),
    ],
)
def test_there_is_one_way_to_match_a_run_of_asterisks(levels: str, plain: str) -> None:
    """A pattern of many runs that fits nothing would else be tried in every way there is."""
    assert ".".join(_without_choices(levels.split("."))) == plain


@given(st.text(max_size=20))
def test_any_text_is_a_pattern_or_a_catalog_error(text: str) -> None:
    with contextlib.suppress(CatalogError):
        compile_pattern(text)("Vehicle.Speed")
