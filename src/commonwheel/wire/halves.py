"""A large batch decoded in two halves at once, with the very result of decoding it in one go.

The second half needs the state that the first one ends with: last values, counters, ages. It starts with none
and gathers its own over the first few seconds of its frames. Those frames are then decoded once more with the
true state; when both ways end in the same state, everything behind them was decoded rightly already, since
decoding depends on nothing but state and frames. When they do not (a message that comes too rarely), the half
is decoded again with the true state, and the next batch gives it longer.
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np

from commonwheel.wire._kernels import address
from commonwheel.wire.state import TALLIES, UNSEEN, Columns, DecoderState, allocate, join

if TYPE_CHECKING:
    from commonwheel.wire.frames import Frames
    from commonwheel.wire.tables import Tables


class Runner(Protocol):
    """Decodes with a state of the caller's."""

    def bound(self, frames: Frames) -> int:
        """Return room enough for the samples of these frames."""
        ...

    def run(self, state: DecoderState, frames: Frames, room: Columns) -> list[Columns]:
        """Decode frames into *room*; *state* moves on."""
        ...


__all__ = ["SMALLEST_BATCH", "Halves"]

SMALLEST_BATCH = 120_000
"""Frames; below, the threads cost more than they save."""
FIRST_OVERLAP = 12_000
MOST_FAILURES = 3


class Halves:
    """Decodes batches in two halves; remembers how long the second needs to find its feet."""

    def __init__(self, smallest: int = SMALLEST_BATCH, overlap: int = FIRST_OVERLAP) -> None:
        self._smallest = smallest
        self._overlap = overlap
        self._failures = 0
        self._useful = (os.cpu_count() or 1) > 1

    def worth(self, count: int) -> bool:
        """Whether a batch of so many frames is worth two threads."""
        return self._useful and count >= self._smallest and self._failures < MOST_FAILURES

    def decode(self, state: DecoderState, frames: Frames, runner: Runner, tables: Tables) -> Columns:
        """Decode a batch; *state* moves on as if it had been decoded in one go."""
        middle = (len(frames) - self._overlap) // 2
        begin = middle + self._overlap
        head, tail = frames[:begin], frames[begin:]
        split = runner.bound(head)
        room = allocate(split + runner.bound(tail))
        own = DecoderState.fresh(tables, watch=bool(state.c.watch))

        def second() -> tuple[DecoderState, list[Columns]]:
            overlap = frames[middle:begin]
            runner.run(own, overlap, allocate(runner.bound(overlap)))
            settled = own.copy()
            return settled, runner.run(own, tail, room[split:])

        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(second)
            parts = runner.run(state, head, room[:split])
            settled, rest = ahead.result()
        if _agree(state, settled, tables):
            _advance(state, settled, own)
        else:
            self._failures += 1
            self._overlap = min(4 * self._overlap, len(frames) // 4)
            rest = runner.run(state, tail, room[split:])
        if len(parts) == len(rest) == 1:
            return _close_up(room, len(parts[0]), split, len(rest[0]))
        return join([*parts, *rest])


def _close_up(room: Columns, first: int, split: int, second: int) -> Columns:
    """Move the second half's samples up to the first's, within the same memory."""
    for column in (room.t_ns, room.signal, room.value, room.quality):
        start, size = address(column), column.itemsize
        ctypes.memmove(start + first * size, start + split * size, second * size)
    return room[: first + second]


def _agree(true: DecoderState, found: DecoderState, tables: Tables) -> bool:
    """Whether decoding goes on alike from both states; marks and tallies do not matter for that.

    A message that only the true state has seen is of no consequence when it can neither grow stale any more nor
    feed a derived signal, and has no counter to go on from.
    """
    messages, others = true.messages, found.messages
    unmet = (messages["seen"] == 1) & (others["seen"] == 0)
    silent = (messages["is_stale"] == 1) | (tables.messages["timeout_ns"] <= 0) | (not true.c.watch)
    feeds = tables.messages["deriveds"] > 0
    counts = messages["counter"] > 0
    if (unmet & (~silent | feeds | counts)).any():
        return False
    keys = ("last_ns", "counter", "repeats", "seen", "is_stale")
    if any((messages[key] != others[key])[~unmet].any() for key in keys):
        return False
    of_unmet = np.zeros(len(true.slots), bool)
    for index in np.flatnonzero(unmet):
        first = tables.messages["signal"][index]
        of_unmet[tables.signals["slot"][first : first + tables.messages["signals"][index]]] = True
    alike = (true.slots["value"].view(np.uint64) == found.slots["value"].view(np.uint64)) & (
        true.qualities == found.qualities
    )
    return bool(
        (alike | of_unmet).all() and (true.chosen == found.chosen).all() and (true.bus_ns == found.bus_ns).all()
    )


def _advance(true: DecoderState, settled: DecoderState, end: DecoderState) -> None:
    """Move the true state to where the second half ended, keeping what only the first half knew."""
    met = end.messages["seen"] == 1
    for name in true.messages.dtype.names or ():
        if name in TALLIES:
            true.messages[name] += end.messages[name] - settled.messages[name]
        else:
            true.messages[name][met] = end.messages[name][met]
    filled = end.qualities != UNSEEN
    true.slots[filled] = end.slots[filled]
    true.chosen[filled] = end.chosen[filled]
    true.bus_ns[:] = end.bus_ns
    for name in ("known", "unknown", "other"):
        setattr(true.c, name, getattr(true.c, name) + getattr(end.c, name) - getattr(settled.c, name))
    true.c.sequence = max(true.c.sequence, end.c.sequence)
    true.c.deadline_ns = np.iinfo(np.int64).min  # found anew at the next frame
