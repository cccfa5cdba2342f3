"""``commonwheel app``: write, check, run, test and list apps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commonwheel.broker import Broker
from commonwheel.broker.access import Access
from commonwheel.catalog import load_catalog
from commonwheel.cli import FINE, INTERRUPTED, PROBLEMS, UNUSABLE, main
from tests.client.harness import Served, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = """
from commonwheel.apps import App, Event, Output, Setting
app = App(
    "tried", "1", "Counts.",
    requires={"Vehicle.Speed": 10},
    may_use={"Vehicle.Powertrain.TractionBattery.CurrentPower": 0},
    outputs={"top": Output("km/h", "The top."), "none": Output()},
    events={"began": Event("It began.")},
    settings={"factor": Setting(1.0)},
)
top = 0.0

@app.start
def begin(car):
    car.report("began", car=car.name)
    car.log("hello")

@app.on("Vehicle.Speed")
def speed(car, reading):
    global top
    top = max(top, reading.good or 0)
    car.show(top=top * car.settings["factor"], none=None)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with an app."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tried.py").write_text(APP)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = FINE) -> str:
    """Run ``app`` with arguments; returns what it printed."""
    assert main(["app", *map(str, arguments)]) == status
    found = capsys.readouterr()
    assert "Traceback" not in found.out + found.err
    return found.err if status == UNUSABLE else found.out


def facts(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = FINE) -> Any:  # noqa: ANN401
    return json.loads(told(capsys, *arguments, "--json", status=status))


# ---- new ------------------------------------------------------------------------------------------------------------


