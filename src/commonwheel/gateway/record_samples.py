"""Record samples from a live car, as Parquet files of the long table that ``commonwheel decode`` writes.

A Parquet file can be read once its end is written. A recorder that is killed leaves every earlier file whole, and one
``.part`` that nobody can read: end files often where that matters.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from commonwheel.broker.updates import Updates
from commonwheel.gateway.partfile import PartFile
from commonwheel.gateway.recorder import Bounds, Recorder
from commonwheel.gateway.rotation import Rotation
from commonwheel.vehicles.export import LongNames, parquet_options, to_arrow
from commonwheel.vehicles.model import SignalInfo
from commonwheel.vehicles.samples import Quality, Samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from commonwheel.broker.signals import SignalTable

__all__ = ["SampleForm", "SampleRecorder", "Told", "info_of"]

_GROUP_ROWS = 131_072
"""Rows that are put on the disk together: they wait in memory until then."""
_GUESSED_BYTES = 8
"""Of a row that waits, as long as nobody knows better."""


class SampleForm:
    """What the numbers in updates mean: made once for each table of signals."""

    def __init__(self, signals: Iterable[tuple[int, SignalInfo]]) -> None:
        """Take numbers and what they stand for."""
        listed = list(signals)
        self.infos = tuple(info for _, info in listed)
        self._index = np.full(max((number for number, _ in listed), default=-1) + 2, -1, np.int32)
        """Place of each number; -1 for others, as for the last one, which stands for all beyond."""
        self._index[[number for number, _ in listed]] = np.arange(len(listed), dtype=np.int32)
        self._labels = np.array([len(info.labels) for info in self.infos], np.int32)
        self._names = LongNames.of(self.infos)

    @classmethod
    def of_table(cls, table: SignalTable, signals: Iterable[int]) -> SampleForm:
        """Return the form of some of a broker's signals."""
        chosen = [table[number] for number in signals]
        return cls(
            (one.number, info_of(one.path, one.leaf.unit, one.leaf.datatype, one.leaf.kind.value, one.labels))
            for one in chosen
        )

    def told(self, updates: Updates) -> Told:
        """Return updates to be recorded: without those that only say that there never was a value."""
        never = (updates.quality == Quality.MISSING) & (updates.t_ns == 0)
        return Told(self, updates[~never] if never.any() else updates)

    def samples(self, updates: Updates) -> Samples:
        """Return updates as samples.

        Signals that the form does not know are left out. A code without a name is no value.
        """
        unsigned = np.ascontiguousarray(updates.signal).view(np.uint32)  # so that negative numbers are beyond the end
        index = self._index.take(unsigned, mode="clip")
        known = index >= 0
        if not known.all():
            updates, index = updates[known], index[known]
        value = updates.value
        count = self._labels[index]
        with np.errstate(invalid="ignore"):
            nameless = (count > 0) & ~((value >= 0) & (value < count)) & ~np.isnan(value)
        if nameless.any():
            value = np.where(nameless, np.nan, value)
        value, texts = _with_texts(value, updates.objects)
        return Samples(updates.t_ns, index, value, updates.quality, self.infos, texts=texts)

    def to_arrow(self, updates: Updates) -> pa.Table:
        """Return updates as the long table; see ``Samples.to_arrow``."""
        return to_arrow(self.samples(updates), self._names)


def info_of(path: str, unit: str | None, datatype: str, kind: str, labels: Sequence[str]) -> SignalInfo:
    """Return what is known of a signal of a broker, where no car's description is at hand."""
    is_text = datatype.endswith("[]") or (datatype == "string" and not labels)
    return SignalInfo(path, unit or "", datatype, kind, "text" if is_text else "", (), "", tuple(labels))


def _with_texts(
    value: npt.NDArray[np.float64], objects: npt.NDArray[np.object_] | None
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return values with numbers of texts in place of objects, and the texts."""
    if objects is None:
        return value, []
    rows = np.flatnonzero(objects != None)  # noqa: E711 - elementwise
    texts = [one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in objects[rows]]
    value = value.copy()
    value[rows] = np.arange(len(rows))
    return value, texts


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Updates, and what their numbers mean."""

    form: SampleForm
    updates: Updates

    def __len__(self) -> int:
        return len(self.updates)

    def __getitem__(self, index: slice) -> Told:
        """Return some of them."""
        return Told(self.form, self.updates[index])


class _ParquetFile:
    """One file of a recording."""

    def __init__(self, path: Path) -> None:
        self._target = PartFile(path)
        self._sink: Any = pa.PythonFile(cast("Any", self._target.file), mode="w")
        self._writer: Any = None
        self._waiting: list[Told] = []
        self._rows = self._written = self._taken = 0
        """Rows that wait, that are written, and that were taken in without a fault."""
        self.size = 0

    def write(self, told: Told) -> None:
        """Take updates in."""
        self._waiting.append(told)
        self._rows += len(told)
        if self._rows >= _GROUP_ROWS:
            self._flush()
        each = self.size_on_disk / self._written if self._written else _GUESSED_BYTES
        self.size = self.size_on_disk + round(self._rows * each)
        self._taken += len(told)

    @property
    def size_on_disk(self) -> int:
        """Bytes that are written."""
        return self._target.file.tell()

    def _flush(self) -> None:
        """Write what waits, as one group of rows."""
        if not self._rows:
            return
        try:
            table = pa.concat_tables(
                [form.to_arrow(Updates.concat(parts)) for form, parts in _by_form(self._waiting)]
            ).unify_dictionaries()
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._sink, table.schema, **parquet_options(table.schema))
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        except pa.ArrowException as error:
            raise OSError(str(error)) from error
        self._written += self._rows
        self._waiting, self._rows = [], 0

    def finish(self) -> None:
        """Give it its name."""
        self._flush()
        try:
            if self._writer is not None:
                self._writer.close()
            self._sink.flush()
        except pa.ArrowException as error:
            raise OSError(str(error)) from error
        self.size = self.size_on_disk
        self._target.finish()

    def abandon(self) -> int:
        """Leave it: without its end, nobody can read it."""
        self._waiting, self._rows = [], 0
        if self._writer is not None:
            with contextlib.suppress(OSError, pa.ArrowException, ValueError):
                self._writer.close()  # else it would try when it is thrown away
        self._target.abandon()
        return self._taken


def _by_form(told: Iterable[Told]) -> list[tuple[SampleForm, list[Updates]]]:
    """Return batches, those of one form that follow each other together."""
    runs: list[tuple[SampleForm, list[Updates]]] = []
    for one in told:
        if not runs or runs[-1][0] is not one.form:
            runs.append((one.form, []))
        runs[-1][1].append(one.updates)
    return runs


class SampleRecorder(Recorder[Told]):
    """Writes samples, times in UTC, to ``<directory>/<prefix>-<UTC time>-<number>.parquet``."""

    def __init__(
        self,
        directory: Path,
        rotation: Rotation | None = None,
        *,
        prefix: str = "samples",
        queue_samples: int = 2_000_000,
    ) -> None:
        """Start to record; the first file is begun with the first sample.

        Args:
            directory: where to; made when it is not there.
            rotation: when a file is ended.
            prefix: what the files' names begin with.
            queue_samples: most samples that wait to be written.

        Raises:
            OutputError: nothing can be written there, or a bound or a name cannot be used.
        """
        bounds = Bounds(prefix, ".parquet", "samples", queue_samples, rotation or Rotation())
        super().__init__(directory, bounds, _ParquetFile)

    def _join(self, batches: Sequence[Told]) -> Sequence[Told]:
        return [Told(form, Updates.concat(parts)) for form, parts in _by_form(batches)]
