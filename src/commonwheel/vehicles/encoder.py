"""From standard values to frames with a vehicle's description: the decoder's way, backwards.

``VehicleEncoder.encode`` takes standard signals over time and returns the frames the car would send: every
message that carries one of them, at its own period, with counters and checksums. What no standard signal
sets comes from the description's defaults, else from the database's start value, else it is zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.errors import EncodeError
from commonwheel.vehicles.emission import Writers, compile_emission, first_times, layout_of
from commonwheel.wire.emitter import Emitter, Misfit
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.vehicles.model import Request
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.emitter import Put

__all__ = ["Track", "VehicleEncoder", "layout_of"]

_KEPT = 64
"""Sets of paths whose way onto the wire is kept ready."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One standard signal over time: at ``t_ns[i]`` it becomes ``value[i]`` and stays so."""

    t_ns: npt.NDArray[np.int64]
    """Times, shape (n,), rising."""
    value: npt.NDArray[np.float64]
    """Values in the standard's unit, shape (n,); enumerations as codes. NaN: the sender's 'no value'."""

    def at(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the value held at each time; before the first, the first."""
        return self.value[np.clip(np.searchsorted(self.t_ns, t_ns, side="right") - 1, 0, None)]


class VehicleEncoder:
    """Makes frames of standard values; keeps the counters from call to call."""

    def __init__(self, vehicle: Vehicle) -> None:
        self.vehicle = vehicle
        self._counters = np.zeros(len(vehicle.messages), np.uint32)
        self._ready: dict[tuple[object, ...], Emitter] = {}

    @property
    def encodable(self) -> list[str]:
        """The standard paths that can be put on this car's wire directly; others are computed from them."""
        return [path for path in self.vehicle.numbers if path in self.vehicle.writers]

    def encode(self, tracks: Mapping[str, Track], start_ns: int, end_ns: int, *, idle: bool = False) -> Frames:
        """Return the frames from *start_ns* (included) to *end_ns* (not included), in time order.

        Args:
            tracks: standard path to its values over time.
            start_ns: first instant.
            end_ns: end of the time.
            idle: also send the messages that carry none of the tracks.

        Raises:
            EncodeError: a path is not encodable on this car, or a value does not fit on the wire.
        """
        writers = self._writers(tracks)
        chosen = range(len(self.vehicle.messages)) if idle else sorted(writers)
        if not chosen:
            return Frames.empty(clock=Clock.RELATIVE)
        return self._emit(chosen, writers, tracks, start_ns, end_ns)

    def encode_message(self, number: int, values: Mapping[str, float]) -> bytes:
        """Return one payload of message *number* with these standard values; the counter moves on.

        Raises:
            EncodeError: as ``encode``.
        """
        writers = self._writers(values)
        foreign = [path for path in values if all(path != p for p, _ in writers.get(number, []))]
        if foreign:
            message = f"'{foreign[0]}' is not carried by {self.vehicle.messages[number].name} of {self.vehicle.name}"
            raise EncodeError(message)
        return self._payload(number, writers, values)

    def encode_request(self, request: Request, value: float) -> bytes:
        """Return one payload that asks for a standard value; its counter moves on, its checksum holds.

        Every other field of the message has the description's default, else the database's start value, else 0.

        Raises:
            EncodeError: the value is outside what may be asked for, or does not fit on the wire.
        """
        if not request.low <= value <= request.high:
            span = f"{request.low:g}..{request.high:g} {request.unit}".strip()
            message = f"{self.vehicle.name}: '{request.path}' can be asked for {span}, not {value:g}"
            raise EncodeError(message)
        number = request.writer.message
        return self._payload(number, {number: [(request.path, request.writer)]}, {request.path: value}, request)

    def _writers(self, paths: Iterable[str]) -> Writers:
        """Return (path, writer) pairs by message."""
        result: Writers = {}
        for path in paths:
            found = self.vehicle.writers.get(path)
            if found is None:
                why = (
                    "is computed: set what it is computed from" if path in self.vehicle.numbers else "is not described"
                )
                message = f"{self.vehicle.name}: '{path}' {why}"
                raise EncodeError(message)
            for writer in found:
                result.setdefault(writer.message, []).append((path, writer))
        return result

    def _payload(
        self, number: int, writers: Writers, values: Mapping[str, float], request: Request | None = None
    ) -> bytes:
        tracks = {path: Track(np.zeros(1, np.int64), np.array([float(value)])) for path, value in values.items()}
        data = self._emit((number,), writers, tracks, 0, 1, request).data
        return data[0, : self.vehicle.messages[number].size].tobytes()

    def _emit(
        self, messages: Sequence[int], writers: Writers, tracks: Mapping[str, Track], start_ns: int, end_ns: int,
        request: Request | None = None,
    ) -> Frames:  # fmt: skip
        emitter = self._emitter(messages, writers, tuple(tracks), request)
        for number, (path, track) in enumerate(tracks.items()):
            self._bind(emitter, number, path, track)
        emitter.begin(first_times(self.vehicle, messages, start_ns))
        rows = list(messages)
        emitter.courses["counter"] = self._counters[rows]
        try:
            frames = emitter.run(end_ns)
        except Misfit as misfit:
            raise EncodeError(self._refusal(list(tracks)[misfit.put.track], misfit)) from None
        self._counters[rows] = emitter.courses["counter"]
        return frames

    def _emitter(
        self, messages: Sequence[int], writers: Writers, paths: tuple[str, ...], request: Request | None
    ) -> Emitter:
        """Return what makes frames of these paths; made once for as long as they are asked for."""
        key = (tuple(messages), paths, request)
        found = self._ready.get(key)
        if found is None:
            if len(self._ready) >= _KEPT:
                self._ready.pop(next(iter(self._ready)))
            found = Emitter(compile_emission(self.vehicle, messages, writers, paths), strict=True)
            self._ready[key] = found
        return found

    def _bind(self, emitter: Emitter, number: int, path: str, track: Track) -> None:
        try:
            emitter.bind(number, np.ascontiguousarray(track.t_ns, np.int64), np.asarray(track.value, np.float64))
        except ValueError as error:
            message = f"{self.vehicle.name}: '{path}': {error}"
            raise EncodeError(message) from error

    def _refusal(self, path: str, misfit: Misfit) -> str:
        """Return why a value cannot be put on the wire."""
        put: Put = misfit.put
        if math.isnan(misfit.value):
            return f"{self.vehicle.name}: '{path}' has no code for 'no value' on the wire"
        if put.codes:
            codes = ", ".join(f"{code:g}" for code, _ in put.codes)
            return f"{self.vehicle.name}: '{path}' cannot be {misfit.value:g}; it can be {codes}"
        field = put.field
        low, high = (-(1 << field.length - 1), 1 << field.length - 1) if field.signed else (0, 1 << field.length)
        return (
            f"{self.vehicle.name}: '{path}' does not fit into {field.name} ({field.length} bits): "
            f"raw {misfit.raw:.6g} is outside {low}..{high - 1}"
        )
