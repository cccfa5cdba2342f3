"""What opens beside a list: fit for everyone, on every screen, and back after a restart of the server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.web.conftest import DESKTOP, PHONE, Alliance, View
from tests.web.test_shell import faults_of, too_wide

pytestmark = pytest.mark.browser

OPENED = {
    "signals": ("#/signals/nissan/Vehicle.Speed", ".sum:has-text('=')"),
    "traffic": ("#/traffic/nissan/644", ".panel .bits .byte"),
    "coverage": ("#/coverage", ".panel pre"),
    "coverage-apps": ("#/coverage/apps", ".panel .lacks, .panel dl"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPENED)
def test_a_panel_is_fit_for_everyone(alliance: Alliance, look: Callable[..., View], name: str) -> None:
    where, shown = OPENED[name]
    for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        with alliance.driving():
            view = look(f"{alliance.url}/{where}", size, scheme, tools=True)
            if name.startswith("coverage"):
                view.page.locator("td.v, .apps-grid td").first.click()
            view.page.locator(shown).first.wait_for()
        assert not too_wide(view), f"{name} {size} {scheme}"
        assert faults_of(view) == [], f"{name} {size} {scheme}"
        assert view.complaints == []
        view.page.context.close()


def test_lists_and_panels_come_back_with_the_server(alliance: Alliance, look: Callable[..., View]) -> None:
    """What is shown stays chosen, and goes on."""
    signals = look(f"{alliance.url}/#/signals/nissan/Vehicle.Speed", tools=True)
    traffic = look(f"{alliance.url}/#/traffic/nissan/644", tools=True)
    with alliance.driving():
        signals.page.locator(".sum", has_text="×").first.wait_for()
        traffic.page.locator(".panel .bits .byte").first.wait_for()
        alliance.running.restart()
        for view, text in ((signals, ".now-value b"), (traffic, ".panel .quiet.num")):
            view.page.bring_to_front()
            view.page.wait_for_function("window.commonwheel.link.state === 'open'")
            before = view.page.locator(text).inner_text()
            view.page.wait_for_function(
                "([text, before]) => document.querySelector(text).innerText !== before", arg=[text, before]
            )
    assert signals.page.locator("[role=treegrid] .quality", has_text="good").first.is_visible()
    assert traffic.page.locator(".messages-table tbody tr").count() > 2
