"""A subscription for asyncio: awaits what publishers in other threads put in; ends when its reader's rights end.

A publisher that wakes many streams of one event loop rings its bell once: going from thread to thread costs far more
than what it says.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from commonwheel.broker.broker import Broker
    from commonwheel.broker.filters import Filter
    from commonwheel.broker.rights import Rights
    from commonwheel.broker.subscription import Queue, Subscription, Taken

__all__ = ["Stream"]

_LONGEST_WAIT_S = 10.0
"""After which the end of the rights is looked at again: the clock it is given on may be set meanwhile."""


class _Bell:
    """Sets events of one loop from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._lock = threading.Lock()
        self._rung: list[asyncio.Event] = []

    def ring(self, event: asyncio.Event) -> None:
        """Have an event set soon.

        Raises:
            RuntimeError: the loop is closed.
        """
        with self._lock:
            self._rung.append(event)
            if len(self._rung) > 1:
                return  # the loop is on its way
        try:
            loop = self._loop()
            if loop is not None:
                loop.call_soon_threadsafe(self._answer)
        except RuntimeError:
            self._take()
            raise

    def _take(self) -> list[asyncio.Event]:
        with self._lock:
            rung, self._rung = self._rung, []
        return rung

    def _answer(self) -> None:
        for event in self._take():
            event.set()


_bells: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell] = weakref.WeakKeyDictionary()
_bells_lock = threading.Lock()


def _bell_of(loop: asyncio.AbstractEventLoop) -> _Bell:
    with _bells_lock:
        bell = _bells.get(loop)
        if bell is None:
            bell = _bells[loop] = _Bell(loop)
        return bell


class Stream:
    """Use as a context manager in a running event loop, and iterate over ``Taken``.

    Iteration ends with a BrokerError: EXPIRED when the rights end, or what the subscription was closed with.
    """

    def __init__(
        self,
        broker: Broker,
        signals: Sequence[int],
        rights: Rights,
        *,
        rule: Filter | None = None,
        queue: Queue | None = None,
        initial: bool = True,
        targets: bool = False,
    ) -> None:
        """See ``Broker.subscribe``; the caller has checked that *rights* cover the signals."""
        self._broker = broker
        self._rights = rights
        self._bell = _bell_of(asyncio.get_running_loop())
        self._thread = threading.get_ident()
        self._ready = asyncio.Event()
        self.subscription: Subscription = broker.subscribe(
            signals, rule=rule, queue=queue, wake=self._wake, initial=initial, targets=targets
        )

    def _wake(self) -> None:
        if threading.get_ident() == self._thread:
            self._ready.set()
        else:
            self._bell.ring(self._ready)

    async def take(self, most: int | None = None) -> Taken:
        """Wait until there is something, and return it, at most *most* batches.

        Raises:
            BrokerError: the rights ended, or the subscription did.
        """
        while True:
            if not self._ready.is_set():
                await self._wait()
            self._ready.clear()
            self._rights.require_valid()
            taken = self.subscription.take(most)
            if taken.batches or taken.dropped:
                return taken

    async def _wait(self) -> None:
        """Wait until the subscription wakes us or the rights end."""
        expires = self._rights.expires_ns
        if expires is None:
            await self._ready.wait()
            return
        while not self._ready.is_set():
            self._rights.require_valid()
            left_s = (expires - time.time_ns()) / 1e9
            try:
                async with asyncio.timeout(min(max(left_s, 0.0), _LONGEST_WAIT_S)):
                    await self._ready.wait()
            except TimeoutError:
                continue  # the next round says whether they ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Taken:
        return await self.take()

    def close(self) -> None:
        """End the subscription."""
        self._broker.unsubscribe(self.subscription)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
