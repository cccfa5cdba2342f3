"""Who wants which signals, and the way of a batch to all of them.

Readers of the same signals are a group, and get one and the same batch object, so that what a server makes of it is
made once. Each signal has a bit for each group that wants it: a batch finds its groups in one pass, and a group that
wants none of it costs nothing. All readers get a batch before the first of them is woken.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker._kernels import CIndex, address, kernels

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from commonwheel.broker.rows import Rows
    from commonwheel.broker.subscription import Subscription
    from commonwheel.broker.updates import Updates

__all__ = ["Fanout"]

_BITS = 64


class _Group:
    """Readers of the same signals."""

    def __init__(self, signals: tuple[int, ...], count: int) -> None:
        self.signals = list(signals)
        self.readers: list[Subscription] = []
        """Those that want every update."""
        self.sifters: list[Subscription] = []
        """Those with a filter."""
        self._wanted: npt.NDArray[np.uint8] = np.zeros(count, np.uint8)
        self._wanted[self.signals] = 1
        self._where = address(self._wanted)

    def offer(self, updates: Updates, rows: Rows, *, whole: bool) -> Iterator[Subscription]:
        """Put in what each reader wants of a batch; yields those to wake."""
        if self.readers:
            part = updates if whole else rows.select(updates, self._where, len(self._wanted))
            for reader in self.readers:
                if reader.put(part):
                    yield reader
        for reader in self.sifters:
            if reader.sieve and reader.put(reader.sieve.apply(updates)):
                yield reader


class Fanout:
    """The readers of one broker. Not locked: the broker holds the lock."""

    def __init__(self, count: int, rows: Rows) -> None:
        """Make it for signal numbers 0..*count* - 1."""
        self._count = count
        self._rows = rows
        self._groups: dict[frozenset[int], int] = {}
        """The bit of each group."""
        self._by_bit = list[_Group | None]()
        self.readers: tuple[Subscription, ...] = ()
        """Everyone, in the order they came."""
        self._touched = kernels().cw_touched
        self._grow(1)

    def _grow(self, words: int) -> None:
        """Make room for *words* times 64 groups."""
        wanted: npt.NDArray[np.uint64] = np.zeros((self._count, words), np.uint64)
        if self._by_bit:
            wanted[:, : self._wanted.shape[1]] = self._wanted
        self._wanted = wanted
        self._some: ctypes.Array[ctypes.c_uint64] = (ctypes.c_uint64 * words)()
        self._whole: ctypes.Array[ctypes.c_uint64] = (ctypes.c_uint64 * words)()
        where = (address(wanted), ctypes.addressof(self._some), ctypes.addressof(self._whole))
        self._c = CIndex(*where, self._count, words)
        self._by_bit.extend([None] * (words * _BITS - len(self._by_bit)))

    def add(self, reader: Subscription) -> None:
        """Take in a reader."""
        key = frozenset(reader.signals)
        bit = self._groups.get(key)
        if bit is None:
            bit = self._new_group(key, reader.signals)
        group = self._by_bit[bit]
        if group is not None:
            (group.readers if reader.sieve is None else group.sifters).append(reader)
        self.readers = (*self.readers, reader)

    def _new_group(self, key: frozenset[int], signals: tuple[int, ...]) -> int:
        if None not in self._by_bit:
            self._grow(2 * self._wanted.shape[1])
        bit = self._by_bit.index(None)
        group = self._by_bit[bit] = _Group(signals, self._count)
        self._groups[key] = bit
        self._wanted[group.signals, bit // _BITS] |= np.uint64(1 << bit % _BITS)
        return bit

    def remove(self, reader: Subscription) -> bool:
        """Let a reader go; whether it was there."""
        if reader not in self.readers:
            return False
        self.readers = tuple(other for other in self.readers if other is not reader)
        key = frozenset(reader.signals)
        bit = self._groups[key]
        group = self._by_bit[bit]
        if group is not None:
            (group.readers if reader.sieve is None else group.sifters).remove(reader)
            if not group.readers and not group.sifters:
                self._wanted[group.signals, bit // _BITS] &= ~np.uint64(1 << bit % _BITS)
                self._by_bit[bit] = None
                del self._groups[key]
        return True

    def offer(self, updates: Updates) -> list[tuple[Subscription, BaseException]]:
        """Hand a batch on to all readers, then wake those that had nothing; returns readers that cannot be woken."""
        if not self.readers or not self._touched(self._c, updates.bound):
            return []
        woken: list[Subscription] = []
        for group, whole in self._hit():
            woken.extend(group.offer(updates, self._rows, whole=whole))
        return _wake(woken)

    def _hit(self) -> Iterator[tuple[_Group, bool]]:
        """Yield the groups that want some of the batch last touched, and whether they want all of it."""
        for word in range(len(self._some)):
            left = int(self._some[word])
            while left:
                lowest = left & -left
                left ^= lowest
                group = self._by_bit[word * _BITS + lowest.bit_length() - 1]
                if group is not None:
                    yield group, bool(int(self._whole[word]) & lowest)

    def flush_late(self, now_ns: int) -> list[tuple[Subscription, BaseException]]:
        """Hand on the points of curves that wait too long, by a clock that is never set; as ``offer``."""
        sieves = [(reader, reader.sieve) for reader in self.readers if reader.sieve and reader.sieve.has_curves]
        return _wake([reader for reader, sieve in sieves if reader.put(sieve.flush_late(now_ns))])


def _wake(readers: list[Subscription]) -> list[tuple[Subscription, BaseException]]:
    failed: list[tuple[Subscription, BaseException]] = []
    for reader in readers:
        error = reader.wake()
        if error is not None:
            failed.append((reader, error))
    return failed
