"""Recording of samples: what readers got is what is in the files, whatever the disk and the process do."""

from __future__ import annotations

import errno
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commonwheel.broker import Broker, Updates
from commonwheel.catalog import load_catalog
from commonwheel.errors import OutputError
from commonwheel.gateway import record_samples as module
from commonwheel.gateway import recorder as writer
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.record_frames import FrameRecorder
from commonwheel.gateway.record_listen import Listener
from commonwheel.gateway.record_samples import SampleForm, SampleRecorder, Told
from commonwheel.gateway.recording import Recording
from commonwheel.gateway.rotation import Rotation
from commonwheel.gateway.sources import ReplaySource
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.export import schema
from commonwheel.vehicles.reading import read
from commonwheel.vehicles.samples import Quality, Samples
from commonwheel.wire.frames import Clock
from tests.gateway.kit import GEAR, SPEED, VIN, Rig, small_car, until

NOW = 1_790_000_000_000_000_000


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for samples to gather, nor after a fault."""
    monkeypatch.setattr(writer, "_GATHER_S", 0.0)
    monkeypatch.setattr(writer, "_RETRY_S", 0.0)


@pytest.fixture
def broker() -> Broker:
    return Broker(load_catalog())


def _form(broker: Broker) -> SampleForm:
    return SampleForm.of_table(broker.table, range(len(broker.table)))


def _updates(broker: Broker, count: int, first: int = 0) -> Updates:
    """Speeds that all differ."""
    rows = np.arange(first, first + count)
    number = np.full(count, broker.table.number(SPEED), np.int32)
    return Updates(number, NOW + rows, rows.astype(float), np.zeros(count, np.uint8))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _table(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(file) for file in _files(folder)]).unify_dictionaries()


def _speeds(folder: Path) -> Sequence[float | None]:
    return _table(folder).column("value").to_pylist()


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    columns = [table.column(name).to_pylist() for name in ("signal", "value", "label", "unit", "quality")]
    return list(zip(*columns, strict=True))


def test_every_kind_of_value_is_a_row_of_the_long_table(tmp_path: Path, broker: Broker) -> None:
    number = broker.table.number
    keywords = next(s for s in broker.table.signals if s.leaf.datatype == "string[]")
    with SampleRecorder(tmp_path / "made" / "by it") as recorder:
        listener = Listener(broker, recorder, [number(path) for path in (SPEED, GEAR, VIN, keywords.path)])
        values = {SPEED: 12.5, GEAR: "DRIVE", VIN: "SJNFAAZE0U1234567", keywords.path: ["a", "b"]}
        assert not broker.publish_values({number(path): value for path, value in values.items()}, t_ns=NOW)
        assert not broker.publish_values({number(SPEED): None, number(VIN): None}, t_ns=NOW + 1)
        broker.publish_values({number("Vehicle.IsMoving"): True})  # not asked for
        listener.close()
        broker.publish_values({number(SPEED): 1.0})  # after the end
    table = _table(tmp_path / "made" / "by it")
    assert table.schema.remove_metadata() == schema(Clock.UTC)
    lever = float(broker.table[number(GEAR)].codes["DRIVE"])
    assert _rows(table) == [
        (SPEED, 12.5, None, "km/h", "GOOD"),
        (GEAR, lever, "DRIVE", "", "GOOD"),
        (VIN, None, "SJNFAAZE0U1234567", "", "GOOD"),
        (keywords.path, None, '["a","b"]', "", "GOOD"),
        (SPEED, None, None, "km/h", "INVALID"),
        (VIN, None, None, "", "INVALID"),
    ]
    assert table.column("time").cast(pa.int64()).to_pylist() == [NOW] * 4 + [NOW + 1] * 2
    assert not broker.readers
    assert listener.lost == 0


def test_it_can_begin_with_what_is_known_and_never_was_is_no_sample(tmp_path: Path, broker: Broker) -> None:
    speed, gear = broker.table.number(SPEED), broker.table.number(GEAR)
    broker.publish_values({speed: 5.0}, t_ns=NOW)
    with SampleRecorder(tmp_path) as recorder:
        listener = Listener(broker, recorder, [speed, gear], initial=True)
        broker.publish_values({speed: 6.0}, t_ns=NOW + 1)
        listener.close()
    assert _speeds(tmp_path) == [5.0, 6.0]
    assert recorder.counts.written == 2


def test_numbers_that_the_form_does_not_know_and_codes_without_a_name(broker: Broker) -> None:
    speed, gear = broker.table.number(SPEED), broker.table.number(GEAR)
    form = SampleForm.of_table(broker.table, [speed, gear])
    numbers = np.array([speed, -1, speed + 1 if speed + 1 != gear else speed + 2, 10**6, gear, gear, gear], np.int32)
    values = np.array([1.0, 2.0, 3.0, 4.0, 99.0, -1.0, 0.5])
    table = form.to_arrow(Updates(numbers, np.full(7, NOW), values, np.zeros(7, np.uint8)))
    assert table.column("value").to_pylist() == [1.0, None, None, 0.5]
    assert SampleForm([]).to_arrow(_updates(broker, 3)).num_rows == 0


def test_files_are_ended_when_they_are_large(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GROUP_ROWS", 1000)
    form = _form(broker)
    with SampleRecorder(tmp_path, Rotation(size_bytes=30_000)) as recorder:
        for first in range(0, 40_000, 500):
            recorder.put(Told(form, _updates(broker, 500, first)))
            until(lambda: recorder.counts.queued < 2000)
    assert len(_files(tmp_path)) == recorder.counts.files > 2
    assert list(recorder.files) == _files(tmp_path)
    assert recorder.counts.size_bytes == sum(file.stat().st_size for file in _files(tmp_path))
    assert _speeds(tmp_path) == [float(i) for i in range(40_000)]


def test_a_file_is_ended_when_it_is_old_even_if_nothing_comes(tmp_path: Path, broker: Broker) -> None:
    form = _form(broker)
    with SampleRecorder(tmp_path, Rotation(age_s=0.05)) as recorder:
        recorder.put(Told(form, _updates(broker, 10)))
        until(lambda: _files(tmp_path))
        recorder.put(Told(form, _updates(broker, 10, 10)))
        until(lambda: len(_files(tmp_path)) == 2)
        assert not list(tmp_path.glob("*.part"))
    assert _speeds(tmp_path) == [float(i) for i in range(20)]


def test_two_meanings_of_numbers_in_one_file(tmp_path: Path, broker: Broker) -> None:
    """As when a server comes back with another catalog."""
    speed = broker.table[broker.table.number(SPEED)]
    other = SampleForm([(0, module.info_of("Acme.Voltage", "V", "float", "sensor", ()))])
    with SampleRecorder(tmp_path) as recorder:
        recorder.put(Told(_form(broker), _updates(broker, 2)))
        recorder.put(Told(other, Updates(np.zeros(1, np.int32), np.array([NOW]), np.ones(1), np.zeros(1, np.uint8))))
    assert [(row[0], row[3]) for row in _rows(_table(tmp_path))] == [
        *[(SPEED, speed.leaf.unit)] * 2, ("Acme.Voltage", "V"),
    ]  # fmt: skip


CHILD = """
import sys, time
from pathlib import Path
import numpy as np
from commonwheel.broker import Updates
from commonwheel.gateway.record_samples import SampleForm, SampleRecorder, Told, info_of
from commonwheel.gateway.rotation import Rotation
form = SampleForm([(0, info_of("Vehicle.Speed", "km/h", "float", "sensor", ()))])
recorder, first = SampleRecorder(Path(sys.argv[1]), Rotation(age_s=0.2)), 0
while True:
    rows = np.arange(first, first + 500)
    recorder.put(Told(form, Updates(np.zeros(500, np.int32), rows, rows.astype(float), np.zeros(500, np.uint8))))
    first += 500
    time.sleep(0.001)
    if recorder.counts.files >= 2:
        print("two files", flush=True)
