"""An app's hold on a car, near or far: it reads, provides and asks within its manifest, and nothing else.

Everything goes through the client, under the app's own name and rights, so that a broker in this process refuses
what a server would refuse.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.apps.facts import Facts, declared
from commonwheel.apps.matrix import fitness
from commonwheel.apps.messages import Feed, SignalRow, pack, pack_columns
from commonwheel.apps.terms import most_priority
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.signals import SignalTable
from commonwheel.broker.subscription import Overflow, Queue
from commonwheel.broker.updates import Updates
from commonwheel.catalog.tree import Catalog
from commonwheel.errors import CommonwheelError
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from commonwheel.apps.manifest import Manifest
    from commonwheel.apps.status import Fitness
    from commonwheel.apps.terms import Terms
    from commonwheel.broker.session import SignalFacts
    from commonwheel.client import AsyncCar, AsyncProviding, AsyncReader, Batch, Outcome

__all__ = ["Attachment", "Offered"]

_BATCHES = 1000
_FIRST_S = 2.0
"""How long the values that a car has already may take to come."""
_THINNED = 0.5
"""Of the interval that an app wants: it thins by its own rule, and a sender that jitters must not lose to two."""


class Offered:
    """What a car offers to an app: the signals that the manifest declares, and which of them have values."""

    def __init__(self, manifest: Manifest, facts: Sequence[SignalFacts], given: Iterable[str]) -> None:
        """Take the declared signals that the car's standard has, and those that the car gives values of."""
        self.facts = tuple(facts)
        """The app's own numbers are places in it."""
        self.given = frozenset(given)
        self.standard = "of the car"
        self.declared = declared(manifest, [facts.path for facts in self.facts])

    @classmethod
    async def of(cls, car: AsyncCar, manifest: Manifest) -> Offered:
        """Ask a car.

        Raises:
            CommonwheelError: it cannot be reached, or refuses.
        """
        known: dict[str, SignalFacts] = {}
        for pattern in dict.fromkeys(
            [*manifest.requires, *manifest.may_use, *manifest.keeps, *manifest.provides, *manifest.requests]
        ):
            try:
                known.update((facts.path, facts) for facts in await car.signals(pattern))
            except BrokerError as error:
                if error.reason not in {Reason.UNKNOWN_SIGNAL, Reason.BAD_PATTERN}:
                    raise
        owned = {path for path, facts in known.items() if facts.owner not in {None, manifest.name}}
        others = [path for path in known if path not in owned]
        readings = await car.get_many(others) if others else []
        there = {reading.path for reading in readings if reading.good is not None}
        return cls(manifest, [known[path] for path in sorted(known)], owned | there)

    def fitness(self, manifest: Manifest, car: str) -> tuple[Fitness, tuple[str, ...]]:
        """Return how well the car can run the app, and what it lacks."""
        catalog = Catalog({facts.path: facts.leaf for facts in self.facts}, {}, self.standard)
        asked = frozenset(facts.path for facts in self.facts if facts.actor is not None)
        cell = fitness(manifest, Facts(car, SignalTable(catalog), self.given, asked))
        return cell.fitness, cell.missing

    @property
    def free(self) -> list[str]:
        """Return what the app provides and nobody else does."""
        own = {facts.path for facts in self.facts if facts.owner is None}
        return sorted(own & self.declared.provides)

    def rows(self) -> list[SignalRow]:
        """Return the signals as the app's process is told them."""
        return [_row(facts, given=facts.path in self.given) for facts in self.facts]


def _row(facts: SignalFacts, *, given: bool) -> SignalRow:
    leaf = facts.leaf
    return SignalRow(
        path=leaf.path,
        kind=leaf.kind.value,
        datatype=leaf.datatype,
        unit=leaf.unit,
        minimum=leaf.minimum,
        maximum=leaf.maximum,
        allowed=list(leaf.allowed),
        pattern=leaf.pattern,
        arraysize=leaf.arraysize,
        description=leaf.description,
        given=given,
        asked=facts.actor is not None,
    )


