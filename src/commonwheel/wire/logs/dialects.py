"""Text formats: how each is recognised, and what its header says about reading the rest.

In: the first bytes of a log. Out: a ``Dialect``, which is all that the kernels need to read its lines.
The name of a file says nothing. A format is recognised by lines that look like its own; the one with the
most of them wins, so that some broken lines at the beginning do no harm.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from commonwheel.wire.logs.report import LogFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["TEXT_FORMATS", "Dialect", "recognise_text"]

SECONDS, MILLISECONDS, MICROSECONDS = 9, 6, 3
"""Decimal places from a time's unit to nanoseconds."""
_LINES, _ALL_LINES = 400, 20_000
"""Lines that are looked at first; further ones only when none of them tells."""
_WIDTH = 500
"""Bytes of a line that are looked at."""
_MANY_LINES, _MANY_FALLS = 100, 0.1
"""Share of falling stamps from which they are taken for differences."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one text log is written."""

    format: LogFormat
    kernel: str
    """Which kernel reads it: candump, display, columns or asc."""
    layout: str = ""
    """The kernel's columns, with the letters of ``logs.c``."""
    unit: int = SECONDS
    timed: bool = True
    separator: str = ""
    decimal: bool = False
    delta: bool = False
    """Stamps are differences to the line before."""
    wrap_ns: int = 0
    """The format's clock starts over after this long."""
    local: bool = False
    """Stamps are dates in a time zone that is not stated."""
    version: str = ""
    start: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shape:
    """What lines of a format look like; a header counts as much as some frames."""

    format: LogFormat
    frame: re.Pattern[bytes]
    header: re.Pattern[bytes] | None
    dialect: Callable[[Sequence[bytes]], Dialect]


def recognise_text(head: bytes) -> Dialect | None:
    """Return the dialect of a log that begins with *head*, or None when no line looks like any."""
    all_lines = [line[:_WIDTH] for line in re.split(rb"\r\n|\r|\n", head)]
    for lines in (all_lines[:_LINES], all_lines[:_ALL_LINES]):
        scores = [(_score(shape, lines), -i, shape) for i, shape in enumerate(_SHAPES)]
        score, _, shape = max(scores, key=lambda row: row[:2])
        if score:
            return shape.dialect(lines)
    return None


def _score(shape: _Shape, lines: Sequence[bytes]) -> int:
    frames = sum(shape.frame.match(line) is not None for line in lines)
    headers = 0 if shape.header is None else sum(shape.header.match(line) is not None for line in lines)
    return frames + 10 * headers


def _first(pattern: bytes, lines: Sequence[bytes]) -> str | None:
    """Return the first group of the first line that matches."""
    compiled = re.compile(pattern, re.IGNORECASE)
    found = next(filter(None, map(compiled.match, lines)), None)
    return None if found is None else found[1].decode("latin-1").strip()


def _candump(lines: Sequence[bytes]) -> Dialect:
    return Dialect(LogFormat.CANDUMP, "candump", delta=_has_differences(lines))


def _display(lines: Sequence[bytes]) -> Dialect:
    stamp = _first(rb"\s*\(([^)]*)\)", lines)
    if stamp is None:
        return Dialect(LogFormat.CANDUMP_DISPLAY, "display", timed=False)
    if "-" in stamp:
        note = "the stamps are local times without a time zone"
        return Dialect(LogFormat.CANDUMP_DISPLAY, "display", "A", local=True, start=stamp, notes=(note,))
    return Dialect(LogFormat.CANDUMP_DISPLAY, "display", "O", delta=_has_differences(lines))


