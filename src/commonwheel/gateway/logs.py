"""Logs of a running service: one line per event, text or JSON, written by a thread of their own, never a flood.

What is logged with ``extra={...}`` comes out as fields. The same thing said again within a minute is counted, not
written, and so is everything beyond a number of lines of one kind. A reader of the log that stops reading costs
lines (counted as well), never the time of who logs.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import logging
import queue
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TextIO

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JsonFormatter", "LogFormat", "LogLevel", "Logs", "Repeats", "TextFormatter", "fields"]

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; all else is a field."""


class LogFormat(enum.Enum):
    """How lines look."""

    TEXT = "text"
    JSON = "json"


class LogLevel(enum.Enum):
    """Least weight of what is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """The number that ``logging`` has for it."""
        return logging.getLevelNamesMapping()[self.name]


def fields(**facts: object) -> dict[str, object]:
    """Return facts as ``extra`` takes them: under names that a record does not have for itself."""
    return {f"{key}_" if key in _PLAIN else key: value for key, value in facts.items()}


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _PLAIN}


def _time(record: logging.LogRecord) -> str:
    moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace(record: logging.LogRecord) -> str:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info else ""


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``time`` (UTC), ``level``, ``logger``, ``message``, the fields, ``trace``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((key, value) for key, value in _fields(record).items() if key not in line)
        if trace := _trace(record):
            line["trace"] = trace
        return msgspec.json.encode(line, enc_hook=str).decode()


class TextFormatter(logging.Formatter):
    """``time LEVEL logger: message (field=value ...)``, and the trace of an exception below it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        # A message from outside must not look like a second line.
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        told = " ".join(f"{key}={value}" for key, value in _fields(record).items() if value not in {"", None})
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {message}{f' ({told})' if told else ''}"
        trace = _trace(record)
        return f"{line}\n{trace}" if trace else line


@dataclass(slots=True)
class _Seen:
    since: float
    lines: int = 0
    held_back: int = 0


class Repeats(logging.Filter):
    """Lets the same text through once in a while, and at most so many lines of one kind (one message template).

    The next line of that kind says how many were held back, in the field ``held_back``.
    """

    def __init__(
        self, window_s: float = 60.0, most_of_a_kind: int = 60, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._window_s = window_s
        self._most = most_of_a_kind
        self._clock = clock
        self._kinds: dict[tuple[str, int, str], _Seen] = {}
        self._texts: dict[tuple[str, int, str], float] = {}
        self._guard = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a record; notes in it what was held back before."""
        kind = (record.name, record.levelno, str(record.msg))
        text = (record.name, record.levelno, f"{record.getMessage()} {_fields(record)}")
        with self._guard:
            now = self._clock()
            self._forget(now)
            seen = self._kinds.setdefault(kind, _Seen(now))
            if now - seen.since >= self._window_s:
                seen.since, seen.lines = now, 0
            if text in self._texts or seen.lines >= self._most:
                seen.held_back += 1
                return False
            self._texts[text] = now
            seen.lines += 1
            held, seen.held_back = seen.held_back, 0
        if held:
            record.held_back = held
        return True

    def _forget(self, now: float) -> None:
        """Drop texts that may be said again; they are in the order of their times."""
        while self._texts and (
            now - (first := next(iter(self._texts.items())))[1] >= self._window_s or len(self._texts) > _MOST_TEXTS
        ):
            del self._texts[first[0]]
        while len(self._kinds) > _MOST_TEXTS:
            del self._kinds[next(iter(self._kinds))]


_MOST_TEXTS = 4096


class _Writer(logging.Handler):
    """Formats records in the thread that logs and writes them in another, so that a full pipe stops nobody."""

    def __init__(self, stream: TextIO, waiting: int = 10_000) -> None:
        super().__init__()
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(waiting)
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="commonwheel-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record's line to the thread that writes."""
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self.lost += 1
        except Exception:  # noqa: BLE001 - as every logging handler: what cannot be formatted harms nobody
            self.handleError(record)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # the stream was closed or its disk is full
                self.lost += 1

    def finish(self, seconds: float) -> None:
        """Write what waits, for at most so long; the rest is given up."""
        end = time.monotonic() + seconds
        while not self._try_end():
            if time.monotonic() < end:
                time.sleep(0.01)
                continue
            with contextlib.suppress(queue.Empty):
                self._lines.get_nowait()
                self.lost += 1
        self._thread.join(max(0.0, end - time.monotonic()))

    def _try_end(self) -> bool:
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return False
        return True


class Logs:
    """The process's logging while a service runs. Use as a context manager, or ``close`` it."""

    def __init__(
        self, form: LogFormat = LogFormat.TEXT, level: int = logging.INFO, stream: TextIO | None = None
    ) -> None:
        """Take over the process's logging.

        Args:
            form: text or JSON.
            level: least level of this package's loggers; of all others warnings are shown.
            stream: standard error unless given.
        """
        self._writer = _Writer(sys.stderr if stream is None else stream)
        self._writer.setFormatter(JsonFormatter() if form is LogFormat.JSON else TextFormatter())
        self._writer.addFilter(Repeats())
        self._root, self._own = logging.getLogger(), logging.getLogger("commonwheel")
        self._before = (self._root.handlers[:], self._root.level, self._own.level)
        self._root.handlers[:] = [self._writer]
        self._root.setLevel(max(level, logging.WARNING))
        self._own.setLevel(level)
        logging.captureWarnings(capture=True)

    @property
    def lost(self) -> int:
        """Lines that could not be written."""
        return self._writer.lost

    def close(self, seconds: float = 1.0) -> None:
        """Give the logging back as it was; what waits is written, for at most so long."""
        logging.captureWarnings(capture=False)
        handlers, level, own = self._before
        self._root.handlers[:] = handlers
        self._root.setLevel(level)
        self._own.setLevel(own)
        self._writer.finish(seconds)
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
