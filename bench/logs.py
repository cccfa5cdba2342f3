"""How fast logs are read, beside python-can and the quickest other ways: ``python -m bench.logs``.

One made-up log of 64 ids on two buses is written in five text formats. For each format the kernel alone
(text already in memory), ``read_log`` (a file to one batch, with its report) and the other readers are
measured one after the other, in one process, and their medians compared. The others end where a frame's
id, time and payload are numbers, which is as far as ours go.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from can.io.asc import ASCReader
from can.io.canutils import CanutilsLogReader
from can.io.trc import TRCReader

from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import read_log, write_candump, write_gvret_csv, write_trc
from commonwheel.wire.logs.binding import TEXT_PAD, kernel, new_log
from commonwheel.wire.logs.dialects import recognise_text
from commonwheel.wire.logs.texttable import choice, decimal, hexadecimal, join, literal, only

if TYPE_CHECKING:
    from collections.abc import Callable

_START_NS = 1_747_949_265 * 10**9
_CELLS = [f"D{i}" for i in range(1, 9)]
_HEX_BYTES = [f"{i:02X}" for i in range(256)]
_ASC_HEADER = b"date Sam Sep 30 15:06:13.191 2017\nbase hex  timestamps absolute\nno internal events logged\n"


def make_frames(n: int) -> Frames:
    """Return a second's traffic again and again: 64 ids, payloads of 1 to 8 bytes, 400 us apart."""
    rng = np.random.default_rng(1)
    frames = Frames.empty(n)
    frames.t_ns[:] = _START_NS + 400_000 * np.arange(n) + 1000 * rng.integers(0, 300, n)
    frames.id[:] = rng.choice(2048, 64, replace=False)[np.arange(n) % 64]
    frames.bus[:] = frames.id % 2
    frames.size[:] = np.where(np.arange(n) % 8, 8, 1 + np.arange(n) % 7)
    frames.data[:] = rng.integers(0, 256, (n, 8)) * (np.arange(8) < frames.size[:, None])
    return frames


