"""Samples as Arrow tables and as files: Parquet, Arrow, CSV, JSON lines; long or wide; written atomically.

Arrow arrays are made of numpy's memory, uncopied. ``pyarrow.array`` would do too, but it imports pandas
wherever that is installed, which takes longer than decoding most logs.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from commonwheel.errors import OutputError
from commonwheel.vehicles.samples import Quality, Samples
from commonwheel.wire.frames import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import numpy.typing as npt

    from commonwheel.vehicles.model import SignalInfo

__all__ = ["SUFFIXES", "LongNames", "SampleWriter", "parquet_options", "to_arrow", "to_wide"]

SUFFIXES = (".parquet", ".arrow", ".csv", ".jsonl")
MOST_WIDE_CELLS = 50_000_000
LONGEST_PERIOD_MS = 86_400_000.0


def _buffer(values: npt.NDArray[Any]) -> pa.Buffer:
    return pa.py_buffer(cast("Any", values))  # before Python 3.12 the types do not know what a buffer is


def numbers(values: npt.NDArray[Any], kind: pa.DataType, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array[Any]:
    """Return numbers as an Arrow array of the type *kind* over the same memory; null where *missing*."""
    valid = None
    if missing is not None and missing.any():
        valid = _buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [valid, _buffer(np.ascontiguousarray(values))])


def words(texts: Sequence[str]) -> pa.Array[Any]:
    """Return texts as an Arrow array."""
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(texts), [None, _buffer(offsets), pa.py_buffer(b"".join(encoded))])


def coded(
    codes: npt.NDArray[Any], dictionary: pa.Array[Any], missing: npt.NDArray[np.bool_] | None = None
) -> pa.DictionaryArray[Any, Any]:
    """Return codes into a dictionary of texts; null where *missing*."""
    kind = pa.int8() if codes.dtype == np.int8 else pa.int32()
    arrays = cast("Any", pa.DictionaryArray)  # whose stub leaves the types of its making open
    return arrays.from_arrays(numbers(codes, kind, missing), dictionary)


QUALITIES: pa.Array[Any] = words([quality.name for quality in Quality])


def _time_type(clock: Clock) -> pa.DataType:
    if clock is Clock.UTC:
        return pa.timestamp("ns", tz="UTC")
    return pa.duration("ns") if clock is Clock.RELATIVE else pa.int64()


def schema(clock: Clock) -> pa.Schema:
    """Return the schema of the long table."""
    word = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        [
            pa.field("time", _time_type(clock), nullable=False),
            pa.field("signal", word, nullable=False),
            pa.field("value", pa.float64()),
            pa.field("label", word),
            pa.field("unit", word, nullable=False),
            pa.field("quality", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        ]
    )


@dataclass(frozen=True)
class LongNames:
    """Dictionaries of the table's text columns, and where each signal points in them."""

    paths: pa.Array[Any]
    units: pa.Array[Any]
    unit_of: npt.NDArray[np.int32]
    labels: list[str]
    label_at: npt.NDArray[np.int32]
    """First label of each signal; -1: no labels."""
    has_labels: npt.NDArray[np.bool_]
    text: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, table: tuple[SignalInfo, ...]) -> LongNames:
        """Return those of a table of signals."""
        units = list(dict.fromkeys(signal.unit for signal in table))
        labels: list[str] = []
        starts = np.full(len(table), -1, np.int32)
        for i, signal in enumerate(table):
            if signal.labels:
                starts[i] = len(labels)
                labels.extend(signal.labels)
        return cls(
            words([signal.path for signal in table]),
            words(units),
            np.array([units.index(signal.unit) for signal in table], np.int32),
            labels,
            starts,
            starts >= 0,
            np.array([signal.how == "text" for signal in table], np.bool_),
        )


def to_arrow(samples: Samples, names: LongNames | None = None) -> pa.Table:
    """Return the long table of a batch; see ``Samples.to_arrow``."""
    names = names or LongNames.of(samples.table)
    signal, value = samples.signal, samples.value
    label, is_text = _labels(samples, names)
    missing = np.isnan(value) if is_text is None else np.isnan(value) | is_text
    wire = schema(samples.clock)
    columns: list[pa.Array[Any]] = [
        numbers(samples.t_ns, _time_type(samples.clock)),
        coded(signal, names.paths),
        numbers(value, pa.float64(), missing),
        label,
        coded(names.unit_of[signal] if len(signal) else signal, names.units),
        coded(samples.quality.view(np.int8), QUALITIES),
    ]
    return pa.Table.from_arrays(columns, schema=wire)


