"""How a live car is asked to act: its actuators in the broker, and what becomes an order to the thread that acts.

In: actuations, in the thread of whoever asks. Out: orders, in a queue. What cannot come to anything is refused at
once and in words: a car that is not armed, a validity that nobody may ask for, a flood. Everything else is the
guard's to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonwheel.broker.actuation import Stage
from commonwheel.broker.providers import SECOND, Proof
from commonwheel.broker.values import to_inside
from commonwheel.catalog import load_catalog
from commonwheel.gateway.faults import GatewayError
from commonwheel.gateway.telling import COMFORT, IS_ARMED, MILLISECOND, OVER
from commonwheel.guard import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from commonwheel.broker import Actuation, Broker
    from commonwheel.control import Control
    from commonwheel.gateway.telling import Teller

__all__ = ["Arming", "Asked", "Front", "Order", "Withdrawn"]

MOTION_NS = 500 * MILLISECOND
"""A request of motion that does not say for how long it is valid ends after this time; silence ends it."""
MOST_MOTION_NS = 2 * SECOND
"""And this is the longest that one can be valid: who asks a car to move is there to renew it."""
MOST_COMFORT_NS = 60 * SECOND
_PROVEN_MARGIN_NS = SECOND
_ARMING_NS = 3 * SECOND
"""A machine that needs longer until the guard says that it is armed cannot make a car act."""
_NOT_ARMED = f"not armed: nothing acts before {IS_ARMED} is set (commonwheel arm)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    path: str
    value: float
    source: str
    valid_ns: int
    priority: int
    unit: str
    number: int
    """The actuation's."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Somebody takes back what it asked."""

    source: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arming:
    """Somebody arms or disarms the car."""

    arm: bool
    who: str
    reason: str
    actuation: Actuation


Order = Asked | Withdrawn | Arming


class Front:
    """Where requests of one car come in."""

    def __init__(self, control: Control, broker: Broker, teller: Teller, order: Callable[[Order], bool]) -> None:
        """Prepare.

        Args:
            control: how the car is made to act.
            broker: where it is asked.
            teller: knows the guard's states, and keeps the record.
            order: takes an order; False when it cannot.
        """
        self._control, self._broker, self._teller, self._order = control, broker, teller, order
        self._paths: dict[int, str] = {}
        self._armed_number = -1

    def open(self) -> None:
        """Claim the actuators.

        Raises:
            BrokerError: ALREADY_CLAIMED.
            GatewayError: the catalog has no signal to arm the car with.
        """
        numbers = self._broker.table.numbers
        if IS_ARMED not in numbers:
            message = (
                f"{self._control.car}: the catalog lacks {IS_ARMED}, without which no car acts; leave --actuate out"
            )
            raise GatewayError(message)
        self._armed_number = numbers[IS_ARMED]
        units = {path: leaf.unit or "" for path, leaf in load_catalog().leaves.items()}
        proofs: dict[int, Proof | None] = {self._armed_number: Proof(self._armed_number, _ARMING_NS)}
        for path in self._control.served:
            number = numbers.get(path)
            if number is None or not self._broker.table[number].is_actuator:
                self._teller.left_out(path, "the catalog lacks it, or it is no actuator there")
                continue
            unit, own = self._broker.table[number].leaf.unit or "", units.get(path)
            if unit != own:  # nothing converts it: a speed in m/s would be taken for one in km/h
                self._teller.left_out(path, f"the catalog counts it in '{unit}', and the standard in '{own}'")
                continue
            self._paths[number] = path
            proofs[number] = Proof(number, self._usual_ns(path), arbitrated=True)
        provider = self._teller.provider
        provider.claim((), proofs, self._asked)
        provider.on_withdraw = self._withdrawn

    def _is_motion(self, path: str) -> bool:
        return self._control.served[path].axis != COMFORT

    def _usual_ns(self, path: str) -> int:
        """Return for how long a request is valid that does not say it: comfort, until it can have been met."""
        if self._is_motion(path):
            return MOTION_NS
        proven = self._control.served[path].proven.get(path)
        return min(MOST_COMFORT_NS, (proven.within_ns if proven else 4 * SECOND) + _PROVEN_MARGIN_NS)

    def _asked(self, actuations: Sequence[Actuation]) -> None:
        for actuation in actuations:
            if actuation.signal == self._armed_number:
                who, reason = actuation.requester, actuation.terms.reason
                if not self._order(Arming(bool(actuation.target), who, reason, actuation)):
                    self._broker.finish(actuation, Stage.REFUSED, OVER)
                continue
            why = self._take(actuation)
            if why:
                self._teller.refused(actuation, self._paths[actuation.signal], why)

    def _take(self, actuation: Actuation) -> str:
        """Make an order of an actuation; returns why it cannot become one."""
        path = self._paths[actuation.signal]
        valid_ns = actuation.terms.valid_ns or actuation.proof.within_ns
        most = MOST_MOTION_NS if self._is_motion(path) else MOST_COMFORT_NS
        if valid_ns > most:
            return f"a request of it is valid for {most / 1e9:g} s at most, not {valid_ns / 1e9:g} s; renew it"
        axis = self._control.served[path].axis
        state = self._teller.states.get(axis, State.OFF)
        if state is State.OFF:
            return _NOT_ARMED
        if state is State.FAULTED:
            return f"faulted: {self._teller.causes.get(axis, 'arm it anew')}"
        value, item = to_inside(self._broker.table[actuation.signal], actuation.target)
        if item is not None:
            return "it is no number that a car could act on"
        self._teller.follow(actuation, path)
        terms = actuation.terms
        asked = Asked(path, value, actuation.requester, valid_ns, terms.priority, terms.unit, actuation.number)
        return "" if self._order(asked) else f"too many requests at once, or {OVER}"

    def _withdrawn(self, requester: str, signals: Sequence[int]) -> None:
        paths = tuple(self._paths[number] for number in signals if number in self._paths)
        if paths:
            self._order(Withdrawn(requester, paths))
