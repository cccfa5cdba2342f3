"""Samples: a columnar batch of standard values, each with a time and a quality."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from commonwheel.vehicles.model import SignalInfo

__all__ = ["Quality", "Samples"]


class Quality(enum.IntEnum):
    """How far a sample can be trusted; a larger code is worse, so the worst of several is their max."""

    GOOD = 0
    """Received in time, intact, and a value."""
    STALE = 1
    """No frame within the message's timeout; the value is the last one received."""
    INVALID = 2
    """The sender's own 'no value' code, or out of range."""
    CORRUPT = 3
    """Checksum or counter wrong."""
    MISSING = 4
    """This car cannot give it."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A batch of *n* samples, as a structure of arrays, in the order of the frames they came from."""

    t_ns: npt.NDArray[np.int64]
    """Time, shape (n,), nanoseconds; ``clock`` says since when."""
    signal: npt.NDArray[np.int32]
    """Number in ``table``, shape (n,)."""
    value: npt.NDArray[np.float64]
    """Value in the standard's unit, shape (n,); enumerations carry codes, texts the index in ``texts``."""
    quality: npt.NDArray[np.uint8]
    """``Quality`` codes, shape (n,)."""
    table: tuple[SignalInfo, ...]
    clock: Clock = Clock.UTC
    texts: Sequence[str] = field(default_factory=list[str])

    def __len__(self) -> int:
        return len(self.t_ns)

    def __getitem__(self, index: slice | npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Samples:
        """Return the samples that a slice, mask or index array selects."""
        return replace(
            self,
            t_ns=self.t_ns[index],
            signal=self.signal[index],
            value=self.value[index],
            quality=self.quality[index],
        )

    def of(self, path: str) -> Samples:
        """Return the samples of one signal; none when it does not occur."""
        numbers = [i for i, signal in enumerate(self.table) if signal.path == path]
        return self[np.isin(self.signal, numbers)]

    @property
    def good(self) -> Samples:
        """Return the samples of quality GOOD."""
        return self[self.quality == Quality.GOOD]

    @property
    def paths(self) -> list[str]:
        """The signals that occur, in the order of the table."""
        return [self.table[int(i)].path for i in np.unique(self.signal)]

    @classmethod
    def concat(cls, parts: Iterable[Samples]) -> Samples:
        """Join batches of one stream, in the order given."""
        batches = list(parts)
        if not batches:
            empty = np.array([])
            return cls(empty.astype("i8"), empty.astype("i4"), empty, empty.astype("u1"), ())
        if len(batches) == 1:
            return batches[0]
        return replace(
            batches[-1],
            t_ns=np.concatenate([batch.t_ns for batch in batches]),
            signal=np.concatenate([batch.signal for batch in batches]),
            value=np.concatenate([batch.value for batch in batches]),
            quality=np.concatenate([batch.quality for batch in batches]),
        )

    def to_arrow(self) -> pa.Table:
        """Return the long table: ``time``, ``signal``, ``value``, ``label``, ``unit``, ``quality``.

        ``time`` is a UTC timestamp, or a duration where the source has no wall-clock time. ``label`` names the
        codes of enumerations and holds the characters of texts; it is null for numbers.
        """
        from commonwheel.vehicles.export import to_arrow

        return to_arrow(self)

    def to_polars(self) -> pl.DataFrame:
        """Return the long table as a polars frame; polars has to be installed."""
        return _import("polars").from_arrow(self.to_arrow())

    def to_pandas(self) -> pd.DataFrame:
        """Return the long table as a pandas frame; pandas has to be installed."""
        _import("pandas")
        table: Any = self.to_arrow()
        return table.to_pandas()

    def wide(self, period_ms: float = 100.0) -> pa.Table:
        """Return one column per signal on an even time grid.

        Each cell is the last GOOD value at or before its row's time, held; null before the first, and after any
        sample that was not GOOD.
        """
        from commonwheel.vehicles.export import to_wide

        return to_wide(self, period_ms)


@functools.cache
def _import(name: str) -> Any:  # noqa: ANN401 - a module whose types are only known when it is installed
    """Return a module that need not be installed."""
    import importlib

    from commonwheel.errors import MissingExtraError

    try:
        return importlib.import_module(name)
    except ImportError as error:
        feature = f"Samples.to_{name}()"
        raise MissingExtraError(feature, name) from error
