"""How a life of an app's process ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["End", "Way"]


class Way(enum.Enum):
    """How a life ended."""

    STOPPED = "stopped"
    REFUSED = "refused"
    """It cannot be run at all; to try again helps nobody."""
    FAILED = "failed"
    LOST = "lost"
    """The car went away, or refuses."""
    ANEW = "anew"
    """It has to begin anew, through no fault of its own."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of a life."""

    way: Way
    why: str = ""
