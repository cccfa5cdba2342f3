"""What the car shows, as controllers need it: the last reading of each signal, and how speed and steering move.

Accelerations and rates that the car does not send are observed: a second-order observer follows the signal and knows
its derivative, late by about ``2 / bandwidth`` and without the noise that differences have.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from commonwheel.guard import Reading
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonwheel.vehicles.samples import Samples
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["KMH_PER_MPS", "SPEED_BANDWIDTH", "Measured", "Moving"]

KMH_PER_MPS = 3.6
_NS = 1e-9
SPEED_BANDWIDTH = 8.0
"""rad/s: an acceleration is known a quarter of a second late, to better than 0.02 m/s^2 at steps of 0.01 km/h."""
_ANGLE_BANDWIDTH = 25.0
_GAP_S = 0.3
"""After a longer pause an observer begins anew."""
_QUALITIES: tuple[Quality, ...] = tuple(Quality)


class Moving:
    """A signal and its derivative, observed."""

    __slots__ = ("_bandwidth", "_estimate", "_t_ns", "rate", "value")

    def __init__(self, bandwidth: float) -> None:
        """Begin with nothing; *bandwidth* in rad/s."""
        self._bandwidth = bandwidth
        self._t_ns: int | None = None
        self._estimate = 0.0
        self.value = 0.0
        """The last value."""
        self.rate = 0.0
        """Per second."""

    def see(self, t_ns: int, value: float) -> None:
        """Take in a value; one that is not later than the last only replaces it."""
        before, self._t_ns, self.value = self._t_ns, t_ns, value
        dt = (t_ns - before) * _NS if before is not None else math.inf
        if not 0.0 < dt <= _GAP_S:
            if dt > _GAP_S:
                self._estimate, self.rate = value, 0.0
            return
        # Both poles at exp(-bandwidth dt): the observer is stable at any sampling time.
        pole = math.exp(-self._bandwidth * dt)
        predicted = self._estimate + self.rate * dt
        error = value - predicted
        self._estimate = predicted + (1.0 - pole * pole) * error
        self.rate += (1.0 - pole) ** 2 / dt * error


class Measured:
    """The last reading of each signal that anybody here relies on."""

    def __init__(self, vehicle: Vehicle, paths: Iterable[str], *, speed: str, angle: str, rate: str = "") -> None:
        """Watch these standard paths; a car that does not give one never shows it.

        Args:
            vehicle: the car.
            paths: what is relied on.
            speed: the car's speed, km/h.
            angle: the steering wheel's angle, degrees; '' for none.
            rate: its rate, degrees/s; '' where it is observed.
        """
        self._watched = {
            vehicle.numbers[path]: path
            for path in dict.fromkeys([*paths, speed, angle, rate])
            if path in vehicle.numbers
        }
        self._speed_path, self._angle_path, self._rate_path = speed, angle, rate
        self._speed, self._angle = Moving(SPEED_BANDWIDTH), Moving(_ANGLE_BANDWIDTH)
        self._last: dict[str, Reading] = {}

    def take(self, samples: Samples) -> list[tuple[str, Reading]]:
        """Take in samples of the vehicle; returns the readings that are watched, in their order."""
        watched, found = self._watched, list[tuple[str, Reading]]()
        qualities: list[int] = samples.quality.tolist()
        rows = zip(samples.signal.tolist(), samples.t_ns.tolist(), samples.value.tolist(), qualities, strict=True)
        for number, t_ns, value, quality in rows:
            path = watched.get(number)
            if path is not None:
                reading = Reading(t_ns, value, _QUALITIES[quality])
                found.append((path, reading))
                self._see(path, reading)
        return found

    def _see(self, path: str, reading: Reading) -> None:
        self._last[path] = reading
        if reading.quality is not Quality.GOOD or not math.isfinite(reading.value):
            return
        if path == self._speed_path:
            self._speed.see(reading.t_ns, reading.value / KMH_PER_MPS)
        elif path == self._angle_path:
            self._angle.see(reading.t_ns, reading.value)

    def good(self, path: str) -> float | None:
        """Return the last value of a signal, None when there is none that is good."""
        reading = self._last.get(path)
        if reading is None or reading.quality is not Quality.GOOD or not math.isfinite(reading.value):
            return None
        return reading.value

    @property
    def speed_mps(self) -> float:
        """The speed as it was last known."""
        return self._speed.value

    @property
    def acceleration_mps2(self) -> float:
        """How it changes."""
        return self._speed.rate

    @property
    def angle_deg(self) -> float:
        """The steering wheel's angle as it was last known, left positive."""
        return self._angle.value

    @property
    def angle_rate_dps(self) -> float:
        """How it turns, degrees/s."""
        rate = self.good(self._rate_path) if self._rate_path else None
        return self._angle.rate if rate is None else rate
