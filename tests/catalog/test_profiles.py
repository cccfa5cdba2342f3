"""Profiles name signals of the standard, each with a reason; motion holds requests and their proofs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonwheel.catalog import Kind, load_catalog
from commonwheel.catalog.profiles import Profile, ProfileSignal, load_profiles
from commonwheel.errors import CatalogError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def profiles() -> dict[str, Profile]:
    return load_profiles(catalog=load_catalog())


def test_there_are_five(profiles: dict[str, Profile]) -> None:
    assert {name: len(profile.signals) for name, profile in profiles.items()}.keys() == {
        "core",
        "electric",
        "body",
        "motion",
        "comfort",
    }
    assert 12 <= len(profiles["core"].signals) <= 20
    for name, profile in profiles.items():
        assert profile.name == name
        assert profile.summary.endswith(".")
        assert profile.required
        assert {signal.path for signal in profile.required} < {signal.path for signal in profile.signals}


def test_every_signal_has_a_reason_and_is_named_once(profiles: dict[str, Profile]) -> None:
    for profile in profiles.values():
        assert all(len(signal.reason) > 10 for signal in profile.signals)
        assert len({signal.path for signal in profile.signals}) == len(profile.signals)


def test_motion_holds_requests_and_what_confirms_them(profiles: dict[str, Profile]) -> None:
    catalog = load_catalog()
    confirmed: set[str] = set()
    for signal in profiles["motion"].signals:
        is_request = catalog[signal.path].kind is Kind.ACTUATOR
        assert is_request != bool(signal.confirms), signal.path
        for request in signal.confirms:
            assert catalog[request].kind is Kind.ACTUATOR
            assert catalog[request].unit in {catalog[signal.path].unit, None}
            confirmed.add(request)
    requests = {s.path for s in profiles["motion"].signals if not s.confirms}
    assert requests - confirmed == {
        "Vehicle.ADAS.CruiseControl.Switch",
        "Vehicle.MotionManagement.Brake.VehicleForceMaximum",
        "Vehicle.Powertrain.Transmission.SelectedGear",  # which shows itself that it is in
    }


def test_personal_data_is_never_required(profiles: dict[str, Profile]) -> None:
    assert "Vehicle.VehicleIdentification.VIN" not in {s.path for p in profiles.values() for s in p.required}


def test_members_may_have_profiles_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "fleet:\n"
        "  summary: Ours.\n"
        "  required: {Vehicle.Speed: Because.}\n"
        "  optional: {Vehicle.ADAS.CruiseControl.SpeedSet: Why not.}\n"
        "  confirms: {Vehicle.Speed: [Vehicle.ADAS.CruiseControl.SpeedSet]}\n",
        encoding="utf-8",
    )
    request = "Vehicle.ADAS.CruiseControl.SpeedSet"
    assert load_profiles(file, load_catalog()) == {
        "fleet": Profile(
            "fleet",
            "Ours.",
            (
                ProfileSignal("Vehicle.Speed", "Because.", required=True, confirms=(request,)),
                ProfileSignal(request, "Why not.", required=False),
            ),
        )
    }


def test_every_fault_is_stated(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "fleet:\n"
        "  summary: Ours.\n"
        "  required: {Vehicle.Sped: A., Vehicle.Speed: B.}\n"
        "  optional: {Vehicle.Speed: C., Vehicle.Cabin: D.}\n"
        "  confirms: {Vehicle.Height: [Vehicle.Length]}\n",
        encoding="utf-8",
    )
    with pytest.raises(CatalogError) as caught:
        load_profiles(file, load_catalog())
    near = "did you mean 'Vehicle.Speed' or 'Vehicle.AverageSpeed'?"
    assert [line.removeprefix(f"{file}: profile fleet: ") for line in str(caught.value).splitlines()] == [
        "Vehicle.Speed is both required and optional",
        "Vehicle.Height is under 'confirms' and not in the profile",
        "Vehicle.Length is under 'confirms' and not in the profile",
        f"'Vehicle.Sped' is not in the catalog commonwheel.json; {near}",
        "'Vehicle.Cabin' is a branch, not a signal; 'Vehicle.Cabin.**' selects everything below it",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a list", "Expected `object`, got `array`"),
        ("fleet: {}", "missing required field `summary`"),
        ("fleet: {summary: x, requird: {}}", "unknown field `requird`"),
        ("fleet: {summary: x, required: [Vehicle.Speed]}", "Expected `object`, got `array`"),
        ("fleet: [", "these are no profiles"),
        ("fleet: 2001-99-99", "these are no profiles"),
    ],
)
def test_another_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        load_profiles(file)
    assert str(caught.value).startswith(f"{file}: these are no profiles: ")
    assert message in str(caught.value)


def test_a_missing_file_is_a_catalog_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="the profiles cannot be read"):
        load_profiles(tmp_path / "none.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40) | st.text(":-{}[]&*!|\n abc019", max_size=40).map(str.encode))
def test_any_bytes_are_profiles_or_a_catalog_error(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "own.yaml"
    file.write_bytes(data)
    with contextlib.suppress(CatalogError):
        load_profiles(file)
