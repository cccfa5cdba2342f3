"""What a twin says on its wire is what is true of it: decoded by the same description, for every shipped car."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import pytest

from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import STEP_NS, Twin
from commonwheel.vehicles import Quality, car_names, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.identify import identify
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.frames import Clock, Frames

S = 10**9
SECONDS = 12
COMPUTED = {"Vehicle.TraveledDistance": 1000.0, "Vehicle.Speed": 0.05}
"""What values that are put together of several fields may be off: an odometer of whole kilometres, for one."""
every_car = pytest.mark.parametrize(
    "car", [pytest.param(car, marks=[pytest.mark.slow] * (":" in car)) for car in car_names()]
)
load = functools.cache(load_vehicle)
Values = npt.NDArray[np.float64]


def decoder(vehicle: Vehicle) -> VehicleDecoder:
    return VehicleDecoder(vehicle, buses={i: bus.name for i, bus in enumerate(vehicle.buses)}, clock=Clock.RELATIVE)


@functools.cache
def driven(car: str, seconds: int = SECONDS) -> tuple[Twin, Frames, Values]:
    """Drive the demo; returns the frames, and the truth of each step."""
    twin = Twin(load(car), load_scenario("demo"))
    parts, truth = [], [list(twin.values)]
    for step in range(seconds * S // STEP_NS):
        parts.append(twin.advance((step + 1) * STEP_NS))
        truth.append(list(twin.values))
    return twin, Frames.concat(parts), np.array(truth)


def tolerance(vehicle: Vehicle, path: str) -> float:
    """Return how far a decoded value may be off: half a step of the wire, the coarsest of those that tell it.

    And a little, where two signals are one field, and the physics knows of what joins them in round numbers.
    """
    writers = vehicle.writers[path]
    if any(writer.steps for writer in writers):
        return COMPUTED.get(path, 0.0)
    if any(writer.codes for writer in writers):
        return 0.0
    return max(abs(writer.factor) for writer in writers) / 2 * 1.05


@every_car
def test_every_value_decodes_to_what_is_true_within_half_a_step(car: str) -> None:
    """Each sample of each signal, at the very time of its frame; 'no value' where there is none."""
    twin, frames, truth = driven(car)
    vehicle = twin.vehicle
    samples = decoder(vehicle).decode(frames)
    tried = 0
    for place, path in enumerate(twin.paths):
        said = samples.of(path)
        if not len(said):
            continue
        wanted = truth[said.t_ns // STEP_NS, place]
        none = np.isnan(wanted)
        assert (said.quality[~none] == Quality.GOOD).all(), path
        assert (said.quality[none] != Quality.GOOD).all(), path
        off = np.abs(said.value - wanted)[~none]
        assert not len(off) or off.max() <= tolerance(vehicle, path), path
        tried += 1
    assert tried == len({path for path in twin.paths if path in samples.paths})
    assert tried > 0.9 * len(twin.paths)
    assert twin.clamped == 0


@every_car
def test_counters_and_checksums_are_right_and_nothing_is_late(car: str) -> None:
    twin, frames, _ = driven(car)
    reader = decoder(twin.vehicle)
    reader.decode(frames)
    reader.expire(SECONDS * S)
    assert reader.counts.unknown == 0
    assert not [m for m in reader.message_counts if m.corrupt or m.lost or m.stuck or m.shorter or m.stale]
    assert {m.name for m in reader.message_counts} == {twin.vehicle.messages[i].name for i in twin.messages}


@every_car
def test_traffic_is_told_to_be_its_own_cars(car: str) -> None:
    """Variants that cannot be told apart on the wire are told as the car they belong to."""
    twin, frames, _ = driven(car)
    best = identify(frames).best
    assert best is not None
    assert best.car in {car, car.partition(":")[0]}
    buses = {i: bus.name for i, bus in enumerate(twin.vehicle.buses)}
    assert best.assignment.items() <= buses.items()
    assert len(best.assignment) >= len(buses) - 1  # a camera's bus of one known message is nobody's
