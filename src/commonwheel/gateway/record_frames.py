"""Record frames from a live car: candump's text, compressed, in files that are rotated and appear whole.

A recorder that is killed leaves one ``.part`` file, of which every line but those of the last moment can be read; open
it like any other log.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import zstandard

from commonwheel.gateway.partfile import PartFile
from commonwheel.gateway.recorder import Bounds, Recorder, check_name
from commonwheel.gateway.rotation import Rotation
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs.write import write_candump
from commonwheel.wire.sent import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["FrameRecorder"]

_SYNC_S = 5.0
"""How often what was written is handed to the disk."""


class _LogFile:
    """One file of a recording."""

    def __init__(self, path: Path, interfaces: Mapping[int, str]) -> None:
        self._target = PartFile(path)
        self._interfaces = interfaces
        self._text = zstandard.ZstdCompressor(write_checksum=True).stream_writer(self._target.file, closefd=False)
        self._synced_s = time.monotonic()
        self.size = 0

    def write(self, frames: Frames) -> None:
        """Write frames so that they can be read whatever happens next to this process."""
        try:
            write_candump(self._text, frames, interfaces=self._interfaces)
            self._text.flush(zstandard.FLUSH_BLOCK)
        except zstandard.ZstdError as error:
            raise OSError(str(error)) from error
        self._target.file.flush()
        self.size = self._target.file.tell()
        if time.monotonic() - self._synced_s >= _SYNC_S:
            self._target.sync()
            self._synced_s = time.monotonic()

    def finish(self) -> None:
        """Give it its name."""
        try:
            self._text.flush(zstandard.FLUSH_FRAME)
        except zstandard.ZstdError as error:
            raise OSError(str(error)) from error
        self.size = self._target.file.tell()
        self._target.finish()

    def abandon(self) -> int:
        """Leave it as it is: what was written before can be read."""
        self._target.abandon()
        return 0


class FrameRecorder(Recorder[Frames]):
    """Writes frames, times in nanoseconds UTC, to ``<directory>/<prefix>-<UTC time>-<number>.log.zst``."""

    def __init__(
        self,
        directory: Path,
        rotation: Rotation | None = None,
        *,
        prefix: str = "frames",
        interfaces: Mapping[int, str] | None = None,
        queue_frames: int = 500_000,
    ) -> None:
        """Start to record; the first file is begun with the first frame.

        Args:
            directory: where to; made when it is not there.
            rotation: when a file is ended.
            prefix: what the files' names begin with.
            interfaces: bus number to the name in the log; default ``can<bus>``.
            queue_frames: most frames that wait to be written.

        Raises:
            OutputError: nothing can be written there, or a bound or a name cannot be used.
        """
        names = dict(interfaces or {})
        for name in names.values():
            check_name(name)
        self._sent = np.array([number for number, name in names.items() if name.endswith(SUFFIX)], np.uint8)
        bounds = Bounds(prefix, ".log.zst", "frames", queue_frames, rotation or Rotation())
        super().__init__(directory, bounds, lambda path: _LogFile(path, names))

    def _keep(self, rows: Frames) -> Frames:
        """Return frames of their own: who gave them may use the memory again."""
        return Frames(rows.t_ns.copy(), rows.bus.copy(), rows.id.copy(), rows.size.copy(), rows.data.copy(), rows.clock)

    def _join(self, batches: Sequence[Frames]) -> Sequence[Frames]:
        joined = Frames.concat(batches)
        mask = np.isin(joined.bus, self._sent)
        return [_merged(joined, mask) if mask.any() else joined]

    def _sift(self, rows: Frames) -> Frames:
        return rows[rows.t_ns >= 0]  # a log has no times before 1970


def _merged(frames: Frames, sent: npt.NDArray[np.bool_]) -> Frames:
    """Return frames with those that were sent from here, which are told of a moment later, where their times put them.

    The others stay in the order in which they came, even if the clock was set back meanwhile.
    """
    others, ours = np.flatnonzero(~sent), np.flatnonzero(sent)
    reached = np.maximum.accumulate(frames.t_ns[others])
    place = np.searchsorted(reached, frames.t_ns[ours], "right") - 0.5
    order = np.argsort(np.concatenate([np.arange(len(others), dtype=np.float64), place]), kind="stable")
    return frames[np.concatenate([others, ours])[order]]
