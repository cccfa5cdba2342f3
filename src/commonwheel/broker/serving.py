"""What every server of the broker looks like to who runs it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Endpoint", "Server"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens."""

    host: str = "127.0.0.1"
    """A name or an address; ``unix:`` and a path for a Unix socket, where a protocol knows how."""
    port: int = 0
    """0: any free one."""

    def __str__(self) -> str:
        if self.is_unix:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_unix(self) -> bool:
        """Whether it is a Unix socket."""
        return self.host.startswith("unix:")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.is_unix:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class Server(Protocol):
    """A protocol served from a broker. Made with ``(broker, endpoint, access)``; runs in an asyncio loop."""

    name: str
    """What the protocol is called: 'grpc', 'viss', 'flight'."""

    async def start(self) -> Endpoint:
        """Begin to serve; returns where.

        Raises:
            BrokerError: INVALID when the address cannot be had; the message says why.
        """
        ...

    async def stop(self, grace_s: float = 1.0) -> None:
        """Stop serving: open streams get *grace_s* to end."""
        ...

    def facts(self) -> Mapping[str, float]:
        """Return counts for the metrics: ``clients``, ``streams``, ``requests``, ``refused``."""
        ...
