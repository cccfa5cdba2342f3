"""Lanes: the messages of a car that carry what its instruments show, and their frames as they come.

A lane says which of its bits belong to which role, so that a page can colour them as it colours the instrument, and
how the number in them becomes the standard's value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from commonwheel.vehicles.bits import check_bits, owners_of, raw_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.vehicles.model import Field, Message
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["COUNTER", "Lane", "LaneCard", "LaneField", "candidates", "chosen"]

COUNTER, CHECKSUM = "counter", "checksum"
MOST_LANES = 4
MOST_FRAMES = 8
"""Of one lane in one update: at 20 updates a second that is every frame of a message that comes each 6 ms."""
SHOWN_BYTES = 8
_READ = 2
"""Fields of a lane whose arithmetic is shown."""


class LaneField(msgspec.Struct, frozen=True):
    """A field of a lane that an instrument rests on."""

    role: str
    name: str
    bits: int
    order: str
    """big-endian or little-endian."""
    factor: float
    """From the raw number to a value in the unit."""
    offset: float
    unit: str
    direct: bool
    """Whether that value is the standard's own, and not one of several that it is computed from."""
    codes: list[tuple[int, float]]
    """Raw numbers and what the standard says for them, where they are codes; the factor says nothing then."""


class LaneCard(msgspec.Struct, frozen=True):
    """What a page is told of a lane once."""

    message: str
    id: str
    bus: str
    period_ms: float
    size: int
    first_byte: int
    """The first byte that is shown, of a message of more than eight."""
    owners: list[str]
    """Of each bit shown, the most significant of a byte first: a role, counter, checksum or ''."""
    fields: list[LaneField]


@dataclass(slots=True)
class Lane:
    """One message of a car."""

    number: int
    """In the vehicle's table."""
    message: Message
    card: LaneCard
    roles: tuple[str, ...]
    read: tuple[Field, ...]
    """The fields of the card, as the description has them."""
    total: int = 0
    news: list[str] = field(default_factory=list[str])
    payload: bytes = b""

    def look(self, frames: Frames) -> None:
        """Take note of this message's frames among others."""
        rows = np.flatnonzero((frames.id == self.message.frame_id) & (frames.bus == self.message.bus))
        if not len(rows):
            return
        self.total += len(rows)
        first, end = self.card.first_byte, self.card.first_byte + self.card.size
        self.news += [frames.data[row, first:end].tobytes().hex() for row in rows[-MOST_FRAMES:]]
        del self.news[:-MOST_FRAMES]
        self.payload = frames.data[rows[-1], : self.message.size].tobytes()

    def take(self) -> list[object] | None:
        """Return what a page is told of new frames: payloads, the count, the raw numbers; None: nothing."""
        if not self.news:
            return None
        news, self.news = self.news, []
        return [news, self.total, [raw_of(self.payload, one) for one in self.read]]


def candidates(vehicle: Vehicle, roles: Mapping[str, str], *, with_personal: bool) -> list[Lane]:
    """Return a lane for every message that carries a role's signal, in the order of the roles.

    Args:
        vehicle: the car.
        roles: role to the path that its instrument reads.
        with_personal: also messages that tell who the car or its user is.
    """
    found: dict[int, dict[int, str]] = {}
    for role, path in roles.items():
        for number, at in _sources(vehicle, path):
            if with_personal or not vehicle.messages[number].personal:
                found.setdefault(number, {}).setdefault(at, role)
    return [_lane(vehicle, number, fields, roles) for number, fields in found.items()]


def _sources(vehicle: Vehicle, path: str) -> list[tuple[int, int]]:
    """Return where a signal comes from: numbers of messages, and of fields in them."""
    index = {
        f"{vehicle.buses[message.bus].name}/{message.name}.{one.name}": (number, at)
        for number, message in enumerate(vehicle.messages)
        for at, one in enumerate(message.fields)
    }
    info = vehicle.signals[vehicle.numbers[path]]
    return [index[source] for source in info.sources if source in index]


def _lane(vehicle: Vehicle, number: int, fields: Mapping[int, str], roles: Mapping[str, str]) -> Lane:
    message = vehicle.messages[number]
    counters = [at for at, one in enumerate(message.fields) if one.name == message.counter]
    names = {**dict.fromkeys(counters, COUNTER), **fields}
    owners = owners_of(message, check_bits(vehicle, message), [*fields, *counters])
    marked = [at for at, owner in enumerate(owners) if owner in fields]
    first = 0 if message.size <= SHOWN_BYTES else min(min(marked, default=0) // 8, message.size - SHOWN_BYTES)
    shown = owners[8 * first : 8 * (first + SHOWN_BYTES)]
    read = list(fields)[:_READ]
    card = LaneCard(
        message=message.name,
        id=message.id_text,
        bus=vehicle.buses[message.bus].name,
        period_ms=message.period_ns / 1e6,
        size=min(message.size, SHOWN_BYTES),
        first_byte=first,
        owners=[names.get(owner, CHECKSUM if owner < -1 else "") for owner in shown],
        fields=[_field(vehicle, message, at, fields[at], roles) for at in read],
    )
    return Lane(number, message, card, tuple(dict.fromkeys(fields.values())), tuple(message.fields[at] for at in read))


def _field(vehicle: Vehicle, message: Message, at: int, role: str, roles: Mapping[str, str]) -> LaneField:
    one, path = message.fields[at], roles[role]
    info = vehicle.signals[vehicle.numbers[path]]
    writers = [
        w for w in vehicle.writers.get(path, ()) if w.field == one.name and vehicle.messages[w.message] == message
    ]
    writer = writers[0] if writers else None
    direct = writer is not None and info.how != "compute" and not writer.codes and not writer.steps
    source = writer if writer is not None and direct else one
    return LaneField(
        role=role,
        name=one.name,
        bits=one.length,
        order="big-endian" if one.big_endian else "little-endian",
        factor=source.factor,
        offset=source.offset,
        unit=info.unit if direct else one.unit,
        direct=direct,
        codes=[(raw, value) for value, raw in writer.codes] if writer is not None and info.how != "compute" else [],
    )


def chosen(lanes: Sequence[Lane]) -> list[Lane]:
    """Return the few lanes to show: those that are heard go before those that are not, and each adds a role."""
    shown: list[Lane] = []
    covered: set[str] = set()
    for heard in (True, False):
        for lane in lanes:
            if bool(lane.total) is heard and not covered.issuperset(lane.roles):
                shown.append(lane)
                covered.update(lane.roles)
    order = {id(lane): at for at, lane in enumerate(lanes)}
    return sorted(shown[:MOST_LANES], key=lambda lane: order[id(lane)])
