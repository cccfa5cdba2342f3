"""The way to a broker in this process: calls on it, nothing in between, the same arrays."""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.session import Session
from commonwheel.client.plans import NO_TERMS
from commonwheel.client.readings import Batch
from commonwheel.client.requests import Request
from commonwheel.client.sources import Batches, Inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.broker.actuation import Actuation, Stage, Step, Terms
    from commonwheel.broker.broker import Broker
    from commonwheel.broker.events import Event
    from commonwheel.broker.provision import Provision
    from commonwheel.broker.rights import Rights
    from commonwheel.broker.session import SignalFacts
    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.updates import Updates
    from commonwheel.client.plans import Claim, Plan
    from commonwheel.client.sources import Source

__all__ = ["LocalLink"]

_MARGIN_S = 0.001
"""So that the end is behind when it is looked at."""


class LocalLink:
    """See ``Link``. Its coroutines never wait."""

    def __init__(self, broker: Broker, rights: Rights) -> None:
        self._session = Session(broker, rights)
        self._broker = broker
        self._open: weakref.WeakSet[Batches | Inbox[tuple[str, Step]] | Inbox[Event]] = weakref.WeakSet()
        self._places: weakref.WeakSet[LocalPlace] = weakref.WeakSet()
        self._closed = False

    @property
    def name(self) -> str:
        """What the car is called."""
        return self._broker.name

    @property
    def table(self) -> SignalTable:
        """The broker's signals."""
        return self._broker.table

    def _live(self) -> Session:
        if self._closed:
            raise BrokerError(Reason.CLOSED, "the car was closed; connect again")
        return self._session

    async def describe(self, patterns: Sequence[str]) -> list[SignalFacts]:
        """See ``Session.describe``."""
        return self._live().describe(patterns)

    async def read(self, paths: Sequence[str], *, targets: bool) -> Updates:
        """See ``Session.read``."""
        return self._live().read(paths, targets=targets)

    async def history(self, path: str, start_ns: int, end_ns: int, most: int | None) -> Batch:
        """See ``Session.history``."""
        return Batch(self._live().history(path, start_ns, end_ns, most), self.table)

    async def subscribe(self, plan: Plan, wake: Callable[[], None]) -> Source[Batch]:
        """See ``Link``."""
        numbers = self._live().wanted(plan.patterns, plan.rule, plan.queue)
        subscription = self._broker.subscribe(
            numbers, rule=plan.rule, queue=plan.queue, wake=wake, initial=plan.initial, targets=plan.targets
        )
        alarm = _at_the_end(self._session.rights, wake)

        def closing() -> None:
            self._broker.unsubscribe(subscription)
            if alarm is not None:
                alarm.cancel()

        batches = Batches(wake, closing, self._session.rights.require_valid)
        batches.follow(subscription, self.table)
        self._open.add(batches)
        return batches

    async def actuate(
        self, targets: Mapping[str, object], wake: Callable[[], None], terms: Terms = NO_TERMS
    ) -> Source[tuple[str, Step]]:
        """See ``Link``."""
        inbox: Inbox[tuple[str, Step]] = Inbox(wake)
        ended = itertools.count(1)

        def on_step(actuation: Actuation, step: Step) -> None:
            inbox.put((self.table[actuation.signal].path, step))
            if step.stage.is_final and next(ended) == len(targets):  # steps may come from several threads
                inbox.end()

        self._live().actuate(targets, on_step, terms)
        self._open.add(inbox)
        return inbox

    async def withdraw(self, paths: Sequence[str]) -> None:
        """See ``Session.withdraw``."""
        self._live().withdraw(paths)

    async def publish(self, values: Mapping[str, object], t_ns: int | None) -> dict[str, BrokerError]:
        """See ``Session.publish``."""
        return self._live().publish(values, t_ns)

    async def provide(self, claim: Claim, on_request: Callable[[Request], None]) -> LocalPlace:
        """See ``Link``."""
        place = LocalPlace(self._live(), claim, on_request)
        self._places.add(place)
        return place

    async def watch(self, last: int, wake: Callable[[], None]) -> Source[Event]:
        """See ``Link``."""
        session = self._live()
        session.rights.require_valid()
        stops: list[Callable[[], None]] = []

        def stop() -> None:
            for end in stops:
                end()

        inbox: Inbox[Event] = Inbox(wake, closing=stop)
        events = self._broker.events
        past = [event for event in events.last() if session.sees(event)] if last > 0 else []
        for event in past[-last:]:
            inbox.put(event)
        stops.append(events.listen(lambda event: inbox.put(event) if session.sees(event) else None))
        self._open.add(inbox)
        return inbox

    async def close(self) -> None:
        """End everything that was begun on it; the broker lives on."""
        self._closed = True
        for source in list(self._open):
            source.close()
        for place in list(self._places):
            await place.close()


def _at_the_end(rights: Rights, wake: Callable[[], None]) -> threading.Timer | None:
    """Wake a reader that waits when its rights end, so that it learns it; None where they do not."""
    if rights.expires_ns is None:
        return None
    alarm = threading.Timer(max(0.0, (rights.expires_ns - time.time_ns()) / 1e9) + _MARGIN_S, wake)
    alarm.daemon = True
    alarm.start()
    return alarm


class LocalPlace:
    """See ``Place``."""

    crowded = False

    def __init__(self, session: Session, claim: Claim, on_request: Callable[[Request], None]) -> None:
        """Claim at once.

        Raises:
            BrokerError: see ``Provision.claim``.
        """
        self.table: SignalTable = session.table
        self._on_request = on_request
        self._provision: Provision = session.provide(claim.name, self._ask)
        try:
            proofs = {path: confirm.proof(self.table.number, path) for path, confirm in claim.actuators.items()}
            self.owned: Sequence[int] = self._provision.claim(claim.signals, proofs)
        except BrokerError:
            self._provision.close()
            raise

    def _ask(self, actuations: Sequence[Actuation]) -> None:
        for actuation in actuations:
            self._on_request(self._request(actuation))

    def _request(self, actuation: Actuation) -> Request:
        def finish(stage: Stage, why: str) -> None:
            self._provision.finish(actuation.number, stage, why)

        path = self.table[actuation.signal].path
        return Request(path, actuation.target, actuation.requester, actuation.number, finish)

    def push(self, updates: Updates) -> bool:
        """Publish a batch.

        Raises:
            BrokerError: see ``Provision.publish``.
        """
        self._provision.publish(updates)
        return True

    async def sent(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Give everything up."""
        self._provision.close()
