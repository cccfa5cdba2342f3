"""What a reader wants of a signal's updates: all, only changes, only within a range, not too often, only the curve.

The filters are those of VISS (change, range, curvelog) and of KUKSA (minimum interval). All that are given hold at
once, for each signal on its own, by these rules:

- A signal's first update, and one whose quality is not that of the update delivered before, is compared with nothing:
  it is delivered, but for a GOOD one outside the range.
- The interval is measured between the updates' own times, in either direction: a clock that is set back holds
  updates up for less than two intervals, however far it is set.
- Changes, of objects (texts, arrays) too, are those from the update delivered before. With a comparison that asks for
  a rise, what counts is the rise since the lowest value after that update, and for a fall likewise: a switch that
  goes on, off and on again goes on twice. Equality is that with the value right before.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Boundary", "Change", "Compare", "Curvelog", "Filter"]

MOST_BOUNDARIES = 2
MOST_BUFFERED = 2000
"""Points of a curve that are gathered at most: to find the corners takes time with their square."""
MAX_NS = 2**63 - 1


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
    """Deliver when ``value - value before`` compares so to *diff*; the first value always."""

    compare: Compare
    diff: float


@dataclass(frozen=True, slots=True)
class Boundary:
    """Deliver when the value compares so to *boundary*."""

    compare: Compare
    boundary: float


@dataclass(frozen=True, slots=True)
class Curvelog:
    """Deliver few points, from which the curve can be drawn with an error of at most *max_error*.

    The error is that of the value, at the time of any point left out, from the straight line between the delivered
    points around it. Points are gathered; what is needed of them is delivered when the buffer is full, when the oldest
    has waited too long, when the quality changes, when the time goes back, and at the end of the subscription; the
    newest of them is always among it, so the next curve goes on from there.
    """

    max_error: float
    """In the signal's unit, 0 or more."""
    buffer: int
    """Points to gather before they are delivered, 2 to ``MOST_BUFFERED``."""
    max_age_s: float = 100.0
    """Longest time that a point waits, once its signal is updated or the broker ticks."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which updates of a signal a reader wants. A change to a quality other than GOOD is always delivered."""

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
        for message in _faults(self):
            raise BrokerError(Reason.INVALID, message)


_OPEN = Filter()


def _faults(rule: Filter) -> Iterator[str]:
    """Yield what is wrong with a filter."""
    limits = [limit.boundary for limit in rule.within]
    curve = rule.curvelog
    if not 0 <= rule.min_interval_ns <= MAX_NS:
        yield f"an interval is 0 to {MAX_NS / 1e9:.0f} seconds, not {rule.min_interval_ns / 1e9:g}"
    if not 0 <= rule.deadband < math.inf:
        yield f"a deadband is a number of 0 or more, not {rule.deadband:g}"
    if rule.change and not math.isfinite(rule.change.diff):
        yield f"a change is a number, not {rule.change.diff:g}"
    if len(limits) > MOST_BOUNDARIES or not all(map(math.isfinite, limits)):
        yield f"a range has one or two boundaries, which are numbers; not {limits[:3]}"
    if curve and not 0 <= curve.max_error < math.inf:
        yield f"the error of a curve is a number of 0 or more, not {curve.max_error:g}"
    if curve and not 2 <= curve.buffer <= MOST_BUFFERED:  # noqa: PLR2004 - a line needs two points
        yield f"the buffer of a curve has 2 to {MOST_BUFFERED} points, not {curve.buffer}"
    if curve and not 0 < curve.max_age_s < MAX_NS / 1e9:
        yield f"the points of a curve wait some time, not {curve.max_age_s:g} s"
