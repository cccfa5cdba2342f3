"""A live car that acts: armed by somebody who may, engaged by what the guard asks for, released whatever ends it.

The car here is two test buses and a thread that says on them what a car says; the control and its guard are real.
"""

from __future__ import annotations

import ast
import itertools
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self, cast

import can
import pytest

import commonwheel.gateway
from commonwheel.broker import Actuation, Broker, BrokerError, Reason, Stage
from commonwheel.broker.actuation import Terms
from commonwheel.broker.providers import SECOND
from commonwheel.catalog import Catalog, load_catalog
from commonwheel.control import CarControl
from commonwheel.control.model import Control
from commonwheel.gateway import telling
from commonwheel.gateway.acting import MOST_BATCHES, MOST_OF_ONE, MOST_ORDERS, Acting
from commonwheel.gateway.actuator import Leave, leave_to_act
from commonwheel.gateway.asking import Arming, Asked, Withdrawn
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.outlets import MOST_FAILED
from commonwheel.gateway.port import Outlet
from commonwheel.gateway.sources import BusSource, parse_buses
from commonwheel.gateway.stopping import Stop
from commonwheel.gateway.telling import ACTING, CAUSE, IS_ARMED, STATES, Armed, Gone, Teller
from commonwheel.gateway.verdicts import Verdicts
from commonwheel.vehicles import Vehicle
from commonwheel.wire.frames import Frames
from commonwheel.wire.sent import SENT
from tests.gateway.kit import CONTROL, SPEED, TARGET, WHEEL, Rig, small_car, small_leave, until

STEER, ANGLE, MOTION = 0x200, 0x101, 0x100
LATERAL = STATES["lateral"]
EVERY_S = 0.02


class Driven(Rig):
    """A car that drives at 50 km/h, and whose wheel is where the last frame has told it to be."""

    def __init__(self, vehicle: Vehicle, leave: Leave | None) -> None:
        super().__init__(vehicle, actuate=leave)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._drive)
        self.follows = True
        self.speaks = True

    def _drive(self) -> None:
        while not self._end.wait(EVERY_S):
            wheel = self.drive.sent[-1][1][:2].hex() if self.follows and self.drive.sent else "0000"
            if self.speaks:
                self.drive.bring((MOTION, "1388 00 03 00000000"), (ANGLE, f"{wheel} 000000000000"))

    def __enter__(self) -> Self:
        super().__enter__()
        until(lambda: self.bus("drive")["state"] == self.bus("power")["state"] == "up")
        self._thread.start()
        until(lambda: self.get(SPEED).good == 50.0 and self.get(WHEEL).good is not None)
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._end.set()
        self._thread.join()

    def ask(self, value: object, who: str = "a test", **terms: int) -> Actuation:
        (actuation,) = self.broker.actuate({self.number(TARGET): value}, who, terms=Terms(**terms))  # type: ignore[arg-type]
        return actuation

    def arm(self, *, arm: bool = True, reason: str = "") -> Actuation:
        (actuation,) = self.broker.actuate({self.number(IS_ARMED): arm}, "an operator", terms=Terms(reason=reason))
        return actuation

    def state(self) -> object:
        return self.get(LATERAL).value

    @property
    def angles(self) -> list[float]:
        """What the frames have said so far, in degrees."""
        return [int.from_bytes(payload[:2], "big", signed=True) / 10 for _, payload in self.drive.sent]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.broker.events.last()]


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory: pytest.TempPathFactory) -> Vehicle:
    return small_car(tmp_path_factory.mktemp("car"))


@pytest.fixture(scope="module")
def leave(vehicle: Vehicle, tmp_path_factory: pytest.TempPathFactory) -> Leave:
    return small_leave(vehicle, tmp_path_factory.mktemp("control"))


@pytest.fixture
def car(vehicle: Vehicle, leave: Leave) -> Iterator[Driven]:
    with Driven(vehicle, leave) as driven:
        yield driven


@contextmanager
def renewed(car: Driven, value: float, who: str = "a test") -> Iterator[list[Actuation]]:
    """Ask again and again, as an app does, while the block runs."""
    asked = [car.ask(value, who)]
    end = threading.Event()

    def renew() -> None:
        while not end.wait(0.05):
            asked.append(car.ask(value, who))

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield asked
    finally:
        end.set()
        thread.join()


