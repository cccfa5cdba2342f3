"""One access for several servers: the same tokens, certificates and limits by gRPC and by VISS, over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import websockets
from grpc import aio

from commonwheel.broker import Broker
from commonwheel.broker.access import Access, Limits
from commonwheel.broker.authority import JwtAuthority
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.keys import PublicKey, make_key
from commonwheel.broker.limits import Kind
from commonwheel.broker.rpc.interface import methods
from commonwheel.broker.rpc.server import RpcServer
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.serving import Endpoint, Server
from commonwheel.broker.tls import Tls
from commonwheel.broker.tokens import make_token
from commonwheel.broker.viss import VissServer
from commonwheel.catalog import load_catalog

SPEED, ABS = "Vehicle.Speed", "Vehicle.ADAS.ABS.IsEngaged"
VAL = {method.name: method for method in methods("kuksa.val.v2.VAL")}
PATIENCE_S = 20.0
KEY = make_key("dev")
AUTHORITY = JwtAuthority([PublicKey("dev", KEY.algorithms, KEY.key.public_key())])


def _token(subject: str, scope: str = f"read:{SPEED}", valid_s: int = 60) -> str:
    return make_token(KEY, subject, parse_scopes(scope), issued_s=int(time.time()), valid_s=valid_s)


def _call(channel: aio.Channel, name: str, token: str | None, **members: object) -> Any:  # noqa: ANN401 - what grpc gives
    """Begin a call of kuksa.val.v2."""
    method = VAL[name]
    make: Any = channel.unary_stream if method.streams_out else channel.unary_unary
    encode: Callable[[Any], bytes] = lambda message: message.SerializeToString()  # noqa: E731 - grpc wants a function
    call = make(
        f"/{method.service}/{name}", request_serializer=encode, response_deserializer=method.response.FromString
    )
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    return call(method.request(**members), metadata=metadata, timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    issuer = Issuer.new("test", dt.timedelta(days=1))
    issuer.pair.write(folder, "ca")
    issuer.server(["localhost", "127.0.0.1"], dt.timedelta(days=1)).write(folder, "server")
    issuer.client("dashboard:1", dt.timedelta(days=1)).write(folder, "client")
    return folder


@dataclass
class Served:
    """A broker served over TLS by gRPC and by VISS, and clients of both."""

    broker: Broker
    access: Access
    files: Path
    ports: list[int]
    """Of gRPC and of VISS."""
    own: str | None
    """The client's certificate, if it has one."""

    @contextlib.asynccontextmanager
    async def channel(self) -> AsyncIterator[aio.Channel]:
        pair = [(self.files / f"{self.own}{end}").read_bytes() for end in (".key.pem", ".pem")] if self.own else []
        trusted = grpc.ssl_channel_credentials((self.files / "ca.pem").read_bytes(), *pair)
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with aio.secure_channel(f"127.0.0.1:{self.ports[0]}", trusted, options) as channel:
            yield channel

    async def get(self, token: str | None, path: str = SPEED) -> Any:  # noqa: ANN401 - a message
        """Ask for a value by gRPC."""
        async with self.channel() as channel:
            return await _call(channel, "GetValue", token, signal_id={"path": path})

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.files / "ca.pem")
        if self.own:
            context.load_cert_chain(self.files / f"{self.own}.pem", self.files / f"{self.own}.key.pem")
        return context

    async def ask(self, token: str | None, path: str = SPEED) -> httpx.Response:
        """Ask for a value by VISS."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(verify=self.context, timeout=PATIENCE_S) as client:
            return await client.get(f"https://127.0.0.1:{self.ports[1]}/{path.replace('.', '/')}", headers=headers)


def _serve(
    files: Path,
    story: Callable[[Served], Coroutine[Any, Any, None]],
    *,
    authority: JwtAuthority | None = AUTHORITY,
    limits: Limits | None = None,
    own: str | None = None,
) -> None:
    """Run a story with a broker that is served; with a client's certificate, TLS is mutual."""

    async def run() -> None:
        tls = Tls(files / "server.pem", files / "server.key.pem", files / "ca.pem" if own else None)
        access = Access(authority, tls, limits or Limits())
        broker = Broker(load_catalog())
        broker.publish_values({broker.table.number(SPEED): 50.0, broker.table.number(ABS): True})
        servers: list[Server] = [make(broker, Endpoint(), access) for make in (RpcServer, VissServer)]
        ports = [(await server.start()).port for server in servers]
        try:
            async with asyncio.timeout(PATIENCE_S):
                await story(Served(broker, access, files, ports, own))
        finally:
            for server in servers:
                await server.stop(0.1)

    asyncio.run(run())


