"""What a car sends, made ready for the emitter: its messages, with what its description says of each field.

What no standard signal sets comes from the description's defaults, else from the database's start value, else it is
zero. Multiplexed values of a message take turns.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire.codec import pack
from commonwheel.wire.database.model import Signal as Layout
from commonwheel.wire.emitter import Emission, Put, Sent
from commonwheel.wire.layouts import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.vehicles.model import Field, Message, Writer
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["DEFAULT_PERIOD_NS", "Writers", "compile_emission", "first_times", "layout_of", "start_values"]

DEFAULT_PERIOD_NS = 100_000_000
STAGGER_NS = 137_000
"""Messages start a little apart, as on a real bus, where no two frames come at once."""
_LONGEST = 64
_SLACK = 1e-9
_MOST_TURNS = 1024

Writers = dict[int, list[tuple[str, "Writer"]]]
"""By message: paths, and how each is put there."""
_Present = tuple[tuple[str, int], ...]


def layout_of(field: Field) -> Layout:
    """Return a field as the codec wants it."""
    return Layout(
        field.name,
        field.start,
        field.length,
        field.big_endian,
        field.signed,
        field.is_float,
        field.factor,
        field.offset,
    )


def first_times(vehicle: Vehicle, messages: Sequence[int], start_ns: int) -> npt.NDArray[np.int64]:
    """Return when each of these messages is due first, shape (messages,)."""
    periods = [vehicle.messages[i].period_ns or DEFAULT_PERIOD_NS for i in messages]
    return np.array([start_ns + k * STAGGER_NS % p for k, p in enumerate(periods)], np.int64)


def compile_emission(vehicle: Vehicle, messages: Sequence[int], writers: Writers, paths: Sequence[str]) -> Emission:
    """Return what is sent.

    Args:
        vehicle: the car.
        messages: numbers of the messages that are sent, in the order of their phases.
        writers: what is put into them.
        paths: the paths by the numbers of their tracks.
    """
    tracks = {path: number for number, path in enumerate(paths)}
    return Emission(vehicle.tables, [_sent(vehicle, i, writers.get(i, []), tracks) for i in messages], len(paths))


def _sent(vehicle: Vehicle, number: int, writers: Sequence[tuple[str, Writer]], tracks: Mapping[str, int]) -> Sent:
    message = vehicle.messages[number]
    fields = {field.name: field for field in message.fields}
    start = start_values(message, fields)
    return Sent(
        message.bus,
        message.frame_id,
        message.size,
        message.period_ns or DEFAULT_PERIOD_NS,
        tuple((start, tuple(_puts(vehicle, number, fields, turn, tracks))) for turn in _turns(writers)),
        layout_of(fields[message.counter]) if message.counter else None,
        message.modulo if message.counter else 1,
        message.check,
    )


def start_values(message: Message, fields: Mapping[str, Field]) -> bytes:
    """Return the payload before anything is put into it."""
    stated = {name: field.initial for name, field in fields.items() if field.initial is not None}
    stated |= message.defaults
    data = np.zeros((1, _LONGEST), np.uint8)
    if stated:
        raws = [_raw_bits(value, fields[name]) for name, value in stated.items()]
        pack(data, [layout_of(fields[name]) for name in stated], raws)
    return data.tobytes()


def _raw_bits(value: float, field: Field) -> npt.NDArray[np.uint64]:
    """Return the bits of a raw number, cut to the field's width, shape (1,)."""
    if field.is_float:
        kind, view = {16: ("f2", "u2"), 32: ("f4", "u4"), 64: ("f8", "u8")}[field.length]
        return np.array([value]).astype(kind).view(view).astype(np.uint64)
    return np.array([int(value) & ((1 << field.length) - 1)], np.uint64)