def engaged(car: Driven) -> None:
    """Arm it and let it steer by 20 degrees, once."""
    assert car.arm().wait(5) is Stage.CONFIRMED
    car.ask(20.0)
    until(lambda: 20.0 in car.angles, "that it steers")


# ---- arming ---------------------------------------------------------------------------------------------------------


def test_nothing_leaves_and_nothing_is_taken_before_it_is_armed(car: Driven) -> None:
    actuation = car.ask(5.0)
    assert actuation.stage is Stage.REFUSED
    assert "not armed" in actuation.why
    assert IS_ARMED in actuation.why
    assert (car.state(), car.get(IS_ARMED).value) == ("OFF", False)
    assert car.drive.sent == []
    record = car.gateway.actuator
    assert record is not None
    assert [said.facts["path"] for said in record.record.last() if said.kind == "refusal"] == [TARGET]


def test_armed_it_sends_what_is_neutral_and_says_who_armed_it_and_why(car: Driven) -> None:
    assert car.arm(reason="a bench").wait(5) is Stage.CONFIRMED
    until(lambda: len(car.drive.sent) > 3)
    assert set(car.angles) == {0.0}
    assert all(payload[2] & 15 == 0 for _, payload in car.drive.sent)  # its mode is idle
    assert car.state() == "ARMED"
    (event,) = [event for event in car.broker.events.last() if event.kind == "guard.armed"]
    assert (event.facts["requester"], event.facts["reason"]) == ("an operator", "a bench")
    assert "operator" in str(car.get(CAUSE).value)


def test_disarmed_it_falls_silent(car: Driven) -> None:
    engaged(car)
    car.arm(arm=False)
    until(lambda: car.state() == "OFF" and car.get(IS_ARMED).value is False)
    until(lambda: car.angles[-1] == 0.0)
    sent = len(car.drive.sent)
    assert car.ask(5.0).stage is Stage.REFUSED
    until(lambda: "guard.disarmed" in car.kinds())
    assert len(car.drive.sent) == sent


