"""What does instead of a signal: a car that gives it is not called reduced, and only what is declared can do."""

from __future__ import annotations

import pytest

from commonwheel.apps import App, AppError
from commonwheel.apps.checks import check
from commonwheel.apps.matrix import cell_of
from commonwheel.apps.status import Fitness
from commonwheel.vehicles import load_vehicle

YAW, ANGLE, LEVEL = (
    "Vehicle.AngularVelocity.Yaw",
    "Vehicle.Chassis.SteeringWheel.Angle",
    "Vehicle.Powertrain.FuelSystem.RelativeLevel",
)


def app(**instead: tuple[str, ...]) -> App:
    return App("bends", "1", requires={YAW: 10}, may_use={ANGLE: 10, LEVEL: 0}, instead=instead)


def test_a_car_is_not_reduced_for_what_something_else_does() -> None:
    """Required signals and those that may be used alike; without 'instead' the car lacks them."""
    leaf = load_vehicle("nissan/leaf_aze0")
    assert cell_of(app().manifest, leaf).fitness is Fitness.NONE
    cell = cell_of(app(**{YAW: (ANGLE,), LEVEL: (ANGLE,)}).manifest, leaf)
    assert cell.fitness is Fitness.FULL
    assert cell.given == cell.stated == 3
    assert cell_of(app(**{YAW: (ANGLE,), LEVEL: (YAW,)}).manifest, leaf).missing == (LEVEL,)


@pytest.mark.parametrize("instead", [{YAW: ("Vehicle.Speed",)}, {"Vehicle.Speed": (YAW,)}])
def test_only_declared_signals_do_instead(instead: dict[str, tuple[str, ...]]) -> None:
    """What is not declared cannot be read, so that it does instead of nothing."""
    with pytest.raises(AppError, match=r"'Vehicle.Speed' is not declared; add it to 'requires' or 'may_use'"):
        check(app(**instead))


def test_instead_is_a_mapping_to_several() -> None:
    """A single text is told with what would be right."""
    with pytest.raises(AppError, match="'instead' is a mapping of signals to others"):
        check(app(**{YAW: ANGLE}))  # type: ignore[dict-item]
