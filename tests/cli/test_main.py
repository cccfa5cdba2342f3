"""The command line as a whole: verbs, help, exit status, pipes and interruptions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commonwheel import __version__
from commonwheel.cli import FINE, UNUSABLE, VERBS, main

HEAVY = ("numpy", "pyarrow", "cantools", "pint", "rich", "can", "msgspec", "yaml", "asammdf")
ON_POSIX = pytest.mark.skipif("os.name == 'nt'", reason="about the signals and pipes of POSIX")
COMMAND = (sys.executable, "-m", "commonwheel")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == FINE
    out = capsys.readouterr().out
    assert out.startswith(f"usage: commonwheel {verb}")
    assert "\x1b" not in out


def test_help_imports_nothing_heavy() -> None:
    """Help has to be there at once; a Python of its own shows what is imported for it."""
    program = (
        "import sys, contextlib, io\n"
        "from commonwheel.cli import VERBS, main\n"
        "for arguments in [['--help'], *([verb, '--help'] for verb in VERBS)]:\n"
        "    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "        main(arguments)\n"
        f"print(*sorted(sys.modules.keys() & set({HEAVY!r})))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == FINE
    out = capsys.readouterr().out
    assert all(f"  {verb} " in out and summary in out for verb, summary in VERBS.items())


def test_without_a_verb_the_help_is_shown_and_nothing_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == UNUSABLE
    assert "verbs:" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == FINE
    assert capsys.readouterr().out == f"commonwheel {__version__}\n"


@pytest.mark.parametrize(
    ("word", "hint"), [("decod", "(did you mean 'decode'?)"), ("xyzzy", "is not a verb; verbs are")]
)
def test_an_unknown_verb_is_named_with_the_nearest(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word, "a.log"]) == UNUSABLE
    said = capsys.readouterr()
    assert f"'{word}' is not a verb" in said.err
    assert hint in said.err
    assert not said.out


def test_an_unknown_option_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["decode", "a.log", "--colour"])
    assert ended.value.code == UNUSABLE
    assert "--colour" in capsys.readouterr().err


@ON_POSIX
def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    """As 'commonwheel cars --json | head -1' does, but with the reader gone for certain."""
    reading, writing = os.pipe()
    with subprocess.Popen([*COMMAND, "cars", "--json"], stdout=writing, stderr=subprocess.PIPE, text=True) as running:
        os.close(writing)
        os.close(reading)
        _, said = running.communicate()
    assert running.returncode == 128 + signal.SIGPIPE
    assert not said


@ON_POSIX
def test_head_gets_its_line(lancer_log: Path) -> None:
    program = f"'{sys.executable}' -m commonwheel decode '{lancer_log}' | head -1"
    done = subprocess.run(["/bin/sh", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Mitsubishi Lancer")
    assert not done.stderr


@pytest.mark.skipif("not os.path.exists('/dev/full')", reason="no /dev/full here")
def test_output_that_cannot_be_printed_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "cars"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == UNUSABLE
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


HEARS_INTERRUPTS = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("commonwheel", run_name="__main__", alter_sys=True)
"""
"""Undoes what a shell does to what it runs in the background: to ignore Ctrl-C."""


@ON_POSIX
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_an_interrupted_decode_leaves_nothing_behind(lancer_log: Path, tmp_path: Path, suffix: str) -> None:
    """Ctrl-C in the middle of a large log: status 130, and neither output nor a part of it."""
    large, target = tmp_path / "large.log", tmp_path / f"large{suffix}"
    large.write_bytes(lancer_log.read_bytes() * 250)
    command = [sys.executable, "-c", HEARS_INTERRUPTS]
    arguments = [*command, "decode", large, "--car", "mitsubishi/lancer", "-o", target]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        until = time.monotonic() + 60
        while not list(tmp_path.glob(".*.part")) and running.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        running.send_signal(signal.SIGINT)
        out, said = running.communicate()
    assert running.returncode == 130
    assert said == "commonwheel decode: interrupted\n"
    assert not out
    assert sorted(tmp_path.iterdir()) == [large]
