"""What others send to a car: the requests in it, in the standard's terms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commonwheel.vehicles.emission import layout_of
from commonwheel.vehicles.samples import Quality
from commonwheel.wire.codec import Decoder
from commonwheel.wire.frames import Clock
from commonwheel.wire.tables import MAX_TABLE_BITS, SignalRow, TableBuilder

if TYPE_CHECKING:
    from commonwheel.vehicles.model import Request
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.database import Signal
    from commonwheel.wire.frames import Frames
    from commonwheel.wire.tables import Tables

__all__ = ["Asked", "Reception"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a car is asked for, as of the last frame that asked."""

    t_ns: int
    """When, since the beginning."""
    value: float
    """In the standard's unit; an enumeration as its code."""


class Reception:
    """Reads the requests that a car's description knows. A frame whose checksum or counter is wrong asks nothing."""

    def __init__(self, vehicle: Vehicle) -> None:
        self._requests = vehicle.requests
        self._decoder = Decoder(_tables(vehicle), {i: i for i in range(len(vehicle.buses))}, clock=Clock.ORDER)
        self.asked: dict[str, Asked] = {}
        """By path, the last that was asked."""
        self.frames = 0
        """Frames received so far, with a request or without."""

    def take(self, frames: Frames) -> None:
        """Take frames in: the car's bus numbers, times since the beginning."""
        self.frames += len(frames)
        columns = self._decoder.decode(frames)
        good = columns[columns.quality == Quality.GOOD]
        numbers: list[int] = good.signal.tolist()
        for t_ns, number, value in zip(good.t_ns.tolist(), numbers, good.value.tolist(), strict=True):
            self.asked[self._requests[number].path] = Asked(t_ns, value)


def _tables(vehicle: Vehicle) -> Tables:
    """Return tables of the car's messages that yield what is requested in them."""
    builder = TableBuilder(len(vehicle.buses))
    for message in vehicle.messages:
        counter = next((layout_of(field) for field in message.fields if field.name == message.counter), None)
        builder.message(
            bus=message.bus, can_id=message.id, extended=message.extended, size=message.size, counter=counter,
            modulo=message.modulo if counter else 0,
        )  # fmt: skip
    for number, request in enumerate(vehicle.requests):
        field = next(f for f in vehicle.messages[request.writer.message].fields if f.name == request.writer.field)
        builder.signal(request.writer.message, _row(request, number, layout_of(field)))
    tables = builder.build()
    tables.messages["check"] = vehicle.tables.messages["check"]  # the messages are the same, in the same order
    return replace(tables, checks=vehicle.tables.checks, bytes=vehicle.tables.bytes)


def _row(request: Request, number: int, field: Signal) -> SignalRow:
    """Return how a request is read: the writer's way, backwards."""
    writer = request.writer
    if not writer.codes:
        return SignalRow(field, number, writer.factor, writer.offset, request.low, request.high)
    size = min(1 << field.length, 1 << MAX_TABLE_BITS)
    codes = {bits: code for code, bits in reversed(writer.codes)}
    return SignalRow(field, number, table=tuple(codes.get(bits, float("nan")) for bits in range(size)))
