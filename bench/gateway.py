"""A car, live: what a bus costs, and how long a frame takes to a reader: ``python -m bench.gateway``.

Frames come from another process at an even pace (in bursts of one), except over python-can's virtual bus, which lives
within one process. Processor time is that of the gateway's own threads: reading, decoding, publishing, watching.
Latency is from just before the frame is sent, by the sender's clock, to the reader's callback; the frames carry the
time in their payload. The fast path is that of Linux' CAN sockets, here on a pair of local sockets.
"""

from __future__ import annotations

import argparse
import importlib.util
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench._traffic import CARS, LOGS, seconds, tile, traffic
from commonwheel.broker import Broker
from commonwheel.catalog import load_catalog
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.opening import open_port
from commonwheel.gateway.socketcan import SocketCanPort
from commonwheel.gateway.sources import BusSource, ReplaySource
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.codec import Decoder
from commonwheel.wire.state import DecoderState, allocate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.gateway.clock import SteadyClock
    from commonwheel.gateway.port import Port
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

CAR = "nissan/leaf_ze0"
UDP = "239.74.163.2"
STAMPED = "Vehicle.Speed"
DATABASE = """
VERSION ""
BO_ 256 Motion: 8 X
 SG_ Stamp : 0|52@1+ (1,0) [0|0] "km/h" X
"""
DESCRIPTION = """\
format: 1
vehicle: bench/stamped
sold_as: [{brand: Bench, model: Stamped}]
powertrain: battery-electric
evidence: assumed (frames that carry the time of their sending)
buses: {car: {database: car.dbc}}
signals:
  Vehicle.Speed: car/Motion.Stamp
"""

# Sends a file of can_frame structures, over and over, at so many a second; with 'stamp' the payload is the time in us.
SENDER = """
import socket, struct, sys, time
how, where, rate, seconds, file, stamp = sys.argv[1:7]
rate, seconds, stamp = float(rate), float(seconds), stamp == "stamp"
frames = open(file, "rb").read()
frames = [frames[i:i + 16] for i in range(0, len(frames), 16)]
if how == "fd":
    sock = socket.socket(fileno=int(where))
    send = sock.send
else:
    import can
    bus = can.Bus(where, "udp_multicast")
    def send(frame):
        can_id, size, data = struct.unpack("<IB3x8s", frame)
        bus.send(can.Message(arbitration_id=can_id, is_extended_id=False, data=data[:size]))
pack, now = struct.Struct("<IB3xQ").pack, time.monotonic
due, end, i, n = now(), now() + seconds, 0, len(frames)
while due < end:
    wait = due - now()
    if wait > 0.0002:
        time.sleep(wait - 0.0001)
    while now() < due:
        pass
    frame = frames[i % n]
    if stamp:
        frame = pack(256, 8, time.monotonic_ns() // 1000 & (1 << 52) - 1)
    try:
        send(frame)
    except ConnectionError:  # the reader has gone
        break
    i += 1
    due += 1 / rate
print(i)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.gateway")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    duration = 2.0 if quick else 10.0
    frames, source = traffic(CAR)
    batches(frames, 20)
    print(f"{CAR}, {source}, at 4,000 frames/s for {duration:g} s")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frames"
        file.write_bytes(packed(frames[:20_000]))
        vehicle = load_vehicle(CAR)
        share("local sockets (fast path)", vehicle, "fd", file, duration)
        share("udp_multicast (python-can)", vehicle, "udp", file, duration)
        virtual("virtual (python-can)", vehicle, frames, duration)
        for name, text in (("car.dbc", DATABASE), ("vehicle.yaml", DESCRIPTION)):
            (Path(folder) / name).write_text(text)
        stamped = load_vehicle(Path(folder))
        for rate in (4_000, 20_000):
            latency(stamped, rate, file, duration)
    replay(duration)


def replay(duration: float) -> None:
    """Print how late a replay's frames are, and how fast it goes when nothing holds it up."""
    log = LOGS / CARS[CAR][0]
    if not log.exists():
        print("replay: not measured, there is no recording here")
        return
    vehicle = load_vehicle(CAR)
    late: list[float] = []
    gateway = CarGateway(vehicle, Broker(load_catalog()), ReplaySource(log, 1.0, loop=True))
    gateway.listen(lambda frames: late.extend(((time.time_ns() - frames.t_ns) / 1e6).tolist()))
    gateway.start()
    time.sleep(duration)
    facts: Any = gateway.facts()
    gateway.stop()
    p50, p95, p99 = np.percentile(late, [50, 95, 99])
    print(f"replay at rate 1: frames are late by p50 {p50:.3f} ms, p95 {p95:.3f} ms, p99 {p99:.3f} ms, ", end="")
    print(f"max {max(late):.2f} ms; {facts['cpu_s'] / duration:.1%} of a core")
    gateway = CarGateway(vehicle, Broker(load_catalog()), ReplaySource(log, None, loop=True))
    gateway.start()
    gateway.ready.wait(10)
    began = time.monotonic()
    time.sleep(duration)
    facts = gateway.facts()
    rate = facts["frames"] / (time.monotonic() - began)
    gateway.stop()
    print(f"replay at full speed, nobody reading: {rate:,.0f} frames/s, {facts['loops']} loops")