def _has_differences(lines: Sequence[bytes]) -> bool:
    """Tell candump -td, whose stamps are differences, by stamps that fall again and again and do not grow.

    The first difference of a recording is 0; a piece of one needs more lines to be told.
    """
    found = filter(None, (re.match(rb"\s*\((\d+\.\d+)\)", line) for line in lines))
    stamps = [float(match[1]) for match in found]
    falls = sum(a > b for a, b in itertools.pairwise(stamps))
    if not stamps or (stamps[0] > 0 and len(stamps) < _MANY_LINES):
        return False
    half = len(stamps) // 2
    later = sorted(stamps[half:])[(len(stamps) - half) // 2]
    return falls > 1 and falls >= _MANY_FALLS * len(stamps) and later <= max(stamps[:half])


_TRC_LAYOUTS = {
    "1.0": "NOILD",
    "1.1": "NOdILD",
    "1.2": "NOBdILD",
    "1.3": "NOBdIRLD",
    "2.0": "NOTIdlD",
    "2.1": "NOTBIdRLD",
}
_TRC_LETTERS = "NOTBIdRLlD"
_TRC_SHAPES = (
    ("1.3", rb"\s*(\d+\)\s+[\d.]+\s+\d+\s+[RTWE]\w+\s+[0-9A-F]+\s+-)"),
    ("1.2", rb"\s*(\d+\)\s+[\d.]+\s+\d+\s+[RTWE]\w+\s)"),
    ("1.1", rb"\s*(\d+\)\s+[\d.]+\s+[RTWE]\w+\s)"),
    ("1.0", rb"\s*(\d+\)\s+[\d.]+\s+[0-9A-F]+\s)"),
    ("2.1", rb"\s*(\d+\s+[\d.]+\s+[A-Z]{2}\s+\d+\s+\S+\s+[RT]x\s+-)"),
    ("2.0", rb"\s*(\d+\s+[\d.]+\s+[A-Z]{2}\s)"),
)


def _trc(lines: Sequence[bytes]) -> Dialect:
    columns = _first(rb";\$COLUMNS=(\S+)", lines)
    version = _first(rb";\$FILEVERSION=([\d.]+)", lines)
    shape = next((name for name, pattern in _TRC_SHAPES if _first(pattern, lines)), "1.1")
    notes: tuple[str, ...] = ()
    if columns and {"O", "I", "D"} <= set(columns.split(",")):
        layout = "".join(letter if letter in _TRC_LETTERS else "N" for letter in columns.split(","))
    else:
        layout = _TRC_LAYOUTS.get(version or shape, _TRC_LAYOUTS[shape])
    if version is None and shape != "1.0":  # version 1.0 does not state itself
        notes = ("the file does not state its version; its columns were taken from its lines",)
    days = _first(rb";\$STARTTIME=(\S+)", lines)
    return Dialect(
        LogFormat.PCAN_TRC,
        "columns",
        layout[:20],
        MILLISECONDS,
        version=version or shape,
        start=_days_to_date(days) if days else _first(rb";\s*Start time:\s*(.*)", lines),
        notes=notes,
    )


def _days_to_date(days: str) -> str | None:
    """Return days since the end of 1899, as spreadsheets count them, as a date to the millisecond."""
    try:
        milliseconds = round(Decimal(days) * 86_400_000)
        return (datetime(1899, 12, 30) + timedelta(milliseconds=milliseconds)).isoformat(" ", "milliseconds")  # noqa: DTZ001 - the zone is not stated
    except (InvalidOperation, OverflowError, ValueError):
        return None


def _asc(lines: Sequence[bytes]) -> Dialect:
    base = _first(rb"\s*base\s+(hex|dec)", lines)
    stamps = _first(rb"\s*base\s+\w+\s+timestamps\s+(absolute|relative)", lines)
    start = _first(rb"\s*begin\s+triggerblock\s+(.*)", lines) or _first(rb"\s*date\s+(.*)", lines)
    return Dialect(
        LogFormat.VECTOR_ASC,
        "asc",
        decimal=(base or "").lower() == "dec",
        delta=(stamps or "").lower() == "relative",
        version=_first(rb"\s*//\s*version\s+(\S+)", lines) or "",
        start=start,
    )


_CSV_LETTERS = {
    "timestamp": "O",
    "time": "O",
    "id": "i",
    "extended": "X",
    "ext": "X",
    "dir": "d",
    "bus": "B",
    "channel": "B",
    "len": "l",
    "length": "l",
    "dlc": "l",
}
_CSV_HEADER = rb"\s*(time[ _]?stamp[,;\t].*\bD[01]\b.*)"


def _gvret(lines: Sequence[bytes]) -> Dialect:
    header = _first(_CSV_HEADER, lines)
    frame = re.compile(rb"\s*(\d+(?:\.\d+)?)[,;\t].*")
    first = next(filter(None, map(frame.match, lines)), None)
    separator = next(
        (mark for mark in ",;\t" if mark in (header or (first[0].decode("latin-1") if first else ""))), ","
    )
    if header is None:
        width = 6 if first and re.search(rb"[,;\t][RT]x[,;\t]", first[0]) else 5
        layout = {6: "OiXdBlD", 5: "OiXBlD"}[width]
        notes = ("there is no header; its columns were taken from its lines",)
    else:
        layout, notes = _csv_layout(header.split(separator)), ()
    seconds = first is not None and b"." in first[1]
    unit = SECONDS if seconds else MICROSECONDS
    return Dialect(LogFormat.GVRET, "columns", layout, unit, "O" in layout, separator, notes=notes)


def _csv_layout(names: Sequence[str]) -> str:
    """Return the kernel's letters for named cells, up to the payload's first."""
    layout = ""
    for name in names:
        plain = name.strip().lower().replace(" ", "").replace("_", "")
        if re.fullmatch(r"d\d+|data\d*", plain):
            return layout[:20] + "D"
        layout += _CSV_LETTERS.get(plain, "N")
    return layout[:20]


def _crtd(lines: Sequence[bytes]) -> Dialect:  # noqa: ARG001 - one layout for all
    return Dialect(LogFormat.CRTD, "columns", "OKiD")


def _can_hacker(lines: Sequence[bytes]) -> Dialect:
    version = _first(rb"@ TEXT @ (\d+) @", lines)
    layout = "OBNiLD*" if version else "OiLD*"
    return Dialect(LogFormat.CAN_HACKER, "columns", layout, wrap_ns=60 * 10**9, version=version or "")


_SHAPES = (
    _Shape(LogFormat.CANDUMP, re.compile(rb"\([\d.]+\)\s+\S+\s+[0-9A-Fa-f]{3,8}#"), None, _candump),
    _Shape(
        LogFormat.CANDUMP_DISPLAY,
        re.compile(rb"\s*(?:\([^)]*\)\s+)?\w\S*\s+(?:[RT]X\s+\S\s+\S\s+)?[0-9A-F]{3,8}\s+\[\d+\]"),
        None,
        _display,
    ),
    _Shape(
        LogFormat.PCAN_TRC,
        re.compile(
            rb"\s*\d+(?:\)\s+\d+(?:\.\d+)?\s+(?:\d+\s+)?(?:[RT]x\s|Warng\s|Error\s|[0-9A-F]{4,8}\s)"
            rb"|\s+\d+\.\d+\s+(?:DT|FD|FB|FE|BI|RR|ER|ST|EC|EV)\s)"
        ),
        re.compile(rb";\$(?:FILEVERSION|STARTTIME|COLUMNS)="),
        _trc,
    ),
    _Shape(
        LogFormat.VECTOR_ASC,
        re.compile(
            rb"\s*\d+\.\d+\s+(?:\d+\s+\S+\s+(?:Rx|Tx)\s+[dr]\s|CANFD\s|\d+\s+ErrorFrame|Start of measurement)",
            re.IGNORECASE,
        ),
        re.compile(rb"\s*(?:base\s+(?:hex|dec)\b|begin\s+triggerblock\b)", re.IGNORECASE),
        _asc,
    ),
    _Shape(
        LogFormat.GVRET,
        re.compile(
            rb"\s*\d+(?:\.\d+)?([,;\t])[0-9A-Fa-f]{3,8}\1(?:true|false)\1(?:[RT]x\1)?\d+\1\d+(?:\1|\s*$)",
            re.IGNORECASE,
        ),
        re.compile(_CSV_HEADER, re.IGNORECASE),
        _gvret,
    ),
    _Shape(LogFormat.CRTD, re.compile(rb"\s*\d+(?:\.\d+)?\s+\d*(?:[RT](?:11|29)|C[A-Z]{2})\s"), None, _crtd),
    _Shape(
        LogFormat.CAN_HACKER,
        re.compile(
            rb"\s*\d+[.,]\d+\s+(?:\d\s+[0-9A-Fa-f]{4,8}\s+)?[0-9A-Fa-f]{3,8}\s+[0-8](?:\s+[0-9A-Fa-f]{2}\b|\s*$)"
        ),
        re.compile(rb"\s*(?:time\s+id\s+dlc\s|@ TEXT @ \d+ @)", re.IGNORECASE),
        _can_hacker,
    ),
)

TEXT_FORMATS = tuple(shape.format for shape in _SHAPES)
"""The formats that ``recognise_text`` knows, in the order they are tried."""
