"""The watch: makes late messages stale without anyone asking, and notices that the machine's clock was set."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from commonwheel.gateway.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.gateway.clock import SteadyClock
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Watch", "period_of"]

_LOG = logging.getLogger(__name__)
LONGEST_S, SHORTEST_S = 0.05, 0.005
LATE_S = 0.03
"""Woken this much too late, the machine was busy or asleep: those who read the buses have their turn first."""
GRACE_NS = 5_000_000
"""What came within the last moment may not be decoded yet."""
TOLD_NS = 1_000_000_000


def period_of(vehicle: Vehicle) -> float:
    """Return how often to look, in seconds: a quarter of the shortest timeout, at most 50 ms."""
    shortest = min((message.timeout_ns for message in vehicle.messages if message.timeout_ns > 0), default=0)
    return min(LONGEST_S, max(SHORTEST_S, shortest / 4e9)) if shortest else LONGEST_S


class Watch(Worker):
    """A thread that looks at the time."""

    def __init__(self, clock: SteadyClock, expire: Callable[[int], None], vehicle: Vehicle) -> None:
        """Prepare; *expire* is called with the time at which a message that is late is stale."""
        super().__init__(f"watch {vehicle.name}")
        self._clock, self._expire = clock, expire
        self._car = vehicle.name
        self._period_s = period_of(vehicle)

    def _run(self) -> None:
        due = time.monotonic() + self._period_s
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            late = now - due > LATE_S
            due = now + self._period_s
            self.look(late=late)

    def look(self, *, late: bool = False) -> None:
        """Look once; when *late*, only at the clock."""
        step = self._clock.check()
        if abs(step) >= TOLD_NS:
            _LOG.warning("%s: the machine's clock was set by %+.3f s", self._car, step / 1e9)
        if not late:
            self._expire(self._clock.now_ns() - GRACE_NS)
