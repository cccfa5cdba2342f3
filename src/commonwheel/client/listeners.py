"""Callbacks: each has a reader and a thread (or a task) of its own, so that a slow one only loses its own."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from commonwheel.client.readers import AsyncReader, Reader

__all__ = ["AsyncListener", "Listener"]

log = logging.getLogger("commonwheel.client")

T = TypeVar("T")


class _Counts:
    """What became of a callback's calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False
        self.called = 0
        """How often it was called."""
        self.failed = 0
        """How often it raised."""
        self.error: CommonwheelError | None = None
        """Why the car ended it; None while it lives, and after ``close``."""

    def report(self, error: Exception) -> None:
        """Report that it raised."""
        self.failed += 1
        log.error("the callback on %s raised; it is called with what comes next", self.name, exc_info=error)

    def report_end(self, error: CommonwheelError) -> None:
        """Report that nothing follows."""
        self.error = error
        log.error("the callback on %s is not called any more: %s", self.name, error)


class Listener(_Counts, Generic[T]):
    """A callback in a thread of its own; ``close`` it."""

    def __init__(
        self, reader: Reader[T], callback: Callable[..., object], name: str, parts: Callable[[T], Iterable[object]]
    ) -> None:
        """Begin at once; *parts* says what of each thing read the callback is called with."""
        super().__init__(name)
        self._reader = reader
        self._parts = parts
        self._callback = callback
        self._thread = threading.Thread(target=self._run, name=f"commonwheel on {name}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for thing in self._reader:
                for part in self._parts(thing):
                    if self.closed:
                        return
                    self._call(part)
        except CommonwheelError as error:
            self.report_end(error)

    def _call(self, part: object) -> None:
        try:
            self.called += 1
            self._callback(part)
        except Exception as error:  # noqa: BLE001 - a callback's own fault, whatever it is, is reported and ends nothing
            self.report(error)

    def close(self) -> None:
        """Call it no more; waits for a call that is under way, unless that is who calls this."""
        self.closed = True
        self._reader.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()


class AsyncListener(_Counts, Generic[T]):
    """A callback, or a coroutine function, in a task of its own; ``close`` it."""

    def __init__(
        self, reader: AsyncReader[T], callback: Callable[..., object], name: str, parts: Callable[[T], Iterable[object]]
    ) -> None:
        """Begin at once; *parts* says what of each thing read the callback is called with."""
        super().__init__(name)
        self._reader = reader
        self._parts = parts
        self._callback = callback
        self._task = asyncio.create_task(self._run(), name=f"commonwheel on {name}")

    async def _run(self) -> None:
        try:
            async for thing in self._reader:
                for part in self._parts(thing):
                    await self._call(part)
        except CommonwheelError as error:
            self.report_end(error)

    async def _call(self, part: object) -> None:
        try:
            self.called += 1
            answer = self._callback(part)
            if inspect.isawaitable(answer):
                await answer
        except Exception as error:  # noqa: BLE001 - a callback's own fault, whatever it is, is reported and ends nothing
            self.report(error)

    async def close(self) -> None:
        """Call it no more; a coroutine that is under way is cancelled, unless that is who calls this."""
        self.closed = True
        await self._reader.close()
        if asyncio.current_task() is not self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
