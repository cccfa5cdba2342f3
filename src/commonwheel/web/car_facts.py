"""What is known of a car beside its values: its messages by key, the fields of a signal, the rows behind both.

A key is a frame's bus and id with SocketCAN's flags in one number, ``bus << 32 | id``. What was sent from here has keys
of its own (see ``wire.sent``), and is of the same message.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.errors import CommonwheelError
from commonwheel.vehicles.bits import check_bits, owners_of, raw_of
from commonwheel.vehicles.provenance import Provenance, provenance_of
from commonwheel.web.bus_numbers import FOREIGN
from commonwheel.wire.frames import EXTENDED_FLAG, ID_MASK
from commonwheel.wire.sent import SENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.vehicles.model import Field, Writer
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["CarFacts", "Carrier", "facts_of", "id_text", "is_sent"]

_NOTHING = Provenance({}, {}, {}, {}, evidence="", note="", files=(), databases={}, variants=())


_SENT_KEY = SENT << 32


def is_sent(key: int) -> bool:
    """Whether a key is of frames that were sent from here."""
    return SENT <= key >> 32 < FOREIGN


def id_text(key: int) -> str:
    """Return a key's id in hexadecimal, with eight digits when it is an extended one."""
    extended = key & EXTENDED_FLAG
    return f"0x{key & ID_MASK:0{8 if extended else 3}X}"


@dataclass(frozen=True, slots=True)
class Carrier:
    """A field that a signal is read from, or (of a computed one) an input of it."""

    message: int
    """Number of the message."""
    field: int
    """Number of the field in it."""
    writer: Writer | None
    """How its number and the signal's value belong together; None for an input of a computed signal."""


class CarFacts:
    """One car; made once and kept."""

    def __init__(self, vehicle: Vehicle, source: str) -> None:
        """Gather; *source* is what the car was asked for as, for the files behind it."""
        self.vehicle = vehicle
        try:
            self.provenance = provenance_of(source)
        except CommonwheelError:  # its files are not where they were; everything else is known all the same
            self.provenance = _NOTHING
        self.personal = frozenset(i for i, message in enumerate(vehicle.messages) if message.personal)
        """Numbers of the messages that tell who the car or its user is."""
        self.by_key: dict[int, int] = {message.key: i for i, message in enumerate(vehicle.messages)}
        self._by_reference = {
            f"{vehicle.buses[message.bus].name}/{message.name}": i for i, message in enumerate(vehicle.messages)
        }
        self._users: dict[str, list[str]] = {}
        for info in vehicle.signals:
            for field in info.sources:
                self._users.setdefault(field, []).append(info.path)
        self.readers: dict[int, list[str]] = {}
        """The standard signals that rest on each message, by its number."""
        for info in vehicle.signals:
            for carrier in self.carriers(info.path):
                found = self.readers.setdefault(carrier.message, [])
                if info.path not in found:
                    found.append(info.path)

    def paths_of(self, source: str) -> list[str]:
        """Return the standard signals that rest on a field, as bus/Message.Field."""
        return self._users.get(source, [])

    def number(self, key: int) -> int | None:
        """Return the number of a key's message; None: the description does not know it."""
        return self.by_key.get(key - _SENT_KEY if is_sent(key) else key)

    def bus_name(self, key: int) -> str:
        """Return what a key's bus is called."""
        buses, number = self.vehicle.buses, key >> 32
        if is_sent(key) and number - SENT < len(buses):
            return f"{buses[number - SENT].name}, sent"
        return buses[number].name if number < len(buses) else f"another ({number % FOREIGN})"

    def reference(self, number: int) -> str:
        """Return bus/Message of a message."""
        message = self.vehicle.messages[number]
        return f"{self.vehicle.buses[message.bus].name}/{message.name}"

    def carriers(self, path: str) -> list[Carrier]:
        """Return the fields that a signal rests on, the preferred one first."""
        vehicle = self.vehicle
        info = vehicle.signals[vehicle.numbers[path]]
        writers = vehicle.writers.get(path, ()) if info.how in {"from", "first_of"} else ()
        if writers:
            return [self._written(writer) for writer in writers]
        return [found for source in info.sources if (found := self._source(source)) is not None]

    def _written(self, writer: Writer) -> Carrier:
        fields = self.vehicle.messages[writer.message].fields
        return Carrier(writer.message, _at(fields, writer.field), writer)

    def _source(self, source: str) -> Carrier | None:
        reference, _, name = source.rpartition(".")
        number = self._by_reference.get(reference)
        if number is None:
            return None
        at = _at(self.vehicle.messages[number].fields, name)
        return None if at < 0 else Carrier(number, at, None)

    def is_there(self, number: int, field: Field, payload: bytes) -> bool:
        """Whether a field is in a frame, which the selector of a multiplexed one says."""
        condition = self.provenance.conditions.get(f"{self.reference(number)}.{field.name}")
        if condition is None:
            return True
        fields = self.vehicle.messages[number].fields
        at = _at(fields, condition.selector)
        raw = raw_of(payload, fields[at]) if at >= 0 else -1
        return any(low <= raw <= high for low, high in condition.values)

    def owners(self, number: int, payload: bytes = b"", first: Sequence[int] = ()) -> tuple[int, ...]:
        """Return the owner of each bit of a message, as it is drawn (see ``vehicles.bits``).

        Args:
            number: of the message.
            payload: a frame of it, whose selectors say which fields are there.
            first: fields that are drawn over all others.
        """
        message = self.vehicle.messages[number]
        there = [i for i, field in enumerate(message.fields) if not payload or self.is_there(number, field, payload)]
        ordered = [*(i for i in first if i in there), *(i for i in there if i not in first)]
        return owners_of(message, check_bits(self.vehicle, message), ordered)


def _at(fields: Sequence[Field], name: str) -> int:
    return next((i for i, field in enumerate(fields) if field.name == name), -1)


@functools.lru_cache(maxsize=64)
def facts_of(vehicle: Vehicle, source: str) -> CarFacts:
    """Return what is known of a car; *source* is what it was asked for as."""
    return CarFacts(vehicle, source)
