"""Drives that the tests of the shipped apps share: one scenario through many twins, each decoded once for all apps."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.apps.loading import load_app
from commonwheel.apps.replay import Recorded, drive_of_log, drive_of_samples, run_over
from commonwheel.twin.parameters_file import load_parameters
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import Samples, Vehicle, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder

if TYPE_CHECKING:
    from commonwheel.twin.state import State

APPS = ("trip", "driving-events", "range", "battery-care", "health")

RIDE = """\
format: 1
scenario: ride
start: {charge: 70 %, air: 16 degC, odometer: 1000.2 km}
driver: {style: sporty}
drive:
  - wait: 4 s
  - {to: 50 km/h, in: 4 s}
  - {hold: 16 s}
  - {to: 88 km/h, in: 11 s}
  - {hold: 8 s}
  - {to: 0 km/h, in: 4.5 s}
  - wait: 5 s
  - {to: 30 km/h, in: 7 s}
  - {hold: 4 s}
  - {to: 0 km/h, in: 7 s}
  - wait: 8 s
bends:
  - {at: 14 s, for: 7 s, turn: left, radius: 32 m}
"""
"""A harsh start, a harsh bend, a while above 80 km/h, a harsh stop, and a gentle piece of road; parked at both ends."""

CALM = """\
format: 1
scenario: calm
start: {charge: 70 %, air: 16 degC, odometer: 1000.2 km}
drive:
  - wait: 4 s
  - {to: 50 km/h, in: 12 s}
  - {hold: 34 s}
  - {to: 0 km/h, in: 12 s}
  - wait: 6 s
"""


@dataclass(frozen=True, slots=True)
class Driven:
    """A drive that was simulated, and how the car was at its end."""

    vehicle: Vehicle
    samples: Samples
    state: State
    trace: list[tuple[float, float]]
    """Distance in km and energy drawn in kWh, at every whole second."""

    def run(self, app: str, **settings: object) -> Recorded:
        """Run a shipped app over it."""
        recorded = run_over(load_app(app), drive_of_samples(self.vehicle, self.samples), settings)
        assert not recorded.failures, recorded.failures[0]
        return recorded


@functools.cache
def driven(car: str, scenario: str = RIDE, physics: str = "", faults: str = "") -> Driven:
    """Return a simulated drive.

    Args:
        car: whose wires it goes through.
        scenario: its YAML.
        physics: the car whose parameters it has; '' its own.
        faults: YAML of the scenario's faults.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drive.yaml"
        path.write_text(f"{scenario}{faults}", encoding="utf-8")
        plan = load_scenario(path)
    vehicle = load_vehicle(car)
    twin = Twin(vehicle, plan, parameters=load_parameters(physics) if physics else None, seed=1)
    decoder = VehicleDecoder(vehicle, buses={i: bus.name for i, bus in enumerate(vehicle.buses)})
    parts: list[Samples] = []
    trace: list[tuple[float, float]] = []
    end_ns = twin.length_ns
    for until_ns in range(10**9, end_ns + 10**9, 10**9):
        frames = twin.advance(min(until_ns, end_ns))
        if len(frames):
            parts.append(decoder.decode(frames))
        parts.append(decoder.expire(min(until_ns, end_ns)))
        trace.append((twin.state.distance_m / 1000, twin.state.drawn_kwh))
    return Driven(vehicle, Samples.concat(part for part in parts if len(part)), twin.state, trace)


def over_log(app: str, log: Path, car: str, **settings: object) -> Recorded:
    """Run a shipped app over a recording."""
    loaded = load_app(app)
    with drive_of_log(log, car, loaded) as drive:
        recorded = run_over(loaded, drive, settings)
    assert not recorded.failures, recorded.failures[0]
    return recorded
