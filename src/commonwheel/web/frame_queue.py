"""Frames on their way from a bus's thread to a page's view: what came since it looked last, bounded.

Putting a batch in costs a bus less than a microsecond, whatever is done with it later. What comes too fast for the
view is dropped from the old end, and counted.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from commonwheel.web.bus_numbers import renumber
from commonwheel.wire.frames import Frames

if TYPE_CHECKING:
    from commonwheel.gateway.parts import Gateway

__all__ = ["FrameQueue"]


class FrameQueue:
    """Listens to a car's frames until it is closed."""

    def __init__(self, gateway: Gateway, most: int = 20_000) -> None:
        """Begin to listen.

        Args:
            gateway: the car's.
            most: frames that wait at most, roughly: whole batches are dropped.
        """
        self._most = most
        self._waiting: deque[Frames] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self.total = 0
        """Frames since the beginning."""
        self.dropped = 0
        """Of them, those that were not taken in time."""
        self._renumber = renumber(gateway)
        self._stop = gateway.listen(self.put)

    def put(self, frames: Frames) -> None:
        """Take in a batch; in the thread that reads the bus."""
        count = len(frames)
        with self._lock:
            self._waiting.append(frames)
            self.total += count
            self._size += count
            while self._size > self._most and len(self._waiting) > 1:
                lost = len(self._waiting.popleft())
                self._size -= lost
                self.dropped += lost

    def take(self) -> Frames | None:
        """Return what waits, in the order it came, on the car's own bus numbers; None: nothing."""
        with self._lock:
            parts = list(self._waiting)
            self._waiting.clear()
            self._size = 0
        return self._renumber(Frames.concat(parts)) if parts else None

    def close(self) -> None:
        """Listen no longer."""
        self._stop()
