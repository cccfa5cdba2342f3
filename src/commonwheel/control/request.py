"""A request: what somebody wants the car to do, in the standard; and what became of it, step by step.

::

    REQUESTED ─► ARBITRATED ─► LIMITED ─► SENT ─► CONFIRMED    what proves it shows what was sent
        │            │        (or not)     ├────► TIMED_OUT    it did not, in time
        ├► REFUSED   └► OUTVOTED           └────► ENDED        no longer renewed, withdrawn, or the car was released
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Phase", "Progress", "Request"]


class Phase(enum.Enum):
    """How far a request has come."""

    REQUESTED = "requested"
    ARBITRATED = "arbitrated"
    LIMITED = "limited"
    SENT = "sent"
    CONFIRMED = "confirmed"
    TIMED_OUT = "timed out"
    REFUSED = "refused"
    OUTVOTED = "outvoted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Request:
    """One wish, good for a while. To go on, it is renewed: a request of the same source and path replaces the last."""

    path: str
    """The actuator, by its standard path."""
    value: float
    """In the standard's unit; enumerations as codes, booleans as 0 and 1."""
    source: str
    """Who asks: the app's name, or the client's."""
    t_ns: int
    """When, on the clock of the car's samples."""
    valid_ns: int
    """For how long; then it is over."""
    priority: int = 0
    """The higher wins. At the same priority: the lower acceleration or speed; else who came first keeps it."""
    unit: str = ""
    """'' is the standard's; another one is refused."""
    number: int = 0
    """Counts the requests of whoever handed it over; given back in what becomes of it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A step in the life of a request."""

    t_ns: int
    request: Request
    phase: Phase
    value: float
    """What it is about now: asked, allowed, or really sent (in the standard's unit)."""
    why: str = ""
    """The rule and its limit, or who outvoted it."""
