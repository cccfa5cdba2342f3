"""Many drives at once: results as they are done, and no process left behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from commonwheel.errors import CommonwheelError
from commonwheel.proving.forked import CAN_FORK
from commonwheel.proving.many import spread
from tests.proving.tasks import die, double

PATIENCE_S = 60.0
"""How long a test waits for what has to happen; only a failing test waits that long."""


def test_each_task_has_its_result_in_one_process_or_in_many() -> None:
    for jobs in (1, 2):
        assert sorted(spread(double, [1, 2, 4], jobs)) == [(1, 2), (2, 4), (4, 8)]


def test_what_a_task_raises_is_raised_and_no_process_is_left() -> None:
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(CommonwheelError, match="not three"):
        list(spread(double, [3, 3, 3], 2))
    assert _left(before) == set()


@pytest.mark.slow
def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(CommonwheelError, match="a process that drove was ended"):
        list(spread(die, [1, 1], 2))


SLOW = pytest.mark.slow


@pytest.mark.skipif(not CAN_FORK, reason="this system copies no processes")
@pytest.mark.parametrize(
    ("by", "work"),
    [
        (signal.SIGKILL, "copies"),
        pytest.param(signal.SIGKILL, "plain", marks=SLOW),
        pytest.param(signal.SIGTERM, "copies", marks=SLOW),
        pytest.param(signal.SIGINT, "copies", marks=SLOW),
        pytest.param(signal.SIGINT, "plain", marks=SLOW),
    ],
)
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, by: signal.Signals, work: str) -> None:
    _ended(tmp_path, work, 2, by)


@pytest.mark.slow
@pytest.mark.skipif(not CAN_FORK, reason="this system copies no processes")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_no_copy_outlives_its_original(tmp_path: Path, by: signal.Signals) -> None:
    _ended(tmp_path, "copies", 1, by)


def _ended(folder: Path, work: str, jobs: int, by: signal.Signals) -> None:
    """Start what never ends, end the process that started it, and wait until all others are gone."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.proving.tasks", work, str(folder), str(jobs)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            began = [folder / name for name in "ab"[:jobs]]
            _until(lambda: all(file.exists() for file in began) or process.poll() is not None)
            assert process.poll() is None
            others = psutil.Process(process.pid).children(recursive=True)
            assert {int(file.read_text()) for file in began} <= {other.pid for other in others}
            process.send_signal(by)
            process.wait(PATIENCE_S)
            gone, left = psutil.wait_procs(others, PATIENCE_S)
            assert gone
            assert not left
        finally:
            process.kill()


def _left(before: set[psutil.Process]) -> set[psutil.Process]:
    """Return the processes of drives that are there still; Python's own tracker of resources stays."""
    now = set(psutil.Process().children(recursive=True)) - before
    return {one for one in now if "resource_tracker" not in " ".join(one.cmdline())}


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
