"""How often readers want each signal at most, put together and told to those who provide it.

A provider need not publish more often than its keenest reader asks. What a reader that names no interval wants is
the interval that the provider said it can do.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Demand", "Source"]


class Source(Protocol):
    """Who provides signals, and is told how often they are wanted."""

    intervals: dict[int, int]
    """Its signals, and the least interval in ms at which it can give each."""

    def wanted(self, intervals: Mapping[int, int]) -> None:
        """Learn the intervals in ms that changed, by signal; 0 where nobody reads any more."""
        ...


class Demand:
    """Everybody's wishes. Used from one event loop."""

    def __init__(self) -> None:
        self._wishes: dict[int, list[int | None]] = defaultdict(list)
        self._told: dict[int, int] = {}
        self._sources: dict[int, Source] = {}

    def source(self, number: int) -> Source | None:
        """Return who provides a signal, as far as it was said here."""
        return self._sources.get(number)

    def provide(self, source: Source, signals: Iterable[int]) -> None:
        """Note who provides signals, and tell it what is wanted of them already."""
        numbers = list(signals)
        for number in numbers:
            self._sources[number] = source
        self._tell(number for number in numbers if self._wishes.get(number))

    def leave(self, source: Source) -> None:
        """Forget a source."""
        for number in [number for number, known in self._sources.items() if known is source]:
            del self._sources[number]
            self._told.pop(number, None)

    def want(self, signals: Sequence[int], interval_ms: int | None) -> None:
        """Note a reader's wish."""
        for number in signals:
            self._wishes[number].append(interval_ms)
        self._tell(signals)

    def unwant(self, signals: Sequence[int], interval_ms: int | None) -> None:
        """Forget a reader's wish."""
        for number in signals:
            wishes = self._wishes[number]
            wishes.remove(interval_ms)
            if not wishes:
                del self._wishes[number]
        self._tell(signals)

    def _tell(self, signals: Iterable[int]) -> None:
        changed: dict[int, tuple[Source, dict[int, int]]] = {}
        for number in signals:
            source = self._sources.get(number)
            if source is None:
                continue
            interval = self._interval(number, source)
            if self._told.get(number) != interval:
                self._told[number] = interval
                changed.setdefault(id(source), (source, {}))[1][number] = interval
        for source, intervals in changed.values():
            source.wanted(intervals)

    def _interval(self, number: int, source: Source) -> int:
        wishes = self._wishes.get(number)
        if not wishes:
            return 0
        own = source.intervals.get(number, 0)
        return min(own if wish is None else wish for wish in wishes)
