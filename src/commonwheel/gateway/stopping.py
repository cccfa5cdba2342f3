"""The ways a service is told to stop: the first signal asks for a clean end, the second forces it.

A stop that takes longer than it may is forced as well, so that whoever waits for the process never waits for ever.
What is forced still waits for what must not be cut off (``Held``), which takes a stated time at most: a car that acts
is released. Only a third signal ends that too. Works where asyncio has no signal handlers (Windows): the loop's pulse
lets Python see the signal.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["Held", "Stop"]

_OVERTIME_S = 5.0
"""What a stop may take beyond its own time before it is forced."""
_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")
_FORCED = 1


class Held(Protocol):
    """What must not be cut off, whoever is in a hurry. Both from any thread, also while all else hangs."""

    def let_go(self) -> str:
        """Begin to end it, without waiting; returns what that is and how long it may take, in words, '' for nothing."""
        ...

    def settle(self) -> None:
        """Wait until it has ended, for its longest time at most."""
        ...


class Stop:
    """Catches SIGINT, SIGTERM and (on Windows) Ctrl-Break while it is entered, in the main thread."""

    def __init__(
        self,
        seconds: float,
        leave: Callable[[int], object] = os._exit,
        say: Callable[[str], object] | None = None,
    ) -> None:
        """Prepare to stop.

        Args:
            seconds: how long a stop may take.
            leave: ends the process at once, with a status.
            say: tells who sent the signals what is waited for; a line on standard error unless given.
        """
        self._seconds = seconds
        self._leave = leave
        self._say = say or _say
        self._held: Held | None = None
        self._asked = False
        self._forced = False
        self._over = False
        self._timer: threading.Timer | None = None
        self._wake: Callable[[], object] | None = None
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for name in _SIGNALS:
            if hasattr(signal, name):
                number = signal.Signals[name]
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it is what signal() returned
        if self._over and self._timer is not None:
            self._timer.cancel()

    async def wait(self) -> None:
        """Wait, in the event loop, until a stop is asked for."""
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(asked.set)
        if not self._asked:
            await asked.wait()

    def hold(self, held: Held) -> None:
        """Let a stop that is forced wait for something all the same."""
        self._held = held

    def finished(self) -> None:
        """Say that everything has ended by itself: nothing has to be forced."""
        self._over = True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._forced or (self._asked and self._held is None):
            self._leave(128 + number)
            return
        if self._asked:
            self._forced = True
            # In a thread: this one may hold a lock that is needed, or hang.
            threading.Thread(target=self._force, args=(128 + number,), name="stop at once", daemon=True).start()
            return
        self._asked = True
        self._timer = threading.Timer(self._seconds + _OVERTIME_S, self._force, (_FORCED,))
        self._timer.daemon = True
        self._timer.start()
        if self._wake is not None:
            self._wake()

    def _force(self, status: int) -> None:
        """End the process as soon as what must not be cut off has ended, whatever else goes on."""
        try:
            if self._held is not None:
                what = self._held.let_go()
                if what:
                    self._say(f"{what}; it ends then, and once more ends it at once")
                self._held.settle()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody is kept from leaving
            self._say(f"it cannot be waited for what acts: {error}")
        finally:
            self._leave(status)


def _say(text: str) -> None:
    sys.stderr.write(f"commonwheel: {text}\n")
    sys.stderr.flush()
