"""When a field is there, when its value counts, and one row for many instances."""

from __future__ import annotations

import math

import pytest

from commonwheel.vehicles.vehicle import Vehicle
from tests.vehicles.workshop import Workshop, decode


def motion(
    *, speed: int = 0, third: int = 0, air: int = 0, fourth: int = 0, charge: int = 0
) -> tuple[int, int, int, bytes]:
    """Return a frame of the message Motion."""
    return 0, 0, 0x100, speed.to_bytes(2, "big") + bytes([third, air, fourth, charge, 0, 0])


def value(vehicle: Vehicle, **fields: int) -> tuple[float, str]:
    """Return (value, quality) of the only sample of a Motion frame."""
    ((_, number, quality),) = decode(vehicle, motion(**fields))
    return number, quality


# ---- conditions -----------------------------------------------------------------------------------------------------


def test_when_lets_a_field_be_absent(workshop: Workshop) -> None:
    vehicle = workshop.signals("Vehicle.Speed: {from: car/Motion.Speed, when: {Which: [1, 3]}}")
    assert [len(decode(vehicle, motion(fourth=which << 4))) for which in range(4)] == [0, 1, 0, 1]


def test_all_conditions_have_to_hold(workshop: Workshop) -> None:
    vehicle = workshop.signals('Vehicle.Speed: {from: car/Motion.Speed, when: {Which: 1, Count: "3..5"}}')
    found = [count for count in range(16) if decode(vehicle, motion(fourth=0x10 | count))]
    assert found == [3, 4, 5]
    assert not decode(vehicle, motion(fourth=0x24))


def test_valid_if_leaves_the_sample_there_without_a_value(workshop: Workshop) -> None:
    vehicle = workshop.signals("Vehicle.Speed: {from: car/Motion.Speed, valid_if: {Beam: 1}}")
    assert value(vehicle, speed=100, third=0x10) == (1.0, "GOOD")
    number, quality = value(vehicle, speed=100)
    assert (math.isnan(number), quality) == (True, "INVALID")


def test_when_comes_in_front_of_valid_if(workshop: Workshop) -> None:
    vehicle = workshop.signals("Vehicle.Speed: {from: car/Motion.Speed, when: {Which: 1}, valid_if: {Beam: 1}}")
    assert not decode(vehicle, motion(fourth=0))
    assert value(vehicle, fourth=0x10)[1] == "INVALID"
    assert value(vehicle, fourth=0x10, third=0x10)[1] == "GOOD"


@pytest.mark.parametrize(
    ("row", "phrase"),
    [
        ("when: {Wich: 1}", "signal 'car/Motion.Wich' is not in car.dbc (did you mean 'Which'?)"),
        ("when: Which", "'when' is a mapping, not text"),
        ("valid_if: {Beam: maybe}", "'valid_if' takes raw codes"),
        ("valid_if: {Beam: null}", "'valid_if' is a list, not nothing"),
    ],
)
def test_conditions_that_cannot_be_checked_are_faults(workshop: Workshop, row: str, phrase: str) -> None:
    assert phrase in workshop.fault(f"Vehicle.Speed: {{from: car/Motion.Speed, {row}}}")


# ---- instances ------------------------------------------------------------------------------------------------------

WHEEL = "Vehicle.Chassis.Axle.Row1.Wheel"


def wheels(*, which: int = 0, speed: int = 0, left: int = 0, right: int = 0) -> tuple[int, int, int, bytes]:
    words = b"".join(word.to_bytes(2, "big") for word in (speed, left, right))
    return 0, 0, 0x400, bytes([which]) + words + b"\0"


