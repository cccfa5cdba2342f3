"""Compiled vehicles on disk: used while all they rest on is the same, harmless in every other case."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from commonwheel.catalog import load_catalog
from commonwheel.catalog.tree import SHIPPED as CATALOG
from commonwheel.vehicles import cache, car_names, load_vehicle
from commonwheel.vehicles.vehicle import Vehicle
from tests.vehicles.workshop import CAR, HEAD, Workshop

TEXT = """
extends: acme/common
messages: {car/Motion: {checksum: {name: crc8, poly: 7}, counter: Count, defaults: {Air: 20}}}
signals:
  Vehicle.Speed: {first_of: [car/Motion.Speed, car/Wheels.Speed]}
  Vehicle.Body.Lights.Beam.Low.IsOn:
    {compute: b and v > 1, with: {b: car/Motion.Beam, v: car/Motion.Speed}, back: {b: value}}
  Vehicle.VehicleIdentification.VIN: {text: car/Vin.Characters, select: Part, parts: [0, 1]}
  Vehicle.LowVoltageSystemState:
    {from: car/Motion.Gear, values: {0: 'OFF'}, otherwise: 'ON', invalid: [9], when: {Which: 1}}
attributes: {Vehicle.Powertrain.FuelSystem.SupportedFuelTypes: [GASOLINE], Vehicle.VehicleIdentification.Year: 2020}
requests: {Vehicle.ADAS.CruiseControl.SpeedSet: {to: car/Wheels.SpeedRight, confirm: Vehicle.Speed}}
personal: [car/Vin]
"""


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count how often the compiler runs."""
    from commonwheel.vehicles import compiler

    runs: list[str] = []
    original = compiler.compile_vehicle

    def counted(name: object, *args: object) -> object:
        runs.append(str(name))
        return original(name, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(compiler, "compile_vehicle", counted)
    return runs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A car that extends another, in a folder of its own, with a cache of its own."""
    monkeypatch.setenv("COMMONWHEEL_CACHE", str(tmp_path / "cache"))
    workshop = Workshop(tmp_path / "cars")
    workshop.write("", name="acme/common", head="format: 1\nvehicle: acme/common\nabstract: true\n")
    workshop.write(TEXT)
    return tmp_path / "cars"


def load(home: Path) -> Vehicle:
    return load_vehicle(CAR, folders=(home,))


def same(one: Vehicle, other: Vehicle) -> bool:
    """Whether two vehicles are alike in every respect."""
    names = [item.name for item in dataclasses.fields(Vehicle) if item.name != "tables"]
    return all(getattr(one, name) == getattr(other, name) for name in names) and rows(one) == rows(other)


def rows(vehicle: Vehicle) -> list[object]:
    """Return the tables of a vehicle as plain bytes and numbers."""
    values = [getattr(vehicle.tables, item.name) for item in dataclasses.fields(vehicle.tables)]
    return [(v.dtype, v.shape, v.tobytes()) if isinstance(v, np.ndarray) else v for v in values]


def test_what_comes_from_the_cache_is_what_was_compiled(home: Path, compiled: list[str]) -> None:
    first, second = load(home), load(home)
    assert len(compiled) == 1
    assert second is not first
    assert same(first, second)
    assert (first.tables.slots, first.tables.buses) == (second.tables.slots, second.tables.buses)


@pytest.mark.parametrize("car", car_names())
def test_every_shipped_car_goes_through_the_cache_unchanged(car: str) -> None:
    assert same(load_vehicle(car), load_vehicle(car, catalog=load_catalog()))


@pytest.mark.parametrize("file", ["acme/one/vehicle.yaml", "acme/one/car.dbc", "acme/common/vehicle.yaml"])
def test_one_byte_more_in_any_file_is_compiled_anew(home: Path, compiled: list[str], file: str) -> None:
    load(home)
    path = home / file
    path.write_bytes(path.read_bytes() + b"\n")
    load(home)
    assert len(compiled) == 2
    load(home)
    assert len(compiled) == 2


def test_a_file_that_is_gone_is_missed(home: Path, compiled: list[str]) -> None:
    load(home)
    shutil.rmtree(home / "acme/common")
    with pytest.raises(Exception, match="there is no car 'acme/common'"):
        load(home)
    assert len(compiled) == 2


def test_another_catalog_is_compiled_with_and_its_changes_are_seen(
    home: Path, compiled: list[str], tmp_path: Path
) -> None:
    tree = tmp_path / "own.json"
    tree.write_bytes(CATALOG.read_bytes())
    load(home)
    load_vehicle(CAR, folders=(home,), catalog=tree)
    load_vehicle(CAR, folders=(home,), catalog=tree)
    assert len(compiled) == 2
    tree.write_bytes(CATALOG.read_bytes() + b"\n")
    load_vehicle(CAR, folders=(home,), catalog=tree)
    assert len(compiled) == 3


def test_a_catalog_in_memory_is_not_cached(home: Path, compiled: list[str]) -> None:
    for _ in range(2):
        load_vehicle(CAR, folders=(home,), catalog=load_catalog())
    assert len(compiled) == 2


def test_variants_are_kept_apart(home: Path) -> None:
    file = home / "acme/one/vehicle.yaml"
    file.write_text(file.read_text() + "variants: {big: {powertrain: hybrid}}\n")
    assert load(home).powertrain == "battery-electric"
    assert load_vehicle(f"{CAR}:big", folders=(home,)).powertrain == "hybrid"
    assert load(home).powertrain == "battery-electric"


def entry(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "cache").glob("*.msgpack")
    return path


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 33, 1000])
def test_an_entry_cut_short_is_ignored(home: Path, compiled: list[str], tmp_path: Path, cut: int) -> None:
    load(home)
    path = entry(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    assert load(home).name == CAR
    assert len(compiled) == 2
    load(home)
    assert len(compiled) == 2  # it was written anew


def test_one_flipped_bit_anywhere_is_noticed(home: Path, compiled: list[str], tmp_path: Path) -> None:
    """Tables from the cache go to the kernels, which trust them."""
    load(home)
    path = entry(tmp_path)
    content = path.read_bytes()
    for at in range(0, len(content), len(content) // 25):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        before = len(compiled)
        load(home)
        assert len(compiled) == before + 1


def test_another_compiler_does_not_trust_what_this_one_made(
    home: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(home)
    monkeypatch.setattr(cache, "_schema", lambda: "another")
    load(home)
    assert len(compiled) == 2


@pytest.mark.parametrize("place", ["a file", "a file/below", "no/such/place"])
def test_a_cache_that_cannot_be_written_does_no_harm(
    home: Path, compiled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "a file").write_text("in the way")
    monkeypatch.setenv("COMMONWHEEL_CACHE", str(tmp_path / place))
    if place.startswith("no"):
        monkeypatch.setenv("COMMONWHEEL_CACHE", f"/proc/{place}")
    for _ in range(2):
        assert load(home).name == CAR
    assert len(compiled) == 2


def test_a_full_disk_leaves_no_half_entry(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, _: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert load(home).name == CAR
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_a_place_of_its_own_the_platform_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMONWHEEL_CACHE")
    assert cache.folder().name == "commonwheel"
    monkeypatch.setenv("COMMONWHEEL_CACHE", "/somewhere")
    assert cache.folder() == Path("/somewhere")


def test_a_description_with_faults_is_never_stored(home: Path, compiled: list[str], tmp_path: Path) -> None:
    (home / "acme/one/vehicle.yaml").write_text(HEAD + "signals: {Vehicle.Sped: car/Motion.Speed}")
    for _ in range(2):
        with pytest.raises(Exception, match=r"Vehicle\.Sped"):
            load(home)
    assert len(compiled) == 2
    assert not (tmp_path / "cache").exists()
