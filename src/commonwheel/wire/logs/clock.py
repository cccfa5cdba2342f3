"""What a log's stamps are worth: wall-clock time, time since the first frame, or only an order.

In: batches with times as written, in ns. Out: the same batches with the times that ``Clock`` promises.
The clock is chosen once, from the first frames, and never sorted: a clock that jumps back stays as it is.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from commonwheel.wire.logs.report import LogReport

__all__ = ["on_its_clock", "step_notes"]

_SECOND = 10**9
_EPOCHS = (946_684_800 * _SECOND, 4_102_444_800 * _SECOND)
"""2000 to 2100: stamps in between are taken for seconds since 1970."""
_GAPS = 1000
"""This many equal gaps in a row, over more than one id, are no recording."""
_WRAP = 2**32 * 1000
"""After this long a 32-bit counter of microseconds starts over."""
_NEAR = _SECOND


def on_its_clock(batches: Iterable[Frames], report: LogReport, *, timed: bool, local: bool) -> Iterator[Frames]:
    """Yield *batches* with their times on the log's clock, which is put into the report.

    Args:
        batches: frames with times as written.
        report: where the clock is stated.
        timed: whether the log has times at all.
        local: whether they are dates in an unknown time zone, which are no UTC.
    """
    rest = iter(batches)
    held: list[Frames] = []
    while sum(map(len, held)) <= _GAPS and (batch := next(rest, None)) is not None:
        held.append(batch)
    if not held:
        report.note("there is no frame in the log")
        return
    first = int(held[0].t_ns[0])
    report.clock = _choose(held, report, timed=timed, local=local)
    if timed and (gap_ns := _made_up_gap(held)):
        report.clock = Clock.ORDER
        gap = f"every gap is exactly {gap_ns / 1000:g} us"
        report.note(f"{gap}: the times are made up, and only the order of the frames counts")
    count = 0
    for batch in itertools.chain(held, rest):
        t_ns = batch.t_ns
        if not timed:
            t_ns = np.arange(count, count + len(batch), dtype=np.int64)
        elif report.clock is not Clock.UTC:
            t_ns = t_ns - first
        count += len(batch)
        yield dataclasses.replace(batch, t_ns=t_ns, clock=report.clock)


def _choose(held: list[Frames], report: LogReport, *, timed: bool, local: bool) -> Clock:
    if not timed:
        report.note("the log has no stamps: only the order of its frames counts")
        return Clock.ORDER
    low, high = _EPOCHS
    return Clock.UTC if low <= held[0].t_ns[0] < high and not local else Clock.RELATIVE


def _made_up_gap(held: list[Frames]) -> int:
    """Return the gap when the first ones are all the same, as on no bus with several messages; else 0."""
    t_ns = np.concatenate([batch.t_ns for batch in held])[: _GAPS + 1]
    ids = np.concatenate([batch.id for batch in held])[: _GAPS + 1]
    gaps = np.diff(t_ns)
    regular = len(gaps) == _GAPS and bool((gaps == gaps[0]).all()) and len(np.unique(ids)) > 1
    return int(gaps[0]) if regular else 0


def step_notes(report: LogReport, from_ns: int, to_ns: int) -> list[str]:
    """Return what is to be said of a log's backward steps; the largest goes from *from_ns* to *to_ns*."""
    steps = report.backward_steps
    if not steps.count:
        return []
    notes: list[str] = []
    if not steps.within_bus:
        notes.append(f"time runs backwards {steps.count} times from one bus to the next, but never within a bus")
    if to_ns % _WRAP < _NEAR and (to_ns >= _WRAP or abs(from_ns - _WRAP) < 60 * _NEAR):
        notes.append(
            f"the clock jumps back from {from_ns / _SECOND:.6f} s to {to_ns / _SECOND:.6f} s, just behind a multiple "
            f"of {_WRAP / _SECOND:.6f} s: a 32-bit counter of microseconds started over"
        )
    return notes
