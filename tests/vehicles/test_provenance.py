"""Where a description says what it says: file, line and text of every row."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.errors import DescriptionError
from commonwheel.vehicles import car_names, load_vehicle
from commonwheel.vehicles.description import SHIPPED
from commonwheel.vehicles.provenance import Condition, provenance_of
from tests.vehicles.workshop import Workshop

ROWS = """
messages:
  car/Motion: {counter: Count, note: Sent   by the gearbox.}
signals:
  Vehicle.Speed:
    from: car/Motion.Speed
    # as the wheels say

    note: >-
      Above walking
      pace.
  Vehicle.Exterior.AirTemperature: car/Motion.Air
attributes:
  Vehicle.Powertrain.Type: ELECTRIC
"""


def test_a_row_is_shown_as_it_is_written(workshop: Workshop) -> None:
    """Up to the next row, moved to the left, with its comments."""
    found = provenance_of(workshop.write(ROWS))
    speed = found.signals["Vehicle.Speed"]
    written = (workshop.folder / "acme/one/vehicle.yaml").read_text().splitlines()
    assert str(speed) == f"acme/one/vehicle.yaml:{written.index('  Vehicle.Speed:') + 1}"
    assert speed.text.splitlines()[:2] == ["Vehicle.Speed:", "  from: car/Motion.Speed"]
    assert speed.text.endswith("      pace.".removeprefix("  "))
    assert found.signals["Vehicle.Exterior.AirTemperature"].text == "Vehicle.Exterior.AirTemperature: car/Motion.Air"
    assert found.attributes["Vehicle.Powertrain.Type"].text == "Vehicle.Powertrain.Type: ELECTRIC"
    assert found.notes == {"Vehicle.Speed": "Above walking pace.", "car/Motion": "Sent by the gearbox."}
    assert found.databases == {"car": ("acme/one/car.dbc",)}


def test_the_last_row_wins_wherever_it_is_written(workshop: Workshop) -> None:
    """What a car inherits is shown where it stands; what it replaces is shown in its own file."""
    workshop.write("signals:\n  Vehicle.Speed: car/Motion.Speed\n  Vehicle.Exterior.AirTemperature: car/Motion.Air\n")
    head = 'format: 1\nvehicle: acme/two\nextends: acme/one\nsold_as: [{brand: Acme, model: "Two"}]\n'
    workshop.write("signals:\n  Vehicle.Speed: {from: car/Motion.Speed, scale: 2}\n", name="acme/two", head=head)
    found = provenance_of("acme/two", folders=(workshop.folder,))
    assert found.signals["Vehicle.Speed"].file == "acme/two/vehicle.yaml"
    assert found.signals["Vehicle.Exterior.AirTemperature"].file == "acme/one/vehicle.yaml"
    assert found.files == ("acme/one/vehicle.yaml", "acme/two/vehicle.yaml")


def test_a_long_row_is_cut(workshop: Workshop) -> None:
    values = "\n".join(f"      {i}: false" for i in range(100))
    found = provenance_of(workshop.write(f"signals:\n  Vehicle.Speed:\n    values:\n{values}\n"))
    assert found.signals["Vehicle.Speed"].text.splitlines()[-1] == "…"
    assert len(found.signals["Vehicle.Speed"].text.splitlines()) == 41


def test_no_such_car_is_said(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match="there is no car"):
        provenance_of("acme/none", folders=(tmp_path,))


@pytest.mark.parametrize("name", car_names())
def test_every_row_of_every_shipped_car_is_found(name: str) -> None:
    """Each line names its signal, up to the instances of a pattern."""
    car, found = load_vehicle(name), provenance_of(name)
    assert set(found.signals) == set(car.numbers)
    assert set(found.attributes) == set(car.attributes)
    assert set(found.requests) == {request.path for request in car.requests}
    for path, place in found.signals.items():
        line = (SHIPPED / place.file).read_text().splitlines()[place.line - 1].strip()
        assert place.text.splitlines()[0] == line
        assert path in line or ("{" in line and line.strip('"').startswith(path[:20]))


def test_multiplexed_fields_say_when_they_are_there() -> None:
    found = provenance_of("nissan/leaf_ze0")
    assert found.conditions["ev/BatteryHistory.TemperatureAverage"] == Condition("Kind", ((2, 2),))
    assert str(Condition("Kind", ((0, 0), (4, 7)))) == "Kind = 0, 4..7"
    assert found.comments["ev/ShiftControl.Gear"]
