"""What interventions do to the car's frames: each kind as it says, from when to when, and to nothing else."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from commonwheel.proving.inputs import Inputs, carriers, reaches
from commonwheel.proving.intervention import FRAME_KINDS, INPUT_KINDS, Intervention, Kind
from commonwheel.twin.scenario_file import load_scenario
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.samples import Quality, Samples
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.frames import Clock, Frames

CAR, SPEED, ACTIVE = "honda/civic_touring_2016", "Vehicle.Speed", "Vehicle.ADAS.CruiseControl.IsActive"
S, CYCLE = 10**9, 10**7
BEGIN_S, END_S = 21.0, 22.0


@functools.cache
def sent() -> tuple[Vehicle, Frames]:
    """A car on its way to work, from 20 to 23 s."""
    vehicle = load_vehicle(CAR)
    twin = Twin(vehicle, load_scenario("commute"))
    twin.advance(20 * S)
    return vehicle, twin.advance(23 * S)


def spoilt(kind: Kind, of: str = SPEED, amount: float = 0.0) -> Frames:
    """Return these frames as they arrive, handed over cycle by cycle."""
    vehicle, frames = sent()
    inputs = Inputs(vehicle, [Intervention(kind, of, BEGIN_S, END_S, amount)], seed=1)
    ends = np.arange(20 * S + CYCLE, 23 * S + CYCLE, CYCLE)
    cuts = np.searchsorted(frames.t_ns, ends)
    parts = [
        inputs.apply(frames[begin:end], int(now))
        for begin, end, now in zip([0, *cuts[:-1].tolist()], cuts.tolist(), ends.tolist(), strict=True)
    ]
    return Frames.concat(parts)


def decoded(frames: Frames, path: str = SPEED) -> Samples:
    vehicle, _ = sent()
    decoder = VehicleDecoder(vehicle, buses={0: "fcan"}, clock=Clock.RELATIVE)
    samples = decoder.decode(frames)
    late = decoder.expire(23 * S)
    return Samples.concat([samples, late]).of(path)


def of_speed(frames: Frames) -> Frames:
    vehicle, _ = sent()
    ids = [vehicle.messages[i].frame_id for i in carriers(vehicle, SPEED)]
    return frames[np.isin(frames.id, ids)]


def during(frames: Frames) -> Frames:
    return frames[(frames.t_ns >= BEGIN_S * S) & (frames.t_ns < END_S * S)]


@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_nothing_else_is_touched_and_nothing_before_or_after(kind: Kind) -> None:
    vehicle, frames = sent()
    came = spoilt(kind, amount=0.2)
    ids = [vehicle.messages[i].frame_id for i in carriers(vehicle, SPEED)]
    for rows in (
        lambda f: f[~np.isin(f.id, ids)],
        lambda f: f[np.isin(f.id, ids) & (f.t_ns < BEGIN_S * S)],
        lambda f: f[np.isin(f.id, ids) & (f.t_ns >= (END_S + 0.3) * S)],
    ):
        sound, other = rows(frames), rows(came)
        assert np.array_equal(sound.t_ns, other.t_ns)
        assert np.array_equal(sound.data, other.data)


@pytest.mark.parametrize("kind", FRAME_KINDS)
def test_a_counter_or_a_checksum_alone_is_spoiled_and_the_decoder_tells(kind: Kind) -> None:
    vehicle, frames = sent()
    came = spoilt(kind)
    assert np.array_equal(came.t_ns, frames.t_ns)
    one = vehicle.messages[carriers(vehicle, SPEED)[0]]
    changed = of_speed(during(came)).data ^ of_speed(during(frames)).data
    assert not changed[:, : one.size - 1].any(), "counter and checksum share the last byte on this car"
    bad = decoded(came)
    within = (bad.t_ns >= (BEGIN_S + 0.2) * S) & (bad.t_ns < END_S * S)
    assert (bad.quality[within] == Quality.CORRUPT).all()
    assert (bad.quality[bad.t_ns < BEGIN_S * S] == Quality.GOOD).all()


def test_nothing_at_all_is_heard_where_nothing_is_named() -> None:
    assert not len(during(spoilt(Kind.LOST, "")))


def test_lost_frames_make_the_input_stale() -> None:
    assert not len(during(of_speed(spoilt(Kind.LOST))))
    samples = decoded(spoilt(Kind.LOST))
    assert samples.quality.tolist().count(Quality.STALE) == 1


def test_frozen_frames_are_seen_by_their_counter() -> None:
    came = during(of_speed(spoilt(Kind.FROZEN)))
    assert (came.data == came.data[0]).all()
    samples = decoded(spoilt(Kind.FROZEN))
    rows = (samples.t_ns > (BEGIN_S + 0.1) * S) & (samples.t_ns < END_S * S)
    assert rows.any()
    assert (samples.quality[rows] == Quality.CORRUPT).all()


def test_a_stuck_value_has_counters_and_checksums_that_are_right() -> None:
    samples = decoded(spoilt(Kind.STUCK))
    rows = (samples.t_ns >= BEGIN_S * S) & (samples.t_ns < END_S * S)
    assert (samples.quality == Quality.GOOD).all()
    assert len(set(samples.value[rows].tolist())) == 1
    assert len(set(samples.value[~rows].tolist())) > 3


def test_corrupted_frames_fail_their_checksum() -> None:
    samples = decoded(spoilt(Kind.CORRUPTED))
    rows = (samples.t_ns >= BEGIN_S * S) & (samples.t_ns < END_S * S)
    assert (samples.quality[rows] == Quality.CORRUPT).all()
    assert (samples.quality[~rows] == Quality.GOOD).mean() > 0.98


def test_delayed_frames_all_come_and_later() -> None:
    _, frames = sent()
    came, sound = of_speed(spoilt(Kind.DELAYED, amount=0.2)), of_speed(frames)
    assert len(came) == len(sound)
    late = came[(came.t_ns >= BEGIN_S * S) & (came.t_ns < (BEGIN_S + 0.2) * S)]
    assert not len(late)
    assert (np.diff(came.t_ns) >= 0).all()


def test_a_whole_bus_can_be_silent() -> None:
    vehicle, _ = sent()
    assert len(carriers(vehicle, "fcan")) == len(vehicle.messages)
    assert not len(during(spoilt(Kind.LOST, "fcan")))


def test_the_same_seed_flips_the_same_bits() -> None:
    assert np.array_equal(spoilt(Kind.CORRUPTED).data, spoilt(Kind.CORRUPTED).data)


def test_what_the_car_does_not_send_cannot_be_spoilt() -> None:
    vehicle, frames = sent()
    assert not reaches(vehicle, Kind.LOST, "Vehicle.ADAS.Lane")
    assert reaches(vehicle, Kind.STUCK, ACTIVE)
    inputs = Inputs(vehicle, [Intervention(Kind.LOST, "Vehicle.ADAS.Lane")])
    assert inputs.apply(frames, 23 * S) is frames
