"""Controllers: from a target to commands in the car's manner, in closed loop on what the car shows.

A controller works in its *reference*: the quantity that its manner is about (an angle, an acceleration, a set speed).
Each cycle it is given what the guard allows of the target, as a reference, and gives commands; then it is told what the
frames really say. What it adds itself (integrals, trims) is bounded, and stands still while the guard holds a command
back. All of it is arithmetic on its inputs: no clock, no chance.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Protocol

from commonwheel.control import standard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control.manners import Direct, Pulse, Table
    from commonwheel.control.measured import Measured

__all__ = ["Controller", "DirectController", "Expected", "PulseController", "Steered", "clamp", "interpolate"]

_TICK = 1e-9
"""What the sum of many cycles' times is off by."""


class Controller(Protocol):
    """What every manner's controller does."""

    def rank(self, path: str, value: float, now: Measured) -> float:
        """Return what a target comes to in one measure, to compare targets of different paths."""
        ...

    def reference(self, path: str, value: float, now: Measured, dt_s: float) -> float:
        """Return a target as a reference; once per cycle, of the request that counts."""
        ...

    def express(self, path: str, reference: float, now: Measured) -> float:
        """Return a reference as a target of a path: the inverse of ``reference``."""
        ...

    def command(self, target: float, now: Measured, dt_s: float) -> dict[str, float]:
        """Return the commands for a reference."""
        ...

    def sent(self, commands: Mapping[str, float], now: Measured) -> float:
        """Take in what the frames say after the guard, and return the reference that this amounts to."""
        ...

    def reset(self, now: Measured) -> None:
        """Begin from the car as it is: nothing acts."""
        ...


def interpolate(table: Table, x: float) -> float:
    """Return a table's value, straight in between, held beyond both ends."""
    if x <= table[0][0]:
        return table[0][1]
    left, low = table[0]
    for right, high in table:
        if x < right:
            return low + (high - low) * (x - left) / (right - left)
        left, low = right, high
    return low


def clamp(value: float, low: float, high: float) -> float:
    """Return a value held between two limits."""
    return low if value < low else min(value, high)


class Expected:
    """What the car should show by now for what was asked of it: a delay, then lags of first order.

    The difference to what is measured is what a feedback has to mend: slope, load, a wrong table. Without it, every
    change of the target would wind the integral up.
    """

    def __init__(self, delay_s: float, *lags_s: float) -> None:
        """Prepare: a delay, and the time constants of the lags that follow it."""
        self._delay_s = delay_s
        self._lags_s = tuple(lag for lag in lags_s if lag > 0)
        self._states = [0.0] * len(self._lags_s)
        self._line: deque[tuple[float, float]] = deque()
        """What was asked and has not come to be yet, with when it was asked."""
        self._clock_s, self._due = 0.0, 0.0
        self.value = 0.0

    def reset(self, value: float) -> None:
        """Begin settled at a value."""
        self._line.clear()
        self._clock_s, self._due, self.value = 0.0, value, value
        self._states = [value] * len(self._lags_s)

    def follow(self, asked: float, dt_s: float) -> float:
        """Go on by one cycle with what was asked; returns what is expected. Cycles may be of any length."""
        self._clock_s += dt_s
        since_s = self._clock_s - self._delay_s + _TICK
        if dt_s > 0.0:
            self._line.append((self._clock_s, asked))
        while self._line and self._line[0][0] <= since_s:
            self._due = self._line.popleft()[1]
        due = self._due
        for i, lag_s in enumerate(self._lags_s):
            self._states[i] += (due - self._states[i]) * (1.0 - math.exp(-dt_s / lag_s))
            due = self._states[i]
        self.value = due
        return due


