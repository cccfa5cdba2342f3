"""The guard of one car: between every request and every frame. It does no I/O, reads no clock and never waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwheel.guard.envelope import CarEnvelope
    from commonwheel.guard.verdict import State, Transition, Verdict
    from commonwheel.vehicles.samples import Quality

__all__ = ["Guard", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """An input as it arrived."""

    t_ns: int
    """When it arrived, on the clock of ``Guard.tick``."""
    value: float
    quality: Quality


class Guard:
    """See the module. One per car; not for several threads at once."""

    def __init__(self, envelope: CarEnvelope) -> None:
        """Begin with every axis off.

        Raises:
            EnvelopeError: the envelope contradicts itself; all that is wrong with it.
        """
        self.envelope = envelope
        raise NotImplementedError

    def state(self, axis: str) -> State:
        """Return an axis's state."""
        raise NotImplementedError

    def acts(self, axis: str) -> bool:
        """Whether commands of an axis may be other than neutral now: it is engaged, or being released."""
        raise NotImplementedError

    def arm(self, t_ns: int, who: str) -> tuple[Transition, ...]:
        """Take every axis that is off or faulted to armed; somebody who may has asked for it."""
        raise NotImplementedError

    def disarm(self, t_ns: int, who: str) -> tuple[Transition, ...]:
        """Release every axis and take it to off."""
        raise NotImplementedError

    def observe(self, path: str, reading: Reading) -> None:
        """Take in an input; one that the envelope does not know is passed over."""
        raise NotImplementedError

    def heard(self, t_ns: int, bus: int, can_id: int) -> None:
        """Take note of a frame on a bus that did not leave from here; one that is to be blocked is a fault."""
        raise NotImplementedError

    def wanted(self, t_ns: int, axis: str) -> None:
        """Take note that there is a valid request for an axis now."""
        raise NotImplementedError

    def tick(self, t_ns: int, steady_ns: int) -> tuple[Transition, ...]:
        """Go on in time, first thing in each cycle of the loop; returns what changed.

        Args:
            t_ns: the time of readings and frames.
            steady_ns: a clock that nobody sets; a loop that is late and a clock that was set show as they differ.
        """
        raise NotImplementedError

    def limit(self, t_ns: int, name: str, asked: float) -> Verdict:
        """Say what a quantity may be in this cycle; ``allowed`` is always safe to use.

        Once per cycle for each quantity, asked for or not: released ones are led to neutral by it.
        """
        raise NotImplementedError

    def check(self, t_ns: int, bus: int, can_id: int, payload: bytes) -> Verdict:
        """Say whether a frame may leave. A frame that passes counts as sent."""
        raise NotImplementedError

    def fail(self, t_ns: int, why: str) -> tuple[Transition, ...]:
        """Fault every axis: whoever acts has failed."""
        raise NotImplementedError

    def drain(self) -> Sequence[Verdict | Transition]:
        """Return what was said since the last call, in order: transitions, and verdicts that changed."""
        raise NotImplementedError
