"""What sensors say of what is around: when, how late, how wrong, and what is left out."""

from __future__ import annotations

import math
import statistics

import pytest

from commonwheel.twin.injection import FaultKind, Injection
from commonwheel.twin.lane import Course
from commonwheel.twin.perception import (
    AHEAD,
    CURVATURE,
    DETECTED,
    DISTANCE,
    EVERY_NS,
    HEADING,
    LIMIT,
    OFFSET,
    PATHS,
    RELATIVE,
    SEEN,
    WIDTH,
    Perception,
)
from commonwheel.twin.surroundings import Lane, Sensor
from commonwheel.twin.traffic import Traffic

STEP = 10**7
COURSE = Course(Lane(curvature=((0.0, 0.0), (100.0, 0.01))))


def traffic(gap: float = 40.0) -> Traffic:
    return Traffic(
        gap_m=gap, lead_mps=18.0, offset_m=0.3, heading_rad=0.02, curvature=0.002, along_m=20.0, limit_mps=25.0,
        in_sight=True,
    )  # fmt: skip


def look(
    sensor: Perception, seconds: float, around: Traffic | None = None, begin_s: float = 0.0
) -> list[dict[str, float | None]]:
    """Return everything that was said in so many seconds."""
    said, version = [], sensor.version
    for step in range(round(begin_s * 100), round((begin_s + seconds) * 100)):
        sensor.step(step * STEP, around or traffic(), 20.0, COURSE)
        if sensor.version != version:
            version = sensor.version
            said.append(dict(sensor.said))
    return said


def test_it_says_everything_in_the_standards_units() -> None:
    sensor = Perception(Sensor(latency_s=0.0), (), (), 0, width_m=3.5)
    assert look(sensor, 0.01) == [
        {
            DISTANCE: 40.0,
            RELATIVE: -2.0,
            DETECTED: 1.0,
            SEEN: 1.0,
            OFFSET: 0.3,
            HEADING: pytest.approx(math.degrees(0.02)),
            CURVATURE: 0.002,
            AHEAD: pytest.approx(0.004),  # 20 m on, a second ahead
            WIDTH: 3.5,
            LIMIT: 90.0,
        }
    ]


def test_it_looks_every_50_ms_and_says_so_after_its_latency() -> None:
    sensor = Perception(Sensor(latency_s=0.12), (), (), 0)
    times = []
    for step in range(100):
        before = sensor.version
        sensor.step(step * STEP, traffic(), 20.0, None)
        if sensor.version != before:
            times.append(step * STEP)
            assert sensor.seen_ns == step * STEP - 120 * 10**6
    assert times == [120 * 10**6 + EVERY_NS * i for i in range(len(times))]
    assert len(times) == 18


def test_what_is_not_there_has_no_value() -> None:
    sensor = Perception(Sensor(latency_s=0.0), (), (), 0)
    sensor.step(0, Traffic(), 20.0, None)
    assert sensor.said == {**dict.fromkeys(PATHS), DETECTED: 0.0, SEEN: 0.0}


def test_what_the_cars_own_wire_says_is_not_said_here() -> None:
    sensor = Perception(Sensor(latency_s=0.0), (), {DISTANCE, LIMIT, "Vehicle.Speed"}, 0)
    assert set(look(sensor, 0.01)[0]) == set(PATHS) - {DISTANCE, LIMIT} == set(sensor.paths)


def test_noise_is_as_wide_as_it_says_and_follows_from_the_seed() -> None:
    noisy = Sensor(latency_s=0.0, gap_noise_m=0.5, speed_noise_mps=0.2, offset_noise_m=0.05)
    said = look(Perception(noisy, (), (), 7), 100)
    gaps = [one[DISTANCE] or 0.0 for one in said]
    assert statistics.stdev(gaps) == pytest.approx(0.5, rel=0.1)
    assert statistics.mean(gaps) == pytest.approx(40.0, abs=0.05)
    assert statistics.stdev([one[RELATIVE] or 0.0 for one in said]) == pytest.approx(0.2, rel=0.1)
    assert said[:50] == look(Perception(noisy, (), (), 7), 2.5)
    assert said[:50] != look(Perception(noisy, (), (), 8), 2.5)


def test_at_a_dropout_nothing_is_seen_at_all() -> None:
    said = look(Perception(Sensor(latency_s=0.0, dropout=0.2), (), (), 1), 100)
    gone = [one for one in said if one[DETECTED] is None]
    assert len(gone) / len(said) == pytest.approx(0.2, abs=0.03)
    assert all(value is None for one in gone for value in one.values())


FAULTS = {
    FaultKind.STUCK: 40.0,
    FaultKind.FROZEN: 40.0,
    FaultKind.BIAS: 43.0,
    FaultKind.NO_VALUE: None,
}


@pytest.mark.parametrize(("kind", "said"), FAULTS.items())
def test_faults_change_what_is_said_and_have_an_end(kind: FaultKind, said: float | None) -> None:
    sensor = Perception(Sensor(latency_s=0.0), [Injection(kind, DISTANCE, from_s=1.0, to_s=2.0, amount=3.0)], (), 0)
    assert look(sensor, 1.0)[-1][DISTANCE] == 40.0
    look(sensor, 0.05, begin_s=1.0)
    far = traffic(40.0 if kind is FaultKind.BIAS else 70.0)
    assert {one[DISTANCE] for one in look(sensor, 0.9, far, begin_s=1.05)} == {said}
    assert look(sensor, 0.2, far, begin_s=2.0)[-1][DISTANCE] == far.gap_m


def test_a_silent_signal_is_left_out_and_comes_back() -> None:
    sensor = Perception(Sensor(latency_s=0.0), [Injection(FaultKind.SILENT, OFFSET, from_s=1.0, to_s=1.5)], (), 0)
    there = [OFFSET in one for one in look(sensor, 2.0)]
    assert there == [True] * 20 + [False] * 10 + [True] * 10


def test_lost_ones_are_left_out_now_and_then_and_late_ones_are_old() -> None:
    lost = Perception(Sensor(latency_s=0.0), [Injection(FaultKind.LOST, LIMIT, amount=0.3)], (), 3)
    share = statistics.mean(LIMIT in one for one in look(lost, 50))
    assert share == pytest.approx(0.7, abs=0.05)
    late = Perception(Sensor(latency_s=0.0), [Injection(FaultKind.DELAYED, DISTANCE, amount=0.4)], (), 3)
    around, gaps = traffic(), []
    for step in range(200):
        around.gap_m = float(step)
        before = late.version
        late.step(step * STEP, around, 20.0, None)
        gaps += [(step, late.said[DISTANCE])] if late.version != before else []
    assert all(gap == step - 40 for step, gap in gaps if step >= 40)


def test_a_drift_and_noise_move_a_value_and_leave_none_alone() -> None:
    drift = Injection(FaultKind.DRIFT, OFFSET, from_s=1.0, amount=0.1)
    noise = Injection(FaultKind.NOISE, DISTANCE, amount=2.0)
    sensor = Perception(Sensor(latency_s=0.0), [drift, noise], (), 0)
    said = look(sensor, 3.0)
    assert said[-1][OFFSET] == pytest.approx(0.3 + 0.1 * 1.95)
    assert len({one[DISTANCE] for one in said}) > 50
    alone = Perception(Sensor(latency_s=0.0), [noise], (), 0)
    alone.step(0, Traffic(), 1.0, None)
    assert alone.said[DISTANCE] is None
