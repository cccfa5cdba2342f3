"""What a car will use per distance, from what it used: a blend of the last kilometres and the longer past.

Energy and distance fade over 5 and over 50 km. Until enough was driven, what is known beforehand stands in with the
weight of some kilometres. How far off the estimate may be has three parts, added as squares: how much kilometres
differ, those that were seen and those that are ahead (roads stay alike for some kilometres, so that eight of them count
as one); how much of it is what was known beforehand, which is believed to a quarter; and a tenth, for the road ahead is
not the road behind. 80 of 100 should be within 1.28 of that.

Predictions are held against what came: each kilometre the estimate is noted, and ten kilometres later compared with
what the car did use per distance meanwhile. A range is energy over consumption, so the one's relative error is the
other's.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass

__all__ = ["Consumption", "Estimate", "Track"]

_SHORT_KM, _LONG_KM = 5.0, 50.0
_SHORT_SHARE = 0.4
_BEFOREHAND_KM, _LEND_KM = 5.0, 2.0
_ALIKE_KM = 8.0
_DOUBT_BEFOREHAND, _DOUBT_AHEAD = 0.25, 0.10
_USUAL_SPREAD, _USUAL_BLOCKS = 0.3, 4
"""How much one kilometre's consumption usually differs from another's, and how many kilometres that weighs."""
_80_PERCENT = 1.28
_LEAST = 0.02
"""kWh/km below which no car drives for long: an estimate stays above it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the car is expected to use."""

    kwh_per_km: float
    doubt: float
    """Relative; the true value should be within it in 80 of 100 cases."""

    def km(self, kwh: float) -> tuple[float, float, float]:
        """Return how far an energy lasts: the expected distance, and the low and high end of what is likely."""
        expected = kwh / self.kwh_per_km
        return expected, expected / (1 + self.doubt), expected / max(0.3, 1 - self.doubt)


class Consumption:
    """Learns what is used per distance."""

    def __init__(self, beforehand_kwh_per_km: float) -> None:
        """Begin with what is known beforehand."""
        self.beforehand = beforehand_kwh_per_km
        self._beforehand_km = _BEFOREHAND_KM
        self._short = [0.0, 0.0]
        self._long = [0.0, 0.0]
        self._blocks: deque[float] = deque(maxlen=50)
        self._block = [0.0, 0.0]

    def add(self, km: float, kwh: float) -> None:
        """Take what was used on a piece of road; what came back counts against it."""
        for sums, span in ((self._short, _SHORT_KM), (self._long, _LONG_KM)):
            fade = math.exp(-km / span)
            sums[0], sums[1] = sums[0] * fade + km, sums[1] * fade + kwh
        self._beforehand_km *= math.exp(-km / _LONG_KM)
        self._block[0] += km
        self._block[1] += kwh
        if self._block[0] >= 1:
            self._blocks.append(self._block[1] / self._block[0])
            self._block = [0.0, 0.0]

    def estimate(self, ahead_km: float | None = None, kwh_left: float = 0.0) -> Estimate:
        """Return what is expected of the next *ahead_km*; None: of the distance that an energy lasts for."""
        long_km = self._long[0] + self._beforehand_km
        long = (self._long[1] + self.beforehand * self._beforehand_km) / long_km
        short = (self._short[1] + long * _LEND_KM) / (self._short[0] + _LEND_KM)
        mean = max(_LEAST, _SHORT_SHARE * short + (1 - _SHORT_SHARE) * long)
        learnt, blocks = self._long[0] / long_km, len(self._blocks)
        variance = statistics.pvariance(self._blocks) / mean**2 if blocks else 0.0
        varies = (blocks * variance + _USUAL_BLOCKS * _USUAL_SPREAD**2) / (blocks + _USUAL_BLOCKS)
        ahead = kwh_left / mean if ahead_km is None else ahead_km
        seen = varies * (learnt**2 / max(1, blocks / _ALIKE_KM) + 1 / max(1.0, ahead / _ALIKE_KM))
        believed = (_DOUBT_BEFOREHAND * (1 - learnt)) ** 2
        doubt = _80_PERCENT * math.sqrt(believed + seen + _DOUBT_AHEAD**2)
        return Estimate(mean, min(0.9, doubt))


class Track:
    """Holds predictions against what came."""

    def __init__(self, ahead_km: float = 10.0) -> None:
        """Compare each prediction with the *ahead_km* after it."""
        self.ahead_km = ahead_km
        self._noted: deque[tuple[float, float, Estimate]] = deque()
        self._next_km = 0.0
        self.errors: list[float] = []
        """Relative errors of the predicted ranges; too far is positive."""
        self.within = 0
        """How many of them were within their doubt."""

    def update(self, km: float, kwh: float, estimate: Estimate) -> None:
        """Take what was driven and used since the beginning, and what is expected of the next *ahead_km*."""
        if km >= self._next_km:
            self._noted.append((km, kwh, estimate))
            self._next_km = km + 1
        while self._noted and km - self._noted[0][0] >= self.ahead_km:
            from_km, from_kwh, said = self._noted.popleft()
            came = (kwh - from_kwh) / (km - from_km)
            if came > _LEAST / 2:  # downhill all the way: nothing was used, and no range can be compared
                error = came / said.kwh_per_km - 1
                self.errors.append(error)
                self.within += 1 / (1 + said.doubt) <= 1 / (1 + error) <= 1 / max(0.3, 1 - said.doubt)

    @property
    def mean_error(self) -> float | None:
        """Mean absolute relative error; None before there is one."""
        return statistics.fmean(map(abs, self.errors)) if self.errors else None

    @property
    def bias(self) -> float | None:
        """Mean relative error; too far is positive."""
        return statistics.fmean(self.errors) if self.errors else None
