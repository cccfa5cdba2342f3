"""A recording played as if the car drove now."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from commonwheel.broker import Broker, Overflow, Queue
from commonwheel.catalog import load_catalog
from commonwheel.errors import LogError
from commonwheel.gateway.car import CarGateway
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.player import PlayTime, car_of
from commonwheel.gateway.sources import ReplaySource
from commonwheel.vehicles import Quality, Vehicle, load_vehicle
from commonwheel.vehicles.reading import read
from commonwheel.wire.frames import Frames
from tests.gateway.kit import SPEED, VOLTAGE, small_car, small_leave, until

BUSES = {0: "drive", 1: "power"}


@pytest.fixture(scope="module")
def vehicle(tmp_path_factory: pytest.TempPathFactory) -> Vehicle:
    return small_car(tmp_path_factory.mktemp("car"))


def recording(folder: Path, *rows: tuple[float, int, str], name: str = "drive.log", start: float = 1e9) -> Path:
    """Write (seconds, bus, speed or voltage in hundredths as hexadecimal) as a candump log."""
    path = folder / name
    path.write_text("".join(f"({start + t:.6f}) can{bus} 100#{data}000000000000\n" for t, bus, data in rows))
    return path


def hundredths(number: int) -> str:
    return f"{number:04X}"


class Played:
    """A replay and everything its broker hands on."""

    def __init__(self, vehicle: Vehicle, source: ReplaySource, paths: tuple[str, ...] = (SPEED, VOLTAGE)) -> None:
        self.broker = Broker(load_catalog())
        self.gateway = CarGateway(vehicle, self.broker, source)
        self.frames: list[Frames] = []
        self.gateway.listen(self.frames.append)
        self._numbers = {self.broker.table.number(path): path for path in paths}
        queue = Queue(1_000_000, 10_000_000, Overflow.NEWEST)
        self._subscription = self.broker.subscribe(list(self._numbers), queue=queue, initial=False)
        self.rows: list[tuple[str, int, float, int]] = []

    def take(self) -> list[tuple[str, int, float, int]]:
        """Return (path, UTC ns, value, quality) of all that came so far."""
        for batch in self._subscription.take().batches:
            columns = batch.signal.tolist(), batch.t_ns.tolist(), batch.value.tolist(), batch.quality.tolist()
            self.rows += [(self._numbers[s], t, v, q) for s, t, v, q in zip(*columns, strict=True)]
        return self.rows

    def __enter__(self) -> Played:  # noqa: PYI034 - it is not derived from
        self.gateway.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.stop()


def test_values_come_at_the_present_time_as_far_apart_as_they_were(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, *((i / 50, 0, hundredths(i * 100)) for i in range(11)))
    began = time.time_ns()
    with Played(vehicle, ReplaySource(path, buses=BUSES)) as played:
        assert played.gateway.finished.wait(20)
        ended = time.time_ns()
        good = [row for row in played.take() if row[3] == Quality.GOOD]
    assert [value for _, _, value, _ in good] == list(range(11))
    times = [t for _, t, _, _ in good]
    assert began <= times[0]
    assert times[-1] <= ended
    assert np.diff(times).tolist() == pytest.approx([20_000_000] * 10, abs=1000)


@pytest.mark.parametrize("rate", [0.5, 10.0])
def test_a_rate_stretches_what_is_published_not_what_is_late(vehicle: Vehicle, tmp_path: Path, rate: float) -> None:
    """Messages 100 ms apart with a timeout of 150 ms never grow stale, also where 200 ms pass in between."""
    path = recording(tmp_path, *((i / 10, 0, hundredths(100)) for i in range(4)))
    with Played(vehicle, ReplaySource(path, rate, buses=BUSES)) as played:
        assert played.gateway.finished.wait(20)
        rows = played.take()
    assert [quality for *_, quality in rows[:4]] == [Quality.GOOD] * 4
    assert np.diff([t for _, t, _, _ in rows[:4]]).tolist() == pytest.approx([1e8 / rate] * 3, abs=1000)


def test_at_its_end_time_goes_on_and_all_grows_stale(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, (0, 0, "0064"), (0.01, 1, "04B0"))
    with Played(vehicle, ReplaySource(path, None, buses=BUSES)) as played:
        assert played.gateway.finished.wait(20)
        until(lambda: any(q == Quality.STALE for *_, q in played.take()))
        stale = [row for row in played.take() if row[3] == Quality.STALE]
    assert [(path, value) for path, _, value, _ in stale] == [(SPEED, 1.0)]  # the voltage has no timeout


def test_silence_within_the_recording_is_silence_now(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, (0, 0, "0064"), (0.4, 0, "00C8"))
    with Played(vehicle, ReplaySource(path, buses=BUSES)) as played:
        until(lambda: len(played.take()) >= 2)
        first, stale = played.take()[:2]
        assert stale[3] == Quality.STALE
        assert stale[1] - first[1] == pytest.approx(150_000_000, abs=1000)
        until(lambda: len(played.take()) >= 3)


def test_a_loop_starts_over_without_a_jump(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, *((i / 100, i % 2, hundredths(100 + i)) for i in range(10)))
    with Played(vehicle, ReplaySource(path, 10.0, loop=True, buses=BUSES)) as played:
        until(lambda: len(played.take()) >= 45)
        facts = played.gateway.facts()
    rows = played.rows[:45]
    assert [round(value * 100) for _, _, value, _ in rows] == [100 + i % 10 for i in range(45)]
    assert (np.diff([t for _, t, _, _ in rows]) > 0).all()
    assert {quality for *_, quality in rows} == {Quality.GOOD}
    assert facts["loops"] >= 4  # type: ignore[operator]
    assert not played.gateway.finished.is_set()


def test_as_fast_as_possible_nothing_is_lost_and_no_time_lies_ahead(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, *((i / 100, 0, hundredths(i % 30_000)) for i in range(60_000)))
    began = time.time_ns()
    with Played(vehicle, ReplaySource(path, None, buses=BUSES)) as played:
        assert played.gateway.finished.wait(20)
        ended = time.time_ns()
        good = [row for row in played.take() if row[3] == Quality.GOOD]
    assert len(good) == 60_000
    times = np.array([t for _, t, _, _ in good])
    assert (np.diff(times) >= 0).all()
    assert times[0] >= began
    assert times[-1] <= ended
    assert max(map(len, played.frames)) <= 2000


def test_readers_that_keep_up_lose_nothing_at_full_speed(vehicle: Vehicle, tmp_path: Path) -> None:
    """Their queues hold less than the recording; it waits for them, but never for long."""
    path = recording(tmp_path, *((i / 100, 0, hundredths(i % 30_000)) for i in range(40_000)))
    broker = Broker(load_catalog())
    gateway = CarGateway(vehicle, broker, ReplaySource(path, None, buses=BUSES))
    import threading

    woken = threading.Event()
    number = broker.table.number(SPEED)
    hung = broker.subscribe([number], queue=Queue(updates=4_000), initial=False)
    reader = broker.subscribe([number], queue=Queue(updates=8_000), wake=woken.set, initial=False)
    gateway.start()
    taken = lost = 0
    while taken + lost < 40_000:
        woken.wait(0.1)
        woken.clear()
        found = reader.take()
        taken, lost = taken + sum(map(len, found.batches)), lost + found.dropped
        if gateway.finished.is_set() and not reader.depth:
            break
    gateway.stop()
    assert lost == 0
    assert hung.dropped > 0


def test_a_clock_that_jumps_back_does_not_hold_it_up(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, (4000, 0, "0064"), (4000.01, 0, "00C8"), (0.5, 0, "012C"), (0.51, 0, "0190"))
    with Played(vehicle, ReplaySource(path, buses=BUSES)) as played:
        assert played.gateway.finished.wait(20)
        good = [row for row in played.take() if row[3] == Quality.GOOD]
    assert [value for _, _, value, _ in good] == [1, 2, 3, 4]
    assert max(np.diff([t for _, t, _, _ in good])) < 50_000_000


def test_a_recording_without_times_is_played_at_the_stated_pace(vehicle: Vehicle, tmp_path: Path) -> None:
    path = tmp_path / "plain.log"
    path.write_text("".join(f"can0  100   [8]  {i:02X} 00 00 00 00 00 00 00\n" for i in range(20)))
    with Played(vehicle, ReplaySource(path, buses=BUSES, frames_per_second=200)) as played:
        assert played.gateway.finished.wait(20)
        rows = played.take()
    assert len(rows) == 20
    assert np.diff([t for _, t, _, _ in rows]).tolist() == pytest.approx([5_000_000] * 19, abs=1000)


def test_a_player_that_slept_goes_on_from_there() -> None:
    """Recorded times follow one line, at any rate."""
    line = PlayTime(1000, 5000, 0.5)
    assert line.to_utc(np.array([1000, 1002, 1010])).tolist() == [5000, 5001, 5005]
    line.scale = 1.0
    assert line.to_utc(np.array([2**60 + 1])).tolist() == [2**60 + 4001]


def test_it_stops_at_once_however_long_the_next_pause_is(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, (0, 0, "0064"), (3000, 0, "00C8"))
    with Played(vehicle, ReplaySource(path, buses=BUSES)) as played:
        until(played.take)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert not played.gateway.finished.is_set()


def test_which_recorded_bus_is_which_is_found_out(vehicle: Vehicle, tmp_path: Path) -> None:
    """Only the drive bus knows id 0x101."""
    lines = [f"({1e9 + i / 100:.6f}) can4 101#{i:04X}000000000000" for i in range(300)]
    lines += [f"({1e9 + i / 100:.6f}) can4 100#{i:04X}000000000000" for i in range(300)]
    path = tmp_path / "one.log"
    path.write_text("\n".join(sorted(lines)) + "\n")
    with Played(vehicle, ReplaySource(path, None)) as played:
        assert played.gateway.finished.wait(20)
        assert {row[0] for row in played.take()} == {SPEED}
        assert played.gateway.facts()["known"] == 600


def test_a_log_that_cannot_be_read_is_refused_before_anything_runs(vehicle: Vehicle, tmp_path: Path) -> None:
    with pytest.raises(LogError, match="nothing"):
        CarGateway(vehicle, Broker(load_catalog()), ReplaySource(tmp_path / "nothing.log"))


def test_a_log_that_vanishes_between_loops_is_said_and_the_rest_lives(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, *((i / 100, 0, "0064") for i in range(50)))
    with Played(vehicle, ReplaySource(path, loop=True, buses=BUSES)) as played:
        until(played.take)
        path.unlink()
        until(lambda: played.gateway.facts()["error"])
        assert "drive.log" in str(played.gateway.facts()["error"])
        until(lambda: any(q == Quality.STALE for *_, q in played.take()))


def test_a_recording_of_another_car_is_said_once(
    vehicle: Vehicle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Else nothing tells its user why no value ever comes."""
    path = tmp_path / "other.log"
    path.write_text("".join(f"({1e9 + i / 100:.6f}) can0 7AB#0102\n" for i in range(20)))
    gateway = CarGateway(vehicle, Broker(load_catalog()), ReplaySource(path, rate=None, loop=True))
    gateway.start()
    until(lambda: int(str(gateway.facts()["loops"])) > 2)
    gateway.stop()
    said = [record.getMessage() for record in caplog.records if "is this car's" in record.getMessage()]
    assert len(said) == 1
    assert "none of the first" in said[0]


