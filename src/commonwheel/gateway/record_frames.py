"""Record frames from a live car: candump's text, compressed, in files that are rotated and appear whole.

``put`` never waits: what it is given goes into a bounded queue, from which a thread writes. When the disk is slower
than the buses, what does not fit is dropped and counted. A recorder that is killed leaves one ``.part`` file, of which
every line but those of the last moment can be read; open it like any other log.
"""

from __future__ import annotations

import logging
import re
import tempfile
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import zstandard

from commonwheel.errors import OutputError
from commonwheel.gateway.partfile import PartFile
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs.write import write_candump

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

__all__ = ["FrameRecorder"]

_LOG = logging.getLogger(__name__)
_GATHER_S = 0.5
"""How long frames gather before they are written: few large writes cost less, and a kill loses no more than this."""
_SYNC_S = 5.0
"""How often what was written is handed to the disk."""
_RETRY_S = 1.0
"""How long to leave a disk alone that refused."""
_SLICE = 16_384
"""Frames that are written between looks at the file's size."""
_NAME = re.compile(r"[^\s()#/]+")


class _LogFile:
    """One file of a recording."""

    def __init__(self, path: Path, interfaces: Mapping[int, str]) -> None:
        self._target = PartFile(path)
        self._interfaces = interfaces
        self._text = zstandard.ZstdCompressor(write_checksum=True).stream_writer(self._target.file, closefd=False)
        self.path = path
        self.opened_s = self._synced_s = time.monotonic()
        self.size = 0
        """Bytes written so far."""

    def write(self, frames: Frames) -> None:
        """Write frames so that they can be read whatever happens next to this process."""
        write_candump(self._text, frames, interfaces=self._interfaces)
        self._text.flush(zstandard.FLUSH_BLOCK)
        self._target.file.flush()
        self.size = self._target.file.tell()
        if time.monotonic() - self._synced_s >= _SYNC_S:
            self._target.sync()
            self._synced_s = time.monotonic()

    def finish(self) -> None:
        """Give it its name."""
        self._text.flush(zstandard.FLUSH_FRAME)
        self.size = self._target.file.tell()
        self._target.finish()

    def abandon(self) -> None:
        """Leave it as it is."""
        self._target.abandon()


