"""Attributes, requests and personal data."""

from __future__ import annotations

import pytest

from commonwheel.vehicles.model import Request
from tests.vehicles.workshop import Workshop, decode, frame

TARGET = "Vehicle.ADAS.CruiseControl.SpeedSet"
ROWS = "signals: {Vehicle.Speed: car/Motion.Speed, Vehicle.Body.Lights.Beam.Low.IsOn: car/Motion.Beam}\n"

# ---- attributes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("Vehicle.VehicleIdentification.Brand", "Acme", "Acme"),
        ("Vehicle.VehicleIdentification.Year", "2020", 2020),
        ("Vehicle.Chassis.AxleCount", "2.0", 2.0),
        ("Vehicle.Powertrain.TractionBattery.GrossCapacity", "40", 40),
        ("Vehicle.Powertrain.FuelSystem.SupportedFuelTypes", "[GASOLINE, LPG]", ["GASOLINE", "LPG"]),
        ("Vehicle.Powertrain.FuelSystem.SupportedFuelTypes", "GASOLINE", ["GASOLINE"]),
        ("Vehicle.Cabin.SeatPosCount", "[2, 3]", [2, 3]),
    ],
)
def test_a_fixed_fact_is_checked_against_its_datatype(
    workshop: Workshop, path: str, value: str, expected: object
) -> None:
    vehicle = workshop.build(f"attributes: {{{path}: {value}}}")
    assert vehicle.attributes == {path: expected}
    assert path in vehicle.provided


@pytest.mark.parametrize(
    ("path", "value", "phrase"),
    [
        ("Vehicle.VehicleIdentification.Brand", "5", "is string; '5' is no such value"),
        ("Vehicle.VehicleIdentification.Year", "soon", "is uint16; 'soon' is no such value"),
        ("Vehicle.VehicleIdentification.Year", "70000", "is uint16; '70000' is no such value"),
        ("Vehicle.Chassis.AxleCount", "2.5", "is uint8; '2.5' is no such value"),
        ("Vehicle.Chassis.AxleCount", "true", "is uint8; 'True' is no such value"),
        ("Vehicle.Chassis.AxleCount", "[2]", "is uint8; 'None' is no such value"),
        ("Vehicle.Powertrain.TractionBattery.GrossCapacity", ".inf", "is float; 'inf' is no such value"),
        ("Vehicle.Powertrain.FuelSystem.SupportedFuelTypes", "[GASOLIN]", "(did you mean 'GASOLINE'?)"),
        ("Vehicle.Cabin.SeatPosCount", "[2, 300]", "'300' is no such value"),
        ("Vehicle.Cabin.SeatPosCount", "{a: 1}", "the attribute is a list, not a mapping"),
        ("Vehicle.VehicleIdentification.Brnd", "Acme", "(did you mean 'Vehicle.VehicleIdentification.Brand'?)"),
        ("Vehicle.Speed", "5", "is a signal of this car already"),
    ],
)
def test_a_fact_that_cannot_be_is_a_fault(workshop: Workshop, path: str, value: str, phrase: str) -> None:
    faults = workshop.faults(f"{ROWS}attributes: {{{path}: {value}}}")
    assert phrase in "\n".join(message for _, message in faults)


def test_an_array_cannot_come_from_a_field(workshop: Workshop) -> None:
    text = workshop.fault("Vehicle.Powertrain.FuelSystem.SupportedFuelTypes: car/Motion.Gear")
    assert "is a fixed string[]; state it under 'attributes'" in text


# ---- requests -------------------------------------------------------------------------------------------------------


def request(workshop: Workshop, row: str, path: str = TARGET) -> Request:
    return workshop.build(f"{ROWS}requests: {{{path}: {row}}}").requests[0]


def refused(workshop: Workshop, row: str, path: str = TARGET) -> str:
    return "\n".join(message for _, message in workshop.faults(f"{ROWS}requests: {{{path}: {row}}}"))


def test_a_request_names_its_field_its_proof_and_its_time(workshop: Workshop) -> None:
    found = request(workshop, "{to: car/Wheels.Speed, confirm: Vehicle.Speed, within: 300 ms, range: [30, 120]}")
    assert (found.path, found.unit, found.source, found.confirm) == (
        TARGET,
        "km/h",
        "car/Wheels.Speed",
        "Vehicle.Speed",
    )
    assert (found.within_ns, found.low, found.high) == (300_000_000, 30.0, 120.0)
    assert found.evidence == "assumed (a test)"
    assert (found.writer.message, found.writer.field, found.writer.factor) == (3, "Speed", 0.1)


def test_a_request_has_a_second_by_default(workshop: Workshop) -> None:
    assert request(workshop, "{to: car/Wheels.Speed, confirm: Vehicle.Speed}").within_ns == 10**9


def test_a_request_need_not_use_every_code_of_its_field(workshop: Workshop) -> None:
    """What can be asked for is less than what the field can say."""
    lamp = "Vehicle.Body.Lights.Beam.Low.IsOn"
    row = "{to: car/Motion.Gear, confirm: Vehicle.Body.Lights.Beam.Low.IsOn, values: {D: true}}"
    assert request(workshop, row, lamp).writer.codes == ((1.0, 3),)


