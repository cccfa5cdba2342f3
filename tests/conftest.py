"""Fixtures and settings that all tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_BESIDE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"
_SHARED = Path(os.environ.get("COMMONWHEEL_SHARED", _BESIDE_CHECKOUT))
_NO_SHARED = f"no recorded logs here: {_SHARED} is not a folder; name it in COMMONWHEEL_SHARED"
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# A browser that asks for nothing by itself, so that every request is the page's.
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# In continuous integration the same examples every time; while developing, new ones each time. More of them where the
# environment asks for it, as `make test-all` does.
_EXAMPLES = int(os.environ.get("COMMONWHEEL_EXAMPLES", "40"))
hypothesis.settings.register_profile("dev", deadline=None, max_examples=_EXAMPLES)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=_EXAMPLES, derandomize=True, database=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_report_header() -> str:
    """Say at the top of a run whether the tests on recorded logs will run."""
    return f"recorded logs: {_SHARED if _SHARED.is_dir() else 'none, tests marked real are skipped'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked ``real`` where there are no recorded logs."""
    if _SHARED.is_dir():
        return
    for item in items:
        if item.get_closest_marker("real"):
            item.add_marker(pytest.mark.skip(reason=_NO_SHARED))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep compiled vehicles out of the user's cache; the workers of one run share theirs."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["COMMONWHEEL_CACHE"] = str(folder / "vehicles")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded logs and facts; the test is skipped where there is none."""
    if not _SHARED.is_dir():
        pytest.skip(_NO_SHARED)
    return _SHARED


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the Chromium that browser tests drive; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(_CHROMIUM)} is on PATH")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium; one for a module's tests, since a process can drive it only once at a time.

    No longer than that: while it is driven, this thread has a running event loop, so ``asyncio.run`` fails in any test.
    """
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=list(_QUIET))
        yield started
        started.close()
