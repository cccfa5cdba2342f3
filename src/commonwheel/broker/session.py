"""One client at the broker, within its rights: the calls that Commonwheel's own interfaces offer, near and far.

The gRPC companion service and the client in this process both go through here, so that they mean the same and ask
the same rights. Signals are named by path; a pattern selects what may be read, and a path that is spelled out and
may not be read is refused. A session may be used from any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.actuation import Terms
from commonwheel.broker.checks import checker
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.provision import Provision
from commonwheel.broker.rights import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Sized

    from commonwheel.broker.actuation import Actuation, Step
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.events import Event
    from commonwheel.broker.filters import Filter
    from commonwheel.broker.offers import Offer
    from commonwheel.broker.rights import Rights
    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.subscription import Queue
    from commonwheel.broker.updates import Updates
    from commonwheel.catalog import Leaf

_TERMS = Terms()

__all__ = ["LONGEST_PATH", "MOST_BATCHES", "MOST_NAMES", "MOST_PATTERNS", "MOST_UPDATES", "Session", "SignalFacts"]

LONGEST_PATH = 1000
"""Characters of a path or pattern."""
MOST_NAMES = 10_000
"""Paths in one request."""
MOST_PATTERNS = 100
"""Patterns in one request: each is held against every signal."""
MOST_EXPLAINED = 20
"""Unknown paths of one request that are told what is close to them, which takes time."""
MOST_BATCHES = 100_000
MOST_UPDATES = 1_000_000
"""Bounds of what a client may ask to be queued for it."""


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """A signal of the standard, and what this car does about it now."""

    number: int
    leaf: Leaf
    """What the standard says: datatype, unit, range, allowed values, description."""
    owner: str | None
    """Who gives its values; None nobody."""
    actor: str | None
    """Who makes it act; None nobody."""
    offer: Offer | None
    """What the car says about it, where it does."""
    rights: frozenset[Action]
    """What you may do with it."""

    @property
    def path(self) -> str:
        """Full name."""
        return self.leaf.path

    @property
    def unit(self) -> str | None:
        """Unit as VSS names it, or None for a bare number."""
        return self.leaf.unit

    @property
    def datatype(self) -> str:
        """Datatype as VSS names it."""
        return self.leaf.datatype


class Session:
    """One client's calls."""

    def __init__(self, broker: Broker, rights: Rights) -> None:
        self.broker = broker
        self.rights = rights

    @property
    def table(self) -> SignalTable:
        """The broker's signals."""
        return self.broker.table

    def number(self, path: str, action: Action = Action.READ) -> int:
        """Return the number of a signal that an action is allowed on.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED or INVALID.
        """
        number = self.table.numbers.get(path)
        if number is None:
            _check_length(path)
            number = self.table.number(path)
        self.rights.require(action, path)
        return number

    def select(self, patterns: Sequence[str], action: Action = Action.READ) -> list[int]:
        """Return the numbers of the signals that patterns select and an action is allowed on, rising.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, BAD_PATTERN, INVALID, LIMIT; FORBIDDEN when one selects nothing allowed.
        """
        if not patterns:
            raise BrokerError(Reason.INVALID, "no signal is named; name paths or patterns")
        self.rights.require_valid()
        mask = self.rights.mask(self.table, action)
        chosen: set[int] = set()
        self._check_names(patterns)
        for pattern in patterns:
            found = [number for number in self.table.match(pattern) if mask[number]]
            if not found:
                message = f"{self.rights.client} may not {action.value} {pattern or 'anything'}"
                raise BrokerError(Reason.FORBIDDEN, message)
            chosen.update(found)
        return sorted(chosen)

    def describe(self, patterns: Sequence[str] = ()) -> list[SignalFacts]:
        """Return the signals that patterns select; none: all. What the standard says may be known to everyone let in.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, BAD_PATTERN, INVALID, LIMIT, EXPIRED.
        """
        self.rights.require_valid()
        self._check_names(patterns)
        may = {action: self.rights.mask(self.table, action) for action in (Action.READ, Action.ACTUATE, Action.PROVIDE)}
        return [
            self._facts(number, frozenset(action for action, mask in may.items() if mask[number]))
            for number in self.table.match(patterns or ("",))
        ]

    def _facts(self, number: int, rights: frozenset[Action]) -> SignalFacts:
        owner, actor = self.broker.owner(number), self.broker.actor(number)
        return SignalFacts(
            number,
            self.table[number].leaf,
            owner.name if owner else None,
            actor.name if actor else None,
            owner.offers.get(number) if owner else None,
            rights,
        )

    def _check_names(self, names: Sequence[str]) -> None:
        """Refuse what would take long to look up, while others wait.

        Raises:
            BrokerError: LIMIT or INVALID.
        """
        _check_count(names)
        patterns = [name for name in names if name not in self.table.numbers]
        if len(patterns) > MOST_PATTERNS:
            message = f"{len(patterns)} patterns (or unknown paths) in one request; {MOST_PATTERNS} are the most"
            raise BrokerError(Reason.LIMIT, message)
        for pattern in patterns:
            _check_length(pattern)

    def read(self, paths: Sequence[str], *, targets: bool = False) -> Updates:
        """Return the current state of signals, a row for each path; or what was last asked of them.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED or INVALID.
        """
        _check_count(paths)
        numbers = [self.number(path) for path in paths]
        return self.broker.snapshot(numbers, targets=targets)

    def history(self, path: str, start_ns: int = 0, end_ns: int = 2**63 - 1, most: int | None = None) -> Updates:
        """Return the kept updates of a signal from *start_ns* (included) to *end_ns* (not), oldest first.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED or INVALID.
        """
        return self.broker.history(self.number(path), start_ns, end_ns, most)

    def wanted(self, patterns: Sequence[str], rule: Filter, queue: Queue) -> list[int]:
        """Return the numbers of the signals to subscribe to for patterns, a filter and a queue that make sense.

        Raises:
            BrokerError: as ``select``; INVALID for a filter or a queue that makes no sense.
        """
        rule.check()
        if not (0 < queue.batches <= MOST_BATCHES and 0 < queue.updates <= MOST_UPDATES):
            message = f"a queue holds 1 to {MOST_BATCHES} batches and 1 to {MOST_UPDATES} updates"
            raise BrokerError(Reason.INVALID, message)
        return self.select(patterns)

    def actuate(
        self,
        targets: Mapping[str, object],
        on_step: Callable[[Actuation, Step], None] | None = None,
        terms: Terms = _TERMS,
    ) -> list[Actuation]:
        """Ask actuators to reach values by path: all, or none; see ``Broker.actuate``.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, FORBIDDEN, EXPIRED, INVALID, and those of ``Broker.actuate``.
        """
        if not targets:
            raise BrokerError(Reason.INVALID, "no actuator is named; give paths and values")
        _check_count(targets)
        client = self.rights.client
        with self.broker.refusing(client, next(iter(targets))):
            self.rights.require_priority(terms.priority)
            numbers = {self.number(path, Action.ACTUATE): value for path, value in targets.items()}
            return self.broker.actuate(numbers, client, on_step=on_step, terms=terms)

    def withdraw(self, paths: Sequence[str] = ()) -> None:
        """Take back what it asked of arbitrated actuators: of some, or of all.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, INVALID, LIMIT, EXPIRED.
        """
        self.rights.require_valid()
        self._check_names(paths)
        numbers = [self.table.number(path) for path in paths]
        self.broker.withdraw(self.rights.client, numbers if paths else None)

    def publish(self, values: Mapping[str, object], t_ns: int | None = None) -> dict[str, BrokerError]:
        """Give values to signals that nobody owns; None: it has none. Returns the errors of those that were refused.

        Raises:
            BrokerError: EXPIRED.
        """
        self.rights.require_valid()
        _check_count(values)
        faults: dict[str, BrokerError] = {}
        numbers: dict[int, object] = {}
        for path, value in values.items():
            if len(faults) >= MOST_EXPLAINED and path not in self.table.numbers:
                faults[path] = BrokerError(Reason.UNKNOWN_SIGNAL, f"{path[:LONGEST_PATH]!r} is not in the catalog")
                continue
            try:
                numbers[self.number(path, Action.PROVIDE)] = value
            except BrokerError as error:
                faults[path] = error
        for number, error in self.broker.publish_values(numbers, t_ns=t_ns).items():
            faults[self.table[number].path] = error
        return faults

    def provide(self, name: str, on_actuate: Callable[[Sequence[Actuation]], None]) -> Provision:
        """Return a place for a provider, which owns nothing yet; ``close`` it.

        Args:
            name: what to call it; '' for the client's own name.
            on_actuate: called with the actuations of one request, in the thread that asks; it must not wait.
        """
        self.rights.require_valid()
        return Provision(self, self.broker.provider(name or self.rights.client), checker(self.table), on_actuate)

    def sees(self, event: Event) -> bool:
        """Whether it may know of an event: it may read the signal it is about, or all where it is about none."""
        path = event.facts.get("signal")
        if isinstance(path, str):
            return self.rights.allow(Action.READ, path)
        return bool(self.rights.mask(self.table, Action.READ).all())


def _check_count(names: Sized) -> None:
    if len(names) > MOST_NAMES:
        message = f"{len(names)} signals in one request; {MOST_NAMES} are the most"
        raise BrokerError(Reason.LIMIT, message)


def _check_length(path: str) -> None:
    if len(path) > LONGEST_PATH:
        message = f"a path of {len(path)} characters; {LONGEST_PATH} are the most"
        raise BrokerError(Reason.INVALID, message)