"""


def test_a_killed_recorder_leaves_earlier_files_whole(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"two files\n"
        child.send_signal(signal.SIGKILL)
    speeds = _speeds(tmp_path)
    assert len(_files(tmp_path)) >= 2
    assert len(list(tmp_path.glob("*.part"))) <= 1
    assert speeds == [float(i) for i in range(len(speeds))]


def test_a_slow_disk_loses_samples_not_time(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, reached = threading.Event(), threading.Event()
    write = module._ParquetFile.write

    def slow(file: module._ParquetFile, told: Told) -> None:
        reached.set()
        assert go_on.wait(30)
        write(file, told)

    monkeypatch.setattr(module._ParquetFile, "write", slow)
    number = broker.table.number(SPEED)
    with SampleRecorder(tmp_path, queue_samples=250) as recorder:
        listener = Listener(broker, recorder, [number])
        provider = broker.provider("source")
        provider.claim([number])
        provider.publish(_updates(broker, 100))
        assert reached.wait(30)
        for first in range(100, 1000, 100):
            provider.publish(_updates(broker, 100, first))
        assert (recorder.counts.queued, recorder.counts.dropped) == (250, 750)
        go_on.set()
        until(lambda: recorder.counts.queued == 0)
        listener.close()
    assert _speeds(tmp_path) == [float(i) for i in range(250)]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_who_is_patient_loses_nothing(tmp_path: Path, broker: Broker) -> None:
    with SampleRecorder(tmp_path, queue_samples=100) as recorder:
        for first in range(0, 2000, 50):
            recorder.put(Told(_form(broker), _updates(broker, 50, first)), patience_s=30)
    assert _speeds(tmp_path) == [float(i) for i in range(2000)]
    assert recorder.counts.dropped == 0


def test_what_a_full_disk_takes_with_it_is_counted(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A Parquet file without its end cannot be read: all of its rows are lost, and recording goes on in another."""
    full = threading.Event()
    flush = module._ParquetFile._flush

    def full_disk(file: module._ParquetFile) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(file)

    monkeypatch.setattr(module._ParquetFile, "_flush", full_disk)
    monkeypatch.setattr(module, "_GROUP_ROWS", 10)
    form = _form(broker)
    with SampleRecorder(tmp_path) as recorder:
        recorder.put(Told(form, _updates(broker, 15)))
        until(lambda: recorder.counts.written == 15)
        full.set()
        recorder.put(Told(form, _updates(broker, 10, 15)))
        until(lambda: recorder.counts.queued == 0)
        assert "No space left" in recorder.fault
        assert (recorder.counts.written, recorder.counts.dropped) == (0, 25)
        full.clear()
        recorder.put(Told(form, _updates(broker, 10, 25)))
    assert recorder.fault == ""
    assert _speeds(tmp_path) == [float(i) for i in range(25, 35)]
    assert (recorder.counts.written, recorder.counts.dropped, recorder.counts.files) == (10, 25, 1)
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_a_live_car_is_recorded_from_its_first_frame(tmp_path: Path) -> None:
    """Its fixed facts too, and what becomes stale at the end."""
    rig = Rig(small_car(tmp_path))
    out = tmp_path / "out"
    recording = Recording(
        rig.broker, rig.gateway, FrameRecorder(out), SampleRecorder(out), (SPEED, "Vehicle.Powertrain.**")
    )
    recording.start()
    with rig:
        rig.drive.bring((0x100, "04D2010300000000"))
        until(lambda: rig.get(SPEED).good == pytest.approx(12.34))
    recording.stop()
    assert recording.lost == 0
    told = [(row[0], row[1], row[4]) for row in _rows(_table(out)) if row[0] == SPEED]
    assert [(path, value, quality) for path, value, quality in told] == [
        (SPEED, pytest.approx(12.34), "GOOD"), (SPEED, pytest.approx(12.34), "STALE"),
    ]  # fmt: skip
    assert "Vehicle.Powertrain.ElectricMotor.MaxPower" in {row[0] for row in _rows(_table(out))}
    assert len(list(out.glob("frames-*.log.zst"))) == 1
    assert not rig.broker.readers


