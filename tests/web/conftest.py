"""A browser that looks at a dashboard of three makers' cars."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest

from tests.web.stage import ANGLE, NAMES, PATIENCE_S, PEDAL, SPEED, FakeApp, Running, manifest, scene_of, until, wired

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


DESKTOP, PHONE = (1440, 1000), (390, 844)


@dataclass
class View:
    """One page in one window, and what it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list[str])
    requests: list[str] = field(default_factory=list[str])

    def wait(self, expression: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until an expression holds; Playwright's own way makes the page evaluate a text, which it forbids."""
        end = time.monotonic() + patience_s
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"it never came: {expression}; complaints: {self.complaints}"
            self.page.wait_for_timeout(20)

    def ready(self) -> None:
        """Wait until it is connected and has drawn something."""
        self.wait("window.commonwheel?.link.updates > 1")


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., View]]:
    """Open an address in a window of a size, light or dark."""
    with contextlib.ExitStack() as undo:

        def opened(
            url: str,
            size: tuple[int, int] = DESKTOP,
            scheme: Literal["light", "dark"] = "light",
            *,
            motion: Literal["reduce", "no-preference"] = "no-preference",
            tools: bool = False,
        ) -> View:
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme=scheme,
                reduced_motion=motion,
                bypass_csp=tools,
            )
            undo.callback(context.close)
            view = View(context.new_page())
            view.page.set_default_timeout(20_000)
            view.page.on("console", lambda message: view.complaints.append(message.text))
            view.page.on("pageerror", lambda error: view.complaints.append(str(error)))
            view.page.on("request", lambda request: view.requests.append(request.url))
            view.page.goto(url)
            return view

        yield opened


class Alliance:
    """Three makers' cars on the same drive, two apps, and a dashboard."""

    def __init__(self) -> None:
        self.apps = [FakeApp(name, manifest()) for name in NAMES]
        self.scene = scene_of(NAMES, self.apps)
        self.running = Running(self.scene)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return self.running.url

    def drive(self, speed: float = 50.0, angle: float = -90.0, pedal: float = 20.0) -> None:
        """Let all cars say the same."""
        for car in self.scene.cars:
            wired(car).drive({SPEED: speed, ANGLE: angle, PEDAL: pedal})

    @contextlib.contextmanager
    def driving(self) -> Iterator[None]:
        """Let all cars drive, faster and faster, until it is enough."""

        def go() -> None:
            speed = 20.0
            while not self._over.wait(0.05):
                speed = 20.0 + (speed + 0.25) % 80.0
                self.drive(speed, angle=speed - 60.0)

        self._over.clear()
        self._thread = threading.Thread(target=go, name="driving")
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()


@pytest.fixture(scope="session")
def _alliance() -> Iterator[Alliance]:
    alliance = Alliance()
    with alliance.running:
        yield alliance
    for car in alliance.scene.cars:
        wired(car).stop()


@pytest.fixture
def alliance(_alliance: Alliance) -> Iterator[Alliance]:
    """The dashboard of three cars; every page of a test before has gone."""
    yield _alliance
    until(lambda: not _alliance.running.server.facts()["clients"], "the test's pages are gone")
