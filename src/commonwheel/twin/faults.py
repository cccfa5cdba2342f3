"""The faults of a scenario, done to a car's values and frames.

``SignalFaults`` change standard values before they are encoded, ``WireFaults`` the frames after that. What they do
follows from the seed alone, and not from how the frames are cut into batches.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.catalog.patterns import compile_pattern
from commonwheel.twin.injection import FaultKind
from commonwheel.vehicles.emission import layout_of
from commonwheel.wire.codec import pack, seal
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwheel.twin.injection import Injection
    from commonwheel.vehicles.model import Message
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["SignalFaults", "WireFaults", "hit_by", "without_effect"]

_ORDER = (
    FaultKind.FROZEN,
    FaultKind.STUCK_COUNTER,
    FaultKind.BAD_CHECKSUM,
    FaultKind.SILENT,
    FaultKind.LOST,
    FaultKind.DELAYED,
)
"""What is done to a frame first: a frame that is not sent needs no checksum, one that is late has one."""
_ALL_BITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def hit_by(vehicle: Vehicle, injection: Injection) -> tuple[int, ...]:
    """Return the numbers of the car's messages that a fault is of; () where the car has none of them.

    A branch or pattern in place of a signal stands for all signals that it selects.
    """
    names = {f"{vehicle.buses[message.bus].name}/{message.name}": i for i, message in enumerate(vehicle.messages)}
    if injection.message:
        return (names[injection.message],) if injection.message in names else ()
    if injection.bus:
        return tuple(i for name, i in names.items() if name.partition("/")[0] == injection.bus)
    chosen = compile_pattern(injection.signal)
    carriers: set[int] = set()
    for signal in filter(lambda signal: chosen(signal.path), vehicle.signals):
        carriers |= {writer.message for writer in vehicle.writers.get(signal.path, ())}
        carriers |= {names[name] for source in signal.sources if (name := source.rpartition(".")[0]) in names}
    return tuple(sorted(carriers))


def without_effect(vehicle: Vehicle, paths: Sequence[str], injections: Sequence[Injection]) -> list[str]:
    """Return in words which faults do nothing on a car that puts these paths on its wire."""
    told: list[str] = []
    for injection in injections:
        of = injection.signal or injection.message or injection.bus
        if injection.kind is FaultKind.NO_VALUE:
            reached = injection.signal in paths and has_no_value(vehicle, injection.signal)
        elif injection.kind.is_of_signal:
            reached = injection.signal in paths
        else:
            hits = [vehicle.messages[i] for i in hit_by(vehicle, injection)]
            guard = {FaultKind.STUCK_COUNTER: "counter", FaultKind.BAD_CHECKSUM: "checksum"}.get(injection.kind, "name")
            reached = any(getattr(message, guard) for message in hits)
        if not reached:
            told.append(f"{injection.kind.value} of {of}")
    return told


def has_no_value(vehicle: Vehicle, path: str) -> bool:
    """Whether a car's wire has a code for 'no value' of a signal."""
    return any(writer.invalid is not None for writer in vehicle.writers.get(path, ()))


def carriers_of(vehicle: Vehicle, paths: Sequence[str], path: str) -> list[tuple[str, float]]:
    """Return the signals whose values fill a signal's fields, each with how much of it is one of the signal's unit.

    Mostly that is the signal itself. Where several signals are made of one field, such as speeds of wheels and the
    speed that is computed of them, the first in the car's order fills it.
    """
    sent = set(paths)
    fills: dict[tuple[object, ...], tuple[str, float]] = {}
    for one in filter(sent.__contains__, vehicle.numbers):
        for writer in vehicle.writers.get(one, ()):
            fills.setdefault((writer.message, writer.field, writer.present), (one, writer.factor))
    found: dict[str, float] = {}
    for writer in vehicle.writers.get(path, ()):
        first, factor = fills[writer.message, writer.field, writer.present]
        found.setdefault(first, 1.0 if first == path else factor / writer.factor)
    return list(found.items())


