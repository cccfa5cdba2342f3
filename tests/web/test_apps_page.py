"""The Apps page: state, outputs, events, log lines, errors with their line, buttons with their reasons."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from commonwheel.apps.status import AppState, Fitness
from commonwheel.broker.access import Access
from tests.web.conftest import Alliance, View
from tests.web.stage import NAMES, FakeApp, Running, Tokens, manifest, scene_of, until, wired

pytestmark = pytest.mark.browser


def test_an_app_is_looked_at_stopped_and_started(alliance: Alliance, look: Callable[..., View]) -> None:
    app = alliance.apps[1]
    app.status.state = AppState.RUNNING
    app.asked.clear()
    view = look(f"{alliance.url}/#/apps/trip/mitsubishi")
    page = view.page
    page.wait_for_selector(".app-detail h2")
    app.show(distance=12.5, stops=3)
    app.report("crashed", what="<b>not markup</b>", began_ns=0, peak=-5.284, speeds=[50.04, 48.5, 12.0])
    app.log("hello & <i>goodbye</i>")
    app.status.error = "trip.py:12: division by zero"
    view.wait("document.querySelector('.app-detail').innerText.includes('12.5\\u00a0km')")
    view.wait("document.querySelector('.app-log')?.innerText.includes('<i>goodbye</i>')")
    detail = page.locator(".app-detail")
    assert "trip.py:12: division by zero" in detail.inner_text()
    assert "<b>not markup</b>" in detail.inner_text()
    event = detail.locator("li[data-severity=alarm]")
    assert event.count() == 1
    told = event.locator("dd").all_inner_texts()
    assert len(told[1].split(":")) == 3, "a time of day, and not a number of nanoseconds"
    assert (told[2], told[3]) == ("\u22125.28", "12.0 … 50.0 in 3 values")
    assert detail.locator("dd.about").all_inner_texts() == ["Driven.", "Stops."]
    page.get_by_role("button", name="Stop", exact=True).click()
    until(lambda: app.asked == ["stop"])
    view.wait("document.querySelector('.app-detail .chip').textContent.includes('stopped')")
    assert "Outputs, as they were last" in detail.inner_text()
    page.get_by_role("button", name="Start", exact=True).click()
    until(lambda: app.asked == ["stop", "start"])
    page.locator(".app-cell").nth(2).click()
    view.wait("location.hash === '#/apps/trip/nissan'")
    assert "Nissan" in page.locator(".app-detail h2").inner_text()
    assert view.complaints == []


def test_lists_have_a_fixed_length(alliance: Alliance, look: Callable[..., View]) -> None:
    app = alliance.apps[0]
    view = look(f"{alliance.url}/#/apps/trip/honda")
    view.page.wait_for_selector(".app-detail h2")
    for batch in range(4):
        for n in range(150):
            app.log(f"line {batch}.{n}")
            app.report("ended", n=n)
        view.wait(f"document.querySelector('.app-log').innerText.includes('line {batch}.149')")
    assert view.page.locator(".app-log li").count() == 300
    assert view.page.locator(".app-events li").count() == 100


def test_what_may_not_be_done_is_disabled_with_the_reason(look: Callable[..., View]) -> None:
    tokens = Tokens()
    tokens.add("reader", "read")
    lacks = "Vehicle.Powertrain.Range"
    apps = [
        FakeApp("nissan", manifest()),
        FakeApp("nissan", manifest("far", requires={lacks: 1.0}), Fitness.NONE, [lacks]),
    ]
    apps[0].status.state = AppState.RUNNING
    apps[1].status.state = AppState.UNFIT
    scene = scene_of({"nissan": NAMES["nissan"]}, apps)
    with Running(scene, Access(tokens)) as running:
        view = look(f"{running.url}/#/apps/trip/nissan")
        view.page.fill("#token", "reader")
        view.page.keyboard.press("Enter")
        stop = view.page.get_by_role("button", name="Stop", exact=True)
        stop.wait_for()
        assert stop.is_disabled()
        view.wait("document.querySelector('#app-why').textContent.includes('actuate')")
        view.page.locator(".app-cell").nth(1).click()
        view.wait("document.querySelector('.app-detail h2').textContent.startsWith('far')")
        assert f"{lacks} required, not given" in view.page.locator(".missing").first.inner_text()
        view.page.context.close()
        until(lambda: not running.server.facts()["clients"])
    wired(scene.cars[0]).stop()


def test_without_apps_it_says_how_to_run_one(look: Callable[..., View]) -> None:
    with Running(scene_of({})) as running:
        view = look(f"{running.url}/#/apps")
        view.page.wait_for_selector("code")
        assert "--app" in view.page.locator("#page").inner_text()
        view.page.goto(f"{running.url}/#/alliance")
        view.wait("document.querySelector('#page').innerText.includes('No car runs here')")
        view.page.context.close()
        until(lambda: not running.server.facts()["clients"])
