"""``commonwheel record``: a replay, a car that is served, and what it says when it cannot record."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench._service import running
from commonwheel.cli import FINE, PROBLEMS, UNUSABLE, main

SPEED = "Vehicle.Speed"


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come about within 60 s"
        time.sleep(0.01)


def _record(capsys: pytest.CaptureFixture[str], *options: object, status: int = FINE) -> dict[str, Any]:
    assert main(["record", "--json", *map(str, options)]) == status
    return json.loads(capsys.readouterr().out)


def _speeds(file: str | Path) -> list[float | None]:
    table = pq.read_table(file)
    rows = zip(*(table.column(name).to_pylist() for name in ("signal", "value", "quality")), strict=True)
    return [value for path, value, quality in rows if path == SPEED and quality == "GOOD"]


def test_a_replay_is_recorded_to_its_end(
    tmp_path: Path, cart: Path, cart_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    facts = _record(
        capsys, "--car", cart, "--replay", cart_log, "--rate", "max", "--out", out, "--frames", "--samples"
    )  # fmt: skip
    assert (facts["frames"]["written"], facts["lost"], facts["missing"]) == (20, 0, False)
    (frames,), (samples,) = facts["frames"]["files"], facts["samples"]["files"]
    assert _speeds(samples) == pytest.approx([12.34] * 20)
    assert sorted(map(str, out.iterdir())) == sorted([frames, samples])
    assert main(["decode", frames, "--car", str(cart), "-o", str(tmp_path / "again.parquet")]) == FINE
    assert _speeds(tmp_path / "again.parquet") == pytest.approx([12.34] * 20)


def test_samples_alone_and_chosen_signals_as_text(
    tmp_path: Path, cart: Path, cart_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["record", "--car", str(cart), "--replay", str(cart_log), "--rate", "max", "--out", str(tmp_path / "out")]
    assert main([*base, "--signals", "Vehicle.Cabin.**"]) == FINE
    printed = capsys.readouterr()
    assert printed.out == "0 samples in 0 files, 0 bytes\n"
    assert "recording cart to" in printed.err
    assert main([*base, "--signals", SPEED]) == FINE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith(".parquet")
    assert " samples in 1 file, " in lines[1]
    assert set(pq.read_table(lines[0]).column("signal").to_pylist()) == {SPEED}


def test_a_duration_ends_it(tmp_path: Path, cart: Path, cart_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = _record(capsys, "--car", cart, "--replay", cart_log, "--out", tmp_path / "out", "--duration", "0.5s")
    assert 0 < len(_speeds(facts["samples"]["files"][0])) <= 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_whole_files(tmp_path: Path, cart: Path, cart_log: Path, number: int) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "commonwheel", "record", "--car", str(cart), "--replay", str(cart_log), "--json",
               "--rate", "0.01", "--out", str(out), "--frames", "--samples"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        _wait(lambda: len(list(out.glob("*.part"))) == 2)
        process.send_signal(number)
        printed, said = process.communicate(timeout=60)
    assert process.returncode == FINE, said
    facts = json.loads(printed)
    assert facts["samples"]["written"] > 0
    assert not list(out.glob("*.part"))
    assert [str(file) for file in out.glob("*.parquet")] == facts["samples"]["files"]


def test_a_car_that_is_served_is_recorded_and_a_break_is_told(
    tmp_path: Path, cart: Path, cart_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--car", cart, "--replay", cart_log, "--loop", "--no-grpc", "--no-viss", "--no-metrics")
    with running(tmp_path / "log", *options) as car:
        address = f"localhost:{car.port('flight')}"
        facts = _record(capsys, "--connect", address, "--out", tmp_path / "a", "--duration", "2s", "--signals", SPEED)
        assert (facts["lost"], facts["breaks"], facts["missing"]) == (0, 0, False)
        speeds = _speeds(facts["samples"]["files"][0])
        assert speeds
        assert speeds == pytest.approx([12.34] * len(speeds))
        command = [sys.executable, "-m", "commonwheel", "record", "--connect", address, "--out", str(tmp_path / "b")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            _wait(lambda: list((tmp_path / "b").glob("*.part")))
            car.stop()
            assert process.stderr is not None
            while "the stream broke" not in (line := process.stderr.readline()):
                assert line
            process.send_signal(signal.SIGTERM)
            printed, said = process.communicate(timeout=60)
    assert process.returncode == PROBLEMS
    assert " samples in 1 file, " in printed
    assert "what was published meanwhile is missing" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "0 cars are named"),
        (("--connect", "localhost:1"), "localhost:1 cannot be reached"),
        (("--connect", "localhost:1", "--frames"), "--connect reads samples of a car that is served"),
        (("--connect", "localhost:1", "--token", "two words"), "a token is one word"),
        (("--connect", "localhost:1", "--tls-cert", "x.pem"), "come together"),
        (("--connect", "localhost:1", "--tls-ca", "/nowhere.pem"), "No such file"),
        (("--car", "CART", "--replay", "LOG", "--rotate", "12"), "--rotate '12' is none; write 100MB"),
        (("--car", "CART", "--replay", "LOG", "--rotate", "0s"), "--rotate '0s' is none"),
        (("--car", "CART", "--replay", "LOG", "--duration", "5MB"), "--duration '5MB' is none; write 30s"),
        (("--car", "CART", "--replay", "LOG", "--signals", "Vehicle.Sped"), "did you mean 'Vehicle.Speed'"),
        (("--car", "CART", "--replay", "/nowhere.log"), "there is no log /nowhere.log"),
        (("--car", "CART"), "has no source of frames"),
    ],
)
def test_what_cannot_be_recorded_is_said_and_leaves_nothing(
    tmp_path: Path,
    cart: Path,
    cart_log: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    says: str,
) -> None:
    given = [{"CART": str(cart), "LOG": str(cart_log)}.get(option, option) for option in options]
    assert main(["record", "--out", str(tmp_path / "out"), *given]) == UNUSABLE
    printed = capsys.readouterr()
    assert says in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert not list((tmp_path / "out").glob("*"))


def test_a_place_that_is_none(tmp_path: Path, cart: Path, cart_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["record", "--car", str(cart), "--replay", str(cart_log), "--out", str(tmp_path / "file")]) == UNUSABLE
    assert "nothing can be recorded there" in capsys.readouterr().err
