"""The broker's signal table: every leaf of a catalog with a number.

Numbers count the paths in sorted order, from 0, as KUKSA's databroker does; they hold for one run.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.values import plain_limits
from commonwheel.catalog.leaf import Kind
from commonwheel.catalog.patterns import compile_pattern
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from commonwheel.catalog import Catalog, Leaf

__all__ = ["Signal", "SignalTable"]

_MOST_HINTS, _HINTS_PER_SECOND = 50.0, 20.0
"""How many unknown paths are explained at once, and in the long run."""
_LONGEST_HINTED = 250
"""Characters of an unknown path that others are compared with."""


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One signal as the broker keeps it."""

    number: int
    leaf: Leaf
    labels: tuple[str, ...]
    """Names of the codes 0, 1, 2, … of a string with allowed values; () for all others."""
    codes: dict[str, int]
    """The same, backwards."""
    matcher: re.Pattern[str] | None = None
    """What a string has to match as a whole."""
    limits: dict[type, tuple[float, float]] = field(default_factory=dict[type, tuple[float, float]])
    """Python's types whose values are right between two numbers, both included, without another check."""

    @property
    def path(self) -> str:
        """Full name."""
        return self.leaf.path

    @property
    def is_actuator(self) -> bool:
        """Whether a target may be asked for."""
        return self.leaf.kind is Kind.ACTUATOR

    @property
    def is_plain(self) -> bool:
        """Whether a value is one float64 without loss (numbers, booleans, codes); others are objects."""
        return not self.leaf.is_array and (bool(self.labels) or self.leaf.is_numeric or self.leaf.datatype == "boolean")


class SignalTable:
    """Every signal of a catalog; immutable."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.signals: tuple[Signal, ...] = tuple(
            _signal(number, catalog.leaves[path]) for number, path in enumerate(sorted(catalog.leaves))
        )
        """Signal *i* has the number *i*."""
        self.numbers: dict[str, int] = {signal.path: signal.number for signal in self.signals}
        """Path to number."""
        self._hints, self._hinted = _MOST_HINTS, time.monotonic()

    def __len__(self) -> int:
        return len(self.signals)

    def __iter__(self) -> Iterator[Signal]:
        return iter(self.signals)

    def __getitem__(self, number: int) -> Signal:
        """Return a signal by its number.

        Raises:
            BrokerError: UNKNOWN_SIGNAL.
        """
        if not 0 <= number < len(self.signals):
            raise self.unknown(number)
        return self.signals[number]

    def unknown(self, number: int) -> BrokerError:
        """Return the error of a number that no signal has."""
        message = f"there is no signal number {number}; they are 0 to {len(self.signals) - 1}"
        return BrokerError(Reason.UNKNOWN_SIGNAL, message, signal=number)

    def check(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Return the numbers, each once, in the order they were first given.

        Raises:
            BrokerError: UNKNOWN_SIGNAL, if no signal has one of them.
        """
        unique = tuple(dict.fromkeys(numbers))
        for number in unique:
            if not 0 <= number < len(self.signals):
                raise self.unknown(number)
        return unique

    def number(self, path: str) -> int:
        """Return the number of a signal.

        Raises:
            BrokerError: UNKNOWN_SIGNAL; the message names close paths.
        """
        found = self.numbers.get(path)
        if found is None:
            raise BrokerError(Reason.UNKNOWN_SIGNAL, self.explain(path))
        return found

    def explain(self, path: str) -> str:
        """Return why a path is no signal here; and which are close to it, unless very many ask that at once.

        To look for close paths takes some milliseconds: whoever asks for thousands must not keep others waiting.
        """
        now = time.monotonic()
        self._hints = min(_MOST_HINTS, self._hints + (now - self._hinted) * _HINTS_PER_SECOND)
        self._hinted = now
        if self._hints < 1 or len(path) > _LONGEST_HINTED:
            return f"{path!r:.200} is not in the catalog {self.catalog.source}"
        self._hints -= 1
        return self.catalog.explain(path)

    def match(self, patterns: str | Iterable[str]) -> list[int]:
        """Return the numbers of the signals that any of the patterns selects, rising; see ``catalog.patterns``.

        Raises:
            BrokerError: BAD_PATTERN, or UNKNOWN_SIGNAL when a pattern selects nothing.
        """
        chosen: set[int] = set()
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            chosen.update(self._match(pattern))
        return sorted(chosen)

    def _match(self, pattern: str) -> list[int]:
        exact = self.numbers.get(pattern)
        if exact is not None:
            return [exact]
        try:
            matches = compile_pattern(pattern)
        except CatalogError as error:
            raise BrokerError(Reason.BAD_PATTERN, str(error)) from error
        found = [signal.number for signal in self.signals if matches(signal.path)]
        if not found:
            message = f"{pattern!r} selects no signal" if "*" in pattern else self.explain(pattern)
            raise BrokerError(Reason.UNKNOWN_SIGNAL, message)
        return found


def _signal(number: int, leaf: Leaf) -> Signal:
    labels = tuple(str(value) for value in leaf.allowed) if leaf.datatype == "string" else ()
    codes = {label: code for code, label in enumerate(labels)}
    return Signal(number, leaf, labels, codes, _matcher(leaf.pattern), plain_limits(leaf))


def _matcher(pattern: str | None) -> re.Pattern[str] | None:
    """Compile a pattern; one that this machine cannot read restricts nothing (other dialects have more)."""
    if not pattern:
        return None
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
