"""Whether an app's process may go on, judged by what is seen from outside: answers, floods, memory, processor time.

Pure of the process itself: who watches brings the time and what the process uses, and ends it when told why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from commonwheel.apps.limits import MIB
from commonwheel.apps.usage import Usage

if TYPE_CHECKING:
    from commonwheel.apps.limits import Limits

__all__ = ["FLOODED", "Watch"]

FLOODED = 5
"""After so many looks in a row before which it had to be held for most of the time, it is to be ended."""
_STARVED, _STARVED_SHARE = 6.0, 0.1
"""How many times as long a process may be without an answer that wants to run and has had less than this share of a
processor."""
_OWN_BYTES = 64 * MIB
"""What the platform itself takes of a process."""


class _Sent(NamedTuple):
    """Something that an answer is expected to."""

    at: float
    cpu_s: float
    """What the process had used by then."""


class Watch:
    """Of one process; times are seconds of a clock that nobody sets."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[int, _Sent] = {}
        self._held_s = 0.0
        self._held_looks = 0
        self._used: list[tuple[float, float]] = []
        """Processor seconds at earlier times, as far back as they matter."""
        self.usage = Usage()
        """What it used when it was looked at last."""

    # ---- answers ----------------------------------------------------------------------------------------------------

    def sent(self, number: int, now: float) -> None:
        """Expect an answer."""
        self._waiting[number] = _Sent(now, self.usage.cpu_s)

    def answered(self, number: int) -> bool:
        """Take note of an answer; false when none was expected."""
        return self._waiting.pop(number, None) is not None

    @property
    def waiting(self) -> tuple[int, ...]:
        """What was not answered yet."""
        return tuple(self._waiting)

    def forgive(self, now: float) -> None:
        """Begin anew to wait for answers: who watches had no time to read them."""
        self._waiting = dict.fromkeys(self._waiting, _Sent(now, self.usage.cpu_s))

    def overdue(self, now: float, usage: Usage | None) -> str:
        """Return why it is to be ended; '' while it answers.

        A process that wants to run and is not let has longer: the machine has too much to do, which is not its fault.
        """
        if not self._waiting:
            return ""
        oldest = min(self._waiting.values())
        waited_s = now - oldest.at
        is_starved = usage is not None and usage.runnable and usage.cpu_s - oldest.cpu_s < _STARVED_SHARE * waited_s
        if waited_s <= self._limits.block_s * (_STARVED if is_starved else 1.0):
            return ""
        return f"it gave no answer for {waited_s:.0f} s"

    # ---- what it takes ----------------------------------------------------------------------------------------------

    def held(self, seconds: float) -> None:
        """Take note that it is not listened to for so long, because it said too much."""
        self._held_s += seconds

    def flood(self, since_s: float) -> str:
        """Return why it is to be ended, so many seconds after it was looked at last; '' while it keeps to its rates."""
        self._held_looks = self._held_looks + 1 if self._held_s > since_s / 2 else 0
        self._held_s = 0.0
        if self._held_looks < FLOODED:
            return ""
        most = self._limits.bytes_per_second / MIB
        return f"it sent, or printed, more than {most:g} MiB a second for {FLOODED * since_s:g} s"

    def excess(self, now: float, usage: Usage) -> str:
        """Return why it is to be ended by what it uses; '' while it keeps to its limits."""
        self.usage, limits = usage, self._limits
        if usage.memory_bytes > limits.memory_bytes + _OWN_BYTES:
            return f"it took {usage.memory_bytes / MIB:.0f} MiB; {limits.memory_bytes / MIB:.0f} are the most"
        if usage.children > limits.children:
            return f"it started {usage.children} processes; {limits.children} are the most"
        self._used.append((now, usage.cpu_s))
        while len(self._used) > 1 and self._used[1][0] <= now - limits.cpu_s:
            del self._used[0]
        since, before = self._used[0]
        span_s = now - since
        if span_s >= limits.cpu_s and usage.cpu_s - before > limits.cpu_share * span_s:
            share = (usage.cpu_s - before) / span_s
            return f"it took {share:.0%} of a processor for {span_s:.0f} s; {limits.cpu_share:.0%} are the most"
        return ""