class SignalFaults:
    """Faults of standard values."""

    def __init__(
        self, paths: Sequence[str], injections: Sequence[Injection], seed: int, vehicle: Vehicle | None = None
    ) -> None:
        """Prepare; *paths* are those of the rows. Faults of other paths, or that *vehicle* cannot say, do nothing."""
        self._faults: list[_SignalFault] = []
        for i, injection in enumerate(injections):
            path = injection.signal
            if not injection.kind.is_of_signal or path not in paths:
                continue
            if vehicle is not None and injection.kind is FaultKind.NO_VALUE and not has_no_value(vehicle, path):
                continue
            for one, scale in [(path, 1.0)] if vehicle is None else carriers_of(vehicle, paths, path):
                chance = random.Random(f"{seed}/{i}" if one == path else f"{seed}/{i}/{one}")  # noqa: S311 - no secret
                self._faults.append(_SignalFault(injection, injection.amount * scale, paths.index(one), chance))

    def __bool__(self) -> bool:
        return bool(self._faults)

    def apply(self, t_ns: int, row: list[float]) -> list[float]:
        """Return the values with what is wrong with them at a time; the row itself where nothing is."""
        changed = row
        for fault in self._faults:
            if fault.from_ns <= t_ns < fault.to_ns:
                if changed is row:
                    changed = list(row)
                changed[fault.place] = fault.value(t_ns, changed[fault.place])
        return changed


class _SignalFault:
    """One fault of one value."""

    def __init__(self, injection: Injection, amount: float, place: int, chance: random.Random) -> None:
        self.kind, self.amount, self.place, self._chance = injection.kind, amount, place, chance
        self.from_ns, self.to_ns = _span(injection)
        self._stuck: float | None = None

    def value(self, t_ns: int, value: float) -> float:
        """Return what the sensor says of a value."""
        match self.kind:
            case FaultKind.DRIFT:
                return value + self.amount * (t_ns - self.from_ns) / 1e9
            case FaultKind.BIAS:
                return value + self.amount
            case FaultKind.NOISE:
                return value + self._chance.gauss(0.0, self.amount)
            case FaultKind.STUCK:
                if self._stuck is None:
                    self._stuck = value
                return self._stuck
            case _:
                return math.nan


def _span(injection: Injection) -> tuple[int, float]:
    """Return from when to when a fault is there, in nanoseconds."""
    return round(injection.from_s * 1e9), injection.to_s * 1e9


class WireFaults:
    """Faults of frames."""

    def __init__(self, vehicle: Vehicle, injections: Sequence[Injection], seed: int) -> None:
        """Prepare; faults of what the car does not have do nothing."""
        self._faults = [
            _WireFault(vehicle, injection, hits, np.random.default_rng([seed % (1 << 63), i]))
            for i, injection in enumerate(injections)
            if not injection.kind.is_of_signal and (hits := hit_by(vehicle, injection))
        ]
        self._faults.sort(key=lambda fault: _ORDER.index(fault.kind))
        self._late = Frames.empty(clock=Clock.RELATIVE)
        """Frames that are delayed beyond what was returned so far."""
        self._done_ns = 0

    def apply(self, frames: Frames, until_ns: int) -> Frames:
        """Return what becomes of the frames that are due before a time, in order; the columns may be changed in place.

        Args:
            frames: those due from the last call's time on.
            until_ns: later frames are kept for the next call.
        """
        begin, self._done_ns = self._done_ns, until_ns
        active = [fault for fault in self._faults if fault.concerns(begin, until_ns)]
        if not active and not len(self._late):
            return frames
        for fault in active:
            frames = fault.apply(frames)
        whole = Frames.concat([self._late, frames]) if len(self._late) else frames
        if len(whole) and int(whole.t_ns.max()) >= until_ns:
            late = whole.t_ns >= until_ns
            self._late, whole = whole[late], whole[~late]
        else:
            self._late = Frames.empty(clock=Clock.RELATIVE)
        return whole.sorted_by_time()