def test_whoever_arms_and_disarms_at_once_the_last_word_stands(car: Driven) -> None:
    """Several clients arm and disarm as fast as they can, while one asks: it ends silent, and nothing has jumped."""

    def storm(who: str) -> None:
        for number in range(60):
            car.broker.actuate({car.number(IS_ARMED): number % 3 != 0}, who)

    with renewed(car, 90.0):
        threads = [threading.Thread(target=storm, args=(f"client {number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert car.arm(arm=False).wait(5) is Stage.CONFIRMED
        until(lambda: car.state() == "OFF" and car.get(IS_ARMED).value is False)
        until(lambda: not car.angles or car.angles[-1] == 0.0)
        sent = len(car.drive.sent)
    assert len(car.drive.sent) == sent
    assert max((abs(after - before) for before, after in itertools.pairwise(car.angles)), default=0.0) <= 40.0


def test_nobody_but_the_car_tells_the_guard_what_it_relies_on(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    with renewed(car, 20.0):
        until(lambda: car.state() == "ENGAGED")
        car.speaks = False
        said: list[str] = []

        def spoofed() -> bool:
            assert car.broker.publish_values({car.number(SPEED): 50.0})[car.number(SPEED)].reason
            said.append(str(car.get(CAUSE).value))
            return car.state() != "ENGAGED"

        until(spoofed)
        with pytest.raises(BrokerError):
            car.broker.provider("somebody else").claim([car.number(SPEED)])
        until(lambda: "is STALE" in str(car.get(CAUSE).value) or car.state() != "ENGAGED")
    assert any("Speed is" in one or "Angle is" in one for one in [*said, str(car.get(CAUSE).value)])


def test_a_car_that_has_not_said_all_that_is_relied_on_cannot_be_armed_yet(vehicle: Vehicle, tmp_path: Path) -> None:
    """Armed, it would fault, and somebody would have to see to that; it stays off until it can be armed."""
    with Rig(
        vehicle, actuate=small_leave(vehicle, tmp_path, text=CONTROL.replace("missing: release", "missing: fault"))
    ) as rig:
        until(lambda: rig.bus("drive")["state"] == rig.bus("power")["state"] == "up")

        def arm() -> Actuation:
            (actuation,) = rig.broker.actuate({rig.number(IS_ARMED): True}, "an operator")
            actuation.wait(5)
            return actuation

        early = arm()
        assert (early.stage, early.why) == (
            Stage.REFUSED, f"it cannot be armed yet: {SPEED} has not come; {WHEEL} has not come"
        )  # fmt: skip
        assert (rig.get(LATERAL).value, rig.get(IS_ARMED).value) == ("OFF", False)
        assert rig.gateway.actuator is not None
        (said,) = [said for said in rig.gateway.actuator.record.last() if said.kind == "arming"]
        assert (said.facts["rule"], said.facts["text"]) == ("refused", early.why)
        rig.drive.bring((MOTION, "1388 00 03 00000000"))
        until(lambda: rig.get(SPEED).good == 50.0)
        until(lambda: arm().why == f"it cannot be armed yet: {WHEEL} has not come")
        rig.drive.bring((MOTION, "1388 00 03 00000000"), (ANGLE, "0000 000000000000"))
        until(lambda: arm().stage is Stage.CONFIRMED)
        assert rig.get(LATERAL).value == "ARMED"


def test_a_car_whose_bus_is_down_cannot_be_armed(car: Driven) -> None:
    car.drive.broken.set()
    car.drive.fail()
    until(lambda: car.bus("drive")["state"] == "down")
    armed = car.arm()
    assert armed.wait(5) is Stage.REFUSED
    assert "'drive'" in armed.why
    assert "is down" in armed.why
    assert car.drive.sent == []


# ---- requests -------------------------------------------------------------------------------------------------------


def test_a_request_lives_from_being_asked_to_being_proved(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    actuation = car.ask(20.0)
    until(lambda: 20.0 in car.angles)
    assert actuation.wait(5) is Stage.CONFIRMED
    stages = [step.stage for step in actuation.steps]
    assert stages[:3] == [Stage.REQUESTED, Stage.ACCEPTED, Stage.FORWARDED]
    assert Stage.SENT in stages
    steps = [second - first for first, second in zip(car.angles, car.angles[1:], strict=False)]
    assert max(map(abs, steps)) <= 20.1  # 2000 degrees a second, in a period of 10 ms
    assert all(sum(payload) % 256 == 0 for _, payload in car.drive.sent)
    counters = [payload[6] & 15 for _, payload in car.drive.sent]
    assert all((after - before) % 16 == 1 for before, after in itertools.pairwise(counters))


def test_silence_ends_it_and_it_goes_back_to_neutral(car: Driven) -> None:
    engaged(car)
    until(lambda: car.state() != "ENGAGED")
    until(lambda: car.angles[-1] == 0.0)
    assert car.state() == "ARMED"


def test_one_that_is_renewed_goes_on_and_is_told_of_once(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    with renewed(car, 20.0) as asked:
        until(lambda: len(asked) > 15)
        until(lambda: car.state() == "ENGAGED" and car.angles[-1] == 20.0)
    kinds = car.kinds()
    assert kinds.count("actuation.requested") == 2  # arming is the other
    assert {one.stage for one in asked[:-2]} <= {Stage.ENDED, Stage.CONFIRMED}
    assert "actuation.failed" not in kinds


def test_what_is_too_much_is_limited_and_it_is_said_by_which_rule(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    with renewed(car, 170.0) as asked:
        until(lambda: 100.0 in car.angles)
        until(lambda: any(step.stage is Stage.LIMITED for one in asked for step in one.steps))
    assert max(car.angles) == 100.0
    why = next(step.why for one in asked for step in one.steps if step.stage is Stage.LIMITED)
    assert re.fullmatch(r"[\d.]+ degrees rather than 170, by its (range|rate)", why)
    assert "guard.verdict" in car.kinds()


def test_the_higher_priority_wins_and_the_other_is_told_so(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    low = car.ask(-10.0, "one", valid_ns=10**9)
    until(lambda: -10.0 in car.angles)
    car.ask(10.0, "two", priority=3)
    until(lambda: 10.0 in car.angles)
    until(lambda: any(step.stage in {Stage.OUTVOTED, Stage.CONFIRMED} for step in low.steps))


def test_what_is_withdrawn_is_released_at_once(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    actuation = car.ask(20.0, valid_ns=2 * 10**9)
    until(lambda: 20.0 in car.angles)
    car.broker.withdraw("a test")
    assert actuation.stage in {Stage.ENDED, Stage.CONFIRMED}
    until(lambda: car.angles[-1] == 0.0)


def test_one_that_is_to_hold_for_too_long_is_refused(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    actuation = car.ask(20.0, valid_ns=3 * 10**9)
    assert actuation.stage is Stage.REFUSED
    assert "2 s at most" in actuation.why


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "left", None, True])
def test_what_is_no_number_is_refused_and_kept(car: Driven, value: object) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    with pytest.raises(BrokerError), car.broker.refusing("a test", TARGET):
        car.ask(value)
    assert car.gateway.actuator is not None
    assert [said.kind for said in car.gateway.actuator.record.last()].count("refusal") == 1
    assert set(car.angles) <= {0.0}


def test_another_unit_is_refused(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    (actuation,) = car.broker.actuate({car.number(TARGET): 0.3}, "a test", terms=Terms(unit="rad"))
    assert actuation.wait(5) is Stage.REFUSED
    assert "degrees" in actuation.why


# ---- what can go wrong ----------------------------------------------------------------------------------------------


def test_inputs_that_no_longer_come_release_it(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    with renewed(car, 20.0):
        until(lambda: car.angles[-1] == 20.0)
        car.speaks = False
        until(lambda: car.state() != "ENGAGED")
        until(lambda: car.angles[-1] == 0.0)
    assert "SPEED" in str(car.get(CAUSE).value).upper() or "ANGLE" in str(car.get(CAUSE).value).upper()


def test_a_bus_that_is_lost_faults_it_until_it_is_armed_anew(car: Driven) -> None:
    engaged(car)
    car.drive.broken.set()
    car.drive.fail()
    until(lambda: car.state() == "FAULTED")
    assert "'drive'" in str(car.get(CAUSE).value)
    assert car.get(IS_ARMED).value is False
    refused = car.ask(5.0)
    assert refused.stage is Stage.REFUSED
    assert "faulted" in refused.why
    car.drive.broken.clear()
    until(lambda: car.bus("drive")["state"] == "up")
    again = car.arm()
    assert again.wait(5) is Stage.REFUSED
    assert "disarm it first" in again.why
    car.arm(arm=False)
    assert car.arm().wait(5) is Stage.CONFIRMED


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_machine_whose_clock_is_set_faults_it_and_what_is_read_goes_on(car: Driven, step_s: float) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    with renewed(car, 20.0):
        until(lambda: car.angles[-1] == 20.0)
        car.gateway._clock._utc = lambda: time.time_ns() + round(step_s * 1e9)
        until(lambda: car.state() == "FAULTED")
        until(lambda: car.angles[-1] == 0.0)
    (event,) = [event for event in car.broker.events.last() if event.kind == "guard.faulted"]
    assert event.facts["rule"] == "clock-step"
    assert f"was set by {step_s:+.3f} s, which may be 2 s" in str(car.get(CAUSE).value)
    until(lambda: abs(car.get(SPEED).t_ns - time.time_ns() - step_s * 1e9) < 60e9)
    assert car.get(SPEED).good == 50.0
    assert car.arm(arm=False).wait(5) is Stage.CONFIRMED
    assert car.arm().wait(5) is Stage.CONFIRMED  # set once, it is trusted again by who saw to it
    until(lambda: car.state() == "ARMED")


def test_a_clock_that_is_disciplined_is_none_that_is_set(car: Driven) -> None:
    engaged(car)
    car.gateway._clock._utc = lambda: time.time_ns() + 1_500_000_000
    until(lambda: car.gateway._clock.steps == 1)
    cycles = cast("dict[str, int]", car.gateway.facts()["acting"])["cycles"]
    until(lambda: cast("dict[str, int]", car.gateway.facts()["acting"])["cycles"] > cycles + 5)
    assert car.state() in {"ENGAGED", "ARMED"}


def test_a_bus_that_takes_no_frames_faults_it(car: Driven) -> None:
    engaged(car)
    car.drive.refuses = OSError("the queue is full")
    until(lambda: car.state() == "FAULTED")
    assert f"has not taken {MOST_FAILED} frames" in str(car.get(CAUSE).value)
    facts = cast("dict[str, int]", car.gateway.facts()["acting"])
    assert facts["unsent"] >= MOST_FAILED
    until(lambda: car.get(SPEED).good == 50.0)  # reading goes on


def test_a_car_that_stops_is_released_first(vehicle: Vehicle, leave: Leave) -> None:
    with Driven(vehicle, leave) as car:
        engaged(car)
        car.gateway.stop()
        assert car.angles[-1] == 0.0
        sent = len(car.drive.sent)
    assert len(car.drive.sent) == sent
    assert max(abs(b - a) for a, b in zip(car.angles, car.angles[1:], strict=False)) <= 20.1


def test_a_second_signal_leaves_when_the_car_is_released(vehicle: Vehicle, leave: Leave) -> None:
    """However the first one fares: here nobody has begun to stop anything."""
    left, said, gone = list[float](), list[str](), threading.Event()
    with Driven(vehicle, leave) as car:
        assert car.arm().wait(5) is Stage.CONFIRMED

        def gone_now(_status: int) -> None:
            left.append(car.angles[-1])
            gone.set()

        with renewed(car, 90.0), Stop(30, gone_now, said.append) as stop:
            stop.hold(car.gateway)
            until(lambda: 90.0 in car.angles, "that it steers")
            signal.raise_signal(signal.SIGTERM)
            assert car.angles[-1] == 90.0
            signal.raise_signal(signal.SIGTERM)
            assert gone.wait(20)
            stop.finished()
        sent = len(car.drive.sent)
    assert left == [0.0]
    assert said == ["releasing lateral, which takes 0.2 s at most; it ends then, and once more ends it at once"]
    assert len(car.drive.sent) == sent
    assert max(abs(b - a) for a, b in itertools.pairwise(car.angles)) <= 60.0  # led there, however late a cycle comes


def test_an_exception_in_the_thread_releases_the_car(car: Driven, monkeypatch: pytest.MonkeyPatch) -> None:
    engaged(car)
    actuator = car.gateway.actuator
    assert actuator is not None
    failed = threading.Event()

    def fail(*_: object) -> None:
        if not failed.is_set():
            failed.set()
            message = "a fault of our own"
            raise RuntimeError(message)

    monkeypatch.setattr(actuator._thread._outlets, "lost", fail)
    until(lambda: failed.is_set() and car.get(IS_ARMED).value is False)
    until(lambda: car.angles[-1] == 0.0)
    assert car.ask(5.0).stage is Stage.REFUSED
    again = car.arm()
    assert (again.wait(5), again.why) == (Stage.REFUSED, "what acts has ended")
    assert car.get(SPEED).good == 50.0


def test_garbage_on_the_bus_harms_nothing(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    with renewed(car, 20.0):
        until(lambda: car.angles[-1] == 20.0)
        for number in range(50):
            car.drive.bring(*((0x400 + row, f"{number:02X}" * (row % 9)) for row in range(200)))
        until(lambda: cast("int", car.gateway.facts()["unknown"]) >= 10_000)
        until(lambda: car.state() == "ENGAGED")


def test_a_flood_of_requests_costs_nothing_but_itself(car: Driven) -> None:
    assert car.arm().wait(5) is Stage.CONFIRMED
    for number in range(3 * MOST_ORDERS):
        car.ask(number % 7 - 3.0, f"client {number % 3}")
    with renewed(car, 20.0, "a client that behaves") as asked:
        until(lambda: len(asked) > 5)
    until(lambda: abs(car.angles[-1]) <= 20.0)
    assert len(car.broker._desk._pending) < 20


# ---- the thread alone -----------------------------------------------------------------------------------------------


class _Silent:
    """What an acting thread leans on, doing nothing."""

    vehicle = type("Named", (), {"name": "acme/two"})

    def __getattr__(self, name: str) -> Callable[..., object]:
        return lambda *_args, **_kwargs: None


def _alone() -> Acting:
    silent = _Silent()
    return Acting(cast("CarControl", silent), silent, silent, lambda: 0)  # type: ignore[arg-type]


def test_what_waits_for_the_thread_is_bounded() -> None:
    thread = _alone()
    taken = [thread.order(Asked(TARGET, 1.0, "a test", 1, 0, "", n)) for n in range(MOST_OF_ONE + 5)]
    assert taken.count(False) == 5
    assert thread.order(Asked(TARGET, 1.0, "another", 1, 0, "", 1)), "who asks too much keeps others out"
    everybody = [thread.order(Asked(TARGET, 1.0, f"one of many {n}", 1, 0, "", n)) for n in range(MOST_ORDERS)]
    assert everybody.count(True) == MOST_ORDERS - MOST_OF_ONE - 1
    withdrawn = [thread.order(Withdrawn("a test", (TARGET,))) for _ in range(MOST_ORDERS + 5)]
    assert withdrawn.count(False) == 5, "those who ask keep out who takes back"
    assert thread.order(cast("Arming", _Silent())), "nothing keeps out who disarms"
    for _ in range(MOST_BATCHES + 3):
        thread.hear(None, cast("object", None))  # type: ignore[arg-type]
    assert (len(thread._heard), thread._dropped) == (MOST_BATCHES, 3)


# ---- never without leave --------------------------------------------------------------------------------------------


def test_without_leave_nobody_makes_an_actuator_act(vehicle: Vehicle) -> None:
    with Rig(vehicle) as rig:
        until(lambda: rig.bus("drive")["state"] == rig.bus("power")["state"] == "up")
        for path in (TARGET, IS_ARMED):
            with pytest.raises(BrokerError) as caught:
                rig.broker.actuate({rig.number(path): path == IS_ARMED or 5}, "a test")
            assert caught.value.reason is Reason.NO_PROVIDER
        rig.broker.actuate({rig.number(TARGET): 5}, "a test", need_provider=False)
        assert rig.drive.sent == rig.power.sent == []
        assert rig.gateway.actuator is None
        assert not any(isinstance(reader.port, Outlet) for reader in rig.gateway._readers)


def test_a_car_that_does_not_say_how_it_acts_gets_no_leave(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert leave_to_act(small_car(tmp_path), str(tmp_path)) is None
    assert any("no control.yaml" in record.getMessage() for record in caplog.records)


def test_a_car_that_does_not_act_says_why_it_cannot_be_asked(vehicle: Vehicle) -> None:
    rig = Rig(vehicle)
    rig.gateway.cannot = {"Vehicle.MotionManagement": "it has no driver assistance"}
    with rig, pytest.raises(BrokerError) as caught:
        rig.broker.actuate({rig.number(TARGET): 5}, "a test")
    assert caught.value.reason is Reason.NO_PROVIDER
    assert str(caught.value) == f"nobody makes {TARGET} act on this car: it has no driver assistance"


@pytest.mark.parametrize("actuate", [False, True])
def test_a_car_on_a_bus_sends_when_it_is_armed_and_nothing_without_leave(
    vehicle: Vehicle, leave: Leave, *, actuate: bool
) -> None:
    """With python-can's own bus, on which everything that is sent is seen."""
    broker, name = Broker(load_catalog()), f"actuate-{actuate}"
    gateway = CarGateway(
        vehicle, broker, parse_buses([f"drive=virtual:{name}"], vehicle), actuate=leave if actuate else None
    )
    with can.Bus(name, "virtual") as seen:
        gateway.start()
        assert gateway.ready.wait(5)
        broker.actuate({broker.table.number(IS_ARMED): True}, "a test", need_provider=False)
        message = seen.recv(5 if actuate else 0.1)
        gateway.stop()
        assert (message is not None) is actuate
        if message is not None:
            assert (message.arbitration_id, message.is_extended_id, message.data[:2]) == (STEER, False, b"\x00\x00")


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ({"drive": BusSource("virtual", "x"), "power": BusSource("virtual", "x")}, "'drive' and 'power' have one"),
        ({"drive": BusSource("virtual", "x", {"receive_own_messages": True})}, "its own frames for the car's"),
    ],
)
def test_a_car_does_not_act_on_buses_that_do_not_tell_what_they_carry(
    vehicle: Vehicle, leave: Leave, sources: dict[str, BusSource], says: str
) -> None:
    with pytest.raises(GatewayError, match=says):
        CarGateway(vehicle, Broker(load_catalog()), sources, actuate=leave)
    CarGateway(vehicle, Broker(load_catalog()), sources)


def test_only_one_module_sends() -> None:
    """Wherever else ``send`` were called in this package, a frame could leave that no guard has seen.

    What puts a simulated car on real buses sends too; no part of a service can reach it.
    """
    senders: set[str] = set()
    for path in Path(commonwheel.gateway.__file__).parent.glob("*.py"):
        text = path.read_text()
        assert "virtual_sender" not in text
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "send":
                senders.add(path.name)
    assert senders - {"notify.py"} == {"acting.py", "outlets.py", "port.py", "socketcan.py", "virtual_sender.py"}


def test_a_catalog_that_nothing_can_be_armed_in_is_refused(vehicle: Vehicle, leave: Leave) -> None:
    whole = load_catalog()
    leaves = {path: leaf for path, leaf in whole.leaves.items() if path != IS_ARMED}
    broker = Broker(Catalog(leaves, whole.branches, "a smaller one"))
    gateway = CarGateway(vehicle, broker, {"power": BusSource("virtual", "x")}, actuate=leave)
    with pytest.raises(GatewayError, match="IsArmed"):
        gateway.start()
    gateway.stop()


def test_a_target_that_the_catalog_counts_otherwise_cannot_be_asked_for(vehicle: Vehicle, leave: Leave) -> None:
    """Nothing converts it: 30 m/s would be taken for 30 km/h."""
    whole = load_catalog()
    leaves = dict(whole.leaves) | {TARGET: replace(whole.leaves[TARGET], unit="rad")}
    broker = Broker(Catalog(leaves, whole.branches, "one in radians"))
    gateway = CarGateway(vehicle, broker, {"power": BusSource("virtual", "x")}, actuate=leave)
    gateway.start()
    try:
        with pytest.raises(BrokerError) as refused:
            broker.actuate({broker.table.number(TARGET): 1.0}, "a test")
        assert refused.value.reason is Reason.NO_PROVIDER
    finally:
        gateway.stop()


# ---- what is told ---------------------------------------------------------------------------------------------------


def test_asked_allowed_sent_and_measured_are_told_side_by_side(car: Driven) -> None:
    told: list[dict[str, object]] = []
    stop = car.broker.events.listen(lambda event: told.append(dict(event.facts)) if event.kind == ACTING else None)
    assert car.arm().wait(5) is Stage.CONFIRMED
    with renewed(car, 170.0):
        until(lambda: any(one["sent"] == 100.0 == one["measured"] for one in told))
    stop()
    one = next(one for one in told if one["sent"] == 100.0 == one["measured"])
    assert (one["signal"], one["source"], one["asked"], one["allowed"]) == (TARGET, "a test", 170.0, 100.0)
    assert one["state"] == "engaged"
    assert not any(event.kind == ACTING for event in car.broker.events.last())


def test_what_was_sent_is_told_to_who_listens_to_frames_and_is_not_taken_for_the_cars_own(car: Driven) -> None:
    """A recorder, or a page, has it on a bus number of its own, in order and complete; the decoder never."""
    heard: list[Frames] = []
    car.gateway.listen(heard.append)
    known = cast("int", car.gateway.facts()["known"])
    engaged(car)
    car.gateway.stop()
    frames = Frames.concat(heard)
    sent = frames[frames.bus >= SENT]
    assert set(sent.bus.tolist()) == {SENT}
    assert [(int(can_id), data.tobytes()) for can_id, data in zip(sent.id, sent.data, strict=True)] == car.drive.sent
    assert (sent.t_ns[1:] > sent.t_ns[:-1]).all()
    own = frames[frames.bus < SENT]
    assert abs(int(own.t_ns[-1]) - int(sent.t_ns[-1])) < 5 * SECOND, "both are UTC"
    assert STEER not in set(own.id.tolist())
    assert cast("int", car.gateway.facts()["known"]) - known <= len(own)


def test_who_hangs_when_it_is_told_costs_a_bounded_amount() -> None:
    """The thread that tells never runs here, as if the first reader hung: arming alone is never lost."""
    teller = Teller("a car", Broker(load_catalog()), Verdicts(), lambda t_ns: t_ns)
    try:
        for number in range(telling.MOST_WAITING + 5):
            teller.put(Gone([(number, 0, STEER, b"")]))
        teller.put(Armed(cast("Arming", None)))
        assert teller.untold == 5
        assert teller._waiting.qsize() == telling.MOST_WAITING + 1
    finally:
        teller.close(1.0)


def test_figures_of_the_thread_are_among_the_gateways(car: Driven) -> None:
    def facts() -> dict[str, object]:
        return cast("dict[str, object]", car.gateway.facts()["acting"])

    assert car.arm().wait(5) is Stage.CONFIRMED
    with renewed(car, 20.0):
        until(lambda: facts()["states"] == {"lateral": "engaged"})
    car.gateway.stop()
    assert cast("int", facts()["sent"]) == car.gateway.facts()["sent"] == len(car.drive.sent)
    assert cast("dict[tuple[str, str], int]", facts()["said"])["arming", "armed"] == 1
    assert cast("int", facts()["cycles"]) > 5
    assert facts()["untold"] == 0


def test_leave_is_by_what_a_control_says(leave: Leave) -> None:
    assert isinstance(leave.control, Control)
