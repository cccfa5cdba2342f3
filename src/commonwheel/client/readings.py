"""What a client reads: a typed value with quality and time, and batches of them in columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from commonwheel.broker.values import Value, from_inside
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from commonwheel.broker.signals import SignalTable
    from commonwheel.broker.updates import Updates

__all__ = ["Batch", "Reading"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUALITIES = tuple(Quality)


class Reading(NamedTuple):
    """A signal's value at a time."""

    value: Value | None
    """Typed as the signal's datatype says; None: never had one, or none that is known. With any quality but GOOD it
    is not to be relied on."""
    quality: Quality
    t_ns: int
    """Nanoseconds UTC; 0 where there was never a value."""
    path: str
    unit: str | None
    """Unit as VSS names it, or None for what has none."""

    @property
    def good(self) -> Value | None:
        """The value, or None unless its quality is GOOD."""
        return self.value if self.quality is Quality.GOOD else None

    @property
    def time(self) -> datetime:
        """The time, UTC, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.t_ns // 1000)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """*n* updates in the order they happened: columns for numpy, and readings when it is iterated over.

    The columns may be shared with other readers and with the broker itself: they are not to be written to.
    """

    updates: Updates
    table: SignalTable
    """What the numbers in ``signal`` mean."""
    dropped: int = 0
    """Updates that were dropped just before this batch, for you did not read in time."""
    reconnected: bool = False
    """Whether the connection was lost before this batch and is there again: what happened meanwhile is not known."""
    sequence: int = 0
    """Updates before these that were delivered or dropped since the connection began."""

    @property
    def signal(self) -> npt.NDArray[np.int32]:
        """Numbers in ``table``, shape (n,)."""
        return self.updates.signal

    @property
    def t_ns(self) -> npt.NDArray[np.int64]:
        """Nanoseconds UTC, shape (n,)."""
        return self.updates.t_ns

    @property
    def value(self) -> npt.NDArray[np.float64]:
        """Values in the standard's unit, shape (n,).

        Booleans are 0 and 1, texts with allowed values their place among them; NaN where there is none, and for
        texts and arrays, which only the readings have.
        """
        return self.updates.value

    @property
    def quality(self) -> npt.NDArray[np.uint8]:
        """``Quality`` codes, shape (n,)."""
        return self.updates.quality

    def __len__(self) -> int:
        return len(self.updates)

    def __iter__(self) -> Iterator[Reading]:
        updates, signals = self.updates, self.table.signals
        numbers: list[int] = updates.signal.tolist()
        objects = None if updates.objects is None else updates.objects.tolist()
        for row, (number, t_ns, value, quality) in enumerate(
            zip(
                numbers,
                updates.t_ns.tolist(),
                updates.value.tolist(),
                updates.quality.tolist(),
                strict=True,
            )
        ):
            signal = signals[number]
            typed = from_inside(signal, value, objects[row] if objects else None)
            yield Reading(typed, _QUALITIES[quality], t_ns, signal.leaf.path, signal.leaf.unit)

    def __getitem__(self, index: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Batch:
        """Return the updates that a slice, mask or index array selects."""
        return Batch(self.updates[index], self.table, self.dropped, self.reconnected, self.sequence)

    def of(self, path: str) -> Batch:
        """Return the updates of one signal.

        Raises:
            BrokerError: UNKNOWN_SIGNAL.
        """
        return self[self.signal == self.table.number(path)]

    @property
    def good(self) -> Batch:
        """The updates of quality GOOD."""
        return self[self.quality == Quality.GOOD]

    @property
    def paths(self) -> list[str]:
        """The signals that occur, in the order of their paths."""
        numbers: list[int] = np.unique(self.signal).tolist()
        return [self.table.signals[number].path for number in numbers]

    @property
    def latest(self) -> dict[str, Reading]:
        """The last reading of each signal that occurs, by path."""
        return {reading.path: reading for reading in self}
