"""What the formats without lines share: records that are frames or stand in the report, one clock watch."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.wire.frames import EXTENDED_FLAG, ID_MASK, Frames
from commonwheel.wire.logs.binding import KINDS, kernel, new_log
from commonwheel.wire.logs.clock import step_notes
from commonwheel.wire.logs.report import KEPT_LINES, LineKind, LogReport

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Rows", "flag_ids", "mark", "to_ns"]

_STANDARD_MAX = 0x7FF
_LAST_SECOND = 4_000_000_000
"""Stamps beyond this, some 126 years, are no times; differences of all others fit 64 bits."""


class Rows:
    """Takes records into a report; they are numbered from 1 in the order they are taken."""

    def __init__(self, report: LogReport, time_unit: str) -> None:
        self._report = report
        self._log = new_log()
        report.time_unit = time_unit

    def take(self, frames: Frames, kinds: npt.NDArray[np.uint8], stamps: npt.NDArray[Any]) -> Frames:
        """Take records and return those that are frames.

        Args:
            frames: one row per record.
            kinds: index into ``KINDS`` of each record, 0 for a frame, shape (n,).
            stamps: the records' stamps as the file holds them, shape (n,).
        """
        report, log = self._report, self._log
        numbers = np.arange(report.lines + 1, report.lines + 1 + len(kinds), dtype=np.int64)
        for i in np.unique(kinds[kinds != 0]):
            lines = numbers[kinds == i]
            kind = KINDS[int(i)] or LineKind.UNKNOWN
            report.count(kind, len(lines), [int(line) for line in lines[:KEPT_LINES]])
        report.lines += len(kinds)
        is_frame = kinds == 0
        if not is_frame.all():
            frames, numbers, stamps = frames[is_frame], numbers[is_frame], stamps[is_frame]
        if not len(frames):
            return frames
        columns = [np.ascontiguousarray(column) for column in (frames.t_ns, frames.bus, numbers)]
        kernel("clock")(ctypes.byref(log), *(column.ctypes.data for column in columns), len(frames))
        report.frames += len(frames)
        report.first_stamp = report.first_stamp or str(stamps[0])
        report.last_stamp = str(stamps[-1])
        steps = report.backward_steps
        steps.count, steps.within_bus, steps.largest_ns = log.back_count, log.back_in_bus, log.back_ns
        steps.first_lines = list(log.back_line[: min(steps.count, KEPT_LINES)])
        return frames

    def end(self) -> None:
        """Say what is to be said of the whole log."""
        self._report.notes.extend(step_notes(self._report, self._log.back_from_ns, self._log.back_to_ns))


def mark(kinds: npt.NDArray[np.uint8], where: npt.NDArray[np.bool_], kind: LineKind) -> None:
    """Set the kind of records that have none yet."""
    kinds[where & (kinds == 0)] = KINDS.index(kind)


def flag_ids(
    ids: npt.NDArray[np.int64], extended: npt.NDArray[np.bool_], kinds: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint32]:
    """Return ids with the flag of the 29-bit ones; one that does not fit its width is marked in *kinds*."""
    mark(kinds, (ids < 0) | (ids > np.where(extended, ID_MASK, _STANDARD_MAX)), LineKind.BAD_ID)
    return np.where(extended, ids & ID_MASK | EXTENDED_FLAG, ids & _STANDARD_MAX).astype(np.uint32)


def to_ns(stamps: npt.NDArray[np.float64], kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return seconds as nanoseconds; what is no time becomes 0 and is marked in *kinds*."""
    usable = np.abs(stamps) < _LAST_SECOND  # false for NaN
    mark(kinds, ~usable, LineKind.BAD_TIME)
    return np.rint(np.where(usable, stamps, 0) * 1e9).astype(np.int64)
