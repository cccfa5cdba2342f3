"""The database that an exported mapping goes with: the mapped messages of one bus, made fit for KUKSA.

KUKSA finds a signal by its bare name, so names become unique; it drops what lies outside of a signal's
limits, so these hold exactly the codes that carry a value; a value with a name cannot be calculated with,
so only fields that are mapped code by code keep their names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.vehicles.kuksa_source import physical
from commonwheel.wire.database import Database, Multiplexed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commonwheel.vehicles.kuksa_uses import Use
    from commonwheel.wire.database import Message, Signal

__all__ = ["BusDatabase"]

Span = tuple[float, float] | None
Ranges = tuple[tuple[int, int], ...]
WIDEST_SELECTOR = 12
"""Bits of a selector whose every value may be listed."""


@dataclass(slots=True)
class _Field:
    """What an exported field is used for."""

    spans: list[tuple[str, Span]] = field(default_factory=list[tuple[str, Span]])
    """(path, codes that carry a value) of each use as a number."""
    codes: set[int] = field(default_factory=set[int])
    """Codes that are mapped one by one."""
    compared: bool = False
    """Whether a filter compares it with a number."""


class BusDatabase:
    """Collects what is used of a bus; ``build`` makes the database."""

    def __init__(self, bus: str, say: Callable[[str, str], None]) -> None:
        """Take the bus's name and what takes (path, remark)."""
        self._bus = bus
        self._say = say
        self._messages: dict[str, tuple[Message, dict[str, _Field]]] = {}
        self._signals: dict[tuple[str, str], Signal] = {}

    def use(self, use: Use) -> None:
        """Note a field that is read, with those that select it."""
        message, signal = use.reference.message, use.reference.signal
        noted = self._field(message, signal)
        if use.table is None:
            noted.spans.append((use.path, use.span))
        else:
            noted.codes |= {raw for raw, _ in use.table}
        for selector, _ in use.filters:
            self._field(message, selector).compared = True

    def send(self, message: Message, selectors: set[str]) -> None:
        """Note a message that is sent: all of its fields are needed."""
        for signal in message.signals:
            noted = self._field(message, signal)
            noted.compared = noted.compared or signal.name in selectors

    def _field(self, message: Message, signal: Signal) -> _Field:
        _, fields = self._messages.setdefault(message.name, (message, {}))
        at: Signal | None = signal
        while at is not None and at.name not in fields:
            fields[at.name] = _Field()
            at = None if at.multiplexed is None else message.signal(at.multiplexed.selector)
        return fields[signal.name]

    def build(self) -> Database:
        """Return the database."""
        names = self._names()
        messages: list[Message] = []
        for message, fields in self._messages.values():
            for signal in message.signals:
                if signal.name in fields:
                    made = self._signal(message, signal, fields[signal.name], names)
                    self._signals[message.name, signal.name] = made
            kept = [self._signals[message.name, s.name] for s in message.signals if s.name in fields]
            messages.append(replace(message, signals=(*kept, *self._others(message, kept))))
        return Database(Path(f"{self._bus}.dbc"), tuple(messages))

    def _others(self, message: Message, kept: list[Signal]) -> Iterator[Signal]:
        """Yield a stand-in for the selector values that select nothing: cantools refuses a frame that has one."""
        for selector in kept:
            mine = [s for s in kept if s.multiplexed is not None and s.multiplexed.selector == selector.name]
            if not mine:
                continue
            known = tuple(span for s in mine if s.multiplexed is not None for span in s.multiplexed.values)
            missing = _gaps(known, (1 << selector.length) - 1)
            if selector.length > WIDEST_SELECTOR:
                what = f"KUKSA drops frames of {self._bus}/{message.name} in which '{selector.name}' selects nothing"
                self._say("", what)
            elif missing:
                taken = {signal.name for signal in kept}
                name = next(n for i in range(len(taken) + 1) if (n := f"{selector.name}_Other{i or ''}") not in taken)
                yield replace(
                    mine[0], name=name, multiplexed=Multiplexed(selector.name, missing), choices={},
                    minimum=None, maximum=None, initial=None, comment="",
                )  # fmt: skip

    def signal(self, message: str, name: str) -> Signal:
        """Return a field as it is in the database that was built."""
        return self._signals[message, name]

    def _names(self) -> dict[tuple[str, str], str]:
        """Return a name for each field that no other one has."""
        keys = [(message.name, name) for message, fields in self._messages.values() for name in fields]
        often = Counter(name for _, name in keys)
        names: dict[tuple[str, str], str] = {key: key[1] for key in keys if often[key[1]] == 1}
        taken = set(names.values())
        for message, name in keys:
            if (message, name) not in names:
                candidate, number = f"{message}_{name}", 2
                while candidate in taken:
                    candidate, number = f"{message}_{name}_{number}", number + 1
                names[message, name] = candidate
                taken.add(candidate)
        return names

    def _signal(self, message: Message, signal: Signal, noted: _Field, names: dict[tuple[str, str], str]) -> Signal:
        spoken = bool(noted.codes) and not noted.spans and not noted.compared
        unique = len(set(signal.choices.values())) == len(signal.choices)
        multiplexed = signal.multiplexed
        if multiplexed is not None:
            multiplexed = replace(multiplexed, selector=names[message.name, multiplexed.selector])
        low, high = self._limits(f"{self._bus}/{message.name}.{signal.name}", signal, noted)
        return replace(
            signal,
            name=names[message.name, signal.name],
            choices=signal.choices if spoken and unique else {},
            minimum=low,
            maximum=high,
            multiplexed=multiplexed,
        )

    def _limits(self, reference: str, signal: Signal, noted: _Field) -> tuple[float, float] | tuple[None, None]:
        spans = [span for _, span in noted.spans if span is not None]
        if not noted.spans:
            return None, None
        whole: Span = None
        if len(spans) == len(noted.spans):
            ends = [end for span in spans for end in span] + list(noted.codes)
            whole = min(ends), max(ends)
        for path, span in noted.spans:
            if span is not None and span != whole:
                what = f"{reference} has other uses, with values below {span[0]:g} or above {span[1]:g}"
                self._say(path, f"{what} (raw); KUKSA passes them on here too")
        if whole is None:
            return None, None
        if signal.is_float:
            return whole
        low, high = sorted(physical(signal, int(end)) for end in whole)
        return low, high


def _gaps(known: Ranges, last: int) -> Ranges:
    """Return the ranges up to *last* that are not known."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in sorted(known):
        if start < low:
            gaps.append((start, low - 1))
        start = max(start, high + 1)
    return (*gaps, (start, last)) if start <= last else tuple(gaps)
