"""A car's reference: made of its description alone, the same as a page and as text, and never out of date."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from commonwheel.control.capabilities import with_acting
from commonwheel.report.reference import label_of, reference_of, told
from commonwheel.report.reference_page import index_page, reference_page
from commonwheel.report.reference_text import file_name, index_text, reference_text
from commonwheel.vehicles import car_names
from tests.vehicles.workshop import HEAD, Workshop

reference_once = functools.cache(lambda car: with_acting(reference_of(car)))
CARS = [name for name in car_names() if ":" not in name]
COMMITTED = Path(__file__).parents[2] / "docs" / "cars" / "reference"
ROWS = """
messages:
  car/Motion: {counter: Count, timeout: 200 ms}
signals:
  Vehicle.Speed: {from: car/Motion.Speed, note: Of the wheels.}
  Vehicle.Exterior.AirTemperature: {from: car/Motion.Air, evidence: "documented (a <b>book</b>, page 1|2)"}
  Vehicle.Powertrain.TractionBattery.Module.M1.Cell.C{1..4}.Voltage: {from: "car/Cells.V{}", unit: V}
attributes:
  Vehicle.Powertrain.Type: ELECTRIC
variants:
  small:
    sold_as: [{brand: Acme, model: One S}]
    signals: {Vehicle.Exterior.AirTemperature: null}
    attributes: {Vehicle.Powertrain.TractionBattery.NominalVoltage: 300}
"""
DATABASE = """\
VERSION ""

BO_ 256 Motion: 8 X
 SG_ Speed : 7|16@0+ (0.01,0) [0|0] "km/h" X
 SG_ Air : 24|8@1+ (1,-40) [0|0] "degC" X
 SG_ Count : 32|4@1+ (1,0) [0|0] "" X

BO_ 512 Cells: 4 X
 SG_ V1 : 7|8@0+ (0.02,0) [0|0] "V" X
 SG_ V2 : 15|8@0+ (0.02,0) [0|0] "V" X
 SG_ V3 : 23|8@0+ (0.02,0) [0|0] "V" X
 SG_ V4 : 31|8@0+ (0.02,0) [0|0] "V" X

BO_ 768 Choice: 2 X
 SG_ Which M : 7|4@0+ (1,0) [0|0] "" X
 SG_ Low m0 : 15|8@0+ (1,0) [0|0] "" X
 SG_ High m1 : 15|4@0+ (1,0) [0|0] "" X

BO_ 1024 Nothing: 1 X
CM_ BO_ 768 "One | of <two>.";
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 256 20;
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture
def home(workshop: Workshop) -> Path:
    return workshop.write(ROWS, car=DATABASE)


def test_signals_that_differ_in_a_number_are_one_line(home: Path) -> None:
    lines = reference_of(home).signals
    cells = next(line for line in lines if "Cell" in line.path)
    assert cells.path == "Vehicle.Powertrain.TractionBattery.Module.M1.Cell.C#.Voltage"
    assert cells.sources == ("car/Cells.V#",)
    assert [len(line.members) for line in lines] == [1, 1, 4] or sorted(len(line.members) for line in lines) == [
        1,
        1,
        4,
    ]


def test_each_multiplexed_layout_is_drawn(home: Path) -> None:
    """A field is drawn where its selector lets it in, the selector in both."""
    choice = next(sheet for sheet in reference_of(home).messages if sheet.message.name == "Choice")
    assert [drawing.title for drawing in choice.drawings] == ["Which = 0", "Which = 1"]
    owners = [[run.owner for row in drawing.rows for run in row] for drawing in choice.drawings]
    assert owners == [[0, -1, 1], [0, -1, 2, -1]]
    assert [line.role for line in choice.fields] == ["selector", "", ""]


def test_a_variant_says_what_sets_it_apart(home: Path) -> None:
    (variant,) = reference_of(home).variants
    assert variant.changes == (
        "without Vehicle.Exterior.AirTemperature",
        "Vehicle.Powertrain.TractionBattery.NominalVoltage = 300",
    )
    assert reference_of(f"{home}:small").variants == ()


