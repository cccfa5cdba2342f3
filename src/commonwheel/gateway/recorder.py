"""A recorder: batches in from any thread, files out that are rotated and appear whole.

``put`` never waits unless it is told to: what it is given goes into a bounded queue, from which a thread writes. When
the disk is slower than the car, what does not fit is dropped and counted. What a file holds is its kind's business.
"""

from __future__ import annotations

import logging
import re
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from commonwheel.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from commonwheel.gateway.rotation import Rotation

__all__ = ["Bounds", "Facts", "RecordFile", "Recorder", "check_name", "is_name"]

_LOG = logging.getLogger(__name__)
_GATHER_S = 0.5
"""How long rows gather before they are written: few large writes cost less, and a kill loses no more than this."""
_RETRY_S = 1.0
"""How long to leave a disk alone that refused."""
_SLICE = 16_384
"""Rows that are written between looks at the file's size."""
_LONGEST_S = 3600.0
"""A longer wait is cut: a file that is ended by its size alone may be as old as it likes."""
_NAME = re.compile(r"[^\s()#/]+")


class Batch(Protocol):
    """Rows that can be cut."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __getitem__(self, index: slice, /) -> Any:  # noqa: ANN401 - a batch of the same kind
        """Return some of them."""
        ...


Rows = TypeVar("Rows", bound=Batch)
Rows_contra = TypeVar("Rows_contra", bound=Batch, contravariant=True)


class RecordFile(Protocol[Rows_contra]):
    """One file of a recording, under way. Errors are the system's own (OSError)."""

    size: int
    """Bytes so far."""

    def write(self, rows: Rows_contra, /) -> None:
        """Take rows in."""
        ...

    def finish(self) -> None:
        """Give it its name: it is whole."""
        ...

    def abandon(self) -> int:
        """Leave it as it is; returns how many rows that it took in nobody can read any more. Raises nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a recorder calls things, and how much it keeps in memory."""

    prefix: str
    suffix: str
    what: str
    """What is recorded, in words."""
    rows: int
    """Most rows that wait to be written."""
    rotation: Rotation


@dataclass(frozen=True, slots=True)
class Facts:
    """What a recorder did so far."""

    written: int
    """Rows that are in files, or in the one under way."""
    dropped: int
    """Rows that are in none: the disk was too slow, or refused."""
    queued: int
    files: int
    """Files that are whole."""
    size_bytes: int
    """Of those and of the one under way."""


