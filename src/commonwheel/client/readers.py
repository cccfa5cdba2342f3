"""Readers that wait: for threads, and for event loops. Each is for one thread, or one task, at a time."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

from commonwheel.client.sources import Ended

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from types import TracebackType
    from typing import Self

    from commonwheel.client.loop import Runner
    from commonwheel.client.sources import Source

__all__ = ["AsyncReader", "Reader"]

T = TypeVar("T")


class Reader(Generic[T]):
    """Iterate over it, or ``take``; close it, or use it as a context manager.

    Iteration ends when it is closed, from any thread, and raises a CommonwheelError when the car ends it.
    """

    def __init__(
        self, runner: Runner, begin: Callable[[Callable[[], None]], Coroutine[object, object, Source[T]]]
    ) -> None:
        """Begin at once.

        Raises:
            CommonwheelError: why it cannot begin.
        """
        self._ready = threading.Event()
        self._source: Source[T] = runner.run(begin(self._ready.set))
        self._finalizer = weakref.finalize(self, self._source.close)
        self._finalizer.atexit = False

    def take(self, timeout_s: float | None = None) -> T | None:
        """Wait for the next; None when there is none within the time, or none any more.

        Raises:
            CommonwheelError: the car ended it.
        """
        try:
            return self._next(timeout_s)
        except Ended:
            return None

    def _next(self, timeout_s: float | None) -> T | None:
        found = self._source.poll()
        if found is not None:
            return found
        ends = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if not self._ready.wait(None if ends is None else max(0.0, ends - time.monotonic())):
                return self._source.poll()
            self._ready.clear()
            found = self._source.poll()
            if found is not None:
                return found

    def close(self) -> None:
        """End it, from any thread; closing twice does no harm."""
        self._finalizer()
        self._ready.set()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            while (found := self._next(None)) is None:
                pass
        except Ended:
            raise StopIteration from None
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncReader(Generic[T]):
    """Iterate over it with ``async for``, or ``take``; it begins then, or with ``async with``.

    Iteration ends when it is closed, and raises a CommonwheelError when the car ends it.
    """

    def __init__(self, begin: Callable[[Callable[[], None]], Awaitable[Source[T]]]) -> None:
        self._begin = begin
        self._source: Source[T] | None = None
        self._finalizer: weakref.finalize[[], AsyncReader[T]] | None = None
        self._ready = asyncio.Event()
        self._closed = False

    async def open(self) -> Self:
        """Begin, if it has not yet.

        Raises:
            CommonwheelError: why it cannot begin.
        """
        if self._source is None and not self._closed:
            self._source = await self._begin(_waker(self._ready))
            self._finalizer = weakref.finalize(self, self._source.close)
            self._finalizer.atexit = False
        return self

    async def take(self, timeout_s: float | None = None) -> T | None:
        """Wait for the next; None when there is none within the time, or none any more.

        Raises:
            CommonwheelError: the car ended it, or it cannot begin.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._next()
        except (Ended, TimeoutError):
            return None

    def poll(self) -> T | None:
        """Return the next if it is there already, once it has begun.

        Raises:
            CommonwheelError: the car ended it.
        """
        try:
            return None if self._source is None else self._source.poll()
        except Ended:
            return None

    async def _next(self) -> T:
        source = self._source
        if source is None:
            await self.open()
            source = self._source
        if source is None:
            raise Ended
        while (found := source.poll()) is None:
            await self._ready.wait()
            self._ready.clear()
        return found

    async def close(self) -> None:
        """End it; closing twice does no harm."""
        self._closed = True
        if self._finalizer is not None:
            self._finalizer()
        self._ready.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self._next()
        except Ended:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _waker(ready: asyncio.Event) -> Callable[[], None]:
    """Return what sets an event of the loop that runs now, from any thread."""
    loop = asyncio.get_running_loop()
    thread = threading.get_ident()

    def wake() -> None:
        if threading.get_ident() == thread:
            ready.set()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(ready.set)

    return wake