def test_bits_are_drawn_in_letters(home: Path) -> None:
    text = reference_text(reference_of(home))
    assert "byte 0  A a a a a a a a\nbyte 1  a a a a a a a a\nbyte 2  . . . . . . . .\n" in text
    assert "byte 4  . . . . C c c c" in text
    assert "every 20 ms, stale after 200 ms, counter Count 0..15" in text


def test_what_descriptions_say_cannot_break_a_page_or_a_table(home: Path) -> None:
    reference = reference_of(home)
    text, html = reference_text(reference), reference_page(reference)
    assert "<b>book" not in html
    assert "a &lt;b&gt;book&lt;/b&gt;, page 1|2" in html
    assert r"page 1\|2" in text
    for line in text.splitlines():
        if line.startswith("| "):
            assert line.endswith(" |")
    assert "One | of &lt;two&gt;." in html


def test_a_message_without_fields_is_listed(home: Path) -> None:
    reference = reference_of(home)
    assert "| 0x400 | Nothing | bus car, 1 byte, no period known |" in reference_text(reference)
    assert "Nothing" in reference_page(reference)


def test_fields_have_letters_of_their_own() -> None:
    labels = [label_of(i) for i in range(2000)]
    assert labels[:27] == [*"abcdefghijklmnopqrstuvwxyz", "aa"]
    assert len(set(labels)) == 2000


@pytest.mark.parametrize(("value", "text"), [(True, "yes"), (30.0, "30"), ("a", "a"), ([1.5, "b"], "1.5, b")])
def test_fixed_facts_are_told_for_people(value: object, text: str) -> None:
    assert told(value) == text


def test_long_and_flexible_frames_are_drawn(workshop: Workshop) -> None:
    """A frame of 64 bytes with more fields than letters."""
    fields = "".join(f' SG_ F{i} : {8 * i + 7}|8@0+ (1,0) [0|0] "" X\n' for i in range(64))
    home = workshop.write(
        "signals:\n  Vehicle.Speed: {from: car/Long.F0, unit: km/h}\n",
        head=HEAD.replace("{database: car.dbc}", "{database: car.dbc, fd: true}"),
        car=f'VERSION ""\n\nBO_ 256 Long: 64 X\n{fields}',
    )
    text = reference_text(reference_of(home))
    assert "byte 63 BL bl bl bl bl bl bl bl" in text


@pytest.mark.parametrize("car", CARS)
def test_every_link_of_a_page_leads_somewhere(car: str) -> None:
    html = reference_page(reference_once(car))
    names = set(re.findall(r' id="([^"]+)"', html))
    links = set(re.findall(r' href="#([^"]+)"', html))
    assert links <= names
    assert {f"s-{info.path}" for info in reference_once(car).car.signals} <= names
    assert len(re.findall(r' id="([^"]+)"', html)) == len(names)


@pytest.mark.parametrize("car", CARS)
def test_the_committed_page_is_what_the_description_says(car: str) -> None:
    """After a change of a description: ``commonwheel cars --pages docs/cars/reference --markdown``."""
    path = COMMITTED / file_name(car, ".md")
    if not COMMITTED.is_dir():
        pytest.skip("the documents are not here")
    assert path.read_text(encoding="utf-8") == reference_text(reference_once(car))


def test_the_index_leads_to_every_car() -> None:
    references = [reference_once(car) for car in CARS]
    text, html = index_text(references), index_page(references)
    for car in CARS:
        assert f"({file_name(car, '.md')})" in text
        assert f'href="{file_name(car, ".html")}"' in html
    if COMMITTED.is_dir():
        assert (COMMITTED / "README.md").read_text(encoding="utf-8") == text
        assert {path.name for path in COMMITTED.iterdir()} == {"README.md", *(file_name(car, ".md") for car in CARS)}
