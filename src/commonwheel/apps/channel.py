"""The app's end of the two pipes to its host: one message at a time in, whole messages out, in one thread."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from typing import TYPE_CHECKING, Protocol, cast

from commonwheel.apps.messages import ToApp, Unpacker, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commonwheel.apps.messages import FromApp

__all__ = ["Channel", "HostGone", "Inlet", "Talk"]

_CHUNK = 1 << 16
_MOST_BYTES = 64 * 1024 * 1024
"""Of one message from the host, which is trusted not to send any such."""


class HostGone(BaseException):
    """The host has closed its end, or is no more; nothing that an app catches."""


class Talk(Protocol):
    """What an app's run talks to its host through."""

    def take(self, wait_s: float | None = None) -> tuple[ToApp, bytes] | None:
        """Return the next message and its body, or None when none comes within the time; None waits for ever.

        Raises:
            HostGone: nothing follows.
        """
        ...

    def send(self, *messages: FromApp) -> None:
        """Send messages; waits while the host does not read.

        Raises:
            HostGone: nobody will.
        """
        ...

    def send_packed(self, data: bytes) -> None:
        """Send messages that are packed already; as ``send``."""
        ...


class Inlet:
    """Takes one message at a time out of pieces that come from somewhere."""

    def __init__(self, read: Callable[[float | None], bytes | None]) -> None:
        """Take from *read*, which waits for a piece: b'' at the end, None when none comes within so many seconds."""
        self._read = read
        self._unpacker = Unpacker(ToApp, _MOST_BYTES)
        self._found: Iterator[tuple[object, bytes]] = iter(())

    def take(self, wait_s: float | None = None) -> tuple[ToApp, bytes] | None:
        """See ``Talk``."""
        ends = None if wait_s is None else time.monotonic() + wait_s
        while True:
            for message, body in self._found:
                return cast("ToApp", message), body
            left = None if ends is None else max(0.0, ends - time.monotonic())
            data = self._read(left)
            if data is None:
                return None
            if not data:
                raise HostGone
            self._found = self._unpacker.feed(data)


class Channel:
    """Reads from one file descriptor and writes to another; owns both."""

    def __init__(self, inlet: int, outlet: int) -> None:
        self._inlet, self._outlet = inlet, outlet
        self._source = _Polled(inlet) if hasattr(select, "poll") else _Pumped(inlet)
        self._messages = Inlet(self._source.read)

    def take(self, wait_s: float | None = None) -> tuple[ToApp, bytes] | None:
        """See ``Talk``."""
        return self._messages.take(wait_s)

    def send(self, *messages: FromApp) -> None:
        """See ``Talk``."""
        self.send_packed(b"".join(map(pack, messages)))

    def send_packed(self, data: bytes) -> None:
        """See ``Talk``."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._outlet, view) :]
        except OSError as error:
            raise HostGone from error

    def close(self) -> None:
        """Give both ends back."""
        os.close(self._inlet)
        os.close(self._outlet)


class _Polled:
    """Reads from a pipe that can be waited for."""

    def __init__(self, inlet: int) -> None:
        self._inlet = inlet
        self._poll = select.poll()
        self._poll.register(inlet, select.POLLIN | select.POLLHUP)

    def read(self, wait_s: float | None) -> bytes | None:
        """Return what is there, b'' at the end, or None when nothing comes within the time; None waits for ever."""
        if not self._poll.poll(None if wait_s is None else -(-wait_s * 1000 // 1)):
            return None
        return os.read(self._inlet, _CHUNK)


class _Pumped:
    """Reads from a pipe that cannot be waited for (Windows), in a thread of its own."""

    def __init__(self, inlet: int) -> None:
        self._inlet = inlet
        self._found: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._pump, name="commonwheel app inlet", daemon=True).start()

    def _pump(self) -> None:
        data = b"-"
        while data:
            try:
                data = os.read(self._inlet, _CHUNK)
            except OSError:
                data = b""
            self._found.put(data)

    def read(self, wait_s: float | None) -> bytes | None:
        """See ``_Polled``."""
        try:
            data = self._found.get(timeout=wait_s)
        except queue.Empty:
            return None
        if not data:
            self._found.put(data)  # the end stays the end
        return data
