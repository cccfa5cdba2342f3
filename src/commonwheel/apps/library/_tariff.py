"""Prices of energy over time, and times that a driver states: of the day, or of a date; from texts.

Prices are JSON: ``[["22:00", 0.21], ["06:00", 0.34]]``, each from a time of the day on until the next, every day; or
``[["2026-11-22T22:00Z", 0.21], ...]``, each from then on. Times of the day are UTC plus ``offset_h``.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from bisect import bisect_right
from datetime import UTC, datetime
from typing import cast

from commonwheel.errors import AppError

__all__ = ["DAY_S", "Tariff", "next_time"]

DAY_S = 86_400
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_MOST = 10_000
_DEAREST = 1000.0


class Tariff:
    """Prices per kWh."""

    def __init__(self, steps: list[tuple[float, float]], *, daily: bool, offset_h: float = 0.0) -> None:
        """Take (seconds, price) in order of time: of the day, or UTC."""
        self._times = [time for time, _ in steps]
        self._prices = [price for _, price in steps]
        self._daily, self._offset_s = daily, offset_h * 3600.0

    @classmethod
    def of(cls, text: str, offset_h: float = 0.0) -> Tariff:
        """Return the tariff of a text; '' is one price at all times.

        Raises:
            AppError: it is none.
        """
        if not text.strip():
            return cls([(0.0, 1.0)], daily=True)
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError) as error:
            message = f'\'prices\' is JSON such as [["22:00", 0.21], ["06:00", 0.34]]: {error}'
            raise AppError(message) from error
        rows = cast("list[object]", found) if isinstance(found, list) else []
        if not 0 < len(rows) <= _MOST:
            message = f"'prices' is a list of 1 to {_MOST} steps: [[time, price per kWh], ...]"
            raise AppError(message)
        steps = [_step(at, row) for at, row in enumerate(rows, 1)]
        daily = {step[2] for step in steps}
        if len(daily) > 1:
            message = "'prices' has times of the day or dates, not both"
            raise AppError(message)
        steps.sort(key=lambda step: step[0])
        for (before, *_), (after, *_) in itertools.pairwise(steps):
            if before == after:
                message = "'prices' has two prices from the same time on; leave one out"
                raise AppError(message)
        return cls([(time, price) for time, price, _ in steps], daily=daily.pop(), offset_h=offset_h)

    def at(self, utc_s: float) -> float:
        """Return the price at a time; before the first of dates, the first."""
        time = (utc_s + self._offset_s) % DAY_S if self._daily else utc_s
        at = bisect_right(self._times, time) - 1
        return self._prices[at] if at >= 0 else self._prices[-1 if self._daily else 0]

    def mean(self, from_s: float, to_s: float) -> float:
        """Return the mean price between two times, by the minute."""
        count = max(1, math.ceil((to_s - from_s) / 60.0))
        step = (to_s - from_s) / count
        return sum(self.at(from_s + (i + 0.5) * step) for i in range(count)) / count


def _step(at: int, row: object) -> tuple[float, float, bool]:
    pair = cast("list[object]", row) if isinstance(row, list) else []
    price = pair[1] if len(pair) == 2 else None  # noqa: PLR2004
    fits = isinstance(price, int | float) and not isinstance(price, bool) and abs(price) <= _DEAREST
    if not fits or not isinstance(pair[0], str):
        message = f"'prices', step {at} is [time, price per kWh], not {row!r:.60}"
        raise AppError(message)
    seconds, daily = _time(pair[0], f"'prices', step {at}")
    return seconds, float(cast("float", price)), daily


def _time(text: str, what: str) -> tuple[float, bool]:
    """Return the seconds of a text, and whether they are of the day."""
    found = _CLOCK.fullmatch(text.strip())
    if found is not None:
        return int(found[1]) * 3600.0 + int(found[2]) * 60.0, True
    try:
        stated = datetime.fromisoformat(text.strip())
        utc = stated if stated.tzinfo else stated.replace(tzinfo=UTC)
        return utc.timestamp(), False
    except (ValueError, OverflowError) as error:
        message = f"{what}: a time is '22:00' or '2026-11-22T22:00Z', not {text!r:.60}"
        raise AppError(message) from error


def next_time(text: str, now_s: float, offset_h: float = 0.0) -> float:
    """Return when a stated time comes next, in seconds UTC; a date that is past is returned as it is.

    Raises:
        AppError: the text is no time.
    """
    seconds, daily = _time(text, "'ready_by'")
    if not daily:
        return seconds
    local = (now_s + offset_h * 3600.0) % DAY_S
    return now_s + (seconds - local) % DAY_S
