"""A bus inside this process: what a simulated car says on it waits until its reader takes it."""

from __future__ import annotations

import threading
from collections import deque

from commonwheel.gateway.port import MOST_FRAMES
from commonwheel.wire.frames import Frames

__all__ = ["MOST_WAITING", "Wire"]

MOST_WAITING = 100_000
"""Frames that wait to be read, at most; then the oldest are lost."""


class Wire:
    """One bus between the car and its reader."""

    def __init__(self) -> None:
        self._frames: deque[Frames] = deque()
        self._change = threading.Condition()
        self._until = self._heard = 0
        self._at_rest, self._closed = True, False
        self.waiting = 0
        """Frames that nobody has read yet."""
        self.lost = 0
        """Frames that nobody has read in time."""

    def close(self) -> None:
        """Let everything be as if it was heard: nobody will ever listen."""
        with self._change:
            self._closed = True

    def put(self, frames: Frames, until_ns: int) -> None:
        """Let the frames before a time come; the oldest ones are lost when nobody takes them."""
        with self._change:
            if self._at_rest:
                self._heard = self._until
            self._until = until_ns
            if self._closed or not len(frames):
                return
            self._at_rest = False
            self._frames.append(frames)
            self.waiting += len(frames)
            while self.waiting > MOST_WAITING:
                oldest = self._frames.popleft()
                self.waiting -= len(oldest)
                self.lost += len(oldest)
            self._change.notify_all()

    def take(self, wait_s: float) -> Frames | None:
        """Return what came, at most a batch; None when nothing comes within so many seconds. Before, all was heard."""
        with self._change:
            if not self._frames:
                self._at_rest = True
                self._change.notify_all()
                if not self._change.wait_for(lambda: self._frames, wait_s):
                    return None
            first = self._frames[0]
            if len(first) > MOST_FRAMES:
                self._frames[0] = first[MOST_FRAMES:]
                parts = [first[:MOST_FRAMES]]
            else:
                parts = [self._frames.popleft()]
                count = len(first)
                while self._frames and count + len(self._frames[0]) <= MOST_FRAMES:
                    parts.append(self._frames.popleft())
                    count += len(parts[-1])
            self.waiting -= sum(map(len, parts))
        return parts[0] if len(parts) == 1 else Frames.concat(parts)

    def heard_ns(self) -> int:
        """Return the time up to which everything was heard."""
        with self._change:
            return self._until if self._at_rest else self._heard

    def rest(self, seconds: float) -> None:
        """Wait until everything was heard, at most so long."""
        with self._change:
            self._change.wait_for(lambda: self._at_rest, seconds)