class _WireFault:
    """One fault of some messages."""

    def __init__(
        self, vehicle: Vehicle, injection: Injection, hits: Sequence[int], chance: np.random.Generator
    ) -> None:
        self.kind, self.amount = injection.kind, injection.amount
        self.from_ns, self.to_ns = _span(injection)
        self._vehicle, self._chance = vehicle, chance
        self._messages = {vehicle.messages[i].key: vehicle.messages[i] for i in hits}
        self._keys = np.array(sorted(self._messages), np.uint64)
        self._kept: dict[int, npt.NDArray[np.uint8]] = {}
        """The payload of each message when the fault began."""
        self._last: dict[int, int] = {}
        """When each message was last sent."""

    def concerns(self, begin_ns: int, until_ns: int) -> bool:
        """Whether it does something to frames that are due in a span; what waits behind late ones is late, too."""
        if self.kind is FaultKind.DELAYED:  # of frames, also, that another fault brings into its time
            return max([self.to_ns, *self._last.values()]) > begin_ns
        return self.from_ns < until_ns and self.to_ns > begin_ns

    def apply(self, frames: Frames) -> Frames:
        """Return the frames with what the fault does to them."""
        keys = frames.bus.astype(np.uint64) << np.uint64(32) | frames.id
        hit = np.isin(keys, self._keys) & (frames.t_ns >= self.from_ns) & (frames.t_ns < self.to_ns)
        if self.kind is FaultKind.DELAYED:
            return self._delay(frames, hit, keys)
        if not hit.any():
            return frames
        match self.kind:
            case FaultKind.SILENT:
                return frames[~hit]
            case FaultKind.LOST:
                hit[hit] = self._chance.random(int(hit.sum())) < self.amount
                return frames[~hit]
            case FaultKind.BAD_CHECKSUM:
                hit[hit] = self._chance.random(int(hit.sum())) < self.amount
                change = self._spoil
            case FaultKind.STUCK_COUNTER:
                change = self._hold_counter
            case _:
                change = self._freeze
        for key in np.unique(keys[hit]).tolist():
            rows = np.flatnonzero(hit & (keys == key))
            frames.data[rows] = change(self._messages[key], key, frames.data[rows])
        return frames

    def _freeze(self, _: Message, key: int, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return np.broadcast_to(self._kept.setdefault(key, data[0].copy()), data.shape)

    def _hold_counter(self, message: Message, key: int, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        field = next((field for field in message.fields if field.name == message.counter), None)
        if field is None:
            return data
        bits = np.zeros((1, data.shape[1]), np.uint8)
        pack(bits, [layout_of(field)], [np.full(1, _ALL_BITS >> np.uint64(64 - field.length))])
        kept = self._kept.setdefault(key, data[0].copy())
        held = np.ascontiguousarray((data & ~bits) | (kept & bits))
        if message.check >= 0:
            seal(self._vehicle.tables, message.check, held, message.size)
        return held

    def _spoil(self, message: Message, _: int, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        if message.check < 0:
            return data
        check = self._vehicle.tables.checks[message.check]
        if message.size >= int(check["minimum"]):
            at = int(check["at"])
            data[:, at if at >= 0 else message.size + at] ^= np.uint8(int(check["mask"]))
        return data

    def _delay(self, frames: Frames, hit: npt.NDArray[np.bool_], keys: npt.NDArray[np.uint64]) -> Frames:
        """Let frames come later; those of one message stay in their order, as a sender's queue keeps them."""
        t_ns = frames.t_ns.copy()
        t_ns[hit] += (self._chance.random(int(hit.sum())) * self.amount * 1e9).astype(np.int64)
        for key in self._messages:
            rows = np.flatnonzero(keys == key)
            if not len(rows):
                continue
            t_ns[rows[0]] = max(int(t_ns[rows[0]]), self._last.get(key, 0))
            t_ns[rows] = np.maximum.accumulate(t_ns[rows])
            self._last[key] = int(t_ns[rows[-1]])
        return replace(frames, t_ns=t_ns)
