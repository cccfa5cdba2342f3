"""Who may knock at the dashboard: pages of its own only, under names that are this machine's.

A page of elsewhere that makes a browser connect here (cross-site WebSocket hijacking) is known by its origin; one
whose name was made to point here (DNS rebinding) by the name that the browser asks for.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from commonwheel.broker.serving import Endpoint
from commonwheel.broker.viss.web import allowed_origin

if TYPE_CHECKING:
    from starlette.datastructures import Headers

__all__ = ["Doors"]


class Doors:
    """What requests are let in by their headers."""

    def __init__(self, endpoint: Endpoint, *, authorized: bool) -> None:
        """State where the dashboard is.

        Args:
            endpoint: where it listens.
            authorized: whether it asks for tokens, which a page of another name does not have.
        """
        self._endpoint = endpoint
        self._authorized = authorized

    def refusal(self, headers: Headers) -> str:
        """Return why a request is not answered; '' when it is."""
        host = headers.get("host", "")
        name = _name(host)
        if self._endpoint.is_loopback and not Endpoint(name).is_loopback:
            return f"{host or 'a request without a host'} is no name of this machine's loopback; use 127.0.0.1"
        if not self._authorized and not self._is_known(name):
            return f"{host or 'a request without a host'} is not known here; use the machine's address in digits"
        if not allowed_origin(headers, (), loopback=self._endpoint.is_loopback):
            return f"pages of {headers.get('origin')} may not ask here"
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return "pages of elsewhere may not ask here"
        return ""

    def _is_known(self, name: str) -> bool:
        """Whether a name cannot have been made to point here by somebody else."""
        if name in {"localhost", self._endpoint.host.lower()}:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name(host: str) -> str:
    """Return the name in a Host header; '' where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
