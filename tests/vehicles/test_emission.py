"""The emitter against the encoder written out in numpy, and what it does with values that do not fit."""

from __future__ import annotations

import functools
import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from commonwheel.vehicles import Quality, car_names, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.emission import compile_emission, first_times
from commonwheel.vehicles.encoder import Track, VehicleEncoder
from commonwheel.vehicles.model import Writer
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.emitter import Emitter
from commonwheel.wire.frames import Clock, Frames
from tests.vehicles.reference_encoder import ReferenceEncoder
from tests.vehicles.workshop import Workshop

S = 10**9
load = functools.cache(load_vehicle)
SPEED = "Vehicle.Speed"
COLUMNS = ("t_ns", "bus", "id", "size", "data")


def same(one: Frames, other: Frames) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def span(vehicle: Vehicle, writer: Writer) -> tuple[float, float]:
    """Return the least and the greatest value that a field holds, away from the ends by half a step."""
    field = next(f for f in vehicle.messages[writer.message].fields if f.name == writer.field)
    low, high = (
        (-(1 << field.length - 1), (1 << field.length - 1) - 1) if field.signed else (0, (1 << field.length) - 1)
    )
    ends = sorted((low * writer.factor + writer.offset, high * writer.factor + writer.offset))
    return ends[0], ends[1]


def random_track(vehicle: Vehicle, path: str, rng: np.random.Generator, seconds: int) -> Track | None:
    writers, n = vehicle.writers[path], int(rng.integers(1, 60))
    t_ns = np.sort(rng.integers(0, seconds * S, n)).astype(np.int64)
    if writers[0].codes:
        codes = [code for code, _ in writers[0].codes if all(code in dict(w.codes) for w in writers)]
        if not codes:
            return None
        values = rng.choice(codes, n)
    elif any(writer.steps for writer in writers):
        values = rng.integers(0, 2, n).astype(float)
    else:
        ends = [span(vehicle, writer) for writer in writers]
        values = rng.uniform(max(low for low, _ in ends), min(high for _, high in ends), n)
    if all(writer.invalid is not None for writer in writers):
        values[rng.random(n) < 0.1] = math.nan
    return Track(t_ns, values)


@pytest.mark.parametrize("car", car_names())
@settings(max_examples=4)
@given(seed=st.integers(0, 2**32), share=st.floats(0.1, 1.0), idle=st.booleans())
def test_frames_are_those_of_the_reference_byte_by_byte(car: str, seed: int, share: float, idle: bool) -> None:  # noqa: FBT001
    """Any of the car's signals, over any times, from call to call."""
    vehicle, rng = load(car), np.random.default_rng(seed)
    mine, theirs = VehicleEncoder(vehicle), ReferenceEncoder(vehicle)
    chosen = [path for path in mine.encodable if rng.random() < share]
    tracks = {path: track for path in chosen if (track := random_track(vehicle, path, rng, 3)) is not None}
    if not tracks:
        return
    cut = int(rng.integers(0, 3 * S))
    for begin, end in ((0, cut), (cut, 3 * S)):
        frames = mine.encode(tracks, begin, end, idle=idle)
        assert same(frames, theirs.encode(tracks, begin, end, idle=idle))
        assert frames.clock is Clock.RELATIVE


