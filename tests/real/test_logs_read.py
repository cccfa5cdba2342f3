"""Every recording is read whole, and every trap that one of them holds is met and told.

The expected numbers were computed on the same recordings without this project.
"""

from __future__ import annotations

import numpy as np
import pytest

from commonwheel.wire.frames import Clock
from commonwheel.wire.logs import LineKind, LogFormat
from tests.real.recordings import RECORDINGS, Load

pytestmark = pytest.mark.real

UTC, RELATIVE, ORDER = Clock.UTC, Clock.RELATIVE, Clock.ORDER
CANDUMP, GVRET = LogFormat.CANDUMP, LogFormat.GVRET


@pytest.mark.parametrize("log", RECORDINGS)
def test_every_line_is_a_frame_or_accounted_for(load: Load, log: str) -> None:
    decoded, expected = load(log), RECORDINGS[log]
    report, frames = decoded.report, decoded.frames
    assert (len(frames), report.frames) == (expected.frames, expected.frames)
    assert (report.reported, report.lines) == (expected.other_lines, expected.frames + expected.other_lines)
    assert set(report.problems) <= {LineKind.COMMENT, LineKind.HEADER}
    assert not report.damage
    pairs = np.unique(frames.bus.astype(np.int64) << 32 | frames.id)
    assert len(pairs) == expected.ids
    assert int(frames.id.max()) < 0x800  # no 29-bit id on any of them


@pytest.mark.parametrize("log", RECORDINGS)
def test_the_recording_spans_the_time_that_its_stamps_say(load: Load, log: str) -> None:
    frames = load(log).frames
    assert int(frames.t_ns[-1] - frames.t_ns[0]) == RECORDINGS[log].span_ns


@pytest.mark.parametrize(
    ("log", "log_format", "clock", "first_ns"),
    [
        ("vsslog", CANDUMP, UTC, 1_747_949_265_530_411_000),
        ("revlog", CANDUMP, UTC, 1_735_329_625_329_586_000),
        ("turnwheel", LogFormat.PCAN_TRC, RELATIVE, 0),
        ("noecu", CANDUMP, UTC, 1_735_328_906_356_099_000),
        ("type_r", CANDUMP, UTC, 1_674_148_739_212_264_000),
        ("stranger", CANDUMP, UTC, 1_398_128_223_803_317_000),
        ("circle", LogFormat.CRTD, RELATIVE, 0),
        ("forward", GVRET, RELATIVE, 0),
        ("brake", GVRET, RELATIVE, 0),
        ("phev_drive", GVRET, ORDER, 0),
        ("phev_start", GVRET, RELATIVE, 0),
        ("imiev", CANDUMP, UTC, 1_660_146_828_100_594_000),
        ("drive", CANDUMP, UTC, 1_666_123_359_911_266_000),
        ("reverse", CANDUMP, UTC, 1_666_123_394_184_088_000),
        ("pedal", CANDUMP, UTC, 1_666_123_185_925_988_000),
    ],
)
def test_format_and_clock_are_told(load: Load, log: str, log_format: LogFormat, clock: Clock, first_ns: int) -> None:
    decoded = load(log)
    assert (decoded.report.format, decoded.report.clock, decoded.frames.clock) == (log_format, clock, clock)
    assert int(decoded.frames.t_ns[0]) == first_ns
    assert decoded.samples.clock is clock if decoded.recording.car else True


@pytest.mark.parametrize("log", [log for log in RECORDINGS if log not in {"brake", "phev_start"}])
def test_time_runs_forwards(load: Load, log: str) -> None:
    assert load(log).report.backward_steps.count == 0
    assert (np.diff(load(log).frames.t_ns) >= 0).all()


def test_frames_that_share_a_stamp_are_all_kept(load: Load) -> None:
    t_ns = load("vsslog").frames.t_ns
    assert int((np.diff(t_ns) == 0).sum()) == 9_761
    assert int(np.unique(t_ns, return_counts=True)[1].max()) == 5


