"""A simulated car in place of buses: what it drives is what its broker holds, at its pace, until its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from commonwheel.broker import Broker, Stage
from commonwheel.catalog import load_catalog
from commonwheel.gateway import virtual, virtual_wire
from commonwheel.gateway.actuator import Leave
from commonwheel.gateway.bus import Window
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.config import CarSettings, ScenarioName, Settings
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.paced import PacedClock
from commonwheel.gateway.parts import Parts
from commonwheel.gateway.port import MOST_FRAMES, Outlet, Port
from commonwheel.gateway.telling import IS_ARMED
from commonwheel.gateway.virtual import VirtualCar
from commonwheel.twin.injection import FaultKind, Injection
from commonwheel.twin.inputs import Inputs
from commonwheel.twin.twin import Twin
from commonwheel.vehicles import Quality
from commonwheel.wire.frames import Frames
from tests.gateway.kit import CONTROL, SOON, TARGET, small_leave, until
from tests.twin.fakes import SMALL, SPEED, VOLTAGE, Sliding, scenario, small_twin, two

S, MS = 10**9, 10**6


class Live:
    """A simulated car behind a gateway and a broker."""

    def __init__(self, twin: Twin, *, rate: float = 1.0, loop: bool = False, actuate: Leave | None = None) -> None:
        self.car = VirtualCar(twin, rate=rate, loop=loop)
        self.broker = Broker(load_catalog())
        self.gateway = CarGateway(
            twin.vehicle, self.broker, self.car, actuate=actuate, backoff=SOON, window=Window(0.0, 0.0)
        )

    def quality(self, path: str) -> Quality:
        return self.broker.get(self.broker.table.number(path)).quality

    def value(self, path: str) -> float:
        reading = self.broker.get(self.broker.table.number(path))
        return float(reading.good) if isinstance(reading.good, (int, float)) else float("nan")

    def bus(self, name: str) -> dict[str, object]:
        buses = self.gateway.facts()["buses"]
        assert isinstance(buses, dict)
        return buses[name]


@contextmanager
def live(twin: Twin, *, rate: float = 1.0, loop: bool = False, actuate: Leave | None = None) -> Iterator[Live]:
    one = Live(twin, rate=rate, loop=loop, actuate=actuate)
    one.gateway.start()
    try:
        yield one
    finally:
        one.gateway.stop()


def test_a_simulated_car_is_live_as_a_real_one(tmp_path: Path) -> None:
    with live(small_twin(tmp_path)) as rig:
        assert rig.gateway.ready.wait(5)
        until(lambda: rig.value(SPEED) > 0.3 and rig.value(VOLTAGE) == 12.5)
        reading = rig.broker.get(rig.broker.table.number(SPEED))
        assert abs(time.time_ns() - reading.t_ns) < 5 * S
        facts = rig.gateway.facts()
        assert (facts["lost"], facts["corrupt"], facts["unknown"], facts["dropped"]) == (0, 0, 0, 0)
        assert facts["virtual"] == "small"
        assert rig.bus("power")["source"] == "simulated:power"
    assert rig.quality(SPEED) is Quality.STALE


def test_frames_bear_the_times_at_which_they_are_due(tmp_path: Path) -> None:
    """Periods to the nanosecond, whoever is late; and each of a bus under its own number."""
    heard: list[Frames] = []
    with live(small_twin(tmp_path)) as rig:
        rig.gateway.listen(heard.append)
        until(lambda: sum(map(len, heard)) > 60)
    frames = Frames.concat(heard)
    motion = frames[(frames.id == 0x100) & (frames.bus == 0)]
    assert set(np.diff(motion.t_ns).tolist()) == {10 * MS}
    assert abs(int(motion.t_ns[-1]) - time.time_ns()) < 10 * S
    assert set(frames.bus.tolist()) == {0, 1}


def test_it_waits_until_it_may_begin(tmp_path: Path) -> None:
    rig = Live(small_twin(tmp_path))
    rig.gateway.hold()
    rig.gateway.start()
    try:
        assert rig.gateway.ready.wait(5)
        until(lambda: rig.bus("drive")["state"] == "up")
        assert rig.car.twin.t_ns == 0
        rig.gateway.play()
        until(lambda: rig.value(SPEED) > 0)
        assert rig.value(SPEED) < 1.0, "the time that it was held is no time of the drive"
    finally:
        rig.gateway.stop()


def test_a_car_that_is_held_can_be_stopped(tmp_path: Path) -> None:
    rig = Live(small_twin(tmp_path))
    rig.gateway.hold()
    rig.gateway.start()
    rig.gateway.stop()
    assert not rig.car.twin.t_ns


def test_at_its_end_it_is_silent(tmp_path: Path) -> None:
    with live(small_twin(tmp_path, length_s=0.3)) as rig:
        assert rig.gateway.finished.wait(10)
        until(lambda: rig.quality(SPEED) is Quality.STALE)
        assert rig.value(SPEED) != rig.value(SPEED)
        assert rig.car.twin.t_ns == 300 * MS
        assert rig.car.driven_s == pytest.approx(0.3)


def test_a_loop_begins_again_without_a_gap(tmp_path: Path) -> None:
    heard: list[Frames] = []
    with live(small_twin(tmp_path, length_s=0.1), loop=True) as rig:
        rig.gateway.listen(heard.append)
        until(lambda: int(str(rig.gateway.facts()["loops"])) >= 4)
        facts = rig.gateway.facts()
        assert (facts["lost"], facts["stale"]) == (0, 0)
        assert not rig.gateway.finished.is_set()
        assert rig.car.driven_s >= 0.4
    frames = Frames.concat(heard)
    motion = frames[(frames.id == 0x100) & (frames.bus == 0)]
    assert set(np.diff(motion.t_ns).tolist()) == {10 * MS}


def test_at_a_rate_the_cars_time_goes_faster_and_nothing_is_late(tmp_path: Path) -> None:
    """No message is late by its own measure, however late its reader is; it is published with the times outside."""
    began = time.time_ns()
    with live(small_twin(tmp_path, length_s=5.0), rate=20.0) as rig:
        assert rig.gateway.finished.wait(10)
        number = rig.broker.table.number(SPEED)
        until(lambda: rig.quality(SPEED) is Quality.STALE)
        values = rig.broker.history(number)
        assert len(values.t_ns) > 400
        assert began - S <= values.t_ns[0] <= values.t_ns[-1] <= time.time_ns() + S
        assert values.t_ns[-1] - values.t_ns[0] < 10 * S
        assert (values.quality[:-1] == Quality.GOOD).all()


def test_slower_than_life_nothing_is_late_either(tmp_path: Path) -> None:
    with live(small_twin(tmp_path), rate=0.1) as rig:
        until(lambda: rig.value(SPEED) >= 0.05)
        assert rig.gateway.facts()["stale"] == 0
        until(lambda: rig.value(SPEED) >= 0.08)
        number = rig.broker.table.number(SPEED)
        assert (rig.broker.history(number).quality == Quality.GOOD).all()


def test_a_paced_clock_is_steady_inside_and_utc_outside() -> None:
    now = [1_000 * S, 50 * S]
    clock = PacedClock(4.0, lambda: now[0], lambda: now[1])
    begin = clock.now_ns()
    assert begin == 1_000 * S
    now[0], now[1] = now[0] + 3 * S, now[1] + 3 * S
    assert clock.now_ns() == begin + 12 * S
    assert clock.to_utc(np.array([begin, begin + 12 * S])).tolist() == [1_000 * S, 1_003 * S]
    assert clock.check() == 0
    now[0] += 60 * S  # the machine's clock is set
    assert clock.check() == 60 * S
    assert clock.now_ns() == begin + 12 * S
    assert clock.to_utc(np.array([begin + 12 * S])).tolist() == [1_063 * S]
    plain = PacedClock(1.0, lambda: 7, lambda: 5)
    assert (plain.now_ns(), plain.to_utc(np.array([9])).tolist()) == (7, [9])


@pytest.mark.parametrize("rate", [0.0, -1.0, 101.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(tmp_path: Path, rate: float) -> None:
    with pytest.raises(GatewayError, match="a simulated car drives at a rate above 0 and up to 100"):
        VirtualCar(small_twin(tmp_path), rate=rate)


def test_a_scenario_without_length_cannot_begin_again(tmp_path: Path) -> None:
    twin = Twin(two(tmp_path), replace(scenario(), length_s=0.0), models=SMALL)
    with pytest.raises(GatewayError, match="the scenario 'small' takes no time and cannot begin again"):
        VirtualCar(twin, loop=True)


class Late(Sliding):
    """Physics that take longer than the time they simulate."""

    def step(self, inputs: Inputs, dt_s: float) -> None:
        time.sleep(2 * dt_s)
        super().step(inputs, dt_s)


def test_a_machine_that_is_too_slow_says_so_once_and_does_not_hurry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(virtual, "BEHIND_NS", 20 * MS)
    slow = Twin(two(tmp_path), scenario(), models=replace(SMALL, body=lambda _, start: Late(start)))
    with caplog.at_level(logging.WARNING, virtual.__name__), live(slow) as rig:
        until(lambda: float(str(rig.gateway.facts()["left_s"])) > 0.1)
        until(lambda: rig.value(SPEED) > 0)
        assert float(str(rig.gateway.facts()["latest_s"])) > 0.02
    assert [record.message for record in caplog.records].count(
        "acme/two: this machine cannot simulate the car as fast as asked; said once"
    ) == 1


class Failing(Sliding):
    """Physics that fail after a while."""

    def step(self, inputs: Inputs, dt_s: float) -> None:
        if self.state.t_s > 0.05:
            message = "the battery is on fire"
            raise ArithmeticError(message)
        super().step(inputs, dt_s)


def test_a_simulation_that_fails_is_a_bus_that_is_down_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twin = Twin(two(tmp_path), scenario(), models=replace(SMALL, body=lambda _, start: Failing(start)))
    with caplog.at_level(logging.ERROR), live(twin) as rig:
        until(lambda: rig.bus("drive")["state"] == "down" and rig.bus("power")["state"] == "down")
        error = "the simulation of acme/two has failed: the battery is on fire"
        assert rig.bus("drive")["error"] == rig.gateway.facts()["error"] == error
        until(lambda: rig.quality(SPEED) is Quality.STALE)
    assert sum("the battery is on fire" in record.message for record in caplog.records) == 1


def test_requests_reach_the_car_when_it_may_be_actuated(tmp_path: Path) -> None:
    twin = small_twin(tmp_path)
    without_mode = CONTROL.replace("      Mode: {idle: 0, acting: 5}\n", "")
    with live(twin, actuate=small_leave(twin.vehicle, tmp_path, text=without_mode)) as rig:
        until(lambda: rig.value(SPEED) > 0)
        armed, ask = rig.broker.table.number(IS_ARMED), rig.broker.table.number(TARGET)
        (arming,) = rig.broker.actuate({armed: True}, "a test")
        assert arming.wait(10) is Stage.CONFIRMED

        def steered() -> bool:
            rig.broker.actuate({ask: -12.5}, "a test")
            return TARGET in rig.car.twin.asked and rig.car.twin.asked[TARGET].value == pytest.approx(-12.5)

        until(steered)
        assert cast("int", rig.gateway.facts()["sent"]) > 1


def test_nothing_can_be_sent_to_a_car_that_may_not_be_actuated(tmp_path: Path) -> None:
    car = VirtualCar(small_twin(tmp_path))
    source = next(iter(car.sources.values()))
    assert not isinstance(car.open(source, 0, car.clock), Outlet)
    assert isinstance(car.open(source, 0, car.clock, may_send=True), Outlet)


def test_faults_of_the_scenario_are_the_readers(tmp_path: Path) -> None:
    twin = small_twin(tmp_path, Injection(FaultKind.SILENT, signal=SPEED, from_s=0.2))
    with live(twin) as rig:
        until(lambda: rig.quality(SPEED) is Quality.STALE)
        assert rig.value(VOLTAGE) == 12.5
        assert rig.bus("drive")["state"] == "up"


def test_what_nobody_reads_is_lost_from_the_oldest_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(virtual_wire, "MOST_WAITING", 1500)
    car = VirtualCar(small_twin(tmp_path))
    port: Port = car.open(next(iter(car.sources.values())), 0, car.clock)
    for first in range(0, 2000, 100):
        car.wires[0].put(Frames.build((first + i, 0, 0x100, b"") for i in range(100)), first + 100)
    frames = port.read(0.0)
    assert frames is not None
    assert (len(frames), int(frames.t_ns[0]), port.dropped) == (1000, 500, 500)
    rest = port.read(0.0)
    assert rest is not None
    assert (len(rest), port.read(0.0), port.garbage) == (500, None, 0)


def test_a_large_batch_comes_in_parts(tmp_path: Path) -> None:
    car = VirtualCar(small_twin(tmp_path))
    port = car.open(next(iter(car.sources.values())), 0, car.clock)
    car.wires[0].put(Frames.build((i, 0, 0x100, b"") for i in range(2500)), 2500)
    assert car.wires[0].heard_ns() == 0
    sizes = [len(frames) for frames in iter(lambda: port.read(0.0), None) if frames is not None]
    assert car.wires[0].heard_ns() == 2500
    assert sizes == [MOST_FRAMES, MOST_FRAMES, 2500 - 2 * MOST_FRAMES]


def test_a_reader_that_waits_is_woken(tmp_path: Path) -> None:
    car = VirtualCar(small_twin(tmp_path))
    port = car.open(next(iter(car.sources.values())), 0, car.clock)
    got: list[Frames | None] = []
    thread = threading.Thread(target=lambda: got.append(port.read(20.0)))
    thread.start()
    car.wires[0].put(Frames.build([(1, 0, 0x100, b"")]), 2)
    thread.join(10)
    assert got[0] is not None


def test_a_fault_that_does_nothing_on_this_car_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    settings = CarSettings(car="honda/civic_gen8", virtual=ScenarioName("fault-stuck"))
    Parts().gateway(settings, Broker(load_catalog()), Settings())
    said = "honda/civic_gen8 has nothing for the fault 'stuck of Vehicle.Chassis.SteeringWheel.Angle' to be of"
    assert [record.getMessage() for record in caplog.records] == [said]


def test_settings_make_a_simulated_car() -> None:
    settings = CarSettings(car="nissan/leaf_aze0:30kwh", virtual=ScenarioName("town"), seed=4, rate=2.0, loop=True)
    gateway = Parts().gateway(settings, Broker(load_catalog()), Settings())
    facts = gateway.facts()
    assert facts["virtual"] == "town"
    assert set(dict(facts["buses"])) == {"ev", "car"}  # type: ignore[call-overload]
