"""Databases: what a CAN database says of a bus, whatever file format it came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Database", "Message", "Multiplexed", "Repair", "Signal"]


@dataclass(frozen=True, slots=True)
class Multiplexed:
    """When a multiplexed signal is present: its selector holds one of these raw values."""

    selector: str
    """Name of the selecting signal in the same message (which may itself be multiplexed)."""
    values: tuple[tuple[int, int], ...]
    """Inclusive raw ranges, for example ((0, 0), (4, 7))."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One field of a message. ``value = raw * factor + offset``."""

    name: str
    start: int
    """Start bit as DBC numbers it: byte * 8 + bit; the least significant bit of a little-endian
    field, the most significant bit of a big-endian one."""
    length: int
    """Bits, 1..64."""
    big_endian: bool
    signed: bool = False
    is_float: bool = False
    """IEEE 754 binary32 (length 32) or binary64 (length 64); binary16 (length 16) too."""
    factor: float = 1.0
    offset: float = 0.0
    minimum: float | None = None
    """Smallest valid physical value, or None where the database states none."""
    maximum: float | None = None
    unit: str = ""
    choices: Mapping[int, str] = field(default_factory=dict[int, str])
    """Raw value to name (a DBC value table)."""
    multiplexed: Multiplexed | None = None
    comment: str = ""
    initial: float | None = None
    """Raw start value, where the database states one."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: an id and its fields."""

    name: str
    id: int
    """Arbitration id, without flags."""
    extended: bool
    size: int
    """Payload length in bytes."""
    signals: tuple[Signal, ...]
    period_ms: float | None = None
    """Cycle time, where the database states one."""
    comment: str = ""

    def signal(self, name: str) -> Signal | None:
        """Return the signal of this name, or None."""
        return next((signal for signal in self.signals if signal.name == name), None)


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair that a database file needed before it could be read, or one finding about what it says.

    No repair changes a layout. ``KINDS`` explains each kind; those in ``FINDINGS`` changed nothing.
    """

    line: int
    """Line of the file, from 1; 0 in formats whose lines mean nothing (KCD, SYM, ARXML)."""
    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Database:
    """The messages of one bus."""

    path: Path
    messages: tuple[Message, ...]
    repairs: tuple[Repair, ...] = ()

    def message(self, name: str) -> Message | None:
        """Return the message of this name, or None."""
        return next((message for message in self.messages if message.name == name), None)
