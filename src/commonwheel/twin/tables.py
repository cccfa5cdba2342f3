"""Curves as tables with equal steps, so that looking up a value is an index and not a search."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwheel.twin.schema import Points

__all__ = ["Table", "interpolate"]


def interpolate(points: Points, x: float) -> float:
    """Return a curve's value: straight between its points, level beyond them."""
    i = bisect_right(points, x, key=lambda point: point[0])
    if i == 0:
        return points[0][1]
    if i == len(points):
        return points[-1][1]
    (x0, y0), (x1, y1) = points[i - 1], points[i]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


@dataclass(slots=True, eq=False)
class Table:
    """A curve from *low* to *high*, sampled in equal steps; level beyond them."""

    low: float
    high: float
    values: list[float]
    scale: float
    """Steps per unit of x."""

    @classmethod
    def of(cls, points: Points, low: float, high: float, steps: int = 200) -> Table:
        """Return a table of a curve; between the samples it is straight, which is exact where they meet its points."""
        width = (high - low) / steps
        return cls(low, high, [interpolate(points, low + i * width) for i in range(steps + 1)], 1.0 / width)

    def at(self, x: float) -> float:
        """Return the value at x."""
        if x <= self.low:
            return self.values[0]
        if x >= self.high:
            return self.values[-1]
        place = (x - self.low) * self.scale
        i = int(place)
        values = self.values
        low = values[i]
        return low + (values[i + 1] - low) * (place - i) if i + 1 < len(values) else low
