"""Recorded logs of three makers: every frame, every id, every stamp."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from commonwheel.wire.frames import Clock
from commonwheel.wire.logs import LineKind, LogFormat, open_log, read_log

pytestmark = pytest.mark.real

_UTC, _REL, _ORDER = Clock.UTC, Clock.RELATIVE, Clock.ORDER
_CANDUMP, _TRC, _CRTD, _GVRET = LogFormat.CANDUMP, LogFormat.PCAN_TRC, LogFormat.CRTD, LogFormat.GVRET

_Log: TypeAlias = tuple[str, LogFormat, int, int, Clock, str, str, float]
_LOGS: list[_Log] = [
    ("honda-civic-8gen/vsslog.log", _CANDUMP, 33740, 23, _UTC, "1747949265.530411", "1747949297.407310", 31.876899),
    ("honda-civic-8gen/revlog.log", _CANDUMP, 13762, 23, _UTC, "1735329625.329586", "1735329638.332278", 13.002692),
    ("honda-civic-8gen/startandturnwheel.trc", _TRC, 8248, 23, _REL, "182.9", "7998.1", 7.8152),
    ("honda-civic-8gen/noecu.log", _CANDUMP, 1186, 9, _UTC, "1735328906.356099", "1735328909.798685", 3.442586),
    (
        "honda-civic-type-r-2019/turnonanddrive.log",
        _CANDUMP,
        28835,
        57,
        _UTC,
        "1674148739.212264",
        "1674148804.694207",
        65.481943,
    ),
    ("honda-unknown/sample-can.log", _CANDUMP, 6158, 34, _UTC, "1398128223.803317", "1398128227.061308", 3.257991),
    ("nissan-leaf-2011/leaf_on_Driveincircle_off.txt", _CRTD, 67313, 25, _REL, "338.194004", "426.534029", 88.340025),
    (
        "nissan-leaf-2011/leafon_driveforward10m_stop_leafoff.csv",
        _GVRET,
        20763,
        25,
        _REL,
        "44361873",
        "72417984",
        28.056111,
    ),
    ("nissan-leaf-2011/pumpbrake5timesinpark.csv", _GVRET, 8189, 23, _REL, "4877006303", "4305832807", -571.173496),
    ("mitsubishi-outlander-phev/DRIVING1.csv", _GVRET, 14712, 56, _ORDER, "96291", "73651291", 73.555),
    (
        "mitsubishi-outlander-phev/202109061515-steering-lock-to-lock.csv",
        _GVRET,
        19871,
        123,
        _REL,
        "239164800",
        "245030600",
        5.8658,
    ),
    (
        "mitsubishi-imiev/iCarSoft-Max-Actuate-5x-Fan-High.log",
        _CANDUMP,
        54212,
        52,
        _UTC,
        "1660146828.100594",
        "1660146861.459330",
        33.358736,
    ),
    (
        "mitsubishi-lancer-ralliart/smalldriveinlot.log",
        _CANDUMP,
        40163,
        41,
        _UTC,
        "1666123359.911266",
        "1666123382.478531",
        22.567265,
    ),
    (
        "mitsubishi-lancer-ralliart/shiftintoreverse.log",
        _CANDUMP,
        22740,
        41,
        _UTC,
        "1666123394.184088",
        "1666123406.959912",
        12.775824,
    ),
    (
        "mitsubishi-lancer-ralliart/realpedalupdown.log",
        _CANDUMP,
        15600,
        41,
        _UTC,
        "1666123185.925988",
        "1666123194.690285",
        8.764297,
    ),
]


@pytest.mark.parametrize("log", _LOGS, ids=lambda log: log[0])
def test_a_recorded_log_parses_completely(shared: Path, log: _Log) -> None:
    name, kind, n, ids, clock, first, last, span_s = log
    frames, report = read_log(shared / "logs" / name)
    assert report.format is kind
    assert (len(frames), report.frames, report.bad) == (n, n, 0)
    assert len(np.unique(frames.id)) == ids
    assert frames.clock is report.clock is clock
    assert (report.first_stamp, report.last_stamp) == (first, last)
    assert int(frames.t_ns[-1] - frames.t_ns[0]) == round(span_s * 1e9)
    assert report.frames + report.reported == report.lines
    assert set(report.problems) <= {LineKind.HEADER, LineKind.COMMENT}
    assert frames.width == 8
    assert report.damage is None
    with open_log(shared / "logs" / name, chunk_bytes=50_000) as reader:
        assert sum(map(len, reader)) == n


def test_wall_clock_times_are_exact(shared: Path) -> None:
    frames, report = read_log(shared / "logs/honda-civic-8gen/vsslog.log")
    assert int(frames.t_ns[0]) == 1747949265530411000
    assert int(frames.t_ns[-1]) == 1747949297407310000
    assert report.buses == {0: "can0"}
    assert int((np.diff(frames.t_ns) == 0).sum()) == 9761


def test_the_crtd_log_has_one_comment(shared: Path) -> None:
    _, report = read_log(shared / "logs/nissan-leaf-2011/leaf_on_Driveincircle_off.txt")
    comments = report.problems[LineKind.COMMENT]
    assert (comments.count, comments.first_lines, report.reported) == (1, [1], 1)


def test_two_buses_interleaved_in_blocks_run_back_between_buses_only(shared: Path) -> None:
    name = "logs/mitsubishi-outlander-phev/202109061515-steering-lock-to-lock.csv"
    frames, report = read_log(shared / name)
    steps = report.backward_steps
    assert (steps.count, steps.within_bus, steps.largest_ns) == (2854, 0, 34_200_000)
    assert np.bincount(frames.bus).tolist() == [11826, 8045]


def test_a_device_counter_that_starts_over_is_named(shared: Path) -> None:
    frames, report = read_log(shared / "logs/nissan-leaf-2011/pumpbrake5timesinpark.csv")
    steps = report.backward_steps
    assert (steps.count, steps.within_bus, steps.first_lines) == (1, 1, [47])
    assert steps.largest_ns == 4877_057_420_000 - 4295_284_352_000
    assert any("32-bit counter" in note for note in report.notes)
    assert int(np.flatnonzero(np.diff(frames.t_ns) < 0)[0]) == 44


def test_a_made_up_time_axis_is_named(shared: Path) -> None:
    _, report = read_log(shared / "logs/mitsubishi-outlander-phev/DRIVING1.csv")
    assert any("exactly 5000 us" in note for note in report.notes)


def test_a_trace_says_when_it_began(shared: Path) -> None:
    _, report = read_log(shared / "logs/honda-civic-8gen/startandturnwheel.trc")
    assert report.start == "2025-05-13 16:51:56.137"
