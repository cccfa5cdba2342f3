"""Values of signals as the ``data`` of a message: JSON fragments made from batches, once for all who read them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.viss.clock import stamp
from commonwheel.broker.viss.texts import INLINE, to_json
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.updates import Updates

__all__ = ["Shape", "Writer"]


@dataclass(frozen=True, slots=True)
class Shape:
    """How data is written."""

    many: bool
    """An array of objects; else one object."""
    inline: bool
    """A value that is not there is said in its place; else it is left out."""
    empty_arrays: bool
    """Whether an array without elements can be written: version 3's schema has none."""
    nulls: bool = False
    """A signal that nobody has given a value is null, as KUKSA's databroker has it; else its value is not there."""


class Writer:
    """Writes the values of a table's signals."""

    def __init__(self, table: SignalTable) -> None:
        self._heads = [f'{{"path":"{signal.path}","dp":' for signal in table.signals]
        self._signals = table.signals
        self._texts: list[Callable[[float, object], str | None] | None] = [None] * len(table)

    def values(self, batch: Updates, shape: Shape) -> list[tuple[int, str | None]]:
        """Return signal and data point (a JSON fragment) of each update; None where there is no value to write.

        What never had a value has no time either: its point is as of now.
        """
        objects = batch.objects
        items: list[object] = [None] * len(batch) if objects is None else objects.tolist()
        signals: list[int] = batch.signal.tolist()
        times: list[int] = batch.t_ns.tolist()
        numbers = zip(batch.value.tolist(), batch.quality.tolist(), strict=True)
        found: list[tuple[int, str | None]] = []
        now = time.time_ns()
        for signal, (value, quality), t_ns, item in zip(signals, numbers, times, items, strict=True):
            text: str | None = None
            if quality == Quality.GOOD:
                text = (self._texts[signal] or self._prepare(signal))(value, item)
                if text == "[]" and not shape.empty_arrays:
                    text = None
            if text is None and shape.nulls and quality == Quality.MISSING:
                point = self._point("null", t_ns or now)
            elif text is None:
                point = self._point(f'"{INLINE}"', t_ns or now) if shape.inline else None
            else:
                point = self._point(text, t_ns)
            found.append((signal, point))
        return found

    def _prepare(self, signal: int) -> Callable[[float, object], str | None]:
        text = self._texts[signal] = to_json(self._signals[signal])
        return text

    @staticmethod
    def _point(text: str, t_ns: int) -> str:
        return f'{{"value":{text},"ts":"{stamp(t_ns)}"}}'

    def data(self, batch: Updates, shape: Shape) -> str | None:
        """Return the data of a batch in which each signal occurs once; None when nothing is to be written."""
        parts = [f"{self._heads[signal]}{point}}}" for signal, point in self.values(batch, shape) if point is not None]
        return self._join(parts, shape)

    def events(self, batch: Updates, shape: Shape) -> Iterator[str]:
        """Yield the data of as many events as it takes for each to have one value of a signal, in order."""
        parts: dict[int, str] = {}
        for signal, point in self.values(batch, shape):
            if point is None:
                continue
            if signal in parts or (parts and not shape.many):
                yield self._join(list(parts.values()), shape) or ""
                parts = {}
            parts[signal] = f"{self._heads[signal]}{point}}}"
        joined = self._join(list(parts.values()), shape)
        if joined is not None:
            yield joined

    def series(self, batch: Updates, shape: Shape) -> str | None:
        """Return the data of a batch as a series of points per signal; None when there are none."""
        points: dict[int, list[str]] = {}
        for signal, point in self.values(batch, shape):
            if point is not None:
                points.setdefault(signal, []).append(point)
        parts = [f"{self._heads[signal]}[{','.join(each)}]}}" for signal, each in points.items()]
        return self._join(parts, shape)

    def constant(self, signal: int, text: str) -> str:
        """Return one signal's object with a value that is not its own (its availability, its rate), as of now."""
        return f'{self._heads[signal]}{{"value":"{text}","ts":"{stamp(time.time_ns())}"}}}}'

    @staticmethod
    def _join(parts: list[str], shape: Shape) -> str | None:
        if not parts:
            return None
        return f"[{','.join(parts)}]" if shape.many else parts[-1]
