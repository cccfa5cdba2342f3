"""MDF4 bus logging, as python-can and asammdf write it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import can
import numpy as np
import pytest

from commonwheel.errors import LogError
from commonwheel.wire.frames import EXTENDED_FLAG, REMOTE_FLAG, Clock
from commonwheel.wire.logs import LineKind, LogFormat, open_log, read_log
from tests.wire.logs.samples import rows

asammdf = pytest.importorskip("asammdf")
pytestmark = pytest.mark.oracle

_STARTED = datetime(2025, 5, 22, 21, 27, 45, 530000, tzinfo=UTC)
_FIELDS = [("ID", "<u4"), ("IDE", "<u1"), ("DLC", "<u1"), ("DataLength", "<u1"), ("BusChannel", "<u1")]


def _message_log(path: Path, messages: Sequence[can.Message]) -> Path:
    from can.io.mf4 import MF4Writer

    writer = MF4Writer(path)
    for message in messages:
        message.timestamp += writer._start_time
        writer.on_message_received(message)
    writer.stop()
    return path


def _group(t: Sequence[float], ids: Sequence[int], payloads: Sequence[bytes], bus: int = 1) -> object:
    """Return one group of data frames, as a logger lays it out."""
    fields = [(f"CAN_DataFrame.{name}", kind) for name, kind in _FIELDS]
    samples = np.zeros(len(t), [*fields, ("CAN_DataFrame.DataBytes", "(8,)u1")])
    for i, (can_id, payload) in enumerate(zip(ids, payloads, strict=True)):
        samples[i] = (can_id & 0x1FFFFFFF, can_id >> 31, len(payload), len(payload), bus, list(payload.ljust(8, b"\0")))
    source = asammdf.Source("CAN", "CAN", "", asammdf.Source.SOURCE_BUS, asammdf.Source.BUS_TYPE_CAN)
    return asammdf.Signal(samples, np.array(t, np.float64), name="CAN_DataFrame", source=source)


def _grouped_log(path: Path, groups: Sequence[object], start: datetime = _STARTED) -> Path:
    with asammdf.MDF(version="4.10") as mdf:
        mdf.header.start_time = start
        for group in groups:
            mdf.append(group, common_timebase=True)
        for group in mdf.groups:
            group.channel_group.flags |= asammdf.blocks.v4_constants.FLAG_CG_BUS_EVENT
        mdf.save(path, overwrite=True)
    return path


def test_messages_that_python_can_wrote(tmp_path: Path) -> None:
    path = _message_log(
        tmp_path / "log.mf4",
        [
            can.Message(timestamp=0.001, arbitration_id=0x123, is_extended_id=False, data=b"\x01\x02", channel=1),
            can.Message(timestamp=0.002, arbitration_id=0x18FF0001, data=bytes(range(8)), channel=2),
            can.Message(timestamp=0.003, arbitration_id=0x7FF, is_extended_id=False, is_remote_frame=True, dlc=4),
            can.Message(timestamp=0.004, is_error_frame=True, channel=1),
            can.Message(timestamp=0.005, arbitration_id=0x1, is_fd=True, data=bytes(range(48)), channel=1),
        ],
    )
    frames, report = read_log(path)
    assert report.format is LogFormat.MDF4
    assert report.version == "4.10"
    assert [(bus, can_id, payload) for _, bus, can_id, payload in rows(frames)] == [
        (1, 0x123, b"\x01\x02"),
        (2, 0x18FF0001 | EXTENDED_FLAG, bytes(range(8))),
        (0, 0x7FF | REMOTE_FLAG, bytes(4)),
        (1, 0x1 | EXTENDED_FLAG, bytes(range(48))),
    ]
    assert np.abs(np.diff(frames.t_ns) - [1e6, 1e6, 2e6]).max() < 1000
    assert report.problems[LineKind.BUS_ERROR].count == 1
    assert report.frames + report.reported == report.lines == 5
    assert report.bytes_read == report.bytes_total


def test_groups_are_merged_by_time_whatever_the_batch(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    groups: list[object] = []
    for bus in range(1, 4):
        t = np.cumsum(rng.integers(0, 1000, 200)) / 1e6
        groups.append(
            _group(t.tolist(), rng.integers(0, 0x7FF, 200).tolist(), [bytes([bus, i]) for i in range(200)], bus)
        )
    path = _grouped_log(tmp_path / "log.mf4", groups)
    frames, report = read_log(path)
    assert len(frames) == 600
    assert report.clock is Clock.UTC
    assert report.backward_steps.count == 0
    assert abs(int(frames.t_ns[0]) - int(_STARTED.timestamp() * 1e9)) < 10**6
    for bus in range(1, 4):
        assert frames.data[frames.bus == bus, 1].tolist() == list(range(200))
    for chunk_bytes in (64, 640, 6400):
        with open_log(path, chunk_bytes=chunk_bytes) as reader:
            assert [row for part in reader for row in rows(part)] == rows(frames)


def test_a_group_with_a_clock_that_jumps_back_keeps_its_order(tmp_path: Path) -> None:
    path = _grouped_log(tmp_path / "log.mf4", [_group([0.1, 0.3, 0.2, 0.4], [1, 2, 3, 4], [b""] * 4)])
    frames, report = read_log(path)
    assert frames.id.tolist() == [1, 2, 3, 4]
    assert (report.backward_steps.count, report.backward_steps.first_lines) == (1, [3])


def test_extended_ids_and_lengths_beyond_the_payload(tmp_path: Path) -> None:
    group = _group([0.1, 0.2], [0x18DAF110 | EXTENDED_FLAG, 0x100], [b"\x01", b"\x02"])
    group.samples["CAN_DataFrame.DataLength"][1] = 200  # type: ignore[attr-defined]
    frames, report = read_log(_grouped_log(tmp_path / "log.mf4", [group]))
    assert frames.id.tolist() == [0x18DAF110 | EXTENDED_FLAG]
    assert report.problems[LineKind.MISMATCH].first_lines == [2]


def test_stamps_that_are_no_times(tmp_path: Path) -> None:
    group = _group([0.1, 1e30, 0.3], [1, 2, 3], [b""] * 3)
    frames, report = read_log(_grouped_log(tmp_path / "log.mf4", [group]))
    assert frames.id.tolist() == [1, 3]
    assert report.problems[LineKind.BAD_TIME].first_lines == [2]


def test_a_file_of_signals_is_no_bus_log(tmp_path: Path) -> None:
    with asammdf.MDF(version="4.10") as mdf:
        mdf.append(asammdf.Signal(np.arange(3.0), np.arange(3.0), name="speed"))
        mdf.save(tmp_path / "log.mf4")
    with pytest.raises(LogError, match="holds no CAN bus logging"):
        open_log(tmp_path / "log.mf4")


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"MDF     4.10    ", "check how it was copied"),
        (b"UnFinMF 4.10    ", "check how it was copied"),
        (b"MDF     3.30    ", r"version 3\.30 holds no raw CAN frames"),
    ],
)
def test_a_damaged_or_older_file_is_refused(tmp_path: Path, start: bytes, message: str) -> None:
    path = tmp_path / "log.mf4"
    path.write_bytes(start + bytes(range(256)) * 4)
    with pytest.raises(LogError, match=message):
        open_log(path)


def test_damage_behind_the_header_keeps_what_was_good_or_is_refused(tmp_path: Path) -> None:
    groups = [_group([i / 1000 for i in range(300)], [1] * 300, [bytes(8)] * 300, bus) for bus in (1, 2)]
    content = _grouped_log(tmp_path / "log.mf4", groups).read_bytes()
    rng = np.random.default_rng(4)
    read = 0
    for i in range(40):
        broken = bytearray(content)
        at = int(rng.integers(168, len(broken)))
        broken[at : at + 8] = rng.bytes(8)
        path = tmp_path / f"broken{i}.mf4"
        path.write_bytes(broken[:at] if i % 4 == 0 else broken)
        with contextlib.suppress(LogError):
            _, report = read_log(path)
            assert report.frames + report.reported == report.lines
            read += report.frames
    assert read > 0
