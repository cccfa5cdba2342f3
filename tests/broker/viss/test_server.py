"""The server on its sockets: WebSocket and HTTP, TLS, web pages of elsewhere, and clients that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonwheel.broker import BrokerError, Reason, Rights
from commonwheel.broker.access import Access, Limits, Tls
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.viss import Version, VissServer
from tests.broker.viss.desk import FONT, SPEED, Caller, Car, Desk, Schema, TokenBook, calling, run, serving, until

DAY = dt.timedelta(days=1)


def check_http(response: httpx.Response, action: str = "get") -> dict[str, Any]:
    """Return what a response says; of version 3 it has to be of the schema, with the action that HTTP leaves out."""
    found = response.json()
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert found["ts"].endswith("Z")
    if "error" in found:
        assert response.status_code == int(found["error"]["number"])
        if "description" in found["error"]:
            Schema.check({"action": action, **found})
    else:
        assert response.status_code == 200
    return found


# ---- WebSocket -------------------------------------------------------------------------------------------------------


def test_a_conversation(car: Car, version: Version) -> None:
    async def story() -> None:
        async with serving(car) as (server, address), calling(address, version) as caller:
            assert (await caller.ask("get", SPEED))["data"]["dp"]["value"] == "50"
            subscription = await caller.subscribe(SPEED, ("timebased", {"period": "20"}))
            assert [await caller.value(subscription) for _ in range(3)] == ["50"] * 3
            assert (await caller.fault("set", SPEED, value="1"))[0] in {400, 401}
            assert server.facts() == {"clients": 1.0, "streams": 1.0, "requests": 3.0, "refused": 0.0}
            await caller.ask("unsubscribe", subscriptionId=subscription)
            assert server.facts()["streams"] == 0.0

    run(story())


def test_a_client_that_offers_no_sub_protocol_speaks_version_2(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), websockets.connect(f"ws://{address}") as connection:
            assert connection.subprotocol is None
            caller = Caller(connection, Version.V2)
            assert "data" in await caller.ask("get", SPEED)
            subscription = await caller.subscribe(SPEED, ("timebased", {"period": "20"}))
            assert await caller.value(subscription) == "50"

    run(story())


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["VISSv3"], "VISSv3"),
        (["VISSv3.0"], "VISSv3.0"),
        (["VISSv2"], "VISSv2"),
        (["VISSv9", "VISSv3"], "VISSv3"),
        (["VISSv2", "VISSv3"], "VISSv2"),
    ],
)
def test_the_first_sub_protocol_that_is_known_is_spoken(car: Car, offered: list[Any], chosen: str) -> None:
    async def story() -> None:
        async with (
            serving(car) as (_, address),
            websockets.connect(f"ws://{address}", subprotocols=offered) as connection,
        ):
            assert connection.subprotocol == chosen

    run(story())


async def refused(address: str, status: int, **options: Any) -> str:  # noqa: ANN401
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with websockets.connect(f"ws://{address}", **options):
            pass
    assert caught.value.response.status_code == status
    return caught.value.response.body.decode()


def test_sub_protocols_that_are_not_known_are_refused(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address):
            offered: Any = ["VISSv9", "mqtt"]
            assert "VISSv3" in await refused(address, 400, subprotocols=offered)
            await refused(address + "/Vehicle/Speed", 403)

    run(story())


def test_events_go_to_the_connection_that_asked_and_end_with_it(car: Car, version: Version) -> None:
    async def story() -> None:
        async with serving(car) as (server, address), calling(address, version) as stays:
            kept = await stays.subscribe("Vehicle", ("paths", ["Speed"]))
            async with calling(address, version) as goes:
                for _ in range(5):
                    await goes.subscribe("Vehicle", ("paths", ["Speed"]))
                assert len(car.broker.readers) == 6
            await until(lambda: len(car.broker.readers) == 1)
            assert server.facts()["streams"] == 1.0
            await stays.event(kept)
            car.give({SPEED: 77.0})
            assert (await stays.event(kept))["data"][0]["dp"]["value"] == "77"

    run(story())


def test_a_connection_that_is_cut_ends_its_subscriptions(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), calling(address, Version.V3) as caller:
            await caller.subscribe("Vehicle", ("paths", ["Speed"]))
            caller.connection.transport.abort()
            await until(lambda: not car.broker.readers)

    run(story())


def test_binary_messages_are_refused_and_the_connection_lives(car: Car, version: Version) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), calling(address, version) as caller:
            await caller.connection.send(b"\xff\xfe\x00")
            caller.mail.put(await caller.receive())
            assert caller.mail.replies.popleft()["error"]["reason"] == "bad_request"
            assert "data" in await caller.ask("get", SPEED)

    run(story())


def test_a_message_that_is_too_long_ends_that_connection_only(car: Car, version: Version) -> None:
    access = Access(limits=Limits(message_bytes=1000))

    async def story() -> None:
        async with serving(car, access) as (_, address), calling(address, version) as stays:
            async with calling(address, version) as caller:
                with pytest.raises(websockets.ConnectionClosedError) as caught:
                    await caller.ask("get", "V" * 2000)
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == 1009
            assert "data" in await stays.ask("get", SPEED)

    run(story())


def test_a_reader_that_stops_loses_its_own_events_and_nobody_waits(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address):
            slow = await greet(address)
            slow.sendall(frame({"action": "subscribe", "path": "Vehicle.Mood", "requestId": "1"}))
            await until(lambda: len(car.broker.readers) == 1)
            async with calling(address, Version.V2) as fast:
                subscription = await fast.subscribe("Vehicle.Mood")
                assert await fast.value(subscription) is None
                for i in range(1000):
                    car.give({"Vehicle.Mood": f"{i} " + "x" * 5000})
                    if i % 100 == 99:
                        while not (await fast.value(subscription)).startswith(f"{i} "):
                            continue
            slow.close()
            await until(lambda: not car.broker.readers)

    run(story())


def test_a_reader_that_comes_back_is_told_how_many_it_lost(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        subscription = await desk.subscribe("Vehicle", ("paths", ["Odometer", "Speed"]))
        await desk.event(subscription)
        for i in range(500):
            car.give({"Vehicle.Odometer": i})
            await asyncio.sleep(0)
        await until(lambda: len(desk.session.outbox) == 200)
        event = await desk.event(subscription)
        assert event["dropped"] == "300"
        assert event["data"][0]["dp"]["value"] == "300"
        assert "dropped" not in await desk.event(subscription)
        desk.session.close()

    run(story())


def test_a_busy_subscription_does_not_silence_others(car: Car, version: Version) -> None:
    async def story() -> None:
        desk = Desk(car, version)
        calm = await desk.subscribe("Vehicle", ("paths", ["Speed"]))
        await desk.subscribe("Vehicle", ("paths", ["Odometer"]))
        car.give({SPEED: 61.0})
        for i in range(1000):
            car.give({"Vehicle.Odometer": i})
            await asyncio.sleep(0)
        values = [(await desk.event(calm))["data"][0]["dp"]["value"] for _ in range(2)]
        assert values == ["50", "61"]
        desk.session.close()

    run(story())


async def greet(address: str) -> socket.socket:
    """Open a WebSocket by hand, from which nothing will be read."""
    host, port = address.split(":")
    raw = socket.create_connection((host, int(port)))
    hello = f"GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    raw.sendall(f"{hello}Sec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    assert b" 101 " in await asyncio.to_thread(raw.recv, 1000)
    return raw


def frame(request: dict[str, str]) -> bytes:
    """Return a short text as a masked frame."""
    text = json.dumps(request).encode()
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


def test_a_client_that_floods_is_slowed_by_its_own_answers(car: Car, version: Version) -> None:
    async def story() -> None:
        async with serving(car) as (server, address):
            raw = await greet(address)
            raw.settimeout(0)
            flood = frame({"action": "get", "path": "Vehicle.Sped", "requestId": "1"}) * 1000

            def pour() -> bool:
                with contextlib.suppress(BlockingIOError):
                    raw.send(flood)
                return server.facts()["requests"] > 1000

            await until(pour)
            async with calling(address, version) as other:
                assert "data" in await other.ask("get", SPEED)
            raw.close()
            await until(lambda: server.facts()["clients"] == 0)

    run(story())


def test_stop_does_not_wait_for_a_client_that_reads_nothing(car: Car) -> None:
    async def story() -> None:
        server = VissServer(car.broker, Endpoint(), Access())
        address = str(await server.start())
        raw = await greet(address)
        raw.sendall(frame({"action": "subscribe", "path": "Vehicle.Mood", "requestId": "1"}))
        await until(lambda: len(car.broker.readers) == 1)

        def stuck() -> bool:
            car.give({"Vehicle.Mood": "x" * 200_000})
            return any(len(session.outbox) > 3 for session in server._sessions)

        await until(stuck)
        await server.stop(0.1)
        assert not car.broker.readers
        raw.close()

    run(story())


def test_a_client_that_reads_nothing_for_long_is_cut(car: Car, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonwheel.broker.viss.server._STALL_S", 0.1)

    async def story() -> None:
        async with serving(car) as (server, address):
            raw = await greet(address)
            raw.sendall(frame({"action": "subscribe", "path": "Vehicle.Mood", "requestId": "1"}))
            await until(lambda: len(car.broker.readers) == 1)

            def cut() -> bool:
                car.give({"Vehicle.Mood": "x" * 200_000})
                return not server._sessions

            await until(cut)
            assert not car.broker.readers
            raw.close()

    run(story())


def test_too_many_connections_of_one_client_are_refused(car: Car) -> None:
    access = Access(limits=Limits(connections=3))

    async def story() -> None:
        async with serving(car, access) as (_, address):
            for _ in range(2):
                open_ones = [await websockets.connect(f"ws://{address}") for _ in range(3)]
                assert "connections" in await refused(address, 429)
                for each in open_ones:
                    await each.close()
                await until(lambda: access.clients.facts()["connections"] == 0)

    run(story())


def test_connections_that_are_opened_and_dropped_leave_nothing(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (server, address):
            host, port = address.split(":")
            for i in range(200):
                with socket.create_connection((host, int(port))) as raw:
                    raw.sendall(os.urandom(i % 50) if i % 2 else b"GET / HTTP/1.1\r\nUpgrade: webso")
            async with calling(address, Version.V3) as caller:
                assert "data" in await caller.ask("get", SPEED)
            await until(lambda: server.facts()["clients"] == 0)

    run(story())


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.binary(max_size=60), max_size=5))
def test_garbage_on_the_port_harms_nobody(car: Car, parts: list[bytes]) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), calling(address, Version.V3) as caller:
            _, writer = await asyncio.open_connection(*address.split(":"))
            hello = f"GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            writer.write(f"{hello}Sec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
            for part in parts:
                writer.write(part)
            writer.close()
            assert "data" in await caller.ask("get", SPEED)

    run(story())


# ---- HTTP ------------------------------------------------------------------------------------------------------------


def test_get_by_either_delimiter(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as client:
            for path in ("/Vehicle/Speed", "/Vehicle.Speed", "/Vehicle/Speed/"):
                found = check_http(await client.get(path))
                assert found["data"]["path"] == SPEED
                assert found["data"]["dp"]["value"] == "50"
                assert set(found) == {"data", "ts"}

    run(story())


def test_the_filter_is_in_the_query_and_says_the_version(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as client:
            for key in ("type", "variant"):
                wanted = json.dumps({key: "paths", "parameter": ["Speed", "IsMoving"]})
                found = check_http(await client.get("/Vehicle", params={"filter": wanted}))
                assert [each["dp"]["value"] for each in found["data"]] == ["50", "true"]
            raw = await client.get(
                f"http://{address}" + '/Vehicle?filter={"type":"static-metadata","parameter":["type"]}'
            )
            assert check_http(raw)["metadata"]["Vehicle"]["type"] == "branch"
            for broken in ("{", "[]", '{"type":"timebased","parameter":{"period":"100"}}', '{"a":1,"a":2}', "null"):
                found = check_http(await client.get("/Vehicle/Speed", params={"filter": broken}))
                assert (found["error"]["number"], found["error"]["reason"]) == (400, "bad_request")

    run(story())


def test_a_header_says_the_version_where_there_is_no_filter(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as client:
            for named in ("VISSv3", "3", "3.0"):
                found = check_http(await client.get("/Some/Unknown", headers={"VISS-Version": named}))
                assert found["error"]["reason"] == "unavailable_data"
            found = check_http(await client.get("/Some/Unknown"))
            text = "The specified data path does not exist."
            assert found["error"] == {"number": 404, "reason": "invalid_path", "message": text}
            assert check_http(await client.get("/Vehicle/Speed", headers={"VISS-Version": "9"}))["error"]

    run(story())


def test_small_messages_are_sent_at_once(car: Car) -> None:
    """Without TCP_NODELAY each answer of several parts waits for the client's acknowledgement, 40 ms later."""

    async def story() -> None:
        async with serving(car) as (server, address), calling(address, Version.V3) as caller:
            await caller.ask("get", SPEED)
            assert server._engine is not None
            (connection,) = server._engine.server_state.connections
            raw = connection.transport.get_extra_info("socket")
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(story())


