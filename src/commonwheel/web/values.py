"""The current values of some of a car's signals, as what has changed since they were looked at last.

They are read from the broker's store, not subscribed to: a page that looks twenty times a second costs the same
however many frames come in, and costs the bus's thread nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.values import from_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.broker.updates import Updates
    from commonwheel.broker.values import Value
    from commonwheel.gateway.live import LiveCar
    from commonwheel.web.views import Viewer

__all__ = ["Values"]

_DIGITS = 6


class Values:
    """Signals under names of the caller's own."""

    def __init__(self, viewer: Viewer, car: LiveCar, paths: Mapping[str, str]) -> None:
        """Begin; nothing has been looked at.

        Args:
            viewer: who looks.
            car: whose signals.
            paths: name to path; all of them may be read.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, FORBIDDEN or EXPIRED.
        """
        session = viewer.session(car)
        self._broker = car.broker
        self._names = list(paths)
        self._numbers = [session.number(path) for path in paths.values()]
        self._signals = [car.broker.table[number] for number in self._numbers]
        self._before: Updates | None = None

    def take(self) -> dict[str, tuple[Value | None, int]]:
        """Return the value and the quality of each signal that has changed, by its name."""
        now = self._broker.snapshot(self._numbers)
        before, self._before = self._before, now
        if before is None:
            rows = range(len(self._numbers))
        else:
            same = (now.value == before.value) | (np.isnan(now.value) & np.isnan(before.value))
            differ = ~same | (now.quality != before.quality)
            if now.objects is not None or before.objects is not None:
                differ |= now.t_ns != before.t_ns
            rows = np.flatnonzero(differ).tolist()
        return {self._names[row]: self._typed(now, row) for row in rows}

    def _typed(self, now: Updates, row: int) -> tuple[Value | None, int]:
        quality = int(now.quality[row])
        if quality == Quality.MISSING:
            return None, quality
        item = None if now.objects is None else now.objects[row]
        value = from_inside(self._signals[row], float(now.value[row]), item)
        return round(value, _DIGITS) if isinstance(value, float) else value, quality
