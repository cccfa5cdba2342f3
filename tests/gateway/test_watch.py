"""The watch: late messages, and a machine's clock that is set while the car runs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from commonwheel.broker import Broker
from commonwheel.catalog import load_catalog
from commonwheel.gateway.clock import Stamps, SteadyClock
from commonwheel.gateway.pipeline import Pipeline
from commonwheel.gateway.watch import Watch, period_of
from commonwheel.vehicles import Quality, Vehicle
from commonwheel.wire.frames import Clock, Frames
from tests.gateway.kit import SPEED, small_car

MS = 1_000_000
SECOND = 1000 * MS
HOUR = 3600 * SECOND
START = 1_700_000_000 * SECOND
LOGGER = "commonwheel.gateway.watch"


class Car:
    """A car whose machine's clocks obey the test; its speed message has a timeout of 150 ms."""

    def __init__(self, vehicle: Vehicle) -> None:
        self.utc_ns, self.monotonic_ns = START, 0
        self.clock = SteadyClock(lambda: self.utc_ns, lambda: self.monotonic_ns)
        self.stamps = Stamps(self.clock)
        self.broker = Broker(load_catalog())
        self.pipeline = Pipeline(
            vehicle, self.broker, self.clock, buses={0: "drive"}, clock=Clock.UTC, with_personal=False
        )
        self.pipeline.open()
        self.watch = Watch(self.clock, self.pipeline.expire, vehicle)

    def passes(self, ns: int) -> None:
        self.utc_ns += ns
        self.monotonic_ns += ns
        self.watch.look()

    def frame(self) -> None:
        """Let a frame come, stamped by the kernel."""
        frames = Frames.build([(self.utc_ns, 0, 0x100, bytes([0x27, 0x10, 0, 0, 0, 0, 0, 0]))])
        frames.t_ns[:] = self.stamps.steady(frames.t_ns)
        self.pipeline.take(frames)

    @property
    def speed(self) -> tuple[Quality, int]:
        """Quality, and ms since the (first) start in UTC."""
        reading = self.broker.get(self.broker.table.number(SPEED))
        return reading.quality, (reading.t_ns - START) // MS


@pytest.fixture
def car(tmp_path: Path) -> Car:
    return Car(small_car(tmp_path))


def test_late_is_late_after_the_timeout_and_a_moment(car: Car) -> None:
    car.frame()
    car.passes(150 * MS)
    assert car.speed == (Quality.GOOD, 0)
    car.passes(10 * MS)
    assert car.speed == (Quality.STALE, 150)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_clock_that_is_set_makes_nothing_stale_and_nothing_fresh(
    car: Car, step: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        car.frame()
        car.passes(100 * MS)
        car.utc_ns += step
        car.watch.look()
        assert car.speed == (Quality.GOOD, 0)
        car.frame()
        assert car.speed == (Quality.GOOD, 100 + step // MS)
        car.passes(140 * MS)
        assert car.speed[0] is Quality.GOOD
        car.passes(20 * MS)
        assert car.speed == (Quality.STALE, 250 + step // MS)
    (said,) = [record.getMessage() for record in caplog.records]
    assert f"{step / SECOND:+.3f} s" in said


def test_frames_come_on_in_order_when_the_clock_is_set_between_two_looks(car: Car) -> None:
    car.frame()
    car.utc_ns += 20 * MS - HOUR
    car.monotonic_ns += 20 * MS
    car.frame()
    assert car.speed == (Quality.GOOD, 20 - HOUR // MS)
    car.passes(100 * MS)
    assert car.speed[0] is Quality.GOOD


def test_a_machine_that_slept_lets_its_buses_speak_first(car: Car) -> None:
    """Woken late, it looks at nothing but the clock: what came meanwhile waits to be read."""
    car.frame()
    car.utc_ns += SECOND
    car.monotonic_ns += SECOND
    car.watch.look(late=True)
    assert car.speed[0] is Quality.GOOD
    car.watch.look()
    assert car.speed[0] is Quality.STALE


def test_it_looks_as_often_as_the_shortest_timeout_needs(tmp_path: Path) -> None:
    vehicle = small_car(tmp_path)
    assert period_of(vehicle) == pytest.approx(0.0375)
