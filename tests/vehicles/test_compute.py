"""``compute``, ``first_of`` and ``text`` rows: signals made of several fields."""

from __future__ import annotations

import math

import pytest

from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.encoder import VehicleEncoder
from commonwheel.vehicles.samples import Quality
from commonwheel.wire.frames import Frames
from tests.vehicles.workshop import Workshop, close, decode, frame

POWER = "Vehicle.Powertrain.TractionBattery.CurrentPower"
VOLTAGE = "Vehicle.Powertrain.TractionBattery.CurrentVoltage"
CURRENT = "Vehicle.Powertrain.TractionBattery.CurrentCurrent"
BOTH = "with: {v: car/Power.Voltage, i: car/Power.Current}"
HUNDRED_VOLTS_TWO_AMPERES = frame(0x200, "00c8 0008 05 01f4 00")
"""Also 5 of Bare and 500 mV."""


def computed(workshop: Workshop, expression: str, inputs: str = BOTH, path: str = POWER) -> float:
    """Return the value that a row computes of 100 V, 2 A, 5 and 500 mV."""
    vehicle = workshop.signals(f"{path}: {{compute: '{expression}', {inputs}}}")
    ((_, value, _),) = decode(vehicle, HUNDRED_VOLTS_TWO_AMPERES)
    return value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("v * i", 200.0),
        ("(v + 1) * i", 202.0),
        ("-v * i", -200.0),
        ("v * (i if i > 1 else 0)", 200.0),
        ("v * i * (v > 50 and not i > 5)", 200.0),
        ("v * i * (v > 500 or i > 5)", 0.0),
        ("v ** 2 / (v / i)", 200.0),
        ("min(v, 90) * max(i, 3, 1)", 270.0),
        ("abs(-v) * floor(i + 0.5) * round(1.5)", 400.0),
        ("sqrt(v * v) * i", 200.0),
    ],
)
def test_units_multiply_to_what_the_standard_asks_for(workshop: Workshop, expression: str, value: float) -> None:
    """Volts times amperes are watts; a bare number takes the unit it stands beside."""
    assert close(computed(workshop, expression), value)


def test_terms_of_different_units_are_brought_to_one(workshop: Workshop) -> None:
    inputs = "with: {v: car/Power.Voltage, m: car/Power.Milli}"
    assert close(computed(workshop, "v + m", inputs, VOLTAGE), 100.5)
    assert close(computed(workshop, "m + v", inputs, VOLTAGE), 100.5)
    assert close(computed(workshop, "v if m < v else m", inputs, VOLTAGE), 100.0)


def test_a_ratio_becomes_percent(workshop: Workshop) -> None:
    charge = "Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed"
    inputs = "with: {v: car/Power.Voltage, m: car/Power.Milli}"
    assert close(computed(workshop, "m / v", inputs, charge), 0.5)


def test_percent_times_a_quantity_is_a_hundredth_of_it(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        f"{VOLTAGE}: {{compute: v * p, with: {{v: car/Power.Voltage, p: {{from: car/Power.Bare, unit: '%'}}}}}}"
    )
    assert close(decode(vehicle, HUNDRED_VOLTS_TWO_AMPERES)[0][1], 5.0)


def test_inputs_may_be_long_rows_with_units_of_their_own(workshop: Workshop) -> None:
    inputs = "with: {v: {from: car/Power.Bare, unit: kV, scale: 2}, i: car/Power.Current}"
    assert close(computed(workshop, "v * i", inputs), 20_000.0)


def test_inputs_may_be_other_rows_in_any_order(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        f"""
        {POWER}: {{compute: v * i, with: {{v: {VOLTAGE}, i: {CURRENT}}}}}
        {VOLTAGE}: car/Power.Voltage
        {CURRENT}: car/Power.Current
        """
    )
    assert {path: value for path, value, _ in decode(vehicle, HUNDRED_VOLTS_TWO_AMPERES)} == {
        POWER[8:]: 200.0, VOLTAGE[8:]: 100.0, CURRENT[8:]: 2.0,
    }  # fmt: skip
    assert vehicle.signals[0].sources == ("car/Power.Voltage", "car/Power.Current")


