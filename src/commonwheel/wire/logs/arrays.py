"""Frames as numpy columns: a folder or an ``.npz`` with ``t``, ``address``, ``data`` and ``src``.

So are the raw CAN messages of comma2k19 kept: seconds since the device started, payloads as ``S8``.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwheel.errors import LogError
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs.records import Rows, flag_ids, mark, to_ns
from commonwheel.wire.logs.report import LineKind, LogReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["ArrayDecoder"]

_KEYS = ("t", "address", "data", "src")
_CLASSIC, _FD = 8, 64
_BUS_MAX, _STANDARD_MAX = 255, 0x7FF


class ArrayDecoder:
    """Reads four arrays of one length."""

    def __init__(self, path: Path, report: LogReport, batch: int) -> None:
        """Open the arrays; those of a folder stay on disk until their rows are read.

        Raises:
            LogError: an array is missing, cannot be read, or is of the wrong kind.
        """
        self._report = report
        self._batch = batch
        found = _open_folder(path) if path.is_dir() else _open_zip(path)
        self._t, self._address, self._data, self._src = (found[key] for key in _KEYS)
        for key in ("t", "address", "src"):
            if found[key].ndim != 1 or found[key].dtype.kind not in "iuf":
                _refuse(path, f"'{key}' has to be one column of numbers, not {found[key].dtype} {found[key].shape}")
        self._bytes = _as_bytes(path, self._data)
        report.bytes_total = sum(array.nbytes for array in found.values())
        report.note("the arrays do not state lengths; each payload is taken to fill its row")

    def batches(self) -> Iterator[Frames]:
        """Yield the log's frames, batch by batch."""
        lengths = [len(array) for array in (self._t, self._address, self._bytes, self._src)]
        rows = Rows(self._report, "s")
        whole = min(lengths)
        for i in range(0, whole, self._batch):
            stop = min(i + self._batch, whole)
            frames = self._take(rows, slice(i, stop))
            self._report.bytes_read = self._report.bytes_total * stop // whole
            if len(frames):
                yield frames
        if missing := max(lengths) - whole:
            first = self._report.lines + 1
            self._report.count(LineKind.TRUNCATED, missing, range(first, first + missing)[:5])
            self._report.lines += missing
        self._report.bytes_read = self._report.bytes_total
        rows.end()

    def _take(self, rows: Rows, part: slice) -> Frames:
        stamps = np.asarray(self._t[part], np.float64)
        numbers = np.asarray(self._address[part], np.float64), np.asarray(self._src[part], np.float64)
        kinds = np.zeros(len(stamps), np.uint8)
        t_ns = to_ns(stamps, kinds)
        mark(kinds, ~((numbers[0] >= 0) & (numbers[0] < 2**32)), LineKind.BAD_ID)
        mark(kinds, ~((numbers[1] >= 0) & (numbers[1] <= _BUS_MAX)), LineKind.BAD_BUS)
        ids, bus = (np.where(kinds == 0, column, 0) for column in numbers)
        address = ids.astype(np.int64)
        payload = np.ascontiguousarray(self._bytes[part])
        data = np.zeros((len(stamps), _CLASSIC if payload.shape[1] <= _CLASSIC else _FD), np.uint8)
        data[:, : payload.shape[1]] = payload
        frames = Frames(
            t_ns,
            bus.astype(np.uint8),
            flag_ids(address, address > _STANDARD_MAX, kinds),
            np.full(len(stamps), payload.shape[1], np.uint8),
            data,
        )
        return rows.take(frames, kinds, stamps)


def _open_folder(path: Path) -> dict[str, npt.NDArray[Any]]:
    files = {key: next((p for p in (path / key, path / f"{key}.npy") if p.is_file()), None) for key in _KEYS}
    if missing := [key for key, file in files.items() if file is None]:
        message = (
            f"{path}: a folder is a log only when it holds the numpy files {', '.join(_KEYS)}; "
            f"there is no {', '.join(missing)}. Name the log file itself"
        )
        raise LogError(message)
    return {key: _load(path, key, lambda file=file: np.load(str(file), mmap_mode="r")) for key, file in files.items()}


def _open_zip(path: Path) -> dict[str, npt.NDArray[Any]]:
    with path.open("rb") as file:
        try:
            archive = np.load(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            message = f"{path}: the zip archive cannot be read ({error}); unpack it and name the log inside"
            raise LogError(message) from error
        if missing := set(_KEYS) - set(archive.files):
            message = (
                f"{path}: a zip archive is a log only when it holds the arrays {', '.join(_KEYS)}; "
                f"there is no {', '.join(sorted(missing))}. Unpack it and name the log inside"
            )
            raise LogError(message)
        return {key: _load(path, key, lambda key=key: archive[key]) for key in _KEYS}


def _load(path: Path, key: str, load: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    try:
        return load()
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        message = f"{path}: the array '{key}' cannot be read: {error}"
        raise LogError(message) from error


def _as_bytes(path: Path, data: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return payloads as bytes, shape (n, width), without reading them."""
    if data.dtype.kind == "S" and data.ndim == 1 and 0 < data.dtype.itemsize <= _FD:
        return data.view((np.uint8, (data.dtype.itemsize,)))
    if data.dtype == np.uint8 and data.ndim == 2 and 0 < data.shape[1] <= _FD:  # noqa: PLR2004 - rows and bytes
        return data
    return _refuse(path, f"'data' has to be S8 or bytes of shape (n, 8), not {data.dtype} {data.shape}")


def _refuse(path: Path, what: str) -> Any:  # noqa: ANN401 - it does not return
    message = f"{path}: {what}"
    raise LogError(message)
