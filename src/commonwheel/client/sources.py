"""Where readers take from: what other threads or a connection put in, polled by one reader at a time.

A source never waits: whoever waits is told by its ``wake`` that there is something, or that it has ended. So one
source serves a thread and an event loop alike.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.client.readings import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.subscription import Subscription
    from commonwheel.broker.updates import Updates
    from commonwheel.errors import CommonwheelError

__all__ = ["Batches", "Ended", "Inbox", "Source"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Ended(Exception):  # noqa: N818 - no error: nothing follows
    """The source was closed, or everything was told."""


class Source(Protocol[T_co]):
    """What a reader reads."""

    def poll(self) -> T_co | None:
        """Return the next thing, or None when there is none yet.

        Raises:
            Ended: nothing follows.
            CommonwheelError: why nothing follows.
        """
        ...

    def close(self) -> None:
        """End it, from any thread; closing twice does no harm."""
        ...


class Inbox(Generic[T]):
    """Things one by one, at most so many; what does not fit is dropped, the oldest first, and counted."""

    def __init__(self, wake: Callable[[], None], most: int = 10_000, closing: Callable[[], None] | None = None) -> None:
        """Make an empty one.

        Args:
            wake: called when there is something, or the end; it must not wait.
            most: how many may wait.
            closing: called once when it is closed.
        """
        self._wake = wake
        self._things: deque[T] = deque()
        self._most = most
        self._closing = closing
        self._end: CommonwheelError | Ended | None = None
        self._lock = threading.Lock()
        self.dropped = 0
        """How many did not fit."""

    def put(self, thing: T) -> None:
        """Put something in."""
        with self._lock:
            if self._end is not None:
                return
            if len(self._things) >= self._most:
                self._things.popleft()
                self.dropped += 1
            self._things.append(thing)
        self._wake()

    def end(self, error: CommonwheelError | None = None) -> None:
        """Let nothing in any more; the reader gets what waits, then the end."""
        with self._lock:
            if self._end is None:
                self._end = error or Ended()
        self._wake()

    def poll(self) -> T | None:
        """See ``Source``."""
        with self._lock:
            if self._things:
                return self._things.popleft()
            if self._end is not None:
                raise self._end
        return None

    def close(self) -> None:
        """See ``Source``."""
        self.end()
        closing, self._closing = self._closing, None
        if closing is not None:
            closing()


class Batches:
    """A reader's batches out of the broker's own queues: one for each connection, with its rule of what to give up.

    In this process there is one, which the broker fills. From afar a connection fills it, and the next connection
    the next one.
    """

    def __init__(self, wake: Callable[[], None], closing: Callable[[], None], check: Callable[[], None]) -> None:
        """Make one without a queue.

        Args:
            wake: called when there is something, or the end; it must not wait.
            closing: called once when it is closed.
            check: called before each batch is given out; raises what ends it.
        """
        self._wake = wake
        self._closing: Callable[[], None] | None = closing
        self._check = check
        self._queues: deque[tuple[Subscription, SignalTable]] = deque()
        self._held: deque[tuple[int, Updates]] = deque()
        """With the number of each batch's first update on its connection."""
        self._end: CommonwheelError | Ended | None = None
        self._lock = threading.Lock()
        self._lost = 0
        """Updates that were lost since the batch given out last, by us or before they came to us."""
        self._fresh = False
        self._lost_before = 0
        """Updates that were lost on this connection before they came to us."""

    def follow(self, subscription: Subscription, table: SignalTable) -> None:
        """Read from this queue, when the one before is empty."""
        with self._lock:
            self._queues.append((subscription, table))
        self._wake()

    def lose(self, count: int) -> None:
        """Count updates that were dropped before they came into the queue."""
        if count:
            with self._lock:
                self._lost += count
                self._lost_before += count

    def end(self, error: CommonwheelError | None = None) -> None:
        """Let nothing in any more; the reader gets what waits, then the end."""
        with self._lock:
            if self._end is None:
                self._end = error or Ended()
        self._wake()

    def poll(self) -> Batch | None:
        """See ``Source``."""
        with self._lock:
            self._check()
            while not self._held:
                if not self._queues:
                    return self._nothing()
                queue, _table = self._queues[0]
                self._take(queue)
                if self._held:
                    break
                if len(self._queues) == 1:
                    return self._nothing()
                self._queues.popleft()
                self._fresh, self._lost_before = True, 0
            return self._give()

    def _take(self, queue: Subscription) -> None:
        try:
            taken = queue.take()
        except BrokerError as error:
            if error.reason is not Reason.CLOSED or self._end is None:
                raise
            return
        self._held.extend(zip(taken.numbers, taken.batches, strict=True))
        self._lost += taken.dropped

    def _give(self) -> Batch:
        number, updates = self._held.popleft()
        batch = Batch(updates, self._queues[0][1], self._lost, self._fresh, number + self._lost_before)
        self._lost, self._fresh = 0, False
        return batch

    def _nothing(self) -> None:
        if self._end is not None:
            raise self._end

    def close(self) -> None:
        """See ``Source``."""
        self.end()
        closing, self._closing = self._closing, None
        if closing is not None:
            closing()
