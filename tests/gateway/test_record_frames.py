"""Recording of frames: what was written is what came in, whatever the disk and the process do."""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwheel.errors import LogError, OutputError
from commonwheel.gateway import record_frames as module
from commonwheel.gateway import recorder as writer
from commonwheel.gateway.partfile import PartFile
from commonwheel.gateway.record_frames import FrameRecorder
from commonwheel.gateway.recorder import Facts
from commonwheel.gateway.rotation import Rotation
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.wire.frames import ERROR_FLAG, EXTENDED_FLAG, REMOTE_FLAG, Clock, Frames
from commonwheel.wire.logs.reader import read_log

NOW = 1_790_000_000_000_000_000


def _frames(count: int, first: int = 0) -> Frames:
    """Frames that all differ, about a millisecond apart: a reader does not believe in times that are quite even."""
    numbers = range(first, first + count)
    return Frames.build((NOW + i * 1_000_000 + i % 3, i % 2, 0x100 + i % 7, i.to_bytes(4, "big")) for i in numbers)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log.zst"))


def _read(file: Path) -> Frames:
    """Return a recording's frames with the bus numbers they were recorded with: a reader numbers the names it meets."""
    frames, report = read_log(file)
    assert report.bad == 0
    numbers = {number: int(name.removeprefix("can")) for number, name in report.buses.items()}
    return replace(frames, bus=np.array([numbers[bus] for bus in frames.bus.tolist()], np.uint8))


def _recorded(folder: Path) -> Frames:
    return Frames.concat(map(_read, _files(folder)))


def _same(found: Frames, given: Frames) -> None:
    width = max(found.width, given.width)
    found, given = found.widen(width), given.widen(width)
    for column in ("t_ns", "bus", "id", "size", "data"):
        np.testing.assert_array_equal(getattr(found, column), getattr(given, column), column)


def _numbers(frames: Frames) -> np.ndarray:
    """Return what ``_frames`` put into each."""
    return frames.data[:, :4].copy().view(">u4").ravel()


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not come about within 30 s"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for frames to gather, nor after a fault."""
    monkeypatch.setattr(writer, "_GATHER_S", 0.0)
    monkeypatch.setattr(writer, "_RETRY_S", 0.0)


def test_what_came_in_is_what_is_read(tmp_path: Path) -> None:
    frames = _frames(1000)
    with FrameRecorder(tmp_path / "made" / "by it") as recorder:
        for start in range(0, 1000, 37):
            recorder.put(frames[start : start + 37])
    (file,) = _files(tmp_path / "made" / "by it")
    _same(_recorded(file.parent), frames)
    assert recorder.counts == Facts(1000, 0, 0, 1, file.stat().st_size)
    assert recorder.files == (file,)


IDS = st.one_of(
    st.integers(0, 0x7FF),
    st.integers(0, 0x1FFF_FFFF).map(EXTENDED_FLAG.__or__),
    st.integers(0, 0x7FF).map(REMOTE_FLAG.__or__),
    st.integers(1, 0x1FFF).map(ERROR_FLAG.__or__),
)
ROWS = st.lists(
    st.tuples(
        st.integers(NOW, NOW + 10**12),
        st.integers(0, 3),
        IDS,
        st.one_of(st.binary(max_size=8), st.sampled_from([bytes(12), bytes(range(64))])),
    ),
    max_size=30,
)


@settings(max_examples=30)
@given(ROWS)
def test_frames_of_every_kind(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int, bytes]]
) -> None:
    frames = Frames.build(
        (t_ns, bus, kind, b"" if kind & REMOTE_FLAG else data[:8] if kind & ERROR_FLAG else data)
        for t_ns, bus, kind, data in rows
    )
    folder = tmp_path_factory.mktemp("record")
    with FrameRecorder(folder) as recorder:
        recorder.put(frames)
    _same(_recorded(folder), frames)


@pytest.mark.real
def test_a_recorded_drive_decodes_to_the_same_samples(shared: Path, tmp_path: Path) -> None:
    """Of a recorded drive as if it took place now: a gateway's frames have times in UTC."""
    frames = read_log(shared / "logs" / "nissan-leaf-2011" / "leaf_on_Driveincircle_off.txt")[0]
    frames = replace(frames, t_ns=frames.t_ns + NOW, clock=Clock.UTC)
    with FrameRecorder(tmp_path, Rotation(size_bytes=50_000)) as recorder:
        for start in range(0, len(frames), 500):
            recorder.put(frames[start : start + 500])
    assert len(_files(tmp_path)) > 2
    assert recorder.counts.dropped == 0
    vehicle = load_vehicle("nissan/leaf_ze0")
    before, after = (VehicleDecoder(vehicle).decode(part) for part in (frames, _recorded(tmp_path)))
    assert len(before) > 10_000
    for column in ("t_ns", "signal", "value", "quality"):
        np.testing.assert_array_equal(getattr(after, column), getattr(before, column), column)


