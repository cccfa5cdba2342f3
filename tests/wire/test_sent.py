"""What was sent from here is marked in a log, and never read as what the car said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from commonwheel.gateway.record_frames import FrameRecorder
from commonwheel.gateway.recording import names_of
from commonwheel.vehicles.reading import read
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import read_log
from commonwheel.wire.sent import SENT, own_frames
from tests.gateway.kit import SPEED, small_car

MOTION = 0x100
UTC_NS = 1_767_254_400_000_000_000


def test_only_frames_of_marked_buses_are_left_out() -> None:
    frames = Frames.build([(t, bus, 0x100, b"") for t, bus in enumerate([0, 1, 0, 2])])
    assert own_frames(frames, {0: "pt", 1: "pt.sent", 2: "sent"}).t_ns.tolist() == [0, 2, 3]
    assert own_frames(frames, {}) is frames


@pytest.mark.parametrize("sends_first", [True, False])
def test_a_recording_has_both_in_order_and_is_read_as_the_car_alone(tmp_path: Path, *, sends_first: bool) -> None:
    """What is sent says another speed with the car's own id: were it decoded, that speed would be seen."""
    vehicle = small_car(tmp_path)
    ours = [(UTC_NS + i * 10**7 - sends_first, SENT, MOTION, bytes.fromhex("2710000300000000")) for i in range(200)]
    cars = [(UTC_NS + i * 10**7, 0, MOTION, bytes.fromhex("1388000300000000")) for i in range(200)]
    with FrameRecorder(tmp_path, prefix="two", interfaces=names_of(vehicle)) as recorder:
        recorder.put(Frames.build(cars))
        recorder.put(Frames.build(ours))
    (path,) = recorder.files
    frames, report = read_log(path)
    assert set(report.buses.values()) == {"drive", "drive.sent"}
    assert len(frames) == 400
    assert (np.diff(frames.t_ns) >= 0).all()
    samples = read(path, vehicle)
    speed = vehicle.numbers[SPEED]
    assert set(samples.value[samples.signal == speed].tolist()) == {50.0}
