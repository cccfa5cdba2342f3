"""Checksums and counters of every recording, counted exactly, by a description and by hand.

The sums are written down here once more, frame by frame in numpy, so that table, kernel and description
are held against something that shares nothing with them.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from commonwheel.vehicles import Quality
from commonwheel.wire.codec import check_frames
from commonwheel.wire.frames import Frames
from tests.real.recordings import KNOWN, Decoded, Load

pytestmark = pytest.mark.real

Bytes = npt.NDArray[np.uint8]
GEN8_LOGS, LEAF_LOGS = ("vsslog", "revlog", "turnwheel", "noecu"), ("circle", "forward", "brake")


def _nibbles(frames: Frames) -> npt.NDArray[np.int64]:
    """Sum of the digits of the id and of all nibbles but the last."""
    data, last = frames.data.astype(np.int64), frames.size.astype(np.int64) - 1
    inside = np.arange(frames.width) <= last[:, None]
    total = (np.where(inside, (data >> 4) + (data & 15), 0)).sum(axis=1) - (data[np.arange(len(data)), last] & 15)
    ids = frames.id.astype(np.int64)
    return total + (ids >> 8) + (ids >> 4 & 15) + (ids & 15)


def _last(frames: Frames) -> npt.NDArray[np.int64]:
    return frames.data[np.arange(len(frames)), frames.size.astype(np.int64) - 1].astype(np.int64)


def _honda(frames: Frames) -> npt.NDArray[np.bool_]:
    return (8 - _nibbles(frames)) % 16 == _last(frames) & 15


def _nissan_sum(frames: Frames) -> npt.NDArray[np.bool_]:
    return _nibbles(frames) % 16 == _last(frames) & 15


def _crc8(frames: Frames, poly: int, init: int = 0, xorout: int = 0) -> npt.NDArray[np.bool_]:
    """Bit by bit over all bytes but the last; all frames are of one length."""
    crc = np.full(len(frames), init, np.int64)
    for i in range(int(frames.size[0]) - 1):
        crc ^= frames.data[:, i]
        for _ in range(8):
            crc = np.where(crc & 0x80, crc << 1 ^ poly, crc << 1) & 0xFF
    return (crc ^ xorout) == _last(frames)


def _checked(decoded: Decoded, checksum: str) -> int:
    """Frames of messages with this checksum by the description; none of them may fail."""
    algorithm = {(m.bus, m.id): m.checksum for m in decoded.vehicle.messages}
    names = [bus.name for bus in decoded.vehicle.buses]
    mine = [m for m in decoded.decoder.message_counts if algorithm[names.index(m.bus), m.id].startswith(checksum)]
    assert [m.name for m in mine if m.corrupt] == []
    return sum(m.frames for m in mine)


@pytest.mark.parametrize(
    ("log", "checksum", "passes"),
    [
        ("vsslog", "honda", 33_740),
        ("revlog", "honda", 13_762),
        ("turnwheel", "honda", 8_248),
        ("noecu", "honda", 1_186),
        ("type_r", "honda", 28_431),
        ("type_r", "zero-sum", 404),
        ("circle", "nissan-crc8", 45_039),
        ("forward", "nissan-crc8", 13_860),
        ("brake", "nissan-crc8", 5_485),
        ("circle", "nissan-nibble-sum", 10_373),
        ("forward", "nissan-nibble-sum", 3_283),
        ("brake", "nissan-nibble-sum", 1_247),
        ("imiev", "mitsubishi-crc8", 8_340),
        ("phev_start", "mitsubishi-crc8", 583),
        ("drive", "mitsubishi-crc8", 2_257),
        ("reverse", "mitsubishi-crc8", 1_278),
        ("pedal", "mitsubishi-crc8", 876),
    ],
)
def test_every_checksum_that_the_description_names_holds(load: Load, log: str, checksum: str, passes: int) -> None:
    assert _checked(load(log), checksum) == passes


@pytest.mark.parametrize("log", [*GEN8_LOGS, "stranger"])
def test_every_frame_of_these_hondas_passes_by_hand(load: Load, log: str) -> None:
    frames = load(log).frames
    assert int(_honda(frames).sum()) == len(frames)


def test_one_message_of_the_type_r_has_another_sum(load: Load) -> None:
    """255 passes Honda's sum by chance only; its bytes add up to zero."""
    frames = load("type_r").frames
    passes = _honda(frames)
    odd = frames.id == 0x255
    assert (int(passes.sum()), len(frames)) == (28_487, 28_835)
    assert bool(passes[~odd].all())
    assert (int(passes[odd].sum()), int(odd.sum())) == (56, 404)
    data = frames.data[odd]
    assert set((data[:, 4:6]).ravel().tolist()) == {0x55}
    assert not (data.astype(int).sum(axis=1) % 256).any()


@pytest.mark.parametrize("log", LEAF_LOGS)
def test_the_sums_of_the_leaf_hold_by_hand(load: Load, log: str) -> None:
    leaf = load(log)
    for can_id in (0x11A, 0x1D4, 0x1DA, 0x1DB, 0x1DC, 0x50C, 0x55B):
        assert bool(_crc8(leaf.of_id(can_id), 0x85).all()), hex(can_id)
    for can_id in (0x1F2, 0x380, 0x5BF):
        assert bool(_nissan_sum(leaf.of_id(can_id)).all()), hex(can_id)


