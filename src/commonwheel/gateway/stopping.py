"""The ways a service is told to stop: the first signal asks for a clean end, the second forces it.

A stop that takes longer than it may is forced as well, so that whoever waits for the process never waits for ever.
Works where asyncio has no signal handlers (Windows): the loop's pulse lets Python see the signal.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["Stop"]

_OVERTIME_S = 5.0
"""What a stop may take beyond its own time before it is forced."""
_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")
_FORCED = 1


class Stop:
    """Catches SIGINT, SIGTERM and (on Windows) Ctrl-Break while it is entered, in the main thread."""

    def __init__(self, seconds: float, leave: Callable[[int], object] = os._exit) -> None:
        """Prepare to stop.

        Args:
            seconds: how long a stop may take.
            leave: ends the process at once, with a status.
        """
        self._seconds = seconds
        self._leave = leave
        self._asked = False
        self._over = False
        self._timer: threading.Timer | None = None
        self._wake: Callable[[], object] | None = None
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for name in _SIGNALS:
            if hasattr(signal, name):
                number = signal.Signals[name]
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it is what signal() returned
        if self._over and self._timer is not None:
            self._timer.cancel()

    async def wait(self) -> None:
        """Wait, in the event loop, until a stop is asked for."""
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(asked.set)
        if not self._asked:
            await asked.wait()

    def finished(self) -> None:
        """Say that everything has ended by itself: nothing has to be forced."""
        self._over = True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            self._leave(128 + number)
            return
        self._asked = True
        self._timer = threading.Timer(self._seconds + _OVERTIME_S, self._leave, (_FORCED,))
        self._timer.daemon = True
        self._timer.start()
        if self._wake is not None:
            self._wake()
