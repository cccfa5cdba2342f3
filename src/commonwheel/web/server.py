"""The dashboard's server: its files, the WebSocket ``/live``, downloads, and pages that are complete in themselves.

It runs in the service's event loop and does its work in a few threads of its own. Every size, count and time that a
client can use up is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.http import HttpEngine, config_of
from commonwheel.broker.viss.web import bearer, peer_of
from commonwheel.errors import CommonwheelError
from commonwheel.web.assets import HEADERS, document_policy, load_assets
from commonwheel.web.conversation import Conversation, Over, Stage
from commonwheel.web.doors import Doors
from commonwheel.web.feed import told
from commonwheel.web.protocol import Ended, encode
from commonwheel.web.registry import Registry, registry
from commonwheel.web.views import File, Viewer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from commonwheel.broker.access import Access
    from commonwheel.broker.serving import Endpoint
    from commonwheel.web.scene import Scene

__all__ = ["WebServer"]

_LOG = logging.getLogger(__name__)

MOST_PAGES = 64
"""Pages open at once, of all browsers together."""
MESSAGE_BYTES = 64 * 1024
HELLO_S = 10.0
"""Within which a page says who it is."""
SILENT_S = 60.0
"""How long a page that can be seen may take to draw one update; it comes back by itself."""
SEND_S = 30.0
"""How long sending one message may take."""
_THREADS = 4
_MOST_CONNECTIONS = 4 * MOST_PAGES
"""Of any kind; beyond, requests are answered with 503. A page takes one, and some for a moment while it loads."""
_GOING_AWAY, _POLICY, _TRY_LATER = 1001, 1008, 1013
_STATUS = {Reason.UNAUTHENTICATED: 401, Reason.EXPIRED: 401, Reason.FORBIDDEN: 403, Reason.LIMIT: 429}


class WebServer:
    """Serves a scene."""

    name = "web"

    def __init__(self, scene: Scene, endpoint: Endpoint, access: Access, offered: Registry | None = None) -> None:
        """Make a server; ``start`` starts it.

        Args:
            scene: what there is to see.
            endpoint: where.
            access: who may come in; its TLS files make it https.
            offered: what pages can ask for; all there is unless given.
        """
        self._endpoint = endpoint
        self._access = access
        self._doors = Doors(endpoint, authorized=access.authority is not None)
        self._registry = offered or registry()
        self._assets = load_assets()
        self._lane = ThreadPoolExecutor(_THREADS, thread_name_prefix="web")
        self._stage = Stage(scene, access, self._registry, self._lane, secrets.token_hex(8))
        self._pages: dict[WebSocket, Conversation] = {}
        self._engine: HttpEngine | None = None
        self._refused = 0
        self._requests = 0

    async def start(self) -> Endpoint:
        """Begin to serve; returns where.

        Raises:
            BrokerError: INVALID; the address cannot be had, or a TLS file cannot be used. Says why.
        """
        app = Starlette(
            routes=[
                WebSocketRoute("/live", self._converse),
                Route("/files/{name}", self._file, methods=["POST"]),
                Route("/{path:path}", self._page, methods=["GET"]),
            ]
        )
        message_bytes = min(MESSAGE_BYTES, self._access.limits.message_bytes)
        engine = HttpEngine(config_of(app, message_bytes, connections=_MOST_CONNECTIONS), self._cut_silent)
        bound = engine.bind(self._endpoint, self._access.tls)
        self._engine = engine
        await engine.begin("web")
        return bound

    # ---- files ------------------------------------------------------------------------------------------------------

    async def _page(self, request: Request) -> Response:
        self._requests += 1
        refused = self._doors.refusal(request.headers)
        if refused:
            return self._refuse(refused, 403)
        asset = self._assets.get(request.url.path)
        if asset is None:
            return await self._document(request)
        headers = {**HEADERS, "ETag": asset.tag, "Vary": "Accept-Encoding"}
        if asset.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = asset.body
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = asset.packed
        return Response(body, headers=headers, media_type=asset.kind)

    async def _document(self, request: Request) -> Response:
        """Answer with a page that is complete in itself."""
        kind, _, rest = request.path_params["path"].partition("/")
        maker = self._registry.documents.get(kind)
        if maker is not None:
            loop = asyncio.get_running_loop()
            try:
                html = await loop.run_in_executor(self._lane, maker, self._stage.scene, rest)
            except CommonwheelError as error:
                return self._refuse(str(error), 404)
            if html is not None:
                headers = {**HEADERS, "Content-Security-Policy": document_policy(html)}
                return Response(html, headers=headers, media_type="text/html; charset=utf-8")
        return self._refuse("there is no such page; the dashboard is at /", 404)

    async def _file(self, request: Request) -> Response:
        """Answer with a file; the question is in the body, so that it is in nobody's history."""
        self._requests += 1
        refused = self._doors.refusal(request.headers)
        if refused or request.headers.get("content-type", "") != "application/json":
            return self._refuse(refused or "the question is JSON, and says so", 403)
        loop = asyncio.get_running_loop()
        try:
            params = msgspec.json.decode(await _body(request), type=dict[str, object])
            rights, _ = self._access.enter(bearer(request.headers), peer_of(request))
            maker = self._registry.files.get(request.path_params["name"])
            if maker is None:
                return self._refuse("there is no such file", 404)
            made: File = await loop.run_in_executor(self._lane, maker, Viewer(self._stage.scene, rights), params)
        except Exception as error:  # noqa: BLE001 - whatever it is, who asked is told
            status = _STATUS.get(error.reason, 400) if isinstance(error, BrokerError) else 400
            return self._refuse(told(error, "a file")[1], status)
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{made.name}"'}
        return Response(made.content, headers=headers, media_type=made.kind)

    def _refuse(self, why: str, status: int) -> Response:
        self._refused += 1
        return PlainTextResponse(f"{why}\n", status_code=status, headers=dict(HEADERS))

    # ---- pages ------------------------------------------------------------------------------------------------------

    async def _converse(self, web_socket: WebSocket) -> None:
        peer = peer_of(web_socket)
        try:
            self._admit(web_socket)
            hold = self._access.client(peer).connection()
        except BrokerError as error:
            self._refused += 1
            denial = PlainTextResponse(f"{error}\n", status_code=_STATUS.get(error.reason, 400), headers=dict(HEADERS))
            await web_socket.send_denial_response(denial)
            return
        with hold:
            await web_socket.accept()
            await self._serve(web_socket, peer)

    def _admit(self, web_socket: WebSocket) -> None:
        refused = self._doors.refusal(web_socket.headers)
        if refused:
            raise BrokerError(Reason.FORBIDDEN, refused)
        if len(self._pages) >= MOST_PAGES:
            raise BrokerError(Reason.LIMIT, f"{MOST_PAGES} pages are open; close one")

    async def _serve(self, web_socket: WebSocket, peer: str) -> None:
        async def say(text: str) -> None:
            async with asyncio.timeout(SEND_S):
                await web_socket.send_text(text)

        conversation = Conversation(self._stage, peer, say)
        self._pages[web_socket] = conversation
        pacing = asyncio.create_task(conversation.pace())
        hearing = asyncio.create_task(_hear(web_socket, conversation))
        try:
            await asyncio.wait({pacing, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._pages[web_socket]
            self._requests += conversation.messages
            for task in (pacing, hearing):
                task.cancel()
            outcomes = await asyncio.gather(pacing, hearing, return_exceptions=True)
            await conversation.close()
            code = _POLICY if any(isinstance(one, Over) for one in outcomes) else _TRY_LATER
            _log_faults(outcomes)
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(1.0):
                    await web_socket.close(code)

    def _cut_silent(self) -> None:
        """End the connections of pages that do not draw: they come back by themselves when they can."""
        silent = [
            (each.client.host, each.client.port)
            for each, conversation in self._pages.items()
            if conversation.silent_s > SILENT_S and each.client is not None
        ]
        if silent and self._engine is not None:
            self._engine.cut(silent)

    async def stop(self, grace_s: float = 1.0) -> None:
        """Stop serving: pages are told, and get *grace_s* to go."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.gather(*(_say_goodbye(web_socket, grace_s) for web_socket in tuple(self._pages)))
            await engine.end(grace_s)
        for end in self._registry.ends:
            await asyncio.to_thread(end, self._stage.scene)
        self._lane.shutdown(wait=False, cancel_futures=True)

    def facts(self) -> Mapping[str, float]:
        """Return counts for the metrics: ``clients``, ``streams`` (views), ``requests``, ``refused``."""
        pages = tuple(self._pages.values())
        views = sum(len(page.feed) for page in pages if page.feed is not None)
        asked = self._requests + sum(page.messages for page in pages)
        return {"clients": len(pages), "streams": views, "requests": asked, "refused": self._refused}


async def _body(request: Request) -> bytes:
    parts = bytearray()
    try:
        async for part in request.stream():
            parts += part
            if len(parts) > MESSAGE_BYTES:
                raise BrokerError(Reason.LIMIT, f"the question is longer than {MESSAGE_BYTES} bytes")
    except ClientDisconnect as error:
        raise BrokerError(Reason.INVALID, "the question ended too early") from error
    return bytes(parts)


async def _hear(web_socket: WebSocket, conversation: Conversation) -> None:
    """Read messages until the page goes."""
    until = asyncio.get_running_loop().time() + HELLO_S
    while True:
        try:
            async with asyncio.timeout_at(until if conversation.feed is None else None):
                message = await web_socket.receive()
        except TimeoutError:
            return
        if message["type"] == "websocket.disconnect":
            return
        await conversation.hear(message.get("text") or message.get("bytes") or b"")


def _log_faults(outcomes: Sequence[BaseException | None]) -> None:
    """Log what is neither an end nor a client that has gone."""
    expected = (Over, WebSocketDisconnect, RuntimeError, TimeoutError, asyncio.CancelledError)
    for one in outcomes:
        if isinstance(one, BaseException) and not isinstance(one, expected):
            _LOG.error("a conversation with a page failed", exc_info=one)


async def _say_goodbye(web_socket: WebSocket, grace_s: float) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(grace_s):
            await web_socket.send_text(encode(Ended(Reason.STOPPING.value, "the service stops")))
            await web_socket.close(_GOING_AWAY)
