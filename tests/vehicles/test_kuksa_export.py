"""An export says to KUKSA what it can say, makes a database that fits, and reports the rest."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from commonwheel.catalog import load_catalog
from commonwheel.errors import DescriptionError, OutputError
from commonwheel.vehicles.kuksa_export import Export, export_mapping
from commonwheel.vehicles.kuksa_mapping import read_mapping
from commonwheel.vehicles.kuksa_write import mapping_text, write_export
from commonwheel.wire.database import Database, Message, Multiplexed, Signal, write_dbc
from tests.vehicles.kuksa_provider import Provider

VSPEC = Path(__file__).resolve().parents[2] / "src" / "commonwheel" / "catalog" / "vspec"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONWHEEL_CACHE", str(tmp_path / "cache"))


def field(name: str, start: int, length: int = 8, **more: object) -> Signal:
    return Signal(name, start, length, big_endian=False, **more)  # pyright: ignore[reportArgumentType]


FIELDS = (
    field("Speed", 0, 16, factor=0.01, unit="km/h"),
    field("Code", 16, 4, choices={0: "Off", 1: "On", 15: "SNA"}),
    field("Counter", 20, 4),
    field("Which", 24),
    field("Signed", 32, signed=True),
    field("Wide", 40, 16),
)


def exported(tmp_path: Path, signals: str, more: str = "", fields: tuple[Signal, ...] = FIELDS) -> Export:
    folder = tmp_path / "acme" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    other = Message("N", 0x11, extended=False, size=8, signals=(field("Speed", 0, 16, unit="mph"), field("Other", 16)))
    messages = (Message("M", 0x10, extended=False, size=8, signals=fields, period_ms=10), other)
    write_dbc(Database(folder / "one.dbc", messages), folder / "one.dbc")
    head = "format: 1\nvehicle: acme/one\nsold_as: [{brand: A, model: B}]\npowertrain: combustion\n"
    head += "evidence: assumed (a test)\nbuses:\n  can: {database: one.dbc}\n"
    text = head + "signals:\n" + textwrap.indent(textwrap.dedent(signals), "  ") + "\n" + textwrap.dedent(more)
    (folder / "vehicle.yaml").write_text(text, encoding="utf-8")
    return export_mapping(folder)


def link(export: Export, path: str, direction: str = "dbc2vss") -> dict[str, object]:
    return dict(export.buses[0].links[path][direction])


def signal_of(export: Export, name: str) -> Signal:
    return next(s for m in export.buses[0].database.messages for s in m.signals if s.name == name)


def said(export: Export) -> str:
    return "\n".join(map(str, export.remarks))


@pytest.mark.parametrize(
    ("row", "math"),
    [
        ("can/M.Speed", None),
        ("{from: can/M.Speed, unit: mph}", "x * 1.609344"),
        ("{from: can/M.Speed, scale: 2, offset: -1}", "x * 2 - 1"),
        ("{from: can/M.Speed, scale: -1}", "x * (-1)"),  # the library fails on a sign behind '*'
        ("{from: can/N.Speed}", "x * 1.609344"),
    ],
)
def test_units_and_scales_become_math_on_the_physical_value(tmp_path: Path, row: str, math: str | None) -> None:
    found = link(exported(tmp_path, f"Vehicle.Speed: {row}"), "Vehicle.Speed")
    assert found.get("transform") == (None if math is None else {"math": math})
    assert found["interval_ms"] == 0


def test_what_an_integer_datatype_would_cut_off_is_rounded(tmp_path: Path) -> None:
    export = exported(tmp_path, "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure: {from: can/M.Wide, unit: psi}")
    found = link(export, "Vehicle.Chassis.Axle.Row1.Wheel.Left.Tire.Pressure")
    assert found["transform"] == {"math": "floor(x * 6.894757293168361 + 0.5)"}


def test_codes_become_a_mapping_by_name_where_they_have_one(tmp_path: Path) -> None:
    export = exported(
        tmp_path,
        "Vehicle.IsMoving: {from: can/M.Code, values: {Off: false, On: true, 3: true}, invalid: [15]}",
    )
    pairs = [{"from": "Off", "to": False}, {"from": "On", "to": True}, {"from": 3, "to": True}]
    assert link(export, "Vehicle.IsMoving")["transform"] == {"mapping": pairs}
    assert signal_of(export, "Code").choices == {0: "Off", 1: "On", 15: "SNA"}


def test_a_field_that_is_also_a_number_loses_its_names(tmp_path: Path) -> None:
    """KUKSA cannot calculate with a value that has a name."""
    export = exported(
        tmp_path,
        """
        Vehicle.Powertrain.IsReady: {from: can/M.Code, values: {Off: false, On: true}, invalid: [15]}
        Vehicle.Powertrain.Transmission.CurrentGear: {from: can/M.Code, invalid: [15]}
        """,
    )
    assert link(export, "Vehicle.Powertrain.IsReady")["transform"] == {
        "mapping": [{"from": 0, "to": False}, {"from": 1, "to": True}]
    }
    code = signal_of(export, "Code")
    assert (code.choices, code.minimum, code.maximum) == ({}, 0, 14)


def test_codes_at_the_ends_of_the_range_become_limits_and_those_inside_are_said(tmp_path: Path) -> None:
    export = exported(tmp_path, "Vehicle.Speed: {from: can/M.Speed, invalid: [0, 7, 0xFFFE, 0xFFFF]}")
    speed = signal_of(export, "Speed")
    assert (speed.minimum, speed.maximum) == pytest.approx((0.01, 655.33))
    assert "raw codes 7 are INVALID in the middle of the range" in said(export)


def test_a_range_becomes_limits_too(tmp_path: Path) -> None:
    export = exported(tmp_path, "Vehicle.Speed: {from: can/M.Speed, range: [0, 250]}")
    assert (signal_of(export, "Speed").minimum, signal_of(export, "Speed").maximum) == (0, 250)


def test_signed_codes_are_limits_with_their_sign(tmp_path: Path) -> None:
    export = exported(
        tmp_path, "Vehicle.Exterior.AirTemperature: {from: can/M.Signed, unit: degC, invalid: [-128, 127]}"
    )
    assert (signal_of(export, "Signed").minimum, signal_of(export, "Signed").maximum) == (-127, 126)


def test_of_several_uses_the_widest_limits_are_kept_and_that_is_said(tmp_path: Path) -> None:
    export = exported(
        tmp_path,
        """
        Vehicle.Speed: {from: can/M.Speed, range: [0, 100]}
        Vehicle.AverageSpeed: {from: can/M.Speed, range: [0, 200]}
        """,
    )
    assert signal_of(export, "Speed").maximum == 200
    assert "Vehicle.Speed: can/M.Speed has other uses" in said(export)


def test_signals_are_named_after_their_message_where_the_name_is_not_unique(tmp_path: Path) -> None:
    rows = "Vehicle.Speed: can/M.Speed\nVehicle.AverageSpeed: can/N.Speed\n"
    export = exported(tmp_path, rows + "Vehicle.DisplayedSpeed: {from: can/N.Other, unit: km/h}\n")
    names = {s.name for m in export.buses[0].database.messages for s in m.signals}
    assert names == {"M_Speed", "N_Speed", "Other"}


def test_conditions_on_one_value_become_a_multiplexer_and_others_are_left_out(tmp_path: Path) -> None:
    export = exported(
        tmp_path,
        """
        Vehicle.Speed: {from: can/M.Speed, when: {Which: 3}, valid_if: {Code: 1}}
        Vehicle.AverageSpeed: {from: can/M.Wide, unit: km/h, when: {Which: [1, 2]}}
        """,
    )
    assert link(export, "Vehicle.Speed")["multiplexer"] == [
        {"signal": "Which", "value": 3},
        {"signal": "Code", "value": 1},
    ]
    assert signal_of(export, "Code").choices == {}  # a name is never equal to a number
    assert "Vehicle.AverageSpeed: left out: 'when' lets several values of 'Which' through" in said(export)
    assert "no sample, instead of an INVALID one" in said(export)


def test_a_filtered_signal_has_no_interval(tmp_path: Path) -> None:
    """KUKSA starts the interval before it looks at the filter, so a filtered signal would starve."""
    exported(tmp_path, "Vehicle.Speed: {from: can/M.Speed, when: {Which: 3}}\nVehicle.AverageSpeed: can/N.Speed\n")
    export = export_mapping(tmp_path / "acme" / "one", interval_ms=100)
    assert link(export, "Vehicle.Speed")["interval_ms"] == 0
    assert link(export, "Vehicle.AverageSpeed")["interval_ms"] == 100


def test_a_formula_of_one_signal_is_exported_and_of_several_is_left_out(tmp_path: Path) -> None:
    export = exported(
        tmp_path,
        """
        Vehicle.IsMoving: {compute: speed > 3, with: {speed: Vehicle.Speed}}
        Vehicle.Speed: {from: can/M.Speed, scale: 2}
        Vehicle.AverageSpeed: {compute: (a + b) / 2, with: {a: can/M.Speed, b: can/N.Speed}}
        Vehicle.Powertrain.IsReady: {compute: c == 1, with: {c: {from: can/M.Code, values: {Off: 0, On: 1, SNA: 0}}}}
        """,
    )
    assert link(export, "Vehicle.IsMoving")["transform"] == {"math": "(x * 2) > 3"}
    assert "Vehicle.AverageSpeed: left out: computed from several signals" in said(export)
    assert "Vehicle.Powertrain.IsReady: left out: computed from codes" in said(export)


def test_of_fallbacks_the_preferred_one_is_exported_and_that_is_said(tmp_path: Path) -> None:
    export = exported(tmp_path, "Vehicle.Speed: {first_of: [can/M.Speed, can/N.Speed]}")
    assert link(export, "Vehicle.Speed")["signal"] == "Speed"
    assert "only can/M.Speed is taken, not can/N.Speed" in said(export)


def test_many_codes_become_comparisons(tmp_path: Path) -> None:
    row = '{from: can/M.Wide, values: {"0..99": false, "100..65535": true}}'
    export = exported(tmp_path, f"Vehicle.Powertrain.IsReady: {row}")
    assert link(export, "Vehicle.Powertrain.IsReady")["transform"] == {"math": "if(x < 99.5, 0, 1)"}
    holes = '{from: can/M.Wide, values: {"0..99": false, "200..900": true}}'
    assert "one by one" in said(exported(tmp_path, f"Vehicle.Powertrain.IsReady: {holes}"))


def test_native_multiplexing_stays_and_the_other_selector_values_are_listed(tmp_path: Path) -> None:
    """Cantools refuses a frame whose selector selects nothing, and with it its plain signals."""
    part = field("Part", 8, unit="km/h", multiplexed=Multiplexed("Which", ((1, 2),)))
    fields = (field("Which", 0), part, field("Plain", 16, unit="km/h"))
    export = exported(tmp_path, "Vehicle.Speed: can/M.Part\nVehicle.AverageSpeed: can/M.Plain\n", fields=fields)
    write_export(export, tmp_path / "out.json")
    provider = Provider(tmp_path / "out.json", tmp_path / "out.dbc")
    assert provider.read(0x10, bytes([7, 0, 5, 0, 0, 0, 0, 0])) == {"Vehicle.AverageSpeed": 5}
    assert provider.read(0x10, bytes([2, 9, 5, 0, 0, 0, 0, 0])) == {"Vehicle.Speed": 9, "Vehicle.AverageSpeed": 5}


def test_a_wide_selector_is_said_instead(tmp_path: Path) -> None:
    part = field("Part", 16, unit="km/h", multiplexed=Multiplexed("Which", ((1, 1),)))
    export = exported(tmp_path, "Vehicle.Speed: can/M.Part", fields=(field("Which", 0, 16), part))
    assert "KUKSA drops frames of can/M in which 'Which' selects nothing" in said(export)


def test_floats_have_limits_in_their_own_value(tmp_path: Path) -> None:
    fields = (field("F", 0, 32, is_float=True, unit="km/h"), field("G", 32, 32, is_float=True, unit="km/h"))
    rows = "Vehicle.Speed: {from: can/M.F, range: [0, 250], invalid: [0x7FC00000]}\nVehicle.AverageSpeed: can/M.G\n"
    export = exported(tmp_path, rows, fields=fields)
    assert (signal_of(export, "F").minimum, signal_of(export, "F").maximum) == (0, 250)
    assert "bit patterns" in said(export)
    write_export(export, tmp_path / "out.json")


def test_a_range_of_codes_across_the_sign_is_two_ranges_of_numbers(tmp_path: Path) -> None:
    export = exported(
        tmp_path, "Vehicle.Exterior.AirTemperature: {from: can/M.Signed, unit: degC, invalid: ['0x7E..0x81']}"
    )
    assert (signal_of(export, "Signed").minimum, signal_of(export, "Signed").maximum) == (-126, 125)


def test_limits_of_a_formula_and_a_field_without_any_value_are_said(tmp_path: Path) -> None:
    export = exported(
        tmp_path,
        """
        Vehicle.Speed: {compute: abs(s), with: {s: can/M.Speed}, range: [0, 200]}
        Vehicle.AverageSpeed: {from: can/N.Other, unit: km/h, invalid: ["0..255"]}
        Vehicle.IsMoving: {compute: s > 3, with: {s: Vehicle.AverageSpeed}}
        """,
    )
    assert "KUKSA does not limit the result to 0..200" in said(export)
    assert "Vehicle.AverageSpeed: left out: no raw code carries a value" in said(export)


def test_a_formula_on_fallbacks_takes_the_preferred_one(tmp_path: Path) -> None:
    export = exported(
        tmp_path,
        """
        Vehicle.IsMoving: {compute: s > 3, with: {s: Vehicle.Speed}}
        Vehicle.Speed: {first_of: [can/M.Speed, can/N.Speed]}
        Vehicle.Powertrain.IsReady: {compute: s > 3, with: {s: Vehicle.AverageSpeed}}
        Vehicle.AverageSpeed: {compute: s / 2, with: {s: can/N.Speed}}
        """,
    )
    assert link(export, "Vehicle.IsMoving")["signal"] == "M_Speed"
    assert "of 'Vehicle.Speed', which it is computed from, only can/M.Speed is taken" in said(export)
    assert "Vehicle.Powertrain.IsReady: left out: computed from 'Vehicle.AverageSpeed'" in said(export)


def test_a_selector_with_a_fraction_cannot_be_compared(tmp_path: Path) -> None:
    fields = (field("Half", 0, factor=0.5), field("S", 8, unit="km/h"))
    export = exported(tmp_path, "Vehicle.Speed: {from: can/M.S, when: {Half: 3}}", fields=fields)
    assert "KUKSA compares whole numbers" in said(export)


REQUEST = """
requests:
  Vehicle.ADAS.CruiseControl.SpeedSet:
    {to: can/N.Speed, confirm: Vehicle.ADAS.CruiseControl.SpeedSet, within: 200 ms, when: {Other: 9}}
  Vehicle.ADAS.CruiseControl.IsEnabled:
    {to: can/M.Code, values: {On: true, Off: false}, confirm: Vehicle.ADAS.CruiseControl.IsEnabled}
