"""The Arrow Flight server as the service runs it: started and stopped with the others, in threads of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.flight.service import Service
from commonwheel.broker.listening import require_free
from commonwheel.broker.serving import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.broker.access import Access
    from commonwheel.broker.broker import Broker

__all__ = ["FlightServer"]

_LOG = logging.getLogger(__name__)

_LEFT: list[Service] = []
"""Servers with a client that would not end. Nothing tears them down: that would wait for the client, for ever."""


class FlightServer:
    """Serves a broker by Arrow Flight; see ``docs/native.md``."""

    name = "flight"

    def __init__(self, broker: Broker, endpoint: Endpoint, access: Access) -> None:
        """Make a server; ``start`` starts it."""
        self._broker, self._endpoint, self._access = broker, endpoint, access
        self._service: Service | None = None
        self._asked = {"requests": 0.0, "refused": 0.0}
        """Counts of a server that was stopped."""

    async def start(self) -> Endpoint:
        """Begin to serve; returns where.

        Raises:
            BrokerError: INVALID when the address cannot be had or a TLS file cannot be used; says why.
        """
        require_free(self._endpoint)
        tls = self._access.tls
        options: dict[str, Any] = {} if tls is None else tls.flight_options()
        location = f"{'grpc' if tls is None else 'grpc+tls'}://{self._endpoint}"
        try:
            self._service = Service(self._broker, self._access, location, options)
        except (pa.ArrowException, OSError, ValueError) as error:
            message = f"the Flight server cannot listen on {self._endpoint}: {error}"
            raise BrokerError(Reason.INVALID, message) from error
        return Endpoint(self._endpoint.host, self._service.port)

    async def stop(self, grace_s: float = 1.0) -> None:
        """Stop serving: streams end, and a client that does not take its last batch within the grace is left alone."""
        service, self._service = self._service, None
        if service is None:
            return
        self._asked = service.counts()
        service.stopping.set()
        over = threading.Thread(target=service.shutdown, name="commonwheel-flight-stop", daemon=True)
        over.start()
        await asyncio.to_thread(over.join, grace_s)
        if over.is_alive():
            _LOG.warning("a client of the Flight server does not end its stream; it is left alone")
            _LEFT.append(service)

    def facts(self) -> Mapping[str, float]:
        """Return counts for the metrics."""
        counts = self._asked if self._service is None else self._service.counts()
        clients = self._access.clients.facts()
        return {"clients": clients.get("clients", 0.0), "streams": counts.get("streams", 0.0), **counts}
