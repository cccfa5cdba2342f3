"""A car in a lane in a test: it turns with a delay, a lag, a gain and a bias; the lane is a curvature by distance."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.apps.loading import load_app
from tests.apps.running import Run, S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.apps.running import Row

CURVATURE = "Vehicle.MotionManagement.CurvatureTarget"
ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
LANE = "Vehicle.ADAS.Lane"
SPEED = "Vehicle.Speed"
GIVEN = (
    SPEED,
    *(f"{LANE}.{leaf}" for leaf in ("IsDetected", "Offset", "HeadingError", "Curvature", "CurvatureAhead", "Width")),
)
DT_S = 0.01
_RATIO, _WHEELBASE, _UNDERSTEER = 15.0, 2.7, 0.003
"""Of the car; the app reckons with others where it is not told."""


@dataclass
class Turning:
    """How the car answers."""

    delay_s: float = 0.15
    lag_s: float = 0.25
    gain: float = 1.0
    bias: float = 0.0
    """Added to the curvature, 1/m, as by camber."""


@dataclass
class Track:
    """What was."""

    t: list[float] = field(default_factory=list[float])
    offset: list[float] = field(default_factory=list[float])
    across: list[float] = field(default_factory=list[float])

    def rms(self, after_s: float = 0.0) -> float:
        """Return the root of the mean square of the offset after a time."""
        kept = [offset for t, offset in zip(self.t, self.offset, strict=True) if t >= after_s]
        return math.sqrt(sum(offset * offset for offset in kept) / len(kept))


class LaneRoad:
    """One drive of ``lane-centring`` at a constant speed, at 10 ms; the lane is seen each 50 ms, 50 ms late."""

    def __init__(
        self,
        kmh: float,
        bend: Callable[[float], float] = lambda _s: 0.0,
        *,
        turning: Turning | None = None,
        offset_m: float = 0.0,
        heading_rad: float = 0.0,
        asked: tuple[str, ...] = (CURVATURE,),
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.run = Run(load_app("lane-centring"), given=GIVEN, asked=asked, settings=settings)
        self.mps, self.bend, self.turning = kmh / 3.6, bend, turning or Turning()
        self.offset, self.heading, self.s, self.t = offset_m, heading_rad, 0.0, 0.0
        self.driven = bend(0.0)
        self.blind = False
        self.track = Track()
        self._pipe: deque[float] = deque([self.driven] * max(1, round(self.turning.delay_s / DT_S)))
        self._late: deque[list[Row]] = deque()
        self.run.start()

    def to(self, seconds: float) -> LaneRoad:
        """Drive up to a time."""
        while self.t < seconds - DT_S / 2:
            self._step()
        return self

    def _step(self) -> None:
        self.t = round(self.t + DT_S, 6)
        self._move()
        self.run.feed((self.t, SPEED, self.mps * 3.6))
        if round(self.t / DT_S) % 5 == 0:
            self._late.append(self._seen())
            if len(self._late) > 1 and not self.blind:
                self.run.feed(*((self.t, path, value) for _t, path, value in self._late.popleft()))  # type: ignore[misc]
        self.run.to(self.t)
        self.track.t.append(self.t)
        self.track.offset.append(self.offset)
        self.track.across.append(self.driven * self.mps**2)

    def _seen(self) -> list[Row]:
        values: dict[str, object] = {
            "IsDetected": True,
            "Offset": self.offset,
            "HeadingError": math.degrees(self.heading),
            "Curvature": self.bend(self.s),
            "CurvatureAhead": self.bend(self.s + self.mps),
            "Width": 3.5,
        }
        return [(self.t, f"{LANE}.{leaf}", value) for leaf, value in values.items()]

    @property
    def asked(self) -> float | None:
        """The curvature that is asked for now; None when the last wish is over."""
        wishes = self.run.did.requested
        if not wishes or self.t * S - wishes[-1][0] > 0.3 * S:
            return None
        if self.run.did.withdrawn and self.run.did.withdrawn[-1][0] >= wishes[-1][0]:
            return None
        path, value = wishes[-1][1], float(wishes[-1][2])  # type: ignore[arg-type]
        if path == CURVATURE:
            return value
        return math.radians(value) / _RATIO / (_WHEELBASE + _UNDERSTEER * self.mps**2)

    def _move(self) -> None:
        asked = self.asked
        self._pipe.append(self.driven if asked is None else asked)
        wanted = self._pipe.popleft() * self.turning.gain + self.turning.bias
        self.driven += (wanted - self.driven) * DT_S / self.turning.lag_s
        along = self.mps * math.cos(self.heading) / (1.0 - self.offset * self.bend(self.s))
        self.offset += self.mps * math.sin(self.heading) * DT_S
        self.heading += (self.mps * self.driven - along * self.bend(self.s)) * DT_S
        self.s += along * DT_S
