"""One life of an app's process: from its launch to its end, whichever way it ends.

Whatever the process does, the life ends with a reason in words, and nothing of the process is left. What it says is
held against its manifest (``vetting``); what it may take is bounded (``limits``) and watched.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar, cast

from commonwheel.apps.deeds import Deeds
from commonwheel.apps.ending import End, Way
from commonwheel.apps.limits import MIB, Allowance
from commonwheel.apps.messages import (
    Asked,
    Begin,
    Ended,
    FromApp,
    Garbled,
    Jumped,
    LeftOut,
    Loaded,
    Outputs,
    Ping,
    Prepare,
    Published,
    Raised,
    Refused,
    Reported,
    Running,
    Said,
    Stop,
    Taken,
    Unpacker,
    Withdrawn,
    garbled,
    pack,
)
from commonwheel.apps.usage import usage_of
from commonwheel.apps.watch import Watch
from commonwheel.apps.words import Words
from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from commonwheel.apps.attachment import Attachment
    from commonwheel.apps.launch import AppProcess, Launcher
    from commonwheel.apps.limits import Limits
    from commonwheel.apps.usage import Usage
    from commonwheel.apps.vetting import Vetting

__all__ = ["Life"]

T = TypeVar("T")

_UNDER_WAY = 2
"""Feeds that the process has not yet dealt with, at most."""
_GATHER_S = 0.01
"""Least time between two feeds: what comes meanwhile goes together."""
_WORDS_S = 0.5
"""How long the lines that a process hangs in may take to come."""
_DEATH_S = 2.0
"""How long a process that was killed may take to be gone: one that waits for a disk takes a while."""
_TICK_S = 1.0


class _Over(Exception):  # noqa: N818 - no error: the life has ended, and why is known
    """The life has ended."""


class Life:
    """``load`` it, ``live`` it, ``close`` it; ``stop`` ends it before. It is ``launch.Told`` of its process."""

    def __init__(self, source: str, limits: Limits, launcher: Launcher, folder: Path) -> None:
        """Prepare, in the running event loop.

        Args:
            source: the app's file.
            limits: what it may take.
            launcher: starts its process.
            folder: the process's own.
        """
        self._source, self._limits, self._launcher, self._folder = source, limits, launcher, folder
        self._process: AppProcess | None = None
        self._vetting: Vetting | None = None
        self._deeds: Deeds | None = None
        self._attachment: Attachment | None = None
        self._unpacker = Unpacker(FromApp, limits.message_bytes)
        self._bytes = Allowance(limits.bytes_per_second)
        self._prints = Allowance(limits.bytes_per_second)
        self._lines = Allowance(limits.rates.logs)
        self._words = Words()
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[End] = self._loop.create_future()
        self._loaded: asyncio.Future[Loaded] = self._loop.create_future()
        self._running: asyncio.Future[None] = self._loop.create_future()
        self._room = asyncio.Event()
        self._spoke = asyncio.Event()
        self._watch = Watch(limits)
        """Waits for answers to feeds, and to pings by negative numbers."""
        self._pings = 0
        self._stopping = False
        self.file = source
        """The app's file, as errors name it."""
        self.changed: Callable[[], None] = lambda: None
        """Called when there is something new to see."""

    @property
    def usage(self) -> Usage:
        """What its process used when it was looked at last."""
        return self._watch.usage

    @property
    def running(self) -> bool:
        """Whether the app has begun."""
        return self._running.done()

    # ---- its course -------------------------------------------------------------------------------------------------

    async def load(self, *, check: bool = False) -> Loaded | End:
        """Start a process and have it load the app; returns what it is, or why that was the end.

        Args:
            check: also hold it against the standard that is shipped.
        """
        try:
            self._process = await self._launcher.launch(self, self._folder)
        except CommonwheelError as error:
            return End(Way.REFUSED, str(error))
        limits = self._limits
        self._write(
            pack(
                Prepare(
                    self._source,
                    limits.memory_bytes,
                    limits.file_bytes,
                    limits.message_bytes,
                    limits.rates,
                    confine=self._process.pid > 0,
                    check=check,
                )
            )
        )
        try:
            return await self._reach(self._loaded, limits.load_s, "is not loaded")
        except _Over:
            return self._end.result()

    async def live(
        self, attachment: Attachment, vetting: Vetting, settings: Mapping[str, float | str | bool], now_ns: int
    ) -> End:
        """Let it run on a car until it ends; returns how it did.

        Args:
            attachment: its hold on the car, which is open.
            vetting: takes in what it says.
            settings: values in place of the manifest's own.
            now_ns: the time, nanoseconds UTC.
        """
        self._attachment, self._vetting = attachment, vetting
        self._deeds = Deeds(attachment, vetting, self._write)
        tasks: list[asyncio.Task[None]] = []
        try:
            objects, body = await attachment.initial()
            offered = attachment.offered
            begin = Begin(attachment.car, offered.standard, offered.rows(), dict(settings), now_ns, objects)
            self._write(pack(begin, body))
            await self._reach(self._running, self._limits.load_s, "does not begin")
            tasks = [asyncio.create_task(work) for work in (self._feed(), self._look(), self._deeds.work())]
            await asyncio.wait([*tasks, self._end], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and task.exception() is not None:
                    raise cast("BaseException", task.exception())
        except _Over:
            pass
        except CommonwheelError as error:
            self._finish(Way.LOST, str(error))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return await self._end

    async def stop(self) -> None:
        """Let it say its last words, for as long as it may take; then it has ended."""
        self._stopping = True
        if self._process is None or not self._running.done():
            self._finish(Way.STOPPED)
            return
        self._write(pack(Stop()))
        done, _ = await asyncio.wait([self._end], timeout=self._limits.stop_s)
        if not done:
            self._note("warning", f"it did not end within {self._limits.stop_s:g} s, and was ended")
            self._finish(Way.STOPPED)

    async def close(self) -> None:
        """End its process, and whatever it did on the car."""
        self._finish(Way.STOPPED)
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.ended(), _DEATH_S)
        if self._deeds is not None:
            await self._deeds.close()

    async def _reach(self, stage: asyncio.Future[T], seconds: float, otherwise: str) -> T:
        """Wait for a stage of its life.

        Raises:
            _Over: the life has ended instead.
        """
        done, _ = await asyncio.wait([stage, self._end], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            await self._hang(f"it {otherwise} within {seconds:g} s")
        if self._end.done():
            raise _Over
        return stage.result()

    def _finish(self, way: Way, why: str = "") -> None:
        if not self._end.done():
            self._end.set_result(End(way, why))

    async def _hang(self, what: str) -> None:
        """End a process that gives no answer; says where in the app it was, if it can be made to tell."""
        if self._process is not None:
            self._process.ask_where()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WORDS_S):
                while not self._words.place_in(self.file):
                    self._spoke.clear()
                    await self._spoke.wait()
        place = self._words.place_in(self.file)
        self._finish(Way.FAILED, f"{what}; it was at {place}" if place else what)

    def _write(self, data: bytes) -> None:
        if self._process is not None and not self._end.done():
            self._process.write(data)

    def _note(self, level: str, text: str) -> None:
        if self._vetting is not None:
            self._vetting.note(level, text)

    # ---- what it is given -------------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        attachment = cast("Attachment", self._attachment)
        while True:
            await attachment.wait()
            while sum(number > 0 for number in self._watch.waiting) >= _UNDER_WAY:
                self._room.clear()
                await self._room.wait()
            feed = attachment.take()
            if feed is not None:
                self._watch.sent(attachment.number, self._loop.time())
                self._write(feed)
            await asyncio.sleep(_GATHER_S)

    # ---- what it tells (launch.Told) --------------------------------------------------------------------------------

    def heard(self, data: bytes) -> None:
        """Take in bytes of its messages."""
        if self._end.done():
            return
        self._hold(self._bytes.owe(len(data)), words=False)
        try:
            for message, _body in self._unpacker.feed(data):
                self._take(cast("FromApp", message))
        except Garbled as error:
            self._finish(Way.FAILED, f"its process sent {error}")
        self.changed()

    def printed(self, data: bytes) -> None:
        """Take in bytes that it printed."""
        self._hold(self._prints.owe(len(data)), words=True)
        lines = self._words.add(data)
        self._spoke.set()
        for line in lines:
            if self._lines.take():
                self._note("info", line)

    def gone(self, how: str) -> None:
        """Take note that its process has ended."""
        for line in self._words.end():
            self._note("info", line)
        place = self._words.place_in(self.file)
        if self._stopping:
            self._finish(Way.STOPPED)
        else:
            last = self._words.last
            self._finish(Way.FAILED, f"{how}, at {place}" if place else f"{how}; it said: {last}" if last else how)
        self.changed()

    def _hold(self, seconds: float, *, words: bool) -> None:
        """Read no more of it for so long: it has sent more than it may, and waits when its pipe is full."""
        process = self._process
        if seconds <= 0 or process is None:
            return
        self._watch.held(seconds)
        hold = process.hold_words if words else process.hold_messages
        hold(held=True)
        self._loop.call_later(seconds, lambda: hold(held=False))

    def _take(self, message: FromApp) -> None:
        """Deal with one message.

        Raises:
            Garbled: an honest process would not say this.
        """
        if isinstance(message, Taken):
            if not self._watch.answered(message.number):
                garbled("an answer to what it was not asked")
            self._room.set()
        elif isinstance(message, Loaded | Refused | Running):
            self._take_stage(message)
        elif isinstance(message, Raised):
            self._finish(Way.FAILED, self._explained(message.why))
        elif isinstance(message, Jumped):
            way = "on" if message.seconds > 0 else "back"
            self._finish(Way.ANEW, f"the car's time went {way} by {abs(message.seconds):.0f} s at once")
        elif isinstance(message, Ended):
            self._finish(Way.STOPPED if self._stopping else Way.FAILED, "" if self._stopping else "it ended by itself")
        else:
            self._take_deed(message)

    def _take_stage(self, message: Loaded | Refused | Running) -> None:
        if isinstance(message, Refused):
            self._finish(Way.REFUSED, message.why)
        elif isinstance(message, Loaded):
            if self._loaded.done():
                garbled("its manifest twice")
            self.file = message.file
            self._loaded.set_result(message)
        elif self._running.done() or self._attachment is None:
            garbled("that it runs, when it was not asked to")
        else:
            self._running.set_result(None)

    def _take_deed(self, message: Outputs | Reported | Said | LeftOut | Published | Asked | Withdrawn) -> None:
        vetting, deeds = self._vetting, self._deeds
        if vetting is None or deeds is None:
            garbled("what it did before it was asked to begin")
        if isinstance(message, Outputs):
            vetting.show(message)
        elif isinstance(message, Reported):
            vetting.report(message, self._unpacker.size)
        elif isinstance(message, Said):
            vetting.say(message)
        elif isinstance(message, LeftOut):
            vetting.leave_out(message)
        elif isinstance(message, Published):
            deeds.publish(message)
        elif isinstance(message, Withdrawn):
            deeds.withdraw(message)
        else:
            deeds.ask(message)

    def _explained(self, why: str) -> str:
        """Return an error with what the host knows about it."""
        if "MemoryError" in why:
            return f"{why}; {self._limits.memory_bytes // MIB} MiB are the most for an app"
        return why

    # ---- watching it ------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """See every second that it answers, and what it uses."""
        tick_s = min(_TICK_S, self._limits.block_s / 4)
        due = self._loop.time()
        while not self._end.done():
            due += tick_s
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            now = self._loop.time()
            if now - due > tick_s:  # this loop itself was held up: what was answered meanwhile has to be read first
                due = now
                self._watch.forgive(now)
                continue
            pid = 0 if self._process is None else self._process.pid
            usage = usage_of(pid) if pid else None
            if why := self._watch.overdue(now, usage):
                await self._hang(why)
            if not self._watch.waiting:
                self._pings += 1
                self._watch.sent(-self._pings, now)
                self._write(pack(Ping(-self._pings)))
            if why := self._watch.flood(tick_s) or (self._watch.excess(now, usage) if usage is not None else ""):
                self._finish(Way.FAILED, why)
            self.changed()
