"""Whatever a car and its sensors say, an app that moves it raises nothing and asks for what makes sense."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.apps.loading import load_app
from commonwheel.broker.updates import Updates
from commonwheel.vehicles.samples import Quality
from tests.apps.running import Run, S

ACCELERATION = "Vehicle.MotionManagement.AccelerationTarget"
SPEED_TARGET = "Vehicle.MotionManagement.SpeedTarget"
CURVATURE = "Vehicle.MotionManagement.CurvatureTarget"
ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
MOST = {ACCELERATION: 5.0, SPEED_TARGET: 1000.0, CURVATURE: 0.5, ANGLE: 1500.0}
"""Beyond it no car is asked, whatever it says of itself; the guard has limits of its own."""
APPS = {
    "adaptive-cruise": (ACCELERATION, SPEED_TARGET),
    "lane-centring": (CURVATURE, ANGLE),
    "speed-limiter": (ACCELERATION, SPEED_TARGET),
}
SAID = st.tuples(
    st.integers(0, 30),
    st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 50.0, -50.0, 250.0])),
    st.sampled_from([Quality.GOOD, Quality.GOOD, *Quality]),
    st.integers(0, 400),
)
"""Which of its signals, what, how good, and so many milliseconds later."""


@pytest.mark.parametrize(("app", "path"), [(app, path) for app, paths in APPS.items() for path in paths])
@given(st.lists(SAID, max_size=30))
@settings(max_examples=12)
def test_whatever_is_said_what_is_asked_for_makes_sense(
    app: str, path: str, said: list[tuple[int, float, Quality, int]]
) -> None:
    loaded = load_app(app)
    run = Run(loaded, asked=(path,)).start()
    signals = [*loaded.manifest.requires, *loaded.manifest.may_use]
    t_ns = 0
    run.feed((0.0, "Vehicle.Speed", 60.0))
    for which, value, quality, later_ms in said:
        t_ns += later_ms * 1_000_000
        signal = run.table[run.table.number(signals[which % len(signals)])]
        item = None
        if signal.leaf.datatype == "string":
            value, item = math.nan, signal.leaf.allowed[which % len(signal.leaf.allowed)]  # noqa: PLW2901 - a text has none
        run.engine.feed(Updates.build([(signal.number, t_ns, value, int(quality), item)]))
        run.to(t_ns / S)
    assert not run.did.failures
    for _t_ns, asked, value in run.did.requested:
        assert asked == path
        assert abs(float(str(value))) <= MOST[path]
