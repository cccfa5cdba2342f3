"""Which port reads which interface."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.port import CanOutlet, CanPort
from commonwheel.gateway.socketcan import SocketCanOutlet, SocketCanPort, can_read, open_socket

if TYPE_CHECKING:
    from commonwheel.gateway.clock import SteadyClock
    from commonwheel.gateway.port import Port
    from commonwheel.gateway.sources import BusSource, Option
    from commonwheel.vehicles.model import Bus

__all__ = ["for_bus", "open_port"]

_NOT_SET_HERE = ("socketcan", "virtual", "udp_multicast", "simulated")
"""Interfaces whose bit rate is set elsewhere, or that have none."""


def for_bus(source: BusSource, bus: Bus) -> BusSource:
    """Return the source with what the car's description says of the bus, where the source does not say it."""
    options: dict[str, Option] = {}
    if bus.fd:
        options["fd"] = True
    if source.interface not in _NOT_SET_HERE:
        options["bitrate"] = bus.bitrate
    return replace(source, options={**options, **source.options})


def open_port(source: BusSource, number: int, clock: SteadyClock, *, may_send: bool = False) -> Port:
    """Open a bus.

    Args:
        source: which.
        number: the bus number that its frames get.
        clock: gives its frames their times.
        may_send: return a port that can also send; without it there is nothing to send with.

    Raises:
        GatewayError: something that the interface needs is not installed.
        Exception: whatever else its driver raises.
    """
    if can_read(source):
        sock = open_socket(source)
        return (SocketCanOutlet if may_send else SocketCanPort)(sock, number, clock)
    try:
        return (CanOutlet if may_send else CanPort)(source, number, clock)
    except NotImplementedError as error:  # python-can's way to say that a driver's library is not there
        what = "python-can's extra 'multicast' (msgpack)" if source.interface == "udp_multicast" else "its driver"
        message = f"the interface '{source.interface}' needs {what}, which is not installed here: {error}"
        raise GatewayError(message) from error