def test_a_new_app_holds_and_its_test_passes_on_three_makers_cars(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = facts(capsys, "new", "my-trip", "--dir", "apps")
    assert written == {"app": "apps/my_trip.py", "test": "apps/my_trip.test.yaml"}
    found = facts(capsys, "check", "apps/my_trip.py")
    assert {cell["fitness"] for cell in found["apps"][0]["cars"].values()} == {"full"}
    results = facts(capsys, "test", "apps/my_trip.py")
    assert {result["verdict"] for result in results} == {"passed"}
    assert {result["car"].partition("/")[0] for result in results} == {"honda", "nissan", "mitsubishi"}
    assert (folder / "apps" / "my_trip.py").is_file()


@pytest.mark.usefixtures("folder")
def test_a_new_app_overwrites_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "tried.py: is there already" in told(capsys, "new", "tried", status=UNUSABLE)
    assert not Path("tried.test.yaml").exists()


@pytest.mark.parametrize("name", ["My-Trip", "my_trip", "../trip", "", "trip-", "x" * 61])
def test_an_app_cannot_have_any_name(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "small letters, digits and single hyphens" in told(capsys, "new", name, status=UNUSABLE)
    assert [path.name for path in folder.iterdir()] == ["tried.py"]


# ---- check ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_check_tells_what_stands_in_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "check", "tried.py", "--car", "mitsubishi/lancer", "--car", "nissan/leaf_ze0").splitlines()
    assert out[2].split() == ["mitsubishi/lancer", "reduced", "1/2"]
    assert out[3].split() == ["nissan/leaf_ze0", "full", "2/2"]
    assert out[-1].startswith("may use  Vehicle.Powertrain.TractionBattery.CurrentPower  the car's description has no")


@pytest.mark.usefixtures("folder")
def test_every_described_car_is_checked_unless_some_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    cars = facts(capsys, "check", "tried.py", "trip")["apps"][0]["cars"]
    assert {"honda/e", "honda/e:advance", "nissan/leaf_ze0"} <= cars.keys()
    lacks = cars["honda/e"]["lacks"]
    assert [lack["signal"] for lack in lacks] == ["Vehicle.Powertrain.TractionBattery.CurrentPower"]


@pytest.mark.usefixtures("folder")
def test_a_car_stands_for_its_variants_but_for_those_on_which_an_app_does_otherwise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = told(capsys, "check", "tried.py")
    assert "honda/e " in out
    assert "honda/e:advance" not in out
    assert "honda/e:advance " in told(capsys, "check", "tried.py", "--require", "honda/e:advance")
    battery = "Vehicle.Powertrain.TractionBattery.CurrentPower"
    Path("cells.py").write_text(APP.replace(battery, "Vehicle.Powertrain.TractionBattery.Module.M12.Cell.C1.Voltage"))
    differing = {line.split()[0] for line in told(capsys, "check", "cells.py").splitlines() if line.startswith("m")}
    assert {"mitsubishi/imiev", "mitsubishi/imiev:80cells"} <= differing
    assert "mitsubishi/lancer:evo_x" not in differing


@pytest.mark.usefixtures("folder")
def test_reasons_are_told_of_one_app_or_of_several_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert "What stands in the way of tried" in told(capsys, "check", "tried.py")
    out = told(capsys, "check", "tried.py", "trip")
    assert "What stands in the way of" not in out
    assert out.endswith("What stands in the way is told of one app alone, or with --why.\n")
    out = told(capsys, "check", "tried.py", "trip", "--why")
    assert "What stands in the way of tried" in out
    assert {"as above"} < {line.rpartition("  ")[2] for line in out.splitlines() if line.startswith("may use")}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--require", "nissan/leaf_ze0"), FINE),
        (("--require", "nissan/leaf_ze0", "--full"), FINE),
        (("--require", "mitsubishi/lancer"), FINE),
        (("--require", "mitsubishi/lancer", "--full"), PROBLEMS),
        (("--car", "nissan/leaf_ze0", "--require", "mitsubishi/lancer", "--full"), PROBLEMS),
    ],
)
def test_what_is_required_decides_the_exit_status(
    options: tuple[str, ...], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    out = told(capsys, "check", "tried.py", *options, status=status)
    assert ("tried has to run on mitsubishi/lancer, and can only in a reduced form" in out) == (status == PROBLEMS)


@pytest.mark.usefixtures("folder")
def test_an_app_that_cannot_run_where_it_has_to_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    Path("battery.py").write_text(APP.replace("Vehicle.Speed", "Vehicle.Powertrain.TractionBattery.CurrentVoltage"))
    found = facts(capsys, "check", "battery.py", "--require", "mitsubishi/lancer", status=PROBLEMS)
    assert found["failing"] == [{"app": "tried", "car": "mitsubishi/lancer", "fitness": "none"}]


@pytest.mark.usefixtures("folder")
def test_faults_of_several_apps_are_told_and_the_others_checked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.py").write_text(APP.replace("Vehicle.Speed", "Vehicle.Sped"))
    Path("worse.py").write_text("x = = 1")
    out = told(capsys, "check", "bad.py", "tried.py", "worse.py", "--car", "honda/e", status=PROBLEMS)
    lines = out.splitlines()
    assert lines[0].startswith("bad.py:5: 'Vehicle.Sped' is not in the catalog")
    assert lines[1].startswith("bad.py:18: @app.on: 'Vehicle.Sped' is not declared")
    assert lines[2].startswith("worse.py:1: it cannot be loaded: SyntaxError")
    assert any(line.split()[:2] == ["honda/e", "reduced"] for line in lines)


@pytest.mark.usefixtures("folder")
def test_a_car_that_is_not_described_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'honda/e'" in told(capsys, "check", "tried.py", "--require", "honda/ee", status=UNUSABLE)


# ---- run ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
def test_run_shows_what_happens_and_what_came_out(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "run", "tried.py", "--car", "honda/e", "--virtual", "town", "--seconds", "10").splitlines()
    assert out[0] == "     0.000 s  info    began  car=honda/e"
    assert out[1] == "     0.000 s  info    hello"
    assert out[2].startswith("tried on honda/e: 10.0 s, ")
    assert out[-1].split() == ["none", "-"]
    assert out[-2].split()[0] == "top"
    assert out[-2].split()[2:] == ["km/h", "The", "top."]


@pytest.mark.usefixtures("folder")
def test_run_prints_facts_for_programs_and_takes_settings(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("run", "tried.py", "--car", "honda/e", "--virtual", "town", "--seconds", "10")
    once, thrice = (facts(capsys, *options, "--set", f"factor={factor}") for factor in (1, 3))
    assert once.keys() == {
        *("app", "version", "car", "start_ns", "seconds", "received", "called", "outputs", "events", "logs"),
        *("published", "requested", "failures"),
    }
    assert (once["app"], once["car"], once["seconds"], once["failures"]) == ("tried", "honda/e", 10.0, [])
    assert thrice["outputs"]["top"]["value"] == pytest.approx(3 * once["outputs"]["top"]["value"])


@pytest.mark.real
@pytest.mark.usefixtures("folder")
def test_run_finds_out_whose_recording_it_is_and_takes_several(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = ("mitsubishi-lancer-ralliart/smalldriveinlot.log", "honda-civic-8gen/vsslog.log")
    replays = [part for log in logs for part in ("--replay", shared / "logs" / log)]
    found = facts(capsys, "run", "tried.py", *replays)
    assert [run["car"] for run in found] == ["mitsubishi/lancer", "honda/civic_gen8"]
    assert all(run["outputs"]["top"]["value"] > 10 for run in found)


@pytest.mark.real
@pytest.mark.usefixtures("folder")
def test_a_recording_without_what_an_app_reads_is_told(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    battery = "Vehicle.Powertrain.TractionBattery.CurrentPower"
    Path("tried.py").write_text(APP.replace(f'may_use={{"{battery}": 0}},', ""))
    out = told(capsys, "run", "tried.py", "--replay", shared / "logs/mitsubishi-outlander-phev/DRIVING1.csv")
    assert out.endswith("nothing that it reads came: the recording does not hold Vehicle.Speed\n")


@pytest.mark.usefixtures("folder")
def test_an_app_that_raises_is_a_problem_told_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tried.py").write_text(APP.replace("    global top\n", "    global top\n    1 / 0\n"))
    options = ("run", "tried.py", "--car", "honda/e", "--virtual", "town", "--seconds", "1")
    out = told(capsys, *options, status=PROBLEMS)
    assert "failed  tried.py:21: speed() raised ZeroDivisionError: division by zero (1 / 0)" in out
    assert out.count("failed") == 1  # and is counted where it fails again
    count = len(facts(capsys, *options, status=PROBLEMS)["failures"])
    assert count > 1
    assert out.splitlines()[-2] == f"{count} times a function of the app raised"
    assert out.splitlines()[-1].split() == [f"{count}", "x", "tried.py:21:", "speed()", "raised", "ZeroDivisionError"]


@pytest.mark.usefixtures("folder")
def test_an_app_that_never_ends_is_told_with_its_line_when_it_is_interrupted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("tried.py").write_text(APP.replace("    global top\n", "    global top\n    raise KeyboardInterrupt\n"))
    assert main(["app", "run", "tried.py", "--car", "honda/e", "--virtual", "town"]) == INTERRUPTED
    assert capsys.readouterr().err == "tried was in tried.py:21\ncommonwheel app: interrupted\n"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "say what it is to run over"),
        (("--replay", "x.log", "--virtual", "town"), "say what it is to run over"),
        (("--virtual", "town"), "--virtual needs a --car"),
        (("--car", "honda/e", "--virtual", "twon"), "did you mean 'town'"),
        (("--car", "honda/ee", "--virtual", "town"), "did you mean 'honda/e'"),
        (("--car", "honda/e", "--car", "honda/e", "--virtual", "town"), "takes one car"),
        (("--replay", "nowhere.log"), "there is no such file"),
        (("--car", "honda/e", "--virtual", "town", "--set", "factor"), "--set takes NAME=VALUE"),
        (("--car", "honda/e", "--virtual", "town", "--set", "factr=1"), "has no setting 'factr'; it has factor"),
        (("--car", "honda/e", "--virtual", "town", "--set", "factor=x"), "is a number, not 'x'"),
        (("--car", "honda/e", "--virtual", "town", "--rate", "0"), "--rate is a number above 0"),
        (("--car", "honda/e", "--virtual", "town", "--seed", "x"), "--seed is a whole number"),
        (("--connect", "localhost:1", "--car", "honda/e"), "leave --car"),
        (("--connect", "localhost:1"), "cannot be reached"),
        (("--connect", "localhost:1", "--token", "no.token"), "--token no.token: there is no such file, and it is no"),
    ],
)
def test_what_cannot_be_run_is_told(options: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert says in told(capsys, "run", "tried.py", *options, status=UNUSABLE)


@pytest.mark.usefixtures("folder")
def test_a_car_that_lacks_what_is_required_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    fuel = '"Vehicle.Powertrain.FuelSystem.InstantConsumption": 0'
    Path("tried.py").write_text(APP.replace('"Vehicle.Speed": 10', f'"Vehicle.Speed": 10, {fuel}'))
    says = told(capsys, "run", "tried.py", "--car", "nissan/leaf_ze0", "--virtual", "town", status=UNUSABLE)
    assert "'tried' cannot run on nissan/leaf_ze0, which does not give Vehicle.Powertrain.FuelSystem" in says


@pytest.mark.usefixtures("folder")
def test_a_server_that_asks_for_a_token_is_told_with_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    server = Served(Broker(load_catalog()), Access(Words()))
    try:
        says = told(capsys, "run", "tried.py", "--connect", server.target, status=UNUSABLE)
    finally:
        server.stop()
    asks = "asks for a token: --token FILE; 'commonwheel token make --key KEY --app tried.py' makes one\n"
    assert says == f"commonwheel app: {server.target} {asks}"


@pytest.fixture
def served() -> Iterator[str]:
    """The address of a simulated car that is served."""
    command = [
        *(sys.executable, "-m", "commonwheel", "run", "--car", "nissan/leaf_aze0", "--virtual", "town", "--json"),
        *("--grpc-port", "0", "--no-viss", "--no-flight", "--no-metrics", "--log-level", "error"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            bound = json.loads(server.stdout.readline())["bound"]
            yield f"localhost:{bound[0]['port']}"
        finally:
            server.terminate()
            server.wait(30)


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_the_same_file_runs_on_a_car_that_is_served(served: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(capsys, "run", "tried.py", "--connect", served, "--seconds", "4", "--set", "factor=2")
    assert (found["app"], found["fitness"], found["restarts"], found["error"]) == ("tried", "full", 0, "")
    assert found["received"] > 5
    assert found["outputs"]["top"]["unit"] == "km/h"
    assert [event["event"] for event in found["events"]] == ["began"]


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_an_app_runs_on_buses_that_are_here(capsys: pytest.CaptureFixture[str]) -> None:
    buses = ("--bus", "ev=virtual:app-ev", "--bus", "car=virtual:app-car")
    out = told(capsys, "run", "tried.py", "--car", "nissan/leaf_ze0", *buses, "--seconds", "3")
    assert "hello" in out
    assert "tried on leaf_ze0: " in out


# ---- test and list --------------------------------------------------------------------------------------------------

TEST = """format: 1
cases:
  - {name: it moves, scenario: town, cars: [honda/e], seconds: 20, expect: {outputs: {top: {from: 10}}}}
  - {name: it flies, scenario: town, cars: [honda/e], seconds: 20, expect: {outputs: {top: {from: 900}}}}
"""


@pytest.mark.usefixtures("folder")
def test_tests_tell_each_case_and_each_difference(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tried.test.yaml").write_text(TEST)
    out = told(capsys, "test", "tried.py", status=PROBLEMS).splitlines()
    assert out[0].startswith("passed  it moves [honda/e]  20 s in ")
    assert out[1].startswith("failed  it flies [honda/e]  20 s in ")
    assert out[2] == "  tried.test.yaml:4: output top at the end"
    assert out[3] == "    expected  at least 900 km/h"
    assert out[4].startswith("    got       ")
    assert out[5].startswith("1 passed, 1 failed; 40 s driven in ")


@pytest.mark.usefixtures("folder")
def test_one_case_can_be_picked_and_its_facts_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tried.test.yaml").write_text(TEST)
    (found,) = facts(capsys, "test", "tried.test.yaml", "--case", "moves")
    assert (found["case"], found["car"], found["verdict"], found["problems"]) == ("it moves", "honda/e", "passed", [])
    assert "nothing was tested" in told(capsys, "test", "tried.py", "--case", "sinks", status=UNUSABLE)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("seconds", ["0", "-5", "nan", "inf", "1e300", "long"])
@pytest.mark.parametrize("action", [("run", "--car", "honda/e", "--virtual", "town"), ("test",)])
def test_a_length_that_is_none_is_told(
    action: tuple[str, ...], seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["app", *action, "tried.py", "--seconds", seconds])
    assert caught.value.code == UNUSABLE
    assert f"a number of seconds above 0 and up to 1e7 is needed, not '{seconds}'" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_tested_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "the test cannot be read" in told(capsys, "test", "tried.py", status=UNUSABLE)
    Path("tried.test.yaml").write_text("format: 1\ncases: [{name: x}]")
    said = told(capsys, "test", "tried.py", status=UNUSABLE)
    assert "tried.test.yaml:2: a case has either a 'log' or a 'scenario'" in said
    assert "tried.test.yaml:2: a case needs 'expect'" in said


def test_list_tells_every_app_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    names = [one["app"] for one in facts(capsys, "list")]
    assert "trip" in names
    out = told(capsys, "list").splitlines()
    assert out[0].split()[:2] == ["app", "version"]
    assert len(out) == 1 + len(names)


def test_an_action_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["app"])
    assert caught.value.code == UNUSABLE
    assert "new|check|run|test|list" in capsys.readouterr().err
