"""``from`` rows: one field of one message as one standard signal."""

from __future__ import annotations

import math

import pytest

from commonwheel.vehicles.vehicle import Vehicle
from tests.vehicles.workshop import Workshop, close, decode, frame

SPEED, GEAR = "Vehicle.Speed", "Vehicle.Powertrain.Transmission.SelectedGear"
BEAM = "Vehicle.Body.Lights.Beam.Low.IsOn"
STATE = "Vehicle.LowVoltageSystemState"


def motion(
    *, speed: int = 0, third: int = 0, air: int = 0, fourth: int = 0, charge: int = 0
) -> tuple[int, int, int, bytes]:
    """Return a frame of the message Motion."""
    return 0, 0, 0x100, speed.to_bytes(2, "big") + bytes([third, air, fourth, charge, 0, 0])


def value(vehicle: Vehicle, **fields: int) -> tuple[float, str]:
    """Return (value, quality) of the only sample of a Motion frame."""
    ((_, number, quality),) = decode(vehicle, motion(**fields))
    return number, quality


def test_the_short_form_is_a_reference(workshop: Workshop) -> None:
    vehicle = workshop.signals("Vehicle.Speed: car/Motion.Speed")
    assert value(vehicle, speed=12345) == (123.45, "GOOD")
    assert [(s.path, s.unit, s.how, s.sources) for s in vehicle.signals] == [
        (SPEED, "km/h", "from", ("car/Motion.Speed",))
    ]


def test_the_long_form_says_the_same(workshop: Workshop) -> None:
    assert value(workshop.signals("Vehicle.Speed: {from: car/Motion.Speed}"), speed=100) == (1.0, "GOOD")


@pytest.mark.parametrize(
    ("row", "raw", "expected"),
    [
        ("{from: car/Motion.Speed, unit: m/s}", 1000, 36.0),
        ("{from: car/Motion.Speed, unit: mph}", 1000, 16.09344),
        ("{from: car/Motion.Speed, scale: 2}", 1000, 20.0),
        ("{from: car/Motion.Speed, offset: -5}", 1000, 5.0),
        ("{from: car/Motion.Speed, unit: m/s, scale: 0.5, offset: 1}", 1000, (10 * 0.5 + 1) * 3.6),
    ],
)
def test_scale_and_offset_come_in_the_wires_unit_then_it_is_converted(
    workshop: Workshop, row: str, raw: int, expected: float
) -> None:
    vehicle = workshop.signals(f"Vehicle.Speed: {row}")
    found, quality = value(vehicle, speed=raw)
    assert (close(found, expected), quality) == (True, "GOOD")


def test_temperatures_are_converted_with_their_offset(workshop: Workshop) -> None:
    vehicle = workshop.signals("Vehicle.Exterior.AirTemperature: {from: car/Motion.Air, unit: degF, offset: 40}")
    assert close(value(vehicle, air=212)[0], 100.0)
    assert close(vehicle.signals[0].resolution, 5 / 9)


def test_resolution_is_the_step_of_the_wire_in_the_standards_unit(workshop: Workshop) -> None:
    vehicle = workshop.signals("Vehicle.Speed: {from: car/Motion.Speed, unit: m/s}")
    assert close(vehicle.signals[0].resolution, 0.036)


@pytest.mark.parametrize(
    ("row", "phrase"),
    [
        ("Vehicle.Speed: {from: car/Motion.Air}", "car/Motion.Air is in degC and the standard asks for km/h"),
        ("Vehicle.Speed: car/Power.Bare", "has no unit in its database and the standard asks for km/h: state 'unit'"),
        ("Vehicle.Speed: {from: car/Motion.Speed, unit: furlong}", "'furlong' is no unit that is known here"),
        (f"{GEAR}: {{from: car/Motion.Air}}", "the standard has no unit there"),
    ],
)
def test_units_that_do_not_convert_are_faults(workshop: Workshop, row: str, phrase: str) -> None:
    assert phrase in workshop.fault(row)


