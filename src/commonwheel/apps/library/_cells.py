"""How far the cells of a battery are apart: at rest, and by how much more their resistances set them apart under load.

The spread between the highest and the lowest cell grows with the current that is drawn, for cells differ in resistance
too. A straight line through spread over current, which forgets slowly, tells the two apart: where it meets no current
is the spread at rest, its slope the difference of resistance. Current into the battery is left out, for then the worst
cell is at the other end.
"""

from __future__ import annotations

__all__ = ["Spread"]

_KEEP = 0.998
"""What remains of a reading's weight at the next one."""
_LEAST_WEIGHT = 20.0
_LEAST_VARIANCE = 25.0
"""Of the current, in A^2, before a slope says anything."""
_REST_A = 5.0


class Spread:
    """A straight line through the spread of cell voltages over the current drawn, that forgets slowly."""

    def __init__(self) -> None:
        """Begin without a reading."""
        self._n = self._x = self._y = self._xx = self._xy = 0.0

    def add(self, spread_v: float, drawn_a: float) -> None:
        """Take a spread with the current that was drawn at the time; what is charged is left out."""
        if drawn_a < -1.0:
            return
        x = max(0.0, drawn_a)
        self._n = self._n * _KEEP + 1
        self._x = self._x * _KEEP + x
        self._y = self._y * _KEEP + spread_v
        self._xx = self._xx * _KEEP + x * x
        self._xy = self._xy * _KEEP + x * spread_v

    @property
    def slope_ohm(self) -> float | None:
        """Difference of resistance of the two cells; None while the current has been too even to tell."""
        if self._n < _LEAST_WEIGHT or (variance := self._xx / self._n - (self._x / self._n) ** 2) < _LEAST_VARIANCE:
            return None
        return (self._xy / self._n - self._x * self._y / self._n**2) / variance

    @property
    def at_rest_v(self) -> float | None:
        """The spread without current; None while it cannot be told."""
        if self._n < _LEAST_WEIGHT:
            return None
        mean, slope = self._y / self._n, self.slope_ohm
        if slope is not None:
            return max(0.0, mean - slope * self._x / self._n)
        return mean if self._x / self._n < _REST_A else None