class FrameRecorder:
    """Writes frames to ``<directory>/<prefix>-<UTC time>-<number>.log.zst``. May be given frames from any thread."""

    def __init__(
        self,
        directory: Path,
        *,
        rotate_bytes: int = 256 * 1024 * 1024,
        rotate_s: float = 3600.0,
        prefix: str = "frames",
        interfaces: Mapping[int, str] | None = None,
        queue_frames: int = 500_000,
    ) -> None:
        """Start to record; the first file is begun with the first frame.

        Args:
            directory: where to; made when it is not there.
            rotate_bytes: a file is ended when it is larger (compressed) ...
            rotate_s: ... or older than this, in seconds.
            prefix: what the files' names begin with.
            interfaces: bus number to the name in the log; default ``can<bus>``.
            queue_frames: most frames that wait to be written.

        Raises:
            OutputError: nothing can be written there, or a bound or a name cannot be used.
        """
        names = dict(interfaces or {})
        _check(directory, prefix, names, {"rotate_bytes": rotate_bytes, "rotate_s": rotate_s, "queue": queue_frames})
        self._directory, self._prefix, self._interfaces = directory, prefix, names
        self._rotate_bytes, self._rotate_s, self._room = rotate_bytes, rotate_s, queue_frames
        self._queue: deque[Frames] = deque()
        self._queued = self._written = self._dropped = self._bytes = self._files = self._number = 0
        self._current: _LogFile | None = None
        self._retry_s = 0.0
        self._fault = ""
        self._closing = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"record-{prefix}", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str:
        """Why nothing can be written at the moment; empty when all is well."""
        return self._fault

    def put(self, frames: Frames) -> None:
        """Record a batch, times in nanoseconds UTC; what there is no room for is dropped and counted."""
        n = len(frames)
        kept = _copy(frames)
        with self._change:
            fits = 0 if self._closing else min(self._room - self._queued, n)
            if fits < n:
                self._note_drops(n - fits)
            if fits <= 0:
                return
            begins = not self._queued
            self._queue.append(kept if fits == n else kept[:fits])
            self._queued += fits
            if begins or self._in_a_hurry():
                self._change.notify_all()

    def _note_drops(self, count: int) -> None:
        if not self._dropped:
            _LOG.warning("recording to %s: frames are dropped, as the disk is slower than the buses", self._directory)
        self._dropped += count

    def close(self, timeout_s: float = 30.0) -> None:
        """Write what waits, and end the file; waits at most so long for the disk."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _LOG.error("recording to %s: the disk does not answer; %d frames are lost", self._directory, self._queued)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def facts(self) -> dict[str, float]:
        """Return counts.

        ``frames`` written, ``dropped``, ``queued``; ``files`` ended, ``bytes`` of them and of the one under way.
        """
        with self._change:
            current = self._current
            return {
                "frames": float(self._written),
                "dropped": float(self._dropped),
                "queued": float(self._queued),
                "files": float(self._files),
                "bytes": float(self._bytes + (0 if current is None else current.size)),
            }

    # ---- the thread that writes -------------------------------------------------------------------------------------

    def _in_a_hurry(self) -> bool:
        return self._closing or self._queued >= self._room // 4

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._queued or self._closing, self._idle_s())
                self._change.wait_for(self._in_a_hurry, _GATHER_S if self._queued else 0)
                batches, closing = list(self._queue), self._closing
                self._queue.clear()
            self._write(batches)
            self._rotate(end=closing)
            if closing:
                return

    def _idle_s(self) -> float | None:
        """How long there is nothing to do when no frames come: until the file has to be ended."""
        if self._current is None:
            return None
        return max(0.0, self._current.opened_s + self._rotate_s - time.monotonic())

    def _write(self, batches: list[Frames]) -> None:
        """Write batches, joined, in slices."""
        joined = Frames.concat(batches)
        frames = joined[joined.t_ns >= 0]  # a log has no times before 1970
        with self._change:
            self._queued -= len(joined) - len(frames)
            self._dropped += len(joined) - len(frames)
        for start in range(0, len(frames), _SLICE):
            part = frames[start : start + _SLICE]
            done = self._write_slice(part)
            with self._change:
                self._queued -= len(part)
                self._written += len(part) if done else 0
                self._dropped += 0 if done else len(part)

    def _write_slice(self, frames: Frames) -> bool:
        if self._retry_s and time.monotonic() < self._retry_s and not self._closing:
            return False
        try:
            if self._current is None:
                self._current = self._begin()
            self._current.write(frames)
        except (OSError, zstandard.ZstdError) as error:
            self._fail(error)
            return False
        if self._fault:
            _LOG.warning("recording to %s goes on", self._directory)
        self._fault, self._retry_s = "", 0.0
        self._rotate()
        return True

    def _begin(self) -> _LogFile:
        while True:
            self._number += 1
            name = f"{self._prefix}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{self._number:04d}.log.zst"
            path = self._directory / name
            if path.exists():  # the clock was set back, or another recorder writes here
                continue
            try:
                return _LogFile(path, self._interfaces)
            except FileExistsError:
                continue

    def _rotate(self, *, end: bool = False) -> None:
        """End the file if it is large or old enough, or the recording is over."""
        current = self._current
        if current is None:
            return
        old = time.monotonic() - current.opened_s >= self._rotate_s
        if not (end or old or current.size >= self._rotate_bytes):
            return
        try:
            current.finish()
        except (OSError, zstandard.ZstdError) as error:
            self._fail(error)
            return
        with self._change:
            self._current = None
            self._files += 1
            self._bytes += current.size

    def _fail(self, error: Exception) -> None:
        """Leave the file under way, and the disk alone for a moment."""
        if not self._fault:
            _LOG.error("recording to %s fails: %s; it is tried again", self._directory, error)
        self._fault = str(error)
        self._retry_s = time.monotonic() + _RETRY_S
        current = self._current
        with self._change:
            self._current = None
        if current is not None:
            current.abandon()


def _check(directory: Path, prefix: str, interfaces: Mapping[int, str], bounds: Mapping[str, float]) -> None:
    for name, bound in bounds.items():
        if not bound > 0:
            message = f"recording: {name} has to be more than 0, not {bound}"
            raise OutputError(message)
    for name in (prefix, *interfaces.values()):
        if not _NAME.fullmatch(name):
            message = f"recording: {name!r} cannot be a name in a log; use one without spaces, '(', ')', '#' and '/'"
            raise OutputError(message)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        message = f"{directory}: nothing can be recorded there ({error.strerror or error})"
        raise OutputError(message) from error


def _copy(frames: Frames) -> Frames:
    """Return frames of their own: who gave them may use the memory again."""
    return Frames(
        frames.t_ns.copy(), frames.bus.copy(), frames.id.copy(), frames.size.copy(), frames.data.copy(), frames.clock
    )