def test_payloads_shorter_than_eight_bytes_keep_their_length(load: Load) -> None:
    """Candump states no length, GVRET fills a short frame up with zeros, TRC pads the id of an 11-bit frame."""
    sizes = {"type_r": {0x1FB: 1}, "turnwheel": {0x039: 2, 0x305: 2}, "forward": {0x603: 1, 0x68C: 1, 0x5B9: 5}}
    for log, by_id in sizes.items():
        for can_id, size in by_id.items():
            assert set(load(log).of_id(can_id).size.tolist()) == {size}, (log, hex(can_id))


def test_the_clock_that_starts_over_is_told_and_loses_nothing(load: Load) -> None:
    """The stamps fall by 582 s behind frame 45, but the counters run on without a miss."""
    brake = load("brake")
    steps = brake.report.backward_steps
    assert (steps.count, steps.within_bus, steps.first_lines) == (1, 1, [47])  # the header is line 1
    assert steps.largest_ns == 4_877_057_420_000 - 4_295_284_352_000
    assert any("started over" in note for note in brake.report.notes)
    gear = brake.decoder.message_counts
    assert {m.name: m.lost for m in gear if m.lost} == {}
    assert next(m.frames for m in gear if m.id == 0x11A) == 1_060
    assert not any(m.stale for m in gear)
    elapsed = np.diff(brake.frames.t_ns)
    assert float(elapsed[elapsed > 0].sum()) / 1e9 == pytest.approx(0.05 + 10.55, abs=0.01)


def test_invented_times_are_told_and_serve_for_the_order_only(load: Load) -> None:
    """Every gap is 5 ms; the odometer says that frames are missing between them."""
    drive = load("phev_drive")
    assert set(np.diff(drive.frames.t_ns).tolist()) == {5_000_000}
    assert any("5000 us" in note for note in drive.report.notes)
    metres = drive.good("TraveledDistance").value
    nominal_hours = float(np.ptp(drive.frames.t_ns)) / 1e9 / 3600
    assert np.ptp(metres) / 1000 / nominal_hours == pytest.approx(132, abs=1)  # of a slow drive: no real time
    assert not any(m.stale for m in drive.decoder.message_counts)


def test_two_interleaved_buses_run_backwards_only_between_them(load: Load) -> None:
    start = load("phev_start")
    steps = start.report.backward_steps
    assert (steps.count, steps.within_bus, steps.largest_ns) == (2_854, 0, 34_200_000)
    for bus, frames in ((0, 11_826), (1, 8_045)):
        t_ns = start.frames.t_ns[start.frames.bus == bus]
        assert len(t_ns) == frames
        assert (np.diff(t_ns) >= 0).all()
    assert len(np.unique(start.frames.id)) == 123
    assert not any(m.stale or m.lost for m in start.decoder.message_counts)


def test_gaps_are_loss_and_not_corruption(load: Load) -> None:
    type_r = load("type_r")
    gaps = np.diff(type_r.frames.t_ns)
    gaps = gaps[gaps > 30_000_000]
    assert (len(gaps), int(gaps.max())) == (46, 10_006_872_000)
    assert float(gaps.sum()) / 1e9 == pytest.approx(47.88, abs=0.01)
    counts = type_r.decoder.message_counts
    assert sum(m.lost for m in counts) > 337  # frames that the counters miss
    assert sum(m.corrupt + m.stuck + m.shorter for m in counts) == 0
    assert sum(m.stale > 0 for m in counts) > 50  # nearly every message fell silent in the long gaps


@pytest.mark.parametrize("log", ["forward", "brake"])
def test_one_controller_runs_slow_and_is_not_taken_for_stale(load: Load, log: str) -> None:
    """What the vehicle controller sends comes every 10.24 and 102.4 ms, beside 10.0 and 100.0 ms of the others."""
    leaf = load(log)
    stated = {0x1DA: 10.0, 0x1DB: 10.0, 0x55B: 100.0, 0x1D4: 10.24, 0x1F2: 10.24, 0x50B: 102.4, 0x50C: 102.4}
    for can_id, period_ms in stated.items():
        assert np.median(np.diff(leaf.of_id(can_id).t_ns)) / 1e6 == pytest.approx(period_ms, rel=1e-3), hex(can_id)
    slow = {m.id: m.stale for m in leaf.decoder.message_counts if m.id in stated}
    assert all(count <= 1 for count in slow.values())  # only once the car is switched off
