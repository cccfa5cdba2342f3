"""What apps have on a car besides its own wire: actuators that the platform serves, the guard, and fitted sensors.

A camera, a radar or a map is no part of a car's description: which of them a car has is up to who fits it. What they
give has names in the standard (``SENSED``), and a car with them runs apps that a bare one cannot.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from commonwheel.errors import DescriptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["GUARD", "IS_ARMED", "SENSED", "acted", "unacted"]

_FRONT, _LANE = "Vehicle.ADAS.ObstacleDetection.Front.Center", "Vehicle.ADAS.Lane"
SENSED = frozenset({
    *(f"{_FRONT}.{leaf}" for leaf in ("Distance", "RelativeSpeed", "IsObstacleDetected")),
    *(f"{_LANE}.{leaf}" for leaf in ("IsDetected", "Offset", "HeadingError", "Curvature", "CurvatureAhead", "Width")),
    "Vehicle.ADAS.SpeedLimit",
})  # fmt: skip
"""What a camera, a radar or a map gives."""
_GUARD = "Vehicle.MotionManagement.Guard"
IS_ARMED = f"{_GUARD}.IsArmed"
GUARD = frozenset(
    {IS_ARMED, *(f"{_GUARD}.{leaf}" for leaf in ("LongitudinalState", "LateralState", "ComfortState", "Cause"))}
)
"""What the platform tells of a car that it makes act."""


def acted(vehicle: Vehicle) -> frozenset[str]:
    """Return the actuators of a described car that the platform serves; none where nothing is stated of that."""
    return _acted(vehicle.name, vehicle)


@functools.lru_cache(maxsize=256)
def _acted(_name: str, vehicle: Vehicle) -> frozenset[str]:
    from commonwheel.control.description import load_control

    try:
        control = load_control(vehicle)
    except DescriptionError:  # of a folder of its own; what is wrong with a shipped one, 'commonwheel check' tells
        return frozenset()
    return frozenset() if control is None else frozenset(control.served)


def unacted(vehicle: Vehicle) -> Mapping[str, str]:
    """Return the actuators, or branches of some, that a described car cannot be asked for, and why."""
    return _unacted(vehicle.name)


@functools.lru_cache(maxsize=256)
def _unacted(name: str) -> Mapping[str, str]:
    from commonwheel.control.description import load_cannot

    try:
        return load_cannot(name)
    except DescriptionError:  # see above
        return {}
