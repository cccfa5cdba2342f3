"""The host's end of ``forking``: apps' processes that split off from one that has all loaded. Linux only."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING, cast

from commonwheel.apps.launch import (
    DRAIN_S,
    PACKET_BYTES,
    Spawning,
    environment,
    hold,
    how_it_ended,
    kill_group,
    send_signal,
)
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from commonwheel.apps.launch import AppProcess, Launcher, Told

__all__ = ["Nursery", "launcher"]

_START_S = 60.0
_END_S = 2.0
_LOST = "the process that starts apps has ended"


def launcher() -> Launcher:
    """Return what starts apps' processes best on this platform."""
    return Nursery() if sys.platform == "linux" else Spawning()


class Nursery:
    """See ``launch.Launcher``. Its own process is started when the first app is, and again should it have ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._starting: deque[tuple[_Forked, asyncio.Future[None]]] = deque()
        self._apps: dict[int, _Forked] = {}
        self._abandoned: set[asyncio.Task[None]] = set()
        """What ends processes that nobody waited for."""

    async def launch(self, told: Told, folder: Path) -> AppProcess:
        """See ``Launcher``."""
        task = asyncio.create_task(self._launch(told, folder))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._abandoned.add(asyncio.create_task(_abandon(task)))
            raise

    async def _launch(self, told: Told, folder: Path) -> _Forked:
        """Start one; to be cancelled by nobody, since it owns pipes and a process half-way."""
        if self._socket is None:
            self._begin(folder)
        forked = _Forked(told)
        try:
            theirs = await forked.open()
        except OSError as error:
            message = f"no process can be started for an app: {error.strerror or error}"
            raise AppError(message) from error
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._starting.append((forked, started))
        try:
            socket.send_fds(cast("socket.socket", self._socket), [os.fsencode(folder)], theirs)
            async with asyncio.timeout(_START_S):
                await started
        except (OSError, TimeoutError) as error:
            self._end(_LOST)
            await forked.ended()
            message = f"no process can be started for an app: {error or f'none came within {_START_S:g} s'}"
            raise AppError(message) from error
        finally:
            for fd in theirs:
                os.close(fd)
        return forked

    def _begin(self, folder: Path) -> None:
        """Start the process that has all loaded.

        Raises:
            AppError: it cannot be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "commonwheel.apps.forking"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env=environment(folder.parent),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            message = f"no process can be started for apps: {error.strerror or error}"
            raise AppError(message) from error
        finally:
            theirs.close()
        ours.settimeout(0)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours, self._heard)

    def _heard(self) -> None:
        """Take in packets."""
        while self._socket is not None:
            try:
                packet = self._socket.recv(PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self._end(_LOST)
                return
            word, *numbers = packet.decode().split()
            if word == "started":
                forked, started = self._starting.popleft()
                forked.pid = int(numbers[0])
                self._apps[forked.pid] = forked
                if not started.done():
                    started.set_result(None)
            else:
                forked = self._apps.pop(int(numbers[0]), None)
                if forked is not None:
                    forked.exited(how_it_ended(int(numbers[1])))

    def _end(self, why: str) -> None:
        """Let the process go, and with it, if there still are any, every app."""
        ours, self._socket = self._socket, None
        if ours is None:
            return
        asyncio.get_running_loop().remove_reader(ours)
        ours.close()
        apps, self._apps = self._apps, {}
        for forked in apps.values():
            kill_group(forked.pid)
            forked.exited(why)
        starting, self._starting = self._starting, deque()
        for forked, started in starting:
            forked.exited(why)
            if not started.done():
                started.set_exception(OSError(why))

    async def close(self) -> None:
        """See ``Launcher``."""
        await asyncio.gather(*self._abandoned, return_exceptions=True)
        self._end(_LOST)
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_wait, process)


