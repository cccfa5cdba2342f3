"""From values over time to frames: every message at its own period, in the order of time, in one pass of C.

In: what is sent (``Sent``: messages, and how their fields are filled) and a value over time for each track. Out:
``Frames``. Where each message is in its course (when it is due next, its counter, its turn) stays from call to call.
"""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.wire._emit_kernels import (
    CODE,
    COURSE,
    PUT,
    SENT,
    TRACK,
    TURN,
    CEmission,
    CEmitState,
    CEmitted,
    kernels,
)
from commonwheel.wire._kernels import address, bind_tables
from commonwheel.wire.frames import Clock, Frames
from commonwheel.wire.layouts import OP, WORD, Op, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwheel.wire.database import Signal
    from commonwheel.wire.tables import Tables

__all__ = ["Emission", "Emitter", "Misfit", "Put", "Sent"]

_LONGEST, _CLASSIC = 64, 8
_QUICK = 512
"""Frames at most that are made with the interpreter's lock held, in memory that is laid out already."""
_CONSTANT, _NUMBER, _CODE = 0, 1, 2
_FLOATS = {16: 3, 32: 4, 64: 5}


@dataclass(frozen=True, slots=True)
class Put:
    """How one field of a payload is filled: ``raw = round((value - offset) / factor)`` of a track, or always alike."""

    field: Signal
    track: int = -1
    """Number of the values over time; -1: the field always has ``bits``."""
    bits: int | None = None
    """Raw bits of a constant; else those that say that there is no value, None where nothing says so."""
    factor: float = 1.0
    offset: float = 0.0
    low: float = -math.inf
    high: float = math.inf
    """A value within is not rounded to a code that means one outside."""
    least: float = -math.inf
    most: float = math.inf
    """Raw values that are taken for one, within what the field holds; what others are brought to."""
    codes: tuple[tuple[float, int], ...] = ()
    """Enumerations: value to raw bits."""
    steps: tuple[tuple[int, float], ...] = ()
    """An expression of the value, which is written in its place."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is sent."""

    bus: int
    id: int
    """Flagged as SocketCAN does."""
    size: int
    period_ns: int
    turns: tuple[tuple[bytes, tuple[Put, ...]], ...]
    """Payloads that take turns: the start values, and what is put over them."""
    counter: Signal | None = None
    modulo: int = 1
    check: int = -1
    """Row of its checksum in the tables; -1 without."""


class Misfit(Exception):  # noqa: N818 - no error of a user's until somebody says of which path
    """A value does not fit on the wire."""

    def __init__(self, message: int, put: Put, value: float, raw: float) -> None:
        """State it: the message's place among those that are sent, the value after ``steps``, its raw value."""
        super().__init__(f"{value:g} does not fit into {put.field.name}")
        self.message, self.put, self.value, self.raw = message, put, value, raw


class Emission:
    """What is sent, laid out for the kernel. Immutable; emitters are made from it."""

    def __init__(self, tables: Tables, sent: Sequence[Sent], tracks: int) -> None:
        """Lay everything out.

        Args:
            tables: hold the checksums.
            sent: the messages, in the order of those that are due at one instant.
            tracks: how many values over time there are, used or not.

        Raises:
            ValueError: a field lies outside its payload, or there is no such track.
        """
        self.sent = tuple(sent)
        self.tables = tables
        self.width = _LONGEST if any(message.size > _CLASSIC for message in sent) else _CLASSIC
        self.puts: list[tuple[int, Put]] = []
        """Every put, with the place of its message."""
        codes: list[tuple[float, int]] = []
        ops: list[tuple[float, int, int]] = []
        turns: list[tuple[int, int]] = []
        payloads: list[bytes] = []
        rows: list[tuple[object, ...]] = []
        messages = np.zeros(len(sent), SENT)
        for number, message in enumerate(sent):
            counter = _place(message.counter, self.width) if message.counter else (0, 0, 0, 0, 0, (0, 0, 0))
            messages[number] = (
                message.period_ns, counter, message.modulo, message.check, len(turns), len(message.turns), message.bus,
                message.size, message.id, 0,
            )  # fmt: skip
            for payload, puts in message.turns:
                turns.append((len(rows), len(puts)))
                payloads.append(payload.ljust(_LONGEST, b"\0"))
                for put in puts:
                    self.puts.append((number, put))
                    rows.append(_put_row(put, self.width, len(codes), len(ops)))
                    codes += put.codes
                    ops += [
                        (argument if op == Op.CONSTANT else 0.0, op, int(argument) if op == Op.INPUT else 0)
                        for op, argument in put.steps
                    ]
        self.messages = messages
        self._rows = (
            messages,
            np.array(turns, TURN),
            np.array(rows, PUT),
            np.array(codes, CODE),
            np.array(ops, OP),
            np.frombuffer(b"".join(payloads), np.uint8),
        )
        self.tracks = tracks
        if not all(put.track < tracks for _, put in self.puts):
            message = f"a field is filled from a track beyond the {tracks} that there are"
            raise ValueError(message)

    def bind(self, *, strict: bool) -> CEmission:
        """Return the kernel's view, which this object has to outlive."""
        return CEmission(*(address(rows) for rows in self._rows), len(self.sent), self.width, int(strict), 0)


def _place(field: Signal, width: int) -> tuple[int, int, int, int, int, tuple[int, int, int]]:
    where = place(field)
    if where[4] > width:
        message = f"'{field.name}' lies outside payloads of {width} bytes"
        raise ValueError(message)
    return where


