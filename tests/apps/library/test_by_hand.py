"""The shipped apps, fed by hand with what no simulated drive comes to."""

from __future__ import annotations

import pytest

from commonwheel.apps import Quality
from commonwheel.apps.loading import load_app
from tests.apps.running import GEAR, SPEED, Row, Run

PARK, DRIVE = 126, 127


def speeds(first_s: float, seconds: float, kmh: float) -> list[Row]:
    """Return a speed ten times a second."""
    return [(first_s + i / 10, SPEED, kmh) for i in range(round(seconds * 10))]


def test_the_highest_speed_may_lie_in_the_seconds_that_are_tolerated() -> None:
    """Overspeed is told after three seconds; how fast and how long it was counts from its beginning."""
    run = Run(load_app("driving-events"), settings={"limit": 130.0}).start()
    run.feed(*speeds(0, 2, 100), *speeds(2, 1, 160), *speeds(3, 5, 135), *speeds(8, 5, 100)).to(13)
    told = [event for event in run.did.events if event.name.startswith("overspeed")]
    assert [event.name for event in told] == ["overspeed", "overspeed_over"]
    assert told[1].data["most"] == 160
    assert told[1].data["lasted"] == pytest.approx(7, abs=0.2)


def test_what_is_tolerated_is_no_part_of_a_later_overspeed() -> None:
    """Two seconds at 180 are forgotten before a minute at 140."""
    run = Run(load_app("driving-events"), settings={"limit": 130.0}).start()
    run.feed(*speeds(0, 2, 180), *speeds(2, 4, 100), *speeds(6, 60, 140)).engine.stop()
    told = [event for event in run.did.events if event.name.startswith("overspeed")]
    assert [event.name for event in told] == ["overspeed", "overspeed_over"]
    assert told[1].data["most"] == 140


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID])
def test_a_trip_ends_in_park_also_without_a_speed(quality: Quality) -> None:
    """A speed that is lost, or that its sender has no value for, keeps no trip going, and is said to be missing."""
    run = Run(load_app("trip")).start((0, GEAR, DRIVE))
    run.feed(*speeds(0, 20, 50), (20, SPEED, None, quality)).to(24)
    assert "no speed now" in str(run.did.value("note"))
    run.feed((30, GEAR, PARK)).to(40)
    assert (run.did.value("state"), run.did.value("trips")) == ("parked", 1)
    assert run.did.value("missed") == pytest.approx(10, abs=0.2)
