"""The controller of cars whose own cruise control keeps the speed: taps of its buttons move what it is set to.

The reference is the speed that it is to be set to, km/h. A tap counts as done until the set speed had its time to show
it; so taps follow each other faster than the display does, and none is made twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.control import standard
from commonwheel.control.controllers import clamp
from commonwheel.control.controllers_motion import Slope
from commonwheel.control.measured import KMH_PER_MPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control.manners import Buttons
    from commonwheel.control.measured import Measured

__all__ = ["ButtonsController"]

_TICK = 1e-9


class ButtonsController:
    """See the module."""

    def __init__(self, manner: Buttons) -> None:
        self._manner = manner
        self._slope = Slope()
        self._direction = 0
        """Of the tap that is being made; 0 none."""
        self._phase_s = 0.0
        """Since it began."""
        self._taps: list[tuple[float, int]] = []
        """Age and direction of those that the set speed does not show yet."""
        self._shown: float | None = None

    def rank(self, path: str, value: float, now: Measured) -> float:
        """See ``Controller``."""
        return self._set_for(value, now) if path == standard.ACCELERATION else value

    def reference(self, path: str, value: float, now: Measured, dt_s: float) -> float:
        """See ``Controller``."""
        manner = self._manner
        if path == standard.ACCELERATION:
            self._slope.reset()
            wanted = self._set_for(value, now)
        else:  # its cruise control answers to what is missing: a changing speed takes as much in advance
            wanted = value + self._slope.follow(value, dt_s) / manner.acceleration_gain
        return clamp(wanted, manner.low_kmh, manner.high_kmh)

    def express(self, path: str, reference: float, now: Measured) -> float:
        """See ``Controller``."""
        if path != standard.ACCELERATION:
            return reference
        return (reference / KMH_PER_MPS - now.speed_mps) * self._manner.acceleration_gain

    def command(self, target: float, now: Measured, dt_s: float) -> dict[str, float]:
        """See ``Controller``."""
        manner = self._manner
        self._watch(now.good(manner.set_speed), dt_s)
        if self._direction:
            self._phase_s += dt_s
            if self._phase_s > manner.tap_s + manner.gap_s - _TICK:
                self._direction = 0
        if not self._direction:
            self._begin(target)
        pressed = self._direction if self._phase_s < manner.tap_s - _TICK else 0
        commands = {
            manner.increase: float(pressed > 0),
            manner.decrease: float(pressed < 0),
            manner.none: float(pressed == 0),
        }
        commands.pop("", None)
        return commands

    def sent(self, commands: Mapping[str, float], now: Measured) -> float:
        """See ``Controller``."""
        del commands
        return self._effective() if self._shown is not None else now.speed_mps * KMH_PER_MPS

    def reset(self, now: Measured) -> None:
        """See ``Controller``."""
        self._slope.reset()
        self._direction, self._phase_s, self._taps = 0, 0.0, []
        self._shown = now.good(self._manner.set_speed)

    def _set_for(self, acceleration: float, now: Measured) -> float:
        return (now.speed_mps + acceleration / self._manner.acceleration_gain) * KMH_PER_MPS

    def _watch(self, shown: float | None, dt_s: float) -> None:
        """Strike off the taps that the set speed shows by now, and those that it never will."""
        manner = self._manner
        if shown is not None and self._shown is not None and shown != self._shown:
            steps = round((shown - self._shown) / manner.step_kmh)
            for _ in range(min(abs(steps), len(self._taps))):
                at = next((i for i, (_, way) in enumerate(self._taps) if way * steps > 0), None)
                if at is not None:
                    del self._taps[at]
        self._shown = shown
        self._taps = [(age + dt_s, way) for age, way in self._taps if age + dt_s < manner.answer_s]

    def _effective(self) -> float:
        shown = self._shown if self._shown is not None else 0.0
        return shown + self._manner.step_kmh * sum(way for _, way in self._taps)

    def _begin(self, target: float) -> None:
        """Begin a tap where what is set will not be what it is to be."""
        self._phase_s = 0.0
        if self._shown is None:
            return
        missing = clamp(target, self._manner.low_kmh, self._manner.high_kmh) - self._effective()
        if abs(missing) > self._manner.deadband_kmh:
            self._direction = 1 if missing > 0 else -1
            self._taps.append((0.0, self._direction))
