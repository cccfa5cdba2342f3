"""Updates as Arrow's record batches and back; numbers are not copied.

======== =================== ==================================================================================
column   type                holds
======== =================== ==================================================================================
time     timestamp[ns, UTC]  when the value held
signal   int32               the signal's number; the schema's metadata says what each number is
path     string              the signal's path; only where names were asked for
value    float64             value in the standard's unit; enumerations: the code; null: none that is a number
quality  uint8               0 GOOD, 1 STALE, 2 INVALID, 3 CORRUPT, 4 MISSING
text     string              a text, the name of an enumeration's code, or an array as JSON; null for all others
======== =================== ==================================================================================

The metadata ``commonwheel.signals`` is JSON: a list of ``number``, ``path``, ``unit``, ``datatype``, ``kind``,
``labels`` and ``description`` of each signal of the stream. (No column is dictionary-encoded: what Arrow's Python
server makes of a generator carries no dictionaries.)
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
import pyarrow as pa

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.updates import Updates
from commonwheel.vehicles.samples import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwheel.broker.signals import SignalTable

__all__ = ["Encoder", "decode", "encoder"]

TIME = pa.timestamp("ns", tz="UTC")

_arrow: Any = pa
"""Arrow, for calls that its type stubs do not know well."""


class Encoder:
    """Makes record batches for one choice of signals. Shared by the readers that made the same choice."""

    def __init__(self, table: SignalTable, signals: Sequence[int], *, names: bool = False) -> None:
        self._paths: Any = _arrow.array([signal.path for signal in table.signals], pa.string()) if names else None
        self._first_label = np.full(len(table), -1, np.int32)
        """Place of each enumeration's first label among all; -1 for signals without."""
        self._count = np.zeros(len(table), np.int32)
        labels: list[str] = []
        for number in signals:
            if table[number].labels:
                self._first_label[number], self._count[number] = len(labels), len(table[number].labels)
                labels.extend(table[number].labels)
        self._labels: Any = _arrow.array(labels, pa.string())
        fields = [
            pa.field("time", TIME, nullable=False),
            pa.field("signal", pa.int32(), nullable=False),
            pa.field("value", pa.float64()),
            pa.field("quality", pa.uint8(), nullable=False),
            pa.field("text", pa.string()),
        ]
        if names:
            fields.insert(2, pa.field("path", pa.string(), nullable=False))
        self.schema = pa.schema(fields, metadata={b"commonwheel.signals": _describe(table, signals)})

    def encode(self, updates: Updates) -> pa.RecordBatch:
        """Return a batch of the signals of this choice; kept with the updates for the next reader."""
        kept = updates.encoded.get(self)
        if kept is None:
            kept = updates.encoded[self] = self._encode(updates)
        return cast("pa.RecordBatch", kept)

    def _encode(self, updates: Updates) -> pa.RecordBatch:
        n = len(updates)
        t_ns: Any = np.ascontiguousarray(updates.t_ns)
        columns: list[Any] = [
            pa.Array.from_buffers(TIME, n, [None, pa.py_buffer(t_ns)]),
            _arrow.array(np.ascontiguousarray(updates.signal)),
            _nullable(updates.value),
            _arrow.array(np.ascontiguousarray(updates.quality)),
            self._texts(updates),
        ]
        if self._paths is not None:
            columns.insert(2, self._paths.take(columns[1]))
        return _arrow.RecordBatch.from_arrays(columns, schema=self.schema)

    def _texts(self, updates: Updates) -> Any:  # noqa: ANN401 - arrays of Arrow are not typed
        first = self._first_label[updates.signal] if len(self._labels) else None
        if updates.objects is not None:
            return self._mixed(updates)
        if first is None or not (first >= 0).any():
            return pa.nulls(len(updates), pa.string())
        value = updates.value
        with np.errstate(invalid="ignore"):
            known = (first >= 0) & (value >= 0) & (value < self._count[updates.signal])
        place = np.where(known, first + np.where(known, value, 0).astype(np.int32), 0)
        return self._labels.take(_arrow.array(place, pa.int32(), mask=~known))

    def _mixed(self, updates: Updates) -> Any:  # noqa: ANN401
        """Return texts, arrays and names of codes, row by row: such batches are small."""
        objects: list[object] = [] if updates.objects is None else updates.objects.tolist()
        rows = zip(updates.signal.tolist(), updates.value.tolist(), objects, strict=True)
        return _arrow.array([self._text(*row) for row in rows], pa.string())

    def _text(self, signal: int, value: float, item: object) -> str | None:
        if isinstance(item, str):
            return item
        if isinstance(item, list):
            return msgspec.json.encode(item).decode()
        if 0 <= value < self._count[signal]:
            return str(self._labels[int(self._first_label[signal]) + int(value)])
        return None


@functools.lru_cache(maxsize=256)
def encoder(table: SignalTable, signals: tuple[int, ...], *, names: bool = False) -> Encoder:
    """Return the encoder of a choice of signals; readers that make the same choice share it."""
    return Encoder(table, signals, names=names)


def _describe(table: SignalTable, signals: Sequence[int]) -> bytes:
    """Return what the standard says of the signals, as JSON."""
    return msgspec.json.encode(
        [
            {
                "number": number,
                "path": leaf.path,
                "unit": leaf.unit,
                "datatype": leaf.datatype,
                "kind": leaf.kind.value,
                "labels": table[number].labels,
                "description": leaf.description,
            }
            for number in signals
            for leaf in (table[number].leaf,)
        ]
    )


