"""One car's recording: its frames, its samples, or both, as long as it runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from commonwheel.gateway.record_frames import FrameRecorder
from commonwheel.gateway.record_listen import Listener
from commonwheel.gateway.record_samples import SampleRecorder
from commonwheel.gateway.recorder import is_name
from commonwheel.wire.sent import SENT, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from commonwheel.broker import Broker
    from commonwheel.gateway.config import CarSettings
    from commonwheel.gateway.rotation import Rotation
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["CarRecording", "HearsFrames", "Recording", "interfaces_of", "names_of"]

_LOG = logging.getLogger(__name__)


class HearsFrames(Protocol):
    """Where frames can be listened to: a gateway."""

    def listen(self, tap: Callable[[Frames], None]) -> Callable[[], None]:
        """Call *tap* with each batch; returns how to stop."""
        ...


@dataclass(eq=False)
class Recording:
    """``start`` it before the gateway, so that nothing is missing; ``stop`` it after the gateway."""

    broker: Broker
    gateway: HearsFrames | None
    frames: FrameRecorder | None = None
    samples: SampleRecorder | None = None
    signals: tuple[str, ...] = ("",)
    """Path patterns of the samples; '' is every signal."""
    patience_s: float = 0.0
    """How long who brings frames waits for the disk: for recordings that are played, never for a bus."""
    _ends: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"])
    _listener: Listener | None = None

    def start(self) -> None:
        """Begin.

        Raises:
            BrokerError: a pattern is none, or selects nothing.
        """
        if self.samples is not None:
            chosen = self.broker.table.match(self.signals)
            self._listener = Listener(self.broker, self.samples, chosen, patience_s=self.patience_s)
            self._ends.append(self._listener.close)
        frames = self.frames
        if frames is not None and self.gateway is not None:
            patience_s = self.patience_s
            self._ends.append(self.gateway.listen(lambda batch: frames.put(batch, patience_s=patience_s)))

    def stop(self, timeout_s: float = 30.0) -> None:
        """Write what came so far, and end the files; waits at most so long for the disk."""
        for end in self._ends:
            end()
        self._ends.clear()
        for recorder in (self.frames, self.samples):
            if recorder is not None:
                recorder.close(timeout_s)

    @property
    def lost(self) -> int:
        """Rows that came and are in no file."""
        recorders = [recorder for recorder in (self.frames, self.samples) if recorder is not None]
        beside = 0 if self._listener is None else self._listener.lost
        return beside + sum(recorder.counts.dropped + recorder.counts.queued for recorder in recorders)


class CarRecording:
    """The recording of one car of a service: its files begin with the car's short name."""

    def __init__(
        self,
        broker: Broker,
        gateway: HearsFrames,
        *,
        samples: Path | None,
        frames: Path | None,
        rotation: Rotation,
        interfaces: Mapping[int, str],
    ) -> None:
        """Prepare; *samples* and *frames* are folders, *interfaces* the names of the buses in a log of frames."""
        self._name, self._broker, self._gateway = broker.name, broker, gateway
        self._samples, self._frames, self._rotation, self._interfaces = samples, frames, rotation, interfaces
        self._recording: Recording | None = None

    def start(self) -> None:
        """Begin.

        Raises:
            OutputError: nothing can be written there.
        """
        frames = samples = None
        if self._frames is not None:
            prefix = f"{self._name}-frames"
            frames = FrameRecorder(self._frames, self._rotation, prefix=prefix, interfaces=self._interfaces)
        if self._samples is not None:
            samples = SampleRecorder(self._samples, self._rotation, prefix=f"{self._name}-samples")
        self._recording = Recording(self._broker, self._gateway, frames, samples)
        self._recording.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Write what came, and end the files; what is missing is logged."""
        recording, self._recording = self._recording, None
        if recording is None:
            return
        recording.stop(timeout_s)
        if recording.lost:
            _LOG.error("%s: %d rows are missing from the recording", self._name, recording.lost)


def interfaces_of(car: CarSettings, vehicle: Vehicle) -> dict[int, str]:
    """Return the names in a log of frames: those of the car's buses, and of what is sent there from here.

    A replay keeps its numbers, and no names.
    """
    return {} if car.replay is not None else names_of(vehicle)


def names_of(vehicle: Vehicle) -> dict[int, str]:
    """Return what a car's buses are called in a log of frames, and what is sent there from here."""
    named = {number: bus.name for number, bus in enumerate(vehicle.buses) if is_name(bus.name)}
    return named | {number + SENT: f"{name}{SUFFIX}" for number, name in named.items()}
