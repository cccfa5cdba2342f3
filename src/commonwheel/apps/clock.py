"""An app's time and what is due at it: no wall clock, one order of everything.

Time is nanoseconds, moved by the samples that come or by whoever runs the app. What is due at the same instant
happens in the order in which it was asked for. Time that goes on by more than ``JUMP_NS`` at once was not lived through
(a recording of two drives, a clock that was set): what was due in it happens once, after it. On a live car, where time
goes on in small steps, ``LIVE_JUMP_NS`` is enough: a clock that was set, or a process that was stopped for a while.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JUMP_NS", "LEAST_NS", "LIVE_JUMP_NS", "NEVER", "Clock", "Timer"]

JUMP_NS = 600 * 1_000_000_000
"""What time may go on by at once in a recording, in which a bus may be silent for minutes; more is a jump."""

LIVE_JUMP_NS = 5 * 1_000_000_000
"""The same on a live car."""

LEAST_NS = 1_000_000
"""Shortest time that an app can put something off by: what is put off by nothing, again and again, never ends."""

NEVER = 2**63 - 1
"""Later than every time."""


class Timer:
    """Something that is due; ``cancel`` it when it is not wanted any more."""

    __slots__ = ("_call", "cancelled", "due_ns")

    def __init__(self, due_ns: int, call: Callable[[], object]) -> None:
        self.due_ns = due_ns
        self.cancelled = False
        self._call = call

    def cancel(self) -> None:
        """Let it not happen; to cancel it twice, or when it has happened, does no harm."""
        self.cancelled = True

    def fire(self) -> None:
        """Let it happen now."""
        self._call()


class Clock:
    """The time, and what is due."""

    __slots__ = ("_count", "_heap", "_jump_ns", "next_ns", "now_ns", "start_ns")

    def __init__(self, jump_ns: int = JUMP_NS) -> None:
        """Begin at nought.

        Args:
            jump_ns: what time may go on by at once; more is a jump.
        """
        self._jump_ns = jump_ns
        self.now_ns = 0
        self.start_ns = 0
        self.next_ns = NEVER
        """When something is due next, at the earliest."""
        self._heap: list[tuple[int, int, Timer]] = []
        self._count = 0

    def begin(self, t_ns: int) -> None:
        """Set the time at the start."""
        self.now_ns = self.start_ns = t_ns

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return (self.now_ns - self.start_ns) / 1e9

    def at(self, due_ns: int, call: Callable[[], object]) -> Timer:
        """Call something at a time; at once what is due already, when the clock is moved next."""
        timer = Timer(due_ns, call)
        self._count += 1
        heapq.heappush(self._heap, (due_ns, self._count, timer))
        self.next_ns = min(self.next_ns, due_ns)
        return timer

    def pass_before(self, t_ns: int) -> None:
        """Let happen what is due before a time, each at its own time; or in a jump, now that it is over."""
        heap = self._heap
        if t_ns - self.now_ns > self._jump_ns:
            self.now_ns = t_ns - 1
        while heap and heap[0][0] < t_ns:
            due_ns, _, timer = heapq.heappop(heap)
            if timer.cancelled:
                continue
            self.now_ns = max(self.now_ns, due_ns)
            self.next_ns = heap[0][0] if heap else NEVER
            timer.fire()
        self.next_ns = heap[0][0] if heap else NEVER

    def pass_to(self, t_ns: int) -> None:
        """Let happen what is due up to a time, and make it that time."""
        self.pass_before(t_ns + 1)
        self.now_ns = max(self.now_ns, t_ns)

    def clear(self) -> None:
        """Forget what is due."""
        self._heap.clear()
        self.next_ns = NEVER
