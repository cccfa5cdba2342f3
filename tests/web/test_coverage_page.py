"""The Coverage page: every cell as the descriptions have it, and able to say why; the reference pages of the cars."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from commonwheel.apps.loading import load_app
from commonwheel.apps.matrix import matrix
from commonwheel.control.capabilities import served_by
from commonwheel.vehicles import car_names, load_vehicle
from commonwheel.vehicles.compare import offer_of
from tests.web.conftest import PHONE, Alliance, View
from tests.web.stage import NAMES, FakeApp, Running, manifest, scene_of, wired


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A service of a variant of a car, with an app of its own."""
    apps = [FakeApp("van", manifest("parcels", requires={"Vehicle.Speed": 0.0, "Vehicle.Body.Hood.IsOpen": 0.0}))]
    with Running(scene_of({"van": "nissan/leaf_aze0:e_nv200"}, apps)) as made:
        yield made
    wired(made.scene.cars[0]).stop()


@pytest.fixture(scope="module")
def covered(running: Running) -> dict[str, Any]:
    with running.page() as page:
        return page.ask("coverage")["value"]


def test_the_service_s_cars_come_first_then_all_shipped_ones(covered: dict[str, Any]) -> None:
    names = [car["name"] for car in covered["cars"]]
    assert names[0] == "nissan/leaf_aze0:e_nv200"
    assert covered["cars"][0]["live"] == ["van"]
    assert names[1:] == [name for name in car_names() if ":" not in name]


def test_every_cell_is_what_the_car_s_description_offers(covered: dict[str, Any]) -> None:
    """Its ``vehicle.yaml``, and what its ``control.yaml`` lets it be asked for."""
    cars = [load_vehicle(car["name"]) for car in covered["cars"]]
    served = served_by(cars)
    seen = 0
    for group in covered["groups"]:
        for row in group["rows"]:
            for car, (kind, _, text) in zip(cars, row["cells"], strict=True):
                offer = offer_of(car, row["first"], served.get(car.name, {}).get(row["first"], ""))
                expected = "x" if offer is None else "r" if offer.how == "request" else offer.rests_on[0]
                assert kind == expected
                if offer is not None and offer.sources:
                    assert offer.sources[0] in covered["texts"][text]
                seen += 1
    assert seen > 1000


def test_how_much_of_a_profile_is_met_is_counted(covered: dict[str, Any]) -> None:
    core = next(group for group in covered["groups"] if group["name"] == "core")
    required = [row for row in core["rows"] if row["required"]]
    for i, (have, of, _, _) in enumerate(core["met"]):
        assert of == sum(row["count"] for row in required)
        assert have == sum(row["count"] for row in required if row["cells"][i][0] != "x")


def test_apps_are_held_against_every_car(covered: dict[str, Any]) -> None:
    """The service's own apps first, and each cell is the portability matrix's."""
    assert covered["apps"][0]["name"] == "parcels"
    assert {app["name"] for app in covered["apps"]} >= {"parcels", "trip"}
    trip = next(app for app in covered["apps"] if app["name"] == "trip")
    cars = [load_vehicle(car["name"]) for car in covered["cars"]]
    expected = matrix([load_app("trip").manifest], cars).rows[0]
    assert [cell["fitness"] for cell in trip["cells"]] == [cell.fitness.value for cell in expected]
    assert [[lack[1] for lack in cell["lacks"]] for cell in trip["cells"]] == [list(cell.missing) for cell in expected]
    lacking = covered["apps"][0]["cells"][0]
    assert lacking["fitness"] == "none"
    assert lacking["lacks"][0][:2] == ["requires", "Vehicle.Body.Hood.IsOpen"]


def test_a_cell_tells_its_row_or_why_there_is_none(running: Running) -> None:
    with running.page() as page:
        speed = page.ask("coverage.cell", vehicle="nissan/leaf_aze0:e_nv200", path="Vehicle.Speed")["value"]
        assert speed["row"]["file"] == "nissan/leaf_gen1/vehicle.yaml"
        assert "nissan/leaf_ze0" in speed["others"]
        none = page.ask("coverage.cell", vehicle="honda/civic_gen8", path="Vehicle.TraveledDistance")["value"]
        assert none["row"] is None
        assert none["told"] == "not offered"
        assert none["files"] == ["honda/common/vehicle.yaml", "honda/civic_gen8/vehicle.yaml"]
        fixed = page.ask("coverage.cell", vehicle="honda/e", path="Vehicle.Powertrain.Type")["value"]
        assert fixed["row"]["fixed"] == "ELECTRIC"


