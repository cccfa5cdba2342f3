"""Complete frames: fields, holds, counters, checksums, periods; against the codec that the decoder is held against."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.control.frames import FrameMaker, Slot
from commonwheel.control.model import Carrier
from commonwheel.errors import DescriptionError
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.emission import layout_of
from commonwheel.vehicles.model import Field
from commonwheel.wire.codec import check_frames, pack
from commonwheel.wire.frames import Frames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.vehicles.vehicle import Vehicle

_MS = 10**6
_FILE = Path("control.yaml")


@pytest.fixture(scope="module")
def nidec() -> Vehicle:
    return load_vehicle("honda/civic_touring_2016")


@pytest.fixture(scope="module")
def leaf() -> Vehicle:
    return load_vehicle("nissan/leaf_ze1")


def _maker(
    vehicle: Vehicle, name: str, period_ms: int = 10, fields: Mapping[str, str] | None = None,
    active: Mapping[str, tuple[int, int]] | None = None, held: tuple[str, ...] = (),
    constant: Mapping[str, int] | None = None,
) -> FrameMaker:  # fmt: skip
    number = next(i for i, message in enumerate(vehicle.messages) if message.name == name)
    carrier = Carrier(number, period_ms * _MS, fields or {}, active or {}, held, constant or {})
    return FrameMaker(vehicle, carrier, _FILE, lapse_ns=200 * _MS)


def _sealed(vehicle: Vehicle, maker: FrameMaker, payload: bytes) -> bool:
    frames = Frames.build([(0, maker.message.bus, maker.message.frame_id, payload)])
    return check_frames(vehicle.tables, maker.message.check, frames) == 1


_FIELDS = st.builds(
    lambda start, length, big, signed: Field("f", start, length, big, signed, is_float=False, factor=1.0, offset=0.0),
    st.integers(0, 63), st.integers(1, 64), st.booleans(), st.booleans(),
)  # fmt: skip


@given(_FIELDS, st.binary(min_size=8, max_size=8), st.integers(0, 2**64 - 1))
def test_a_field_is_put_where_the_codec_puts_it(field: Field, before: bytes, bits: int) -> None:
    bits &= (1 << field.length) - 1
    expected = np.frombuffer(before, np.uint8).copy().reshape(1, 8)
    try:
        slot = Slot.of(field, 8)
    except ValueError:
        with pytest.raises(ValueError, match=r"lies? .*(outside|within)"):
            pack(expected, [layout_of(field)], [np.array([bits], np.uint64)])
        return
    pack(expected, [layout_of(field)], [np.array([bits], np.uint64)])
    raw = bits - (1 << field.length) if field.signed and bits >> (field.length - 1) else bits
    word = slot.put(int.from_bytes(before, "big"), raw)
    assert word.to_bytes(8, "big") == expected.tobytes()
    assert slot.get(word) == raw


def test_a_frame_is_complete(nidec: Vehicle) -> None:
    maker = _maker(
        nidec, "BrakeCommand", fields={"ComputerBrake": "brake"}, active={"BrakeLights": (0, 1)},
        constant={"CruiseOverride": 1},
    )  # fmt: skip
    payload = maker.make({"brake": 100.0}, {"brake": 0.0}, acts=True)
    # 100 in the first ten bits, override in bit 20, lights in bit 39, the description's default in SetMe1
    assert payload[:7].hex() == "19001080800000"
    assert _sealed(nidec, maker, payload)
    idle = maker.make({"brake": 0.0}, {"brake": 0.0}, acts=False)
    assert idle[:7].hex() == "00001080000000"
    assert maker.read(payload) == {"brake": 100.0}


def test_counters_count_what_left(nidec: Vehicle) -> None:
    maker = _maker(nidec, "SteeringControl", fields={"SteerTorque": "torque"})
    counts = list[int]()
    for cycle in range(9):
        payload = maker.make({"torque": 0.0}, {"torque": 0.0}, acts=False)
        assert _sealed(nidec, maker, payload)
        if cycle % 3 != 1:  # the guard refused the others
            maker.sent(cycle * 10 * _MS, 5 * _MS)
            counts.append(payload[4] >> 4 & 3)
    assert counts == [0, 1, 2, 3, 0, 1]


def test_the_counter_begins_after_the_cars_own(nidec: Vehicle) -> None:
    maker = _maker(nidec, "SteeringControl", fields={"SteerTorque": "torque"})
    maker.hear(0, bytes([0, 0, 0, 0, 0x20]))
    payload = maker.make({"torque": 0.0}, {"torque": 0.0}, acts=False)
    assert payload[4] >> 4 & 3 == 3
    maker.sent(10 * _MS, 5 * _MS)
    maker.hear(15 * _MS, bytes([0, 0, 0, 0, 0x10]))  # no longer asked: our own goes on
    assert maker.make({"torque": 0.0}, {"torque": 0.0}, acts=False)[4] >> 4 & 3 == 0
    maker.rest()
    maker.hear(500 * _MS, bytes([0, 0, 0, 0, 0x10]))  # after a pause it is asked again
    assert maker.make({"torque": 0.0}, {"torque": 0.0}, acts=False)[4] >> 4 & 3 == 2


def test_fields_are_held_as_the_car_last_sent_them(nidec: Vehicle) -> None:
    maker = _maker(nidec, "AccHud", 100, fields={"PcmGas": "gas"}, held=("CruiseSpeed", "HudDistance"))
    zero = {"gas": 0.0}
    first = maker.make(zero, zero, acts=False)
    assert (first[3], first[5] >> 6) == (255, 1)  # the description's defaults
    maker.hear(0, bytes([9, 9, 99, 88, 9, 0x80, 9, 9]))
    held = maker.make({"gas": 50.0}, zero, acts=True)
    assert (held[3], held[5] >> 6) == (88, 2)
    assert held[:3] == bytes([0, 0, 50])  # what is not held is ours
    maker.hear(0, b"\xff")  # of a size that is not the message's: passed over
    assert maker.make({"gas": 50.0}, zero, acts=True) == held


@pytest.mark.parametrize(
    ("value", "centre", "sent"),
    [(12.349, 0.0, 12.34), (-12.349, 0.0, -12.34), (12.35, 0.0, 12.35), (0.004, 0.0, 0.0), (5.0, 5.0, 5.0),
     (0.1 + 0.2, 0.0, 0.3), (4.996, 5.0, 5.0)],
)  # fmt: skip
def test_values_are_rounded_towards_neutral(leaf: Vehicle, value: float, centre: float, sent: float) -> None:
    maker = _maker(leaf, "LaneKeepCommand", fields={"DesiredAngle": "angle"})
    payload = maker.make({"angle": value}, {"angle": centre}, acts=True)
    assert maker.read(payload)["angle"] == pytest.approx(sent, abs=1e-9)
    assert _sealed(leaf, maker, payload)


def test_values_stay_within_their_field(leaf: Vehicle) -> None:
    maker = _maker(leaf, "LaneKeepCommand", fields={"DesiredAngle": "angle"})
    far = maker.make({"angle": 1e12}, {"angle": 0.0}, acts=True)
    assert maker.read(far)["angle"] == pytest.approx(1310.0)
    assert maker.read(maker.make({"angle": -1e12}, {"angle": 0.0}, acts=True))["angle"] == pytest.approx(-1311.43)


def _sent_at(maker: FrameMaker, times_ms: list[int]) -> list[int]:
    left = list[int]()
    for t_ms in times_ms:
        if maker.due(t_ms * _MS, 5 * _MS):
            maker.sent(t_ms * _MS, 5 * _MS)
            left.append(t_ms)
    return left


def test_periods_keep_to_the_grid_though_cycles_come_early_and_late(nidec: Vehicle) -> None:
    maker = _maker(nidec, "BrakeCommand", 20)
    times = [10 * i + (2 if i % 3 else -2) for i in range(1, 1000)]
    left = _sent_at(maker, times)
    assert len(left) == 500
    assert max(abs(t - (left[0] + 20 * i)) for i, t in enumerate(left)) <= 4


def test_after_a_late_cycle_frames_do_not_crowd(nidec: Vehicle) -> None:
    maker = _maker(nidec, "BrakeCommand", 20)
    left = _sent_at(maker, [0, 10, 20, 95, 100, 105, 110, 120, 130, 140])
    assert left[:3] == [0, 20, 95]
    assert min(b - a for a, b in itertools.pairwise(left)) >= 10


@pytest.mark.parametrize("name", ["Wings", "Checksum of another"])
def test_a_field_that_is_not_there_is_said(nidec: Vehicle, name: str) -> None:
    with pytest.raises(DescriptionError, match=rf"control.yaml: a frame of SteeringControl .*'{name}' does not exist"):
        _maker(nidec, "SteeringControl", constant={name: 1})