def test_a_selector_picks_the_instance(workshop: Workshop) -> None:
    vehicle = workshop.signals(f'"{WHEEL}.{{0: Left, 0x1: Right}}.Speed": {{from: car/Wheels.Speed, select: Which}}')
    assert decode(vehicle, wheels(which=0, speed=100)) == [(f"{WHEEL[8:]}.Left.Speed", 10.0, "GOOD")]
    assert decode(vehicle, wheels(which=1, speed=200)) == [(f"{WHEEL[8:]}.Right.Speed", 20.0, "GOOD")]
    assert not decode(vehicle, wheels(which=2))


def test_a_span_of_numbers_names_the_instances(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        "Vehicle.Chassis.Axle.Row{1..2}.Wheel.Left.Speed: {from: car/Wheels.Speed, select: Which}"
    )
    assert [s.path for s in vehicle.signals] == [f"Vehicle.Chassis.Axle.Row{i}.Wheel.Left.Speed" for i in (1, 2)]
    assert decode(vehicle, wheels(which=2, speed=5))[0][0] == "Chassis.Axle.Row2.Wheel.Left.Speed"


def test_without_selector_the_instance_is_put_into_the_reference(workshop: Workshop) -> None:
    vehicle = workshop.signals(f'"{WHEEL}.{{0: Left, 1: Right}}.Speed": "car/Wheels.Speed{{}}"')
    assert decode(vehicle, wheels(left=10, right=20)) == [
        (f"{WHEEL[8:]}.Left.Speed", 1.0, "GOOD"),
        (f"{WHEEL[8:]}.Right.Speed", 2.0, "GOOD"),
    ]


def test_select_adds_to_when(workshop: Workshop) -> None:
    row = f'"{WHEEL}.{{0: Left}}.Speed": {{from: car/Wheels.Speed, select: Which, when: {{SpeedLeft: 7}}}}'
    vehicle = workshop.signals(row)
    assert len(decode(vehicle, wheels(left=7))) == 1
    assert not decode(vehicle, wheels(left=8))


def test_a_row_of_its_own_wins_over_an_instance(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        f"""
        "{WHEEL}.{{0: Left, 1: Right}}.Speed": {{from: car/Wheels.Speed, select: Which}}
        {WHEEL}.Right.Speed: car/Wheels.SpeedRight
        """
    )
    assert decode(vehicle, wheels(which=1, speed=3, right=20)) == [(f"{WHEEL[8:]}.Right.Speed", 2.0, "GOOD")]


@pytest.mark.parametrize(
    ("path", "row", "phrase"),
    [
        ("Row1.Wheel.{}.Speed", "{from: car/Wheels.Speed, select: Which}", "holds no single pattern"),
        ("Row{1..2}.Wheel.{0: Left}.Speed", "{from: car/Wheels.Speed, select: Which}", "holds no single pattern"),
        ("Row1.Wheel.{a: Left}.Speed", "{from: car/Wheels.Speed, select: Which}", "holds no single pattern"),
        ("Row1.Wheel.{0: }.Speed", "{from: car/Wheels.Speed, select: Which}", "holds no single pattern"),
        ("Row{1..999}.Wheel.Left.Speed", "{from: car/Wheels.Speed, select: Which}", "holds no single pattern"),
        ("Row1.Wheel.{0: Left}.Speed", "car/Wheels.Speed", "the instances differ in nothing"),
        (
            "Row1.Wheel.{0: Left}.Speed",
            "{compute: a, with: {a: car/Wheels.Speed}}",
            "only a 'from' row can have instances",
        ),
        ("Row1.Wheel.{0: Left}.Speed", "{from: car/Wheels.Speed, select: Wich}", "did you mean 'Which'?"),
        ("Row1.Wheel.{0: Leftt}.Speed", "{from: car/Wheels.Speed, select: Which}", "is not in the standard"),
        ("Row1.Wheel", "car/Wheels.Speed", "is a branch of the standard, not a signal"),
    ],
)
def test_a_pattern_that_means_nothing_is_a_fault(workshop: Workshop, path: str, row: str, phrase: str) -> None:
    assert phrase in workshop.fault(f'"Vehicle.Chassis.Axle.{path}": {row}')
