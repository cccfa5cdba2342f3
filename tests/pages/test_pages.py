"""Pages in a real browser: quiet, alone, readable at every width, and their values at hand for mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from commonwheel.report import Axis, Chart, Panel, Series, figure, page, write

PAGES = ("tour", "compare", "plot", "reference")
DESKTOP, PHONE = (1280, 900), (390, 844)
Look = Callable[..., Any]

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("scheme", "size"), [("light", DESKTOP), ("dark", PHONE)], ids=["light-desktop", "dark-phone"])
def test_a_page_is_quiet_alone_and_fits(
    written: dict[str, Path], look: Look, tmp_path: Path, name: str, size: tuple[int, int], scheme: str
) -> None:
    """No errors, no request but the page itself, no sideways scrolling; a screenshot is left to look at."""
    view = look(written[name], size, scheme)
    view.page.wait_for_load_state()
    view.page.screenshot(path=tmp_path / f"{name}-{size[0]}-{scheme}.png", full_page=True)
    assert view.messages == []
    assert [url for url in view.requests if not url.startswith("data:")] == [written[name].as_uri()]
    assert view.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert view.page.locator("h1").is_visible()
    assert "Commonwheel" in view.page.inner_text("header")


@pytest.mark.parametrize("name", PAGES)
def test_text_is_there_without_scripts(written: dict[str, Path], look: Look, name: str) -> None:
    view = look(written[name], scripts=False)
    assert len(view.page.inner_text("main")) > 500
    assert view.page.locator("header svg").is_visible()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_overflows_its_card_on_a_phone(written: dict[str, Path], look: Look, name: str) -> None:
    """What is too wide scrolls within its own frame."""
    view = look(written[name], PHONE)
    wide = view.page.evaluate(
        """() => [...document.querySelectorAll('main *')].filter((e) => !e.closest('.scroll') && !e.closest('svg')
             && !e.closest('.sr') && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML)"""
    )
    assert wide == []


@pytest.mark.parametrize(("scheme", "darker"), [("light", False), ("dark", True)])
def test_colours_follow_the_system(written: dict[str, Path], look: Look, scheme: str, darker: bool) -> None:  # noqa: FBT001 - a parameter
    view = look(written["plot"], DESKTOP, scheme)
    color = view.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in color.strip("rgb()").split(",")) < 200) is darker


def test_paper_is_light_and_has_no_controls(written: dict[str, Path], look: Look) -> None:
    view = look(written["compare"], DESKTOP, "dark", media="print")
    ink = view.page.evaluate("getComputedStyle(document.body).color")
    assert ink == "rgb(23, 27, 33)"
    assert not view.page.locator("#find").is_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_pointer_shows_values(written: dict[str, Path], look: Look, size: tuple[int, int]) -> None:
    view = look(written["plot"], size)
    panel = view.page.locator("figure.chart .panel").first
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    view.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    reading = panel.locator("svg:visible .now")
    assert reading.is_visible()
    assert float(reading.text_content().replace("−", "-")) > 1
    assert view.page.locator(".axis svg:visible .when").text_content().endswith(" s")
    view.page.mouse.move(2, 2)
    assert not reading.is_visible()


def test_the_arrow_keys_read_values_aloud(written: dict[str, Path], look: Look) -> None:
    view = look(written["plot"])
    chart = view.page.locator("figure.chart")
    chart.focus()
    view.page.keyboard.press("End")
    said = chart.locator("output").text_content()
    assert "Speed 0 km/h" in said
    assert "SelectedGear park" in said
    view.page.keyboard.press("Home")
    view.page.keyboard.press("Shift+ArrowRight")
    first = chart.locator("output").text_content()
    view.page.keyboard.press("ArrowLeft")
    assert chart.locator("output").text_content() != first
    view.page.keyboard.press("Escape")
    assert not chart.locator(".panel svg:visible .now").first.is_visible()
    assert view.messages == []


def test_many_lines_show_their_range(look: Look, tmp_path: Path) -> None:
    t = np.linspace(0, 9, 10)
    cells = tuple(Series.of(str(i), t, t * 0 + 3.6 + i / 100) for i in range(12))
    chart = Chart("Cells", (Panel("Voltage", cells, "V"),), Axis(0, 9))
    write(tmp_path / "cells.html", page("Cells", figure(chart), scripts=("chart.js",)))
    view = look(tmp_path / "cells.html")
    view.page.locator("figure.chart").focus()
    view.page.keyboard.press("End")
    assert view.page.locator("svg.wide .now").text_content() == "3.6 … 3.71"


def test_the_tour_s_curves_agree_under_the_pointer(written: dict[str, Path], look: Look) -> None:
    """Driven, Honda, Nissan and Mitsubishi read the same speed to the wire's steps."""
    view = look(written["tour"])
    panel = view.page.locator("figure.chart .panel").first
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    view.page.mouse.move(box["x"] + box["width"] * 0.36, box["y"] + 60)
    values = [float(text) for text in panel.locator("svg:visible .now tspan").all_text_contents()]
    assert len(values) == 4
    assert max(values) - min(values) < 0.3
    assert values[0] > 70


