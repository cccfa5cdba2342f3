"""The Alliance page: three cars in the same instruments, the bits underneath, and no growth."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from commonwheel.apps.status import AppState
from commonwheel.gateway.config import Settings
from commonwheel.web.scene import Scene
from tests.web.conftest import PHONE, Alliance, View
from tests.web.stage import ANGLE, NAMES, SPEED, Running, live_car, until, wired

pytestmark = pytest.mark.browser

_SPEEDS = "[...document.querySelectorAll('.dial.role-speed')].map(n => n.getAttribute('aria-valuetext'))"


def test_every_car_shows_the_same_drive_and_the_bits_that_carry_it(
    alliance: Alliance, look: Callable[..., View]
) -> None:
    view = look(alliance.url)
    view.wait("window.commonwheel?.link.updates > 0")
    alliance.drive(speed=64.0, angle=-90.0, pedal=40.0)
    view.wait(f"{_SPEEDS}.length === 3 && {_SPEEDS}.every(text => text === '64 km/h')")
    page = view.page
    assert [one.inner_text() for one in page.locator(".car h2").all()] == [
        "Honda Civic Hatchback", "Mitsubishi i-MiEV", "Nissan Leaf",
    ]  # fmt: skip
    wheels = page.locator(".wheel-text").all_inner_texts()
    assert wheels == ["90° right"] * 3
    pedals = page.locator(".bar-gauge.role-accelerator .bar-text").all_inner_texts()
    assert pedals == ["40 %"] * 3
    first = page.locator(".lane:first-child").all()
    patterns = {one.locator(".hex").inner_text().replace("\n", " ") for one in first}
    assert len(patterns) == 3  # the same speed in three byte patterns
    sums = [one.locator(".sum").first.inner_text() for one in first]
    assert all(" = 64.0" in one for one in sums), sums
    assert "carry" not in page.locator(".counts").first.inner_text()
    drawn = page.evaluate(
        """[...document.querySelectorAll('.lane:first-child .flow')].map(canvas => {
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, 12).data;
            return new Set(Array.from({length: data.length / 4}, (_, i) => data.slice(i * 4, i * 4 + 3).join())).size;
        })"""
    )
    assert all(colours >= 3 for colours in drawn), drawn
    assert view.complaints == []


def test_a_broker_without_a_car_is_shown_as_one(look: Callable[..., View]) -> None:
    car = live_car("")
    with Running(Scene(Settings(), (car,))) as running:
        view = look(running.url)
        view.wait("document.querySelector('.car .chip')?.textContent.includes('no values')")
        assert "others give this car its values" in view.page.locator(".car").inner_text()
        box = view.page.locator(".cluster").bounding_box()
        assert box is not None
        assert box["width"] < 520, "a car alone has no larger instruments than one of three"
        car.broker.publish_values({car.broker.table.number(SPEED): 88.0})
        view.wait(f"{_SPEEDS}[0] === '88 km/h'")
        assert "1 signal good" in view.page.locator(".car .chip").first.inner_text()
        assert view.complaints == []
        view.page.context.close()
        until(lambda: not running.server.facts()["clients"])


def test_what_is_late_is_told_in_words(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(alliance.url)
    alliance.drive()
    view.ready()
    nissan = wired(alliance.scene.car("nissan"))
    nissan.expire()
    view.wait("document.querySelectorAll('.dial.role-speed')[2].innerText.includes('stale')")
    assert "stale" in view.page.locator(".car").nth(2).locator(".chip").first.inner_text()
    assert "not-good" in (view.page.locator(".car").nth(2).locator(".dial.role-speed").get_attribute("class") or "")
    assert "stale" not in view.page.locator(".car").nth(0).locator(".dial.role-speed").inner_text()
    view.wait("document.querySelector('#said').textContent.includes('stale')")
    alliance.drive()
    view.wait("!document.querySelectorAll('.dial.role-speed')[2].innerText.includes('stale')")


def test_one_signal_can_be_seen_alone(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(alliance.url, PHONE)
    alliance.drive()
    view.ready()
    chip = view.page.locator(".legend button", has_text="speed")
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    assert view.page.locator(".hex .owned.faint").count() > 0
    assert view.page.locator(".hex .role-speed.faint").count() == 0
    view.page.evaluate("commonwheel.link.socket.close()")
    view.wait("commonwheel.link.state === 'lost'")
    view.wait("commonwheel.link.state === 'open' && document.querySelectorAll('.hex .owned.faint').length > 0")
    assert chip.get_attribute("aria-pressed") == "true"
    chip.click()
    assert view.page.locator(".hex .faint").count() == 0


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_nothing_reaches_beyond_a_card(alliance: Alliance, look: Callable[..., View], width: int) -> None:
    view = look(alliance.url, (width, 844))
    alliance.drive()
    view.ready()
    beyond = """[...document.querySelectorAll('.car')].flatMap(card => {
        const edge = card.getBoundingClientRect().right - parseFloat(getComputedStyle(card).paddingRight) + 1;
        return [...card.querySelectorAll('.chip, .dial, .pedals, .wheel, .picture, .sum, .outputs')]
            .filter(node => node.getBoundingClientRect().right > edge).map(node => node.className);
    })"""
    assert view.page.evaluate(beyond) == []


def test_what_apps_put_out_stands_under_their_car(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(alliance.url)
    for km, app in enumerate(alliance.apps, 1):
        app.status.state = AppState.RUNNING
        app.show(distance=float(km), stops=7)
    alliance.drive()
    view.wait("document.querySelectorAll('.car-apps dd').length === 6")
    shown = [one.all_inner_texts() for one in (car.locator(".car-apps dd") for car in view.page.locator(".car").all())]
    assert shown == [[f"{km}.00\u00a0km", "7"] for km in (1, 2, 3)]


def test_the_page_does_not_grow_however_long_it_is_open(alliance: Alliance, look: Callable[..., View]) -> None:
    """Updates as fast as they go: the heap after a collection, and the count of nodes, stay as they are."""
    view = look(alliance.url)
    alliance.drive()
    view.ready()
    tools = view.page.context.new_cdp_session(view.page)

    def measure() -> tuple[float, int]:
        tools.send("HeapProfiler.collectGarbage")
        counts = tools.send("Memory.getDOMCounters")
        return view.page.evaluate("performance.memory?.usedJSHeapSize ?? 0"), counts["nodes"]

    replay = """async ([updates]) => {
        const link = commonwheel.link;
        const [id] = [...link.views.keys()];
        const byte = n => (n & 255).toString(16).padStart(2, '0');
        const bytes = n => Array.from({length: 8}, (_, i) => byte(n * 31 + i * 17)).join('');
        for (let n = 0; n < updates; n += 1) {
            const change = {};
            const outputs = {distance: [n / 7, 'km', 'float']};
            for (const name of ['honda', 'mitsubishi', 'nissan']) change[name] = {
                values: {speed: [n % 140, +(n % 50 === 0)], steering: [(n % 400) - 200, 0], gear: [n % 2 ? 127 : 0, 0]},
                frames: {0: [[bytes(n), bytes(n + 1)], n, [n % 65536]], 1: [[bytes(n)], n, [n]]},
                facts: {rate: n, lost: n % 3},
                apps: [{name: 'trip', state: 'running', outputs, event: null, missing: 0}],
            };
            link.heard(JSON.stringify({type: 'update', n: 1e6 + n, t_ns: n * 1e6, views: [[id, change]]}));
            link.draw();
            if (n % 100 === 0) await new Promise(done => setTimeout(done));
        }
    }"""
    view.page.evaluate(replay, [300])
    heap, nodes = measure()
    view.page.evaluate(replay, [1500])
    heap_after, nodes_after = measure()
    assert nodes_after <= nodes + 20
    assert heap_after < heap + 700_000
    assert view.page.evaluate("commonwheel.link.views.size") == 1


def test_numbers_follow_while_frames_come_fast(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(alliance.url)
    alliance.drive()
    view.ready()
    for step in range(1, 31):
        for name in NAMES:
            wired(alliance.scene.car(name)).drive({SPEED: 2.0 * step, ANGLE: 0.0}, ms=400)
    view.wait(f"{_SPEEDS}.every(text => text === '60 km/h')")
    assert view.complaints == []
