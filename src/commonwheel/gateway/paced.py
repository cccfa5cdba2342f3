"""The time of a simulated car: steady, at its own rate, and no further than the car was heard of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.gateway.clock import SteadyClock

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

__all__ = ["PacedClock"]


class PacedClock(SteadyClock):
    """Time in a simulated car, which goes by *rate* times as fast as outside, and no further than it was heard of."""

    def __init__(
        self, rate: float, utc: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """Start the line at the present; the two clocks can be replaced by a test."""
        super().__init__(utc, monotonic)
        self._rate = rate
        self._began = monotonic() + self._offset
        self.heard: Callable[[], int | None] = lambda: None
        """Returns up to when everything that the car said was heard; None: that does not matter."""

    def present_ns(self) -> int:
        """Return the time that it is in the car."""
        outside = super().now_ns()
        return outside if self._rate == 1.0 else self._began + round((outside - self._began) * self._rate)

    def now_ns(self) -> int:
        """Return the time in the car as far as it was heard: before that, nothing of it can be late."""
        heard = self.heard()
        return self.present_ns() if heard is None else heard

    def to_utc(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return times in the car as UTC."""
        if self._rate == 1.0:
            return super().to_utc(t_ns)
        outside = ((t_ns - self._began) / self._rate).astype(np.int64) + self._began
        return super().to_utc(outside)
