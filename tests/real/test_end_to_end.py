"""The whole way of every recording: by the command line or the library, packed or not, in whatever format.

However a recording comes and wherever its samples go, they are the same.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import can
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq
import pytest
import zstandard

import commonwheel as cw
from commonwheel import cli
from commonwheel.errors import OutputError
from commonwheel.wire.frames import Frames
from commonwheel.wire.logs import write_candump, write_gvret_csv, write_trc
from tests.real.recordings import KNOWN, RECORDINGS, Load

pytestmark = pytest.mark.real

NS = 10**9
WORDS = ("signal", "label", "unit", "quality")
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, 1),
    ".bz2": lambda data: bz2.compress(data, 1),
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}
WRITERS = {"a.log": write_candump, "a.csv": write_gvret_csv, "a.trc": write_trc}


@functools.cache
def _read(path: Path) -> cw.Samples:
    return cw.read(path)


def _plain(table: pa.Table) -> pa.Table:
    """Return a long table with whole nanoseconds and plain words, whatever its file made of them."""
    time = table["time"]
    if pa.types.is_string(time.type):
        time = pc.strptime(pc.utf8_slice_codeunits(time, 0, 19), "%Y-%m-%dT%H:%M:%S", "ns").cast(pa.int64())
        fraction = pc.utf8_slice_codeunits(table["time"], 20, 29).cast(pa.int64())
        time = pc.add(time, fraction)
    elif pa.types.is_floating(time.type):
        time = pc.round(pc.multiply(time, 1e9)).cast(pa.int64())
    columns = [
        time.cast(pa.int64()),
        *(table[name].cast(pa.string()) for name in WORDS),
        table["value"].cast(pa.float64()),
    ]
    return pa.table(dict(zip(("time", *WORDS, "value"), columns, strict=True))).combine_chunks()


def _read_back(path: Path, clock: cw.Clock) -> pa.Table:
    if path.suffix == ".parquet":
        return _plain(pq.read_table(path))
    if path.suffix == ".arrow":
        return _plain(pa.ipc.open_file(str(path)).read_all())
    time = {cw.Clock.UTC: pa.string(), cw.Clock.RELATIVE: pa.float64(), cw.Clock.ORDER: pa.int64()}[clock]
    fields = {"time": time, "value": pa.float64(), **dict.fromkeys(WORDS, pa.string())}
    if path.suffix == ".jsonl":
        names = ("time", "signal", "value", "label", "unit", "quality")
        wire = pa.schema([(name, fields[name]) for name in names])
        return _plain(pyarrow.json.read_json(path, parse_options=pyarrow.json.ParseOptions(explicit_schema=wire)))
    if clock is cw.Clock.UTC:
        fields["time"] = pa.timestamp("ns", "UTC")
    options = pyarrow.csv.ConvertOptions(column_types=fields, null_values=[""], strings_can_be_null=True)
    options.quoted_strings_can_be_null = False  # "" is a word without letters, nothing at all is null
    return _plain(pyarrow.csv.read_csv(path, convert_options=options))


def _same(first: cw.Samples, second: cw.Samples, frames: tuple[Frames, Frames] | None = None) -> bool:
    """Tell whether samples are equal; of frames: the times since the first one of each."""
    starts = (0, 0) if frames is None else (int(frames[0].t_ns[0]), int(frames[1].t_ns[0]))
    return (
        np.array_equal(first.t_ns - starts[0], second.t_ns - starts[1])
        and np.array_equal(first.signal, second.signal)
        and np.array_equal(first.value, second.value, equal_nan=True)
        and np.array_equal(first.quality, second.quality)
        and first.table == second.table
    )


def _slow_but_for(log: str, *quick: str) -> Any:  # noqa: ANN401 - pytest's own type of a parameter is private
    """Return a log as a parameter; all but a few wait for the slow tests."""
    return pytest.param(log, marks=() if log in quick else pytest.mark.slow)


@pytest.mark.parametrize("log", KNOWN)
def test_the_library_in_pieces_and_in_one_piece(load: Load, log: str) -> None:
    """``read`` goes chunk by chunk and finds the car's buses; the decoder alone takes all frames at once."""
    decoded = load(log)
    samples = cw.read(decoded.path, RECORDINGS[log].car)
    assert len(samples) >= len(decoded.samples)  # at the end it asks once more what is late
    assert _same(samples[: len(decoded.samples)], decoded.samples)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".jsonl"])
