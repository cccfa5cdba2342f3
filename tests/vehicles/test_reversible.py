"""Every shipped description is reversible: what is encoded is decoded again, to within one step of the wire."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import random

import numpy as np
import pytest

from commonwheel.vehicles import Quality, car_names, load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.description import read_description
from commonwheel.vehicles.encoder import Track, VehicleEncoder, layout_of
from commonwheel.vehicles.expressions import evaluate
from commonwheel.vehicles.model import Writer
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.codec import Decoder, decode_database, pack
from commonwheel.wire.database import Message, signal_bits
from commonwheel.wire.frames import EXTENDED_FLAG, Frames
from commonwheel.wire.layouts import Derived, Op
from tests.wire import reference
from tests.wire.definitions import NAMED, Definition, crc8

SECOND = 10**9
every_car = pytest.mark.parametrize("car", car_names())
load, described = functools.cache(load_vehicle), functools.cache(read_description)


def rows_of(vehicle: Vehicle, number: int) -> list[np.void]:
    """Return the rows of the tables that a signal's samples come from: its own, or those of a fallback's sources."""
    tables = vehicle.tables
    direct = [row for row in tables.signals if row["emit"] == number]
    fallbacks = [row for row in tables.derived if row["emit"] == number and row["kind"] == Derived.FIRST_OF]
    slots = {int(slot) for row in fallbacks for slot in tables.inputs[row["input"] : row["input"] + row["inputs"]]}
    return direct + [row for row in tables.signals if int(row["slot"]) in slots]


def no_value(vehicle: Vehicle, row: np.void, bits: int) -> bool:
    """Whether raw bits are a code that means 'no value'."""
    spans = vehicle.tables.ranges[row["invalid"] : row["invalid"] + row["invalids"]]
    first, count = int(row["invalid_low"]), int(row["no_values"])
    return first <= bits < first + count or any(int(low) <= bits <= int(high) for low, high in spans.tolist())


def numbers_for(vehicle: Vehicle, number: int, writers: tuple[Writer, ...]) -> list[float]:
    """Return values that the wire can carry and the standard allows, the ends included."""
    if writers[0].codes:
        return [code for code, _ in writers[0].codes if all(code in dict(w.codes) for w in writers)]
    low, high = -math.inf, math.inf
    for writer in writers:
        field = next(f for f in vehicle.messages[writer.message].fields if f.name == writer.field)
        least, most = (
            (-(1 << field.length - 1), (1 << field.length - 1) - 1) if field.signed else (0, (1 << field.length) - 1)
        )
        ends = sorted((least * writer.factor + writer.offset, most * writer.factor + writer.offset))
        low, high = max(low, ends[0]), min(high, ends[1])
    for row in rows_of(vehicle, number):
        low, high = max(low, float(row["low"])), min(high, float(row["high"]))
    info, rng = vehicle.signals[number], random.Random(number)
    low, high = max(low, info.low), min(high, info.high)
    chosen = [low, high, *(rng.uniform(low, high) for _ in range(12))]
    return [value for value in chosen if not any(told_as_none(vehicle, number, w, value) for w in writers)]


def told_as_none(vehicle: Vehicle, number: int, writer: Writer, value: float) -> bool:
    raw = round((value - writer.offset) / writer.factor)
    return any(no_value(vehicle, row, raw & int(row["mask"])) for row in rows_of(vehicle, number))


@every_car
def test_an_encoded_value_is_decoded_again(car: str) -> None:
    """Each signal that has a field of its own, and each fallback: every code, both ends, and values in between."""
    vehicle = load(car)
    tried = 0
    for path in VehicleEncoder(vehicle).encodable:
        number, writers = vehicle.numbers[path], vehicle.writers[path]
        info = vehicle.signals[number]
        if any(writer.steps for writer in writers):
            continue
        values = numbers_for(vehicle, number, writers)
        if not values:
            continue
        period = max(vehicle.messages[w.message].period_ns or SECOND // 10 for w in writers)
        track = Track(np.arange(len(values), dtype=np.int64) * 4 * period, np.array(values))
        frames = VehicleEncoder(vehicle).encode({path: track}, 0, len(values) * 4 * period)
        samples = VehicleDecoder(vehicle, signals=[path], with_personal=True, buses=own_buses(vehicle)).decode(frames)
        good = samples[samples.quality != Quality.STALE]
        assert (good.quality == Quality.GOOD).all(), path
        error = np.abs(good.value - track.at(good.t_ns)).max()
        assert error <= info.resolution + 1e-9 * max(1.0, *map(abs, values)), path
        assert set(np.searchsorted(track.t_ns, good.t_ns, "right").tolist()) == set(range(1, len(values) + 1)), path
        tried += 1
    assert tried > 10


def own_buses(vehicle: Vehicle) -> dict[int, str]:
    return {i: bus.name for i, bus in enumerate(vehicle.buses)}


@every_car
def test_what_has_no_value_is_sent_as_such(car: str) -> None:
    """NaN becomes the sender's own code, where it has one, and is INVALID without a number again."""
    vehicle = load(car)
    for path, writers in vehicle.writers.items():
        if any(writer.invalid is None or writer.steps for writer in writers):
            continue
        encoder = VehicleEncoder(vehicle)
        frames = encoder.encode({path: Track(np.zeros(1, np.int64), np.array([math.nan]))}, 0, 5 * SECOND)
        samples = VehicleDecoder(vehicle, signals=[path], with_personal=True, buses=own_buses(vehicle)).decode(frames)
        fresh = samples[samples.quality != Quality.STALE]
        assert len(fresh)
        assert set(fresh.quality.tolist()) == {Quality.INVALID}, path
        assert np.isnan(fresh.value).all(), path


