"""The cars that can be made to act, with their real ``control.yaml``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from commonwheel.control.description import load_control
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.description import SHIPPED, car_names

if TYPE_CHECKING:
    from commonwheel.control.model import Control
    from commonwheel.guard import CarEnvelope
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["ACTING", "acting", "envelope"]


def _names() -> list[str]:
    """Return one name of each car that has a file: the first of its variants, where it has any."""
    names: dict[str, str] = {}
    for name in car_names():
        car, _, variant = name.partition(":")
        if (SHIPPED / car / "control.yaml").is_file() and (variant or car not in names):
            names[car] = name if variant and names.get(car, car) == car else names.get(car, name)
    return list(names.values())


ACTING = _names()
"""One of each line. Variants share their line's file; what differs is tested where the files are."""


@functools.cache
def acting(name: str) -> tuple[Vehicle, Control]:
    """Return a car and how it is made to act."""
    vehicle = load_vehicle(name)
    control = load_control(vehicle, name)
    assert control is not None, f"{name} cannot act"
    return vehicle, control


def envelope(name: str) -> CarEnvelope:
    """Return what limits a car."""
    return acting(name)[1].envelope
