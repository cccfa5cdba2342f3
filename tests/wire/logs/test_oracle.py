"""The same log, read by python-can: the same frames."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path

import can
import numpy as np
import pytest
from can.io.asc import ASCReader, ASCWriter
from can.io.blf import BLFReader, BLFWriter
from can.io.canutils import CanutilsLogReader, CanutilsLogWriter
from can.io.generic import MessageWriter
from can.io.trc import TRCReader, TRCWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.wire.frames import EXTENDED_FLAG, REMOTE_FLAG, Frames
from commonwheel.wire.logs import read_log
from tests.wire.logs import samples
from tests.wire.logs.samples import read_bytes

pytestmark = pytest.mark.oracle

_START = 1747949265.0
_FD_LENGTHS = [*range(9), 12, 16, 20, 24, 32, 48, 64]


def _of_python_can(messages: Iterable[can.Message]) -> list[tuple[float, int, bytes | int]]:
    """Return time, flagged id and payload (of a remote frame the length) of each frame."""
    table: list[tuple[float, int, bytes | int]] = []
    for m in messages:
        if not m.is_error_frame:
            can_id = m.arbitration_id | (EXTENDED_FLAG if m.is_extended_id else 0)
            table.append(
                (
                    m.timestamp,
                    can_id | (REMOTE_FLAG if m.is_remote_frame else 0),
                    m.dlc if m.is_remote_frame else bytes(m.data),
                )
            )
    return table


def _agree(frames: Frames, messages: Iterable[can.Message], *, dlc: bool = True) -> None:
    expected = _of_python_can(messages)
    assert len(frames) == len(expected)
    remote = (frames.id & REMOTE_FLAG) != 0
    for i, (_, can_id, payload) in enumerate(expected):
        assert int(frames.id[i]) == can_id
        if not remote[i]:
            assert bytes(frames.data[i, : frames.size[i]]) == payload
        elif dlc:
            assert int(frames.size[i]) == payload
    times = np.array([t for t, _, _ in expected])
    if len(expected):
        ours, theirs = (frames.t_ns - frames.t_ns[0]) / 1e9, times - times[0]
        assert np.abs(ours - theirs).max() < 2e-6


def test_candump() -> None:
    content = b"\n".join(line for line in samples.CANDUMP.splitlines() if b"20000004" not in line)
    frames, _ = read_bytes(content)
    _agree(frames, CanutilsLogReader(io.StringIO(content.decode())))


@pytest.mark.parametrize("content", [samples.TRC_1_1, samples.TRC_1_3, samples.TRC_2_0, samples.TRC_2_1])
def test_trc(content: bytes) -> None:
    frames, _ = read_bytes(content)
    _agree(frames, TRCReader(io.StringIO(content.decode().replace("\r\n", "\n"))))


def test_asc() -> None:
    # python-can reads neither ids by name nor that TxRq is no frame.
    lines = (line for line in samples.ASC.splitlines() if b"EngineData" not in line and b"TxRq" not in line)
    content = b"\n".join(lines)
    frames, _ = read_bytes(content)
    _agree(frames, ASCReader(io.StringIO(content.decode())), dlc=False)


@st.composite
def _messages(draw: st.DrawFn, *, classic_data_only: bool) -> list[can.Message]:
    t = _START
    messages: list[can.Message] = []
    for _ in range(draw(st.integers(1, 25))):
        t += draw(st.integers(0, 10**6)) / 1e6
        extended = draw(st.booleans())
        can_id = draw(st.integers(0, 0x1FFFFFFF if extended else 0x7FF))
        length = draw(st.sampled_from(_FD_LENGTHS[:9] if classic_data_only else _FD_LENGTHS))
        payload = draw(st.binary(min_size=length, max_size=length))
        is_remote = not classic_data_only and length <= 8 and draw(st.booleans())
        kind = {"is_remote_frame": True, "dlc": length} if is_remote else {"is_fd": length > 8}
        data = None if is_remote else payload
        messages.append(
            can.Message(timestamp=t, arbitration_id=can_id, is_extended_id=extended, data=data, channel=0, **kind)
        )
    return messages


@pytest.mark.parametrize(
    ("writer", "reader", "classic_data_only"),
    [
        (CanutilsLogWriter, CanutilsLogReader, False),
        (ASCWriter, ASCReader, False),
        (BLFWriter, BLFReader, False),
        (TRCWriter, TRCReader, True),
    ],
)
@given(data=st.data())
@settings(max_examples=40)
def test_what_python_can_writes(
    tmp_path_factory: pytest.TempPathFactory,
    writer: Callable[..., MessageWriter],
    reader: Callable[..., Iterable[can.Message]],
    data: st.DataObject,
    *,
    classic_data_only: bool,
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    messages = data.draw(_messages(classic_data_only=classic_data_only))
    with writer(path) as log:
        for message in messages:
            log.on_message_received(message)
    frames, report = read_log(path)
    assert report.bad == 0
    with reader(path) as theirs:  # type: ignore[attr-defined]
        _agree(frames, list(theirs), dlc=writer is not ASCWriter)


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("honda-civic-8gen/noecu.log", CanutilsLogReader),
        ("honda-civic-type-r-2019/turnonanddrive.log", CanutilsLogReader),
        ("honda-civic-8gen/startandturnwheel.trc", TRCReader),
    ],
)
def test_a_recorded_log(shared: Path, name: str, reader: Callable[[Path], Iterable[can.Message]]) -> None:
    frames, _ = read_log(shared / "logs" / name)
    _agree(frames, reader(shared / "logs" / name))
