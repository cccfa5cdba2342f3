"""Prices of energy over time, and times that a driver states: of the day, or of a date; from texts.

Prices are JSON: ``[["22:00", 0.21], ["06:00", 0.34]]``, each from a time of the day on until the next, every day; or
``[["2026-11-22T22:00Z", 0.21], ...]``, each from then on. Times of the day are those of a wall's clock: of a time zone,
with its summer time, or UTC plus so many hours.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from commonwheel.errors import AppError

if TYPE_CHECKING:
    from datetime import tzinfo

__all__ = ["DAY_S", "Tariff", "Wall", "next_time"]

DAY_S = 86_400
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_MOST = 10_000
_DEAREST = 1000.0
_FARTHEST_H = 14.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER_S = 900
"""No time zone changes its clocks at another time."""


class Wall:
    """A clock on a wall: what the time of the day is there."""

    def __init__(self, offset_h: float = 0.0, zone: str = "") -> None:
        """Take where it hangs.

        Args:
            offset_h: what it is ahead of UTC, where no zone is stated.
            zone: a time zone, as in ``Europe/Berlin``; '' none.

        Raises:
            AppError: there is no such offset or zone.
        """
        if not abs(offset_h) <= _FARTHEST_H:
            message = f"'offset' is at most {_FARTHEST_H:g} hours either way, not {offset_h:g}"
            raise AppError(message)
        self._offset_s = offset_h * 3600.0
        self._zone = _zone(zone) if zone else None
        self._known: dict[int, float] = {}

    def ahead_s(self, utc_s: float) -> float:
        """Return what it is ahead of UTC at a time, in seconds."""
        if self._zone is None:
            return self._offset_s
        quarter = int(utc_s // _QUARTER_S)
        if quarter not in self._known:
            if len(self._known) > _MOST:
                self._known.clear()
            found = self._zone.utcoffset(_at(quarter * _QUARTER_S).astimezone(self._zone))
            self._known[quarter] = 0.0 if found is None else found.total_seconds()
        return self._known[quarter]

    def of_day_s(self, utc_s: float) -> float:
        """Return the seconds since midnight that it shows, from 0 to less than a day."""
        return (utc_s + self.ahead_s(utc_s)) % DAY_S

    def next_s(self, of_day_s: float, now_s: float) -> float:
        """Return when it next shows a time of the day, from now on, in seconds UTC.

        Of a time that a night in spring leaves out, when it would have been; of one that a night in autumn has twice,
        the first, unless that is past.
        """
        if self._zone is None:
            return now_s + (of_day_s - self.of_day_s(now_s)) % DAY_S
        today = _at(now_s).astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        hour, minute = divmod(int(of_day_s) // 60, 60)
        for day, fold in itertools.product((0, 1), (0, 1)):
            local = (today + timedelta(days=day)).replace(hour=hour, minute=minute, tzinfo=self._zone, fold=fold)
            found = (local - _EPOCH).total_seconds()
            if found >= now_s:
                return found
        return now_s + DAY_S


def _at(utc_s: float) -> datetime:
    return _EPOCH + timedelta(seconds=utc_s)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        message = (
            f"'zone' is a time zone, as in Europe/Berlin; this machine knows no {name!r:.60}. "
            "One that knows none at all gets them by its package 'tzdata'; else state an 'offset'"
        )
        raise AppError(message) from error


class Tariff:
    """Prices per kWh."""

    def __init__(self, steps: list[tuple[float, float]], *, daily: bool, wall: Wall | None = None) -> None:
        """Take (seconds, price) in order of time: of the day, or UTC."""
        self._times = [time for time, _ in steps]
        self._prices = [price for _, price in steps]
        self._daily, self._wall = daily, wall or Wall()
        self._known: dict[float, float] = {}
        """Prices of times that were asked for: a plan that is made anew every minute asks for the same ones."""

    @classmethod
    def of(cls, text: str, wall: Wall | None = None) -> Tariff:
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
        return cls([(time, price) for time, price, _ in steps], daily=daily.pop(), wall=wall)

    def at(self, utc_s: float) -> float:
        """Return the price at a time; before the first of dates, the first."""
        found = self._known.get(utc_s)
        if found is None:
            if len(self._known) > 2 * _MOST:
                self._known.clear()
            found = self._known[utc_s] = self._at(utc_s)
        return found

    def _at(self, utc_s: float) -> float:
        time = self._wall.of_day_s(utc_s) if self._daily else utc_s
        at = bisect_right(self._times, time) - 1
        return self._prices[at] if at >= 0 else self._prices[-1 if self._daily else 0]

    @property
    def until_s(self) -> float:
        """Until when prices are stated, in seconds UTC: the last one holds as long as the one before; inf: for ever."""
        if self._daily or len(self._times) == 1:
            return math.inf
        return 2 * self._times[-1] - self._times[-2]

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


def next_time(text: str, now_s: float, wall: Wall | None = None) -> float:
    """Return when a stated time comes next, in seconds UTC; a date that is past is returned as it is.

    Raises:
        AppError: the text is no time.
    """
    seconds, daily = _time(text, "'ready_by'")
    if not daily:
        return seconds
    return (wall or Wall()).next_s(seconds, now_s)
