"""The dashboard as a part of a service: one for all of its cars, and for the apps that run on them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.listening import remedy
from commonwheel.broker.serving import Endpoint
from commonwheel.gateway.service import Bound
from commonwheel.web.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from commonwheel.apps.status import Hosting
    from commonwheel.broker.access import Access
    from commonwheel.gateway.config import Settings
    from commonwheel.gateway.live import LiveCar
    from commonwheel.web.server import WebServer

__all__ = ["Dashboard"]

_GRACE_S = 1.0
_MEASURES = (
    ("clients", "gauge", "web_pages", "Pages of the dashboard that are open"),
    ("streams", "gauge", "web_views", "Views that they look at"),
    ("requests", "counter", "web_requests", "Messages of pages, and files that were asked for"),
    ("refused", "counter", "web_refused", "Requests that were refused"),
)


class Dashboard:
    """Serves a service's cars to browsers; an ``Extension`` of the service."""

    name = "web"

    def __init__(self, settings: Settings, hosting: Hosting | None = None) -> None:
        """Prepare; ``start`` starts it.

        Args:
            settings: the service's; ``host`` and ``web_port`` say where.
            hosting: the apps that run on the cars; None none do.
        """
        self._settings = settings
        self._hosting = hosting
        self._server: WebServer | None = None

    async def start(self, cars: Sequence[LiveCar], access: Access) -> Sequence[Bound]:
        """Begin to serve; returns where.

        Raises:
            BrokerError: INVALID; the address cannot be had. Says what to change.
        """
        port = self._settings.port("web")
        if port is None:
            return ()
        scene = Scene(self._settings, tuple(cars), self._hosting)
        self._server = await asyncio.to_thread(_make, scene, Endpoint(self._settings.host, port), access)
        try:
            endpoint = await self._server.start()
        except BrokerError as error:
            what_to_do = remedy(error, "--web PORT", "--host")
            raise BrokerError(error.reason, f"web: {error}{what_to_do}") from error
        return (Bound("", self.name, endpoint),)

    @property
    def measures(self) -> Sequence[tuple[str, str, str, str]]:
        """Key of a figure in ``measured``, kind, name, meaning."""
        return _MEASURES

    @property
    def measured(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, object]]]:
        """Figures for the metrics, as of now; none while it does not serve."""
        return () if self._server is None else (({}, self._server.facts()),)

    async def stop(self, seconds: float) -> bool:
        """End within so many seconds; returns whether it ended by itself."""
        server, self._server = self._server, None
        if server is None:
            return True
        try:
            async with asyncio.timeout(seconds):
                await server.stop(min(_GRACE_S, seconds / 4))
        except TimeoutError:
            return False
        return True


def _make(scene: Scene, endpoint: Endpoint, access: Access) -> WebServer:
    """Make the server; in a thread, as reading what it serves takes a while."""
    from commonwheel.web.server import WebServer

    return WebServer(scene, endpoint, access)