@pytest.mark.real
def test_samples_of_a_drive_and_what_its_recorded_frames_decode_to(shared: Path, tmp_path: Path) -> None:
    """Both are what the log itself decodes to: every value and quality of every signal, in order."""
    log = shared / "logs" / "nissan-leaf-2011" / "leaf_on_Driveincircle_off.txt"
    vehicle, broker = load_vehicle("nissan/leaf_ze0"), Broker(load_catalog())
    gateway = CarGateway(vehicle, broker, ReplaySource(log, rate=None))
    recording = Recording(broker, gateway, FrameRecorder(tmp_path), SampleRecorder(tmp_path), patience_s=30.0)
    recording.start()
    gateway.start()
    until(gateway.finished.is_set)
    gateway.stop()
    recording.stop()
    assert recording.lost == 0
    (frames,), (file,) = tmp_path.glob("*.log.zst"), _files(tmp_path)
    original, again = _good(read(log, "nissan/leaf_ze0")), _good(read(frames, "nissan/leaf_ze0"))
    assert sum(map(len, original.values())) > 100_000
    assert again.keys() == original.keys()
    recorded = _by_signal(pq.read_table(file))
    for path, values in original.items():
        np.testing.assert_array_equal(again[path], values, path)
        np.testing.assert_array_equal(recorded[path], values, path)


def _good(samples: Samples) -> dict[str, np.ndarray]:
    """Return the values of good samples by signal: times are new, and so is what is late."""
    good = samples.good
    return {path: good.of(path).value for path in good.paths}


def _by_signal(table: pa.Table) -> dict[str, np.ndarray]:
    signal = np.array(table.column("signal").to_pylist())
    good = np.array(table.column("quality").to_pylist()) == Quality.GOOD.name
    value = table.column("value").to_numpy()
    return {path: value[(signal == path) & good] for path in np.unique(signal)}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rotation": Rotation(size_bytes=0)}, "size has to be more than 0"),
        ({"rotation": Rotation(age_s=float("nan"))}, "age has to be more than 0"),
        ({"queue_samples": 0}, "queue has to be more than 0"),
        ({"prefix": "a/b"}, "'a/b' cannot be a name"),
    ],
)
def test_what_cannot_be_recorded_so(wrong: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=why):
        SampleRecorder(tmp_path, **wrong)


def test_texts_of_several_groups_of_rows(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each group has its own dictionary of texts."""
    monkeypatch.setattr(module, "_GROUP_ROWS", 2)
    number = broker.table.number
    with SampleRecorder(tmp_path) as recorder:
        listener = Listener(broker, recorder, [number(GEAR), number(VIN)])
        for turn in range(6):
            values = {number(GEAR): ("PARK", "DRIVE")[turn % 2], number(VIN): f"SJNFAAZE0U123456{turn}"}
            assert not broker.publish_values(values, t_ns=NOW + turn)
            until(lambda: recorder.counts.queued == 0)
        listener.close()
    labels = _table(tmp_path).column("label").to_pylist()
    assert labels[0::2] == ["PARK", "DRIVE"] * 3
    assert labels[1::2] == [f"SJNFAAZE0U123456{turn}" for turn in range(6)]
    (file,) = _files(tmp_path)
    assert pq.ParquetFile(file).num_row_groups == 6
