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


class Release:
    """What must not be cut off, and ends when the test says so."""

    def __init__(self, what: str) -> None:
        self.what, self.begun, self.over = what, threading.Event(), threading.Event()

    def let_go(self) -> str:
        self.begun.set()
        return self.what

    def settle(self) -> None:
        assert self.over.wait(30)


def test_the_second_signal_waits_for_what_must_not_be_cut_off_and_says_so() -> None:
    left, said, gone = list[int](), list[str](), threading.Event()
    release = Release("leaf: releasing lateral, which takes 2 s at most")

    def leave(status: int) -> None:
        left.append(status)
        gone.set()

    with Stop(30, leave, said.append) as stop:
        stop.hold(release)
        signal.raise_signal(signal.SIGTERM)
        assert not release.begun.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert release.begun.wait(30)
        assert left == []
        release.over.set()
        assert gone.wait(30)
        stop.finished()
    assert left == [128 + signal.SIGTERM]
    assert said == [f"{release.what}; it ends then, and once more ends it at once"]


def test_the_third_signal_cuts_everything_off() -> None:
    left: list[int] = []
    release = Release("")
    with Stop(30, left.append) as stop:
        stop.hold(release)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert left == []
        signal.raise_signal(signal.SIGINT)
        assert left == [128 + signal.SIGINT]
        release.over.set()
        stop.finished()


def test_what_cannot_be_let_go_of_keeps_nobody_from_leaving(capsys: pytest.CaptureFixture[str]) -> None:
    gone = threading.Event()

    class Broken(Release):
        def settle(self) -> None:
            message = "a fault of our own"
            raise RuntimeError(message)

    with Stop(30, lambda _: gone.set()) as stop:
        stop.hold(Broken("releasing"))
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert gone.wait(30)
        stop.finished()
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2] for line in said] == [
        "releasing; it ends then, and once more ends it at once",
        "it cannot be waited for what acts: a fault of our own",
    ]


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
