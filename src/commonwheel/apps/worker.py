"""The process of one app on one car: loads it, runs it, and tells its host what it does. Nothing else runs in it.

Its time is that of the car's samples; while none come it goes on by this machine's clock, so that timers are on time.
When the car's clock is set ahead, what was due in between happens once. When it is set far ahead or back, all that an
app has kept of earlier times means nothing any more: it begins anew.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.apps.channel import Channel, HostGone
from commonwheel.apps.checks import check
from commonwheel.apps.clock import LIVE_JUMP_NS
from commonwheel.apps.engine import Engine
from commonwheel.apps.facts import Facts
from commonwheel.apps.limits import confine
from commonwheel.apps.loading import load_app
from commonwheel.apps.messages import (
    Answer,
    Begin,
    Ended,
    Feed,
    Jumped,
    Loaded,
    Ping,
    Prepare,
    Refused,
    Running,
    Taken,
    columns_of,
)
from commonwheel.apps.outbox import Broken, Outbox
from commonwheel.apps.usage import can_watch
from commonwheel.broker.actuation import Stage, Step
from commonwheel.broker.signals import SignalTable
from commonwheel.broker.updates import Updates
from commonwheel.catalog.leaf import Kind, Leaf
from commonwheel.catalog.tree import Catalog
from commonwheel.client.requests import Outcome
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonwheel.apps.app import App
    from commonwheel.apps.channel import Talk
    from commonwheel.apps.messages import SignalRow, ToApp

__all__ = ["Worker", "live", "main"]

AHEAD_NS = 3600 * 1_000_000_000
"""An app goes on after a jump of the car's time by as much; after a longer one it begins anew."""
BACK_NS = 5 * 1_000_000_000
BACK_FOR_NS = 2 * 1_000_000_000
"""Where all that comes for so long is so much older than before, the car's clock was set back."""


