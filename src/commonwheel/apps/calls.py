"""Calling an app's functions: one at a time, whatever they raise, and those that wait in the app's own time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from commonwheel.apps.sink import failure_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from commonwheel.apps.app import Handler
    from commonwheel.apps.clock import Clock
    from commonwheel.apps.loop import AppLoop
    from commonwheel.apps.sink import Sink

__all__ = ["Calls", "is_of_app"]

_STOPS = (Exception, SystemExit, GeneratorExit)
"""What a function may raise without ending who runs it; an interrupt from the keyboard does end it."""


def is_of_app(error: BaseException) -> bool:
    """Whether an error is the app's own and ends no run; ``asyncio.CancelledError`` is, a cancelled task's result."""
    asyncio = sys.modules.get("asyncio")
    return isinstance(error, _STOPS) or (asyncio is not None and isinstance(error, asyncio.CancelledError))


class Calls:
    """Calls functions and tells what they raise."""

    def __init__(self, file: str, clock: Clock, sink: Sink) -> None:
        self._file, self._clock, self._sink = file, clock, sink
        self._loop: AppLoop | None = None
        self.called = 0
        """Functions called."""
        self.failed = 0
        """Of these, how many raised."""
        self.closed = False

    def failure(self, name: str, error: BaseException) -> None:
        """Tell that a function raised."""
        self.failed += 1
        self._sink.failed(failure_of(error, self._file, name, self._clock.now_ns))

    def run(self, name: str, function: Callable[..., object], *args: object) -> None:
        """Call a function; when it is a coroutine function it goes on by itself."""
        self.called += 1
        try:
            answer = function(*args)
        except BaseException as error:
            if not is_of_app(error):
                raise
            self.failure(name, error)
            return
        if answer is not None and hasattr(answer, "__await__"):
            self.go_on(name, answer)  # type: ignore[arg-type]
        else:
            self.drain()  # it may be what a coroutine waits for

    def go_on(
        self, name: str, coroutine: Coroutine[object, object, object], ended: Callable[[], object] | None = None
    ) -> None:
        """Run a coroutine in the app's time; *ended* is called when it has."""
        loop = self.loop
        task = loop.create_task(_awaited(coroutine), name=name)
        task.add_done_callback(lambda done: self._done(name, done, ended))
        loop.drain()

    def _done(self, name: str, task: asyncio.Task[object], ended: Callable[[], object] | None) -> None:
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                self.failure(name, error)
        if ended is not None:
            ended()

    @property
    def loop(self) -> AppLoop:
        """The app's loop; made when it is first needed, for asyncio takes long to import."""
        if self._loop is None:
            from commonwheel.apps.loop import AppLoop

            self._loop = AppLoop(self._clock, self._astray)
        return self._loop

    def _astray(self, what: str, error: BaseException | None) -> None:
        """Tell of an error that nobody waited for."""
        self.failure("a task", error or RuntimeError(what))

    def drain(self) -> None:
        """Let go on what can, without time passing."""
        if self._loop is not None:
            self._loop.drain()

    def close(self) -> None:
        """Cancel what still waits; nothing begins any more."""
        self.closed = True
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def binder(self, handler: Handler, car: object) -> Callable[..., None]:
        """Return what calls a handler with the car and more."""
        return _AsyncCall(self, handler, car) if handler.is_async else self._plain(handler, car)

    def _plain(self, handler: Handler, car: object) -> Callable[..., None]:
        function, name = handler.function, handler.name

        def call(*args: object) -> None:
            self.called += 1
            try:
                answer = function(car, *args)
            except BaseException as error:
                if not is_of_app(error):
                    raise
                self.failure(name, error)
                return
            if answer is not None and hasattr(answer, "__await__"):
                self.go_on(name, answer)  # type: ignore[arg-type]
            elif self._loop is not None:
                self._loop.drain()

        return call


class _AsyncCall:
    """An async handler: not called again while it waits; the newest of what came meanwhile follows."""

    def __init__(self, calls: Calls, handler: Handler, car: object) -> None:
        self._calls, self._function, self._name, self._car = calls, handler.function, handler.name, car
        self._busy = False
        self._waiting: dict[object, tuple[object, ...]] = {}

    def __call__(self, *args: object) -> None:
        if self._busy:
            if args:  # a period that is missed is missed
                self._waiting[getattr(args[0], "path", None)] = args
            return
        self._begin(args)

    def _begin(self, args: tuple[object, ...]) -> None:
        self._busy = True
        self._calls.called += 1
        coroutine: Coroutine[object, object, object] = self._function(self._car, *args)  # type: ignore[assignment]
        self._calls.go_on(self._name, coroutine, self._ended)

    def _ended(self) -> None:
        self._busy = False
        if self._waiting and not self._calls.closed:
            key = next(iter(self._waiting))
            self._begin(self._waiting.pop(key))


async def _awaited(awaitable: Coroutine[object, object, object]) -> object:
    return await awaitable