class Recorder(Generic[Rows]):
    """Writes rows to ``<directory>/<prefix>-<UTC time>-<number><suffix>``. May be given rows from any thread."""

    def __init__(self, directory: Path, bounds: Bounds, begin: Callable[[Path], RecordFile[Rows]]) -> None:
        """Start to record; the first file is begun with the first rows.

        Args:
            directory: where to; made when it is not there.
            bounds: names, and how much.
            begin: begins a file. Raises FileExistsError when the name is taken.

        Raises:
            OutputError: nothing can be written there, or a bound or a name cannot be used.
        """
        _check(directory, bounds)
        self._directory, self._bounds, self._begin_file = directory, bounds, begin
        self._queue: deque[Rows] = deque()
        self._queued = self._written = self._dropped = self._bytes = self._number = 0
        self._files: list[Path] = []
        self._current: tuple[Path, RecordFile[Rows], float] | None = None
        """Name, file, and when it was begun (monotonic)."""
        self._retry_s = 0.0
        self._fault = ""
        self._closing = False
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"record-{bounds.prefix}", daemon=True)
        self._thread.start()

    # ---- what a kind of rows may do its own way ---------------------------------------------------------------------

    def _keep(self, rows: Rows) -> Rows:
        """Return rows that nobody changes any more."""
        return rows

    def _join(self, batches: Sequence[Rows]) -> Sequence[Rows]:
        """Return the same rows in as few batches as can be."""
        return batches

    def _sift(self, rows: Rows) -> Rows:
        """Return the rows that can be written at all; the others count as dropped."""
        return rows

    # ---- for everybody ----------------------------------------------------------------------------------------------

    @property
    def fault(self) -> str:
        """Why nothing can be written at the moment; empty when all is well."""
        return self._fault

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are whole, in order."""
        with self._change:
            return tuple(self._files)

    @property
    def counts(self) -> Facts:
        """What happened so far."""
        with self._change:
            size = 0 if self._current is None else self._current[1].size
            return Facts(self._written, self._dropped, self._queued, len(self._files), self._bytes + size)

    def put(self, rows: Rows, *, patience_s: float = 0.0) -> None:
        """Record a batch; what there is no room for within so many seconds is dropped and counted."""
        n = len(rows)
        kept = self._keep(rows)
        with self._change:
            if patience_s and n > self._bounds.rows - self._queued:
                self._change.wait_for(lambda: self._closing or n <= self._bounds.rows - self._queued, patience_s)
            fits = 0 if self._closing else min(self._bounds.rows - self._queued, n)
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
            _LOG.warning(
                "recording to %s: %s are dropped, as the disk is slower than they come",
                self._directory,
                self._bounds.what,
            )
        self._dropped += count

    def close(self, timeout_s: float = 30.0) -> None:
        """Write what waits, and end the file; waits at most so long for the disk."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            _LOG.error(
                "recording to %s: the disk does not answer; %d %s are lost",
                self._directory,
                self._queued,
                self._bounds.what,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- the thread that writes -------------------------------------------------------------------------------------

    def _in_a_hurry(self) -> bool:
        return self._closing or self._queued >= self._bounds.rows // 4

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
        """How long there is nothing to do when no rows come: until the file has to be ended."""
        if self._current is None:
            return None
        return min(max(0.0, self._current[2] + self._bounds.rotation.age_s - time.monotonic()), _LONGEST_S)

    def _write(self, batches: list[Rows]) -> None:
        """Write batches, joined, in slices."""
        for joined in self._join(batches):
            rows: Rows = self._sift(joined)
            self._count(0, len(joined) - len(rows))
            for start in range(0, len(rows), _SLICE):
                part = rows[start : start + _SLICE]
                done = self._write_slice(part)
                self._count(len(part) if done else 0, 0 if done else len(part))

    def _count(self, written: int, dropped: int) -> None:
        """Take note of rows that wait no more."""
        with self._change:
            self._queued -= written + dropped
            self._written += written
            self._dropped += dropped
            self._change.notify_all()

    def _write_slice(self, rows: Rows) -> bool:
        if self._retry_s and time.monotonic() < self._retry_s and not self._closing:
            return False
        try:
            if self._current is None:
                self._current = self._begin()
            self._current[1].write(rows)
        except OSError as error:
            self._fail(error)
            return False
        if self._fault:
            _LOG.warning("recording to %s goes on", self._directory)
        self._fault, self._retry_s = "", 0.0
        self._rotate()
        return True

    def _begin(self) -> tuple[Path, RecordFile[Rows], float]:
        bounds = self._bounds
        while True:
            self._number += 1
            name = f"{bounds.prefix}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{self._number:04d}{bounds.suffix}"
            path = self._directory / name
            if path.exists():  # the clock was set back, or another recorder writes here
                continue
            try:
                return path, self._begin_file(path), time.monotonic()
            except FileExistsError:
                continue

    def _rotate(self, *, end: bool = False) -> None:
        """End the file if it is large or old enough, or the recording is over."""
        if self._current is None:
            return
        path, current, opened_s = self._current
        old = time.monotonic() - opened_s >= self._bounds.rotation.age_s
        if not (end or old or current.size >= self._bounds.rotation.size_bytes):
            return
        try:
            current.finish()
        except OSError as error:
            self._fail(error)
            return
        with self._change:
            self._current = None
            self._files.append(path)
            self._bytes += current.size

    def _fail(self, error: OSError) -> None:
        """Leave the file under way, and the disk alone for a moment."""
        if not self._fault:
            _LOG.error("recording to %s fails: %s; it is tried again", self._directory, error)
        self._fault = str(error)
        self._retry_s = time.monotonic() + _RETRY_S
        with self._change:
            current, self._current = self._current, None
        lost = 0 if current is None else current[1].abandon()
        with self._change:
            self._written -= lost
            self._dropped += lost


def is_name(name: str) -> bool:
    """Whether a name can stand in a log."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> None:
    """Raise an OutputError for a name that a log, or a file's name, cannot have."""
    if not is_name(name):
        message = f"recording: {name!r} cannot be a name in a log; use one without spaces, '(', ')', '#' and '/'"
        raise OutputError(message)


def _check(directory: Path, bounds: Bounds) -> None:
    check_name(bounds.prefix)
    limits = {
        "a file's size": bounds.rotation.size_bytes,
        "a file's age": bounds.rotation.age_s,
        "the queue": bounds.rows,
    }
    for name, limit in limits.items():
        if not limit > 0:
            message = f"recording: {name} has to be more than 0, not {limit}"
            raise OutputError(message)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        message = f"{directory}: nothing can be recorded there ({error.strerror or error})"
        raise OutputError(message) from error