class Steered:
    """What is asked of steering, as an angle: a curvature is taken for the angle that it takes at the car's speed."""

    def __init__(self, geometry: standard.Steering | None) -> None:
        self._geometry = geometry

    def rank(self, path: str, value: float, now: Measured) -> float:
        """See ``Controller``."""
        return self.reference(path, value, now, 0.0)

    def reference(self, path: str, value: float, now: Measured, dt_s: float) -> float:
        """See ``Controller``."""
        del dt_s
        if path == standard.CURVATURE and self._geometry is not None:
            return self._geometry.angle_deg(value, now.speed_mps)
        return value

    def express(self, path: str, reference: float, now: Measured) -> float:
        """See ``Controller``."""
        if path == standard.CURVATURE and self._geometry is not None:
            return self._geometry.curvature(reference, now.speed_mps)
        return reference


class DirectController(Steered):
    """The car takes the target itself; a slow integral takes out what stays off."""

    def __init__(self, manner: Direct, delay_s: float, geometry: standard.Steering | None) -> None:
        super().__init__(geometry)
        self._manner = manner
        self._expected = Expected(delay_s, manner.lag_s)
        self._trim = 0.0
        self._asked = 0.0
        self._dt_s = 0.0

    def command(self, target: float, now: Measured, dt_s: float) -> dict[str, float]:
        """See ``Controller``."""
        manner = self._manner
        measured = now.good(manner.measured) if manner.measured else None
        if measured is not None:
            error = self._expected.value - measured
            self._trim = clamp(
                self._trim + manner.trim_per_s * error * dt_s, -manner.trim_limit, manner.trim_limit
            )  # fmt: skip
        self._asked, self._dt_s = target, dt_s
        return {manner.command: manner.scale * (target + self._trim) + manner.offset}

    def sent(self, commands: Mapping[str, float], now: Measured) -> float:
        """See ``Controller``."""
        del now
        manner = self._manner
        reference = (commands[manner.command] - manner.offset) / manner.scale - self._trim
        self._expected.follow(reference, self._dt_s)
        return reference

    def reset(self, now: Measured) -> None:
        """See ``Controller``."""
        measured = now.good(self._manner.measured) if self._manner.measured else None
        self._trim = 0.0
        self._expected.reset(0.0 if measured is None else measured)


class PulseController:
    """A value that is sent a number of times for each change of the target, or held while it is asked for."""

    def __init__(self, manner: Pulse, neutral: float) -> None:
        self._manner, self._neutral = manner, neutral
        self._target: float | None = None
        self._elapsed_s = 0.0
        self._meant = math.nan

    def rank(self, path: str, value: float, now: Measured) -> float:
        """See ``Controller``."""
        return self.reference(path, value, now, 0.0)

    def reference(self, path: str, value: float, now: Measured, dt_s: float) -> float:
        """See ``Controller``."""
        del path, now, dt_s
        return value

    def express(self, path: str, reference: float, now: Measured) -> float:
        """See ``Controller``."""
        del path, now
        return reference

    def command(self, target: float, now: Measured, dt_s: float) -> dict[str, float]:
        """See ``Controller``."""
        manner = self._manner
        if self._target != target:
            self._target, self._elapsed_s, self._meant = target, 0.0, target
        elapsed, self._elapsed_s = self._elapsed_s, self._elapsed_s + dt_s
        if manner.times:
            period = manner.on_s + manner.off_s
            begun = int(elapsed / period + _TICK)
            shown = now.good(manner.measured) if manner.measured else None
            if begun >= manner.times or elapsed - begun * period > manner.on_s - _TICK or shown == target:
                return {manner.command: self._neutral}
        return {manner.command: self._value(target)}

    def _value(self, target: float) -> float:
        manner = self._manner
        if manner.values:
            return min(manner.values, key=lambda pair: abs(pair[0] - target))[1]
        return manner.scale * target + manner.offset

    def sent(self, commands: Mapping[str, float], now: Measured) -> float:
        """See ``Controller``."""
        del now
        manner = self._manner
        command = commands[manner.command]
        if command != self._neutral:
            if manner.values:
                self._meant = min(manner.values, key=lambda pair: abs(pair[1] - command))[0]
            else:
                self._meant = (command - manner.offset) / manner.scale
        return self._meant

    def reset(self, now: Measured) -> None:
        """See ``Controller``."""
        del now
        self._target, self._elapsed_s, self._meant = None, 0.0, math.nan
