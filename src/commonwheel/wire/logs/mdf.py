"""ASAM MDF4 bus logging, read through asammdf: its groups of CAN records, merged in order of time.

A group is read a piece at a time. What is merged reaches as far as the group that was read the least
far, so that memory stays bounded and a group's own order is kept.
"""

from __future__ import annotations

import contextlib
import logging
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.errors import LogError, MissingExtraError
from commonwheel.wire.frames import EXTENDED_FLAG, ID_MASK, REMOTE_FLAG, Frames
from commonwheel.wire.logs.binding import KINDS
from commonwheel.wire.logs.records import Rows, flag_ids, mark, to_ns
from commonwheel.wire.logs.report import LineKind, LogReport

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["MdfDecoder"]

_DATA, _REMOTE, _ERROR = "CAN_DataFrame", "CAN_RemoteFrame", "CAN_ErrorFrame"
_KINDS = {_DATA: None, _REMOTE: None, _ERROR: LineKind.BUS_ERROR, "CAN_OverloadFrame": LineKind.STATUS}
_CLASSIC, _FD = 8, 64
_DLC_BYTES = np.array([*range(9), 12, 16, 20, 24, 32, 48, 64], np.int64)
_HEADER_BYTES = 64 + 104
_LAST_START_NS = 2**62
_LOCAL_TIME = 1
"""Flag of the header: its start is in a time zone that is not stated."""


@dataclass(slots=True)
class _Records:
    """Records of one or more groups, in the order they are to be taken."""

    frames: Frames
    kinds: npt.NDArray[np.uint8]
    stamps: npt.NDArray[np.float64]
    order: npt.NDArray[np.int64]
    """What to sort by: the latest time up to each record, which keeps a group's own order."""

    def __getitem__(self, index: slice | npt.NDArray[np.intp]) -> _Records:
        return _Records(self.frames[index], self.kinds[index], self.stamps[index], self.order[index])

    @classmethod
    def concat(cls, parts: Sequence[_Records]) -> _Records:
        return cls(
            Frames.concat([part.frames for part in parts]),
            np.concatenate([part.kinds for part in parts]),
            np.concatenate([part.stamps for part in parts]),
            np.concatenate([part.order for part in parts]),
        )


