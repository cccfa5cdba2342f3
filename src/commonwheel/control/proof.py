"""What becomes of the request that counts: limited, sent, and whether what proves it shows it in time.

A stream of requests that goes on (a target that is renewed with new values) is one thing to prove: it fails when what
proves it has been off what was allowed for longer than the car is given, since it was last right or since it acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.control.request import Phase

if TYPE_CHECKING:
    from commonwheel.control.actuator import Actuator
    from commonwheel.control.arbitration import Arbiter, Life
    from commonwheel.control.measured import Measured

__all__ = ["Follower"]


class Follower:
    """Follows the requests of one adapter."""

    def __init__(self, actuator: Actuator, measured: Measured) -> None:
        self._actuator, self._measured = actuator, measured
        self._right_ns: int | None = None
        """When what proves it was last right, or since when it acts; None while nothing acts."""

    def follow(self, t_ns: int, life: Life, arbiter: Arbiter) -> None:
        """Take the request that counts as far as it has come in this cycle."""
        actuator = self._actuator
        verdict = actuator.verdict
        if actuator.frames_left == 0:
            self._right_ns = None
            if life.phase is Phase.ARBITRATED and verdict is not None:
                arbiter.note(t_ns, life, Phase.LIMITED, verdict.allowed, verdict.text)
            return
        if self._right_ns is None:
            self._right_ns = t_ns
        if life.phase is Phase.ARBITRATED and verdict is not None:
            arbiter.note(t_ns, life, Phase.LIMITED, actuator.allowed, verdict.text)
        if life.phase in {Phase.ARBITRATED, Phase.LIMITED}:
            reference = actuator.sent_reference
            value = actuator.controller.express(life.request.path, reference, self._measured)
            arbiter.note(t_ns, life, Phase.SENT, value)
        elif life.phase is Phase.SENT:
            self._prove(t_ns, life, arbiter)

    def _prove(self, t_ns: int, life: Life, arbiter: Arbiter) -> None:
        proven = self._actuator.adapter.proven.get(life.request.path)
        if proven is None or self._right_ns is None:
            return
        shown = self._measured.good(proven.path)
        if shown is not None and abs(shown - self._actuator.allowed) <= proven.tolerance:
            self._right_ns = t_ns
            arbiter.note(t_ns, life, Phase.CONFIRMED, shown)
        elif t_ns - self._right_ns > proven.within_ns:
            why = "nothing shows it" if shown is None else f"{proven.path} is {shown:g}"
            value = self._actuator.allowed
            arbiter.note(t_ns, life, Phase.TIMED_OUT, value, f"{why} after {proven.within_ns * 1e-9:g} s")