@pytest.mark.parametrize(
    ("log", "ids"),
    [
        ("imiev", (0x236, 0x119, 0x149, 0x156)),
        ("phev_start", (0x236,)),
        ("drive", (0x236,)),
        ("reverse", (0x236,)),
        ("pedal", (0x236,)),
    ],
)
def test_the_sums_of_the_mitsubishis_hold_by_hand(load: Load, log: str, ids: tuple[int, ...]) -> None:
    for can_id in ids:
        assert bool(_crc8(load(log).of_id(can_id), 0x1D, 0xFF, 0xFF).all()), hex(can_id)


@pytest.mark.parametrize("log", KNOWN)
def test_any_single_flipped_bit_in_a_checked_frame_is_told(load: Load, log: str) -> None:
    decoded = load(log)
    random = np.random.default_rng(5)
    for number, message in enumerate(decoded.vehicle.messages):
        bus = next(
            (n for n, name in decoded.recording.buses.items() if decoded.vehicle.bus_index(name) == message.bus), -1
        )
        frames = decoded.of_id(message.id, bus)[:2000]
        if message.check < 0 or not len(frames):
            continue
        assert check_frames(decoded.vehicle.tables, message.check, frames) == len(frames), number
        data = frames.data.copy()
        byte = random.integers(0, frames.size)
        data[np.arange(len(data)), byte] ^= (1 << random.integers(0, 8, len(data))).astype(np.uint8)
        flipped = dataclasses.replace(frames, data=data)
        assert check_frames(decoded.vehicle.tables, message.check, flipped) == 0, message.name


@pytest.mark.parametrize("log", [log for log in KNOWN if log not in {"type_r", "phev_drive"}])
def test_no_counter_misses_a_step_where_nothing_was_lost(load: Load, log: str) -> None:
    assert [(m.name, m.lost, m.stuck) for m in load(log).decoder.message_counts if m.lost or m.stuck] == []


def test_every_message_of_the_civic_but_one_has_a_counter(load: Load) -> None:
    """The wheel speeds need its place for data."""
    assert [m.name for m in load("vsslog").vehicle.messages if not m.counter] == ["WheelSpeeds"]


@pytest.mark.parametrize(
    ("log", "can_id", "bit", "width", "steps"),
    [
        ("vsslog", 0x158, 60, 2, 3186),
        ("vsslog", 0x039, 12, 2, None),
        ("circle", 0x1DB, 48, 2, 8723),
        ("circle", 0x1D4, 38, 2, 8621),
        ("circle", 0x50C, 24, 2, None),
        ("circle", 0x380, 60, 2, None),
        ("circle", 0x284, 48, 8, 4244),
        ("brake", 0x11A, 48, 2, 1059),
        ("imiev", 0x236, 36, 4, 3335),
        ("imiev", 0x119, 48, 4, 1667),
        ("phev_start", 0x236, 36, 4, 582),
        ("drive", 0x236, 36, 4, 2256),
        ("reverse", 0x236, 36, 4, 1277),
        ("pedal", 0x236, 36, 4, 875),
    ],
)
def test_counters_count_by_hand_too(load: Load, log: str, can_id: int, bit: int, width: int, steps: int | None) -> None:
    """Bit: the lowest of the counter, byte * 8 + bit."""
    data = load(log).of_id(can_id).data
    count = (data[:, bit // 8].astype(np.int64) >> bit % 8) & (1 << width) - 1
    step = np.diff(count) % (1 << width)
    assert set(step.tolist()) == {1}
    assert steps is None or len(step) == steps


def test_lost_frames_of_the_type_r_are_counted_and_nothing_is_condemned(load: Load) -> None:
    """In the 47 pieces between its gaps 337 of 9,082 steps are wrong; some by a whole turn, which looks like none."""
    type_r = load("type_r")
    piece = np.concatenate([[0], np.cumsum(np.diff(type_r.frames.t_ns) > 30_000_000)])
    assert piece[-1] + 1 == 47
    wrong = steps = 0
    missed: dict[int, int] = {}
    for can_id in (0x14A, 0x158, 0x17C, 0x130, 0x1A4, 0x094):
        mine = type_r.frames.id == can_id
        count = type_r.frames.data[mine, 7].astype(np.int64) >> 4 & 3
        inside = np.diff(piece[mine]) == 0
        step = (np.diff(count) % 4)[inside]
        wrong, steps = wrong + int((step != 1).sum()), steps + len(step)
        missed[can_id] = int((step[step > 1] - 1).sum())
    assert (wrong, steps) == (337, 9_082)
    for message in type_r.decoder.message_counts:
        if message.id in missed:
            assert missed[message.id] <= message.lost <= missed[message.id] + 3 * 46  # and in the shorter gaps


def test_a_message_falls_silent_as_often_as_its_gaps_are_long(load: Load) -> None:
    """One STALE sample of each of its signals, at the moment it became late."""
    type_r = load("type_r")
    messages = {m.id: m for m in type_r.vehicle.messages}
    for can_id, path in ((0x158, "Speed"), (0x309, "DisplayedSpeed"), (0x14A, "Chassis.SteeringWheel.Angle"),
                         (0x516, "TraveledDistance"), (0x326, "Body.Lights.Backup.IsOn")):  # fmt: skip
        timeout, t_ns = messages[can_id].timeout_ns, type_r.of_id(can_id).t_ns
        until = np.append(t_ns[1:], type_r.frames.t_ns[-1])
        late = t_ns[until - t_ns >= timeout] + timeout
        stale = type_r.all(path)
        stale = stale[stale.quality == Quality.STALE]
        assert timeout == max(100_000_000, 10 * messages[can_id].period_ns)
        assert stale.t_ns.tolist() == late.tolist(), path
        assert len(late) > 0