def test_a_cell_explains_itself_to_the_pointer(written: dict[str, Path], look: Look) -> None:
    view = look(written["compare"])
    cell = view.page.locator("#matrix tr:has-text('Chassis.SteeringWheel.Angle') td.v").first
    cell.scroll_into_view_if_needed()
    cell.hover()
    tip = view.page.locator("#tip")
    assert tip.is_visible()
    assert "read from" in tip.inner_text()
    assert "verified (" in tip.inner_text()
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= DESKTOP[0]
    view.page.mouse.move(2, 2)
    assert not tip.is_visible()


def test_a_cell_explains_itself_to_the_keyboard(written: dict[str, Path], look: Look) -> None:
    view = look(written["compare"])
    view.page.locator("#differ").focus()
    view.page.keyboard.press("Tab")
    tip = view.page.locator("#tip")
    assert "VehicleIdentification.Brand" in tip.inner_text()
    first = tip.inner_text()
    view.page.keyboard.press("ArrowRight")
    assert tip.inner_text() != first
    for _ in range(30):
        view.page.keyboard.press("ArrowDown")
    assert tip.is_visible()
    held = view.page.evaluate(
        "[document.activeElement.tagName, document.activeElement.getAttribute('aria-describedby')]"
    )
    assert held == ["TD", "tip"]
    view.page.keyboard.press("Escape")
    assert not tip.is_visible()


def test_the_box_finds_signals(written: dict[str, Path], look: Look) -> None:
    view = look(written["compare"])
    rows = view.page.locator("#matrix tr[data-r]:visible")
    everything = rows.count()
    view.page.fill("#find", "wheel speed")
    found = rows.all_inner_texts()
    assert 0 < len(found) < everything
    assert all("wheel" in text.lower() and "speed" in text.lower() for text in found)
    assert view.page.locator("#count").inner_text() == f"{len(found)} of {everything} rows"
    view.page.fill("#find", "no such signal")
    assert rows.count() == 0
    assert view.page.locator("#matrix .head:visible").count() == 0
    view.page.fill("#find", "")
    view.page.check("#differ")
    assert 0 < rows.count() < everything
    assert "VehicleIdentification.Brand" not in view.page.inner_text("#matrix")


def test_headings_stay_in_sight_while_the_matrix_scrolls(written: dict[str, Path], look: Look) -> None:
    view = look(written["compare"], PHONE)
    frame = view.page.locator(".matrix")
    frame.scroll_into_view_if_needed()
    frame.evaluate("e => { e.scrollTop = 900; e.scrollLeft = 150; }")
    outer, corner = frame.bounding_box(), view.page.locator("#matrix .corner").bounding_box()
    assert abs(outer["x"] - corner["x"]) < 3
    assert abs(outer["y"] - corner["y"]) < 3


def test_a_reference_is_filtered_and_its_fields_light_up(written: dict[str, Path], look: Look) -> None:
    """A box finds signals and messages; a field's row lights its bits, in every byte; links show what was hidden."""
    page = look(written["reference"]).page
    page.locator("#find").fill("0x1db")
    assert page.locator(".message:not(.hide)").count() == 1
    assert page.locator("#count").inner_text().startswith("0 of")
    message = page.locator(".message:not(.hide)")
    message.get_by_role("rowheader", name="d Voltage").hover()
    lit = message.locator(".byte .lit")
    assert lit.count() == 2
    assert {one.get_attribute("title") for one in lit.all()} == {"Voltage"}
    page.evaluate("location.hash = '#s-Vehicle.Powertrain.ElectricMotor.Speed'")
    target = page.locator("[id='s-Vehicle.Powertrain.ElectricMotor.Speed']")
    page.locator("#signals tr").filter(has=target).wait_for(state="visible")
    assert page.locator("#find").input_value() == ""
