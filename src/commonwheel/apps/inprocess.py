"""Apps in threads of the host's own process: for tests and for looking at them with a debugger.

Nothing is contained here but what an app says: one that hangs keeps its thread, and what it takes, it takes from all.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from typing import TYPE_CHECKING

from commonwheel.apps.channel import HostGone, Inlet
from commonwheel.apps.messages import pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from commonwheel.apps.launch import AppProcess, Told
    from commonwheel.apps.messages import FromApp, ToApp

__all__ = ["InProcess"]


class InProcess:
    """See ``launch.Launcher``."""

    async def launch(self, told: Told, folder: Path) -> AppProcess:  # noqa: ARG002 - a thread has no folder
        """Start a thread."""
        thread = _Thread(told, asyncio.get_running_loop())
        thread.start()
        return thread

    async def close(self) -> None:
        """See ``Launcher``; there is nothing to give back."""


class _Thread(threading.Thread):
    """See ``launch.AppProcess`` for the host, and ``channel.Talk`` for the app."""

    pid = 0

    def __init__(self, told: Told, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="commonwheel app", daemon=True)
        self._told, self._loop = told, loop
        self._inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._messages = Inlet(self._read)
        self._free = threading.Event()
        self._free.set()
        self._killed = False

    def run(self) -> None:
        """Run the app."""
        from commonwheel.apps.worker import Worker

        how = "its thread has ended"
        try:
            with contextlib.suppress(HostGone):
                Worker(self).run()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told instead of ending the host
            how = f"its thread was ended by {type(error).__name__}: {error}"
        self._tell(lambda: self._told.gone(how))

    def _tell(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is nobody to be told
            self._loop.call_soon_threadsafe(what)

    # ---- the app's end ----------------------------------------------------------------------------------------------

    def take(self, wait_s: float | None = None) -> tuple[ToApp, bytes] | None:
        """See ``Talk``."""
        return self._messages.take(wait_s)

    def _read(self, wait_s: float | None) -> bytes | None:
        try:
            data = self._inbox.get(timeout=wait_s)
        except queue.Empty:
            return None
        return b"" if self._killed else data

    def send(self, *messages: FromApp) -> None:
        """See ``Talk``."""
        self.send_packed(b"".join(map(pack, messages)))

    def send_packed(self, data: bytes) -> None:
        """See ``Talk``."""
        self._free.wait()
        if self._killed:
            raise HostGone
        self._tell(lambda: self._told.heard(data))

    # ---- the host's end ---------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """See ``AppProcess``."""
        self._inbox.put(data)

    def hold_messages(self, *, held: bool) -> None:
        """See ``AppProcess``."""
        if held and not self._killed:
            self._free.clear()
        else:
            self._free.set()

    def hold_words(self, *, held: bool) -> None:
        """Do nothing: what a thread prints is printed by the host."""

    def ask_where(self) -> None:
        """Do nothing: it is seen where the host is."""

    def kill(self) -> None:
        """Have it end when it asks for more; a thread cannot be ended from outside."""
        self._killed = True
        self._free.set()
        self._inbox.put(b"")

    async def ended(self) -> None:
        """Return at once: a thread that hangs is not waited for."""
