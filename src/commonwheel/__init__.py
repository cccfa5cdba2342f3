"""Commonwheel: describe a car once; every function, tool and service runs on it.

>>> import commonwheel as cw
>>> cw.load_vehicle("nissan/leaf_ze0").powertrain
'battery-electric'

``read`` turns a log into ``Samples``; ``load_vehicle`` compiles a description; ``open_log`` and ``read_log``
give raw frames; ``identify`` tells which car made them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.catalog import Catalog, load_catalog
    from commonwheel.errors import CommonwheelError
    from commonwheel.vehicles import Quality, Samples, Vehicle, car_names, load_vehicle
    from commonwheel.vehicles.decoder import VehicleDecoder
    from commonwheel.vehicles.encoder import Track, VehicleEncoder
    from commonwheel.vehicles.identify import identify
    from commonwheel.vehicles.reading import LogDecoder, read
    from commonwheel.wire.frames import Clock, Frames
    from commonwheel.wire.logs import open_log, read_log

__version__ = "0.1.0"

__all__ = [
    "Catalog",
    "Clock",
    "CommonwheelError",
    "Frames",
    "LogDecoder",
    "Quality",
    "Samples",
    "Track",
    "Vehicle",
    "VehicleDecoder",
    "VehicleEncoder",
    "car_names",
    "identify",
    "load_catalog",
    "load_vehicle",
    "open_log",
    "read",
    "read_log",
]

_HOMES = {
    "Catalog": "catalog",
    "Clock": "wire.frames",
    "CommonwheelError": "errors",
    "Frames": "wire.frames",
    "LogDecoder": "vehicles.reading",
    "Quality": "vehicles",
    "Samples": "vehicles",
    "Track": "vehicles.encoder",
    "Vehicle": "vehicles",
    "VehicleDecoder": "vehicles.decoder",
    "VehicleEncoder": "vehicles.encoder",
    "car_names": "vehicles",
    "identify": "vehicles.identify",
    "load_catalog": "catalog",
    "load_vehicle": "vehicles",
    "open_log": "wire.logs",
    "read": "vehicles.reading",
    "read_log": "wire.logs",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that importing the package costs nothing."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'commonwheel' has no attribute '{name}'"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"commonwheel.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