@pytest.mark.parametrize("rate", [None, 1.0])
def test_one_that_is_held_is_ready_and_plays_when_it_is_told(
    vehicle: Vehicle, tmp_path: Path, rate: float | None
) -> None:
    path = recording(tmp_path, *((i / 100, 0, hundredths(i * 100)) for i in range(20)))
    broker = Broker(load_catalog())
    gateway = CarGateway(vehicle, broker, ReplaySource(path, rate, buses=BUSES))
    gateway.hold()
    gateway.start()
    try:
        assert gateway.ready.wait(20)
        assert broker.providers, "the car's signals are claimed"
        assert not gateway.finished.wait(0.05)
        assert gateway.facts()["frames"] == 0
        told_ns = time.time_ns()
        gateway.play()
        assert gateway.finished.wait(20)
        assert gateway.facts()["frames"] == 20
        assert broker.get(broker.table.number(SPEED)).t_ns >= told_ns
    finally:
        gateway.stop()


def test_one_that_is_held_can_be_stopped(vehicle: Vehicle, tmp_path: Path) -> None:
    path = recording(tmp_path, (0, 0, hundredths(100)))
    gateway = CarGateway(vehicle, Broker(load_catalog()), ReplaySource(path, None, buses=BUSES))
    gateway.hold()
    gateway.start()
    assert gateway.ready.wait(20)
    gateway.stop()
    assert gateway.facts()["frames"] == 0
    assert not gateway.finished.is_set()


