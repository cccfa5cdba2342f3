"""Whose request counts, and what becomes of the others."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.control import Phase, Request
from commonwheel.control.arbitration import MOST_PATHS, MOST_SOURCES, Arbiter
from commonwheel.control.refusal import LONGEST_VALID_NS, Terms
from commonwheel.guard import Outcome, Rule

if TYPE_CHECKING:
    from commonwheel.control.request import Progress

_S = 10**9
_NOW = 1000 * _S
_TERMS = {
    "Car.Acceleration": Terms("drive", "m/s^2", least_wins=True),
    "Car.Speed": Terms("drive", "km/h", least_wins=True),
    "Car.Angle": Terms("wheel", "degrees", least_wins=False),
}


def _arbiter() -> Arbiter:
    """Return one for which a speed is an acceleration that is a tenth of what is missing to 50."""
    return Arbiter(_TERMS, lambda path, value: (value - 50.0) / 10.0 if path == "Car.Speed" else value)


def _ask(
    path: str = "Car.Angle", value: float = 1.0, source: str = "app", *, t_ns: int = _NOW, valid_ns: int = _S // 2,
    priority: int = 0, number: int = 0,
) -> Request:  # fmt: skip
    return Request(path, value, source, t_ns, valid_ns, priority, number=number)


def _winner(arbiter: Arbiter, group: str = "wheel", t_ns: int = _NOW) -> str | None:
    life = arbiter.tick(t_ns).get(group)
    return None if life is None else life.request.source


def _phases(arbiter: Arbiter, source: str) -> list[Phase]:
    progress, _ = arbiter.drain()
    return [each.phase for each in progress if each.request.source == source]


def _refusals(arbiter: Arbiter) -> list[tuple[Rule, Progress]]:
    """Return rule and progress of what was refused; each is a verdict as well."""
    progress, said = arbiter.drain()
    refused = [each for each in progress if each.phase is Phase.REFUSED]
    assert all(verdict.outcome is Outcome.REFUSED for verdict in said)
    return list(zip([verdict.rule for verdict in said], refused, strict=True))


def test_the_higher_priority_wins() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(source="low"))
    arbiter.ask(_ask(source="high", priority=1))
    assert _winner(arbiter) == "high"
    assert _phases(arbiter, "low") == [Phase.REQUESTED, Phase.OUTVOTED]


def test_who_was_there_first_keeps_it() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(source="first"))
    arbiter.tick(_NOW)
    arbiter.ask(_ask(source="second", value=0.0))
    arbiter.ask(_ask(source="first", value=2.0))
    assert _winner(arbiter) == "first"


@pytest.mark.parametrize(("speed", "winner"), [(60.0, "by acceleration"), (52.0, "by speed")])
def test_of_speed_and_acceleration_the_lower_result_counts(speed: float, winner: str) -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask("Car.Acceleration", 0.5, "by acceleration"))
    arbiter.ask(_ask("Car.Speed", speed, "by speed"))
    assert _winner(arbiter, "drive") == winner


def test_silence_ends_a_request_and_gives_way() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(source="first"))
    arbiter.ask(_ask(source="second", valid_ns=2 * _S))
    assert _winner(arbiter) == "first"
    assert _winner(arbiter, t_ns=_NOW + _S // 2) == "first"
    assert _winner(arbiter, t_ns=_NOW + _S // 2 + 1) == "second"
    assert _phases(arbiter, "first")[-1] is Phase.ENDED
    assert _winner(arbiter, t_ns=_NOW + 3 * _S) is None


def test_an_outvoted_request_is_arbitrated_when_the_other_ends() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(source="first"))
    arbiter.ask(_ask(source="second"))
    arbiter.tick(_NOW)
    arbiter.withdraw(_NOW, "first", None)
    assert _winner(arbiter) == "second"
    assert _phases(arbiter, "second") == [Phase.REQUESTED, Phase.OUTVOTED, Phase.ARBITRATED]


def test_a_renewal_with_the_same_value_is_as_far_as_it_was() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(number=1))
    life = arbiter.tick(_NOW)["wheel"]
    arbiter.note(_NOW, life, Phase.CONFIRMED, 1.0)
    arbiter.drain()
    arbiter.ask(_ask(number=2, t_ns=_NOW + 1))
    arbiter.tick(_NOW + 1)
    progress, _ = arbiter.drain()
    assert [(each.request.number, each.phase) for each in progress] == [(2, Phase.CONFIRMED)]


def test_a_renewal_with_another_value_takes_the_old_ones_place() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(number=1))
    arbiter.tick(_NOW)
    arbiter.ask(_ask(number=2, value=3.0))
    arbiter.tick(_NOW)
    progress, _ = arbiter.drain()
    assert [(each.request.number, each.phase) for each in progress] == [
        (1, Phase.REQUESTED),
        (1, Phase.ARBITRATED),
        (1, Phase.ENDED),
        (2, Phase.REQUESTED),
        (2, Phase.ARBITRATED),
    ]


def test_a_release_ends_the_requests_of_its_groups_only() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask())
    arbiter.ask(_ask("Car.Speed"))
    arbiter.tick(_NOW)
    arbiter.release(_NOW, ["wheel"], "the driver steers")
    assert set(arbiter.tick(_NOW)) == {"drive"}


_GOOD = _ask()
_BAD = {
    "nan": (replace(_GOOD, value=math.nan), Rule.NOT_A_NUMBER),
    "infinite": (replace(_GOOD, value=-math.inf), Rule.NOT_A_NUMBER),
    "text for a value": (replace(_GOOD, value=cast("float", "3")), Rule.NOT_A_NUMBER),
    "larger than any": (replace(_GOOD, value=10**400), Rule.NOT_A_NUMBER),
    "unit": (replace(_GOOD, unit="rad"), Rule.WRONG_UNIT),
    "path": (replace(_GOOD, path="Car.Wings"), Rule.UNKNOWN_TARGET),
    "no path": (replace(_GOOD, path=cast("str", None)), Rule.NOT_A_NUMBER),
    "no name": (replace(_GOOD, source=""), Rule.NOT_A_NUMBER),
    "long name": (replace(_GOOD, source="a" * 201), Rule.NOT_A_NUMBER),
    "over": (replace(_GOOD, t_ns=_NOW - _S), Rule.STALE_REQUEST),
    "ahead": (replace(_GOOD, t_ns=_NOW + _S), Rule.STALE_REQUEST),
    "never valid": (replace(_GOOD, valid_ns=0), Rule.STALE_REQUEST),
    "valid for ever": (replace(_GOOD, valid_ns=LONGEST_VALID_NS + 1), Rule.STALE_REQUEST),
    "time as text": (replace(_GOOD, t_ns=cast("int", "now")), Rule.NOT_A_NUMBER),
    "time that is none": (replace(_GOOD, t_ns=cast("int", math.nan)), Rule.NOT_A_NUMBER),
    "huge time": (replace(_GOOD, t_ns=2**70), Rule.NOT_A_NUMBER),
    "priority": (replace(_GOOD, priority=cast("int", "high")), Rule.NOT_A_NUMBER),
}


@pytest.mark.parametrize("name", _BAD)
def test_what_is_no_request_is_refused_with_its_rule(name: str) -> None:
    request, rule = _BAD[name]
    arbiter = _arbiter()
    arbiter.ask(request)
    assert arbiter.tick(_NOW) == {}
    ((said, progress),) = _refusals(arbiter)
    assert said is rule
    assert progress.request is request
    assert progress.why
    assert arbiter.refused == 1


def test_an_older_request_does_not_take_the_place_of_a_newer_one() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(value=5.0))
    arbiter.tick(_NOW)
    arbiter.ask(_ask(value=9.0, t_ns=_NOW - 1000))
    assert arbiter.tick(_NOW)["wheel"].request.value == 5.0
    assert [rule for rule, _ in _refusals(arbiter)] == [Rule.STALE_REQUEST]


def test_a_flood_costs_its_own_source_only() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(source="calm"))
    for value in range(10_000):
        arbiter.ask(_ask(source="wild", value=float(value), priority=1))
    assert arbiter.tick(_NOW)["wheel"].request.value == 9999.0
    progress, _ = arbiter.drain()
    assert len(progress) < 25
    assert arbiter.refused == 9999 - 16
    (told,) = [each for each in progress if each.phase is Phase.REFUSED]
    assert "9983 more requests of 'wild'" in told.why


def test_a_wish_that_changes_within_a_cycle_is_no_flood() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(value=1.0, number=1))
    arbiter.ask(_ask(value=2.0, number=2))
    assert arbiter.tick(_NOW)["wheel"].request.number == 2
    assert arbiter.refused == 0
    progress, _ = arbiter.drain()
    assert [each.phase for each in progress if each.request.number == 1] == [Phase.ENDED]


def test_sources_are_counted() -> None:
    arbiter = _arbiter()
    for number in range(MOST_SOURCES + 10):
        arbiter.ask(_ask(source=f"app {number}"))
    arbiter.tick(_NOW)
    assert [rule for rule, _ in _refusals(arbiter)] == [Rule.STATE] * 10
    assert _winner(arbiter, t_ns=_NOW + _S) is None  # those that fell silent make room
    arbiter.ask(_ask(source="late", t_ns=_NOW + _S))
    assert _winner(arbiter, t_ns=_NOW + _S) == "late"


def test_made_up_names_do_not_fill_the_memory() -> None:
    arbiter = _arbiter()
    for number in range(50_000):
        arbiter.ask(_ask(source=f"app {number}", path=f"Car.{number}"))
    arbiter.tick(_NOW)
    progress, said = arbiter.drain()
    assert len(progress) + len(said) < 5000
    assert arbiter.refused == 50_000


def test_one_that_asks_for_whatever_there_is_keeps_nobody_out() -> None:
    """Its own surplus is passed over, however early it comes and however many paths it makes up."""
    arbiter = _arbiter()
    for number in range(2000):
        arbiter.ask(_ask(source="wild", path=f"Car.{number}"))
    arbiter.ask(_ask(source="calm", value=2.0))
    assert _winner(arbiter) == "calm"
    progress, _ = arbiter.drain()
    told = [each for each in progress if each.request.source == "wild"]
    assert len(told) == MOST_PATHS + 1
    assert f"{2000 - MOST_PATHS} more requests of 'wild' in one cycle were too many" in told[-1].why
    assert arbiter.refused == 2000


def test_one_that_asks_already_is_not_kept_out_by_those_that_come() -> None:
    arbiter = _arbiter()
    arbiter.ask(_ask(source="calm", value=2.0))
    assert _winner(arbiter) == "calm"
    for cycle in range(1, 5):
        now = _NOW + cycle * _S // 10
        for number in range(1000):
            arbiter.ask(_ask(source=f"wild {number}", t_ns=now))
        arbiter.ask(_ask(source="calm", value=2.0 + cycle, t_ns=now))
        assert arbiter.tick(now)["wheel"].request.value == 2.0 + cycle


def test_where_too_many_ask_one_of_a_higher_priority_takes_the_lowest_ones_place() -> None:
    arbiter = _arbiter()
    for number in range(MOST_SOURCES):
        arbiter.ask(_ask(source=f"app {number}", priority=int(number != 5)))
        arbiter.ask(_ask("Car.Speed", source=f"app {number}", priority=int(number not in {5, 6})))
    arbiter.tick(_NOW)
    arbiter.drain()
    arbiter.ask(_ask(source="as low", priority=0))
    arbiter.tick(_NOW)
    ((rule, refused),) = _refusals(arbiter)
    assert (rule, refused.request.source) == (Rule.STATE, "as low")
    arbiter.ask(_ask(source="higher", priority=1))
    arbiter.tick(_NOW)
    progress, said = arbiter.drain()
    ended = [each.request for each in progress if each.phase is Phase.ENDED]
    assert ([each.source for each in ended], said) == (["app 5"] * 2, [])
    arbiter.ask(_ask(source="higher still", priority=2))
    assert _winner(arbiter) == "higher still"
    assert Phase.ENDED in _phases(arbiter, "higher"), "of equals the last that came goes"


def test_what_is_withdrawn_before_it_is_looked_at_makes_room() -> None:
    arbiter = _arbiter()
    for number in range(MOST_PATHS):
        arbiter.ask(_ask(path=f"Car.{number}"))
    arbiter.withdraw(_NOW, "app", "Car.0")
    arbiter.ask(_ask(value=3.0))
    assert arbiter.tick(_NOW)["wheel"].request.value == 3.0


_ANY = st.one_of(
    st.floats(), st.integers(), st.text(max_size=5), st.none(), st.booleans(), st.lists(st.integers(), max_size=2)
)
_REQUESTS = st.builds(
    Request,
    path=st.one_of(st.sampled_from(list(_TERMS)), _ANY),
    value=st.one_of(st.floats(-10, 10), _ANY),
    source=st.one_of(st.sampled_from("abc"), _ANY),
    t_ns=st.one_of(st.integers(_NOW - _S, _NOW + _S), _ANY),
    valid_ns=st.one_of(st.integers(-1, _S), _ANY),
    priority=st.one_of(st.integers(-2, 2), _ANY),
    unit=st.one_of(st.just(""), _ANY),
)


@given(st.lists(st.lists(_REQUESTS, max_size=6), max_size=8))
def test_whatever_comes_one_valid_request_counts_and_each_has_its_end(batches: list[list[Request]]) -> None:
    arbiter, seen = _arbiter(), list[Request]()
    for cycle, batch in enumerate(batches):
        t_ns = _NOW + cycle * _S // 10
        for request in batch:
            arbiter.ask(request)
            seen.append(request)
        for group, life in arbiter.tick(t_ns).items():
            request = life.request
            assert _TERMS[request.path].group == group
            assert math.isfinite(request.value)
            assert request.t_ns + request.valid_ns >= t_ns
    arbiter.tick(_NOW + 100 * _S)
    progress, _ = arbiter.drain()
    ended = {id(each.request) for each in progress if each.phase in {Phase.ENDED, Phase.REFUSED}}
    begun = {id(each.request) for each in progress}
    assert begun <= ended
