"""A signal has one owner at a time; who goes away leaves nothing that looks alive."""

from __future__ import annotations

import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from commonwheel.broker import Broker, BrokerError, Provider, Reason
from commonwheel.broker.updates import Updates
from commonwheel.catalog import load_catalog
from commonwheel.vehicles.samples import Quality

SPEED, MODE = "Vehicle.Speed", "Vehicle.Body.Windshield.Front.Wiping.Mode"


@pytest.fixture
def broker() -> Broker:
    return Broker(load_catalog())


def test_a_signal_has_one_owner_and_the_refusal_names_it(broker: Broker) -> None:
    speed, mode = broker.table.number(SPEED), broker.table.number(MODE)
    first, second = broker.provider("first"), broker.provider("second")
    first.claim([speed])
    first.claim([speed])  # again is fine
    with pytest.raises(BrokerError, match=f"{SPEED} is provided by first already") as caught:
        second.claim([mode, speed], {mode: None})
    assert (caught.value.reason, caught.value.signal) == (Reason.ALREADY_CLAIMED, speed)
    assert (broker.owner(speed), broker.owner(mode), broker.actor(mode)) == (first, None, None)


def test_an_actuator_has_one_that_acts(broker: Broker) -> None:
    mode = broker.table.number(MODE)
    first, second = broker.provider("first"), broker.provider("second")
    first.claim([], {mode: None})
    with pytest.raises(BrokerError) as caught:
        second.claim([], {mode: None})
    assert caught.value.reason is Reason.ALREADY_CLAIMED
    second.claim([mode])  # who acts and who measures need not be the same
    assert (broker.actor(mode), broker.owner(mode)) == (first, second)


def test_only_the_owner_publishes(broker: Broker) -> None:
    speed = broker.table.number(SPEED)
    owner, other = broker.provider("owner"), broker.provider("other")
    owner.claim([speed])
    with pytest.raises(BrokerError) as caught:
        other.publish(Updates.build([(speed, 1, 3.0, 0, None)]))
    assert caught.value.reason is Reason.NOT_CLAIMED
    assert other.publish_values({speed: 3.0})[speed].reason is Reason.ALREADY_CLAIMED
    assert broker.publish_values({speed: 3.0})[speed].reason is Reason.ALREADY_CLAIMED
    assert broker.get(speed).quality is Quality.MISSING
    assert owner.publish_values({speed: 3.0}) == {}
    assert broker.get(speed).good == 3.0


def test_what_nobody_owns_anybody_may_give(broker: Broker) -> None:
    speed = broker.table.number(SPEED)
    assert broker.publish_values({speed: 3.0}) == {}
    assert broker.provider("x").publish_values({speed: 4.0}) == {}
    assert broker.get(speed).good == 4.0


def test_bad_values_do_not_hold_up_good_ones(broker: Broker) -> None:
    speed, mode = broker.table.number(SPEED), broker.table.number(MODE)
    faults = broker.publish_values({speed: 3.0, mode: "SIDEWAYS", 10**6: 1, -1: 1})
    assert {number: fault.reason for number, fault in faults.items()} == {
        mode: Reason.NOT_ALLOWED,
        10**6: Reason.UNKNOWN_SIGNAL,
        -1: Reason.UNKNOWN_SIGNAL,
    }
    assert broker.get(speed).good == 3.0


def test_a_provider_that_goes_away_leaves_its_signals_stale_once(broker: Broker) -> None:
    speed, mode = broker.table.number(SPEED), broker.table.number(MODE)
    owner = broker.provider("owner")
    owner.claim([speed, mode])
    owner.publish_values({speed: 3.0})
    reader = broker.subscribe([speed, mode], initial=False)
    owner.close()
    owner.close()
    (batch,) = reader.take().batches
    assert (batch.signal.tolist(), batch.quality.tolist()) == ([speed], [Quality.STALE])
    assert (broker.get(speed).value, broker.get(speed).good) == (3.0, None)
    assert broker.get(mode).quality is Quality.MISSING
    broker.provider("next").claim([speed, mode])
    with pytest.raises(BrokerError) as caught:
        owner.publish_values({speed: 5.0})
    assert caught.value.reason is Reason.CLOSED
    with pytest.raises(BrokerError):
        owner.claim([speed])


def test_only_actuators_act(broker: Broker) -> None:
    speed = broker.table.number(SPEED)
    with pytest.raises(BrokerError, match="is a sensor, not an actuator") as caught:
        broker.provider("x").claim([], {speed: None})
    assert caught.value.reason is Reason.NOT_ACTUATOR


def test_of_many_that_claim_at_once_one_gets_it(broker: Broker) -> None:
    speed = broker.table.number(SPEED)
    winners: list[Provider] = []
    start = threading.Barrier(16)

    def claim(number: int) -> None:
        provider = broker.provider(f"p{number}")
        start.wait()
        try:
            provider.claim([speed])
        except BrokerError:
            return
        winners.append(provider)

    threads = [threading.Thread(target=claim, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1
    assert broker.owner(speed) is winners[0]


class Providers(RuleBasedStateMachine):
    """Random claims, values and ends, against a model of a dozen lines."""

    @initialize()
    def begin(self) -> None:
        self.broker = Broker(load_catalog())
        plain = [s.number for s in self.broker.table.signals if s.leaf.datatype == "float" and s.leaf.minimum is None]
        self.numbers = plain[:4]
        self.providers: list[Provider] = [self.broker.provider(f"p{i}") for i in range(3)]
        self.owner: dict[int, Provider] = {}
        self.value: dict[int, tuple[float, Quality]] = {}

    @rule(who=st.integers(0, 2), which=st.sets(st.integers(0, 3), min_size=1))
    def claim(self, who: int, which: set[int]) -> None:
        provider, numbers = self.providers[who], [self.numbers[i] for i in which]
        free = all(self.owner.get(number, provider) is provider for number in numbers)
        if free:
            provider.claim(numbers)
            self.owner.update(dict.fromkeys(numbers, provider))
            return
        with pytest.raises(BrokerError) as caught:
            provider.claim(numbers)
        assert caught.value.reason is Reason.ALREADY_CLAIMED

    @rule(who=st.integers(0, 2), which=st.integers(0, 3), value=st.floats(-100, 100))
    def publish(self, who: int, which: int, value: float) -> None:
        provider, number = self.providers[who], self.numbers[which]
        mine = self.owner.get(number, provider) is provider
        faults = provider.publish_values({number: value})
        assert (not faults) is mine
        if mine:
            self.value[number] = (value, Quality.GOOD)

    @rule(who=st.integers(0, 2))
    def leave(self, who: int) -> None:
        gone = self.providers[who]
        gone.close()
        self.providers[who] = self.broker.provider(f"p{who}")
        for number in [number for number, owner in self.owner.items() if owner is gone]:
            del self.owner[number]
            if number in self.value:
                self.value[number] = (self.value[number][0], Quality.STALE)

    @invariant()
    def the_broker_shows_what_the_model_says(self) -> None:
        if not hasattr(self, "broker"):
            return
        for number in self.numbers:
            reading = self.broker.get(number)
            assert (reading.value, reading.quality) == self.value.get(number, (None, Quality.MISSING))
            assert self.broker.owner(number) is self.owner.get(number)


TestProviders = Providers.TestCase
TestProviders.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
