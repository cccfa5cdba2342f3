"""A browser, and the pages that the verbs write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from commonwheel.cli import FINE, main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

DESKTOP, PHONE = (1280, 900), (390, 844)


@dataclass
class View:
    """One page in one window, and what it did."""

    page: Page
    messages: list[str] = field(default_factory=list[str])
    requests: list[str] = field(default_factory=list[str])


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., View]]:
    """Open a file in a window of a size, light or dark, with or without scripts."""
    contexts: list[BrowserContext] = []

    def opened(
        path: Path,
        size: tuple[int, int] = DESKTOP,
        scheme: Literal["light", "dark"] = "light",
        *,
        scripts: bool = True,
        media: Literal["screen", "print"] = "screen",
    ) -> View:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        view = View(context.new_page())
        view.page.on("console", lambda message: view.messages.append(message.text))
        view.page.on("pageerror", lambda error: view.messages.append(str(error)))
        view.page.on("request", lambda request: view.requests.append(request.url))
        view.page.emulate_media(media=media)
        view.page.goto(path.as_uri())
        return view

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def written() -> Iterator[dict[str, Path]]:
    """The pages of the tour, of a comparison of all cars, of a car's reference, and of a plot of a log of the tour."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert main(["tour", "-o", str(folder), "--no-open", "--json"]) == FINE
        assert main(["compare", "--html", str(folder / "cars.html")]) == FINE
        assert main(["cars", "nissan/leaf_aze0", "--html", str(folder / "reference.html")]) == FINE
        log = folder / "mitsubishi.trc"
        plot = ["plot", str(log), "--signals", "Vehicle.Speed", "--signals", "Vehicle.Powertrain.Transmission"]
        assert main([*plot, "-o", str(folder / "plot.html")]) == FINE
        names = {"tour": "index", "compare": "cars", "plot": "plot", "reference": "reference"}
        yield {name: folder / f"{stem}.html" for name, stem in names.items()}