def _turns(writers: Sequence[tuple[str, Writer]]) -> list[tuple[_Present, list[tuple[str, Writer]]]]:
    """Return what each of the payloads that take turns selects, and the writers that are in it.

    Selectors that have nothing to do with each other take turns side by side: all that can be said in every frame is.
    """
    families = _families({writer.present for _, writer in writers})
    sizes = [len(family) for family in families]
    count = math.lcm(*sizes)
    if count > _MOST_TURNS:  # each member still has its turns, only not evenly
        count = max(sizes)
    turns: list[tuple[_Present, list[tuple[str, Writer]]]] = []
    for turn in range(count):
        selected = tuple(item for family in families for item in family[turn % len(family)])
        turns.append((selected, [pair for pair in writers if set(pair[1].present) <= set(selected)]))
    return turns


def _families(wanted: set[_Present]) -> list[list[_Present]]:
    """Put together what is selected by the same fields, in order; each family has a turn for each of its members."""
    families: list[list[_Present]] = []
    for present in sorted(wanted - {()}):
        names = {name for name, _ in present}
        kin = [family for family in families if any(name in names for other in family for name, _ in other)]
        families = [family for family in families if family not in kin]
        families.append([*(member for family in kin for member in family), present])
    return [sorted(family) for family in families]


def _puts(
    vehicle: Vehicle, number: int, fields: Mapping[str, Field], turn: tuple[_Present, list[tuple[str, Writer]]],
    tracks: Mapping[str, int],
) -> Iterator[Put]:  # fmt: skip
    """Yield how the fields of one payload are filled; what is put into a field first stands."""
    present, members = turn
    done: set[str] = set()
    for name, raw in present:
        done.add(name)
        yield Put(layout_of(fields[name]), bits=raw)
    for path, writer in members:
        if writer.field not in done:
            done.add(writer.field)
            yield _value(vehicle, number, fields[writer.field], writer, tracks[path])
    for name, raw in dict.fromkeys(item for _, writer in members for item in writer.valid):
        if name not in done:
            done.add(name)
            yield Put(layout_of(fields[name]), bits=raw)


def _value(vehicle: Vehicle, number: int, field: Field, writer: Writer, track: int) -> Put:
    layout = layout_of(field)
    least, most = _raw_limits(vehicle, number, layout, writer)
    return Put(
        layout, track, writer.invalid, writer.factor, writer.offset, writer.low, writer.high, least, most, writer.codes,
        writer.steps,
    )  # fmt: skip


def _raw_limits(vehicle: Vehicle, number: int, layout: Layout, writer: Writer) -> tuple[float, float]:
    """Return the raw values between which a decoder takes a field for a value: codes at the ends may mean none."""
    tables, where = vehicle.tables, place(layout)[:5]
    first = int(tables.messages["signal"][number])
    rows = tables.signals[first : first + int(tables.messages["signals"][number])]
    span = 1 << layout.length
    low, high = (-(span >> 1), (span >> 1) - 1) if layout.signed else (0, span - 1)
    none: list[tuple[int, int]] = []
    for row in rows:
        if tuple(row["field"].tolist())[:5] != where:
            continue
        begin, count = int(row["invalid_low"]), int(row["no_values"])
        none += [(begin, begin + count - 1)] * bool(count)
        none += tables.ranges[row["invalid"] : row["invalid"] + row["invalids"]].tolist()
    wrapped = [(_signed(a, layout), _signed(b, layout)) for a, b in none]
    for _ in wrapped:  # one code beside another
        high = min([a - 1 for a, b in wrapped if a <= high <= b], default=high)
        low = max([b + 1 for a, b in wrapped if a <= low <= b], default=low)
    ends = sorted((limit - writer.offset) / writer.factor for limit in (writer.low, writer.high))
    # A limit that is a whole code is one of the values, whatever the last bit of the division says.
    return max(float(low), _whole(math.ceil, ends[0])), min(float(high), _whole(math.floor, ends[1]))


def _whole(towards: Callable[[float], int], raw: float) -> float:
    if math.isinf(raw):
        return raw
    near = round(raw)
    return float(near if abs(raw - near) <= _SLACK * max(1.0, abs(raw)) else towards(raw))


def _signed(bits: int, layout: Layout) -> int:
    return bits - (1 << layout.length) if layout.signed and bits >> (layout.length - 1) else bits