def test_codes_that_mean_no_value_are_invalid_and_carry_no_number(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        'Vehicle.Exterior.AirTemperature: {from: car/Motion.Air, invalid: [255, "0xF0..0xF2", "7"]}'
    )
    invalid = {code for code in range(256) if value(vehicle, air=code)[1] == "INVALID"}
    assert invalid == {7, 0xF0, 0xF1, 0xF2, 255}
    assert math.isnan(value(vehicle, air=255)[0])


def test_a_single_code_needs_no_list(workshop: Workshop) -> None:
    assert (
        value(workshop.signals("Vehicle.Exterior.AirTemperature: {from: car/Motion.Air, invalid: 0}"))[1] == "INVALID"
    )


def test_negative_codes_are_twos_complement_and_spans_may_cross_zero(workshop: Workshop) -> None:
    """Level has two signed bits: -2, -1, 0, 1."""
    row = "Vehicle.Powertrain.Transmission.CurrentGear: {from: car/Motion.Level, invalid: [%s]}"
    for stated, expected in (("-1", {3}), ('"-1..0"', {3, 0}), ('"-2..1"', {0, 1, 2, 3}), ("3", {3})):
        vehicle = workshop.signals(row % stated)
        invalid = {raw for raw in range(4) if value(vehicle, third=raw << 5)[1] == "INVALID"}
        assert invalid == expected, stated


@pytest.mark.parametrize(
    ("invalid", "phrase"),
    [
        ("[256]", "cannot occur in 8 bits"),
        ("[-129]", "cannot occur in 8 bits"),
        ("[0x1FF]", "cannot occur in 8 bits"),
        ("[yes]", "takes raw codes such as 255"),
        ("[1.5]", "takes raw codes such as 255"),
        ('["9..3"]', "takes raw codes such as 255"),
        ("{a: 1}", "'invalid' is a list, not a mapping"),
    ],
)
def test_codes_that_cannot_occur_are_faults(workshop: Workshop, invalid: str, phrase: str) -> None:
    assert phrase in workshop.fault(f"Vehicle.Exterior.AirTemperature: {{from: car/Motion.Air, invalid: {invalid}}}")


def test_a_value_out_of_range_is_invalid_and_keeps_its_number(workshop: Workshop) -> None:
    vehicle = workshop.signals("Vehicle.Exterior.AirTemperature: {from: car/Motion.Air, range: [-30, 50]}")
    assert value(vehicle, air=10) == (-30.0, "GOOD")
    assert value(vehicle, air=9) == (-31.0, "INVALID")
    assert value(vehicle, air=90) == (50.0, "GOOD")
    assert value(vehicle, air=91) == (51.0, "INVALID")
    assert (vehicle.signals[0].low, vehicle.signals[0].high) == (-30, 50)


def test_the_catalogs_limits_and_those_of_the_database_hold_by_default(workshop: Workshop) -> None:
    """Charge may be 0..100 by its database; so may the standard's signal."""
    vehicle = workshop.signals("Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed: car/Motion.Charge")
    assert value(vehicle, charge=200) == (100.0, "GOOD")
    assert value(vehicle, charge=201) == (100.5, "INVALID")


def test_the_range_of_a_row_wins_over_that_of_the_database(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        "Vehicle.Exterior.AirTemperature: {from: car/Motion.Charge, unit: degC, range: [-5, 127]}"
    )
    assert value(vehicle, charge=250) == (125.0, "GOOD")


