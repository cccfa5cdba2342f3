"""A simulated car in place of buses: each of its buses is a port in this process, paced as if the car drove now.

A thread drives the twin up to the present again and again and puts its frames where the buses' readers find them; all
behind that is what a real bus has. A frame bears the time at which it was due. A simulation that cannot keep up says
so once, and goes on from the present; it does not hurry after the time that is lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.paced import PacedClock
from commonwheel.gateway.port import MOST_FRAMES
from commonwheel.gateway.sources import BusSource
from commonwheel.gateway.virtual_wire import Wire
from commonwheel.gateway.worker import HeldWorker
from commonwheel.twin.twin import STEP_NS
from commonwheel.vehicles.emission import DEFAULT_PERIOD_NS
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.gateway.clock import SteadyClock
    from commonwheel.gateway.port import Port
    from commonwheel.twin.twin import Twin

__all__ = ["VirtualCar", "VirtualOutlet", "VirtualPort"]

_LOG = logging.getLogger(__name__)
TICK_S = 0.005
"""How often the twin is driven up to the present."""
BEHIND_NS = 1_000_000_000
"""A simulation that is this far behind lets the time that is lost be."""
LONGEST_NS = 40_000_000
"""What is driven in one go, at most: the frames of one bus may be heard so much before those of another."""
PATIENCE_S = 0.1
"""How long the car waits until it was heard, before it goes on."""
FASTEST = 100.0
INTERFACE = "simulated"


class VirtualPort:
    """A simulated bus that is open."""

    def __init__(self, car: VirtualCar, number: int) -> None:
        """Open the car's bus *number*."""
        self.garbage = 0
        """What came in and was no frame: never anything."""
        self._car, self._number = car, number
        self._wire = car.wires[number]
        self._lost = self._wire.lost
        self.dropped = 0
        """Frames that were lost as nobody read them in time."""

    def read(self, wait_s: float) -> Frames | None:
        """See ``Port.read``."""
        self._car.check()
        self.dropped = self._wire.lost - self._lost
        return self._wire.take(wait_s)

    def close(self) -> None:
        """See ``Port.close``; the car drives on."""


class VirtualOutlet(VirtualPort):
    """A simulated bus that may be sent on."""

    def send(self, can_id: int, payload: bytes) -> None:
        """See ``Outlet.send``; the car has it at its next step."""
        self._car.tell(self._number, can_id, payload)


