"""Logs decoded chunk by chunk: their car, their buses, their span of time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from commonwheel.errors import DescriptionError, LogError
from commonwheel.vehicles import Quality, Samples, load_vehicle
from commonwheel.vehicles.encoder import VehicleEncoder
from commonwheel.vehicles.reading import LogDecoder, Selection
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import write_candump

ONE_BUS, TWO_BUSES = "honda/civic_touring_2016", "nissan/leaf_ze0"
SECOND = 10**9
STARTED = 1_700_000_000 * SECOND


def traffic(car: str, seconds: int = 3) -> Frames:
    frames = VehicleEncoder(load_vehicle(car)).encode({}, 0, seconds * SECOND, idle=True)
    return dataclasses.replace(frames, t_ns=frames.t_ns + STARTED)


def written(path: Path, *parts: Frames) -> Path:
    write_candump(path, Frames.concat(parts).sorted_by_time())
    return path


def everything(decoder: LogDecoder) -> Samples:
    return Samples.concat(list(decoder))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A log of a car of two buses, of which the second one is heard first."""
    frames = traffic(TWO_BUSES)
    later = frames.t_ns + np.where(frames.bus == 0, 50_000_000, 0)
    return written(tmp_path / "two.log", dataclasses.replace(frames, bus=1 - frames.bus, t_ns=later))


@pytest.mark.parametrize("car", [None, TWO_BUSES, load_vehicle(TWO_BUSES)])
def test_the_recorded_buses_are_put_on_the_cars(two: Path, car: str | None) -> None:
    with LogDecoder(two, car) as decoder:
        samples = everything(decoder)
    assert decoder.vehicle.name == TWO_BUSES
    assert decoder.buses == {0: "car", 1: "ev"}
    assert decoder.decoder.counts.unknown == 0
    assert len(samples) > 1000
    assert decoder.warnings == []


def test_a_stated_bus_is_believed(two: Path) -> None:
    with LogDecoder(two, TWO_BUSES, Selection(buses={1: "ev"})) as decoder:
        everything(decoder)
    assert decoder.buses == {1: "ev"}
    assert {count.bus for count in decoder.decoder.message_counts} == {"ev"}


def test_of_several_recorded_buses_one_is_that_of_a_car_of_one_bus(tmp_path: Path) -> None:
    """Another bus with the same ids must not be mixed into it."""
    frames = traffic(ONE_BUS)
    noise = np.random.default_rng(1).integers(0, 256, frames.data.shape, np.uint8)
    other = dataclasses.replace(frames, bus=frames.bus + np.uint8(4), data=noise, t_ns=frames.t_ns + 1)
    for car in (None, ONE_BUS):
        with LogDecoder(written(tmp_path / "two.log", frames, other), car) as decoder:
            samples = everything(decoder)
        assert decoder.buses == {0: "fcan"}
        assert not (samples.quality == Quality.CORRUPT).any()


def test_a_span_of_time_is_cut_out_from_the_first_frame_on(two: Path) -> None:
    with LogDecoder(two, selection=Selection(start_s=1.0, end_s=1.5)) as decoder:
        samples = everything(decoder)
    assert samples.t_ns.min() >= decoder.first_ns + SECOND
    assert samples.t_ns.max() < decoder.first_ns + 1.5 * SECOND
    assert decoder.warnings == []
    with LogDecoder(two, selection=Selection(start_s=100.0)) as decoder:
        assert list(decoder) == []
    assert decoder.warnings


def test_what_is_late_at_the_last_frame_is_told(tmp_path: Path) -> None:
    """A message that stops early is stale at the end though nothing follows of it."""
    frames = traffic(ONE_BUS)
    stopping = int(frames.id[0])
    kept = frames[(frames.id != stopping) | (frames.t_ns < STARTED + SECOND)]
    with LogDecoder(written(tmp_path / "stops.log", kept), ONE_BUS) as decoder:
        everything(decoder)
    stale = {count.id: count.stale for count in decoder.decoder.message_counts}
    assert stale[stopping] == 1
    assert sum(stale.values()) == 1


def test_signals_are_chosen_and_progress_is_told(two: Path) -> None:
    told: list[int] = []
    with LogDecoder(two, None, Selection(("Vehicle.Speed",)), progress=told.append) as decoder:
        samples = everything(decoder)
    assert samples.paths == ["Vehicle.Speed"]
    assert told[-1] == two.stat().st_size


@pytest.mark.parametrize(
    ("content", "car", "error", "phrase"),
    [
        ("", ONE_BUS, LogError, "the file is empty"),
        ("Time Stamp,ID,Extended,Bus,LEN,D1\n", None, LogError, "holds no frames, so its car cannot be told"),
        ("(1.0) can0 123#00\n", None, LogError, "made by none of the described cars"),
        ("(1.0) can0 123#00\n", "acme/none", DescriptionError, "there is no car 'acme/none'"),
    ],
)
def test_a_log_whose_car_cannot_be_told_is_refused(
    tmp_path: Path, content: str, car: str | None, error: type[Exception], phrase: str
) -> None:
    path = tmp_path / "log.log"
    path.write_text(content)
    with pytest.raises(error, match=phrase), LogDecoder(path, car):
        pass


def test_leaving_early_is_no_trouble(two: Path) -> None:
    with LogDecoder(two, TWO_BUSES) as decoder:
        first = next(iter(decoder))
    assert len(first)
