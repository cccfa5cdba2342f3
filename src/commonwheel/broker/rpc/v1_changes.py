"""What a client of kuksa.val.v1 wants changed: read from its EntryUpdates, checked, and done as far as it can be.

Each entry stands for itself: the good ones are done, each of the others gets an error. A value that is set is a
provider's business, a target that is set an actuation's; metadata cannot be changed, and what a request says of it is
passed over, as KUKSA does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action
from commonwheel.broker.rpc.convert import read_time, read_value
from commonwheel.broker.rpc.v1_errors import MOST_EXPLAINED, entry_error, unknown_path
from commonwheel.broker.rpc.v1_fields import Field, fields_of
from commonwheel.broker.values import to_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from commonwheel.broker.broker import Broker
    from commonwheel.broker.rights import Rights
    from commonwheel.broker.rpc.interface import Proto
    from commonwheel.broker.signals import Signal
    from commonwheel.broker.values import Value

__all__ = ["Change", "Changes"]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry to be changed."""

    number: int
    """The signal's."""
    sets_value: bool = False
    value: Value | None = None
    """None: it is not available any more."""
    t_ns: int | None = None
    """When it had the value, nanoseconds UTC; None now."""
    sets_target: bool = False
    target: Value | None = None
    """None: nothing is asked of it any more."""


class Changes:
    """The changes of one request."""

    def __init__(self, broker: Broker, rights: Rights) -> None:
        self._broker = broker
        self._rights = rights
        self._changes: list[Change] = []
        self._failed: set[int] = set()
        self._unknown = 0
        self.errors: list[Proto] = []
        """A DataEntryError for each entry that could not be changed."""

    def read(self, update: Proto) -> None:
        """Read one EntryUpdate; what is wrong with its path, rights or values is noted.

        Raises:
            BrokerError: INVALID or NOT_ACTUATOR; the request makes no sense.
        """
        if not update.HasField("entry"):
            raise BrokerError(Reason.INVALID, "an update has no entry; each needs one with a path")
        path = update.entry.path
        try:
            self._changes.append(self._read(update.entry, fields_of(update.fields)))
        except BrokerError as error:
            if error.reason in {Reason.INVALID, Reason.NOT_ACTUATOR}:
                raise
            self.note(path, error)

    def note(self, path: str, error: BrokerError) -> None:
        """Note what is wrong with an entry."""
        self.errors.append(entry_error(path, error, self._broker.table))

    def _read(self, entry: Proto, fields: frozenset[Field]) -> Change:
        table = self._broker.table
        number = table.numbers.get(entry.path)
        if number is None:
            self._unknown += 1
            raise unknown_path(entry.path, table, explain=self._unknown <= MOST_EXPLAINED)
        signal = table[number]
        if entry.HasField("actuator_target") and not signal.is_actuator:
            message = f"{signal.path} is no actuator: it is a {signal.leaf.kind.value}, which has no target"
            raise BrokerError(Reason.NOT_ACTUATOR, message, signal=number)
        sets_value = Field.VALUE in fields and entry.HasField("value")
        sets_target = Field.ACTUATOR_TARGET in fields and signal.is_actuator
        if sets_value:
            self._rights.require(Action.PROVIDE, signal.path)
        value = read_value(entry.value, "value", signal) if sets_value else None
        if value is not None:
            to_inside(signal, value)
        target = self._target(entry, signal) if sets_target else None
        return Change(number, sets_value, value, read_time(entry.value), sets_target, target)

    def _target(self, entry: Proto, signal: Signal) -> Value | None:
        """Return what an actuator is asked for; what is refused is noted."""
        with self._broker.refusing(self._rights.client, signal.path):
            self._rights.require(Action.ACTUATE, signal.path)
            target = read_value(entry.actuator_target, "value", signal)
            if target is not None:
                to_inside(signal, target)
            return target

    def apply(self) -> Iterator[None]:
        """Do what can be done, and note what cannot; yields in between, where others may have their turn."""
        for t_ns, values in self._values():
            self._fail(self._broker.publish_values(values, t_ns=t_ns))
            yield
        for targets in self._targets():
            self._ask(targets)
            yield

    def _ask(self, targets: dict[int, Value | None]) -> None:
        asked = {number: target for number, target in targets.items() if target is not None}
        if len(asked) < len(targets):
            self._broker.clear_targets([number for number in targets if number not in asked])
        try:
            with self._broker.refusing(self._rights.client):
                actuations = self._broker.actuate(asked, self._rights.client, need_provider=False)
        except BrokerError as error:
            self._fail(dict.fromkeys(asked, error))
            return
        for actuation in actuations:
            if actuation.refusal is not None:  # at once: the car is not armed, say
                self._fail({actuation.signal: actuation.refusal})

    def _fail(self, faults: dict[int, BrokerError]) -> None:
        for number, error in faults.items():
            self._failed.add(number)
            self.note(self._broker.table[number].path, error)

    def _values(self) -> Iterator[tuple[int, dict[int, Value | None]]]:
        """Yield values that may be published in one batch: of one time, and of different signals."""
        now = time.time_ns()
        group: dict[int, Value | None] = {}
        at = now
        for change in self._changes:
            if not change.sets_value:
                continue
            t_ns = now if change.t_ns is None else change.t_ns
            if group and (t_ns != at or change.number in group):
                yield at, group
                group = {}
            at = t_ns
            group[change.number] = change.value
        if group:
            yield at, group

    def _targets(self) -> Iterator[dict[int, Value | None]]:
        """Yield targets that may be asked for at once: of different signals whose values, if any, were taken."""
        yield from _apart(
            (change.number, change.target)
            for change in self._changes
            if change.sets_target and change.number not in self._failed
        )


def _apart(pairs: Iterable[tuple[int, Value | None]]) -> Iterator[dict[int, Value | None]]:
    group: dict[int, Value | None] = {}
    for number, value in pairs:
        if number in group:
            yield group
            group = {}
        group[number] = value
    if group:
        yield group
