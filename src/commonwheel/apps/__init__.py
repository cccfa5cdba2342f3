"""Apps: functions written once against the standard, that run on every car that gives what they need.

What authors import is here; docs/apps.md says how to write one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.apps.app import App
from commonwheel.apps.manifest import Event, Manifest, Output, Setting
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from commonwheel.apps.car import Car
    from commonwheel.client.readings import Batch, Reading
    from commonwheel.client.requests import Outcome
    from commonwheel.vehicles.samples import Quality

__all__ = ["App", "AppError", "Batch", "Car", "Event", "Manifest", "Outcome", "Output", "Quality", "Reading", "Setting"]

_HOMES = {
    "Batch": "client.readings",
    "Car": "apps.car",
    "Outcome": "client.requests",
    "Quality": "vehicles.samples",
    "Reading": "client.readings",
}


def __getattr__(name: str) -> object:
    """Import what is heavy when it is first used."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'commonwheel.apps' has no attribute '{name}'"
        raise AttributeError(message)
    import importlib

    return getattr(importlib.import_module(f"commonwheel.{home}"), name)
