"""Formats without lines: BLF, MDF4 and numpy columns. Other tools write what is read here."""

from __future__ import annotations

import gzip
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import can
import numpy as np
import pytest
from can.io.blf import BLFWriter

from commonwheel.errors import LogError, MissingExtraError
from commonwheel.wire.frames import EXTENDED_FLAG, REMOTE_FLAG, Clock
from commonwheel.wire.logs import LineKind, LogFormat, LogReport, open_log, read_log
from tests.wire.logs.samples import rows

_START = 1747949265.53

_MESSAGES = [
    can.Message(timestamp=_START, arbitration_id=0x123, is_extended_id=False, data=b"\x01\x02", channel=0),
    can.Message(timestamp=_START + 0.001, arbitration_id=0x18FF0001, data=bytes(8), channel=1),
    can.Message(timestamp=_START + 0.002, is_error_frame=True, channel=1),
    can.Message(timestamp=_START + 0.003, arbitration_id=0x7FF, is_extended_id=False, is_remote_frame=True, dlc=4),
    can.Message(timestamp=_START + 0.004, arbitration_id=0x1, is_extended_id=False, is_fd=True, data=bytes(range(48))),
    can.Message(timestamp=_START + 0.0035, arbitration_id=0x2, is_extended_id=False, data=b""),
]
_EXPECTED = [
    (0x123, b"\x01\x02"),
    (0x18FF0001 | EXTENDED_FLAG, bytes(8)),
    (0x7FF | REMOTE_FLAG, bytes(4)),
    (0x1, bytes(range(48))),
    (0x2, b""),
]


def _blf(path: Path, messages: Sequence[can.Message] = _MESSAGES) -> Path:
    with BLFWriter(path) as writer:
        for message in messages:
            writer.on_message_received(message)
    return path


def _balanced(report: LogReport) -> None:
    assert report.frames + report.reported == report.lines


def test_blf(tmp_path: Path) -> None:
    frames, report = read_log(_blf(tmp_path / "log"))
    assert report.format is LogFormat.VECTOR_BLF
    assert report.clock is Clock.RELATIVE
    assert report.start == "2025-05-22 21:27:45.530"
    assert [(can_id, payload) for _, _, can_id, payload in rows(frames)] == _EXPECTED
    assert frames.bus.tolist() == [1, 2, 1, 1, 1]
    expected = np.array([0, 1_000_000, 3_000_000, 4_000_000, 3_500_000])
    assert np.abs(frames.t_ns - expected).max() < 1000  # what is left of a time since 1970 in floating point
    assert report.problems[LineKind.BUS_ERROR].first_lines == [3]
    assert (report.backward_steps.count, report.backward_steps.first_lines) == (1, [6])
    assert report.damage is None
    _balanced(report)


def test_blf_times_are_exact_to_the_nanosecond(tmp_path: Path) -> None:
    ticks = np.cumsum(np.random.default_rng(1).integers(1, 10**9, 500))
    messages = [
        can.Message(timestamp=float(t) / 1e9, arbitration_id=1, is_extended_id=False, data=b"") for t in ticks.tolist()
    ]
    frames, _ = read_log(_blf(tmp_path / "log", messages))
    assert np.abs(frames.t_ns - (ticks - ticks[0])).max() <= 1  # the writer's own rounding


def test_blf_in_small_batches_gives_the_same_frames(tmp_path: Path) -> None:
    path = _blf(tmp_path / "log")
    whole, _ = read_log(path)
    with open_log(path, chunk_bytes=1) as reader:
        parts = list(reader)
    assert [row for part in parts for row in rows(part)] == rows(whole)
    assert [part.width for part in parts] == [8, 8, 8, 64, 8]
    _balanced(reader.report)


def test_blf_that_is_packed_is_read(tmp_path: Path) -> None:
    path = _blf(tmp_path / "log")
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    frames, report = read_log(packed)
    assert (len(frames), report.compression) == (5, "gzip")


def test_blf_that_is_damaged_keeps_what_was_good(tmp_path: Path) -> None:
    messages = [can.Message(timestamp=_START + i / 1000, arbitration_id=i % 2000, data=bytes(8)) for i in range(20_000)]
    content = _blf(tmp_path / "log", messages).read_bytes()
    rng = np.random.default_rng(2)
    good = 0
    for i in range(30):
        broken = bytearray(content)
        at = int(rng.integers(144, len(broken)))
        broken[at : at + 4] = rng.bytes(4)
        if i % 3 == 0:
            broken = broken[:at]
        path = tmp_path / f"broken{i}"
        path.write_bytes(broken)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frames, report = read_log(path)
        good += len(frames)
        _balanced(report)
    assert good > 30 * 1000


def test_blf_without_a_whole_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"LOGG")
    with pytest.raises(LogError, match="header of the BLF file is damaged"):
        open_log(path)


def test_blf_that_holds_nothing_sensible_behind_its_header(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"LOGG" + bytes(400))
    frames, report = read_log(path)
    assert len(frames) == report.lines == 0
    assert report.notes == ["there is no frame in the log"]