def test_a_recording_cannot_act(vehicle: Vehicle, tmp_path: Path) -> None:
    source, leave = ReplaySource(recording(tmp_path, (0, 0, "0064"))), small_leave(vehicle, tmp_path)
    with pytest.raises(GatewayError, match="a recording cannot act"):
        CarGateway(vehicle, Broker(load_catalog()), source, actuate=leave)


@pytest.mark.real
def test_which_car_made_a_recording_is_found_out(shared: Path) -> None:
    log = shared / "logs" / "nissan-leaf-2011" / "leaf_on_Driveincircle_off.txt"
    assert car_of(ReplaySource(log)).name == "nissan/leaf_ze0"


def test_a_recording_of_no_described_car_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="made by none of the described cars"):
        car_of(ReplaySource(recording(tmp_path, *((i / 100, 0, "0064") for i in range(500)))))


LEAF_DRIVE = ("nissan/leaf_ze0", "nissan-leaf-2011/leaf_on_Driveincircle_off.txt")
DRIVES = [
    LEAF_DRIVE,
    ("nissan/leaf_ze0", "nissan-leaf-2011/leafon_driveforward10m_stop_leafoff.csv"),
    ("honda/civic_gen8", "honda-civic-8gen/vsslog.log"),
    ("honda/civic_gen8", "honda-civic-8gen/startandturnwheel.trc"),
    ("honda/civic_gen10_bosch:type_r", "honda-civic-type-r-2019/turnonanddrive.log"),
    ("mitsubishi/lancer:ralliart", "mitsubishi-lancer-ralliart/smalldriveinlot.log"),
    ("mitsubishi/outlander_phev", "mitsubishi-outlander-phev/DRIVING1.csv"),
    ("mitsubishi/imiev", "mitsubishi-imiev/iCarSoft-Max-Actuate-5x-Fan-High.log"),
]


@pytest.mark.real
@pytest.mark.parametrize(("car", "log", "rate"), [*((*drive, None) for drive in DRIVES), (*LEAF_DRIVE, 100.0)])
def test_a_recorded_drive_gives_the_samples_that_decoding_it_gives(
    shared: Path, car: str, log: str, rate: float | None
) -> None:
    """What readers of a live car get is what the log holds, sample by sample, for cars of all three makers."""
    vehicle = load_vehicle(car)
    expected = read(shared / "logs" / log, vehicle)
    played = Played(vehicle, ReplaySource(shared / "logs" / log, rate), tuple(expected.paths))
    with played:
        assert played.gateway.finished.wait(60)
        rows = played.take()
    assert len(rows) >= len(expected)
    order = [vehicle.signals[i].path for i in expected.signal.tolist()]
    found = rows[: len(expected)]
    assert [row[0] for row in found] == order
    np.testing.assert_array_equal([row[2] for row in found], expected.value)
    np.testing.assert_array_equal([row[3] for row in found], expected.quality)
