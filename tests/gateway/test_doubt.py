"""Whether frames are a car's is judged when there are enough of them, and said once."""

from __future__ import annotations

import pytest

from commonwheel.gateway.doubt import ENOUGH, LONG_NS, Doubt
from commonwheel.wire.frames import Frames


def _frames(count: int, from_ns: int, to_ns: int) -> Frames:
    step = (to_ns - from_ns) // (count - 1)
    return Frames.build([(from_ns + i * step, 0, 0x7AB, bytes(8)) for i in range(count - 1)] + [(to_ns, 0, 1, b"")])


def _doubt() -> Doubt:
    return Doubt("acme/cart", "the bus main", "look at it")


def test_frames_of_nobody_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    doubt = _doubt()
    for i in range(5):
        doubt.look(_frames(ENOUGH, i * LONG_NS, (i + 1) * LONG_NS), 0)
    doubt.conclude()
    assert [record.getMessage() for record in caplog.records] == [
        f"acme/cart: none of the first {ENOUGH} frames of the bus main is this car's; look at it"
    ]
    assert doubt.settled


@pytest.mark.parametrize(("count", "to_ns"), [(ENOUGH - 1, 1000 * LONG_NS), (20 * ENOUGH, LONG_NS - 1)])
def test_few_frames_or_a_moment_are_not_judged_before_the_end(
    caplog: pytest.LogCaptureFixture, count: int, to_ns: int
) -> None:
    doubt = _doubt()
    doubt.look(_frames(count, 0, to_ns), 0)
    assert not caplog.records
    doubt.conclude()
    assert f"none of the first {count} frames" in caplog.text


def test_one_known_frame_settles_it(caplog: pytest.LogCaptureFixture) -> None:
    doubt = _doubt()
    doubt.look(_frames(2, 0, 1), 1)
    doubt.look(_frames(ENOUGH, 0, LONG_NS), 0)
    doubt.conclude()
    assert doubt.settled
    assert not caplog.records


def test_nothing_is_said_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    _doubt().conclude()
    assert not caplog.records