@settings(max_examples=200)
@given(value=st.floats(width=64), length=st.sampled_from([16, 32, 64]))
def test_floats_are_numpys(value: float, length: int) -> None:
    """Every double as a half, single or double precision number, to the bit; which of the NaNs does not matter."""
    vehicle = _floating(length)
    path = "Vehicle.Speed"
    if math.isnan(value):
        return
    payload = VehicleEncoder(vehicle).encode_message(0, {path: value})[: length // 8]
    with np.errstate(over="ignore"):
        assert payload == np.array([value], f"<f{length // 8}").tobytes()


@functools.cache
def _floating(length: int) -> Vehicle:
    import tempfile
    from pathlib import Path

    kind = {16: "", 32: "SIG_VALTYPE_ 256 Speed : 1;\n", 64: "SIG_VALTYPE_ 256 Speed : 2;\n"}[length]
    database = f'BO_ 256 Motion: 8 X\n SG_ Speed : 0|{length}@1- (1,0) [0|0] "km/h" X\n{kind}'
    with tempfile.TemporaryDirectory() as folder:
        vehicle = Workshop(Path(folder)).signals("Vehicle.Speed: car/Motion.Speed", car=database)
    if length == 16:  # no database format says so, descriptions may one day
        import dataclasses

        import msgspec

        field = msgspec.structs.replace(vehicle.messages[0].fields[0], is_float=True)
        message = msgspec.structs.replace(vehicle.messages[0], fields=(field,))
        vehicle = dataclasses.replace(vehicle, messages=(message,))
    return vehicle


def lenient(vehicle: Vehicle, paths: list[str]) -> tuple[Emitter, np.ndarray, np.ndarray]:
    """Return an emitter of all that a car sends, which takes any value, and where its points are."""
    writers = {}
    for path in paths:
        for writer in vehicle.writers[path]:
            writers.setdefault(writer.message, []).append((path, writer))
    messages = range(len(vehicle.messages))
    emitter = Emitter(compile_emission(vehicle, messages, writers, paths))
    times, values = np.zeros(1, np.int64), np.zeros((1, len(paths)))
    for number in range(len(paths)):
        emitter.bind(number, times, values[:, number])
    emitter.begin(first_times(vehicle, messages, 0))
    return emitter, times, values


@pytest.mark.parametrize("car", car_names())
@pytest.mark.parametrize("value", [1e30, -1e30, math.inf, -math.inf, 1e6, -1e6])
def test_what_does_not_fit_is_brought_to_the_nearest_that_decodes(car: str, value: float) -> None:
    """A simulated car does not crash over a value: what its wire can say instead is a value, and counted."""
    vehicle = load(car)
    paths = [
        path for path, writers in vehicle.writers.items() if not any(writer.codes or writer.steps for writer in writers)
    ]
    emitter, _, values = lenient(vehicle, paths)
    values[:] = value
    frames = emitter.run(3 * S)
    assert emitter.clamped > 0
    decoder = VehicleDecoder(
        vehicle, buses={i: bus.name for i, bus in enumerate(vehicle.buses)}, with_personal=True, clock=Clock.RELATIVE
    )
    samples = decoder.decode(frames)
    # Where one value says whether another is one, that one may be none.
    numbers = [vehicle.numbers[path] for path in paths if not any(writer.valid for writer in vehicle.writers[path])]
    mine = samples[np.isin(samples.signal, numbers) & (samples.quality != Quality.STALE)]
    bad = {vehicle.signals[int(number)].path for number in np.unique(mine.signal[mine.quality != Quality.GOOD])}
    assert not bad


def test_a_code_that_there_is_not_and_no_value_without_a_code_leave_what_is_there(workshop: Workshop) -> None:
    gear, speed = "Vehicle.Powertrain.Transmission.SelectedGear", "Vehicle.Speed"
    vehicle = workshop.build(
        "messages: {car/Motion: {defaults: {Gear: 2, Speed: 7}}}\n"
        f"signals: {{{gear}: {{from: car/Motion.Gear, values: {{P: 126, R: -1, N: 0, D: 127}}}}, "
        f"{speed}: car/Motion.Speed}}"
    )
    emitter, _, values = lenient(vehicle, [gear, speed])
    values[0] = 5.0, math.nan
    first = emitter.run(1)
    assert first.data[0, :3].tobytes().hex() == "02bc02"
    assert emitter.clamped == 1  # the code; that there is no value is nothing that does not fit


def test_a_value_beside_the_no_value_code_stays_clear_of_it(workshop: Workshop) -> None:
    air = "Vehicle.Exterior.AirTemperature"
    vehicle = workshop.signals(f"{air}: {{from: car/Motion.Air, invalid: [255, 254, 0]}}")
    emitter, times, values = lenient(vehicle, [air])
    said = []
    for value in (500.0, 215.0, 214.0, 213.0, -40.0, -39.0, -500.0, math.nan):
        values[:] = value
        emitter.begin(np.zeros(len(vehicle.messages), np.int64))
        frames = emitter.run(1)
        said.append(int(frames.data[frames.id == 0x100][0, 3]))
    assert said == [253, 253, 253, 253, 1, 1, 1, 255]
    assert times[0] == 0


def test_selectors_of_their_own_take_turns_side_by_side(workshop: Workshop) -> None:
    """What one selector shows does not wait for another's turn, and is never sent without its value."""
    left, right = (f"Vehicle.Chassis.Axle.Row1.Wheel.{side}.Speed" for side in ("Left", "Right"))
    air, charge = "Vehicle.Exterior.AirTemperature", "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"
    vehicle = workshop.signals(
        f"""
        {left}: {{from: car/Wheels.Speed, when: {{Which: 1}}}}
        {right}: {{from: car/Wheels.Speed, when: {{Which: 2}}}}
        {SPEED}: {{from: car/Motion.Speed, when: {{Which: 1}}}}
        {air}: {{from: car/Motion.Air, when: {{Which: 1, Count: 3}}}}
        {charge}: {{from: car/Motion.Charge, when: {{Gear: 5}}}}
        """
    )
    tracks = {path: Track(np.zeros(1, np.int64), np.full(1, 10.0)) for path in (left, right, SPEED, air, charge)}
    frames = VehicleEncoder(vehicle).encode(tracks, 0, 80_000_000)
    motion = [bytes(row) for row in frames.data[frames.id == 0x100]]
    assert [row[2] & 15 for row in motion] == [5] * 4  # Gear is Charge's selector: always
    assert [row[5] for row in motion] == [20] * 4
    assert [row[4] >> 4 & 3 for row in motion] == [1] * 4  # Speed needs Which, and Air needs it too and Count
    assert [int.from_bytes(row[:2]) for row in motion] == [1000] * 4
    assert sorted({(row[4] & 15, row[3]) for row in motion}) == [(0, 0), (3, 50)]


def test_a_limit_that_the_description_states_is_kept(workshop: Workshop) -> None:
    charge = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"
    vehicle = workshop.signals(f"{charge}: {{from: car/Motion.Charge, range: [0.25, 90.2]}}")
    emitter, _, values = lenient(vehicle, [charge])
    for value, raw in ((100.0, 180), (-3.0, 1), (0.25, 1), (90.2, 180)):
        values[:] = value
        emitter.begin(np.zeros(len(vehicle.messages), np.int64))
        assert int(emitter.run(1).data[0, 5]) == raw
