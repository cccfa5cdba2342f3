"""The meter of a trip: what comes of a car's readings, and when a trip begins and ends. It knows no app and no car.

A trip lasts from when the car leaves park, or moves where nobody knows of park, until it is back in park, is switched
off, or has not moved for a while; then it ends where it came into park, or last moved. A visit to park shorter than two
seconds, while manoeuvring, ends none.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from commonwheel.apps.library._eco import Eco
from commonwheel.apps.library._series import Integral, Lasting

__all__ = ["Meter", "Totals"]

_NS = 1_000_000_000
_MOVING_KMH = 0.5
_PARKED_S = 2.0


@dataclass(slots=True)
class Totals:
    """What a trip has come to."""

    began_ns: int
    until_ns: int
    distance_m: float = 0.0
    added_m: float = 0.0
    """Of the distance, by the odometer."""
    moving_s: float = 0.0
    max_kmh: float = 0.0
    used_ws: float = 0.0
    """Out of the battery."""
    regained_ws: float = 0.0
    """Into the battery."""
    fuel_l: float = 0.0
    missed_s: float = 0.0
    """Without a speed."""
    unmeasured_s: float = 0.0
    """Without a battery power."""
    eco: Eco = field(default_factory=Eco)

    @property
    def duration_s(self) -> float:
        """From its beginning to its end, or to the last reading."""
        return (self.until_ns - self.began_ns) / _NS

    def copied(self, until_ns: int) -> Totals:
        """Return what it is now, until then."""
        twin = copy.copy(self)
        twin.eco, twin.until_ns = copy.copy(self.eco), until_ns
        return twin


@dataclass(slots=True)
class _Odometer:
    """What was integrated since the odometer's last step: at a step, and only there, its value is exact."""

    value_m: float | None = None
    stepped: bool = False
    """Whether ``value_m`` was seen to begin."""
    integrated_m: float = 0.0
    missed_s: float = 0.0

    def read(self, value_m: float) -> float:
        """Take a reading; returns the metres that the speed missed between the last two steps."""
        if value_m == self.value_m:
            return 0.0
        known = self.stepped and self.value_m is not None and value_m > self.value_m and self.missed_s > 0
        short = value_m - (self.value_m or 0.0) - self.integrated_m if known else 0.0
        self.stepped = self.value_m is not None
        self.value_m, self.integrated_m, self.missed_s = value_m, 0.0, 0.0
        return max(0.0, short)


class Meter:
    """Takes good readings of one car in the order of their times; ``trip`` is the trip under way."""

    def __init__(self, pause_s: float = 300.0) -> None:
        """Begin without a trip; standing for *pause_s* ends one."""
        self._pause_ns = int(pause_s * _NS)
        self._speeds, self._powers, self._rates = Integral(), Integral(), Integral()
        self._odometer = _Odometer()
        self._in_park: bool | None = None
        self._off: bool | None = None
        self._parked = Lasting(_PARKED_S, 0.0)
        self._mark: Totals | None = None
        """The trip as it was when the car last stopped or came into park: there it ends, if it does."""
        self._moved_ns = 0
        self._litres: float | None = None
        self.speed_kmh: float | None = None
        self.trip: Totals | None = None
        self.ended: list[Totals] = []
        """Trips that are over, until somebody takes them out."""
        self.standby_ws = 0.0
        """Drawn outside trips, and not while charging."""

    def speed(self, t_ns: int, kmh: float) -> None:
        """Take the car's speed."""
        before, self.speed_kmh = self.speed_kmh, kmh
        piece = self._speeds.add(t_ns, kmh / 3.6)
        self._odometer.integrated_m += piece.above
        self._odometer.missed_s += piece.missed_s
        if kmh > _MOVING_KMH:
            self._moved_ns = t_ns
            if self.trip is None and not self._in_park and not self._off:
                self._begin(t_ns)
        trip = self.trip
        if trip is None:
            return
        trip.distance_m += piece.above
        trip.missed_s += piece.missed_s
        trip.moving_s += piece.seconds if ((before or 0.0) + kmh) / 2 > _MOVING_KMH else 0.0
        trip.max_kmh = max(trip.max_kmh, kmh)
        trip.until_ns = t_ns
        trip.eco.add(t_ns, kmh / 3.6)
        if kmh <= _MOVING_KMH and (before is None or before > _MOVING_KMH):
            self._mark = trip.copied(t_ns)

    def speed_lost(self) -> None:
        """Take that there is no speed for now."""
        self.speed_kmh = None

    def power(self, t_ns: int, watts: float, *, charging: bool) -> None:
        """Take the battery's power: into the battery is positive."""
        piece = self._powers.add(t_ns, watts)
        if self.trip is not None:
            self.trip.used_ws += piece.below
            self.trip.regained_ws += piece.above
            self.trip.unmeasured_s += piece.missed_s
        elif not charging:
            self.standby_ws += piece.below - piece.above

    def fuel_counter(self, litres: float) -> None:
        """Take a counter of the fuel burnt; one that fell began anew."""
        before, self._litres = self._litres, litres
        if self.trip is not None and before is not None:
            self.trip.fuel_l += litres - before if litres >= before else litres

    def fuel_rate(self, t_ns: int, litres_per_100km: float) -> None:
        """Take what is burnt per distance."""
        piece = self._rates.add(t_ns, litres_per_100km / 100 * (self.speed_kmh or 0.0) / 3600)
        if self.trip is not None:
            self.trip.fuel_l += piece.above

    def odometer(self, metres: float) -> None:
        """Take the odometer: what it counted more than the speed, while there was none, is added."""
        short = self._odometer.read(metres)
        if self.trip is not None:
            self.trip.distance_m += short
            self.trip.added_m += short

    def gear(self, t_ns: int, *, in_park: bool | None) -> None:
        """Take whether the car is in park; None: nobody knows."""
        before, self._in_park = self._in_park, in_park
        if in_park is False and not self._off:
            self._begin(t_ns)
        elif in_park and not before and self.trip is not None and self._stands:
            self._mark = self._until(self.trip, t_ns)

    def switched(self, t_ns: int, *, off: bool | None) -> None:
        """Take whether the car is switched off; None: nobody knows."""
        self._off = off
        if off and self.trip is not None and self._stands:
            self._end(self._mark if self._in_park and self._mark else self._until(self.trip, t_ns))

    def tick(self, t_ns: int) -> None:
        """See whether the trip is over by now."""
        self._parked.update(t_ns, bool(self._in_park) and self._stands)
        if self.trip is None or not self._stands:
            return
        paused = t_ns - max(self._moved_ns, self.trip.began_ns) > self._pause_ns
        if self._parked.on or paused:
            self._end(self._mark or self._until(self.trip, t_ns))

    def finish(self) -> None:
        """End the trip where it is: nothing follows."""
        if self.trip is not None:
            self._end(self._mark if self._in_park and self._mark else self.trip)

    @property
    def _stands(self) -> bool:
        """Whether nothing says that the car moves."""
        return self.speed_kmh is None or self.speed_kmh <= _MOVING_KMH

    def _until(self, trip: Totals, t_ns: int) -> Totals:
        """Return a trip as it is now; where there is no speed, it is missed since its last reading."""
        ended = trip.copied(t_ns)
        if self.speed_kmh is None:
            ended.missed_s += (t_ns - trip.until_ns) / _NS
        return ended

    def _begin(self, t_ns: int) -> None:
        if self.trip is None:
            self.trip, self._mark = Totals(t_ns, t_ns), None

    def _end(self, trip: Totals) -> None:
        self.ended.append(trip)
        self.trip = self._mark = None
