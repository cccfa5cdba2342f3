"""Why the broker refuses something: one error with a reason, which each protocol maps to its own code."""

from __future__ import annotations

import enum

from commonwheel.errors import CommonwheelError

__all__ = ["BrokerError", "Reason"]


class Reason(enum.Enum):
    """Why something was refused."""

    UNKNOWN_SIGNAL = "unknown signal"
    BAD_PATTERN = "bad path pattern"
    WRONG_TYPE = "wrong type"
    OUT_OF_RANGE = "out of range"
    NOT_ALLOWED = "not an allowed value"
    NOT_ACTUATOR = "not an actuator"
    NO_PROVIDER = "no provider"
    ALREADY_CLAIMED = "already claimed"
    NOT_CLAIMED = "not claimed"
    PROVIDER_FAILED = "the provider failed"
    UNAUTHENTICATED = "no valid token"
    EXPIRED = "token expired"
    FORBIDDEN = "no right"
    LIMIT = "limit exceeded"
    INVALID = "invalid request"
    NO_VALUE = "no value"
    CLOSED = "closed"
    STOPPING = "the service stops"


class BrokerError(CommonwheelError):
    """The broker refuses; ``reason`` is for programs, the message for people."""

    def __init__(self, reason: Reason, message: str, *, signal: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.signal = signal
        """Number of the signal that it is about, where there is one."""
