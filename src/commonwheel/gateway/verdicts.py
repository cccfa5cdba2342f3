"""The record of what the guard said: every verdict, transition and step of a request, kept and counted.

The last ones are kept in memory, and what requests come to apart from the rest: whoever asks much pushes nothing out of
what the guard did, and of who armed the car. All of them go to a file where one is asked for, one JSON object a line,
written by a thread of its own, so that who acts never waits for a disk. A file that grows too large or too old is put
aside as ``name.1``, ``name.2`` and so on, the newest first.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import logging
import math
import queue
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from commonwheel.errors import OutputError
from commonwheel.gateway.rotation import Rotation
from commonwheel.gateway.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TextIO

__all__ = ["Said", "VerdictFile", "Verdicts"]

_LOG = logging.getLogger(__name__)
DEPTH = 10_000
"""What is kept in memory, at most: so many steps and refusals of requests, and as many of all else."""
_OF_REQUESTS = frozenset({"progress", "refusal"})
MOST_WAITING = 100_000
"""What may wait to be written; more is lost, counted and said."""
MOST_FILES = 20
"""Files that are kept, the one that is written among them."""
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the record."""

    t_ns: int
    """Nanoseconds UTC."""
    kind: str
    """``verdict``, ``transition``, ``progress``, ``refusal`` or ``arming``."""
    facts: Mapping[str, object]


_Numbered = tuple[int, Said]
"""What was said, by its place among all."""


class Verdicts:
    """One car's record. May be used from any thread."""

    def __init__(self, file: VerdictFile | None = None, *, car: str = "") -> None:
        """Keep no more than in memory, unless there is a *file*."""
        self._file, self._car = file, car
        self._last: deque[_Numbered] = deque(maxlen=DEPTH)
        self._asked: deque[_Numbered] = deque(maxlen=DEPTH)
        self._number = 0
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, t_ns: int, kind: str, rule: str, /, **facts: object) -> None:
        """Take in one; *rule* is the one that decided, by which it is counted."""
        said = Said(t_ns, kind, {"rule": rule, **facts})
        with self._lock:
            self._number += 1
            (self._asked if kind in _OF_REQUESTS else self._last).append((self._number, said))
            self._counts[str(facts.get("outcome", kind)), rule] += 1
        if self._file is not None:
            self._file.write({"t_ns": t_ns, "car": self._car, "kind": kind, **said.facts})

    def last(self, count: int | None = None) -> list[Said]:
        """Return the last ones, the oldest first."""
        kept = self.since(0, 2 * DEPTH)[0]
        return kept if count is None else kept[-count:] if count else []

    def since(self, count: int, most: int) -> tuple[list[Said], int]:
        """Return what came after the first *count*, the last *most* of it, and how many there were by now."""
        with self._lock:
            parts = [_after(kept, count) for kept in (self._last, self._asked)]
            number = self._number
        fresh = [said for _, said in heapq.merge(*parts, key=itemgetter(0))]
        return fresh[-most:] if most > 0 else [], number

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many there were, by kind (of a verdict: its outcome) and rule."""
        with self._lock:
            return dict(self._counts)


def _after(kept: deque[_Numbered], count: int) -> list[_Numbered]:
    """Return what came after the first *count*, the oldest first."""
    fresh = list(itertools.takewhile(lambda one: one[0] > count, reversed(kept)))
    fresh.reverse()
    return fresh


class VerdictFile(Worker):
    """Writes records of all cars of a service to one file, in a thread of its own; ``start``, then ``close`` it."""

    def __init__(self, path: Path, rotation: Rotation | None = None) -> None:
        """Open the file, to go on at its end.

        Raises:
            OutputError: it cannot be written.
        """
        super().__init__("verdicts")
        self.path, self._rotation = path, rotation or Rotation()
        self._waiting: queue.Queue[Mapping[str, object] | None] = queue.Queue(MOST_WAITING)
        self.lost = 0
        """Lines that were not written."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("a", encoding="utf-8")
        except OSError as error:
            message = f"{path}: verdicts cannot be written there: {error.strerror or error}"
            raise OutputError(message) from error
        self._began = time.monotonic()
        self._grows = False
        """Whether it was said that it cannot be put aside."""

    def write(self, facts: Mapping[str, object]) -> None:
        """Have a line written, soon; does not wait."""
        try:
            self._waiting.put_nowait(facts)
        except queue.Full:
            self._lose(1, "what is said comes faster than it can be written")

    def close(self, seconds: float = 5.0) -> bool:
        """Write what waits, and end; returns whether that was done in time."""
        self.stop()
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        return self.join(seconds)

    def _run(self) -> None:
        try:
            while True:
                batch = self._batch()
                self._put(batch)
                if not batch and self._stop.is_set():
                    return
        finally:
            with contextlib.suppress(OSError):
                self._file.close()

    def _batch(self) -> list[Mapping[str, object]]:
        """Return what waits; waits a little for the first."""
        found: list[Mapping[str, object]] = []
        try:
            item = self._waiting.get(timeout=_LOOK_S)
            while True:
                if item is not None:
                    found.append(item)
                item = self._waiting.get_nowait()
        except queue.Empty:
            return found

    def _put(self, batch: list[Mapping[str, object]]) -> None:
        if not batch:
            return
        try:
            if self._file.closed:  # it could not be put aside, or begun anew
                self._file = self.path.open("a", encoding="utf-8")
            self._file.writelines(f"{json.dumps(_plain(facts), default=str)}\n" for facts in batch)
            self._file.flush()
        except (OSError, ValueError) as error:
            self._lose(len(batch), str(error))
            return
        try:
            self._turn()
        except OSError as error:
            if not self._grows:
                _LOG.warning("%s: it cannot be put aside, and grows: %s", self.path, error.strerror or error)
            self._grows = True

    def _turn(self) -> None:
        """Put the file aside when it is large or old enough."""
        old = time.monotonic() - self._began > self._rotation.age_s
        if not old and self._file.tell() < self._rotation.size_bytes:
            return
        self._file.close()
        for number in range(MOST_FILES - 1, 0, -1):
            earlier = self._aside(number - 1) if number > 1 else self.path
            if earlier.exists():
                earlier.replace(self._aside(number))
        self._file = self.path.open("a", encoding="utf-8")
        self._began = time.monotonic()

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _lose(self, count: int, why: str) -> None:
        if not self.lost:
            _LOG.error("%s: verdicts are lost, said once: %s", self.path, why)
        self.lost += count


def _plain(facts: Mapping[str, object]) -> Mapping[str, object]:
    """Return facts as JSON can hold them: no number stands for NaN and infinities."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in facts.items()
    }
