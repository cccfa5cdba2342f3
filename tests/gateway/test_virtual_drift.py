"""The loop from a simulated car's state over its wire and through the gateway closes: no drift, however long."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from commonwheel.broker import Broker
from commonwheel.broker.subscription import Queue
from commonwheel.catalog import load_catalog
from commonwheel.gateway.clock import SteadyClock
from commonwheel.gateway.pipeline import Pipeline
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import load_vehicle
from commonwheel.wire.frames import Clock

S = 10**9
BEGAN_NS = 1_790_000_000 * S
SPEED, ODOMETER = "Vehicle.Speed", "Vehicle.TraveledDistance"
VOLTAGE, CURRENT = (f"Vehicle.Powertrain.TractionBattery.{what}" for what in ("CurrentVoltage", "CurrentCurrent"))
KWH = 3.6e6
CARS = ("honda/e", "nissan/leaf_aze0:30kwh", "mitsubishi/imiev", "mitsubishi/outlander_phev", "honda/civic_gen8")
Column = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]


@dataclass
class Driven:
    """What the broker said of a drive, and what was true."""

    said: dict[str, Column]
    distance_m: float = 0.0
    drawn_kwh: float = 0.0
    seconds: int = 0
    lost: int = 0
    stale: int = 0

    def integral(self, path: str, other: str | None = None) -> float:
        """Integrate a signal over time in seconds, multiplied with what another one was last."""
        t_ns, value = self.said[path]
        if other is not None:
            at, factor = self.said[other]
            value = value * factor[np.clip(np.searchsorted(at, t_ns, "right") - 1, 0, None)]
        return float(np.trapezoid(value, t_ns / S))


def drive(car: str, scenario: str, seconds: int) -> Driven:
    """Drive so long, again and again if need be, second by second through pipeline and broker."""
    vehicle = load_vehicle(car)
    twin = Twin(vehicle, load_scenario(scenario))
    broker = Broker(load_catalog())
    pipeline = Pipeline(
        vehicle, broker, SteadyClock(), buses={i: bus.name for i, bus in enumerate(vehicle.buses)}, clock=Clock.UTC,
        with_personal=False,
    )  # fmt: skip
    pipeline.open()
    paths = [path for path in (SPEED, ODOMETER, VOLTAGE, CURRENT) if path in vehicle.numbers]
    numbers = {broker.table.number(path): path for path in paths}
    reader = broker.subscribe(list(numbers), queue=Queue(batches=10_000), initial=False)
    parts: dict[str, list[Column]] = {path: [] for path in paths}
    result = Driven({}, seconds=seconds)
    epoch = BEGAN_NS
    for second in range(1, seconds + 1):
        until = BEGAN_NS + second * S
        while epoch + twin.t_ns < until:
            if twin.t_ns >= twin.length_ns:
                epoch += twin.t_ns
                result.distance_m += twin.state.distance_m
                result.drawn_kwh += twin.state.drawn_kwh
                twin.again()
            frames = twin.advance(min(until - epoch, twin.length_ns))
            pipeline.take(replace(frames, t_ns=frames.t_ns + epoch, clock=Clock.UTC))
        pipeline.expire(until)
        taken = reader.take()
        assert not taken.dropped
        for batch in taken.batches:
            for number, path in numbers.items():
                mine = (batch.signal == number) & (batch.quality == 0)
                if mine.any():
                    parts[path].append((batch.t_ns[mine] - BEGAN_NS, batch.value[mine]))
    result.said = {
        path: (np.concatenate([t for t, _ in p]), np.concatenate([v for _, v in p])) for path, p in parts.items()
    }
    result.distance_m += twin.state.distance_m
    result.drawn_kwh += twin.state.drawn_kwh
    facts = pipeline.facts()
    result.lost, result.stale = int(str(facts["lost"])), int(str(facts["stale"]))
    pipeline.close()
    return result


def check(car: str, driven: Driven) -> None:
    """Speed, odometer and energy as the broker said them against the car's own state."""
    assert not driven.lost
    assert not driven.stale
    assert driven.integral(SPEED) / 3.6 == pytest.approx(driven.distance_m, rel=1e-4, abs=0.2)
    t_ns, speed = driven.said[SPEED]
    assert len(t_ns) >= driven.seconds * 10
    assert np.diff(t_ns).max() <= S // 10 + S // 1000  # every message at its period, the loops' seams included
    assert (speed >= 0).all()
    if ODOMETER in driven.said:
        # Each time it begins again, the car is where it was; the last stretch counts.
        assert driven.said[ODOMETER][1].max() - driven.said[ODOMETER][1].min() <= driven.distance_m + 1000.0
    if CURRENT in driven.said and VOLTAGE in driven.said:
        steps = {
            path: load_vehicle(car).signals[load_vehicle(car).numbers[path]].resolution for path in (VOLTAGE, CURRENT)
        }
        # Rounding to a step of the wire: on average a part of it remains where the current hardly changes.
        slack = 0.1 * steps[CURRENT] * float(driven.said[VOLTAGE][1].mean()) * driven.seconds / KWH
        assert -driven.integral(CURRENT, VOLTAGE) / KWH == pytest.approx(driven.drawn_kwh, rel=1e-3, abs=slack + 1e-4)


@pytest.mark.parametrize("car", CARS[:3])
def test_a_minute_closes(car: str) -> None:
    check(car, drive(car, "town", 60))


@pytest.mark.slow
@pytest.mark.parametrize("car", CARS)
def test_an_hour_closes(car: str) -> None:
    """Three commutes and a bit, begun again without a gap."""
    driven = drive(car, "commute", 3600)
    check(car, driven)
    assert driven.distance_m > 50_000