async def _abandon(launching: asyncio.Task[_Forked]) -> None:
    """End a process that nobody waits for any more, as soon as it has begun."""
    with contextlib.suppress(AppError):
        forked = await launching
        forked.kill()
        await forked.ended()


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process that was told of it."""
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _Forked:
    """See ``launch.AppProcess``."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._ended = asyncio.Event()
        self._gone = False
        self._how = ""
        self._inlet: asyncio.ReadTransport
        self._words: asyncio.ReadTransport
        self._outlet: asyncio.WriteTransport
        self._open = 3
        """Pipes that are not closed."""
        self._closed = asyncio.Event()
        self.pid = 0

    async def open(self) -> list[int]:
        """Make the pipes; returns the ends that are the process's.

        Raises:
            OSError: there are no more to be had.
        """
        loop = asyncio.get_running_loop()
        (theirs, ours), (heard, hears), (printed, prints) = _pipes(3)
        self._outlet, _ = await loop.connect_write_pipe(
            lambda: _Pipe(lambda _data: None, self._lost), os.fdopen(ours, "wb", 0)
        )
        self._inlet, _ = await loop.connect_read_pipe(
            lambda: _Pipe(self._told.heard, self._lost), os.fdopen(heard, "rb", 0)
        )
        self._words, _ = await loop.connect_read_pipe(
            lambda: _Pipe(self._told.printed, self._lost), os.fdopen(printed, "rb", 0)
        )
        return [theirs, hears, prints]

    def exited(self, how: str) -> None:
        """Take note that the process has ended; what is still in the pipes comes before it is told."""
        self._how = how
        self._ended.set()
        kill_group(self.pid)
        self._tell_if_empty()
        asyncio.get_running_loop().call_later(DRAIN_S, self._tell)

    def _lost(self) -> None:
        self._open -= 1
        if not self._open:
            self._closed.set()
        self._tell_if_empty()

    def _tell_if_empty(self) -> None:
        if not self._open and self._ended.is_set():
            self._tell()

    def _tell(self) -> None:
        if not self._gone:
            self._gone = True
            self._told.gone(self._how)

    def write(self, data: bytes) -> None:
        """See ``AppProcess``."""
        if not self._outlet.is_closing():
            self._outlet.write(data)

    def hold_messages(self, *, held: bool) -> None:
        """See ``AppProcess``."""
        hold(self._inlet, held=held)

    def hold_words(self, *, held: bool) -> None:
        """See ``AppProcess``."""
        hold(self._words, held=held)

    def ask_where(self) -> None:
        """See ``AppProcess``."""
        if self.pid and not self._ended.is_set():
            send_signal(self.pid, signal.SIGUSR1)

    def kill(self) -> None:
        """See ``AppProcess``."""
        if self.pid and not self._ended.is_set():
            kill_group(self.pid)
            send_signal(self.pid, signal.SIGKILL)  # it may not lead a session of its own yet

    async def ended(self) -> None:
        """See ``AppProcess``."""
        try:
            await self._ended.wait()
        finally:
            if not self._outlet.is_closing():
                self._outlet.abort()
            self._inlet.close()
            self._words.close()
            await self._closed.wait()


def _pipes(count: int) -> list[tuple[int, int]]:
    """Return so many pipes, or none.

    Raises:
        OSError: there are not so many to be had.
    """
    pipes: list[tuple[int, int]] = []
    try:
        while len(pipes) < count:
            pipes.append(os.pipe())
    except OSError:
        for end in itertools.chain(*pipes):
            os.close(end)
        raise
    return pipes


class _Pipe(asyncio.Protocol):
    """Tells what comes out of a pipe, and when nothing can come any more."""

    def __init__(self, told: Callable[[bytes], None], closed: Callable[[], None]) -> None:
        self._told, self._closed = told, closed

    def data_received(self, data: bytes) -> None:
        """Tell what came."""
        self._told(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why says nothing that matters
        """Tell that nothing follows."""
        self._closed()
