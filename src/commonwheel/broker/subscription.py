"""A reader's place at the broker: a bounded queue of batches, filled by publishers, emptied by the reader.

A publisher never waits for a reader. What does not fit is dropped by the reader's own rule and counted for it.
"""

from __future__ import annotations

import enum
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Filter, FilterState
from commonwheel.broker.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

__all__ = ["Overflow", "Queue", "Subscription", "Taken"]


class Overflow(enum.Enum):
    """What to give up when the queue is full."""

    NEWEST = "newest"
    """Newest wins: the oldest batches go."""
    OLDEST = "oldest"
    """Oldest are kept: new batches go."""
    LATEST = "latest"
    """Only each signal's latest update is kept, at any time; nothing counts as dropped but older values."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Bounds of a reader's queue."""

    batches: int = 1000
    updates: int = 100_000
    overflow: Overflow = Overflow.NEWEST


@dataclass(frozen=True, slots=True)
class Taken:
    """What a reader takes from its queue."""

    batches: list[Updates]
    """In the order they were published."""
    dropped: int
    """Updates that this reader lost since it took last."""


class Subscription:
    """One reader. Publishers call ``offer``, the reader ``take``; both from any thread."""

    def __init__(
        self,
        wanted: Sequence[int],
        count: int,
        rule: Filter,
        queue: Queue,
        wake: Callable[[], None],
    ) -> None:
        """Make a subscription; ``Broker.subscribe`` does.

        Args:
            wanted: numbers of the signals.
            count: how many signals the broker has.
            rule: which updates are wanted.
            queue: the bounds.
            wake: called when the queue is no longer empty, or the subscription ends; it must not wait.
        """
        self.signals: tuple[int, ...] = tuple(wanted)
        self.queue = queue
        self.rule = rule
        self._mask: npt.NDArray[np.bool_] = np.zeros(count, bool)
        self._mask[list(wanted)] = True
        self._filter = None if rule.is_open else FilterState(rule)
        self._wake = wake
        self._lock = threading.Lock()
        self._batches: deque[Updates] = deque()
        self._size = 0
        self._dropped = 0
        self.dropped = 0
        """Updates dropped since the beginning."""
        self.delivered = 0
        """Updates taken since the beginning."""
        self.error: BrokerError | None = None
        """Why it ended; None while it lives."""

    @property
    def depth(self) -> int:
        """Updates waiting."""
        return self._size

    def offer(self, updates: Updates) -> None:
        """Put in what is wanted of a batch."""
        keep = self._mask[updates.signal]
        chosen = updates if keep.all() else updates[keep]
        if len(chosen):
            self.put(chosen)

    def put(self, updates: Updates) -> None:
        """Put in a batch of this reader's signals."""
        if self._filter is not None:
            with self._lock:
                updates = self._filter.apply(updates)
            if not len(updates):
                return
        with self._lock:
            if self.error is not None:
                return
            idle = not self._batches
            self._put(updates)
        if idle:
            self._wake()

    def _put(self, updates: Updates) -> None:
        queue = self.queue
        if queue.overflow is Overflow.LATEST and self._batches:
            self._conflate(updates)
            return
        n = len(updates)
        if queue.overflow is Overflow.OLDEST:
            room = 0 if len(self._batches) >= queue.batches else queue.updates - self._size
            if room < n:
                self._count_dropped(n - max(room, 0))
                if room <= 0:
                    return
                updates = updates[:room]
        self._batches.append(updates)
        self._size += len(updates)
        while len(self._batches) > queue.batches or (self._size > queue.updates and len(self._batches) > 1):
            lost = len(self._batches.popleft())
            self._size -= lost
            self._count_dropped(lost)
        if self._size > queue.updates:
            over = self._size - queue.updates
            self._batches[0] = self._batches[0][over:]
            self._size -= over
            self._count_dropped(over)

    def _conflate(self, updates: Updates) -> None:
        """Keep the last update of each signal, in one batch."""
        joined = Updates.concat([*self._batches, updates])
        _, last = np.unique(joined.signal[::-1], return_index=True)
        kept = joined[np.sort(len(joined) - 1 - last)]
        self._count_dropped(len(joined) - len(kept))
        self._batches.clear()
        self._batches.append(kept)
        self._size = len(kept)

    def _count_dropped(self, count: int) -> None:
        self._dropped += count
        self.dropped += count

    def take(self, most: int | None = None) -> Taken:
        """Return what waits, at most *most* batches, and how much was dropped since the last call.

        Raises:
            BrokerError: the subscription ended, and everything before was taken.
        """
        with self._lock:
            if not self._batches and self.error is not None:
                raise self.error
            batches = [self._batches.popleft() for _ in range(min(len(self._batches), most or len(self._batches)))]
            taken = sum(map(len, batches))
            self._size -= taken
            self.delivered += taken
            dropped, self._dropped = self._dropped, 0
            again = bool(self._batches)
        if again:
            self._wake()
        return Taken(batches, dropped)

    def close(self, error: BrokerError | None = None) -> None:
        """End it; the reader gets what waits, then the error."""
        with self._lock:
            if self.error is None:
                self.error = error or BrokerError(Reason.CLOSED, "the subscription was closed")
        self._wake()
