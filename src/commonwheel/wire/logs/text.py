"""Logs of text: chunks of bytes through a kernel, lines cut by a chunk's end carried over to the next.

In: a source and the dialect of its lines. Out: batches of frames with times as written (``clock`` makes
them what a batch promises), and in the report all that the kernel counted.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire.frames import Frames
from commonwheel.wire.logs.binding import KINDS, LINE_MAX, TEXT_PAD, Status, kernel, new_log
from commonwheel.wire.logs.clock import step_notes
from commonwheel.wire.logs.report import KEPT_LINES, LogReport, Problem, escape

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import numpy.typing as npt

    from commonwheel.wire.logs.dialects import Dialect
    from commonwheel.wire.logs.source import Source

__all__ = ["TextDecoder"]

_UNITS = {9: "s", 6: "ms", 3: "us", 0: "ns"}
_CLASSIC, _FD = 8, 64
_SHORTEST_FRAME = 10
"""Bytes of the shortest line that is a frame, `(0) a 123#`."""


class TextDecoder:
    """Reads the lines of one log."""

    def __init__(self, source: Source, dialect: Dialect, report: LogReport, chunk_bytes: int) -> None:
        self._source = source
        self._report = report
        self._chunk = chunk_bytes
        self._kernel = kernel(dialect.kernel)
        self._buffer = np.empty(LINE_MAX + 2 + chunk_bytes + TEXT_PAD, np.uint8)
        self._log = new_log()
        self._log.unit = dialect.unit
        self._log.decimal = dialect.decimal
        self._log.separator = ord(dialect.separator) if dialect.separator else 0
        self._log.layout = dialect.layout.encode("ascii")
        self._log.delta = dialect.delta
        self._log.wrap_ns = dialect.wrap_ns
        head = source.head()
        lines = 1.1 * (head.count(b"\n") + head.count(b"\r") + 1)
        self._frames_per_byte = min(lines / len(head), 1 / _SHORTEST_FRAME)
        report.version = dialect.version
        report.time_unit = _UNITS[dialect.unit] if dialect.timed else None
        report.start = dialect.start
        report.notes.extend(dialect.notes)
        if dialect.delta:
            report.note("the stamps are differences to the line before; they were added up")

    def batches(self) -> Iterator[Frames]:
        """Yield the log's frames, batch by batch."""
        view = self._buffer.data
        carried = size = 0
        while not self._log.final:
            read = self._source.readinto(view[carried : carried + self._chunk])
            self._log.final = read == 0
            size = carried + read
            used = yield from self._batches_of(size)
            carried = size - used
            self._buffer[:carried] = self._buffer[used:size]
            self._sync()
        if size and self._buffer[:size][-1] not in b"\r\n":
            self._report.note("the last line has no line end: it may be cut short")
        self._report.notes.extend(step_notes(self._report, self._log.back_from_ns, self._log.back_to_ns))

    def _batches_of(self, size: int) -> Generator[Frames, None, int]:
        """Yield the frames of the first *size* bytes of the buffer; return how many bytes were used up."""
        log = self._log
        used = 0
        while True:
            frames = self._columns(int((size - used) * self._frames_per_byte) + 64)
            log.text = self._buffer.ctypes.data + used
            log.text_size = size - used
            log.text_room = len(self._buffer) - used
            status = self._kernel(ctypes.byref(log))
            self._keep_examples(used)
            used += log.consumed
            if log.frames:
                self._keep_stamps(used - log.consumed)
                self._report.frames += log.frames
                self._sync()
                yield self._narrowed(frames[: log.frames])
            if status == Status.DONE:
                return used
            if status == Status.WIDE:
                log.width = _FD

    def _columns(self, room: int) -> Frames:
        """Return columns for the kernel to fill."""
        log = self._log
        frames = Frames(
            np.empty(room, np.int64),
            np.empty(room, np.uint8),
            np.empty(room, np.uint32),
            np.empty(room, np.uint8),
            np.empty((room, log.width), np.uint8),
        )
        for name in ("t_ns", "bus", "id", "size", "data"):
            column: npt.NDArray[np.generic] = getattr(frames, name)
            setattr(log, name, column.ctypes.data)
        log.room = room
        return frames

    def _narrowed(self, frames: Frames) -> Frames:
        """Give payloads 64 bytes each only where one needs them."""
        if frames.width == _CLASSIC or frames.size.max() > _CLASSIC:
            return frames
        data = np.ascontiguousarray(frames.data[:, :_CLASSIC])
        return Frames(frames.t_ns, frames.bus, frames.id, frames.size, data)

    def _keep_stamps(self, base: int) -> None:
        log, report = self._log, self._report
        if report.first_stamp is None and log.first_stamp_size:
            report.first_stamp = self._text(base + log.first_stamp_at, log.first_stamp_size)
        if log.last_stamp_size:
            report.last_stamp = self._text(base + log.last_stamp_at, log.last_stamp_size)

    def _keep_examples(self, base: int) -> None:
        problems = self._report.problems
        for i, kind in enumerate(KINDS):
            if kind and self._log.count[i]:
                problem = problems.setdefault(kind, Problem(kind))
                if not problem.example and self._log.example_size[i]:
                    at = base + self._log.example_at[i]
                    problem.example = escape(self._buffer[at : at + self._log.example_size[i]].tobytes())

    def _text(self, at: int, size: int) -> str:
        return self._buffer[at : at + size].tobytes().decode("latin-1")

    def _sync(self) -> None:
        """Bring the report up to what the kernel has counted."""
        log, report = self._log, self._report
        report.lines = log.lines
        for kind, problem in report.problems.items():
            i = KINDS.index(kind)
            problem.count = log.count[i]
            problem.first_lines = list(log.line[i][: min(problem.count, KEPT_LINES)])
        steps = report.backward_steps
        steps.count, steps.within_bus, steps.largest_ns = log.back_count, log.back_in_bus, log.back_ns
        steps.first_lines = list(log.back_line[: min(steps.count, KEPT_LINES)])
        report.buses = {i: log.name[i].value.decode("latin-1") for i in range(log.names)}
        report.bytes_read = self._source.position
        report.damage = self._source.damage
