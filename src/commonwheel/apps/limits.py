"""How much an app may take and say, and what keeps count of it: what is beyond is left out, and told.

The limits of the process (memory, files) are set by the process itself before the app is loaded, where the platform
has them; what it uses is watched from outside as well.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MIB", "Allowance", "Limits", "Rates", "confine"]

MIB = 1024 * 1024
_BURST_S = 2.0
"""Seconds of saying things that an app that was quiet may say at once."""
_OPEN_FILES = 256
_NICE = 5
"""How much an app gives way to the car's own threads."""


class Rates(msgspec.Struct, frozen=True, array_like=True):
    """How often an app may say something, per second, over a few seconds."""

    logs: float = 50.0
    events: float = 20.0
    outputs: float = 20.0
    """Times that outputs are shown; what comes faster is shown as it is when it is time, so that nothing is lost."""
    publishes: float = 200.0
    """Values given to signals."""
    requests: float = 100.0
    """Two actuators that are steered by, renewed fifty times a second."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one app on one car may take."""

    memory_bytes: int = 256 * MIB
    """Of its own process, beyond what is there before the app is loaded."""
    block_s: float = 5.0
    """How long it may be without an answer, while it handles updates or has nothing to do."""
    load_s: float = 30.0
    """How long it may take to be loaded, and to begin."""
    stop_s: float = 2.0
    """How long its last words may take."""
    cpu_share: float = 0.9
    """Of one processor, over ``cpu_s``."""
    cpu_s: float = 10.0
    children: int = 4
    """Processes of its own."""
    message_bytes: int = MIB
    """Of one message from its process."""
    bytes_per_second: int = 4 * MIB
    """Of all messages from its process, and again of what it prints; beyond, it has to wait."""
    file_bytes: int = 64 * MIB
    """Of one file that it writes."""
    waiting_updates: int = 20_000
    """Updates that wait for it; beyond, the oldest are dropped."""
    rates: Rates = Rates()  # noqa: RUF009 - frozen
    failures: int = 5
    """After so many in a row it is given up."""
    lasting_s: float = 60.0
    """A run that lasted so long is no longer counted with the failures before it."""
    backoff_s: float = 0.5
    """The first time between a failure and the next start; doubled with each, up to ``most_backoff_s``."""
    most_backoff_s: float = 30.0
    look_s: float = 1.0
    """How often a car that lacks signals is asked again whether it has them."""

    def wait_s(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row, 1 or more."""
        return min(self.most_backoff_s, self.backoff_s * 2.0 ** min(failures - 1, 30))


class Allowance:
    """A number of things per second: a bucket that fills steadily, and holds two seconds' worth."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a full bucket; it holds at least one thing."""
        self._rate = per_second
        self._most = max(1.0, per_second * _BURST_S)
        self._left = self._most
        self._clock = clock
        self._at = clock()
        self._refused = 0

    def take(self, count: int = 1) -> bool:
        """Take so many out of the bucket; False, and all of them counted, where there are not as many."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < count:
            self._refused += count
            return False
        self._left -= count
        return True

    def owe(self, count: float) -> float:
        """Take so many, even where there are not as many; returns the seconds until the bucket is no longer empty."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate) - count
        self._at = now
        return max(0.0, -self._left / self._rate)

    def refused(self) -> int:
        """Return how many things were refused since this was asked last."""
        refused, self._refused = self._refused, 0
        return refused


def confine(memory_bytes: int, file_bytes: int) -> list[str]:
    """Bound this process for good, before an app is loaded; returns what the platform has no bound for, in words."""
    missing: list[str] = []
    try:
        import resource
    except ImportError:
        return ["memory", "the size of files", "open files"]
    wanted = [
        ("memory", "RLIMIT_DATA", memory_bytes + _data_bytes()),
        ("the size of files", "RLIMIT_FSIZE", file_bytes),
        ("open files", "RLIMIT_NOFILE", _OPEN_FILES),
        ("core files", "RLIMIT_CORE", 0),
    ]
    for what, name, most in wanted:
        try:
            kind = getattr(resource, name)
            hard = resource.getrlimit(kind)[1]
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (bound, bound))
        except (AttributeError, ValueError, OSError):
            missing.append(what)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICE)
    return missing


def _data_bytes() -> int:
    """Return how much memory this process has of its own already, in bytes; 0 where that is not known."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - no pathlib in a process that has to start fast
            pages = int(file.read().split()[5])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