def write_crtd(path: Path, frames: Frames) -> None:
    """Write a log as OVMS does."""
    n, us = len(frames), (frames.t_ns - _START_NS) // 1000
    payload = [only(hexadecimal(frames.data[:, i], 2), frames.size > i) for i in range(8)]
    gaps = [only(literal(n, " "), frames.size > i) for i in range(8)]
    head = [decimal(us // 10**6, 10), literal(n, "."), decimal(us % 10**6, 6, "0"), literal(n, " R11 ")]
    pairs = [piece for pair in zip(gaps, payload, strict=True) for piece in pair]
    path.write_bytes(join([*head, hexadecimal(frames.id, 3), *pairs, literal(n, "\n")]))


def write_asc(path: Path, frames: Frames) -> None:
    """Write a log as Vector's tools do."""
    n, us = len(frames), (frames.t_ns - _START_NS) // 1000
    payload = [only(hexadecimal(frames.data[:, i], 2), frames.size > i) for i in range(8)]
    gaps = [only(literal(n, " "), frames.size > i) for i in range(8)]
    head = [
        decimal(us // 10**6, 6, " "),
        literal(n, "."),
        decimal(us % 10**6, 6, "0"),
        choice(frames.bus, (" 1  ", " 2  ")),
    ]
    pairs = [piece for pair in zip(gaps, payload, strict=True) for piece in pair]
    tail = literal(n, "  Length = 240015 BitCount = 124 ID = 1785\n")
    kind = [hexadecimal(frames.id, 3), literal(n, "             Rx   d "), decimal(frames.size, 1)]
    path.write_bytes(_ASC_HEADER + join([*head, *kind, *pairs, tail]))


def messages_of(reader: Callable[..., Any]) -> Callable[[Path], None]:
    """Return what reads a log to the end with a reader of python-can."""

    def read(path: Path) -> None:
        deque(reader(path), maxlen=0)

    return read


def gvret_with_arrow(path: Path) -> None:
    """Read GVRET CSV with pyarrow on all cores, hexadecimal by way of dictionaries."""
    words = pa.dictionary(pa.int32(), pa.string())
    types = {"ID": words, "Extended": pa.bool_(), **dict.fromkeys(_CELLS, words)}
    table = pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(column_types=types))
    for name in ("ID", *_CELLS):
        column: Any = table[name].unify_dictionaries().combine_chunks()
        numbers = pa.array([int(word or "0", 16) for word in column.dictionary.to_pylist()])
        pc.take(numbers, column.indices).to_numpy(zero_copy_only=False)
    for name in ("Time Stamp", "Bus", "LEN"):
        table[name].to_numpy()


def gvret_with_pandas(path: Path) -> None:
    """Read GVRET CSV with pandas, hexadecimal by way of categories."""
    table = pd.read_csv(path, dtype=dict.fromkeys(("ID", *_CELLS), "category"))
    for name in ("ID", *_CELLS):
        column = table[name].cat
        numbers = np.array([*(int(word, 16) for word in column.categories), 0])
        numbers[column.codes.to_numpy()]


def gvret_with_python(path: Path) -> None:
    """Read GVRET CSV with a plain loop."""
    with path.open() as lines:
        next(lines)
        for line in lines:
            stamp, can_id, extended, _, bus, size, *cells = line.split(",")
            deque(
                (
                    (
                        int(stamp),
                        int(can_id, 16),
                        extended == "true",
                        int(bus),
                        bytes.fromhex("".join(cells[: int(size)])),
                    ),
                ),
                0,
            )


def crtd_with_python(path: Path) -> None:
    """Read CRTD with a plain loop."""
    with path.open() as lines:
        for line in lines:
            stamp, kind, can_id, payload = line.split(" ", 3)
            seconds, _, part = stamp.partition(".")
            t_us = int(seconds) * 10**6 + int(part)
            deque(((t_us, kind == "R29", int(can_id, 16), bytes.fromhex(payload)),), 0)


def crtd_with_pandas(path: Path) -> None:
    """Read CRTD with pandas, hexadecimal by way of categories."""
    names = ["t", "kind", "id", *_CELLS]
    table = pd.read_csv(path, sep=" ", names=names, dtype=dict.fromkeys(names[1:], "category"))
    for name in names[2:]:
        column = table[name].cat
        numbers = np.array([*(int(word, 16) for word in column.categories), 0])
        numbers[column.codes.to_numpy()]


def kernel_on(path: Path) -> Callable[[], None]:
    """Return what runs the kernel over a log that is in memory."""
    content = path.read_bytes()
    dialect = recognise_text(content[: 1 << 16])
    if dialect is None:
        message = f"{path}: not recognised"
        raise SystemExit(message)
    text = np.frombuffer(content + bytes(TEXT_PAD), np.uint8).copy()
    columns = Frames.empty(content.count(b"\n") + 1)
    run = kernel(dialect.kernel)

    def once() -> None:
        log = new_log()
        log.unit, log.layout, log.final = dialect.unit, dialect.layout.encode(), 1
        log.separator = ord(dialect.separator or "\0")
        log.text, log.text_size, log.text_room = text.ctypes.data, len(content), len(text)
        log.t_ns, log.bus, log.id = columns.t_ns.ctypes.data, columns.bus.ctypes.data, columns.id.ctypes.data
        log.size, log.data, log.room = columns.size.ctypes.data, columns.data.ctypes.data, len(columns)
        if run(ctypes.byref(log)) or log.consumed != len(content):
            message = f"{path}: not read to the end"
            raise SystemExit(message)

    return once


def median_s(action: Callable[[], object], times: int) -> float:
    """Return the median of an action's time."""
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def measure(name: str, path: Path, others: dict[str, Callable[[Path], None]], times: int) -> None:
    """Measure all readers of one format and print a row for each."""
    frames, report = read_log(path)
    megabytes = path.stat().st_size / 1e6
    ways: dict[str, Callable[[], object]] = {"kernel": kernel_on(path), "read_log": lambda: read_log(path)}
    ways |= {other: (lambda read=read: read(path)) for other, read in others.items()}
    print(f"\n{name}: {report.lines:,} lines, {len(frames):,} frames, {megabytes:.0f} MB")
    taken = {way: median_s(action, times) for way, action in ways.items()}
    for way, seconds in taken.items():
        rate = f"{report.lines / seconds / 1e6:8.2f} M lines/s {megabytes / seconds:8.0f} MB/s"
        ratio = f"kernel is {seconds / taken['kernel']:6.1f} x, read_log {seconds / taken['read_log']:6.1f} x as fast"
        print(f"  {way:28}{rate}   {ratio if way in others else ''}")


def main() -> None:
    """Write the log, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.logs", description="Measure how fast logs are read.")
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_true", help="a short log, once")
    depth.add_argument("--full", action="store_true", help="a million lines, medians of five; default")
    quick = parser.parse_args().quick
    frames = make_frames(20_000 if quick else 1_000_000)
    times = 1 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log")
        write_candump(path, frames)
        measure("candump -L", path, {"python-can": messages_of(CanutilsLogReader)}, times)
        write_trc(path, frames)
        measure("PCAN TRC 2.1", path, {"python-can": messages_of(TRCReader)}, times)
        write_asc(path, frames)
        measure("Vector ASC", path, {"python-can": messages_of(ASCReader)}, times)
        write_gvret_csv(path, frames)
        gvret = {"pyarrow (all cores)": gvret_with_arrow, "pandas": gvret_with_pandas, "Python loop": gvret_with_python}
        measure("GVRET CSV", path, gvret, times)
        write_crtd(path, frames)
        measure("CRTD", path, {"pandas": crtd_with_pandas, "Python loop": crtd_with_python}, times)


if __name__ == "__main__":
    main()
