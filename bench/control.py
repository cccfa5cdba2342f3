"""Acting: what a cycle costs, and how soon a frame in is an actuator's frame out: ``python -m bench.control``.

First the cycle alone, on recorded input: a twin's frames and samples are taken once, then given to ``CarControl`` again
as fast as it goes. Then the live path: a simulated car in real time, its gateway and broker, the thread that acts,
and an app's requests. What is measured there is from the newest frame that a cycle took in (when the gateway had read
it) to each frame that left for the car; up to 10 ms of it is waiting for the next cycle. Load is a process that burns
each core but one, or all of them; garbage collection is on throughout.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.broker import Broker
from commonwheel.broker.actuation import Terms
from commonwheel.catalog import load_catalog
from commonwheel.control import CYCLE_NS, CarControl, Request
from commonwheel.control.description import load_control
from commonwheel.gateway.actuator import leave_to_act
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.virtual import VirtualCar
from commonwheel.guard import State
from commonwheel.proving.plan import CARS
from commonwheel.twin.parameters_file import load_parameters
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.vehicles.samples import Samples

SCENARIO = "motorway-lane"
ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
ARMED = "Vehicle.MotionManagement.Guard.IsArmed"
VALID_NS = 300_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.control")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    quick = parser.parse_args().quick
    print(f"garbage collection {'on' if gc.isenabled() else 'OFF'}; {os.cpu_count()} cores")
    print(f"{'a cycle alone':40} {'p50':>8} {'p99':>8} {'worst':>8}   engaged")
    for car in CARS[:1] if quick else CARS:
        cycle(car, seconds=6 if quick else 60)
    print(f"\n{'frame in to frame out, live':40} {'p50':>8} {'p99':>8} {'worst':>8}")
    cores = os.cpu_count() or 1
    loads = (0, cores - 1) if quick else (0, cores - 1, cores)
    for car in CARS[:1] if quick else CARS[:1] + CARS[2:3]:
        for burning in loads:
            with load(burning):
                live(car, burning, seconds=4.0 if quick else 60.0)


def recorded(car: str, seconds: int) -> tuple[CarControl, list[tuple[Frames, Samples, Frames]]]:
    """Return a control, and what a car that it drives says in each cycle, as bytes and decoded."""
    vehicle = load_vehicle(car)
    control = load_control(vehicle)
    if control is None:
        message = f"{car} cannot be made to act"
        raise SystemExit(message)
    twin = Twin(vehicle, load_scenario(SCENARIO), parameters=load_parameters(car), harness=True)
    decoder = VehicleDecoder(vehicle, buses={i: bus.name for i, bus in enumerate(vehicle.buses)}, clock=Clock.RELATIVE)
    acting = CarControl(vehicle, control)
    rows: list[tuple[Frames, Samples, Frames]] = []
    for t_ns in range(CYCLE_NS, seconds * 10**9, CYCLE_NS):
        frames = twin.advance(t_ns)
        samples = decoder.decode(frames)
        leaving = one_cycle(acting, t_ns, frames, samples)
        rows.append((frames, samples, leaving))
        twin.receive(leaving)
    return CarControl(vehicle, control), rows


def one_cycle(control: CarControl, t_ns: int, frames: Frames, samples: Samples) -> Frames:
    """Go through a cycle with two requests, and return what leaves."""
    if t_ns == CYCLE_NS:
        control.arm(t_ns, "bench")
    control.hear(frames)
    control.take(samples)
    if t_ns % (2 * CYCLE_NS) == 0:
        control.request(Request(ACCELERATION, 0.1, "bench", t_ns, VALID_NS))
        control.request(Request(ANGLE, 0.5, "bench", t_ns, VALID_NS))
    step = control.step(t_ns, t_ns)
    rows = [(t_ns, frame.bus, frame.can_id, frame.payload) for frame in step.frames]
    return Frames.build(rows, clock=Clock.RELATIVE)


def cycle(car: str, seconds: int) -> None:
    """Print what a cycle costs: taking in, deciding, and making the frames."""
    control, rows = recorded(car, seconds)
    took: list[int] = []
    engaged = 0
    for number, (frames, samples, _) in enumerate(rows, 1):
        t_ns = number * CYCLE_NS
        began = time.perf_counter_ns()
        if t_ns == CYCLE_NS:
            control.arm(t_ns, "bench")
        control.hear(frames)
        control.take(samples)
        if number % 2 == 0:
            control.request(Request(ACCELERATION, 0.1, "bench", t_ns, VALID_NS))
            control.request(Request(ANGLE, 0.5, "bench", t_ns, VALID_NS))
        control.step(t_ns, t_ns)
        took.append(time.perf_counter_ns() - began)
        engaged += control.guard.state("lateral") is State.ENGAGED
    print(row(car, np.array(took) / 1e6), f"  {engaged / len(rows):.0%}")


def live(car: str, burning: int, seconds: float) -> None:
    """Print how long it takes from a frame in to a frame out, in real time."""
    vehicle = load_vehicle(car)
    twin = Twin(vehicle, load_scenario(SCENARIO), parameters=load_parameters(car), harness=True)
    virtual, broker = VirtualCar(twin), Broker(load_catalog())
    gateway = CarGateway(vehicle, broker, virtual, actuate=leave_to_act(vehicle))
    came, waited = [0], list[float]()
    gateway.listen(lambda _: came.__setitem__(0, time.perf_counter_ns()))
    tell = virtual.tell

    def told(bus: int, can_id: int, payload: bytes) -> None:
        waited.append((time.perf_counter_ns() - came[0]) / 1e6)
        tell(bus, can_id, payload)

    setattr(virtual, "tell", told)  # noqa: B010 - to hear each frame as it leaves
    gateway.start()
    try:
        gateway.ready.wait(30)
        facts = ask(gateway, broker, seconds, waited)
    finally:
        gateway.stop()
    print(row(f"{car}, {burning} cores burnt", np.array(waited)))
    took, late, cycles = facts["cycle_s"], facts["late_s"], facts["cycles"]
    states = ", ".join(f"{axis} {state}" for axis, state in facts["states"].items())
    print(
        f"  {cycles} cycles: {took.sum_s / cycles * 1e3:.3f} ms each, {took.most_s * 1e3:.2f} ms the longest; ", end=""
    )
    print(f"begun {late.most_s * 1e3:.1f} ms late at worst, {facts['missed']} missed; {states}")
    stated = actuator_of(gateway).control.control.envelope.late_ns / 1e6
    seen = [str(event.facts.get("cause")) for event in broker.events.last() if event.kind == "guard.faulted"]
    print(f"  the guard lets {stated:g} ms pass; it said: {'; '.join(seen) or 'nothing'}")


def ask(gateway: CarGateway, broker: Broker, seconds: float, waited: list[float]) -> dict[str, Any]:
    """Arm the car and ask it to act for a while; returns the facts of what acted."""
    time.sleep(1.5)  # every message of the car has come by then: what is missing when it is armed is a fault
    numbers, end = broker.table.numbers, time.monotonic() + seconds + 3.0
    broker.actuate({numbers[ARMED]: True}, "bench", terms=Terms(reason="bench"))
    wish = {numbers[ACCELERATION]: 0.1, numbers[ANGLE]: 0.5}
    begun = False
    while time.monotonic() < end:
        broker.actuate(wish, "bench", terms=Terms(valid_ns=VALID_NS))
        time.sleep(0.05)
        if not begun and time.monotonic() > end - seconds:
            begun = True
            waited.clear()
    return actuator_of(gateway).facts()


def actuator_of(gateway: CarGateway) -> Any:  # noqa: ANN401 - it is there, since the car may act
    """Return what acts."""
    return gateway.actuator


def row(name: str, took_ms: np.ndarray[Any, Any]) -> str:
    """Return a line of the table, in ms."""
    p50, p99 = np.percentile(took_ms, [50, 99])
    return f"{name:40} {p50:8.3f} {p99:8.3f} {took_ms.max():8.3f}"


def burn(end: Any) -> None:  # noqa: ANN401 - an event of multiprocessing
    """Keep a core busy."""
    while not end.is_set():
        sum(i * i for i in range(10_000))


@contextmanager
def load(count: int) -> Iterator[None]:
    """Keep so many cores busy while the block runs."""
    context = multiprocessing.get_context("spawn")
    end = context.Event()
    workers = [context.Process(target=burn, args=(end,), daemon=True) for _ in range(count)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        end.set()
        for worker in workers:
            worker.join()


if __name__ == "__main__":
    threading.current_thread().name = "bench"
    main()
