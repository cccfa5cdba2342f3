"""Where events come from: timers, and the broker's news.

The data of an event is written once for all who subscribed to the same: those with the same period share a timer, and
the broker gives readers of the same signals the same batch, which keeps what was written of it. However many feeds
have news, publishers wake the event loop once. A feed that nobody reads ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from commonwheel.broker.faults import BrokerError
from commonwheel.broker.filters import Change, Compare, Curvelog, Filter
from commonwheel.broker.viss.clock import stamp
from commonwheel.broker.viss.faults import Fault, VissError
from commonwheel.broker.viss.filters import Range, Timebased
from commonwheel.broker.viss.watch import Watch
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.broker.signals import Signal
    from commonwheel.broker.updates import Updates
    from commonwheel.broker.viss.data import Shape
    from commonwheel.broker.viss.filters import Other
    from commonwheel.broker.viss.paths import Place
    from commonwheel.broker.viss.service import Service

__all__ = ["Feed", "Feeds", "Reader"]

_MOST_BATCHES = 100
"""Batches that one feed may send before others have their turn."""


class Reader(Protocol):
    """Who takes events."""

    def event(self, data: str, now_ns: int, now: str) -> None:
        """Take the data of an event, and its time, also as it is written."""
        ...

    def lost(self, count: int) -> None:
        """Take note of updates that were dropped before they came to be events."""
        ...

    def failed(self, error: VissError) -> None:
        """Take note that nothing comes for now, and why."""
        ...

    def ended(self, error: VissError) -> None:
        """Take note that there will be no more, and why."""
        ...


@dataclass(frozen=True, slots=True)
class _Key:
    """What readers of one feed have in common."""

    numbers: tuple[int, ...]
    trigger: int | None
    shape: Shape
    other: Other | None


class Feeds:
    """The feeds of one server. Used in its event loop only."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.loop = asyncio.get_running_loop()
        self._watch = Watch(service.broker, self.loop)
        self._shared: dict[_Key, Feed] = {}
        self._news: deque[_Live] = deque()
        self._woken = False

    def join(self, place: Place, shape: Shape, other: Other | None, reader: Reader) -> Feed:
        """Let a reader have the events of a place by a filter; the first comes at once, where there is a value.

        Raises:
            VissError: the filter does not go with the signals.
        """
        trigger = self._trigger(place, other)
        key = _Key(place.numbers, trigger, shape, other)
        if isinstance(other, Timebased):
            feed = self._shared.get(key)
            if feed is None:
                feed = self._shared[key] = _Timed(self, key, other.period_ms / 1000)
        else:
            feed = _Live(self, key)
        if not shape.many and not feed.readers:
            self._watch.add(place.numbers[0], feed.orphaned)
        feed.add(reader)
        return feed

    def leave(self, feed: Feed, reader: Reader) -> None:
        """Let a reader have no more."""
        feed.readers.pop(reader, None)
        if not feed.readers:
            self._watch.remove(feed.orphaned)
            feed.close()
            if self._shared.get(feed.key) is feed:
                del self._shared[feed.key]

    def __len__(self) -> int:
        return len(self._shared)

    def wake(self, feed: _Live) -> None:
        """Have a feed's news read; called in a publisher's thread."""
        self._news.append(feed)
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody reads any more
                self.loop.call_soon_threadsafe(self._read_news)

    def _read_news(self) -> None:
        self._woken = False  # first: what is put in from now on wakes again
        for _ in range(len(self._news)):
            self._news.popleft().drain()

    def _trigger(self, place: Place, other: Other | None) -> int | None:
        """Return the signal that decides when there are several; checks that the filter goes with the values."""
        table = self.service.broker.table
        if isinstance(other, Change | Range):
            if place.trigger is None:
                message = "with a change or range filter the first path has to be that of one signal: it decides"
                raise VissError(Fault.BAD_REQUEST, f"Missing or invalid filter: {message}")
            _check(table[place.trigger], other)
            return place.trigger if len(place.numbers) > 1 else None
        if isinstance(other, Curvelog):
            for number in place.numbers:
                _check(table[number], other)
        return None


def _check(signal: Signal, other: Change | Range | Curvelog) -> None:
    """Raise a VissError (BAD_FILTER_TARGET) unless a filter goes with a signal's values."""
    leaf = signal.leaf
    if leaf.is_numeric or (leaf.datatype == "boolean" and isinstance(other, Change)):
        return
    if isinstance(other, Change) and other == Change(Compare.NE, 0.0):
        return  # whether a text changed can be told
    name = type(other).__name__.lower()
    raise VissError(Fault.BAD_FILTER_TARGET, f"a {name} filter does not go with {leaf.path} ({leaf.datatype})")


