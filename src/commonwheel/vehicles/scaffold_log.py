"""What a log tells of a database's messages: which are there, how often, their checksums and counters.

A checksum is believed when it holds in nearly every frame of many different payloads; a CRC-8 that has no
name here is found by trying every polynomial, whatever its start value and inversion, which only add a
constant to frames of one length. A counter is a field that steps by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.vehicles.scaffold_words import is_counter
from commonwheel.vehicles.yamlwrite import Hex
from commonwheel.wire.checksums import CHECKSUMS, compile_check
from commonwheel.wire.codec import check_frames, decode_database, seal
from commonwheel.wire.database import Database
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, REMOTE_FLAG, Clock
from commonwheel.wire.tables import TableBuilder

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from commonwheel.vehicles.yamlwrite import Value
    from commonwheel.wire.database import Message, Signal
    from commonwheel.wire.frames import Frames
    from commonwheel.wire.tables import Tables

__all__ = ["Checked", "Counted", "Seen", "busiest_bus", "survey", "unknown_ids"]

FEWEST_FRAMES = 20
FEWEST_PAYLOADS = 4
MOST_FRAMES = 4000
"""Frames of a message that are looked at."""
HOLDS, COUNTS = 0.99, 0.9
"""Shares of frames from which on a checksum holds, and a field counts."""
TRIED = 16
"""Payloads on which a CRC is tried first."""
STEADY = 0.5
"""Spread of the gaps between frames, against their median, up to which a message has a period."""
POLYNOMIALS = tuple(range(1, 256, 2))


@dataclass(frozen=True, slots=True)
class Checked:
    """A checksum that holds."""

    row: Value
    """As a description states it: a name, or a mapping with its parameters."""
    held: int
    frames: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A field that counts frames."""

    signal: str
    modulo: int
    """0: it counts through all that it can hold."""
    stepped: int
    """Steps by one, of ``frames - 1``."""
    frames: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One message on the log."""

    frames: int
    period_ms: float | None
    checksum: Checked | None
    counter: Counted | None


def busiest_bus(frames: Frames, database: Database) -> int:
    """Return the log's bus that carries the most ids of a database."""
    known = np.array([_key(message) for message in database.messages], np.uint32)
    best, most = 0, (-1, -1)
    for bus in np.unique(frames.bus):
        ids = frames.id[frames.bus == bus]
        shared = (len(np.intersect1d(ids, known)), int(np.isin(ids, known).sum()))
        if shared > most:
            best, most = int(bus), shared
    return best


def survey(frames: Frames, database: Database) -> dict[str, Seen]:
    """Return what the frames of one bus tell of a database's messages, by name; those that are absent are not in it."""
    seen: dict[str, Seen] = {}
    trials = _Trials()
    for message in database.messages:
        mine = frames[frames.id == _key(message)]
        if len(mine):
            part = mine[:MOST_FRAMES]
            seen[message.name] = Seen(len(mine), _period_ms(part), trials.find(message, part), _counter(message, part))
    return seen


def unknown_ids(frames: Frames, database: Database) -> Mapping[int, int]:
    """Return the ids that the database lacks, with SocketCAN's flag, and how many frames each has."""
    plain = frames[(frames.id & (REMOTE_FLAG | ERROR_FLAG)) == 0]
    ids, counts = np.unique(plain.id, return_counts=True)
    known = {_key(message) for message in database.messages}
    return {int(i): int(n) for i, n in zip(ids, counts, strict=True) if int(i) not in known}


def _key(message: Message) -> int:
    return message.id | (EXTENDED_FLAG if message.extended else 0)


def _period_ms(frames: Frames) -> float | None:
    if frames.clock is Clock.ORDER or len(frames) < FEWEST_FRAMES:
        return None
    low, median, high = np.percentile(np.diff(np.sort(frames.t_ns)), [10, 50, 90])
    return float(median) / 1e6 if median > 0 and high - low <= STEADY * median else None