def packed(frames: Frames) -> bytes:
    """Return frames as ``struct can_frame``."""
    rows = zip(frames.id.tolist(), frames.size.tolist(), frames.data, strict=True)
    return b"".join(struct.pack("<IB3x8s", can_id, size, bytes(data)) for can_id, size, data in rows)


def batches(frames: Frames, size: int) -> None:
    """Print what decoding a small batch takes, and what it takes as a large one would go."""
    frames = tile(frames, 40_000)[:40_000]
    small = [frames[at : at + size] for at in range(0, len(frames), size)]
    buses = {int(number): "ev" for number in np.unique(frames.bus)}
    vehicle = load_vehicle(CAR)
    decoder = VehicleDecoder(vehicle, buses=buses, clock=frames.clock)
    inner = Decoder(vehicle.tables, dict.fromkeys(buses, vehicle.bus_index("ev")), clock=frames.clock)
    state = DecoderState.fresh(vehicle.tables, watch=True)

    def as_large() -> None:
        for batch in small:
            inner.run(state, batch, allocate(inner.bound(batch)))

    def as_small() -> None:
        for batch in small:
            decoder.decode(batch)

    print(f"decoding a batch of {size} frames: {seconds(as_small) / len(small) * 1e6:.1f} us, ", end="")
    print(f"as large batches are {seconds(as_large) / len(small) * 1e6:.1f} us (values only)")


class Bench:
    """A car's gateway, its reader's callback, and what its threads have cost."""

    def __init__(self, vehicle: Vehicle, source: BusSource, signals: list[str], opener: Any = open_port) -> None:  # noqa: ANN401
        self.broker = Broker(load_catalog())
        self.gateway = CarGateway(vehicle, self.broker, {vehicle.buses[0].name: source}, opener=opener)
        self.latencies: list[float] = []
        wanted = [self.broker.table.number(path) for path in signals]
        self._subscription = self.broker.subscribe(wanted, wake=self._wake, initial=False)
        self._stamped = signals == [STAMPED]

    def _wake(self) -> None:
        now = time.monotonic_ns() // 1000
        for batch in self._subscription.take().batches:
            if self._stamped:
                self.latencies.extend((now - value) / 1000 for value in batch.value.tolist())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start and stop."""
        self.gateway.start()
        self.gateway.ready.wait(5)
        try:
            yield
        finally:
            self.gateway.stop()


@contextmanager
def sending(how: str, rate: float, file: Path, duration: float, stamp: str) -> Iterator[tuple[BusSource, Any]]:
    """Run the sender; yields the source to read and how to open it."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    where = str(there.fileno()) if how == "fd" else UDP

    def opener(source: BusSource, number: int, clock: SteadyClock, *, may_send: bool = False) -> Port:
        return (
            open_port(source, number, clock, may_send=may_send) if how == "udp" else SocketCanPort(here, number, clock)
        )

    command = [sys.executable, "-c", SENDER, how, where, str(rate), str(duration), str(file), stamp]
    source = BusSource("udp_multicast", UDP) if how == "udp" else BusSource("socketcan", "pair")
    process = subprocess.Popen(command, pass_fds=[there.fileno()], stdout=subprocess.DEVNULL)
    try:
        yield source, opener
    finally:
        process.kill()
        process.wait()
        here.close()
        there.close()


