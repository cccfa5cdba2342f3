"""Samples a second through the native stream, and how soon one arrives: ``python -m bench.flight``.

The car is a process of its own. It publishes batches as fast as all readers keep up, and this process reads them with
plain pyarrow: every reader a thread with a connection. Then single batches go there by ``DoPut`` and come back by
``DoGet``, one at a time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import psutil
import pyarrow as pa
from pyarrow import flight

from bench._flight import SIGNALS, plain
from commonwheel.broker import Broker
from commonwheel.catalog import load_catalog

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCHES = (1, 20, 100, 1_000, 10_000)
"""Samples that are published together; what waits for a reader is sent to it as one."""


@dataclass
class Car:
    """The other process."""

    process: psutil.Process
    port: int
    ask: IO[str]
    answers: IO[str]

    def connect(self) -> flight.FlightClient:
        """Return a connection of its own."""
        options = cast("Any", [("grpc.use_local_subchannel_pool", 1)])
        return flight.FlightClient(f"grpc://127.0.0.1:{self.port}", generic_options=options)


@contextlib.contextmanager
def car() -> Iterator[Car]:
    """Run a car for a while."""
    command = [sys.executable, "-m", "bench._flight"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None or process.stdin is None:
            raise AssertionError
        yield Car(psutil.Process(process.pid), int(process.stdout.readline()), process.stdin, process.stdout)
        process.stdin.close()


def ticket(**want: object) -> flight.Ticket:
    """Return what is asked of ``DoGet``."""
    return flight.Ticket(json.dumps(want).encode())


@dataclass
class Reader:
    """Counts what comes until its stream ends."""

    car: Car
    paths: list[str]
    rows: int = 0
    chunks: int = 0
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with self.car.connect() as client:
            reader: Any = client.do_get(ticket(signals=self.paths, initial=False, queue=1_000_000))
            with contextlib.suppress(flight.FlightUnavailableError, StopIteration):
                while True:
                    self.rows += reader.read_chunk().data.num_rows
                    self.chunks += 1


def throughput(where: Car, paths: list[str], rows: int, readers: int, seconds: float) -> dict[str, float]:
    """Read what one publisher gives; returns samples a second that each reader got."""
    every = [Reader(where, paths) for _ in range(readers)]
    print(json.dumps({"rows": rows, "readers": readers, "seconds": seconds}), file=where.ask, flush=True)
    facts: dict[str, float] = json.loads(where.answers.readline())
    for reader in every:
        reader.thread.join()
    lost = facts["published"] * readers - sum(reader.rows for reader in every)
    if lost:
        message = f"{lost} samples were lost, {facts['dropped']} of them told"
        raise RuntimeError(message)
    chunks = sum(reader.chunks for reader in every)
    rate = facts["published"] / facts["seconds"]
    return {"rate": rate, "all": rate * readers, "chunk": facts["published"] * readers / chunks, "cpu": facts["cpu"]}


def round_trips(where: Car, paths: list[str], rows: int, seconds: float) -> list[float]:
    """Give batches by DoPut and read them by DoGet, one at a time; returns the times in milliseconds."""
    times: list[float] = []
    paths = paths[:rows]
    batch = pa.record_batch({"signal": paths, "value": [1.0] * rows})
    with where.connect() as giving, where.connect() as getting:
        command = json.dumps({"signals": paths, "name": "bench"}).encode()
        writer, _ = giving.do_put(flight.FlightDescriptor.for_command(command), batch.schema)
        reader: Any = getting.do_get(ticket(signals=paths))
        reader.read_chunk()
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            writer.write_batch(batch)
            if reader.read_chunk().data.num_rows != rows:
                raise AssertionError
            times.append((time.perf_counter() - began) * 1e3)
        reader.cancel()
        writer.close()
    return times[len(times) // 20 :]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.flight")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    seconds, rounds = (0.5, 1) if quick else (3.0, 5)
    broker = Broker(load_catalog())
    paths = [broker.table[number].path for number in plain(broker)]
    print(f"{SIGNALS} signals; medians of {rounds} runs of {seconds:g} s")
    print(f"{'published':>10}{'readers':>9}{'samples/s':>13}{'all readers':>13}{'rows sent':>11}{'cpu':>7}")
    with car() as where:
        for readers in (1, 10):
            for rows in BATCHES:
                runs = [throughput(where, paths, rows, readers, seconds) for _ in range(rounds)]
                facts = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                rates = f"{facts['rate']:>13,.0f}{facts['all']:>13,.0f}"
                print(f"{rows:>10}{readers:>9}{rates}{facts['chunk']:>11,.0f}{facts['cpu']:>7.0%}", flush=True)
        print("DoPut to DoGet, one batch at a time")
        for rows in (1, 55):
            times = [one for _ in range(rounds) for one in round_trips(where, paths, rows, seconds)]
            p50, p95, p99 = np.percentile(times, [50, 95, 99])
            print(f"{rows:>10} samples: p50 {p50:.3f} ms, p95 {p95:.3f}, p99 {p99:.3f}, max {max(times):.2f}")


if __name__ == "__main__":
    main()
