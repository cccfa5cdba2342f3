"""Whether a process may go on, judged at the limit and on either side of it."""

from __future__ import annotations

import pytest

from commonwheel.apps.limits import MIB, Limits
from commonwheel.apps.usage import Usage
from commonwheel.apps.watch import FLOODED, Watch

IDLE = Usage()


def test_answer_is_waited_for_as_long_as_the_limit_says() -> None:
    watch = Watch(Limits(block_s=5.0))
    assert watch.overdue(100.0, IDLE) == ""
    watch.sent(1, 100.0)
    watch.sent(-1, 103.0)
    assert watch.waiting == (1, -1)
    assert watch.overdue(105.0, IDLE) == ""
    assert watch.overdue(106.0, IDLE) == "it gave no answer for 6 s"
    assert watch.answered(1)
    assert not watch.answered(1)
    assert watch.overdue(107.0, None) == ""
    watch.forgive(107.0)
    assert watch.overdue(112.0, None) == ""
    assert watch.overdue(112.5, None)


@pytest.mark.parametrize(("cpu_s", "runnable", "ended"), [(0.5, True, False), (0.7, True, True), (0.0, False, True)])
def test_process_that_is_not_let_run_has_longer(cpu_s: float, runnable: bool, ended: bool) -> None:  # noqa: FBT001
    watch = Watch(Limits(block_s=5.0))
    watch.excess(99.0, Usage(cpu_s=10.0))
    watch.sent(1, 100.0)
    assert bool(watch.overdue(106.0, Usage(10.0 + cpu_s, 0, 0, runnable))) is ended
    assert watch.overdue(131.0, Usage(10.0 + cpu_s, 0, 0, runnable))


def test_flood_has_to_last() -> None:
    watch = Watch(Limits())
    for _ in range(3):
        for _ in range(FLOODED - 1):
            watch.held(0.6)
            assert watch.flood(1.0) == ""
        watch.held(0.5)
        assert watch.flood(1.0) == ""
    for _ in range(FLOODED - 1):
        watch.held(2.0)
        assert watch.flood(1.0) == ""
    watch.held(0.6)
    assert watch.flood(1.0) == "it sent, or printed, more than 4 MiB a second for 5 s"


def test_memory_and_children_are_bounded() -> None:
    watch = Watch(Limits(memory_bytes=100 * MIB, children=2))
    assert watch.excess(0.0, Usage(0.0, 164 * MIB, 2)) == ""
    assert watch.excess(1.0, Usage(0.0, 165 * MIB, 2)) == "it took 165 MiB; 100 are the most"
    assert watch.excess(2.0, Usage(0.0, 0, 3)) == "it started 3 processes; 2 are the most"


def test_processor_is_measured_over_the_time_that_the_limit_says() -> None:
    watch = Watch(Limits(cpu_share=0.5, cpu_s=10.0))
    second, why = 0, ""
    for second in range(60):
        used = 0.5 * second + (4.0 if second >= 30 else 0.0) - 0.1 * (second % 2)
        why = watch.excess(float(second), Usage(cpu_s=used))
        if why:
            break
    assert second == 30
    assert why == "it took 90% of a processor for 10 s; 50% are the most"
    calm = Watch(Limits(cpu_share=0.5, cpu_s=10.0))
    assert not any(calm.excess(float(second), Usage(cpu_s=0.49 * second)) for second in range(60))
    assert not calm.excess(60.0, Usage(cpu_s=0.49 * 60 + 0.1))
