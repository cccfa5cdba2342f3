"""The app's end of the two pipes to its host: one message at a time in, whole messages out, in one thread."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, Protocol, cast

from commonwheel.apps.messages import ToApp, Unpacker, pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.apps.messages import FromApp

__all__ = ["Channel", "HostGone", "Talk"]

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


class Channel:
    """Reads from one file descriptor and writes to another; owns both."""

    def __init__(self, inlet: int, outlet: int) -> None:
        self._inlet, self._outlet = inlet, outlet
        self._unpacker = Unpacker(ToApp, _MOST_BYTES)
        self._found: Iterator[tuple[object, bytes]] = iter(())
        self._wait = _waiter(inlet)

    def take(self, wait_s: float | None = None) -> tuple[ToApp, bytes] | None:
        """See ``Talk``."""
        ends = None if wait_s is None else time.monotonic() + wait_s
        while True:
            for message, body in self._found:
                return cast("ToApp", message), body
            left = None if ends is None else max(0.0, ends - time.monotonic())
            if not self._wait(left):
                return None
            data = os.read(self._inlet, _CHUNK)
            if not data:
                raise HostGone
            self._found = self._unpacker.feed(data)

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


class _Poll:
    """Waits until something can be read; as long as there is another end, or for so many seconds."""

    def __init__(self, inlet: int) -> None:
        self._poll = select.poll()
        self._poll.register(inlet, select.POLLIN | select.POLLHUP)

    def __call__(self, wait_s: float | None) -> bool:
        return bool(self._poll.poll(None if wait_s is None else -(-wait_s * 1000 // 1)))


def _waiter(inlet: int) -> _Poll:
    return _Poll(inlet)
