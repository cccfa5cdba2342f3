"""Cars held against each other: coverage, signals in common, same bytes, what is lacking."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.catalog.profiles import Profile, ProfileSignal
from commonwheel.vehicles import Vehicle, load_vehicle
from commonwheel.vehicles.compare import OTHER, Comparison, Offer, compare, fold, layout_of, offer_of

DBC = """VERSION ""
BO_ 291 Speedo: 8 X
 SG_ Speed : {speed} X
 SG_ Copy : 39|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Angle : 16|16@1- (0.1,0) [0|0] "deg" X
BO_ 292 Lkas: 8 X
 SG_ Angle : 0|16@1- (0.1,0) [0|0] "deg" X
BO_ 293 Cells: 8 X
 SG_ T1 : 0|8@1+ (0.1,0) [0|0] "V" X
 SG_ T2 : 8|8@1+ (0.1,0) [0|0] "V" X
 SG_ T3 : 16|8@1+ (0.1,0) [0|0] "V" X
"""
YAML = """format: 1
vehicle: {name}
sold_as: [{{brand: Acme, model: One}}]
powertrain: battery-electric
buses:
  main: {{database: main.dbc}}
evidence: documented (a source)
signals:
  Vehicle.Speed: {speed}
  Vehicle.Chassis.SteeringWheel.Angle: {{from: main/Speedo.Angle, evidence: verified (a log)}}
{more}attributes:
  Vehicle.VehicleIdentification.Brand: Acme
"""
REQUEST = """requests:
  Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget:
    {to: main/Lkas.Angle, confirm: Vehicle.Chassis.SteeringWheel.Angle, within: 300 ms}
"""
TARGET = "Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget"
SPEED, ANGLE, BRAND = "Vehicle.Speed", "Vehicle.Chassis.SteeringWheel.Angle", "Vehicle.VehicleIdentification.Brand"
PROFILE = Profile(
    "core",
    "What matters.",
    (
        ProfileSignal(SPEED, "fast"),
        ProfileSignal(ANGLE, "turning", confirms=(TARGET,)),
        ProfileSignal(TARGET, "asked"),
        ProfileSignal("Vehicle.IsMoving", "still", required=False),
    ),
)
PLAIN = '7|16@0+ (0.01,0) [0|0] "km/h"'


def _car(
    folder: Path, name: str, *, speed: str = "main/Speedo.Speed", field: str = PLAIN, more: str = "", tail: str = ""
) -> Vehicle:
    home = folder / name
    home.mkdir(parents=True)
    (home / "main.dbc").write_text(DBC.format(speed=field))
    (home / "vehicle.yaml").write_text(YAML.format(name=name, speed=speed, more=more) + tail)
    return load_vehicle(home)


@pytest.fixture
def cars(tmp_path: Path) -> list[Vehicle]:
    """Two cars: alike but for the speed's scale and what more each offers."""
    moving = "  Vehicle.IsMoving: {compute: v > 0, with: {v: main/Speedo.Speed}}\n"
    return [
        _car(tmp_path, "acme/one", more=moving, tail=REQUEST),
        _car(tmp_path, "acme/two", field='7|16@0+ (0.02,0) [0|0] "km/h"'),
    ]


@pytest.fixture
def found(cars: list[Vehicle]) -> Comparison:
    return compare(cars, [PROFILE])


def test_an_offer_says_how_and_on_what_it_rests(cars: list[Vehicle]) -> None:
    angle = offer_of(cars[0], ANGLE)
    assert angle == Offer("from", "verified (a log)", ("main/Speedo.Angle",))
    assert angle is not None
    assert angle.rests_on == "verified"
    moving = offer_of(cars[0], "Vehicle.IsMoving")
    assert moving is not None
    assert (moving.how, moving.rests_on) == ("compute", "documented")
    assert offer_of(cars[0], BRAND) == Offer("fixed", value="Acme")
    target = offer_of(cars[0], TARGET)
    assert target is not None
    assert (target.how, target.request) == ("request", "main/Lkas.Angle")
    assert offer_of(cars[1], TARGET) is None


def test_every_profile_counts_what_a_car_gives(found: Comparison) -> None:
    core = found.groups[0]
    assert core.count(0, required=True) == (3, 3)
    assert core.count(1, required=True) == (2, 3)
    assert core.count(0) == (4, 4)
    assert core.count(1, required=False) == (0, 1)


