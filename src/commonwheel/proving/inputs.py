"""What becomes of the car's frames on their way to the platform while interventions spoil them.

Deterministic: which bits are flipped follows from the seed and the number of the frame alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.proving.intervention import FRAME_KINDS, INPUT_KINDS, Kind
from commonwheel.twin.faults import hit_by
from commonwheel.twin.injection import FaultKind, Injection
from commonwheel.vehicles.emission import layout_of
from commonwheel.wire.codec import pack, seal
from commonwheel.wire.frames import Frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from commonwheel.proving.intervention import Intervention
    from commonwheel.vehicles.model import Message
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Inputs", "carriers", "reaches"]

_MOST_TRIES = 20
_ALL_BITS = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def carriers(vehicle: Vehicle, of: str) -> tuple[int, ...]:
    """Return the numbers of the car's messages that carry a path, are on a bus, or have this name; of '' all."""
    if not of:
        return tuple(range(len(vehicle.messages)))
    if of in {bus.name for bus in vehicle.buses}:
        return hit_by(vehicle, Injection(FaultKind.SILENT, bus=of))
    if of.partition("/")[0] in {bus.name for bus in vehicle.buses}:
        return hit_by(vehicle, Injection(FaultKind.SILENT, message=of))
    return hit_by(vehicle, Injection(FaultKind.SILENT, signal=of))


def reaches(vehicle: Vehicle, kind: Kind, of: str) -> bool:
    """Whether spoiling an input so changes any frame of this car."""
    hits = carriers(vehicle, of)
    if kind in {Kind.STUCK, Kind.CORRUPTED}:
        return any(_bits(vehicle, vehicle.messages[i], of).any() for i in hits)
    return bool(hits)


def _bits(vehicle: Vehicle, message: Message, of: str) -> npt.NDArray[np.uint8]:
    """Return a payload with ones where an input is; where a whole message is meant, at all that it carries."""
    names = {field.name for field in message.fields} - {message.counter}
    info = next((signal for signal in vehicle.signals if signal.path == of), None)
    if info is not None:
        place = f"{vehicle.buses[message.bus].name}/{message.name}."
        sources = {source.removeprefix(place) for source in info.sources if source.startswith(place)}
        sources |= {
            writer.field for writer in vehicle.writers.get(of, ()) if vehicle.messages[writer.message] is message
        }
        names &= sources
    fields = [field for field in message.fields if field.name in names]
    bits = np.zeros((1, 8 if message.size <= 8 else 64), np.uint8)  # noqa: PLR2004 - classic CAN
    for field in fields:
        pack(bits, [layout_of(field)], [np.full(1, _ALL_BITS >> np.uint64(64 - field.length))])
    if message.check >= 0:
        check = vehicle.tables.checks[message.check]
        at = int(check["at"])
        bits[0, at if at >= 0 else message.size + at] &= ~np.uint8(int(check["mask"]))
    return bits


def _counter_bits(message: Message) -> npt.NDArray[np.uint8]:
    """Return a payload with ones where the counter is."""
    bits = np.zeros((1, 8 if message.size <= 8 else 64), np.uint8)  # noqa: PLR2004 - classic CAN
    for field in message.fields:
        if message.counter and field.name == message.counter:
            pack(bits, [layout_of(field)], [np.full(1, _ALL_BITS >> np.uint64(64 - field.length))])
    return bits


class Inputs:
    """The way of frames from the car to the platform."""

    def __init__(self, vehicle: Vehicle, interventions: Iterable[Intervention] = (), seed: int = 0) -> None:
        self._vehicle, self._seed = vehicle, seed
        self._spoilers: list[_Spoiler] = []
        self._late: list[Frames] = []
        for intervention in interventions:
            self.add(intervention)

    def add(self, intervention: Intervention) -> None:
        """Have an input spoiled; what is no kind of that, or of nothing that this car sends, does nothing."""
        if intervention.kind in {*INPUT_KINDS, *FRAME_KINDS} and (hits := carriers(self._vehicle, intervention.of)):
            number = len(self._spoilers)
            self._spoilers.append(_Spoiler(self._vehicle, intervention, hits, (self._seed, number)))

    def apply(self, frames: Frames, now_ns: int) -> Frames:
        """Return what arrives up to a time of frames that were sent up to it."""
        if not self._spoilers:
            return frames
        kept: list[Frames] = []
        for spoiler in self._spoilers:
            frames, late = spoiler.apply(frames)
            if late is not None:
                self._late.append(late)
        for late in self._late:
            due = late.t_ns <= now_ns
            if due.any():
                frames = Frames.concat([frames, late[due]])
            if not due.all():
                kept.append(late[~due])
        self._late = kept
        return frames.sorted_by_time() if len(frames) else frames