@pytest.mark.parametrize(
    ("row", "phrase"),
    [
        ("{from: car/Motion.Speed, range: [5]}", "'range' is [low, high]"),
        ("{from: car/Motion.Speed, range: [5, 1]}", "5 is more than 1"),
        ("{from: car/Motion.Speed, range: [a, 1]}", "is a number, not text"),
        ("{from: car/Motion.Speed, range: [.nan, 1]}", "is a number, not nan"),
        ("{from: car/Motion.Speed, scale: 0}", "'scale' cannot be zero"),
        ("{from: car/Motion.Speed, scale: fast}", "'scale' is a number, not text"),
        ("{from: car/Motion.Speed, scale: true}", "'scale' is a number, not a boolean"),
        ("{from: car/Motion.Speed, unit: 5}", "'unit' is text, not a whole number"),
        ("{from: car/Motion.Speed, otherwise: 3}", "'otherwise' belongs to 'values'"),
        ("{from: car/Motion.Speed, select: Which}", "'select' belongs to a path with instances"),
        ("{from: car/Motion.Speed, factor: 3}", "'factor' is not known in this row"),
        ("{form: car/Motion.Speed}", "a row has exactly one of 'from', 'compute', 'first_of', 'text'; this one has 0"),
        ("{from: car/Motion.Speed, compute: 1}", "this one has 2"),
        ("[car/Motion.Speed]", "not a list"),
        ("5", "not a whole number"),
        ("{from: 5}", "'from' is text, not a whole number"),
        ("car/Motion", "is not a reference; write bus/Message.Signal"),
        ("Motion.Speed", "is not a reference; write bus/Message.Signal"),
        ("can/Motion.Speed", "there is no bus 'can' (did you mean 'car'?); buses are: car"),
        ("car/Motions.Speed", "message 'car/Motions' is not in car.dbc (did you mean 'Motion'?)"),
        ("car/Motion.Sped", "signal 'car/Motion.Sped' is not in car.dbc (did you mean 'Speed'?)"),
    ],
)
def test_what_cannot_be_understood_is_a_fault(workshop: Workshop, row: str, phrase: str) -> None:
    assert phrase in "\n".join(workshop.messages(f"Vehicle.Speed: {row}"))


def test_a_datatype_has_to_hold_the_range(workshop: Workshop) -> None:
    """An int8 cannot hold what 16 bits of the wire can carry, unless a range says that it never does."""
    database = limited("0|300")
    text = workshop.fault("Vehicle.Powertrain.Transmission.CurrentGear: car/M.Value", car=database)
    assert "int8 of Vehicle.Powertrain.Transmission.CurrentGear cannot hold 0..300" in text
    workshop.signals("Vehicle.Powertrain.Transmission.CurrentGear: {from: car/M.Value, range: [0, 9]}", car=database)


def limited(limits: str) -> str:
    return f'BO_ 1 M: 8 X\n SG_ Value : 7|16@0+ (1,0) [{limits}] "" X\n SG_ Zero : 23|8@0+ (0,0) [0|0] "km/h" X\n'


def test_a_range_that_the_standard_does_not_allow_is_a_fault(workshop: Workshop) -> None:
    row = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed: {from: car/Motion.Charge, range: [101, 127]}"
    assert "no value of 101..127 is allowed by" in workshop.fault(row)


def test_a_field_without_factor_is_a_fault(workshop: Workshop) -> None:
    assert "car/M.Zero has no usable factor (0)" in workshop.fault("Vehicle.Speed: car/M.Zero", car=limited("0|0"))


# ---- enumerations ---------------------------------------------------------------------------------------------------


def codes(vehicle: Vehicle, field: str = "gear") -> dict[int, float | None]:
    """Return the good value of each raw code of Gear (or of Level), None where it is invalid."""
    shift, n = (0, 16) if field == "gear" else (5, 4)
    found = {raw: value(vehicle, third=raw << shift) for raw in range(n)}
    assert all(math.isnan(number) == (quality == "INVALID") for number, quality in found.values())
    return {raw: number if quality == "GOOD" else None for raw, (number, quality) in found.items()}


def test_codes_are_mapped_by_number_by_name_and_by_span(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        f'{GEAR}: {{from: car/Motion.Gear, values: {{P: 126, 1: -1, N: 0, 0x3: 127, "8..9": 5}}}}'
    )
    expected = {0: 126, 1: -1, 2: 0, 3: 127, 8: 5, 9: 5}
    assert codes(vehicle) == {raw: expected.get(raw) for raw in range(16)}
    assert vehicle.signals[0].resolution == 0


def test_a_named_code_that_is_left_out_is_a_hole(workshop: Workshop) -> None:
    text = workshop.fault(f"{GEAR}: {{from: car/Motion.Gear, values: {{P: 126, D: 127}}}}")
    assert "car/Motion.Gear can be 1 ('R'), 2 ('N'), which 'values' leaves out" in text


