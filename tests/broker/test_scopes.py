"""Scopes: what each allows, and which are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.scopes import Action, Scope, coverage, parse_scopes
from commonwheel.catalog.patterns import compile_pattern

SPEED, ABS = "Vehicle.Speed", "Vehicle.ADAS.ABS.IsEnabled"
DOOR = "Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"


def _allows(text: str, action: Action, path: str) -> bool:
    test = coverage(parse_scopes(text)).get(action)
    return test is not None and test(path)


@pytest.mark.parametrize(
    ("scope", "path", "covered"),
    [
        ("read", SPEED, True),
        ("read:Vehicle.Speed", SPEED, True),
        ("read:Vehicle.Speed", "Vehicle.SpeedLimit", False),
        ("read:Vehicle.Spee", SPEED, False),
        ("read:Vehicle.ADAS", ABS, True),
        ("read:Vehicle.ADAS", SPEED, False),
        ("read:Vehicle", ABS, True),
        ("read:Vehicle.*", SPEED, True),
        ("read:Vehicle.*", ABS, False),
        ("read:Vehicle.*.*.IsEnabled", ABS, True),
        ("read:Vehicle.*.IsEnabled", ABS, False),
        ("read:Vehicle.**.IsEnabled", ABS, True),
        ("read:**", ABS, True),
        ("read:*", SPEED, False),
        ("", SPEED, False),
        ("read:Vehicle.ADAS read:Vehicle.Speed", SPEED, True),
    ],
)
def test_what_a_scope_lets_be_read(scope: str, path: str, covered: bool) -> None:  # noqa: FBT001 - the expected answer
    assert _allows(scope, Action.READ, path) is covered


@pytest.mark.parametrize("action", ["actuate", "provide", "create"])
def test_whoever_may_do_more_may_read(action: str) -> None:
    assert _allows(f"{action}:Vehicle.Cabin", Action.READ, DOOR)
    assert _allows(f"{action}:Vehicle.Cabin", Action(action), DOOR)
    others = set(Action) - {Action.READ, Action(action)}
    assert not any(_allows(f"{action}:Vehicle.Cabin", other, DOOR) for other in others)
    assert not _allows(f"{action}:Vehicle.Cabin", Action.READ, SPEED)


def test_reading_allows_nothing_else() -> None:
    assert coverage(parse_scopes("read")).keys() == {Action.READ}


def test_scopes_are_read_once_each_and_written_as_they_were() -> None:
    scopes = parse_scopes("  read:Vehicle.Speed\tactuate read:Vehicle.Speed\n")
    assert scopes == (Scope(Action.READ, "Vehicle.Speed"), Scope(Action.ACTUATE))
    assert [str(scope) for scope in scopes] == ["read:Vehicle.Speed", "actuate"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("write:Vehicle.Speed", "'write:Vehicle.Speed' is unknown: it has to begin with one of read, actuate"),
        ("read write", "'write' is unknown"),
        ("Read", "'Read' is unknown"),
        ("read:", "no path behind the colon; 'read' alone stands for every signal"),
        (":Vehicle.Speed", "':Vehicle.Speed' is unknown"),
        ("read:Vehicle.As*.Test", "an asterisk stands for a whole level"),
        ("read:Vehicle..Speed", "an empty level"),
        ("provide:data:Vehicle.Speed", "names have no spaces or colons"),
        ("réad", r"'r\\xe9ad' is unknown"),
    ],
)
def test_what_is_no_scope_is_named(text: str, why: str) -> None:
    with pytest.raises(BrokerError) as caught:
        parse_scopes(text)
    assert why.replace("\\\\", "\\") in str(caught.value)
    assert caught.value.reason is Reason.INVALID


LEVELS = st.sampled_from(["Vehicle", "Speed", "A", "B"])
PATTERNS = st.lists(st.one_of(LEVELS, st.sampled_from(["*", "**"])), min_size=1, max_size=4).map(".".join)
PATHS = st.lists(LEVELS, min_size=1, max_size=5).map(".".join)


@given(st.lists(PATTERNS, min_size=1, max_size=5), PATHS)
def test_many_patterns_cover_what_any_of_them_does(patterns: list[str], path: str) -> None:
    covers = coverage([Scope(Action.READ, pattern) for pattern in patterns])[Action.READ]
    assert covers(path) == any(compile_pattern(pattern)(path) for pattern in patterns)


@given(st.text())
def test_any_text_is_scopes_or_a_broker_error(text: str) -> None:
    said = ""
    scopes = ()
    try:
        scopes = parse_scopes(text)
    except BrokerError as error:
        said = str(error)
    assert said.isascii()
    assert parse_scopes(" ".join(map(str, scopes))) == scopes
