"""The operator's port answers plain questions, and nothing that is sent there holds it up."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.broker import BrokerError, Reason, Rights
from commonwheel.broker.access import Access
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.serving import Endpoint
from commonwheel.broker.tls import Tls
from commonwheel.gateway import health as module
from commonwheel.gateway.health import HealthServer, Page
from tests.gateway.service_fakes import until

T = TypeVar("T")
DAY = dt.timedelta(days=1)
OLD, GOOD = "old", "good"


class _Keeper:
    """Believes one token."""

    def verify(self, token: str) -> Rights:
        if token == OLD:
            return Rights("old", {}, expires_ns=time.time_ns() - 1)
        if token != GOOD:
            raise BrokerError(Reason.UNAUTHENTICATED, "no valid token")
        return Rights("operator", {})


def _run(server: HealthServer, talk: Callable[[Endpoint], Awaitable[T]]) -> T:
    async def run() -> T:
        endpoint = await server.start()
        try:
            async with asyncio.timeout(30):
                return await talk(endpoint)
        finally:
            await server.stop(0.1)

    return asyncio.run(run())


def _server(why: str = "", access: Access | None = None, page: Callable[[], Page] | None = None) -> HealthServer:
    return HealthServer(Endpoint(), access or Access(), page or (lambda: Page(b"x 1\n", kind="text/x")), lambda: why)


async def _send(endpoint: Endpoint, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    try:
        writer.write(data)
        await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def _ask(server: HealthServer, text: str) -> tuple[int, dict[str, str], str]:
    answer = _run(server, lambda endpoint: _send(endpoint, text.encode())).decode()
    head, _, body = answer.partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body


def test_alive_and_ready_are_told() -> None:
    assert _ask(_server(), "GET /live HTTP/1.1\r\nHost: x\r\n\r\n")[::2] == (200, "alive\n")
    assert _ask(_server(), "GET /ready?x=1 HTTP/1.1\r\n\r\n")[::2] == (200, "ready\n")
    assert _ask(_server("it is starting"), "GET /ready HTTP/1.0\r\n\r\n")[::2] == (503, "not ready: it is starting\n")
    assert _ask(_server("it is starting"), "GET /live HTTP/1.1\r\n\r\n")[0] == 200


def test_metrics_are_the_page_with_its_type_and_length() -> None:
    status, headers, body = _ask(_server(), "GET /metrics HTTP/1.1\r\n\r\n")
    assert (status, headers["Content-Type"], headers["Content-Length"], body) == (200, "text/x", "4", "x 1\n")
    status, headers, body = _ask(_server(), "HEAD /metrics HTTP/1.1\r\n\r\n")
    assert (status, headers["Content-Length"], body) == (200, "4", "")


def test_where_tokens_are_asked_for_metrics_ask_for_one_too() -> None:
    access = Access(_Keeper())
    assert _ask(_server(access=access), "GET /metrics HTTP/1.1\r\n\r\n")[0] == 401
    for word, status in (("Bearer bad", 401), ("Bearer old", 401), ("Basic good", 401), ("bearer good", 200)):
        found, headers, _ = _ask(_server(access=access), f"GET /metrics HTTP/1.1\r\nAuthorization: {word}\r\n\r\n")
        assert (found, headers.get("WWW-Authenticate")) == (status, None if status == 200 else "Bearer")
    assert _ask(_server(access=access), "GET /ready HTTP/1.1\r\n\r\n")[0] == 200


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        ("GET /secret HTTP/1.1\r\n\r\n", 404),
        ("GET metrics HTTP/1.1\r\n\r\n", 400),
        ("GET /metrics HTTP/2\r\n\r\n", 400),
        ("\r\n\r\n", 400),
        ("GET /live HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("GET /live HTTP/1.1\r\nX: " + "y" * 100_000 + "\r\n\r\n", 400),
    ],
)
def test_other_requests_are_refused_with_a_reason(request_text: str, status: int) -> None:
    found, _, body = _ask(_server(), request_text)
    assert found == status
    assert body.strip()


def test_metrics_that_cannot_be_gathered_are_told_without_detail(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Page:
        int("secret")
        return Page(b"")

    status, _, body = _ask(_server(page=fail), "GET /metrics HTTP/1.1\r\n\r\n")
    assert status == 500
    assert "secret" not in body
    assert "secret" in caplog.text


@settings(max_examples=25)
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_garbage_ends_its_own_connection_only(pieces: list[bytes]) -> None:
    server = _server()

    async def talk(endpoint: Endpoint) -> bytes:
        for piece in pieces:
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            writer.write(piece)
            writer.write_eof()
            await reader.read()
            writer.close()
        return await _send(endpoint, b"GET /live HTTP/1.1\r\n\r\n")

    assert _run(server, talk).endswith(b"alive\n")
    assert server.facts()["clients"] == 0


def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_SECONDS", 0.05)
    server = _server()
    assert _run(server, lambda endpoint: _send(endpoint, b"GET /live HT")) == b""
    assert server.facts()["refused"] == 1


def test_who_holds_connections_without_a_question_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 3)
    monkeypatch.setattr(module, "_MOST_SECONDS", 600.0)
    server = _server()

    async def talk(endpoint: Endpoint) -> tuple[bytes, bytes]:
        held = [await asyncio.open_connection(endpoint.host, endpoint.port) for _ in range(3)]
        held[1][1].write(b"GET /li")
        await until(lambda: server.facts()["clients"] == 3)
        answer = await _send(endpoint, b"GET /live HTTP/1.1\r\n\r\n")
        await until(lambda: server.facts()["clients"] == 2)
        held[1][1].write(b"ve HTTP/1.1\r\n\r\n")
        second = await held[1][0].read()
        for _, writer in held:
            writer.close()
        return answer, second

    answer, second = _run(server, talk)
    assert answer.endswith(b"alive\n")
    assert second.endswith(b"alive\n"), "only the oldest made room"
    assert server.facts()["refused"] >= 1


def test_who_asks_and_does_not_read_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 2)
    monkeypatch.setattr(module, "_MOST_SECONDS", 600.0)
    server = _server()

    async def talk(endpoint: Endpoint) -> list[bytes]:
        held = [await asyncio.open_connection(endpoint.host, endpoint.port) for _ in range(5)]
        for _, writer in held:
            writer.write(b"GET /live HTTP/1.1\r\n\r\n")
        answers = [await _send(endpoint, b"GET /live HTTP/1.1\r\n\r\n") for _ in range(10)]
        for _, writer in held:
            writer.close()
        return answers

    assert all(answer.endswith(b"alive\n") for answer in _run(server, talk))


def test_hundreds_that_say_nothing_do_not_stop_the_answer() -> None:
    server = _server()

    async def talk(endpoint: Endpoint) -> bytes:
        held = [await asyncio.open_connection(endpoint.host, endpoint.port) for _ in range(300)]
        try:
            return await _send(endpoint, b"GET /live HTTP/1.1\r\n\r\n")
        finally:
            for _, writer in held:
                writer.close()

    assert _run(server, talk).endswith(b"alive\n")


def test_a_stop_does_not_wait_for_who_is_still_connected() -> None:
    server = _server()

    async def talk(endpoint: Endpoint) -> bytes:
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        await until(lambda: server.facts()["clients"])
        await server.stop(0.05)
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    assert _run(server, talk) == b""


def test_with_tls_it_speaks_tls_only(tmp_path: Path) -> None:
    issuer = Issuer.new("test", DAY)
    authority, _ = issuer.pair.write(tmp_path, "ca")
    tls = Tls(*issuer.server(["127.0.0.1"], DAY).write(tmp_path, "server"))
    server = HealthServer(Endpoint(), Access(tls=tls), lambda: Page(b"x" * 200_000), lambda: "", tls.context())

    async def talk(endpoint: Endpoint) -> tuple[bytes, bytes]:
        plain = await _send(endpoint, b"GET /metrics HTTP/1.1\r\n\r\n")
        trusting = ssl.create_default_context(cafile=authority)
        reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port, ssl=trusting)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return plain, answer

    plain, answer = _run(server, talk)
    assert b"HTTP" not in plain
    assert answer.endswith(b"\r\n\r\n" + b"x" * 200_000)


def test_a_port_that_is_taken_is_told() -> None:
    async def talk(endpoint: Endpoint) -> str:
        with pytest.raises(BrokerError) as raised:
            await HealthServer(endpoint, Access(), lambda: Page(b""), lambda: "").start()
        return str(raised.value)

    assert "cannot listen on 127.0.0.1:" in _run(_server(), talk)
