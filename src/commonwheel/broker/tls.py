"""TLS of a server: its certificate and key, and whose clients' certificates it takes (mutual TLS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Tls"]


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of the server's side, PEM."""

    certificate: Path
    """The server's certificate, and after it those that lead to its root, if any."""
    key: Path
    clients: Path | None = None
    """Certificates that sign clients' certificates; given: every client has to have one (mutual TLS)."""
