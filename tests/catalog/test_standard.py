"""The shipped standard: equal to VSS 6.0 but for its overlay, which says what it changes and why."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from commonwheel.catalog import Catalog, Kind, Leaf, load_catalog
from commonwheel.catalog.units import to_pint
from tools import catalog as tool

if TYPE_CHECKING:
    from pathlib import Path

sources = pytest.mark.skipif(
    not tool.VSPEC.is_dir(), reason="the tool works on the sources, which an installed package does not have beside it"
)

FACTS = ("kind", "datatype", "unit", "minimum", "maximum", "allowed", "default", "pattern", "arraysize")


@pytest.fixture(scope="module")
def standard() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def vss(shared: Path) -> Catalog:
    return load_catalog(shared / "vss" / "vss_6_0.json")


def facts(leaf: Leaf) -> dict[str, object]:
    return {name: getattr(leaf, name) for name in FACTS}


def test_every_leaf_is_described_in_a_sentence(standard: Catalog) -> None:
    for leaf in standard.leaves.values():
        assert leaf.description.endswith("."), leaf.path
        assert leaf.description[0].isupper(), leaf.path
        assert len(leaf.description) <= 160, leaf.path
    assert all(branch.description for branch in standard.branches.values())


def test_every_overlay_leaf_says_why(standard: Catalog) -> None:
    for node in [*standard.leaves.values(), *standard.branches.values()]:
        assert bool(node.comment) == node.overlay, node.path


def test_every_unit_is_one(standard: Catalog) -> None:
    for leaf in standard.leaves.values():
        if leaf.unit == "iso8601":
            assert leaf.datatype == "string"
        elif leaf.unit:
            assert to_pint(leaf.unit)


def test_numbers_say_whether_they_have_a_unit(standard: Catalog) -> None:
    """Only counts, gears and codes are bare numbers; they are whole."""
    bare = {leaf.path for leaf in standard.leaves.values() if leaf.element in {"float", "double"} and not leaf.unit}
    assert {path for path in bare if not path.endswith((".CellVoltages", ".CellTemperature"))} == set()


def test_instances_are_complete(standard: Catalog) -> None:
    """What one wheel, door or cell has, its siblings have too."""
    shapes: dict[str, Counter[str]] = {}
    for path in standard:
        parts = re.sub(r"\b(Row|M|C)\d+\b", r"\1#", path)
        shapes.setdefault(re.sub(r"\.(Left|Right)\.", ".@.", parts), Counter())[path] += 1
    for shape in ("Chassis.Axle.Row#.Wheel.@.Speed", "Powertrain.TractionBattery.Module.M#.Cell.C#.Voltage"):
        assert len(shapes[f"Vehicle.{shape}"]) in {4, 96}


@pytest.mark.parametrize(
    ("path", "kind", "datatype", "unit"),
    [
        ("Vehicle.Speed", Kind.SENSOR, "float", "km/h"),
        ("Vehicle.TraveledDistance", Kind.SENSOR, "uint32", "m"),
        ("Vehicle.Chassis.SteeringWheel.Angle", Kind.SENSOR, "float", "degrees"),
        ("Vehicle.MotionManagement.Steering.SteeringWheel.AngleTarget", Kind.ACTUATOR, "float", "degrees"),
        ("Vehicle.Chassis.Axle.Row2.Wheel.Right.Speed", Kind.SENSOR, "float", "km/h"),
        ("Vehicle.Powertrain.TractionBattery.Module.M12.Cell.C8.Voltage", Kind.SENSOR, "float", "V"),
        ("Vehicle.MotionManagement.ElectricAxle.Row2.Inverter.Voltage", Kind.SENSOR, "float", "V"),
        ("Vehicle.VehicleIdentification.VIN", Kind.ATTRIBUTE, "string", None),
    ],
)
def test_some_signals(standard: Catalog, path: str, kind: Kind, datatype: str, unit: str | None) -> None:
    leaf = standard[path]
    assert (leaf.kind, leaf.datatype, leaf.unit) == (kind, datatype, unit)


def test_it_does_not_pass_for_the_plain_release(standard: Catalog) -> None:
    assert standard.version == "6.0.0-commonwheel"


@pytest.mark.real
def test_a_leaf_without_mark_is_that_of_vss_6_0(standard: Catalog, vss: Catalog) -> None:
    unmarked = [leaf for leaf in standard.leaves.values() if not leaf.overlay]
    assert len(unmarked) > 500
    for leaf in unmarked:
        assert facts(leaf) == facts(vss[leaf.path]), leaf.path
        for name in ("minimum", "maximum", "default"):
            assert type(getattr(leaf, name)) is type(getattr(vss[leaf.path], name)), leaf.path
        assert leaf.refines is None
        assert leaf.deprecation is None


@pytest.mark.real
def test_an_overlay_leaf_is_new_or_says_what_it_refines(standard: Catalog, vss: Catalog) -> None:
    names = {"default": "default", "datatype": "datatype"}
    for leaf in standard.leaves.values():
        if not leaf.overlay:
            continue
        known = vss.get(leaf.path)
        if known is None:
            assert leaf.path not in vss.branches
            assert leaf.refines is None, leaf.path
            continue
        ours, theirs = facts(leaf), facts(known)
        changed = [name for name in FACTS if ours[name] != theirs[name]]
        said = [f"{names[name]} {theirs[name] or repr(theirs[name]).replace(chr(39), chr(34))}" for name in changed]
        assert leaf.refines == ", ".join(said), leaf.path


@pytest.mark.real
def test_branches_without_mark_are_those_of_vss_6_0(standard: Catalog, vss: Catalog) -> None:
    for path, branch in standard.branches.items():
        assert branch.overlay != (path in vss.branches), path


@pytest.mark.real
def test_descriptions_are_our_own(standard: Catalog, vss: Catalog) -> None:
    same = [path for path, leaf in standard.leaves.items() if path in vss and leaf.description == vss[path].description]
    assert same == []


@pytest.mark.real
def test_vss_6_0_itself_is_a_catalog(vss: Catalog) -> None:
    assert (len(vss), len(vss.branches)) == (1267, 340)
    kinds = Counter(leaf.kind for leaf in vss.leaves.values())
    assert kinds == {Kind.ACTUATOR: 643, Kind.SENSOR: 494, Kind.ATTRIBUTE: 130}
    assert vss.version == "6.0.0"


@sources
@pytest.mark.oracle
def test_the_shipped_json_is_what_vss_tools_makes_of_the_vspec() -> None:
    if importlib.util.find_spec("vss_tools") is None:
        pytest.skip("vss-tools is not installed")
    assert tool.generate() == tool.SHIPPED.read_bytes(), "run python tools/catalog.py"


@sources
def test_the_lists_of_the_page_are_up_to_date() -> None:
    page = tool.PAGE.read_text(encoding="utf-8")
    assert tool.with_lists(page, load_catalog()) == page, "run python tools/catalog.py"


TREE = b"""{"Vehicle": {"type": "branch", "description": "Root."}}"""


@sources
class TestTool:
    """The tool that writes the shipped file and the lists of the page."""

    @pytest.fixture
    def files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
        shipped, page = tmp_path / "data" / "tree.json", tmp_path / "page.md"
        page.write_text("Before.\n<!-- list: overlay -->\nold\n<!-- end -->\nBehind.\n", encoding="utf-8")
        monkeypatch.setattr(tool, "SHIPPED", shipped)
        monkeypatch.setattr(tool, "PAGE", page)
        monkeypatch.setattr(tool, "generate", lambda: TREE)
        monkeypatch.setattr(tool, "_profiles", lambda _catalog: "")
        return shipped, page

    def run(self, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["catalog.py", *arguments])
        return tool.main()

    def test_check_fails_until_the_files_are_written(
        self, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shipped, page = files
        assert self.run(monkeypatch, "--check") == 1
        assert not shipped.exists()
        assert "old" in page.read_text(encoding="utf-8")
        assert self.run(monkeypatch) == 0
        assert shipped.read_bytes() == TREE
        assert self.run(monkeypatch, "--check") == 0
        text = page.read_text(encoding="utf-8")
        assert text.startswith("Before.\n<!-- list: overlay -->\n\n| signal |")
        assert text.endswith("|\n\n<!-- end -->\nBehind.\n")
        assert "| `Vehicle.Chassis.SteeringWheel.Angle` | float, degrees, sensor (VSS 6.0: datatype int16) |" in text
        assert "`Vehicle.Powertrain.TractionBattery.Module.M1..12.Cell.C1..8.Voltage`" in text
        assert "`Vehicle.ADAS.ObstacleDetection.{Front,Rear}.{Left,Center,Right}.RelativeSpeed`" in text

    @pytest.mark.usefixtures("files")
    def test_what_vss_tools_says_is_passed_on(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse() -> bytes:
            message = "Vehicle.Speed has no description"
            raise RuntimeError(message)

        monkeypatch.setattr(tool, "generate", refuse)
        assert self.run(monkeypatch, "--check") == 2
        assert "Vehicle.Speed has no description" in capsys.readouterr().err

    @pytest.mark.oracle
    def test_a_faulty_vspec_is_refused(self, tmp_path: Path) -> None:
        for name in ("units.yaml", "quantities.yaml"):
            (tmp_path / name).write_bytes((tool.VSPEC / name).read_bytes())
        (tmp_path / "standard.vspec").write_text("Vehicle:\n  type: nonsense\n", encoding="utf-8")
        with pytest.raises(RuntimeError, match="nonsense"):
            tool.generate(tmp_path)

    def test_a_missing_tool_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.which", lambda *_args, **_keys: None)
        with pytest.raises(RuntimeError, match="pip install vss-tools"):
            tool.generate()