def _labels(samples: Samples, names: LongNames) -> tuple[pa.Array[Any], npt.NDArray[np.bool_] | None]:
    """Return the label column, and which values are no numbers (texts)."""
    n = len(samples)
    indices, missing = np.zeros(n, np.int32), np.ones(n, bool)
    labels, is_text = names.labels, None
    if n and names.has_labels.any():
        rows = np.flatnonzero(names.has_labels[samples.signal])
        value = samples.value[rows]
        rows, value = rows[value >= 0], value[value >= 0]
        indices[rows] = names.label_at[samples.signal[rows]] + value.astype(np.int32)
        missing[rows] = False
    if n and names.text.any():
        is_text = names.text[samples.signal]
        told = is_text & ~np.isnan(samples.value)  # a damaged piece tells no text
        indices[told] = len(labels) + samples.value[told].astype(np.int32)
        missing[told] = False
        labels = [*labels, *samples.texts]
    return coded(indices, words(labels), missing), is_text


def to_wide(samples: Samples, period_ms: float) -> pa.Table:
    """Return one column per signal on an even grid; see ``Samples.wide``.

    Raises:
        OutputError: the period is not positive, or so small that the table would be huge.
    """
    if not 0 < period_ms <= LONGEST_PERIOD_MS:
        message = f"the period of a wide table has to be positive, and a day at most, not {period_ms} ms"
        raise OutputError(message)
    found = np.unique(samples.signal)
    if not len(found):
        return pa.Table.from_arrays([numbers(samples.t_ns, _time_type(samples.clock))], names=["time"])
    first, last = int(samples.t_ns.min()), int(samples.t_ns.max())
    step = max(1, round(period_ms * 1e6)) if samples.clock is not Clock.ORDER else max(1, (last - first) // 1000)
    if ((last - first) // step + 1) * len(found) > MOST_WIDE_CELLS:
        size = f"{(last - first) // step + 1} rows and {len(found)} columns"
        message = f"a wide table of {size} is too large; choose a longer period, fewer signals, or the long form"
        raise OutputError(message)
    grid = np.arange(first, last + step, step, dtype=np.int64)
    order = np.lexsort((np.arange(len(samples)), samples.t_ns, samples.signal))
    t_ns, signal = samples.t_ns[order], samples.signal[order]
    good, value = samples.quality[order] == Quality.GOOD, samples.value[order]
    columns: dict[str, Any] = {"time": numbers(grid, _time_type(samples.clock))}
    edges = np.searchsorted(signal, [*found, found[-1] + 1])
    for k, number in enumerate(found):
        begin, end = edges[k], edges[k + 1]
        at = np.searchsorted(t_ns[begin:end], grid, side="right") - 1
        held = begin + np.clip(at, 0, None)
        missing = (at < 0) | ~good[held]
        info = samples.table[int(number)]
        if info.how == "text":
            index = np.where(missing, 0, np.nan_to_num(value[held])).astype(np.int32)
            columns[info.path] = coded(index, words(list(samples.texts)), missing)
        else:
            columns[info.path] = numbers(value[held], pa.float64(), missing)
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


@dataclass
class SampleWriter:
    """Writes batches of samples to one file; nothing is at *path* until ``close`` put a whole file there.

    The format follows the suffix (``.parquet``, ``.arrow``, ``.csv``, ``.jsonl``). As a context manager it throws
    the half-written file away when an error passes through.
    """

    path: Path
    clock: Clock = Clock.UTC
    rows: int = 0
    _names: LongNames | None = None
    _sink: Any = None
    _write: Callable[[pa.Table], None] | None = None
    _closers: list[Callable[[], None]] = field(default_factory=list["Callable[[], None]"])
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _pending: Future[None] | None = None
    """The batch that is being written while the next one is made."""

    def __post_init__(self) -> None:
        if self.path.suffix not in SUFFIXES:
            message = f"{self.path}: the suffix '{self.path.suffix}' is no format; use one of {', '.join(SUFFIXES)}"
            raise OutputError(message)
        if self.path.is_dir() or not self.path.parent.is_dir():
            what = "is a folder" if self.path.is_dir() else f"cannot be written: there is no folder {self.path.parent}"
            message = f"{self.path} {what}"
            raise OutputError(message)
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, samples: Samples) -> None:
        """Append a batch in the long form.

        Raises:
            OutputError: the disk is full, or the place cannot be written.
        """
        self._settle()
        if self._names is None:
            self._names = LongNames.of(samples.table)
        self._pending = self._pool.submit(self._put, to_arrow(samples, self._names))

    def write_table(self, table: pa.Table) -> None:
        """Append a table; all of one file have the same columns.

        Raises:
            OutputError: as ``write``.
        """
        self._settle()
        self._put(table)

    def _put(self, table: pa.Table) -> None:
        try:
            if self._write is None:
                self._open(table.schema)
            if self._write is not None:
                self._write(table)
        except (OSError, pa.ArrowException) as error:
            raise OutputError(self._failure(error)) from error
        self.rows += table.num_rows

    def _settle(self) -> None:
        """Wait for the batch that is being written; its error is raised here."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Finish the file and put it in its place, complete.

        Raises:
            OutputError: the disk is full, or the place cannot be written; nothing half-written is left.
        """
        try:
            self._settle()
            if self._write is None:
                self._open(schema(self.clock))
            for closer in self._closers:
                closer()
            self._closers.clear()
            with self._part.open("rb") as done:
                os.fsync(done.fileno())
            self._part.replace(self.path)
        except (OSError, pa.ArrowException) as error:
            self.discard()
            raise OutputError(self._failure(error)) from error
        except BaseException:  # an interruption too leaves nothing
            self.discard()
            raise
        self._pool.shutdown()

    def discard(self) -> None:
        """Throw away what was written."""
        self._pool.shutdown(cancel_futures=True)
        for closer in self._closers:
            try:
                closer()
            except (OSError, pa.ArrowException):
                continue  # it is thrown away in any case
        self._closers.clear()
        self._part.unlink(missing_ok=True)

    def _failure(self, error: Exception) -> str:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        return f"{self.path} cannot be written: {reason}; nothing was left there"

    def _open(self, wire: pa.Schema) -> None:
        if self.path.suffix == ".jsonl":
            plain = self._part.open("wb")
            self._closers.append(plain.close)
            self._write = lambda table: _write_json_lines(table, plain)
            return
        sink: Any = pa.OSFile(str(self._part), "wb")
        if self.path.suffix == ".parquet":
            import pyarrow.parquet as pq

            writer: Any = pq.ParquetWriter(sink, wire, **parquet_options(wire))
            self._write = writer.write_table
        elif self.path.suffix == ".arrow":
            plain_wire = _with_plain_labels(wire.empty_table()).schema
            writer = pa.ipc.new_file(sink, plain_wire, options=pa.ipc.IpcWriteOptions(unify_dictionaries=True))
            self._write = lambda table: writer.write_table(_with_plain_labels(table))
        else:
            import pyarrow.csv as pacsv

            writer = pacsv.CSVWriter(sink, _csv_schema(wire))
            self._write = lambda table: writer.write_table(_for_csv(table))
        self._closers += [writer.close, sink.close]


def parquet_options(wire: pa.Schema) -> dict[str, Any]:
    """Return what suits samples: dictionaries for words only, times as differences, statistics of times."""
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": [item.name for item in cast("list[pa.Field[Any]]", list(wire)) if _is_word(item.type)],
        "column_encoding": {"time": "DELTA_BINARY_PACKED"},
        "write_statistics": ["time"],
    }


