"""A simulated car on real buses: what it sends goes out on interfaces, what others send there comes to it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Self

from commonwheel.gateway.clock import SteadyClock
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.opening import for_bus, open_port
from commonwheel.gateway.port import Outlet
from commonwheel.gateway.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from commonwheel.gateway.port import Port
    from commonwheel.gateway.sources import BusSource
    from commonwheel.gateway.virtual import VirtualCar

__all__ = ["VirtualSender"]

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.05
_JOIN_S = 5.0


class _Line(Worker):
    """One bus of the car on one interface."""

    def __init__(self, car: VirtualCar, number: int, source: BusSource, port: Port) -> None:
        super().__init__(f"send {source}")
        self._car, self._number, self._source, self._port = car, number, source, port
        self.sent = self.received = 0
        self.error = ""

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        except Exception as error:  # noqa: BLE001 - drivers raise what they like
            self.error = f"the bus {self._source} has failed: {str(error) or type(error).__name__}"

    def _turn(self) -> None:
        """Send what the car has said meanwhile, and take what others say."""
        port, frames = self._port, self._car.wires[self._number].take(_LOOK_S)
        if frames is not None and isinstance(port, Outlet):
            for can_id, size, data in zip(frames.id.tolist(), frames.size.tolist(), frames.data, strict=True):
                port.send(can_id, data[:size].tobytes())
                self.sent += 1
        heard = port.read(0.0)
        if heard is not None:
            self.received += len(heard)
            for can_id, size, data in zip(heard.id.tolist(), heard.size.tolist(), heard.data, strict=True):
                self._car.tell(self._number, can_id, data[:size].tobytes())


class VirtualSender:
    """Sends a simulated car's frames as long as it is entered."""

    def __init__(
        self,
        car: VirtualCar,
        sources: Mapping[str, BusSource],
        opener: Callable[..., Port] = open_port,
    ) -> None:
        """Prepare.

        Args:
            car: not started yet.
            sources: where each of its buses is; those of its buses that are not named are sent nowhere.
            opener: opens a bus, as ``opening.open_port`` does.
        """
        self._car, self._sources, self._opener = car, sources, opener
        self._lines: list[_Line] = []
        self._ports: list[Port] = []

    @property
    def sent(self) -> int:
        """Frames sent so far."""
        return sum(line.sent for line in self._lines)

    @property
    def received(self) -> int:
        """Frames that others sent so far."""
        return sum(line.received for line in self._lines)

    def over(self, seconds: float | None = None) -> bool:
        """Whether the scenario is over, or the car has driven so long.

        Raises:
            GatewayError: a bus, or the simulation, has failed.
        """
        self._car.check()
        for line in self._lines:
            if line.error:
                raise GatewayError(line.error)
        return self._car.ended.is_set() or (seconds is not None and self._car.driven_s >= seconds)

    def __enter__(self) -> Self:
        """Open the buses and drive off.

        Raises:
            GatewayError: a bus cannot be opened.
        """
        vehicle = self._car.twin.vehicle
        try:
            for name, source in self._sources.items():
                number = vehicle.bus_index(name)
                port = self._open(for_bus(source, vehicle.buses[number]), number)
                self._ports.append(port)
                self._lines.append(_Line(self._car, number, source, port))
        except GatewayError:
            self._close()
            raise
        for bus, wire in zip(vehicle.buses, self._car.wires, strict=True):
            if bus.name not in self._sources:
                wire.close()
        for line in self._lines:
            line.start()
        self._car.start()
        return self

    def _open(self, source: BusSource, number: int) -> Port:
        try:
            return self._opener(source, number, SteadyClock(), may_send=True)
        except GatewayError:
            raise
        except Exception as error:  # drivers raise what they like
            message = f"the bus {source} cannot be opened: {str(error) or type(error).__name__}"
            raise GatewayError(message) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._car.stop()
        self._car.join(_JOIN_S)
        end = time.monotonic() + _LOOK_S
        while time.monotonic() < end and any(wire.waiting for wire in self._car.wires):
            time.sleep(0.001)
        for line in self._lines:
            line.stop()
        for line in self._lines:
            line.join(_JOIN_S)
        self._close()

    def _close(self) -> None:
        for port in self._ports:
            try:
                port.close()
            except Exception as error:  # noqa: BLE001 - a driver that cannot be closed is not in the others' way
                _LOG.warning("a bus cannot be closed: %s", error)
        self._ports.clear()
