"""What the demo puts on: which cars, which scenario, which apps, as the settings of an ordinary service."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from commonwheel.gateway.config import OFF, AppName, CarSettings, ScenarioName, Settings
from commonwheel.gateway.logs import LogLevel

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["APPS", "CARS", "SCENARIO", "free_port", "settings_for"]

CARS = ("honda/civic_gen10_bosch", "nissan/leaf_aze0:30kwh", "mitsubishi/outlander_phev:13.8kwh")
"""One of each maker: a combustion engine, a battery, and both. Recordings or public facts bear out each description."""
SCENARIO = "demo"
APPS = ("trip", "driving-events", "range", "battery-care", "health")


def settings_for(
    cars: Sequence[str], scenario: str, apps: Sequence[str], *, web_port: int | None, seed: int = 0
) -> Settings:
    """Return the settings of a service that plays a scenario on virtual cars, again and again.

    Args:
        cars: names of descriptions; each is called by its maker, and by its model where a maker has several.
        scenario: by name or file.
        apps: run on every car that can run them.
        web_port: of the dashboard; None for none.
        seed: what chance there is.
    """
    makers = [car.split("/")[0] for car in cars]
    names = [
        maker if makers.count(maker) == 1 else car.replace("/", "_").replace(":", "_")
        for maker, car in zip(makers, cars, strict=True)
    ]
    return Settings(
        cars={
            name: CarSettings(car=car, virtual=ScenarioName(scenario), loop=True, seed=seed)
            for name, car in zip(names, cars, strict=True)
        },
        grpc_port=0,
        viss_port=OFF,
        flight_port=OFF,
        metrics_port=OFF,
        web_port=OFF if web_port is None else web_port,
        apps=tuple(map(AppName, apps)),
        log_level=LogLevel.ERROR,
    )


def free_port(wanted: int) -> int:
    """Return a port of this machine: the one that is wanted, or 0 (any free one) where somebody has it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(("127.0.0.1", wanted))
        return wanted
    return 0
