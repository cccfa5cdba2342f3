"""The whole of it: a service as a user starts it, three simulated cars, five apps, a browser. Pictures of it, if asked.

``COMMONWHEEL_PICTURES=docs/images pytest tests/web/test_whole.py`` makes the pictures of the documents.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.web.conftest import DESKTOP, PHONE, View
from tests.web.stage import PATIENCE_S

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CARS = {
    "honda": "honda/civic_gen10_bosch",
    "mitsubishi": "mitsubishi/outlander_phev:13.8kwh",
    "nissan": "nissan/leaf_aze0:30kwh",
}
APPS = ("trip", "driving-events", "range", "battery-care", "health")
TALL = (DESKTOP[0], 1180)
SHOTS = (
    ("alliance", "alliance", TALL, "light"),
    ("alliance", "alliance", TALL, "dark"),
    ("alliance", "alliance", PHONE, "light"),
    ("signals", "signals", DESKTOP, "light"),
    ("coverage", "coverage", DESKTOP, "dark"),
    ("apps", "apps/trip/nissan", DESKTOP, "light"),
    ("traffic", "traffic", DESKTOP, "dark"),
)
_TURNING = "[...document.querySelectorAll('.wheel-text')].every(n => parseFloat(n.textContent) >= 12)"
_SPEEDS = "[...document.querySelectorAll('.dial.role-speed')].map(n => parseFloat(n.getAttribute('aria-valuetext')))"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    cars = [option for name, car in CARS.items() for option in ("--car", f"{name}={car}", "--virtual", f"{name}=demo")]
    apps = [option for app in APPS for option in ("--app", app)]
    quiet = ["--no-grpc", "--no-viss", "--no-flight", "--no-metrics", "--loop", "--json", "--web", "0"]
    command = [sys.executable, "-m", "commonwheel", "run", *cars, *apps, *quiet]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as service:
        try:
            assert service.stdout is not None
            (web,) = [one for one in json.loads(service.stdout.readline())["bound"] if one["server"] == "web"]
            yield f"http://127.0.0.1:{web['port']}"
        finally:
            service.send_signal(signal.SIGTERM)
            assert service.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(("page", "path", "size", "scheme"), SHOTS)
def test_three_cars_drive_with_five_apps_on_them(
    url: str, look: Callable[..., View], page: str, path: str, size: tuple[int, int], scheme: str
) -> None:
    view = look(f"{url}/#/{path}", size, scheme)
    if page == "alliance":
        view.wait(f"{_SPEEDS}.length === 3 && {_SPEEDS}.every(kmh => kmh > 30)")
        speeds = view.page.evaluate(_SPEEDS)
        assert max(speeds) - min(speeds) < 15, "three cars on the same drive"
        view.wait("document.querySelectorAll('.car-apps').length === 3")
        view.wait(_TURNING, 90)
    else:
        view.wait("document.querySelector('#page').innerText.trim().length > 200")
        view.page.wait_for_timeout(1500)  # so that the pictures show a drive, and not its beginning
    if page == "apps":
        assert view.page.locator(".app-cell", has_text="running").count() >= 10
    given = os.environ.get("COMMONWHEEL_PICTURES")
    if given:
        name = f"dashboard-{page}-{scheme}{'-phone' if size == PHONE else ''}.png"
        view.page.screenshot(path=Path(given) / name)
    assert view.complaints == []
