"""Current values for a page: typed as the standard says, with quality and time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.rights import Action
from commonwheel.broker.values import from_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.broker.session import Session
    from commonwheel.broker.signals import Signal
    from commonwheel.broker.updates import Updates

__all__ = ["Shown", "finite", "readings", "rows_of", "shown"]

Shown = float | int | bool | str | None
LONGEST_TEXT = 200


def finite(value: float) -> float | None:
    """Return a number; None for what is none: infinite or not a number."""
    return value if math.isfinite(value) else None


def shown(signal: Signal, number: float, item: object) -> Shown:
    """Return a value as a page shows it: a number, yes or no, or a text; None where there is none.

    A number is as fine as the car gives it.
    """
    if item is None and signal.leaf.is_numeric and not signal.labels:
        return finite(number)
    value = from_inside(signal, number, item)
    if isinstance(value, list):
        value = ", ".join(str(one) for one in cast("list[object]", value))
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
    return cast("Shown", value)


def rows_of(session: Session, updates: Updates) -> list[list[object]]:
    """Return [number, value, quality, t_ms] of each update."""
    table = session.table
    objects = updates.objects
    signals, values = updates.signal.tolist(), updates.value.tolist()
    times, qualities = updates.t_ns.tolist(), updates.quality.tolist()
    return [
        [n, shown(table[n], values[i], None if objects is None else objects[i]), qualities[i], times[i] / 1e6]
        for i, n in enumerate(signals)
    ]


def readings(session: Session, paths: Sequence[str]) -> list[list[object]]:
    """Return [path, value, quality, t_ms, unit] of signals, of those that may be read and that the broker has."""
    table = session.table
    known = [path for path in paths if path in table.numbers and session.rights.allow(Action.READ, path)]
    if not known:
        return []
    try:
        rows = rows_of(session, session.read(known))
    except BrokerError as error:
        if error.reason is Reason.EXPIRED:
            raise
        return []
    return [[path, *row[1:], table[table.numbers[path]].leaf.unit or ""] for path, row in zip(known, rows, strict=True)]
