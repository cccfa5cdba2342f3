"""What a compiled vehicle knows, as plain immutable records that go to the cache and back.

Tables (``wire.tables``) drive the kernels; these records tell people and the encoder what the tables mean.
"""

from __future__ import annotations

import math

import msgspec

from commonwheel.wire.frames import EXTENDED_FLAG

__all__ = ["Bus", "Field", "Message", "Request", "SignalInfo", "Sold", "TextInfo", "Writer"]


class Sold(msgspec.Struct, frozen=True):
    """One brand and model a car is sold as."""

    brand: str
    model: str
    years: str = ""


class Bus(msgspec.Struct, frozen=True):
    """One CAN bus of the car."""

    name: str
    bitrate: int = 500_000
    fd: bool = False
    complete: bool = False
    """Whether its databases list every id that the bus carries."""


class Field(msgspec.Struct, frozen=True):
    """A field of a message, as its database states it (see ``wire.database.Signal``)."""

    name: str
    start: int
    length: int
    big_endian: bool
    signed: bool
    is_float: bool
    factor: float
    offset: float
    unit: str = ""
    choices: dict[int, str] = {}
    initial: float | None = None


class Message(msgspec.Struct, frozen=True):
    """A message of the car."""

    bus: int
    """Index of its bus."""
    name: str
    id: int
    extended: bool
    size: int
    period_ns: int
    """0: no period is known."""
    timeout_ns: int
    """0: never stale."""
    checksum: str
    """Name of its algorithm; '' without."""
    check: int
    """Row of its checksum in the tables; -1 without."""
    counter: str
    """Name of the counting field; '' without."""
    modulo: int
    personal: bool
    optional: bool
    fields: tuple[Field, ...]
    defaults: dict[str, float] = {}
    """Field name to raw value, where a description asks for one."""

    @property
    def frame_id(self) -> int:
        """The id as its frames have it: an extended one with ``EXTENDED_FLAG``."""
        return self.id | (EXTENDED_FLAG if self.extended else 0)

    @property
    def key(self) -> int:
        """Bus and id in one number, which no other message of the car has."""
        return self.bus << 32 | self.frame_id

    @property
    def id_text(self) -> str:
        """The id in hexadecimal, with eight digits when it is an extended one."""
        return f"0x{self.id:0{8 if self.extended else 3}X}"


class SignalInfo(msgspec.Struct, frozen=True):
    """One standard signal that the car provides. Its index in the table is its number in Samples."""

    path: str
    unit: str
    datatype: str
    kind: str
    """sensor, actuator or attribute, as the catalog says."""
    how: str
    """from, compute, first_of or text."""
    sources: tuple[str, ...]
    """The fields it rests on, as bus/Message.Signal."""
    evidence: str
    labels: tuple[str, ...] = ()
    """Names of codes 0, 1, 2, … for signals with allowed values; () for plain numbers."""
    personal: bool = False
    low: float = -math.inf
    high: float = math.inf
    resolution: float = 0.0
    """Step of the wire in the standard's unit; 0 where it has none (enumerations, computed signals)."""
    file: str = ""
    line: int = 0
    note: str = ""


class Writer(msgspec.Struct, frozen=True):
    """How a standard value is put into one field: ``raw = round((value - offset) / factor)``, or by code."""

    message: int
    field: str
    factor: float = 1.0
    offset: float = 0.0
    codes: tuple[tuple[float, int], ...] = ()
    """Enumerations: standard code to raw."""
    present: tuple[tuple[str, int], ...] = ()
    """Selecting fields and the raw values they take in the frame that carries this field."""
    valid: tuple[tuple[str, int], ...] = ()
    """Fields that say the value is one, and their raw values."""
    invalid: int | None = None
    """The raw code that means 'no value', where there is one."""
    low: float = -math.inf
    high: float = math.inf
    """Values between which the decoder takes it for one: a value within is not rounded to a code outside."""
    steps: tuple[tuple[int, float], ...] = ()
    """An expression of the standard value that is to be written, from ``back``; () for the value itself."""


class Request(msgspec.Struct, frozen=True):
    """What may be asked of the car, and what proves that it happened."""

    path: str
    unit: str
    writer: Writer
    source: str
    confirm: str
    within_ns: int
    evidence: str
    low: float = -math.inf
    high: float = math.inf


class TextInfo(msgspec.Struct, frozen=True):
    """A signal made of characters, and the raw samples it is put together from."""

    signal: int
    pieces: tuple[int, ...]
    """Numbers of the raw samples, in the order of the parts."""
    width: int
    """Characters per piece."""
    message: int
