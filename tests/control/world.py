"""What controllers look at, in tests: a few signals of a car that is only numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np

from commonwheel.control.measured import Measured
from commonwheel.vehicles.model import SignalInfo
from commonwheel.vehicles.samples import Quality, Samples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["ANGLE", "DT", "SET_SPEED", "SPEED", "Line", "Shown"]

SPEED = "Vehicle.Speed"
ANGLE = "Vehicle.Chassis.SteeringWheel.Angle"
SET_SPEED = "Vehicle.ADAS.CruiseControl.SpeedSet"
DT = 0.01
_PATHS = (SPEED, ANGLE, SET_SPEED)


class Shown:
    """What a car shows, cycle by cycle, with the resolution of its wire."""

    def __init__(self, resolution: Mapping[str, float] | None = None) -> None:
        self._steps = {SPEED: 0.01, ANGLE: 0.1, SET_SPEED: 1.0} | dict(resolution or {})
        vehicle = cast("Vehicle", SimpleNamespace(numbers={path: i for i, path in enumerate(_PATHS)}))
        self.measured = Measured(vehicle, _PATHS, speed=SPEED, angle=ANGLE)
        self._table = tuple(SignalInfo(path, "", "float", "sensor", "from", (), "") for path in _PATHS)
        self._t_ns = 0

    def show(self, values: Mapping[str, float], quality: Quality = Quality.GOOD) -> Measured:
        """Show values, one cycle later than the last."""
        self._t_ns += round(DT * 1e9)
        count = len(values)
        rounded = [round(value / self._steps[path]) * self._steps[path] for path, value in values.items()]
        samples = Samples(
            np.full(count, self._t_ns, np.int64),
            np.array([_PATHS.index(path) for path in values], np.int32),
            np.array(rounded, np.float64),
            np.full(count, quality, np.uint8),
            self._table,
        )
        self.measured.take(samples)
        return self.measured


class Line:
    """A delay of whole cycles."""

    def __init__(self, delay_s: float, value: float = 0.0) -> None:
        self._waiting = [value] * round(delay_s / DT)

    def through(self, value: float) -> float:
        """Put a value in, and get out what went in that long ago."""
        self._waiting.append(value)
        return self._waiting.pop(0)
