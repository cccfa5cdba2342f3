"""The cars that can be made to act, with their real ``control.yaml``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from commonwheel.control.description import load_control
from commonwheel.control.description_file import gather
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.description import car_names
from commonwheel.vehicles.yamltree import Reader

if TYPE_CHECKING:
    from commonwheel.control.model import Control
    from commonwheel.guard import CarEnvelope
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["ACTING", "NAMES", "acting", "envelope"]


NAMES = [
    name for name in car_names() if ":" not in name and (stated := gather(name, Reader())) is not None and stated.acts
]
"""One of each line. Variants share their line's file; what differs is tested where the files are."""
_SOON = ("honda/civic_touring_2016", "nissan/leaf_ze1")
"""Between them every manner of steering and driving; the others' files extend the same ones."""
ACTING = [pytest.param(name, marks=[] if name in _SOON else [pytest.mark.slow]) for name in NAMES]
"""For tests of each car; those of cars that are like another are slow ones."""


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
