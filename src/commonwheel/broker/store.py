"""The current value, quality and time of every signal, and the last stretch of its history.

What a batch brings counts as newer than what was there, whatever its times say: clocks are set back now and then.
The history of a signal is a ring of its last updates. Its memory is taken once, at the beginning: 24 bytes for each
update of each signal at full depth (20 MB for the shipped catalog at the default depth, of which the system hands
out what is used). Texts and arrays are kept beside it, bounded in bytes as well.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from commonwheel.broker._kernels import POINT, RING, CStore, address, kernels
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.updates import Updates
from commonwheel.broker.values import Reading, from_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwheel.broker.signals import SignalTable

__all__ = ["ANYBODY", "History", "Store"]

ANYBODY = -1
"""Instead of an owner: any."""


@dataclass(frozen=True, slots=True)
class History:
    """Bounds of the history of each signal."""

    depth: int = 1000
    """Most updates; 0 keeps none."""
    seconds: float = 600.0
    """Longest time back from the newest update."""
    object_bytes: int = 1_000_000
    """Most memory for its texts and arrays, about."""


class _Objects:
    """The texts and arrays of one signal, in step with the end of its ring; None for updates that had none."""

    def __init__(self, bounds: History, before: int) -> None:
        self._bounds = bounds
        self._items: deque[tuple[object, int]] = deque(((None, 0),) * before)
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: object) -> None:
        """Take in the object of the newest update; the oldest go as the bounds say."""
        size = 0 if item is None else _size(item)
        self._items.append((item, size))
        self._bytes += size
        while len(self._items) > self._bounds.depth or (
            self._bytes > self._bounds.object_bytes and len(self._items) > 1
        ):
            self._bytes -= self._items.popleft()[1]

    def last(self, count: int) -> list[object]:
        """Return those of the last *count* updates."""
        return [item for item, _ in list(self._items)[len(self._items) - count :]]


def _size(item: object) -> int:
    """Return about how many bytes an object takes."""
    if isinstance(item, list | tuple):
        elements = cast("Sequence[object]", item)
        return sys.getsizeof(elements) + sum(map(sys.getsizeof, elements))
    return sys.getsizeof(item)


class Store:
    """Columns over all signals. Not locked: the broker holds the lock."""

    def __init__(self, table: SignalTable, history: History, owners: npt.NDArray[np.int32] | None = None) -> None:
        """Make a store in which every signal is MISSING.

        Args:
            table: the signals.
            history: bounds of the history of each.
            owners: who may give each its value, for ``put``; kept by the caller, in place.

        Raises:
            BrokerError: INVALID, when the bounds make no sense.
        """
        if history.depth < 0 or not history.seconds >= 0:
            raise BrokerError(Reason.INVALID, "a history has a depth and a time of 0 or more")
        count = len(table)
        self._table = table
        self._history = history
        self._span_ns = min(round(min(history.seconds, 1e10) * 1e9), 2**62)
        self._value: npt.NDArray[np.float64] = np.full(count, np.nan)
        self._quality: npt.NDArray[np.uint8] = np.full(count, Quality.MISSING, np.uint8)
        self._t_ns: npt.NDArray[np.int64] = np.zeros(count, np.int64)
        self._objects: npt.NDArray[np.object_] = np.full(count, None, object)
        self._rings = np.zeros(count, RING)
        self._past = np.zeros((count, history.depth), POINT)
        self._past_objects: dict[int, _Objects] = {}
        self._special: npt.NDArray[np.uint8] = np.zeros(count, np.uint8)
        self._owners = np.zeros(count, np.int32) if owners is None else owners
        columns = (self._t_ns, self._value, self._quality, self._rings, self._past, self._special, self._owners)
        self._c = CStore(*(address(column) for column in columns), 0, count, history.depth)
        self._put = kernels().cw_put

    @property
    def nbytes(self) -> int:
        """Most memory that it takes, in bytes, without texts and arrays."""
        columns = (self._t_ns, self._value, self._quality, self._objects, self._rings, self._past, self._special)
        return sum(column.nbytes for column in columns)

    def put(self, updates: Updates, own: int = ANYBODY) -> None:
        """Take in a batch, all of it or nothing; where a signal occurs several times, the last counts as current.

        Args:
            updates: the batch.
            own: the owner that every signal has to have; any by default.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, NOT_CLAIMED (another owner), or INVALID (a quality that is none, columns that
                do not fit each other).
        """
        try:
            strange = self._put(self._c, updates.bound, own)
        except ValueError as error:
            raise BrokerError(Reason.INVALID, str(error)) from error
        if strange >= 0:
            raise self._strange(updates, strange)
        if updates.objects is not None or self._c.specials:
            self._put_objects(updates)

    def _strange(self, updates: Updates, row: int) -> BrokerError:
        number, quality = int(updates.signal[row]), int(updates.quality[row])
        if not 0 <= number < len(self._table):
            return self._table.unknown(number)
        path = self._table[number].path
        if quality > max(Quality):
            return BrokerError(Reason.INVALID, f"{path}: there is no quality {quality}", signal=number)
        return BrokerError(Reason.NOT_CLAIMED, f"{path} was not claimed by who publishes it", signal=number)

    def _put_objects(self, updates: Updates) -> None:
        """Keep the objects of a batch, and note where there are none any more."""
        items = [None] * len(updates) if updates.objects is None else updates.objects.tolist()
        depth = self._history.depth
        fresh = {n: 0 for n, item in zip(updates.signal.tolist(), items, strict=True) if item is not None}
        if fresh:
            numbers, counts = np.unique(updates.signal, return_counts=True)
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
                if number in fresh and not self._special[number]:
                    self._special[number] = 1
                    before = max(0, int(self._rings[number]["length"]) - count)
                    self._past_objects[number] = _Objects(self._history, before)
        for number, item in zip(updates.signal.tolist(), items, strict=True):
            if self._special[number]:
                self._objects[number] = item
                if depth:
                    self._past_objects[number].add(item)

    def snapshot(self, signals: Sequence[int] | npt.NDArray[np.int32]) -> Updates:
        """Return the current state of these signals as a batch; MISSING where there was never a value."""
        index = np.asarray(signals, np.int32)
        objects = self._objects[index] if self._past_objects else None
        if objects is not None and all(item is None for item in objects):
            objects = None
        return Updates(index, self._t_ns[index], self._value[index], self._quality[index], objects)

    def reading(self, number: int) -> Reading:
        """Return the current reading of a signal."""
        value = from_inside(self._table[number], float(self._value[number]), self._objects[number])
        return Reading(value, Quality(int(self._quality[number])), int(self._t_ns[number]))

    def history(self, number: int, start_ns: int, end_ns: int, most: int | None = None) -> Updates:
        """Return the updates of one signal from *start_ns* (included) to *end_ns* (not), the last *most* of them.

        They are in the order they came, from the oldest; the current one is the last.
        """
        end, length = (int(n) for n in self._rings[number])
        objects = self._past_objects.get(number)
        if objects is not None:
            length = min(length, len(objects))
        ring = self._past[number]
        points = ring[end - length : end] if length <= end else np.concatenate([ring[end - length :], ring[:end]])
        t_ns = points["t_ns"]
        inside = (t_ns >= start_ns) & (t_ns < end_ns)
        if length:
            inside &= t_ns >= max(int(t_ns[-1]) - self._span_ns, -(2**63))
        found = np.flatnonzero(inside)
        if most is not None:
            found = found[max(0, len(found) - most) :]
        items = None
        if objects is not None:
            items = np.empty(length, object)
            for i, item in enumerate(objects.last(length)):
                items[i] = item
        return _updates_of(number, points[found], None if items is None else items[found])

    def stale(self, signals: Sequence[int], t_ns: int) -> Updates:
        """Return a batch that makes those of the signals STALE that have a value that is not; not taken in yet."""
        batch = self.snapshot(signals)
        chosen = batch[(batch.quality != Quality.STALE) & (batch.quality != Quality.MISSING)]
        n = len(chosen)
        return Updates(
            chosen.signal, np.full(n, t_ns, np.int64), chosen.value, np.full(n, Quality.STALE, np.uint8), chosen.objects
        )


def _updates_of(number: int, points: npt.NDArray[np.void], objects: npt.NDArray[np.object_] | None) -> Updates:
    if objects is not None and all(item is None for item in objects):
        objects = None
    t_ns, value, quality = (np.ascontiguousarray(points[name]) for name in ("t_ns", "value", "quality"))
    return Updates(np.full(len(points), number, np.int32), t_ns, value, quality, objects)
