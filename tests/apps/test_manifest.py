"""What is wrong with an app: every fault at once, each with its line and what would be right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps import App, AppError
from commonwheel.apps.checks import check, faults_of
from commonwheel.apps.loading import app_names, load_app

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
from commonwheel.apps import App, Event, Output, Setting
app = App(
    "tried", "1", "About.",
    requires={"Vehicle.Speed": 10},
    may_use={"Vehicle.Powertrain.TractionBattery.**": 0},
    provides=("Vehicle.Powertrain.Range",),
    requests=("Vehicle.Body.Lights.Beam.Low.IsOn",),
    keeps={"Vehicle.Speed": 10.0},
    outputs={"km": Output("km")},
    events={"fast": Event("Fast.", "warning")},
    settings={"limit": Setting(1.0), "word": Setting("x"), "on": Setting(True)},
)
@app.on("Vehicle.Speed")
def speed(car, reading): ...
"""


def faults(tmp_path: Path, old: str, new: str) -> list[tuple[int, str]]:
    """Return line and message of the faults of the good app with one part replaced."""
    assert old in GOOD
    path = tmp_path / "tried.py"
    path.write_text(GOOD.replace(old, new))
    return [(fault.line, fault.message) for fault in sorted(faults_of(load_app(path)))]


def test_a_good_app_has_no_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, "About.", "About it.") == []


@pytest.mark.parametrize("name", app_names())
def test_shipped_apps_have_no_fault(name: str) -> None:
    check(load_app(name))


