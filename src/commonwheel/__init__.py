"""Commonwheel: describe a car once; every function, tool and service runs on it.

>>> import commonwheel as cw
>>> cw.load_vehicle("nissan/leaf_ze0").powertrain
'battery-electric'

``read`` turns a log into ``Samples``; ``load_vehicle`` compiles a description; ``open_log`` and ``read_log``
give raw frames; ``identify`` tells which car made them. ``connect`` and ``connect_async`` give a live ``Car``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.catalog import Catalog, load_catalog
    from commonwheel.client import AsyncCar, Batch, Car, ClientTls, Confirm, Reading, connect, connect_async
    from commonwheel.errors import CommonwheelError, UnreachableError
    from commonwheel.vehicles import Quality, Samples, Vehicle, car_names, load_vehicle
    from commonwheel.vehicles.decoder import VehicleDecoder
    from commonwheel.vehicles.encoder import Track, VehicleEncoder
    from commonwheel.vehicles.identify import identify
    from commonwheel.vehicles.reading import LogDecoder, read
    from commonwheel.wire.frames import Clock, Frames
    from commonwheel.wire.logs import open_log, read_log

__version__ = "0.1.0"

__all__ = [
    "AsyncCar",
    "Batch",
    "Car",
    "Catalog",
    "ClientTls",
    "Clock",
    "CommonwheelError",
    "Confirm",
    "Frames",
    "LogDecoder",
    "Quality",
    "Reading",
    "Samples",
    "Track",
    "UnreachableError",
    "Vehicle",
    "VehicleDecoder",
    "VehicleEncoder",
    "car_names",
    "connect",
    "connect_async",
    "identify",
    "load_catalog",
    "load_vehicle",
    "open_log",
    "read",
    "read_log",
]

_HOMES = {
    "AsyncCar": "client",
    "Batch": "client",
    "Car": "client",
    "Catalog": "catalog",
    "ClientTls": "client",
    "Clock": "wire.frames",
    "CommonwheelError": "errors",
    "Confirm": "client",
    "Frames": "wire.frames",
    "LogDecoder": "vehicles.reading",
    "Quality": "vehicles",
    "Reading": "client",
    "Samples": "vehicles",
    "Track": "vehicles.encoder",
    "UnreachableError": "errors",
    "Vehicle": "vehicles",
    "VehicleDecoder": "vehicles.decoder",
    "VehicleEncoder": "vehicles.encoder",
    "car_names": "vehicles",
    "connect": "client",
    "connect_async": "client",
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