def test_what_a_car_lacks_is_named(found: Comparison) -> None:
    core = found.groups[0]
    assert core.lacking(0, required=True) == []
    assert core.lacking(1, required=True) == [TARGET]
    assert core.lacking(1, required=False) == ["Vehicle.IsMoving"]


def test_reading_a_target_does_not_meet_a_request(tmp_path: Path) -> None:
    """A profile that has a path as a request is met by what can be asked for, not by what can be seen."""
    reads = _car(tmp_path, "acme/reads", more=f"  {TARGET}: main/Lkas.Angle\n")
    core = compare([reads], [PROFILE]).groups[0]
    assert core.lacking(0, required=True) == [TARGET]
    assert core.rows[2].offers[0] is not None


def test_signals_of_no_profile_are_the_last_group(found: Comparison) -> None:
    assert [group.name for group in found.groups] == ["core", OTHER]
    assert [row.path for row in found.groups[-1].rows] == [BRAND]
    assert found.groups[-1].rows[0].required is None


def test_signals_in_common_are_a_share_of_what_either_offers(found: Comparison) -> None:
    pair = found.pair(1, 0)
    assert pair.common[""] == (3, 4)  # speed, angle, brand; the first also tells whether it moves
    assert pair.share() == 0.75
    assert pair.common["core"] == (2, 3)
    assert pair.share(OTHER) == 1.0


def test_same_bytes_are_the_same_id_bits_and_scale(found: Comparison) -> None:
    """The angle is laid out alike; the speed has another scale."""
    assert found.pair(0, 1).same_bytes == (1, 2)
    assert found.pair(0, 1).same_share == 0.5


@pytest.mark.parametrize(
    ("field", "same"),
    [
        (PLAIN, True),
        ('7|15@0+ (0.01,0) [0|0] "km/h"', False),
        ('55|16@0+ (0.01,0) [0|0] "km/h"', False),
        ('7|16@0- (0.01,0) [0|0] "km/h"', False),
        ('7|16@0+ (0.01,1) [0|0] "km/h"', False),
        ('7|16@0+ (10,0) [0|0] "m/h"', True),  # the same scale, said in another unit
    ],
)
def test_one_difference_of_the_layout_is_enough(tmp_path: Path, field: str, same: bool) -> None:  # noqa: FBT001 - a parameter
    cars = [_car(tmp_path, "acme/a"), _car(tmp_path, "acme/b", field=field)]
    assert (layout_of(cars[0], SPEED) == layout_of(cars[1], SPEED)) is same


def test_of_several_sources_one_in_common_is_enough(tmp_path: Path) -> None:
    both = _car(tmp_path, "acme/both", speed="{first_of: [main/Speedo.Copy, main/Speedo.Speed]}")
    one = _car(tmp_path, "acme/one")
    assert compare([both, one], []).pair(0, 1).same_bytes == (2, 2)


def test_computed_signals_compare_what_they_are_computed_from(tmp_path: Path) -> None:
    cars = [
        _car(tmp_path, name, speed=f"{{compute: v * 1, with: {{v: main/Speedo.{field}}}}}")
        for name, field in (("acme/a", "Speed"), ("acme/b", "Speed"), ("acme/c", "Copy"))
    ]
    found = compare(cars, [])
    assert found.pair(0, 1).same_bytes == (2, 2)
    assert found.pair(0, 2).same_bytes == (1, 2)


def test_nothing_in_common_has_no_share(tmp_path: Path) -> None:
    cars = [_car(tmp_path, "acme/a"), _car(tmp_path, "acme/b")]
    pair = compare(cars, [Profile("none", "", (ProfileSignal("Vehicle.IsMoving", ""),))]).pair(0, 1)
    assert pair.share("none") is None


def test_many_instances_that_are_alike_are_one_row(tmp_path: Path) -> None:
    battery = "Vehicle.Powertrain.TractionBattery.Module.M1.Cell"
    more = f"  {battery}.C{{1..3}}.Voltage: {{from: 'main/Cells.T{{}}'}}\n"
    car = _car(tmp_path, "acme/cells", more=more)
    folded = fold(compare([car], [PROFILE]).groups[-1].rows)
    assert [(path, len(rows)) for path, rows in folded] == [(f"{battery.replace('1', '#')}.C#.Voltage", 3), (BRAND, 1)]


def test_one_car_has_no_pairs(cars: list[Vehicle]) -> None:
    assert compare(cars[:1], [PROFILE]).pairs == ()