@every_car
def test_back_sets_the_inputs_so_that_the_result_is_the_value(car: str) -> None:
    """A boolean comes back as it is; a number as near as the wire's steps allow, and that value as itself."""
    vehicle = load(car)
    for path, writers in vehicle.writers.items():
        if not any(writer.steps for writer in writers):
            continue
        info = vehicle.signals[vehicle.numbers[path]]
        for value in (0.0, 1.0) if info.datatype == "boolean" else (max(info.low, 0.0), 20.0, 60.0, 12_345_678.0):
            if not info.low <= value <= info.high or (value > 100 and "Distance" not in path):
                continue
            first = last_value(vehicle, path, value)
            assert last_value(vehicle, path, first) == first, path
            assert first == value or info.datatype != "boolean", path
            assert abs(first - value) <= max(1000.0 if "Distance" in path else 0.1, 1e-3 * value), path


def last_value(vehicle: Vehicle, path: str, value: float) -> float:
    track = Track(np.zeros(1, np.int64), np.array([value]))
    frames = VehicleEncoder(vehicle).encode({path: track}, 0, 3 * SECOND)
    return float(VehicleDecoder(vehicle, signals=[path], buses=own_buses(vehicle)).decode(frames).value[-1])


@every_car
def test_a_frame_is_the_sum_of_its_raw_fields(car: str) -> None:
    """Random payloads, taken apart into raw codes and packed again, are the same in every bit that a field covers."""
    vehicle, rng = load(car), random.Random(1)
    for message in vehicle.messages:
        fields = [layout_of(field) for field in message.fields]
        if not fields:
            continue
        payloads = [rng.randbytes(message.size) for _ in range(5)]
        whole = Message(message.name, message.id, message.extended, message.size, tuple(fields))
        can_id = message.id | (EXTENDED_FLAG if message.extended else 0)
        raw = decode_database(
            reference.database(whole), Frames.build((0, 0, can_id, payload) for payload in payloads), raw=True
        )
        data = np.zeros((5, 8 if message.size <= 8 else 64), np.uint8)
        pack(data, fields, [raw[message.name, field.name].value.view(np.uint64) for field in fields])
        covered = functools.reduce(lambda mask, field: mask | signal_bits(field), fields, 0)
        for row, payload in zip(data, payloads, strict=True):
            packed, wanted = (int.from_bytes(b, "little") for b in (bytes(row[: message.size]), payload))
            assert packed == wanted & covered, message.name


@every_car
def test_counters_count_and_checksums_hold(car: str) -> None:
    """Idle traffic, verified from the definitions of the algorithms, without the kernels."""
    vehicle = load(car)
    frames = VehicleEncoder(vehicle).encode({}, 0, 2 * SECOND, idle=True)
    known = {(m.bus, m.id | (0x8000_0000 if m.extended else 0)): i for i, m in enumerate(vehicle.messages)}
    definitions = [definition(car, vehicle, i) if m.checksum else None for i, m in enumerate(vehicle.messages)]
    counted: dict[int, list[int]] = {}
    sealed = 0
    for bus, can_id, size, data in zip(frames.bus, frames.id, frames.size, frames.data, strict=True):
        number = known[int(bus), int(can_id)]
        message, payload = vehicle.messages[number], bytes(data[:size])
        expected = definitions[number]
        if expected:
            assert expected(message.id, payload) == payload, message.name
            sealed += 1
        if message.counter:
            field = next(field for field in message.fields if field.name == message.counter)
            counted.setdefault(number, []).append(reference.extract(layout_of(field), payload))
    assert sealed or not any(message.checksum for message in vehicle.messages)
    for number, counts in counted.items():
        modulo = vehicle.messages[number].modulo
        assert all((b - a) % modulo == 1 for a, b in itertools.pairwise(counts)), vehicle.messages[number].name
    decoder = VehicleDecoder(vehicle, buses=own_buses(vehicle))
    decoder.decode(frames)
    assert not any(m.corrupt or m.lost or m.stuck or m.shorter for m in decoder.message_counts)
    assert decoder.counts.unknown == 0