async def _refused(call: Coroutine[Any, Any, object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    return caught.value.code(), str(caught.value.details())


def _held(served: Served, client: str) -> int:
    return sum(served.access.client(client).count(kind) for kind in Kind)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what it waits for happens in the server, which tells nobody
        await asyncio.sleep(0.005)


def test_a_token_is_worth_the_same_everywhere(files: Path) -> None:
    async def story(served: Served) -> None:
        token = _token("app")
        assert (await served.get(token)).data_point.value.float == 50.0
        assert (await served.ask(token)).json()["data"]["dp"]["value"] == "50"
        code, why = await _refused(served.get(token, ABS))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert f"app may not read {ABS}" in why
        assert (await served.ask(token, ABS)).status_code == 403

    _serve(files, story)


@pytest.mark.parametrize("token", [None, "rubbish", _token("app", valid_s=-60)], ids=["none", "rubbish", "ended"])
def test_what_is_no_token_is_worth_nothing_anywhere(files: Path, token: str | None) -> None:
    async def story(served: Served) -> None:
        code, _ = await _refused(served.get(token))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        assert (await served.ask(token)).status_code == 401

    _serve(files, story)


def test_a_client_is_called_by_its_certificate_where_tls_is_mutual(files: Path) -> None:
    """Also one whose name looks like an address with a port."""

    async def story(served: Served) -> None:
        assert (await served.get(None)).data_point.value.float == 50.0
        assert "dashboard:1" in served.access.clients._kept
        assert (await served.ask(None)).status_code == 200
        stranger = Served(served.broker, served.access, files, served.ports, None)
        assert (await _refused(stranger.get(None)))[0] is grpc.StatusCode.UNAVAILABLE
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            await stranger.ask(None)

    _serve(files, story, authority=None, own="client", limits=Limits(requests_per_second=1e-3))


def test_requests_by_all_interfaces_come_out_of_one_allowance(files: Path) -> None:
    """One request is all that each may ask in the time of this test: by gRPC or by VISS, not by both."""

    async def story(served: Served) -> None:
        await served.get(_token("app"))
        answer = await served.ask(_token("app"))
        assert answer.status_code == 429
        assert "app asks for more than 0.001 requests a second" in answer.text
        assert (await served.ask(_token("another"))).status_code == 200
        code, why = await _refused(served.get(_token("another")))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "another asks for more than 0.001 requests a second" in why

    _serve(files, story, limits=Limits(requests_per_second=1e-3))


def test_a_subscription_ends_with_its_token_everywhere(files: Path) -> None:
    async def by_grpc(served: Served, token: str) -> None:
        messages: list[object] = []
        async with served.channel() as channel:
            call = _call(channel, "Subscribe", token, signal_paths=[SPEED])
            with contextlib.suppress(aio.AioRpcError):
                async for message in call:
                    messages.append(message)  # noqa: PERF401 - those before the error count
            assert messages
            assert await call.code() is grpc.StatusCode.UNAUTHENTICATED
            assert "the token of app has expired" in await call.details()

    async def by_viss(served: Served, token: str) -> None:
        place = f"wss://127.0.0.1:{served.ports[1]}/"
        protocols = [websockets.Subprotocol("VISSv2")]
        headers = {"Authorization": f"Bearer {token}"}
        async with websockets.connect(
            place, ssl=served.context, subprotocols=protocols, additional_headers=headers
        ) as socket:
            await socket.send(json.dumps({"action": "subscribe", "path": SPEED, "requestId": "1"}))
            assert "subscriptionId" in json.loads(await socket.recv())
            found: dict[str, Any] = {}
            while "error" not in found:
                found = json.loads(await socket.recv())
            assert str(found["error"]["number"]) == "401"

    async def story(served: Served) -> None:
        token = _token("app", valid_s=3)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(by_grpc(served, token))
            tasks.create_task(by_viss(served, token))

    _serve(files, story)


def test_streams_of_one_client_are_limited_and_nobody_elses(files: Path) -> None:
    async def story(served: Served) -> None:
        async def first(channel: aio.Channel, subject: str) -> Any:  # noqa: ANN401 - what grpc gives
            call = _call(channel, "Subscribe", _token(subject), signal_paths=[SPEED])
            await call.read()
            return call

        async with served.channel() as channel, served.channel() as other:
            held = await first(channel, "app")
            code, why = await _refused(first(channel, "app"))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "app asks for more than 1" in why
            assert "at once; close some first" in why
            await first(other, "another")
            held.cancel()
            await _until(lambda: not _held(served, "app"))
            await first(channel, "app")

    _serve(files, story, limits=Limits(streams=1, subscriptions=1))
