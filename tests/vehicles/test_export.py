"""Samples as tables and files: what is in them, in every format, whole or not at all."""

from __future__ import annotations

import csv
import itertools
import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commonwheel.errors import MissingExtraError, OutputError
from commonwheel.vehicles import samples as samples_module
from commonwheel.vehicles.export import SUFFIXES, SampleWriter, schema
from commonwheel.vehicles.model import SignalInfo
from commonwheel.vehicles.samples import Quality, Samples
from commonwheel.wire.frames import Clock

MS = 1_000_000
every_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


def signal(path: str, unit: str = "", how: str = "from", labels: tuple[str, ...] = ()) -> SignalInfo:
    return SignalInfo(path, unit, "float", "sensor", how, (), "assumed (a test)", labels)


TABLE = (
    signal("Vehicle.Speed", "km/h"),
    signal("Vehicle.Gear", labels=("PARK", "DRIVE")),
    signal("Vehicle.Name", how="text"),
    signal("Vehicle.Air", "Celsius"),
    signal("Vehicle.Key", labels=("OFF", "ON")),
)
NAN = math.nan
ROWS: list[tuple[int, int, float, Quality]] = [
    (0, 0, 10.5, Quality.GOOD),
    (0, 1, 1.0, Quality.GOOD),
    (50, 2, 0.0, Quality.GOOD),
    (100, 0, NAN, Quality.INVALID),
    (120, 4, 0.0, Quality.STALE),
    (130, 1, NAN, Quality.INVALID),
    (250, 0, 30.0, Quality.GOOD),
    (260, 2, 1.0, Quality.GOOD),
    (300, 2, NAN, Quality.CORRUPT),
    (310, 3, -5.25, Quality.GOOD),
]
TEXTS = ["first", "zweiter: \"ü\", 'x'"]


def batch(rows: list[tuple[int, int, float, Quality]] = ROWS, *, clock: Clock = Clock.RELATIVE) -> Samples:
    columns = list(zip(*rows, strict=True)) or [()] * 4
    return Samples(
        np.array(columns[0], np.int64) * MS,
        np.array(columns[1], np.int32),
        np.array(columns[2], np.float64),
        np.array(columns[3], np.uint8),
        TABLE,
        clock,
        TEXTS,
    )