class _Trials:
    """Tries checksums; the tables of all CRCs are made once."""

    def __init__(self) -> None:
        self._crcs: Tables | None = None
        self._tried: list[tuple[int, int, int]] = []
        """(polynomial, byte, row of the tables)."""

    def find(self, message: Message, frames: Frames) -> Checked | None:
        """Return the first algorithm that holds; those with a name and no parameters come first."""
        sizes, counts = np.unique(frames.size, return_counts=True)
        size = int(sizes[counts.argmax()])
        whole = frames[frames.size == size]
        payloads = np.unique(whole.data[:, :size], axis=0)
        if size < 2 or len(whole) < FEWEST_FRAMES or len(payloads) < FEWEST_PAYLOADS:  # noqa: PLR2004 - data and check
            return None
        rows: list[Value] = [name for name, row in CHECKSUMS.items() if not row.parameters]
        for row in (*rows, *_xors(payloads), *self._crc_rows(payloads, whole.width)):
            checked = _held(row, message, whole)
            if checked.held >= HOLDS * checked.frames:
                return checked
        return None

    def _crc_rows(self, payloads: npt.NDArray[np.uint8], width: int) -> list[Value]:
        """Return the CRC-8s whose difference to what is sent is the same in (nearly) every payload."""
        tables = self._tables()
        chosen = payloads[np.linspace(0, len(payloads) - 1, min(TRIED, len(payloads))).astype(int)]
        size = chosen.shape[1]
        rows: list[Value] = []
        for polynomial, at, check in self._tried:
            data = np.zeros((len(chosen), width), np.uint8)
            data[:, :size] = chosen
            seal(tables, check, data, size)
            values, counts = np.unique(data[:, at % size] ^ chosen[:, at % size], return_counts=True)
            if counts.max() >= COUNTS * len(chosen):
                found: dict[str | int, Value] = {"name": "crc8", "poly": Hex(polynomial)}
                if values[counts.argmax()]:
                    found["xorout"] = Hex(int(values[counts.argmax()]))
                rows.append(found if at == -1 else {**found, "at": at})
        return rows

    def _tables(self) -> Tables:
        if self._crcs is None:
            builder = TableBuilder(1)
            for polynomial in POLYNOMIALS:
                for at in (-1, 0):
                    parameters = {"poly": polynomial, "at": at}
                    check = compile_check("crc8", can_id=0, extended=False, parameters=parameters)
                    index = builder.message(bus=0, can_id=0, extended=False, size=8, check=check)
                    self._tried.append((polynomial, at, builder.check_of(index)))
            self._crcs = builder.build()
        return self._crcs


def _xors(payloads: npt.NDArray[np.uint8]) -> list[Value]:
    total = int(np.bitwise_xor.reduce(payloads[0]))
    return [
        {"name": "xor", **({"init": Hex(total)} if total else {}), **({"at": 0} if at == 0 else {})} for at in (-1, 0)
    ]


def _held(row: Value, message: Message, frames: Frames) -> Checked:
    given = {**row} if isinstance(row, dict) else {"name": row}
    name = str(given.pop("name"))
    parameters = {str(key): int(value) for key, value in given.items() if isinstance(value, int)}
    check = compile_check(name, can_id=message.id, extended=message.extended, parameters=parameters)
    builder = TableBuilder(1)
    index = builder.message(bus=0, can_id=0, extended=False, size=message.size, check=check)
    return Checked(row, check_frames(builder.build(), builder.check_of(index), frames), len(frames))


def _counter(message: Message, frames: Frames) -> Counted | None:
    """Return the field that counts best; those that are called so come first."""
    fields = [s for s in message.signals if 2 <= s.length <= 8 and not s.is_float and s.multiplexed is None]  # noqa: PLR2004
    if len(frames) < FEWEST_FRAMES or not fields:
        return None
    only = Database(Path(), (replace(message, signals=tuple(fields)),))
    decoded = decode_database(only, frames, raw=True)
    found: list[tuple[tuple[bool, float, int, int], Counted]] = []
    for signal in fields:
        raw = decoded[message.name, signal.name].value.view(np.int64) & ((1 << signal.length) - 1)
        counted = _steps(signal, raw)
        if counted is not None:
            share = counted.stepped / (counted.frames - 1)
            found.append(((is_counter(signal.name), share, -signal.length, -len(signal.name)), counted))
    return max(found, key=lambda item: item[0])[1] if found else None


def _steps(signal: Signal, raw: npt.NDArray[np.int64]) -> Counted | None:
    if len(raw) < FEWEST_FRAMES:
        return None
    best: Counted | None = None
    for modulo in dict.fromkeys((1 << signal.length, int(raw.max()) + 1)):
        stepped = int((np.diff(raw) % modulo == 1).sum()) if modulo > 2 else 0  # noqa: PLR2004 - two values only toggle
        if stepped >= COUNTS * (len(raw) - 1) and (best is None or stepped > best.stepped):
            best = Counted(signal.name, 0 if modulo == 1 << signal.length else modulo, stepped, len(raw))
    return best
