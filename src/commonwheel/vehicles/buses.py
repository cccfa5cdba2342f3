"""A description's buses: their databases loaded and merged, references into them resolved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.errors import DatabaseError
from commonwheel.vehicles.yamltree import suggest
from commonwheel.wire.database.layout import signal_bits

if TYPE_CHECKING:
    from pathlib import Path

    from commonwheel.vehicles.description import Description
    from commonwheel.vehicles.yamltree import Node, Reader
    from commonwheel.wire.database import Database, Message, Signal

__all__ = ["BusData", "Buses", "Reference"]

BUS_KEYS = ("database", "bitrate", "fd", "complete", "note")
MOST_BUSES = 32
FLOAT_BITS = (16, 32, 64)
LONGEST_FRAME = 64
LARGEST_IDS = {False: 0x7FF, True: 0x1FFF_FFFF}
"""Largest id of a frame, by whether it is an extended one."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that a description names."""

    bus: str
    message: Message
    signal: Signal

    def __str__(self) -> str:
        return f"{self.bus}/{self.message.name}.{self.signal.name}"


@dataclass(slots=True)
class BusData:
    """One bus: what the description says of it, and its messages by name."""

    name: str
    index: int
    bitrate: int
    fd: bool
    complete: bool
    databases: list[Database] = field(default_factory=list["Database"])
    messages: dict[str, Message] = field(default_factory=dict[str, "Message"])

    @property
    def files(self) -> str:
        """The database files' names, for a message."""
        return ", ".join(database.path.name for database in self.databases) or "no database"


class Buses:
    """All buses of a description."""

    def __init__(self, described: Description, reader: Reader) -> None:
        self._reader = reader
        self.by_name: dict[str, BusData] = {}
        rows = described.rows["buses"]
        if not rows:
            reader.fault(described.root, "'buses' is missing: name each bus and its database")
        for name, node in rows.items():
            entries = reader.mapping(node, f"bus '{name}'", BUS_KEYS)
            if len(self.by_name) >= MOST_BUSES:
                reader.fault(node, f"more than {MOST_BUSES} buses")
                break
            bus = BusData(
                name,
                len(self.by_name),
                reader.whole(entries.get("bitrate"), "'bitrate'", 500_000),
                reader.boolean(entries.get("fd"), "'fd'"),
                reader.boolean(entries.get("complete"), "'complete'"),
            )
            self.by_name[name] = bus
            files = described.databases.get(name, [])
            if not files:
                reader.fault(node, f"bus '{name}' needs a database: 'database: {name}.dbc'")
            for file in files:
                self._load(bus, file, described)
        for reference, node in described.removed.items():
            found = self.message(node, reference)
            if found is not None:
                del found[0].messages[found[1].name]

    def _load(self, bus: BusData, node: Node, described: Description) -> None:
        from commonwheel.wire.database import load_database

        path: Path = node.file.parent / self._reader.text(node, "a database file")
        try:
            described.files[path] = hashlib.sha256(path.read_bytes()).hexdigest()
            database = load_database(path)
        except OSError as error:
            self._reader.fault(node, f"{path.name} cannot be read: {error.strerror or error}")
            return
        except DatabaseError as error:
            self._reader.fault(node, str(error))
            return
        bus.databases.append(database)
        for message in database.messages:
            if message.size > LONGEST_FRAME or message.id > LARGEST_IDS[message.extended]:
                continue  # no frame is one; the database's repairs say so
            for other in [m for m in bus.messages.values() if (m.id, m.extended) == (message.id, message.extended)]:
                del bus.messages[other.name]
            bus.messages[message.name] = message

    def bus(self, node: Node, name: str) -> BusData | None:
        """Return the bus of this name, or note a fault."""
        bus = self.by_name.get(name)
        if bus is None:
            listed = ", ".join(self.by_name) or "none"
            self._reader.fault(node, f"there is no bus '{name}'{suggest(name, self.by_name)}; buses are: {listed}")
        return bus

    def message(self, node: Node, reference: str) -> tuple[BusData, Message] | None:
        """Return the message that 'bus/Message' names, or note a fault."""
        bus_name, slash, name = reference.partition("/")
        if not slash or not name:
            self._reader.fault(node, f"'{reference}' is not a reference; write bus/Message")
            return None
        bus = self.bus(node, bus_name)
        if bus is None:
            return None
        message = bus.messages.get(name)
        if message is None:
            if bus.databases:
                hint = suggest(name, bus.messages)
                self._reader.fault(node, f"message '{bus_name}/{name}' is not in {bus.files}{hint}")
            return None
        return bus, message

    def field(self, node: Node, reference: str) -> Reference | None:
        """Return the field that 'bus/Message.Signal' names, or note a fault."""
        name, dot, signal_name = reference.rpartition(".")
        if not dot or "/" not in name:
            self._reader.fault(node, f"'{reference}' is not a reference; write bus/Message.Signal")
            return None
        found = self.message(node, name)
        if found is None:
            return None
        bus, message = found
        signal = self.of_message(node, bus, message, signal_name)
        return Reference(bus.name, message, signal) if signal else None

    def of_message(self, node: Node, bus: BusData, message: Message, name: str) -> Signal | None:
        """Return the message's field of this name, or note a fault."""
        signal = message.signal(name)
        if signal is None:
            hint = suggest(name, [s.name for s in message.signals])
            self._reader.fault(node, f"signal '{bus.name}/{message.name}.{name}' is not in {bus.files}{hint}")
        elif signal_bits(signal) >> 8 * message.size:
            what = f"signal '{bus.name}/{message.name}.{name}' reaches beyond the {message.size} bytes of its message"
            self._reader.fault(node, f"{what}; correct its layout in {bus.files}")
        elif signal.is_float and signal.length not in FLOAT_BITS:
            what = f"signal '{bus.name}/{message.name}.{name}' is a float of {signal.length} bits"
            self._reader.fault(node, f"{what}; floats have 16, 32 or 64")
        else:
            return signal
        return None
