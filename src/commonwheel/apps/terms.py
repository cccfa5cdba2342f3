"""On which terms an app asks for something: for how long it is good, and what it goes before.

Checked where the app asks, so that its author reads what is wrong in the app's own line; and again by the host, which
does not trust the app's process.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from commonwheel.broker.actuation import MOST_PRIORITY
from commonwheel.catalog.patterns import compile_pattern
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from commonwheel.apps.manifest import Manifest

__all__ = [
    "LONGEST_VALID_S",
    "MOST_PRIORITY",
    "SHORTEST_VALID_S",
    "Terms",
    "most_priority",
    "refuse_no_number",
    "refuse_unit",
    "terms_of",
]

SHORTEST_VALID_S, LONGEST_VALID_S = 0.01, 3600.0


class Terms(msgspec.Struct, frozen=True, array_like=True):
    """Of one request."""

    valid_ns: int | None = None
    """How long it is good for; None: as long as is usual for the actuator."""
    priority: int = 0


def most_priority(path: str, manifest: Manifest) -> int:
    """Return the highest priority that an app may ask for an actuator with."""
    stated = manifest.priorities
    if path in stated:
        return stated[path]
    return max((most for pattern, most in stated.items() if compile_pattern(pattern)(path)), default=0)


def terms_of(path: str, valid_s: float | None, priority: int, most: int) -> Terms:
    """Return the terms of a request.

    Args:
        path: the actuator.
        valid_s: seconds; None: as usual.
        priority: the app's wish.
        most: what its manifest allows.

    Raises:
        AppError: it is good for no such time, or the priority is not the app's to use.
    """
    if isinstance(priority, bool) or not isinstance(priority, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"the priority of a request is a whole number, not {priority!r:.40}"
        raise AppError(message)
    if not -MOST_PRIORITY <= priority <= most:
        message = (
            f"'{path}' may be asked for with priority {-MOST_PRIORITY}..{most}, not {priority}; "
            f'a higher one is stated in the manifest: requests={{"{path}": {max(1, min(priority, MOST_PRIORITY))}}}'
        )
        raise AppError(message)
    if valid_s is None:
        return Terms(None, priority)
    if isinstance(valid_s, bool) or not isinstance(valid_s, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"'valid_s' is a number of seconds, not {valid_s!r:.40}"
        raise AppError(message)
    if not SHORTEST_VALID_S <= valid_s <= LONGEST_VALID_S:
        message = f"a request is good for {SHORTEST_VALID_S:g} to {LONGEST_VALID_S:g} seconds, not {valid_s!r:.40}"
        raise AppError(message)
    return Terms(round(valid_s * 1e9), priority)


def refuse_no_number(path: str, value: object) -> None:
    """See that a value that is to be a number is one.

    Raises:
        AppError: it is infinite, or not a number.
    """
    item = getattr(value, "tolist", lambda: value)()
    if isinstance(item, float) and not math.isfinite(item):
        message = f"'{path}' cannot be asked to reach {item}; ask only with what was computed from good values"
        raise AppError(message)


def refuse_unit(path: str, unit: str | None, right: str | None) -> None:
    """See that a unit that is stated is the standard's.

    Raises:
        AppError: it is another.
    """
    if unit is not None and unit != (right or ""):
        named = f"'{right}'" if right else "a plain number, without a unit ('')"
        message = f"'{path}' is asked for in {named}, not {unit!r:.40}; convert the value"
        raise AppError(message)
