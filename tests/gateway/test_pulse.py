"""The pulse calls its jobs, whatever they do, and knows how late it was."""

from __future__ import annotations

import asyncio
import time

import pytest

from commonwheel.gateway.pulse import Lateness, Pulse
from tests.gateway.service_fakes import until


def test_lateness_is_a_histogram() -> None:
    lateness = Lateness((0.001, 0.01), [0, 0, 0])
    for seconds in (0.0, 0.001, 0.002, 5.0):
        lateness.add(seconds)
    assert lateness.counts == [2, 1, 1]
    assert lateness.sum_s == pytest.approx(5.003)
    assert lateness.most_s == 5.0


def test_a_job_that_fails_ends_neither_the_others_nor_the_pulse(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def fail() -> None:
        done.append(-1)
        raise ValueError

    async def run() -> None:
        pulse = Pulse([fail, lambda: done.append(1)], 0.001)
        pulse.start()
        await until(lambda: done.count(1) >= 3)
        await pulse.stop()
        after = len(done)
        await asyncio.sleep(0.01)
        assert len(done) == after

    asyncio.run(run())
    assert done.count(-1) >= 3
    assert {record.getMessage() for record in caplog.records} == {"a regular job failed"}


def test_what_holds_up_the_loop_is_seen() -> None:
    async def run() -> float:
        pulse = Pulse([], 0.001)
        pulse.start()
        await asyncio.sleep(0.01)
        time.sleep(0.1)  # noqa: ASYNC251 - that is what it has to notice
        await asyncio.sleep(0.01)
        await pulse.stop()
        return pulse.lateness.most_s

    assert asyncio.run(run()) > 0.05


def test_it_can_be_stopped_without_having_started() -> None:
    asyncio.run(Pulse([]).stop())
