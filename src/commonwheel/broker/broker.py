"""The broker: takes batches from providers, keeps what is current, and hands on to each reader what it wants.

Every method may be called from any thread. Rights are checked by who calls for a client (the servers, the
in-process client), never here: the gateway publishes thousands of batches a second in its own name.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.actuation import Actuation, Stage, Step, Terms
from commonwheel.broker.desk import Desk
from commonwheel.broker.events import EventLog
from commonwheel.broker.fanout import Fanout
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Filter
from commonwheel.broker.owners import NOBODY, Owners
from commonwheel.broker.providers import Provider, rows_of
from commonwheel.broker.rows import Rows
from commonwheel.broker.signals import SignalTable
from commonwheel.broker.store import ANYBODY, History, Store
from commonwheel.broker.subscription import Queue, Subscription
from commonwheel.broker.targets import targets_of
from commonwheel.broker.updates import Updates
from commonwheel.catalog.leaf import Kind
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager

    from commonwheel.broker.providers import Proof
    from commonwheel.broker.values import Reading
    from commonwheel.catalog import Catalog

__all__ = ["Broker"]


_TERMS = Terms()
_VERSION = ".VersionVSS."
"""In the paths of what a tree says of itself."""


def _nothing() -> None:
    """Wake nobody."""


class Broker:
    """One car's signals."""

    def __init__(self, catalog: Catalog, *, name: str = "", history: History | None = None) -> None:
        """Make a broker for every signal of a catalog; none has a value yet but the catalog's own version.

        Args:
            catalog: the standard.
            name: what to call it (the car's name).
            history: bounds of the history of each signal.
        """
        self.name = name
        self.table = SignalTable(catalog)
        self.events = EventLog()
        self._lock = threading.RLock()
        self._owners = Owners(self.table)
        self._store = Store(self.table, history or History(), self._owners.column)
        self._targets = Store(self.table, History(depth=1))
        self._rows = Rows()
        self._fanout = Fanout(len(self.table), self._rows)
        self._target_fanout = Fanout(len(self.table), self._rows)
        self._desk = Desk(self.table, self.events)
        self.published = 0
        """Updates taken in since the beginning."""
        self._left = {"delivered": 0, "dropped": 0}
        """Counts of the readers that are gone."""
        version = [path for path in self.table.numbers if _VERSION in path]
        self.assume_defaults(version)

    def assume_defaults(self, patterns: Sequence[str] = ("",)) -> None:
        """Give attributes without a value the catalog's default, as KUKSA does: for a broker without a car.

        VSS's defaults are placeholders (a height of 0, an unknown drive), so they say nothing about a car that is
        described: what it does not give is MISSING there. What the tree says of itself is there from the beginning.
        To be called before anybody reads: readers are not told.
        """
        values: dict[int, object] = {
            number: self.table[number].leaf.default
            for number in self.table.match(patterns)
            if self.table[number].leaf.default is not None and self.table[number].leaf.kind is Kind.ATTRIBUTE
        }
        batch, _faults = rows_of(self, values, time.time_ns())
        with self._lock:
            self._store.put(batch[self._store.snapshot(batch.signal).quality == Quality.MISSING])

    # ---- reading ----------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Reading:
        """Return a signal's current reading."""
        self.table[number]  # raises for a number that no signal has
        with self._lock:
            return self._store.reading(number)

    def snapshot(self, signals: Sequence[int], *, targets: bool = False) -> Updates:
        """Return the current state of signals as a batch, in their order; MISSING where there was never a value.

        Args:
            signals: their numbers.
            targets: what was last asked of actuators, not what they are.

        Raises:
            BrokerError: UNKNOWN_SIGNAL.
        """
        self.table.check(signals)
        with self._lock:
            return (self._targets if targets else self._store).snapshot(signals)

    def target(self, number: int) -> Reading:
        """Return the value last asked of an actuator; MISSING where none was."""
        self.table[number]  # raises for a number that no signal has
        with self._lock:
            return self._targets.reading(number)

    def history(self, number: int, start_ns: int = 0, end_ns: int = 2**63 - 1, most: int | None = None) -> Updates:
        """Return the kept updates of one signal from *start_ns* (included) to *end_ns* (not), oldest first.

        The current one is the last of them, if it is in that time; *most* leaves older ones out.

        Raises:
            BrokerError: UNKNOWN_SIGNAL.
        """
        self.table[number]  # raises for a number that no signal has
        with self._lock:
            return self._store.history(number, start_ns, end_ns, most)

    def subscribe(
        self,
        signals: Sequence[int],
        *,
        rule: Filter | None = None,
        queue: Queue | None = None,
        wake: Callable[[], None] = _nothing,
        initial: bool = True,
        targets: bool = False,
    ) -> Subscription:
        """Subscribe to signals.

        Between the current state and the updates that follow, nothing is missing and nothing comes twice.

        Args:
            signals: their numbers; one that is given twice counts once.
            rule: which updates are wanted; None all.
            queue: the bounds of the reader's queue.
            wake: called (in the publisher's thread; it must not wait) when there is something to take.
            initial: begin with the current state of all of them, as the first batch.
            targets: subscribe to what is asked of actuators, not to what they are.

        Raises:
            BrokerError: UNKNOWN_SIGNAL; INVALID or LIMIT for a rule or bounds that make no sense or need too much.
        """
        wanted = self.table.check(signals)
        subscription = Subscription(wanted, len(self.table), rule or Filter(), queue or Queue(), wake, self._rows)
        with self._lock:
            (self._target_fanout if targets else self._fanout).add(subscription)
            if initial:
                first = (self._targets if targets else self._store).snapshot(wanted)
                subscription.put(subscription.sieve.apply(first) if subscription.sieve else first)
        if subscription.depth:
            subscription.wake()
        return subscription

    def unsubscribe(self, subscription: Subscription, error: BrokerError | None = None) -> None:
        """End a subscription; its reader gets what waits, then the error."""
        with self._lock:
            if subscription in self.readers:
                self._left["delivered"] += subscription.delivered
                self._left["dropped"] += subscription.dropped
            known = self._fanout.remove(subscription) or self._target_fanout.remove(subscription)
            if known and subscription.sieve:
                subscription.put(subscription.sieve.flush())
        subscription.close(error)

    @property
    def readers(self) -> tuple[Subscription, ...]:
        """The subscriptions that live."""
        return self._fanout.readers + self._target_fanout.readers

    def is_heard(self, number: int) -> bool:
        """Whether anybody would hear of a wish that an actuator reach a value: who makes it act, or reads targets."""
        if self._owners.actor(number) is not None:
            return True
        return any(number in reader.signals for reader in self._target_fanout.readers)

    def _lose(self, failed: Sequence[tuple[Subscription, BaseException]]) -> None:
        """End the subscriptions of readers that cannot be woken."""
        for reader, fault in failed:
            message = f"the reader failed: {type(fault).__name__}: {fault}"
            self.unsubscribe(reader, BrokerError(Reason.CLOSED, message))
            self.events.add("reader.failed", signals=len(reader.signals), why=message)

    def totals(self) -> dict[str, int]:
        """Return how many updates all readers so far have taken (``delivered``) and lost (``dropped``)."""
        with self._lock:
            readers = self.readers
            return {
                "delivered": self._left["delivered"] + sum(reader.delivered for reader in readers),
                "dropped": self._left["dropped"] + sum(reader.dropped for reader in readers),
            }

    # ---- providing --------------------------------------------------------------------------------------------------

    def provider(self, name: str) -> Provider:
        """Return a new provider that owns nothing yet."""
        provider = Provider(self, name)
        with self._lock:
            self._owners.add(provider)
        return provider

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers that live."""
        with self._lock:
            return self._owners.providers

    def owner(self, number: int) -> Provider | None:
        """Return who gives a signal its value; None where anybody may."""
        with self._lock:
            return self._owners.owner(number)

    def actor(self, number: int) -> Provider | None:
        """Return who makes an actuator act; None where nobody does."""
        return self._owners.actor(number)

    def claim(
        self,
        provider: Provider,
        signals: Sequence[int],
        actuators: Mapping[int, Proof | None],
        on_actuate: Callable[[Sequence[Actuation]], None] | None,
    ) -> None:
        """See ``Provider.claim``."""
        with self._lock:
            self._owners.claim(provider, signals, actuators, on_actuate)
        self.events.add("provider.claimed", provider=provider.name, signals=len(signals), actuators=len(actuators))

    def publish(self, updates: Updates, provider: Provider) -> None:
        """Take in a batch that needs no check, of signals the provider claimed; see ``Provider.publish``."""
        with self._lock:
            proved = self._take_in(updates, self._owners.number(provider))
        self._confirm(proved)

    def publish_values(
        self, values: Mapping[int, object], provider: Provider | None = None, t_ns: int | None = None
    ) -> dict[int, BrokerError]:
        """Take in checked values by signal number; returns the errors of those that were refused.

        A provider may give what it owns and what nobody owns; nobody (None) what nobody owns. None as a value
        makes the signal INVALID.
        """
        batch, faults = rows_of(self, values, t_ns)
        with self._lock:
            own = NOBODY if provider is None else self._owners.number(provider)
            owners = self._owners.column[batch.signal]
            mine = (owners == NOBODY) | (owners == own)
            for number in batch.signal[~mine].tolist():
                faults[number] = self._owners.taken(number, self._owners.owner(number))
            proved = self._take_in(batch if mine.all() else batch[mine])
        self._confirm(proved)
        return faults

    def restore(self, updates: Updates) -> int:
        """Take in what was kept of an earlier run, where there is no value yet; returns how many were."""
        with self._lock:
            fresh = self._store.snapshot(updates.signal).quality == Quality.MISSING
            proved = self._take_in(updates[fresh])
        self._confirm(proved)
        return int(fresh.sum())

    def _take_in(self, updates: Updates, own: int = ANYBODY) -> Sequence[Actuation]:
        """Take in a batch, of signals of one owner, and hand it on; returns the actuations that it proves."""
        if not len(updates):
            return ()
        self._store.put(updates, own)
        self.published += len(updates)
        failed = self._fanout.offer(updates)
        if failed:
            self._lose(failed)
        return self._desk.proved(updates) if self._desk.busy else ()

    def _confirm(self, proved: Sequence[Actuation]) -> None:
        """End what is proved; with no lock held, since who asked is told."""
        for actuation in proved:
            self._desk.finish(actuation, Stage.CONFIRMED)

    def release(self, provider: Provider) -> None:
        """See ``Provider.close``."""
        with self._lock:
            if provider.closed:
                return
            provider.closed = True
            gone = self._owners.release(provider)
            if gone:
                self._take_in(self._store.stale(gone, time.time_ns()))
        self._desk.abandon(provider)
        self.events.add("provider.gone", provider=provider.name, signals=len(gone))

    # ---- actuating --------------------------------------------------------------------------------------------------

    def actuate(
        self,
        targets: Mapping[int, object],
        requester: str,
        *,
        on_step: Callable[[Actuation, Step], None] | None = None,
        need_provider: bool = True,
        terms: Terms = _TERMS,
    ) -> list[Actuation]:
        """Ask actuators to reach values: all of them, or none.

        A later request for the same actuator ends an earlier one that is still under way; where somebody decides
        between requests (``Proof.arbitrated``) only one of the same requester.

        Args:
            targets: value by the actuator's number.
            requester: who asks.
            on_step: called with each actuation and each of its steps, in the thread it happens in; it must not wait.
            need_provider: refuse when nobody makes one of them act; else it is only noted as a target, unless the car
                says that it cannot be asked for it.
            terms: for how long, with which priority.

        Raises:
            BrokerError: NOT_ACTUATOR, WRONG_TYPE, OUT_OF_RANGE, NOT_ALLOWED, NO_PROVIDER, INVALID or LIMIT: nothing
                was asked of anybody. PROVIDER_FAILED: one of several failed when it was handed its part.
        """
        terms.check()
        batch, values = targets_of(self.table, targets)
        with self._lock:
            found = {number: self._owners.require(number, need=need_provider) for number in targets}
        actors = {number: actor for number, actor in found.items() if actor is not None}
        for number, actor in actors.items():
            self._desk.check(number, values[number], actor.actuators[number])
        asked = {number: values[number] for number in actors}
        actuations = self._desk.open(asked, actors, requester, on_step, terms)
        with self._lock:
            self._targets.put(batch)
            self._lose(self._target_fanout.offer(batch))
        self._desk.forward(actuations)
        return actuations

    def clear_targets(self, signals: Sequence[int]) -> None:
        """Note that nothing is asked of these actuators any more; who reads their targets learns it."""
        now = time.time_ns()
        batch = Updates.build([(number, now, np.nan, Quality.MISSING, None) for number in signals])
        with self._lock:
            self._targets.put(batch)
            self._lose(self._target_fanout.offer(batch))

    def finish(self, actuation: Actuation, stage: Stage, why: str = "") -> None:
        """End an actuation: who was to do it refused it or failed. One that has ended is let be."""
        self._desk.finish(actuation, stage, why)

    def withdraw(self, requester: str, signals: Collection[int] | None = None) -> None:
        """Take back what a requester has asked of arbitrated actuators: of some, or of all."""
        with self._lock:
            groups = self._owners.arbitrated(signals)
        self._desk.withdraw(requester, groups)

    @property
    def refused(self) -> int:
        """Requests that were refused before they became actuations."""
        return self._desk.refused

    def refusing(self, requester: str, path: str = "") -> AbstractContextManager[None]:
        """Note what is refused within it before it becomes an actuation; *path* is what it is about."""
        return self._desk.refusing(requester, path)

    def tick(self, now_ns: int | None = None) -> None:
        """End the actuations whose time is over, and hand on what waits too long.

        Whoever runs the broker calls this a few times a second.

        Args:
            now_ns: the time on the monotonic clock; None is now.
        """
        now = time.monotonic_ns() if now_ns is None else now_ns
        with self._lock:
            self._lose(self._fanout.flush_late(now))
            late = self._desk.late(now)
            current = self._store.snapshot([actuation.proof.signal for actuation in late])
        self._desk.expire(late, current)
