"""Complete frames of one carrier: commands in their fields, everything else held, at its default, or constant.

Fields are put into the payload as one whole number; what never changes is put there once. A value is rounded towards
neutral, so that a frame never holds more than was allowed. A counter begins after that of the car's own controller,
where one was heard, and goes on by one with each frame that left; after a pause it begins so again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.errors import DescriptionError, Fault
from commonwheel.vehicles.emission import start_values
from commonwheel.wire.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from commonwheel.control.model import Carrier
    from commonwheel.vehicles.model import Field, Message
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["FrameMaker", "Slot"]

_WHOLE = 1e-6
"""A raw value so near a whole one is that: the last bits of a division mean nothing."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a field is in a payload that is taken for one big-endian number."""

    pieces: tuple[tuple[int, int, int], ...]
    """(shift in the payload, shift in the field, bits): one for a Motorola field, one for each byte of an Intel one."""
    mask: int
    """The field's bits in the payload."""
    length: int
    signed: bool

    @classmethod
    def of(cls, field: Field, size: int) -> Slot:
        """Find a field in payloads of *size* bytes.

        Raises:
            ValueError: it does not lie within.
        """
        bits = 8 * size
        if field.big_endian:
            first = field.start // 8 * 8 + 7 - field.start % 8
            pieces = [(bits - first - field.length, 0, field.length)]
        else:
            pieces = list[tuple[int, int, int]]()
            at = field.start
            while at < field.start + field.length:
                count = min(8 - at % 8, field.start + field.length - at)
                pieces.append((bits - 8 * (at // 8 + 1) + at % 8, at - field.start, count))
                at += count
        mask = sum((1 << count) - 1 << shift for shift, _, count in pieces if shift >= 0)
        if field.length < 1 or mask >> bits or any(shift < 0 for shift, _, _ in pieces):
            message = f"field '{field.name}' does not lie within {size} bytes"
            raise ValueError(message)
        return cls(tuple(pieces), mask, field.length, field.signed)

    def put(self, word: int, raw: int) -> int:
        """Return the payload with a raw value in the field; negative ones as two's complement."""
        word &= ~self.mask
        for shift, low, count in self.pieces:
            word |= (raw >> low & (1 << count) - 1) << shift
        return word

    def get(self, word: int) -> int:
        """Return the field's raw value."""
        raw = 0
        for shift, low, count in self.pieces:
            raw |= (word >> shift & (1 << count) - 1) << low
        return raw - (1 << self.length) if self.signed and raw >> (self.length - 1) else raw


@dataclass(frozen=True, slots=True)
class _Command:
    """A field that carries a command."""

    name: str
    slot: Slot
    factor: float
    offset: float

    def raw(self, value: float, neutral: float) -> int:
        """Return what to send for a value, rounded towards neutral and held within the field."""
        exact, rest = (value - self.offset) / self.factor, (neutral - self.offset) / self.factor
        near = round(exact)
        if abs(exact - near) > _WHOLE:
            near = math.floor(exact) if exact > rest else math.ceil(exact)
        span = 1 << self.slot.length
        low, high = (-(span >> 1), (span >> 1) - 1) if self.slot.signed else (0, span - 1)
        return min(max(near, low), high)

    def value(self, raw: int) -> float:
        return raw * self.factor + self.offset


class FrameMaker:
    """Makes the frames of one carrier."""

    def __init__(self, vehicle: Vehicle, carrier: Carrier, file: Path, *, lapse_ns: int) -> None:
        """Prepare; without a frame for longer than *lapse_ns* its counter may begin anew.

        Raises:
            DescriptionError: the carrier names what its message does not have.
        """
        message = vehicle.messages[carrier.message]
        self.message, self.carrier = message, carrier
        self._file = file
        fields = {field.name: field for field in message.fields}
        slots = {name: self._slot(fields, name) for name in self._named(message, carrier)}
        self.commands = [
            _Command(name, slots[field], fields[field].factor, fields[field].offset)
            for field, name in carrier.fields.items()
        ]
        self._capped = {carrier.fields[name] for name in carrier.capped}
        self._own: int | None = None
        self._own_ns = self._now_ns = 0
        self._active = [(slots[name], *raws) for name, raws in carrier.active.items()]
        self._counter = slots[message.counter] if message.counter else None
        self._count, self._lapse_ns = 0, lapse_ns
        self._sent_ns: int | None = None
        self._held = 0
        for name in carrier.held:
            self._held |= slots[name].mask
        word = int.from_bytes(start_values(message, fields)[: message.size], "big")
        for name, raw in carrier.constant.items():
            word = slots[name].put(word, raw)
        self._word = word
        self._sealer = Sealer(vehicle.tables, message.check, message.size) if message.check >= 0 else None
        self._next_ns: int | None = None

    def due(self, t_ns: int, slack_ns: int) -> bool:
        """Whether a frame is to leave in the cycle at *t_ns*, which may be early by *slack_ns*."""
        self._now_ns = t_ns
        return self._next_ns is None or t_ns + slack_ns >= self._next_ns

    def hear(self, t_ns: int, payload: bytes) -> None:
        """Take in a frame of the car's own controller: what is held, and where its counter is."""
        if len(payload) != self.message.size:
            return
        word = int.from_bytes(payload, "big")
        self._word = self._word & ~self._held | word & self._held
        self._own, self._own_ns = word, t_ns
        lapsed = self._sent_ns is None or t_ns - self._sent_ns > self._lapse_ns
        if self._counter is not None and lapsed:
            self._count = self._counter.get(word) + 1

    def make(self, values: Mapping[str, float], neutral: Mapping[str, float], *, acts: bool) -> bytes:
        """Return a frame with these commands; nothing goes on until it is ``sent``."""
        word = self._word
        for command in self.commands:
            name = command.name
            raw = command.raw(values[name], neutral[name])
            word = command.slot.put(word, self._under(command, raw, neutral[name]) if name in self._capped else raw)
        for slot, idle, active in self._active:
            word = slot.put(word, active if acts else idle)
        if self._counter is not None:
            word = self._counter.put(word, self._count % (self.message.modulo or 1 << self._counter.length))
        payload = word.to_bytes(self.message.size, "big")
        return self._sealer(payload) if self._sealer is not None else payload

    def _under(self, command: _Command, raw: int, neutral: float) -> int:
        """Return a raw value no farther from neutral than the one that the car's own controller sent of late."""
        rest = command.raw(neutral, neutral)
        late = self._own is None or self._now_ns - self._own_ns > self._lapse_ns
        own = rest if self._own is None or late else command.slot.get(self._own)
        return min(max(raw, min(own, rest)), max(own, rest))

    def sent(self, t_ns: int, slack_ns: int) -> None:
        """Go on: the frame left in the cycle at *t_ns*.

        The next is due on the grid of periods; after a late one no sooner than a period less the slack.
        """
        self._count, self._sent_ns = self._count + 1, t_ns
        period = self.carrier.period_ns
        planned = t_ns if self._next_ns is None else self._next_ns
        self._next_ns = max(planned + period, t_ns + period - slack_ns)

    def rest(self) -> None:
        """No frames leave now: the next begins at once, on a grid of its own."""
        self._next_ns = None

    def read(self, payload: bytes) -> dict[str, float]:
        """Return the commands that a frame holds."""
        word = int.from_bytes(payload, "big")
        return {command.name: command.value(command.slot.get(word)) for command in self.commands}

    @staticmethod
    def _named(message: Message, carrier: Carrier) -> list[str]:
        names = [*carrier.fields, *carrier.active, *carrier.held, *carrier.constant]
        return [*names, message.counter] if message.counter else names

    def _slot(self, fields: Mapping[str, Field], name: str) -> Slot:
        field = fields.get(name)
        if field is None or field.is_float:
            what = "is a float" if field is not None else "does not exist"
            text = f"a frame of {self.message.name} cannot be made: its field '{name}' {what}"
            raise DescriptionError([Fault(self._file, 0, text)])
        try:
            return Slot.of(field, self.message.size)
        except ValueError as error:
            raise DescriptionError([Fault(self._file, 0, f"{self.message.name}: {error}")]) from error
