"""Every shipped description, backwards and forwards: what is encoded is decoded within one bit of the wire."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

import commonwheel as cw
from commonwheel.vehicles.samples import Quality
from commonwheel.wire.codec import pack
from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    from commonwheel.vehicles.model import Field, Message, SignalInfo, Writer
    from commonwheel.vehicles.vehicle import Vehicle

CARS = cw.car_names()
MS = 1_000_000
FEWEST_BACK = 0.6
"""Share of tried values that has to come back: the others are codes for 'no value', or out of range."""


@pytest.mark.parametrize("name", CARS)
def test_every_signal_comes_back_within_one_bit_of_the_wire(name: str) -> None:
    car = cw.load_vehicle(name)
    dice = random.Random(name)
    tried = 0
    for path in cw.VehicleEncoder(car).encodable:
        info = car.signals[car.numbers[path]]
        if info.how == "text":
            continue
        values = candidates(car, info, dice)
        back = round_trip(car, path, values)
        good = [(value, got) for value, (got, quality) in zip(values, back, strict=True) if quality is Quality.GOOD]
        step = info.resolution or (0.01 * (max(values) - min(values)) if numeric(car, path) else 0.0)
        off = [(value, got) for value, got in good if abs(got - value) > step * 0.5001 + 1e-9 * abs(value)]
        assert not off, f"{path}: encoded and decoded differ: {off[:3]}"
        needed = len(values) if not numeric(car, path) else math.ceil(FEWEST_BACK * len(values))
        assert len(good) >= needed, f"{path}: only {len(good)} of {len(values)} came back good: {back}"
        tried += len(good)
    assert tried > len(car.signals)


@pytest.mark.parametrize("name", CARS)
def test_any_payload_decoded_raw_and_packed_again_is_the_same(name: str) -> None:
    car = cw.load_vehicle(name)
    dice = np.random.default_rng(1)
    for message in car.messages:
        payloads = dice.integers(0, 256, (50, 8 if message.size <= 8 else 64), np.uint8)
        payloads[:, message.size :] = 0
        again = np.zeros_like(payloads)
        covered = np.zeros_like(payloads)
        for field in message.fields:
            pack(again, [layout(field)], [raw_bits(payloads, field)])
            pack(covered, [layout(field)], [np.full(len(payloads), 2**64 - 1, np.uint64)])
        assert (again == (payloads & covered)).all(), f"{message.name}"


@pytest.mark.parametrize("name", CARS)
def test_encoded_traffic_is_intact_and_known(name: str) -> None:
    """Counters count and checksums hold by the decoder's own rules, at each message's own period."""
    car = cw.load_vehicle(name)
    frames = cw.VehicleEncoder(car).encode({}, 0, 1000 * MS, idle=True)
    decoder = cw.VehicleDecoder(car, buses={i: bus.name for i, bus in enumerate(car.buses)}, clock=Clock.RELATIVE)
    decoder.decode(frames)
    counts = decoder.message_counts
    assert decoder.counts.unknown == 0
    assert {m.name for m in car.messages if 0 < m.period_ns < 1000 * MS} <= {count.name for count in counts}
    assert [m for m in counts if m.corrupt or m.lost or m.stuck or m.shorter] == []


def candidates(car: Vehicle, info: SignalInfo, dice: random.Random) -> list[float]:
    """Return values to try: every code of an enumeration, or the ends, the middle and some between."""
    writers = car.writers[info.path]
    if any(writer.codes for writer in writers) and not any(writer.steps for writer in writers):
        return sorted(set.intersection(*({code for code, _ in w.codes} for w in writers if w.codes)))
    if not numeric(car, info.path):
        return [0.0, 1.0]
    low, high = info.low, info.high
    if any(writer.steps for writer in writers):  # computed, and nothing says how far its inputs go
        low, high = max(low, 0.0), min(high, 1e6 if math.isfinite(high) else 100.0)
    for writer in writers:
        if not writer.steps:
            ends = reach(car.messages[writer.message], writer)
            low, high = max(low, ends[0]), min(high, ends[1])
    return sorted({low, (low + high) / 2, high, *(dice.uniform(low, high) for _ in range(7))})


def numeric(car: Vehicle, path: str) -> bool:
    """Whether a signal is a number, neither a boolean nor an enumeration."""
    info = car.signals[car.numbers[path]]
    return info.datatype not in {"boolean", "string"} and not any(writer.codes for writer in car.writers[path])


def reach(message: Message, writer: Writer) -> tuple[float, float]:
    """Return the smallest and largest value that a field can carry."""
    field = next(field for field in message.fields if field.name == writer.field)
    if field.is_float:
        return -1e9, 1e9
    raw = (-(1 << field.length - 1), (1 << field.length - 1) - 1) if field.signed else (0, (1 << field.length) - 1)
    ends = [value * writer.factor + writer.offset for value in raw]
    return min(ends), max(ends)


def round_trip(car: Vehicle, path: str, values: list[float]) -> list[tuple[float, Quality]]:
    """Encode each value for a while, one after the other, and return what was decoded at the end of each."""
    periods = [car.messages[writer.message].period_ns or 100 * MS for writer in car.writers[path]]
    hold = 8 * max(periods)
    times = np.arange(len(values), dtype=np.int64) * hold
    frames = cw.VehicleEncoder(car).encode({path: cw.Track(times, np.array(values))}, 0, len(values) * hold)
    buses = {i: bus.name for i, bus in enumerate(car.buses)}
    samples = cw.VehicleDecoder(car, buses=buses, signals=[path], clock=Clock.RELATIVE).decode(frames).of(path)
    last = np.searchsorted(samples.t_ns, times + hold, side="left") - 1
    return [(float(samples.value[i]), Quality(int(samples.quality[i]))) for i in last]


def layout(field: Field):  # noqa: ANN201 - the codec's own type
    """Return a field as the codec wants it."""
    from commonwheel.vehicles.encoder import layout_of

    return layout_of(field)


def raw_bits(payloads: np.ndarray, field: Field) -> np.ndarray:
    """Return a field's bits, read one by one: the slow and plain way."""
    raw = np.zeros(len(payloads), np.uint64)
    position = field.start
    for i in range(field.length):
        bit = (payloads[:, position // 8] >> (position % 8) & 1).astype(np.uint64)
        raw |= bit << np.uint64(field.length - 1 - i if field.big_endian else i)
        position = position + 1 if not field.big_endian else position - 1 if position % 8 else position + 15
    return raw
