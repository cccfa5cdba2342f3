"""The record keeps what is new, is bounded, and says what it has lost."""

from __future__ import annotations

from commonwheel.guard import Outcome, Rule, State, Transition, Verdict
from commonwheel.guard.record import Record


def _verdict(subject: str, outcome: Outcome = Outcome.ALLOWED, rule: Rule = Rule.NONE) -> Verdict:
    return Verdict(0, subject, outcome, rule)


def test_a_verdict_is_put_down_when_it_differs_from_the_last_of_its_subject() -> None:
    record = Record()
    same = _verdict("a")
    assert record.verdict(same) is same
    for verdict in (
        _verdict("a"),
        _verdict("b"),
        _verdict("a", Outcome.LIMITED, Rule.RATE),
        _verdict("a", Outcome.LIMITED, Rule.RATE),
        _verdict("a", Outcome.LIMITED, Rule.RANGE),
        _verdict("a", Outcome.REFUSED, Rule.RANGE),
        _verdict("b"),
    ):
        record.verdict(verdict)
    said = [each for each in record.drain() if isinstance(each, Verdict)]
    assert [(each.subject, each.rule.value) for each in said] == [
        ("a", "none"),
        ("b", "none"),
        ("a", "rate"),
        ("a", "range"),
        ("a", "range"),
    ]
    assert record.drain() == []
    record.verdict(_verdict("a", Outcome.REFUSED, Rule.RANGE))
    assert record.drain() == []


def test_what_nobody_fetches_is_lost_from_its_beginning_and_counted() -> None:
    record = Record()
    for number in range(4096):
        record.transition(Transition(number, "axis", State.OFF, State.ARMED, Rule.ARMING, "test"))
    assert record.lost == 0
    for number in range(4096, 4100):
        record.transition(Transition(number, "axis", State.OFF, State.ARMED, Rule.ARMING, "test"))
    assert record.lost == 4
    said = record.drain()
    assert (len(said), said[0].t_ns, said[-1].t_ns) == (4096, 4, 4099)


def test_a_flood_of_subjects_does_not_grow_without_end() -> None:
    record = Record()
    for number in range(4096):
        record.verdict(_verdict(f"id {number}"))
    record.drain()
    record.verdict(_verdict("id 7"))
    assert record.drain() == []
    record.verdict(_verdict("one more"))
    record.verdict(_verdict("id 7"))
    assert len(record.drain()) == 2
    assert len(record._last) == 2
