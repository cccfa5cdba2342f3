"""What makes a live car act: a thread that goes through the car's control every 10 ms, and is its only way to a bus.

In: frames and samples of the pipeline, requests and arming of the broker. Out: frames to the buses, what became of
requests, the guard's states. What comes in waits in two queues that are bounded, and is taken in at the beginning of
a cycle, in order; nobody who brings something waits, and ``CarControl`` is only ever touched by this thread.

Its rule: whatever ends it, be it a stop, a lost bus or a fault of its own, the car is released first and gently,
with frames that the guard lets pass; then nothing leaves any more. Cycles keep to a grid of the monotonic clock and
do not drift; one that is missed is not made up for, one that is late is not followed by another at its heels (a car's
controllers take no two frames in one period), and the guard is told the true time.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.control import CYCLE_NS, Request
from commonwheel.control.arbitration import MOST_SOURCES
from commonwheel.gateway.asking import Arming, Asked, Withdrawn
from commonwheel.gateway.pulse import Lateness
from commonwheel.gateway.telling import OVER, Armed, Gone, Told
from commonwheel.gateway.urgency import favour_thread
from commonwheel.gateway.worker import Worker
from commonwheel.guard import Rule, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.control import CarControl
    from commonwheel.gateway.asking import Order
    from commonwheel.gateway.outlets import Outlets
    from commonwheel.gateway.telling import Teller
    from commonwheel.vehicles.samples import Samples
    from commonwheel.wire.frames import Frames

__all__ = ["Acting", "ActingFacts"]

_LOG = logging.getLogger(__name__)
MOST_OF_ONE = 32
"""Requests of one source that wait for the next cycle, at most: what comes on top of them is refused."""
MOST_ORDERS = MOST_SOURCES * MOST_OF_ONE
"""Of all sources: as many as may ask, and each its share."""
_ROOM: Mapping[type[Order], int] = {Asked: MOST_ORDERS, Withdrawn: 2 * MOST_ORDERS}
"""What lets go of the car is not kept out by those who ask."""
MOST_BATCHES = 2000
"""Batches of frames that wait, at most: of a car that cannot keep up the oldest are lost, and its inputs grow old."""
CLOSEST_NS = 7_000_000
"""Two cycles come no closer than this."""
MARGIN_NS = 500_000_000
"""A release has so much longer than the car's description says before the thread ends all the same."""
_NAMED = 5
"""Inputs that are named of those that keep a car from being armed."""
_LOOK = 10
"""Cycles between two looks at what each actuator does."""
_BOUNDS_S = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_AT_REST = {State.OFF, State.FAULTED}


@dataclass(frozen=True, slots=True)
class ActingFacts:
    """What happened so far."""

    cycles: int
    missed: int
    """Cycles that were left out as the thread came too late."""
    sent: int
    unsent: int
    dropped: int
    """Batches of frames that were lost before the control saw them."""
    took: Lateness
    """How long a cycle took."""
    late: Lateness
    """How late a cycle began."""


