"""What sends: requests of actuators as frames on the car's buses. Without this object there is nothing that could.

A request becomes one frame: the field that carries it, the other fields at their defaults, counter and checksum as
the car expects them. What proves it is the signal that the description names, within its time, to one step of the
wire; the broker watches for that.
"""

from __future__ import annotations

import logging
import math
import threading
from typing import TYPE_CHECKING

from commonwheel.broker.actuation import Stage
from commonwheel.broker.providers import Proof
from commonwheel.broker.values import to_inside
from commonwheel.errors import CommonwheelError
from commonwheel.gateway.port import Outlet
from commonwheel.vehicles.encoder import VehicleEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.broker import Actuation, Broker, Provider
    from commonwheel.gateway.bus import BusReader
    from commonwheel.vehicles.model import Request
    from commonwheel.vehicles.vehicle import Vehicle

__all__ = ["Sender"]

_LOG = logging.getLogger(__name__)


class Sender:
    """Claims the actuators that the car's description offers, and sends what is asked of them."""

    def __init__(self, vehicle: Vehicle, broker: Broker, provider: Provider, readers: Mapping[str, BusReader]) -> None:
        """Prepare; *readers* are the car's buses that have a source, by name."""
        self._vehicle, self._broker, self._provider, self._readers = vehicle, broker, provider, readers
        self._encoder = VehicleEncoder(vehicle)
        self._lock = threading.Lock()
        self._requests: dict[int, Request] = {}
        self.sent = 0
        """Frames sent so far."""

    def open(self) -> None:
        """Claim the actuators.

        Raises:
            BrokerError: ALREADY_CLAIMED.
        """
        proofs: dict[int, Proof | None] = {}
        for request in self._vehicle.requests:
            proof, why = self._proof(request)
            if proof is None:
                _LOG.warning("%s: %s cannot be asked for: %s", self._vehicle.name, request.path, why)
                continue
            number = self._broker.table.number(request.path)
            proofs[number], self._requests[number] = proof, request
        self._provider.claim((), proofs, self._act)
        _LOG.info("%s: %d actuators can be asked for", self._vehicle.name, len(proofs))

    def _proof(self, request: Request) -> tuple[Proof | None, str]:
        """Return what proves a request, or why there is nothing that can."""
        table, vehicle = self._broker.table, self._vehicle
        for path in (request.path, request.confirm):
            if path not in table.numbers:
                return None, f"the catalog lacks {path}"
        asked, shown = table[table.numbers[request.path]], table[table.numbers[request.confirm]]
        if not asked.is_actuator:
            return None, f"it is a {asked.leaf.kind.value} in the catalog"
        if (asked.leaf.unit, asked.labels) != (shown.leaf.unit, shown.labels):
            return None, f"{request.confirm}, which is to prove it, is counted otherwise"
        confirm = vehicle.signals[vehicle.numbers[request.confirm]]
        step = 0.0 if asked.labels or asked.leaf.datatype == "boolean" else abs(request.writer.factor)
        tolerance = max(step, confirm.resolution)
        limits = (-math.inf, math.inf) if asked.labels else (request.low, request.high)
        return Proof(shown.number, request.within_ns, tolerance, *limits), ""

    def _act(self, actuations: Sequence[Actuation]) -> None:
        for actuation in actuations:
            stage, why = self._try(actuation)
            if stage is not None:
                self._broker.finish(actuation, stage, why)

    def _try(self, actuation: Actuation) -> tuple[Stage | None, str]:
        """Send what an actuation asks for; returns the stage that it ends at, and why, when it could not be."""
        request = self._requests[actuation.signal]
        message = self._vehicle.messages[request.writer.message]
        bus = self._vehicle.buses[message.bus].name
        reader = self._readers.get(bus)
        if reader is None:
            return Stage.REFUSED, f"the bus '{bus}', which would carry it, has no source here"
        port = reader.port
        if not isinstance(port, Outlet):
            return (
                Stage.REFUSED,
                f"the bus '{bus}', which would carry it, is down{f': {reader.error}' * bool(reader.error)}",
            )
        try:
            with self._lock:
                inside, _ = to_inside(self._broker.table[actuation.signal], actuation.target)
                payload = self._encoder.encode_request(request, inside)
                port.send(message.frame_id, payload)
                self.sent += 1
        except CommonwheelError as error:
            return Stage.REFUSED, str(error)
        except Exception as error:  # noqa: BLE001 - drivers raise what they like, in the thread of whoever asks
            _LOG.warning("bus %s: a frame could not be sent: %s", bus, error)
            return Stage.FAILED, f"the bus '{bus}' did not take the frame: {error}"
        return None, ""