class MdfDecoder:
    """Reads the CAN records of one MDF4 file."""

    def __init__(self, path: Path, report: LogReport, batch: int) -> None:
        """Open the file and find its groups of CAN records.

        Raises:
            MissingExtraError: asammdf is not installed.
            LogError: the file cannot be read, or holds no CAN bus logging.
        """
        try:
            import asammdf
        except ImportError as error:
            feature = "an MDF4 log"
            raise MissingExtraError(feature, "mf4") from error
        self._report = report
        self._batch = batch
        finished = _check_header(path)
        self._stream = path.open("rb")
        try:
            # asammdf repairs a file that was not finished, in a copy, and for that it needs the path.
            with _silence():
                self._mdf: Any = asammdf.MDF(self._stream if finished else path)
                groups = _can_groups(self._mdf)
        except Exception as error:  # asammdf raises whatever a damaged file makes it stumble over
            _give_up(error)
            self._stream.close()
            raise LogError(_damaged(path, str(error) or type(error).__name__)) from error
        header = self._mdf.header
        self.local = bool(header.time_flags & _LOCAL_TIME)
        if not groups:
            self._close()
            message = f"{path}: the MDF file holds no CAN bus logging, only signals; export its raw CAN frames"
            raise LogError(message)
        report.version = str(self._mdf.version)
        if self.local:
            report.start = header.start_time.isoformat(" ", "milliseconds")
        start_ns = int(header.abs_time) if int(header.abs_time) < _LAST_START_NS else 0
        self._groups = [_Group(self._mdf, index, name, total, start_ns) for index, name, total in groups]

    def batches(self) -> Iterator[Frames]:
        """Yield the log's frames, batch by batch."""
        rows = Rows(self._report, "s")
        total = sum(group.total for group in self._groups)
        merged = self._merged()
        try:
            while True:
                with _silence():
                    records = next(merged, None)
                if records is None:
                    break
                frames = rows.take(records.frames, records.kinds, records.stamps)
                self._report.bytes_read = self._report.bytes_total * self._report.lines // max(1, total)
                if len(frames):
                    yield frames
        except Exception as error:  # noqa: BLE001 - as above
            self._report.damage = f"the MDF4 file is damaged: {error or type(error).__name__}"
        finally:
            self._close()
        rows.end()

    def _close(self) -> None:
        self._mdf.close()
        self._stream.close()

    def _merged(self) -> Iterator[_Records]:
        while True:
            for group in self._groups:
                group.refill(max(1, self._batch // len(self._groups)))
            held = [group for group in self._groups if group.held is not None]
            if not held:
                return
            unfinished = [int(group.last) for group in held if group.unread]
            parts = [part for group in held if (part := group.until(min(unfinished, default=None))) is not None]
            records = _Records.concat(parts)
            yield records if len(parts) == 1 else records[np.argsort(records.order, kind="stable")]


class _Group:
    """One channel group, read a piece at a time."""

    def __init__(self, mdf: Any, index: int, name: str, total: int, start_ns: int) -> None:  # noqa: ANN401 - asammdf is untyped
        self.total = total
        self.held: _Records | None = None
        self._mdf = mdf
        self._index = index
        self._name = name
        self._start_ns = start_ns
        self._read = 0
        self._latest = np.iinfo(np.int64).min

    @property
    def unread(self) -> int:
        return self.total - self._read

    @property
    def last(self) -> int:
        return int(self.held.order[-1]) if self.held else 0

    def refill(self, n: int) -> None:
        """Read the next *n* records if none are held."""
        if self.held is not None or not self.unread:
            return
        n = min(n, self.unread)
        signal = self._mdf.get(self._name, group=self._index, record_offset=self._read, record_count=n, raw=True)
        self._read += n
        frames, kinds = _to_frames(signal.samples, signal.timestamps, self._name, self._start_ns)
        order = np.maximum(np.maximum.accumulate(frames.t_ns), self._latest)
        self._latest = order[-1]
        self.held = _Records(frames, kinds, np.asarray(signal.timestamps, np.float64), order)

    def until(self, limit: int | None) -> _Records | None:
        """Give up the records held, up to a time."""
        held = self.held
        if held is None:
            return None
        n = len(held.order) if limit is None else int(np.searchsorted(held.order, limit, "right"))
        self.held = held[n:] if n < len(held.order) else None
        return held[:n] if n else None


def _give_up(error: Exception) -> None:
    """Close the file that asammdf failed to open, lest it fail once more, on the terminal, as it goes away."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        close = getattr(frame.f_locals.get("self"), "close", None)
        if close is not None:
            with contextlib.suppress(Exception):
                close()


@contextlib.contextmanager
def _silence() -> Generator[None]:
    """Keep asammdf from writing to the terminal; what is wrong is in the report or the error."""
    logger = logging.getLogger("asammdf")
    was, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = was


def _damaged(path: Path, why: str) -> str:
    return f"{path}: cannot be read as MDF4 ({why}); check how it was copied"


def _check_header(path: Path) -> bool:
    """Refuse what is no MDF4 from the start; return whether the file was finished."""
    with path.open("rb") as stream:
        start = stream.read(_HEADER_BYTES)
    if not start[8:].startswith(b"4."):
        version = start[8:12].decode("ascii", "replace").strip()
        message = f"{path}: MDF version {version} holds no raw CAN frames; export them as MDF4 or in another format"
        raise LogError(message)
    if len(start) < _HEADER_BYTES or start[64:68] != b"##HD":
        raise LogError(_damaged(path, "there is no header block"))
    return start.startswith(b"MDF")


def _can_groups(mdf: Any) -> list[tuple[int, str, int]]:  # noqa: ANN401 - asammdf is untyped
    """Return (index, name of the records, their number) of each group of CAN records."""
    from asammdf.blocks import v4_constants

    found: list[tuple[int, str, int]] = []
    for index, group in enumerate(mdf.groups):
        block = group.channel_group
        source = block.acq_source
        is_can = (
            block.flags & v4_constants.FLAG_CG_BUS_EVENT and source and source.bus_type == v4_constants.BUS_TYPE_CAN
        )
        name = next((channel.name for channel in group.channels if channel.name in _KINDS), None)
        if is_can and name and block.cycles_nr:
            found.append((index, name, int(block.cycles_nr)))
    return found


def _to_frames(
    samples: npt.NDArray[Any], stamps: npt.NDArray[np.float64], name: str, start_ns: int
) -> tuple[Frames, npt.NDArray[np.uint8]]:
    """Return one row per record, and what each is; ``samples`` is a structure of named fields."""
    n = len(stamps)
    fields = samples.dtype.names or ()

    def column(field: str, default: int = 0) -> npt.NDArray[np.int64]:
        full = f"{name}.{field}"
        return samples[full].astype(np.int64) if full in fields else np.full(n, default, np.int64)

    kinds = np.zeros(n, np.uint8)
    if kind := _KINDS[name]:
        kinds[:] = KINDS.index(kind)
    raw_ids, bus = column("ID"), column("BusChannel")
    extended = column("IDE") != 0 if f"{name}.IDE" in fields else raw_ids & EXTENDED_FLAG != 0
    mark(kinds, bus > np.iinfo(np.uint8).max, LineKind.BAD_BUS)
    ids = flag_ids(raw_ids & ID_MASK, extended, kinds)
    size = column("DataLength") if f"{name}.DataLength" in fields else _DLC_BYTES[column("DLC") & 15]
    data = np.zeros((n, _CLASSIC), np.uint8)
    if name == _DATA and f"{name}.DataBytes" in fields:
        data = np.atleast_2d(samples[f"{name}.DataBytes"].astype(np.uint8))
    if name == _REMOTE:
        ids |= np.uint32(REMOTE_FLAG)
        size = np.minimum(column("DLC"), _CLASSIC)
    else:
        mark(kinds, size > min(_FD, data.shape[1]), LineKind.MISMATCH)
    width = _CLASSIC if size.max() <= _CLASSIC else _FD
    payload = np.zeros((n, width), np.uint8)
    payload[:, : data.shape[1]] = data[:, :width]
    payload[np.arange(width) >= (size if name == _DATA else np.zeros(n))[:, None]] = 0
    return Frames(
        start_ns + to_ns(stamps, kinds), bus.astype(np.uint8), ids, np.minimum(size, _FD).astype(np.uint8), payload
    ), kinds
