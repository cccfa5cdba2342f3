"""The life of an actuation, as who asks sees it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence

import pytest

from commonwheel.broker import Actuation, Broker, BrokerError, Provider, Reason, Stage
from commonwheel.broker import desk as desk_module
from commonwheel.broker.providers import Proof
from commonwheel.broker.updates import Updates
from commonwheel.catalog import load_catalog
from commonwheel.vehicles.samples import Quality

MODE = "Vehicle.Body.Windshield.Front.Wiping.Mode"
ANGLE = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
SHOWN = "Vehicle.Chassis.SteeringWheel.Angle"
SPEED = "Vehicle.Speed"

LIVED = [Stage.REQUESTED, Stage.ACCEPTED, Stage.FORWARDED]


@pytest.fixture
def broker() -> Broker:
    return Broker(load_catalog())


class Doer:
    """A provider of actuators that remembers what it was asked."""

    def __init__(self, broker: Broker, *paths: str, proof: Proof | None = None, name: str = "doer") -> None:
        self.asked: list[Actuation] = []
        self.provider: Provider = broker.provider(name)
        numbers = [broker.table.number(path) for path in paths]
        self.provider.claim(
            [number for number in numbers if broker.owner(number) is None],
            dict.fromkeys(numbers, proof),
            self.ask,
        )

    def ask(self, actuations: Sequence[Actuation]) -> None:
        self.asked.extend(actuations)


def stages(actuation: Actuation) -> list[Stage]:
    return [step.stage for step in actuation.steps]


def test_an_actuation_lives_from_request_to_proof(broker: Broker) -> None:
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE)
    seen: list[Stage] = []
    (actuation,) = broker.actuate({mode: "FAST"}, "app", on_step=lambda _, step: seen.append(step.stage))
    assert doer.asked == [actuation]
    assert (actuation.target, actuation.requester, stages(actuation)) == ("FAST", "app", LIVED)
    doer.provider.publish_values({mode: "SLOW"})
    assert actuation.stage is Stage.FORWARDED
    doer.provider.publish_values({mode: "FAST"})
    assert stages(actuation) == seen == [*LIVED, Stage.CONFIRMED]
    assert actuation.wait(0) is Stage.CONFIRMED
    events = [event.kind for event in broker.events.last() if event.kind.startswith("actuation")]
    assert events == [f"actuation.{stage.name.lower()}" for stage in seen]
    assert [step.t_ns for step in actuation.steps] == sorted(step.t_ns for step in actuation.steps)


@pytest.mark.parametrize(
    ("error_deg", "reached"), [(0.0, True), (0.1, True), (0.11, False), (-0.1, True), (-1.0, False)]
)
def test_another_signal_proves_it_to_its_tolerance(broker: Broker, error_deg: float, reached: bool) -> None:  # noqa: FBT001
    angle, shown = broker.table.number(ANGLE), broker.table.number(SHOWN)
    Doer(broker, ANGLE, proof=Proof(shown, tolerance=0.1 + 1e-9))
    (actuation,) = broker.actuate({angle: 12.5}, "app")
    broker.publish_values({shown: 12.5 + error_deg})
    assert (actuation.stage is Stage.CONFIRMED) is reached


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID, Quality.CORRUPT, Quality.MISSING])
def test_a_bad_sample_proves_nothing(broker: Broker, quality: Quality) -> None:
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE)
    (actuation,) = broker.actuate({mode: "FAST"}, "app")
    code = float(broker.table[mode].codes["FAST"])
    doer.provider.publish(Updates.build([(mode, 1, code, quality, None)]))
    assert actuation.stage is Stage.FORWARDED


def test_what_was_so_before_is_no_proof_until_the_time_is_over(broker: Broker) -> None:
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE, proof=Proof(mode, within_ns=1_000_000_000))
    doer.provider.publish_values({mode: "FAST"})
    (actuation,) = broker.actuate({mode: "FAST"}, "app")
    broker.tick()
    assert actuation.stage is Stage.FORWARDED
    broker.tick(actuation.started_ns + 1_000_000_001)
    assert (actuation.stage, actuation.why) == (Stage.CONFIRMED, "it showed the target already")


def test_what_is_not_shown_in_time_times_out(broker: Broker) -> None:
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE, proof=Proof(mode, within_ns=300_000_000))
    (actuation,) = broker.actuate({mode: "FAST"}, "app")
    broker.tick(actuation.started_ns + 300_000_000)
    assert actuation.stage is Stage.FORWARDED  # at the limit
    broker.tick(actuation.started_ns + 300_000_001)
    assert actuation.stage is Stage.TIMED_OUT
    assert actuation.why == f"{MODE} did not show it within 0.3 s"
    doer.provider.publish_values({mode: "FAST"})
    assert actuation.stage is Stage.TIMED_OUT  # what has ended has ended


def test_a_clock_that_is_set_ends_nothing(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    mode = broker.table.number(MODE)
    Doer(broker, MODE)
    (actuation,) = broker.actuate({mode: "FAST"}, "app")
    monkeypatch.setattr(time, "time_ns", lambda: 10**18 * 5)
    broker.tick()
    assert actuation.stage is Stage.FORWARDED


def test_a_later_request_ends_an_earlier_one(broker: Broker) -> None:
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE)
    (first,) = broker.actuate({mode: "FAST"}, "one")
    (second,) = broker.actuate({mode: "SLOW"}, "two")
    assert (first.stage, first.why) == (Stage.FAILED, "superseded by what two asked for after it")
    doer.provider.publish_values({mode: "FAST"})
    assert second.stage is Stage.FORWARDED
    doer.provider.publish_values({mode: "SLOW"})
    assert second.stage is Stage.CONFIRMED
    assert broker.target(mode).value == "SLOW"


def test_the_broker_refuses_before_anybody_is_asked(broker: Broker) -> None:
    mode, angle, speed = (broker.table.number(path) for path in (MODE, ANGLE, SPEED))
    doer = Doer(broker, MODE)
    for targets, reason in [
        ({mode: "FAST", speed: 3.0}, Reason.NOT_ACTUATOR),
        ({mode: "FAST", angle: "left"}, Reason.WRONG_TYPE),
        ({mode: "SIDEWAYS"}, Reason.NOT_ALLOWED),
        ({mode: "FAST", angle: 1.0}, Reason.NO_PROVIDER),
    ]:
        with pytest.raises(BrokerError) as caught:
            broker.actuate(targets, "app")
        assert caught.value.reason is reason
    assert not doer.asked
    assert broker.target(mode).quality is Quality.MISSING


@pytest.mark.parametrize(("target", "allowed"), [(600.0, True), (-600.0, True), (600.1, False), (-1e6, False)])
def test_a_car_may_take_less_than_the_standard(broker: Broker, target: float, allowed: bool) -> None:  # noqa: FBT001
    angle = broker.table.number(ANGLE)
    doer = Doer(broker, ANGLE, proof=Proof(angle, low=-600.0, high=600.0))
    if allowed:
        assert broker.actuate({angle: target}, "app") == doer.asked
        return
    with pytest.raises(BrokerError, match=r"can be asked for -600\.\.600 degrees on this car") as caught:
        broker.actuate({angle: target}, "app")
    assert (caught.value.reason, doer.asked) == (Reason.OUT_OF_RANGE, [])


def test_a_target_may_be_noted_with_nobody_to_do_it(broker: Broker) -> None:
    mode = broker.table.number(MODE)
    reader = broker.subscribe([mode], targets=True, initial=False)
    assert broker.actuate({mode: "FAST"}, "app", need_provider=False) == []
    assert broker.target(mode).value == "FAST"
    (batch,) = reader.take().batches
    assert batch.signal.tolist() == [mode]


def test_a_provider_that_raises_fails_its_own_part_only(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    mode, angle = broker.table.number(MODE), broker.table.number(ANGLE)

    def burst(_: Sequence[Actuation]) -> None:
        message = "no power"
        raise OSError(message)

    bad = broker.provider("bad")
    bad.claim([], {mode: None}, burst)
    good = Doer(broker, ANGLE, name="good")
    with caplog.at_level(logging.CRITICAL), pytest.raises(BrokerError, match=r"bad failed .* no power") as caught:
        broker.actuate({mode: "FAST", angle: 1.0}, "app")
    assert caught.value.reason is Reason.PROVIDER_FAILED
    (asked,) = good.asked
    assert asked.stage is Stage.FORWARDED
    failed = [event.facts["signal"] for event in broker.events.last() if event.kind == "actuation.failed"]
    assert failed == [MODE]


def test_a_listener_that_raises_harms_nobody(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE)

    def burst(_: Actuation, __: object) -> None:
        raise ValueError

    with caplog.at_level(logging.CRITICAL, logger="commonwheel"):
        (actuation,) = broker.actuate({mode: "FAST"}, "app", on_step=burst)
        doer.provider.publish_values({mode: "FAST"})
    assert actuation.stage is Stage.CONFIRMED


def test_who_was_to_do_it_goes_away(broker: Broker) -> None:
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE)
    (actuation,) = broker.actuate({mode: "FAST"}, "app")
    doer.provider.close()
    assert (actuation.stage, actuation.why) == (Stage.FAILED, "doer, who was to do it, went away")
    with pytest.raises(BrokerError) as caught:
        broker.actuate({mode: "FAST"}, "app")
    assert caught.value.reason is Reason.NO_PROVIDER


def test_a_requester_cannot_have_any_number_under_way(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "MOST_PENDING", 1)
    mode, angle = broker.table.number(MODE), broker.table.number(ANGLE)
    doer = Doer(broker, MODE, ANGLE)
    broker.actuate({mode: "FAST"}, "app")
    with pytest.raises(BrokerError, match="app has 1 actuations under way") as caught:
        broker.actuate({angle: 1.0}, "app")
    assert caught.value.reason is Reason.LIMIT
    assert broker.target(angle).quality is Quality.MISSING
    broker.actuate({angle: 1.0}, "other")
    assert len(doer.asked) == 2


def test_steps_are_told_with_no_lock_held(broker: Broker) -> None:
    """Who is told may ask the broker from another thread, and wait for it, without a deadlock."""
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE)
    read: list[object] = []

    def step(_: Actuation, __: object) -> None:
        thread = threading.Thread(target=lambda: read.append(broker.get(mode).value))
        thread.start()
        thread.join(10)
        assert not thread.is_alive()

    (actuation,) = broker.actuate({mode: "FAST"}, "app", on_step=step)
    doer.provider.publish_values({mode: "FAST"})
    assert (actuation.stage, read) == (Stage.CONFIRMED, [None, None, None, "FAST"])


def test_it_can_be_awaited_and_waited_for(broker: Broker) -> None:
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE)
    (actuation,) = broker.actuate({mode: "FAST"}, "app")
    assert actuation.wait(0.001) is Stage.FORWARDED

    async def both() -> Stage:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_result(actuation), 0.001)
        threading.Timer(0.01, doer.provider.publish_values, [{mode: "FAST"}]).start()
        return await actuation

    assert asyncio.run(both()) is Stage.CONFIRMED


async def _result(actuation: Actuation) -> Stage:
    return await actuation


def test_many_ask_at_once_and_each_request_ends_once(broker: Broker) -> None:
    """Eight threads ask for one actuator while its provider obeys; every actuation ends, each exactly once."""
    mode = broker.table.number(MODE)
    doer = Doer(broker, MODE)
    ends: dict[int, int] = {}
    lock = threading.Lock()

    def step(actuation: Actuation, step: object) -> None:
        if actuation.stage.is_final and step is actuation.steps[-1]:
            with lock:
                ends[actuation.number] = ends.get(actuation.number, 0) + 1

    def ask(name: str) -> None:
        for value in ("FAST", "SLOW") * 20:
            broker.actuate({mode: value}, name, on_step=step)

    threads = [threading.Thread(target=ask, args=(f"app{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for value in ("FAST", "SLOW"):
            doer.provider.publish_values({mode: value})
    for thread in threads:
        thread.join()
    doer.provider.close()
    assert len(ends) == 320
    assert set(ends.values()) == {1}


def test_texts_are_proved_by_equality(broker: Broker) -> None:
    texts = [s for s in broker.table.signals if s.is_actuator and s.leaf.datatype == "string" and not s.labels]
    assert texts
    number = texts[0].number
    doer = Doer(broker, texts[0].path)
    (actuation,) = broker.actuate({number: "one"}, "app")
    doer.provider.publish_values({number: "two"})
    assert actuation.stage is Stage.FORWARDED
    doer.provider.publish_values({number: "one"})
    assert actuation.stage is Stage.CONFIRMED
