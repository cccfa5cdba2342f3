"""The limits of each car that drives are within what is stated of them independently, at every speed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from msgspec import structs

from commonwheel.guard.envelope import Curve, Measured, Without
from tests.guard.cars import ACTING, NAMES, acting
from tests.guard.little import Changed
from tools.bounds import (
    AxisBound,
    Bounds,
    CarBound,
    ConditionBound,
    FrameBound,
    GeometryBound,
    InputBound,
    QuantityBound,
    beyond,
    load_bounds,
)

_BOUNDS = load_bounds()


@pytest.mark.parametrize("name", ACTING)
def test_each_limit_is_within_its_bound(name: str) -> None:
    assert beyond(acting(name)[1], name, _BOUNDS) == []


def _changed(name: str, envelope: str, bounds: Bounds = _BOUNDS, /, **changes: Changed) -> list[str]:
    control = acting(name)[1]
    rows = tuple(replace(row, **changes) if row.name == envelope else row for row in control.envelope.envelopes)
    return beyond(replace(control, envelope=replace(control.envelope, envelopes=rows)), name, bounds)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"high": Curve(((0.0, 600.0), (5.0, 300.0), (10.0, 150.1)))}, "high at 10 m/s is 150.1, at most 150"),
        ({"high": Curve(((0.0, 600.0), (10.0, 150.0)))}, "high at 5 m/s is 375, at most 300"),
        ({"low": Curve(((0.0, -601.0), (5.0, -300.0), (10.0, -150.0)))}, "low at 0 m/s is 601, at most 600"),
        ({"rate_up": Without("none")}, "rate_up is not limited, at most"),
        ({"rate_down": Curve(((0.0, 500.0), (5.0, 350.0), (15.0, 40.1)))}, "rate_down at 15 m/s is 40.1, at most 40"),
        ({"timeout_ns": 301_000_000}, "timeout is 0.301, at most 0.3"),
        ({"release_rate": 601.0}, "release_rate is 601, at most 600"),
        ({"neutral": 0.0}, "neutral is 0.0, not (1.0, 0.01, 0.0)"),
        ({"lateral": Without("none")}, "no limit of lateral acceleration"),
        ({"tracking": Without("none")}, "nothing is tracked"),
    ],
)
def test_what_is_beyond_is_said(changes: dict[str, Changed], said: str) -> None:
    assert any(said in text for text in _changed("nissan/leaf_ze1", "angle_command", **changes))


def test_a_neutral_that_is_another_is_said() -> None:
    assert "envelope brake: neutral is 1.0, not 0.0" in _changed("honda/civic_touring_2016", "brake", neutral=1.0)
    measured = Measured("Vehicle.Speed", 1.0, 0.0, 0.0)
    assert any("not 0.0" in text for text in _changed("honda/civic_touring_2016", "brake", neutral=measured))


def test_what_has_no_bound_is_said() -> None:
    bare = Bounds(format=1, cars=(), geometry=(), conditions=(), axes=(), inputs=(), quantities=(), frames=())
    said = _changed("nissan/leaf_ze1", "angle_command", bare)
    assert "the car has no bound" in said
    assert "the geometry has no bound" in said
    assert "axis lateral has no bound" in said
    assert any(text.startswith("condition 'the gear is drive' is (127.0, 127.0, 0.0), not stated") for text in said)
    assert "input Vehicle.Speed has no bound" in said
    assert "envelope angle_command is carried by what has no bound" in said
    assert "frame car/LaneKeepCommand has no bound" in said


def _without_each(bounds: Bounds) -> Iterator[tuple[str, Bounds]]:
    """Yield what is left when one thing that is stated is left out, with its name."""
    for part in ("cars", "geometry", "axes"):
        rows: tuple[CarBound | GeometryBound | AxisBound, ...] = getattr(bounds, part)
        for at, row in enumerate(rows):
            yield f"{part} {row.cars}", structs.replace(bounds, **{part: rows[:at] + rows[at + 1 :]})
    for part in ("conditions", "inputs", "quantities", "frames"):
        wide: tuple[ConditionBound | InputBound | QuantityBound | FrameBound, ...] = getattr(bounds, part)
        for at, row in enumerate(wide):
            for one in row.of:
                if isinstance(row.of, dict):
                    left: object = {name: value for name, value in row.of.items() if name != one}
                else:
                    left = tuple(name for name in row.of if name != one)
                changed = (*wide[:at], structs.replace(row, of=left), *wide[at + 1 :])
                yield f"{part} {row.cars} {one}", structs.replace(bounds, **{part: changed})


def test_whatever_is_stated_binds_some_car() -> None:
    """A bound of what no car has would look as if something were held."""
    idle = [
        what for what, left in _without_each(_BOUNDS) if not any(beyond(acting(name)[1], name, left) for name in NAMES)
    ]
    assert idle == []


def test_a_frame_that_only_says_that_something_acts_is_held_too() -> None:
    name = "honda/civic_gen10_bosch"
    control = acting(name)[1]
    frames = tuple(replace(each, least_period_ns=9_000_000) for each in control.envelope.frames)
    said = beyond(replace(control, envelope=replace(control.envelope, frames=frames)), name, _BOUNDS)
    assert "frame fcan/AccControlOn: least_period is -0.009, at most -0.01" in said