@pytest.mark.parametrize(
    ("row", "path", "phrase"),
    [
        ("{confirm: Vehicle.Speed}", TARGET, "a request needs 'to'"),
        ("{to: car/Wheels.Speed}", TARGET, "a request needs 'confirm'"),
        ("{to: car/Wheels.Sped, confirm: Vehicle.Speed}", TARGET, "did you mean 'Speed'?"),
        ("{to: 5, confirm: Vehicle.Speed}", TARGET, "'from' is text"),
        (
            "{to: car/Wheels.Speed, confirm: Vehicle.Sped}",
            TARGET,
            "cannot be read back: this description has no such row",
        ),
        ("{to: car/Wheels.Speed, confirm: Vehicle.Exterior.AirTemperature}", TARGET, "no such row"),
        (f"{{to: car/Wheels.Speed, confirm: {TARGET}}}", TARGET, "no such row"),
        ("{to: car/Wheels.Speed, confirm: Vehicle.Body.Lights.Beam.Low.IsOn}", TARGET, "is boolean, and"),
        ("{to: car/Wheels.Speed, confirm: Vehicle.Speed, within: soon}", TARGET, "'within' is a duration"),
        ("{to: car/Wheels.Speed, confirm: Vehicle.Speed, invalid: [1]}", TARGET, "'invalid' is not known in request"),
        ("{to: car/Wheels.Speed, confirm: Vehicle.Speed, unit: V}", TARGET, "is in V and the standard asks for km/h"),
        ("{to: car/Wheels.Speed, confirm: Vehicle.Speed, evidence: none}", TARGET, "'none' is no evidence"),
        ("{to: car/Wheels.Speed, confirm: Vehicle.Speed}", "Vehicle.Speed", "only actuators can be asked for"),
        ("{to: car/Wheels.Speed, confirm: Vehicle.Speed}", TARGET + "s", f"(did you mean '{TARGET}'?)"),
        ("car/Wheels.Speed", TARGET, f"request '{TARGET}' is a mapping, not text"),
    ],
)
def test_what_cannot_be_asked_for_is_a_fault(workshop: Workshop, row: str, path: str, phrase: str) -> None:
    assert phrase in refused(workshop, row, path)


def test_a_request_and_a_signal_must_not_share_bits(workshop: Workshop) -> None:
    """What is asked for would overwrite what is told."""
    database = (
        'BO_ 256 Motion: 8 X\n SG_ Speed : 7|16@0+ (1,0) [0|0] "km/h" X\n SG_ Set : 15|8@0+ (1,0) [0|0] "km/h" X\n'
        ' SG_ Beam : 20|1@1+ (1,0) [0|0] "" X\n'
    )
    text = f"{ROWS}requests: {{{TARGET}: {{to: car/Motion.Set, confirm: Vehicle.Speed}}}}"
    ((line, message),) = workshop.faults(text, car=database)
    assert "car/Motion.Speed and car/Motion.Set share bits" in message
    assert line == 8


# ---- personal -------------------------------------------------------------------------------------------------------

VIN = "Vehicle.VehicleIdentification.VIN"
PERSONAL = f"""
signals:
  {VIN}: {{text: car/Vin.Characters}}
  Vehicle.Speed: car/Motion.Speed
  Vehicle.Body.Lights.Beam.Low.IsOn: {{compute: b and v > 1, with: {{b: car/Motion.Beam, v: car/Motion.Speed}}}}
"""


@pytest.mark.parametrize(
    ("stated", "hidden"),
    [
        ("[]", set()),
        ("[car/Vin]", {VIN}),
        ("car/Vin", {VIN}),
        ("[car/Vin.Characters]", {VIN}),
        (f"[{VIN}]", {VIN}),
        ("[car/Motion.Beam]", {"Vehicle.Body.Lights.Beam.Low.IsOn"}),
        ("[car/Motion]", {"Vehicle.Speed", "Vehicle.Body.Lights.Beam.Low.IsOn"}),
        ("[Vehicle.Speed, car/Vin]", {"Vehicle.Speed", VIN}),
    ],
)
def test_what_is_personal_is_left_out_unless_asked_for(workshop: Workshop, stated: str, hidden: set[str]) -> None:
    """Named by message, by field or by path; what is computed of it is personal too."""
    vehicle = workshop.build(f"{PERSONAL}personal: {stated}")
    assert {s.path for s in vehicle.signals if s.personal} == hidden
    frames = [frame(0x300, "0041434d45414243"), frame(0x100, "0064100000000000")]
    everything = {path for path, _, _ in decode(vehicle, *frames, with_personal=True)}
    assert len(everything) == 3
    assert {path for path, _, _ in decode(vehicle, *frames)} == everything - {path[8:] for path in hidden}


def test_a_personal_message_is_marked_as_a_whole(workshop: Workshop) -> None:
    vehicle = workshop.build(f"{PERSONAL}personal: [car/Vin, car/Motion.Beam]")
    assert [m.name for m in vehicle.messages if m.personal] == ["Vin"]


@pytest.mark.parametrize(
    ("stated", "phrase"),
    [
        ("[car/Vim]", "message 'car/Vim' is not in car.dbc (did you mean 'Vin'?)"),
        ("[car/Vin.Char]", "signal 'car/Vin.Char' is not in car.dbc"),
        ("[Vehicle.Sped]", "'Vehicle.Sped' is neither bus/Message, bus/Message.Signal nor a row here"),
        ("[5]", "an entry of 'personal' is text, not a whole number"),
        ("{car/Vin: true}", "'personal' is a list, not a mapping"),
    ],
)
def test_what_is_personal_has_to_be_there(workshop: Workshop, stated: str, phrase: str) -> None:
    faults = workshop.faults(f"{PERSONAL}personal: {stated}")
    assert phrase in "\n".join(message for _, message in faults)
