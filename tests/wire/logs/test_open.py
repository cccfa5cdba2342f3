"""Opening a log: recognised by content, unpacked on the way, refused with a reason and a remedy."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import zstandard

from commonwheel.errors import LogError
from commonwheel.wire.frames import Clock, Frames
from commonwheel.wire.logs import LineKind, LogFormat, open_log, read_log
from tests.wire.logs import samples
from tests.wire.logs.samples import SAMPLES, read_bytes, same

_LONG = b"".join(
    b"(%d.%06d) can0 1A4#%016X\n" % (1747949265 + i // 100, i * 37 % 1000000, i * i) for i in range(20_000)
)

_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": lambda content: zstandard.ZstdCompressor().compress(content),
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


def _write(folder: Path, content: bytes, name: str = "log") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("packer", _PACKERS)
def test_a_compressed_log_is_unpacked_on_the_way(packer: str) -> None:
    packed = _PACKERS[packer](_LONG)
    expected, _ = read_bytes(_LONG)
    frames, report = read_bytes(packed, chunk_bytes=10_000, name="no-suffix")
    assert same(frames, expected)
    assert report.compression == packer
    assert report.damage is None
    assert report.bytes_total == report.bytes_read == len(packed)


@pytest.mark.parametrize("packer", _PACKERS)
def test_several_streams_behind_each_other_are_one_log(packer: str) -> None:
    half = len(_LONG) // 2
    packed = _PACKERS[packer](_LONG[:half]) + _PACKERS[packer](_LONG[half:]) + bytes(100)
    frames, report = read_bytes(packed)
    assert len(frames) == 20_000
    assert report.damage is None


@pytest.mark.parametrize("packer", _PACKERS)
def test_a_compressed_log_that_is_cut_short_keeps_what_was_good(packer: str) -> None:
    packed = _PACKERS[packer](_LONG * 2)
    frames, report = read_bytes(packed[: len(packed) * 3 // 4])
    assert 0 < len(frames) < 40_000
    assert report.damage is not None
    assert f"{packer} stream" in report.damage
    assert report.bad <= 1


@pytest.mark.parametrize("packer", _PACKERS)
def test_a_compressed_log_that_is_damaged_keeps_what_was_good(packer: str) -> None:
    packed = bytearray(_PACKERS[packer](_LONG * 2))
    middle = len(packed) * 3 // 4
    packed[middle : middle + 64] = b"\x5a" * 64
    frames, report = read_bytes(bytes(packed))
    assert len(frames) > 0
    assert report.damage is not None


def test_garbage_behind_a_compressed_log_is_told() -> None:
    frames, report = read_bytes(gzip.compress(_LONG) + b"garbage")
    assert len(frames) == 20_000
    assert report.damage is not None


def test_text_in_utf_16_and_byte_order_marks_are_read() -> None:
    content = samples.GVRET_NO_DIR
    expected, _ = read_bytes(content)
    for packed in (
        b"\xef\xbb\xbf" + content,
        content.decode().encode("utf-16"),
        b"\xfe\xff" + content.decode().encode("utf-16-be"),
        gzip.compress(content.decode().encode("utf-16")),
    ):
        frames, report = read_bytes(packed, chunk_bytes=64)
        assert same(frames, expected)
        assert report.bad == 0


def test_a_log_is_recognised_in_spite_of_garbage_at_its_beginning() -> None:
    garbage = b"\x00\xff garbage\nnothing\n# nothing\n" * 3
    for content, expected in SAMPLES.values():
        if not content.startswith((b";", b"date", b"Time Stamp", b"@")):
            frames, _ = read_bytes(garbage.replace(b"\n", b"\r") + content)
            assert len(frames) == expected


def test_a_name_says_nothing_about_the_format() -> None:
    _, report = read_bytes(samples.CRTD, name="log.blf")
    assert report.format is LogFormat.CRTD


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"missing\.log: there is no such file"):
        open_log(tmp_path / "missing.log")


def test_a_folder_that_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="a folder is a log only when it holds the numpy files t, address, data, src"):
        open_log(tmp_path)


@pytest.mark.parametrize("content", [b"", gzip.compress(b"", mtime=0), lzma.compress(b"")])
def test_an_empty_file_says_so(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(LogError, match=r"empty.*check how it was recorded or copied"):
        open_log(_write(tmp_path, content))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LogError, match="no regular file"):
        open_log(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = _write(tmp_path, samples.CANDUMP)
    path.chmod(0)
    with pytest.raises(LogError, match="may not be read"):
        open_log(path)


def test_text_that_is_no_log_is_refused_with_what_was_tried(tmp_path: Path) -> None:
    path = _write(tmp_path, b"\n\nDear diary,\x07\nnothing happened\n")
    with pytest.raises(LogError) as caught:
        open_log(path)
    message = str(caught.value)
    assert str(path) in message
    assert "It begins 'Dear diary,\\x07'" in message
    assert all(name.value in message for name in LogFormat)


def test_a_table_of_numbers_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="not recognised"):
        open_log(_write(tmp_path, b"t,a,b,c,d,e\n" + b"0.1,12,0,1,2,3\n1,1,1,1,1,1\n" * 20))


def test_a_compressed_stream_that_is_damaged_from_the_start(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="gzip stream is damaged"):
        open_log(_write(tmp_path, b"\x1f\x8b" + b"\xff" * 50))


@pytest.mark.parametrize("magic", [b"MDF     4.10    ", b"PK\x03\x04"])
def test_formats_that_need_seeking_are_not_read_packed(tmp_path: Path, magic: bytes) -> None:
    with pytest.raises(LogError, match="undo the gzip first"):
        open_log(_write(tmp_path, gzip.compress(magic + bytes(100))))


def test_the_report_is_right_at_any_moment(tmp_path: Path) -> None:
    path = _write(tmp_path, _LONG.replace(b"#0000000000000009", b"#nonsense"))
    with open_log(str(path), chunk_bytes=40_000) as reader:
        read = 0
        positions: list[int] = []
        for frames in reader:
            read += len(frames)
            assert frames.clock is Clock.UTC
            assert reader.report.clock is Clock.UTC
            assert reader.report.frames + reader.report.reported == reader.report.lines
            positions.append(reader.report.bytes_read)
        assert read == reader.report.frames == 19_999
        assert reader.report.lines == 20_000
        assert len(positions) > 10
        assert positions == sorted(positions)
    assert list(reader) == []


def test_a_reader_that_is_closed_early_gives_no_more(tmp_path: Path) -> None:
    with open_log(_write(tmp_path, _LONG), chunk_bytes=40_000) as reader:
        next(reader)
    assert list(reader) == []
    assert 0 < reader.report.frames < 20_000


def test_batches_do_not_share_memory(tmp_path: Path) -> None:
    with open_log(_write(tmp_path, _LONG), chunk_bytes=100_000) as reader:
        batches = list(reader)
    whole, _ = read_log(tmp_path / "log")
    assert same(Frames.concat(batches), whole)


def test_classic_batches_stay_narrow_in_a_log_with_can_fd(tmp_path: Path) -> None:
    classic = b"(1.0) can0 1A4#00\n" * 5000
    path = _write(tmp_path, classic + b"(1.0) can0 1A4##0" + b"00" * 64 + b"\n" + classic * 3)
    with open_log(path, chunk_bytes=90_000) as reader:
        widths = [frames.width for frames in reader]
    assert widths.count(64) == 1
    assert len(widths) > 3


def test_the_report_can_be_written_as_json() -> None:
    _, report = read_bytes(samples.TRC_2_1 + b"\x00nonsense\n")
    told = report.to_dict()
    assert json.loads(json.dumps(told)) == msgspec.json.decode(msgspec.json.encode(told))
    assert told["format"] == "PCAN TRC"
    assert told["clock"] == "relative"
    assert told["frames"] + told["reported"] == told["lines"]
    assert told["bad"] == 1
    assert told["problems"]["binary garbage"] == {
        "kind": "binary garbage",
        "count": 1,
        "first_lines": [12],
        "example": "\\x00nonsense",
        "benign": False,
    }
    assert msgspec.json.encode(report)


def test_benign_kinds_are_told_from_faults() -> None:
    assert {kind for kind in LineKind if kind.benign} == {
        LineKind.BLANK,
        LineKind.COMMENT,
        LineKind.HEADER,
        LineKind.EVENT,
        LineKind.STATUS,
        LineKind.BUS_ERROR,
    }
