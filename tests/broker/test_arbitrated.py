"""Actuators between whose requests somebody decides: several live side by side, renewals are quiet, all of it ends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from commonwheel.broker import Actuation, Broker, BrokerError, Reason, Stage
from commonwheel.broker.actuation import Terms
from commonwheel.broker.desk import GRACE_NS
from commonwheel.broker.providers import Proof
from commonwheel.broker.repetition import MOST, Memory
from commonwheel.broker.rights import Rights
from commonwheel.broker.scopes import parse_scopes
from commonwheel.broker.session import Session
from commonwheel.catalog import load_catalog

TARGET = "Vehicle.MotionManagement.AccelerationTarget"
SPEED = "Vehicle.MotionManagement.SpeedTarget"
USUAL_NS = 500_000_000


class Decider:
    """Who makes two actuators act, and decides nothing."""

    def __init__(self) -> None:
        self.broker = Broker(load_catalog())
        self.asked: list[Actuation] = []
        self.withdrawn: list[tuple[str, tuple[int, ...]]] = []
        self.target, self.speed = self.broker.table.number(TARGET), self.broker.table.number(SPEED)
        self.provider = self.broker.provider("decider")
        proofs = {number: Proof(number, USUAL_NS, arbitrated=True) for number in (self.target, self.speed)}
        self.provider.claim((), proofs, self.asked.extend)
        self.provider.on_withdraw = self._withdrawn

    def _withdrawn(self, requester: str, signals: Sequence[int]) -> None:
        self.withdrawn.append((requester, tuple(sorted(signals))))

    def ask(self, requester: str, value: float = 1.0, *, valid_ns: int = 0, priority: int = 0) -> Actuation:
        terms = Terms(valid_ns=valid_ns, priority=priority)
        (actuation,) = self.broker.actuate({self.target: value}, requester, terms=terms)
        return actuation

    def kinds(self) -> list[str]:
        return [
            event.kind for event in self.broker.events.last() if event.kind.split(".")[0] in {"actuation", "request"}
        ]


@pytest.fixture
def decider() -> Decider:
    return Decider()


def test_requests_of_several_live_side_by_side(decider: Decider) -> None:
    first, second = decider.ask("one"), decider.ask("two", 2.0)
    assert first.stage is second.stage is Stage.FORWARDED
    assert decider.asked == [first, second]


def test_a_renewal_ends_its_own_earlier_one_and_nothing_is_told_of_it(decider: Decider) -> None:
    first = decider.ask("one")
    told = decider.kinds()
    later = [decider.ask("one", 1.0 + i / 100) for i in range(100)]
    assert (first.stage, first.why) == (Stage.ENDED, "renewed")
    assert [one.stage for one in later[:-1]] == [Stage.ENDED] * 99
    assert later[-1].stage is Stage.FORWARDED
    assert decider.kinds() == told
    assert len(decider.broker._desk._pending) == 1


def test_the_same_trouble_is_told_once_until_a_second_is_over(decider: Decider) -> None:
    for _ in range(50):
        decider.broker.finish(decider.ask("one"), Stage.REFUSED, "not armed")
    assert decider.kinds().count("actuation.refused") == 1
    limited = decider.ask("one")
    limited.advance(Stage.LIMITED, "range")
    assert decider.kinds()[-1] == "actuation.limited"


def test_steps_in_between_are_not_the_end(decider: Decider) -> None:
    actuation = decider.ask("one")
    for stage in (Stage.ARBITRATED, Stage.LIMITED, Stage.SENT):
        actuation.advance(stage)
        assert not actuation.stage.is_final
    decider.broker.finish(actuation, Stage.CONFIRMED)
    assert actuation.wait(0) is Stage.CONFIRMED


def test_a_value_that_the_signal_shows_proves_nothing_here(decider: Decider) -> None:
    actuation = decider.ask("one")
    decider.broker.publish_values({decider.target: 1.0})
    assert actuation.stage is Stage.FORWARDED


@pytest.mark.parametrize("valid_ns", [0, 2_000_000_000])
def test_one_that_nobody_ends_is_ended_when_its_time_is_over(decider: Decider, valid_ns: int) -> None:
    actuation = decider.ask("one", valid_ns=valid_ns)
    over = actuation.started_ns + (valid_ns or USUAL_NS) + GRACE_NS
    decider.broker.tick(over)
    assert actuation.stage is Stage.FORWARDED
    decider.broker.tick(over + 1)
    assert actuation.stage is Stage.ENDED


def test_what_is_withdrawn_ends_and_who_makes_it_act_is_told(decider: Decider) -> None:
    mine, other = decider.ask("one"), decider.ask("two")
    decider.broker.withdraw("one", [decider.target])
    decider.broker.withdraw("two")
    assert (mine.stage, mine.why, other.stage) == (Stage.ENDED, "withdrawn", Stage.ENDED)
    both = tuple(sorted((decider.target, decider.speed)))
    assert decider.withdrawn == [("one", (decider.target,)), ("two", both)]


def test_a_priority_is_bounded_by_the_rights(decider: Decider) -> None:
    session = Session(decider.broker, Rights.of("app", parse_scopes("actuate"), priority=5))
    session.actuate({TARGET: 1.0}, terms=Terms(priority=5))
    with pytest.raises(BrokerError, match="a priority of 5 at most, not 6") as caught:
        session.actuate({TARGET: 1.0}, terms=Terms(priority=6))
    assert caught.value.reason is Reason.FORBIDDEN
    Session(decider.broker, Rights.everything()).actuate({TARGET: 1.0}, terms=Terms(priority=100))


@pytest.mark.parametrize(
    "terms", [Terms(valid_ns=-1), Terms(valid_ns=10**18), Terms(priority=101), Terms(reason="x" * 501)]
)
def test_terms_that_make_no_sense_are_refused(decider: Decider, terms: Terms) -> None:
    with pytest.raises(BrokerError) as caught:
        decider.broker.actuate({decider.target: 1.0}, "one", terms=terms)
    assert caught.value.reason is Reason.INVALID
    assert not decider.asked


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "fast", None, True, [1.0]])
def test_what_is_no_number_is_refused_noted_and_counted(decider: Decider, value: object) -> None:
    session = Session(decider.broker, Rights.everything("a client"))
    for _ in range(3):
        with pytest.raises(BrokerError):
            session.actuate({TARGET: value})
    (event,) = [event for event in decider.broker.events.last() if event.kind == "request.refused"]
    assert (event.facts["signal"], event.facts["requester"]) == (TARGET, "a client")
    assert decider.broker.refused == 3
    assert not decider.asked


def test_one_without_the_right_is_refused_and_noted(decider: Decider) -> None:
    session = Session(decider.broker, Rights.of("reader", parse_scopes("read")))
    with pytest.raises(BrokerError):
        session.actuate({TARGET: 1.0})
    (event,) = [event for event in decider.broker.events.last() if event.kind == "request.refused"]
    assert event.facts["reason"] == "FORBIDDEN"


def test_what_is_remembered_is_bounded() -> None:
    now = iter(range(10**12))
    memory = Memory(lambda: next(now))
    for i in range(3 * MOST):
        memory.asked(f"client {i}", 1)
    assert len(memory._stories) == MOST
    assert memory.asked(f"client {3 * MOST - 1}", 1)
    assert not memory.asked("client 0", 1)
