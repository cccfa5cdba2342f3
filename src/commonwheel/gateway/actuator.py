"""Everything that makes one live car act, put together: its control, its way to the buses, its place at the broker.

Without this object there is nothing in a gateway that could send. A car that has no ``control.yaml`` has none,
whatever is asked for: what moves in a car passes the guard, and the guard has no limits for such a car.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.control import CarControl
from commonwheel.gateway.acting import Acting
from commonwheel.gateway.asking import Front
from commonwheel.gateway.outlets import Outlets
from commonwheel.gateway.telling import Teller
from commonwheel.gateway.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from commonwheel.broker import Broker
    from commonwheel.control import Control
    from commonwheel.control.car import Acting as Doing
    from commonwheel.gateway.bus import BusReader
    from commonwheel.gateway.clock import SteadyClock
    from commonwheel.vehicles.samples import Samples
    from commonwheel.vehicles.vehicle import Vehicle
    from commonwheel.wire.frames import Frames

__all__ = ["Actuator", "Leave", "leave_to_act"]

_LOG = logging.getLogger(__name__)

_SETTLE_S = 1.0
"""A release has so much longer than the car's description says when the process is to end at once."""
_JOIN_S = 10.0
"""A thread that has not released the car by then hangs in a driver."""


@dataclass(frozen=True, slots=True)
class Leave:
    """That a car may be armed and act, and within which limits."""

    control: Control
    record: Verdicts | None = None
    """Where the guard's verdicts are kept; in memory unless given."""


def leave_to_act(vehicle: Vehicle, name: str | None = None, record: Verdicts | None = None) -> Leave | None:
    """Return leave for a car to act, by its ``control.yaml``; None, and a warning, where it has none.

    Args:
        vehicle: the car.
        name: what it was loaded by; None is its name.
        record: where the guard's verdicts are kept.

    Raises:
        DescriptionError: the file has faults; all of them.
    """
    from commonwheel.control.description import load_control

    control = load_control(vehicle, name)
    if control is None:
        _LOG.warning("%s: no control.yaml says how it acts, so it cannot be made to; nothing is sent", vehicle.name)
        return None
    return Leave(control, record)


class Actuator:
    """One car's. ``open`` and ``start`` it, then ``stop`` it before its buses are given back."""

    def __init__(
        self,
        vehicle: Vehicle,
        leave: Leave,
        broker: Broker,
        readers: Mapping[str, BusReader],
        clock: SteadyClock,
        now_ns: Callable[[], int],
    ) -> None:
        """Prepare.

        Args:
            vehicle: the car.
            leave: how it is made to act, and where that is recorded.
            broker: where it is asked.
            readers: its buses that have a source, by name.
            clock: tells UTC from the time of its frames.
            now_ns: the time of its frames, now.
        """
        control, self.record = leave.control, leave.record or Verdicts(car=vehicle.name)
        self.teller = Teller(vehicle.name, broker, self.record, lambda t_ns: t_ns + clock.shift_ns)
        self.control = CarControl(vehicle, control)
        self._thread = Acting(
            self.control, Outlets(vehicle, control, readers), self.teller, now_ns, lambda: clock.shift_ns
        )
        self._front = Front(control, broker, self.teller, self._thread.order)

    @property
    def sent(self) -> int:
        """Frames sent so far."""
        return self._thread.facts().sent

    @property
    def name(self) -> str:
        """What the thread is called."""
        return self._thread.name

    def cpu_s(self) -> float:
        """Return the processor time that its threads have taken."""
        return self._thread.cpu_s() + self.teller.cpu_s()

    def hear(self, frames: Frames | None, samples: Samples) -> None:
        """See ``Acting.hear``."""
        self._thread.hear(frames, samples)

    def open(self) -> None:
        """Claim what the car can be asked for.

        Raises:
            BrokerError: ALREADY_CLAIMED.
            GatewayError: the catalog has no signal to arm the car with.
        """
        self.teller.open(self.control)
        self._front.open()

    def start(self) -> None:
        """Begin; nothing leaves before the car is armed."""
        self.teller.start()
        self._thread.start()

    def let_go(self) -> str:
        """Begin to release the car, for good; from any thread, without waiting.

        Returns:
            Which axes that is, and how long it takes at most, in words; '' where nothing acts.
        """
        acting = self._thread.acts() if self._thread.is_alive else ()
        self._thread.stop()
        if not acting:
            return ""
        return f"releasing {' and '.join(acting)}, which takes {self._thread.release_s:g} s at most"

    def settle(self) -> None:
        """Wait until the car is released, for the time that its description states and a little more."""
        self._thread.join(self._thread.release_s + _SETTLE_S)

    def stop(self) -> bool:
        """Release the car, and end; returns whether that was done."""
        self._thread.stop()
        ended = self._thread.join(_JOIN_S)
        return self.teller.close(_JOIN_S) and ended

    @property
    def doing(self) -> Mapping[str, Doing]:
        """What each actuator did when it was last looked at, a few times a second."""
        return self.teller.doing

    def facts(self) -> dict[str, object]:
        """Return what happened so far, and how things are."""
        facts, states = self._thread.facts(), self.teller.states
        return {
            "cycles": facts.cycles,
            "missed": facts.missed,
            "sent": facts.sent,
            "unsent": facts.unsent,
            "dropped": facts.dropped,
            "untold": self.teller.untold,
            "cycle_s": facts.took,
            "late_s": facts.late,
            "states": {axis: state.value for axis, state in states.items()},
            "said": self.record.counts,
        }
