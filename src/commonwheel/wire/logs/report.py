"""What a reader says of a log: every line accounted for, the clock, the buses.

The rule: ``frames + reported == lines``, at any moment and for any input. A line that is no frame stands
under its ``LineKind``; proper records that hold no frame (comments, headers, events) are told from faults.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BackwardSteps", "LineKind", "LogFormat", "LogReport", "Problem"]

KEPT_LINES = 5
"""Line numbers kept per kind of line."""
EXAMPLE_BYTES = 100
"""Longest part of a line that is kept as an example."""


class LogFormat(enum.Enum):
    """A kind of log file."""

    CANDUMP = "candump log"
    CANDUMP_DISPLAY = "candump display"
    PCAN_TRC = "PCAN TRC"
    VECTOR_ASC = "Vector ASC"
    GVRET = "GVRET CSV"
    CRTD = "CRTD"
    CAN_HACKER = "CAN-Hacker"
    VECTOR_BLF = "Vector BLF"
    MDF4 = "ASAM MDF4"
    COLUMNS = "numpy columns"


class LineKind(enum.Enum):
    """What a line (or record) is that gave no frame. The kernels number them in this order, from 1."""

    BLANK = "blank"
    COMMENT = "comment"
    HEADER = "header"
    EVENT = "event"
    """A record of the logging program's own: a trigger, a marker, statistics."""
    STATUS = "status"
    """A record about the bus or the controller."""
    BUS_ERROR = "bus error"
    """An error frame of which the log keeps no id."""
    TRUNCATED = "truncated"
    """Ends before its frame is complete."""
    BAD_TIME = "bad time"
    BAD_BUS = "bad bus"
    BAD_TYPE = "bad type"
    BAD_ID = "bad id"
    BAD_LENGTH = "bad length"
    BAD_DATA = "bad data"
    MISMATCH = "payload length mismatch"
    """Other than as many bytes as the length says."""
    BINARY = "binary garbage"
    TOO_LONG = "line too long"
    UNKNOWN = "not a record"

    @property
    def benign(self) -> bool:
        """Whether such a line is in order and merely holds no frame."""
        return self in _BENIGN


_BENIGN = {
    LineKind.BLANK,
    LineKind.COMMENT,
    LineKind.HEADER,
    LineKind.EVENT,
    LineKind.STATUS,
    LineKind.BUS_ERROR,
}


@dataclass(slots=True)
class Problem:
    """The lines of one kind that gave no frame."""

    kind: LineKind
    count: int = 0
    first_lines: list[int] = field(default_factory=list[int])
    """Numbers of the first of them, counted from 1; at most five."""
    example: str = ""
    """The beginning of one of them, with escapes for what is not printable ASCII."""

    @property
    def benign(self) -> bool:
        """Whether these lines are in order and merely hold no frame."""
        return self.kind.benign


@dataclass(slots=True)
class BackwardSteps:
    """Where the clock runs backwards. Frames stay in order of arrival all the same."""

    count: int = 0
    within_bus: int = 0
    """How many of them are backward on one bus too; the others only lie between buses."""
    largest_ns: int = 0
    first_lines: list[int] = field(default_factory=list[int])
    """Numbers of the lines behind the first steps; at most five."""


@dataclass(slots=True)
class LogReport:
    """What is known of a log as far as it was read; final once its reader is exhausted."""

    path: str
    format: LogFormat
    version: str = ""
    """Of the format, where it has versions."""
    compression: str | None = None
    lines: int = 0
    """Lines read, or records where the format has no lines."""
    frames: int = 0
    problems: dict[LineKind, Problem] = field(default_factory=dict[LineKind, Problem])
    clock: Clock = Clock.RELATIVE
    time_unit: str | None = None
    """Unit of the stamps as written: s, ms, us or ns; None where there are none."""
    first_stamp: str | None = None
    """Stamp of the first frame, as written."""
    last_stamp: str | None = None
    start: str | None = None
    """When the recording began, where a header says it without saying in which time zone."""
    backward_steps: BackwardSteps = field(default_factory=BackwardSteps)
    buses: dict[int, str] = field(default_factory=dict[int, str])
    """Bus number to its name, where the log names its buses."""
    notes: list[str] = field(default_factory=list[str])
    damage: str | None = None
    """Why reading stopped before the end of the file, if it did. What came before is in the frames."""
    bytes_total: int = 0
    """Size of the file, compressed as it is."""
    bytes_read: int = 0

    @property
    def reported(self) -> int:
        """Lines that gave no frame, of whatever kind."""
        return sum(problem.count for problem in self.problems.values())

    @property
    def bad(self) -> int:
        """Lines that should have given a frame and could not."""
        return sum(problem.count for problem in self.problems.values() if not problem.benign)

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def count(self, kind: LineKind, n: int, lines: Sequence[int]) -> None:
        """Account for *n* further records of a kind; *lines* are the numbers of the first of them."""
        problem = self.problems.setdefault(kind, Problem(kind))
        problem.count += n
        problem.first_lines.extend(lines[: KEPT_LINES - len(problem.first_lines)])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values that any JSON writer takes."""
        plain = asdict(self)
        plain["format"] = self.format.value
        plain["clock"] = self.clock.value
        plain["problems"] = {
            kind.value: {**asdict(problem), "kind": kind.value, "benign": problem.benign}
            for kind, problem in self.problems.items()
        }
        return {**plain, "reported": self.reported, "bad": self.bad}


def escape(line: bytes) -> str:
    """Return the beginning of a line as printable ASCII."""
    text = line[:EXAMPLE_BYTES].decode("latin-1").encode("unicode_escape").decode("ascii")
    return text + "..." if len(line) > EXAMPLE_BYTES else text
