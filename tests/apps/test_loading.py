"""From a name to an app: shipped, installed, or a file; afresh for each run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from commonwheel.apps import AppError
from commonwheel.apps.checks import check
from commonwheel.apps.loading import app_names, load_app, locate

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
from __future__ import annotations
import dataclasses
from commonwheel.apps import App
app = App("tried", "1", requires={"Vehicle.Speed": 0})
count = 0

@dataclasses.dataclass
class Held:
    value: int = 0

@app.on("Vehicle.Speed")
def speed(car, reading):
    global count
    count += 1
    return count
"""


def written(tmp_path: Path, text: str, name: str = "tried.py") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_each_load_has_globals_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    one, two = load_app(path), load_app(str(path))
    assert [one.handlers[0].function(None, None) for _ in range(3)] == [1, 2, 3]
    assert two.handlers[0].function(None, None) == 1


def test_many_runs_leave_only_so_many_modules_behind_and_older_ones_go_on(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    first = load_app(path)
    for _ in range(120):
        load_app(path)
    assert sum("_run" in name and name.endswith("_tried") for name in sys.modules) <= 100
    assert first.handlers[0].function(None, None) == 1


def test_a_file_that_is_changed_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    load_app(path)
    path.write_text(GOOD.replace("tried", "other"))
    assert load_app(path).manifest.name == "other"


def test_shipped_apps_have_names() -> None:
    assert "trip" in app_names()
    assert load_app("trip").manifest.name == "trip"
    assert locate("driving-events") == locate("driving_events")


def test_an_installed_package_may_bring_apps_that_import_beside_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "their_apps"
    package.mkdir()
    written(package, "", "__init__.py")
    written(package, "NAME = 'theirs'", "words.py")
    text = GOOD.replace('App("tried"', "App(NAME").replace(
        "import dataclasses", "import dataclasses\nfrom .words import NAME"
    )
    written(package, text, "quick.py")
    info = tmp_path / "their_apps-1.dist-info"
    info.mkdir()
    written(info, "Metadata-Version: 2.1\nName: their-apps\nVersion: 1\n", "METADATA")
    written(info, "[commonwheel.apps]\nquick = their_apps.quick\ngone = their_apps.gone\n", "entry_points.txt")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert app_names()["quick"] == "their_apps.quick"
    assert load_app("quick").manifest.name == "theirs"
    with pytest.raises(AppError, match=r"names the module their_apps\.gone, which is not there"):
        load_app("gone")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tripp", r"there is no app 'tripp' \(did you mean 'trip'\?\)"),
        ("_motion", "there is no app '_motion'"),
        ("../trip", "there is no such file"),
        ("nothing.py", "there is no such file"),
        ("", "there is no app ''"),
    ],
)
def test_what_is_no_app_is_told(name: str, says: str) -> None:
    with pytest.raises(AppError, match=says):
        load_app(name)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("x = = 1", 1, "SyntaxError"),
        ("\n\nimport nothing_of_this_name", 3, "No module named 'nothing_of_this_name'"),
        ("def f():\n    raise ValueError('no')\nf()", 2, "ValueError: no"),
        ("import sys\nsys.exit(3)", 2, "SystemExit: 3"),
        (
            "from commonwheel.apps import App\napp = App('x', '1', require={})",
            2,
            "App(...) takes no 'require' (did you mean 'requires'?); it takes name, version, about, requires, ",
        ),
        (
            "from commonwheel.apps import App\napp = App('x', '1')\n@app.start()\ndef f(car): ...",
            3,
            "@app.start stands alone, without parentheses",
        ),
        ("from commonwheel.apps import App\napp = App('x')", 2, "missing 1 required positional argument: 'version'"),
        ("x = 1", 0, "it declares no app"),
        ("a = b'\\xff'.decode()", 1, "UnicodeDecodeError"),
    ],
)
def test_a_file_that_cannot_be_run_is_told_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = written(tmp_path, text)
    before = set(sys.modules)
    with pytest.raises(AppError) as caught:
        load_app(path)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line) == (path, line)
    assert says in fault.message
    assert not {name for name in set(sys.modules) - before if "tried" in name}


def test_a_file_is_told_as_it_was_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "\n1 / 0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AppError, match=r"^tried\.py:2: it cannot be loaded: ZeroDivisionError: division by zero$"):
        load_app("tried.py")
    written(tmp_path, GOOD.replace("Vehicle.Speed", "Vehicle.Sped"))
    with pytest.raises(AppError, match=r"^tried\.py:5: 'Vehicle\.Sped' is not in the catalog"):
        check(load_app("tried.py"))


def test_bytes_that_are_no_python_are_told(tmp_path: Path) -> None:
    path = tmp_path / "tried.py"
    for data in (b"\x00", b"\xff\xfe", b"x = 1\n" * 200_000):
        path.write_bytes(data)
        with pytest.raises(AppError, match=r"tried\.py"):
            load_app(path)


def test_a_file_declares_one_app(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + "\nother = App('other', '1')\nsame = app")
    with pytest.raises(AppError) as caught:
        load_app(path)
    assert [fault.line for fault in caught.value.faults] == [5, 18]


def test_an_app_that_is_imported_from_elsewhere_is_not_the_files_own(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "from commonwheel.apps.library.trip import app as base\n"
        + GOOD.replace("from __future__ import annotations\n", ""),
    )
    assert load_app(path).manifest.name == "tried"
