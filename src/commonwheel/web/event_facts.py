"""What an event of an app tells, as facts for people: names with values, times, and rows of numbers in short."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

__all__ = ["facts_of"]

MOST_FACTS = 24
_LONGEST = 200
_EXACT = 2**53
"""Whole numbers from here on are not exact in a page."""
_TIME = "_ns"
"""What the names of times end with: nanoseconds UTC."""

Fact = dict[str, object]


def facts_of(data: object) -> list[Fact]:
    """Return facts: a name, and a value, a time or [how many, least, greatest] of a row of numbers.

    What is inside of something has both names. An app may put anything in: what is none of these is told as text.
    """
    facts: list[Fact] = []
    if isinstance(data, Mapping):
        _add(facts, "", cast("Mapping[object, object]", data))
    elif data is not None:
        facts.append(_fact("data", data))
    return facts


def _add(facts: list[Fact], prefix: str, data: Mapping[object, object], depth: int = 0) -> None:
    for key, value in data.items():
        if len(facts) >= MOST_FACTS:
            return
        name = f"{prefix}{_cut(str(key))}"
        if isinstance(value, Mapping) and depth == 0:
            _add(facts, f"{name} ", cast("Mapping[object, object]", value), depth + 1)
        else:
            facts.append(_fact(name, cast("object", value)))


def _fact(name: str, value: object) -> Fact:
    if name.endswith(_TIME) and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return {"name": name.removesuffix(_TIME), "t_ns": value}
    if value is None or isinstance(value, bool):
        return {"name": name, "value": value}
    if isinstance(value, int | float):
        number = _float(value)
        return {"name": name, "value": value if number is not None and abs(number) < _EXACT else _text(value)}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and value:
        return {"name": name, **_row(cast("Sequence[object]", value))}
    return {"name": name, "value": _text(cast("object", value))}


def _row(items: Sequence[object]) -> Fact:
    numbers = [_float(one) for one in items]
    known = [one for one in numbers if one is not None]
    if len(known) == len(numbers):
        return {"numbers": [len(known), min(known), max(known)]}
    texts = [one for one in items if isinstance(one, str)]
    return {"value": _cut(", ".join(texts)) if len(texts) == len(items) else _text(items)}


def _float(value: object) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str:
    try:
        return _cut(value if isinstance(value, str) else repr(value))
    except (ValueError, RecursionError):
        return f"({type(value).__name__})"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
