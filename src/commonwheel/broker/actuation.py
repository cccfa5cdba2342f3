"""The life of an actuation: requested, accepted or refused, forwarded, confirmed or timed out. Each step is seen."""

from __future__ import annotations

import enum
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonwheel.broker.providers import Proof
    from commonwheel.broker.values import Value

__all__ = ["Actuation", "Stage", "Step"]


class Stage(enum.Enum):
    """How far an actuation has come."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    FORWARDED = "forwarded"
    CONFIRMED = "confirmed"
    TIMED_OUT = "timed out"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in {Stage.REFUSED, Stage.CONFIRMED, Stage.TIMED_OUT, Stage.FAILED}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an actuation's life."""

    stage: Stage
    t_ns: int
    """Nanoseconds UTC."""
    why: str = ""


@dataclass(eq=False)
class Actuation:
    """One request that one actuator reach a value."""

    number: int
    """Counts the broker's actuations, from 1."""
    signal: int
    target: Value
    requester: str
    proof: Proof
    steps: list[Step] = field(default_factory=list[Step])
    on_step: Callable[[Actuation, Step], None] | None = None
    """Called with each step, in the thread it happens in; it must not wait."""
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return self.steps[-1].stage if self.steps else Stage.REQUESTED

    def advance(self, stage: Stage, why: str = "") -> bool:
        """Go on to a stage; False when it had ended before."""
        step = Step(stage, time.time_ns(), why)
        with self._lock:
            if self.steps and self.stage.is_final:
                return False
            self.steps.append(step)
        if self.on_step is not None:
            self.on_step(self, step)
        if stage.is_final:
            self._over.set()
        return True

    def wait(self, seconds: float | None = None) -> Stage:
        """Wait for its end, and return how far it has come by then."""
        self._over.wait(seconds)
        return self.stage
