"""What a value is expected to be, as test files write it.

=============================  ===========================================
``63``, ``parked``, ``true``   exactly this
``{is: 63, within: 0.5}``      as near as that; ``within: 1 %`` of it
``{from: 60, to: 65}``         between, both included; one of them is enough
``null``                       no value
``[1, 2]``                     a list of just these
=============================  ===========================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.vehicles.yamltree import Node, Reader

__all__ = ["Match", "match_of"]

_EXACT = 1e-9
"""Relative error within which a number counts as the same."""
_MOST_INT = 2**63


@dataclass(frozen=True, slots=True)
class Match:
    """What is expected of one value."""

    line: int
    """Where the test file says so."""
    low: float = -math.inf
    high: float = math.inf
    exact: str | bool | None = None
    """A text, a boolean, or None for no value; not for numbers and lists."""
    items: tuple[Match, ...] | None = None
    """Of a list."""
    is_number: bool = False
    words: str = ""
    """How it is shown."""

    def fits(self, value: object) -> bool:
        """Whether a value is as expected."""
        if self.is_number:
            return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high
        if self.items is not None:
            got = cast("Sequence[object]", value) if isinstance(value, list | tuple) else None
            return got is not None and len(got) == len(self.items) and all(map(Match.fits, self.items, got))
        return type(value) is type(self.exact) and value == self.exact


def match_of(reader: Reader, node: Node) -> Match:
    """Return what a node expects; what cannot be expected becomes a fault of *reader*."""
    value = node.value
    if isinstance(value, dict):
        return _spread(reader, node)
    if isinstance(value, list):
        items = tuple(match_of(reader, item) for item in value)
        return Match(node.line, items=items, words=f"[{', '.join(item.words for item in items)}]")
    if value is None:
        return Match(node.line, words="no value")
    if isinstance(value, bool | str):
        return Match(node.line, exact=value, words=f"'{value}'" if isinstance(value, str) else str(value).lower())
    if isinstance(value, int) and abs(value) > _MOST_INT:
        reader.fault(node, "a whole number that an app shows or reports has at most 64 bits")
        return Match(node.line)
    margin = abs(value) * _EXACT
    return Match(node.line, value - margin, value + margin, is_number=True, words=f"{value:g}")


def _spread(reader: Reader, node: Node) -> Match:
    keys = reader.mapping(node, "what is expected of a value", ("is", "within", "from", "to"))
    if "is" in keys and "within" in keys and not keys.keys() & {"from", "to"}:
        middle = reader.number(keys["is"], "'is'", 0.0)
        margin = _margin(reader, keys["within"], middle)
        words = f"{middle:g} ± {margin:g}"
        return Match(node.line, middle - margin, middle + margin, is_number=True, words=words)
    if keys.keys() & {"from", "to"} and not keys.keys() & {"is", "within"}:
        low = reader.number(keys.get("from"), "'from'", -math.inf)
        high = reader.number(keys.get("to"), "'to'", math.inf)
        if low > high:
            reader.fault(node, f"no value is from {low:g} to {high:g}; the smaller number comes first")
        both = f"{low:g} to {high:g}" if math.isfinite(low) and math.isfinite(high) else ""
        words = both or (f"at least {low:g}" if math.isfinite(low) else f"at most {high:g}")
        return Match(node.line, low, high, is_number=True, words=words)
    if keys or not node.entries:
        reader.fault(node, "a value is expected as {is: 63, within: 0.5}, or as {from: 60, to: 65}, or is just written")
    return Match(node.line)


def _margin(reader: Reader, node: Node, middle: float) -> float:
    if isinstance(node.value, str) and node.value.strip().endswith("%"):
        try:
            share = float(node.value.strip().removesuffix("%"))
        except ValueError:
            share = math.nan
        if math.isfinite(share) and share >= 0:
            return abs(middle) * share / 100
        reader.fault(node, f"'within' is a number or a share such as '1 %', not '{node.value}'")
        return 0.0
    margin = reader.number(node, "'within'", 0.0)
    if margin < 0:
        reader.fault(node, f"'within' is 0 or more, not {margin:g}")
    return margin
