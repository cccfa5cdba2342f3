"""Speeds over time that are to be driven, from a text: ``[[0, 0], [10, 30], [25, 30]]``, seconds and km/h."""

from __future__ import annotations

import itertools
import json
import math
from bisect import bisect_right
from typing import cast

from commonwheel.errors import AppError

__all__ = ["SpeedPlan"]

_LEAD_S = 0.35
"""A usual delay from what is asked to what the car does: what the plan itself changes is asked for so much earlier."""
_MOST = 100_000
"""Points."""
_FASTEST_KMH = 400.0


class SpeedPlan:
    """Straight in between the points, held beyond both ends."""

    def __init__(self, points: list[tuple[float, float]]) -> None:
        """Take points, in order of time: seconds, m/s."""
        self._times = [time for time, _ in points]
        self._speeds = [speed for _, speed in points]

    @classmethod
    def of(cls, text: str) -> SpeedPlan:
        """Return the plan of a text.

        Raises:
            AppError: it is none.
        """
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            message = f"'plan' is JSON such as [[0, 0], [10, 30]] (seconds, km/h): {error}"
            raise AppError(message) from error
        if not isinstance(found, list) or not 0 < len(cast("list[object]", found)) <= _MOST:
            message = f"'plan' is a list of 1 to {_MOST} points: [[seconds, km/h], ...]"
            raise AppError(message)
        points = [_point(at, one) for at, one in enumerate(cast("list[object]", found), 1)]
        for at, (before, after) in enumerate(itertools.pairwise(points), 2):
            if after[0] <= before[0]:
                message = f"'plan', point {at}: its time, {after[0]:g} s, is not after the one before, {before[0]:g} s"
                raise AppError(message)
        return cls(points)

    def at(self, seconds: float) -> tuple[float, float]:
        """Return the speed at a time, m/s, and how fast it will change when what is asked now comes to be, m/s^2."""
        speed, _ = self._at(seconds)
        before, _ = self._at(seconds + _LEAD_S - 0.25)
        after, _ = self._at(seconds + _LEAD_S + 0.25)
        return speed, (after - before) / 0.5

    def _at(self, seconds: float) -> tuple[float, float]:
        times, speeds = self._times, self._speeds
        at = bisect_right(times, seconds)
        if at == 0:
            return speeds[0], 0.0
        if at == len(times):
            return speeds[-1], 0.0
        slope = (speeds[at] - speeds[at - 1]) / (times[at] - times[at - 1])
        return speeds[at - 1] + slope * (seconds - times[at - 1]), slope


def _point(at: int, found: object) -> tuple[float, float]:
    pair = cast("list[object]", found) if isinstance(found, list) else []
    numbers = [float(one) for one in pair if isinstance(one, int | float) and not isinstance(one, bool)]
    fits = len(pair) == len(numbers) == 2 and all(map(math.isfinite, numbers))  # noqa: PLR2004
    if not fits or not 0 <= numbers[1] <= _FASTEST_KMH:
        message = f"'plan', point {at} is [seconds, km/h] with 0 to {_FASTEST_KMH:g} km/h, not {found!r:.60}"
        raise AppError(message)
    return numbers[0], numbers[1] / 3.6
