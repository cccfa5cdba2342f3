"""An event loop whose time is the app's: ``asyncio.sleep(10)`` is over when ten seconds of the car have passed.

It never waits, knows no files and no network, and calls everything in one order, so that the same samples lead to
the same calls each time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from commonwheel.apps.clock import LEAST_NS
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextvars import Context

    from commonwheel.apps.clock import Clock, Timer

__all__ = ["AppLoop"]

T = TypeVar("T")

MOST_STEPS = 100_000
"""Steps of coroutines at one instant, at most: one that never waits for time to pass would go on for ever."""


class _Step(asyncio.Handle):
    """Something that is called soon."""

    def fire(self) -> None:
        """Call it, unless it was cancelled."""
        if not self.cancelled():
            self._run()


class _Later(asyncio.TimerHandle):
    """Something that is called at a time."""

    timer: Timer | None = None

    def fire(self) -> None:
        """Call it, unless it was cancelled."""
        if not self.cancelled():
            self._run()

    def cancel(self) -> None:
        """Let it not happen."""
        if self.timer is not None:
            self.timer.cancel()
        super().cancel()


class AppLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as coroutines need to wait for time and for each other."""

    def __init__(self, clock: Clock, astray: Callable[[str, BaseException | None], None]) -> None:
        """Begin.

        Args:
            clock: the app's time.
            astray: told of what went wrong where nobody waits for it.
        """
        self._clock = clock
        self._astray = astray
        self._ready: deque[_Step] = deque()
        self._tasks: dict[asyncio.Task[Any], None] = {}
        """In the order in which they began: names and hashes differ from run to run."""
        self._draining = False
        self._closed = False

    # ---- what asyncio asks of a loop --------------------------------------------------------------------------------

    def time(self) -> float:
        """Return seconds of the app's time since its start."""
        return self._clock.elapsed_s

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:  # noqa: ANN401
        """Call something before time passes."""
        step = _Step(callback, args, self, context)
        self._ready.append(step)
        return step

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call something at a time of this loop, a millisecond from now at least."""
        later = _Later(when, callback, args, self, context)
        due_ns = max(self._clock.start_ns + round(when * 1e9), self._clock.now_ns + LEAST_NS)
        later.timer = self._clock.at(due_ns, lambda: self._due(later))
        return later

    def _due(self, later: _Later) -> None:
        self._ready.append(_Step(later.fire, (), self))
        self.drain()

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call something after so many seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Run a coroutine."""
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        # It is destroyed with its run only, whenever memory is tidied up: nobody is to be told then.
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def get_debug(self) -> bool:
        """Return whether asyncio is to look more closely; it is not."""
        return False

    def is_running(self) -> bool:
        """Return whether it can be waited in."""
        return not self._closed

    def is_closed(self) -> bool:
        """Return whether it has ended."""
        return self._closed

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell of what went wrong where nobody waits for it."""
        self._astray(str(context.get("message", "")), context.get("exception"))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Take note; the clock knows already."""

    async def shutdown_asyncgens(self) -> None:
        """Do nothing; there are none to be remembered."""

    def call_soon_threadsafe(self, *_args: Any, **_more: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: an app has one thread."""
        _refuse("threads")

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> NoReturn:  # noqa: ANN401, ARG002
        """Refuse: an app has one thread."""
        _refuse("threads")

    async def create_connection(self, *_args: Any, **_more: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: an app sees the car only."""
        _refuse("network")

    async def subprocess_exec(self, *_args: Any, **_more: Any) -> NoReturn:  # noqa: ANN401
        """Refuse: an app is one process."""
        _refuse("processes")

    # ---- what the engine does with it -------------------------------------------------------------------------------

    def drain(self) -> None:
        """Run all that can go on without time passing.

        Called from within itself (a function that was called here called another), it leaves that to the outer one.
        """
        if self._draining or not self._ready:
            return
        before = asyncio._get_running_loop()  # noqa: SLF001 - documented for who writes event loops
        asyncio._set_running_loop(self)  # noqa: SLF001
        self._draining = True
        left = MOST_STEPS
        try:
            while self._ready and left:
                left -= 1
                self._ready.popleft().fire()
        finally:
            self._draining = False
            asyncio._set_running_loop(before)  # noqa: SLF001
        if self._ready:
            self._give_up()

    def _give_up(self) -> None:
        """Cancel everything: it would go on for ever."""
        names = ", ".join(sorted({task.get_name() for task in self._tasks}))
        for task in list(self._tasks):
            task.cancel()
        self._ready.clear()
        message = f"{names or 'a task'} went on for {MOST_STEPS} steps without time passing; wait with car.sleep"
        self._astray(message, AppError(message))

    def close(self) -> None:
        """Cancel what still waits, and let it end."""
        for task in list(self._tasks):
            task.cancel()
        self.drain()
        self._closed = True


def _refuse(what: str) -> NoReturn:
    message = f"an app has no {what}: it gets the car's signals, and time; see docs/apps.md"
    raise AppError(message)
