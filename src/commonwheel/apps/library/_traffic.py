"""What is ahead, as a sensor tells it: a lead with its acceleration, nobody, or that nobody can say."""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING

from commonwheel.apps.library._following import Lead

if TYPE_CHECKING:
    from commonwheel.apps import Car, Reading

__all__ = ["DETECTED", "DISTANCE", "RELATIVE", "Ahead", "Sight", "fresh"]

_FRONT = "Vehicle.ADAS.ObstacleDetection.Front.Center"
DISTANCE, RELATIVE, DETECTED = f"{_FRONT}.Distance", f"{_FRONT}.RelativeSpeed", f"{_FRONT}.IsObstacleDetected"
_FRESH_NS = 350_000_000
"""Several periods of a usual radar or camera (50 ms); the guard of the cars gives its own inputs as much."""
_ALPHA, _BETA = 0.35, 0.07
"""Of an alpha-beta filter of the lead's speed (Kalata 1984), near critical damping: what a sensor's noise of 0.1 m/s
makes of the acceleration is some 0.2 m/s^2, and the acceleration is known within about 0.3 s."""
_LONG_S = 0.5
"""After so long without a look, it begins anew."""
_JUMP_M, _JUMP_MPS = 6.0, 3.0
"""What no vehicle moves by from one look to the next: it is another one."""


class Sight(enum.Enum):
    """What is known of what is ahead."""

    NONE = "none"
    """The car has no such sensor."""
    FREE = "free"
    LEAD = "lead"
    LOST = "lost"
    """The sensor says nothing now."""


def fresh(car: Car, reading: Reading, most_ns: int = _FRESH_NS) -> float | bool | None:
    """Return a reading's value where it is good and came just now; else None."""
    value = reading.good
    if value is None or car.now_ns - reading.t_ns > most_ns:
        return None
    return value if isinstance(value, bool) else float(value)  # type: ignore[arg-type]


class Ahead:
    """Looks ahead, turn by turn."""

    def __init__(self) -> None:
        self.lead: Lead | None = None
        self._seen_ns = 0
        self._lead_mps = math.nan
        self._lead_mps2 = 0.0
        self._gap_m = math.nan

    def look(self, car: Car, speed_mps: float) -> Sight:
        """Take in what the sensor says; ``lead`` is who is ahead."""
        if not car.has(DISTANCE):
            return Sight.NONE
        detected = fresh(car, car.read(DETECTED)) if car.has(DETECTED) else None
        if detected is False:
            self._forget()
            return Sight.FREE
        gap, relative = fresh(car, car.read(DISTANCE)), self._relative(car)
        if gap is None or relative is None or (car.has(DETECTED) and detected is None):
            self.lead = None
            return Sight.LOST
        self._take(car.read(DISTANCE).t_ns, float(gap), float(relative), speed_mps)
        return Sight.LEAD

    def _relative(self, car: Car) -> float | bool | None:
        return fresh(car, car.read(RELATIVE)) if car.has(RELATIVE) else None

    def _forget(self) -> None:
        self.lead = None
        self._lead_mps = self._gap_m = math.nan
        self._lead_mps2 = 0.0

    def _take(self, t_ns: int, gap_m: float, relative_mps: float, speed_mps: float) -> None:
        """Take in a look; the lead's acceleration is that of its speed, smoothed, and begins anew with another lead."""
        lead_mps = speed_mps + relative_mps
        dt_s = (t_ns - self._seen_ns) / 1e9
        other = abs(gap_m - self._gap_m) > _JUMP_M or abs(lead_mps - self._lead_mps) > _JUMP_MPS
        if other or math.isnan(self._lead_mps) or dt_s > _LONG_S:
            self._lead_mps, self._lead_mps2 = lead_mps, 0.0
        elif dt_s > 0.0:
            expected = self._lead_mps + self._lead_mps2 * dt_s
            self._lead_mps = expected + _ALPHA * (lead_mps - expected)
            self._lead_mps2 += _BETA * (lead_mps - expected) / dt_s
        self._gap_m, self._seen_ns = gap_m, t_ns
        self.lead = Lead(gap_m, relative_mps, min(max(self._lead_mps2, -10.0), 4.0))
