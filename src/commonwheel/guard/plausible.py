"""What the car does has to fit what it was told, and stay within what people in it can bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.guard.envelope import Geometry, Tracking, Without
from commonwheel.guard.inputs import RECENT_NS
from commonwheel.guard.limits import steered
from commonwheel.guard.verdict import Rule
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from commonwheel.guard.inputs import Watch
    from commonwheel.guard.machine import Cause
    from commonwheel.guard.situation import Situation

__all__ = ["ANGLE", "Follower", "lateral"]

ANGLE = "degrees"
_S = 1e9


class Follower:
    """Whether what is measured follows what is commanded."""

    def __init__(self, rule: Tracking, watch: Watch) -> None:
        self._rule, self._watch = rule, watch
        self._off_since_ns: int | None = None

    def judge(self, now_ns: int, commanded: float | None) -> Cause | None:
        """Return what is wrong, once it has been for too long; None commanded: nothing acts."""
        measured = self._watch.good
        if commanded is None or measured is None or self._watch.quality != Quality.GOOD:
            self._off_since_ns = None
            return None
        rule = self._rule
        off = measured - rule.scale * commanded
        if abs(off) <= rule.tolerance:
            self._off_since_ns = None
            return None
        if self._off_since_ns is None:
            self._off_since_ns = now_ns
        if now_ns - self._off_since_ns <= rule.for_ns:
            return None
        text = f"{rule.path} is {measured:g}, {abs(off):g} off what is commanded, at most {rule.tolerance:g}"
        return Rule.TRACKING, f"{text} for {rule.for_ns / _S:g} s"


def lateral(car: Situation, now_ns: int) -> Cause | None:
    """Return what is wrong with the lateral acceleration and jerk that speed and steering wheel show."""
    envelope = car.envelope
    limits, geometry, path = envelope.measured_lateral, envelope.geometry, envelope.steering
    if isinstance(limits, Without) or not isinstance(geometry, Geometry) or isinstance(path, Without):
        return None
    watch = car.watches[path]
    recent = watch.recent(now_ns)
    if recent is None or watch.good is None:
        return None
    fastest = car.speeds(now_ns)[1]
    most = steered(geometry, ANGLE, fastest, limits.acceleration_mps2)
    if abs(watch.good) > most:
        return Rule.MEASURED_LATERAL, f"the wheel is at {watch.good:g} degrees, at most {most:g} at this speed"
    most = steered(geometry, ANGLE, fastest, limits.jerk_mps3) * RECENT_NS / _S
    if recent[1] - recent[0] > most:
        text = f"the wheel turned by {recent[1] - recent[0]:g} degrees in {RECENT_NS / _S:g} s, at most {most:g}"
        return Rule.MEASURED_LATERAL, f"{text} at this speed"
    return None
