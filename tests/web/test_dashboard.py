"""The dashboard as a part of a service, its doors, and TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from starlette.datastructures import Headers
from websockets.sync.client import connect

from commonwheel.broker import BrokerError
from commonwheel.broker.access import Access, Tls
from commonwheel.broker.certificates import Issuer
from commonwheel.broker.serving import Endpoint
from commonwheel.gateway.config import Settings
from commonwheel.web.assets import document_policy, load_assets
from commonwheel.web.dashboard import Dashboard
from commonwheel.web.doors import Doors
from tests.web.stage import Page, Running, scene_of

T = TypeVar("T")


def run(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine in a thread: Playwright, once it was started, leaves a running loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_it_says_where_it_listens_and_ends_in_time() -> None:
    async def whole() -> tuple[str, int, bool]:
        dashboard = Dashboard(Settings(web_port=0))
        (bound,) = await dashboard.start((), Access())
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://{bound.endpoint}/")
        ((_, figures),) = dashboard.measured
        assert {key: figures[key] for key, *_ in dashboard.measures} == {
            "clients": 0, "streams": 0, "requests": 1, "refused": 0,
        }  # fmt: skip
        return bound.server, answer.status_code, await dashboard.stop(5.0)

    assert run(whole()) == ("web", 200, True)


def test_without_a_port_nothing_is_served() -> None:
    async def whole() -> tuple[int, bool]:
        dashboard = Dashboard(Settings())
        return len(await dashboard.start((), Access())), await dashboard.stop(1.0)

    assert run(whole()) == (0, True)


def test_a_port_that_is_taken_is_told_with_the_remedy() -> None:
    async def whole(port: int) -> None:
        dashboard = Dashboard(Settings(web_port=port))
        try:
            await dashboard.start((), Access())
        finally:
            assert await dashboard.stop(1.0)

    said = r"web: .*another program listens there; choose another port with --web"
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BrokerError, match=said):
        run(whole(taken.getsockname()[1]))


@pytest.mark.parametrize(
    ("listens", "authorized", "host", "origin", "welcome"),
    [
        ("127.0.0.1", False, "127.0.0.1:8080", None, True),
        ("127.0.0.1", False, "localhost:8080", "http://localhost:8080", True),
        ("127.0.0.1", False, "[::1]:8080", "http://[::1]:8080", True),
        ("127.0.0.1", False, "evil.example:8080", "http://evil.example:8080", False),
        ("127.0.0.1", True, "evil.example:8080", "http://evil.example:8080", False),
        ("127.0.0.1", False, "127.0.0.1:8080", "http://127.0.0.1:9999", False),
        ("127.0.0.1", False, "", None, False),
        ("0.0.0.0", False, "192.168.1.7:8080", "http://192.168.1.7:8080", True),  # noqa: S104 - nothing is bound
        ("0.0.0.0", False, "evil.example:8080", "http://evil.example:8080", False),  # noqa: S104
        ("0.0.0.0", True, "car.example:8080", "https://car.example:8080", True),  # noqa: S104
        ("0.0.0.0", True, "car.example:8080", "https://evil.example:8080", False),  # noqa: S104
        ("mycar.local", False, "mycar.local:8080", "http://mycar.local:8080", True),
    ],
)
def test_who_may_knock(listens: str, host: str, origin: str | None, *, authorized: bool, welcome: bool) -> None:
    headers = {"host": host} | ({"origin": origin} if origin else {})
    refusal = Doors(Endpoint(listens, 8080), authorized=authorized).refusal(Headers(headers))
    assert (refusal == "") is welcome, refusal


def test_over_tls_it_is_the_same(tmp_path: Path) -> None:
    day = dt.timedelta(days=1)
    issuer = Issuer.new("test", day)
    authority, _ = issuer.pair.write(tmp_path, "ca")
    certificate, key = issuer.server(["localhost", "127.0.0.1"], day).write(tmp_path, "server")
    context = ssl.create_default_context(cafile=str(authority))
    with Running(scene_of({}), Access(tls=Tls(certificate, key))) as running:
        assert httpx.get(f"https://{running.endpoint}/", verify=context).status_code == 200
        origin = f"https://{running.endpoint}"
        with connect(f"wss://{running.endpoint}/live", ssl=context, origin=origin) as socket:  # type: ignore[arg-type]
            page = Page(socket)
            page.say(type="hello", protocol=1)
            assert page.hear("welcome")["cars"] == []


def test_every_module_that_is_imported_is_there() -> None:
    assets = load_assets()
    for path, asset in assets.items():
        if not path.endswith(".js"):
            continue
        for line in asset.body.decode().splitlines():
            if line.startswith("import ") and " from " in line:
                named = line.split(' from "')[1].split('"')[0]
                place = (Path(path).parent / named).as_posix()
                parts: list[str] = []
                for part in place.split("/"):
                    parts = parts[:-1] if part == ".." else [*parts, part]
                assert "/".join(parts) in assets, f"{path}: {line}"


def test_no_file_names_another_server_or_makes_markup_of_text() -> None:
    for path, asset in load_assets().items():
        text = asset.body.decode().replace("http://www.w3.org/2000/svg", "")
        for never in ("http://", "https://", "innerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert never not in text, f"{path}: {never}"


def test_a_document_runs_its_own_styles_and_scripts_and_no_others() -> None:
    policy = document_policy("<style>a{}</style><script>1</script><script>2</script>")
    assert policy.count("'sha256-") == 3
    assert "unsafe" not in policy
    assert "script-src 'none'" in document_policy("<p>plain")