def test_files_are_ended_when_they_are_large(tmp_path: Path) -> None:
    frames = _frames(4000)
    with FrameRecorder(tmp_path, Rotation(size_bytes=2000)) as recorder:
        for start in range(0, 4000, 500):
            recorder.put(frames[start : start + 500])
            _wait(lambda: recorder.counts.queued == 0)
    assert len(_files(tmp_path)) == recorder.counts.files > 2
    _same(_recorded(tmp_path), frames)


def test_a_file_is_ended_when_it_is_old_even_if_nothing_comes(tmp_path: Path) -> None:
    with FrameRecorder(tmp_path, Rotation(age_s=0.05)) as recorder:
        recorder.put(_frames(10))
        _wait(lambda: _files(tmp_path))
        recorder.put(_frames(10, 10))
        _wait(lambda: len(_files(tmp_path)) == 2)
        assert not list(tmp_path.glob("*.part"))
    _same(_recorded(tmp_path), _frames(20))


def test_a_file_under_way_is_a_part_that_can_be_read(tmp_path: Path) -> None:
    with FrameRecorder(tmp_path) as recorder:
        recorder.put(_frames(100))
        _wait(lambda: recorder.counts.written == 100)
        (part,) = tmp_path.iterdir()
        assert part.name.endswith(".log.zst.part")
        _same(_read(part), _frames(100))
    assert [file.name for file in tmp_path.iterdir()] == [part.name.removesuffix(".part")]


CHILD = """
import sys, time
from pathlib import Path
from commonwheel.gateway.record_frames import FrameRecorder
from commonwheel.gateway.rotation import Rotation
from commonwheel.wire.frames import Frames
recorder, number = FrameRecorder(Path(sys.argv[1]), Rotation(20_000)), 0
while True:
    rows = [(1_790_000_000_000_000_000 + i * 1_000_000, 0, 0x100, i.to_bytes(4, "big"))
            for i in range(number, number + 500)]
    recorder.put(Frames.build(rows))
    number += 500
    time.sleep(0.001)
    if recorder.counts.files >= 2:
        print("two files", flush=True)
"""


def test_what_a_killed_recorder_leaves_can_be_read(tmp_path: Path) -> None:
    """All ended files whole, and of the last a beginning without gaps."""
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"two files\n"
        child.send_signal(signal.SIGKILL)
    found = _recorded(tmp_path)
    for part in tmp_path.glob("*.part"):
        with contextlib.suppress(LogError):  # killed before the file's first lines
            found = Frames.concat([found, _read(part)])
    assert len(_files(tmp_path)) >= 2
    np.testing.assert_array_equal(_numbers(found), np.arange(len(found)))


def test_memory_of_who_gave_the_frames_may_be_used_again(tmp_path: Path) -> None:
    frames = _frames(50)
    with FrameRecorder(tmp_path) as recorder:
        recorder.put(frames)
        frames.data[:] = 0xEE
        frames.id[:] = 0
        frames.t_ns[:] = 0
    _same(_recorded(tmp_path), _frames(50))


def test_a_slow_disk_loses_frames_not_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, reached = threading.Event(), threading.Event()
    write = module._LogFile.write

    def slow(file: module._LogFile, frames: Frames) -> None:
        reached.set()
        assert go_on.wait(30)
        write(file, frames)

    monkeypatch.setattr(module._LogFile, "write", slow)
    frames = _frames(1000)
    with FrameRecorder(tmp_path, queue_frames=250) as recorder:
        recorder.put(frames[:100])
        assert reached.wait(30)
        for start in range(100, 1000, 100):
            recorder.put(frames[start : start + 100])
        facts = recorder.counts
        assert (facts.queued, facts.dropped, facts.written) == (250, 750, 0)
        go_on.set()
        _wait(lambda: recorder.counts.queued == 0)
        recorder.put(frames[900:])
    _same(_recorded(tmp_path), Frames.concat([frames[:250], frames[900:]]))
    assert recorder.counts.dropped == 750
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_full_disk_is_said_once_and_recording_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = threading.Event()
    write = module._LogFile.write

    def full_disk(file: module._LogFile, frames: Frames) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, frames)

    monkeypatch.setattr(module._LogFile, "write", full_disk)
    with FrameRecorder(tmp_path) as recorder:
        recorder.put(_frames(10))
        _wait(lambda: recorder.counts.written == 10)
        full.set()
        for start in (10, 20):
            recorder.put(_frames(10, start))
            _wait(lambda: recorder.counts.queued == 0)
        assert "No space left" in recorder.fault
        full.clear()
        recorder.put(_frames(10, 30))
        _wait(lambda: recorder.counts.written == 20)
        assert recorder.fault == ""
    assert recorder.counts.dropped == 20
    _same(_recorded(tmp_path), _frames(10, 30))
    _same(_read(min(tmp_path.glob("*.part"))), _frames(10))  # what was written before stays
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_a_disk_that_refused_is_left_alone_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def refuse(_file: module._LogFile, frames: Frames) -> None:
        tried.append(len(frames))
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(writer, "_RETRY_S", 3600.0)
    monkeypatch.setattr(module._LogFile, "write", refuse)
    with FrameRecorder(tmp_path) as recorder:
        for start in range(0, 50, 10):
            recorder.put(_frames(10, start))
            _wait(lambda: recorder.counts.queued == 0)
        assert tried == [10]
        assert recorder.counts.dropped == 50


