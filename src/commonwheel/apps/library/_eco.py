"""How economically somebody drives, from 0 to 100, from the speed alone: the same yardstick on every car.

Speed is the one signal that every car gives, so that two drivers can be compared whatever they drive. Four parts,
each 0..100, make the score (weights 40, 30, 20, 10):

- *smoothness*, from the relative positive acceleration ``sum(v a+ dt) / distance``, the measure that the European test
  of real driving emissions uses (Regulation (EU) 2017/1151, annex IIIA, appendix 7a): 100 at 0.10 m/s^2 and below, 0 at
  0.30 and above;
- *anticipation*, the share of the kinetic energy given up while slowing down at 1.3 m/s^2 or less, which an electric
  drive can take back (beyond it UN Regulation 13-H, 5.2.22.4, has regenerative braking light the stop lamps);
- *pace*, how much more drag there was than at 100 km/h: 100 - 100 times the mean over the distance of
  ``max(0, (v / 100 km/h)^2 - 1)``;
- *idling*, the share of the time that the car stood: 100 for none, 0 for half of it.

Accelerations are differences of the speed at whole seconds, between readings on a straight line.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Eco", "Score"]

_NS = 1_000_000_000
_GENTLE_MPS2 = 1.3
_SMOOTH_MPS2, _ROUGH_MPS2 = 0.10, 0.30
_PACE_MPS = 100 / 3.6
_STANDING_MPS = 0.5 / 3.6
_WEIGHTS = (40, 30, 20, 10)
_HOLE_NS = 1_500_000_000
_LEAST_M = 100.0
"""Below this distance there is nothing to judge."""


@dataclass(frozen=True, slots=True)
class Score:
    """The score and its parts, each 0..100."""

    total: float
    smoothness: float
    anticipation: float
    pace: float
    idling: float


@dataclass(slots=True)
class Eco:
    """The sums that the score is made of; ``copy.copy`` of it is what it was at that time."""

    distance_m: float = 0.0
    pushed: float = 0.0
    """Sum of v a+ dt, in m^2/s^2."""
    gentle: float = 0.0
    """Kinetic energy per mass given up gently, in m^2/s^2."""
    given_up: float = 0.0
    """Kinetic energy per mass given up, in m^2/s^2."""
    drag: float = 0.0
    """Sum over the distance of the drag beyond that at 100 km/h, in m."""
    standing_s: int = 0
    seconds: int = 0
    _last: tuple[int, float] | None = None
    _tick_ns: int = 0
    """The next whole second."""
    _before: float | None = None
    """Speed at the last whole second."""

    def add(self, t_ns: int, speed_mps: float) -> None:
        """Take a good reading of the speed."""
        last, self._last = self._last, (t_ns, speed_mps)
        if last is None or not 0 < t_ns - last[0] <= _HOLE_NS:
            self._tick_ns, self._before = t_ns + _NS, speed_mps
            return
        while self._tick_ns <= t_ns:
            share = (self._tick_ns - last[0]) / (t_ns - last[0])
            self._second(last[1] + share * (speed_mps - last[1]))
            self._tick_ns += _NS

    def _second(self, speed: float) -> None:
        """Take the speed at the next whole second."""
        before, self._before = self._before, speed
        if before is None:
            return
        mean, gained = (before + speed) / 2, speed - before
        self.seconds += 1
        self.distance_m += mean
        self.standing_s += mean < _STANDING_MPS
        self.drag += mean * max(0.0, (mean / _PACE_MPS) ** 2 - 1)
        if gained > 0:
            self.pushed += mean * gained
        else:
            self.given_up -= mean * gained
            if gained >= -_GENTLE_MPS2:
                self.gentle -= mean * gained

    @property
    def score(self) -> Score | None:
        """The score, None before 100 m were driven."""
        if self.distance_m < _LEAST_M:
            return None
        rough = (self.pushed / self.distance_m - _SMOOTH_MPS2) / (_ROUGH_MPS2 - _SMOOTH_MPS2)
        parts = (
            _percent(1 - rough),
            _percent(self.gentle / self.given_up if self.given_up else 1.0),
            _percent(1 - self.drag / self.distance_m),
            _percent(1 - 2 * self.standing_s / self.seconds),
        )
        return Score(sum(w * part for w, part in zip(_WEIGHTS, parts, strict=True)) / sum(_WEIGHTS), *parts)


def _percent(share: float) -> float:
    return 100 * min(1.0, max(0.0, share))
