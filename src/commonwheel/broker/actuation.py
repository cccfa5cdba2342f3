"""The life of an actuation: requested, accepted or refused, forwarded, confirmed or timed out. Each step is seen.

::

    REQUESTED ─► ACCEPTED ─► FORWARDED ─► CONFIRMED   the signal that proves it shows the target
        │            │            ├─────► TIMED_OUT   it did not, within the time that the car states
        └─► REFUSED ◄┴────────────┤                   by the broker or by who was to do it, and why
                                  └─────► FAILED      who was to do it failed, went away, or a later one took over

Where several may ask at once and are decided between (an arbitrated actuator), there are steps in between:

::

    FORWARDED ─► ARBITRATED ─► LIMITED ─► SENT ─► ...  its turn; not quite what was asked; on its way to the car
        │  ▲                                  └─► ENDED  its time is over, it was renewed, withdrawn or released
        ▼  │
      OUTVOTED                                         another one has its turn
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

from commonwheel.broker.faults import BrokerError, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from commonwheel.broker.providers import Proof, Provider
    from commonwheel.broker.values import Value

__all__ = ["MOST_PRIORITY", "Actuation", "Stage", "Step", "Terms"]

MOST_PRIORITY = 100
MOST_VALID_NS = 86_400 * 10**9
LONGEST_REASON = 500


class Stage(enum.Enum):
    """How far an actuation has come."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    FORWARDED = "forwarded"
    ARBITRATED = "arbitrated"
    OUTVOTED = "outvoted"
    LIMITED = "limited"
    SENT = "sent"
    CONFIRMED = "confirmed"
    TIMED_OUT = "timed out"
    FAILED = "failed"
    ENDED = "ended"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in _FINAL


_FINAL = frozenset({Stage.REFUSED, Stage.CONFIRMED, Stage.TIMED_OUT, Stage.FAILED, Stage.ENDED})


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an actuation's life."""

    stage: Stage
    t_ns: int
    """Nanoseconds UTC."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms something is asked for; what is not stated is up to who makes it act."""

    valid_ns: int = 0
    """For how long, unless it is renewed; 0: as long as is usual for the actuator."""
    priority: int = 0
    """The higher goes first, where several ask."""
    unit: str = ""
    """What the values are counted in; '' is the standard's."""
    reason: str = ""
    """Why, for people."""

    def check(self) -> None:
        """Raise a BrokerError (INVALID) for terms that make no sense."""
        if not 0 <= self.valid_ns <= MOST_VALID_NS:
            message = f"a request is valid for 0 to {MOST_VALID_NS // 10**9} s, not {self.valid_ns / 1e9:g} s"
            raise BrokerError(Reason.INVALID, message)
        if abs(self.priority) > MOST_PRIORITY:
            message = f"a priority is {-MOST_PRIORITY} to {MOST_PRIORITY}, not {self.priority}"
            raise BrokerError(Reason.INVALID, message)
        if len(self.reason) > LONGEST_REASON or len(self.unit) > LONGEST_REASON:
            message = f"a reason, and a unit, has {LONGEST_REASON} characters at most"
            raise BrokerError(Reason.INVALID, message)


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
    terms: Terms = Terms()
    renews: bool = False
    """Whether it goes on with what the requester asked for a moment ago; of arbitrated actuators only."""
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

    @property
    def refusal(self) -> BrokerError | None:
        """Why it came to nothing at once, as an error; None while it may still come to something."""
        if self.stage not in {Stage.REFUSED, Stage.FAILED}:
            return None
        return BrokerError(Reason.PROVIDER_FAILED, self.why, signal=self.signal)

    def wait(self, seconds: float | None = None) -> Stage:
        """Wait for its end, and return how far it has come by then."""
        try:
            return self._outcome.result(seconds)
        except FutureTimeoutError:
            return self.stage

    def __await__(self) -> Generator[object, None, Stage]:
        # Shielded: who stops waiting for it does not end it.
        return asyncio.shield(asyncio.wrap_future(self._outcome)).__await__()
