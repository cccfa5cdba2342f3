"""Traffic to measure on: recordings beside the checkout where they are, else what the encoder makes."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.encoder import VehicleEncoder
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import read_log

if TYPE_CHECKING:
    from collections.abc import Callable

LOGS = Path(os.environ.get("COMMONWHEEL_SHARED", Path(__file__).resolve().parents[2] / "shared" / "data")) / "logs"
CARS = {
    "nissan/leaf_ze0": ("nissan-leaf-2011/leaf_on_Driveincircle_off.txt", "ev"),
    "honda/civic_gen8": ("honda-civic-8gen/vsslog.log", "fcan"),
    "mitsubishi/lancer": ("mitsubishi-lancer-ralliart/smalldriveinlot.log", "main"),
}


def traffic(car: str) -> tuple[Frames, str]:
    """Return a car's frames, on one bus, and where they come from."""
    log, bus = CARS[car]
    if (LOGS / log).exists():
        return read_log(LOGS / log)[0], f"recording {Path(log).name}"
    vehicle = load_vehicle(car)
    frames = VehicleEncoder(vehicle).encode({}, 0, 60_000_000_000, idle=True)
    return frames[frames.bus == vehicle.bus_index(bus)], "encoded idle traffic"


def tile(frames: Frames, count: int) -> Frames:
    """Repeat frames, in running time, until there are at least *count*."""
    times = -(-count // len(frames))
    span = int(frames.t_ns.max() - frames.t_ns.min()) + 10_000_000
    shift = np.repeat(np.arange(times, dtype=np.int64) * span, len(frames))
    return Frames(
        np.tile(frames.t_ns, times) + shift,
        np.tile(frames.bus, times),
        np.tile(frames.id, times),
        np.tile(frames.size, times),
        np.tile(frames.data, (times, 1)),
        frames.clock,
    )


def seconds(work: Callable[[], object], runs: int = 5) -> float:
    """Return the median time of a call, after one that does not count."""
    work()
    taken: list[float] = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