class Worker:
    """One life of an app: until its host says so, or it breaks."""

    def __init__(self, channel: Talk) -> None:
        self._channel = channel
        self._app: App
        self._engine: Engine
        self._outbox: Outbox
        self._asked: dict[int, tuple[str, object]] = {}
        self._refused: list[tuple[int, Outcome]] = []
        self._base_ns = 0
        """The car's time ..."""
        self._base_at = 0
        """... at this time of a clock that nobody sets."""
        self._age_ns: int | None = None
        """How old the newest of what comes is on that clock, at least; None: nothing has come."""
        self._old_at: int | None = None
        """Since when all of it is far older; None: it is not."""

    def run(self) -> None:
        """Work until the end.

        Raises:
            HostGone: there is nobody left to work for.
        """
        first, _ = self._expect()
        if not isinstance(first, Prepare) or not self._prepare(first):
            return
        begin, body = self._expect()
        if not isinstance(begin, Begin):
            return
        try:
            if self._begin(begin, body):
                while self._step():
                    pass
        except Broken:
            return

    def _expect(self) -> tuple[ToApp, bytes]:
        while (got := self._channel.take()) is None:
            pass
        return got

    # ---- to the first call ------------------------------------------------------------------------------------------

    def _prepare(self, wanted: Prepare) -> bool:
        unbounded = confine(wanted.memory_bytes, wanted.file_bytes) if wanted.confine else []
        if wanted.confine and not can_watch():
            unbounded.append("what is used")
        try:
            self._app = load_app(wanted.app)
            if wanted.check:
                check(self._app)
        except AppError as error:
            self._channel.send(Refused(str(error)))
            return False
        self._outbox = Outbox(self._channel, wanted.rates, wanted.message_bytes, self._refuse)
        self._channel.send(Loaded(self._app.manifest, self._app.file, unbounded))
        return True

    def _begin(self, begin: Begin, body: bytes) -> bool:
        facts = _facts(begin)
        try:
            self._engine = Engine(self._app, facts, self._outbox, begin.settings, jump_ns=LIVE_JUMP_NS)
        except AppError as error:
            self._channel.send(Refused(str(error)))
            return False
        initial = _updates(begin.objects, body)
        newest = int(initial.t_ns.max()) if len(initial) else 0
        self._set_time(max(begin.t_ns, newest))
        self._engine.start(self._base_ns, initial)
        self._outbox.flush(Running())
        return True

    # ---- then -------------------------------------------------------------------------------------------------------

    def _step(self) -> bool:
        """Deal with what comes next, or is due next; whether there may be more."""
        got = self._channel.take(self._wait_s())
        goes_on = True
        if got is None:
            self._engine.advance(self._now_ns())
            self._outbox.flush()
        else:
            goes_on = self._take(*got)
        self._answer_refused()
        return goes_on

    def _take(self, message: ToApp, body: bytes) -> bool:
        if isinstance(message, Feed):
            return self._feed(message, body)
        if isinstance(message, Ping):
            self._engine.advance(self._now_ns())
            self._outbox.flush(Taken(message.number))
        elif isinstance(message, Answer):
            self._answer(message)
        else:
            self._engine.stop()
            self._outbox.flush(Ended(), last=True)
            return False
        return True

    def _feed(self, feed: Feed, body: bytes) -> bool:
        updates = _updates(feed.objects, body)
        newest, now = int(updates.t_ns.max()) if len(updates) else 0, self._now_ns()
        if newest - now > AHEAD_NS or (len(updates) and self._is_set_back(max(0, now - newest))):
            self._outbox.flush(Jumped((newest - now) / 1e9), last=True)
            return False
        if newest > now:
            self._set_time(newest)
        self._engine.feed(updates)
        if newest <= now:
            self._engine.advance(now)
        self._outbox.flush(Taken(feed.number))
        return True

    def _answer(self, answer: Answer) -> None:
        steps = tuple(Step(Stage(stage), t_ns, why) for stage, t_ns, why in answer.steps)
        self._engine.answer(answer.number, Outcome(answer.path, answer.value, steps))
        self._outbox.flush()

    def _refuse(self, number: int, path: str, value: object, why: str) -> None:
        """Have a request fail that is not even told; not before the app has asked to hear of it."""
        self._refused.append((number, Outcome(path, value, (Step(Stage.REFUSED, self._now_ns(), why),))))

    def _answer_refused(self) -> None:
        refused, self._refused = self._refused, []
        for number, outcome in refused:
            self._engine.answer(number, outcome)
        if refused:
            self._outbox.flush()

    # ---- time -------------------------------------------------------------------------------------------------------

    def _is_set_back(self, age_ns: int) -> bool:
        """Take in how old the newest sample of a feed is; returns whether the car's clock was set back.

        One old sample says nothing, nor do samples that have been old from the first on: others have clocks of their
        own. Nor do those of a moment in which this machine is late.
        """
        at = time.monotonic_ns()
        if self._age_ns is None or age_ns - self._age_ns < BACK_NS:
            self._age_ns = age_ns if self._age_ns is None else min(self._age_ns, age_ns)
            self._old_at = None
            return False
        if self._old_at is None:
            self._old_at = at
        return at - self._old_at >= BACK_FOR_NS

    def _set_time(self, t_ns: int) -> None:
        self._base_ns, self._base_at = t_ns, time.monotonic_ns()

    def _now_ns(self) -> int:
        return self._base_ns + time.monotonic_ns() - self._base_at

    def _wait_s(self) -> float | None:
        waits = [self._outbox.wait_s]
        due_ns = self._engine.next_due_ns
        if due_ns is not None:
            waits.append(max(0.0, (due_ns - self._now_ns()) / 1e9))
        if self._refused:
            waits.append(0.0)
        return min((wait for wait in waits if wait is not None), default=None)


def _facts(begin: Begin) -> Facts:
    """Return what the app is told of the car; its signals have the numbers that columns have."""
    leaves = {row.path: _leaf(row) for row in begin.signals}
    given = frozenset(row.path for row in begin.signals if row.given)
    asked = frozenset(row.path for row in begin.signals if row.asked)
    return Facts(begin.car, SignalTable(Catalog(leaves, {}, begin.standard)), given, asked)


def _leaf(row: SignalRow) -> Leaf:
    return Leaf(
        row.path,
        Kind(row.kind),
        row.datatype,
        row.unit,
        row.minimum,
        row.maximum,
        tuple(row.allowed),
        description=row.description,
        pattern=row.pattern,
        arraysize=row.arraysize,
    )


def _updates(objects: Mapping[int, object], body: bytes) -> Updates:
    signal, t_ns, value, quality = columns_of(body)
    if not objects:
        return Updates(signal, t_ns, value, quality)
    column = np.full(len(signal), None, object)
    for row, item in objects.items():
        column[row] = item
    return Updates(signal, t_ns, value, quality, column)


# ---- as a process of its own ----------------------------------------------------------------------------------------


def main() -> int:
    """Run as a process whose standard input and output are the pipes to the host; returns its exit status."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    channel = Channel(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)  # what the app prints becomes lines of its log, as what it writes to standard error
    return live(channel)


def _end_with(parent: int) -> None:
    """End this process soon after the one that started it, also when the app hangs."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def live(channel: Channel) -> int:
    """Run in this process, which is the app's own from now on; returns the exit status."""
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the process's own, until its end
    sys.stdout = open(1, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
    faulthandler.enable()
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, chain=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the host says when it is over
    with contextlib.suppress(HostGone):
        Worker(channel).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
