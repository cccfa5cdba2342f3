"""Decode frames with tables, and build payloads with them.

A ``Decoder`` keeps what one car's traffic needs from batch to batch (last values, counters, ages), so a
log cut in chunks and a live bus go the same way. ``pack`` and ``seal`` are the way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from commonwheel.wire._kernels import CFrames, CSamples, address, bind_tables, kernels
from commonwheel.wire.frames import Clock, Frames
from commonwheel.wire.halves import Halves
from commonwheel.wire.layouts import FIELD, SUMMARY, place
from commonwheel.wire.small import LARGEST_BATCH, Desk
from commonwheel.wire.state import Columns, Counts, DecoderState, allocate, join
from commonwheel.wire.tables import Condition, SignalRow, TableBuilder, Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.wire.database import Database, Message, Signal

__all__ = [
    "Columns",
    "Counts",
    "Decoder",
    "Summaries",
    "check_frames",
    "compile_database",
    "decode_database",
    "pack",
    "seal",
]

_NO_BUS = 255


class Decoder:
    """Turns frames into samples; one per stream of frames."""

    def __init__(self, tables: Tables, bus_map: Mapping[int, int] | None = None, *, clock: Clock = Clock.UTC) -> None:
        """Prepare a decoder.

        Args:
            tables: what to decode; not copied.
            bus_map: the stream's bus number to the tables'; None decodes every bus as bus 0.
            clock: what the stream's times mean; with ``Clock.ORDER`` nothing grows stale.
        """
        self._tables = tables
        self._map = np.full(256, 0 if bus_map is None else _NO_BUS, np.uint8)
        for bus, own in (bus_map or {}).items():
            self._map[bus] = own
        self._c_tables = bind_tables(tables)
        self._state = DecoderState.fresh(tables, watch=clock is not Clock.ORDER)
        self._lib = kernels()
        self._halves = Halves()
        self._desk: Desk | None = None

    @property
    def counts(self) -> Counts:
        """What was seen so far."""
        return self._state.counts

    def decode(self, frames: Frames) -> Columns:
        """Decode a batch of *n* frames, in order of arrival.

        A large batch is decoded in two halves at once where there are two processors, a small one at a desk that
        is laid out already; the result is the same.
        """
        if len(frames) <= LARGEST_BATCH:
            desk = self._desk = self._desk or Desk(self._c_tables, self._state.c, self._map, self._tables.burst)
            if desk.fits(frames):
                return join(desk.decode(frames))
        if self._halves.worth(len(frames)):
            return self._halves.decode(self._state, frames, self, self._tables)
        return join(self.run(self._state, frames, allocate(self.bound(frames))))

    def expire(self, now_ns: int) -> Columns:
        """Return the samples of all messages that are late at *now_ns* and were not before."""
        if now_ns < self._state.c.deadline_ns:
            return allocate(0)
        return self._gather(lambda out: self._lib.cw_expire(self._c_tables, self._state.c, now_ns, out))

    def silence(self, bus: int, now_ns: int) -> Columns:
        """Return the samples that make every message of the tables' bus stale at *now_ns*: the bus is gone."""
        return self._gather(lambda out: self._lib.cw_silence(self._c_tables, self._state.c, bus, now_ns, out))

    def _gather(self, fill: Callable[[CSamples], int]) -> Columns:
        """Return what a kernel puts out, which says 0 when it has more."""
        parts = list[Columns]()
        finished = False
        while not finished:
            columns = allocate(max(4096, 2 * self._tables.burst))
            out = _bind_samples(columns)
            finished = bool(fill(out))
            parts.append(columns[: int(out.count)])
        return join(parts)

    @property
    def late(self) -> int:
        """Messages that are stale now."""
        return int(np.count_nonzero(self._state.messages["is_stale"]))

    def bound(self, frames: Frames) -> int:
        """Return room enough for the samples of these frames; only many late messages can need more."""
        return int(self._lib.cw_bound(self._c_tables, _bind_frames(frames, self._map))) + self._tables.burst

    def run(self, state: DecoderState, frames: Frames, room: Columns) -> list[Columns]:
        """Decode frames with a state, which moves on, into *room*; a second part follows when it is too small."""
        c_frames = _bind_frames(frames, self._map)
        parts = list[Columns]()
        done = 0
        while done < len(frames) or not parts:
            columns = allocate(len(room)) if parts else room
            out = _bind_samples(columns)
            done = int(self._lib.cw_decode(self._c_tables, state.c, c_frames, done, out))
            parts.append(columns[: int(out.count)])
        return parts


def _bind_frames(frames: Frames, bus_map: npt.NDArray[np.uint8]) -> CFrames:
    columns = (frames.t_ns, frames.bus, frames.id, frames.size, frames.data)
    for column, dtype in zip(columns, (np.int64, np.uint8, np.uint32, np.uint8, np.uint8), strict=True):
        if column.dtype != dtype or not column.flags.c_contiguous or len(column) != len(frames.t_ns):
            message = "the columns of Frames have to be contiguous, of equal length and of the stated types"
            raise ValueError(message)
    if frames.data.ndim != 2 or frames.width not in {8, 64}:  # noqa: PLR2004 - classic CAN or CAN FD
        message = f"payloads have 8 or 64 bytes reserved each, not {frames.data.shape}"
        raise ValueError(message)
    return CFrames(*(address(c) for c in columns), len(frames), address(bus_map), frames.width)


def _bind_samples(columns: Columns) -> CSamples:
    where = (columns.t_ns, columns.signal, columns.value, columns.quality)
    return CSamples(*(address(column) for column in where), len(columns))


