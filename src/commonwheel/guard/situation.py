"""What wishes and frames are judged by: the states of the axes, and what the car measures of itself, now.

Limits are taken at every speed that was measured of late, and the strictest counts; where the speed is not known, at
every speed there is. A cycle asks for them often, and they are found once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.guard.envelope import Axis, Condition, Measured, Without
from commonwheel.guard.inputs import Judged, Watch
from commonwheel.guard.limits import Bounds, Speeds, extent, range_of, reach_of
from commonwheel.guard.machine import Machine, Phase

if TYPE_CHECKING:
    from commonwheel.guard.envelope import CarEnvelope, Envelope

__all__ = ["Situation", "conditions"]

_KMH = 3.6
"""km/h in a m/s."""


def conditions(axis: Axis) -> tuple[Condition, ...]:
    """Return all conditions of an axis."""
    consent = () if isinstance(axis.consent, Without) else (axis.consent,)
    return (*consent, *axis.engage, *axis.keep, *axis.override)


class Situation:
    """One car's; times are the guard's own."""

    def __init__(self, envelope: CarEnvelope) -> None:
        self.envelope = envelope
        self.watches = {rule.path: Watch(rule) for rule in envelope.inputs}
        self.judged = {
            condition: Judged(condition, self.watches[condition.path])
            for axis in envelope.axes
            for condition in conditions(axis)
        }
        self.machines = {axis.name: Machine(axis, self.judged, envelope.armed_ns) for axis in envelope.axes}
        self._speed = self.watches[envelope.speed]
        self._top_mps = max(abs(self._speed.rule.low), abs(self._speed.rule.high)) / _KMH
        self._speeds: tuple[int, Speeds] | None = None
        """Those that were found last, and for when."""

    def judge(self, now_ns: int) -> None:
        """Find out how everything is now."""
        self._speeds = None
        for machine in self.machines.values():
            machine.rest(now_ns)
        moving = self._speed.good != 0.0
        for watch in self.watches.values():
            watch.judge(now_ns, moving=moving)
        for judged in self.judged.values():
            judged.judge(now_ns)

    def phase(self, axis: str, now_ns: int) -> Phase:
        """Return what may leave for an axis."""
        return self.machines[axis].phase(now_ns)

    def rested(self, axis: str, since_ns: int) -> bool:
        """Whether all of an axis has been neutral since."""
        return self.machines[axis].rested_ns > since_ns

    def speeds(self, now_ns: int) -> Speeds:
        """Return the slowest and the fastest that the car may have been of late, m/s, whichever way."""
        if self._speeds is None or self._speeds[0] != now_ns:
            self._speeds = now_ns, self._speeds_of(now_ns)
        return self._speeds[1]

    def _speeds_of(self, now_ns: int) -> Speeds:
        recent = self._speed.recent(now_ns)
        if recent is None or not self._speed.usable(now_ns):
            return 0.0, self._top_mps
        low, high = recent[0] / _KMH, recent[1] / _KMH
        return max(low, -high, 0.0), max(high, -low)

    def neutral(self, envelope: Envelope, now_ns: int) -> tuple[float, float, float]:
        """Return the least and the greatest neutral of late, and the one of now."""
        rule = envelope.neutral
        if not isinstance(rule, Measured):
            return rule, rule, rule
        watch = self.watches[rule.path]
        recent = watch.near(now_ns)
        if recent is None or watch.good is None:
            return rule.centre, rule.centre, rule.centre
        everywhere = 0.0, self._top_mps
        least, most = extent(envelope.low, everywhere)[0], extent(envelope.high, everywhere)[1]
        low, high, now = (min(max(rule.scale * value, least), most) for value in (*recent, watch.good))
        return min(low, high), max(low, high), now

    def within(self, envelope: Envelope, now_ns: int) -> Bounds:
        """Return where a quantity may be now."""
        return range_of(envelope, self.envelope.geometry, self.speeds(now_ns))

    def reach(self, envelope: Envelope, now_ns: int, *, source: tuple[float, float], elapsed_s: float) -> Bounds:
        """Return where a quantity can have got to that was somewhere from *source*."""
        centre = envelope.neutral.centre if isinstance(envelope.neutral, Measured) else envelope.neutral
        speeds = self.speeds(now_ns)
        return reach_of(envelope, self.envelope.geometry, speeds, source=source, centre=centre, elapsed_s=elapsed_s)
