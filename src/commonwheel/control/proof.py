"""What becomes of the request that counts: limited, sent, and whether what proves it shows it in time.

A stream of requests that goes on (a target that is renewed with new values) is one thing to prove: it fails when what
proves it has been off what was allowed for longer than the car is given, since it was last right or since it acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commonwheel.control.request import Phase
from commonwheel.guard import Rule

if TYPE_CHECKING:
    from commonwheel.control.actuator import Actuator
    from commonwheel.control.arbitration import Arbiter, Life
    from commonwheel.control.measured import Measured

__all__ = ["Follower"]

_OPEN = frozenset({Phase.SENT, Phase.TIMED_OUT})
"""What proves it may still come, even late."""
_LASTING = frozenset({Rule.RANGE, Rule.LATERAL_ACCELERATION})
"""Rules that do not only say how fast."""


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
        elif life.phase in _OPEN:
            self._prove(t_ns, life, arbiter)

    def _prove(self, t_ns: int, life: Life, arbiter: Arbiter) -> None:
        proven = self._actuator.adapter.proven.get(life.request.path)
        if proven is None or self._right_ns is None:
            return
        actuator = self._actuator
        shown = self._measured.good(proven.path)
        follows = shown is not None and abs(shown - actuator.allowed) <= proven.tolerance
        if follows:
            self._right_ns = t_ns
        if follows and self._settled(life, proven.tolerance):
            arbiter.note(t_ns, life, Phase.CONFIRMED, shown if shown is not None else actuator.allowed)
        elif life.phase is Phase.SENT and t_ns - self._right_ns > proven.within_ns:
            why = "nothing shows it" if shown is None else f"{proven.path} is {shown:g}"
            arbiter.note(
                t_ns, life, Phase.TIMED_OUT, actuator.allowed, f"{why} after {proven.within_ns * 1e-9:g} s"
            )  # fmt: skip

    def _settled(self, life: Life, tolerance: float) -> bool:
        """Whether what is allowed is what was asked for, or as much of it as ever will be: not on its way there."""
        verdict = self._actuator.verdict
        if abs(self._actuator.allowed - life.request.value) <= tolerance:
            return True
        return verdict is not None and verdict.rule in _LASTING
