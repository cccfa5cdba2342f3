"""The dashboard in a browser: it loads, follows, says when it is cut off, and comes back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from commonwheel.broker.access import Access
from tests.web.conftest import DESKTOP, PHONE, Alliance, View
from tests.web.stage import NAMES, Running, Tokens, scene_of, until, wired

pytestmark = pytest.mark.browser

PAGES = ("alliance", "signals", "coverage", "apps", "control", "traffic")
SERIOUS = {"serious", "critical"}


def faults_of(view: View) -> list[str]:
    """Return what axe finds that keeps people out."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(view.page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0].get('failureSummary', '')[:300]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def too_wide(view: View) -> bool:
    """Whether one has to scroll sideways."""
    return view.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize("page", PAGES)
def test_each_page_loads_light_dark_and_small_without_complaint(
    alliance: Alliance, look: Callable[..., View], page: str
) -> None:
    for size, scheme in (DESKTOP, "light"), (PHONE, "dark"):
        with alliance.driving():
            view = look(f"{alliance.url}/#/{page}", size, scheme, tools=True)
            view.wait("window.commonwheel?.link.state === 'open'")
            view.wait("document.querySelector('#page').innerText.trim().length > 40")
            if page == "alliance":
                view.ready()
        assert not too_wide(view), f"{page} {size} {scheme}"
        assert faults_of(view) == [], f"{page} {size} {scheme}"
        assert view.complaints == []
        assert {request.split("/")[2] for request in view.requests} == {str(alliance.running.endpoint)}
        view.page.context.close()


def test_pages_are_reached_by_keyboard_and_the_heading_takes_the_focus(
    alliance: Alliance, look: Callable[..., View]
) -> None:
    view = look(alliance.url)
    page = view.page
    view.wait("window.commonwheel?.link.state === 'open'")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.locator("nav a", has_text="Apps").focus()
    page.keyboard.press("Enter")
    view.wait("document.activeElement.id === 'title'")
    assert page.locator("h1").inner_text() == "Apps"
    assert page.locator("nav a[aria-current=page]").inner_text() == "Apps"
    page.go_back()
    view.wait("document.querySelector('h1').textContent === 'Alliance'")
    page.goto(f"{alliance.url}/#/no/such/page?%")
    view.wait("document.querySelector('h1').textContent === 'Alliance'")
    assert view.complaints == []


def test_a_page_looks_the_same_whichever_was_shown_before(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(f"{alliance.url}/#/alliance")
    view.wait("document.querySelector('canvas.flow') !== null")
    used = "[...document.querySelectorAll('link[id^=style-]')].filter(n => matchMedia(n.media).matches).map(n => n.id)"
    for name in ("Traffic", "Alliance"):
        view.page.locator("nav a", has_text=name).click()
        view.wait(f"document.querySelector('h1').textContent === '{name}'")
        assert view.page.evaluate(used) == [f"style-{name.lower()}"]
    view.page.locator("nav a", has_text="Traffic").click()
    view.page.get_by_role("button", name="Flowing").click()
    view.page.locator("table.flow").wait_for()
    assert view.page.evaluate("getComputedStyle(document.querySelector('table.flow')).display") == "table"


def test_the_choice_of_colours_is_remembered(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(alliance.url, scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = view.page.evaluate(background)
    button = view.page.locator("#theme")
    while "dark" not in (button.get_attribute("aria-label") or ""):
        button.click()
    dark = view.page.evaluate(background)
    assert dark != light
    view.page.reload()
    view.page.wait_for_selector("#theme[aria-label='Colours: dark']")
    assert view.page.evaluate(background) == dark


def test_a_page_that_is_cut_off_says_so_and_comes_back_by_itself(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(alliance.url)
    with alliance.driving():
        view.ready()
        alliance.running.down()
        view.page.wait_for_selector("#banner:not([hidden])")
        assert "Not connected" in view.page.locator("#banner").inner_text()
        assert view.page.locator("#link").inner_text().strip() == "not connected"
        assert view.page.evaluate("getComputedStyle(document.querySelector('#page')).filter") != "none"
        before = view.page.evaluate("commonwheel.link.updates")
        alliance.running.up()
        view.wait(f"commonwheel.link.updates > {before} + 3")
    assert view.page.locator("#banner").is_hidden()
    assert view.page.locator("#link").inner_text().strip() == "live"
    refused = [text for text in view.complaints if "ERR_CONNECTION_REFUSED" not in text]
    assert refused == []


def test_a_page_that_nobody_sees_is_sent_nothing(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(alliance.url)
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    with alliance.driving():
        view.ready()
        view.page.evaluate(hide, True)  # noqa: FBT003 - the argument of a function of the page's
        seen = """new Promise(done => {
            const start = commonwheel.link.updates;
            setTimeout(() => done(commonwheel.link.updates - start), 600);
        })"""
        view.page.evaluate(seen)  # what was under way
        assert view.page.evaluate(seen) == 0
        view.page.evaluate(hide, False)  # noqa: FBT003
        before = view.page.evaluate("commonwheel.link.updates")
        view.wait(f"commonwheel.link.updates > {before} + 2")


def test_a_token_is_asked_for_kept_in_the_tab_and_never_in_an_address(look: Callable[..., View]) -> None:
    tokens = Tokens()
    tokens.add("secret-of-mine", "read")
    scene = scene_of({"nissan": NAMES["nissan"]}, [])
    with Running(scene, Access(tokens)) as running:
        view = look(running.url, tools=True)
        page = view.page
        page.wait_for_selector("#token")
        assert faults_of(view) == []
        page.fill("#token", "not this one")
        page.keyboard.press("Enter")
        view.wait("document.querySelector('#token-why')?.textContent.includes('not valid')")
        page.fill("#token", " secret-of-mine ")
        page.keyboard.press("Enter")
        page.wait_for_selector(".car")
        page.reload()
        page.wait_for_selector(".car")
        assert not [one for one in view.requests if "secret" in one]
        assert json.loads(page.evaluate("JSON.stringify({...localStorage})")) == {}
        tokens.known.clear()
        running.restart()
        page.wait_for_selector("#token")
        page.context.close()
        until(lambda: not running.server.facts()["clients"])
    wired(scene.cars[0]).stop()