ON = '@app.on("Vehicle.Speed")'
READ = '"Vehicle.Speed": 10}'
PROVIDE = '("Vehicle.Powertrain.Range",)'
FAULTS = (
    ('"tried"', '"Tried App"', 4, "small letters, digits and single hyphens"),
    ('"1"', '" "', 4, "version is a text such as '1.0'" ),
    (READ, '"Vehicle.Speed": 10, "Vehicle.Sped": 10}', 5, "did you mean 'Vehicle.Speed'"),
    ('"fast": Event', '"Too-Fast": Event', 11, "not 'Too-Fast' ('too_fast' would do)"),
    ('"fast": Event', '"!": Event', 11, "not '!'"),
    (ON, "@app.on", 14, '@app.on names no signal; as in @app.on("Vehicle.Speed")'),
    (ON, "@app.on_batch", 14, '@app.on_batch names no signal; as in @app.on_batch("Vehicle.Speed")'),
    (f"{ON}\ndef speed(car, reading)", "@app.every\ndef speed(car)", 14, "seconds, as in @app.every(1.0)"),
    (READ, '"Vehicle.Speed": 10, "Vehicle.No.**": 1}', 5, "'Vehicle.No.**' selects no signal"),
    (READ, '"Vehicle.Speed": 10, "Vehicle..Speed": 1}', 5, "a dot too many"),
    (READ, '"Vehicle.Speed": -1}', 5, "0 (every update) to 1000 updates per second, not -1"),
    (READ, '"Vehicle.Speed": 10, "Vehicle.Powertrain.TractionBattery.**": 1}', 6, "leave one out"),
    (READ, '"Vehicle.Speed": "10"}', 5, "does not fit"),
    ('{"Vehicle.Speed": 10}', '["Vehicle.Speed"]', 5, "a mapping of signals to numbers"),
    ("Vehicle.Powertrain.Range", "Vehicle.Powertrain.Rang", 7, "did you mean 'Vehicle.Powertrain.Range'"),
    (PROVIDE, '("Vehicle.Powertrain.Range",\n  "Vehicle.Powertrain.Range")', 8, "stated twice"),
    (PROVIDE, '("Vehicle.Powertrain.Range",\n  "Vehicle.Powertrain.*")', 8, "both select it"),
    (PROVIDE, "(1,)", 7, "lists signals by path; 1 is none"),
    ("Vehicle.Body.Lights.Beam.Low.IsOn", "Vehicle.Speed", 8, "it is a sensor; only actuators can"),
    ("Vehicle.Body.Lights.Beam.Low.IsOn", "Vehicle.MotionManagement.Guard.IsArmed", 8, "armed by somebody who answers"),
    ('{"Vehicle.Speed": 10.0}', '{"Vehicle.Powertrain.Range": 10.0}', 9, "is kept, but not declared"),
    ('{"Vehicle.Speed": 10.0}', '{"Vehicle.Speed": 0}', 9, "more than 0 and at most 3600 seconds, not 0"),
    ('Output("km")', 'Output("km", datatype="number")', 10, "one of float, integer, boolean, string"),
    ('"km": Output("km")', '"Kilo-metres": Output("km")', 10, "of small letters, digits and '_'"),
    ('Output("km")', '"km"', 10, "'outputs' is a mapping"),
    ('"warning"', '"bad"', 11, "one of info, warning, alarm, not 'bad'"),
    ("Setting(1.0)", "Setting(float('nan'))", 12, "a number, a text or a boolean"),
    ("Setting(1.0)", "Setting(None)", 12, "a number, a text or a boolean"),
    (ON, '@app.on("Vehicle.Powertrain.Range")', 14, "is not declared; add it to 'requires'"),
    (ON, "@app.on()", 14, "names no signal"),
    (ON, "@app.on(speed := 3)", 14, "3 is no path or pattern"),
    (ON, "app.every(0)(print)\n@app.on('Vehicle.Speed')", 0, "0.001 at least, not 0"),
    (ON, "app.every('1')(print)\n@app.on('Vehicle.Speed')", 0, "a period in seconds"),
    (ON, '@app.when("Vehicle.Speed", test=3)', 14, "takes a function as its test"),
    (ON, '@app.when("Vehicle.**", test=bool)', 14, "by their whole path"),
    (ON, '@app.when("Vehicle.Speed", test=bool, lasts=-1)', 14, "'lasts' is 0 seconds or more"),
    (ON, '@app.when("Vehicle.Speed", test=lambda: 1)', 14, "the test of speed() is called with (value)"),
    ("def speed(car, reading)", "def speed(car)", 14, "is called with (car, reading), and takes (car)"),
    ("def speed(car, reading): ...", "def speed(car, reading): yield", 14, "has a 'yield'"),
    ('@app.on("Vehicle.Speed")\n', "", 3, "no function that is ever called"),
)  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "says"), FAULTS)
def test_a_fault_is_told_with_its_line_and_what_would_be_right(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    found = faults(tmp_path, old, new)
    assert [at for at, _ in found] == [line], found
    assert says in found[0][1]


def test_every_fault_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tried.py"
    text = GOOD.replace("Vehicle.Speed", "Vehicle.Sped").replace('"tried"', '"TRIED"').replace('"warning"', '"bad"')
    path.write_text(text)
    with pytest.raises(AppError) as caught:
        check(load_app(path))
    lines = [fault.line for fault in caught.value.faults]
    assert lines == sorted(lines)
    assert set(lines) == {4, 5, 9, 11, 14}
    assert re.match(rf"{re.escape(str(path))}:4: ", str(caught.value))


def test_a_fault_of_what_is_not_written_out_has_the_line_of_its_part(tmp_path: Path) -> None:
    found = faults(tmp_path, '{"Vehicle.Speed": 10}', 'dict.fromkeys(["Vehicle.Speed", "Vehicle.X"], 1)')
    assert found[0][0] == 5


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["Vehicle.Speed", "Vehicle.**"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PARTS = ("requires", "may_use", "keeps", "outputs", "events", "settings")


@given(
    st.tuples(ANYTHING, ANYTHING, ANYTHING),
    st.dictionaries(st.sampled_from(PARTS), ANYTHING),
    st.lists(ANYTHING, max_size=3),
    ANYTHING,
)
def test_whatever_an_app_declares_the_check_answers_with_faults(
    head: tuple[Any, Any, Any],
    parts: dict[str, Any],
    names: list[Any],
    pattern: Any,  # noqa: ANN401 - that is what it is about
) -> None:
    app = App(*head, provides=names, requests=names, **parts)
    app.on(pattern)(lambda _car, _reading: None)
    app.every(pattern)(pattern)
    app.when(pattern, test=pattern, lasts=pattern)(pattern)
    found = faults_of(app)
    assert found
    assert all(fault.message and fault.line for fault in found if fault.line)