class _Spoiler:
    """One intervention on some messages."""

    def __init__(
        self, vehicle: Vehicle, intervention: Intervention, hits: Sequence[int], seed: tuple[int, int]
    ) -> None:
        self._what, self._vehicle, self._seed = intervention, vehicle, seed
        self._messages = {vehicle.messages[i].key: vehicle.messages[i] for i in hits}
        self._keys = np.array(sorted(self._messages), np.uint64)
        self._masks = {key: _bits(vehicle, message, intervention.of) for key, message in self._messages.items()}
        self._kept: dict[int, npt.NDArray[np.uint8]] = {}
        """The payload of each message when it began."""
        self._count = 0

    def apply(self, frames: Frames) -> tuple[Frames, Frames | None]:
        """Return frames as they arrive, and those that arrive later."""
        what = self._what
        keys = frames.bus.astype(np.uint64) << np.uint64(32) | frames.id
        hit = np.isin(keys, self._keys) & (frames.t_ns >= what.from_s * 1e9) & (frames.t_ns < what.to_s * 1e9)
        if not hit.any():
            return frames, None
        if what.kind is Kind.LOST:
            return frames[~hit], None
        if what.kind is Kind.DELAYED:
            late = frames[hit]
            return frames[~hit], replace(late, t_ns=late.t_ns + round(what.amount * 1e9))
        frames = replace(frames, data=frames.data.copy())
        for row in np.flatnonzero(hit).tolist():
            key = int(keys[row])
            frames.data[row] = self._changed(key, frames.data[row : row + 1])
        return frames, None

    def _changed(self, key: int, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        message, kept = self._messages[key], self._kept.setdefault(key, data.copy())
        if self._what.kind is Kind.FROZEN:
            return kept[0]
        if self._what.kind is Kind.CHECKSUM_WRONG:
            return self._unsealed(message, data)
        mask = self._masks[key][:, : data.shape[1]]
        if self._what.kind is Kind.COUNTER_STUCK:
            mask = _counter_bits(message)[:, : data.shape[1]]
        if self._what.kind is Kind.CORRUPTED:
            return self._flipped(message, data, mask)
        held = np.ascontiguousarray((data & ~mask) | (kept & mask))
        if message.check >= 0:
            seal(self._vehicle.tables, message.check, held, message.size)
        return held[0]

    def _unsealed(self, message: Message, data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return a payload in which nothing but the lowest bit of the checksum is wrong."""
        changed = data.copy()
        if message.check >= 0:
            check = self._vehicle.tables.checks[message.check]
            at, mask = int(check["at"]), int(check["mask"])
            changed[0, at if at >= 0 else message.size + at] ^= np.uint8(mask & -mask)
        return changed[0]

    def _flipped(
        self, message: Message, data: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.uint8]:
        """Return a payload with bits flipped so that the checksum is wrong: four bits of it miss one of 16 others."""
        self._count += 1
        chance = np.random.default_rng([*self._seed, self._count])
        for _ in range(_MOST_TRIES):
            changed = np.ascontiguousarray(data ^ (chance.integers(0, 256, data.shape, np.uint8) & mask))
            if message.check >= 0:
                sealed = changed.copy()
                seal(self._vehicle.tables, message.check, sealed, message.size)
                if (sealed == changed).all():
                    continue
            if (changed != data).any():
                return changed[0]
        return (data ^ mask)[0]