def test_post_sets(car: Car) -> None:
    actor = car.act(FONT)
    url = "/" + FONT.replace(".", "/")

    async def story() -> None:
        async with serving(car) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as client:
            assert set(check_http(await client.post(url, json={"value": "LARGE"}))) == {"ts"}
            found = check_http(await client.post("/Vehicle/Speed", json={"value": "5"}))
            assert (found["error"]["number"], found["error"]["reason"]) == (401, "read_only")
            bodies = [b"", b"{", b"[]", b'{"v":1}', b"\xff\xfe", b'{"value":"A","value":"B"}', b"[" * 100_000]
            for body in bodies:
                found = check_http(await client.post(url, content=body))
                assert found["error"]["reason"] == "bad_request"

    run(story())
    assert car.asked == [(FONT, "LARGE")]
    actor.close()


def test_a_body_that_is_too_long_is_refused(car: Car) -> None:
    access = Access(limits=Limits(message_bytes=1000))

    async def story() -> None:
        async with serving(car, access) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as client:
            found = check_http(await client.post("/Vehicle/Speed", json={"value": "x" * 2000}))
            assert found["error"]["number"] == 400

    run(story())


def test_other_methods_are_not_allowed(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as client:
            for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
                assert (await client.request(method, "/Vehicle/Speed")).status_code == 405

    run(story())


def test_health_says_which_car(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as client:
            for path in ("/", "/health"):
                assert (await client.get(path)).json() == {"status": "ok", "car": "test/small"}

    run(story())


def test_a_bearer_token_gives_rights(car: Car) -> None:
    book = TokenBook(speed=Rights.of("dashboard", parse_scopes("read:Vehicle.Speed")))

    async def story() -> None:
        async with (
            serving(car, Access(authority=book)) as (_, address),
            httpx.AsyncClient(base_url=f"http://{address}") as client,
        ):
            none = await client.get("/Vehicle/Speed")
            assert check_http(none)["error"]["reason"] == "token_missing"
            assert none.headers["www-authenticate"].startswith("Bearer ")
            headers = {"Authorization": "Bearer speed"}
            assert "data" in check_http(await client.get("/Vehicle/Speed", headers=headers))
            assert check_http(await client.get("/Vehicle/IsMoving", headers=headers))["error"]["number"] == 403
            for wrong in ("Bearer guess", "Basic speed", "speed", "Bearer"):
                assert (await client.get("/Vehicle/Speed", headers={"Authorization": wrong})).status_code == 401
            assert (await refused(address, 401, additional_headers={"Authorization": "Bearer guess"})) != ""
            async with calling(address, Version.V3, additional_headers=headers) as caller:
                assert "data" in await caller.ask("get", SPEED)

    run(story())


# ---- web pages -------------------------------------------------------------------------------------------------------


def test_pages_of_elsewhere_are_refused(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address), httpx.AsyncClient(base_url=f"http://{address}") as client:
            for origin in ("https://evil.example", "http://localhost:3000", "null", "http://[", "file://"):
                answer = await client.post("/Vehicle/Speed", json={"value": "1"}, headers={"Origin": origin})
                assert check_http(answer)["error"]["number"] == 403
                await refused(address, 403, origin=origin)
            rebound = {"Origin": "http://evil.example", "Host": "evil.example"}
            assert (await client.get("/Vehicle/Speed", headers=rebound)).status_code == 403
            own = await client.get("/Vehicle/Speed", headers={"Origin": f"http://{address}"})
            assert own.status_code == 200
            assert "access-control-allow-origin" not in own.headers

    run(story())


def test_pages_of_listed_origins_are_let_in(car: Car) -> None:
    page: Any = "http://localhost:3000"

    async def story() -> None:
        async with (
            serving(car, origins=[page]) as (_, address),
            httpx.AsyncClient(base_url=f"http://{address}") as client,
        ):
            answer = await client.get("/Vehicle/Speed", headers={"Origin": page})
            assert answer.headers["access-control-allow-origin"] == page
            asked = {"Origin": page, "Access-Control-Request-Method": "POST"}
            assert (await client.options("/Vehicle/Speed", headers=asked)).status_code == 200
            async with calling(address, Version.V3, origin=page) as caller:
                assert "data" in await caller.ask("get", SPEED)
            await refused(address, 403, origin="http://localhost:3001")

    run(story())


# ---- TLS, start and stop ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    issuer = Issuer.new("test", DAY)
    issuer.pair.write(folder, "ca")
    issuer.server(["localhost", "127.0.0.1"], DAY).write(folder, "server")
    issuer.client("dashboard", DAY).write(folder, "client")
    return folder


def test_with_tls_it_is_https_and_wss(car: Car, files: Path) -> None:
    trust = ssl.create_default_context(cafile=files / "ca.pem")
    access = Access(tls=Tls(files / "server.pem", files / "server.key.pem"))

    async def story() -> None:
        async with serving(car, access) as (_, address):
            async with httpx.AsyncClient(base_url=f"https://{address}", verify=trust) as client:
                assert "data" in check_http(await client.get("/Vehicle/Speed"))
            offered: Any = ["VISSv3"]
            async with websockets.connect(f"wss://{address}", subprotocols=offered, ssl=trust) as connection:
                assert "data" in await Caller(connection, Version.V3).ask("get", SPEED)
            with pytest.raises((OSError, websockets.InvalidMessage, EOFError)):
                async with websockets.connect(f"ws://{address}"):
                    pass

    run(story())


def test_with_mutual_tls_a_client_needs_a_certificate(car: Car, files: Path) -> None:
    trust = ssl.create_default_context(cafile=files / "ca.pem")
    access = Access(tls=Tls(files / "server.pem", files / "server.key.pem", files / "ca.pem"))

    async def story() -> None:
        async with serving(car, access) as (_, address):
            with pytest.raises((OSError, httpx.HTTPError)):
                async with httpx.AsyncClient(base_url=f"https://{address}", verify=trust) as client:
                    await client.get("/Vehicle/Speed")
            trust.load_cert_chain(files / "client.pem", files / "client.key.pem")
            async with httpx.AsyncClient(base_url=f"https://{address}", verify=trust) as client:
                assert "data" in check_http(await client.get("/Vehicle/Speed"))

    run(story())


def test_an_address_that_is_taken_is_said(car: Car) -> None:
    async def story() -> None:
        async with serving(car) as (_, address):
            host, port = address.split(":")
            with pytest.raises(BrokerError, match="cannot listen on") as caught:
                await VissServer(car.broker, Endpoint(host, int(port)), Access()).start()
            assert caught.value.reason is Reason.INVALID
        for wrong in (Endpoint("no.such.host.invalid"), Endpoint("127.0.0.1", 70_000)):
            with pytest.raises(BrokerError, match="cannot listen on"):
                await VissServer(car.broker, wrong, Access()).start()

    run(story())


def test_tls_files_that_are_none_are_said(car: Car, tmp_path: Path) -> None:
    async def story() -> None:
        access = Access(tls=Tls(tmp_path / "none.pem", tmp_path / "none.key"))
        with pytest.raises(BrokerError, match=r"none\.pem"):
            await VissServer(car.broker, Endpoint(), access).start()

    run(story())


async def drain(caller: Caller) -> None:
    while True:
        await caller.receive()


def test_stop_tells_clients_and_leaves_nothing(car: Car, version: Version) -> None:
    async def story() -> None:
        server = VissServer(car.broker, Endpoint(), Access())
        endpoint = await server.start()
        async with calling(str(endpoint), version) as caller:
            await caller.subscribe("Vehicle", ("paths", ["Speed"]))
            await server.stop()
            with pytest.raises(websockets.ConnectionClosed) as caught:
                await drain(caller)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1001
        assert car.broker.readers == ()
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(endpoint.host, endpoint.port)

    run(story())


def test_it_serves_version_6_of_the_internet_protocol(car: Car) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")

    async def story() -> None:
        server = VissServer(car.broker, Endpoint("::1"), Access())
        try:
            endpoint = await server.start()
        except BrokerError:
            pytest.skip("this machine has no IPv6 loopback")
        async with calling(str(endpoint), Version.V3) as caller:
            assert "data" in await caller.ask("get", SPEED)
        await server.stop()

    run(story())