messages:
  can/M: {checksum: toyota, counter: Counter, defaults: {Which: 7}}
"""
ASKED = """
Vehicle.ADAS.CruiseControl.SpeedSet: can/M.Speed
Vehicle.ADAS.CruiseControl.IsEnabled: {from: can/M.Code, values: {On: true, Off: false}, invalid: [15]}
"""


def test_requests_become_vss2dbc_with_values_for_the_rest_of_the_frame(tmp_path: Path) -> None:
    export = exported(tmp_path, ASKED, REQUEST)
    assert link(export, "Vehicle.ADAS.CruiseControl.SpeedSet", "vss2dbc")["transform"] == {
        "math": "x * 0.621371192237334"
    }
    pairs = [{"from": True, "to": "On"}, {"from": False, "to": "Off"}]
    assert link(export, "Vehicle.ADAS.CruiseControl.IsEnabled", "vss2dbc")["transform"] == {"mapping": pairs}
    assert export.buses[0].defaults["Which"] == 7
    assert export.buses[0].defaults["Other"] == 9
    assert "does not look whether Vehicle.ADAS.CruiseControl.SpeedSet confirms a request within 200 ms" in said(export)
    assert "can/M: KUKSA sends it without its checksum 'toyota' and counter 'Counter'; the car will refuse it" in said(
        export
    )
    files = [path.name for path in write_export(export, tmp_path / "out" / "car.json")]
    assert files == ["car.json", "car-defaults.json", "car.dbc"]


def test_texts_and_personal_signals_are_left_out(tmp_path: Path) -> None:
    fields = (Signal("Text", 7, 64, big_endian=True),)
    vin = "Vehicle.VehicleIdentification.VIN: {text: can/M.Text}"
    assert "cannot join characters" in said(exported(tmp_path, vin, fields=fields))
    more = "personal: [Vehicle.Speed]\n"
    assert "Vehicle.Speed: left out: personal" in said(exported(tmp_path, "Vehicle.Speed: can/M.Speed", more))
    assert export_mapping(tmp_path / "acme" / "one", with_personal=True).signals == 1


def test_every_bus_gets_a_mapping_and_a_database_of_its_own(tmp_path: Path) -> None:
    export = export_mapping("mitsubishi/outlander_phev")
    files = [path.name for path in write_export(export, tmp_path / "car.json")]
    assert files == ["car-main.json", "car-main.dbc", "car-ev.json", "car-ev.dbc"]
    assert "start one provider for each" in said(export)


def test_the_overlay_says_what_the_json_says(tmp_path: Path) -> None:
    export = export_mapping("honda/e")
    (bus,) = export.buses
    for form, name in (("json", "a.json"), ("overlay", "b.vspec")):
        (tmp_path / name).write_text(mapping_text(export, bus, form), encoding="utf-8")
    one, other = (read_mapping(tmp_path / name) for name in ("a.json", "b.vspec"))
    assert one[1] == other[1] == []
    facts = [sorted((e.path, e.read.signal, e.read.formula) for e in file[0] if e.read) for file in (one, other)]
    assert facts[0] == facts[1]


@pytest.mark.parametrize("car", ["honda/e", "nissan/leaf_ze1"])
def test_the_json_is_a_vss_tree(car: str, tmp_path: Path) -> None:
    for path in write_export(export_mapping(car), tmp_path / "car.json"):
        if path.suffix == ".json" and "defaults" not in path.name:
            tree = load_catalog(path)
            assert all(load_catalog()[leaf].datatype == tree[leaf].datatype for leaf in tree)


@pytest.mark.oracle
@pytest.mark.slow
def test_vss_tools_put_the_overlay_on_the_standard(tmp_path: Path) -> None:
    tool = shutil.which("vspec", path=str(Path(sys.executable).parent)) or shutil.which("vspec")
    if tool is None:
        pytest.skip("vss-tools are not installed")
    export = export_mapping("nissan/leaf_ze1")
    for bus in export.buses:
        overlay, output = tmp_path / f"{bus.bus}.vspec", tmp_path / f"{bus.bus}.json"
        overlay.write_text(mapping_text(export, bus, "overlay"), encoding="utf-8")
        command = [
            tool,
            "export",
            "json",
            "--vspec",
            VSPEC / "standard.vspec",
            "--overlays",
            overlay,
            "--output",
            output,
        ]
        command += ["--include-dirs", VSPEC, "--units", VSPEC / "units.yaml", "--quantities", VSPEC / "quantities.yaml"]
        subprocess.run([*command, "-e", "dbc2vss", "-e", "vss2dbc"], check=True, capture_output=True)
        entries, faults = read_mapping(output)
        assert not faults
        assert {entry.path for entry in entries} == set(bus.links)


def test_yaml_reads_the_overlay_as_json_reads_the_tree() -> None:
    """Names such as On and Off must not turn into booleans on the way through vss-tools."""
    export = export_mapping("mitsubishi/lancer")
    nodes = yaml.safe_load(mapping_text(export, export.buses[0], "overlay"))
    for path, links in export.buses[0].links.items():
        assert nodes[path]["dbc2vss"] == json.loads(json.dumps(links["dbc2vss"]))


def test_what_cannot_be_exported_or_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match="there is no car"):
        export_mapping("acme/nowhere")
    export = exported(tmp_path, "Vehicle.Speed: can/M.Speed")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_export(export, tmp_path / "file" / "car.json")
    (tmp_path / "acme" / "one" / "vehicle.yaml").write_text("format: 2\n")
    with pytest.raises(DescriptionError, match="format 2"):
        export_mapping(tmp_path / "acme" / "one")
