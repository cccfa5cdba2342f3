"""A filter at work for one reader: the kernel's state of each of its signals, and objects beside it.

Numbers go through the kernel without Python per update (whole ones beyond 2**53 as the float64 they are nearest to).
Texts and arrays, and the other updates of signals that have them, are compared here, by the same rules and with the
same state.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker._kernels import BEND, KNOT, LAST, CFilter, COutlet, CRule, address, kernels
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.filters import Compare, Filter
from commonwheel.broker.updates import Updates
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwheel.broker.rows import Rows

__all__ = ["Sieve"]

_CODES = {compare: code for code, compare in enumerate(Compare, 1)}
MOST_POINTS = 1_000_000
"""Points that the curves of one reader may have to gather, all signals together (16 bytes each)."""
_ALWAYS = 2**63 - 1


class Sieve:
    """What one reader's filter lets through. Not locked: used under the broker's lock."""

    def __init__(self, rule: Filter, signals: Sequence[int], count: int, rows: Rows) -> None:
        """Prepare a filter.

        Args:
            rule: the filter.
            signals: numbers of the signals, each once; updates of all others are left out.
            count: how many signals the broker has.
            rows: room for row numbers.

        Raises:
            BrokerError: INVALID for a rule that makes no sense, LIMIT for curves that need too much memory.
        """
        rule.check()
        self._rule = rule
        self._rows = rows
        self._signals = np.asarray(signals, np.int32)
        self._row: npt.NDArray[np.int32] = np.full(count, -1, np.int32)
        self._row[self._signals] = np.arange(len(self._signals), dtype=np.int32)
        self._last = np.zeros(len(self._signals), LAST)
        self._objects: dict[int, object] = {}
        """The object delivered last, of the signals that ever had one."""
        self._c = CFilter(address(self._row), address(self._last), count, len(self._signals), _rule(rule))
        self._kernels = kernels()
        if rule.curvelog:
            self._bind_curves(rule.curvelog.buffer)

    def _bind_curves(self, buffer: int) -> None:
        count = len(self._signals)
        if count * buffer > MOST_POINTS:
            message = f"curves of {count} signals with buffers of {buffer} points are more than {MOST_POINTS} points"
            raise BrokerError(Reason.LIMIT, message)
        self._bends = np.zeros(count, BEND)
        self._knots = np.zeros((count, buffer + 1), KNOT)
        self._keep: npt.NDArray[np.uint8] = np.zeros(buffer + 1, np.uint8)
        self._stack: npt.NDArray[np.int32] = np.zeros(2 * (buffer + 1), np.int32)
        for name in ("signals", "bends", "knots", "keep", "stack"):
            setattr(self._c, name if name != "signals" else "signal", address(getattr(self, f"_{name}")))
        self._c.buffer = buffer

    @property
    def has_curves(self) -> bool:
        """Whether updates may wait here, for ``flush``."""
        return self._rule.curvelog is not None

    def apply(self, updates: Updates, now_ns: int | None = None) -> Updates:
        """Return the updates to deliver.

        They are in order; of a curve, points from before may come with them.

        Args:
            updates: the batch.
            now_ns: the time of arrival on a clock that is never set; by default now.
        """
        if self._objects or updates.objects is not None:
            return self._apply_objects(updates, now_ns)
        return self._apply_numbers(updates, now_ns)

    def _apply_numbers(self, updates: Updates, now_ns: int | None) -> Updates:
        if self._rule.curvelog:
            return self._curve(updates, time.monotonic_ns() if now_ns is None else now_ns)
        room = self._rows.room(len(updates))
        return self._rows.chosen(updates, self._kernels.cw_filter_rows(self._c, updates.bound, room))

    # ---- curves -----------------------------------------------------------------------------------------------------

    def _curve(self, updates: Updates, now_ns: int) -> Updates:
        parts = list[Updates]()
        done = 0
        while done < len(updates):
            columns, out = self._outlet(len(updates) - done)
            done = self._kernels.cw_curve(self._c, updates.bound, done, now_ns, out)
            parts.append(columns[: out.count])
        return Updates.concat(parts)

    def flush(self, before_ns: int = _ALWAYS) -> Updates:
        """Return what is needed of the points that wait, and that came until *before_ns* (as in ``apply``)."""
        parts = list[Updates]()
        row = 0
        while self.has_curves and row < len(self._signals):
            columns, out = self._outlet(0)
            row = self._kernels.cw_curve_flush(self._c, row, before_ns, out)
            parts.append(columns[: out.count])
        return Updates.concat(parts)

    def flush_late(self, now_ns: int) -> Updates:
        """Return what is needed of the points that wait too long."""
        curve = self._rule.curvelog
        return self.flush(now_ns - round(curve.max_age_s * 1e9)) if curve else Updates.build(())

    def _outlet(self, count: int) -> tuple[Updates, COutlet]:
        size = int(count + 2 * self._c.buffer + 1)
        columns = Updates(np.empty(size, np.int32), np.empty(size, np.int64), np.empty(size), np.empty(size, np.uint8))
        bound = columns.bound
        return columns, COutlet(bound.signal, bound.t_ns, bound.value, bound.quality, size, 0)

    # ---- objects ----------------------------------------------------------------------------------------------------

    def _apply_objects(self, updates: Updates, now_ns: int | None) -> Updates:
        """Filter the signals that have objects here, the others by the kernel."""
        items: list[object] = [None] * len(updates) if updates.objects is None else updates.objects.tolist()
        numbers = updates.signal.tolist()
        special = self._objects.keys() | {
            number
            for number, item in zip(numbers, items, strict=True)
            if item is not None and not isinstance(item, int)
        }
        here = np.fromiter((number in special for number in numbers), bool, len(numbers))
        keep = np.zeros(len(updates), bool)
        for i in np.flatnonzero(here).tolist():
            keep[i] = self._passes(updates, i, items[i])
        others = np.flatnonzero(~here)
        plain = Updates(updates.signal[others], updates.t_ns[others], updates.value[others], updates.quality[others])
        if self._rule.curvelog:
            return Updates.concat(
                [self._curve(plain, time.monotonic_ns() if now_ns is None else now_ns), updates[keep]]
            )
        count = self._kernels.cw_filter_rows(self._c, plain.bound, self._rows.room(len(plain)))
        keep[others[self._rows.numbers[:count]]] = True
        return updates if keep.all() else updates[keep]

    def _passes(self, updates: Updates, i: int, item: object) -> bool:
        """Whether an update with an object, or after one, is delivered; notes it."""
        number = int(updates.signal[i])
        row = int(self._row[number]) if 0 <= number < len(self._row) else -1
        if row < 0:
            return False
        last = self._last[row]
        t_ns, value, quality = int(updates.t_ns[i]), float(updates.value[i]), int(updates.quality[i])
        before = self._objects.get(number)
        same = item == before and (item is not None or _same(value, float(last["value"])))
        if last["seen"] and last["quality"] == quality:
            passes = self._changed(abs(t_ns - int(last["t_ns"])), same=same)
        else:
            passes = quality != Quality.GOOD or self._ranged()
        if passes:
            self._last[row] = (t_ns, value, value, quality, 1, (0,) * 6)
            self._objects[number] = item
        return passes

    def _changed(self, apart_ns: int, *, same: bool) -> bool:
        rule = self._rule
        if apart_ns < rule.min_interval_ns:
            return False
        if same and (rule.on_change or rule.deadband > 0 or rule.curvelog):
            return False
        if rule.change and rule.change.compare is not (Compare.EQ if same else Compare.NE):
            return False
        return self._ranged()

    def _ranged(self) -> bool:
        """Whether an object is in the range: it is unequal to every number, and neither more nor less."""
        tests = [limit.compare is Compare.NE for limit in self._rule.within]
        return not tests or (any(tests) if self._rule.any_of else all(tests))


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)  # noqa: PLR0124 - the quick test for NaN


def _rule(rule: Filter) -> CRule:
    """Return a filter as the kernel takes it."""
    c = CRule(
        interval_ns=rule.min_interval_ns,
        deadband=rule.deadband,
        on_change=rule.on_change,
        any_of=rule.any_of,
    )
    if rule.change:
        c.change, c.diff = _CODES[rule.change.compare], rule.change.diff
    for i, limit in enumerate(rule.within):
        c.compare[i], c.boundary[i] = _CODES[limit.compare], limit.boundary
    if rule.curvelog:
        c.max_error, c.max_age_ns = rule.curvelog.max_error, round(rule.curvelog.max_age_s * 1e9)
    return c
