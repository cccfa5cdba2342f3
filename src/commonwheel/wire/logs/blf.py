"""Vector BLF, read through python-can, whose messages become columns.

The file says when the recording began but not in which time zone, so times count from the first frame.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.errors import LogError
from commonwheel.wire.frames import REMOTE_FLAG, Frames
from commonwheel.wire.logs.binding import KINDS
from commonwheel.wire.logs.records import Rows, flag_ids, mark, to_ns
from commonwheel.wire.logs.report import LineKind, LogReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import can
    from can.io.blf import BLFReader

    from commonwheel.wire.logs.source import Source

__all__ = ["BlfDecoder"]

_CLASSIC, _FD = 8, 64
_BUS_MAX = 255
_TAKE_BYTES = 1 << 20


class _Stream:
    """A source as python-can wants to read it."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self, n: int = -1) -> bytes:
        """Return the next *n* bytes, fewer at the end; a damaged file may ask for gigabytes."""
        parts: list[bytes] = []
        left = n if n >= 0 else 1 << 62
        while left:
            buffer = bytearray(min(left, _TAKE_BYTES))
            taken = self._source.readinto(memoryview(buffer))
            if not taken:
                break
            parts.append(bytes(buffer[:taken]))
            left -= taken
        return b"".join(parts)

    def close(self) -> None:
        """Leave closing to the reader of the log."""


class BlfDecoder:
    """Reads the CAN messages of one BLF file."""

    def __init__(self, source: Source, report: LogReport, batch: int) -> None:
        """Read the file's header.

        Raises:
            LogError: there is no whole header.
        """
        from can.io.blf import BLFParseError, BLFReader

        self._source = source
        self._report = report
        self._batch = batch
        self._faults = (BLFParseError, struct.error, zlib.error, ValueError, IndexError, OverflowError, MemoryError)
        try:
            self._reader: BLFReader = BLFReader(_Stream(source))  # pyright: ignore[reportArgumentType] - read is all it uses
        except self._faults as error:
            message = f"{source.path}: the header of the BLF file is damaged; check how it was copied"
            raise LogError(message) from error
        if self._reader.start_timestamp:
            start = datetime.fromtimestamp(self._reader.start_timestamp, UTC)
            report.start = start.replace(tzinfo=None).isoformat(" ", "milliseconds")
        # Times then stay small, so that python-can's floats hold them to the nanosecond.
        self._reader.start_timestamp = 0.0

    def batches(self) -> Iterator[Frames]:
        """Yield the log's frames, batch by batch."""
        rows = Rows(self._report, "s")
        messages = self._messages()
        while batch := list(itertools.islice(messages, self._batch)):
            self._report.bytes_read = self._source.position
            frames = _take(rows, batch)
            if len(frames):
                yield frames
        rows.end()
        self._report.damage = self._report.damage or self._source.damage
        self._report.bytes_read = self._source.position

    def _messages(self) -> Iterator[can.Message]:
        try:
            yield from self._reader
        except self._faults as error:
            place = self._source.position
            self._report.damage = (
                f"the BLF file is damaged before byte {place}: {error or 'no object where one has to be'}"
            )


def _take(rows: Rows, messages: Sequence[can.Message]) -> Frames:
    n = len(messages)
    kinds = np.zeros(n, np.uint8)
    stamps = np.array([message.timestamp for message in messages], np.float64)
    ids = np.array([message.arbitration_id for message in messages], np.int64)
    remote = np.array([message.is_remote_frame for message in messages], np.bool_)
    bus = np.array([_bus(message) for message in messages], np.int64)
    kinds[[message.is_error_frame for message in messages]] = KINDS.index(LineKind.BUS_ERROR)
    mark(kinds, bus > _BUS_MAX, LineKind.BAD_BUS)
    id_column = flag_ids(ids, np.array([message.is_extended_id for message in messages], np.bool_), kinds)
    id_column[remote] |= REMOTE_FLAG
    size = np.array([min(m.dlc, _CLASSIC) if m.is_remote_frame else len(m.data) for m in messages], np.int64)
    mark(kinds, size > _FD, LineKind.BAD_LENGTH)
    frames = Frames(
        to_ns(stamps, kinds),
        bus.astype(np.uint8),
        id_column,
        size.astype(np.uint8),
        np.zeros((n, _FD if size.max() > _CLASSIC else _CLASSIC), np.uint8),
    )
    for row, message in zip(frames.data, messages, strict=True):
        if not message.is_remote_frame:
            row[: len(message.data)] = message.data[:_FD]
    return rows.take(frames, kinds, stamps)


def _bus(message: can.Message) -> int:
    """Return the channel as the file numbers it; python-can counts from 0."""
    return int(message.channel or 0) + 1 if isinstance(message.channel, int) else 0
