"""One car, live: its broker, its gateway, the servers of its interfaces; started and stopped as one.

What the parts are is ``Parts``' business, so that this module knows only their contracts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from commonwheel.broker.faults import BrokerError, Reason
from commonwheel.broker.listening import remedy
from commonwheel.gateway.logs import fields
from commonwheel.gateway.telling import ACTING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from commonwheel.broker import Broker
    from commonwheel.broker.events import Event
    from commonwheel.broker.serving import Endpoint, Server
    from commonwheel.gateway.parts import Gateway, Recorded, State

__all__ = ["LiveCar"]

_LOG = logging.getLogger(__name__)
_EVENTS = logging.getLogger("commonwheel.events")
_GRACE_S = 1.0
_QUIET = frozenset({ACTING})
"""Kinds of events that say how things are, over and over."""
_WARNED = frozenset({"refused", "failed", "restarting", "timed_out", "armed", "disarmed", "faulted"})
"""Last words of the kinds of events that an operator should see as warnings."""


@dataclass(eq=False)
class LiveCar:
    """A car of the service. ``start`` it, then ``stop`` it, also when the start failed."""

    name: str
    """The short name that metrics and logs use; '' for a broker without a car."""
    broker: Broker
    gateway: Gateway | None
    """None: a broker without a car."""
    servers: tuple[Server, ...]
    state: State | None = None
    recording: Recorded | None = None
    endpoints: dict[str, Endpoint] = field(default_factory=dict[str, "Endpoint"])
    """Where each server listens, by its name."""
    stages: dict[str, int] = field(default_factory=dict[str, int])
    """How many actuations have ended at each stage."""
    _started: list[Server] = field(default_factory=list["Server"])
    _deaf: Callable[[], None] | None = None
    _running: bool = False
    _keeping: bool = False

    async def start(self, ready_s: float) -> None:
        """Start everything, and wait until the gateway is ready, for at most *ready_s*; a recording waits for ``go``.

        Raises:
            CommonwheelError: something cannot be started; says what.
        """
        self._deaf = self.broker.events.listen(self._heard)
        if self.state is not None:
            self._keeping = True
            await asyncio.to_thread(self.state.start)
        if self.recording is not None:
            await asyncio.to_thread(self.recording.start)
        if self.gateway is not None:
            self._running = True
            self.gateway.hold()
            await asyncio.to_thread(self.gateway.start)
        for server in self.servers:
            await self._serve(server)
        if self.gateway is not None and not await asyncio.to_thread(self.gateway.ready.wait, ready_s):
            message = f"the gateway of {self.name} is not ready after {ready_s:g} s"
            raise BrokerError(Reason.INVALID, message)

    def go(self) -> None:
        """Play the recording, and keep the car's values: everything is served."""
        if self.gateway is not None:
            self.gateway.play()
        if self.state is not None:
            self.state.keep()

    async def _serve(self, server: Server) -> None:
        self._started.append(server)
        try:
            self.endpoints[server.name] = await server.start()
        except BrokerError as error:
            of = f" of {self.name}" if self.name else ""
            what_to_do = remedy(error, f"--{server.name}-port", "--host")
            raise BrokerError(error.reason, f"{server.name}{of}: {error}{what_to_do}") from error

    def let_go(self) -> str:
        """Begin to release the car, if it acts; see ``stopping.Held``."""
        what = "" if self.gateway is None else self.gateway.let_go()
        return f"{self.name}: {what}" if what else ""

    def settle(self) -> None:
        """Wait until the car is released; see ``stopping.Held``."""
        if self.gateway is not None:
            self.gateway.settle()

    async def stop(self, seconds: float) -> bool:
        """Stop everything within so many seconds; returns whether all of it ended.

        The state is written first, while it is known who gave which value; then frames stop, so that what the readers
        and the recording get last is what the car said last; then the streams end.
        """
        end = time.monotonic() + seconds
        clean = True
        if self.state is not None and self._keeping:
            clean &= await self._bounded("state", asyncio.to_thread(self.state.stop), end)
            self._keeping = False
        if self.gateway is not None and self._running:
            clean &= await self._bounded("gateway", asyncio.to_thread(self.gateway.stop), end)
            self._running = False
        if self.recording is not None:
            left = max(0.1, end - time.monotonic())
            clean &= await self._bounded("recording", asyncio.to_thread(self.recording.stop, left), end)
        self._end_streams()
        grace = min(_GRACE_S, seconds / 4)
        stops = [self._bounded(server.name, server.stop(grace), end) for server in reversed(self._started)]
        clean &= all(await asyncio.gather(*stops))
        self._started.clear()
        self.endpoints.clear()
        if self._deaf is not None:
            self._deaf()
            self._deaf = None
        return clean

    def _end_streams(self) -> None:
        """End every subscription: its reader gets what waits, then the reason, and servers have nothing to wait for."""
        for reader in self.broker.readers:
            self.broker.unsubscribe(reader, BrokerError(Reason.STOPPING, "the service stops"))

    async def _bounded(self, what: str, work: Awaitable[object], end: float) -> bool:
        """Wait for the end of something until a time; what goes wrong is logged, and the rest goes on."""
        told = fields(car=self.name, part=what)
        try:
            async with asyncio.timeout(max(0.1, end - time.monotonic())):
                await work
        except TimeoutError:
            _LOG.error("does not stop in time", extra=told)
            return False
        except Exception:  # noqa: BLE001 - whatever it is, the other parts have to be stopped as well
            _LOG.exception("cannot be stopped", extra=told)
            return False
        return True

    def gateway_facts(self) -> Mapping[str, object]:
        """Return the gateway's counts; none without a gateway, or while it cannot say."""
        if self.gateway is None:
            return {}
        with contextlib.suppress(RuntimeError):  # it changes in its threads while it is read
            return self.gateway.facts()
        return {}

    def _heard(self, event: Event) -> None:
        """Log an event of the broker, and count the ends of actuations."""
        subject, _, stage = event.kind.rpartition(".")
        if subject == "actuation":
            self.stages[stage] = self.stages.get(stage, 0) + 1
        if event.kind in _QUIET:
            return
        level = logging.WARNING if stage in _WARNED else logging.INFO
        _EVENTS.log(level, event.kind, extra=fields(**{**event.facts, "car": self.name}))
