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

from commonwheel.gateway.clock import SteadyClock
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.port import MOST_FRAMES
from commonwheel.gateway.sources import BusSource
from commonwheel.gateway.worker import Worker
from commonwheel.wire.frames import Clock, Frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from commonwheel.gateway.port import Port
    from commonwheel.twin.twin import Twin

__all__ = ["PacedClock", "VirtualCar", "VirtualOutlet", "VirtualPort"]

_LOG = logging.getLogger(__name__)
TICK_S = 0.005
"""How often the twin is driven up to the present."""
BEHIND_NS = 1_000_000_000
"""A simulation that is this far behind lets the time that is lost be."""
LONGEST_NS = 2_000_000_000
"""What is driven in one go, so that it can be stopped in between."""
MOST_WAITING = 100_000
"""Frames of a bus that wait to be read, at most; then the oldest are lost."""
FASTEST = 1000.0
INTERFACE = "simulated"


class PacedClock(SteadyClock):
    """Time in a simulated car, which goes by *rate* times as fast as outside."""

    def __init__(
        self, rate: float, utc: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """Start the line at the present; the two clocks can be replaced by a test."""
        super().__init__(utc, monotonic)
        self._rate = rate
        self._began = monotonic() + self._offset

    def now_ns(self) -> int:
        """Return the time in the car."""
        if self._rate == 1.0:
            return super().now_ns()
        return self._began + round((super().now_ns() - self._began) * self._rate)

    def to_utc(self, t_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return times in the car as UTC."""
        if self._rate == 1.0:
            return super().to_utc(t_ns)
        outside = ((t_ns - self._began) / self._rate).astype(np.int64) + self._began
        return super().to_utc(outside)


class _Wire:
    """One bus between the car and whoever reads it."""

    def __init__(self) -> None:
        self._frames: deque[Frames] = deque()
        self.waiting = 0
        self._change = threading.Condition()
        self.lost = 0

    def put(self, frames: Frames) -> None:
        """Let frames come; the oldest ones are lost when nobody takes them."""
        with self._change:
            self._frames.append(frames)
            self.waiting += len(frames)
            while self.waiting > MOST_WAITING:
                oldest = self._frames.popleft()
                self.waiting -= len(oldest)
                self.lost += len(oldest)
            self._change.notify()

    def take(self, wait_s: float) -> Frames | None:
        """Return what came, at most a batch; None when nothing comes within so many seconds."""
        with self._change:
            if not self._frames and not self._change.wait_for(lambda: self._frames, wait_s):
                return None
            parts, count = [self._frames.popleft()], 0
            count = len(parts[0])
            while self._frames and count + len(self._frames[0]) <= MOST_FRAMES:
                parts.append(self._frames.popleft())
                count += len(parts[-1])
            self.waiting -= count
        whole = Frames.concat(parts) if len(parts) > 1 else parts[0]
        if len(whole) > MOST_FRAMES:
            with self._change:
                self._frames.appendleft(whole[MOST_FRAMES:])
                self.waiting += len(whole) - MOST_FRAMES
            whole = whole[:MOST_FRAMES]
        return whole


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


class VirtualCar(Worker):
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
        self.wires = tuple(_Wire() for _ in twin.vehicle.buses)
        self.ended = threading.Event()
        """Set when the scenario is over and is not begun again."""
        self._loop, self._rate = loop, rate
        self._inbox: deque[tuple[int, int, bytes]] = deque(maxlen=MOST_FRAMES)
        self._go = threading.Event()
        self._go.set()
        self._loops = 0
        self._latest_ns = 0
        self._left_ns = self._before_ns = 0
        self._error = ""

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

    def hold(self) -> None:
        """Stand still at the start, and do not begin before ``play``."""
        self._go.clear()

    def play(self) -> None:
        """Begin, where it was held."""
        self._go.set()

    def stop(self) -> None:
        """Ask it to end, also while it is held; ``join`` waits for that."""
        super().stop()
        self._go.set()

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

    def _drive(self) -> None:
        """Drive up to the present again and again, until the end."""
        epoch = self.clock.now_ns()
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + TICK_S, time.monotonic())
            self._hear()
            now = self.clock.now_ns()
            late = now - epoch - self.twin.t_ns
            self._latest_ns = max(self._latest_ns, round(late / self._rate))
            if late > BEHIND_NS * self._rate:
                epoch += self._leave(late)
            epoch = self._advance(epoch, min(now - epoch, self.twin.t_ns + LONGEST_NS))
            if self.ended.is_set():
                return

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
        if not len(frames):
            return
        timed = replace(frames, t_ns=frames.t_ns + epoch, clock=Clock.UTC)
        if len(self.wires) == 1:
            self.wires[0].put(timed)
            return
        for number, wire in enumerate(self.wires):
            mine = np.flatnonzero(timed.bus == number)
            if len(mine):
                wire.put(timed[mine])