def plain(table: pa.Table) -> list[tuple[object, ...]]:
    """Return (ms, signal, value, label, unit, quality) of each row."""
    table = table.set_column(0, "time", table["time"].cast(pa.int64()))
    rows: Any = table.to_pylist()
    return [(row["time"] // MS, *list(row.values())[1:]) for row in rows]


EXPECTED = [
    (0, "Vehicle.Speed", 10.5, None, "km/h", "GOOD"),
    (0, "Vehicle.Gear", 1.0, "DRIVE", "", "GOOD"),
    (50, "Vehicle.Name", None, TEXTS[0], "", "GOOD"),
    (100, "Vehicle.Speed", None, None, "km/h", "INVALID"),
    (120, "Vehicle.Key", 0.0, "OFF", "", "STALE"),
    (130, "Vehicle.Gear", None, None, "", "INVALID"),
    (250, "Vehicle.Speed", 30.0, None, "km/h", "GOOD"),
    (260, "Vehicle.Name", None, TEXTS[1], "", "GOOD"),
    (300, "Vehicle.Name", None, None, "", "CORRUPT"),
    (310, "Vehicle.Air", -5.25, None, "Celsius", "GOOD"),
]

# ---- tables ---------------------------------------------------------------------------------------------------------


def test_the_long_table_has_numbers_labels_texts_and_nulls() -> None:
    assert plain(batch().to_arrow()) == EXPECTED


@pytest.mark.parametrize(
    ("clock", "kind"),
    [(Clock.UTC, pa.timestamp("ns", tz="UTC")), (Clock.RELATIVE, pa.duration("ns")), (Clock.ORDER, pa.int64())],
)
def test_the_clock_decides_what_the_time_column_is(clock: Clock, kind: pa.DataType) -> None:
    assert batch(clock=clock).to_arrow().schema.equals(schema(clock))
    assert schema(clock).field("time").type == kind
    assert batch([], clock=clock).to_arrow().num_rows == 0


def test_arrow_accepts_every_table() -> None:
    """Made of numpy's memory by hand, so Arrow itself has to look at it."""
    for rows in (ROWS, ROWS[:1], ROWS[3:4], []):
        batch(rows).to_arrow().validate(full=True)
        batch(rows).wide().validate(full=True)


def test_frames_of_pandas_and_polars_hold_the_same() -> None:
    one, other = batch().to_pandas(), batch().to_polars()
    assert isinstance(one, pd.DataFrame)
    assert isinstance(other, pl.DataFrame)
    assert one["value"].tolist()[6] == other["value"].to_list()[6] == 30.0
    assert one["label"].tolist()[2] == other["label"].to_list()[2] == TEXTS[0]


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_a_library_that_is_not_installed_is_an_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    samples_module._import.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingExtraError, match=f"pip install 'commonwheel\\[{name}\\]'"):
        getattr(batch(), f"to_{name}")()
    samples_module._import.cache_clear()


def test_the_wide_table_holds_the_last_good_value_until_it_is_none() -> None:
    """One row every 100 ms, until all values are in; null before the first and behind any that is not good."""
    wide = batch().wide(100)
    assert wide.column_names == ["time", "Vehicle.Speed", "Vehicle.Gear", "Vehicle.Name", "Vehicle.Air", "Vehicle.Key"]
    columns = {name: wide[name].to_pylist() for name in wide.column_names[1:]}
    assert [(t or 0) // MS for t in wide["time"].cast(pa.int64()).to_pylist()] == [0, 100, 200, 300, 400]
    assert columns["Vehicle.Speed"] == [10.5, None, None, 30.0, 30.0]
    assert columns["Vehicle.Gear"] == [1.0, 1.0, None, None, None]
    assert columns["Vehicle.Name"] == [None, TEXTS[0], TEXTS[0], None, None]
    assert columns["Vehicle.Air"] == [None, None, None, None, -5.25]
    assert columns["Vehicle.Key"] == [None] * 5


def test_the_order_of_the_samples_does_not_matter_to_the_wide_table() -> None:
    samples = batch()
    assert samples[np.arange(len(samples))[::-1]].wide(50).to_pylist() == samples.wide(50).to_pylist()


def test_a_wide_table_of_nothing_has_a_time_column() -> None:
    assert batch([]).wide().column_names == ["time"]


def test_without_times_the_wide_table_has_a_thousand_rows() -> None:
    rows = [(i, 0, float(i), Quality.GOOD) for i in range(5000)]
    table = batch(rows, clock=Clock.ORDER).wide()
    assert 1000 <= table.num_rows <= 1002
    assert table["Vehicle.Speed"].to_pylist()[-1] == 4999.0


@pytest.mark.parametrize("period", [0.0, -5.0, NAN, math.inf, 1e12])
def test_a_period_has_to_be_positive_and_finite(period: float) -> None:
    with pytest.raises(OutputError, match="has to be positive"):
        batch().wide(period)


def test_a_wide_table_that_would_be_huge_is_refused() -> None:
    rows = [(0, 0, 1.0, Quality.GOOD), (10**9, 1, 1.0, Quality.GOOD)]
    with pytest.raises(OutputError, match="is too large; choose a longer period"):
        batch(rows).wide(0.001)


# ---- files ----------------------------------------------------------------------------------------------------------

Read = Callable[[Path], list[tuple[object, ...]]]


def _number(text: str) -> float | None:
    return float(text) if text else None


def read_csv(path: Path) -> list[tuple[object, ...]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        (round(float(r["time"]) * 1000), r["signal"], _number(r["value"]), r["label"] or None, r["unit"], r["quality"])
        for r in rows
    ]


def read_json(path: Path) -> list[tuple[object, ...]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(round(row["time"] * 1000), *list(row.values())[1:]) for row in rows]


READ: dict[str, Read] = {
    ".parquet": lambda path: plain(pq.read_table(path)),
    ".arrow": lambda path: plain(pa.ipc.open_file(str(path)).read_all()),
    ".csv": read_csv,
    ".jsonl": read_json,
}


@every_suffix
@pytest.mark.parametrize("cuts", [[], [1], [3, 3, 7], list(range(1, len(ROWS)))])
def test_every_format_holds_all_samples_however_they_are_cut(tmp_path: Path, suffix: str, cuts: list[int]) -> None:
    """In batches as in one; texts that turn up later do not upset what was written before."""
    path = tmp_path / f"out{suffix}"
    edges = [0, *cuts, len(ROWS)]
    texts: list[str] = []
    with SampleWriter(path, Clock.RELATIVE) as writer:
        for begin, end in itertools.pairwise(edges):
            part = batch(ROWS[begin:end])
            seen = [int(value) for _, number, value, _ in ROWS[begin:end] if number == 2 and not math.isnan(value)]
            texts.extend(TEXTS[number] for number in seen)
            writer.write(Samples(part.t_ns, part.signal, part.value, part.quality, TABLE, part.clock, list(texts)))
    assert READ[suffix](path) == EXPECTED
    assert writer.rows == len(ROWS)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@every_suffix
def test_polars_reads_what_is_written(tmp_path: Path, suffix: str) -> None:
    """It knows no dictionary that grows from batch to batch."""
    path = tmp_path / f"out{suffix}"
    with SampleWriter(path, Clock.RELATIVE) as writer:
        for begin in range(0, len(ROWS), 3):
            part = batch(ROWS[begin : begin + 3])
            texts = TEXTS[: 1 if begin < 6 else 2]
            writer.write(Samples(part.t_ns, part.signal, part.value, part.quality, TABLE, part.clock, texts))
    readers: dict[str, Any] = {".parquet": pl.read_parquet, ".arrow": pl.read_ipc, ".csv": pl.read_csv}
    frame: pl.DataFrame = readers.get(suffix, pl.read_ndjson)(path)
    assert [label or None for label in frame["label"].to_list()] == [row[3] for row in EXPECTED]


@every_suffix
def test_nothing_written_is_a_file_without_rows(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with SampleWriter(path, Clock.RELATIVE):
        pass
    assert READ[suffix](path) == []


@every_suffix
def test_wide_tables_are_written_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with SampleWriter(path, Clock.RELATIVE) as writer:
        writer.write_table(batch().wide(100))
    assert path.stat().st_size > 50
    if suffix == ".csv":
        assert path.read_text().splitlines()[0].startswith('"time","Vehicle.Speed"')


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_wall_clock_times_keep_their_nanoseconds(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    moment = Samples(
        np.array([1_660_146_828_100_594_001]),
        np.zeros(1, np.int32),
        np.ones(1),
        np.zeros(1, np.uint8),
        TABLE,
        Clock.UTC,
        [],
    )
    with SampleWriter(path) as writer:
        writer.write(moment)
    assert ":48.100594001Z" in path.read_text()


def test_a_file_that_is_there_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("what was there before")
    with SampleWriter(path, Clock.RELATIVE) as writer:
        writer.write(batch())
        assert path.read_text() == "what was there before"
    assert READ[".csv"](path) == EXPECTED


# ---- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("out.xlsx", "the suffix '.xlsx' is no format; use one of .parquet, .arrow, .csv, .jsonl"),
        ("out", "the suffix '' is no format"),
        ("folder.csv", "is a folder"),
        ("nowhere/out.csv", "cannot be written: there is no folder"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_anything_is_done(tmp_path: Path, name: str, phrase: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError) as caught:
        SampleWriter(tmp_path / name)
    assert phrase in str(caught.value)


@every_suffix
def test_an_error_on_the_way_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    kept = tmp_path / f"out{suffix}"
    kept.write_text("before")

    def fail(error: type[BaseException]) -> None:
        with SampleWriter(kept, Clock.RELATIVE) as writer:
            writer.write(batch())
            raise error

    for error in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(error):
            fail(error)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(kept.name, "before")]


@every_suffix
def test_a_folder_where_nobody_may_write(suffix: str) -> None:
    with pytest.raises(OutputError, match="cannot be written"), SampleWriter(Path(f"/proc/out{suffix}")) as writer:
        writer.write(batch())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few kilobytes; the test is skipped where none can be made."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)  # noqa: S607 - whatever this system calls by the name


def noise(n: int) -> Samples:
    """Return samples that no compression makes small."""
    rng = np.random.default_rng(1)
    zeros = np.zeros(n, np.int32)
    return Samples(
        rng.integers(0, 10**15, n), zeros, rng.normal(size=n), zeros.astype(np.uint8), TABLE, Clock.RELATIVE, []
    )


@every_suffix
def test_a_full_disk_leaves_nothing_half_written(small_disk: Path, suffix: str) -> None:
    """Whether it fills up on the way or at the very end; and what was there before stays."""
    path = small_disk / f"out{suffix}"
    path.write_text("before")

    def fill(batches: int) -> None:
        with SampleWriter(path, Clock.RELATIVE) as writer:
            for _ in range(batches):
                writer.write(noise(20_000))

    for batches in (1, 5):
        with pytest.raises(OutputError, match="No space left on device"):
            fill(batches)
        assert [(p.name, p.read_text()) for p in small_disk.iterdir()] == [(path.name, "before")]


@every_suffix
def test_a_disk_that_fails_at_the_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    writer = SampleWriter(tmp_path / f"out{suffix}", Clock.RELATIVE)
    writer.write(batch())
    with pytest.raises(OutputError, match="Input/output error; nothing was left there"):
        writer.close()
    assert list(tmp_path.iterdir()) == []
