"""What a reader or a provider wants, said once: it is asked again at each new connection."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict, cast

from commonwheel.broker.actuation import Terms
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Filter
from commonwheel.broker.providers import Proof
from commonwheel.broker.subscription import Queue

__all__ = ["NO_TERMS", "Asking", "Claim", "Confirm", "Options", "Plan", "claim_of", "each", "plan_of", "terms_of"]

NO_TERMS = Terms()
"""As usual."""

_SECOND = 1_000_000_000


class Options(TypedDict, total=False):
    """How to subscribe; all that is left out is as usual."""

    on_change: bool
    """Only values that differ from the one delivered before."""
    deadband: float
    """Only values that differ from the one delivered before by more than this, in the signal's unit."""
    min_interval_s: float
    """Least time between two updates of a signal."""
    rule: Filter
    """The whole filter (change, range, curvelog), where the three above are too little; they are added to it."""
    queue: Queue
    """How much may wait for you, and what is given up when it is too much; usually 1,000 batches, newest wins."""
    initial: bool
    """Begin with the current state of all signals; usually so."""
    targets: bool
    """What is asked of actuators, not what they are."""


class Asking(TypedDict, total=False):
    """On what terms to ask an actuator; all that is left out is as usual for the actuator."""

    valid_s: float
    """For how long it is valid, unless it is asked for again: then it is over, whatever has come of it."""
    priority: int
    """The higher goes first where several ask; -100 to 100, and no higher than your rights allow."""
    unit: str
    """What the value is counted in: the standard's unit, and nothing else is taken."""
    reason: str
    """Why, for who reads the log."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A subscription as it is asked for."""

    patterns: tuple[str, ...]
    rule: Filter = field(default_factory=Filter)
    queue: Queue = field(default_factory=Queue)
    initial: bool = True
    targets: bool = False


def plan_of(patterns: Sequence[str], options: Options) -> Plan:
    """Return the plan of a call's arguments."""
    rule = options.get("rule") or Filter()
    if "on_change" in options:
        rule = replace(rule, on_change=options["on_change"])
    if "deadband" in options:
        rule = replace(rule, deadband=options["deadband"])
    if "min_interval_s" in options:
        rule = replace(rule, min_interval_ns=round(options["min_interval_s"] * _SECOND))
    return Plan(
        tuple(patterns),
        rule,
        options.get("queue") or Queue(),
        options.get("initial", True),
        options.get("targets", False),
    )


def terms_of(asking: Asking) -> Terms:
    """Return the terms of a call's arguments.

    Raises:
        BrokerError: INVALID; they make no sense.
    """
    valid_s, priority = cast("object", asking.get("valid_s", 0.0)), cast("object", asking.get("priority", 0))
    if not (isinstance(valid_s, int | float) and math.isfinite(valid_s) and isinstance(priority, int)):
        message = f"a request is valid for a number of seconds, with a whole number as priority: {asking!r}"
        raise BrokerError(Reason.INVALID, message)
    terms = Terms(round(valid_s * _SECOND), priority, asking.get("unit", ""), asking.get("reason", ""))
    terms.check()
    return terms


@dataclass(frozen=True, slots=True)
class Confirm:
    """What proves that an actuator did what was asked."""

    signal: str = ""
    """The signal that shows it; by default the actuator's own."""
    within_s: float = 5.0
    tolerance: float = 0.0
    """How far its value may be from the target, in the signal's unit."""

    def proof(self, number: Callable[[str], int], actuator: str) -> Proof:
        """Return it as the broker keeps it."""
        return Proof(number(self.signal or actuator), round(self.within_s * _SECOND), self.tolerance)


@dataclass(frozen=True, slots=True)
class Claim:
    """A provider's claim as it is asked for."""

    signals: tuple[str, ...]
    """Patterns."""
    actuators: Mapping[str, Confirm]
    """By path."""
    name: str


def claim_of(signals: str | Iterable[str], actuators: Iterable[str] | Mapping[str, Confirm], name: str) -> Claim:
    """Return the claim of a call's arguments."""
    if isinstance(actuators, Mapping):
        confirms = dict(cast("Mapping[str, Confirm]", actuators))
    else:
        confirms = dict.fromkeys(each(actuators), Confirm())
    return Claim(each(signals), confirms, name)


def each(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of one or several."""
    return (names,) if isinstance(names, str) else tuple(names)
