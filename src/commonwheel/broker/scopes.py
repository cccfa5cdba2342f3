"""Scopes: what a token allows, ``<action>[:<path pattern>]`` with spaces between, as KUKSA writes them.

=========================  ==========================================================
scope                      allows
=========================  ==========================================================
``read``                   to read every signal
``read:Vehicle.Speed``     to read one
``actuate:Vehicle.ADAS``   to ask all actuators below a branch (and to read them)
``provide:Vehicle.*.Id``   to give values to what a pattern selects (and to read them)
``create:Vehicle.Private`` to add signals there (and to read them)
=========================  ==========================================================

Patterns are those of ``catalog.patterns``: an asterisk stands for one level, two for any number.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.catalog.patterns import compile_pattern
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Action", "Scope", "coverage", "everything", "parse_scopes"]


class Action(enum.Enum):
    """What may be done to a signal."""

    READ = "read"
    ACTUATE = "actuate"
    PROVIDE = "provide"
    CREATE = "create"


_ACTIONS = {action.value: action for action in Action}


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope."""

    action: Action
    pattern: str = ""
    """A path, a branch or a pattern; empty: every signal."""

    def __str__(self) -> str:
        return f"{self.action.value}:{self.pattern}" if self.pattern else self.action.value


def parse_scopes(text: str) -> tuple[Scope, ...]:
    """Read a token's scopes, each once, in their order.

    Raises:
        BrokerError: INVALID; says which scope is none, and why.
    """
    return tuple(_scope(word) for word in dict.fromkeys(text.split()))


def _scope(word: str) -> Scope:
    name, colon, pattern = word.partition(":")
    action = _ACTIONS.get(name)
    if action is None:
        message = f"the scope {word!a:.80} is unknown: it has to begin with one of {', '.join(_ACTIONS)}"
        raise BrokerError(Reason.INVALID, message)
    if colon and not pattern:
        message = f"the scope {word!a:.80} has no path behind the colon; {name!r} alone stands for every signal"
        raise BrokerError(Reason.INVALID, message)
    try:
        compile_pattern(pattern)
    except CatalogError as error:
        why = str(error).encode("ascii", "backslashreplace").decode()
        message = f"the scope {word!a:.80} cannot be used: {why:.200}"
        raise BrokerError(Reason.INVALID, message) from error
    return Scope(action, pattern)


def coverage(scopes: Iterable[Scope]) -> Mapping[Action, Callable[[str], bool]]:
    """Return for each action that is allowed at all a function that says whether a path is covered.

    Whoever may actuate, provide or create a signal may read it too.
    """
    patterns: dict[Action, set[str]] = {}
    for scope in scopes:
        patterns.setdefault(scope.action, set()).add(scope.pattern)
        patterns.setdefault(Action.READ, set()).add(scope.pattern)
    return {action: _covers(chosen) for action, chosen in patterns.items()}


def everything() -> Mapping[Action, Callable[[str], bool]]:
    """Return the coverage of everything by every action."""
    return _EVERYTHING


def _any(_path: str) -> bool:
    return True


_EVERYTHING: Mapping[Action, Callable[[str], bool]] = dict.fromkeys(Action, _any)


def _covers(patterns: set[str]) -> Callable[[str], bool]:
    """Join patterns: names and branches by looking up a path's ancestors, so that thousands cost no more than one."""
    if "" in patterns:
        return _any
    named = frozenset(pattern for pattern in patterns if "*" not in pattern)
    wild = tuple(compile_pattern(pattern) for pattern in patterns if "*" in pattern)

    def covers(path: str) -> bool:
        place = path
        while place:
            if place in named:
                return True
            place = place.rpartition(".")[0]
        return any(matches(path) for matches in wild)

    return covers
