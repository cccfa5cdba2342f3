"""HTTP and WebSocket in an event loop that is somebody else's: a listening socket, and uvicorn on it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import uvicorn

from commonwheel.broker.listening import bound, not_listening
from commonwheel.broker.serving import Endpoint

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Collection, Generator

    from starlette.applications import Starlette

    from commonwheel.broker.tls import Tls

__all__ = ["HttpEngine", "config_of", "listen"]

_BACKLOG = 1024
_REFUSED = "ASGI callable returned without completing handshake."


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a message of uvicorn's is news: it says this, as an error, of each WebSocket that is refused politely."""
    return record.msg != _REFUSED


def config_of(app: Starlette, message_bytes: int, *, connections: int | None = None) -> uvicorn.Config:
    """Return how an application is served: HTTP/1.1 and WebSocket, without a word of what serves it.

    Args:
        app: the application.
        message_bytes: the longest message of a WebSocket that is taken.
        connections: the most at once; beyond, requests are answered with 503. None: any number.
    """
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections,
        http="h11",
        ws="websockets-sansio",
        ws_max_size=message_bytes,
        ws_per_message_deflate=False,
    )


class HttpEngine(uvicorn.Server):
    """Uvicorn without its signal handlers: whoever runs the process has its own. ``bind``, ``begin`` and ``end`` it."""

    def __init__(self, config: uvicorn.Config, each_second: Callable[[], None]) -> None:
        """Prepare; ``serve`` runs it.

        Args:
            config: what to serve, and how; see ``config_of``.
            each_second: called each second.
        """
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        self._each_second = each_second
        self._listener: socket.socket | None = None
        self._running: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()

    def bind(self, endpoint: Endpoint, tls: Tls | None) -> Endpoint:
        """Take an address, and serve nothing yet; returns where it is.

        Raises:
            BrokerError: INVALID; the address cannot be had, or a TLS file cannot be used. Says why.
        """
        secure = tls.context() if tls is not None else None
        self.config.load()
        self.config.ssl = secure
        self._listener = listen(endpoint)
        host, port, *_ = self._listener.getsockname()
        return Endpoint(host, port)

    async def begin(self, name: str) -> None:
        """Serve at the address that was taken, in a task of a name."""
        if self._listener is None:
            return
        self._running = asyncio.create_task(self.serve([self._listener]), name=name)
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({self._running, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._running.done():
            self._running.result()

    async def end(self, grace_s: float) -> None:
        """Serve no more; connections get *grace_s* to go."""
        running, self._running = self._running, None
        if running is None:
            return
        self.config.timeout_graceful_shutdown = grace_s  # type: ignore[assignment]  # whole seconds, it says; it takes any
        self.should_exit = True
        self._stopping.set()
        await running

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        """Look after what has to be looked after each second, until it is time to stop."""
        while not await self.on_tick(0):
            self._each_second()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1.0)

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
    listener = bound(endpoint)
    try:
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise not_listening(endpoint, error) from error
    return listener


def _host_and_port(transport: asyncio.Transport) -> tuple[object, ...]:
    """Return the other side's host and port; of version 6 of the internet protocol there is more to an address."""
    return tuple(transport.get_extra_info("peername") or ())[:2]
