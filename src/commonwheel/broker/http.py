"""HTTP and WebSocket in an event loop that is somebody else's: a listening socket, and uvicorn on it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.listening import not_listening

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator

    from commonwheel.broker.serving import Endpoint

__all__ = ["HttpEngine", "listen"]

_BACKLOG = 1024
_REFUSED = "ASGI callable returned without completing handshake."


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a message of uvicorn's is news: it says this, as an error, of each WebSocket that is refused politely."""
    return record.msg != _REFUSED


class HttpEngine(uvicorn.Server):
    """Uvicorn without its signal handlers: whoever runs the process has its own."""

    def __init__(self, config: uvicorn.Config, each_second: Callable[[], None]) -> None:
        """Prepare; ``serve`` runs it.

        Args:
            config: what to serve, and how.
            each_second: called each second.
        """
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._each_second = each_second
        self.ready = asyncio.Event()
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Look after what has to be looked after each second, until it is time to stop."""
        while not await self.on_tick(0):
            self._each_second()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 1.0)

    def cut(self, clients: Collection[object]) -> None:
        """Cut the connections of clients, by host and port, that take nothing any more."""
        for connection in tuple(self.server_state.connections):
            if _host_and_port(connection.transport) in clients:
                connection.transport.abort()


def listen(endpoint: Endpoint) -> socket.socket:
    """Return a socket that listens at an address.

    Raises:
        BrokerError: INVALID; the address cannot be had. Says why.
    """
    if not 0 <= endpoint.port < 2**16:  # the resolver would take it modulo
        message = f"cannot listen on {endpoint}: ports are 0 to {2**16 - 1}"
        raise BrokerError(Reason.INVALID, message)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            endpoint.host,
            endpoint.port,
            type=socket.SOCK_STREAM,
            proto=socket.IPPROTO_TCP,
            flags=socket.AI_PASSIVE,
        )[0]
        # With the protocol named, asyncio sends small messages at once (TCP_NODELAY): else they wait for 40 ms.
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise not_listening(endpoint, error) from error
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise not_listening(endpoint, error) from error
    return listener


def _host_and_port(transport: asyncio.Transport) -> tuple[object, ...]:
    """Return the other side's host and port; of version 6 of the internet protocol there is more to an address."""
    return tuple(transport.get_extra_info("peername") or ())[:2]