def _columns(n: int = 5) -> dict[str, np.ndarray]:
    return {
        "t": 40.5 + 0.01 * np.arange(n),
        "address": np.array([0x1A4, 0x7FF, 0x18DAF110, 0x2, 0x3])[:n],
        "data": np.array([b"\x00\x01", b"\x02" * 8, b"", b"\xff\x00\x00", b"\x01"][:n], "S8"),
        "src": np.array([0, 1, 128, 0, 0])[:n],
    }


def _savez(path: Path, **columns: Any) -> None:  # noqa: ANN401 - savez has options of other types
    np.savez(path, **columns)


@pytest.mark.parametrize("suffix", ["", ".npy"])
def test_a_folder_of_numpy_columns(tmp_path: Path, suffix: str) -> None:
    for name, array in _columns().items():
        with (tmp_path / f"{name}{suffix}").open("wb") as file:
            np.save(file, array)
    frames, report = read_log(tmp_path)
    assert report.format is LogFormat.COLUMNS
    assert report.clock is Clock.RELATIVE
    assert report.first_stamp == "40.5"
    assert "do not state lengths" in report.notes[0]
    assert rows(frames) == [
        (0, 0, 0x1A4, b"\x00\x01" + bytes(6)),
        (10_000_000, 1, 0x7FF, b"\x02" * 8),
        (20_000_000, 128, 0x18DAF110 | EXTENDED_FLAG, bytes(8)),
        (30_000_000, 0, 0x2, b"\xff" + bytes(7)),
        (40_000_000, 0, 0x3, b"\x01" + bytes(7)),
    ]
    with open_log(tmp_path, chunk_bytes=130) as reader:
        assert [row for part in reader for row in rows(part)] == rows(frames)
    assert reader.report.bytes_read == reader.report.bytes_total


def test_numpy_columns_in_one_file(tmp_path: Path) -> None:
    columns = _columns()
    columns["data"] = np.arange(40, dtype=np.uint8).reshape(5, 8)
    _savez(tmp_path / "log.npz", **columns)
    frames, _ = read_log(tmp_path / "log.npz")
    assert rows(frames)[1] == (10_000_000, 1, 0x7FF, bytes(range(8, 16)))


def test_numpy_columns_with_can_fd(tmp_path: Path) -> None:
    columns = _columns()
    columns["data"] = np.arange(60, dtype=np.uint8).reshape(5, 12)
    _savez(tmp_path / "log.npz", **columns)
    frames, _ = read_log(tmp_path / "log.npz")
    assert (frames.width, frames.size.tolist()) == (64, [12] * 5)


def test_rows_of_numpy_columns_that_are_no_frame_are_accounted_for(tmp_path: Path) -> None:
    columns = _columns()
    columns["t"][0] = np.nan
    columns["address"] = np.array([1, 2**33, -5, 4])
    columns["src"] = np.array([0, 0, 0, 900, 0])
    _savez(tmp_path / "log.npz", **columns)
    frames, report = read_log(tmp_path / "log.npz")
    assert len(frames) == 0
    assert {kind: problem.first_lines for kind, problem in report.problems.items()} == {
        LineKind.BAD_TIME: [1],
        LineKind.BAD_ID: [2, 3],
        LineKind.BAD_BUS: [4],
        LineKind.TRUNCATED: [5],
    }
    _balanced(report)


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("t", np.zeros((5, 2)), "'t' has to be one column of numbers"),
        ("address", np.array(["1"] * 5), "'address' has to be one column of numbers"),
        ("data", np.zeros((5, 8)), "'data' has to be S8 or bytes of shape"),
        ("data", np.zeros((5, 80), np.uint8), "'data' has to be S8 or bytes of shape"),
    ],
)
def test_numpy_columns_of_a_wrong_kind(tmp_path: Path, key: str, array: np.ndarray, message: str) -> None:
    _savez(tmp_path / "log.npz", **{**_columns(), key: array})
    with pytest.raises(LogError, match=message):
        open_log(tmp_path / "log.npz")


def test_numpy_columns_that_cannot_be_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", t=np.zeros(3))
    with pytest.raises(LogError, match="there is no address, data, src"):
        open_log(tmp_path / "few.npz")
    (tmp_path / "zip").write_bytes(b"PK\x03\x04" + bytes(50))
    with pytest.raises(LogError, match="unpack it and name the log inside"):
        open_log(tmp_path / "zip")
    _savez(tmp_path / "objects.npz", **{**_columns(), "data": np.array([b"\1", b"\2\3"], object)})
    with pytest.raises(LogError, match="'data' cannot be read"):
        open_log(tmp_path / "objects.npz")
    for name in ("t", "address", "data", "src"):
        (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(LogError, match="'t' cannot be read"):
        open_log(tmp_path)


def test_mdf4_without_asammdf_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_bytes(b"MDF     4.10    " + bytes(200))
    monkeypatch.setitem(sys.modules, "asammdf", None)
    with pytest.raises(MissingExtraError, match=r"commonwheel\[mf4\]"):
        open_log(tmp_path / "log")
