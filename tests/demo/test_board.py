"""The demo's table: what it says of live cars, and how."""

from __future__ import annotations

import asyncio
import socket

import pytest
from rich.console import Console

from commonwheel.demo.board import INSTRUMENTS, Board, CarFacts, rendered, tenths
from commonwheel.demo.stage import APPS, CARS, SCENARIO, free_port, settings_for
from commonwheel.gateway.config import OFF
from commonwheel.gateway.service import Service
from commonwheel.vehicles import load_vehicle

LEAF = "nissan/leaf_aze0:30kwh"


def test_the_settings_name_each_car_by_its_maker() -> None:
    settings = settings_for(CARS, SCENARIO, APPS, web_port=None)
    assert list(settings.cars) == ["honda", "nissan", "mitsubishi"]
    assert settings.web_port == OFF
    assert all(car.loop and car.virtual == "demo" for car in settings.cars.values())
    twice = settings_for(["nissan/leaf_ze0", "nissan/leaf_aze0:30kwh"], SCENARIO, (), web_port=0)
    assert list(twice.cars) == ["nissan_leaf_ze0", "nissan_leaf_aze0_30kwh"]


def test_a_port_that_is_taken_becomes_any_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) == 0
    assert free_port(0) == 0


async def _facts(scenario: str) -> list[CarFacts]:
    settings = settings_for([LEAF], scenario, (), web_port=None)
    service = Service(settings)
    await service.start()
    board = Board([(live, load_vehicle(LEAF)) for live in service.cars], None)
    try:
        for _ in range(400):
            facts = board.facts()
            if facts[0].pattern is not None and facts[0].values["gear"] == "D":
                return facts
            await asyncio.sleep(0.05)
    finally:
        board.close()
        await service.stop()
    pytest.fail("the car never moved off")


def test_a_live_car_is_told_in_instruments_and_in_bytes() -> None:
    (car,) = asyncio.run(_facts("fault-silent"))
    assert car.title == "Nissan Leaf"
    assert car.values["speed"].endswith("km/h")
    assert car.values["battery power"].endswith("kW")
    assert car.values["engine"] == ""
    assert car.frames > 100
    assert car.pattern is not None
    assert car.pattern.id == "284"
    assert car.pattern.marked == {4, 5}
    assert len(car.pattern.payload) == 8


def test_the_table_shows_every_car_and_app() -> None:
    cars = [
        CarFacts("a", "Car A", {"speed": "50.0 km/h"}, None, 10, 5.0, {"trip": "distance 1.0 km [/] [bold]"}),
        CarFacts("b", "Car B", {"speed": "50.1 km/h"}, None, 20, 5.0, {"trip": "not on this car: no Speed"}),
    ]
    full = [
        CarFacts(
            car.name,
            car.title,
            {**dict.fromkeys((name for name, _ in INSTRUMENTS), ""), **car.values},
            car.pattern, car.frames, car.frames_per_second, car.apps,
        )
        for car in cars
    ]  # fmt: skip
    console = Console(width=120)
    with console.capture() as captured:
        console.print(rendered(full, "footer"))
    text = captured.get()
    for part in ("Car A", "50.1 km/h", "distance 1.0 km [/] [bold]", "no Speed", "footer"):
        assert part in text


def test_numbers_have_one_decimal_and_zero_no_sign() -> None:
    assert [tenths(number) for number in (-0.04, -0.06, 1234.56, 0)] == ["0.0", "-0.1", "1,234.6", "0.0"]
