"""From frames to samples with a vehicle's description: the codec, plus texts, buses and counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.vehicles.samples import Quality, Samples
from commonwheel.wire.codec import Columns, Counts, Decoder
from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.vehicles.model import TextInfo
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["MessageCount", "VehicleDecoder"]

PADDING = "\0 \xff"


@dataclass(frozen=True, slots=True)
class MessageCount:
    """What happened to one message."""

    bus: str
    name: str
    id: int
    frames: int
    corrupt: int
    """Frames whose checksum failed."""
    lost: int
    """Frames that the counter says are missing."""
    stuck: int
    """Frames in which the counter stood still."""
    shorter: int
    """Frames shorter than the description says."""
    stale: int
    """Times it fell silent."""
    checked: bool
    """Whether the message has a checksum at all."""


class VehicleDecoder:
    """Turns one car's frames into samples, batch by batch.

    >>> decoder = VehicleDecoder(vehicle, buses={0: "ev"})   # doctest: +SKIP
    >>> samples = decoder.decode(frames)                     # doctest: +SKIP
    """

    def __init__(
        self,
        vehicle: Vehicle,
        *,
        buses: Mapping[int, str] | None = None,
        signals: Iterable[str] | None = None,
        with_personal: bool = False,
        clock: Clock = Clock.UTC,
    ) -> None:
        """Prepare a decoder.

        Args:
            vehicle: the car.
            buses: bus number of the frames to the car's bus name; None puts the frames' buses on the car's in
                order, and every bus on the only one of a car with one bus.
            signals: path patterns of the signals wanted; None means all.
            with_personal: also yield signals that tell who the car or its user is.
            clock: what the frames' times mean.
        """
        self.vehicle = vehicle
        self._clock = clock
        wanted = vehicle.select(signals, with_personal=with_personal)
        chosen = set(wanted.tolist())
        self._texts = [text for text in vehicle.texts if text.signal in chosen]
        pieces = [piece for text in self._texts for piece in text.pieces]
        everything = len(wanted) == len(vehicle.signals) and len(self._texts) == len(vehicle.texts)
        tables = vehicle.tables if everything else vehicle.tables.select([*wanted.tolist(), *pieces])
        if buses is not None:
            bus_map = {number: vehicle.bus_index(name) for number, name in buses.items()}
        else:
            bus_map = None if len(vehicle.buses) == 1 else {i: i for i in range(len(vehicle.buses))}
        self._decoder = Decoder(tables, bus_map, clock=clock)
        self._parts: dict[int, dict[int, str]] = {text.signal: {} for text in self._texts}
        """The pieces of each text that came since it was last whole."""
        self._known: dict[int, int] = {}
        """The number of the last string of each text."""
        self._text_of = {piece: text for text in self._texts for piece in text.pieces}
        self._strings: list[str] = []
        self._string_numbers: dict[str, int] = {}

    def decode(self, frames: Frames) -> Samples:
        """Decode a batch of frames, in order of arrival."""
        return self._samples(self._decoder.decode(frames))

    def expire(self, now_ns: int) -> Samples:
        """Return the samples of the messages that are late at *now_ns*."""
        return self._samples(self._decoder.expire(now_ns))

    def silence(self, bus: str, now_ns: int) -> Samples:
        """Return the samples that make all messages of one of the car's buses stale at *now_ns*: the bus is gone.

        Raises:
            DescriptionError: the car has no such bus.
        """
        return self._samples(self._decoder.silence(self.vehicle.bus_index(bus), now_ns))

    @property
    def late(self) -> int:
        """Messages that are stale now."""
        return self._decoder.late

    @property
    def texts(self) -> list[str]:
        """The texts found so far; samples of text signals hold their numbers."""
        return self._strings

    @property
    def counts(self) -> Counts:
        """Frames known, unknown and without payload so far, and the raw counts by message."""
        return self._decoder.counts

    @property
    def message_counts(self) -> list[MessageCount]:
        """What happened to each message that was seen."""
        rows = self._decoder.counts.messages
        return [
            MessageCount(
                self.vehicle.buses[message.bus].name,
                message.name,
                message.id,
                *(int(row[key]) for key in ("frames", "corrupt", "lost", "stuck", "shorter", "stale")),
                checked=message.check >= 0,
            )
            for message, row in zip(self.vehicle.messages, rows, strict=True)
            if row["frames"]
        ]

    def _samples(self, columns: Columns) -> Samples:
        if self._texts:
            columns = self._join_texts(columns)
        table = self.vehicle.signals
        return Samples(columns.t_ns, columns.signal, columns.value, columns.quality, table, self._clock, self._strings)

    def _join_texts(self, columns: Columns) -> Columns:
        """Replace the raw pieces of texts by one sample whenever a text is complete, or a piece is of no use."""
        is_piece = columns.signal >= len(self.vehicle.signals)
        if not is_piece.any():
            return columns
        keep = ~is_piece
        signal, value = columns.signal.copy(), columns.value.copy()
        raw = columns.value.view(np.int64)
        for at in np.flatnonzero(is_piece):
            text = self._text_of[int(signal[at])]
            number = self._piece(text, int(signal[at]), int(raw[at]), int(columns.quality[at]))
            if number is not None:
                keep[at], signal[at], value[at] = True, text.signal, number
        return Columns(columns.t_ns[keep], signal[keep], value[keep], columns.quality[keep])

    def _piece(self, text: TextInfo, piece: int, raw: int, quality: int) -> float | None:
        """Take a piece in; returns the value of the text's sample: its number, NaN for none; None for no sample.

        A text is whole when every piece came since it was whole last, in whatever order.
        """
        parts = self._parts[text.signal]
        if quality == Quality.STALE:  # the last string, once for all pieces
            parts.clear()
            return self._known.get(text.signal) if piece == text.pieces[-1] else None
        if quality > Quality.STALE:
            return float("nan")
        parts[piece] = (raw & (1 << 8 * text.width) - 1).to_bytes(text.width, "big").decode("latin-1")
        if len(parts) < len(text.pieces):
            return None
        string = "".join(parts[number] for number in text.pieces).strip(PADDING)
        parts.clear()
        if string not in self._string_numbers:
            self._string_numbers[string] = len(self._strings)
            self._strings.append(string)
        self._known[text.signal] = self._string_numbers[string]
        return self._known[text.signal]
