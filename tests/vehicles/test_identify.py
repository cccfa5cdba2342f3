"""Which described car made traffic: every car from its own, none from noise."""

from __future__ import annotations

import dataclasses
import functools
import random

import numpy as np
import pytest

from commonwheel.vehicles import Vehicle, car_names, load_vehicle
from commonwheel.vehicles.encoder import VehicleEncoder
from commonwheel.vehicles.identify import Identification, identify, load_cars, observe
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, REMOTE_FLAG, Clock, Frames
from tests.vehicles.workshop import CAR, HEAD, Workshop

SECOND = 10**9
CARS = car_names()
every_car = pytest.mark.parametrize("name", CARS)
load = functools.cache(load_vehicle)


@functools.cache
def all_cars() -> list[Vehicle]:
    return load_cars()


@functools.cache
def traffic(name: str) -> Frames:
    """Return two seconds of everything that a car sends, its buses numbered from 3 on, backwards."""
    car = load(name)
    frames = VehicleEncoder(car).encode({}, 0, 2 * SECOND, idle=True)
    return dataclasses.replace(frames, bus=(3 + len(car.buses) - 1 - frames.bus).astype(np.uint8))


def told(name: str, found: Identification) -> bool:
    """Whether a car was found, or a sibling that this traffic cannot tell it from."""
    fitting = {found.best.car} if found.best else set[str]()
    return name in fitting | {candidate.car for candidate in found.alike} or name.partition(":")[0] in fitting


def family(name: str) -> str:
    return name.partition(":")[0]


@every_car
def test_a_car_is_told_by_its_own_traffic_with_its_buses(name: str) -> None:
    found = identify(traffic(name), all_cars())
    assert told(name, found)
    assert found.best
    names = [bus.name for bus in load(found.best.car).buses]
    right = {3 + len(names) - 1 - i: bus for i, bus in enumerate(names)}
    assert found.best.assignment.items() <= right.items()
    assert found.best.assignment


@every_car
def test_a_car_is_told_by_its_own_traffic_though_half_of_its_units_are_silent(name: str) -> None:
    frames = traffic(name)
    ids = np.unique(frames.id)
    for turn in range(2):
        best = identify(frames[np.isin(frames.id, ids[turn::2])], all_cars()).best
        assert best
        assert family(best.car) == family(name)


@every_car
def test_other_lengths_are_another_car(name: str) -> None:
    """The same ids with one byte less in each frame were made by nothing that is described here."""
    frames = traffic(name)
    shorter = dataclasses.replace(frames, size=np.maximum(frames.size, 1) - np.uint8(1))
    assert identify(shorter, all_cars()).best is None


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_none_of_these(seed: int) -> None:
    rng = random.Random(seed)
    ids = rng.sample(range(0x800), 60)
    rows = [(i * 100_000, rng.randrange(2), rng.choice(ids), rng.randbytes(8)) for i in range(20_000)]
    assert identify(Frames.build(rows), all_cars()).best is None


def test_a_cars_ids_with_anything_in_them_are_not_the_car() -> None:
    """Where checksums are described they have to hold."""
    frames = traffic("honda/civic_touring_2016")
    rng = np.random.default_rng(1)
    noise = dataclasses.replace(frames, data=rng.integers(0, 256, frames.data.shape, np.uint8))
    assert identify(noise, all_cars()).best is None


@pytest.mark.parametrize(
    "frames",
    [
        Frames.empty(),
        Frames.build([(0, 0, 0x123 | REMOTE_FLAG, b""), (1, 0, ERROR_FLAG, b"")]),
        Frames.build([(0, 0, 0x123, b"\x01")]),
    ],
    ids=["nothing", "no data", "one frame"],
)
def test_too_little_is_none_of_these(frames: Frames) -> None:
    found = identify(frames, all_cars())
    assert (found.best, found.alike) == (None, ())
    assert found.frames == len(frames)


def test_no_cars_are_no_candidates() -> None:
    found = identify(traffic("honda/e"), [])
    assert (found.best, found.candidates) == (None, ())


def test_times_that_tell_nothing_do_not_count_against_a_car() -> None:
    frames = dataclasses.replace(traffic("nissan/leaf_ze0"), clock=Clock.ORDER)
    found = identify(frames, all_cars())
    assert told("nissan/leaf_ze0", found)
    assert found.best
    assert all(bus.periods == (0, 0) for bus in found.best.buses)


def test_two_buses_recorded_as_one_still_tell_the_car() -> None:
    frames = traffic("nissan/leaf_ze1")
    assert told("nissan/leaf_ze1", identify(dataclasses.replace(frames, bus=frames.bus * np.uint8(0)), all_cars()))


def test_what_is_seen_of_each_id() -> None:
    rows = [(i * 10_000_000, 1, 0x100, bytes(3 if i != 4 else 8)) for i in range(9)]
    rows += [(0, 1, 0x18FF0000 | EXTENDED_FLAG, b""), (0, 2, 0x100 | REMOTE_FLAG, b"")]
    seen = observe(Frames.build(rows))
    assert list(seen) == [1]
    first, second = seen[1]
    assert (first.can_id, first.count, first.size, first.period_ns) == (0x100, 9, 3, 10_000_000)
    assert (second.can_id, second.count, second.size) == (0x18FF0000 | EXTENDED_FLAG, 1, 0)
    assert np.isnan(second.period_ns)


# ---- descriptions of one's own --------------------------------------------------------------------------------------

SIX = "".join(f'BO_ {i} M{i}: 8 X\n SG_ S : 7|8@0+ (1,0) [0|0] "" X\n' for i in range(0x10, 0x16))


def six_frames(*extra: int) -> Frames:
    return Frames.build(
        (i * 1_000_000, 0, can_id, bytes(8)) for i in range(9) for can_id in (*range(0x10, 0x16), *extra)
    )


def test_ids_that_are_not_listed_speak_against_a_car_that_lists_all(workshop: Workshop) -> None:
    thin = workshop.build("signals: {}", car=SIX)
    full = workshop.build("signals: {}", head=HEAD.replace("car.dbc", "car.dbc, complete: true"), car=SIX)
    strangers = tuple(range(0x20, 0x26))
    assert identify(six_frames(), [thin]).best
    assert identify(six_frames(), [full]).best
    assert identify(six_frames(*strangers), [full]).best is None


def test_a_variant_is_listed_only_where_it_fits_better_than_its_car(workshop: Workshop) -> None:
    more = 'BO_ 256 Only: 8 X\n SG_ S : 7|8@0+ (1,0) [0|0] "" X\n'
    big = "{buses: {car: {database: more.dbc}}, messages: {car/Only: {period: 1 ms}}}"
    text = f"variants: {{big: {big}, same: {{powertrain: hybrid}}}}"
    cars = [workshop.build(text, variant=v, car=SIX, more=more) for v in ("", "big", "same")]
    without, with_it = identify(six_frames(), cars), identify(six_frames(0x100), cars)
    assert [c.car for c in without.candidates] == [CAR]
    assert with_it.best
    assert with_it.best.car == f"{CAR}:big"
    assert f"{CAR}:same" not in [c.car for c in with_it.candidates]


def test_a_car_described_in_two_folders_is_compared_once(workshop: Workshop) -> None:
    workshop.write("signals: {}", car=SIX)
    workshop.write("a: [", name="acme/broken")
    assert [car.name for car in load_cars((workshop.folder, workshop.folder))] == [CAR]