def _put_row(put: Put, width: int, code: int, op: int) -> tuple[object, ...]:
    field = put.field
    kind = _CONSTANT if put.track < 0 else _CODE if put.codes else _NUMBER
    if kind == _NUMBER and field.is_float:
        kind = _FLOATS[field.length]
    low, high = (-(1 << field.length - 1), 1 << field.length - 1) if field.signed else (0, 1 << field.length)
    # Of 64 bits, the greatest double that is below.
    top = math.nextafter(float(high), 0.0) if field.length >= WORD - 10 else float(high - 1)
    margins = [1e-9 * max(1.0, abs(limit)) for limit in (put.low, put.high)]
    return (
        put.factor, put.offset, put.low, put.high, put.low - margins[0], put.high + margins[1], float(low),
        float(high), max(put.least, float(low)), min(put.most, top), (put.bits or 0) & ((1 << field.length) - 1),
        _place(field, width), max(put.track, 0), code, len(put.codes), op, len(put.steps), kind,
        int(put.bits is not None), 0,
    )  # fmt: skip


class Emitter:
    """Makes the frames of an emission; one per car. Not for several threads at once."""

    def __init__(self, emission: Emission, *, strict: bool = False) -> None:
        """Prepare; *strict*: a value that does not fit is a ``Misfit``, else it is brought to the nearest that does."""
        self.emission = emission
        count = len(emission.sent)
        self.courses = np.zeros(count, COURSE)
        self._queue = np.zeros(count, np.int32)
        self._tracks = np.zeros(emission.tracks, TRACK)
        self._held: dict[int, tuple[npt.NDArray[np.generic], ...]] = {}
        self._rate = float((1.0 / emission.messages["period_ns"]).sum()) if count else 0.0
        self._done_ns = 0
        c_tables, c_emission = bind_tables(emission.tables), emission.bind(strict=strict)
        self._state = CEmitState(
            *(address(rows) for rows in (self.courses, self._queue, self._tracks)), emission.tracks, 0
        )
        self._bound = ctypes.pointer(c_tables), ctypes.pointer(c_emission), ctypes.pointer(self._state)
        self._room = _room(_QUICK, emission.width)
        self._out = _out(self._room)
        self._out_pointer = ctypes.pointer(self._out)
        self._quick, self._slow = kernels(quick=True), kernels(quick=False)

    @property
    def clamped(self) -> int:
        """Values so far that did not fit on the wire."""
        return int(self._state.clamped)

    def begin(self, first_ns: npt.NDArray[np.int64]) -> None:
        """Let each message be due first at these times, shape (messages,), and turns begin anew; counters go on."""
        self.courses["next_ns"] = first_ns
        self.courses["turn"] = 0
        self._queue[:] = np.argsort(first_ns, kind="stable")
        self._done_ns = int(first_ns.min(initial=0))

    def bind(self, number: int, t_ns: npt.NDArray[np.int64], value: npt.NDArray[np.float64]) -> None:
        """Take a track's points from arrays of shape (n,), n > 0; they are not copied, and times are contiguous.

        Raises:
            ValueError: there are no points, or not as many times as values.
        """
        if not len(t_ns) or t_ns.shape != value.shape or t_ns.dtype != np.int64 or value.dtype != np.float64:
            message = f"a value over time needs as many times as values, at least one, not {t_ns.shape}, {value.shape}"
            raise ValueError(message)
        if not t_ns.flags.c_contiguous or value.strides[0] % value.itemsize:
            message = "the times of a value have to be contiguous"
            raise ValueError(message)
        where = value.__array_interface__["data"][0]
        self._tracks[number] = (address(t_ns), where, len(t_ns), value.strides[0] // value.itemsize, 0)
        self._held[number] = t_ns, value

    def count(self, points: int) -> None:
        """Look at so many points of every track, at most as many as were bound."""
        self._tracks["count"] = points

    def run(self, until_ns: int) -> Frames:
        """Return the frames that are due before a time, times relative.

        Raises:
            Misfit: strict, and a value does not fit.
        """
        most = (until_ns - self._done_ns) * self._rate + len(self.courses)
        if most > _QUICK:
            due = np.maximum(0, -((self.courses["next_ns"] - until_ns) // self.emission.messages["period_ns"]))
            frames = _room(int(due.sum()), self.emission.width)
            done = self._slow(*self._bound, until_ns, ctypes.pointer(_out(frames)))
        else:
            self._out.count = 0
            done, room = self._quick(*self._bound, until_ns, self._out_pointer), self._room
            n = self._out.count
            frames = Frames(
                room.t_ns[:n].copy(),
                room.bus[:n].copy(),
                room.id[:n].copy(),
                room.size[:n].copy(),
                room.data[:n].copy(),
                Clock.RELATIVE,
            )
        if not done:
            state = self._state
            message, put = self.emission.puts[int(state.misfit_put)]
            raise Misfit(message, put, float(state.misfit), float(state.misfit_raw))
        self._done_ns = until_ns
        return frames


def _room(count: int, width: int) -> Frames:
    return Frames(
        np.empty(count, np.int64),
        np.empty(count, np.uint8),
        np.empty(count, np.uint32),
        np.empty(count, np.uint8),
        np.empty((count, width), np.uint8),
        Clock.RELATIVE,
    )


def _out(room: Frames) -> CEmitted:
    columns = (room.t_ns, room.bus, room.id, room.size, room.data)
    return CEmitted(*(address(column) for column in columns), len(room), 0)
