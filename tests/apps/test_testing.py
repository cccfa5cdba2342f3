"""``app test``: what is expected of an app, as data, held against what it did."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps import App, AppError, Event, Output
from commonwheel.apps.expectations import expectations_beside, load_expectations
from commonwheel.apps.judging import problems_of
from commonwheel.apps.loading import app_names, locate
from commonwheel.apps.matching import match_of
from commonwheel.apps.replay import Recorded
from commonwheel.apps.testing import SHARED, Verdict, expectations_of, run_tests
from commonwheel.vehicles.yamltree import Node, Reader, load_tree

if TYPE_CHECKING:
    from commonwheel.apps.expectations import Case
    from commonwheel.apps.testing import Ground, Result
    from commonwheel.twin.scenario import Scenario

APP = """
from commonwheel.apps import App, Event, Output, Setting
app = App(
    "tried", "1", "Counts.",
    requires={"Vehicle.Speed": 10},
    provides=("Vehicle.Exterior.LightIntensity",),
    outputs={"top": Output("km/h"), "word": Output(datatype="string"), "nothing": Output()},
    events={"fast": Event("Fast."), "never": Event("Never.")},
    settings={"limit": Setting(30.0, "km/h")},
)
top = 0.0

@app.on("Vehicle.Speed")
def speed(car, reading):
    global top
    if reading.good is not None:
        top = max(top, reading.value)
        car.show(top=top, word="moved" if top else "stood", nothing=None)

@app.every(1.0)
async def watch(car):
    if car.value("Vehicle.Speed", 0) > car.settings["limit"]:
        car.report("fast", speed=car.value("Vehicle.Speed"), row=[1, 2.5])
        car.log("it is fast")
        await car.sleep(1000)

@app.stop
def end(car):
    car.publish({"Vehicle.Exterior.LightIntensity": 50})
"""

HEAD = """
format: 1
cases:
  - name: a drive
    scenario: town
    cars: [nissan/leaf_aze0]
    seconds: 20
    expect:
"""


def tried(
    tmp_path: Path, expect: str, *, head: str = HEAD, app: str = APP, ground: Ground | None = None
) -> list[Result]:
    (tmp_path / "tried.py").write_text(app)
    (tmp_path / "tried.test.yaml").write_text(
        head.lstrip() + textwrap.indent(textwrap.dedent(expect).strip(), "      ")
    )
    return list(run_tests(expectations_of(str(tmp_path / "tried.py")), ground=ground))


def problems(tmp_path: Path, expect: str, *, head: str = HEAD, app: str = APP) -> list[tuple[int, str]]:
    return [(one.line, str(one)) for result in tried(tmp_path, expect, head=head, app=app) for one in result.problems]


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """What the app did on the drive of the head."""
    (result,) = tried(tmp_path_factory.mktemp("tried"), "{}")
    assert result.recorded is not None
    return result.recorded


def test_a_drive_that_is_as_expected_passes(tmp_path: Path) -> None:
    (result,) = tried(
        tmp_path,
        """
        outputs: {top: {from: 30, to: 40}, word: moved, nothing: null}
        at:
          - {seconds: 0.5, outputs: {word: stood, top: 0}}
        events:
          fast: {count: 1, first: {seconds: {from: 5, to: 20}, data: {speed: {from: 30, to: 40}, row: [1, 2.5]}}}
        logs: [is fast]
        published: {Vehicle.Exterior.LightIntensity: {is: 50, within: 0.1 %}}
        """,
    )
    assert (result.verdict, result.problems) == (Verdict.PASSED, ())
    assert (result.car, result.drive_s) == ("nissan/leaf_aze0", 20.0)


@pytest.mark.parametrize(
    ("expect", "line", "says"),
    [
        ("outputs: {top: 3}", 8, "output top at the end: expected 3 km/h, got "),
        ("outputs:\n  word: stood", 9, "output word at the end: expected 'stood', got 'moved'"),
        ("outputs: {nothing: 1}", 8, "expected 1, got no value"),
        ("at:\n  - {seconds: 1, outputs: {word: moved}}", 9, "output word at 1 s: expected 'moved', got 'stood'"),
        ("events: {fast: 2}", 8, "event fast: expected 2 times, got 1 (at "),
        ("events: {fast: 1, never: {from: 1}}", 8, "event never: expected at least 1 times, got none"),
        ("events: {}", 7, "event fast: expected none, got 1 (at "),
        ("events: {fast: {first: {seconds: 1}}}", 8, "its time: expected 1 s, got "),
        ("events: {fast: {each: {data: {speed: 1}}}}", 8, "its speed: expected 1, got "),
        ("events: {fast: {last: {data: {sped: 1}}}}", 8, "its sped: expected 1, got no such data (it has speed, row)"),
        ("events: {fast: {first: {data: {row: [1]}}}}", 8, "its row: expected [1], got [1, 2.5]"),
        ("logs: [stood still]", 8, "log: expected a line with 'stood still', got 1 lines"),
        ("published: {Vehicle.Exterior.LightIntensity: 1}", 8, "expected 1, got 50"),
        ("published: {Vehicle.Speed: 1}", 8, "expected 1, got never published"),
    ],
)
def test_what_is_not_as_expected_is_told_with_the_line_that_expects_it(
    tmp_path: Path, drive: Recorded, expect: str, line: int, says: str
) -> None:
    path = tmp_path / "tried.test.yaml"
    path.write_text(HEAD.lstrip() + textwrap.indent(expect, "      "))
    (found,) = problems_of(load_expectations(path).cases[0].expected, drive)
    assert found.line == line
    assert says in str(found)


def test_a_function_that_raises_fails_a_case_that_expects_nothing(tmp_path: Path) -> None:
    app = APP.replace("global top\n", "global top\n    1 / 0\n")
    ((line, says), *_) = problems(tmp_path, "{}", app=app)
    assert line == 7
    assert f"{tmp_path / 'tried.py'}:16: speed() raised ZeroDivisionError: division by zero (1 / 0)" in says


def test_the_same_scenario_runs_on_every_car_with_settings_and_faults(tmp_path: Path) -> None:
    head = HEAD.replace("[nissan/leaf_aze0]", "[honda/e, mitsubishi/imiev]").replace(
        "    expect:",
        "    settings: {limit: 500}\n    seed: 3\n    faults: [{silent: Vehicle.Speed, from: 1 s}]\n    expect:",
    )
    results = tried(tmp_path, "outputs: {top: 0}\nevents: {}", head=head)
    assert [(result.car, result.problems) for result in results] == [("honda/e", ()), ("mitsubishi/imiev", ())]


def test_cars_may_have_the_same_physics(tmp_path: Path) -> None:
    head = HEAD.replace("[nissan/leaf_aze0]", "[honda/e, mitsubishi/imiev]").replace(
        "    expect:", "    parameters: nissan/leaf_aze0\n    expect:"
    )
    tops = [result.recorded.value("top") for result in tried(tmp_path, "{}", head=head) if result.recorded]
    assert len(tops) == 2
    assert tops[0] == pytest.approx(tops[1], abs=0.2)


def test_cases_can_be_picked_by_name(tmp_path: Path) -> None:
    tried(tmp_path, "{}")
    tests = expectations_of(str(tmp_path / "tried.test.yaml"))
    assert [result.name for result in run_tests(tests, only=("drive",))] == ["a drive"]
    assert list(run_tests(tests, only=("walk",))) == []


def test_a_case_that_does_not_end_fails_with_the_apps_line(tmp_path: Path) -> None:
    for function, line in (("while True: pass", 15), ("while True:\n        try: pass\n        except: pass", 16)):
        (tmp_path / "tried.py").write_text(APP.replace("global top\n", f"global top\n    {function}\n"))
        (tmp_path / "tried.test.yaml").write_text(HEAD.lstrip() + "      {}")
        (result,) = run_tests(expectations_of(str(tmp_path / "tried.py")), longest_s=1.0)
        assert result.verdict is Verdict.FAILED
        assert "expected it to end within 1 s" in str(result.problems[0])
        assert f"tried.py:{line}" in str(result.problems[0]) or f"tried.py:{line + 1}" in str(result.problems[0])


def test_an_async_function_that_does_not_end_fails_the_case_too(tmp_path: Path) -> None:
    """A task keeps what it raises to itself, but for an interrupt."""
    endless = APP.replace("def speed", "async def speed").replace("global top\n", "global top\n    while True: pass\n")
    (tmp_path / "tried.py").write_text(endless)
    (tmp_path / "tried.test.yaml").write_text(HEAD.lstrip() + "      {}")
    (result,) = run_tests(expectations_of(str(tmp_path / "tried.py")), longest_s=1.0)
    (problem,) = result.problems
    assert "expected it to end within 1 s" in str(problem)
    assert "tried.py:16" in str(problem)


# ---- logs -----------------------------------------------------------------------------------------------------------

LOG_HEAD = """
format: 1
cases:
  - name: a recording
    log: logs/mitsubishi-lancer-ralliart/smalldriveinlot.log
    expect:
"""


@pytest.mark.real
def test_logs_are_looked_for_beside_the_file_and_where_the_environment_says(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED, str(shared))
    (result,) = tried(tmp_path, "outputs: {top: {is: 17, within: 0.5}}\nevents: {}", head=LOG_HEAD)
    assert (result.verdict, result.car, result.problems) == (Verdict.PASSED, "mitsubishi/lancer", ())
    monkeypatch.delenv(SHARED)
    (tmp_path / "logs").symlink_to(shared / "logs")
    (result,) = tried(tmp_path, "{}", head=LOG_HEAD)
    assert result.verdict is Verdict.PASSED


def test_a_log_that_is_not_there_fails_unless_it_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SHARED, raising=False)
    (result,) = tried(tmp_path, "{}", head=LOG_HEAD)
    assert result.verdict is Verdict.FAILED
    assert f"{SHARED} may name another folder" in str(result.problems[0])
    (result,) = tried(tmp_path, "{}", head=LOG_HEAD.replace("    expect", "    optional: true\n    expect"))
    assert result.verdict is Verdict.SKIPPED
    assert "there is no log" in result.why


def test_expectations_of_shipped_apps_can_be_read() -> None:
    for name in app_names():
        if expectations_beside(locate(name)).is_file():
            assert expectations_of(name).cases


# ---- cars that act --------------------------------------------------------------------------------------------------

ACTS = HEAD.replace("    seconds: 20\n", "    seconds: 20\n    acts: true\n    beside: [trip]\n")


def test_a_case_that_acts_is_driven_by_the_ground_that_the_caller_brings(tmp_path: Path) -> None:
    seen: list[tuple[object, ...]] = []

    def ground(case: Case, app: str, car: str, scenario: Scenario) -> Recorded:
        seen.append((case.name, Path(app).name, car, scenario.name, case.beside))
        return Recorded(figures={"speed_end": 12.5}, car=car, end_ns=20 * 10**9)

    (result,) = tried(tmp_path, "figures: {speed_end: {is: 12, within: 1}}", head=ACTS, ground=ground)
    assert seen == [("a drive", "tried.py", "nissan/leaf_aze0", "town", ("trip",))]
    assert (result.verdict, result.drive_s) == (Verdict.PASSED, 20.0)
    (result,) = tried(tmp_path, "figures: {speed_end: 3, gap_least: {from: 1}}", head=ACTS, ground=ground)
    assert [str(one) for one in result.problems] == [
        "figure speed_end: expected 3, got 12.5",
        "figure gap_least: expected at least 1, got no value",
    ]


def test_a_case_that_acts_fails_where_nothing_can_act(tmp_path: Path) -> None:
    ((_line, says),) = problems(tmp_path, "{}", head=ACTS)
    assert "a case that acts needs a proving ground" in says


# ---- files with faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("format: 1", "format: 2", 1, "begins with 'format: 1'"),
        ("cases:", "case:", 2, "did you mean 'cases'"),
        ("scenario: town", "scenery: town", 4, "did you mean 'scenario'"),
        ("    scenario: town\n", "", 3, "either a 'log' or a 'scenario'"),
        ("scenario: town", "scenario: town\n    log: x.log", 3, "either a 'log' or a 'scenario'"),
        ("    cars: [nissan/leaf_aze0]\n", "", 3, "needs 'cars' that drive it"),
        ("scenario: town", "log: town.log", 5, "'cars' goes with a 'scenario'"),
        ("cars: [nissan/leaf_aze0]", "cars: [nissan/leaf_aze0]\n    car: honda/e", 6, "'car' goes with a 'log'"),
        ("seconds: 20", "seconds: -1", 6, "'seconds' is more than 0"),
        ("seconds: 20", "settings: {limt: 3}", 6, "did you mean 'limit'"),
        ("seconds: 20", "settings: {limit: [3]}", 6, "not a list"),
        ("outputs: {top: 1}", "outputs: {topp: 1}", 8, "did you mean 'top'"),
        ("outputs: {top: 1}", "output: {top: 1}", 8, "did you mean 'outputs'"),
        ("outputs: {top: 1}", "outputs: {top: {is: 1}}", 8, "{is: 63, within: 0.5}"),
        ("outputs: {top: 1}", "outputs: {top: {}}", 8, "{is: 63, within: 0.5}"),
        ("outputs: {top: 1}", "outputs: {top: {from: 2, to: 1}}", 8, "the smaller number comes first"),
        ("outputs: {top: 1}", "outputs: {top: {is: 2, within: -1}}", 8, "'within' is 0 or more"),
        ("outputs: {top: 1}", "outputs: {top: {is: 2, within: x %}}", 8, "a share such as '1 %'"),
        ("outputs: {top: 1}", "events: {fats: 1}", 8, "did you mean 'fast'"),
        ("outputs: {top: 1}", "events: {fast: {first: {data: 3}}}", 8, "'data' is a mapping"),
        ("outputs: {top: 1}", "at: [{seconds: 1}]", 8, "{seconds: 10, outputs: {...}}"),
        ("outputs: {top: 1}", "logs: [3]", 8, "a log line is text"),
        ("outputs: {top: 1}", "figures: {speed_end: 3}", 8, "'figures' goes with 'acts: true'"),
        ("seconds: 20", "beside: [trip]", 6, "'beside' goes with 'acts: true'"),
        ("seconds: 20", "acts: 3", 6, "'acts'"),
        ("outputs: {top: 1}", f"outputs: {{top: 1{'0' * 400}}}", 8, "at most 64 bits"),
        ("outputs: {top: 1}", f"events: {{fast: 1{'0' * 400}}}", 8, "at most 64 bits"),
    ],
)
def test_a_fault_of_a_test_file_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    text = HEAD.lstrip() + "      outputs: {top: 1}"
    assert old in text
    (tmp_path / "tried.py").write_text(APP)
    (tmp_path / "tried.test.yaml").write_text(text.replace(old, new))
    with pytest.raises(AppError) as caught:
        expectations_of(str(tmp_path / "tried.py"))
    assert any(fault.line == line and says in fault.message for fault in caught.value.faults), caught.value.faults


@pytest.mark.parametrize("text", ["", "[", "3", "cases: []\nformat: 1", "a: &a [*a]", "format: 1"])
def test_what_is_no_test_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "tried.py").write_text(APP)
    (tmp_path / "tried.test.yaml").write_text(text)
    with pytest.raises(AppError, match=r"tried\.test\.yaml"):
        expectations_of(str(tmp_path / "tried.py"))


def test_a_test_file_may_name_another_app_by_name_or_from_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps/tried.py").write_text(APP)
    (tmp_path / "tests").mkdir()
    path = tmp_path / "tests/other.test.yaml"
    for folder, app, found in (
        (tmp_path, "../apps/tried.py", tmp_path / "tests/../apps/tried.py"),
        (tmp_path / "tests", str(tmp_path / "apps/tried.py"), tmp_path / "apps/tried.py"),
        (tmp_path, "trip", locate("trip")),
    ):
        monkeypatch.chdir(folder)
        path.write_text(f"app: {app}\n{HEAD.lstrip()}      {{}}")
        assert expectations_of(str(path)).app == str(found)


def test_an_app_without_a_test_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "tried.py").write_text(APP)
    with pytest.raises(AppError, match="the test cannot be read"):
        expectations_of(str(tmp_path / "tried.py"))


def test_a_scenario_or_car_that_does_not_exist_fails_the_case(tmp_path: Path) -> None:
    for old, new, says in (
        ("scenario: town", "scenario: twon", "did you mean 'town'"),
        ("nissan/leaf_aze0", "nissan/leaf", "nissan/leaf"),
        ("seconds: 20", "faults: [{loud: Vehicle.Speed}]", "is not known in a fault"),
    ):
        found = problems(tmp_path, "{}", head=HEAD.replace(old, new))
        assert len(found) == 1
        assert says in found[0][1]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS | st.sampled_from(["town", "fast", "top"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["format", "cases", "name", "log", "scenario", "cars", "expect", "outputs", "events", "at", "seconds", "is",
             "within", "from", "to", "first", "data", "count", "logs", "settings", "top", "fast"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


def _node(value: object, path: Path) -> Node:
    if isinstance(value, dict):
        return Node({key: _node(item, path) for key, item in value.items()}, path, 1)
    if isinstance(value, list):
        return Node([_node(item, path) for item in value], path, 1)
    return Node(value, path, 1)  # type: ignore[arg-type]


@given(ANYTHING, ANYTHING)
def test_whatever_is_expected_of_a_value_is_read_or_told(expected: object, value: object) -> None:
    reader = Reader()
    match = match_of(reader, _node(expected, Path("x")))
    assert match.fits(value) in {True, False}
    if not reader.faults and not isinstance(expected, dict) and expected == expected:  # noqa: PLR0124 - NaN
        assert match.fits(expected) or isinstance(expected, float | list)


@given(ANYTHING)
def test_whatever_a_test_file_holds_it_is_read_or_told(value: object) -> None:
    from commonwheel.apps.expectations import _Parser

    app = App("tried", "1", outputs={"top": Output()}, events={"fast": Event()})
    reader = Reader()
    found = _Parser(reader, app.manifest).file(Path("tried.test.yaml"), _node(value, Path("x")))
    assert reader.faults or found.cases


@given(st.binary(max_size=200))
def test_whatever_bytes_a_test_file_has_it_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.test.yaml"
    path.write_bytes(data)
    with pytest.raises(AppError):
        load_expectations(path)


@pytest.mark.parametrize(
    ("text", "fits", "not_fits"),
    [
        ("63", [63, 63.0], [63.1, "63", None, True]),
        ("0.1", [0.1, 0.1 + 1e-12], [0.1001]),
        ("{is: 63, within: 0.5}", [62.5, 63.5], [62.4, None]),
        ("{is: -200, within: 1 %}", [-198, -202], [-197.9]),
        ("{from: 1}", [1, 1e9], [0.9]),
        ("{to: 1}", [1, -1e9], [1.1, float("nan")]),
        ("true", [True], [1, "true", False]),
        ("word", ["word"], ["words", None]),
        ("null", [None], [0, "", False]),
        ("[1, word]", [[1, "word"], (1.0, "word")], [[1], [1, "word", 2], "1", 1]),
        ("[]", [[]], [None, ""]),
    ],
)
def test_what_is_expected_of_a_value(text: str, fits: list[object], not_fits: list[object]) -> None:
    reader = Reader()
    node = load_tree(Path("x"), f"is: {text}".encode()).entries["is"]
    match = match_of(reader, node)
    assert not reader.faults
    assert [value for value in fits if not match.fits(value)] == []
    assert [value for value in not_fits if match.fits(value)] == []