def test_a_comparison_makes_a_boolean(workshop: Workshop) -> None:
    path = "Vehicle.Powertrain.TractionBattery.Charging.IsCharging"
    assert computed(workshop, "i > 0", "with: {i: car/Power.Current}", path) == 1.0
    assert computed(workshop, "i > 0.002", "with: {i: {from: car/Power.Current, unit: mA}}", path) == 1.0


def test_a_division_by_zero_is_invalid(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        f"{POWER}: {{compute: v * v / r, with: {{v: car/Power.Voltage, r: {{from: car/Power.Bare, unit: Ohm}}}}}}"
    )
    ((_, value, quality),) = decode(vehicle, frame(0x200, "00c8000800000000"))
    assert (math.isnan(value), quality) == (True, "INVALID")


def test_a_result_outside_of_the_range_is_invalid(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{POWER}: {{compute: v * i, {BOTH}, range: [0, 199]}}")
    assert decode(vehicle, HUNDRED_VOLTS_TWO_AMPERES) == [(POWER[8:], 200.0, "INVALID")]


def test_it_speaks_when_any_input_is_new_and_is_as_bad_as_the_worst(workshop: Workshop) -> None:
    current = "{from: car/Motion.Charge, unit: A, invalid: [255]}"
    vehicle = workshop.signals(f"{POWER}: {{compute: v * i, with: {{v: car/Power.Voltage, i: {current}}}}}")
    samples = decode(
        vehicle,
        frame(0x200, "00c8000000000000"),  # 100 V: the other input was not seen yet
        frame(0x100, "0000000000040000"),  # 2 A
        frame(0x200, "0064000000000000"),  # 50 V
        frame(0x100, "0000000000ff0000"),
    )
    assert [(value, quality) for _, value, quality in samples[:2]] == [(200.0, "GOOD"), (100.0, "GOOD")]
    assert samples[2][2] == "INVALID"


@pytest.mark.parametrize(
    ("row", "phrase"),
    [
        (f"{{compute: v + i, {BOTH}}}", "'ampere' does not convert to 'volt'"),
        (f"{{compute: v / i, {BOTH}}}", f"{POWER}: the result does not fit: 'volt / ampere' does not convert to 'W'"),
        (f"{{compute: v * j, {BOTH}}}", "'j' is not an input (inputs are: v, i)"),
        (f"{{compute: v > 10, {BOTH}}}", "the input 'i' is not used in 'v > 10'"),
        (f"{{compute: v *, {BOTH}}}", "is not an expression"),
        (f"{{compute: 'log(v) * i', {BOTH}}}", "'log' is not a function here"),
        ("{compute: t * t, with: {t: car/Motion.Air}}", "has an offset and cannot be multiplied"),
        ("{compute: 5, with: {}}", "a constant is an attribute"),
        ("{compute: [v], with: {}}", "'compute' is an expression, not a list"),
        ("{compute: v}", "'compute' needs 'with'"),
        ("{compute: v, with: car/Power.Voltage}", "'with' is a mapping, not text"),
        ("{compute: v, with: {v: Vehicle.Speed}}", "'Vehicle.Speed' is neither bus/Message.Signal nor a row here"),
        ("{compute: v, with: {v: {compute: w, with: {}}}}", "give this one a row of its own"),
        ("{compute: v, with: {2v: car/Power.Voltage, v: car/Power.Current}}", "'2v' cannot be a name in an expression"),
        ("{compute: v, with: {v: {from: car/Power.Voltage, unit: parsec}}}", "'parsec' is no unit"),
        (f"{{compute: v * i, {BOTH}, range: [5, 1]}}", "'range' is [low, high]"),
    ],
)
def test_what_cannot_be_computed_is_a_fault(workshop: Workshop, row: str, phrase: str) -> None:
    assert phrase in "\n".join(workshop.messages(f"{POWER}: {row}"))


def test_a_string_or_a_narrow_number_cannot_be_computed(workshop: Workshop) -> None:
    text = workshop.fault("Vehicle.LowVoltageSystemState: {compute: v, with: {v: car/Power.Bare}}")
    assert "is string, which cannot be computed" in text
    row = "{compute: v, with: {v: car/Power.Bare}, range: [0, 500]}"
    assert "int8" in workshop.fault(f"Vehicle.Powertrain.Transmission.CurrentGear: {row}")


def test_another_rows_path_stands_alone(workshop: Workshop) -> None:
    """Units and codes of a row are stated there, not where it is used."""
    rows = f"{VOLTAGE}: car/Power.Voltage\n{POWER}: {{compute: v * 2, with: {{v: {{from: {VOLTAGE}, unit: kV}}}}}}"
    assert "is a row of its own: state what it needs there" in "\n".join(workshop.messages(rows))


def test_a_circle_is_shown_as_one(workshop: Workshop) -> None:
    rows = f"{POWER}: {{compute: v * 1, with: {{v: {VOLTAGE}}}}}\n{VOLTAGE}: {{compute: p * 1, with: {{p: {POWER}}}}}"
    assert f"in a circle: {POWER} -> {VOLTAGE} -> {POWER}" in "\n".join(workshop.messages(rows))


def test_a_row_cannot_be_the_field_of_another(workshop: Workshop) -> None:
    rows = f"{VOLTAGE}: car/Power.Voltage\nVehicle.Speed: {VOLTAGE}"
    assert "is a path; a 'from' row names a field" in workshop.fault(rows)


# ---- back -----------------------------------------------------------------------------------------------------------

LAMP = "Vehicle.Body.Lights.Beam.Low.IsOn"


def test_back_tells_the_encoder_how_to_set_the_inputs(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        f"{LAMP}: {{compute: switched or level > 5, with: {{switched: car/Motion.Beam, level: car/Power.Bare}},"
        " back: {switched: value, level: 9 if value else 2}}"
    )
    encoder = VehicleEncoder(vehicle)
    assert encoder.encode_message(0, {LAMP: 1}).hex() == "0000100000000000"
    assert encoder.encode_message(1, {LAMP: 1}).hex() == "0000000009000000"
    assert encoder.encode_message(1, {LAMP: 0}).hex() == "0000000002000000"


def test_back_brings_the_value_to_the_inputs_unit(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{VOLTAGE}: {{compute: m * 2, with: {{m: car/Power.Milli}}, back: {{m: value / 2}}}}")
    payload = VehicleEncoder(vehicle).encode_message(1, {VOLTAGE: 1.0})
    assert int.from_bytes(payload[5:7], "big") == 500


def test_back_to_an_input_without_unit_is_a_bare_number(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{VOLTAGE}: {{compute: n * 2, with: {{n: car/Power.Bare}}, back: {{n: value / 2}}}}")
    assert VehicleEncoder(vehicle).encode_message(1, {VOLTAGE: 14.0})[4] == 7


def test_back_may_set_another_row(workshop: Workshop) -> None:
    vehicle = workshop.signals(
        f"""
        {VOLTAGE}: car/Power.Voltage
        {POWER}: {{compute: v * 2, with: {{v: {VOLTAGE}}}, back: {{v: value / 2}}}}
        """.replace(POWER, "Vehicle.LowVoltageBattery.CurrentVoltage")
    )
    payload = VehicleEncoder(vehicle).encode_message(1, {"Vehicle.LowVoltageBattery.CurrentVoltage": 100.0})
    assert int.from_bytes(payload[:2], "big") == 100  # 50 V


def test_without_back_a_signal_is_derived(workshop: Workshop) -> None:
    vehicle = workshop.signals(f"{POWER}: {{compute: v * i, {BOTH}}}")
    assert POWER not in vehicle.writers


@pytest.mark.parametrize(
    ("back", "phrase"),
    [
        ("{x: value}", "'x' is not known in 'back'"),
        ("{v: wert}", "'back' of 'v': 'wert' is not an input (inputs are: value)"),
        ("{v: value * value}", "'back' of 'v'"),
        ("{v: }", "'back' of 'v'"),
        ("value", "'back' is a mapping, not text"),
    ],
)
def test_a_back_that_leads_nowhere_is_a_fault(workshop: Workshop, back: str, phrase: str) -> None:
    assert phrase in workshop.fault(f"{VOLTAGE}: {{compute: v * 2, with: {{v: car/Power.Voltage}}, back: {back}}}")


def test_back_cannot_set_what_is_computed_itself(workshop: Workshop) -> None:
    rows = (
        f"{VOLTAGE}: {{compute: m * 2, with: {{m: car/Power.Milli}}}}\n"
        f"Vehicle.LowVoltageBattery.CurrentVoltage: {{compute: v * 2, with: {{v: {VOLTAGE}}}, back: {{v: value}}}}"
    )
    assert "'back' cannot set 'v', which is computed itself" in workshop.fault(rows)


# ---- first_of -------------------------------------------------------------------------------------------------------

FALLBACK = "Vehicle.Speed: {first_of: [car/Motion.Speed, {from: car/Wheels.SpeedLeft, invalid: [0xFFFF]}]}"


def test_the_first_good_source_speaks(workshop: Workshop) -> None:
    """Motion has a period of 20 ms, so it is stale after 200 ms; Wheels has none and never is."""
    vehicle = workshop.signals(FALLBACK)
    samples = VehicleDecoder(vehicle).decode(
        Frames.build(
            [
                frame(0x400, "0000000064000000", 0),  # 10.0 from the second source
                frame(0x100, "01f4000000000000", 10),  # 5.0 from the first
                frame(0x400, "00000000c8000000", 20),
                frame(0x400, "0000000064000000", 300),  # the first is stale since 210 ms
                frame(0x100, "0190000000000000", 310),
            ]
        )
    )
    told = [
        (t // 10**6, round(v, 3), Quality(q).name)
        for t, v, q in zip(*(c.tolist() for c in (samples.t_ns, samples.value, samples.quality)), strict=True)
    ]
    assert told == [
        (0, 10.0, "GOOD"), (10, 5.0, "GOOD"), (210, 20.0, "GOOD"), (300, 10.0, "GOOD"), (310, 4.0, "GOOD"),
    ]  # fmt: skip
    assert vehicle.signals[0].how == "first_of"
    assert vehicle.signals[0].sources == ("car/Motion.Speed", "car/Wheels.SpeedLeft")


def test_all_sources_are_written(workshop: Workshop) -> None:
    encoder = VehicleEncoder(workshop.signals(FALLBACK))
    assert encoder.encode_message(0, {"Vehicle.Speed": 5.0})[:2].hex() == "01f4"
    assert encoder.encode_message(3, {"Vehicle.Speed": 5.0})[3:5].hex() == "0032"


@pytest.mark.parametrize(
    ("sources", "phrase"),
    [
        ("[car/Motion.Speed]", "'first_of' lists at least two sources"),
        ("car/Motion.Speed", "'first_of' lists at least two sources"),
        ("[]", "'first_of' lists at least two sources"),
        ("{a: b}", "'first_of' is a list, not a mapping"),
        ("[car/Motion.Speed, Vehicle.Speed]", "write bus/Message.Signal"),
        ("[car/Motion.Speed, car/Motion.Air]", "is in degC and the standard asks for km/h"),
        ("[car/Motion.Speed, {first_of: []}]", "an input is a reference or a 'from' row"),
    ],
)
def test_sources_that_cannot_stand_in_for_each_other_are_faults(workshop: Workshop, sources: str, phrase: str) -> None:
    assert phrase in "\n".join(workshop.messages(f"Vehicle.Speed: {{first_of: {sources}}}"))


# ---- text -----------------------------------------------------------------------------------------------------------

VIN = "Vehicle.VehicleIdentification.VIN"
PARTS = f"{VIN}: {{text: car/Vin.Characters, select: Part, parts: [0, 1, 2]}}"


def part(number: int, characters: str, ms: float = 0) -> tuple[int, int, int, bytes]:
    return frame(0x300, f"{number:02x}" + characters.encode("latin-1").hex(), ms)


def texts(workshop: Workshop, *frames: tuple[int, int, int, bytes], rows: str = PARTS) -> list[tuple[str, str]]:
    """Return (text, quality) of each sample; '?' for no text."""
    decoder = VehicleDecoder(workshop.signals(rows))
    samples = decoder.decode(Frames.build(frames))
    return [
        ("?" if math.isnan(value) else decoder.texts[int(value)], Quality(quality).name)
        for value, quality in zip(samples.value.tolist(), samples.quality.tolist(), strict=True)
    ]


ACME = [part(0, "\0\0\0\0ACM"), part(1, "E123456"), part(2, "7890AB\xff")]


def test_a_text_is_joined_of_its_parts_without_padding(workshop: Workshop) -> None:
    assert texts(workshop, *ACME) == [("ACME1234567890AB", "GOOD")]


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_parts_may_come_in_any_order(workshop: Workshop, order: tuple[int, ...]) -> None:
    assert texts(workshop, *(ACME[i] for i in order)) == [("ACME1234567890AB", "GOOD")]


def test_no_text_before_all_parts_were_seen(workshop: Workshop) -> None:
    assert texts(workshop, ACME[0], ACME[1], ACME[0], part(7, "-------")) == []


def test_one_sample_per_round(workshop: Workshop) -> None:
    second = [part(0, "\0\0\0\0ACM"), part(1, "E999999"), part(2, "9999AB\xff")]
    assert texts(workshop, *ACME, *second, *ACME) == [
        ("ACME1234567890AB", "GOOD"), ("ACME9999999999AB", "GOOD"), ("ACME1234567890AB", "GOOD"),
    ]  # fmt: skip


def test_a_part_that_was_cut_short_is_told_and_not_joined(workshop: Workshop) -> None:
    assert texts(workshop, ACME[0], frame(0x300, "0141"), ACME[2], ACME[1]) == [
        ("?", "INVALID"),
        ("ACME1234567890AB", "GOOD"),
    ]


def test_a_text_of_one_frame_needs_no_parts(workshop: Workshop) -> None:
    found = texts(workshop, part(5, "HELLO  "), part(6, "WORLD\0\0"), rows=f"{VIN}: {{text: car/Vin.Characters}}")
    assert found == [("HELLO", "GOOD"), ("WORLD", "GOOD")]


def test_a_text_that_falls_silent_is_stale_with_its_last_value(workshop: Workshop) -> None:
    vehicle = workshop.build(
        f"messages: {{car/Vin: {{timeout: 100 ms}}}}\nsignals:\n  {PARTS}\n  Vehicle.Speed: car/Motion.Speed\n"
    )
    decoder = VehicleDecoder(vehicle, signals=[VIN])
    samples = decoder.decode(Frames.build([*ACME, ACME[0], frame(0x100, "0000000000000000", 500)]))
    assert [
        (t // 10**6, decoder.texts[int(v)], q)
        for t, v, q in zip(samples.t_ns.tolist(), samples.value.tolist(), samples.quality.tolist(), strict=True)
    ] == [
        (0, "ACME1234567890AB", Quality.GOOD),
        (100, "ACME1234567890AB", Quality.STALE),
    ]


def test_a_text_in_a_multiplexed_field_is_read_where_it_is_there(workshop: Workshop) -> None:
    database = 'BO_ 768 Vin: 8 X\n SG_ Page M : 7|8@0+ (1,0) [0|0] "" X\n SG_ Name m3 : 15|56@0+ (1,0) [0|0] "" X\n'
    decoder = VehicleDecoder(workshop.signals(f"{VIN}: {{text: car/Vin.Name}}", car=database))
    decoder.decode(Frames.build([part(1, "NOTHING"), part(3, "NAME   ")]))
    assert decoder.texts == ["NAME"]


@pytest.mark.parametrize(
    ("row", "phrase"),
    [
        ("{text: car/Vin.Characters, select: Part}", "'select' and 'parts' go together"),
        ("{text: car/Vin.Characters, parts: [1]}", "'select' and 'parts' go together"),
        ("{text: car/Vin.Characters, select: Prat, parts: [1]}", "did you mean 'Part'?"),
        ("{text: car/Vin.Characters, select: Part, parts: [256]}", "part 256 cannot occur in 8 bits of Part"),
        ("{text: car/Vin.Characters, select: Part, parts: [a]}", "a part is a whole number, not text"),
        ("{text: car/Motion.Charge}", "does not hold whole characters in big-endian order"),
        ("{text: car/Vin.Letters}", "is not in car.dbc"),
    ],
)
def test_a_text_that_cannot_be_read_is_a_fault(workshop: Workshop, row: str, phrase: str) -> None:
    assert phrase in "\n".join(workshop.messages(f"{VIN}: {row}"))


def test_only_a_string_is_a_text(workshop: Workshop) -> None:
    assert "Vehicle.Speed is float, not a string" in workshop.fault("Vehicle.Speed: {text: car/Vin.Characters}")


def test_there_is_nothing_to_calculate_with_a_text(workshop: Workshop) -> None:
    """It has no place among the values: the kernels must never look for one."""
    rows = f"{PARTS}\nVehicle.Speed: {{compute: v * 1, with: {{v: {VIN}}}}}"
    assert f"'{VIN}' is text; there is nothing to calculate with" in workshop.fault(rows)
