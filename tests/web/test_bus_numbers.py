"""Frames of a recording are put on the car's own buses, whatever their numbers were where it was made."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from commonwheel.vehicles import Vehicle, load_vehicle
from commonwheel.web.bus_numbers import FOREIGN, renumber
from commonwheel.wire.frames import Frames
from commonwheel.wire.sent import SENT

LEAF, CIVIC = "nissan/leaf_aze0", "honda/civic_gen8"


@dataclass
class Recorded:
    vehicle: Vehicle
    buses: dict[int, str] | None
    actuator: object = None


@pytest.mark.parametrize(
    ("car", "buses", "numbers"),
    [
        (LEAF, None, [0, 1, 2]),
        (LEAF, {1: "ev", 0: "car"}, [1, 0, FOREIGN + 2]),
        (LEAF, {2: "ev"}, [FOREIGN, FOREIGN + 1, 0]),
        (CIVIC, None, [0, 0, 0]),
        (CIVIC, {2: "fcan"}, [FOREIGN, FOREIGN + 1, 0]),
    ],
)
def test_numbers_become_the_car_s(car: str, buses: dict[int, str] | None, numbers: list[int]) -> None:
    frames = Frames.build([(0, bus, 0x100, b"") for bus in range(3)])
    assert renumber(Recorded(load_vehicle(car), buses))(frames).bus.tolist() == numbers
    assert frames.bus.tolist() == [0, 1, 2], "the frames are everybody's"


def test_what_is_sent_keeps_its_numbers_where_a_car_acts() -> None:
    car = Recorded(load_vehicle(CIVIC), {0: "fcan"})
    frames = Frames.build([(0, SENT, 0x100, b"")])
    assert renumber(car)(frames).bus.tolist() == [SENT | FOREIGN], "it acts on nothing: a bus like any other"
    car.actuator = object()
    assert renumber(car)(frames).bus.tolist() == [SENT]


def test_a_gateway_that_knows_no_car_is_let_be() -> None:
    frames = Frames.build([(0, 5, 0x100, b"")])
    assert renumber(object())(frames) is frames
