"""Starting an app's process, and the host's end of its pipes. What comes is told at once, in the host's event loop.

The process has an environment, a working folder, a session and standard streams of its own: nothing on standard
input, and what it prints comes out as lines of its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol, cast

from commonwheel.errors import AppError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DRAIN_S",
    "PACKET_BYTES",
    "AppProcess",
    "Launcher",
    "Spawning",
    "Told",
    "environment",
    "hold",
    "how_it_ended",
    "kill_group",
    "send_signal",
]

_KEPT = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "SYSTEMROOT",
)
"""What a process needs of its surroundings; all else (tokens and keys among it) is not for apps."""
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_TO, _FROM, _WORDS = 0, 1, 2
PACKET_BYTES = 4096
"""Of a packet between a host and ``forking``."""
DRAIN_S = 0.5
"""How long what a process left in its pipes may take to come: what it started may hold them open."""


class Told(Protocol):
    """Who is told what comes from an app's process; in the event loop."""

    def heard(self, data: bytes) -> None:
        """Bytes of its messages."""
        ...

    def printed(self, data: bytes) -> None:
        """Bytes that it printed."""
        ...

    def gone(self, how: str) -> None:
        """It has ended, or has closed its pipe; says how."""
        ...


class AppProcess(Protocol):
    """One app's process."""

    @property
    def pid(self) -> int:
        """Its number; 0 where it has none of its own."""
        ...

    def write(self, data: bytes) -> None:
        """Send messages; what does not fit in the pipe waits here."""
        ...

    def hold_messages(self, *, held: bool) -> None:
        """Read no messages for a while, or read them again; it waits when its pipe is full."""
        ...

    def hold_words(self, *, held: bool) -> None:
        """Read nothing that it prints for a while, or read it again."""
        ...

    def ask_where(self) -> None:
        """Have it print the lines that it is at, where the platform has a way to."""
        ...

    def kill(self) -> None:
        """End it and what it started, at once; ending it twice does no harm."""
        ...

    async def ended(self) -> None:
        """Wait until nothing of it is left, once it was killed."""
        ...


class Launcher(Protocol):
    """Starts processes."""

    async def launch(self, told: Told, folder: Path) -> AppProcess:
        """Start one, in a folder of its own.

        Raises:
            AppError: it cannot be started.
        """
        ...

    async def close(self) -> None:
        """Start no more, and give back what starting took; every process has ended."""
        ...


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of an app's process."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    own = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), str(folder))
    return kept | own | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def how_it_ended(status: int) -> str:
    """Return how a process ended, in words, by its exit status: negative for a signal."""
    if status >= 0:
        return f"its process ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process was ended by signal {-status}"


class Spawning:
    """Starts a new interpreter for each app: works everywhere."""

    async def launch(self, told: Told, folder: Path) -> AppProcess:
        """See ``Launcher``."""
        loop = asyncio.get_running_loop()
        try:
            _transport, protocol = await loop.subprocess_exec(
                lambda: _Spawned(told),
                sys.executable,
                "-P",
                "-m",
                "commonwheel.apps.worker",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=environment(folder),
                start_new_session=True,
            )
        except OSError as error:
            message = f"no process can be started for an app: {error.strerror or error}"
            raise AppError(message) from error
        return protocol

    async def close(self) -> None:
        """See ``Launcher``; there is nothing to give back."""


class _Spawned(asyncio.SubprocessProtocol):
    """See ``AppProcess``."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._transport: asyncio.SubprocessTransport
        self._pid = 0
        self._ended = asyncio.Event()
        self._told_gone = False

    @property
    def pid(self) -> int:
        """See ``AppProcess``."""
        return self._pid

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the process."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._pid = self._transport.get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Tell what came."""
        if fd == _FROM:
            self._told.heard(data)
        else:
            self._told.printed(data)

    def process_exited(self) -> None:
        """End what it started; what is still in the pipes comes before it is told that it has ended."""
        self._ended.set()
        kill_group(self._pid)
        asyncio.get_running_loop().call_later(DRAIN_S, self._gone)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it ended says more
        """Tell that it has ended."""
        self._gone()

    def _gone(self) -> None:
        if not self._told_gone:
            self._told_gone = True
            self._told.gone(how_it_ended(self._transport.get_returncode() or 0))

    def write(self, data: bytes) -> None:
        """See ``AppProcess``."""
        pipe = self._transport.get_pipe_transport(_TO)
        if pipe is not None and not pipe.is_closing():
            cast("asyncio.WriteTransport", pipe).write(data)

    def hold_messages(self, *, held: bool) -> None:
        """See ``AppProcess``."""
        self._hold(_FROM, held=held)

    def hold_words(self, *, held: bool) -> None:
        """See ``AppProcess``."""
        self._hold(_WORDS, held=held)

    def _hold(self, fd: int, *, held: bool) -> None:
        pipe = self._transport.get_pipe_transport(fd)
        if pipe is not None:
            hold(cast("asyncio.ReadTransport", pipe), held=held)

    def ask_where(self) -> None:
        """See ``AppProcess``."""
        if hasattr(signal, "SIGUSR1") and not self._ended.is_set():
            send_signal(self._pid, signal.SIGUSR1)

    def kill(self) -> None:
        """See ``AppProcess``."""
        if self._ended.is_set():
            return
        kill_group(self._pid)
        if hasattr(signal, "SIGKILL"):
            send_signal(self._pid, signal.SIGKILL)
        else:
            self._transport.kill()

    async def ended(self) -> None:
        """See ``AppProcess``."""
        try:
            await self._ended.wait()
        finally:
            self._transport.close()


def hold(pipe: asyncio.ReadTransport, *, held: bool) -> None:
    """Read nothing of a pipe for a while, or read it again, where it is open."""
    if pipe.is_closing():
        return
    if held:
        pipe.pause_reading()
    else:
        pipe.resume_reading()


def kill_group(pid: int) -> None:
    """End a process that leads a session, and what it started, as far as they stayed in it.

    A number of 0, of a process that never came to be, is nobody: to the system it is the caller's own group.
    """
    if pid > 0 and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def send_signal(pid: int, number: int) -> None:
    """Send a signal to a process that has not been waited for; one that has ended meanwhile ignores it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
