"""The catalog finds signals by path and by pattern, and says what is close to a wrong path."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from commonwheel.catalog import Branch, Catalog, Kind, Leaf, load_catalog
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from pathlib import Path

TREE = """{"Vehicle": {"type": "branch", "description": "Root.", "children": {
  "Speed": {"type": "sensor", "datatype": "float", "unit": "km/h"},
  "AverageSpeed": {"type": "sensor", "datatype": "float", "unit": "km/h"},
  "Cabin": {"type": "branch", "children": {
    "Temperature": {"type": "sensor", "datatype": "float", "unit": "Celsius"}}}}}}"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    file = tmp_path / "own.json"
    file.write_text(TREE, encoding="utf-8")
    return load_catalog(file)


def test_signals_and_branches_are_found_by_path(catalog: Catalog) -> None:
    assert catalog["Vehicle.Speed"].unit == "km/h"
    assert catalog.get("Vehicle.Speed") is catalog["Vehicle.Speed"]
    assert catalog.get("Vehicle.Cabin") is None
    assert "Vehicle.Speed" in catalog
    assert "Vehicle.Cabin" not in catalog
    assert list(catalog) == ["Vehicle.Speed", "Vehicle.AverageSpeed", "Vehicle.Cabin.Temperature"]
    assert len(catalog) == 3
    assert list(catalog.branches) == ["Vehicle", "Vehicle.Cabin"]
    assert catalog.branches["Vehicle"].description == "Root."


def test_signals_are_found_by_pattern_in_the_trees_order(catalog: Catalog) -> None:
    assert [leaf.path for leaf in catalog.match("Vehicle.*")] == ["Vehicle.Speed", "Vehicle.AverageSpeed"]
    assert catalog.match("Vehicle.Nothing") == ()
    with pytest.raises(CatalogError, match="is not a path pattern"):
        catalog.match("Vehicle..Speed")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("Vehicle.Sped", "'Vehicle.Sped' is not in the catalog own.json; did you mean 'Vehicle.Speed'"),
        ("Vehicle.Body.Temperature", "did you mean 'Vehicle.Cabin.Temperature'?"),
        ("Vehicle.Cabin", "is a branch, not a signal; 'Vehicle.Cabin.**' selects everything below it"),
        ("nonsense", "no path is close to it"),
    ],
)
def test_a_wrong_path_says_what_is_close(catalog: Catalog, path: str, message: str) -> None:
    with pytest.raises(CatalogError) as caught:
        catalog[path]
    assert message in str(caught.value)


def test_a_catalog_cannot_be_changed(catalog: Catalog) -> None:
    with pytest.raises(TypeError):
        catalog.leaves["Vehicle.New"] = catalog["Vehicle.Speed"]  # pyright: ignore[reportIndexIssue]


def test_the_version_is_what_the_tree_says_of_itself() -> None:
    def version(**parts: object) -> str:
        leaves = {
            f"Vehicle.VersionVSS.{part}": Leaf("", Kind.ATTRIBUTE, "uint32", default=value)
            for part, value in parts.items()
        }
        return Catalog(leaves, {"Vehicle": Branch("Vehicle")}, "x").version

    assert version(Major=4, Minor=1, Patch=0, Label="") == "4.1.0"
    assert version(Major=4, Minor=1, Patch=0, Label="dev") == "4.1.0-dev"
    assert version(Major=4) == "unknown"
    assert Catalog({}, {}, "x").version == "unknown"
    assert repr(Catalog({}, {}, "x.json")) == "<Catalog x.json unknown: 0 signals>"


def test_a_missing_file_is_a_catalog_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"none\.json: the catalog cannot be read \(No such file"):
        load_catalog(tmp_path / "none.json")
    with pytest.raises(CatalogError, match="cannot be read"):
        load_catalog(tmp_path)


def test_the_shipped_catalog_is_read_once() -> None:
    assert load_catalog() is load_catalog()


def test_importing_and_loading_needs_nothing_heavy() -> None:
    script = (
        "import sys; from commonwheel.catalog import load_catalog; load_catalog(); "
        "import commonwheel.catalog.units, commonwheel.catalog.profiles; "
        "sys.exit(bool({'pint', 'numpy', 'yaml', 'pyarrow', 'cantools'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
