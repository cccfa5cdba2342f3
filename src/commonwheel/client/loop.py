"""How a program without an event loop runs coroutines: to their end at once, or in a thread of their own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING, Protocol, TypeVar

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["Direct", "LoopThread", "Runner"]

T = TypeVar("T")


class Runner(Protocol):
    """Runs coroutines."""

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run one to its end, and return what it returns."""
        ...

    def stop(self) -> None:
        """Run no more."""
        ...


class Direct:
    """For coroutines that never wait: a link in this process."""

    def run(self, work: Coroutine[object, object, T]) -> T:
        """See ``Runner``.

        Raises:
            RuntimeError: it waits.
        """
        try:
            work.send(None)
        except StopIteration as done:
            return done.value
        work.close()
        message = "a call on a broker in this process waited"
        raise RuntimeError(message)

    def stop(self) -> None:
        """Nothing is to be stopped."""


class LoopThread:
    """An event loop in a thread: a link to a server."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """See ``Runner``.

        Raises:
            BrokerError: CLOSED; it was stopped.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            message = "the car was closed; connect again"
            raise BrokerError(Reason.CLOSED, message) from None
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            message = "the car was closed in the middle of the call"
            raise BrokerError(Reason.CLOSED, message) from None
        except KeyboardInterrupt:
            future.cancel()
            raise

    def stop(self) -> None:
        """See ``Runner``; waits for the thread, unless it is this one."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            if threading.current_thread() is not self._thread:
                self._thread.join()
