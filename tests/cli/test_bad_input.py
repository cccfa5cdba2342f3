"""Logs that are none, damaged logs, and places that cannot be written: each is said, none leaves half a file."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from commonwheel.cli import FINE, INTERRUPTED, UNUSABLE, main

if TYPE_CHECKING:
    from collections.abc import Iterator

CAR = "mitsubishi/lancer"
SUFFIXES = (".parquet", ".arrow", ".csv", ".jsonl")


@pytest.mark.parametrize("verb", ["decode", "identify", "plot"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.log", "there is no such file"),
        ("folder", "a folder is a log only when it holds the numpy files"),
        ("empty.log", "the file is empty"),
        ("garbage.bin", "not recognised as a log"),
        ("words.txt", "not recognised as a log"),
    ],
)
def test_what_is_no_log_is_named(
    verb: str, name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("empty.log").touch()
    Path("garbage.bin").write_bytes(random.Random(7).randbytes(20_000))
    Path("words.txt").write_text("Dear diary,\ntoday I recorded nothing.\n" * 50)
    before = sorted(tmp_path.iterdir())
    assert main([verb, name]) == UNUSABLE
    told = capsys.readouterr()
    assert told.err.startswith(f"commonwheel {verb}: {name}: ")
    assert said in told.err
    assert not told.out
    assert sorted(tmp_path.iterdir()) == before


def test_a_car_that_is_not_described_is_named(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", str(lancer_log), "--car", "mitsubishi/lanser"]) == UNUSABLE
    assert "there is no car 'mitsubishi/lanser' (did you mean 'mitsubishi/lancer'?)" in capsys.readouterr().err


def test_a_log_of_no_described_car_says_what_to_do(cart_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", str(cart_log)]) == UNUSABLE
    assert "name one with --car, or see 'commonwheel identify'" in capsys.readouterr().err


def test_a_half_written_log_is_accounted_for(
    lancer_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recorder lost power in the middle of the last line."""
    whole = lancer_log.read_bytes()
    cut = tmp_path / "cut.log"
    cut.write_bytes(whole[: whole.rindex(b"#", 0, 100_000)])
    assert main(["decode", str(cut), "--json"]) == FINE
    log = json.loads(capsys.readouterr().out)["log"]
    assert log["frames"] + log["reported"] == log["lines"] == len(cut.read_bytes().splitlines())
    assert log["problems"]["truncated"]["first_lines"] == [log["lines"]]
    assert main(["decode", str(cut)]) == FINE
    assert "1 truncated (bad): line" in capsys.readouterr().out


def test_damaged_lines_are_counted_and_the_rest_is_decoded(
    lancer_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = lancer_log.read_text().splitlines()
    lines[100], lines[200], lines[300] = "(17", "?" * 50, "\x00\xff"
    log = tmp_path / "damaged.log"
    log.write_text("\n".join(lines) + "\n")
    assert main(["decode", str(log), "--json"]) == FINE
    facts = json.loads(capsys.readouterr().out)["log"]
    assert facts["bad"] == 3
    assert facts["frames"] == len(lines) - 3


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no/such/out.csv", "there is no folder no/such"),
        ("folder.csv", "folder.csv is a folder"),
        ("out.xls", "the suffix '.xls' is no format; use one of .parquet, .arrow, .csv, .jsonl"),
        ("out", "the suffix '' is no format"),
        ("lancer.log", "lancer.log is the log itself"),
    ],
)
def test_an_output_that_cannot_be_is_refused(
    target: str,
    said: str,
    lancer_log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    shutil.copy(lancer_log, "lancer.log")
    before = sorted(tmp_path.rglob("*"))
    assert main(["decode", "lancer.log", "-o", target]) == UNUSABLE
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert Path("lancer.log").read_bytes() == lancer_log.read_bytes()


def test_wide_needs_a_file(lancer_log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", str(lancer_log), "--wide"]) == UNUSABLE
    assert "name a file with -o" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--signals", "Vehicle.Sped"), "'Vehicle.Sped' is not in the catalog"),
        (("--signals", "Vehicle..Speed"), "is not a path pattern: it has an empty level"),
        (("--signals", "Vehicle.Speed", "--signals", "Vehicle.Nothing.*"), "Vehicle.Nothing"),
        (("--bus", "0=mane"), "no bus 'mane' (did you mean 'main'?)"),
        (("--catalog", "none.json"), "none.json: the catalog cannot be read"),
        (("--from", "2", "--to", "1"), "--from 2 is not before --to 1"),
        (("--wide", "1e-6", "-o", "out.csv"), "choose a longer period, fewer signals, or the long form"),
    ],
)
def test_what_cannot_be_chosen_is_said(
    options: tuple[str, ...],
    said: str,
    lancer_log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["decode", str(lancer_log), *options]) == UNUSABLE
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.skipif("not os.path.isdir('/proc/self')", reason="no /proc here, where nobody may make files")
def test_a_place_where_nobody_may_write(lancer_log: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = Path("/proc") / f"out{suffix}"
    assert main(["decode", str(lancer_log), "--car", CAR, "-o", str(target)]) == UNUSABLE
    said = capsys.readouterr()
    assert f"{target} cannot be written: " in said.err
    assert "Traceback" not in said.err
    assert not said.out


@pytest.mark.skipif("os.name == 'nt' or os.geteuid() == 0", reason="an administrator may write everywhere")
def test_a_folder_that_may_not_be_written(lancer_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    assert main(["decode", str(lancer_log), "-o", str(folder / "out.csv")]) == UNUSABLE
    assert "Permission denied" in capsys.readouterr().err
    assert not list(folder.iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB; skipped where it may not be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only an administrator may mount a small disk")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk may be mounted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run([umount, folder], check=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("layout", [(), ("--wide", "1")])
def test_a_full_disk_keeps_nothing_half_written(
    lancer_log: Path, small_disk: Path, suffix: str, layout: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (small_disk / "filled").write_bytes(bytes(60 * 1024))
    target = small_disk / f"out{suffix}"
    assert main(["decode", str(lancer_log), "-o", str(target), *layout]) == UNUSABLE
    said = capsys.readouterr()
    assert "cannot be written: " in said.err
    assert "nothing was left there" in said.err
    assert not said.out
    assert [path.name for path in small_disk.iterdir()] == ["filled"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_fails_at_the_end_keeps_what_was_there(
    lancer_log: Path,
    tmp_path: Path,
    suffix: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The last bytes reach the disk with fsync only; an older result must survive that it fails."""

    def full(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = tmp_path / f"out{suffix}"
    target.write_text("the result of before")
    monkeypatch.setattr(os, "fsync", full)
    assert main(["decode", str(lancer_log), "-o", str(target)]) == UNUSABLE
    assert f"{target} cannot be written: {os.strerror(errno.ENOSPC)}" in capsys.readouterr().err
    assert target.read_text() == "the result of before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interruption_at_the_very_end_leaves_nothing_either(
    lancer_log: Path,
    tmp_path: Path,
    suffix: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(_: int) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    assert main(["decode", str(lancer_log), "-o", str(tmp_path / f"out{suffix}")]) == INTERRUPTED
    assert capsys.readouterr().err == "commonwheel decode: interrupted\n"
    assert not list(tmp_path.iterdir())
