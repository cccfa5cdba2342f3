"""Frames folded by message: exactly what a loop over them would find, in bounded memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.web import frame_monitor
from commonwheel.web.frame_monitor import FrameMonitor, monitor_of
from commonwheel.wire.frames import EXTENDED_FLAG, Frames

Rows = list[tuple[int, int, int, bytes]]


class Bus:
    """Frames from a test."""

    def __init__(self) -> None:
        self.taps: list[Callable[[Frames], None]] = []

    def listen(self, tap: Callable[[Frames], None]) -> Callable[[], None]:
        self.taps.append(tap)
        return lambda: self.taps.remove(tap)

    def send(self, rows: Rows) -> None:
        for tap in tuple(self.taps):
            tap(Frames.build(rows))


def listening(bus: Bus, clock: Callable[[], float] = time.monotonic) -> FrameMonitor:
    monitor = FrameMonitor(bus, clock)
    monitor.hold()
    return monitor


def rows_of(payloads: list[bytes], can_id: int = 0x100, bus: int = 0, step_ns: int = 1000) -> Rows:
    return [(i * step_ns, bus, can_id, payload) for i, payload in enumerate(payloads)]


FRAMES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([0x1, 0x100, 0x1 | EXTENDED_FLAG]), st.binary(max_size=8)),
    max_size=60,
)


@given(st.lists(FRAMES, max_size=6))
def test_rows_are_what_a_loop_over_the_frames_finds(batches: list[list[tuple[int, int, bytes]]]) -> None:
    bus = Bus()
    monitor = listening(bus)
    last: dict[int, bytes] = {}
    count: dict[int, int] = {}
    moved: dict[int, int] = {}
    version: dict[int, int] = {}
    t_ns = 0
    for batch in batches:
        rows: Rows = []
        for number, can_id, payload in batch:
            t_ns += 1000
            rows.append((t_ns, number, can_id, payload))
            key = number << 32 | can_id
            before = last.get(key)
            wide = int.from_bytes(payload.ljust(8, b"\0"), "little")
            if before is not None:
                moved[key] = moved.get(key, 0) | wide ^ int.from_bytes(before.ljust(8, b"\0"), "little")
            version[key] = version.get(key, 0) + (payload != before)
            last[key] = payload
            count[key] = count.get(key, 0) + 1
        bus.send(rows)
    table = monitor.table()
    found = {int(key): i for i, key in enumerate(table.key)}
    assert set(found) == set(last)
    for key, i in found.items():
        assert table.data[i, : table.size[i]].tobytes() == last[key]
        assert not table.data[i, table.size[i] :].any()
        assert table.count[i] == count[key]
        assert table.version[i] == version[key]
        assert int.from_bytes(table.moved[i, :8].tobytes(), "little") == moved.get(key, 0)
    assert table.frames == sum(count.values())
    monitor.release()


def test_a_batch_may_be_used_again_by_who_gave_it() -> None:
    bus = Bus()
    monitor = listening(bus)
    frames = Frames.build(rows_of([b"\x01\x02"]))
    bus.taps[0](frames)
    frames.data[:] = 0xFF
    assert monitor.payload(0x100) == (0, b"\x01\x02", 1)


def test_frames_of_all_lengths_share_a_table() -> None:
    bus = Bus()
    monitor = listening(bus)
    bus.send(rows_of([b"\x01" * 8]))
    bus.send(rows_of([b"\x02" * 64], 0x200))
    bus.send(rows_of([b"\x03" * 3]))
    table = monitor.table()
    assert [table.data[i, : table.size[i]].tobytes() for i in range(2)] == [b"\x03" * 3, b"\x02" * 64]


def test_rates_are_measured_over_the_last_seconds() -> None:
    """Over at most three of them, and a message that falls silent comes to rest."""
    now = [0.0]
    bus = Bus()
    monitor = listening(bus, lambda: now[0])
    for _ in range(40):
        now[0] += 0.25
        bus.send(rows_of([b"\0"] * 25))
        monitor.table()
    assert abs(monitor.table().rate[0] - 100.0) < 1.0
    for _ in range(20):
        now[0] += 0.25
        monitor.table()
    assert monitor.table().rate[0] == 0.0


def test_the_last_seconds_are_kept_and_no_more() -> None:
    bus = Bus()
    monitor = listening(bus)
    second = 10**9
    for at in range(100):
        bus.send([(at * second, 0, 0x100, bytes([at]))])
        monitor.table()
    kept = monitor.recent(1000).frames
    assert kept.t_ns[-1] == 99 * second
    assert 99 - frame_monitor.KEPT_S - 1 <= kept.t_ns[0] / second <= 99 - frame_monitor.KEPT_S + 1
    assert monitor.recent(5).frames.t_ns.tolist() == [at * second for at in range(94, 100)]


def test_what_came_after_is_found_with_what_changed() -> None:
    bus = Bus()
    monitor = listening(bus)
    bus.send(rows_of([b"\x01", b"\x01", b"\x02"]))
    first = monitor.after(0)
    assert first.changed.tolist() == [True, False, True]
    bus.send(rows_of([b"\x02", b"\x03"]))
    later = monitor.after(first.end)
    assert later.frames.data[:, 0].tolist() == [2, 3]
    assert later.changed.tolist() == [False, True]
    assert len(monitor.after(later.end).frames) == 0


def test_more_ids_than_there_are_rows_are_counted() -> None:
    """Whoever sends all ids there are fills a table, not the memory."""
    bus = Bus()
    monitor = listening(bus)
    most = frame_monitor.MOST_MESSAGES
    bus.send([(i, 0, i | EXTENDED_FLAG, b"\0") for i in range(most + 500)])
    bus.send([(i, 0, i | EXTENDED_FLAG, b"\1") for i in range(most + 500)])
    table = monitor.table()
    assert len(table.key) == most
    assert table.others == 1000
    assert table.count.sum() + table.others == table.frames


def test_many_frames_are_folded_while_nobody_asks() -> None:
    bus = Bus()
    monitor = listening(bus)
    for i in range(40):
        frames = Frames.empty(1000)
        frames.t_ns[:] = i
        frames.id[:] = np.arange(1000) % 50
        bus.taps[0](frames)
        assert monitor._waiting_count < frame_monitor.FOLD_FRAMES
    assert monitor.table().count.tolist() == [800] * 50


def test_it_listens_only_while_somebody_looks() -> None:
    """And all who look share it; the last one to go gives the memory back."""
    bus = Bus()
    one, other = monitor_of(bus), monitor_of(bus)
    assert one is other
    assert not bus.taps
    one.hold()
    other.hold()
    assert len(bus.taps) == 1
    bus.send(rows_of([b"\1"]))
    one.release()
    assert other.table().frames == 1
    other.release()
    assert not bus.taps
    assert one.table().frames == 0


def test_a_monitor_does_not_outlive_its_gateway() -> None:
    bus = Bus()
    monitor_of(bus)
    before = len(frame_monitor._MONITORS)
    del bus
    gc.collect()
    assert len(frame_monitor._MONITORS) < before
