"""The broker: takes batches from providers, keeps what is current, and hands on to each reader what it wants.

Every method may be called from any thread. Rights are checked by who calls for a client (the servers, the
in-process client), never here: the gateway publishes thousands of batches a second in its own name.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.actuation import Actuation, Stage
from commonwheel.broker.events import EventLog
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Filter
from commonwheel.broker.providers import Proof, Provider, rows_of
from commonwheel.broker.signals import SignalTable
from commonwheel.broker.store import History, Store
from commonwheel.broker.subscription import Queue, Subscription
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import from_inside, to_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.broker.values import Reading
    from commonwheel.catalog import Catalog

__all__ = ["Broker"]


def _nothing() -> None:
    """Wake nobody."""


class Broker:
    """One car's signals."""

    def __init__(self, catalog: Catalog, *, name: str = "", history: History | None = None) -> None:
        """Make a broker for every signal of a catalog; attributes start with the catalog's default value.

        Args:
            catalog: the standard.
            name: what to call it (the car's name).
            history: bounds of the history of each signal.
        """
        self.name = name
        self.table = SignalTable(catalog)
        self.events = EventLog()
        self._lock = threading.RLock()
        self._store = Store(self.table, history or History())
        self._targets = Store(self.table, History(depth=1))
        self._owners: npt.NDArray[np.int32] = np.zeros(len(self.table), np.int32)
        """Number of each signal's owner; 0 nobody."""
        self._provider_numbers: dict[Provider, int] = {}
        self._count = itertools.count(1)
        self._actors: dict[int, Provider] = {}
        self._readers: tuple[Subscription, ...] = ()
        self._target_readers: tuple[Subscription, ...] = ()
        self._pending: dict[int, list[Actuation]] = {}
        self._proving: npt.NDArray[np.bool_] = np.zeros(len(self.table), bool)
        self._actuations = itertools.count(1)
        self.published = 0
        """Updates taken in since the beginning."""
        self._left = {"delivered": 0, "dropped": 0}
        """Counts of the readers that are gone."""
        self._put_defaults()

    def _put_defaults(self) -> None:
        values: dict[int, object] = {}
        for signal in self.table.signals:
            if signal.leaf.default is not None and signal.leaf.kind.value == "attribute":
                values[signal.number] = signal.leaf.default
        batch, _faults = rows_of(self, values, time.time_ns())
        self._store.put(batch)

    # ---- reading ----------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Reading:
        """Return a signal's current reading."""
        with self._lock:
            return self._store.reading(number)

    def snapshot(self, signals: Sequence[int], *, targets: bool = False) -> Updates:
        """Return the current state of signals as a batch, in their order; MISSING where there was never a value.

        Args:
            signals: their numbers.
            targets: what was last asked of actuators, not what they are.
        """
        with self._lock:
            return (self._targets if targets else self._store).snapshot(signals)

    def target(self, number: int) -> Reading:
        """Return the value last asked of an actuator; MISSING where none was."""
        with self._lock:
            return self._targets.reading(number)

    def history(self, number: int, start_ns: int = 0, end_ns: int = 2**63 - 1, most: int | None = None) -> Updates:
        """Return the kept updates of one signal from *start_ns* (included) to *end_ns* (not), oldest first."""
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

        Args:
            signals: their numbers.
            rule: which updates are wanted; None all.
            queue: the bounds of the reader's queue.
            wake: called (in the publisher's thread; it must not wait) when there is something to take.
            initial: begin with the current state of all of them, as the first batch.
            targets: subscribe to what is asked of actuators, not to what they are.
        """
        subscription = Subscription(signals, len(self.table), rule or Filter(), queue or Queue(), wake)
        with self._lock:
            if targets:
                self._target_readers = (*self._target_readers, subscription)
            else:
                self._readers = (*self._readers, subscription)
            if initial:
                subscription.put((self._targets if targets else self._store).snapshot(signals))
        return subscription

    def unsubscribe(self, subscription: Subscription, error: BrokerError | None = None) -> None:
        """End a subscription; its reader gets what waits, then the error."""
        with self._lock:
            if subscription in self.readers:
                self._left["delivered"] += subscription.delivered
                self._left["dropped"] += subscription.dropped
            self._readers = tuple(reader for reader in self._readers if reader is not subscription)
            self._target_readers = tuple(reader for reader in self._target_readers if reader is not subscription)
        subscription.close(error)

    @property
    def readers(self) -> tuple[Subscription, ...]:
        """The subscriptions that live."""
        return self._readers + self._target_readers

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
            self._provider_numbers[provider] = next(self._count)
        return provider

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The providers that live."""
        with self._lock:
            return tuple(self._provider_numbers)

    def owner(self, number: int) -> Provider | None:
        """Return who gives a signal its value; None where anybody may."""
        with self._lock:
            return self._by_number(int(self._owners[number]))

    def actor(self, number: int) -> Provider | None:
        """Return who makes an actuator act; None where nobody does."""
        return self._actors.get(number)

    def _by_number(self, number: int) -> Provider | None:
        return next((p for p, own in self._provider_numbers.items() if own == number), None)

    def claim(
        self,
        provider: Provider,
        signals: Sequence[int],
        actuators: Mapping[int, Proof | None],
        on_actuate: Callable[[Sequence[Actuation]], None] | None,
    ) -> None:
        """See ``Provider.claim``."""
        with self._lock:
            own = self._alive(provider)
            for number in signals:
                if self._owners[number] not in {0, own}:
                    raise self._taken(number, self.owner(number))
            for number in actuators:
                signal = self.table[number]
                if not signal.is_actuator:
                    message = f"{signal.path} is a {signal.leaf.kind.value}, not an actuator"
                    raise BrokerError(Reason.NOT_ACTUATOR, message, signal=number)
                if self._actors.get(number, provider) is not provider:
                    raise self._taken(number, self._actors[number])
            self._owners[list(signals)] = own
            provider.signals.update(signals)
            for number, proof in actuators.items():
                self._actors[number] = provider
                provider.actuators[number] = proof or Proof(number)
            provider.on_actuate = on_actuate or provider.on_actuate
        self.events.add("provider.claimed", provider=provider.name, signals=len(signals), actuators=len(actuators))

    def _alive(self, provider: Provider) -> int:
        own = self._provider_numbers.get(provider)
        if own is None:
            raise BrokerError(Reason.CLOSED, f"the provider {provider.name} was closed")
        return own

    def _taken(self, number: int, by: Provider | None) -> BrokerError:
        message = f"{self.table[number].path} is provided by {by.name if by else 'another'} already"
        return BrokerError(Reason.ALREADY_CLAIMED, message, signal=number)

    def publish(self, updates: Updates, provider: Provider) -> None:
        """Take in a batch that needs no check, of signals the provider claimed; see ``Provider.publish``."""
        with self._lock:
            strange = self._owners[updates.signal] != self._alive(provider)
            if strange.any():
                number = int(updates.signal[strange][0])
                message = f"{provider.name} publishes {self.table[number].path} without a claim to it"
                raise BrokerError(Reason.NOT_CLAIMED, message, signal=number)
            self._take_in(updates)

    def publish_values(
        self, values: Mapping[int, object], provider: Provider | None = None, t_ns: int | None = None
    ) -> dict[int, BrokerError]:
        """Take in checked values by signal number; returns the errors of those that were refused.

        A provider may give what it owns and what nobody owns; nobody (None) what nobody owns. None as a value
        makes the signal INVALID.
        """
        batch, faults = rows_of(self, values, t_ns)
        with self._lock:
            own = 0 if provider is None else self._alive(provider)
            owners = self._owners[batch.signal]
            mine = (owners == 0) | (owners == own)
            for number in batch.signal[~mine].tolist():
                faults[number] = self._taken(number, self.owner(number))
            if mine.any():
                self._take_in(batch if mine.all() else batch[mine])
        return faults

    def _take_in(self, updates: Updates) -> None:
        if not len(updates):
            return
        self._store.put(updates)
        self.published += len(updates)
        for reader in self._readers:
            reader.offer(updates)
        if self._pending and self._proving[updates.signal].any():
            self._prove(updates)

    def release(self, provider: Provider) -> None:
        """See ``Provider.close``."""
        with self._lock:
            if provider.closed:
                return
            provider.closed = True
            del self._provider_numbers[provider]
            gone = sorted(provider.signals)
            self._owners[gone] = 0
            for number in provider.actuators:
                self._actors.pop(number, None)
            if gone:
                self._take_in(self._store.stale(gone, time.time_ns()))
            lost = [a for waiting in self._pending.values() for a in waiting if a.signal in provider.actuators]
        for actuation in lost:
            self.finish(actuation, Stage.FAILED, f"its provider {provider.name} went away")
        self.events.add("provider.gone", provider=provider.name, signals=len(gone))

    # ---- actuating --------------------------------------------------------------------------------------------------

    def actuate(
        self,
        targets: Mapping[int, object],
        requester: str,
        *,
        on_step: Callable[[Actuation, object], None] | None = None,
        need_provider: bool = True,
    ) -> list[Actuation]:
        """Ask actuators to reach values: all of them, or none.

        Args:
            targets: value by the actuator's number.
            requester: who asks.
            on_step: called with each actuation and each of its steps.
            need_provider: refuse when nobody makes one of them act; else it is only noted as a target.

        Raises:
            BrokerError: NOT_ACTUATOR, WRONG_TYPE, OUT_OF_RANGE, NOT_ALLOWED, NO_PROVIDER, PROVIDER_FAILED.
        """
        rows: list[tuple[int, int, float, int, object]] = []
        now = time.time_ns()
        for number, value in targets.items():
            signal = self.table[number]
            if not signal.is_actuator:
                message = f"{signal.path} is a {signal.leaf.kind.value}, not an actuator"
                raise BrokerError(Reason.NOT_ACTUATOR, message, signal=number)
            inside, item = to_inside(signal, value)
            rows.append((number, now, inside, Quality.GOOD, item))
        with self._lock:
            for number in targets:
                if need_provider and number not in self._actors:
                    message = f"nobody makes {self.table[number].path} act on this car"
                    raise BrokerError(Reason.NO_PROVIDER, message, signal=number)
            batch = Updates.build(rows)
            actuations = [self._actuation(row, requester, on_step) for row in rows if row[0] in self._actors]
            self._targets.put(batch)
            for reader in self._target_readers:
                reader.offer(batch)
        self._forward(actuations)
        return actuations

    def clear_targets(self, signals: Sequence[int]) -> None:
        """Note that nothing is asked of these actuators any more; who reads their targets learns it."""
        now = time.time_ns()
        batch = Updates.build([(number, now, np.nan, Quality.MISSING, None) for number in signals])
        with self._lock:
            self._targets.put(batch)
            for reader in self._target_readers:
                reader.offer(batch)

    def _actuation(
        self,
        row: tuple[int, int, float, int, object],
        requester: str,
        on_step: Callable[[Actuation, object], None] | None,
    ) -> Actuation:
        number = row[0]
        value = from_inside(self.table[number], row[2], row[4])
        if value is None:
            raise BrokerError(Reason.INVALID, f"{self.table[number].path} was given no value", signal=number)
        proof = self._actors[number].actuators[number]

        def step(actuation: Actuation, step: object) -> None:
            self._note(actuation)
            if on_step is not None:
                on_step(actuation, step)

        actuation = Actuation(next(self._actuations), number, value, requester, proof, on_step=step)
        self._pending.setdefault(proof.signal, []).append(actuation)
        self._proving[proof.signal] = True
        actuation.advance(Stage.REQUESTED)
        actuation.advance(Stage.ACCEPTED)
        return actuation

    def _forward(self, actuations: Sequence[Actuation]) -> None:
        groups: dict[Provider, list[Actuation]] = {}
        for actuation in actuations:
            groups.setdefault(self._actors[actuation.signal], []).append(actuation)
        for provider, group in groups.items():
            for actuation in group:
                actuation.advance(Stage.FORWARDED)
            if provider.on_actuate is not None:
                provider.on_actuate(group)

    def finish(self, actuation: Actuation, stage: Stage, why: str = "") -> None:
        """End an actuation: a provider refused it or failed."""
        with self._lock:
            waiting = self._pending.get(actuation.proof.signal, [])
            with contextlib.suppress(ValueError):
                waiting.remove(actuation)
            if not waiting:
                self._pending.pop(actuation.proof.signal, None)
                self._proving[actuation.proof.signal] = False
        actuation.advance(stage, why)

    def _note(self, actuation: Actuation) -> None:
        step = actuation.steps[-1]
        self.events.add(
            f"actuation.{step.stage.name.lower()}",
            number=actuation.number,
            signal=self.table[actuation.signal].path,
            target=actuation.target,
            requester=actuation.requester,
            why=step.why,
        )

    def _prove(self, updates: Updates) -> None:
        for actuation in list(self._waiting(updates)):
            rows = updates[(updates.signal == actuation.proof.signal) & (updates.quality == Quality.GOOD)]
            signal = self.table[actuation.signal]
            target, item = to_inside(signal, actuation.target)
            if item is not None:
                reached = rows.objects is not None and any(found == item for found in rows.objects.tolist())
            else:
                reached = bool((np.abs(rows.value - target) <= actuation.proof.tolerance).any())
            if reached:
                self.finish(actuation, Stage.CONFIRMED)

    def _waiting(self, updates: Updates) -> Iterator[Actuation]:
        for number in np.unique(updates.signal[self._proving[updates.signal]]).tolist():
            yield from self._pending.get(number, ())

    def tick(self, now_ns: int | None = None) -> None:
        """End the actuations whose time is over. Whoever runs the broker calls this a few times a second."""
        now = time.time_ns() if now_ns is None else now_ns
        with self._lock:
            late = [
                actuation
                for waiting in self._pending.values()
                for actuation in waiting
                if now - actuation.steps[0].t_ns > actuation.proof.within_ns
            ]
        for actuation in late:
            shown = self.table[actuation.proof.signal].path
            self.finish(
                actuation, Stage.TIMED_OUT, f"{shown} did not show it within {actuation.proof.within_ns / 1e9:g} s"
            )