def test_a_file_that_cannot_be_ended_stays_a_part(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FrameRecorder(tmp_path) as recorder:
        recorder.put(_frames(10))
        _wait(lambda: recorder.counts.written == 10)
        (part,) = tmp_path.iterdir()
        (tmp_path / part.name.removesuffix(".part")).write_text("another's")
    assert "is there already" in recorder.fault
    assert recorder.counts.files == 0
    _same(_read(part), _frames(10))
    assert "is there already" in caplog.text


def test_a_name_that_is_taken_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the clock was set back."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=tz)

    monkeypatch.setattr(writer, "datetime", Stopped)
    names = [f"frames-20260102T030405Z-000{number}.log.zst" for number in (1, 2, 3)]
    (tmp_path / names[0]).write_text("whole")
    (tmp_path / f"{names[1]}.part").write_text("under way")
    with FrameRecorder(tmp_path) as recorder:
        recorder.put(_frames(10))
    _same(_read(tmp_path / names[2]), _frames(10))
    assert (tmp_path / names[0]).read_text() == "whole"


def test_what_was_written_is_handed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    sync = PartFile.sync
    monkeypatch.setattr(module, "_SYNC_S", 0.0)
    monkeypatch.setattr(PartFile, "sync", lambda target: (synced.append(target.path), sync(target)))
    with FrameRecorder(tmp_path) as recorder:
        recorder.put(_frames(10))
        _wait(lambda: recorder.counts.written == 10)
        assert len(synced) == 1
    assert len(synced) == 2


def test_a_disk_that_does_not_answer_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(module._LogFile, "write", lambda _file, _frames: go_on.wait(30))
    recorder = FrameRecorder(tmp_path)
    recorder.put(_frames(10))
    recorder.close(timeout_s=0.01)
    assert "the disk does not answer; 10 frames are lost" in caplog.text
    go_on.set()
    recorder.close()


def test_times_before_1970_are_dropped_alone(tmp_path: Path) -> None:
    frames = _frames(10)
    frames.t_ns[3] = -1
    with FrameRecorder(tmp_path) as recorder:
        recorder.put(frames)
    _same(_recorded(tmp_path), frames[frames.t_ns >= 0])
    assert (recorder.counts.written, recorder.counts.dropped) == (9, 1)


def test_after_the_end_frames_are_counted_as_dropped(tmp_path: Path) -> None:
    recorder = FrameRecorder(tmp_path)
    recorder.close()
    recorder.close()
    recorder.put(_frames(3))
    assert recorder.counts.dropped == 3
    assert not list(tmp_path.iterdir())


def test_a_batch_larger_than_the_queue(tmp_path: Path) -> None:
    with FrameRecorder(tmp_path, queue_frames=100) as recorder:
        recorder.put(_frames(150))
    _same(_recorded(tmp_path), _frames(100))
    assert recorder.counts.dropped == 50


def test_two_recorders_in_one_folder(tmp_path: Path) -> None:
    with FrameRecorder(tmp_path) as one, FrameRecorder(tmp_path) as two:
        for start in range(0, 100, 10):
            (one if start % 20 else two).put(_frames(10, start))
    found = _recorded(tmp_path)
    assert len(_files(tmp_path)) == 2
    _same(found.sorted_by_time(), _frames(100))


def test_many_threads(tmp_path: Path) -> None:
    with FrameRecorder(tmp_path) as recorder:
        threads = [threading.Thread(target=lambda n=n: recorder.put(_frames(100, 100 * n))) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = _recorded(tmp_path)  # in the order of the threads, which nobody knows
    _same(found[np.argsort(_numbers(found))], _frames(2000))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rotation": Rotation(size_bytes=0)}, "size has to be more than 0"),
        ({"rotation": Rotation(age_s=-1.0)}, "age has to be more than 0"),
        ({"rotation": Rotation(age_s=float("nan"))}, "age has to be more than 0"),
        ({"queue_frames": 0}, "queue has to be more than 0"),
        ({"prefix": "../a"}, "'../a' cannot be a name in a log"),
        ({"interfaces": {0: "can 0"}}, "'can 0' cannot be a name in a log"),
    ],
)
def test_what_cannot_be_recorded_so(wrong: dict[str, object], why: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=why):
        FrameRecorder(tmp_path, **wrong)  # type: ignore[arg-type]


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for place in (file, file / "below"):
        with pytest.raises(OutputError, match="nothing can be recorded there"):
            FrameRecorder(place)
