"""Who may come in, and how much each may ask: one checker for all interfaces.

A server calls ``Access.enter`` at each request (or once, when a connection brings a token) and then asks the rights
what is allowed and the client what is still within its limits::

    rights, client = access.enter(token, peer)       # BrokerError: UNAUTHENTICATED, EXPIRED, LIMIT
    rights.require(Action.READ, "Vehicle.Speed")     # BrokerError: FORBIDDEN, EXPIRED
    with client.stream():                            # BrokerError: LIMIT
        ...
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.limits import Client, Clients, Limits, peer_name
from commonwheel.broker.rights import Rights
from commonwheel.broker.tls import Tls

if TYPE_CHECKING:
    from commonwheel.broker.serving import Endpoint

__all__ = ["Access", "Authority", "Client", "Clients", "Limits", "Tls", "peer_name", "require_safe"]

_FAILED_COST = 100.0
"""How many requests one with a bad token counts as: checking a signature costs as much, and guesses should be few."""


_everything = functools.lru_cache(maxsize=1024)(Rights.everything)
"""The same for the same client: it may ask thousands of times a second."""


class Authority(Protocol):
    """Turns a token into rights."""

    def verify(self, token: str) -> Rights:
        """Return the rights of a token.

        Raises:
            BrokerError: UNAUTHENTICATED or EXPIRED.
        """
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """What every server asks before it serves; the servers of one broker share one."""

    authority: Authority | None = None
    """None: everyone may do everything."""
    tls: Tls | None = None
    limits: Limits = field(default_factory=Limits)
    clients: Clients = field(init=False, repr=False, compare=False)
    """Everyone who is here, and the counts for the metrics."""

    def __post_init__(self) -> None:
        """Open the book of the clients."""
        object.__setattr__(self, "clients", Clients(self.limits))

    def rights(self, token: str | None, client: str) -> Rights:
        """Return the rights of a client by its bearer token (without the word 'Bearer').

        Raises:
            BrokerError: UNAUTHENTICATED or EXPIRED.
        """
        if self.authority is None:
            return _everything(client)
        return self.authority.verify(token or "")

    def client(self, name: str) -> Client:
        """Return the account of a client, by its rights' ``client`` (or its address, before it has any)."""
        return self.clients.client(name)

    def enter(self, token: str | None, peer: str, certificate: str | None = None) -> tuple[Rights, Client]:
        """Count a request; return the rights of who asks, and its account.

        Args:
            token: bearer token, without the word 'Bearer'; None for none.
            peer: the other side's address, as the transport names it.
            certificate: the name in its certificate, where TLS is mutual; see ``tls.name_in_certificate``.

        Raises:
            BrokerError: UNAUTHENTICATED, EXPIRED, or LIMIT when it asks too often.
        """
        name = certificate or peer_name(peer)
        try:
            rights = self.rights(token, name)
        except BrokerError:
            self.client(name).request(_FAILED_COST)
            raise
        client = self.client(rights.client)
        client.request()
        return rights, client


def require_safe(endpoint: Endpoint, access: Access, *, insecure: bool = False) -> None:
    """Refuse to serve other machines without TLS and authorization, unless that is wanted.

    Raises:
        BrokerError: INVALID; says what to give.
    """
    if endpoint.is_loopback or insecure:
        return
    missing = [
        what
        for what, given in (
            ("TLS (--tls-cert and --tls-key)", access.tls),
            ("authorization (--tokens)", access.authority),
        )
        if given is None
    ]
    if missing:
        message = (
            f"{endpoint} can be reached from other machines, which needs {' and '.join(missing)}; "
            "give them, serve on 127.0.0.1 only, or allow anyone to do anything with --insecure"
        )
        raise BrokerError(Reason.INVALID, message)