@pytest.mark.parametrize("log", [_slow_but_for(log, "noecu", "circle", "phev_start", "reverse") for log in KNOWN])
def test_the_command_line_writes_what_the_library_reads(
    load: Load, log: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / f"samples{suffix}"
    assert cli.main(["decode", str(load(log).path), "-o", str(target)]) == 0
    samples = _read(load(log).path)
    written, expected = _read_back(target, samples.clock), _plain(samples.to_arrow())
    assert written.num_rows == len(samples)
    for name in expected.column_names:
        assert written[name].equals(expected[name]), name
    assert f"{len(samples):,} rows" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == [target.name]  # nothing half-written beside it


@pytest.mark.parametrize("log", ["vsslog", "circle", "phev_drive", "phev_start"])
def test_the_command_line_writes_the_wide_form_of_it(load: Load, log: str, tmp_path: Path) -> None:
    target = tmp_path / "wide.parquet"
    assert cli.main(["decode", str(load(log).path), "--wide", "50", "-o", str(target)]) == 0
    assert pq.read_table(target).equals(_read(load(log).path).wide(50))


@pytest.mark.parametrize("log", KNOWN)
def test_the_summary_is_that_of_the_samples(load: Load, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["decode", str(load(log).path), "--json"]) == 0
    facts = msgspec.json.decode(capsys.readouterr().out)
    samples = _read(load(log).path)
    assert [row["path"] for row in facts["signals"]] == samples.paths
    for row in facts["signals"]:
        mine = samples.of(row["path"])
        good = mine.good.value
        assert row["count"] == len(mine)
        shares = {quality: round(share * len(mine)) for quality, share in row["quality"].items()}
        assert shares == {q.name: n for q in cw.Quality if (n := int((mine.quality == q).sum()))}
        if len(good):
            assert (row["min"], row["max"], row["last"]) == (good.min(), good.max(), good[-1])
    assert facts["frames"] == {"known": RECORDINGS[log].frames, "unknown": 0, "other": 0}
    assert facts["warnings"] == []


def test_the_command_line_runs_by_itself(load: Load, tmp_path: Path) -> None:
    target = tmp_path / "samples.arrow"
    words = [sys.executable, "-m", "commonwheel", "decode", str(load("noecu").path), "-o", str(target)]
    done = subprocess.run(words, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    expected = _read(load("noecu").path).to_arrow()
    assert _plain(pa.ipc.open_file(str(target)).read_all()).equals(_plain(expected))


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize(
    "log", [_slow_but_for(log, "phev_start") for log in ("turnwheel", "forward", "phev_start", "pedal", "circle")]
)
def test_a_compressed_copy_gives_the_same(load: Load, log: str, packed: str, tmp_path: Path) -> None:
    """One of each format; named as usual, and without a telling name."""
    path = load(log).path
    data = PACKERS[packed](path.read_bytes())
    for name in (path.name + packed, "recording"):
        copy = tmp_path / name
        copy.write_bytes(data)
        assert _same(cw.read(copy), _read(path))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    "log", [_slow_but_for(log, "noecu", "forward", "phev_start", "pedal") for log in KNOWN if log != "brake"]
)
def test_a_copy_in_another_format_gives_the_same(load: Load, log: str, name: str, tmp_path: Path) -> None:
    decoded, copy = load(log), tmp_path / name
    assert WRITERS[name](copy, decoded.frames) == len(decoded.frames)
    frames, report = cw.read_log(copy)
    assert not [problem for problem in report.problems.values() if not problem.benign]
    for column in ("id", "bus", "size", "data"):
        assert np.array_equal(getattr(frames, column), getattr(decoded.frames, column)), column
    assert _same(cw.read(copy), _read(decoded.path), (frames, decoded.frames))


def test_a_clock_that_runs_back_to_before_the_start_is_refused_or_shifted(load: Load, tmp_path: Path) -> None:
    """No text format has negative times."""
    brake = load("brake")
    for write in WRITERS.values():
        with pytest.raises(OutputError, match="time"):
            write(tmp_path / "a.log", brake.frames)
    for name, write in (("b.log", write_candump), ("b.csv", write_gvret_csv)):
        write(tmp_path / name, brake.frames, start_ns=10_000 * NS)
        assert _same(cw.read(tmp_path / name), _read(brake.path))


@pytest.mark.parametrize("log", KNOWN)
def test_what_was_decoded_is_encoded_and_decoded_again(load: Load, log: str) -> None:
    """The car's good values, held, go out as its own frames and come back within half a step of the wire."""
    decoded = load(log)
    encoder, samples = cw.VehicleEncoder(decoded.vehicle), decoded.samples.good
    shared = "Vehicle.Powertrain.Transmission.SelectedGear" if log in {"type_r", "reverse"} else ""
    tracks: dict[str, cw.Track] = {}
    for path in encoder.encodable:
        mine = samples.of(path)
        if len(mine) and path != shared:  # it shares a field with a signal of another message's timing
            order = np.argsort(mine.t_ns, kind="stable")
            tracks[path] = cw.Track(mine.t_ns[order], mine.value[order])
    frames = encoder.encode(tracks, int(samples.t_ns.min()), int(samples.t_ns.max()))
    decoder = cw.VehicleDecoder(decoded.vehicle, clock=cw.Clock.RELATIVE)
    again = decoder.decode(frames)
    assert not [m.name for m in decoder.message_counts if m.corrupt or m.lost or m.stuck or m.shorter]
    for path, track in tracks.items():
        back = again.of(path)
        half = decoded.vehicle.signals[decoded.vehicle.numbers[path]].resolution / 2
        assert len(back), path
        assert len(back.good) == len(back), path
        wanted = track.at(back.t_ns)
        assert (np.abs(back.value - wanted) <= half + 1e-6 * np.maximum(1, np.abs(wanted))).all(), path


def test_no_value_goes_out_and_comes_back_as_no_value(load: Load) -> None:
    """Also where the number that stands for it is none that the wire could carry, as of a cell at 0 V."""
    vehicle = load("phev_start").vehicle
    path = "Vehicle.Powertrain.TractionBattery.CellVoltage.Max"
    track = cw.Track(np.array([0, NS], np.int64), np.array([np.nan, 3.95]))
    frames = cw.VehicleEncoder(vehicle).encode({path: track}, 0, 2 * NS)
    back = cw.VehicleDecoder(vehicle, clock=cw.Clock.RELATIVE).decode(frames).of(path)
    late = back.t_ns >= NS
    assert set(back.quality[~late].tolist()) == {cw.Quality.INVALID}
    assert back.value[late] == pytest.approx(3.95)


@pytest.mark.parametrize("suffix", [".asc", ".blf", ".trc", ".log"])
@pytest.mark.parametrize("log", ["noecu", "phev_start"])
def test_what_python_can_writes_of_it_gives_the_same(load: Load, log: str, suffix: str, tmp_path: Path) -> None:
    decoded = load(log)
    frames = decoded.frames.sorted_by_time()
    t_s = (frames.t_ns - int(frames.t_ns[0])) / NS + (0 if suffix == ".trc" else 1_600_000_000)
    path = tmp_path / f"copy{suffix}"
    with can.Logger(str(path)) as logger:
        for i in range(len(frames)):
            bus, data = int(frames.bus[i]) + (suffix == ".trc"), frames.data[i, : frames.size[i]].tobytes()
            can_id = int(frames.id[i])
            logger.on_message_received(
                can.Message(timestamp=t_s[i], arbitration_id=can_id, is_extended_id=False, data=data, channel=bus)
            )
    copy, _ = cw.read_log(path)
    assert np.array_equal(copy.id, frames.id)
    assert np.array_equal(copy.data, frames.data)
    elapsed = copy.t_ns - copy.t_ns[0] - (frames.t_ns - frames.t_ns[0])
    assert np.abs(elapsed).max() <= (1_000_000 if suffix == ".trc" else 1_000)  # what the other program writes
    car, buses = RECORDINGS[log].car or "", RECORDINGS[log].buses
    direct = cw.VehicleDecoder(cw.load_vehicle(car), buses=buses, clock=frames.clock).decode(frames)
    samples = cw.read(path, car)[: len(direct)]
    assert np.array_equal(samples.signal, direct.signal)
    assert np.array_equal(samples.value, direct.value, equal_nan=True)