class Attachment:
    """Made for one life of an app's process: ``open`` it, then ``close`` it."""

    def __init__(self, car: AsyncCar, manifest: Manifest, offered: Offered, waiting_updates: int) -> None:
        self._car = car
        self._manifest = manifest
        self.offered = offered
        self._queue = Queue(_BATCHES, waiting_updates, Overflow.NEWEST)
        self._readers: list[AsyncReader[Batch]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._held: list[Batch] = []
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._maps: dict[SignalTable, npt.NDArray[np.int32]] = {}
        self._places = {facts.path: place for place, facts in enumerate(offered.facts)}
        self._providing: AsyncProviding | None = None
        self._error: BaseException | None = None
        self.received = 0
        self.dropped = 0
        """Updates that the app was too slow for."""
        self._number = 0

    async def open(self) -> list[str]:
        """Subscribe, and claim what the app provides; returns what it does not provide, for others do.

        Raises:
            CommonwheelError: the car refuses, or cannot be reached.
        """
        groups: dict[float, list[str]] = {}
        for path, rate in self.offered.declared.reads.items():
            groups.setdefault(rate, []).append(path)
        for rate, paths in groups.items():
            interval_s = _THINNED / rate if rate > 0 else 0.0
            reader = self._car.subscribe(*paths, min_interval_s=interval_s, queue=self._queue)
            self._readers.append(await reader.open())
        self._tasks = [asyncio.create_task(self._hold(reader)) for reader in self._readers]
        return await self._claim()

    async def _claim(self) -> list[str]:
        wanted, free = self.offered.declared.provides, self.offered.free
        if free:
            try:
                self._providing = await self._car.provide(free, name=self._manifest.name)
            except BrokerError as error:
                if error.reason is not Reason.ALREADY_CLAIMED:
                    raise
                return sorted(wanted)  # another was quicker
        return sorted(wanted - set(free))

    async def _hold(self, reader: AsyncReader[Batch]) -> None:
        """Take the first batch of what comes next; the rest waits in the broker's queue until it is fed."""
        try:
            async for batch in reader:
                self._held.append(batch)
                self._room.clear()
                self._ready.set()
                await self._room.wait()
        except Exception as error:  # noqa: BLE001 - whatever ends the reader ends the life, which tells it
            self._error = error
            self._ready.set()

    async def wait(self) -> None:
        """Wait until there is something to feed.

        Raises:
            CommonwheelError: the car ended it.
        """
        await self._ready.wait()
        if self._error is not None:
            raise self._error

    async def initial(self) -> tuple[dict[int, object], bytes]:
        """Return what the car has already: objects by row, and columns; for ``Begin``.

        Raises:
            CommonwheelError: the car ended it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_S):
                while len(self._held) < len(self._readers):
                    await self.wait()
                    self._ready.clear()
        updates, _, _ = self._pull()
        updates = updates[updates.quality != Quality.MISSING]
        self.received += len(updates)
        return _objects(updates), _body(updates)

    def take(self) -> bytes | None:
        """Return everything that came since the last time as one message; None where nothing did."""
        updates, dropped, reconnected = self._pull()
        self.dropped += dropped
        if not len(updates):
            return None
        self.received += len(updates)
        self._number += 1
        return pack(Feed(self._number, _objects(updates), dropped, reconnected), _body(updates))

    def _pull(self) -> tuple[Updates, int, bool]:
        """Return all that waits, how many updates were dropped, and whether the car was away."""
        batches, self._held = self._held, []
        for reader in self._readers:
            while (batch := reader.poll()) is not None:
                batches.append(batch)
        self._ready.clear()
        self._room.set()
        dropped = sum(batch.dropped for batch in batches)
        return self._joined(batches), dropped, any(batch.reconnected for batch in batches)

    @property
    def car(self) -> str:
        """What the car is called."""
        return self._car.name

    @property
    def number(self) -> int:
        """The number of the feed taken last."""
        return self._number

    def _joined(self, batches: Sequence[Batch]) -> Updates:
        """Return the updates of batches in the order of their times, by the app's own numbers."""
        parts: list[Updates] = []
        for batch in batches:
            places = self._map(batch.table)[batch.signal]
            updates = batch.updates
            parts.append(Updates(places, updates.t_ns, updates.value, updates.quality, updates.objects))
        joined = Updates.concat(parts)
        keep = joined.signal >= 0
        if not keep.all():
            joined = joined[keep]
        if len(self._readers) > 1 and len(joined) > 1 and (np.diff(joined.t_ns) < 0).any():
            joined = joined[np.argsort(joined.t_ns, kind="stable")]
        return joined

    def _map(self, table: SignalTable) -> npt.NDArray[np.int32]:
        """Return the app's own number of each signal of a table; -1 for what it does not declare."""
        known = self._maps.get(table)
        if known is None:
            places = self._places
            known = np.fromiter((places.get(signal.path, -1) for signal in table.signals), np.int32, len(table))
            self._maps = {table: known}
        return known

    async def publish(self, values: Mapping[str, object], t_ns: int) -> None:
        """Give values to signals that the app provides here; others are left alone.

        Raises:
            CommonwheelError: one is wrong.
        """
        if self._providing is None:
            return
        owned = set(self._providing.paths)
        mine = {path: value for path, value in values.items() if path in owned}
        if mine:
            await self._providing.publish(mine, t_ns=t_ns)

    def most_priority(self, path: str) -> int:
        """Return the highest priority that the app may ask for an actuator with."""
        return most_priority(path, self._manifest)

    async def request(self, path: str, value: object, terms: Terms) -> Outcome:
        """Ask an actuator to reach a value.

        Raises:
            CommonwheelError: it is refused.
        """
        valid_s = 0.0 if terms.valid_ns is None else terms.valid_ns / 1e9
        return await self._car.request(path, value, valid_s=valid_s, priority=terms.priority)

    async def withdraw(self, path: str | None) -> None:
        """Ask for nothing of an actuator any more; None: of any.

        Raises:
            CommonwheelError: the car cannot be reached.
        """
        if path is not None:
            await self._car.withdraw(path)
        elif self.offered.declared.requests:
            await self._car.withdraw()

    async def close(self) -> None:
        """Take back at once what the app asks for, and give everything back."""
        with contextlib.suppress(CommonwheelError):
            await self.withdraw(None)
        for reader in self._readers:
            await reader.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._providing is not None:
            with contextlib.suppress(BrokerError):
                await self._providing.close()


def _objects(updates: Updates) -> dict[int, object]:
    if updates.objects is None:
        return {}
    return {row: item for row, item in enumerate(updates.objects.tolist()) if item is not None}


def _body(updates: Updates) -> bytes:
    return pack_columns(updates.signal, updates.t_ns, updates.value, updates.quality)
