"""The life of an actuation: requested, accepted or refused, forwarded, confirmed or timed out. Each step is seen.

::

    REQUESTED ─► ACCEPTED ─► FORWARDED ─► CONFIRMED   the signal that proves it shows the target
        │            │            ├─────► TIMED_OUT   it did not, within the time that the car states
        └─► REFUSED ◄┴────────────┤                   by the broker or by who was to do it, and why
                                  └─────► FAILED      who was to do it failed, went away, or a later one took over
"""

from __future__ import annotations

import asyncio
import enum
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from commonwheel.broker.providers import Proof, Provider
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
        return self in _FINAL


_FINAL = frozenset({Stage.REFUSED, Stage.CONFIRMED, Stage.TIMED_OUT, Stage.FAILED})


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an actuation's life."""

    stage: Stage
    t_ns: int
    """Nanoseconds UTC."""
    why: str = ""


@dataclass(eq=False)
class Actuation:
    """One request that one actuator reach a value. May be awaited: it gives the stage that it ended at."""

    number: int
    """Counts the broker's actuations, from 1."""
    signal: int
    target: Value
    requester: str
    proof: Proof
    provider: Provider | None = None
    """Who is to do it."""
    steps: list[Step] = field(default_factory=list[Step])
    on_step: Callable[[Actuation, Step], None] | None = None
    """Called with each step, in the thread it happens in and with no lock held; it must not wait."""
    started_ns: int = field(default_factory=time.monotonic_ns)
    """When it began, on the monotonic clock: waiting must not depend on a clock that may be set."""
    _outcome: Future[Stage] = field(default_factory=Future[Stage])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        return self.steps[-1].stage if self.steps else Stage.REQUESTED

    @property
    def why(self) -> str:
        """What was said of the last step."""
        return self.steps[-1].why if self.steps else ""

    def advance(self, stage: Stage, why: str = "") -> bool:
        """Go on to a stage; False when it had ended before."""
        step = Step(stage, time.time_ns(), why)
        with self._lock:
            if self.steps and self.stage.is_final:
                return False
            self.steps.append(step)
        try:
            if self.on_step is not None:
                self.on_step(self, step)
        finally:
            if stage.is_final:
                self._outcome.set_result(stage)
        return True

    def wait(self, seconds: float | None = None) -> Stage:
        """Wait for its end, and return how far it has come by then."""
        try:
            return self._outcome.result(seconds)
        except FutureTimeoutError:
            return self.stage

    def __await__(self) -> Generator[object, None, Stage]:
        # Shielded: who stops waiting for it does not end it.
        return asyncio.shield(asyncio.wrap_future(self._outcome)).__await__()
