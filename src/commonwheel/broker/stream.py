"""A subscription for asyncio: awaits what publishers in other threads put in; ends when its reader's rights end."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from commonwheel.broker.broker import Broker
    from commonwheel.broker.filters import Filter
    from commonwheel.broker.rights import Rights
    from commonwheel.broker.subscription import Queue, Subscription, Taken

__all__ = ["Stream"]


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
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._ready = asyncio.Event()
        self.subscription: Subscription = broker.subscribe(
            signals, rule=rule, queue=queue, wake=self._wake, initial=initial, targets=targets
        )

    def _wake(self) -> None:
        if threading.get_ident() == self._thread:
            self._ready.set()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ready.set)

    async def take(self) -> Taken:
        """Wait until there is something, and return it.

        Raises:
            BrokerError: the rights ended, or the subscription did.
        """
        await self._wait()
        self._ready.clear()
        self._rights.require_valid()
        return self.subscription.take()

    async def _wait(self) -> None:
        expires = self._rights.expires_ns
        if expires is None:
            await self._ready.wait()
            return
        try:
            async with asyncio.timeout(max(0.0, (expires - time.time_ns()) / 1e9)):
                await self._ready.wait()
        except TimeoutError:
            message = f"the token of {self._rights.client} has expired; get a new one"
            raise BrokerError(Reason.EXPIRED, message) from None

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
