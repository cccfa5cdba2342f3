"""Signals stop a service: once cleanly, twice at once, and by force when it takes too long."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from commonwheel.gateway import stopping as module
from commonwheel.gateway.stopping import Stop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks(number: int) -> None:
    left: list[int] = []
    before = signal.getsignal(number)

    async def run(stop: Stop) -> None:
        asyncio.get_running_loop().call_later(0.01, signal.raise_signal, number)
        async with asyncio.timeout(30):
            await stop.wait()
        stop.finished()

    with Stop(30, left.append) as stop:
        asyncio.run(run(stop))
    assert left == []
    assert signal.getsignal(number) is before
    assert stop._timer is not None
    stop._timer.join(10)
    assert left == []


def test_a_signal_before_anyone_waits_is_not_lost() -> None:
    async def run(stop: Stop) -> None:
        async with asyncio.timeout(30):
            await stop.wait()
        stop.finished()

    with Stop(30, lambda _: None) as stop:
        signal.raise_signal(signal.SIGTERM)
        asyncio.run(run(stop))


def test_the_second_signal_leaves_at_once() -> None:
    left: list[int] = []
    with Stop(30, left.append) as stop:
        signal.raise_signal(signal.SIGTERM)
        assert left == []
        signal.raise_signal(signal.SIGINT)
        stop.finished()
    assert left == [128 + signal.SIGINT]


def test_a_stop_that_takes_too_long_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OVERTIME_S", 0.01)
    forced = threading.Event()
    left: list[int] = []

    def leave(status: int) -> None:
        left.append(status)
        forced.set()

    with Stop(0.01, leave):
        signal.raise_signal(signal.SIGTERM)
        assert forced.wait(30)
    assert left == [1]