class VirtualCar(HeldWorker):
    """Drives a twin in real time, or so many times as fast, and is its buses."""

    def __init__(self, twin: Twin, *, rate: float = 1.0, loop: bool = False) -> None:
        """Prepare; nothing moves before ``start``.

        Args:
            twin: the car, at its beginning.
            rate: times as fast as real time.
            loop: begin again when the scenario is over; else the car is silent then.

        Raises:
            GatewayError: the rate is none, or there is nothing to begin again.
        """
        if not 0.0 < rate <= FASTEST:
            message = f"a simulated car drives at a rate above 0 and up to {FASTEST:g}, not {rate:g}"
            raise GatewayError(message)
        if loop and twin.length_ns <= 0:
            message = f"{twin.vehicle.name}: the scenario '{twin.scenario.name}' takes no time and cannot begin again"
            raise GatewayError(message)
        super().__init__(f"virtual {twin.vehicle.name}")
        self.twin = twin
        self.clock = PacedClock(rate)
        """What the car's frames get their times from."""
        self.clock.heard = self._reached
        self.wires = tuple(Wire() for _ in twin.vehicle.buses)
        self.ended = threading.Event()
        """Set when the scenario is over and is not begun again."""
        self._loop, self._rate, self._driving = loop, rate, False
        self._longest_ns = _longest_ns(twin)
        self._inbox: deque[tuple[int, int, bytes]] = deque(maxlen=MOST_FRAMES)
        self._loops = 0
        self._latest_ns = 0
        self._left_ns = self._before_ns = 0
        self._error = ""
        self._perceived_version = -1
        self.perceive: Callable[[Mapping[str, float | None], int], None] | None = None
        """Called with what the car's camera and radar see, and when (UTC), each time that it is new; in its thread."""

    @property
    def driven_s(self) -> float:
        """How long the car has driven so far, in its own time."""
        return (self._before_ns + self.twin.t_ns) / 1e9

    @property
    def sources(self) -> Mapping[str, BusSource]:
        """The car's buses."""
        return {bus.name: BusSource(INTERFACE, bus.name) for bus in self.twin.vehicle.buses}

    def open(self, _source: BusSource, number: int, _clock: SteadyClock, *, may_send: bool = False) -> Port:
        """Return a bus of the car, as ``opening.open_port`` does.

        Raises:
            GatewayError: the simulation has failed.
        """
        self.check()
        return (VirtualOutlet if may_send else VirtualPort)(self, number)

    def check(self) -> None:
        """Raise a GatewayError when the simulation has failed."""
        if self._error:
            raise GatewayError(self._error)

    def tell(self, bus: int, can_id: int, payload: bytes) -> None:
        """Let the car have a frame; from any thread."""
        self._inbox.append((bus, can_id, payload))

    def facts(self) -> dict[str, object]:
        """Return what there is to say of a simulation."""
        return {
            "virtual": self.twin.scenario.name,
            "loops": self._loops,
            "latest_s": self._latest_ns / 1e9,
            "left_s": self._left_ns / 1e9,
            "clamped": self.twin.clamped,
            "error": self._error,
        }

    # ---- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        self._go.wait()
        try:
            self._drive()
        except Exception as error:  # noqa: BLE001 - whatever the physics fails with: the buses say so, and the service goes on
            self._error = f"the simulation of {self.twin.vehicle.name} has failed: {error}"
            _LOG.error("%s", self._error, exc_info=error)
        self._driving = False

    def _drive(self) -> None:
        """Drive up to the present again and again, until the end."""
        epoch = self.clock.present_ns()
        for wire in self.wires:
            wire.put(Frames.empty(), epoch)
        self._driving = True
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + TICK_S, time.monotonic())
            self._hear()
            late = self.clock.present_ns() - epoch - self.twin.t_ns
            self._latest_ns = max(self._latest_ns, round(late / self._rate))
            if late > BEHIND_NS * self._rate:
                epoch += self._leave(late)
                continue
            epoch = self._catch_up(epoch, late)
            if self.ended.is_set():
                return

    def _catch_up(self, epoch: int, late_ns: int) -> int:
        """Drive on by so much, in parts that the buses' readers hear one after the other; returns the epoch."""
        while late_ns > 0 and not self.ended.is_set() and not self._stop.is_set():
            part = min(late_ns, self._longest_ns)
            epoch = self._advance(epoch, self.twin.t_ns + part)
            late_ns -= part
            if late_ns > 0:
                for wire in self.wires:
                    wire.rest(PATIENCE_S)
        return epoch

    def _reached(self) -> int | None:
        """Return up to when all buses were heard; None while the car does not drive."""
        return min(wire.heard_ns() for wire in self.wires) if self._driving else None

    def _advance(self, epoch: int, until_ns: int) -> int:
        """Drive to a time since *epoch*; returns the epoch, which is another one after the scenario has begun again."""
        twin = self.twin
        end = twin.length_ns
        if until_ns < end:
            self._send(twin.advance(until_ns), epoch)
            return epoch
        self._send(twin.advance(end), epoch)
        if not self._loop:
            _LOG.info("%s: the scenario '%s' is over", twin.vehicle.name, twin.scenario.name)
            self.ended.set()
            return epoch
        self._before_ns += end
        twin.again()
        self._loops += 1
        return epoch + end

    def _leave(self, late_ns: int) -> int:
        """Let the time be that was lost; returns how much."""
        if not self._left_ns:
            _LOG.warning("%s: this machine cannot simulate the car as fast as asked; said once", self.twin.vehicle.name)
        self._left_ns += late_ns
        return late_ns

    def _hear(self) -> None:
        """Let the car have what was sent to it."""
        if not self._inbox:
            return
        rows = [self._inbox.popleft() for _ in range(len(self._inbox))]
        self.twin.receive(Frames.build((self.twin.t_ns, *row) for row in rows))

    def _send(self, frames: Frames, epoch: int) -> None:
        until = epoch + self.twin.t_ns
        timed = replace(frames, t_ns=frames.t_ns + epoch, clock=Clock.UTC)
        for number, wire in enumerate(self.wires):
            wire.put(timed if len(self.wires) == 1 else timed[timed.bus == number], until)
        self._see(until)

    def _see(self, now_ns: int) -> None:
        """Tell what the car perceives, when it is new."""
        version = self.twin.perceived_version
        if self.perceive is not None and version != self._perceived_version:
            self._perceived_version = version
            self.perceive(self.twin.perceived, int(self.clock.to_utc(np.array([now_ns], np.int64))[0]))


def _longest_ns(twin: Twin) -> int:
    """Return how much may be driven in one go, so that no message is late while that of another bus is heard."""
    messages = [twin.vehicle.messages[i] for i in twin.messages]
    slack = [
        message.timeout_ns - (message.period_ns or DEFAULT_PERIOD_NS) for message in messages if message.timeout_ns
    ]
    return max(STEP_NS, min([LONGEST_NS, *(each // 2 for each in slack)]))
