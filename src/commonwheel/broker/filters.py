"""What a reader wants of a signal's updates: all, only changes, only within a range, not too often, only the curve.

The filters are those of VISS (change, range, curvelog) and of KUKSA (minimum interval). All that are given hold
at once. Each is evaluated per signal; times are the updates' own.
"""

from __future__ import annotations

import enum
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from commonwheel.broker.updates import Updates

__all__ = ["Boundary", "Change", "Compare", "Curvelog", "Filter", "FilterState"]


class Compare(enum.Enum):
    """A comparison, by VISS's names."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"


@dataclass(frozen=True, slots=True)
class Change:
    """Deliver when ``value - last delivered value`` compares so to *diff*; the first value always."""

    compare: Compare
    diff: float


@dataclass(frozen=True, slots=True)
class Boundary:
    """Deliver when the value compares so to *boundary*."""

    compare: Compare
    boundary: float


@dataclass(frozen=True, slots=True)
class Curvelog:
    """Deliver the fewest points from which the curve can be drawn with an error of at most *max_error*."""

    max_error: float
    buffer: int
    """Points to gather before they are delivered, 2 or more."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which updates of a signal a reader wants. A change of quality is always delivered."""

    min_interval_ns: int = 0
    """Least time between two that are delivered."""
    on_change: bool = False
    """Only values that differ from the one delivered before."""
    deadband: float = 0.0
    """Only values that differ from the one delivered before by more than this."""
    change: Change | None = None
    within: tuple[Boundary, ...] = ()
    """One or two boundaries ..."""
    any_of: bool = False
    """... of which all have to hold, or any."""
    curvelog: Curvelog | None = None

    @property
    def is_open(self) -> bool:
        """Whether everything passes."""
        return self == _OPEN

    def check(self) -> None:
        """Raise a BrokerError (INVALID) for a filter that makes no sense."""
        if self.min_interval_ns < 0 or self.deadband < 0:
            raise BrokerError(Reason.INVALID, "an interval and a deadband cannot be negative")
        if self.curvelog and (self.curvelog.buffer < 2 or self.curvelog.max_error < 0):  # noqa: PLR2004 - two points
            raise BrokerError(Reason.INVALID, "curvelog needs a buffer of 2 or more and an error of 0 or more")


_OPEN = Filter()

COMPARISONS = {
    Compare.EQ: operator.eq,
    Compare.NE: operator.ne,
    Compare.GT: operator.gt,
    Compare.GTE: operator.ge,
    Compare.LT: operator.lt,
    Compare.LTE: operator.le,
}


class FilterState:
    """A filter at work for one reader: remembers what it delivered last of each signal."""

    def __init__(self, rule: Filter) -> None:
        rule.check()
        self._rule = rule
        self._last: dict[int, tuple[int, float, int, object]] = {}

    def apply(self, updates: Updates) -> Updates:
        """Return the updates to deliver, in order."""
        keep = np.zeros(len(updates), bool)
        objects = updates.objects
        for i, (signal, t_ns, value, quality) in enumerate(
            zip(
                updates.signal.tolist(),
                updates.t_ns.tolist(),
                updates.value.tolist(),
                updates.quality.tolist(),
                strict=True,
            )
        ):
            item = None if objects is None else objects[i]
            if self._passes(self._last.get(signal), t_ns, value, quality, item):
                self._last[signal] = (t_ns, value, quality, item)
                keep[i] = True
        return updates if keep.all() else updates[keep]

    def _passes(self, last: tuple[int, float, int, object] | None, t_ns: int, value: float, quality: int,
                item: object) -> bool:  # fmt: skip
        if last is None or last[2] != quality:
            return True
        rule = self._rule
        if t_ns - last[0] < rule.min_interval_ns:
            return False
        same = item == last[3] and (value == last[1] or (value != value and last[1] != last[1]))  # noqa: PLR0124
        if rule.on_change and same:
            return False
        if rule.deadband and abs(value - last[1]) <= rule.deadband:
            return False
        if rule.change and not COMPARISONS[rule.change.compare](value - last[1], rule.change.diff):
            return False
        tests = [COMPARISONS[limit.compare](value, limit.boundary) for limit in rule.within]
        return not tests or (any(tests) if rule.any_of else all(tests))
