"""Interventions on all but the inputs: apps that die or disagree, a flood, a loop that is late, a clock that is set."""

from __future__ import annotations

import logging
import math
import random
from typing import TYPE_CHECKING, cast

from commonwheel.control import Request
from commonwheel.proving.intervention import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwheel.control import CarControl
    from commonwheel.proving.intervention import Intervention
    from commonwheel.vehicles.samples import Samples

__all__ = ["Disturber"]

_LOG = logging.getLogger("commonwheel.control.car")
_RIVAL = "rival"
_VALID_NS = 100_000_000
_WILD = (math.nan, math.inf, -math.inf, 1e300, -1e300, 0.0, 1.0, -5.0, 50.0)
"""What a flood asks for, among other values."""


_NO_SAMPLES = cast("Samples", None)
"""What nobody who decodes frames ever hands over: taking it in raises."""


class Disturber:
    """Acts interventions out; inputs are not its business."""

    def __init__(self, seed: int = 0) -> None:
        self._what: dict[Kind, list[Intervention]] = {}
        self._chance = random.Random(f"flood/{seed}")  # noqa: S311 - no secret
        self._count = 0

    def add(self, intervention: Intervention) -> None:
        """Take one in."""
        self._what.setdefault(intervention.kind, []).append(intervention)

    def _held(self, kind: Kind, t_ns: int) -> Iterator[Intervention]:
        return (one for one in self._what.get(kind, ()) if one.holds(t_ns))

    def late(self, t_ns: int) -> bool:
        """Whether the loop does not come around now."""
        return any(one.from_s * 1e9 <= t_ns < (one.from_s + one.amount) * 1e9 for one in self._what.get(Kind.LATE, ()))

    def clock_ns(self, t_ns: int) -> int:
        """Return how far the clock of frames is set forward."""
        return sum(round(one.amount * 1e9) for one in self._held(Kind.CLOCK_STEP, t_ns))

    def muted(self, t_ns: int) -> bool:
        """Whether nothing reaches the car."""
        return any(self._held(Kind.COMMANDS_LOST, t_ns))

    def hung(self, app: str, t_ns: int) -> bool:
        """Whether an app does nothing."""
        return any(one.of in {"", app} for one in self._held(Kind.HUNG, t_ns))

    def killed(self, app: str, t_ns: int) -> bool:
        """Whether an app is dead by now."""
        return any(one.of in {"", app} and t_ns >= one.from_s * 1e9 for one in self._what.get(Kind.KILLED, ()))

    def requests(self, t_ns: int, shown_ns: int) -> Iterator[Request]:
        """Yield what rivals and floods ask for in this cycle.

        Args:
            t_ns: since the beginning.
            shown_ns: on the clock of frames.
        """
        for one in self._held(Kind.RIVAL, t_ns):
            yield Request(one.of, one.amount, _RIVAL, shown_ns, _VALID_NS)
        for one in self._held(Kind.FLOOD, t_ns):
            for _ in range(int(one.amount)):
                self._count += 1
                wild = self._chance.choice((*_WILD, self._chance.uniform(-100.0, 100.0)))
                source = f"flood {self._count % 97}"
                yield Request(one.of, wild, source, shown_ns + self._chance.choice((0, -(10**9), 10**9)), _VALID_NS)

    def upset(self, control: CarControl, t_ns: int) -> None:
        """Have something inside the control raise."""
        for _ in self._held(Kind.EXCEPTION, t_ns):
            before, _LOG.disabled = _LOG.disabled, True  # it is meant, and nobody has to read where it came from
            try:
                control.take(_NO_SAMPLES)
            finally:
                _LOG.disabled = before
