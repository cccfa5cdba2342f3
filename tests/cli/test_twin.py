"""``commonwheel twin``: logs of simulated cars, their formats, and what it says when it cannot drive."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import can
import pytest

from commonwheel.cli import FINE, UNUSABLE, main
from commonwheel.twin.scenario_file import SHIPPED, scenario_names
from commonwheel.wire.logs import read_log

LEAF = "nissan/leaf_aze0:30kwh"
BASE = ("twin", LEAF, "--scenario", "town", "--seconds", "8")


def told(capsys: pytest.CaptureFixture[str], *options: object) -> dict[str, object]:
    assert main([*BASE, "--json", *map(str, options)]) == FINE
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["drive.log", "drive.log.gz", "drive.csv", "drive.trc", "DRIVE.LOG"])
def test_a_log_in_the_format_that_its_name_says(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / name
    facts = told(capsys, "-o", out)
    frames, _ = read_log(out)
    assert len(frames) == facts["frames"] == 11968
    assert set(frames.bus.tolist()) == {0, 1}
    assert (facts["car"], facts["scenario"], facts["seconds"], facts["clamped"]) == (LEAF, "town", 8.0, 0)
    assert facts["file"] == str(out)
    assert 0.0 < float(str(facts["distance_km"])) < 0.1
    assert float(str(facts["energy_kwh"])) > 0.0
    assert facts["fuel_l"] is None


def test_the_same_seed_writes_the_same_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = [tmp_path / f"{i}.log" for i in range(3)]
    for log, seed in zip(logs, (5, 5, 6), strict=True):
        assert (
            main(
                [
                    "twin",
                    "mitsubishi/imiev",
                    "--scenario",
                    "town",
                    "--seconds",
                    "3",
                    "--seed",
                    str(seed),
                    "-o",
                    str(log),
                ]
            )
            == FINE
        )
    capsys.readouterr()
    one, same, other = (log.read_bytes() for log in logs)
    assert one == same != other  # the cells of the battery are others


def test_the_log_identifies_decodes_and_is_named_as_the_car_names_its_buses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "drive.log.gz"
    told(capsys, "-o", out)
    assert gzip.decompress(out.read_bytes()).splitlines()[0].startswith(b"(0000000000.000000) ev ")
    assert main(["identify", str(out), "--json"]) == FINE
    assert json.loads(capsys.readouterr().out)["car"] == "nissan/leaf_aze0"
    assert main(["decode", str(out), "--car", LEAF, "-o", str(tmp_path / "drive.parquet")]) == FINE


def test_without_a_log_it_only_drives_and_says_what_that_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*BASE]) == FINE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{LEAF} drove 'town': 0.0")
    assert [line.split()[0] for line in lines[1:]] == ["used", "frames", "took"]
    assert lines[1].endswith(" kWh")


def test_a_combustion_car_says_what_it_burnt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["twin", "mitsubishi/lancer", "--scenario", "town", "--seconds", "8", "--json"]) == FINE
    facts = json.loads(capsys.readouterr().out)
    assert facts["energy_kwh"] is None
    assert facts["fuel_l"] > 0


def test_a_scenario_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((SHIPPED / "town.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["twin", LEAF, "--scenario", str(path), "--seconds", "1", "--json"]) == FINE
    assert json.loads(capsys.readouterr().out)["frames"] > 1000


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["twin", "--scenarios"]) == FINE
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(scenario_names())
    assert main(["twin", "--scenarios", "--json"]) == FINE
    listed = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in listed} == set(scenario_names())
    assert all(one["seconds"] > 0 and one["about"] for one in listed)


@pytest.mark.parametrize("options", [(), ("--bus", "ev=virtual:idle", "--rate", "10")])
def test_a_fault_that_does_nothing_on_this_car_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, options: tuple[str, ...]
) -> None:
    scenario = tmp_path / "fault.yaml"
    town = (SHIPPED / "town.yaml").read_text(encoding="utf-8")
    fault = "  - {silent: {bus: radar}, from: 1 s, to: 2 s}\n"
    scenario.write_text(f"{town}\nfaults:\n{fault}", encoding="utf-8")
    assert main(["twin", LEAF, "--scenario", str(scenario), "--seconds", "1", *options]) == FINE
    assert capsys.readouterr().err.count(f"{LEAF} has nothing for the fault 'silent of radar' to be of") == 1
    assert "to be of" not in caplog.text


def test_what_a_scenario_sets_and_the_car_does_not_send_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    belt = "Vehicle.Cabin.Seat.Row1.DriverSide.IsBelted"
    path.write_text(
        "format: 1\nscenario: mine\nabout: A belt.\ndrive: [{wait: 1 s}]\n"
        f"events: [{{at: 0 s, set: {{{belt}: true, Vehicle.Cabin.Door.Row1.DriverSide.IsOpen: true}}}}]\n"
    )
    says = f"{LEAF} does not send what the scenario sets: {belt}\n"
    assert main(["twin", LEAF, "--scenario", str(path)]) == FINE
    assert capsys.readouterr().err == says
    assert main(["twin", LEAF, "--scenario", "town", "--seconds", "1"]) == FINE
    assert capsys.readouterr().err == ""


def test_it_sends_on_a_bus_in_real_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    channel = f"twin-{tmp_path.name}"
    with can.Bus(channel, "virtual", ignore_config=True) as node:
        facts = told(capsys, "--bus", f"ev=virtual:{channel}", "--seconds", "0.5", "--rate", "4")
        frame = node.recv(5)
    assert frame is not None
    assert int(str(facts["frames"])) >= 100
    assert (facts["loops"], facts["received"], facts["error"]) == (0, 0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "name a car, such as nissan/leaf_aze0:30kwh"),
        (("nissan/leaf_zz",), "there is no car 'nissan/leaf_zz' (did you mean"),
        ((LEAF, "--scenario", "twon"), "there is no such scenario or file (did you mean 'town'?)"),
        ((LEAF, "-o", "drive.parquet"), "drive.parquet: a log's name ends in .log (candump), .csv (GVRET) or .trc"),
        ((LEAF, "-o", "no/such/folder/drive.log", "--seconds", "1"), "no/such/folder/drive.log"),
        ((LEAF, "--seconds", "0"), "--seconds is a number of seconds above 0 and below 1e+07, not '0'"),
        ((LEAF, "--seconds", "nan"), "--seconds is a number"),
        ((LEAF, "--seed", "1.5"), "--seed is a whole number, not '1.5'"),
        ((LEAF, "--seed", "inf"), "--seed is a whole number, not 'inf'"),
        ((LEAF, "--rate", "2"), "--rate and --loop are of --bus"),
        ((LEAF, "--loop"), "--rate and --loop are of --bus"),
        ((LEAF, "--bus", "ev=virtual:a", "-o", "drive.log"), "leave one out"),
        ((LEAF, "--bus", "radar=virtual:a"), "has no bus 'radar'; its buses are ev, car"),
        ((LEAF, "--bus", "ev=virtual:a", "--rate", "fast"), "'fast' is no rate"),
        ((LEAF, "--bus", "ev=virtual:a", "--rate", "max"), "a simulated car drives at a rate above 0 and up to 100"),
        ((LEAF, "--bus", "ev=socketcan:nosuchcan9"), "cannot be opened"),
    ],
)  # fmt: skip
def test_what_cannot_be_driven_is_said_in_one_line(
    options: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["twin", *options]) == UNUSABLE
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("commonwheel twin: ")
    assert "Traceback" not in captured.err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGTERM")
def test_a_drive_on_a_bus_ends_when_it_is_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "commonwheel", *BASE[:2], "--scenario", "demo", "--loop", "--json"]
    log = tmp_path / "err"
    with log.open("wb") as err, subprocess.Popen(
        [*command, "--bus", "ev=virtual:ends"], stdout=subprocess.PIPE, stderr=err
    ) as process:  # fmt: skip
        end = time.monotonic() + 60
        while b"Ctrl-C" not in log.read_bytes():
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == FINE
    assert json.loads(out)["car"] == LEAF
