"""Virtual cars: how much faster than real time, where the time goes, how many a core drives: ``python -m bench.twin``.

A drive is ``commute`` from its second minute on. The emitter is held against the encoder written out in numpy, message
by message, which is what there was before it and what the tests hold it against. Wall time is that of the machine as it
is; processor time says what it would be if nothing else ran.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import STEP_NS, STEP_S, Twin
from commonwheel.vehicles import Vehicle, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.emission import first_times
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.wire.emitter import Emitter
from commonwheel.wire.frames import Clock
from tests.vehicles.reference_encoder import ReferenceEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

S = 10**9
CARS = (
    "honda/e", "honda/civic_touring_2016", "nissan/leaf_aze0:30kwh", "nissan/leaf_ze1:40kwh", "mitsubishi/imiev",
    "mitsubishi/lancer", "mitsubishi/outlander_phev",
)  # fmt: skip
WARM_UP_NS = 60 * S


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.twin")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    cars = CARS[2:4] if quick else CARS
    for car in cars:
        drive(load_vehicle(car), seconds=20 if quick else 120)
    for car in cars[:2]:
        emit(load_vehicle(car), seconds=10 if quick else 60)
    fleet(cars, count=10 if quick else 100, seconds=2 if quick else 10)


def driven(vehicle: Vehicle) -> Twin:
    """Return a car in the second minute of its way to work."""
    twin = Twin(vehicle, load_scenario("commute"))
    twin.advance(WARM_UP_NS)
    return twin


def drive(vehicle: Vehicle, seconds: int) -> None:
    """Print how fast one car goes in bulk, and what each part of a step takes."""
    twin = driven(vehicle)
    began, cpu = time.perf_counter(), time.process_time()
    frames = twin.advance(WARM_UP_NS + seconds * S)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    decoder = VehicleDecoder(vehicle, buses={i: bus.name for i, bus in enumerate(vehicle.buses)}, clock=Clock.RELATIVE)
    began = time.process_time()
    samples = decoder.decode(frames)
    decoding = time.process_time() - began
    rate = len(frames) / seconds
    print(f"{vehicle.name}: {len(twin.paths)} signals, {len(twin.messages)} messages, {rate:,.0f} frames/s")
    print(f"  {'simulated over wall time':32} {seconds / took:8.0f} x")
    print(f"  {'simulated over processor time':32} {seconds / cpu:8.0f} x   {cpu / seconds * 1e4:6.1f} µs per 10 ms")
    for name, spent in parts(twin, 2000).items():
        print(f"  {f'  {name}':32} {'':10}   {spent:6.1f} µs")
    print(f"  {'its frames decoded again':32} {seconds / decoding:8.0f} x   {len(samples):,} samples")


def parts(twin: Twin, steps: int) -> dict[str, float]:
    """Return what each part of a live step of 10 ms takes, in µs: the median."""
    body, driving, standard = twin._body, twin._driving, twin._standard  # noqa: SLF001 - where the time goes
    row, inputs = [0.0] * len(twin.paths), twin.inputs
    calls: dict[str, Callable[[], object]] = {
        "scenario and driver": lambda: driving.act(body.state, inputs, STEP_S),
        "physics": lambda: body.step(inputs, STEP_S),
        "values of the standard": lambda: standard.write(body.state, inputs, row),
    }
    spent: dict[str, list[int]] = {name: [] for name in calls}
    for _ in range(steps):
        for name, call in calls.items():
            began = time.perf_counter_ns()
            call()
            spent[name].append(time.perf_counter_ns() - began)
    result = {name: statistics.median(times) / 1e3 for name, times in spent.items()}
    return result | {"frames": stepwise(twin, steps)}


def stepwise(twin: Twin, steps: int) -> float:
    """Return what making the frames of 10 ms takes, all included, in µs."""
    emitter = Emitter(twin._emission)  # noqa: SLF001 - the same frames
    times, values = np.zeros(2, np.int64), np.tile(np.array(twin.values), (2, 1))
    for number in range(len(twin.paths)):
        emitter.bind(number, times, values[:, number])
    emitter.begin(first_times(twin.vehicle, twin.messages, 0))
    spent: list[int] = []
    for step in range(steps):
        times[:] = (step - 1) * STEP_NS, step * STEP_NS
        began = time.perf_counter_ns()
        emitter.run((step + 1) * STEP_NS)
        spent.append(time.perf_counter_ns() - began)
    return statistics.median(spent) / 1e3


def emit(vehicle: Vehicle, seconds: int) -> None:
    """Print what a frame takes in bulk, by the emitter and by numpy, of the same values."""
    twin = driven(vehicle)
    rows = [list(twin.values)]
    for step in range(1, seconds * 100):
        twin.advance(WARM_UP_NS + step * STEP_NS)
        rows.append(list(twin.values))
    t_ns, values = np.arange(len(rows), dtype=np.int64) * STEP_NS, np.array(rows)
    fitting = [k for k in range(len(twin.paths)) if not np.isnan(values[:, k]).any()]
    tracks = {twin.paths[k]: Track(t_ns, np.ascontiguousarray(values[:, k])) for k in fitting}
    print(f"{vehicle.name}: {len(tracks)} signals over {seconds} s, a value every 10 ms, every message")
    rates: list[float] = []
    for name, encoder in (
        ("numpy, message by message", ReferenceEncoder(vehicle)),
        ("emitter", VehicleEncoder(vehicle)),
    ):
        spent: list[float] = []
        count = 0
        for _ in range(5):
            began = time.process_time()
            count = len(encoder.encode(tracks, 0, seconds * S, idle=True))
            spent.append(time.process_time() - began)
        rates.append(statistics.median(spent) / count)
        print(f"  {name:32} {rates[-1] * 1e6:8.3f} µs per frame ({count:,} frames)")
    print(f"  {'the emitter is':32} {rates[0] / rates[1]:8.1f} times as fast")


def fleet(cars: tuple[str, ...], count: int, seconds: int) -> None:
    """Print how many cars a core drives in real time, each 10 ms at a time, one after another."""
    twins = [driven(load_vehicle(cars[i % len(cars)])) for i in range(count)]
    began, cpu = time.perf_counter(), time.process_time()
    frames = 0
    for step in range(1, seconds * 100 + 1):
        until = WARM_UP_NS + step * STEP_NS
        for twin in twins:
            frames += len(twin.advance(until))
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{count} cars of {len(cars)} kinds, 10 ms at a time: {frames / seconds:,.0f} frames per simulated second")
    print(f"  {'cars per core, wall time':32} {count * seconds / took:8.0f}")
    print(f"  {'cars per core, processor time':32} {count * seconds / cpu:8.0f}")


if __name__ == "__main__":
    main()
