"""One description with a fault in almost every line: all are told at once, in order, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from commonwheel.errors import DescriptionError
from commonwheel.vehicles.compiler import compile_vehicle

DATABASE = """
BO_ 256 Motion: 8 X
 SG_ Speed : 7|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Copy : 15|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Gear : 24|4@1+ (1,0) [0|0] "" X
 SG_ Count : 28|4@1+ (1,0) [0|0] "" X
 SG_ Air : 32|8@1+ (1,-40) [0|0] "degC" X
 SG_ Beyond : 63|16@0+ (1,0) [0|0] "V" X
VAL_ 256 Gear 0 "P" 1 "R" 2 "N" 3 "D" ;
"""

# Every line that has a fault ends in what the message has to say of it.
DESCRIPTION = """\
format: 1
vehicle: acme/one
colour: red #> 'colour' is not known in a description
sold_as: [{brand: Acme}] #> needs 'model'
powertrain: steam #> 'powertrain' is one of battery-electric
evidence: assumed (a test)
buses:
  car: {database: car.dbc, bitrate: fast} #> 'bitrate' is a whole number
  ev: {bitrate: 500000} #> bus 'ev' needs a database: 'database: ev.dbc'
messages:
  car/Motion:
    checksum: hoonda #> checksum 'hoonda' is not known (did you mean 'honda'?)
    counter: Coun #> did you mean 'Count'?
    period: 10 #> 'period' is a duration such as '100 ms'
  car/Moton: {optional: true} #> message 'car/Moton' is not in car.dbc (did you mean 'Motion'?)
signals:
  Vehicle.Speed: car/Motion.Speed
  Vehicle.Speed: car/Motion.Copy #> 'Vehicle.Speed' is stated twice (first in line 17)
  Vehicle.Sped: car/Motion.Speed #> 'Vehicle.Sped' is not in the standard (did you mean 'Vehicle.Speed'?)
  Vehicle.Chassis: car/Motion.Speed #> 'Vehicle.Chassis' is a branch of the standard
  Vehicle.Chassis.Axle.Row1.Wheel.Left.Speed: car/Motion.Speed #> car/Motion.Speed and car/Motion.Copy share bits
  Vehicle.Chassis.Axle.Row1.Wheel.Right.Speed: can/Motion.Speed #> there is no bus 'can' (did you mean 'car'?)
  Vehicle.Chassis.Axle.Row2.Wheel.Left.Speed: car/Motion.Sped #> (did you mean 'Speed'?)
  Vehicle.Chassis.Axle.Row2.Wheel.Right.Speed: car/Motion #> is not a reference
  Vehicle.Exterior.AirTemperature: {from: car/Motion.Air, unit: km/h} #> car/Motion.Air is in km/h and the standard
  Vehicle.Powertrain.Transmission.SelectedGear:
    from: car/Motion.Gear #@ 26: can be 1 ('R'), 2 ('N'), which 'values' leaves out
    values:
      P: 126
      16: 1 #> raw code 16 cannot occur in 4 bits
      D: 300 #> 300 is not a value of
  Vehicle.LowVoltageSystemState:
    from: car/Motion.Gear #@ 32: can be 1 ('R'), 2 ('N'), 3 ('D'), which 'values' leaves out
    values: {P: OFFF} #> (did you mean 'OFF'?)
  Vehicle.Body.Lights.Beam.Low.IsOn: car/Motion.Gear #> is boolean and car/Motion.Gear has 4 bits
  Vehicle.Body.Lights.Beam.High.IsOn: {form: car/Motion.Gear} #> a row has exactly one of 'from', 'compute'
  Vehicle.Powertrain.TractionBattery.CurrentVoltage: car/Motion.Beyond #> reaches beyond the 8 bytes of its message
  Vehicle.Powertrain.TractionBattery.CurrentPower: {compute: s * a, with: {s: car/Motion.Speed}} #> 'a' is not an input
  Vehicle.Powertrain.TractionBattery.CurrentCurrent:
    compute: s * 2 #@ 39: does not convert to 'A'
    with: {s: car/Motion.Speed}
attributes:
  Vehicle.VehicleIdentification.Year: soon #> is uint16; 'soon' is no such value
  Vehicle.Speed: 5 #> is a signal of this car already
requests:
  Vehicle.ADAS.CruiseControl.SpeedSet: {to: car/Motion.Copy, confirm: Vehicle.Sped} #> cannot be read back
  Vehicle.Speed: {to: car/Motion.Speed, confirm: Vehicle.Speed} #> only actuators can be asked for
personal: [car/Vin] #> message 'car/Vin' is not in car.dbc
"""


def expected() -> list[tuple[int, str]]:
    """Return (line, phrase) as the description's own comments state them."""
    found: list[tuple[int, str]] = []
    for number, line in enumerate(DESCRIPTION.splitlines(), 1):
        if " #> " in line:
            found.append((number, line.partition(" #> ")[2]))
        if " #@ " in line:
            at, _, phrase = line.partition(" #@ ")[2].partition(": ")
            found.append((int(at), phrase))
    return sorted(found, key=lambda row: row[0])


def test_every_fault_is_told_at_once_in_order_with_its_line(tmp_path: Path) -> None:
    home = tmp_path / "acme/one"
    home.mkdir(parents=True)
    home.joinpath("vehicle.yaml").write_text(DESCRIPTION)
    home.joinpath("car.dbc").write_text(DATABASE)
    with pytest.raises(DescriptionError) as caught:
        compile_vehicle(home)
    found = [(fault.line, fault.message) for fault in caught.value.faults]
    assert [line for line, _ in found] == [line for line, _ in expected()]
    for line, phrase in expected():
        assert any(phrase in message for at, message in found if at == line), (line, phrase, found)
    assert len(found) >= 30
    assert all(fault.file == home / "vehicle.yaml" for fault in caught.value.faults)
    assert str(caught.value).splitlines()[0].startswith(f"{home / 'vehicle.yaml'}:3: 'colour' is not known")
