"""The pulse of a service: small jobs at a steady rate in its event loop, and how late the loop is for them.

The lateness is the time that anything else in the loop would have had to wait too.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Lateness", "Pulse"]

_LOG = logging.getLogger(__name__)

_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(slots=True)
class Lateness:
    """A histogram of how late the loop was."""

    bounds_s: tuple[float, ...] = _BOUNDS_S
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS_S) + 1))
    """How often it was at most so late; the last: later than all bounds."""
    sum_s: float = 0.0
    most_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Take in one."""
        self.counts[bisect.bisect_left(self.bounds_s, seconds)] += 1
        self.sum_s += seconds
        self.most_s = max(self.most_s, seconds)


class Pulse:
    """Calls its jobs, one after the other, every *period_s* of the loop's time."""

    def __init__(self, jobs: Sequence[Callable[[], None]], period_s: float = 0.05) -> None:
        self._jobs = tuple(jobs)
        self._period_s = period_s
        self._task: asyncio.Task[None] | None = None
        self.lateness = Lateness()

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="commonwheel-pulse")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        due = time.monotonic() + self._period_s
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self.lateness.add(max(0.0, now - due))
            # A pulse that was missed is not made up for.
            due = max(due + self._period_s, now)
            for job in self._jobs:
                try:
                    job()
                except Exception:  # noqa: BLE001 - one job that fails must not end the others
                    _LOG.exception("a regular job failed")
