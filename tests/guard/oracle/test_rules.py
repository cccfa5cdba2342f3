"""The judge itself: what opendbc says of frames whose worth is plain, so that the comparisons rest on something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guard.oracle.rules import REFERENCES, Oracle

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.oracle


def _honda(can_id: int, size: int, counter: int, **set_bytes: int) -> bytes:
    """Return a frame with Honda's counter and checksum, and bytes by their place ('b0', 'b1', ...)."""
    data = bytearray(size)
    for place, value in set_bytes.items():
        data[int(place[1:])] = value
    data[-1] = counter << 4
    nibbles = sum(int(digit, 16) for digit in f"{can_id:x}{data.hex()}")
    data[-1] |= (8 - nibbles) & 15
    return bytes(data)


def _angle(angle_deg: float, *, active: bool) -> bytes:
    """Return Nissan's steering command: 0x169, counted to the right in 0.01 degrees from 1310."""
    raw = round((1310 - angle_deg) * 100)
    return bytes([raw >> 10, raw >> 2 & 255, (raw & 3) << 6, 0x80, 0x80, 0, active << 4, 0])


def test_nidec_brakes_up_to_255_while_cruise_control_is_active_and_not_at_all_before(library: Path) -> None:
    oracle = Oracle(library, REFERENCES["honda/civic_touring_2016"])

    def brake(pressure: int) -> bool:
        return oracle.tx("fcan", 0x1FA, _honda(0x1FA, 8, 0, b0=pressure >> 2, b1=(pressure & 3) << 6))

    assert brake(0)
    assert not brake(1)
    assert oracle.rx("fcan", 0x17C, _honda(0x17C, 8, 0))
    assert oracle.rx("fcan", 0x17C, _honda(0x17C, 8, 1, b4=0x40))
    assert oracle.allows
    assert brake(255)
    assert not brake(256)


def test_a_driver_who_brakes_ends_what_nidec_may(library: Path) -> None:
    oracle = Oracle(library, REFERENCES["honda/civic_touring_2016"])
    oracle.allows = True
    oracle.rx("fcan", 0x17C, _honda(0x17C, 8, 0, b4=0x40, b6=0x20))
    assert not oracle.allows
    assert not oracle.tx("fcan", 0xE4, _honda(0xE4, 5, 0, b1=1))


def test_bosch_accelerates_from_minus_3_5_to_2(library: Path) -> None:
    oracle = Oracle(library, REFERENCES["honda/civic_gen10_bosch"])
    oracle.allows = True

    def accelerate(raw: int) -> bool:
        gas = -30000 & 0xFFFF
        field = raw & 0x7FF
        data = _honda(0x1DF, 8, 0, b0=gas >> 8, b1=gas & 255, b3=field >> 3, b4=(field & 7) << 5)
        return oracle.tx("fcan", 0x1DF, data)

    assert [accelerate(raw) for raw in (-351, -350, 200, 201)] == [False, True, True, False]


def test_honda_steers_with_any_torque_once_controls_are_allowed(library: Path) -> None:
    """The limit that is not there: ours has one (SR-LAT)."""
    oracle = Oracle(library, REFERENCES["honda/civic_touring_2016"])
    oracle.allows = True
    assert oracle.tx("fcan", 0xE4, _honda(0xE4, 5, 0, b0=0x7F, b1=0xFF, b2=0x80))


def test_nissan_holds_the_angle_to_the_measured_one_while_it_does_not_steer(library: Path) -> None:
    oracle = Oracle(library, REFERENCES["nissan/leaf_ze1"])
    measured = round(-30.0 * 10) & 0xFFFF
    for _ in range(6):
        oracle.rx("car", 0x2, bytes([measured & 255, measured >> 8, 0, 0, 0]))
    assert oracle.tx("car", 0x169, _angle(30.0, active=False))
    assert not oracle.tx("car", 0x169, _angle(0.0, active=False))
    assert not oracle.tx("car", 0x169, _angle(30.0, active=True))


def test_nissan_refuses_each_cruise_button_but_cancel(library: Path) -> None:
    """The one message of which ours lets more pass: set and resume, within the envelope of the set speed."""
    oracle = Oracle(library, REFERENCES["nissan/x_trail_2017"])
    oracle.allows = True
    passed = [bit for bit in range(8) if oracle.tx("adas", 0x20B, bytes([0, 1 << bit, 0, 0, 0, 0]))]
    assert passed == [1, 6, 7]


def test_a_controller_that_should_be_cut_off_ends_everything(library: Path) -> None:
    oracle = Oracle(library, REFERENCES["honda/civic_touring_2016"])
    oracle.tick(3_000_000_000)
    oracle.allows = True
    oracle.rx("fcan", 0xE4, _honda(0xE4, 5, 0))
    assert oracle.sees_stock
    assert not oracle.tx("fcan", 0xE4, _honda(0xE4, 5, 0))


def test_silence_of_what_they_rely_on_ends_controls_within_two_seconds(library: Path) -> None:
    oracle = Oracle(library, REFERENCES["nissan/leaf_ze1"])
    oracle.allows = True
    oracle.tick(2_000_000_000)
    assert not oracle.allows
