"""The Signals page: what is on the screen is live, and one signal is told to the last bit."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from commonwheel.broker.access import Access
from commonwheel.vehicles import Quality
from commonwheel.web.signal_values import shown
from tests.web.conftest import PHONE, Alliance, View
from tests.web.stage import ANGLE, NAMES, SPEED, Page, Running, Tokens, WiredCar, live_car, scene_of, until, wired

LEAF = {"leaf": NAMES["nissan"]}
GEAR = "Vehicle.Powertrain.Transmission.SelectedGear"
POWER = "Vehicle.Powertrain.TractionBattery.CurrentPower"
STATE = "Vehicle.LowVoltageSystemState"
ABSENT = "Vehicle.ADAS.ABS.IsEngaged"
"""A signal of the standard that the Leaf's description has no row for."""


@pytest.fixture
def leaf() -> Iterator[Running]:
    with Running(scene_of(LEAF)) as running:
        yield running
    wired(running.scene.cars[0]).stop()


def car_of(running: Running) -> WiredCar:
    return wired(running.scene.cars[0])


def numbers_of(first: dict[str, Any]) -> dict[str, int]:
    return {row[1]: row[0] for row in first["signals"]}


def wait_for(page: Page, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    while True:
        change = page.update().get(1)
        if change and holds(change):
            return change


def test_every_signal_is_listed_with_what_this_car_does_about_it(leaf: Running) -> None:
    with leaf.page() as page:
        rows = {row[1]: row for row in page.open("signals", car="leaf")["signals"]}
    assert len(rows) == len(leaf.scene.cars[0].broker.table)
    _, _, unit, datatype, kind, given, asked, evidence, decimals = rows[SPEED]
    assert (unit, datatype, kind, given, asked, evidence, decimals) == (
        "km/h", "float", "sensor", 1, 0, "documented", 2
    )  # fmt: skip
    assert rows[ABSENT][5] == 0


def test_values_are_sent_for_what_is_on_the_screen_and_no_more(leaf: Running) -> None:
    with leaf.page() as page:
        numbers = numbers_of(page.open("signals", car="leaf"))
        page.say(type="tell", id=1, params={"car": "leaf", "shown": [numbers[SPEED], numbers[ANGLE]], "past": []})
        first = wait_for(page, lambda change: change["rows"])
        assert {row[0]: row[2] for row in first["rows"]} == {
            numbers[SPEED]: Quality.MISSING, numbers[ANGLE]: Quality.MISSING
        }  # fmt: skip
        car_of(leaf).drive({SPEED: 50.0, ANGLE: -10.0, "Vehicle.Chassis.Accelerator.PedalPosition": 3.0})
        rows: dict[int, list[Any]] = {}
        while rows.get(numbers[SPEED], [0, 0, 4])[2] or rows.get(numbers[ANGLE], [0, 0, 4])[2]:
            rows |= {row[0]: row for row in page.update().get(1, {}).get("rows", [])}
        assert set(rows) == {numbers[SPEED], numbers[ANGLE]}
        assert rows[numbers[SPEED]][1] == pytest.approx(50.0, abs=0.01)
        assert abs(rows[numbers[SPEED]][3] / 1000 - time.time()) < 60
        car_of(leaf).expire()
        stale = wait_for(page, lambda change: any(row[2] == Quality.STALE for row in change["rows"]))
        assert stale["rows"][0][1] == pytest.approx(50.0, abs=0.01)


def test_rates_are_measured(leaf: Running) -> None:
    """Speed comes in a message of 20 ms: while it is sent, fifty times a second."""
    with leaf.page() as page:
        numbers = numbers_of(page.open("signals", car="leaf"))
        page.say(type="tell", id=1, params={"car": "leaf", "shown": [numbers[SPEED]], "past": []})
        end = time.monotonic() + 20
        rate = 0.0
        while rate == 0.0 and time.monotonic() < end:
            car_of(leaf).drive({SPEED: 50.0})
            change = page.update().get(1)
            rate = change["rows"][0][4] if change and change["rows"] else rate
        assert rate > 0


def test_a_row_begins_with_its_recent_past(leaf: Running) -> None:
    for speed in range(10, 20):
        car_of(leaf).drive({SPEED: float(speed)})
    with leaf.page() as page:
        numbers = numbers_of(page.open("signals", car="leaf"))
        asked = [numbers[SPEED], numbers[STATE]]
        page.say(type="tell", id=1, params={"car": "leaf", "shown": asked, "past": asked})
        past = wait_for(page, lambda change: "past" in change)["past"]
    points = past[str(numbers[SPEED])]
    assert points[-1][1] == pytest.approx(19.0, abs=0.02)
    assert len(points) <= 100
    assert {value for _, value in points} > {points[-1][1]}


@pytest.mark.parametrize(
    ("pattern", "some"),
    [("Vehicle.Chassis.**.Speed", "Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed"), ("Vehicle.Speed", SPEED)],
)
def test_patterns_are_those_of_subscriptions(leaf: Running, pattern: str, some: str) -> None:
    with leaf.page() as page:
        found = page.ask("signals.match", car="leaf", pattern=pattern)["value"]["numbers"]
    table = leaf.scene.cars[0].broker.table
    assert table.number(some) in found
    assert found == table.match(pattern)


@pytest.mark.parametrize("pattern", ["Vehicle..Speed", "Vehicle.Spe*", "Vehicle.No.*", "x" * 3000, "Vehicle.Sped"])
def test_a_pattern_that_is_none_says_why(leaf: Running, pattern: str) -> None:
    with leaf.page() as page:
        answer = page.ask("signals.match", car="leaf", pattern=pattern)
    assert answer["type"] == "denied"
    assert len(answer["message"]) > 20


def test_one_signal_is_told_from_its_bits_to_the_standard(leaf: Running) -> None:
    with leaf.page() as page:
        first = page.open("signal", car="leaf", path=SPEED)
        assert first["about"]["unit"] == "km/h"
        assert first["row"]["file"] == "nissan/leaf_gen1/vehicle.yaml"
        assert first["row"]["text"].startswith("Vehicle.Speed:")
        assert first["row"]["evidence"].startswith("documented")
        assert [message["bus"] for message in first["messages"]] == ["ev", "car"]
        car_of(leaf).drive({SPEED: 50.0})
        change = wait_for(page, lambda change: change.get("frames", [None])[0])
        carrier, step = first["carriers"][0], change["steps"][0]
        assert step["raw"] * carrier["factor"] + carrier["offset"] == pytest.approx(change["value"], abs=1e-9)
        field = first["messages"][0]["fields"][carrier["field"]]
        assert change["frames"][0]["owners"].count(carrier["field"]) == field["length"]
        bits = "".join(f"{byte:08b}" for byte in bytes.fromhex(change["frames"][0]["payload"]))
        own = "".join(bit for bit, owner in zip(bits, change["frames"][0]["owners"], strict=True)
                      if owner == carrier["field"])  # fmt: skip
        assert int(own, 2) == step["raw"]


def test_an_enumeration_tells_the_code(leaf: Running) -> None:
    with leaf.page() as page:
        first = page.open("signal", car="leaf", path=GEAR)
        codes = dict(map(tuple, first["carriers"][0]["codes"]))
        assert set(codes.values()) == {126, -1, 0, 127}
        car_of(leaf).drive({GEAR: 127.0})
        change = wait_for(page, lambda change: change["value"] == 127)
        assert codes[change["steps"][0]["raw"]] == 127
        assert change["steps"][0]["value"] == 127


def test_inputs_of_a_computed_signal_are_shown_as_inputs(leaf: Running) -> None:
    with leaf.page() as page:
        first = page.open("signal", car="leaf", path="Vehicle.TraveledDistance")
        assert [carrier["direct"] for carrier in first["carriers"]] == [False, False]
        assert first["row"]["how"] == "compute"
        assert page.open("signal", 2, car="leaf", path=POWER)["carriers"]


def test_a_signal_that_the_car_lacks_has_no_row(leaf: Running) -> None:
    with leaf.page() as page:
        first = page.open("signal", car="leaf", path=ABSENT)
        assert first["row"] is None
        assert first["owner"] is None
        assert page.update()[1]["quality"] == Quality.MISSING


def test_a_broker_without_a_car_is_shown_too() -> None:
    scene = scene_of({})
    scene = type(scene)(scene.settings, (live_car(""),))
    with Running(scene) as running, running.page() as page:
        numbers = numbers_of(page.open("signals", car=""))
        page.say(type="tell", id=1, params={"car": "", "shown": [numbers[SPEED]], "past": []})
        running.scene.cars[0].broker.publish_values({numbers[SPEED]: 12.5})
        wait_for(page, lambda change: any(row[1] == 12.5 for row in change["rows"]))
        assert page.open("signal", 2, car="", path=SPEED)["row"] is None
        page.say(type="open", id=3, view="traffic", params={"car": ""})
        assert "no buses" in page.hear("failed")["message"]


def test_only_what_may_be_read_is_listed() -> None:
    tokens = Tokens()
    tokens.add("speed", "read:Vehicle.Speed")
    with Running(scene_of(LEAF), Access(tokens)) as running, running.page("speed") as page:
        first = page.open("signals", car="leaf")
        assert [row[1] for row in first["signals"]] == [SPEED]
        angle = running.scene.cars[0].broker.table.number(ANGLE)
        page.say(type="tell", id=1, params={"car": "leaf", "shown": [angle], "past": [angle]})
        car_of(running).drive({SPEED: 1.0, ANGLE: 2.0})
        page.say(type="open", id=2, view="signal", params={"car": "leaf", "path": ANGLE})
        assert "may not read" in page.hear("failed")["message"]
        assert page.ask("signals.match", car="leaf", pattern=ANGLE)["type"] == "denied"
        page.say(type="tell", id=1, params={"car": "leaf", "shown": [running.scene.cars[0].broker.table.number(SPEED)]})
        seen = wait_for(page, lambda change: change["rows"])
        assert {row[0] for row in seen["rows"]} == {running.scene.cars[0].broker.table.number(SPEED)}
    car_of(running).stop()


def test_subscriptions_are_given_back(leaf: Running) -> None:
    broker = leaf.scene.cars[0].broker
    with leaf.page() as page:
        page.open("signals", car="leaf")
        page.open("signal", 2, car="leaf", path=SPEED)
        assert len(broker.readers) == 1
        assert car_of(leaf).listeners == 1
    until(lambda: not broker.readers and not car_of(leaf).listeners, "all is given back")


@pytest.mark.parametrize(
    "params",
    [{"shown": "x"}, {"shown": list(range(500))}, {"shown": [-1, 10**9], "past": [10**9]}, {"shown": [1.5]}],
)
def test_questions_that_make_no_sense_harm_nobody(leaf: Running, params: dict[str, object]) -> None:
    with leaf.page() as page:
        page.open("signals", car="leaf")
        page.say(type="tell", id=1, params={"car": "leaf", **params})
        assert page.open("signals", 2, car="leaf")["signals"]


def test_a_view_that_is_refused_holds_nothing(leaf: Running) -> None:
    with leaf.page() as page:
        page.say(type="open", id=1, view="signals", params={"car": "leaf", "shown": list(range(500))})
        assert page.hear("failed")["reason"] == "limit exceeded"
        assert not leaf.scene.cars[0].broker.readers


def test_values_are_shown_as_fine_as_the_car_gives_them() -> None:
    table = live_car("").broker.table
    gear, state = table[table.number(GEAR)], table[table.number(STATE)]
    speed, brand = table[table.number(SPEED)], table[table.number("Vehicle.VehicleIdentification.Brand")]
    assert shown(speed, 12.345678, None) == 12.345678
    assert shown(speed, float("nan"), None) is None
    assert shown(gear, 127.0, None) == 127
    assert shown(state, float(state.leaf.allowed.index("ON")), None) == "ON"
    assert shown(brand, float("nan"), "x" * 500) == "x" * 200 + "…"


# ---- in a browser ---------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_the_tree_is_searched_and_walked_by_keyboard(alliance: Alliance, look: Callable[..., View]) -> None:
    with alliance.driving():
        view = look(f"{alliance.url}/#/signals/nissan", tools=True)
        page = view.page
        row = page.locator(".grid-row").filter(has_text="SteeringWheel.Angle")
        page.locator("#find-signal").fill("steering angle")
        row.locator(".quality", has_text="good").wait_for()
        before = row.locator(".value").inner_text()
        page.wait_for_function(
            "(before) => document.querySelector('.grid-row .value').innerText !== before", arg=before
        )
        page.locator("#find-signal").fill("Vehicle.Chassis.**.Speed")
        page.locator(".hint", has_text="4 of").wait_for()
        page.locator("#find-signal").fill("Vehicle.Spe*")
        page.locator(".hint.bad", has_text="asterisk").wait_for()
        page.locator("#find-signal").fill("")
        page.locator(".hint", has_text=re.compile(r"\b([1-9]\d*) of \1\b")).wait_for()
        grid = page.locator("[role=treegrid]")
        grid.focus()
        page.keyboard.press("Home")
        page.keyboard.type("sp")
        active = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))"
        assert page.evaluate(f"{active}.querySelector('.name').textContent") == "Speed"
        page.keyboard.press("Home")
        page.keyboard.type("body")
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(f"{active}.getAttribute('aria-expanded')") == "false"
        page.keyboard.press("End")
        page.wait_for_function(f"{active} !== null")
        page.keyboard.press("Home")
        page.keyboard.type("speed")
        page.keyboard.press("Enter")
        panel = page.locator("section[aria-label='One signal']")
        panel.locator("h2", has_text="Speed").wait_for()
        panel.locator(".sum", has_text="× 0.01 =").first.wait_for()
        assert "Vehicle.Speed" in page.url
        panel.locator("h2").click()
        page.keyboard.press("Escape")
        panel.wait_for(state="hidden")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "treegrid"
        assert view.complaints == []


