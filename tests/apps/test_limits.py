"""Rates and bounds: what is let through, what is left out and counted."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwheel.apps.limits import MIB, Allowance, Limits
from commonwheel.apps.usage import usage_of
from commonwheel.apps.words import Words


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_allowance_holds_two_seconds_and_fills_steadily() -> None:
    clock = Clock()
    allowance = Allowance(10.0, clock)
    assert sum(allowance.take() for _ in range(50)) == 20
    assert allowance.refused() == 30
    assert allowance.refused() == 0
    clock.now += 0.5
    assert sum(allowance.take() for _ in range(50)) == 5
    assert allowance.refused() == 45
    assert not allowance.take(7)
    assert allowance.refused() == 7
    clock.now += 1000
    assert sum(allowance.take() for _ in range(50)) == 20


@given(st.floats(0.1, 1000.0), st.lists(st.tuples(st.floats(0, 5), st.integers(0, 40)), max_size=60))
def test_never_more_than_the_rate_and_what_a_full_bucket_holds(rate: float, asked: list[tuple[float, int]]) -> None:
    clock = Clock()
    allowance, taken, start = Allowance(rate, clock), 0, clock.now
    for pause, count in asked:
        clock.now += pause
        taken += sum(allowance.take() for _ in range(count))
        assert taken <= max(1.0, 2 * rate) + rate * (clock.now - start) + 1e-6


def test_what_is_owed_is_told_in_seconds() -> None:
    clock = Clock()
    allowance = Allowance(100.0, clock)
    assert allowance.owe(200.0) == 0.0
    assert allowance.owe(50.0) == pytest.approx(0.5)
    clock.now += 1.0
    assert allowance.owe(0.0) == 0.0


CONFINED = """
from commonwheel.apps.limits import MIB, confine
missing = confine(32 * MIB, MIB)
try:
    bytearray(200 * MIB)
except MemoryError:
    print("bounded")
print(missing)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms bound less")
def test_process_is_bounded() -> None:
    found = subprocess.run([sys.executable, "-c", CONFINED], capture_output=True, text=True, check=True)
    assert found.stdout == "bounded\n[]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is seen on Linux")
def test_usage_of_a_process_counts_its_memory_its_time_and_its_children() -> None:
    body = (
        "import subprocess, time\nx = b'1' * (50 << 20)\nend = time.process_time() + 0.1\n"
        "while time.process_time() < end: pass\n"
        "child = subprocess.Popen(['sleep', '60'])\nprint('ready', flush=True)\nchild.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", body], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            usage = usage_of(process.pid)
        finally:
            for child in psutil.Process(process.pid).children():
                child.kill()
    assert usage is not None
    assert usage.children == 1
    assert usage.memory_bytes > 50 * MIB
    assert usage.cpu_s >= 0.1
    assert usage_of(process.pid) is None


def test_words_come_in_whole_lines_that_move_no_cursor() -> None:
    words = Words()
    assert words.add(b"one\ntw") == ["one"]
    assert words.add(b"o\n\n\x1b[2Jthree\r\n\xff") == ["two", "\\x1b[2Jthree"]
    assert words.end() == ["\\xff"]
    assert words.last == "\\xff"
    long = Words().add(b"x" * 100_000)
    assert [len(line) for line in long] == [4000]


DUMP = b"""\
Fatal Python error: Segmentation fault

Current thread 0x1 (most recent call first):
  File "/usr/lib/python3/ctypes/__init__.py", line 519 in string_at
  File "/apps/trip.py", line 41 in speed
  File "/apps/trip.py", line 7 in outer
  File "/lib/engine.py", line 3 in feed
"""


def test_place_of_a_crash_is_the_innermost_line_of_the_app() -> None:
    words = Words()
    words.add(DUMP)
    assert words.place_in("/apps/trip.py") == "/apps/trip.py:41 in speed()"
    assert words.place_in("/apps/other.py") == ""
    words.add(b'Thread 0x2 (most recent call first):\n  File "/lib/threading.py", line 1 in wait\n')
    assert words.place_in("/apps/trip.py") == "/apps/trip.py:41 in speed()"


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_words_take_anything(pieces: list[bytes]) -> None:
    words = Words()
    for line in [line for piece in pieces for line in words.add(piece)] + words.end():
        assert line.strip()
        assert "\n" not in line
        assert line.isprintable() or "\t" in line
    assert words.place_in("x") == ""


def test_limits_say_how_long_to_wait() -> None:
    assert [Limits(backoff_s=1, most_backoff_s=5).wait_s(count) for count in range(1, 6)] == [1, 2, 4, 5, 5]