@pytest.mark.parametrize("params", [{}, {"vehicle": "no/car", "path": "Vehicle.Speed"}, {"vehicle": 1, "path": []}])
def test_cells_that_are_not_there_are_refused(running: Running, params: dict[str, object]) -> None:
    with running.page() as page:
        assert page.ask("coverage.cell", **params)["type"] == "denied"


# ---- reference pages ------------------------------------------------------------------------------------------------


def fetch(running: Running, path: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(f"{running.url}{path}", timeout=20) as answer:  # noqa: S310 - loopback
            return answer.status, answer.read().decode(), answer.headers["Content-Security-Policy"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), ""


def test_every_car_has_its_page_and_the_service_s_cars_too(running: Running) -> None:
    status, index, _ = fetch(running, "/cars/")
    assert status == 200
    links = re.findall(r'href="(/cars/[^"]+)"', index)
    assert links[0] == "/cars/nissan/leaf_aze0:e_nv200"
    assert len(links) == len([name for name in car_names() if ":" not in name]) + 1
    for link in links[:2]:
        status, html, policy = fetch(running, link)
        assert status == 200
        assert "sha256-" in policy
        assert "unsafe-inline" not in policy
        assert " style=" not in html


@pytest.mark.parametrize(
    "path",
    ["/cars/no/car", "/cars/nissan/common", "/cars/../../etc/passwd", "/cars/%2e%2e/x", "/cars/honda", "/cars/."],
)
def test_no_other_file_is_reached(running: Running, path: str) -> None:
    status, text, _ = fetch(running, path)
    assert status == 404
    assert "Traceback" not in text


# ---- in a browser ---------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_cells_are_walked_and_explained_by_keyboard(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(f"{alliance.url}/#/coverage", tools=True)
    page = view.page
    page.locator("td[tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    panel = page.locator("section[aria-label^='Why']")
    panel.locator("h2", has_text="Speed").wait_for()
    panel.locator("pre", has_text="Vehicle.Speed").wait_for()
    assert NAMES["mitsubishi"] in panel.inner_text()
    panel.locator("h2").click()
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith(NAMES["mitsubishi"])
    page.locator("#find-coverage").fill("door row1")
    page.wait_for_function("document.querySelectorAll('.cover tr:not([hidden]) th[scope=row]').length < 12")
    assert "Door.Row1" in page.locator(".cover").inner_text()
    page.locator("#find-coverage").fill("")
    page.get_by_label("where a required one is missing").check()
    page.locator("td.x.needed").first.click()
    panel.locator("h3", has_text="Why it is missing").wait_for()
    assert view.complaints == []


@pytest.mark.browser
def test_apps_say_what_stands_in_the_way(alliance: Alliance, look: Callable[..., View]) -> None:
    view = look(f"{alliance.url}/#/coverage/apps", PHONE, tools=True)
    page = view.page
    page.locator(".apps-grid td").first.click()
    panel = page.locator("section[aria-label^='Why']")
    panel.locator("h2", has_text=" on ").wait_for()
    assert "of the" in panel.inner_text()
    panel.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Signals by car").click()
    page.locator("td.v").first.wait_for()
    assert view.complaints == []


@pytest.mark.browser
def test_reference_pages_are_quiet_here_too(alliance: Alliance, look: Callable[..., View]) -> None:
    """Their scripts and styles run under the server's policy, and links lead from one to the other."""
    view = look(f"{alliance.url}/cars/", PHONE, "dark", tools=False)
    view.page.get_by_role("link", name="Honda e", exact=True).click()
    view.page.locator("#find").fill("SteeringSensor")
    assert view.page.locator(".message:not(.hide)").count() < view.page.locator(".message").count()
    assert view.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert view.complaints == []
