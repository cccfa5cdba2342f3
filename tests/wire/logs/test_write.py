"""Logs that are written read back as the same frames."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.errors import OutputError
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, REMOTE_FLAG, Clock, Frames
from commonwheel.wire.logs import LogFormat, read_log, write_candump, write_gvret_csv, write_trc
from tests.wire.logs.samples import read_bytes, rows, same

_UTC = 1747949265_530411000
_FRAMES = Frames.build(
    [
        (_UTC, 0, 0x1A4, bytes(7) + b"\x09"),
        (_UTC + 1000, 1, 0x18DAF110 | EXTENDED_FLAG, b"\xde\xad"),
        (_UTC + 1000, 0, 0x7FF, b""),
        (_UTC + 5_000_000_000, 2, 0x0, bytes(range(64))),
        (_UTC + 5_000_001_000, 2, 0x1 | EXTENDED_FLAG, bytes(range(9, 21))),
    ]
)
_WRITERS: dict[str, Callable[..., int]] = {"candump": write_candump, "gvret": write_gvret_csv, "trc": write_trc}
_LENGTHS = [*range(9), 12, 16, 20, 24, 32, 48, 64]


@st.composite
def _frames(draw: st.DrawFn, lengths: list[int]) -> Frames:
    """Data frames at rising whole microseconds, on buses numbered in order of appearance."""
    n = draw(st.integers(1, 30))
    t = np.cumsum(draw(st.lists(st.integers(0, 10**9), min_size=n, max_size=n))) * 1000
    table: list[tuple[int, int, int, bytes]] = []
    for i in range(n):
        extended = draw(st.booleans())
        can_id = draw(st.integers(0, 0x1FFFFFFF)) | EXTENDED_FLAG if extended else draw(st.integers(0, 0x7FF))
        length = draw(st.sampled_from(lengths))
        payload = draw(st.binary(min_size=length, max_size=length))
        table.append((int(t[i] - t[0]), min(i, draw(st.integers(0, 3))) if i else 0, can_id, payload))
    return Frames.build(table, clock=Clock.RELATIVE)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".xz", ".bz2"])
@pytest.mark.parametrize("name", _WRITERS)
def test_a_file_reads_back_as_it_was_written(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"log{suffix}"
    assert _WRITERS[name](path, _FRAMES) == len(_FRAMES)
    frames, report = read_log(path)
    assert report.bad == 0
    assert (report.compression is None) == (not suffix)
    if name == "trc":  # its times count from the start
        expected = [(t - _UTC, bus, can_id, payload) for t, bus, can_id, payload in rows(_FRAMES)]
        assert rows(frames) == expected
    else:
        assert frames.clock is Clock.UTC
        assert rows(frames) == rows(_FRAMES)


@pytest.mark.parametrize("name", _WRITERS)
@given(data=st.data())
def test_any_frames_read_back_as_they_were_written(name: str, data: st.DataObject) -> None:
    frames = data.draw(_frames(_LENGTHS))
    stream = io.BytesIO()
    assert _WRITERS[name](stream, [frames[:7], frames[7:]]) == len(frames)
    interfaces = len(np.unique(frames.bus))
    got, report = read_bytes(stream.getvalue())
    assert report.bad == 0
    assert report.clock in (Clock.RELATIVE, Clock.ORDER)
    if name == "candump":  # interfaces are numbered anew, in order of appearance
        assert len(report.buses) == interfaces
        names = np.array([int(report.buses[bus].removeprefix("can")) for bus in range(interfaces)], np.uint8)
        got = Frames(got.t_ns, names[got.bus], got.id, got.size, got.data, frames.clock)
    assert same(got, frames)


def test_candump_holds_remote_and_error_frames_and_nanoseconds() -> None:
    frames = Frames.build(
        [
            (_UTC + 1, 0, 0x123 | REMOTE_FLAG, bytes(4)),
            (_UTC + 2, 0, 0x124 | REMOTE_FLAG, b""),
            (_UTC + 3, 1, 0x4 | ERROR_FLAG, bytes(8)),
        ]
    )
    stream = io.BytesIO()
    assert write_candump(stream, frames, interfaces={0: "vcan7", 1: "body"}) == 3
    assert stream.getvalue() == (
        b"(1747949265.530411001) vcan7 123#R4\n"
        b"(1747949265.530411002) vcan7 124#R\n"
        b"(1747949265.530411003) body 20000004#0000000000000000\n"
    )
    assert rows(read_bytes(stream.getvalue())[0]) == rows(frames)


def test_a_format_without_a_form_for_a_frame_leaves_it_out_and_says_how_many_it_wrote() -> None:
    frames = Frames.build([(0, 0, 0x123 | REMOTE_FLAG, bytes(4)), (0, 0, 4 | ERROR_FLAG, b""), (0, 0, 0x1, b"\x01")])
    written = {name: writer(io.BytesIO(), frames) for name, writer in _WRITERS.items()}
    assert written == {"candump": 3, "gvret": 1, "trc": 2}


def test_the_text_is_that_of_the_original_tools() -> None:
    csv, trc = io.BytesIO(), io.BytesIO()
    write_gvret_csv(csv, _FRAMES)
    write_trc(trc, _FRAMES[:2])
    assert csv.getvalue().splitlines()[1] == b"1747949265530411,000001A4,false,Rx,0,8,00,00,00,00,00,00,00,09"
    assert trc.getvalue().splitlines()[1] == b";$STARTTIME=45799.8942769724"
    assert trc.getvalue().splitlines()[-1].split() == b"2 0.001 DT 1 18DAF110 Rx - 2 DE AD".split()


@pytest.mark.parametrize("name", _WRITERS)
def test_no_frames_still_make_a_file_of_the_format(name: str) -> None:
    stream = io.BytesIO()
    assert _WRITERS[name](stream, []) == 0
    if name != "candump":  # an empty candump log has no bytes
        frames, report = read_bytes(stream.getvalue())
        assert len(frames) == 0
        assert report.format in (LogFormat.GVRET, LogFormat.PCAN_TRC)


def test_a_time_before_the_beginning_is_refused_unless_it_is_shifted() -> None:
    frames = Frames.build([(0, 0, 1, b""), (-2_000_000, 0, 2, b"")], clock=Clock.RELATIVE)
    for writer in _WRITERS.values():
        with pytest.raises(OutputError, match=r"0\.002000 s before"):
            writer(io.BytesIO(), frames)
    stream = io.BytesIO()
    write_candump(stream, frames, start_ns=2_000_000)
    assert rows(read_bytes(stream.getvalue())[0]) == rows(frames)


def test_a_path_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_candump(tmp_path / "no" / "folder.log", _FRAMES)


def test_long_logs_are_written_piece_by_piece() -> None:
    n = 120_001
    frames = Frames.empty(n, clock=Clock.RELATIVE)
    frames.t_ns[:] = np.arange(n) ** 2 * 1000
    stream = io.BytesIO()
    assert write_trc(stream, frames) == n
    got, report = read_bytes(stream.getvalue())
    assert report.frames == n
    assert np.array_equal(got.t_ns, frames.t_ns)
