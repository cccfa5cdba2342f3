"""The encoder once more, message by message with numpy and without the emitter: what the emitter is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from commonwheel.vehicles.emission import DEFAULT_PERIOD_NS, STAGGER_NS, layout_of
from commonwheel.vehicles.encoder import Track
from commonwheel.vehicles.expressions import evaluate
from commonwheel.vehicles.model import Field, Message, Writer
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.codec import pack, seal
from commonwheel.wire.frames import EXTENDED_FLAG, Clock, Frames
from commonwheel.wire.layouts import Op

Pairs = Sequence[tuple[str, Writer]]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]


class ReferenceEncoder:
    """As ``VehicleEncoder.encode``, for values that fit."""

    def __init__(self, vehicle: Vehicle) -> None:
        self.vehicle = vehicle
        self._counters: dict[int, int] = {}

    def encode(self, tracks: Mapping[str, Track], start_ns: int, end_ns: int, *, idle: bool = False) -> Frames:
        writers: dict[int, list[tuple[str, Writer]]] = {}
        for path in tracks:
            for writer in self.vehicle.writers[path]:
                writers.setdefault(writer.message, []).append((path, writer))
        chosen = range(len(self.vehicle.messages)) if idle else sorted(writers)
        parts = [
            self._message(i, writers.get(i, []), tracks, start_ns, end_ns, phase) for phase, i in enumerate(chosen)
        ]
        return Frames.concat(parts).sorted_by_time()

    def _message(
        self, number: int, writers: Pairs, tracks: Mapping[str, Track], start_ns: int, end_ns: int, phase: int
    ) -> Frames:
        message = self.vehicle.messages[number]
        period = message.period_ns or DEFAULT_PERIOD_NS
        t_ns = np.arange(start_ns + phase * STAGGER_NS % period, end_ns, period, dtype=np.int64)
        n = len(t_ns)
        return Frames(
            t_ns,
            np.full(n, message.bus, np.uint8),
            np.full(n, message.id | (EXTENDED_FLAG if message.extended else 0), np.uint32),
            np.full(n, message.size, np.uint8),
            self._payloads(number, writers, tracks, t_ns),
            Clock.RELATIVE,
        )

    def _payloads(
        self, number: int, writers: Pairs, tracks: Mapping[str, Track], t_ns: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint8]:
        message, n = self.vehicle.messages[number], len(t_ns)
        fields = {field.name: field for field in message.fields}
        data = np.zeros((n, 8 if message.size <= 8 else 64), np.uint8)
        _put_start_values(message, fields, data)
        turns = _turns(writers)
        for turn, (present, members) in enumerate(turns):
            rows = np.arange(turn, n, len(turns))
            if not len(rows):
                continue
            block = np.ascontiguousarray(data[rows])
            wanted = {name: np.full(len(rows), raw & _mask(fields[name]), np.uint64) for name, raw in present}
            for path, writer in members:
                if writer.field not in wanted:
                    wanted[writer.field] = _raw(writer, fields[writer.field], tracks[path].at(t_ns[rows]))
            for name, raw in dict.fromkeys(item for _, writer in members for item in writer.valid):
                wanted.setdefault(name, np.full(len(rows), raw & _mask(fields[name]), np.uint64))
            pack(block, [layout_of(fields[name]) for name in wanted], list(wanted.values()))
            data[rows] = block
        if message.counter:
            first = self._counters.get(number, 0)
            counts = (first + np.arange(n)) % message.modulo
            pack(data, [layout_of(fields[message.counter])], [counts.astype(np.uint64)])
            self._counters[number] = int((first + n) % message.modulo)
        if message.check >= 0:
            seal(self.vehicle.tables, message.check, data, message.size)
        return data


def _put_start_values(message: Message, fields: Mapping[str, Field], data: npt.NDArray[np.uint8]) -> None:
    stated = {name: field.initial for name, field in fields.items() if field.initial is not None}
    stated |= message.defaults
    if stated:
        raws = [np.full(len(data), _bits(np.array([v]), fields[name])[0], np.uint64) for name, v in stated.items()]
        pack(data, [layout_of(fields[name]) for name in stated], raws)


def _raw(writer: Writer, field: Field, values: F64) -> U64:
    if writer.steps:
        values = evaluate([(Op(op), argument) for op, argument in writer.steps], [values])
    missing = np.isnan(values)
    if writer.codes:
        raw = np.zeros(len(values))
        for code, bits in writer.codes:
            raw[values == code] = bits
        bits = raw.astype(np.uint64) & np.uint64(_mask(field))
    else:
        exact = np.where(missing, 0.0, (values - writer.offset) / writer.factor)
        bits = _bits(exact if field.is_float else _rounded(exact, values, writer), field)
    if missing.any():
        assert writer.invalid is not None
        bits[missing] = writer.invalid
    return bits


def _turns(writers: Pairs) -> list[tuple[tuple[tuple[str, int], ...], list[tuple[str, Writer]]]]:
    """Return what is selected in each of the frames that take turns, and what is in them."""
    combinations: dict[frozenset[str], list[tuple[tuple[str, int], ...]]] = {}
    for present in sorted({writer.present for _, writer in writers if writer.present}):
        names = frozenset(name for name, _ in present)
        related = [key for key in combinations if key & names]
        merged = [member for key in related for member in combinations.pop(key)]
        combinations[names.union(*related)] = sorted([*merged, present])
    turns = []
    for turn in range(math.lcm(*map(len, combinations.values()))):
        chosen = [members[turn % len(members)] for members in combinations.values()]
        selected = tuple(item for present in chosen for item in present)
        turns.append((selected, [(path, w) for path, w in writers if all(item in selected for item in w.present)]))
    return turns


def _rounded(exact: F64, values: F64, writer: Writer) -> F64:
    codes = np.rint(exact)
    meant = codes * writer.factor + writer.offset
    over = (values <= writer.high) & (meant > writer.high + 1e-9 * max(1.0, abs(writer.high)))
    under = (values >= writer.low) & (meant < writer.low - 1e-9 * max(1.0, abs(writer.low)))
    return codes - np.sign(writer.factor) * (over.astype(float) - under)


def _mask(field: Field) -> int:
    return (1 << field.length) - 1


def _bits(values: F64, field: Field) -> U64:
    if field.is_float:
        kind, view = {16: ("f2", "u2"), 32: ("f4", "u4"), 64: ("f8", "u8")}[field.length]
        return values.astype(kind).view(view).astype(np.uint64)
    if field.signed:
        return values.astype(np.int64).view(np.uint64) & np.uint64(_mask(field))
    return values.astype(np.uint64) & np.uint64(_mask(field))