def _rule(other: Other | None) -> Filter:
    if isinstance(other, Change):
        if other == Change(Compare.NE, 0.0):
            return Filter(on_change=True)
        return Filter(change=other)
    if isinstance(other, Range):
        return Filter(within=other.boundaries, any_of=other.any_of)
    return Filter(curvelog=other) if isinstance(other, Curvelog) else Filter()


class Feed(ABC):
    """A source of events for several readers."""

    def __init__(self, feeds: Feeds, key: _Key) -> None:
        self.key = key
        self.readers: dict[Reader, None] = {}
        self._broker = feeds.service.broker
        self._writer = feeds.service.writer
        self._loop = feeds.loop

    def add(self, reader: Reader) -> None:
        """Let a reader in."""
        self.readers[reader] = None

    def orphaned(self) -> None:
        """Tell the readers that whoever gave the signal its value is gone."""
        for reader in tuple(self.readers):
            reader.failed(VissError(Fault.UNAVAILABLE))

    @abstractmethod
    def close(self) -> None:
        """End; tells nobody."""

    def _send(self, data: str) -> None:
        now_ns = time.time_ns()
        now = stamp(now_ns)
        for reader in tuple(self.readers):
            reader.event(data, now_ns, now)

    def _send_one(self, reader: Reader, data: str | None) -> None:
        if data is not None:
            now_ns = time.time_ns()
            reader.event(data, now_ns, stamp(now_ns))


class _Timed(Feed):
    """An event each period: the current values."""

    def __init__(self, feeds: Feeds, key: _Key, period_s: float) -> None:
        super().__init__(feeds, key)
        self._period_s = period_s
        self._next = self._loop.time() + period_s
        self._timer = self._loop.call_at(self._next, self._tick)

    def add(self, reader: Reader) -> None:
        super().add(reader)
        self._send_one(reader, self._current())

    def _current(self) -> str | None:
        return self._writer.data(self._broker.snapshot(self.key.numbers), self.key.shape)

    def _tick(self) -> None:
        data = self._current()
        if data is not None:
            self._send(data)
        late = self._loop.time() - self._next
        self._next += self._period_s * (1 + max(late, 0.0) // self._period_s)  # what was missed stays missed
        self._timer = self._loop.call_at(self._next, self._tick)

    def close(self) -> None:
        self._timer.cancel()


class _Live(Feed):
    """An event when the broker has news that pass the filter; for one reader."""

    def __init__(self, feeds: Feeds, key: _Key) -> None:
        super().__init__(feeds, key)
        self._feeds = feeds
        watched = key.numbers if key.trigger is None else (key.trigger,)
        self._ended = False
        self._subscription = self._broker.subscribe(watched, rule=_rule(key.other), wake=self._wake)

    def add(self, reader: Reader) -> None:
        super().add(reader)
        self.drain()

    def _wake(self) -> None:
        self._feeds.wake(self)

    def drain(self) -> None:
        """Send what the broker has."""
        if self._ended:
            return
        try:
            taken = self._subscription.take(_MOST_BATCHES)
        except BrokerError as error:
            self._ended = True
            for reader in tuple(self.readers):
                reader.ended(VissError(Fault.UNAVAILABLE, str(error)))
            return
        if taken.dropped:
            for reader in tuple(self.readers):
                reader.lost(taken.dropped)
        for batch in taken.batches:
            for data in self._events(batch):
                self._send(data)

    def _events(self, batch: Updates) -> Sequence[str]:
        """Return the data of the events that a batch makes."""
        key = self.key
        if isinstance(key.other, Curvelog):
            data = self._writer.series(batch, key.shape)
        elif key.trigger is None:
            return self._written(batch)
        elif key.shape.inline or bool((batch.quality == Quality.GOOD).any()):
            data = self._writer.data(self._with_others(batch), key.shape)
        else:
            data = None
        return () if data is None else (data,)

    def _written(self, batch: Updates) -> Sequence[str]:
        """Return the data of a batch as it is; written once for all who were given the same batch."""
        found = batch.encoded.get(self.key.shape)
        if found is None:
            found = batch.encoded[self.key.shape] = tuple(self._writer.events(batch, self.key.shape))
        return cast("tuple[str, ...]", found)

    def _with_others(self, batch: Updates) -> Updates:
        """Return the newest of a trigger's updates in the place it has among the current values of all."""
        current = self._broker.snapshot(self.key.numbers)
        newest = batch[len(batch) - 1 :]
        at = self.key.numbers.index(self.key.trigger or 0)
        return type(batch).concat([current[:at], newest, current[at + 1 :]])

    def close(self) -> None:
        self._ended = True
        self._broker.unsubscribe(self._subscription)
