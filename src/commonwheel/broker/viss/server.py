"""The VISS server: one port for WebSocket and HTTP, in the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.http import HttpEngine, config_of
from commonwheel.broker.viss.dialect import SUB_PROTOCOLS, Version, negotiate
from commonwheel.broker.viss.faults import Fault, VissError
from commonwheel.broker.viss.feeds import Feeds
from commonwheel.broker.viss.service import Service, refusal
from commonwheel.broker.viss.session import Session
from commonwheel.broker.viss.web import Web, allowed_origin, bearer, peer_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.websockets import WebSocket

    from commonwheel.broker.access import Access
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.serving import Endpoint

__all__ = ["VissServer"]

_GOING_AWAY = 1001
_BURST = 4
"""Messages that are sent to a client before others have their turn, and before it is seen that it has gone."""
_STALL_S = 60.0
"""How long a client may read nothing while something is sent to it."""


class VissServer:
    """Serves a broker by VISS versions 2 and 3, over WebSocket (at ``/``) and HTTP."""

    name = "viss"

    def __init__(self, broker: Broker, endpoint: Endpoint, access: Access, *, origins: Sequence[str] = ()) -> None:
        """Make a server; ``start`` starts it.

        Args:
            broker: what it serves.
            endpoint: where.
            access: who may come in; its TLS files make it https and wss.
            origins: of web pages that may speak with it besides those from its own address
                (``http://localhost:3000``); '*' stands for all.
        """
        self._service = Service(broker, access)
        self._endpoint = endpoint
        self._access = access
        self._origins = tuple(origins)
        self._web = Web(self._service, self._origins, loopback=endpoint.is_loopback)
        self._feeds: Feeds | None = None
        self._sessions: dict[Session, WebSocket] = {}
        self._engine: HttpEngine | None = None
        self._asked = 0
        """Requests of sessions that have ended."""

    async def start(self) -> Endpoint:
        """Begin to serve; returns where.

        Raises:
            BrokerError: INVALID; the address cannot be had, or a TLS file cannot be used. Says why.
        """
        engine = HttpEngine(config_of(self._app(), self._access.limits.message_bytes), self._cut_stalled)
        bound = engine.bind(self._endpoint, self._access.tls)
        self._service.port = bound.port
        self._feeds = Feeds(self._service)
        self._engine = engine
        await engine.begin("viss")
        return bound

    def _app(self) -> Starlette:
        signals = Route("/{path:path}", self._web.signal, methods=["GET", "POST"])
        if signals.methods is not None:
            signals.methods.discard("HEAD")  # added for GET by itself; the specification has none
        routes = [
            WebSocketRoute("/", self._converse),
            Route("/", self._web.health, methods=["GET"]),
            Route("/health", self._web.health, methods=["GET"]),
            signals,
        ]
        middleware: list[Middleware] = []
        if self._origins:
            allowed = ["Authorization", "Content-Type", "VISS-Version"]
            methods = ["GET", "POST"]
            middleware = [
                Middleware(CORSMiddleware, allow_origins=self._origins, allow_methods=methods, allow_headers=allowed)
            ]
        return Starlette(routes=routes, middleware=middleware)

    # ---- one client -------------------------------------------------------------------------------------------------

    async def _converse(self, web_socket: WebSocket) -> None:
        peer = peer_of(web_socket)
        token = bearer(web_socket.headers)
        try:
            version, sub_protocol = self._admit(web_socket)
            _, client = self._access.enter(token, peer) if token else (None, self._access.client(peer))
            hold = client.connection()
        except (VissError, BrokerError) as error:
            fault = error if isinstance(error, VissError) else refusal(error, token)
            status = fault.fault.status(Version.V2)
            await web_socket.send_denial_response(PlainTextResponse(f"{fault}\n", status_code=status))
            return
        with hold:
            await web_socket.accept(sub_protocol)
            await self._serve(web_socket, version, peer, token)

    def _admit(self, web_socket: WebSocket) -> tuple[Version, str | None]:
        """Return what a client speaks, and the sub-protocol to confirm.

        Raises:
            VissError: FORBIDDEN, a web page of elsewhere; BAD_REQUEST, a sub-protocol that is not known.
        """
        if not allowed_origin(web_socket.headers, self._origins, loopback=self._endpoint.is_loopback):
            raise VissError(Fault.FORBIDDEN, f"pages of {web_socket.headers.get('origin')} may not connect here")
        chosen = negotiate(web_socket.scope.get("subprotocols", []))
        if chosen is None:
            raise VissError(Fault.BAD_REQUEST, f"sub-protocols known here are {', '.join(SUB_PROTOCOLS)}")
        return chosen

    async def _serve(self, web_socket: WebSocket, version: Version, peer: str, token: str | None) -> None:
        if self._feeds is None:
            return
        session = Session(self._service, self._feeds, version, peer, token)
        self._sessions[session] = web_socket
        sender = asyncio.create_task(_send(web_socket, session))
        try:
            await _receive(web_socket, session)
        finally:
            self._asked += session.requests
            del self._sessions[session]
            session.close()
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def stop(self, grace_s: float = 1.0) -> None:
        """Stop serving: clients are told, and get *grace_s* to end."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        await asyncio.gather(
            *(_say_goodbye(web_socket, session, grace_s) for session, web_socket in self._sessions.items())
        )
        await engine.end(grace_s)

    def _cut_stalled(self) -> None:
        """End the connections of clients that have read nothing for long: they hold memory, and may never come back."""
        before = time.monotonic() - _STALL_S
        stalled = [
            _peer(each)
            for session, each in self._sessions.items()
            if session.sending_since is not None and session.sending_since < before
        ]
        if stalled and self._engine is not None:
            self._engine.cut(stalled)

    def facts(self) -> Mapping[str, float]:
        """Return counts for the metrics: ``clients``, ``streams`` (subscriptions), ``requests``, ``refused``."""
        sessions = tuple(self._sessions)
        return {
            "clients": float(len(sessions)),
            "streams": float(sum(session.subscriptions for session in sessions)),
            "requests": float(self._asked + self._web.requests + sum(session.requests for session in sessions)),
            "refused": float(self._access.clients.refused),
        }


def _peer(web_socket: WebSocket) -> tuple[str, int] | None:
    return None if web_socket.client is None else (web_socket.client.host, web_socket.client.port)


async def _receive(web_socket: WebSocket, session: Session) -> None:
    """Read messages until the client goes."""
    while True:
        message = await web_socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            session.refuse(VissError(Fault.BAD_REQUEST, "The request is not a text: binary messages are not taken"))
        else:
            session.handle(text)
        await session.outbox.room()


async def _send(web_socket: WebSocket, session: Session) -> None:
    """Send what waits until the client goes."""
    try:
        for count in itertools.count(1):
            text = await session.outbox.take()
            session.sending_since = time.monotonic()
            await web_socket.send_text(text)
            session.sending_since = None
            if not count % _BURST:
                await asyncio.sleep(0)  # sending waits only when the socket is full: let others have their turn
    except (WebSocketDisconnect, RuntimeError):  # it has gone, or is being told to
        pass
    finally:
        session.outbox.close()


async def _say_goodbye(web_socket: WebSocket, session: Session, grace_s: float) -> None:
    """End a client's subscriptions and its connection."""
    session.close()
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        await asyncio.wait_for(web_socket.close(_GOING_AWAY, "the server stops"), grace_s)
