"""A log on disk to a Parquet file, as a whole command: ``python -m bench.end_to_end``.

``commonwheel decode LOG -o x.parquet`` beside a straightforward script of python-can, cantools and pyarrow that
decodes the same messages, each as a process of its own with its start-up. Then memory and time for ever larger
logs, compressed, and what the commands cost when there is next to nothing to do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench._traffic import tile, traffic
from bench.decode import database_of
from commonwheel.wire.database import write_dbc
from commonwheel.wire.logs import write_candump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.wire.frames import Frames

SCRIPT = """
import sys, can, cantools, pyarrow as pa, pyarrow.parquet as pq
log, dbc, out = sys.argv[1:]
db = cantools.database.load_file(dbc, strict=False)
known = {m.frame_id: m for m in db.messages}
times, names, values = [], [], []
with pq.ParquetWriter(out, pa.schema([("time", pa.float64()), ("signal", pa.string()), ("value", pa.float64())])) as w:
    def flush():
        w.write_table(pa.table([times, names, values], schema=w.schema))
        times.clear(); names.clear(); values.clear()
    for msg in can.LogReader(log):
        message = known.get(msg.arbitration_id)
        if message is None:
            continue
        try:
            signals = message.decode(msg.data, decode_choices=False, allow_truncated=True)
        except Exception:
            continue
        for name, value in signals.items():
            times.append(msg.timestamp); names.append(name); values.append(float(value))
        if len(times) > 500000:
            flush()
    flush()
"""
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Modules are compiled once, as on any machine of a user's, not at each start."""
COMMONWHEEL = [sys.executable, "-m", "commonwheel"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.end_to_end")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for car, bus in (("honda/civic_gen8", "fcan"), ("mitsubishi/lancer", "main"), ("nissan/leaf_ze0", "ev")):
            against_script(car, bus, folder, 50_000 if quick else 1_000_000, runs=1 if quick else 5)
        growth(folder, (1,) if quick else (1, 10, 100), 20_000 if quick else 1_000_000)
        small(folder, runs=3 if quick else 9)


def against_script(car: str, bus: str, folder: Path, count: int, runs: int) -> None:
    """Time both ways on one log."""
    log, dbc, out = folder / "log.log", folder / "car.dbc", folder / "out.parquet"
    frames = tile(traffic(car)[0], count)
    write_candump(log, frames)
    write_dbc(database_of(car, bus), dbc)
    ours, _ = timed([*COMMONWHEEL, "decode", str(log), "--car", car, "--bus", f"0={bus}", "-o", str(out)], runs)
    theirs, _ = timed([sys.executable, "-c", SCRIPT, str(log), str(dbc), str(out)], min(runs, 3))
    print(f"{car}: {len(frames):,} frames, candump, to Parquet")
    print(f"  commonwheel decode                 {ours:8.2f} s")
    print(f"  python-can + cantools + pyarrow    {theirs:8.2f} s   commonwheel is {theirs / ours:.1f} times as fast")


def growth(folder: Path, sizes: tuple[int, ...], million: int) -> None:
    """Show that time grows with the log and memory does not."""
    base = tile(traffic("honda/civic_gen8")[0], million)
    for size in sizes:
        log, out = folder / "large.log", folder / "large.parquet"
        write_candump(log, repeated(base, size))
        command = [*COMMONWHEEL, "decode", str(log), "--car", "honda/civic_gen8", "-o", str(out)]
        seconds, peak = timed(command, 1)
        count = len(base) * size
        print(
            f"{count / 1e6:6.1f} M frames, {log.stat().st_size / 1e9:5.2f} GB: {seconds:7.2f} s, "
            f"{count / seconds / 1e6:5.2f} M frames/s, peak memory {peak / 2**20:5.0f} MiB"
        )
        log.unlink()


def repeated(frames: Frames, times: int) -> Iterator[Frames]:
    """Yield the frames again and again, in running time."""
    span = int(frames.t_ns[-1] - frames.t_ns[0]) + 10_000_000
    for i in range(times):
        yield type(frames)(frames.t_ns + i * span, frames.bus, frames.id, frames.size, frames.data, frames.clock)


def small(folder: Path, runs: int) -> None:
    """Time start-up and a small log."""
    log, dbc = folder / "small.log", folder / "small.dbc"
    write_candump(log, tile(traffic("honda/civic_gen8")[0], 30_000)[:30_000])
    write_dbc(database_of("honda/civic_gen8", "fcan"), dbc)
    numpy, _ = timed([sys.executable, "-c", "import numpy"], runs)
    help_, _ = timed([*COMMONWHEEL, "--help"], runs)
    print(f"commonwheel --help {help_ * 1e3:.0f} ms, import numpy {numpy * 1e3:.0f} ms: {help_ / numpy:.2f} of it")
    ours, _ = timed([*COMMONWHEEL, "decode", str(log), "--car", "honda/civic_gen8"], runs)
    theirs, _ = timed([sys.executable, "-m", "cantools", "decode", str(dbc)], min(runs, 3), stdin=log)
    print(f"30,000 frames: commonwheel decode {ours:.2f} s, cantools decode {theirs:.2f} s: {ours / theirs:.2f} of it")


def timed(command: list[str], runs: int, stdin: Path | None = None) -> tuple[float, int]:
    """Return (median wall time, largest peak memory in bytes) of a command, after one run that does not count."""
    taken: list[float] = []
    peak = 0
    for run in range(runs + (runs > 1)):
        with (stdin or Path(os.devnull)).open("rb") as source:
            began = time.perf_counter()
            process = subprocess.Popen(
                command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT
            )
            message = process.stderr.read() if process.stderr else b""
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if run or runs == 1:
            taken.append(time.perf_counter() - began)
        peak = max(peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        if process.returncode not in {0, 1}:
            sys.exit(f"{' '.join(command[:6])} failed: {message.decode()[-500:]}")
    return statistics.median(taken), peak


if __name__ == "__main__":
    main()
