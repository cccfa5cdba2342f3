"""Write frames as a log: candump, GVRET CSV or PCAN TRC, compressed when the file's name says so.

A format that has no form for a frame (GVRET has no remote frames) leaves it out; each function returns
how many frames it wrote.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import itertools
import lzma
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from commonwheel.errors import OutputError
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, ID_MASK, REMOTE_FLAG, Clock, Frames
from commonwheel.wire.logs.texttable import Piece, choice, decimal, hexadecimal, join, literal, only

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    import numpy.typing as npt

__all__ = ["write_candump", "write_gvret_csv", "write_trc"]

_CLASSIC = 8
_BATCH = 50_000
_NS_PER_SECOND, _NS_PER_US, _US_PER_MS = 10**9, 1000, 1000
_DLC = np.array(
    [next(code for code, n in enumerate((*range(9), 12, 16, 20, 24, 32, 48, 64)) if n >= i) for i in range(65)]
)
_NS_PER_DAY = 86_400 * 10**9
_DAYS_TO_1970 = 25_569
"""From the end of 1899, where spreadsheets begin to count."""


def write_candump(
    target: str | Path | IO[bytes],
    frames: Frames | Iterable[Frames],
    *,
    interfaces: Mapping[int, str] | None = None,
    start_ns: int = 0,
) -> int:
    """Write a log as ``candump -L`` does; microseconds where they suffice, else nanoseconds.

    Args:
        target: a path (``.zst``, ``.gz``, ``.xz`` and ``.bz2`` compress) or a binary stream, which stays open.
        frames: one batch or several.
        interfaces: bus number to interface name; default ``can<bus>``.
        start_ns: added to every time.

    Raises:
        OutputError: the file cannot be written, or a time is before 1970.
    """
    names = [(interfaces or {}).get(bus, f"can{bus}") for bus in range(256)]
    with _open(target) as stream:
        return sum(_put(stream, part, _candump_lines(part, names, start_ns)) for part in _parts(frames))


def write_gvret_csv(target: str | Path | IO[bytes], frames: Frames | Iterable[Frames], *, start_ns: int = 0) -> int:
    """Write a log as GVRET and SavvyCAN do, in whole microseconds; remote and error frames are left out.

    Raises:
        OutputError: the file cannot be written, or a time is negative.
    """
    first, parts = _peek(frames)
    cells = ",".join(f"D{n + 1}" for n in range(first.width))
    with _open(target) as stream:
        stream.write(f"Time Stamp,ID,Extended,Dir,Bus,LEN,{cells}\n".encode())
        usable = (part[part.id & (REMOTE_FLAG | ERROR_FLAG) == 0] for part in parts)
        return sum(_put(stream, part, _gvret_lines(part, start_ns)) for part in usable)


def write_trc(target: str | Path | IO[bytes], frames: Frames | Iterable[Frames]) -> int:
    """Write a log as PCAN TRC 2.1, in microseconds from the first frame on; error frames are left out.

    The header's start time is UTC where the frames' times are.

    Raises:
        OutputError: the file cannot be written, or the clock runs back to before the first frame.
    """
    first, parts = _peek(frames)
    origin = int(first.t_ns[0]) if len(first) else 0
    written = 0
    with _open(target) as stream:
        stream.write(_trc_header(origin if first.clock is Clock.UTC else 0))
        for part in parts:
            usable = part[part.id & ERROR_FLAG == 0]
            written += _put(stream, usable, _trc_lines(usable, origin, written))
    return written


def _candump_lines(frames: Frames, names: list[str], start_ns: int) -> list[Piece]:
    n = len(frames)
    t_ns = _times(frames, start_ns)
    nanoseconds = bool((t_ns % _NS_PER_US).any())
    fraction = t_ns % _NS_PER_SECOND // (1 if nanoseconds else _NS_PER_US)
    remote, is_fd = frames.id & REMOTE_FLAG != 0, frames.size > _CLASSIC
    return [
        literal(n, "("),
        decimal(t_ns // _NS_PER_SECOND, 10, "0"),
        literal(n, "."),
        decimal(fraction, 9 if nanoseconds else 6, "0"),
        literal(n, ") "),
        choice(frames.bus, names),
        literal(n, " "),
        _id(frames, 3),
        literal(n, "#"),
        only(literal(n, "#0"), is_fd),
        only(literal(n, "R"), remote),
        only(decimal(frames.size, 1), remote & (frames.size > 0) & ~is_fd),
        _payload(frames, ""),
        literal(n, "\n"),
    ]


def _gvret_lines(frames: Frames, start_ns: int) -> list[Piece]:
    n = len(frames)
    extended = frames.id & EXTENDED_FLAG != 0
    return [
        decimal(_times(frames, start_ns) // _NS_PER_US, 19),
        literal(n, ","),
        hexadecimal(frames.id & ID_MASK, 8),
        choice(extended.astype(np.int64), (",false,Rx,", ",true,Rx,")),
        decimal(frames.bus, 3),
        literal(n, ","),
        decimal(frames.size, 2),
        _payload(frames, ",", padded=_CLASSIC),
        literal(n, "\n"),
    ]


def _trc_lines(frames: Frames, origin: int, written: int) -> list[Piece]:
    n = len(frames)
    us = _times(frames, -origin) // _NS_PER_US
    remote, is_fd = frames.id & REMOTE_FLAG != 0, frames.size > _CLASSIC
    return [
        decimal(np.arange(written + 1, written + 1 + n), 10, " "),
        literal(n, " "),
        decimal(us // _US_PER_MS, 13, " "),
        literal(n, "."),
        decimal(us % _US_PER_MS, 3, "0"),
        choice(remote + 2 * is_fd, (" DT ", " RR ", " FD ", " RR ")),
        decimal(frames.bus, 3, " "),
        literal(n, " "),
        _id(frames, 4),
        literal(n, " Rx - "),
        decimal(_DLC[frames.size], 2, " "),
        literal(n, " "),
        _payload(frames, " "),
        literal(n, "\r\n"),
    ]


def _trc_header(start_ns: int) -> bytes:
    days = start_ns / _NS_PER_DAY + _DAYS_TO_1970 if start_ns else 0.0
    started = datetime.fromtimestamp(start_ns // _NS_PER_SECOND, UTC).isoformat(" ") if start_ns else "not known"
    lines = (
        ";$FILEVERSION=2.1",
        f";$STARTTIME={days:.10f}",
        ";$COLUMNS=N,O,T,B,I,d,R,L,D",
        ";",
        f";   Start time: {started}",
        ";   Generated by Commonwheel",
        ";---+------ ------+---------- +- +- --+----- +- + +- +- -- -- -- -- -- -- --",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def _id(frames: Frames, digits: int) -> Piece:
    """Return ids in 8 digits when 29-bit or an error, else in *digits*."""
    error = frames.id & ERROR_FLAG
    long = (frames.id & EXTENDED_FLAG | error) != 0
    return only(hexadecimal(frames.id & ID_MASK | error, 8), long[:, None] | (np.arange(8) >= 8 - digits))


def _payload(frames: Frames, before: str, *, padded: int = 0) -> Piece:
    """Return payloads in hexadecimal, with *before* in front of each byte, zeros up to *padded* bytes."""
    width = max(int(frames.size.max(initial=0)), padded)
    there = np.arange(width) < np.maximum(frames.size, padded)[:, None]
    there &= (frames.id & REMOTE_FLAG == 0)[:, None]
    digits = [hexadecimal(frames.data[:, i], 2)[0] for i in range(width)]
    marks = literal(len(frames), before)[0]
    if not digits:
        return literal(len(frames), "")
    characters = np.hstack([part for pair in digits for part in (marks, pair)])
    return characters, np.repeat(there, len(before) + 2, axis=1)


def _times(frames: Frames, shift: int) -> npt.NDArray[np.int64]:
    t_ns = frames.t_ns + shift
    if len(t_ns) and t_ns.min() < 0:
        message = f"a frame is {-int(t_ns.min()) / _NS_PER_SECOND:.6f} s before the time where the log would begin"
        raise OutputError(message + ": the format has no negative times; sort the frames or shift them")
    return t_ns


def _peek(frames: Frames | Iterable[Frames]) -> tuple[Frames, Iterator[Frames]]:
    """Return the first part (empty when there is none), and all parts."""
    parts = _parts(frames)
    first = next(parts, None)
    return (Frames.empty(), iter(())) if first is None else (first, itertools.chain([first], parts))


def _parts(frames: Frames | Iterable[Frames]) -> Iterator[Frames]:
    """Yield pieces that are not empty and not so long that their text fills the memory."""
    for batch in [frames] if isinstance(frames, Frames) else frames:
        for i in range(0, len(batch), _BATCH):
            yield batch[i : i + _BATCH]


def _put(stream: IO[bytes], frames: Frames, pieces: list[Piece]) -> int:
    if len(frames):
        stream.write(join(pieces))
    return len(frames)


@contextlib.contextmanager
def _open(target: str | Path | IO[bytes]) -> Generator[IO[bytes]]:
    """Give a stream to write to; a path's is closed at the end, and compresses as its name says."""
    if not isinstance(target, str | Path):
        yield target
        return
    path = Path(target)
    try:
        with contextlib.closing(_compressing(path)) as stream:
            yield stream
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror or error})"
        raise OutputError(message) from error


def _compressing(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "wb"))
    if path.suffix == ".xz":
        return cast("IO[bytes]", lzma.open(path, "wb"))
    if path.suffix == ".bz2":
        return cast("IO[bytes]", bz2.open(path, "wb"))
    if path.suffix == ".zst":
        import zstandard

        return cast("IO[bytes]", zstandard.ZstdCompressor().stream_writer(path.open("wb")))
    return path.open("wb")
