"""One app on one car: its lives one after the other, with a pause after each failure, and an end after too many."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.apps.attachment import Attachment, Offered
from commonwheel.apps.ending import End, Way
from commonwheel.apps.life import Life
from commonwheel.apps.status import AppState, Fitness, Status
from commonwheel.apps.vetting import Vetting
from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.errors import CommonwheelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from commonwheel.apps.launch import Launcher
    from commonwheel.apps.limits import Limits
    from commonwheel.apps.manifest import Manifest
    from commonwheel.client import AsyncCar
    from commonwheel.client.beginning import Beginning

__all__ = ["AppHost"]

_NOTED = frozenset({AppState.RUNNING, AppState.STOPPED, AppState.UNFIT})
"""States that are events of the car; of failures more is told."""


class AppHost:
    """See ``status.Hosted``. Made and run in one event loop; ``start`` and ``stop`` may be called from any thread."""

    def __init__(  # noqa: PLR0913 - keyword-only past the first four
        self,
        source: Path,
        manifest: Manifest,
        car: str,
        connect: Callable[[], Beginning[AsyncCar]],
        *,
        limits: Limits,
        launcher: Launcher,
        settings: Mapping[str, float | str | bool] | None = None,
        changed: Callable[[AppHost], None] = lambda _host: None,
        noted: Callable[[str, Mapping[str, object]], None] = lambda _kind, _facts: None,
    ) -> None:
        """Prepare; ``start`` begins.

        Args:
            source: the app's file.
            manifest: what it declares.
            car: the car's short name; '' for what it calls itself.
            connect: connects to the car within the manifest's rights.
            limits: what the app may take.
            launcher: starts its processes.
            settings: values in place of the manifest's own.
            changed: told whenever the status has changed.
            noted: told of what happens to the app, as events of the car: a kind, and facts.
        """
        self._source, self._connect, self._limits, self._launcher = source, connect, limits, launcher
        self._settings = dict(settings or {})
        self._changed, self._noted = changed, noted
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._life: Life | None = None
        self._ending = False
        self._failures = Counter[Way]()
        """Ends in a row, each way for itself: a car that was away long is no failure of the app."""
        self.car = car
        self.manifest = manifest
        self.fitness = Fitness.NONE
        self.missing: Sequence[str] = ()
        self.status = Status(AppState.STOPPED, time.time_ns())
        self._vetting = Vetting(manifest, self.status, limits.rates)
        self._attachment: Attachment | None = None
        self._cpu_before = 0.0
        self._before = (0, 0)
        """Updates received and dropped in lives before this one."""

    @property
    def figures(self) -> Mapping[str, float]:
        """What there is to count and to measure of it."""
        status = self.status
        return {
            "running": float(status.state is AppState.RUNNING),
            "failed": float(status.state is AppState.FAILED),
            "restarts": status.restarts,
            "received": status.received,
            "dropped": status.dropped,
            "events": self._vetting.reported,
            "cpu_s": status.cpu_s,
            "memory_bytes": status.memory_bytes,
        }

    # ---- from any thread --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """See ``Hosted``."""
        self._loop.call_soon_threadsafe(self._start)

    def stop(self) -> None:
        """See ``Hosted``."""
        self._loop.call_soon_threadsafe(self._stop)

    # ---- in the loop ------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._ending = False
            self._failures.clear()
            self._set(AppState.STARTING)
            self._task = asyncio.create_task(self._run(), name=f"commonwheel app {self.manifest.name}")
        elif self.status.state is AppState.FAILED:  # it is over, but its folder is still being removed
            self._task.add_done_callback(lambda _: None if self._ending else self._start())

    def _stop(self) -> None:
        if self._task is not None and not self._task.done() and not self._ending:
            self._ending = True
            self._stopping = asyncio.create_task(self._end())

    async def _end(self) -> None:
        task = self._task
        if self._life is not None and self._life.running:
            await self._life.stop()
        elif task is not None:
            task.cancel()  # it waits for the car, for its process, or for its turn
        if task is not None:
            await asyncio.wait([task])
        self._set(AppState.STOPPED)

    async def close(self) -> None:
        """Stop it, and wait until it has."""
        await asyncio.sleep(0)  # a start that was asked for before comes first, or nobody would stop it
        self._stop()
        if self._ending:
            await self._stopping

    async def _run(self) -> None:
        try:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="commonwheel-app-"))
            try:
                await self._lives(folder)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        except asyncio.CancelledError:
            pass
        except OSError as error:  # the machine has no room left, or no descriptors
            self.status.error = f"it cannot be run: {error}"
            self._vetting.note("error", self.status.error)
            self._fail(self.status.error)

    def _fail(self, why: str) -> None:
        """Let it be, until somebody starts it again."""
        self._set(AppState.FAILED)
        self._noted("app.failed", {"app": self.manifest.name, "why": why})

    async def _lives(self, folder: Path) -> None:
        """Run it again and again, until it is to end."""
        while not self._ending:
            began = self._loop.time()
            end = await self._one(folder)
            self._take_over()
            if self._ending or end.way is Way.STOPPED:
                return
            if not await self._go_on(end, self._loop.time() - began):
                return

    async def _go_on(self, end: End, lasted_s: float) -> bool:
        """Wait until it is to be run again; False when it is not."""
        status, limits = self.status, self._limits
        if end.way is Way.ANEW:
            self._vetting.note("warning", f"{end.why}; it begins anew")
            return True
        status.error = end.why
        self._vetting.note("error", end.why)
        if lasted_s >= limits.lasting_s:
            self._failures.clear()
        self._failures[end.way] += 1
        times = self._failures[end.way]
        if end.way is Way.REFUSED or (end.way is Way.FAILED and times >= limits.failures):
            if end.way is Way.FAILED:
                self._vetting.note("error", f"it failed {times} times in a row, and is not started again")
            self._fail(end.why)
            return False
        wait_s = limits.wait_s(times)
        self._vetting.note("warning", f"it is started again in {wait_s:g} s")
        self._noted("app.restarting", {"app": self.manifest.name, "why": end.why, "seconds": wait_s})
        self._set(AppState.BACKING_OFF)
        await asyncio.sleep(wait_s)
        status.restarts += 1
        return True

    async def _one(self, folder: Path) -> End:
        """Live one life."""
        self._set(AppState.STARTING)
        life = Life(str(self._source), self._limits, self._launcher, folder)
        life.changed = lambda: self._see(life)
        self._life = life
        try:
            async with self._connect() as car:
                self.car = self.car or car.name
                return await self._on(car, life)
        except CommonwheelError as error:
            return End(Way.LOST, f"{error}{self._advice(error)}")
        finally:
            await life.close()
            self._life = None

    def _advice(self, error: CommonwheelError) -> str:
        """Return what to do about an error, behind what it says."""
        if not isinstance(error, BrokerError) or error.reason is not Reason.FORBIDDEN:
            return ""
        return f"; 'commonwheel token make --app {self.manifest.name}' makes a token for all that it declares"

    async def _on(self, car: AsyncCar, life: Life) -> End:
        offered = await self._fit(car)
        loaded = await life.load()
        if isinstance(loaded, End):
            return loaded
        if loaded.manifest != self.manifest:
            return End(Way.REFUSED, "its manifest is no longer what it was; stop the service, and start it again")
        if loaded.unbounded:
            self._vetting.note("warning", f"this platform does not bound {', '.join(loaded.unbounded)} of an app")
        attachment = Attachment(car, self.manifest, offered, self._limits.waiting_updates)
        try:
            for path in await attachment.open():
                self._vetting.note("info", f"{path} is given by another; what the app says of it is left out")
            self._attachment = attachment
            return await life.live(attachment, self._vetting, self._settings, time.time_ns())
        finally:
            await attachment.close()

    async def _fit(self, car: AsyncCar) -> Offered:
        """Wait until the car has what the app requires."""
        while True:
            offered = await Offered.of(car, self.manifest)
            self.fitness, self.missing = offered.fitness(self.manifest, self.car)
            if self.fitness is not Fitness.NONE:
                self._set(AppState.STARTING)
                return offered
            self._set(AppState.UNFIT)
            await asyncio.sleep(self._limits.look_s)

    # ---- what there is to see ---------------------------------------------------------------------------------------

    def _set(self, state: AppState) -> None:
        if self.status.state is not state:
            self.status.state, self.status.since_ns = state, time.time_ns()
            if state in _NOTED:
                self._noted(f"app.{state.value}", {"app": self.manifest.name})
            self._changed(self)

    def _see(self, life: Life) -> None:
        """Take over what there is to see of a life."""
        status, attachment = self.status, self._attachment
        if life.running and status.state is AppState.STARTING:
            self._set(AppState.RUNNING)
        status.cpu_s = self._cpu_before + life.usage.cpu_s
        status.memory_bytes = life.usage.memory_bytes
        if attachment is not None:
            received, dropped = self._before
            status.received, status.dropped = received + attachment.received, dropped + attachment.dropped
        self._changed(self)

    def _take_over(self) -> None:
        """Keep the counts of a life that has ended."""
        self._attachment = None
        self._before = (self.status.received, self.status.dropped)
        self._cpu_before = self.status.cpu_s
        self.status.memory_bytes = 0