def _nullable(values: npt.NDArray[np.float64]) -> Any:  # noqa: ANN401
    missing = np.isnan(values)
    return _arrow.array(np.ascontiguousarray(values), mask=missing if missing.any() else None)


# ---- the way in -----------------------------------------------------------------------------------------------------


def decode(table: SignalTable, batch: pa.RecordBatch) -> Updates:
    """Return a batch of a provider's as updates: not checked yet against datatypes and ranges.

    Needed are ``signal`` (paths, plain or dictionary-encoded, or int32 numbers) and ``value`` or ``text``. Without
    ``time`` it is now (0 inside); without ``quality`` what has a value is GOOD, and what has none INVALID.

    Raises:
        BrokerError: INVALID or UNKNOWN_SIGNAL or WRONG_TYPE; says which column, and what it should be.
    """
    names = batch.schema.names
    if "signal" not in names or not {"value", "text"} & set(names):
        message = f"a batch needs the columns 'signal' and 'value' or 'text'; it has {', '.join(names) or 'none'}"
        raise BrokerError(Reason.INVALID, message)
    n = batch.num_rows
    try:
        signal = _numbers(table, batch.column("signal"))
        t_ns = _times(batch.column("time")) if "time" in names else np.zeros(n, np.int64)
        value = _numeric(batch.column("value")) if "value" in names else np.full(n, np.nan)
        quality = _qualities(batch.column("quality")) if "quality" in names else None
        texts: list[str | None] = batch.column("text").cast(pa.string()).to_pylist() if "text" in names else []
    except pa.ArrowException as error:
        message = f"a column cannot be read: {error}"
        raise BrokerError(Reason.INVALID, message) from error
    objects = _objects(table, signal, value, texts)
    if quality is None:
        empty = np.isnan(value) if objects is None else np.isnan(value) & (objects == None)  # noqa: E711 - elementwise
        quality = np.where(empty, np.uint8(Quality.INVALID), np.uint8(Quality.GOOD))
    return Updates(signal, t_ns, value, quality, objects)


def _numbers(table: SignalTable, column: Any) -> npt.NDArray[np.int32]:  # noqa: ANN401
    if column.null_count:
        raise BrokerError(Reason.INVALID, "the column 'signal' has nulls")
    if pa.types.is_integer(column.type):
        return np.ascontiguousarray(column.cast(pa.int32()).to_numpy(zero_copy_only=False))
    coded: Any = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    words = cast("list[str]", coded.dictionary.cast(pa.string()).to_pylist())
    used = np.unique(coded.indices.to_numpy(zero_copy_only=False))
    numbers = np.full(max(len(words), 1), -1, np.int32)
    for place in cast("list[int]", used.tolist()):
        numbers[place] = table.number(words[place])
    return numbers[coded.indices.to_numpy(zero_copy_only=False)]


def _times(column: Any) -> npt.NDArray[np.int64]:  # noqa: ANN401
    if column.null_count:
        raise BrokerError(Reason.INVALID, "the column 'time' has nulls")
    stamps = column
    if not pa.types.is_integer(column.type):
        stamps = column.cast(pa.timestamp("ns", tz=getattr(column.type, "tz", None)))
    return np.ascontiguousarray(stamps.cast(pa.int64()).to_numpy(zero_copy_only=False))


def _numeric(column: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.ascontiguousarray(values, np.float64)  # nulls are NaN


def _qualities(column: Any) -> npt.NDArray[np.uint8]:  # noqa: ANN401
    if column.null_count:
        raise BrokerError(Reason.INVALID, "the column 'quality' has nulls")
    if pa.types.is_integer(column.type):
        return np.ascontiguousarray(column.cast(pa.uint8()).to_numpy(zero_copy_only=False))
    words: list[str] = column.cast(pa.string()).to_pylist()
    try:
        return np.array([Quality[word] for word in words], np.uint8)
    except KeyError as error:
        message = f"there is no quality {error}; they are {', '.join(quality.name for quality in Quality)}"
        raise BrokerError(Reason.INVALID, message) from error


def _objects(
    table: SignalTable, signal: npt.NDArray[np.int32], value: npt.NDArray[np.float64], texts: list[str | None]
) -> npt.NDArray[np.object_] | None:
    """Return what the texts say, as objects; those of enumerations become codes in *value*."""
    objects: npt.NDArray[np.object_] | None = None
    for row, text in enumerate(texts):
        if text is None or not 0 <= signal[row] < len(table):
            continue
        known = table[int(signal[row])]
        if known.labels:
            if text not in known.codes:
                message = f"{known.path} cannot be {text!r:.40}; it can be {', '.join(known.labels)}"
                raise BrokerError(Reason.NOT_ALLOWED, message, signal=known.number)
            value[row] = known.codes[text]
            continue
        if objects is None:
            objects = np.full(len(texts), None, object)
        objects[row] = _array(text, known.path) if known.leaf.is_array else text
    return objects


def _array(text: str, path: str) -> list[object]:
    try:
        return msgspec.json.decode(text, type=list[object])
    except msgspec.DecodeError as error:
        message = f"{path}: an array is given as JSON ([1, 2]): {error}"
        raise BrokerError(Reason.WRONG_TYPE, message) from error
