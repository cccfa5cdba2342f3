"""Telling systemd how the service is: ready, stopping, alive. Does nothing where no one asked to be told.

systemd names a datagram socket in ``NOTIFY_SOCKET`` and, where it wants signs of life, their longest distance in
``WATCHDOG_USEC``. A message that cannot be sent is never an error of the service.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Notifier"]

_LOG = logging.getLogger(__name__)


class Notifier:
    """The way to whoever started the service."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Read where to send to.

        Args:
            environment: the process's own unless given.
        """
        found = os.environ if environment is None else environment
        self._address = _address(found.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_s(found) if self._address else None
        """Longest time between two ``alive`` that is asked for; None: no one watches."""
        self._failed = False

    def ready(self, status: str) -> None:
        """Say that everything is up."""
        self._send(f"READY=1\nSTATUS={_one_line(status)}")

    def stopping(self, status: str = "stopping") -> None:
        """Say that the end has begun."""
        self._send(f"STOPPING=1\nSTATUS={_one_line(status)}")

    def alive(self) -> None:
        """Give a sign of life."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(0)
                sender.sendto(text.encode(), self._address)
        except OSError as error:
            if not self._failed:
                _LOG.warning("systemd cannot be told: %s; check NOTIFY_SOCKET", error.strerror or error)
            self._failed = True


def _address(text: str) -> str | None:
    if not text:
        return None
    if not hasattr(socket, "AF_UNIX") or text[0] not in "/@":
        _LOG.warning("NOTIFY_SOCKET is %r, which is no Unix socket's path; nothing is told to systemd", text)
        return None
    return "\0" + text[1:] if text[0] == "@" else text


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    text = environment.get("WATCHDOG_USEC", "")
    if not text or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        _LOG.warning("WATCHDOG_USEC is %r, not a number of microseconds; no signs of life are sent", text)
        return None
    return int(text) / 1e6


def _one_line(text: str) -> str:
    return " ".join(text.split())