@pytest.mark.browser
def test_hundreds_of_signals_need_few_nodes(alliance: Alliance, look: Callable[..., View]) -> None:
    """The whole standard is listed; the document holds what fits on the screen, wherever it is scrolled to."""
    view = look(f"{alliance.url}/#/signals/mitsubishi?all=1&q=e", PHONE, tools=True)
    page = view.page
    page.wait_for_function("Number(document.querySelector('[role=treegrid]')?.getAttribute('aria-rowcount')) > 800")
    count = "document.querySelectorAll('*').length"
    before = page.evaluate(count)
    for _ in range(5):
        page.evaluate("document.querySelector('.grid').scrollTop += 4000")
        page.wait_for_function("document.querySelectorAll('.grid-row:not([hidden])').length > 5")
    assert page.evaluate(count) <= before + 20
    assert before < 900
    page.evaluate("document.querySelector('.grid').scrollTop = 1e9")
    page.wait_for_function(
        "[...document.querySelectorAll('.grid-row')].some((row) => row.getAttribute('aria-rowindex') === "
        "document.querySelector('.grid').getAttribute('aria-rowcount'))"
    )
    assert view.complaints == []


@pytest.mark.browser
def test_the_panel_shows_the_bits_of_the_value_and_the_frame_s_age(
    alliance: Alliance, look: Callable[..., View]
) -> None:
    with alliance.driving():
        view = look(f"{alliance.url}/#/signals/honda/Vehicle.Speed", PHONE, tools=True)
        panel = view.page.locator("section[aria-label='One signal']")
        panel.locator(".bits i.c0").first.wait_for()
        sum_text = panel.locator(".sum span").first.inner_text()
        raw, value = (float(part) for part in (sum_text.split(" ")[0], sum_text.split("= ")[1].split(" ")[0]))
        assert raw * 0.01 == pytest.approx(value)
        assert panel.locator("pre").inner_text().startswith("Vehicle.Speed")
        assert panel.locator(".bits").get_attribute("aria-label")
    view.page.wait_for_function("document.querySelector('.now-value .num').innerText.startsWith('1')")
    for car in alliance.scene.cars:
        wired(car).expire()
    panel.locator(".chip", has_text="stale").wait_for()
    assert view.complaints == []