def test_a_hole_is_closed_by_invalid_or_otherwise(workshop: Workshop) -> None:
    invalid = workshop.signals(f"{GEAR}: {{from: car/Motion.Gear, values: {{P: 126, D: 127}}, invalid: [1, 2]}}")
    assert codes(invalid) == {raw: {0: 126, 3: 127}.get(raw) for raw in range(16)}
    otherwise = workshop.signals(f"{GEAR}: {{from: car/Motion.Gear, values: {{P: 126, D: 127}}, otherwise: 0}}")
    assert codes(otherwise) == {raw: {0: 126, 3: 127}.get(raw, 0) for raw in range(16)}


def test_invalid_wins_over_otherwise(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{GEAR}: {{from: car/Motion.Gear, values: {{P: 126}}, otherwise: 0, invalid: [15]}}")
    assert codes(vehicle)[15] is None
    assert codes(vehicle)[14] == 0


def test_the_encoder_never_writes_a_code_that_means_no_value(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{GEAR}: {{from: car/Motion.Gear, values: {{D: 127}}, otherwise: 0, invalid: [0, 1]}}")
    assert dict(vehicle.writers[GEAR][0].codes) == {127: 3, 0: 2}


def test_negative_raw_codes(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        "Vehicle.Powertrain.Transmission.CurrentGear: {from: car/Motion.Level, values: {-1: 3, 1: 4}}"
    )
    assert codes(vehicle, "level") == {0: None, 1: 4, 2: None, 3: 3}


def test_labels_become_their_codes_and_are_told(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        f"{STATE}: {{from: car/Motion.Gear, values: {{0: 'OFF', 1: 'ON'}}, otherwise: UNDEFINED}}"
    )
    labels = vehicle.signals[0].labels
    assert [labels[int(code or 0)] for code in codes(vehicle).values()] == ["OFF", "ON"] + ["UNDEFINED"] * 14


def test_the_databases_own_names_serve_where_they_are_the_standards(workshop: Workshop) -> None:
    database = 'BO_ 256 Motion: 8 X\n SG_ Key : 16|4@1+ (1,0) [0|0] "" X\nVAL_ 256 Key 0 "LOCK" 1 "ACC" 2 "ON" ;\n'
    vehicle = workshop.signals(f"{STATE}: car/Motion.Key", car=database)
    labels = vehicle.signals[0].labels
    assert [labels[int(code)] for code in codes(vehicle).values() if code is not None] == ["LOCK", "ACC", "ON"]


def test_booleans_of_one_bit_need_no_values(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{BEAM}: car/Motion.Beam")
    assert [value(vehicle, third=bit << 4) for bit in (0, 1)] == [(0.0, "GOOD"), (1.0, "GOOD")]


def test_values_turn_a_boolean_round(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{BEAM}: {{from: car/Motion.Beam, values: {{0: true, 1: false}}}}")
    assert [value(vehicle, third=bit << 4)[0] for bit in (0, 1)] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("row", "phrase"),
    [
        (f"{BEAM}: car/Motion.Gear", "is boolean and car/Motion.Gear has 4 bits; map them with 'values'"),
        (f"{BEAM}: {{from: car/Motion.Beam, values: {{0: 5}}}}", "5 is not a value of"),
        (f"{BEAM}: {{from: car/Motion.Beam, values: {{0: 'OFF'}}}}", "'OFF' is not a value of"),
        (f"{GEAR}: {{from: car/Motion.Gear, values: {{0: 300}}, otherwise: 0}}", "300 is not a value of"),
        (f"{GEAR}: {{from: car/Motion.Gear, values: {{0: true}}, otherwise: 0}}", "'True' is not a value of"),
        (f"{GEAR}: {{from: car/Motion.Gear, values: {{0: [1]}}, otherwise: 0}}", "a plain value of the standard"),
        (f"{GEAR}: {{from: car/Motion.Gear, values: {{16: 1}}, otherwise: 0}}", "raw code 16 cannot occur in 4 bits"),
        (
            f"{GEAR}: {{from: car/Motion.Gear, values: {{Q: 1}}, otherwise: 0}}",
            "'Q' is neither a raw code nor a value name",
        ),
        (
            f'{GEAR}: {{from: car/Motion.Gear, values: {{0: 1, "0..2": 3}}, otherwise: 0}}',
            "raw code 0 of car/Motion.Gear",
        ),
        (f"{GEAR}: {{from: car/Motion.Gear, values: {{0: 1}}, otherwise: P}}", "'P' is not a value of"),
        (f"{GEAR}: {{from: car/Motion.Gear, values: {{0: 1}}, otherwise: [0]}}", "a plain value is expected here"),
        (
            f"{GEAR}: {{from: car/Motion.Gear, values: {{0: 1}}, otherwise: 0, invalid: 0}}",
            "mapped and 'invalid' at once",
        ),
        (f"{GEAR}: {{from: car/Motion.Gear, values: 5}}", "'values' is a mapping of raw codes"),
        (f"{GEAR}: {{from: car/Motion.Gear, values: {{0: 1}}, otherwise: 0, scale: 2}}", "'scale' has no effect"),
        (f"{GEAR}: {{from: car/Motion.Gear, values: {{0: 1}}, otherwise: 0, range: [0, 2]}}", "'range' has no effect"),
        (f"{STATE}: car/Motion.Gear", "has allowed values: map raw codes with 'values'"),
        (f"{STATE}: {{from: car/Motion.Gear, values: {{0: OF}}, otherwise: 'ON'}}", "did you mean 'OFF'?"),
        ("Vehicle.VehicleIdentification.Brand: car/Motion.Gear", "is string; use 'text'"),
        ("Vehicle.Powertrain.TractionBattery.CellVoltage.CellVoltages: car/Motion.Gear", "cannot come from one field"),
        (f"{BEAM}: {{from: car/Vin.Characters, values: {{0: true}}}}", "has 56 bits; an enumeration has at most 16"),
    ],
)
def test_an_enumeration_that_does_not_fit_is_a_fault(workshop: Workshop, row: str, phrase: str) -> None:
    assert phrase in "\n".join(workshop.messages(row))


# ---- layouts --------------------------------------------------------------------------------------------------------


def test_a_field_that_reaches_beyond_its_message_is_a_fault(workshop: Workshop) -> None:
    database = 'BO_ 1 M: 2 X\n SG_ Long : 7|24@0+ (1,0) [0|0] "km/h" X\n'
    assert "reaches beyond the 2 bytes of its message" in workshop.fault("Vehicle.Speed: car/M.Long", car=database)


def test_mapped_fields_that_share_bits_are_a_fault(workshop: Workshop) -> None:
    """Both could be decoded, but not written; fields that are not mapped may lie as they like."""
    database = (
        'BO_ 1 M: 4 X\n SG_ One : 7|16@0+ (1,0) [0|0] "km/h" X\n SG_ Two : 15|8@0+ (1,0) [0|0] "degC" X\n'
        ' SG_ Three : 15|16@0+ (1,0) [0|0] "V" X\n'
    )
    assert workshop.signals("Vehicle.Speed: car/M.One", car=database).signals
    text = workshop.fault("Vehicle.Speed: car/M.One\nVehicle.Exterior.AirTemperature: car/M.Two", car=database)
    assert "car/M.One and car/M.Two share bits" in text


def test_a_multiplexed_field_of_the_database_needs_no_condition(workshop: Workshop) -> None:
    database = (
        'BO_ 1 M: 4 X\n SG_ Page M : 7|8@0+ (1,0) [0|0] "" X\n SG_ One m1 : 15|8@0+ (1,0) [0|0] "km/h" X\n'
        ' SG_ Two m2 : 15|8@0+ (1,0) [0|0] "degC" X\n'
    )
    vehicle = workshop.signals("Vehicle.Speed: car/M.One\nVehicle.Exterior.AirTemperature: car/M.Two", car=database)
    assert decode(vehicle, frame(1, "01050000"), frame(1, "02070000"), frame(1, "03090000")) == [
        ("Speed", 5.0, "GOOD"),
        ("Exterior.AirTemperature", 7.0, "GOOD"),
    ]
