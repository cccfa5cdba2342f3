"""Drive cycles from files and from packages."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.errors import DescriptionError
from commonwheel.twin.cycles import FOLDER, find_cycle, read_schedule


def write(folder: Path, text: str, name: str = "own.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        ("time_s,speed_mps", 1.0),
        ("t,speed [km/h]", 1 / 3.6),
        ("Time (s),Speed (mph)", 0.44704),
        ("cycSecs,cycMps", 1.0),
    ],
)
def test_the_header_tells_the_unit_of_the_speeds(tmp_path: Path, header: str, factor: float) -> None:
    schedule = read_schedule(write(tmp_path, f"\ufeff{header}\n0,0\n1,10\n2.5,20\n"))
    assert schedule.t_s == (0.0, 1.0, 2.5)
    assert schedule.speed_mps == pytest.approx((0.0, 10 * factor, 20 * factor))
    assert schedule.grade == ()


def test_grades_are_read_where_there_are_any(tmp_path: Path) -> None:
    schedule = read_schedule(write(tmp_path, "time,speed_mps,grade\n10,0,0\n11,1,0.05\n"))
    assert schedule.grade == (0.0, 0.05)
    assert schedule.t_s == (0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the header has no column of times"),
        ("time,distance\n0,0\n1,1\n", "no column of speeds"),
        ("time,mps\n0,0\n", "from 2 to"),
        ("time,mps\n0,0\n1,x\n2,3\n", ":3:"),
        ("time,mps\n0,0\n2,1\n1,3\n", "does not rise"),
        ("time,mps\n0,0\n1,9999\n", "no time and speed that a car can drive"),
        ("time,mps\n0,0\n1,nan\n", ":3:"),
        ("time,mps\n0\n1,2\n", ":2:"),
    ],
)
def test_a_schedule_that_cannot_be_read_says_where_and_what(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DescriptionError, match=says):
        read_schedule(write(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"the cycle .* cannot be read"):
        read_schedule(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"time,mps\n0,\xff\n")
    with pytest.raises(DescriptionError, match=r":2: not UTF-8"):
        read_schedule(tmp_path / "bytes.csv")


def test_a_file_that_is_too_long_is_told_wherever_it_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonwheel.twin.cycles.MOST_BYTES", 12)  # one byte more is half of the last letter
    with pytest.raises(DescriptionError, match="the cycle is longer than"):
        read_schedule(write(tmp_path, "time,mps,wegé\n0,0,0\n1,1,1\n"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_schedule_or_a_clear_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(b"time,mps\n" + data)
    try:
        schedule = read_schedule(path)
    except DescriptionError:
        return
    assert len(schedule.t_s) == len(schedule.speed_mps) >= 2


def test_a_named_cycle_is_looked_for_in_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "time,mps\n0,0\n1,2\n", "wltc_3b.csv")
    monkeypatch.setenv(FOLDER, str(tmp_path))
    assert find_cycle("WLTC").name == "wltc_3b"
    assert find_cycle("wltc_3b").speed_mps == (0.0, 2.0)


def test_a_cycle_that_is_nowhere_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    with pytest.raises(DescriptionError, match=f"(?s)no cycle 'nowhere'.*{FOLDER}"):
        find_cycle("nowhere", tmp_path)
    with pytest.raises(DescriptionError, match="no name of a cycle"):
        find_cycle("../../etc/passwd")


def test_a_cycle_comes_from_the_package_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fastsim is installed; here it is played by a stand-in with its calls."""

    class Cycle:
        @staticmethod
        def list_resources() -> list[Path]:
            return [Path("udds.csv")]

        @staticmethod
        def from_resource(name: str) -> Cycle:
            assert name == "udds.csv"
            return Cycle()

        def to_dict(self) -> dict[str, list[float]]:
            return {"time_seconds": [0.0, 1.0], "speed_meters_per_second": [0.0, 2.5]}

    monkeypatch.delenv(FOLDER, raising=False)
    monkeypatch.setitem(sys.modules, "fastsim", types.SimpleNamespace(Cycle=Cycle))
    assert find_cycle("UDDS").speed_mps == (0.0, 2.5)
    with pytest.raises(DescriptionError, match="fastsim has udds"):
        find_cycle("wltc")
    monkeypatch.setitem(sys.modules, "fastsim", None)
    with pytest.raises(DescriptionError, match="fastsim, which has some, is not installed"):
        find_cycle("udds")


@pytest.mark.real
@pytest.mark.parametrize(("name", "seconds", "fastest"), [("udds", 1369, 25.35), ("wltc", 1800, 36.47)])
def test_the_schedules_of_regulations_are_read(
    shared: Path, monkeypatch: pytest.MonkeyPatch, name: str, seconds: float, fastest: float
) -> None:
    monkeypatch.setenv(FOLDER, str(shared / "energy" / "cycles"))
    schedule = find_cycle(name)
    assert schedule.t_s[-1] == seconds
    assert max(schedule.speed_mps) == pytest.approx(fastest, abs=0.01)
