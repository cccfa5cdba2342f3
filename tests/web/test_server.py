"""The dashboard's doors: what is served to whom, and that nobody can make it fall."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from commonwheel.broker.access import Access, Limits
from commonwheel.web import server as server_module
from commonwheel.web.conversation import Conversation, Over, Stage
from commonwheel.web.protocol import PROTOCOL
from commonwheel.web.registry import Registry, registry
from commonwheel.web.views import File
from tests.web.stage import NAMES, SPEED, FakeApp, Running, Tokens, manifest, scene_of, until, wired


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    scene = scene_of({"nissan": NAMES["nissan"]}, [FakeApp("nissan", manifest())])
    with Running(scene) as one:
        yield one
    wired(scene.cars[0]).stop()


def test_every_file_comes_with_headers_that_let_nothing_else_in(running: Running) -> None:
    for path, kind in (("/", "text/html"), ("/core/shell.js", "text/javascript"), ("/theme.css", "text/css")):
        answer = httpx.get(running.url + path)
        policy = answer.headers["content-security-policy"]
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_holds_no_inline_style_or_script_and_names_no_other_server(running: Running) -> None:
    html = httpx.get(running.url).text
    assert "<style" not in html
    assert " style=" not in html
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("<script") == html.count("<script src=") + html.count('<script type="module" src=')


def test_a_file_that_the_browser_has_is_not_sent_again(running: Running) -> None:
    first = httpx.get(f"{running.url}/app.css")
    again = httpx.get(f"{running.url}/app.css", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    packed = httpx.Client().build_request("GET", f"{running.url}/app.css", headers={"Accept-Encoding": "gzip"})
    with httpx.Client() as client, client.stream("GET", packed.url, headers=packed.headers) as raw:
        assert gzip.decompress(b"".join(raw.iter_raw())) == first.content


@pytest.mark.parametrize("path", ["/nothing", "/../server.py", "/core/", "/pages/%2e%2e/app.css", "/cars/none/here"])
def test_what_there_is_not_is_answered_so(running: Running, path: str) -> None:
    assert httpx.get(running.url + path).status_code == 404


def test_a_name_that_was_made_to_point_here_is_refused(running: Running) -> None:
    for host in ("evil.example", "evil.example:80", "10.0.0.1", "", "[", "127.0.0.1.evil.example"):
        answer = httpx.get(running.url, headers={"Host": host})
        assert answer.status_code in {400, 403}, host
    assert httpx.get(running.url, headers={"Host": "localhost"}).status_code == 200


def test_a_page_of_elsewhere_can_neither_connect_nor_fetch(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    for origin in ("http://evil.example", "null", f"http://evil.example:{running.endpoint.port}"):
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://{running.endpoint}/live", origin=origin):  # type: ignore[arg-type]
            pass
        assert refused.value.response.status_code == 403
        posted = httpx.post(f"{running.url}/files/frames", json={}, headers={"Origin": origin})
        assert posted.status_code == 403
    assert httpx.get(running.url, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}).status_code == 403
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_page_sees_its_cars_and_what_it_may_do(running: Running) -> None:
    with running.page() as page:
        welcome = page.hear("welcome")
    (car,) = welcome["cars"]
    assert (car["brand"], car["frames"], car["operate"], welcome["authorized"]) == ("Nissan", True, True, False)


def test_values_frames_and_arithmetic_reach_the_page(running: Running) -> None:
    car = wired(running.scene.cars[0])
    with running.page() as page:
        lanes = page.open("alliance")["cars"][0]["lanes"]
        page.update()
        car.drive({SPEED: 61.0})
        seen: dict[str, object] = {}
        while "frames" not in seen or "values" not in seen:
            seen |= page.update().get(1, {}).get("nissan", {})
    assert seen["values"]["speed"] == [61.0, 0]  # type: ignore[index]
    payloads, total, raws = seen["frames"]["0"]  # type: ignore[index]
    assert lanes[0]["fields"][0]["role"] == "speed"
    assert raws[0] * lanes[0]["fields"][0]["factor"] == pytest.approx(61.0)
    assert (len(payloads), len(payloads[0])) == (min(8, total), 2 * lanes[0]["size"])


def test_the_next_update_waits_until_the_last_one_is_drawn(running: Running) -> None:
    car = wired(running.scene.cars[0])
    with running.page() as page:
        page.open("alliance")
        first = page.hear("update")
        for speed in range(30):
            car.drive({SPEED: 10.0 + speed})
            time.sleep(0.01)
        page.say(type="open", id=2, view="nothing of this name")
        assert page.hear()["type"] == "failed"  # and no update before it
        page.say(type="drawn", n=first["n"])
        latest = page.update()[1]["nissan"]["values"]["speed"]
    assert latest == [39.0, 0]


def test_a_hidden_page_is_sent_nothing_until_it_is_seen(running: Running) -> None:
    with running.page() as page:
        page.say(type="visible", visible=False)
        page.open("alliance")
        page.say(type="open", id=2, view="nothing")
        assert page.hear()["type"] == "failed"
        page.say(type="visible", visible=True)
        assert page.hear()["type"] == "update"


def test_a_page_that_goes_leaves_nothing_behind(running: Running) -> None:
    car = wired(running.scene.cars[0])
    with running.page() as page:
        page.open("alliance")
        assert car.listeners >= 1
    until(lambda: car.listeners == 0, "its tap is given back")
    until(lambda: running.server.facts()["streams"] == 0, "its views are closed")


def test_apps_are_started_and_stopped(running: Running) -> None:
    app = running.scene.apps[0]
    assert isinstance(app, FakeApp)
    with running.page() as page:
        page.open("apps")
        assert page.ask("apps.stop", app="trip", car="nissan")["type"] == "answer"
        assert page.ask("apps.start", app="trip", car="nissan")["type"] == "answer"
        for wrong in ({"app": "none", "car": "nissan"}, {"app": "trip", "car": "x"}, {}, {"app": 1, "car": None}):
            answer = page.ask("apps.stop", **wrong)
            assert (answer["type"], answer["reason"]) == ("denied", "invalid request")
        assert "nothing called 'rm'" in page.ask("rm")["message"]
    assert app.asked == ["stop", "start"]


# ---- rights -------------------------------------------------------------------------------------------------------


def test_without_a_good_token_nothing_is_shown_and_rights_are_the_tokens() -> None:
    tokens = Tokens()
    tokens.add("all", "read actuate")
    tokens.add("reader", "read")
    tokens.add("speedo", f"read:{SPEED}")
    tokens.add("nothing", "read:Vehicle.NoSuchBranch")
    scene = scene_of({"nissan": NAMES["nissan"]}, [FakeApp("nissan", manifest())])
    with Running(scene, Access(tokens)) as running:
        for token in ("", "wrong"):
            with running.page(token) as page:
                assert page.hear("refused")["reason"] == "no valid token"
                with pytest.raises(ConnectionClosed):
                    page.hear("never")
        with running.page("nothing") as page:
            assert page.hear("refused")["reason"] == "no right"
        with running.page("speedo") as page:
            (car,) = page.hear("welcome")["cars"]
            assert (car["frames"], car["operate"]) == (False, False)
            shown = page.open("alliance")["cars"][0]
            assert set(shown["roles"]) == {"speed"}
            assert shown["lanes"] == []
            apps = page.open("apps", 2)
            assert (apps["rows"], apps["hidden"]) == ([], 1)
        with running.page("reader") as page:
            denied = page.ask("apps.stop", app="trip", car="nissan")
            assert denied["reason"] == "no right"
            assert "'actuate'" in denied["message"]
        with running.page("all") as page:
            assert page.ask("apps.stop", app="trip", car="nissan")["type"] == "answer"
        question = {"json": {"car": "nissan"}, "headers": {"Authorization": "Bearer wrong"}}
        assert httpx.post(f"{running.url}/files/frames", **question).status_code == 401  # type: ignore[arg-type]
    wired(scene.cars[0]).stop()


def test_a_page_is_ended_when_its_token_is() -> None:
    tokens = Tokens()
    tokens.add("short", "read", time.time_ns() + 300_000_000)
    with Running(scene_of({}), Access(tokens)) as running, running.page("short") as page:
        assert page.hear("welcome")["expires_ns"] is not None
        assert page.hear("ended")["reason"] == "token expired"


# ---- limits -------------------------------------------------------------------------------------------------------


def test_connections_and_views_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MOST_PAGES", 2)
    with Running(scene_of({})) as running, running.page() as one, running.page() as two:
        one.hear("welcome")
        two.hear("welcome")
        with pytest.raises(InvalidStatus) as refused, running.page():
            pass
        assert refused.value.response.status_code == 429
        for number in range(17):
            one.say(type="open", id=number, view="alliance")
        assert one.hear("failed")["reason"] == "limit exceeded"


def test_a_page_that_asks_too_often_is_ended() -> None:
    with Running(scene_of({}), Access(limits=Limits(requests_per_second=10))) as running:
        with contextlib.suppress(ConnectionClosed), running.page() as page:
            for _ in range(200):
                page.say(type="drawn", n=0)
            assert page.hear("ended")["reason"] == "limit exceeded"
        until(lambda: running.server.facts()["clients"] == 0)


def test_who_says_nothing_draws_nothing_or_says_too_much_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HELLO_S", 0.05)
    monkeypatch.setattr(server_module, "SILENT_S", 0.05)
    with Running(scene_of({"nissan": NAMES["nissan"]})) as running:
        with connect(f"ws://{running.endpoint}/live") as silent, pytest.raises(ConnectionClosed):
            silent.recv(10)
        monkeypatch.setattr(server_module, "HELLO_S", 10.0)
        with running.page() as page:
            page.open("alliance")
            page.hear("update")  # and never says that it was drawn
            with pytest.raises(ConnectionClosed):
                page.hear("never")
        with running.page() as page:
            page.hear("welcome")
            page.socket.send("x" * 100_000)
            with pytest.raises(ConnectionClosed):
                page.hear("never")
        wired(running.scene.cars[0]).stop()


def test_pages_are_told_when_the_service_stops_and_it_can_serve_there_again() -> None:
    with Running(scene_of({})) as running:
        with running.page() as page:
            page.hear("welcome")
            running.restart()
            assert page.hear("ended")["reason"] == "the service stops"
        with running.page() as page:
            assert page.hear("welcome")["cars"] == []


# ---- bad input ----------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_VIEWS = st.sampled_from(["alliance", "apps", "control", "signals", "signal", "traffic", "message", ""]) | st.text(
    max_size=9
)
_MESSAGES = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=60),
    _JSON.map(json.dumps),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["open", "tell", "close", "ask", "drawn", "visible", "hello"])},
        optional={
            "id": st.integers(0, 3) | _JSON,
            "view": _VIEWS,
            "call": st.sampled_from(["apps.start", "signals.match", "coverage.cell", "frames.record"]) | _JSON,
            "params": st.dictionaries(st.sampled_from(["car", "app", "path", "pattern", "q"]) | st.text(), _JSON),
            "n": st.integers(-1, 5),
            "visible": st.booleans() | _JSON,
        },
    ).map(json.dumps),
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    scene = scene_of({"nissan": NAMES["nissan"]}, [FakeApp("nissan", manifest())])
    with ThreadPoolExecutor(1) as lane, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("records"))
        yield Stage(scene, Access(), registry(), lane, "run")
    wired(scene.cars[0]).stop()


@settings(max_examples=60)
@given(messages=st.lists(_MESSAGES, max_size=8))
def test_whatever_a_page_says_it_is_answered_and_nothing_breaks(stage: Stage, messages: list[str | bytes]) -> None:
    said: list[str] = []

    async def say(text: str) -> None:
        said.append(text)

    async def talk() -> None:
        conversation = Conversation(stage, "10.0.0.9", say)
        try:
            await conversation.hear(json.dumps({"type": "hello", "protocol": PROTOCOL}))
            for message in messages:
                await conversation.hear(message)
        except Over:
            pass
        finally:
            await conversation.close()

    # In a thread: Playwright, once it was started, leaves a running loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(talk())).result()
    for text in said:
        message = json.loads(text)
        assert message.get("reason") != "internal", message
    assert wired(stage.scene.cars[0]).listeners == 0


def test_garbage_on_one_connection_is_nobody_elses(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    with running.page() as good:
        good.open("alliance")
        for garbage in ("", "{", "[]", "null", b"\xff\x00", '{"type":"open"}', '{"type":"hello"}', "[" * 5000):
            with running.page() as bad:
                bad.hear("welcome")
                bad.socket.send(garbage)
                assert bad.hear("ended")["reason"] == "invalid request"
        assert good.update() is not None
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_view_call_or_file_that_fails_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        hz = 20.0

        def first(self) -> object:
            return {}

        def take(self) -> object:
            raise ZeroDivisionError

        def tell(self, params: object) -> None: ...

        def close(self) -> None: ...

    def call(_viewer: object, _params: object) -> object:
        raise ZeroDivisionError

    def file(_viewer: object, params: object) -> File:
        if params:
            raise ZeroDivisionError
        return File("log.txt", b"one", "text/plain")

    offered = Registry(
        views={"broken": lambda _viewer, _params: Broken()},
        calls={"broken": call},
        files={"any": file},
        documents={"doc": lambda _scene, rest: f"<style>b{{}}</style><p>{rest}" if rest else None},
    )
    with Running(scene_of({}), offered=offered) as running:
        with running.page() as page:
            page.open("broken")
            assert page.hear("failed")["reason"] == "internal"
            assert page.ask("broken")["reason"] == "internal"
        good = httpx.post(f"{running.url}/files/any", json={})
        assert (good.content, good.headers["content-disposition"]) == (b"one", 'attachment; filename="log.txt"')
        assert httpx.post(f"{running.url}/files/any", json={"x": 1}).status_code == 400
        for body in (b"", b"[]", b"{", b"\xff", b"x" * 100_000):
            posted = httpx.post(f"{running.url}/files/any", content=body, headers={"Content-Type": "application/json"})
            assert posted.status_code in {400, 429}
        document = httpx.get(f"{running.url}/doc/a")
        assert "style-src 'sha256-" in document.headers["content-security-policy"]
        assert httpx.get(f"{running.url}/doc/").status_code == 404
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(failures) == 3
