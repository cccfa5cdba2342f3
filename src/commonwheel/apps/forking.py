"""A process that has everything an app needs loaded, and becomes an app's process by splitting in two.

An app begins in milliseconds instead of the time that a new interpreter takes, and all apps share the memory of what
is loaded. The process has one thread and runs no app itself. It ends when its host does, and then the kernel ends
the apps: also those that hang.

It is told and tells in packets on a socket: the host sends ``folder`` with three file descriptors, and is sent
``started <pid>``, in that order, and ``ended <pid> <status>``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import sys

from commonwheel.apps import worker
from commonwheel.apps.channel import Channel
from commonwheel.apps.launch import PACKET_BYTES
from commonwheel.catalog import load_catalog

__all__ = ["main", "serve"]

_FDS = 3
_PR_SET_PDEATHSIG = 1


def serve(host: socket.socket) -> int:
    """Start processes for a host until it is gone; returns the exit status of whichever process it is at the end."""
    ring, bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    poll = select.poll()
    poll.register(host, select.POLLIN)
    poll.register(ring, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if ring in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(ring, PACKET_BYTES)
            _reap(host)
        if host.fileno() in ready:
            packet, fds, _, _ = socket.recv_fds(host, PACKET_BYTES, _FDS)
            if len(fds) < _FDS:
                return 0
            if not _split(host, packet.decode(), fds):
                os.close(ring)
                os.close(bell)
                return worker.live(Channel(fds[0], fds[1]))


def _split(host: socket.socket, folder: str, fds: list[int]) -> bool:
    """Split in two; true in the one that goes on to serve, false in the one that is an app's from now on."""
    server = os.getpid()
    pid = os.fork()
    if pid:
        for fd in fds:
            os.close(fd)
        host.send(f"started {pid}".encode())
        return True
    host.close()
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:  # it ended before it could be asked to take this one along
        os._exit(0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(fds[2], 1)
    os.dup2(fds[2], 2)
    os.close(fds[2])
    os.chdir(folder)
    os.environ.update(dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP"), folder))
    return False


def _reap(host: socket.socket) -> None:
    """Tell of the processes that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        with contextlib.suppress(OSError):
            host.send(f"ended {pid} {os.waitstatus_to_exitcode(status)}".encode())


def main() -> int:
    """Load everything, and serve the host at the other end of standard input, which is a socket."""
    host = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    load_catalog()
    importlib.import_module("commonwheel.apps.loop")  # asyncio, which an app must not have to wait for
    gc.collect()
    gc.freeze()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        return serve(host)
    return 0


if __name__ == "__main__":
    sys.exit(main())
