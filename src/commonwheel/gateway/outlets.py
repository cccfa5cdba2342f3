"""What sends: frames that the guard let pass, to the buses that carry them. Nothing else of a service can.

It takes ``control.Leaving`` and nothing else; those are made by ``CarControl.step``, which has each looked at by the
guard, byte by byte. A bus that is gone, or that takes no frame several times running, is told of, once: who acts on
the car then lets go of it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from commonwheel.gateway.port import Outlet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonwheel.control import Control, Leaving
    from commonwheel.gateway.bus import BusReader
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Outlets"]

_LOG = logging.getLogger(__name__)
MOST_FAILED = 5
"""A bus that refuses so many frames in succession takes none any more."""


class Outlets:
    """The way to a car's buses. For one thread."""

    def __init__(self, vehicle: Vehicle, control: Control, readers: Mapping[str, BusReader]) -> None:
        """Prepare; *readers* are the car's buses that have a source, by name."""
        self._names = [bus.name for bus in vehicle.buses]
        self._readers = readers
        self._needed = sorted(
            {
                self._names[vehicle.messages[carrier.message].bus]
                for adapter in control.adapters
                for carrier in adapter.carriers
            }
        )
        self._failed = [0] * len(self._names)
        """Frames that each bus has refused since it took the last one."""
        self.sent = 0
        """Frames that a bus has taken."""
        self.unsent = 0
        """Frames that none has."""

    def lost(self) -> str:
        """Return which bus that is needed cannot be sent on, and why; '' when all can."""
        for name in self._needed:
            reader = self._readers.get(name)
            if reader is None:
                return f"the bus '{name}', which carries what acts, has no source here"
            if not isinstance(reader.port, Outlet):
                return f"the bus '{name}', which carries what acts, is down{f': {reader.error}' * bool(reader.error)}"
            failed = self._failed[self._names.index(name)]
            if failed >= MOST_FAILED:
                return f"the bus '{name}' has not taken {failed} frames in succession"
        return ""

    def again(self) -> None:
        """Forget what failed before: somebody arms the car anew."""
        self._failed = [0] * len(self._names)

    def send(self, frames: Iterable[Leaving]) -> list[Leaving]:
        """Send frames in their order, and return those that a bus has taken.

        One that cannot be sent is counted, and is in no other's way.
        """
        taken: list[Leaving] = []
        for frame in frames:
            reader = self._readers.get(self._names[frame.bus])
            port = None if reader is None else reader.port
            if not isinstance(port, Outlet):
                self.unsent += 1
                continue
            try:
                port.send(frame.can_id, frame.payload)
            except Exception as error:  # noqa: BLE001 - drivers raise what they like
                self._refused(frame.bus, error)
            else:
                self.sent += 1
                self._failed[frame.bus] = 0
                taken.append(frame)
        return taken

    def _refused(self, bus: int, error: Exception) -> None:
        self.unsent += 1
        self._failed[bus] += 1
        if self._failed[bus] == 1:
            _LOG.warning("bus %s: a frame could not be sent: %s", self._names[bus], error or type(error).__name__)
