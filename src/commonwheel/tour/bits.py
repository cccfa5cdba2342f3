"""One frame, bit by bit: which bits are which signal's, and how their number becomes the standard's value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.vehicles.bits import bits_of, check_bits, raw_of

if TYPE_CHECKING:
    from commonwheel.tour.tour import Passage
    from commonwheel.vehicles.model import Field, Message, Writer
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["CHECKSUM", "COUNTER", "Carried", "Picture", "pictures"]

COUNTER, CHECKSUM = "counter", "checksum"


@dataclass(frozen=True, slots=True)
class Carried:
    """A signal in a frame."""

    path: str
    field: Field
    raw: int
    factor: float
    offset: float
    unit: str

    @property
    def value(self) -> float:
        """In the standard's unit."""
        return self.raw * self.factor + self.offset


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame at an instant."""

    bus: str
    message: Message
    payload: bytes
    carried: tuple[Carried, ...]
    marks: tuple[tuple[str, ...], ...]
    """For each byte the owner of its bits, most significant first: a path, ``COUNTER``, ``CHECKSUM`` or ''."""


def pictures(passage: Passage, paths: tuple[str, ...], at_ns: int) -> list[Picture]:
    """Return the frames that carry *paths* as they were last sent at an instant, in the order of the paths."""
    car = passage.vehicle
    carried: dict[int, list[str]] = {}
    for path in paths:
        carried.setdefault(car.writers[path][0].message, []).append(path)
    found: list[Picture] = []
    for number, here in carried.items():
        message, frames = car.messages[number], passage.frames
        sent = np.flatnonzero((frames.id == message.frame_id) & (frames.bus == message.bus) & (frames.t_ns <= at_ns))
        if len(sent):
            found.append(_picture(car, message, frames.data[sent[-1], : message.size].tobytes(), here))
    return found


def _picture(car: Vehicle, message: Message, payload: bytes, paths: list[str]) -> Picture:
    carried = tuple(_carried(car, message, payload, path) for path in paths)
    owners = {one.path: bits_of(one.field) for one in carried}
    owners |= {COUNTER: sum(bits_of(f) for f in message.fields if f.name == message.counter)}
    if message.check >= 0:
        owners[CHECKSUM] = check_bits(car, message)
    marks = tuple(
        tuple(
            next((name for name, mask in owners.items() if mask >> byte * 8 + bit & 1), "") for bit in range(7, -1, -1)
        )
        for byte in range(message.size)
    )
    return Picture(car.buses[message.bus].name, message, payload, carried, marks)


def _carried(car: Vehicle, message: Message, payload: bytes, path: str) -> Carried:
    writer: Writer = car.writers[path][0]
    field = next(field for field in message.fields if field.name == writer.field)
    unit = car.signals[car.numbers[path]].unit
    return Carried(path, field, raw_of(payload, field), writer.factor, writer.offset, unit)
