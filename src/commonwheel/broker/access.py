"""Who may come in, and how much each may ask: one checker for all interfaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from commonwheel.broker.rights import Rights

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Access", "Authority", "Limits", "Tls"]


class Authority(Protocol):
    """Turns a token into rights."""

    def verify(self, token: str) -> Rights:
        """Return the rights of a token.

        Raises:
            BrokerError: UNAUTHENTICATED or EXPIRED.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of the server's side, PEM."""

    certificate: Path
    key: Path
    clients: Path | None = None
    """Certificates that sign clients' certificates; given: every client has to have one (mutual TLS)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client may ask."""

    message_bytes: int = 4 * 1024 * 1024
    streams: int = 100
    """Open streams and connections at once."""
    subscriptions: int = 1000
    """Subscriptions at once."""
    requests_per_second: float = 10_000.0
    """Requests (not: messages of a stream) per second, over a few seconds."""


@dataclass(frozen=True, slots=True)
class Access:
    """What every server asks before it serves."""

    authority: Authority | None = None
    """None: everyone may do everything."""
    tls: Tls | None = None
    limits: Limits = field(default_factory=Limits)

    def rights(self, token: str | None, client: str) -> Rights:
        """Return the rights of a client by its bearer token (without the word 'Bearer').

        Raises:
            BrokerError: UNAUTHENTICATED or EXPIRED.
        """
        if self.authority is None:
            return Rights.everything(client)
        return self.authority.verify(token or "")
