"""A reader's place at the broker: a bounded queue of batches, filled by publishers, emptied by the reader.

A publisher never waits for a reader. What does not fit is dropped by the reader's own rule, counted, and told to it.
"""

from __future__ import annotations

import enum
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.latest import Latest
from commonwheel.broker.rows import Rows
from commonwheel.broker.sieve import Sieve
from commonwheel.broker.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.broker.filters import Filter

__all__ = ["Overflow", "Queue", "Subscription", "Taken"]


class Overflow(enum.Enum):
    """What to give up when the queue is full."""

    NEWEST = "newest"
    """Newest wins: the oldest updates go, by whole batches where that is enough."""
    OLDEST = "oldest"
    """Oldest are kept: new updates go."""
    LATEST = "latest"
    """While a batch waits, only each signal's latest update is kept; the older ones count as dropped."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Bounds of a reader's queue; both are 1 or more."""

    batches: int = 1000
    updates: int = 100_000
    overflow: Overflow = Overflow.NEWEST

    def check(self) -> None:
        """Raise a BrokerError (INVALID) for bounds that nothing fits in."""
        if self.batches < 1 or self.updates < 1:
            message = f"a queue holds at least one batch and one update, not {self.batches} and {self.updates}"
            raise BrokerError(Reason.INVALID, message)


class Taken(msgspec.Struct, frozen=True):
    """What a reader takes from its queue."""

    batches: list[Updates]
    """In the order they were published."""
    dropped: int
    """Updates that this reader lost since it took last."""
    numbers: list[int] = msgspec.field(default_factory=list[int])
    """Of each batch, the number of its first update: all updates meant for this reader are counted, from 0, also those
    it lost. Where a batch begins beyond the end of the one before, updates were lost between them."""


class Subscription:
    """One reader. Publishers put in, the reader takes; both from any thread."""

    def __init__(
        self,
        wanted: Sequence[int],
        count: int,
        rule: Filter,
        queue: Queue,
        wake: Callable[[], None],
        rows: Rows | None = None,
    ) -> None:
        """Make a subscription; ``Broker.subscribe`` does.

        Args:
            wanted: numbers of the signals, each once, each less than *count*.
            count: how many signals the broker has.
            rule: which updates are wanted.
            queue: the bounds.
            wake: called when the queue is no longer empty, or the subscription ends; it must not wait.
            rows: the broker's room for row numbers.

        Raises:
            BrokerError: INVALID or LIMIT, for a rule or bounds that make no sense or need too much.
        """
        queue.check()
        self.signals: tuple[int, ...] = tuple(wanted)
        self.queue = queue
        self.rule = rule
        self._most = queue.updates
        self.sieve: Sieve | None = None if rule.is_open else Sieve(rule, self.signals, count, rows or Rows())
        self._wake = wake
        self._count = count
        self._lock = threading.Lock()
        self._batches: deque[tuple[int, Updates]] = deque()
        """With the number of each batch's first update."""
        self._latest: Latest | None = None
        """What waits, once there is more than one batch and only the latest counts."""
        self._size = 0
        self._dropped = 0
        self.offered = 0
        """Updates meant for this reader since the beginning: those it took, those that wait, those it lost."""
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

    def put(self, updates: Updates) -> bool:
        """Put in a batch that passed the filter, of this reader's signals; whether the reader is to be woken."""
        count = len(updates)
        if not count:
            return False
        with self._lock:
            if self.error is not None:
                return False
            size = self._size
            number = self.offered
            self.offered = number + count
            if not size and count <= self._most:  # what a reader that keeps up meets
                self._batches.append((number, updates))
                self._size = count
            elif self.queue.overflow is Overflow.LATEST:
                self._put_latest(number, updates)
            elif size + count > self._most or len(self._batches) >= self.queue.batches:
                self._squeeze(number, updates)
            else:
                self._batches.append((number, updates))
                self._size = size + count
            return not size

    def _squeeze(self, number: int, updates: Updates) -> None:
        """Put in a batch where there is too little room."""
        most = self.queue.updates
        if self.queue.overflow is Overflow.OLDEST:
            room = most - self._size if len(self._batches) < self.queue.batches else 0
            self._drop(len(updates) - room)
            if room:
                self._batches.append((number, updates[:room]))
                self._size += room
            return
        if len(updates) > most:
            over = len(updates) - most
            self._drop(over)
            number, updates = number + over, updates[over:]
        while self._batches and (len(self._batches) >= self.queue.batches or self._size + len(updates) > most):
            lost = len(self._batches.popleft()[1])
            self._size -= lost
            self._drop(lost)
        self._batches.append((number, updates))
        self._size += len(updates)

    def _put_latest(self, number: int, updates: Updates) -> None:
        """Keep the latest of each signal; a batch that finds nothing waiting is handed on as it is."""
        if not self._size:  # larger than what may wait, and yet nobody's own memory
            self._batches.append((number, updates))
            self._size = len(updates)
            return
        if self._latest is None:
            self._latest = Latest(self.signals, self._count)
        if self._batches:
            self._drop(self._latest.put(self._batches.popleft()[1]))
        self._drop(self._latest.put(updates))
        self._size = len(self._latest)

    def _drop(self, count: int) -> None:
        self._dropped += count
        self.dropped += count

    def wake(self) -> BaseException | None:
        """Wake the reader; returns what it raised, which must not reach the publisher."""
        try:
            self._wake()
        except Exception as error:  # noqa: BLE001 - a reader's own fault, whatever it is, harms nobody else
            return error
        return None

    def take(self, most: int | None = None) -> Taken:
        """Return what waits, at most *most* batches (by default all), and how much was dropped since the last call.

        Nothing may wait: a reader can be woken once more than there is something for it.

        Raises:
            BrokerError: the subscription ended, and everything before was taken.
        """
        with self._lock:
            waiting = self._batches
            if self._latest is not None and len(self._latest):
                updates = self._latest.take()
                waiting.append((self.offered - len(updates), updates))
            if not waiting and self.error is not None and not self._dropped:
                raise self.error
            if most is None or most < 1 or len(waiting) <= most:
                parts = list(waiting)
                waiting.clear()
                taken = self._size
            else:
                parts = [waiting.popleft() for _ in range(most)]
                taken = sum(len(updates) for _, updates in parts)
            self._size -= taken
            self.delivered += taken
            dropped, self._dropped = self._dropped, 0
            again = bool(waiting) or self.error is not None
        if again:
            self.wake()
        return Taken([updates for _, updates in parts], dropped, [number for number, _ in parts])

    def close(self, error: BrokerError | None = None) -> None:
        """End it; the reader gets what waits, then the error. What is left of curves has to be put in before."""
        with self._lock:
            if self.error is None:
                self.error = error or BrokerError(Reason.CLOSED, "the subscription was closed")
        self.wake()
