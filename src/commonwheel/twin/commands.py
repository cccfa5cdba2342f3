"""The commands on a car's buses, as its controllers read them: frame by frame, and only what is intact.

A frame whose length, checksum or counter is wrong says nothing, as to any controller of a real car.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.emission import layout_of
from commonwheel.vehicles.samples import Quality
from commonwheel.vehicles.yamltree import suggest
from commonwheel.wire.codec import Decoder
from commonwheel.wire.frames import Clock
from commonwheel.wire.tables import SignalRow, TableBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames
    from commonwheel.wire.tables import Tables

__all__ = ["Command", "Commands", "Line", "field_of", "message_of"]

_T = TypeVar("_T")


@dataclass(slots=True)
class Command:
    """One frame that commands something."""

    t_ns: int
    """When it came, since the beginning."""
    message: int
    """Number of the vehicle's message."""
    values: dict[str, float] = field(default_factory=dict[str, float])
    """Of its fields that are of interest, as bus/Message.Field, in the unit of the database."""
    raw: dict[str, float] = field(default_factory=dict[str, float])
    """The same as raw numbers."""


class Line(Generic[_T]):
    """What a controller goes by: the last command, later by a delay, and nothing once none came for a timeout."""

    def __init__(self, delay_s: float, timeout_s: float) -> None:
        self.delay_ns = round(delay_s * 1e9)
        self._timeout_ns = round(timeout_s * 1e9)
        self._coming: deque[tuple[int, _T]] = deque()
        self._now: tuple[int, _T] | None = None

    def put(self, t_ns: int, value: _T) -> None:
        """Take in a command that came at a time."""
        self._coming.append((t_ns + self.delay_ns, value))

    def at(self, t_ns: int) -> _T | None:
        """Return what is gone by now; None while there is nothing, or nothing new for too long."""
        coming = self._coming
        while coming and coming[0][0] <= t_ns:
            self._now = coming.popleft()
        if self._now is None or t_ns - self._now[0] > self._timeout_ns:
            return None
        return self._now[1]


class Commands:
    """Reads some fields of some messages."""

    def __init__(self, vehicle: Vehicle, fields: Iterable[str]) -> None:
        """Prepare to read fields, bus/Message.Field.

        Raises:
            DescriptionError: the car has no such field.
        """
        self._fields = tuple(dict.fromkeys(fields))
        places = [field_of(vehicle, name) for name in self._fields]
        self._messages = [message for message, _ in places]
        scales = [vehicle.messages[message].fields[place] for message, place in places]
        self._scales = [(one.factor, one.offset) for one in scales]
        self._sizes = {vehicle.messages[message].key: vehicle.messages[message].size for message in self._messages}
        tables = _tables(vehicle, places)
        self._decoder = Decoder(tables, {i: i for i in range(len(vehicle.buses))}, clock=Clock.ORDER)

    def take(self, frames: Frames) -> Sequence[Command]:
        """Return what frames command: those with fields of interest that are intact, in order."""
        if not self._fields or not len(frames):
            return ()
        columns = self._decoder.decode(frames)
        if not len(columns):
            return ()
        found: list[Command] = []
        last: Command | None = None
        numbers: list[int] = columns.signal.tolist()
        rows = zip(
            columns.t_ns.tolist(),
            numbers,
            columns.value.tolist(),
            columns.quality.tolist(),
            strict=True,
        )
        good = int(Quality.GOOD)
        for t_ns, number, raw, quality in rows:
            if quality != good:
                last = None
                continue
            name, message = self._fields[number], self._messages[number]
            if last is None or last.message != message or last.t_ns != t_ns or name in last.values:
                last = Command(t_ns, message)
                found.append(last)
            factor, offset = self._scales[number]
            last.raw[name] = raw
            last.values[name] = raw * factor + offset
        return found


def _tables(vehicle: Vehicle, places: Sequence[tuple[int, int]]) -> Tables:
    """Return tables of the car's messages that yield the raw numbers of some fields."""
    builder = TableBuilder(len(vehicle.buses))
    for message in vehicle.messages:
        counter = next((layout_of(one) for one in message.fields if one.name == message.counter), None)
        builder.message(
            bus=message.bus, can_id=message.id, extended=message.extended, size=message.size, counter=counter,
            modulo=message.modulo if counter else 0,
        )  # fmt: skip
    for number, (message, place) in enumerate(places):
        builder.signal(message, SignalRow(layout_of(vehicle.messages[message].fields[place]), number))
    tables = builder.build()
    tables.messages["check"] = vehicle.tables.messages["check"]  # the messages are the same, in the same order
    return replace(tables, checks=vehicle.tables.checks, bytes=vehicle.tables.bytes)


def message_of(vehicle: Vehicle, name: str) -> int:
    """Return the number of a message, bus/Message.

    Raises:
        DescriptionError: the car has no such message.
    """
    names = {f"{vehicle.buses[one.bus].name}/{one.name}": i for i, one in enumerate(vehicle.messages)}
    if name not in names:
        raise _unknown(vehicle, f"message '{name}'", name, names)
    return names[name]


def field_of(vehicle: Vehicle, name: str) -> tuple[int, int]:
    """Return the number of a field's message, and its place in it; the field as bus/Message.Field.

    Raises:
        DescriptionError: the car has no such field.
    """
    whole, _, last = name.rpartition(".")
    message = message_of(vehicle, whole)
    names = {one.name: i for i, one in enumerate(vehicle.messages[message].fields)}
    if last not in names:
        raise _unknown(vehicle, f"field '{last}' in {whole}", last, names)
    return message, names[last]


def _unknown(vehicle: Vehicle, what: str, name: str, known: Mapping[str, int]) -> DescriptionError:
    message = f"'actuation' names the {what}, which the description does not have{suggest(name, known)}"
    return DescriptionError([Fault(Path(vehicle.name), 0, message)])
