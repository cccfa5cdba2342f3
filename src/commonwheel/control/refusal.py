"""What is wrong with a request as it stands: its shape, its value, its unit, its time. Requests come from outside.

What its place among others decides (who asks already, whose turn it is) is ``arbitration``'s.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.guard import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.control.request import Request

__all__ = ["LONGEST_NAME", "LONGEST_VALID_NS", "Terms", "as_number", "fault"]

LONGEST_VALID_NS = 60_000_000_000
"""A request that is to hold for longer is none that is renewed."""
LONGEST_NAME = 200
_AHEAD_NS = 50_000_000
"""So far a request may be dated ahead of the cycle: clocks of two threads, not of two machines."""
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be asked of an actuator."""

    group: str
    """Those of one group exclude each other: the adapter."""
    unit: str
    """Standard unit."""
    least_wins: bool


def fault(terms: Mapping[str, Terms], t_ns: int, request: Request) -> tuple[Rule, str]:
    """Return which rule a request breaks at a time, and how; ``Rule.NONE`` when none."""
    shape = _shape_fault(request)
    if shape:
        return Rule.NOT_A_NUMBER, shape
    own = terms.get(request.path)
    if own is None:
        return Rule.UNKNOWN_TARGET, f"this car cannot be asked for '{request.path[:LONGEST_NAME]}'"
    if not math.isfinite(as_number(request.value)):
        return Rule.NOT_A_NUMBER, f"{repr(request.value)[:LONGEST_NAME]} is no number to act on"
    if request.unit not in {"", own.unit}:
        return Rule.WRONG_UNIT, f"it is counted in '{own.unit}', not in '{request.unit[:LONGEST_NAME]}'"
    stale = _time_fault(t_ns, request)
    return (Rule.STALE_REQUEST, stale) if stale else (Rule.NONE, "")


def as_number(value: object) -> float:
    """Return a value as a number; what is none, or larger than any, as NaN."""
    if not isinstance(value, numbers.Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _time_fault(t_ns: int, request: Request) -> str:
    if not 0 < request.valid_ns <= LONGEST_VALID_NS:
        return f"a request holds for up to {LONGEST_VALID_NS // 10**9} s, not for {request.valid_ns * 1e-9:g} s"
    if request.t_ns > t_ns + _AHEAD_NS:
        return f"it is dated {(request.t_ns - t_ns) * 1e-9:.3f} s ahead"
    if request.t_ns + request.valid_ns < t_ns:
        return f"its time was over {(t_ns - request.t_ns - request.valid_ns) * 1e-9:.3f} s ago"
    return ""


def _shape_fault(request: Request) -> str:
    """Return what is not of the kind that it has to be, whatever the types say."""
    texts: list[tuple[str, object]] = [("path", request.path), ("source", request.source), ("unit", request.unit)]
    counts: list[tuple[str, object]] = [
        ("time", request.t_ns),
        ("validity", request.valid_ns),
        ("priority", request.priority),
    ]
    for name, value in texts:
        if not isinstance(value, str):
            return f"its {name} is no text"
    for name, value in counts:
        if not isinstance(value, int) or abs(value) > _LARGEST:
            return f"its {name} is no whole number of 64 bits"
    if not 0 < len(request.source) <= LONGEST_NAME:
        return f"whoever asks has a name of 1 to {LONGEST_NAME} characters"
    return ""