def _with_plain_labels(table: pa.Table) -> pa.Table:
    """Return a table for an Arrow file, whose dictionaries cannot change: texts that turn up later would."""
    at = table.schema.get_field_index("label")
    if at < 0:
        return table
    labels: Any = table.column(at)
    return table.set_column(at, pa.field("label", pa.string()), labels.cast(pa.string()))


def _is_word(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind)


def _csv_schema(wire: pa.Schema) -> pa.Schema:
    """Return the schema of what ``_for_csv`` makes: CSV has no durations and no dictionaries."""
    return pa.schema([(item.name, _csv_type(item.type)) for item in cast("list[pa.Field[Any]]", list(wire))])


def _csv_type(kind: pa.DataType) -> pa.DataType:
    return pa.string() if _is_word(kind) else pa.float64() if pa.types.is_duration(kind) else kind


def _for_csv(table: pa.Table) -> pa.Table:
    """Return a table with plain words, and durations in seconds."""
    columns: list[Any] = []
    for column in cast("list[Any]", table.columns):
        if pa.types.is_duration(column.type):
            whole = column.combine_chunks()
            stamps = np.frombuffer(whole.buffers()[1], np.int64)[whole.offset : whole.offset + len(whole)]
            columns.append(numbers(stamps / 1e9, pa.float64()))
        else:
            columns.append(column.cast(pa.string()) if _is_word(column.type) else column)
    return pa.Table.from_arrays(columns, names=table.column_names)


def _write_json_lines(table: pa.Table, sink: Any) -> None:  # noqa: ANN401 - a binary file
    import msgspec

    encode = msgspec.json.Encoder().encode
    plain = _for_csv(table)
    time = plain.column_names.index("time")
    stamps: Any = plain.column(time)
    if pa.types.is_timestamp(stamps.type):
        import pyarrow.compute as pc

        text = cast("pa.Array[Any]", pc.strftime(stamps, format="%Y-%m-%dT%H:%M:%SZ"))
        plain = plain.set_column(time, "time", text)
    for batch in plain.to_batches(max_chunksize=65536):
        sink.write(b"".join(encode(row) + b"\n" for row in batch.to_pylist()))
