"""What the guard says: a verdict on every wish and every frame, a transition of every state, each with its cause."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Outcome", "Rule", "State", "Transition", "Verdict"]


class State(enum.Enum):
    """How far an axis of the car may act."""

    OFF = "off"
    """Nothing leaves."""
    ARMED = "armed"
    """Somebody who may has armed it; frames leave with everything in them neutral."""
    ENGAGED = "engaged"
    """Requests act."""
    OVERRIDING = "overriding"
    """The driver acts; commands are released, and come back when the driver lets go in time."""
    FAULTED = "faulted"
    """Something it relies on has failed; it is armed anew or stays so."""


class Outcome(enum.Enum):
    """What became of a wish or a frame."""

    ALLOWED = "allowed"
    LIMITED = "limited"
    """To what the verdict says."""
    REFUSED = "refused"


class Rule(enum.Enum):
    """Which rule a verdict rests on. The value is its name in the requirements."""

    NONE = "none"
    # ---- wishes
    NOT_A_NUMBER = "not-a-number"
    UNKNOWN_TARGET = "unknown-target"
    WRONG_UNIT = "wrong-unit"
    STALE_REQUEST = "stale-request"
    RANGE = "range"
    RATE = "rate"
    WINDOW = "window"
    LATERAL_ACCELERATION = "lateral-acceleration"
    LATERAL_JERK = "lateral-jerk"
    STATE = "state"
    RELEASE = "release"
    # ---- frames
    FRAME_UNKNOWN = "frame-unknown"
    FRAME_LENGTH = "frame-length"
    FRAME_CONTENT = "frame-content"
    FRAME_SEAL = "frame-seal"
    FRAME_PERIOD = "frame-period"
    FRAME_FLOOD = "frame-flood"
    # ---- transitions
    ARMING = "arming"
    ENGAGEMENT = "engagement"
    CONDITION = "condition"
    DRIVER_OVERRIDE = "driver-override"
    OVERRIDE_TOO_LONG = "override-too-long"
    INPUT_QUALITY = "input-quality"
    TRACKING = "tracking"
    MEASURED_LATERAL = "measured-lateral"
    REQUEST_TIMEOUT = "request-timeout"
    STOCK_MESSAGE = "stock-message"
    LATE_LOOP = "late-loop"
    CLOCK_STEP = "clock-step"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was asked, what is allowed, and why."""

    t_ns: int
    subject: str
    """Name of an envelope, or bus and id of a frame."""
    outcome: Outcome
    rule: Rule
    """The rule that decided; ``Rule.NONE`` where nothing had to be changed."""
    asked: float = 0.0
    allowed: float = 0.0
    limit: float = 0.0
    """The limit that the rule has here."""
    text: str = ""
    """In words: rule, limit, unit."""

    @property
    def passed(self) -> bool:
        """Whether a frame may leave, or a wish was taken as it is or limited."""
        return self.outcome is not Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Transition:
    """An axis went from one state to another."""

    t_ns: int
    axis: str
    before: State
    after: State
    rule: Rule
    cause: str
    """In words: the signal, its value, the limit; or who."""