class Summaries:
    """What is known of each signal over many batches of samples, gathered in one pass over each."""

    def __init__(self, signals: int) -> None:
        """Prepare for signal numbers 0..*signals* - 1."""
        self.rows = np.zeros(signals, SUMMARY)
        """One row per signal: ``first_ns``, ``last_ns``, ``counts`` by quality; ``low``, ``high``, ``last`` of the
        GOOD ones, NaN where there was none."""
        self.rows["first_ns"], self.rows["last_ns"] = np.iinfo(np.int64).max, np.iinfo(np.int64).min
        self.rows["low"] = self.rows["high"] = self.rows["last"] = np.nan

    def add(self, columns: _Columnar) -> None:
        """Take in a batch."""
        # Copies of what is not contiguous have to live until the kernel is done.
        arrays = [np.ascontiguousarray(c) for c in (columns.t_ns, columns.signal, columns.value, columns.quality)]
        where = [address(array) for array in arrays]
        kernels().cw_summarize(*where, len(columns.t_ns), address(self.rows), len(self.rows))


class _Columnar(Protocol):
    @property
    def t_ns(self) -> npt.NDArray[np.int64]: ...
    @property
    def signal(self) -> npt.NDArray[np.int32]: ...
    @property
    def value(self) -> npt.NDArray[np.float64]: ...
    @property
    def quality(self) -> npt.NDArray[np.uint8]: ...


def check_frames(tables: Tables, check: int, frames: Frames) -> int:
    """Count the frames, all of one message, whose checksum (row *check* of the tables) holds."""
    rows = tables.checks
    where = address(rows) + check * rows.dtype.itemsize
    sizes, data = np.ascontiguousarray(frames.size), np.ascontiguousarray(frames.data)
    return int(
        kernels().cw_check_frames(bind_tables(tables), where, address(sizes), address(data), len(frames), frames.width)
    )


def pack(data: npt.NDArray[np.uint8], signals: Sequence[Signal], raw: Sequence[npt.NDArray[np.uint64]]) -> None:
    """Put raw values into payloads, in place.

    Args:
        data: payloads, shape (n, 8) or (n, 64), contiguous.
        signals: k fields; every other bit of the payloads stays as it is.
        raw: k arrays of shape (n,), raw bits (of a signed field: two's complement, cut to its width).

    Raises:
        ValueError: a field lies outside the payloads, or the arrays do not fit each other.
    """
    fields = np.zeros(len(signals), FIELD)
    for i, signal in enumerate(signals):
        fields[i] = place(signal)
    if fields["need"].max(initial=0) > data.shape[1] or not data.flags.c_contiguous:
        message = f"a field lies outside payloads of {data.shape[1]} bytes"
        raise ValueError(message)
    bits = np.ascontiguousarray(np.stack(raw) if raw else np.zeros((0, len(data))), dtype=np.uint64)
    if bits.shape != (len(signals), len(data)):
        message = f"{len(signals)} fields of {len(data)} payloads need as many raw values, not {bits.shape}"
        raise ValueError(message)
    kernels().cw_pack(address(fields), len(signals), address(bits), address(data), len(data), data.shape[1])


def seal(tables: Tables, check: int, data: npt.NDArray[np.uint8], size: int) -> None:
    """Compute the checksum (row *check* of the tables) of payloads of *size* bytes, in place.

    Raises:
        ValueError: the payloads are shorter than that, or not contiguous.
    """
    rows = tables.checks
    if not 0 <= size <= data.shape[1] or not data.flags.c_contiguous:
        message = f"payloads of {size} bytes do not lie in an array of shape {data.shape}"
        raise ValueError(message)
    where = address(rows) + check * rows.dtype.itemsize
    kernels().cw_seal(bind_tables(tables), where, address(data), len(data), size, data.shape[1])


def compile_database(database: Database, *, raw: bool = False) -> tuple[Tables, tuple[tuple[Message, Signal], ...]]:
    """Compile every message of a database; sample *i* of the tables belongs to row *i* of the second result."""
    builder = TableBuilder(1)
    rows: list[tuple[Message, Signal]] = []
    for message in database.messages:
        index = builder.message(bus=0, can_id=message.id, extended=message.extended, size=message.size)
        for signal in message.signals:
            present = _presence(message, signal)
            row = SignalRow(signal, len(rows), signal.factor, signal.offset, present=present, raw=raw)
            builder.signal(index, row)
            rows.append((message, signal))
    return builder.build(), tuple(rows)


def _presence(message: Message, signal: Signal) -> tuple[Condition, ...]:
    """Return the multiplexer conditions of a signal, those of its selectors first."""
    conditions: list[Condition] = []
    seen: set[str] = set()
    at = signal
    while at.multiplexed is not None and at.name not in seen:
        seen.add(at.name)
        selector = message.signal(at.multiplexed.selector)
        if selector is None:
            break
        conditions.insert(0, Condition(selector, at.multiplexed.values))
        at = selector
    return tuple(conditions)


def decode_database(database: Database, frames: Frames, *, raw: bool = False) -> dict[tuple[str, str], Columns]:
    """Decode frames with a bare database: every signal of every message, with the database's own scaling.

    The result maps (message, signal) to its samples. With ``raw`` the values are the raw integers, as
    float64-sized cells viewed as int64 (``columns.value.view('i8')``).
    """
    tables, rows = compile_database(database, raw=raw)
    columns = Decoder(tables, clock=Clock.ORDER).decode(frames)
    order = np.argsort(columns.signal, kind="stable")
    edges = np.searchsorted(columns.signal[order], np.arange(len(rows) + 1))
    result: dict[tuple[str, str], Columns] = {}
    for i, (message, signal) in enumerate(rows):
        mine = order[edges[i] : edges[i + 1]]
        result[message.name, signal.name] = Columns(
            columns.t_ns[mine], columns.signal[mine], columns.value[mine], columns.quality[mine]
        )
    return result