class Acting(Worker):
    """The thread of one car. ``open`` it before ``start``."""

    def __init__(
        self,
        control: CarControl,
        outlets: Outlets,
        teller: Teller,
        now_ns: Callable[[], int],
        shift_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        """Prepare.

        Args:
            control: the car's; nobody else may use it.
            outlets: the way to its buses.
            teller: tells the broker and the record.
            now_ns: the time of the car's frames and samples.
            shift_ns: from that time to UTC, less what it was at the start: it changes when the machine's clock is set.
        """
        super().__init__(f"act {control.vehicle.name}")
        self.control, self._outlets, self._teller, self._now_ns = control, outlets, teller, now_ns
        self._shift_ns, self._shift = shift_ns, shift_ns()
        self._heard: deque[tuple[Frames | None, Samples]] = deque()
        self._orders: deque[Order] = deque()
        self._asked: dict[str, int] = {}
        """Of each source, how many requests wait; threads that ask at once may count one too few."""
        self._cycles = self._missed = self._dropped = 0
        self._took, self._late = _histogram(), _histogram()
        self._lost = ""
        self._states: dict[str, State] = {}
        self._gone: list[tuple[int, int, int, bytes]] = []
        """Frames that were sent, and that nobody was told of yet."""
        self._over = False

    # ---- from other threads -----------------------------------------------------------------------------------------

    def hear(self, frames: Frames | None, samples: Samples) -> None:
        """Take in frames as they came, and what was decoded of them; does not wait."""
        if len(self._heard) >= MOST_BATCHES:
            self._heard.popleft()
            self._dropped += 1
        self._heard.append((frames, samples))

    def order(self, order: Order) -> bool:
        """Take in what is asked, for the next cycle; False when too much waits already, or nothing is done any more."""
        if self._over or self._stop.is_set() or len(self._orders) >= _ROOM.get(type(order), math.inf):
            return False
        if isinstance(order, Asked):
            asked = self._asked.get(order.source, 0)
            if asked >= MOST_OF_ONE:
                return False
            self._asked[order.source] = asked + 1
        self._orders.append(order)
        return True

    def acts(self) -> tuple[str, ...]:
        """Return the axes that act now, or are being released."""
        guard = self.control.guard
        return tuple(axis.name for axis in guard.envelope.axes if guard.acts(axis.name))

    @property
    def release_s(self) -> float:
        """The longest that it takes from ``stop`` until nothing leaves any more, by the car's description."""
        return max((axis.release_ns for axis in self.control.guard.envelope.axes), default=0) / 1e9

    def facts(self) -> ActingFacts:
        """Return what happened so far."""
        outlets = self._outlets
        return ActingFacts(
            self._cycles, self._missed, outlets.sent, outlets.unsent, self._dropped, self._took, self._late
        )

    # ---- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._go()
            self._let_go("the service stops")
        except Exception as error:  # noqa: BLE001 - whatever it is, the car is released
            _LOG.exception("%s: what acts has failed; the car is released", self.control.vehicle.name)
            self._fail(f"what acts has failed: {str(error) or type(error).__name__}")
        finally:
            self._over = True
            for _ in range(len(self._orders)):
                self._obey(self._orders.popleft(), 0)
            self._tell_gone()

    def _go(self) -> None:
        """Cycle until it is to stop."""
        favour_thread(self.name)
        due = grid = time.monotonic_ns()
        while not self._stop.wait(max(0, due - time.monotonic_ns()) / 1e9):
            began = time.monotonic_ns()
            self._late.add(max(0, began - due) / 1e9)
            self._turn(began)
            ended = time.monotonic_ns()
            self._took.add((ended - began) / 1e9)
            grid += CYCLE_NS
            if ended > grid:
                missed = (ended - grid) // CYCLE_NS + 1
                self._missed += missed
                grid += missed * CYCLE_NS
            due = max(grid, began + CLOSEST_NS)

    def _turn(self, steady_ns: int) -> None:
        """Go through one cycle."""
        now = self._now_ns()
        self._take_in(now)
        self._see_buses(now)
        self._see_clock(now)
        cycle = self.control.step(now, steady_ns)
        if cycle.frames:
            taken = self._outlets.send(cycle.frames)
            at = self._now_ns()
            self._gone += [(at, frame.bus, frame.can_id, frame.payload) for frame in taken]
        self._cycles += 1
        guard = self.control.guard
        states = {axis.name: guard.state(axis.name) for axis in guard.envelope.axes}
        doing = dict(self.control.acting) if self._cycles % _LOOK == 0 else None
        if cycle.progress or cycle.said or doing is not None or states != self._states:
            self._states = states
            armed = [axis for axis, state in states.items() if doing is not None and state is State.ARMED]
            self._teller.put(Told(cycle, states, doing, {axis: guard.waits(axis) for axis in armed}))
        if doing is not None:
            self._tell_gone()

    def _tell_gone(self) -> None:
        """Have those who listen to frames told what was sent."""
        if self._gone:
            gone, self._gone = self._gone, []
            self._teller.put(Gone(gone))

    def _take_in(self, now: int) -> None:
        """Take in what came since the last cycle; frames first, so that requests meet the car as it is."""
        for _ in range(len(self._heard)):
            frames, samples = self._heard.popleft()
            if frames is not None:
                self.control.hear(frames)
            self.control.take(samples)
        self._asked = {}
        for _ in range(len(self._orders)):
            self._obey(self._orders.popleft(), now)

    def _obey(self, order: Order, now: int) -> None:
        control = self.control
        if self._over:
            if isinstance(order, Arming):
                self._teller.put(Armed(order, OVER))
            return
        match order:
            case Asked():
                control.request(
                    Request(
                        order.path, order.value, order.source, now, order.valid_ns, order.priority, order.unit,
                        order.number,
                    )
                )  # fmt: skip
            case Withdrawn():
                for path in order.paths:
                    control.withdraw(order.source, path)
            case Arming(arm=False):
                control.disarm(now, order.who)
                self._teller.put(Armed(order))
            case Arming():
                why_not = self._unfit()
                if not why_not:
                    self._lost = ""
                    control.arm(now, order.who)
                self._teller.put(Armed(order, why_not))

    def _unfit(self) -> str:
        """Return why the car cannot be armed; '' when it can."""
        guard = self.control.guard
        faulted = [axis.name for axis in guard.envelope.axes if guard.state(axis.name) is State.FAULTED]
        if faulted:
            return f"{' and '.join(faulted)} faulted; disarm it first, which says that the cause was seen"
        off = [axis.name for axis in guard.envelope.axes if guard.state(axis.name) is State.OFF]
        lacks = list(dict.fromkeys(lack for axis in off for lack in guard.lacks(axis)))
        if lacks:
            more = f"; and {len(lacks) - _NAMED} more" if len(lacks) > _NAMED else ""
            return f"it cannot be armed yet: {'; '.join(lacks[:_NAMED])}{more}"
        self._outlets.again()
        return self._outlets.lost()

    def _see_buses(self, now: int) -> None:
        """Let go of the car when a bus that acting needs is gone; said once, until somebody arms it anew."""
        guard = self.control.guard
        if self._lost or all(guard.state(axis.name) in _AT_REST for axis in guard.envelope.axes):
            return
        self._lost = self._outlets.lost()
        if self._lost:
            guard.fail(now, self._lost)

    def _see_clock(self, now: int) -> None:
        """Let go of the car when the machine's clock was set by more than may be.

        The time of cycles goes on as if nothing had been; but frames may be stamped by that clock, and somebody has
        meddled with the machine, or its clock fails.
        """
        before, self._shift = self._shift, self._shift_ns()
        step, guard = self._shift - before, self.control.guard
        if abs(step) > guard.envelope.clock_step_ns:
            most = guard.envelope.clock_step_ns / 1e9
            why = f"the machine's clock was set by {step / 1e9:+.3f} s, which may be {most:g} s"
            guard.fail(now, why, Rule.CLOCK_STEP)

    def _let_go(self, who: str) -> None:
        """Release the car, cycle by cycle, until nothing acts or its time is over; nobody arms it any more."""
        self._over = True
        self.control.disarm(self._now_ns(), who)
        end = time.monotonic_ns() + round(self.release_s * 1e9) + MARGIN_NS
        due = time.monotonic_ns()
        while time.monotonic_ns() < end:
            self._turn(time.monotonic_ns())
            if not self.acts():
                break
            due = max(due + CYCLE_NS, time.monotonic_ns())
            time.sleep(max(0, due - time.monotonic_ns()) / 1e9)

    def _fail(self, why: str) -> None:
        """Release the car though something has failed here; what fails at that too ends it."""
        try:
            self.control.guard.fail(self._now_ns(), why)
            self._let_go("what acts has failed")
        except Exception:  # noqa: BLE001 - the same
            _LOG.exception("%s: it cannot be released either; nothing is sent any more", self.control.vehicle.name)


def _histogram() -> Lateness:
    return Lateness(_BOUNDS_S, [0] * (len(_BOUNDS_S) + 1))
