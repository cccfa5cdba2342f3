"""A mapping of KUKSA's becomes a description that compiles and decodes as KUKSA would; the rest is said."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from commonwheel.catalog import Catalog, Kind, Leaf, load_catalog
from commonwheel.errors import DatabaseError, DescriptionError, OutputError
from commonwheel.vehicles import load_vehicle
from commonwheel.vehicles.decoder import VehicleDecoder
from commonwheel.vehicles.kuksa_import import Imported, import_mapping
from commonwheel.vehicles.newfolder import Identity
from commonwheel.vehicles.samples import Quality
from commonwheel.vehicles.vehicle import Vehicle
from commonwheel.wire.database import Database, Message, Signal, load_database, write_dbc
from commonwheel.wire.frames import Clock, Frames

ME = Identity.of("acme/one", powertrain="combustion")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONWHEEL_CACHE", str(tmp_path / "cache"))


def field(name: str, start: int, length: int = 8, **more: object) -> Signal:
    return Signal(name, start, length, big_endian=False, **more)  # pyright: ignore[reportArgumentType]


def dbc(tmp_path: Path, *messages: Message, name: str = "one.dbc") -> Path:
    path = tmp_path / name
    write_dbc(Database(path, messages), path)
    return path


def message(*signals: Signal, name: str = "M", can_id: int = 0x10) -> Message:
    return Message(name, can_id, extended=False, size=8, signals=signals)


class Case:
    """One mapping on one signal, imported."""

    def __init__(self, tmp_path: Path, signal: Signal, overlay: str, *others: Signal, leaf: Leaf | None = None) -> None:
        tmp_path.mkdir(exist_ok=True)
        self.folder = tmp_path / "one"
        mapping = tmp_path / "map.vspec"
        mapping.write_text(textwrap.dedent(overlay), encoding="utf-8")
        self.catalog = None if leaf is None else Catalog({leaf.path: leaf}, {}, "test")
        database = dbc(tmp_path, message(signal, *others))
        self.done: Imported = import_mapping(mapping, [database], self.folder, ME, catalog=self.catalog)
        self.text = (self.folder / "vehicle.yaml").read_text(encoding="utf-8")

    @property
    def vehicle(self) -> Vehicle:
        return load_vehicle(self.folder, catalog=self.catalog)

    @property
    def said(self) -> str:
        return "\n".join(map(str, self.done.remarks))

    def values(self, *payloads: bytes) -> list[float | str | None]:
        """One value per frame: a number, a label, None where it is no value, or '' without a sample."""
        vehicle = self.vehicle
        rows = [(i, 0, 0x10, payload.ljust(8, b"\0")) for i, payload in enumerate(payloads)]
        samples = VehicleDecoder(vehicle, clock=Clock.ORDER).decode(Frames.build(rows, clock=Clock.ORDER))
        result: list[float | str | None] = [""] * len(payloads)
        for t, number, value, quality in zip(samples.t_ns, samples.signal, samples.value, samples.quality, strict=True):
            labels = vehicle.signals[number].labels
            known = quality == Quality.GOOD
            result[int(t)] = (labels[int(value)] if labels else float(value)) if known else None
        return result


def leaf(datatype: str, *allowed: str, unit: str | None = None, kind: Kind = Kind.SENSOR) -> Leaf:
    return Leaf("A.B", kind, datatype, unit, allowed=allowed)


def overlay(link: str, datatype: str, kind: str = "sensor") -> str:
    return f"A.B: {{type: {kind}, datatype: '{datatype}', {link}}}\n"


def bytes_of(*values: int) -> list[bytes]:
    return [bytes([value]) for value in values]


# ------------------------------------------------- the cases that KUKSA tests its own transforms with, S1 to S6


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ("", None),
        ("interval_ms: 500, ", "KUKSA: interval_ms 500"),
        ("on_change: true, ", "KUKSA: on_change true"),
        ("on_change: false, ", "KUKSA: on_change false"),
        ("interval_ms: 500, on_change: true, ", "KUKSA: interval_ms 500, on_change true"),
        ("interval_ms: 0, ", None),  # every frame, which is what a description means
    ],
)
def test_s1_values_pass_as_they_are_and_delivery_options_are_notes(
    tmp_path: Path, options: str, note: str | None
) -> None:
    case = Case(tmp_path, field("S1", 0, unit="km"), overlay(f"dbc: {{{options}signal: S1}}", "uint8"),
                leaf=leaf("uint8", unit="km"))  # fmt: skip
    assert case.values(*bytes_of(23, 24, 24)) == [23, 24, 24]
    assert case.vehicle.signals[0].note == (note or "")
    assert case.vehicle.signals[0].evidence == "documented (KUKSA mapping file map.vspec)"


def test_s2_math(tmp_path: Path) -> None:
    signal = field("S2", 0, signed=True)
    text = overlay('dbc: {signal: S2, on_change: true, transform: {math: "floor(abs(x/5))"}}', "float")
    case = Case(tmp_path, signal, text, leaf=leaf("float"))
    assert case.values(*bytes_of(26, 230, 0)) == [5, 5, 0]


def test_s2_math_drops_codes_that_have_a_name(tmp_path: Path) -> None:
    """A formula fails on a value with a name, and KUKSA ignores the signal."""
    signal = field("S2", 0, choices={255: "Sebastian", 3: "Three"})
    text = overlay('dbc: {signal: S2, transform: {math: "floor(abs(x/5))"}}', "float")
    assert Case(tmp_path, signal, text, leaf=leaf("float")).values(*bytes_of(26, 255, 3)) == [5, None, None]
    text = overlay('dbc: {signal: S2, transform: {math: "x * 2"}}', "float")
    assert Case(tmp_path / "b", signal, text, leaf=leaf("float")).values(*bytes_of(26, 255, 3)) == [52, None, None]


GEARS = {1: "DI_GEAR_P", 2: "DI_GEAR_R", 4: "DI_GEAR_D", 0: "DI_GEAR_INVALID", 7: "DI_GEAR_SNA"}


def test_s3_names_to_numbers(tmp_path: Path) -> None:
    named = {"D": 1, "P": 0, "INVALID": 0, "R": -1}
    pairs = "[" + ", ".join(f"{{from: DI_GEAR_{gear}, to: {to}}}" for gear, to in named.items()) + "]"
    text = overlay(f"dbc: {{signal: S3, on_change: true, transform: {{mapping: {pairs}}}}}", "int8")
    case = Case(tmp_path, field("S3", 0, 3, choices=GEARS), text, leaf=leaf("int8"))
    assert case.values(*bytes_of(1, 0, 2, 4, 7, 3)) == [0, 0, -1, 1, None, None]
    assert "DI_GEAR_D: 1" in case.text
    assert "invalid: [7]" in case.text


def test_s4_names_to_names(tmp_path: Path) -> None:
    pairs = "[{from: schwarz, to: black}, {from: weiss, to: white}]"
    text = overlay(f"dbc: {{signal: S4, transform: {{mapping: {pairs}}}}}", "string")
    names = {0: "schwarz", 1: "weiss", 2: "blau"}
    case = Case(tmp_path, field("S4", 0, choices=names), text, leaf=leaf("string", "black", "white"))
    assert case.values(*bytes_of(0, 1, 2, 3)) == ["black", "white", None, None]


def test_s5_numbers_to_numbers(tmp_path: Path) -> None:
    text = overlay("dbc: {signal: S5, transform: {mapping: [{from: 3, to: 7}, {from: 4, to: 4}]}}", "uint8")
    assert Case(tmp_path, field("S5", 0), text, leaf=leaf("uint8")).values(*bytes_of(3, 4, 6)) == [7, 4, None]


def test_s5_numbers_are_the_physical_ones(tmp_path: Path) -> None:
    text = overlay("dbc: {signal: S5, transform: {mapping: [{from: 1.5, to: 7}, {from: 2, to: 4}]}}", "uint8")
    assert Case(tmp_path, field("S5", 0, factor=0.5), text, leaf=leaf("uint8")).values(*bytes_of(3, 4, 2)) == [
        7,
        4,
        None,
    ]


def test_s5_of_two_pairs_for_one_value_the_first_wins_and_that_is_said(tmp_path: Path) -> None:
    pairs = "[{from: 3, to: 7}, {from: 4, to: 4}, {from: 3, to: 8}]"
    text = overlay(f"dbc: {{signal: S5, transform: {{mapping: {pairs}}}}}", "uint8")
    case = Case(tmp_path, field("S5", 0), text, leaf=leaf("uint8"))
    assert case.values(*bytes_of(3, 4)) == [7, 4]
    assert "mapped twice" in case.said


def test_s6_booleans_as_yaml_1_1_writes_them(tmp_path: Path) -> None:
    pairs = "[{from: 1, to: True}, {from: 2, to: On}, {from: 3, to: No}, {from: 4, to: true}]"
    text = overlay(f"dbc: {{signal: S6, transform: {{mapping: {pairs}}}}}", "boolean")
    assert Case(tmp_path, field("S6", 0), text, leaf=leaf("boolean")).values(*bytes_of(1, 2, 3, 4, 5)) == [
        1,
        1,
        0,
        1,
        None,
    ]


# ---------------------------------------------------------------------------------------- multiplexed values


def test_a_multiplexer_filter_becomes_when(tmp_path: Path) -> None:
    text = overlay("dbc: {signal: Data, multiplexer: [{signal: Mux, value: 1}, {signal: Side, value: 0}]}", "uint8")
    case = Case(tmp_path, field("Data", 16), text, field("Mux", 0), field("Side", 8), leaf=leaf("uint8"))
    assert case.values(b"\x01\x00\x05", b"\x02\x00\x06", b"\x01\x01\x07") == [5, "", ""]


def test_a_multiplexer_filter_holds_for_formulas_too(tmp_path: Path) -> None:
    text = overlay('dbc: {signal: Data, transform: {math: "x*x"}, multiplexer: [{signal: Mux, value: 1}]}', "float")
    case = Case(tmp_path, field("Data", 8), text, field("Mux", 0), leaf=leaf("float"))
    assert case.values(b"\x01\x05", b"\x02\x06") == [25, ""]


def test_a_multiplexer_in_another_message_is_a_fault_as_it_is_to_kuksa(tmp_path: Path) -> None:
    link = "dbc: {signal: Data, multiplexer: [{signal: Mux, value: 1}]}"
    with pytest.raises(DescriptionError, match=r"map.vspec:1: A.B: the multiplexer 'Mux' is not in 'M'"):
        Case(tmp_path, field("Data", 8), overlay(link, "uint8"), leaf=leaf("uint8"))


def test_a_selector_value_that_has_a_name_is_taken_as_meant_and_said(tmp_path: Path) -> None:
    text = overlay("dbc: {signal: Data, multiplexer: [{signal: Mux, value: 1}]}", "uint8")
    case = Case(tmp_path, field("Data", 8), text, field("Mux", 0, choices={1: "One"}), leaf=leaf("uint8"))
    assert case.values(b"\x01\x05", b"\x02\x06") == [5, ""]
    assert "never finds it equal" in case.said


# ------------------------------------------------------------------------------------- units, limits and names


@pytest.mark.parametrize(
    ("unit", "math", "expected", "row"),
    [
        ("km/h", "", 10, "can/M.S"),
        ("", "", 10, "unit: km/h"),
        ("mph", "", 10, "unit: km/h"),  # KUKSA takes the number as it is
        ("mph", "x * 1.609344", 16.09344, "can/M.S"),  # the database's unit says the same
        ("mph", "x * 1.6", 16, "scale: 1.6"),
        ("m/s", "3.6*x", 36, "can/M.S"),
        ("km/h", "x*2 - 5", 15, "offset: -5"),
        ("", "x/4", 2.5, "scale: 0.25"),
    ],
)
def test_kuksas_value_is_in_the_unit_of_the_standard(
    tmp_path: Path, unit: str, math: str, expected: float, row: str
) -> None:
    transform = f', transform: {{math: "{math}"}}' if math else ""
    text = f"Vehicle.Speed: {{type: sensor, datatype: float, dbc2vss: {{signal: S{transform}}}}}"
    case = Case(tmp_path, field("S", 0, unit=unit), text)
    assert case.values(*bytes_of(10)) == [pytest.approx(expected)]
    assert row in case.text
    assert ("the database says mph" in case.said) == (unit == "mph" and not math)


def test_the_mappings_own_unit_is_converted_to_the_standards(tmp_path: Path) -> None:
    text = "Vehicle.TraveledDistance: {type: sensor, datatype: float, unit: km, dbc2vss: {signal: S}}"
    assert Case(tmp_path, field("S", 0), text).values(*bytes_of(3)) == [3000]
    text = text.replace("signal: S", "signal: S, transform: {math: x*x}")
    assert Case(tmp_path / "b", field("S", 0), text).values(*bytes_of(3)) == [9000]
    text = "Vehicle.TraveledDistance: {type: sensor, datatype: float, unit: V, dbc2vss: {signal: S}}"
    assert "left out: KUKSA's file has it in 'V', the standard in 'm'" in Case(tmp_path / "c", field("S", 0), text).said


def test_rounding_to_an_integer_datatype_is_left_to_the_interfaces(tmp_path: Path) -> None:
    link = 'dbc: {signal: S, transform: {math: "floor(x+0.5)"}}'
    text = f"Vehicle.Chassis.SteeringWheel.Angle: {{type: sensor, datatype: int16, {link}}}"
    case = Case(tmp_path, field("S", 0, factor=0.1, unit="deg"), text)
    assert case.values(*bytes_of(17)) == [pytest.approx(1.7)]
    assert "KUKSA rounds" in case.said


def test_a_formula_that_steps_is_kept_and_can_be_encoded(tmp_path: Path) -> None:
    text = overlay('dbc2vss: {signal: S, transform: {math: "floor((x*40)-100)"}}', "int8")
    case = Case(tmp_path, field("S", 0, factor=0.02, unit="V"), text, leaf=leaf("int8", unit="percent"))
    assert case.values(*bytes_of(100, 0, 250)) == [-20, -100, 100]
    assert 'back: {x: "(value + 100.5) / 40"}' in case.text
    assert case.vehicle.writers


def test_what_lies_outside_of_the_databases_limits_is_invalid(tmp_path: Path) -> None:
    signal = field("S", 0, minimum=10, maximum=20)
    case = Case(tmp_path, signal, overlay("dbc: {signal: S}", "uint8"), leaf=leaf("uint8"))
    assert case.values(*bytes_of(9, 10, 21)) == [None, 10, None]
    text = overlay("dbc: {signal: S, transform: {mapping: [{from: 9, to: 1}, {from: 11, to: 2}]}}", "uint8")
    assert Case(tmp_path / "b", signal, text, leaf=leaf("uint8")).values(*bytes_of(9, 11)) == [None, 2]


def test_limits_that_the_datatype_cannot_hold_are_cut_to_it(tmp_path: Path) -> None:
    signal = field("S", 0, 16, minimum=0, maximum=65535)
    case = Case(tmp_path, signal, overlay("dbc: {signal: S}", "uint8"), leaf=leaf("uint8"))
    assert case.values(b"\xff\x00", b"\x00\x01") == [255, None]
    assert "range: [0, 255]" in case.text


def test_a_code_with_a_name_passes_as_its_number_where_nothing_scales_it(tmp_path: Path) -> None:
    case = Case(tmp_path, field("S", 0, choices={3: "Three"}), overlay("dbc: {signal: S}", "uint8"), leaf=leaf("uint8"))
    assert case.values(*bytes_of(2, 3)) == [2, 3]


def test_a_code_with_a_name_beyond_the_limits_is_invalid_and_that_is_said(tmp_path: Path) -> None:
    signal = field("S", 0, minimum=0, maximum=100, choices={255: "SNA"})
    case = Case(tmp_path, signal, overlay("dbc: {signal: S}", "uint8"), leaf=leaf("uint8"))
    assert case.values(*bytes_of(100, 255)) == [100, None]
    assert "KUKSA passes codes [255] on" in case.said


def test_a_code_with_a_name_is_no_scaled_value(tmp_path: Path) -> None:
    signal = field("S", 0, factor=0.5, offset=-40, choices={254: "Error", 255: "SNA", 253: "Init"})
    case = Case(tmp_path, signal, overlay("dbc: {signal: S}", "float"), leaf=leaf("float"))
    assert case.values(*bytes_of(100, 255)) == [10, None]
    assert 'invalid: ["253..255"]' in case.text
    assert "without scaling" in case.said


def test_a_name_is_the_value_of_a_text_that_allows_it(tmp_path: Path) -> None:
    case = Case(tmp_path, field("S", 0, choices={0: "OFF", 1: "ON", 2: "SNA"}), overlay("dbc: {signal: S}", "string"),
                leaf=leaf("string", "OFF", "ON"))  # fmt: skip
    assert case.values(*bytes_of(0, 1, 2, 3)) == ["OFF", "ON", None, None]


def test_any_number_but_zero_is_true(tmp_path: Path) -> None:
    case = Case(tmp_path, field("S", 0), overlay("dbc: {signal: S}", "boolean"), leaf=leaf("boolean"))
    assert case.values(*bytes_of(0, 1, 255)) == [0, 1, 1]
    assert "otherwise: true" in case.text


def test_a_bit_is_a_boolean_as_it_is(tmp_path: Path) -> None:
    case = Case(tmp_path, field("S", 0, 1), overlay("dbc: {signal: S}", "boolean"), leaf=leaf("boolean"))
    assert "A.B: can/M.S" in case.text


def test_a_formula_may_decide_a_boolean(tmp_path: Path) -> None:
    text = overlay('dbc: {signal: S, transform: {math: "x > 3"}}', "boolean")
    assert Case(tmp_path, field("S", 0), text, leaf=leaf("boolean")).values(*bytes_of(3, 4)) == [0, 1]
    wide = field("S", 0, 32)
    assert Case(tmp_path / "b", wide, text, leaf=leaf("boolean")).values(*bytes_of(3, 4)) == [0, 1]


def test_a_formula_that_compares_takes_a_name_for_something_else(tmp_path: Path) -> None:
    text = overlay('dbc: {signal: S, transform: {math: "if(x == 3, 10, 20)"}}', "uint8")
    case = Case(tmp_path, field("S", 0, choices={3: "Three"}), text, leaf=leaf("uint8"))
    assert case.values(*bytes_of(3, 4)) == [20, 20]


def test_a_number_for_a_code_that_has_a_name_is_taken_as_meant_and_said(tmp_path: Path) -> None:
    text = overlay("dbc: {signal: S, transform: {mapping: [{from: 3, to: 7}, {from: nine, to: 8}]}}", "uint8")
    case = Case(tmp_path, field("S", 0, choices={3: "Three"}), text, leaf=leaf("uint8"))
    assert case.values(*bytes_of(3)) == [7]
    assert "code 3 has the name 'Three'" in case.said
    assert "'from: nine' is no value of can/M.S" in case.said


def test_names_that_cannot_be_keys_are_written_as_codes(tmp_path: Path) -> None:
    names = {0: "1", 1: "same", 2: "same", 3: "with: colon", 4: "On"}
    pairs = '[{from: "1", to: 0}, {from: same, to: 1}, {from: "with: colon", to: 2}, {from: "On", to: 3}]'
    text = overlay(f"dbc: {{signal: S, transform: {{mapping: {pairs}}}}}", "uint8")
    case = Case(tmp_path, field("S", 0, choices=names), text, leaf=leaf("uint8"))
    assert case.values(*bytes_of(0, 1, 2, 3, 4)) == [0, 1, 1, 2, 3]


def test_a_signal_in_several_messages_becomes_first_of(tmp_path: Path) -> None:
    database = dbc(tmp_path, message(field("S", 0)), message(field("S", 8), name="N", can_id=0x11))
    mapping = tmp_path / "map.json"
    mapping.write_text('{"Vehicle.Speed": {"type": "sensor", "datatype": "float", "dbc": {"signal": "S"}}}')
    done = import_mapping(mapping, [database], tmp_path / "one", ME)
    vehicle = load_vehicle(tmp_path / "one")
    assert vehicle.signals[0].how == "first_of"
    assert vehicle.signals[0].sources == ("can/M.S", "can/N.S")
    assert any("several messages (M, N)" in remark.message for remark in done.remarks)
    mapping.write_text('{"Vehicle.Speed": {"type": "sensor", "datatype": "float",'
                       ' "dbc": {"signal": "S", "transform": {"math": "x*x"}}}}')  # fmt: skip
    done = import_mapping(mapping, [database], tmp_path / "two", ME)
    assert [remark.left_out for remark in done.remarks] == [True]


def test_a_request_needs_one_message(tmp_path: Path) -> None:
    database = dbc(tmp_path, message(field("S", 0), field("R", 8)), message(field("S", 8), name="N", can_id=0x11))
    mapping = tmp_path / "map.vspec"
    mapping.write_text(
        "Vehicle.ADAS.CruiseControl.SpeedSet:\n  {type: actuator, datatype: float,"
        " dbc2vss: {signal: R}, vss2dbc: {signal: S}}\n"
    )
    done = import_mapping(mapping, [database], tmp_path / "one", ME)
    assert any("vss2dbc: 'S' is in several messages (M, N)" in remark.message for remark in done.remarks)


def test_later_databases_replace_messages_of_earlier_ones(tmp_path: Path) -> None:
    first = dbc(tmp_path, message(field("S", 0)), name="a.dbc")
    (tmp_path / "b").mkdir()
    second = dbc(tmp_path / "b", message(field("S", 8), name="N"), name="a.dbc")
    mapping = tmp_path / "map.json"
    mapping.write_text('{"Vehicle.Speed": {"type": "sensor", "datatype": "float", "dbc": {"signal": "S"}}}')
    import_mapping(mapping, [first, second], tmp_path / "one", ME)
    assert load_vehicle(tmp_path / "one").signals[0].sources == ("can/N.S",)
    assert sorted(path.name for path in (tmp_path / "one").glob("*.dbc")) == ["a.dbc", "a_2.dbc"]


# ---------------------------------------------------------------------------------------------------- requests


def requested(tmp_path: Path, link: str, signal: Signal, node: Leaf, *, read: str = "dbc2vss: {signal: R}") -> Case:
    text = overlay(", ".join(filter(None, (read, f"vss2dbc: {link}"))), node.datatype, "actuator")
    return Case(tmp_path, signal, text, field("R", 56, signal.length, choices=signal.choices), leaf=node)


def test_vss2dbc_becomes_a_request_that_its_own_signal_confirms(tmp_path: Path) -> None:
    node = leaf("int8", unit="percent", kind=Kind.ACTUATOR)
    link = '{signal: W, transform: {math: "(x+100)/40"}, interval_ms: 5}'
    case = requested(tmp_path, link, field("W", 0, factor=0.02, unit="V"), node)
    (request,) = case.vehicle.requests
    assert (request.path, request.source, request.confirm) == ("A.B", "can/M.W", "A.B")
    for value in (-100, -20, 0, 100):
        raw = round((value - request.writer.offset) / request.writer.factor)
        assert raw * 0.02 == pytest.approx((value + 100) / 40, abs=0.01)
    assert "'interval_ms' means nothing to KUKSA here" in case.said


@pytest.mark.parametrize(
    ("mapping", "codes", "said"),
    [
        ("[{from: true, to: Opened}, {from: false, to: Closed}]", {1.0: 2, 0.0: 1}, ""),
        ("[{from: true, to: 2}, {from: false, to: 1}]", {1.0: 2, 0.0: 1}, ""),
        ("[{from: true, to: 2}, {from: false, to: 2}]", {1.0: 2}, "both sent as 2"),
        ("[{from: true, to: Ajar}, {from: false, to: 1}]", {0.0: 1}, "'to: Ajar' is no value of can/M.W"),
        ("[{from: perhaps, to: 2}, {from: false, to: 1}]", {0.0: 1}, "'from: perhaps' is no value of A.B"),
    ],
)
def test_codes_are_sent_by_name_or_number(tmp_path: Path, mapping: str, codes: dict[float, int], said: str) -> None:
    signal = field("W", 0, 4, choices={1: "Closed", 2: "Opened", 15: "SNA"})
    link = f"{{signal: W, transform: {{mapping: {mapping}}}}}"
    case = requested(tmp_path, link, signal, leaf("boolean", kind=Kind.ACTUATOR))
    assert dict(case.vehicle.requests[0].writer.codes) == codes
    assert said in case.said


def test_booleans_and_labels_are_sent_without_a_transform_too(tmp_path: Path) -> None:
    flag = requested(tmp_path, "{signal: W}", field("W", 0, 1), leaf("boolean", kind=Kind.ACTUATOR))
    assert flag.vehicle.requests[0].source == "can/M.W"
    wide = requested(tmp_path / "b", "{signal: W}", field("W", 0, 4), leaf("boolean", kind=Kind.ACTUATOR))
    assert dict(wide.vehicle.requests[0].writer.codes) == {0.0: 0, 1.0: 1}
    math = requested(
        tmp_path / "c", '{signal: W, transform: {math: "2 - x"}}', field("W", 0, 4), leaf("boolean", kind=Kind.ACTUATOR)
    )
    assert dict(math.vehicle.requests[0].writer.codes) == {0.0: 2, 1.0: 1}
    named = requested(tmp_path / "d", "{signal: W}", field("W", 0, 4, choices={5: "OFF", 6: "ON"}),
                      leaf("string", "OFF", "ON", kind=Kind.ACTUATOR))  # fmt: skip
    assert dict(named.vehicle.requests[0].writer.codes) == {0.0: 5, 1.0: 6}


@pytest.mark.parametrize(
    ("link", "read", "said"),
    [
        ("{signal: W}", "", "a request needs a signal that proves it"),
        ('{signal: W, transform: {math: "x*x"}}', "dbc2vss: {signal: R}", "is no 'x * scale + offset'"),
        ('{signal: W, transform: {math: "5"}}', "dbc2vss: {signal: R}", "is no 'x * scale + offset'"),
        ('{signal: W, transform: {math: "sin(x)"}}', "dbc2vss: {signal: R}", "have no 'sin'"),
        (
            "{signal: W, transform: {mapping: [{from: 1, to: Nine}]}}",
            "dbc2vss: {signal: R}",
            "no value of A.B is mapped",
        ),
    ],
)
def test_a_request_that_cannot_be_made_is_said(tmp_path: Path, link: str, read: str, said: str) -> None:
    case = requested(tmp_path, link, field("W", 0), leaf("uint8", kind=Kind.ACTUATOR), read=read)
    assert case.vehicle.requests == ()
    assert said in case.said
    assert "vss2dbc" in case.said


def test_a_text_without_allowed_values_cannot_be_sent(tmp_path: Path) -> None:
    text = overlay("vss2dbc: {signal: W}", "string", "actuator")
    case = Case(tmp_path, field("W", 0), text, leaf=leaf("string", kind=Kind.ACTUATOR))
    assert "vss2dbc: the standard's signal is string" in case.said


# ------------------------------------------------------------------------------------- what cannot be expressed


@pytest.mark.parametrize(
    ("link", "node", "signal", "said"),
    [
        ('{signal: S, transform: {math: "sin(x)"}}', leaf("float"), field("S", 0), "have no 'sin'"),
        ('{signal: S, transform: {math: "x xor 1"}}', leaf("float"), field("S", 0), "have no 'xor'"),
        ('{signal: S, transform: {math: "5"}}', leaf("float"), field("S", 0), "is a constant"),
        ("{signal: S}", leaf("string"), field("S", 0, choices={1: "a"}), "a text without a list of allowed ones"),
        ("{signal: S}", leaf("uint8[]"), field("S", 0), "is uint8[]"),
        ("{signal: S}", leaf("string", "ON"), field("S", 0), "no code of can/M.S"),
        ("{signal: S, transform: {mapping: [{from: 1, to: 2}]}}", leaf("uint8"), field("S", 0, 32), "at most 16"),
        ("{signal: S, multiplexer: [{signal: M, value: 999}]}", leaf("uint8"), field("S", 0), "can never be 999"),
        ("{signal: S, multiplexer: [{signal: M, value: 1}, {signal: M, value: 2}]}", leaf("uint8"), field("S", 0),
         "two values at once"),
        ("{signal: S}", leaf("uint8"), field("S", 0, minimum=-20, maximum=-10, offset=-20), "outside of what the"),
    ],
)  # fmt: skip
def test_what_a_description_cannot_say_is_left_out_said_and_kept_as_a_comment(
    tmp_path: Path, link: str, node: Leaf, signal: Signal, said: str
) -> None:
    case = Case(tmp_path, signal, overlay(f"dbc2vss: {link}", node.datatype), field("M", 56), leaf=node)
    (remark,) = [remark for remark in case.done.remarks if remark.left_out]
    assert remark.path == "A.B"
    assert remark.line == 1
    assert said in remark.message
    assert case.vehicle.signals == ()
    assert "# What the mapping says and this description does not:" in case.text


def test_what_only_the_compiler_refuses_is_left_out_too(tmp_path: Path) -> None:
    """Fields that share bits can be read by KUKSA, but a description has to be able to write them."""
    text = "Vehicle.Speed: {type: sensor, datatype: float, dbc: {signal: A}}\n"
    text += "Vehicle.AverageSpeed: {type: sensor, datatype: float, dbc: {signal: B}}\n"
    case = Case(tmp_path, field("A", 0), text, field("B", 4))
    assert [signal.path for signal in case.vehicle.signals] == ["Vehicle.Speed"]
    assert "Vehicle.AverageSpeed: left out" in case.said
    assert "share bits" in case.said


def test_a_path_that_the_standard_lacks_is_said_with_the_nearest_one(tmp_path: Path) -> None:
    text = "Vehicle.Body.Mirrors.DriverSide.Pan: {type: actuator, datatype: int8, dbc: {signal: S}}"
    assert "did you mean 'Vehicle.Body.Mirrors.DriverSide.Yaw'?" in Case(tmp_path, field("S", 0), text).said


def test_the_mapping_itself_may_be_the_catalog(tmp_path: Path) -> None:
    mapping = tmp_path / "own.json"
    mapping.write_text(
        '{"X": {"type": "branch", "description": "", "children": {"Y": {"type": "sensor", "datatype": "uint8",'
        ' "description": "", "dbc2vss": {"signal": "S"}}}}}'
    )
    catalog = load_catalog(mapping)
    done = import_mapping(mapping, [dbc(tmp_path, message(field("S", 0)))], tmp_path / "one", ME, catalog=catalog)
    assert done.signals == 1


def test_an_unknown_signal_is_a_fault_and_left_out_when_asked_to_keep_going(tmp_path: Path) -> None:
    mapping = tmp_path / "map.vspec"
    mapping.write_text(
        "Vehicle.Speed: {type: sensor, datatype: float, dbc: {signal: Spede}}\n"
        "Vehicle.AverageSpeed: {type: sensor, datatype: float, dbc: {signal: Speed}}\n"
    )
    database = dbc(tmp_path, message(field("Speed", 0)))
    with pytest.raises(DescriptionError, match=r"map.vspec:1: Vehicle.Speed: .*'Spede' is not in one.dbc .*'Speed'"):
        import_mapping(mapping, [database], tmp_path / "one", ME)
    assert not (tmp_path / "one").exists()
    done = import_mapping(mapping, [database], tmp_path / "one", ME, keep_going=True)
    assert (done.signals, sum(remark.left_out for remark in done.remarks)) == (1, 1)


# ---------------------------------------------------------------------------------------------------- the folder


def test_a_broken_database_is_written_anew_and_other_formats_are_kept(tmp_path: Path) -> None:
    broken = tmp_path / "Broken One.dbc"
    broken.write_text('VERSION ""\nBO_ 16 M 8 X\n SG_ S : 0|8@1+ (1,0) [0|0] "km/h" X\nstray\n', encoding="ascii")
    mapping = tmp_path / "map.json"
    mapping.write_text('{"Vehicle.Speed": {"type": "sensor", "datatype": "float", "dbc": {"signal": "S"}}}')
    done = import_mapping(mapping, [broken], tmp_path / "one", ME)
    assert load_database(tmp_path / "one" / "broken_one.dbc").repairs == ()
    assert any("needed repairs" in remark.message for remark in done.remarks)


def test_the_powertrain_is_guessed_from_the_signals_and_that_is_said(tmp_path: Path) -> None:
    text = "Vehicle.Powertrain.TractionBattery.CurrentVoltage: {type: sensor, datatype: float, dbc: {signal: S}}"
    mapping = tmp_path / "map.vspec"
    mapping.write_text(text)
    done = import_mapping(mapping, [dbc(tmp_path, message(field("S", 0)))], tmp_path / "one", Identity.of("acme/one"))
    assert load_vehicle(tmp_path / "one").powertrain == "battery-electric"
    assert any("is a guess" in remark.message for remark in done.remarks)


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    mapping = tmp_path / "map.json"
    mapping.write_text('{"Vehicle.Speed": {"type": "sensor", "datatype": "float", "dbc": {"signal": "S"}}}')
    database = dbc(tmp_path, message(field("S", 0)))
    import_mapping(mapping, [database], tmp_path / "one", ME)
    with pytest.raises(OutputError, match="there is a description already"):
        import_mapping(mapping, [database], tmp_path / "one", ME)
    import_mapping(mapping, [database], tmp_path / "one", ME, force=True)


def test_databases_and_folders_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    mapping = tmp_path / "map.json"
    mapping.write_text('{"Vehicle.Speed": {"type": "sensor", "datatype": "float", "dbc": {"signal": "S"}}}')
    with pytest.raises(DatabaseError):
        import_mapping(mapping, [tmp_path / "none.dbc"], tmp_path / "one", ME)
    database = dbc(tmp_path, message(field("S", 0)))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        import_mapping(mapping, [database], tmp_path / "file" / "one", ME)


def test_nan_is_never_a_value(tmp_path: Path) -> None:
    text = overlay('dbc: {signal: S, transform: {math: "10/x"}}', "float")
    values = Case(tmp_path, field("S", 0), text, leaf=leaf("float")).values(*bytes_of(0, 5))
    assert values == [None, 2]
    assert not np.isnan(2)
