"""A car by each of the four ways: the same calls mean the same."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pytest

import commonwheel as cw
from commonwheel import Confirm, Quality
from commonwheel.broker import Broker, BrokerError, Reason
from commonwheel.broker.offers import Offer
from commonwheel.broker.rights import Action, Rights
from commonwheel.broker.scopes import parse_scopes
from commonwheel.client import Boundary, Compare, Filter, Overflow, Queue, Stage
from tests.client.harness import (
    CELLS,
    GEAR,
    LIGHT,
    MODE,
    NAME,
    OPEN,
    PATIENCE_S,
    SEAT,
    SPEED,
    TICKS,
    WIDTH,
    Thing,
    Way,
    wait_for,
)


@contextlib.contextmanager
def refused(reason: Reason, words: str | None = None) -> Iterator[None]:
    with pytest.raises(BrokerError, match=words) as caught:
        yield
    assert caught.value.reason is reason


# ---- reading --------------------------------------------------------------------------------------------------------


def test_values_are_typed_with_quality_and_time(way: Way) -> None:
    car = way.connect()
    before = time.time_ns()
    values = {
        SPEED: 12.5,
        GEAR: -1,
        MODE: "AUTO",
        NAME: "Émile",
        CELLS: [1, 2, 65535],
        TICKS: 2**64 - 1,
        OPEN: True,
        WIDTH: 1771,
    }
    way.put(**{path.removeprefix("Vehicle."): value for path, value in values.items()})
    for path, value in values.items():
        reading = car.get(path)
        assert (reading.value, type(reading.value), reading.quality) == (value, type(value), Quality.GOOD)
        assert reading.path == path
        assert before <= reading.t_ns <= time.time_ns()
    assert car.get(SPEED).unit == "km/h"
    assert abs(car.get(SPEED).time - datetime.now(UTC)).total_seconds() < PATIENCE_S
    assert [reading.value for reading in car.get_many([GEAR, SPEED, GEAR])] == [-1, 12.5, -1]
    assert car.get_many([]) == []
    assert car.name == "test car"


def test_what_is_not_good_is_told(way: Way) -> None:
    car = way.connect()
    never = car.get(SPEED)
    assert (never.value, never.quality, never.t_ns, never.good) == (None, Quality.MISSING, 0, None)
    way.put(Speed=3.0)
    way.put(Speed=None)
    assert (car.get(SPEED).value, car.get(SPEED).quality) == (None, Quality.INVALID)


def test_an_unknown_signal_is_refused_with_what_is_close(way: Way) -> None:
    car = way.connect()
    with refused(Reason.UNKNOWN_SIGNAL, "did you mean 'Vehicle.Speed'"):
        car.get("Vehicle.Sped")
    with refused(Reason.UNKNOWN_SIGNAL):
        car.get_many([SPEED, "Vehicle.Sped"])
    with refused(Reason.INVALID, "1000 are the most"):
        car.get("Vehicle." + "x" * 1000)
    with refused(Reason.BAD_PATTERN):
        car.signals("Vehicle.Sp*")


def test_signals_tell_what_the_standard_says_and_what_the_car_does(way: Way) -> None:
    provider = way.broker.provider("gateway")
    number = way.broker.table.number(SPEED)
    provider.claim([number], {way.broker.table.number(LIGHT): None})
    provider.offers[number] = Offer("verified", 0.01, personal=False, how="from", high=300.0, sources=("ev/A.B",))
    car = way.connect("read:Vehicle.Speed actuate:Vehicle.Cabin")
    (speed,) = car.signals(SPEED)
    assert speed.leaf == way.broker.table.catalog[SPEED]
    assert (speed.owner, speed.actor) == ("gateway", None)
    assert speed.offer == provider.offers[number]
    assert speed.rights == {Action.READ}
    light, seat = car.signals("Vehicle.Cabin.*")
    assert (light.path, light.actor, light.rights) == (LIGHT, "gateway", {Action.READ, Action.ACTUATE})
    assert (seat.actor, seat.offer, seat.leaf.maximum) == (None, None, 100.0)
    assert [signal.path for signal in car.signals()] == sorted(way.broker.table.numbers)
    assert next(signal for signal in car.signals() if signal.path == WIDTH).leaf.default == 1770
    assert next(signal for signal in car.signals() if signal.path == MODE).leaf.allowed == ("OFF", "ON", "AUTO")
    provider.close()


def test_history_is_the_past_of_one_signal(way: Way) -> None:
    car = way.connect()
    for speed in (1.0, 2.0, 3.0):
        way.put(Speed=speed, Gear=1)
    past = car.history(SPEED, seconds=60)
    assert past.value.tolist() == [1.0, 2.0, 3.0]
    assert [reading.value for reading in past] == [1.0, 2.0, 3.0]
    assert car.history(SPEED, most=2).value.tolist() == [2.0, 3.0]
    assert len(car.history(NAME)) == 0
    with refused(Reason.UNKNOWN_SIGNAL):
        car.history("Vehicle.No")


# ---- subscribing ----------------------------------------------------------------------------------------------------


def test_a_subscription_begins_with_what_is_and_goes_on_with_what_comes(way: Way) -> None:
    car = way.connect()
    way.put(Speed=1.0, Name="a")
    with car.subscribe(SPEED, NAME) as updates:
        first = updates.take(PATIENCE_S)
        assert {reading.path: reading.value for reading in first} == {SPEED: 1.0, NAME: "a"}
        assert (first.dropped, first.reconnected, first.sequence) == (0, False, 0)
        way.put(Speed=2.0, Name="b", Gear=1)
        second = updates.take(PATIENCE_S)
        assert second.latest[SPEED].value == 2.0
        assert second.latest[NAME].value == "b"
        assert second.paths == [NAME, SPEED]
        assert second.of(SPEED).value.tolist() == [2.0]
        assert len(second.good) == 2
        assert second.sequence == 2
        assert (second.signal.dtype, second.t_ns.dtype, second.quality.dtype) == (np.int32, np.int64, np.uint8)
        assert updates.take(0.01) is None


def test_a_pattern_selects_and_a_new_value_can_be_waited_for(way: Way) -> None:
    car = way.connect()
    with car.subscribe("Vehicle.Cabin.*", initial=False) as updates:
        assert updates.take(0.01) is None
        way.broker.publish_values({way.broker.table.number(SEAT): 5, way.broker.table.number(SPEED): 1.0})
        assert [reading.path for reading in updates.take(PATIENCE_S)] == [SEAT]


def test_filters_hold_for_each_signal(way: Way) -> None:
    car = way.connect()
    way.put(Speed=0.0, Gear=0)
    with (
        car.subscribe(SPEED, GEAR, on_change=True) as changes,
        car.subscribe(SPEED, deadband=1.0) as coarse,
        car.subscribe(SPEED, rule=Filter(within=(Boundary(Compare.GT, 2.0),)), initial=False) as fast,
        car.subscribe(SPEED, min_interval_s=3600.0) as rare,
    ):
        for speed in (0.0, 0.5, 1.5, 1.5, 3.0):
            way.put(Speed=speed, Gear=0)
        assert _speeds(changes, 4) == [0.0, 0.5, 1.5, 3.0]
        assert _speeds(coarse, 3) == [0.0, 1.5, 3.0]
        assert _speeds(fast, 1)[-1:] == [3.0]
        assert _speeds(rare, 1) == [0.0]
        assert rare.take(0.01) is None
    with refused(Reason.INVALID):
        car.subscribe(SPEED, deadband=-1.0)


def _speeds(updates: Thing, count: int) -> list[float]:
    """Take until so many speeds came."""
    found: list[float] = []
    while len(found) < count:
        batch = updates.take(PATIENCE_S)
        assert batch is not None, found
        found += [reading.value for reading in batch if reading.path == SPEED]
    return found


def test_a_slow_reader_is_told_what_it_lost(way: Way) -> None:
    car = way.connect()
    with car.subscribe(SPEED, queue=Queue(batches=2), initial=False) as updates:
        for speed in range(100):
            way.put(Speed=float(speed))
        wait_for(lambda: way.broker.history(way.broker.table.number(SPEED)).value[-1:] == [99.0])
        got, dropped = [], 0
        while got[-1:] != [99.0]:
            batch = updates.take(PATIENCE_S)
            assert batch is not None
            dropped += batch.dropped
            assert batch.sequence == len(got) + dropped
            got += batch.value.tolist()
        assert len(got) + dropped == 100
        assert got == sorted(got)
    with refused(Reason.INVALID):
        car.subscribe(SPEED, queue=Queue(updates=2**31))


def test_only_the_latest_can_be_wanted(way: Way) -> None:
    car = way.connect()
    with car.subscribe(SPEED, queue=Queue(overflow=Overflow.LATEST)) as updates:
        for speed in range(50):
            way.put(Speed=float(speed))
        last = None
        while last != 49.0:
            batch = updates.take(PATIENCE_S)
            assert batch is not None
            last = batch.value.tolist()[-1]


def test_to_close_a_subscription_ends_its_iteration(way: Way) -> None:
    car = way.connect()
    updates = car.subscribe(SPEED)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(len(batch) for batch in updates))
    thread.start()
    wait_for(lambda: got)
    updates.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    updates.close()
    assert updates.take(0.01) is None
    wait_for(lambda: not way.broker.readers, "the broker's letting go of the reader")


def test_to_close_the_car_ends_all(way: Way) -> None:
    car = way.connect()
    updates = car.subscribe(SPEED)
    assert updates.take(PATIENCE_S) is not None
    provided = car.provide(GEAR)
    car.close()
    car.close()
    assert updates.take(PATIENCE_S) is None
    wait_for(lambda: not way.broker.readers)
    wait_for(lambda: not way.broker.providers)
    with refused(Reason.CLOSED):
        provided.publish({GEAR: 1})
    with refused(Reason.CLOSED):
        car.get(SPEED)


def test_targets_are_read_apart(way: Way) -> None:
    car = way.connect()
    with car.provide(actuators=[SEAT], on_request=lambda _request: None):
        car.request(SEAT, 40, timeout_s=0.01)
        assert car.get(SEAT, target=True).value == 40
        assert car.get(SEAT).quality is Quality.MISSING
        with car.subscribe(SEAT, targets=True) as targets:
            assert targets.take(PATIENCE_S).latest[SEAT].value == 40


# ---- callbacks ------------------------------------------------------------------------------------------------------


def test_a_callback_that_raises_is_reported_and_called_again(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    car = way.connect()
    way.put(Speed=0.0)
    got: list[object] = []

    def callback(reading: Thing) -> None:
        got.append(reading.value)
        if reading.value == 1.0:
            message = "no ones here"
            raise ValueError(message)

    with caplog.at_level(logging.ERROR, "commonwheel.client"):
        listener = car.on(SPEED, callback)
        wait_for(lambda: got == [0.0])
        way.put(Speed=1.0)
        way.put(Speed=2.0)
        wait_for(lambda: got == [0.0, 1.0, 2.0])
        listener.close()
    assert (listener.called, listener.failed, listener.error) == (3, 1, None)
    assert "the callback on Vehicle.Speed raised" in caplog.text
    assert "no ones here" in caplog.text
    way.put(Speed=3.0)
    assert got == [0.0, 1.0, 2.0]


def test_a_slow_callback_holds_nobody_up(way: Way) -> None:
    car = way.connect()
    go_on, got = threading.Event(), []

    async def wait(_reading: Thing) -> None:
        while not go_on.is_set():  # noqa: ASYNC110 - the event is for threads
            await asyncio.sleep(0.001)

    slow = car.on(SPEED, wait if way.is_async else lambda _reading: go_on.wait(PATIENCE_S))
    quick = car.on_batch([SPEED, GEAR], lambda batch: got.extend(batch.of(SPEED).value.tolist()), initial=False)
    for speed in range(20):
        way.put(Speed=float(speed))
    wait_for(lambda: got == [float(speed) for speed in range(20)])
    go_on.set()
    slow.close()
    quick.close()


# ---- asking and providing -------------------------------------------------------------------------------------------


def stages(outcome: Thing) -> list[Stage]:
    return [step.stage for step in outcome.steps]


def test_a_request_goes_all_the_way_to_its_proof(way: Way) -> None:
    car = way.connect()
    asked: list[Thing] = []

    def act(request: Thing) -> None:
        asked.append(request)
        way.put(Speed=0.0)
        way.broker.publish_values({way.broker.table.number(SEAT): request.value})

    with car.provide(actuators=[SEAT], on_request=act, name="seat"):
        steps: list[Stage] = []
        outcome = car.request(SEAT, 40, timeout_s=PATIENCE_S, on_step=lambda step: steps.append(step.stage))
        assert outcome
        assert outcome.confirmed
        assert stages(outcome) == [Stage.REQUESTED, Stage.ACCEPTED, Stage.FORWARDED, Stage.CONFIRMED] == steps
        assert [(request.path, request.value, request.requester) for request in asked] == [(SEAT, 40, "app")]
        assert all(before.t_ns <= after.t_ns for before, after in zip(outcome.steps, outcome.steps[1:], strict=False))


def test_a_request_can_be_refused_fail_or_raise(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    car = way.connect()

    def act(request: Thing) -> None:
        if request.value == 1:
            request.refuse("somebody sits there")
        elif request.value == 2:
            request.fail("it is stuck")
        else:
            message = "broken"
            raise RuntimeError(message)

    with car.provide(actuators=[SEAT], on_request=act):
        refused_, failed, raised = (car.request(SEAT, value, timeout_s=PATIENCE_S) for value in (1, 2, 3))
    assert not refused_
    assert (refused_.stage, refused_.why) == (Stage.REFUSED, "somebody sits there")
    assert (failed.stage, failed.why) == (Stage.FAILED, "it is stuck")
    assert (raised.stage, raised.why) == (Stage.FAILED, "RuntimeError: broken")
    assert "broken" in caplog.text


def test_a_request_that_shows_no_effect_times_out(way: Way) -> None:
    car = way.connect()
    with car.provide(actuators={SEAT: Confirm(within_s=0.001)}, on_request=lambda _request: None):
        unfinished = car.request(SEAT, 40, timeout_s=0.05)
        assert not unfinished
        assert unfinished.stage is Stage.FORWARDED
        with car.steps({SEAT: 50}) as steps:
            ticking = threading.Timer(0.05, way.broker.tick)
            ticking.start()
            told = list(steps)
            ticking.join()
        assert [path for path, _step in told] == [SEAT] * 4
        assert told[-1][1].stage is Stage.TIMED_OUT
        assert "0.001 s" in told[-1][1].why


def test_several_are_asked_all_or_none(way: Way) -> None:
    car = way.connect()

    def act(request: Thing) -> None:
        way.broker.publish_values({way.broker.table.number(request.path): request.value})

    with car.provide(actuators=[SEAT, LIGHT], on_request=act):
        outcomes = car.request_many({SEAT: 10, LIGHT: True}, timeout_s=PATIENCE_S)
        assert all(outcomes.values())
        assert list(outcomes) == [SEAT, LIGHT]
        with refused(Reason.OUT_OF_RANGE):
            car.request_many({LIGHT: False, SEAT: 101})
        assert car.get(LIGHT, target=True).value is True


def test_a_request_that_cannot_be_is_refused_at_once(way: Way) -> None:
    car = way.connect()
    with refused(Reason.NO_PROVIDER, "nobody makes Vehicle.Cabin.Seat act"):
        car.request(SEAT, 10)
    with refused(Reason.NOT_ACTUATOR):
        car.request(SPEED, 10.0)
    with refused(Reason.WRONG_TYPE):
        car.request(SEAT, "forward")
    with refused(Reason.INVALID):
        car.request_many({})


def test_a_provider_owns_its_signals_until_it_is_closed(way: Way) -> None:
    car, other = way.connect(), way.connect()
    with car.provide(["Vehicle.Speed", "Vehicle.Cabin.**"], name="one") as provided:
        assert provided.paths == [LIGHT, SEAT, SPEED]
        assert provided.publish({SPEED: 5.0, SEAT: 1})
        wait_for(lambda: other.get(SPEED).value == 5.0)
        with refused(Reason.ALREADY_CLAIMED, "one"):
            other.provide(SPEED)
        with refused(Reason.ALREADY_CLAIMED):
            other.publish({SPEED: 6.0})
    wait_for(lambda: other.get(SPEED).quality is Quality.STALE)
    assert other.get(SPEED).value == 5.0
    with other.provide(SPEED):
        pass


def test_what_a_provider_gives_wrongly_is_refused_as_a_whole(way: Way) -> None:
    car = way.connect()
    with car.provide([SPEED, SEAT, MODE]) as provided:
        for values, reason in (
            ({SPEED: 1.0, SEAT: 101}, Reason.OUT_OF_RANGE),
            ({SPEED: 1.0, MODE: "FAST"}, Reason.NOT_ALLOWED),
            ({SPEED: 1.0, SEAT: "x"}, Reason.WRONG_TYPE),
            ({SPEED: 1.0, GEAR: 1}, Reason.NOT_CLAIMED),
            ({SPEED: 1.0, "Vehicle.No": 1}, Reason.UNKNOWN_SIGNAL),
        ):
            with refused(reason):
                provided.publish(values)
        provided.publish({SEAT: 7, MODE: None})
        wait_for(lambda: car.get(SEAT).value == 7)
        assert car.get(MODE).quality is Quality.INVALID
        assert car.get(SPEED).quality is Quality.MISSING


def test_a_provider_gives_columns_and_qualities(way: Way) -> None:
    car = way.connect()
    with car.provide([SPEED, GEAR]) as provided, car.subscribe(SPEED, GEAR, initial=False) as updates:
        speed, gear = provided.numbers(SPEED, GEAR)
        sent = (
            np.array([speed, gear, speed], np.int32),
            np.array([10, 20, 30], np.int64),
            np.array([1.5, 3.0, np.nan]),
            np.array([0, 1, 2], np.uint8),
        )
        assert provided.publish_columns(*sent)
        batch = updates.take(PATIENCE_S)
        assert batch.value.tolist()[:2] == [1.5, 3.0]
        assert [(reading.value, reading.quality, reading.t_ns) for reading in batch] == [
            (1.5, Quality.GOOD, 10),
            (3, Quality.STALE, 20),
            (None, Quality.INVALID, 30),
        ]
        with refused(Reason.WRONG_TYPE):
            provided.publish_columns(sent[0], sent[1], np.array([1.0, 1.5, 1.0]), np.zeros(3, np.uint8))
        provided.publish({SPEED: 9.0}, t_ns=77, quality=Quality.CORRUPT)
        late = updates.take(PATIENCE_S).latest[SPEED]
        assert (late.value, late.quality, late.t_ns) == (9.0, Quality.CORRUPT, 77)


def test_anyone_may_give_what_nobody_owns(way: Way) -> None:
    car = way.connect()
    car.publish({SPEED: 8.0, NAME: "x"})
    assert [reading.value for reading in car.get_many([SPEED, NAME])] == [8.0, "x"]
    with refused(Reason.WRONG_TYPE, "Vehicle.Gear"):
        car.publish({SPEED: 9.0, GEAR: "reverse"})
    assert car.get(SPEED).value == 9.0
    with refused(Reason.UNKNOWN_SIGNAL):
        car.publish({"Vehicle.No": 1})


# ---- rights and events ----------------------------------------------------------------------------------------------


def test_rights_are_asked_signal_by_signal(way: Way) -> None:
    way.put(Speed=1.0, Gear=2)
    car = way.connect("read:Vehicle.Speed actuate:Vehicle.Cabin.Light provide:Vehicle.Name")
    assert car.get(SPEED).value == 1.0
    with refused(Reason.FORBIDDEN, "app may not read Vehicle.Gear"):
        car.get_many([SPEED, GEAR])
    with car.subscribe("Vehicle.*") as updates:
        assert updates.take(PATIENCE_S).paths == [NAME, SPEED]
    with refused(Reason.FORBIDDEN):
        car.subscribe(SPEED, GEAR)
    with refused(Reason.FORBIDDEN):
        car.subscribe(SEAT)
    with refused(Reason.FORBIDDEN):
        car.history(GEAR)
    with refused(Reason.FORBIDDEN, "may not actuate"):
        car.request(SEAT, 1)
    with refused(Reason.FORBIDDEN, "may not provide"):
        car.provide(SPEED)
    with refused(Reason.FORBIDDEN, "may not provide"):
        car.provide(actuators=[LIGHT])
    with refused(Reason.FORBIDDEN):
        car.publish({SPEED: 1.0})
    with car.provide(NAME) as provided:
        provided.publish({NAME: "mine"})
        wait_for(lambda: car.get(NAME).value == "mine")


def test_a_reader_learns_that_its_rights_have_ended(broker: Broker) -> None:
    rights = Rights.of("app", parse_scopes("read"), time.time_ns() + 100_000_000)
    with cw.connect(broker, rights=rights) as car, car.subscribe(SPEED, initial=False) as updates:
        with refused(Reason.EXPIRED):
            updates.take(PATIENCE_S)
        with refused(Reason.EXPIRED):
            car.get(SPEED)


def test_events_are_told_to_those_who_may_know(way: Way) -> None:
    boss, light = way.connect(), way.connect("read:Vehicle.Cabin.Light")
    with boss.events() as all_events, light.events() as some:
        with boss.provide(actuators=[SEAT, LIGHT], on_request=lambda request: request.refuse("no"), name="cabin"):
            boss.request(SEAT, 1, timeout_s=PATIENCE_S)
            boss.request_many({LIGHT: True}, timeout_s=PATIENCE_S)
        kinds: list[str] = []
        while "provider.gone" not in kinds:
            kinds.append(all_events.take(PATIENCE_S).kind)
        assert kinds[0] == "provider.claimed"
        assert kinds.count("actuation.refused") == 2
        told = some.take(PATIENCE_S)
        assert (told.kind, told.facts["signal"], told.facts["target"]) == ("actuation.requested", LIGHT, True)
        assert told.facts["requester"] == "app"
    with boss.events(last=1) as late:
        assert late.take(PATIENCE_S).kind == "provider.gone"
