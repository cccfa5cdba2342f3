"""A car on a road in a test: a mass with a delay and a lag, a lead ahead, and an app that drives it through its engine.

No car of the platform, no wire and no guard: what an app decides, alone, on a plant whose answer is known.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.apps.loading import load_app
from tests.apps.running import Run, S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.apps.replay import Recorded
    from tests.apps.running import Row

ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
SPEED_TARGET = "Vehicle.MotionManagement.SpeedTarget"
SPEED = "Vehicle.Speed"
FRONT = "Vehicle.ADAS.ObstacleDetection.Front.Center"
GUARD = "Vehicle.MotionManagement.Guard.LongitudinalState"
DT_S = 0.01
SEEN_S = 0.05


@dataclass
class Plant:
    """How the car answers."""

    delay_s: float = 0.15
    lag_s: float = 0.3
    gain: float = 1.0
    slope_mps2: float = 0.0
    """Added, as by a grade."""


@dataclass
class Traffic:
    """Who is ahead, over time: None, or its gap is kept by integration from where it came."""

    speed: Callable[[float], float] = lambda _t: 0.0
    appears_s: float = 0.0
    gap_m: float = 60.0
    """When it appears."""
    leaves_s: float = 1e9


@dataclass
class Trace:
    """What was."""

    t: list[float] = field(default_factory=list[float])
    mps: list[float] = field(default_factory=list[float])
    gap: list[float | None] = field(default_factory=list["float | None"])
    asked: list[float] = field(default_factory=list[float])
    mps2: list[float] = field(default_factory=list[float])

    def after(self, seconds: float) -> slice:
        """Return the part after a time."""
        return slice(next(i for i, t in enumerate(self.t) if t >= seconds), None)

    @property
    def least_gap(self) -> float:
        """Return the smallest gap that there was."""
        return min(gap for gap in self.gap if gap is not None)


class Road:
    """One drive of the shipped app ``adaptive-cruise`` (or another), at 10 ms."""

    def __init__(
        self,
        app: str = "adaptive-cruise",
        *,
        mps: float = 25.0,
        plant: Plant | None = None,
        traffic: Traffic | None = None,
        settings: Mapping[str, object] | None = None,
        asked: tuple[str, ...] = (ACCELERATION,),
        sensor: bool = True,
        more: tuple[str, ...] = (),
    ) -> None:
        loaded = load_app(app)
        seen = {f"{FRONT}.{leaf}" for leaf in ("Distance", "RelativeSpeed", "IsObstacleDetected")}
        given = {SPEED, *more} | (seen if sensor else set[str]())
        self.run = Run(loaded, given=given, asked=asked, settings=settings)
        self.plant, self.traffic = plant or Plant(), traffic
        self.mps, self.mps2, self.t = mps, 0.0, 0.0
        self.gap: float | None = None
        self.sensor = sensor
        self.blind = False
        self.deaf = False
        """Nothing reads the speed any more."""
        self.trace = Trace()
        self._pipe: deque[float] = deque([0.0] * max(1, round(self.plant.delay_s / DT_S)))
        self._taken = 0
        self.run.start()

    @property
    def did(self) -> Recorded:
        """What the app did."""
        return self.run.did

    def to(self, seconds: float) -> Road:
        """Drive up to a time."""
        while self.t < seconds - DT_S / 2:
            self._step()
        return self

    def _step(self) -> None:
        self.t = round(self.t + DT_S, 6)
        self._move()
        rows: list[Row] = []
        if not self.deaf:
            rows.append((self.t, SPEED, self.mps * 3.6))
        if self.sensor and not self.blind and round(self.t / DT_S) % round(SEEN_S / DT_S) == 0:
            rows += self._seen()
        if rows:
            self.run.feed(*rows)
        self.run.to(self.t)
        self.trace.t.append(self.t)
        self.trace.mps.append(self.mps)
        self.trace.gap.append(self.gap)
        self.trace.asked.append(self.asked)
        self.trace.mps2.append(self.mps2)

    def _seen(self) -> list[Row]:
        if self.gap is None or self.traffic is None:
            return [(self.t, f"{FRONT}.IsObstacleDetected", False)]
        relative = self.traffic.speed(self.t) - self.mps
        return [
            (self.t, f"{FRONT}.Distance", max(0.0, self.gap)),
            (self.t, f"{FRONT}.RelativeSpeed", relative),
            (self.t, f"{FRONT}.IsObstacleDetected", True),
        ]

    @property
    def asked(self) -> float:
        """The acceleration that is asked for now, m/s^2; 0 when the last wish is over."""
        wishes = self.run.did.requested
        if not wishes or self.t * S - wishes[-1][0] > 0.3 * S:
            return 0.0
        if self.run.did.withdrawn and self.run.did.withdrawn[-1][0] >= wishes[-1][0]:
            return 0.0
        path, value = wishes[-1][1], float(wishes[-1][2])  # type: ignore[arg-type]
        return value if path == ACCELERATION else 0.8 * (value / 3.6 - self.mps)

    def _move(self) -> None:
        self._pipe.append(self.asked)
        wanted = self._pipe.popleft() * self.plant.gain + self.plant.slope_mps2
        self.mps2 += (wanted - self.mps2) * DT_S / self.plant.lag_s
        if self.mps <= 0.0 and self.mps2 < 0.0:
            self.mps2 = 0.0
        self.mps = max(0.0, self.mps + self.mps2 * DT_S)
        traffic = self.traffic
        if traffic is None or not traffic.appears_s <= self.t < traffic.leaves_s:
            self.gap = None
        elif self.gap is None:
            self.gap = traffic.gap_m
        else:
            self.gap += (traffic.speed(self.t) - self.mps) * DT_S
