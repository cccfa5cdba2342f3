"""From standard values to frames with a vehicle's description: the decoder's way, backwards.

``VehicleEncoder.encode`` takes standard signals over time and returns the frames the car would send: every
message that carries one of them, at its own period, with counters and checksums. What no standard signal
sets comes from the description's defaults, else from the database's start value, else it is zero.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.errors import EncodeError
from commonwheel.vehicles.expressions import evaluate
from commonwheel.wire.codec import pack, seal
from commonwheel.wire.database.model import Signal as Layout
from commonwheel.wire.frames import EXTENDED_FLAG, Clock, Frames
from commonwheel.wire.tables import Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.vehicles.model import Field, Message, Request, Writer
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Track", "VehicleEncoder", "layout_of"]

DEFAULT_PERIOD_NS = 100_000_000
CLASSIC = 8


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One standard signal over time: at ``t_ns[i]`` it becomes ``value[i]`` and stays so."""

    t_ns: npt.NDArray[np.int64]
    """Times, shape (n,), rising."""
    value: npt.NDArray[np.float64]
    """Values in the standard's unit, shape (n,); enumerations as codes. NaN: the sender's 'no value'."""

    def at(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the value held at each time; before the first, the first."""
        return self.value[np.clip(np.searchsorted(self.t_ns, t_ns, side="right") - 1, 0, None)]


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


class VehicleEncoder:
    """Makes frames of standard values; keeps the counters from call to call."""

    def __init__(self, vehicle: Vehicle) -> None:
        self.vehicle = vehicle
        self._counters: dict[int, int] = {}
        self._fields = [{field.name: field for field in message.fields} for message in vehicle.messages]

    @property
    def encodable(self) -> list[str]:
        """The standard paths that can be put on this car's wire directly; others are computed from them."""
        return [path for path in self.vehicle.numbers if path in self.vehicle.writers]

    def encode(self, tracks: Mapping[str, Track], start_ns: int, end_ns: int, *, idle: bool = False) -> Frames:
        """Return the frames from *start_ns* (included) to *end_ns* (not included), in time order.

        Args:
            tracks: standard path to its values over time.
            start_ns: first instant.
            end_ns: end of the time.
            idle: also send the messages that carry none of the tracks.

        Raises:
            EncodeError: a path is not encodable on this car, or a value does not fit on the wire.
        """
        writers = self._writers(tracks)
        chosen = range(len(self.vehicle.messages)) if idle else sorted(writers)
        parts = [
            self._message(i, writers.get(i, []), tracks, start_ns, end_ns, phase) for phase, i in enumerate(chosen)
        ]
        return Frames.concat(parts).sorted_by_time() if parts else Frames.empty(clock=Clock.RELATIVE)

    def encode_message(self, number: int, values: Mapping[str, float]) -> bytes:
        """Return one payload of message *number* with these standard values; the counter moves on.

        Raises:
            EncodeError: as ``encode``.
        """
        writers = self._writers(values)
        foreign = [path for path in values if all(path != p for p, _ in writers.get(number, []))]
        if foreign:
            message = f"'{foreign[0]}' is not carried by {self.vehicle.messages[number].name} of {self.vehicle.name}"
            raise EncodeError(message)
        tracks = {path: Track(np.zeros(1, np.int64), np.array([float(value)])) for path, value in values.items()}
        data = self._payloads(number, writers.get(number, []), tracks, np.zeros(1, np.int64))
        return data[0, : self.vehicle.messages[number].size].tobytes()

    def encode_request(self, request: Request, value: float) -> bytes:
        """Return one payload that asks for a standard value; its counter moves on, its checksum holds.

        Every other field of the message has the description's default, else the database's start value, else 0.

        Raises:
            EncodeError: the value is outside what may be asked for, or does not fit on the wire.
        """
        if not request.low <= value <= request.high:
            span = f"{request.low:g}..{request.high:g} {request.unit}".strip()
            message = f"{self.vehicle.name}: '{request.path}' can be asked for {span}, not {value:g}"
            raise EncodeError(message)
        number = request.writer.message
        tracks = {request.path: Track(np.zeros(1, np.int64), np.array([float(value)]))}
        data = self._payloads(number, [(request.path, request.writer)], tracks, np.zeros(1, np.int64))
        return data[0, : self.vehicle.messages[number].size].tobytes()

    def _writers(self, paths: Iterable[str]) -> dict[int, list[tuple[str, Writer]]]:
        """Return (path, writer) pairs by message."""
        result: dict[int, list[tuple[str, Writer]]] = {}
        for path in paths:
            found = self.vehicle.writers.get(path)
            if found is None:
                why = (
                    "is computed: set what it is computed from" if path in self.vehicle.numbers else "is not described"
                )
                message = f"{self.vehicle.name}: '{path}' {why}"
                raise EncodeError(message)
            for writer in found:
                result.setdefault(writer.message, []).append((path, writer))
        return result

    def _message(
        self, number: int, writers: Sequence[tuple[str, Writer]], tracks: Mapping[str, Track], start_ns: int,
        end_ns: int, phase: int,
    ) -> Frames:  # fmt: skip
        message = self.vehicle.messages[number]
        period = message.period_ns or DEFAULT_PERIOD_NS
        # Messages start a little apart, as on a real bus, where no two frames come at once.
        first_ns = start_ns + min(phase * 137_000, period - 1)
        t_ns = np.arange(first_ns, end_ns, period, dtype=np.int64)
        data = self._payloads(number, writers, tracks, t_ns)
        n = len(t_ns)
        can_id = message.id | (EXTENDED_FLAG if message.extended else 0)
        return Frames(
            t_ns,
            np.full(n, message.bus, np.uint8),
            np.full(n, can_id, np.uint32),
            np.full(n, message.size, np.uint8),
            data,
            Clock.RELATIVE,
        )

    def _payloads(
        self, number: int, writers: Sequence[tuple[str, Writer]], tracks: Mapping[str, Track],
        t_ns: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.uint8]:  # fmt: skip
        message, fields, n = self.vehicle.messages[number], self._fields[number], len(t_ns)
        data = np.zeros((n, CLASSIC if message.size <= CLASSIC else 64), np.uint8)
        self._put_defaults(message, fields, data)
        groups = _groups(writers)
        for turn, (present, members) in enumerate(groups.items()):
            rows = np.arange(turn, n, len(groups))  # multiplexed groups take turns, frame by frame
            if not len(rows):
                continue
            block = np.ascontiguousarray(data[rows])
            wanted: dict[str, npt.NDArray[np.uint64]] = {
                name: np.full(len(rows), raw & _mask(fields[name]), np.uint64) for name, raw in present
            }
            for path, writer in members:  # where several paths share a field, the first one sets it
                if writer.field not in wanted:
                    values = tracks[path].at(t_ns[rows])
                    wanted[writer.field] = self._raw(path, writer, fields[writer.field], values)
            for name, raw in {item for _, writer in members for item in writer.valid}:
                wanted.setdefault(name, np.full(len(rows), raw & _mask(fields[name]), np.uint64))
            pack(block, [layout_of(fields[name]) for name in wanted], list(wanted.values()))
            data[rows] = block
        self._count(number, message, fields, data)
        if message.check >= 0:
            seal(self.vehicle.tables, message.check, data, message.size)
        return data

    def _put_defaults(self, message: Message, fields: Mapping[str, Field], data: npt.NDArray[np.uint8]) -> None:
        stated = {name: field.initial for name, field in fields.items() if field.initial is not None}
        stated |= message.defaults
        if stated:
            layouts = [layout_of(fields[name]) for name in stated]
            raws = [
                np.full(len(data), _bits(np.array([value]), fields[name])[0], np.uint64)
                for name, value in stated.items()
            ]
            pack(data, layouts, raws)

    def _raw(self, path: str, writer: Writer, field: Field, values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
        """Return raw bits for standard values; NaN becomes the sender's 'no value' code where there is one."""
        if writer.steps:
            values = evaluate([(Op(op), argument) for op, argument in writer.steps], [values])
        missing = np.isnan(values)
        if writer.codes:
            raw = np.zeros(len(values))
            known = missing.copy()
            for code, bits in writer.codes:
                raw[values == code] = bits
                known |= values == code
            if not known.all():
                codes = ", ".join(f"{code:g}" for code, _ in writer.codes)
                message = f"{self.vehicle.name}: '{path}' cannot be {values[~known][0]:g}; it can be {codes}"
                raise EncodeError(message)
            bits = raw.astype(np.uint64) & np.uint64(_mask(field))
        else:
            exact = np.where(missing, 0.0, (values - writer.offset) / writer.factor)
            bits = self._fit(path, field, exact if field.is_float else _rounded(exact, values, writer))
        if missing.any():
            bits[missing] = self._no_value(path, writer)
        return bits

    def _fit(self, path: str, field: Field, exact: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
        if field.is_float:
            return _bits(exact, field)
        low, high = _raw_range(field)
        outside = ~((exact >= low) & (exact < float(high + 1)))  # a float may not hold high itself
        if outside.any():
            worst = exact[outside][0]
            message = (
                f"{self.vehicle.name}: '{path}' does not fit into {field.name} ({field.length} bits): "
                f"raw {worst:.6g} is outside {low}..{high}"
            )
            raise EncodeError(message)
        return _bits(exact, field)

    def _no_value(self, path: str, writer: Writer) -> np.uint64:
        if writer.invalid is None:
            message = f"{self.vehicle.name}: '{path}' has no code for 'no value' on the wire"
            raise EncodeError(message)
        return np.uint64(writer.invalid)

    def _count(self, number: int, message: Message, fields: Mapping[str, Field], data: npt.NDArray[np.uint8]) -> None:
        if not message.counter:
            return
        first = self._counters.get(number, 0)
        counts = (first + np.arange(len(data))) % message.modulo
        pack(data, [layout_of(fields[message.counter])], [counts.astype(np.uint64)])
        self._counters[number] = int((first + len(data)) % message.modulo)


def _groups(writers: Sequence[tuple[str, Writer]]) -> dict[tuple[tuple[str, int], ...], list[tuple[str, Writer]]]:
    """Put writers together by what they need selected; those that need nothing are in every group."""
    groups: dict[tuple[tuple[str, int], ...], list[tuple[str, Writer]]] = {}
    for present, members in itertools.groupby(sorted(writers, key=lambda w: w[1].present), key=lambda w: w[1].present):
        groups[present] = list(members)
    common = groups.pop((), []) if len(groups) > 1 else []
    return {present: [*common, *members] for present, members in groups.items()} or {(): []}


def _rounded(
    exact: npt.NDArray[np.float64], values: npt.NDArray[np.float64], writer: Writer
) -> npt.NDArray[np.float64]:
    """Return the nearest whole codes; that of a value at a limit must not mean one beyond it."""
    codes = np.rint(exact)
    meant = codes * writer.factor + writer.offset
    over = (values <= writer.high) & (meant > writer.high + 1e-9 * max(1.0, abs(writer.high)))
    under = (values >= writer.low) & (meant < writer.low - 1e-9 * max(1.0, abs(writer.low)))
    return codes - np.sign(writer.factor) * (over.astype(float) - under)


def _mask(field: Field) -> int:
    return (1 << field.length) - 1


def _raw_range(field: Field) -> tuple[int, int]:
    if field.signed:
        return -(1 << field.length - 1), (1 << field.length - 1) - 1
    return 0, (1 << field.length) - 1


def _bits(values: npt.NDArray[np.float64], field: Field) -> npt.NDArray[np.uint64]:
    """Return the bits of raw numbers, cut to the field's width."""
    if field.is_float:
        kind, view = {16: ("f2", "u2"), 32: ("f4", "u4"), 64: ("f8", "u8")}[field.length]
        return values.astype(kind).view(view).astype(np.uint64)
    if field.signed:
        return values.astype(np.int64).view(np.uint64) & np.uint64(_mask(field))
    # A float beyond 2**63 does not go through int64.
    return values.astype(np.uint64) & np.uint64(_mask(field))