def share(what: str, vehicle: Vehicle, how: str, file: Path, duration: float) -> None:
    """Print the processor time at 4,000 frames a second."""
    if how == "udp" and importlib.util.find_spec("msgpack") is None:
        print(f"  {what:28} not measured: msgpack, which python-can needs for it, is not installed")
        return
    with sending(how, 4_000, file, duration + 5, "") as (source, opener):
        bench = Bench(vehicle, source, list(vehicle.numbers)[:40], opener)
        with bench.running():
            wait_for_frames(bench)
            before, began = bench.gateway.facts(), time.monotonic()
            time.sleep(duration)
            print(f"  {what:28} {said(bench, before, began)}")


def wait_for_frames(bench: Bench) -> None:
    """Wait until the sender sends."""
    end = time.monotonic() + 20
    while not bench.gateway.facts()["frames"] and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.3)


def said(bench: Bench, before: Any, began: float) -> str:  # noqa: ANN401 - facts of many kinds
    """Say what was measured since *began*."""
    facts: Any = bench.gateway.facts()
    taken = time.monotonic() - began
    rates = [(facts[key] - before[key]) / taken for key in ("cpu_s", "frames", "batches", "samples")]
    return (
        f"{rates[0]:6.1%} of a core  {rates[1]:7,.0f} frames/s in {rates[2]:5,.0f} batches/s, "
        f"{rates[3]:7,.0f} samples/s, dropped {facts['dropped']}"
    )


def virtual(what: str, vehicle: Vehicle, frames: Frames, duration: float) -> None:
    """The same over a bus within this process; its sender is a thread, which takes its share of the interpreter."""
    import can

    bench = Bench(vehicle, BusSource("virtual", "bench"), list(vehicle.numbers)[:40])
    rows = [
        can.Message(arbitration_id=int(can_id), is_extended_id=False, data=bytes(data[:size]))
        for can_id, size, data in zip(frames.id[:20_000], frames.size, frames.data, strict=False)
    ]
    stop = threading.Event()

    def send() -> None:
        due, i = time.monotonic(), 0
        with can.Bus("bench", "virtual") as bus:
            while not stop.is_set():
                wait = due - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                bus.send(rows[i % len(rows)])
                i, due = i + 1, due + 1 / 4_000

    thread = threading.Thread(target=send)
    with bench.running():
        thread.start()
        wait_for_frames(bench)
        before, began = bench.gateway.facts(), time.monotonic()
        time.sleep(duration)
        print(f"  {what:28} {said(bench, before, began)}")
        stop.set()
        thread.join()


def latency(vehicle: Vehicle, rate: float, file: Path, duration: float) -> None:
    """Print how long frames take to a reader's callback."""
    with sending("fd", rate, file, duration + 5, "stamp") as (source, opener):
        bench = Bench(vehicle, source, [STAMPED], opener)
        with bench.running():
            wait_for_frames(bench)
            bench.latencies.clear()
            before, began = bench.gateway.facts(), time.monotonic()
            time.sleep(duration)
            line = said(bench, before, began)
            found = np.array(bench.latencies)
    p50, p95, p99 = np.percentile(found, [50, 95, 99])
    print(f"frame to callback at {rate:,} frames/s: p50 {p50:.3f} ms, p95 {p95:.3f} ms, p99 {p99:.3f} ms, ", end="")
    print(f"max {found.max():.2f} ms, mean {statistics.fmean(bench.latencies):.3f} ms; {line}")


if __name__ == "__main__":
    main()
