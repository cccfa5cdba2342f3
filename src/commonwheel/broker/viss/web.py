"""VISS over HTTP: GET to get, POST to set. And what HTTP shares with WebSocket: who asks, and from which web page."""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.viss.clock import stamp
from commonwheel.broker.viss.dialect import SUB_PROTOCOLS, Version
from commonwheel.broker.viss.faults import Fault, VissError
from commonwheel.broker.viss.messages import error_fragment, to_json_text
from commonwheel.broker.viss.requests import Get, Set, load_json, read_request
from commonwheel.broker.viss.service import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.datastructures import Headers
    from starlette.requests import HTTPConnection, Request

    from commonwheel.broker.viss.requests import Request as Asked
    from commonwheel.broker.viss.service import Service

__all__ = ["Web", "allowed_origin", "bearer", "peer_of"]

VERSION_HEADER = "VISS-Version"
_JSON = "application/json; charset=utf-8"


def bearer(headers: Headers | Mapping[str, str]) -> str | None:
    """Return the bearer token of a request; None for none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def peer_of(connection: HTTPConnection) -> str:
    """Return the other side's address."""
    return connection.client.host if connection.client is not None else "unknown"


def allowed_origin(headers: Headers, origins: Sequence[str], *, loopback: bool) -> bool:
    """Whether a browser's page may speak with this server: only pages of its own, and those of listed origins.

    Programs other than browsers send no origin. On loopback the server's own name has to be one of loopback too: a
    name that was made to point here (DNS rebinding) is another's.

    Args:
        headers: of the request.
        origins: of pages that may; '*' stands for all.
        loopback: whether only this machine reaches the server.
    """
    origin = headers.get("origin")
    if origin is None or "*" in origins or origin in origins:
        return True
    try:
        page = urlsplit(origin)
        name = page.hostname or ""
    except ValueError:
        return False
    return page.netloc.lower() == headers.get("host", "").lower() and (not loopback or _is_loopback(name))


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


class Web:
    """Answers HTTP requests."""

    def __init__(self, service: Service, origins: Sequence[str], *, loopback: bool) -> None:
        self._service = service
        self._origins = origins
        self._loopback = loopback
        self.requests = 0

    async def health(self, _request: Request) -> Response:
        """Say that the server is there, and of which car it speaks."""
        found = to_json_text({"status": "ok", "car": self._service.broker.name})
        return Response(f"{found}\n", media_type=_JSON)

    async def signal(self, request: Request) -> Response:
        """Answer a get or a set."""
        self.requests += 1
        version = Version.V2
        try:
            version = _version(request)
            self._check_origin(request)
            fragment = await self._answer(request, version)
        except VissError as error:
            return _refused(error, version, request)
        ts = f'"ts":"{stamp(time.time_ns())}"'
        return Response(f"{{{fragment}{',' if fragment else ''}{ts}}}\n", media_type=_JSON)

    def _check_origin(self, request: Request) -> None:
        if not allowed_origin(request.headers, self._origins, loopback=self._loopback):
            raise VissError(Fault.FORBIDDEN, f"pages of {request.headers.get('origin')} may not ask here")

    async def _answer(self, request: Request, version: Version) -> str:
        token = bearer(request.headers)
        try:
            asked = await self._read(request, version)
            rights, _ = self._service.enter(asked, token, peer_of(request))
            if isinstance(asked, Get):
                return self._service.get(asked, rights, version)
            if isinstance(asked, Set):
                self._service.set(asked, rights, version)
        except BrokerError as error:
            raise refusal(error, token) from error
        return ""

    async def _read(self, request: Request, version: Version) -> Asked:
        """Return what a request asks for."""
        try:
            members: dict[str, object] = {"path": request.path_params["path"].strip("/")}
            if request.method == "POST":
                found = load_json(await _body(request, self._service.access.limits.message_bytes))
                if isinstance(found, dict) and "value" in found:
                    members["value"] = found["value"]
                return read_request("set", members, version)
            if "filter" in request.query_params:
                members["filter"] = load_json(request.query_params["filter"])
            return read_request("get", members, version)
        except VissError:
            self._service.count(peer_of(request))  # of no client in particular: it is not known who it is
            raise


def _version(request: Request) -> Version:
    """Return the version that a request speaks: by its header, else by the member that its filter has."""
    named = request.headers.get(VERSION_HEADER)
    if named is not None:
        version = SUB_PROTOCOLS.get(named) or SUB_PROTOCOLS.get(f"VISSv{named}")
        if version is None:
            known = ", ".join(SUB_PROTOCOLS)
            raise VissError(Fault.BAD_REQUEST, f"{VERSION_HEADER} is one of {known}, not {named!r:.40}")
        return version
    return Version.V3 if '"variant"' in request.query_params.get("filter", "") else Version.V2


async def _body(request: Request, most: int) -> str:
    """Return the body of a request.

    Raises:
        VissError: BAD_REQUEST; it is too long, no text, or was never finished.
    """
    parts = bytearray()
    try:
        async for part in request.stream():
            parts += part
            if len(parts) > most:
                raise VissError(Fault.BAD_REQUEST, f"the body is longer than {most} bytes")
        return parts.decode()
    except ClientDisconnect:
        raise VissError(Fault.BAD_REQUEST, "the body ended too early") from None
    except UnicodeDecodeError:
        raise VissError(Fault.BAD_REQUEST, "the body is not UTF-8") from None


def _refused(error: VissError, version: Version, request: Request) -> Response:
    headers: dict[str, str] = {}
    status = error.fault.status(version)
    if status == 401:  # noqa: PLR2004 - it asks for a token
        headers["WWW-Authenticate"] = (
            f'Bearer realm="{request.url.hostname or "viss"}", error="invalid_token", '
            'error_description="The access token is invalid or expired"'
        )
    body = f'{{{error_fragment(error, version)},"ts":"{stamp(time.time_ns())}"}}\n'
    return Response(body, status_code=status, headers=headers, media_type=_JSON)
