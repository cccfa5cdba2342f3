"""The reference pages of cars, served below ``/cars/``: the same pages that ``commonwheel cars --pages`` writes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from commonwheel.control.capabilities import with_acting
from commonwheel.report.reference import reference_of
from commonwheel.report.reference_page import index_page, reference_page
from commonwheel.vehicles import car_names
from commonwheel.web.scene import vehicle_of

if TYPE_CHECKING:
    from commonwheel.web.scene import Scene

__all__ = ["car_page"]


def car_page(scene: Scene, name: str) -> str | None:
    """Return a car's page, or with no name the page that leads to all of them; None: there is no such car.

    Only shipped cars and those of the service have pages: no name leads to another file.

    Raises:
        DescriptionError: the description of a car of the service cannot be read any more.
    """
    sources = {
        vehicle.name: settings.car
        for car in scene.cars
        if (vehicle := vehicle_of(car)) is not None and (settings := scene.settings_of(car)) is not None
    }
    if not name:
        return _index(tuple(sources.items()))
    source = sources.get(name) or (name if name in car_names() else None)
    return None if source is None else _page(source)


@functools.lru_cache(maxsize=32)
def _page(source: str) -> str:
    return reference_page(with_acting(reference_of(source), name=source), "/cars/")


@functools.lru_cache(maxsize=4)
def _index(own: tuple[tuple[str, str], ...]) -> str:
    sources = dict(own) | {name: name for name in car_names() if ":" not in name and name not in dict(own)}
    references = [with_acting(reference_of(source), name=source) for source in sources.values()]
    return index_page(references, lambda name: f"/cars/{name}")
