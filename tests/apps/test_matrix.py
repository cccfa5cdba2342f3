"""The portability matrix: which cars can run which apps, and what stands in the way."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

import pytest
from msgspec import structs

from commonwheel.apps import AppError
from commonwheel.apps.facts import declared, facts_of, rates_of
from commonwheel.apps.manifest import Manifest
from commonwheel.apps.matrix import Lack, Need, Why, cell_of, fitness, matrix, require
from commonwheel.apps.status import Fitness
from commonwheel.vehicles import Vehicle, load_vehicle
from tests.apps.running import CAPACITY, LIGHT, RANGE, SPEED, VIN, VOLTAGE

CELLS = "Vehicle.Powertrain.TractionBattery.CellVoltage.**"
FLYING = "Vehicle.Body.Lights.Beam.Low.IsDefect"


@pytest.fixture(scope="module")
def leaf() -> Vehicle:
    return load_vehicle("nissan/leaf_ze0")


@pytest.fixture(scope="module")
def lancer() -> Vehicle:
    return load_vehicle("mitsubishi/lancer")


def manifest(**parts: object) -> Manifest:
    return Manifest(name="tried", version="1", **parts)  # type: ignore[arg-type]


def test_a_car_that_gives_all_runs_it_fully_fixed_facts_included(leaf: Vehicle) -> None:
    cell = cell_of(manifest(requires={SPEED: 0}, may_use={VOLTAGE: 0, CAPACITY: 0}), leaf)
    assert (cell.fitness, cell.lacks, cell.given, cell.stated) == (Fitness.FULL, (), 3, 3)


def test_an_optional_signal_that_is_missing_reduces_it(lancer: Vehicle) -> None:
    cell = cell_of(manifest(requires={SPEED: 0}, may_use={VOLTAGE: 0}), lancer)
    assert (cell.fitness, cell.missing) == (Fitness.REDUCED, (VOLTAGE,))
    assert cell.lacks == (Lack(VOLTAGE, Need.OPTIONAL, Why.NO_ROW),)
    assert str(cell.lacks[0]) == f"may use {VOLTAGE}: the car's description has no row for it"


def test_a_required_signal_that_is_missing_rules_it_out_and_comes_first(lancer: Vehicle) -> None:
    cell = cell_of(manifest(may_use={CAPACITY: 0}, requires={VOLTAGE: 0}), lancer)
    assert cell.fitness is Fitness.NONE
    assert [lack.need for lack in cell.lacks] == [Need.REQUIRED, Need.OPTIONAL]


def test_what_a_car_cannot_be_asked_for_has_the_reason_that_its_description_states(
    leaf: Vehicle, lancer: Vehicle
) -> None:
    horn, limit = "Vehicle.Body.Horn.IsActive", "Vehicle.Powertrain.TractionBattery.Charging.PowerLimit"
    (lack,) = cell_of(manifest(requests=(horn, limit)), leaf).lacks
    assert lack == Lack(horn, Need.REQUEST, Why.CANNOT, "no public source has a message that sounds it")
    assert str(lack) == f"requests {horn}: no public source has a message that sounds it"
    lacks = cell_of(manifest(requests=(horn, limit), needs=(limit,)), lancer).lacks
    assert next((lack.pattern, lack.words) for lack in lacks) == (limit, "it has no traction battery")


def test_what_nothing_is_said_of_has_the_plain_reason(leaf: Vehicle) -> None:
    (lack,) = cell_of(manifest(requests=("Vehicle.Body.Windshield.Front.Wiping.Mode",)), leaf).lacks
    assert (lack.because, lack.words) == ("", Why.CANNOT.value)


def test_a_pattern_is_met_by_any_of_its_signals(leaf: Vehicle, lancer: Vehicle) -> None:
    wanted = manifest(requires={"Vehicle.Powertrain.TractionBattery.**": 0})
    assert cell_of(wanted, leaf).fitness is Fitness.FULL
    assert cell_of(wanted, lancer).lacks == (Lack(next(iter(wanted.requires)), Need.REQUIRED, Why.NONE_OF_ITS),)


def test_what_does_as_well_keeps_an_app_whole(lancer: Vehicle) -> None:
    wanted = manifest(requires={SPEED: 0}, may_use={VOLTAGE: 0}, instead={VOLTAGE: (SPEED,)})
    assert cell_of(wanted, lancer).fitness is Fitness.FULL


def test_an_actuator_that_cannot_be_asked_for_reduces_it(leaf: Vehicle) -> None:
    cell = cell_of(manifest(requires={SPEED: 0}, requests=(FLYING,)), leaf)
    assert (cell.fitness, cell.lacks[0].need, cell.lacks[0].why) == (Fitness.REDUCED, Need.REQUEST, Why.CANNOT)
    given = next((path for path in leaf.provided if path == LIGHT), None)
    if given:
        assert cell_of(manifest(requests=(LIGHT,)), leaf).lacks[0].why is Why.NOT_ASKED


def test_what_is_personal_is_given_only_when_it_is_asked_for(leaf: Vehicle) -> None:
    signals = tuple(structs.replace(info, personal=info.path == SPEED) for info in leaf.signals)
    car = dataclasses.replace(leaf, signals=signals)
    wanted = manifest(requires={SPEED: 0})
    assert cell_of(wanted, car).lacks == (Lack(SPEED, Need.REQUIRED, Why.PERSONAL),)
    assert cell_of(wanted, car, with_personal=True).fitness is Fitness.FULL
    assert SPEED not in facts_of(car, wanted).given
    assert SPEED in facts_of(car, wanted, with_personal=True).given


def test_the_matrix_has_a_cell_for_each_app_on_each_car(leaf: Vehicle, lancer: Vehicle) -> None:
    speed, battery = manifest(requires={SPEED: 0}), Manifest(name="battery", version="1", requires={VOLTAGE: 0})
    found = matrix([speed, battery], [leaf, lancer])
    assert found.cars == ("nissan/leaf_ze0", "mitsubishi/lancer")
    assert [[cell.fitness for cell in row] for row in found.rows] == [
        [Fitness.FULL, Fitness.FULL],
        [Fitness.FULL, Fitness.NONE],
    ]
    assert found.cell("battery", "mitsubishi/lancer") is found.rows[1][1]


def test_what_is_told_of_a_car_says_the_same_as_its_description(leaf: Vehicle, lancer: Vehicle) -> None:
    wanted = manifest(requires={SPEED: 0, CELLS: 0}, may_use={CAPACITY: 0, RANGE: 0}, requests=(LIGHT,))
    for car in (leaf, lancer):
        by_facts, by_car = fitness(wanted, facts_of(car, wanted)), cell_of(wanted, car)
        assert (by_facts.fitness, by_facts.missing) == (by_car.fitness, by_car.missing)


def test_a_car_that_lacks_what_is_required_is_refused_with_what_it_lacks(lancer: Vehicle) -> None:
    wanted = manifest(requires={SPEED: 0, VOLTAGE: 0})
    with pytest.raises(AppError, match=f"'tried' cannot run on mitsubishi/lancer, which does not give {VOLTAGE}"):
        require(wanted, facts_of(lancer, wanted))


# ---- what a manifest selects ----------------------------------------------------------------------------------------


def test_a_path_that_is_spelled_out_has_its_own_rate_and_of_patterns_the_highest_holds() -> None:
    paths = ["A.X", "A.Y", "A.Z", "B.X"]
    stated = MappingProxyType({"A.*": 2.0, "**.Y": 5.0, "A.X": 1.0})
    assert rates_of(stated, paths) == {"A.X": 1.0, "A.Y": 5.0, "A.Z": 2.0}
    assert rates_of({"A.*": 0.0, "**.Y": 5.0}, paths) == {"A.X": 0.0, "A.Y": 0.0, "A.Z": 0.0}


def test_facts_hold_only_what_is_declared(leaf: Vehicle) -> None:
    wanted = manifest(requires={SPEED: 10}, may_use={VIN: 0}, provides=(RANGE,))
    facts = facts_of(leaf, wanted)
    assert set(facts.table.numbers) == {SPEED, VIN, RANGE}
    assert facts.name == "nissan/leaf_ze0"
    assert facts.given <= set(facts.table.numbers)
    assert declared(wanted, facts.table.numbers).all == {SPEED, VIN, RANGE}
