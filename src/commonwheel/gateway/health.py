"""The operator's port: ``/metrics`` for Prometheus, ``/live`` and ``/ready`` for whoever starts and watches services.

Plain HTTP/1.1, GET and HEAD only, one request per connection, every size and time bounded: nothing that is sent
here can hold it up, and who holds a connection without a question makes room for the next who comes. ``/live`` and
``/ready`` tell nothing about the car and are open; ``/metrics`` asks for a token where the other interfaces do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.listening import not_listening
from commonwheel.broker.serving import Endpoint

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from commonwheel.broker.access import Access

__all__ = ["HealthServer", "Page"]

_LOG = logging.getLogger(__name__)

_MOST_BYTES = 16 * 1024
_MOST_SECONDS = 5.0
_MOST_CONNECTIONS = 64
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    kind: str = _TEXT
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def say(cls, text: str, status: HTTPStatus = HTTPStatus.OK, *headers: tuple[str, str]) -> Page:
        """Return a line of text."""
        return cls(f"{text}\n".encode(), status, headers=headers)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]

    @property
    def token(self) -> str | None:
        word, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if word.lower() == "bearer" else None


class HealthServer:
    """Answers operators."""

    name = "metrics"

    def __init__(
        self,
        endpoint: Endpoint,
        access: Access,
        metrics: Callable[[], Page],
        ready: Callable[[], str],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare to answer.

        Args:
            endpoint: where to listen.
            access: who may see the metrics.
            metrics: makes the page of metrics.
            ready: returns why the service is not ready; '' when it is.
            tls: None: plain HTTP.
        """
        self._endpoint = endpoint
        self._access = access
        self._metrics = metrics
        self._ready = ready
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._open: dict[asyncio.StreamWriter, bool] = {}
        """The connections, oldest first; whether each has asked for something."""
        self._requests = 0
        self._refused = 0

    async def start(self) -> Endpoint:
        """Begin to answer; returns where.

        Raises:
            BrokerError: INVALID when the address cannot be had.
        """
        where = self._endpoint
        try:
            self._server = await asyncio.start_server(
                self._connected,
                where.host,
                where.port,
                limit=_MOST_BYTES,
                ssl=self._tls,
                ssl_handshake_timeout=_MOST_SECONDS if self._tls else None,
            )
        except OSError as error:
            raise not_listening(where, error) from error
        return Endpoint(where.host, int(self._server.sockets[0].getsockname()[1]))

    async def stop(self, grace_s: float = 1.0) -> None:
        """Stop answering: open requests get *grace_s* to end."""
        if self._server is None:
            return
        self._server.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=grace_s)
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def facts(self) -> Mapping[str, float]:
        """Return counts for the metrics."""
        clients = len(self._open)
        return {"clients": clients, "streams": 0, "requests": self._requests, "refused": self._refused}

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            writer.transport.abort()
            return
        if len(self._open) >= _MOST_CONNECTIONS:
            self._drop_one()
        self._connections.add(task)
        self._open[writer] = False
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                await self._serve(reader, writer)
        except (TimeoutError, OSError):  # it went away, or will not say what it wants
            self._refused += 1
        finally:
            self._connections.discard(task)
            self._open.pop(writer, None)
            # Not close(): that would wait for a client that does not read.
            writer.transport.abort()

    def _drop_one(self) -> None:
        """End the oldest connection that has asked nothing, or the oldest of all: whoever comes is answered."""
        oldest = next((writer for writer, asked in self._open.items() if not asked), next(iter(self._open)))
        del self._open[oldest]
        oldest.transport.abort()  # its task finds out, and counts it as refused

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if writer in self._open:
                self._open[writer] = True
            request = _parse(head)
            page = self._answer(request)
        except asyncio.IncompleteReadError:
            self._refused += 1
            return
        except (ValueError, asyncio.LimitOverrunError):
            request, page = None, Page.say("not an HTTP request", HTTPStatus.BAD_REQUEST)
        self._requests += 1
        self._refused += page.status >= HTTPStatus.BAD_REQUEST and page.status < HTTPStatus.INTERNAL_SERVER_ERROR
        lines = [
            f"HTTP/1.1 {page.status.value} {page.status.phrase}",
            f"Content-Type: {page.kind}",
            f"Content-Length: {len(page.body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in page.headers),
        ]
        body = b"" if request is not None and request.method == "HEAD" else page.body
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
            # Closing while it still sends would reset the connection, and the answer be lost.
            with contextlib.suppress(asyncio.LimitOverrunError, ValueError):
                while await reader.read(_MOST_BYTES):
                    pass
        else:
            writer.close()
            await writer.wait_closed()

    def _answer(self, request: _Request) -> Page:
        if request.method not in {"GET", "HEAD"}:
            return Page.say("only GET and HEAD are answered", HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))
        match request.path.partition("?")[0]:
            case "/live":
                return Page.say("alive")
            case "/ready":
                why = self._ready()
                return Page.say(f"not ready: {why}", HTTPStatus.SERVICE_UNAVAILABLE) if why else Page.say("ready")
            case "/metrics":
                return self._metrics_page(request)
            case _:
                return Page.say("there are /metrics, /live and /ready", HTTPStatus.NOT_FOUND)

    def _metrics_page(self, request: _Request) -> Page:
        try:
            self._access.rights(request.token, "metrics").require_valid()
        except BrokerError as error:
            return Page.say(str(error), HTTPStatus.UNAUTHORIZED, ("WWW-Authenticate", "Bearer"))
        try:
            return self._metrics()
        except Exception:  # noqa: BLE001 - the operator is told, whatever it is
            _LOG.exception("the metrics cannot be gathered")
            return Page.say("the metrics cannot be gathered; see the log", HTTPStatus.INTERNAL_SERVER_ERROR)


def _parse(head: bytes) -> _Request:
    """Return what is asked for.

    Raises:
        ValueError: no HTTP request.
    """
    first, *rest = head.decode("latin-1").split("\r\n")
    method, path, version = first.split(" ")
    if not version.startswith("HTTP/1.") or not path.startswith("/"):
        raise ValueError(first)
    headers: dict[str, str] = {}
    for line in filter(None, rest):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(line)
        headers[name.strip().lower()] = value.strip()
    return _Request(method, path, headers)
