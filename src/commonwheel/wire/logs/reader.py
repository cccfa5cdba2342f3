"""Open a log, whatever its format: recognised by content, read in chunks, with a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from commonwheel.errors import LogError
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs.clock import on_its_clock
from commonwheel.wire.logs.dialects import TEXT_FORMATS, recognise_text
from commonwheel.wire.logs.report import LogFormat, LogReport, escape
from commonwheel.wire.logs.source import Source
from commonwheel.wire.logs.text import TextDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["CHUNK_BYTES", "LogReader", "open_log", "read_log"]

CHUNK_BYTES = 8 * 1024 * 1024
_BYTES_PER_ROW = 64
"""A chunk of a format without lines has a row for each of so many bytes."""
_BINARY = {
    b"LOGG": LogFormat.VECTOR_BLF,
    b"MDF     ": LogFormat.MDF4,
    b"UnFinMF ": LogFormat.MDF4,
    b"PK\x03\x04": LogFormat.COLUMNS,
}
_SEEKING = (LogFormat.MDF4, LogFormat.COLUMNS)
"""Formats that cannot be read while they are unpacked."""


class _Decoder(Protocol):
    def batches(self) -> Iterator[Frames]: ...


class LogReader:
    """An iterator of ``Frames``, and a context manager; ``open_log`` makes it."""

    def __init__(self, report: LogReport, frames: Iterator[Frames], source: Source | None) -> None:
        self.report = report
        """Valid as far as the log was read, final once the iterator is exhausted."""
        self._frames = frames
        self._source = source

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frames:
        return next(self._frames)

    def close(self) -> None:
        """Close the file; what was read stays."""
        self._frames = iter(())
        if self._source is not None:
            self._source.close()


def open_log(path: str | Path, *, chunk_bytes: int = CHUNK_BYTES) -> LogReader:
    """Open a log of any known format, compressed or not.

    Args:
        path: the file, or a folder of numpy columns.
        chunk_bytes: how much of the log is read at a time; memory grows with it, not with the log.

    Raises:
        LogError: the file is missing, empty, unreadable or in no known format.
        MissingExtraError: the format needs a part of the installation that is not there.
    """
    path = Path(path)
    chunk_bytes = max(1, chunk_bytes)
    if path.is_dir():
        return _open_columns(path, chunk_bytes)
    if path.exists() and not path.is_file():
        message = f"{path}: is no regular file; save the log to one first"
        raise LogError(message)
    source = Source(path)
    try:
        return _open_file(source, chunk_bytes)
    except BaseException:
        source.close()
        raise


def read_log(path: str | Path) -> tuple[Frames, LogReport]:
    """Read a whole log into one batch.

    Raises:
        LogError: as ``open_log``.
    """
    with open_log(path) as reader:
        batches = list(reader)
        frames = Frames.concat(batches) if batches else Frames.empty(clock=reader.report.clock)
        return frames, reader.report


def _open_file(source: Source, chunk_bytes: int) -> LogReader:
    head = source.head()
    binary = next((kind for magic, kind in _BINARY.items() if head.startswith(magic)), None)
    if binary in _SEEKING and source.compression:
        message = (
            f"{source.path}: {binary.value} cannot be read while it is unpacked; undo the {source.compression} first"
        )
        raise LogError(message)
    if binary is LogFormat.COLUMNS:
        source.close()
        return _open_columns(source.path, chunk_bytes)
    dialect = None if binary else recognise_text(head)
    kind = binary or (dialect.format if dialect else None)
    if kind is None:
        raise LogError(_not_recognised(source, head))
    report = LogReport(str(source.path), kind, compression=source.compression, bytes_total=source.size)
    timed, local = True, True
    decoder: _Decoder
    if dialect:
        decoder = TextDecoder(source, dialect, report, chunk_bytes)
        timed, local = dialect.timed, dialect.local
    elif binary is LogFormat.VECTOR_BLF:
        from commonwheel.wire.logs.blf import BlfDecoder

        decoder = BlfDecoder(source, report, _rows(chunk_bytes))
    else:
        from commonwheel.wire.logs.mdf import MdfDecoder

        decoder = MdfDecoder(source.path, report, _rows(chunk_bytes))
        local = decoder.local
    return LogReader(report, on_its_clock(decoder.batches(), report, timed=timed, local=local), source)


def _open_columns(path: Path, chunk_bytes: int) -> LogReader:
    from commonwheel.wire.logs.arrays import ArrayDecoder

    report = LogReport(str(path), LogFormat.COLUMNS)
    decoder = ArrayDecoder(path, report, _rows(chunk_bytes))
    return LogReader(report, on_its_clock(decoder.batches(), report, timed=True, local=False), None)


def _rows(chunk_bytes: int) -> int:
    return max(1, chunk_bytes // _BYTES_PER_ROW)


def _not_recognised(source: Source, head: bytes) -> str:
    first = next(filter(None, head.replace(b"\r", b"\n").split(b"\n")), b"")
    damage = f" ({source.damage})" if source.damage else ""
    tried = ", ".join(dict.fromkeys(kind.value for kind in (*TEXT_FORMATS, *_BINARY.values())))
    return (
        f"{source.path}: not recognised as a log{damage}; tried {tried}. It begins '{escape(first)}'. "
        "Convert it to one of these"
    )