def definition(car: str, vehicle: Vehicle, number: int) -> Definition:
    """Return the plain definition of a message's checksum, with the parameters that its description states."""
    message = vehicle.messages[number]
    if message.checksum in NAMED:
        return NAMED[message.checksum]
    rows = described(car).rows["messages"]
    entries = rows[f"{vehicle.buses[message.bus].name}/{message.name}"].entries["checksum"].entries
    given = {str(key): value.value for key, value in entries.items()}
    numbers = {key: value for key, value in given.items() if isinstance(value, int)}
    at = numbers.pop("at", -1) % message.size

    def checked(_: int, payload: bytes) -> bytes:
        rest = payload[:at] + payload[at + 1 :]
        if message.checksum == "crc8":
            own = crc8(rest, numbers["poly"], numbers.get("init", 0), numbers.get("xorout", 0))
        else:
            assert message.checksum == "zero-sum"
            own = -sum(rest) % 256
        return payload[:at] + bytes([own]) + payload[at + 1 :]

    return checked


@every_car
def test_derived_signals_are_what_their_inputs_say(car: str) -> None:
    """Random traffic: each computed value from the values in front of it, each fallback from its best source."""
    vehicle = load(car)
    tables = vehicle.tables
    signals, derived = tables.signals.copy(), tables.derived.copy()
    signals["emit"], derived["emit"] = signals["slot"], derived["slot"]  # every slot tells what it holds
    told = Decoder(
        dataclasses.replace(tables, signals=signals, derived=derived), {i: i for i in range(tables.buses)}
    ).decode(random_traffic(vehicle))
    rules = {int(row["slot"]): row for row in derived}
    slots: dict[int, tuple[float, int]] = {}
    checked: set[int] = set()
    for slot, value, quality in zip(told.signal.tolist(), told.value.tolist(), told.quality.tolist(), strict=True):
        if slot in rules:
            row = rules[slot]
            inputs = [int(i) for i in tables.inputs[row["input"] : row["input"] + row["inputs"]]]
            expected = derive(vehicle, row, inputs, slots)
            assert quality == expected[1]
            assert value == expected[0] or (math.isnan(value) and math.isnan(expected[0]))
            checked.add(slot)
        slots[slot] = value, quality
    assert len(checked) >= len(rules) * 0.6  # some wait for frames that are rarely intact by chance


def random_traffic(vehicle: Vehicle) -> Frames:
    """Return frames of every message, most payloads at random, some idle ones whose checksums hold."""
    rng = random.Random(7)
    idle = VehicleEncoder(vehicle).encode({}, 0, SECOND, idle=True)
    rows = [
        (
            SECOND + i * 1000,
            message.bus,
            message.id | (EXTENDED_FLAG if message.extended else 0),
            rng.randbytes(message.size),
        )
        for i, message in enumerate(vehicle.messages * 20)
    ]
    return Frames.concat([idle, Frames.build(rows), idle])


def derive(vehicle: Vehicle, row: np.void, inputs: list[int], slots: dict[int, tuple[float, int]]) -> tuple[float, int]:
    if row["kind"] == Derived.FIRST_OF:
        return min((slots[i] for i in inputs if i in slots), key=lambda item: item[1])
    ops = vehicle.tables.ops[row["code"] : row["code"] + row["codes"]]
    place = {slot: np.array([slots[slot][0]]) for slot in inputs}
    order = list(place)
    steps = [
        (Op(int(op)), order.index(int(slot)) if op == Op.INPUT else float(constant))
        for constant, op, slot in ops.tolist()
    ]
    value = float(evaluate(steps, [place[slot] for slot in order])[0]) * row["factor"] + row["offset"]
    worst = max(slots[slot][1] for slot in inputs)
    inside = row["low"] <= value <= row["high"]
    return float(value), worst if inside else max(worst, int(Quality.INVALID))
